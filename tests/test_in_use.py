"""A run in use: what `poc predict --queue` records and hands to people, what people decide in `poc review`, and what the step of autonomy makes of it."""

import csv
import json
import shutil
import sqlite3
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kit.errors import KitError
from kit.language import speaking
from kit.operations.audit_log import AuditLog, records_in
from kit.operations.audit_record import Record
from kit.operations.audit_verify import verify
from poc import predict as room
from poc import runs
from poc.in_use import open_use
from poc.predict import predict_folder
from poc.queue_said import in_use_lines, item_lines, queue_lines
from poc.review import work
from poc.sizing import Measured, plan
from poc.sizing_said import size_lines
from poc.standing import dangerous_of, standing
from poc.threshold import Threshold

SHARES = [  # what the model says of six photos: a sure good one, a sure crack, an unsure one, a dark photo, one without a photo, one that cannot be read
    {"ok": 0.97, "scratch": 0.01, "dent": 0.005, "stain": 0.005, "crack": 0.005, "chip": 0.005}, {"ok": 0.01, "scratch": 0.01, "dent": 0.01, "stain": 0.01, "crack": 0.95, "chip": 0.01},
    {"ok": 0.4, "scratch": 0.35, "dent": 0.1, "stain": 0.05, "crack": 0.05, "chip": 0.05}, {"ok": 0.99, "scratch": 0.002, "dent": 0.002, "stain": 0.002, "crack": 0.002, "chip": 0.002},
]  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """The shipped run with a promise, limits of usual photos and the crack as dangerous class, in a folder of its own."""
    run = tmp_path / "run"
    shutil.copytree(runs.EXAMPLE, run, ignore=shutil.ignore_patterns("operations", runs.DIAGNOSIS))
    record = runs.read(run)
    record["gates"]["dangerous"] = ["crack"]
    record |= {"calibration": {"temperature": 1.0}, "abstention": {"targets": {"miss": 0.05}, "confidence": 0.95, "threshold": 0.9}}
    runs.write_json(run / "run.json", record)
    (run / "operations").mkdir()
    runs.write_json(run / "operations" / "usual.json", {"image": {"brightness": [40.0, 200.0]}})
    return run


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Six rows: three grey photos, a black one, one without a photo and a broken file; the model's answers are SHARES in this order."""
    new = tmp_path / "new"
    new.mkdir()
    for name, light in (("a", 120), ("b", 121), ("c", 122), ("d", 2)):
        Image.fromarray(np.full((32, 32, 3), light, "uint8")).save(new / f"{name}.png")
    (new / "f.png").write_bytes(b"no picture")
    rows = [(name, "" if name == "e" else f"{name}.png", "checked by hand" if name == "e" else "") for name in "abcdef"]
    pd.DataFrame(rows, columns=["id", "image", "text"]).to_csv(new / "metadata.csv", index=False)
    said = dict(zip("abcde", [*SHARES, SHARES[0]], strict=True))

    def answers(loaded, samples, **_):
        if any(sample.id == "f" for sample in samples):
            raise KitError("f.png cannot be read")
        return pd.DataFrame({"probabilities": [said[sample.id] for sample in samples]})

    monkeypatch.setattr(room, "predict", answers)  # which answer follows from which pixels is tests/test_predict.py's business
    monkeypatch.setattr(runs, "load_tuned", lambda run: None)
    return new


def put_on(run: Path, step: str) -> None:
    here = standing(run, start=True)
    here.log.append(Record("step", "Ito", step, model=here.measured.model, decision=step, note={"from": "", "why": []}))


def table(path: Path) -> dict[str, dict]:
    return {row["id"]: row for row in csv.DictReader(path.open(encoding="utf-8"))}


def test_on_the_step_risky_only_what_is_sure_usual_and_harmless_counts(run, folder, tmp_path):
    """One in ten is drawn for a check besides, by its record's digest, which is another one each time."""
    put_on(run, "risky")
    done = predict_folder(run, folder, tmp_path / "out.csv", use=open_use(run))
    rows = table(done.table)
    assert {name: (row["answer"], row["reasons"].removesuffix("random").strip()) for name, row in rows.items()} == {
        "a": ("ok", ""), "b": ("", "dangerous"), "c": ("", "abstained"), "d": ("", "input"), "e": ("", "input"), "f": ("", ""),
    }  # fmt: skip
    assert rows["f"]["error"] and {name: n for name, n in done.reasons.items() if name != "random"} == {"dangerous": 1, "abstained": 1, "input": 2} and (done.abstained, done.failed) == (4, 1)
    here = standing(run)
    assert [(item.sample.id, item.answer) for item in here.queue.items() if item.reasons != ("random",)] == [("b", "crack"), ("c", ""), ("d", "ok"), ("e", "ok")]
    records = [record for record in records_in(here.log.path) if record.kind in ("answer", "event")]
    assert [(record.what, record.decision) for record in records] == [("a", "answered"), ("b", "answered"), ("c", "abstained"), ("d", "answered"), ("e", "answered"), ("f", "unreadable")]
    assert all(record.threshold == 0.9 and len(record.input) == 64 and record.adapter == here.adapter and record.data == here.record["data"]["hash"] for record in records[:-1])
    assert records[2].note["most_likely"] == "ok" and "brightness 2" in records[3].note["input"][0] and records[4].note["input"] == ["no image"]
    assert verify(here.log.path).ok


def test_in_shadow_nothing_counts_and_everything_waits(run, folder, tmp_path):
    done = predict_folder(run, folder, tmp_path / "out.csv", use=open_use(run))
    assert {row["answer"] for row in table(done.table).values()} == {""} and done.reasons["every"] == 5
    assert next(iter(records_in(standing(run).log.path))).decision == "shadow", "a run that was never in use begins on the first step"


def test_the_same_command_again_records_and_queues_nothing_twice(run, folder, tmp_path):
    predict_folder(run, folder, tmp_path / "out.csv", use=open_use(run))
    log = standing(run).log.path.read_bytes()
    predict_folder(run, folder, tmp_path / "out.csv", use=open_use(run))
    assert standing(run).log.path.read_bytes() == log and len(standing(run).queue.items()) == 5
    with pytest.raises(KitError, match="made by another run"):
        predict_folder(run, folder, tmp_path / "out.csv", threshold=0.9)


def test_an_answer_that_the_log_does_not_take_is_in_no_table(run, folder, tmp_path):
    use = open_use(run)
    path = use.standing.log.path
    path.write_bytes(path.read_bytes().replace(b"shadow", b"higher"))
    with pytest.raises(KitError, match="not what the kit wrote"):
        predict_folder(run, folder, tmp_path / "out.csv", use=use)
    assert table(tmp_path / "out.csv") == {}


def test_the_promised_threshold_belongs_to_the_tempered_confidence(run):
    record = runs.read(run)
    runs.write_json(run / "run.json", record | {"calibration": {"temperature": 2.0}})
    use = open_use(run)
    # shares to the power 1/2: sqrt(0.64) : sqrt(0.36) = 0.8 : 0.6
    assert use.threshold.heated({"ok": 0.64, "crack": 0.36}) == pytest.approx({"ok": 0.8 / 1.4, "crack": 0.6 / 1.4}) and use.promised == ({"miss": 0.05}, 0.95)
    assert any("Promised at 95%: at most 5% of the bad cases pass as good" in line for line in in_use_lines(use))
    runs.write_json(run / "run.json", record | {"calibration": {"temperature": 2.0}, "abstention": {"targets": {"miss": 0.05}, "confidence": 0.95, "threshold": None}})
    plain = open_use(run)
    assert plain.promised is None and plain.threshold == Threshold(room.usual_threshold(run)), "a plain threshold is one of the shares as they are"
    assert any("promises nothing" in line for line in in_use_lines(plain))
    assert open_use(run, threshold=0.7).threshold == Threshold(0.7, 2.0)


def test_limits_of_usual_inputs_are_kept_for_a_machine_without_the_rows(run, tmp_path):
    (run / "operations" / "usual.json").unlink()
    limits = open_use(run).usual.limits  # of the sample company's calibration rows
    kept = json.loads((run / "operations" / "usual.json").read_text(encoding="utf-8"))
    assert limits["image"].keys() == kept["image"].keys() == {"brightness", "contrast", "sharpness", "red to blue"}
    assert open_use(run, directory=tmp_path / "gone").usual.limits == limits


def test_evidence_that_contradicts_itself_is_asked_for_where_a_diagnosis_set_the_limit(run, inspection_row):
    assert any("poc diagnose" in note for note in open_use(run).notes)
    loaded, alone, reasons = runs.load_tuned(run), inspection_row.replace(id="alone", text="", audio=()), {}
    for limit in (1e-9, 0.999999):
        runs.write_json(run / runs.DIAGNOSIS, {"findings": [{"name": "conflict", "evidence": {"threshold": limit}}]})
        use = open_use(run)
        assert use.conflict == limit and not any("poc diagnose" in note for note in use.notes)
        reasons[limit] = [taken.reasons for taken in use.take(loaded, [(inspection_row, SHARES[0], ""), (alone, SHARES[0], "")])]
    assert "conflict" in reasons[1e-9][0] and "conflict" not in reasons[1e-9][1], "one kind of evidence cannot contradict itself"
    assert "conflict" not in reasons[0.999999][0]


@pytest.fixture
def inspection_row():
    from poc.usecase import load_samples, load_usecase

    directory = runs.COMPANY / "inspection"
    return next(s for s in load_samples(directory, load_usecase(directory), verify=False).samples if s.text and s.image and not s.audio)


def test_the_dangerous_class_is_the_signed_one_else_everything_but_the_good_answer():
    record = {"options": ["ok", "dent", "crack"], "gates": {"dangerous": ["crack"]}, "costs": {"ok_answer": "ok"}}
    assert dangerous_of(record) == ("crack",) and dangerous_of(record | {"gates": {"dangerous": []}}) == ()
    assert dangerous_of(record | {"gates": {}}) == ("dent", "crack") and dangerous_of(record | {"gates": {}, "costs": None}) == ()


def test_naming_a_dangerous_class_changes_the_signature_and_leaving_it_out_does_not():
    from pydantic import ValidationError

    from poc.usecase import gates_hash, load_usecase

    use = load_usecase(runs.COMPANY / "inspection")
    assert gates_hash(use) == runs.read(runs.EXAMPLE)["gates"]["hash"], "older signatures stay valid"
    named = use.model_copy(update={"gates": use.gates.model_copy(update={"dangerous": ("crack",)})})
    assert gates_hash(named) != gates_hash(use)
    with pytest.raises(ValidationError, match="'rust'; allowed: ok, scratch"):
        type(use).model_validate(use.model_dump() | {"gates": use.gates.model_dump() | {"dangerous": ["rust"]}})


def typed(*answers: str):
    waiting = list(answers)
    return lambda text: waiting.pop(0)


def test_two_clerks_close_a_crack_and_neither_is_told_what_the_model_or_the_other_said(run, folder, tmp_path):
    put_on(run, "every")
    predict_folder(run, folder, tmp_path / "out.csv", use=open_use(run))
    heard: list[str] = []
    opened: list[Path] = []
    assert work(standing(run), "Sato", typed("o", "9", "５", "q"), heard.append, opened.append) == 1, "wide digits are digits; 9 is no option and is asked for again"
    first = heard[: heard.index("'9' is none of 1 to 6, o, ?, u, q")]
    assert len(opened) == 1 and opened[0].is_file() and opened[0].parent.name == "evidence"
    first = [line for line in first if "/evidence/" not in line]
    assert first[0] == "#2 b", "the reason “dangerous” would say what the model said"
    assert [line for line in first if "crack" in line] == ["  5  crack"]
    assert any("Another person" in line for line in heard)
    assert work(standing(run), "ｓａｔｏ", typed("q"), heard.append) == 0 and "#3 c" in "\n".join(heard), "the same person is not asked twice"
    heard.clear()
    assert work(standing(run), "Tanaka", typed("5", "u", "5", "2", "?", "1", "2", ""), heard.append) == 5
    items = {item.sample.id: item.final for item in standing(run).queue.items()}
    assert items == {"a": "scratch", "b": "crack", "c": "scratch", "d": "", "e": "ok"}
    assert any(line.startswith("Now: Stop the part") for line in heard), "what to do about a wrong answer is said at once"
    lines = queue_lines(standing(run))
    assert lines[0] == "0 wait, 5 are decided" and any("Step 2 of 4: every answer checked" in line for line in lines)


def test_who_was_too_slow_is_told_and_goes_on(run, folder, tmp_path):
    put_on(run, "every")
    predict_folder(run, folder, tmp_path / "out.csv", use=open_use(run))
    here, heard = standing(run), []
    here.queue.lease = timedelta(0)  # every claim has run out at once

    def slow(text):
        if not heard or "not yours any more" not in "\n".join(heard):
            assert here.queue.claim("Tanaka").item.id == 2, "somebody else takes it meanwhile"
            return "5"
        return "q"

    assert work(here, "Sato", slow, heard.append) == 0 and any("not yours any more" in line for line in heard)
    assert not here.queue.decisions()


def test_a_step_up_is_refused_with_what_is_missing_and_entered_by_name_where_it_is_earned(run, monkeypatch, capsys):
    from poc.__main__ import main

    standing(run, start=True)
    monkeypatch.setattr(sys, "argv", ["poc", "queue", str(run), "--up", "Ito"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2 and "100 more checked answers" in capsys.readouterr().err
    earned(run, 100, wrong=0)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0 and "“every answer checked” entered, decided by Ito" in capsys.readouterr().out
    last = [record for record in records_in(standing(run).log.path) if record.kind == "step"][-1]
    assert (last.who, last.decision) == ("Ito", "every")


def test_rows_that_only_the_queues_file_knows_count_for_nothing(run):
    earned(run, 8, wrong=0)
    path, before = standing(run).queue.path, standing(run).measured.rows
    with sqlite3.connect(path) as db:  # what whoever may write to the folder could do
        columns = [row[1] for row in db.execute("PRAGMA table_info(items)") if row[1] not in ("id", "input")]
        db.execute(f"INSERT INTO items (input, {', '.join(columns)}) SELECT 'made up', {', '.join(columns)} FROM items WHERE id=8")
        db.execute("INSERT INTO decisions (item, time, who, answer, kind, note, seconds, saw) SELECT 9, time, 'nobody', answer, kind, note, seconds, saw FROM decisions WHERE item=8")
    here = standing(run)
    assert len(before) == 8 and here.measured.rows == before and here.unlogged == (9,)
    assert any("1 decided items do not stand so in the audit log and count for nothing: #9" in line for line in queue_lines(here))
    with sqlite3.connect(path) as db:
        for number, change in enumerate(("items SET answer='dent'", "items SET reasons='[\"random\"]'", "decisions SET answer='dent'", "decisions SET who='ito'", "items SET model='m'", "items SET final='dent'"), start=1):
            db.execute(f"UPDATE {change} WHERE {'item' if change.startswith('decisions') else 'id'}={number}")
        db.execute("UPDATE items SET closed='2027-12-01T00:00:00.000+00:00' WHERE id=7")
    here = standing(run)
    assert here.unlogged == (1, 2, 3, 4, 5, 6, 9) and here.measured.rows == before[6:], "a day that the queue's file claims is not the log's"


def test_only_the_champion_answers_where_there_is_one(run):
    runs.write_json(run.parent / "champion.json", {"schema": 1, "current": "other", "previous": [], "history": []})
    with pytest.raises(KitError, match="in use is other, not run .*: name .*other, or put this run in use"):
        open_use(run)
    runs.write_json(run.parent / "champion.json", {"schema": 1, "current": "run", "previous": [], "history": []})
    open_use(run)


def test_missing_and_unreadable_files_are_one_record_each_without_a_path_of_this_machine(run, folder, tmp_path):
    (folder / "a.png").unlink()
    predict_folder(run, folder, tmp_path / "out.csv", use=open_use(run))
    text = standing(run).log.path.read_text(encoding="utf-8")
    found = [record for record in records_in(standing(run).log.path) if record.decision == "unreadable"]
    assert sorted(record.what for record in found) == ["a", "f"] and str(tmp_path) not in text and all(record.note["error"] for record in found)


def test_a_decision_made_anew_is_not_a_blind_one(run, folder, tmp_path):
    put_on(run, "every")
    predict_folder(run, folder, tmp_path / "out.csv", use=open_use(run))
    heard = []
    work(standing(run), "Sato", typed("1", "", "u", "5", "q"), heard.append)
    assert any("The model had said crack" in line for line in heard)
    assert [record.note["saw"] for record in records_in(standing(run).log.path) if record.kind == "review"] == [False, True]
    assert [one.saw for said in standing(run).queue.decisions().values() for one in said] == [True]


def test_too_many_wrong_answers_take_the_step_back_by_themselves(run):
    put_on(run, "every")
    earned(run, 30, wrong=20)
    here = standing(run)
    assert here.state.step == "shadow" and "agreement with people is at most" in here.down.why[0]
    last = [record for record in records_in(here.log.path) if record.kind == "step"][-1]
    assert (last.who, last.decision) == ("poc predict", "shadow") and standing(run).down is None


def test_a_drift_alarm_takes_one_step_back_and_not_one_at_every_look(run):
    put_on(run, "automatic")
    charts = run / "operations" / "drift-monday"
    charts.mkdir()
    runs.write_json(charts / "drift.json", {"alarm": True})
    assert standing(run).state.step == "risky" and standing(run).state.step == "risky"
    time.sleep(0.01)
    runs.write_json(charts / "drift.json", {"alarm": True})  # read again, and still on
    assert standing(run).state.step == "every"
    runs.write_json(charts / "drift.json", {"alarm": False})
    assert standing(run).state.step == "every"


def test_one_person_is_not_two_because_a_key_was_forgotten(run, folder, tmp_path):
    from kit.operations.audit_record import new_key

    put_on(run, "every")
    predict_folder(run, folder, tmp_path / "out.csv", use=open_use(run))
    key = new_key(tmp_path / "key")
    standing(run, key).queue.require_key()
    work(standing(run, key), "Sato", typed("5", "q"), lambda line: None)
    with pytest.raises(KitError, match="give the same --key"):
        standing(run).queue.require_key()
    standing(run, key).queue.require_key()


def earned(run: Path, rows: int, wrong: int) -> None:
    """So many answers that people decided on, a tenth of them a day."""
    from kit.data import Sample
    from kit.operations.review_queue import ReviewQueue

    here, time = standing(run, start=True), [datetime.now(UTC) + timedelta(seconds=1)]
    queue = ReviewQueue(here.queue.path, AuditLog(here.log.path, clock=lambda: time[0]), here.dangerous, clock=lambda: time[0])
    made = {"model": here.record["model"]["name"], "adapter": here.adapter}
    for number in range(rows):
        time[0] += timedelta(days=10 / rows)
        sample = Sample(f"r{number}", "Which?", ("ok", "dent"), text="a note", decided_by=("text",))
        queue.add(sample, Record("answer", "poc predict", sample.id, **made, answer="ok", input=f"{number}"), ("every",), "poc predict")
        queue.decide(queue.claim("Sato"), "dent" if number < wrong else "ok", saw=False)


def test_corrections_come_back_as_rows_of_a_folder_that_the_kit_reads(run, folder, tmp_path, monkeypatch, capsys):
    from kit.data import read_folder
    from poc.__main__ import main

    put_on(run, "every")
    predict_folder(run, folder, tmp_path / "out.csv", use=open_use(run))
    work(standing(run), "Sato", typed("5", "2", "2", "", "q"), lambda line: None)
    monkeypatch.setattr(sys, "argv", ["poc", "queue", str(run), "--export", str(tmp_path / "corrected")])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0 and "2 corrected rows" in capsys.readouterr().out
    rows = {row["reviewed_row"]: row for row in csv.DictReader((tmp_path / "corrected" / "metadata.csv").open(encoding="utf-8"))}
    assert {(name, row["answer"], row["corrected_by"], row["model_answer"]) for name, row in rows.items()} == {("c", "scratch", "sato", ""), ("d", "scratch", "sato", "ok")}
    evidence = {item.sample.id: item.sample.image[0] for item in standing(run).queue.items() if item.sample.image}
    for name, code, words in (("c", 0, "1 corrected rows are left out, their files were deleted: review-000003"), ("d", 2, "the files of all 2 corrected rows were deleted")):
        evidence[name].unlink()
        monkeypatch.setattr(sys, "argv", ["poc", "queue", str(run), "--export", str(tmp_path / f"without {name}")])
        with pytest.raises(SystemExit) as stopped:
            main()
        assert stopped.value.code == code and words in "".join(capsys.readouterr()) and (tmp_path / f"without {name}").exists() is (code == 0)
    read = read_folder(tmp_path / "corrected", question="Which?", options=("ok", "scratch", "dent"), decided_by=("image",)).samples
    assert {sample.split for sample in read} == {"train"} and all(sample.image[0].is_file() for sample in read)


def test_a_run_that_was_never_in_use_says_how_to_begin(run, tmp_path):
    with pytest.raises(KitError, match="is not in use yet: `poc predict .* DIR --queue`"):
        standing(run)
    assert not (run / "operations" / "review_queue.sqlite").exists()


def test_a_waiting_item_does_not_say_what_the_model_said(run, folder, tmp_path):
    predict_folder(run, folder, tmp_path / "out.csv", use=open_use(run))
    here = standing(run)
    listed = [line for line in queue_lines(here) if line.startswith("  #")]
    assert len(listed) == 5 and [line.split(",")[0] for line in listed] == ["  #1 a", "  #2 b", "  #3 c: the model abstained", "  #4 d: poor input", "  #5 e: poor input"] and not any("ok" in line or "crack" in line for line in listed)
    with speaking("ja"):
        assert "判断できない" in item_lines(here.queue.items()[0])[-1] and "確認待ち 5 件、決定済み 0 件" in queue_lines(here)[0]


def test_size_says_what_each_form_means_for_each_machine_and_what_nobody_knows():
    from poc.business import SIZING, Business, Machine, figures

    whole = Measured("32-bit", "cpu", 48, 120, median_s=0.25, p95_s=0.3, rows_per_second=8.0, weights_mb=1024, working_mb=1024, kpi={"value": 0.9, "low": 0.8, "high": 0.95})
    half = Measured("16-bit", "cpu", 48, 120, median_s=0.25, p95_s=0.3, rows_per_second=4.0, weights_mb=512, working_mb=256, kpi=whole.kpi, difference={"value": -0.01, "low": -0.03, "high": 0.01})
    failed = Measured("8-bit", reason="no kernel here")
    assumed = figures(Business.model_validate({key: {"value": value, "source": "test"} for key, value in {"hours_per_month": 100, "peak_factor": 3, "utilisation": 0.6}.items()}),
                      {"volume_per_month": 360_000, "currency": "JPY", "data": {"n": {}}}, only=SIZING)  # fmt: skip
    machines = tuple(Machine.model_validate({"name": name, "place": place, "source": "offer", "date": "2026-11-30"} | known) for name, place, known in (
        ("box", "server", {"memory_gb": 1, "speed": 1, "price": 1_000_000, "monthly": 10_000}), ("rented", "endpoint", {})))  # fmt: skip
    slow = Measured("32-bit (again)", "cpu", 48, 120, median_s=0.5, p95_s=0.6, rows_per_second=4.0, weights_mb=1024, working_mb=1024)
    lines = size_lines([whole, half, failed, slow], {one.name: plan(one, assumed, machines) for one in (whole, half)}, "JPY")
    text = "\n".join(lines)
    assert "8-bit: not measured (no kernel here)" in text and "2.0 times as long" in text and "5.00 cases a second" in text
    assert "server, 1 machine(s), 1,000,000 JPY once, 10,000 JPY a month, DOES NOT FIT into its memory: 32-bit" in text  # 2 GB
    assert "server, 2 machine(s), 2,000,000 JPY once, 20,000 JPY a month, fits into its memory: 16-bit" in text  # 4 a second each, 0.75 GB
    assert "endpoint, 0 JPY once, JPY a month unknown: every form" in text and "give machines: rented: per_1000" in text
    assert "business: machines" in size_lines([whole, slow], {}, "JPY")[-1]
