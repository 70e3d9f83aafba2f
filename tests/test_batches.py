"""An update in parts of like length, on remembered encoders, with little memory or in several processes is the update that it would be at once."""

import copy
import dataclasses

import pytest
import torch

from kit.data.collator import Collator
from kit.errors import KitError
from kit.models import Loaded, add_lora
from kit.models.encoders import remembered
from kit.training import Settings, finetune
from kit.training.batches import Parts
from kit.training.trainer import AnswerTrainer

QUICK = Settings(steps=2, batch=12, evaluate_every=2, rank=4)


def fresh(tiny):
    return Loaded(copy.deepcopy(tiny.model), tiny.processor, tiny.checkpoint, tiny.four_bit)


@pytest.fixture(scope="module")
def uneven(colours):
    """Twelve samples, some with a note of two hundred words."""
    return [s.replace(text="a long note about nothing at all " * 30 if i % 3 == 0 else "") for i, s in enumerate(colours[:12])]


def gradients(tiny, samples, out, micro_batch=None, lora=("llm",), remember=False):
    """Loss and adapter gradients of one update, and the padded tokens that it ran."""
    loaded = fresh(tiny)
    loaded.model = add_lora(loaded.model, list(lora), 4)
    for path, weight in loaded.model.named_parameters():  # B starts at zero, and A would have no gradient
        if "lora_B" in path:
            torch.nn.init.normal_(weight, std=0.02, generator=torch.Generator().manual_seed(len(path)))
    trainer = AnswerTrainer(loaded, samples, samples, dataclasses.replace(QUICK, micro_batch=micro_batch, lora=lora), out)
    batch = trainer.parts(samples)
    context = remembered(loaded.model) if remember else torch.enable_grad()
    with context:
        loss = trainer.training_step(loaded.model, batch, (batch["labels"] != -100).sum())
    found = {path: weight.grad for path, weight in loaded.model.named_parameters() if weight.grad is not None}
    return float(loss), found, sum(part["input_ids"].numel() for part in batch["parts"])


def farthest(one, other):
    assert one.keys() == other.keys()
    return max(float((one[path] - other[path]).norm() / other[path].norm().clamp(min=1e-8)) for path in one)


@pytest.mark.parametrize("micro_batch", [None, 3, 1])
def test_an_update_in_parts_has_the_gradient_of_one_padded_batch(tiny, uneven, tmp_path, monkeypatch, micro_batch):
    loss, found, tokens = gradients(tiny, uneven, tmp_path, micro_batch)
    monkeypatch.setattr(Parts, "alike", lambda self, samples: [samples])
    whole_loss, whole, whole_tokens = gradients(tiny, uneven, tmp_path)
    assert loss == pytest.approx(whole_loss, abs=1e-5) and farthest(found, whole) < 1e-4
    assert tokens < 0.6 * whole_tokens, "the padding is still there"


def test_remembered_encoders_change_no_gradient(tiny, uneven, tmp_path):
    loss, found, _ = gradients(tiny, uneven, tmp_path, remember=True)
    expected_loss, expected, _ = gradients(tiny, uneven, tmp_path)
    assert loss == pytest.approx(expected_loss, abs=1e-6) and farthest(found, expected) < 1e-5


@pytest.mark.parametrize("lora", [("vision",), ("connector",), ("llm", "vision")])
def test_an_encoder_that_is_trained_is_not_remembered(tiny, uneven, tmp_path, lora):
    found = gradients(tiny, uneven, tmp_path, lora=lora, remember=True)[1]
    expected = gradients(tiny, uneven, tmp_path, lora=lora)[1]
    assert found and farthest(found, expected) < 1e-6


def test_pictures_come_from_memory_from_the_second_time_on(tiny, colours):
    model, collate = tiny.model, Collator(tiny.processor)
    asked = []
    handle = model.model.visual.register_forward_hook(lambda *_: asked.append(1))
    with torch.no_grad(), remembered(model) as memory:
        for _ in range(3):
            model(**{k: v for k, v in collate(colours[:4]).items() if k != "labels"})
    handle.remove()
    assert (memory.misses, memory.hits, len(asked)) == (4, 8, 4)


def test_what_does_not_fit_into_the_memorys_room_is_computed_each_time(tiny, colours):
    with torch.no_grad(), remembered(tiny.model, room=20_000) as memory:  # 16 tokens of 256 numbers
        for _ in range(2):
            tiny.model(**{k: v for k, v in Collator(tiny.processor)(colours[:4]).items() if k != "labels"})
    assert memory.hits == 1 and memory.misses == 7 and memory.room >= 0


def test_samples_keep_their_kind_together(tiny, uneven, colours):
    parts = Parts(Collator(tiny.processor), 16).alike([*uneven, colours[12].without("image")])
    assert [len(part) for part in parts] == [1, 8, 4]
    assert all(len({bool(s.image) for s in part}) == len({len(s.text) > 200 for s in part}) == 1 for part in parts)


def runs_out_of_memory_above(loaded, rows: int):
    """A hook that fails as a card does, in the middle of a forward that is too large for it; and the sizes that were tried."""
    tried = []

    def fail(module, args, kwargs):
        tried.append(len(kwargs["input_ids"]))
        if tried[-1] > rows:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    loaded.model.register_forward_pre_hook(fail, with_kwargs=True)
    return tried


def test_out_of_memory_halves_the_part_and_the_updates_are_the_same(tiny, colours, tmp_path, monkeypatch):
    monkeypatch.setattr(AnswerTrainer, "evaluate", lambda self, *_, **__: {"eval_kpi": 0.5})  # scoring is not what runs out here
    rows = colours[:24], colours[24:27]
    smooth = finetune(fresh(tiny), *rows, QUICK, tmp_path / "smooth")
    tight = fresh(tiny)
    tried = runs_out_of_memory_above(tight, 3)
    halved = finetune(tight, *rows, QUICK, tmp_path / "tight")
    assert (smooth.micro_batch, halved.micro_batch, halved.applied_updates) == (12, 3, 2)
    assert max(tried) == 12 and set(tried[-4:]) == {3}
    for one, other in zip(smooth.loaded.model.parameters(), halved.loaded.model.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_one_sample_that_does_not_fit_ends_with_what_to_do(tiny, colours, tmp_path):
    tight = fresh(tiny)
    runs_out_of_memory_above(tight, 0)
    with pytest.raises(KitError, match=r"out of memory with 1 sample\(s\) at once; set training.micro_batch lower, use smaller pictures"):
        finetune(tight, colours[:24], colours[24:27], QUICK, tmp_path)


def test_any_other_error_of_a_training_is_not_taken_for_memory(tiny, colours, tmp_path):
    broken = fresh(tiny)
    broken.model.register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(RuntimeError("shapes do not match")))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        finetune(broken, colours[:24], colours[24:27], QUICK, tmp_path)
