"""Copies by words, by eye and by ear: each kind of edit is found, and what is only alike is not."""

import numpy as np
import pytest
import soundfile
from PIL import Image, ImageOps

from kit.curation import gather
from kit.curation.alike_pictures import SIDE, cut_or_turned
from kit.curation.copies import duplicates_across_splits, exact_duplicates, near_duplicates
from kit.curation.looks import look_at
from kit.data import Sample, clusters
from kit.data.media import load_image
from kit.data.texts import near_texts, plain

LETTER = "The pump of line three lost pressure twice last night, the seal was changed and it runs again since."


def said(id: str, text: str, **fields) -> Sample:
    return Sample(**{"id": id, "question": "Which?", "options": ("ok", "ng"), "answer": "ok", "text": text} | fields)


def grainy(seed: int, side: int = 192) -> Image.Image:
    """A picture of its own with a grain of its own."""
    rng = np.random.default_rng(seed)
    rough = Image.fromarray(rng.integers(0, 256, (7, 7), dtype=np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
    grain = Image.fromarray(rng.integers(0, 256, (side // 3, side // 3), dtype=np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
    return Image.blend(rough, grain, 0.2).convert("RGB")


def song(seed: int) -> np.ndarray:
    """Two seconds of notes with overtones at 16 kHz."""
    rng, time = np.random.default_rng(seed), np.arange(4000) / 16000
    return np.concatenate([np.hanning(4000) * sum(np.sin(2 * np.pi * pitch * k * time) / k for k in (1, 2, 3)) for pitch in rng.uniform(150, 1200, 8)])


def test_texts_are_copies_whatever_their_case_width_and_spaces_and_two_answers_are_told():
    rows = (said("a", LETTER, split="train"), said("b", LETTER.upper().replace(" ", "  "), split="test", answer="ng"), said("c", "ＡＢ 1"), said("d", "ab 1"), said("e", LETTER, question="Where?"))
    material = gather(rows)
    exact, across = exact_duplicates(material), duplicates_across_splits(material)
    assert exact.evidence["pairs"] == [["a", "b"], ["c", "d"]] == exact.evidence["texts"] and exact.evidence["files"] == []
    assert exact.verdict == "bad" and exact.evidence["different answers"] == [["a", "b"]] and exact.summary.startswith("2 pairs of texts say the same")
    assert across.evidence["pairs"] == [["a", "b"]] and across.verdict == "bad" and "1 pairs of texts" in across.summary


def test_texts_that_differ_in_a_letter_are_near_and_other_numbers_or_words_are_not():
    rows = (said("a", LETTER, split="train"), said("b", LETTER.replace("pump", "pumb").replace(",", ""), split="test"), said("c", LETTER[:40] + " nobody knows why and it has not come back to us."))
    found = near_duplicates(gather(rows))
    assert found.evidence["pairs"] == [["a", "b"]] and "pairs of texts" in found.summary and duplicates_across_splits(gather(rows)).evidence["texts"] == [["a", "b"]]
    readings = [plain(f"Unit {i} at {20 + i} degrees, pressure normal, nothing to be seen on the housing.") for i in range(50)]
    assert near_texts(readings) == []
    assert len(set(clusters(rows).values())) == 2


def test_notes_beside_a_photo_that_decides_and_phrases_of_callers_are_no_copies(tmp_path):
    rows = []
    for i in range(6):
        soundfile.write(tmp_path / f"{i}.wav", song(i).astype(np.float32) / 4, 16000)
        rows += [said(f"n{i}", LETTER, audio=tmp_path / f"{i}.wav", decided_by="audio"), said(f"p{i}", "I will wait.", audio=tmp_path / f"{i}.wav", decided_by="text", question="Next?")]
    found = exact_duplicates(gather(tuple(rows)))
    assert found.value == 0 and found.evidence["phrases"] == {"i will wait.": 6} and "phrases" in found.summary
    long = tuple(row.replace(text=LETTER) if row.id in ("p1", "p4") else row for row in rows)
    assert exact_duplicates(gather(long)).evidence["texts"] == [["p1", "p4"]]


@pytest.mark.parametrize("edit", [
    ImageOps.mirror, ImageOps.flip, lambda p: p.transpose(Image.Transpose.ROTATE_90), lambda p: p.transpose(Image.Transpose.TRANSVERSE),
    lambda p: p.crop((6, 6, 186, 186)), lambda p: p.crop((6, 0, 192, 188)).resize((160, 160)), lambda p: ImageOps.mirror(p).crop((4, 4, 188, 188)),
], ids=["mirrored", "upside down", "turned", "transverse", "cut", "cut at two sides", "mirrored and cut"])  # fmt: skip
def test_a_cut_or_turned_picture_is_a_copy(tmp_path, edit):
    rows = []
    for i in range(5):
        grainy(i).save(tmp_path / f"{i}.jpg", quality=92)
        rows.append(said(f"{i}", "", image=tmp_path / f"{i}.jpg"))
    edit(grainy(3)).save(tmp_path / "copy.jpg", quality=85)
    found = near_duplicates(gather((*rows, said("copy", "", image=tmp_path / "copy.jpg")), faces=False))
    assert found.evidence["pairs"] == [["3", "copy"]]


def test_plain_pictures_and_no_pictures_are_nobodys_copies():
    assert cut_or_turned(np.full((3, SIDE, SIDE), 90, np.uint8)) == [] == cut_or_turned(np.empty((0, SIDE, SIDE), np.uint8))


@pytest.mark.parametrize("edit", [lambda w: w[4800:], lambda w: w[2101:-3200], lambda w: w + np.random.default_rng(0).normal(0, 0.1 * w.std(), len(w)), lambda w: np.concatenate([np.zeros(5000), 0.3 * w])], ids=["cut", "cut twice", "noise", "later"])
def test_a_cut_or_noisy_sound_is_a_copy(tmp_path, edit):
    for i in range(4):
        soundfile.write(tmp_path / f"{i}.wav", (song(i) / 4).astype(np.float32), 16000)
    soundfile.write(tmp_path / "copy.wav", (edit(song(2)) / 4).astype(np.float32), 16000)
    rows = tuple(said(name, "", audio=tmp_path / f"{name}.wav", decided_by="audio") for name in ("0", "1", "2", "3", "copy"))
    assert near_duplicates(gather(rows)).evidence["pairs"] == [["2", "copy"]]


def test_a_large_photo_is_read_small_and_told_in_its_own_pixels(tmp_path):
    grainy(1, 1440).resize((1920, 1440)).save(tmp_path / "large.jpg")
    assert load_image(tmp_path / "large.jpg", 640).size == (960, 720) and load_image(tmp_path / "large.jpg").size == (1920, 1440)
    look = look_at(tmp_path / "large.jpg", "image")
    assert (look.numbers["width"], look.numbers["height"]) == (1920, 1440)


def test_a_copy_across_splits_is_one_whatever_is_asked_about_it():
    words = "The bracket came off the left rail while the crate was being lifted from the second pallet."
    rows = tuple(Sample(f"t{i}", question, ("a", "b"), "a", text=(words, "A hinge squeaks since the paint shop changed its supplier of grease in the spring of last year.", "Two bolts were missing in the box that arrived on Monday, and the bag was torn at a corner.", words)[i], decided_by=("text",), split=split)
                 for i, (question, split) in enumerate((("What broke?", "train"), ("What broke?", "train"), ("What broke?", "test"), ("How urgent is it?", "test"))))  # fmt: skip
    material = gather(rows, faces=False)
    assert duplicates_across_splits(material).evidence["pairs"] == [["t0", "t3"]]
    assert exact_duplicates(material).evidence["pairs"] == [], "two questions about one text are two rows"
