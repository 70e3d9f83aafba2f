"""The whole path on a small folder: a run and its files, bad input that leaves nothing behind, kill -9 and resume."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from conftest import coloured_samples
from safetensors.torch import load_file

from kit.data import write_folder
from kit.errors import KitError
from poc import runs
from poc.pipeline import run
from poc.record import peak_memory_mb

POC_YAML = """
schema: 1
name: colours
question: Which colour is the part?
options: [red, green, blue]
costs: {miss: 9000, false_alarm: 300, ok_answer: green}
gates: {robust_drop: 0.05}
training: {steps: 12, batch: 8, rank: 4, evaluate_every: 4, learning_rate: 0.004, examples_in_context: 2}
"""


@pytest.fixture(scope="session")
def company(tmp_path_factory):
    """A folder of sixty labelled pictures with a poc.yaml, as a company might bring it."""
    folder = tmp_path_factory.mktemp("company")
    write_folder(tuple(coloured_samples(folder, 60)), folder)
    (folder / "poc.yaml").write_text(POC_YAML, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def finished(company, tmp_path_factory):
    """One finished run of it, and what it told."""
    told = []
    return run(company, out=tmp_path_factory.mktemp("runs"), tell=told.append), told


@pytest.fixture
def spoiled(company, tmp_path):
    """`spoiled(change)`: a copy of the company's folder after `change(folder, rows)` had its way with the table."""

    def make(change):
        folder = tmp_path / "spoiled"
        shutil.copytree(company, folder)
        with (folder / "metadata.csv").open(encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        change(folder, rows)
        with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
        return folder

    return make


def command(*arguments, **more):
    return subprocess.run([sys.executable, "-m", "poc", *map(str, arguments)], capture_output=True, text=True, **more)


@pytest.mark.parametrize(("scenarios", "told"), [
    ("[{name: stamp, image: gone.png}]", "scenario 'stamp': file 'gone.png' is missing"),
    ("[{name: clean, text: x}]", "'clean' is a name that the kit's own questions have"),
])  # fmt: skip
def test_what_would_stop_the_probe_stops_the_run_before_it_begins(spoiled, tmp_path, scenarios, told):
    folder = spoiled(lambda folder, rows: (folder / "poc.yaml").write_text(POC_YAML + f"scenarios: {scenarios}\n", encoding="utf-8"))
    with pytest.raises(KitError, match=told):
        run(folder, out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_a_run_leaves_every_file_that_the_readers_need(finished):
    folder, told = finished
    assert {path.name for path in folder.iterdir()} >= {
        "run.json", "checks.json", "predictions.csv", "findings.json", "adapter", "report.html", "plan.json", "audit.json",
    }  # fmt: skip
    assert not (folder / "work").exists()
    assert [line[:5] for line in told if re.match(r"\[\d/8\]", line)] == [f"[{i}/8]" for i in range(1, 9)]
    record = runs.read(folder)
    arms = {(row["arm"], row["condition"]) for row in record["results"]}
    assert {("majority", "as_is"), ("copy_note", "as_is"), ("cheap_model", "without_text"), ("base_examples", "as_is"), ("tuned", "without_text")} <= arms
    for row in record["results"]:
        for metric in ("accuracy", "macro_recall", "macro_f1", "cost_per_1000"):
            assert row[metric]["low"] <= row[metric]["value"] <= row[metric]["high"], (row["arm"], metric)
    assert record["rehearsal"] is True and record["verdict"]["decision"] == "none"
    assert record["training"]["applied_updates"] == 12
    # the gate "robust": asked of the tuned model before the verdict, and in the report
    asked = json.loads((folder / "diagnosis.json").read_text(encoding="utf-8"))
    assert asked["rows"] == 12 and any("gate robust_drop" in line for line in told) and "What it believes" in (folder / "report.html").read_text(encoding="utf-8")
    assert record["gates"]["robust_drop"] == 0.05 and asked["table"]


@pytest.mark.slow
def test_the_recorded_answers_give_the_recorded_figures(finished):
    folder, _ = finished
    frame = runs.read_predictions(folder)
    for row in runs.read(folder)["results"]:
        part = frame[(frame["arm"] == row["arm"]) & (frame["condition"] == row["condition"]) & (frame["split"] == "test")]
        assert len(part) == row["n"]
        assert (part["answer"] == part["predicted"]).mean() == pytest.approx(row["accuracy"]["value"])


@pytest.mark.slow
def test_the_run_checks_of_a_small_honest_run_are_green(finished):
    checks = json.loads((finished[0] / "checks.json").read_text(encoding="utf-8"))
    assert [check["number"] for check in checks] == [1, 2, 3, 4, 5, 6, 7]
    # twelve held-out rows are too few for check 5 and it says so; versions may be newer on a user's machine
    assert {c["number"]: c["status"] for c in checks if c["number"] not in (1, 5)} == {n: "green" for n in (2, 3, 4, 6, 7)}


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_adapter(company, finished, tmp_path):
    started = subprocess.Popen([sys.executable, "-m", "poc", "run", str(company), "--out", str(tmp_path)], stdout=subprocess.DEVNULL)
    deadline = time.time() + 600
    while not list(tmp_path.glob("colours/*/*/checkpoints/checkpoint-4/trainer_state.json")):
        assert started.poll() is None and time.time() < deadline, "no checkpoint was written"
        time.sleep(0.05)
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    assert not list(tmp_path.glob("colours/*/run.json"))
    assert runs.latest("colours", tmp_path) == runs.EXAMPLE, "an unfinished run must not be taken for a run"
    done = command("run", company, "--out", tmp_path, "--resume")
    assert done.returncode == 0, done.stderr
    (resumed,) = (path.parent for path in tmp_path.glob("colours/*/run.json"))
    a, b = (load_file(folder / "adapter" / "adapter_model.safetensors") for folder in (finished[0], resumed))
    assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


FAULTS = {
    "missing file": (lambda folder, rows: rows[3].update(image="gone.png"), "row 5.*gone.png"),
    "unreadable image": (lambda folder, rows: (folder / rows[3]["image"]).write_bytes(b"not a picture"), "row 5.*"),
    "unknown option": (lambda folder, rows: rows[3].update(answer="purple", options=""), "row 5.*unknown option 'purple'"),
    "duplicate id": (lambda folder, rows: rows[3].update(id=rows[2]["id"]), "row 5.*duplicate id, first used in row 4"),
    "class with one sample": (
        lambda folder, rows: [row.update(answer="red") for row in rows if row["answer"] == "blue"][1:] and rows[2].update(answer="blue"),
        "class 'blue' has only this sample",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_rows_are_named_and_nothing_is_written(spoiled, tmp_path, fault):
    change, message = FAULTS[fault]
    folder = spoiled(change)
    with pytest.raises(KitError, match=message):
        run(folder, out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_the_command_line_refuses_a_bad_row_with_exit_2(spoiled, tmp_path):
    done = command("run", spoiled(FAULTS["missing file"][0]), "--out", tmp_path / "runs")
    (line,) = done.stderr.strip().splitlines()
    assert done.returncode == 2 and "row 5" in line and line.endswith("(or leave the row out with --skip-bad)")
    assert not (tmp_path / "runs").exists()


def test_several_faults_have_a_line_each(spoiled, tmp_path):
    folder = spoiled(lambda folder, rows: [rows[3].update(image="gone.png"), rows[5].update(id=rows[2]["id"])])
    done = command("run", folder, "--out", tmp_path / "runs")
    headline, *faults = done.stderr.strip().splitlines()
    assert done.returncode == 2 and "2 faults" in headline and "--skip-bad" in headline
    assert len(faults) == 2 and "row 5" in faults[0] and "row 7" in faults[1]
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("model", ["nobody/nothing-1b", "empty"])
def test_a_checkpoint_that_cannot_be_loaded_is_noticed_before_anything_is_written(company, tmp_path, monkeypatch, model):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(KitError, match="cannot be loaded .*config.json") as caught:
        run(company, model=str(tmp_path / model) if model == "empty" else model, out=tmp_path / "runs")
    assert "\n" not in str(caught.value) and not (tmp_path / "runs").exists()


def test_an_undecodable_table_is_one_line(company, tmp_path):
    folder = tmp_path / "garbled"
    shutil.copytree(company, folder)
    (folder / "metadata.csv").write_bytes(b"id,image,answer\n1,\xff\xfe\x81\xff.png,red\n")
    with pytest.raises(KitError, match="metadata.csv") as caught:
        run(folder, out=tmp_path / "runs")
    assert "\n" not in str(caught.value)


def test_a_typo_in_poc_yaml_names_the_key_and_the_nearest_allowed_one(company, tmp_path):
    folder = tmp_path / "typo"
    shutil.copytree(company, folder)
    (folder / "poc.yaml").write_text(POC_YAML.replace("question:", "qestion:"), encoding="utf-8")
    with pytest.raises(KitError, match="qestion.*question"):
        run(folder, out=tmp_path / "runs")


def test_a_full_disk_is_noticed_before_anything_is_written(company, tmp_path, monkeypatch):
    monkeypatch.setattr(runs.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**12, 10**12, 3 * 2**20))
    with pytest.raises(KitError, match=r"only 3 MB free in .*; a run needs about 500 MB: free some space or name another folder with --out"):
        run(company, out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_labels_are_asked_for_before_anything_is_trained(spoiled, tmp_path):
    folder = spoiled(lambda folder, rows: [row.update(answer="") for row in rows])
    with pytest.raises(KitError, match="too few labelled rows .*: label about 50 rows per answer first"):
        run(folder, out=tmp_path / "runs")


def test_a_table_with_a_header_only_has_no_rows(spoiled, tmp_path):
    folder = spoiled(lambda folder, rows: None)
    header = (folder / "metadata.csv").read_text(encoding="utf-8").splitlines()[0]
    (folder / "metadata.csv").write_text(header + "\n", encoding="utf-8")
    with pytest.raises(KitError, match="has no rows: its table has a header only"):
        run(folder, out=tmp_path / "runs")


def test_a_plan_that_cannot_be_read_is_passed_over(tmp_path):
    plan = {"use_case": "colours", "data": "x"}
    kept = runs.start(tmp_path, plan)
    (tmp_path / "colours" / "29990101-000000").mkdir()
    (tmp_path / "colours" / "29990101-000000" / "plan.json").write_text('{"use_case": "col', encoding="utf-8")
    assert runs.unfinished(tmp_path, plan) == kept


def test_a_folder_that_is_no_run_says_what_to_do(tmp_path):
    with pytest.raises(KitError, match="is no finished run: it has no run.json; finish it with `poc run DIR --resume`"):
        runs.read(tmp_path)


def test_peak_memory_is_that_of_the_process_itself():
    """A small process that a large one starts: getrusage would hand the large one's peak down."""
    code = "from poc.record import peak_memory_mb; print(peak_memory_mb())"
    small = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    held = bytearray(b"x") * (600 * 2**20)
    again = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert peak_memory_mb() > 600 and again < small + 100 and len(held)
