"""Does a smaller gap go with better answers? Rank correlation of each measure of the gap with the KPI, over bridges and checkpoints that were measured on the same rows."""

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata, spearmanr

FEW = 10  # bridges below which an interval says next to nothing


def gap_and_kpi(gaps: pd.DataFrame, kpis: dict[str, float], confidence: float = 0.95) -> pd.DataFrame:
    """Spearman's rank correlation of each measure with the KPI. Negative: a smaller distance goes with better answers (of mutual k-NN, where 1 is no gap, the other way round).

    The interval is Fisher's z with the standard error of Bonett and Wright (Psychometrika 65, 2000): sqrt((1 + r^2 / 2) / (n - 3)); bridges that share a language model are no independent draws, so it is
    too narrow rather than too wide.

    Args:
        gaps: columns bridge, measure, value, as of `kit.bridges.gap` with a bridge's name to each; one row per bridge and measure.
        kpis: bridge -> KPI on held-out rows; bridges without one are left out.

    Returns:
        One row per measure: measure, spearman, low, high, n, note. NaN where fewer than four bridges have the measure, or all the same value; no interval for n = 4, and none for a perfect order, whose z is infinite: of four bridges one order in twelve is perfect by chance.
    """
    rows = []
    for measure, part in gaps[gaps["bridge"].isin(kpis) & gaps["value"].map(np.isfinite)].groupby("measure", sort=False):
        values, quality, n = part["value"].to_numpy(), part["bridge"].map(kpis).to_numpy(), len(part)
        found = dict.fromkeys(("spearman", "low", "high"), float("nan"))
        if n > 3 and len(set(values)) > 1 and len(set(quality)) > 1:
            r = float(spearmanr(values, quality).statistic)
            found["spearman"] = r
            if n > 4 and abs(r) < 1 - 1e-9:
                half = norm.ppf((1 + confidence) / 2) * np.sqrt((1 + r**2 / 2) / (n - 3))
                found |= {"low": float(np.tanh(np.arctanh(r) - half)), "high": float(np.tanh(np.arctanh(r) + half))}
        rows.append({"measure": measure} | found | {"n": n, "note": "few" if n < FEW else ""})
    return pd.DataFrame(rows, columns=["measure", "spearman", "low", "high", "n", "note"])


def within_cases(frame: pd.DataFrame, case: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """The frame with each column replaced by its ranks inside a case, 0 to 1: rows of several use cases, whose units and difficulty differ, can then be put together."""
    ranked = frame.copy()
    for column in columns:
        ranked[column] = frame.groupby(case)[column].transform(lambda values: (rankdata(values) - 1) / max(len(values) - 1, 1))
    return ranked
