"""`poc export`: a run's model as others take it over: merged weights, the adapter, the rows as JSONL, the commands, and the KPI measured again on what was written."""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kit.data import MEDIA, Sample
from kit.errors import KitError
from kit.evaluation import compare, evaluate, predict
from kit.language import say
from kit.models import load
from kit.models.merge import merge
from poc import runs
from poc.handover import readme, refuse_other_rows, write_rows

MOST_LOST = {False: 0.01, True: 0.03}  # of the KPI between the run's model and the merged one; by whether the run trained on a 4-bit base


@dataclass(frozen=True)
class Exported:
    """What an export measured; export.json holds the same.

    Attributes:
        folder: merged/, adapter/, README.md, export.json and, when asked for, data/.
        kpi: its name.
        rows: held-out rows that the merged model answered again; 0 where their files were not found.
        before, after: {"value", "low", "high"} of the run's model and of the merged one; None without rows.
        difference: after minus before, paired; None without rows.
        answers_changed: rows whose answer is another one.
        largest_change: of any option's share.
        four_bit: whether the adapter was trained on a 4-bit base.
        holds: whether no more of the KPI was lost than MOST_LOST; None without rows.
    """

    folder: Path
    kpi: str
    rows: int = 0
    before: dict | None = None
    after: dict | None = None
    difference: dict | None = None
    answers_changed: int = 0
    largest_change: float = 0.0
    four_bit: bool = False
    holds: bool | None = None


def export(run: Path, out: Path | None = None, directory: Path | None = None, data: bool = False, tell=lambda line: None) -> Exported:
    """Writes a run's model for serving and measures the KPI on it.

    Args:
        run: a finished run.
        out: a folder that is not there yet; default: `export` in the run's folder.
        directory: the use case's folder; default: looked for as the report does.
        data: write the use case's rows, too (messages and media, the form that ms-swift and LLaMA-Factory read).
        tell: receives one line per step.

    Raises:
        KitError: no finished run, `out` exists, the checkpoint cannot be loaded, or `data` without the use case's folder or with rows that are no longer the run's. Nothing is left behind then.
    """
    record, out = runs.read(run), Path(out or run / "export")
    if out.exists():
        raise KitError(say(f"{out} exists already and is not overwritten; name another folder with --out", f"{out} は既にあるため上書きしません。--out で別のフォルダーを指定してください"))
    rows = _held_out(run)
    directory = directory or runs.evidence_folder(run, record, rows)
    if data and directory is None:
        raise KitError(say("the use case's folder is not found; name it with --folder", "ユースケースのフォルダーが見つかりません。--folder で指定してください"))
    if data:
        refuse_other_rows(directory, record)
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        tell(say("[1/3] merging the adapter into the 16-bit checkpoint", "[1/3] アダプターを 16-bit のチェックポイントに統合"))
        merge(runs.checkpoint_of(record), run / "adapter", part / "merged")
        shutil.copytree(run / "adapter", part / "adapter")
        tell(say("[2/3] measuring the merged model on the held-out rows", "[2/3] 統合したモデルを評価用の行で測定"))
        measured = _measure(out, record, rows, directory, part / "merged")
        tell(say("[3/3] writing the commands", "[3/3] コマンドを書き出し"))
        if data:
            write_rows(directory, record, part / "data")
        (part / "README.md").write_text(readme(record, run, measured), encoding="utf-8")
        runs.write_json(part / "export.json", asdict(measured) | {"folder": out.name, "run": run.resolve().name, "versions": record["versions"]})
        part.rename(out)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return measured


def _held_out(run: Path) -> pd.DataFrame:
    frame = runs.read_predictions(run)
    return frame[(frame["arm"] == "tuned") & (frame["condition"] == "as_is") & (frame["split"] == "test")].reset_index(drop=True)


def _measure(out: Path, record: dict, rows: pd.DataFrame, directory: Path | None, merged: Path) -> Exported:
    kpi, four_bit = record["gates"]["kpi"], bool(record["model"].get("four_bit"))
    if directory is None:
        return Exported(out, kpi, four_bit=four_bit)
    samples = [_sample(row, directory, record) for row in rows.to_dict("records")]
    again = predict(load(str(merged)), samples, desc=say("merged model", "統合したモデル"))
    labels = [*record["options"], *sorted({*rows["answer"], *rows["predicted"], *again["predicted"]} - set(record["options"]))]
    confidence = record["gates"]["confidence"]
    difference = compare(again, rows, labels, kpi, confidence)
    changes = [abs(a[option] - b[option]) for a, b in zip(rows["probabilities"], again["probabilities"], strict=True) for option in b]
    return Exported(
        out, kpi, len(rows),
        before=evaluate(rows, labels, confidence=confidence)[kpi],
        after=evaluate(again, labels, confidence=confidence)[kpi],
        difference=difference,
        answers_changed=int((rows["predicted"].to_numpy() != again["predicted"].to_numpy()).sum()),
        largest_change=float(np.max(changes)),
        four_bit=four_bit,
        holds=difference["value"] >= -MOST_LOST[four_bit],
    )  # fmt: skip


def _sample(row: dict, directory: Path, record: dict) -> Sample:
    """The sample of a row of predictions.csv."""
    media = {kind: tuple(runs.evidence_file(directory, name) for name in row[kind].split("|") if name) for kind in MEDIA}
    return Sample(
        row["id"], row["question"], tuple(row["probabilities"]), row["answer"], text=row["text"], decided_by=tuple(record["decided_by"]), group=row["group"], **media
    )


def exported_lines(done: Exported) -> list[str]:
    """What a person reads at the end of an export."""
    lines = [say(f"Written: {done.folder} (README.md has the serving commands)", f"書き出し先: {done.folder}（README.md に起動コマンド）")]
    if not done.rows:
        return [*lines, say("NOT measured again: the held-out files were not found; name the use case's folder with --folder", "再測定していません：評価用のファイルが見つかりません。--folder で指定してください")]
    before, after, change = ((100 * done.before["value"]), (100 * done.after["value"]), {k: 100 * v for k, v in done.difference.items()})
    lines.append(
        say(
            f"{done.kpi} of the run {before:.1f} %, of the merged model {after:.1f} % ({change['value']:+.1f} [{change['low']:+.1f}, {change['high']:+.1f}]); "
            f"{done.answers_changed} of {done.rows} answers changed",
            f"{done.kpi}：実行時 {before:.1f} %、統合後 {after:.1f} %（{change['value']:+.1f} [{change['low']:+.1f}, {change['high']:+.1f}]）、{done.rows} 件中 {done.answers_changed} 件の答えが変化",
        )
    )
    if not done.holds:
        most = 100 * MOST_LOST[done.four_bit]
        lines.append(say(f"The merged model lost more than {most:g} points: do not serve it. {_instead(done)}", f"{most:g} ポイントを超えて低下しました。統合したモデルは使わないでください。{_instead(done)}"))
    return lines


def _instead(done: Exported) -> str:
    if done.four_bit:
        return say("The adapter belongs to a 4-bit base: serve it on that (README.md).", "アダプターは 4-bit のベース用です。そのベースの上で使ってください（README.md）。")
    return say("Serve the adapter on its base.", "ベースとアダプターのまま使ってください。")


def read_export(folder: Path) -> dict:
    """export.json of an export."""
    return json.loads((folder / "export.json").read_text(encoding="utf-8"))
