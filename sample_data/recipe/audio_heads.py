"""The audio encoder's throw-away heads, and what they learn from."""

import math
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from sample_data.world import sounds, spoken

FACTS = sounds.heads()
WORDS = ("word_en", "word_ja")


class Heads(nn.Module):
    """Linear heads on the encoder's output tokens of width `width`."""

    def __init__(self, width: int, phonemes: int) -> None:
        super().__init__()
        self.facts = nn.ModuleDict(
            {name: nn.Linear(2 * width, len(values)) for name, values in FACTS.items()}
        )
        self.phonemes = nn.Linear(
            width, 2 * (phonemes + 1)
        )  # a token is 80 ms, a phoneme often less: two places each

    def forward(
        self, tokens: list[torch.Tensor]
    ) -> tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor]:
        """Reads the tokens (A_i, C) of each recording.

        Returns:
            Logits (B, classes) per fact; log-probabilities of phonemes (2A, B, 1 + phonemes) and their lengths (B,).
        """
        pooled = torch.stack([torch.cat([t.mean(0), t.amax(0)]) for t in tokens])
        facts = {name: head(pooled).float() for name, head in self.facts.items()}
        padded = nn.utils.rnn.pad_sequence(tokens, batch_first=True)
        places = self.phonemes(padded).float().unflatten(-1, (2, -1)).flatten(1, 2)
        return facts, places.log_softmax(-1).transpose(0, 1), torch.tensor([2 * len(t) for t in tokens])


def loss_of(read: tuple, facts: torch.Tensor, targets: list[list[int]]) -> torch.Tensor:
    """Cross-entropy of the facts (words count twice) plus CTC of the phonemes, each over the recordings that have it."""
    logits, places, lens = read
    loss = places.sum() * 0
    for column, (name, scores) in enumerate(logits.items()):
        known = facts[:, column] >= 0
        if known.any():
            weight = 2.0 if name in WORDS else 1.0
            loss = loss + weight * known.float().mean() * nn.functional.cross_entropy(
                scores[known], facts[known, column]
            )
    spoken_rows = [i for i, target in enumerate(targets) if target]
    if spoken_rows:
        flat = torch.tensor(sum((targets[i] for i in spoken_rows), []))
        counts = torch.tensor([len(targets[i]) for i in spoken_rows])
        loss = loss + nn.functional.ctc_loss(
            places[:, spoken_rows], flat, lens[spoken_rows], counts, zero_infinity=True
        )
    return loss


def hear(encoder: nn.Module, features: list[torch.Tensor]) -> list[torch.Tensor]:
    """Encodes recordings as the encoder's own `forward` does, but side by side: that runs one attention call per recording,
    which costs half of a training step on a CPU. A test holds the two equal.

    Args:
        features: log-mel (frames_i, bands) each, no longer than one of the encoder's chunks (2 n_window frames).

    Returns:
        Tokens (A_i, C) each.
    """
    lens = torch.tensor([len(f) for f in features])
    if lens.max() > 2 * encoder.n_window:
        raise ValueError(
            f"a recording has {int(lens.max())} frames; at most {2 * encoder.n_window} fit one chunk"
        )
    inside = torch.arange(int(lens.max())) < lens[:, None]
    x = nn.utils.rnn.pad_sequence(features, batch_first=True).transpose(1, 2)
    x = nn.functional.gelu(encoder.conv1(x)) * inside.unsqueeze(1)
    x = nn.functional.gelu(encoder.conv2(x)).transpose(1, 2)
    x = x + encoder.positional_embedding.positional_embedding[: x.shape[1]]
    places, counts = encoder._get_feat_extract_output_lengths(lens)
    mask = (torch.arange(x.shape[1]) < places[:, None])[:, None, None]
    for layer in encoder.layers:
        x = x + _attend(layer.self_attn, layer.self_attn_layer_norm(x), mask)
        x = x + layer.fc2(layer.activation_fn(layer.fc1(layer.final_layer_norm(x))))
    x = (x[:, : x.shape[1] // 2 * 2 : 2] + x[:, 1::2]) / 2
    x = encoder.proj(encoder.ln_post(x))
    return [row[:count] for row, count in zip(x, counts.tolist(), strict=True)]


def _attend(layer: nn.Module, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Self-attention of (B, T, C) with the mask (B, 1, 1, T), True where a key may be seen."""
    q, k, v = (
        p(x).unflatten(-1, (layer.num_heads, -1)).transpose(1, 2)
        for p in (layer.q_proj, layer.k_proj, layer.v_proj)
    )
    scores = (q @ k.transpose(-1, -2)).float() * layer.scaling
    weights = scores.masked_fill(~mask, -1e9).softmax(-1).to(v.dtype)
    return layer.out_proj((weights @ v).transpose(1, 2).flatten(2))


def phoneme_table() -> tuple[list[str], dict[str, list[int]]]:
    """All phonemes of both languages, and the phonemes (1, 2, ...; 0 is CTC's blank) of every text."""
    said = {text: row for code in spoken.LANGUAGES for text, row in spoken.phonemes(code).items()}
    signs = sorted({sign for row in said.values() for sign in row})
    place = {sign: i + 1 for i, sign in enumerate(signs)}
    return signs, {text: [place[sign] for sign in row] for text, row in said.items()}


def draw_pool(folder: Path, feature_extractor, split: str, size: int, seed: int) -> dict:
    """Makes recordings once and keeps them under `folder`.

    Returns:
        "features" list of (frames, bands) float16, "facts" (n, F) int64 with -1 where a fact does not apply,
        "said" list of tuples of texts, "kinds" list of exercises.
    """
    path = folder / f"recordings_{split}_{size}.pt"
    if not path.exists():
        rng = np.random.default_rng([seed, spoken.SPLITS.index(split)])
        pool: dict = {"features": [], "facts": [], "said": [], "kinds": []}
        for _ in tqdm(range(math.ceil(size / 32)), desc=f"recordings {split}", mininterval=5):
            made = [sounds.listen(rng, split) for _ in range(32)]
            pool["features"] += log_mel(feature_extractor, [one.wave for one in made])
            pool["facts"] += [[_index(one.facts, name) for name in FACTS] for one in made]
            pool["said"] += [one.said for one in made]
            pool["kinds"] += [one.kind for one in made]
        lens = [len(f) for f in pool["features"]]
        pool |= {
            "features": torch.cat(pool["features"]).half(),
            "lens": lens,
            "facts": torch.tensor(pool["facts"]),
        }
        torch.save(pool, path)
    pool = torch.load(path, weights_only=True)
    return pool | {"features": list(pool["features"].split(pool["lens"]))}


def log_mel(feature_extractor, waves: list[np.ndarray]) -> list[torch.Tensor]:
    """What the processor's feature extractor makes of each wave: (frames, bands)."""
    # whole hops, or the extractor drops the last frame that it keeps when it pads to its full length
    hop = feature_extractor.hop_length
    how = {
        "padding": "longest",
        "pad_to_multiple_of": hop,
        "return_attention_mask": True,
        "return_tensors": "pt",
    }
    made = feature_extractor(waves, sampling_rate=16000, **how)
    return [
        f[:, : int(m.sum())].T.contiguous()
        for f, m in zip(made["input_features"], made["attention_mask"], strict=True)
    ]


def _index(facts: dict[str, str], name: str) -> int:
    return FACTS[name].index(facts[name]) if name in facts else -1
