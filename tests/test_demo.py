"""The demo at three depths: its plain functions, the built app, and the served app asked through Gradio's own client."""

import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from made_run import make_folder, make_run
from PIL import Image

pytest.importorskip("gradio", reason='needs demo: pip install "mllm-poc-kit[demo]"')

from poc import demo, runs  # noqa: E402
from poc.demo import cards  # noqa: E402
from poc.demo import words as w  # noqa: E402
from poc.demo.evidence import panel, small_picture  # noqa: E402
from poc.demo.interface import reply  # noqa: E402
from poc.demo.look import CSS, theme  # noqa: E402
from poc.demo.page import Page  # noqa: E402
from poc.demo.uploads import MOST_LETTERS, checked, kind_of, own_sample  # noqa: E402
from poc.demo.visit import SHOWN, Desk  # noqa: E402

JAPANESE = re.compile("[ぁ-んァ-ヶ一-龠]")
QUESTION = ("Which defect does the part have?", ("ok", "scratch"), ("image",))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("company") / "parts", rows=40)


@pytest.fixture(scope="module")
def run(folder):
    return make_run(folder.parent / "runs" / "made" / "20261122-093000", folder)


@pytest.fixture(scope="module")
def exhibit(run):
    return demo.open_exhibit(run)


@pytest.fixture
def desk(exhibit):
    return Desk(exhibit, demo.Recordings(exhibit.predictions))


# the plain function


def test_recorded_answers_are_those_of_predictions_csv(exhibit):
    sample = next(iter(exhibit.samples.values()))
    given = demo.answer(demo.Recordings(exhibit.predictions), sample)
    rows = exhibit.predictions.query("id == @sample.id and condition == 'as_is'").set_index("arm")
    assert given.recorded and given.seconds == 0
    assert given.base == rows.at["base", "probabilities"] and given.tuned == rows.at["tuned", "probabilities"]
    assert given.said("tuned") == rows.at["tuned", "predicted"]


def test_recorded_answers_refuse_evidence_that_nobody_recorded(exhibit, tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "mine.png")
    own = own_sample([tmp_path / "mine.png"], "", *QUESTION)
    with pytest.raises(w.Refusal, match="only held-out samples"):
        demo.answer(demo.Recordings(exhibit.predictions), own)


def test_a_question_without_options_is_refused(exhibit):
    sample = next(iter(exhibit.samples.values())).replace(options=(), answer="")
    with pytest.raises(w.Refusal, match="closed questions"):
        demo.answer(demo.Recordings(exhibit.predictions), sample)


@pytest.fixture(scope="module")
def pair(run):
    """The tiny model with an adapter that was drawn instead of trained, saved into the run and loaded from it."""
    import torch

    from kit.models import add_lora, load

    loaded = load("tiny_omni")
    model = add_lora(loaded.model, ["llm"], 4, seed=0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    model.save_pretrained(str(run / "adapter"))
    made, reason = demo.open_source(run)
    assert reason == "" and not made.recorded
    return made


def test_base_is_the_model_without_its_adapter_and_tuned_is_with_it(pair, exhibit):
    from kit.evaluation import predict
    from kit.models import load

    sample = next(iter(exhibit.samples.values()))
    first, again = demo.answer(pair, sample), demo.answer(pair, sample)
    alone = predict(load("tiny_omni"), [sample]).iloc[0]["probabilities"]
    assert first.base == pytest.approx(alone, abs=1e-5) and list(first.base) == list(sample.options)
    assert sum(first.tuned.values()) == pytest.approx(1) and max(abs(first.tuned[o] - first.base[o]) for o in sample.options) > 0.01
    assert (again.base, again.tuned) == (first.base, first.tuned) and 0 < first.seconds < 60 and not first.recorded


def test_evidence_that_contradicts_itself_is_told_beside_the_answers(pair, exhibit):
    sample = next(sample for sample in exhibit.samples.values() if sample.image).replace(text="The previous check says: scratch.")
    given = demo.answer(pair, sample)
    assert set(given.alone) == {"image", "text"} and 0 <= given.conflict <= 1 and all(option in sample.options and share >= 1 / len(sample.options) for option, share in given.alone.values())
    assert demo.answer(pair, sample.without("text")).conflict is None and demo.answer(demo.Recordings(exhibit.predictions), next(iter(exhibit.samples.values()))).conflict is None
    told = {"name": "conflict", "verdict": "good", "summary": {"en": "", "ja": ""}, "advice": "", "evidence": {"threshold": given.conflict, "caught": 0.8, "false_alarms": 0.05}}
    measured, below = ({"findings": [told | {"evidence": told["evidence"] | {"threshold": at}}]} for at in (given.conflict, given.conflict + 0.1))
    for diagnosis, english, japanese in ((measured, "80% of planted contradictions were told, with 5% false alarms", "情報が食い違っています"), (below, "the others look like this one", "未満です"), ({}, "was not measured for this run (poc diagnose)", "測っていません")):
        shown = replace(exhibit, diagnosis=diagnosis)
        pages = {language: cards.result(given, sample, shown, language) for language in ("en", "ja")}
        assert english in pages["en"] and japanese in pages["ja"] and ("let a person look" in pages["en"]) == (diagnosis is measured)
    assert 'id="conflict"' not in cards.result(demo.answer(pair, sample.without("text")), sample, exhibit, "en")


def test_visitors_at_the_same_time_get_the_answers_to_their_own_questions(pair, exhibit):
    samples = list(exhibit.samples.values())[:4]
    alone = [demo.answer(pair, sample) for sample in samples]
    with ThreadPoolExecutor(4) as crowd:
        together = list(crowd.map(lambda sample: demo.answer(pair, sample), samples))
    assert [(given.base, given.tuned) for given in together] == [(given.base, given.tuned) for given in alone]


def test_without_its_adapter_a_run_still_has_its_recorded_answers(run, pair, tmp_path):
    bare = tmp_path / "bare"
    shutil.copytree(run, bare, ignore=shutil.ignore_patterns("adapter"))
    source, reason = demo.open_source(bare)
    assert source.recorded and "adapter_model.safetensors is missing" in reason


def test_a_model_without_an_adapter_is_refused():
    from kit.models import load

    with pytest.raises(runs.KitError, match="without an adapter"):
        demo.ModelPair(load("tiny_omni"))


# the run as the demo reads it


def test_samples_find_their_files_beside_the_run(exhibit, folder):
    assert exhibit.media == folder and len(exhibit.samples) == 40
    assert all(exhibit.complete(sample) for sample in exhibit.samples.values())


def test_offered_samples_are_not_in_blocks_of_one_answer(exhibit):
    answers = [sample.answer for sample in list(exhibit.samples.values())[:SHOWN]]
    assert len(set(answers)) >= 3 and answers != sorted(answers)


def test_an_id_that_tells_the_answer_is_not_shown(exhibit):
    first, second = list(exhibit.samples.values())[:2]
    telling = {sample.id: sample for sample in (first.replace(id="dent/0001", answer="dent"), second)}
    told = demo.Exhibit(exhibit.run, exhibit.record, [], {}, exhibit.predictions, telling, exhibit.media)
    assert told.shown_id(telling["dent/0001"]) == "No. 1" and told.shown_id(second) == second.id


def test_a_run_that_names_files_elsewhere_shows_none_of_them(run, folder, tmp_path):
    rows = runs.read_predictions(run)
    (tmp_path / "secret.jpg").write_bytes((folder / "images" / "p000.jpg").read_bytes())
    rows["image"] = "../" * 12 + str(tmp_path / "secret.jpg").lstrip("/")
    assert runs.evidence_folder(run, runs.read(run), rows) is None


def test_an_unfinished_run_is_refused_in_one_line(tmp_path):
    with pytest.raises(runs.KitError, match="no finished run"):
        demo.build_demo(tmp_path)


# a visitor


def test_the_truth_is_hidden_until_the_models_have_answered(desk):
    view = desk.first_view()
    before = desk.panel(view, "en") + desk.outcome(view, "en")
    after = desk.outcome(desk.answered(view, ""), "en")
    assert "True answer" not in before and 'id="truth"' not in before
    assert 'id="truth"' in after and re.search(r"chip (right|wrong)", after)


def test_picking_another_sample_takes_the_answer_away(desk):
    answered = desk.answered(desk.first_view(), "")
    other = desk.offered(answered)[3].id
    assert desk.pick(answered, other).answer is None and desk.pick(answered, other).held == other


def test_turning_pages_shows_every_sample_once_and_comes_round(desk):
    view, seen = desk.first_view(), []
    for _ in range(-(-40 // SHOWN)):
        seen += [sample.id for sample in desk.offered(view)]
        view = desk.turn_page(view)
    assert sorted(seen) == sorted(desk.exhibit.samples) and view.page == 0


def test_a_bad_upload_is_one_sentence_and_good_files_stay(desk, tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "part.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0" + b"x" * 50)
    view = desk.add_files(desk.first_view(), [str(tmp_path / "part.png"), str(tmp_path / "broken.jpg")])
    shown = desk.outcome(view, "en")
    assert [kind for kind, _ in view.files] == ["image"]
    assert "broken.jpg is damaged" in shown and "Traceback" not in shown and shown.count("<p") == 1


def test_a_newer_photo_takes_the_place_of_the_older_one(desk, tmp_path):
    for name in ("one.png", "two.png"):
        Image.new("RGB", (64, 64)).save(tmp_path / name)
    view = desk.add_files(desk.first_view(), [str(tmp_path / "one.png")])
    assert desk.add_files(view, [str(tmp_path / "two.png")]).files == (("image", str(tmp_path / "two.png")),)
    desk.most["image"] = 2
    assert len(desk.add_files(view, [str(tmp_path / "two.png")]).files) == 2


def test_a_failure_nobody_foresaw_is_one_sentence_too(desk, caplog):
    class Broken(demo.Recordings):
        def answer(self, sample, stop):
            raise RuntimeError("shape mismatch at /secret/place")

    desk.receive(Broken(desk.exhibit.predictions))
    shown = desk.outcome(desk.answered(desk.first_view(), ""), "en")
    assert "something failed" in shown and "secret" not in shown and "shape mismatch" in caplog.text


def test_who_comes_while_another_is_answered_is_told_to_wait(desk):
    going_on = threading.Event()
    others = [desk.counter.line.join(lambda stop: going_on.wait(30)) for _ in range(2)]
    _, first = next(desk.ask(desk.first_view(), "", "en"))
    assert "2 questions come before yours" in first
    others[1].stop()
    _, first = next(desk.ask(desk.first_view(), "", "en"))
    assert "Yours comes next" in first
    going_on.set()
    assert others[0].result()
    _, first = next(desk.ask(desk.first_view(), "", "ja"))
    assert "モデルが答えています" in first


def test_a_name_from_outside_is_text_and_never_markup(desk):
    sample = next(iter(desk.exhibit.samples.values())).replace(text="<script>alert(1)</script>")
    shown = panel(sample, '"><img src=x>', "en")
    assert "<script>" not in shown and "<img src=x>" not in shown


# uploads


def test_files_are_known_by_their_content(tmp_path):
    wave = np.sin(np.arange(16000) / 20).astype(np.float32)
    made = {}
    for name, form in (("a.txt", "PNG"), ("b.txt", "JPEG"), ("c.txt", "WEBP"), ("d.txt", "BMP")):
        Image.new("RGB", (40, 40)).save(tmp_path / name, form)
        made[name] = "image"
    for name, form in (("e.jpg", "WAV"), ("f.jpg", "FLAC"), ("g.jpg", "OGG")):
        soundfile.write(tmp_path / name, wave, 16000, format=form)
        made[name] = "audio"
    for name, content in (("h.jpg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"), ("i.png", b"%PDF-1.7"), ("j.mp4", b"PK\x03\x04"), ("k.wav", b"hello")):
        (tmp_path / name).write_bytes(content)
        made[name] = ""
    assert {name: kind_of(tmp_path / name) for name in made} == made


@pytest.mark.parametrize(
    "name, content, told",
    [
        ("empty.png", b"", "is empty"),
        ("list.csv", b"id,answer\n1,ok\n", "no photo, sound or video"),
        ("drawing.svg", b"<svg/>", "no photo, sound or video"),
        ("broken.png", b"\x89PNG\r\n\x1a\n" + b"0" * 40, "damaged and cannot be opened as a photo"),
        ("broken.wav", b"RIFF\x10\x00\x00\x00WAVEfmt ", "holds no sound"),
        ("broken.mp4", b"\x00\x00\x00\x18ftypisom" + b"0" * 40, "damaged or holds no sound"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_in_one_line(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(w.Refusal, match=told) as refused:
        checked(tmp_path / name)
    assert str(refused.value).startswith(name) and "\n" not in str(refused.value)
    assert JAPANESE.search(refused.value.text["ja"]) and str(tmp_path) not in refused.value.text["ja"]


def test_limits_of_size_length_and_number(tmp_path):
    soundfile.write(tmp_path / "long.wav", np.zeros(16000 * 31, np.float32), 16000)
    with pytest.raises(w.Refusal, match="lasts 31 s; at most 30 s"):
        checked(tmp_path / "long.wav")
    Image.new("RGB", (8, 200)).save(tmp_path / "tiny.png")
    with pytest.raises(w.Refusal, match="only 8 x 200 pixels"):
        checked(tmp_path / "tiny.png")
    Image.new("1", (10000, 9000)).save(tmp_path / "bomb.png")
    with pytest.raises(w.Refusal, match="more than 89 million pixels"):
        checked(tmp_path / "bomb.png")
    for name in ("one.png", "two.png"):
        Image.new("RGB", (64, 64)).save(tmp_path / name)
    pictures = [tmp_path / "one.png", tmp_path / "two.png"]
    with pytest.raises(w.Refusal, match="2 files of one kind .photo.; at most 1"):
        own_sample(pictures, "", *QUESTION)
    assert own_sample(pictures, "", *QUESTION, most={"image": 2}).image == tuple(pictures)
    with pytest.raises(w.Refusal, match="at most 2000"):
        own_sample([tmp_path / "one.png"], "x" * (MOST_LETTERS + 1), *QUESTION)


def test_a_note_alone_does_not_decide_a_question_about_a_photo(tmp_path):
    with pytest.raises(w.Refusal, match="decided by: photo"):
        own_sample([], "scratch near the edge", *QUESTION)


def test_a_model_that_cannot_hear_says_so(tmp_path):
    soundfile.write(tmp_path / "memo.wav", np.ones(16000, np.float32) / 2, 16000)
    with pytest.raises(w.Refusal, match="cannot take in a sound"):
        own_sample([tmp_path / "memo.wav"], "", *QUESTION, senses=("text", "image"))


def test_evidence_of_every_kind_is_shown(tmp_path):
    soundfile.write(tmp_path / "memo.flac", np.sin(np.arange(16000) / 9).astype(np.float32) / 2, 16000)
    Image.new("RGB", (64, 48), "red").save(tmp_path / "part.png")
    sample = own_sample([tmp_path / "memo.flac", tmp_path / "part.png"], "見た目は良好", *QUESTION)
    shown = panel(sample, "X", "en")
    assert 'alt="Photo of X"' in shown and "<audio" in shown and "見た目は良好" in shown
    assert small_picture(sample.without("image")).size == small_picture(sample).size == (224, 224)
    assert str(tmp_path) not in shown


# the built page


def spoken(page, language):
    """Every text that the page sets when the language changes, joined, without what belongs to the data."""
    view = page.desk.first_view()
    return "\n".join(str(value) for properties in page.texts(view, language).values() for value in properties.values())


def test_every_word_has_both_languages_and_none_is_forgotten(desk):
    import gradio

    with gradio.Blocks() as app:
        page = Page(app, desk, "en")
    english, japanese = spoken(page, "en"), spoken(page, "ja")
    own = " ".join(desk.exhibit.record["title"].values())
    data = desk.exhibit.record["question"]
    assert not JAPANESE.search(re.sub("data:[^\"]*", "", english).replace(own, "").replace("目視", ""))
    for text in vars(w).values():
        if isinstance(text, dict) and set(text) == {"en", "ja"} and text is not w.LANGUAGES:
            assert JAPANESE.search(text["ja"]) and not JAPANESE.search(text["en"]), text
    assert "質問する" in japanese and "デモ" in desk.top("ja") and data in japanese


def test_build_demo_makes_an_app_without_analytics_or_foreign_hosts(run, exhibit):
    app = demo.build_demo(run, demo.Recordings(exhibit.predictions), language="ja")
    assert app.title == "丸物部品の外観検査" and app.analytics_enabled is False
    config = str([component["props"] for component in app.get_config_file()["components"]])
    assert "質問する" in config and not re.search(r"https?://(?!127\.0\.0\.1|localhost)", re.sub("data:[^\"']*", "", config))
    look = CSS + str(theme()._get_theme_css()) + str(theme()._stylesheets) + str(theme()._font_css)
    # w3.org is the name space of drawings inside data URLs, not an address that is asked
    assert not re.search(r"https?://(?!www\.w3\.org/)|@import", look) and "Hiragino Sans" in look


def test_a_rehearsal_is_said_in_both_languages_and_has_no_money(folder, tmp_path):
    run = make_run(tmp_path / "run", folder, rehearsal=True)
    desk = Desk(demo.open_exhibit(run, media=folder), demo.Recordings(runs.read_predictions(run)), "no adapter in it")
    import gradio

    with gradio.Blocks() as app:
        page = Page(app, desk, "en")
    for language, words in (("en", ("Rehearsal", "No verdict", "Recorded answers", "no adapter in it")), ("ja", ("リハーサル", "判定なし", "記録した答え"))):
        head = desk.top(language) + page.texts(desk.first_view(), language)[page.head]["value"]
        assert all(word in head for word in words), language
        assert "yen" not in head and "円" not in head, "a rehearsal has no money"


def test_money_is_marked_as_example_where_it_is_one(desk):
    from poc.demo import cards

    told = cards.verdict(desk.exhibit.record, "en") + cards.verdict(desk.exhibit.record, "ja")
    assert "yen" in told and "example figures" in told and "金額は例" in told
    assert "example figures" not in cards.verdict(desk.exhibit.record | {"costs_are_examples": False}, "en")


def test_no_share_is_rounded_up_to_certainty(desk):
    from poc.demo import cards

    sample = next(iter(desk.exhibit.samples.values()))
    given = demo.Answer({"ok": 0.9996, "dent": 0.0004}, {"ok": 1.0, "dent": 0.0}, 0.1)
    shown = cards.result(given, sample, desk.exhibit, "en")
    assert "&gt;99%" in shown and "&lt;1%" in shown and ">100%<" in shown and ">0%<" in shown


# the served app


@pytest.fixture(scope="module")
def served(run, exhibit):
    app = demo.launch(run, wait=False, source=demo.Recordings(exhibit.predictions))
    yield app
    app.close()


def test_the_served_app_answers_through_its_client(served, exhibit):
    from gradio_client import Client

    assert served.local_url.startswith("http://127.0.0.1:") and served.share_url is None
    client = Client(served.local_url, verbose=False)
    assert list(client.view_api(return_format="dict")["named_endpoints"]) == ["/answer", "/samples", "/status"]
    sample = next(iter(exhibit.samples.values()))
    given = client.predict(sample_id=sample.id, api_name="/answer")
    assert given["truth"] == sample.answer and given["tuned"]["says"] in sample.options
    threshold = client.predict(api_name="/status")["threshold"]
    in_words = {"confidence": pytest.approx(max(given["tuned"]["probabilities"].values()), abs=1e-4), "decision": "answered" if given["confidence"] >= threshold else "abstained", "record": 1}
    assert given == reply(Desk(exhibit, demo.Recordings(exhibit.predictions)), sample.id) | in_words
    with pytest.raises(Exception, match="no held-out sample nowhere"):
        client.predict(sample_id="nowhere", api_name="/answer")
