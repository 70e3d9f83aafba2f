"""Videos of the general world: one or two shapes that move, grow, turn, blink or rest, eight frames of 112 pixels."""

import numpy as np
from PIL import Image, ImageDraw

from sample_data.world import pictures, surfaces
from sample_data.world.item import choose

FRAMES, SIDE = 8, 112
MOTIONS = (
    "moves left",
    "moves right",
    "moves up",
    "moves down",
    "grows",
    "shrinks",
    "blinks",
    "turns",
    "stays still",
)
HEADING = {"moves left": (-1, 0), "moves right": (1, 0), "moves up": (0, -1), "moves down": (0, 1)}


def motion(rng: np.random.Generator, name: str | None = None) -> tuple[np.ndarray, dict]:
    """Draws one video.

    Args:
        rng: the source of chance.
        name: one of `MOTIONS`; by chance when None.

    Returns:
        Frames (8, 112, 112, 3) uint8 and the facts: motion, shape, colour, and where they apply speed and "stops".
    """
    name = name or choose(rng, MOTIONS)
    ground, ground_facts = pictures._scene_ground(rng, SIDE)
    if rng.random() < 0.35:
        ground = surfaces.surface(rng, SIDE, "none")[0]
    free = [c for c in pictures.COLOURS if _apart(pictures.COLOURS[c], ground) > 150] or ["white"]
    shapes = [
        s
        for s in pictures.SHAPES
        if name != "turns" or s in ("square", "triangle", "star", "cross", "diamond", "bar")
    ]
    facts = {"motion": name, "shape": choose(rng, shapes), "colour": choose(rng, free)}
    path = _path(rng, name, facts)
    fill = tuple(int(np.clip(v + rng.normal() * 8, 0, 255)) for v in pictures.COLOURS[facts["colour"]])
    frames = []
    for x, y, radius, turn, seen in path:
        canvas = Image.fromarray(np.clip(ground, 0, 255).astype(np.uint8))
        if seen:
            canvas = canvas.resize((SIDE * 2, SIDE * 2))
            pictures._shape(ImageDraw.Draw(canvas), facts["shape"], 2 * x, 2 * y, 2 * radius, fill, turn)
            canvas = canvas.resize((SIDE, SIDE), Image.BILINEAR)
        frames.append(np.asarray(canvas, np.float32))
    noise = rng.standard_normal((FRAMES, SIDE, SIDE, 1), dtype=np.float32) * rng.uniform(0, 5)
    return np.clip(np.stack(frames) + noise, 0, 255).astype(np.uint8), facts


def _apart(colour: tuple[int, int, int], ground: np.ndarray) -> float:
    return float(np.abs(np.array(colour) - ground.mean((0, 1))).sum())


def _path(rng: np.random.Generator, name: str, facts: dict) -> list[tuple]:
    """Returns per frame: x, y, radius, turn and whether it is seen."""
    radius = rng.uniform(10, 18)
    x, y = rng.uniform(radius + 4, SIDE - radius - 4, 2)
    steps = np.arange(FRAMES)
    if name in HEADING:
        fast = rng.random() < 0.5
        speed = rng.uniform(7.5, 10) if fast else rng.uniform(2.2, 3.8)
        facts["speed"] = "fast" if fast else "slow"
        way = steps.astype(float)
        if rng.random() < 0.3:
            way = np.minimum(way, int(rng.integers(2, 5)))
            facts["stops"] = "yes"
        else:
            facts["stops"] = "no"
        reach = way * speed - speed * FRAMES / 2
        dx, dy = HEADING[name]
        x = x if dy else rng.uniform(0.42, 0.58) * SIDE
        y = y if dx else rng.uniform(0.42, 0.58) * SIDE
        return [(x + dx * r, y + dy * r, radius, 0.0, True) for r in reach]
    if name in ("grows", "shrinks"):
        sizes = np.linspace(rng.uniform(5, 9), rng.uniform(22, 32), FRAMES)
        return [(x, y, s, 0.0, True) for s in (sizes if name == "grows" else sizes[::-1])]
    if name == "blinks":
        period, phase = int(rng.integers(1, 3)), int(rng.integers(0, 2))
        return [(x, y, radius, 0.0, (t // period + phase) % 2 == 0) for t in steps]
    if name == "turns":
        rate = rng.choice([-1, 1]) * rng.uniform(0.25, 0.4)
        return [(x, y, radius + 4, rate * t, True) for t in steps]
    return [(x, y, radius, 0.0, True) for _ in steps]
