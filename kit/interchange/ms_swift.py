"""ms-swift: JSON lines of messages with images, videos and audios.

Read in ms-swift 4.6.0, swift/dataset/preprocessor/core.py (`RowPreprocessor`): messages with role and content, tags <image>, <video>, <audio> in the content, one path per tag; other columns are left out of training.
"""

from collections.abc import Sequence
from pathlib import Path

from kit.data import MEDIA, Folder, Sample
from kit.interchange.reading import Taken, lines_of, of_two_turns, paths_in, read_files, untagged
from kit.interchange.rows import KEY, Written, hidden, media, tagged, turns, write_lines, written


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
    return read_files(path, ".jsonl", lines_of, _taken)


def _taken(line: dict) -> Taken:
    names = {modality: paths_in(line.get(f"{modality}s") or line.get(modality)) for modality in MEDIA}
    prompt, answer = of_two_turns(line["messages"])
    return untagged(prompt, names), answer, names
