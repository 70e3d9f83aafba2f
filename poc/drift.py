"""`poc drift`: do new rows still look like the rows that the run was judged on? One monitor over all charts (`kit.operations.drift`), and as far as labels came, whether more answers are wrong.

The reference is an ordinary period: the run's held-out rows, or a folder of rows that came since, whose groups (lots, days, callers) are many enough. Both are answered by the run's model; answers, statistics of the media and
features are kept in the folder of the results, so that the same command goes on after an interruption and costs seconds when repeated.
"""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from kit.data import Sample
from kit.errors import KitError
from kit.language import current, say
from kit.operations.control_charts import name_of_chart
from kit.operations.drift import Monitor
from kit.operations.observed import Observed
from kit.operations.policy import MIN_SPAN, Policy
from kit.operations.risk import LEAST, RiskMonitor
from poc import runs
from poc.predict import predict_folder, rows_of, usual_threshold
from poc.record import file_hash
from poc.usecase import load_samples, load_usecase

FILE, FIGURE = "drift.json", "drift.png"
ANSWERED = ("test", "calibration")  # splits that the model did not learn from
ENOUGH = 80  # groups of a reference, with which benchmarks/drift.csv found the set rate to hold on fresh lots


def watch(run: Path, stream: Path, reference: Path | None = None, directory: Path | None = None, window: int | None = None, false_alarms: float = 0.01, out: Path | None = None) -> dict:
    """Compares a folder of new rows with the reference and writes drift.json and drift.png.

    Args:
        run: a finished run.
        stream: a folder as `poc predict` takes it, its rows in the order in which they came, with a group column.
        reference: a folder of an ordinary period; default: the run's held-out rows.
        directory: the use case's folder, for the run's rows; default: looked for as the report does.
        window: rows that are compared at a look; default: 100, or more where groups are large.
        false_alarms: share of ordinary periods as long as the stream in which any chart may alarm.
        out: folder of the results; default: operations/drift-<name of the stream> in the run's.

    Returns:
        drift.json: {"schema", "use_case", "run", "stream", "rows", "groups", "left_out", "labels", "reference", "policy", "charts", "history", "first" (row of the first alarm), "alarm", "findings"}.

    Raises:
        KitError: no finished run, rows without groups, too few rows or groups, or `out` holds answers to other rows.
    """
    record = runs.read(run)
    out = Path(out or run / "operations" / f"drift-{Path(stream).resolve().name}")
    came, left_out = _of_folder(run, record, Path(stream), out, "stream")
    if reference is None:
        usual, frame = _of_run(run, record, directory, out)
        named = {"folder": None, "left_out": 0}
    else:
        usual, missing = _of_folder(run, record, Path(reference), out, "reference")
        frame, named = _held_out(run), {"folder": Path(reference).resolve().name, "left_out": missing}
    policy = policy_for(usual, came, window, false_alarms)
    monitor = Monitor(usual, policy)
    seen = monitor.restarted()
    seen.add(came)
    labelled = _labelled(out / "stream.csv")
    findings = runs.in_both_languages(lambda: [*monitor.restarted().add(came), *_risk(frame, labelled)])
    told = {
        "schema": 1, "use_case": record["use_case"], "run": run.resolve().name, "stream": Path(stream).resolve().name, "rows": len(came), "groups": len(set(came.group)), "left_out": left_out, "labels": len(labelled),
        "reference": named | {"rows": len(usual), "groups": len(set(usual.group))}, "policy": asdict(policy), "charts": monitor.charts.names, "first": seen.alarms[0].evidence["seen"] if seen.alarms else None,
        "alarm": bool(findings), "findings": findings, "history": seen.history.astype(object).where(seen.history.notna(), None).to_dict("records"),
    }  # fmt: skip
    runs.write_json(out / FILE, told)
    (out / FIGURE).write_bytes(figure_of(seen.history))
    return told


def policy_for(reference: Observed, stream: Observed, window: int | None = None, false_alarms: float = 0.01) -> Policy:
    """A window of 100 rows, or of MIN_SPAN of the largest group; a look each quarter of it; the period is the stream, as far as the reference has as many rows.

    Raises:
        KitError: the stream is shorter than a window.
    """
    window = window or max(100, MIN_SPAN * int(pd.Series(reference.group).value_counts().max()))
    if len(stream) < window:
        raise KitError(say(f"the stream has {len(stream)} readable rows, and {window} are compared at a look: wait for more, or give a smaller --window ({MIN_SPAN} groups of the reference at least)",
                           f"監視対象の読める行は {len(stream)} 行で、1 回の比較に {window} 行必要です。行が増えるのを待つか、--window を小さくしてください（基準のグループ {MIN_SPAN} 個分以上）"))  # fmt: skip
    return Policy(window, max(1, window // 4), max(window, min(len(stream), len(reference))), false_alarms, max(1000, int(np.ceil(50 / false_alarms))))


def figure_of(history: pd.DataFrame) -> bytes:
    """The charts as a PNG."""
    from kit.show import control_charts, png

    return png(control_charts(history, names={chart: name_of_chart(chart) for chart in history["chart"].unique()}))


def drift_lines(told: dict, out: Path) -> list[str]:
    """What `watch` found, for the terminal."""
    from poc.words import name_of_finding

    rows, usual, policy = told["rows"], told["reference"], told["policy"]
    lines = [say(f"{rows:,} rows in {told['groups']} groups against {usual['rows']:,} ordinary ones in {usual['groups']}; {len(told['charts'])} charts, a look every {policy['every']} rows",
                 f"{rows:,} 行（{told['groups']} グループ）を、通常の {usual['rows']:,} 行（{usual['groups']} グループ）と比較。管理図 {len(told['charts'])} 枚、{policy['every']} 行ごとに確認")]  # fmt: skip
    if told["left_out"]:
        lines.append(say(f"[WARN] {told['left_out']} rows could not be read and were left out", f"[WARN] 読めない {told['left_out']} 行は除きました"))
    for finding in told["findings"]:
        lines.append(f"[{'BAD' if finding['verdict'] == 'bad' else 'WARN'}] {name_of_finding(finding['name'])}: {finding['summary'][current()]}")
        lines.append(f"        -> {finding['advice'][current()]} ({finding['cost'][current()]})")
    if not told["findings"]:
        lines.append(say("[OK]   no chart alarmed.", "[OK]   警報はありません。"))
    if usual["groups"] < ENOUGH:
        lines.append(say(f"[WARN] limits from {usual['groups']} groups know too few of the lots to come: with 40, 10 of 100 ordinary months alarmed in our benchmark though 2.5 % was set, with 20 far more; {ENOUGH} were enough. Read an alarm as “go and look”",
                         f"[WARN] 基準が {usual['groups']} グループでは、今後のロットのばらつきを十分に表せません。ベンチマークでは 2.5 % に設定しても、40 グループで通常の月 100 回中 10 回に誤報が出て、20 グループではさらに多く、{ENOUGH} グループで足りました。警報は「見に行く合図」とお考えください"))  # fmt: skip
    else:
        lines.append(say(f"Limits are set so that an ordinary period of {policy['horizon']:,} rows alarms with a chance of {policy['false_alarms']:.1%}, if it is like the reference (on fresh lots of our benchmark: 2 of 100).",
                         f"管理限界は、基準と同様の通常の {policy['horizon']:,} 行で誤報の確率が {policy['false_alarms']:.1%} になるよう設定しています（ベンチマークの新しいロットでは 100 回中 2 回）。"))  # fmt: skip
    labels = say(f"{told['labels']} rows have labels" if told["labels"] else "No row has a label", f"ラベル付きは {told['labels']} 行" if told["labels"] else "ラベル付きの行はありません")
    lines.append(say(f"{labels}. Charts see that rows look different, not whether answers are right: have 50 rows labelled that are drawn at random.",
                     f"{labels}。管理図が示すのは見た目や出力の変化で、正誤ではありません。無作為に選んだ 50 行にラベルを付けてください。"))  # fmt: skip
    return [*lines, say(f"Charts: {out / FIGURE}", f"管理図：{out / FIGURE}")]


def _of_folder(run: Path, record: dict, root: Path, out: Path, name: str) -> tuple[Observed, int]:
    """The readable rows of a folder as the run's model sees them, and how many are not readable."""
    table = predict_folder(run, root, out / f"{name}.csv").table
    frame = pd.read_csv(table, dtype=str, keep_default_na=False)
    samples = [sample for sample, error in zip(rows_of(record, root.resolve()), frame["error"], strict=True) if not error]
    left_out = len(frame) - len(samples)
    frame = frame[frame["error"] == ""].reset_index(drop=True)
    if (without := int((frame["group"] == "").sum())) or frame.empty:
        column = record["data"].get("group_by") or "group"
        raise KitError(say(f"{root}: {without} of {len(frame)} readable rows have no group; a monitor compares whole lots, days or callers: write them into the column `{column}` of its table",
                           f"{root}：読める {len(frame)} 行中 {without} 行にグループがありません。ロット・日・話者などの単位で比べるため、表の `{column}` 列に書いてください"))  # fmt: skip
    return _observed(run, samples, frame["group"], frame["most_likely"], frame["probability"].astype(float), out / f"{name}.npz", file_hash(table)), left_out


def _of_run(run: Path, record: dict, directory: Path | None, out: Path) -> tuple[Observed, pd.DataFrame]:
    """The run's held-out rows, with the answers that they got then."""
    frame = _held_out(run)
    directory = directory or runs.evidence_folder(run, record, frame)
    if directory is None:
        raise KitError(say("the use case's folder is not found; name it with --folder, or an ordinary period with --reference", "ユースケースのフォルダーが見つかりません。--folder で指定するか、通常の期間を --reference で指定してください"))
    there = {sample.id: sample for sample in load_samples(directory, load_usecase(directory), seed=record["seed"], verify=False).samples}
    frame = frame[frame["id"].isin(there)].reset_index(drop=True)
    shares = frame["probabilities"].map(lambda shares: max(shares.values()))
    return _observed(run, [there[id] for id in frame["id"]], frame["group"], frame["predicted"], shares, out / "reference.npz", file_hash(run / "predictions.csv")), frame


def _held_out(run: Path) -> pd.DataFrame:
    frame = runs.read_predictions(run)
    return frame[(frame["arm"] == "tuned") & (frame["condition"] == "as_is") & frame["split"].isin(ANSWERED)].reset_index(drop=True)


def _observed(run: Path, samples: list[Sample], group: pd.Series, answer: pd.Series, share: pd.Series, kept: Path, made_of: str) -> Observed:
    """Rows as the monitor sees them; what takes long (features, statistics of the media) is read from `kept` where that is of the same answers."""
    from kit.evaluation.labels import frozen_features
    from kit.operations.quality import quality_of

    there = dict(np.load(kept)) if kept.is_file() else {}
    if str(there.get("made_of")) != made_of:
        embedding = frozen_features(runs.load_tuned(run), samples).astype(np.float32)
        there = {"made_of": np.array(made_of), "embedding": embedding} | {f"quality {name}": values for name, values in quality_of(samples).items()}
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, **there)
    quality = {name.removeprefix("quality "): values for name, values in there.items() if name.startswith("quality ")}
    return Observed(group.to_numpy(str), {"confidence": share.to_numpy(float), "answer": answer.to_numpy(str)}, quality, {"abstention": (share < usual_threshold(run)).to_numpy()}, there["embedding"])


def _labelled(table: Path) -> pd.DataFrame:
    """Rows of the stream whose right answer is known: columns answer, predicted."""
    frame = pd.read_csv(table, dtype=str, keep_default_na=False)
    return frame[(frame["truth"] != "") & (frame["error"] == "")].drop(columns="answer").rename(columns={"truth": "answer", "most_likely": "predicted"})


def _risk(reference: pd.DataFrame, labelled: pd.DataFrame) -> list:
    """The alarm of errors, where labels came and the run has enough of its own."""
    return RiskMonitor(reference).add(labelled) if len(labelled) and len(reference) >= LEAST else []


def recorded_month() -> dict[str, tuple[Observed, pd.DataFrame]]:
    """name -> (rows as a monitor sees them, columns answer, predicted) of the sample company's recorded photos: reference, ordinary (later lots), light (a low evening sun), part (a part number that is new).

    A person checks what the model leaves to people (a tenth of the reference) and a fifth of the rest. benchmarks/drift_lesson.py wrote the file.
    """
    with np.load(runs.COMPANY.parent / "recorded_month.npz") as kept:
        names = list(dict.fromkeys(key.partition("|")[0] for key in kept))
        sets = {name: {key.partition("|")[2]: kept[key] for key in kept if key.startswith(f"{name}|")} for name in names}
    threshold, found = float(np.quantile(sets["reference"]["confidence"], 0.1)), {}
    for name, seen in sets.items():
        abstained, wrong = seen["confidence"] < threshold, seen["predicted"] != seen["answer"]
        quality = {key.removeprefix("quality "): values for key, values in seen.items() if key.startswith("quality ")}
        rates = {"abstention": abstained, "override": np.where(abstained | seen["checked"], wrong, np.nan)}
        found[name] = Observed(seen["group"], {"confidence": seen["confidence"], "answer": seen["predicted"]}, quality, rates, seen["embedding"]), pd.DataFrame({"answer": seen["answer"], "predicted": seen["predicted"]})
    return found
