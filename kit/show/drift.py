"""The figure of a monitor: its charts over time, each with its limit, and where a change was planted."""

import numpy as np

from kit.language import say
from kit.show.canvas import BLUE, GREY, LINE, RED, SOFT, blank

_COLUMNS = 3


def control_charts(history, planted: int | None = None, names: dict[str, str] | None = None, most: int = 9):
    """Small charts of value (line) and limit (dashed) over the rows seen; looks over the limit are red dots, and the first of them is named.

    Args:
        history: of `kit.operations.Monitor`: seen, chart, value, limit, lower, over.
        planted: rows before a change that was planted, or None.
        names: chart -> its title (`kit.operations.control_charts.name_of_chart`); default: the chart.
        most: how many are drawn, those that alarm first, then those nearest to their limit.
    """
    charts = _first(history, most)
    rows = -(-len(charts) // _COLUMNS)
    figure, axes = blank(3.1 * _COLUMNS, 1.75 * rows + 0.5, rows, _COLUMNS)
    panels = list(np.atleast_1d(axes).flat)
    for ax, chart in zip(panels, charts, strict=False):
        part = history[history["chart"] == chart]
        rate = chart.startswith("p-chart")
        ax.plot(part["seen"], part["value"], color=BLUE, lw=1.6)
        for bound in ("limit", "lower"):
            ax.plot(part["seen"], part[bound], color=GREY, lw=1.2, ls="--")
        over = part[part["over"]]
        ax.scatter(over["seen"], over["value"], color=RED, s=16, zorder=3)
        if planted is not None:
            ax.axvline(planted, color=LINE, lw=5, zorder=0)
        low, high = min(part["value"].min(), part["limit"].min(), 0), max(part["value"].max(), part["limit"].max())
        ax.set_ylim(low - 0.05 * (high - low), high + 0.3 * (high - low))
        if rate:
            ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        ax.set_title((names or {}).get(chart, chart), fontsize=9, color=RED if len(over) else SOFT, loc="left")
        if len(over):
            ax.text(0.02, 0.97, say(f"alarm at row {over['seen'].iloc[0]:,}", f"{over['seen'].iloc[0]:,} 行目で警報"), transform=ax.transAxes, fontsize=8, color=RED, va="top")
        ax.locator_params(axis="y", nbins=4)
    for ax in panels[len(charts) :]:
        ax.set_visible(False)
    told = say("rows seen; dashed: the limit", "確認した行数。破線：管理限界")
    figure.supxlabel(told + (say(f"; grey bar: the planted change, after row {planted:,}", f"。灰色の縦線：{planted:,} 行目の後に変化を仕込んだ位置") if planted is not None else ""), fontsize=9, color=SOFT)
    return figure


def _first(history, most: int) -> list[str]:
    """Names of the charts worth a look, the most urgent first."""
    alarmed = history[history["over"]].groupby("chart")["seen"].min()
    near = (history["value"].abs() / history["limit"].abs().clip(lower=1e-12)).groupby(history["chart"]).max()
    order = sorted(near.index, key=lambda chart: (alarmed.get(chart, np.inf), -near[chart]))
    return order[:most]
