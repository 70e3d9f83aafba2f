"""Late fusion: each bridge answers alone, its probabilities are calibrated on validation rows where there are some, and the products decide.

Shapes: N rows, K options of a row.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from kit.bridges.bridge import Bridge, Facts, each_alone
from kit.data import Sample
from kit.evaluation.calibration import logs_of, normal_logs, temperature
from kit.language import say


def fused(frames: list[pd.DataFrame], temperatures: list[float]) -> pd.DataFrame:
    """One predictions frame of several: per row the normalised product of the calibrated probabilities, each to the power 1 / number of frames (a logarithmic opinion pool).

    Raises:
        ValueError: the frames do not hold the same rows in the same order.
    """
    if any(frame["id"].tolist() != frames[0]["id"].tolist() for frame in frames):
        raise ValueError("late fusion needs the same rows in the same order in every frame")
    rows = []
    for same in zip(*(frame.itertuples() for frame in frames), strict=True):
        options = list(same[0].probabilities)
        logs = sum(normal_logs(logs_of({option: row.probabilities[option] for option in options}) / heat) for row, heat in zip(same, temperatures, strict=True)) / len(frames)
        shares = dict(zip(options, map(float, np.exp(normal_logs(logs))), strict=True))
        rows.append({"id": same[0].id, "answer": same[0].answer, "predicted": max(shares, key=shares.get), "probabilities": shares, "group": same[0].group})
    return pd.DataFrame(rows, columns=["id", "answer", "predicted", "probabilities", "group"])


@dataclass
class LateFusion:
    """Several bridges that answer alone and are combined; the one that is missing here is told in `facts.failed`.

    Attributes:
        bridges: e.g. one per modality, or tools beside a converter.
        temperatures: of each, after `fit`; 1 each where there were no validation rows: then nothing is calibrated, and `facts.failed` says so.
    """

    bridges: list[Bridge]
    name: str = "late fusion"
    temperatures: list[float] = field(init=False, default_factory=list)
    facts: Facts = field(init=False, default_factory=lambda: Facts(
        audit=say("each bridge's own answer and certainty, side by side", "各ブリッジの答えと確信度を並べて確認できます"),
        weak=say("no bridge sees what only both together tell (the voice contradicts the words)", "両方を合わせて初めてわかること（声と言葉の食い違いなど）は、どのブリッジにも見えません"),
    ))  # fmt: skip

    def fit(self, train: list[Sample], validation: list[Sample], work: Path) -> None:
        """Fits each bridge in a folder of its own, and its temperature on the labelled validation rows. Whoever was chosen on the same rows (a connector's weights, a detector's form) looks surer of itself on them than it is.

        Raises:
            KitError: fewer than two of them work here.
        """
        working, self.facts.failed = each_alone(("late fusion", "後期融合"), self.bridges, train, validation, work)
        self.bridges, self.temperatures = [bridge for bridge, _ in working], [temperature(frame) for _, frame in working]
        if not any(sample.answer for sample in validation):
            self.facts.failed = [*self.facts.failed, say("not calibrated, for want of labelled validation rows: whoever is surer of itself decides, rightly or not", "ラベル付きの検証行がないため、確信度を補正していません。確信の強い方の答えが、正しくなくても通ります")]
        for name in ("trained", "updates", "tokens", "cost_per_call", "seconds", "latency"):  # one after the other; a latency that is not measured yet (NaN) stays so
            setattr(self.facts, name, sum(getattr(bridge.facts, name) for bridge in self.bridges))
        self.facts.rows, self.facts.start = max(bridge.facts.rows for bridge in self.bridges), " + ".join(dict.fromkeys(bridge.facts.start for bridge in self.bridges))

    def predict(self, samples: list[Sample]) -> pd.DataFrame:
        """The frame of `kit.evaluation.predict`."""
        return fused([bridge.predict(samples) for bridge in self.bridges], self.temperatures)
