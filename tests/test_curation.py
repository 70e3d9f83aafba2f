"""The audit's checks on small folders in which one thing is wrong and known."""

import dataclasses
import socket
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image, ImageEnhance

from kit.curation import CHECKS, audit, gather, look_at_all, mask_folder, price_of_privacy, with_features
from kit.curation.balance import class_imbalance, group_imbalance, odd_light, too_few
from kit.curation.copies import duplicates_across_splits, exact_duplicates, near_duplicates, unreadable
from kit.curation.labels import label_errors
from kit.curation.leaks import groups_across_splits, random_against_honest
from kit.curation.personal import find_personal, masked_text
from kit.curation.privacy import faces, personal_text
from kit.curation.shortcuts import shortcut_features
from kit.curation.sources import contradicting_sources
from kit.curation.sync import out_of_step
from kit.data import Fault, Sample, read_folder
from kit.errors import KitError

INSPECTION = Path(__file__).resolve().parents[1] / "sample_data" / "company" / "inspection"
STICKER = INSPECTION / "images" / "L2612-060.jpg"


def photo(path: Path, seed: int, side: int = 96) -> Path:
    """A smooth picture of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rough = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(rough).resize((side, side), Image.Resampling.BICUBIC).save(path, quality=95)
    return path


def sound(path: Path, seed: int, late: float = 0.0, gain: float = 0.5) -> Path:
    """Two seconds of a melody of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng, time = np.random.default_rng(seed), np.arange(6400) / 16000
    wave = np.concatenate([np.sin(2 * np.pi * pitch * time) for pitch in rng.uniform(200, 3000, 6)])
    wave += rng.normal(0, 0.05, len(wave))  # a room
    soundfile.write(path, np.concatenate([np.zeros(int(16000 * late)), gain * wave]).astype(np.float32), 16000)
    return path


def one(id: str, **fields) -> Sample:
    return Sample(**{"id": id, "question": "Which?", "options": ("ok", "ng"), "answer": "ok"} | fields)


def test_every_check_says_something_about_any_folder_in_both_languages(tmp_path, monkeypatch):
    samples = tuple(one(f"p{i}", image=photo(tmp_path / f"{i}.jpg", i), answer=("ok", "ng")[i % 2], group=f"g{i // 4}") for i in range(16))
    for language in ("en", "ja"):
        monkeypatch.setenv("POC_LANGUAGE", language)
        seconds = {}
        found = audit(with_features(gather(samples)), seconds=seconds)
        assert [finding.name for finding in found] == list(CHECKS) == list(seconds)
        assert all(finding.summary and (finding.cost or not finding.advice or finding.name == "voices" or finding.name.startswith("random")) for finding in found)
        assert all(any("ぁ" <= letter <= "ヿ" for letter in finding.summary) == (language == "ja") for finding in found)
    with pytest.raises(ValueError, match="allowed: unreadable"):
        audit(gather(samples), only=("dreams",))
    assert audit(gather(())) and gather(()).labelled == []


def test_files_that_cannot_be_read_are_told_and_stop_nothing(tmp_path):
    photo(tmp_path / "whole.jpg", 1)
    (tmp_path / "half.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:500])
    (tmp_path / "empty.wav").write_bytes(b"")
    material = gather((one("a", image=tmp_path / "whole.jpg"), one("b", image=tmp_path / "half.jpg"), one("c", audio=tmp_path / "empty.wav"), one("d", image=tmp_path / "gone.jpg")), (Fault(7, "x", "bad", "mend"),))
    found = unreadable(material)
    assert found.value == 4 and found.verdict == "bad" and set(found.evidence["files"]) == {"half.jpg", "empty.wav", "gone.jpg"}
    assert len(audit(with_features(material))) == len(CHECKS)


def test_copies_are_found_by_bytes_by_eye_and_by_ear_and_across_splits(tmp_path):
    first = photo(tmp_path / "a.jpg", 1)
    (tmp_path / "same.jpg").write_bytes(first.read_bytes())
    ImageEnhance.Brightness(Image.open(first)).enhance(0.93).resize((90, 90)).save(tmp_path / "again.jpg", quality=60)
    song = sound(tmp_path / "song.wav", 1)
    sound(tmp_path / "later.flac", 1, late=0.2, gain=0.2)
    samples = (
        one("a", image=first, split="train"), one("same", image=tmp_path / "same.jpg", answer="ng", split="train"), one("again", image=tmp_path / "again.jpg", split="test"),
        one("other", image=photo(tmp_path / "b.jpg", 2), split="test"), one("song", audio=song, split="train"), one("later", audio=tmp_path / "later.flac", split="test"),
        one("tune", audio=sound(tmp_path / "tune.wav", 2), split="train"),
    )  # fmt: skip
    material = gather(samples)
    exact, near, across = exact_duplicates(material), near_duplicates(material), duplicates_across_splits(material)
    assert exact.evidence["pairs"] == [["a", "same"]] and exact.verdict == "bad" and exact.evidence["different answers"] == [["a", "same"]]
    assert sorted(map(sorted, near.evidence["pairs"])) == [["a", "again"], ["again", "same"], ["later", "song"]]
    assert {tuple(sorted(pair)) for pair in across.evidence["pairs"]} == {("a", "again"), ("again", "same"), ("later", "song")} and across.verdict == "bad"


def test_two_questions_about_one_photo_are_no_copies(tmp_path):
    path = photo(tmp_path / "a.jpg", 1)
    material = gather((one("a", image=path), one("a#2", image=path, question="Where?")))
    assert exact_duplicates(material).value == near_duplicates(material).value == 0


def test_a_lot_in_other_light_a_rare_class_and_a_heavy_group_are_told(tmp_path):
    samples = []
    for group in range(7):
        for i in range(6):
            path = photo(tmp_path / f"{group}-{i}.png", 10 * group + i)
            if group == 3:
                ImageEnhance.Brightness(Image.open(path)).enhance(0.3).save(path)
            samples.append(one(f"{group}-{i}", image=path, group=f"L{group}", answer="ng" if (group, i) == (0, 0) else "ok", split="train"))
    material = gather(tuple(samples))
    assert list(odd_light(material).evidence["groups"]) == ["L3"] and len(odd_light(material).evidence["ids"]) == 6
    assert class_imbalance(material).evidence["rare"] == {"ng": 1}
    assert too_few(material).evidence["needed"] == 62 and too_few(material).evidence["short"] == {"ng": 61, "ok": 21}
    heavy = dataclasses.replace(material, samples=tuple(s.replace(group="L0") for s in samples[:30]) + tuple(samples[30:]))
    assert group_imbalance(material).value == 0 and group_imbalance(heavy).evidence["heavy"] == {"train": ["L0", 30, 42]}


def table(n: int, seed: int = 0) -> tuple[list[Sample], dict]:
    """Rows of two classes in groups of five, and features that tell the classes."""
    rng = np.random.default_rng(seed)
    samples = [one(f"r{i}", answer=("ok", "ng")[i % 2], group=f"g{i // 5}", text=f"row {i}", decided_by=("image",)) for i in range(n)]
    return samples, {s.id: np.concatenate([[1.5 if s.answer == "ok" else -1.5], np.zeros(3)]) + rng.normal(0, 0.7, 4) for s in samples}


def test_swapped_labels_come_first_in_the_queue():
    samples, features = table(200)
    swapped = {"r10", "r55", "r120", "r199"}
    rows = tuple(s.replace(answer={"ok": "ng", "ng": "ok"}[s.answer]) if s.id in swapped else s for s in samples)
    material = dataclasses.replace(gather(rows), features=features)
    found = label_errors(material)
    assert swapped <= set(found.evidence["ids"][:12]) and found.value == len(found.evidence["ids"]) == 20
    assert found.evidence["suggested"]["r10"] == samples[10].answer and found.verdict == "info"
    assert "20 rows to look at" in found.summary and "wrong" not in found.summary and "Look through all" in found.advice
    assert label_errors(gather(tuple(samples[:10]))).verdict == "info"
    blind = label_errors(dataclasses.replace(material, features={id: np.random.default_rng(i).normal(size=4) for i, id in enumerate(features)}))
    assert blind.value is None and blind.evidence["ids"] == [] and blind.advice == "" and "no better than guessing" in blind.summary, "its order would be no order"


def test_a_label_that_follows_from_other_columns_is_checked_against_them():
    said = [("low", "low", "agree"), ("low", "high", "differ"), ("high", "high", "agree"), ("high", "low", "differ")]
    rows = [one(f"r{i}", options=("agree", "differ"), answer=said[i % 4][2], group=f"g{i // 4}", meta={"gauge": said[i % 4][0], "sheet": said[i % 4][1]}) for i in range(80)]
    rows[6] = rows[6].replace(answer="differ")
    assert label_errors(gather(tuple(rows))).evidence["ids"][0] == "r6"


def test_what_should_not_decide_and_does_is_a_shortcut():
    samples, _ = table(120)
    rows = tuple(s.replace(meta={"camera": "A" if s.answer == "ok" else "B", "shift": str(i % 3)}) for i, s in enumerate(samples))
    found = shortcut_features(gather(rows))
    assert found.evidence["shortcuts"] == ["column camera"] and found.evidence["measured"]["column camera"]["low"] > 0.9
    assert found.evidence["measured"]["column shift"]["high"] < 0.75


def test_groups_on_both_sides_and_what_a_random_split_hides():
    rng = np.random.default_rng(0)
    rows, features = [], {}
    for group in range(30):  # every lot has a look of its own, and nearly all of its rows one label: memorising lots looks like skill
        look, label = rng.normal(0, 3, 20), ("ok", "ng")[group % 2]
        for i in range(6):
            s = one(f"{group}-{i}", answer=label if i else {"ok": "ng", "ng": "ok"}[label], group=f"g{group}", split="test" if i == 5 and group < 3 else "train", meta={"operator": f"o{group % 10}"})
            rows.append(s)
            features[s.id] = look + rng.normal(0, 0.1, 20)
    material = dataclasses.replace(gather(tuple(rows)), features=features)
    leak = groups_across_splits(material)
    assert leak.verdict == "bad" and leak.evidence["columns"]["group"] == ["g0", "g1", "g2"] and "operator" in leak.evidence["columns"]
    split = random_against_honest(material)
    assert split.evidence["random"] > split.evidence["honest"] + 0.1 and split.low > 0.02 and split.verdict == "warn"


def test_columns_and_texts_that_contradict_are_listed():
    answers = ("ok", "scratch", "dent")
    rows = [one(f"r{i}", options=answers, answer=answers[i % 3], group=f"g{i // 6}", text=f"looks like {answers[i % 3]}", decided_by=("image",), meta={"note_says": answers[i % 3]}) for i in range(60)]
    rows[4] = rows[4].replace(meta={"note_says": "dent"})
    rows[7] = rows[7].replace(text="looks like dent")
    rows[9] = rows[9].replace(meta={"note_says": "ok", "矛盾": "はい"})
    assert contradicting_sources(gather(tuple(rows))).evidence["ids"] == ["r4", "r9", "r7"]


def test_a_clip_whose_sound_slipped_is_told(tmp_path):
    rows = tuple(one(f"v{i}", video=clip(tmp_path / f"{i}.mp4", seed=i, stop=0.6 + 0.05 * (i % 5), late=0.8 if i == 4 else 0.0), decided_by=("video",)) for i in range(12))
    found = out_of_step(gather(rows))
    assert found.evidence["ids"] == ["v4"] and found.evidence["seconds"]["v4"] == pytest.approx(0.8, abs=0.3)


def clip(path: Path, seed: int, stop: float, late: float) -> Path:
    """Two seconds: a square moves and stops; when it has stopped (and `late` seconds more) a hum becomes a loud tone."""
    import av

    with av.open(str(path), "w") as container:
        pictures, tones = container.add_stream("mpeg4", rate=8), container.add_stream("aac", rate=16000)
        pictures.width = pictures.height = 64
        pictures.pix_fmt, tones.layout = "yuv420p", "mono"
        pictures.bit_rate = 2_000_000
        for t in range(16):
            frame = np.full((64, 64, 3), 90, np.uint8)
            left = int(28 * min(t / 8, stop)) + seed % 3
            frame[20:40, left : left + 20] = 220
            for packet in pictures.encode(av.VideoFrame.from_ndarray(frame, "rgb24")):
                container.mux(packet)
        for packet in pictures.encode(None):
            container.mux(packet)
        time = np.arange(32000) / 16000
        wave = np.where(time < stop + late, 0.02 * np.sin(2 * np.pi * 120 * time), 0.5 * np.sin(2 * np.pi * 1500 * time)).astype(np.float32)
        for start in range(0, len(wave), 1024):
            block = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="fltp", layout="mono")
            block.sample_rate, block.pts = 16000, start
            for packet in tones.encode(block):
                container.mux(packet)
        for packet in tones.encode(None):
            container.mux(packet)
    return path


@pytest.mark.parametrize(("text", "masked"), [
    ("call 090-1234-5678 now", "call [PHONE_NUMBER] now"), ("TEL (03)1234-5678", "TEL [PHONE_NUMBER]"), ("０９０－１２３４－５６７８", "[PHONE_NUMBER]"), ("+81 90 1234 5678", "[PHONE_NUMBER]"),
    ("佐藤太郎さんに連絡", "[PERSON]に連絡"), ("担当：鈴木", "担当：[PERSON]"), ("林様より", "[PERSON]より"), ("林の中の傷", "林の中の傷"), ("ask Tanaka-san", "ask [PERSON]"), ("Ken Yamada here", "[PERSON] here"),
    ("my number 1234 5678 9018", "my number [MY_NUMBER]"), ("my number 1234 5678 9012", "my number 1234 5678 9012"), ("mail ken.y@example.co.jp", "mail [EMAIL_ADDRESS]"),
    ("〒100-0005 東京都千代田区丸の内1丁目1番1号", "[ADDRESS] [ADDRESS]"), ("card 4111 1111 1111 1111", "card [CREDIT_CARD]"),
    ("lot L2603-063, 2026-01-03 10:15, part DX-110", "lot L2603-063, 2026-01-03 10:15, part DX-110"), ("表面に傷あり、要確認", "表面に傷あり、要確認"), ("", ""),
])  # fmt: skip
def test_personal_data_in_text_is_masked_by_kind(text, masked):
    assert masked_text(text) == masked


def test_nothing_is_fetched_to_find_personal_data(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert find_personal("mail ken.y@example.co.jp or 090-1234-5678")


def test_a_masked_copy_hides_faces_and_names_and_the_original_stays(tmp_path):
    root = tmp_path / "original"
    plain = photo(root / "plain.jpg", 1)
    sticker = root / STICKER.name
    sticker.write_bytes(STICKER.read_bytes())
    before = {path: path.read_bytes() for path in root.iterdir()}
    material = gather((one("a", image=sticker, text="Ask Tanaka-san, 090-1234-5678", meta={"memo": "佐藤さん"}), one("b", image=plain, text="scratch"), one("c", image=plain, text="scratch", question="R?")))
    assert faces(material).evidence["ids"] == ["a"] and personal_text(material).evidence["ids"] == ["a"]
    masked = mask_folder(material, tmp_path / "copy")
    assert masked.rows == ("a",) and masked.pictures == (STICKER.name,) and {path: path.read_bytes() for path in root.iterdir()} == before
    copy = read_folder(tmp_path / "copy").samples
    assert copy[0].text == "Ask [PERSON], [PHONE_NUMBER]" and copy[0].meta == {"memo": "[PERSON]"} and copy[1].text == "scratch"
    (box,) = {look.faces[:1] for look in material.files("image") if look.faces}
    left, top, width, height = box[0]
    old, new = (np.asarray(Image.open(path).convert("RGB")).astype(int) for path in (sticker, copy[0].image[0]))
    inside = np.zeros(old.shape[:2], bool)
    for x, y, w, h in next(iter(look_at_all((copy[0].replace(image=(sticker,)),)).values())).faces:
        inside[y : y + h, x : x + w] = True
    assert np.abs(old - new)[~inside].max() == 0 and new[top : top + height, left : left + width].std() < old[top : top + height, left : left + width].std()
    for place in (root, root / "masked", tmp_path):
        with pytest.raises(KitError, match="folder of its own"):
            mask_folder(material, place)
    assert {path: path.read_bytes() for path in root.iterdir()} == before


def test_the_price_of_privacy_has_an_interval():
    samples, features = table(120)
    before = dataclasses.replace(gather(tuple(samples)), features=features)
    blind = dataclasses.replace(before, features={id: np.roll(row, 1) * 0 + np.random.default_rng(i).normal(size=4) for i, (id, row) in enumerate(features.items())})
    same, worse = price_of_privacy(before, before), price_of_privacy(before, blind)
    assert same.value == same.low == same.high == 0 and worse.value < -0.3 and worse.high < 0 and worse.verdict == "warn"


def test_real_steel_has_its_nine_pairs_and_its_look_alikes_across_classes():
    folder = Path(__file__).resolve().parents[2] / "shared" / "data" / "x_sdd"
    if not folder.is_dir():
        return  # the real photographs are nobody's to commit
    read = read_folder(folder, verify=False)
    material = gather(read.samples, read.faults, read.options, faces=False)
    assert len(exact_duplicates(material).evidence["files"]) == 9 and not exact_duplicates(material).evidence["different answers"]
    assert len(near_duplicates(material).evidence["look-alikes across classes"]) == 9
