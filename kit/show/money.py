"""Figures of money: expected cost over thresholds with its band, what moves a net present value (tornado), and how it is spread over the draws."""

import math

import numpy as np

from kit.language import current, say
from kit.show.canvas import BLUE, GREEN, GREY, INK, LINE, PALE, RED, SOFT, blank


def cost_over_thresholds(curves: dict[str, object], review: str = "none", chosen: float | None = None, currency: str = "JPY"):
    """Expected cost per 1,000 cases over the threshold, with its interval, for one or several ways to decide; below it the cases that a person answers, where anybody does.

    Args:
        curves: name -> `kit.evaluation.cost_curve.cost_curve`; the first is the one that the chosen threshold belongs to.
        review: "none", "alarms" or "unsure", for the words on the axis.
        chosen: the threshold that calibration rows chose, marked on the first curve.
    """
    looks = any((curve["reviews"] > 0).any() for curve in curves.values())
    figure, axes = blank(6.8, 4.6 if looks else 3.4, rows=2 if looks else 1)
    cost, below = axes if looks else (axes, None)
    if looks:
        cost.get_gridspec().set_height_ratios([3, 1])
    top = 1.25 * max(float(curve["high"].quantile(0.8)) for curve in curves.values())
    for (name, curve), colour in zip(curves.items(), (BLUE, RED, GREEN), strict=False):
        cost.fill_between(curve["threshold"], curve["low"], curve["high"], color=colour, alpha=0.16, lw=0)
        cost.plot(curve["threshold"], curve["yen"], color=colour, lw=2, label=name)
        if looks:
            below.plot(curve["threshold"], curve["reviews"] / 1000, color=colour, lw=1.6)
    if chosen is not None:
        first = next(iter(curves.values()))
        here = first.iloc[int((first["threshold"] - chosen).abs().argmin())]
        cost.plot(here["threshold"], here["yen"], "o", color=BLUE, mfc="white", ms=9, mew=2)
        cost.annotate(say(f"chosen: {chosen:.2f}", f"選んだ値：{chosen:.2f}"), (here["threshold"], here["yen"]), xytext=(0, -17), textcoords="offset points", ha="center", fontsize=9, color=INK,
                      bbox={"fc": "white", "ec": "none", "alpha": 0.8, "pad": 1})  # fmt: skip
    cost.set_ylim(0, top)
    cost.yaxis.set_major_formatter(lambda value, _: amount(value, currency))
    cost.set_ylabel(say("per 1,000 cases", "1,000 件あたり"), color=SOFT)
    cost.grid(axis="y", color=LINE, lw=0.8)
    if len(curves) > 1:
        cost.legend(frameon=False, fontsize=9, loc="upper right")
    lowest = below if looks else cost
    if looks:
        below.set_ylim(0, 1.02)
        below.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        below.set_ylabel(say("to a person", "人に回る割合"), color=SOFT)
        below.set_xlim(0, 1.01)
    cost.set_xlim(0, 1.01)
    lowest.set_xlabel(say("a person answers below this share", "この割合未満は人が回答") if review == "unsure" else say("called bad from this probability on", "この確率以上を不良と判定"), color=SOFT)
    return figure


def tornado(rows: list[dict], names: dict[str, str], value: float, currency: str = "JPY", most: int = 10):
    """One bar per uncertain figure, widest first: the net present value between its two ends, all others as they are.

    Args:
        rows: roi.json's tornado ({"key", "low", "high", "npv_low", "npv_high"}), largest swing first.
        names: key -> name in the reader's language.
        value: the net present value where all are as they are.
    """
    rows = rows[:most]
    figure, ax = blank(7.6, 0.42 * len(rows) + 1.1)
    for at, row in enumerate(reversed(rows)):
        for end, colour in (("low", GREY), ("high", BLUE)):
            worth = row[f"npv_{end}"]
            ax.barh(at, worth - value, 0.62, left=value, color=colour, zorder=2)
            before = worth < value or (worth == value and end == "low")
            ax.annotate(_end(row[end]), (worth, at), xytext=(-4 if before else 4, 0), textcoords="offset points", ha="right" if before else "left", va="center", fontsize=8, color=SOFT)
    ax.set_yticks(range(len(rows)), [names.get(row["key"], row["key"]) for row in reversed(rows)])
    ax.axvline(value, color=INK, lw=1, zorder=3)
    _loss_line(ax, [worth for row in rows for worth in (row["npv_low"], row["npv_high"])])
    ax.margins(x=0.12)
    ax.xaxis.set_major_formatter(lambda worth, _: amount(worth, currency))
    ax.set_xlabel(say("net present value; grey: low end, blue: high end of the figure", "正味現在価値（灰：下限、青：上限のとき）"), color=SOFT)
    ax.grid(axis="x", color=LINE, lw=0.8, zorder=0)
    return figure


def npv_distribution(spreads: dict[str, dict], currency: str = "JPY"):
    """How the net present value is spread over the draws, one row per option, losses in red.

    Args:
        spreads: name -> roi.json's option, with npv {"value", "low", "high"}, positive and distribution {"edges", "counts"}.
    """
    figure, axes = blank(7.2, 1.5 * len(spreads) + 0.8, rows=len(spreads))
    ends = [edge for one in spreads.values() for edge in (one["distribution"]["edges"][0], one["distribution"]["edges"][-1])]
    for ax, (name, one) in zip(np.atleast_1d(axes), spreads.items(), strict=True):
        edges, counts, npv = np.array(one["distribution"]["edges"]), np.array(one["distribution"]["counts"]), one["npv"]
        middle = (edges[1:] + edges[:-1]) / 2
        ax.bar(middle, counts, np.diff(edges), color=[RED if worth < 0 else PALE for worth in middle], lw=0)
        ax.plot([npv["low"], npv["high"]], [0, 0], color=INK, lw=5, solid_capstyle="butt", clip_on=False, zorder=3)
        ax.plot(npv["value"], 0, "o", color="white", mec=INK, ms=7, clip_on=False, zorder=4)
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.set_title(name, loc="left", fontsize=10, color=INK)
        chance = "> 99 %" if one["positive"] > 0.99 else "< 1 %" if one["positive"] < 0.01 else f"{100 * one['positive']:.0f} %"
        ax.set_title(say(f"pays in {chance} of the computed cases", f"計算の {chance} で採算が取れる"), loc="right", fontsize=9, color=SOFT)
        ax.set_xlim(min(*ends, 0), max(*ends, 0))
        _loss_line(ax, ends)
        ax.xaxis.set_major_formatter(lambda worth, _: amount(worth, currency))
    np.atleast_1d(axes)[-1].set_xlabel(say("net present value; black: its interval", "正味現在価値（黒線：区間）"), color=SOFT)
    return figure


def amount(value: float, currency: str = "JPY") -> str:
    """An amount as an axis says it: short, three digits at most."""
    sign, size = "−" if value < 0 else "", abs(value)
    if currency == "JPY" and current() == "ja":
        unit, name = (1e8, "億円") if size >= 1e8 else (1e4, "万円") if size >= 1e4 else (1, "円")
        return f"{sign}{_digits(size / unit)}{name}"
    unit, name = (1e9, "B") if size >= 1e9 else (1e6, "M") if size >= 1e6 else (1e3, "k") if size >= 1e3 else (1, "")
    return f"{sign}{'¥' if currency == 'JPY' else currency + ' '}{_digits(size / unit)}{name}"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.2g}" if value < 10 else f"{value:.1f}".removesuffix(".0")


def _end(value: float) -> str:
    """A figure's end, in whatever unit it has: as many digits as tell it from its neighbour."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) >= 0.01 or value == 0 else f"{value:.{1 - math.floor(math.log10(abs(value)))}f}"


def _loss_line(ax, worths: list[float]) -> None:
    """Zero, where it can be seen between losses and gains."""
    if min(worths) < 0 < max(worths):
        ax.axvline(0, color=RED, ls="--", lw=1.2, zorder=1)
