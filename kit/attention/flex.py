"""The same attention on a GPU: FlexAttention over each group of keys, blocks without a key of the group left out, merged by their log-sum-exp.

One pass over text keys and one over the others read each key once, so both together cost about one; FlexAttention has no backward pass on a CPU.
"""

import functools
from collections.abc import Sequence

import torch

from kit.attention.seen import Seen, unfolded


def attend_groups(queries: Sequence[torch.Tensor], key: torch.Tensor, value: torch.Tensor, seen: Seen, scale: float, once=lambda name, work: work()) -> tuple[torch.Tensor, torch.Tensor]:
    """(out (B, G, R, D), log-sum-exp (B, G, R)) in one softmax over all keys, where a key of the group o is compared with queries[o]; one group where there is one.

    Args:
        once: TokenTypes.once with the layer's mask: blocks are worked out by the first layer.
    """
    parts = []
    for number, query in enumerate(queries):
        asked = unfolded(query, seen.queries).transpose(1, 2).contiguous()  # (B, H, queries, D)
        members = seen.groups[number] if len(queries) == 2 else None
        blocks = once(f"blocks {number} of {len(queries)}, {key.shape[2]} keys", lambda members=members: _blocks(seen, members))
        out, mass = _flex(key.is_cuda)(asked, key, value, block_mask=blocks, scale=scale, enable_gqa=True, return_lse=True)
        parts.append((out, mass.clamp(min=torch.finfo(mass.dtype).min / 4)))  # minus infinity where a row sees no key of the group
    mass = torch.logsumexp(torch.stack([mass for _, mass in parts]), 0)
    out = sum(out * (part - mass).exp()[..., None].to(out.dtype) for out, part in parts)
    groups = key.shape[1]
    return out.unflatten(1, (groups, -1)).flatten(2, 3), mass.unflatten(1, (groups, -1)).flatten(2, 3)


def _blocks(seen: Seen, members: torch.Tensor | None):
    from torch.nn.attention.flex_attention import create_block_mask

    batch, keys, allowed = len(seen.real), seen.real.shape[1], seen.allowed
    past = keys - seen.queries

    def pair(b, h, q, k):
        may = (q + past >= k) & seen.real[b, k] if seen.causal else allowed[b, 0, q, k]
        return may if members is None else may & members[b, k]

    return create_block_mask(pair, batch, None, seen.queries, keys, device=str(seen.real.device))


@functools.cache
def _flex(compiled: bool):
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention) if compiled else flex_attention
