"""The picture side of a packing line: products, belt, hall. Side view, everything drawn at twice the video's size."""

import math

import numpy as np
from scipy import ndimage

from . import surface as s

SIZE = 112  # of the video; drawn at 2 x
BELT = 176  # y of the belt's surface in drawn pixels

AMBER, WHITE, GREEN = (0.55, 0.26, 0.05), (0.82, 0.82, 0.80), (0.08, 0.36, 0.20)
CARTON, PRINTED, CAN = (0.56, 0.38, 0.20), (0.16, 0.28, 0.58), (0.62, 0.64, 0.66)
# what each line packs, in turn; the order on the belt must alternate
LINES = {"1": (("bottle", AMBER), ("bottle", WHITE)), "2": (("box", CARTON), ("box", PRINTED)),
         "3": (("bottle", GREEN), ("box", CARTON)), "4": (("can", CAN), ("bottle", AMBER))}


def product(kind: str, colour, rng) -> np.ndarray:
    """One product standing on the belt: (h, w, 4) of red, green, blue in 0..1 and coverage."""
    height, width = {"bottle": (112, 43), "box": (72, 62), "can": (76, 48)}[kind]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) + 0.5
    u, v = (x - width / 2) / (width / 2), y / height
    if kind == "box":
        cover = s.smooth(-s.box(x, y, width / 2, height / 2, width / 2 - 1.5, height / 2 - 1.5, 3), -0.8, 0.8)
        light = 0.86 - 0.12 * u - 0.12 * v + 0.03 * s.spectrum(u.shape, rng, 1.5)
        light = np.where(v < 0.14, light * 1.22, light)  # the lid, seen from slightly above
        light = light * (1 - 0.30 * np.exp(-((np.abs(u) - 0.97) / 0.06) ** 2))
        out = np.asarray(colour) * light[..., None]
        tape = s.smooth(0.15 - np.abs(u), -0.03, 0.03) * (v < 0.45)
        out = out * (1 - 0.55 * tape[..., None]) + np.array([0.78, 0.68, 0.48]) * 0.55 * tape[..., None]
        label = ((np.abs(u - 0.35) < 0.42) & (np.abs(v - 0.68) < 0.15)).astype(float)
        out = out * (1 - 0.8 * label[..., None]) + 0.85 * 0.8 * label[..., None]
        bars = label * (np.sin(x * 2.3) * np.sin(x * 0.9) > 0.1) * (np.abs(v - 0.68) < 0.1)
        out = out * (1 - 0.7 * bars[..., None])
    else:
        if kind == "bottle":
            half = np.where(v < 0.12, 0.34, np.where(v < 0.24, 0.30, 0.30 + 0.66 * s.smooth(v, 0.24, 0.42)))
        else:
            half = 0.96 - 0.12 * s.smooth(0.06 - v, 0, 0.05) - 0.10 * s.smooth(v, 0.95, 1.0)
        cover = s.smooth(half - np.abs(u), -0.05, 0.05) * s.smooth(v, 0.0, 0.02) * s.smooth(1 - v, 0.0, 0.015)
        w = np.clip(u / half, -1, 1)  # -1 to 1 across the round body
        light = 0.42 + 0.60 * np.sqrt(np.clip(1 - (w + 0.15) ** 2, 0, 1)) - 0.12 * w
        shine = 0.75 * np.exp(-((w + 0.45) / 0.10) ** 2) + 0.25 * np.exp(-((w - 0.62) / 0.07) ** 2)
        out = np.asarray(colour) * light[..., None] + shine[..., None] * 0.5
        if kind == "bottle":
            cap = (v < 0.13).astype(float)[..., None]
            out = out * (1 - cap) + np.array([0.75, 0.13, 0.10]) * light[..., None] * cap
            label = ((v > 0.54) & (v < 0.84)).astype(float)[..., None]
            out = out * (1 - label) + np.array([0.84, 0.80, 0.66]) * light[..., None] * label
            stripe = ((v > 0.60) & (v < 0.66)).astype(float)[..., None]
            out = out * (1 - stripe) + np.array([0.15, 0.25, 0.5]) * light[..., None] * stripe
        else:
            band = ((v > 0.26) & (v < 0.76)).astype(float)[..., None]
            out = out * (1 - band) + np.array([0.72, 0.20, 0.12]) * (light[..., None] + 0.4 * shine[..., None]) * band
    return np.concatenate([np.clip(out, 0, 1), cover[..., None]], -1).astype(np.float32)


def hall(rng) -> np.ndarray:
    """The background of one line on one day: wall, window light, pipes and a post (2 SIZE, 2 SIZE, 3)."""
    n = 2 * SIZE
    y, x = np.mgrid[0:n, 0:n].astype(np.float32) / n
    tone = np.array([[0.38, 0.42, 0.42], [0.46, 0.43, 0.37], [0.33, 0.38, 0.46], [0.42, 0.44, 0.40]][rng.integers(4)])
    out = tone * (0.72 + 0.30 * np.exp(-((x - rng.uniform(0, 1)) ** 2 + (y - 0.1) ** 2) / 0.3) + 0.04 * s.spectrum((n, n), rng, 2.4))[..., None]
    for _ in range(rng.integers(1, 4)):  # pipes and posts
        at, thick, level = rng.uniform(0, 1), rng.uniform(0.015, 0.04), rng.uniform(0.5, 1.3)
        t = (x - at) / thick if rng.random() < 0.6 else (y - at * 0.6) / thick
        body = s.smooth(1 - np.abs(t), 0, 0.15)[..., None]
        out = out * (1 - body) + tone * level * np.sqrt(np.clip(1 - np.clip(t, -1, 1) ** 2, 0.15, 1))[..., None] * body
    return ndimage.gaussian_filter(out, (2.5, 2.5, 0))


def belt(shift: float, rng_seed) -> np.ndarray:
    """The belt from its surface down: rubber with cleats that move by `shift` pixels, the frame, rollers (rows, 2 SIZE, 3)."""
    n, rows = 2 * SIZE, 2 * SIZE - BELT
    y, x = np.mgrid[0:rows, 0:n].astype(np.float32)
    rubber = np.array([0.10, 0.105, 0.11]) * (1.15 - 0.02 * y)[..., None]
    cleat = np.exp(-((((x - shift) % 28) - 14) / 2.2) ** 2)
    rubber = rubber + 0.13 * cleat[..., None]
    frame = np.array([0.46, 0.48, 0.50]) * (1.0 - 0.35 * np.abs((y - 27) / 14))[..., None]
    out = np.where((y < 14)[..., None], rubber, frame)
    for k in range(6):  # bolts of the frame stand still while the belt moves
        d = np.hypot(x - (k * 40 + rng_seed % 40), y - 28)
        out = out * (1 - 0.5 * np.exp(-((d - 5) / 2) ** 2))[..., None]
    floor = np.array([0.20, 0.20, 0.19]) * np.ones_like(out)
    return np.where((y < 40)[..., None], out, floor)


def lay(frame: np.ndarray, sprite: np.ndarray, x: float, lift: float = 0.0, tilt: float = 0.0) -> None:
    """Paint a sprite onto the frame, its foot's middle at x on the belt; `tilt` in degrees, `lift` in pixels."""
    if tilt:
        sprite = np.clip(ndimage.rotate(sprite, tilt, axes=(0, 1), order=1, reshape=True), 0, 1)
        rows = np.flatnonzero(sprite[..., 3].max(1) > 0.3)
        sprite = sprite[: rows[-1] + 1]
    h, w = sprite.shape[:2]
    left, top = round(x - w / 2), round(BELT + 5 - h - lift)
    a, b = max(left, 0), min(left + w, frame.shape[1])
    top0 = max(top, 0)
    if b <= a:
        return
    piece = sprite[top0 - top:, a - left:b - left]
    cover = piece[..., 3:]
    # contact shadow
    ys, half = slice(BELT + 3, BELT + 9), w // 2
    xs = slice(max(round(x) - half, 0), min(round(x) + half, frame.shape[1]))
    frame[ys, xs] *= 0.6
    frame[top0:top + h, a:b] = frame[top0:top + h, a:b] * (1 - cover) + piece[..., :3] * cover


def rail(frame: np.ndarray) -> None:
    """The guide rail in front of the products: a thin steel rod on posts."""
    y = np.arange(6)[:, None]
    frame[BELT - 22:BELT - 16] = np.array([0.55, 0.57, 0.6]) * (1 - 0.12 * np.abs(y - 2))[..., None]
    for at in range(20, 2 * SIZE, 68):
        frame[BELT - 16:BELT + 6, at:at + 4] = [0.38, 0.40, 0.42]


def in_front(frame: np.ndarray, what: str, rng, wobble: float) -> np.ndarray:
    """What hides the line from the camera: steam, a pallet truck's load, or the light is off."""
    n = frame.shape[0]
    if what == "dark":
        return frame * 0.07 + 0.012
    if what == "steam":
        fog = ndimage.shift(s.spectrum((n, n), rng, 2.6), (wobble, wobble), order=1, mode="wrap")
        cover = np.clip(0.975 + 0.02 * fog, 0, 0.995)[..., None]
        return frame * (1 - cover) + (0.62 + 0.03 * fog[..., None]) * cover
    y, x = np.mgrid[0:n, 0:n].astype(np.float32) / n
    load = np.array(CARTON) * (0.75 + 0.12 * np.cos(2 * math.pi * x * 3) + 0.05 * s.spectrum((n, n), rng, 1.8))[..., None]
    load = load * np.where((np.abs((y * 3) % 1 - 0.5) > 0.47) | (np.abs((x * 2 + wobble / n) % 1 - 0.5) > 0.48), 0.6, 1)[..., None]
    return np.where((y > 0.1)[..., None], load, frame)
