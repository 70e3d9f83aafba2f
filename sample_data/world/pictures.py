"""Pictures of the general world: marked surfaces, marked bodies, scenes of shapes, rendered characters.

A `Picture` carries the truth about itself: `facts` (what heads and questions ask about) and `cells` (what stands in each visual token).
"""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sample_data.world import bodies, spectra, surfaces
from sample_data.world.marks import PLACES

CELL = 28  # pixels of one visual token
SHARES = {"surface": 0.34, "body": 0.38, "scene": 0.2, "glyph": 0.08}
SIZES = (112, 140, 168)
COLOURS = {
    "red": (214, 40, 40), "orange": (242, 140, 30), "yellow": (240, 216, 50), "green": (50, 160, 70), "blue": (45, 90, 210),
    "purple": (140, 60, 175), "pink": (245, 150, 190), "brown": (125, 78, 40), "black": (20, 20, 22), "white": (242, 242, 242),
    "grey": (128, 128, 128), "cyan": (70, 205, 215),
}  # fmt: skip
SHAPES = ("circle", "square", "triangle", "star", "cross", "diamond", "ring", "bar")
WORDS = (
    "stop",
    "go",
    "left",
    "right",
    "open",
    "shut",
    "hot",
    "cold",
    "yes",
    "no",
    "in",
    "out",
    "on",
    "off",
    "up",
    "down",
)
CHARACTERS = tuple("0123456789ABCDEFHKLMNPRSTXYZ")
THINGS = bodies.MARKS + SHAPES + ("glyph", "body")  # what may stand in a cell; index 0 is nothing
HUES = ("none", *COLOURS)


@dataclass(frozen=True)
class Thing:
    """One thing in a scene: where its centre is (column and row of 3), what it is and how big."""

    shape: str
    colour: str
    size: str
    place: str
    x: float
    y: float


@dataclass(frozen=True)
class Picture:
    """A picture and the truth about it.

    `image` is (S, S, 3) uint8; `cells` is (2, S/28, S/28): index into `THINGS` and into `HUES` of what covers that visual token.
    """

    image: np.ndarray
    kind: str
    facts: dict
    cells: np.ndarray
    things: tuple[Thing, ...] = field(default=())


def picture(rng: np.random.Generator, size: int, kind: str | None = None, **wish) -> Picture:
    """Draws one picture.

    Args:
        rng: the source of chance.
        size: side in pixels, a multiple of 28.
        kind: one of `SHARES`; by chance when None.
        wish: passed to the kind's own drawing function.
    """
    kind = kind or tuple(SHARES)[int(rng.choice(len(SHARES), p=list(SHARES.values())))]
    return {"surface": _surface, "body": _body, "scene": scene, "glyph": _glyph}[kind](rng, size, **wish)


def _surface(rng: np.random.Generator, size: int, mark: str | None = None) -> Picture:
    image, facts, opacity = surfaces.surface(rng, size, mark)
    covered = _cover(opacity) > 0.4
    cells = np.zeros((2, *covered.shape), np.int64)
    cells[0][covered] = THINGS.index(facts["mark"])
    return Picture(_bytes(image), "surface", facts, cells)


def _body(rng: np.random.Generator, size: int, mark: str | None = None) -> Picture:
    image, facts, opacity, solid = bodies.body(rng, size, mark)
    cells = np.zeros((2, size // CELL, size // CELL), np.int64)
    cells[0][_cover(solid, share=0.4)] = THINGS.index("body")
    if facts["mark"] != "none":
        cells[0][_cover(opacity) > 0.4] = THINGS.index(facts["mark"])
    return Picture(_bytes(image), "body", facts, cells)


def scene(rng: np.random.Generator, size: int, count: int | None = None, **fixed) -> Picture:
    """Draws a scene of one to four shapes on a ground.

    Args:
        rng: the source of chance.
        size: side in pixels.
        count: number of shapes; by chance when None.
        fixed: `shape=` or `colour=` that all of them share.
    """
    ground, facts = _scene_ground(rng, size)
    count = count or int(rng.integers(1, 5))
    canvas = Image.fromarray(_bytes(ground)).resize((size * 2, size * 2), Image.BILINEAR)
    draw = ImageDraw.Draw(canvas)
    cells = np.zeros((2, size // CELL, size // CELL), np.int64)
    things = []
    for spot in rng.permutation(9)[:count]:
        free = [name for name in COLOURS if name != facts["ground colour"]]
        colour = fixed.get("colour") or free[int(rng.integers(0, len(free)))]
        shape = fixed.get("shape") or SHAPES[int(rng.integers(0, len(SHAPES)))]
        big = int(rng.integers(0, 2))
        radius = size * (rng.uniform(0.12, 0.145) if big else rng.uniform(0.065, 0.085))
        jitter = rng.uniform(-0.03, 0.03, 2) * size
        cx, cy = (spot % 3 + 0.5) * size / 3 + jitter[0], (spot // 3 + 0.5) * size / 3 + jitter[1]
        shade = tuple(int(np.clip(v + rng.normal() * 8, 0, 255)) for v in COLOURS[colour])
        mask = Image.new("L", (size, size))
        _shape(draw, shape, 2 * cx, 2 * cy, 2 * radius, shade, turn := rng.normal() * 0.12)
        _shape(ImageDraw.Draw(mask), shape, cx, cy, radius, 255, turn)
        covered = _cover(np.asarray(mask, np.float32) / 255, share=0.08)
        cells[0][covered] = THINGS.index(shape)
        cells[1][covered] = HUES.index(colour)
        things.append(Thing(shape, colour, ("small", "large")[big], PLACES[spot], cx / size, cy / size))
    image = np.asarray(canvas.resize((size, size), Image.BILINEAR), np.float32)
    facts["number"] = str(count)
    image = image + rng.standard_normal((size, size, 1), dtype=np.float32) * rng.uniform(0, 8)
    return Picture(_bytes(image), "scene", facts, cells, tuple(things))


def _scene_ground(rng: np.random.Generator, size: int) -> tuple[np.ndarray, dict]:
    name = tuple(COLOURS)[int(rng.integers(0, len(COLOURS)))]
    base = np.array(COLOURS[name], np.float32) + rng.normal(size=3) * 6
    field_ = spectra.noise(rng, size, rng.uniform(0.5, 2.0)) * rng.choice([0.0, 4.0, 9.0])
    return base + field_[..., None], {"ground colour": name}


def _shape(draw: ImageDraw.ImageDraw, shape: str, x: float, y: float, r: float, fill, turn: float) -> None:
    if shape == "circle":
        draw.ellipse([x - r, y - r, x + r, y + r], fill=fill)
        return
    if shape == "ring":
        draw.ellipse([x - r, y - r, x + r, y + r], outline=fill, width=max(2, int(r * 0.38)))
        return
    s, t = 0.32, 0.88
    outline = {
        "square": [(-t, -t), (t, -t), (t, t), (-t, t)],
        "triangle": [(0, -1), (0.95, 0.8), (-0.95, 0.8)],
        "diamond": [(0, -1.1), (0.8, 0), (0, 1.1), (-0.8, 0)],
        "bar": [(-1.2, -0.32), (1.2, -0.32), (1.2, 0.32), (-1.2, 0.32)],
        "cross": [
            (-s, -1),
            (s, -1),
            (s, -s),
            (1, -s),
            (1, s),
            (s, s),
            (s, 1),
            (-s, 1),
            (-s, s),
            (-1, s),
            (-1, -s),
            (-s, -s),
        ],
        "star": [
            (
                (1.1 if k % 2 == 0 else 0.45) * np.sin(k * np.pi / 5),
                -(1.1 if k % 2 == 0 else 0.45) * np.cos(k * np.pi / 5),
            )
            for k in range(10)
        ],
    }[shape]
    c, n = np.cos(turn), np.sin(turn)
    draw.polygon([(x + r * (px * c - py * n), y + r * (px * n + py * c)) for px, py in outline], fill=fill)


@lru_cache(maxsize=64)
def _font(pixels: int, style: str) -> ImageFont.FreeTypeFont:
    folder = (
        Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    )  # ships with matplotlib, so the world is the same on every machine
    return ImageFont.truetype(folder / f"DejaVu{style}.ttf", pixels)


def _glyph(rng: np.random.Generator, size: int, text: str | None = None) -> Picture:
    """Draws one character or one short word."""
    ground, facts = _scene_ground(rng, size)
    free = [
        c for c in COLOURS if np.abs(np.subtract(COLOURS[c], COLOURS[facts["ground colour"]])).sum() > 190
    ]
    colour = free[int(rng.integers(0, len(free)))]
    word = text in WORDS if text else rng.random() < 0.5
    if text is None:
        text = (
            WORDS[int(rng.integers(0, len(WORDS)))]
            if word
            else CHARACTERS[int(rng.integers(0, len(CHARACTERS)))]
        )
    style = ("Sans", "Sans-Bold", "Serif", "SansMono-Bold")[int(rng.integers(0, 4))]
    pixels = int(size * (rng.uniform(0.24, 0.3) if word else rng.uniform(0.35, 0.7)))
    canvas = Image.fromarray(_bytes(ground))
    font = _font(pixels, style)
    left, top, right, bottom = font.getbbox(text)
    x = rng.uniform(0.03, max(0.031, 0.97 - (right - left) / size)) * size - left
    y = rng.uniform(0.03, max(0.031, 0.97 - (bottom - top) / size)) * size - top
    mask = Image.new("L", (size, size))
    ImageDraw.Draw(mask).text((x, y), text, font=font, fill=255)
    canvas.paste(COLOURS[colour], mask=mask)
    covered = _cover(np.asarray(mask, np.float32) / 255, share=0.03)
    cells = np.zeros((2, *covered.shape), np.int64)
    cells[0][covered], cells[1][covered] = THINGS.index("glyph"), HUES.index(colour)
    facts |= {"word" if word else "character": text, "ink": colour}
    image = np.asarray(canvas, np.float32) + rng.standard_normal(
        (size, size, 1), dtype=np.float32
    ) * rng.uniform(0, 8)
    return Picture(_bytes(image), "glyph", facts, cells)


def _cover(opacity: np.ndarray, share: float = 0.0) -> np.ndarray:
    """Returns per visual token its largest opacity (share 0), or whether at least that share of it is covered."""
    side = opacity.shape[0] // CELL
    blocks = opacity.reshape(side, CELL, side, CELL)
    return blocks.max((1, 3)) if share == 0 else blocks.mean((1, 3)) > share


def _bytes(image: np.ndarray) -> np.ndarray:
    return np.clip(image, 0, 255).astype(np.uint8)
