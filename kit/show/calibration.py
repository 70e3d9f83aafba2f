"""Figures of calibration: the reliability diagram, and how many wrong answers are left when only the surest are given."""

from kit.language import say
from kit.show.canvas import BLUE, GREEN, GREY, LINE, PALE, RED, SOFT, blank


def reliability_diagram(tables: dict):
    """Accuracy over confidence, one line per entry; on the diagonal a probability can be taken at its word, below it the model is too sure of itself.

    Args:
        tables: name -> data frame with n, sure, right, low, high (`kit.evaluation.calibration.reliability`), e.g. before and after temperature scaling.
    """
    figure, ax = blank(4.8, 4.4)
    ax.plot([0, 1], [0, 1], color=GREY, lw=1, ls="--")
    for (name, table), colour in zip(tables.items(), (RED, BLUE, GREEN), strict=False):
        ax.vlines(table["sure"], table["low"], table["high"], color=colour, lw=2, alpha=0.35)
        ax.plot(table["sure"], table["right"], color=colour, marker="o", ms=5, lw=1.2, label=name)
    least = min([float(table["sure"].min()) for table in tables.values()] + [float(table["low"].min()) for table in tables.values()])
    start = max(0.0, 0.1 * int(10 * least))
    ax.set_xlim(start, 1.01)
    ax.set_ylim(start, 1.01)
    ax.set_aspect("equal")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:.0%}")
    ax.set_xlabel(say("confidence of the model", "モデルの確信度"), color=SOFT)
    ax.set_ylabel(say("right answers", "正答の割合"), color=SOFT)
    ax.legend(frameon=False, fontsize=9, loc="upper left")
    ax.text(0.98, 0.03, say("below the line: too sure", "線より下：自信過剰"), transform=ax.transAxes, color=SOFT, fontsize=9, ha="right")
    return figure


def risk_over_coverage(curve, area: dict, threshold: float | None = None, kept: float | None = None):
    """The share of wrong answers among those that are given, over the share of cases that are answered.

    Args:
        curve, area: of `kit.evaluation.abstention.risk_coverage`.
        threshold, kept: a threshold of the confidence and the share it answers, as a mark.
    """
    figure, ax = blank(5.6, 3.2)
    ax.fill_between(curve["coverage"], curve["low"], curve["high"], color=PALE, alpha=0.6, lw=0)
    ax.plot(curve["coverage"], curve["risk"], color=BLUE, lw=1.6)
    ax.axhline(area["random"], color=LINE, lw=1)
    ax.text(0.02, area["random"], say("if confidence said nothing", "確信度に意味がない場合"), color=SOFT, fontsize=9, va="bottom", transform=ax.get_yaxis_transform())
    if kept is not None:
        ax.axvline(kept, color=GREEN, lw=1)
        ax.text(kept, 1.0, say(f" threshold {threshold:.3g} ", f" しきい値 {threshold:.3g} "), color=GREEN, fontsize=9, va="top", ha="right" if kept > 0.6 else "left", transform=ax.get_xaxis_transform())
    ax.set_xlim(0, 1.01)
    ax.set_ylim(0, max(1.25 * area["random"], float(curve["high"].max()), 0.01))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:.0%}")
    ax.set_xlabel(say("cases that are answered, the surest first", "自動で答える割合（確信度の高い順）"), color=SOFT)
    ax.set_ylabel(say("wrong among them", "そのうちの誤答"), color=SOFT)
    return figure
