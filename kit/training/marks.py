"""What decides a stage's result, as one digest: the stage, its rows with their media's content, and the checkpoint that it begins with."""

import hashlib
import json
from dataclasses import asdict, fields
from functools import cache
from pathlib import Path

from kit.data import Sample
from kit.data.sample import MEDIA
from kit.models import resolve


def mark_of(stage, rows: list[Sample], start: str | Path) -> str:
    """A digest that changes with anything that another result would come of, but library versions and threads.

    Args:
        stage: `kit.training.schedule.Stage`.
        rows: of all updates.
        start: the checkpoint before the first update; one that a stage wrote is known by that stage's own mark.
    """
    return digest_of([asdict(stage), origin(start)], rows)


def digest_of(settings, rows: list[Sample]) -> str:
    """A digest of settings (anything that JSON can write) and of rows, their media's content included."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps(settings, sort_keys=True, default=str).encode())
    for row in rows:
        told = {field.name: getattr(row, field.name) for field in fields(row) if field.name not in MEDIA}
        media = [[path.name, content(path)] for name in MEDIA for path in getattr(row, name)]
        digest.update(json.dumps([told, media], sort_keys=True, default=str, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()


def content(path: Path) -> str:
    """A digest of a file's bytes."""
    about = path.stat()
    return _content(str(path), about.st_size, about.st_mtime_ns)


@cache
def _content(path: str, size: int, changed: int) -> str:
    """Of one state of a file: a row that is drawn a hundred times is read once."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def origin(start: str | Path) -> str:
    """What a checkpoint is known by: the mark of the stage that wrote it, its files' content, or the hub id that names it."""
    written = Path(start).parent / "stage.json"
    if Path(start).name == "checkpoint" and written.is_file():
        return json.loads(written.read_text(encoding="utf-8"))["mark"]
    source = resolve(str(start))[1]
    if not Path(source).is_dir():
        return source  # of a hub
    return json.dumps([[file.name, content(file)] for pattern in ("*.json", "*.safetensors") for file in sorted(Path(source).glob(pattern))])
