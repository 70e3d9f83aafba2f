"""Samples -> a company folder that `read_folder` reads back.

Not covered: meta values that are no text (they come back as JSON).
"""

import csv
import hashlib
import json
import shutil
from pathlib import Path

from kit.data.files import own
from kit.data.sample import MEDIA, Sample
from kit.errors import KitError
from kit.language import say

PLAIN = ("question", "answer", "text", "group", "split", "data_layer")  # fields that are a cell as they are
LISTS = ("options", "decided_by")  # fields that are joined with "|"


def write_folder(samples: tuple[Sample, ...], root: Path) -> Path:
    """Writes metadata.csv (UTF-8 with mark, which Excel opens rightly) with paths relative to `root`, and returns its path.

    Files from elsewhere are copied in. The table appears last and whole, so an interrupted call leaves no folder that looks finished.

    Raises:
        KitError: `root` already has a metadata.csv, or a link in it leads elsewhere.
    """
    root = Path(root).resolve()
    table = root / "metadata.csv"
    if own(table, root).exists():
        raise KitError(
            say(
                f"{table}: exists already and is not overwritten. Give another folder or delete it.",
                f"{table}: 既にあるため上書きしません。別のフォルダーを指定するか、削除してください。",
            )
        )
    root.mkdir(parents=True, exist_ok=True)
    columns = ("id", *MEDIA, *PLAIN, *LISTS)
    extra = dict.fromkeys(key for sample in samples for key in sample.meta if key not in columns)
    new = own(table.with_name("metadata.csv.new"), root)
    with new.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, [*columns, *extra], restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(_row(sample, root) for sample in samples)
    new.replace(table)
    return table


def _row(sample: Sample, root: Path) -> dict[str, str]:
    meta = {key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for key, value in sample.meta.items()}
    media = {name: "|".join(bring_in(path, root, name) for path in getattr(sample, name)) for name in MEDIA}
    lists = {name: "|".join(getattr(sample, name)) for name in LISTS}
    return {**meta, "id": sample.id, **{name: getattr(sample, name) for name in PLAIN}, **media, **lists}


def bring_in(path: Path, root: Path, place: str) -> str:
    """The path relative to `root`, after copying the file into the folder `place` there when it lies elsewhere; two files of one name get two names.

    Raises:
        KitError: a link in `root` leads elsewhere.
    """
    path = path.resolve()
    if path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    content = path.read_bytes()
    target = own(root / place / path.name, root)
    if target.exists() and target.read_bytes() != content:  # two folders, one name
        target = own(target.with_stem(f"{path.stem}-{hashlib.sha256(content).hexdigest()[:12]}"), root)
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        shutil.copyfile(path, target)
    return target.relative_to(root).as_posix()
