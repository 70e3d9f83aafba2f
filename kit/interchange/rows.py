"""What the formats share: the words of a prompt, the media beside the file, and the one extra key in which everything travels that a format has no field for.

That key, `poc_kit`, holds JSON as a *string*: datasets guesses a column's type from its rows, and nested empty lists or mixed values would be an error there. Trainers ignore columns that they do
not know. A row of somebody else has no such key and is read as what it shows.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from kit.data import MEDIA, Fault, Folder, MediaError, Sample, answer_text, prompt_messages
from kit.data.files import MediaFiles
from kit.data.media import check_file, modality_of
from kit.data.writer import bring_in
from kit.errors import KitError
from kit.language import say

KEY = "poc_kit"
TAGS = {"image": "<image>", "video": "<video>", "audio": "<audio>"}
_KEPT = tuple(f.name for f in fields(Sample) if f.name not in MEDIA)
_LISTS = ("options", "decided_by")


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
    if out.exists() and any(out.iterdir()):
        raise KitError(say(f"{out} is not empty: name a new folder", f"{out} は空ではありません。新しいフォルダーを指定してください"))
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
    return json.dumps({name: getattr(sample, name) for name in _KEPT}, ensure_ascii=False, default=str)


def turns(sample: Sample, prompt: str) -> list[dict]:
    """The two messages of a row."""
    return [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer_text(sample)}]


def write_lines(rows: Iterable[dict], file: Path) -> Path:
    """Writes JSON lines, UTF-8."""
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8", newline="\n")
    return file


class Reading:
    """Rows of one file or folder on their way to samples; what cannot be read is a fault, and nothing outside the folder is opened.

    Args:
        root: the folder that paths are relative to.
    """

    def __init__(self, root: Path):
        self.files, self.samples, self.faults = MediaFiles(root), [], []
        self._ids: dict[str, int] = {}

    def add(self, number: int, row, take: Callable[[dict], tuple[str, str, dict[str, list[str]]]], split: str = "") -> None:
        """One row. `take` returns (prompt without tags, answer, modality -> names), and may raise _Wrong, KeyError, TypeError or ValueError for a row of another shape."""
        shown = str(row.get("id", "")) if isinstance(row, dict) else ""
        try:
            prompt, answer, names = take(row)
            found = {modality: self._media(modality, cells) for modality, cells in names.items()}
            sample = self._restored(row[KEY], prompt, answer, found) if row.get(KEY) else self._plain(number, shown, prompt, answer, found, split)
            if sample.id in self._ids:
                raise Wrong(say(f"duplicate id {sample.id!r}, first used in row {self._ids[sample.id]}", f"ID {sample.id!r} が重複しています（最初は {self._ids[sample.id]} 行目）"), say("give it another id", "別の ID を付けてください"))
        except Wrong as wrong:
            self.faults.append(Fault(number, shown, *wrong.args))
            return
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            self.faults.append(Fault(number, shown, say(f"is not a row of this format ({type(error).__name__}: {str(error)[:80]})", f"この形式の行ではありません（{type(error).__name__}: {str(error)[:80]}）"),
                                     say("compare it with the format's documentation", "形式の説明と見比べてください")))  # fmt: skip
            return
        self._ids[sample.id] = number
        self.samples.append(sample)

    def folder(self, source: str) -> Folder:
        """What was read."""
        return Folder(self.files.root, tuple(self.samples), tuple(self.faults), source)

    def _media(self, modality: str, cells: list[str]) -> tuple[Path, ...]:
        if not isinstance(cells, list) or not all(isinstance(cell, str) for cell in cells):
            raise TypeError(f"{modality}: a list of paths is wanted, given {cells!r}")
        found = []
        for cell in cells:
            path, problem, fix = self.files.match(cell)
            if path is None:
                raise Wrong(problem, fix)
            if modality_of(path) != modality and (modality, modality_of(path)) != ("audio", "video"):
                raise Wrong(say(f"{cell!r} is no {modality}", f"{cell!r} は {modality} ではありません"), say("move it to the column of its kind", "種類に合う列に移してください"))
            try:
                check_file(path, modality)
            except MediaError as error:
                raise Wrong(f"{cell} {error.problem}", error.fix) from error
            found.append(path)
        return tuple(found)

    def _restored(self, text: str, prompt: str, answer: str, found: dict) -> Sample:
        said = json.loads(text)
        kinds = {**dict.fromkeys(_KEPT, str), **dict.fromkeys(_LISTS, list), "meta": dict}
        if not isinstance(said, dict) or any(not isinstance(said.get(name), kind) for name, kind in kinds.items()) or not all(isinstance(one, str) for name in _LISTS for one in said[name]):
            raise TypeError(f"{KEY} does not hold a sample")
        sample = Sample(**{name: tuple(value) if name in _LISTS else value for name, value in said.items() if name in _KEPT}, **found)
        if words(sample) != prompt or answer_text(sample) != answer:
            raise Wrong(say(f"its words were changed after it was written, and no longer are what {KEY} says", f"書き出し後に文が変更され、{KEY} の内容と一致しません"),
                        say(f"undo the change, or delete {KEY} from the row", f"変更を戻すか、この行の {KEY} を削除してください"))  # fmt: skip
        return sample

    def _plain(self, number: int, shown: str, prompt: str, answer: str, found: dict, split: str) -> Sample:
        present = tuple(modality for modality in MEDIA if found.get(modality)) or ("text",)
        # the whole prompt is the question: which part of it is a note or a list of options, only its author knows
        return Sample(shown or f"row-{number}", prompt.strip(), answer=answer, **found, decided_by=present, split=split, data_layer="task", text="")


class Wrong(Exception):
    """(problem, fix) of a row."""


def of_two_turns(messages, role: str = "role", content: str = "content", asks: str = "user", says: str = "assistant") -> tuple[str, str]:
    """(prompt, answer) of a conversation; a system turn before them is put in front of the prompt.

    Raises:
        Wrong: more turns than one question and one answer.
    """
    turned = [(message[role], _flat(message[content])) for message in messages]
    system = turned.pop(0)[1] + "\n" if turned and turned[0][0] == "system" else ""
    if [who for who, _ in turned] != [asks, says]:
        raise Wrong(say(f"has the turns {', '.join(who for who, _ in turned)}; the kit reads one question and one answer", f"会話が {'、'.join(who for who, _ in turned)} です。読めるのは質問 1 つと回答 1 つだけです"),
                    say("cut it into rows of one question each", "質問ごとの行に分けてください"))  # fmt: skip
    return system + turned[0][1], turned[1][1]


def _flat(content) -> str:
    """The words of a message, also where they come in parts."""
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if part.get("type") == "text")


def untagged(prompt: str, names: dict[str, list[str]]) -> str:
    """The prompt without its tags.

    Raises:
        Wrong: another number of tags than media.
    """
    for modality, tag in TAGS.items():
        tags, files = prompt.count(tag), len(names.get(modality, []))
        if tags != files:
            raise Wrong(say(f"has {tags} {tag} in its words and {files} {modality} file(s)", f"文中の {tag} が {tags} 個、{modality} のファイルが {files} 個です"), say("make the numbers equal", "数を合わせてください"))
        prompt = prompt.replace(tag, "")
    return prompt


def lines_of(file: Path) -> list:
    """The rows of a .jsonl file; a line that is no JSON is a string, which `Reading.add` refuses.

    Raises:
        KitError: the file cannot be read.
    """
    return [_loaded(line) for line in text_of(file).split("\n") if line.strip()]


def list_in(file: Path) -> list:
    """The rows of a .json file that holds a list.

    Raises:
        KitError: the file cannot be read, or holds something else.
    """
    rows = _loaded(text_of(file))
    if not isinstance(rows, list):
        raise KitError(say(f"{file}: holds no JSON list. Give a file that a trainer's list of rows is in.", f"{file}：JSON のリストではありません。行のリストが入ったファイルを指定してください。"))
    return rows


def text_of(file: Path) -> str:
    """The text of a file.

    Raises:
        KitError: it cannot be read, or is no UTF-8.
    """
    try:
        return Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise KitError(say(f"{file}: cannot be read ({getattr(error, 'strerror', None) or 'no UTF-8'}). Give a UTF-8 file.", f"{file}：読めません（{getattr(error, 'strerror', None) or 'UTF-8 ではありません'}）。UTF-8 のファイルを指定してください。")) from error


def files_in(path: Path, ending: str) -> list[Path]:
    """The file itself, or those with this ending in a folder, in the order of names.

    Raises:
        KitError: there is none.
    """
    path = Path(path)
    found = [path] if path.is_file() else sorted(path.glob(f"*{ending}")) if path.is_dir() else []
    if not found:
        raise KitError(say(f"{path}: no {ending} file there. Name the file, or the folder that holds it.", f"{path}：{ending} ファイルがありません。ファイル、またはそれが入ったフォルダーを指定してください。"))
    return found


def _loaded(text: str):
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text[:80]
