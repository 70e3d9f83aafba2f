"""The one training loop of the recipe: AdamW, one-cycle rate, resumable inside a stage, every loss on record."""

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from sample_data.recipe import pair


@dataclass(frozen=True)
class Plan:
    """What a stage does: its name, number of updates, highest learning rate and weight decay."""

    name: str
    steps: int
    rate: float
    decay: float = 0.05
    keep_every: int = 200
    half: bool = True  # bfloat16 arithmetic on float32 weights: 1.6 times as fast on CPUs that have it


def train(
    modules: nn.ModuleDict,
    loss_of: Callable[[int], torch.Tensor],
    plan: Plan,
    folder: Path,
    groups: Iterable[dict],
) -> list[float]:
    """Runs a stage to its end, from where an earlier, interrupted run left it.

    Args:
        modules: everything whose weights the stage changes or keeps (saved together).
        loss_of: the loss of the batch of one step; it must depend on the step's number only, so that a resumed run repeats it.
        plan: what to do.
        folder: where `<name>.pt` and `<name>.json` (the losses) are kept.
        groups: parameter groups of AdamW; a group's `factor` scales the rate.

    Returns:
        The losses of all steps.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, trace_path = folder / f"{plan.name}.pt", folder / f"{plan.name}.json"
    groups = [{"lr": plan.rate * group.pop("factor", 1.0), **group} for group in map(dict, groups)]
    weights = [weight for group in groups for weight in group["params"]]
    optimizer = torch.optim.AdamW(groups, weight_decay=plan.decay, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        [group["lr"] for group in groups],
        total_steps=plan.steps,
        pct_start=0.08,
        cycle_momentum=False,
    )
    losses: list[float] = []
    if path.exists():
        state = torch.load(path, weights_only=True)
        modules.load_state_dict(state["modules"])
        losses = state["losses"]
        if len(losses) < plan.steps:
            optimizer.load_state_dict(state["optimizer"])
            schedule.load_state_dict(state["schedule"])
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
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(round(loss.item(), 5))
        bar.set_postfix(loss=f"{sum(losses[-50:]) / len(losses[-50:]):.3f}")
        if pair.place()[0] == 0 and ((step + 1) % plan.keep_every == 0 or step + 1 == plan.steps):
            state = {"modules": modules.state_dict(), "losses": losses}
            if step + 1 < plan.steps:
                state |= {"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
            torch.save(state, path.with_suffix(".part"))
            os.replace(path.with_suffix(".part"), path)
            trace_path.write_text(json.dumps(losses))
    return losses
