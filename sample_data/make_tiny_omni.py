"""Makes the tiny omni model from nothing: `python sample_data/make_tiny_omni.py`.

Seeded, resumable between and inside stages (run it again after an interruption), no download, no natural data.
"""

import argparse
import json
import logging
import sys
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
STEEL = ROOT.parent / "shared" / "data" / "x_sdd"  # real photographs, not shipped: a probe of the eyes where they are
sys.path.insert(0, str(ROOT))  # so that it runs as a script, too

from sample_data.recipe import (  # noqa: E402
    alignment,
    audio_warmup,
    bank,
    checkpoint,
    corpus,
    guard,
    measure,
    model,
    pair,
    probe,
    vision_warmup,
    vocabulary,
)

STEPS = {
    "vision": 5600,
    "vision_again": 3600,
    "vision_third": 8000,
    "audio": 3200,
    "text": 700,
    "alignment": 1500,
    "alignment_again": 900,
    "alignment_third": 2400,
}
SEEDS = {
    "tokenizer": 0,
    "model": 0,
    "vision": 1,
    "audio": 1,
    "text": 2,
    "alignment": 3,
    "bank": 7,
}
PROCESSES = 2  # of every stage but the ears', which use one thread


def begin(build: Path) -> tuple[torch.nn.Module, object]:
    """Returns the untrained model (float32) and its processor; makes the tokenizer if need be."""
    build.mkdir(parents=True, exist_ok=True)
    tokenizer = build / "tokenizer.json"
    if not tokenizer.exists():
        vocabulary.train_tokenizer(corpus.sentences_of_the_world(SEEDS["tokenizer"]), tokenizer)
    processor = model.build_processor(tokenizer)
    return model.build_model(len(processor.tokenizer), SEEDS["model"]), processor


def see(build: Path, steps: dict[str, int], scale: float) -> tuple[dict, torch.nn.Module, torch.nn.Module]:
    """Trains the eyes, or loads them; returns the losses, the heads and the tower."""
    omni, _ = begin(build)
    losses, heads = vision_warmup.warm_up(omni.model.visual, build, steps, SEEDS["vision"], scale)
    return losses, heads, omni.model.visual


def hear(build: Path, steps: dict[str, int], scale: float) -> tuple[list, torch.nn.Module]:
    """Trains the ears, or loads them; returns the losses and the tower."""
    omni, processor = begin(build)
    losses = audio_warmup.warm_up(
        omni.model.audio_tower,
        processor.feature_extractor,
        build,
        steps["audio"],
        seed=SEEDS["audio"],
        pool=max(64, int(audio_warmup.POOL * scale)),
    )
    return losses, omni.model.audio_tower.train()


def read(build: Path, steps: dict[str, int]) -> tuple[list, torch.nn.Module]:
    """Teaches reading, or loads what was learned; returns the losses and the language model."""
    omni, processor = begin(build)
    losses = alignment.read_text(omni, processor, build, steps["text"], SEEDS["text"])
    return losses, omni.model.language_model


def prepare(
    build: Path, steps: dict[str, int], scale: float
) -> tuple[torch.nn.Module, object, torch.nn.Module, dict]:
    """Trains what can be trained alone, or loads it: the eyes, the ears, the reading.

    Args:
        build: keeps everything that an interrupted run needs.
        steps: updates per stage.
        scale: share of the drawn pictures and recordings (small for a short rebuild).

    Returns:
        The model (float32), its processor, the vision heads, and the losses of every stage.
    """
    omni, processor = begin(build)
    losses, heads, omni.model.visual = see(build, steps, scale)
    losses["audio"], omni.model.audio_tower = hear(build, steps, scale)
    losses["text"], omni.model.language_model = read(build, steps)
    omni.tie_weights()
    return omni, processor, heads, losses


def align(build: Path, steps: dict[str, int], scale: float) -> tuple[torch.nn.Module, object, dict]:
    """Trains everything together, or loads it; returns the model, its processor and the losses of all stages."""
    omni, processor, heads, losses = prepare(build, steps, scale)
    banks = _banks(omni, processor, build, scale)
    losses |= alignment.align(omni, processor, banks, build, heads, steps, SEEDS["alignment"])
    return omni, processor, losses


def _banks(omni: torch.nn.Module, processor, build: Path, scale: float) -> dict[str, bank.Bank]:
    towers = {"picture": omni.model.visual, "motion": omni.model.visual, "sound": omni.model.audio_tower}
    return {
        sort: bank.fill(sort, tower, processor.feature_extractor, build, SEEDS["bank"], scale)
        for sort, tower in towers.items()
    }


def make(
    build: Path, steps: dict[str, int], scale: float = 1.0
) -> tuple[torch.nn.Module, object, dict[str, list[float]]]:
    """Makes the model; returns it (float32) with its processor and the losses of all stages.

    What several processes look at is drawn before they part, so that it is drawn once.
    """
    torch.set_num_threads(1)
    build.mkdir(parents=True, exist_ok=True)
    vision_warmup.draw_stages(build, steps, SEEDS["vision"], scale)
    pair.run(see, PROCESSES, build, build, steps, scale)
    hear(build, steps, scale)
    pair.run(read, PROCESSES, build, build, steps)
    omni, processor, *_ = prepare(build, steps, scale)
    _banks(omni, processor, build, scale)
    pair.run(align, PROCESSES, build, build, steps, scale)
    omni, processor, losses = align(build, steps, scale)
    return omni.eval(), processor, losses


def main() -> None:
    """Reads the command line, makes the model, measures it and writes it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--build", type=Path, default=ROOT / "build" / "tiny_omni", help="where interrupted work is kept"
    )
    parser.add_argument(
        "--out", type=Path, default=ROOT / "sample_data" / "tiny_omni", help="where the checkpoint goes"
    )
    parser.add_argument(
        "--steps", type=int, help="a short rebuild: so many updates per stage, nothing is measured or written"
    )
    parser.add_argument("--trace", type=Path, help="write the losses of every stage to this file")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    begun = time.time()
    short = arguments.steps is not None
    steps = dict.fromkeys(STEPS, arguments.steps) if short else STEPS
    omni, processor, losses = make(arguments.build, steps, 0.005 if short else 1.0)
    if arguments.trace:
        arguments.trace.write_text(json.dumps(losses, indent=1), encoding="utf-8")
    if short:
        return
    minutes = round((time.time() - begun) / 60, 1)
    checkpoint.write(omni, processor, arguments.out)
    guard.write(arguments.out.parent / "general")
    report: dict = {
        "steps": steps,
        "seeds": SEEDS,
        "minutes": minutes,
        "held_out": measure.measure(omni, processor),
    }
    report["general"] = guard.measure(arguments.out.parent / "general", omni, processor)
    if STEEL.is_dir():
        report["x_sdd_probe"] = round(probe.probe(omni.model.visual, STEEL), 4)
    (arguments.out / "evaluation.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    logging.info("written to %s after %s minutes", arguments.out, minutes)


if __name__ == "__main__":
    main()
