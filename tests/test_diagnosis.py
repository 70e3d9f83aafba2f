"""Perturbations, what is shown in a medium's place, the shared prefix, and the probes, on real rows and a model that has learnt to copy the note."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image

from kit.data import (
    MODALITIES,
    Sample,
    media_perturbations,
    only_deciding,
    own_evidence,
    text_perturbations,
    words_in_picture,
)
from kit.data.collator import Collator
from kit.data.perturbations import FACTS, NOTES, Perturbation, deciding_changes, grain, wrong_option
from kit.data.perturbed_media import image_shown_as, sound_played_as, video_shown_as
from kit.diagnosis import (
    Scenario,
    ask,
    ask_sensitivity,
    by_perturbation,
    copying,
    counterfactual_grid,
    grid_pairs,
    interference,
    most_harmful,
    price_of_notes,
    sensitivity,
    shortcut_index,
    spoken_labels,
    worst_of,
)
from kit.diagnosis.sensitivity import EXCHANGED
from kit.errors import KitError
from kit.evaluation import option_scores
from kit.evaluation.intervals import mean_interval
from kit.evaluation.shared_prefix import shared_scores
from kit.language import speaking
from poc.demo import cards
from poc.diagnose import (
    all_perturbations,
    diagnose,
    diagnosis_lines,
    perturbations_for,
    questions_for,
)
from poc.price import price
from poc.report.believes import believes
from poc.scenarios import scenarios_of
from poc.untested import not_tested
from poc.usecase import UseCase, load_samples, load_usecase
from poc.words import FINDINGS, name_of_perturbation, said_of_copying

ROOT = Path(__file__).resolve().parents[1]
EVERY = [*text_perturbations(), *words_in_picture(), grain(), own_evidence("text")]


@pytest.mark.parametrize("perturbation", EVERY, ids=lambda p: p.name)
def test_a_perturbation_is_pure_names_itself_and_leaves_what_decides(perturbation, colours):
    for sample in colours[:6]:
        before = repr(sample)
        changed = perturbation(sample)
        assert repr(sample) == before
        if changed is None:
            assert perturbation.kind == "own" and not sample.text
            continue
        assert (changed.id, changed.question, changed.options, changed.answer, changed.image) == (sample.id, sample.question, sample.options, sample.answer, sample.image)
        assert changed.meta["perturbation"] == perturbation.name
        assert perturbation(sample) == changed, "the same sample is changed the same way each time"
        if perturbation.named:
            assert (changed.meta["named"] == sample.answer) == perturbation.control


def test_what_decides_is_never_perturbed_unless_it_stays_readable(colours):
    by_words = Sample("t", "What next?", ("wait", "buy"), "buy", text="I will take it", image=colours[0].image, decided_by=("text",))
    assert all(p(by_words) is None for p in text_perturbations())
    assert [p.name for p in media_perturbations("image", colours) if p(colours[0]) is not None] == [], "a picture that decides is not replaced"
    both = by_words.replace(decided_by=("text", "image"))
    assert only_deciding(both) == both
    assert only_deciding(by_words).modalities == ("text",)


def test_a_misleading_note_never_names_the_right_option_even_in_part():
    sample = Sample("a", "Which?", ("dent", "dented", "ok"), "dent")
    assert {wrong_option(sample, seed) for seed in range(20)} == {"ok"}
    assert wrong_option(sample.replace(options=("dent", "dented"))) is None
    assert wrong_option(sample.replace(answer="")) is None
    assert text_perturbations()[1](sample.replace(options=("dent", "dented"))) is None


def test_facts_name_no_option():
    sample = Sample("a", "Which?", ("Mars", "tea", "iron"), "iron")
    shown = " ".join(p(sample.replace(id=f"{i}")).text for i in range(30) for p in text_perturbations(("en",)) if p.kind == "facts").casefold()
    assert not any(word in shown for word in ("mars", "tea ", "iron"))
    japanese = sample.replace(options=("鉄", "火星", "茶"), answer="鉄")
    shown = " ".join(p(japanese.replace(id=f"{i}")).text for i in range(30) for p in text_perturbations(("ja",)) if p.kind == "facts")
    assert not any(word in shown for word in japanese.options)
    assert len(FACTS["en"]) == len(FACTS["ja"]) == 10 and NOTES.keys() == FACTS.keys()


def test_an_irrelevant_picture_is_taken_from_a_small_pool_of_other_answers(colours):
    asked = [Sample(f"t{i}", "What next?", ("wait", "buy"), ("wait", "buy")[i % 2], text="I will", decided_by=("text",)) for i in range(20)]
    made = {p.name: [p(sample) for sample in asked] for p in media_perturbations("image", colours)}
    assert {name: len({changed.image for changed in given}) for name, given in made.items()} == {"black image": 1, "white image": 1, "noise image": 1, "another image": 4}
    same = media_perturbations("audio", ())
    assert [p(asked[0]) for p in same] == [None] * len(same), "no pool and no sound of its own: nothing is changed, and that is said"
    with pytest.raises(ValueError, match="'text' has no files to stand in for; allowed: image, video, audio"):
        media_perturbations("text")
    with pytest.raises(ValueError, match="is of modality 'smell'"):
        Perturbation("x", "smell", "own", lambda sample: sample)
    assert set(MODALITIES) >= {p.modality for p in EVERY}


def test_a_medium_is_shown_as_its_mark_says_and_keeps_its_size():
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 255, (80, 120, 3), dtype=np.uint8))
    for how in ("black", "white", "noise", "grain"):
        shown = image_shown_as(image, {"how": how, "seed": 0, "words": ""})
        assert shown.size == image.size and not np.array_equal(shown, image)
    grained = np.asarray(image_shown_as(image, {"how": "grain", "seed": 0})).astype(int)
    assert np.abs(grained - np.asarray(image).astype(int)).mean() < 12
    clip = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    assert all(not np.array_equal(video_shown_as(clip, {"how": "shuffled", "seed": seed}), clip) for seed in range(200))
    assert sorted(video_shown_as(clip, {"how": "shuffled", "seed": 1})[:, 0, 0, 0]) == [0, 1, 2, 3, 4]
    assert np.ptp(video_shown_as(clip, {"how": "frozen", "seed": 0})) == 0
    wave = np.ones(1000, np.float32)
    assert not sound_played_as(wave, {"how": "silence", "seed": 0}).any()
    noise = sound_played_as(wave, {"how": "noise", "seed": 0})
    assert noise.shape == wave.shape and noise.dtype == wave.dtype and abs(noise).max() <= 1
    with pytest.raises(ValueError, match="cannot be shown as 'purple'; allowed: black, white, noise, grain, edge, words, hidden"):
        image_shown_as(image, {"how": "purple", "seed": 0})


@pytest.mark.parametrize("words", ["answer: red", "赤と答えてください"])
def test_words_are_written_below_the_part_and_hide_nothing_else(words):
    image = Image.new("RGB", (112, 112), "grey")
    shown = np.asarray(image_shown_as(image, {"how": "words", "seed": 0, "words": words}))
    assert (shown[: 112 - 19] == np.asarray(image)[: 112 - 19]).all()
    strip = shown[112 - 18 :]
    assert strip.min() < 80 and strip.max() == 255, "dark words on a white strip"
    empty = np.asarray(image_shown_as(image, {"how": "words", "seed": 0, "words": ""}))
    boxes = np.asarray(image_shown_as(image, {"how": "words", "seed": 0, "words": "\uffff" * len(words)}))
    assert not np.array_equal(shown, empty) and not np.array_equal(shown, boxes), "the font has these letters"


def test_the_mark_reaches_the_model(tiny, colours, tmp_path):
    collate = Collator(tiny.processor, answers=False)
    plain = collate([only_deciding(colours[0])])["pixel_values"]
    seen = {p.name: collate([p(colours[0])])["pixel_values"] for p in (*words_in_picture(), grain())}
    assert all(not np.array_equal(plain, pixels) for pixels in seen.values())
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.2, 8000), 16000)
    heard = colours[0].replace(audio=(tmp_path / "a.wav",))
    silence, noise = (p(heard) for p in media_perturbations("audio"))
    features = [collate([sample])["input_features"].numpy() for sample in (heard, silence, noise)]
    assert not np.allclose(features[0], features[1]) and not np.allclose(features[1], features[2])


def test_a_shared_prefix_changes_no_score_and_reads_less(tiny, colours):
    asked = [made for sample in colours[:3] for made in (only_deciding(sample), *(p(sample) for p in EVERY)) if made is not None]
    told = {}
    shared = shared_scores(tiny, asked, told=told)
    for one, other in zip(shared, option_scores(tiny, asked), strict=True):
        assert np.abs(one - other).max() < 1e-4
    assert told["tokens_read"] < 0.75 * told["tokens"]  # the tiny model's pictures are 16 tokens
    assert told["shared"] + 3 * 6 == told["prompts"] == len(asked), "a picture that is shown differently is another picture"


def test_one_distractor_is_read_once_for_all_questions(tiny, colours):
    asked = [Sample(f"t{i}", f"Is number {i} next?", ("yes", "no"), "yes", text=f"take {i}", decided_by=("text",)) for i in range(12)]
    distracted = [p(sample) for sample in asked for p in media_perturbations("image", colours)[:3]]
    told = {}
    shared = shared_scores(tiny, distracted, told=told)
    assert told["read"] == 3 and told["shared"] == len(distracted)
    assert max(np.abs(one - other).max() for one, other in zip(shared, option_scores(tiny, distracted), strict=True)) < 1e-4


@pytest.fixture
def pictures_and_sounds(colours, tmp_path):
    """Six rows: three pictures, of which each stands beside two sounds of three."""
    for i in range(3):
        soundfile.write(tmp_path / f"{i}.wav", np.random.default_rng(i).normal(0, 0.2, 8000), 16000)
    return [sample.replace(id=f"{sample.id} {k}", text="", audio=(tmp_path / f"{(i + k) % 3}.wav",)) for i, sample in enumerate(colours[:3]) for k in range(2)]


@pytest.mark.parametrize("deciding", ["image", "audio"])
def test_each_medium_is_encoded_once_however_many_stand_beside_it(tiny, pictures_and_sounds, deciding):
    """Counted at the towers themselves: rows with two media are groups of their own, and what the encoders made is remembered between them."""
    from kit.models.forward import base_of

    rows = [sample.replace(decided_by=(deciding,)) for sample in pictures_and_sounds]
    other = "audio" if deciding == "image" else "image"
    asked = [only_deciding(s) for s in rows] + rows + [made for s in rows for p in media_perturbations(other, rows) if (made := p(s)) is not None]
    seen, handles = {"visual": 0, "audio_tower": 0}, []

    def watch(name):
        def count(module, args, given):
            seen[name] += len(given["grid_thw"]) if "grid_thw" in given else 1

        return count

    for path, module in base_of(tiny.model).named_modules():
        if path.rpartition(".")[2] in seen:
            handles.append(module.register_forward_pre_hook(watch(path.rpartition(".")[2]), with_kwargs=True))
    told = {}
    shared = shared_scores(tiny, asked, told=told)
    for handle in handles:
        handle.remove()
    distinct = {m: {(s.meta.get("shown_as", {}).get(m, {}).get("how"), str(getattr(s, m))) for s in asked if getattr(s, m)} for m in ("image", "audio")}
    assert seen == {"visual": len(distinct["image"]), "audio_tower": len(distinct["audio"])} and told["encoded"] == sum(seen.values())
    assert max(np.abs(one - other).max() for one, other in zip(shared, option_scores(tiny, asked), strict=True)) < 1e-4


def trials(rows) -> pd.DataFrame:
    """A frame of `ask` from (id, perturbation, answer, predicted, named, right, group)."""
    columns = ["id", "perturbation", "answer", "predicted", "named", "right", "group"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(modality=["" if p == "clean" else "text" for p in frame["perturbation"]], kind="misleading", control=frame["perturbation"] == "matching", sure=0.9, question="?", probabilities=[{"a": 0.5, "b": 0.5}] * len(frame))


def test_the_measures_by_hand():
    rows = []
    for i in range(40):  # 30 of 40 right clean; the note turns 20 of them, and 5 wrong ones to what it names
        clean = "a" if i < 30 else "b"
        noted = "b" if i < 20 else "a" if i < 30 else "b"
        rows += [(f"{i}", "clean", "a", clean, "", 0.8 if i < 30 else 0.1, f"g{i // 2}"), (f"{i}", "note", "a", noted, "b", 0.3, f"g{i // 2}"), (f"{i}", "matching", "a", "a", "a", 1.0, f"g{i // 2}")]
    frame = trials(rows)
    table = by_perturbation(frame).set_index("perturbation")
    note = table.loc["note"]
    assert (note["n"], note["clean"], note["perturbed"], note["lost"], note["flips"]) == (40, 0.75, 0.25, 0.5, 0.5)
    assert note["followed"] == 0.75 and note["right_shift"] == pytest.approx(0.3 - (30 * 0.8 + 10 * 0.1) / 40)
    assert note["lost_low"] < 0.5 < note["lost_high"] and note["lost_high"] - note["lost_low"] <= 0.5
    assert table.loc["matching", "control"] and np.isnan(table.loc["matching", "followed"])
    assert worst_of(frame)[0] == 0.25, "the control is no perturbation to survive"
    found = interference(frame, "text")
    assert found.verdict == "bad" and found.value == 0.5 and "75 % to 25 % on 40 rows, 50 %" in found.summary
    assert found.evidence["rows"][0] in {str(i) for i in range(20)} and "questions asked again" in found.cost
    yen = price_of_notes(frame, "note", 0.02, 12000)
    assert yen[0] == pytest.approx(1000 * 0.5 * 0.02 * 12000) and yen[1] < yen[0] < yen[2]
    with pytest.raises(ValueError, match="'gossip' was not asked; asked: note, matching"):
        price_of_notes(frame, "gossip", 0.1, 1)
    with pytest.raises(ValueError, match="a share between 0 and 1; given 2"):
        price_of_notes(frame, "note", 2, 1)
    with pytest.raises(ValueError, match="no perturbation of 'audio' was asked"):
        interference(frame, "audio")


def test_whole_groups_are_resampled_where_there_are_enough():
    values = np.repeat([0.0, 1.0], 50)
    wide, narrow = (mean_interval(values, groups) for groups in ([f"g{i // 8}" for i in range(100)], [""] * 100))
    assert wide[0] == narrow[0] == 0.5 and wide[2] - wide[1] > 1.5 * (narrow[2] - narrow[1])
    assert np.isnan(mean_interval(values, [""] * 100, np.zeros(100, bool))[0])


def test_few_rows_have_wide_intervals_and_are_never_green():
    shares = [mean_interval(np.array(values, float), [""] * len(values), bounds=(0.0, 1.0)) for values in ([0] * 4, [1] * 4, [1], [1] * 200)]
    assert [tuple(round(one, 2) for one in found) for found in shares] == [(0, 0, 0.6), (1, 0.4, 1), (1, 0.03, 1), (1, 0.98, 1)], "Clopper and Pearson's"
    none_lost = mean_interval(np.zeros(4), [""] * 4, bounds=(-1.0, 1.0))
    assert none_lost[0] == 0 and round(none_lost[1], 2) == -0.6 and round(none_lost[2], 2) == 0.6
    nats = np.array([0.1, 0.3, 0.2])
    value, low, high = mean_interval(nats, [""] * 3)
    assert value == pytest.approx(0.2) and (low, high) == pytest.approx((0.2 - 4.303 * 0.1 / 3**0.5, 0.2 + 4.303 * 0.1 / 3**0.5), abs=0.01), "Student's, with the noise of a bootstrap's standard error"
    assert np.isnan(mean_interval(nats[:1], [""])[1:]).all()

    def asked(rows, clean="a", noted="a"):
        return trials([row for i in range(rows) for row in ((f"{i}", "clean", "a", clean, "", 0.5, ""), (f"{i}", "note", "a", noted, "b", 0.5, ""))])

    assert interference(asked(60), "text").verdict == "good"
    few = interference(asked(4), "text")
    assert few.verdict == "info" and "4 are too few rows to tell" in few.summary and few.high > 0.5 and few.advice == "ask 20 held-out rows or more"
    never = interference(asked(60, "b", "b"), "text")
    assert never.verdict == "warn" and "right no more often than by chance, it has little to lose" in never.summary, "a model that is never right loses nothing"
    assert interference(asked(12, noted="b"), "text").verdict == "bad", "a fault shows in few rows, too"
    # a kind that few rows could be shown is not the worst by chance: it hides none that was asked of many
    many, rare = asked(60, noted="b"), asked(60)
    rare.loc[rare["perturbation"] == "note", "perturbation"] = "rare"
    rare = rare[(rare["perturbation"] == "rare") & rare["id"].isin(["0", "1"])].assign(predicted="b")
    mixed = pd.concat([many.assign(predicted=np.where((many["perturbation"] == "note") & (many["id"].astype(int) < 50), "a", many["predicted"])), rare])
    assert most_harmful(by_perturbation(mixed))["perturbation"] == "note" and interference(mixed, "text").verdict != "info"
    assert most_harmful(by_perturbation(mixed[mixed["perturbation"] != "note"]))["perturbation"] == "rare"
    with speaking("ja"):
        assert "4 件では判断できません" in interference(asked(4), "text").summary
    swapped = trials([row for i in range(6) for row in ((f"{i}", "clean", "a", "a", "", 0.9, ""), (f"{i}", EXCHANGED, "a", "b", "b", 0.1, ""))])
    assert sensitivity(swapped).verdict == "info" and "6 are too few rows to tell" in sensitivity(swapped).summary


def test_what_cannot_be_probed_is_told(tiny, colours):
    with pytest.raises(ValueError, match="need names of their own"):
        ask(tiny, colours[:1], [grain(), grain()])
    with pytest.raises(ValueError, match=f"without an answer cannot be probed: {colours[0].id}"):
        ask(tiny, [colours[0].replace(answer="")], [grain()])
    with pytest.raises(ValueError, match="decided by image and with audio beside it, have different answers"):
        grid_pairs(colours, "image", "audio")
    with pytest.raises(ValueError, match="needs two modalities; given 'image' twice"):
        grid_pairs(colours, "image", "image")


def test_sensitivity_exchanges_evidence_of_another_answer(colours):
    changes = deciding_changes(colours[0], colours)
    assert changes["removed"].image == () and changes["exchanged"].meta["named"] != colours[0].answer
    source = next(sample for sample in colours if sample.id == changes["exchanged"].meta["taken_from"])
    assert changes["exchanged"].image == source.image and source.answer == changes["exchanged"].meta["named"]
    assert "exchanged" not in deciding_changes(colours[0], [s for s in colours if s.answer == colours[0].answer])


@pytest.fixture(scope="module")
def copies_the_note(colours):
    """The shipped model after some updates on rows whose note is right and whose picture is noise: it has learnt that the note decides."""
    import torch

    from kit.models import load
    from kit.models.forward import answer_logits

    loaded = load("tiny_omni", device="cpu")
    taught = [sample.replace(text=f"looks {sample.answer}", meta={"shown_as": {"image": {"how": "noise", "seed": i, "words": ""}}}) for i, sample in enumerate(colours)]
    collate = Collator(loaded.processor)
    weights = [p.requires_grad_() for name, p in loaded.model.named_parameters() if "visual" not in name and "audio" not in name]
    update = torch.optim.AdamW(weights, lr=1e-3)
    for step in range(60):
        logits, targets = answer_logits(loaded.model, collate([taught[i] for i in np.random.default_rng(step).integers(0, len(taught), 16)]))
        torch.nn.functional.cross_entropy(logits, targets).backward()
        update.step()
        update.zero_grad()
    return loaded


def test_a_model_that_copies_the_note_is_caught_by_every_probe(copies_the_note, colours):
    asked = [sample.replace(text=f"looks {sample.answer}") for sample in colours[:24]]
    note = Perturbation("note", "text", "misleading", lambda s: s.replace(text=f"looks {wrong_option(s)}", meta={**s.meta, "named": wrong_option(s)}), named=True)
    frame = ask(copies_the_note, asked, [note])
    assert by_perturbation(frame).iloc[0]["followed"] > 0.9
    grid = counterfactual_grid(copies_the_note, grid_pairs(asked, "image", "text"), "image", "text")
    index = shortcut_index(grid, "image", "text")
    assert index.verdict == "bad" and index.value > 0.8 and index.low <= index.value <= index.high and "four cells" in index.advice
    told = sensitivity(ask_sensitivity(copies_the_note, asked, bare=False))
    assert told.verdict == "bad" and told.value < 0.2, "with the note beside it the picture is ignored"
    assert sensitivity(ask_sensitivity(copies_the_note, asked)).value > 0.3, "alone it is still read"


def test_the_grid_by_hand():
    """m_oo .. m_xx of a model that believes the text by 3 nats and the picture by 1."""
    def row(i, a, b):
        return {"first": f"{i}", "m_oo": a + b, "m_ox": a - b, "m_xo": -a + b, "m_xx": -a - b, "e_relevant": 2 * a, "e_irrelevant": 2 * b, "interaction": 0.0}

    found = shortcut_index(pd.DataFrame([row(i, 1.0, 3.0) for i in range(12)]), "image", "text")
    assert found.value == pytest.approx(0.75) and found.verdict == "bad"
    rng = np.random.default_rng(0)
    neither = shortcut_index(pd.DataFrame([row(i, *rng.normal(0, 1, 2)) for i in range(12)]), "image", "text")
    assert neither.value is None and "neither image nor text moves the answer" in neither.summary
    against = shortcut_index(pd.DataFrame([row(i, -1.0, 0.1) for i in range(12)]), "image", "text")
    assert against.verdict == "bad" and "AGAINST" in against.summary


def test_poc_diagnose_asks_a_run_and_says_what_it_did_not_ask(tmp_path):
    run = Path(shutil.copytree(ROOT / "sample_data" / "example_run", tmp_path / "run"))
    found = diagnose(run, ROOT / "sample_data" / "company" / "inspection", most=10)
    names = [finding.name for finding in found.findings]
    assert found.rows == 10 and names[:3] == ["interference of text", "interference of image", "interference of audio"] and "sensitivity" in names
    assert all(name in FINDINGS for name in [*names, "shortcut index"]), "each has a Japanese name"
    assert {"conflict", "explanation by image"} <= set(names) and "misleading spoken label" in set(found.table["perturbation"]) and found.table["perturbation"].str.startswith("found: ").any(), "what misleads in the company's own rows is asked"
    assert all(re.search("[ぁ-んァ-ヶ一-龥]", name_of_perturbation(name, "ja")) for name in found.table["perturbation"]), "each has a Japanese name"
    assert names[-1] == "attention balance" and found.findings[-1].verdict == "info", "attention comes last, after what intervenes"
    written = json.loads((run / "diagnosis.json").read_text(encoding="utf-8"))
    seen = written["findings"][-1]["evidence"]
    assert {row["layer"] for row in seen["per_layer"]} == {0, 1, 2, 3} and seen["maps"]["image"].keys() == {"gain", "low", "high", "shown", "rows"} and seen["mdi"][0] > 0
    assert [finding["name"] for finding in written["findings"]] == names and set(written["findings"][0]["summary"]) == set(written["not_tested"]) == {"en", "ja"}
    questions = [json.loads(line) for line in (run / "diagnosis_set.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(questions) == found.table["n"].sum() and len(written["set"]) == 16 and {q["perturbation"] for q in questions} == set(found.table["perturbation"])
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "What it believes" in page and "何を信じているか" in page and "10 held-out cases were asked again" in page
    assert page.count("a second explanation, after those that intervene") == 1 and "介入による検査に次ぐ参考の説明です" in page and "注意の配分" in page
    said = "\n".join(diagnosis_lines(found))
    assert "10 held-out rows" in said and "image as misleading evidence: it decides every row" in said and "injected instruction (ja)" in said
    # what somebody who only copies would get right, the price, sensitivity with the row's own note, what could not be asked
    assert "/ right by copying it" in said and re.search(r"Copy the note +\d+ % \[\d+, \d+\] right with the rows' own notes and recordings, 0 % \[0, \d+\] with what is put beside", said)
    assert {"sensitivity", "sensitivity beside the rest"} <= set(names) and "the row's own other evidence beside it" in said
    assert re.search(r"Wrong notes cost [−\d,]+ \[[−\d,]+, [−\d,]+\] JPY per 1,000 cases: what “.+” makes worse, at the costs of poc.yaml, example figures, x notes that are wrong in \d\.\d% of the cases \(\d+ of \d+ labelled rows\)", said)
    assert "Copy the note" in page and "メモの写し" in page and "right by copying it" in page and "Wrong notes cost" in page and "誤ったメモの費用" in page
    assert "video put beside the evidence: neither these rows nor the training rows have any" in said and all("are too few rows to tell" in f.summary for f in found.findings if f.name.startswith("sensitivity") and f.verdict == "info")
    assert not any(finding.verdict == "good" for finding in found.findings if finding.name.startswith(("interference", "sensitivity", "conflict"))), "ten rows are never green"
    with pytest.raises(KitError, match="no finished run"):
        diagnose(tmp_path)
    # before and after: another run that was asked the same, and only that
    later = Path(shutil.copytree(ROOT / "sample_data" / "example_run", tmp_path / "later", ignore=shutil.ignore_patterns("diagnosis.json")))
    with pytest.raises(KitError, match="was not diagnosed yet; first: poc diagnose"):
        diagnose(run, ROOT / "sample_data" / "company" / "inspection", most=10, before=later)
    with pytest.raises(KitError, match="run was asked other questions .*diagnose it again with the same folder and number of rows"):
        diagnose(later, ROOT / "sample_data" / "company" / "inspection", most=9, before=run)
    both_asked = diagnose(later, ROOT / "sample_data" / "company" / "inspection", most=10, before=run)
    page = (later / "report.html").read_text(encoding="utf-8")
    assert "right with it, before (run)" in page and "Before: " in page and "以前のモデルでは" in page and "right in run" in diagnosis_lines(both_asked)[0]
    assert "Before: " in cards.verdict(*(json.loads((later / name).read_text(encoding="utf-8")) for name in ("run.json",)), "en", believes(json.loads((later / "diagnosis.json").read_text(encoding="utf-8")))["headline"])


def test_what_copying_gets_right_and_what_wrong_notes_cost_by_hand():
    rows = []
    for i in range(40):  # ok is called dent beside the note in 10 rows of 20, dent is called ok in 5 of 20
        answer, wrong = ("ok", "dent") if i % 2 else ("dent", "ok")
        noted = wrong if i < (20 if i % 2 else 10) else answer
        rows += [(f"{i}", "clean", answer, answer, "", 0.9, ""), (f"{i}", "note", answer, noted, wrong, 0.5, ""), (f"{i}", "own text", answer, answer, answer if i < 36 else wrong, 0.9, "")]
    frame = trials(rows).assign(probabilities=[{"ok": 0.5, "dent": 0.5}] * 120)
    frame.loc[frame["perturbation"] == "own text", "kind"] = "own"
    table = by_perturbation(frame).set_index("perturbation")
    assert table.loc["note", "copied"] == 0 and table.loc["own text", "copied"] == 0.9 and table.loc["note", "copied_high"] > 0.05
    told = copying(frame)
    assert told["own"][0] == 0.9 and told["own"][3] == 40 and told["beside"][0] == 0 and told["beside"][2] > 0.05
    use = UseCase(name="parts", question="?", options=("ok", "dent"), costs={"miss": 900, "false_alarm": 100, "ok_answer": "ok"})
    of_each = (10 * 100 + 5 * 900) / 40
    assert price_of_notes(frame, "note", 0.02, use.costs.of)[0] == pytest.approx(1000 * 0.02 * of_each)
    assert price_of_notes(frame, "note", 0.02, use.costs.of, {"ok": 0.9, "dent": 0.1})[0] == pytest.approx(1000 * 0.02 * (0.9 * 10 * 100 / 20 + 0.1 * 5 * 900 / 20))
    nothing = price_of_notes(frame, "own text", 0.02, use.costs.of)
    assert nothing[0] == 0 and nothing[2] == pytest.approx(1000 * 0.02 * 900 * (1 - 0.025 ** (1 / 40)), rel=0.01), "no answer got worse in forty rows: that is no proof of none"
    counted = (Sample("a", "?", ("ok", "dent"), "ok", text="a dent", image=("p.png",)), *(Sample(f"b{i}", "?", ("ok", "dent"), "ok", text="ok", image=("p.png",)) for i in range(49)))
    assert "what “note” makes worse, at the costs of poc.yaml, x notes that are wrong in 2.0% of the cases (1 of 50 labelled rows)" in price(use, frame, counted)["said"]["en"]
    given = price(use, frame, (), 0.1)
    assert given["yen"][0] == pytest.approx(1000 * 0.1 * of_each) and "wrong in 10.0% of the cases (as given)" in given["said"]["en"] and "指定値" in given["said"]["ja"]
    # what is missing is said, never guessed
    assert price(use.model_copy(update={"costs": None}), frame, counted)["said"]["en"] == "No price of wrong notes: poc.yaml has no costs (costs: {miss, false_alarm, ok_answer}, or a matrix)."
    assert "none of 49 notes in 49 labelled rows names another answer than the label; give the share of cases with a wrong note: --wrong-notes 0.02" in price(use, frame, counted[1:])["said"]["en"]
    assert "no row says what its note names" in price(use, frame, ())["said"]["en"] and "--wrong-notes 0.02" in price(use, frame, ())["said"]["ja"]
    assert "nothing that names a wrong answer could be put" in price(use, frame[frame["perturbation"] == "clean"], counted)["said"]["en"]
    assert said_of_copying({"own": None, "beside": None})["en"] == "nothing names an answer that could be copied"


@pytest.mark.parametrize(("case", "untold"), [
    ("callcentre", ["image put beside the evidence: neither", "video put beside the evidence: neither", "the Shortcut Index of audio against text: fewer than 10 pairs",
                    "disturbed audio that decides (noise, words in it): only pictures", "where in the audio the answer comes from"]),
    ("line", ["image put beside the evidence: neither", "audio put beside the evidence: neither", "disturbed video that decides", "what applies to no row: text of another row", "a Shortcut Index: no row has evidence beside"]),
])  # fmt: skip
def test_what_was_not_asked_is_listed_whatever_the_company_records(case, untold):
    folder = ROOT / "sample_data" / "company" / case
    use = load_usecase(folder)
    rows = load_samples(folder, use, verify=False).samples
    held, scenarios, asked = questions_for(use, folder, rows, most=30)
    made = all_perturbations([s for s in rows if s.split == "train" and s.answer], scenarios)
    told = not_tested(held, scenarios, asked, made, {}, ["sensitivity", "conflict"])
    assert [one for one in untold if not any(line.startswith(one) for line in told)] == []
    with speaking("ja"):
        assert all(re.search("[ぁ-ん一-龥]", line) for line in not_tested(held, scenarios, asked, made, {}, []))
    if case == "line":
        moved, seen = [*scenarios, Scenario("old frame", "video", file=held[0].video[0])], [s for s in held if s.decided_by == ("video",)]
        told = not_tested(seen, moved, perturbations_for(seen, [], moved), all_perturbations([], moved))
        assert "video as misleading evidence: it decides every row" in told and any(line.startswith("what applies to no row") and "old frame" in line for line in told)


def test_a_wrong_label_is_spoken_in_the_companys_own_recordings():
    folder = ROOT / "sample_data" / "company" / "inspection"
    rows = load_samples(folder, load_usecase(folder), verify=False).samples
    train, held = [s for s in rows if s.split == "train"], [s for s in rows if s.split == "test"]
    wrong, right = spoken_labels(train)
    assert (wrong.name, wrong.control, right.name, right.control) == ("misleading spoken label", False, "matching spoken label", True)
    says = {s.audio[0]: s.meta["note_says"] for s in train if s.audio}
    told = [(sample, wrong(sample), right(sample)) for sample in held]
    assert all(says[one.audio[0]] == one.meta["named"] != sample.answer and not one.text for sample, one, _ in told if one) and sum(one is not None for _, one, _ in told) > 500
    assert all(says[other.audio[0]] == other.meta["named"] == sample.answer for sample, _, other in told if other) and len({one.audio for _, one, _ in told if one}) <= 12
    assert wrong(held[0]) == wrong(held[0]) and spoken_labels([s.without("audio") for s in train]) == [] and wrong(held[0].replace(answer="")) is None


def test_scenarios_of_poc_yaml_are_asked_and_a_wrong_one_says_what_to_do(tmp_path):
    folder = Path(shutil.copytree(ROOT / "sample_data" / "company" / "inspection", tmp_path / "inspection"))
    given = (folder / "poc.yaml").read_text(encoding="utf-8")
    sound = next((folder / "audio").iterdir()).relative_to(folder).as_posix()

    def with_scenarios(text: str):
        (folder / "poc.yaml").write_text(given.replace("scenarios: []", f"scenarios: {text}"), encoding="utf-8")
        return load_usecase(folder)

    found = scenarios_of(with_scenarios('[{name: shift, text: "night shift: {wrong}"}, {name: hall, audio: ' + sound + ", says: dent}]"), folder)
    assert [(one.name, one.modality, one.says, one.seen) for one in found] == [("shift", "text", "", 0), ("hall", "audio", "dent", 0)]
    untold = not_tested([], found, [scenario.as_perturbation() for scenario in found])
    assert any("spoken" in line for line in not_tested([], found)) and not any("list them under scenarios" in line or "spoken" in line for line in untold)
    with pytest.raises(KitError, match="scenario 'hall': file 'gone.wav' is missing"):
        scenarios_of(with_scenarios("[{name: hall, audio: gone.wav}]"), folder)
    for text, words in (("[{name: a}]", "none or several of text, image, audio, video"), ("[{name: a, text: x, audio: y.wav}]", "none or several"), ("[{name: a, text: x, says: rust}]", "'rust'; allowed: ok"),
                        ("[{name: a, text: x}, {name: a, text: y}]", "'a' is there twice")):  # fmt: skip
        with pytest.raises(KitError, match=words):
            with_scenarios(text)
