"""The sample company's questions by level: what is there, what follows, how somebody feels."""

from pathlib import Path

import pytest

from poc.levels import LEVELS, gauges, in_three_ways, level_rows, over_groups
from poc.pipeline import COMPANY


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_has_its_questions_and_no_row_or_group_on_both_sides(level):
    train, test = (level_rows(COMPANY, level, split) for split in ("train", "test"))
    assert {row.question for row in train} == {row.question for row in test} and len({row.question for row in test}) == {"perception": 2, "cognition": 3, "emotion": 1}[level]
    assert not {row.id for row in train} & {row.id for row in test} and not {row.group for row in train} & {row.group for row in test}
    assert all(row.answer in row.options for row in (*train, *test)) and len({row.id for row in test}) == len(test)


def test_whether_the_note_says_what_the_photo_shows_is_asked_as_often_of_wrong_notes():
    rows = [row for row in level_rows(COMPANY, "cognition", "test") if row.question.startswith("Does the note")]
    answers = [row.answer for row in rows]
    assert answers.count("yes") == answers.count("no") > 100
    assert all(row.text and row.image and set(row.decided_by) == {"image", "text"} for row in rows)
    same_photo = {}
    for row in rows:
        same_photo.setdefault(row.image, set()).add(row.answer)
    assert sum(len(found) == 2 for found in same_photo.values()) > 100, "the photo alone does not tell, nor does the note alone"


def test_the_same_photographs_are_shown_alone_beside_a_right_and_beside_a_wrong_note():
    ways = in_three_ways(COMPANY, "test", 30)
    assert ways == in_three_ways(COMPANY, "test", 30)
    alone, right, wrong = ways["photo alone"], ways["note right"], ways["note wrong"]
    assert len(alone) == 30 and {row.group for row in alone} == {row.group for row in level_rows(COMPANY, "perception", "test") if row.options == alone[0].options}, "of every lot"
    lots = [row.group for row in alone]
    assert max(lots.count(lot) for lot in lots) - min(lots.count(lot) for lot in lots) <= 1
    assert [(row.image, row.answer) for row in alone] == [(row.image, row.answer) for row in right] == [(row.image, row.answer) for row in wrong]
    told = {row.text: row.meta["note_says"] for row in level_rows(COMPANY, "perception", "test") if row.text}
    assert not any(row.text for row in alone) and all(told[row.text] == row.answer for row in right) and all(told[row.text] != row.answer for row in wrong)
    assert len({row.id for row in (*alone, *right, *wrong)}) == 90


def test_rows_are_drawn_evenly_over_groups_as_far_as_they_go():
    rows = gauges(COMPANY, "test")
    few = over_groups(rows, 6)
    assert len(few) == 6 and len({row.group for row in few}) == min(6, len({row.group for row in rows}))
    assert {row.id for row in over_groups(rows, 1000)} == {row.id for row in rows}


def test_feelings_are_decided_by_the_voice_and_some_calls_contradict_their_words():
    rows = level_rows(COMPANY, "emotion", "test")
    assert all(row.decided_by == ("audio",) for row in rows) and {row.meta["conflict"] for row in rows} == {"yes", "no"}


def test_the_same_few_rows_are_drawn_and_an_unknown_level_is_refused():
    few = level_rows(COMPANY, "cognition", "test", 30)
    assert few == level_rows(COMPANY, "cognition", "test", 30) and 30 <= len(few) <= 33
    with pytest.raises(ValueError, match="level 'feeling' is unknown; allowed: .'perception', 'cognition', 'emotion'"):
        level_rows(COMPANY, "feeling", "test")


def test_what_the_caller_will_do_next_is_decided_by_the_words_in_some_rows_and_by_the_voice_in_others():
    rows = [row for row in level_rows(COMPANY, "cognition", "test") if row.question.startswith("What will")]
    assert {row.decided_by for row in rows} == {("audio",), ("text",)}, "one row does not tell what decides a question"


@pytest.mark.parametrize("path", ["poc/levels.py", "notebooks/07_moda_attention.ipynb", "notebooks/ja/07_moda_attention.ipynb"])
def test_the_law_on_emotions_is_stated_with_its_exception_and_with_what_holds_for_customers(path):
    told = " ".join((Path(__file__).parents[1] / path).read_text(encoding="utf-8").split())
    english, japanese = ("5(1)(f)", "medical or safety", "Annex III", "50(3)"), ("第 5 条 1 項 (f)", "医療または安全", "附属書 III", "第 50 条 3 項")
    assert all(part in told for part in (japanese if "/ja/" in path else english))
