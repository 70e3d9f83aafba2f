"""Spoken words and phrases: which voice says what, rendered once into a bank.

An utterance is fully determined by (language, split, style, variant, text), so a bank on disk only saves time: what is
missing is rendered on the spot and is the same wave, bit by bit.
"""

import json
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np
from tqdm import tqdm

from sample_data.world import voices
from sample_data.world.spoken_words import MORE_EN, MORE_JA, WORDS, phrases

BUILD = Path(__file__).resolve().parents[2] / "build" / "tiny_omni"
LANGUAGES = ("en", "ja")
SPLITS = ("train", "held_out")
STYLES = ("plain", "fast", "slow", "high", "low", "agitated", "calm")
# how many renderings of a text exist: words, phrases, other words, styled phrases
VARIANTS = {
    "train": {"word": 16, "phrase": 2, "more": 3, "style": 2},
    "held_out": {"word": 5, "phrase": 2, "more": 1, "style": 2},
}
STYLED_PHRASES = 40  # per style; every twelfth phrase or so carries styles
HELD_OUT_EN = ("en-gb-scotland", "en-us+m3", "en-us+f4", "en+f5", "en+john", "en-us+belinda", "en-us+steph")
TRAIN_EN = tuple(voice for voice in voices.ENGLISH_VOICES if voice not in HELD_OUT_EN)
WOMEN = (
    ("en-us+f1", "en-us+f2", "en-us+f3", "en-us+Annie", "en+linda", "en+f1", "en+f3"),
    ("en-us+f4", "en+f5", "en-us+steph"),
)
MEN = (
    ("en-us+m1", "en-us+m2", "en-us+Andy", "en+m7", "en+edward", "en-us+adam"),
    ("en-us+m3", "en+john", "en-gb-scotland"),
)
# (half tones, formant): the one Japanese voice made into several speakers
SPEAKERS_JA = (
    ((0, 1.0), (3, 1.08), (-3, 0.95), (-8, 0.86), (-6, 0.92), (5, 1.12), (-10, 0.84), (1, 0.94), (-1, 1.05), (-5, 0.88), (4, 1.02)),
    ((2, 1.04), (-7, 0.89), (-2, 0.98), (6, 1.1), (-9, 0.86)),
)  # fmt: skip


def phrase_list(language: str, split: str) -> list[tuple[str, str, dict[str, str]]]:
    """The phrases of a split: every fifth combination of words is never heard in training."""
    return [p for i, p in enumerate(_phrases(language)) if (i % 5 == 0) == (split == "held_out")]


def words(language: str) -> list[tuple[str, str, str]]:
    """Lists (as written, as read aloud, category) of the words that questions are asked about."""
    pick = (0, 0) if language == "en" else (1, 2)
    return [(word[pick[0]], word[pick[1]], category) for category, row in WORDS.items() for word in row]


def more_words(language: str) -> list[str]:
    """Other words, for breadth."""
    return MORE_EN if language == "en" else MORE_JA


def utter(language: str, split: str, style: str, variant: int, text: str) -> np.ndarray:
    """One utterance.

    Args:
        language: "en" or "ja".
        split: "train" or "held_out"; decides the speakers.
        style: one of STYLES.
        variant: which of the renderings; a speaker with a pitch and a speed.
        text: as read aloud.

    Returns:
        float32 (N,), 16 kHz, peak 0.7.
    """
    wave = read_bank(language).get(_key(split, style, variant, text))
    if wave is None:
        wave = render(language, split, style, variant, text)
    return wave.astype(np.float32) / 32767


def speaker(language: str, split: str, style: str, variant: int) -> dict:
    """The arguments of `voices.speak_english` or `voices.speak_japanese`: always the same for the same variant."""
    rng = np.random.default_rng(zlib.crc32(f"{language} {split} {style} {variant}".encode()))
    held = split == "held_out"
    speed = {"fast": (1.55, 1.95), "slow": (0.6, 0.74), "agitated": (1.3, 1.6), "calm": (0.75, 0.92)}.get(
        style, (0.82, 1.35)
    )
    options: dict = {"speed": round(float(rng.uniform(*speed)), 3)}
    if language == "en":
        pool = {"high": WOMEN[held], "low": MEN[held]}.get(style, HELD_OUT_EN if held else TRAIN_EN)
        pitch = {"high": (65, 90), "low": (8, 40), "agitated": (62, 85), "calm": (28, 48)}.get(
            style, (30, 70)
        )
        lively = {"agitated": (85, 99), "calm": (8, 25)}.get(style, (25, 75))
        formant = {"high": (1.0, 1.12), "low": (0.88, 1.0)}.get(style, (0.9, 1.12))
        options |= {
            "voice": str(rng.choice(pool)),
            "pitch": int(rng.uniform(*pitch)),
            "pitch_range": int(rng.uniform(*lively)),
        }
        options["formant"] = round(float(rng.uniform(*formant)), 3)
        return options
    half_tone, formant = SPEAKERS_JA[held][rng.integers(len(SPEAKERS_JA[held]))]
    if style in ("high", "low"):  # a woman's or a man's register
        half_tone, formant = (5 + held, 1.1) if style == "high" else (-9 + held, 0.86)
    half_tone += {"agitated": 3.5, "calm": -1.5}.get(style, 0)
    options["half_tone"] = round(half_tone + float(rng.uniform(-1, 1)), 2)
    options["formant"] = round(formant + float(rng.uniform(-0.02, 0.02)), 3)
    return options


def build_bank(folder: Path = BUILD / "voices", most: int | None = None) -> None:
    """Renders every utterance of both languages into `folder`, once: about four minutes on an idle core.

    Args:
        folder: gets en.npz and ja.npz; a file that exists is kept.
        most: only the first so many utterances of each language.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for language in LANGUAGES:
        target = folder / f"{language}.npz"
        if target.exists():
            continue
        jobs = _jobs(language)[:most]
        waves = [render(language, *job) for job in tqdm(jobs, f"voices {language}", mininterval=5)]
        ends = np.cumsum([len(wave) for wave in waves])
        part = target.with_suffix(".part.npz")  # an interrupted run must not look finished
        np.savez(
            part, samples=np.concatenate(waves), ends=ends, keys=json.dumps([_key(*job) for job in jobs])
        )
        part.rename(target)
    read_bank.cache_clear()


def phonemes(language: str) -> dict[str, list[str]]:
    """The phonemes of every text of a language, each with the language before it: what the encoder learns to transcribe."""
    said = texts(language)
    rows = voices.phonemes_english(said) if language == "en" else voices.phonemes_japanese(said)
    return {text: [f"{language}:{sign}" for sign in row] for text, row in zip(said, rows, strict=True)}


def texts(language: str) -> list[str]:
    """Every text that can be uttered, as read aloud."""
    return (
        [read for _, read, _ in words(language)] + [p[1] for p in _phrases(language)] + more_words(language)
    )


def _jobs(language: str) -> list[tuple[str, str, int, str]]:
    jobs = []
    for split in SPLITS:
        count = VARIANTS[split]
        jobs += [(split, "plain", v, read) for _, read, _ in words(language) for v in range(count["word"])]
        jobs += [
            (split, "plain", v, read)
            for i, (_, read, _) in enumerate(phrase_list(language, split))
            for v in phrase_variants(i, split)
        ]
        jobs += [
            (split, "plain", v, read)
            for i, read in enumerate(more_words(language))
            for v in more_variants(i, split)
        ]
        for style in STYLES[1:]:
            for i, (_, read, _) in enumerate(styled_phrases(language, split)):
                jobs += [(split, style, v, read) for v in style_variants(i, split)]
    return list(dict.fromkeys(jobs))


def styled_phrases(language: str, split: str) -> list[tuple[str, str, dict[str, str]]]:
    """The phrases that are also rendered fast, slow, high, low, agitated and calm."""
    every = phrase_list(language, split)
    return every[:: max(1, len(every) // STYLED_PHRASES)]


def phrase_variants(index: int, split: str) -> list[int]:
    """The variants in which phrase `index` exists; neighbours have other speakers."""
    return [(index * 3 + k * 7) % 48 for k in range(VARIANTS[split]["phrase"])]


def more_variants(index: int, split: str) -> list[int]:
    """The variants in which other word `index` exists."""
    return [(index * 5 + k * 11) % 48 for k in range(VARIANTS[split]["more"])]


def style_variants(index: int, split: str) -> list[int]:
    """The variants in which styled phrase `index` exists."""
    return [(index * 2 + k * 5) % 24 for k in range(VARIANTS[split]["style"])]


def _key(split: str, style: str, variant: int, text: str) -> str:
    return f"{split}|{style}|{variant}|{text}"


def render(language: str, split: str, style: str, variant: int, text: str) -> np.ndarray:
    """Speaks one utterance: int16 (N,), 16 kHz."""
    say = voices.speak_english if language == "en" else voices.speak_japanese
    return (say(text, **speaker(language, split, style, variant)) * 32767).astype(np.int16)


@lru_cache(maxsize=4)
def read_bank(language: str, folder: Path = BUILD / "voices") -> dict[str, np.ndarray]:
    """The utterances of the bank on disk by key, or none."""
    path = folder / f"{language}.npz"
    if not path.exists():
        return {}
    with np.load(path) as file:
        samples, ends, keys = file["samples"], file["ends"], json.loads(str(file["keys"]))
    return dict(zip(keys, np.split(samples, ends[:-1]), strict=True))


@lru_cache(maxsize=2)
def _phrases(language: str) -> list[tuple[str, str, dict[str, str]]]:
    return phrases(language)
