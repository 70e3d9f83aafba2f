"""Pictures, videos and recordings drawn once and encoded once by the frozen towers.

The last stage trains the language model for many updates; encoding a medium once and asking about it often makes that five times faster.
What is kept is what the connectors read: the patches before the merger, the frames before the audio projection.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm
from transformers.vision_utils import get_vision_window_index

from sample_data.recipe.vision_warmup import patches
from sample_data.world import motions, pictures, sounds
from sample_data.world.item import Item
from sample_data.world.pictures import Picture
from sample_data.world.recording import Recording

COUNTS = {"surface": 6000, "body": 6000, "scene": 4000, "glyph": 2500, "motion": 6000, "sound": 8000}
SIZES, CHANCES = (112, 140, 168), (0.5, 0.3, 0.2)


@dataclass(frozen=True)
class Seen:
    """A medium in the bank: what is true of it, and the rows of `Bank.features` that hold what its tower made of it."""

    start: int
    length: int
    side: int
    picture: Picture | None = None
    motion: dict | None = None
    item: Item | None = None
    heard: Recording | None = None


@dataclass
class Bank:
    """All media of one sort: `seen`, and their features (rows, width) float16."""

    seen: list[Seen]
    features: torch.Tensor

    def rows(self, one: Seen) -> torch.Tensor:
        """Returns what the tower made of one medium, (tokens, width) float32."""
        return self.features[one.start : one.start + one.length].float()


def fill(sort: str, tower: nn.Module, extractor, folder: Path, seed: int, scale: float = 1.0) -> Bank:
    """Draws and encodes the media of a sort ("picture", "motion" or "sound"), or reads them from `folder`."""
    path = folder / f"bank_{sort}.pt"
    if not path.exists():
        make = {"picture": _pictures, "motion": _motions, "sound": _sounds}[sort]
        tower.eval()
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=scale == 1):
            seen, features = make(tower, extractor, np.random.default_rng([seed, len(sort)]), scale)
        torch.save((seen, torch.cat(features)), path)
    return Bank(*torch.load(path, weights_only=False))  # our own file, made by the lines above


def before_merger(tower: nn.Module, pixels: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """Returns what the merger reads, token by token in reading order: (tokens, 4 x hidden)."""
    hidden = tower(pixels, grid).last_hidden_state
    config = tower.config
    order, _ = get_vision_window_index(
        grid,
        spatial_merge_size=config.spatial_merge_size,
        window_size=config.window_size,
        patch_size=config.patch_size,
        kwargs={},
    )
    return hidden.view(len(order), -1)[torch.argsort(order)]


def before_projection(encoder: nn.Module, mels: list[torch.Tensor]) -> list[torch.Tensor]:
    """Returns what the audio projection reads, (tokens, hidden) for each log-mel (frames, bands)."""
    kept = []
    hook = encoder.ln_post.register_forward_hook(lambda module, args, output: kept.append(output))
    lengths = torch.tensor([len(mel) for mel in mels])
    encoder(torch.cat(mels).T, feature_lens=lengths)
    hook.remove()
    return list(kept[0].split((((lengths - 1) // 2 + 1 - 2) // 2 + 1).tolist()))


def _pictures(tower, _extractor, rng, scale) -> tuple[list[Seen], list[torch.Tensor]]:
    seen, features, start = [], [], 0
    kinds = [kind for kind in pictures.SHARES for _ in range(max(32, int(COUNTS[kind] * scale)))]
    kinds = [kinds[i] for i in rng.permutation(len(kinds))]
    for first in tqdm(range(0, len(kinds), 32), desc="pictures", mininterval=5):
        side = int(rng.choice(SIZES, p=CHANCES))
        drawn = [pictures.picture(rng, side, kind) for kind in kinds[first : first + 32]]
        pixels, grid = patches(torch.from_numpy(np.stack([one.image for one in drawn])).unsqueeze(1))
        features.append(before_merger(tower, pixels, grid).half())
        length = (side // pictures.CELL) ** 2
        for one in drawn:
            bare = Picture(np.zeros((0, 0, 3), np.uint8), one.kind, one.facts, one.cells, one.things)
            seen.append(Seen(start, length, side, picture=bare))
            start += length
    return seen, features


def _motions(tower, _extractor, rng, scale) -> tuple[list[Seen], list[torch.Tensor]]:
    seen, features, start = [], [], 0
    length = motions.FRAMES // 2 * (motions.SIDE // pictures.CELL) ** 2
    for _ in tqdm(range(max(2, int(COUNTS["motion"] * scale) // 12)), desc="videos", mininterval=5):
        drawn = [motions.motion(rng) for _ in range(12)]
        features.append(
            before_merger(tower, *patches(torch.from_numpy(np.stack([frames for frames, _ in drawn])))).half()
        )
        for _, facts in drawn:
            seen.append(Seen(start, length, motions.SIDE, motion=facts))
            start += length
    return seen, features


def _sounds(encoder, extractor, rng, scale) -> tuple[list[Seen], list[torch.Tensor]]:
    from sample_data.recipe.batches import mels_of

    seen, features, start = [], [], 0
    for _ in tqdm(range(max(2, int(COUNTS["sound"] * scale) // 20)), desc="recordings", mininterval=5):
        heard = [sounds.listen(rng) for _ in range(20)]
        with torch.autocast("cpu", enabled=False):
            mels = mels_of(extractor, [one.wave for one in heard])
        for one, made in zip(heard, before_projection(encoder, mels)):
            item = Item(one.question, one.options, one.answer, f"sound/{one.kind}", decided_by="audio")
            seen.append(
                Seen(start, len(made), 0, item=item, heard=replace(one, wave=np.zeros(0, np.float32)))
            )
            features.append(made.half())
            start += len(made)
    return seen, features
