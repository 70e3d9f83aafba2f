"""How far the rows of a window are from those of a reference, for many windows at once: a window is a row of a 0/1 matrix, so that a thousand resampled ones cost a few matrix products.

Shapes: L looks (one window and one base each), N rows of all, G groups, d width of the embedding, F folds. `window` and `base` are (L, N) 0/1 and never both 1.
PSI: Siddiqi, "Credit Risk Scorecards" (2006); KS: Kolmogorov and Smirnov's two-sample distance; MMD: Gretton et al., JMLR 2012, eq. 3; domain classifier: Lopez-Paz and Oquab, ICLR 2017.
"""

import numpy as np

BINS = 10  # of PSI
_HALF = 0.5  # of a row in each bin, so that an empty one is no infinity


def psi(window: np.ndarray, base: np.ndarray, place: np.ndarray, bins: int) -> np.ndarray:
    """Population stability index (L,): sum over bins of (p - q) ln(p / q); credit scoring calls 0.1 worth a look and 0.25 a shift, whatever the number of rows is, which is why no such limit is used here.

    Args:
        place: (N,) which of the bins a row is in, from 0.
    """
    of_bin = np.eye(bins)[place]
    p, q = ((side @ of_bin + _HALF) / (side.sum(1, keepdims=True) + _HALF * of_bin.shape[1]) for side in (window, base))
    return ((p - q) * np.log(p / q)).sum(1)


def bins_of(values: np.ndarray) -> np.ndarray:
    """Edges between BINS bins with equal shares of the reference's values; fewer where many are alike."""
    return np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))


def ks(window: np.ndarray, base: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The largest distance (L,) of the two empirical distribution functions of `values` (N,), 0 to 1."""
    order = np.argsort(values, kind="stable")
    last = np.append(np.diff(values[order]) > 0, True)  # where a run of equal values ends
    p, q = (np.cumsum(side[:, order], 1)[:, last] / side.sum(1, keepdims=True) for side in (window, base))
    return np.abs(p - q).max(1)


def kernel_of(left: np.ndarray, right: np.ndarray, bandwidth: float) -> np.ndarray:
    """exp(-d^2 / 2 s^2) of all pairs of vectors (N, d) and (M, d), as in `kit.bridges.gap.mmd`."""
    squares = (left**2).sum(1)[:, None] + (right**2).sum(1) - 2 * left @ right.T
    return np.exp(-np.maximum(squares, 0) / (2 * bandwidth**2))


def mmd(window: np.ndarray, base: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Unbiased squared maximum mean discrepancy (L,), given the kernel (N, N) of all rows: `kit.bridges.gap.mmd` of one window is the same number (a test holds it)."""
    seen_from = window @ kernel
    n, m = window.sum(1), base.sum(1)
    inside = ((seen_from * window).sum(1) - n) / (n * (n - 1))
    outside = (((base @ kernel) * base).sum(1) - m) / (m * (m - 1))
    return inside + outside - 2 * (seen_from * base).sum(1) / (n * m)


def domain_auc(window: np.ndarray, base: np.ndarray, vectors: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """How well a classifier tells the window's rows from the base's that it was not fitted on: cross-validated area under the ROC curve (L,), mean over folds; 0.5: not at all.

    The classifier is the linear discriminant with the reference's covariance, which `vectors` are whitened by: its weights are the difference of the two means.

    Args:
        vectors: (N, d), whitened.
        fold: (N,) number of the fold that a row is held out in; rows of one group share it.
    """
    found = []
    for number in np.unique(fold):
        held = fold == number
        means = [(side[:, ~held] @ vectors[~held]) / np.maximum(side[:, ~held].sum(1, keepdims=True), 1) for side in (window, base)]
        worth = (means[0] - means[1]) @ vectors[held].T  # (L, held rows)
        found.append(_auc(worth, window[:, held], base[:, held]))
    shares = np.stack(found)
    counted = np.isfinite(shares)
    return np.where(counted, shares, 0).sum(0) / np.maximum(counted.sum(0), 1) + 0.5 * ~counted.any(0)


def _auc(worth: np.ndarray, window: np.ndarray, base: np.ndarray) -> np.ndarray:
    """(L,); NaN where a side is empty. Rows that are on neither side do not count."""
    order = np.argsort(np.where(window + base > 0, worth, np.inf), axis=1, kind="stable")  # those on neither side come last
    ranks = np.empty(order.shape)
    np.put_along_axis(ranks, order, np.arange(1.0, order.shape[1] + 1)[None], 1)  # equal scores would share a rank; those of real vectors are not equal
    n, m = window.sum(1), base.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return ((ranks * window).sum(1) - n * (n + 1) / 2) / (n * m)


def novelty(window: np.ndarray, known: np.ndarray, vectors: np.ndarray, group: np.ndarray) -> np.ndarray:
    """How far the groups of the window are from the nearest OTHER known group, (L,): root of the mean, over the window's rows, of the squared distance from the mean of their group's rows in the window to the nearest mean of a whole known group.

    A new kind of lot is far from every known lot, while the rows of both overlap: distances of rows to their nearest neighbours hide it in their scatter, the mean of a dozen rows does not.

    Args:
        known: (N,) 1 for the rows of the reference; those in the window, too, so that an ordinary group is as near to the others as a new one will be.
        vectors: (N, d).
        group: (N,) numbers of the groups, each with known rows only or with none.
    """
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    rows_of = np.add.reduceat(window[:, order], starts, 1)  # (L, G)
    means = np.add.reduceat((window[:, :, None] * vectors)[:, order], starts, 1) / np.maximum(rows_of, 1)[:, :, None]
    whole = np.add.reduceat(vectors[order], starts, 0) / np.diff(np.append(starts, len(order)))[:, None]
    squares = (means**2).sum(2)[:, :, None] + (whole**2).sum(1) - 2 * means @ whole.T  # (L, G, G)
    others = (known[order][starts] > 0) & ~np.eye(len(starts), dtype=bool)
    nearest = np.maximum(np.where(others, squares, np.inf).min(2), 0)
    return np.sqrt((np.where(rows_of > 0, nearest, 0) * rows_of).sum(1) / window.sum(1))


def rates(window: np.ndarray, base: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(rate of the window, rate of the base, standard error of their difference), each (L,): a p-chart's, where `values` (N,) is 0, 1 or NaN (not known, not counted).

    The error is the binomial one, with half a row added of either kind, so that no rate is surely 0; that groups differ more than coins is answered by limits that are set on whole groups (what Laney's p'
    chart does, Quality Engineering 2002). A window without a known value has the base's rate.
    """
    known = np.isfinite(values)
    hits = np.where(known, values, 0.0)
    n, m = (side @ known for side in (window, base))
    inside, outside = window @ hits, base @ hits
    q = outside / np.maximum(m, 1)
    p = np.where(n > 0, inside / np.maximum(n, 1), q)
    smooth = (outside + _HALF) / (m + 2 * _HALF)
    return p, q, np.sqrt(smooth * (1 - smooth) * (1 / np.maximum(n, 1) + 1 / np.maximum(m, 1)))
