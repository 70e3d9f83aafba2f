"""Multiple choice by log-likelihood: one prefill per sample against a forward per option, as evaluation harnesses do it.

    python -m benchmarks.scoring             # 51 M shape and tiny_omni, float32 and nf4, about 15 minutes on one core; writes benchmarks/scoring.csv
    python -m benchmarks.scoring --quick     # a minute, writes nothing

Arms, interleaved sample by sample in one process and on one thread; every arm starts from collated batches, so that decoding pictures is in none of them:
    per option          batch 1, the picture encoded again for each option, scores of all positions over the whole vocabulary (lmms-eval's LLaVA way)
    answers only        the same with scores of the answer's positions only
    encoder once        the same as `per option` with the picture's features remembered
    padded batch        all options of a sample as one batch, the picture repeated
    ours                kit.evaluation.option_scores: the prompt read once, its keys and values shared by the options
In nf4 a further arm lets bitsandbytes repack the weights for its own evaluation path, as it does by default on processors with AVX512-BF16; others repack nothing, and lack the arm.
"""

import argparse
import time
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks import shape_51m
from benchmarks.machine import processor_features, repacks, versions, write_table
from kit.data import Sample
from kit.data.collator import Collator
from kit.evaluation import option_scores, scoring
from kit.models import Loaded, load
from kit.models.encoders import remembered
from kit.models.forward import answer_logits, base_of, positions, to_device
from kit.show import progress

ROOT = Path(__file__).resolve().parents[1]
WORK, TABLE = ROOT / "build" / "benchmarks" / "scoring", ROOT / "benchmarks" / "scoring.csv"
OPTIONS = ("scratch", "bent pin", "no fault", "too long", "crack", "chip", "burr", "warp", "blur", "pale")  # four to six tokens each, with the end of the turn
COLUMNS = (
    *("date", "model", "weights", "options", "n_p", "n_s", "n_o", "samples", "arm", "seconds_min", "seconds_median", "ratio_of_minima", "ratio_of_medians", "bound", "largest_gap_nats"),
    *("torch", "transformers", "bitsandbytes", "cpu", "threads"),
)  # fmt: skip


class Ready(Collator):
    """A collator that has collated before: what is timed is the model."""

    batches: dict = {}

    def __call__(self, samples):
        key = (id(self.processor), self.answers, *((s.id, len(s.options), s.answer) for s in samples))
        if key not in self.batches:
            self.batches[key] = super().__call__(samples)
        return dict(self.batches[key])


@contextmanager
def collated_before():
    """While it lasts, option_scores, which collates by itself, finds its batches made."""
    before, scoring.Collator = scoring.Collator, Ready
    try:
        yield
    finally:
        scoring.Collator = before
        Ready.batches.clear()


def per_option(loaded: Loaded, sample: Sample, answers_only: bool = False) -> np.ndarray:
    """Log-likelihood of each option by a forward of its own."""
    collate, found = Ready(loaded.processor), []
    for option in sample.options:
        batch = collate([sample.replace(answer=option)])
        found.append(_sum(*(answer_logits(loaded.model, batch) if answers_only else _all_logits(loaded, batch))))
    return np.array(found)


def padded_batch(loaded: Loaded, sample: Sample) -> np.ndarray:
    """Log-likelihood of each option by one forward of all options, with the picture as often."""
    batch = Ready(loaded.processor)([sample.replace(answer=option) for option in sample.options])
    lengths = (batch["labels"] != -100).sum(1).tolist()
    logits, targets = _all_logits(loaded, batch)
    return np.array([_sum(a, b) for a, b in zip(logits.split(lengths), targets.split(lengths), strict=True)])


def _all_logits(loaded: Loaded, batch: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """Like `answer_logits`, after the scores of every position have been computed."""
    batch = to_device(batch, loaded.model)
    labels = batch.pop("labels")
    logits = loaded.model(**batch, position_ids=positions(loaded.model, batch), use_cache=False).logits.float()
    where = labels[:, 1:] != -100
    return logits[:, :-1][where], labels[:, 1:][where]


def _sum(logits: torch.Tensor, targets: torch.Tensor) -> float:
    return float(logits.log_softmax(-1).gather(1, targets[:, None]).sum())


def arms_of(loaded: Loaded, four_bit: bool) -> dict:
    """Name -> function of a sample."""
    arms = {
        "per option": lambda sample: per_option(loaded, sample),
        "answers only": lambda sample: per_option(loaded, sample, answers_only=True),
        "encoder once": lambda sample: _remembering(loaded, sample),
        "padded batch": lambda sample: padded_batch(loaded, sample),
        "ours": lambda sample: option_scores(loaded, [sample])[0],
    }
    if four_bit and repacks():
        arms["per option, repacked"] = lambda sample: _repacked(loaded, sample)
    return arms


def _remembering(loaded: Loaded, sample: Sample) -> np.ndarray:
    with remembered(loaded.model):  # forgets between samples
        return per_option(loaded, sample)


def _repacked(loaded: Loaded, sample: Sample) -> np.ndarray:
    """`per option` on the weights as bitsandbytes packs them for evaluation by itself."""
    return per_option(loaded.repacked, sample)


@torch.no_grad()
@collated_before()
def measure(model: str, source: str, samples: list[Sample], four_bit: bool, rounds: int) -> list[dict]:
    """One row per arm: first that all have the same log-likelihoods, then the interleaved rounds."""
    loaded = load(source, four_bit=four_bit, device="cpu")
    if four_bit and repacks():
        loaded.repacked = load(source, four_bit=True, device="cpu")
        for module in loaded.repacked.model.modules():
            if hasattr(module, "support_avx512bf16_for_cpu"):
                module.support_avx512bf16_for_cpu = True
    arms = arms_of(loaded, four_bit)
    expected = [arms["per option"](sample) for sample in samples]
    gaps = {name: max(float(np.abs(ask(sample) - known).max()) for sample, known in zip(samples, expected, strict=True)) for name, ask in arms.items()}
    too_far = {name: gap for name, gap in gaps.items() if gap > 1e-4 and name != "per option, repacked"}  # repacked weights are bfloat16
    assert not too_far, f"not the same log-likelihoods: {too_far}"
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    for number in progress(range(rounds), desc=f"{model}, {len(samples[0].options)} options, {'nf4' if four_bit else 'float32'}"):
        for name, ask in arms.items():
            began = time.process_time()
            ask(samples[number % len(samples)])
            seconds[name].append(time.process_time() - began)
    return [_row(model, loaded, samples, four_bit, name, seconds, gaps) for name in arms]


def _row(model: str, loaded: Loaded, samples: list[Sample], four_bit: bool, name: str, seconds: dict, gaps: dict) -> dict:
    ours, n_p, n_s, n_o = seconds["ours"], *token_counts(loaded, samples[0])
    return {
        "date": date.today().isoformat(), "model": model, "weights": "nf4" if four_bit else "float32", "options": len(samples[0].options), "n_p": n_p, "n_s": n_s, "n_o": n_o,
        "samples": len(samples), "arm": name, "seconds_min": round(min(seconds[name]), 4), "seconds_median": round(float(np.median(seconds[name])), 4),
        "ratio_of_minima": round(min(seconds[name]) / min(ours), 2), "ratio_of_medians": round(float(np.median(seconds[name]) / np.median(ours)), 2),
        "bound": bound(loaded, samples[0], four_bit) if name == "per option" else "", "largest_gap_nats": f"{gaps[name]:.1e}",
        **versions("torch", "transformers", "bitsandbytes"), "cpu": processor_features(), "threads": torch.get_num_threads(),
    }  # fmt: skip


def token_counts(loaded: Loaded, sample: Sample) -> tuple[int, int, str]:
    """(tokens up to the picture's end, tokens from there to the answer, tokens of the options)."""
    collator = Collator(loaded.processor, answers=False)
    ids = collator([sample])["input_ids"][0]
    last = int((ids == base_of(loaded.model).config.image_token_id).nonzero().max()) + 1
    lengths = [len(collator.answer_ids(option)) for option in sample.options]
    return last, len(ids) - last, f"{min(lengths)} to {max(lengths)}"


def bound(loaded: Loaded, sample: Sample, four_bit: bool) -> float:
    """C (V + 2P (n + o)) / (V + 2P n + 2P C o): what sharing the prompt gives by multiplications alone; the head's scores of all positions come on top."""
    weights = {"vision": 0, "llm": 0}
    for path, weight in base_of(loaded.model).named_parameters():
        if weight.dim() == 2 and "embed" not in path and "audio" not in path:
            weights["vision" if "visual" in path else "llm"] += weight.numel() * (2 if type(weight).__name__ == "Params4bit" else 1)
    collator = Collator(loaded.processor, answers=False)
    batch = collator([sample])
    count, n = len(sample.options), batch["input_ids"].shape[1]
    o = np.mean([len(collator.answer_ids(option)) for option in sample.options])
    tower, llm = 2 * weights["vision"] * int(batch["image_grid_thw"].prod()), 2 * weights["llm"]
    return round(float(count * (tower + llm * (n + o)) / (tower + llm * n + llm * count * o)), 2)


def draw(side: int, count: int, options: int) -> list[Sample]:
    """`count` noisy pictures with a short note and `options` options of four to six tokens."""
    WORK.mkdir(parents=True, exist_ok=True)
    rng, samples = np.random.default_rng(0), []
    for number in range(count):
        path = WORK / f"{side}-{number}.png"
        Image.fromarray(rng.integers(0, 255, (side, side, 3), dtype=np.uint8)).save(path)
        samples.append(Sample(f"{number}", "Which defect?", OPTIONS[:options], image=(path,)))
    return samples


def main() -> None:
    """Measures all cases and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the tiny model only, two rounds, nothing written")
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for model, side in (("tiny_omni", 168),) if asked.quick else (("shape_51m", shape_51m.SIDE), ("tiny_omni", 168)):
        source = model if model == "tiny_omni" else str(shape_51m.checkpoint())
        for four_bit in (False, True):
            for options in (4, 10):
                rows += measure(model, source, draw(side, 3, options), four_bit, 2 if asked.quick else asked.rounds)
    for row in rows:
        print({key: row[key] for key in ("model", "weights", "options", "n_p", "n_s", "n_o", "arm", "seconds_min", "ratio_of_minima", "ratio_of_medians", "bound", "largest_gap_nats")})
    if not asked.quick:
        write_table(TABLE, COLUMNS, rows)


if __name__ == "__main__":
    main()
