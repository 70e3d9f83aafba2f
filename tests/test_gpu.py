"""The same lines on a CUDA device: bfloat16 and 4-bit loading, scoring, fine-tuning, run checks and resuming. Skipped, by name, where there is none.

`make test-gpu MODEL=DIR` asks a checkpoint of yours, too: within the memory of a 24 GB card it loads in 4-bit, answers, trains, passes its run checks, and is walked through notebooks 01 and 04.
"""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kit.attention import Moda, TokenTypes
from kit.data import read_folder
from kit.evaluation import predict
from kit.models import component_of, load
from kit.training import Settings, checks, finetune
from kit.training.resume import newest_checkpoint
from poc import doctor
from poc.usecase import load_usecase

pytestmark = pytest.mark.gpu

ROOT = Path(__file__).resolve().parents[1]
MODEL = os.environ.get("MODEL")
own = pytest.mark.skipif(not MODEL, reason="needs a checkpoint of yours: make test-gpu MODEL=DIR")
CARD_GB = 22  # of a card sold as 24 GB, what is left beside a desktop and the driver
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


def test_moda_and_its_gradients_are_those_of_the_cpu():
    """FlexAttention in place of a matrix of scores; padding, both groups of keys, the gate."""
    generator = torch.Generator().manual_seed(0)
    given = [torch.randn(2, heads, 200, 64, generator=generator) for heads in (4, 2, 2)]
    mask = torch.ones(2, 1, 200, 200, dtype=torch.bool).tril()
    mask[0, ..., :7] = False
    codes, found = torch.randint(0, 2, (2, 200), generator=generator), []
    for device in ("cpu", "cuda"):
        layer = Moda().layer(4, 2, 64)
        with torch.no_grad():
            for path, weight in layer.named_parameters():
                weight.copy_(torch.linspace(0.1, 0.3, weight.numel()).view_as(weight) * (1 if path == "gate" else (-1) ** torch.arange(weight.numel()).view_as(weight)))
        layer, inputs = layer.to(device), [tensor.detach().clone().to(device).requires_grad_() for tensor in given]
        out = layer(*inputs, mask.to(device), TokenTypes(codes.to(device), torch.zeros_like(codes).to(device)), 0.125)
        out[:, 7:].pow(2).sum().backward()
        found.append([out[:, 7:].detach().cpu(), *(tensor.grad.cpu() for tensor in (*inputs, *layer.parameters()))])
    for cpu, cuda in zip(*found, strict=True):
        torch.testing.assert_close(cuda, cpu, rtol=2e-2, atol=2e-2 * float(cpu.abs().max()))


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


@own
def test_your_checkpoint_answers_trains_and_passes_its_checks_on_a_24_gb_card(tmp_path):
    walked, found = walk(MODEL, tmp_path, four_bit=True)
    assert torch.cuda.max_memory_allocated() < CARD_GB * 2**30
    assert {c.number: (c.status, c.detail) for c in found if c.number in (2, 4, 6, 7) and c.status != "green"} == {}
    assert walked.applied_updates == 6 and walked.micro_batch >= 1


@own
@pytest.mark.parametrize("name", ["01_load_base_model", "04_finetune_lora_4bit"])
def test_your_checkpoint_is_walked_through_a_notebook(name, tmp_path):
    from test_notebooks import execute, said

    done = execute(ROOT / "notebooks" / f"{name}.ipynb", {"preset": "gpu", "model": MODEL, "language": "en"}, tmp_path / f"{name}.ipynb", cwd=tmp_path)
    assert "preset = gpu" in said(done)


def walk(source: str, out: Path, four_bit: bool):
    """A few updates on a few photographs of the sample company; (Tuned, its run checks)."""
    if torch.cuda.is_available():
        torch.cuda.set_per_process_memory_fraction(min(1.0, CARD_GB * 2**30 / torch.cuda.get_device_properties(0).total_memory))
    case = ROOT / "sample_data" / "company" / "inspection"
    use = load_usecase(case)
    rows = [s.without("audio") for s in read_folder(case, use, verify=False).samples if not s.audio][:48]
    settings = replace(QUICK, steps=6, batch=8, evaluate_every=6, learning_rate=1e-4)
    tuned = finetune(load(source, four_bit=four_bit), rows[:24], rows[24:32], settings, out)
    return tuned, checks.run_checks(tuned, source, settings, rows[:24], rows[32:], [], 0, out)
