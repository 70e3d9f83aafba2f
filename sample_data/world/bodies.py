"""Bodies: solid things that lie on a ground, with holes, an edge that catches the light, and a neutral mark on them.

A surface that fills the picture teaches texture; a body teaches to tell a thing from its ground, and a mark from a hole or an edge. Outline,
holes, skin, ground, light and mark are drawn independently of each other, so that nothing but the mark itself tells the mark.
"""

import numpy as np
from PIL import Image, ImageFilter

from sample_data.world import surfaces
from sample_data.world.marks import PLACES, mark_opacity
from sample_data.world.spectra import grid, noise

MARKS = (*surfaces.MARKS, "notch")  # a notch bites into the outline: only a body can have one
HOLES = ("0", "1", "2", "3", "4")
LEAST = 0.25  # of the picture's side: the shortest extent of a mark that counts as seen


def body(
    rng: np.random.Generator, size: int, mark: str | None = None
) -> tuple[np.ndarray, dict, np.ndarray, np.ndarray]:
    """Draws one body on its ground.

    Args:
        rng: the source of chance.
        size: side in pixels.
        mark: one of `MARKS`; drawn by chance when None.

    Returns:
        The picture (size, size, 3) float in 0..255, the truth about it, the mark's opacity and the body's (size, size).
    """
    facts: dict = {"mark": mark or MARKS[int(rng.integers(0, len(MARKS)))]}
    outline = _outline(rng, size)
    distance, facts["holes"] = _drill(rng, size, outline)
    seen = np.zeros((size, size), np.float32)
    if facts["mark"] == "notch":
        distance, seen = _bite(rng, size, outline, distance)
    height = np.clip(-distance / (0.05 * size), 0, 1)
    if facts["mark"] not in ("none", "notch"):
        seen = _on_body(rng, size, facts, distance)
    level, skin = rng.uniform(60, 200), surfaces._ground(rng, size, {})
    amplitude = rng.choice([rng.uniform(1, 5), rng.uniform(5, 12), rng.uniform(12, 20)])
    colour = 1 + rng.normal(size=3) * rng.choice([0.02, 0.1])
    metal = (level + skin * amplitude)[..., None] * colour
    metal = _marked(rng, metal, seen, level, amplitude, facts)
    turn = rng.random() * 2 * np.pi
    gy, gx = np.gradient(height)
    metal = (
        metal
        * (1 + np.clip((gx * np.cos(turn) + gy * np.sin(turn)) * rng.uniform(0.5, 2.5), -0.6, 0.6))[..., None]
    )
    picture = _bench(rng, size, level, distance)
    cover = np.clip(0.5 - distance, 0, 1)[..., None]
    picture = picture * (1 - cover) + metal * cover
    y, x, _, _ = grid(size)
    lit = ((x * np.cos(turn) + y * np.sin(turn)) / size - 0.5) * rng.uniform(0, 0.6)
    picture = picture * (1 + lit)[..., None]
    if rng.random() < 0.3:
        soft = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).filter(
            ImageFilter.GaussianBlur(rng.uniform(0.4, 1.0))
        )
        picture = np.asarray(soft, np.float32)
    picture = picture + rng.standard_normal((size, size, 1), dtype=np.float32) * rng.uniform(0, 9)
    return picture, facts, seen, cover[..., 0]


def _outline(rng: np.random.Generator, size: int) -> np.ndarray:
    """Returns the distance in pixels to a random outline (size, size), negative inside: one to three blunt shapes that overlap."""
    y, x, _, _ = grid(size)
    reach = size * rng.uniform(0.38, 0.52)
    cx, cy = size / 2 + rng.normal(size=2) * size * 0.04
    turn = rng.random() * 2 * np.pi
    u, v = (
        ((x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)) / reach,
        ((y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)) / reach,
    )
    distance = np.full((size, size), 9.0, np.float32)
    for number in range(int(rng.choice([1, 2, 3], p=[0.5, 0.3, 0.2]))):
        dx, dy = (0.0, 0.0) if number == 0 else rng.uniform(-0.55, 0.55, 2)
        a, b = (rng.uniform(0.7, 1.0), rng.uniform(0.5, 1.0)) if number == 0 else rng.uniform(0.25, 0.6, 2)
        kind = rng.choice(4)
        if kind == 0:
            one = np.hypot(u - dx, v - dy) - max(a, b) * 0.95
        elif kind == 1:
            bluntness = rng.uniform(0.05, 0.3) * min(a, b)
            qu, qv = np.abs(u - dx) - a + bluntness, np.abs(v - dy) - b + bluntness
            one = (
                np.hypot(np.maximum(qu, 0), np.maximum(qv, 0)) + np.minimum(np.maximum(qu, qv), 0) - bluntness
            )
        elif kind == 2:
            sides = int(rng.integers(3, 8))
            angles = np.arange(sides) * 2 * np.pi / sides
            one = (
                np.max([(u - dx) * np.cos(t) + (v - dy) * np.sin(t) for t in angles], axis=0)
                - max(a, b) * 0.7
            )
        else:
            one = np.hypot((u - dx) / a, (v - dy) / b) * min(a, b) - min(a, b)
        distance = np.minimum(distance, one)
    return distance * reach


def _drill(rng: np.random.Generator, size: int, outline: np.ndarray) -> tuple[np.ndarray, str]:
    """Returns the distance with up to four holes, and how many there are."""
    y, x, _, _ = grid(size)
    distance, made = outline, 0
    for _ in range(int(rng.integers(0, 5))):
        radius = size * rng.choice([rng.uniform(0.03, 0.05), rng.uniform(0.07, 0.12)])
        inside = np.flatnonzero(distance.ravel() < -radius * 1.5)
        if len(inside) == 0:
            break
        spot = int(inside[rng.integers(len(inside))])
        distance = np.maximum(distance, radius - np.hypot(x - spot % size, y - spot // size))
        made += 1
    return distance, str(made)


def _bite(
    rng: np.random.Generator, size: int, outline: np.ndarray, distance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the distance without the bitten piece, and the opacity of the torn face beside it."""
    y, x, _, _ = grid(size)
    edge = np.flatnonzero(
        (np.abs(outline) < 1).ravel()
        & (np.minimum(np.minimum(x, y), size - 1 - np.maximum(x, y)) > size * 0.06).ravel()
    )
    if len(edge) == 0:
        edge = np.array([int(np.argmin(np.abs(outline)))])
    spot = int(edge[rng.integers(len(edge))])
    ray = np.arctan2(y - spot // size, x - spot % size)
    radius = size * rng.uniform(0.11, 0.2)
    ragged = 1 + sum(rng.normal() * 0.25 / k * np.sin(k * ray + rng.random() * 6) for k in range(2, 9))
    away = np.hypot(x - spot % size, y - spot // size) - radius * ragged
    torn = np.clip((rng.uniform(0.15, 0.5) * radius - away) / 1.5, 0, 1) * (np.maximum(distance, -away) < 0)
    return np.maximum(distance, -away), torn.astype(np.float32)


def _on_body(rng: np.random.Generator, size: int, facts: dict, distance: np.ndarray) -> np.ndarray:
    """Returns the opacity of a mark that lies on the body, drawn again until enough of it does; adds orientation and place."""
    best, best_reach, kept = np.zeros((size, size), np.float32), -1.0, {}
    for _ in range(10):
        found: dict = {}
        drawn = mark_opacity(
            rng, size, facts["mark"], int(rng.integers(1, 4)), rng.uniform(0.5, 2.5), found
        ) * (distance < -0.5)
        rows, columns = np.flatnonzero((drawn > 0.5).any(1)), np.flatnonzero((drawn > 0.5).any(0))
        reach = max(np.ptp(rows), np.ptp(columns)) / size if len(rows) else 0.0
        if reach > best_reach:
            best, best_reach, kept = drawn, reach, found
        if best_reach >= LEAST:
            break
    facts |= {name: value for name, value in kept.items() if name == "orientation"}
    if "place" in kept and best.sum() > 0:
        y, x, _, _ = grid(size)
        middle = (best * y).sum() / best.sum(), (best * x).sum() / best.sum()
        facts["place"] = PLACES[int(middle[0] * 3 // size) * 3 + int(middle[1] * 3 // size)]
    return best.astype(np.float32)


def _marked(
    rng: np.random.Generator, metal: np.ndarray, seen: np.ndarray, level: float, amplitude: float, facts: dict
) -> np.ndarray:
    """Returns the skin (size, size, 3) with its mark: darker or lighter, of its own colour, as a relief, or torn."""
    size = len(metal)
    if facts["mark"] == "none":
        return metal
    if facts["mark"] == "notch":
        rough = noise(rng, size, rng.uniform(0.2, 0.8)) * rng.uniform(6, 30) + rng.normal() * 15
        return metal + (seen * rough)[..., None]
    if facts["mark"] in ("bump", "hollow"):
        gy, gx = np.gradient(seen)
        turn = rng.uniform(0.5, 1.0) * np.pi / 2  # light comes from the upper left, as people expect
        relief = (gx * np.cos(turn) + gy * np.sin(turn)) * rng.uniform(5, 9)
        sign = 1 if facts["mark"] == "bump" else -1
        shade = np.tanh(sign * relief) * rng.uniform(50, 90) + sign * seen * rng.uniform(0, 30)
        return metal + shade[..., None]
    dark = level > 170 or (level > 85 and rng.random() < 0.5)
    facts["tone"] = "dark" if dark else "light"
    depth = (rng.uniform(55, 110) + 0.8 * amplitude) * (-1 if dark else 1)
    own = rng.dirichlet((2.0, 2.0, 2.0)) * 3 if rng.random() < 0.35 else np.ones(3)
    return metal + (seen * rng.uniform(0.75, 1.0))[..., None] * depth * own


def _bench(rng: np.random.Generator, size: int, level: float, distance: np.ndarray) -> np.ndarray:
    """Returns the ground (size, size, 3) under the body, with the body's soft shadow."""
    under = rng.uniform(25, 225)
    while abs(under - level) < 22:
        under = rng.uniform(25, 225)
    colour = 1 + rng.normal(size=3) * rng.choice([0.03, 0.2])
    ground = (under + surfaces._ground(rng, size, {}) * rng.uniform(1, 18))[..., None] * colour
    away = rng.normal(size=2) * 0.03 * size
    shadow = np.clip(0.5 - np.roll(distance, away.astype(int), (0, 1)) / (0.04 * size), 0, 1)
    return ground * (1 - rng.uniform(0, 0.6) * shadow)[..., None]
