"""The six part numbers of the sample company: turned discs, cast flanges, pressed brackets, as height maps."""

from dataclasses import dataclass

import numpy as np

from . import surface as s

PARTS = ("DX-110", "DX-125", "FL-080", "FL-095", "BR-201", "BR-214")


@dataclass
class Part:
    """One part lying on the bench, before any defect.

    Attributes:
        distance: (H, W) to the part's outline incl. its holes, negative on metal.
        outer: (H, W) to the outline without holes: what a chip breaks.
        height: (H, W) of the top face.
        grain: (H, W) tool marks or cast skin, about -2 to 2.
        tangent: (H, W, 2) direction of the tool marks.
        turned: 1 where the face is machined (a streaky shine), 0 for cast skin.
        holes: ((x, y, radius), ...).
        colour: (3,) of the metal in linear light.
    """

    distance: np.ndarray
    outer: np.ndarray
    height: np.ndarray
    grain: np.ndarray
    tangent: np.ndarray
    turned: np.ndarray
    holes: tuple
    colour: np.ndarray


def disc_110(x, y):
    holes = [(0.0, 0.0, 0.2)] + [(0.58 * np.cos(a), 0.58 * np.sin(a), 0.075) for a in np.arange(6) * np.pi / 3]
    r = np.hypot(x, y)
    return r - 0.86, holes, 0.10 * s.smooth(-(r - 0.36), -0.01, 0.015) - 0.04 * s.smooth(-np.abs(r - 0.45), -0.03, -0.01)


def disc_125(x, y):
    holes = [(0.0, 0.0, 0.27)] + [(0.64 * np.cos(a), 0.64 * np.sin(a), 0.095) for a in np.arange(4) * np.pi / 2 + 0.4]
    r = np.hypot(x, y)
    return r - 0.84, holes, -0.06 * s.smooth(-(r - 0.47), -0.012, 0.012) + 0.03 * s.smooth(r, 0.76, 0.78)


def flange_080(x, y):
    holes = [(0.0, 0.0, 0.25)] + [(0.52 * i, 0.52 * j, 0.09) for i in (-1, 1) for j in (-1, 1)]
    r = np.hypot(x, y)
    return s.box(x, y, 0, 0, 0.74, 0.74, 0.2), holes, 0.09 * s.smooth(-(r - 0.5), -0.03, 0.02)


def flange_095(x, y):
    holes = [(0.0, 0.0, 0.23), (-0.66, 0.0, 0.1), (0.66, 0.0, 0.1)]
    shape = s.melt(s.circle(x, y, 0, 0, 0.56), s.segment(x, y, -0.66, 0, 0.66, 0, 0.22), 0.3)
    return shape, holes, 0.09 * s.smooth(-(np.hypot(x, y) - 0.42), -0.03, 0.02)


def bracket_201(x, y):
    holes = [(-0.5, -0.52, 0.1), (-0.5, 0.5, 0.12), (0.52, 0.5, 0.1)]
    shape = s.melt(s.box(x, y, -0.44, 0, 0.34, 0.8, 0.1), s.box(x, y, 0, 0.46, 0.8, 0.36, 0.1), 0.12)
    return shape, holes, 0.05 * s.smooth(-s.segment(x, y, -0.5, -0.2, -0.5, 0.2, 0.05), -0.03, 0.03)


def bracket_214(x, y):
    holes = [(-0.46, 0.46, 0.13), (0.5, 0.5, 0.09), (-0.5, -0.52, 0.09)]
    shape = s.polygon(x, y, [(-0.6, -0.66), (-0.6, 0.6), (0.66, 0.6), (0.6, 0.3), (-0.3, -0.66)], 0.13)
    return shape, holes, -0.05 * s.smooth(-s.segment(x, y, -0.2, 0.0, 0.12, 0.3, 0.07), -0.03, 0.03)


SHAPES = dict(zip(PARTS, (disc_110, disc_125, flange_080, flange_095, bracket_201, bracket_214), strict=True))


def make_part(number: str, x: np.ndarray, y: np.ndarray, lot: np.random.Generator, rng: np.random.Generator) -> Part:
    """Draw one part in its own coordinates x, y (H, W); `lot` decides tint and tool, `rng` this piece's own marks."""
    outer, holes, height = SHAPES[number](x, y)
    distance = outer.copy()
    for hx, hy, radius in holes:
        distance = np.maximum(distance, -s.circle(x, y, hx, hy, radius))
    # a chamfer along every edge catches the light: without it the part looks cut from paper
    height = height + 0.035 * s.smooth(-distance, 0.0, 0.045)
    r = np.hypot(x, y) + 1e-6
    tool, tint = lot.uniform(0.007, 0.014), lot.normal(0, 0.012, 3)
    if number.startswith("DX"):
        tangent, turned = np.stack([-y / r, x / r], -1), np.ones_like(x)
        grain = s.streaks(r, np.arctan2(y, x), rng, tool, 0.5) + 0.5 * s.streaks(r, np.arctan2(y, x), rng, 0.05, 0.9)
        colour = np.array([0.50, 0.50, 0.50])
    elif number.startswith("FL"):
        # cast skin everywhere but on the machined sealing face
        turned = s.smooth(-(r - (0.49 if number == "FL-080" else 0.41)), 0, 0.01)
        tangent = np.stack([-y / r, x / r], -1)
        skin = s.spectrum(x.shape, rng, 1.2, low=6) * 0.6
        grain = turned * s.streaks(r, np.arctan2(y, x), rng, tool, 0.5) + (1 - turned) * skin
        colour = np.array([0.36, 0.36, 0.37])
        height = height + (1 - turned) * 0.0025 * s.spectrum(x.shape, rng, 2.0, low=3)
    else:
        angle = lot.uniform(0, np.pi)
        u, v = s.turn(x, y, angle)
        tangent, turned = np.broadcast_to([np.cos(angle), np.sin(angle)], (*x.shape, 2)).copy(), np.full_like(x, 0.8)
        grain = s.streaks(v + 3, u + 3, rng, tool * 0.9, 0.6) + 0.4 * s.spectrum(x.shape, rng, 1.5, low=4)
        colour = np.array([0.46, 0.45, 0.41])
    fields = [f.astype(np.float32) for f in (distance, outer, height, grain, tangent, turned)]
    return Part(*fields, tuple(holes), (colour + tint).astype(np.float32))
