"""One forward, the same way for every family: the only file that knows transformers' argument names, positions and cache classes.

Shapes: B batch, T tokens, N options (rows of a continuation), V vocabulary, C model width.

Every family of tests/families.py goes through it: linear-attention layers (their state is read on from, several tokens at once, and expands by
`reorder_cache`), sliding windows, shared keys and values, pictures that are attended to in both directions (a continuation comes after them and is
causal, so it takes no token types).
"""

import copy
import inspect
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from transformers import DynamicCache

from kit.errors import KitError
from kit.language import say
from kit.models.lora import component_of

# what get_rope_index of one family or another asks for, and the batch entry that answers it
_POSITION_INPUTS = {
    "input_ids": "input_ids",
    "attention_mask": "attention_mask",
    "image_grid_thw": "image_grid_thw",
    "video_grid_thw": "video_grid_thw",
    "mm_token_type_ids": "mm_token_type_ids",
    "second_per_grids": "video_second_per_grid",
    "second_per_grid_ts": "second_per_grid_ts",
}
PER_TOKEN = ("input_ids", "attention_mask", "mm_token_type_ids", "token_type_ids")  # (B, T) each; everything else belongs to media
_MEDIA_KEYS = ("pixel_values", "pixel_values_videos", "input_features")


@dataclass
class Prefix:
    """A prompt that has been read once.

    Attributes:
        cache: keys and values of the B prompts. A continuation appends to it: take a fresh `select` for each pass.
        logits: (B, V) scores of the first token after each prompt.
        mask: (B, T) 1 for real tokens.
        next_position: (B,) the position id of the first token after each prompt.
    """

    cache: DynamicCache
    logits: torch.Tensor
    mask: torch.Tensor
    next_position: torch.Tensor

    def select(self, rows: torch.Tensor) -> "Prefix":
        """The same prefix with its batch re-indexed by `rows` (N,); this object is used up (the cache moves on)."""
        self.cache.reorder_cache(rows)
        if hasattr(self.cache, "read_ids"):  # kit.attention keeps there what the keys stand for
            self.cache.read_ids = self.cache.read_ids[rows]
        return Prefix(self.cache, self.logits[rows], self.mask[rows], self.next_position[rows])

    def copy(self) -> "Prefix":
        """The same prefix with a cache of its own, for one of several passes."""
        return Prefix(copy.deepcopy(self.cache), self.logits, self.mask, self.next_position)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device or the machine had no memory left; torch says the latter as a plain RuntimeError."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error) or "out of memory" in str(error).lower()


def base_of(model):
    """The transformers model below PEFT's wrapper, and below that of a training in several processes."""
    model = model.module if isinstance(model, torch.nn.parallel.DistributedDataParallel) else model
    return model.get_base_model() if hasattr(model, "peft_config") and hasattr(model, "get_base_model") else model


def to_device(batch: dict, model) -> dict:
    """The batch on the model's device, floating media in the encoders' own precision (float32 inputs break a bf16 tower).

    Raises:
        KitError: sounds for a model without ears. Gemma 4's processor hears in every size, its larger models do not.
    """
    if "input_features" in batch and getattr(base_of(model).config, "audio_config", batch) is None:
        raise KitError(
            say(
                "there are sounds in the batch, and this checkpoint has no audio encoder: leave the audio column out, or name a checkpoint that hears, e.g. gemma4-e2b",
                "バッチに音声がありますが、このチェックポイントには音声エンコーダーがありません。音声の列を外すか、音声を扱えるもの（例：gemma4-e2b）を指定してください",
            )
        )
    device, dtype = base_of(model).device, base_of(model).get_output_embeddings().weight.dtype
    moved = {}
    for key, value in batch.items():
        if torch.is_tensor(value):
            value = value.to(device)
            if key in _MEDIA_KEYS and value.is_floating_point():
                value = value.to(dtype)
        moved[key] = value
    return moved


def entry_of(model):
    """The part that every forward with `input_ids` enters, those of `generate` too: the model itself, or a composed model's vision-language part."""
    return getattr(base_of(model), "vlm", base_of(model))


def owner_of(model, method: str):
    """The innermost part of a model that has `method`, None where there is none: outer ones (a head, a composed model) only pass the question on."""
    part, found = base_of(model), None
    while part is not None:
        found = part if hasattr(part, method) else found
        part = next((getattr(part, name) for name in ("vlm", "model") if hasattr(part, name)), None)
    return found


def positions(model, batch: dict) -> torch.Tensor:
    """Explicit position ids, (3, B, T) for families with multimodal rotary positions, else (B, T).

    `rope_deltas` lives on the model object and belongs to whichever batch came last, so it is never relied upon.
    """
    mask = batch["attention_mask"]
    plain = (mask.long().cumsum(-1) - 1).clamp(min=0)
    owner = owner_of(model, "get_rope_index")
    if owner is None:
        return plain
    if not any(key in batch for key in _MEDIA_KEYS):
        return plain.unsqueeze(0).expand(3, -1, -1)
    asked = inspect.signature(owner.get_rope_index).parameters
    given = {name: batch[key] for name, key in _POSITION_INPUTS.items() if name in asked and batch.get(key) is not None}
    if "mm_token_type_ids" in given:  # families that ask for them know pictures and videos (1, 2) only; sounds (3) are given to them as text
        given["mm_token_type_ids"] = given["mm_token_type_ids"].masked_fill(given["mm_token_type_ids"] == 3, 0)
    if "audio_seqlens" in asked and batch.get("feature_attention_mask") is not None:
        given["audio_seqlens"] = batch["feature_attention_mask"].sum(-1)
    return owner.get_rope_index(**given)[0].long()


@contextmanager
def only_at(model, where: torch.Tensor | None):
    """Makes the head score only the positions `where` (B, T) is true (None: the last): full logits are what runs out of memory.

    A hook on the head works for every family, while `logits_to_keep` is swallowed silently by some (Qwen2.5-Omni) and missing in others.
    """

    def keep(module, args):
        hidden = args[0]  # (B, T, C)
        return (hidden[:, -1:] if where is None else hidden[where].unsqueeze(0),) + args[1:]

    handle = base_of(model).get_output_embeddings().register_forward_pre_hook(keep)
    try:
        yield
    finally:
        handle.remove()


def at_least_float32(logits: torch.Tensor) -> torch.Tensor:
    """16-bit logits widened; float64, in which gradients are verified, stays."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def answer_logits(model, batch: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (S, V) that predict the S supervised tokens of the batch, and those tokens (S,), row by row."""
    batch = to_device(batch, model)
    labels = batch.pop("labels")
    where = torch.zeros_like(labels, dtype=torch.bool)
    where[:, :-1] = labels[:, 1:] != -100  # the token at t is predicted at t - 1
    with only_at(model, where):
        logits = model(**batch, position_ids=positions(model, batch), use_cache=False).logits[0]
    return at_least_float32(logits), labels[:, 1:][where[:, :-1]]


def first_layer(model) -> torch.nn.Module:
    """The language model's first layer: what it reads are embeddings, the media's among them."""
    return next(module for path, module in base_of(model).named_modules() if path.endswith("layers.0") and component_of(path) == "llm")


@contextmanager
def nudged(model, unit: torch.Tensor, where: torch.Tensor, epsilon: float):
    """What the language model reads at the true places of `where` (B, T) is moved by epsilon x its own root mean square x `unit` (B, T, C), whose slope the forward then has."""

    def move(layer, args, kwargs):
        hidden, at = args[0], where.unsqueeze(-1).to(args[0].dtype)
        size = ((hidden.detach() * at).pow(2).sum((1, 2), keepdim=True) / (at.sum((1, 2), keepdim=True) * hidden.shape[-1]).clamp(min=1)).sqrt()
        return (hidden + epsilon * size * unit.to(hidden.dtype) * at, *args[1:]), kwargs

    handle = first_layer(model).register_forward_pre_hook(move, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


@torch.no_grad()
def read_prompt(model, batch: dict) -> Prefix:
    """Runs B left-padded prompts once and keeps their keys and values."""
    batch = to_device({k: v for k, v in batch.items() if k != "labels"}, model)
    where = positions(model, batch)
    with only_at(model, None):
        out = model(**batch, position_ids=where, past_key_values=DynamicCache(config=base_of(model).config.get_text_config()), use_cache=True)
    return Prefix(out.past_key_values, out.logits[:, -1].float(), batch["attention_mask"], _after(where))


@torch.no_grad()
def continue_with(model, prefix: Prefix, tokens: torch.Tensor) -> torch.Tensor:
    """Logits (N, L, V) after each of the L tokens (N, L) that follow the N prefixes; right padding is harmless (attention is causal)."""
    tokens = tokens.to(model.device)
    length = tokens.shape[1]
    where = _continued(model, prefix.next_position[:, None] + torch.arange(length, device=tokens.device))
    mask = torch.cat([prefix.mask, torch.ones_like(tokens)], 1)
    out = model(input_ids=tokens, attention_mask=mask, position_ids=where, past_key_values=prefix.cache, use_cache=True)
    return out.logits.float()


@torch.no_grad()
def read_on(model, prefix: Prefix, tokens: torch.Tensor, real: torch.Tensor) -> Prefix:
    """The N prompts read on by their next L tokens (N, L), padded on the left where `real` (N, L) is 0; `prefix` is used up.

    Exact where every layer attends to everything (`attends_to_all`); elsewhere give tokens without padding, because a hole moves a sliding window and enters a linear layer's state.
    """
    tokens, real = tokens.to(model.device), real.to(model.device)
    where = _continued(model, prefix.next_position[:, None] + (real.cumsum(1) - 1).clamp(min=0))
    mask = torch.cat([prefix.mask, real], 1)
    with only_at(model, None):
        out = model(input_ids=tokens, attention_mask=mask, position_ids=where, past_key_values=prefix.cache, use_cache=True)
    return Prefix(out.past_key_values, out.logits[:, -1].float(), mask, prefix.next_position + real.sum(1))


def attends_to_all(model) -> bool:
    """Whether no layer of the language model has a sliding window or a linear attention's state."""
    config = base_of(model).config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    return kinds == {"full_attention"} and not (getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True))


def first_tokens(batch: dict, length: int) -> dict:
    """A batch of prompts cut after its first `length` tokens; every medium's tokens must be among them."""
    return {name: value[:, :length] if name in PER_TOKEN else value for name, value in batch.items()}


@dataclass
class Begun:
    """Prompts that were run up to where they are perturbed, with the graph that leads back to the adapter.

    Attributes:
        layers: (keys, values) of each layer, (B, heads, P, D) each.
        ids: (B, P) the tokens.
        mask: (B, P) 1 for real tokens.
        next_position: (B,) the position id of the first token after each.
    """

    layers: list[tuple[torch.Tensor, torch.Tensor]]
    ids: torch.Tensor
    mask: torch.Tensor
    next_position: torch.Tensor


def begin(model, batch: dict) -> Begun:
    """Runs B left-padded beginnings of prompts, all their media within, once and with gradients; needs `attends_to_all` and no gradient checkpointing (which drops the cache)."""
    batch = to_device({k: v for k, v in batch.items() if k != "labels"}, model)
    where, cache = positions(model, batch), DynamicCache()
    with only_at(model, torch.zeros_like(batch["input_ids"], dtype=torch.bool)):  # keys and values are wanted, no scores
        model(**batch, position_ids=where, past_key_values=cache, use_cache=True)
    return Begun([(layer.keys, layer.values) for layer in cache.layers], batch["input_ids"], batch["attention_mask"], _after(where))


def go_on(model, begun: Begun, ids: torch.Tensor, embedded: torch.Tensor, real: torch.Tensor, scored: torch.Tensor, detached: bool = False) -> torch.Tensor:
    """Logits (S, V), float32, at the S true places of `scored` (N, L), row by row, of tails that follow the beginnings.

    Args:
        ids: (N, L) what the tails' embeddings stand for, moved or not; an attention of kit.attention asks for it.
        embedded: (N, L, C) input embeddings, padded on the left; N is B or a multiple of it, the beginnings are then repeated as a whole.
        real: (N, L) 1 for real tokens.
        detached: no gradient goes into the beginnings (the ascent steps of an attack).
    """
    times = len(embedded) // len(begun.mask)
    layers = [(k.detach(), v.detach()) if detached else (k, v) for k, v in begun.layers]
    cache = DynamicCache(ddp_cache_data=[(torch.cat([k] * times), torch.cat([v] * times)) for k, v in layers])  # a forward appends: fresh for each pass
    cache.read_ids, cache.embedded_ids = begun.ids.repeat(times, 1), ids
    where = _continued(model, begun.next_position.repeat(times)[:, None] + (real.cumsum(1) - 1).clamp(min=0))
    mask = torch.cat([begun.mask.repeat(times, 1), real], 1)
    with only_at(model, scored):
        logits = model(inputs_embeds=embedded, attention_mask=mask, position_ids=where, past_key_values=cache, use_cache=True).logits[0]
    return at_least_float32(logits)


def _after(where: torch.Tensor) -> torch.Tensor:
    """The position (B,) of what follows left-padded prompts at `where`: after the last token, not after the highest position, because Qwen2.5-VL gives a video's frames higher ones than the text behind them."""
    return (where[..., -1] if where.dim() == 2 else where[..., -1].amax(0)) + 1


def _continued(model, where: torch.Tensor) -> torch.Tensor:
    """Position ids (N, L) of text after a prompt, as the family wants them."""
    return where.unsqueeze(0).expand(3, -1, -1) if owner_of(model, "get_rope_index") is not None else where


@torch.no_grad()
def generate(model, batch: dict, max_new_tokens: int = 32) -> torch.Tensor:
    """Greedy answer tokens (B, <= max_new_tokens) of left-padded prompts."""
    batch = to_device({k: v for k, v in batch.items() if k != "labels"}, model)
    ids = base_of(model).generate(**batch, max_new_tokens=max_new_tokens, do_sample=False)
    return ids[:, batch["input_ids"].shape[1] :]
