"""A checkpoint that speaks with a voice of its own: the thinker, the talker and the vocoder of Qwen2.5-Omni, by transformers' own `generate`.

The talker does not read text: it follows the thinker's hidden states. So a given text is spoken by letting the thinker write exactly this text (every other token is
made impossible) and the talker follow. Tested on a tiny random checkpoint of the real classes; the published ones were not run here (no hub).
Not covered: Qwen3-Omni's talker, sound that comes out while the talker is still at work.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from kit.errors import KitError
from kit.language import say
from kit.models.catalogue import resolve
from kit.models.loading import best_device

RATE = 24000  # Hz, of Qwen2.5-Omni's vocoder
SPEAKS = "qwen2_5_omni"  # model_type of a whole checkpoint; that of its thinker alone is another
# word for word what the checkpoint was trained with: its publisher warns that it may not speak without
SYSTEM = (
    "You are Qwen, a virtual human developed by the Qwen Team, Alibaba Group, capable of perceiving auditory and visual inputs, "
    "as well as generating text and speech."
)


@dataclass
class Talker:
    """A loaded checkpoint with its talker.

    Attributes:
        model: transformers' Qwen2_5OmniForConditionalGeneration, in eval mode.
        processor: its own.
        name: as it was asked for.
    """

    model: torch.nn.Module
    processor: object
    name: str

    @property
    def speakers(self) -> tuple[str, ...]:
        """The voices that the checkpoint has, by name."""
        return tuple(self.model.speaker_map)

    @torch.no_grad()
    def render(self, text: str, speaker: str, seed: int = 0) -> np.ndarray:
        """The checkpoint saying `text`: float32 (N,) at RATE; the same wave for the same seed (codes and vocoder start from noise).

        Raises:
            KitError: it has no such speaker.
        """
        if speaker not in self.speakers:
            known = ", ".join(self.speakers)
            raise KitError(
                say(
                    f"{self.name} has no speaker {speaker!r}; it has {known}",
                    f"{self.name} に話者 {speaker!r} はありません。使えるもの：{known}",
                )
            )
        given, forced = self._prompt(text)
        model, codec = self.model, self.model.config.talker_config
        ends = [codec.tts_codec_pad_token_id, codec.tts_codec_end_token_id]
        with torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []):
            torch.manual_seed(seed)
            _, wave = model.generate(
                **given, speaker=speaker, thinker_max_new_tokens=len(forced.ids), thinker_do_sample=False, thinker_eos_token_id=forced.ids[-1],
                thinker_logits_processor=[forced], talker_max_new_tokens=_most_codes(len(forced.ids)), talker_eos_token_id=ends,
            )  # fmt: skip
        return wave.float().cpu().numpy()

    def _prompt(self, text: str) -> tuple[dict, "_Forced"]:
        turns = [
            {"role": "system", "content": [{"type": "text", "text": SYSTEM}]},
            {"role": "user", "content": [{"type": "text", "text": f"Read aloud: {text}"}]},
        ]
        tokenizer = self.processor.tokenizer
        prompt = self.processor.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        given = tokenizer(prompt, return_tensors="pt", add_special_tokens=False).to(self.model.device)
        ids = [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        return {name: given[name] for name in ("input_ids", "attention_mask")}, _Forced(
            ids, given["input_ids"].shape[1]
        )


def load_talker(name: str, device: str | torch.device | None = None) -> Talker:
    """A whole checkpoint, thinker, talker and vocoder, in 16-bit on CUDA and float32 on the CPU.

    Weights come from safetensors; the speakers lie in spk_dict.pt, which transformers reads with `weights_only`.

    Args:
        name: a key of CATALOGUE, a hub id or a directory.
        device: default: CUDA when there is one.

    Raises:
        KitError: the checkpoint has no talker, or cannot be loaded.
    """
    from transformers import AutoConfig, AutoProcessor, Qwen2_5OmniForConditionalGeneration

    _, source = resolve(name)
    device = torch.device(device) if device else best_device()
    options = {"local_files_only": Path(source).is_dir() or os.environ.get("HF_HUB_OFFLINE") == "1"}
    try:
        config = AutoConfig.from_pretrained(source, **options)
        if config.model_type != SPEAKS or not config.enable_audio_output:
            raise _silent(name)
        processor = AutoProcessor.from_pretrained(source, **options)
        dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
        model = Qwen2_5OmniForConditionalGeneration.from_pretrained(
            source, dtype=dtype, device_map={"": device}, use_safetensors=True, **options
        )
    except (OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise KitError(
            say(
                f"the talker of {name!r} cannot be loaded ({reason}); its directory needs config.json, processor files, *.safetensors and spk_dict.pt",
                f"{name!r} の音声出力部を読み込めません（{reason}）。config.json・プロセッサー・*.safetensors・spk_dict.pt のあるフォルダーが必要です",
            )
        ) from error
    return Talker(model.eval(), processor, name)


def _silent(name: str) -> KitError:
    return KitError(
        say(
            f"checkpoint {name!r} has no talker: it writes and does not speak. One that speaks is qwen2.5-omni-3b or qwen2.5-omni-7b; "
            "for any other, let kit.speech.voice_for(language) speak what it writes",
            f"チェックポイント {name!r} に音声出力部（talker）はなく、文章だけを書きます。話せるのは qwen2.5-omni-3b と qwen2.5-omni-7b です。"
            "ほかのモデルでは、書いた文章を kit.speech.voice_for(language) に読ませてください",
        )
    )


def _most_codes(tokens: int) -> int:
    """Codes are 40 ms each; a token of text is rarely more than a second, and a talker that never ends is cut there."""
    return 50 + 25 * tokens


class _Forced:
    """A logits processor that leaves one token possible, the next of `ids`."""

    def __init__(self, ids: list[int], start: int):
        self.ids, self.start = ids, start

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        forced = torch.full_like(scores, float("-inf"))  # (B, V)
        forced[:, self.ids[min(input_ids.shape[1] - self.start, len(self.ids) - 1)]] = 0
        return forced
