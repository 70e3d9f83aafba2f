"""Voices: text in, sound out, all with one method. Offline, and quick enough on a CPU to talk while a model writes.

    voice_for("ja").say("傷があります。")  ->  Sound(samples, rate)

Japanese is spoken by Open JTalk (pyopenjtalk-plus), every other language by espeak-ng (GPL-3, an extra of its own); a checkpoint that has a talker speaks for itself
(`kit.speech.talker`). Anything with a `language` and a `say` is a voice.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import soundfile

from kit.errors import KitError
from kit.language import say
from kit.speech import espeak, open_jtalk

HEARD_AT = 16000  # Hz: what models that hear take in
SPEEDS = (0.5, 2.0)  # times the normal speed; beyond, nobody understands it
PAUSE = 0.25  # seconds between two sentences


@dataclass(frozen=True, eq=False)
class Sound:
    """Mono sound.

    Attributes:
        samples: float32 (N,) in [-1, 1].
        rate: samples per second, Hz.

    Raises:
        ValueError: not one channel, values that are no numbers, or no rate.
    """

    samples: np.ndarray
    rate: int

    def __post_init__(self):
        samples = np.asarray(self.samples, np.float32)
        if samples.ndim != 1 or not np.isfinite(samples).all() or self.rate <= 0:
            finite = bool(np.isfinite(samples).all())
            raise ValueError(
                f"a sound is finite samples (N,) at a rate above 0; given {samples.shape}, finite: {finite}, {self.rate} Hz"
            )
        object.__setattr__(self, "samples", samples)

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    def at(self, rate: int) -> "Sound":
        """The same sound at another rate, e.g. HEARD_AT, before a model hears it."""
        if rate == self.rate:
            return self
        from scipy.signal import resample_poly  # a second to import, which the demo's first page does without

        return Sound(resample_poly(self.samples, rate, self.rate), rate)

    def wav(self) -> bytes:
        """A 16-bit WAV file, which every browser plays."""
        file = io.BytesIO()
        soundfile.write(file, self.samples.clip(-1, 1), self.rate, format="WAV", subtype="PCM_16")
        return file.getvalue()


class Voice(Protocol):
    """What speaks. `language` is a code such as "ja" or "en-us"; `say` may be called from another thread, one call at a time."""

    language: str

    def say(self, text: str) -> Sound:
        """The text spoken; a sound without samples where it holds nothing that this voice can say."""


class OpenJTalkVoice:
    """The Japanese voice of pyopenjtalk-plus ("Mei", a woman), 48 kHz.

    Args:
        speed: times the normal speed, within SPEEDS.
        half_tone: pitch change in half tones.

    Raises:
        KitError: the wheel is missing, or the speed is out of bounds.
    """

    language = "ja"

    def __init__(self, speed: float = 1.0, half_tone: float = 0.0):
        self.speed, self.half_tone = _checked(speed), half_tone
        open_jtalk.package()

    def say(self, text: str) -> Sound:
        """The text spoken; numbers and Latin letters as the dictionary reads them."""
        return Sound(*open_jtalk.render(_plain(text), self.speed, self.half_tone))


class EspeakVoice:
    """A voice of espeak-ng, 22 kHz.

    Args:
        language: in espeak-ng's notation, with a variant where one is wanted: "en-us", "de", "en-us+f3".
        speed: times the normal speed, within SPEEDS.
        pitch: 0 (low) to 100 (high).

    Raises:
        KitError: the wheel is missing, the speed is out of bounds, or espeak-ng has no such voice.
    """

    def __init__(self, language: str = "en-us", speed: float = 1.0, pitch: float = 50):
        self.language = language
        self.settings = {espeak.RATE: espeak.WORDS_PER_MINUTE * _checked(speed), espeak.PITCH: pitch}
        with espeak.kept_library(language):
            pass  # so that an unknown voice is told now and not with the first sentence

    def say(self, text: str) -> Sound:
        """The text spoken; a second time it differs a little, as a person's voice does."""
        return Sound(*espeak.render(_plain(text), self.language, self.settings, keep=True))


def voice_for(language: str, speed: float = 1.0) -> Voice:
    """The voice that speaks a language: "ja" Open JTalk, any other espeak-ng ("en" is American).

    Raises:
        KitError: its package is missing (the error says which one to install), or nobody here speaks the language.
    """
    if language.lower().split("-")[0] == "ja":
        return OpenJTalkVoice(speed)
    return EspeakVoice({"en": "en-us", "zh": "cmn", "pt": "pt-br"}.get(language, language), speed)


def joined(sounds: Iterable[Sound], pause: float = PAUSE) -> Sound:
    """One sound after the other, `pause` seconds between two.

    Raises:
        ValueError: none at all, or of different rates.
    """
    sounds = list(sounds)
    rates = {sound.rate for sound in sounds}
    if len(rates) != 1:
        raise ValueError(
            f"sounds of one rate can be joined; given {len(sounds)} of rates {sorted(rates)}: bring them to one with `at`"
        )
    rate = rates.pop()
    silence = np.zeros(round(pause * rate), np.float32)
    return Sound(np.concatenate([part for sound in sounds for part in (sound.samples, silence)][:-1]), rate)


def _checked(speed: float) -> float:
    low, high = SPEEDS
    if not low <= speed <= high:
        raise KitError(
            say(
                f"speed is {speed}; allowed: {low} to {high} times the normal speed",
                f"speed が {speed} です。通常の {low}～{high} 倍にしてください",
            )
        )
    return speed


def _plain(text: str) -> str:
    """Without what a C library takes for the end of the text, and half a character that no encoding knows."""
    return text.replace("\0", " ").encode(errors="ignore").decode()
