"""One inspection photograph: a part of a lot laid on the bench of a camera, with its defect, dust and markings."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from . import surface as s
from .camera import CAMERAS, FINER, ODD_LIGHT, bench, expose, shade
from .defects import add_defect, clean
from .parts import make_part

EDITION = 3  # test lots of earlier editions were looked at while the eyes and the defects were designed, so their figures would flatter


def take_photo(row: dict, with_defect: bool = True) -> tuple[Image.Image, np.ndarray]:
    """Render the photograph of a planned row.

    Args:
        row: keys id, lot, part, camera, truth, odd_light, sticker (see inspection.plan_rows).
        with_defect: False renders the same piece without its defect (for tests).

    Returns:
        The photograph and (H, W) in 0..1, FINER times the photograph's size: where the defect is.
    """
    rng, lot = s.random_of("photo", EDITION, row["id"]), s.random_of("lot", EDITION, row["lot"])
    camera = (ODD_LIGHT if row.get("odd_light") else CAMERAS)[row["camera"]]
    n = round(camera.size * FINER)
    axis = ((np.arange(n, dtype=np.float32) + 0.5) / n * 2 - 1).astype(np.float32)
    px, py = np.meshgrid(axis, axis)
    # how the piece lies: turned as it fell, a little off centre, a little nearer or farther
    scale, angle = rng.uniform(0.90, 1.12), rng.uniform(0, 2 * np.pi)
    x, y = s.turn((px - rng.uniform(-0.13, 0.13)) / scale, (py - rng.uniform(-0.13, 0.13)) / scale, angle)
    part = make_part(row["part"], x, y, lot, rng)
    part.tangent = np.stack(s.turn(part.tangent[..., 0], part.tangent[..., 1], -angle), -1)
    skin = clean(part)
    workshop_marks(part, skin, x, y, rng, row["lot"])
    strength = rng.uniform(0.85, 1.2)
    defect_rng = s.random_of("defect", EDITION, row["id"])
    if row["truth"] != "ok" and with_defect:
        add_defect(row["truth"], part, skin, x, y, defect_rng, strength, np.abs(px) < 0.97)
    lamps = [(lx + float(rng.normal(0, 0.28)), ly + float(rng.normal(0, 0.28)), lz, p * rng.uniform(0.85, 1.15), soft)
             for lx, ly, lz, p, soft in camera.lamps]
    metal = shade(part, skin, camera, px, py, lamps, 2 / n)
    if row.get("sticker"):
        metal = put_sticker(metal, np.where(skin.touched > 0.3, 1, part.distance), rng)
    ground = bench(camera.bench, px.shape, rng) * sum(p for *_, p, _ in lamps)
    ground = ground * cast_shadow(skin.distance, lamps[0], n)[..., None]
    cover = s.smooth(-skin.distance, -2.2 / n, 2.2 / n)[..., None]
    return expose(ground * (1 - cover) + metal * cover, camera, rng, rng.uniform(0.86, 1.14)), skin.touched * (cover[..., 0] > 0.5)


def cast_shadow(distance: np.ndarray, lamp: tuple, n: int) -> np.ndarray:
    """How much light (0 to 1) the bench keeps beside a part about 8 mm thick: a soft shadow and the dark contact line."""
    lx, ly, lz, _, soft = lamp
    solid = (distance < 0).astype(np.float32)
    away = np.array([-ly, -lx]) / lz * 0.085 * n / 2
    shadow = ndimage.gaussian_filter(ndimage.shift(solid, away, order=1, mode="nearest"), 0.025 * n * soft)
    contact = ndimage.gaussian_filter(solid, 0.012 * n)
    return (1 - 0.62 * shadow) * (1 - 0.45 * contact)


def workshop_marks(part, skin, x, y, rng, lot: str) -> None:
    """What every real part carries, good or bad: uneven plating, dust, short handling marks, a pen dot, the stamped lot."""
    skin.shade *= 1 + (0.035 * s.spectrum(x.shape, rng, 3.0))[..., None] * np.array([1.0, 1.0, 1.1], np.float32)
    for _ in range(rng.poisson(1.2)):  # handling marks: too short and too shallow to be a scratch
        cx, cy, a = rng.uniform(-0.8, 0.8), rng.uniform(-0.8, 0.8), rng.uniform(0, np.pi)
        reach = rng.uniform(0.03, 0.09)
        d = s.segment(x, y, cx, cy, cx + reach * np.cos(a), cy + reach * np.sin(a))
        skin.shade *= 1 + rng.uniform(-0.22, 0.22) * s.smooth(-d, -0.012, -0.004)[..., None]
    for _ in range(rng.poisson(4)):  # dust and swarf
        d = s.circle(x, y, rng.uniform(-0.9, 0.9), rng.uniform(-0.9, 0.9), rng.uniform(0.004, 0.014))
        skin.shade *= 1 - rng.uniform(0.2, 0.6) * s.smooth(-d, -0.008, 0.004)[..., None]
    if rng.random() < 0.10:  # a smear of oil the size of a fingertip: allowed by the drawing
        r = np.hypot(x - rng.uniform(-0.6, 0.6), (y - rng.uniform(-0.6, 0.6)) * 1.3) / rng.uniform(0.09, 0.15)
        skin.shade *= 1 - rng.uniform(0.10, 0.2) * s.smooth(-r - 0.15 * s.spectrum(x.shape, rng, 3), -1.1, -0.7)[..., None]
    if rng.random() < 0.12:  # the paint pen of the first inspection
        d = s.circle(x, y, *rng.uniform(-0.6, 0.6, 2), rng.uniform(0.025, 0.045))
        pen = np.array([[0.25, 0.5, 1.5], [1.5, 0.4, 0.25], [1.5, 1.4, 0.3]][rng.integers(3)])
        skin.shade *= 1 + s.smooth(-d, -0.008, 0.006)[..., None] * (pen - 1) * 0.8
    if rng.random() < 0.35:
        stamp(part, skin, x, y, rng, lot)


def stamp(part, skin, x, y, rng, lot: str) -> None:
    """The lot number, punched into the face."""
    tile = Image.new("L", (220, 48), 0)
    ImageDraw.Draw(tile).text((110, 24), lot, 255, ImageFont.load_default(40), anchor="mm")
    ink = ndimage.gaussian_filter(np.asarray(tile, float) / 255, 1.2)
    cx, cy = rng.uniform(-0.5, 0.5, 2)
    u, v = s.turn(x - cx, y - cy, rng.choice([0, np.pi / 2, np.pi, -np.pi / 2]))
    mark = ndimage.map_coordinates(ink, [(v / 0.10 + 0.5) * 47, (u / 0.44 + 0.5) * 219], order=1, cval=0.0)
    skin.height -= 0.006 * mark
    skin.shade *= 1 - 0.30 * mark[..., None]


def put_sticker(metal: np.ndarray, distance: np.ndarray, rng) -> np.ndarray:
    """A round sticker with a face, as children of the open day left on a few parts: a privacy scan should stop here."""
    side = int(metal.shape[0] * rng.uniform(0.26, 0.32))
    face = draw_face(side, rng)
    # where it covers most sound metal: across the bore it would hang in the air, on the defect it would hide it
    room = ndimage.uniform_filter((distance < 0).astype(np.float32), side)
    room[: side // 2 + 1] = room[-side // 2 - 1:] = 0
    room[:, : side // 2 + 1] = room[:, -side // 2 - 1:] = 0
    best = np.argwhere(room >= room.max() - 0.02)
    top, left = best[rng.integers(len(best))] - side // 2
    axis = np.linspace(-1, 1, side)
    disc = s.smooth(-(np.hypot(axis[:, None], axis[None, :]) - 0.97), -0.02, 0.02)[..., None]
    out = metal.copy()
    out[top:top + side, left:left + side] = out[top:top + side, left:left + side] * (1 - disc) + face * disc
    return out


def draw_face(side: int, rng) -> np.ndarray:
    """A printed portrait, (side, side, 3) in linear light: skin shaded from one side, hair, brows, eyes, nose, mouth."""
    axis = np.linspace(-1, 1, side)
    x, y = np.meshgrid(axis, axis)
    tone = np.array([0.62, 0.44, 0.34]) * rng.uniform(0.8, 1.1)
    out = np.broadcast_to(np.array([0.45, 0.52, 0.6]), (side, side, 3)).copy()

    def paint(mask, colour):
        nonlocal out
        out = out * (1 - mask[..., None]) + np.asarray(colour) * mask[..., None]

    def oval(cx, cy, a, b, soft=0.08):
        return s.smooth(1 - np.hypot((x - cx) / a, (y - cy) / b), -soft, soft)

    paint(oval(0, 0.95, 0.75, 0.35), [0.08, 0.10, 0.2])  # shoulders
    paint(oval(0, -0.12, 0.62, 0.74), [0.03, 0.025, 0.02])  # hair
    paint(oval(0, 0.62, 0.22, 0.3), tone * 0.7)  # neck
    paint(oval(0, 0.06, 0.5, 0.66), tone * (1 - 0.25 * np.clip(x, -1, 1))[..., None])
    paint(oval(0, -0.72, 0.5, 0.24), [0.03, 0.025, 0.02])  # fringe
    for sign in (-1, 1):
        paint(oval(sign * 0.21, -0.06, 0.15, 0.10, 0.5) * 0.55, tone * 0.45)  # eye socket
        paint(oval(sign * 0.21, -0.05, 0.10, 0.05), [0.8, 0.8, 0.8])
        paint(oval(sign * 0.21, -0.05, 0.05, 0.05), [0.03, 0.02, 0.02])
        paint(oval(sign * 0.21, -0.2, 0.15, 0.03, 0.3), [0.04, 0.03, 0.03])  # brow
        paint(oval(sign * 0.06, 0.23, 0.035, 0.025, 0.4) * 0.7, tone * 0.3)  # nostril
    paint(oval(0, 0.1, 0.06, 0.18, 0.5) * 0.4, tone * 1.3)  # bridge of the nose
    paint(oval(0, 0.42, 0.19, 0.05, 0.3), [0.36, 0.10, 0.09])  # mouth
    return out
