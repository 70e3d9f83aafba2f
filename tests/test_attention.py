"""MODA and its rivals: the mathematics against plain loops in float64, and the same answers however a prompt is read, on every family."""

import copy
import warnings

import numpy as np
import pytest
import torch
from families import FAMILIES

from kit.attention import Biased, Moda, TokenTypes, Unmasked, kind_of, load, switch_on
from kit.attention import grams as grams_room
from kit.attention import moda as moda_room
from kit.attention import rows as rows_room
from kit.attention import seen as seen_room
from kit.attention.flex import attend_groups as attend_on_gpu
from kit.attention.grams import CHUNK, EPS
from kit.attention.rows import attend
from kit.attention.seen import folded, seen_by
from kit.data.collator import Collator
from kit.errors import KitError
from kit.evaluation import option_scores
from kit.models import add_lora
from kit.models import load as load_plain
from kit.models.forward import answer_logits, base_of, first_tokens, generate, positions, read_on, read_prompt
from kit.models.loading import add_adapter
from kit.models.lora import is_adapter
from kit.training import Settings, finetune

NAMED = ("qwen2.5-omni", "qwen2.5-vl", "qwen3-vl", "smolvlm")
EACH = pytest.mark.parametrize("name", FAMILIES)
QUESTION, OPTIONS = "Which colour is the part?", ("red", "dark green", "blue or violet")
LEARNED = (".moda.", ".rave.")


def switched(source, settings=None, stir=True):
    """A family with an attention whose parameters are random: untrained ones would hide faults."""
    loaded = load_plain(source, device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        switch_on(loaded.model, settings or Moda())
    return stirred(loaded) if stir else loaded


def stirred(loaded):
    generator = torch.Generator().manual_seed(1)
    for path, weight in loaded.model.named_parameters():
        if any(part in path for part in LEARNED):
            weight.data.copy_(
                torch.rand(weight.shape, generator=generator)
                if path.endswith("gate")
                else 0.5 * torch.randn(weight.shape, generator=generator)
            )
    return loaded


def logits_of(loaded, rows):
    batch, dtype = Collator(loaded.processor, answers=False)(rows), next(loaded.model.parameters()).dtype
    where = positions(loaded.model, batch)
    given = {name: value.to(dtype) if value.is_floating_point() else value for name, value in batch.items()}
    with torch.no_grad():
        return loaded.model(**given, position_ids=where, use_cache=False).logits, batch["attention_mask"].bool()


# ------------------------------------------------------------------------------------------------- the mathematics, in plain loops


def reference(q, k, v, allowed, codes, scale, layer, slots=None):
    """The specification row by row, in plain loops: (B, H, Tq, D)."""
    (batch, heads, queries, _), groups, keys = q.shape, k.shape[1], k.shape[2]
    out = torch.zeros_like(q)
    for b in range(batch):
        for h in range(heads):
            g = h // (heads // groups)
            for i in range(queries):
                sees = [j for j in range(keys) if allowed[b, 0, i, j]]
                if not sees:
                    continue
                scores = []
                for j in sees:
                    o = int(codes[b, j] > 0)
                    asked = q[b, h, i].clone()
                    if layer.align is not None:
                        others = [k[b, g, m] for m in sees if int(codes[b, m] > 0) != o]
                        gram = sum(
                            (torch.outer(one, one) for one in others),
                            torch.zeros(q.shape[-1], q.shape[-1], dtype=q.dtype),
                        )
                        asked = asked + gram @ layer.align[o, g].T @ q[b, h, i] / (gram.trace() + EPS)
                    scores.append(scale * asked @ k[b, g, j])
                scores = torch.stack(scores)
                row = int(codes[b, keys - queries + i] > 0)
                kept = 1.0
                if layer.settings.mask:
                    gate, beta = (
                        (layer.gate[row].clamp(0, 1), layer.log_beta[row].exp())
                        if layer.settings.mask == "learned"
                        else (q.new_ones(()), q.new_ones(()))
                    )
                    if slots is None:
                        empty = torch.exp(-torch.log(1 - torch.exp(-beta)))
                    else:
                        empty = sum(torch.exp(-beta * n) for n in range(slots - len(sees)))
                    kept = 1 - gate * empty / (empty + scores.exp().sum())
                out[b, h, i] = kept * sum(
                    w * v[b, g, j] for w, j in zip(scores.softmax(0), sees, strict=True)
                )
    return out


def tensors(batch=2, heads=4, groups=2, queries=9, keys=9, width=6, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    q, k, v = (
        torch.randn(batch, n, t, width, generator=generator, dtype=dtype)
        for n, t in ((heads, queries), (groups, keys), (groups, keys))
    )
    codes = torch.randint(0, 2, (batch, keys), generator=generator) * 2
    return q, k, v, TokenTypes(codes, torch.zeros_like(codes))


def moda_layer(settings, groups=2, width=6, dtype=torch.float64):
    layer = settings.layer(4, groups, width).to(dtype)
    generator = torch.Generator().manual_seed(3)
    for path, weight in layer.named_parameters():
        weight.data.copy_(
            (torch.rand if path == "gate" else torch.randn)(weight.shape, generator=generator, dtype=dtype)
        )
    return layer


def packed(queries=9, size=4):
    """Samples one behind the other in a row, each blind to the others; chunked attention looks the same."""
    return (torch.ones(queries, queries, dtype=torch.bool).tril() & (torch.arange(queries)[:, None] // size == torch.arange(queries) // size)).expand(2, 1, -1, -1)


def padded_to(real=5, window=3, keys=9):
    """Padding on the right that is wider than the window, so that the last row sees nothing."""
    allowed = (torch.ones(keys, keys, dtype=torch.bool).tril() & torch.ones(keys, keys, dtype=torch.bool).triu(1 - window)).expand(2, 1, -1, -1).clone()
    allowed[..., real:] = False
    return allowed


def padded(queries=9, keys=9, window=None):
    """A causal mask with padding on the left of the first row and on the right of the second; with a window, or a picture that sees itself in both directions."""
    allowed = torch.ones(2, 1, queries, keys, dtype=torch.bool).tril(keys - queries)
    allowed[0, ..., :2] = False
    allowed[1, ..., keys - 1 :] = False
    if window:
        allowed &= torch.ones(queries, keys, dtype=torch.bool).triu(keys - queries - window + 1)
    return allowed


MASKS = {
    "causal": lambda: None,
    "continued": lambda: None,
    "padded": padded,
    "numbers": lambda: torch.zeros(2, 1, 9, 9).masked_fill(~padded(), torch.finfo(torch.float32).min),
    "window": lambda: padded(window=3),
    "packed": packed,
    "window, padded beyond it": padded_to,
    "both directions": lambda: (
        padded()
        | (torch.arange(9)[None, None, None] // 3 == 1) & (torch.arange(9)[None, None, :, None] // 3 == 1)
    ),
}
PARTS = {
    "align": Moda(True, None),
    "mask": Moda(False, "learned"),
    "both": Moda(),
    "fixed": Moda(True, "fixed"),
    "slots": Moda(True, "learned", 12),
}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("parts", PARTS)
def test_moda_is_its_specification_in_plain_loops(parts, mask):
    q, k, v, types = tensors(queries=4 if mask == "continued" else 9)
    layer, given = moda_layer(PARTS[parts]), MASKS[mask]()
    allowed = (
        torch.ones(2, 1, q.shape[2], 9, dtype=torch.bool).tril(9 - q.shape[2])
        if given is None
        else given
        if given.dtype == torch.bool
        else given == 0
    )
    told = layer(q, k, v, given, types, 0.4).transpose(1, 2)
    expected = reference(q, k, v, allowed, types.codes, 0.4, layer, layer.settings.slots)
    counted = allowed.any(-1)[:, 0]
    assert counted.sum() >= 8
    torch.testing.assert_close(
        told.transpose(1, 2)[counted], expected.transpose(1, 2)[counted], rtol=0, atol=1e-12
    )


def test_the_scan_in_chunks_equals_the_dense_sum_and_so_do_its_gradients(monkeypatch):
    for queries, keys in ((3 * CHUNK + 5, 3 * CHUNK + 5), (CHUNK + 1, 2 * CHUNK), (1, 40)):
        q, k, v, types = tensors(queries=queries, keys=keys, width=8)
        found = []
        for dense in (0, 1000):
            monkeypatch.setattr(moda_room, "DENSE", dense)
            layer, inputs = moda_layer(Moda(True, None), width=8), [t.clone().requires_grad_() for t in (q, k, v)]
            out = layer(*inputs, None, types, 0.4)
            out.pow(2).sum().backward()
            found.append((out.detach(), layer.align.grad, *(t.grad for t in inputs)))
        for scanned, dense in zip(*found, strict=True):
            torch.testing.assert_close(scanned, dense, rtol=1e-6, atol=1e-8)


def test_gradients_of_every_parameter_are_those_of_finite_differences():
    q, k, v, types = tensors(queries=5, keys=7)
    layer = moda_layer(Moda())
    assert torch.autograd.gradcheck(lambda *_: layer(q, k, v, None, types, 0.4), tuple(layer.parameters()))
    inputs = [t.clone().requires_grad_() for t in (q, k, v)]
    assert torch.autograd.gradcheck(lambda *given: layer(*given, None, types, 0.4), inputs)


def test_a_gate_that_overshot_finds_back():
    q, k, v, types = tensors()
    for start, target in ((-0.2, 0.0), (1.2, 1.0)):
        layer = moda_layer(Moda(False))
        layer.gate.data.fill_(0.5)
        wanted = layer(q, k, v, None, types, 0.4).detach()
        layer.gate.data.fill_(start)
        assert torch.equal(
            layer(q, k, v, None, types, 0.4),
            (layer.gate.data.fill_(target), layer(q, k, v, None, types, 0.4))[1],
        )
        layer.gate.data.fill_(start)
        optimizer = torch.optim.Adam([layer.gate], 0.05)
        for _ in range(60):
            optimizer.zero_grad()
            (layer(q, k, v, None, types, 0.4) - wanted).pow(2).sum().backward()
            optimizer.step()
        assert bool(((layer.gate > 0) & (layer.gate < 1)).all())


def test_long_rows_in_blocks_are_the_same_and_have_the_same_gradients(monkeypatch):
    q, k, v, types = tensors(queries=33, keys=33)
    found = []
    for at_once in (2**26, 500):
        monkeypatch.setattr(rows_room, "_AT_ONCE", at_once)
        layer = moda_layer(Moda())
        out = layer(q, k, v, padded(33, 33), types, 0.4)
        out.pow(2).sum().backward()
        found.append([out.detach(), *(weight.grad for weight in layer.parameters())])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("mask", ["causal", "padded", "window"])
@pytest.mark.parametrize("two", [True, False], ids=["two groups", "one group"])
def test_the_attention_for_gpus_is_the_same(two, mask):
    q, k, v, types = tensors(queries=130, keys=130, width=16, dtype=torch.float32)
    given = {"causal": None, "padded": padded(130, 130), "window": padded(130, 130, 20)}[mask]
    seen = seen_by(q, k, given, types)
    queries = torch.stack([folded(q, 2), 0.5 * folded(q, 2)])[: 2 if two else 1]
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # FlexAttention is only meant to be fast when compiled
        out, mass = attend_on_gpu(queries, k, v, seen, 0.3)
        groups = [k * group[:, None, :, None] for group in seen.groups.float()] if two else [k]
        expected, expected_mass = attend(torch.cat([*queries], -1), torch.cat(groups, -1), v, seen.hidden, 0.3)
    counted = seen.allowed.any(-1).repeat(1, 2, 2)
    torch.testing.assert_close(out[counted], expected[counted], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(mass[counted], expected_mass[counted], rtol=1e-5, atol=1e-5)


def test_scores_far_below_the_slots_stay_finite_and_keep_their_gradient():
    q, k, v, types = tensors(dtype=torch.float32)
    layer, q = moda_layer(Moda(), dtype=torch.float32), (-40 * k.repeat_interleave(2, 1)).requires_grad_()
    out = layer(q, k, v, None, types, 1.0)
    out.sum().backward()
    assert (
        out.isfinite().all()
        and q.grad.isfinite().all()
        and all(weight.grad.isfinite().all() for weight in layer.parameters())
    )


# ------------------------------------------------------------------------------------------------- in the families


@EACH
@pytest.mark.parametrize("settings", [Moda(), Biased()], ids=["moda", "rave"])
def test_untrained_it_is_the_model_that_it_was_put_into(name, settings, checkpoints, pictured):
    """To 1e-5 of the largest logit (the shipped model's are 20 and more): sums are rounded in another order; in float64 to 1e-11."""
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-11)):
        base, loaded = load_plain(checkpoints(name), device="cpu"), switched(checkpoints(name), settings, stir=False)
        base.model.to(dtype), loaded.model.to(dtype)
        plain, real = logits_of(base, pictured)
        if name == "qwen3.5":
            tolerance = 1e-5  # its linear attention computes in float32 whatever it is given
        assert (logits_of(loaded, pictured)[0] - plain)[real].abs().max() <= tolerance * plain[real].abs().max().clamp(min=1)
    assert (logits_of(stirred(loaded), pictured)[0] - plain)[real].abs().max() > 0.05  # and trained it is another


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-9)], ids=["float32", "float64"]
)
@pytest.mark.parametrize("name", [*NAMED, "gemma4-small"])  # the last has sliding windows and shared keys
def test_a_prompt_read_in_two_parts_is_the_prompt_read_at_once_at_every_cut(
    name, dtype, tolerance, checkpoints, pictured
):
    """Cuts inside a picture too: the language model is given the embeddings that it is given in one forward, as far as the cut."""
    loaded = switched(checkpoints(name))
    model = loaded.model.to(dtype)
    batch = Collator(loaded.processor, answers=False)([pictured[2].replace(text="", question="Colour?", options=("red", "blue"), answer="red")])
    batch = {k: v.to(dtype) if v.is_floating_point() else v for k, v in batch.items()}
    language = next(m for path, m in model.named_modules() if path.endswith(("language_model", "text_model")))
    caught = {}
    handle = language.register_forward_pre_hook(
        lambda module, args, kwargs: caught.update(kwargs), with_kwargs=True
    )
    with torch.no_grad():
        model(**batch, position_ids=positions(model, batch), use_cache=False)
    handle.remove()
    types, length = caught["token_types"], caught["inputs_embeds"].shape[1]
    assert 0 < int((types.codes > 0).sum()) < length

    def read(start, end, cache):
        part = {
            k: v
            for k, v in caught.items()
            if k not in ("input_ids", "token_types", "past_key_values", "use_cache") and v is not None
        }
        part |= {
            k: part[k][:, start:end]
            for k in ("inputs_embeds", "visual_pos_masks", "per_layer_inputs", "mm_token_type_ids")
            if torch.is_tensor(part.get(k))
        }
        if "deepstack_visual_embeds" in part:
            before, here = (
                int(caught["visual_pos_masks"][:, a:b].sum()) for a, b in ((0, start), (start, end))
            )
            part["deepstack_visual_embeds"] = [
                layer[before : before + here] for layer in part["deepstack_visual_embeds"]
            ]
        part["attention_mask"] = None  # nothing is padded; a family's own masks are made for one length
        part["position_ids"] = part["position_ids"][..., start:end]
        return language(
            **part,
            past_key_values=cache,
            use_cache=True,
            token_types=TokenTypes(types.codes[:, :end], types.turns[:, :end]),
        ).last_hidden_state

    from transformers import DynamicCache

    with torch.no_grad():
        whole = read(0, length, DynamicCache(config=language.config))
        for cut in range(1, length):
            cache = DynamicCache(config=language.config)
            parts = torch.cat([read(0, cut, cache), read(cut, length, cache)], 1)
            assert (parts - whole).abs().max() <= tolerance * max(1.0, float(whole.abs().max())), cut


@EACH
def test_the_kit_reads_on_and_chooses_rows_as_it_does_with_plain_attention(name, checkpoints, pictured):
    """Through the top model, whose hook keeps what the cached keys stand for: a cut behind the picture, rows in another order, several answers."""
    loaded = switched(checkpoints(name))
    batch = Collator(loaded.processor, answers=False)([pictured[1]])
    length, expected = batch["input_ids"].shape[1], logits_of(loaded, [pictured[1]])[0][0, -1]
    for cut in (length - 12, length - 1):
        prefix = read_prompt(loaded.model, first_tokens(batch, cut))
        rest = batch["input_ids"][:, cut:].expand(3, -1)
        last = read_on(
            loaded.model, prefix.select(torch.zeros(3, dtype=torch.long)), rest, torch.ones_like(rest)
        ).logits
        torch.testing.assert_close(last, expected.expand(3, -1), rtol=1e-4, atol=1e-4)


@EACH
@pytest.mark.parametrize("settings", [Moda(), Unmasked(), Biased()], ids=["moda", "mma", "rave"])
def test_padding_on_either_side_and_neighbours_of_other_kinds_change_nothing(
    name, settings, checkpoints, pictured
):
    loaded = switched(checkpoints(name), settings)
    alone = [answer_logits(loaded.model, Collator(loaded.processor)([row]))[0].detach() for row in pictured]
    padded_right = answer_logits(loaded.model, Collator(loaded.processor)(pictured))[0].detach()
    torch.testing.assert_close(padded_right, torch.cat(alone), rtol=1e-4, atol=1e-4)
    first = torch.stack([one[0] for one in alone])
    left, _ = logits_of(loaded, pictured)
    torch.testing.assert_close(left[:, -1].float(), first, rtol=1e-4, atol=1e-4)


@EACH
def test_beams_and_caches_write_what_the_whole_prompt_written_anew_writes(name, checkpoints, pictured):
    loaded = switched(checkpoints(name))
    batch = Collator(loaded.processor, answers=False)(pictured[:2])
    written = [
        base_of(loaded.model).generate(
            **batch, max_new_tokens=5, do_sample=False, num_beams=beams, use_cache=cache
        )
        for beams in (1, 3)
        for cache in (True, False)
    ]
    assert torch.equal(written[0], written[1]) and torch.equal(written[2], written[3])
    assert torch.equal(generate(loaded.model, batch, 5), written[0][:, batch["input_ids"].shape[1] :])


@pytest.mark.parametrize("name", NAMED)
def test_gradient_checkpointing_gives_the_same_gradients(name, checkpoints, pictured):
    found = []
    for checkpointing in (False, True):
        loaded = switched(checkpoints(name))
        model = add_lora(loaded.model, ["llm"], 4)
        model.train()
        if checkpointing:
            model.gradient_checkpointing_enable()
            model.enable_input_require_grads()
        logits, targets = answer_logits(model, Collator(loaded.processor)(pictured))
        torch.nn.functional.cross_entropy(logits, targets).backward()
        found.append({path: weight.grad for path, weight in model.named_parameters() if weight.requires_grad})
    assert any("moda" in path for path in found[0])
    for path, gradient in found[0].items():
        torch.testing.assert_close(
            found[1][path], gradient, rtol=1e-4, atol=1e-6, msg=lambda text, path=path: f"{path}: {text}"
        )


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("four_bit", [False, True], ids=["float32", "4-bit"])
def test_an_adapter_is_trained_saved_and_read_back_exactly(name, four_bit, checkpoints, pictured, tmp_path):
    loaded = load_plain(checkpoints(name), four_bit=four_bit, device="cpu")
    base = np.array(list(option_scores(loaded, pictured)))
    switch_on(loaded.model, Moda())
    tuned = finetune(
        loaded,
        pictured,
        pictured[:2],
        Settings(lora=("llm",), steps=3, batch=2, evaluate_every=3, rank=4, learning_rate=1e-2),
        tmp_path,
    )
    moved = [
        path
        for path, weight in tuned.loaded.model.named_parameters()
        if ".modules_to_save." in path and float(weight.abs().max()) > 0
    ]
    assert {path.rsplit(".", 1)[-1] for path in moved} == {"align", "gate", "log_beta"}
    trained = np.array(list(option_scores(tuned.loaded, pictured)))
    again = load(checkpoints(name), four_bit=four_bit, adapter=tuned.adapter, device="cpu")
    assert kind_of(again.model) == Moda()
    assert (
        np.array_equal(np.array(list(option_scores(again, pictured))), trained)
        and np.abs(trained - base).max() > 1e-3
    )
    with again.model.disable_adapter():
        assert np.abs(np.array(list(option_scores(again, pictured))) - base).max() < 1e-4
    with pytest.raises(KitError, match="was trained with the attention 'moda'.*kit.attention.load"):
        load_plain(checkpoints(name), four_bit=four_bit, adapter=tuned.adapter, device="cpu")


def test_the_argument_alone_attends_as_ever_and_says_so(checkpoints, pictured):
    from transformers import AutoModelForMultimodalLM

    plain = load_plain(checkpoints("qwen3-vl"), device="cpu")
    model = AutoModelForMultimodalLM.from_pretrained(
        checkpoints("qwen3-vl"), dtype=torch.float32, attn_implementation={"text_config": "moda"}
    ).eval()
    batch = Collator(plain.processor, answers=False)(pictured)
    with torch.no_grad(), pytest.warns(UserWarning, match="creates no parameters: it attends as ever, and an adapter that was trained with 'moda' would be ignored. Call kit.attention.switch_on"):
        found, expected = (
            one(**batch, position_ids=positions(plain.model, batch)).logits for one in (model, plain.model)
        )
    torch.testing.assert_close(found, expected)
    switch_on(model)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("error")
        real, found = batch["attention_mask"].bool(), model(**batch, position_ids=positions(plain.model, batch)).logits
    torch.testing.assert_close(found[real], expected[real], rtol=1e-5, atol=1e-5)
    assert (
        model.config.text_config._attn_implementation == "moda"
        and model.config.vision_config._attn_implementation != "moda"
    )


# ------------------------------------------------------------------------------------------------- what cannot work is refused


def test_layers_without_keys_are_named(checkpoints):
    with pytest.warns(UserWarning, match="moda acts in 1 of 4 layers; the others are linear attention"):
        switch_on(load_plain(checkpoints("qwen3.5"), device="cpu").model)


def test_mma_refuses_a_prompt_that_is_read_in_parts(checkpoints, pictured):
    loaded = switched(checkpoints("qwen2.5-vl"), Unmasked())
    batch = Collator(loaded.processor, answers=False)([pictured[1]])
    prefix = read_prompt(loaded.model, first_tokens(batch, batch["input_ids"].shape[1] - 12))
    with pytest.raises(KitError, match="a prompt must be read whole"):
        read_on(loaded.model, prefix, batch["input_ids"][:, -12:], torch.ones(1, 12, dtype=torch.long))
    scores = np.array(list(option_scores(loaded, pictured)))  # options behind a whole prompt are no such thing
    assert np.isfinite(scores).all()


def test_an_adapter_before_the_switch_embeddings_alone_and_too_few_slots_are_refused(checkpoints, pictured):
    loaded = load_plain(checkpoints("qwen2.5-vl"), device="cpu")
    with pytest.raises(KitError, match="must be switched on first"):
        switch_on(add_lora(loaded.model, ["llm"], 4))
    with pytest.raises(KitError, match="mask='soft' is unknown; allowed: 'learned', 'fixed', None"):
        Moda(mask="soft")
    for slots in (0, -3, 2.5, True):
        with pytest.raises(KitError, match="slots=.* is not possible; give a whole number from 1"):
            Moda(slots=slots)
    loaded = switched(checkpoints("qwen2.5-vl"), Moda(slots=20))
    with pytest.raises(KitError, match="slots=20, and a token sees .* keys"):
        logits_of(loaded, pictured)
    embedded = loaded.model.get_input_embeddings()(torch.ones(1, 4, dtype=torch.long))
    with pytest.raises(KitError, match="was given embeddings only: pass input_ids, or token_types"):
        loaded.model(inputs_embeds=embedded, position_ids=torch.arange(4).expand(3, 1, 4))


def test_a_cache_from_before_the_switch_and_attention_dropout_are_refused(checkpoints, pictured):
    loaded = load_plain(checkpoints("qwen2.5-vl"), device="cpu")
    batch = Collator(loaded.processor, answers=False)([pictured[1]])
    prefix = read_prompt(loaded.model, batch)
    switch_on(loaded.model)
    with pytest.raises(KitError, match="filled before this attention was switched on"):
        read_on(
            loaded.model, copy.copy(prefix), batch["input_ids"][:, -1:], torch.ones(1, 1, dtype=torch.long)
        )
    for module in loaded.model.modules():
        if hasattr(module, "attention_dropout"):
            module.attention_dropout = 0.1
    loaded.model.train()
    with pytest.raises(KitError, match="cannot be combined with attention dropout"):
        answer_logits(loaded.model, Collator(loaded.processor)(pictured[:1]))


def test_a_model_of_text_alone_can_be_switched_too():
    """There is nothing to align to; what matters is that its attention is really the one that was asked for."""
    import transformers as hf

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = hf.Qwen2ForCausalLM(hf.Qwen2Config(vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2)).eval()
    ids = torch.arange(12)[None]
    with torch.no_grad():
        plain = model(ids).logits
        switch_on(model, Moda(mask="fixed"))
        assert model.config._attn_implementation == "moda" and (model(ids).logits - plain).abs().max() > 1e-3


def test_an_adapter_of_an_attention_without_parameters_is_refused_by_plain_attention_too(checkpoints, pictured, tmp_path):
    """Nothing in its file tells; and a plain training into the same folder takes the word back."""
    source, settings = checkpoints("qwen2.5-vl"), Settings(lora=("llm",), steps=1, batch=2, evaluate_every=1, rank=4)
    loaded = switched(source, Unmasked())
    tuned = finetune(loaded, pictured, pictured[:2], settings, tmp_path)
    with pytest.raises(KitError, match="was trained with the attention 'mma'"):
        load_plain(source, adapter=tuned.adapter, device="cpu")
    assert kind_of(load(source, adapter=tuned.adapter, device="cpu").model) == Unmasked()
    again = finetune(load_plain(source, device="cpu"), pictured, pictured[:2], settings, tmp_path)
    assert kind_of(load(source, adapter=again.adapter, device="cpu").model) is None


def test_an_adapter_needs_the_very_attention_that_it_was_trained_with(checkpoints, pictured, tmp_path):
    source, settings = checkpoints("qwen2.5-vl"), Settings(lora=("llm",), steps=1, batch=2, evaluate_every=1, rank=4)
    adapters = {None: None, Moda(mask=None): None}
    for attention in adapters:
        loaded = load_plain(source, device="cpu") if attention is None else switched(source, attention, stir=False)
        adapters[attention] = finetune(loaded, pictured, pictured[:2], settings, tmp_path / str(attention is None)).adapter
    for trained, given, told in (
        (Moda(mask=None), Moda(mask="fixed"), "was trained with the attention 'moda' .align=True, mask=None, slots=None., and this model has the attention 'moda' .align=True, mask='fixed'"),
        (Moda(mask=None), Biased(), "this model has the attention 'rave', which"),
        (None, Moda(False, "fixed"), "was trained with plain attention, and this model has the attention 'moda'"),
        (None, Unmasked(), "was trained with plain attention, and this model has the attention 'mma'"),
    ):
        with pytest.raises(KitError, match=told):
            add_adapter(switched(source, given, stir=False).model, adapters[trained])
    assert kind_of(add_adapter(switched(source, Moda(mask=None), stir=False).model, adapters[Moda(mask=None)])) == Moda(mask=None)
    # nor is a finished training gone on from under another one: it is done anew
    for given, updates in ((Moda(mask=None), 7), (Moda(mask="fixed"), 1)):
        record = tmp_path / "False" / "training.json"
        record.write_text(record.read_text().replace('"applied_updates": 1', '"applied_updates": 7'))
        assert finetune(switched(source, given, stir=False), pictured, pictured[:2], settings, tmp_path / "False", resume=True).applied_updates == updates


def test_a_switch_works_on_a_bare_decoder_and_one_that_fails_changes_nothing():
    import transformers as hf

    config = hf.Qwen2Config(vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2)
    model = hf.Qwen2Model(config).eval()  # has no generation_config
    with torch.no_grad():
        plain = model(torch.arange(12)[None]).last_hidden_state
        assert (switch_on(model)(torch.arange(12)[None]).last_hidden_state - plain).abs().max() < 1e-5
    model = hf.Qwen2Model(hf.Qwen2Config(**config.to_dict()))

    class Broken(Moda):
        def layer(self, heads, groups, width):
            raise ValueError("no such layer")

    with pytest.raises(ValueError, match="no such layer"):
        switch_on(model, Broken())
    assert kind_of(model) is None and model.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("settings", [Moda(), Unmasked()], ids=["moda", "mma"])
def test_a_static_cache_writes_what_a_growing_one_writes(settings, checkpoints, pictured):
    for name in ("qwen2.5-omni", "qwen3-vl"):
        loaded = switched(checkpoints(name), settings)
        batch = Collator(loaded.processor, answers=False)(pictured[:3])
        told = [loaded.model.generate(**batch, max_new_tokens=4, do_sample=False, **more) for more in ({}, {"cache_implementation": "static"})]
        assert torch.equal(*told)


def test_packed_rows_and_chunks_of_attention_are_left_as_the_model_has_them():
    """Positions that start again make transformers mask all but the own sample; untrained MODA must see no more and no less."""
    import transformers as hf

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = hf.Qwen2ForCausalLM(hf.Qwen2Config(vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2)).eval()
        chunked = hf.Llama4ForCausalLM(hf.Llama4TextConfig(vocab_size=64, hidden_size=32, intermediate_size=32, intermediate_size_mlp=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                                                           head_dim=8, num_local_experts=2, attention_chunk_size=5, layer_types=["chunked_attention"] * 2)).eval()  # fmt: skip
    ids, where = torch.arange(12)[None], torch.arange(12)[None] % 6
    for one, more in ((model, {"position_ids": where}), (chunked, {})):
        with torch.no_grad():
            plain, alone = one(ids, use_cache=False, **more).logits, one(ids, use_cache=False).logits
            assert not more or (plain - alone).abs().max() > 1e-3, "the model packs"
            assert (switch_on(one)(ids, use_cache=False, **more).logits - plain).abs().max() < 1e-5


def test_a_mask_of_any_shape_is_done_in_blocks_too(monkeypatch):
    q, k, v, types = tensors(queries=48, keys=48)
    made = []
    work = grams_room.in_blocks
    monkeypatch.setattr(grams_room, "in_blocks", lambda one, rows, mask, keys: work(lambda some, may: made.append(some.shape[2] * keys) or one(some, may), rows, mask, keys))
    found = []
    for at_once, long in ((2**26, 2**22), (2000, 100)):
        monkeypatch.setattr(rows_room, "_AT_ONCE", at_once)
        monkeypatch.setattr(seen_room, "LONG", long)
        layer = moda_layer(Moda())
        out = layer(q, k, v, padded(48, 48, 7), TokenTypes(types.codes, types.turns), 0.4)
        out.pow(2).sum().backward()
        found.append([out.detach(), *(weight.grad for weight in layer.parameters())])
    assert max(made[1:]) < made[0] / 4
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_gates_learn_at_their_own_rate_and_nothing_else_does(checkpoints, pictured, tmp_path):
    moved = {}
    for rate in (1.0, 25.0):
        loaded = switched(checkpoints("qwen2.5-vl"), Moda(), stir=False)
        tuned = finetune(loaded, pictured, pictured[:2], Settings(lora=("llm",), steps=2, batch=2, evaluate_every=2, rank=4, gate_rate=rate), tmp_path / str(rate))
        moved[rate] = {path: weight.detach().clone() for path, weight in tuned.loaded.model.named_parameters() if is_adapter(path)}
    for path, weight in moved[1.0].items():
        factor = 25 if path.endswith((".gate", ".log_beta")) else 1
        torch.testing.assert_close(moved[25.0][path], factor * weight, rtol=1e-5, atol=1e-9)
    assert any(path.endswith(".gate") and weight.abs().max() > 1e-3 for path, weight in moved[1.0].items())
