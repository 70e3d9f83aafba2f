"""Four bridges over the same frozen model: each learns what it should and nothing else, tools are real, what is missing is told, and one table holds them."""

import json
from pathlib import Path

import families
import matplotlib_fontja
import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
import transformers as hf
from PIL import Image, ImageDraw, ImageFont
from tokenizers.pre_tokenizers import ByteLevel

from kit.bridges import (
    DataDriven,
    Detector,
    Facts,
    Kept,
    LateFusion,
    Ocr,
    Speech,
    ToolLearning,
    Tried,
    Whisper,
    bridge_table,
    converter,
    gap_and_kpi,
    instructions,
    measured_points,
    misled,
    perceiver,
    recommended,
    rows_to_reach,
    try_bridges,
)
from kit.bridges.bridge import tokens_per_medium
from kit.bridges.late_fusion import fused
from kit.data import Sample, read_folder
from kit.errors import KitError
from kit.evaluation import option_scores, predict
from kit.evaluation.calibration import temperature
from kit.language import speaking
from kit.models import load
from kit.models.merger import give_merger
from kit.training import Settings
from sample_data.recipe.parts import write_parts

GENERAL = Path(__file__).resolve().parents[1] / "sample_data" / "general"
LABELS = ["red", "green", "blue"]


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    return write_parts(tmp_path_factory.mktemp("parts"))


@pytest.fixture(scope="module")
def rows(colours):
    """Coloured pictures without their notes: (train, validation, test)."""
    bare = [sample.replace(text="") for sample in colours]
    return bare[:36], bare[36:48], bare[48:]


@pytest.fixture(scope="module")
def spoken():
    return [sample for sample in read_folder(GENERAL, verify=False).samples if sample.split == "train" and sample.audio][:16]


def right(frame: pd.DataFrame) -> float:
    return float((frame["predicted"] == frame["answer"]).mean())


# ------------------------------------------------------------------------------------------------------------ converter and perceiver


@pytest.mark.parametrize(
    ("make", "per_picture"),
    [(lambda vlm: converter(vlm, connector="linear", steps=40, batch=12, device="cpu"), 16), (lambda vlm: perceiver(vlm, side=4, steps=40, batch=12, device="cpu"), 4)],
    ids=["converter", "perceiver"],
)
def test_a_fresh_connector_for_pictures_learns_and_nothing_else_moves(make, per_picture, parts, rows, tmp_path):
    bridge = make(str(parts.vlm))
    bridge.fit(rows[0], rows[1], tmp_path)
    assert bridge.check.status == "green" and bridge.facts.updates == 40, bridge.check.detail
    assert bridge.facts.trained == sum(weight.numel() for path, weight in bridge.loaded.model.named_parameters() if ".merger." in path)
    assert bridge.facts.tokens == per_picture and bridge.facts.rows == 36 and bridge.facts.seconds > 0
    frame = bridge.predict(rows[2])
    assert right(frame) > 0.8 and frame.columns.tolist() == ["id", "answer", "predicted", "probabilities", "group"]
    again = make(str(parts.vlm))
    again.fit(rows[0], rows[1], tmp_path)  # nothing is trained a second time, and the answers are the same
    assert again.check is None and again.facts.trained == bridge.facts.trained and again.predict(rows[2]).equals(frame)


def test_the_tower_behind_another_merger_is_the_same(parts, rows):
    """The patches that a merger of 4 x 4 gets are those that the family's own gets, in another order."""
    kept = {}
    for side in (2, 4):
        loaded = load(str(parts.vlm), device="cpu")
        merger = give_merger(loaded, "linear", side)
        merger.register_forward_pre_hook(lambda _, args, side=side: kept.update({side: args[0]}))
        option_scores(loaded, rows[2][:1])
    ours, theirs = (np.sort(kept[side].numpy().round(3), 0) for side in (2, 4))
    assert ours.shape == theirs.shape == (64, 128) and np.allclose(ours, theirs, atol=2e-3)


def test_pictures_of_several_sizes_in_a_batch_are_as_each_alone(parts, pictured):
    loaded = load(str(parts.vlm), device="cpu")
    with torch.no_grad():
        give_merger(loaded, {"kind": "resampler"}, side=4).connector.out.weight.normal_(std=0.3)
    together = option_scores(loaded, pictured)
    assert all(np.allclose(one, option_scores(loaded, [sample])[0], atol=1e-3) for one, sample in zip(together, pictured, strict=True))


def test_another_merger_needs_a_qwen(tiny):
    with pytest.raises(KitError, match=r"known for Qwen2.5-VL and Qwen2-VL, and Qwen2_5OmniThinkerForConditionalGeneration is none: name a checkpoint of these \(qwen2.5-vl-7b, qwen2-vl-2b\), or train the connector that it has"):
        give_merger(tiny, "linear")


def test_the_older_qwen_gets_another_merger_too(rows, tmp_path):
    """qwen2-vl-2b is the one for laptops: a tiny checkpoint of its real classes, whose tower is half as wide as its language model."""
    tokenizer = families._tokenizer(families._QWEN_TURNS.replace("SYSTEM", ""), families._QWEN)
    pixels = {"shortest_edge": 56 * 56, "longest_edge": 112 * 112}
    processor = hf.Qwen2VLProcessor(hf.Qwen2VLImageProcessor(size=pixels, patch_size=14, merge_size=2), tokenizer, hf.Qwen2VLVideoProcessor(size=pixels, patch_size=14, merge_size=2), chat_template=tokenizer.chat_template)
    text = families._text(tokenizer, rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]})
    vision = dict(depth=2, embed_dim=families.WIDTH // 2, hidden_size=families.WIDTH, num_heads=4, mlp_ratio=2, patch_size=14, spatial_merge_size=2, temporal_patch_size=2)
    torch.manual_seed(0)
    model = families._with_generation(hf.Qwen2VLForConditionalGeneration(hf.Qwen2VLConfig(text_config=text, vision_config=vision, **families._qwen_ids(tokenizer))), tokenizer)
    model.save_pretrained(tmp_path / "vlm")
    processor.save_pretrained(tmp_path / "vlm")
    bridge, usual = perceiver(str(tmp_path / "vlm"), side=4, steps=2, batch=4, device="cpu"), load(str(tmp_path / "vlm"), device="cpu")
    bridge.fit(rows[0][:8], [], tmp_path / "work")
    assert bridge.facts.tokens == tokens_per_medium(usual, rows[0][:8]) / 4 > 0 and len(bridge.predict(rows[2][:2])) == 2
    assert {path.split(".merger.")[0].split(".")[-1] for path, weight in bridge.loaded.model.named_parameters() if ".merger." in path} == {"visual"} and bridge.check.status == "green"


@pytest.mark.parametrize("make", [converter, perceiver])
def test_a_fresh_connector_for_sound_learns_and_the_eyes_stay(make, parts, spoken, tmp_path):
    bridge = make(str(parts.vlm), str(parts.ears), silence=False, steps=6, batch=8, device="cpu")
    bridge.fit(spoken, [], tmp_path)
    assert bridge.check.status == "green" and bridge.facts.trained == sum(weight.numel() for weight in bridge.loaded.model.audio_connector.parameters())
    assert bridge.history[-1]["loss"] < bridge.history[0]["loss"] and bridge.facts.tokens > 1
    assert len(bridge.predict(spoken[:3])) == 3


def test_what_a_connector_cannot_do_is_told(parts, rows, tmp_path):
    with pytest.raises(KitError, match="no labelled training row has audio; give rows that have it"):
        converter(str(parts.vlm), str(parts.ears)).fit(rows[0], rows[1], tmp_path)
    with pytest.raises(KitError, match=r"a resampler has learned queries: it is a perceiver"):
        converter(str(parts.vlm), connector="resampler")


# ------------------------------------------------------------------------------------------------------------ tools


def test_a_detector_writes_what_it_sees_and_its_training_rows_as_if_unseen(tiny, rows):
    detector = Detector("classifier: {label} ({share:.0%})")
    detector.fit(rows[0], tiny)
    unseen = detector.unseen(rows[0])
    written = detector.write(rows[2])
    assert np.mean([f"classifier: {row.answer} (" in text for row, text in zip(rows[2], written, strict=True)]) > 0.9 and written[0].endswith("%)")
    seen = detector.write(rows[0])
    sure = [np.mean([float(text.split("(")[1].rstrip("%)")) for text in texts]) for texts in (unseen, seen)]
    assert sure[0] < sure[1], "on rows that it learned from it is surer than on others"
    assert detector.trained == 3 * detector.models[rows[0][0].question][-1].n_features_in_ + 3
    assert detector.write([rows[2][0].replace(question="Another question?")]) == [""]
    with pytest.raises(KitError, match=r"has training rows of \['red'\] only; a classifier needs two different answers at least"):
        Detector().fit([row for row in rows[0] if row.answer == "red"], tiny)


def test_a_question_with_one_answer_is_left_out_and_the_others_are_asked(tiny, rows, tmp_path):
    """It costs the detector that question, not the bridges that rest on it."""
    other = [row.replace(id=f"other {row.id}", question="Another question?") for row in rows[0] if row.answer == "red"][:4]
    detector = Detector("{label}")
    detector.fit([*rows[0], *other], tiny)
    assert detector.left_out == ["'Another question?' has training rows of ['red'] only"] and list(detector.models) == [rows[0][0].question]
    assert detector.write([rows[2][0], other[0]]) == [rows[2][0].answer, ""] and detector.unseen([*rows[0], *other])[-4:] == [""] * 4
    bridge = ToolLearning("tiny_omni", [Detector("{label}")], device="cpu")
    bridge.fit([*rows[0], *other], [], tmp_path)
    assert bridge.facts.failed == ["the detector says nothing of one question: 'Another question?' has training rows of ['red'] only"] and not bridge.facts.lacking


def test_as_if_unseen_works_where_the_other_rows_have_one_answer(tiny, rows):
    """Lot A holds all but one answer: whoever is asked about the odd row knows one label only. One lot alone falls back to rows; one row alone has nobody to learn from."""
    reds, green = [row.replace(group="A") for row in rows[0] if row.answer == "red"][:4], next(row for row in rows[0] if row.answer == "green").replace(group="B")
    detector = Detector("{label} {share:.0%}")
    detector.loaded = tiny
    assert detector.unseen([*reds, green]) == ["green 100%"] * 4 + ["red 100%"]
    assert detector.unseen(reds) == ["red 100%"] * 4 and detector.unseen(reds[:1]) == [""]


@pytest.fixture
def sheet(tmp_path):
    """A sheet with a line in each language."""
    font = ImageFont.truetype(str(Path(matplotlib_fontja.__file__).parent / "fonts" / "ipaexg.ttf"), 28)
    picture = Image.new("RGB", (520, 120), "white")
    for line, text in enumerate(("PRESSURE 42 STOP", "圧力は正常です")):
        ImageDraw.Draw(picture).text((16, 12 + 50 * line), text, "black", font)
    picture.save(tmp_path / "sheet.png")
    return Sample("sheet", "What does the sheet say?", ("go", "stop"), "stop", image=(tmp_path / "sheet.png",))


def test_tesseract_reads_a_sheet(need, tiny, sheet):
    need("tesseract")
    ocr = Ocr()
    ocr.fit([], tiny)
    read, nothing = ocr.write([sheet, sheet.replace(image=(), text="x")])
    assert "42" in read and "正常" in read.replace(" ", "") and nothing == ""
    with pytest.raises(KitError, match=r"no model for tlh here: apt-get install tesseract-ocr tesseract-ocr-tlh; or name what it has"):
        Ocr(("tlh",)).fit([], tiny)


def test_a_missing_tesseract_is_named_with_its_install_command(monkeypatch, tiny):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(KitError, match=r"which is not installed here: apt-get install tesseract-ocr tesseract-ocr-jpn \(Debian, Ubuntu\), brew install"):
        Ocr().fit([], tiny)
    with speaking("ja"), pytest.raises(KitError, match="OCR には Tesseract が必要ですが、入っていません：apt-get install"):
        Ocr().fit([], tiny)


def test_an_answer_waits_for_its_ocr_whoever_read_the_sheet_before(rows, tmp_path, monkeypatch):
    """A slow program in Tesseract's place: the second bridge reads from memory, and neither its training time nor the time of an answer looks faster for it."""
    slow, count = 0.15, tmp_path / "calls"
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "tesseract"
    program.write_text(f'#!/bin/sh\nif [ "$1" = --list-langs ]; then printf "languages:\\neng\\n"; exit; fi\ncat >/dev/null; echo x >>{count}; sleep {slow}; echo red\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    train, asked = rows[0][:4], rows[2][:3]
    for name in ("first", "second"):
        bridge = Kept(ToolLearning("tiny_omni", [Ocr(("eng",), enlarged=1)], name=name, device="cpu"), tmp_path / "kept")
        bridge.fit(train, [], tmp_path)
        bridge.predict(asked)
        assert bridge.facts.latency > slow and bridge.facts.seconds > 4 * slow, name
    assert len(count.read_text().split()) == 7, "seven pictures, each read once"


def test_the_checkpoint_itself_writes_speech_down(tiny, spoken, sheet):
    speech = Speech(most=6)
    speech.fit([], tiny)
    written = speech.write([*spoken[:2], sheet])
    assert written[0] and written[1] and written[2] == ""


def test_whisper_goes_through_transformers_pipeline(tiny, tmp_path):
    """A random Whisper with real classes: the text means nothing, that there is one for each row with a sound does."""
    folder = tmp_path / "whisper"
    special = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|translate|>", "<|notimestamps|>", "<|nospeech|>", "<|startofprev|>"]
    vocabulary = {token: place for place, token in enumerate([*sorted(ByteLevel.alphabet()), *special])}
    hf.WhisperTokenizer(vocab=vocabulary, merges=[], pad_token="<|endoftext|>").save_pretrained(folder)
    torch.manual_seed(0)
    end, start = vocabulary["<|endoftext|>"], vocabulary["<|startoftranscript|>"]
    config = hf.WhisperConfig(
        vocab_size=len(vocabulary), num_mel_bins=16, d_model=32, encoder_layers=1, encoder_attention_heads=2, encoder_ffn_dim=32, decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=32,
        max_source_positions=50, max_target_positions=16, pad_token_id=end, bos_token_id=end, eos_token_id=end, decoder_start_token_id=start, suppress_tokens=None, begin_suppress_tokens=None,
    )  # fmt: skip
    model = hf.WhisperForConditionalGeneration(config)
    languages, tasks = {"<|en|>": vocabulary["<|en|>"]}, {name: vocabulary[f"<|{name}|>"] for name in ("transcribe", "translate")}
    model.generation_config = hf.GenerationConfig(
        max_length=8, decoder_start_token_id=start, eos_token_id=end, pad_token_id=end, bos_token_id=end, is_multilingual=True, lang_to_id=languages, task_to_id=tasks,
        no_timestamps_token_id=vocabulary["<|notimestamps|>"], prev_sot_token_id=vocabulary["<|startofprev|>"],
    )  # fmt: skip
    model.save_pretrained(folder)
    hf.WhisperFeatureExtractor(feature_size=16, chunk_length=1).save_pretrained(folder)
    for name, seconds in (("short", 0.5), ("long", 2.5)):  # the second is longer than the window of a second
        soundfile.write(tmp_path / f"{name}.wav", np.random.default_rng(0).normal(0, 0.1, int(16000 * seconds)).clip(-1, 1), 16000)
    short, long = (Sample(name, "What is said?", answer="x", audio=(tmp_path / f"{name}.wav",)) for name in ("short", "long"))
    for language in (None, "english"):
        whisper = Whisper(str(folder), language)
        whisper.fit([], tiny)
        written = whisper.write([short, short.replace(audio=(), text="x"), long, short])
        assert all(isinstance(text, str) for text in written) and written[0] == written[3] != "" and written[1] == ""


def test_a_whisper_that_cannot_be_reached_is_named(tiny, spoken):
    with pytest.raises(KitError, match=r"cannot load 'openai/whisper-small' .*fetch it once with `hf download openai/whisper-small`"):
        Whisper().fit(spoken[:1], tiny)


# ------------------------------------------------------------------------------------------------------------ tool learning


def test_the_language_model_only_reads_and_what_it_read_is_kept(rows, tmp_path, monkeypatch):
    """A missing tool is told and the other goes on; the picture itself is gone; the hybrid keeps it."""
    monkeypatch.setenv("PATH", "")
    bridge = ToolLearning("tiny_omni", [Ocr(), Detector(form="{label}")], device="cpu")
    bridge.fit(rows[0], rows[1], tmp_path)
    assert len(bridge.facts.failed) == 1 and "apt-get install tesseract-ocr" in bridge.facts.failed[0] and bridge.facts.updates == 0
    frame = bridge.predict(rows[2])
    assert set(bridge.written) == {row.id for row in rows[2]} and bridge.written[rows[2][0].id] == {"detector": rows[2][0].answer}
    bridge.predict(rows[2][:2])
    told = [json.loads(line) for line in (tmp_path / "written.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in told] == [row.id for row in rows[2]], "one line per row, however often it was asked"
    assert told[0] == {"id": rows[2][0].id, "detector": rows[2][0].answer}
    blind = [row.replace(image=(), text=bridge.written[row.id]["detector"]) for row in rows[2]]
    assert frame.equals(predict(bridge.loaded, blind)), "the language model saw the tools' text and nothing else"
    hybrid = ToolLearning("tiny_omni", bridge.tools, keep_media=True, device="cpu")
    hybrid.fit(rows[0], rows[1], tmp_path / "hybrid")
    both = [row.replace(text=bridge.written[row.id]["detector"]) for row in rows[2]]
    assert hybrid.name == "hybrid" and hybrid.predict(rows[2]).equals(predict(hybrid.loaded, both))
    with pytest.raises(KitError, match=r"bridge 'tool learning' has no tool that works here: OCR needs Tesseract"):
        ToolLearning("tiny_omni", [Ocr()], device="cpu").fit(rows[0], rows[1], tmp_path / "none")


def test_the_detectors_form_is_chosen_on_validation_rows_and_told(rows, tmp_path):
    """A form that names the wrong thing cannot be read; the bare label can. Which one was taken, and on how many rows, stands in the facts and in a file."""
    bridge = ToolLearning("tiny_omni", [Detector(forms=("cat", "{label}"))], device="cpu")
    bridge.fit(rows[0], rows[1], tmp_path)
    assert bridge.forms["{label}"] > 0.8 > bridge.forms["cat"] and bridge.tools[0].form == "{label}"
    assert "form '{label}' chosen among 2 on 12 validation rows" in bridge.facts.start and bridge.facts.start.startswith("an aligned checkpoint")
    assert json.loads((tmp_path / "form.json").read_text(encoding="utf-8"))["macro_recall"] == bridge.forms
    unseen = ToolLearning("tiny_omni", [Detector()], device="cpu")
    unseen.fit(rows[0], [], tmp_path / "none")
    assert unseen.forms == {} and unseen.facts.start == "an aligned checkpoint"


def test_a_wrong_line_of_a_tool_is_a_misleading_note_for_the_hybrid(rows, tmp_path):
    """On plain colours the pixels alone and the right line both answer, so nothing is lost by the tool's own lines, and what another row's line takes away is what follows it."""
    bridge = ToolLearning("tiny_omni", [Detector(form="{label}")], keep_media=True, device="cpu")
    bridge.fit(rows[0], rows[1], tmp_path)
    told = misled(bridge, [*rows[2], rows[2][0].replace(id="voice", image=(), text="x", audio=(Path("never opened.wav"),))], "image")
    assert told["modality"] == "image" and told["n"] == told["n_wrong"] == 12 and told["pairs"] > 2
    assert told["medium_alone"]["value"] > 0.8 and told["with_line"]["value"] > 0.8 and told["conflict_rate"]["value"] < 0.2
    assert told["lost"]["value"] == pytest.approx(told["medium_alone_there"]["value"] - told["with_wrong_line"]["value"]) and told["lost"]["low"] <= told["lost"]["value"] <= told["lost"]["high"]
    assert told["followed"]["value"] + told["with_wrong_line"]["value"] <= 1 and 0 <= told["shortcut_index"]["low"] <= told["shortcut_index"]["value"] <= told["shortcut_index"]["high"] <= 1
    blind = lambda row: row.replace(text="green")  # noqa: E731  a tool that always writes the same, whatever it is shown
    bridge.read = lambda samples: [blind(row) for row in samples]
    stubborn = misled(bridge, rows[2], "image")
    assert stubborn["conflict_rate"]["value"] > 0.4, "two rows of three are not green"
    assert misled(bridge, [row.replace(answer="") for row in rows[2]], "image") is None


def test_a_reader_learns_to_read_what_tools_write(rows, tmp_path):
    settings = Settings(rank=4, steps=12, batch=12, evaluate_every=12)
    bridge = ToolLearning("tiny_omni", [Detector(form="D7 says {label}")], reader=settings, device="cpu")
    bridge.fit(rows[0], rows[1], tmp_path)
    assert bridge.facts.updates == 12 and bridge.facts.trained > bridge.tools[0].trained
    assert right(bridge.predict(rows[2])) > 0.8


# ------------------------------------------------------------------------------------------------------------ data-driven


def test_instructions_are_made_of_records(rows):
    row = rows[0][0].replace(meta={"camera": "C2"})
    made = instructions([row, rows[0][1].replace(answer="")], ("{question}", "Camera {camera}: {question}"))
    assert [one.id for one in made] == [f"{row.id}#0", f"{row.id}#1", f"{row.id}#verify"] and made[1].question == f"Camera C2: {row.question}"
    assert made[0].options == row.options and sorted(made[1].options) == sorted(row.options) and {one.meta["instruction"] for one in made[:2]} == {"{question}", "Camera {camera}: {question}"}
    asked = instructions(rows[0], ("{question}",))
    checked = [one for one in asked if one.options == ("yes", "no")]
    assert len(checked) == len(rows[0]) and all((one.question == f"{row.question} Is it: {row.answer}?") == (one.answer == "yes") for one, row in zip(checked, rows[0], strict=True))
    assert {one.answer for one in checked} == {"yes", "no"} and asked == instructions(rows[0], ("{question}",))
    with pytest.raises(KitError, match=rf"names lot, which record {row.id} lacks; it has question, camera"):
        instructions([row], ("{question} ({lot})",))


def test_the_data_driven_bridge_tunes_an_adapter(rows, tmp_path):
    bridge = DataDriven("tiny_omni", Settings(rank=4, steps=10, batch=12, evaluate_every=10), device="cpu")
    bridge.fit(rows[0], rows[1], tmp_path)
    assert bridge.facts.updates == 10 and bridge.facts.rows == 36 and bridge.facts.tokens == 16
    assert bridge.facts.trained == sum(weight.numel() for path, weight in bridge.loaded.model.named_parameters() if "lora_" in path)
    assert right(bridge.predict(rows[2])) > 0.8


# ------------------------------------------------------------------------------------------------------------ late fusion


def frame(*shares: dict, answers=None) -> pd.DataFrame:
    answers = answers or ["a"] * len(shares)
    rows = [{"id": f"r{n}", "answer": answer, "predicted": max(share, key=share.get), "probabilities": share, "group": f"g{n}"} for n, (share, answer) in enumerate(zip(shares, answers, strict=True))]
    return pd.DataFrame(rows)


def test_a_temperature_makes_certainty_honest():
    """Right in three of four, and 99 % sure each time: at the right temperature it is 75 % sure."""
    sure = frame(*[{"a": 0.99, "b": 0.01}] * 40, answers=["a", "a", "a", "b"] * 10)
    heat = temperature(sure)
    assert fused([sure], [heat])["probabilities"][0]["a"] == pytest.approx(0.75, abs=0.01)
    assert heat == pytest.approx(np.log(99) / np.log(3), rel=0.02)


def test_the_surer_one_decides():
    doubts, knows = frame({"a": 0.4, "b": 0.6}), frame({"b": 0.1, "a": 0.9})
    both = fused([doubts, knows], [1.0, 1.0])
    odds = np.sqrt((0.4 / 0.6) * (0.9 / 0.1))
    assert both["predicted"].tolist() == ["a"] and both["probabilities"][0]["a"] == pytest.approx(odds / (1 + odds))
    with pytest.raises(ValueError, match="the same rows in the same order"):
        fused([doubts, knows.assign(id="other")], [1.0, 1.0])


def test_late_fusion_without_validation_rows_does_not_call_itself_calibrated(rows, tmp_path):
    """Whoever asks for it is told; with validation rows nothing is."""
    def fusion() -> LateFusion:
        return LateFusion([ToolLearning("tiny_omni", [Detector(form="{label}")], device="cpu"), DataDriven("tiny_omni", None, device="cpu")])

    unsettled, settled = fusion(), fusion()
    unsettled.fit(rows[0], [row.replace(answer="") for row in rows[1]], tmp_path / "a")
    assert unsettled.temperatures == [1.0, 1.0] and unsettled.facts.failed == ["not calibrated, for want of labelled validation rows: whoever is surer of itself decides, rightly or not"]
    settled.fit(rows[0], rows[1], tmp_path / "b")
    assert settled.facts.failed == [] and settled.temperatures != [1.0, 1.0]


# ------------------------------------------------------------------------------------------------------------ one table


def tried(name: str, hits: np.ndarray, trained: int, latency: float = 0.1) -> Tried:
    answers = ["a", "b"] * (len(hits) // 2)
    shares = [{"a": 0.9, "b": 0.1} if (answer == "a") == bool(hit) else {"a": 0.1, "b": 0.9} for answer, hit in zip(answers, hits, strict=True)]
    return Tried(name, Facts(trained=trained, latency=latency), frame(*shares, answers=answers))


def test_the_rule_takes_the_cheapest_of_those_that_cannot_be_told_from_the_best():
    best = np.ones(100)
    best[:10] = 0
    near, far = best.copy(), best.copy()
    near[10], far[10:40] = 0, 0
    bridges = [tried("large", best, 1000), tried("small", near, 10), tried("worse", far, 0), Tried("broken", Facts(failed=["no tool"]), None)]
    found = recommended(bridges, ["a", "b"], "accuracy")
    assert found.evidence["chosen"] == "small" and found.evidence["best"] == "large" and found.verdict == "good" and found.value == pytest.approx(0.89)
    assert "small: accuracy 89.0 % [" in found.summary and "behind the best (large) by 1.0 points [" in found.summary and "at most 5 allowed" in found.summary
    traced = recommended(bridges, ["a", "b"], "accuracy", auditable=("worse",))
    assert traced.evidence["chosen"] == "worse" and "Traceable answers cost 30.0 points [" in traced.summary and traced.verdict == "good"
    assert recommended(bridges[3:], ["a", "b"]).verdict == "bad"
    table = bridge_table(bridges, ["a", "b"], "accuracy", costs={"miss": 10, "false_alarm": 1, "ok_answer": "a"})
    assert table["bridge"].tolist() == ["large", "small", "worse", "broken"] and table["accuracy"].tolist()[:3] == pytest.approx([0.9, 0.89, 0.6])
    assert (table["low"] < table["accuracy"]).tolist() == [True, True, True, False] and table["failed"].tolist() == ["", "", "", "no tool"]
    assert table["cost_per_1000"].iloc[2] > table["cost_per_1000"].iloc[0] > 0 and np.isnan(table["cost_per_1000"].iloc[3])


def test_of_several_best_bridges_the_cheapest_is_the_best():
    same = np.ones(20)
    same[:2] = 0
    for order in (1, -1):
        found = recommended([tried("large", same, 1000), tried("small", same, 10), tried("slow", same, 10, latency=3.0)][::order], ["a", "b"], "accuracy")
        assert found.evidence["best"] == found.evidence["chosen"] == "small" and "it is the best itself" in found.summary


def test_few_rows_do_not_make_everything_equal():
    """Ten rows, one more error: nothing shows that the cheap one is as good, so the best one stands, and how many rows would tell is said."""
    best, near = np.ones(10), np.ones(10)
    near[0] = 0
    found = recommended([tried("large", best, 1000), tried("small", near, 10)], ["a", "b"], "accuracy")
    assert found.evidence["chosen"] == "large" and found.evidence["undecided"] == ["small"] and found.verdict == "warn"
    assert "neither shown to be as good nor to be worse: small" in found.summary and "held-out rows instead of 10" in found.advice
    assert recommended([tried("large", best, 1000), tried("small", near, 10)], ["a", "b"], "accuracy", margin=0.5).evidence["chosen"] == "small"


class Broken:
    """A bridge whose tool breaks."""

    def __init__(self, error: BaseException):
        self.name, self.facts, self.error = type(error).__name__, Facts(), error

    def fit(self, train, validation, work):
        raise self.error

    def predict(self, samples):
        raise AssertionError("it was never fitted")


def test_whatever_breaks_costs_one_row_and_only_an_interruption_stops_all(rows, tmp_path):
    found = try_bridges([Broken(OSError("disk gone")), Broken(torch.OutOfMemoryError("CUDA out of memory")), Broken(KitError("say so"))], *rows, tmp_path)
    assert [one.facts.failed for one in found] == [["OSError: disk gone"], ["out of memory: OutOfMemoryError: CUDA out of memory"], ["say so"]] and all(one.frame is None for one in found)
    assert "raise self.error" in (tmp_path / "OSError" / "failed.txt").read_text(encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        try_bridges([Broken(KeyboardInterrupt())], *rows, tmp_path)


def test_kept_answers_need_no_model_and_other_rows_or_settings_are_asked_anew(rows, tmp_path):
    def bridge(form: str = "{label}"):
        return Kept(ToolLearning("tiny_omni", [Detector(form)], device="cpu"), tmp_path)

    first = bridge()
    first.fit(*rows[:2], tmp_path)
    frame = first.predict(rows[2][:6])
    again = bridge()
    again.fit(*rows[:2], tmp_path)
    assert again.predict(rows[2][:6]).equals(frame) and again.working is None and again.facts == first.facts and again.facts.latency > 0
    assert again.predict(rows[2]).iloc[:6].equals(frame) and again.working is not None, "rows that were not asked yet are"
    for changed, train in ((bridge("it is {label}"), rows[0]), (bridge(), rows[0][:24])):
        changed.fit(train, rows[1], tmp_path)
        assert changed.working is not None
    again.release()
    assert again.working is None


def test_what_was_remarked_is_kept_and_what_lacked_a_tool_is_not(rows, tmp_path, monkeypatch):
    """A remark (a question without a classifier) is as true tomorrow, and stands beside the answers that are kept; a tool that is missing may be there tomorrow."""
    other = [row.replace(id=f"other {row.id}", question="Another question?") for row in rows[0] if row.answer == "red"][:4]

    def bridge(*tools):
        found = Kept(ToolLearning("tiny_omni", [Detector("{label}"), *tools], device="cpu"), tmp_path / f"{len(tools)}")
        found.fit([*rows[0], *other], rows[1], tmp_path)
        return found, found.predict(rows[2][:4])

    (_, frame), (again, same) = bridge(), bridge()
    assert again.working is None and same.equals(frame) and again.facts.failed == ["the detector says nothing of one question: 'Another question?' has training rows of ['red'] only"]
    monkeypatch.setenv("PATH", "")
    for _ in range(2):
        lacks, _ = bridge(Ocr())
        assert lacks.working is not None and lacks.facts.lacking and not (lacks.work / "answers.json").exists() and "apt-get install tesseract-ocr" in lacks.facts.failed[0]


def test_a_connector_keeps_what_was_best_on_validation_rows(parts, rows, tmp_path):
    """At a rate that ruins it, the KPI falls after the first look: what is kept is at least as good as what any look saw, and the sound that it cannot hear is told."""
    bridge = converter(str(parts.vlm), connector="linear", steps=24, batch=12, learning_rate=3e-2, device="cpu")
    deaf = [row.replace(audio=(Path("memo.wav"),)) for row in rows[1]]
    bridge.fit(rows[0], deaf, tmp_path)
    looks = [entry["kpi"] for entry in bridge.history if "kpi" in entry]
    assert len(looks) >= 2 and right(bridge.predict(deaf)) == pytest.approx(max(looks), abs=0.2) and bridge.check.status == "green"
    bridge.facts.failed.clear()
    assert bridge._unread([*deaf, *rows[2]]) == ["does not hear the sound that 12 of 24 rows have"]


def test_rank_correlation_of_a_gap_and_the_kpi():
    """Worked by hand: four bridges, the two best exchanged: 1 - 6 * 2 / (4 * 15) = 0.8, as a distance -0.8; six have an interval, four and a perfect order none, three nothing."""
    points = pd.DataFrame([{"bridge": name, "measure": "distance", "value": value, "kpi": kpi} for name, value, kpi in zip("abcd", (4.0, 3.0, 1.0, 2.0), (0.1, 0.2, 0.3, 0.4), strict=True)])
    (row,) = gap_and_kpi(points).to_dict("records")
    assert row["spearman"] == pytest.approx(-0.8) and row["n"] == 4 and row["note"] == "few" and np.isnan(row["low"]) and np.isnan(row["high"])
    six = pd.DataFrame([{"bridge": name, "measure": "distance", "value": value, "kpi": kpi} for kpi, (name, value) in enumerate(zip("abcdef", (6.0, 5.0, 4.0, 3.0, 1.0, 2.0), strict=True))])
    (row,) = gap_and_kpi(six).to_dict("records")
    assert row["spearman"] == pytest.approx(-1 + 6 * 2 / (6 * 35)) and -1 < row["low"] < row["spearman"] < row["high"] < 1
    (row,) = gap_and_kpi(six.assign(value=[6.0, 5.0, 4.0, 3.0, 2.0, 1.0])).to_dict("records")
    assert row["spearman"] == pytest.approx(-1) and np.isnan(row["low"]), "a perfect order of a handful is no certainty"
    assert np.isnan(gap_and_kpi(points[:3])["spearman"][0]) and np.isnan(gap_and_kpi(points.assign(kpi=0.5))["spearman"][0])


def test_one_connector_is_one_point_and_depth_is_no_gap():
    """Three bridges read the same tokens, so that for what lies at layer 0 they are one, with the mean of their KPIs; a rate is the logarithm of the mean of its layers: with half of the same layers it is the same."""
    rows = [{"bridge": name, "measure": "centroid distance", "layer": 0.0, "value": value} for name, value in (("as it is", 5.0), ("tuned", 5.0000001), ("half", 5.0), ("fresh", 9.0), ("unasked", 1.0))]
    rows += [{"bridge": name, "measure": "mutual k-NN", "layer": 2.0, "value": 0.5} for name in ("as it is", "tuned")]
    for name, layers in (("as it is", (10.0, 10.0, 1.0, 19.0)), ("half", (10.0, 10.0)), ("fresh", (100.0, 100.0))):
        rows += [{"bridge": name, "measure": "integration of a layer", "layer": float(number), "value": value} for number, value in enumerate(layers, 1)]
        rows += [{"bridge": name, "measure": "modality integration rate", "layer": np.nan, "value": float(np.log10(sum(layers)))}]
    points = measured_points(pd.DataFrame(rows), {"as it is": 0.2, "tuned": 0.6, "half": 0.4, "fresh": 0.9}).set_index(["measure", "bridge"])
    assert points.loc["centroid distance"].index.tolist() == ["as it is = tuned = half", "fresh"] and points.loc[("centroid distance", "as it is = tuned = half"), "kpi"] == pytest.approx(0.4)
    assert len(points.loc["mutual k-NN"]) == 2, "in a middle layer they may differ, and are two even where they do not"
    rates = points.loc["modality integration rate, per layer", "value"]
    assert rates["as it is"] == rates["half"] == pytest.approx(1.0) and rates["fresh"] == pytest.approx(2.0) and "modality integration rate" not in points.index.get_level_values(0)


def test_the_rows_that_a_bridge_needs_are_the_least_that_bring_nine_tenths_of_its_best():
    """Right in 5, 9 and 10 of 10 with 20, 40 and 80 rows: 40 are enough; who is not surely above guessing among two options needs no number."""
    frames = {count: frame(*[{"a": 0.9, "b": 0.1}] * right + [{"a": 0.1, "b": 0.9}] * (10 - right)) for count, right in ((80, 10), (20, 5), (40, 9))}
    enough, values = rows_to_reach(frames, ["a", "b"], low=0.7, kpi="accuracy")
    assert enough == 40 and values == {20: 0.5, 40: 0.9, 80: 1.0}
    assert rows_to_reach(frames, ["a", "b"], low=0.5, kpi="accuracy")[0] is None
    assert rows_to_reach({20: frames[80], 80: frames[20]}, ["a", "b"], low=0.6, kpi="accuracy")[0] == 20, "its best may be with few"


def test_bridges_are_tried_side_by_side_and_one_that_fails_is_a_row(parts, rows, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    sees, reads = converter(str(parts.vlm), steps=20, batch=12, device="cpu"), ToolLearning("tiny_omni", [Detector(form="{label}")], device="cpu")
    bridges = [LateFusion([sees, reads]), ToolLearning("tiny_omni", [Ocr()], name="only OCR", device="cpu")]
    found = try_bridges(bridges, *rows, tmp_path)
    table = bridge_table(found, LABELS)
    assert table["bridge"].tolist() == ["late fusion", "only OCR"] and table["macro_recall"].iloc[0] > 0.8 and table["latency_ms"].iloc[0] > 0
    assert table["trained"].iloc[0] == sees.facts.trained + reads.facts.trained and len(bridges[0].temperatures) == 2
    assert found[1].frame is None and "apt-get install" in table["failed"].iloc[1] and table["n"].tolist() == [12, 0]
    with pytest.raises(ValueError, match="bridges need names of their own"):
        try_bridges([bridges[1]] * 2, *rows, tmp_path)
