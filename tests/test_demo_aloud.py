"""The demo's voice: what it says, one sentence after the other, that it stops, what a recording becomes; and that a machine without a voice loses nothing."""

import base64
import io
import re
import threading
import time

import numpy as np
import pytest
import soundfile
from made_run import make_folder, make_run

pytest.importorskip("gradio", reason='needs demo: pip install "mllm-poc-kit[demo]"')

from kit.errors import KitError  # noqa: E402
from kit.speech import Sound, split  # noqa: E402
from poc import demo  # noqa: E402
from poc.demo import aloud  # noqa: E402
from poc.demo.page import Page  # noqa: E402
from poc.demo.visit import Desk  # noqa: E402


@pytest.fixture(scope="module")
def exhibit(tmp_path_factory):
    folder = make_folder(tmp_path_factory.mktemp("company") / "parts", rows=40)
    return demo.open_exhibit(make_run(folder.parent / "runs" / "made" / "20261122-093000", folder))


class Tone:
    """A small real voice: a short tone."""

    language = "en"

    def say(self, text):
        if "percent" in text and "base" in text:
            raise KitError("the loudspeaker is broken")
        return Sound(np.sin(np.arange(800) / 9).astype(np.float32) / 2, 16000)


@pytest.fixture
def desk(exhibit):
    made = Desk(exhibit, demo.Recordings(exhibit.predictions))
    made.voices._opened = {"en": Tone(), "ja": Tone()}
    return made


def test_the_answer_is_said_in_whole_sentences_of_the_pages_language(desk):
    view = desk.answered(desk.first_view(), "")
    truth = view.asked.answer
    for language, told in (("en", "The tuned model says .*percent. The base model says .*percent. The true answer is"), ("ja", "微調整後のモデルの答えは、.*パーセントです。ベースモデルの答えは")):
        text = aloud.in_sentences(view.answer, truth, desk.exhibit, language)
        assert re.match(told, text) and truth in text and "{" not in text and len(split(text)) == 3
    assert "Nobody has told" in aloud.in_sentences(view.answer, "", desk.exhibit, "en")
    sure = demo.Answer({"ok": 1.0, "dent": 0.0}, {"ok": 0.999, "dent": 0.001}, 0.1)
    assert "100 percent" not in aloud.in_sentences(sure, "ok", desk.exhibit, "en")


def test_a_contradiction_and_a_rehearsal_are_said_too(desk):
    from dataclasses import replace

    finding = {"name": "conflict", "evidence": {"threshold": 0.5, "caught": 0.8, "false_alarms": 0.05}}
    told = replace(desk.exhibit, diagnosis={"findings": [finding]}, record=desk.exhibit.record | {"rehearsal": True})
    given = demo.Answer({"ok": 0.6, "dent": 0.4}, {"ok": 0.6, "dent": 0.4}, 0.1, conflict=0.7)
    assert "let a person look" in aloud.in_sentences(given, "ok", told, "en") and "リハーサル" in aloud.in_sentences(given, "ok", told, "ja")


def test_sentences_come_one_by_one_with_their_sounds_and_a_broken_one_keeps_its_words(desk):
    view = desk.answered(desk.first_view(), "")
    shown = list(desk.speak(view, "en"))
    assert len(shown) == 3 and ["<audio autoplay" in html for html in shown] == [True, False, True]
    assert "The voice failed at this sentence: the loudspeaker is broken" in shown[1] and "base model says" in shown[1]
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]+)", shown[0])[1])))
    assert rate == 16000 and len(samples) == 800 and "http" not in "".join(shown)


class Long(Tone):
    """A sound of a tenth of a second."""

    def say(self, text):
        return Sound(np.ones(1600), 16000)


THREE = "One is here. Two is here. Three is here."


def no_speech_threads() -> bool:
    until = time.perf_counter() + 5
    while any(thread.name.startswith("speech-") for thread in threading.enumerate()) and time.perf_counter() < until:
        time.sleep(0.01)
    return not any(thread.name.startswith("speech-") for thread in threading.enumerate())


def test_the_next_sentence_waits_until_the_one_before_has_been_played():
    began, at = time.perf_counter(), []
    for _ in aloud.play(THREE, Long(), "en", aloud.Listeners()):
        at.append(time.perf_counter() - began)
    assert len(at) == 3 and all(later - earlier >= 0.34 for earlier, later in zip(at, at[1:])), at


def test_a_click_ends_the_answer_of_this_visitor_and_of_nobody_else():
    listeners = aloud.Listeners()
    mine, theirs = (aloud.play(THREE, Long(), "en", listeners, visitor) for visitor in ("me", "they"))
    next(mine), next(theirs)
    listeners.end("me")
    assert list(mine) == [""] and len(list(theirs)) == 2
    listeners.end("me"), listeners.end("nobody")
    assert no_speech_threads()


def test_the_next_answer_takes_the_place_of_the_one_before():
    listeners = aloud.Listeners()
    first, second = aloud.play(THREE, Long(), "en", listeners, "me"), aloud.play(THREE, Long(), "en", listeners, "me")
    next(first)
    assert len(list(second)) == 3 and list(first) == [""] and no_speech_threads()


def test_closing_the_player_is_a_barge_in_too():
    playing = aloud.play(THREE, Tone(), "en", aloud.Listeners())
    next(playing)
    playing.close()
    assert no_speech_threads()


def test_without_a_voice_the_answer_stays_and_the_page_says_what_to_install(exhibit, monkeypatch):
    def missing(language):
        raise KitError('the Japanese voice needs pyopenjtalk-plus; run: pip install "mllm-poc-kit[voice]"')

    monkeypatch.setattr(aloud, "voice_for", missing)
    desk = Desk(exhibit, demo.Recordings(exhibit.predictions))
    view = desk.answered(desk.first_view(), "")
    (shown,) = desk.speak(view, "en")
    assert "cannot be spoken on this machine" in shown and "pyopenjtalk-plus" in shown and 'id="truth"' in desk.outcome(view, "en")


def test_nothing_is_said_unless_it_is_asked_for(desk):
    import gradio

    with gradio.Blocks() as app:
        page = Page(app, desk, "en")
    assert page.aloud.value is False and page.aloud.label == "Speak the answer"
    view = desk.answered(desk.first_view(), "")
    assert list(page._aloud(view, False, "en")) == [""] and len(list(page._aloud(view, True, "en"))) == 4
    assert list(desk.speak(desk.first_view(), "en")) == [], "nothing was asked yet"


def test_a_model_that_cannot_hear_is_not_offered_a_microphone(desk):
    assert not desk.hears  # recorded answers: no model


@pytest.fixture(scope="module")
def hearing(exhibit):
    """A desk whose model is loaded; which adapter it has does not matter here."""
    from kit.models import add_lora, load

    loaded = load("tiny_omni")
    loaded.model = add_lora(loaded.model, ["llm"], 4, seed=0)
    return Desk(exhibit, demo.ModelPair(loaded))


@pytest.fixture
def memo(tmp_path):
    soundfile.write(tmp_path / "memo.wav", np.sin(np.arange(48000) / 30) / 2, 48000)
    return str(tmp_path / "memo.wav")


def test_a_recording_is_evidence_where_the_visitor_says_so(hearing, memo):
    view, told = hearing.add_recording(hearing.first_view(), memo, as_question=False)
    assert hearing.hears and view.own and [kind for kind, _ in view.files] == ["audio"] and told == ""
    assert soundfile.info(view.files[0][1]).samplerate == 16000


def test_a_recording_is_the_question_where_there_is_one_only(hearing, memo):
    view, told = hearing.add_recording(hearing.first_view(), memo, as_question=True)
    assert view.own and view.question == next(iter(hearing.exhibit.questions)) and view.files == () and "one question" in told


def test_of_several_questions_the_model_says_which_it_understood(hearing, memo, monkeypatch):
    from dataclasses import replace

    first = next(iter(hearing.exhibit.samples.values()))
    other = first.replace(id="other", question="How large is the part?")
    monkeypatch.setattr(hearing, "exhibit", replace(hearing.exhibit, samples=hearing.exhibit.samples | {"other": other}))
    view, told = hearing.add_recording(hearing.first_view(), memo, as_question=True)
    assert "Understood as" in told and "聞き取りました" in told, "the page shows the one of its language, also when that changes later"
    assert view.question in (first.question, other.question) and view.question in told


def test_a_silent_recording_is_one_sentence(hearing, tmp_path):
    soundfile.write(tmp_path / "silent.wav", np.zeros(16000), 16000)
    view, told = hearing.add_recording(hearing.first_view(), str(tmp_path / "silent.wav"), as_question=True)
    assert "could not be used: nothing is to be heard" in told and view.answer is None
