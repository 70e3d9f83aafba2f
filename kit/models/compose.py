"""Giving a vision-language checkpoint ears: `compose(vlm, ears, connector)`, and writing what came of it.

The parts are checkpoints of their own: catalogue names, hub ids or directories, e.g. compose("qwen3-vl-4b", "openai/whisper-small", {"kind": "mlp", "stack": 10}).
A composed model hears nothing before its connector was trained.
"""

import os
from dataclasses import replace
from pathlib import Path

import torch

from kit.errors import KitError
from kit.language import say
from kit.models.catalogue import resolve
from kit.models.connectors import initialise, settled
from kit.models.loading import Loaded, best_device, load

_SPARE = ("<|audio|>", "<|AUDIO|>", "<|audio_pad|>", "<audio>")  # tokens that a tokenizer may have without a use for them
_NEW = ("<|audio|>", "<|sound|>")  # else the first of these that it lacks is added


def compose(
    vlm: str, ears: str, connector: str | dict = "mlp", silence: bool = True, seed: int = 0, device: str | torch.device | None = None
) -> Loaded:
    """A model with the senses of `vlm` that hears with the encoder of `ears`, through a fresh connector; all weights but the connector's are those of the parts.

    Args:
        vlm: a vision-language checkpoint without ears: catalogue name, hub id or directory.
        ears: a Whisper checkpoint: hub id or directory.
        connector: a name of kit.models.connectors.CONNECTORS, or a dict of settings with its "kind".
        silence: fill an encoder window behind a sound's end with silence, as Whisper was trained; False: mask it, for encoders that never saw silence (costs less for short sounds).
        seed: of the connector's weights.
        device: default: CUDA when there is one.

    Raises:
        KitError: a part that cannot be loaded or is not what its name promises, settings that do not exist, a family whose prompts cannot carry a sound.
    """
    from kit.models.composed import ComposedConfig, ComposedForConditionalGeneration
    from kit.models.composed_processor import ComposedProcessor

    device = torch.device(device) if device else best_device()
    entry, eyes = resolve(vlm)[0], load(vlm, device=device)
    _require_no_ears(vlm, eyes)
    tower, extractor = _ears(ears, eyes.model.dtype, device)
    embedding = eyes.model.get_input_embeddings()
    settings = settled(connector, tower.config.d_model, embedding.embedding_dim)
    token, identity = _audio_token(eyes)
    tokenizer = eyes.processor.tokenizer
    around = [getattr(tokenizer, f"audio_{side}_token", None) or "" for side in ("bos", "eos")]
    config = ComposedConfig(
        vlm_config=eyes.model.config, audio_config=tower.config, connector=settings, audio_token_id=identity, silence=silence, dtype=eyes.model.dtype
    )
    model = ComposedForConditionalGeneration(config, eyes.model, tower)
    initialise(model.audio_connector, seed)
    model.generation_config = eyes.model.generation_config
    model.audio_connector.to(eyes.model.dtype)  # not the whole model: rotary frequencies are buffers that must stay float32
    model.to(device).eval().requires_grad_(False)
    processor = ComposedProcessor(eyes.processor, extractor, token, config.window, settings, *around)
    _require_a_place(vlm, processor)
    name = f"{entry.name} with {Path(ears).name}"
    for part in (config.vlm_config, config.audio_config, config.get_text_config()):
        part._name_or_path = ""  # of this machine
    return Loaded(model, processor, replace(entry, name=name, source="", modalities=(*entry.modalities, "audio"), checked="composed from parts", commercial_use=None), False)


def save(loaded: Loaded, folder: str | Path) -> Path:
    """Writes a model without adapter and its processor to `folder`, which `kit.models.load` reads; returns that.

    Raises:
        KitError: the model carries an adapter, or is in 4-bit.
    """
    if hasattr(loaded.model, "peft_config") or loaded.four_bit:
        raise KitError(
            say(
                "only a whole model in 16 or 32 bit is written: merge its adapter first (kit.models.merge.merged), and load it without four_bit",
                "書き出せるのは 16／32 ビットの完全なモデルだけです。先にアダプターを統合し（kit.models.merge.merged）、four_bit なしで読み込んでください",
            )
        )
    loaded.model.save_pretrained(folder)
    loaded.processor.save_pretrained(folder)
    return Path(folder)


def _require_no_ears(vlm: str, eyes: Loaded) -> None:
    if getattr(eyes.model.config, "audio_config", None) is not None:
        raise KitError(
            say(
                f"checkpoint {vlm!r} hears already ({type(eyes.model).__name__}): use it as it is, or give a vision-language checkpoint, e.g. qwen3-vl-2b",
                f"チェックポイント {vlm!r}（{type(eyes.model).__name__}）は既に音声を扱えます。そのまま使うか、音声を扱わないもの（例：qwen3-vl-2b）を指定してください",
            )
        )


def _ears(ears: str, dtype: torch.dtype, device: torch.device):
    """(encoder, feature extractor) of a Whisper checkpoint.

    Raises:
        KitError: it is none, or cannot be reached.
    """
    from transformers import AutoConfig, WhisperFeatureExtractor, WhisperModel

    options = {"local_files_only": Path(ears).is_dir() or os.environ.get("HF_HUB_OFFLINE") == "1"}
    try:
        kind = AutoConfig.from_pretrained(ears, **options).model_type
        if kind != "whisper":
            raise ValueError(f"its model_type is {kind!r}, not 'whisper'")
        whole = WhisperModel.from_pretrained(ears, dtype=dtype, use_safetensors=True, **options)
        return whole.encoder.to(device), WhisperFeatureExtractor.from_pretrained(ears, **options)
    except (OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise KitError(
            say(
                f"{ears!r} gives no ears ({reason}): give a Whisper checkpoint, a hub id like openai/whisper-small or a directory with config.json, preprocessor_config.json and *.safetensors",
                f"{ears!r} から音声エンコーダーを読み込めません（{reason}）。Whisper のチェックポイント（openai/whisper-small のようなハブ ID、または config.json・preprocessor_config.json・*.safetensors のあるフォルダー）を指定してください",
            )
        ) from error


def _audio_token(eyes: Loaded) -> tuple[str, int]:
    """(token, id) that stands for a sound: one that the tokenizer has to spare, else a new one; embeddings grow only where the vocabulary has no row left."""
    tokenizer = eyes.processor.tokenizer
    known = tokenizer.get_added_vocab()
    taken = getattr(eyes.processor, "audio_token", None)  # a family that hears in other sizes would look for its own sounds there
    spare = next((token for token in _SPARE if token in known and token != taken), None)
    if spare is None:
        spare = next(token for token in _NEW if token not in known)
        tokenizer.add_tokens([spare], special_tokens=True)
    rows = eyes.model.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        eyes.model.resize_token_embeddings(len(tokenizer), pad_to_multiple_of=64)
    return spare, tokenizer.convert_tokens_to_ids(spare)


def _require_a_place(vlm: str, processor) -> None:
    """The family's template must write text as it is, its processor must leave the audio tokens alone, and its tokenizer must keep them whole."""
    messages = [{"role": "user", "content": [{"type": "audio", "audio": ""}, {"type": "text", "text": "?"}]}]
    try:
        text = processor.apply_chat_template(messages, add_generation_prompt=True)
        ids = processor.vlm_processor(text=[text], return_tensors="pt")["input_ids"]
        reason = "" if int((ids == processor.audio_token_id).sum()) == 1 else f"{text!r}"
    except (ValueError, TypeError) as error:
        reason = str(error)
    if reason:
        raise KitError(
            say(
                f"checkpoint {vlm!r}: its chat template or processor has no place for a sound ({reason[:200]}); give a vision-language checkpoint whose template writes text parts as they are",
                f"チェックポイント {vlm!r}：チャットテンプレートまたはプロセッサーに音声を置く場所がありません（{reason[:200]}）。テキストをそのまま書くテンプレートのチェックポイントを指定してください",
            )
        )
