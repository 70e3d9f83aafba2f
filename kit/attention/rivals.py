"""What MODA is compared with, with its interface: the same model unchanged, MMA's unmasking, and a learned bias on media keys."""

from dataclasses import dataclass, replace

import torch
from torch import nn

from kit.attention.layer import AttentionLayer
from kit.attention.seen import Seen, folded
from kit.errors import KitError
from kit.language import say


@dataclass(frozen=True)
class Unmasked:
    """MMA of AKI (Wang et al. 2025, arXiv 2503.02597): tokens of media may attend to the text that stands behind them in their turn, the question. Nothing is learned.

    It is not causal within the turn, so a prompt must be read as a whole: a cache that ends inside the turn of a medium is refused, with a KitError.
    """

    name = "mma"

    def layer(self, heads: int, groups: int, width: int) -> "UnmaskedLayer":
        return UnmaskedLayer()


class UnmaskedLayer(AttentionLayer):
    def sees(self, query, key, mask, types):
        return types.once(
            f"unmasked {key.shape[2]}",
            mask,
            lambda: _unmasked(super(UnmaskedLayer, self).sees(query, key, mask, types), min(types.codes.shape[1], key.shape[2]) - query.shape[2]),
        )


def _unmasked(seen: Seen, past: int) -> Seen:
    """`past`: keys that were read before; a static cache keeps room behind the new ones."""
    same_turn = seen.asks_in_turn[:, :, None] == seen.turns[:, None]  # (B, queries, T)
    if bool((same_turn & ~seen.asks_as_media[:, :, None] & (seen.media & seen.real)[:, None])[..., :past].any()):
        raise KitError(
            say(
                "with MMA the tokens of a picture read the question that follows, so a prompt must be read whole: the cache ends inside the turn of a medium; score without a shared prefix",
                "MMA では画像のトークンが後に続く質問を読むため、プロンプトは一度に読む必要があります。キャッシュがメディアのターンの途中で終わっています。接頭辞を共有せずに採点してください",
            )
        )
    more = same_turn & seen.asks_as_media[:, :, None] & (~seen.media & seen.real)[:, None]
    return replace(seen, allowed=seen.allowed | more[:, None], causal=False)


@dataclass(frozen=True)
class Biased:
    """In the manner of RAVE (arXiv 2605.18359): a learned number per layer and head is added to the scores of keys that are not text; 0 at the start."""

    name = "rave"

    def layer(self, heads: int, groups: int, width: int) -> "BiasedLayer":
        return BiasedLayer(heads)


class BiasedLayer(AttentionLayer):
    def __init__(self, heads: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(heads))

    def compared(self, query, key, seen, scale):
        groups = key.shape[1]
        bias = (self.bias.to(query.dtype) / scale)[None, :, None, None].expand(len(query), -1, seen.queries, 1)
        keys = seen.media[:, None, :, None].expand(-1, groups, -1, 1).to(key.dtype)
        return torch.cat([query, folded(bias, groups)], -1), torch.cat([key, keys], -1)  # one more channel, which is 1 in the keys of media
