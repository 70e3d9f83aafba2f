"""The figure of the question "how many labels?": a proxy curve, by random and by active selection, how it may go on, and the points that were really fine-tuned."""

from kit.language import say
from kit.show.canvas import BLUE, GREEN, PALE, SOFT, blank


def labels_and_kpi(proxy=None, real=None, kpi: str = "", active=None, ahead=None, threshold: float | None = None):
    """The KPI over the number of labels, on a logarithmic axis.

    Args:
        proxy: data frame with labels, value, low, high (`kit.evaluation.labels.label_curve` or `summary`), or None.
        real: the same columns, of models that were really fine-tuned, or None.
        kpi: its name.
        active: the same columns, of the proxy under active selection, or None.
        ahead: the same columns, foretold (`kit.curation.how_many.Forecast.ahead`), or None.
        threshold: the gate's, as a line across.
    """
    figure, ax = blank(6.6, 3.2)
    for table, colour, style, name in (
        (proxy, SOFT, "--", say("proxy: frozen features", "代用の目安（特徴固定）")),
        (active, GREEN, "--", say("proxy: active selection", "代用の目安（能動的な選択）")),
        (ahead, SOFT, ":", say("foretold", "予測")),
        (real, BLUE, "-", say("fine-tuned", "微調整")),
    ):
        if table is not None and len(table):
            ax.fill_between(table["labels"], table["low"], table["high"], color=PALE if colour == BLUE else colour, alpha=0.25, lw=0)
            ax.plot(table["labels"], table["value"], color=colour, ls=style, marker="o", ms=5, label=name)
    ticks = sorted({int(n) for table in (proxy, active, ahead, real) if table is not None for n in table["labels"]})
    if threshold is not None:
        ax.axhline(threshold, color=SOFT, lw=0.8)
    ax.set_xscale("log")
    ax.set_xticks(ticks, [f"{n:,}" for n in ticks], rotation=0 if len(ticks) < 9 else 40)
    ax.minorticks_off()
    ax.set_ylim(0, 1.02)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    ax.set_xlabel(say("labelled rows", "ラベル付きの件数"), color=SOFT)
    ax.set_ylabel(kpi, color=SOFT)
    ax.legend(frameon=False, fontsize=9, loc="lower right")
    return figure
