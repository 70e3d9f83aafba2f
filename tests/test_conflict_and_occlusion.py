"""What misleads in a company, whether evidence contradicts itself, and where an answer comes from: by hand, and on a model that reads its evidence."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from kit.data import Sample
from kit.data.names import TAKEN, is_taken
from kit.data.perturbed_media import image_shown_as, sound_played_as, video_shown_as
from kit.data.trainable import TRAINABLE
from kit.diagnosis import (
    Scenario,
    ask,
    by_perturbation,
    conflict,
    conflict_scores,
    contributions,
    deletion_test,
    importance,
    is_shown,
    mined,
    most_important,
    within,
)
from kit.diagnosis.conflict import apart
from kit.diagnosis.occlusion import LEAST_GAIN, ask_hidden, hidden, pieces_of, words_of
from kit.evaluation import predict
from poc.diagnose import perturbations_for
from poc.usecase import load_samples, load_usecase

ROOT = Path(__file__).resolve().parents[1]
OPTIONS = ("ok", "scratch", "dent")


def row(number: int, answer: str, text: str = "", **more) -> Sample:
    return Sample(f"r{number}", "What is it?", OPTIONS, answer, image=("part.png",), text=text, **more)


def test_what_misleads_is_mined_from_rows_whose_evidence_names_another_answer():
    rows = [row(i, "ok", "looks like a dent") for i in range(3)]  # one option is named, and it is wrong
    rows += [row(3, "dent", "looks like a dent"), row(4, "ok", "no scratch, no dent"), row(5, "ok", "fine")]  # right; two are named; none is
    rows += [row(6, "ok", "打痕のようです", meta={"note_says": "dent"}), row(7, "ok", "打痕 (dent)")]  # by a column; twice in one note
    rows += [row(8, "ok", audio=("say.wav",), meta={"note_says": "scratch"}), row(9, "ok", "a dent", decided_by=("text",))]  # spoken; the text decides
    found = {scenario.name: scenario for scenario in mined(rows)}
    assert list(found)[0] == "found: looks like a ..." and found["found: looks like a ..."].seen == 3
    assert set(found) == {"found: looks like a ...", "found: 打痕のようです (dent)", "found: 打痕 (dent) (dent)", "found: say.wav (scratch)"}
    note, literal, spoken = (found[name].as_perturbation() for name in ("found: looks like a ...", "found: 打痕のようです (dent)", "found: say.wav (scratch)"))
    shown = note(row(0, "dent"))
    assert shown.text in ("looks like a ok", "looks like a scratch") and shown.text.endswith(shown.meta["named"])
    assert literal(row(0, "dent")) is None and literal(row(0, "ok")).meta["named"] == "dent"
    assert spoken(row(0, "ok")).audio[0].name == "say.wav" and spoken(row(0, "scratch")) is None and spoken(row(0, "ok")).meta["named"] == "scratch"
    with pytest.raises(ValueError, match="allowed: text with words, or one of image, video, audio with a file"):
        Scenario("x", "image", text="words")


def test_mined_evidence_of_one_name_is_told_apart_by_folder_or_number():
    said = {"note_says": "dent"}
    rows = [row(0, "ok", audio=(Path("mon/x.wav"),), meta=said), row(1, "ok", audio=(Path("tue/x.wav"),), meta=said), row(2, "ok", audio=(Path("old/mon/x.wav"),), meta=said)]
    names = [scenario.name for scenario in mined(rows)]
    assert sorted(names) == ["found: mon/x.wav (dent)", "found: mon/x.wav (dent) #2", "found: tue/x.wav (dent)"]
    assert all(is_taken(name) for name in names), "a scenario of poc.yaml can have none of these names"


def test_every_name_that_the_kit_asks_is_reserved():
    folder = ROOT / "sample_data" / "company" / "inspection"
    rows = load_samples(folder, load_usecase(folder), verify=False).samples
    train = [s for s in rows if s.split == "train" and s.answer]
    asked = perturbations_for([s for s in rows if s.split == "test" and s.answer], train, mined(train))
    assert len(asked) > 20 and all(is_taken(p.name) for p in asked) and set(TRAINABLE) <= TAKEN
    assert not is_taken("old stamp")


def test_the_conflict_score_by_hand():
    sure, other, flat = np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), np.full(3, 1 / 3)
    assert apart(sure, other) == pytest.approx(1) and apart(sure, sure) == pytest.approx(0)
    assert apart(sure, flat) == pytest.approx(0), "evidence from which nothing is read contradicts nobody"
    half = np.array([0.5, 0.5, 0])
    assert apart(sure, half) == pytest.approx(0.5 * (1 - np.log(2) / np.log(3)))


def test_the_roc_of_conflicts_counts_what_is_caught_at_few_false_alarms():
    rng = np.random.default_rng(0)
    planted = np.arange(200) % 2 == 0
    frame = pd.DataFrame({"id": range(200), "group": [f"g{i // 8}" for i in range(200)], "score": np.where(planted, rng.beta(6, 2, 200), rng.beta(2, 6, 200))})
    told = conflict(frame, planted)
    assert told.verdict == "good" and 0.9 < told.low < told.value < told.high <= 1 and told.evidence["false_alarms"] <= 0.05
    alarms, caught = ((frame["score"] >= told.evidence["threshold"])[mask].mean() for mask in (~planted, planted))
    assert (alarms, caught) == (told.evidence["false_alarms"], told.evidence["caught"])
    chance = conflict(frame.assign(score=rng.random(200)), planted)
    assert chance.verdict == "bad" and "do not rely on the model" in chance.advice
    with pytest.raises(ValueError, match="a ROC needs both kinds"):
        conflict(frame, np.ones(200, bool))


def test_what_was_asked_of_one_row_is_drawn_together():
    """Two languages, agreeing and contradicting: the four questions of a row share what the row itself does to the score. Taken for independent rows they would make the interval about twice as wide as the truth is here."""
    rng = np.random.default_rng(0)

    def asked():
        frame = pd.DataFrame([(f"r{i}", f"lot{i % 5}", planted) for i in range(40) for _ in "je" for planted in (False, True)], columns=["id", "group", "planted"])
        return frame.assign(score=np.repeat(rng.normal(0, 1, 40), 4) + 0.6 * frame["planted"] + 0.2 * rng.normal(size=160))

    frame = asked()
    told = conflict(frame, frame["planted"])
    spread = np.subtract(*np.quantile([roc_auc_score(one["planted"], one["score"]) for one in (asked() for _ in range(200))], [0.975, 0.025]))
    assert 0.7 * spread < told.high - told.low < 1.4 * spread and "160 questions on 40 rows" in told.summary
    few = conflict(frame[:16].assign(score=frame["planted"][:16].astype(float)), frame["planted"][:16])
    assert few.verdict == "info" and few.low < 0.7 and "4 are too few rows to tell" in few.summary


def test_conflicts_are_scored_from_each_modality_alone(tiny, colours):
    rows = [sample.replace(text=f"looks {sample.answer}") for sample in colours[:4]] + [colours[4]]
    scores = conflict_scores(tiny, rows)
    assert list(scores["id"]) == [sample.id for sample in rows] and scores["score"][:4].between(0, 1).all() and np.isnan(scores["score"][4])
    alone = ask(tiny, [sample.replace(text="") for sample in rows], [])
    assert list(scores["image says"]) == list(alone["predicted"]) and np.allclose(scores["image sure"], alone["sure"], atol=1e-4)


def test_pieces_are_hidden_and_the_rest_stays():
    picture = Image.effect_noise((60, 60), 90).convert("RGB")
    mark = {"how": "hidden", "seed": 0, "words": "", "grid": 6, "cells": [0, 35]}
    before, after = np.asarray(picture).astype(int), np.asarray(image_shown_as(picture, mark)).astype(int)
    changed = (before != after).any(-1)
    assert changed[:10, :10].mean() > 0.9 and changed[50:, 50:].mean() > 0.9 and changed.sum() <= 200
    sound = np.linspace(-1, 1, 100).astype(np.float32)
    assert (sound_played_as(sound, mark | {"grid": 10, "cells": [9]}) == np.where(np.arange(100) < 90, sound, 0)).all()
    frames = np.random.default_rng(0).integers(0, 256, (8, 4, 4, 3), np.uint8)
    shown = video_shown_as(frames, mark | {"grid": 8, "cells": [2]})
    assert (shown[[0, 1, 3, 7]] == frames[[0, 1, 3, 7]]).all() and (shown[2] == shown[2, 0, 0]).all()
    noted = row(0, "ok", "small dent 左上にキズ")
    assert [noted.text[a:b] for a, b in words_of(noted.text)] == ["small", "dent", "左上", "にキ", "ズ"]
    assert hidden(noted, "text", [1, 2]).text == "small  にキズ" and pieces_of(noted, "text") == 5
    with pytest.raises(ValueError, match="has no 'video' to hide pieces of; it has image, text|has no 'video' to hide pieces of; it has text, image"):
        pieces_of(noted, "video")


def test_the_explanation_finds_the_word_that_decides_and_the_test_refuses_a_map_of_chance(tiny, colours):
    """The shipped model was taught to read colours: in a sentence the colour's word matters most."""
    rows = [Sample(f"t{i}", "Which colour does the text name?", ("red", "blue", "green"), colour, text=f"the part on the tray is {colour} and heavy", decided_by=("text",))
            for i, colour in enumerate(["red", "blue", "green"] * 4)]  # fmt: skip
    falls = ask_hidden(tiny, rows, "text")
    assert len(falls) == 12 and {"marked", "random"} <= set(falls)
    assert importance(tiny, rows[0], "text").shape == (pieces_of(rows[0], "text"),)
    told = deletion_test(falls, "text")
    assert told.value == pytest.approx((falls["marked"] - falls["random"]).mean()) and is_shown(told) == (told.low > 0 and told.value >= LEAST_GAIN)
    # a map that is no better than chance is refused, whoever drew it
    rng = np.random.default_rng(0)
    refused = deletion_test(pd.DataFrame({"id": range(40), "group": "", "marked": rng.normal(size=40), "random": rng.normal(size=40)}), "image")
    assert not is_shown(refused) and refused.verdict == "bad" and "show no map" in refused.advice
    # nor one that beats chance by nothing that a person would notice, nor one that was tried on two rows
    noise = deletion_test(pd.DataFrame({"id": range(10), "group": "", "marked": rng.uniform(1e-6, 2e-6, 10), "random": 0.0}), "image")
    assert noise.low > 0 and not is_shown(noise) and noise.verdict == "bad" and "by less than 0.1 nats" in noise.advice
    two = deletion_test(pd.DataFrame({"id": range(2), "group": "", "marked": [2.0, 2.1], "random": 0.0}), "image")
    assert not is_shown(two) and two.verdict == "info" and "2 are too few rows to tell" in two.summary and "fewer than 5 rows" in two.advice
    one = deletion_test(pd.DataFrame({"id": [0], "group": "", "marked": [2.0], "random": 0.0}), "image")
    assert (one.low, one.high, one.verdict) == (None, None, "info")
    assert is_shown(deletion_test(pd.DataFrame({"id": range(5), "group": "", "marked": rng.uniform(1, 2, 5), "random": 0.0}), "image"))
    with pytest.raises(ValueError, match="no sample has three pieces of 'audio'"):
        ask_hidden(tiny, colours[:2], "audio")


def test_harm_is_told_per_class_and_group():
    rows = [{"id": f"{i}", "perturbation": name, "answer": "a" if i < 20 else "b", "predicted": ("a" if i < 20 else "b") if name == "clean" or i >= 20 else "b", "named": "", "right": 0.5, "group": f"g{i % 4}"}
            for i in range(40) for name in ("clean", "note")]  # fmt: skip
    frame = pd.DataFrame(rows).assign(modality="text", kind="misleading", control=False, sure=0.9, question="?")
    by_class = within(frame, "note", "answer")
    assert by_class[["answer", "n", "lost"]].values.tolist() == [["a", 20, 1.0], ["b", 20, 0.0]] and set(within(frame, "note", "group")["lost"]) == {0.5}
    assert by_perturbation(frame)["lost"].tolist() == [0.5]
    with pytest.raises(ValueError, match="'gossip' was not asked; asked: clean, note"):
        within(frame, "gossip", "answer")


def test_each_kind_of_evidence_contributes_what_the_answer_loses_without_it(tiny, colours):
    """By hand from the shares of separate questions; a note that names another colour costs the answer, and one kind alone is compared with the bare question."""
    both, alone = colours[0].replace(text=f"looks {next(option for option in colours[0].options if option != colours[0].answer)}"), colours[1].replace(text="")

    for sample in (both, alone):
        found, before = contributions(tiny, sample), predict(tiny, [sample]).iloc[0]["probabilities"]
        said = max(before, key=before.get)
        assert tuple(found) == sample.modalities
        for modality, (fall, share) in found.items():
            left = predict(tiny, [sample.without(modality)]).iloc[0]["probabilities"][said]
            assert share == pytest.approx(left, abs=1e-4) and fall == pytest.approx(np.log(before[said] / left), abs=1e-3)
    assert contributions(tiny, alone)["image"][0] > 0.3, "it reads colours from pictures"
    with pytest.raises(ValueError, match="has no evidence to take away"):
        contributions(tiny, alone.without("image"))


def test_a_map_that_is_asked_for_in_parts_is_the_whole_map(tiny, colours):
    whole = importance(tiny, colours[0], "image")
    parts = np.concatenate([importance(tiny, colours[0], "image", pieces=range(start, min(start + 7, 36))) for start in range(0, 36, 7)])
    assert parts == pytest.approx(whole, abs=1e-4)
    assert list(most_important(np.array([0.0, 3.0, 1.0] + [0.0] * 17))) == [1, 2, 0] and list(most_important(np.zeros(3))) == [0]
