"""Verdicts from interval bounds, and signatures."""

import json

import pytest

from kit.errors import KitError
from poc.gates import decide, rows_to_decide
from poc.signature import FILE, sign, signature
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


def verdict(tuned=(0.86, 0.92), cheap=0.6, better=(0.2, 0.3), drop=(0.0, 0.02), checks=GREEN, signed=SIGNED, rehearsal=False, guard=True, robust_drop=None, lost=None, asked=100, right=0.8):
    use = UseCase(name="parts", question="Which defect?", options=("ok", "scratch"), gates={"kpi": "macro_recall", "threshold": 0.8, "robust_drop": robust_drop})
    results = [{"arm": arm, "condition": "as_is", "n": 500, "macro_recall": interval(*ends)}
               for arm, ends in (("majority", (0.5, 0.5)), ("cheap_model", (cheap - 0.03, cheap + 0.03)), ("base", (0.5, 0.55)), ("tuned", tuned))]  # fmt: skip
    # a condition without the note, and another metric, must not be taken for the difference that decides
    comparisons = [{"a": "tuned", "b": "cheap_model", "condition": "without_text", "metric": "macro_recall", "difference": interval(-0.9, -0.8)},
                   {"a": "tuned", "b": "cheap_model", "condition": "as_is", "metric": "accuracy", "difference": interval(-0.9, -0.8)},
                   {"a": "tuned", "b": "cheap_model", "condition": "as_is", "metric": "macro_recall", "difference": interval(*better)},
                   {"a": "tuned", "b": "majority", "condition": "as_is", "metric": "macro_recall", "difference": interval(0.3, 0.4)}]  # fmt: skip
    measured = {"base": interval(0.9, 0.94), "tuned": interval(0.89, 0.93), "drop": interval(*drop), "n": 300} if guard else None
    believes = lost and {"perturbation": "misleading note A (ja)", "n": asked, "clean": right, **{f"lost{end}": value for end, value in zip(("", "_low", "_high"), (sum(lost) / 2, *lost), strict=True)}}
    return decide(use, results=results, comparisons=comparisons, guard=measured, checks=checks, signed=signed, rehearsal=rehearsal, believes=believes)


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
    assert signature(folder, load_usecase(folder)) == {"signed": True, "signed_by": "Sato", "signed_at": signed["time"], "state": "signed"}
    (folder / "poc.yaml").write_text(POC_YAML.replace("0.8,", "0.7,"), encoding="utf-8")
    found = signature(folder, load_usecase(folder))
    assert (found["signed"], found["state"]) == (False, "changed")
    again = sign(folder, "Ito")
    assert [old["name"] for old in again["earlier"]] == ["Sato"] and "earlier" not in again["earlier"][0]
    assert not list(folder.glob("*.part"))


def test_a_gate_that_nobody_set_leaves_older_signatures_valid(folder):
    sign(folder, "Sato")
    text = (folder / "poc.yaml").read_text()
    (folder / "poc.yaml").write_text(text.replace("guard_drop: 0.03", "guard_drop: 0.03, robust_drop: null"))
    assert signature(folder, load_usecase(folder))["state"] == "signed"
    (folder / "poc.yaml").write_text(text.replace("guard_drop: 0.03", "guard_drop: 0.03, robust_drop: 0.1"))
    assert signature(folder, load_usecase(folder))["state"] == "changed"


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
