"""One look at every media file: what the checks of this room need to know about it, in about ten kilobytes, so that ten thousand photos fit into memory.

A file is decoded once, by a few threads, and let go of. Perceptual hashes: dHash (64 bits; Krawetz, "Kind of Like That", 2013) of a photo and of four frames of a video;
of a sound its print (kit.curation.alike_sounds), without silence at its ends.
"""

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kit.curation.alike_pictures import SIDE
from kit.curation.alike_sounds import print_of
from kit.curation.faces import find_faces
from kit.data.media import MediaError, image_size, load_audio, load_image, load_video
from kit.data.sample import MEDIA, Sample
from kit.language import say
from kit.show import progress

FRAMES = 8  # of a video
_ENOUGH = 640  # pixels of a photo's shorter side: nothing here looks closer, and a JPEG of 12 megapixels is read in a third of the time
_AT_ONCE = 512  # files handed to the threads together


@dataclass(frozen=True)
class Look:
    """What was seen in one file.

    Attributes:
        path, modality: which file, looked at as what.
        digest: of its bytes.
        hashes: uint64 (1,) of a photo, (4,) of a video; () else.
        sound: uint8 (T, BANDS), the print of a sound; () else and for silence.
        thumbnail: uint8 (SIDE, SIDE), grey, of a photo or of a video's middle frame; () else.
        numbers: name -> measure: bytes, width, height, brightness, contrast, sharpness, border, bars, seconds, loudness ...
        faces: (left, top, width, height) in pixels of the photo as it is shown.
        fault: why it could not be read; everything else is empty then.
    """

    path: Path
    modality: str
    digest: bytes = b""
    hashes: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint64))
    sound: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint8))
    thumbnail: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint8))
    numbers: dict[str, float] = field(default_factory=dict)
    faces: tuple[tuple[int, int, int, int], ...] = ()
    fault: MediaError | None = None


def look_at_all(samples: Iterable[Sample], faces: bool = True, workers: int = 2) -> dict[tuple[Path, str], Look]:
    """(path, modality) -> its `Look`, of every file of the samples.

    Args:
        samples: those of one folder.
        faces: look for faces, too (most of the time that a photo takes).
        workers: threads; decoders run outside Python's lock.
    """
    import cv2  # noqa: F401  here and not first by two threads at once, which it does not survive

    files = list(dict.fromkeys((path, modality) for sample in samples for modality in MEDIA for path in getattr(sample, modality)))
    found: dict[tuple[Path, str], Look] = {}
    with ThreadPoolExecutor(workers) as pool, progress(total=len(files), desc=say("looking at the media", "メディアを確認中")) as bar:
        for start in range(0, len(files), _AT_ONCE):
            for key, look in zip(files[start:], pool.map(lambda file: look_at(*file, faces=faces), files[start : start + _AT_ONCE]), strict=False):
                found[key] = look
                bar.update(1)
    return found


def look_at(path: Path, modality: str, faces: bool = True) -> Look:
    """Reads one file."""
    try:
        digest = hashlib.blake2b(path.read_bytes(), digest_size=16).digest() if path.is_file() else b""
        seen = {"image": _photo, "video": _video, "audio": _sound}[modality](path, faces)
    except MediaError as error:
        return Look(path, modality, fault=error)
    except (MemoryError, OSError) as error:  # a header's claim of gigabytes, a file taken away
        return Look(path, modality, fault=MediaError(path, say(f"could not be read ({type(error).__name__})", f"読めませんでした（{type(error).__name__}）"), say("Copy it again or delete its row", "コピーし直すか、行を削除してください")))
    seen["numbers"]["bytes"] = float(path.stat().st_size)
    return Look(path, modality, digest, **seen)


def _photo(path: Path, faces: bool) -> dict:
    picture = np.asarray(load_image(path, _ENOUGH))
    scale = max(image_size(path)) / max(picture.shape[:2]) if min(picture.shape[:2]) >= _ENOUGH else 1.0
    numbers = _numbers(picture)
    numbers |= {side: float(round(scale * numbers[side])) for side in ("width", "height")}
    boxes = tuple(tuple(int(scale * value) for value in box) for box in find_faces(picture)) if faces else ()
    return {"hashes": np.array([_dhash(picture)], np.uint64), "thumbnail": _grey(picture, SIDE, SIDE), "numbers": numbers, "faces": boxes}


def _video(path: Path, faces: bool) -> dict:
    frames, rate = load_video(path, frames=FRAMES)
    numbers = _numbers(frames[FRAMES // 2]) | {"seconds": FRAMES / rate, "motion": float(np.abs(np.diff(frames.astype(np.int16), axis=0)).mean())}
    found = tuple(box for frame in frames[:: FRAMES // 2] for box in find_faces(frame)) if faces else ()
    return {"hashes": np.array([_dhash(frame) for frame in frames[1::2]], np.uint64), "thumbnail": _grey(frames[FRAMES // 2], SIDE, SIDE), "numbers": numbers, "faces": found}


def _sound(path: Path, faces: bool) -> dict:
    wave = load_audio(path)
    loudness = float(np.sqrt(np.mean(wave**2)))
    heard = _without_silence(wave / (loudness + 1e-9))
    numbers = {"seconds": len(wave) / 16000, "heard": len(heard) / 16000, "loudness": float(20 * np.log10(loudness + 1e-6)), "peak": float(np.abs(wave).max())}
    return {"sound": print_of(heard) if loudness > 1e-5 else np.empty(0, np.uint8), "numbers": numbers}


def _grey(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    import cv2

    return cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (width, height), interpolation=cv2.INTER_AREA)


def _dhash(picture: np.ndarray) -> int:
    from PIL import Image

    small = np.asarray(Image.fromarray(picture).convert("L").resize((9, 8), Image.Resampling.BICUBIC))  # sharper than imagehash's, which calls fewer plain surfaces alike
    return int.from_bytes(np.packbits(small[:, 1:] > small[:, :-1]).tobytes())


def _numbers(picture: np.ndarray) -> dict[str, float]:
    import cv2

    height, width = picture.shape[:2]
    grey = _grey(picture, 96, 96)
    border = np.concatenate([grey[:3].ravel(), grey[-3:].ravel(), grey[3:-3, :3].ravel(), grey[3:-3, -3:].ravel()])
    colour = cv2.resize(picture, (24, 24), interpolation=cv2.INTER_AREA).reshape(-1, 3).mean(0)
    return {
        "width": float(width), "height": float(height), "brightness": float(grey.mean()), "contrast": float(grey.std()),
        "sharpness": float(cv2.Laplacian(grey, cv2.CV_32F).var()), "border": float(border.mean()), "border spread": float(border.std()),
        "red to blue": float(colour[0] - colour[2]), "stamp": float(np.abs(np.diff(grey[-12:, 48:].astype(np.int16), axis=1)).mean()),
    }  # fmt: skip


def _without_silence(wave: np.ndarray, length: int = 400) -> np.ndarray:
    """From the first to the last moment that is within 20 dB of the loudest one."""
    loud = np.convolve(wave**2, np.ones(length) / length, "same")
    heard = np.flatnonzero(loud > 0.01 * loud.max())
    return wave[heard[0] : heard[-1] + 1] if len(heard) else wave
