"""A bridge that is shown the rows' sensor series, in words or as a picture (`kit.bridges.series`): two ways, two rows of the table, no modality of its own.

    words = WithSeries("words", Kept(DataDriven("qwen3.5-4b", name="series in words"), work), folder.root)
    picture = WithSeries("picture", Kept(DataDriven("qwen3.5-4b", name="series as picture"), work), folder.root)

Kept answers are inside: they are of the series' content, which is in the note or in the picture by then, and not of the file's name.
"""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from kit.bridges.bridge import Bridge, Facts
from kit.bridges.kept import Kept
from kit.bridges.series import COLUMN, drawn, told_in_words
from kit.data import Sample

WAYS = ("words", "picture")


@dataclass
class WithSeries:
    """See this module.

    Attributes:
        way: of WAYS.
        bridge: what answers; its name and facts are this one's.
        root: the company's folder, in which `column` of a row's `meta` names the file; rows without one are shown as they are.
        language: of the words, "en" or "ja".
        work: of the pictures, after `fit`.
    """

    way: str
    bridge: Bridge
    root: Path
    column: str = COLUMN
    language: str = "en"
    work: Path | None = field(default=None, init=False)

    def __post_init__(self):
        if self.way not in WAYS:
            raise ValueError(f"a series is shown as {self.way!r}; allowed: {WAYS}")

    @property
    def name(self) -> str:
        return self.bridge.name

    @property
    def facts(self) -> Facts:
        return self.bridge.facts

    def fit(self, train: list[Sample], validation: list[Sample], work: Path) -> None:
        """Fits the bridge on the rows with their series.

        Raises:
            KitError: a series that cannot be read (`kit.bridges.series.read_series`), or what the bridge raises.
        """
        self.work = work / "series"
        self.bridge.fit(self.shown(train), self.shown(validation), work)

    def predict(self, samples: list[Sample]) -> pd.DataFrame:
        """The frame of `kit.evaluation.predict`."""
        return self.bridge.predict(self.shown(samples))

    def shown(self, samples: list[Sample]) -> list[Sample]:
        """The rows as the bridge gets them."""
        if self.way == "words":
            return [told_in_words(sample, self.root, self.column, self.language) for sample in samples]
        return [drawn(sample, self.root, self.work, self.column) for sample in samples]

    def release(self) -> None:
        """Lets the model of a kept bridge go."""
        if isinstance(self.bridge, Kept):
            self.bridge.release()
