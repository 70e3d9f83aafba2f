"""Attention of given rows over given keys with the mass that it is made of: softmax with its log-sum-exp, in blocks, for masks of any shape.

Shapes: B batch, G key heads, R rows of a key head (its query heads x the tokens that ask), T keys, D width of keys, V width of values.
"""

import torch
from torch.utils.checkpoint import checkpoint

_AT_ONCE = 2**26  # scores that may lie in memory at the same time (256 MB)


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, hidden: torch.Tensor, scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    """(out (B, G, R, V), log-sum-exp of the scores (B, G, R)), both differentiable.

    SDPA does not give the log-sum-exp on a CPU, and an extra key that counts it divides by what may be zero; for the short rows of training on a CPU a
    plain softmax is as fast. Long ones are done in blocks that are computed again in the backward pass, so no T x T matrix of a whole layer is kept.

    Args:
        query (B, G, R, D), key (B, G, T, D), value (B, G, T, V).
        hidden: (B, 1, R, T), or (B, 1, Q, T) for the Q queries of every head, true where a row may not attend; a row that sees nothing gives finite values that mean nothing.
    """
    out, mass = in_blocks(lambda rows, hides: _attend(rows, key, value, hides, scale), query, hidden, key.shape[2])
    return out, mass


def in_blocks(work, rows: torch.Tensor, mask: torch.Tensor, keys: int) -> tuple[torch.Tensor, ...]:
    """`work(rows, mask)`, whose results are (B, G, R, ...), at once where its scores are few, else for a range of queries after the other and computed again in the backward pass.

    Args:
        rows: (B, G, R, D), the query heads of a key head one after the other.
        mask: (B, 1, R, T), or (B, 1, Q, T) for the Q queries of every head.
        keys: T.
    """
    queries = mask.shape[2]
    heads, blocks = rows.shape[2] // queries, -(-rows[..., 0].numel() * keys // _AT_ONCE)
    if blocks <= 1:
        return work(rows, mask.repeat(1, 1, heads, 1) if heads > 1 else mask)
    size = -(-queries // blocks)

    def one(some, part):
        return [found.unflatten(2, (heads, -1)) for found in work(some.flatten(2, 3), part.repeat(1, 1, heads, 1))]

    folds = rows.unflatten(2, (heads, queries))
    parts = [checkpoint(one, folds[:, :, :, first : first + size], mask[:, :, first : first + size], use_reentrant=False) for first in range(0, queries, size)]
    return tuple(torch.cat(found, 3).flatten(2, 3) for found in zip(*parts, strict=True))


def _attend(query, key, value, hidden, scale):
    scores = scores_of(query, key, hidden, scale)
    top = scores.detach().amax(-1, keepdim=True)
    weights = scores.sub_(top).exp_()  # in place: nothing of size R x T is kept but these
    mass = weights.sum(-1, keepdim=True)
    return (weights.to(value.dtype) @ value) / mass.to(value.dtype), (mass.log() + top).squeeze(-1)


def scores_of(query: torch.Tensor, key: torch.Tensor, hidden: torch.Tensor, scale: float) -> torch.Tensor:
    """(B, G, R, T) scores before the softmax, at least in float32; what is hidden has the lowest number."""
    scores = (query * scale) @ key.transpose(-1, -2)
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
    return scores.masked_fill_(hidden, torch.finfo(scores.dtype).min)
