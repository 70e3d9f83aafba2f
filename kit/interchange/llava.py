"""LLaVA: a JSON list of conversations between "human" and "gpt", with one picture at most.

Format: LLaVA's docs/Finetune_Custom_Data.md (id, image, conversations; "<image>" and a line break before the words). Rows without a picture are allowed there.
"""

from collections.abc import Sequence
from pathlib import Path

from kit.data import Folder, Sample, answer_text
from kit.interchange.reading import Taken, list_in, of_two_turns, read_files, untagged
from kit.interchange.rows import KEY, TAGS, Written, hidden, media, only, words, write_list, written


def write(samples: Sequence[Sample], out: Path) -> Written:
    """<split>.json; a second picture (a golden sample), video and sound are refused. `--image_folder`: this folder."""
    return written(samples, out, lambda sample: only(sample, {"image": 1}, "llava"), lambda split, rows, out: [write_list((_row(s, out) for s in rows), out / f"{split}.json")])


def _row(sample: Sample, out: Path) -> dict:
    picture = media(sample, out).get("image")
    asked = f"{TAGS['image']}\n{words(sample)}" if picture else words(sample)
    said = [{"from": "human", "value": asked}, {"from": "gpt", "value": answer_text(sample)}]
    return {"id": sample.id, **({"image": picture[0]} if picture else {}), "conversations": said, KEY: hidden(sample)}


def read(path: Path) -> Folder:
    """The samples of one .json file or of all in a folder.

    Raises:
        KitError: no such file, or it cannot be read.
    """
    return read_files(path, ".json", list_in, _taken)


def _taken(row: dict) -> Taken:
    picture = row.get("image")
    names = {"image": picture if isinstance(picture, list) else [picture] if picture else []}
    prompt, answer = of_two_turns(row["conversations"], "from", "value", "human", "gpt")
    # the tag stands on a line of its own, before or after the words
    return untagged(prompt.replace(f"{TAGS['image']}\n", TAGS["image"], 1).replace(f"\n{TAGS['image']}", TAGS["image"], 1), names), answer, names
