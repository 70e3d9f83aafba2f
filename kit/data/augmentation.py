"""More of the same evidence: small changes that a label survives, drawn anew each time a training row comes by.

What may be changed depends on what the labels mean, so nothing is changed unasked, and each change says which labels it may break:

| change | of | what happens | may break |
|---|---|---|---|
| light | image, video | brightness and contrast up to 20 %, gamma 0.8 to 1.25; hue and saturation stay | labels that are a shade or a brightness |
| frame | image, video | moved by up to 6 % of each side, the edge repeated | defects at the border, positions |
| sharpness | image, video | blurred by up to 0.8 pixels or grained by up to 4 of 255 | hairlines, labels about sharpness |
| sound | audio | 6 dB louder or softer, up to 0.1 s later, white noise 20 to 40 dB below | labels that are a loudness |
| writing | text | full-width or half-width letters and digits, spaces, a full stop at the end | nothing; words, numbers and negations stay |

Never done: turning or mirroring (`training.orientations`, where it is allowed), hue, reversing or reordering a video's frames, changing speed or pitch (both carry a voice's mood), replacing or
leaving out words. Source of the idea: Shorten and Khoshgoftaar, A survey on image data augmentation (2019), sections "label-preserving" and "safety".
"""

import unicodedata
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter

from kit.data.sample import Sample
from kit.errors import KitError
from kit.language import say

CHANGES = ("light", "frame", "sharpness", "sound", "writing")
VARIANTS = 8  # of each row, the unchanged one among them; with a bound, frozen encoders can be remembered (kit.models.encoders)
_SHIFT, _GRAIN, _BLUR, _LATE = 0.06, 4.0, 0.8, 0.1
_WIDE = str.maketrans({chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)})


def augmented(sample: Sample, changes: Sequence[str], seed: int, variant: int) -> Sample:
    """The sample with a mark in `meta["augmented"]` by which its media are changed when they are decoded; its text is changed at once. Variant 0 and general rows stay as they are.

    The same seed, variant and id always give the same changes.

    Raises:
        KitError: a change that is none of CHANGES.
    """
    if unknown := set(changes) - set(CHANGES):
        raise KitError(say(f"training.augment names {sorted(unknown)}; allowed: {', '.join(CHANGES)}", f"training.augment の {sorted(unknown)} は使えません。使えるもの：{', '.join(CHANGES)}"))
    if not changes or not variant % VARIANTS or sample.data_layer == "general":
        return sample
    mark = {"changes": sorted(changes), "seed": zlib.crc32(f"{seed} {variant % VARIANTS} {sample.id}".encode())}
    text = _rewritten(sample.text, _draws(mark, "text", 0)) if "writing" in changes and sample.text else sample.text
    return sample.perturbed("augmented", {"augmented": mark}, text=text)


def changed_image(image: Image.Image, mark: dict | None, number: int = 0) -> Image.Image:
    """The picture, of the same size, as `mark` (of `augmented`) wants it; `number` tells several pictures of a sample apart."""
    return image if not mark else Image.fromarray(_changed_frames(np.asarray(image)[None], mark, _draws(mark, "image", number))[0])


def changed_video(frames: np.ndarray, mark: dict | None, number: int = 0) -> np.ndarray:
    """The frames (T, H, W, 3), all changed alike and in their order."""
    return frames if not mark else _changed_frames(frames, mark, _draws(mark, "video", number))


def changed_sound(wave: np.ndarray, mark: dict | None, rate: int = 16000, number: int = 0) -> np.ndarray:
    """The sound (S,), of the same length."""
    if not mark or "sound" not in mark["changes"]:
        return wave
    draws = _draws(mark, "audio", number)
    late = int(draws.uniform(0, _LATE) * rate)
    moved = np.concatenate([np.zeros(late, wave.dtype), wave])[: len(wave)] * 10 ** (draws.uniform(-6, 6) / 20)
    power = float(np.sqrt((moved**2).mean())) if len(moved) else 0.0
    noisy = moved + draws.normal(size=len(moved)) * power * 10 ** (-draws.uniform(20, 40) / 20)
    return np.clip(noisy, -1, 1).astype(wave.dtype)


def _changed_frames(frames: np.ndarray, mark: dict, draws: np.random.Generator) -> np.ndarray:
    """(T, H, W, 3) of bytes; one draw for all frames."""
    changes, shown = mark["changes"], frames
    if "frame" in changes:
        down, right = (int(round(draws.uniform(-_SHIFT, _SHIFT) * side)) for side in shown.shape[1:3])
        rows, columns = (np.clip(np.arange(side) + by, 0, side - 1) for side, by in ((shown.shape[1], down), (shown.shape[2], right)))
        shown = shown[:, rows][:, :, columns]
    if "light" in changes:
        bright, contrast, gamma = draws.uniform(0.8, 1.2), draws.uniform(0.8, 1.2), draws.uniform(0.8, 1.25)
        values = (np.arange(256) / 255) ** gamma  # one curve for all channels: hue stays
        shown = np.clip(255 * ((values - 0.5) * contrast + 0.5) * bright, 0, 255).round().astype(np.uint8)[shown]
    if "sharpness" in changes:
        if draws.random() < 0.5:
            soften = ImageFilter.GaussianBlur(draws.uniform(0, _BLUR))
            shown = np.stack([np.asarray(Image.fromarray(frame).filter(soften)) for frame in shown])
        else:
            shown = np.clip(shown + draws.normal(scale=draws.uniform(0, _GRAIN), size=shown.shape), 0, 255).round().astype(np.uint8)
    return shown


def _rewritten(text: str, draws: np.random.Generator) -> str:
    """The same words in another width, with another end and other spaces: NFKC and stripped of spaces and the last full stop, it is what it was."""
    way = draws.integers(3)
    text = unicodedata.normalize("NFKC", text) if way == 0 else text.translate(_WIDE) if way == 1 else text
    if draws.random() < 0.5:
        text = text.replace(" ", "  ")
    return text if text.endswith((".", "。", "．")) or draws.random() < 0.5 else text + ("。" if any(ord(c) > 0x2FFF for c in text) else ".")


def _draws(mark: dict, kind: str, number: int) -> np.random.Generator:
    return np.random.default_rng([mark["seed"], zlib.crc32(kind.encode()), number])
