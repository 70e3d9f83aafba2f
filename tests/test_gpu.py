"""The same lines on a CUDA device: bfloat16 and 4-bit loading, scoring, fine-tuning, run checks and resuming. Skipped, by name, where there is none."""

import json
from dataclasses import replace

import pytest
import torch

from kit.evaluation import predict
from kit.models import component_of, load
from kit.training import Settings, checks, finetune
from kit.training.resume import newest_checkpoint
from poc import doctor

pytestmark = pytest.mark.gpu

QUICK = Settings(lora=("llm", "connector", "vision"), steps=60, batch=12, evaluate_every=20, rank=8, learning_rate=4e-3)


def right(loaded, samples) -> float:
    frame = predict(loaded, samples)
    return float((frame["answer"] == frame["predicted"]).mean())


def test_the_doctor_multiplies_in_4_bit_on_the_device():
    assert doctor.four_bit().status == doctor.OK and "cuda" in doctor.four_bit().detail
    assert torch.cuda.get_device_name(0) in doctor.device().detail


def test_only_the_language_model_is_stored_in_4_bit():
    loaded = load("tiny_omni", four_bit=True)
    stored = {component_of(path) for path, module in loaded.model.named_modules() if type(module).__name__ == "Linear4bit"}
    assert stored == {"llm"}
    rest = {p.dtype for path, p in loaded.model.named_parameters() if component_of(path) != "llm"}
    assert rest == {torch.bfloat16} and {p.device.type for p in loaded.model.parameters()} == {"cuda"}


def test_scores_agree_with_the_cpu(tiny, colours):
    """bfloat16 keeps eight bits of a number: shares move by a few points, and a row close to a tie may change sides."""
    cpu, cuda = predict(tiny, colours), predict(load("tiny_omni"), colours)
    gap = [abs(a[option] - b[option]) for a, b in zip(cpu["probabilities"], cuda["probabilities"], strict=True) for option in a]
    assert max(gap) < 0.15 and sum(gap) / len(gap) < 0.02
    assert (cpu["predicted"] == cuda["predicted"]).mean() >= 0.9


@pytest.mark.parametrize("four_bit", [False, True])
def test_a_short_fine_tuning_learns_and_its_checks_are_green(four_bit, colours, tmp_path):
    loaded = load("tiny_omni", four_bit=four_bit)
    tuned = finetune(loaded, colours[:30], colours[30:36], QUICK, tmp_path)
    assert right(tuned.loaded, colours[36:]) >= 0.9
    found = checks.run_checks(tuned, "tiny_omni", QUICK, colours[:30], colours[36:], [], 0, tmp_path)
    # 1 is about this machine's versions, not about what was done with them
    assert {c.number: (c.status, c.detail) for c in found if c.status != "green" and c.number != 1} == {}


def test_an_interrupted_training_goes_on_from_its_checkpoint(colours, tmp_path):
    finetune(load("tiny_omni"), colours[:30], colours[30:36], QUICK, tmp_path)
    whole = json.loads((tmp_path / "training.json").read_text())["history"]
    (tmp_path / "training.json").unlink()  # as if killed before the end
    assert newest_checkpoint(tmp_path / "checkpoints"), "nothing is left to go on from"
    tuned = finetune(load("tiny_omni"), colours[:30], colours[30:36], QUICK, tmp_path, resume=True)
    assert tuned.applied_updates == 60
    # atomics on a GPU add in any order, so the last losses are close, not equal
    last = [[entry["loss"] for entry in history if "loss" in entry][-1] for history in (whole, tuned.history)]
    assert last[0] == pytest.approx(last[1], abs=0.1)


def test_a_model_on_the_cpu_is_trained_there(colours, tmp_path):
    tuned = finetune(load("tiny_omni", device="cpu"), colours[:12], colours[12:15], replace(QUICK, steps=2, evaluate_every=2), tmp_path)
    assert tuned.loaded.device.type == "cpu" and tuned.frozen_moved == []


def test_results_say_how_much_of_the_device_they_used():
    from poc import record

    load("tiny_omni")
    assert record.machine()["device"] == torch.cuda.get_device_name(0) and record.peak_memory_mb() > torch.cuda.max_memory_allocated() / 2**20
