"""What the audio encoder hears of speakers, combinations and noises that its training never had."""

import math
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from sample_data.recipe.audio_heads import FACTS, Heads, draw_pool, hear, phoneme_table


@torch.no_grad()
def measure(
    encoder: nn.Module, heads: Heads, feature_extractor, folder: Path, seed: int, size: int = 6000
) -> dict:
    """Accuracy of every head, and phoneme error rate, on held-out recordings, with 95 % Wilson intervals."""
    _, said = phoneme_table()
    held = draw_pool(folder, feature_extractor, "held_out", size, seed)
    right: dict[str, list[bool]] = {name: [] for name in FACTS}
    wrong_phonemes = phonemes = 0
    for start in tqdm(range(0, len(held["features"]), 64), desc="measuring the ears", mininterval=5):
        rows = range(start, min(start + 64, len(held["features"])))
        logits, places, lens = heads(hear(encoder, [held["features"][row].float() for row in rows]))
        facts = held["facts"][start : start + len(rows)]
        for column, name in enumerate(FACTS):
            known = facts[:, column] >= 0
            right[name] += (logits[name][known].argmax(-1) == facts[known, column]).tolist()
        best = places.argmax(-1).T
        for i, row in enumerate(rows):
            target = sum((said[text] for text in held["said"][row]), [])
            if target:
                wrong_phonemes += _distance(_collapse(best[i, : lens[i]].tolist()), target)
                phonemes += len(target)
    words = right["word_en"] + right["word_ja"]
    table = {"word": words} | right
    figures = {name: _interval(hits) for name, hits in table.items() if hits}
    return {
        "held_out": figures,
        "phoneme_error_rate": round(wrong_phonemes / max(phonemes, 1), 4),
        "phonemes": phonemes,
    }


def _interval(hits: list[bool]) -> dict[str, float]:
    """Share of hits with its Wilson interval."""
    n, share, z = len(hits), sum(hits) / len(hits), 1.96
    centre, half = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = ((centre + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    return {"value": round(share, 4), "low": round(low, 4), "high": round(high, 4), "n": n}


def _collapse(places: list[int]) -> list[int]:
    return [sign for i, sign in enumerate(places) if sign and (i == 0 or places[i - 1] != sign)]


def _distance(a: list[int], b: list[int]) -> int:
    """Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        last, row[0] = row[0], i + 1
        for j, y in enumerate(b):
            last, row[j + 1] = row[j + 1], min(row[j + 1] + 1, row[j] + 1, last + (x != y))
    return row[-1]
