"""Does a smaller gap go with better answers? Rank correlation of each measure of the gap with the KPI, over bridges and checkpoints that were measured on the same rows."""

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata, spearmanr

FEW = 10  # points below which an interval says next to nothing
RATE, OF_LAYER, PER_LAYER = "modality integration rate", "integration of a layer", "modality integration rate, per layer"
_DIGITS = 6  # significant ones, to which layer-0 measures of one connector are alike


def measured_points(gaps: pd.DataFrame, kpis: dict[str, float]) -> pd.DataFrame:
    """What a correlation is taken over: measure, bridge, value, kpi; one row per point, and no more points than there are different things.

    * What the language model reads (layer 0) is the connector's: bridges with the same values there ("as it is", an adapter that leaves the connector alone, fewer layers above it) are one point, with the mean of
      their KPIs and their names joined by " = ".
    * The modality integration rate is a sum over layers and grows with their number: in its place stands the logarithm of the mean of its layers, wherever the layers are given.

    Args:
        gaps: columns bridge, measure, layer, value, as of `kit.bridges.gap` with a bridge's name to each.
        kpis: bridge -> KPI on held-out rows; bridges without one are left out.
    """
    known = gaps[gaps["bridge"].isin(kpis) & gaps["value"].map(np.isfinite)][["bridge", "measure", "layer", "value"]]
    sums = known[known["measure"] == OF_LAYER].groupby("bridge", sort=False)["value"].mean()
    means = pd.DataFrame({"bridge": sums.index, "measure": PER_LAYER, "layer": np.nan, "value": np.log10(sums[sums > 0].reindex(sums.index)).to_numpy()}).dropna(subset=["value"])
    known = known[known["measure"] != OF_LAYER]
    known = pd.concat([known[known["measure"] != RATE], means]) if len(means) else known
    rows = []
    for measure, part in known.groupby("measure", sort=False):
        alike = part["value"].map(lambda value: f"{value:.{_DIGITS - 1}e}") if (part["layer"] == 0).all() else part["bridge"]
        for _, same in part.groupby(alike, sort=False):
            rows.append({"measure": measure, "bridge": " = ".join(same["bridge"]), "value": float(same["value"].iloc[0]), "kpi": float(same["bridge"].map(kpis).mean())})
    return pd.DataFrame(rows, columns=["measure", "bridge", "value", "kpi"])


def gap_and_kpi(points: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Spearman's rank correlation of each measure with the KPI. Negative: a smaller distance goes with better answers (of mutual k-NN, where 1 is no gap, the other way round).

    The interval is Fisher's z with the standard error of Bonett and Wright (Psychometrika 65, 2000): sqrt((1 + r^2 / 2) / (n - 3)); bridges that share a language model are no independent draws, so it is
    too narrow rather than too wide.

    Args:
        points: of `measured_points`.

    Returns:
        One row per measure: measure, spearman, low, high, n (points), note. NaN where fewer than four points have the measure, or all the same value; no interval for n = 4, and none for a perfect order, whose z is infinite: of four points one order in twelve is perfect by chance.
    """
    rows = []
    for measure, part in points.groupby("measure", sort=False):
        values, quality, n = part["value"].to_numpy(), part["kpi"].to_numpy(), len(part)
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
