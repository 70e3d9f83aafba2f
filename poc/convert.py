"""`poc convert`: a use case, or rows in another trainer's format, written in a format."""

from dataclasses import dataclass, replace
from pathlib import Path

from kit.data import Fault, Folder, read_folder, write_folder
from kit.data.files import apart
from kit.errors import KitError
from kit.interchange import FORMATS, lmms_eval
from kit.language import say
from poc.usecase import FILE, load_samples, load_usecase

COMPANY, HELD_OUT = "company", "lmms-eval"  # the kit's own folders; a task for the test split, which is written and not read
SOURCES, TARGETS = (COMPANY, *FORMATS), (*FORMATS, HELD_OUT, COMPANY)


@dataclass(frozen=True)
class Converted:
    """Rows written per split, and what was left out: rows that could not be read, and rows that the format cannot hold."""

    out: Path
    rows: dict[str, int]
    unread: tuple[Fault, ...]
    refused: tuple[Fault, ...]


def convert(source: Path, out: Path, to: str, written_as: str = COMPANY) -> Converted:
    """Writes the rows of `source` to the new folder `out`.

    Args:
        source: a use case's folder (labelled and split as `poc run` would), any company folder, or a file or folder of a format.
        out: a folder that is not there yet, or empty.
        to: one of TARGETS.
        written_as: one of SOURCES.

    Raises:
        KitError: an unknown format, a source that cannot be read, an `out` that is not empty or lies in the source's folder (or the other way round), or no row left.
    """
    for given, allowed, option in ((to, TARGETS, "--to"), (written_as, SOURCES, "--from")):
        if given not in allowed:
            raise KitError(say(f"{option} {given!r}: allowed are {', '.join(allowed)}", f"{option} {given!r}：使えるのは {', '.join(allowed)} です"))
    if Path(source).is_dir():
        apart(source, out)
    folder, name = _read(Path(source), written_as)
    samples = folder.samples
    if to == COMPANY:
        if Path(out).exists() and (not Path(out).is_dir() or any(Path(out).iterdir())):
            raise KitError(say(f"{out} is no folder or is not empty: name a new folder", f"{out} はフォルダーでないか、空ではありません。新しいフォルダーを指定してください"))
        write_folder(samples, out)
        counts = {split: len(rows) for split, rows in folder.by_split.items() if rows} or {"all": len(samples)}
        return Converted(Path(out), counts, folder.faults, ())
    if to == HELD_OUT:
        done = lmms_eval.write([s for s in samples if s.split == "test" and s.answer], out, name)
    else:
        done = FORMATS[to].write(samples, out)
    return Converted(Path(out), done.rows, folder.faults, done.refused)


def _read(source: Path, written_as: str) -> tuple[Folder, str]:
    """(rows, a name for them)."""
    if written_as != COMPANY:
        return FORMATS[written_as].read(source), source.stem
    if not (source / FILE).is_file():
        return read_folder(source), source.name
    use = load_usecase(source)
    folder = load_samples(source, use)
    return replace(folder, samples=tuple(sample for sample in folder.samples if sample.split or not sample.answer)), use.name


def converted_lines(done: Converted) -> list[str]:
    """What was written, and each row that was not, with its reason."""
    counts = ", ".join(f"{split} {number}" for split, number in done.rows.items()) or say("no rows", "0 行")
    lines = [say(f"{done.out}: {counts}", f"{done.out}：{counts}")]
    for faults, told in ((done.unread, say("could not be read", "読めなかった行")), (done.refused, say("not held by this format", "この形式で扱えない行"))):
        lines += [f"{told}: {fault}" for fault in faults]
    return lines
