"""Diagnosis and robust training with the beginning of a prompt shared, against the loops that they replace.

    python -m benchmarks.interference             # 51 M shape and tiny_omni, about ten minutes on one core; writes benchmarks/interference.csv
    python -m benchmarks.interference --quick     # the tiny model, two rounds, writes nothing

Arms, interleaved in one process and on one thread, from collated batches where an arm can be given them; the adapter is not zero, and every arm's scores (within 1e-4 nats) or gradients are compared first.

Diagnosis, N = 16 texts on one picture, options scored:
    naive loop            a forward per text and option, the picture encoded each time, scores of all positions (as evaluation harnesses do)
    prompt per text       the prompt of each text read once for its options, the picture encoded each time: kit.evaluation.option_scores, one text at a time
    encoder once          the same with the picture's features remembered
    padded batch          all texts as one batch
    ours                  kit.evaluation.shared_prefix: all tokens before the first changed one are read once

A robust update, two pairs of clean and perturbed text, K = 3 ascent steps, consistency:
    plain                 a LoRA update on the clean rows alone, scores of all positions (as trainers do)
    plain, answers only   the same with scores of the answers' positions only (as the kit does)
    paper                 the arrangement of arXiv 2505.19616's code: encoders once, K whole forwards and backwards with scores of all positions over the whole vocabulary, then one batch of clean and adversarial rows
    answers only          the same with scores of the answers' positions only
    ours                  kit.training.robust
"""

import argparse
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import cross_entropy

from benchmarks import shape_51m
from benchmarks.machine import processor_features, versions, write_table
from benchmarks.scoring import per_option
from kit.data import Sample
from kit.data.collator import Collator
from kit.data.perturbations import NOTES, text_perturbations
from kit.evaluation import option_scores
from kit.evaluation.shared_prefix import shared_scores
from kit.models import Loaded, add_lora, load
from kit.models.encoders import remembered
from kit.models.forward import answer_logits, base_of, positions, to_device
from kit.show import progress
from kit.training.pairs import paired
from kit.training.robust import Robust, divergence, robust_losses

ROOT = Path(__file__).resolve().parents[1]
WORK, TABLE = ROOT / "build" / "benchmarks" / "interference", ROOT / "benchmarks" / "interference.csv"
OPTIONS = ("scratch", "crack", "chip", "ok")
TEXTS, PAIRS, STEPS = 16, 2, 3
COLUMNS = (
    *("date", "model", "task", "n_p", "n_s", "N", "K", "arm", "seconds_min", "seconds_median", "ratio_of_minima", "ratio_of_medians", "bound", "largest_gap"),
    *("torch", "transformers", "cpu", "threads"),
)  # fmt: skip


def sample_on(side: int, number: int) -> Sample:
    """A noisy picture with a question."""
    WORK.mkdir(parents=True, exist_ok=True)
    path = WORK / f"{side}-{number}.png"
    Image.fromarray(np.random.default_rng(number).integers(0, 255, (side, side, 3), dtype=np.uint8)).save(path)
    return Sample(f"{number}", "Which defect?", OPTIONS, OPTIONS[number % len(OPTIONS)], image=(path,))


def texts_on(sample: Sample) -> list[Sample]:
    """Sixteen different short texts on one picture."""
    options = [option for option in sample.options]
    notes = [template.format(answer=option) for template in NOTES["en"] for option in options]
    notes += [f"Line {n}: {option}, please confirm." for n, option in enumerate(2 * options)]
    return [sample.replace(id=f"{sample.id}-{n}", text=note) for n, note in enumerate(notes[:TEXTS])]


def diagnosis(loaded: Loaded, side: int, rounds: int, model: str) -> list[dict]:
    """One row per arm of the diagnosis."""
    asked = texts_on(sample_on(side, 0))
    arms: dict[str, Callable] = {
        "naive loop": lambda: [per_option(loaded, sample) for sample in asked],
        "prompt per text": lambda: [option_scores(loaded, [sample])[0] for sample in asked],
        "encoder once": lambda: _with_memory(loaded, lambda: [option_scores(loaded, [sample])[0] for sample in asked]),
        "padded batch": lambda: option_scores(loaded, asked, batch_size=len(asked)),
        "ours": lambda: shared_scores(loaded, asked, batch_size=len(asked)),
    }
    with torch.no_grad():
        expected = arms["naive loop"]()
        gaps = {name: max(float(np.abs(a - b).max()) for a, b in zip(arm(), expected, strict=True)) for name, arm in arms.items()}
        assert max(gaps.values()) < 1e-4, f"not the same log-likelihoods: {gaps}"
        seconds = timed(arms, rounds, f"{model}, diagnosis")
    told: dict = {}
    shared_scores(loaded, asked, told=told)
    # tokens: the shared part, and the mean of what each text reads on from there
    own = told["tokens"] - told["tokens_read"]
    n_p = own // (len(asked) - 1)
    n_s = (told["tokens_read"] - n_p) / len(asked)
    tower, llm = weights_of(loaded, asked[0])
    o = np.mean([len(Collator(loaded.processor).answer_ids(option)) for option in OPTIONS]) * len(OPTIONS)
    limit = len(asked) * (len(OPTIONS) * (tower + llm * (n_p + n_s)) + llm * o) / (tower + llm * (n_p + len(asked) * (n_s + o)))
    return [row(model, "diagnosis", n_p, round(n_s), len(asked), "", name, seconds, "naive loop", limit, gaps[name]) for name in arms]


def _with_memory(loaded: Loaded, ask: Callable):
    with remembered(loaded.model):  # forgets between rounds
        return ask()


def robust_update(loaded: Loaded, side: int, rounds: int, model: str) -> list[dict]:
    """One row per arm of the update."""
    collator = Collator(loaded.processor)
    clean = [sample_on(side, number).replace(answer=OPTIONS[0]) for number in range(PAIRS)]  # answers of one length: the collator pads on the right after them
    perturbed = [text_perturbations(("en",))[1](sample) for sample in clean]
    settings = Robust(consistency=0.01, ascent_steps=STEPS, epsilon=0.05)
    pairs = paired(collator, clean, perturbed)
    batches = {"clean": collator(clean), "perturbed": collator(perturbed), "both": collator([*clean, *perturbed])}
    weights = [weight for weight in loaded.model.parameters() if weight.requires_grad]

    def plain(ask: Callable):
        cross_entropy(*ask(loaded.model, batches["clean"])).backward()

    def ours():
        losses = robust_losses(loaded.model, pairs, settings)
        losses.total.backward()

    arms = {
        "plain": lambda: plain(_all_positions),
        "plain, answers only": lambda: plain(answer_logits),
        "paper": lambda: _with_memory(loaded, lambda: paper(loaded, batches, pairs, settings, all_positions=True)),
        "answers only": lambda: _with_memory(loaded, lambda: paper(loaded, batches, pairs, settings, all_positions=False)),
        "ours": ours,
    }
    gaps, reference = {"plain": float("nan"), "plain, answers only": float("nan")}, None
    for name in ("paper", "answers only", "ours"):
        arms[name]()
        gradient = torch.cat([weight.grad.flatten() for weight in weights])
        reference = gradient if reference is None else reference
        gaps[name] = float((gradient - reference).norm() / reference.norm())
        loaded.model.zero_grad()
    assert max(gaps["answers only"], gaps["ours"]) < 1e-3, f"not the same gradients: {gaps}"
    seconds = timed({name: lambda arm=arm: (loaded.model.zero_grad(), arm()) for name, arm in arms.items()}, rounds, f"{model}, robust update")
    n_p = pairs.beginnings["input_ids"].shape[1]
    n_s = pairs.tokens.shape[1]
    tower, llm = weights_of(loaded, clean[0])
    limit = (tower + (STEPS + 2) * 2 * llm * (n_p + n_s)) / (tower + 2 * llm * (n_p + (STEPS + 2) * n_s))
    return [row(model, "robust update", n_p, n_s, "", STEPS, name, seconds, "paper", limit, gaps[name]) for name in arms]


def paper(loaded: Loaded, batches: dict, pairs, settings: Robust, all_positions: bool) -> torch.Tensor:
    """The update as the paper's code arranges it, with the kit's step, mask and consistency (so that the gradients can be compared), and its loop over whole sequences."""
    words = base_of(loaded.model).get_input_embeddings()
    half, length = len(pairs.text), batches["perturbed"]["input_ids"].shape[1]
    at = torch.zeros(half, length, 1)
    size = min(length, pairs.text.shape[1])
    at[:, length - size :, 0] = pairs.text[:, -size:].float()
    with torch.no_grad():
        embedded = words(batches["perturbed"]["input_ids"])
        count = at.sum((1, 2)) * embedded.shape[-1]
        epsilon = (settings.epsilon * ((embedded * at).pow(2).sum((1, 2)) / count).sqrt()).view(-1, 1, 1)
    delta = torch.zeros_like(embedded)
    for place, seed in enumerate(pairs.seeds):
        mine = at[place, :, 0] > 0
        delta[place, mine] = 2 * torch.rand((int(mine.sum()), embedded.shape[-1]), generator=torch.Generator().manual_seed(seed)) - 1
    delta = delta * epsilon
    ask = _all_positions if all_positions else answer_logits
    for _ in range(settings.ascent_steps):
        delta = delta.detach().requires_grad_(True)
        logits, targets = _moved(words, delta * at, lambda: ask(loaded.model, batches["perturbed"]))
        (slope,) = torch.autograd.grad(cross_entropy(logits, targets, reduction="sum"), delta)
        delta = (delta.detach() + 2.5 / settings.ascent_steps * epsilon * (slope * at).sign()).clamp(-epsilon, epsilon)
    wide = batches["both"]["input_ids"].shape[1]
    both = torch.zeros(2 * half, wide, embedded.shape[-1])
    both[half:, wide - length :] = delta * at
    logits, targets = _moved(words, both, lambda: ask(loaded.model, batches["both"]))
    (clean, adversarial), (goal, _) = logits.chunk(2), targets.chunk(2)
    loss = (cross_entropy(clean, goal) + cross_entropy(adversarial, goal)) / 2 + settings.consistency * divergence(clean, adversarial)
    loss.backward()
    return loss


def _moved(words, delta: torch.Tensor, ask: Callable):
    """`ask` while the embeddings are moved by `delta` (B, T, C)."""
    handle = words.register_forward_hook(lambda module, args, embedded: embedded + delta)
    try:
        return ask()
    finally:
        handle.remove()


def _all_positions(model, batch: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """Like `answer_logits`, after the scores of every position have been computed, and the loss's gradient goes back through them."""
    batch = to_device(batch, model)
    labels = batch.pop("labels")
    logits = model(**batch, position_ids=positions(model, batch), use_cache=False).logits.float()
    where = labels[:, 1:] != -100
    return logits[:, :-1][where], labels[:, 1:][where]


def weights_of(loaded: Loaded, sample: Sample) -> tuple[float, float]:
    """(multiplications of the tower for the sample's picture, of the language model per token), forward."""
    weights = {"vision": 0, "llm": 0}
    for path, weight in base_of(loaded.model).named_parameters():
        if weight.dim() == 2 and "embed" not in path and "audio" not in path and "lora_" not in path and "lm_head" not in path:
            weights["vision" if "visual" in path else "llm"] += weight.numel()
    batch = Collator(loaded.processor, answers=False)([sample])
    return 2.0 * weights["vision"] * int(batch["image_grid_thw"].prod()), 2.0 * weights["llm"]


def timed(arms: dict[str, Callable], rounds: int, desc: str) -> dict[str, list[float]]:
    """Processor seconds of each arm, interleaved."""
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    for _ in progress(range(rounds), desc=desc):
        for name, arm in arms.items():
            began = time.process_time()
            arm()
            seconds[name].append(time.process_time() - began)
    return seconds


def row(model: str, task: str, n_p: int, n_s: int, texts, steps, name: str, seconds: dict, against: str, limit: float, gap: float) -> dict:
    """One line of the table; the ratio is that of `against` to this arm: above 1, this arm is faster."""
    mine, theirs = seconds[name], seconds[against]
    return {
        "date": date.today().isoformat(), "model": model, "task": task, "n_p": n_p, "n_s": n_s, "N": texts, "K": steps, "arm": name,
        "seconds_min": round(min(mine), 4), "seconds_median": round(float(np.median(mine)), 4), "ratio_of_minima": round(min(theirs) / min(mine), 2),
        "ratio_of_medians": round(float(np.median(theirs) / np.median(mine)), 2), "bound": round(limit, 2) if name == "ours" else "", "largest_gap": f"{gap:.1e}",
        **versions("torch", "transformers"), "cpu": processor_features(), "threads": torch.get_num_threads(),
    }  # fmt: skip


def adapted(source: str) -> Loaded:
    """The checkpoint with an adapter on its language model that is not zero."""
    loaded = load(source, device="cpu", four_bit=False)
    loaded.model = add_lora(loaded.model, ["llm"], 8)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for name, weight in loaded.model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.02)
    return loaded


def main() -> None:
    """Measures all cases and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the tiny model only, two rounds, nothing written")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows, rounds = [], 2 if asked.quick else asked.rounds
    for model, side in (("tiny_omni", 168),) if asked.quick else (("shape_51m", shape_51m.SIDE), ("tiny_omni", 168)):
        loaded = adapted(model if model == "tiny_omni" else str(shape_51m.checkpoint()))
        rows += diagnosis(loaded, side, rounds, model)
        loaded.model.train()
        rows += robust_update(loaded, side, rounds, model)
        for line in rows[-10:]:
            print(" ".join(f"{name}={line[name]}" for name in COLUMNS[1:14] if line[name] != ""))
    if not asked.quick:
        write_table(TABLE, COLUMNS, rows)


if __name__ == "__main__":
    main()
