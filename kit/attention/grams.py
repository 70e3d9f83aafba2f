"""What the duplex aligner adds to a query: the Gram matrix of the other group's keys, as far as the row may see them, applied to W^T q.

    a_o(i) = Gh_o'(i) W_o^T q_i,   G_o'(i) = sum_j A_ij [c(j) = o'] k_j k_j^T,   Gh = G / (trace G + eps)

o and o' are the two groups of keys, text and everything else; A is the mask of row i. It is an unnormalised linear attention, so nothing of size T x T is
needed where the mask is causal. Shapes: B batch, G key heads, R rows of a key head (its r query heads x the tokens that ask), T keys, D width.
Both groups are worked on at once, side by side in the last dimension: a key has its numbers in its own group's half and zeros in the other.
"""

import torch

from kit.attention.rows import in_blocks

EPS = 1e-6
CHUNK = 64
DENSE = 192  # rows up to here are done with a matrix of scores: less work than the bookkeeping of chunks


def aligned(turned: torch.Tensor, halves: torch.Tensor, lengths: torch.Tensor, seen: torch.Tensor | None, queries: int) -> torch.Tensor:
    """(B, G, R, 2D): a_other in the first half, a_text in the second; what came from text keys, then what came from the others.

    Args:
        turned: (B, G, R, 2D) W_other^T q in the first half (it meets text keys), W_text^T q in the second.
        halves: (B, G, T, 2D) keys after rotary positions, zero in the half of the other group and for padding.
        lengths: (B, G, T, 2) squared lengths of the keys in their group's place.
        seen: (B, 1, R, T) the rows' mask, or (B, 1, queries, T) that of each head, for any mask; None: causal, the queries being the last `queries` of T.
    """
    if seen is None:
        return _scanned(turned, halves, lengths, queries)

    def dense(rows, may):
        may = may.to(rows.dtype)
        return (_divided((rows @ halves.transpose(-1, -2) * may) @ halves, may @ lengths),)

    return in_blocks(dense, turned, seen, halves.shape[2])[0]


def _scanned(turned, halves, lengths, queries):
    """In chunks: within one the matrix of scores, and what came before it as a sum of outer products, for each group."""
    past, heads, size = halves.shape[2] - queries, turned.shape[2] // queries, min(CHUNK, queries)
    behind = -queries % size  # tokens that fill the last chunk
    before, keys = halves[..., :past, :], _chunks(halves[..., past:, :], behind, size)  # (B, G, n, C, 2D)
    turned = _chunks(turned.unflatten(2, (heads, queries)), behind, size).transpose(2, 3).flatten(3, 4)  # (B, G, n, r x C, 2D)
    earlier = torch.ones(size, size, dtype=turned.dtype, device=turned.device).tril().repeat(heads, 1)
    out = (turned @ keys.transpose(-1, -2) * earlier) @ keys
    sums = [_before(here, there) for here, there in zip(keys.chunk(2, -1), before.chunk(2, -1), strict=True)]
    out = out + torch.cat([half @ sum_ for half, sum_ in zip(turned.chunk(2, -1), sums, strict=True)], -1)
    out = out.unflatten(3, (heads, size)).transpose(2, 3).flatten(3, 4)[..., :queries, :].flatten(2, 3)  # (B, G, R, 2D)
    trace = lengths.cumsum(2)[:, :, past:].repeat(1, 1, heads, 1)
    return _divided(out, trace)


def _before(keys: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """(B, G, n, D, D) sum of outer products of all keys before each chunk of keys (B, G, n, C, D)."""
    grams = keys.transpose(-1, -2) @ keys
    return grams.cumsum(2) - grams + (before.transpose(-1, -2) @ before)[:, :, None]


def _chunks(tokens: torch.Tensor, behind: int, size: int) -> torch.Tensor:
    """(..., T, D) as (..., n, C, D)."""
    return torch.nn.functional.pad(tokens, (0, 0, 0, behind)).unflatten(-2, (-1, size))


def _divided(out: torch.Tensor, trace: torch.Tensor) -> torch.Tensor:
    """Each half by its group's trace."""
    return (out.unflatten(-1, (2, -1)) / (trace + EPS)[..., None]).flatten(-2)
