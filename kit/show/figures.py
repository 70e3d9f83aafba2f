"""Figures of data and results. Each takes plain rows (those of run.json), returns a matplotlib Figure and saves nothing.

Samples are anything with id, image, text and answer: this room stands below kit.data and opens pictures itself.
"""

from pathlib import Path

from kit.language import say
from kit.show.canvas import BLUE, GREEN, GREY, INK, LINE, PALE, RED, SOFT, blank, png

__all__ = ["arms_with_intervals", "before_and_after", "confusion_matrix", "learning_curve", "png", "sample_grid", "yen_over_thresholds"]


def confusion_matrix(confusion: dict, title: str = ""):
    """Counts with the truth in rows, shaded by their share of the row.

    Args:
        confusion: {"labels": [...], "counts": [[...]]}.
    """
    labels, counts = confusion["labels"], confusion["counts"]
    size = max(3.4, 0.62 * len(labels) + 1.6)
    figure, ax = blank(size, size * 0.92)
    shares = [[n / sum(line) if sum(line) else 0 for n in line] for line in counts]
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, line in enumerate(counts):
        for j, n in enumerate(line):
            if n:
                colour = "white" if shares[i][j] > 0.55 else RED if i != j else INK
                ax.text(j, i, f"{n:,}", ha="center", va="center", fontsize=9, color=colour)
    ax.set_xticks(range(len(labels)), labels, rotation=0 if len(labels) < 6 else 40, ha="center" if len(labels) < 6 else "right")
    ax.set_yticks(range(len(labels)), labels)
    ax.spines[:].set_visible(False)
    ax.set_xlabel(say("answer", "答え"), color=SOFT)
    ax.set_ylabel(say("truth", "正解"), color=SOFT)
    ax.set_title(title, fontsize=11, color=INK)
    return figure


def arms_with_intervals(results: list[dict], metric: str = "macro_recall", threshold: float | None = None, names: dict[str, str] | None = None):
    """One line per arm and condition: the measured value on its interval, and the gate as a dashed line.

    Args:
        results: rows with arm, condition and {value, low, high} under `metric`.
        threshold: the gate's, or None.
        names: arm -> name to show; the arm's own where it has none.
    """
    figure, ax = blank(7.2, 0.42 * len(results) + 1.0)
    for at, row in enumerate(reversed(results)):
        found, tuned = row[metric], row["arm"] == "tuned"
        ax.plot([found["low"], found["high"]], [at, at], lw=7, solid_capstyle="round", color=PALE if tuned else GREY, zorder=2)
        filled = BLUE if tuned else SOFT
        ax.plot(found["value"], at, "o", ms=7, color=filled, mfc=filled if row["condition"] == "as_is" else "white", zorder=3)
        ax.annotate(f"{found['value']:.1%}", (1.02, at), xycoords=("axes fraction", "data"), va="center", fontsize=9, color=INK)
    label = lambda row: (names or {}).get(row["arm"], row["arm"]) + ("" if row["condition"] == "as_is" else say(" (without the note)", "（メモなし）"))  # noqa: E731
    ax.set_yticks(range(len(results)), [label(row) for row in reversed(results)])
    if threshold is not None:
        ax.axvline(threshold, color=RED, ls="--", lw=1.4, zorder=1)
    ax.set_xlim(0, 1)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    ax.grid(axis="x", color=LINE, lw=0.8)
    return figure


def before_and_after(results: list[dict], metric: str = "macro_recall", condition: str = "as_is"):
    """Base against tuned as two bars with their intervals."""
    rows = {row["arm"]: row[metric] for row in results if row["condition"] == condition}
    figure, ax = blank(3.6, 3.6)
    for at, (arm, colour) in enumerate((("base", GREY), ("tuned", BLUE))):
        found = rows[arm]
        reach = [[found["value"] - found["low"]], [found["high"] - found["value"]]]
        ax.bar(at, found["value"], 0.55, color=colour, yerr=reach, capsize=4, error_kw={"ecolor": INK, "lw": 1.2})
        ax.text(at, found["high"] + 0.02, f"{found['value']:.1%}", ha="center", fontsize=10, color=INK)
    ax.set_xticks([0, 1], [say("before", "微調整前"), say("after", "微調整後")])
    ax.set_ylim(0, 1.1)
    ax.set_yticks([0, 0.5, 1])
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    return figure


def yen_over_thresholds(curve, threshold: float | None = None, currency: str = "JPY"):
    """Expected cost of errors per 1,000 cases over the decision threshold, with its band, the cheapest point and the one looked at.

    Args:
        curve: from `kit.show.cost_curve`.
    """
    from kit.show.thresholds import at_threshold, cheapest

    figure, ax = blank(6.6, 3.4)
    ax.fill_between(curve["threshold"], curve["low"], curve["high"], color=PALE, alpha=0.5, lw=0)
    ax.plot(curve["threshold"], curve["yen"], color=BLUE, lw=2)
    best = cheapest(curve)
    ax.plot(best["threshold"], best["yen"], "o", color=BLUE, ms=8)
    if threshold is not None:
        here = at_threshold(curve, threshold)
        ax.plot(here["threshold"], here["yen"], "o", color=RED, mfc="white", ms=9, mew=2)
    ax.set_xlim(0, 1)
    ax.set_ylim(0)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.set_xlabel(say("called bad from this probability on", "この確率以上を不良と判定"), color=SOFT)
    ax.set_ylabel(say(f"{currency} per 1,000 cases", f"1,000 件あたりの費用（{currency}）"), color=SOFT)
    return figure


def learning_curve(history: list[dict], kpi: str = ""):
    """Training loss, and the KPI on validation cases where it was measured, over steps.

    Args:
        history: rows with step, loss and kpi (either may be None).
        kpi: its name.
    """
    figure, ax = blank(6.6, 3.2)
    losses = [(row["step"], row["loss"]) for row in history if row.get("loss") is not None]
    kpis = [(row["step"], row["kpi"]) for row in history if row.get("kpi") is not None]
    ax.plot(*zip(*losses), color=SOFT, lw=1.5, ls="--", label=say("training loss", "学習損失"))
    ax.set_ylim(0)
    ax.set_xlabel(say("step", "ステップ"), color=SOFT)
    lines = list(ax.lines)
    if kpis:
        right = ax.twinx()
        right.spines[["top", "left"]].set_visible(False)
        right.tick_params(length=0, labelsize=9)
        lines += right.plot(*zip(*kpis), color=BLUE, lw=2, marker="o", ms=4, label=kpi or "KPI")
        right.set_ylim(0, 1.02)
        right.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    ax.legend(handles=lines, frameon=False, fontsize=9, loc="center right")
    return figure


def sample_grid(samples, said: dict[str, str] | None = None, columns: int = 4):
    """Pictures with their truth, and what was said about them in green or red.

    Args:
        samples: with id, image (paths), text and answer; one without a picture shows its text.
        said: sample id -> answer of a model.
    """
    samples = list(samples)
    rows = -(-len(samples) // columns)
    figure, axes = blank(2.1 * columns, 2.5 * rows, rows, columns)
    for ax in axes.flat if rows * columns > 1 else [axes]:
        ax.set_axis_off()
    for ax, sample in zip(axes.flat if rows * columns > 1 else [axes], samples):
        if sample.image:
            ax.imshow(_picture(sample.image[0]))
        else:
            ax.text(0.5, 0.5, sample.text[:60] or sample.id, ha="center", va="center", wrap=True, fontsize=9, transform=ax.transAxes)
        answer = (said or {}).get(sample.id)
        caption = sample.answer if answer is None else f"{sample.answer} → {answer}"
        ax.set_title(caption or "?", fontsize=9, color=INK if answer is None else GREEN if answer == sample.answer else RED)
    return figure


def _picture(path: Path):
    """The picture, upright, at most 400 pixels."""
    from PIL import Image, ImageOps

    Image.init()
    allowed = [name for name in ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "HEIF") if name in Image.OPEN]  # never PostScript, which starts another program
    with Image.open(path, formats=allowed) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    picture.thumbnail((400, 400))
    return picture
