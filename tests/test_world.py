"""The general world that the tiny model learns from: what it draws is what it says, and the same every time."""

import numpy as np
import pytest

from sample_data.recipe import batches, lessons, model
from sample_data.world import bodies, pictures, questions, sentences, sounds
from sample_data.world.item import NAMES_JA, translate


@pytest.mark.parametrize("mark", bodies.MARKS)
def test_a_mark_lies_on_its_body_and_is_large_enough_to_see(mark):
    rng = np.random.default_rng(3)
    reaches = []
    for _ in range(12):
        image, facts, seen, solid = bodies.body(rng, 112, mark)
        assert image.shape == (112, 112, 3) and facts["mark"] == mark
        if mark == "none":
            assert not seen.any()
            continue
        assert not ((seen > 0.5) & (solid < 0.1)).any()
        rows, columns = np.flatnonzero((seen > 0.5).any(1)), np.flatnonzero((seen > 0.5).any(0))
        reaches.append(max(np.ptp(rows), np.ptp(columns)) / 112 if len(rows) else 0.0)
    assert mark == "none" or np.median(reaches) > 0.18


@pytest.mark.parametrize("kind", list(pictures.SHARES))
def test_a_picture_is_the_same_for_the_same_seed_and_its_cells_name_things(kind):
    first, again = (pictures.picture(np.random.default_rng(8), 140, kind) for _ in range(2))
    assert np.array_equal(first.image, again.image) and first.facts == again.facts
    assert first.cells.shape == (2, 5, 5) and first.cells[0].max() < len(pictures.THINGS)


def test_every_answer_about_a_picture_is_among_its_options():
    rng = np.random.default_rng(4)
    for number in range(200):
        item = questions.about(
            rng, pictures.picture(rng, 112, tuple(pictures.SHARES)[number % len(pictures.SHARES)])
        )
        assert item.answer in item.options and len(item.options) == len(set(item.options)) > 1


def test_a_proposed_value_is_confirmed_where_it_is_true_and_only_there():
    rng = np.random.default_rng(5)
    answers = set()
    for number in range(120):
        one = pictures.picture(rng, 112, tuple(pictures.SHARES)[number % len(pictures.SHARES)])
        item = questions.is_it(rng, one)
        asked = next(n for n, (_, english, ja) in questions.ASK.items() if item.question.startswith(english + ja) and n in one.facts)
        truth = translate(one.facts[asked], "「" in item.question)
        proposed = item.question.split("「")[1][:-5] if "「" in item.question else item.question.split(" Is it ")[1][:-1]
        answers.add(item.answer)
        assert (proposed == truth) == (item.answer in ("yes", "はい"))
    assert answers == {"yes", "no", "はい", "いいえ"}


@pytest.mark.parametrize("fact", list(questions.PAIRED))
def test_the_picture_that_is_named_shows_the_value_and_the_other_does_not(fact):
    rng = np.random.default_rng(6)
    for _ in range(20):
        both = []
        while len(both) < 2:
            one = pictures.picture(rng, 112)
            if one.facts.get(fact) is not None and (not both or both[0].facts[fact] != one.facts[fact]):
                both.append(one)
        item = questions.which_picture(rng, tuple(both), fact)
        which = {"first": 0, "一枚目": 0, "second": 1, "二枚目": 1}[item.answer]
        shown = both[which].facts[fact]
        asked = NAMES_JA[shown] if "「" in item.question else shown
        assert f"「{asked}」" in item.question or item.question.endswith(f": {asked}?")
        named = questions.fact_of(rng, tuple(both), 1, fact)
        value = both[1].facts[fact]
        assert named.answer in (value, NAMES_JA[value]) and named.answer in named.options


def test_nothing_is_asked_that_the_eyes_cannot_read():
    rng = np.random.default_rng(6)
    for number in range(200):
        kind, fact = questions.about(rng, pictures.picture(rng, 112, ("surface", "body", "glyph")[number % 3])).kind.split("/")
        assert fact not in questions.TOO_FINE, kind


def test_questions_of_a_dialogue_are_answered_by_the_note_that_only_the_first_one_shows():
    rng = np.random.default_rng(7)
    for _ in range(50):
        first, *later = sentences.dialogue(rng)
        assert first.text and later and not any(item.text for item in later)
        asked = [first, *later]
        assert len({item.question for item in asked}) == len(asked)
        assert all(item.answer in first.text and item.answer in item.options for item in asked)


def test_every_value_that_a_question_asks_for_has_a_japanese_name():
    values = {value for values, _, _ in questions.ASK.values() for value in values}
    assert {value for value in values if value.islower()} - set(pictures.WORDS) <= set(NAMES_JA)


def test_a_phrase_says_what_it_names():
    heard = sounds.listen(np.random.default_rng(2), "train", "phrase")
    assert heard.written and heard.answer in heard.names.values()


def test_a_drill_asks_only_for_what_it_has_shown():
    tokenizer = model.build_processor(model.TOKENIZER).tokenizer
    rng = np.random.default_rng(1)
    for _ in range(20):
        tokens, labels = lessons.drill(rng, tokenizer)
        assert len(tokens) == len(labels)
        asked = [place for place, label in enumerate(labels) if label != batches.IGNORED]
        assert asked and all(tokens[place] == labels[place] for place in asked)
        assert all(tokens[place] in tokens[: asked[0]] for place in asked)
