"""The three inspection cameras: lights, metal shading, bench, lens and sensor. Every photograph ends here as JPEG bytes."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from . import surface as s
from .defects import Skin
from .parts import Part

FINER = 1.5  # drawn pixels per pixel of the photograph


@dataclass(frozen=True)
class Camera:
    """One station's camera.

    Attributes:
        size: pixels of the square photograph.
        lamps: ((x, y, z, power, softness), ...), in half picture widths.
        white: gains of red, green, blue; exposure, vignette, blur (px), noise (of 255).
        bench: which bench the part lies on.
    """

    size: int
    lamps: tuple
    white: tuple
    exposure: float
    vignette: float
    blur: float
    noise: float
    bench: str


CAMERAS = {
    "A": Camera(168, ((-1.4, -1.6, 2.2, 1.0, 1.0), (1.6, 0.4, 2.6, 0.45, 1.3)), (1.0, 1.0, 1.0), 1.0, 0.22, 0.55, 2.0, "mat"),
    "B": Camera(168, ((1.9, -0.6, 1.7, 1.1, 0.8), (-0.8, 1.8, 2.5, 0.35, 1.4)), (1.1, 1.0, 0.84), 0.94, 0.42, 0.7, 2.8, "wood"),
    "C": Camera(196, ((-0.3, 1.7, 1.4, 0.9, 0.6), (-1.2, -1.4, 3.0, 0.55, 1.2)), (0.92, 1.0, 1.12), 1.08, 0.15, 0.6, 2.2, "steel"),
}
# the planted fault: someone left the shutter open and the ceiling lights off, so the low evening sun lights this lot
ODD_LIGHT = {
    name: Camera(c.size, ((2.4, 1.2, 0.9, 1.25, 0.5), (-1.5, -1.5, 3.0, 0.22, 1.5)), (1.26, 0.98, 0.66), 0.80, 0.5, c.blur, c.noise * 1.5, c.bench)
    for name, c in CAMERAS.items()
}


def unit(x, y, z) -> tuple:
    """The vector field of length 1, as three (H, W) fields: much faster than one (H, W, 3) field."""
    length = np.sqrt(x * x + y * y + z * z) + 1e-9
    return x / length, y / length, z / length


def dot(a: tuple, b: tuple) -> np.ndarray:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def bench(kind: str, shape, rng) -> np.ndarray:
    """Linear-light colour (H, W, 3) of what the part lies on."""
    cloud, fine = s.spectrum(shape, rng, 2.6), s.spectrum(shape, rng, 0.6, low=10)
    if kind == "mat":  # dark green cutting mat, worn
        tone = np.array([0.022, 0.042, 0.036]) * rng.uniform(0.8, 1.5)
        return tone.astype(np.float32) * (1 + 0.22 * cloud + 0.12 * fine)[..., None]
    if kind == "wood":  # pallet board
        grain = s.spectrum(shape, rng, 1.7, stretch=14, angle=rng.uniform(-0.3, 0.3) + np.pi / 2 * rng.integers(2))
        tone = np.array([0.15, 0.10, 0.058]) * rng.uniform(0.75, 1.2)
        return tone.astype(np.float32) * np.clip(1 + 0.22 * grain + 0.12 * cloud, 0.3, 2)[..., None]
    grain = s.spectrum(shape, rng, 1.2, stretch=20, angle=rng.uniform(-0.2, 0.2))  # scuffed sheet steel or grey paper
    tone = np.array([0.085, 0.09, 0.10]) * rng.uniform(0.5, 1.5)
    return tone.astype(np.float32) * np.clip(1 + 0.10 * grain + 0.12 * cloud, 0.3, 2)[..., None]


def shade(part: Part, skin: Skin, camera: Camera, x, y, lamps, pixel: float) -> np.ndarray:
    """Light on the metal in linear light (H, W, 3): diffuse, a streaky highlight along the tool marks, the room's reflection.

    The streaky highlight follows Kajiya and Kay's model of a thread (SIGGRAPH 1989), which is what a turned face is made of.

    Args:
        x, y: (H, W) place in the picture; lamps as in Camera, jittered; pixel: size of a pixel in half picture widths.
    """
    bumps = skin.height + part.grain * (0.0011 + 0.0016 * (1 - part.turned))
    gy, gx = np.gradient(bumps, pixel)
    normal, view = unit(-gx, -gy, 1), unit(-0.22 * x, -0.22 * y, 1)
    tx, ty = part.tangent[..., 0], part.tangent[..., 1]
    lift = tx * normal[0] + ty * normal[1]
    tangent = unit(tx - lift * normal[0], ty - lift * normal[1], -lift * normal[2])
    diffuse, gloss = np.zeros_like(x), np.zeros_like(x)
    for lx, ly, lz, power, softness in lamps:
        light = unit(lx - x, ly - y, lz - skin.height)
        half = unit(*(a + b for a, b in zip(light, view, strict=True)))
        facing = np.clip(dot(normal, light), 0, 1)
        thread = np.clip(1 - dot(tangent, half) ** 2, 1e-6, 1) ** (23 / softness)
        mirror = np.clip(dot(normal, half), 1e-6, 1) ** (26 / softness)
        diffuse += power * facing
        shine = part.turned * (0.55 * thread * (1 + 0.16 * part.grain) + 0.35 * mirror) + (1 - part.turned) * 0.30 * mirror
        gloss += power * np.sqrt(facing) * shine
    bounce = [2 * n * dot(normal, view) - v for n, v in zip(normal, view, strict=True)]
    bx, by = bounce[0] - lamps[0][0] * 0.12, bounce[1] - lamps[0][1] * 0.12
    room = 0.20 - 0.55 * by - 0.25 * bx + 0.75 * np.exp(-(bx**2 + by**2) / 0.10) - 0.25 * s.smooth(by, 0.25, 0.5)
    cast = (0.62 + 0.38 * part.turned)[..., None]
    metal = part.colour * skin.shade * cast
    value = metal * (0.30 * diffuse + 0.62 * np.clip(room, 0.03, 2) * (0.35 + 0.65 * skin.shine))[..., None]
    return value * (1 + 0.035 * part.grain)[..., None] + (gloss * skin.shine)[..., None] * (0.35 + 0.65 * metal)


def expose(light: np.ndarray, camera: Camera, rng, jitter: float) -> Image.Image:
    """Lens and sensor: vignette, white balance, film-like curve, blur, the sensor's grid, noise."""
    size = light.shape[0]
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    fall = 1 - camera.vignette * (axis[:, None] ** 2 + axis[None, :] ** 2) / 2
    value = light * fall[..., None] * np.array(camera.white, np.float32) * (camera.exposure * jitter)
    value = 1.06 * value / (value + 0.33) - 0.02  # a soft shoulder: highlights roll off instead of clipping
    value = ndimage.gaussian_filter(np.clip(value, 0, 1), (camera.blur * FINER, camera.blur * FINER, 0)) ** (1 / 1.65)
    image = Image.fromarray((value * 255 + 0.5).astype(np.uint8)).resize((camera.size, camera.size), Image.Resampling.BOX)
    value = np.asarray(image, np.float32)
    shot = np.sqrt(np.clip(value, 4, 255) / 128)
    grey, colour = rng.standard_normal(value.shape[:2], np.float32)[..., None], rng.standard_normal(value.shape, np.float32)
    value = value + camera.noise * shot * (0.8 * grey + 0.35 * colour)
    return Image.fromarray(np.clip(value + 0.5, 0, 255).astype(np.uint8))


def jpeg(image: Image.Image, quality: int) -> bytes:
    """JPEG bytes, 4:2:0, optimised tables."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=True, subsampling=2)
    return buffer.getvalue()
