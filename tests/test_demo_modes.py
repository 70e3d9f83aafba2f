"""The modes Show and Decide without a browser: by which rule the tour chooses, what it says, and whether the figures of Decide are those of the kit's cost curve, worked by hand."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_run import make_folder, make_run
from test_board import jargon_in

pytest.importorskip("gradio", reason='needs demo: pip install "mllm-poc-kit[demo]"')

import gradio as gr  # noqa: E402

from kit.data import Sample  # noqa: E402
from kit.evaluation.cost_curve import cost_curve  # noqa: E402
from poc import demo, runs  # noqa: E402
from poc.demo import believed_words, tour_cards, tour_words  # noqa: E402
from poc.demo.deciding import Decide, result_panel  # noqa: E402
from poc.demo.modes import Modes  # noqa: E402
from poc.demo.page import Page  # noqa: E402
from poc.demo.showing import Show, Stop  # noqa: E402
from poc.demo.tour import best, named_in, tour  # noqa: E402
from poc.demo.visit import Desk  # noqa: E402
from poc.demo.yen import PASS, Figures, Yen  # noqa: E402
from poc.threshold import Threshold, threshold_of  # noqa: E402
from poc.usecase import load_samples, load_usecase  # noqa: E402

JAPANESE = re.compile("[ぁ-んァ-ヶ一-龠]")


@pytest.fixture(scope="module")
def example():
    return demo.open_exhibit(runs.EXAMPLE)


@pytest.fixture(scope="module")
def shown(example):
    """Show on the shipped run with its recorded answers, and nothing written."""
    with gr.Blocks() as app:
        yield Show(app, Desk(example, demo.Recordings(example.predictions)), "en")


def walked(show: Show, language: str) -> dict[int, str]:
    """What each step says, as the events would have it."""
    stop, said = Stop(), {}
    said[1] = show._values(stop, language)[4]["value"]
    for step in range(2, 6):
        *_, values = show._go(1, stop, language) if step > 2 else show._guess(0, stop, language)
        stop = values[0]
        assert stop.step == step
        said[step] = values[1]["value"] + values[4]["value"]
    return said


# the rule


@pytest.mark.parametrize("note, options, named", [
    ("visual ok", ("ok", "dent"), ("ok",)), ("looks fine", ("ok", "dent"), ()), ("OK, no dent", ("ok", "dent"), ("ok", "dent")), ("外観は良品", ("良品", "不良"), ("良品",)), ("dents", ("dent",), ()), ("打痕(dent)", ("dent",), ("dent",)),
])  # fmt: skip
def test_a_note_names_an_option_by_its_own_word(note, options, named):
    assert named_in(note, options) == named


def test_the_tour_takes_the_first_case_that_fits_whoever_is_right(tmp_path):
    """Five cases by hand: which are shown does not change when the model's answers become right or wrong."""
    rows = [("a", "ok", "", 0.9), ("b", "dent", "dent here", 0.9), ("c", "dent", "visual ok", 0.6), ("d", "ok", "a dent", 0.9), ("e", "ok", "", 0.55)]
    (tmp_path / "p.jpg").write_bytes(b"x")
    samples = {name: Sample(name, "?", ("ok", "dent"), answer, image=(tmp_path / "p.jpg",), text=note, decided_by=("image",)) for name, answer, note, _ in rows}

    def made(right: bool):
        table = []
        for name, answer, _, share in rows:
            said = answer if right else {"ok": "dent", "dent": "ok"}[answer]
            shares = {option: share if option == said else 1 - share for option in ("ok", "dent")}
            table += [{"id": name, "split": "test", "arm": arm, "condition": "as_is", "answer": answer, "predicted": said, "probabilities": shares} for arm in ("base", "tuned")]
        record = {"data": {"hash": "x"}, "model": {"name": "m"}}
        return tour(demo.Exhibit(tmp_path, record, [], {}, pd.DataFrame(table), samples, tmp_path), Threshold(0.7))

    for right in (True, False):
        found = made(right)
        assert [sample.id for sample in found.guess] == list("abcde")
        assert (found.lies.first.id, found.lies.names, found.lies.n) == ("c", "ok", 2) and found.lies.others == {}
        assert (found.lies.followed, found.lies.right) == ((0, 2) if right else (2, 0))
        assert (found.unsure.first.id, found.unsure.n, found.unsure.of) == ("c", 2, 5)
        assert (found.unsure.wrong, found.unsure.wrong_kept) == ((0, 0) if right else (2, 3))


def test_the_shipped_run_is_shown_beside_the_shipped_model_that_saw_every_note(example):
    found = tour(example, threshold_of(example.record, example.predictions))
    assert list(found.lies.others) == ["trusting", "cured"] and all(other["n"] == found.lies.n == 36 and set(found.lies.named) <= set(other["answers"]) for other in found.lies.others.values())
    lies = found.lies
    assert lies.picked and lies.others["trusting"]["answers"][lies.first.id] == lies.names != lies.first.answer, "it shows a note that is followed"
    assert (lies.others["trusting"]["followed"], lies.others["cured"]["followed"], lies.others["cured"]["right"]) == (13, 0, 31), "as docs/decisions.md and the README tell"
    desk = Desk(example, demo.Recordings(example.predictions))
    for language, told in (("en", "picked because the first machine follows"), ("ja", "メモに従った事例を選んで")):
        assert told in tour_cards.lying(desk.answered(replace(desk.first_view(), held=lies.first.id), ""), lies, example, False, language)
    other = replace(example, record=example.record | {"data": example.record["data"] | {"hash": "another folder"}})
    assert tour(other, threshold_of(example.record, example.predictions)).lies.others == {}
    tuned = example.predictions.query("arm == 'tuned' and condition == 'as_is' and split == 'test'").set_index("id")["probabilities"]
    assert found.unsure.n == sum(threshold_of(example.record, example.predictions).confidence(shares) < example.record["abstention"]["threshold"] for shares in tuned)
    assert sum(best(shares) != answer for shares, answer in zip(tuned, [example.samples[i].answer for i in tuned.index], strict=True)) == found.unsure.wrong + found.unsure.wrong_kept


def test_the_cases_of_lying_notes_are_none_that_the_shipped_models_were_taught(example):
    folder = runs.COMPANY / "inspection"
    split = load_samples(folder, load_usecase(folder), verify=False).by_split  # as benchmarks/cure.py and sample_data/make_lying_notes.py draw it
    taught = {sample.id for part in ("train", "validation") for sample in split[part]}
    lying = tour(example, threshold_of(example.record, example.predictions)).lies.named
    assert len(taught) > 900 and not taught & set(lying) and {sample.group for part in ("train", "validation") for sample in split[part]}.isdisjoint({example.samples[case].group for case in lying})


@pytest.mark.parametrize(("after", "told"), [(9, "cannot be told"), (1, "worked: 10 followed before it, 1 after it")])
def test_the_cure_is_said_to_work_only_where_the_same_cases_show_it(example, after, told):
    lies = tour(example, threshold_of(example.record, example.predictions)).lies
    answers = {"trusting": {case: named if n < 10 else "?" for n, (case, named) in enumerate(lies.named.items())}, "cured": {case: named if n < after else "?" for n, (case, named) in enumerate(lies.named.items())}}
    others = {name: {"n": 36, "followed": {"trusting": 10, "cured": after}[name], "right": 0, "answers": one} for name, one in answers.items()}
    desk = Desk(example, demo.Recordings(example.predictions))
    shown = tour_cards.lying(desk.answered(replace(desk.first_view(), held=lies.first.id), ""), replace(lies, others=others), example, False, "en")
    assert told in shown and shown.count("data-who=") == 4


def test_an_answer_to_an_older_position_of_a_slider_is_not_shown(example):
    with gr.Blocks() as app:
        decide = Decide(app, Desk(example, demo.Recordings(example.predictions)), "en")
    decide.opened, figures = True, [12000.0, 350.0, 50.0, 40000.0]
    newer, last = decide._follow(*figures, 0.3, "en", 7, 0)
    assert "At a threshold of 0.30" in newer and last == 7
    late, still = decide._follow(*figures, 0.9, "en", 6, last)
    assert late == still == gr.skip()


def test_nothing_of_a_question_comes_after_the_visitor_has_moved_on(example):
    """Whatever Gradio's own cancelling does, and when."""
    with gr.Blocks() as app:
        page = Page(app, Desk(example, demo.Recordings(example.predictions)), "en")
    view = page.desk.first_view()
    for move in (lambda: page._stop(view, "en"), lambda: page._pick(view, page.desk.offered(view)[1].id, "en"), lambda: page._clear(view, "en")):
        asking = page._ask(view, "", "en")
        next(asking)
        move()
        assert list(asking) == [] and not page.asking
    *_, (done, *_) = page._ask(view, "", "en")
    assert done.answer is not None and not page.asking


# what is said


def test_the_tour_is_in_plain_words_in_both_languages_and_short_enough(shown):
    for language in ("en", "ja"):
        said = {step: re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", text)) for step, text in walked(shown, language).items()}
        for step, text in said.items():
            assert jargon_in(text, language) == [], (language, step)
        minutes = len(" ".join(said.values()).split()) / 150 if language == "en" else len("".join(said.values())) / 350  # an unhurried reader
        assert minutes < tour_words.MINUTES - 3, "some time to look at the pictures and to talk"
        assert all((JAPANESE.search(text) is not None) == (language == "ja") for step, text in said.items() if step not in (3,))
    for name, text in [*vars(tour_words).items(), *vars(believed_words).items()]:  # which evidence it believed is told in the tour, too, but for one line of Try
        if isinstance(text, dict) and set(text) == {"en", "ja"} and name != "SHARE_OF":
            assert jargon_in(text["en"], "en") == jargon_in(text["ja"], "ja") == []


def test_what_the_tour_says_is_what_the_run_recorded(shown, example):
    said = walked(shown, "en")
    rows = example.predictions[(example.predictions["condition"] == "as_is") & (example.predictions["split"] == "test")].set_index(["id", "arm"])
    first = shown.tour.guess[0]
    for arm in ("base", "tuned"):
        assert f'<b>{rows.at[(first.id, arm), "predicted"]}</b>' in re.search(f'id="tour-{arm}".*?</article>', said[2]).group()
    assert f'id="tour-truth">{first.answer}<' in said[2] and 'data-recorded="true"' in said[2] and first.options[0] in re.search('id="tour-you".*?</article>', said[2]).group()
    tuned = next(row for row in example.record["results"] if (row["arm"], row["condition"]) == ("tuned", "as_is"))["accuracy"]
    assert f"and {np.floor(100 * tuned['low']):.0f} to {np.ceil(100 * tuned['high']):.0f} after" in said[2]
    assert "example figures, not yours" in said[5] and "¥" in said[5]


def test_a_run_that_cannot_show_a_step_says_so_and_acts_nothing(tmp_path):
    run = make_run(tmp_path / "run", make_folder(tmp_path / "parts", rows=40), rehearsal=True)
    exhibit = demo.open_exhibit(run, tmp_path / "parts")
    with gr.Blocks() as app:
        show, decide = Show(app, Desk(exhibit, demo.Recordings(exhibit.predictions)), "en"), Decide(app, Desk(exhibit, demo.Recordings(exhibit.predictions)), "en")
    assert tour_cards.lying(None, None, exhibit, False, "en").count("nothing is acted") == 1
    assert "would have asked nobody" in tour_cards.asking(None, replace(show.tour, unsure=None), exhibit, False, "en")
    worth = show._worth("en") + show._worth("ja")
    assert "rehearsal" in worth and "¥" not in worth and "円" not in worth
    assert not decide.sliders and "a run without a verdict says nothing about money" in decide._texts("en")[decide.money]["value"]


def test_every_mode_is_there_and_the_page_opens_in_the_tour(example):
    with gr.Blocks() as app:
        modes = Modes(app, Desk(example, demo.Recordings(example.predictions)), "ja")
    assert modes.mode.value == "show" and {"show", "try", "decide"} <= set(modes.names)
    for mode in modes.made.values():
        assert len(mode.translate("en")) == len(mode.parts)


# Decide


def by_hand(copies: int = 1, calibration: bool = False) -> Yen:
    """Two good and two bad cases, so often: at 0.5 one of each is judged wrongly."""
    rows = [("a", "ok", 0.9), ("b", "ok", 0.4), ("c", "bad", 0.6), ("d", "bad", 0.1)]
    table = pd.DataFrame([{"id": f"{name}{n}", "split": split, "arm": "tuned", "condition": "as_is" if split == "test" else split, "answer": answer, "predicted": "", "probabilities": {"ok": share, "bad": 1 - share}, "group": ""}
                          for split in (["test", "calibration"] if calibration else ["test"]) for n in range(copies) for name, answer, share in rows])  # fmt: skip
    record = {"costs": {"miss": 100.0, "false_alarm": 10.0, "ok_answer": "ok"}, "prevalence": {"ok": 0.9, "bad": 0.1}, "options": ["ok", "bad"], "verdict": {"decision": "go"}, "gates": {"confidence": 0.95}, "volume_per_month": 2000}
    return Yen(record, table)


def test_the_figures_are_those_worked_out_by_hand():
    """Per 1,000: 100 bad of which half are missed, 900 good of which half are refused: 50 x 100 + 450 x 10 = 9,500 yen; nobody looking costs 100 x 100. 2,000 a month save 1,000."""
    money = by_hand()
    told = money.tell(Figures(100, 10, 0.1, 2000, 0.5))
    assert (told.here["misses"], told.here["false_alarms"], told.here["yen"]) == pytest.approx((50, 450, 9500))
    assert told.against[PASS]["value"] == pytest.approx(1000) and told.decision == "grey", "four cases decide nothing"
    assert money.tell(Figures(100, 10, 0.2, 2000, 0.5)).here["yen"] == pytest.approx(100 * 100 + 400 * 10)
    assert by_hand(copies=20).tell(Figures(0, 10, 0.1, 2000, 0.01)).decision == "stop", "a miss that costs nothing and a model that calls everything bad"
    assert told.chosen_here and not by_hand(calibration=True).tell(Figures(100, 10, 0.1, 2000, 0.5)).chosen_here


def test_the_curve_is_that_of_the_kit_at_every_threshold(example):
    money = Yen(example.record, example.predictions)
    figures = replace(money.given, miss=5000, false_alarm=900, bad=0.2)
    told = money.tell(figures)
    tuned = example.predictions.query("arm == 'tuned' and condition == 'as_is' and split == 'test'")
    kit = cost_curve(tuned, money.costs(figures), money.shares(0.2), thresholds=told.curve["threshold"].to_numpy(), resamples=0)
    assert np.allclose(kit["yen"], told.curve["yen"]) and np.allclose(kit["misses"], told.curve["misses"])
    calibration = example.predictions.query("arm == 'tuned' and split == 'calibration'")
    assert set(calibration["group"]).isdisjoint(tuned["group"]) and not told.chosen_here
    assert sum(money.shares(0.2).values()) == pytest.approx(1) and money.shares(0.05) == pytest.approx(example.record["prevalence"])


def test_sliders_move_the_verdict_on_money_and_never_the_gates(example):
    with gr.Blocks() as app:
        decide = Decide(app, Desk(example, demo.Recordings(example.predictions)), "en")
    assert decide._moved(*[slider.value for slider in decide.sliders.values()], "en") == "", "nothing is computed before somebody looks"
    values = {name: slider.value for name, slider in decide.sliders.items()}
    dear = decide.look("decide", *values.values(), "en")
    cheap = decide._moved(*(values | {"bad": 0, "threshold": 0.01}).values(), "en")
    assert 'data-decision="go"' in dear and 'data-decision="stop"' in cheap
    assert "Not decided" in decide._texts("en")[decide.gates]["value"] and "example figures" in decide._texts("en")[decide.money]["value"]
    assert "この数字なら割に合います" in decide._moved(*values.values(), "ja")
    told = decide.yen.tell(decide.yen.given)
    assert f"{told.chosen['threshold']:.2f}" in result_panel(decide.yen, decide.yen.given, told, "en") and decide.yen.given.threshold == pytest.approx(told.chosen["threshold"])
    assert decide._moved(*(slider.preprocess(None) for slider in decide.sliders.values()), "en"), "an emptied box is no error"


def test_nothing_is_written_beside_the_program():
    """Gradio's metaclass would write a .pyi file for each subclass of a component."""
    from pathlib import Path

    from poc.demo import inputs

    assert not list(Path(inputs.__file__).parent.glob("*.pyi")) and inputs.Held(0, 10).preprocess(99) == 10 and inputs.Held(1, 10).preprocess(None) == 1
    assert inputs.Held(0, 10).get_block_name() == "slider" and inputs.Camera(sources=["webcam"]).get_block_name() == "image"
