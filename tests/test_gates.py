"""Verdicts from interval bounds, and signatures."""

import json

import pandas as pd
import pytest

from kit.errors import KitError
from poc.gates import accuracy_by_group, decide, rows_to_decide
from poc.runs import COMPANY
from poc.signature import FILE, changed_after_seeing, sign, signature
from poc.usecase import UseCase, load_usecase

POC_YAML = """schema: 1
name: parts
question: Which defect?
options: [ok, scratch]
costs: {miss: 1000, false_alarm: 100, ok_answer: ok}
gates: {kpi: macro_recall, threshold: 0.8, guard_drop: 0.03}
"""
GREEN = [{"number": n, "name": "x", "status": "green", "detail": "", "evidence": {}} for n in range(1, 8)]
SIGNED = {"signed": True, "signed_by": "Sato", "signed_at": "2026-11-01T09:00:00+09:00", "state": "signed"}


def interval(low, high):
    return {"value": (low + high) / 2, "low": low, "high": high}


def group(name, low, high):
    return {"group": name, "n": 40} | interval(low, high)


def verdict(tuned=(0.86, 0.92), cheap=0.6, better=(0.2, 0.3), drop=(0.0, 0.02), checks=GREEN, signed=SIGNED, rehearsal=False, guard=True, robust_drop=None, lost=None, asked=100, right=0.8, gates=None, **measured_too):
    use = UseCase(name="parts", question="Which defect?", options=("ok", "scratch"), gates={"kpi": "macro_recall", "threshold": 0.8, "robust_drop": robust_drop, **(gates or {})})
    results = [{"arm": arm, "condition": "as_is", "n": 500, "macro_recall": interval(*ends)}
               for arm, ends in (("majority", (0.5, 0.5)), ("cheap_model", (cheap - 0.03, cheap + 0.03)), ("base", (0.5, 0.55)), ("tuned", tuned))]  # fmt: skip
    # a condition without the note, and another metric, must not be taken for the difference that decides
    comparisons = [{"a": "tuned", "b": "cheap_model", "condition": "without_text", "metric": "macro_recall", "difference": interval(-0.9, -0.8)},
                   {"a": "tuned", "b": "cheap_model", "condition": "as_is", "metric": "accuracy", "difference": interval(-0.9, -0.8)},
                   {"a": "tuned", "b": "cheap_model", "condition": "as_is", "metric": "macro_recall", "difference": interval(*better)},
                   {"a": "tuned", "b": "majority", "condition": "as_is", "metric": "macro_recall", "difference": interval(0.3, 0.4)}]  # fmt: skip
    measured = {"base": interval(0.9, 0.94), "tuned": interval(0.89, 0.93), "drop": interval(*drop), "n": 300} if guard else None
    believes = lost and {"perturbation": "misleading note A (ja)", "n": asked, "clean": right, **{f"lost{end}": value for end, value in zip(("", "_low", "_high"), (sum(lost) / 2, *lost), strict=True)}}
    return decide(use, results=results, comparisons=comparisons, guard=measured, checks=checks, signed=signed, rehearsal=rehearsal, believes=believes, **measured_too)


def test_all_gates_passed_is_go():
    found = verdict()
    assert (found["decision"], found["best_baseline"], found["decision_run"]) == ("go", "cheap_model", True)
    assert len(found["reasons"]) == 3 and all(reason["en"] and reason["ja"] for reason in found["reasons"])


@pytest.mark.parametrize(
    ("changes", "decision", "words"),
    [
        ({"tuned": (0.79, 0.90)}, "grey", "still contains"),  # the point estimate is above the threshold: not enough
        ({"tuned": (0.70, 0.81)}, "grey", "still contains"),
        ({"tuned": (0.60, 0.79)}, "stop", "missed"),
        ({"better": (-0.01, 0.20)}, "grey", "not certain which"),
        ({"better": (-0.10, -0.02)}, "stop", "Use “scikit-learn, no MLLM” instead"),
        ({"better": (-0.10, 0.0)}, "stop", "Use “scikit-learn"),
        ({"drop": (0.01, 0.04)}, "grey", "guard rows would decide"),
        ({"drop": (0.05, 0.09)}, "grey", "too much"),
        ({"guard": False}, "grey", "guard set was not measured"),
        ({"robust_drop": 0.05}, "grey", "Nobody asked which evidence"),
        ({"robust_drop": 0.05, "lost": (0.2, 0.3)}, "grey", "“misleading note A (ja)” beside the evidence it loses +20.0 to +30.0 points of right answers; 5 are allowed: too much"),
        ({"robust_drop": 0.05, "lost": (0.0, 0.06)}, "grey", "held-out rows would decide"),
        ({"robust_drop": 0.05, "lost": (0.0, 0.04)}, "go", "reached"),
        ({"robust_drop": 0.05, "lost": (0.0, 0.04), "asked": 4}, "grey", "was asked on 4 rows only: too few to tell (gate robust_drop; 20 or more)"),
        ({"robust_drop": 0.05, "lost": (0.0, 0.04), "right": 0.0}, "grey", "right on none of the rows that were asked"),
        ({"tuned": (0.60, 0.79), "gates": {"stop_below": 0.75}}, "grey", "missed, and above the stop rule's 75.0%"),
        ({"tuned": (0.60, 0.74), "gates": {"stop_below": 0.75}}, "stop", "missed at 95%"),
        ({"gates": {"worst_group": 0.7}}, "grey", "no groups to compare (gate worst_group)"),
        ({"gates": {"worst_group": 0.7}, "by_group": [group("L1", 0.4, 0.6), group("L2", 0.8, 0.9)]}, "grey", "In group L1 (40 rows) between 40.0% and 60.0% are right; the gate asks every group for 70.0%: missed"),
        ({"gates": {"worst_group": 0.7}, "by_group": [group("L1", 0.6, 0.8), group("L2", 0.8, 0.9)]}, "grey", "not certain for 1 of 2 groups"),
        ({"gates": {"worst_group": 0.7}, "by_group": [group("L1", 0.7, 0.8), group("L2", 0.8, 0.9)]}, "go", "reached"),
        ({"gates": {"latency_seconds": 2}}, "grey", "were not measured (gate latency_seconds)"),
        ({"gates": {"latency_seconds": 2}, "latency": interval(2.1, 2.4)}, "grey", "too slow. Take a faster machine"),
        ({"gates": {"latency_seconds": 2}, "latency": interval(1.9, 2.4)}, "grey", "One answer takes 1.9 to 2.4 s on this machine; 2 s are allowed: not certain"),
        ({"gates": {"latency_seconds": 2}, "latency": interval(1.0, 1.4)}, "go", "reached"),
        ({"gates": {"budget": 5_000_000}}, "grey", "was not worked out (gate budget)"),
        ({"gates": {"budget": 5_000_000}, "cost": interval(5_100_000, 9_000_000)}, "stop", "The first year costs 5,100,000 to 9,000,000 JPY; 5,000,000 were granted: too dear"),
        ({"gates": {"budget": 5_000_000}, "cost": interval(3_000_000, 6_000_000)}, "grey", "Replace the widest assumption"),
        ({"gates": {"budget": 5_000_000}, "cost": interval(3_000_000, 4_000_000)}, "go", "reached"),
    ],
)
def test_one_gate_missed_decides_the_verdict_and_its_reason_comes_first(changes, decision, words):
    found = verdict(**changes)
    assert found["decision"] == decision
    assert words in found["reasons"][0]["en"]


def test_a_threshold_that_is_just_reached_is_reached():
    assert verdict(tuned=(0.8, 0.9))["decision"] == "go"


def test_a_red_check_leaves_no_verdict_however_good_the_numbers():
    red = [*GREEN[:4], GREEN[4] | {"status": "red", "detail": "image: shuffled +0.01"}, *GREEN[5:]]
    found = verdict(checks=red)
    assert (found["decision"], found["decision_run"]) == ("none", False)
    assert "Run check 5 is red" in found["reasons"][0]["en"] and "+0.01" in found["reasons"][0]["ja"]


def test_a_check_that_does_not_apply_stops_nothing():
    assert verdict(checks=[GREEN[0] | {"status": "na"}])["decision"] == "go"


def test_a_rehearsal_has_no_verdict_and_names_the_command():
    found = verdict(rehearsal=True)
    assert (found["decision"], found["decision_run"]) == ("none", False)
    assert "--preset gpu" in found["next"]["en"] and "--preset gpu" in found["next"]["ja"]


@pytest.mark.parametrize(("state", "words"), [("unsigned", "nobody signed"), ("changed", "were changed after Sato")])
def test_without_a_valid_signature_it_is_no_decision_run(state, words):
    found = verdict(signed={"signed": False, "signed_by": "Sato", "signed_at": "", "state": state})
    assert (found["decision"], found["decision_run"]) == ("go", False)
    assert words in found["reasons"][-1]["en"]


@pytest.mark.parametrize(("rule", "decision", "words"), [
    (None, "grey", "do what the open points name"), ("label_more", "grey", "by the signed grey-zone rule: label as many rows"), ("check_every_answer", "grey", "a trial in which people check every answer"),
    ("stop", "stop", "do not go on with this"),
])  # fmt: skip
def test_the_signed_grey_zone_rule_says_what_happens_where_the_intervals_do_not_decide(rule, decision, words):
    found = verdict(tuned=(0.79, 0.90), gates={"grey": rule})
    assert found["decision"] == decision and words in found["next"]["en"]
    assert rule != "stop" or "grey-zone rule says: stop" in found["reasons"][0]["en"]
    assert verdict(gates={"grey": rule})["decision"] == "go"  # a rule for the grey zone changes nothing outside it


def test_the_worst_group_is_held_to_intervals_that_hold_together():
    """With ten right of ten in each of two groups the 97.5 % interval (Bonferroni) of one begins at 0.0125 ** (1 / 10)."""
    rows = pd.DataFrame({"answer": ["a"] * 30, "predicted": ["a"] * 25 + ["b"] * 5, "group": ["x"] * 10 + ["y"] * 10 + ["z"] * 10})
    found = accuracy_by_group(rows[:20], 0.95)
    assert found[0]["low"] == pytest.approx(0.0125 ** (1 / 10)) and found[0]["high"] == 1
    assert [row["group"] for row in accuracy_by_group(rows)] == ["z", "x", "y"]


def test_rows_to_decide_by_hand():
    # half-width 0.04 at 100 rows; 0.02 is needed: four times the rows
    assert rows_to_decide({"value": 0.82, "low": 0.78, "high": 0.86}, 0.80, 100) == 400
    assert rows_to_decide({"value": 0.78, "low": 0.74, "high": 0.82}, 0.80, 100) == 400
    assert rows_to_decide({"value": 0.80, "low": 0.74, "high": 0.86}, 0.80, 100) is None


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "poc.yaml").write_text(POC_YAML, encoding="utf-8")
    return tmp_path


def test_a_signature_is_seen_and_a_changed_gate_undoes_it(folder):
    assert signature(folder, load_usecase(folder))["state"] == "unsigned"
    signed = sign(folder, "  Sato ")
    assert signed["name"] == "Sato" and len(signed["hash"]) == 64 and signed["time"].startswith("20")
    assert signature(folder, load_usecase(folder)) == {"signed": True, "signed_by": "Sato", "signed_at": signed["time"], "state": "signed", "earlier": []}
    (folder / "poc.yaml").write_text(POC_YAML.replace("0.8,", "0.7,"), encoding="utf-8")
    found = signature(folder, load_usecase(folder))
    assert (found["signed"], found["state"]) == (False, "changed")
    again = sign(folder, "Ito")
    assert [old["name"] for old in again["earlier"]] == ["Sato"] and "earlier" not in again["earlier"][0]
    assert signature(folder, load_usecase(folder))["earlier"] == [{"name": "Sato", "time": signed["time"]}]
    assert not list(folder.glob("*.part"))


def test_a_gate_that_nobody_set_leaves_older_signatures_valid(folder):
    sign(folder, "Sato")
    text = (folder / "poc.yaml").read_text()
    for name, value in (("robust_drop", 0.1), ("stop_below", 0.7), ("grey", "stop"), ("worst_group", 0.6), ("latency_seconds", 2), ("budget", 1_000_000)):
        (folder / "poc.yaml").write_text(text.replace("guard_drop: 0.03", f"guard_drop: 0.03, {name}: null"))
        assert signature(folder, load_usecase(folder))["state"] == "signed"
        (folder / "poc.yaml").write_text(text.replace("guard_drop: 0.03", f"guard_drop: 0.03, {name}: {value}"))
        assert signature(folder, load_usecase(folder))["state"] == "changed"


def test_a_stop_rule_above_the_threshold_is_refused(folder):
    (folder / "poc.yaml").write_text(POC_YAML.replace("guard_drop: 0.03", "stop_below: 0.9"), encoding="utf-8")
    with pytest.raises(KitError, match="stop_below.*0.9, above the threshold 0.8.*lower it to the threshold"):
        load_usecase(folder)


def test_the_signatures_that_are_shipped_still_hold():
    for folder in sorted(COMPANY.glob("*/gates.signed.json")):
        assert signature(folder.parent, load_usecase(folder.parent))["state"] == "signed"


def finished_run(place, name, finished, gates, ids):
    run = place / name
    run.mkdir()
    (run / "run.json").write_text(json.dumps({"finished": finished, "gates": {"hash": gates}}))
    (run / "predictions.csv").write_text("id,split\n" + "".join(f"{id},test\n" for id in ids) + "g1,guard\n")
    return run


def test_gates_that_were_signed_after_a_run_had_shown_results_on_the_same_rows_are_found_out(tmp_path):
    now = {"hash": "new", "signed_at": "2026-11-20T12:00:00+00:00"}
    runs = [finished_run(tmp_path, "a", "2026-11-18T09:00:00", "old", ["r1", "r2"]), finished_run(tmp_path, "b", "2026-11-25T09:00:00", "old", ["r1"]),
            finished_run(tmp_path, "c", "2026-11-18T09:00:00", "new", ["r1"]), finished_run(tmp_path, "d", "2026-11-18T09:00:00", "old", ["other"])]  # fmt: skip
    (tmp_path / "broken").mkdir()
    found = changed_after_seeing([*runs, tmp_path / "broken"], now, ["r1", "r2", "r3", "g1"])
    assert found == [{"run": "a", "finished": "2026-11-18T09:00:00", "hash": "old", "rows": 2}]  # b came later, c had the same gates, d other rows
    told = verdict(signed=SIGNED | {"changed_after": found})
    assert not told["decision_run"] and "run a had shown results on 2 of these held-out rows before the present gates were signed" in told["reasons"][-1]["en"]


def test_what_a_signature_does_not_cover_may_change(folder):
    sign(folder, "Sato")
    (folder / "poc.yaml").write_text(POC_YAML.replace("Which defect?", "Which defect is it?"), encoding="utf-8")
    assert signature(folder, load_usecase(folder))["state"] == "signed"


def test_signing_without_a_name_or_over_a_broken_file_is_refused_in_one_line(folder):
    with pytest.raises(KitError, match="needs a name"):
        sign(folder, " ")
    (folder / FILE).write_text("{half", encoding="utf-8")
    with pytest.raises(KitError, match="delete it and sign again") as refused:
        sign(folder, "Sato")
    assert "\n" not in str(refused.value)
    (folder / FILE).write_text(json.dumps([1, 2]), encoding="utf-8")
    with pytest.raises(KitError, match="delete it and sign again"):
        signature(folder, load_usecase(folder))


def test_a_signature_is_not_written_through_a_link(folder, tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    (folder / "gates.signed.part").symlink_to(tmp_path / "precious.txt")
    with pytest.raises(KitError, match="gates.signed.part: is a link.*nothing was written"):
        sign(folder, "Sato")
    assert (tmp_path / "precious.txt").read_text() == "mine"
