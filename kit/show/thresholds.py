"""What a decision threshold costs: the plain function behind the widget, the figure and the report's curve.

"Bad" is every answer but the good one. A case is called bad when its P(bad) = 1 - P(good answer) reaches the threshold.
Not covered: costs given per confusion (there is no single threshold then), people who check (a later room).
Shapes: C answers, U resampling units (groups), S thresholds, R resamples.
"""

import numpy as np
import pandas as pd

THRESHOLDS = np.round(np.arange(0.01, 1.0, 0.01), 2)
_MIN_GROUPS = 5  # as in kit.evaluation.intervals: with fewer groups the rows are resampled


def cost_curve(frame: pd.DataFrame, costs, prevalence: dict[str, float] | None = None, seed: int = 0, resamples: int = 300) -> pd.DataFrame | None:
    """Expected yen per 1,000 cases over thresholds, with its 95 % percentile bootstrap band.

    The cheapest threshold of this curve was found on the rows that drew it: its cost is optimistic, and a threshold for use belongs on calibration rows.

    Args:
        frame: columns answer, probabilities (dicts), and group where cases come in lots.
        costs: {"miss", "false_alarm", "ok_answer"} in yen, as a mapping or as poc.yaml's object.
        prevalence: shares of the answers in production; None or {}: those of the frame.

    Returns:
        columns threshold, misses, false_alarms (both per 1,000 cases), yen, low, high; None where the costs name no good answer.
    """
    costs = dict(costs or {})
    if not costs.get("ok_answer") or costs.get("miss") is None or costs.get("false_alarm") is None or frame.empty:
        return None
    ok = costs["ok_answer"]
    answers = sorted(set(frame["answer"]) | {ok})
    at = {answer: i for i, answer in enumerate(answers)}
    truth = frame["answer"].map(at).to_numpy()
    bad = 1 - np.array([shares.get(ok, 0.0) for shares in frame["probabilities"]])
    called = bad[:, None] >= THRESHOLDS[None]  # (rows, S)
    unit = _units(frame)
    rows, flagged = np.zeros((unit.max() + 1, len(answers))), np.zeros((unit.max() + 1, len(answers), len(THRESHOLDS)))
    np.add.at(rows, (unit, truth), 1)
    np.add.at(flagged, (unit, truth), called)
    drawn = np.random.default_rng(seed).multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=resamples)
    weights = np.array([prevalence.get(answer, 0.0) for answer in answers]) if prevalence else None
    misses, alarms = _per_thousand(rows.sum(0)[None], flagged.sum(0)[None], weights, at[ok])
    band = _per_thousand(drawn @ rows, np.tensordot(drawn, flagged, 1), weights, at[ok])
    yen = costs["miss"] * misses[0] + costs["false_alarm"] * alarms[0]
    low, high = np.quantile(costs["miss"] * band[0] + costs["false_alarm"] * band[1], [0.025, 0.975], axis=0)
    return pd.DataFrame({"threshold": THRESHOLDS, "misses": misses[0], "false_alarms": alarms[0], "yen": yen, "low": low, "high": high})


def cheapest(curve: pd.DataFrame) -> pd.Series:
    """The row with the lowest expected cost; of equals the middle one, which is the least brittle."""
    best = curve[curve["yen"] <= curve["yen"].min() + 1e-9]
    return best.iloc[len(best) // 2]


def at_threshold(curve: pd.DataFrame, threshold: float) -> pd.Series:
    """The curve's row nearest to `threshold`."""
    return curve.iloc[int((curve["threshold"] - threshold).abs().argmin())]


def _per_thousand(rows: np.ndarray, flagged: np.ndarray, weights: np.ndarray | None, ok: int) -> tuple[np.ndarray, np.ndarray]:
    """(misses, false alarms) per 1,000 cases, each (R, S), from counts (R, C) and called-bad counts (R, C, S)."""
    rate = np.divide(flagged, rows[:, :, None], out=np.zeros_like(flagged, dtype=float), where=rows[:, :, None] > 0)
    shares = rows / rows.sum(1, keepdims=True) if weights is None else np.broadcast_to(weights, rows.shape)
    shares = np.where(rows > 0, shares, 0.0)[:, :, None]
    missed = 1000 * shares * (1 - rate)
    return np.delete(missed, ok, axis=1).sum(1), 1000 * shares[:, ok] * rate[:, ok]


def _units(frame: pd.DataFrame) -> np.ndarray:
    """The resampling unit of each row: its group when there are enough of them, else itself."""
    if "group" in frame and frame["group"].astype(str).nunique() >= _MIN_GROUPS:
        return np.unique(frame["group"].astype(str), return_inverse=True)[1]
    return np.arange(len(frame))
