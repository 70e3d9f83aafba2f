"""Statistics of the media themselves, which change before anybody has a label: light, focus, noise, loudness, hiss, band.

What `kit.curation.looks` sees in a file, and what it does not look at: clipping, the noise of a sensor, a sound's noise floor and the top of its band.
Not covered: what a part of the picture shows, and a microphone that only some speakers use (their mean hides it).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kit.curation.looks import look_at
from kit.data import Sample
from kit.data.media import load_audio, load_image
from kit.errors import KitError
from kit.language import say

LOOKED = {
    "image": ("brightness", "contrast", "sharpness", "red to blue"),
    "video": ("brightness", "contrast", "sharpness", "red to blue", "motion", "seconds"),
    "audio": ("loudness", "peak", "seconds"),
}
_FRAME = 400  # of 16,000 samples a second: 25 ms


def quality_of(samples: Sequence[Sample]) -> dict[str, np.ndarray]:
    """name -> (N,) of the media that the first sample has; of several files of a kind the first is looked at.

    brightness, contrast, clipped dark, clipped bright, noise: of 255 grey levels or shares; sharpness: variance of the Laplacian; red to blue: mean difference; loudness, noise floor: dB below full scale;
    band: Hz below which 95 % of the power lie; clipped: share of samples at full scale.

    Raises:
        MediaError: a file that cannot be read.
        KitError: a sample lacks a kind that the first one has.
    """
    kinds = [kind for kind in LOOKED if samples and getattr(samples[0], kind)]
    rows = [{name if len(kinds) == 1 else f"{kind} {name}": value for kind in kinds for name, value in _measured(sample, kind).items()} for sample in samples]
    return {name: np.array([row[name] for row in rows]) for name in (rows[0] if rows else ())}


def _measured(sample: Sample, kind: str) -> dict[str, float]:
    if not getattr(sample, kind):
        raise KitError(say(f"row {sample.id} has no {kind}, other rows have one: watch rows of one kind together", f"行 {sample.id} に {kind} がありません。同じ種類の行ごとに監視してください"))
    path = getattr(sample, kind)[0]
    look = look_at(path, kind, faces=False)
    if look.fault:
        raise look.fault
    found = {name: look.numbers[name] for name in LOOKED[kind]}
    return found | (_of_photo(path) if kind == "image" else _of_sound(path) if kind == "audio" else {})


def _of_photo(path: Path) -> dict[str, float]:
    """Clipping, and the sensor's noise as Immerkaer estimates it (CVIU 1996): a mask that edges do not answer to."""
    import cv2

    grey = np.asarray(load_image(path, 640).convert("L"))
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    answer = np.abs(cv2.filter2D(grey.astype(np.float32), -1, mask)[1:-1, 1:-1])
    return {"clipped dark": float((grey <= 4).mean()), "clipped bright": float((grey >= 251).mean()), "noise": float(np.sqrt(np.pi / 2) * answer.mean() / 6)}


def _of_sound(path: Path) -> dict[str, float]:
    wave = load_audio(path)
    frames = wave[: max(1, len(wave) // _FRAME) * _FRAME].reshape(-1, min(_FRAME, len(wave)))
    levels = 20 * np.log10(np.sqrt((frames**2).mean(1)) + 1e-6)
    power = np.cumsum(np.abs(np.fft.rfft(wave)) ** 2)
    top = np.searchsorted(power, 0.95 * power[-1]) * 16000 / len(wave)
    return {"noise floor": float(np.quantile(levels, 0.1)), "band": float(top), "clipped": float((np.abs(wave) >= 0.999).mean())}
