"""ms-swift: JSON lines of messages with images, videos and audios.

Read in ms-swift 4.6.0, swift/dataset/preprocessor/core.py (`RowPreprocessor`): messages with role and content, tags <image>, <video>, <audio> in the content, one path per tag; other columns are left out of training.
"""

from collections.abc import Sequence
from pathlib import Path

from kit.data import MEDIA, Folder, Sample
from kit.interchange.rows import (
    KEY,
    Reading,
    Written,
    files_in,
    hidden,
    lines_of,
    media,
    of_two_turns,
    tagged,
    turns,
    untagged,
    write_lines,
    written,
)


def write(samples: Sequence[Sample], out: Path) -> Written:
    """<split>.jsonl, with the media copied beside it."""
    return written(samples, out, lambda sample: None, lambda split, rows, out: [write_lines((row(s, media(s, out)) for s in rows), out / f"{split}.jsonl")])


def row(sample: Sample, names: dict[str, list[str]]) -> dict:
    """One line; `names`: modality -> paths as the trainer will find them."""
    return {"messages": turns(sample, tagged(sample)), **{f"{modality}s": paths for modality, paths in names.items()}, KEY: hidden(sample)}


def read(path: Path) -> Folder:
    """The samples of one .jsonl file or of all in a folder; a file's name is the split where it is one.

    Raises:
        KitError: no such file, or it cannot be read.
    """
    files = files_in(path, ".jsonl")
    reading, number = Reading(files[0].parent), 0
    for file in files:
        for line in lines_of(file):
            number += 1
            reading.add(number, line, taken, split_of(file))
    return reading.folder(Path(path).name)


def taken(line: dict) -> tuple[str, str, dict[str, list[str]]]:
    """(prompt, answer, media) of a row with messages and columns of paths."""
    names = {modality: _listed(line.get(f"{modality}s") or line.get(modality)) for modality in MEDIA}
    prompt, answer = of_two_turns(line["messages"])
    return untagged(prompt, names), answer, names


def _listed(cell) -> list:
    """Paths as a list, however they come: nothing, one, or objects with a path (datasets' pictures)."""
    cells = cell if isinstance(cell, list) else [] if cell is None else [cell]
    return [one["path"] if isinstance(one, dict) else one for one in cells]


def split_of(file: Path) -> str:
    """The split that a file's or folder's name tells, "" where it tells none."""
    from kit.data.rows import SPLIT_NAMES

    return SPLIT_NAMES.get(file.stem.lower(), "")
