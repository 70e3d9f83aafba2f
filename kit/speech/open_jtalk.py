"""Open JTalk from the wheel pyopenjtalk-plus: dictionary and one voice ("Mei") are in it, nothing is downloaded."""

import contextlib
import io
from functools import lru_cache

import numpy as np

from kit.errors import KitError
from kit.language import say

FULL_SCALE = 32768  # Open JTalk's samples are floats in the range of 16-bit integers


def render(text: str, speed: float = 1.0, half_tone: float = 0.0) -> tuple[np.ndarray, int]:
    """The voice saying `text`.

    Args:
        text: kana, kanji, or what the dictionary knows in Latin letters.
        speed: times the normal speed.
        half_tone: pitch change in half tones.

    Returns:
        (float64 (N,) in about [-1, 1], sample rate in Hz); (0,) where nothing in the text can be said.

    Raises:
        KitError: the wheel is missing.
    """
    wave, rate = package().tts(text, speed=speed, half_tone=half_tone)
    return wave / FULL_SCALE, rate


def phonemes(text: str) -> list[str]:
    """Open JTalk's phonemes, without pauses."""
    return [sign for sign in package().g2p(text).split() if sign != "pau"]


@lru_cache(maxsize=1)
def package():
    """The module pyopenjtalk. Importing it prints a hint about an optional reading model that we do not need.

    Raises:
        KitError: the wheel is missing.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            import pyopenjtalk
    except ImportError as error:
        raise KitError(
            say(
                'the Japanese voice needs pyopenjtalk-plus; run: pip install "mllm-poc-kit[voice]"',
                '日本語の音声合成には pyopenjtalk-plus が必要です。実行: pip install "mllm-poc-kit[voice]"',
            )
        ) from error
    return pyopenjtalk
