"""What the duplex aligner adds to a query: the Gram matrix of the other group's keys, as far as the row may see them, applied to W^T q.

    a_o(i) = Gh_o'(i) W_o^T q_i,   G_o'(i) = sum_j A_ij [c(j) = o'] k_j k_j^T,   Gh = G / (trace G + eps)

o and o' are the two groups of keys, text and everything else; A is the mask of row i. It is an unnormalised linear attention, so nothing of size T x T is
needed where the mask is causal. Shapes as in kit.attention.rows, with a leading 2 for the group o that the result is for (text, other); r query heads per key head.
"""

import torch

EPS = 1e-6
CHUNK = 64


def aligned(
    turned: torch.Tensor, key: torch.Tensor, members: torch.Tensor, allowed: torch.Tensor | None, queries: int
) -> torch.Tensor:
    """a (2, B, G, R, D) for `turned` = W_o^T q (2, B, G, R, D), R = r x queries.

    Args:
        key: (B, G, T, D), after rotary positions.
        members: (2, B, T) 1 where a key belongs to the group o' and is real.
        allowed: (B, 1, R, T) the rows' mask, for any mask; None: causal, the queries being the last `queries` of T.
    """
    others = key * members[:, :, None, :, None]  # (2, B, G, T, D)
    lengths = others.pow(2).sum(-1)  # (2, B, G, T)
    if allowed is None:
        return _scanned(turned, others, lengths, queries)
    seen = allowed.to(key.dtype)
    trace = lengths @ seen.transpose(-1, -2)[:, 0]  # (2, B, G, T) x (B, T, R)
    return ((turned @ others.transpose(-1, -2)) * seen) @ others / (trace[..., None] + EPS)


def _scanned(turned, others, lengths, queries):
    """In chunks: within one the matrix of scores, and what came before it as a sum of outer products."""
    past, (*outer, rows, width) = others.shape[3] - queries, turned.shape
    heads, size = rows // queries, min(CHUNK, queries)
    behind = -queries % size  # tokens that fill the last chunk
    before, others = others[..., :past, :], _chunks(others[..., past:, :], behind, size)  # (2, B, G, n, C, D)
    start = before.transpose(-1, -2) @ before  # what all of them see
    grams = others.transpose(-1, -2) @ others
    state = (
        torch.cat([torch.zeros_like(grams[..., :1, :, :]), grams[..., :-1, :, :].cumsum(3)], 3)
        + start[..., None, :, :]
    )
    turned = _chunks(turned.unflatten(3, (heads, queries)), behind, size)  # (2, B, G, r, n, C, D)
    turned = turned.transpose(3, 4).flatten(4, 5)  # (2, B, G, n, r x C, D)
    here = torch.ones(size, size, dtype=turned.dtype, device=turned.device).tril().repeat(heads, 1)
    out = turned @ state + ((turned @ others.transpose(-1, -2)) * here) @ others
    out = (
        out.unflatten(4, (heads, size)).transpose(3, 4).flatten(4, 5)[..., :queries, :]
    )  # (2, B, G, r, queries, D)
    trace = lengths.cumsum(-1)[..., None, past:, None]
    return (out / (trace + EPS)).reshape(*outer, rows, width)


def _chunks(tokens: torch.Tensor, behind: int, size: int) -> torch.Tensor:
    """(..., T, D) as (..., n, C, D)."""
    return torch.nn.functional.pad(tokens, (0, 0, 0, behind)).unflatten(-2, (-1, size))
