"""A few real updates, to know what a training will cost: the same trainer on the company's own rows, in a folder that is thrown away."""

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

from transformers import TrainerCallback

from kit.data import Sample
from kit.data.augmentation import VARIANTS
from kit.models import Loaded, add_lora
from kit.models.encoders import ROOM, remembered
from kit.training.finetune import in_all_orientations, with_dropped_evidence
from kit.training.settings import Settings
from kit.training.trainer import AnswerTrainer, order_of

_BATCHES = 3  # drawn as the training will draw them, each updated with twice


@dataclass(frozen=True)
class Trial:
    """What the updates cost.

    Attributes:
        first: seconds per update whose samples were not seen before, collating included.
        later: seconds per update whose samples were; less where frozen encoders are remembered.
        micro_batch: samples that fitted into memory at once.
        distinct: different samples that the training has (photographs in all orientations count as eight).
        room: share of the encoders' features that will fit into their memory; 1 where none are kept.
    """

    first: float
    later: float
    micro_batch: int
    distinct: int
    room: float

    def seconds(self, steps: int, batch: int) -> float:
        """Of `steps` updates of `batch` samples, looks at the KPI left out."""
        new = min(steps, self.distinct / batch)
        return new * self.first + (steps - new) * (self.room * self.later + (1 - self.room) * self.first)


def try_updates(loaded: Loaded, train: list[Sample], settings: Settings) -> Trial:
    """Updates with the longest samples first, where memory is found to be enough or the batch is halved, then with a few batches as they come, twice.

    Args:
        loaded: a base model without adapter; it has one afterwards, and has been trained: load it anew.
        train: labelled samples.
        settings: of the training to come.

    Raises:
        KitError: one sample alone does not fit into memory, or a sample is over the token budget.
    """
    rows = in_all_orientations(with_dropped_evidence(train, settings), settings)
    loaded = Loaded(add_lora(loaded.model, list(settings.lora), settings.rank, seed=settings.seed), loaded.processor, loaded.checkpoint, loaded.four_bit)
    if settings.gradient_checkpointing:
        loaded.model.gradient_checkpointing_enable()
        loaded.model.enable_input_require_grads()
    steps = 1 + 2 * _BATCHES
    with tempfile.TemporaryDirectory() as place:
        trainer = _Unseen(loaded, rows, rows[:1], replace(settings, steps=steps, evaluate_every=steps), Path(place))
        longest = sorted(train, key=trainer.parts.length)[-settings.batch :]
        drawn = order_of(rows, replace(settings, steps=_BATCHES))
        trainer.train_dataset = [*(longest * settings.batch)[: settings.batch], *drawn, *drawn]
        clock = _Clock()
        trainer.add_callback(clock)
        with remembered(loaded.model) as memory:
            trainer.train()
    spent = [after - before for before, after in zip(clock.ends, clock.ends[1:], strict=False)]
    seen = len({id(row) for row in trainer.train_dataset})
    kept = (ROOM - memory.room) / seen * len(rows)
    return Trial(mean(spent[:_BATCHES]), mean(spent[_BATCHES:]), trainer.parts.most, len(rows) * (VARIANTS if settings.augment else 1), min(1.0, ROOM / max(kept, 1)))


class _Unseen(AnswerTrainer):
    """Looks at no KPI: scoring is timed by itself."""

    def evaluate(self, *_, **__):
        metrics = {"eval_kpi": 0.0}
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


class _Clock(TrainerCallback):
    def __init__(self):
        self.ends = []

    def on_step_end(self, args, state, control, **kwargs):
        self.ends.append(time.perf_counter())
