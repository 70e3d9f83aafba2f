"""Projected gradient ascent on embeddings of evidence that should not decide (Madry et al., arXiv 1706.06083): random starts, steps and balls, and the whole attack on text whose beginning is shared."""

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import cross_entropy

from kit.models.forward import Begun, go_on

if TYPE_CHECKING:
    from kit.training.robust import Robust


def attack(
    model, begun: Begun, ids: torch.Tensor, embedded: torch.Tensor, real: torch.Tensor, scored: torch.Tensor, targets: torch.Tensor, text: torch.Tensor, settings: "Robust",
    seeds: list[int],
) -> tuple[torch.Tensor, float]:  # fmt: skip
    """The perturbation (B, L, C) of the text's embeddings that makes the answer least likely after K steps, and |delta| / epsilon. Nothing flows into the adapter or the beginning.

    Args:
        ids, embedded, real, scored: of the perturbed tails, see `go_on`.
        targets: (S,) the answers' tokens.
        text: (B, L) true where delta may be other than 0.
        seeds: (B) of the random starts, uniform in the box.
    """
    where = text.unsqueeze(-1).to(embedded.dtype)
    count = where.sum((1, 2)).clamp(min=1) * embedded.shape[-1]
    epsilon = (settings.epsilon * ((embedded * where).pow(2).sum((1, 2)) / count).sqrt()).view(-1, 1, 1)
    size = settings.ascent_size or 2.5 / settings.ascent_steps
    delta = within((2 * random_start(text, embedded.shape[-1], seeds).to(embedded) - 1) * epsilon * where, epsilon, count, settings.ascent)
    for _ in range(settings.ascent_steps):
        delta.requires_grad_(True)
        logits = go_on(model, begun, ids, embedded + delta * where, real, scored, detached=True)
        # a sum: each sample's step is its own, however many share the pass
        (slope,) = torch.autograd.grad(cross_entropy(logits, targets, reduction="sum"), delta)
        delta = ascended(delta, slope, text, size, epsilon, count, settings.ascent)
    return delta * where, reach_of(delta, text, epsilon, count, settings.ascent)


def random_start(where: torch.Tensor, width: int, seeds: list[int]) -> torch.Tensor:
    """(B, T, width) uniform in 0 to 1 where `where` is true. Drawn on the CPU and for those tokens alone: the same with any padding and on any device."""
    drawn = torch.zeros(*where.shape, width)
    for row, seed in enumerate(seeds):
        drawn[row, where[row].cpu()] = torch.rand((int(where[row].sum()), width), generator=torch.Generator().manual_seed(seed))
    return drawn.to(where.device)


def ascended(delta: torch.Tensor, slope: torch.Tensor, where: torch.Tensor, size: float, epsilon: torch.Tensor, count: torch.Tensor, ascent: str) -> torch.Tensor:
    """delta after one step uphill, back within what is allowed."""
    slope = slope * where.unsqueeze(-1).to(slope.dtype)
    step = slope.sign() if ascent == "sign" else slope / (slope.pow(2).sum((1, 2)) / count).sqrt().clamp(min=1e-30).view(-1, 1, 1)
    return within(delta.detach() + size * epsilon * step, epsilon, count, ascent)


def reach_of(delta: torch.Tensor, where: torch.Tensor, epsilon: torch.Tensor, count: torch.Tensor, ascent: str) -> float:
    """|delta| / epsilon, the mean over the samples that are attacked: of the mean component for signs (0.5 at a random start; the largest one would be 1 already), of the root mean square else."""
    attacked, delta = where.any(1), delta.detach() * where.unsqueeze(-1)
    length = delta.abs().sum((1, 2)) / count if ascent == "sign" else _length(delta, count)
    return float((length / epsilon.view(-1).clamp(min=1e-30))[attacked].mean()) if attacked.any() else 0.0


def _length(delta: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
    """(B,) root mean square over the text's components."""
    return (delta.pow(2).sum((1, 2)) / count).sqrt()


def within(delta: torch.Tensor, epsilon: torch.Tensor, count: torch.Tensor, ascent: str) -> torch.Tensor:
    """delta in the box of half-width epsilon (B, 1, 1), or in the ball whose radius it is in root mean square over `count` (B,) components."""
    if ascent == "sign":
        return torch.maximum(torch.minimum(delta, epsilon), -epsilon)
    return delta * (epsilon.view(-1) / _length(delta, count).clamp(min=1e-30)).clamp(max=1).view(-1, 1, 1)
