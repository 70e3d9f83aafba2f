"""One row of a company's table -> one Sample, or the faults that stand in its way.

The names that a column may have are in COLUMNS; every other column goes to `meta`. Cells that act as labels (ids, answers, options, groups, splits) are
NFKC-normalised, so "ＯＫ" and "OK" are one class; the text evidence stays as written.
"""

from dataclasses import dataclass
from pathlib import Path

from kit.data.files import MediaFiles
from kit.data.media import modality_of
from kit.data.sample import LAYERS, MEDIA, MODALITIES, SPLITS, Sample
from kit.data.tables import normal
from kit.language import say

COLUMNS = {
    "id": ("id", "sample_id", "識別子"),
    "file_name": ("file_name", "filename", "file", "path", "ファイル名", "ファイル"),
    "image": ("image", "image_file_name", "image_file", "images", "画像", "画像ファイル"),
    "video": ("video", "video_file_name", "video_file", "videos", "動画", "動画ファイル"),
    "audio": ("audio", "audio_file_name", "audio_file", "audios", "音声", "音声ファイル"),
    "text": ("text", "テキスト", "文章"),
    "question": ("question", "質問"),
    "options": ("options", "選択肢"),
    "answer": ("answer", "label", "class", "正解", "ラベル", "クラス", "分類"),
    "group": ("group", "グループ"),
    "split": ("split", "分割"),
    "decided_by": ("decided_by", "判断に使う情報"),
    "data_layer": ("data_layer", "データ層"),
    "generated": ("generated", "synthetic", "生成", "合成"),
}
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "calibration": "calibration",
    "calib": "calibration",
    "test": "test",
    "holdout": "test",
}


@dataclass(frozen=True)
class Fault:
    """Why a row cannot be used, and what to do about it; `row` as the spreadsheet counts, None when no row is to blame."""

    row: int | None
    id: str
    problem: str
    fix: str

    def __str__(self) -> str:
        place = [say(f"row {self.row}", f"{self.row}行目")] if self.row is not None else []
        place += [self.id] if self.id else []
        return " ".join(f"{' '.join(place)}: {self.problem} -> {self.fix}".removeprefix(": ").split())


@dataclass(frozen=True)
class Defaults:
    """What holds for a row that does not say otherwise; options and decided_by are None when they are to be found in the rows."""

    question: str
    options: tuple[str, ...] | None
    decided_by: tuple[str, ...] | None


def name_columns(columns: tuple[str, ...], group_by: str | None) -> dict[str, str]:
    """field of Sample (or "file_name") -> the column that holds it; of several candidates, the first one in COLUMNS."""
    plain = {normal(name).lower().replace(" ", "_").replace("-", "_"): name for name in reversed(columns)}
    named = {
        field: next((plain[alias] for alias in aliases if alias in plain), None)
        for field, aliases in COLUMNS.items()
    }
    if group_by:
        named["group"] = plain.get(normal(group_by).lower().replace(" ", "_").replace("-", "_"))
    return {field: column for field, column in named.items() if column is not None}


def parse_row(
    number: int,
    cells: dict[str, str],
    named: dict[str, str],
    files: MediaFiles,
    defaults: Defaults,
) -> tuple[Sample | None, list[Fault]]:
    """The row's sample, None when it has faults. A row without an answer is an unlabelled sample."""
    raw = {field: cells.get(column, "") for field, column in named.items()}
    label = {field: normal(text) for field, text in raw.items()}
    media, problems = find_media(raw, files)
    first = next((path for name in MEDIA for path in media[name]), None)
    written = next(
        (raw[column].strip() for column in ("file_name", *MEDIA) if raw.get(column, "").strip()), ""
    )
    sample_id = label.get("id") or (files.relative(first) if first else written or f"row-{number}")
    options = _listed(label.get("options", "")) or defaults.options
    fields = {
        "id": sample_id,
        "question": raw.get("question", "").strip() or defaults.question,
        "options": options or (),
        **media,
        "answer": label.get("answer", ""),
        "text": raw.get("text", "").strip(),
        "group": label.get("group", ""),
        "split": label.get("split", "").lower(),
        "data_layer": label.get("data_layer", "").lower() or "domain",
        "decided_by": _listed(label.get("decided_by", "").lower()) or defaults.decided_by or _present(media),
    }
    problems += _wrong_values(fields, options)
    if not problems and not first and not fields["text"]:
        problems.append(
            (
                say("names no file and has no text", "ファイルも文章もありません"),
                say(
                    "fill in the file name or delete the row", "ファイル名を書くか、この行を削除してください"
                ),
            )
        )
    if problems:
        return None, [Fault(number, sample_id, problem, fix) for problem, fix in problems]
    used = set(named.values())
    meta = {column: cell for column, cell in cells.items() if column not in used and cell.strip()}
    meta |= {"generated": raw["generated"].strip()} if raw.get("generated", "").strip() else {}
    sample = Sample(**{**fields, "split": SPLIT_NAMES.get(fields["split"], "")}, meta=meta)
    if sample.generated and sample.split not in ("", "train"):
        return None, [
            Fault(
                number,
                sample_id,
                say(f"is generated and in split {sample.split}", f"生成した行が {sample.split} にあります"),
                say(
                    "put it into train or leave its split empty: nothing is measured on generated rows",
                    "train に移すか分割を空にしてください（生成した行では評価しません）",
                ),
            )
        ]
    return sample, []


def find_media(
    raw: dict[str, str], files: MediaFiles
) -> tuple[dict[str, tuple[Path, ...]], list[tuple[str, str]]]:
    """({modality: paths}, [(problem, fix)]) of the cells that name files; several paths in a cell are separated by "|"."""
    media, problems = {name: [] for name in MEDIA}, []
    for column in ("file_name", *MEDIA):
        for cell in raw.get(column, "").split("|"):
            if not cell.strip():
                continue
            path, problem, fix = files.match(cell)
            if path is None:
                problems.append((problem, fix))
            elif (
                column != "file_name"
                and modality_of(path) != column
                and not (column == "audio" and modality_of(path) == "video")
            ):
                problems.append(
                    (
                        say(
                            f"column {column} holds {cell.strip()!r}, which is {modality_of(path)}",
                            f"{column}列に {cell.strip()!r} ({modality_of(path)}) があります",
                        ),
                        say(
                            f"move it to the column {modality_of(path)}",
                            f"{modality_of(path)}列に移してください",
                        ),
                    )
                )
            else:
                media[modality_of(path) if column == "file_name" else column].append(path)
    return {name: tuple(paths) for name, paths in media.items()}, problems


def _wrong_values(fields: dict, options: tuple[str, ...] | None) -> list[tuple[str, str]]:
    """(problem, fix) of every cell whose value is not allowed."""
    problems = []
    answer, split, layer = fields["answer"], fields["split"], fields["data_layer"]
    if answer and options and answer not in options:
        problems.append(
            (
                say(f"unknown option {answer!r}", f"選択肢にない正解 {answer!r}"),
                say(
                    f"use one of: {', '.join(options)}, or add it to options in poc.yaml",
                    f"次のいずれかにするか、poc.yamlのoptionsに加えてください: {', '.join(options)}",
                ),
            )
        )
    if options and len(set(options)) < len(options):
        problems.append(
            (
                say(
                    f"an option is listed twice: {', '.join(options)}",
                    f"選択肢が重複しています: {', '.join(options)}",
                ),
                say("list it once", "1回だけ書いてください"),
            )
        )
    if split and split not in SPLIT_NAMES:
        problems.append(
            (
                say(f"unknown split {split!r}", f"未知の分割 {split!r}"),
                say(
                    f"use one of: {', '.join(SPLITS)}, or leave it empty",
                    f"次のいずれかにするか空にしてください: {', '.join(SPLITS)}",
                ),
            )
        )
    if layer not in LAYERS:
        problems.append(
            (
                say(f"unknown data_layer {layer!r}", f"未知のデータ層 {layer!r}"),
                say(f"use one of: {', '.join(LAYERS)}", f"次のいずれかにしてください: {', '.join(LAYERS)}"),
            )
        )
    unknown = [name for name in fields["decided_by"] if name not in MODALITIES]
    if unknown:
        problems.append(
            (
                say(f"unknown decided_by {unknown[0]!r}", f"未知のdecided_by {unknown[0]!r}"),
                say(
                    f"use one or several of: {', '.join(MODALITIES)}, separated by |",
                    f"次から選び | で区切ってください: {', '.join(MODALITIES)}",
                ),
            )
        )
    return problems


def _listed(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split("|") if part.strip())


def _present(media: dict[str, tuple[Path, ...]]) -> tuple[str, ...]:
    return tuple(name for name in MEDIA if media[name]) or ("text",)
