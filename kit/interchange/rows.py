"""What the formats share when they are written: the words of a prompt, the media beside the file, and the one extra key in which everything travels that a format has no field for.

That key, `poc_kit`, holds JSON as a *string*: datasets guesses a column's type from its rows, and nested empty lists or mixed values would be an error there. Trainers ignore columns that they do
not know. A row of somebody else has no such key and is read as what it shows.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from kit.data import MEDIA, Fault, Sample, answer_text, prompt_messages
from kit.data.writer import bring_in
from kit.errors import KitError
from kit.language import say

KEY = "poc_kit"
TAGS = {"image": "<image>", "video": "<video>", "audio": "<audio>"}
KEPT = tuple(f.name for f in fields(Sample) if f.name not in MEDIA)


@dataclass(frozen=True)
class Written:
    """What `write` made.

    Attributes:
        files: the tables and what describes them, media not among them.
        rows: split -> rows written.
        refused: the rows that the format cannot hold, each with its reason.
    """

    files: tuple[Path, ...]
    rows: dict[str, int] = field(default_factory=dict)
    refused: tuple[Fault, ...] = ()


def written(samples: Sequence[Sample], out: Path, refuse: Callable[[Sample], tuple[str, str] | None], write: Callable[[str, list[Sample], Path], list[Path]]) -> Written:
    """Sorts out what cannot be held and has the rest written, split by split.

    Args:
        samples: of any splits; those without one go to "all".
        out: a folder that is not there yet, or empty.
        refuse: (problem, fix) of a sample that the format cannot hold, else None.
        write: makes the files of one split in `out` and returns them.

    Raises:
        KitError: `out` is not empty.
    """
    out = Path(out).resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise KitError(say(f"{out} is no folder or is not empty: name a new folder", f"{out} はフォルダーでないか、空ではありません。新しいフォルダーを指定してください"))
    out.mkdir(parents=True, exist_ok=True)
    kept, refused = {}, []
    for number, sample in enumerate(samples, 1):
        reason = _untellable(sample) or refuse(sample)
        if reason:
            refused.append(Fault(number, sample.id, *reason))
        else:
            kept.setdefault(sample.split or "all", []).append(sample)
    files = [file for split, rows in kept.items() for file in write(split, rows, out)]
    return Written(tuple(dict.fromkeys(files)), {split: len(rows) for split, rows in kept.items()}, tuple(refused))


def _untellable(sample: Sample) -> tuple[str, str] | None:
    """What no format can hold."""
    if not sample.answer:
        return say("has no answer: there is nothing to teach", "答えがなく、教えるものがありません"), say("label it (poc label)", "ラベルを付けてください（poc label）")
    if tag := next((tag for tag in TAGS.values() if tag in words(sample) or tag in sample.answer), None):
        return (
            say(f"its words contain {tag}, which other trainers would take for a medium", f"文に {tag} が含まれ、ほかの学習ツールがメディアと取り違えます"),
            say("write it in another way", "別の書き方にしてください"),
        )
    return None


def only(sample: Sample, allowed: dict[str, int], name: str) -> tuple[str, str] | None:
    """(problem, fix) where the sample has other media than `allowed` (modality -> files at most)."""
    for modality in MEDIA:
        number, most = len(getattr(sample, modality)), allowed.get(modality, 0)
        if number > most:
            return (
                say(f"has {number} {modality} file(s); {name} holds {most or 'none'}", f"{modality} が {number} 個あります（{name} で扱えるのは {most} 個まで）"),
                say("use llama-factory or ms-swift for this row", "この行には llama-factory か ms-swift を使ってください"),
            )
    return None


def words(sample: Sample) -> str:
    """The prompt in the kit's own wording, without media: the trainer's chat template then renders what the kit's collator renders."""
    (asked,) = prompt_messages(sample)
    return "".join(part["text"] for part in asked["content"] if part["type"] == "text")


def tagged(sample: Sample) -> str:
    """The prompt with a tag for each medium, in the order of the kit's prompts."""
    return "".join(TAGS[modality] * len(getattr(sample, modality)) for modality in MEDIA) + words(sample)


def media(sample: Sample, out: Path) -> dict[str, list[str]]:
    """modality -> paths relative to `out`, the files copied in."""
    return {modality: [bring_in(path, out, f"media/{modality}") for path in getattr(sample, modality)] for modality in MEDIA if getattr(sample, modality)}


def hidden(sample: Sample) -> str:
    """Everything about a sample but its media, as a JSON string."""
    return json.dumps({name: getattr(sample, name) for name in KEPT}, ensure_ascii=False, default=str)


def turns(sample: Sample, prompt: str) -> list[dict]:
    """The two messages of a row."""
    return [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer_text(sample)}]


def write_lines(rows: Iterable[dict], file: Path) -> Path:
    """Writes JSON lines, UTF-8."""
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8", newline="\n")
    return file


def write_list(rows: Iterable[dict], file: Path) -> Path:
    """Writes a JSON list, UTF-8."""
    file.write_text(json.dumps(list(rows), ensure_ascii=False, indent=1), encoding="utf-8", newline="\n")
    return file
