"""Intervals of a share that people's decisions give: k of n. The bootstrap of `kit.evaluation.metrics` says [1, 1] where nobody has disagreed yet; these do not."""

import numpy as np
from scipy.stats import beta, binomtest, t

MIN_GROUPS = 5  # as in kit.evaluation.intervals, which would bring torch with it, and a clerk's page do without


def wilson(hits: int, of: int, confidence: float = 0.95) -> tuple[float, float]:
    """(low, high) of Wilson's interval (1927), for showing; (0, 1) where nothing was seen."""
    if not of:
        return 0.0, 1.0
    found = binomtest(hits, of).proportion_ci(confidence, method="wilson")
    return float(found.low), float(found.high)


def lower_bound(right: np.ndarray, groups: np.ndarray, alpha: float) -> float:
    """What a share is at least, wrong in at most `alpha` of the cases: exact (Clopper and Pearson 1934), on as many rows as the groups leave.

    Rows of one lot, speaker or day err together, so that n of them say less than n. With at least MIN_GROUPS groups n is divided by the design effect, never below 1, and corrected for how few groups it was
    estimated from (Korn and Graubard 1998); with fewer groups, or groups "", rows count one by one.

    Args:
        right: (N,) of 0 and 1.
        groups: (N,) names.
    """
    hits, of = _effective(right, groups, alpha)
    return float(beta.ppf(alpha, hits, of - hits + 1)) if hits > 0 else 0.0


def upper_bound(right: np.ndarray, groups: np.ndarray, alpha: float) -> float:
    """What a share is at most; as `lower_bound`."""
    hits, of = _effective(right, groups, alpha)
    return float(beta.ppf(1 - alpha, hits + 1, of - hits)) if hits < of else 1.0


def _effective(right: np.ndarray, groups: np.ndarray, alpha: float) -> tuple[float, float]:
    """(right rows, rows) after division by the design effect."""
    right, of = np.asarray(right, float), len(right)
    names, at = np.unique(np.asarray(groups, str), return_inverse=True)
    share = right.mean() if of else 0.0
    if len(names) < MIN_GROUPS or not 0 < share < 1:
        return share * of, float(of)
    residuals = np.bincount(at, right - share)
    variance = len(names) / (len(names) - 1) * (residuals**2).sum() / of**2
    few = (t.ppf(1 - alpha, of - 1) / t.ppf(1 - alpha, len(names) - 1)) ** 2
    rows = min(float(of), few * of / max(1.0, variance * of / (share * (1 - share))))
    return share * rows, rows
