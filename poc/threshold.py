"""From which share on an answer of a run's tuned model is given, and below which it is left to a person. Needs no model, so that a page has it at once."""

from dataclasses import dataclass

import pandas as pd

RIGHT = 0.95  # of the answers that are given, on the run's held-out rows: what the plain threshold is set for
LEAST = 30  # answers that this must have been seen on


@dataclass(frozen=True)
class Threshold:
    """`value`: the smallest confidence of an answer that is given; `heat`: the temperature that a share is divided by before it is one; `promised`: the run guarantees something for it (run.json, "abstention")."""

    value: float
    heat: float = 1.0
    promised: bool = False

    def heated(self, shares: dict[str, float]) -> dict[str, float]:
        """{option: share} after temperature scaling."""
        heated = {option: max(share, 1e-6) ** (1 / self.heat) for option, share in shares.items()} if self.heat != 1 else shares
        return {option: share / sum(heated.values()) for option, share in heated.items()}

    def confidence(self, shares: dict[str, float]) -> float:
        """Of the most likely answer, after temperature scaling of {option: share}."""
        return max(self.heated(shares).values())


def threshold_of(record: dict, predictions: pd.DataFrame) -> Threshold:
    """What run.json promises; where it promises nothing, the plain threshold on its predictions.csv."""
    promise = record.get("abstention") or {}
    if promise.get("threshold") is not None:
        return Threshold(promise["threshold"], (record.get("calibration") or {}).get("temperature", 1.0), promised=True)
    return Threshold(plain_threshold(predictions))


def plain_threshold(predictions: pd.DataFrame) -> float:
    """The smallest share from which on RIGHT of the answers given, LEAST of them at least, are right on the run's own held-out rows; 1 where there is none.

    On uncalibrated shares, measured on those rows: no guarantee for other ones.
    """
    frame = predictions[(predictions["arm"] == "tuned") & (predictions["condition"] == "as_is") & (predictions["split"] == "test")]
    shares = frame["probabilities"].map(lambda p: max(p.values()))
    right = (frame["answer"] == frame["predicted"]).to_numpy()[shares.argsort()[::-1]]
    kept = [count for count in range(LEAST, len(right) + 1) if right[:count].mean() >= RIGHT]
    return round(float(shares.sort_values(ascending=False).iloc[kept[-1] - 1]), 3) if kept else 1.0
