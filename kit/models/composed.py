"""A vision-language model with ears: any family's checkpoint, the encoder of a Whisper checkpoint, and a connector between them, as one transformers model.

Nothing of a family is written again here. The family's own forward runs on `input_ids` as they are, and while it lasts a hook on its embedding puts what was heard where the
audio token stands; pictures, positions, masks and caches stay the family's. To it a sound is text: positions go on one by one.

Importing this module makes the class known to AutoConfig, AutoModelForMultimodalLM and AutoProcessor; `kit.models.load` does.
Shapes: B batch, T tokens, S sounds, F mel frames, N encoder windows, L encoder frames (two mel frames each), A audio tokens, C and D widths of encoder and language model.
"""

from contextlib import contextmanager

import torch
from torch.nn.functional import gelu, pad
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    AutoConfig,
    AutoModelForMultimodalLM,
    AutoProcessor,
    GenerationMixin,
    PreTrainedConfig,
    PreTrainedModel,
    WhisperConfig,
)
from transformers.modeling_outputs import BaseModelOutput, BaseModelOutputWithPooling
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from kit.models.composed_processor import ComposedProcessor
from kit.models.connectors import build, tokens_of_window

AUDIO = 3  # of transformers' mm_token_type_ids; a vision-language family's positions know 0, 1 and 2 only
_MARKS = ("image_token_id", "image_token_index", "video_token_id", "video_token_index")


class ComposedConfig(PreTrainedConfig):
    """What a composed model is made of.

    Attributes:
        vlm_config: the vision-language model's whole configuration.
        audio_config: Whisper's; its decoder is not used.
        connector: see `kit.models.connectors.settled`.
        audio_token_id: the token whose places sounds take.
        silence: what fills an encoder window behind a sound's end. True: silence, which Whisper was trained on and attends to. False: nothing, padding is masked.
    """

    model_type = "kit_composed"
    sub_configs = {"vlm_config": AutoConfig, "audio_config": WhisperConfig}

    vlm_config: dict | PreTrainedConfig | None = None
    audio_config: dict | PreTrainedConfig | None = None
    connector: dict | None = None
    audio_token_id: int = -1
    silence: bool = True

    def __post_init__(self, **kwargs):
        if self.vlm_config is None:  # transformers compares a config with its class's defaults when it is written
            self.vlm_config = PreTrainedConfig()
        elif isinstance(self.vlm_config, dict):
            given = dict(self.vlm_config)
            self.vlm_config = AutoConfig.for_model(given.pop("model_type"), **given)
        if not isinstance(self.audio_config, PreTrainedConfig):
            self.audio_config = WhisperConfig(**(self.audio_config or {}))
        for name in _MARKS:
            if getattr(self.vlm_config, name, None) is not None:
                setattr(self, name, getattr(self.vlm_config, name))
        # {}: the parts keep the attention that they run with
        super().__post_init__(**{"attn_implementation": {}} | {name: value for name, value in kwargs.items() if name not in _MARKS})

    @property
    def vision_config(self):
        return getattr(self.vlm_config, "vision_config", None)

    @property
    def window(self) -> int:
        """Mel frames of one encoder window."""
        return 2 * self.audio_config.max_source_positions

    def get_text_config(self, decoder=None, encoder=None):
        return self.vlm_config.get_text_config(decoder=decoder, encoder=encoder)


class ComposedForConditionalGeneration(PreTrainedModel, GenerationMixin):
    """The model; `compose` makes one of parts, `kit.models.load` reads one again.

    Args:
        config: its configuration.
        vlm, audio_tower: the parts, where they exist already; else they are made, untrained.
    """

    config_class = ComposedConfig
    base_model_prefix = "vlm"
    main_input_name = "input_ids"
    input_modalities = ("image", "video", "audio", "text")
    supports_gradient_checkpointing = True
    _supports_sdpa = _supports_flash_attn = _supports_attention_backend = True

    def __init__(self, config: ComposedConfig, vlm: PreTrainedModel | None = None, audio_tower: WhisperEncoder | None = None):
        super().__init__(config)
        self.vlm = AutoModelForMultimodalLM.from_config(config.vlm_config) if vlm is None else vlm
        self.audio_tower = WhisperEncoder._from_config(config.audio_config) if audio_tower is None else audio_tower
        config.vlm_config, config.audio_config = self.vlm.config, self.audio_tower.config  # one object each: what is set on one is set on both
        self.audio_connector = build(config.connector)
        self.post_init()

    def get_input_embeddings(self):
        return self.vlm.get_input_embeddings()

    def set_input_embeddings(self, value):
        self.vlm.set_input_embeddings(value)

    def get_output_embeddings(self):
        return self.vlm.get_output_embeddings()

    def set_output_embeddings(self, new_embeddings):
        self.vlm.set_output_embeddings(new_embeddings)

    def get_decoder(self):
        return self.vlm.get_decoder()

    def set_attn_implementation(self, attn_implementation, *args, **kwargs):
        if isinstance(attn_implementation, dict) and not set(attn_implementation) & {"", *self.config.sub_configs}:
            return self.vlm.set_attn_implementation(attn_implementation, *args, **kwargs)  # {"text_config": ...}, as for the family itself
        return super().set_attn_implementation(attn_implementation, *args, **kwargs)

    def audio_tokens(self, frames: torch.Tensor) -> torch.Tensor:
        """How many tokens (S,) sounds of so many mel frames (S,) become."""
        return torch.tensor([sum(tokens_of_window(self.config.connector, n) for n in lengths) for lengths in self._windows(frames)])

    def _windows(self, frames: torch.Tensor) -> list[list[int]]:
        """For each sound, the encoder frames of its windows."""
        size = self.config.window
        return [[(min(size, count - start) + 1) // 2 for start in range(0, count, size)] for count in frames.tolist()]

    def get_audio_frames(self, input_features: torch.Tensor, feature_attention_mask: torch.Tensor, return_dict: bool = True) -> BaseModelOutput:
        """What the encoder makes of the real frames of all sounds, one after the other: last_hidden_state (sum of L, C).

        Args:
            input_features: (S, mel bins, F).
            feature_attention_mask: (S, F), 1 for the frames of a sound, 0 for those behind its end.
        """
        pieces, size = [], self.config.window
        for sound, count in zip(input_features, feature_attention_mask.sum(-1).tolist(), strict=True):
            sound = sound[:, :count]
            if self.config.silence:  # what Whisper's extractor writes for zeros: 8 powers of ten below the loudest, never below 1e-10
                sound = pad(sound, (0, -count % size), value=max(float(sound.max()) - 2, -1.5))
            pieces += sound.split(size, 1)
        lengths = [length for sound in self._windows(feature_attention_mask.sum(-1)) for length in sound]
        if self.config.silence:
            hidden = self.audio_tower(torch.stack(pieces)).last_hidden_state
        else:
            hidden = _encoded(self.audio_tower, pieces)
        return BaseModelOutput(last_hidden_state=torch.cat([window[:length] for window, length in zip(hidden, lengths, strict=True)]))

    def get_audio_features(self, input_features: torch.Tensor, feature_attention_mask: torch.Tensor, return_dict: bool = True) -> BaseModelOutputWithPooling:
        """What enters the language model: last_hidden_state (A, D), the tokens of all sounds one after the other. Arguments as of `get_audio_frames`."""
        frames = self.get_audio_frames(input_features, feature_attention_mask).last_hidden_state
        lengths = [length for sound in self._windows(feature_attention_mask.sum(-1)) for length in sound]
        tokens = self.audio_connector(pad_sequence(frames.split(lengths), batch_first=True), torch.tensor(lengths))
        return BaseModelOutputWithPooling(last_hidden_state=tokens, pooler_output=tokens)

    def forward(self, input_ids=None, input_features=None, feature_attention_mask=None, mm_token_type_ids=None, **kwargs):
        """As the family's own, with sounds: input_features (S, mel bins, F) and feature_attention_mask (S, F); the audio tokens (A) of `input_ids` (B, T) are theirs, in order.

        Raises:
            ValueError: more or fewer audio tokens than the sounds have, or sounds without `input_ids`.
        """
        with self._heard(input_ids, input_features, feature_attention_mask):
            return self.vlm(input_ids=input_ids, **_as_text(mm_token_type_ids), **kwargs)

    def generate(self, inputs=None, input_features=None, feature_attention_mask=None, mm_token_type_ids=None, **kwargs):
        """As the family's own `generate`, with sounds as of `forward`."""
        ids = kwargs.pop("input_ids", None) if inputs is None else inputs
        if ids is not None:
            kwargs["input_ids"] = ids
        self.vlm.generation_config = self.generation_config  # the checkpoint's file is read into this model's
        with self._heard(ids, input_features, feature_attention_mask):
            return self.vlm.generate(**_as_text(mm_token_type_ids), **kwargs)

    @contextmanager
    def _heard(self, ids: torch.Tensor | None, input_features: torch.Tensor | None, mask: torch.Tensor | None):
        """While it lasts, the next embedding of `ids` (B, T), or of these rows repeated (beams), has the sounds' tokens in it."""
        if input_features is None:
            if ids is not None and (ids == self.config.audio_token_id).any():
                raise ValueError("the prompt has audio tokens and no sounds: give input_features and feature_attention_mask, as the processor returns them")
            yield
            return
        if ids is None:
            raise ValueError("sounds are put where `input_ids` has audio tokens: give input_ids, or put `get_audio_features` into inputs_embeds and leave input_features out")
        heard = self.get_audio_features(input_features, mask).last_hidden_state
        rows = (ids == self.config.audio_token_id).sum(1).tolist()
        if sum(rows) != len(heard):
            raise ValueError(f"Audio features and audio tokens do not match, tokens: {sum(rows)}, features: {len(heard)}")
        parts, done = heard.split(rows), []

        def put(module, args, embedded):
            here = args[0] == self.config.audio_token_id
            if done or here.dim() != 2 or not here.any():  # what is written afterwards, or a family's look at a single token
                return None
            done.append(True)
            each = torch.cat([part for part in parts for _ in range(len(here) // len(rows))])
            if int(here.sum()) != len(each):
                raise ValueError(f"the family's embedding was asked for {int(here.sum())} audio tokens of {len(each)}: read a prompt with sounds in one piece")
            return embedded.masked_scatter(here[..., None], each.to(embedded.device, embedded.dtype))

        handle = self.vlm.get_input_embeddings().register_forward_hook(put)
        try:
            yield
        finally:
            handle.remove()


def _as_text(types: torch.Tensor | None) -> dict:
    """The token types (B, T) that a family is told: a sound is text to it."""
    return {} if types is None else {"mm_token_type_ids": types.masked_fill(types == AUDIO, 0)}


def _encoded(tower: WhisperEncoder, windows: list[torch.Tensor]) -> torch.Tensor:
    """WhisperEncoder's own layers (N, L, C) over windows (mel bins, <= F) of different length, none of which sees its padding."""
    mel = pad_sequence([window.T for window in windows], batch_first=True).transpose(1, 2)  # (N, mel bins, F)
    lengths = torch.tensor([window.shape[1] for window in windows], device=mel.device)
    real = torch.arange(mel.shape[2], device=mel.device) < lengths[:, None]
    hidden = gelu(tower.conv2(gelu(tower.conv1(mel)) * real[:, None])).transpose(1, 2)
    hidden = hidden + tower.embed_positions.weight[: hidden.shape[1]]
    behind = torch.arange(hidden.shape[1], device=mel.device) >= ((lengths + 1) // 2)[:, None]
    mask = torch.zeros_like(behind, dtype=hidden.dtype).masked_fill(behind, torch.finfo(hidden.dtype).min)[:, None, None].expand(-1, 1, hidden.shape[1], -1)
    for layer in tower.layers:
        hidden = layer(hidden, mask)
    return tower.layer_norm(hidden)


AutoConfig.register("kit_composed", ComposedConfig, exist_ok=True)
AutoModelForMultimodalLM.register(ComposedConfig, ComposedForConditionalGeneration, exist_ok=True)
AutoProcessor.register(ComposedConfig, ComposedProcessor, exist_ok=True)
