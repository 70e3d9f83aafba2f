"""LoRA fine-tuning against trl.SFTTrainer: real tokens per second of processor time and peak memory, same model, data, order, batch and adapters.

    make benchmarks                          # installs TRL beside the kit
    python -m benchmarks.finetune            # 51 M shape and tiny_omni, about an hour on one core without AVX-512; writes benchmarks/finetune.csv
    python -m benchmarks.finetune --quick    # a minute, writes nothing

Arms, interleaved update by update in one process and on one thread, after each has seen every sample once:
    trl              its defaults: bfloat16 autocast, gradient checkpointing. Timed only. That both are on is seen in a layer and asserted.
    trl tuned        float32, no checkpointing: the same arithmetic as ours; its loss of each sample equals ours to 1e-5. It still scores every position, and measures entropy and accuracy of each.
    ours             parts of like length, encoders remembered, scores of answer positions only.
    ours, first      ours where no picture has been seen before: the first pass over the data, or every picture turned another way.
    plain, + ...     the same loop with none of the three, and with one of them alone.
A real token is one that is no padding. An update is collating (picture decoding included), forward, backward, clipping and AdamW.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks import shape_51m
from benchmarks.machine import processor_features, versions, write_table
from kit.data import Sample
from kit.data.collator import Collator
from kit.data.messages import prompt_messages
from kit.models import add_lora, load
from kit.models.encoders import remembered
from kit.models.forward import base_of, positions, to_device
from kit.models.lora import lora_targets
from kit.show import progress
from kit.training import Settings
from kit.training.batches import Parts
from kit.training.trainer import AnswerTrainer
from poc.record import peak_memory_mb

ROOT = Path(__file__).resolve().parents[1]
WORK, TABLE = ROOT / "build" / "benchmarks" / "finetune", ROOT / "benchmarks" / "finetune.csv"
BATCH, RANK, SAMPLES = 8, 16, 16
ARMS = ("trl", "trl tuned", "ours", "ours, first", "plain", "plain + remembered", "plain + parts", "plain + answers only")
LONG_ARMS = ("trl", "trl tuned", "ours", "plain", "plain + parts")  # what long notes change is padding
COLUMNS = (
    *("date", "model", "samples", "arm", "precision", "checkpointing", "batch", "n_p", "n_s", "pad_factor", "real_tokens", "updates"),
    *("seconds_min", "seconds_median", "tokens_per_second", "ratio_to_trl", "ratio_to_trl_tuned", "ratio_to_plain", "bound_to_plain", "peak_mb", "largest_loss_gap"),
    *("torch", "transformers", "peft", "trl", "cpu", "threads"),
)  # fmt: skip


def draw(folder: Path, side: int, longest: int, count: int = SAMPLES) -> list[Sample]:
    """`count` noisy pictures of `side` pixels with notes of log-normal length, `longest` words at most."""
    folder.mkdir(parents=True, exist_ok=True)
    rng, options = np.random.default_rng(0), ("scratch on the left", "deep dent", "no defect")
    words = "the part lies on the belt under a lamp and was seen before by another person who wrote this down in a hurry".split()
    samples = []
    for number in range(count):
        path = folder / f"{side}-{number}.jpg"
        if not path.is_file():
            Image.fromarray(rng.integers(0, 255, (side, side, 3), dtype=np.uint8)).save(path)
        note = " ".join(words[i % len(words)] for i in range(int(np.clip(rng.lognormal(np.log(longest / 4), 0.8), 1, longest))))
        samples.append(Sample(f"{side}-{longest}-{number}", "Which defect?", options, options[number % 3], image=(path,), text=note))
    return samples


@dataclass
class Arm:
    """One way to make an update, with its own model, optimizer and clock."""

    trainer: object
    collate: object  # samples -> what `trainer.training_step` takes
    settle: object = contextlib.nullcontext()  # entered as long as the arm lives
    seconds: list[float] = field(default_factory=list)
    tokens: int = 0
    padded: int = 0

    def __post_init__(self):
        self.settle.__enter__()
        self.weights = [weight for weight in self.trainer.model.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.AdamW(self.weights, lr=1e-4)

    def update(self, samples: list[Sample]) -> float:
        """Makes one update; returns its loss."""
        began = time.process_time()
        inputs = self.collate(samples)
        counted = (inputs["labels"] != -100).sum()
        loss = self.trainer.training_step(self.trainer.model, inputs, counted)
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.seconds.append(time.process_time() - began)
        parts = inputs.get("parts", [inputs])
        self.tokens = sum(int(part["attention_mask"].sum()) for part in parts)
        self.padded = sum(part["attention_mask"].numel() for part in parts)
        return float(loss)


class FullLogits(AnswerTrainer):
    """Ours with the scores of every position computed, as a model's own forward does."""

    def _backward(self, model, part, tokens):
        batch = to_device(part, model)
        labels = batch.pop("labels")
        logits = model(**batch, position_ids=positions(model, batch), use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten(), reduction="sum") / tokens
        self.accelerator.backward(loss)
        return loss.detach()


class Whole(Parts):
    """All samples of an update in one padded batch."""

    def alike(self, samples):
        return [samples]


def ours(source: str, train: list[Sample], parts: bool, remember: bool, answers_only: bool) -> Arm:
    """The kit's own training step, with or without its three savings."""
    loaded = load(source, device="cpu")
    loaded.model = add_lora(loaded.model, ["llm"], RANK, seed=0)
    settings = Settings(steps=1, batch=BATCH, rank=RANK)
    trainer = (AnswerTrainer if answers_only else FullLogits)(loaded, train, train, settings, WORK / "trainer")
    if not parts:
        trainer.parts = Whole(Collator(loaded.processor), BATCH)
    return Arm(trainer, trainer.parts, remembered(loaded.model) if remember else contextlib.nullcontext())


def theirs(source: str, train: list[Sample], tuned: bool) -> Arm:
    """trl.SFTTrainer on the same prompts and completions; `tuned`: float32 and no checkpointing instead of its defaults."""
    from datasets import Dataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    loaded = load(source, device="cpu")
    ends = Collator(loaded.processor)
    tail = loaded.processor.tokenizer.decode([ends.ends.end])
    rows = {
        sample.id: {
            "prompt": loaded.processor.apply_chat_template(prompt_messages(sample), tokenize=False, add_generation_prompt=True),
            "completion": ends.ends.before + sample.answer + tail,
            "path": str(sample.image[0]),
        }
        for sample in train
    }
    changed = {"bf16": False, "gradient_checkpointing": False} if tuned else {}
    arguments = SFTConfig(output_dir=str(WORK / "trl"), per_device_train_batch_size=BATCH, max_length=None, use_cpu=True, report_to=[], disable_tqdm=True, **changed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        adapters = LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules=lora_targets(loaded.model, ["llm"]))
        columns = Dataset.from_list([{"prompt": row["prompt"], "completion": row["completion"], "images": [row["path"]]} for row in rows.values()])
        trainer = SFTTrainer(loaded.model, args=arguments, train_dataset=columns, processing_class=loaded.processor, peft_config=adapters)
    trainer.current_gradient_accumulation_steps = 1  # `train` would set it, and these two: without them its defaults are not what is timed
    if arguments.gradient_checkpointing:
        trainer.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=arguments.gradient_checkpointing_kwargs)
    trainer.model = trainer.accelerator.prepare_model(trainer.model)

    def collate(samples: list[Sample]) -> dict:
        given = [{**rows[s.id], "images": [Image.open(rows[s.id]["path"]).convert("RGB")]} for s in samples]
        return dict(trainer.data_collator([{k: v for k, v in row.items() if k != "path"} for row in given]))

    return Arm(trainer, collate)


def arm_of(name: str, source: str, train: list[Sample]) -> Arm:
    """The arm of a name in ARMS."""
    if name.startswith("trl"):
        return theirs(source, train, tuned="tuned" in name)
    whole = name.startswith("ours")
    return ours(source, train, whole or "parts" in name, whole or "remembered" in name, whole or "answers" in name)


def seen(arm: Arm, samples: list[Sample]) -> tuple[str, str]:
    """(precision, checkpointing) as a layer of the language model meets them in one update: whether autocast is on around it, and whether it is run again on the way back."""
    base, met = arm.trainer.model.get_base_model() if hasattr(arm.trainer.model, "get_base_model") else arm.trainer.model, []
    layer = base_of(base).get_decoder().layers[0].self_attn
    hook = layer.register_forward_pre_hook(lambda *_: met.append(torch.is_autocast_enabled("cpu")))
    losses(arm, samples)
    hook.remove()
    return ("bfloat16 autocast" if all(met) else "float32"), ("on" if len(met) > len(samples) else "off")


def losses(arm: Arm, samples: list[Sample]) -> list[float]:
    """The loss of each sample alone, before any update."""
    found = []
    for sample in samples:
        inputs = arm.collate([sample])
        found.append(float(arm.trainer.training_step(arm.trainer.model, inputs, (inputs["labels"] != -100).sum())))
        arm.trainer.model.zero_grad()
    return found


def measure(model: str, source: str, train: list[Sample], names: tuple[str, ...], name: str, updates: int, memory: bool) -> list[dict]:
    """One row per arm: first that all float32 arms have the same loss of each sample, then the interleaved updates."""
    arms = {arm: arm_of(arm, source, train) for arm in names}
    expected = losses(arms["plain"], train[:6])
    gaps = {arm: max(abs(a - b) for a, b in zip(losses(made, train[:6]), expected, strict=True)) for arm, made in arms.items()}
    too_far = {arm: gap for arm, gap in gaps.items() if arm != "trl" and gap > 1e-5 * max(1, max(expected))}
    assert not too_far, f"not the same loss: {too_far}"
    met = {arm: seen(made, train[:1]) for arm, made in arms.items()}
    assert met["trl"] == ("bfloat16 autocast", "on") and all(how == ("float32", "off") for arm, how in met.items() if arm != "trl"), met
    batches = [train[start : start + BATCH] for start in range(0, len(train), BATCH)]
    for made in arms.values():  # everything warm: kernels, allocator, and what ours remembers
        for batch in batches:
            made.update(batch)
        made.seconds.clear()
    totals = dict.fromkeys(arms, 0)
    for number in progress(range(updates), desc=f"{model}, {name}"):
        for arm, made in arms.items():
            if arm == "ours, first":  # forget
                made.settle.__exit__(None, None, None)
                made.settle = remembered(made.trainer.model)
                made.settle.__enter__()
            made.update(batches[number % len(batches)])
            totals[arm] += made.tokens
    return [_row(model, name, arm, arms, totals, gaps, met, train, memory) for arm in arms]


def _row(model, name, arm, arms, totals, gaps, met, train, memory) -> dict:
    made, speed = arms[arm], {other: totals[other] / sum(each.seconds) for other, each in arms.items()}
    precision, checkpointing = met[arm]
    media, words = token_counts(arms["ours"], train)
    return {
        "date": date.today().isoformat(), "model": model, "samples": name, "arm": arm, "precision": precision, "checkpointing": checkpointing, "batch": BATCH,
        "n_p": media, "n_s": f"{min(words)} to {max(words)}", "pad_factor": round(made.padded / made.tokens, 2), "real_tokens": totals[arm], "updates": len(made.seconds),
        "seconds_min": round(min(made.seconds), 3), "seconds_median": round(float(np.median(made.seconds)), 3), "tokens_per_second": round(speed[arm], 1),
        "ratio_to_trl": round(speed[arm] / speed["trl"], 2), "ratio_to_trl_tuned": round(speed[arm] / speed["trl tuned"], 2),
        "ratio_to_plain": round(speed[arm] / speed["plain"], 2), "bound_to_plain": bound(arm, arms, train),
        "peak_mb": peak_of(model, name, arm) if memory else "", "largest_loss_gap": f"{gaps[arm]:.1e}", **versions("torch", "transformers", "peft", "trl"),
        "cpu": processor_features(), "threads": torch.get_num_threads(),
    }  # fmt: skip


def token_counts(arm: Arm, train: list[Sample]) -> tuple[int, list[int]]:
    """(tokens up to the end of the picture, tokens after it of each sample)."""
    collate, after = arm.trainer.parts.collator, []
    image = base_of(arm.trainer.model).config.image_token_id
    for sample in train:
        ids = collate([sample])["input_ids"][0]
        last = int((ids == image).nonzero().max()) + 1
        after.append(len(ids) - last)
    return last, after


def bound(arm: str, arms: dict[str, Arm], train: list[Sample]) -> float | str:
    """What a saving gives over the plain step by multiplications alone (attention and the collating left out): tower 2 per weight and patch, language model and
    head 4 per weight and token (forward, and backward to the input)."""
    parameters = {"vision": 0, "llm": 0, "head": 0}
    for path, weight in base_of(arms["plain"].trainer.model).named_parameters():
        part = "vision" if "visual" in path else "head" if "embed_tokens" in path else "llm" if "lora_" not in path and weight.dim() == 2 else None
        parameters[part] = parameters.get(part, 0) + weight.numel()
    media, words = token_counts(arms["ours"], train)
    real, answers = media + float(np.mean(words)), 6
    longest = media + float(np.mean([max(words[i : i + BATCH]) for i in range(0, len(words), BATCH)]))
    patches = int(arms["ours"].trainer.parts.collator(train[:1])["image_grid_thw"].prod())
    tower = 2 * parameters["vision"] * patches  # the merger, which sees a fourth of them, is counted as if it saw all
    cost = lambda tokens, scored, eyes: eyes * tower + 4 * parameters["llm"] * tokens + 4 * parameters["head"] * scored  # noqa: E731
    plain = cost(longest, longest, 1)
    best = {
        "ours": cost(real, answers, 0), "ours, first": cost(real, answers, 1), "plain + remembered": cost(longest, longest, 0),
        "plain + parts": cost(real, real, 1), "plain + answers only": cost(longest, answers, 1),
    }  # fmt: skip
    return round(plain / best[arm], 2) if arm in best else ""


def peak_of(model: str, name: str, arm: str) -> int:
    """Peak resident memory of a process that sees every sample once in one arm, in MB."""
    done = subprocess.run([sys.executable, "-m", "benchmarks.finetune", "--peak", model, name, arm], capture_output=True, text=True, cwd=ROOT, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])["peak_mb"]


def cases(quick: bool) -> dict[tuple[str, str], tuple[str, list[Sample], tuple[str, ...]]]:
    """(model, samples) -> (checkpoint, its data, the arms)."""
    tiny = {("tiny_omni", "notes to 60 words"): ("tiny_omni", draw(WORK / "pictures", 168, 60), ARMS)}
    if quick:
        return tiny
    large = str(shape_51m.checkpoint())
    return tiny | {
        ("shape_51m", "notes to 34 words"): (large, draw(WORK / "pictures", shape_51m.SIDE, 34), ARMS),
        ("shape_51m", "notes to 400 words"): (large, draw(WORK / "pictures", shape_51m.SIDE, 400), LONG_ARMS),
    }


def main() -> None:
    """Measures all cases and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the tiny model only, two updates, nothing written")
    parser.add_argument("--updates", type=int, default=4)
    parser.add_argument("--peak", nargs=3, metavar=("MODEL", "SAMPLES", "ARM"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.peak:
        model, name, arm = asked.peak
        source, train, _ = cases(quick=model == "tiny_omni")[model, name]
        made = arm_of(arm, source, train)
        for start in range(0, SAMPLES, BATCH):
            made.update(train[start : start + BATCH])
        print(json.dumps({"peak_mb": peak_memory_mb()}))
        return
    rows = []  # the small model first: what is wrong shows within a minute
    for (model, name), (source, train, names) in cases(asked.quick).items():
        rows += measure(model, source, train, names, name, 2 if asked.quick else asked.updates, memory=not asked.quick)
        if not asked.quick:
            write_table(TABLE, COLUMNS, rows)  # after each case: the large ones take their time
    for row in rows:
        print({key: row[key] for key in ("model", "samples", "arm", "pad_factor", "seconds_min", "tokens_per_second", "ratio_to_trl", "ratio_to_trl_tuned", "ratio_to_plain", "bound_to_plain", "peak_mb")})


if __name__ == "__main__":
    main()
