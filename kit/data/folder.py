"""A company's folder -> samples, and a list of everything that is wrong with it.

What is looked for, in this order: metadata.csv|tsv|jsonl|xlsx, labels.csv|tsv|jsonl|xlsx, a folder per class (also below train/, test/ ...), a flat folder without labels.
Not covered: pairing photo and voice memo by file name (that needs a metadata table), archives, folders that are links.
"""

from dataclasses import dataclass
from pathlib import Path

from kit.data.cleaning import Numbered, complete_options, drop_repeated, drop_unreadable
from kit.data.files import MediaFiles, leaves, left
from kit.data.media import modality_of
from kit.data.rows import SPLIT_NAMES, Defaults, Fault, name_columns, parse_row
from kit.data.sample import MEDIA, SPLITS, Sample
from kit.data.tables import Table, normal, read_table
from kit.errors import KitError
from kit.language import say

TABLES = tuple(
    f"{stem}{ending}" for stem in ("metadata", "labels") for ending in (".csv", ".tsv", ".jsonl", ".xlsx")
)
QUESTION = "Which of the options does this show?"  # English always: the question is part of what is measured
PLAIN_FOLDERS = (
    *MEDIA,
    "images",
    "videos",
    "audios",
    "photos",
    "files",
    "data",
    "media",
)  # names that are no class


@dataclass(frozen=True)
class Folder:
    """What a company's folder holds.

    Attributes:
        root: the folder, absolute.
        samples: the usable ones, in the order of the table.
        faults: everything that is not usable, with its fix.
        source: what was read: the table's name, "class folders" or "flat folder".
        unlisted: media files that no row names; unlabelled, and normal.
        group_column: the column that `group` was read from; "" where there is none.
        group_rule: how `group` came about, in words; "" while there is none.
    """

    root: Path
    samples: tuple[Sample, ...]
    faults: tuple[Fault, ...] = ()
    source: str = ""
    unlisted: tuple[Path, ...] = ()
    group_column: str = ""
    group_rule: str = ""

    @property
    def options(self) -> tuple[str, ...]:
        """Every option of the samples, each once, in the order of first use."""
        return tuple(dict.fromkeys(option for sample in self.samples for option in sample.options))

    def is_default_question(self, sample: Sample) -> bool:
        """Nobody asked a question: the kit's own stands in for it."""
        return sample.question == QUESTION

    @property
    def by_split(self) -> dict[str, tuple[Sample, ...]]:
        """Samples of each of SPLITS; () for a split that has none."""
        return {name: tuple(s for s in self.samples if s.split == name) for name in SPLITS}


def read_folder(
    root: Path,
    use=None,
    *,
    question: str | None = None,
    options=None,
    decided_by=None,
    group_by: str | None = None,
    verify: bool = True,
) -> Folder:
    """All samples and all faults of a company folder; the first fault never hides the others.

    Args:
        root: the folder.
        use: anything with the attributes question, options, decided_by and group_by (poc.yaml's UseCase). The keywords override it.
        question: asked where a row has no question of its own.
        options: the closed answer set; None = the sorted answers found; () = free text.
        decided_by: None = the modalities of the row's media.
        group_by: the column that holds the group; None = "group" where there is one.
        verify: open every media file too (about 1 ms per small photo).

    Raises:
        KitError: the folder or its table cannot be read at all.
    """
    if not Path(root).is_dir():
        raise KitError(
            say(
                f"{root}: no such folder. Give the folder that holds the company's files.",
                f"{root}: フォルダーがありません。会社のファイルが入ったフォルダーを指定してください。",
            )
        )
    group_by = group_by or (use.group_by if use else None)
    defaults = _defaults(use, question, options, decided_by)
    files = MediaFiles(root)
    table = table_of(files.root)
    if table:
        samples, faults, column = _from_table(table, files, defaults, group_by)
    else:
        samples, faults, column = *_from_names(files, defaults), ""
    if verify:
        samples, faults = drop_unreadable(samples, faults)
    samples, faults = drop_repeated(samples, faults)
    samples, faults = complete_options(samples, faults, defaults)
    return Folder(
        root=files.root,
        samples=tuple(sample for _, sample in samples),
        faults=tuple(sorted(faults, key=lambda fault: fault.row or 0)),
        source=table.name if table else _layout(files),
        unlisted=tuple(path for path in files.found.values() if path not in files.named) if table else (),
        group_column=column,
        group_rule=say(f"column {column}", f"列 {column}") if column else "",
    )


def unlisted_samples(folder: Folder, use=None) -> tuple[Sample, ...]:
    """The files that no row names, as samples without a label; () where there are no rows, or rows of several files, and a file alone is none.

    Args:
        folder: of `read_folder`.
        use: as there; without options of its own, the folder's are taken.
    """
    if not folder.samples or any(sum(len(getattr(sample, name)) for name in MEDIA) != 1 for sample in folder.samples):
        return ()
    asked = _defaults(use, None, None, None)
    names = {path: path.relative_to(folder.root).as_posix() for path in folder.unlisted}
    taken = {sample.id for sample in folder.samples}
    return tuple(
        Sample(name, asked.question, folder.options if asked.options is None else asked.options, **{modality_of(path): path}, decided_by=asked.decided_by or (modality_of(path),))
        for path, name in names.items()
        if name not in taken
    )


def table_of(root: Path) -> Path | None:
    """The folder's table; None where there is none.

    Raises:
        KitError: it is a link that leads out of the folder.
    """
    table = next((root / name for name in TABLES if (root / name).is_file()), None)
    if table and leaves(table, root):
        raise KitError(f"{table}: {'. '.join(left(table.name))}")
    return table


def _defaults(use, question: str | None, options, decided_by) -> Defaults:
    """What the keywords say, else what poc.yaml says, else None: to be found in the rows."""
    if use is not None:
        question, decided_by = question or use.question, decided_by or use.decided_by
        if options is None and (use.options or getattr(use, "free_text", False)):
            options = use.options
    return Defaults(
        question or QUESTION,
        None if options is None else tuple(normal(str(option)) for option in options),
        None if decided_by is None else tuple(decided_by),
    )


def _from_table(
    path: Path, files: MediaFiles, defaults: Defaults, group_by: str | None
) -> tuple[Numbered, list[Fault], str]:
    """(samples, faults, group column)."""
    table = read_table(path)
    named = name_columns(table.columns, group_by)
    faults = [Fault(row, "", problem, fix) for row, problem, fix in table.bad]
    faults += [Fault(1, "", problem, fix) for problem, fix in _missing_columns(table, named, group_by)]
    if not {"file_name", "text", *MEDIA} & set(named):
        return [], faults, ""  # every row would repeat the fault of the header
    samples = []
    for number, cells in table.rows:
        sample, wrong = parse_row(number, cells, named, files, defaults)
        faults += wrong
        samples += [(number, sample)] if sample else []
    return samples, faults, named["group"] if any(sample.group for _, sample in samples) else ""


def _missing_columns(table: Table, named: dict[str, str], group_by: str | None) -> list[tuple[str, str]]:
    """(problem, fix) of columns that the folder cannot do without."""
    name, columns, missing = table.path.name, ", ".join(table.columns), []
    if not {"file_name", "text", *MEDIA} & set(named):
        problem = say(
            f"{name} has no column for the files; its columns: {columns}",
            f"{name} にファイルの列がありません。列: {columns}",
        )
        fix = say(
            "name one file_name, image, audio, video or text",
            "列名を file_name、image、audio、video、text のいずれかにしてください",
        )
        missing.append((problem, fix))
    if group_by and "group" not in named:
        problem = say(
            f"{name} has no column {group_by!r}, which group_by names; its columns: {columns}",
            f"group_by の列 {group_by!r} が {name} にありません。列: {columns}",
        )
        fix = say(
            "correct group_by in poc.yaml or add the column",
            "poc.yaml の group_by を直すか、列を追加してください",
        )
        missing.append((problem, fix))
    return missing


def _layout(files: MediaFiles) -> str:
    """ "class folders" when at least two sub-folders (below a split's folder, if any) hold media, else "flat folder"."""
    classes = {class_of(name)[1] for name in files.found} - {""}
    return "class folders" if len(classes) > 1 else "flat folder"


def class_of(name: str) -> tuple[str, str]:
    """(split, class) that a relative path tells: "train/OK/a.jpg" -> ("train", "OK"); "" for what it does not tell."""
    parts = name.split("/")[:-1]
    split = SPLIT_NAMES.get(parts[0].lower(), "") if len(parts) > 1 else ""
    rest = parts[1:] if split else parts
    return split, normal(rest[0]) if rest and rest[0].lower() not in PLAIN_FOLDERS else ""


def _from_names(files: MediaFiles, defaults: Defaults) -> tuple[Numbered, list[Fault]]:
    """One sample per file; its class is its folder, "" in a flat folder or at the top."""
    if not files.found and not files.outside:
        raise KitError(
            say(
                f"{files.root}: holds no table and no image, sound or video. Put the files there, or give another folder.",
                f"{files.root}: 表も画像・音声・動画もありません。ファイルを置くか、別のフォルダーを指定してください。",
            )
        )
    by_class = _layout(files) == "class folders"
    samples, faults = [], [Fault(None, name, *left(name)) for name in files.outside]
    for name, path in files.found.items():
        modality = modality_of(path)
        split, answer = class_of(name) if by_class else ("", "")
        if answer and defaults.options and answer not in defaults.options:
            faults.append(
                Fault(
                    None,
                    name,
                    say(f"unknown option {answer!r}", f"選択肢にない正解 {answer!r}"),
                    say(
                        f"rename its folder to one of: {', '.join(defaults.options)}",
                        f"フォルダー名を次のいずれかにしてください: {', '.join(defaults.options)}",
                    ),
                )
            )
            continue
        samples.append(
            (
                None,
                Sample(
                    name,
                    defaults.question,
                    defaults.options or (),
                    answer,
                    **{modality: path},
                    decided_by=defaults.decided_by or (modality,),
                    split=split,
                ),
            )
        )
    return samples, faults
