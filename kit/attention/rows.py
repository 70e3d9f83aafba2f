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
        hidden: (B, 1, R, T) true where a row may not attend; a row that sees nothing gives finite values that mean nothing.
    """
    blocks = -(-query[..., 0].numel() * key.shape[2] // _AT_ONCE)
    if blocks <= 1:
        return _attend(query, key, value, hidden, scale)
    size = -(-query.shape[2] // blocks)
    parts = [
        checkpoint(_attend, asked, key, value, hides, scale, use_reentrant=False)
        for asked, hides in zip(query.split(size, 2), hidden.split(size, 2), strict=True)
    ]
    return torch.cat([out for out, _ in parts], 2), torch.cat([mass for _, mass in parts], 2)


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
