"""transformers' Trainer with our loss (the answers of a whole update, in parts of like length), our evaluation (the KPI by option scoring) and our evidence."""

import contextlib
from pathlib import Path

import torch
from accelerate.utils import DistributedType
from torch.utils.data import SequentialSampler
from transformers import EarlyStoppingCallback, PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from kit import processes
from kit.data import Sample
from kit.data.augmentation import augmented
from kit.data.collator import Collator
from kit.errors import KitError
from kit.evaluation import evaluate, predict
from kit.language import say
from kit.models import Loaded, component_of
from kit.models.forward import answer_logits, is_out_of_memory
from kit.models.lora import is_gate
from kit.show import progress
from kit.training.batches import Parts
from kit.training.pairs import Apart, Pairs
from kit.training.robust import Unlike, drawn, losses_apart, robust_losses, shares_beginnings, unlikely
from kit.training.settings import Settings

_REMEMBERED = 1000  # supervised tokens: some hundred answers
_OTHERS = 256  # rows of a pass whose texts may be exchanged: any row may be among them


class AnswerTrainer(Trainer):
    """Trains on the answers of a batch, and looks at the KPI on validation rows.

    The loss of an update is the mean over all its answer tokens, wherever they are computed: cut into parts, or spread over processes, it is the same.

    Args:
        loaded: the model, wrapped by PEFT.
        train: samples in any order; they are gone through in seeded permutations, one after the other, so that every update has `settings.batch` of them.
        validation: where the KPI is looked at.
        settings: see `Settings`.
        out: for checkpoints.
    """

    watched = True  # the KPI on validation rows decides when to stop and which weights are kept

    def __init__(self, loaded: Loaded, train: list[Sample], validation: list[Sample], settings: Settings, out: Path):
        self.asked, self.kpi, self.supervised = (loaded, validation), settings.kpi, []
        self.gate_rate = settings.gate_rate
        self.robust, self.reached = settings.robust, []
        self.watch = _Watch(settings.steps)
        self.parts = Parts(Collator(loaded.processor, max_tokens=settings.max_tokens), settings.micro_batch or settings.batch, shares_beginnings(loaded.model, settings.robust))
        super().__init__(
            model=loaded.model,
            args=_arguments(settings, out, on_gpu=loaded.device.type == "cuda", watched=self.watched),
            train_dataset=order_of(train, settings),
            eval_dataset=validation,
            data_collator=self.parts,
            callbacks=[self.watch, EarlyStoppingCallback(settings.patience)],
            compute_loss_func=mean_of_answers,
        )
        self.remove_callback(PrinterCallback)  # kit does not print; the progress bar and the history tell it

    def create_optimizer(self, model=None) -> torch.optim.Optimizer:
        """The Trainer's own; gates go into a group of theirs where they have a rate of their own."""
        if self.optimizer is None and self.gate_rate != 1:
            super().create_optimizer(model)
            gates = {id(weight) for path, weight in (self.model if model is None else model).named_parameters() if is_gate(path, weight)}
            rest = [{**group, "params": [weight for weight in group["params"] if id(weight) not in gates]} for group in self.optimizer.param_groups]
            own = [{**group, "params": [weight for weight in group["params"] if id(weight) in gates], "lr": group["lr"] * self.gate_rate} for group in self.optimizer.param_groups]
            self.optimizer.param_groups[:] = [group for group in (*rest, *own) if group["params"]]
        return super().create_optimizer(model)

    def _get_train_sampler(self, *_) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)

    def training_step(self, model, inputs, num_items_in_batch=None) -> torch.Tensor:
        """Forward and backward of one update; a part that does not fit into memory is halved, and so are all later ones."""
        model.train()
        inputs = self._prepare_inputs(inputs)
        while True:
            if any(rows > self.parts.most for rows in _rows(inputs)):  # collated before a halving
                inputs = self._prepare_inputs(self.parts(inputs["samples"]))
            try:
                loss = sum(self._backward(model, one, num_items_in_batch) for one in (*inputs["parts"], *inputs["pairs"], *inputs["apart"], *inputs["unlike"]))
                break
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                self._halve(error)
            # outside the handler, whose traceback holds on to the tensors of the failed pass
            model.zero_grad()
            torch.cuda.empty_cache()
        self._average_gradients(model)
        return loss

    def _backward(self, model, part: dict | Pairs | Apart | Unlike, tokens) -> torch.Tensor:
        losses, total = self._losses(model, part, tokens), 0.0
        while True:
            with self.accelerator.no_sync(model) if self._apart() else contextlib.nullcontext():  # see _average_gradients
                with self.compute_loss_context_manager():
                    loss, targets = next(losses, (None, None))
                if loss is None:
                    return total
                self.accelerator.backward(loss := loss * processes.place()[1])
            total += loss.detach()
            if len(self.supervised) < _REMEMBERED:
                self.supervised += targets.tolist()

    def _losses(self, model, part: dict | Pairs | Apart | Unlike, tokens):
        """Yields, for one backward after the other, the part's share in the mean over the update's answer tokens, and its own (the clean side's, of pairs)."""
        if isinstance(part, dict):
            logits, targets = answer_logits(model, part)
            yield mean_of_answers(logits, targets, tokens), targets
            return
        if isinstance(part, Unlike):
            loss, targets = unlikely(model, part)
            yield self.robust.sensitivity * loss * len(targets) / (len(targets) if tokens is None else tokens), targets[:0]  # no answer that is learned
            return
        own = None
        for losses in [robust_losses(model, part, self.robust)] if isinstance(part, Pairs) else losses_apart(model, part, self.robust):
            self.reached += [] if losses.reach is None else [losses.reach]
            own = own or len(losses.targets)
            yield losses.total * own / (own if tokens is None else tokens), losses.targets

    def _apart(self) -> bool:
        """Whether every process holds a whole model (DDP)."""
        return self.accelerator.distributed_type in (DistributedType.MULTI_GPU, DistributedType.MULTI_CPU)

    def _average_gradients(self, model) -> None:
        """The mean over processes, once per update: DDP's own would lose the gradients of a tower that the last part had no use for."""
        if not self._apart():
            return
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        flat = torch.cat([(torch.zeros_like(weight) if weight.grad is None else weight.grad).flatten() for weight in weights])
        used = flat.new_tensor([weight.grad is not None for weight in weights])
        flat, used = self.accelerator.reduce(flat, "mean"), self.accelerator.reduce(used, "sum")
        for weight, gradient, by in zip(weights, flat.split([weight.numel() for weight in weights]), used.tolist(), strict=True):
            # an optimizer leaves a weight without a gradient alone, and moves one whose gradient is zero by its momentum
            weight.grad = gradient.view_as(weight).clone() if by else None

    def _halve(self, error: RuntimeError) -> None:
        most = self.parts.most
        if most == 1 or processes.place()[1] > 1:  # other processes are waiting for this one's gradients
            raise KitError(
                say(
                    f"out of memory with {most} sample(s) at once; set training.micro_batch lower, use smaller pictures, 4-bit or a smaller checkpoint (`poc estimate DIR` measures what fits)",
                    f"一度に {most} 件でメモリ不足です。training.micro_batch を下げるか、画像を小さくするか、4-bit か小さいチェックポイントにしてください（`poc estimate DIR` で測れます）",
                )
            ) from error
        self.parts.halve()

    def evaluate(self, eval_dataset=None, ignore_keys=None, metric_key_prefix="eval") -> dict[str, float]:
        """{"eval_kpi": value on the validation rows}."""
        loaded, validation = self.asked
        frame = predict(loaded, validation, shared=self._apart(), desc=say("KPI on validation rows", "検証行での KPI"))
        labels = sorted({option for sample in validation for option in sample.options})
        metrics = {"eval_kpi": evaluate(frame, labels, resamples=2)[self.kpi]["value"]}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def _rows(inputs: dict) -> list[int]:
    """Rows of each forward of an update; of a pair both, but one pair alone is never too many."""
    return [len(part["labels"]) for part in (*inputs["parts"], *(other.batch for other in inputs["unlike"]))] + [len(pair.tokens) for pair in inputs["pairs"] if len(pair.tokens) > 2] + [2 * len(pair.added) for pair in inputs["apart"] if len(pair.added) > 1]


def mean_of_answers(logits: torch.Tensor, targets: torch.Tensor, num_items_in_batch=None) -> torch.Tensor:
    """Negative log-likelihood of the targets (S,), summed and divided by the answer tokens of the whole update."""
    return torch.nn.functional.cross_entropy(logits, targets, reduction="sum") / (len(targets) if num_items_in_batch is None else num_items_in_batch)


def order_of(train: list[Sample], settings: Settings) -> list[Sample]:
    """The samples of all updates, one after the other: permutations of `train`, as many as it takes; augmented anew in each, where the settings say so."""
    wanted, generator, rows, passes = settings.steps * settings.batch, torch.Generator().manual_seed(settings.seed), [], 0
    while len(rows) < wanted:
        order = torch.randperm(len(train), generator=generator).tolist()
        others = [train[place] for place in order[:_OTHERS]]
        rows += [drawn(augmented(train[place], settings.augment, settings.seed, passes), settings.robust, settings.seed, passes, others) for place in order[: wanted - len(rows)]]
        passes += 1
    return rows


def _arguments(settings: Settings, out: Path, on_gpu: bool, watched: bool = True) -> TrainingArguments:
    number = processes.place()[1]
    if settings.batch % number:
        raise KitError(
            say(
                f"a batch of {settings.batch} cannot be shared by {number} processes; set training.batch to a multiple of {number}",
                f"バッチ {settings.batch} を {number} プロセスで等分できません。training.batch を {number} の倍数にしてください",
            )
        )
    return TrainingArguments(
        output_dir=str(out),
        max_steps=settings.steps,
        per_device_train_batch_size=settings.batch // number,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=max(1, settings.steps // 20),
        max_grad_norm=1.0,
        weight_decay=0.0,
        seed=settings.seed,
        data_seed=settings.seed,
        bf16=on_gpu,
        eval_strategy="steps" if watched else "no",
        save_strategy="steps",
        eval_steps=settings.evaluate_every,
        save_steps=settings.evaluate_every,
        save_total_limit=2,
        load_best_model_at_end=watched,
        restore_callback_states_from_checkpoint=True,  # without it a resumed training forgets how long it has been waiting for a better KPI
        metric_for_best_model="kpi",
        greater_is_better=True,
        logging_steps=max(1, settings.evaluate_every // 10),
        remove_unused_columns=False,
        label_names=["labels"],
        report_to=[],
        disable_tqdm=True,
        dataloader_num_workers=4 if on_gpu else 0,
        dataloader_persistent_workers=on_gpu,  # small data sets have short epochs, and starting workers takes longer than one
        dataloader_pin_memory=on_gpu,
        use_cpu=not on_gpu,
    )


class _Watch(TrainerCallback):
    """Progress bar, and the gradients that really arrived (pains.md 6)."""

    def __init__(self, steps: int):
        self.steps, self.norms, self.leaked, self.bar, self.name = steps, {}, set(), None, ""

    def on_train_begin(self, args, state, control, **kwargs):
        self.bar = progress(total=self.steps, desc=self.name or say("fine-tuning", "微調整"))
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
