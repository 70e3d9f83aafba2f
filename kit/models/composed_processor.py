"""The processor of a composed model: the family's own, a Whisper feature extractor, and the places that sounds take in a prompt.

A sound is never cut: it takes as many encoder windows as it needs.
"""

import json
from pathlib import Path

import numpy as np
import torch
from transformers import AutoProcessor, BatchFeature, WhisperFeatureExtractor
from transformers.processing_utils import ProcessorMixin

from kit.models.connectors import tokens_of_window

PARTS = {"vlm_processor": "vlm_processor", "feature_extractor": "feature_extractor"}  # attribute -> folder of a checkpoint
_OWN = ("audio_token", "before", "after", "window", "connector")


class ComposedProcessor(ProcessorMixin):
    """Turns messages and media into a composed model's inputs; what is not about sound is answered by `vlm_processor`.

    Args:
        vlm_processor: the family's own.
        feature_extractor: of the Whisper checkpoint.
        audio_token: stands for sounds in a prompt.
        window: mel frames of an encoder window.
        connector: its settings (`kit.models.connectors.settled`), which say how many tokens a window becomes.
        before, after: written around a sound.
    """

    longest_sound = None  # no limit; kit.data.collator.audio_window asks

    def __init__(self, vlm_processor, feature_extractor, audio_token: str, window: int, connector: dict, before: str = "", after: str = ""):
        self.vlm_processor, self.feature_extractor = vlm_processor, feature_extractor
        self.audio_token, self.before, self.after, self.window, self.connector = audio_token, before, after, window, connector
        self.audio_token_id = vlm_processor.tokenizer.convert_tokens_to_ids(audio_token)

    def __getattr__(self, name):
        if name.startswith("__") or name in PARTS:  # asked while it is being copied or unpickled
            raise AttributeError(name)
        return getattr(self.vlm_processor, name)

    def __repr__(self):
        return f"{type(self).__name__} of {type(self.vlm_processor).__name__} and {type(self.feature_extractor).__name__}"

    @classmethod
    def get_attributes(cls) -> list[str]:
        return list(PARTS)

    @property
    def model_input_names(self) -> list[str]:
        return [*self.vlm_processor.model_input_names, "input_features", "feature_attention_mask"]

    def apply_chat_template(self, conversation, *args, **kwargs):
        """As the family writes it; a sound is written as text, which every template can write."""
        many = bool(conversation) and isinstance(conversation[0], list | tuple)
        written = [self._written(messages) for messages in conversation] if many else self._written(conversation)
        if kwargs.get("tokenize"):
            raise ValueError("a composed processor tokenises with its media only: apply_chat_template(..., tokenize=False), then processor(text=..., audio=...)")
        return self.vlm_processor.apply_chat_template(written, *args, **{"tokenize": False} | kwargs)

    def _written(self, messages: list[dict]) -> list[dict]:
        mark = {"type": "text", "text": self.before + self.audio_token + self.after}
        return [
            message if isinstance(message["content"], str) else message | {"content": [mark if part.get("type") == "audio" else part for part in message["content"]]}
            for message in messages
        ]

    def tokens(self, frames: int) -> int:
        """How many tokens a sound of so many mel frames becomes."""
        return sum(tokens_of_window(self.connector, (min(self.window, frames - start) + 1) // 2) for start in range(0, frames, self.window))

    def __call__(self, images=None, text=None, videos=None, audio=None, **kwargs) -> BatchFeature:
        """The family's batch, with input_features (S, mel bins, F) and feature_attention_mask (S, F) of the S sounds; an audio token in a text stands for the next sound.

        Raises:
            ValueError: more or fewer audio tokens in the texts than sounds; what the family's processor refuses.
        """
        texts = [text] if isinstance(text, str) else list(text)
        sounds = [audio] if isinstance(audio, np.ndarray) else list(audio or [])
        if sum(one.count(self.audio_token) for one in texts) != len(sounds):
            raise ValueError(f"there are {sum(one.count(self.audio_token) for one in texts)} {self.audio_token} in the texts and {len(sounds)} sounds")
        heard = [self._features(sound) for sound in sounds]
        counts = iter([self.tokens(features.shape[1]) for features in heard])
        texts = [self.audio_token.join(_filled(one.split(self.audio_token), counts, self.audio_token)) for one in texts]
        media = {name: value for name, value in (("images", images), ("videos", videos)) if value is not None}
        batch = self.vlm_processor(text=texts, **media, **kwargs)
        types = batch.get("mm_token_type_ids")
        if torch.is_tensor(types):
            batch["mm_token_type_ids"] = types.masked_fill(batch["input_ids"] == self.audio_token_id, 3)
        if heard:
            longest = max(features.shape[1] for features in heard)
            batch["input_features"] = torch.stack([torch.nn.functional.pad(features, (0, longest - features.shape[1])) for features in heard])
            batch["feature_attention_mask"] = torch.tensor([[1] * features.shape[1] + [0] * (longest - features.shape[1]) for features in heard])
        return batch

    def _features(self, sound) -> torch.Tensor:
        """The log mel frames (mel bins, F) of one sound, whoever else is in the batch."""
        ears = self.feature_extractor
        sound = np.asarray(sound, np.float32)
        whole = -(-len(sound) // ears.n_samples) * ears.n_samples
        made = ears(sound, sampling_rate=ears.sampling_rate, max_length=whole, truncation=False, return_tensors="pt")
        return made["input_features"][0, :, : -(-len(sound) // ears.hop_length)]

    def save_pretrained(self, save_directory, **kwargs):
        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        for attribute, place in PARTS.items():
            getattr(self, attribute).save_pretrained(folder / place)
        told = {"processor_class": type(self).__name__} | {name: getattr(self, name) for name in _OWN}
        (folder / "processor_config.json").write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return [str(folder / "processor_config.json")]

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, **kwargs):
        told, _ = cls.get_processor_dict(pretrained_model_name_or_path, **kwargs)
        asked = {name: kwargs[name] for name in ("local_files_only", "cache_dir", "revision", "token") if kwargs.get(name) is not None}
        local = Path(pretrained_model_name_or_path)
        parts = {}
        for attribute, kind in (("vlm_processor", AutoProcessor), ("feature_extractor", WhisperFeatureExtractor)):
            place = PARTS[attribute]
            parts[attribute] = kind.from_pretrained(str(local / place), **asked) if local.is_dir() else kind.from_pretrained(pretrained_model_name_or_path, subfolder=place, **asked)
        return cls(**parts, **{name: told[name] for name in _OWN})


def _filled(pieces: list[str], counts, token: str) -> list[str]:
    """The pieces of a text between its audio tokens, the next sound's further tokens behind each but the last."""
    return [piece if place == 0 else token * (next(counts) - 1) + piece for place, piece in enumerate(pieces)]
