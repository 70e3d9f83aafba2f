"""Exercises in listening to sounds that are not speech, alone or beside it.

A maker takes (rng, split, language) and returns a Recording.
"""

import numpy as np

from sample_data.world import noises, spoken
from sample_data.world.recording import CLASSES, KINDS, Recording, finish
from sample_data.world.speech import spoken_word

RATE = noises.RATE
# fmt: off
COUNTED = {"beep": noises.beeps, "knock": noises.knocks, "click": noises.clicks, "bell": noises.bells}
SINGLE = {
    "hiss": noises.hiss, "rumble": noises.rumble, "hum": noises.hum, "buzz": noises.buzz, "siren": noises.siren,
    "whistle": noises.whistle, "rattle": noises.rattle,
}
# fmt: on


def sound(rng, split, language) -> Recording:
    """Which sound is it."""
    name, wave, facts = _any_sound(rng, split)
    question = ("What is heard?", "何が聞こえますか?")
    wave = noises.heard(rng, split, wave)
    return finish(rng, wave, language, "sound", question, list(KINDS), name, facts | {"sound": name})


def present(rng, split, language) -> Recording:
    """Is the named sound there."""
    name, wave, facts = _any_sound(rng, split)
    other = str(rng.choice([kind for kind in KINDS if kind != name]))
    asked = name if rng.random() < 0.5 else other
    answer = "yes" if asked == name else "no"
    question = (f"Is this sound heard: {asked}?", f"次の音が聞こえますか: {KINDS[asked]}?")
    wave = noises.heard(rng, split, wave)
    return finish(rng, wave, language, "present", question, ("yes", "no"), answer, facts | {"sound": name})


def order(rng, split, language) -> Recording:
    """Which of two sounds comes first, or last."""
    names, parts = [], []
    while len(names) < 2:
        name, wave, _ = _any_sound(rng, split)
        if name not in names:
            names.append(name)
            parts += [
                wave[: int(1.1 * RATE)] * rng.uniform(0.6, 1),
                np.zeros(int(rng.uniform(0.05, 0.3) * RATE)),
            ]
    which = int(rng.integers(2))
    question = (
        ("Which sound comes first?", "最初に聞こえるのはどれですか?") if which == 0
        else ("Which sound comes last?", "最後に聞こえるのはどれですか?")
    )  # fmt: skip
    options = names if rng.random() < 0.6 else list(KINDS)
    wave, facts = noises.heard(rng, split, np.concatenate(parts)), {"first": names[0], "second": names[1]}
    return finish(rng, wave, language, "order", question, options, names[which], facts)


def count(rng, split, language) -> Recording:
    """How many strokes, knocks, clicks or beeps."""
    name, count = str(rng.choice(list(COUNTED))), int(rng.integers(1, 5))
    wave = noises.heard(rng, split, COUNTED[name](rng, split, count))
    question = ("How many times does it sound?", "何回鳴りますか?")
    facts = {"count": str(count), "sound": name}
    return finish(rng, wave, language, "count", question, CLASSES["count"], str(count), facts)


def tone(rng, split, language) -> Recording:
    """Pitch, contour or pulse of a tone."""
    pitch, contour = str(rng.choice(CLASSES["pitch"])), str(rng.choice(CLASSES["contour"]))
    pulsing = bool(rng.random() < 0.5) and contour == "steady"
    wave = noises.heard(rng, split, noises.tone(rng, split, pitch, contour, pulsing))
    facts = {"pitch": pitch, "contour": contour, "pulse": "pulsing" if pulsing else "steady"}
    asked = str(rng.choice(["pitch", "contour", "pulse"] if contour == "steady" else ["pitch", "contour"]))
    questions = {
        "pitch": ("Is the tone high or low?", "音は高いですか、低いですか?"),
        "contour": ("Does the pitch rise, fall or stay steady?", "音の高さはどう変わりますか?"),
        "pulse": ("Is the tone steady or pulsing?", "音は一定ですか、断続ですか?"),
    }
    return finish(rng, wave, language, f"tone_{asked}", questions[asked], CLASSES[asked], facts[asked], facts)


def rhythm(rng, split, language) -> Recording:
    """A regular or irregular, fast or slow rhythm."""
    regular, fast = bool(rng.random() < 0.5), bool(rng.random() < 0.5)
    wave = noises.heard(rng, split, noises.rhythm(rng, split, regular, fast))
    facts = {"regularity": "regular" if regular else "irregular", "rhythm": "fast" if fast else "slow"}
    asked = str(rng.choice(["regularity", "rhythm"]))
    questions = {
        "regularity": ("Is the rhythm regular or irregular?", "リズムは規則的ですか、不規則ですか?"),
        "rhythm": ("Is the rhythm fast or slow?", "リズムは速いですか、遅いですか?"),
    }
    return finish(rng, wave, language, asked, questions[asked], CLASSES[asked], facts[asked], facts)


def level(rng, split, language) -> Recording:
    """Loud or quiet, for sounds and for speech."""
    level = str(rng.choice(CLASSES["level"]))
    wave, said = _sound_or_speech(rng, split, language)
    peak = noises.draw(rng, split, 0.5, 0.95) if level == "loud" else noises.draw(rng, split, 0.02, 0.08)
    question = ("Is it loud or quiet?", "音量は大きいですか、小さいですか?")
    wave = noises.heard(rng, split, wave, peak=peak)
    return finish(rng, wave, language, "level", question, CLASSES["level"], level, {"level": level}, said)


def change(rng, split, language) -> Recording:
    """Louder or quieter with time."""
    change = str(rng.choice(CLASSES["change"]))
    wave = SINGLE[str(rng.choice(list(SINGLE)))](rng, split)
    ramp = np.geomspace(0.06, 1, wave.size)
    wave = noises.heard(rng, split, wave * (ramp if change == "louder" else ramp[::-1]))
    question = ("Does the sound get louder or quieter?", "音はだんだん大きくなりますか、小さくなりますか?")
    return finish(rng, wave, language, "change", question, CLASSES["change"], change, {"change": change})


def _any_sound(rng, split) -> tuple[str, np.ndarray, dict[str, str]]:
    """A sound of any kind, its name, and its count where it has one."""
    name = list(KINDS)[rng.integers(len(KINDS))]
    if name == "speech":
        wave, _ = spoken_word(rng, split, str(rng.choice(spoken.LANGUAGES)))
        return name, wave, {}
    if name in COUNTED:
        count = int(rng.integers(1, 5))
        return name, COUNTED[name](rng, split, count), {"count": str(count)}
    return name, SINGLE[name](rng, split), {}


def _sound_or_speech(rng, split, language) -> tuple[np.ndarray, tuple[str, ...]]:
    if rng.random() < 0.5:
        wave, read = spoken_word(rng, split, language)
        return wave, (read,)
    return SINGLE[str(rng.choice(list(SINGLE)))](rng, split), ()
