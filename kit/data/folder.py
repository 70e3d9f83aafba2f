"""A company's folder -> samples, and a list of everything that is wrong with it.

What is looked for, in this order: metadata.csv|tsv|jsonl|xlsx, labels.csv|tsv|jsonl|xlsx, a folder per class (also below train/, test/ ...), a flat folder without labels.
Not covered: pairing photo and voice memo by file name (that needs a metadata table), archives, folders that are links.
"""

import csv
import json
import shutil
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from kit.data.files import MediaFiles
from kit.data.media import MediaError, check_file, modality_of
from kit.data.rows import SPLIT_NAMES, Defaults, Fault, name_columns, parse_row
from kit.data.sample import MEDIA, SPLITS, Sample
from kit.data.tables import normal, read_table
from kit.errors import KitError
from kit.language import say

TABLES = tuple(f"{stem}{ending}" for stem in ("metadata", "labels") for ending in (".csv", ".tsv", ".jsonl", ".xlsx"))
QUESTION = "Which of the options does this show?"  # English always: the question is part of what is measured
PLAIN_FOLDERS = (*MEDIA, "images", "videos", "audios", "photos", "files", "data", "media")  # names that are no class


@dataclass(frozen=True)
class Folder:
    """What a company's folder holds.

    Attributes:
        root: the folder, absolute.
        samples: the usable ones, in the order of the table.
        faults: everything that is not usable, with its fix.
        source: what was read: the table's name, "class folders" or "flat folder".
        unlisted: media files that no row names; unlabelled, and normal.
        group_rule: how `group` came about, in words; "" while there is none.
    """

    root: Path
    samples: tuple[Sample, ...]
    faults: tuple[Fault, ...] = ()
    source: str = ""
    unlisted: tuple[Path, ...] = ()
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


def read_folder(root: Path, use=None, *, question: str | None = None, options=None, decided_by=None,
                group_by: str | None = None, verify: bool = True) -> Folder:
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
    root = Path(root)
    if not root.is_dir():
        raise KitError(say(f"{root}: no such folder. Give the folder that holds the company's files.",
                           f"{root}: フォルダーがありません。会社のファイルが入ったフォルダーを指定してください。"))
    if use is not None:
        question, decided_by, group_by = question or use.question, decided_by or use.decided_by, group_by or use.group_by
        options = options if options is not None or not (use.options or getattr(use, "free_text", False)) else use.options
    defaults = Defaults(question or QUESTION, None if options is None else tuple(normal(str(o)) for o in options),
                        None if decided_by is None else tuple(decided_by))
    files = MediaFiles(root)
    table = next((path for name in TABLES for path in [files.root / name] if path.is_file()), None)
    if table is not None:
        samples, faults, rule = _from_table(table, files, defaults, group_by)
        source = table.name
    else:
        samples, faults, rule, source = *_from_names(files, defaults), "", _layout(files)
    if verify:
        samples, faults = _drop_unreadable(samples, faults)
    samples, faults = _drop_repeated(samples, faults)
    samples, faults = _complete_options(samples, faults, defaults)
    unlisted = tuple(path for path in files.found.values() if path not in files.named) if table is not None else ()
    return Folder(files.root, tuple(sample for _, sample in samples), tuple(sorted(faults, key=lambda f: f.row or 0)), source, unlisted, rule)


Numbered = list[tuple[int | None, Sample]]  # samples with the row that each came from


def _from_table(path: Path, files: MediaFiles, defaults: Defaults, group_by: str | None) -> tuple[Numbered, list[Fault], str]:
    table = read_table(path)
    named = name_columns(table.columns, group_by)
    faults = [Fault(row, "", problem, fix) for row, problem, fix in table.bad]
    if not {"file_name", "text", *MEDIA} & set(named):
        missing = say(f"{path.name} has no column for the files; its columns: {', '.join(table.columns)}", f"{path.name} にファイルの列がありません。列: {', '.join(table.columns)}")
        return [], [*faults, Fault(1, "", missing, say("name one file_name, image, audio, video or text", "列名を file_name、image、audio、video、text のいずれかにしてください"))], ""
    if group_by and "group" not in named:
        faults.append(Fault(1, "", say(f"{path.name} has no column {group_by!r}, which group_by names; its columns: {', '.join(table.columns)}",
                                       f"group_by の列 {group_by!r} が {path.name} にありません。列: {', '.join(table.columns)}"),
                            say("correct group_by in poc.yaml or add the column", "poc.yaml の group_by を直すか、列を追加してください")))
    answered = any(cells.get(named.get("answer", ""), "").strip() for _, cells in table.rows)
    samples = []
    for number, cells in table.rows:
        sample, wrong = parse_row(number, cells, named, files, defaults, answered)
        faults += wrong
        samples += [(number, sample)] if sample else []
    grouped = any(sample.group for _, sample in samples)
    return samples, faults, f"column {named['group']}" if grouped else ""


def _layout(files: MediaFiles) -> str:
    """"class folders" when at least two sub-folders (below a split's folder, if any) hold media, else "flat folder"."""
    classes = {_class_of(name)[1] for name in files.found} - {""}
    return "class folders" if len(classes) > 1 else "flat folder"


def _class_of(name: str) -> tuple[str, str]:
    """(split, class) that a relative path tells: "train/OK/a.jpg" -> ("train", "OK"); "" for what it does not tell."""
    parts = name.split("/")[:-1]
    split = SPLIT_NAMES.get(parts[0].lower(), "") if len(parts) > 1 else ""
    rest = parts[1:] if split else parts
    return split, normal(rest[0]) if rest and rest[0].lower() not in PLAIN_FOLDERS else ""


def _from_names(files: MediaFiles, defaults: Defaults) -> tuple[Numbered, list[Fault]]:
    """One sample per file; its class is its folder, "" in a flat folder or at the top."""
    if not files.found:
        raise KitError(say(f"{files.root}: holds no table and no image, sound or video. Put the files there, or give another folder.",
                           f"{files.root}: 表も画像・音声・動画もありません。ファイルを置くか、別のフォルダーを指定してください。"))
    by_class = _layout(files) == "class folders"
    samples, faults = [], []
    for name, path in files.found.items():
        modality = modality_of(path)
        split, answer = _class_of(name) if by_class else ("", "")
        if answer and defaults.options and answer not in defaults.options:
            faults.append(Fault(None, name, say(f"unknown option {answer!r}", f"選択肢にない正解 {answer!r}"),
                                say(f"rename its folder to one of: {', '.join(defaults.options)}", f"フォルダー名を次のいずれかにしてください: {', '.join(defaults.options)}")))
            continue
        samples.append((None, Sample(name, defaults.question, defaults.options or (), answer, **{modality: path},
                                     decided_by=defaults.decided_by or (modality,), split=split)))
    return samples, faults


def _drop_unreadable(samples: Numbered, faults: list[Fault]) -> tuple[Numbered, list[Fault]]:
    """Opens every file once."""
    broken, kept = {}, []
    for number, sample in samples:
        pairs = [(path, modality) for modality in MEDIA for path in getattr(sample, modality)]
        for path, modality in pairs:
            if (path, modality) not in broken:
                broken[path, modality] = _broken(path, modality)
        faulty = [pair for pair in pairs if broken[pair]]
        faults += [Fault(number, sample.id, f"{path.name} {broken[path, modality].problem}", broken[path, modality].fix) for path, modality in faulty]
        kept += [] if faulty else [(number, sample)]
    return kept, faults


def _broken(path: Path, modality: str) -> MediaError | None:
    try:
        check_file(path, modality)
    except MediaError as error:
        return error
    return None


def _drop_repeated(samples: Numbered, faults: list[Fault]) -> tuple[Numbered, list[Fault]]:
    """Keeps the first of each id. Where the id is a file's name, another question about the file is a new sample: "a.jpg#2"."""
    rows, questions, kept = {}, defaultdict(set), []
    for number, sample in samples:
        if sample.id not in rows:
            rows[sample.id] = number
            kept.append((number, sample))
        elif Path(sample.id).suffix and sample.question not in questions[sample.id]:
            kept.append((number, sample.replace(id=f"{sample.id}#{len(questions[sample.id]) + 1}")))
        else:
            faults.append(Fault(number, sample.id, say(f"duplicate id, first used in row {rows[sample.id]}", f"IDが重複しています(最初は{rows[sample.id]}行目)"),
                                say("delete one of the two rows or give it an id of its own", "どちらかの行を削除するか、別のIDを付けてください")))
        questions[sample.id].add(sample.question)
    return kept, faults


def _complete_options(samples: Numbered, faults: list[Fault], defaults: Defaults) -> tuple[Numbered, list[Fault]]:
    """Gives samples without options the sorted answers to their question, and drops classes of one sample."""
    counts = Counter((s.question, s.answer) for _, s in samples if s.answer and s.data_layer == "domain")
    closed = defaults.options is None or defaults.options
    kept = []
    for number, sample in samples:
        if sample.data_layer == "domain" and sample.answer and (sample.options or closed) and counts[sample.question, sample.answer] == 1:
            faults.append(Fault(number, sample.id, say(f"class {sample.answer!r} has only this sample", f"クラス {sample.answer!r} のサンプルはこれだけです"),
                                say("add more samples of it, merge it with another class, or delete the row (free text: options: [] in poc.yaml)",
                                    "サンプルを追加するか、他のクラスと統合するか、行を削除してください(自由記述なら poc.yaml に options: [])")))
        else:
            kept.append((number, sample))
    if defaults.options is not None:
        return kept, faults
    found = defaultdict(set)
    for _, sample in kept:
        found[sample.question] |= {sample.answer} - {""}
    return [(n, s if s.options else s.replace(options=tuple(sorted(found[s.question])))) for n, s in kept], faults


def write_folder(samples: tuple[Sample, ...], root: Path) -> Path:
    """metadata.csv (UTF-8 with mark, which Excel opens rightly) with paths relative to `root`; files from elsewhere are copied in.

    Raises:
        KitError: `root` already has a metadata.csv.
    """
    root = Path(root).resolve()
    table = root / "metadata.csv"
    if table.exists():
        raise KitError(say(f"{table}: exists already and is not overwritten. Give another folder or delete it.",
                           f"{table}: 既にあるため上書きしません。別のフォルダーを指定するか、削除してください。"))
    root.mkdir(parents=True, exist_ok=True)
    extra = list(dict.fromkeys(key for sample in samples for key in sample.meta))
    plain = ("id", "question", "answer", "text", "group", "split", "data_layer")
    with table.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, [*plain[:1], *MEDIA, *plain[1:], "options", "decided_by", *extra], restval="")
        writer.writeheader()
        for sample in samples:
            media = {name: "|".join(_inside(path, root, name) for path in getattr(sample, name)) for name in MEDIA}
            lists = {name: "|".join(getattr(sample, name)) for name in ("options", "decided_by")}
            meta = {key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for key, value in sample.meta.items()}
            writer.writerow({**meta, **{name: getattr(sample, name) for name in plain}, **media, **lists})
    return table


def _inside(path: Path, root: Path, modality: str) -> str:
    """The path relative to `root`, after copying the file in when it lies elsewhere."""
    path = path.resolve()
    if not path.is_relative_to(root):
        target = root / modality / path.name
        if target.exists() and target.read_bytes() != path.read_bytes():
            target = root / modality / f"{path.parent.name}_{path.name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        path = target
    return path.relative_to(root).as_posix()
