"""`poc bridges`: which rows and bridges a use case is compared by, where evidence disagrees, and what is written for the report."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from benchmarks.bridges import frame_of
from kit.bridges import Facts, Tried
from kit.bridges.correlation import within_cases
from kit.data import Sample
from kit.errors import KitError
from poc import runs
from poc.bridges import FILE, believed_by, bridge_lines, noticed, try_all
from poc.lineup import Sizes, lineup, rows_for, tools_for
from poc.pipeline import COMPANY
from poc.usecase import load_samples, load_usecase


def rows_of(case: str, **sizes):
    return rows_for(list(load_samples(COMPANY / case, load_usecase(COMPANY / case), verify=False).samples), Sizes(**sizes))


@pytest.mark.parametrize(("case", "modalities"), [("inspection", ("image",)), ("callcentre", ("audio",)), ("documents", ("image", "audio")), ("line", ("video",))])
def test_bridges_are_asked_with_the_media_that_decide_and_without_words(case, modalities):
    rows = rows_of(case, train=50, asked=40)
    assert rows.modalities == modalities and len(rows.train) == 50 and len(rows.asked) == 40
    for row in (*rows.train, *rows.validation, *rows.asked):
        assert not row.text and row.modalities and set(row.modalities) <= set(modalities)
    assert {row.split for row in rows.train} == {"train"} and {row.split for row in rows.asked} == {"test"} and not {row.group for row in rows.train} & {row.group for row in rows.asked}
    assert {row.modalities[-1] for row in rows.paired} == {modalities[0]}
    assert len({row.group for row in rows.asked}) == len({row.group for row in rows_of(case, asked=10**6).asked if row.split == "test"}), "every group is asked"


def test_other_seeds_train_on_other_rows_and_are_asked_the_same():
    samples = list(load_samples(COMPANY / "inspection", load_usecase(COMPANY / "inspection"), verify=False).samples)
    first, second = (rows_for(samples, Sizes(train=50, asked=40), seed) for seed in (0, 1))
    assert first.asked == second.asked and {row.id for row in first.train} != {row.id for row in second.train}
    fewer = rows_for(samples, Sizes(train=20, asked=40), 0)
    assert {row.id for row in fewer.train} < {row.id for row in first.train}, "fewer rows are some of the many"


def test_where_no_medium_decides_there_is_nothing_to_bridge():
    rows = [Sample(str(number), "?", ("a", "b"), "ab"[number % 2], text="note", decided_by=("text",), split="train") for number in range(4)]
    with pytest.raises(KitError, match="there is nothing to bridge: no labelled training and test rows with options whose photo, sound or film decides"):
        rows_for(rows, Sizes())


def test_the_modalities_call_for_their_bridges(tmp_path):
    def names(case: str, vlm: str = "vlm", ears: str = "ears") -> list[str]:
        rows = rows_of(case, train=20)
        return [bridge.name for bridge in lineup(rows.modalities, "tiny_omni", tmp_path, vlm, ears, tools_for(rows), smaller="half")]

    photos = names("inspection")
    assert photos[:4] == ["as it is", "converter (linear)", "converter (mlp)", "perceiver"] and photos[-3:] == ["specialist (image)", "late fusion", "routed"]
    assert {"tool learning", "tool learning, reader tuned", "data-driven", "hybrid", "data-driven, smaller checkpoint"} < set(photos) and not [name for name in photos if "alone" in name]
    assert "speech recognition alone, reader tuned" in names("callcentre") and "perceiver" in names("callcentre")
    sheets = names("documents")
    assert {"OCR alone, reader tuned", "speech recognition alone, reader tuned", "converter (mlp)", "converter (mlp), sound"} < set(sheets)
    assert names("inspection", vlm="")[:2] == ["as it is", "tool learning"] and "late fusion" not in names("callcentre", ears="")


def test_whom_a_bridge_believes_is_asked_where_two_media_speak():
    def row(number: int, sheet: str) -> Sample:
        return Sample(str(number), "?", ("stop", "go"), "stop", text="-", group=str(number), meta={"gauge_says": "stop", "sheet_says": sheet})

    asked = [row(number, "go" if number < 6 else "stop") for number in range(12)]
    said = [{"id": one.id, "answer": "stop", "predicted": one.meta["sheet_says"], "probabilities": {"stop": 0.4, "go": 0.6}, "group": one.group} for one in asked]
    (told,) = believed_by([Tried("reads the sheet", Facts(), pd.DataFrame(said)), Tried("absent", Facts(), None)], [], asked)
    assert (told["bridge"], told["against"], told["n"], told["n_agree"], told["follows_other"], told["follows_first"]) == ("reads the sheet", "sheet", 6, 6, 1.0, 0.0)
    assert told["auc"] is None, "nothing noticed, nothing to rank"
    assert believed_by([], [], [one.replace(meta={"note_says": "go"}) for one in asked]) is None, "words that no bridge was shown"


def test_who_is_right_where_the_evidence_contradicts_itself():
    asked = [Sample(str(number), "?", ("a", "b"), "a", text="-", meta={"conflict": "yes" if number < 4 else "no"}) for number in range(10)]
    frame = pd.DataFrame({"id": [row.id for row in asked], "answer": "a", "predicted": ["a"] * 3 + ["b"] + ["a"] * 5 + ["b"], "group": [row.id for row in asked]})
    told = noticed([Tried("one", Facts(), frame), Tried("broken", Facts(), None)], asked)
    (row,) = told["bridges"]
    assert told["n"] == {"yes": 4, "no": 6} and row["bridge"] == "one" and row["yes"] == 0.75 and row["no"] == pytest.approx(5 / 6)
    assert 0 <= row["yes_low"] < 0.75 < row["yes_high"] <= 1
    assert noticed([], [row.replace(meta={}) for row in asked]) is None


def test_three_seeds_of_a_row_are_one_row_and_not_three():
    """Of few lots a row's answers of all seeds are drawn together; of many lots the lot is."""
    cells = [{"bridges": {"one": {"predicted": [0] * 12}}}, {"bridges": {"one": {"predicted": [1] * 12}}}, {"bridges": {"one": {"predicted": None}}}]
    for lots in (3, 12):
        rows = [Sample(str(number), "?", ("a", "b"), "a", text="-", group=f"lot {number % lots}") for number in range(12)]
        frame = frame_of(rows, cells, "one")
        assert len(frame) == 24 and frame["group"].nunique() == 12 and frame["predicted"].tolist() == ["a"] * 12 + ["b"] * 12 and frame["id"].is_unique
    assert frame_of(rows, cells, "another") is None


def test_ranks_within_a_use_case_forget_its_difficulty():
    frame = pd.DataFrame({"case": ["easy"] * 3 + ["hard"] * 3, "kpi": [0.9, 0.8, 0.7, 0.3, 0.2, 0.1], "gap": [1.0, 2.0, 3.0, 100.0, 200.0, 300.0]})
    ranked = within_cases(frame, "case", ("kpi", "gap"))
    assert ranked["kpi"].tolist() == [1.0, 0.5, 0.0] * 2 and ranked["gap"].tolist() == [0.0, 0.5, 1.0] * 2


def test_a_run_gets_its_table_and_the_same_call_again_asks_nobody(tmp_path):
    run = tmp_path / "run"
    shutil.copytree(runs.EXAMPLE, run)
    sizes, only = Sizes(train=48, asked=24, updates=2, validation=12, blocks=0), ("as it is", "tool learning")
    found = try_all(run, COMPANY / "inspection", sizes=sizes, only=only)
    told = json.loads((run / FILE).read_text(encoding="utf-8"))
    assert set(told) == {"table", "recommended", "gap", "correlation", "conflict", "believed", "checkpoint", "rows", "kpi", "date"}
    assert [row["bridge"] for row in told["table"]] == list(only) and told["rows"] == {"train": 48, "validation": 12, "asked": 24} and told["checkpoint"] == "tiny_omni"
    assert {"macro_recall", "low", "high", "cost_per_1000", "trained", "latency_ms", "start", "audit", "weak", "failed"} <= set(told["table"][0])
    assert set(told["recommended"]["summary"]) == {"en", "ja"} and told["recommended"]["evidence"]["chosen"] in only and told["conflict"] is None
    assert {(row["bridge"], row["when"]) for row in told["gap"]["table"]} == {("as it is", "after")} and "no single measure predicts quality" in told["correlation"]["warning"]["en"]
    lines = bridge_lines(found)
    assert any(line.startswith("  tool learning ") and " % [" in line for line in lines) and any("shown to be at most 5 points worse than the best" in line for line in lines)
    answers = run / "bridges" / "tool_learning" / "answers.json"
    written = answers.stat().st_mtime_ns
    again = try_all(run, COMPANY / "inspection", sizes=sizes, only=only)
    assert answers.stat().st_mtime_ns == written and again.told == found.told and np.isfinite(again.table["macro_recall"]).all()
    with pytest.raises(KitError, match="no bridge here is called converter; there are: as it is; converter"):
        try_all(run, COMPANY / "inspection", sizes=sizes, only=("converter",))
