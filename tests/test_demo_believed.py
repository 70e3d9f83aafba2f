"""Which evidence an answer believed: the work of the lower rank in line, what may be marked and what is withheld, its pictures and words, and who waits for it; with the shipped model and the shipped run."""

import re
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from made_run import make_folder, make_run
from PIL import Image

pytest.importorskip("gradio", reason='needs demo: pip install "mllm-poc-kit[demo]"')

from kit.data import Sample  # noqa: E402
from kit.diagnosis import deletion_test  # noqa: E402
from kit.operations.audit_log import records_in  # noqa: E402
from poc import demo, runs  # noqa: E402
from poc.demo import believed_cards, cards  # noqa: E402
from poc.demo import believed_words as b  # noqa: E402
from poc.demo import words as w  # noqa: E402
from poc.demo.believed import Believed, Marked, marked_here, untested  # noqa: E402
from poc.demo.interface import reply  # noqa: E402
from poc.demo.ledger import Ledger, Visitor  # noqa: E402
from poc.demo.line import STOPPED, Line  # noqa: E402
from poc.demo.looking import Looking  # noqa: E402
from poc.demo.visit import Desk, View  # noqa: E402

JAPANESE = re.compile("[ぁ-んァ-ヶ一-龠]")


def diagnosed(gain: float, rows: int = 10, modality: str = "image") -> dict:
    """A diagnosis.json in which hiding marked pieces costs so many nats more than others, give or take one."""
    falls = pd.DataFrame({"id": [f"r{n}" for n in range(rows)], "group": [f"g{n}" for n in range(rows)], "marked": gain + np.linspace(-1, 1, rows), "random": 0.0})
    return {"rows": rows, "table": [], "worst": [], "findings": runs.in_both_languages(lambda: [deletion_test(falls, modality)]), "not_tested": {"en": [], "ja": []}}


@pytest.fixture(scope="module")
def pair():
    return demo.load_pair(runs.EXAMPLE)


@pytest.fixture(scope="module")
def passed():
    """The shipped run, as one whose marks on photos passed their test."""
    return replace(demo.open_exhibit(runs.EXAMPLE), diagnosis=diagnosed(3.0))


def first_with(pair, exhibit, fits) -> tuple[Sample, demo.Answer, Believed]:
    """The first held-out sample whose explanation fits, with its answer."""
    looking = Looking(exhibit, Line())
    for sample in list(exhibit.samples.values())[:40]:
        given = demo.answer(pair, sample)
        found = looking.begin(pair, sample, given).result()
        if fits(sample, found):
            return sample, given, found
    raise AssertionError("none of forty held-out samples is such a case")


@pytest.fixture(scope="module")
def outlined(pair, passed):
    return first_with(pair, passed, lambda sample, found: "image" in found.marked)


# the line


def test_a_question_comes_before_work_of_the_lower_rank_and_in_the_middle_of_its_piece():
    line, seen, at_work, asked = Line(), [], threading.Event(), threading.Event()

    def long_piece(turn):
        seen.append("long")
        at_work.set()
        asked.wait(10)
        turn()  # as the model does between its layers
        return "done"

    def work(turn):
        turn.tell("begun")
        first = yield lambda stop: seen.append("short") or 1
        second = yield long_piece
        return first, second

    later = line.follow(work)
    assert at_work.wait(10) and later.parts == ["begun"]
    question = line.join(lambda stop: seen.append("question") or "answered")
    asked.set()
    assert question.result() == "answered" and later.result() == (1, "done")
    assert seen == ["short", "long", "question", "long"], "the piece gave way, and was done again"
    assert len(line) == 0 and not line.after


def test_work_of_the_lower_rank_has_a_bound_a_limit_of_time_and_can_be_stopped():
    line, going_on = Line(most_after=2, longest_after=0.4), threading.Event()
    question = line.join(lambda stop: going_on.wait(20))

    def work(turn):
        return (yield lambda stop: "done")

    first, second = line.follow(work), line.follow(work)
    with pytest.raises(w.Refusal, match="Many people are asking just now"):
        line.follow(work)
    second.stop()
    with pytest.raises(w.Refusal) as refused:
        second.result()
    assert refused.value.text is STOPPED
    with pytest.raises(w.Refusal, match="Many people are asking just now"):
        first.result()
    assert not line.after
    going_on.set()
    assert question.result() and line.follow(work).result() == "done"


def test_a_closed_line_leaves_the_model_at_once():
    line, at_work = Line(), threading.Event()

    def endless(turn):
        at_work.set()
        while True:
            turn()
            time.sleep(0.01)

    turn = line.join(endless)
    assert at_work.wait(10)
    began = time.monotonic()
    line.close()
    assert time.monotonic() - began < 4 and turn.stopped and line._thread is None


def test_an_error_in_a_piece_ends_that_work_only():
    line = Line()

    def broken(turn):
        yield lambda stop: 1 / 0

    with pytest.raises(ZeroDivisionError):
        line.follow(broken).result()
    assert line.join(lambda stop: 1).result() == 1


# the base model's answer comes first


def test_the_base_model_is_shown_first_and_the_tuned_one_when_it_is_in_the_log(pair, tmp_path):
    folder = make_folder(tmp_path / "parts", rows=12)
    exhibit = demo.open_exhibit(make_run(tmp_path / "runs" / "made" / "20261122-093000", folder))
    ledger, going_on = Ledger(exhibit), threading.Event()
    desk, asked = Desk(exhibit, pair, ledger=ledger), []

    def second_question_waits(*_):  # the first forward passes are the base model's, whose adapter is off
        if not pair.loaded.model.base_model.model.get_submodule(lora).disable_adapters:
            going_on.wait(20)

    lora = next(name for name, module in pair.loaded.model.base_model.model.named_modules() if hasattr(module, "disable_adapters"))
    hook = pair.loaded.model.register_forward_pre_hook(second_question_waits)
    try:
        for view, shown in desk.ask(desk.first_view(), "", "en"):
            asked.append(shown)
            if 'id="early"' in shown:
                assert view.answer is None and 'id="base-answer"' in shown and "The tuned model is answering" in shown and 'id="tuned-answer"' not in shown
                assert "True answer" not in shown and "chip" not in shown, "right or wrong would tell the truth"
                assert not ledger.log.path.is_file(), "and nothing of the tuned one is known yet"
                going_on.set()
    finally:
        going_on.set()
        hook.remove()
    assert sum('id="early"' in shown for shown in asked) >= 1 and 'id="tuned-answer"' in asked[-1]
    assert [record.kind for record in records_in(ledger.log.path)] == ["answer"]


def test_the_answer_stands_in_words_and_its_confidence_beside_the_bars(pair, passed, outlined):
    ledger = Desk(passed, pair).threshold
    sample, given, _ = outlined
    page, japanese = (cards.result(given, sample, passed, language, None, ledger, "In words & all.") for language in ("en", "ja"))
    assert '<p class="in-words" id="in-words">In words &amp; all.</p>' in page
    sure = ledger.confidence(given.tuned)
    assert f"Calibrated confidence <b>{w.safe(cards.percent(sure))}</b> (temperature {ledger.heat:.2f})" in page and "校正後の確信度" in japanese
    assert ledger.heat != 1 and sure < max(given.tuned.values()), "the shipped run was too sure of itself"
    raw = cards.result(given, sample, passed, "en", None, replace(ledger, heat=1.0, promised=False))
    assert "not calibrated: the highest bar" in raw
    assert desk_says(pair, passed, sample).count('id="in-words"') == 1 and "The tuned model says" in desk_says(pair, passed, sample)


def desk_says(pair, exhibit, sample) -> str:
    desk = Desk(exhibit, pair)
    return desk.outcome(desk.answered(View(held=sample.id), ""), "en")


# what may be marked


def test_marks_are_withheld_where_the_runs_own_test_did_not_pass(pair, passed, outlined):
    exhibit, sample, given, _ = passed, *outlined
    cases = {
        "not measured for this run": {}, "only for evidence that should decide": diagnosed(3.0, modality="audio"), "did not pass their test": diagnosed(0.02), "tested on only 1 cases": diagnosed(3.0, rows=1),
        "had too few parts": diagnosed(3.0, modality="audio"),
    }  # fmt: skip
    for english, diagnosis in cases.items():
        shown = replace(exhibit, diagnosis=diagnosis)
        why = untested(shown, "text" if "only for" in english else "image")
        assert english in why["en"] and JAPANESE.search(why["ja"])
    assert untested(exhibit, "image") is None
    refused = Looking(replace(exhibit, diagnosis=diagnosed(0.02)), Line()).begin(pair, sample, given).result()
    assert not refused.marked and "image" in refused.unmarked and "image" in refused.without, "how much it contributes needs no map"
    page = believed_cards.card(refused, sample, "en")
    assert "<img" not in page and "No parts of the photo are marked" in page and re.search(r"left \d+% of the answer&#x27;s share", page)


def test_marks_are_withheld_where_they_matter_no_more_than_others_in_this_answer(pair, passed):
    found = Believed("ok", 0.9, {"image": (1.0, 0.33)})
    marked, why = marked_here(np.arange(36.0), 0.5, 0.45, found)
    assert marked is None and "55%" in why["en"] and "57%" in why["en"]
    marked, why = marked_here(np.arange(36.0), 0.55, 0.44, found)
    assert why is None and marked == Marked((31, 32, 33, 34, 35), 36, 0.55, 0.44)
    sample, _, seen = first_with(pair, passed, lambda sample, found: "image" in found.unmarked)
    assert "matter no more than others" in seen.unmarked["image"]["en"] and "<img" not in believed_cards.card(seen, sample, "en")


def test_a_note_that_lies_has_its_contribution(pair, passed):
    """Of the shipped run's lying notes there is one that costs the answer something, whether it is followed or not."""
    from poc.demo.tour import named_in

    lies = [sample for sample in passed.samples.values() if sample.text and len(named := named_in(sample.text, sample.options)) == 1 and named[0] != sample.answer][:12]
    assert lies
    told = [(sample, Looking(passed, Line()).begin(pair, sample, demo.answer(pair, sample)).result()) for sample in lies[:3]]
    for sample, found in told:
        page = believed_cards.card(found, sample, "en")
        assert set(found.without) == {"image", "text"} and 'data-modality="text"' in page and "without the note" in page
        assert found.without["text"][1] == pytest.approx(demo.answer(pair, sample.without("text")).tuned[found.said["en"]], abs=0.01)
    assert max(abs(found.without["text"][0]) for _, found in told) > 0.1


# words and pictures


def test_every_word_has_both_languages():
    texts = [text for name, value in vars(b).items() if name.isupper() for text in ([value] if isinstance(value, dict) and set(value) == {"en", "ja"} else value.values() if isinstance(value, dict) else value)]
    assert len(texts) > 30 and all(JAPANESE.search(text["ja"]) and not JAPANESE.search(text["en"]) for text in texts if text is not b.SPAN)


def test_sentences_say_which_way_the_share_goes():
    found = Believed("dent", 0.97, {"image": (1.14, 0.31), "text": (0.01, 0.96), "audio": (-0.4, 0.995)})
    assert believed_cards.sentence(found, "image") == {"en": "Without the photo the share of “dent” falls from 97% to 31%.", "ja": "写真を除くと、「dent」の割合は 97% から 31% に下がります。"}
    assert "hardly changes: 97%, then 96%" in believed_cards.sentence(found, "text")["en"] and "rises from 97% to >99%" in believed_cards.sentence(found, "audio")["en"]


def test_the_photo_has_the_marked_cells_outlined_and_the_rest_faded(pair, passed, outlined):
    sample, _, found = outlined
    plain = Image.new("RGB", (720, 720), (250, 40, 40))
    drawn = np.asarray(believed_cards.outlined(plain, (0, 7, 8)))
    assert drawn.shape == (720, 720, 3) and tuple(drawn[60, 60]) == (250, 40, 40), "a marked cell is as it was"
    faded = drawn[600, 600].astype(int)
    assert abs(faded - 128).max() < abs(np.array([250, 40, 40]) - 128).max() * 0.5
    line = drawn[180, 116:125].astype(int)  # between the cells 6 and 7
    assert line.max() == 255 and line.sum(1).min() < 200, "white within dark, whatever the photo's colours"
    assert (drawn[180, 236:244].astype(int) == drawn[180, 200]).all(), "no line between two marked neighbours"
    for language, place in (("en", "upper left"), ("ja", "左上")):
        assert believed_cards.places((0, 7, 8))[language].startswith(place)
    assert believed_cards.places((35, 0, 1))["en"] == "upper left, lower right"
    page = believed_cards.card(found, sample, "en")
    assert page.count("<img") == 1 and 'alt="The photo with the places that matter outlined: ' in page and "of 36 fields hidden" in page and "not whether it is right" in page
    assert "<details" in believed_cards.folded(found, sample, "ja") and "どの情報を信じたか" in believed_cards.folded(found, sample, "ja")


def test_sounds_films_and_notes_show_their_marked_pieces(tmp_path):
    import av

    soundfile.write(tmp_path / "memo.wav", np.sin(np.arange(64000) / 9).astype(np.float32) / 2, 16000)
    with av.open(str(tmp_path / "film.mp4"), "w") as file:
        stream = file.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for n in range(32):
            for packet in stream.encode(av.VideoFrame.from_ndarray(np.full((64, 96, 3), 8 * n, np.uint8), format="rgb24")):
                file.mux(packet)
        for packet in stream.encode():
            file.mux(packet)
    sample = Sample("s", "What is it?", ("ok", "dent"), audio=(tmp_path / "memo.wav",), video=(tmp_path / "film.mp4",), text="a <b>deep</b> dent here", decided_by=("audio", "video", "text"))
    marked = {"audio": Marked((3, 4, 9), 10, 1.0, 0.1), "video": Marked((0,), 8, 1.0, 0.1), "text": Marked((2,), 4, 1.0, 0.1)}
    found = Believed("dent", 0.9, {"audio": (1.0, 0.3), "video": (0.5, 0.5), "text": (0.4, 0.6)}, marked, whole=True)
    page, japanese = (believed_cards.card(found, sample, language) for language in ("en", "ja"))
    assert "in boxes: 1.2 to 2.0 s, 3.6 to 4.0 s." in page and "With the 3 marked of 10 spans silent (1.2 to 2.0 s, 3.6 to 4.0 s)" in page and "1.2～2.0 秒" in japanese
    assert re.search(r"Frames of the video with those that matter outlined: 0\.0 to 0\.\d s", page) and page.count("<img") == 2
    assert "a &lt;b&gt;deep&lt;/b&gt; <mark>dent</mark> here" in page and "<b>deep" not in page and "Without the 1 marked of 4 words (“dent”)" in page
    (tmp_path / "memo.wav").unlink()
    assert "not on this machine" in believed_cards.card(found, sample, "en"), "a file that is gone since costs its picture only"


# who waits


def test_parts_come_one_after_the_other_and_the_same_again_at_once(pair, passed, outlined):
    sample, given, found = outlined
    desk, calls = Desk(passed, pair), []
    view = View(held=sample.id, asked=sample, answer=given)
    hook = pair.loaded.model.register_forward_pre_hook(lambda *_: calls.append(1) and time.sleep(0.05))  # slow enough that each part is seen
    try:
        parts = list(desk.believe(view, "en", "page"))
        asked = len(calls)
        again = list(desk.believe(view, "ja", "other page"))
    finally:
        hook.remove()
    assert "is being looked at" in parts[0] and "Looking for the parts" in parts[1] and "<img" not in parts[1] and "Without the photo" in parts[1] and "<img" in parts[-1]
    assert len(again) == 1 and "写真を除くと" in again[0] and "<img" in again[0] and len(calls) == asked, "nothing is asked twice"
    assert not desk.looking.waiting("page") and not desk.counter.line.after
    folded = list(Desk(passed, pair).believe(view, "en", "page", fold=True))
    assert folded[-1].startswith("<details") and not any("<details" in part for part in folded[:-1])


def test_a_visitor_who_does_something_else_ends_it_and_nobody_elses(pair, passed, outlined):
    sample, given, _ = outlined
    desk, held = Desk(passed, pair), threading.Event()
    view = View(held=sample.id, asked=sample, answer=given)
    hook = pair.loaded.model.register_forward_pre_hook(lambda *_: held.wait(20) and None)
    try:
        mine, other = desk.believe(view, "en", "mine"), desk.believe(view, "en", "other")
        next(mine), next(other)
        assert desk.looking.waiting("mine") and len(desk.counter.line.after) == 2
        assert desk.looking.end("mine") and not desk.looking.end("mine")
        assert next(mine) is None and not desk.looking.waiting("mine"), "who ended it says what is shown"
        assert desk.looking.waiting("other")
        other.close()
        assert not desk.counter.line.after, "closing it ends it at the model"
    finally:
        held.set()
        hook.remove()


def test_two_visitors_at_the_same_time_get_their_own(pair, passed):
    desk = Desk(passed, pair)
    samples = list(passed.samples.values())[:2]
    views = [View(held=sample.id, asked=sample, answer=demo.answer(pair, sample)) for sample in samples]
    alone = [list(Desk(passed, pair).believe(view, "en", "alone"))[-1] for view in views]
    together: dict[int, str] = {}
    crowd = [threading.Thread(target=lambda n=n: together.update({n: list(desk.believe(views[n], "en", f"page {n}"))[-1]})) for n in range(2)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join(120)
    assert [together[0], together[1]] == alone and alone[0] != alone[1]


def test_where_it_fails_the_answer_stays_and_one_sentence_says_so(pair, passed, outlined, caplog):
    sample, given, _ = outlined
    desk = Desk(passed, pair)

    def broken(*_):
        raise ZeroDivisionError("at /secret/place")

    hook = pair.loaded.model.register_forward_pre_hook(broken)
    try:
        *_, last = desk.believe(View(held=sample.id, asked=sample, answer=given), "en", "page")
    finally:
        hook.remove()
    assert "could not be told: something failed" in last and "secret" not in last and "secret" in caplog.text
    busy = Desk(passed, pair, line=Line(most_after=0))
    (last,) = busy.believe(View(held=sample.id, asked=sample, answer=given), "en", "page")
    assert "Many people are asking just now" in last and "The answer above stays." in last


def test_recorded_answers_say_that_this_needs_the_model(passed):
    desk = Desk(passed, demo.Recordings(passed.predictions))
    view = desk.answered(desk.first_view(), "")
    (said,) = desk.believe(view, "en")
    assert "can only be asked of the model" in said and list(desk.believe(desk.first_view(), "en")) == [""]


def test_programs_get_it_where_they_ask_for_it(pair, passed, outlined):
    sample, given, found = outlined
    desk = Desk(passed, pair)
    assert "believed" not in reply(desk, sample.id)
    told = reply(desk, sample.id, visitor=Visitor(page="program"), explain=True)["believed"]
    assert told["contributions"]["image"]["share"] == pytest.approx(found.without["image"][1], abs=1e-4)
    assert told["marked"]["image"]["pieces"] == list(found.marked["image"].pieces) and told["marked"]["image"]["of"] == 36
    recorded = Desk(passed, demo.Recordings(passed.predictions))
    assert "recorded answers" in reply(recorded, sample.id, explain=True)["believed"]["why"]
    assert "Many people" in reply(Desk(passed, pair, line=Line(most_after=0)), sample.id, explain=True)["believed"]["why"]


def test_what_is_remembered_has_a_bound(pair, passed, outlined, monkeypatch):
    from poc.demo import looking as module

    monkeypatch.setattr(module, "KNOWN", 2)
    looking = Looking(replace(passed, diagnosis={}), Line())
    samples = list(passed.samples.values())[:3]
    for sample in samples:
        looking.begin(pair, sample, demo.answer(pair, sample)).result()
    assert [looking.known(pair, sample) is not None for sample in samples] == [False, True, True]
    gone = samples[2].replace(image=(Path("gone.png"),))
    assert looking.known(pair, gone) is None and looking.known(object(), samples[2]) is None, "of other evidence, or of another model"


def test_the_limit_of_time_that_was_asked_for_is_the_lines(passed):
    """An empty line is False to Python, and once gave way to one with the usual limits."""
    assert Desk(passed, demo.Recordings(passed.predictions), line=Line(longest=7.0)).counter.line.longest == 7.0
