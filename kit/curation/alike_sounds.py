"""Copies of a sound: cut, noisy, louder, later or coded again. The middle of one print is looked for in the other, at every moment.

A print is the cube root of the power in logarithmic bands: louder than the logarithm, it hears what is loud and not the room (after Haitsma and Kalker, ISMIR 2002).

Measured on the sample company's calls, notes and memos, 20 copies of each kind from each: 0.3 s cut off, cut at both ends, noise at 20 and 30 dB, MP3 at 32 kbit/s 20 of 20 each, AAC at 32 kbit/s 58
of 60. Of calls and notes no two different recordings are called one (0.981 and 0.988 at most); of memos, where one synthetic voice says one of seven sentences,
ten of 21,945 pairs are. Not found (0 of 60): a copy at another speed. At 2.5 to 3 % its print, stretched and moved by as many bands, has 0.979 to 0.991, and other voices with the same sentence 0.9925.
"""

import numpy as np

BANDS, LOWEST, HIGHEST = 36, 120, 4000  # Hz
WINDOW, HOP = 1024, 128  # of 16,000 samples a second
LONGEST = 1000  # frames of a print; a longer sound's frames are means of 2, 4, 8 ...
SAME = 0.9925  # correlation
_SPECTRUM, _COARSE, _LENGTHS, _NEARLY = 0.85, 0.8, 0.65, 0.98
_KEPT = 0.7  # of a sound is looked for in the other: its beginning and its end may be gone
_STEP = np.log(HIGHEST / LOWEST) / BANDS


def print_of(wave: np.ndarray) -> np.ndarray:
    """uint8 (T, BANDS), T <= LONGEST, of a sound (N,) at 16 kHz; its loudest moment is 255."""
    wave = np.pad(wave, (0, max(0, WINDOW - len(wave))))
    frames, bank = np.lib.stride_tricks.sliding_window_view(wave, WINDOW)[::HOP], _bank()
    power = np.concatenate([np.abs(np.fft.rfft(frames[at : at + LONGEST] * np.hanning(WINDOW), axis=1)) ** 2 @ bank for at in range(0, len(frames), LONGEST)])
    while len(power) > LONGEST:
        power = (power[: len(power) // 2 * 2 : 2] + power[1::2]) / 2
    heard = np.cbrt(power)
    return (255 * heard / max(heard.max(), 1e-6)).astype(np.uint8)


def copies_of_sounds(prints: list[np.ndarray], seconds: np.ndarray) -> list[tuple[int, int]]:
    """(i, j), i < j, of the sounds that are one recording; `seconds`: how long each is heard."""
    spectra = np.stack([table.mean(0) for table in prints]) if prints else np.empty((0, BANDS))
    spectra = spectra - spectra.mean(1, keepdims=True)
    spectra /= np.linalg.norm(spectra, axis=1, keepdims=True) + 1e-9
    halvings = np.array([round(np.log2(max(1.0, 16000 * length / HOP / LONGEST)) + 0.499) for length in seconds])
    coarse, found = [_reduced(table) for table in prints], []
    for i in range(len(prints)):
        ratio = seconds[i + 1 :] / seconds[i]
        near = (spectra[i + 1 :] @ spectra[i] >= _SPECTRUM) & (ratio >= _LENGTHS) & (ratio <= 1 / _LENGTHS) & (halvings[i + 1 :] == halvings[i])
        found += [(i, int(j)) for j in i + 1 + np.flatnonzero(near) if _one(prints[i], prints[j], coarse[i], coarse[j])]
    return found


def _one(a: np.ndarray, b: np.ndarray, coarse_a: np.ndarray, coarse_b: np.ndarray) -> bool:
    if _found(coarse_a, coarse_b) < _COARSE:
        return False
    same = _same(a, b)
    if same >= _NEARLY and same < SAME:  # the frames of a copy that was cut start between those of the other
        same = max(_same(a, _between(b)), _same(_between(a), b))
    return same >= SAME


def _same(a: np.ndarray, b: np.ndarray) -> float:
    """Which of the two was cut is not known."""
    return max(_found(a, b), _found(b, a))


def _between(table: np.ndarray) -> np.ndarray:
    """What is heard half a frame later."""
    return ((table[:-1].astype(np.uint16) + table[1:]) // 2).astype(np.uint8)


def _found(table: np.ndarray, part: np.ndarray) -> float:
    """The best correlation of the middle of `part` with as much of `table`, over all moments."""
    import cv2

    length = min(len(table), max(4, int(_KEPT * len(part))))
    start, edge = (len(part) - length) // 2, 1 if part.shape[1] == BANDS else 0
    middle = np.ascontiguousarray(part[max(0, start) : max(0, start) + length, edge : part.shape[1] - edge])
    return float(cv2.matchTemplate(table[:, edge : table.shape[1] - edge].copy(), middle, cv2.TM_CCOEFF_NORMED).max()) if len(middle) <= len(table) else 0.0


def _reduced(table: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.resize(table, (BANDS // 3, max(4, len(table) // 6)), interpolation=cv2.INTER_AREA)


def _bank() -> np.ndarray:
    """(frequencies, BANDS): triangles, none narrower than a frequency's own width."""
    pitches, middles = np.fft.rfftfreq(WINDOW, 1 / 16000), LOWEST * np.exp(_STEP * (np.arange(BANDS) + 0.5))
    triangles = np.clip(1 - np.abs(pitches[:, None] - middles) / np.maximum(middles * (np.exp(_STEP) - 1), 16000 / WINDOW), 0, None)
    return triangles / triangles.sum(0)
