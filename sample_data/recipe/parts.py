"""Real small parts made of the shipped tiny_omni: its eyes and language model as a Qwen2.5-VL checkpoint, its ears as a Whisper checkpoint. `write_parts(folder)`.

Both are transformers checkpoints of their own, as a hub would have them. Composed again (`compose_parts`), the model sees as tiny_omni does and hears nothing before its connector is
trained: what tiny_omni's ears hand over (mean of two frames, layer norm, projection) stays behind.

What changes on the way: Qwen2.5-VL lets the text behind a video begin at its height in tokens, Qwen2.5-Omni behind its last moment, so a video's answers are those of other positions.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
import transformers as hf

from kit.models import Loaded, load
from kit.models.compose import compose
from sample_data.recipe import model as shape

WINDOW = 2 * shape.audio_config()["n_window"]  # mel frames that tiny_omni's ears look at together: 4 s
PER_SECOND = 25  # positions per second of a video: Qwen2.5-Omni's


@dataclass(frozen=True)
class Parts:
    """Directories of two checkpoints."""

    vlm: Path
    ears: Path


def write_parts(folder: Path, fresh_merger: bool = False, seed: int = 0) -> Parts:
    """Writes tiny_omni's parts to `folder`/vlm and `folder`/ears.

    Args:
        fresh_merger: the merger that hands pictures to the language model gets fresh weights, so that eyes, too, are not aligned yet.
        seed: of those.
    """
    omni = load("tiny_omni", device="cpu")
    parts = Parts(folder / "vlm", folder / "ears")
    vlm = _vlm(omni)
    if fresh_merger:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for module in vlm.model.visual.merger.modules():
                if hasattr(module, "reset_parameters"):
                    module.reset_parameters()
    vlm.to(torch.bfloat16).save_pretrained(parts.vlm)  # as tiny_omni is stored: nothing is lost
    _ears(omni).save_pretrained(parts.ears)  # its positions are no stored weights there, but computed
    _vlm_processor(omni.processor).save_pretrained(parts.vlm)
    shape.feature_extractor().save_pretrained(parts.ears)
    return parts


def compose_parts(parts: Parts, connector: str | dict = "mlp", seed: int = 0) -> Loaded:
    """The parts as one model with a fresh connector; tiny_omni's ears never saw silence behind a sound's end."""
    return compose(str(parts.vlm), str(parts.ears), connector, silence=False, seed=seed, device="cpu")


def _vlm(omni: Loaded):
    """A Qwen2.5-VL with the weights of tiny_omni's vision tower and language model."""
    text, ids = omni.model.config.get_text_config(), shape.IDS
    vision = shape.vision_config() | {"tokens_per_second": PER_SECOND}
    config = hf.Qwen2_5_VLConfig(
        vision_config=vision,
        text_config=shape.text_config(text.vocab_size) | {"rms_norm_eps": text.rms_norm_eps},
        image_token_id=ids["image_token"],
        video_token_id=ids["video_token"],
        vision_start_token_id=ids["vision_bos_token"],
        vision_end_token_id=ids["vision_eos_token"],
        tie_word_embeddings=True,
    )
    vlm = hf.Qwen2_5_VLForConditionalGeneration(config)
    weights = {name: weight for name, weight in omni.model.state_dict().items() if ".audio_tower." not in name}
    for block in range(vision["depth"]):
        at = f"model.visual.blocks.{block}.attn"
        for kind in ("weight", "bias"):  # one matrix for the three in Qwen2.5-VL
            weights[f"{at}.qkv.{kind}"] = torch.cat([weights.pop(f"{at}.{part}.{kind}") for part in "qkv"])
    vlm.load_state_dict(weights)
    vlm.generation_config = omni.model.generation_config
    return vlm.eval()


def _vlm_processor(omni) -> hf.Qwen2_5_VLProcessor:
    """tiny_omni's tokenizer, chat template and picture sizes in the processor of Qwen2.5-VL."""
    tokenizer, pixels = omni.tokenizer, {"shortest_edge": shape.LEAST**2, "longest_edge": shape.MOST**2}
    sizes = {"size": pixels, "patch_size": shape.PATCH, "merge_size": shape.MERGE}
    return hf.Qwen2_5_VLProcessor(
        hf.Qwen2VLImageProcessor(**sizes), tokenizer, hf.Qwen2VLVideoProcessor(**sizes, do_sample_frames=False, cap_pixels_per_frame=False), chat_template=omni.chat_template
    )


def _ears(omni: Loaded) -> hf.WhisperModel:
    """A Whisper whose encoder has the weights of tiny_omni's audio tower; its decoder is as small as can be and untrained."""
    own = {name: value for name, value in shape.audio_config().items() if name not in ("n_window", "output_dim")}
    config = hf.WhisperConfig(
        **own, decoder_layers=1, decoder_attention_heads=1, decoder_ffn_dim=64, vocab_size=64, max_target_positions=8,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1, begin_suppress_tokens=None, suppress_tokens=None,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        ears = hf.WhisperModel(config)
    tower = next(module for path, module in omni.model.named_modules() if path.endswith("audio_tower"))
    weights = {name.replace("ln_post", "layer_norm"): weight for name, weight in tower.state_dict().items() if not name.startswith(("proj", "audio_bos_eos"))}
    ears.encoder.load_state_dict(weights | {"embed_positions.weight": tower.positional_embedding.positional_embedding})
    return ears.eval()
