"""Expected cost over a threshold, with people: misses, false alarms and reviews by an imperfect reviewer, weighted to production's shares, with an interval at each threshold.

A threshold is chosen on calibration rows and its cost told on others (`chosen`), because it is always too good on the rows that chose it. Costs per confusion work with review "unsure".
The cost-sensitive decision is Elkan's (The Foundations of Cost-Sensitive Learning, IJCAI 2001, section 2); re-weighting to other shares of the answers assumes that P(route | truth) is
the same in production (label shift). Shapes: n cases, K options, S thresholds, R resamples (row 0 is what was measured).
"""

import numpy as np
import pandas as pd

from kit.errors import KitError
from kit.evaluation.intervals import cost_interval, draw_units, ends, interval, resampled_by, units_of
from kit.evaluation.review import Reviewer, labels_of, ok_of, require_truths, route_costs, routes, truth_of
from kit.language import say

THRESHOLDS = np.round(np.arange(0, 1.02, 0.01), 2)  # 0 calls everything bad (or asks nobody); 1.01 calls nothing bad (or asks a person about everything)


def cost_curve(
    frame: pd.DataFrame, costs: dict, prevalence: dict[str, float] | None = None, review: str = "none", reviewer: Reviewer | None = None, thresholds: np.ndarray = THRESHOLDS,
    confidence: float = 0.95, seed: int = 0, resamples: int = 500,
) -> pd.DataFrame:  # fmt: skip
    """Expected cost per 1,000 cases at each threshold.

    For a case of truth k that the model answers with j the cost is C[k, j]; where a person answers, it is the cost of one look + sum_j R[k, j] C[k, j], R the person's own
    confusion. The mean over the cases of truth k is weighted with k's share in production.

    Args:
        frame: columns answer, probabilities (dicts), and group for honest intervals.
        costs: {"miss", "false_alarm", "ok_answer"} or {"matrix": {truth: {answer: yen}}}, as in `kit.evaluation.cost_matrix`.
        prevalence: shares of the answers in production; None or {}: those of the frame.
        review: "none", "alarms" or "unsure" (`kit.evaluation.review.routes`).
        reviewer: who looks; needed unless review is "none".
        confidence: of the interval, by bootstrap over groups (cases, where there are fewer than five groups).

    Returns:
        threshold, misses, false_alarms (expected, after the reviews; NaN for costs per confusion), reviews, yen, low, high; all but the first per 1,000 cases.

    Raises:
        KitError: no rows, no row of an answer that production has, a review without a reviewer, or "none" and "alarms" with costs per confusion.
    """
    _require(frame, review, reviewer)
    labels = labels_of(frame)
    values, weights = _values(frame, labels, costs, review, reviewer, thresholds), _weights(frame, resamples, seed)
    found = {name: 1000 * _means(frame, labels, value, weights[:1] if name != "yen" else weights, prevalence) for name, value in values.items()}
    low, high = cost_interval(found["yen"][0], found["yen"][1:], _heaviest(frame, labels, costs, reviewer, prevalence), confidence, units_of(frame).max() + 1) if resamples else found["yen"][[0, 0]]
    return pd.DataFrame({"threshold": thresholds} | {name: table[0] for name, table in found.items()} | {"low": low, "high": high})


def cheapest(curve: pd.DataFrame) -> pd.Series:
    """The row with the lowest expected cost; of equals the middle one, which is the least brittle."""
    best = curve[curve["yen"] <= curve["yen"].min() + 1e-9]
    return best.iloc[len(best) // 2]


def chosen(calibration: pd.DataFrame, test: pd.DataFrame, costs: dict, **curve) -> dict:
    """The threshold with the lowest expected cost on calibration rows, and what it costs on the test rows.

    Args:
        calibration, test: frames as for `cost_curve`, with ids; they share no row and no group.
        costs, curve: arguments of `cost_curve`.

    Returns:
        {"threshold", "yen": {"value", "low", "high"} per 1,000 cases of the test rows, "on_calibration": the (too good) yen of the rows that chose, "misses", "false_alarms", "reviews", "resampled"}.

    Raises:
        KitError: a row or group that is in both.
    """
    for column, en, ja in (("id", "rows", "行"), ("group", "groups", "グループ")):
        both = (set(calibration[column]) & set(test[column])) - {""} if column in calibration and column in test else set()
        if both:
            raise KitError(
                say(f"{len(both)} {en} are in the rows that choose the threshold and in those that tell its cost, first {min(map(str, both))}: split by group first (data.fractions, calibration)",
                    f"しきい値を選ぶ行と費用を確かめる行に同じ{ja}が {len(both)} 件あります（最初は {min(map(str, both))}）。先にグループ単位で分けてください（data.fractions の calibration）")
            )  # fmt: skip
    best = cheapest(cost_curve(calibration, costs, **curve | {"resamples": 0}))
    told = cost_curve(test, costs, **curve | {"thresholds": np.array([best["threshold"]])}).iloc[0]
    return {"threshold": float(best["threshold"]), "yen": {"value": float(told["yen"]), "low": float(told["low"]), "high": float(told["high"])}, "on_calibration": float(best["yen"]),
            "misses": float(told["misses"]), "false_alarms": float(told["false_alarms"]), "reviews": float(told["reviews"]), "resampled": resampled_by(test)}  # fmt: skip


def break_even_ratio(
    frame: pd.DataFrame, ok: str, against: pd.DataFrame | None = None, prevalence: dict[str, float] | None = None, confidence: float = 0.95, seed: int = 0, resamples: int = 500,
) -> dict:  # fmt: skip
    """How many times dearer than a false alarm a miss must be for `frame`'s answers to pay.

    With m misses and a false alarms per case, the costs are equal at miss / false_alarm = (a - a') / (m' - m), ' marking what it is compared with: the false alarms that are paid for each
    defect that is found in addition.

    Args:
        frame: columns id, answer, predicted, probabilities, group.
        ok: the answer that means "good".
        against: another predictor's answers to the same rows; None: nobody looks and everything passes.

    Returns:
        {"pays": "above" | "below" | "always" | "never", "value", "low", "high"}; the ratio is 0 where it always pays, infinite where it never does.
        "below": it finds fewer defects with fewer false alarms, so that it pays while a miss is cheap.
    """
    labels = labels_of(frame)
    bad = frame["answer"].to_numpy() != ok
    other = np.full(len(frame), ok, dtype=object) if against is None else against.set_index("id").loc[frame["id"], "predicted"].to_numpy()
    mine = frame["predicted"].to_numpy()
    found = np.stack([bad & (mine != ok), bad & (other != ok), ~bad & (mine != ok), ~bad & (other != ok)], 1).astype(float)
    caught, caught_else, alarms, alarms_else = _means(frame, labels, found, _weights(frame, resamples, seed), prevalence).T  # each (R + 1,)
    more, alarmed = caught - caught_else, alarms - alarms_else
    below = bool(more[0] < 0 and alarmed[0] < 0)
    more, alarmed = (-more, -alarmed) if below else (more, alarmed)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(more > 0, np.maximum(alarmed, 0) / more, np.where((more == 0) & (alarmed < 0), 0.0, np.inf))
    pays = "below" if below else "never" if np.isinf(ratio[0]) else "always" if ratio[0] == 0 and (more[0] > 0 or alarmed[0] < 0) else "above"
    low, high = np.quantile(ratio[1:], _ends(frame, confidence), method="nearest")  # infinity cannot be interpolated
    return {"pays": pays, "value": float(ratio[0]), "low": float(low), "high": float(high)}


def break_even_review_cost(
    frame: pd.DataFrame, costs: dict, threshold: float, reviewer: Reviewer, prevalence: dict[str, float] | None = None, review: str = "unsure", confidence: float = 0.95, seed: int = 0,
    resamples: int = 500,
) -> dict | None:  # fmt: skip
    """The most that one look of a person may cost before it is cheaper not to ask: (cost of errors without - with the person) / looks, in yen.

    Negative: asking this person makes it worse, even for nothing. None: nobody is asked at this threshold.
    """
    free = Reviewer(reviewer.sensitivity, reviewer.specificity, 0.0)
    _require(frame, review, free)
    labels, at = labels_of(frame), np.array([threshold])
    asked = _values(frame, labels, costs, review, free, at)
    alone = _values(frame, labels, costs, *(("none", None, at) if review == "alarms" else ("unsure", free, np.array([0.0]))))
    if not asked["reviews"].any():
        return None
    both = np.hstack([alone["yen"] - asked["yen"], asked["reviews"]])
    saved, looks = _means(frame, labels, both, _weights(frame, resamples, seed), prevalence).T
    with np.errstate(divide="ignore", invalid="ignore"):
        worth = np.where(looks > 0, saved / looks, np.nan)
    return interval(worth[0], worth[1:], confidence, units_of(frame).max() + 1)


def _require(frame: pd.DataFrame, review: str, reviewer: Reviewer | None) -> None:
    if frame.empty:
        raise KitError(say("no rows: a cost needs answered rows with their truth", "行がありません。費用の計算には、正解と回答のある行が必要です"))
    if review != "none" and reviewer is None:
        raise KitError(say(f"review {review!r} needs a reviewer: what one look costs, and how often the person is right (sensitivity, specificity)",
                           f"review {review!r} には確認者が必要です：1 回の確認の費用と、正しく判断する割合（sensitivity、specificity）を与えてください"))  # fmt: skip


def _values(frame: pd.DataFrame, labels: list[str], costs: dict, review: str, reviewer: Reviewer | None, thresholds: np.ndarray) -> dict[str, np.ndarray]:
    """Per case and threshold (n, S), expected over the person's answers: misses, false_alarms, reviews (shares) and yen."""
    ok, count = ok_of(costs), len(labels)
    taken, truth = routes(frame, labels, thresholds, review, ok), truth_of(frame, labels)[:, None]
    asked = taken == count
    values = {"misses": np.full(taken.shape, np.nan), "false_alarms": np.full(taken.shape, np.nan), "reviews": asked.astype(float)}
    if ok is not None:
        missed, refused = (1 - reviewer.sensitivity, 1 - reviewer.specificity) if reviewer else (0.0, 0.0)
        bad = truth != labels.index(ok)
        values["misses"] = np.where(bad, np.where(asked, missed, taken == labels.index(ok)), 0.0)
        values["false_alarms"] = np.where(bad, 0.0, np.where(asked, refused, taken != labels.index(ok)))
    return values | {"yen": route_costs(labels, costs, reviewer)[truth, taken]}


def _heaviest(frame: pd.DataFrame, labels: list[str], costs: dict, reviewer: Reviewer | None, prevalence: dict[str, float] | None) -> float:
    """What one more case of the dearest kind adds to the cost per 1,000 cases."""
    dearest, rows = np.nanmax(route_costs(labels, costs, reviewer), axis=1), frame["answer"].value_counts()
    return 1000 * max((prevalence.get(label, 0.0) / rows[label] if prevalence else 1 / len(frame)) * dearest[labels.index(label)] for label in rows.index)


def _weights(frame: pd.DataFrame, resamples: int, seed: int) -> np.ndarray:
    """How often each case counts (R + 1, n): once, then as whole groups (or cases) are drawn."""
    unit = units_of(frame)
    return np.vstack([np.ones(len(frame)), draw_units(unit.max() + 1, resamples, seed)[:, unit]])


def _ends(frame: pd.DataFrame, confidence: float) -> list[float]:
    return ends(units_of(frame).max() + 1, confidence)


def _means(frame: pd.DataFrame, labels: list[str], values: np.ndarray, weights: np.ndarray, prevalence: dict[str, float] | None) -> np.ndarray:
    """Mean (R, S) of values (n, S) under weights (R, n): per truth, then over the truths by their shares; a truth that a resample lacks keeps the mean of all its cases."""
    require_truths(frame, prevalence)
    truth, total = truth_of(frame, labels), np.zeros((len(weights), values.shape[1]))
    for place, label in enumerate(labels):
        of = truth == place
        if not of.any():
            continue
        rows = weights[:, of].sum(1, keepdims=True)
        mean = np.divide(weights[:, of] @ values[of], rows, out=np.broadcast_to(values[of].mean(0), total.shape).copy(), where=rows > 0)
        total += mean * (prevalence.get(label, 0.0) if prevalence else rows / weights.sum(1, keepdims=True))
    return total
