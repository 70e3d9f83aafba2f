"""The one training loop of the recipe: Muon and AdamW, one-cycle rate, resumable inside a stage, every loss on record."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from sample_data.recipe import pair

SHORT = 100  # updates: a stage of so many is a rebuild for comparison


@dataclass(frozen=True)
class Plan:
    """What a stage does: its name, number of updates, highest learning rate and weight decay."""

    name: str
    steps: int
    rate: float
    decay: float = 0.05
    keep_every: int = 200
    muon: float = 1.0  # Muon's rate as a multiple of AdamW's; 0: AdamW alone

    @property
    def half(self) -> bool:
        """Whether arithmetic on the float32 weights is bfloat16: 1.6 times as fast on CPUs that have it.

        Short rebuilds stay in float32: they are compared between processors, whose bfloat16 differs by 5 % of a loss after fifteen updates.
        """
        return self.steps > SHORT


def train(
    modules: nn.ModuleDict,
    loss_of: Callable[[int], torch.Tensor],
    plan: Plan,
    folder: Path,
) -> list[float]:
    """Runs a stage to its end, from where an earlier, interrupted run left it.

    Args:
        modules: everything whose weights the stage changes or keeps (saved together).
        loss_of: the loss of the batch of one step; it must depend on the step's number only, so that a resumed run repeats it.
        plan: what to do.
        folder: where `<name>.pt` and `<name>.json` (the losses) are kept.

    Returns:
        The losses of all steps.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, trace_path = folder / f"{plan.name}.pt", folder / f"{plan.name}.json"
    weights = list(modules.parameters())
    optimizers = optimizers_of(modules, plan)
    schedules = [
        torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            optimizer.param_groups[0]["lr"],
            total_steps=plan.steps,
            pct_start=0.08,
            cycle_momentum=False,
        )
        for optimizer in optimizers
    ]
    losses: list[float] = []
    if path.exists():
        state = torch.load(path, weights_only=True)
        modules.load_state_dict(state["modules"])
        losses = state["losses"]
        if len(losses) < plan.steps:
            for part, kept in zip(
                (*optimizers, *schedules), state["optimizers"] + state["schedules"], strict=True
            ):
                part.load_state_dict(kept)
    bar = tqdm(
        range(len(losses), plan.steps),
        desc=plan.name,
        initial=len(losses),
        total=plan.steps,
        mininterval=5,
        disable=pair.place()[0] > 0,
    )
    for step in bar:
        torch.manual_seed(step)
        with torch.autocast("cpu", torch.bfloat16, enabled=plan.half):
            loss = loss_of(step)
        loss.backward()
        pair.average(weights)
        nn.utils.clip_grad_norm_(weights, 1.0)
        for part in (*optimizers, *schedules):
            part.step()
        modules.zero_grad(set_to_none=True)
        losses.append(round(loss.item(), 5))
        bar.set_postfix(loss=f"{sum(losses[-50:]) / len(losses[-50:]):.3f}")
        if pair.place()[0] == 0 and ((step + 1) % plan.keep_every == 0 or step + 1 == plan.steps):
            state = {"modules": modules.state_dict(), "losses": losses}
            if step + 1 < plan.steps:
                state["optimizers"] = [optimizer.state_dict() for optimizer in optimizers]
                state["schedules"] = [schedule.state_dict() for schedule in schedules]
            torch.save(state, path.with_suffix(".part"))
            os.replace(path.with_suffix(".part"), path)
            trace_path.write_text(json.dumps(losses))
    return losses


def finished(folder: Path, name: str, steps: int) -> bool:
    """Returns whether a stage has been trained to its end."""
    path = folder / f"{name}.pt"
    return path.exists() and len(torch.load(path, weights_only=True, mmap=True)["losses"]) >= steps


def optimizers_of(modules: nn.ModuleDict, plan: Plan) -> list[torch.optim.Optimizer]:
    """Returns Muon for the matrices between hidden layers (Jordan et al., 2024) and AdamW for all the rest.

    The heads, which are thrown away, stay with AdamW, as do embeddings and convolutions. Muon's steps are scaled to AdamW's size (Liu et al.,
    arXiv 2502.16982), and may be somewhat larger.
    """
    hidden = [
        module.weight
        for name, module in modules.named_modules()
        if plan.muon and isinstance(module, nn.Linear) and name.split(".")[0] not in ("heads", "motion")
    ]
    known = {id(weight) for weight in hidden}
    rest = [weight for weight in modules.parameters() if id(weight) not in known]
    found: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(rest, lr=plan.rate, weight_decay=plan.decay, betas=(0.9, 0.98))
    ]
    if hidden:
        found.append(
            torch.optim.Muon(
                hidden, lr=plan.muon * plan.rate, weight_decay=plan.decay, adjust_lr_fn="match_rms_adamw"
            )
        )
    return found
