"""TRL: JSON lines for its SFT trainer, as messages or as prompt and completion, with pictures only.

Read in TRL 1.x, trl/data_utils.py (`prepare_multimodal_messages`): contents are plain strings, and the pictures of `images` are put before the first question's words. The column holds paths; turn it into
pictures with `dataset.cast_column("images", datasets.List(datasets.Image()))` from this folder.
"""

from collections.abc import Sequence
from pathlib import Path

from kit.data import Folder, Sample
from kit.interchange.reading import Taken, lines_of, of_two_turns, paths_in, read_files
from kit.interchange.rows import KEY, Written, hidden, media, only, turns, words, write_lines, written

_ANY = 10**6


def write(samples: Sequence[Sample], out: Path, completion: bool = False) -> Written:
    """<split>.jsonl of {"messages"} or, with `completion`, of {"prompt", "completion"}; a row with video or sound is refused."""
    return written(samples, out, lambda sample: only(sample, {"image": _ANY}, "trl"), lambda split, rows, out: [write_lines((_row(s, out, completion) for s in rows), out / f"{split}.jsonl")])


def _row(sample: Sample, out: Path, completion: bool) -> dict:
    asked, said = turns(sample, words(sample))
    shown = {"prompt": [asked], "completion": [said]} if completion else {"messages": [asked, said]}
    return {**shown, "images": media(sample, out).get("image", []), KEY: hidden(sample)}


def read(path: Path) -> Folder:
    """The samples of one .jsonl file or of all in a folder, in either form.

    Raises:
        KitError: no such file, or it cannot be read.
    """
    return read_files(path, ".jsonl", lines_of, _taken)


def _taken(line: dict) -> Taken:
    messages = line["messages"] if "messages" in line else [*line["prompt"], *line["completion"]]
    return *of_two_turns(messages), {"image": paths_in(line.get("images") or line.get("image"))}
