"""Synthetic voices, offline: English from espeak-ng, Japanese from Open JTalk.

Both return float32 mono at 16 kHz, without leading and trailing silence and at one peak level, so that
loudness is something the caller decides. The wheels (espeakng-loader, pyopenjtalk-plus) carry dictionaries
and voices: nothing is downloaded. espeak-ng is GPL-3, so it is an optional extra that only makes sample data;
the kit never imports this file.
"""

import _ctypes
import contextlib
import ctypes
import io
import os
import tempfile
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from kit.errors import KitError

RATE = 16000
PEAK = 0.7
# accents and variants of espeak-ng that are easy to understand, in espeak-ng's own notation "accent+variant"
ENGLISH_VOICES = tuple(
    "en-us en en-gb-x-rp en-gb-scotland en-us+f1 en-us+f2 en-us+f3 en-us+f4 en-us+m1 en-us+m2 en-us+m3 "
    "en-us+m4 en+f1 en+f3 en+f5 en+m5 en+m6 en+m7 en-us+Annie en-us+Andy en-us+Michael en-us+steph "
    "en-us+belinda en-us+adam en+linda en+edward en+john en-us+Alicia en-us+travis en+grandma".split()
)
_ESPEAK_RATE, _ESPEAK_PITCH, _ESPEAK_RANGE = 1, 3, 4  # espeak_PARAMETER in speak_lib.h
_UTF8 = 1
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
_unload = getattr(_ctypes, "dlclose", None) or _ctypes.FreeLibrary  # POSIX, else Windows
_WORDS_PER_MINUTE = 175  # espeak-ng's normal speed


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
        _ESPEAK_RATE: np.clip(_WORDS_PER_MINUTE * speed / formant, 80, 450),
        _ESPEAK_PITCH: np.clip(pitch - 75 * np.log2(formant), 0, 99),
        _ESPEAK_RANGE: np.clip(pitch_range, 0, 99),
    }
    wave, rate = _espeak(text, voice, settings)
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
    tts = _open_jtalk()
    # resampling by `formant` changes speed and pitch as well: both are taken back here
    wave, rate = tts(text, speed=speed / formant, half_tone=half_tone - 12 * float(np.log2(formant)))
    return _finish(wave / 32768, rate * formant)


def phonemes_english(texts: Sequence[str]) -> list[list[str]]:
    """The phonemes of each text in an American voice, one IPA sign each, without stress, length and word boundaries."""
    found = []
    with _library("en-us") as (lib, _):
        lib.espeak_TextToPhonemes.restype = ctypes.c_char_p
        for text in texts:
            signs, rest = "", ctypes.c_char_p(text.encode())
            while rest.value:  # one clause a call
                signs += lib.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, 2).decode()  # 2: as IPA
            found.append([sign for sign in signs if unicodedata.category(sign) in ("Ll", "Lo")])
    return found


def phonemes_japanese(texts: Sequence[str]) -> list[list[str]]:
    """Open JTalk's phonemes of each text, without pauses."""
    _open_jtalk()
    import pyopenjtalk

    return [[sign for sign in pyopenjtalk.g2p(text).split() if sign != "pau"] for text in texts]


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


def _espeak(text: str, voice: str, settings: dict[int, float]) -> tuple[np.ndarray, int]:
    """Render with a library that is loaded for this one call, about 20 ms.

    espeak-ng keeps the phase of its pitch flutter from one utterance to the next in variables that no call resets,
    and the same call must give the same wave.

    Returns:
        (float64 (N,) in [-1, 1], sample rate in Hz).
    """
    chunks: list[bytes] = []

    def collect(samples, count, _events):
        if samples and count > 0:
            chunks.append(ctypes.string_at(samples, count * 2))
        return 0

    callback = _CALLBACK(collect)
    with _library(voice) as (lib, rate):
        lib.espeak_SetSynthCallback(callback)
        for parameter, value in settings.items():
            lib.espeak_SetParameter(parameter, int(value), 0)
        lib.espeak_ng_SetRandSeed(ctypes.c_long(1))  # breathy voices draw noise
        spoken = text.encode()
        lib.espeak_Synth(spoken, ctypes.c_size_t(len(spoken) + 1), 0, 0, 0, _UTF8, None, None)
        lib.espeak_Synchronize()
    return np.frombuffer(b"".join(chunks), np.int16) / 32768, rate


@contextlib.contextmanager
def _library(voice: str):
    """Load espeak-ng, choose the voice, and unload it at the end. Yields (library, sample rate in Hz)."""
    try:
        import espeakng_loader
    except ImportError as error:
        raise KitError("English voices need espeakng-loader; run: pip install espeakng-loader") from error
    lib = ctypes.CDLL(espeakng_loader.get_library_path())
    try:
        data = _short_path(espeakng_loader.get_data_path()).encode()
        rate = lib.espeak_Initialize(1, 0, data, 0)  # 1: hand the samples to the callback
        if rate <= 0:
            raise KitError(
                "espeak-ng cannot read its data; run: pip install --force-reinstall espeakng-loader"
            )
        if lib.espeak_SetVoiceByName(voice.encode()) != 0:
            known = ", ".join(ENGLISH_VOICES[:6])
            raise KitError(
                f"voice {voice!r} is unknown to espeak-ng; use one of ENGLISH_VOICES, e.g. {known}"
            )
        yield lib, rate
    finally:
        lib.espeak_Terminate()  # or its thread outlives the code it runs
        _unload(lib._handle)


@lru_cache(maxsize=1)
def _short_path(path: str) -> str:
    """espeak-ng cuts paths at 160 characters: a deep environment is reached through a link."""
    if len(path) < 130:
        return path
    link = Path(tempfile.mkdtemp(prefix="espeak")) / "espeak-ng-data"
    os.symlink(path, link)
    return str(link)


@lru_cache(maxsize=1)
def _open_jtalk():
    """pyopenjtalk's `tts`. Importing it prints a hint about an optional reading model that we do not need."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            import pyopenjtalk
    except ImportError as error:
        raise KitError("Japanese voices need pyopenjtalk-plus; run: pip install pyopenjtalk-plus") from error
    return pyopenjtalk.tts
