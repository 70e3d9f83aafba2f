"""Folds in which no group is on both sides: what a classifier says about a row that it was not fitted on, nor on its siblings."""

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from kit.data import Sample


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
