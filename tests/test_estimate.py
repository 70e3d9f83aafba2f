"""`poc estimate`: near what a run really takes, enough memory or the way out, rows over the budget by name, and nothing left behind."""

import dataclasses
import os
import shutil
import time
from pathlib import Path

import pytest
import torch
from conftest import coloured_samples

from kit.data import write_folder
from kit.errors import KitError
from kit.training import trial
from kit.training.trainer import AnswerTrainer
from poc import estimate as room
from poc import pipeline
from poc.closing import estimated_lines
from poc.estimate import estimate
from poc.pipeline import examine, quiet, run
from poc.runs import read

COMPANY = Path(__file__).resolve().parents[1] / "sample_data" / "company"
POC_YAML = """
schema: 1
name: colours
question: Which colour is the part?
options: [red, green, blue]
training: {steps: 40, batch: 8, rank: 4, evaluate_every: 20, patience: 100, learning_rate: 0.004, examples_in_context: 2}
"""


@pytest.fixture(scope="module", autouse=True)
def no_guard():
    """The guard set's 200 rows would take most of the time, of estimates and of the run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "GUARD", Path("nowhere"))
        patch.setattr(pipeline, "GUARD", Path("nowhere"))
        yield


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    folder = tmp_path_factory.mktemp("company")
    write_folder(tuple(coloured_samples(folder, 160)), folder)
    (folder / "poc.yaml").write_text(POC_YAML, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def found(company):
    """An estimate, which leaves everything as it was."""
    before = {path: path.stat().st_mtime_ns for path in company.rglob("*")}
    made = estimate(company)
    assert {path: path.stat().st_mtime_ns for path in company.rglob("*")} == before and not os.path.exists("runs/colours")
    return made


def test_the_minutes_are_near_those_of_the_run(company, found, tmp_path):
    began = time.perf_counter()
    timing = read(run(company, out=tmp_path))["timing"]
    whole = time.perf_counter() - began
    assert set(timing) <= set(found.seconds)
    assert 0.5 < found.minutes * 60 / whole < 1.6, (found.seconds, timing)  # benchmarks/estimate.csv has longer runs


def test_the_lines_tell_checkpoint_memory_batch_tokens_and_minutes(found, monkeypatch):
    said = "\n".join(estimated_lines(found))
    for part in ("Checkpoint: tiny_omni, float32, on cpu", "Tokens: longest", "Batch: 8 = 8 at once x 1", "Memory: ", "Time: about", "fine-tuning"):
        assert part in said
    monkeypatch.setenv("POC_LANGUAGE", "ja")
    assert "チェックポイント：tiny_omni" in "\n".join(estimated_lines(found))


def test_rows_over_the_budget_are_named_and_not_cut(company, tmp_path):
    shutil.copytree(company, tmp_path / "tight")
    (tmp_path / "tight" / "poc.yaml").write_text(POC_YAML.replace("steps: 40", "steps: 40, max_tokens: 45"), encoding="utf-8")
    found = estimate(tmp_path / "tight")
    assert 0 < len(found.bad) < found.rows == found.looked_at and found.longest > 45 and found.seconds == {}
    said = "\n".join(estimated_lines(found))
    assert all(name in said for name in found.bad) and "Raise training.max_tokens" in said


def test_memory_that_is_too_small_halves_the_batch_and_says_so(company, monkeypatch):
    whole = AnswerTrainer._backward

    def tight(self, model, part, tokens):
        if len(part["labels"]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(self, model, part, tokens)

    monkeypatch.setattr(AnswerTrainer, "_backward", tight)
    for stage in ("_baselines", "_base", "_looks", "_all", "_checks"):  # what has nothing to do with it, and takes its time
        monkeypatch.setattr(room, stage, lambda *_: 0.0)
    found = estimate(company)
    assert found.micro_batch == 2
    assert "Batch: 8 = 2 at once x 4" in (said := "\n".join(estimated_lines(found))) and "write training.micro_batch: 2" in said


def test_what_does_not_fit_at_all_is_one_line_with_the_way_out(company, monkeypatch):
    def never(self, model, part, tokens):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(AnswerTrainer, "_backward", never)
    monkeypatch.setattr(room, "_baselines", lambda job: 0.0)
    with pytest.raises(KitError, match=r"tiny_omni does not fit into 8 GB, even one sample at a time: use smaller pictures, 4-bit"):
        estimate(company, memory_gb=8)


def test_checkpoints_that_fit_by_their_weights_take_the_data_in(company):
    job = room.examine(company, None, "qwen3.5-9b", False, None, room.quiet)
    sizes = {name: entry.parameters_b for name, entry in room.CATALOGUE.items()}
    assert sizes[room._largest(job, 24, "16-bit")] < sizes[room._largest(job, 24, "4-bit")]
    assert sizes[room._largest(job, 24, "16-bit", below=5)] < 5 and room._largest(job, 0.001, "16-bit") is None
    heard = dataclasses.replace(job, folder=dataclasses.replace(job.folder, samples=[s.replace(audio=s.image) for s in job.folder.samples]))
    entry = room.CATALOGUE[room._largest(heard, 24, "16-bit")]
    assert "audio" in entry.modalities and entry.commercial_use is not False


def test_a_checkpoint_that_is_not_here_is_told_by_the_catalogue_alone(company):
    found = estimate(company, model="qwen3-vl-2b")
    assert found.seconds == {} and found.micro_batch is None
    assert "Nothing was measured: the checkpoint is not on this machine. Its weights alone: 4.2 GB (catalogue)" in estimated_lines(found)[-1]


def test_memory_above_what_there_is_is_said(company, found):
    assert "MORE than there is" in "\n".join(estimated_lines(dataclasses.replace(found, memory_gb=0.1)))


def test_frozen_encoders_are_cheaper_the_second_time():
    """Arithmetic of a trial: new samples cost the first price, known ones the later one, as far as their features fit."""
    tried = trial.Trial(first=2.0, later=1.0, micro_batch=8, distinct=80, room=1.0)
    assert tried.seconds(steps=30, batch=8) == pytest.approx(10 * 2 + 20 * 1)
    assert trial.Trial(2.0, 1.0, 8, 80, 0.5).seconds(30, 8) == pytest.approx(10 * 2 + 20 * 1.5)


@pytest.mark.parametrize("case", ["inspection", "line", "callcentre", "documents"])
def test_the_intervals_are_timed_for_every_use_case_with_options_of_their_own(case):
    assert room._results(examine(COMPANY / case, None, None, False, None, quiet)) > 0


def test_a_batch_that_poc_yaml_asked_for_is_not_blamed_on_memory(found):
    asked = dataclasses.replace(found, batch=16, micro_batch=4, asked=4)
    assert not any("did not fit" in line for line in estimated_lines(asked))
    assert any("16 at once did not fit" in line for line in estimated_lines(dataclasses.replace(asked, asked=16)))
