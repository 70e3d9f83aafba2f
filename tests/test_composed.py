"""A vision-language model that was given ears: the same through saving, batching, generating, adapters and 4-bit; it learns to hear; the seven run checks.

The eyes are tiny random families (tests/families.py), the ears a tiny random Whisper; what must be learned is tried on tiny_omni's own parts (sample_data/recipe/parts.py).
"""

import copy
import csv
import dataclasses
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import transformers as hf
from families import FAMILIES, ROOT
from PIL import Image

from kit.attention import Moda, attention_balance, switch_on
from kit.data import Sample
from kit.data.collator import Collator, audio_window
from kit.errors import KitError
from kit.evaluation import option_scores
from kit.evaluation.scoring import answer_losses
from kit.models import add_lora, component_table, load, lora_targets, require_checkpoint
from kit.models.compose import compose, save
from kit.models.encoders import remembered
from kit.models.features import frozen_features, pooled_tokens
from kit.models.forward import answer_logits, generate, positions
from kit.models.media_tokens import media_token_ids, media_tokens
from kit.models.streamed import Writing
from kit.training import Settings, checks, finetune, run_checks
from sample_data.recipe.parts import compose_parts, write_parts
from sample_data.world import sounds

# family -> the connector that it gets here; True: an encoder window is filled with silence
MADE = {"qwen2.5-vl": ({"kind": "pooling", "stack": 8}, True), "smolvlm": ({"kind": "resampler", "stack": 25, "queries": 3}, False)}
EACH = pytest.mark.parametrize("name", MADE)
QUESTION, OPTIONS = "Which colour is the part?", ("red", "dark green", "blue or violet")
SECONDS = (0.3, 0.95, 2.4)  # the last one is longer than two windows of a second


@pytest.fixture(scope="module")
def ears(tmp_path_factory):
    """A random Whisper checkpoint, 64 wide, with windows of one second."""
    folder = tmp_path_factory.mktemp("ears")
    torch.manual_seed(0)
    config = hf.WhisperConfig(
        num_mel_bins=16, d_model=64, encoder_layers=2, encoder_attention_heads=4, encoder_ffn_dim=128, max_source_positions=50, decoder_layers=1, decoder_attention_heads=1,
        decoder_ffn_dim=64, vocab_size=64, max_target_positions=8, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1, suppress_tokens=None, begin_suppress_tokens=None,
    )  # fmt: skip
    whisper = hf.WhisperForConditionalGeneration(config)
    whisper.generation_config = hf.GenerationConfig()
    whisper.save_pretrained(folder)
    hf.WhisperFeatureExtractor(feature_size=16, chunk_length=1).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def made(ears, checkpoints, tmp_path_factory):
    """Family -> (the composed model as it was made, its directory); nothing may train it."""
    found = {}

    def one(name):
        if name not in found:
            connector, silence = MADE[name]
            loaded = compose(str(checkpoints(name)), ears, connector, silence=silence, device="cpu")
            with torch.no_grad():
                loaded.model.audio_connector.out.weight.normal_(std=0.3)  # a whisper would hide faults
            found[name] = (loaded, str(save(loaded, tmp_path_factory.mktemp(f"made-{name}"))))
        return found[name]

    return one


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Three sounds, one of them longer than the encoder's window, a picture, words only, and a picture with two sounds."""
    folder, rng = tmp_path_factory.mktemp("heard"), np.random.default_rng(0)
    for i, seconds in enumerate(SECONDS):
        soundfile.write(folder / f"{i}.wav", rng.normal(0, 0.2, int(16000 * seconds)).clip(-1, 1), 16000)
    Image.fromarray(rng.integers(0, 255, (100, 80, 3), dtype=np.uint8)).save(folder / "0.png")
    notes = ("", "found on the left side of the belt, under the lamp", "new")
    heard = [Sample(f"sound{i}", QUESTION, OPTIONS, OPTIONS[i], text=notes[i], audio=(folder / f"{i}.wav",), group=str(i)) for i in range(3)]
    seen = Sample("seen", QUESTION, OPTIONS, "red", image=(folder / "0.png",), group="seen")
    return [*heard, seen, seen.replace(id="words", image=()), seen.replace(id="both", audio=(folder / "2.wav", folder / "0.wav"))]


def farthest(left, right):
    return max(np.abs(np.array(a) - np.array(b)).max() for a, b in zip(left, right, strict=True))


@EACH
def test_what_is_saved_is_loaded_by_name_exactly(name, made, rows):
    loaded, folder = made(name)
    again = load(folder, device="cpu")
    ours, theirs = loaded.model.state_dict(), again.model.state_dict()
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert farthest(option_scores(loaded, rows), option_scores(again, rows)) < 1e-5
    batch = [Collator(one.processor)(rows) for one in (loaded, again)]
    assert all(torch.equal(batch[0][key], batch[1][key]) for key in batch[0])
    assert not list(Path(folder).rglob("*.bin")) and "/tmp" not in (Path(folder) / "config.json").read_text()
    require_checkpoint(folder)


@EACH
def test_without_a_sound_it_is_the_model_that_it_was(name, made, checkpoints, rows):
    loaded, _ = made(name)
    before = load(str(checkpoints(name)), device="cpu")
    assert farthest(option_scores(loaded, rows[3:5]), option_scores(before, rows[3:5])) < 1e-5
    given = [Collator(one.processor, answers=False)(rows[3:5]) for one in (loaded, before)]
    assert torch.equal(*(generate(one.model, batch, 4) for one, batch in zip((loaded, before), given, strict=True)))


@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if "audio" not in family.takes and name not in MADE])
def test_every_family_without_ears_can_be_given_some(name, checkpoints, ears, rows, tmp_path):
    """One whose token for sounds is its own (Gemma 4's large sizes) gets another."""
    loaded = compose(str(checkpoints(name)), ears, {"kind": "pooling", "stack": 8}, device="cpu")
    with torch.no_grad():
        loaded.model.audio_connector.out.weight.normal_(std=0.3)
    again = load(str(save(loaded, tmp_path / "made")), device="cpu")
    scores = option_scores(loaded, rows)
    assert farthest(scores, option_scores(again, rows)) < 1e-4
    assert farthest(scores, [option_scores(loaded, [row])[0] for row in rows]) < 1e-4
    assert farthest(scores[3:5], option_scores(load(str(checkpoints(name)), device="cpu"), rows[3:5])) < 1e-4
    assert farthest(scores[:1], option_scores(loaded, [rows[0].without("audio")])) > 1e-2
    assert generate(loaded.model, Collator(loaded.processor, answers=False)(rows), 2).shape[0] == len(rows)
    assert np.isfinite(np.concatenate(option_scores(load(str(tmp_path / "made"), four_bit=True, device="cpu"), rows[:2]))).all()


@EACH
def test_rows_of_all_kinds_share_a_batch_as_if_they_were_alone(name, made, rows):
    """Left padding, sounds of other lengths, pictures beside sounds; and every sound matters."""
    loaded, _ = made(name)
    alone = [option_scores(loaded, [row])[0] for row in rows]
    assert farthest(option_scores(loaded, rows), alone) < 1e-4
    assert farthest(option_scores(loaded, rows[::-1]), alone[::-1]) < 1e-4
    mute = [option_scores(loaded, [row.without("audio")])[0] for row in rows[:3]]
    assert min(np.abs(a - b).max() for a, b in zip(alone, mute, strict=False)) > 1e-2


@EACH
def test_generation_is_that_of_single_rows_and_of_full_forwards(name, made, rows):
    loaded, _ = made(name)
    collate = Collator(loaded.processor, answers=False)
    together = generate(loaded.model, collate(rows), 4).tolist()
    for row, answer in zip(rows, together, strict=True):
        alone = generate(loaded.model, collate([row]), 4)[0].tolist()
        assert answer[: len(alone)] == alone
        with torch.no_grad():
            assert int(loaded.model(**collate([row])).logits[0, -1].argmax()) == answer[0]
    assert "".join(Writing(loaded, rows[2], 4)).strip() == loaded.processor.tokenizer.decode(together[2], skip_special_tokens=True).strip()


@EACH
def test_beams_hear_what_one_beam_hears(name, made, rows):
    loaded, _ = made(name)
    batch = Collator(loaded.processor, answers=False)(rows[:3])
    single = [Collator(loaded.processor, answers=False)([row]) for row in rows[:3]]
    together = loaded.model.generate(**batch, num_beams=3, max_new_tokens=3, do_sample=False)[:, batch["input_ids"].shape[1] :]
    for found, one in zip(together.tolist(), single, strict=True):
        alone = loaded.model.generate(**one, num_beams=3, max_new_tokens=3, do_sample=False)[0, one["input_ids"].shape[1] :].tolist()
        assert found[: len(alone)] == alone


@EACH
def test_a_long_sound_takes_as_many_windows_as_it_needs(name, made, rows):
    loaded, _ = made(name)
    batch = Collator(loaded.processor, answers=False)(rows)
    present, due = media_tokens(loaded.model, batch)["audio"]
    frames = batch["feature_attention_mask"].sum(-1).tolist()
    assert frames == [30, 95, 240, 240, 30] and present == due == sum(map(loaded.processor.tokens, frames))
    tokens = loaded.model.get_audio_features(batch["input_features"], batch["feature_attention_mask"]).last_hidden_state
    assert len(tokens) == due
    assert audio_window(loaded.processor) is None
    assert checks.check_token_budget(loaded, rows).status == "green"
    if "mm_token_type_ids" in batch:
        assert torch.equal(batch["mm_token_type_ids"] == 3, batch["input_ids"] == media_token_ids(loaded.model)["audio"])


@EACH
def test_padding_behind_a_sound_is_nobodys_business(name, made, rows):
    loaded, _ = made(name)
    batch = Collator(loaded.processor, answers=False)(rows[:3])
    features, mask = batch["input_features"], batch["feature_attention_mask"]
    with torch.no_grad():
        tokens = loaded.model.get_audio_features(features, mask).last_hidden_state
        noisy = features.masked_fill(mask[:, None] == 0, 7.0)
        longer = [torch.nn.functional.pad(one, (0, 100)) for one in (noisy, mask)]
        assert torch.allclose(tokens, loaded.model.get_audio_features(*longer).last_hidden_state, atol=1e-5)
        each = [loaded.model.get_audio_features(features[i : i + 1], mask[i : i + 1]).last_hidden_state for i in range(3)]
    assert torch.allclose(tokens, torch.cat(each), atol=1e-5)


def test_silence_is_what_whispers_own_extractor_writes(made, rows):
    """The window of a short sound as the encoder gets it is the one that WhisperFeatureExtractor makes of the whole second."""
    loaded, _ = made("qwen2.5-vl")
    sound, _ = soundfile.read(rows[0].audio[0], dtype="float32")
    whole = loaded.processor.feature_extractor(sound, sampling_rate=16000, return_tensors="pt")["input_features"]
    with torch.no_grad():
        expected = loaded.model.audio_tower(whole).last_hidden_state[0, :15]
        batch = Collator(loaded.processor, answers=False)(rows[:1])
        found = loaded.model.get_audio_frames(batch["input_features"], batch["feature_attention_mask"]).last_hidden_state
    assert torch.nn.functional.cosine_similarity(found, expected, dim=-1).min() > 0.99  # the last frame's half window is silence here


def test_positions_are_the_familys_own_with_sounds_as_text(made, rows):
    loaded, _ = made("qwen2.5-vl")
    batch = Collator(loaded.processor, answers=False)(rows)
    where = positions(loaded.model, batch)
    assert where.shape == (3, *batch["input_ids"].shape)
    real = batch["attention_mask"][2].bool()  # a sound and no picture: one by one
    assert torch.equal(where[:, 2, real], torch.arange(int(real.sum())).expand(3, -1))


@EACH
def test_a_cut_sound_is_seen_before_and_by_the_forward(name, made, rows):
    loaded, _ = made(name)
    batch = Collator(loaded.processor, answers=False)(rows[:1])
    batch["input_ids"][0, (batch["input_ids"][0] == loaded.model.config.audio_token_id).nonzero()[-1]] = 20
    present, due = media_tokens(loaded.model, batch)["audio"]
    assert present == due - 1
    with pytest.raises(ValueError, match="Audio features and audio tokens do not match"):
        loaded.model(**batch)


@EACH
def test_composing_in_16_bit_keeps_every_buffer_of_the_family_as_it_is(name, checkpoints, tmp_path, monkeypatch):
    """As on a GPU. Rotary frequencies are buffers in float32: cast to bfloat16 they are wrong from the first hundred tokens on."""
    from kit.models import compose as composing

    def halved(*asked, **more):
        loaded = load(*asked, **more)
        return dataclasses.replace(loaded, model=type(loaded.model).from_pretrained(asked[0], dtype=torch.bfloat16))

    monkeypatch.setattr(composing, "load", halved)
    alone = dict(halved(checkpoints(name), device="cpu").model.named_buffers())
    model = composing.compose(checkpoints(name), str(write_parts(tmp_path).ears), device="cpu").model
    together = {path.removeprefix("vlm."): buffer for path, buffer in model.named_buffers() if path.startswith("vlm.")}
    assert alone.keys() == together.keys() and all(torch.equal(alone[path], together[path]) and alone[path].dtype == together[path].dtype for path in alone)
    assert {weight.dtype for weight in model.audio_connector.parameters()} == {torch.bfloat16}


@EACH
def test_a_checkpoint_in_a_folder_knows_its_senses(name, made, checkpoints, tmp_path):
    """What guard rows are asked and what the demo lets be uploaded hangs on it."""
    assert load(checkpoints(name), device="cpu").checkpoint.modalities == ("text", "image", "video")
    assert load(str(save(made(name)[0], tmp_path / "whole")), device="cpu").checkpoint.modalities == ("text", "image", "video", "audio")


@EACH
def test_components_adapters_and_the_base_below_them(name, made, rows):
    loaded, _ = made(name)
    table = {row["component"]: row["parameters"] for row in component_table(loaded.model)}
    assert set(table) <= {"llm", "connector", "vision", "audio", "head", "embeddings"}
    assert table["audio"] == sum(p.numel() for p in loaded.model.audio_tower.parameters())
    assert table["connector"] > sum(p.numel() for p in loaded.model.audio_connector.parameters())  # the pictures' is there, too
    model = add_lora(copy.deepcopy(loaded.model), ["llm", "connector", "audio"], rank=4)
    with torch.no_grad():
        for path, weight in model.named_parameters():
            if "lora_B" in path:
                weight.normal_(std=0.1)
    tuned = dataclasses.replace(loaded, model=model)
    base = option_scores(loaded, rows)
    assert farthest(option_scores(tuned, rows), base) > 1e-2
    with model.disable_adapter():
        assert farthest(option_scores(tuned, rows), base) < 1e-5


@EACH
def test_four_bit_is_for_the_language_model_alone(name, made, rows, tmp_path):
    from bitsandbytes.nn import Linear4bit

    loaded, folder = made(name)
    four = load(folder, four_bit=True, device="cpu")
    assert [path for path, module in four.model.named_modules() if isinstance(module, Linear4bit)] == lora_targets(four.model, ["llm"])
    assert all(torch.equal(a, b) for a, b in zip(loaded.model.audio_connector.parameters(), four.model.audio_connector.parameters(), strict=True))
    settings = Settings(lora=("llm", "connector", "audio"), steps=2, batch=3, evaluate_every=2, rank=4, gradient_checkpointing=True)
    tuned = finetune(four, rows[:3], rows[:1], settings, tmp_path / "run")
    check = checks.check_gradients(tuned, settings)
    assert check.status == "green", check.detail
    again = load(folder, four_bit=True, adapter=tuned.adapter, device="cpu")
    assert farthest(option_scores(again, rows), option_scores(tuned.loaded, rows)) < 1e-5


@EACH
def test_gradient_checkpointing_changes_no_gradient(name, made, rows):
    loaded, _ = made(name)
    batch, gradients = Collator(loaded.processor)(rows), []
    for again in (False, True):
        model = add_lora(copy.deepcopy(loaded.model), ["llm", "connector", "audio", "vision"], rank=4).train()
        if again:
            model.gradient_checkpointing_enable()
            model.enable_input_require_grads()
        logits, targets = answer_logits(model, batch)
        torch.nn.functional.cross_entropy(logits, targets).backward()
        gradients.append({path: p.grad for path, p in model.named_parameters() if "lora_B" in path})
    once, twice = gradients
    assert [path for path in once if not float(once[path].abs().max()) > 0] == []
    assert [path for path in once if not torch.allclose(once[path], twice[path], rtol=1e-3, atol=1e-6)] == []


@EACH
@pytest.mark.parametrize("trained", [False, True])
def test_what_was_heard_is_remembered(name, trained, made, rows):
    """With a frozen connector its tokens, else what the frozen encoder made."""
    loaded = dataclasses.replace(made(name)[0], model=copy.deepcopy(made(name)[0].model))
    loaded.model.audio_connector.requires_grad_(trained)
    batches = [Collator(loaded.processor)(some) for some in (rows, rows[::-1], rows[2:3])]
    with torch.no_grad():
        expected = [answer_logits(loaded.model, batch)[0] for batch in batches]
        with remembered(loaded.model) as memory:
            found = [answer_logits(loaded.model, batch)[0] for batch in batches]
    assert max(float((a - b).abs().max()) for a, b in zip(found, expected, strict=True)) < 1e-4
    assert memory.hits >= memory.misses > 0
    assert not any(key.startswith("get_") for module in loaded.model.modules() for key in vars(module))


@EACH
def test_features_and_attention_see_the_sound(name, made, rows):
    loaded, _ = made(name)
    table = frozen_features(loaded, rows[:3], keep_empty=True)
    blind = frozen_features(loaded, [row.without("audio") for row in rows[:3]], keep_empty=True)
    assert np.isfinite(table).all() and np.abs(table - blind).max(1).min() > 1e-3
    assert pooled_tokens(loaded.model, Collator(loaded.processor, answers=False)(rows[:3]), "audio").shape[0] == 3
    assert attention_balance(loaded, rows[:3]) is not None


@EACH
def test_moda_acts_in_the_inner_language_model(name, made, rows):
    loaded = dataclasses.replace(made(name)[0], model=copy.deepcopy(made(name)[0].model))
    plain = option_scores(loaded, rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        switch_on(loaded.model, Moda())
    assert farthest(option_scores(loaded, rows), plain) < 1e-4  # untrained, it changes nothing
    with torch.no_grad():
        for path, weight in loaded.model.named_parameters():
            if ".moda." in path:
                weight.copy_(torch.rand(weight.shape) if path.endswith("gate") else 0.5 * torch.randn(weight.shape))
    stirred = option_scores(loaded, rows)
    assert farthest(stirred, plain) > 1e-3
    assert farthest(stirred, [option_scores(loaded, [row])[0] for row in rows]) < 1e-4
    assert generate(loaded.model, Collator(loaded.processor, answers=False)(rows), 2).shape[0] == len(rows)


def test_a_full_vocabulary_grows_and_the_head_stays_tied(checkpoints, ears, rows, tmp_path, monkeypatch):
    monkeypatch.setattr("kit.models.compose._SPARE", ())
    monkeypatch.setattr("kit.models.compose._NEW", ("<|a sound|>",))
    source = load(str(checkpoints("qwen2.5-vl")), device="cpu")
    rows_before = source.model.get_input_embeddings().num_embeddings
    source.processor.tokenizer.add_tokens([f"<|filled {i}|>" for i in range(rows_before - len(source.processor.tokenizer))], special_tokens=True)
    save(source, tmp_path / "full")
    loaded = compose(str(tmp_path / "full"), ears, device="cpu")
    again = load(str(save(loaded, tmp_path / "made")), device="cpu")
    assert again.model.get_input_embeddings().num_embeddings == rows_before + 64
    assert again.model.get_input_embeddings().weight is again.model.get_output_embeddings().weight
    assert again.processor.audio_token == "<|a sound|>" and again.model.config.audio_token_id == rows_before
    assert farthest(option_scores(loaded, rows), option_scores(again, rows)) < 1e-5


def test_what_cannot_be_composed_says_what_can(checkpoints, ears, made, tmp_path):
    vlm = str(checkpoints("qwen2.5-vl"))
    with pytest.raises(KitError, match=r"'tiny_omni' hears already .*give a vision-language checkpoint, e\.g\. qwen3-vl-2b"):
        compose("tiny_omni", ears, device="cpu")
    with pytest.raises(KitError, match=r"gives no ears \(its model_type is 'qwen2_5_vl', not 'whisper'\): give a Whisper checkpoint, a hub id like openai/whisper-small"):
        compose(vlm, vlm, device="cpu")
    with pytest.raises(KitError, match=r"connector 'conv' cannot be made"):
        compose(vlm, ears, "conv", device="cpu")
    loaded, folder = made("qwen2.5-vl")
    deaf = load(vlm, device="cpu")
    deaf.processor.chat_template = "{% for m in messages %}{{ m['role'] }}{% endfor %}"
    with pytest.raises(KitError, match=r"its chat template or processor has no place for a sound"):
        compose(str(save(deaf, tmp_path / "deaf")), ears, device="cpu")
    with pytest.raises(KitError, match=r"merge its adapter first \(kit\.models\.merge\.merged\)"):
        save(dataclasses.replace(loaded, model=add_lora(copy.deepcopy(loaded.model), ["llm"], rank=4)), tmp_path / "never")
    with pytest.raises(ValueError, match=r"there are 0 <\|audio\|> in the texts and 1 sounds"):
        loaded.processor(text=["?"], audio=[np.zeros(1600, np.float32)])


# ---- tiny_omni's own parts


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    return write_parts(tmp_path_factory.mktemp("parts"))


def company(place, column, question, options):
    with (ROOT / "sample_data" / "company" / place / "metadata.csv").open(encoding="utf-8") as file:
        found = [row for row in csv.DictReader(file) if row[column]][:2]
    return [Sample(row["id"], question, options, options[0], group=row["id"], **{column: (ROOT / "sample_data" / "company" / place / row[column],)}) for row in found]


def test_the_parts_see_as_tiny_omni_does(parts, tiny):
    """Images and texts to the last bit. A video at the same positions: Qwen2.5-VL's own begin the text behind it earlier."""
    vlm = load(str(parts.vlm), device="cpu")
    seen = [*company("inspection", "image", "Which fault is there?", ("ok", "crack")), Sample("words", "Which colour?", ("red", "blue"), "red", text="the box is blue", group="w")]
    assert farthest(option_scores(vlm, seen), option_scores(tiny, seen)) < 1e-4
    clips = company("line", "video", "What is wrong?", ("ok", "jam"))
    theirs, ours = (Collator(one.processor)(clips) for one in (tiny, vlm))
    assert torch.equal(ours["pixel_values_videos"], theirs["pixel_values_videos"]) and torch.equal(ours["input_ids"], theirs["input_ids"])
    for batch in (ours, theirs):
        del batch["labels"]
    where = positions(tiny.model, theirs)
    own = positions(vlm.model, ours)
    video = ours["input_ids"] == vlm.model.config.video_token_id
    assert torch.equal(own[:, video], where[:, video]) and not torch.equal(own, where)
    with torch.no_grad():
        assert float((vlm.model(**ours, position_ids=where).logits - tiny.model(**theirs, position_ids=where).logits).abs().max()) < 1e-4


def test_the_parts_hear_with_tiny_omnis_encoder(parts, tiny):
    """Frame by frame, before tiny_omni takes the mean of two: its own layers on a sound of 5 s are those of two windows here."""
    loaded = compose_parts(parts)
    wave = np.random.default_rng(0).normal(0, 0.1, 16000 * 5).astype(np.float32)
    features = loaded.processor._features(wave)
    mask, tower = torch.ones(1, features.shape[1], dtype=torch.long), tiny.model.model.audio_tower
    seen = {}
    handle = tower.layers[-1].register_forward_hook(lambda module, args, output: seen.update(last=output[0] if isinstance(output, tuple) else output))
    with torch.no_grad():
        tower(features, feature_lens=mask.sum(-1), aftercnn_lens=(mask.sum(-1) - 1) // 2 + 1)
        handle.remove()
        ours = loaded.model.get_audio_frames(features[None], mask).last_hidden_state
        assert float((ours - tower.ln_post(seen["last"])).abs().max()) < 1e-4


def test_a_fresh_merger_is_seeded(parts, tmp_path):
    blind = [load(str(write_parts(tmp_path / str(i), fresh_merger=True).vlm), device="cpu").model.model.visual for i in range(2)]
    eyes = load(str(parts.vlm), device="cpu").model.model.visual
    merger = [dict(one.merger.named_parameters()) for one in (*blind, eyes)]
    assert all(torch.equal(merger[0][key], merger[1][key]) for key in merger[0])
    assert not torch.equal(merger[0]["mlp.0.weight"], merger[2]["mlp.0.weight"]) and torch.equal(blind[0].blocks[0].attn.qkv.weight, eyes.blocks[0].attn.qkv.weight)


def listened(folder, count, seed, split):
    """Exercises of the general world: what is heard, in English and Japanese."""
    rng, found = np.random.default_rng(seed), []
    for number in range(count):
        heard = sounds.listen(rng, split, "sound")
        soundfile.write(folder / f"{split}{number}.wav", heard.wave, 16000)
        found.append(Sample(f"{split}{number}", heard.question, tuple(heard.options), heard.answer, audio=(folder / f"{split}{number}.wav",), decided_by=("audio",), group=f"{split}{number}"))
    return found


def learn(loaded, samples, steps, rate=4e-3, batch=8):
    """The connector, and nothing else, learns to hand over what the frozen encoder hears."""
    collate, weights, rng = Collator(loaded.processor), list(loaded.model.audio_connector.parameters()), np.random.default_rng(0)
    loaded.model.audio_connector.requires_grad_(True)
    optimizer = torch.optim.AdamW(weights, lr=rate)
    with remembered(loaded.model):
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = rate * min(1, (step + 1) / 5) * (1 - step / steps)
            logits, targets = answer_logits(loaded.model, collate([samples[i] for i in rng.choice(len(samples), batch, replace=False)]))
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(logits, targets).backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
    loaded.model.requires_grad_(False)


@pytest.fixture(scope="module")
def hearing(parts, tmp_path_factory):
    """(directory of the composed model after its connector was trained, training rows, held-out rows)."""
    folder = tmp_path_factory.mktemp("hearing")
    train, held_out = listened(folder, 120, 1, "train"), listened(folder, 40, 2, "held_out")
    loaded = compose_parts(parts, {"kind": "linear", "stack": 8})
    learn(loaded, train, 40)
    return str(save(loaded, folder / "hears")), train, held_out


def test_it_learns_to_hear(hearing, parts):
    """A held-out sound makes its answer likelier than another's does, by more than half a nat; before training it did not."""
    source, _, held_out = hearing
    other = [row.replace(audio=held_out[(place + 1) % len(held_out)].audio) for place, row in enumerate(held_out)]
    gains = [answer_losses(loaded, other).mean() - answer_losses(loaded, held_out).mean() for loaded in (load(source, device="cpu"), compose_parts(parts, {"kind": "linear", "stack": 8}))]
    assert gains[0] > 0.5 > abs(gains[1]), gains


TUNED = Settings(lora=("llm", "connector", "audio"), steps=2, batch=8, evaluate_every=2, rank=4, learning_rate=1e-3)


def test_it_passes_the_run_checks_after_fine_tuning(hearing, tmp_path):
    """2, 4, 5 and 6; with the others, the seventh too, in the slow tier."""
    source, train, held_out = hearing
    tuned = finetune(load(source, device="cpu"), train[:16], held_out[:4], TUNED, tmp_path / "run")
    found = [
        checks.check_token_budget(tuned.loaded, [*train[:16], *held_out]), checks.check_supervision(tuned.loaded, train[:16], trained=tuned.supervised),
        checks.check_media_used(tuned.loaded, held_out), checks.check_gradients(tuned, TUNED),
    ]  # fmt: skip
    assert {check.number: check.detail for check in found if check.status != "green"} == {}
    again = load(source, adapter=tuned.adapter, device="cpu")
    assert farthest(option_scores(again, held_out[:4]), option_scores(tuned.loaded, held_out[:4])) < 1e-5


@pytest.mark.slow  # a fresh process
@pytest.mark.parametrize("four_bit", [False, True])
def test_all_seven_run_checks_are_green(four_bit, hearing, tmp_path):
    source, train, held_out = hearing
    tuned = finetune(load(source, four_bit=four_bit, device="cpu"), train[:16], held_out[:4], TUNED, tmp_path / "run")
    found = run_checks(tuned, source, TUNED, train[:16], held_out, [], 0, tmp_path / "work")
    assert [check.number for check in found] == list(range(1, 8))
    assert {check.number: check.detail for check in found if check.status != "green"} == {}
