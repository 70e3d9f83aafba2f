"""Exercises in listening to speech: words, phrases, and how they are said.

A maker takes (rng, split, language) and returns a Recording.
"""

import numpy as np

from sample_data.world import noises, spoken, spoken_words
from sample_data.world.recording import CLASSES, Recording, finish

RATE = noises.RATE


def word(rng, split, language) -> Recording:
    """Which word is it: among its own kind half of the time, among all words otherwise."""
    table = spoken.words(language)
    word, read, category = table[rng.integers(len(table))]
    wave = spoken.utter(language, split, "plain", int(rng.integers(spoken.VARIANTS[split]["word"])), read)
    near = [w for w, _, c in table if c == category]
    question = ("Which word is spoken?", "何と言っていますか?")
    options = near if rng.random() < 0.5 else [w for w, _, _ in table]
    facts = {
        f"word_{language}": word,
        "language": "English" if language == "en" else "Japanese",
        "sound": "speech",
    }
    return finish(
        rng, _hear_speech(rng, split, wave), language, "word", question, options, word, facts, (read,), word
    )


def other_word(rng, split, language) -> Recording:
    """Which word is it, among words that no other question asks about."""
    table = spoken.more_words(language)
    index = int(rng.integers(len(table)))
    variant = int(rng.choice(spoken.more_variants(index, split)))
    wave = _hear_speech(rng, split, spoken.utter(language, split, "plain", variant, table[index]))
    question = ("Which word is spoken?", "何と言っていますか?")
    options = [table[i] for i in rng.permutation(len(table))[:5]]
    return finish(
        rng,
        wave,
        language,
        "other_word",
        question,
        options,
        table[index],
        {"sound": "speech"},
        (table[index],),
        table[index],
    )


def phrase(rng, split, language) -> Recording:
    """Which colour, animal, number ... does a phrase name."""
    written, read, names, wave = _say_phrase(rng, split, language)
    category = str(rng.choice(list(names)))
    plain = category.split()[-1]
    question = which_is_named(category)
    pick = 0 if language == "en" else 1
    options = [w[pick] for w in (spoken_words.SIZES if plain == "size" else spoken_words.WORDS[plain])]
    facts = {"language": "English" if language == "en" else "Japanese"}
    return finish(
        rng,
        _hear_speech(rng, split, wave),
        language,
        "phrase",
        question,
        options,
        names[category],
        facts,
        (read,),
        written,
        names,
    )


def which_is_named(category: str) -> tuple[str, str]:
    """How to ask, in English and Japanese, which colour, animal, number ... a phrase names."""
    ja = {
        "size": "形容詞",
        "first number": "最初の数",
        "second number": "二番目の数",
    } | spoken_words.CATEGORY_JA
    return f"Which {category} is named?", f"どの{ja[category]}が聞こえますか?"


def transcript(rng, split, language) -> Recording:
    """What does a phrase say, among phrases that differ in one word."""
    written, read, names, wave = _say_phrase(rng, split, language)
    every = spoken.phrase_list(language, split)
    near = [
        p[0]
        for p in every
        if len(set(p[2].items()) & set(names.items())) == 1 and p[2].keys() == names.keys()
    ]
    question = ("What is said?", "何と言いましたか?")
    options = [near[i] for i in rng.permutation(len(near))[:3]] + [every[rng.integers(len(every))][0]]
    return finish(
        rng,
        _hear_speech(rng, split, wave),
        language,
        "transcript",
        question,
        options,
        written,
        {},
        (read,),
        written,
        names,
    )


def _style(rng, split, language, styles, fact, question):
    style = str(rng.choice(styles))
    every = spoken.styled_phrases(language, split)
    index = int(rng.integers(len(every)))
    variant = int(rng.choice(spoken.style_variants(index, split)))
    wave = _hear_speech(rng, split, spoken.utter(language, split, style, variant, every[index][1]))
    return finish(rng, wave, language, fact, question, styles, style, {fact: style}, (every[index][1],))


def rate(rng, split, language) -> Recording:
    """Fast or slow speech."""
    return _style(
        rng,
        split,
        language,
        ("fast", "slow"),
        "rate",
        ("Is the speech fast or slow?", "話し方は速いですか、遅いですか?"),
    )


def voice(rng, split, language) -> Recording:
    """A high or a low voice."""
    return _style(
        rng,
        split,
        language,
        ("high", "low"),
        "voice",
        ("Is the voice high or low?", "声は高いですか、低いですか?"),
    )


def delivery(rng, split, language) -> Recording:
    """An agitated or a calm delivery: speed, pitch and liveliness together."""
    question = ("Does the speaker sound agitated or calm?", "話し方は興奮と落ち着きのどちらですか?")
    return _style(rng, split, language, ("agitated", "calm"), "delivery", question)


def melody(rng, split, language) -> Recording:
    """The pitch of the whole phrase is bent: what a question or a statement does, but in any language and for any voice."""
    _, read, _, wave = _say_phrase(rng, split, language)
    melody = str(rng.choice(CLASSES["melody"]))
    bend = {"steady": 0.0, "rising": 1.0, "falling": -1.0}[melody] * noises.draw(rng, split, 0.35, 0.6)
    speed = 2 ** (bend * (np.linspace(0, 1, wave.size) - 0.5))
    at = np.cumsum(speed)
    wave = np.interp(np.arange(0, at[-1]), at, wave)
    question = ("Does the voice rise, fall or stay level?", "声の高さはどう変わりますか?")
    facts = {"melody": melody}
    return finish(
        rng,
        _hear_speech(rng, split, wave),
        language,
        "melody",
        question,
        CLASSES["melody"],
        melody,
        facts,
        (read,),
    )


def speakers(rng, split, language) -> Recording:
    """One speaker or two, heard in two different words."""
    table = spoken.words(language)
    variants = rng.permutation(spoken.VARIANTS[split]["word"])
    first, second = (spoken.speaker(language, split, "plain", int(v)) for v in variants[:2])
    same = bool(rng.random() < 0.5) or _alike(first, second)
    parts, said = [], []
    for v in (variants[0], variants[0] if same else variants[1]):
        _, read, _ = table[rng.integers(len(table))]
        parts += [
            spoken.utter(language, split, "plain", int(v), read),
            np.zeros(int(rng.uniform(0.1, 0.25) * RATE)),
        ]
        said.append(read)
    answer = "same" if same else "different"
    question = ("Do the same or different people speak?", "話しているのは同じ人ですか、違う人ですか?")
    wave, options = _hear_speech(rng, split, np.concatenate(parts)), CLASSES["speakers"]
    return finish(rng, wave, language, "speakers", question, options, answer, {"speakers": answer}, said)


def _alike(a: dict, b: dict) -> bool:
    """Whether two speakers would pass for one."""
    if "voice" in a:
        return a["voice"] == b["voice"]
    return abs(a["half_tone"] - b["half_tone"]) < 3


def language(rng, split, language) -> Recording:
    """English or Japanese."""
    _, read, _, wave = _say_phrase(rng, split, language)
    answer = "English" if language == "en" else "Japanese"
    question = ("Which language is spoken?", "何語ですか?")
    wave, facts = _hear_speech(rng, split, wave), {"language": answer}
    return finish(rng, wave, language, "language", question, CLASSES["language"], answer, facts, (read,))


def spoken_word(rng, split, language) -> tuple[np.ndarray, str]:
    """A word (peak 1) and how it is read."""
    _, read, _ = spoken.words(language)[rng.integers(len(spoken.words(language)))]
    wave = spoken.utter(language, split, "plain", int(rng.integers(spoken.VARIANTS[split]["word"])), read)
    return wave / 0.7, read


def _say_phrase(rng, split, language) -> tuple[str, str, dict[str, str], np.ndarray]:
    every = spoken.phrase_list(language, split)
    index = int(rng.integers(len(every)))
    written, read, names = every[index]
    variant = int(rng.choice(spoken.phrase_variants(index, split)))
    return written, read, names, spoken.utter(language, split, "plain", variant, read)


def _hear_speech(rng, split, wave) -> np.ndarray:
    """Speech in a room, said up to 8 % faster or slower and higher or lower than it was rendered."""
    rate = noises.draw(rng, split, 0.92, 1.08)
    wave = np.interp(np.arange(0, wave.size - 1, rate), np.arange(wave.size), wave)
    return noises.heard(rng, split, wave)
