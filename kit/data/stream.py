"""A folder of any size, row by row: what only wants answers needs neither all rows at hand nor labels.

What `read_folder` calls a fault of a row is one here. What can only be seen with all rows at hand is not looked for: an id may come twice, a class may have one
sample. Folder names are answers only where they are options, so that a folder per day is no class; media are not opened.
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from kit.data.files import UnlistedFiles, leaves, left, walk
from kit.data.folder import class_of, table_of
from kit.data.media import modality_of
from kit.data.rows import Defaults, Fault, name_columns, parse_row
from kit.data.sample import Sample
from kit.data.tables import stream_table
from kit.errors import KitError
from kit.language import say


def stream_folder(root: Path, question: str, options: tuple[str, ...], decided_by: tuple[str, ...], group_by: str | None = None) -> Iterator[Sample | Fault]:
    """The samples of a folder in the order of its table, without one in the order of names; a row that is none as a Fault.

    Args:
        root: the folder.
        question, options, decided_by: where a row has none of its own.
        group_by: the table's column that holds the group; default: "group", where there is one.

    Raises:
        KitError: no such folder, nothing in it, or its table cannot be read.
    """
    root = Path(root)
    if not root.is_dir():
        raise KitError(say(f"{root}: no such folder. Give the folder that holds the files.", f"{root}: フォルダーがありません。ファイルが入ったフォルダーを指定してください。"))
    defaults = Defaults(question, options, decided_by)
    table = table_of(root)
    rows = _from_table(table, root, defaults, group_by) if table else _from_names(root.resolve(), defaults)
    first = next(rows, None)
    if first is None:
        raise KitError(
            say(
                f"{root}: holds no table with rows and no image, sound or video. Put the files there, or give another folder.",
                f"{root}: 行のある表も、画像・音声・動画もありません。ファイルを置くか、別のフォルダーを指定してください。",
            )
        )
    yield first
    yield from rows


def _from_table(table: Path, root: Path, defaults: Defaults, group_by: str | None) -> Iterator[Sample | Fault]:
    files, named_by = UnlistedFiles(root), lru_cache(maxsize=16)(lambda columns: name_columns(columns, group_by))
    for number, cells in stream_table(table):
        if not isinstance(cells, dict):
            yield Fault(number, "", *cells)
            continue
        sample, faults = parse_row(number, cells, named_by(tuple(cells)), files, defaults)
        yield sample or Fault(number, faults[0].id, say("; ", "、").join(fault.problem for fault in faults), faults[0].fix)


def _from_names(root: Path, defaults: Defaults) -> Iterator[Sample | Fault]:
    for name, path in walk(root):
        if leaves(path, root):
            yield Fault(None, name, *left(name))
            continue
        modality, (_, folder) = modality_of(path), class_of(name)
        answer = folder if folder in defaults.options else ""
        yield Sample(name, defaults.question, defaults.options, answer, **{modality: path}, decided_by=defaults.decided_by)
