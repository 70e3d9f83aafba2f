"""espeak-ng, a hundred languages in one small library, from the wheel espeakng-loader. GPL-3, so it is an optional extra and never a dependency.

It keeps the phase of its pitch flutter from one utterance to the next in variables that no call resets. Where the same call must give the same wave, as in sample data, it is
loaded for each call (8 ms) and unloaded afterwards; a voice that talks keeps it open, and its flutter is not the same twice. It has one state for the whole process, so
calls wait for each other.
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
_SYNCHRONOUS = 2  # samples come while espeak_Synth runs, in its caller's thread; with a thread of its own it needs twice the time
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
_unload = getattr(_ctypes, "dlclose", None) or _ctypes.FreeLibrary  # POSIX, else Windows
_one_at_a_time = threading.Lock()
_kept: list[tuple[str, ctypes.CDLL, int]] = []  # (voice, library, sample rate) that stays open; one at most


def render(text: str, voice: str, settings: dict[int, float], keep: bool = False) -> tuple[np.ndarray, int]:
    """The voice saying `text`.

    Args:
        text: what to say.
        voice: a language or accent, with a variant where one is wanted, in espeak-ng's own notation: "en-us", "de", "en-us+f3".
        settings: RATE, PITCH or RANGE -> value.
        keep: leave the library open for the next call: sooner, and not the same wave twice.

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
    with (kept_library if keep else library)(voice) as (lib, rate):
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
    with _one_at_a_time:
        _let_go()  # or this would be the library that is open already, with its flutter
        lib, rate = _loaded()
        try:
            _choose(lib, voice)
            yield lib, rate
        finally:
            _unloaded(lib)


@contextlib.contextmanager
def kept_library(voice: str) -> Iterator[tuple[ctypes.CDLL, int]]:
    """Like `library`, but it stays open for the next call."""
    with _one_at_a_time:
        if not _kept or _kept[0][0] != voice:
            lib, rate = _kept[0][1:] if _kept else _loaded()
            _kept[:] = [("", lib, rate)]
            _choose(lib, voice)
            _kept[:] = [(voice, lib, rate)]
        yield _kept[0][1:]


def _let_go() -> None:
    while _kept:
        _unloaded(_kept.pop()[1])


def _loaded() -> tuple[ctypes.CDLL, int]:
    wheel = _wheel()
    lib = ctypes.CDLL(wheel.get_library_path())
    rate = lib.espeak_Initialize(_SYNCHRONOUS, 0, _short_path(wheel.get_data_path()).encode(), 0)
    if rate <= 0:
        _unloaded(lib)
        raise KitError(
            say(
                "espeak-ng cannot read its data; run: pip install --force-reinstall espeakng-loader",
                "espeak-ng がデータを読めません。実行: pip install --force-reinstall espeakng-loader",
            )
        )
    return lib, rate


def _unloaded(lib: ctypes.CDLL) -> None:
    lib.espeak_Terminate()
    _unload(lib._handle)


def _choose(lib: ctypes.CDLL, voice: str) -> None:
    if lib.espeak_SetVoiceByName(voice.encode()) != 0:
        raise KitError(
            say(
                f"voice {voice!r} is unknown to espeak-ng; give a language (en-us, de, fr, zh, ko ...), with a variant if you like: en-us+f3",
                f"声 {voice!r} は espeak-ng にありません。言語（en-us、de、fr、zh、ko など）を指定してください。変種も付けられます：en-us+f3",
            )
        )


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
