"""What is shown or played in place of a medium when it is decoded: nothing is written to disk, and the original file is never touched.

A perturbation (`kit.data.perturbations`) puts a mark, {"how": name, "seed": int, "words": str}, under the modality's name in `meta["shown_as"]`; the collator obeys it here.
"hidden" (`kit.diagnosis.occlusion`) says "cells": numbers of the cells that are hidden, and "grid": cells per side of a picture, or spans of a sound or video.
Sizes and lengths stay, so that the prompt keeps its number of tokens.
"""

import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

IMAGE = ("black", "white", "noise", "grain", "edge", "words", "hidden")
VIDEO = ("shuffled", "frozen", "black", "noise", "hidden")
AUDIO = ("silence", "noise", "noisy", "hidden")
_GRAIN = 12.0  # of 255: a noisy sensor, through which a person still sees the part
_LOUD = 0.1  # root mean square of noise, about that of speech close to a microphone


def image_shown_as(image: Image.Image, mark: dict | None) -> Image.Image:
    """The picture, of the same size.

    Raises:
        ValueError: the mark names none of IMAGE.
    """
    if not mark:
        return image
    how = _known(mark, IMAGE)
    if how in ("black", "white"):
        return Image.new("RGB", image.size, how)
    if how == "words":
        return _captioned(image, mark["words"])
    draws, pixels = np.random.default_rng(mark["seed"]), np.asarray(image.convert("RGB"))
    if how == "hidden":
        return Image.fromarray(_without_cells(pixels, mark["grid"], mark["cells"]))
    if how == "grain":
        return Image.fromarray(np.clip(pixels + draws.normal(scale=_GRAIN, size=pixels.shape), 0, 255).round().astype(np.uint8))
    if how == "edge":
        return Image.fromarray(_with_noisy_edge(pixels, draws))
    return Image.fromarray(draws.integers(0, 256, pixels.shape, np.uint8))


def video_shown_as(frames: np.ndarray, mark: dict | None) -> np.ndarray:
    """The frames (T, H, W, 3): in another order, the first one standing still, black, or noise.

    Raises:
        ValueError: the mark names none of VIDEO.
    """
    if not mark:
        return frames
    how, draws = _known(mark, VIDEO), np.random.default_rng(mark["seed"])
    if how == "shuffled":
        order = draws.permutation(len(frames))
        # a permutation that changes nothing would be a perturbation that changes nothing
        return frames[np.roll(order, 1) if (order == np.arange(len(frames))).all() else order]
    if how == "frozen":
        return np.repeat(frames[:1], len(frames), 0)
    if how == "hidden":
        return _without_spans(frames, mark["grid"], mark["cells"], frames.mean((0, 1, 2)).astype(frames.dtype))
    return np.zeros_like(frames) if how == "black" else draws.integers(0, 256, frames.shape, np.uint8)


def sound_played_as(wave: np.ndarray, mark: dict | None) -> np.ndarray:
    """The sound (S,), of the same length: silent, noise in its place, or itself with white noise `decibels` below it ("noisy").

    Raises:
        ValueError: the mark names none of AUDIO.
    """
    if not mark:
        return wave
    how = _known(mark, AUDIO)
    if how == "silence":
        return np.zeros_like(wave)
    if how == "hidden":
        return _without_spans(wave, mark["grid"], mark["cells"], 0.0)
    if how == "noisy":
        loud = float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)))) * 10 ** (-mark["decibels"] / 20)
        return np.clip(wave + np.random.default_rng(mark["seed"]).normal(scale=loud, size=len(wave)), -1, 1).astype(wave.dtype)
    return np.clip(np.random.default_rng(mark["seed"]).normal(scale=_LOUD, size=len(wave)), -1, 1).astype(wave.dtype)


def _with_noisy_edge(pixels: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """The picture (H, W, 3) with grey noise on white or black along one edge, a tenth to a fifth of it."""
    laid = np.rot90(pixels, turns := int(draws.integers(4))).copy()
    height = max(2, round(len(laid) * draws.uniform(0.1, 0.2)))
    marks = draws.random((height, laid.shape[1])) < draws.uniform(0.1, 0.5)
    laid[-height:] = np.where(marks[..., None], 0, 255) if draws.random() < 0.5 else draws.integers(0, 256, (height, laid.shape[1], 1))
    return np.rot90(laid, -turns).copy()


def _without_cells(pixels: np.ndarray, grid: int, cells: list[int]) -> np.ndarray:
    """The picture (H, W, 3) with cells of a grid, numbered row by row, in its own mean colour."""
    shown, colour = pixels.copy(), pixels.mean((0, 1)).astype(pixels.dtype)
    rows, columns = (np.linspace(0, side, grid + 1).round().astype(int) for side in pixels.shape[:2])
    for cell in cells:
        row, column = divmod(cell, grid)
        shown[rows[row] : rows[row + 1], columns[column] : columns[column + 1]] = colour
    return shown


def _without_spans(signal: np.ndarray, grid: int, cells: list[int], blank) -> np.ndarray:
    """Frames or a sound with some of `grid` equal spans of time blanked."""
    shown, edges = signal.copy(), np.linspace(0, len(signal), grid + 1).round().astype(int)
    for cell in cells:
        shown[edges[cell] : edges[cell + 1]] = blank
    return shown


def _known(mark: dict, allowed: tuple[str, ...]) -> str:
    if mark["how"] not in allowed:
        raise ValueError(f"a medium cannot be shown as {mark['how']!r}; allowed: {', '.join(allowed)}")
    return mark["how"]


def _captioned(image: Image.Image, words: str) -> Image.Image:
    """The picture with the words on a white strip along its lower edge, as a label printer would leave them: a sixth of the height, the rest of the picture as it was."""
    shown = image.convert("RGB").copy()
    height = max(10, shown.height // 6)
    pen = ImageDraw.Draw(shown)
    pen.rectangle((0, shown.height - height, shown.width, shown.height), fill="white")
    size = height - 2
    while size > 6 and _font(size).getlength(words) > shown.width - 4:
        size -= 1
    pen.text((2, shown.height - height / 2), words, fill="black", font=_font(size), anchor="lm")
    return shown


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """The Japanese font that comes as a wheel; found by its path, because importing it would bring the drawing library."""
    package = Path(importlib.util.find_spec("matplotlib_fontja").origin).parent
    return ImageFont.truetype(str(next(package.rglob("*.ttf"))), size)
