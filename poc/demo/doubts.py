"""What speaks against an answer of the tuned model: kinds of evidence that disagree, evidence that turned it and should not decide, writing in a photo that turned it, a note that gives orders.

Instructions that somebody hid in a note, a sound or a photo are not obeyed silently: where they turn the answer, the page shows what the model says without them, and asks for a person.
It is asked causally, with the probes of `kit.diagnosis`: the evidence is taken away and the answer watched (interference: Cai et al., arXiv 2505.19616; occlusion: Zeiler and Fergus, arXiv 1311.2901).

Not seen: instructions in evidence that decides and is no photo (a voice memo, a film), writing smaller than a fortieth of the photo, handwriting, orders in other words than those of ORDERS.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from kit.data import Sample, load_image, only_deciding
from kit.diagnosis import conflict_scores
from kit.models import Loaded

BESIDE, WRITING = "beside", "writing"  # what was taken away
# orders to a machine, in the two languages of the kit; a list, so it knows what is on it
ORDERS = re.compile(
    r"\b(ignore|disregard|forget)\b.{0,40}\b(everything|all|else|previous|above|photo|picture|image|evidence|instructions?|rules?)\b"
    r"|\b(answer|reply|respond|say|output|report)\b\s*(only\s+)?(with\s+|that\s+|:)|\byou (must|are|should)\b.{0,30}\b(answer|say|reply|assistant|model)\b|\bsystem prompt\b|<\|?(im_start|system)"
    r"|(無視|忘れ)(し|て|る|せ|よ).{0,40}(答|回答|出力|報告|判定)|(と|を)(答え|回答し|出力し|報告し|判定し)(て|なさい|ろ|よ|ること)|指示(を|は)(無視|忘れ)|システムプロンプト",
    re.IGNORECASE | re.DOTALL,
)
GRID = 24  # cells per side in which writing is covered
_SIDE = 640  # pixels of the longer side at which writing is looked for


@dataclass(frozen=True)
class Doubts:
    """See `doubts_about`.

    Attributes:
        alone: modality -> (option, share) of what the model says to each kind of evidence alone, where there are several.
        conflict: how much these disagree, 0 to 1 (`kit.diagnosis.conflict`); None where there is one kind.
        without: BESIDE (everything that should not decide) or WRITING (in the photo) -> (option, share) of what the model says when it is taken away.
        orders: the note reads like an order to the model.
    """

    alone: dict[str, tuple[str, float]]
    conflict: float | None
    without: dict[str, tuple[str, float]]
    orders: bool


def doubts_about(loaded: Loaded, sample: Sample, ask: Callable[[Sample], dict[str, float]], reads_photos: bool = False) -> Doubts:
    """Asks the model what it says to parts of the evidence.

    Args:
        ask: {option: share} of the tuned model.
        reads_photos: writing is what the photos of this use case are about (`mostly_written`), so it is not covered.
    """
    alone, conflict, without = {}, None, {}
    if len(sample.modalities) > 1:
        told = conflict_scores(loaded, [sample]).iloc[0]
        alone = {modality: (told[f"{modality} says"], float(told[f"{modality} sure"])) for modality in sample.modalities}
        conflict = float(told["score"])
    bare = only_deciding(sample)
    if bare.modalities and set(bare.modalities) < set(sample.modalities):
        without[BESIDE] = alone[bare.modalities[0]] if len(bare.modalities) == 1 else _most(ask(bare))
    if not reads_photos and "image" in sample.decided_by and len(sample.image) == 1 and (cells := written_cells(np.asarray(load_image(sample.image[0])))):
        mark = {"how": "hidden", "seed": 0, "words": "", "grid": GRID, "cells": cells}
        without[WRITING] = _most(ask(sample.perturbed("writing hidden", {"shown_as": {**sample.meta.get("shown_as", {}), "image": mark}})))
    return Doubts(alone, conflict, without, bool(ORDERS.search(sample.text)))


def _most(shares: dict[str, float]) -> tuple[str, float]:
    best = max(shares, key=shares.get)
    return best, float(shares[best])


def mostly_written(samples: Iterable[Sample], most: int = 8) -> bool:
    """Whether writing is seen in a quarter of the first photos: forms, labels, displays."""
    photos = [file for sample in samples for file in sample.image if file.is_file()][:most]
    return 4 * sum(bool(written_cells(np.asarray(load_image(photo)))) for photo in photos) > len(photos)


def written_cells(pixels: np.ndarray) -> list[int]:
    """Numbers of the cells, of GRID x GRID, in which printed writing seems to be; [] where there is none.

    Args:
        pixels: (H, W, 3) RGB.

    Lines of print are wide, flat regions in which dark and light strokes alternate at a high contrast (a gradient, closed sideways; Smith, "An Overview of the Tesseract OCR Engine", 2007, starts from the same property).
    """
    height, width = pixels.shape[:2]
    scale = _SIDE / max(height, width)
    grey = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    edges = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3)))
    strong = ((edges > max(60, cv2.threshold(edges, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[0])) * 255).astype(np.uint8)
    closed = cv2.morphologyEx(strong, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_RECT, (25, 3)))
    found: set[int] = set()
    for contour in cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]:
        x, y, w, h = cv2.boundingRect(contour)
        if w >= 2.2 * h and _SIDE / 40 <= h <= _SIDE / 4 and _is_print(grey[y : y + h, x : x + w]):
            rows, columns = range(y * GRID // grey.shape[0], (y + h - 1) * GRID // grey.shape[0] + 1), range(x * GRID // grey.shape[1], (x + w - 1) * GRID // grey.shape[1] + 1)
            found |= {row * GRID + column for row in rows for column in columns}
    return sorted(found)


def _is_print(grey: np.ndarray) -> bool:
    """Whether a region (h, w) is of two tones that alternate along its rows, as strokes do."""
    level, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    ink = grey <= level
    if not 0.08 <= ink.mean() <= 0.92 or float(grey[~ink].mean()) - float(grey[ink].mean()) < 60:
        return False
    middle = ink[len(ink) // 4 : max(len(ink) * 3 // 4, len(ink) // 4 + 1)]
    changes = np.abs(np.diff(middle.astype(np.int8), axis=1)).sum(1)
    return float(np.median(changes)) >= max(6.0, 1.2 * grey.shape[1] / grey.shape[0])
