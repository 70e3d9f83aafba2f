"""Can a shown probability be taken at its word? Reliability diagram, expected calibration error with its interval, temperature scaling, Brier score and log loss.

    heat = temperature(calibration_rows)                 # one number, fitted on the calibration split only
    calibration_error(tempered(test_rows, heat))         # measured on other rows

ECE = sum_k n_k / n |right_k - sure_k| over bins of equally many rows (Guo et al., "On Calibration of Modern Neural Networks", arXiv 1706.04599; equal mass: Nixon et al., arXiv 1904.01685). With few rows
a bin the plug-in estimate is too large even of a perfectly calibrated model; what is told is corrected by the bootstrap (Kumar, Liang, Ma, "Verified Uncertainty Calibration", arXiv 1909.10155, section 4),
which takes away about 40 % of that in the worst case and nothing that is there; the plug-in estimate stands beside it.
Shapes: N rows, K options of a row, B bins, U resampled units, R resamples.
"""

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from kit.errors import KitError
from kit.evaluation.intervals import RESAMPLES, draw_units, interval, share_interval, tail, units_of
from kit.language import say

BINS = 10
_HOTTEST = 20.0
_LEAST = 1e-6  # of a probability: an answer that was sure and wrong has a finite loss


def temperature(frame: pd.DataFrame) -> float:
    """The temperature, 1/20 to 20, under which the true answers of a predictions frame are likeliest; above 1: it was too sure of itself. 1 where no row has its answer among its options."""
    rows = [(logs_of(shares), list(shares).index(answer)) for shares, answer in zip(frame["probabilities"], frame["answer"], strict=True) if answer in shares]
    if not rows:
        return 1.0
    widest = max(len(logs) for logs, _ in rows)
    table = np.array([np.pad(logs, (0, widest - len(logs)), constant_values=-np.inf) for logs, _ in rows])  # (N, K)
    right = table[np.arange(len(rows)), [place for _, place in rows]]

    def loss(log_temperature: float) -> float:
        heat = np.exp(log_temperature)
        return float((np.logaddexp.reduce(table / heat, axis=1) - right / heat).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-np.log(_HOTTEST), np.log(_HOTTEST)), method="bounded").x))


def tempered(frame: pd.DataFrame, heat: float) -> pd.DataFrame:
    """The predictions frame with each row's probabilities to the power 1 / heat, normalised; no answer changes."""
    return frame.assign(probabilities=[dict(zip(row, map(float, np.exp(normal_logs(logs_of(row) / heat))), strict=True)) for row in frame["probabilities"]])


def logs_of(probabilities: dict[str, float]) -> np.ndarray:
    """Log-probabilities (K,), none below that of one in a million."""
    return np.log(np.clip(list(probabilities.values()), _LEAST, None))


def normal_logs(logs: np.ndarray) -> np.ndarray:
    """Logarithms (K,) of shares that add up to 1."""
    return logs - np.logaddexp.reduce(logs)


def sureness(frame: pd.DataFrame) -> np.ndarray:
    """The confidence (N,): each row's probability of the answer that was given."""
    return np.array([shares[said] for shares, said in zip(frame["probabilities"], frame["predicted"], strict=True)], float)


def reliability(frame: pd.DataFrame, bins: int = BINS, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """The reliability diagram: one row per bin of equally many rows, by rising confidence. Columns n, sure (mean confidence), right (accuracy) with low and high.

    Args:
        frame: answer, predicted, probabilities, and group for honest intervals; not the rows that a temperature was fitted on.
        bins: at most; rows of equal confidence stay together.

    Raises:
        KitError: fewer than two rows a bin.
    """
    number, hits, sure = _sums(frame, bins)
    drawn = draw_units(len(number), seed=seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = (drawn @ hits) / (drawn @ number)
    rows = []
    for k, (n, right) in enumerate(zip(number.sum(0), hits.sum(0), strict=True)):
        found = share_interval(right / n, shares[:, k], int(n), confidence, int((number[:, k] > 0).sum()))
        rows.append({"n": int(n), "sure": float(sure[:, k].sum() / n), "right": found["value"], "low": found["low"], "high": found["high"]})
    return pd.DataFrame(rows)


def calibration_error(frame: pd.DataFrame, bins: int = BINS, confidence: float = 0.95, seed: int = 0) -> dict:
    """The expected calibration error of a predictions frame.

    Returns:
        {"value", "low", "high"} in 0 to 1, corrected for what chance adds; "plug_in", which is what papers report; "by_chance", the most (at this confidence) that the plug-in estimate of a perfectly calibrated
        model would be on these rows; n; bins. Below by_chance nothing against calibration was seen, and low is 0. The upper end keeps half of the correction back, so that it errs on the careful side.

    Raises:
        KitError: fewer than two rows a bin.
    """
    number, hits, sure = _sums(frame, bins)
    gap, total = hits - sure, number.sum()
    plug_in = np.abs(gap.sum(0)).sum() / total
    drawn = draw_units(len(number), RESAMPLES, seed)
    rows = (drawn @ number).sum(1)  # whole groups are drawn: the number of rows varies
    moved = (drawn @ gap) / rows[:, None]  # (R, B)
    added = max(0.0, np.abs(moved).sum(1).mean() - plug_in)
    out = tail(len(number), confidence)
    chance = float(np.quantile(np.abs(moved - gap.sum(0) / total).sum(1), 1 - 2 * out))
    low, high = np.quantile(np.abs(moved).sum(1), [out, 1 - out])
    value = max(0.0, plug_in - added)
    return {
        "value": value, "low": 0.0 if plug_in <= chance else min(value, max(0.0, float(low) - 2 * added)), "high": max(value, float(high) - added), "plug_in": float(plug_in), "by_chance": chance,
        "n": int(total), "bins": number.shape[1],
    }  # fmt: skip


def brier_and_log_loss(frame: pd.DataFrame, confidence: float = 0.95, seed: int = 0) -> dict:
    """{"brier", "log_loss"}, each {"value", "low", "high"}: the squared distance of the probabilities to the truth (0 best, 2 worst), and minus the mean log-probability of the true answer in nats.

    Both reward being right and being honest together (proper scores), so that a model cannot gain by hedging. An answer that no option names counts as a probability of 0.
    """
    right = np.array([shares.get(answer, 0.0) for shares, answer in zip(frame["probabilities"], frame["answer"], strict=True)])
    squares = np.array([sum(share**2 for share in shares.values()) for shares in frame["probabilities"]])
    unit = units_of(frame)
    number, drawn = np.bincount(unit), draw_units(unit.max() + 1, seed=seed)
    found = {}
    for name, each in (("brier", squares - 2 * right + 1), ("log_loss", -np.log(np.clip(right, _LEAST, None)))):
        sums = np.bincount(unit, each)
        found[name] = interval(sums.sum() / len(frame), (drawn @ sums) / (drawn @ number), confidence, len(number))
    return found


def _sums(frame: pd.DataFrame, bins: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(rows, hits, sum of confidences) of each resampled unit in each bin, (U, B) each."""
    if len(frame) < 2 * bins:
        raise KitError(say(f"{len(frame)} rows are too few for {bins} bins of a reliability diagram: at least {2 * bins}; about 50 rows a bin tell something. Label more rows, or ask for fewer bins",
                           f"信頼度図の {bins} 区間に対して {len(frame)} 行では足りません。最低 {2 * bins} 行、目安は 1 区間あたり約 50 行です。行を増やすか、区間を減らしてください"))  # fmt: skip
    sure = sureness(frame)
    edges = np.unique(np.quantile(sure, np.linspace(0, 1, bins + 1)[1:-1]))
    place = np.unique(np.searchsorted(edges, sure, side="left"), return_inverse=True)[1]
    unit, hit = units_of(frame), (frame["answer"] == frame["predicted"]).to_numpy(float)
    tables = np.zeros((3, unit.max() + 1, place.max() + 1))
    for table, each in zip(tables, (np.ones(len(frame)), hit, sure), strict=True):
        np.add.at(table, (unit, place), each)
    return tuple(tables)
