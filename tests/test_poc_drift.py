"""`poc drift`, `poc challenge` and `poc rollback`: what is compared with what, what stands in drift.json, and when a model may be replaced."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kit.errors import KitError
from kit.language import speaking
from kit.operations.audit_log import FILE, AuditLog
from kit.operations.audit_record import Record, pseudonym
from kit.operations.audit_verify import verify
from kit.operations.champion import champion
from poc import drift as room
from poc import runs
from poc.champion import challenge_lines, challenge_run, roll_back
from poc.drift import drift_lines, policy_for, recorded_month, watch

CASE = Path(__file__).parents[1] / "sample_data" / "company" / "inspection"


def company(folder: Path, rows: int, first: int, labelled: int = 0, group: str = "L") -> Path:
    """Photos of the sample company in lots of four, with labels for the first ones."""
    table = pd.read_csv(CASE / "metadata.csv", dtype=str, keep_default_na=False)
    table = table[(table["split"] == "train") & (table["image"] != "")].iloc[first : first + rows][["id", "image", "answer"]].reset_index(drop=True)
    (folder / "images").mkdir(parents=True)
    for name in table["image"]:
        shutil.copy(CASE / name, folder / name)
    table.loc[labelled:, "answer"] = ""
    if group:
        table["lot"] = [f"{group}{row // 4}" for row in range(rows)]
    table.to_csv(folder / "metadata.csv", index=False)
    return folder


def test_a_stream_is_watched_against_an_ordinary_period_and_is_not_asked_twice(tmp_path, monkeypatch):
    usual, came = company(tmp_path / "october", 80, 0), company(tmp_path / "november", 40, 200, labelled=4, group="N")
    told = watch(runs.EXAMPLE, came, usual, window=20, out=tmp_path / "out")
    assert told == json.loads((tmp_path / "out" / "drift.json").read_text(encoding="utf-8"))
    assert (told["rows"], told["groups"], told["labels"], told["left_out"]) == (40, 10, 4, 0) and told["reference"] == {"folder": "october", "left_out": 0, "rows": 80, "groups": 20}
    assert {"KS of confidence", "KS of brightness", "novelty of groups", "p-chart of abstention"} <= set(told["charts"]) and told["policy"]["window"] == 20 and told["policy"]["horizon"] == 40
    assert len(told["history"]) == len(told["charts"]) * 5 and (tmp_path / "out" / "drift.png").read_bytes()[:4] == b"\x89PNG"
    assert told["alarm"] == bool(told["findings"]) and (told["first"] is None) == (not told["findings"])
    monkeypatch.setattr(room.runs, "load_tuned", lambda run: pytest.fail("the model was asked again"))
    assert watch(runs.EXAMPLE, came, usual, window=20, out=tmp_path / "out") == told


def test_what_cannot_be_watched_is_said(tmp_path):
    with pytest.raises(KitError, match="3 of 3 readable rows have no group; a monitor compares whole lots.* into the column `lot`"):
        watch(runs.EXAMPLE, company(tmp_path / "new", 3, 0, group=""), tmp_path, out=tmp_path / "out")
    reference, ordinary = (recorded_month()[name][0] for name in ("reference", "ordinary"))
    with pytest.raises(KitError, match="the stream has 60 readable rows, and 100 are compared at a look: wait for more"):
        policy_for(reference, ordinary.take(range(60)))
    assert policy_for(reference, ordinary).horizon == 408 and policy_for(reference, ordinary, window=60).every == 15


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_lines_say_what_alarmed_and_what_silence_means(tmp_path, language):
    said = {"en": "look at the lamps", "ja": "照明"}
    finding = {"name": "drift of quality", "verdict": "warn", "summary": said, "advice": said, "cost": said}
    told = {"rows": 400, "groups": 34, "labels": 0, "left_out": 2, "reference": {"rows": 480, "groups": 40}, "policy": {"every": 25, "horizon": 400, "false_alarms": 0.01}, "charts": ["a"] * 15}
    with speaking(language):
        loud, quiet = (drift_lines(told | {"findings": findings}, tmp_path) for findings in ([finding], []))
    assert any(said[language] in line for line in loud) and not any(line.startswith("[OK]") for line in loud) and any("50" in line for line in quiet[-2:])
    assert any(line.startswith("[WARN]") and "40" in line and "80" in line for line in quiet) and not any("1.0%" in line for line in quiet), "nothing is promised with so few groups"
    with speaking(language):
        enough = drift_lines(told | {"findings": [], "reference": {"rows": 960, "groups": 80}}, tmp_path)
    assert any("1.0%" in line and "400" in line for line in enough) and not any("[WARN]" in line and "80" in line for line in enough)


def made(place: Path, name: str, right: float, shortcut: float) -> Path:
    """A run of the example's use case with drawn answers and one probe."""
    run = place / name
    run.mkdir(parents=True)
    shutil.copy(runs.EXAMPLE / "run.json", run)
    frame = pd.read_csv(runs.EXAMPLE / "predictions.csv", dtype=str, keep_default_na=False)
    frame = frame[(frame["arm"] == "tuned") & (frame["condition"] == "as_is")]
    keep = np.random.default_rng(0).random(len(frame)) < right
    frame["predicted"] = np.where(keep, frame["answer"], np.where(frame["answer"] == "ok", "crack", "ok"))
    frame.to_csv(run / "predictions.csv", index=False)
    finding = {"name": "shortcut index", "value": shortcut, "low": shortcut - 0.05, "high": shortcut + 0.05, "verdict": "warn"}
    runs.write_json(run / runs.DIAGNOSIS, {"findings": [finding]})
    return run


def test_a_challenger_is_crowned_only_when_it_may_and_the_log_tells_of_it(tmp_path):
    old, better, misled = made(tmp_path, "a", 0.6, 0.2), made(tmp_path, "b", 0.9, 0.2), made(tmp_path, "c", 0.97, 0.6)
    refused = challenge_run(old, misled, name="Sato")
    assert not refused.replace and refused.gain["low"] > 0 and refused.reasons[0].startswith("shortcut index: worse") and champion(tmp_path) is None
    assert any(line.startswith("[NO]") for line in challenge_lines(refused, old, misled, True))
    assert challenge_run(old, better).replace and champion(tmp_path) is None, "only asked"
    assert challenge_run(old, better, name="Sato").replace and champion(tmp_path)["current"] == "b" and champion(tmp_path)["previous"] == ["a"]
    with pytest.raises(KitError, match="in use is b, not a: challenge that one"):
        challenge_run(old, better, name="Sato")
    assert roll_back(old, "Ito", "more overrides") == "a" == champion(tmp_path)["current"]
    log = verify(tmp_path / "operations" / FILE, [], None)
    assert log.ok and (log.first, log.last) == (1, 3)
    with pytest.raises(KitError, match="lie in different folders"):
        challenge_run(old, made(tmp_path / "elsewhere", "d", 0.9, 0.2), name="Sato")


def test_a_name_that_is_hidden_elsewhere_is_hidden_in_the_pointer_too(tmp_path):
    key, old, better = bytes(32), made(tmp_path, "a", 0.6, 0.2), made(tmp_path, "b", 0.9, 0.2)
    AuditLog(old / "operations" / FILE, key).append(Record("review", "Ito", "r1"))
    with pytest.raises(KitError, match="are hidden: give --key here, too"):
        challenge_run(old, better, name="Sato Hanako")
    assert champion(tmp_path) is None and challenge_run(old, better, name="Sato Hanako", key=key).replace
    with pytest.raises(KitError, match="are hidden: give --key here, too"):
        roll_back(old, "Sato Hanako", "more overrides")
    assert roll_back(old, "Sato Hanako", "more overrides", key) == "a"
    for file in (tmp_path / "champion.json", tmp_path / "operations" / FILE):
        text = file.read_text(encoding="utf-8")
        assert "Sato" not in text and text.count(pseudonym("satohanako", key)) == 3


def test_the_recorded_month_is_what_notebook_12_says():
    month = recorded_month()
    assert {name: (len(seen), len(set(seen.group))) for name, (seen, _) in month.items()} == {"reference": (480, 40), "ordinary": (408, 34), "light": (204, 17), "part": (192, 16)}
    right = {name: (frame["answer"] == frame["predicted"]).mean() for name, (_, frame) in month.items()}
    assert right["reference"] > 0.95 and right["light"] < 0.92 and right["part"] < 0.92
    assert not set(month["ordinary"][0].group) & (set(month["reference"][0].group) | set(month["light"][0].group)), "no lot comes twice"
