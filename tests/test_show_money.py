"""Figures of money: what is drawn are the figures that were given, in both languages, without a missing glyph."""

import numpy as np
import pandas as pd
import pytest

from kit import show
from kit.language import LANGUAGES, speaking
from kit.show.money import amount

ROWS = [{"key": "integration", "low": 4e6, "high": 12e6, "npv_low": 9e6, "npv_high": -3e6, "swing": 12e6}, {"key": "passed", "low": 0.0005, "high": 0.0023, "npv_low": 7e6, "npv_high": 4e6, "swing": 3e6}]
OPTION = {"npv": {"value": 5e6, "low": -2e6, "high": 9e6}, "positive": 0.93, "distribution": {"edges": [-4e6, 0.0, 4e6, 1.2e7], "counts": [700, 5000, 4300]}}


def curve(level: float) -> pd.DataFrame:
    at = np.round(np.arange(0, 1.02, 0.01), 2)
    yen = level + 4e4 * (at - 0.6) ** 2
    return pd.DataFrame({"threshold": at, "yen": yen, "low": yen * 0.8, "high": yen * 1.2, "reviews": 1000 * at**4, "misses": 1.0, "false_alarms": 1.0})


@pytest.mark.parametrize("language", LANGUAGES)
def test_figures_of_money_are_drawn_in_both_languages(language):
    with speaking(language):
        for figure in (show.cost_over_thresholds({"このモデル": curve(2e4), "scikit-learn": curve(5e4)}, "unsure", 0.6), show.cost_over_thresholds({"x": curve(2e4).assign(reviews=0.0)}),
                       show.tornado(ROWS, {"integration": "システム組み込み"}, 5e6), show.npv_distribution({"このモデル": OPTION, "other": OPTION})):  # fmt: skip
            assert show.png(figure, dpi=40)[:4] == b"\x89PNG"


def test_a_tornado_goes_from_end_to_end_and_marks_where_it_becomes_a_loss():
    (ax,) = show.tornado(ROWS, {}, 5e6).axes
    ends = sorted({edge for bar in ax.patches for edge in (bar.get_x(), bar.get_x() + bar.get_width())})
    assert ends == [-3e6, 4e6, 5e6, 7e6, 9e6] and [line.get_xdata()[0] for line in ax.lines] == [5e6, 0]
    assert [text.get_text() for text in ax.texts] == ["0.00050", "0.0023", "4,000,000", "12,000,000"]


def test_losses_are_red_and_the_chosen_threshold_lies_on_its_curve():
    (ax,) = show.npv_distribution({"x": OPTION}).axes
    assert [bar.get_facecolor()[:3] == ax.patches[0].get_facecolor()[:3] for bar in ax.patches] == [True, False, False]
    cost, people = show.cost_over_thresholds({"x": curve(2e4), "y": curve(3e4)}, "unsure", 0.6).axes
    point = next(line for line in cost.lines if len(line.get_xdata()) == 1)
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (0.6, pytest.approx(2e4)) and people.get_ylim() == (0, 1.02)


@pytest.mark.parametrize(("value", "currency", "en", "ja"), [
    (44_270_029, "JPY", "¥44.3M", "4,427万円"), (-2_500_000, "JPY", "−¥2.5M", "−250万円"), (120_000_000, "JPY", "¥120M", "1.2億円"), (950, "JPY", "¥950", "950円"), (17_500, "EUR", "EUR 17.5k", "EUR 17.5k"), (0, "JPY", "¥0", "0円"),
])  # fmt: skip
def test_an_axis_says_amounts_short(value, currency, en, ja):
    with speaking("en"):
        assert amount(value, currency) == en
    with speaking("ja"):
        assert amount(value, currency) == ja
