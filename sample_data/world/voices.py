"""Synthetic voices, offline: English from espeak-ng, Japanese from Open JTalk.

Both return float32 mono at 16 kHz, without leading and trailing silence and at one peak level, so that
loudness is something the caller decides. The libraries themselves are kit.speech.espeak and kit.speech.open_jtalk.
"""

from collections.abc import Sequence

import numpy as np
from scipy.signal import resample_poly

from kit.speech import espeak, open_jtalk

RATE = 16000
PEAK = 0.7
# accents and variants of espeak-ng that are easy to understand, in espeak-ng's own notation "accent+variant"
ENGLISH_VOICES = tuple(
    "en-us en en-gb-x-rp en-gb-scotland en-us+f1 en-us+f2 en-us+f3 en-us+f4 en-us+m1 en-us+m2 en-us+m3 "
    "en-us+m4 en+f1 en+f3 en+f5 en+m5 en+m6 en+m7 en-us+Annie en-us+Andy en-us+Michael en-us+steph "
    "en-us+belinda en-us+adam en+linda en+edward en+john en-us+Alicia en-us+travis en+grandma".split()
)


def speak_english(
    text: str,
    voice: str = "en-us",
    pitch: float = 50,
    speed: float = 1.0,
    pitch_range: float = 50,
    formant: float = 1.0,
) -> np.ndarray:
    """Say an English text.

    Args:
        text: what to say.
        voice: one of ENGLISH_VOICES, or any "accent+variant" that espeak-ng knows.
        pitch: 0 (low) to 100 (high); 50 is the voice's own.
        speed: times the normal speed, 0.5 to 2.5.
        pitch_range: 0 (monotone) to 100 (lively).
        formant: vocal tract scale; 1.1 sounds smaller, 0.9 bigger, at about the same pitch and speed.

    Returns:
        float32 (N,), 16 kHz, peak 0.7, silence trimmed.

    Raises:
        KitError: the wheel is missing or espeak-ng does not know the voice.
    """
    # resampling by `formant` raises the pitch too: take it back first (75 of espeak's units are an octave)
    settings = {
        espeak.RATE: np.clip(espeak.WORDS_PER_MINUTE * speed / formant, 80, 450),
        espeak.PITCH: np.clip(pitch - 75 * np.log2(formant), 0, 99),
        espeak.RANGE: np.clip(pitch_range, 0, 99),
    }
    wave, rate = espeak.render(text, voice, settings)
    return _finish(wave, rate * formant)


def speak_japanese(text: str, speed: float = 1.0, half_tone: float = 0.0, formant: float = 1.0) -> np.ndarray:
    """Say a Japanese text with the wheel's one voice ("Mei", a woman), varied.

    Args:
        text: what to say, kana or kanji.
        speed: times the normal speed, 0.5 to 2.
        half_tone: pitch change in half tones; -10 with formant 0.85 passes as a man.
        formant: vocal tract scale at unchanged speed and pitch.

    Returns:
        float32 (N,), 16 kHz, peak 0.7, silence trimmed.

    Raises:
        KitError: the wheel is missing.
    """
    # resampling by `formant` changes speed and pitch as well: both are taken back here
    wave, rate = open_jtalk.render(text, speed / formant, half_tone - 12 * float(np.log2(formant)))
    return _finish(wave, rate * formant)


def phonemes_english(texts: Sequence[str]) -> list[list[str]]:
    """The phonemes of each text in an American voice, one IPA sign each, without stress, length and word boundaries."""
    with espeak.library("en-us") as (lib, _):
        return [espeak.phonemes(text, lib) for text in texts]


def phonemes_japanese(texts: Sequence[str]) -> list[list[str]]:
    """Open JTalk's phonemes of each text, without pauses."""
    return [open_jtalk.phonemes(text) for text in texts]


def _finish(wave: np.ndarray, rate: float) -> np.ndarray:
    """Resample from `rate` to 16 kHz, trim silence below 1.5 % of the peak, set the peak."""
    if wave.size == 0:
        return np.zeros(RATE // 10, np.float32)
    wave = resample_poly(wave, RATE // 50, round(rate / 50))
    loud = np.flatnonzero(np.abs(wave) > 0.015 * np.abs(wave).max())
    if loud.size == 0:
        return np.zeros(RATE // 10, np.float32)
    wave = wave[max(loud[0] - 160, 0) : loud[-1] + 320]
    return (PEAK * wave / np.abs(wave).max()).astype(np.float32)
