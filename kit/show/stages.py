"""Figures of progressive alignment: what each stage can do with each kind of evidence, and how many rows the last stage needs."""

import numpy as np

from kit.language import say
from kit.show.canvas import BLUE, GREY, INK, RED, SOFT, blank


def stages_by_kind(matrix, names: dict[str, str] | None = None):
    """A heat map, stages over kinds of evidence: accuracy, and below it the change against the stage before with its 95 % interval; framed in red where it is surely below an earlier stage.

    Args:
        matrix: `kit.training.stage_matrix.stage_matrix`, shares from 0 to 1.
        names: kind -> what stands above its column; default: the kind.
    """
    stages, kinds = list(dict.fromkeys(matrix["stage"])), list(dict.fromkeys(matrix["kind"]))
    figure, ax = blank(1.35 * len(kinds) + 1.8, 0.62 * len(stages) + 1.0)
    cells = matrix.set_index(["stage", "kind"])
    values = np.array([[cells.loc[(stage, kind), "value"] for kind in kinds] for stage in stages], float)
    ax.imshow(values, cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        cell, colour = cells.loc[(stages[row], kinds[column])], "white" if value > 0.62 else INK
        ax.text(column, row - 0.16, f"{value:.0%}", ha="center", va="center", fontsize=11, color=colour)
        if row:
            told = f"{100 * cell['change']:+.0f} [{100 * cell['change low']:+.0f}, {100 * cell['change high']:+.0f}]"
            ax.text(column, row + 0.22, told, ha="center", va="center", fontsize=7.5, color=colour)
            if cell["forgotten low"] > 0:
                ax.add_patch(_frame(column, row))
    ax.set_xticks(range(len(kinds)), [f"{(names or {}).get(kind, kind)}\nn = {int(cells.loc[(stages[0], kind), 'n'])}" for kind in kinds])
    ax.set_yticks(range(len(stages)), [_named(stage) for stage in stages])
    ax.xaxis.tick_top()
    ax.spines[:].set_visible(False)
    ax.set_xlabel(say("red frame: surely worse than after an earlier stage", "赤枠：前の段階より確かに低下"), fontsize=9, color=SOFT)
    return figure


def rows_needed(counts, curves: dict[str, tuple], chance: float | None = None):
    """The data bill: accuracy after a stage that had so many rows, with its interval as a band.

    Args:
        counts: rows, ascending.
        curves: name -> (values, lows, highs), shares from 0 to 1, one per count.
        chance: what guessing reaches.
    """
    figure, ax = blank(6.0, 3.4)
    for (name, (values, lows, highs)), colour in zip(curves.items(), (BLUE, RED, GREY), strict=False):
        ax.fill_between(counts, lows, highs, color=colour, alpha=0.15, lw=0)
        ax.plot(counts, values, color=colour, lw=2, marker="o", ms=4, label=name)
    if chance is not None:
        ax.axhline(chance, color=GREY, lw=1, ls="--")
        ax.text(max(counts), chance, say("guessing", "当て推量"), ha="right", va="bottom", fontsize=8, color=SOFT)
    ax.set_ylim(0, 1.02)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    ax.set_xlabel(say("labelled rows in the last stage", "最後の段階のラベル付き行数"), color=SOFT)
    ax.legend(frameon=False, fontsize=9, loc="lower right")
    return figure


def _frame(column: int, row: int):
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, fill=False, edgecolor=RED, lw=2)


def _named(stage: str) -> str:
    known = {"before": say("before", "開始前"), "image": say("image", "画像"), "audio": say("audio", "音声"), "video": say("video", "動画"), "all": say("all at once", "一括"), "together": say("together", "総合")}
    return known.get(stage, stage)
