"""Ask one question of the base and of the tuned model. One model in memory: the base is the tuned one with its adapter switched off."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from kit.data import Sample
from kit.errors import KitError
from kit.language import say
from poc import runs
from poc.demo.words import Refusal, fill
from poc.words import both

# torch and transformers are imported where a model is used: recorded answers must be there within seconds, and without them
if TYPE_CHECKING:
    from kit.models import Loaded

OUT_OF_MEMORY = both(
    "{where} was not enough for this evidence, so there is no answer; nothing else is lost, and the next question is answered again. Try a smaller photo or a shorter video, or ask when no other program needs the memory.",
    "{where}が足りず、この判断材料には回答できませんでした（ほかへの影響はなく、次の質問には答えられます）。写真を小さく、動画を短くするか、他のプログラムがメモリを使っていないときにお試しください。",
)
MEMORY = {True: both("The GPU's memory", "GPU のメモリ"), False: both("This machine's memory", "この端末のメモリ")}


def never() -> None:
    """Nobody stops this question."""


def unheard(part: object) -> None:
    """Nobody listens before the end."""


@dataclass(frozen=True)
class Answer:
    """What both models said about one sample.

    Attributes:
        base, tuned: {option: probability}, in the order of the options.
        seconds: both together, without the wait for other people's questions; 0 for recorded answers.
        recorded: read from predictions.csv instead of asked now.
        alone: modality -> (option, probability) of what the tuned model says to each kind of evidence alone, where there are several.
        conflict: how much these disagree, 0 to 1 (kit.diagnosis.conflict); None where there is one kind of evidence, or where the answer is recorded.
        without: what the tuned model says when something is taken away, as `poc.demo.doubts` has it: "beside" (all that should not decide), "writing" (in the photo).
        orders: the note reads like an order to the model.
    """

    base: dict[str, float]
    tuned: dict[str, float]
    seconds: float
    recorded: bool = False
    alone: dict[str, tuple[str, float]] = field(default_factory=dict)
    conflict: float | None = None
    without: dict[str, tuple[str, float]] = field(default_factory=dict)
    orders: bool = False

    @property
    def swayed(self) -> tuple[str, ...]:
        """Which keys of `without` turned the answer: taken away, the model says something else."""
        return tuple(name for name, (option, _) in self.without.items() if option != self.said("tuned"))

    def said(self, arm: str) -> str:
        """The option that "base" or "tuned" gives the most to; ties go to the option named first."""
        shares = getattr(self, arm)
        return max(shares, key=shares.get)


class ModelPair:
    """A loaded model with its adapter: base and tuned in one. Safe to share between threads, one question at a time.

    Between its layers the model asks whether anybody still waits, so a question can be stopped in the middle; what a stopped one leaves behind (a family's `rope_deltas`, say) the next one never reads, because
    the kit always gives positions explicitly (tests/test_demo_load.py).
    """

    recorded = False

    def __init__(self, loaded: "Loaded"):
        if not hasattr(loaded.model, "disable_adapter"):
            name = loaded.checkpoint.name
            raise KitError(say(f"{name} was loaded without an adapter; the demo shows both: load({name!r}, adapter=RUN/'adapter')",
                               f"{name} にアダプターがありません。load({name!r}, adapter=RUN/'adapter') で読み込んでください"))  # fmt: skip
        from torch import nn

        from kit.evaluation import predict  # here, so that the first question does not wait for them
        from poc.demo.doubts import doubts_about

        self.loaded, self.lock, self.predict, self.doubts_about = loaded, threading.Lock(), predict, doubts_about
        self.reads_photos = False  # the photos of this use case have writing as their evidence, so that nothing is wrong with writing that decides
        self._stop = never
        for layers in (module for module in loaded.model.modules() if isinstance(module, nn.ModuleList)):
            for layer in layers:
                layer.register_forward_pre_hook(self._look)

    def answer(self, sample: Sample, stop: Callable[[], None] = never, tell: Callable[[dict[str, float]], None] = unheard) -> Answer:
        """Both answers.

        Args:
            stop: called between the model's layers; what it raises ends the question.
            tell: gets the base model's {option: share} as soon as it is known. Nothing of the tuned model's answer is told before its end: that belongs into the audit log first.

        Raises:
            Refusal: out of memory.
            KitError: a file of the sample cannot be used.
        """

        def both_arms() -> Answer:
            began = time.perf_counter()
            with self.loaded.model.disable_adapter():
                base = self._shares(sample)
            tell(base)
            tuned = self._shares(sample)
            seconds = time.perf_counter() - began
            return Answer(base, tuned, seconds, **vars(self.doubts_about(self.loaded, sample, self._shares, self.reads_photos)))

        return self.asked(both_arms, stop)

    def asked(self, work: Callable[[], object], stop: Callable[[], None] = never):
        """What `work` returns, which asks the model, alone at it, and to be stopped between its layers.

        Raises:
            Refusal: out of memory.
        """
        from torch import OutOfMemoryError, cuda

        from kit.models.forward import is_out_of_memory

        with self.lock:
            self._stop = stop
            try:
                return work()
            except (KitError, RuntimeError) as error:
                reason = error.__cause__ if isinstance(error, KitError) else error  # the kit tries smaller batches first, and then says it in its own words
                if not isinstance(reason, RuntimeError) or not is_out_of_memory(reason):
                    raise
                on_gpu = isinstance(reason, OutOfMemoryError)
            finally:
                self._stop = never
            cuda.empty_cache()  # outside the handler, whose traceback holds on to the tensors of the failed pass; nothing where no GPU was used
        raise Refusal(fill(OUT_OF_MEMORY, where=MEMORY[on_gpu]))

    def hear(self, file: Path, questions: tuple[str, ...], stop: Callable[[], None] = never) -> dict[str, float]:
        """{question: share} of what a recorded voice asks; see `kit.speech.questions.which_question`."""
        from kit.speech.questions import which_question

        return self.asked(lambda: which_question(self.loaded, file, questions), stop)

    def _look(self, *_) -> None:
        self._stop()

    def _shares(self, sample: Sample) -> dict[str, float]:
        return self.predict(self.loaded, [sample]).iloc[0]["probabilities"]


class Recordings:
    """The answers that a run wrote down, for when its model cannot be loaded."""

    recorded = True

    def __init__(self, predictions: pd.DataFrame):
        rows = predictions[(predictions["split"] == "test") & (predictions["condition"] == "as_is")]
        self.shares = {(row.id, row.arm): row.probabilities for row in rows.itertuples() if row.arm in ("base", "tuned")}

    def answer(self, sample: Sample, stop: Callable[[], None] = never) -> Answer:
        """Both recorded answers, at once.

        Raises:
            Refusal: the run has none for this sample.
        """
        try:
            return Answer(self.shares[sample.id, "base"], self.shares[sample.id, "tuned"], 0.0, recorded=True)
        except KeyError:
            raise Refusal(both("The model is not loaded, so only held-out samples can be asked: choose one of them.",
                               "モデルを読み込めないため、評価用サンプルだけを試せます。そちらを選んでください。")) from None  # fmt: skip


def answer(source: ModelPair | Recordings, sample: Sample, stop: Callable[[], None] = never, tell: Callable[[dict[str, float]], None] = unheard) -> Answer:
    """What base and tuned model say about `sample`; see `ModelPair.answer` and `Recordings.answer` (which has everything at once, and tells nothing before)."""
    if len(sample.options) < 2:
        raise Refusal(both("This question has no options to choose from; the demo asks closed questions.", "選択肢のない質問には答えられません。"))
    return source.answer(sample, stop) if source.recorded else source.answer(sample, stop, tell)


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
    except Exception as error:  # a broken checkpoint, a foreign adapter, no memory, no torch: whatever it is, the recorded answers are still there
        return Recordings(runs.read_predictions(run)), (str(error).strip() or type(error).__name__).splitlines()[0]
