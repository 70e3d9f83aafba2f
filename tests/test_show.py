"""Figures that hold what they should, widgets that are moved without a browser, bars that stay quiet in logs."""

import re
import wave

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kit import show
from kit.data import Sample

RESULTS = [
    {"arm": arm, "condition": condition, "macro_recall": {"value": value, "low": value - 0.03, "high": value + 0.03}}
    for arm, condition, value in (("base", "as_is", 0.3), ("tuned", "as_is", 0.9), ("tuned", "without_text", 0.88))
]
COSTS = {"miss": 1000, "false_alarm": 100, "ok_answer": "ok"}


def answers():
    """Four ok parts and four bad ones with known probabilities of ok."""
    ok = [0.9, 0.8, 0.6, 0.4, 0.7, 0.3, 0.2, 0.1]
    return pd.DataFrame({"id": [str(i) for i in range(8)], "answer": ["ok"] * 4 + ["bad"] * 4, "group": [str(i) for i in range(8)],
                         "probabilities": [{"ok": p, "bad": 1 - p} for p in ok]})  # fmt: skip


def texts(figure):
    return [text.get_text() for text in figure.findobj(match=lambda artist: hasattr(artist, "get_text"))]


def test_a_bar_is_silent_in_a_log_and_shown_on_request(capsys, monkeypatch):
    monkeypatch.delenv("POC_PROGRESS", raising=False)
    assert list(show.progress(range(3), "learning")) == [0, 1, 2]
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("POC_PROGRESS", "1")
    assert list(show.progress(range(3), "学習")) == [0, 1, 2]
    assert "学習: 100%" in capsys.readouterr().err
    with show.progress(total=4, desc="steps", disable=True) as bar:
        bar.update(4)
    assert capsys.readouterr().err == ""


def test_cost_curve_by_hand():
    curve = show.cost_curve(answers(), COSTS)
    here = show.at_threshold(curve, 0.5)
    # at 0.5: of 4 ok parts one (P(ok) 0.4) is called bad, of 4 bad ones one (P(ok) 0.7) passes; each kind is half of the rows
    assert (here["misses"], here["false_alarms"], here["yen"]) == (125, 125, 125 * 1000 + 125 * 100)
    assert here["low"] <= here["yen"] <= here["high"]


def test_cost_curve_is_weighted_with_the_shares_of_production():
    here = show.at_threshold(show.cost_curve(answers(), COSTS, {"ok": 0.9, "bad": 0.1}), 0.5)
    assert here["misses"] == pytest.approx(25) and here["false_alarms"] == pytest.approx(225)


def test_the_cheapest_threshold_moves_with_the_price_of_a_miss():
    dear = show.cheapest(show.cost_curve(answers(), {"miss": 100_000, "false_alarm": 1, "ok_answer": "ok"}))
    cheap = show.cheapest(show.cost_curve(answers(), {"miss": 1, "false_alarm": 100_000, "ok_answer": "ok"}))
    assert dear["threshold"] <= 0.3 and dear["misses"] == 0
    assert cheap["threshold"] > 0.6 and cheap["false_alarms"] == 0


@pytest.mark.parametrize("costs", [None, {}, {"matrix": {"bad": {"ok": 5}}}, {"miss": None, "false_alarm": None, "ok_answer": None}])
def test_without_a_good_answer_there_is_no_curve(costs):
    assert show.cost_curve(answers(), costs) is None


def figures(samples=()):
    yield "confusion", show.confusion_matrix({"labels": ["ok", "傷"], "counts": [[8, 1], [0, 9]]}, "混同")
    yield "arms", show.arms_with_intervals(RESULTS, threshold=0.8, names={"tuned": "微調整後"})
    yield "bars", show.before_and_after(RESULTS)
    yield "yen", show.yen_over_thresholds(show.cost_curve(answers(), COSTS), 0.3)
    yield "learning", show.learning_curve([{"step": 1, "loss": 2.0, "kpi": None}, {"step": 2, "loss": 1.0, "kpi": 0.5}])
    if samples:
        yield "grid", show.sample_grid(samples, {samples[0].id: samples[0].answer})


@pytest.fixture
def samples(tmp_path):
    Image.new("RGB", (40, 30), (200, 40, 40)).save(tmp_path / "a.jpg")
    with wave.open(str(tmp_path / "b.wav"), "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(16000)
        file.writeframes(np.zeros(160, "int16").tobytes())
    question = "Which <b>defect</b>?"
    return [Sample("a", question, ("ok", "傷"), "傷", image=(tmp_path / "a.jpg",), text="<script>x</script>", group="L1"),
            Sample("b", question, ("ok", "傷"), "ok", audio=(tmp_path / "b.wav",))]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_figure_draws_in_both_languages_with_every_glyph(language, monkeypatch, samples):
    monkeypatch.setenv("POC_LANGUAGE", language)
    for name, figure in figures(samples):
        assert show.png(figure, dpi=40).startswith(b"\x89PNG"), name
    assert figure._repr_png_().startswith(b"\x89PNG")  # what a notebook shows


def test_a_glyph_that_no_font_has_is_an_error():
    figure = show.confusion_matrix({"labels": ["ok", "\U0001f9ff"], "counts": [[1, 0], [0, 1]]})
    with pytest.raises(ValueError, match="no font here has"):
        show.png(figure, dpi=40)


def test_figures_hold_their_numbers(samples):
    found = {name: texts(figure) for name, figure in figures(samples)}
    assert {"8", "1", "9"} <= set(found["confusion"])
    assert {"30.0%", "90.0%", "88.0%"} <= set(found["arms"]) and "微調整後" in found["arms"]
    assert "傷 → 傷" in found["grid"] and "ok" in found["grid"]


def test_drawing_leaves_no_open_figures_behind():
    for _ in figures():
        pass
    from matplotlib import pyplot

    assert pyplot.get_fignums() == []


def test_moving_the_threshold_changes_the_yen(monkeypatch):
    monkeypatch.setenv("POC_LANGUAGE", "en")
    widget = show.threshold_and_yen(answers(), COSTS)
    assert "137,500 JPY" in widget.view.value
    widget.slider.value = 0.9
    assert widget.view.value == show.yen_card(show.cost_curve(answers(), COSTS), 0.9) and "137,500" not in widget.view.value


def test_without_costs_the_widget_says_so():
    widget = show.threshold_and_yen(answers(), None)
    assert widget.slider.disabled and "No yen curve" in widget.view.value


def test_browsing_shows_the_sample_and_escapes_what_the_company_wrote(samples):
    widget = show.browse_samples(samples)
    assert "data:image/jpeg;base64," in widget.view.value and "&lt;script&gt;" in widget.view.value and "<script" not in widget.view.value
    widget.slider.value = 1
    assert widget.view.value == show.sample_card(samples[1]) and "data:audio/wav;base64," in widget.view.value
    assert not re.search(r"<b>defect", widget.view.value)


def test_browsing_nothing_is_possible():
    assert "no samples" in show.browse_samples([]).view.value

def staged():
    """A matrix of two stages and two kinds; the second stage forgets the first kind."""
    told = {"low": 0.7, "high": 0.9, "n": 40}
    later = {"change low": -0.4, "change high": -0.2, "forgotten high": 0.4}
    return pd.DataFrame([
        {"stage": "image", "kind": "pictures", "value": 0.8} | told, {"stage": "image", "kind": "speech", "value": 0.3} | told,
        {"stage": "audio", "kind": "pictures", "value": 0.5, "change": -0.3, "forgotten": 0.3, "forgotten low": 0.2} | told | later,
        {"stage": "audio", "kind": "speech", "value": 0.9, "change": 0.6, "forgotten": -0.6, "forgotten low": -0.7} | told | later,
    ])  # fmt: skip


@pytest.mark.parametrize(("language", "stage", "note"), [("en", "audio", "red frame: surely worse than after an earlier stage"), ("ja", "音声", "赤枠：前の段階より確かに低下")])
def test_the_matrix_of_stages_frames_what_was_forgotten(monkeypatch, language, stage, note):
    monkeypatch.setenv("POC_LANGUAGE", language)
    figure = show.stages_by_kind(staged(), {"speech": "speech"})
    found = texts(figure)
    assert {"80%", "50%", "-30 [-40, -20]", "pictures\nn = 40", stage, note} <= set(found)
    framed = [patch for patch in figure.axes[0].patches if patch.get_linewidth() == 2]
    assert [patch.get_xy() for patch in framed] == [(-0.48, 0.54)], "the forgotten cell, and no other"
    assert show.png(figure).startswith(b"\x89PNG")


def test_the_data_bill_has_a_curve_per_name_and_the_level_of_guessing(monkeypatch):
    monkeypatch.setenv("POC_LANGUAGE", "ja")
    figure = show.rows_needed([0, 50, 200], {"見える": ([0.3, 0.6, 0.9], [0.2, 0.5, 0.8], [0.4, 0.7, 1.0])}, chance=1 / 3)
    assert {"見える", "当て推量", "最後の段階のラベル付き行数"} <= set(texts(figure)) and show.png(figure)
