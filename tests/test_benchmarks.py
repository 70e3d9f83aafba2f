"""The benchmarks: their short forms run, both arms agree before anything is timed, and the committed tables hold what the README says of them."""

import csv
import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks import alignment, bridges, four_bit, interference, moda, moda_cost, scoring, speech

ROOT = Path(__file__).parents[1]


def table(name: str) -> list[dict]:
    return list(csv.DictReader((ROOT / "benchmarks" / f"{name}.csv").open(encoding="utf-8")))


def test_scoring_in_its_short_form_agrees_and_names_its_conditions(tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "WORK", tmp_path)
    rows = scoring.measure("tiny_omni", "tiny_omni", scoring.draw(168, 2, 4), four_bit=False, rounds=1)
    assert {row["arm"] for row in rows} == {"per option", "answers only", "encoder once", "padded batch", "ours"}
    assert all(float(row["largest_gap_nats"]) <= 1e-4 and set(row) == set(scoring.COLUMNS) for row in rows)


def test_arms_that_disagree_are_not_timed(tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "WORK", tmp_path)
    right = scoring.per_option
    monkeypatch.setattr(scoring, "padded_batch", lambda loaded, sample: right(loaded, sample) + 0.001)
    with pytest.raises(AssertionError, match="not the same log-likelihoods: {'padded batch'"):
        scoring.measure("tiny_omni", "tiny_omni", scoring.draw(168, 1, 4), four_bit=False, rounds=1)


def test_four_bit_in_its_short_form_counts_what_theory_says(tmp_path, monkeypatch):
    monkeypatch.setattr(four_bit, "WORK", tmp_path)
    rows = four_bit.measure("tiny_omni", *four_bit.cases(quick=True)["tiny_omni"], rounds=1, memory=False)
    assert [row["arm"] for row in rows][:2] == ["16-bit", "nf4"] and all(set(row) == set(four_bit.COLUMNS) for row in rows)
    for row in rows[:2]:
        assert row["weights_mb"] == pytest.approx(row["theory_mb"], rel=0.02)


def test_interference_in_its_short_form_agrees_in_scores_and_gradients(tmp_path, monkeypatch):
    monkeypatch.setattr(interference, "WORK", tmp_path)
    loaded = interference.adapted("tiny_omni")
    rows = interference.diagnosis(loaded, 168, 1, "tiny_omni")
    loaded.model.train()
    rows += interference.robust_update(loaded, 168, 1, "tiny_omni")
    assert all(set(row) == set(interference.COLUMNS) for row in rows)
    gaps = {(row["task"], row["arm"]): float(row["largest_gap"]) for row in rows}
    assert gaps["diagnosis", "ours"] < 1e-4 and gaps["robust update", "ours"] < 1e-5


def test_a_shared_beginning_pays_as_the_table_says():
    seconds = {(row["task"], row["arm"]): float(row["seconds_min"]) for row in table("interference") if row["model"] == "shape_51m"}
    sizes = {row["task"]: (int(row["n_p"]), int(row["n_s"])) for row in table("interference") if row["model"] == "shape_51m"}
    assert all(255 <= n_p <= 270 and n_s <= 68 for n_p, n_s in sizes.values())
    assert seconds["diagnosis", "naive loop"] / seconds["diagnosis", "ours"] >= 8
    assert seconds["robust update", "paper"] / seconds["robust update", "ours"] >= 3
    assert seconds["robust update", "ours"] / seconds["robust update", "plain"] <= 1.5


if find_spec("trl"):  # an opponent that only `make benchmarks` installs

    def test_finetune_in_its_short_form_has_the_same_losses(tmp_path, monkeypatch):
        from benchmarks import finetune

        monkeypatch.setattr(finetune, "WORK", tmp_path)
        source, train, _ = finetune.cases(quick=True)["tiny_omni", "notes to 60 words"]
        rows = finetune.measure("tiny_omni", source, train, ("trl tuned", "trl", "ours", "plain"), "short", 1, memory=False)
        assert all(float(row["largest_loss_gap"]) <= 1e-4 for row in rows if row["arm"] != "trl")


@pytest.mark.parametrize("weights", ["float32", "nf4"])
@pytest.mark.parametrize(("options", "bar"), [("4", 3.8), ("10", 7.0)])
def test_one_prefill_pays_as_the_table_says(weights, options, bar):
    rows = [row for row in table("scoring") if (row["model"], row["weights"], row["options"]) == ("shape_51m", weights, options)]
    (slow,) = [row for row in rows if row["arm"] == "per option"]
    assert float(slow["ratio_of_minima"]) >= bar
    assert all(float(row["largest_gap_nats"]) <= 1e-4 for row in rows if row["arm"] != "per option, repacked")


def test_fine_tuning_is_as_fast_as_the_table_says():
    rows = {row["arm"]: row for row in table("finetune") if (row["model"], row["samples"]) == ("shape_51m", "notes to 34 words")}
    assert float(rows["ours"]["ratio_to_trl"]) >= 2 and float(rows["ours"]["ratio_to_trl_tuned"]) >= 1.3
    assert all(float(row["largest_loss_gap"]) <= 1e-5 * 12 for arm, row in rows.items() if arm != "trl"), "of losses of about 11 nats"
    assert float(rows["ours"]["peak_mb"]) < float(rows["trl tuned"]["peak_mb"]) and all(float(row["peak_mb"]) > 0 for row in rows.values())


def test_four_bit_weights_take_what_theory_says():
    rows = table("four_bit")
    assert {row["arm"] for row in rows} >= {"16-bit", "nf4"} and {row["model"] for row in rows} == {"shape_51m", "tiny_omni"}
    for row in rows:
        assert float(row["weights_mb"]) == pytest.approx(float(row["theory_mb"]), rel=0.02)
        assert float(row["peak_scoring_mb"]) > float(row["weights_mb"])


def test_the_estimate_is_within_15_percent_of_the_run_that_it_foretold():
    rows = [row for row in table("estimate") if row["stage"] == "whole run"]
    assert {row["use_case"] for row in rows} == {"inspection", "line"}
    for row in rows:
        assert abs(float(row["off"])) <= 0.15
        assert float(row["off"]) == pytest.approx(float(row["estimated_seconds"]) / float(row["measured_seconds"]) - 1, abs=0.002)


def test_speech_in_its_short_form_measures_both_arms(monkeypatch, need):
    need("voice-en")
    monkeypatch.setattr(speech, "PACKAGES", {"ja": ("no_such_package", "x"), "en": speech.PACKAGES["en"]})
    rows = speech.measure(repeats=1)
    assert [row["writer"] for row in rows] == ["at once", "20 pieces of 4 letters a second"] and all(set(row) == set(speech.COLUMNS) for row in rows)
    for row in rows:
        assert 0 < row["first_sound_seconds"] < row["last_sound_seconds"] and row["ratio"] == pytest.approx(row["first_sound_seconds"] / row["whole_answer_seconds"], abs=0.01)


def test_an_answer_of_four_sentences_sounds_as_early_as_the_table_says():
    rows = table("speech")
    assert {(row["language"], row["writer"] == "at once") for row in rows} == {("ja", True), ("ja", False), ("en", True), ("en", False)}
    for row in rows:
        assert row["sentences"] == "4" and int(row["repeats"]) >= 7
        assert float(row["ratio"]) <= 0.35 and float(row["ratio_of_minima"]) <= 0.35
        assert float(row["real_time_factor"]) < 1 and float(row["silence_seconds"]) == 0, "a listener hears no gap"


def test_moda_in_its_short_form_times_all_arms(tmp_path, monkeypatch):
    monkeypatch.setattr(interference, "WORK", tmp_path)
    rows = moda_cost.costs("tiny_omni", 168, 1, rounds=1)
    assert [row["arm"] for row in rows] == list(moda_cost.COSTS) and all(set(row) == set(moda_cost.COST_COLUMNS) for row in rows)


def test_a_step_with_moda_costs_at_most_40_percent_more_on_the_51_m_shape():
    rows = {row["arm"]: row for row in table("moda_cost") if row["model"] == "shape_51m"}
    assert rows["plain (SDPA)"]["over_plain_min"] == "+0 %"
    for arm in ("mask", "align", "mask and align"):
        assert float(rows[arm]["over_plain_min"].removesuffix(" %")) <= 40


def test_every_cell_of_modas_ablation_is_counted_from_the_kept_answers():
    rows = {row["arm"]: row for row in table("moda")}
    assert set(rows) == {moda.MAJORITY, moda.TEXT_ONLY, *moda.ARMS} and len({row["seeds"] for arm, row in rows.items() if arm != moda.MAJORITY}) == 1, "as many seeds of each"
    for arm in set(rows) - {moda.MAJORITY}:
        again = moda.row_of(arm, moda.kept(arm), moda.kept("plain"))
        wrong = {cell for cell, value in again.items() if cell != "date" and rows[arm][cell] != str(value)}
        assert not wrong, f"{arm}: {wrong}"
    seen = {}
    for row in table("moda_attention"):
        seen.setdefault(row["arm"], []).append(row)
    assert set(seen) == {"before", *moda.ARMS} and {(row["rows"], row["lots"]) for rows in seen.values() for row in rows} == {(str(moda.LOOKED_AT), "5")}
    for arm in moda.ARMS:
        again = moda.attention_rows(arm, *([*moda.kept(one).values()] for one in (arm, "plain")))
        assert [{cell: str(value) for cell, value in row.items()} for row in again] == [{cell: value for cell, value in row.items() if value} for row in seen[arm]]


def test_modas_gates_and_raves_bias_left_their_start_in_every_seed_so_that_they_were_tested():
    for arm, name in (("mask", "gate"), ("mask and align", "gate"), ("rave", "bias")):
        assert all(max(map(abs, one["learned"][name])) > 0.1 for one in moda.kept(arm).values())
    assert all(one["learned"] == {} for one in moda.kept("plain").values())


def test_every_cell_of_the_alignment_table_is_counted_from_the_kept_answers():
    rows = {row["arm"]: row for row in table("alignment")}
    assert {"progressive", "direct mixing", "balanced sampling"} <= set(rows) and rows["progressive"]["of progressive"] == "100.0"
    runs = {arm: {int(file.stem[-1]): json.loads(file.read_text()) for file in sorted(alignment.KEPT.glob(f"{alignment.folder_of(arm)}-[0-9].json"))} for arm in rows}
    for arm, seeds in runs.items():
        assert {(one["updates"], one["rows"]) for one in seeds.values()} == {(alignment.UPDATES, alignment.UPDATES * alignment.BATCH)}, "arms are compared at equal updates and rows"
        again = alignment.row_of(arm, seeds, runs["progressive"])
        wrong = {cell for cell, value in again.items() if cell != "date" and rows[arm][cell] != str(value)}
        assert not wrong, f"{arm}: {wrong}"
    assert len({row["seeds"] for arm, row in rows.items() if arm in ("progressive", "direct mixing", "balanced sampling")}) == 1


def test_a_long_progressive_run_ends_within_three_points_of_the_tiny_models_floors():
    """From parts whose connectors are fresh: before the first stage it guesses. The end is asked other rows, too, which nobody had looked at when the schedule was made, and so is the tiny model."""
    found = {(row["stage"], row["kind"]): float(row["value"]) for row in table("alignment_floors")}
    for kind, floor in (("pictures", 90), ("films", 85), ("speech", 85), ("text", 90)):
        assert found["together", kind] >= floor - 3
        assert found["the end, other rows", kind] >= min(floor, found["tiny_omni, other rows", kind]) - 3
    assert all(found["before", kind] < 45 for kind in ("pictures", "films", "speech"))
    told = json.loads((alignment.KEPT / "floors-0.json").read_text())
    assert [check["status"] for check in told["checks"]] == ["green"] * len(alignment.FLOORS)


@pytest.mark.slow
def test_every_cell_of_the_bridges_table_is_counted_from_the_kept_answers():
    rows = {(row["use case"], row["bridge"]): row for row in table("bridges")}
    for case in bridges.CASES:
        assert {row["seeds"] for (of, _), row in rows.items() if of == case} == {"3"}
        for again in bridges.table_of(case):
            wrong = {cell for cell, value in again.items() if cell != "date" and rows[case, again["bridge"]][cell] != str(value)}
            assert not wrong, f"{case}, {again['bridge']}: {wrong}"
    four = {"converter (linear)", "perceiver", "tool learning", "data-driven"}
    assert all(rows[case, bridge]["macro_recall"] for case in bridges.CASES for bridge in four | {"hybrid", "late fusion", "routed", "data-driven, smaller checkpoint"})



def test_every_cell_of_the_drift_table_is_counted_from_the_kept_replays():
    for row in table("drift"):
        kept = [one for one in csv.DictReader((ROOT / "benchmarks" / "drift" / f"{row['stream']}.csv").open(encoding="utf-8")) if (one["change"], float(one["strength"])) == (row["change"], float(row["strength"]))]
        planted = row["change"] != "none"
        alarms = [float(one["alarm"]) if one["alarm"] else None for one in kept]
        early = sum(alarm is not None and (not planted or alarm <= 200) for alarm in alarms)
        assert len(kept) == int(row["replays"]) == 100 and row["edition"] == "2"
        assert json.loads(row["false_alarms"])["value"] <= 0.05, row["change"]
        assert not planted or float(row["strength"]) < 0.25 or json.loads(row["found"])["value"] >= 0.95, row["change"]
        assert json.loads(row["false_alarms"])["value"] == pytest.approx(early / 100), row["change"]
        assert not planted or json.loads(row["found"])["value"] == pytest.approx(sum(alarm is not None and 200 < alarm <= 400 for alarm in alarms) / 100), row["change"]
        assert sum(json.loads(row["first_chart"]).values()) == sum(alarm is not None for alarm in alarms)
