"""MODA: modular duplex attention (Zhang et al., ICML 2025, arXiv 2507.04635), as an attention function that any transformers model can switch on.

Ours is causal and keeps raw keys in the cache; where and why it differs from the paper and from its released code is in docs/decisions.md. Two parts, each a switch:

* the duplex aligner (section 3.2): score_ij = scale (q_i + a_o(i)) . k_j for a key j of group o (text, or everything else), a_o(i) = Gh_o'(i) W_o^T q_i with the
  trace-normalised Gram of the keys of the OTHER group that row i may see (kit.attention.grams). Alignment is bilinear, so it can sit on the query.
* the modular mask (section 3.3): slots without a value soak up attention, so that real weights may sum to less than 1. Slots that hold nothing are one key with a zero value:
  p_i = e^s / (e^s + sum_j e^score_ij), out_i = O_i (1 - g p_i), per group of the row; s = -log(1 - e^-beta) for endlessly many slots whose scores fall by beta each
  (StableMask, arXiv 2402.04779).

W and g start at 0: untrained, it is the model that it was put into.
"""

from dataclasses import dataclass

import torch
from torch import nn

from kit.attention import flex
from kit.attention.grams import DENSE, aligned
from kit.attention.layer import AttentionLayer
from kit.attention.seen import Seen, folded, unfolded
from kit.errors import KitError
from kit.language import say

MASKS = ("learned", "fixed", None)


@dataclass(frozen=True)
class Moda:
    """Which parts of MODA are on.

    Attributes:
        align: the duplex aligner.
        mask: "learned" (gate and decay per layer and group, from 0 and 1), "fixed" (gate 1, decay 1, nothing learned: not the base model, even untrained), or None.
        slots: how many slots without a value; None: endlessly many, so that padding and length cannot matter. A row that sees m keys has slots - m of them.
    """

    align: bool = True
    mask: str | None = "learned"
    slots: int | None = None

    name = "moda"

    def __post_init__(self):
        if self.mask not in MASKS:
            raise KitError(
                say(
                    f"mask={self.mask!r} is unknown; allowed: 'learned', 'fixed', None",
                    f"mask={self.mask!r} は使えません。使えるもの：'learned'、'fixed'、None",
                )
            )

        if self.slots is not None and (type(self.slots) is not int or self.slots < 1):
            raise KitError(say(f"slots={self.slots!r} is not possible; give a whole number from 1, at least the longest prompt's tokens, or None for endlessly many",
                               f"slots={self.slots!r} は使えません。1 以上の整数（最長のプロンプトのトークン数以上）か、無限を表す None にしてください"))  # fmt: skip

    def layer(self, heads: int, groups: int, width: int) -> "ModaLayer":
        """The part of one attention layer with `heads` query heads, `groups` key heads, `width` wide each."""
        return ModaLayer(self, groups, width)


class ModaLayer(AttentionLayer):
    """What MODA adds to one attention layer.

    Attributes:
        align: (2, G, D, D) W of the groups text and other, per key head.
        gate, log_beta: (2,) per group of the ROW; the gate is used clamped to 0 to 1.
    """

    def __init__(self, settings: Moda, groups: int, width: int):
        super().__init__()
        self.settings = settings
        self.align = nn.Parameter(torch.zeros(2, groups, width, width)) if settings.align else None
        self.gate = nn.Parameter(torch.zeros(2)) if settings.mask == "learned" else None
        self.log_beta = nn.Parameter(torch.zeros(2)) if settings.mask == "learned" else None

    def forward(self, query, key, value, mask, types, scale: float) -> torch.Tensor:
        """As AttentionLayer.forward; on a GPU without a matrix of scores."""
        if not query.is_cuda:
            return super().forward(query, key, value, mask, types, scale)
        seen, query = self.sees(query, key, mask, types), folded(query, key.shape[1])
        queries = [query] if self.align is None else self.duplex(query, _halves(key, seen), seen).chunk(2, -1)
        out, mass = flex.attend_groups(queries, key, value, seen, scale, lambda name, work: types.once(name, mask, work))
        return unfolded(self.kept(out, mass, seen), seen.queries)

    def compared(self, query, key, seen, scale):
        if self.align is None:
            return query, key
        halves = _halves(key, seen)
        return self.duplex(query, halves, seen), halves

    def duplex(self, query: torch.Tensor, halves: torch.Tensor, seen: Seen) -> torch.Tensor:
        """(B, G, R, 2D): what keys of the group text are compared with, then what keys of the other group are."""
        turned = query @ torch.cat([self.align[1], self.align[0]], -1).to(query.dtype)  # W^T q, row by row; text keys make the Gram for keys of the other group
        lengths = halves.unflatten(-1, (2, -1)).pow(2).sum(-1)
        dense = not seen.causal or halves.shape[2] <= DENSE
        other, text = aligned(turned, halves, lengths, seen.weights if dense else None, seen.queries).chunk(2, -1)
        return torch.cat([query + text, query + other], -1)

    def kept(self, out, mass, seen):
        if self.settings.mask is None:
            return out
        gate, beta = (mass.new_ones(2), mass.new_ones(2)) if self.gate is None else (_clamped.apply(self.gate), self.log_beta.exp())
        group = seen.asks_as_media.long()
        slots = self._slots(beta.to(mass.dtype)[group], seen).repeat(1, seen.heads)[:, None]  # (B, 1, R)
        gate = gate.to(mass.dtype)[group].repeat(1, seen.heads)[:, None]
        return out * (1 - gate * torch.sigmoid(slots - mass))[..., None].to(out.dtype)

    def _slots(self, beta: torch.Tensor, seen: Seen) -> torch.Tensor:
        """The log-sum-exp of the slots' scores."""
        if self.settings.slots is None:
            return -torch.log(-torch.expm1(-beta))
        left = self.settings.slots - seen.allowed.sum(-1)[:, 0]
        if bool((left < 0).any()):
            raise KitError(say(f"slots={self.settings.slots}, and a token sees {int(seen.allowed.sum(-1).max())} keys; give at least as many slots as tokens, or slots=None for endlessly many",
                               f"slots={self.settings.slots} に対し、{int(seen.allowed.sum(-1).max())} 個のキーを見るトークンがあります。トークン数以上にするか、slots=None（無限）にしてください"))  # fmt: skip
        some = left.clamp(min=1)
        return torch.where(
            left > 0, torch.log(torch.expm1(-beta * some) / torch.expm1(-beta)), torch.finfo(beta.dtype).min
        )


def _halves(key: torch.Tensor, seen: Seen) -> torch.Tensor:
    """(B, G, T, 2D) keys of text in the first half, the others in the second, zeros elsewhere: compared with (q_text, q_other), each meets its own group's query."""
    return torch.cat([*(key * seen.groups[:, :, None, :, None].to(key.dtype))], -1)


class _clamped(torch.autograd.Function):  # noqa: N801
    """Clamped to 0 to 1; at or beyond an end the slope is kept if it leads back, so that a gate which overshot is not stuck there."""

    @staticmethod
    def forward(ctx, gate):
        ctx.save_for_backward(gate)
        return gate.clamp(0, 1)

    @staticmethod
    def backward(ctx, slope):
        (gate,) = ctx.saved_tensors
        return slope.masked_fill(((gate < 0) & (slope > 0)) | ((gate > 1) & (slope < 0)), 0.0)
