"""General surfaces: procedural textures under changing light, with neutral marks on them.

Noise with a random spectrum carries to real photographs although no photograph was seen (Kataoka et al., ACCV 2020; Baradad et al.,
NeurIPS 2021). Every mark is an opacity field, so that its size, softness and strength vary without end. The names are neutral on purpose:
this world knows a "line" and a "hollow", never a company's defect.
"""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

GROUNDS = ("plain", "noise", "brushed", "stripes", "checks", "speckle", "cells")
MARKS = ("none", "line", "curve", "zigzag", "branch", "dots", "ring", "cloud", "patch", "grid", "wave", "dashes", "streak", "bump", "hollow", "blob")
TINTS = ("grey", "red", "orange", "yellow", "green", "blue", "purple")
TINT_RGB = np.array(
    [[1, 1, 1], [1.25, 0.85, 0.8], [1.22, 0.98, 0.72], [1.12, 1.08, 0.66], [0.85, 1.15, 0.85], [0.8, 0.95, 1.25], [1.1, 0.82, 1.18]]
)
DIRECTIONS = ("horizontal", "rising", "vertical", "falling")  # of a stroke on the picture, 45 degrees apart
LIGHTS = ("left", "right", "top", "bottom", "even")
LEVELS = ("low", "medium", "high")
PLACES = ("top left", "top", "top right", "left", "centre", "right", "bottom left", "bottom", "bottom right")


@lru_cache(maxsize=8)
def _grid(size: int) -> tuple[np.ndarray, ...]:
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    fy, fx = np.meshgrid(np.fft.fftfreq(size), np.fft.rfftfreq(size), indexing="ij")
    radius = np.hypot(fx, fy)
    radius[0, 0] = 1e9
    return y, x, radius.astype(np.float32), np.arctan2(fy, fx).astype(np.float32)


def noise(rng: np.random.Generator, size: int, slope: float, anisotropy: float = 0.0, direction: float = 0.0) -> np.ndarray:
    """Returns (size, size) noise of mean 0 and deviation 1 whose spectrum falls as radius**-slope, stretched along `direction` (radians)."""
    _, _, radius, angle = _grid(size)
    amplitude = radius**-slope
    if anisotropy:
        amplitude = amplitude * np.exp(anisotropy * np.cos(2 * (angle - direction - np.pi / 2)))
    phase = rng.random(radius.shape, dtype=np.float32) * (2 * np.pi)
    field = np.fft.irfft2(amplitude * (np.cos(phase) + 1j * np.sin(phase)), s=(size, size)).astype(np.float32)
    return (field - field.mean()) / (field.std() + 1e-6)


def surface(rng: np.random.Generator, size: int, mark: str | None = None) -> tuple[np.ndarray, dict, np.ndarray]:
    """Draws one marked surface.

    Args:
        rng: the source of chance.
        size: side in pixels.
        mark: one of `MARKS`; drawn by chance when None.

    Returns:
        The picture (size, size, 3) float in 0..255, the generator's parameters (the truth about it), and the mark's opacity (size, size).
    """
    facts: dict = {}
    height = _ground(rng, size, facts)
    contrast = int(rng.integers(0, 3))
    brightness = int(rng.integers(0, 3))
    level = [rng.uniform(45, 85), rng.uniform(105, 145), rng.uniform(165, 210)][brightness]
    amplitude = [rng.uniform(1, 5), rng.uniform(10, 16), rng.uniform(24, 38)][contrast]
    picture = level + height * amplitude
    facts["brightness"] = LEVELS[brightness]
    if facts["ground"] != "plain":
        facts["contrast"] = LEVELS[contrast]
    opacity = np.zeros((size, size), np.float32)
    facts["mark"] = mark or MARKS[int(rng.integers(0, len(MARKS)))]
    if facts["mark"] != "none":
        picture, opacity = _put_mark(rng, picture, level, amplitude, facts)
    picture = _light(rng, picture, facts)
    return _finish(rng, picture, opacity, facts), facts, opacity


def _ground(rng: np.random.Generator, size: int, facts: dict) -> np.ndarray:
    """Returns the surface's height field (size, size), mean about 0 and deviation about 1."""
    y, x, _, _ = _grid(size)
    kind = GROUNDS[int(rng.choice(len(GROUNDS), p=[0.1, 0.3, 0.2, 0.1, 0.08, 0.12, 0.1]))]
    direction = int(rng.integers(0, 4))
    angle = -np.pi * direction / 4 + rng.normal() * 0.08
    facts["ground"] = kind
    if kind == "plain":
        return noise(rng, size, 1.5) * 0.15
    if kind == "noise":
        coarse = int(rng.integers(0, 3))
        facts["coarseness"] = ("fine", "medium", "coarse")[coarse]
        return noise(rng, size, [rng.uniform(0.2, 0.5), rng.uniform(0.9, 1.2), rng.uniform(1.7, 2.3)][coarse])
    if kind in ("brushed", "stripes"):
        facts["direction"] = DIRECTIONS[direction]
    if kind == "brushed":
        return noise(rng, size, rng.uniform(0.5, 1.3), rng.uniform(1.8, 4.5), angle)
    along = x * np.sin(angle) - y * np.cos(angle)
    across = x * np.cos(angle) + y * np.sin(angle)
    if kind in ("stripes", "checks"):
        wide = int(rng.integers(0, 2))
        facts["pitch"] = ("narrow", "wide")[wide]
        period = rng.uniform(5, 9) if wide == 0 else rng.uniform(16, 28)
        sharp = rng.uniform(1, 5)
        wave = np.tanh(sharp * np.sin(2 * np.pi * along / period + rng.random() * 6))
        if kind == "checks":
            wave = wave * np.tanh(sharp * np.sin(2 * np.pi * across / period + rng.random() * 6))
        return wave + noise(rng, size, 0.8) * 0.15
    if kind == "speckle":
        return np.sign(noise(rng, size, rng.uniform(0.3, 0.9))) * (noise(rng, size, 0.6) > rng.uniform(0.6, 1.5)) * 2.0
    return np.abs(noise(rng, size, rng.uniform(1.4, 2.0))) * 1.6 - 1.2  # cells: bright areas parted by dark veins


def _put_mark(rng, picture, level, amplitude, facts) -> tuple[np.ndarray, np.ndarray]:
    size = picture.shape[0]
    softness = int(rng.integers(0, 2))
    edge = rng.uniform(0.5, 1.0) if softness == 0 else rng.uniform(2.0, 4.0)
    count = int(rng.integers(1, 5))
    opacity = mark_opacity(rng, size, facts["mark"], count, edge, facts)
    if facts["mark"] in ("bump", "hollow"):
        gy, gx = np.gradient(opacity)
        turn = rng.uniform(0.6, 1.0) * np.pi / 2  # light comes from the upper left, as people expect
        relief = (gx * np.cos(turn) + gy * np.sin(turn)) * rng.uniform(5, 9)
        shade = np.tanh(relief if facts["mark"] == "bump" else -relief) * rng.uniform(40, 75)
        facts["softness"] = ("sharp", "soft")[softness]
        return picture + shade, opacity
    dark = level > 160 or (level > 90 and rng.random() < 0.5)
    depth = rng.uniform(32, 80) + amplitude * 0.8
    opacity = opacity * rng.uniform(0.75, 1.0)
    facts |= {"tone": "dark" if dark else "light", "softness": ("sharp", "soft")[softness]}
    return picture + opacity * (-depth if dark else depth), opacity


def mark_opacity(rng: np.random.Generator, size: int, mark: str, count: int, edge: float, facts: dict) -> np.ndarray:
    """Returns the opacity (size, size) in 0..1 of one kind of mark, and adds what was drawn to `facts`.

    Args:
        rng: the source of chance.
        size: side in pixels.
        mark: one of `MARKS` but "none".
        count: how many, where the kind can be counted.
        edge: width of its soft edge in pixels.
        facts: receives count, extent, place and orientation.
    """
    y, x, _, _ = _grid(size)
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
        radius = (rng.uniform(7, 11) if extent == 0 else rng.uniform(16, 24)) * unit
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
            away = away * (1 + 0.2 * np.sin(2 * ray + rng.random() * 6) + 0.12 * np.sin(3 * ray + rng.random() * 6))
            radius = radius * 0.8
        return np.clip((radius - away) / edge + 0.5, 0, 1)
    if mark == "ring":
        return np.clip((rng.uniform(1.2, 2.4) * unit - np.abs(np.hypot(dx, dy) - radius * 0.85)) / edge + 0.5, 0, 1)
    if mark == "patch":
        angle = rng.random() * np.pi / 2
        u, v = np.abs(dx * np.cos(angle) + dy * np.sin(angle)), np.abs(dy * np.cos(angle) - dx * np.sin(angle))
        return np.clip((radius * 0.75 - np.maximum(u, v * rng.uniform(0.8, 1.25))) / edge + 0.5, 0, 1)
    width = rng.uniform(0.8, 2.2) * unit
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
    width = rng.uniform(0.7, 1.4) * unit
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


def _light(rng: np.random.Generator, picture: np.ndarray, facts: dict) -> np.ndarray:
    size = picture.shape[0]
    y, x, _, _ = _grid(size)
    side = int(rng.integers(0, 5))
    facts["light"] = LIGHTS[side]
    if side == 4:
        return picture
    ramp = [1 - x / size, x / size, 1 - y / size, y / size][side] - 0.5
    return picture * (1 + ramp * rng.uniform(0.45, 0.9))


def _finish(rng: np.random.Generator, picture: np.ndarray, opacity: np.ndarray, facts: dict) -> np.ndarray:
    """Returns the tinted picture (size, size, 3) with sensor noise and blur."""
    tint = int(rng.choice(7, p=[0.4] + [0.1] * 6))
    facts["tint"] = TINTS[tint]
    grain = int(rng.integers(0, 3))
    facts["grain"] = LEVELS[grain]
    if rng.random() < 0.25:
        soft = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 1.4)))
        picture = np.asarray(soft, np.float32)
    colour = 1 + (TINT_RGB[tint] - 1) * rng.uniform(0.5, 1.1) + rng.normal(size=3) * 0.025
    picture = picture[..., None] * colour
    if facts["mark"] != "none" and rng.random() < 0.15:  # a mark of another colour than its ground
        own = rng.uniform(0.6, 1.3, 3)
        picture = picture * (1 + opacity[..., None] * (own / own.mean() - 1))
    strength = [rng.uniform(0, 1.5), rng.uniform(5, 8), rng.uniform(14, 20)][grain]
    return picture + rng.standard_normal((*picture.shape[:2], 1), dtype=np.float32) * strength
