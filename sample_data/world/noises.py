"""Sounds that are not speech, and the rooms in which everything is heard. 16 kHz mono, float32, seeded by a numpy Generator.

A generator takes (rng, split) and returns a wave of peak 1. Frequencies, speeds and colours of noise are drawn from
interleaved bins: training hears the even bins, held-out recordings the odd ones.
"""

import numpy as np
from scipy.fft import next_fast_len
from scipy.signal import fftconvolve, lfilter

RATE = 16000
BINS = 24  # of a range of values; even ones are for training


def draw(rng: np.random.Generator, split: str, low: float, high: float) -> float:
    """A value between low and high, log-uniform, from the bins of the split."""
    index = 2 * rng.integers(BINS // 2) + (split == "held_out")
    return float(low * (high / low) ** ((index + rng.random()) / BINS))


def tone(
    rng: np.random.Generator, split: str, pitch: str = "high", contour: str = "steady", pulsing: bool = False
) -> np.ndarray:
    """A tone with up to four harmonics.

    Args:
        pitch: "low" (150 to 400 Hz) or "high" (1100 to 3200 Hz).
        contour: "steady", "rising" or "falling" (by 5 to 12 half tones).
        pulsing: switched on and off 3 to 8 times a second.
    """
    seconds = draw(rng, split, 0.7, 1.6)
    t = _times(seconds)
    frequency = draw(rng, split, 150, 400) if pitch == "low" else draw(rng, split, 1100, 3200)
    bend = {"steady": 0.0, "rising": 1.0, "falling": -1.0}[contour] * draw(rng, split, 5, 12) / 12
    wave = _harmonics(rng, frequency * 2 ** (bend * (t / seconds - 0.5)))
    if pulsing:
        wave *= 0.5 + 0.5 * np.tanh(8 * np.sin(2 * np.pi * draw(rng, split, 3, 8) * t))
    return _fade(wave)


def hiss(rng: np.random.Generator, split: str) -> np.ndarray:
    """Air: noise without the low end."""
    wave = coloured(rng, int(draw(rng, split, 0.7, 1.6) * RATE), -draw(rng, split, 0.05, 0.5))
    return _fade(wave)


def rumble(rng: np.random.Generator, split: str) -> np.ndarray:
    """Noise that is nearly all below 200 Hz."""
    return _fade(coloured(rng, int(draw(rng, split, 0.8, 1.6) * RATE), draw(rng, split, 1.6, 2.4)))


def hum(rng: np.random.Generator, split: str) -> np.ndarray:
    """A mains-like hum: many weak harmonics of 50 to 120 Hz, unvarying."""
    t = _times(draw(rng, split, 0.8, 1.6))
    base = draw(rng, split, 50, 120)
    return _fade(
        sum(
            np.sin(2 * np.pi * base * k * t + rng.random() * 6) * rng.uniform(0.3, 1) / k for k in range(1, 9)
        )
    )


def buzz(rng: np.random.Generator, split: str) -> np.ndarray:
    """A buzzer: a harsh square wave of 150 to 320 Hz."""
    t = _times(draw(rng, split, 0.5, 1.2))
    phase = np.cumsum(draw(rng, split, 150, 320) * (1 + 0.01 * np.sin(2 * np.pi * 30 * t))) / RATE
    return _fade(lfilter([1], [1, -0.3], np.sign(np.sin(2 * np.pi * phase)) + 0.1 * rng.normal(size=t.size)))


def siren(rng: np.random.Generator, split: str) -> np.ndarray:
    """A tone that swings up and down."""
    t = _times(draw(rng, split, 1.2, 2.0))
    centre, swing, rate = draw(rng, split, 600, 1400), draw(rng, split, 0.25, 0.6), draw(rng, split, 1.2, 3.5)
    return _fade(_harmonics(rng, centre * 2 ** (swing * np.sin(2 * np.pi * rate * t + rng.random() * 6))))


def whistle(rng: np.random.Generator, split: str) -> np.ndarray:
    """A breathy high tone with vibrato."""
    t = _times(draw(rng, split, 0.6, 1.3))
    pitch = draw(rng, split, 1800, 3600) * (1 + 0.015 * np.sin(2 * np.pi * draw(rng, split, 12, 30) * t))
    wave = np.sin(2 * np.pi * np.cumsum(pitch) / RATE)
    return _fade(wave + 0.25 * coloured(rng, t.size, -0.3))


def rattle(rng: np.random.Generator, split: str) -> np.ndarray:
    """Many small metallic hits at irregular times."""
    seconds = draw(rng, split, 0.8, 1.5)
    gaps = rng.exponential(1 / draw(rng, split, 14, 30), 80)
    times = np.cumsum(gaps)
    hits = [_hit(rng, split, 1500, 5000, 0.015) * rng.uniform(0.3, 1) for _ in range((times < seconds).sum())]
    return _place(hits, times[times < seconds], seconds)


def beeps(rng: np.random.Generator, split: str, count: int = 1) -> np.ndarray:
    """`count` short equal tones."""
    length, pitch = draw(rng, split, 0.07, 0.16), draw(rng, split, 700, 2600)
    one = _fade(_harmonics(rng, np.full(int(length * RATE), pitch)))
    return _repeat(rng, split, one, count)


def knocks(rng: np.random.Generator, split: str, count: int = 1) -> np.ndarray:
    """`count` dull knocks on wood."""
    return _repeat(rng, split, _hit(rng, split, 120, 450, 0.035), count)


def clicks(rng: np.random.Generator, split: str, count: int = 1) -> np.ndarray:
    """`count` sharp clicks."""
    return _repeat(rng, split, _hit(rng, split, 2000, 6000, 0.004), count)


def bells(rng: np.random.Generator, split: str, count: int = 1) -> np.ndarray:
    """`count` strokes of a bell: inharmonic partials that ring."""
    t, base = _times(0.45), draw(rng, split, 500, 1300)
    ratios = (1, 2.0, 2.76, 4.07, 5.4)
    partials = [
        np.sin(2 * np.pi * base * r * t) * np.exp(-t * (5 + 3 * r)) * rng.uniform(0.4, 1) for r in ratios
    ]
    return _repeat(rng, split, _peak(sum(partials)), count)


def rhythm(rng: np.random.Generator, split: str, regular: bool = True, fast: bool = True) -> np.ndarray:
    """A train of hits for 1.8 s, like something that runs: regular or not, fast (9 to 13 a second) or slow (3 to 5)."""
    rate = draw(rng, split, 9, 13) if fast else draw(rng, split, 3, 5)
    seconds = 1.8
    gaps = np.full(40, 1 / rate) * (1 if regular else rng.choice([0.35, 0.7, 1.3, 2.0], 40))
    times = np.cumsum(gaps) - gaps[0]
    hit = _hit(rng, split, 200, 3000, draw(rng, split, 0.006, 0.03))
    return _place([hit] * int((times < seconds).sum()), times[times < seconds], seconds)


def coloured(rng: np.random.Generator, size: int, slope: float) -> np.ndarray:
    """Noise whose amplitude falls with frequency to the power `slope` (0 white, 1 brown-like, negative hissing); peak 1."""
    quick = next_fast_len(size, real=True)
    spectrum = np.fft.rfft(rng.normal(size=quick))
    spectrum *= np.maximum(np.fft.rfftfreq(quick, 1 / RATE), 40) ** -slope
    return _peak(np.fft.irfft(spectrum, quick)[:size])


def heard(
    rng: np.random.Generator, split: str, wave: np.ndarray, peak: float | None = None, longest: float = 2.5
) -> np.ndarray:
    """Hear a wave in a room: a random start in a longer recording, reverberation, level, and background noise.

    Args:
        wave: peak about 1.
        peak: level of the recording; None draws 0.15 to 0.9.
        longest: seconds; a longer wave is kept whole.

    Returns:
        float32, in [-1, 1].
    """
    spare = max(0, min(int(rng.uniform(0.1, 0.9) * RATE), int(longest * RATE) - wave.size))
    if rng.random() < 0.08:  # people do not always speak at once: late positions must be heard too
        spare = max(spare, int(rng.uniform(2.0, 3.9) * RATE) - wave.size)
    start = rng.integers(spare + 1)
    wave = _peak(np.pad(wave, (start, spare - start)))
    if rng.random() < 0.5:
        wave = _peak(_reverberate(rng, split, wave))
    wave = wave * (peak if peak is not None else rng.uniform(0.15, 0.9))
    level = np.abs(wave).max() * 10 ** (-draw(rng, split, 12, 60) / 20)
    slope = rng.choice([0.0, 0.8, 1.6] if split == "train" else [0.4, 1.2])
    return np.clip(wave + level * coloured(rng, wave.size, slope), -1, 1).astype(np.float32)


def _reverberate(rng: np.random.Generator, split: str, wave: np.ndarray) -> np.ndarray:
    decay = draw(rng, split, 0.02, 0.12)  # seconds to 1/e of the amplitude
    t = _times(4 * decay)
    tail = rng.normal(size=t.size) * np.exp(-t / decay)
    tail *= rng.uniform(0.3, 1.0) / np.sqrt((tail**2).sum())
    tail[0] = 1.0
    return fftconvolve(wave, tail)[: wave.size]


def _hit(rng: np.random.Generator, split: str, low: float, high: float, decay: float) -> np.ndarray:
    """A struck thing: a decaying tone and a burst of noise. `decay` in seconds."""
    t = _times(6 * decay + 0.01)
    ring = np.sin(2 * np.pi * draw(rng, split, low, high) * t) * np.exp(-t / decay)
    return _peak(ring + 0.6 * rng.normal(size=t.size) * np.exp(-t / (0.3 * decay)))


def _repeat(rng: np.random.Generator, split: str, one: np.ndarray, count: int) -> np.ndarray:
    """The same sound `count` times at about equal distances of 0.24 to 0.45 s."""
    times = np.arange(count) * draw(rng, split, 0.24, 0.45) * rng.uniform(0.95, 1.05, count)
    return _place([one * rng.uniform(0.8, 1) for _ in range(count)], times, times[-1] + one.size / RATE)


def _place(hits: list[np.ndarray], times: np.ndarray, seconds: float) -> np.ndarray:
    wave = np.zeros(int(seconds * RATE) + 1 + max((h.size for h in hits), default=0))
    for hit, time in zip(hits, times, strict=True):
        start = int(time * RATE)
        wave[start : start + hit.size] += hit
    return _peak(wave)


def _harmonics(rng: np.random.Generator, frequency: np.ndarray) -> np.ndarray:
    """A tone of changing frequency (N,), in Hz, with up to four harmonics below 7 kHz."""
    phase = 2 * np.pi * np.cumsum(frequency) / RATE
    weights = [1.0, *rng.uniform(0, 0.6, 3)]
    return _peak(
        sum(w * np.sin((k + 1) * phase) * ((k + 1) * frequency < 7000) for k, w in enumerate(weights))
    )


def _times(seconds: float) -> np.ndarray:
    return np.arange(int(seconds * RATE)) / RATE


def _fade(wave: np.ndarray) -> np.ndarray:
    """Peak 1, with 10 ms ramps."""
    wave = _peak(wave)
    ramp = np.linspace(0, 1, 160)
    wave[:160] *= ramp
    wave[-160:] *= ramp[::-1]
    return wave


def _peak(wave: np.ndarray) -> np.ndarray:
    return wave / max(float(np.abs(wave).max()), 1e-9)
