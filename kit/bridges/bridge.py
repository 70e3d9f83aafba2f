"""What all bridges share: one interface, and the facts that a table compares them by.

Four ways to bring a modality to a language model, after the survey of Song et al., "How to Bridge the Gap between Modalities" (arXiv 2311.07594): a converter maps it into the model's input, a
perceiver looks at it with learned queries, tool learning writes it down as text, and the data-driven way teaches the model itself.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pandas as pd
import torch

from kit.data import Sample
from kit.data.collator import Collator
from kit.errors import KitError
from kit.language import say
from kit.models import Loaded
from kit.models.media_tokens import media_token_ids


@dataclass
class Facts:
    """What a bridge costs, and what can be known about its answers.

    Attributes:
        trained: parameters that were trained, a tool's own among them.
        updates: optimizer updates of the language model or a connector; 0: none.
        rows: training rows that were used.
        seconds: of `fit`, wall clock, loading included, and the tools' reading, whoever read it before.
        latency: seconds until one answer (median); NaN before it was measured: `try_bridges` asks rows alone, unless the bridge has measured itself (a vendor is not paid twice for that).
        tokens: tokens that the language model reads for one medium, or for what tools wrote of it (mean).
        cost_per_call: what somebody else asks for one answer, in the caller's currency (mean); 0: nobody is asked, and this machine is not counted; NaN: not known.
        start: what it begins with: a connector with fresh weights, or a checkpoint that somebody aligned before, which its label budget does not show.
        audit: what a person can check afterwards, in one sentence.
        weak: how this kind of bridge fails, in one sentence.
        failed: what did not work here, or only in part, and remarks on it.
        lacking: something is missing that may be installed tomorrow, as `failed` advises (a tool): what is answered without it is not kept (`kit.bridges.Kept`).
    """

    trained: int = 0
    updates: int = 0
    rows: int = 0
    seconds: float = float("nan")
    latency: float = float("nan")
    tokens: float = float("nan")
    cost_per_call: float = 0.0
    start: str = ""
    audit: str = ""
    weak: str = ""
    failed: list[str] = field(default_factory=list)
    lacking: bool = False


def aligned() -> str:
    """What a bridge begins with that takes a checkpoint as it is."""
    return say("an aligned checkpoint", "整合済みのチェックポイント")


class Bridge(Protocol):
    """A whole way to bring a modality to a language model.

    Attributes:
        name: in tables; unique among those that are compared.
        facts: filled by `fit`.
    """

    name: str
    facts: Facts

    def fit(self, train: list[Sample], validation: list[Sample], work: Path) -> None:
        """Learns from labelled rows; what it leaves is in `work`. Fitted again there with the same rows and settings, it ends the same.

        Raises:
            KitError: it cannot work here, and why.
        """

    def predict(self, samples: list[Sample]) -> pd.DataFrame:
        """The frame of `kit.evaluation.predict`: id, answer, predicted, probabilities, group."""


def tokens_per_medium(loaded: Loaded, samples: list[Sample]) -> float:
    """Mean number of tokens that stand for one picture, video or sound of the samples; NaN where they have none."""
    marks = torch.tensor([mark for mark in media_token_ids(loaded.model).values() if mark >= 0])
    media = sum(len(sample.image) + len(sample.video) + len(sample.audio) for sample in samples)
    collator = Collator(loaded.processor, answers=False)
    return sum(int(torch.isin(collator([sample])["input_ids"], marks).sum()) for sample in samples) / media if media else float("nan")


def each_alone(name: tuple[str, str], bridges: list[Bridge], train: list[Sample], validation: list[Sample], work: Path) -> tuple[list[tuple[Bridge, pd.DataFrame]], list[str]]:
    """For bridges that combine others: (each that works here, fitted in a folder of its own, with its answers to the labelled validation rows; why the others do not work).

    Args:
        name: of the bridge that combines, in English and Japanese.

    Raises:
        KitError: fewer than two of them work here.
    """
    known, working, failed = [sample for sample in validation if sample.answer], [], []
    for number, bridge in enumerate(bridges):
        try:
            bridge.fit(train, validation, work / f"{number}")
            working.append((bridge, bridge.predict(known) if known else pd.DataFrame(columns=["id", "answer", "predicted", "probabilities", "group"])))
        except KitError as error:
            failed.append(str(error))
    if len(working) < 2:
        raise KitError(say(f"{name[0]} needs two bridges that work here: {' | '.join(failed)}", f"{name[1]}には使えるブリッジが 2 つ必要です：{' | '.join(failed)}"))
    return working, failed
