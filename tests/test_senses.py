"""The sample company's questions by sense: what the picture, the voice, the film and its sound are asked."""

import pytest

from kit.data.media import load_audio
from poc.pipeline import COMPANY
from poc.senses import SENSES, name_of, sense_rows


@pytest.mark.parametrize("sense", SENSES)
def test_a_sense_is_asked_what_only_it_can_tell_of_rows_on_one_side_only(sense):
    train, test = ([row for rows in sense_rows(COMPANY, sense, split).values() for row in rows] for split in ("train", "test"))
    assert {row.question for row in train} == {row.question for row in test}
    assert not {row.id for row in train} & {row.id for row in test} and not {row.group for row in train} & {row.group for row in test}
    for row in (*train, *test):
        assert row.answer in row.options and not row.text and set(row.decided_by) <= set(row.modalities)
        assert set(row.modalities) == {"image": {"image"}, "audio": {"audio"}, "video": {"video", "audio"}}[sense]


def test_a_film_is_shown_with_its_own_sound_and_some_can_only_be_heard():
    rows = sense_rows(COMPANY, "video", "test")["line"]
    assert all(row.audio == row.video for row in rows) and 0.1 < sum(row.decided_by == ("audio",) for row in rows) / len(rows) < 0.5
    assert len(load_audio(rows[0].audio[0])) > 16000


def test_the_senses_have_names_and_no_others():
    assert [name_of(sense) for sense in SENSES] == ["pictures", "sound", "films with sound"]
    with pytest.raises(ValueError, match="sense 'smell' is unknown; allowed: .'image', 'audio', 'video'"):
        sense_rows(COMPANY, "smell", "test")
