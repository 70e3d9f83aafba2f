"""What the checks of this room are given, and the small words that they share."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from kit.curation.looks import Look, look_at_all
from kit.data import MEDIA, Fault, Sample

SHOWN = 20  # ids in a sentence or pictures on a page; the evidence has them all


@dataclass(frozen=True)
class Material:
    """A company's rows and what was seen in their files.

    Attributes:
        samples: the usable rows, split or not.
        looks: (path, modality) -> Look.
        faults: rows that the reader could not use.
        options: the closed answer set, in the company's order; () for free text.
        promised: the half-width of the KPI's interval that the company wants to promise.
        features: id -> (D,) what classifiers read (`with_features`); {}: the checks that need one say that nothing was measured.
        kept: what one check found at some cost and another needs, too.
    """

    samples: tuple[Sample, ...]
    looks: dict[tuple[Path, str], Look]
    faults: tuple[Fault, ...] = ()
    options: tuple[str, ...] = ()
    promised: float = 0.1
    features: dict[str, np.ndarray] = field(default_factory=dict)
    kept: dict = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def users(self) -> dict[tuple[Path, str], list[Sample]]:
        """(path, modality) -> the rows that use the file."""
        found: dict[tuple[Path, str], list[Sample]] = {}
        for sample in self.samples:
            for modality in MEDIA:
                for path in getattr(sample, modality):
                    found.setdefault((path, modality), []).append(sample)
        return found

    @cached_property
    def labelled(self) -> list[Sample]:
        """The rows that have an answer."""
        return [sample for sample in self.samples if sample.answer]

    def files(self, modality: str) -> list[Look]:
        """What was seen in the readable files of one modality, in the order of the rows."""
        return [look for (_, kind), look in self.looks.items() if kind == modality and not look.fault]


def gather(samples: tuple[Sample, ...], faults: tuple[Fault, ...] = (), options: tuple[str, ...] = (), faces: bool = True, promised: float = 0.1, workers: int = 2) -> Material:
    """Looks at every file of the samples once; see `Material` and `look_at_all`."""
    return Material(tuple(samples), look_at_all(samples, faces, workers), tuple(faults), tuple(options), promised)


def listed(names, most: int = SHOWN) -> str:
    """The first names in a sentence, and how many more there are."""
    names = list(names)
    more = len(names) - most
    return ", ".join(map(str, names[:most])) + (f" (+{more})" if more > 0 else "")
