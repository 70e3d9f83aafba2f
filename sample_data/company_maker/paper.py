"""A pressure gauge on its machine, and the inspection sheet that a person filled in: the two pictures of *documents*."""

import importlib.util
import math
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from . import surface as s

STATES = ("normal", "watch", "stop")
ZONES = {"normal": (0.12, 0.56), "watch": (0.62, 0.78), "stop": (0.84, 0.97)}  # share of the dial; MPa on a 1.0 MPa gauge
WORDS = {"normal": ("NORMAL", "正常"), "watch": ("WATCH", "注意"), "stop": ("STOP", "停止")}


@lru_cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """A Japanese font, from the wheel that the figures use as well."""
    root = Path(importlib.util.find_spec("matplotlib_fontja").origin).parent
    return ImageFont.truetype(str(next(root.rglob("*.ttf"))), size)


def dial_angle(share: float) -> float:
    """Angle of a share of the dial: 0 at lower left, 1 at lower right, through the top (radians, x right, y down)."""
    return math.radians(135 + 270 * share)


def draw_dial(value: float, device: np.random.Generator, n: int) -> Image.Image:
    """The face of a gauge (n, n): coloured zones, ticks, figures, needle. Every device has its own face."""
    image = Image.new("RGB", (n, n), (238, 237, 230) if device.random() < 0.75 else (222, 226, 228))
    draw, mid, r = ImageDraw.Draw(image), n / 2, n * 0.46
    band = device.uniform(0.10, 0.16) * r
    for low, high, colour in ((0, 0.59, (46, 140, 74)), (0.59, 0.81, (232, 184, 36)), (0.81, 1.0, (200, 44, 36))):
        draw.arc([mid - r, mid - r, mid + r, mid + r], math.degrees(dial_angle(low)), math.degrees(dial_angle(high)), colour, round(band))
    for k in range(51):
        a, long = dial_angle(k / 50), k % 5 == 0
        inner, outer = r * (0.72 if long else 0.79), r * 0.85
        draw.line([mid + inner * math.cos(a), mid + inner * math.sin(a), mid + outer * math.cos(a), mid + outer * math.sin(a)],
                  (25, 25, 25), max(1, round(n * (0.010 if long else 0.004))))
    for k in range(0, 11, 2):
        a = dial_angle(k / 10)
        draw.text((mid + 0.56 * r * math.cos(a), mid + 0.56 * r * math.sin(a)), f"{k / 10:g}", (25, 25, 25), font(round(n * 0.065)), anchor="mm")
    draw.text((mid, mid + 0.36 * r), "MPa", (25, 25, 25), font(round(n * 0.07)), anchor="mm")
    a, w = dial_angle(value), n * 0.022
    tip, tail = (mid + 0.80 * r * math.cos(a), mid + 0.80 * r * math.sin(a)), (mid - 0.22 * r * math.cos(a), mid - 0.22 * r * math.sin(a))
    sx, sy = -math.sin(a) * w, math.cos(a) * w
    draw.polygon([tip, (tail[0] + sx, tail[1] + sy), (tail[0] - sx, tail[1] - sy)], (20, 20, 22))
    draw.ellipse([mid - 0.09 * r, mid - 0.09 * r, mid + 0.09 * r, mid + 0.09 * r], (40, 40, 44))
    return image


def gauge_photo(value: float, device_name: str, rng, size: int = 168) -> Image.Image:
    """A photograph of the gauge on its pump: bezel, glass with a reflection, painted casting or pipes behind."""
    device, n = s.random_of("device", device_name), size * 2
    axis = (np.arange(n, dtype=np.float32) + 0.5) / n * 2 - 1
    px, py = np.meshgrid(axis, axis)
    paint = np.array([[0.10, 0.22, 0.36], [0.12, 0.28, 0.22], [0.30, 0.31, 0.32], [0.34, 0.24, 0.12]][device.integers(4)])
    wall = paint * (1 + 0.10 * s.spectrum((n, n), rng, 2.2) + 0.35 * np.cos(3.0 * (px * math.cos(0.6) + py) + device.uniform(0, 6)))[..., None]
    for _ in range(2):
        at, thick = device.uniform(-0.9, 0.9), device.uniform(0.08, 0.2)
        t = (px - at) / thick if device.random() < 0.5 else (py - at) / thick
        pipe = s.smooth(1 - np.abs(t), 0, 0.1)[..., None]
        wall = wall * (1 - pipe) + np.array([0.36, 0.36, 0.35]) * (0.25 + 0.9 * np.exp(-((t + 0.35) / 0.35) ** 2))[..., None] * pipe
    scale, roll = rng.uniform(0.66, 0.80), rng.normal(0, 0.06)
    x, y = s.turn((px - rng.uniform(-0.13, 0.13)) / scale, (py - rng.uniform(-0.13, 0.13)) / scale / rng.uniform(0.94, 1.0), roll)
    r = np.hypot(x, y)
    dial = (np.asarray(draw_dial(value, device, 420), np.float32) / 255) ** 2.0
    at = [(y / 0.88 * 0.5 + 0.5) * 419, (x / 0.88 * 0.5 + 0.5) * 419]
    face = np.stack([ndimage.map_coordinates(dial[..., k], at, order=1, mode="nearest") for k in range(3)], -1)
    light = rng.uniform(0, 2 * math.pi)
    edge = np.exp(-((r - 0.93) / 0.05) ** 2)  # the round bezel reflects the room in bands
    bezel = (0.22 + 0.55 * np.abs(np.cos(np.arctan2(y, x) - light)) ** 3 + 0.25 * np.cos((r - 0.94) * 60))[..., None] * np.array([0.9, 0.88, 0.84])
    inside, ring = s.smooth(0.88 - r, -0.01, 0.01)[..., None], s.smooth(1.0 - r, -0.01, 0.01)[..., None]
    shadow = 1 - 0.5 * np.exp(-np.clip(np.hypot(x - 0.08, y - 0.12) - 0.98, 0, 9) / 0.10)
    out = wall * shadow[..., None] * (1 - ring) + np.clip(bezel + 0.1 * edge[..., None], 0.03, 1.2) * ring
    face = face * (0.80 - 0.25 * np.exp(-((0.88 - r) / 0.07) ** 2) + 0.12 * (x * math.cos(light) + y * math.sin(light)))[..., None]
    gx, gy = rng.uniform(-0.5, 0.5, 2)
    glare = 0.35 * np.exp(-(((x - gx) * 0.8 + (y - gy)) ** 2 / 0.02 + ((x - gx) - 0.8 * (y - gy)) ** 2 / 0.25)) * rng.uniform(0.2, 1)
    out = out * (1 - inside) + (face + glare[..., None]) * inside
    return develop(out, size, rng, rng.uniform(0.75, 1.1), blur=1.3)


def develop(light: np.ndarray, size: int, rng, exposure: float, blur: float) -> Image.Image:
    """A telephone's camera: white balance, vignette, blur, noise."""
    n = light.shape[0]
    axis = np.linspace(-1, 1, n)
    value = light * (1 - 0.14 * (axis[:, None] ** 2 + axis[None, :] ** 2))[..., None] * exposure * (1 + rng.normal(0, 0.04, 3))
    value = ndimage.gaussian_filter(np.clip(value, 0, 1), (blur, blur, 0)) ** (1 / 1.9)
    value = value.reshape(size, 2, size, 2, 3).mean((1, 3)) * 255 + rng.normal(0, 1.5, (size, size, 1))
    return Image.fromarray(np.clip(value + 0.5, 0, 255).astype(np.uint8))


def sheet_photo(state: str, value: float, device_name: str, date: str, rng, size: int = 224) -> Image.Image:
    """The filled-in sheet on a table: printed form, hand-marked judgement, seal; slightly turned and unevenly lit."""
    n = size * 2
    form = Image.new("RGB", (360, 400), (246, 244, 236))
    draw, ink, pen = ImageDraw.Draw(form), (45, 45, 50), (28, 40, 120)
    draw.text((180, 30), "設備点検表", ink, font(34), anchor="mm")
    draw.text((180, 60), "INSPECTION SHEET", ink, font(17), anchor="mm")
    rows = (("設備 Unit", device_name), ("日付 Date", date), ("圧力 Pressure", f"{value:.2f} MPa"))
    for k, (name, entry) in enumerate(rows):
        top = 84 + 52 * k
        draw.rectangle([20, top, 340, top + 52], outline=ink, width=2)
        draw.line([140, top, 140, top + 52], ink, 2)
        draw.text((30, top + 26), name, ink, font(17), anchor="lm")
        draw.text((156 + rng.uniform(-4, 10), top + 26 + rng.uniform(-3, 3)), entry, pen, font(28), anchor="lm")
    draw.text((30, 262), "判定 Result", ink, font(17), anchor="lm")
    for k, name in enumerate(STATES):
        mid = 72 + 108 * k
        draw.rectangle([mid - 50, 276, mid + 50, 340], outline=ink, width=2)
        draw.text((mid, 298), WORDS[name][1], ink, font(30), anchor="mm")
        draw.text((mid, 327), WORDS[name][0], ink, font(15), anchor="mm")
    mark_judgement(draw, 72 + 108 * STATES.index(state), rng)
    seal = rng.uniform(280, 316), rng.uniform(362, 378)
    draw.ellipse([seal[0] - 17, seal[1] - 17, seal[0] + 17, seal[1] + 17], outline=(196, 40, 36), width=3)
    draw.text(seal, "済", (196, 40, 36), font(22), anchor="mm")
    return lay_on_table(form, n, size, rng)


def mark_judgement(draw: ImageDraw.ImageDraw, mid: float, rng) -> None:
    """The inspector's pen: a ring around the judgement or a thick tick across it."""
    colour = [(200, 30, 30), (28, 40, 120), (30, 30, 34)][rng.integers(3)]
    turn = np.linspace(0.2, 0.2 + 2 * np.pi * rng.uniform(1.0, 1.12), 40)
    rx, ry = rng.uniform(44, 54), rng.uniform(33, 40)
    ring = [(mid + rx * math.cos(a) * (1 + 0.03 * math.sin(3 * a)) + 2 * a / 6, 308 + ry * math.sin(a)) for a in turn]
    if rng.random() < 0.6:
        draw.line(ring, colour, 7, joint="curve")
    else:
        draw.line([(mid - 34, 306), (mid - 10, 336), (mid + 44, 268)], colour, 9, joint="curve")


def lay_on_table(form: Image.Image, n: int, size: int, rng) -> Image.Image:
    axis = (np.arange(n, dtype=np.float32) + 0.5) / n * 2 - 1
    px, py = np.meshgrid(axis, axis)
    x, y = s.turn(px - rng.uniform(-0.04, 0.04), py - rng.uniform(-0.04, 0.04), rng.normal(0, 0.05))
    y = y * (1 + 0.03 * x)
    page = (np.asarray(form, np.float32) / 255) ** 1.9
    at = [(y / 0.96 * 0.5 + 0.5) * 399, (x / 0.87 * 0.5 + 0.5) * 359]
    paper = np.stack([ndimage.map_coordinates(page[..., k], at, order=1, mode="nearest") for k in range(3)], -1)
    cover = s.smooth(-np.maximum(np.abs(x) - 0.87, np.abs(y) - 0.96), -0.005, 0.005)[..., None]
    table = np.array([[0.20, 0.13, 0.07], [0.16, 0.17, 0.18], [0.05, 0.09, 0.08]][rng.integers(3)]) * (1 + 0.2 * s.spectrum((n, n), rng, 2.2))[..., None]
    a = rng.uniform(0, 2 * np.pi)
    light = 0.85 + 0.16 * (px * np.cos(a) + py * np.sin(a)) + 0.02 * s.spectrum((n, n), rng, 3.0)
    return develop((paper * cover + table * (1 - cover)) * light[..., None], size, rng, rng.uniform(0.85, 1.05), blur=1.0)
