"""Loading, LoRA targets, 4-bit, and one forward that is the same for everybody."""

import copy

import pytest
import torch

from kit.data.collator import Collator
from kit.errors import KitError
from kit.models import (
    CATALOGUE,
    PRESETS,
    add_lora,
    component_of,
    component_table,
    load,
    lora_targets,
    require_checkpoint,
    resolve,
)
from kit.models.catalogue import connector_base
from kit.models.forward import answer_logits, continue_with, positions, read_prompt
from kit.models.media_tokens import media_tokens


def test_the_tiny_checkpoint_loads_by_name_and_by_directory(tiny):
    by_directory = load(CATALOGUE["tiny_omni"].source, device="cpu")
    assert by_directory.checkpoint.name == tiny.checkpoint.name == "tiny_omni"
    for (name, a), (_, b) in zip(tiny.model.named_parameters(), by_directory.model.named_parameters(), strict=True):
        assert torch.equal(a, b), name


def test_an_unknown_name_says_what_is_allowed():
    with pytest.raises(KitError, match=r"no checkpoint 'tiny-omni': give a catalogue name \(tiny_omni, .*a hub id like owner/name, or a directory"):
        resolve("tiny-omni")


def test_a_hub_checkpoint_that_cannot_be_reached_is_one_line(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(KitError) as caught:
        load("nobody/nothing-1b")
    assert "cannot be loaded" in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_without_a_checkpoint_is_told_what_is_missing(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(KitError, match=r"cannot be loaded \(no \*processor_config.json, no \*.safetensors in it\); give a catalogue name, .*or a directory with config.json"):
        require_checkpoint(str(tmp_path))
    require_checkpoint("tiny_omni")


def test_default_checkpoints_allow_commercial_use():
    for preset, defaults in PRESETS.items():
        for name in defaults.values():
            assert CATALOGUE[name].commercial_use is True, (preset, name)


def test_every_catalogue_entry_names_its_source_or_says_not_verified():
    for entry in CATALOGUE.values():
        assert entry.checked, entry.name
        if entry.checked == "not verified":
            assert entry.commercial_use is not True, f"{entry.name} claims commercial use without a source"


@pytest.mark.parametrize(
    ("path", "component"),
    [
        ("model.language_model.layers.0.self_attn.q_proj", "llm"),
        ("model.visual.blocks.0.attn.q", "vision"),
        ("model.visual.merger.mlp.0", "connector"),
        ("model.audio_tower.layers.0.self_attn.q_proj", "audio"),
        ("model.audio_tower.proj", "connector"),
        ("model.multi_modal_projector.linear_1", "connector"),
        ("model.vision_tower.encoder.layers.3.mlp.fc1", "vision"),
        ("model.visual.deepstack_merger_list.0.linear_fc1", "connector"),
        ("model.image_newline", "connector"),
        ("model.embed_audio.embedding_projection", "connector"),
        ("model.language_model.layers.0.linear_attn.in_proj_qkv", "llm"),
        ("model.connector.modality_projection.proj", "connector"),
        ("lm_head", "head"),
        ("base_model.model.model.language_model.layers.0.mlp.up_proj.lora_A.default", "llm"),
    ],
)
def test_components_are_told_by_full_path(path, component):
    assert component_of(path) == component


def test_lora_touches_only_the_components_that_were_named(tiny):
    assert {component_of(name) for name in lora_targets(tiny.model, ["llm"])} == {"llm"}
    model = add_lora(copy.deepcopy(tiny.model), ["llm", "connector"], rank=4)
    trainable = {row["component"]: row["trainable"] for row in component_table(model)}
    assert trainable["llm"] > 0 and trainable["connector"] > 0
    assert trainable["vision"] == trainable["audio"] == 0


def test_an_unknown_lora_component_is_named(tiny):
    with pytest.raises(KitError, match=r"training.lora names \['llmm'\]; allowed: llm, connector, vision, audio"):
        lora_targets(tiny.model, ["llmm"])


def test_the_same_seed_gives_the_same_adapter_start(tiny):
    first, second = (add_lora(copy.deepcopy(tiny.model), ["llm"], rank=4, seed=3).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_four_bit_quantises_the_language_model_and_nothing_else():
    from bitsandbytes.nn import Linear4bit

    four = load("tiny_omni", four_bit=True, device="cpu")
    quantised = [name for name, module in four.model.named_modules() if isinstance(module, Linear4bit)]
    assert quantised and {component_of(name) for name in quantised} == {"llm"}
    assert len(quantised) == len(lora_targets(four.model, ["llm"]))


def test_four_bit_still_trains_after_an_eval_forward(tiny, colours):
    """bitsandbytes repacks a layer in the first eval-mode forward on AVX512-BF16 CPUs, and training afterwards fails."""
    four = load("tiny_omni", four_bit=True, device="cpu")
    assert all(not m.support_avx512bf16_for_cpu for m in four.model.modules() if hasattr(m, "support_avx512bf16_for_cpu"))
    model = add_lora(four.model, ["llm"], rank=4)
    collate = Collator(four.processor)
    model.eval()
    with torch.no_grad():
        answer_logits(model, collate(colours[:2]))
    model.train()
    logits, targets = answer_logits(model, collate(colours[:2]))
    torch.nn.functional.cross_entropy(logits, targets).backward()
    assert all(p.grad is not None for n, p in model.named_parameters() if p.requires_grad)


def test_positions_are_those_that_the_model_would_choose(tiny, colours):
    batch = Collator(tiny.processor, answers=False)([colours[0], colours[1]])
    with torch.no_grad():
        chosen = tiny.model(**batch).logits[:, -1]
        explicit = tiny.model(**batch, position_ids=positions(tiny.model, batch)).logits[:, -1]
    assert torch.allclose(chosen, explicit, atol=1e-5)


def test_reading_a_prompt_then_the_answer_equals_one_full_forward(tiny, colours):
    sample, collate = colours[2], Collator(tiny.processor)
    full = collate([sample])
    supervised = (full["labels"][0] != -100).nonzero()[:, 0]
    with torch.no_grad():
        expected = tiny.model(**{k: v for k, v in full.items() if k != "labels"}).logits[0, supervised - 1]
    prefix = read_prompt(tiny.model, Collator(tiny.processor, answers=False)([sample]))
    answer = full["input_ids"][:, supervised]
    first = prefix.logits
    later = continue_with(tiny.model, prefix.select(torch.tensor([0])), answer[:, :-1])[0]
    assert torch.allclose(torch.cat([first, later]), expected, atol=2e-4)


def test_answer_logits_are_the_full_logits_at_the_answer(tiny, colours):
    batch = Collator(tiny.processor)(colours[:3])
    with torch.no_grad():
        few, targets = answer_logits(tiny.model, batch)
        full = tiny.model(**{k: v for k, v in batch.items() if k != "labels"}).logits
    where = batch["labels"][:, 1:] != -100
    assert torch.allclose(few, full[:, :-1][where], atol=2e-4)
    assert torch.equal(targets, batch["labels"][:, 1:][where])


def test_media_tokens_count_what_the_prompt_holds_and_what_the_encoder_gives(tiny, colours):
    batch = Collator(tiny.processor)(colours[:2])
    present, due = media_tokens(tiny.model, batch)["image"]
    assert present == due > 0
    batch["input_ids"][0, (batch["input_ids"][0] == tiny.model.config.image_token_id).nonzero()[0]] = 5  # one token cut
    present, due = media_tokens(tiny.model, batch)["image"]
    assert present == due - 1


def test_the_connector_for_pictures_is_replaced_in_a_checkpoint_of_the_presets_size():
    """The 3B is for research only, so that no preset takes it; whoever names it has read its licence."""
    assert connector_base("smolvlm2-500m") == "qwen2-vl-2b" and connector_base("qwen3.5-4b") == connector_base("gemma4-e4b") == connector_base("someone/unknown") == "qwen2.5-vl-7b"
    assert connector_base("qwen2.5-vl-3b") == "qwen2.5-vl-3b" and connector_base("tiny_omni") == "tiny_omni" and connector_base("Qwen/Qwen2-VL-7B-Instruct") == "Qwen/Qwen2-VL-7B-Instruct"
    assert CATALOGUE["qwen2.5-vl-3b"].commercial_use is False and "Research" in CATALOGUE["qwen2.5-vl-3b"].licence and "qwen2.5-vl-3b" not in {name for preset in PRESETS.values() for name in preset.values()}
