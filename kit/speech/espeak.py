"""espeak-ng, a hundred languages in one small library, from the wheel espeakng-loader. GPL-3, so it is an optional extra and never a dependency.

The library is loaded for each call (about 20 ms) and unloaded afterwards: it keeps the phase of its pitch flutter from one utterance to the next in variables that no
call resets, and the same call must give the same wave. It has one state for the whole process, so calls wait for each other.
"""

import _ctypes
import contextlib
import ctypes
import os
import tempfile
import threading
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from kit.errors import KitError
from kit.language import say

RATE, PITCH, RANGE = 1, 3, 4  # espeak_PARAMETER in speak_lib.h: words per minute, 0 to 100, 0 to 100
WORDS_PER_MINUTE = 175  # espeak-ng's normal speed
_UTF8 = 1
_AS_IPA = 2
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
_unload = getattr(_ctypes, "dlclose", None) or _ctypes.FreeLibrary  # POSIX, else Windows
_one_at_a_time = threading.Lock()


def render(text: str, voice: str, settings: dict[int, float]) -> tuple[np.ndarray, int]:
    """The voice saying `text`.

    Args:
        text: what to say.
        voice: a language or accent, with a variant where one is wanted, in espeak-ng's own notation: "en-us", "de", "en-us+f3".
        settings: RATE, PITCH or RANGE -> value.

    Returns:
        (float64 (N,) in [-1, 1], sample rate in Hz).

    Raises:
        KitError: the wheel is missing or espeak-ng does not know the voice.
    """
    chunks: list[bytes] = []

    def collect(samples, count, _events):
        if samples and count > 0:
            chunks.append(ctypes.string_at(samples, count * 2))
        return 0

    callback = _CALLBACK(collect)
    with library(voice) as (lib, rate):
        lib.espeak_SetSynthCallback(callback)
        for parameter, value in settings.items():
            lib.espeak_SetParameter(parameter, int(value), 0)
        lib.espeak_ng_SetRandSeed(ctypes.c_long(1))  # breathy voices draw noise
        spoken = text.encode()
        lib.espeak_Synth(spoken, ctypes.c_size_t(len(spoken) + 1), 0, 0, 0, _UTF8, None, None)
        lib.espeak_Synchronize()
    return np.frombuffer(b"".join(chunks), np.int16) / 32768, rate


def phonemes(text: str, lib) -> list[str]:
    """The phonemes in the voice of an open `library`, one IPA sign each, without stress, length and word boundaries."""
    lib.espeak_TextToPhonemes.restype = ctypes.c_char_p
    signs, rest = "", ctypes.c_char_p(text.encode())
    while rest.value:  # one clause a call
        signs += lib.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, _AS_IPA).decode()
    return [sign for sign in signs if unicodedata.category(sign) in ("Ll", "Lo")]


@contextlib.contextmanager
def library(voice: str) -> Iterator[tuple[ctypes.CDLL, int]]:
    """Loads espeak-ng, chooses the voice, and unloads it at the end. Yields (library, sample rate in Hz).

    Raises:
        KitError: the wheel is missing or broken, or espeak-ng does not know the voice.
    """
    wheel = _wheel()
    with _one_at_a_time:
        lib = ctypes.CDLL(wheel.get_library_path())
        try:
            rate = lib.espeak_Initialize(
                1, 0, _short_path(wheel.get_data_path()).encode(), 0
            )  # 1: samples to the callback
            if rate <= 0:
                raise KitError(
                    say(
                        "espeak-ng cannot read its data; run: pip install --force-reinstall espeakng-loader",
                        "espeak-ng がデータを読めません。実行: pip install --force-reinstall espeakng-loader",
                    )
                )
            if lib.espeak_SetVoiceByName(voice.encode()) != 0:
                raise KitError(
                    say(
                        f"voice {voice!r} is unknown to espeak-ng; give a language (en-us, de, fr, zh, ko ...), with a variant if you like: en-us+f3",
                        f"声 {voice!r} は espeak-ng にありません。言語（en-us、de、fr、zh、ko など）を指定してください。変種も付けられます：en-us+f3",
                    )
                )
            yield lib, rate
        finally:
            lib.espeak_Terminate()  # or its thread outlives the code it runs
            _unload(lib._handle)


def _wheel():
    try:
        import espeakng_loader
    except ImportError as error:
        raise KitError(
            say(
                'voices other than the Japanese one need espeakng-loader (espeak-ng, GPL-3); run: pip install "mllm-poc-kit[voice-en]"',
                '日本語以外の音声合成には espeakng-loader（espeak-ng、GPL-3）が必要です。実行: pip install "mllm-poc-kit[voice-en]"',
            )
        ) from error
    return espeakng_loader


@lru_cache(maxsize=1)
def _short_path(path: str) -> str:
    """espeak-ng cuts paths at 160 characters: a deep environment is reached through a link."""
    if len(path) < 130:
        return path
    link = Path(tempfile.mkdtemp(prefix="espeak")) / "espeak-ng-data"
    os.symlink(path, link)
    return str(link)
