"""The sample company's questions by level: what is there, what follows, how somebody feels."""

import pytest

from poc.levels import LEVELS, level_rows
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


def test_feelings_are_decided_by_the_voice_and_some_calls_contradict_their_words():
    rows = level_rows(COMPANY, "emotion", "test")
    assert all(row.decided_by == ("audio",) for row in rows) and {row.meta["conflict"] for row in rows} == {"yes", "no"}


def test_the_same_few_rows_are_drawn_and_an_unknown_level_is_refused():
    few = level_rows(COMPANY, "cognition", "test", 30)
    assert few == level_rows(COMPANY, "cognition", "test", 30) and 30 <= len(few) <= 33
    with pytest.raises(ValueError, match="level 'feeling' is unknown; allowed: .'perception', 'cognition', 'emotion'"):
        level_rows(COMPANY, "feeling", "test")
