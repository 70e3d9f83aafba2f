"""Tiny random checkpoints of the families that the kit names, made from transformers' own classes: `build(name, directory)`.

Seeded, untrained, well under 5 MB, 64 wide. What differs between families is real (classes, special tokens, chat template, how a picture
becomes tokens, which layers a prompt's cache has); what is learned, and how large it is, is not. `python tests/families.py` writes the READMEs' table.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers as hf
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

ROOT = Path(__file__).resolve().parents[1]
TOKENIZER = ROOT / "sample_data" / "tiny_omni" / "tokenizer.json"
WIDTH = 64  # a multiple of 64, as nf4 blocks want the inside of a linear layer


@dataclass(frozen=True)
class Family:
    """One row of the READMEs' table.

    Attributes:
        title: as its publisher writes it.
        make: () -> (model, processor); None for the shipped checkpoint, which is copied.
        takes: the modalities that it reads, in the order of `Sample`.
        tells_time: whether it is told how far apart a video's frames are (others see their order only).
        mixes: whether one batch may hold pictures and videos.
        fresh_process: whether run check 7 is run for it (half a minute each).
        note, note_ja: what is particular about it, for the table.
    """

    title: str
    make: Callable | None
    takes: tuple[str, ...]
    note: str
    note_ja: str
    tells_time: bool = True
    mixes: bool = True
    fresh_process: bool = False


def build(name: str, directory: Path) -> Path:
    """Writes the checkpoint of the family `name` (a key of FAMILIES), and returns its directory; the same bytes every time."""
    make = FAMILIES[name].make
    if make is None:
        return Path(shutil.copytree(TOKENIZER.parent, directory, dirs_exist_ok=True))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model, processor = make()
        _stir(model)
    model.to(torch.bfloat16).save_pretrained(directory)  # as published checkpoints are
    processor.save_pretrained(directory)
    return directory


def _stir(model) -> None:
    """Random values wherever an initialisation is constant or so small that a fault would hide below the tests' tolerance."""
    for path, parameter in model.named_parameters():
        if not any(kept in path for kept in ("A_log", "dt_bias", "layernorm", "layer_norm", "norm", "lambda")):
            torch.nn.init.normal_(parameter, std=0.15 if parameter.dim() > 1 else 0.02)


def _tokenizer(template: str, named: dict[str, str], more: tuple[str, ...] = (), eos: str = "<|im_end|>", pad: str = "<|endoftext|>", bos: str | None = None):
    """The shipped vocabulary with a family's own special tokens; `bos` is put before every text, as Gemma's tokenizer does."""
    tokens = Tokenizer.from_file(str(TOKENIZER))
    tokens.add_special_tokens(list(dict.fromkeys([pad, eos, *([bos] if bos else []), *named.values(), *more])))
    if bos:
        tokens.post_processor = TemplateProcessing(single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, tokens.token_to_id(bos))])
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=tokens, eos_token=eos, pad_token=pad, bos_token=bos, extra_special_tokens=named, padding_side="right",
        model_max_length=4096, clean_up_tokenization_spaces=False, chat_template=template,
    )  # fmt: skip


def _vocabulary(tokenizer) -> int:
    return -(-len(tokenizer) // 64) * 64


def _with_generation(model, tokenizer):
    model.generation_config = hf.GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    return model


_QWEN = {"image_token": "<|image_pad|>", "video_token": "<|video_pad|>", "vision_bos_token": "<|vision_start|>", "vision_eos_token": "<|vision_end|>"}
_QWEN_TURNS = (
    "{% for message in messages %}SYSTEM<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n{% else %}{% for content in message['content'] %}"
    "{% if content['type'] == 'image' or 'image' in content %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif content['type'] == 'video' or 'video' in content %}<|vision_start|><|video_pad|><|vision_end|>"
    "{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_SYSTEM = "{% if loop.first and message['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"


def _text(tokenizer, **changed) -> dict:
    return dict(
        vocab_size=_vocabulary(tokenizer), hidden_size=WIDTH, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=4096, pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id, bos_token_id=tokenizer.bos_token_id,
    ) | changed  # fmt: skip


def _qwen_ids(tokenizer) -> dict[str, int]:
    ids = tokenizer.convert_tokens_to_ids
    return dict(
        image_token_id=ids("<|image_pad|>"), video_token_id=ids("<|video_pad|>"), vision_start_token_id=ids("<|vision_start|>"), vision_end_token_id=ids("<|vision_end|>"),
        tie_word_embeddings=True,
    )  # fmt: skip


def _qwen25_vl():
    tokenizer = _tokenizer(_QWEN_TURNS.replace("SYSTEM", _SYSTEM), _QWEN)
    pixels = {"shortest_edge": 56 * 56, "longest_edge": 112 * 112}
    processor = hf.Qwen2_5_VLProcessor(
        hf.Qwen2VLImageProcessor(size=pixels, patch_size=14, merge_size=2), tokenizer, hf.Qwen2VLVideoProcessor(size=pixels, patch_size=14, merge_size=2),
        chat_template=tokenizer.chat_template,
    )  # fmt: skip
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]}
    vision = dict(
        depth=2, hidden_size=WIDTH, intermediate_size=128, num_heads=4, patch_size=14, spatial_merge_size=2, temporal_patch_size=2, window_size=56,
        fullatt_block_indexes=[1], out_hidden_size=WIDTH, tokens_per_second=2,
    )  # fmt: skip
    config = hf.Qwen2_5_VLConfig(text_config=_text(tokenizer, rope_parameters=rope), vision_config=vision, **_qwen_ids(tokenizer))
    return _with_generation(hf.Qwen2_5_VLForConditionalGeneration(config), tokenizer), processor


def _qwen3_vision(**more) -> dict:
    return dict(
        depth=2, hidden_size=WIDTH, intermediate_size=128, num_heads=4, patch_size=16, spatial_merge_size=2, temporal_patch_size=2,
        out_hidden_size=WIDTH, num_position_embeddings=64,
    ) | more  # fmt: skip


def _qwen3_processor(tokenizer):
    pixels = {"shortest_edge": 64 * 64, "longest_edge": 128 * 128}
    return hf.Qwen3VLProcessor(
        hf.Qwen2VLImageProcessor(size=pixels, patch_size=16, merge_size=2), tokenizer, hf.Qwen3VLVideoProcessor(size={"shortest_edge": 64 * 64, "longest_edge": 8 * 128 * 128}),
        chat_template=tokenizer.chat_template,
    )  # fmt: skip


def _qwen3_vl():
    tokenizer = _tokenizer(_QWEN_TURNS.replace("SYSTEM", ""), _QWEN)
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 2, 2], "mrope_interleaved": True}
    config = hf.Qwen3VLConfig(
        text_config=_text(tokenizer, num_hidden_layers=3, head_dim=16, rope_parameters=rope), vision_config=_qwen3_vision(deepstack_visual_indexes=[0, 1]), **_qwen_ids(tokenizer)
    )
    return _with_generation(hf.Qwen3VLForConditionalGeneration(config), tokenizer), _qwen3_processor(tokenizer)


# both forms that Qwen3.5's sizes have: an answer is written after an empty thought, and reasoning is on unless it is switched off
_THINKS = _QWEN_TURNS.replace("SYSTEM", "").replace("<|im_start|>assistant\n{% endif %}", (
    "<|im_start|>assistant\n{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% else %}<think>\n{% endif %}{% endif %}"
)).replace("{{ message['role'] }}\n", "{{ message['role'] }}\n{% if loop.last and message['role'] == 'assistant' %}<think>\n\n</think>\n\n{% endif %}")  # fmt: skip


def _qwen35():
    tokenizer = _tokenizer(_THINKS, _QWEN, ("<think>", "</think>"))
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1], "mrope_interleaved": True, "partial_rotary_factor": 0.25}
    text = _text(
        tokenizer, num_hidden_layers=4, head_dim=32, rope_parameters=rope, layer_types=["linear_attention", "linear_attention", "linear_attention", "full_attention"],
        linear_num_key_heads=2, linear_num_value_heads=4, linear_key_head_dim=16, linear_value_head_dim=16,
    )  # fmt: skip
    config = hf.Qwen3_5Config(text_config=text, vision_config=_qwen3_vision(), **_qwen_ids(tokenizer))
    return _with_generation(hf.Qwen3_5ForConditionalGeneration(config), tokenizer), _qwen3_processor(tokenizer)


_SMOL_TURNS = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}{% if message['content'][0]['type'] == 'image' %}{{ ':' }}{% else %}{{ ': ' }}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{ line['text'] }}{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}"
    "<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)


def _smolvlm():
    named = {
        "image_token": "<image>", "fake_image_token": "<fake_token_around_image>", "global_image_token": "<global-img>",
        "end_of_utterance_token": "<end_of_utterance>", "video_token": "<video>",
    }  # fmt: skip
    tiles = tuple(f"<row_{row}_col_{column}>" for row in (1, 2) for column in (1, 2))
    tokenizer = _tokenizer(_SMOL_TURNS, named, tiles, eos="<end_of_utterance>", pad="<|im_end|>")
    processor = hf.SmolVLMProcessor(
        hf.SmolVLMImageProcessor(size={"longest_edge": 128}, max_image_size={"longest_edge": 64}), tokenizer,
        hf.SmolVLMVideoProcessor(size={"longest_edge": 64}, max_image_size={"longest_edge": 64}, num_frames=8, fps=1),
        image_seq_len=16, chat_template=tokenizer.chat_template,
    )  # fmt: skip
    vision = dict(hidden_size=WIDTH, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, image_size=64, patch_size=8)
    config = hf.SmolVLMConfig(
        text_config=_text(tokenizer, model_type="llama", head_dim=16), vision_config=vision, scale_factor=2, image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=tokenizer.pad_token_id, tie_word_embeddings=True,
    )  # fmt: skip
    return _with_generation(hf.SmolVLMForConditionalGeneration(config), tokenizer), processor


# the answer of a solved turn stands after a space and a new line, a prompt ends without the space: the published template is like this
_LLAVA_TURNS = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + ' ' }}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'video') %}{{ '<video>' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ '\n' + content['text'] }}{% endfor %}"
    "{{ '<|im_end|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def _llava_onevision():
    tokenizer = _tokenizer(_LLAVA_TURNS, {"image_token": "<image>", "video_token": "<video>"})
    side, pinpoints = {"height": 56, "width": 56}, [[56, 56], [56, 112], [112, 56], [112, 112]]
    processor = hf.LlavaOnevisionProcessor(
        hf.LlavaOnevisionImageProcessor(size=side, image_grid_pinpoints=pinpoints), tokenizer, hf.LlavaOnevisionVideoProcessor(size=side),
        num_image_tokens=16, vision_feature_select_strategy="full", chat_template=tokenizer.chat_template,
    )  # fmt: skip
    vision = dict(
        model_type="siglip_vision_model", hidden_size=WIDTH, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, image_size=56, patch_size=14,
        vision_use_head=False,
    )  # fmt: skip
    ids = tokenizer.convert_tokens_to_ids
    config = hf.LlavaOnevisionConfig(
        text_config=_text(tokenizer, model_type="qwen2"), vision_config=vision, image_grid_pinpoints=pinpoints, image_token_index=ids("<image>"),
        video_token_index=ids("<video>"), tie_word_embeddings=True,
    )  # fmt: skip
    return _with_generation(hf.LlavaOnevisionForConditionalGeneration(config), tokenizer), processor


_INTERN_TURNS = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for content in message['content'] %}{% if content['type'] == 'image' %}{{ '<IMG_CONTEXT>\n' }}{% elif content['type'] == 'video' %}{{ '<video>\n' }}"
    "{% elif content['type'] == 'text' %}{{ content['text'] }}{% endif %}{% endfor %}{% endif %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def _internvl():
    named = {"start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>", "video_token": "<video>"}
    tokenizer = _tokenizer(_INTERN_TURNS, named)
    side = {"height": 56, "width": 56}
    processor = hf.InternVLProcessor(
        hf.GotOcr2ImageProcessor(size=side, crop_to_patches=True, max_patches=4), tokenizer, hf.InternVLVideoProcessor(size=side), image_seq_length=4,
        chat_template=tokenizer.chat_template,
    )  # fmt: skip
    vision = dict(hidden_size=WIDTH, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, image_size=[56, 56], patch_size=[14, 14])
    config = hf.InternVLConfig(
        text_config=_text(tokenizer, model_type="qwen2"), vision_config=vision, image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"), image_seq_length=4,
        tie_word_embeddings=True,
    )  # fmt: skip
    return _with_generation(hf.InternVLForConditionalGeneration(config), tokenizer), processor


_GEMMA_TURNS = (
    "{{ bos_token }}{% for message in messages %}{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}{{ '<|turn>' + role + '\n' }}"
    "{% for item in message['content'] %}{% if item['type'] == 'text' %}{{ item['text'] | trim }}{% elif item['type'] == 'image' %}{{ '<|image|>' }}"
    "{% elif item['type'] == 'audio' %}{{ '<|audio|>' }}{% elif item['type'] == 'video' %}{{ '<|video|>' }}{% endif %}{% endfor %}{{ '<turn|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|turn>model\n' }}THOUGHT{% endif %}"
)


def _gemma4(thought: str = "", hears: bool = True, **text):
    named = {
        "image_token": "<|image|>", "boi_token": "<|image>", "eoi_token": "<image|>", "audio_token": "<|audio|>", "boa_token": "<|audio>", "eoa_token": "<audio|>",
        "video_token": "<|video|>",
    }  # fmt: skip
    more = ("<|turn>", "<turn|>", "<|channel>", "<channel|>")
    tokenizer = _tokenizer(_GEMMA_TURNS.replace("THOUGHT", thought), named, more, eos="<turn|>", pad="<pad>", bos="<bos>")
    processor = hf.Gemma4Processor(
        hf.Gemma4AudioFeatureExtractor(), hf.Gemma4ImageProcessor(patch_size=4, max_soft_tokens=70), tokenizer, hf.Gemma4VideoProcessor(patch_size=4, max_soft_tokens=70),
        chat_template=tokenizer.chat_template,
    )  # fmt: skip
    vision = dict(
        hidden_size=WIDTH, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4, head_dim=16, patch_size=4, pooling_kernel_size=3,
        position_embedding_size=256,
    )  # fmt: skip
    audio = dict(hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=4, subsampling_conv_channels=[128, 4], output_proj_dims=WIDTH)
    ids = tokenizer.convert_tokens_to_ids
    config = hf.Gemma4Config(
        text_config=_text(
            tokenizer, head_dim=16, global_head_dim=32, sliding_window=24, final_logit_softcapping=30.0,
            vocab_size_per_layer_input=_vocabulary(tokenizer), **text,
        ),
        vision_config=vision, audio_config=audio if hears else None, image_token_id=ids("<|image|>"), boi_token_id=ids("<|image>"), eoi_token_id=ids("<image|>"),
        video_token_id=ids("<|video|>"), audio_token_id=ids("<|audio|>"), boa_token_id=ids("<|audio>"), eoa_token_index=ids("<audio|>"),
    )  # fmt: skip
    return _with_generation(hf.Gemma4ForConditionalGeneration(config), tokenizer), processor


def _gemma4_small():
    """As E2B and E4B: an embedding per layer, later layers that share keys and values, a window of 24 tokens where theirs is 512."""
    layers = ["sliding_attention", "full_attention", "sliding_attention", "full_attention"]
    return _gemma4(layer_types=layers, num_hidden_layers=4, num_kv_shared_layers=2, hidden_size_per_layer_input=64, use_double_wide_mlp=True)


def _gemma4_large():
    """As the dense large size: pictures are attended to in both directions, keys serve as values, a prompt ends with an empty thought, no ears."""
    layers = ["sliding_attention", "full_attention"]
    return _gemma4(
        "<|channel>thought\n<channel|>", hears=False, layer_types=layers, hidden_size_per_layer_input=0, use_bidirectional_attention="vision", attention_k_eq_v=True,
        num_global_key_value_heads=1,
    )  # fmt: skip


FAMILIES = {
    "qwen2.5-omni": Family(
        "Qwen2.5-Omni", None, ("image", "video", "audio"),
        "three-dimensional positions; the shipped `tiny_omni`, trained", "3 次元の位置。同梱の `tiny_omni`（学習済み）", fresh_process=True,
    ),
    "qwen2.5-vl": Family(
        "Qwen2.5-VL", _qwen25_vl, ("image", "video"),
        "three-dimensional positions in seconds; windowed vision attention", "秒単位の 3 次元位置、窓付き視覚注意",
    ),
    "qwen3-vl": Family(
        "Qwen3-VL", _qwen3_vl, ("image", "video"),
        "picture features enter several layers; a video's time is written as text", "画像特徴が複数の層に入る。動画の時刻は文字で入る",
    ),
    "smolvlm": Family(
        "SmolVLM2", _smolvlm, ("image", "video"),
        "pictures are cut into tiles; the number of frames is written as a word", "画像はタイルに分割。フレーム数を語で書く", mixes=False, fresh_process=True,
    ),
    "llava-onevision": Family(
        "LLaVA-OneVision", _llava_onevision, ("image", "video"),
        "pictures are cut into tiles; is not told a video's time", "画像はタイルに分割。動画の時刻は伝わらない", tells_time=False,
    ),
    "internvl": Family(
        "InternVL3", _internvl, ("image", "video"),
        "pictures are cut into tiles; is not told a video's time", "画像はタイルに分割。動画の時刻は伝わらない", tells_time=False,
    ),
    "qwen3.5": Family(
        "Qwen3.5", _qwen35, ("image", "video"),
        "three of four layers are linear attention; reasoning is switched off", "4 層中 3 層が線形注意。思考は切る", fresh_process=True,
    ),
    "gemma4-small": Family(
        "Gemma 4 E2B, E4B", _gemma4_small, ("image", "video", "audio"),
        "sliding windows, shared keys and values, an embedding per layer", "スライド窓、キーと値の共有、層ごとの埋め込み", fresh_process=True,
    ),
    "gemma4-large": Family(
        "Gemma 4 31B", _gemma4_large, ("image", "video"),
        "pictures are attended to in both directions; keys serve as values", "画像内は双方向の注意、キーを値に兼用",
    ),
}  # fmt: skip

READMES = {"README.md": "en", "README.ja.md": "ja"}
_MARKS = ("<!-- families: written by tests/families.py -->\n", "<!-- end of families -->")
_HEADS = {
    "en": "| family | reads | run check 7 | what is particular | refused, with its reason |",
    "ja": "| 系列 | 入力 | 実行チェック 7 | 特徴 | 理由を示して断るもの |",
}
_WORDS = {
    "en": {"image": "image", "video": "video", "audio": "audio", "both": "pictures and videos in one batch", "green": "green", "not run": "not run", "and": "; "},
    "ja": {"image": "画像", "video": "動画", "audio": "音声", "both": "同じバッチの画像と動画", "green": "緑", "not run": "未実行", "and": "、"},
}  # fmt: skip


def table(language: str) -> str:
    """The READMEs' table, from what tests/test_families.py runs: its tests take their cases from FAMILIES, so a row is true while they pass."""
    words, rows = _WORDS[language], [_HEADS[language], "|---|---|---|---|---|"]
    for family in FAMILIES.values():
        refused = [words["audio"]] * ("audio" not in family.takes) + [words["both"]] * (not family.mixes)
        title, note = (family.title, family.note) if language == "en" else (family.title, family.note_ja)
        reads = ("、" if language == "ja" else ", ").join(words[modality] for modality in family.takes)
        rows.append(f"| {title} | {reads} | {words['green' if family.fresh_process else 'not run']} | {note} | {words['and'].join(refused)} |")
    return "\n".join(rows) + "\n"


def with_table(page: str, language: str) -> str:
    """The text of a README with its table written anew."""
    before, rest = page.split(_MARKS[0])
    return before + _MARKS[0] + table(language) + _MARKS[1] + rest.split(_MARKS[1])[1]


if __name__ == "__main__":
    for name, language in READMES.items():
        path = ROOT / name
        path.write_text(with_table(path.read_text(encoding="utf-8"), language), encoding="utf-8")
