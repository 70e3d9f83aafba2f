"""Answers that speak: sentences of a text that is being written, voices, and the two together."""

from kit.speech.latency import Timing, paced, speak_whole, timing
from kit.speech.sentences import Sentences, speakable, split, stream
from kit.speech.streaming import Speech, Spoken
from kit.speech.voices import PAUSE, EspeakVoice, OpenJTalkVoice, Sound, Voice, joined, voice_for

__all__ = [
    "PAUSE",
    "EspeakVoice",
    "OpenJTalkVoice",
    "Sentences",
    "Sound",
    "Speech",
    "Spoken",
    "Timing",
    "Voice",
    "joined",
    "paced",
    "speak_whole",
    "speakable",
    "split",
    "stream",
    "timing",
    "voice_for",
]
