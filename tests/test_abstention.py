"""Withheld answers: guarantees by MAPIE, what they say when nothing can be promised, gates beside confidence, rows that come in groups."""

import numpy as np
import pandas as pd
import pytest

from kit.errors import KitError
from kit.evaluation.abstention import guarantee, one_per_group, outcomes, risk_coverage, rows_needed, withhold
from kit.evaluation.calibration import calibration_error, temperature, tempered
from poc import runs


def answers(rng, n, groups=0, spread=0.0):
    """Parts of which four in ten are bad. The model is as often right as it says on average; on some lots (`spread`, in logits) everything is harder."""
    lot = np.arange(n) % groups if groups else np.zeros(n, int)
    sure = 1 / (1 + np.exp(-np.abs(rng.normal(2.5, 1.5, n))))
    chance = 1 / (1 + np.exp(-(np.log(sure / (1 - sure)) + rng.normal(0, spread, max(groups, 1))[lot])))
    truth, right = rng.random(n) < 0.4, rng.random(n) < chance
    names = np.array(["ok", "bad"])
    said = np.where(right, truth, ~truth).astype(int)
    other = np.array(["bad", "ok"])[said]
    shares = [{name: p, rest: 1 - p} for name, rest, p in zip(names[said], other, sure, strict=True)]
    return pd.DataFrame({"id": np.arange(n).astype(str), "answer": names[truth.astype(int)], "predicted": names[said], "probabilities": shares, "group": [f"lot{one}" if groups else "" for one in lot]})


def test_no_error_in_n_rows_promises_what_the_binomial_tail_says_and_no_more():
    """With no miss in n bad rows, (1 - target) ** n <= d is what can be promised: 45 rows for 5 % at 90 %, 44 do not do."""
    assert rows_needed(0.0, 0.05, 0.9) == 45
    rows = pd.DataFrame({"answer": ["bad"] * 45, "predicted": ["bad"] * 45, "probabilities": [{"bad": 0.9, "ok": 0.1}] * 45, "group": [""] * 45})
    enough, short = (guarantee(part, {"miss": 0.05}, 0.9, "ok") for part in (rows, rows[:44]))
    assert enough.threshold == 0.0 and enough.kept == 1.0
    assert short.threshold is None and short.needed == {"miss": 45}
    assert "Nothing can be promised at 90% confidence" in short.said and "about 45 needed" in short.said


def test_a_model_that_misses_too_often_is_told_that_rows_do_not_help():
    rows = pd.DataFrame({"answer": ["bad"] * 60, "predicted": ["ok"] * 30 + ["bad"] * 30, "probabilities": [{"ok": 0.9, "bad": 0.1}] * 30 + [{"bad": 0.9, "ok": 0.1}] * 30, "group": [""] * 60})
    found = guarantee(rows, {"miss": 0.05}, 0.9, "ok")
    assert found.needed == {"miss": None} and "no number of rows would do: improve the model" in found.said


@pytest.mark.parametrize("targets", [{"miss": 0.08}, {"wrong": 0.05}, {"precision": 0.9}, {"precision": 0.85, "abstention": 0.6}])
def test_a_promise_is_kept_in_as_many_draws_as_it_says(targets):
    rng, kept, made = np.random.default_rng(0), 0, 0
    later = answers(rng, 10_000)
    for _ in range(40):
        found = guarantee(answers(rng, 300), targets, 0.9, "ok")
        if found.threshold is None:
            continue
        real = outcomes(later, found.threshold, "ok")
        made += 1
        kept += all(real[name] >= target if name == "precision" else real[name] <= target for name, target in targets.items())
    assert made > 20 and kept >= made * (0.9 - 1.645 * np.sqrt(0.9 * 0.1 / made))


def test_what_a_gate_holds_back_is_never_answered_and_counts_as_withheld():
    rows = answers(np.random.default_rng(1), 400)
    held = np.arange(400) < 100
    found = guarantee(rows, {"wrong": 0.05}, 0.9, held=held)
    assert found.kept <= 0.75 and found.measured["abstention"] == pytest.approx(1 - found.kept)
    told = withhold(rows, found.threshold, {"input": held, "conflict": np.arange(400) < 150})
    assert (told["reason"][:100] == "input").all() and (told["reason"][100:150] == "conflict").all() and told["withheld"][:150].all()
    assert set(told["reason"][150:]) == {"", "unsure"} and ((told["reason"] == "unsure") == (told["withheld"] & (np.arange(400) >= 150))).all()


def test_a_threshold_costs_more_the_stricter_the_promise():
    rows = answers(np.random.default_rng(2), 1000)
    kept = [guarantee(rows, {"wrong": target}, 0.9).kept for target in (0.08, 0.05, 0.03)]
    assert kept[0] > kept[1] > kept[2] > 0


def test_rows_of_a_lot_break_the_promise_and_one_row_per_lot_keeps_it():
    """8 lots of 50 rows, on some of which everything is harder: 400 rows promise what 8 lots cannot."""
    rng, broken = np.random.default_rng(3), {"rows": [], "one per lot": []}
    later = answers(rng, 10_000, groups=2000, spread=1.5)
    for draw in range(40):
        rows = answers(rng, 400, groups=8, spread=1.5)
        for name, part in (("rows", rows), ("one per lot", one_per_group(answers(rng, 300, groups=150, spread=1.5), draw))):
            found = guarantee(part, {"wrong": 0.1}, 0.9)
            if found.threshold is not None:
                broken[name].append(outcomes(later, found.threshold)["wrong"] > 0.1)
    assert np.mean(broken["rows"]) > 0.15
    assert np.mean(broken["one per lot"]) <= 0.1 + 1.645 * np.sqrt(0.1 * 0.9 / len(broken["one per lot"]))


def test_one_row_per_group_keeps_rows_without_a_group():
    rows = answers(np.random.default_rng(0), 12, groups=3)
    rows.loc[10:, "group"] = ""
    kept = one_per_group(rows)
    assert sorted(kept["group"]) == ["", "", "lot0", "lot1", "lot2"] and set(kept["id"]) >= {"10", "11"}


def test_risk_coverage_by_hand():
    """Sure 0.9 right, 0.8 wrong, 0.7 right, 0.6 right: risks 0, 1/2, 1/3, 1/4."""
    rows = pd.DataFrame({"answer": list("aaaa"), "predicted": list("abaa"), "probabilities": [{"a": 0.9, "b": 0.1}, {"a": 0.2, "b": 0.8}, {"a": 0.7, "b": 0.3}, {"a": 0.6, "b": 0.4}], "group": [""] * 4})
    curve, area = risk_coverage(rows)
    assert area["value"] == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert area["best"] == pytest.approx((0 + 0 + 0 + 1 / 4) / 4) and area["random"] == 1 / 4
    assert curve["risk"].iloc[-1] == pytest.approx(1 / 4) and curve["risk"].iloc[0] == 0


def test_confidence_that_says_nothing_has_the_area_of_chance():
    rng = np.random.default_rng(0)
    rows = answers(rng, 2000)
    rows["probabilities"] = rows["probabilities"].iloc[rng.permutation(2000)].map(lambda shares: max(shares.values())).to_numpy()
    rows["probabilities"] = [{said: p} for said, p in zip(rows["predicted"], rows["probabilities"], strict=True)]
    _, area = risk_coverage(rows)
    assert area["low"] <= area["random"] <= area["high"]
    assert risk_coverage(answers(rng, 2000))[1]["high"] < area["low"]


@pytest.mark.parametrize(
    ("targets", "settings", "words"),
    [
        ({"recall": 0.9}, {}, "targets are recall; allowed: miss, wrong, precision, abstention"),
        ({"wrong": 0.0}, {}, "nobody can promise that nothing is ever missed"),
        ({"wrong": 0.1}, {"confidence": 1.0}, "confidence is 1.0; allowed: 0.5 to below 1"),
        ({"miss": 0.1}, {}, r"needs to know the good answer \(costs.ok_answer\)"),
    ],
)
def test_targets_that_nobody_can_promise_are_refused(targets, settings, words):
    with pytest.raises(KitError, match=words):
        guarantee(answers(np.random.default_rng(0), 50), targets, **settings)


def test_answers_that_are_all_held_back_promise_nothing():
    found = guarantee(answers(np.random.default_rng(0), 50), {"wrong": 0.1}, held=np.ones(50, bool))
    assert found.threshold is None and found.kept == 0


@pytest.fixture(scope="module")
def inspection():
    """What the shipped run answered on its 520 held-out rows of five lots, one of them in odd light."""
    frame = runs.read_predictions(runs.EXAMPLE)
    return frame[(frame["arm"] == "tuned") & (frame["condition"] == "as_is") & (frame["split"] == "test")].reset_index(drop=True)


@pytest.mark.parametrize("targets", [{"wrong": 0.1}, {"miss": 0.1}, {"precision": 0.9}])
def test_promises_on_the_sample_company_are_kept_in_200_resamples(inspection, targets):
    """Calibration rows drawn with replacement from the held-out rows, which are the population that the target is held against."""
    rng, kept, d, made = np.random.default_rng(0), 0, 0.1, 0
    (name, target), = targets.items()
    for _ in range(200):
        found = guarantee(inspection.iloc[rng.integers(0, len(inspection), 400)], targets, 1 - d, "ok")
        real = outcomes(inspection, found.threshold, "ok")[name] if found.threshold is not None else None
        made += real is not None
        kept += real is None or (real >= target if name == "precision" else real <= target)
    assert made > 20 and kept / 200 >= 1 - d - 1.645 * np.sqrt(d * (1 - d) / 200)


def test_the_sample_companys_run_is_calibrated_with_a_temperature_from_other_lots(inspection):
    """Each lot gets the temperature of the four others; the upper end of the ECE's interval on all 520 rows is below 5 points."""
    parts = [tempered(rows, temperature(inspection[inspection["group"] != lot])) for lot, rows in inspection.groupby("group")]
    before, after = calibration_error(inspection), calibration_error(pd.concat(parts, ignore_index=True))
    assert after["n"] == 520 and after["value"] <= after["plug_in"] < before["plug_in"] and after["high"] <= 0.05
