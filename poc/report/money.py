"""The one yen range: what the tuned model's errors cost against the cheapest way to do without tuning."""

import numpy as np
import pandas as pd

from kit.evaluation.intervals import draw_units, interval, units_of
from poc.report.pictures import cost_of
from poc.report.wording import about, span
from poc.words import ARMS, Text, both


def yen_range(record: dict, frame: pd.DataFrame) -> dict:
    """The expected saving, as one range.

    "Today" is whichever arm but the tuned one has the lowest expected cost of errors on the cases as they are.

    Args:
        record: run.json.
        frame: predictions.csv.

    Returns:
        {"state": "none" | "figure", "headline": Text, "unit": Text, "note": Text, "low", "high" (a month, or per 1,000 cases), "today": arm}.
    """
    costs = {row["arm"]: row["cost_per_1000"]["value"] for row in record["results"] if row["condition"] == "as_is" and row.get("cost_per_1000")}
    if record["verdict"]["decision"] == "none":
        return _nothing(both("No figure without a verdict", "判定がないため金額は出しません"),
                        both("A figure from this run would mislead.", "この実行からの金額は誤解を招きます。"))  # fmt: skip
    if "tuned" not in costs or len(costs) < 2:
        return _nothing(both("No figure: no costs were given", "費用の設定がないため金額は出ません"),
                        both("Write what a miss and a false alarm cost into poc.yaml.", "見逃しと誤報の費用を poc.yaml に書いてください。"))  # fmt: skip
    today = min((arm for arm in costs if arm != "tuned"), key=costs.get)
    value, low, high = saving_per_1000(frame, record, today)
    volume, currency = record.get("volume_per_month"), record["currency"]
    scale = volume / 1000 if volume else 1.0
    ends = (low * scale, high * scale) if high > 0 else (-high * scale, -low * scale)  # all below zero: said the other way round
    return {"state": "figure", "low": low * scale, "high": high * scale, "value": value * scale, "today": today,
            "headline": span(about(ends[0], currency), about(ends[1], currency)), "unit": _unit(volume, low, high),
            "note": both(f"Against the cheapest alternative: {ARMS[today]['en']}. Machine and labour are not in it.",
                         f"比較の相手は最も費用の低い代替案「{ARMS[today]['ja']}」。設備費と人件費は含みません。")}  # fmt: skip


def saving_per_1000(frame: pd.DataFrame, record: dict, today: str) -> tuple[float, float, float]:
    """(value, low, high): expected cost of `today`'s errors minus the tuned model's, per 1,000 cases, at the gates' confidence.

    Paired bootstrap over whole groups (rows, where there are fewer than five groups): both arms answer the same resampled cases. Each answer's mean
    saving is weighted with its share in production (poc.yaml's prevalence), else with its share of the cases.
    """
    rows = frame[(frame["condition"] == "as_is") & (frame["split"] == "test")]
    tuned, other = (rows[rows["arm"] == arm].set_index("id") for arm in ("tuned", today))
    other = other.loc[tuned.index]
    saved = np.array([cost_of(truth, b, record["costs"]) - cost_of(truth, a, record["costs"])
                      for truth, a, b in zip(tuned["answer"], tuned["predicted"], other["predicted"])])  # fmt: skip
    labels, truth = np.unique(tuned["answer"], return_inverse=True)
    unit = units_of(tuned)
    count, total = np.zeros((unit.max() + 1, len(labels))), np.zeros((unit.max() + 1, len(labels)))
    np.add.at(count, (unit, truth), 1)
    np.add.at(total, (unit, truth), saved)
    shares = np.array([record["prevalence"].get(label, 0.0) for label in labels]) if record["prevalence"] else None
    drawn = draw_units(len(count))
    return tuple(interval(_weighted(count.sum(0)[None], total.sum(0)[None], shares)[0], _weighted(drawn @ count, drawn @ total, shares), record["gates"]["confidence"], len(count)).values())


def _weighted(count: np.ndarray, total: np.ndarray, shares: np.ndarray | None) -> np.ndarray:
    """Yen per 1,000 cases (R,) from counts and summed savings (R, C) of each true answer."""
    if shares is None:
        return 1000 * total.sum(1) / count.sum(1)
    mean = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
    return 1000 * (mean * shares).sum(1)


def _nothing(headline: Text, note: Text) -> dict:
    return {"state": "none", "headline": headline, "unit": both("", ""), "note": note, "low": None, "high": None, "today": ""}


def _unit(volume: int | None, low: float, high: float) -> Text:
    per = both(f"a month, at {volume:,} cases", f"月額・{volume:,} 件") if volume else both("per 1,000 cases", "1,000 件あたり")
    if high <= 0:
        return both(f"MORE cost of errors {per['en']}", f"誤りの費用が増加（{per['ja']}）")
    if low < 0:
        return both(f"saved in cost of errors {per['en']}; a loss is possible", f"誤りの費用の削減（{per['ja']}）。増える可能性もあります")
    return both(f"saved in cost of errors {per['en']}", f"誤りの費用の削減（{per['ja']}）")
