"""`poc compare`: paired differences of two runs on their common rows, and a sentence that says no more than they show."""

import dataclasses
import json
import shutil

import pandas as pd
import pytest
from made_run import make_folder, make_run

from kit.errors import KitError
from poc import runs
from poc.compare import compare_runs, comparison_lines


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two runs about one folder: the second one's tuned model knows more."""
    place = tmp_path_factory.mktemp("pair")
    folder = make_folder(place / "parts")
    return make_run(place / "first", folder, skill={"tuned": 0.7}), make_run(place / "second", folder, skill={"tuned": 0.97}), place


def changed(run, target, **keys):
    shutil.copytree(run, target)
    record = runs.read(target)
    (target / "run.json").write_text(json.dumps(record | keys), encoding="utf-8")
    return target


def test_values_are_those_of_the_runs_and_differences_are_paired(pair):
    found = compare_runs(*pair[:2])
    assert [line.metric for line in found.lines if line.condition == "without_text"] == ["macro_recall"]
    lines = {line.metric: line for line in found.lines if line.condition == "as_is"}
    assert found.rows == 240 and found.left_out == 0 and lines.keys() >= {"macro_recall", "accuracy", "cost_per_1000"}
    for number, run in enumerate(pair[:2]):
        (row,) = [r for r in runs.read(run)["results"] if r["arm"] == "tuned" and r["condition"] == "as_is"]
        for metric, line in lines.items():
            if metric != "seconds_per_answer":
                assert (line.first, line.second)[number] == pytest.approx(row[metric]["value"])
    for line in lines.values():
        if line.difference:
            assert line.difference["value"] == pytest.approx(line.second - line.first)
    assert lines["accuracy"].difference["low"] > 0 and lines["cost_per_1000"].difference["high"] < 0
    assert comparison_lines(found)[-1].startswith("Shown: the second run has the better macro recall")
    assert comparison_lines(compare_runs(*pair[1::-1]))[-1].startswith("Shown: the first run")


def test_a_run_is_not_better_than_itself(pair):
    found = compare_runs(pair[0], pair[0])
    assert all(line.difference["value"] == 0 and line.difference["low"] <= 0 <= line.difference["high"] for line in found.lines if line.difference)
    assert "holds 0" in comparison_lines(found)[-1]


def test_japanese_readers_get_the_same_figures(pair, monkeypatch):
    english = comparison_lines(compare_runs(*pair[:2]))
    monkeypatch.setenv("POC_LANGUAGE", "ja")
    japanese = comparison_lines(compare_runs(*pair[:2]))
    assert "2 つ目の実行" in japanese[-1] and "マクロ再現率" in japanese[1]
    assert english[1].split(":")[1] == japanese[1].split(":")[1]


def test_rows_of_one_run_only_and_relabelled_rows_are_left_out_and_counted(pair, tmp_path):
    less = changed(pair[1], tmp_path / "less")
    frame = pd.read_csv(less / "predictions.csv", dtype=str, keep_default_na=False)
    held = frame[(frame["arm"] == "tuned") & (frame["condition"] == "as_is") & (frame["split"] == "test")].index
    frame.loc[held[0], "answer"] = "crack" if frame.loc[held[0], "answer"] != "crack" else "dent"
    frame.drop(index=held[1:11]).to_csv(less / "predictions.csv", index=False)
    found = compare_runs(pair[0], less)
    assert (found.rows, found.left_out) == (229, 12)
    assert any("12 rows were answered by one run only" in line for line in comparison_lines(found))


def test_what_makes_two_runs_hard_to_compare_is_said(pair, tmp_path):
    record = runs.read(pair[1])
    other = changed(pair[1], tmp_path / "other", data=record["data"] | {"hash": "another"}, gates=record["gates"] | {"hash": "another"}, seconds_per_answer=0.2)
    said = "\n".join(comparison_lines(compare_runs(pair[0], other)))
    assert "the data changed" in said and "gates, costs or options changed" in said and "seconds per answer: not recorded" in said
    timed = changed(pair[0], tmp_path / "timed", seconds_per_answer=0.1)
    assert "seconds per answer: 0.100 -> 0.200 s" in "\n".join(comparison_lines(compare_runs(timed, other)))
    elsewhere = changed(pair[0], tmp_path / "elsewhere", seconds_per_answer=0.1, machine=record["machine"] | {"cores": 99})
    assert "different machines" in "\n".join(comparison_lines(compare_runs(elsewhere, other)))


def test_runs_of_different_use_cases_or_without_common_rows_are_refused(pair, tmp_path):
    with pytest.raises(KitError, match="only runs of the same use case can be compared"):
        compare_runs(pair[0], changed(pair[1], tmp_path / "other", use_case="coils"))
    apart = changed(pair[1], tmp_path / "apart")
    frame = pd.read_csv(apart / "predictions.csv", dtype=str, keep_default_na=False)
    frame.assign(id=frame["id"] + "x").to_csv(apart / "predictions.csv", index=False)
    with pytest.raises(KitError, match="have no held-out row in common"):
        compare_runs(pair[0], apart)


def test_intervals_are_those_of_a_paired_bootstrap_of_the_cost(pair):
    """Costs are resampled with the rows, so the difference's interval is narrower than two intervals side by side."""
    found = {line.metric: line for line in compare_runs(*pair[:2]).lines}["cost_per_1000"]
    rows = [next(r for r in runs.read(run)["results"] if r["arm"] == "tuned" and r["condition"] == "as_is")["cost_per_1000"] for run in pair[:2]]
    apart = sum(row["high"] - row["low"] for row in rows)
    assert 0 < found.difference["high"] - found.difference["low"] < apart
    assert dataclasses.asdict(found)["metric"] == "cost_per_1000"
