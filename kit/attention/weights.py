"""A layer's weights, worked out again from what its attention function is given, in blocks of rows: nothing of size T x T."""

from collections.abc import Iterator
from dataclasses import replace

import torch

from kit.attention.layer import AttentionLayer
from kit.attention.rows import scores_of
from kit.attention.seen import folded
from kit.attention.switch import KINDS
from kit.attention.token_types import TokenTypes

AT_ONCE = 2**22  # weights that may lie in memory at the same time (16 MB)


def weights_in_blocks(
    layer: AttentionLayer | None, query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None, types: TokenTypes, scale: float
) -> Iterator[tuple[int, int, torch.Tensor, torch.Tensor]]:
    """(first, last, weights, allowed) of the rows first to last: weights (B, G, r, n, T) of their r heads per key head, allowed (B, 1, n, T).

    Args:
        layer: what a kind of kit.attention adds to the layer; None for plain attention. MODA's weights may sum to less than 1.
        query, key, mask: as an attention function is given them: (B, H, queries, D), (B, G, T, D).
    """
    queries, keys, groups = query.shape[2], key.shape[2], key.shape[1]
    seen, asked, compared = None, folded(query, groups), key
    if layer is not None:
        seen = layer.sees(query, key, mask, types)
        asked, compared = layer.compared(asked, key, seen, scale)
    asked = asked.unflatten(2, (-1, queries))
    size = max(1, AT_ONCE // (len(query) * query.shape[1] * keys))
    for first in range(0, queries, size):
        last = min(first + size, queries)
        allowed = seen.allowed[:, :, first:last] if seen else _allowed(mask, first, last, query, keys)
        rows = asked[..., first:last, :].flatten(2, 3)
        scores = scores_of(rows, compared, ~allowed.repeat(1, 1, rows.shape[2] // (last - first), 1), scale)
        mass = scores.logsumexp(-1)
        weights = (scores - mass[..., None]).exp_()
        if seen is not None:
            part = replace(seen, queries=last - first, allowed=allowed, asks_as_media=seen.asks_as_media[:, first:last], asks_in_turn=seen.asks_in_turn[:, first:last])
            weights = weights * layer.kept(torch.ones_like(mass)[..., None], mass, part)
        yield first, last, weights.unflatten(2, (-1, last - first)), allowed


def _allowed(mask, first: int, last: int, query: torch.Tensor, keys: int) -> torch.Tensor:
    """(B, 1, n, T) for the rows first to last; without a mask causal, the queries being the last tokens."""
    if mask is None:
        at = torch.arange(first, last, device=query.device) + keys - query.shape[2]
        return (torch.arange(keys, device=query.device) <= at[:, None]).expand(len(query), 1, -1, -1)
    part = mask[..., first:last, :keys]
    return (part if part.dtype == torch.bool else part > torch.finfo(part.dtype).min / 2).expand(len(query), 1, -1, -1)


def own_layer(module, name: str) -> AttentionLayer | None:
    """What the kind of attention `name` has added to this attention layer; None for plain attention."""
    layer = getattr(module, name, None) if name in KINDS else None
    if hasattr(layer, "modules_to_save"):  # PEFT's wrapper of what an adapter holds whole
        return layer.original_module if layer.disable_adapters else layer.modules_to_save[layer.active_adapters[0]]
    return layer
