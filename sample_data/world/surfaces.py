"""General surfaces: procedural textures under changing light, with neutral marks on them.

Noise with a random spectrum carries to real photographs although no photograph was seen (Kataoka et al., ACCV 2020; Baradad et al.,
NeurIPS 2021). Every mark is an opacity field, so that its size, softness and strength vary without end. The names are neutral on purpose:
this world knows a "line" and a "hollow", never a company's defect.
"""

import numpy as np
from PIL import Image, ImageFilter

from sample_data.world.marks import DIRECTIONS, mark_opacity
from sample_data.world.spectra import grid, noise

GROUNDS = ("plain", "noise", "brushed", "stripes", "checks", "speckle", "cells")
MARKS = (
    "none",
    "line",
    "curve",
    "zigzag",
    "branch",
    "dots",
    "ring",
    "cloud",
    "patch",
    "grid",
    "wave",
    "dashes",
    "streak",
    "bump",
    "hollow",
    "blob",
)
TINTS = ("grey", "red", "orange", "yellow", "green", "blue", "purple")
TINT_RGB = np.array(
    [
        [1, 1, 1],
        [1.25, 0.85, 0.8],
        [1.22, 0.98, 0.72],
        [1.12, 1.08, 0.66],
        [0.85, 1.15, 0.85],
        [0.8, 0.95, 1.25],
        [1.1, 0.82, 1.18],
    ]
)
LIGHTS = ("left", "right", "top", "bottom", "even")
LEVELS = ("low", "medium", "high")


def surface(
    rng: np.random.Generator, size: int, mark: str | None = None
) -> tuple[np.ndarray, dict, np.ndarray]:
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
    amplitude = [rng.uniform(1, 4), rng.uniform(8, 12), rng.uniform(18, 26)][contrast]
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
    y, x, _, _ = grid(size)
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
        return (
            np.sign(noise(rng, size, rng.uniform(0.3, 0.9)))
            * (noise(rng, size, 0.6) > rng.uniform(0.6, 1.5))
            * 2.0
        )
    return (
        np.abs(noise(rng, size, rng.uniform(1.4, 2.0))) * 1.6 - 1.2
    )  # cells: bright areas parted by dark veins


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
        shade = np.tanh(relief if facts["mark"] == "bump" else -relief) * rng.uniform(55, 95)
        facts["softness"] = ("sharp", "soft")[softness]
        return picture + shade, opacity
    dark = level > 160 or (level > 90 and rng.random() < 0.5)
    depth = rng.uniform(55, 110) + amplitude * 0.8
    opacity = opacity * rng.uniform(0.75, 1.0)
    facts |= {"tone": "dark" if dark else "light", "softness": ("sharp", "soft")[softness]}
    return picture + opacity * (-depth if dark else depth), opacity


def _light(rng: np.random.Generator, picture: np.ndarray, facts: dict) -> np.ndarray:
    size = picture.shape[0]
    y, x, _, _ = grid(size)
    side = int(rng.integers(0, 5))
    facts["light"] = LIGHTS[side]
    if side == 4:
        return picture
    ramp = [1 - x / size, x / size, 1 - y / size, y / size][side] - 0.5
    return picture * (1 + ramp * rng.uniform(0.45, 0.9))


def _finish(rng: np.random.Generator, picture: np.ndarray, opacity: np.ndarray, facts: dict) -> np.ndarray:
    """Returns the tinted picture (size, size, 3) with sensor noise and blur."""
    tint = int(rng.choice(7, p=[0.52] + [0.08] * 6))
    facts["tint"] = TINTS[tint]
    grain = int(rng.integers(0, 3))
    facts["grain"] = LEVELS[grain]
    if rng.random() < 0.25:
        soft = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).filter(
            ImageFilter.GaussianBlur(rng.uniform(0.5, 1.4))
        )
        picture = np.asarray(soft, np.float32)
    colour = 1 + (TINT_RGB[tint] - 1) * rng.uniform(0.3, 1.1) + rng.normal(size=3) * 0.025
    picture = picture[..., None] * colour
    if facts["mark"] != "none" and rng.random() < 0.15:  # a mark of another colour than its ground
        own = rng.uniform(0.6, 1.3, 3)
        picture = picture * (1 + opacity[..., None] * (own / own.mean() - 1))
    strength = [rng.uniform(0, 1.5), rng.uniform(4, 7), rng.uniform(11, 15)][grain]
    return picture + rng.standard_normal((*picture.shape[:2], 1), dtype=np.float32) * strength
