"""Late fusion: each bridge answers alone, its probabilities are calibrated on validation rows, and the products decide.

Shapes: N rows, K options of a row.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from kit.bridges.bridge import Bridge, Facts
from kit.data import Sample
from kit.errors import KitError
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
        temperatures: of each, after `fit`.
    """

    bridges: list[Bridge]
    name: str = "late fusion"
    temperatures: list[float] = field(default_factory=list)
    facts: Facts = field(default_factory=lambda: Facts(
        audit=say("each bridge's own answer and certainty, side by side", "各ブリッジの答えと確信度を並べて確認できます"),
        weak=say("no bridge sees what only both together tell (the voice contradicts the words)", "両方を合わせて初めてわかること（声と言葉の食い違いなど）は、どのブリッジにも見えません"),
    ))  # fmt: skip

    def fit(self, train: list[Sample], validation: list[Sample], work: Path) -> None:
        """Fits each bridge in a folder of its own, and its temperature on the labelled validation rows.

        Raises:
            KitError: fewer than two of them work here.
        """
        started, working, self.facts.failed, self.temperatures = time.perf_counter(), [], [], []
        known = [sample for sample in validation if sample.answer]
        for number, bridge in enumerate(self.bridges):
            try:
                bridge.fit(train, validation, work / f"{number}")
                self.temperatures.append(temperature(bridge.predict(known)))
                working.append(bridge)
            except KitError as error:
                self.facts.failed.append(str(error))
        if len(working) < 2:
            raise KitError(say(f"late fusion needs two bridges that work here: {' | '.join(self.facts.failed)}", f"後期融合には使えるブリッジが 2 つ必要です：{' | '.join(self.facts.failed)}"))
        self.bridges = working
        for name in ("trained", "updates", "tokens"):
            setattr(self.facts, name, sum(getattr(bridge.facts, name) for bridge in working))
        self.facts.rows, self.facts.seconds = max(bridge.facts.rows for bridge in working), time.perf_counter() - started

    def predict(self, samples: list[Sample]) -> pd.DataFrame:
        """The frame of `kit.evaluation.predict`."""
        return fused([bridge.predict(samples) for bridge in self.bridges], self.temperatures)
