"""Questions about pictures and videos of the general world, English and Japanese."""

import numpy as np

from sample_data.world import bodies, marks, motions, pictures, surfaces
from sample_data.world.item import Item, choose, pick_options, translate

ASK = {  # fact -> (possible answers, ways to ask in English, ways to ask in Japanese)
    "mark": (bodies.MARKS, ("Which mark is on the surface?", "What is on this surface?", "What kind of mark does this show?"), ("表面にあるのはどれですか。", "どんな印がありますか。")),
    "ground": (surfaces.GROUNDS, ("What is the surface like?", "Which pattern does the ground have?"), ("地の模様はどれですか。", "表面はどんな様子ですか。")),
    "holes": (bodies.HOLES, ("How many holes are there?",), ("穴はいくつありますか。",)),
    "count": (("1", "2", "3", "4"), ("How many marks are there?", "Count the marks."), ("印はいくつありますか。",)),
    "place": (marks.PLACES, ("Where is the mark?", "In which part of the picture is the mark?"), ("印はどこにありますか。",)),
    "orientation": (marks.DIRECTIONS, ("Which way does the mark run?",), ("印の向きはどれですか。",)),
    "direction": (marks.DIRECTIONS, ("Which way does the ground run?",), ("地の向きはどれですか。",)),
    "tone": (("dark", "light"), ("Is the mark dark or light?",), ("印は暗いですか、明るいですか。",)),
    "extent": (("small", "large"), ("Are the marks small or large?",), ("印は小さいですか、大きいですか。",)),
    "light": (surfaces.LIGHTS, ("From which side does the light come?", "Where does the light come from?"), ("光はどちらから来ますか。",)),
    "tint": (surfaces.TINTS, ("Which tint does the surface have?", "What colour is the surface?"), ("表面は何色ですか。",)),
    "brightness": (surfaces.LEVELS, ("How bright is the surface?",), ("明るさはどれくらいですか。",)),
    "grain": (surfaces.LEVELS, ("How strong is the noise?",), ("ノイズの強さはどれくらいですか。",)),
    "contrast": (surfaces.LEVELS, ("How strong is the contrast of the ground?",), ("地のコントラストはどれくらいですか。",)),
    "coarseness": (("fine", "medium", "coarse"), ("How coarse is the ground?",), ("地の粗さはどれですか。",)),
    "pitch": (("narrow", "wide"), ("Is the pattern narrow or wide?",), ("模様は狭いですか、広いですか。",)),
    "number": (("1", "2", "3", "4"), ("How many shapes are there?", "Count the shapes."), ("形はいくつありますか。",)),
    "ground colour": (tuple(pictures.COLOURS), ("What colour is the background?",), ("背景は何色ですか。",)),
    "ink": (tuple(pictures.COLOURS), ("What colour is the writing?",), ("文字は何色ですか。",)),
    "word": (pictures.WORDS, ("What does it say?", "Which word is written here?"), ("何と書いてありますか。",)),
    "character": (pictures.CHARACTERS, ("Which character is this?", "What is written here?"), ("この文字はどれですか。",)),
    "motion": (motions.MOTIONS, ("What does the shape do?", "How does it move?"), ("形はどう動きますか。", "何が起きますか。")),
    "speed": (("fast", "slow"), ("Is it fast or slow?",), ("速いですか、遅いですか。",)),
    "stops": (("yes", "no"), ("Does it stop on the way?",), ("途中で止まりますか。",)),
    "shape": (pictures.SHAPES, ("Which shape is it?",), ("どんな形ですか。",)),
    "colour": (tuple(pictures.COLOURS), ("What colour is the shape?",), ("形は何色ですか。",)),
}  # fmt: skip
# Truths that eyes of this size read too seldom (sample_data/tiny_omni/README.md has the shares): they stay lessons of the eyes, and are not asked.
TOO_FINE = ("holes", "count", "grain", "contrast", "coarseness", "place", "word", "character")
PATTERN = ("ground", "direction", "pitch")
PAIRED = {  # facts by which two pictures are told apart, as they are named in English and in Japanese
    "mark": ("", ""),
    "ground colour": (" this background", "背景"),
    "ink": (" writing in this colour", "文字の色"),
    "tint": (" this tint", "表面の色"),
    "tone": (" a mark of this tone", "印の明るさ"),
    "number": (" so many shapes", "形の数"),
}


def askable(facts: dict) -> list[str]:
    """Returns the names of the facts that may be asked: none that is too fine, and nothing about a pattern that hardly shows."""
    shows = facts.get("contrast") == "high" or facts.get("ground") == "plain"
    return [name for name in ASK if name in facts and name not in TOO_FINE and (shows or name not in PATTERN)]


def ask_fact(rng: np.random.Generator, facts: dict, name: str) -> tuple[str, tuple[str, ...], str]:
    """Returns question, options and answer about one fact, Japanese in two of five."""
    values, english, japanese_forms = ASK[name]
    japanese = rng.random() < 0.4
    question = choose(rng, japanese_forms if japanese else english)
    options = pick_options(rng, facts[name], values, most=7)
    return question, translate(options, japanese), translate(facts[name], japanese)


def about(rng: np.random.Generator, one: pictures.Picture, fact: str | None = None) -> Item:
    """Returns one exercise about a picture; `fact` asks for one of its facts, where it has it."""
    ask = {"surface": _about_marks, "body": _about_marks, "scene": _about_scene, "glyph": _about_glyph}
    return ask[one.kind](rng, one, fact)


def _about_marks(rng: np.random.Generator, one: pictures.Picture, fact: str | None) -> Item:
    if fact is None and rng.random() < 0.14:
        return is_there(rng, one)
    known = askable(one.facts)
    weight = np.array([5.0 if name == "mark" else 1.5 if name == "ground" else 1.0 for name in known])
    name = fact if fact in one.facts else known[int(rng.choice(len(known), p=weight / weight.sum()))]
    return _item(rng, one, name)


def _about_glyph(rng: np.random.Generator, one: pictures.Picture, fact: str | None) -> Item:
    return _item(rng, one, "ink" if rng.random() < 0.75 else "ground colour")


def _about_scene(rng: np.random.Generator, one: pictures.Picture, fact: str | None) -> Item:
    """Asks about shapes: what, which colour, where, how many, beside what."""
    japanese = rng.random() < 0.4
    thing = choose(rng, one.things)
    named = translate((thing.colour, thing.shape, thing.place), japanese)
    only_shape = sum(other.shape == thing.shape for other in one.things) == 1
    only_colour = sum(other.colour == thing.colour for other in one.things) == 1
    kind = choose(
        rng, ("number", "ground colour", "colour", "shape", "place", "exists", "side", "colour", "shape")
    )
    if kind == "colour" and only_shape:
        asked = f"{named[1]}は何色ですか。" if japanese else f"What colour is the {named[1]}?"
        return _made(rng, one, asked, thing.colour, tuple(pictures.COLOURS), "colour", japanese)
    if kind == "shape" and only_colour:
        asked = f"{named[0]}の形は何ですか。" if japanese else f"Which shape is {named[0]}?"
        return _made(rng, one, asked, thing.shape, pictures.SHAPES, "shape", japanese)
    if kind == "place" and only_shape:
        asked = f"{named[1]}はどこにありますか。" if japanese else f"Where is the {named[1]}?"
        return _made(rng, one, asked, thing.place, marks.PLACES, "place", japanese)
    if kind == "exists":
        true = rng.random() < 0.5
        absent = [c for c in pictures.COLOURS if c not in [other.colour for other in one.things]]
        colour = translate(thing.colour if true else choose(rng, absent), japanese)
        asked = f"{colour}の形はありますか。" if japanese else f"Is there a {colour} shape?"
        return _made(rng, one, asked, "yes" if true else "no", ("yes", "no"), "exists", japanese)
    if kind == "side" and len(one.things) > 1 and only_shape:
        other = choose(rng, [o for o in one.things if o is not thing])
        alone = sum(o.shape == other.shape for o in one.things) == 1
        if alone and abs(thing.x - other.x) > 0.2:
            second = translate(other.shape, japanese)
            asked = (
                f"{named[1]}は{second}の左ですか、右ですか。"
                if japanese
                else f"Is the {named[1]} to the left or right of the {second}?"
            )
            return _made(
                rng, one, asked, "left" if thing.x < other.x else "right", ("left", "right"), "side", japanese
            )
    return _item(rng, one, "number" if rng.random() < 0.6 else "ground colour")


def about_motion(rng: np.random.Generator, frames: np.ndarray, facts: dict) -> Item:
    """Returns an exercise about a video."""
    known = [name for name in ("motion", "speed", "stops", "shape", "colour") if name in facts]
    name = "motion" if rng.random() < 0.6 else choose(rng, known)
    question, options, answer = ask_fact(rng, facts, name)
    return Item(
        question,
        options,
        answer,
        f"motion/{name}",
        video=frames,
        listed=rng.random() < 0.9,
        decided_by="video",
    )


def which_picture(
    rng: np.random.Generator, both: tuple[pictures.Picture, pictures.Picture], fact: str = "mark"
) -> Item:
    """Returns an exercise about two pictures that differ in a fact: which one shows this value of it?"""
    japanese = rng.random() < 0.4
    which = int(rng.integers(0, 2))
    value = translate(both[which].facts[fact], japanese)
    noun, noun_ja = PAIRED[fact]
    asked = f"{noun_ja}「{value}」が見えるのはどちらの画像ですか。" if japanese else f"Which picture shows{noun}: {value}?"
    options = ("first", "second") if rng.random() < 0.5 else ("second", "first")
    answer = translate(("first", "second")[which], japanese)
    images = tuple(one.image for one in both)
    return Item(
        asked,
        translate(options, japanese),
        answer,
        f"{both[which].kind}/which picture",
        images=images,
        decided_by="image",
    )


def fact_of(
    rng: np.random.Generator, both: tuple[pictures.Picture, pictures.Picture], which: int, fact: str = "mark"
) -> Item:
    """Returns an exercise about a fact of the first (0) or second (1) of two pictures."""
    japanese = rng.random() < 0.4
    if fact == "mark":
        asked = ("一枚目の印はどれですか。", "二枚目の印はどれですか。") if japanese else ("Which mark is on the first picture?", "Which mark is on the second picture?")
    else:
        of = choose(rng, ASK[fact][2 if japanese else 1])
        asked = (f"一枚目: {of}", f"二枚目: {of}") if japanese else (f"First picture: {of}", f"Second picture: {of}")
    value = both[which].facts[fact]
    options = pick_options(rng, value, ASK[fact][0], most=7)
    return Item(
        asked[which],
        translate(options, japanese),
        translate(value, japanese),
        f"{both[which].kind}/{fact} of two",
        images=tuple(one.image for one in both),
        decided_by="image",
    )


def is_it(rng: np.random.Generator, one: pictures.Picture) -> Item | None:
    """Returns an exercise that proposes a value of a fact, right in half of the cases; None where nothing may be asked."""
    known = [name for name in askable(one.facts) if "yes" not in ASK[name][0]]
    if not known:
        return None
    japanese, true, name = rng.random() < 0.4, rng.random() < 0.5, choose(rng, known)
    values, english, japanese_forms = ASK[name]
    value = one.facts[name] if true else choose(rng, [v for v in values if v != one.facts[name]])
    question, value = choose(rng, japanese_forms if japanese else english), translate(value, japanese)
    options = ("yes", "no") if rng.random() < 0.5 else ("no", "yes")
    return Item(
        f"{question}「{value}」ですか。" if japanese else f"{question} Is it {value}?",
        translate(options, japanese),
        translate("yes" if true else "no", japanese),
        f"{one.kind}/is it",
        images=(one.image,),
        decided_by="image",
    )


def _item(rng, one: pictures.Picture, name: str) -> Item:
    question, options, answer = ask_fact(rng, one.facts, name)
    return Item(
        question,
        options,
        answer,
        f"{one.kind}/{name}",
        images=(one.image,),
        listed=rng.random() < 0.9,
        decided_by="image",
    )


def _made(
    rng, one: pictures.Picture, question: str, answer: str, values: tuple, name: str, japanese: bool
) -> Item:
    options = translate(pick_options(rng, answer, values, most=7), japanese)
    return Item(
        question,
        options,
        translate(answer, japanese),
        f"scene/{name}",
        images=(one.image,),
        listed=rng.random() < 0.9,
        decided_by="image",
    )


def is_there(rng: np.random.Generator, one: pictures.Picture) -> Item:
    """Returns an exercise that asks whether a picture shows a certain mark."""
    true, japanese = rng.random() < 0.5, rng.random() < 0.4
    mark = one.facts["mark"] if true else choose(rng, [m for m in bodies.MARKS if m != one.facts["mark"]])
    if mark == "none":
        asked = "表面に印はありませんか。" if japanese else "Is the surface without any mark?"
    else:
        asked = f"{translate(mark, True)}はありますか。" if japanese else f"Is there a {mark} on the surface?"
    answer, options = ("yes" if true else "no"), ("yes", "no") if rng.random() < 0.5 else ("no", "yes")
    return Item(
        asked,
        translate(options, japanese),
        translate(answer, japanese),
        f"{one.kind}/is there",
        images=(one.image,),
        decided_by="image",
    )
