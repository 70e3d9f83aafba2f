"""What a monitor watches: rows as they came, with the group that each belongs to, and nothing that needs a label.

    Observed(group=frame["group"], scores={"confidence": ..., "answer": frame["predicted"]}, quality=quality_of(samples), rates={"abstention": ..., "override": ...},
             embedding=frozen_features(loaded, samples))

Shapes: N rows in the order in which they came, D width of the embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kit.errors import KitError
from kit.language import say


@dataclass(frozen=True)
class Observed:
    """Rows of one stream.

    Attributes:
        group: (N,) lot, day or caller of each row; what comes together shares a group.
        scores: name -> (N,) numbers (confidence, margin ...) or words (the answer), of the model.
        quality: name -> (N,) numbers of the media (`kit.operations.quality`).
        rates: name -> (N,) of 0 and 1; NaN where it is not known (an answer that nobody checked was neither kept nor overridden).
        embedding: (N, D) frozen features; (N, 0) where there are none.

    Raises:
        KitError: columns of different lengths, or a number that is none.
    """

    group: np.ndarray
    scores: dict[str, np.ndarray] = field(default_factory=dict)
    quality: dict[str, np.ndarray] = field(default_factory=dict)
    rates: dict[str, np.ndarray] = field(default_factory=dict)
    embedding: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))

    def __post_init__(self):
        group = np.asarray(self.group).astype(str)
        object.__setattr__(self, "group", group)
        for kind in ("scores", "quality", "rates"):
            object.__setattr__(self, kind, {name: _column(values, words=kind == "scores") for name, values in getattr(self, kind).items()})
        embedding = np.asarray(self.embedding, np.float32)
        object.__setattr__(self, "embedding", embedding if embedding.ndim == 2 and embedding.shape[1] else np.empty((len(group), 0), np.float32))
        for name, values in [*self.scores.items(), *self.quality.items(), *self.rates.items(), ("embedding", self.embedding)]:
            if len(values) != len(group):
                raise KitError(say(f"{name} has {len(values)} rows, group has {len(group)}: give every column for the same rows", f"{name} は {len(values)} 行、group は {len(group)} 行です。同じ行をそろえてください"))
            if name not in self.rates and values.dtype.kind == "f" and not np.isfinite(values).all():
                bad = int((~np.isfinite(values.reshape(len(values), -1)).all(1)).sum())
                raise KitError(say(f"{name} is no finite number in {bad} rows: leave rows out that could not be read, and watch their share as a rate", f"{name} が {bad} 行で数値ではありません。読めない行は除き、その割合を rates で監視してください"))
            if name in self.rates and not np.isin(values[~np.isnan(values)], (0, 1)).all():
                raise KitError(say(f"the rate {name} may hold 0, 1 and NaN (not known)", f"割合 {name} に使えるのは 0、1、NaN（不明）だけです"))

    def __len__(self) -> int:
        return len(self.group)

    def take(self, rows: Sequence[int] | np.ndarray) -> "Observed":
        """These rows, in this order."""
        at = np.asarray(rows, int)
        return Observed(self.group[at], *({name: values[at] for name, values in columns.items()} for columns in (self.scores, self.quality, self.rates)), self.embedding[at])

    def columns(self) -> dict[str, list[str]]:
        """What is watched, so that a batch can be compared with the reference."""
        return {"scores": sorted(self.scores), "quality": sorted(self.quality), "rates": sorted(self.rates), "embedding": [str(self.embedding.shape[1])]}


def together(parts: Sequence[Observed]) -> Observed:
    """The rows of several, one after the other.

    Raises:
        KitError: they do not have the same columns.
    """
    first = parts[0]
    for part in parts[1:]:
        if part.columns() != first.columns():
            differing = [kind for kind, names in first.columns().items() if part.columns()[kind] != names]
            raise KitError(
                say(
                    f"these rows have other {', '.join(differing)} than the reference ({part.columns()} instead of {first.columns()}); give the same columns, made by the same model",
                    f"この行の {', '.join(differing)} は基準と異なります（{first.columns()} のはずが {part.columns()}）。同じモデルで同じ列を用意してください",
                )
            )
    joined = ({name: np.concatenate([getattr(part, kind)[name] for part in parts]) for name in getattr(first, kind)} for kind in ("scores", "quality", "rates"))
    return Observed(np.concatenate([part.group for part in parts]), *joined, np.concatenate([part.embedding for part in parts]))


def _column(values, words: bool) -> np.ndarray:
    found = np.asarray(values)
    return found.astype(str) if words and found.dtype.kind in "OUS" else found.astype(float)
