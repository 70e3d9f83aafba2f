"""Stage 1 for the ears: the audio encoder learns to hear, with linear heads that are thrown away afterwards.

The heads read what the language model will read, the encoder's output: pooled (mean and maximum) for words, sounds, counts and
prosody; token by token for the phonemes in their order (CTC), which also carries to words that no question asks about.
Run alone: `python -m sample_data.recipe.audio_warmup`.
"""

import json
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from sample_data.recipe.audio_heads import FACTS, Heads, draw_pool, hear, log_mel, loss_of, phoneme_table
from sample_data.recipe.audio_measure import measure
from sample_data.recipe.loop import Plan, train
from sample_data.world import spoken

__all__ = ["POOL", "load_encoder", "log_mel", "warm_up"]
POOL = 16000  # recordings made once; every update cuts, masks and shifts them anew


def _vary(feature: torch.Tensor, level_known: bool, rng: np.random.Generator) -> torch.Tensor:
    """A recording cut, masked and shifted in level a little; (frames, bands)."""
    feature = feature.float()
    feature = feature[
        int(rng.integers(0, 4)) :
    ].clone()  # 0 to 3 frames: moves the grid of tokens over the sounds
    if not level_known:
        feature += rng.normal() * 0.1  # 0.1 is 4 dB here
    floor = feature.min()
    if rng.random() < 0.5:
        band, width = int(rng.integers(0, feature.shape[1])), int(rng.integers(1, 9))
        feature[:, band : band + width] = floor
    if rng.random() < 0.3:
        start, width = int(rng.integers(0, len(feature))), int(rng.integers(1, 5))
        feature[start : start + width] = floor
    return feature


def warm_up(
    encoder: nn.Module,
    feature_extractor,
    folder: Path = spoken.BUILD,
    steps: int = 3200,
    batch: int = 48,
    seed: int = 1,
    pool: int = POOL,
) -> list[float]:
    """Trains the audio encoder in place, from new weights, and writes audio_encoder.safetensors and audio_warmup.json into `folder`.

    A finished encoder found in `folder` is loaded instead; an interrupted run goes on where it was.

    Args:
        encoder: `model.model.audio_tower` of the thinker, a Qwen2_5OmniAudioEncoder.
        feature_extractor: the processor's.
        folder: keeps recordings, the state of an interrupted run, and the result.
        steps: number of updates.
        batch: recordings per update.
        seed: of recordings and batches.
        pool: number of recordings to make (few for the short rebuild of the tests).

    Returns:
        The losses of all updates.
    """
    begun = time.time()
    folder.mkdir(parents=True, exist_ok=True)
    if pool >= 1000:  # a handful of recordings is rendered faster on the spot
        spoken.build_bank()
    signs, said = phoneme_table()
    recordings = draw_pool(folder, feature_extractor, "train", pool, seed)
    # a fresh start of its own: this stage can be run alone and gives the same encoder
    torch.manual_seed(seed)
    encoder.load_state_dict(type(encoder)(encoder.config).state_dict())
    torch.manual_seed(seed)
    heads = Heads(encoder.config.output_dim, len(signs))
    modules = nn.ModuleDict({"encoder": encoder, "heads": heads})
    level = list(FACTS).index("level")

    def loss_at(step: int) -> torch.Tensor:
        rng = np.random.default_rng([seed, 77, step])
        rows = rng.integers(0, len(recordings["features"]), batch).tolist()
        facts = recordings["facts"][rows]
        features = [
            _vary(recordings["features"][row], bool(facts[i, level] >= 0), rng) for i, row in enumerate(rows)
        ]
        targets = [sum((said[text] for text in recordings["said"][row]), []) for row in rows]
        return loss_of(heads(hear(encoder, features)), facts, targets)

    plan = Plan("audio", steps, 2e-3, keep_every=250, muon=0)
    losses = train(modules, loss_at, plan, folder)
    encoder.eval()
    report = {"steps": steps, "batch": batch, "seed": seed, "recordings": pool}
    known = folder / "audio_warmup.json"
    done = json.loads(known.read_text(encoding="utf-8")) if known.exists() else {}
    if any(done.get(key) != value for key, value in report.items()):
        weights = {name: weight.contiguous() for name, weight in encoder.state_dict().items()}
        save_file(weights, folder / "audio_encoder.safetensors")
        report |= {"seconds": round(time.time() - begun)}
        report |= measure(encoder, heads, feature_extractor, folder, seed, size=min(6000, pool))
        known.write_text(json.dumps(report, indent=1), encoding="utf-8")
    return losses


def load_encoder(encoder: nn.Module, folder: Path = spoken.BUILD) -> None:
    """Loads a finished warm-up into `encoder`."""
    encoder.load_state_dict(load_file(folder / "audio_encoder.safetensors"))


if __name__ == "__main__":
    from transformers import Qwen2_5OmniAudioEncoderConfig
    from transformers.models.qwen2_5_omni.modeling_qwen2_5_omni import Qwen2_5OmniAudioEncoder

    from sample_data.recipe.model import audio_config, feature_extractor

    torch.set_num_threads(1)
    torch.manual_seed(1)
    warm_up(Qwen2_5OmniAudioEncoder(Qwen2_5OmniAudioEncoderConfig(**audio_config())), feature_extractor())
