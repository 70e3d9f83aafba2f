"""The training of one stage: a rate for each part, rows of earlier stages in forwards of their own, and two terms beside the answers' loss.

Shapes: B rows, T tokens, C model width, S answer tokens, V vocabulary.
"""

import copy
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F
from transformers import EarlyStoppingCallback

from kit.data import Sample
from kit.errors import KitError
from kit.language import say
from kit.models import Loaded
from kit.models.forward import answer_logits, base_of, first_layer
from kit.models.media_tokens import media_token_ids
from kit.training.batches import Parts
from kit.training.resume import STAGE_WEIGHTS
from kit.training.schedule import REPLAYED, Stage, check_cut
from kit.training.settings import Settings
from kit.training.trainer import AnswerTrainer, mean_of_answers

TEMPERATURE = 0.07  # of the alignment loss, as in CLIP (Radford et al., arXiv 2103.00020)


class StageTrainer(AnswerTrainer):
    """Trains the weights in `parts`, each at its part's rate; without validation rows no KPI is looked at, because a stage has a fixed length.

    Args:
        loaded: the model, with exactly the weights of `parts` open.
        rows: of all updates.
        stage: what is asked.
        parts: path -> part of `stage.trains`.
        out: for checkpoints.
        keep_every: updates between two of them.
        micro_batch, max_tokens: rows per forward, and tokens of a row, at most.
        teacher: the model before the stage, for `stage.retain`.
        validation: rows whose KPI is looked at every `keep_every` updates: the best weights are kept, and it stops after three looks without a better one.
    """

    def __init__(self, loaded: Loaded, rows: list[Sample], stage: Stage, parts: dict[str, str], out: Path, keep_every: int, micro_batch: int | None, max_tokens: int | None, teacher: Loaded | None, validation: list[Sample] = ()):
        check_cut(stage, micro_batch)
        self.stage, self.trained, self.teacher, self.watched = stage, parts, teacher, bool(validation)
        settings = Settings(lora=(), steps=stage.steps, batch=stage.batch, seed=stage.seed, evaluate_every=min(keep_every, stage.steps), micro_batch=micro_batch, max_tokens=max_tokens)
        super().__init__(loaded, rows, list(validation), settings, out)
        if not self.watched:
            self.remove_callback(EarlyStoppingCallback)
        self.watch.name = stage.name
        self.parts = self.data_collator = StageParts(self.parts.collator, self.parts.most, shares=False)

    def create_optimizer(self, model=None) -> torch.optim.Optimizer:
        if self.optimizer is None:
            weights = dict(self.model.named_parameters())
            groups = [{"params": [weights[path] for path in self.trained if self.trained[path] == part], "lr": rate} for part, rate in self.stage.trains.items()]
            self.optimizer = torch.optim.AdamW([group for group in groups if group["params"]], weight_decay=0.0)
        return self.optimizer

    def _save(self, output_dir: str | None = None, state_dict=None) -> None:
        """Only what is trained: the rest is in the checkpoint that the stage began with. `save_pretrained` would write the hub's names, which `Trainer` passes over without a word when it loads."""
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        weights = dict(self.model.named_parameters())
        save_file({path: weights[path].detach().contiguous() for path in self.trained}, folder / STAGE_WEIGHTS)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model=None) -> None:
        weights = dict(self.model.named_parameters())
        with torch.no_grad():
            for path, saved in load_file(Path(resume_from_checkpoint) / STAGE_WEIGHTS).items():
                weights[path].copy_(saved)

    def _load_best_model(self) -> None:
        self._load_from_checkpoint(self.state.best_model_checkpoint)

    def _losses(self, model, part: dict, tokens):
        part = dict(part)
        replayed = bool(part.pop("replayed"))
        with first_layer_input(model) as read:
            logits, targets = answer_logits(model, part)
        loss = mean_of_answers(logits, targets, tokens)
        share = len(targets) / (len(targets) if tokens is None else tokens)
        if self.stage.contrast:
            loss = loss + self.stage.contrast * share * contrastive(model, part, read[0])
        if self.stage.retain and replayed:
            with torch.no_grad(), self.accelerator.autocast():  # accelerate wraps the student's forward only
                before, _ = answer_logits(self.teacher.model, part)
            loss = loss + self.stage.retain * share * F.kl_div(logits.log_softmax(-1), before.log_softmax(-1), reduction="batchmean", log_target=True)
        yield loss, targets

    def _halve(self, error: RuntimeError) -> None:
        if self.stage.contrast:
            raise KitError(
                say(
                    f"stage {self.stage.name!r}: out of memory with {self.parts.most} rows at once, and the alignment loss compares the rows of one forward: lower the stage's batch, or set contrast to 0",
                    f"段階 {self.stage.name!r}：一度に {self.parts.most} 行でメモリ不足です。アライメント損失は一度に処理する行どうしを比べるため分割できません。batch を下げるか、contrast を 0 にしてください",
                )
            ) from error
        super()._halve(error)

    def losses(self) -> list[dict]:
        """[{"step", "loss"}], and [{"step", "kpi"}] where it is looked at, since the stage's first update, interrupted or not."""
        told = {"loss": "loss", "eval_kpi": "kpi"}
        return [{"step": entry["step"], told[key]: entry[key]} for entry in self.state.log_history for key in told if key in entry]


class StageParts(Parts):
    """As Parts, but rows of earlier stages are never in one batch with new ones; each batch says in "replayed" which it holds."""

    def __call__(self, samples: list[Sample]) -> dict:
        parts = []
        for replayed in (False, True):
            mine = [sample for sample in samples if (REPLAYED in sample.meta) == replayed]
            parts += [self.collator(part) | {"replayed": torch.tensor(replayed)} for part in (self.alike(mine) if mine else ())]
        supervised = [part["labels"][part["labels"] != -100] for part in parts]
        return {"samples": samples, "parts": parts, "pairs": [], "apart": [], "unlike": [], "labels": torch.cat([torch.tensor([-100]), *supervised])[None]}


def copy_of(loaded: Loaded) -> Loaded:
    """The model as it is now, frozen."""
    return replace(loaded, model=copy.deepcopy(loaded.model).eval().requires_grad_(False))


@contextmanager
def first_layer_input(model):
    """While it lasts, what the language model's first layer reads, (B, T, C), is appended to the list that it yields."""
    read: list[torch.Tensor] = []
    handle = first_layer(model).register_forward_pre_hook(lambda layer, args, kwargs: read.append(args[0] if args else kwargs["hidden_states"]), with_kwargs=True)
    try:
        yield read
    finally:
        handle.remove()


def contrastive(model, batch: dict, read: torch.Tensor) -> torch.Tensor:
    """InfoNCE between what media and answers look like to the language model: the mean of a row's media tokens against the mean of the answers' embeddings, both ways.

    Rows with the same answer are all right partners of each other, so that a batch of few different answers teaches no false difference (Khosla et al., Supervised Contrastive
    Learning, arXiv 2004.11362). Rows without media take no part; a batch with one answer only has nothing to tell apart: 0.

    Args:
        batch: one forward's, with input_ids and labels (B, T).
        read: (B, T, C) what the first layer read.
    """
    ids, labels = batch["input_ids"].to(read.device), batch["labels"].to(read.device)
    marks = [mark for mark in media_token_ids(model).values() if mark >= 0]
    media = torch.isin(ids, torch.tensor(marks, device=ids.device))
    with_media = media.any(1)
    told = [tuple(row[row != -100].tolist()) for row in labels[with_media]]
    known = list(dict.fromkeys(told))
    if len(known) < 2:
        return read.new_zeros(())
    media = media[with_media].unsqueeze(-1).to(read.dtype)
    shown = F.normalize((read[with_media] * media).sum(1) / media.sum(1), dim=-1)
    embed = base_of(model).get_input_embeddings()
    words = torch.stack([embed(torch.tensor(answer[:-1] or answer, device=ids.device)).mean(0) for answer in known])  # without the end of turn, which all have
    scores = (shown @ F.normalize(words, dim=-1).T).float() / TEMPERATURE  # (rows, answers)
    right = torch.tensor([known.index(answer) for answer in told], device=ids.device)
    theirs = F.one_hot(right, len(known)).T.float()  # (answers, rows)
    from_answers = -(scores.T.log_softmax(-1) * theirs).sum(-1) / theirs.sum(-1)
    return (F.cross_entropy(scores, right) + from_answers.mean()) / 2
