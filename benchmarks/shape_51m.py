"""A Qwen2.5-VL of 51 million random weights, for timing: the shape decides what a step costs, the values do not.

The shape is that of the project's performance notes: 8 language layers of 512, 8 vision layers of 320, pictures of 448 px = 256 tokens. Its eyes are large beside its
language model (a fifth of a step of a 3B model is the tower's, more than half of this one's), which flatters whatever saves work of the eyes.
"""

from pathlib import Path

import torch
import transformers as hf
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parents[1]
DIRECTORY = ROOT / "build" / "benchmarks" / "shape_51m"
SIDE = 448  # pixels of a picture
VOCABULARY = 32000
_MARKS = {"image_token": "<|image_pad|>", "video_token": "<|video_pad|>", "vision_bos_token": "<|vision_start|>", "vision_eos_token": "<|vision_end|>"}
_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% for content in message['content'] %}"
    "{% if content['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def checkpoint() -> Path:
    """The directory of the checkpoint, made when it is first asked for."""
    if not (DIRECTORY / "model.safetensors").is_file():
        processor = _processor()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = hf.Qwen2_5_VLForConditionalGeneration(_config(processor.tokenizer))
        processor.save_pretrained(DIRECTORY)
        model.save_pretrained(DIRECTORY)
    return DIRECTORY


def _processor():
    tokens = Tokenizer.from_file(str(ROOT / "sample_data" / "tiny_omni" / "tokenizer.json"))
    tokens.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>", *_MARKS.values()])
    tokenizer = hf.PreTrainedTokenizerFast(
        tokenizer_object=tokens, eos_token="<|im_end|>", pad_token="<|endoftext|>", extra_special_tokens=_MARKS, model_max_length=4096,
        clean_up_tokenization_spaces=False, chat_template=_TEMPLATE,
    )  # fmt: skip
    pixels = {"shortest_edge": 56 * 56, "longest_edge": SIDE * SIDE}
    pictures, videos = (kind(size=pixels, patch_size=14, merge_size=2) for kind in (hf.Qwen2VLImageProcessor, hf.Qwen2VLVideoProcessor))
    return hf.Qwen2_5_VLProcessor(pictures, tokenizer, videos, chat_template=_TEMPLATE)


def _config(tokenizer) -> hf.Qwen2_5_VLConfig:
    ids = tokenizer.convert_tokens_to_ids
    text = dict(
        vocab_size=VOCABULARY, hidden_size=512, intermediate_size=1408, num_hidden_layers=8, num_attention_heads=8, num_key_value_heads=2,
        max_position_embeddings=4096, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        rope_parameters={"rope_type": "default", "mrope_section": [8, 12, 12], "rope_theta": 1e6}, tie_word_embeddings=True,
    )  # fmt: skip
    vision = dict(depth=8, hidden_size=320, intermediate_size=848, num_heads=8, out_hidden_size=512, fullatt_block_indexes=[3, 7], window_size=112)
    return hf.Qwen2_5_VLConfig(
        text_config=text, vision_config=vision, tie_word_embeddings=True, image_token_id=ids("<|image_pad|>"), video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"), vision_end_token_id=ids("<|vision_end|>"),
    )  # fmt: skip
