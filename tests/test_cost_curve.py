"""Cost over thresholds with people in it: cases worked by hand, what must hold for any answers, and whether the intervals keep their word."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import show
from kit.errors import KitError
from kit.evaluation import evaluate
from kit.evaluation.cost_curve import break_even_ratio, break_even_review_cost, cheapest, chosen, cost_curve
from kit.evaluation.review import Reviewer, labels_of, route_rates, routes

COSTS = {"miss": 1000.0, "false_alarm": 100.0, "ok_answer": "ok"}
LINE = {"ok": 0.9, "bad": 0.1}


def frame(rows: list[tuple[str, float]], groups: int = 0) -> pd.DataFrame:
    """(truth, P(bad)) -> a predictions frame."""
    return pd.DataFrame([{"id": f"r{i}", "answer": truth, "predicted": "bad" if bad >= 0.5 else "ok", "probabilities": {"ok": 1 - bad, "bad": bad}, "group": f"g{i % groups}" if groups else ""}
                         for i, (truth, bad) in enumerate(rows)])  # fmt: skip


EIGHT = frame([("bad", 0.9), ("bad", 0.9), ("bad", 0.2), ("bad", 0.2), ("ok", 0.6), ("ok", 0.1), ("ok", 0.1), ("ok", 0.1)])
PERSON = Reviewer(sensitivity=0.9, specificity=0.8, cost=10.0)


def at(curve: pd.DataFrame, threshold: float) -> pd.Series:
    return curve[np.isclose(curve["threshold"], threshold)].iloc[0]


def test_a_reweighted_cost_with_a_90_percent_reviewer_of_every_alarm_by_hand():
    """Half of the bad parts raise an alarm, and the person lets 1 in 10 of these pass: 0.5 + 0.5 x 0.1 = 0.55 of the bad parts are missed, 55 in 1,000 parts of which 100 are bad.

    A quarter of the good parts raise one, and the person refuses 2 in 10 of these: 0.25 x 0.2 = 0.05, 45 in 1,000 of which 900 are good. Looks: 100 x 0.5 + 900 x 0.25 = 275.
    Yen: 55 x 1,000 + 45 x 100 + 275 x 10 = 62,250.
    """
    here = at(cost_curve(EIGHT, COSTS, LINE, "alarms", PERSON), 0.5)
    assert here[["misses", "false_alarms", "reviews", "yen"]].tolist() == pytest.approx([55, 45, 275, 62_250], abs=1e-9)


def test_without_a_person_it_is_the_older_curve_and_the_ends_are_all_bad_and_all_good():
    rows = frame([("bad" if i % 3 == 0 else "ok", (i * 37 % 100) / 100) for i in range(90)], groups=12)
    curve, old = cost_curve(rows, COSTS, LINE), show.cost_curve(rows, COSTS, LINE)
    assert curve.merge(old, on="threshold").eval("yen_x - yen_y").abs().max() < 1e-9
    assert curve.iloc[0]["yen"] == pytest.approx(900 * 100) and curve.iloc[-1]["yen"] == pytest.approx(100 * 1000)


def test_unsure_cases_go_to_a_person_and_costs_per_confusion_count():
    """Four cases: right; unsure, to a person who is right in 90 % and else says b or c alike: 10 + 0.05 x 100 + 0.05 x 40 = 17; b taken for c: 50; right. 67 in 4 cases: 16,750 in 1,000."""
    shares = [{"a": 0.9, "b": 0.1, "c": 0.0}, {"a": 0.3, "b": 0.5, "c": 0.2}, {"a": 0.1, "b": 0.1, "c": 0.8}, {"a": 0.0, "b": 0.1, "c": 0.9}]
    rows = pd.DataFrame({"id": list("wxyz"), "answer": ["a", "a", "b", "c"], "probabilities": shares, "group": ""})
    costs = {"matrix": {"a": {"b": 100.0, "c": 40.0}, "b": {"c": 50.0}}}
    here = at(cost_curve(rows, costs, None, "unsure", PERSON), 0.6)
    assert here["yen"] == pytest.approx(16_750, abs=1e-9) and here["reviews"] == 250 and np.isnan(here["misses"])
    with pytest.raises(KitError, match="costs.matrix.*use review 'unsure'"):
        cost_curve(rows, costs, None, "alarms", PERSON)


def test_the_break_even_ratio_by_hand():
    """At 0.5 half of the bad parts are found (0.05 of all) at the price of a quarter of the good ones (0.225): 4.5 false alarms per defect. Against nobody looking it pays above 4.5."""
    found = break_even_ratio(EIGHT, "ok", None, LINE)
    assert (found["pays"], found["value"]) == ("above", pytest.approx(4.5, abs=1e-9)) and found["low"] <= 4.5 <= found["high"]
    equal = {"miss": 450.0, "false_alarm": 100.0, "ok_answer": "ok"}
    curve = cost_curve(EIGHT, equal, LINE)
    assert at(curve, 0.5)["yen"] == pytest.approx(curve.iloc[-1]["yen"], abs=1e-9)
    everything, nothing, perfect = (EIGHT.assign(predicted=said) for said in ("bad", "ok", EIGHT["answer"]))
    assert break_even_ratio(nothing, "ok")["pays"] == "never" and break_even_ratio(perfect, "ok")["pays"] == "always"
    assert break_even_ratio(EIGHT, "ok", everything, LINE) | {"low": 0, "high": 0} == {"pays": "below", "value": pytest.approx(0.675 / 0.05), "low": 0, "high": 0}


def test_the_break_even_cost_of_a_look_by_hand():
    """Alarms refused outright cost 50 x 1,000 + 225 x 100 = 72,500; a free person makes it 55,000 + 4,500 = 59,500 with 275 looks: 13,000 / 275 yen a look."""
    worth = break_even_review_cost(EIGHT, COSTS, 0.5, PERSON, LINE, "alarms")
    assert worth["value"] == pytest.approx(13_000 / 275, abs=1e-9)
    paid = Reviewer(0.9, 0.8, worth["value"])
    assert at(cost_curve(EIGHT, COSTS, LINE, "alarms", paid), 0.5)["yen"] == pytest.approx(at(cost_curve(EIGHT, COSTS, LINE), 0.5)["yen"], abs=1e-9)
    assert break_even_review_cost(EIGHT, COSTS, 0.5, PERSON, LINE, "unsure") is None, "every share is above one half: nobody is asked"
    assert break_even_review_cost(EIGHT, COSTS, 0.5, Reviewer(0.1, 0.1), LINE, "alarms")["value"] < 0, "a person who is mostly wrong is not worth having for nothing"


def noisy(seed: int, groups: int, rows: int = 20, prefix: str = "") -> pd.DataFrame:
    """Lots that differ in how well they can be told, as lots do."""
    rng = np.random.default_rng(seed)
    skill = np.repeat(rng.normal(1.2, 0.6, groups), rows)
    bad = rng.random(groups * rows) < 0.3
    shares = 1 / (1 + np.exp(-(np.where(bad, skill, -skill) + rng.normal(0, 1, len(bad)))))
    return pd.DataFrame({"id": [f"{prefix}{i}" for i in range(len(bad))], "answer": np.where(bad, "bad", "ok"), "group": [f"{prefix}{g}" for g in np.repeat(np.arange(groups), rows)],
                         "probabilities": [{"ok": 1 - share, "bad": share} for share in shares]})  # fmt: skip


def test_a_threshold_is_chosen_on_some_rows_and_told_on_others():
    choosing, telling = noisy(0, 12, prefix="c"), noisy(1, 12, prefix="t")
    found = chosen(choosing, telling, COSTS, prevalence=LINE)
    assert found["threshold"] == cheapest(cost_curve(choosing, COSTS, LINE))["threshold"] and found["resampled"] == "group"
    assert found["yen"] == pytest.approx(at(cost_curve(telling, COSTS, LINE), found["threshold"])[["yen", "low", "high"]].rename({"yen": "value"}).to_dict())
    with pytest.raises(KitError, match="240 rows are in the rows that choose.*split by group first"):
        chosen(choosing, choosing, COSTS)
    with pytest.raises(KitError, match="12 groups are in"):
        chosen(choosing, choosing.assign(id="x" + choosing["id"]), COSTS)


def test_the_rows_that_chose_flatter_the_threshold():
    told = [chosen(noisy(seed, 10, 6, "c"), noisy(1000 + seed, 10, 6, "t"), COSTS, prevalence=LINE, resamples=2) for seed in range(40)]
    assert np.mean([one["on_calibration"] for one in told]) < np.mean([one["yen"]["value"] for one in told])


def test_the_interval_by_group_holds_the_true_cost():
    """Truth: the same lots without end. Forty lots in each of 120 repetitions."""
    true = cost_curve(noisy(99, 6000), COSTS, LINE, thresholds=np.array([0.4]), resamples=0)["yen"][0]
    held = [(curve["low"][0] <= true <= curve["high"][0]) for seed in range(120) for curve in [cost_curve(noisy(seed, 40), COSTS, LINE, thresholds=np.array([0.4]), seed=seed, resamples=200)]]
    assert 0.93 <= np.mean(held) <= 0.995


def test_where_few_errors_were_seen_the_interval_reaches_those_that_were_not():
    """One miss in 75 bad parts is likelier to be unseen than seen: a percentile bootstrap's upper end was below the truth in half of all cases."""
    held = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        rows = pd.DataFrame({"answer": ["ok"] * 100 + ["bad"] * 75, "predicted": ["ok"] * 175, "group": ""})
        rows.loc[rng.random(175) > 0.99, "predicted"] = "swap"
        rows["predicted"] = np.where(rows["predicted"] == "swap", rows["answer"].map({"ok": "bad", "bad": "ok"}), rows["answer"])
        cost = evaluate(rows, ["ok", "bad"], COSTS, LINE, seed=seed, resamples=300)["cost_per_1000"]
        held.append(cost["low"] <= 1000 * 0.01 * (0.1 * 1000 + 0.9 * 100) <= cost["high"])
    assert np.mean(held) >= 0.95
    perfect = evaluate(rows.assign(predicted=rows["answer"]), ["ok", "bad"], COSTS, LINE)["cost_per_1000"]
    assert perfect["value"] == perfect["low"] == 0 and perfect["high"] == pytest.approx(1000 * 0.1 * 1000 / 75 * -np.log(0.025), rel=0.01), "no miss in 75 may be 3.7 of them (Poisson)"


cases = st.lists(st.tuples(st.sampled_from(["ok", "bad"]), st.floats(0, 1)), min_size=4, max_size=30).filter(lambda rows: len({truth for truth, _ in rows}) == 2)


@settings(max_examples=40, deadline=None)
@given(cases, st.floats(0, 1), st.floats(0, 1), st.floats(0, 500))
def test_for_any_answers_a_better_or_cheaper_person_never_costs_more(rows, sensitivity, specificity, cost):
    given_rows = frame(rows)
    person, perfect = Reviewer(sensitivity, specificity, cost), Reviewer(1.0, 1.0, cost)
    for review in ("alarms", "unsure"):
        curve = cost_curve(given_rows, COSTS, LINE, review, person, resamples=0)
        assert (cost_curve(given_rows, COSTS, LINE, review, perfect, resamples=0)["yen"] <= curve["yen"] + 1e-6).all()
        assert (cost_curve(given_rows, COSTS, LINE, review, Reviewer(sensitivity, specificity), resamples=0)["yen"] <= curve["yen"] + 1e-6).all()
        assert curve["reviews"].between(0, 1000 + 1e-9).all() and (np.diff(curve["reviews"]) * (1 if review == "unsure" else -1) >= -1e-9).all()
    everything_seen = cost_curve(given_rows, COSTS, LINE, "unsure", person, resamples=0).iloc[-1]
    assert everything_seen["yen"] == pytest.approx(1000 * (0.1 * (1 - sensitivity) * 1000 + 0.9 * (1 - specificity) * 100 + cost)), "then the model plays no part"


def test_route_rates_are_paired_and_the_same_bootstrap_as_drawing_rows():
    rows = frame([("bad", 0.9)] * 30 + [("bad", 0.2)] * 10 + [("ok", 0.1)] * 60)
    labels = labels_of(rows)
    taken = routes(rows, labels, np.array([0.5]), "none", "ok")[:, 0]
    (one, same), shares = route_rates([taken, taken], rows, labels, 4000)
    assert one.shape == (4001, 2, 3) and (one == same).all(), "two ways that answer alike differ in no draw"
    assert one[0, 0].tolist() == pytest.approx([0.75, 0.25, 0.0]) and shares[0].tolist() == pytest.approx([0.4, 0.6])
    assert one[1:, 0, 0].std() == pytest.approx(np.sqrt(0.75 * 0.25 / 40), rel=0.08) and shares[1:, 0].std() == pytest.approx(np.sqrt(0.4 * 0.6 / 100), rel=0.06)
    lots = rows.assign(group=[f"g{i // 5}" for i in range(100)])  # 20 lots, each of one kind only
    by_lot = route_rates([taken], lots, labels, 4000)[0][0]
    assert by_lot[1:, 0, 0].std() > 1.8 * one[1:, 0, 0].std(), "lots err together"


@pytest.mark.parametrize(("call", "told"), [
    (lambda: Reviewer(sensitivity=90), "sensitivity is 90; give a share between 0 and 1"),
    (lambda: cost_curve(EIGHT, COSTS, review="unsure"), "needs a reviewer: what one look costs"),
    (lambda: cost_curve(EIGHT.iloc[:0], COSTS), "no rows"),
    (lambda: cost_curve(EIGHT, COSTS, review="some", reviewer=PERSON), "review 'some' is unknown; allowed: none, alarms, unsure"),
])  # fmt: skip
def test_errors_teach(call, told):
    with pytest.raises(KitError, match=told):
        call()
