"""LoRA fine-tuning on transformers' Trainer: resumable, stopped early by the KPI, and keeping the evidence that the run checks need."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from transformers import EarlyStoppingCallback, PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from kit.data import Sample
from kit.data.collator import Collator
from kit.data.media import ORIENTATIONS
from kit.errors import KitError
from kit.evaluation import evaluate, predict
from kit.language import say
from kit.models import Loaded, add_lora, component_of
from kit.models.forward import answer_logits
from kit.show import progress


@dataclass(frozen=True)
class Settings:
    """How to fine-tune.

    Attributes:
        lora: components that get an adapter: llm, connector, vision, audio.
        rank: of the adapters; their scale is 2 (alpha = 2 x rank).
        steps: optimizer updates at most.
        batch: samples per update.
        learning_rate: peak of a cosine schedule with 5 % warm-up.
        seed: of the adapters' start and of the order of samples.
        evaluate_every: updates between two looks at the KPI on the validation rows (also between two checkpoints).
        patience: stop after this many looks without a better KPI.
        kpi: accuracy, macro_recall or macro_f1.
        drop_irrelevant: share of rows that are shown without the modalities that should not decide them.
        orientations: show every photograph in all eight orientations (turned, mirrored). For parts that may lie any way, never where left,
            right or upright means something.
        max_tokens: longest prompt + answer; over-budget samples are named, never cut.
        micro_batch: samples per forward; None: the whole batch at once.
        gradient_checkpointing: trade time for memory.
    """

    lora: tuple[str, ...] = ("llm",)
    rank: int = 16
    steps: int = 300
    batch: int = 16
    learning_rate: float = 2e-3
    seed: int = 0
    evaluate_every: int = 100
    patience: int = 3
    kpi: str = "macro_recall"
    drop_irrelevant: float = 0.0
    orientations: bool = False
    max_tokens: int | None = None
    micro_batch: int | None = None
    gradient_checkpointing: bool = False


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
    """

    loaded: Loaded
    adapter: Path
    applied_updates: int = 0
    stopped_early: bool = False
    history: list[dict] = field(default_factory=list)
    gradients: dict = field(default_factory=dict)
    frozen_moved: list[str] = field(default_factory=list)
    lora_moved: dict[str, float] = field(default_factory=dict)


def finetune(loaded: Loaded, train: list[Sample], validation: list[Sample], settings: Settings, out: Path, resume: bool = False) -> Tuned:
    """Trains LoRA adapters on `train` and keeps the ones that were best on `validation`.

    With the same seed, machine and threads the same adapter comes out, interrupted and resumed or not.

    Args:
        loaded: a base model without adapter (16-bit or 4-bit); it is wrapped in place.
        train, validation: labelled samples.
        settings: see `Settings`.
        out: directory for checkpoints (out/checkpoints) and the adapter (out/adapter).
        resume: go on from the newest complete checkpoint in `out`, if there is one.

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
    # the adapter's card names the checkpoint, never a path of this machine
    source = loaded.checkpoint.source
    model.peft_config["default"].base_model_name_or_path = loaded.checkpoint.name if Path(source).is_absolute() else source
    tuned = Tuned(Loaded(model, loaded.processor, loaded.checkpoint, loaded.four_bit), out / "adapter")
    if settings.gradient_checkpointing:
        model.gradient_checkpointing_enable()
        model.enable_input_require_grads()
    before = _fingerprints(model)
    watch = _Watch(settings.steps)
    trainer = _Trainer(
        model=model,
        args=_arguments(settings, out / "checkpoints"),
        train_dataset=in_all_orientations(with_dropped_evidence(train, settings), settings),
        eval_dataset=validation,
        data_collator=Collator(loaded.processor, max_tokens=settings.max_tokens),
        callbacks=[watch, EarlyStoppingCallback(settings.patience)],
    )
    trainer.remove_callback(PrinterCallback)  # kit does not print; the progress bar and the history tell it
    trainer.asked = (tuned.loaded, validation, settings.kpi)
    newest = get_last_checkpoint(str(out / "checkpoints")) if resume and (out / "checkpoints").is_dir() else None
    trainer.train(resume_from_checkpoint=newest)

    model.save_pretrained(str(tuned.adapter))
    model.eval()
    tuned.applied_updates = trainer.state.global_step
    tuned.stopped_early = trainer.state.global_step < settings.steps
    tuned.history = [_tidy(entry) for entry in trainer.state.log_history if "loss" in entry or "eval_kpi" in entry]
    tuned.gradients = {"seen": watch.norms, "leaked": sorted(watch.leaked)}
    _record_moves(tuned, before, _fingerprints(model))
    (out / "training.json").write_text(json.dumps({"settings": asdict(settings), "history": tuned.history}, indent=1), encoding="utf-8")
    return tuned


def with_dropped_evidence(train: list[Sample], settings: Settings) -> list[Sample]:
    """The training rows, a share of them without the modalities that should not decide; seeded by the sample's place in the list."""
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


def _arguments(settings: Settings, out: Path) -> TrainingArguments:
    micro = settings.micro_batch or settings.batch
    on_gpu = torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(out),
        max_steps=settings.steps,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=max(1, settings.batch // micro),
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=max(1, settings.steps // 20),
        max_grad_norm=1.0,
        weight_decay=0.0,
        seed=settings.seed,
        data_seed=settings.seed,
        bf16=on_gpu,
        eval_strategy="steps",
        save_strategy="steps",
        eval_steps=settings.evaluate_every,
        save_steps=settings.evaluate_every,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="kpi",
        greater_is_better=True,
        logging_steps=max(1, settings.evaluate_every // 10),
        remove_unused_columns=False,
        label_names=["labels"],
        report_to=[],
        disable_tqdm=True,
        dataloader_num_workers=4 if on_gpu else 0,
        dataloader_pin_memory=on_gpu,
        use_cpu=not on_gpu,
    )


class _Trainer(Trainer):
    """Trainer with our loss (answer tokens only) and our evaluation (the KPI by option scoring)."""

    asked: tuple[Loaded, list[Sample], str]

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        logits, targets = answer_logits(model, dict(inputs))
        loss = torch.nn.functional.cross_entropy(logits, targets)
        return (loss, logits) if return_outputs else loss

    def evaluate(self, eval_dataset=None, ignore_keys=None, metric_key_prefix="eval"):
        loaded, validation, kpi = self.asked
        frame = predict(loaded, validation, desc=say("KPI on validation rows", "検証行での KPI"))
        labels = sorted({option for sample in validation for option in sample.options})
        metrics = {"eval_kpi": evaluate(frame, labels, resamples=2)[kpi]["value"]}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


class _Watch(TrainerCallback):
    """Progress bar, and the gradients that really arrived (pains.md 6)."""

    def __init__(self, steps: int):
        self.steps, self.norms, self.leaked, self.bar = steps, {}, set(), None

    def on_train_begin(self, args, state, control, **kwargs):
        self.bar = progress(total=self.steps, desc=say("fine-tuning", "微調整"))
        self.bar.update(state.global_step)

    def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
        for path, parameter in model.named_parameters():
            if parameter.requires_grad and parameter.grad is not None:
                part = component_of(path)
                self.norms[part] = max(self.norms.get(part, 0.0), float(parameter.grad.norm()))
            elif parameter.grad is not None:
                self.leaked.add(path)

    def on_step_end(self, args, state, control, **kwargs):
        self.bar.update(1)

    def on_train_end(self, args, state, control, **kwargs):
        self.bar.close()


def _fingerprints(model) -> dict[str, torch.Tensor]:
    """A few numbers per parameter that change when it does; full copies of a large model would not fit beside it."""
    prints = {}
    for path, parameter in model.named_parameters():
        flat = parameter.detach().flatten()
        if "lora_" in path:
            prints[path] = flat.clone()
        else:
            # sum and two slices in float64: no copy of the whole parameter is made
            ends = torch.cat([flat[:512], flat[-512:]]).double()
            prints[path] = torch.cat([flat.sum(dtype=torch.float64)[None], ends])
    return prints


def _record_moves(tuned: Tuned, before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> None:
    for path, old in before.items():
        if "lora_" in path:
            part = component_of(path)
            tuned.lora_moved[part] = max(tuned.lora_moved.get(part, 0.0), float((after[path] - old).abs().max()))
        elif not torch.equal(old, after[path]):
            tuned.frozen_moved.append(path)


def _tidy(entry: dict) -> dict:
    return {"step": entry["step"]} | {k.removeprefix("eval_"): entry[k] for k in ("loss", "eval_kpi") if k in entry}
