"""Training in several processes of one thread each: on a busy two-core machine twice as fast as one process with two threads.

Every process takes its share of a batch; gradients are averaged after the backward pass, so all of them hold the same weights.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import distributed, multiprocessing


def run(work: Callable[..., None], processes: int, folder: Path, *arguments) -> None:
    """Calls `work(*arguments)` in `processes` processes that can average their gradients; returns when all have ended.

    Args:
        work: a function at the top of a module.
        processes: how many.
        folder: for the file by which they find each other.
        arguments: of `work`.
    """
    meeting = (folder / "meeting").absolute()
    meeting.unlink(missing_ok=True)
    multiprocessing.spawn(_enter, (processes, str(meeting), work, arguments), nprocs=processes)
    meeting.unlink(missing_ok=True)


def _enter(rank: int, processes: int, meeting: str, work: Callable[..., None], arguments: tuple) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=processes)
    try:
        work(*arguments)
    finally:
        distributed.destroy_process_group()


def place() -> tuple[int, int]:
    """Returns this process's number and how many there are; (0, 1) outside `run`."""
    return (distributed.get_rank(), distributed.get_world_size()) if distributed.is_initialized() else (0, 1)


def average(weights: list[torch.Tensor]) -> None:
    """Averages the gradients of `weights` over all processes; a missing gradient counts as zero."""
    if not distributed.is_initialized():
        return
    gradients = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    for weight, part in zip(weights, flat.split([weight.numel() for weight in weights])):
        weight.grad = part.view_as(weight)
