"""LLaVA: a JSON list of conversations between "human" and "gpt", with one picture at most.

Format: LLaVA's docs/Finetune_Custom_Data.md (id, image, conversations; "<image>" and a line break before the words). Rows without a picture are allowed there.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from kit.data import Folder, Sample, answer_text
from kit.interchange.ms_swift import split_of
from kit.interchange.rows import (
    KEY,
    TAGS,
    Reading,
    Written,
    files_in,
    hidden,
    list_in,
    media,
    of_two_turns,
    only,
    untagged,
    words,
    written,
)


def write(samples: Sequence[Sample], out: Path) -> Written:
    """<split>.json; a second picture (a golden sample), video and sound are refused. `--image_folder`: this folder."""
    return written(samples, out, lambda sample: only(sample, {"image": 1}, "llava"), _write)


def _write(split: str, rows: list[Sample], out: Path) -> list[Path]:
    file = out / f"{split}.json"
    file.write_text(json.dumps([_row(sample, out) for sample in rows], ensure_ascii=False, indent=1), encoding="utf-8", newline="\n")
    return [file]


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
    files = files_in(path, ".json")
    reading, number = Reading(files[0].parent), 0
    for file in files:
        for row in list_in(file):
            number += 1
            reading.add(number, row, _taken, split_of(file))
    return reading.folder(Path(path).name)


def _taken(row: dict) -> tuple[str, str, dict[str, list[str]]]:
    picture = row.get("image")
    names = {"image": picture if isinstance(picture, list) else [picture] if picture else []}
    prompt, answer = of_two_turns(row["conversations"], "from", "value", "human", "gpt")
    # the tag stands on a line of its own, before or after the words
    return untagged(prompt.replace(f"{TAGS['image']}\n", TAGS["image"], 1).replace(f"\n{TAGS['image']}", TAGS["image"], 1), names), answer, names
