"""Attention observed: the sums against transformers' own matrices, the measures by hand, the model left as it was, and memory that stays small."""

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from families import FAMILIES
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode

from kit import show
from kit.attention import Balance, Biased, Moda, Unmasked, attention_balance, kind_of, observed, switch_on
from kit.attention import weights as weights_room
from kit.attention.balance import KEYS, ROWS, slope
from kit.attention.layer import AttentionLayer
from kit.attention.record import text_kinds
from kit.attention.token_types import TokenTypes
from kit.attention.weights import weights_in_blocks
from kit.data import Sample
from kit.data.collator import Collator
from kit.diagnosis import Attended, ask_hidden, attention, attention_importance, attention_probe, importance
from kit.diagnosis.attention import on_grid, overlap
from kit.errors import KitError
from kit.evaluation import option_scores
from kit.language import speaking
from kit.models import add_lora
from kit.models import load as load_plain
from kit.models.forward import base_of, generate, only_at, positions
from kit.models.media_tokens import media_token_ids
from poc.usecase import load_samples, load_usecase

EACH = pytest.mark.parametrize("name", FAMILIES)
QUESTION, OPTIONS = "Which colour is the part?", ("red", "dark green", "blue or violet")


def switched(source, settings, stir=True, **more):
    """A family with an attention whose parameters are random."""
    loaded = load_plain(source, device="cpu", **more)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        switch_on(loaded.model, settings)
    generator = torch.Generator().manual_seed(1)
    for path, weight in loaded.model.named_parameters() if stir else ():
        if any(part in path for part in (".moda.", ".rave.")):
            weight.data.copy_(torch.rand(weight.shape, generator=generator) if path.endswith("gate") else 0.5 * torch.randn(weight.shape, generator=generator))
    return loaded


def dense(loaded, pictured):
    """Per sample (attention (L, H, R, K), pairs (L, R, K), per key (L, T)) from the matrices that transformers' eager attention returns, in plain loops."""
    collator = Collator(loaded.processor, answers=False)
    batch, marks = collator(pictured), media_token_ids(loaded.model)
    kinds = text_kinds(collator, pictured, batch["input_ids"])
    with torch.no_grad():
        matrices = [one for one in loaded.model(**batch, position_ids=positions(loaded.model, batch), use_cache=False, output_attentions=True).attentions if one is not None]
    for b in range(len(pictured)):
        tokens = torch.nonzero(batch["attention_mask"][b]).flatten().tolist()
        ids = batch["input_ids"][b].tolist()
        medium = {t: next((m for m, mark in marks.items() if ids[t] == mark), None) for t in tokens}
        last = max((t for t in tokens if medium[t]), default=-1)
        attention, pairs = (np.zeros((len(matrices), heads, len(ROWS), len(KEYS))) for heads in (matrices[0].shape[1], 1))
        each = np.zeros((len(matrices), len(tokens)))
        for layer, matrix in enumerate(matrices):
            matrix = matrix[b].double().numpy()
            for row in tokens:
                if not medium[row] and row < last:
                    continue
                for place, key in enumerate(tokens):
                    at = ROWS.index(medium[row] or "text"), KEYS.index("first" if place == 0 else medium[key] or KEYS[kinds[b, key]])
                    attention[(layer, slice(None), *at)] += matrix[:, row, key]
                    pairs[(layer, 0, *at)] += matrix[:, row, key].any()
                    each[layer, place] += matrix[:, row, key].mean() if not medium[row] else 0
        yield attention, pairs[:, 0], each / sum(not medium[t] and t > last for t in tokens)


# ------------------------------------------------------------------------------------------------- what is recorded


@EACH
def test_the_sums_are_those_of_the_matrices_that_transformers_returns(name, checkpoints, pictured, monkeypatch):
    monkeypatch.setattr(weights_room, "AT_ONCE", 5000)  # several blocks
    plain, eager = (load_plain(checkpoints(name), device="cpu") for _ in range(2))
    eager.model.set_attn_implementation({"text_config": "eager"})
    expected = list(dense(eager, pictured))
    for loaded in (plain, eager):
        found = attention_balance(loaded, pictured, batch_size=4)
        assert [balance.id for balance in found.balances] == ["s0", "s1", "s2", "s3"] and found.balances[1].group == "lot1"
        for balance, (sums, pairs, each) in zip(found.balances, expected, strict=True):
            np.testing.assert_allclose(balance.attention, sums, atol=1e-5, rtol=1e-5)
            np.testing.assert_allclose(balance.per_key, each, atol=1e-6, rtol=1e-5)
            assert (balance.pairs == pairs).all() and (balance.rows[:, 0] > 0).all()
            np.testing.assert_allclose(balance.received(), 1, atol=1e-5)
    layers = base_of(plain.model).config.get_text_config().num_hidden_layers
    assert len(found.balances[0].layers) + len(found.skipped) == layers
    assert found.skipped == (("0: linear_attention", "1: linear_attention", "2: linear_attention") if name == "qwen3.5" else ())
    first = found.balances[0]
    assert not first.pairs[:, 0, KEYS.index("note")].any() and first.pairs[:, 0, KEYS.index("question")].all()
    assert found.balances[1].pairs[:, 0, KEYS.index("note")].any() and not found.balances[3].pairs[:, 0, KEYS.index("image")].any()


def test_batches_of_several_kinds_and_padding_change_nothing(tiny, company):
    together = attention_balance(tiny, company, batch_size=8)
    for alone, found in zip((attention_balance(tiny, [sample]).balances[0] for sample in company), together.balances, strict=True):
        np.testing.assert_allclose(found.attention, alone.attention, atol=1e-4)
        np.testing.assert_allclose(found.per_key, alone.per_key, atol=1e-6)
        assert (found.pairs == alone.pairs).all() and (found.keys == alone.keys).all() and found.grids == alone.grids
    assert {KEYS[k] for balance in together.balances for k in balance.keys} == {"first", "template", "question", "note", "image", "audio"}


@pytest.fixture(scope="module")
def company():
    """Rows of the sample company with a picture, some with a note, some with a sound."""
    folder = Path(__file__).resolve().parents[1] / "sample_data" / "company" / "inspection"
    rows = [s for s in load_samples(folder, load_usecase(folder), verify=False).samples if s.split == "test"]
    return [s for s in rows if s.audio][:3] + [s for s in rows if s.text and not s.audio][:3] + [s for s in rows if not s.text and not s.audio][:2]


@pytest.mark.parametrize("settings", [None, Moda(), Moda(mask="fixed"), Moda(align=False, slots=40), Biased(), Unmasked()], ids=str)
@pytest.mark.parametrize("mask", ["causal", "padded", "window"])
def test_the_weights_are_those_that_the_attention_itself_applies(settings, mask, monkeypatch):
    """An attention function whose values are the unit vectors returns its weights, also where they sum to less than 1."""
    monkeypatch.setattr(weights_room, "AT_ONCE", 400)
    generator = torch.Generator().manual_seed(0)
    q, k = (torch.randn(2, heads, 13, 6, generator=generator) for heads in (4, 2))
    codes = torch.tensor([[0, 0, 1, 1, 1, 0, 3, 3, 0, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]])
    causal = torch.ones(13, 13, dtype=torch.bool).tril()
    padded = (causal[None] & (torch.arange(13) >= torch.tensor([[0], [2]]))[:, None])[:, None]
    given = {"causal": None, "padded": padded, "window": padded & torch.ones(13, 13, dtype=torch.bool).triu(-4)}[mask]
    layer = settings.layer(4, 2, 6) if settings else None
    for weight in layer.parameters() if layer else ():
        weight.data.copy_(torch.rand(weight.shape, generator=generator))
    types = TokenTypes(codes, torch.zeros_like(codes))
    with torch.no_grad():
        expected = (layer or AttentionLayer())(q, k, torch.eye(13).expand(2, 2, 13, 13), given, types, 0.4).transpose(1, 2)
        blocks = list(weights_in_blocks(layer, q, k, given, types, 0.4))
    found = torch.cat([weights for _, _, weights, _ in blocks], 3).flatten(1, 2)
    seeing = torch.cat([allowed for *_, allowed in blocks], 2).any(-1).expand(-1, 4, -1)
    assert len(blocks) > 1 and [first for first, *_ in blocks] == sorted({first for first, *_ in blocks})
    torch.testing.assert_close(found[seeing], expected[seeing], rtol=1e-5, atol=1e-6)
    loses = settings is not None and getattr(settings, "mask", None) is not None
    assert bool((found[seeing].sum(-1) < 0.999).any()) == loses


@pytest.mark.parametrize("settings", [Moda(), Unmasked(), Biased()], ids=["moda", "mma", "rave"])
def test_the_kinds_of_attention_are_recorded_as_they_are(settings, checkpoints, pictured):
    loaded = switched(checkpoints("qwen2.5-vl"), settings, stir=False)
    plain = attention_balance(load_plain(checkpoints("qwen2.5-vl"), device="cpu"), pictured).balances[1]
    untrained = attention_balance(loaded, pictured).balances[1]
    if settings.name == "mma":  # media rows see the question
        assert np.isnan(plain.share("question", "image")).all() and (untrained.share("question", "image") > 0).all()
        return
    np.testing.assert_allclose(untrained.attention, plain.attention, atol=1e-4)
    trained = attention_balance(switched(checkpoints("qwen2.5-vl"), settings), pictured).balances[1]
    assert np.abs(trained.attention - plain.attention).max() > 0.05
    assert (trained.received() < 0.999).any() == (settings.name == "moda") and (trained.received() <= 1 + 1e-5).all()


# ------------------------------------------------------------------------------------------------- what is left behind


def state(model):
    base = base_of(model)
    return {
        "implementation": [config._attn_implementation for config in (base.config, base.config.get_text_config())],
        "hooks": {path: list(module._forward_pre_hooks) for path, module in base.named_modules()},
        "names": {path: sorted(vars(module)) for path, module in base.named_modules()},
    }


@pytest.mark.parametrize("own", ["sdpa", "eager", "moda"])
def test_answers_are_the_same_and_the_model_is_left_as_it_was(own, checkpoints, pictured):
    loaded = switched(checkpoints("gemma4-small"), Moda()) if own == "moda" else load_plain(checkpoints("gemma4-small"), device="cpu")
    if own == "eager":
        loaded.model.set_attn_implementation({"text_config": "eager"})
    before, scores = state(loaded.model), option_scores(loaded, pictured)
    batch = Collator(loaded.processor, answers=False)(pictured[:2])
    written = generate(loaded.model, batch, 4)
    with observed(loaded.model) as seen:
        again = option_scores(loaded, pictured)
    assert all(np.array_equal(one, other) for one, other in zip(scores, again, strict=True))
    assert len(seen.balances) == 4 and seen.not_recorded == 3, "three kinds of prompts, and options behind each in rows of their own"
    assert state(loaded.model) == before
    with observed(loaded.model) as seen:
        assert torch.equal(generate(loaded.model, batch, 4), written)
    prompt = int(batch["attention_mask"][0].sum())
    assert len(seen.balances) == 2 and prompt < len(seen.balances[0].keys) <= prompt + 4 and seen.not_recorded == 0
    with pytest.raises(RuntimeError, match="stop here"), observed(loaded.model):
        generate(loaded.model, batch, 1)
        raise RuntimeError("stop here")
    assert state(loaded.model) == before


def test_an_answer_read_in_steps_is_recorded_as_one_read_at_once(checkpoints, pictured):
    """Rows of answer tokens that come one by one, with sliding windows that forget, are the rows of the whole."""
    for name in ("qwen2.5-vl", "gemma4-large"):
        loaded = load_plain(checkpoints(name), device="cpu")
        batch = Collator(loaded.processor, answers=False)(pictured[:2])
        with observed(loaded.model) as seen:
            ids = base_of(loaded.model).generate(**batch, max_new_tokens=5, min_new_tokens=5, do_sample=False)
        whole = {"input_ids": ids[:, :-1], "attention_mask": torch.cat([batch["attention_mask"], torch.ones_like(ids[:, -5:-1])], 1)}
        whole |= {"mm_token_type_ids": torch.cat([batch["mm_token_type_ids"], torch.zeros_like(ids[:, -5:-1])], 1)} if "mm_token_type_ids" in batch else {}
        whole = {**batch, **whole}
        with observed(loaded.model) as once, torch.no_grad():
            loaded.model(**whole, position_ids=positions(loaded.model, whole), use_cache=False)
        for stepwise, expected in zip(seen.balances, once.balances, strict=True):
            np.testing.assert_allclose(stepwise.attention, expected.attention, atol=1e-3)
            np.testing.assert_allclose(stepwise.per_key, expected.per_key, atol=1e-5)
            assert (stepwise.pairs == expected.pairs).all() and (stepwise.rows == expected.rows).all()


@pytest.mark.parametrize("four_bit", [False, True], ids=["16-bit", "4-bit"])
def test_adapters_16_bit_and_4_bit_are_recorded(four_bit, checkpoints, pictured):
    loaded = switched(checkpoints("qwen2.5-omni"), Moda(), four_bit=four_bit)
    loaded.model = add_lora(loaded.model, ["llm"], 4) if four_bit else add_lora(loaded.model, ["llm"], 4).to(torch.bfloat16)
    scores = option_scores(loaded, pictured)
    with observed(loaded.model) as seen:
        assert all(np.array_equal(one, other) for one, other in zip(option_scores(loaded, pictured), scores, strict=True))
    assert all(np.isfinite(balance.attention).all() and (balance.received() < 0.999).any() for balance in seen.balances)
    with loaded.model.disable_adapter():
        off = attention_balance(loaded, pictured).balances[0]
    reached = attention_balance(loaded, pictured).balances[0]
    assert (off.received() < 1.01).all() and off.attention.shape == reached.attention.shape and kind_of(loaded.model) == Moda()


class Largest(TorchDispatchMode):
    """The largest tensor that is made inside."""

    elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for one in out if isinstance(out, (tuple, list)) else (out,):
            if torch.is_tensor(one):
                self.elements = max(self.elements, one.numel())
        return out


def test_no_matrix_of_all_rows_and_keys_is_ever_made(tiny, monkeypatch):
    monkeypatch.setattr(weights_room, "AT_ONCE", 2**17)
    sample = Sample("long", QUESTION, OPTIONS, "red", text="the part lies on the belt and is heavy " * 120)
    collator = Collator(tiny.processor, answers=False)
    batch = collator([sample])
    tokens = batch["input_ids"].shape[1]
    assert tokens > 1000
    with torch.no_grad(), only_at(tiny.model, None), observed(tiny.model) as seen, Largest() as largest:
        tiny.model(**batch, position_ids=positions(tiny.model, batch), use_cache=False)
        balance = seen.balances[0]
    heads = balance.attention.shape[1]
    assert largest.elements < tokens**2 < tokens**2 * heads, "neither of one head nor of all layers"
    kept = sum(getattr(balance, name).size for name in ("attention", "pairs", "rows", "per_key", "keys"))
    assert kept < 10 * tokens


# ------------------------------------------------------------------------------------------------- what is made of it


def by_hand(**changed):
    """Two layers, one head: text rows give 6 of 10 to 3 pairs of text keys and 2 of 10 to 4 pairs of picture keys; first and template take the rest."""
    attention, pairs = np.zeros((2, 1, len(ROWS), len(KEYS))), np.zeros((2, len(ROWS), len(KEYS)))
    for key, weight, number in (("first", 0.15, 1), ("template", 0.05, 2), ("question", 0.4, 2), ("note", 0.2, 1), ("image", 0.2, 4)):
        attention[:, 0, 0, KEYS.index(key)], pairs[:, 0, KEYS.index(key)] = weight, number
    attention[1, 0, 0, KEYS.index("image")] = 0.1
    return Balance("a", "g", np.array([0, 4]), attention, pairs, np.array([[1, 0, 0, 0]] * 2), np.zeros((2, 3)), np.zeros(3, int), **changed)


def test_the_measures_by_hand():
    balance = by_hand()
    assert balance.share("text") == pytest.approx([0.75, 0.6 / 0.7]) and balance.share("note") == pytest.approx([0.25, 0.2 / 0.7])
    assert balance.share("text", bare=False) == pytest.approx([0.8, 0.8 / 0.9])
    assert balance.mdi() == pytest.approx([4, 8])  # (0.6 / 3) / (0.2 / 4), (0.6 / 3) / (0.1 / 4)
    assert balance.mdi(bare=False) == pytest.approx([(0.8 / 6) / (0.2 / 4), (0.8 / 6) / (0.1 / 4)])
    assert balance.aei("image") == pytest.approx([0.25 / (4 / 7), (0.1 / 0.7) / (4 / 7)])
    assert balance.deficit() == pytest.approx([0.75, 0.875])
    assert balance.decay() == pytest.approx(np.log(2) / 4), "per layer: the two are four layers apart"
    assert balance.received() == pytest.approx(np.array([[1.0], [0.9]]))
    assert np.isnan(balance.mdi(other="audio")).all() and np.isnan(balance.share("video")).all() and np.isnan(balance.deficit("image")).all()
    assert balance.mdi(per_head=True).shape == (2, 1)
    table = balance.table()
    assert len(table) == 4 and table[table["bare"]]["share image"].tolist() == pytest.approx([0.25, 0.1 / 0.7]) and table["aei first"].notna().tolist() == [False, False, True, True]
    assert np.isnan(slope(np.array([3]), np.array([1.0])))
    with pytest.raises(ValueError, match="keys 'smell' are not recorded; recorded: first, template, question, note, image, video, audio, and text, media"):
        balance.share("smell")
    with pytest.raises(ValueError, match="rows 'note' are not recorded; recorded: text, image, video, audio"):
        balance.mdi(rows="note")


def test_template_note_and_question_are_told_apart(tiny, company):
    sample = next(s for s in company if s.text and not s.audio)
    balance = attention_balance(tiny, [sample]).balances[0]
    ids = [i for i in Collator(tiny.processor, answers=False)([sample])["input_ids"][0].tolist()]
    said = {kind: tiny.processor.tokenizer.decode([i for i, k in zip(ids, balance.keys, strict=True) if KEYS[k] == kind]) for kind in KEYS}
    assert said["note"].strip() == sample.text and said["question"].replace("\n", " ").split() == f"Note: {sample.question} Options: {', '.join(sample.options)}".split()
    assert "assistant" in said["template"] and "<|vision_start|>" in said["template"] and said["first"] == "<|im_start|>"
    frames, rows, columns = balance.grids["image"][0]
    assert frames * rows * columns == (balance.keys == KEYS.index("image")).sum()


# ------------------------------------------------------------------------------------------------- what is refused


def test_what_cannot_be_observed_is_told(tiny, pictured, checkpoints):
    with pytest.raises(ValueError, match="no samples were given"):
        attention_balance(tiny, [])
    with observed(tiny.model), pytest.raises(KitError, match="observed already: leave the inner"), observed(tiny.model):
        pass
    with pytest.raises(KitError, match="no layer of this language model has keys"), observed(torch.nn.Linear(2, 2)):
        pass
    collator = Collator(tiny.processor, answers=False)
    kinds = text_kinds(collator, pictured[:1], collator(pictured[:1])["input_ids"])
    with observed(tiny.model, kinds), pytest.raises(ValueError, match="those of 1 prompts, and 2 were read"):
        generate(tiny.model, collator(pictured[:2]), 1)
    layer = next(module for path, module in tiny.model.named_modules() if hasattr(module, "q_proj") and "visual" not in path and "audio" not in path)
    with observed(tiny.model), pytest.raises(KitError, match="attention with softcap cannot be recorded"):
        from transformers import AttentionInterface

        AttentionInterface()["recorded_sdpa"](layer, *torch.zeros(3, 1, 1, 1, 4), None, softcap=30.0)


# ------------------------------------------------------------------------------------------------- as a probe


@pytest.fixture(scope="module")
def asked(tiny, company):
    return attention_probe(tiny, company)


def test_the_probe_is_a_finding_in_both_languages_that_comes_after_the_causal_ones(asked, company):
    found = attention(asked)
    assert found.name == "attention balance" and found.verdict == "info" and 0 < found.low <= found.value <= found.high and not found.advice
    assert found.summary.startswith("a second explanation, after those that intervene: the deciding evidence gets") and f"({len(company)} rows, first token and template left out)" in found.summary
    assert re.search(r"what a media token gets, and [+-]\d+ % of that with each further layer", found.summary)
    with speaking("ja"):
        assert attention(asked).summary.startswith("介入による検査に次ぐ参考の説明です") and "トークン数に見合う量の" in attention(asked).summary and "層が 1 つ進むごとに" in attention(asked).summary
    evidence = json.loads(json.dumps(found.evidence))
    assert [(row["bare"], row["layer"]) for row in evidence["per_layer"]] == [(bare, layer) for bare in (False, True) for layer in range(4)]
    bare = [row for row in evidence["per_layer"] if row["bare"]]
    assert found.value == pytest.approx(np.mean([row["deciding"] for row in bare])) and all(row["mdi_low"] <= row["mdi"] <= row["mdi_high"] and row["share first"] is None for row in bare)
    assert evidence["decay"][1] <= evidence["decay"][0] <= evidence["decay"][2] and set(evidence["maps"]) == {"image"}
    picture = asked.table["bare"] & (asked.table["id"] == company[0].id)
    np.testing.assert_allclose(asked.table[picture]["deciding"], asked.table[picture]["aei image"])


def test_evidence_that_is_hardly_looked_at_is_a_warning_with_its_cost(asked):
    table = asked.table.assign(deciding=0.05)
    found = attention(Attended(table, {}))
    assert found.verdict == "warn" and "look at sensitivity" in found.advice and found.cost == "one run of training"
    with pytest.raises(ValueError, match="no sample has the evidence that decides it"):
        attention(Attended(asked.table.assign(deciding=np.nan), {}))


def test_an_attention_map_is_judged_as_any_other_and_one_of_chance_is_not_shown(tiny, colours, asked):
    rows = [Sample(f"t{i}", "Which colour does the text name?", ("red", "blue", "green"), colour, text=f"the part on the tray is {colour} and heavy", decided_by=("text",)) for i, colour in enumerate(["red", "blue"] * 4)]
    marks = attention_importance(tiny, rows, "text")
    assert all(mark.shape == importance(tiny, row, "text").shape and mark.sum() == pytest.approx(1) and (mark >= 0).all() for mark, row in zip(marks, rows, strict=True))
    own = ask_hidden(tiny, rows, "text")
    given = ask_hidden(tiny, rows, "text", marks=[importance(tiny, row, "text") for row in rows])
    np.testing.assert_allclose(given[["marked", "random"]], own[["marked", "random"]], atol=1e-3)
    worst = ask_hidden(tiny, rows, "text", marks=[-importance(tiny, row, "text") for row in rows])
    assert worst["marked"].mean() < own["marked"].mean()
    chance = pd.DataFrame({"id": range(40), "group": "", "marked": np.random.default_rng(0).normal(size=40), "random": np.random.default_rng(1).normal(size=40)})
    told = attention(Attended(asked.table, {"image": chance}))
    assert not told.evidence["maps"]["image"]["shown"] and "its attention map is no explanation and is not shown" in told.summary
    sure = attention(Attended(asked.table, {"image": chance.assign(marked=chance["random"] + 1)}))
    assert sure.evidence["maps"]["image"]["shown"] and "not shown" not in sure.summary


def test_tokens_are_laid_on_the_pieces_that_can_be_hidden(tiny, company, pictured, checkpoints):
    heard = next(s for s in company if s.audio)
    assert attention_importance(tiny, [heard], "image")[0].shape == (36,) and attention_importance(tiny, [heard], "audio")[0].shape == (10,)
    np.testing.assert_allclose(overlap(2, 3), [[1, 0.5, 0], [0, 0.5, 1]])
    np.testing.assert_allclose(overlap(6, 4).sum(0), 1)
    # one cell of the picture alone is attended to: it is the one that is marked
    balance = attention_balance(tiny, [heard]).balances[0]
    weight = np.zeros(36)
    weight[2 * 6 + 5] = 1
    assert on_grid(balance, weight, "image").argmax() == 2 * 6 + 5, "six by six tokens, six by six cells"
    with pytest.raises(ValueError, match="has no 'video' to hide pieces of"):
        attention_importance(tiny, [heard], "video")
    tiles = load_plain(checkpoints("smolvlm"), device="cpu")
    with pytest.raises(ValueError, match="cuts pictures into tiles, or tells no grid.*Qwen's checkpoints tell it"):
        attention_importance(tiles, pictured[:1], "image")
    told = attention_probe(tiles, [s.replace(decided_by=("image",)) for s in pictured[:2]])
    assert not told.falls and "cuts pictures into tiles" in told.not_judged["image"] and attention(told).evidence["maps"] == {}


def texts(figure):
    return " ".join(text.get_text() for text in figure.findobj(match=lambda artist: hasattr(artist, "get_text")))


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_pictures_say_what_they_show(asked, language):
    with speaking(language):
        drawn = {
            "sound": show.attention_by_layer(asked.table), "template": show.attention_by_layer(asked.table, "share", bare=False), "before": show.attention_before_and_after(asked.table, asked.table),
            "layer": show.attention_over_layers({"tiny": asked.table, "again": asked.table.assign(mdi=asked.table["mdi"] * 2)}), "blue: attended": show.attended_picture(Image.new("RGB", (60, 40)), np.arange(36) / 630),
            "seconds": show.attended_sound(np.sin(np.arange(8000)), 16000, np.ones(10) / 10), "22%": show.attended_frames(np.zeros((16, 8, 8, 3), np.uint8), np.arange(1, 9) / 36),
        }  # fmt: skip
        for english, figure in drawn.items():
            japanese = {"sound": "音声", "template": "定型文", "before": "前", "layer": "層", "blue: attended": "判断の根拠とは限りません", "seconds": "秒", "22%": "青"}[english]
            assert (english if language == "en" else japanese) in texts(figure), english
            assert show.png(figure).startswith(b"\x89PNG"), "every character has a glyph"
        bare = texts(drawn["sound"])
        assert ("template" if language == "en" else "定型文") not in bare, "what is not counted has no column"
    with pytest.raises(ValueError, match="measure is 'weight'; allowed: 'aei' and 'share'"):
        show.attention_by_layer(asked.table, "weight")
