"""LoRA fine-tuning on transformers' Trainer: resumable, stopped early by the KPI, and keeping the evidence that the run checks need."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import torch

from kit import processes
from kit.attention import save_settings
from kit.data import Sample
from kit.data.media import ORIENTATIONS
from kit.errors import KitError
from kit.language import say
from kit.models import Loaded, add_lora, component_of
from kit.models.encoders import remembered
from kit.models.lora import is_adapter
from kit.training.resume import newest_checkpoint, read_finished, write_finished
from kit.training.settings import Settings
from kit.training.trainer import AnswerTrainer


@dataclass
class Tuned:
    """A fine-tuned model and what happened on the way.

    Attributes:
        loaded: the model with its best adapter, in eval mode.
        adapter: directory of the saved adapter.
        applied_updates: optimizer updates that really happened.
        stopped_early: whether patience ran out before `steps`.
        history: [{"step", "loss"}] and [{"step", "kpi"}] entries.
        gradients: {"seen": {component: largest gradient norm of its trainable parameters}, "leaked": [frozen parameters that had a gradient]}.
        frozen_moved: frozen parameters whose values changed.
        lora_moved: largest change of any adapter weight per component.
        supervised: the first tokens that the loss was computed on, in order; run check 4 reads them back.
        micro_batch: samples per forward at most; lower than asked for when memory ran out on the way.
        reach: |delta| / epsilon of the attacks after their last step, mean over the updates since the last start (1: at the edge of what they may do); None without an attack.
    """

    loaded: Loaded
    adapter: Path
    applied_updates: int = 0
    stopped_early: bool = False
    history: list[dict] = field(default_factory=list)
    gradients: dict = field(default_factory=dict)
    frozen_moved: list[str] = field(default_factory=list)
    lora_moved: dict[str, float] = field(default_factory=dict)
    supervised: list[int] = field(default_factory=list)
    micro_batch: int = 0
    reach: float | None = None


def finetune(loaded: Loaded, train: list[Sample], validation: list[Sample], settings: Settings, out: Path, resume: bool = False) -> Tuned:
    """Trains LoRA adapters on `train` and keeps the ones that were best on `validation`.

    It trains where the model is, together with the other processes where `accelerate launch` started several (all of them call it; the first one writes).
    On a CPU, the same seed, machine and threads give the same adapter, interrupted and resumed or not.

    Args:
        loaded: a base model without adapter (16-bit or 4-bit); it is wrapped in place.
        train, validation: labelled samples.
        settings: see `Settings`.
        out: directory for checkpoints (out/checkpoints) and the adapter (out/adapter).
        resume: go on from the newest whole checkpoint in `out`, if there is one; a training that had ended is not repeated.

    Raises:
        KitError: no labelled rows, or a sample over the token budget.
    """
    train, validation = [s for s in train if s.answer], [s for s in validation if s.answer]
    if not train or not validation:
        raise KitError(
            say(
                f"fine-tuning needs labelled rows on both sides; there are {len(train)} for training and {len(validation)} for validation: label more rows",
                f"微調整には学習用と検証用のラベル付き行が必要です（学習 {len(train)}、検証 {len(validation)}）。ラベルを増やしてください",
            )
        )
    model = add_lora(loaded.model, list(settings.lora), settings.rank, seed=settings.seed)
    tuned = Tuned(Loaded(model, loaded.processor, loaded.checkpoint, loaded.four_bit), out / "adapter")
    if resume and read_finished(tuned, settings, out):
        model.eval()
        return tuned
    if not resume and processes.first():  # what lies here belongs to another training, and must not be gone on from after an interruption
        shutil.rmtree(out / "checkpoints", ignore_errors=True)
        (out / "training.json").unlink(missing_ok=True)
    checkpoint = processes.told(newest_checkpoint(out / "checkpoints") if resume else None)
    if settings.gradient_checkpointing:
        model.gradient_checkpointing_enable()
        model.enable_input_require_grads()
    before = fingerprints(model)
    trainer = AnswerTrainer(tuned.loaded, in_all_orientations(with_dropped_evidence(train, settings), settings), validation, settings, out / "checkpoints")
    with remembered(model):
        trainer.train(resume_from_checkpoint=checkpoint)
    # on a GPU the Trainer leaves its mixed precision around `forward`; a model loaded anew has none, and would score differently (run check 7)
    model = trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)

    model.eval()
    tuned.applied_updates = trainer.state.global_step
    tuned.stopped_early = trainer.state.global_step < settings.steps
    tuned.history = [_tidy(entry) for entry in trainer.state.log_history if "loss" in entry or "eval_kpi" in entry]
    tuned.gradients = {"seen": trainer.watch.norms, "leaked": sorted(trainer.watch.leaked)}
    tuned.supervised, tuned.micro_batch = trainer.supervised, trainer.parts.most
    tuned.reach = sum(trainer.reached) / len(trainer.reached) if trainer.reached else None
    _record_moves(tuned, before, fingerprints(model))
    if processes.first():
        _save_adapter(tuned)
        write_finished(tuned, settings, out)
    processes.told(None)  # nobody goes on before the adapter is there
    return tuned


def _save_adapter(tuned: Tuned) -> None:
    source = tuned.loaded.checkpoint.source
    # the adapter's card names the checkpoint, never a path of this machine
    tuned.loaded.model.peft_config["default"].base_model_name_or_path = tuned.loaded.checkpoint.name if Path(source).is_absolute() else source
    # told that embeddings were not trained, PEFT does not ask a hub for the base model's vocabulary
    tuned.loaded.model.save_pretrained(str(tuned.adapter), save_embedding_layers=False)
    save_settings(tuned.loaded.model, tuned.adapter)


def with_dropped_evidence(train: list[Sample], settings: Settings) -> list[Sample]:
    """The training rows, a share of them without the modalities that should not decide, and a share without one of those that should, where another is left; seeded by the sample's place in the list."""
    if settings.drop_evidence:
        train = _without_one(train, settings.drop_evidence, settings.seed)
    if not settings.drop_irrelevant:
        return train
    chance = torch.rand(len(train), generator=torch.Generator().manual_seed(settings.seed)).tolist()
    rows = []
    for sample, draw in zip(train, chance, strict=True):
        if draw < settings.drop_irrelevant:
            for modality in set(sample.modalities) - set(sample.decided_by):
                sample = sample.without(modality)
        rows.append(sample)
    return rows


def _without_one(train: list[Sample], share: float, seed: int) -> list[Sample]:
    draws, rows = torch.rand((len(train), 2), generator=torch.Generator().manual_seed(seed + 1)).tolist(), []  # a generator of its own: what is dropped otherwise stays as it was
    for sample, (whether, which) in zip(train, draws, strict=True):
        deciding = [modality for modality in sample.modalities if modality in sample.decided_by]
        drop = whether < share and sample.data_layer != "general" and deciding and len(sample.modalities) > 1
        rows.append(sample.without(deciding[int(which * len(deciding))]) if drop else sample)
    return rows


def in_all_orientations(train: list[Sample], settings: Settings) -> list[Sample]:
    """The training rows eight times, each time with its photographs laid another way; `meta["orientation"]` indexes ORIENTATIONS.

    General rows, which replay a world with a left and a right, stay as they are.
    """
    if not settings.orientations:
        return train
    return [
        s if not turn or s.data_layer == "general" or not s.image else s.perturbed(f"orientation {turn}", {"orientation": turn})
        for turn in range(len(ORIENTATIONS))
        for s in train
    ]


def fingerprints(model) -> dict[str, torch.Tensor]:
    """A few numbers per parameter that change when it does; full copies of a large model would not fit beside it."""
    prints = {}
    for path, parameter in model.named_parameters():
        flat = parameter.detach().flatten()
        if is_adapter(path):
            prints[path] = flat.clone()
        else:
            # sum and two slices in float64: no copy of the whole parameter is made
            ends = torch.cat([flat[:512], flat[-512:]]).double()
            prints[path] = torch.cat([flat.sum(dtype=torch.float64)[None], ends])
    return prints


def _record_moves(tuned: Tuned, before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> None:
    for path, old in before.items():
        if is_adapter(path):
            part = component_of(path)
            tuned.lora_moved[part] = max(tuned.lora_moved.get(part, 0.0), float((after[path] - old).abs().max()))
        elif not torch.equal(old, after[path]):
            tuned.frozen_moved.append(path)


def _tidy(entry: dict) -> dict:
    return {"step": entry["step"]} | {k.removeprefix("eval_"): entry[k] for k in ("loss", "eval_kpi") if k in entry}
