"""Random fields and distances that the renderers share: spectra for cast metal, streaks for tool marks, rounded shapes.

Coordinates: x to the right, y down, the picture's half width is 1. A distance is negative inside a shape.
"""

import math
import zlib

import numpy as np
from scipy import fft, ndimage


def random_of(*names) -> np.random.Generator:
    """A generator that depends on the names only, so that one row can be rebuilt without the others."""
    return np.random.default_rng([20260401, zlib.crc32("/".join(map(str, names)).encode())])


def spectrum(shape: tuple[int, int], rng: np.random.Generator, slope: float = 2.0, low: float = 0.0,
             stretch: float = 1.0, angle: float = 0.0) -> np.ndarray:
    """A random field with power ~ 1/f^slope, mean 0, standard deviation 1.

    Args:
        shape: (H, W) in pixels.
        slope: 0 is white noise, 2 cloud-like, 3 smooth.
        low: frequencies below this (cycles per picture) are removed.
        stretch, angle: > 1 draws the field out along the angle (radians).
    """
    fy = (np.fft.fftfreq(shape[0])[:, None] * shape[0]).astype(np.float32)
    fx = (np.fft.rfftfreq(shape[1])[None, :] * shape[1]).astype(np.float32)
    c, s = math.cos(angle), math.sin(angle)
    along, across = fx * c + fy * s, fy * c - fx * s
    f = np.sqrt((along * stretch) ** 2 + across**2)
    gain = np.where(f > low, np.maximum(f, 0.5) ** (-slope / 2), np.float32(0))
    gain[0, 0] = 0
    field = fft.irfft2(fft.rfft2(rng.standard_normal(shape, dtype=np.float32)) * gain, shape)
    return field / (field.std() + 1e-9)


def streaks(across: np.ndarray, along: np.ndarray, rng: np.random.Generator, fine: float, length: float) -> np.ndarray:
    """Tool marks: noise that changes fast across (every `fine`) and slowly along (every `length`), about -2 to 2."""
    table = rng.standard_normal((512, 64), dtype=np.float32)
    at = np.stack([(across / fine) % 512, (along / length) % 64])
    return ndimage.map_coordinates(table, at, order=1, mode="grid-wrap")


def smooth(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below low, 1 above high, a soft S between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def turn(x: np.ndarray, y: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """The coordinates seen from axes turned by angle (radians)."""
    c, s = math.cos(angle), math.sin(angle)
    return x * c + y * s, -x * s + y * c


def circle(x, y, cx: float, cy: float, radius: float) -> np.ndarray:
    return np.hypot(x - float(cx), y - float(cy)) - float(radius)


def box(x, y, cx: float, cy: float, half_x: float, half_y: float, corner: float) -> np.ndarray:
    """Distance to a rectangle with rounded corners."""
    qx, qy = np.abs(x - cx) - half_x + corner, np.abs(y - cy) - half_y + corner
    return np.hypot(np.maximum(qx, 0), np.maximum(qy, 0)) + np.minimum(np.maximum(qx, qy), 0) - corner


def segment(x, y, ax: float, ay: float, bx: float, by: float, radius: float = 0.0) -> np.ndarray:
    """Distance to a straight piece, rounded at its ends."""
    ax, ay, bx, by = float(ax), float(ay), float(bx), float(by)  # a numpy float64 would turn float32 fields into float64
    dx, dy = bx - ax, by - ay
    t = np.clip(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy + 1e-12), 0, 1)
    return np.hypot(x - ax - t * dx, y - ay - t * dy) - radius


def polygon(x, y, corners, radius: float) -> np.ndarray:
    """Distance to a convex polygon (corners counter-clockwise in x right, y down), its corners rounded by radius."""
    inside, nearest = np.full_like(x, -9), np.full_like(x, 9)
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
        length = math.hypot(bx - ax, by - ay)
        inside = np.maximum(inside, ((y - ay) * (bx - ax) - (x - ax) * (by - ay)) / length)
        nearest = np.minimum(nearest, segment(x, y, ax, ay, bx, by))
    return np.where(inside < 0, inside, nearest) - radius


def melt(a: np.ndarray, b: np.ndarray, k: float) -> np.ndarray:
    """The union of two shapes with a fillet of size k."""
    h = np.clip(0.5 + 0.5 * (b - a) / k, 0, 1)
    return b * (1 - h) + a * h - k * h * (1 - h)
