"""The tiny omni model's shape: its configuration, its processor and its tokenizer's frame.

A real `Qwen2_5OmniThinkerForConditionalGeneration` (Xu et al., Qwen2.5-Omni, arXiv 2503.20215) of about five million parameters.
Everything that both towers and the language model must agree on is decided here and nowhere else.
"""

from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2_5OmniProcessor,
    Qwen2_5OmniThinkerConfig,
    Qwen2_5OmniThinkerForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
    WhisperFeatureExtractor,
)

from sample_data.recipe import induction

TOKENIZER = Path(__file__).resolve().parents[1] / "tiny_omni" / "tokenizer.json"
WIDTH = 192  # of the language model; every linear layer's sides are multiples of 64, as nf4 blocks want them
PATCH, MERGE = 14, 2
LEAST, MOST = (
    112,
    170,
)  # pictures and frames are scaled to between 112 x 112 and 168 x 168 pixels: 16 to 36 visual tokens
FRAMES = 8  # two frames share a token in time, so a 112 px video is 4 x 16 tokens
MEL_BINS = 64
HOP = 320  # 20 ms: with the encoder's two halvings, 12.5 audio tokens per second
SECONDS = 8  # the longest recording the processor keeps; only real frames reach the encoder, so padding costs nothing

SPECIAL = {
    "pad_token": "<|pad|>",
    "turn_token": "<|im_start|>",
    "eos_token": "<|im_end|>",
    "image_token": "<|image|>",
    "video_token": "<|video|>",
    "audio_token": "<|audio|>",
    "vision_bos_token": "<|vision_start|>",
    "vision_eos_token": "<|vision_end|>",
    "audio_bos_token": "<|audio_start|>",
    "audio_eos_token": "<|audio_end|>",
}
IDS = {
    name: index for index, name in enumerate(SPECIAL)
}  # special tokens are the first rows of the vocabulary

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image|><|vision_end|>"
    "{% elif part['type'] == 'video' %}<|vision_start|><|video|><|vision_end|>"
    "{% elif part['type'] == 'audio' %}<|audio_start|><|audio|><|audio_end|>"
    "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def vision_config() -> dict:
    """Returns the vision tower's configuration: 4 blocks of 128, every one with full attention inside an image."""
    return dict(
        depth=4,
        hidden_size=128,
        intermediate_size=384,
        num_heads=4,
        patch_size=PATCH,
        spatial_merge_size=MERGE,
        temporal_patch_size=2,
        window_size=112,
        fullatt_block_indexes=[0, 1, 2, 3],
        out_hidden_size=WIDTH,
    )


def audio_config() -> dict:
    """Returns the audio encoder's configuration: 4 layers of 128 that see chunks of four seconds."""
    return dict(
        num_mel_bins=MEL_BINS,
        encoder_layers=4,
        encoder_attention_heads=4,
        encoder_ffn_dim=512,
        d_model=128,
        max_source_positions=100,
        n_window=100,  # a chunk is 2 * 100 frames = 4 s: a memo or a phrase is not cut in the middle of a word
        output_dim=WIDTH,
    )


def text_config(vocabulary: int) -> dict:
    """Returns the language model's configuration for a vocabulary of that many tokens."""
    return dict(
        vocab_size=vocabulary,
        hidden_size=WIDTH,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        initializer_range=0.05,  # 0.02 is meant for widths of thousands and starts a narrow model too flat
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 6, 6]},
        tie_word_embeddings=True,
        pad_token_id=IDS["pad_token"],
        eos_token_id=IDS["eos_token"],
        bos_token_id=None,
    )


def build_processor(tokenizer_file: Path) -> Qwen2_5OmniProcessor:
    """Returns the processor around a trained `tokenizer.json`.

    Args:
        tokenizer_file: the byte-level BPE whose first rows are `SPECIAL`, in that order.
    """
    pixels = {"shortest_edge": LEAST**2, "longest_edge": MOST**2}
    named = {name: token for name, token in SPECIAL.items() if name not in ("pad_token", "eos_token")}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_file(str(tokenizer_file)),
        pad_token=SPECIAL["pad_token"],
        eos_token=SPECIAL["eos_token"],
        extra_special_tokens=named,
        padding_side="left",
        model_max_length=2048,
        clean_up_tokenization_spaces=False,
        # Qwen2_5OmniProcessor has a fixed `size` for videos that beats the video processor's own (transformers 5.17 to 5.23); only
        # the tokenizer's init arguments, saved with it, come later in `_merge_kwargs`. They hold for images and videos alike.
        size=pixels,
    )
    return Qwen2_5OmniProcessor(
        image_processor=Qwen2VLImageProcessor(size=pixels, patch_size=PATCH, merge_size=MERGE),
        video_processor=Qwen2VLVideoProcessor(
            size=pixels,
            patch_size=PATCH,
            merge_size=MERGE,
            do_sample_frames=False,
            cap_pixels_per_frame=False,
        ),
        feature_extractor=feature_extractor(),
        tokenizer=tokenizer,
        chat_template=CHAT_TEMPLATE,
    )


def feature_extractor() -> WhisperFeatureExtractor:
    """Returns the log-mel extractor: 64 bands every 20 ms of 16 kHz sound."""
    return WhisperFeatureExtractor(
        feature_size=MEL_BINS,
        hop_length=HOP,
        chunk_length=SECONDS,
        sampling_rate=16000,
        return_attention_mask=True,
    )


def build_model(vocabulary: int, seed: int = 0) -> Qwen2_5OmniThinkerForConditionalGeneration:
    """Returns an untrained model in float32; its language model starts with an induction circuit.

    Args:
        vocabulary: number of tokens, the special ones included.
        seed: of the random weights.
    """
    torch.manual_seed(seed)
    config = Qwen2_5OmniThinkerConfig(
        audio_config=audio_config(),
        vision_config=vision_config(),
        text_config=text_config(vocabulary),
        image_token_index=IDS["image_token"],
        video_token_index=IDS["video_token"],
        audio_token_index=IDS["audio_token"],
        vision_start_token_id=IDS["vision_bos_token"],
        vision_end_token_id=IDS["vision_eos_token"],
        audio_start_token_id=IDS["audio_bos_token"],
        audio_end_token_id=IDS["audio_eos_token"],
        pad_token_id=IDS["pad_token"],
        eos_token_id=IDS["eos_token"],
        tie_word_embeddings=True,
    )
    omni = Qwen2_5OmniThinkerForConditionalGeneration(config)
    induction.start(omni.model.language_model, seed)
    return omni
