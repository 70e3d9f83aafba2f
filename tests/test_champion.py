"""Champion and challenger: replaced only when shown to be better and not more easily misled; the pointer survives crashes, and the way back is there."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from kit.errors import KitError
from kit.finding import Finding
from kit.language import speaking
from kit.operations.champion import FILE, Verdict, challenge, champion, crown, rollback, worse_probes

LABELS = ["ok", "crack"]
PROBES = [Finding("shortcut index", 0.20, 0.15, 0.25, "warn"), Finding("interference of text", 0.05, 0.02, 0.08, "warn"), Finding("sensitivity", 0.90, 0.85, 0.95, "good"), Finding("faces", 3, verdict="warn")]


def frame(right: float, rows: int = 400, seed: int = 0) -> pd.DataFrame:
    """Answers of which that share is right; the rows that a worse model gets right are right here too."""
    draws = np.random.default_rng(seed)
    truth = draws.choice(LABELS, rows)
    other = np.where(truth == "ok", "crack", "ok")
    return pd.DataFrame({"id": [f"r{i}" for i in range(rows)], "answer": truth, "predicted": np.where(draws.random(rows) < right, truth, other), "group": np.arange(rows) // 10})


def with_value(name: str, value: float | None, verdict: str = "warn") -> list[Finding]:
    return [Finding(name, value, verdict=verdict) if one.name == name else one for one in PROBES]


def test_better_on_the_same_rows_replaces_and_not_shown_does_not():
    verdict = challenge(frame(0.80), frame(0.92), LABELS, "accuracy", PROBES, PROBES)
    assert verdict.replace and verdict.reasons == () and verdict.rows == 400 and verdict.gain["low"] > 0 and verdict.margin == 0
    same = challenge(frame(0.80), frame(0.805), LABELS, "accuracy", PROBES, PROBES)
    assert not same.replace and "the lower bound must be above 0" in same.reasons[0]
    allowed = challenge(frame(0.80), frame(0.805), LABELS, "accuracy", PROBES, PROBES, margin=0.03, reason="learns the new part number")
    assert allowed.replace and allowed.reason == "learns the new part number"
    worse = challenge(frame(0.80), frame(0.70), LABELS, "accuracy", PROBES, PROBES, margin=0.03, reason="cheaper")
    assert not worse.replace and "at most 0.03 worse is not shown" in worse.reasons[0]
    with speaking("ja"):
        assert "言えません" in challenge(frame(0.80), frame(0.70), LABELS, "accuracy", PROBES, PROBES).reasons[0]


def test_of_costs_less_is_better():
    costs = {"miss": 1000, "false_alarm": 10, "ok_answer": "ok"}
    verdict = challenge(frame(0.80), frame(0.92), LABELS, "cost_per_1000", PROBES, PROBES, costs=costs)
    assert verdict.replace and 0 < verdict.gain["low"] < verdict.gain["value"] < verdict.gain["high"]


def test_a_challenger_that_believes_worse_evidence_does_not_replace_however_right_it_is():
    for findings, told in (
        (with_value("shortcut index", 0.30), "shortcut index: worse, 0.200 (warn) before and 0.300"),
        (with_value("interference of text", 0.05, "bad"), "interference of text: worse"),
        (with_value("sensitivity", 0.80, "good"), "sensitivity: worse"),
        ([one for one in PROBES if one.name != "sensitivity"], "sensitivity: not asked of the challenger"),
    ):
        verdict = challenge(frame(0.80), frame(0.95), LABELS, "accuracy", PROBES, findings)
        assert not verdict.replace and len(verdict.reasons) == 1
        assert verdict.reasons[0].startswith(told)
    assert worse_probes(PROBES, with_value("shortcut index", 0.24)) == [], "within the champion's interval"
    assert worse_probes(PROBES, with_value("shortcut index", None, "warn")) == [] and len(worse_probes(PROBES, with_value("shortcut index", None, "bad"))) == 1
    assert "never diagnosed" in worse_probes([Finding("faces", 1)], PROBES)[0]


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(KitError, match="needs a reason that somebody signs"):
        challenge(frame(0.8), frame(0.9), LABELS, "accuracy", PROBES, PROBES, margin=0.02)
    with pytest.raises(KitError, match="the same rows with the same right answers"):
        challenge(frame(0.8), frame(0.9, seed=1), LABELS, "accuracy", PROBES, PROBES)
    with pytest.raises(KitError, match="there are 20 rows; allowed: 0 or more, on 30 rows at least"):
        challenge(frame(0.8, 20), frame(0.9, 20), LABELS, "accuracy", PROBES, PROBES)


YES = Verdict(True, "accuracy", 400, {"value": 0.1, "low": 0.05, "high": 0.15}, 0.0, "", ())


@pytest.fixture
def folder(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text("{}")
    return tmp_path


def test_crowned_replaced_and_rolled_back_twice(folder):
    told = []
    assert champion(folder) is None
    crown(folder, "a", None, "Sato", told.append)
    crown(folder, "b", YES, "Sato", told.append)
    crown(folder, "c", YES, "Ito", told.append)
    assert champion(folder)["current"] == "c" and champion(folder)["previous"] == ["a", "b"]
    assert rollback(folder, "Ito", "more overrides", told.append)["current"] == "b"
    assert rollback(folder, "Ito", "still more", told.append)["current"] == "a" and champion(folder)["previous"] == []
    with pytest.raises(KitError, match="there is no champion before a"):
        rollback(folder, "Ito", "again", told.append)
    assert [(entry["number"], entry["what"], entry["run"], entry["before"]) for entry in told] == [(1, "crown", "a", None), (2, "crown", "b", "a"), (3, "crown", "c", "b"), (4, "rollback", "b", "c"), (5, "rollback", "a", "b")]
    assert champion(folder)["history"] == json.loads(json.dumps(told)) and told[1]["verdict"]["gain"]["low"] == 0.05 and told[3]["reason"] == "more overrides"
    crown(folder, "c", YES, "Ito", told.append)
    assert champion(folder)["previous"] == ["a"], "what was rolled back is not on the way back"


def test_who_may_not_be_crowned(folder):
    with pytest.raises(KitError, match="'z' is no finished run in .*; there are: a, b, c"):
        crown(folder, "z", YES, "Sato", print)
    with pytest.raises(KitError, match="is no finished run"):
        crown(folder, "../x", YES, "Sato", print)
    crown(folder, "a", None, "Sato", list)
    with pytest.raises(KitError, match="b must not replace a: no comparison with it was given"):
        crown(folder, "b", None, "Sato", list)
    no = Verdict(False, "accuracy", 400, {}, 0.0, "", ("not shown",))
    with pytest.raises(KitError, match="b must not replace a: not shown"):
        crown(folder, "b", no, "Sato", list)
    with pytest.raises(KitError, match="a is the champion already"):
        crown(folder, "a", YES, "Sato", list)
    with pytest.raises(KitError, match="who decides"):
        crown(folder, "b", YES, " ", list)
    crown(folder, "b", YES, "Sato", list)
    with pytest.raises(KitError, match="a rollback needs a reason"):
        rollback(folder, "Sato", "", list)
    assert champion(folder)["current"] == "b"


def test_a_crash_between_writing_and_renaming_leaves_the_old_champion(folder):
    crown(folder, "a", None, "Sato", list)
    before = (folder / FILE).read_bytes()

    def killed(entry):
        assert json.loads((folder / f"{FILE}.part").read_text())["current"] == "b", "written, not yet renamed"
        raise OSError("the audit log's disk is full")

    with pytest.raises(OSError, match="disk is full"):
        crown(folder, "b", YES, "Sato", killed)
    assert (folder / FILE).read_bytes() == before and champion(folder)["current"] == "a"
    (folder / f"{FILE}.part").write_text('{"current": "c"')  # half a file, as kill -9 leaves it
    assert champion(folder)["current"] == "a" and crown(folder, "b", YES, "Sato", list)["current"] == "b" and len(champion(folder)["history"]) == 2
    (folder / FILE).write_text("{")
    with pytest.raises(KitError, match="is damaged; put back a copy"):
        champion(folder)


def test_two_people_at_once_lose_no_change(folder):
    crown(folder, "a", None, "Sato", list)

    def try_crown(run):
        return crown(folder, run, YES, "Sato", list)["current"]

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(try_crown, ("b", "c"))) == ["b", "c"]
    told = champion(folder)
    assert [entry["number"] for entry in told["history"]] == [1, 2, 3] and len(told["previous"]) == 2 and told["previous"][0] == "a"
