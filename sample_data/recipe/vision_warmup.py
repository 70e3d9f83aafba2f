"""Stage 1: the vision tower learns to see, with linear heads on the generator's own parameters that are thrown away afterwards.

The heads read what the language model will read, the merger's output: pooled (mean and maximum) for the facts of a picture, token by token
for what stands where. So texture, marks and places stay readable behind a frozen tower.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from sample_data.recipe import attention, pair
from sample_data.recipe.loop import Plan, finished, train
from sample_data.recipe.model import WIDTH
from sample_data.world import bodies, marks, motions, pictures, surfaces

MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1) * 255
SPREAD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1) * 255
BATCH, CLIPS = 24, 8  # pictures, or videos, per update and process
EARLY = (0.66, 0.22, 0.12)  # of a batch of 112, 140 and 168 px


@dataclass(frozen=True)
class Stage:
    """What the eyes look at in one stage.

    Attributes:
        rate: highest learning rate.
        every: every so many updates it is videos.
        pool: size in pixels -> pictures drawn.
        chances: of a batch of each of these sizes.
        videos: drawn.
        kinds: share of each kind of picture.
    """

    rate: float
    every: int
    pool: dict[int, int]
    chances: tuple[float, ...]
    videos: int
    kinds: dict[str, float]


STAGES = {
    "vision": Stage(2e-3, 8, {112: 24_000, 140: 9_000, 168: 5_000}, EARLY, 2400, pictures.SHARES),
    "vision_again": Stage(1e-3, 4, {112: 48_000, 140: 18_000, 168: 10_000}, EARLY, 4800, pictures.SHARES),
    # more of what is hardest, marks on bodies, and more large pictures
    "vision_third": Stage(
        1e-3,
        8,
        {112: 90_000, 140: 40_000, 168: 45_000},
        (0.5, 0.25, 0.25),
        5000,
        {"surface": 0.28, "body": 0.45, "scene": 0.2, "glyph": 0.07},
    ),
}
START = (
    128**-0.5
)  # transformers' 0.02 is meant for widths of a thousand; from there these towers see nothing for hundreds of updates
HARD = {"mark": 2.0, "word": 2.0, "character": 2.0}  # heads that count more
NOTHING = 0.1  # weight of a cell that shows bare ground or bare body: there are many of them
FACTS = {
    "mark": bodies.MARKS,
    "holes": bodies.HOLES,
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
        weight = torch.ones(len(pictures.THINGS))
        weight[[0, pictures.THINGS.index("body")]] = NOTHING
        things, hues = self.things(tokens).float().flatten(0, 1), self.hues(tokens).float().flatten(0, 1)
        loss = 3 * nn.functional.cross_entropy(things, cells[:, 0].flatten(), weight=weight)
        loss = loss + 3 * nn.functional.cross_entropy(hues, cells[:, 1].flatten())
        for column, (name, head) in enumerate(self.facts.items()):
            known = facts[:, column] >= 0
            if known.any():
                one = nn.functional.cross_entropy(head(pooled[known]).float(), facts[known, column])
                loss = loss + HARD.get(name, 1.0) * known.float().mean() * one
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


def draw_pool(folder: Path, seed: int, stage: Stage, scale: float = 1.0) -> dict[int, tuple[torch.Tensor, ...]]:
    """Draws the pictures of a stage once and keeps them under `folder`.

    Returns:
        Per size: images (n, S, S, 3) uint8, facts (n, F) int64 and cells (n, 2, V) int64.
    """
    pools = {}
    folder.mkdir(parents=True, exist_ok=True)
    for size, count in stage.pool.items():
        path = folder / f"pictures_{size}.pt"
        if not path.exists():
            torch.save(_drawn(np.random.default_rng([seed, size]), size, max(64, int(count * scale)), stage), path)
        pools[size] = torch.load(path, weights_only=True, mmap=True)
    return pools


def _drawn(rng: np.random.Generator, size: int, count: int, stage: Stage) -> tuple[torch.Tensor, ...]:
    images = torch.empty(count, size, size, 3, dtype=torch.uint8)
    facts = torch.empty(count, len(FACTS), dtype=torch.int64)
    cells = torch.empty(count, 2, (size // pictures.CELL) ** 2, dtype=torch.int64)
    kinds, shares = tuple(stage.kinds), list(stage.kinds.values())
    for row in tqdm(range(count), desc=f"drawing {size} px", mininterval=5):
        one = pictures.picture(rng, size, kinds[int(rng.choice(len(kinds), p=shares))])
        images[row] = torch.from_numpy(one.image)
        facts[row] = torch.tensor([_index(one.facts, name) for name in FACTS])
        cells[row] = torch.from_numpy(one.cells.reshape(2, -1))
    return images, facts, cells


class MotionHead(nn.Module):
    """A linear head on a video's visual tokens: mean and maximum over space, in order of time."""

    def __init__(self) -> None:
        super().__init__()
        self.read = nn.Linear(4 * 2 * WIDTH, len(motions.MOTIONS))

    def forward(self, tokens: torch.Tensor, names: torch.Tensor) -> torch.Tensor:
        """Returns the loss for tokens (B, 4, V, C) and motion indices (B,)."""
        pooled = torch.cat([tokens.mean(2), tokens.amax(2)], -1).flatten(1)
        return nn.functional.cross_entropy(self.read(pooled).float(), names)


def draw_videos(folder: Path, seed: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draws the videos of a stage once: frames (n, 8, 112, 112, 3) uint8 and motion indices (n,)."""
    path = folder / "videos.pt"
    if not path.exists():
        rng = np.random.default_rng([seed, 8])
        drawn = [motions.motion(rng) for _ in tqdm(range(count), desc="drawing videos", mininterval=5)]
        names = torch.tensor([motions.MOTIONS.index(facts["motion"]) for _, facts in drawn])
        torch.save((torch.from_numpy(np.stack([frames for frames, _ in drawn])), names), path)
    return torch.load(path, weights_only=True, mmap=True)


def _index(facts: dict, name: str) -> int:
    return FACTS[name].index(facts[name]) if name in facts else -1


def draw_all(folder: Path, seed: int, stage: Stage, scale: float = 1.0) -> tuple[dict, tuple[torch.Tensor, torch.Tensor]]:
    """Draws the pictures and the videos of a stage, or finds them in `folder`."""
    return draw_pool(folder, seed, stage, scale), draw_videos(folder, seed, max(24, int(stage.videos * scale)))


def draw_stages(folder: Path, steps: dict[str, int], seed: int, scale: float = 1.0) -> None:
    """Draws what the unfinished stages look at."""
    for number, (name, stage) in enumerate(STAGES.items()):
        if not finished(folder, name, steps[name]):
            draw_all(folder / name, seed + 10 * number, stage, scale)


def warm_up(
    tower: nn.Module, folder: Path, steps: dict[str, int], seed: int = 1, scale: float = 1.0
) -> tuple[dict[str, list[float]], Heads]:
    """Trains the vision tower in place, on pictures and, every so many updates, on videos; returns the losses of its stages and the heads.

    Later stages go on at a lower rate with pictures that earlier ones never saw: at the first's end the loss on its own pool was 3.3, on new
    pictures 6.7.

    Args:
        tower: `model.model.visual`.
        folder: keeps the pictures and the state of an interrupted run.
        steps: number of updates of each of `STAGES`.
        seed: of pictures and batches; every stage has its own.
        scale: share of the pools to draw (for the short rebuild of the tests).
    """
    torch.manual_seed(seed)
    for module in tower.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=START)
    modules = nn.ModuleDict({"tower": tower, "heads": Heads(), "motion": MotionHead()})
    losses = {}
    for number, (name, stage) in enumerate(STAGES.items()):
        loss_of = _lesson(modules, folder / name, seed + 10 * number, stage, scale)
        with attention.of_equal_pictures(tower):
            losses[name] = train(modules, loss_of, Plan(name, steps[name], stage.rate, muon=1.5), folder)
    return losses, modules["heads"]


def _lesson(
    modules: nn.ModuleDict, folder: Path, seed: int, stage: Stage, scale: float
) -> Callable[[int], torch.Tensor]:
    """Returns the loss of one update as a function of its number; pictures and videos are drawn when it is first asked for."""
    tower, drawn = modules["tower"], []

    def loss_of(step: int) -> torch.Tensor:
        if not drawn:
            drawn.append(draw_all(folder, seed, stage, scale))
        pools, (videos, names) = drawn[0]
        # every process looks at pictures of the same size, each at its own
        side = int(np.random.default_rng([seed, 98, step]).choice(list(stage.pool), p=stage.chances))
        rng = np.random.default_rng([seed, 99, step, pair.place()[0]])
        if step % stage.every == stage.every - 1:
            rows = torch.from_numpy(rng.integers(0, len(videos), CLIPS))
            pixels, grid = patches(videos[rows])
            tokens = tower(pixels, grid).pooler_output.view(len(rows), 4, -1, WIDTH)
            return 3 * modules["motion"](tokens, names[rows])
        images, facts, cells = pools[side]
        rows = torch.from_numpy(rng.integers(0, len(images), BATCH))
        pixels, grid = patches(images[rows].unsqueeze(1))
        tokens = tower(pixels, grid).pooler_output.view(BATCH, -1, WIDTH)
        return modules["heads"](tokens, facts[rows], cells[rows])

    return loss_of
