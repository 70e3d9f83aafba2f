"""4-bit against 16-bit: seconds of an update and of a scored sample, memory of the weights and at the peak, and the two ways that bitsandbytes computes on a CPU.

    python -m benchmarks.four_bit            # 51 M shape and tiny_omni, about 10 minutes on one core; writes benchmarks/four_bit.csv
    python -m benchmarks.four_bit --quick    # a minute, writes nothing

Arms, interleaved in one process and on one thread (on a card: on it):
    16-bit       float32 on a CPU and bfloat16 on a card, as kit.models.load does.
    nf4          the kit's way: nf4 with double quantisation, language model only, never repacked.
    nf4, eval    bitsandbytes' own way in eval mode: on processors with AVX512-BF16 the weights are repacked at the first forward. Scoring only: training fails afterwards.
                 On other processors nothing is repacked, and the arm is left out.
The column precision is that of what is computed and of all weights that are not in 4-bit.
Bytes per weight of the language model: 2 (4 in float32), and 0.5 + 1/64 + a little for the blocks' doubly quantised scales in nf4. What is not the language model stays.
"""

import argparse
import json
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
import torch

from benchmarks import shape_51m
from benchmarks.finetune import BATCH, RANK, draw
from benchmarks.machine import processor_features, repacks, versions, write_table
from kit.data import Sample
from kit.evaluation import option_scores
from kit.models import Loaded, add_lora, component_of, load
from kit.models.forward import base_of
from kit.show import progress
from kit.training import Settings
from kit.training.trainer import AnswerTrainer
from poc.record import peak_memory_mb

ROOT = Path(__file__).resolve().parents[1]
WORK, TABLE = ROOT / "build" / "benchmarks" / "four_bit", ROOT / "benchmarks" / "four_bit.csv"
COLUMNS = (
    *("date", "model", "arm", "precision", "language_weights", "other_weights", "weights_mb", "theory_mb", "update_seconds", "update_ratio", "scoring_seconds", "scoring_ratio"),
    *("peak_update_mb", "peak_scoring_mb", "gap_to_16_bit_nats", "gap_to_nf4_nats", "batch", "options", "torch", "transformers", "peft", "bitsandbytes", "cpu", "threads"),
)  # fmt: skip
BYTES = {"16-bit": 2.0, "nf4": 0.5 + 1 / 64 + 4 / (64 * 256)}


def arms() -> tuple[str, ...]:
    """Those that this processor can tell apart."""
    return ("16-bit", "nf4", "nf4, eval") if repacks() else ("16-bit", "nf4")


def model_of(arm: str, source: str) -> Loaded:
    """A checkpoint as the arm holds it."""
    loaded = load(source, four_bit=arm != "16-bit")
    for module in loaded.model.modules() if arm == "nf4, eval" else ():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = True
    return loaded


def weights_of(loaded: Loaded) -> tuple[int, int, float]:
    """(weights of the language model's linear layers, all others, megabytes that they take, with the scales of 4-bit blocks)."""
    llm = others = held = 0
    seen = set()
    for path, weight in base_of(loaded.model).named_parameters():
        if weight.data_ptr() in seen or "lora_" in path:
            continue
        seen.add(weight.data_ptr())
        held += weight.nbytes + sum(scale.nbytes for scale in _scales(getattr(weight, "quant_state", None)))
        count = weight.numel() * (2 if type(weight).__name__ == "Params4bit" else 1)
        inside = component_of(path) == "llm" and weight.dim() == 2 and "embed" not in path
        llm, others = llm + count * inside, others + count * (not inside)
    return llm, others, held / 2**20


def _scales(state) -> list[torch.Tensor]:
    found = [getattr(state, name, None) for name in ("absmax", "offset", "code")]
    return [each for each in found if torch.is_tensor(each)] + (_scales(state.state2) if getattr(state, "state2", None) else [])


def trainer_of(arm: str, source: str, train: list[Sample]) -> AnswerTrainer:
    """The kit's own trainer on the arm's model, with an optimizer of its own."""
    loaded = model_of(arm, source)
    loaded.model = add_lora(loaded.model, ["llm"], RANK, seed=0)
    trainer = AnswerTrainer(loaded, train, train, Settings(steps=1, batch=BATCH, rank=RANK), WORK / "trainer")
    trainer.optimizer = torch.optim.AdamW([weight for weight in loaded.model.parameters() if weight.requires_grad], lr=1e-4)
    return trainer


def update(trainer: AnswerTrainer, samples: list[Sample]) -> float:
    """Seconds of one update."""
    began = _now()
    inputs = trainer.parts(samples)
    trainer.training_step(trainer.model, inputs, (inputs["labels"] != -100).sum())
    trainer.optimizer.step()
    trainer.optimizer.zero_grad()
    return _now() - began


def score(loaded: Loaded, samples: list[Sample]) -> float:
    """Seconds per sample."""
    began = _now()
    option_scores(loaded, samples, batch_size=8)
    return (_now() - began) / len(samples)


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def measure(model: str, source: str, train: list[Sample], rounds: int, memory: bool) -> list[dict]:
    """One row per arm."""
    asked = {arm: model_of(arm, source) for arm in arms()}
    trained = {arm: trainer_of(arm, source, train) for arm in arms() if arm != "nf4, eval"}
    scores = {arm: np.concatenate(option_scores(loaded, train[:8])) for arm, loaded in asked.items()}
    for trainer in trained.values():
        update(trainer, train[:BATCH])
    seconds = {arm: {"update": [], "scoring": []} for arm in arms()}
    for number in progress(range(rounds), desc=model):
        batch = [train[(number * BATCH + i) % len(train)] for i in range(BATCH)]
        for arm in arms():
            seconds[arm]["scoring"].append(score(asked[arm], batch))
            if arm in trained:
                seconds[arm]["update"].append(update(trained[arm], batch))
    best = {arm: {what: min(found, default=None) for what, found in kinds.items()} for arm, kinds in seconds.items()}
    return [_row(model, source, arm, asked, best, scores, memory) for arm in arms()]


def _row(model, source, arm, asked, best, scores, memory) -> dict:
    llm, others, held = weights_of(asked[arm])
    plain = 2 if torch.cuda.is_available() else 4  # bytes of what is not in 4-bit
    theory = (llm * (plain if arm == "16-bit" else BYTES["nf4"]) + others * plain) / 2**20
    peaks = {what: peak_of(model, arm, what) if memory and not (arm == "nf4, eval" and what == "update") else "" for what in ("update", "scoring")}
    ratio = lambda what: round(best[arm][what] / best["16-bit"][what], 2) if best[arm][what] else ""  # noqa: E731
    return {
        "date": date.today().isoformat(), "model": model, "arm": arm, "precision": "bfloat16" if torch.cuda.is_available() else "float32", "language_weights": llm, "other_weights": others, "weights_mb": round(held, 1), "theory_mb": round(theory, 1),
        "update_seconds": round(best[arm]["update"], 4) if best[arm]["update"] else "", "update_ratio": ratio("update"),
        "scoring_seconds": round(best[arm]["scoring"], 4), "scoring_ratio": ratio("scoring"), "peak_update_mb": peaks["update"], "peak_scoring_mb": peaks["scoring"],
        "gap_to_16_bit_nats": _gap(scores, arm, "16-bit"), "gap_to_nf4_nats": _gap(scores, arm, "nf4"), "batch": BATCH, "options": 3,
        **versions("torch", "transformers", "peft", "bitsandbytes"),
        "cpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else processor_features(), "threads": torch.get_num_threads(),
    }  # fmt: skip


def _gap(scores: dict, arm: str, other: str) -> str:
    """Largest difference of an option's log-likelihood; 4-bit weights are other weights, so nothing is asserted of the first, and of the second only where both compute the same way."""
    return f"{np.abs(scores[arm] - scores[other]).max():.1e}" if arm != other and not (arm == "16-bit" and other == "nf4") else ""


def peak_of(model: str, arm: str, what: str) -> int:
    """Peak memory of a process that only makes two updates, or only scores two batches, in MB."""
    done = subprocess.run([sys.executable, "-m", "benchmarks.four_bit", "--peak", model, arm, what], capture_output=True, text=True, cwd=ROOT, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def _peak(model: str, arm: str, what: str) -> int:
    source, train = cases(quick=model == "tiny_omni")[model]
    if what == "update":
        trainer = trainer_of(arm, source, train)
        for _ in range(2):
            update(trainer, train[:BATCH])
    else:
        score(model_of(arm, source), train[: 2 * BATCH])
    return peak_memory_mb()


def cases(quick: bool) -> dict[str, tuple[str, list[Sample]]]:
    """model -> (checkpoint, data)."""
    tiny = {"tiny_omni": ("tiny_omni", draw(WORK / "pictures", 168, 60))}
    return tiny if quick else {"shape_51m": (str(shape_51m.checkpoint()), draw(WORK / "pictures", shape_51m.SIDE, 34))} | tiny


def main() -> None:
    """Measures all cases and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the tiny model only, two rounds, nothing written")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--peak", nargs=3, metavar=("MODEL", "ARM", "WHAT"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.peak:
        print(_peak(*asked.peak))
        return
    rows = [row for model, case in cases(asked.quick).items() for row in measure(model, *case, 2 if asked.quick else asked.rounds, memory=not asked.quick)]
    for row in rows:
        print({key: row[key] for key in COLUMNS[1:14]})
    if not asked.quick:
        write_table(TABLE, COLUMNS, rows)


if __name__ == "__main__":
    main()
