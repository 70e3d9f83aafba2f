"""Samples -> a company folder that `read_folder` reads back."""

import csv
import json
import shutil
from pathlib import Path

from kit.data.sample import MEDIA, Sample
from kit.errors import KitError
from kit.language import say


def write_folder(samples: tuple[Sample, ...], root: Path) -> Path:
    """metadata.csv (UTF-8 with mark, which Excel opens rightly) with paths relative to `root`; files from elsewhere are copied in.

    Raises:
        KitError: `root` already has a metadata.csv.
    """
    root = Path(root).resolve()
    table = root / "metadata.csv"
    if table.exists():
        raise KitError(
            say(
                f"{table}: exists already and is not overwritten. Give another folder or delete it.",
                f"{table}: 既にあるため上書きしません。別のフォルダーを指定するか、削除してください。",
            )
        )
    root.mkdir(parents=True, exist_ok=True)
    extra = list(dict.fromkeys(key for sample in samples for key in sample.meta))
    plain = ("id", "question", "answer", "text", "group", "split", "data_layer")
    with table.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(
            file, [*plain[:1], *MEDIA, *plain[1:], "options", "decided_by", *extra], restval=""
        )
        writer.writeheader()
        for sample in samples:
            media = {
                name: "|".join(_inside(path, root, name) for path in getattr(sample, name)) for name in MEDIA
            }
            lists = {name: "|".join(getattr(sample, name)) for name in ("options", "decided_by")}
            meta = {
                key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                for key, value in sample.meta.items()
            }
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
