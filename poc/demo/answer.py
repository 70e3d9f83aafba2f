"""Ask one question of the base and of the tuned model. One model in memory: the base is the tuned one with its adapter switched off."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from kit.data import Sample
from kit.errors import KitError
from kit.language import say
from poc import runs
from poc.demo.words import Refusal
from poc.words import both

# torch and transformers are imported where a model is used: recorded answers must be there within seconds, and without them
if TYPE_CHECKING:
    from kit.models import Loaded

LONGEST_WAIT = 120.0  # seconds in line before a person is told to try again


@dataclass(frozen=True)
class Answer:
    """What both models said about one sample.

    Attributes:
        base, tuned: {option: probability}, in the order of the options.
        seconds: both together, without the wait for other people's questions; 0 for recorded answers.
        recorded: read from predictions.csv instead of asked now.
        alone: modality -> (option, probability) of what the tuned model says to each kind of evidence alone, where there are several.
        conflict: how much these disagree, 0 to 1 (kit.diagnosis.conflict); None where there is one kind of evidence, or where the answer is recorded.
    """

    base: dict[str, float]
    tuned: dict[str, float]
    seconds: float
    recorded: bool = False
    alone: dict[str, tuple[str, float]] = field(default_factory=dict)
    conflict: float | None = None

    def said(self, arm: str) -> str:
        """The option that "base" or "tuned" gives the most to; ties go to the option named first."""
        shares = getattr(self, arm)
        return max(shares, key=shares.get)


class ModelPair:
    """A loaded model with its adapter: base and tuned in one. Safe to share between threads, one question at a time."""

    recorded = False

    def __init__(self, loaded: "Loaded"):
        if not hasattr(loaded.model, "disable_adapter"):
            name = loaded.checkpoint.name
            raise KitError(say(f"{name} was loaded without an adapter; the demo shows both: load({name!r}, adapter=RUN/'adapter')",
                               f"{name} にアダプターがありません。load({name!r}, adapter=RUN/'adapter') で読み込んでください"))  # fmt: skip
        from kit.diagnosis import conflict_scores  # here, so that the first question does not wait for it
        from kit.evaluation import predict

        self.loaded, self.lock, self.predict, self.conflict_scores = loaded, threading.Lock(), predict, conflict_scores

    def answer(self, sample: Sample) -> Answer:
        """Both answers.

        Raises:
            Refusal: too long in line, or out of GPU memory.
            KitError: a file of the sample cannot be used.
        """
        from torch import OutOfMemoryError, cuda

        if not self.lock.acquire(timeout=LONGEST_WAIT):
            raise Refusal(both("Too many questions are waiting; please try again in a minute.", "質問が混み合っています。1 分ほど後にお試しください。"))
        try:
            began = time.perf_counter()
            with self.loaded.model.disable_adapter():
                base = self._shares(sample)
            tuned = self._shares(sample)
            seconds = time.perf_counter() - began
            return Answer(base, tuned, seconds, **self._disagreement(sample))
        except OutOfMemoryError as error:
            cuda.empty_cache()
            raise Refusal(both("The GPU's memory was not enough for this evidence; try a smaller photo or a shorter video.",
                               "GPU のメモリが足りません。写真を小さく、動画を短くしてください。")) from error  # fmt: skip
        finally:
            self.lock.release()

    def _disagreement(self, sample: Sample) -> dict:
        """The tuned model's answers to each kind of evidence alone, and how far they are apart."""
        if len(sample.modalities) < 2:
            return {}
        told = self.conflict_scores(self.loaded, [sample]).iloc[0]
        return {"alone": {modality: (told[f"{modality} says"], float(told[f"{modality} sure"])) for modality in sample.modalities}, "conflict": float(told["score"])}

    def _shares(self, sample: Sample) -> dict[str, float]:
        return self.predict(self.loaded, [sample]).iloc[0]["probabilities"]


class Recordings:
    """The answers that a run wrote down, for when its model cannot be loaded."""

    recorded = True

    def __init__(self, predictions: pd.DataFrame):
        rows = predictions[(predictions["split"] == "test") & (predictions["condition"] == "as_is")]
        self.shares = {(row.id, row.arm): row.probabilities for row in rows.itertuples() if row.arm in ("base", "tuned")}
        self.lock = threading.Lock()  # never held; the page asks whether it is

    def answer(self, sample: Sample) -> Answer:
        """Both recorded answers.

        Raises:
            Refusal: the run has none for this sample.
        """
        try:
            return Answer(self.shares[sample.id, "base"], self.shares[sample.id, "tuned"], 0.0, recorded=True)
        except KeyError:
            raise Refusal(both("The model is not loaded, so only held-out samples can be asked: choose one of them.",
                               "モデルを読み込めないため、評価用サンプルだけを試せます。そちらを選んでください。")) from None  # fmt: skip


def answer(source: ModelPair | Recordings, sample: Sample) -> Answer:
    """What base and tuned model say about `sample`; see `ModelPair.answer` and `Recordings.answer`."""
    if len(sample.options) < 2:
        raise Refusal(both("This question has no options to choose from; the demo asks closed questions.", "選択肢のない質問には答えられません。"))
    return source.answer(sample)


def load_pair(run: Path) -> ModelPair:
    """The run's checkpoint with the run's adapter on top.

    Raises:
        KitError: not a finished run, or its checkpoint or adapter cannot be loaded.
    """
    return ModelPair(runs.load_tuned(run))


def open_source(run: Path) -> tuple[ModelPair | Recordings, str]:
    """(the run's models, "") or, where they cannot be loaded, (its recorded answers, why)."""
    try:
        return load_pair(run), ""
    except (KitError, OSError, ValueError, RuntimeError, KeyError) as error:  # what loading a broken or foreign checkpoint raises
        return Recordings(runs.read_predictions(run)), (str(error).strip() or type(error).__name__).splitlines()[0]
