"""What a listener notices of an answer: how soon it sounds, whether it stops in between; and the old way to measure against."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kit.speech.sentences import speakable
from kit.speech.streaming import Spoken
from kit.speech.voices import Voice


@dataclass(frozen=True)
class Timing:
    """What a listener notices; seconds after the beginning, None where there was no sound.

    Attributes:
        first_sound: the first sound was ready.
        last_sound: the last one was.
        sound_seconds: all sounds together.
        real_time_factor: seconds of synthesis per second of sound; below 1 the voice keeps up with itself.
        silence: seconds in which a listener who plays the sounds as they come waits between two of them.
    """

    first_sound: float | None
    last_sound: float | None
    sound_seconds: float
    real_time_factor: float | None
    silence: float


def speak_whole(pieces: Iterable[str], voice: Voice) -> Spoken:
    """The same answer the old way, to measure against: nothing is said before all is written. A voice's error is not caught."""
    began = time.perf_counter()
    text = "".join(pieces)
    written = time.perf_counter()
    sound = voice.say(speakable(text))
    ready = time.perf_counter()
    return Spoken(text, sound, None, written - began, ready - began, ready - written)


def timing(spoken: Sequence[Spoken]) -> Timing:
    """What a listener notices of these sentences."""
    heard = [one for one in spoken if one.sound is not None]
    if not heard:
        return Timing(None, None, 0.0, None, 0.0)
    seconds = sum(one.sound.seconds for one in heard)
    plays_until, silence = heard[0].ready_at, 0.0
    for one in heard:
        silence += max(0.0, one.ready_at - plays_until)
        plays_until = max(plays_until, one.ready_at) + one.sound.seconds
    return Timing(
        heard[0].ready_at, heard[-1].ready_at, seconds, sum(one.took for one in heard) / seconds, silence
    )


def paced(pieces: Iterable[str], per_second: float) -> Iterator[str]:
    """The pieces at a steady pace, as a model of that many tokens per second would write them; for measuring without one."""
    due = time.perf_counter()
    for piece in pieces:
        due += 1 / per_second
        time.sleep(max(0.0, due - time.perf_counter()))
        yield piece
