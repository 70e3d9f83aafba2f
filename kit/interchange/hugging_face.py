"""Hugging Face folders: media and a metadata.jsonl per split, which `datasets.load_dataset(folder)` reads as imagefolder, audiofolder or videofolder.

Read in datasets 5.2.0, packaged_modules/folder_based_builder: one builder, and so one kind of medium, per data set; `file_name` names one file per row. README.md lists the splits, because a folder
called calibration is otherwise not taken for one.
"""

from collections.abc import Sequence
from pathlib import Path

from kit.data import MEDIA, Fault, Folder, Sample, answer_text, read_folder
from kit.data.media import modality_of
from kit.interchange.reading import Reading, Taken, lines_of, split_of
from kit.interchange.rows import KEY, Written, hidden, media, only, words, write_lines, written
from kit.language import say

TABLE = "metadata.jsonl"


def write(samples: Sequence[Sample], out: Path) -> Written:
    """<split>/metadata.jsonl with file_name, question and answer, and README.md. Rows without a medium, with two, or of another kind than most are refused."""
    number = {modality: sum(bool(getattr(sample, modality)) for sample in samples) for modality in MEDIA}
    kind = max(MEDIA, key=number.get)
    done = written(samples, out, lambda sample: _refused(sample, kind), _write)
    readme = Path(out).resolve() / "README.md"
    configs = "".join(f"  - split: {split}\n    path: {split}/**\n" for split in done.rows)
    readme.write_text(f"---\nconfigs:\n- config_name: default\n  data_files:\n{configs}---\n", encoding="utf-8", newline="\n")
    return Written((*done.files, readme), done.rows, done.refused)


def _refused(sample: Sample, kind: str) -> tuple[str, str] | None:
    if not getattr(sample, kind):
        return say(f"has no {kind}; a Hugging Face folder holds one kind of file", f"{kind} がありません（Hugging Face のフォルダーは 1 種類のファイルだけです）"), say("use llama-factory or ms-swift for this row", "この行には llama-factory か ms-swift を使ってください")
    return only(sample, {kind: 1}, "hugging-face")


def _write(split: str, rows: list[Sample], out: Path) -> list[Path]:
    place = out / split
    place.mkdir()
    lines = []
    for sample in rows:
        ((name,),) = media(sample, place).values()
        lines.append({"file_name": name, "question": words(sample), "answer": answer_text(sample), KEY: hidden(sample)})
    return [write_lines(lines, place / TABLE)]


def read(path: Path) -> Folder:
    """The samples of a folder whose splits each have a metadata.jsonl; any other Hugging Face folder is read as a company's (`kit.data.read_folder`).

    Raises:
        KitError: the folder or a table cannot be read.
    """
    tables = sorted(Path(path).glob(f"*/{TABLE}"))
    if not tables:
        return read_folder(path)
    samples, faults, number = [], [], 0
    for table in tables:
        reading = Reading(table.parent, number)
        for line in lines_of(table):
            reading.add(line, _taken, split_of(table.parent))
        number = reading.number
        samples += reading.samples
        faults += reading.faults
    return _together(Path(path), samples, faults)


def _taken(row: dict) -> Taken:
    modality = modality_of(Path(row["file_name"]))
    if not modality:
        raise ValueError(f"{row['file_name']!r} is no image, sound or video")
    return row["question"], row["answer"], {modality: [row["file_name"]]}


def _together(path: Path, samples: list[Sample], faults: list[Fault]) -> Folder:
    """One folder of several splits; an id that two of them use is a fault of the later row."""
    seen, kept = set(), []
    for sample in samples:
        if sample.id in seen:
            faults.append(Fault(None, sample.id, say("is in two splits", "2 つの分割にあります"), say("give one of the two another id", "どちらかに別の ID を付けてください")))
        else:
            kept.append(sample)
        seen.add(sample.id)
    return Folder(path.resolve(), tuple(kept), tuple(faults), path.name)


