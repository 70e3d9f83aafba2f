"""The five defects and the harmless marks of a real shop: each changes height, colour or roughness, never the finished pixels.

Lengths are in half picture widths; 56 px of a 168 px photograph (two visual tokens of 28 px) are 0.667.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from . import surface as s
from .parts import Part

DEFECTS = ("scratch", "dent", "stain", "crack", "chip")
LONGEST = 2 * 56 / 168


@dataclass
class Skin:
    """What the camera model shades. All (H, W) unless noted.

    Attributes:
        distance: negative on metal.
        height: top face; shade: colour factor (H, W, 3); shine: factor on the highlights.
        touched: 0 to 1, where the defect is; for tests and for the size rule.
    """

    distance: np.ndarray
    height: np.ndarray
    shade: np.ndarray
    shine: np.ndarray
    touched: np.ndarray


def clean(part: Part) -> Skin:
    one = np.ones_like(part.height)
    return Skin(part.distance.copy(), part.height.copy(), np.repeat(one[..., None], 3, 2), one.copy(), one * 0)


def on_metal(part: Part, x, y, rng, margin: float) -> tuple[float, float]:
    """A random place on the metal at least `margin` from every edge (the best of the tries where there is none)."""
    i = rng.integers(0, x.size, 60)
    depth = -part.distance.ravel()[i]
    good = i[depth > margin]
    pick = good[0] if len(good) else i[np.argmax(depth)]
    return float(x.ravel()[pick]), float(y.ravel()[pick])


def wander(start, angle: float, length: float, rng, pieces: int, bend: float, jag: float) -> list[tuple[float, float]]:
    """Corner points of a line that bends slowly and jags at random."""
    points, step = [start], length / pieces
    for _ in range(pieces):
        angle += rng.normal(0, bend)
        here = angle + rng.normal(0, jag)
        points.append((points[-1][0] + step * np.cos(here), points[-1][1] + step * np.sin(here)))
    return points


def distance_to_line(x, y, points) -> tuple[np.ndarray, np.ndarray]:
    """Distance to a polyline and how far along it (0 to 1) the nearest point lies."""
    best, along = np.full_like(x, 9.0), np.zeros_like(x)
    for k, ((ax, ay), (bx, by)) in enumerate(zip(points, points[1:], strict=False)):
        d = s.segment(x, y, ax, ay, bx, by)
        along = np.where(d < best, (k + 0.5) / (len(points) - 1), along)
        best = np.minimum(best, d)
    return best, along


def centred(points, cx: float, cy: float):
    mx, my = np.mean(points, axis=0)
    return [(px - mx + cx, py - my + cy) for px, py in points]


def scratch(part, skin, x, y, rng, strength):
    """A slip of a tool: nearly straight, shallow, bright bare metal with a thin dark lip; often a second one beside it."""
    cx, cy = on_metal(part, x, y, rng, 0.1)
    angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(1.0, 1.5)
    for k in range(rng.integers(3, 6)):
        line = centred(wander((0, 0), angle + rng.normal(0, 0.04), length * (0.8 ** k), rng, 6, 0.05, 0.0), cx, cy)
        shift = k * rng.uniform(0.06, 0.10)
        line = [(px - shift * np.sin(angle), py + shift * np.cos(angle)) for px, py in line]
        d, along = distance_to_line(x, y, line)
        width = rng.uniform(0.024, 0.033) * (1 - 0.5 * np.abs(along - rng.uniform(0.3, 0.7)))
        core, lip = s.smooth(-d, -width * 1.3, -width * 0.4), s.smooth(-d, -width * 2.4, -width)
        skin.height -= 0.012 * strength * core
        skin.shade *= (1 + (1.5 * strength * core - 0.6 * strength * (lip - core))[..., None])
        skin.shine *= 1 + 0.9 * strength * core
        skin.touched = np.maximum(skin.touched, core)


def dent(part, skin, x, y, rng, strength):
    """A blow: a smooth oval hollow with a raised rim; only its shading shows it."""
    cx, cy = on_metal(part, x, y, rng, 0.14)
    u, v = s.turn(x - cx, y - cy, rng.uniform(0, np.pi))
    long, short = rng.uniform(0.42, 0.52), rng.uniform(0.28, 0.38)
    strength *= 1.35 if part.turned.mean() < 0.7 else 1.0  # the rough cast skin would swallow it
    warp = 0.10 * s.spectrum(x.shape, rng, 3.5)
    r = np.hypot(u / long, v / short) * (1 + warp * 0.5)
    bowl = np.exp(-(r * 1.35) ** 2 * 1.1)
    rim = np.exp(-((r - 1.0) / 0.22) ** 2)
    skin.height += (-0.36 * bowl + 0.05 * rim) * strength
    skin.shade *= 1 - 0.38 * strength * bowl[..., None]
    skin.shine *= 1 - 0.45 * strength * bowl
    skin.touched = np.maximum(skin.touched, s.smooth(-r, -1.0, -0.85))


def stain(part, skin, x, y, rng, strength):
    """Oil, rust or coolant: an irregular tinted patch, darker at its drying edge; the surface below stays as it is."""
    cx, cy = on_metal(part, x, y, rng, 0.12)
    u, v = s.turn(x - cx, y - cy, rng.uniform(0, np.pi))
    r = np.hypot(u / rng.uniform(0.46, 0.60), v / rng.uniform(0.34, 0.48)) + 0.22 * s.spectrum(x.shape, rng, 3.0)
    body = s.smooth(-r, -1.0, -0.72)
    edge = np.exp(-((r - 0.9) / 0.10) ** 2)
    strength *= 1.25 if part.turned.mean() < 0.7 else 1.0
    tone = np.array([[0.46, 0.22, 0.07], [0.32, 0.18, 0.08], [0.56, 0.36, 0.10], [0.44, 0.20, 0.10]][rng.integers(4)])
    cover = np.clip(body * (0.90 + 0.10 * s.spectrum(x.shape, rng, 2.0)) + 0.25 * edge * body, 0, 1) * min(strength, 1.2)
    skin.shade *= 1 - cover[..., None] * (1 - tone)
    skin.shine *= 1 - 0.75 * cover
    skin.touched = np.maximum(skin.touched, body)


def crack(part, skin, x, y, rng, strength):
    """A dark jagged line that starts at a hole or an edge and forks."""
    hx, hy, radius = part.holes[rng.integers(len(part.holes))]
    angle = np.arctan2(-hy, -hx) + rng.normal(0, 0.8) if np.hypot(hx, hy) > 0.2 else rng.uniform(0, 2 * np.pi)
    start = (hx + radius * np.cos(angle), hy + radius * np.sin(angle))
    trunk = wander(start, angle, rng.uniform(0.85, 1.2), rng, 13, 0.16, 0.55)
    lines = [trunk]
    for _ in range(rng.integers(2, 5)):
        k = rng.integers(3, 10)
        lines.append(wander(trunk[k], angle + rng.choice([-1, 1]) * rng.uniform(0.6, 1.1), rng.uniform(0.22, 0.42), rng, 5, 0.2, 0.5))
    for n, line in enumerate(lines):
        d, along = distance_to_line(x, y, line)
        width = rng.uniform(0.022, 0.031) * (1.15 - 0.6 * along) * (1 if n == 0 else 0.7)
        core = s.smooth(-d, -width * 1.4, -width * 0.5)
        skin.shade *= 1 - np.clip(0.95 * strength, 0, 0.96) * core[..., None]
        skin.shine *= 1 - 0.9 * core
        skin.height -= 0.02 * strength * core
        skin.touched = np.maximum(skin.touched, core)


def chip(part, skin, x, y, rng, strength):
    """A piece broken off the rim: the outline is bitten and the fresh fracture is rough and bright."""
    near = np.flatnonzero(np.abs(part.outer.ravel()) < 0.02)
    pick = near[rng.integers(len(near))]
    cx, cy = float(x.ravel()[pick]), float(y.ravel()[pick])
    gy, gx = np.gradient(ndimage.gaussian_filter(part.outer, 2))
    angle = np.arctan2(gy.ravel()[pick], gx.ravel()[pick])
    u, v = s.turn(x - cx, y - cy, angle)  # u points out of the part
    r = np.hypot((u + 0.02) / rng.uniform(0.34, 0.44), v / rng.uniform(0.54, 0.70)) + 0.10 * s.spectrum(x.shape, rng, 2.2)
    depth = rng.uniform(0.6, 0.85) * min(strength, 1.1)
    skin.distance = np.maximum(skin.distance, -(r - depth) * 0.2)
    face = s.smooth(-r, -1.0, -0.88)
    rough = s.spectrum(x.shape, rng, 1.3, low=5)
    skin.height += face * (-0.10 * s.smooth(-r, -1.0, -depth) + 0.022 * rough)
    skin.shade *= 1 + face[..., None] * np.clip(0.55 + 0.95 * rough[..., None], -0.75, 1.8)  # fresh metal: bright and dark grains
    skin.shine *= 1 - 0.35 * face
    skin.touched = np.maximum(skin.touched, face)


DRAW = {"scratch": scratch, "dent": dent, "stain": stain, "crack": crack, "chip": chip}


def longest_side(mask: np.ndarray) -> float:
    """The longer side of a mask's bounding box, in half picture widths (a whole picture is 2)."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return 0.0
    return 2 * max(rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1) / mask.shape[0]


def add_defect(name: str, part: Part, skin: Skin, x, y, rng, strength: float, seen: np.ndarray) -> None:
    """Put one defect where at least 56 px (at 168) of it lie on metal and inside the frame.

    Args:
        seen: (H, W) bool, the pixels inside the frame of the photograph.
    """
    for _ in range(12):
        trial = clean(part)
        DRAW[name](part, trial, x, y, rng, strength)
        reach = longest_side((trial.touched > 0.5) & seen & ((part.distance < 0.02) | (name == "chip")))
        if reach >= LONGEST * 1.03:
            break
    skin.height += trial.height - part.height
    skin.shade *= trial.shade
    skin.shine *= trial.shine
    skin.distance = np.maximum(skin.distance, trial.distance)
    skin.touched = trial.touched
