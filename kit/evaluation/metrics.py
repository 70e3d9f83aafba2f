"""Accuracy, macro recall, macro F1 and expected cost, each with its interval; paired differences of two predictors.

Every interval comes from a bootstrap of `resamples` draws (`kit.evaluation.intervals`). What is drawn is whole groups (lots, speakers, days) when there are at
least MIN_GROUPS of them, because rows of one lot err together; with fewer groups rows are drawn and the result says so.
Shapes: R resamples, G groups, K labels; confusion matrices have the truth in rows.
"""

import numpy as np
import pandas as pd

from kit.evaluation.intervals import (
    cost_interval,
    draw_units,
    interval,
    none_seen,
    resampled_by,
    share_interval,
    units_of,
)

METRICS = ("accuracy", "macro_recall", "macro_f1")


def cost_matrix(labels: list[str], costs: dict) -> np.ndarray:
    """Yen (K, K) that each (truth, predicted) pair costs.

    Args:
        labels: the options.
        costs: {"miss", "false_alarm", "ok_answer"}: a fault called ok, an ok part called faulty; taking one fault for another costs nothing, since a person
            looks at it anyway. Or {"matrix": {truth: {predicted: yen}}}, where what is not named costs nothing.
    """
    cost = np.zeros((len(labels), len(labels)))
    if costs.get("matrix"):
        for truth, row in costs["matrix"].items():
            for predicted, yen in row.items():
                cost[labels.index(truth), labels.index(predicted)] = yen
        return cost
    ok = labels.index(costs["ok_answer"])
    cost[:, ok] = costs["miss"]
    cost[ok, :] = costs["false_alarm"]
    cost[ok, ok] = 0
    return cost


def _group_confusions(frame: pd.DataFrame, labels: list[str]) -> np.ndarray:
    """(G, K, K): one confusion matrix per resampling unit."""
    unit = units_of(frame)
    at = {label: i for i, label in enumerate(labels)}
    counts = np.zeros((unit.max() + 1, len(labels), len(labels)))
    np.add.at(counts, (unit, frame["answer"].map(at).to_numpy(), frame["predicted"].map(at).to_numpy()), 1)
    return counts


def _metrics(confusion: np.ndarray, cost: np.ndarray | None, shares: np.ndarray | None) -> dict[str, np.ndarray]:
    """Metrics of confusion matrices (R, K, K), each (R,); classes without a row in the truth are left out of the means."""
    with np.errstate(invalid="ignore", divide="ignore"):
        hits, truth, said = np.diagonal(confusion, axis1=1, axis2=2), confusion.sum(2), confusion.sum(1)
        recall = np.where(truth > 0, hits / truth, np.nan)
        f1 = np.where(truth > 0, 2 * hits / (truth + said), np.nan)
        out = {"accuracy": hits.sum(1) / truth.sum(1), "macro_recall": np.nanmean(recall, 1), "macro_f1": np.nanmean(f1, 1)}
        if cost is not None:
            rate = confusion / truth[:, :, None]  # P(predicted | truth)
            weight = np.broadcast_to(shares, truth.shape) if shares is not None else truth / truth.sum(1, keepdims=True)
            out["cost_per_1000"] = 1000 * np.nansum(np.where(weight[:, :, None] > 0, rate * weight[:, :, None], 0) * cost, axis=(1, 2))
    return out


def _worth(name: str, whole: np.ndarray) -> int:
    """How many rows a mean is worth: a mean over classes, as many as would vary as much if all classes err alike."""
    truth = whole.sum(1)[whole.sum(1) > 0]
    return round(truth.sum() if name == "accuracy" else len(truth) ** 2 / (1 / truth).sum())


def _draw(counts: list[np.ndarray], seed: int, resamples: int) -> list[np.ndarray]:
    """Resampled confusion matrices (R, K, K) of predictors that saw the same units: one draw of units for all of them, so that differences are paired."""
    units = len(counts[0])
    drawn = draw_units(units, resamples, seed)  # (R, G)
    return [(drawn @ c.reshape(units, -1)).reshape(resamples, *c.shape[1:]) for c in counts]


def evaluate(
    frame: pd.DataFrame, labels: list[str], costs: dict | None = None, prevalence: dict[str, float] | None = None,
    confidence: float = 0.95, seed: int = 0, resamples: int = 2000,
) -> dict:  # fmt: skip
    """Everything the results table says about one predictor.

    Args:
        frame: columns answer, predicted, and group for honest intervals.
        labels: all options, in their order.
        costs: see `cost_matrix`; None: no cost.
        prevalence: shares of the answers in production; costs are re-weighted to them. None: the shares of the frame.
        confidence: of the intervals.

    Returns:
        n, accuracy, macro_recall, macro_f1, cost_per_1000 (intervals; the last in yen per 1,000 parts or None), per_class (recall, precision, n),
        confusion {labels, counts} and resampled ("group" or "sample").
    """
    counts = _group_confusions(frame, labels)
    cost = cost_matrix(labels, costs) if costs else None
    shares = np.array([prevalence.get(label, 0.0) for label in labels]) if prevalence else None
    whole = counts.sum(0)
    measured = _metrics(whole[None], cost, shares)
    drawn = _metrics(_draw([counts], seed, resamples)[0], cost, shares)
    row = {"n": int(whole.sum())} | {name: share_interval(measured[name][0], drawn[name], _worth(name, whole), confidence, len(counts)) for name in METRICS}
    if cost is not None:
        cases = whole.sum(1)
        heaviest = 1000 * max((shares[i] / n if shares is not None else 1 / cases.sum()) * cost[i].max() for i, n in enumerate(cases) if n)
        low, high = cost_interval(measured["cost_per_1000"][0], drawn["cost_per_1000"], heaviest, confidence, len(counts))
        row["cost_per_1000"] = {"value": float(measured["cost_per_1000"][0]), "low": float(low), "high": float(high)}
    row.setdefault("cost_per_1000", None)
    truth, said, hits = whole.sum(1), whole.sum(0), np.diag(whole)
    row["per_class"] = {
        label: {
            "recall": float(hits[i] / truth[i]) if truth[i] else None,
            "precision": float(hits[i] / said[i]) if said[i] else None,
            "n": int(truth[i]),
        }
        for i, label in enumerate(labels)
    }
    row["confusion"] = {"labels": list(labels), "counts": whole.astype(int).tolist()}
    row["resampled"] = resampled_by(frame)
    return row


def compare(
    a: pd.DataFrame, b: pd.DataFrame, labels: list[str], metric: str, confidence: float = 0.95, seed: int = 0, resamples: int = 2000,
    costs: dict | None = None, prevalence: dict[str, float] | None = None,
) -> dict:  # fmt: skip
    """Interval of metric(a) - metric(b) for two predictors of the same rows, resampled together (paired bootstrap); `costs` and `prevalence` as in `evaluate`.

    Raises:
        ValueError: the two frames do not hold the same rows.
    """
    b = b.set_index("id").loc[a["id"]].reset_index() if set(a["id"]) == set(b["id"]) else None
    if b is None:
        raise ValueError("paired comparison needs the same rows on both sides; the ids differ")
    counts = [_group_confusions(frame, labels) for frame in (a, b)]
    cost = cost_matrix(labels, costs) if costs else None
    shares = np.array([prevalence.get(label, 0.0) for label in labels]) if prevalence else None
    value = [_metrics(c.sum(0)[None], cost, shares)[metric][0] for c in counts]
    drawn = [_metrics(d, cost, shares)[metric] for d in _draw(counts, seed, resamples)]
    found = interval(value[0] - value[1], drawn[0] - drawn[1], confidence, len(counts[0]))
    if metric in METRICS and np.ptp(drawn[0] - drawn[1]) == 0 and len(labels) > 1:
        other = none_seen(_worth(metric, counts[0].sum(0)), confidence)  # right on the same rows, which does not say that they always will be
        return found | {"low": found["value"] - other, "high": found["value"] + other}
    return found
