"""Intervals of measured numbers: which rows are resampled together, and how a bootstrap's draws become an interval that holds what it says.

A percentile bootstrap of few units (lots, speakers, days) is too narrow: by sqrt((n - 1) / n), and by as much as Student's t is wider than the normal distribution. The tails are therefore taken at

    Phi(-sqrt(n / (n - 1)) t(n - 1))

"expanded percentiles", Hesterberg, "What Teachers Should Know About the Bootstrap" (arXiv 1411.5279). Near 0 and 1 even those are too short on the side that flatters, and have no width where no error was
seen; a share's interval is therefore Wilson's, at the number of independent rows that the bootstrap's variance is worth (Korn and Graubard, "Confidence Intervals for Proportions With Small Expected Number of
Positive Counts Estimated From Survey Data", Survey Methodology 1998; with Wilson's instead of the exact one, Franco et al., Journal of Survey Statistics and Methodology 2019). What every interval of the kit holds in simulation: benchmarks/intervals.csv.
Shapes: N rows, U resampled units, R resamples.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import binomtest, gamma, norm
from scipy.stats import t as student

MIN_GROUPS = 5  # with fewer, rows are resampled, which is much too narrow where groups differ (benchmarks/intervals.csv)
RESAMPLES = 2000
SHARE = (0.0, 1.0)  # what a share can be
_FEW = 30  # values or units, below which a bootstrap is too narrow all the same


def resampled_by(frame: pd.DataFrame) -> str:
    """ "group" when the frame has at least MIN_GROUPS groups, else "sample"."""
    return "group" if "group" in frame and frame["group"].astype(str).nunique() >= MIN_GROUPS else "sample"


def units_of(frame: pd.DataFrame) -> np.ndarray:
    """The number (N,) of what each row is resampled with: its group where there are enough of them, else itself."""
    return np.unique(frame["group"].astype(str), return_inverse=True)[1] if resampled_by(frame) == "group" else np.arange(len(frame))


def draw_units(units: int, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """How often each unit is in each resample, (R, U)."""
    return np.random.default_rng(seed).multinomial(units, np.full(units, 1 / units), size=resamples)


def tail(units: int, confidence: float = 0.95) -> float:
    """The share of a bootstrap's draws that is left out at each end, for so many resampled units."""
    if units < 2:
        return 0.0
    return float(norm.cdf(-np.sqrt(units / (units - 1)) * student.ppf((1 + confidence) / 2, units - 1)))


def ends(units: int, confidence: float = 0.95) -> list[float]:
    """The two quantiles of a bootstrap's draws between which its interval lies: [tail, 1 - tail]."""
    out = tail(units, confidence)
    return [out, 1 - out]


def interval(value: float, draws: np.ndarray, confidence: float = 0.95, units: int | None = None) -> dict:
    """{"value", "low", "high"}: the measured number and the interval of its draws (R,): expanded percentiles of a bootstrap of so many units, below _FEW of them at least as wide as Student's with the draws' standard error; None: plain percentiles, of draws that are no bootstrap."""
    low, high = np.nanquantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2] if units is None else ends(units, confidence))
    if units is not None and 1 < units < _FEW and np.isfinite(low):
        half = float(student.ppf((1 + confidence) / 2, units - 1) * np.nanstd(draws) * np.sqrt(units / (units - 1)))
        low, high = min(low, value - half), max(high, value + half)
    return {"value": float(value), "low": float(low), "high": float(high)}


def share_interval(value: float, draws: np.ndarray, rows: int, confidence: float = 0.95, units: int | None = None) -> dict:
    """The interval of a share (accuracy, recall) as in `interval`: Wilson's, with Student's t, at the number of independent rows that gives the variance of the bootstrap's draws (R,) of `units` units.

    Args:
        rows: that the share was measured on; the most that it can be worth, and what it is worth where no row, or every row, is an error. A share between whose draws do not differ has no width.
    """
    units = rows if units is None else units
    spread = float(np.nanvar(draws)) * units / max(units - 1, 1)
    if spread <= 1e-12 and 1e-9 < value < 1 - 1e-9:
        return {"value": float(value), "low": float(value), "high": float(value)}
    number = min(value * (1 - value) / spread, rows) if spread > 1e-12 else rows
    turn = float(student.ppf((1 + confidence) / 2, max(units - 1, 1))) ** 2 / max(number, 1)
    middle, half = (value + turn / 2) / (1 + turn), np.sqrt(turn * value * (1 - value) + turn**2 / 4) / (1 + turn)
    return {"value": float(value), "low": min(max(0.0, float(middle - half)), float(value)), "high": max(min(1.0, float(middle + half)), float(value))}


def cost_interval(value: np.ndarray, draws: np.ndarray, heaviest: float, confidence: float = 0.95, units: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """(low, high) of expected costs: sums of few, dear, never negative events, of which the dearest may not have been seen, so that a bootstrap's upper end is too low (it held 50 % instead of 95 with
    three errors in 100 rows). The gamma interval of Fay and Feuer, "Confidence intervals for directly standardized rates" (Statistics in Medicine 1997), at the variance of the bootstrap's draws; where errors are few it is
    wider than it says (97 to 99 %), and never narrower.

    Args:
        value: any shape; draws: (R, *value.shape), of `units` units.
        heaviest: what one more event of the dearest kind would add to the value.
    """
    out = (1 - confidence) / 2
    return _cost_ends(value, draws, heaviest, confidence, units, out, 1 - out)


def cost_draws(value: float, draws: np.ndarray, heaviest: float, confidence: float = 0.95, units: int = 2, seed: int = 0) -> np.ndarray:
    """(R,) draws of an expected cost that know what `cost_interval` knows: their quantiles at (1 -+ confidence) / 2 are its ends, so that a dear event that was not seen is possible in them.

    The two gamma distributions of Fay and Feuer as one: below the median the lower end's, above it the upper end's, with the spread at this confidence. Each draw keeps its rank among the bootstrap's draws (R,), equal ones in random order,
    so that what was drawn together stays together.
    """
    place = np.empty(len(draws))
    place[np.lexsort((np.random.default_rng(seed).random(len(draws)), draws))] = (np.arange(len(draws)) + 0.5) / len(draws)
    low, high = _cost_ends(np.full(len(draws), float(value)), draws[:, None], heaviest, confidence, units, place, place)
    return np.where(place < 0.5, low, high)


def _cost_ends(value: np.ndarray, draws: np.ndarray, heaviest: float, confidence: float, units: int, below: float | np.ndarray, above: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lower gamma distribution's quantile at `below`, never above the value, and the upper one's at `above`, never below it."""
    wider = student.ppf((1 + confidence) / 2, max(units - 1, 1)) / norm.ppf((1 + confidence) / 2)
    spread = np.nanvar(draws, axis=0) * units / max(units - 1, 1) * wider**2
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where((spread > 0) & (value > 0), gamma.ppf(below, value**2 / spread, scale=spread / value), value if heaviest == 0 else 0.0)
        high = gamma.ppf(above, (value + heaviest) ** 2 / (spread + heaviest**2), scale=(spread + heaviest**2) / (value + heaviest)) if heaviest > 0 else value
    return np.minimum(low, value), np.maximum(high, value)


def none_seen(rows: int, confidence: float = 0.95) -> float:
    """The share of exceptions that there may still be where so many rows have shown none (Clopper and Pearson)."""
    return float(binomtest(0, rows).proportion_ci(confidence).high)


def mean_interval(
    values: np.ndarray, groups: Sequence[str], among: np.ndarray | None = None, confidence: float = 0.95, seed: int = 0, bounds: tuple[float, float] | None = None,
) -> tuple[float, float, float]:  # fmt: skip
    """(mean, low, high) of `values` (N,) where `among` (N,) is true, by a bootstrap over whole groups, or over rows where there are too few (`resampled_by`); NaN where there is none.

    Shares of right answers take `share_interval`. A bootstrap of a handful of values is too narrow, and has no width at all where they are alike. Below _FEW values the interval is also as wide as Student's (of shares: Clopper and Pearson's), and
    where all values are alike it is what Clopper and Pearson say of so many rows without an exception.

    Args:
        values: numbers; shares of right answers are 0 or 1 each.
        among: None: all; weights other than 0 and 1 are allowed.
        bounds: the least and the largest that a value can be; None: unknown, then values that are alike have no width, and one alone has no interval (NaN).
    """
    unit = units_of(pd.DataFrame({"group": np.asarray(groups, dtype=str)}))
    weight = np.ones(len(values)) if among is None else np.asarray(among, float)
    if not weight.sum():
        return (np.nan,) * 3
    total, number = (np.bincount(unit, part, unit.max() + 1) for part in (values * weight, weight))
    drawn = draw_units(len(total), seed=seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (drawn @ total) / (drawn @ number)
    shares = bounds == SHARE and np.isin(values, (0, 1)).all() and np.isin(weight, (0, 1)).all() and 0 < total.sum() < number.sum()
    said = (share_interval, int(weight.sum())) if shares else (interval,)
    mean, low, high = said[0](total.sum() / number.sum(), means, *said[1:], confidence=confidence, units=int((number > 0).sum())).values()
    wide_low, wide_high = _of_few(np.asarray(values, float)[weight > 0], mean, confidence, bounds)
    return mean, float(np.minimum(low, wide_low)), float(np.maximum(high, wide_high))  # NaN stays NaN


def _of_few(values: np.ndarray, mean: float, confidence: float, bounds: tuple[float, float] | None) -> tuple[float, float]:
    """What the interval must hold at least, where the values (N,) are few or alike; the mean itself elsewhere."""
    if bounds is not None and np.ptp(values) == 0:
        exception = none_seen(len(values), confidence)
        return tuple(mean + exception * (end - mean) for end in bounds)
    if len(values) >= _FEW or (bounds is None and np.ptp(values) == 0 and len(values) > 1):
        return mean, mean
    if bounds == SHARE and np.isin(values, (0, 1)).all():
        exact = binomtest(int(values.sum()), len(values)).proportion_ci(confidence)
        return float(exact.low), float(exact.high)
    if len(values) == 1:
        return np.nan, np.nan
    half = float(student.ppf((1 + confidence) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    low, high = bounds or (-np.inf, np.inf)
    return max(mean - half, low), min(mean + half, high)
