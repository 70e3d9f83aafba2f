"""`poc compare`: two finished runs on the held-out rows that both answered: paired differences, each with its interval, and one sentence on what is shown."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kit.errors import KitError
from kit.evaluation import compare, evaluate
from kit.language import current, say
from poc import runs
from poc.words import KPIS, both


@dataclass(frozen=True)
class Difference:
    """One line of the comparison: first run, second run, second minus first.

    Attributes:
        metric: accuracy, macro_recall, macro_f1, cost_per_1000 or seconds_per_answer.
        first, second: the two values.
        difference: {"value", "low", "high"}, or None where no interval can be given.
        condition: as_is, or without_text.
    """

    metric: str
    first: float
    second: float
    difference: dict | None
    condition: str = "as_is"


@dataclass(frozen=True)
class Comparison:
    """Two runs side by side.

    Attributes:
        rows: how many held-out rows both answered.
        left_out: rows that only one of them answered.
        lines: the differences; the gate's KPI first.
        remarks: what makes the two hard to compare, in the reader's language.
    """

    rows: int
    left_out: int
    lines: tuple[Difference, ...]
    remarks: tuple[str, ...]


def compare_runs(first: Path, second: Path) -> Comparison:
    """The tuned models of two runs of one use case, on the rows that both held out.

    Raises:
        KitError: not two finished runs, of different use cases, or without a common held-out row.
    """
    records = [runs.read(run) for run in (first, second)]
    a, b = records
    if a["use_case"] != b["use_case"]:
        raise KitError(
            say(
                f"{first} is a run of {a['use_case']}, {second} of {b['use_case']}; only runs of the same use case can be compared",
                f"{first} は {a['use_case']}、{second} は {b['use_case']} の実行です。同じユースケースの実行どうしだけ比べられます",
            )
        )
    frames = [answers_of(run) for run in (first, second)]
    ours, theirs = common(*frames)
    if ours.empty:
        raise KitError(
            say(
                f"{first} and {second} have no held-out row in common (same id and same right answer): they split other data or with another seed",
                f"{first} と {second} に共通の評価行（同じ ID と正解）がありません。データか分割のシードが違います",
            )
        )
    labels = sorted({label for frame in (ours, theirs) for column in ("answer", "predicted") for label in frame[column]} | set(a["options"]))
    confidence = a["gates"]["confidence"]
    lines = [_line(metric, ours, theirs, labels, confidence) for metric in dict.fromkeys((a["gates"]["kpi"], "accuracy"))]
    if a["costs"]:
        costs = {name: yen for name, yen in a["costs"].items() if yen is not None}
        lines.append(_line("cost_per_1000", ours, theirs, labels, confidence, costs=costs, prevalence=a["prevalence"] or None))
    without = common(*(answers_of(run, "without_text") for run in (first, second)))
    if len(without[0]):
        lines.append(_line(a["gates"]["kpi"], *without, labels, confidence, condition="without_text"))
    times = [record.get("seconds_per_answer") for record in records]
    if all(times):
        lines.append(Difference("seconds_per_answer", *times, None))
    left_out = sum(len(frame) - len(ours) for frame in frames)
    return Comparison(len(ours), left_out, tuple(lines), tuple(_remarks(a, b, left_out, all(times))))


def comparison_lines(comparison: Comparison) -> list[str]:
    """The comparison as a person reads it in a terminal."""
    shown = [say(f"{comparison.rows} held-out rows that both runs answered", f"両方の実行が答えた評価行 {comparison.rows} 件")]
    for line in comparison.lines:
        name, scale, digits, unit = _worded(line.metric)
        name += say(", without the note", "（メモなし）") if line.condition == "without_text" else ""
        shown.append(f"{name}: {line.first * scale:,.{digits}f} -> {line.second * scale:,.{digits}f}{unit}")
        if line.difference:
            low, value, high = (line.difference[key] * scale for key in ("low", "value", "high"))
            shown[-1] += f" ({value:+,.{digits}f} [{low:+,.{digits}f}, {high:+,.{digits}f}])"
    return [*shown, *comparison.remarks, _verdict(comparison)]


def answers_of(run: Path, condition: str = "as_is") -> pd.DataFrame:
    """The tuned model's answers to the run's held-out rows."""
    frame = runs.read_predictions(run)
    return frame[(frame["arm"] == "tuned") & (frame["condition"] == condition) & (frame["split"] == "test")]


def common(a: pd.DataFrame, b: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of both, in one order; a row whose right answer was changed meanwhile is another row."""
    keys = [frame["id"] + "\t" + frame["answer"] for frame in (a, b)]
    there = set(keys[1])
    shared = [key for key in keys[0] if key in there]
    return tuple(frame.set_index(key).loc[shared].reset_index(drop=True) for frame, key in zip((a, b), keys, strict=True))


def _line(metric: str, ours: pd.DataFrame, theirs: pd.DataFrame, labels: list[str], confidence: float, costs=None, prevalence=None, condition: str = "as_is") -> Difference:
    values = [evaluate(frame, labels, costs, prevalence, resamples=2)[metric]["value"] for frame in (ours, theirs)]
    return Difference(metric, *values, compare(theirs, ours, labels, metric, confidence, costs=costs, prevalence=prevalence), condition)


def _remarks(a: dict, b: dict, left_out: int, timed: bool) -> list[str]:
    found = []
    if left_out:
        found.append(say(f"{left_out} rows were answered by one run only and are left out", f"片方だけが答えた {left_out} 行は除きました"))
    if a["data"]["hash"] != b["data"]["hash"]:
        found.append(say("the data changed between the two runs", "2 つの実行の間でデータが変わっています"))
    if a["gates"]["hash"] != b["gates"]["hash"]:
        found.append(say("gates, costs or options changed; the first run's are used", "判定基準・費用・選択肢が変わっています（1 つ目の実行のものを使用）"))
    if a["costs_are_examples"] and a["costs"]:
        found.append(say("the prices are examples", "単価は例です"))
    if not timed:
        found.append(say("seconds per answer: not recorded by both runs", "1 件あたりの秒数：両方には記録されていません"))
    elif a["machine"] != b["machine"]:
        found.append(say("the runs were made on different machines; do not compare their seconds", "実行した機械が違うため、秒数は比べられません"))
    return found


def _worded(metric: str) -> tuple[str, float, int, str]:
    """(name, scale, digits, unit) of a metric."""
    if metric == "cost_per_1000":
        return say("cost of errors per 1,000", "1,000 件あたりの誤りの費用"), 1.0, 0, say(" yen", " 円")
    if metric == "seconds_per_answer":
        return say("seconds per answer", "1 件あたりの秒数"), 1.0, 3, say(" s", " 秒")
    return KPIS[metric][current()], 100.0, 1, " %"


def _verdict(comparison: Comparison) -> str:
    kpi = comparison.lines[0]
    name = KPIS[kpi.metric]
    if kpi.difference["low"] > 0:
        told = both(f"Shown: the second run has the better {name['en']}.", f"2 つ目の実行の{name['ja']}が高いと言えます。")
    elif kpi.difference["high"] < 0:
        told = both(f"Shown: the first run has the better {name['en']}.", f"1 つ目の実行の{name['ja']}が高いと言えます。")
    else:
        told = both(f"Not shown: the interval of the difference in {name['en']} holds 0.", f"{name['ja']}の差の区間は 0 を含むため、優劣は言えません。")
    return told[current()]
