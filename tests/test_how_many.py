"""How many labels do we need? Curves whose truth is known, the honesty of the intervals, the words, and the committed trials."""

import csv
import dataclasses
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kit.curation import curve, extrapolate, labels_needed
from kit.curation.extrapolation import Paths, drawn_paths
from kit.curation.how_many import FORETOLD, HELD, Forecast, selection_gain, spaced
from kit.data import Sample
from kit.errors import KitError
from kit.evaluation.labels import STRENGTH, Reader, points

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SIZES = (50, 70, 100, 140, 200, 280, 400)
TRUE = {
    "power law": lambda n: 0.05 + 2 * n**-0.5,
    "logarithm": lambda n: 0.62 - 0.07 * np.log(n),
    "exponential": lambda n: 0.1 + 0.4 * np.exp(-n / 250),
    "between them": lambda n: 0.02 + 0.9 / (1 + (n / 120) ** 0.8),
}  # fmt: skip


def made(error, noise: float = 0.01, seeds: int = 10, seed: int = 0, sizes=SIZES) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame([(n, s, 1 - error(n) + noise * rng.normal()) for s in range(seeds) for n in sizes], columns=["size", "seed", "value"])


def rows(n: int, seed: int = 0, groups: int = 12, signal: float = 1.5) -> tuple[np.ndarray, list[Sample]]:
    rng = np.random.default_rng(seed)
    samples = [Sample(f"{seed}-{i}", "Which?", ("a", "b", "c"), "abc"[i % 3], text="x", group=f"g{(i // 3) % groups}") for i in range(n)]
    return rng.normal(size=(n, 20)) + signal * np.eye(20)[[i % 3 for i in range(n)]], samples


@pytest.mark.parametrize("form", TRUE)
def test_a_known_curve_is_inside_the_interval_beyond_its_last_size(form):
    inside = widths = 0
    for seed in range(20):
        found = drawn_paths(made(TRUE[form], seed=seed), 500).interval_at(800)
        inside += found["low"] <= 1 - TRUE[form](800) <= found["high"]
        widths += (found["high"] - found["low"]) / 20
    assert inside >= 18 and widths < 0.15


def test_the_known_number_of_labels_is_between_the_two_that_are_said():
    needed = (2 / (1 - 0.9 - 0.05)) ** 2 - 400  # of the power law, exactly: 1200
    found = extrapolate(made(TRUE["power law"]), 0.9, seconds_per_label=42, have=400)
    low, high = found.between(0.95)
    assert low < needed < high and needed / 2 < found.further < 2 * needed
    narrow = found.between(0.5)
    assert low < narrow[0] < found.further < narrow[1] <= high


def test_more_is_needed_for_more_and_further_away_is_less_sure():
    table = made(TRUE["between them"], noise=0.003)
    needed = [extrapolate(table, threshold, 30) for threshold in (0.5, 0.7, 0.75, 0.8, 0.999)]
    assert [f.between(0.95)[0] for f in needed] == sorted(f.between(0.95)[0] for f in needed) and [f.further for f in needed] == sorted(f.further for f in needed)
    widths = [found["high"] - found["low"] for found in map(needed[0].kpi_at, (400, 600, 1000, 3000))]
    assert widths == sorted(widths)
    middle = [needed[0].kpi_at(n)["value"] for n in (50, 100, 400, 1000, 4000)]
    assert middle == sorted(middle), "more labels never foretell less"


def test_noise_and_few_seeds_widen_the_interval():
    width = {(noise, seeds): np.subtract(*[drawn_paths(made(TRUE["power law"], noise, seeds)).interval_at(800)[end] for end in ("high", "low")]) for noise, seeds in ((0.003, 10), (0.03, 10), (0.03, 40))}
    assert width[0.003, 10] < width[0.03, 40] < width[0.03, 10]


def test_a_form_that_missed_before_is_not_trusted_afterwards():
    late = made(lambda n: 0.4 - 0.3 / (1 + np.exp(-(n - 330) / 25)), noise=0.004)  # flat, then a jump that no form foretells
    assert drawn_paths(late).missed > 0.05 and drawn_paths(made(TRUE["power law"], noise=0.004)).missed < 0.02


def test_no_path_reaches_an_error_of_zero_but_by_luck():
    n = np.geomspace(10, 1000, 50)  # ten times the last size, as far as anything is foretold
    paths = Paths(np.array([0, 1, 2]), np.array([0.5, 1, 0.5]), np.array([0.0, 0.2, 0.0]), np.array([0.2, 0.1, 0.2]), np.zeros(3), 0.01, 0.0, 100)
    kpi = paths.at(n)
    assert (np.diff(kpi, axis=1) > 0).all() and kpi[:, -1].max() < 1


def test_a_flat_curve_never_gets_there_and_a_good_one_is_there(monkeypatch):
    flat = labels_needed(extrapolate(made(lambda n: 0.3 + 0 * n, noise=0.002), 0.8, 30))
    assert (flat.verdict, flat.value, flat.high, flat.cost) == ("bad", None, None, "") and "is not reached within 10 times the data" in flat.summary
    there = labels_needed(extrapolate(made(TRUE["power law"], noise=0.002), 0.7, 30))
    assert (there.verdict, there.value, there.high, there.advice) == ("good", 0, 0, "") and "No more labels" in there.summary


@pytest.mark.parametrize(("language", "said"), [("en", ("more labels", "hours", "A proxy")), ("ja", ("件", "時間", "代用の目安"))])
def test_the_finding_says_labels_hours_and_proxy_in_both_languages(language, said, monkeypatch):
    monkeypatch.setenv("POC_LANGUAGE", language)
    for threshold in (0.87, 0.9, 0.93, 0.9999):
        found = labels_needed(extrapolate(made(TRUE["power law"], noise=0.003), threshold, 60))
        assert said[2] in found.summary and f"{100 * threshold:.0f} %" in found.summary and found.evidence["proxy"] is True
        assert all(word in found.summary for word in said) or found.low is None
    near = extrapolate(made(TRUE["logarithm"], noise=0.003), 0.81, 60)  # needs exp(0.43 / 0.07) = 465 in all
    low, high = near.between(0.8)
    assert 0 < low < 65 < high < math.inf and ("to" in labels_needed(near).cost or "～" in labels_needed(near).cost)


def test_where_the_surest_interval_has_no_upper_end_the_median_is_told_with_how_often_such_numbers_held(monkeypatch):
    monkeypatch.setenv("POC_LANGUAGE", "en")
    open_ = Forecast("macro_recall", 0.9, 60.0, 400, np.array([20.0] * 10 + [130.0] * 50 + [np.inf] * 40), drawn_paths(made(TRUE["power law"])))
    found = labels_needed(open_)
    assert open_.between(0.95) == (20, math.inf) and open_.told() == (20, 130) and (found.low, found.value, found.high) == (20, 130, None)
    assert "About 20 to 130 more labels, 0.3 to 2.2 hours" in found.summary and f"held in {HELD[0]} of {HELD[1]} trials; at 95 % there is no upper end" in found.summary
    never = dataclasses.replace(open_, drawn=np.array([20.0] * 10 + [np.inf] * 90))
    assert never.told() == (20, math.inf) and "At least 20 more labels" in labels_needed(never).summary and "chance that 10 times the data are enough is 10 %" in labels_needed(never).summary
    perhaps = dataclasses.replace(open_, drawn=np.array([0.0] * 60 + [np.inf] * 40))
    assert perhaps.told() == (0, math.inf) and labels_needed(perhaps).verdict != "good", "only the surest interval may say that no more are needed"


def test_what_may_be_reached_already_is_not_sold_as_no_labels_or_no_hours():
    found = labels_needed(extrapolate(made(TRUE["power law"], noise=0.03), 0.851, 60))  # at 0.85 now
    assert "cannot be told" in found.summary and "0.0 hours" not in found.summary and found.cost == ""


def test_a_curve_too_small_is_refused_with_what_to_do():
    table = made(TRUE["power law"])
    for few in (table[table["size"] < 140], table[table["seed"] < 2], table.iloc[1:]):
        with pytest.raises(KitError, match="label more rows first"):
            extrapolate(few, 0.8, 30)
    with pytest.raises(KitError, match="divide percentages by 100"):
        extrapolate(table.assign(value=100 * table["value"]), 0.8, 30)
    for threshold, seconds, kpi in ((80, 30, "accuracy"), (0.8, 0, "accuracy"), (0.8, 30, "yen")):
        with pytest.raises(KitError, match="a threshold between 0 and 1"):
            extrapolate(table, threshold, seconds, kpi=kpi)


def test_tiny_or_wrong_data_is_refused_with_what_to_do():
    features, samples = rows(30, groups=1)
    with pytest.raises(KitError, match="label rows of more groups"):
        curve(features, samples)
    features, samples = rows(60)
    for broken in ((features[1:], samples), (features, [*samples[1:], samples[0].__class__("z", "Which?", ("a", "b"), text="x")])):
        with pytest.raises(KitError, match="give each labelled sample one row"):
            curve(*broken)
    with pytest.raises(KitError, match="keep whole groups apart"):
        curve(features, samples, held=np.arange(5))
    with pytest.raises(KitError, match="no size of the curve fits"):
        curve(features, samples, sizes=[1000])
    with pytest.raises(KitError, match="allowed: accuracy"):
        curve(features, samples, kpi="yen", sizes=[12])
    with pytest.raises(KitError, match="random, uncertainty"):
        curve(features, samples, select="best", sizes=[12])


def test_no_group_is_learned_from_and_measured_on(monkeypatch):
    from importlib import import_module

    room = import_module("kit.curation.how_many")

    seen = []
    monkeypatch.setattr(room, "points", lambda f, s, pool, held, sizes, *rest: seen.append((pool, held)) or points(f, s, pool, held, sizes, *rest))
    features, samples = rows(120)
    table = curve(features, samples, sizes=[12, 24, 48], seeds=range(2))
    assert len(table) == 6 and len(seen) == 6 and {i for _, held in seen for i in held} == set(range(120))
    for pool, held in seen:
        assert not {samples[i].group for i in pool} & {samples[i].group for i in held}


def test_a_group_that_gives_its_answer_away_does_not_flatter_the_curve():
    rng = np.random.default_rng(0)
    samples = [Sample(f"{i}", "Which?", ("a", "b"), "ab"[rng.integers(2)], text="x", group=f"g{i // 5}") for i in range(150)]
    features = np.eye(150)[[i - i % 5 for i in range(150)]] * 5 + rng.normal(size=(150, 150)) * 0.01  # only the group's name
    assert curve(features, samples, sizes=[90], seeds=range(3))["value"].mean() < 0.62


def test_the_curve_rises_repeats_and_its_forecast_holds():
    features, samples = rows(900)
    held = np.flatnonzero([s.group in ("g0", "g1", "g2") for s in samples])
    pool = np.setdiff1d(np.arange(900), held)
    known = np.concatenate([pool[:200], held])
    table = curve(features[known], [samples[i] for i in known], held=np.arange(200, len(known)), seeds=range(8))
    assert table.equals(curve(features[known], [samples[i] for i in known], held=np.arange(200, len(known)), seeds=range(8)))
    mean = table.groupby("size")["value"].mean()
    assert mean.iloc[-1] > mean.iloc[0] + 0.03 and mean.index[-1] == 200
    found = extrapolate(table, 0.9, 30).kpi_at(len(pool))
    truth = curve(features, samples, sizes=[len(pool)], seeds=[0], held=held)["value"].iloc[0]
    assert found["low"] <= truth <= found["high"] and found["high"] - found["low"] < 0.2


def test_the_quick_reader_is_the_usual_logistic_regression():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features, samples = rows(15)  # fewer rows than columns
    other, asked = rows(40, seed=1)
    usual = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=1000, tol=1e-8)).fit(features, [s.answer for s in samples])
    assert np.allclose(Reader(features, samples, ["a", "b", "c"]).shares(other, asked), usual.predict_proba(other), atol=1e-3)


def test_a_reader_of_one_answer_or_of_another_question_says_what_it_knows():
    features, samples = rows(6)
    one = Reader(features[[0, 3]], [samples[0], samples[3]], ["a", "b", "c"])
    assert one.shares(features, samples).tolist() == [[1, 0, 0]] * 6
    asked = [Sample("q", "Other?", ("a", "b"), "a", text="x")]
    assert np.allclose(one.shares(features[:1], asked), 1 / 3)


def test_active_selection_asks_for_what_is_doubtful_and_is_compared_in_pairs():
    rng = np.random.default_rng(0)
    side = np.concatenate([rng.normal(0, 0.3, 60), rng.normal(0, 6, 540)])  # a few rows near the border between two answers
    samples = [Sample(f"{i}", "Which?", ("a", "b"), "ab"[int(x > 0)], text="x", group=f"g{i % 9}") for i, x in enumerate(side)]
    features = np.stack([side, *rng.normal(size=(3, 600))], 1)
    tables = [curve(features, samples, sizes=[12, 24, 48, 96], seeds=range(4), select=select) for select in ("random", "uncertainty")]
    gains = selection_gain(*tables)
    assert gains["gain"].iloc[0] == 0, "both begin with the same rows"
    assert gains["gain"].iloc[1:].max() > 0.01 and (gains["low"] <= gains["gain"]).all() and (gains["gain"] <= gains["high"]).all()


def test_sizes_are_spread_evenly_up_to_the_pool():
    assert spaced(800) == sorted(spaced(800)) and spaced(800)[0] == 100 and spaced(800)[-1] == 800 and len(spaced(800)) == 8
    assert spaced(0) == [] and spaced(5) == [5]


def trials() -> list[dict]:
    return list(csv.DictReader((BENCHMARKS / "learning_curve.csv").open(encoding="utf-8")))


def test_how_often_forecasts_held_is_what_the_trials_say():
    rows = trials()
    assert len(rows) >= 50 and {row["use_case"] for row in rows} == {"inspection", "line", "callcentre", "documents"} and {row["half_of"] for row in rows} == {"rows", "groups"}
    for row in rows:
        assert int(row["inside"]) == (float(row["low"]) <= float(row["revealed"]) <= float(row["high"]))
        assert int(row["further_inside"]) == (float(row["further_low"]) <= int(row["further"]) <= float(row["further_high"]))
    told = [int(row["told_inside"]) for row in rows if row["told_inside"]]
    assert (sum(int(row["inside"]) for row in rows), len(rows)) == FORETOLD and (sum(told), len(told)) == HELD, "what people are told is measured, not nominal"
    assert FORETOLD[0] / FORETOLD[1] >= 0.90
    assert np.median([float(row["width"]) for row in rows]) < 0.2


def test_a_trial_is_what_the_table_says_and_knows_nothing_of_the_other_half():
    from benchmarks.learning_curve import COLUMNS, halved, trial_row

    features, samples = rows(240)
    for by in ("rows", "groups"):
        held, pool, half = halved(samples, 3, by)
        assert set(half) < set(pool) and not set(pool) & set(held) and not {samples[i].group for i in pool} & {samples[i].group for i in held}
        assert set(trial_row("documents", (features, samples), 3, by, seeds=3)) == set(COLUMNS)


def test_the_table_says_where_active_selection_helps():
    found = list(csv.DictReader((BENCHMARKS / "active_selection.csv").open(encoding="utf-8")))
    assert {row["use_case"] for row in found} == {"inspection", "line", "callcentre", "documents"}
    for row in found:
        assert row["helps"] == ("yes" if float(row["low"]) > 0 else "harms" if float(row["high"]) < 0 else "not shown")
