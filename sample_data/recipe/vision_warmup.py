"""Stage 1: the vision tower learns to see, with linear heads on the generator's own parameters that are thrown away afterwards.

The heads read what the language model will read, the merger's output: pooled (mean and maximum) for the facts of a picture, token by token
for what stands where. So texture, marks and places stay readable behind a frozen tower.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from sample_data.recipe.loop import Plan, train
from sample_data.recipe.model import WIDTH
from sample_data.world import marks, motions, pictures, surfaces

MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1) * 255
SPREAD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1) * 255
POOL = {112: 10000, 140: 7000, 168: 3000}  # pictures drawn per size
FACTS = {
    "mark": surfaces.MARKS,
    "ground": surfaces.GROUNDS,
    "contrast": surfaces.LEVELS,
    "brightness": surfaces.LEVELS,
    "grain": surfaces.LEVELS,
    "coarseness": ("fine", "medium", "coarse"),
    "direction": marks.DIRECTIONS,
    "orientation": marks.DIRECTIONS,
    "pitch": ("narrow", "wide"),
    "extent": ("small", "large"),
    "count": ("1", "2", "3", "4"),
    "place": marks.PLACES,
    "tone": ("dark", "light"),
    "softness": ("sharp", "soft"),
    "light": surfaces.LIGHTS,
    "tint": surfaces.TINTS,
    "number": ("1", "2", "3", "4"),
    "ground colour": tuple(pictures.COLOURS),
    "ink": tuple(pictures.COLOURS),
    "word": pictures.WORDS,
    "character": pictures.CHARACTERS,
}


class Heads(nn.Module):
    """Linear heads on the merger's output: one per fact on pooled tokens, two on every single token."""

    def __init__(self) -> None:
        super().__init__()
        self.facts = nn.ModuleDict(
            {name.replace(" ", "_"): nn.Linear(2 * WIDTH, len(values)) for name, values in FACTS.items()}
        )
        self.things = nn.Linear(WIDTH, len(pictures.THINGS))
        self.hues = nn.Linear(WIDTH, len(pictures.HUES))

    def forward(self, tokens: torch.Tensor, facts: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
        """Returns the loss.

        Args:
            tokens: merger output (B, V, C).
            facts: indices (B, number of facts), -1 where a fact does not apply.
            cells: (B, 2, V) indices into things and hues.
        """
        pooled = torch.cat([tokens.mean(1), tokens.amax(1)], dim=-1)
        loss = nn.functional.cross_entropy(self.things(tokens).float().flatten(0, 1), cells[:, 0].flatten())
        loss = loss + nn.functional.cross_entropy(
            self.hues(tokens).float().flatten(0, 1), cells[:, 1].flatten()
        )
        for column, head in enumerate(self.facts.values()):
            known = facts[:, column] >= 0
            if known.any():
                loss = (
                    loss
                    + nn.functional.cross_entropy(head(pooled[known]).float(), facts[known, column])
                    * known.float().mean()
                )
        return loss


def patches(frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cuts frames into the patches that Qwen2VLImageProcessor would make of them.

    Args:
        frames: (B, T, S, S, 3) uint8 with T even, or T = 1 for pictures (a picture fills both slots in time).

    Returns:
        Patches (B * T/2 * S/14 * S/14, 1176) and the grid (B, 3).
    """
    batch, time, side = frames.shape[:3]
    pixels = (frames.permute(0, 1, 4, 2, 3).float() - MEAN) / SPREAD
    if time == 1:
        pixels, time = pixels.expand(-1, 2, -1, -1, -1), 2
    rows = side // 28
    pixels = pixels.reshape(batch, time // 2, 2, 3, rows, 2, 14, rows, 2, 14).permute(
        0, 1, 4, 7, 5, 8, 3, 2, 6, 9
    )
    grid = torch.tensor([[time // 2, side // 14, side // 14]]).repeat(batch, 1)
    return pixels.reshape(-1, 1176), grid


def draw_pool(
    folder: Path, seed: int, scale: float = 1.0, name: str = "pictures"
) -> dict[int, tuple[torch.Tensor, ...]]:
    """Draws the pictures of the warm-up once and keeps them under `folder`.

    Returns:
        Per size: images (n, S, S, 3) uint8, facts (n, F) int64 and cells (n, 2, V) int64.
    """
    pools = {}
    for size, count in POOL.items():
        path = folder / f"{name}_{size}.pt"
        count = max(64, int(count * scale))
        if not path.exists():
            rng = np.random.default_rng([seed, size])
            drawn = [
                pictures.picture(rng, size)
                for _ in tqdm(range(count), desc=f"drawing {size} px", mininterval=5)
            ]
            images = torch.from_numpy(np.stack([one.image for one in drawn]))
            facts = torch.tensor([[_index(one.facts, name) for name in FACTS] for one in drawn])
            cells = torch.from_numpy(np.stack([one.cells.reshape(2, -1) for one in drawn]))
            torch.save((images, facts, cells), path)
        pools[size] = torch.load(path, weights_only=True)
    return pools


class MotionHead(nn.Module):
    """A linear head on a video's visual tokens: mean and maximum over space, in order of time."""

    def __init__(self) -> None:
        super().__init__()
        self.read = nn.Linear(4 * 2 * WIDTH, len(motions.MOTIONS))

    def forward(self, tokens: torch.Tensor, names: torch.Tensor) -> torch.Tensor:
        """Returns the loss for tokens (B, 4, V, C) and motion indices (B,)."""
        pooled = torch.cat([tokens.mean(2), tokens.amax(2)], -1).flatten(1)
        return nn.functional.cross_entropy(self.read(pooled).float(), names)


def draw_videos(folder: Path, seed: int, count: int = 1600) -> tuple[torch.Tensor, torch.Tensor]:
    """Draws the videos of the second warm-up once: frames (n, 8, 112, 112, 3) uint8 and motion indices (n,)."""
    path = folder / "videos.pt"
    if not path.exists():
        rng = np.random.default_rng([seed, 8])
        drawn = [motions.motion(rng) for _ in tqdm(range(count), desc="drawing videos", mininterval=5)]
        names = torch.tensor([motions.MOTIONS.index(facts["motion"]) for _, facts in drawn])
        torch.save((torch.from_numpy(np.stack([frames for frames, _ in drawn])), names), path)
    return torch.load(path, weights_only=True)


def warm_up_in_time(
    tower: nn.Module, heads: Heads, folder: Path, steps: int = 500, seed: int = 5, scale: float = 1.0
) -> list[float]:
    """Goes on with new pictures and with videos: a quarter of the updates are about motion."""
    pools = draw_pool(folder, seed, scale * 0.6, "again")
    videos, names = draw_videos(folder, seed, max(24, int(1600 * scale)))
    torch.manual_seed(seed)
    modules = nn.ModuleDict({"tower": tower, "heads": heads, "motion": MotionHead()})
    sizes = list(POOL)

    def loss_of(step: int) -> torch.Tensor:
        rng = np.random.default_rng([seed, 98, step])
        if step % 4 == 3:
            rows = torch.from_numpy(rng.integers(0, len(videos), 12))
            pixels, grid = patches(videos[rows])
            return 2 * modules["motion"](
                tower(pixels, grid).pooler_output.view(len(rows), 4, -1, WIDTH), names[rows]
            )
        images, facts, cells = pools[int(rng.choice(sizes, p=[0.4, 0.5, 0.1]))]
        rows = torch.from_numpy(rng.integers(0, len(images), 48))
        pixels, grid = patches(images[rows].unsqueeze(1))
        return heads(tower(pixels, grid).pooler_output.view(48, -1, WIDTH), facts[rows], cells[rows])

    return train(
        modules,
        loss_of,
        Plan("vision_in_time", steps, 1.5e-3),
        folder,
        [{"params": list(modules.parameters())}],
    )


def _index(facts: dict, name: str) -> int:
    return FACTS[name].index(facts[name]) if name in facts else -1


def warm_up(
    tower: nn.Module, folder: Path, steps: int = 1800, batch: int = 48, seed: int = 1, scale: float = 1.0
) -> tuple[list[float], Heads]:
    """Trains the vision tower in place; returns the losses and the heads.

    Args:
        tower: `model.model.visual`.
        folder: keeps the pictures and the state of an interrupted run.
        steps: number of updates.
        batch: pictures per update, all of one size.
        seed: of pictures and batches.
        scale: share of the pool to draw (for the short rebuild of the tests).
    """
    pools = draw_pool(folder, seed, scale)
    torch.manual_seed(seed)
    heads = Heads()
    sizes = list(POOL)

    def loss_of(step: int) -> torch.Tensor:
        rng = np.random.default_rng([seed, 99, step])
        images, facts, cells = pools[int(rng.choice(sizes, p=[0.5, 0.35, 0.15]))]
        rows = torch.from_numpy(rng.integers(0, len(images), batch))
        pixels, grid = patches(images[rows].unsqueeze(1))
        tokens = tower(pixels, grid).pooler_output.view(batch, -1, WIDTH)
        return heads(tokens, facts[rows], cells[rows])

    modules = nn.ModuleDict({"tower": tower, "heads": heads})
    losses = train(
        modules, loss_of, Plan("vision", steps, 1.5e-3), folder, [{"params": list(modules.parameters())}]
    )
    return losses, heads
