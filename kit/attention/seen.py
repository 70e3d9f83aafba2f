"""What a layer's rows may see, worked out once per forward and shared by its layers."""

from dataclasses import dataclass
from functools import cached_property

import torch

from kit.attention.token_types import TokenTypes

LONG = 2**22  # rows x keys of a mask that is not repeated for each head


@dataclass(frozen=True)
class Seen:
    """Who may look at whom. R = heads x queries: the query heads of a key head lie one after the other.

    Attributes:
        heads: query heads of a key head.
        queries: tokens that ask.
        allowed: (B, 1, queries, T) true where a token may attend to a key.
        causal: whether `allowed` is nothing but "earlier, and not padding", so that sums over keys can be accumulated.
        real: (B, T) false for padding.
        media: (B, T) true for keys that are not text.
        asks_as_media: (B, queries) true for tokens that are not text.
        turns, asks_in_turn: (B, T) and (B, queries) turn of each.
    """

    heads: int
    queries: int
    allowed: torch.Tensor
    causal: bool
    real: torch.Tensor
    media: torch.Tensor
    asks_as_media: torch.Tensor
    turns: torch.Tensor
    asks_in_turn: torch.Tensor

    @cached_property
    def groups(self) -> torch.Tensor:
        """(2, B, T) true for the real keys of the groups text and other."""
        return torch.stack([~self.media & self.real, self.media & self.real])

    @cached_property
    def hidden(self) -> torch.Tensor:
        """(B, 1, R, T) true where a row may not attend; (B, 1, queries, T) where that is long (kit.attention.rows does it in blocks)."""
        return ~(self.allowed if self._is_long else self.allowed.repeat(1, 1, self.heads, 1))

    @cached_property
    def weights(self) -> torch.Tensor:
        """As `hidden`: 1.0 where a row may attend; as long as it is long, true."""
        return self.allowed if self._is_long else (~self.hidden).float()

    @property
    def _is_long(self) -> bool:
        return self.heads * self.allowed.numel() > LONG


def seen_by(query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None, types: TokenTypes) -> Seen:
    """Of query (B, H, queries, D), key (B, G, T, D) and the mask that the layer was given (None: causal, the queries being the last tokens; true, or 0 in a mask of numbers: allowed)."""
    heads = query.shape[1] // key.shape[1]
    return types.once(f"seen {key.shape[2]} by {heads}", mask, lambda: _seen_by(heads, query, key, mask, types))


def _seen_by(heads, query, key, mask, types) -> Seen:
    batch, queries, keys, device = len(query), query.shape[2], key.shape[2], key.device
    earlier = torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)[None, None]
    if mask is None:
        allowed, causal, real = earlier.expand(batch, 1, -1, -1), True, torch.ones(batch, keys, dtype=torch.bool, device=device)
    else:
        allowed = mask if mask.dtype == torch.bool else mask > torch.finfo(mask.dtype).min / 2
        allowed = allowed[..., :keys].expand(batch, 1, -1, -1)
        real = allowed[:, 0].any(1)  # a key that nobody sees is padding
        asks = allowed[:, 0].any(2) | real[:, keys - queries :]  # what padding would see does not matter
        causal = bool(((allowed == (earlier & real[:, None, None])) | ~asks[:, None, :, None]).all())
    codes, turns = (types.of_keys(what, keys).to(device) for what in (types.codes, types.turns))
    rows, asks_in_turn = (types.of_rows(what, queries).to(device) for what in (types.codes, types.turns))
    return Seen(heads, queries, allowed, causal, real, codes > 0, rows > 0, turns, asks_in_turn)


def folded(heads: torch.Tensor, groups: int) -> torch.Tensor:
    """(B, H, T, D) as (B, G, R, D): the query heads of a key head one after the other, as grouped query attention pairs them."""
    return heads.unflatten(1, (groups, -1)).flatten(2, 3)


def unfolded(rows: torch.Tensor, queries: int) -> torch.Tensor:
    """(B, G, R, D) as (B, queries, H, D), which is what transformers expects of an attention function."""
    return rows.unflatten(2, (-1, queries)).flatten(1, 2).transpose(1, 2)
