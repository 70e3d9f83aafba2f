"""The robust loss against the full loop that it replaces: losses, gradients of the adapter, the attack's steps, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from kit.attention import Biased, Moda, Unmasked, switch_on
from kit.data import only_deciding, text_perturbations
from kit.data.collator import Collator
from kit.data.perturbations import EXCHANGED_TEXT, NOTES
from kit.diagnosis import ask, by_perturbation
from kit.errors import KitError
from kit.models import add_lora, load
from kit.models.forward import answer_logits, base_of, begin, go_on, nudged
from kit.models.media_tokens import tokens_of
from kit.training import Settings, finetune, trainer
from kit.training.attack import attack
from kit.training.pairs import paired, set_apart
from kit.training.robust import (
    Robust,
    Unlike,
    divergence,
    drawn,
    losses_apart,
    robust_losses,
    shares_beginnings,
    sides_of,
    unlike,
    unlikely,
)

MISLEADING = text_perturbations(("en",))[1]


@pytest.fixture
def tuned():
    return adapted()


def adapted(attention=None):
    """The shipped model with an adapter that is not zero, in train mode; so are the parameters of another attention."""
    loaded = load("tiny_omni", device="cpu")
    model = add_lora(switch_on(loaded.model, attention) if attention else loaded.model, ["llm"], 4)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.05)
            elif ".modules_to_save." in name:
                torch.nn.init.uniform_(weight, 0.1, 0.6)
    loaded.model = model.train()
    return loaded


@pytest.fixture
def sides(colours):
    """Three pairs of clean and perturbed samples whose texts are of different length."""
    clean = [only_deciding(sample) for sample in colours[:3]]
    clean[1] = clean[1].replace(question="Which colour is the part on this picture, seen from above?")
    perturbed = [MISLEADING(sample) for sample in clean]
    perturbed = [sample.replace(meta={**sample.meta, "attack_seed": seed}) for seed, sample in enumerate(perturbed)]
    perturbed[2] = perturbed[2].replace(text="looks green, I think, or was it " + perturbed[2].text)
    return clean, perturbed


def gradients(model) -> dict:
    found = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad()
    return found


def full_logits(loaded, sample, delta=None, at=None):
    """(logits, targets) of one sample by one whole forward; `delta` (L', C) is added to the embeddings of the last tokens where `at` (L') is true."""
    batch = Collator(loaded.processor)([sample])

    def add(module, args, embedded):
        return torch.cat([embedded[:, : -len(at)], embedded[:, -len(at) :] + delta * at[:, None]], 1)

    words = base_of(loaded.model).get_input_embeddings()
    handle = words.register_forward_hook(add) if delta is not None else None
    try:
        return answer_logits(loaded.model, batch)
    finally:
        if handle:
            handle.remove()


def full_loop(loaded, clean, perturbed, pairs, settings):
    """The paper's arrangement, one sample at a time: K whole forwards for the attack, then the clean and the adversarial one."""
    sides = [[], []]
    for row, (one, other) in enumerate(zip(clean, perturbed, strict=True)):
        at = pairs.text[row].float()
        embedded = base_of(loaded.model).get_input_embeddings()(pairs.tokens[len(clean) + row]).detach()[at > 0]
        epsilon = settings.epsilon * embedded.pow(2).mean().sqrt()
        at = at[-int(pairs.real[len(clean) + row].sum()) :]
        start = torch.rand((int(at.sum()), embedded.shape[-1]), generator=torch.Generator().manual_seed(pairs.seeds[row]))
        delta = torch.zeros(len(at), embedded.shape[-1])
        delta[at > 0] = (2 * start - 1) * epsilon
        for _ in range(settings.ascent_steps):
            delta = delta.detach().requires_grad_(True)
            slope = torch.autograd.grad(cross_entropy(*full_logits(loaded, other, delta, at), reduction="sum"), delta)[0]
            delta = (delta.detach() + (settings.ascent_size or 2.5 / settings.ascent_steps) * epsilon * (slope * at[:, None]).sign()).clamp(-epsilon, epsilon)
        sides[0].append(full_logits(loaded, one))
        sides[1].append(full_logits(loaded, other, delta if settings.ascent_steps else None, at))
    (clean_logits, targets), (adversarial, _) = (tuple(torch.cat(parts) for parts in zip(*side, strict=True)) for side in sides)
    losses = cross_entropy(clean_logits, targets), cross_entropy(adversarial, targets)
    return (losses[0] + settings.perturbed * losses[1]) / (1 + settings.perturbed) + settings.consistency * divergence(clean_logits, adversarial, settings.divergence)


@pytest.mark.parametrize(
    "settings",
    [Robust(), Robust(consistency=0.5), Robust(consistency=0.5, divergence="js"), Robust(perturbed=0.7, ascent_steps=3, epsilon=0.05), Robust(consistency=0.1, ascent_steps=3)],
    ids=["perturbed", "kl", "js", "attack", "all"],
)
def test_gradients_are_those_of_the_full_loop(settings, tuned, sides):
    pairs = paired(Collator(tuned.processor), *sides)
    ours = robust_losses(tuned.model, pairs, settings)
    ours.total.backward()
    shared = gradients(tuned.model)
    full = full_loop(tuned, *sides, pairs, settings)
    full.backward()
    expected = gradients(tuned.model)
    assert float(ours.total.detach()) == pytest.approx(float(full.detach()), rel=1e-5)
    assert shared.keys() == expected.keys() and all("lora_" in name for name in shared)
    worst = max(float((shared[name] - expected[name]).norm() / expected[name].norm().clamp(min=1e-9)) for name in expected)
    assert worst < 1e-5, "2e-6 were measured with and without an attack"


@pytest.mark.parametrize("settings", [Robust(consistency=0.1), Robust(consistency=0.1, ascent_steps=3)], ids=["kl", "all"])
@pytest.mark.parametrize("attention", [Moda(), Biased()], ids=["moda", "rave"])
def test_with_another_attention_too_gradients_are_those_of_the_full_loop(attention, settings, sides):
    tuned = adapted(attention)
    pairs = paired(Collator(tuned.processor), *sides)
    ours = robust_losses(tuned.model, pairs, settings)
    ours.total.backward()
    shared = gradients(tuned.model)
    full = full_loop(tuned, *sides, pairs, settings)
    full.backward()
    expected = gradients(tuned.model)
    assert float(ours.total.detach()) == pytest.approx(float(full.detach()), rel=1e-5)
    assert shared.keys() == expected.keys() and any(".modules_to_save." in name for name in shared)
    assert max(float((shared[name] - expected[name]).norm() / expected[name].norm().clamp(min=1e-6)) for name in expected) < 1e-4


def test_with_mma_a_beginning_is_not_shared_and_robust_training_works(sides, tmp_path):
    tuned = adapted(Unmasked())
    robust = Robust(perturbations=("misleading note A (en)",), share=1.0, consistency=0.1, ascent_steps=2)
    assert not shares_beginnings(tuned.model, robust) and shares_beginnings(adapted(Moda()).model, robust)
    with pytest.raises(KitError, match="with MMA the tokens of a medium read the text behind them"):
        robust_losses(tuned.model, paired(Collator(tuned.processor), *sides), robust)
    base = load("tiny_omni", device="cpu")
    switch_on(base.model, Unmasked())
    done = finetune(base, sides[0], sides[0][:2], Settings(steps=2, batch=2, evaluate_every=2, rank=4, robust=robust), tmp_path)
    assert done.applied_updates == 2 and done.reach > 0 and not done.frozen_moved


def test_the_attacks_slope_is_that_of_finite_differences_of_a_whole_forward(tuned, sides):
    tuned.model.double()
    for module in tuned.model.modules():
        if "RMSNorm" in type(module).__name__:  # transformers' rounds to float32 inside, which small differences would measure
            module.forward = lambda x, norm=module: norm.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + norm.variance_epsilon)
    pairs = paired(Collator(tuned.processor), *([side[0]] for side in sides))
    tokens, real, answers = pairs.tokens[1:], pairs.real[1:], pairs.answers[1:]
    scored = answers.roll(-1, 1)
    scored[:, -1] = False
    embedded = base_of(tuned.model).get_input_embeddings()(tokens).detach()
    delta = torch.zeros_like(embedded).requires_grad_(True)
    begun = begin(tuned.model, pairs.beginnings)
    loss = cross_entropy(go_on(tuned.model, begun, tokens, embedded + delta * pairs.text[..., None], real, scored, detached=True), tokens[answers], reduction="sum")
    slope = torch.autograd.grad(loss, delta)[0][0] * pairs.text[0][:, None]
    at = pairs.text[0].double()
    for seed in range(3):
        direction = torch.randn(slope.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * at[:, None]
        with torch.no_grad():
            up, down = (cross_entropy(*full_logits(tuned, sides[1][0], sign * 1e-5 * direction, at), reduction="sum") for sign in (1, -1))
        assert float((up - down) / 2e-5) == pytest.approx(float((slope * direction).sum()), rel=1e-5)


def test_only_the_text_is_attacked_and_as_far_as_allowed(tuned, sides):
    pairs = paired(Collator(tuned.processor), *sides)
    half = len(pairs.text)
    embedded = base_of(tuned.model).get_input_embeddings()(pairs.tokens)[half:].detach()
    scored = pairs.answers[half:].roll(-1, 1)
    scored[:, -1] = False
    targets = pairs.tokens[half:][pairs.answers[half:]]
    begun = begin(tuned.model, pairs.beginnings)
    before = cross_entropy(go_on(tuned.model, begun, pairs.tokens[half:], embedded, pairs.real[half:], scored, detached=True), targets)
    for settings in (Robust(ascent_steps=4, epsilon=0.5), Robust(ascent_steps=4, epsilon=0.5, ascent="normalised")):
        delta, reach = attack(tuned.model, begun, pairs.tokens[half:], embedded, pairs.real[half:], scored, targets, pairs.text, settings, pairs.seeds)
        assert not delta[~pairs.text].any(), "padding, question and answer stay"
        assert 0.65 < reach <= 1 + 1e-6, "a random start alone has half of it, or 0.58 in root mean square"
        after = cross_entropy(go_on(tuned.model, begun, pairs.tokens[half:], embedded + delta, pairs.real[half:], scored, detached=True), targets)
        assert float(after.detach()) > float(before.detach()) + 0.01
    assert all(weight.grad is None for weight in tuned.model.parameters()), "nothing flowed into the model"
    words = Collator(tuned.processor)
    for row, sample in enumerate(sides[1]):
        assert tuned.processor.tokenizer.decode(pairs.tokens[half + row][pairs.text[row]]).strip() == sample.text
    assert [words.prompt_ids(sample)[-5:] for sample in sides[1]] == [pairs.tokens[half + row][pairs.real[half + row] == 1][: -len(words.answer_ids(s.answer))][-5:].tolist() for row, s in enumerate(sides[1])]


def test_the_divergences_by_hand():
    p, q = torch.tensor([[0.5, 0.5]]).log().requires_grad_(True), torch.tensor([[0.9, 0.1]]).log().requires_grad_(True)
    kl = divergence(p, q)
    assert float(kl.detach()) == pytest.approx(0.5 * np.log(0.5 / 0.9) + 0.5 * np.log(0.5 / 0.1))
    kl.backward()
    assert p.grad is None and q.grad is not None, "the clean side is a constant"
    js = divergence(p, q, "js")
    assert float(js.detach()) == pytest.approx(float(divergence(q, p, "js").detach())) and 0 < float(js.detach()) < np.log(2)
    js.backward()
    assert p.grad is not None


def test_an_answer_that_the_picture_does_not_carry_is_made_unlikely(tuned, colours):
    rows = [sample.replace(text=f"looks {sample.answer}") for sample in colours[:4]]
    swapped = [unlike(drawn(sample, Robust(sensitivity=1.0, share=1.0), 0, 0, rows)) for sample in rows]
    assert unlike(rows[0]) is None and unlike(drawn(rows[0], Robust(sensitivity=1.0, share=1.0), 0, 0, rows[:1])) is None, "nobody has another answer"
    for sample, other in zip(rows, swapped, strict=True):
        assert other.image != sample.image and (other.text, other.answer) == (sample.text, sample.answer) and other.meta["named"] != sample.answer
    batch = Unlike(Collator(tuned.processor)(swapped))
    loss, targets = unlikely(tuned.model, batch)
    likely = [torch.exp(-cross_entropy(*full_logits(tuned, other), reduction="sum")).detach() for other in swapped]
    lengths = [int((labels != -100).sum()) for labels in batch.batch["labels"]]
    assert loss.item() == pytest.approx(sum(-float(torch.log1p(-p.detach())) * n for p, n in zip(likely, lengths, strict=True)) / sum(lengths), abs=1e-4) and len(targets) == sum(lengths)
    loss.backward()
    steps = gradients(tuned.model)
    with torch.no_grad():
        for name, weight in tuned.model.named_parameters():
            if name in steps:
                weight -= 0.05 * steps[name] / (sum(g.pow(2).sum() for g in steps.values()).sqrt() + 1e-12)
    assert float(unlikely(tuned.model, batch)[0]) < float(loss)


@pytest.fixture
def put_in(colours):
    """Three questions about words, clean and with a picture of another answer put in, as training draws them."""
    rows = [sample.replace(decided_by=("text",), text=f"looks {sample.answer}") for sample in colours[:12]]
    drew = [drawn(row.without("image"), Robust(("another image",), share=1.0), 0, 0, rows) for row in rows[:3]]
    clean, perturbed = zip(*map(sides_of, drew), strict=True)
    assert all(not one.image and other.image and one.text == other.text and other.meta["named"] != one.answer for one, other in zip(clean, perturbed, strict=True))
    return list(clean), list(perturbed)


def test_a_medium_that_was_put_in_is_attacked_where_it_stands(tuned, put_in, sides):
    apart = set_apart(Collator(tuned.processor), *put_in)
    where = tokens_of(tuned.model, apart.perturbed["input_ids"], apart.added)
    with pytest.raises(KitError, match="which tokens stand for audio is not known for .* set training.robust.ascent_steps to 0, or leave `another audio` out"):
        tokens_of(tuned.model, apart.clean["input_ids"], [("audio",)] * 3)
    assert apart.added == [("image",)] * 3 and where.sum(1).min() > 10 and not where[apart.perturbed["labels"] != -100].any()
    # what decides is not attacked: a grainy picture of its own has no tokens of its own
    assert set_apart(Collator(tuned.processor), *[[sides[0][0]], [sides[0][0]]]).added == [()]
    # moving what the language model reads is moving the embeddings: the text of a prompt, both ways
    pairs = paired(Collator(tuned.processor), *([side[0]] for side in sides))
    batch, at = Collator(tuned.processor)([sides[1][0]]), pairs.text[0].float()[-int(pairs.real[1].sum()) :]
    here = torch.zeros_like(batch["input_ids"], dtype=torch.bool)
    here[:, -len(at) :] = at > 0
    unit = torch.rand(1, here.shape[1], base_of(tuned.model).get_input_embeddings().weight.shape[-1], generator=torch.Generator().manual_seed(0)) - 0.5
    embedded = base_of(tuned.model).get_input_embeddings()(batch["input_ids"])[here]
    with nudged(tuned.model, unit, here, 0.3):
        moved, _ = answer_logits(tuned.model, batch)
    expected, _ = full_logits(tuned, sides[1][0], 0.3 * embedded.pow(2).mean().sqrt() * unit[0, -len(at) :], at)
    assert torch.allclose(moved, expected, atol=1e-4) and not torch.allclose(moved, answer_logits(tuned.model, batch)[0], atol=1e-3)


def test_pairs_of_texts_that_are_set_apart_have_the_losses_of_the_shared_beginning(tuned, sides):
    """For models whose layers keep a state: the same two sides, read whole, and the same tokens attacked."""
    pairs, apart = paired(Collator(tuned.processor), *sides), set_apart(Collator(tuned.processor), *sides)
    assert apart.added == [()] * 3 and apart.text.sum(1).tolist() == pairs.text.sum(1).tolist()
    for row in range(3):
        assert apart.perturbed["input_ids"][row][apart.text[row]].tolist() == pairs.tokens[3 + row][pairs.text[row]].tolist()
    settings = Robust(("misleading note A (en)",), consistency=0.5, epsilon=0.3)
    (whole,), shared = losses_apart(tuned.model, apart, settings), robust_losses(tuned.model, pairs, settings)
    assert float(whole.total) == pytest.approx(float(shared.total), abs=1e-5) and whole.perturbed == pytest.approx(shared.perturbed, abs=1e-5)
    (attacked,) = losses_apart(tuned.model, apart, replace(settings, ascent_steps=1))
    assert attacked.perturbed > whole.perturbed and 0.5 < attacked.reach <= 1 + 1e-5


def test_what_shares_nothing_is_not_refused_for_what_sharing_needs(colours, tmp_path):
    """Dropout and checkpointing forbid a shared beginning, and a grainy picture has none."""
    grainy = Settings(lora=("llm",), steps=1, batch=2, rank=4, evaluate_every=1, gradient_checkpointing=True, robust=Robust(("grainy picture",), share=1.0, consistency=0.5))
    assert finetune(load("tiny_omni", device="cpu"), colours[:2], colours[2:4], grainy, tmp_path / "grainy").applied_updates == 1
    with pytest.raises(KitError, match="gradient checkpointing keeps no keys and values to share"):
        finetune(load("tiny_omni", device="cpu"), colours[:2], colours[2:4], replace(grainy, robust=CURE), tmp_path / "noted")


@pytest.mark.parametrize("ascent", ["sign", "normalised"])
def test_the_fast_attack_makes_the_answer_less_likely_than_its_random_start(ascent, tuned, put_in):
    apart, settings = set_apart(Collator(tuned.processor), *put_in), Robust(ascent_steps=1, ascent=ascent, epsilon=0.3)
    (losses,) = losses_apart(tuned.model, apart, settings)
    (plain,) = losses_apart(tuned.model, apart, replace(settings, ascent_steps=0))
    assert losses.perturbed > plain.perturbed and losses.clean == pytest.approx(plain.clean, abs=1e-5) and 0.5 < losses.reach <= 1 + 1e-5 and plain.reach is None
    losses.total.backward()
    assert gradients(tuned.model)


def test_freelb_learns_from_every_pass_and_adds_up_to_the_mean_over_them(tuned, put_in):
    """Against K passes whose slopes are taken apart from the learning."""
    apart, settings = set_apart(Collator(tuned.processor), *put_in), Robust(ascent_steps=3, epsilon=0.3, consistency=0.5, perturbed=0.7, free="freelb")
    totals, seen = 0.0, []
    for losses in losses_apart(tuned.model, apart, settings):
        losses.total.backward()
        totals += float(losses.total.detach())
        seen.append(losses)
    found = gradients(tuned.model)
    where = tokens_of(tuned.model, apart.perturbed["input_ids"], apart.added)
    width = base_of(tuned.model).get_input_embeddings().weight.shape[-1]
    unit = torch.zeros(*where.shape, width)
    for row, seed in enumerate(apart.seeds):
        unit[row, where[row]] = 2 * torch.rand((int(where[row].sum()), width), generator=torch.Generator().manual_seed(seed)) - 1
    clean, targets = answer_logits(tuned.model, apart.clean)
    others = []
    for _ in range(3):
        unit = unit.detach().requires_grad_(True)
        with nudged(tuned.model, unit, where, 0.3):
            other, _ = answer_logits(tuned.model, apart.perturbed)
        others.append(0.7 / 1.7 * cross_entropy(other, targets) + 0.5 * divergence(clean.detach(), other))
        unit = (unit + 2.5 / 3 * torch.autograd.grad(others[-1], unit, retain_graph=True)[0].sign()).clamp(-1, 1)
    total = cross_entropy(clean, targets) / 1.7 + sum(others) / 3
    total.backward()
    expected = gradients(tuned.model)
    assert totals == pytest.approx(float(total), abs=1e-5) and len(seen) == 4 and seen[0].reach is None and len(seen[0].targets) == len(targets) and not len(seen[1].targets)
    assert found.keys() == expected.keys() and max(float((found[n] - expected[n]).norm() / expected[n].norm().clamp(min=1e-9)) for n in found) < 1e-4


def test_what_cannot_share_is_refused_with_a_reason(tuned, sides, colours):
    pairs = paired(Collator(tuned.processor), *sides)
    with pytest.raises(KitError, match="robust.divergence is 'wasserstein'; allowed: kl, js"):
        Robust(divergence="wasserstein")
    with pytest.raises(KitError, match="epsilon is above 0"):
        Robust(epsilon=0)
    with pytest.raises(ValueError, match="differ in more than their text"):
        paired(Collator(tuned.processor), sides[0][:1], [sides[1][0].replace(image=colours[1].image)])
    tuned.model.gradient_checkpointing_enable()
    with pytest.raises(KitError, match="gradient checkpointing keeps no keys and values to share; switch it off"):
        robust_losses(tuned.model, pairs, Robust())
    dropping = load("tiny_omni", device="cpu")
    model = add_lora(dropping.model, ["llm"], 4, dropout=0.1).train()
    with pytest.raises(KitError, match="lora_dropout is 0.1: each pass would drop other weights"):
        robust_losses(model, pairs, Robust())


NOTED = Settings(lora=("llm", "connector"), steps=40, batch=8, rank=8, learning_rate=5e-3, evaluate_every=40)
CURE = Robust(("unrelated facts (en)", "misleading note A (en)", "grainy picture"), share=0.7, consistency=0.1, ascent_steps=1, epsilon=0.02)


def followed(tuned, samples):
    """Shares of answers that a wrong note of the training's kind, and an instruction in the other language, name."""
    table = by_perturbation(ask(tuned.loaded, samples, [p for p in text_perturbations() if p.name in ("misleading note A (en)", "injected instruction (ja)")]))
    return table.set_index("perturbation")["followed"].to_dict()


def test_rows_whose_note_is_always_right_teach_to_copy_it_and_the_cure_does_not(colours, tmp_path):
    train = [sample.replace(text=NOTES["en"][0].format(answer=sample.answer)) for sample in colours[:48]]
    held = [only_deciding(sample) for sample in colours[48:]]
    plain, cured = (finetune(load("tiny_omni", device="cpu"), train, colours[48:], replace(NOTED, robust=robust), tmp_path / str(robust is None)) for robust in (None, CURE))
    before, after = followed(plain, held), followed(cured, held)
    assert before["misleading note A (en)"] > 0.6 and after["misleading note A (en)"] < 0.3, (before, after)
    assert plain.reach is None and 0.5 < cured.reach <= 1 + 1e-6, "the attack goes as far as it may"
    assert cured.applied_updates == 40 and not cured.frozen_moved and not cured.gradients["leaked"]


def first_update(samples, settings, out, monkeypatch, **loading):
    """The gradients that the first update was made with."""
    seen = {}

    def look(self, args, state, control, model=None, **kwargs):
        seen.update({name: weight.grad.detach().clone() for name, weight in model.named_parameters() if weight.grad is not None} if not seen else {})

    monkeypatch.setattr(trainer._Watch, "on_pre_optimizer_step", look)
    finetune(load("tiny_omni", device="cpu", **loading), samples, samples[:4], settings, out)
    return seen


@pytest.mark.parametrize("four_bit", [False, True], ids=["float32", "nf4"])
def test_an_update_in_parts_has_the_gradient_of_the_whole(four_bit, colours, tmp_path, monkeypatch):
    """Gradient accumulation: pairs, pairs whose picture differs, other rows' pictures and plain rows, two rows at a time or all at once."""
    settings = Settings(lora=("llm",), steps=1, batch=8, rank=4, evaluate_every=1, robust=replace(CURE, consistency=0.5, sensitivity=0.5, ascent_steps=1, ascent="normalised"))
    whole, parts = (first_update(colours[:8], replace(settings, micro_batch=most), tmp_path / str(most), monkeypatch, four_bit=four_bit) for most in (16, 2))
    assert whole.keys() == parts.keys()
    assert max(float((whole[name] - parts[name]).norm() / whole[name].norm().clamp(min=1e-9)) for name in whole) < 1e-4


def test_what_is_drawn_is_fixed_by_seed_and_pass_and_spares_general_rows(colours):
    draws = [[drawn(sample, CURE, 3, turn).meta.get("partner") for sample in colours] for turn in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    assert 0.5 < sum(name is not None for name in draws[0]) / len(colours) < 0.9 and set(draws[0]) - {None} == set(CURE.perturbations)
    assert drawn(colours[0].replace(data_layer="general"), replace(CURE, share=1.0), 0, 0).meta.get("partner") is None
    assert sides_of(colours[0]) is None
    by_words = colours[0].replace(decided_by=("text",), text="red it is", image=())
    assert drawn(by_words, replace(CURE, share=1.0), 0, 0) == by_words, "nothing applies: it stays as it is"
    # the counterfactual grid: the words of a row with another answer, of this update's own rows, and nothing where nobody has any
    noted = [sample.replace(text=f"looks {sample.answer}") for sample in colours]
    swapped = [drawn(sample, Robust((EXCHANGED_TEXT,), share=1.0), 3, 0, noted) for sample in noted]
    assert swapped == [drawn(sample, Robust((EXCHANGED_TEXT,), share=1.0), 3, 0, noted) for sample in noted]
    for sample, (clean, perturbed) in zip(noted, map(sides_of, swapped), strict=True):
        assert clean.text == "" and perturbed.text == f"looks {perturbed.meta['named']}" and perturbed.meta["named"] != sample.answer == perturbed.answer
    assert drawn(noted[0], Robust((EXCHANGED_TEXT,), share=1.0), 3, 0, []).meta.get("partner") is None
    with pytest.raises(KitError, match=r"robust.perturbations names \['gossip'\]; allowed: unrelated facts \(en\)"):
        Robust(("gossip",))
