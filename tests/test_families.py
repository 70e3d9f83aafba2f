"""Every family through the same code: load, score, generate, one 4-bit LoRA step, save, reload, run checks.

The checkpoints are tiny and random (tests/families.py): nothing here says how good a family is, only that the kit asks it rightly.
"""

import copy
import dataclasses
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import torch
from conftest import coloured_samples
from families import FAMILIES, READMES, ROOT, with_table
from PIL import Image
from transformers.models.smolvlm import processing_smolvlm

from kit.data import (
    Sample,
    collator,
    media_perturbations,
    only_deciding,
    own_evidence,
    text_perturbations,
    words_in_picture,
)
from kit.data.collator import Collator
from kit.data.media import load_video
from kit.data.perturbations import another_medium, exchanged_text, grain
from kit.diagnosis import (
    ask,
    ask_hidden,
    ask_sensitivity,
    by_perturbation,
    conflict,
    conflict_scores,
    counterfactual_grid,
    deletion_test,
    grid_pairs,
    interference,
    is_shown,
    sensitivity,
    shortcut_index,
)
from kit.diagnosis.occlusion import GRID
from kit.errors import KitError
from kit.evaluation import option_scores, scoring
from kit.evaluation.shared_prefix import shared_scores
from kit.models import add_lora, component_table, load, lora_targets, require_checkpoint
from kit.models.encoders import remembered
from kit.models.features import frozen_features
from kit.models.forward import answer_logits, generate
from kit.models.media_tokens import media_tokens, tokens_of
from kit.training import Settings, checks, finetune
from kit.training.pairs import set_apart
from kit.training.robust import Robust, losses_apart, shares_beginnings

EACH = pytest.mark.parametrize("name", FAMILIES)
MEDIA = [(name, modality) for name, family in FAMILIES.items() for modality in family.takes]
EACH_MEDIUM = pytest.mark.parametrize(("name", "modality"), MEDIA, ids=[f"{name}-{modality}" for name, modality in MEDIA])
EACH_TIMED = pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if family.tells_time])
QUESTION, OPTIONS = "Which colour is the part?", ("red", "dark green", "blue or violet")  # one, two and three tokens or more
NOT_REMEMBERED = {("gemma4-small", "audio")}
QUICK = Settings(lora=("llm", "connector", "vision"), steps=2, batch=2, evaluate_every=2, rank=4, learning_rate=1e-2)


@pytest.fixture(autouse=True)
def one_batch(monkeypatch):
    """Scoring keeps kinds of evidence apart where it can; here all rows share a batch, as they do in training, so that neighbours of other kinds are tested too."""
    monkeypatch.setattr(scoring, "batches_of", lambda samples, size: [list(range(len(samples)))])


@pytest.fixture(scope="module")
def families(checkpoints):
    """Name -> the loaded family in float32; nothing may train it."""
    loaded = {}

    def family(name):
        if name not in loaded:
            loaded[name] = load(str(checkpoints(name)), device="cpu")
        return loaded[name]

    return family


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """Modality -> three samples whose media and texts are of different length."""
    folder = tmp_path_factory.mktemp("media")
    rng = np.random.default_rng(0)
    paths = {"image": [], "video": [], "audio": []}
    for i, (width, height, rate, seconds) in enumerate([(112, 112, 4, 0.5), (150, 80, 10, 1.3), (60, 100, 25, 0.9)]):
        picture = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
        paths["image"].append(folder / f"{i}.png")
        Image.fromarray(picture).save(paths["image"][-1])
        paths["video"].append(folder / f"{i}.mp4")
        write_video(paths["video"][-1], rng, rate)
        paths["audio"].append(folder / f"{i}.wav")
        soundfile.write(paths["audio"][-1], rng.normal(0, 0.2, int(16000 * seconds)).clip(-1, 1), 16000)
    notes = ("", "found on the left side of the belt, under the lamp", "new")
    return {
        modality: [Sample(f"{modality}{i}", QUESTION, OPTIONS, OPTIONS[i], text=notes[i], group=str(i), **{modality: (paths[modality][i],)}) for i in range(3)]
        for modality in paths
    }


def write_video(path, rng, rate):
    """Sixteen noisy frames, 96 x 64, at `rate` frames per second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for _ in range(16):
            blocks = np.kron(rng.integers(0, 255, (4, 6, 3)), np.ones((16, 16, 1))).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(blocks, format="rgb24")))
        container.mux(stream.encode())


def scores_without_cache(loaded, sample, options=None, examples=()):
    """Each option's log-likelihood by one full forward of transformers' own choosing: no cache, no batch, no padding, no positions from us."""
    scores, collate = [], Collator(loaded.processor, examples=examples)
    for option in options or sample.options:
        batch = collate([sample.replace(answer=option)])
        labels = batch.pop("labels")[0]
        with torch.no_grad():
            logits = loaded.model(**batch, use_cache=False).logits[0].log_softmax(-1)
        at = (labels != -100).nonzero()[:, 0]
        scores.append(float(logits[at - 1, labels[at]].sum()))
    return np.array(scores)


def farthest(left, right):
    return max(np.abs(np.array(a) - np.array(b)).max() for a, b in zip(left, right, strict=True))


@EACH
def test_a_checkpoint_is_small_and_made_of_the_familys_own_classes(name, checkpoints, families):
    size = sum(file.stat().st_size for file in Path(checkpoints(name)).rglob("*"))
    assert size < (12e6 if name == "qwen2.5-omni" else 5e6)
    config = families(name).model.config
    assert type(families(name).model).__module__.startswith(f"transformers.models.{config.model_type.removesuffix('_thinker')}.")
    assert (Path(checkpoints(name)) / "model.safetensors").is_file()


@EACH_MEDIUM
def test_scores_by_a_shared_prompt_are_those_of_a_full_forward_per_option(name, modality, families, samples):
    loaded = families(name)
    sample = samples[modality][1]
    assert np.abs(option_scores(loaded, [sample])[0] - scores_without_cache(loaded, sample)).max() < 1e-4


@EACH_MEDIUM
def test_many_texts_on_one_medium_are_scored_as_they_would_be_alone(name, modality, families, samples):
    """The probes' way: what the prompts have in common is read once, whatever the family's layers, positions and blocks."""
    loaded, told = families(name), {}
    perturbations = text_perturbations()
    decided = [sample.replace(decided_by=(modality,)) for sample in samples[modality][:2]]
    asked = [made for sample in decided for made in (only_deciding(sample), *(p(sample) for p in perturbations))]
    shared = shared_scores(loaded, asked, batch_size=8, told=told)
    assert told["shared"] == told["prompts"] == len(asked) and told["read"] == 2, f"nothing was shared: {told}"
    assert told["tokens_read"] < told["tokens"]
    alone = [option_scores(loaded, [sample])[0] for sample in asked]
    assert farthest(shared, alone) < 1e-4


@EACH_MEDIUM
def test_neighbours_and_padding_do_not_change_a_score(name, modality, families, samples):
    loaded = families(name)
    words = samples[modality][0].without(modality)  # a row without any medium among the others
    rows = [*samples[modality], words.replace(id="words only")]
    alone = [option_scores(loaded, [row])[0] for row in rows]
    assert farthest(option_scores(loaded, rows), alone) < 1e-4
    assert farthest(option_scores(loaded, rows[::-1]), alone[::-1]) < 1e-4


@EACH
def test_several_pictures_and_solved_examples_are_scored_as_they_would_be_alone(name, families, samples):
    loaded = families(name)
    first, second, third = samples["image"]
    both = first.replace(id="two pictures", image=second.image + third.image)
    expected = [scores_without_cache(loaded, row, examples=(third,)) for row in (both, second)]
    assert farthest(option_scores(loaded, [both, second], examples=(third,)), expected) < 1e-4


@EACH
def test_a_picture_and_a_video_share_a_batch_or_are_refused(name, families, samples):
    loaded = families(name)
    picture, video = samples["image"][1], samples["video"][0]
    rows = [picture, video, video.replace(id="both", image=picture.image)]
    if not FAMILIES[name].mixes:
        with pytest.raises(KitError, match="SmolVLMProcessor takes pictures or videos, not both, in one batch"):
            option_scores(loaded, rows)
        return
    assert farthest(option_scores(loaded, rows), [scores_without_cache(loaded, row) for row in rows]) < 1e-4


@EACH
@pytest.mark.parametrize("fault", ["position", "mask", "cache"])
def test_a_fault_in_the_shared_prompt_would_be_seen(name, fault, families, samples, monkeypatch):
    """The equalities above are sharp: a position off by one, a padding that is attended to, a cache of another row."""
    loaded = families(name)
    rows = samples["image"]
    honest = option_scores(loaded, rows)
    read = scoring.read_prompt

    def faulty(model, batch):
        prefix = read(model, batch)
        if fault == "position":
            prefix.next_position = prefix.next_position + 1
        elif fault == "mask":
            prefix.mask = torch.ones_like(prefix.mask)
        else:
            prefix.cache.reorder_cache(torch.tensor([1, 2, 0]))
        return prefix

    monkeypatch.setattr(scoring, "read_prompt", faulty)
    assert farthest(option_scores(loaded, rows), honest) > 1e-3


@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if "audio" not in family.takes])
def test_a_sound_is_refused_by_a_family_that_would_drop_it(name, families, samples):
    processor = r"sample audio0 has audio, and this checkpoint \(\w+Processor\) takes only image, video: leave that column out, or name"
    model = r"this checkpoint has no audio encoder: leave the audio column out, or name"  # Gemma 4's processor would take it
    with pytest.raises(KitError, match=model if name == "gemma4-large" else processor):
        option_scores(families(name), samples["audio"])


@pytest.mark.parametrize("name", ["qwen2.5-omni", "gemma4-small"])
def test_a_sound_longer_than_the_familys_window_is_named(name, families, samples, tmp_path):
    soundfile.write(tmp_path / "long.wav", np.zeros(31 * 16000), 16000)
    short, long = samples["audio"][0], samples["audio"][1].replace(audio=(tmp_path / "long.wav",))
    check = checks.check_token_budget(families(name), [short, long])
    assert (check.status, check.evidence["cut"]) == ("red", ["audio1"])


def test_a_package_that_a_family_needs_is_named(checkpoints, monkeypatch):
    source = str(checkpoints("smolvlm"))
    monkeypatch.setattr(processing_smolvlm, "num2words", None)
    for asked in (load, require_checkpoint):
        with pytest.raises(KitError, match=r"needs a package that is not installed here \(Package `num2words`.*pip install num2words"):
            asked(source)


def test_pictures_are_attended_to_in_both_directions_where_the_family_does(families, samples, monkeypatch):
    """Without the token types that say what is a picture, Gemma 4's large sizes would read it word by word."""
    loaded, sample = families("gemma4-large"), samples["image"][0]
    honest = option_scores(loaded, [sample])
    prompts = Collator._prompts
    monkeypatch.setattr(Collator, "_prompts", lambda self, rows: {k: v for k, v in prompts(self, rows).items() if k != "mm_token_type_ids"})
    assert farthest(option_scores(loaded, [sample]), honest) > 1e-3


@pytest.mark.parametrize("name", ["qwen3.5", "gemma4-small", "llava-onevision"])
def test_a_prompt_is_written_as_the_family_writes_it(name, families, samples):
    """No open thought before the options, one BOS, and the answer up to the family's own end of turn."""
    loaded = families(name)
    prompt, whole = (Collator(loaded.processor, answers=answers)(samples["image"][:1])["input_ids"][0] for answers in (False, True))
    decode = loaded.processor.tokenizer.decode
    start = {"qwen3.5": "assistant\n<think>\n\n</think>\n\n", "gemma4-small": "<|turn>model\n"}.get(name, "<|im_start|>assistant\n")
    assert decode(prompt).endswith(start)
    assert decode(whole[len(prompt) :]) == "red" + {"gemma4-small": "<turn|>"}.get(name, "<|im_end|>")
    assert decode(prompt).count("<bos>") == (name == "gemma4-small")


@EACH_MEDIUM
def test_the_medium_reaches_the_answer(name, modality, families, samples):
    """A random model, too, answers otherwise when it is shown something else."""
    loaded = families(name)
    first, second, _ = samples[modality]
    swapped = first.replace(**{modality: getattr(second, modality)})
    assert farthest(option_scores(loaded, [first]), option_scores(loaded, [swapped])) > 1e-2


@EACH_TIMED
def test_the_time_between_two_frames_reaches_the_model(name, families, samples, monkeypatch):
    loaded = families(name)
    sample = samples["video"][0]
    real = option_scores(loaded, [sample])
    frames, rate = load_video(sample.video[0])
    monkeypatch.setattr(collator, "load_video", lambda path: (frames, rate / 16))
    assert farthest(real, option_scores(loaded, [sample])) > 1e-3


@EACH_MEDIUM
def test_generation_gives_the_tokens_that_scoring_prefers(name, modality, families, samples):
    loaded = families(name)
    rows = samples[modality]
    ids = generate(loaded.model, Collator(loaded.processor, answers=False)(rows), max_new_tokens=3)
    assert ids.shape[0] == 3 and 1 <= ids.shape[1] <= 3
    for row, answer in zip(rows, ids.tolist(), strict=True):
        batch = Collator(loaded.processor, answers=False)([row])
        with torch.no_grad():
            assert int(loaded.model(**batch).logits[0, -1].argmax()) == answer[0]


@EACH_MEDIUM
def test_answer_logits_are_the_answers_tokens_and_nothing_else(name, modality, families, samples):
    loaded = families(name)
    collate = Collator(loaded.processor)
    with torch.no_grad():
        logits, targets = answer_logits(loaded.model, collate(samples[modality]))
    wanted = [collate.answer_ids(sample.answer) for sample in samples[modality]]
    assert targets.tolist() == sum(wanted, [])
    each = torch.nn.functional.cross_entropy(logits, targets, reduction="none").split([len(ids) for ids in wanted])
    own = [scores_without_cache(loaded, sample, (sample.answer,))[0] for sample in samples[modality]]
    assert np.abs([float(part.sum()) + score for part, score in zip(each, own, strict=True)]).max() < 1e-4


@EACH_MEDIUM
def test_a_cut_medium_is_seen_before_or_by_the_forward(name, modality, families, samples):
    """Check 2 counts where the family says how large its grids are; elsewhere the family itself refuses."""
    loaded = families(name)
    batch = Collator(loaded.processor, answers=False)(samples[modality][:1])
    assert all(present == due for present, due in media_tokens(loaded.model, batch).values())
    token = placeholder(loaded.model.config, modality)
    batch["input_ids"][0, (batch["input_ids"][0] == token).nonzero()[-1]] = 20
    if media_tokens(loaded.model, batch):
        assert [present for present, _ in media_tokens(loaded.model, batch).values()] == [due - 1 for _, due in media_tokens(loaded.model, batch).values()]
    else:
        with pytest.raises((ValueError, RuntimeError)), torch.no_grad():
            loaded.model(**batch)


def placeholder(config, modality):
    own = getattr(config, f"{modality}_token_id", None)
    return own if own is not None and modality != "video" else getattr(config, "video_token_id", config.image_token_id)


@EACH
def test_every_component_has_linear_layers_for_lora(name, families):
    model = families(name).model
    components = ["llm", "connector", "vision", *(["audio"] if "audio" in FAMILIES[name].takes else [])]
    for component in components:
        assert lora_targets(model, [component]), component
    named = {row["component"]: row["parameters"] for row in component_table(model)}
    assert set(named) <= {*components, "head", "embeddings"}


@EACH_MEDIUM
def test_four_bit_lora_steps_save_and_reload(name, modality, checkpoints, samples, tmp_path):
    """Two updates on rows of the medium, with adapters on what reads it; the same scores after loading again; run checks 2, 4 and 6."""
    rows = coloured_samples(tmp_path, 6) if modality == "image" else samples[modality]
    settings = dataclasses.replace(QUICK, lora=("llm", "connector", "audio" if modality == "audio" else "vision"))
    tuned = finetune(load(str(checkpoints(name)), four_bit=True, device="cpu"), rows[:-1], rows[-1:], settings, tmp_path / "run")
    again = load(str(checkpoints(name)), four_bit=True, adapter=tuned.adapter, device="cpu")
    base = load(str(checkpoints(name)), four_bit=True, device="cpu")
    after = option_scores(tuned.loaded, rows)
    assert farthest(after, option_scores(again, rows)) < 1e-5
    assert farthest(after, option_scores(base, rows)) > 1e-3
    found = [checks.check_token_budget(tuned.loaded, rows), checks.check_supervision(tuned.loaded, rows), checks.check_gradients(tuned, settings)]
    assert {check.number: check.detail for check in found if check.status != "green"} == {}


@EACH
def test_four_bit_quantises_the_whole_language_model_and_nothing_else(name, checkpoints):
    from bitsandbytes.nn import Linear4bit

    model = load(str(checkpoints(name)), four_bit=True, device="cpu").model
    assert [path for path, module in model.named_modules() if isinstance(module, Linear4bit)] == lora_targets(model, ["llm"])


@EACH_MEDIUM
def test_half_precision_runs_as_on_a_gpu(name, modality, families, samples):
    """Media arrive in float32 and a bfloat16 encoder refuses them, unless they are cast on the way."""
    loaded = families(name)
    half = dataclasses.replace(loaded, model=copy.deepcopy(loaded.model).to(torch.bfloat16))
    ours, theirs = option_scores(half, samples[modality]), option_scores(loaded, samples[modality])
    assert farthest(ours, theirs) < 2  # nats over up to five tokens; a fault is worth tens


@EACH
def test_gradient_checkpointing_changes_no_gradient(name, families, samples):
    """Layers that share keys and values, or read a state on, must be computed a second time as they were the first."""
    batch = Collator(families(name).processor)(samples["image"])
    gradients = []
    for again in (False, True):
        model = add_lora(copy.deepcopy(families(name).model), ["llm", "connector", "vision"], rank=4).train()
        if again:
            model.gradient_checkpointing_enable()
            model.enable_input_require_grads()
        logits, targets = answer_logits(model, batch)
        torch.nn.functional.cross_entropy(logits, targets).backward()
        gradients.append({path: torch.zeros(1) if p.grad is None else p.grad for path, p in model.named_parameters() if "lora_B" in path})
    assert any(getattr(module, "gradient_checkpointing", False) for module in model.modules())
    once, twice = gradients
    silent = [path for path, gradient in once.items() if not float(gradient.abs().max()) > 0]
    assert all("audio" in path for path in silent), silent  # the only part that a picture does not pass through
    assert [path for path in once if not torch.allclose(once[path], twice[path], rtol=1e-3, atol=1e-6)] == []


@pytest.mark.parametrize("page", READMES)
def test_the_readmes_table_is_written_from_these_tests(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert text == with_table(text, READMES[page]), "type: python tests/families.py"


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if family.fresh_process])
def test_a_fresh_process_gives_the_same_scores(name, checkpoints, tmp_path):
    """Run check 7."""
    coloured = coloured_samples(tmp_path, 4)
    source = str(checkpoints(name))
    tuned = finetune(load(source, four_bit=True, device="cpu"), coloured[:2], coloured[2:], QUICK, tmp_path / "run")
    check = checks.check_adapter(tuned, source, coloured, tmp_path)
    assert check.status == "green", check.detail


@EACH_MEDIUM
def test_remembered_encoders_give_the_same_losses_and_are_asked_once(name, modality, families, samples):
    loaded = families(name)
    rows = samples[modality]
    two = rows[0].replace(id="two", **{modality: getattr(rows[1], modality) + getattr(rows[2], modality)}) if modality == "image" else rows[1]
    collate = Collator(loaded.processor)
    batches = [collate([*rows, two]), collate(rows[::-1]), collate([rows[1].without(modality), rows[2]]), collate([rows[0]])]
    with torch.no_grad():
        expected = [answer_logits(loaded.model, batch)[0] for batch in batches]
        with remembered(loaded.model) as memory:
            found = [answer_logits(loaded.model, batch)[0] for batch in batches]
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4)
    if (name, modality) in NOT_REMEMBERED:
        assert memory.hits == memory.misses == 0
    else:
        assert memory.hits > 0 and memory.misses <= memory.hits
    assert not any(key.startswith("get_") for module in loaded.model.modules() for key in vars(module))


@EACH_MEDIUM
def test_frozen_features_see_the_medium(name, modality, families, samples):
    """Of every family: finite, one row per sample, the same alone and among neighbours, and others where the medium is taken away."""
    rows = samples[modality]
    table = frozen_features(families(name), rows, keep_empty=True)
    assert len(table) == len(rows) and np.isfinite(table).all() and len(np.unique(table.round(4), axis=0)) == len(rows)
    assert np.abs(table[1] - frozen_features(families(name), rows[1:2], keep_empty=True)[0]).max() < 1e-3
    blind = frozen_features(families(name), [sample.without(modality) for sample in rows], keep_empty=True)
    assert blind.shape == table.shape and np.abs(table - blind).max(1).min() > 1e-3


def asked_of(loaded, rows, perturbations):
    """`ask`, whose shared scores must be those of each question alone."""
    trials = ask(loaded, rows, perturbations)
    alone = [option_scores(loaded, [made])[0] for sample in rows[:1] for made in (only_deciding(sample), *(p(sample) for p in perturbations)) if made is not None]
    shares = [np.exp(score - np.logaddexp.reduce(score)) for score in alone]
    assert farthest([list(told.values()) for told in trials["probabilities"][: len(shares)]], shares) < 1e-4
    return trials


@pytest.mark.slow  # some seconds each
@pytest.mark.parametrize(("name", "modality"), [*((name, "image") for name in FAMILIES), ("qwen2.5-omni", "audio"), ("qwen2.5-vl", "video"), ("gemma4-small", "audio")])
def test_every_probe_runs_on_every_family(name, modality, families, samples, monkeypatch):
    """Where the medium decides and where it should not. Random weights on three rows are never green, and no map of theirs is shown."""
    loaded = families(name)
    rows = [sample.replace(text=f"looks {sample.answer} I think", decided_by=(modality,)) for sample in samples[modality]]
    monkeypatch.setitem(GRID, "image", 3)  # cells per side: 9 questions instead of 36
    told = [p for p in text_perturbations(("ja",)) if p.kind in ("misleading", "matching")]
    perturbations = [*told, own_evidence("text"), exchanged_text(rows), *([words_in_picture(("en",))[1], grain()] if modality == "image" else [])]
    trials = asked_of(loaded, rows, perturbations)
    found = [interference(trials, "text"), *(sensitivity(ask_sensitivity(loaded, rows, bare=bare), not bare) for bare in (True, False))]
    found.append(shortcut_index(counterfactual_grid(loaded, grid_pairs(rows, modality, "text"), modality, "text"), modality, "text"))
    wrong, right = (next(p for p in perturbations if p.name == f"{kind} note{letter} (ja)") for kind, letter in (("misleading", " A"), ("matching", "")))
    found.append(conflict(conflict_scores(loaded, [p(sample) for p in (wrong, right) for sample in rows]), [True] * 3 + [False] * 3))
    found.append(deletion_test(ask_hidden(loaded, [only_deciding(rows[0])], modality, draws=1), modality))
    assert [f.name for f in found if f.verdict == "good"] == [] and not is_shown(found[-1])
    # the other way round: the words decide, and the medium is put in
    by_words = [sample.replace(decided_by=("text",)) for sample in rows]
    put_in = asked_of(loaded, by_words, media_perturbations(modality, by_words)[1:])
    assert interference(put_in, modality).verdict != "good" and len(put_in) >= 3 * len(rows)
    assert by_perturbation(put_in)["n"].min() == 3


@EACH_MEDIUM
def test_robust_training_attacks_a_medium_where_it_was_put_in(name, modality, families, samples):
    """SmolVLM and InternVL write a video's frames with the pictures' token: found all the same, and a picture that decides beside it is spared."""
    loaded = families(name)
    model, collate = add_lora(copy.deepcopy(loaded.model), ["llm"], rank=4).train(), Collator(loaded.processor)
    by_words = [sample.replace(decided_by=("text",), text=f"looks {sample.answer}") for sample in samples[modality]]
    other = another_medium(modality, by_words)
    apart = set_apart(collate, [sample.without(modality) for sample in by_words], [other(sample) for sample in by_words])
    where = tokens_of(model, apart.perturbed["input_ids"], apart.added, apart.clean["input_ids"])
    assert where.sum(1).min() > 2 and not where[apart.perturbed["labels"] != -100].any() and not apart.text.any()
    (losses,) = losses_apart(model, apart, Robust(ascent_steps=1, consistency=0.5))
    losses.total.backward()
    assert 0.5 < losses.reach <= 1 + 1e-5 and any(float(p.grad.abs().max()) > 0 for p in model.parameters() if p.grad is not None)
    if modality == "video" and FAMILIES[name].mixes:
        seen = [sample.replace(image=samples["image"][place].image, decided_by=("image", "text")) for place, sample in enumerate(by_words)]
        beside = set_apart(collate, [sample.without("video") for sample in seen], [other(sample) for sample in seen])
        found = tokens_of(model, beside.perturbed["input_ids"], beside.added, beside.clean["input_ids"])
        assert found.sum(1).tolist() == where.sum(1).tolist() and not (found & (beside.perturbed["input_ids"] == placeholder(model.config, "image")) & (found.cumsum(1) == 0)).any()
        first = [int(row.int().argmax()) for row in beside.perturbed["input_ids"] == placeholder(model.config, "image")]
        assert not any(bool(row[at]) for row, at in zip(found, first, strict=True)), "a picture comes first, and decides"


@EACH
def test_robust_training_of_texts_runs_on_every_family(name, checkpoints, samples, tmp_path):
    """From a shared beginning, or both sides whole where layers keep a state (sliding windows, linear attention): attacked either way."""
    settings = dataclasses.replace(QUICK, lora=("llm",), steps=1, batch=3, evaluate_every=1, robust=Robust(("misleading note A (en)",), share=1.0, consistency=0.5, ascent_steps=1))
    tuned = finetune(load(str(checkpoints(name)), device="cpu"), samples["image"], samples["image"][:1], settings, tmp_path / "run")
    assert shares_beginnings(tuned.loaded.model, settings.robust) == (name not in ("qwen3.5", "gemma4-small", "gemma4-large"))
    assert tuned.applied_updates == 1 and 0.5 < tuned.reach <= 1 + 1e-5 and not tuned.frozen_moved
