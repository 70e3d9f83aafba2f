"""`poc predict`: the tuned model of a run answers a folder of new files, row by row, into a table that an interruption does not spoil.

Rows are read and appended a chunk at a time, so memory does not grow with the folder and nothing that was answered is asked again. The same rows and files give the same
bytes, interrupted or not. Beside the table lies `<table>.about.json`, which says what made it; a table that something else made is not touched.

In use (`poc predict --queue`, poc.in_use) each answer goes into the audit log first, then before people where they must look, and into the table last: `answer` holds what counts at once, `reasons` why the others wait. An interruption may
then have a chunk answered and recorded twice; the queue holds each answer once.
"""

import csv
import hashlib
import io
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pandas as pd

from kit.data import MEDIA, Fault, Sample, stream_folder
from kit.errors import KitError
from kit.evaluation import evaluate, predict
from kit.language import say
from kit.show import progress
from poc import runs
from poc.record import file_hash
from poc.threshold import plain_threshold

CHUNK = 32  # rows that are written together
COLUMNS = ("id", "files", "answer", "abstained", "most_likely", "probability", "probabilities", "truth", "group", "error")
IN_USE = (*COLUMNS, "reasons")  # why a person must look
_EMPTY = dict.fromkeys(COLUMNS, "") | {"abstained": True}


@dataclass(frozen=True)
class Predicted:
    """What a call of `predict_folder` did.

    Attributes:
        table: the file.
        rows: all rows of it; `abstained` were left to a person, `failed` could not be read.
        threshold: below which share of its most likely answer a row is left to a person.
        reasons: how many rows people must look at, by reason; {} where the run is not in use.
        accuracy: {"value", "low", "high"} of the most likely answers, where the folder has labels; else None.
        rehearsal: whether the model was too small for the data to mean anything.
    """

    table: Path
    rows: int
    abstained: int
    failed: int
    threshold: float
    reasons: dict[str, int]
    accuracy: dict | None
    rehearsal: bool


def predict_folder(run: Path, directory: Path, out: Path | None = None, threshold: float | None = None, use=None) -> Predicted:
    """Answers every row of a folder and writes a table of them.

    Args:
        run: a finished run.
        directory: a folder as `kit.data.stream_folder` takes it; labels and a poc.yaml are not needed. Question and options are the run's where a row has none.
        out: .csv or .jsonl; default: predictions-<folder>.csv in the working directory.
        threshold: a row whose most likely answer has a smaller share is left to a person; default: see `usual_threshold`.
        use: poc.in_use.InUse of the run, which brings its own threshold: audit log and queue are written.

    Raises:
        KitError: no finished run, no rows, another ending, or `out` was made by something else.
    """
    record, root = runs.read(run), Path(directory).resolve()
    out = Path(out or f"predictions-{root.name}.csv")
    if out.suffix not in (".csv", ".jsonl"):
        raise KitError(say(f"{out} ends in {out.suffix or 'nothing'!r}; allowed: .csv, .jsonl", f"{out} の拡張子は使えません。.csv か .jsonl にしてください"))
    threshold = use.threshold.value if use else usual_threshold(run) if threshold is None else threshold
    about = _about(run, record, root, threshold) | ({"in_use": True, "temperature": use.threshold.heat} if use else {})
    done, kept = _kept(out, about)
    if done < about["rows"]:
        _write(run, record, root, out, about, done, kept, use)
    return _summary(out, record, root, threshold)


def usual_threshold(run: Path) -> float:
    """The run's `plain_threshold`."""
    return plain_threshold(runs.read_predictions(run))


def rows_of(record: dict, root: Path) -> Iterator[Sample | Fault]:
    """The rows of a folder as they are answered; question and options are the run's where a row has none."""
    return stream_folder(root, record["question"], tuple(record["options"]), tuple(record["decided_by"]), record["data"].get("group_by"))


def _about(run: Path, record: dict, root: Path, threshold: float) -> dict:
    """What decides the table's bytes, without any path of this machine."""
    digest, rows = hashlib.sha256(), 0
    for row in progress(rows_of(record, root), desc=say("reading the rows", "行を読み込み中")):
        said = str(row) if isinstance(row, Fault) else json.dumps([row.id, row.question, *row.options, *_files(root, row), *_stamps(row), row.text], ensure_ascii=False)
        digest.update(said.encode())
        rows += 1
    return {
        "schema": 1,
        "use_case": record["use_case"],
        "run": run.resolve().name,
        "checkpoint": record["model"]["name"],
        "weights": record["model"].get("hash"),
        "adapter": file_hash(run / "adapter" / "adapter_model.safetensors"),
        "four_bit": bool(record["model"].get("four_bit")),
        "folder": root.name,
        "rows": rows,
        "rows_hash": digest.hexdigest(),
        "threshold": threshold,
        "chunk": CHUNK,
    }


def _files(root: Path, sample: Sample) -> list[str]:
    """The sample's files as the table names them."""
    return [path.relative_to(root).as_posix() for modality in MEDIA for path in getattr(sample, modality)]


def _stamps(sample: Sample) -> list[int]:
    """Size and time of the sample's files: tomorrow's photos may have today's names, and reading a million of them to know would take as long as answering."""
    found = [path.stat() for modality in MEDIA for path in getattr(sample, modality) if path.exists()]  # a broken link is told when it is opened
    return [number for stat in found for number in (stat.st_size, stat.st_mtime_ns)]


def _kept(out: Path, about: dict) -> tuple[int, int]:
    """(rows, bytes) of `out` that stay: whole chunks, or everything when all rows are answered; a table of another making raises. Nothing is written."""
    note = _note(out)
    if not out.exists() and not note.exists():
        return 0, 0
    try:
        same = json.loads(note.read_text(encoding="utf-8")) == about
    except (OSError, ValueError):
        same = False
    if not same:
        raise KitError(
            say(
                f"{out} is there and was made by another run, folder, state of its files or threshold ({note.name} says which, where there is one); name another file with --out or delete both",
                f"{out} は別の実行・フォルダー・ファイルの状態・しきい値で作られています（{note.name} に記録）。--out で別のファイル名にするか、両方を削除してください",
            )
        )
    rows, kept, read = 0, 0, 0
    with out.open("rb") if out.exists() else io.BytesIO() as file:
        for number, line in enumerate(file, start=out.suffix == ".jsonl"):  # a csv's header is line 0; no cell has a line break in it
            read += len(line)
            if line.endswith(b"\n") and (number % CHUNK == 0 or number == about["rows"]):
                rows, kept = number, read
    return rows, kept


def _note(out: Path) -> Path:
    return out.with_name(out.name + ".about.json")


def _write(run: Path, record: dict, root: Path, out: Path, about: dict, done: int, kept: int, use) -> None:
    loaded = runs.load_tuned(run)  # before anything is written: it may refuse
    out.parent.mkdir(parents=True, exist_ok=True)
    runs.write_json(_note(out), about)
    bar = progress(total=about["rows"], desc=say("answering", "回答中"))
    bar.update(done)
    rows, columns = islice(rows_of(record, root), done, None), IN_USE if use else COLUMNS
    with out.open("a", encoding="utf-8", newline="") as file:
        file.truncate(kept)
        if not kept and out.suffix == ".csv":
            csv.DictWriter(file, columns, lineterminator="\n").writeheader()
        while chunk := list(islice(rows, CHUNK)):
            answers = _answers(loaded, [row for row in chunk if isinstance(row, Sample)])
            answered = iter(_in_use(root, loaded, list(answers), use) if use else (_answered(root, *one, about["threshold"]) for one in answers))
            for row in (row for row in chunk if use and isinstance(row, Fault)):
                told = _fault(row)
                use.unreadable(told["id"], told["error"].replace(f"{root}/", ""))
            _append(file, [_fault(row) | ({"reasons": ""} if use else {}) if isinstance(row, Fault) else next(answered) for row in chunk], columns, out.suffix)
            bar.update(len(chunk))
    bar.close()


def _answers(loaded, samples: list[Sample]) -> Iterator[tuple[Sample, dict | None, str]]:
    """(sample, {option: share} or None, error) for each; when one of them cannot be read, each is asked alone."""
    try:
        shares = list(predict(loaded, samples, batch_size=16)["probabilities"]) if samples else []
        yield from zip(samples, shares, [""] * len(samples), strict=True)
    except KitError as error:
        if len(samples) == 1:
            yield samples[0], None, _one_line(error)
        else:
            for sample in samples:
                yield from _answers(loaded, [sample])


def _answered(root: Path, sample: Sample, shares: dict[str, float] | None, error: str, threshold: float) -> dict:
    row = _EMPTY | {"id": sample.id, "files": "|".join(_files(root, sample)), "truth": sample.answer, "group": sample.group, "error": error.replace(f"{root}/", "")}  # no path of this machine
    if shares:
        best = max(shares, key=shares.get)
        kept = shares[best] >= threshold
        row |= {"most_likely": best, "answer": best if kept else "", "abstained": not kept, "probability": round(shares[best], 5)}
        row["probabilities"] = {option: round(share, 5) for option, share in shares.items()}
    return row


def _in_use(root: Path, loaded, answers: list[tuple[Sample, dict | None, str]], use) -> list[dict]:
    """The rows of answers that were recorded and, where people must look, queued."""
    answers = [(sample, shares, error.replace(f"{root}/", "")) for sample, shares, error in answers]
    rows = []
    for (sample, shares, error), taken in zip(answers, use.take(loaded, answers), strict=True):
        row = _answered(root, sample, use.threshold.heated(shares) if shares else None, error, use.threshold.value)
        rows.append(row | {"answer": row["most_likely"] if taken.counts else "", "abstained": not taken.counts, "reasons": " ".join(taken.reasons)})
    return rows


def _fault(fault: Fault) -> dict:
    return _EMPTY | {"id": fault.id or f"row-{fault.row}", "error": _one_line(fault)}


def _append(file, rows: list[dict], columns: tuple[str, ...], ending: str) -> None:
    if ending == ".jsonl":
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    else:
        plain = [{k: json.dumps(v, ensure_ascii=False) if isinstance(v, dict | bool) else " ".join(str(v).split()) for k, v in row.items()} for row in rows]
        csv.DictWriter(file, columns, lineterminator="\n").writerows(plain)
    file.flush()
    os.fsync(file.fileno())


def _one_line(error) -> str:
    return " ".join(str(error).split())


def _summary(out: Path, record: dict, root: Path, threshold: float) -> Predicted:
    kinds = {"id": str, "truth": str, "most_likely": str, "group": str, "error": str, "reasons": str}
    parts = pd.read_csv(out, dtype=kinds, keep_default_na=False, chunksize=10_000) if out.suffix == ".csv" else pd.read_json(out, lines=True, dtype=kinds, chunksize=10_000)
    rows, abstained, failed, known, reasons = 0, 0, 0, [], Counter()
    for part in parts:
        wrong = part["error"] != ""
        rows, failed, abstained = rows + len(part), failed + int(wrong.sum()), abstained + int((part["abstained"].astype(bool) & ~wrong).sum())
        reasons.update(reason for cell in part.get("reasons", ()) for reason in cell.split())
        known.append(part.loc[(part["truth"] != "") & ~wrong, ["id", "truth", "most_likely", "group"]])
    known = pd.concat(known).rename(columns={"truth": "answer", "most_likely": "predicted"})
    labels = sorted({*record["options"], *known["answer"], *known["predicted"]})
    accuracy = evaluate(known, labels)["accuracy"] if len(known) else None
    rehearsal = record["model"]["name"] == "tiny_omni" and not root.is_relative_to(runs.COMPANY.resolve())
    return Predicted(out, rows, abstained, failed, threshold, dict(reasons), accuracy, rehearsal)
