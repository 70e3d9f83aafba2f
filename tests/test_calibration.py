"""Calibration: the temperature by hand, the error of calibrated and of overconfident models, proper scores, intervals that hold what they say."""

import numpy as np
import pandas as pd
import pytest

from kit import show
from kit.errors import KitError
from kit.evaluation import compare, evaluate
from kit.evaluation.calibration import (
    brier_and_log_loss,
    calibration_error,
    reliability,
    temperature,
    tempered,
)
from kit.evaluation.intervals import interval, mean_interval, share_interval, tail


def answers(rng, n, overconfident=1.0, groups=0, spread=0.0):
    """Yes or no at chances that the model knows; `overconfident` multiplies its logits, and on some groups (`spread`, in logits) everything is harder."""
    logit = np.abs(rng.normal(2.2, 1.8, n))
    group = np.arange(n) % groups if groups else np.zeros(n, int)
    right = rng.random(n) < 1 / (1 + np.exp(-(logit + rng.normal(0, spread, max(groups, 1))[group])))
    sure = 1 / (1 + np.exp(-logit * overconfident))
    return pd.DataFrame({"id": np.arange(n).astype(str), "answer": np.where(right, "a", "b"), "predicted": "a", "probabilities": [{"a": p, "b": 1 - p} for p in sure], "group": [f"g{one}" if groups else "" for one in group]})


def test_a_temperature_undoes_overconfidence_and_changes_no_answer():
    rows = answers(np.random.default_rng(0), 3000, overconfident=2.0)
    heat = temperature(rows)
    assert heat == pytest.approx(2.0, rel=0.15)
    cooled = tempered(rows, heat)
    assert all(sum(shares.values()) == pytest.approx(1) and max(shares, key=shares.get) == "a" for shares in cooled["probabilities"])
    assert temperature(cooled) == pytest.approx(1.0, rel=0.01)
    before, after = calibration_error(rows), calibration_error(cooled)
    assert before["low"] > 0.03 and after["low"] == 0 and after["plug_in"] <= after["by_chance"]


def test_a_temperature_by_hand_with_options_of_different_number():
    """Three in four right at 90 % of two options: 75 % is honest, which is the temperature ln 9 / ln 3 = 2; a row whose answer is no option says nothing."""
    rows = pd.DataFrame({"answer": ["a", "a", "a", "b", "z"], "probabilities": [{"a": 0.9, "b": 0.1}] * 4 + [{"a": 0.5, "b": 0.3, "c": 0.2}]})
    assert temperature(rows) == pytest.approx(2.0, rel=1e-3)
    assert temperature(rows[4:]) == 1.0


def test_the_plug_in_error_of_a_calibrated_model_is_chance_and_is_told_as_such():
    found = [calibration_error(answers(np.random.default_rng(seed), 500), seed=seed) for seed in range(20)]
    assert np.mean([one["plug_in"] for one in found]) > 0.025  # of a model that has no error at all
    assert np.mean([one["value"] for one in found]) < 0.7 * np.mean([one["plug_in"] for one in found])
    assert np.mean([one["low"] == 0 for one in found]) >= 0.88


def test_the_error_of_an_overconfident_model_is_found_in_rows_and_in_groups():
    for groups in (0, 25):
        rng = np.random.default_rng(5)
        big = answers(rng, 20_000, 2.5, groups=10_000 if groups else 0, spread=0.5 if groups else 0.0)
        sure, hit = np.array([shares["a"] for shares in big["probabilities"]]), (big["answer"] == "a").to_numpy()
        true = np.mean([abs(sure[part].mean() - hit[part].mean()) for part in np.array_split(np.argsort(sure), 10)])
        found = [calibration_error(answers(np.random.default_rng(seed), 500, 2.5, groups, 0.5 if groups else 0.0), seed=seed) for seed in range(15)]
        assert np.mean([one["low"] <= true <= one["high"] for one in found]) >= 0.8 and np.mean([one["low"] > 0 for one in found]) >= 0.8


def test_a_reliability_diagram_has_as_many_rows_in_each_bin_and_its_shares_lie_in_their_intervals():
    table = reliability(answers(np.random.default_rng(0), 400))
    assert list(table["n"]) == [40] * 10 and table["sure"].is_monotonic_increasing
    assert ((table["low"] <= table["right"]) & (table["right"] <= table["high"])).all()
    alike = pd.DataFrame({"answer": ["a"] * 40, "predicted": ["a"] * 40, "probabilities": [{"a": 1.0, "b": 0.0}] * 30 + [{"a": 0.6, "b": 0.4}] * 10, "group": [""] * 40})
    assert list(reliability(alike)["n"]) == [10, 30]  # equal confidences stay together
    with pytest.raises(KitError, match="19 rows are too few for 10 bins .* at least 20"):
        reliability(alike[:19])


def test_brier_score_and_log_loss_by_hand():
    rows = pd.DataFrame({"answer": ["a", "b"], "predicted": ["a", "a"], "probabilities": [{"a": 0.8, "b": 0.2}, {"a": 0.8, "b": 0.2}], "group": ["", ""]})
    found = brier_and_log_loss(rows)
    assert found["brier"]["value"] == pytest.approx((0.2**2 + 0.2**2 + 0.8**2 + 0.8**2) / 2)
    assert found["log_loss"]["value"] == pytest.approx(-(np.log(0.8) + np.log(0.2)) / 2)


def test_a_reliability_diagram_is_drawn_in_both_languages(tmp_path):
    rows = answers(np.random.default_rng(0), 400, overconfident=2.5)
    figure = show.reliability_diagram({"before": reliability(rows), "校正後": reliability(tempered(rows, 2.5))})
    assert len(show.png(figure)) > 10_000
    assert {text.get_text() for text in figure.axes[0].texts + figure.axes[0].get_legend().get_texts()} >= {"before", "校正後"}


def test_the_tails_of_few_units_by_hand():
    # Student's t of 9 degrees at 97.5 % is 2.262; times sqrt(10 / 9): 2.385, of which the normal tail is 0.854 %
    assert tail(10) == pytest.approx(0.00854, abs=2e-5)
    assert tail(10_000) == pytest.approx(0.025, abs=1e-4) and tail(10) < tail(20) < tail(50)
    draws = np.arange(1001) / 1000
    assert interval(0.5, draws)["low"] == pytest.approx(0.025) and interval(0.5, draws, units=50)["low"] == pytest.approx(tail(50), abs=1e-9)
    assert interval(0.5, draws, units=10)["low"] == pytest.approx(0.5 - 2.2622 * draws.std() * np.sqrt(10 / 9), abs=1e-4), "below thirty units at least Student's"


def test_a_share_without_an_error_is_not_certain():
    # Wilson at 0 errors of 100 with t(99) = 1.984: low end 1 / (1 + 1.984**2 / 100)
    found = share_interval(1.0, np.ones(50), rows=100)
    assert found["high"] == 1 and found["low"] == pytest.approx(1 / (1 + 1.98422**2 / 100), abs=1e-5)
    frame = pd.DataFrame({"id": list("0123456789"), "answer": ["a", "b"] * 5, "predicted": ["a", "b"] * 5, "group": ""})
    assert evaluate(frame, ["a", "b"])["macro_recall"]["low"] < 0.75
    same = compare(frame, frame, ["a", "b"], "accuracy")
    assert (same["low"], same["value"], same["high"]) == (pytest.approx(-0.3085, abs=1e-4), 0, pytest.approx(0.3085, abs=1e-4))  # Clopper and Pearson of 0 in 10
    others = compare(frame.assign(predicted=["c", *frame["predicted"][1:]]), frame.assign(predicted=["b", *frame["predicted"][1:]]), ["a", "b", "c"], "accuracy")
    assert others["low"] < -0.3 and others["high"] > 0.3, "wrong on the same row in different ways is no proof of anything either"
    always = evaluate(pd.concat([frame] * 5).assign(predicted="a"), ["a", "b"])["macro_recall"]
    assert always["low"] == always["high"] == 0.5  # whoever always says one thing has this recall whatever the rows are


@pytest.mark.parametrize("case", ["rows", "nearly always right", "five groups", "ten groups", "twenty groups", "paired", "a mean of five groups", "a mean of ten groups"])
def test_an_interval_of_95_per_cent_holds_the_truth_about_as_often(case):
    """200 draws: 95 % with two standard errors of the count, and two points for what a bootstrap cannot know."""
    trials, held = 200, 0
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        n, groups, p = {"rows": (120, 0, 0.85), "nearly always right": (80, 0, 0.97), "five groups": (200, 5, 0.8), "a mean of five groups": (200, 5, 0.8), "ten groups": (150, 10, 0.8), "twenty groups": (200, 20, 0.85), "paired": (150, 15, 0.8), "a mean of ten groups": (150, 10, 0.8)}[case]
        chance = rng.beta(9 * p, 9 * (1 - p), groups)[np.arange(n) % groups] if groups else p
        hit = rng.random((2, n)) < chance
        frame = pd.DataFrame({"id": np.arange(n), "answer": "a", "predicted": np.where(hit[0], "a", "b"), "group": [f"g{i % groups}" for i in range(n)] if groups else ""})
        if case == "paired":
            found, truth = compare(frame, frame.assign(predicted=np.where(hit[1], "a", "b")), ["a", "b"], "accuracy", seed=seed, resamples=500), 0.0
        elif case.startswith("a mean"):
            found, truth = dict(zip(("value", "low", "high"), mean_interval(hit[0].astype(float), frame["group"], seed=seed, bounds=(0.0, 1.0)), strict=True)), p
        else:
            found, truth = evaluate(frame, ["a", "b"], seed=seed, resamples=500)["accuracy"], p
        held += found["low"] <= truth <= found["high"]
    assert 0.93 - 2 * np.sqrt(0.05 * 0.95 / trials) <= held / trials <= 0.99
