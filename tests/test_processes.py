"""Several processes, as `accelerate launch` starts them, make the run that one process makes."""

import copy
import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import coloured_samples
from safetensors.torch import load_file

from kit import processes
from kit.data import write_folder
from kit.errors import KitError
from kit.models import Loaded
from kit.training import Settings, finetune

ROOT = Path(__file__).resolve().parents[1]
# lora on three components, and rows with and without pictures or notes: a process may have a batch that has no use for the eyes
POC_YAML = """
schema: 1
name: colours
question: Which colour is the part?
options: [red, green, blue]
training: {lora: [llm, connector, vision], steps: 6, batch: 8, rank: 4, evaluate_every: 3, learning_rate: 0.0005, examples_in_context: 2, replay: 0.3, robust: {perturbations: [misleading note A (en), grainy picture], share: 0.6, consistency: 0.1, ascent_steps: 1, ascent: normalised, epsilon: 0.02}}
"""


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    folder = tmp_path_factory.mktemp("company")
    write_folder(tuple(coloured_samples(folder, 48)), folder)
    (folder / "poc.yaml").write_text(POC_YAML, encoding="utf-8")
    return folder


def run(company, out, *launcher):
    """One `poc run` on one thread per process; its run folder and what it said."""
    command = [*launcher, "-m", "poc", "run", str(company), "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr[-2000:]
    (folder,) = (path.parent for path in out.glob("colours/*/run.json"))
    return folder, done.stdout


@pytest.mark.slow
def test_two_processes_make_the_updates_of_one(company, tmp_path):
    one, _ = run(company, tmp_path / "one", sys.executable)
    launcher = Path(sys.executable).with_name("accelerate")
    two, said = run(company, tmp_path / "two", launcher, "launch", "--config_file", "poc/launch/ddp_cpu.yaml")
    first, second = (json.loads((folder / "run.json").read_text(encoding="utf-8")) for folder in (one, two))
    assert (first["training"]["processes"], second["training"]["processes"]) == (1, 2)
    losses = [[entry["loss"] for entry in record["training"]["history"] if "loss" in entry] for record in (first, second)]
    assert len(losses[0]) == 6 and losses[1] == pytest.approx(losses[0], rel=1e-3)
    adapters = [load_file(folder / "adapter" / "adapter_model.safetensors") for folder in (one, two)]
    assert adapters[0].keys() == adapters[1].keys()
    assert max(float((one - adapters[1][name]).norm() / one.norm().clamp(min=1e-6)) for name, one in adapters[0].items()) < 1e-3
    checks = json.loads((two / "checks.json").read_text(encoding="utf-8"))
    assert {c["number"]: c["status"] for c in checks if c["number"] in (2, 3, 4, 6, 7)} == dict.fromkeys((2, 3, 4, 6, 7), "green")
    answers = [list(csv.DictReader((folder / "predictions.csv").open(encoding="utf-8"))) for folder in (one, two)]
    assert [row["id"] for row in answers[0]] == [row["id"] for row in answers[1]]
    shares = [[max(json.loads(row["probabilities"]).values()) for row in rows] for rows in answers]
    assert shares[1] == pytest.approx(shares[0], abs=0.01)
    assert said.count("[5/8]") == 1, "only the first process talks"


def test_shares_put_together_are_the_rows_in_their_order(monkeypatch):
    rows, shares = list(range(7)), []
    for number in range(3):
        monkeypatch.setattr(processes, "place", lambda number=number: (number, 3))
        shares.append(processes.share(rows))
    assert sorted(sum(shares, [])) == rows and max(map(len, shares)) - min(map(len, shares)) == 1
    monkeypatch.setattr("torch.distributed.all_gather_object", lambda found, mine: found.__setitem__(slice(None), shares))
    assert processes.gathered(shares[2]) == rows


def test_alone_everything_is_as_given():
    assert processes.place() == (0, 1) and processes.first()
    assert processes.share([1, 2]) == processes.gathered([1, 2]) == processes.told([1, 2]) == [1, 2]


def test_a_batch_that_cannot_be_shared_out_says_which_would_do(tiny, colours, monkeypatch, tmp_path):
    monkeypatch.setattr(processes, "place", lambda: (0, 3))
    monkeypatch.setattr(processes, "told", lambda value: value)
    with pytest.raises(KitError, match="a batch of 8 cannot be shared by 3 processes; set training.batch to a multiple of 3"):
        finetune(Loaded(copy.deepcopy(tiny.model), tiny.processor, tiny.checkpoint, tiny.four_bit), colours[:12], colours[12:15], Settings(steps=2, batch=8), tmp_path)


def test_a_run_that_would_shard_the_model_says_what_to_do_instead(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(KitError, match="needs the whole model in every process; start it with poc/launch/ddp.yaml.* `poc export RUN --data`"):
        processes.join(on_gpu=False)


@pytest.mark.parametrize("name", ["ddp", "ddp_cpu", "fsdp2"])
def test_accelerate_reads_the_launch_files(name):
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(ROOT / "poc" / "launch" / f"{name}.yaml"))
    assert config.num_processes == 2 and getattr(config, "fsdp_config", {}).get("fsdp_version") == (2 if name == "fsdp2" else None)
