"""Writing the shipped checkpoint, whole or not at all."""

import os
import shutil
from pathlib import Path

import torch
from torch import nn

KEPT = ("README.md", "evaluation.json", "loss_trace.json")


def write(model: nn.Module, processor, folder: Path, dtype: torch.dtype = torch.bfloat16) -> None:
    """Writes model and processor to `folder`, which is loadable at every moment: it is built beside and then renamed.

    Args:
        model: in float32; left as it is.
        processor: saved with it.
        folder: what is in it is replaced, except for the card and the figures.
        dtype: of the weights on disk.
    """
    fresh, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    weights = {name: weight.to(dtype) for name, weight in model.state_dict().items()}
    model.config.dtype = dtype
    model.save_pretrained(fresh, state_dict=weights)
    processor.save_pretrained(fresh)
    for name in KEPT:
        if (folder / name).exists():
            shutil.copy2(folder / name, fresh / name)
    for file in fresh.iterdir():
        file.chmod(0o644)
    if folder.exists():
        os.rename(folder, old)
    os.rename(fresh, folder)
    shutil.rmtree(old, ignore_errors=True)
