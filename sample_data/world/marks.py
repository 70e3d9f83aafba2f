"""Neutral marks as opacity fields: lines, rings, clouds, dashes and the like, without end in size, softness and place."""

import numpy as np

from sample_data.world.spectra import grid, noise

DIRECTIONS = ("horizontal", "rising", "vertical", "falling")  # of a stroke on the picture, 45 degrees apart
PLACES = (
    "top left",
    "top",
    "top right",
    "left",
    "centre",
    "right",
    "bottom left",
    "bottom",
    "bottom right",
)


def mark_opacity(
    rng: np.random.Generator, size: int, mark: str, count: int, edge: float, facts: dict
) -> np.ndarray:
    """Returns the opacity (size, size) in 0..1 of one kind of mark, and adds what was drawn to `facts`.

    Args:
        rng: the source of chance.
        size: side in pixels.
        mark: one of `MARKS` but "none".
        count: how many, where the kind can be counted.
        edge: width of its soft edge in pixels.
        facts: receives count, extent, place and orientation.
    """
    y, x, _, _ = grid(size)
    unit = size / 112
    extent = int(rng.integers(0, 2))
    facts["extent"] = ("small", "large")[extent]
    if mark == "cloud":
        field = noise(rng, size, rng.uniform(1.8, 2.6))
        return np.clip((field - (1.5 - 0.8 * extent)) * 3 / edge, 0, 1)
    if mark in ("grid", "wave", "dashes"):
        return _repeated(rng, x, y, mark, extent, edge, unit, facts)
    if mark == "streak":
        facts["orientation"] = DIRECTIONS[turn := int(rng.integers(0, 4))]
        angle = -np.pi * turn / 4 + rng.normal() * 0.08
        offset = (x - size / 2) * np.sin(angle) - (y - size / 2) * np.cos(angle) - rng.normal() * size * 0.18
        return np.clip((unit * (4 + 9 * extent) - np.abs(offset)) / (2 * edge) + 0.5, 0, 1)
    if mark in ("dots",):
        radius = rng.uniform(1.2, 2.2) * unit if extent == 0 else rng.uniform(3, 4.5) * unit
        centres = rng.uniform(0.04, 0.96, (count * 5, 2)) * size
    else:
        radius = (rng.uniform(10, 14) if extent == 0 else rng.uniform(19, 27)) * unit
        centres = _spread(rng, count, size, radius)
        facts["count"] = str(len(centres))
        if len(centres) == 1:
            facts["place"] = PLACES[int(centres[0, 1] * 3 // size) * 3 + int(centres[0, 0] * 3 // size)]
    turn = int(rng.integers(0, 4))
    if mark in ("line", "zigzag"):
        facts["orientation"] = DIRECTIONS[turn]
    opacity = np.zeros((size, size), np.float32)
    for cx, cy in centres:
        opacity = np.maximum(opacity, _one(rng, x - cx, y - cy, mark, radius, edge, unit, turn))
    return opacity


def _spread(rng: np.random.Generator, count: int, size: int, radius: float) -> np.ndarray:
    """Returns up to `count` centres (n, 2) whose marks do not run into each other, so that they can be counted."""
    found: list[np.ndarray] = []
    for _ in range(40):
        centre = rng.uniform(min(radius, size * 0.3), size - min(radius, size * 0.3), 2)
        if all(np.hypot(*(centre - other)) > 2.2 * radius for other in found):
            found.append(centre)
        if len(found) == count:
            break
    return np.array(found)


def _stroke(points: np.ndarray, dx: np.ndarray, dy: np.ndarray, width: float, edge: float) -> np.ndarray:
    """Returns the opacity of a polyline (n, 2) given the pixels' offsets from its centre."""
    distance = np.full(dx.shape, 1e9, np.float32)
    for (ax, ay), (bx, by) in zip(points[:-1], points[1:]):
        vx, vy = bx - ax, by - ay
        t = np.clip(((dx - ax) * vx + (dy - ay) * vy) / (vx * vx + vy * vy + 1e-6), 0, 1)
        distance = np.minimum(distance, np.hypot(dx - ax - t * vx, dy - ay - t * vy))
    return np.clip((width - distance) / edge + 0.5, 0, 1)


def _one(rng, dx, dy, mark, radius, edge, unit, turn) -> np.ndarray:
    """Returns the opacity of a single mark given the pixels' offsets from its centre."""
    if mark in ("dots", "blob", "bump", "hollow"):
        stretch, angle = rng.uniform(0.75, 1.3), rng.random() * np.pi
        u, v = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
        away = np.hypot(u * stretch, v / stretch)
        if mark in ("bump", "hollow"):
            return np.exp(-((away / (0.6 * radius)) ** 2) * 1.4)
        if mark == "blob":
            ray = np.arctan2(dy, dx)
            away = away * (
                1 + 0.2 * np.sin(2 * ray + rng.random() * 6) + 0.12 * np.sin(3 * ray + rng.random() * 6)
            )
            radius = radius * 0.8
        return np.clip((radius - away) / edge + 0.5, 0, 1)
    if mark == "ring":
        return np.clip(
            (rng.uniform(1.4, 2.8) * unit - np.abs(np.hypot(dx, dy) - radius * 0.85)) / edge + 0.5, 0, 1
        )
    if mark == "patch":
        angle = rng.random() * np.pi / 2
        u, v = (
            np.abs(dx * np.cos(angle) + dy * np.sin(angle)),
            np.abs(dy * np.cos(angle) - dx * np.sin(angle)),
        )
        return np.clip((radius * 0.75 - np.maximum(u, v * rng.uniform(0.8, 1.25))) / edge + 0.5, 0, 1)
    width = rng.uniform(1.1, 2.6) * unit
    angle = -np.pi * turn / 4 + rng.normal() * 0.08 if mark in ("line", "zigzag") else rng.random() * np.pi
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    steps = np.linspace(-1, 1, 2 if mark == "line" else 7)[:, None]
    points = steps * along * radius
    if mark == "curve":
        points = points + (steps**2 - 0.5) * across * radius * rng.choice([-1, 1]) * rng.uniform(0.6, 1.0)
    elif mark == "zigzag":
        points = points + across * radius * 0.3 * np.resize([1, -1], 7)[:, None]
    elif mark == "branch":
        points = points + across * rng.normal(0, 0.12, (7, 1)) * radius
        limbs = [points]
        for start, side in ((2, 1), (4, -1)):
            reach = along * 0.5 + across * side * rng.uniform(0.5, 0.9)
            limbs.append(np.stack([points[start], points[start] + reach * radius * rng.uniform(0.5, 0.9)]))
        return np.max([_stroke(limb, dx, dy, width * 0.8, edge * 0.7) for limb in limbs], axis=0)
    return _stroke(points, dx, dy, width, edge)


def _repeated(rng, x, y, mark, extent, edge, unit, facts) -> np.ndarray:
    """Returns the opacity of a mark that covers the picture again and again."""
    period = (rng.uniform(9, 13) if extent == 0 else rng.uniform(20, 28)) * unit
    turn = int(rng.integers(0, 4))
    angle = -np.pi * turn / 4 + rng.normal() * 0.08
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    u, v = u + rng.random() * period, v + rng.random() * period
    width = rng.uniform(1.0, 1.8) * unit
    if mark != "grid":
        facts["orientation"] = DIRECTIONS[turn]
    if mark == "wave":
        v = v + np.sin(u * 2 * np.pi / (period * 1.3)) * period * 0.25
    rows = np.abs((v + period / 2) % period - period / 2)
    if mark == "grid":
        rows = np.minimum(rows, np.abs((u + period / 2) % period - period / 2))
    opacity = np.clip((width - rows) / edge + 0.5, 0, 1)
    if mark == "dashes":
        broken = (u + (v // period) * period * 0.37) % period < period * 0.5
        opacity = opacity * broken
    return opacity
