"""`poc predict`: the tuned model of a run answers a folder of new files, row by row, into a table that an interruption does not spoil.

Rows are appended a chunk at a time, so memory does not grow with the folder and nothing that was answered is asked again. The same arguments give the same bytes,
interrupted or not. Beside the table lies `<table>.about.json`, which says what made it; a table that something else made is not touched.
"""

import csv
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kit.data import MEDIA, Folder, Sample, read_folder
from kit.errors import KitError
from kit.evaluation import evaluate, predict
from kit.language import say
from kit.models.catalogue import resolve
from kit.show import progress
from poc import runs
from poc.record import file_hash, weights_hash

CHUNK = 32  # rows that are written together
COLUMNS = ("id", "files", "answer", "abstained", "most_likely", "probability", "probabilities", "truth", "error")
RIGHT = 0.95  # of the answers that are given, on the run's held-out rows: what the threshold is set for where nobody names one


@dataclass(frozen=True)
class Predicted:
    """What a call of `predict_folder` did.

    Attributes:
        table: the file.
        rows: all rows of it; `abstained` were left to a person, `failed` could not be read.
        threshold: below which share of its most likely answer a row is left to a person.
        accuracy: {"value", "low", "high"} of the most likely answers, where the folder has labels; else None.
        rehearsal: whether the model was too small for the data to mean anything.
    """

    table: Path
    rows: int
    abstained: int
    failed: int
    threshold: float
    accuracy: dict | None
    rehearsal: bool


def predict_folder(run: Path, directory: Path, out: Path | None = None, threshold: float | None = None) -> Predicted:
    """Answers every row of a folder and writes a table of them.

    Args:
        run: a finished run.
        directory: a folder as `kit.data.read_folder` takes it; labels and a poc.yaml are not needed. Question and options are the run's where a row has none.
        out: .csv or .jsonl; default: predictions-<folder>.csv in the working directory.
        threshold: a row whose most likely answer has a smaller share is left to a person; default: see `usual_threshold`.

    Raises:
        KitError: no finished run, no rows, another ending, or `out` was made by something else.
    """
    record = runs.read(run)
    folder = read_folder(directory, question=record["question"], options=tuple(record["options"]), decided_by=tuple(record["decided_by"]), verify=False, to_learn=False)
    out = Path(out or f"predictions-{folder.root.name}.csv")
    if out.suffix not in (".csv", ".jsonl"):
        raise KitError(say(f"{out} ends in {out.suffix or 'nothing'!r}; allowed: .csv, .jsonl", f"{out} の拡張子は使えません。.csv か .jsonl にしてください"))
    if not folder.samples and not folder.faults:
        raise KitError(say(f"{directory} has no rows to answer", f"{directory} に答える行がありません"))
    threshold = usual_threshold(run) if threshold is None else threshold
    done = _begin(out, _about(run, record, folder, threshold))
    _write(run, folder, out, threshold, done)
    return _summary(out, record, folder, threshold)


def usual_threshold(run: Path) -> float:
    """The smallest share from which on RIGHT of the answers given are right on the run's own held-out rows; 1 where no share is enough.

    A plain threshold on uncalibrated shares, measured on those rows: no guarantee for other ones.
    """
    frame = runs.read_predictions(run)
    frame = frame[(frame["arm"] == "tuned") & (frame["condition"] == "as_is") & (frame["split"] == "test")]
    shares = frame["probabilities"].map(lambda p: max(p.values()))
    right = (frame["answer"] == frame["predicted"]).to_numpy()[shares.argsort()[::-1]]
    kept = [count for count in range(1, len(right) + 1) if right[:count].mean() >= RIGHT]
    return round(float(shares.sort_values(ascending=False).iloc[kept[-1] - 1]), 3) if kept else 1.0


def _about(run: Path, record: dict, folder: Folder, threshold: float) -> dict:
    """What decides the table's bytes, without any path of this machine."""
    rows = hashlib.sha256()
    for s in folder.samples:
        rows.update(json.dumps([s.id, s.question, *s.options, *_files(folder, s), s.text], ensure_ascii=False).encode())
    return {
        "schema": 1,
        "use_case": record["use_case"],
        "run": run.resolve().name,
        "checkpoint": record["model"]["name"],
        "weights": weights_hash(resolve(runs.checkpoint_of(record))[1]),
        "adapter": file_hash(run / "adapter" / "adapter_model.safetensors"),
        "four_bit": bool(record["model"].get("four_bit")),
        "folder": folder.root.name,
        "rows": len(folder.samples) + len(folder.faults),
        "rows_hash": rows.hexdigest(),
        "threshold": threshold,
        "chunk": CHUNK,
    }


def _files(folder: Folder, sample: Sample) -> list[str]:
    """The sample's files as the table names them."""
    return [path.resolve().relative_to(folder.root.resolve()).as_posix() for modality in MEDIA for path in getattr(sample, modality)]


def _begin(out: Path, about: dict) -> int:
    """How many samples are answered already; a table of another making raises, half a chunk at the end is cut off."""
    note = out.with_name(out.name + ".about.json")
    if not out.exists() and not note.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        runs.write_json(note, about)
    try:
        same = json.loads(note.read_text(encoding="utf-8")) == about
    except (OSError, ValueError):
        same = False
    if not same:
        raise KitError(
            say(
                f"{out} is there and was made by another run, folder or threshold ({note.name} says which, where there is one); name another file with --out or delete both",
                f"{out} は別の実行・フォルダー・しきい値で作られています（{note.name} に記録）。--out で別のファイル名にするか、両方を削除してください",
            )
        )
    header = b"" if out.suffix == ".jsonl" else (",".join(COLUMNS) + "\n").encode()
    if not out.exists() or out.stat().st_size < len(header):
        out.write_bytes(header)
    rows, whole, read, end = 0, 0, len(header), len(header)
    with out.open("rb+") as file:
        file.seek(len(header))
        for line in file:  # no cell has a line break in it
            if not line.endswith(b"\n"):
                break
            rows, read = rows + 1, read + len(line)
            if rows % CHUNK == 0 or rows == about["rows"]:
                whole, end = rows, read
        file.truncate(end)
    return whole


def _write(run: Path, folder: Folder, out: Path, threshold: float, done: int) -> None:
    samples, faults = folder.samples[done:], folder.faults if done <= len(folder.samples) else ()
    if done >= len(folder.samples) + len(folder.faults):
        return
    loaded = runs.load_tuned(run) if samples else None
    bar = progress(total=len(folder.samples) + len(folder.faults), desc=say("answering", "回答中"))
    bar.update(done)
    with out.open("a", encoding="utf-8", newline="") as file:
        for start in range(0, len(samples), CHUNK):
            chunk = samples[start : start + CHUNK]
            _append(file, [_row(folder, s, shares, error, threshold) for s, shares, error in _answers(loaded, chunk)], out.suffix)
            bar.update(len(chunk))
        _append(file, [dict.fromkeys(COLUMNS, "") | {"id": f.id or f"row-{f.row}", "abstained": True, "error": _one_line(f)} for f in faults], out.suffix)
    bar.close()


def _answers(loaded, chunk: tuple[Sample, ...]):
    """(sample, {option: share} or None, error) for each; when one of them cannot be read, each is asked alone."""
    try:
        return [(s, p, "") for s, p in zip(chunk, predict(loaded, list(chunk), batch_size=16)["probabilities"], strict=True)]
    except KitError as error:
        if len(chunk) == 1:
            return [(chunk[0], None, _one_line(error))]
        return [answer for sample in chunk for answer in _answers(loaded, (sample,))]


def _row(folder: Folder, sample: Sample, shares: dict[str, float] | None, error: str, threshold: float) -> dict:
    row = {"id": sample.id, "files": "|".join(_files(folder, sample)), "truth": sample.answer, "error": error, "abstained": True, "answer": "", "most_likely": "", "probability": "", "probabilities": ""}
    if shares:
        best = max(shares, key=shares.get)
        kept = shares[best] >= threshold
        row |= {"most_likely": best, "answer": best if kept else "", "abstained": not kept, "probability": round(shares[best], 5)}
        row["probabilities"] = {option: round(share, 5) for option, share in shares.items()}
    return {name: row[name] for name in COLUMNS}


def _append(file, rows: list[dict], ending: str) -> None:
    if ending == ".jsonl":
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    else:
        plain = [{k: json.dumps(v, ensure_ascii=False) if isinstance(v, dict | bool) else " ".join(str(v).split()) for k, v in row.items()} for row in rows]
        csv.DictWriter(file, COLUMNS, lineterminator="\n").writerows(plain)
    file.flush()
    os.fsync(file.fileno())


def _one_line(error) -> str:
    return " ".join(str(error).split())


def _summary(out: Path, record: dict, folder: Folder, threshold: float) -> Predicted:
    kinds = {"id": str, "truth": str, "most_likely": str, "error": str}
    if out.suffix == ".csv":
        frame = pd.read_csv(out, dtype=kinds, keep_default_na=False, usecols=[*kinds, "abstained"])
    else:
        frame = pd.read_json(out, lines=True, dtype=kinds)[[*kinds, "abstained"]]
    failed = frame["error"] != ""
    known = frame[(frame["truth"] != "") & ~failed].rename(columns={"truth": "answer", "most_likely": "predicted"})
    groups = {s.id: s.group for s in folder.samples}
    known = known.assign(group=known["id"].map(groups).fillna(""))
    labels = sorted({*record["options"], *known["answer"], *known["predicted"]})
    accuracy = evaluate(known, labels)["accuracy"] if len(known) else None
    rehearsal = record["model"]["name"] == "tiny_omni" and not folder.root.resolve().is_relative_to(runs.COMPANY.resolve())
    return Predicted(out, len(frame), int((frame["abstained"].astype(bool) & ~failed).sum()), int(failed.sum()), threshold, accuracy, rehearsal)
