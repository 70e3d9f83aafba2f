"""LLaMA-Factory: "sharegpt" rows with images, videos and audios, and the dataset_info.json that names their columns.

Read in llamafactory 0.9.5, data/converter.py (`SharegptDatasetConverter`) and data/parser.py (`DatasetAttr`): a column that dataset_info.json maps must be in the file, so those of one file are mapped that it has.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from kit.data import MEDIA, Folder, Sample
from kit.data.json_text import json_of
from kit.errors import KitError
from kit.interchange import ms_swift
from kit.interchange.reading import Reading, Taken, list_in, of_two_turns, split_of, text_of, untagged
from kit.interchange.rows import Written, media, write_list, written
from kit.language import say

INFO = "dataset_info.json"
_TAGS = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant", "system_tag": "system"}
_FIRST = {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt"}  # what holds where dataset_info.json says nothing


def write(samples: Sequence[Sample], out: Path) -> Written:
    """<split>.json and dataset_info.json; the datasets are called by their splits (`dataset: train`, `dataset_dir` and `media_dir`: this folder)."""
    return written(samples, out, lambda sample: None, _write)


def _write(split: str, rows: list[Sample], out: Path) -> list[Path]:
    lines = [ms_swift.row(sample, media(sample, out)) for sample in rows]
    columns = [f"{modality}s" for modality in MEDIA if any(f"{modality}s" in line for line in lines)]
    for line in lines:
        line.update({column: line.get(column, []) for column in columns})
    file, info = write_list(lines, out / f"{split}.json"), out / INFO
    described = json.loads(info.read_text(encoding="utf-8")) if info.exists() else {}
    described[split] = {"file_name": file.name, "formatting": "sharegpt", "columns": {"messages": "messages", **{column: column for column in columns}}, "tags": _TAGS}
    info.write_text(json.dumps(described, ensure_ascii=False, indent=1), encoding="utf-8", newline="\n")
    return [file, info]


def read(path: Path) -> Folder:
    """The samples of all sharegpt datasets that a folder's dataset_info.json names (or the file itself).

    Raises:
        KitError: no dataset_info.json, a dataset of another formatting, or a file that cannot be read.
    """
    info = Path(path) / INFO if Path(path).is_dir() else Path(path)
    if info.name != INFO:
        raise KitError(say(f"{path}: give the folder with {INFO}, or that file: it says what the columns mean", f"{path}：{INFO} のあるフォルダーか、そのファイルを指定してください（列の意味が書かれています）"))
    try:
        described = json_of(text_of(info))
        datasets = {name: (one["file_name"], one.get("formatting", "alpaca"), one.get("columns") or {}, {**_FIRST, **(one.get("tags") or {})}) for name, one in described.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise KitError(say(f"{info}: is no dataset_info.json that the kit understands ({type(error).__name__}: {error})", f"{info}：理解できない dataset_info.json です（{type(error).__name__}: {error}）")) from error
    reading = Reading(info.parent)
    for name, (file, formatting, columns, tags) in datasets.items():
        if formatting != "sharegpt":
            raise KitError(say(f"{info}: dataset {name!r} is of formatting {formatting!r}; the kit reads sharegpt", f"{info}：データセット {name!r} は {formatting!r} 形式です。読めるのは sharegpt です"))
        place = (info.parent / str(file).replace("\0", "?")).resolve()  # no path holds a NUL, and resolve() raises at one
        if not place.is_relative_to(info.parent.resolve()):
            raise KitError(say(f"{info}: file {file!r} leaves the folder; copy it in", f"{info}：{file!r} はフォルダーの外です。中にコピーしてください"))
        for row in list_in(place):
            reading.add(row, lambda row, columns=columns, tags=tags: _taken(row, columns, tags), split_of(Path(name)))
    return reading.folder(info.parent.name)


def _taken(row: dict, columns: dict, tags: dict) -> Taken:
    names = {modality: [cell] if isinstance(cell := row.get(columns.get(f"{modality}s", "")) or [], str) else cell for modality in MEDIA}
    prompt, answer = of_two_turns(row[columns.get("messages", "conversations")], tags["role_tag"], tags["content_tag"], tags["user_tag"], tags["assistant_tag"])
    return untagged(prompt, names), answer, names
