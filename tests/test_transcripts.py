"""Word and character error rates, what a model writes down of speech, noise at so many decibels, and the matrix of stages."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kit.data import Sample, read_folder
from kit.data.perturbed_media import sound_played_as
from kit.errors import KitError
from kit.evaluation import error_rates, predict, transcribe
from kit.evaluation.transcripts import compared
from kit.training.stage_matrix import answered, forgetting, stage_matrix

GENERAL = Path(__file__).resolve().parents[1] / "sample_data" / "general"


def frame(*pairs: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame([{"id": str(n), "group": str(n), "answer": answer, "predicted": said} for n, (answer, said) in enumerate(pairs)])


def test_english_is_counted_in_words_and_japanese_in_characters():
    found = error_rates(frame(("stop the pump now", "stop a pump"), ("all is well", "all is well"), ("弁が閉じています", "弁が開じています"), ("止めて下さい", "")))
    assert found["wer"]["value"] == pytest.approx(2 / 7) and (found["wer"]["n"], found["wer"]["length"]) == (2, 7)  # one exchanged, one missing
    assert found["cer"]["value"] == pytest.approx(7 / 14) and (found["cer"]["n"], found["cer"]["length"]) == (2, 14)
    assert found["wer"]["low"] <= found["wer"]["value"] <= found["wer"]["high"]


def test_a_rate_may_be_above_one_and_only_measures_with_rows_are_told():
    found = error_rates(frame(("yes", "yes yes yes yes"), ("no", "no")))
    assert found["wer"]["value"] == pytest.approx(1.5) and "cer" not in found


@pytest.mark.parametrize(
    ("given", "expected"),
    [("Stop, the PUMP!", "stop the pump"), ("It's fine.", "its fine"), ("ﾎﾟﾝﾌﾟ　１号", "ポンプ 1号"), ("バルブを、閉じて。", "バルブを 閉じて"), ("が" + "か\u3099", "がが")],
)
def test_case_punctuation_and_width_do_not_count(given, expected):
    assert compared(given) == expected


def test_punctuation_in_japanese_makes_no_error():
    assert error_rates(frame(("バルブを、閉じて。", "バルブを閉じて")))["cer"]["value"] == 0


def test_what_changes_a_number_is_an_error():
    for said, wrong in (("温度は3.5度です", "温度は35度です"), ("-3度", "3度"), ("気温は-3度", "気温は3度"), ("about 10% more", "about 10 more"), ("3.5 mm", "35 mm"), ("12:30に出荷", "1230に出荷"), ("3〜5個", "35個"), ("3/4だけ", "34だけ"), (".5 mm", "5 mm"), ("–5 degrees", "5 degrees"), ("±0.5", "0.5"), ("5'6", "56")):
        assert next(iter(error_rates(frame((said, wrong))).values()))["value"] > 0, said
    assert compared("1,200 parts, 3.5 mm; A-1. −2") == "1200 parts 3.5 mm a 1 -2"
    assert error_rates(frame(("𠮷野さん", "𠮷野さん")))["cer"]["value"] == 0


def test_a_frame_that_came_through_a_file_is_read(tmp_path):
    frame(("half", ""), ("3.5", "3.5")).to_csv(tmp_path / "said.csv", index=False)
    assert error_rates(pd.read_csv(tmp_path / "said.csv"))["wer"]["value"] == 0.5


def test_languages_without_spaces_are_counted_in_characters():
    assert error_rates(frame(("เปิดวาล์ว", "ปิดวาล์ว")))["cer"]["value"] == pytest.approx(1 / 9)


def test_an_empty_transcript_is_refused(tiny):
    with pytest.raises(KitError, match="without a single letter"):
        error_rates(frame(("...", "hello")))
    with pytest.raises(KitError, match="samples a have no transcript to compare with: fill in `answer`"):
        transcribe(tiny, [Sample("a", "What is said?", text="x")])


def test_the_interval_resamples_groups(monkeypatch):
    """Rows of one speaker err together: twelve speakers of ten equal rows are twelve draws, not a hundred and twenty."""
    rows = pd.concat([frame(*[("one two", "one two" if speaker % 2 else "one six")] * 10).assign(group=f"s{speaker}") for speaker in range(12)])
    grouped, single = (error_rates(table)["wer"] for table in (rows, rows.assign(group=[str(n) for n in range(120)])))
    assert grouped["value"] == single["value"] == pytest.approx(0.25)
    assert grouped["high"] - grouped["low"] > 2.5 * (single["high"] - single["low"])


def test_a_model_writes_down_what_it_is_asked_for(tiny):
    spoken = [sample for sample in read_folder(GENERAL, verify=False).samples if sample.split == "test" and sample.audio and len(sample.answer) > 3]
    pairs = [row.replace(id=f"w{n}", options=(), question="What is said?", answer=row.answer) for n, row in enumerate(spoken[:6])]
    pairs.append(pairs[0].replace(id="text", audio=(), text="a note"))  # another kind of evidence is asked in a batch of its own
    found = transcribe(tiny, pairs, max_new_tokens=12)
    assert found["id"].tolist() == [row.id for row in pairs] and found["predicted"].str.len().min() > 0
    alone = transcribe(tiny, pairs[3:4], max_new_tokens=12)
    assert alone["predicted"].tolist() == found["predicted"].tolist()[3:4], "what stands beside a row in the batch changes nothing"


def test_noise_is_as_many_decibels_below_the_sound_as_it_says():
    wave = (0.1 * np.sin(np.arange(16000) / 5)).astype(np.float32)
    for decibels in (0, 10, 20):
        noise = sound_played_as(wave, {"how": "noisy", "decibels": decibels, "seed": 1}) - wave
        assert 10 * np.log10((wave**2).mean() / (noise**2).mean()) == pytest.approx(decibels, abs=0.3)
    again = sound_played_as(wave, {"how": "noisy", "decibels": 10, "seed": 1})
    assert again.dtype == wave.dtype and np.array_equal(again, sound_played_as(wave, {"how": "noisy", "decibels": 10, "seed": 1}))


# ------------------------------------------------------------------------------------------------------------ stages x kinds


def rows(count: int) -> list[Sample]:
    return [Sample(f"r{n}", "?", ("a", "b"), "a", text="x", group=f"g{n}") for n in range(count)]


def test_the_matrix_tells_what_was_gained_and_what_was_forgotten():
    tests = {"image": rows(40), "audio": rows(30)}
    hits = {
        "before": {"image": np.zeros(40), "audio": np.repeat([1.0, 0.0], 15)},
        "image": {"image": np.ones(40), "audio": np.repeat([1.0, 0.0], 15)},
        "audio": {"image": np.repeat([1.0, 0.0], 20), "audio": np.ones(30)},
    }
    matrix = stage_matrix(hits, tests).set_index(["stage", "kind"])
    assert matrix.loc[("image", "image"), ["value", "change", "forgotten"]].tolist() == [1.0, 1.0, -1.0]
    last = matrix.loc[("audio", "image")]
    assert last["value"] == 0.5 and last["n"] == 40 and last["forgotten"] == 0.5 and 0.25 < last["forgotten low"] < 0.5 < last["forgotten high"] < 0.75
    assert np.isnan(matrix.loc[("before", "image"), "change"])
    (told,) = forgetting(matrix.reset_index())
    assert told.startswith("image: 50.0 points [") and told.endswith("below its best stage; replay more of it")


def test_what_cannot_be_told_from_noise_is_no_forgetting():
    tests, first = {"image": rows(40)}, np.repeat([1.0, 0.0], 20)
    second = first.copy()
    second[0] = 0.0
    assert forgetting(stage_matrix({"one": {"image": first}, "two": {"image": second}}, tests)) == []


def test_the_best_of_many_stages_was_picked_and_the_interval_says_so():
    rng, names = np.random.default_rng(0), ["before", "image", "audio", "video"]
    wrong = 0
    for _ in range(60):  # four equally able stages, eight kinds
        hits = {stage: {str(kind): (rng.random(100) < 0.8).astype(float) for kind in range(8)} for stage in names}
        rows = {str(kind): [Sample(str(row), "?", text="-", group=str(row)) for row in range(100)] for kind in range(8)}
        wrong += bool(forgetting(stage_matrix(hits, rows)))
    assert wrong <= 6  # 5 % of 60 are 3; by single intervals it would be 25


def test_a_checkpoint_is_asked_every_kind(tiny, colours):
    spoken = [sample for sample in read_folder(GENERAL, verify=False).samples if sample.split == "test" and sample.audio][:4]
    found = answered("tiny_omni", {"image": colours[:4], "audio": spoken}, device="cpu")
    for kind, asked in (("image", colours[:4]), ("audio", spoken)):
        answers = predict(tiny, asked)
        assert found[kind].tolist() == (answers["predicted"] == answers["answer"]).astype(float).tolist()
