"""The general world of sounds: what is heard, and questions about it in English and Japanese.

`sample` makes one exercise for the language model; `listen` makes one recording with the truths that the encoder's warm-up
learns. Training and held-out recordings differ in voices, speakers, word combinations, pitches, rhythms and noise.
"""

import numpy as np

from sample_data.world import listening, noises, speech, spoken
from sample_data.world.recording import CLASSES, Recording

RATE = noises.RATE
EXERCISES = {  # kind -> (maker, share)
    "word": (speech.word, 0.27), "other_word": (speech.other_word, 0.1), "phrase": (speech.phrase, 0.12), "transcript": (speech.transcript, 0.08),
    "rate": (speech.rate, 0.035), "voice": (speech.voice, 0.03), "delivery": (speech.delivery, 0.035), "melody": (speech.melody, 0.03),
    "speakers": (speech.speakers, 0.03), "language": (speech.language, 0.02), "sound": (listening.sound, 0.06), "present": (listening.present, 0.02),
    "order": (listening.order, 0.05), "count": (listening.count, 0.05), "tone": (listening.tone, 0.04), "rhythm": (listening.rhythm, 0.025),
    "level": (listening.level, 0.025), "change": (listening.change, 0.02),
}  # fmt: skip


def sample(
    rng: np.random.Generator, split: str = "train", kind: str | None = None
) -> tuple[np.ndarray, int, str, tuple[str, ...], str, str]:
    """One exercise in listening.

    Args:
        rng: decides everything.
        split: "train" or "held_out".
        kind: one of `EXERCISES`; None draws one.

    Returns:
        (waveform float32 (N,), sample rate, question, options, answer, kind); the answer is one of the options.
    """
    made = listen(rng, split, kind)
    return made.wave, RATE, made.question, made.options, made.answer, made.kind


def listen(rng: np.random.Generator, split: str = "train", kind: str | None = None) -> Recording:
    """One recording with its question and truths; arguments as in `sample`."""
    if kind is None:
        names = list(EXERCISES)
        shares = np.array([EXERCISES[name][1] for name in names])
        kind = names[rng.choice(len(names), p=shares / shares.sum())]
    return EXERCISES[kind][0](rng, split, str(rng.choice(spoken.LANGUAGES)))


def heads() -> dict[str, tuple[str, ...]]:
    """The classes of every fact, by fact."""
    lists = {f"word_{code}": tuple(word for word, _, _ in spoken.words(code)) for code in spoken.LANGUAGES}
    return CLASSES | lists
