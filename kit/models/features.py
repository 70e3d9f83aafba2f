"""What a frozen model makes of evidence, as plain numbers: for cheap classifiers on top (label errors, learning curves, drift), never for an answer.

Of each modality the mean and the maximum over its tokens after the connector, of videos and sounds also the mean of each quarter (their order is what they add to a picture),
and of the whole prompt the mean and the spread of the last hidden state (a linear probe on these carried best to real photographs; docs/decisions.md).
"""

import numpy as np
import torch

from kit.data import MODALITIES, Sample
from kit.data.collator import Collator
from kit.models.forward import base_of, only_at, positions, to_device
from kit.models.loading import Loaded
from kit.show import progress

_QUARTERS = 4


@torch.no_grad()
def frozen_features(loaded: Loaded, samples: list[Sample], batch_size: int = 16, desc: str = "frozen features", keep_empty: bool = False) -> np.ndarray:
    """Features (N, D) of the samples, float32; a modality that a sample lacks is zeros, and one that all lack has no columns.

    Args:
        loaded: the model and its processor; nothing is trained.
        samples: their answers are not read.
        batch_size: prompts read at once.
        desc: label of the progress bar.
        keep_empty: columns also for what all samples lack, so that D depends on the model alone.
    """
    collator = Collator(loaded.processor, answers=False)
    order = sorted(range(len(samples)), key=lambda i: (samples[i].modalities, len(samples[i].text)))
    rows: list[np.ndarray] = [np.empty(0)] * len(samples)
    was_training = loaded.model.training
    loaded.model.eval()
    starts = range(0, len(order), batch_size)
    for start in progress(starts, desc=desc):
        at_once = order[start : start + batch_size]
        for row, found in zip(at_once, _features(loaded, collator([samples[i] for i in at_once])), strict=True):
            rows[row] = found
    loaded.model.train(was_training)
    table = np.stack(rows)
    return table if keep_empty or not len(table) else table[:, np.abs(table).max(0) > 0]


class _Reached(Exception):
    """The language model's input is there; what comes after it is not needed."""


def pooled_tokens(model, batch: dict, modality: str) -> torch.Tensor:
    """The mean (B, C) of a modality's tokens as they enter the language model, with gradients where the model has any; the language model itself is not run.

    Args:
        model: may carry an adapter.
        batch: of a `Collator`; every row has the modality.
        modality: image, video or audio.
    """
    inner, seen = base_of(model), {}
    batch = to_device(batch, model)

    def stop(_, args, given):
        seen["tokens"] = given["inputs_embeds"]
        raise _Reached

    entry = inner.get_decoder().register_forward_pre_hook(stop, with_kwargs=True)
    try:
        model(**batch, position_ids=positions(model, batch), use_cache=False)
    except _Reached:
        pass
    finally:
        entry.remove()
    return _mean(seen["tokens"].float(), _places(inner.config, batch["input_ids"], modality))


def _features(loaded: Loaded, batch: dict) -> np.ndarray:
    """(B, D) of one batch."""
    model, seen = base_of(loaded.model), {}
    batch = to_device(batch, loaded.model)
    entry = model.get_decoder().register_forward_pre_hook(lambda _, args, given: seen.update(given=given["inputs_embeds"]), with_kwargs=True)
    exit = model.get_output_embeddings().register_forward_pre_hook(lambda _, args: seen.update(last=args[0]))
    try:
        with only_at(loaded.model, None):
            loaded.model(**batch, position_ids=positions(loaded.model, batch), use_cache=False)
    finally:
        entry.remove()
        exit.remove()
    real = batch["attention_mask"].bool()
    parts = [part for modality in MODALITIES[1:] for part in _pooled(seen["given"], _places(model.config, batch["input_ids"], modality), _QUARTERS if modality != "image" else 1)]
    last = seen["last"].float()
    mean = _mean(last, real)
    spread = _mean((last - mean[:, None]) ** 2, real).sqrt()
    return torch.cat([*parts, mean, spread], 1).cpu().numpy()


def _places(config, ids: torch.Tensor, modality: str) -> torch.Tensor:
    """Where the tokens of a modality stand (B, T)."""
    token = next((getattr(config, f"{modality}_token_{end}") for end in ("id", "index") if hasattr(config, f"{modality}_token_{end}")), None)
    return ids == token if token is not None else torch.zeros_like(ids, dtype=torch.bool)


def _pooled(tokens: torch.Tensor, where: torch.Tensor, pieces: int) -> list[torch.Tensor]:
    """Maximum and mean (B, C) of the tokens that `where` marks, and the mean of each of `pieces` equal runs of them; zeros where it marks none."""
    tokens = tokens.float()
    highest = tokens.masked_fill(~where[..., None], float("-inf")).amax(1)
    place = (where.cumsum(1) - 1) * pieces // where.sum(1, keepdim=True).clamp(min=1)  # (B, T) which run a marked token is in
    runs = [_mean(tokens, where & (place == piece)) for piece in range(pieces)] if pieces > 1 else []
    return [highest.masked_fill(highest.isinf(), 0.0), _mean(tokens, where), *runs]


def _mean(tokens: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    return (tokens * where[..., None]).sum(1) / where.sum(1, keepdim=True).clamp(min=1)
