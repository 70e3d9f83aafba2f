"""Does MODA help on our data, and what does it cost? The 2 x 2 of its parts and its rivals at equal updates, three seeds; and a step's price.

    python -m benchmarks.moda --cost                            # processor seconds of a LoRA step, 51 M shape and tiny_omni: benchmarks/moda_cost.csv
    python -m benchmarks.moda --seeds 0 1 2 [--arms ...]        # about four minutes per arm and seed on one core; an interrupted run goes on: benchmarks/moda.csv

One model per arm and seed is tuned from tiny_omni on the rows of all three levels (poc.levels) of the sample company's training split, UPDATES updates of BATCH rows, the same rows in
the same order in every arm. Held-out rows (other lots, devices, callers): ROWS per level, asked by option scoring, the same for all. Intervals resample groups, paired where arms are compared
("against plain"). The attention deficit is measured on LOOKED_AT held-out rows of the level perception that have a note, before ("before": the model that all arms start from) and after.

What each model answered is kept in benchmarks/moda/ARM-SEED.json; the table says how many seeds there are so far.

Cost: plain is SDPA; "official loop" is the arrangement of the released code (KwaiVGI/MODA) re-implemented: one sample after the other by boolean index, visual keys only, in training (it skips
the aligner when decoding); it is no exact rival, because it leaks the future (methods: docs/decisions.md).
"""

import argparse
import json
import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from benchmarks import shape_51m
from benchmarks.interference import OPTIONS, sample_on, timed
from benchmarks.machine import processor_features, versions, write_table
from kit.attention import Biased, Moda, Unmasked, attention_balance, switch_on
from kit.attention.layer import AttentionLayer
from kit.data.collator import Collator
from kit.diagnosis.interference import mean_interval
from kit.evaluation import predict
from kit.models import Loaded, add_lora, load
from kit.models.forward import answer_logits
from kit.show import progress
from kit.training import Settings, finetune
from poc.arms import guard_samples
from poc.levels import LEVELS, level_rows
from poc.pipeline import COMPANY, GUARD

ROOT = Path(__file__).parents[1]
WORK, KEPT = ROOT / "build" / "benchmarks" / "moda", ROOT / "benchmarks" / "moda"
UPDATES, BATCH, ROWS, GUARD_ROWS, LOOKED_AT = 160, 16, 120, 80, 40
ARMS = {
    "plain": None,
    "mask": Moda(align=False),
    "align": Moda(mask=None),
    "mask and align": Moda(),
    "mask and align, fixed": Moda(mask="fixed"),
    "mma": Unmasked(),
    "rave": Biased(),
}
TRAINED = {"perception": 600, "cognition": 700, "emotion": 160}  # rows; a level with few questions is not drowned


def settings_of(seed: int) -> Settings:
    return Settings(lora=("llm",), rank=16, steps=UPDATES, batch=BATCH, learning_rate=2e-3, seed=seed, evaluate_every=UPDATES)


def trained(arm: str, seed: int) -> tuple[Loaded, float]:
    """The model of an arm, and the processor seconds of its update."""
    loaded = load("tiny_omni", device="cpu")
    if ARMS[arm] is not None:
        switch_on(loaded.model, ARMS[arm])
    train = [row for level in LEVELS for row in level_rows(COMPANY, level, "train", TRAINED[level], seed)]
    validation = [row for level in LEVELS for row in level_rows(COMPANY, level, "validation", 10, seed)]
    began = time.process_time()
    tuned = finetune(loaded, train, validation, settings_of(seed), WORK / f"{folder(arm)}-{seed}")
    return tuned.loaded, (time.process_time() - began) / UPDATES


def measured(arm: str, seed: int) -> dict:
    """What was measured before, or is now."""
    file = KEPT / f"{folder(arm)}-{seed}.json"
    if not file.is_file():
        loaded, seconds = trained(arm, seed)
        told = {level: answers(loaded, level_rows(COMPANY, level, "test", ROWS)) for level in LEVELS}
        guard = guard_samples(GUARD, loaded)
        told["guard"] = answers(loaded, guard[:: max(1, len(guard) // GUARD_ROWS)])
        told["attention"] = attention_of(loaded)
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(told | {"seconds": round(seconds, 3)}) + "\n", encoding="utf-8")
    return json.loads(file.read_text(encoding="utf-8"))


def attention_of(loaded: Loaded) -> dict[str, list[float]]:
    """Per layer, mean over rows of the level perception that have a note: attention per text token over that per media token (geometric mean), and the deficit; first token and template left out."""
    rows = [row for row in level_rows(COMPANY, "perception", "test") if row.text][:LOOKED_AT]
    table = attention_balance(loaded, rows).table()
    layers = table[table["bare"]].groupby("layer")
    return {"mdi": np.exp(layers["mdi"].apply(lambda each: np.log(each.astype(float)).mean())).round(3).tolist(), "deficit": layers["deficit"].mean().round(3).tolist()}


def answers(loaded: Loaded, rows: list) -> dict:
    """Right or wrong of each row, with its group."""
    frame = predict(loaded, rows)
    return {"hit": (frame["predicted"] == frame["answer"]).astype(int).tolist(), "group": [row.group for row in rows], "right": frame_right(frame)}


def frame_right(frame: pd.DataFrame) -> list[float]:
    """Probability of the right answer."""
    return [round(float(probabilities[answer]), 4) for probabilities, answer in zip(frame["probabilities"], frame["answer"], strict=True)]


def kept(arm: str) -> dict[int, dict]:
    """Seed -> what that model answered."""
    files = {int(file.stem.rsplit("-", 1)[1]): file for file in KEPT.glob(f"{folder(arm)}-[0-9]*.json")}
    return {seed: json.loads(files[seed].read_text(encoding="utf-8")) for seed in sorted(files)}


def folder(arm: str) -> str:
    return arm.replace(" ", "-").replace(",", "")


def mean_hits(found: list[dict], level: str) -> np.ndarray:
    """(rows,) share of the seeds in which a row was right."""
    return np.mean([one[level]["hit"] for one in found], axis=0)


def row_of(arm: str, by_seed: dict[int, dict], plain: dict[int, dict]) -> dict:
    """One line of the table, in per cent; `plain`: the control's answers, compared where both have a seed."""
    found, both = [*by_seed.values()], [seed for seed in by_seed if seed in plain]
    row = {"date": date.today().isoformat(), "arm": arm, "seeds": len(found), "updates": UPDATES}
    for level in (*LEVELS, "guard"):
        groups = found[0][level]["group"]
        value, low, high = mean_interval(mean_hits(found, level), groups)
        row |= {level: _rounded(value), f"{level} low": _rounded(low), f"{level} high": _rounded(high), f"{level} rows": len(groups)}
        if arm != "plain" and both:
            gain = mean_hits([by_seed[seed] for seed in both], level) - mean_hits([plain[seed] for seed in both], level)
            value, low, high = mean_interval(gain, groups)
            row |= {f"{level} against plain": _rounded(value), f"{level} against plain low": _rounded(low), f"{level} against plain high": _rounded(high)}
        row[f"{level} by seed"] = " ".join(f"{100 * np.mean(one[level]['hit']):.1f}" for one in found)
    if all("attention" in one for one in found):
        row |= {f"{measure} by layer": " ".join(f"{value:.2f}" for value in np.mean([one["attention"][measure] for one in found], axis=0)) for measure in ("mdi", "deficit")}
    row["processor seconds per update"] = round(float(np.mean([one["seconds"] for one in found])), 2)
    return row


def _rounded(value: float) -> float:
    return round(100 * float(value), 1)


def write_ablation() -> None:
    """benchmarks/moda.csv, of all that is kept."""
    found = {arm: kept(arm) for arm in ARMS}
    before = attention_of(load("tiny_omni", device="cpu"))
    rows = [{"date": date.today().isoformat(), "arm": "before"} | {f"{measure} by layer": " ".join(f"{value:.2f}" for value in layers) for measure, layers in before.items()}]
    rows += [row_of(arm, found[arm], found["plain"]) for arm in ARMS if found[arm]]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    write_table(ROOT / "benchmarks" / "moda.csv", tuple(columns), rows)


# ------------------------------------------------------------------------------------------------- the price of a step


class OfficialLoop(AttentionLayer):
    """The released arrangement: for each sample its visual keys, moved by the Gram of text keys and values, one sample after the other."""

    def __init__(self, groups: int, width: int):
        super().__init__()
        self.ratio, self.mix = nn.Parameter(torch.zeros(())), nn.Parameter(torch.eye(width))

    def forward(self, query, key, value, mask, types, scale):
        media = types.of_keys(types.codes, key.shape[2]) > 0
        moved = key.clone()
        for row in range(len(key)):
            if media[row].sum() > 0:
                seen, text = key[row][:, media[row]], key[row][:, ~media[row]]
                gram = nn.functional.normalize(text.transpose(-1, -2) @ value[row][:, ~media[row]], dim=-1)
                moved[row][:, media[row]] = (seen + self.ratio * nn.functional.normalize(seen, dim=-1) @ gram) @ self.mix
        many = query.shape[1] // key.shape[1]
        out = nn.functional.scaled_dot_product_attention(query, moved.repeat_interleave(many, 1), value.repeat_interleave(many, 1), mask, is_causal=mask is None, scale=scale)
        return out.transpose(1, 2)


class Official:
    """As Moda, for switch_on."""

    name = "moda"

    def layer(self, heads: int, groups: int, width: int) -> OfficialLoop:
        return OfficialLoop(groups, width)


COSTS = {"plain (SDPA)": None, "mask": Moda(align=False), "align": Moda(mask=None), "mask and align": Moda(), "mma": Unmasked(), "rave": Biased(), "official loop": Official()}
COST_COLUMNS = ("date", "model", "rows", "tokens", "arm", "seconds_min", "seconds_median", "over_plain_min", "over_plain_median", "torch", "transformers", "cpu", "threads")
NOTE = "the previous inspector wrote: scratch on the left side, please look at it again and say what you think of it"


def costs(model: str, side: int, rows: int, rounds: int) -> list[dict]:
    """Processor seconds of a LoRA step with the tower: forward and backward of `rows` samples."""
    steps = {}
    for arm, settings in COSTS.items():
        loaded = load(str(shape_51m.checkpoint()) if model == "shape_51m" else model, device="cpu")
        if settings is not None:
            switch_on(loaded.model, settings)
        batch = Collator(loaded.processor)([sample_on(side, number).replace(answer=OPTIONS[0], text=NOTE) for number in range(rows)])
        steps[arm] = _step(add_lora(loaded.model, ["llm"], 8).train(), batch)
    seconds = timed(steps, 1, f"{model}: warm-up") and timed(steps, rounds, model)
    base = seconds["plain (SDPA)"]
    return [
        {
            "date": date.today().isoformat(), "model": model, "rows": rows, "tokens": batch["input_ids"].shape[1], "arm": arm,
            "seconds_min": round(min(mine), 4), "seconds_median": round(float(np.median(mine)), 4), "over_plain_min": f"{100 * (min(mine) / min(base) - 1):+.0f} %",
            "over_plain_median": f"{100 * (np.median(mine) / np.median(base) - 1):+.0f} %", **versions("torch", "transformers"), "cpu": processor_features(), "threads": torch.get_num_threads(),
        }
        for arm, mine in seconds.items()
    ]  # fmt: skip


def _step(model, batch: dict):
    def step():
        model.zero_grad()
        logits, targets = answer_logits(model, dict(batch))
        cross_entropy(logits, targets).backward()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cost", action="store_true", help="only the price of a step")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.cost:
        rows = [*costs("shape_51m", shape_51m.SIDE, 2, asked.rounds), *costs("tiny_omni", 168, 8, asked.rounds)]
        return write_table(ROOT / "benchmarks" / "moda_cost.csv", COST_COLUMNS, rows)
    for seed in asked.seeds:
        for arm in progress(asked.arms, desc=f"seed {seed}"):
            measured(arm, seed)
    write_ablation()


if __name__ == "__main__":
    main()
