"""Attention of one layer in steps that a kind of attention may change: who sees whom, what is compared, what is kept of it. Unchanged, it is plain attention."""

import torch
from torch import nn

from kit.attention.rows import attend
from kit.attention.seen import Seen, folded, seen_by, unfolded
from kit.attention.token_types import TokenTypes


class AttentionLayer(nn.Module):
    """Plain attention; the kinds override its steps. B batch, H query heads, G key heads, R = H/G x queries, T keys, D width."""

    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        mask: torch.Tensor | None,
        types: TokenTypes,
        scale: float,
    ) -> torch.Tensor:
        """(B, queries, H, D) for query (B, H, queries, D), keys and values (B, G, T, D), the mask that the layer was given and the token types of all keys."""
        seen = self.sees(query, key, mask, types)
        asked, keys = self.compared(folded(query, key.shape[1]), key, seen, scale)
        out, mass = attend(asked, keys, value, seen.hidden, scale)
        return unfolded(self.kept(out, mass, seen), seen.queries)

    def sees(self, query, key, mask, types) -> Seen:
        """Who may look at whom."""
        return seen_by(query, key, mask, types)

    def compared(
        self, query: torch.Tensor, key: torch.Tensor, seen: Seen, scale: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Queries (B, G, R, D') and keys (B, G, T, D') whose products are the scores; D' may be wider than D."""
        return query, key

    def kept(self, out: torch.Tensor, mass: torch.Tensor, seen: Seen) -> torch.Tensor:
        """What is left of out (B, G, R, D), whose scores have the log-sum-exp mass (B, G, R)."""
        return out
