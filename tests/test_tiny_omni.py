"""The shipped tiny model: it loads as any checkpoint does, is as small and as able as its card says, and can be made again."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForMultimodalLM, AutoProcessor, Qwen2_5OmniThinkerForConditionalGeneration

from kit.data import read_folder
from kit.evaluation.scoring import predict
from kit.models import load
from sample_data.recipe import attention
from sample_data.recipe.naming import Naming
from sample_data.recipe.vision_warmup import patches
from sample_data.world import pictures

SAMPLE_DATA = Path(__file__).resolve().parents[1] / "sample_data"
TINY = SAMPLE_DATA / "tiny_omni"
GENERAL = SAMPLE_DATA / "general"
FLOORS = {"image": 0.90, "spoken": 0.85, "motion": 0.85, "text": 0.90}


@pytest.fixture(scope="module")
def model():
    return AutoModelForMultimodalLM.from_pretrained(TINY, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def processor():
    return AutoProcessor.from_pretrained(TINY)


@pytest.fixture(scope="module")
def evaluation():
    return json.loads((TINY / "evaluation.json").read_text(encoding="utf-8"))


def weight(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_it_is_a_real_thinker_of_three_to_six_million_parameters(model):
    assert type(model) is Qwen2_5OmniThinkerForConditionalGeneration
    assert 3e6 < sum(parameter.numel() for parameter in model.parameters()) < 6e6


def test_the_sides_of_every_linear_layer_of_the_language_model_suit_nf4_blocks(model):
    for name, module in model.model.language_model.named_modules():
        if isinstance(module, torch.nn.Linear):
            assert module.in_features % 64 == 0 and module.out_features % 64 == 0, name


def test_checkpoint_and_guard_set_are_small(model):
    assert weight(TINY) < 15e6
    assert weight(GENERAL) < 3e6


@pytest.mark.parametrize("shape", [(3, 1, 140, 140, 3), (2, 8, 112, 112, 3)])
def test_attention_over_a_batch_in_one_piece_sees_what_picture_by_picture_sees(model, shape):
    tower = model.model.visual
    frames = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    pixels, grid = patches(frames)
    with torch.no_grad():
        apart = tower(pixels, grid).pooler_output
        with attention.of_equal_pictures(tower):
            together = tower(pixels, grid).pooler_output
        again = tower(pixels, grid).pooler_output
    assert torch.allclose(apart, together, atol=1e-4) and torch.equal(apart, again)


def test_a_token_that_resembles_the_word_for_what_it_shows_costs_less(processor):
    tokenizer = processor.tokenizer
    torch.manual_seed(0)
    embedding = torch.nn.Embedding(len(tokenizer), 192)
    naming = Naming(tokenizer)
    line, red = pictures.THINGS.index("line"), pictures.HUES.index("red")
    cells = torch.tensor([[[line, 0, pictures.THINGS.index("body")], [red, 0, 0]]])
    words = [embedding.weight[tokenizer.encode(word)].mean(0) for word in (" line", "線", " red", "赤")]
    like = sum(torch.nn.functional.normalize(word, dim=-1) for word in words)
    tokens = torch.randn(1, 3, 192)
    other, same = tokens.clone(), tokens.clone()
    same[0, 0] = like
    assert naming(embedding, same, cells) < 0.5 * naming(embedding, other, cells)
    # what shows nothing that has a name counts nothing
    assert naming(embedding, tokens[:, 1:], cells[:, :, 1:]) == 0


def test_any_english_or_japanese_string_comes_back_from_the_tokenizer(processor):
    for text in ("a scratch, a dent and a stain", "打痕と鏽び、ヒビ割れ（重度）", "½ Ω 🙂"):
        assert processor.tokenizer.decode(processor.tokenizer.encode(text)) == text


def test_every_medium_becomes_the_tokens_it_should(processor):
    content = [{"type": kind} for kind in ("image", "video", "audio")] + [
        {"type": "text", "text": "What is it?"}
    ]
    prompt = processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    batch = processor(
        text=[prompt],
        images=[Image.new("RGB", (168, 168))],
        videos=[np.zeros((8, 112, 112, 3), np.uint8)],
        audio=[np.zeros(16000, np.float32)],
        return_tensors="pt",
    )
    ids = batch["input_ids"][0]
    tokenizer = processor.tokenizer
    counts = [
        (ids == token).sum().item()
        for token in (tokenizer.image_token_id, tokenizer.video_token_id, tokenizer.audio_token_id)
    ]
    assert counts == [36, 64, 12]


def test_training_reads_the_tokens_and_pixels_that_the_processor_makes(processor):
    from sample_data.recipe import batches
    from sample_data.world import motions, pictures, questions, sentences

    rng = np.random.default_rng(5)
    made = [questions.about(rng, pictures.picture(rng, 140, kind)) for kind in ("surface", "scene", "glyph")]
    made += [questions.about_motion(rng, *motions.motion(rng)), sentences.sentence(rng)]
    for item in made:
        content = [{"type": "image"} for _ in item.images] + [
            {"type": "video"} for _ in range(item.video is not None)
        ]
        note = f"Note: {item.text}\n" if item.text else ""
        options = f"\nOptions: {', '.join(item.options)}" if item.listed else ""
        content.append({"type": "text", "text": note + item.question + options})
        prompt = processor.apply_chat_template(
            [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
        )
        videos = None if item.video is None else [item.video]
        images = [Image.fromarray(image) for image in item.images] or None
        wanted = processor(text=[prompt], images=images, videos=videos, return_tensors="pt")
        ours = batches.collate([item], processor)
        length = wanted["input_ids"].shape[1]
        assert torch.equal(ours["input_ids"][:, :length], wanted["input_ids"])
        assert (
            ours["labels"][0, length - 1] == batches.IGNORED and ours["labels"][0, length] != batches.IGNORED
        )
        for key in ("pixel_values", "pixel_values_videos"):
            if key in wanted:
                assert torch.allclose(ours[key], wanted[key], atol=1e-5)


def test_an_answer_about_a_banked_picture_is_computed_as_from_its_pixels(model, processor):
    from sample_data.recipe import alignment, bank, batches
    from sample_data.world import pictures, questions

    rng = np.random.default_rng(6)
    batch = batches.collate([questions.about(rng, pictures.picture(rng, 140, "surface"))], processor)
    batch.pop("labels")
    inner = model.model
    with torch.no_grad():
        straight = inner(**batch, use_cache=False).last_hidden_state
        kept = bank.before_merger(inner.visual, batch["pixel_values"], batch["image_grid_thw"])
        positions = inner.get_rope_index(
            batch["input_ids"], batch["image_grid_thw"], None, batch["attention_mask"]
        )[0]
        embedded, _ = alignment.embeds(model, batch | {"images": kept})
        banked = inner.language_model(
            inputs_embeds=embedded, attention_mask=batch["attention_mask"], position_ids=positions
        )
    assert torch.allclose(straight, banked.last_hidden_state, atol=1e-4)


@pytest.mark.parametrize("kind", list(FLOORS))
def test_the_card_reaches_the_floors_on_held_out_samples(evaluation, kind):
    assert evaluation["held_out"][kind]["n"] >= 500
    assert evaluation["held_out"][kind]["value"] >= FLOORS[kind]


def test_the_eyes_see_real_steel_as_well_as_the_card_says(evaluation, model):
    from sample_data.make_tiny_omni import STEEL
    from sample_data.recipe.probe import probe

    assert evaluation["x_sdd_probe"] >= 0.88
    if STEEL.is_dir():  # not shipped; passes without it
        assert probe(model.model.visual, STEEL) == pytest.approx(evaluation["x_sdd_probe"], abs=0.01)


def test_the_guard_set_is_answered_as_well_as_the_evaluation_says(evaluation):
    samples = [sample for sample in read_folder(GENERAL).samples if sample.split == "test"]
    assert 180 <= len(samples) and {sample.data_layer for sample in samples} == {"general"}
    frame = predict(load("tiny_omni", device="cpu"), samples)
    right = dict(zip(frame["id"], frame["answer"] == frame["predicted"]))
    for kind, said in evaluation["general"].items():
        hits = [hit for name, hit in right.items() if name.startswith(kind)]
        assert len(hits) == said["n"]
        assert sum(hits) / len(hits) == pytest.approx(said["value"], abs=0.03), kind


def test_an_untrained_language_model_already_looks_back_at_what_followed_the_same_token(processor):
    from sample_data.recipe import model as shape

    language_model = shape.build_model(2560).model.language_model.eval()
    language_model.config._attn_implementation = "eager"
    once = torch.randperm(2500, generator=torch.Generator().manual_seed(1))[:20] + 20
    with torch.no_grad():
        attention = language_model(torch.cat([once, once])[None], output_attentions=True, use_cache=False).attentions
    before, followed = range(1, 40), range(20, 40)
    assert attention[0][0, 0][before, [place - 1 for place in before]].mean() > 0.9
    assert attention[1][0, 0][followed, [place - 19 for place in followed]].mean() > 0.5


@pytest.mark.slow
def test_twenty_steps_of_the_recipe_give_the_committed_losses(tmp_path):
    trace = tmp_path / "trace.json"
    command = [
        sys.executable,
        str(SAMPLE_DATA / "make_tiny_omni.py"),
        "--steps",
        "20",
        "--build",
        str(tmp_path / "build"),
        "--trace",
        str(trace),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=3600)
    made = json.loads(trace.read_text(encoding="utf-8"))
    committed = json.loads((TINY / "loss_trace.json").read_text(encoding="utf-8"))
    assert made.keys() == committed.keys()
    for stage, losses in committed.items():
        # rounding differs between processors, and twenty updates of Muon make 4 % of one loss out of it; a changed recipe differs at once, and on average
        assert made[stage][:2] == pytest.approx(losses[:2], rel=0.01), stage
        assert made[stage] == pytest.approx(losses, rel=0.1), stage
        assert sum(made[stage]) == pytest.approx(sum(losses), rel=0.015), stage
