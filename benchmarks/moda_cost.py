"""What a training step costs with MODA and its rivals.

    python -m benchmarks.moda_cost            # processor seconds of a LoRA step, 51 M shape and tiny_omni: benchmarks/moda_cost.csv

Plain is SDPA; "official loop" is the arrangement of the released code (KwaiVGI/MODA) re-implemented: one sample after the other by boolean index, visual keys only, in training (it skips
the aligner when decoding); it is no exact rival, because it leaks the future (methods: docs/decisions.md).
"""

import argparse
from datetime import date
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from benchmarks import shape_51m
from benchmarks.interference import OPTIONS, sample_on, timed
from benchmarks.machine import processor_features, versions, write_table
from kit.attention import Biased, Moda, Unmasked, switch_on
from kit.attention.layer import AttentionLayer
from kit.data.collator import Collator
from kit.models import add_lora, load
from kit.models.forward import answer_logits

ROOT = Path(__file__).parents[1]


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
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    write_table(ROOT / "benchmarks" / "moda_cost.csv", COST_COLUMNS, [*costs("shape_51m", shape_51m.SIDE, 2, asked.rounds), *costs("tiny_omni", 168, 8, asked.rounds)])


if __name__ == "__main__":
    main()
