"""Figures of what a model believes: right answers beside disturbing evidence, where an answer comes from, and how contradictions are told."""

import numpy as np

from kit.language import say
from kit.show.canvas import BLUE, GREY, INK, LINE, PALE, RED, SOFT, blank


def beside_evidence(table, names: dict[str, str] | None = None):
    """One line per perturbation: right answers with it (dot on its interval) and without it (tick); controls in grey.

    Args:
        table: of `kit.diagnosis.by_perturbation`.
        names: perturbation -> name to show; its own where it has none.
    """
    rows = table.sort_values(["control", "perturbed"], ascending=[True, False]).to_dict("records")
    figure, ax = blank(7.6, 0.3 * len(rows) + 1.0)
    for at, row in enumerate(rows):
        worse = row["lost_low"] > 0 and not row["control"]
        ax.plot([row["perturbed_low"], row["perturbed_high"]], [at, at], lw=6, solid_capstyle="round", color=GREY if row["control"] else PALE, zorder=2)
        ax.plot(row["perturbed"], at, "o", ms=6, color=SOFT if row["control"] else RED if worse else BLUE, zorder=3)
        ax.plot(row["clean"], at, "|", ms=14, mew=2, color=INK, zorder=3)
    ax.set_yticks(range(len(rows)), [(names or {}).get(row["perturbation"], row["perturbation"]) for row in rows])
    ax.set_xlim(0, 1)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    ax.set_xlabel(say("right answers; tick: without it, dot: with it", "正答率（縦線：添えないとき、点：添えたとき）"), color=SOFT)
    ax.grid(axis="x", color=LINE, lw=0.8)
    return figure


def evidence_map(picture, marks: np.ndarray, title: str = ""):
    """A picture, and beside it where its answer comes from: the pieces without which the answer loses most, in red.

    Args:
        picture: a PIL image.
        marks: (cells,) of `kit.diagnosis.importance`, a square grid row by row.
    """
    grid = round(len(marks) ** 0.5)
    figure, axes = blank(5.2, 2.8, 1, 2)
    for ax in axes:
        ax.imshow(picture)
        ax.set_axis_off()
    heat = np.clip(marks, 0, None).reshape(grid, grid)
    axes[1].imshow(heat, cmap="Reds", alpha=0.55, extent=(0, picture.width, picture.height, 0), vmin=0, vmax=max(float(heat.max()), 1e-6), interpolation="nearest")
    axes[0].set_title(title, fontsize=10, color=INK)
    axes[1].set_title(say("red: hidden, the answer loses most", "赤：隠すと回答が最も弱まる所"), fontsize=9, color=SOFT)
    return figure


def conflict_roc(roc: list, threshold: tuple[float, float] | None = None):
    """Caught contradictions over false alarms.

    Args:
        roc: [false alarms, caught], of the evidence of `kit.diagnosis.conflict`.
        threshold: (false alarms, caught) of the point that is used.
    """
    figure, ax = blank(3.8, 3.4)
    ax.plot(*roc, color=BLUE, lw=2)
    ax.plot([0, 1], [0, 1], color=GREY, lw=1, ls="--")
    if threshold:
        ax.plot(*threshold, "o", color=RED, mfc="white", mew=2, ms=8)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:.0%}")
    ax.set_xlabel(say("false alarms", "誤報"), color=SOFT)
    ax.set_ylabel(say("contradictions caught", "検知した食い違い"), color=SOFT)
    return figure
