"""Text exercises in English and Japanese: find it in the note, compare, negate, count, feel, copy."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from sample_data.world.item import Item, choose, pick_options
from sample_data.world.sentence_words import (
    BAD,
    BAD_JA,
    COLOURS,
    COLOURS_JA,
    FEELINGS,
    FEELINGS_JA,
    FRUIT,
    FRUIT_JA,
    GOOD,
    GOOD_JA,
    PAIRS,
    PAIRS_JA,
    PEOPLE,
    PEOPLE_JA,
    THINGS,
    THINGS_JA,
)


@lru_cache(maxsize=1)
def _words() -> tuple[tuple[str, ...], tuple[str, ...]]:
    folder = Path(__file__).parent
    return tuple(
        tuple((folder / f"words_{code}.txt").read_text(encoding="utf-8").split()) for code in ("en", "ja")
    )


def sentence(rng: np.random.Generator, kind: str | None = None) -> Item:
    """Writes one text exercise, Japanese in two of five."""
    japanese = rng.random() < 0.4
    kind = kind or choose(rng, tuple(KINDS))
    question, options, answer, note = KINDS[kind](rng, japanese)
    return Item(
        question,
        pick_options(rng, answer, options),
        answer,
        f"text/{kind}",
        text=note,
        listed=rng.random() < 0.9,
    )


def _lookup(rng, ja):
    asks, note = _coloured(rng, ja)
    return *choose(rng, asks), note


def _owner(rng, ja):
    asks, note = _owned(rng, ja)
    return *choose(rng, asks), note


def _coloured(rng, ja) -> tuple[list[tuple], str]:
    """Returns every (question, options, answer) about a note of coloured things, and the note."""
    things, colours = (THINGS_JA, COLOURS_JA) if ja else (THINGS, COLOURS)
    count = int(rng.integers(1, 5))
    named = [things[i] for i in rng.permutation(len(things))[:count]]
    seen = [colours[i] for i in rng.permutation(len(colours))[:count]]
    if ja:
        note = "".join(f"{t}は{c}です。" for t, c in zip(named, seen))
    else:
        note = " ".join(f"The {t} is {c}." for t, c in zip(named, seen))
    which = tuple(named) if count > 1 else things
    asks = [(f"{t}は何色ですか。" if ja else f"What colour is the {t}?", colours, c) for t, c in zip(named, seen)]
    asks += [(f"{c}のものは何ですか。" if ja else f"Which thing is {c}?", which, t) for t, c in zip(named, seen)]
    return asks, note


def _owned(rng, ja) -> tuple[list[tuple], str]:
    """Returns every (question, options, answer) about a note of people and what they have, and the note."""
    people, things = (PEOPLE_JA, THINGS_JA) if ja else (PEOPLE, THINGS)
    count = int(rng.integers(2, 5))
    who = [people[i] for i in rng.permutation(len(people))[:count]]
    what = [things[i] for i in rng.permutation(len(things))[:count]]
    if ja:
        note = "".join(f"{p}は{t}を持っています。" for p, t in zip(who, what))
    else:
        note = " ".join(f"{p} has the {t}." for p, t in zip(who, what))
    asks = [
        (f"{t}を持っているのは誰ですか。" if ja else f"Who has the {t}?", tuple(who), p) for p, t in zip(who, what)
    ]
    asks += [
        (f"{p}は何を持っていますか。" if ja else f"What does {p} have?", tuple(what), t) for p, t in zip(who, what)
    ]
    return asks, note


def dialogue(rng: np.random.Generator, turns: int = 4) -> list[Item]:
    """Writes several questions about one note; only the first shows the note. For training: one question in four words teaches little."""
    japanese = rng.random() < 0.4
    kind, about = (("lookup", _coloured), ("owner", _owned))[int(rng.random() < 0.6)]
    asks, note = about(rng, japanese)
    made = []
    for place in rng.permutation(len(asks))[:turns]:
        question, options, answer = asks[place]
        shown = pick_options(rng, answer, options)
        listed = rng.random() < 0.7
        made.append(Item(question, shown, answer, f"text/{kind}", text="" if made else note, listed=listed))
    return made


def _compare(rng, ja):
    more, less = choose(rng, PAIRS_JA if ja else PAIRS)
    if rng.random() < 0.5:
        more, less = less, more
    things = THINGS_JA if ja else THINGS
    a, b = (things[i] for i in rng.permutation(len(things))[:2])
    asked, answer = ((more, a), (less, b))[int(rng.integers(0, 2))]
    note = f"{a}は{b}より{more}です。" if ja else f"The {a} is more {more} than the {b}."
    return (f"どちらがより{asked}ですか。" if ja else f"Which one is more {asked}?"), (a, b), answer, note


def _opposite(rng, ja):
    pairs = PAIRS_JA if ja else PAIRS
    pair = choose(rng, pairs)
    turn = int(rng.integers(0, 2))
    words = tuple(word for both in pairs for word in both if word != pair[turn])
    return (
        (f"{pair[turn]}の反対は何ですか。" if ja else f"What is the opposite of {pair[turn]}?"),
        words,
        pair[1 - turn],
        "",
    )


def _negation(rng, ja):
    thing = choose(rng, THINGS_JA if ja else THINGS)
    colour, other = (choose(rng, COLOURS_JA if ja else COLOURS) for _ in range(2))
    said = rng.random() < 0.5
    note = (
        (f"{thing}は{colour}{'です' if said else 'ではありません'}。")
        if ja
        else f"The {thing} is {'' if said else 'not '}{colour}."
    )
    yes, no = ("はい", "いいえ") if ja else ("yes", "no")
    if said and rng.random() < 0.5 and other != colour:
        return (f"{thing}は{other}ですか。" if ja else f"Is the {thing} {other}?"), (yes, no), no, note
    return (
        (f"{thing}は{colour}ですか。" if ja else f"Is the {thing} {colour}?"),
        (yes, no),
        yes if said else no,
        note,
    )


def _count(rng, ja):
    fruit = FRUIT_JA if ja else FRUIT
    asked, other = (fruit[i] for i in rng.permutation(len(fruit))[:2])
    number = int(rng.integers(1, 5))
    row = [asked] * number + [other] * int(rng.integers(0, 3))
    row = [row[i] for i in rng.permutation(len(row))]
    question = f"{asked}はいくつありますか。" if ja else f"How many times does {asked} occur?"
    return question, ("1", "2", "3", "4"), str(number), ("、".join(row) if ja else ", ".join(row))


def _sentiment(rng, ja):
    positive = rng.random() < 0.5
    if ja:
        note = f"{choose(rng, THINGS_JA)}は{choose(rng, ('とても', '少し', '本当に', ''))}{choose(rng, GOOD_JA if positive else BAD_JA)}です。"
        return "良い感想ですか、悪い感想ですか。", ("良い", "悪い"), "良い" if positive else "悪い", note
    note = f"The {choose(rng, THINGS)} is {choose(rng, ('very ', 'quite ', 'really ', ''))}{choose(rng, GOOD if positive else BAD)}."
    return (
        "Is this positive or negative?",
        ("positive", "negative"),
        "positive" if positive else "negative",
        note,
    )


def _feeling(rng, ja):
    feelings = FEELINGS_JA if ja else FEELINGS
    answer = choose(rng, tuple(feelings))
    note = choose(rng, feelings[answer]) + ("。" if ja else ".")
    return (
        ("話し手の気持ちはどれですか。" if ja else "How does the speaker feel?"),
        tuple(feelings),
        answer,
        note,
    )


def _copy(rng, ja):
    words = _words()[int(ja)]
    answer = choose(rng, words)
    if rng.random() < 0.3:
        answer = answer + choose(rng, words) if ja else f"{answer} {choose(rng, words)}"
    options = (answer, *(choose(rng, words) for _ in range(5)))
    if ja:
        note = choose(
            rng, ("結果：{}", "{}と思います。", "前の人の記録：{}", "{}です。", "記録は{}。", "{}に見える")
        ).format(answer)
        return (
            choose(
                rng,
                ("メモには何と書いてありますか。", "これはどれですか。", "結果は何ですか。", "どれですか。"),
            ),
            options,
            answer,
            note,
        )
    note = choose(
        rng,
        (
            "Result: {}.",
            "I think it is {}.",
            "The last person wrote {}.",
            "{}",
            "It looks like {}.",
            "seen: {}",
        ),
    ).format(answer)
    return (
        choose(rng, ("What does the note say?", "What is it?", "Which one is it?", "What was the result?")),
        options,
        answer,
        note,
    )


def _order(rng, ja):
    things = THINGS_JA if ja else THINGS
    row = [things[i] for i in rng.permutation(len(things))[: int(rng.integers(2, 5))]]
    last = rng.random() < 0.5
    question = (
        f"{'最後' if last else '最初'}のものは何ですか。"
        if ja
        else f"Which one is {'last' if last else 'first'}?"
    )
    return question, tuple(row), row[-1 if last else 0], ("、".join(row) if ja else ", ".join(row))


KINDS = {
    "lookup": _lookup, "owner": _owner, "compare": _compare, "opposite": _opposite, "negation": _negation, "count": _count,
    "sentiment": _sentiment, "feeling": _feeling, "copy": _copy, "order": _order,
}  # fmt: skip
