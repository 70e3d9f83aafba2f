"""Any model's attention observed while it answers, whatever its attention is: who looks at what, as sums, in bounded memory.

    with observed(loaded.model) as seen:        # the same answers, and the model is left as it was
        option_scores(loaded, samples)
    seen.balances                               # one kit.attention.balance.Balance per prompt

    attention_balance(loaded, samples).table()  # the same for a list of samples, notes and template told apart

Each layer attends as ever; beside it the weights are worked out again in blocks of rows, a bounded number at a time (kit.attention.weights), and only their sums over kinds of rows and
keys are kept, and one number per key. Attention shows where information was taken from, not whether it mattered: kit.diagnosis puts it after what intervenes.
"""

import itertools
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from transformers import AttentionInterface, AttentionMaskInterface

from kit.attention.balance import KEYS, ROWS, Balance
from kit.attention.layer import AttentionLayer
from kit.attention.switch import KINDS, attention_layers
from kit.attention.token_types import TokenTypes, tell_token_types
from kit.attention.weights import own_layer, weights_in_blocks
from kit.data import Sample
from kit.data.collator import Collator
from kit.errors import KitError
from kit.language import say
from kit.models import Loaded
from kit.models.forward import base_of, entry_of, only_at, positions, to_device
from kit.show import progress

_SAME = ("sdpa", "eager", *KINDS)  # recorded while they run as they are; what is only fast on a GPU (flash, flex) is recorded while SDPA runs in its place


@dataclass
class Recorded:
    """What was observed.

    Attributes:
        balances: one per sample, in the order of the samples.
        skipped: layers without keys, named by number and kind ("0: linear_attention").
    """

    balances: list[Balance]
    skipped: tuple[str, ...]

    def table(self) -> pd.DataFrame:
        """The rows of every sample's `Balance.table`."""
        return pd.concat([balance.table() for balance in self.balances], ignore_index=True)


def attention_balance(loaded: Loaded, samples: Sequence[Sample], batch_size: int = 8, desc: str = "") -> Recorded:
    """Attention while each prompt is read up to where the answer begins.

    Args:
        samples: with any evidence; options and answers are not needed.
        batch_size: prompts read at once.
        desc: label of the progress bar.

    Raises:
        KitError: a family whose attention cannot be worked out again, or a sample that the model cannot take.
        ValueError: no samples, or a chat template that changes a sample's text.
    """
    samples = list(samples)
    if not samples:
        raise ValueError("no samples were given: there is nothing to observe")
    collator, model = Collator(loaded.processor, answers=False), loaded.model
    order = sorted(range(len(samples)), key=lambda i: (samples[i].modalities, len(samples[i].text)))
    alike = [list(rows) for _, rows in itertools.groupby(order, key=lambda i: samples[i].modalities)]  # some families read pictures or videos in a batch, not both
    batches = [rows[start : start + batch_size] for rows in alike for start in range(0, len(rows), batch_size)]
    found: list[Balance | None] = [None] * len(samples)
    was_training, skipped = model.training, ()
    model.eval()
    try:
        for rows in progress(batches, desc=desc or say("who looks at what", "注意の記録")):
            asked = [samples[i] for i in rows]
            batch = to_device(collator(asked), model)
            with observed(model, text_kinds(collator, asked, batch["input_ids"])) as seen, torch.no_grad(), only_at(model, None):
                model(**batch, position_ids=positions(model, batch), use_cache=False)
            for row, balance, grids in zip(rows, seen.balances, _grids(model, batch, asked), strict=True):
                found[row] = replace(balance, id=samples[row].id, group=samples[row].group, grids=grids)
            skipped = seen.skipped
    finally:
        model.train(was_training)
    return Recorded(found, skipped)


@contextmanager
def observed(model, kinds: torch.Tensor | None = None):
    """Yields a Record of every prompt that the model reads inside, with its answers as they are generated; the model is left as it was, whatever happens.

    Args:
        model: may carry an adapter, be in 16-bit, float32 or 4-bit, and have any attention: its own, or one of kit.attention.
        kinds: (B, T) index into KEYS of the text tokens of the batch (of `text_kinds`); None: all text but the first token counts as question.

    Raises:
        KitError: it is observed already, none of its layers has keys, or (from the forward) scores that are capped, biased or share their mass with learned sinks.
    """
    base, layers = base_of(model), attention_layers(model)
    if not layers:
        raise KitError(say("nothing to observe: no layer of this language model has keys to attend to (linear attention has none)",
                           "記録できません。この言語モデルにはキーを持つ注意層がありません（線形注意にはキーがありません）"))  # fmt: skip
    if any(hasattr(layer, "_record") for layer in layers.values()):
        raise KitError(say("this model is observed already: leave the inner `with observed(model)` out, and read the outer one's balances",
                           "このモデルは既に記録中です。内側の `with observed(model)` を外し、外側の balances を見てください"))  # fmt: skip
    config = base.config.get_text_config()
    own = config._attn_implementation or "sdpa"
    runs = own if own in _SAME else "sdpa"
    record = Record(runs, kinds, _without_keys(config, layers.values()))
    with ExitStack() as undo:
        undo.callback(base.set_attn_implementation, {"text_config": own})
        base.set_attn_implementation({"text_config": f"recorded_{runs}"})
        for layer in layers.values():
            layer._record = record
            undo.callback(delattr, layer, "_record")
        if (told := tell_token_types(base)) is not None:
            undo.callback(delattr, base, "_tells_token_types")
            undo.callback(told.remove)
        undo.callback(entry_of(base).register_forward_pre_hook(record.begins, with_kwargs=True).remove)
        yield record


def text_kinds(collator: Collator, samples: Sequence[Sample], ids: torch.Tensor) -> torch.Tensor:
    """(B, T) index into KEYS of each token of the left-padded prompts `ids` (B, T), as far as text goes: template, question or note. What stands before the last medium's end is template.

    Raises:
        ValueError: the prompt's end is not the text that the tokenizer wrote.
    """
    kinds = torch.full_like(ids, KEYS.index("template"))
    for row, sample in enumerate(samples):
        places, plain = collator.places(sample), collator.prompt_ids(sample)
        begins = next(i for i, (a, b) in enumerate(places) if b > a)
        length = len(plain) - begins
        if ids[row, -length:].tolist() != plain[begins:]:
            raise ValueError(f"the prompt of sample {sample.id!r} does not end as its chat template does: its template tokens cannot be told")
        note = (len("Note: "), len("Note: ") + len(sample.text)) if sample.text else (0, 0)
        kinds[row, -length:] = torch.tensor([
            KEYS.index("template" if a == b else "note" if a < note[1] and b > note[0] else "question") for a, b in places[begins:]
        ], device=ids.device)  # fmt: skip
    return kinds


class Record:
    """What is being observed; `balances` so far, one per prompt.

    Attributes:
        skipped: layers without keys.
        not_recorded: forwards that went on from a cache with another number of rows (options, beams): whose rows they are is not known here.
    """

    def __init__(self, runs: str, kinds: torch.Tensor | None, skipped: tuple[str, ...]):
        self.runs, self.kinds, self.skipped, self.not_recorded = runs, kinds, skipped, 0
        self._readings: list[_Reading] = []
        self._now: _Reading | None = None

    @property
    def balances(self) -> list[Balance]:
        return [balance for reading in self._readings for balance in reading.balances()]

    def begins(self, module, args, kwargs) -> None:
        """A forward of the top model begins: a new prompt, or more of the last one."""
        types = kwargs["token_types"]
        ids = kwargs["input_ids"] if kwargs.get("input_ids") is not None else args[0] if args else kwargs["inputs_embeds"]
        new, keys = ids.shape[1], types.codes.shape[1]
        mask = kwargs.get("attention_mask")
        real = mask.bool() if torch.is_tensor(mask) and mask.dim() == 2 else torch.ones_like(types.codes, dtype=torch.bool)
        if self.kinds is not None and new == keys and len(self.kinds) != len(real):
            raise ValueError(f"the kinds of text tokens are those of {len(self.kinds)} prompts, and {len(real)} were read: observe each batch by itself, or leave kinds out")
        last = self._readings[-1] if self._readings else None
        if new == keys:
            self._now = _Reading(types, real, self.kinds)
            self._readings.append(self._now)
        elif last is not None and len(types.codes) == len(last.real):
            self._now = last
            last.goes_on(types, real)
        else:
            self._now = None
            self.not_recorded += 1

    def add(self, module, query, key, mask, types: TokenTypes, scale: float) -> None:
        if self._now is not None:
            with torch.no_grad():
                self._now.add(module.layer_idx, own_layer(module, self.runs), query, key, mask, types, scale)


class _Reading:
    """The sums of B prompts. R, K and T as in kit.attention.balance, here with padding."""

    def __init__(self, types: TokenTypes, real: torch.Tensor, kinds: torch.Tensor | None):
        self.sums: dict[int, dict[str, torch.Tensor]] = {}
        self.given = kinds
        self.goes_on(types, real)

    def goes_on(self, types: TokenTypes, real: torch.Tensor) -> None:
        """The keys that there are now."""
        codes, self.real = types.codes, real[:, : types.codes.shape[1]].to(types.codes.device)
        kinds = torch.full_like(codes, KEYS.index("question"))
        if self.given is not None:
            known = min(self.given.shape[1], codes.shape[1])
            kinds[:, :known] = self.given[:, :known].to(codes.device)
        kinds = torch.where(codes > 0, codes + KEYS.index("image") - 1, kinds)
        first = self.real & (self.real.long().cumsum(1) == 1)
        self.kinds = kinds.masked_fill(first, KEYS.index("first"))
        later = (codes > 0).flip(1).cummax(1).values.flip(1)  # a medium stands here or behind
        asks = torch.where(codes > 0, codes, torch.where(later, -1, 0)).masked_fill(~self.real, -1)
        self.asking = torch.stack([asks == kind for kind in range(len(ROWS))], 1)  # (B, R, T)

    def add(self, number: int, layer: AttentionLayer | None, query, key, mask, types: TokenTypes, scale: float) -> None:
        """One layer's sums of one forward."""
        queries, keys = query.shape[2], key.shape[2]
        asking = self.asking[..., -queries:].to(query.device, torch.float32)
        held = types.of_keys(1 + torch.arange(self.kinds.shape[1])[None], keys)[0].to(self.kinds.device) - 1  # the tokens whose keys the layer still has; -1: room that is kept free
        member = torch.stack([(self.kinds == kind) & self.real for kind in range(len(KEYS))], -1)[:, held] & (held >= 0)[None, :, None]
        member = member.to(query.device, torch.float32)  # (B, keys, K)
        weight, pairs = 0.0, 0.0
        for first, last, weights, allowed in weights_in_blocks(layer, query, key, mask, types, scale):
            here = asking[..., first:last]  # (B, R, n)
            weight = weight + torch.einsum("bgrnt,bqn->bgrqt", weights.float(), here)
            pairs = pairs + torch.einsum("bnt,bqn->bqt", allowed[:, 0].float(), here)
        weight = weight.flatten(1, 2)  # (B, H, R, keys), of this layer alone and only until here
        found = {"attention": (weight @ member[:, None]).double().cpu(), "pairs": (pairs @ member).double().cpu(), "rows": asking.sum(-1).long().cpu()}
        each = torch.zeros(len(member), self.real.shape[1])
        each[:, held[held >= 0].cpu()] = weight[:, :, 0].mean(1)[:, held >= 0].cpu()
        before = self.sums.get(number)
        if before is not None:
            found = {name: before[name] + found[name] for name in found}
            each[:, : before["per_key"].shape[1]] += before["per_key"]
        self.sums[number] = found | {"per_key": each}

    def balances(self) -> Iterator[Balance]:
        layers = sorted(self.sums)
        for b in range(len(self.real) if layers else 0):
            real = self.real[b].cpu()
            of_layers = {name: torch.stack([self.sums[layer][name][b] for layer in layers]) for name in ("attention", "pairs", "rows")}
            each = torch.stack([torch.nn.functional.pad(self.sums[layer]["per_key"][b], (0, len(real) - self.sums[layer]["per_key"].shape[1])) for layer in layers])
            yield Balance(
                id="", group="", layers=np.array(layers), attention=of_layers["attention"].numpy(), pairs=of_layers["pairs"].numpy(), rows=of_layers["rows"].numpy(),
                per_key=(each[:, real] / of_layers["rows"][:, :1].clamp(min=1)).numpy(), keys=self.kinds[b].cpu()[real].numpy(),
            )  # fmt: skip


def _without_keys(config, layers) -> tuple[str, ...]:
    held, names = {layer.layer_idx for layer in layers}, getattr(config, "layer_types", None) or []
    return tuple(f"{i}: {names[i] if i < len(names) else 'no keys'}" for i in range(config.num_hidden_layers) if i not in held)


def _grids(model, batch: dict, samples: Sequence[Sample]) -> list[dict[str, list[tuple[int, int, int]]]]:
    """Per sample, modality -> (frames, rows, columns) of tokens of each medium; nothing for families that do not say."""
    found: list[dict] = [{} for _ in samples]
    merge = getattr(getattr(base_of(model).config, "vision_config", None), "spatial_merge_size", 1)
    for modality in ("image", "video"):
        given = iter(batch[f"{modality}_grid_thw"].tolist() if batch.get(f"{modality}_grid_thw") is not None else ())
        for grids, sample in zip(found, samples, strict=True):
            if shapes := list(itertools.islice(given, len(getattr(sample, modality)))):
                grids[modality] = [(frames, rows // merge, columns // merge) for frames, rows, columns in shapes]
    return found


def _recording(module, query, key, value, attention_mask, scaling=None, **more):
    """The attention function that is registered: the layer's own one, and beside it the record."""
    record, types = module._record, more.get("token_types")
    refused = [what for what in ("softcap", "s_aux", "position_bias") if more.get(what) is not None]
    if refused:
        raise KitError(say(f"attention with {', '.join(refused)} cannot be recorded: its weights are no plain softmax; probe this checkpoint by intervention (poc diagnose without the attention probe)",
                           f"{'、'.join(refused)} を使う注意は記録できません（重みが通常の softmax ではありません）。このチェックポイントは介入による検査で調べてください"))  # fmt: skip
    record.add(module, query, key, attention_mask, types, scaling or query.shape[-1] ** -0.5)
    function = sys.modules[type(module).__module__].eager_attention_forward if record.runs == "eager" else AttentionInterface()[record.runs]
    return function(module, query, key, value, attention_mask, scaling=scaling, **more)


for _name in _SAME:
    AttentionInterface.register(f"recorded_{_name}", _recording)
    AttentionMaskInterface.register(f"recorded_{_name}", AttentionMaskInterface()[_name])
