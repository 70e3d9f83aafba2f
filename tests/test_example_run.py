"""The shipped run is small, honest and not stale: it belongs to the data, the gates and the model that are shipped with it."""

import json
import shutil
from pathlib import Path

import pytest

from kit.evaluation import predict
from kit.models import CATALOGUE, load
from poc import runs
from poc.pipeline import COMPANY
from poc.record import weights_hash
from poc.usecase import data_hash, gates_hash, load_samples, load_usecase
from poc.worth import worth

REMAKE = "remake it with `python sample_data/make_example_run.py`"


@pytest.fixture(scope="module")
def record():
    return runs.read(runs.EXAMPLE)


@pytest.fixture(scope="module")
def inspection():
    use = load_usecase(COMPANY / "inspection")
    return use, load_samples(COMPANY / "inspection", use, verify=False)


def test_it_belongs_to_the_shipped_data_gates_and_model(record, inspection):
    use, folder = inspection
    assert record["data"]["hash"] == data_hash(folder.samples), f"the data changed; {REMAKE}"
    assert record["gates"]["hash"] == gates_hash(use), f"the gates changed; {REMAKE}"
    assert record["model"]["hash"] == weights_hash(CATALOGUE["tiny_omni"].source), f"the tiny model changed; {REMAKE}"


def test_every_run_check_of_it_is_green():
    checks = json.loads((runs.EXAMPLE / "checks.json").read_text(encoding="utf-8"))
    assert {check["number"]: check["status"] for check in checks} == dict.fromkeys(range(1, 8), "green")


def test_it_is_a_decision_run_that_says_example(record):
    assert record["rehearsal"] is False and record["costs_are_examples"] is True and record["gates"]["signed"] is True


def test_its_roi_is_what_poc_roi_makes_of_it(tmp_path):
    run = shutil.copytree(runs.EXAMPLE, tmp_path / "run")
    shipped, now = json.loads((run / "roi.json").read_text(encoding="utf-8")), worth(run, COMPANY / "inspection")
    assert [row["key"] for row in shipped["assumptions"]] == [row["key"] for row in now["assumptions"]] and shipped["said"] == now["said"], f"poc.yaml's business changed; {REMAKE}"
    assert [row["npv"] for row in shipped["options"]] == [pytest.approx(row["npv"], rel=1e-6) for row in now["options"]]


def test_its_adapter_still_gives_its_recorded_answers(inspection):
    frame = runs.read_predictions(runs.EXAMPLE)
    recorded = frame[(frame["arm"] == "tuned") & (frame["condition"] == "as_is")].set_index("id")
    rows = [sample for sample in inspection[1].samples if sample.split == "test"][::25]
    now = predict(load("tiny_omni", adapter=Path(runs.EXAMPLE) / "adapter", device="cpu"), rows)
    # another machine may round a tie the other way, so one of them may differ
    assert sum(now["predicted"].to_numpy() != recorded.loc[[s.id for s in rows], "predicted"].to_numpy()) <= 1
