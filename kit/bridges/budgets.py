"""How many labels does a bridge need? The same bridge with fewer training rows, until it is no longer near its best."""

import numpy as np
import pandas as pd

from kit.evaluation import evaluate


def rows_to_reach(frames: dict[int, pd.DataFrame], labels: list[str], low: float, kpi: str = "macro_recall", share: float = 0.9) -> tuple[int | None, dict[int, float]]:
    """(the least of the numbers of training rows with which a bridge reaches `share` of its best, training rows -> KPI).

    Point estimates on the same held-out rows, so as coarse as the budgets: between two of them nothing is known, and a figure at the most rows may still rise.

    Args:
        frames: training rows -> predictions frame.
        labels, kpi: as of `kit.evaluation.evaluate`.
        low: lower bound of the KPI with the most rows. Where it is not above guessing (one over the number of options, mean over the rows) the bridge has learned nothing to have a share of: None.
    """
    values = {count: evaluate(frame, labels, resamples=2)[kpi]["value"] for count, frame in sorted(frames.items())}
    guessing = float(np.mean([1 / len(shares) for shares in frames[max(frames)]["probabilities"]]))
    return (min(count for count, value in values.items() if value >= share * max(values.values())) if low > guessing else None), values
