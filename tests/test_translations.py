"""Questions and answers as people read them in their language: poc.yaml's translations, in the demo and in the report; the model, the log and programs keep the words of the data."""

import json
from dataclasses import replace

import pytest
from made_run import make_folder, make_run

from kit.errors import KitError
from poc import report, runs
from poc.report import charts
from poc.report.limits import limits
from poc.translations import read_as
from poc.usecase import check_usecase, load_usecase

JAPANESE = 'translations: {ja: {"Which defect does the part have?": どの不良ですか。, ok: 良品, scratch: 傷, dent: へこみ, stain: 汚れ, crack: ひび}}\n'
ANSWERS = ("ok", "scratch", "dent", "stain", "crack")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = make_folder(tmp_path_factory.mktemp("company") / "parts", rows=40)
    (made / "poc.yaml").write_text((made / "poc.yaml").read_text(encoding="utf-8") + JAPANESE, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def run(folder):
    return make_run(folder.parent / "run", folder)


def text_of(folder, yaml: str):
    (folder / "poc.yaml").write_text(yaml, encoding="utf-8")
    return folder


def test_a_word_without_a_translation_is_itself():
    record = {"translations": {"ja": {"ok": "良品"}}}
    assert read_as(record, "ok") == {"en": "ok", "ja": "良品"} and read_as(record, "dent") == {"en": "dent", "ja": "dent"}
    assert read_as({}, "ok") == {"en": "ok", "ja": "ok"}, "a run from before there were any"


@pytest.mark.parametrize(("given", "told"), [
    ("{ja: {ok: 良品, dent: 良品}}", "line 3: translations.ja.ok: '良品' is how 'dent' is read, too -> give each a wording of its own"),
    ("{ja: {ok: dent}}", "'dent' is how 'dent' is read, too"),
    ("{fr: {ok: bon}}", "line 3: translations"),
    ("{ja: {ok: ''}}", "line 3: translations"),
])  # fmt: skip
def test_words_that_nobody_could_tell_apart_are_refused(tmp_path, given, told):
    with pytest.raises(KitError) as error:
        load_usecase(text_of(tmp_path, f"question: Which?\noptions: [ok, dent]\ntranslations: {given}\n"))
    assert told in str(error.value)


def test_poc_check_finds_misspelt_words_and_rows_whose_answers_read_the_same(tmp_path):
    made = make_folder(tmp_path / "parts", rows=10)
    (made / "metadata.csv").write_text("\n".join(["id,image,question,options,answer,lot", *(f"p{i},images/p{i:03}.jpg,Where?,left|right,left,L{i}" for i in range(10))]), encoding="utf-8")
    plain = (made / "poc.yaml").read_text(encoding="utf-8")
    text_of(made, plain + "translations: {ja: {scrach: 傷, left: 左, right: 左, rust: 錆}}\n")
    lines, faults = check_usecase(made)
    told = "\n".join(lines)
    assert "translations.ja: 'scrach' is no question and no answer of the folder -> did you mean 'scratch'?" in told and "'rust' is no question and no answer of the folder -> delete it" in told
    assert "translations.ja.left: '左' is how 'right' is read, too" in told and len(faults) == 4
    text_of(made, plain + 'translations: {ja: {"Which defect does the part have?": どれ, "Where?": どれ}}\n')
    lines, faults = check_usecase(made)
    assert "'どれ' is how 'Where?' is read, too" in "\n".join(lines) and len(faults) == 2, "questions are chosen from, too"


def test_the_sample_company_reads_wholly_in_japanese():
    for name in ("inspection", "callcentre", "documents", "line"):
        use = load_usecase(runs.COMPANY / name)
        _, faults = check_usecase(runs.COMPANY / name, verify=False)
        read = use.translations["ja"]
        assert set(use.options) | {use.question} <= set(read) and not any(text.isascii() for text in read.values()) and not [fault for fault in faults if "translations" in fault.problem]
    assert runs.read(runs.EXAMPLE)["translations"] == load_usecase(runs.COMPANY / "inspection").translations


def test_the_report_says_answers_in_both_languages(run, folder):
    record = runs.read(run)
    page = report.write(run, folder=folder).read_text(encoding="utf-8")
    for answer in ANSWERS:
        assert f'<span class="en" lang="en">{answer}</span><span class="ja" lang="ja">{read_as(record, answer)["ja"]}</span>' in page
    assert "どの不良ですか。" in page
    row = next(row for row in record["results"] if row["arm"] == "tuned")
    assert charts.confusion(row, record)["labels"][0]["ja"] in ("良品", "ひび")
    rare = limits(record, row, 5)
    assert any("へこみ" in text["ja"] and "dent" in text["en"] and "へこみ" not in text["en"] for text in rare)


def test_every_view_of_the_demo_says_them_and_the_model_is_asked_in_its_own(run, folder):
    pytest.importorskip("gradio", reason='needs demo: pip install "mllm-poc-kit[demo]"')
    import gradio as gr

    from poc import demo
    from poc.demo import aloud, cards, practising, tour_cards, watched
    from poc.demo.answer_keys import AnswerKeys
    from poc.demo.interface import reply
    from poc.demo.page import Page
    from poc.demo.showing import Show
    from poc.demo.visit import Desk
    from poc.demo.working import Work

    exhibit = demo.open_exhibit(run, folder)
    sample = next(iter(exhibit.samples.values()))
    desk = Desk(exhibit, demo.Recordings(exhibit.predictions))
    view = desk.answered(replace(desk.first_view(), held=sample.id), "")
    said = replace(view.answer, alone={"image": ("dent", 0.7), "text": ("ok", 0.6)}, conflict=0.5, without={"beside": ("stain", 0.6)})
    turn = practising.Turn(sample.replace(answer="ok"), "dent", "crack", 3.0)
    for language, wanted, other in (("ja", ("良品", "傷", "へこみ", "汚れ", "ひび"), ANSWERS), ("en", ANSWERS, ("良品", "傷", "へこみ", "汚れ", "ひび"))):
        pages = [
            cards.result(said, sample, exhibit, language), cards.early(said.base, sample, exhibit, language), tour_cards.told(view, "dent", exhibit, desk.threshold, False, language),
            practising.panel(practising.Practice(0, (turn,)), exhibit, language, lambda: 0.0), practising.panel(practising.Practice(0, (turn,), over=True), exhibit, language), watched.errors_panel(exhibit, language),
            aloud.in_sentences(said, sample.answer, exhibit, language),
        ]  # fmt: skip
        for page in pages:
            words = page.replace(sample.text or "\0", "")
            assert any(word in words for word in wanted) and not any(f">{word}<" in words or f"“{word}”" in words or f"「{word}」" in words for word in other), page
        asked = cards.question(sample, exhibit, language)
        assert all(f"<li>{word}</li>" in asked for word in wanted)
        assert ("どの不良ですか。" in asked) == ("Which defect does the part have? (" in asked or "質問文：Which defect" in asked) == (language == "ja"), "the words that the model reads stand below"
    with gr.Blocks() as app:
        show, page, work = (made(app, desk, "ja") for made in (Show, Page, Work))
    assert [button.value for button in show.options] == ["1  良品", "2  傷", "3  へこみ", "4  汚れ", "5  ひび"] and show.translate("en")[1]["value"] == "1  ok"
    assert page.texts(desk.first_view(), "ja")[page.own_question]["choices"] == [("どの不良ですか。", exhibit.record["question"])]
    assert work.answer.choices == [("良品", "ok"), ("傷", "scratch"), ("へこみ", "dent"), ("汚れ", "stain"), ("ひび", "crack")]
    with gr.Blocks():
        keys = AnswerKeys("x")
    assert [one["value"] for one in keys.turned(exhibit.choices(("ok", "dent"), "ja"))[:3]] == ["1  良品", "2  へこみ", ""]
    named = sample.replace(id="良品-1")
    assert replace(exhibit, samples={named.id: named}).shown_id(named) == "No. 1", "an id that gives the answer away, in whichever language"
    told = reply(desk, sample.id)
    assert told["question"] == exhibit.record["question"] and set(told["tuned"]["probabilities"]) == set(ANSWERS), "programs get the words of the data"
    assert json.loads((run / "run.json").read_text(encoding="utf-8"))["options"] == list(ANSWERS)
