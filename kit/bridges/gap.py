"""How far apart two clouds of vectors are: measures of the modality gap, which are shown side by side because none alone predicts quality.

    frechet_distance(media, text)      # (N, C) and (M, C): what media and text tokens look like to the language model
    with_interval(mmd, media, text, media_rows, text_rows)

A raw distance of centroids predicts the quality on a task far worse than a distance of distributions does (R2 0.69 and 0.99, arXiv 2604.00279), and a gap that training closed may hold no
information: a constant is close to everything. Numbers of different language models cannot be compared, except k-NN's and those that `kit.bridges.integration` scales.
Shapes: N and M vectors of the two clouds, C their width, R rows (samples) that they come from.
"""

from collections.abc import Callable

import numpy as np
from scipy.spatial.distance import cdist, pdist
from scipy.stats import t as student
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.neighbors import NearestNeighbors

_HEURISTIC = 1000  # vectors that the median of all distances is taken of


def centroid_distance(left: np.ndarray, right: np.ndarray, normalised: bool = False) -> float:
    """Euclidean distance of the two means; 0: the means are the same, whatever the clouds are.

    Args:
        left: (N, C).
        right: (M, C).
        normalised: each vector is scaled to length 1 first, as in Liang et al., "Mind the Gap" (arXiv 2203.02053); from 0 to 2, and blind to length. Else in the vectors' own unit.
    """
    return float(np.linalg.norm(np.subtract(*(_of_length_one(side).mean(0) if normalised else np.asarray(side, float).mean(0) for side in (left, right)))))


def frechet_distance(left: np.ndarray, right: np.ndarray, shrinkage: float | None = None) -> float:
    """Squared Frechet (Wasserstein-2) distance of the Gaussians that fit the clouds (N, C) and (M, C): FID's formula (Heusel et al., arXiv 1706.08500), in squares of the vectors' unit.

    Args:
        shrinkage: 0 to 1; covariances become (1 - shrinkage) S + shrinkage trace(S)/C I. 0: as they are, which is too far apart where there are few vectors for C. None: the amount that Ledoit and Wolf's
            formula gives for both clouds together, each around its own mean; one amount for both, so that it adds no difference of its own.
    """
    sides = [np.asarray(side, float) for side in (left, right)]
    means = [side.mean(0) for side in sides]
    if shrinkage is None:
        shrinkage = ledoit_wolf_shrinkage(np.concatenate([side - mean for side, mean in zip(sides, means, strict=True)]), assume_centered=True)
    return frechet_of_gaussians(means[0], _covariance(sides[0], shrinkage), means[1], _covariance(sides[1], shrinkage))


def frechet_of_gaussians(mean: np.ndarray, covariance: np.ndarray, other_mean: np.ndarray, other_covariance: np.ndarray) -> float:
    """|m - m'|^2 + trace(S + S' - 2 (S^1/2 S' S^1/2)^1/2) of means (C,) and covariances (C, C).

    The root of the symmetric product by its eigenvalues: real whatever the rank, where a general root of S S' leaves imaginary parts and fails on singular covariances.
    """
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    product = root @ other_covariance @ root
    shared = np.sqrt(np.linalg.eigvalsh((product + product.T) / 2).clip(0)).sum()
    return float(max(((mean - other_mean) ** 2).sum() + np.trace(covariance) + np.trace(other_covariance) - 2 * shared, 0.0))


def mmd(left: np.ndarray, right: np.ndarray, bandwidth: float | None = None) -> float:
    """Squared maximum mean discrepancy of the clouds (N, C) and (M, C), unbiased (Gretton et al., JMLR 2012, eq. 3), so that it is around 0, and may be below, for one distribution; without a unit, at most 2.

    Args:
        bandwidth: s of the kernel exp(-d^2 / 2 s^2). None: the median distance of all vectors together ("median heuristic").
    """
    scale = bandwidth or median_distance(left, right)
    within = [float(np.exp(-pdist(side, "sqeuclidean") / (2 * scale**2)).mean()) for side in (left, right)]
    return sum(within) - 2 * float(np.exp(-cdist(left, right, "sqeuclidean") / (2 * scale**2)).mean())


def median_distance(left: np.ndarray, right: np.ndarray) -> float:
    """The median Euclidean distance of two vectors of either cloud, of up to 1,000 of them taken at equal steps."""
    together = np.concatenate([left, right]).astype(float)
    return float(np.median(pdist(together[:: -(-len(together) // _HEURISTIC)]))) or 1.0  # 1: all vectors are alike


def mutual_knn(left: np.ndarray, right: np.ndarray, k: int = 10) -> float:
    """Share of the k nearest neighbours (cosine) that a row has in both spaces, mean over the rows: 1: same neighbourhoods; by chance k / (R - 1).

    Huh et al., "The Platonic Representation Hypothesis" (arXiv 2405.07987). The spaces need not be of one width. Rows that are exactly alike in a space (the same words) are neighbours in an arbitrary order.

    Args:
        left, right: (R, C) and (R, C'): row r of both is the same thing, once seen or heard, once told.

    Raises:
        ValueError: not the same number of rows, or not more than k.
    """
    if len(left) != len(right) or len(left) <= k:
        raise ValueError(f"mutual k-NN needs pairs of rows, more than k = {k}; given {len(left)} and {len(right)}")
    near = [NearestNeighbors(n_neighbors=k, metric="cosine").fit(side).kneighbors(return_distance=False) for side in (left, right)]
    return float(np.mean([len(set(one) & set(other)) / k for one, other in zip(*near, strict=True)]))


def with_interval(
    measure: Callable[[np.ndarray, np.ndarray], float], left: np.ndarray, right: np.ndarray, left_rows: np.ndarray, right_rows: np.ndarray, blocks: int = 20, confidence: float = 0.95, seed: int = 0,
) -> dict:  # fmt: skip
    """{"value", "low", "high"} of `measure(left, right)`, by the jackknife over blocks of whole rows (Student's t with blocks - 1 degrees of freedom).

    Why no bootstrap: vectors that are drawn twice lie at distance 0 of themselves, which raises k-NN and MMD and takes rank from covariances. Near 0, where distances cannot go below, it is too wide.

    Args:
        left_rows, right_rows: (N,) and (M,) what each vector comes from (sample or group); vectors of one stay together.
        blocks: how many parts are left out, one after the other; 0: no interval (NaN), for wide models, where one measure takes minutes.
    """
    value = measure(left, right)
    names = np.unique(np.concatenate([left_rows, right_rows]))
    blocks = min(blocks, len(names))
    if blocks < 2:
        return {"value": value, "low": np.nan, "high": np.nan}
    without = []
    for gone in np.array_split(np.random.default_rng(seed).permutation(names), blocks):
        without.append(measure(left[~np.isin(left_rows, gone)], right[~np.isin(right_rows, gone)]))
    error = np.sqrt((blocks - 1) * np.var(without))
    half = float(student.ppf((1 + confidence) / 2, blocks - 1) * error)
    return {"value": value, "low": value - half, "high": value + half}


def _of_length_one(vectors: np.ndarray) -> np.ndarray:
    vectors = np.asarray(vectors, float)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)


def _covariance(vectors: np.ndarray, shrinkage: float) -> np.ndarray:
    """(C, C), divided by N - 1, drawn towards a multiple of the unit matrix with the same trace."""
    found = np.atleast_2d(np.cov(vectors, rowvar=False))
    return (1 - shrinkage) * found + shrinkage * np.trace(found) / len(found) * np.eye(len(found))
