"""Writes a use case's company folder: media, metadata.csv and the hand-written poc.yaml and README beside them."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

HOME = Path(__file__).resolve().parents[1] / "company"
BY_HAND = ("poc.yaml", "dataset.yaml", "README.md")


def build_folder(name: str, rows: list[dict], make_row: Callable[[dict, Path], dict], columns: list[str],
                 out: Path, limit: int | None = None) -> int:
    """Make every row's media and one metadata.csv.

    Args:
        name: the use case. rows: the plan, one dict per row.
        make_row: writes the media of one row under the folder and returns its metadata.
        columns: of metadata.csv, in order.
        out: the company folder's parent. limit: only the first rows, spread over the plan.

    Returns:
        How many rows were written.
    """
    root = Path(out) / name
    root.mkdir(parents=True, exist_ok=True)
    if limit:
        rows = [rows[i * len(rows) // limit] for i in range(min(limit, len(rows)))]
    lines = [make_row(row, root) for row in tqdm(rows, desc=name, unit="row")]
    with open(root / "metadata.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="raise", lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    for text in BY_HAND:
        if (HOME / name / text).exists() and root != HOME / name:
            shutil.copy(HOME / name / text, root / text)
    return len(lines)


def write_faults(faults: list[dict], out: Path, names: list[str]) -> None:
    """Write planted_faults.json; keeps the entries of use cases that were not rebuilt.

    Args:
        faults: [{"use_case", "kind", "rows": [ids], "note"}, ...] of the rebuilt use cases `names`.
    """
    path = Path(out) / "planted_faults.json"
    kept = [f for f in json.loads(path.read_text("utf-8")) if f["use_case"] not in names] if path.exists() else []
    everything = sorted(kept + faults, key=lambda f: (f["use_case"], f["kind"]))
    path.write_text(json.dumps(everything, ensure_ascii=False, indent=1) + "\n", "utf-8")


def named_faults(use_case: str, rows: list[dict]) -> list[dict]:
    """The entries of planted_faults.json for rows that carry `fault` and `fault_note`."""
    kinds = {}
    for row in rows:
        if "fault" in row:
            entry = kinds.setdefault(row["fault"], {"use_case": use_case, "kind": row["fault"], "rows": [], "notes": {}})
            entry["rows"].append(row["id"])
            entry["notes"][row["id"]] = row["fault_note"]
    return list(kinds.values())


def pick(rows: list[dict], n: int, rng: np.random.Generator, ask: Callable[[dict], bool] = lambda row: True) -> list[dict]:
    """n random rows that carry no planted fault yet and are nobody's original."""
    free = [row for row in rows if "fault" not in row and "taken" not in row and ask(row)]
    return [free[i] for i in rng.choice(len(free), n, replace=False)]


def put(root: Path, relative: str, data: bytes) -> str:
    """Write bytes below the folder; returns the relative path that metadata.csv names."""
    path = root / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return relative
