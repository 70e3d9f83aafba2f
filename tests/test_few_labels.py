"""Few labels: changes that a label survives, labels that the model gives itself, encoders adapted without labels, evidence dropped."""

import re
import unicodedata

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kit.data import Sample
from kit.data.augmentation import CHANGES, VARIANTS, augmented, changed_image, changed_sound, changed_video
from kit.data.collator import Collator
from kit.errors import KitError
from kit.models import component_of, load
from kit.training.adaptation import adapt, vicreg
from kit.training.finetune import with_dropped_evidence
from kit.training.pseudo_labels import chosen_threshold, pseudo_labels
from kit.training.settings import Settings
from kit.training.trainer import order_of


def photos(folder, number: int = 24, **more) -> list[Sample]:
    rows = []
    for i in range(number):
        path = folder / f"p{i}.png"
        Image.fromarray(np.random.default_rng(i).integers(0, 255, (56, 56, 3), dtype=np.uint8)).save(path)
        rows.append(Sample(f"p{i}", "Which colour?", ("red", "blue"), ("red", "blue")[i % 2], image=path, group=f"g{i // 4}", **more))
    return rows


SAMPLE = Sample("a", "Which?", ("x", "y"), "x", text="Part 12: no scratch, 3 dents", decided_by="text")


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_changes_its_medium_and_nothing_else(change):
    mark = augmented(SAMPLE, (change,), seed=0, variant=3).meta["augmented"]
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8))
    frames = np.random.default_rng(1).integers(0, 255, (5, 80, 90, 3), dtype=np.uint8)
    wave = np.sin(np.arange(8000) / 9).astype(np.float32) * 0.3
    new = changed_image(photo, mark), changed_video(frames, mark), changed_sound(wave, mark)
    assert new[0].size == photo.size and new[1].shape == frames.shape and new[1].dtype == np.uint8 and new[2].shape == wave.shape and new[2].dtype == wave.dtype
    pictures = change in ("light", "frame", "sharpness")
    assert (np.asarray(new[0]) != np.asarray(photo)).any() == pictures and (new[1] != frames).any() == pictures and (new[2] != wave).any() == (change == "sound")
    again = changed_image(photo, mark), changed_video(frames, mark), changed_sound(wave, mark)
    assert all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(new, again, strict=True)), "the same mark, the same change"


def test_light_keeps_hue_and_a_video_keeps_its_order():
    grey = Image.fromarray(np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, 2).repeat(2, 1))
    for variant in range(1, VARIANTS):
        new = np.asarray(changed_image(grey, augmented(SAMPLE, ("light",), 0, variant).meta["augmented"]))
        assert (new[..., 0] == new[..., 1]).all() and (np.diff(new[:, 0, 0].astype(int)) >= 0).all(), "grey stays grey, brighter stays brighter"
    steps = np.stack([np.full((16, 16, 3), value, np.uint8) for value in (10, 80, 150, 220)])
    moved = changed_video(steps, augmented(SAMPLE, ("light", "frame", "sharpness"), 0, 1).meta["augmented"])
    assert (np.diff(moved.mean((1, 2, 3))) > 0).all()


WORDS = st.text(alphabet="abcXYZ0123456789 不良なしではない傷無し。.,-１２Ａ", max_size=40)


@settings(max_examples=200, deadline=None)
@given(WORDS, st.integers(0, 99), st.integers(1, VARIANTS - 1))
def test_words_numbers_and_negations_survive(text, seed, variant):
    new = augmented(SAMPLE.replace(text=text), ("writing",), seed, variant)
    plain = lambda words: re.sub(r"[\s]", "", unicodedata.normalize("NFKC", words)).rstrip("。.")  # noqa: E731
    assert plain(new.text) == plain(text) and (new.answer, new.question, new.options) == (SAMPLE.answer, SAMPLE.question, SAMPLE.options)


def test_training_rows_are_changed_anew_in_each_pass_general_ones_never():
    train = [SAMPLE.replace(id=f"s{i}", data_layer="general" if i == 0 else "domain") for i in range(4)]
    rows = order_of(train, Settings(steps=2 * VARIANTS, batch=2, augment=("light", "writing")))
    marks = {row.id: [r.meta.get("augmented", {}).get("seed") for r in rows if r.id == row.id] for row in rows}
    assert set(marks["s0"]) == {None} and all(len(set(seeds)) == VARIANTS - 1 or None in seeds for seeds in marks.values())
    assert marks["s1"][0] is None and len(set(marks["s1"])) == VARIANTS, "the first pass is plain, and no two are alike"
    plain = order_of(train, Settings(steps=4, batch=2))
    assert plain == order_of(train, Settings(steps=4, batch=2)) and all("augmented" not in r.meta for r in plain)
    with pytest.raises(KitError, match="allowed: light, frame, sharpness, sound, writing"):
        augmented(SAMPLE, ("hue",), 0, 1)


def test_the_model_sees_the_change(tiny, tmp_path):
    (row,) = photos(tmp_path, 1)
    collator = Collator(tiny.processor, answers=False)
    plain, changed = (collator([one])["pixel_values"] for one in (row, augmented(row, ("light",), 0, 1)))
    assert plain.shape == changed.shape and not torch.equal(plain, changed)


def frame(rows: list[tuple[float, bool]]) -> pd.DataFrame:
    return pd.DataFrame([{"id": str(i), "answer": "a", "predicted": "a" if right else "b", "probabilities": {("a" if right else "b"): share, "c": 1 - share}} for i, (share, right) in enumerate(rows)])


def test_the_threshold_is_the_laxest_that_keeps_the_promise():
    rng = np.random.default_rng(0)
    shares = rng.uniform(0.5, 1, 600)
    known = frame([(float(s), bool(s > 0.8 or rng.random() < 0.3)) for s in shares])  # right above 0.8, mostly wrong below
    threshold, precision = chosen_threshold(known, 0.9)
    assert 0.7 < threshold < 0.82 and precision["value"] >= 0.9 and precision["low"] < precision["value"] <= precision["high"]
    assert chosen_threshold(frame([(0.9, True)] * 20), 0.9)[0] is None, "twenty right answers do not prove 90 %"
    assert chosen_threshold(frame([(float(s), bool(rng.random() < 0.5)) for s in shares]), 0.9)[0] is None
    assert chosen_threshold(frame([(0.9, True)] * 40), 0.9)[0] == pytest.approx(0.9)


def test_the_promise_is_kept_on_rows_that_were_not_used():
    """Two hundred draws of a model whose sureness means little: in at most 5 % of them (and the luck of 200 draws) the true precision is below the target."""
    broken = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        shares = rng.uniform(0.5, 1, 150)
        truth = lambda s: 0.80 + 0.2 * (s - 0.5)  # precision 80 to 90 %: the target is never reached  # noqa: E731
        threshold, _ = chosen_threshold(frame([(float(s), bool(rng.random() < truth(s))) for s in shares]), 0.9)
        broken += threshold is not None
    assert broken <= 20


def test_pseudo_labels_stay_in_training_and_away_from_held_out_groups(tiny, tmp_path):
    rows = photos(tmp_path, 24)
    held = [s.replace(split="validation") for s in rows[:8]]
    open_ = [s.replace(answer="", group="g0" if i < 2 else s.group) for i, s in enumerate(rows[12:])]
    made, found = pseudo_labels(tiny, open_, held, target=0.05, confidence=0.5)
    assert made and all(s.generated and s.split == "train" and s.meta["generated"] == "pseudo-label" and s.group != "g0" for s in made)
    assert found.evidence["of_held_out_groups"] == 2 and found.evidence["judged_on"] == 8 and found.low <= found.value <= found.high
    none, found = pseudo_labels(tiny, open_, held, target=0.95)
    assert none == [] and found.verdict == "warn" and found.summary.startswith("No pseudo-labels: ")
    with pytest.raises(KitError, match="rows without an answer"):
        pseudo_labels(tiny, rows[12:], held)
    with pytest.raises(KitError, match=r"labelled validation rows \(0\)"):
        pseudo_labels(tiny, open_, [s.replace(split="test") for s in held])


def test_vicreg_punishes_collapse():
    rng = torch.Generator().manual_seed(0)
    spread = torch.randn(64, 8, generator=rng)
    assert vicreg(spread, spread) < 0.3 * vicreg(torch.zeros(64, 8), torch.zeros(64, 8)) and vicreg(spread, spread) < vicreg(spread, torch.randn(64, 8, generator=rng))


def test_adaptation_changes_the_encoder_alone_and_reads_no_answer(tmp_path):
    rows = photos(tmp_path, 16)
    plain = {path: weight.clone() for path, weight in load("tiny_omni").model.state_dict().items()}
    adapted, losses = adapt(load("tiny_omni"), rows, "image", steps=3, batch=8)
    other, again = adapt(load("tiny_omni"), [s.replace(answer="red") for s in rows], "image", steps=3, batch=8)
    moved = {component_of(path) for path, weight in adapted.model.state_dict().items() if not torch.equal(weight, plain[path])}
    assert moved == {"vision"} and losses == again and len(losses) == 3
    assert all(torch.equal(a, b) for a, b in zip(adapted.model.state_dict().values(), other.model.state_dict().values(), strict=True)), "answers are not read"
    with pytest.raises(KitError, match="cannot adapt to 'text'"):
        adapt(load("tiny_omni"), rows, "text")
    with pytest.raises(KitError, match="16 samples"):
        adapt(load("tiny_omni"), rows[:4], "image")


def test_one_deciding_modality_is_left_out_where_another_stays(tmp_path):
    both = [s.replace(text="note", decided_by=("image", "text")) for s in photos(tmp_path, 200)]
    alone, general = [s.replace(text="") for s in both], [s.replace(data_layer="general") for s in both]
    shown = with_dropped_evidence(both, Settings(drop_evidence=0.5))
    kinds = [s.modalities for s in shown]
    assert 70 < sum(len(k) == 1 for k in kinds) < 130 and {("text",), ("image",), ("text", "image")} == set(kinds)
    assert with_dropped_evidence(alone, Settings(drop_evidence=1.0)) == alone and with_dropped_evidence(general, Settings(drop_evidence=1.0)) == general
    assert with_dropped_evidence(both, Settings()) is both
