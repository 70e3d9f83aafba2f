"""Folds in which no group is on both sides, the cheap classifier that is asked in them, and how much its macro recall depends on which groups there happened to be."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from kit.data import Sample
from kit.evaluation.intervals import ends

_RESAMPLED = 1000


def honest_folds(rows: list[Sample], folds: int = 5, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]] | None:
    """(training rows, held-out rows) of each fold, stratified by answer and never splitting a group; a row without a group is a group of its own.

    None where that cannot be done: fewer than two groups, or an answer that some fold would not be fitted on.
    """
    truth = np.array([sample.answer for sample in rows])
    groups = [sample.group or f"alone {sample.id}" for sample in rows]
    number = min(folds, len(set(groups)), *np.unique(truth, return_counts=True)[1]) if len(rows) else 0
    if number < 2:
        return None
    made = list(StratifiedGroupKFold(number, shuffle=True, random_state=seed).split(np.zeros(len(rows)), truth, groups))
    return made if all(set(truth[fitted]) == set(truth) and len(held) for fitted, held in made) else None


def linear_reader(strength: float = 0.01) -> Pipeline:
    """Logistic regression on about a thousand standardised features; `strength` is its C."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))


def drawn_macro_means(truth: np.ndarray, worth: np.ndarray, groups: list[str]) -> np.ndarray:
    """The mean over classes of the mean of `worth` (N,) within each, in resamples of whole groups: (number of resamples,).

    With hits as worth it is macro recall; with one classifier's hits minus another's, their paired difference.
    """
    labels, classes = np.unique(truth, return_inverse=True)
    _, member = np.unique(groups, return_inverse=True)
    number, gained = (np.zeros((member.max() + 1, len(labels))) for _ in range(2))
    np.add.at(number, (member, classes), 1)
    np.add.at(gained, (member, classes), worth)
    drawn = np.random.default_rng(0).integers(len(number), size=(_RESAMPLED, len(number)))
    with np.errstate(invalid="ignore"):
        return np.nanmean(gained[drawn].sum(1) / number[drawn].sum(1), axis=1)


def ends_of(groups: list[str]) -> list[float]:
    """The two quantiles of `drawn_macro_means` between which the 95 % interval lies (`kit.evaluation.intervals.ends`)."""
    return ends(len(set(groups)))
