"""Figures of who looks at what: layers over kinds of keys, what is attended to in a photo, a sound or a video, and how text gains on media with depth.

Attention is no explanation by itself: the maps are for evidence whose deletion test is passed (`kit.diagnosis.is_shown`), and each says on its face what it shows.
"""

import numpy as np

from kit.language import say
from kit.show.canvas import BLUE, GREEN, GREY, INK, LINE, RED, SOFT, blank

_KINDS = ("first", "template", "question", "note", "image", "video", "audio")
_COLOURS = (BLUE, RED, GREEN, SOFT)


def attention_by_layer(table, measure: str = "aei", bare: bool = True, title: str = ""):
    """A heat map, layers over kinds of keys, mean over the samples; kinds that nobody has are left out.

    Args:
        table: data frame with layer, bare and "<measure> <kind>" (`kit.attention.Recorded.table`).
        measure: "aei" (1: as much attention as the number of tokens would give) or "share".
        bare: without the first token and the template.
    """
    shown = _means(table, measure, bare)
    figure, ax = blank(1.1 * len(shown.columns) + 2.2, 0.28 * len(shown) + 1.6)
    _heat(ax, shown, measure, _top(measure, shown))
    ax.set_title(title or _meaning(measure), fontsize=10, color=INK)
    return figure


def attention_before_and_after(before, after, measure: str = "aei", bare: bool = True, names: tuple[str, str] | None = None):
    """Two heat maps of one colour scale, as `attention_by_layer`.

    Args:
        before, after: tables, as there.
        names: what stands above them; default: before, after.
    """
    shown = [_means(table, measure, bare) for table in (before, after)]
    kinds = [kind for kind in _KINDS if any(kind in one.columns for one in shown)]
    figure, axes = blank(2.2 * len(kinds) + 2.6, 0.28 * len(shown[0]) + 1.9, 1, 2)
    for ax, one, name in zip(axes, shown, names or (say("before", "前"), say("after", "後")), strict=True):
        _heat(ax, one.reindex(columns=kinds), measure, _top(measure, *shown))
        ax.set_title(name, fontsize=11, color=INK)
    figure.supxlabel(_meaning(measure), fontsize=9, color=SOFT)
    return figure


def attention_over_layers(tables: dict, measure: str = "mdi", bare: bool = True):
    """How the balance goes on with depth: one line per table, the middle half of the samples as a band; on a logarithmic axis where the measure is a ratio.

    Args:
        tables: name -> table, as in `attention_by_layer`.
        measure: "mdi", "deficit", or a column such as "aei image".
    """
    figure, ax = blank(5.6, 3.4)
    for (name, table), colour in zip(tables.items(), _COLOURS * len(tables), strict=False):
        layers = table[table["bare"] == bare].dropna(subset=[measure]).groupby("layer")[measure]
        low, middle, high = (layers.quantile(share) for share in (0.25, 0.5, 0.75))
        ax.fill_between(middle.index, low, high, color=colour, alpha=0.15, lw=0)
        ax.plot(middle.index, middle, color=colour, lw=2, marker="o", ms=4, label=name)
    even = measure == "mdi" or measure.startswith("aei")
    if even:
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.yaxis.set_minor_formatter(lambda value, _: f"{value:g}")
        ax.axhline(1, color=GREY, lw=1, ls="--")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel(say("layer", "層"), color=SOFT)
    ax.set_ylabel({"mdi": say("attention: text / media token", "注意の比：文章／メディア"),
                   "deficit": say("gap of attention per token", "1 トークン当たりの注意の差")}.get(measure, measure), color=SOFT)  # fmt: skip
    ax.legend(frameon=False, fontsize=9)
    return figure


def attended_picture(picture, marks: np.ndarray, title: str = ""):
    """A picture, and beside it what the text attends to in it, in blue (red is kept for what was found by hiding: `evidence_map`).

    Args:
        picture: a PIL image.
        marks: (cells,) of `kit.diagnosis.attention_importance`, a square grid row by row.
    """
    grid = round(len(marks) ** 0.5)
    figure, axes = blank(5.2, 2.8, 1, 2)
    for ax in axes:
        ax.imshow(picture)
        ax.set_axis_off()
    heat = np.asarray(marks, float).reshape(grid, grid)
    strength = 0.75 * (heat - heat.min()) / max(float(np.ptp(heat)), 1e-9)  # attention is never 0: the least attended cell stays clear
    axes[1].imshow(np.ones_like(heat), cmap="Blues", vmin=0, vmax=1.2, alpha=strength, extent=(0, picture.width, picture.height, 0), interpolation="nearest")
    axes[0].set_title(title, fontsize=10, color=INK)
    figure.supxlabel(_attended(), fontsize=9, color=SOFT)
    return figure


def attended_sound(wave: np.ndarray, rate: int, marks: np.ndarray, title: str = ""):
    """A waveform on what the text attends to in it.

    Args:
        wave: (samples,).
        rate: samples per second.
        marks: (spans,) equal spans of time.
    """
    figure, ax = blank(6.4, 2.0)
    wave, marks = np.asarray(wave, float), np.asarray(marks, float)
    seconds, reach = len(wave) / rate, max(float(np.abs(wave).max(initial=0)), 1e-6)
    step = max(1, len(wave) // 4000)  # what a screen can show
    ax.imshow(marks[None], cmap="Blues", alpha=0.7, aspect="auto", extent=(0, seconds, -reach, reach), vmin=0, vmax=max(float(marks.max()), 1e-6), interpolation="nearest")
    ax.plot(np.arange(0, len(wave), step) / rate, wave[::step], color=INK, lw=0.6)
    ax.set_xlim(0, seconds)
    ax.set_yticks([])
    ax.set_xlabel(say("seconds", "秒"), color=SOFT)
    ax.set_title(" · ".join(filter(None, (title, _attended()))), fontsize=9, color=SOFT)
    return figure


def attended_frames(frames: np.ndarray, marks: np.ndarray, title: str = ""):
    """One frame of each span of a video, framed in the blue of what the text attends to, with its share below.

    Args:
        frames: (F, H, W, 3).
        marks: (spans,) equal spans of time.
    """
    marks = np.asarray(marks, float)
    figure, axes = blank(1.25 * len(marks), 1.9, 1, len(marks))
    middle = (np.linspace(0, len(frames), len(marks) + 1)[:-1] + len(frames) / len(marks) / 2).astype(int).clip(0, len(frames) - 1)
    for ax, at, mark in zip(np.atleast_1d(axes), middle, marks, strict=True):
        ax.imshow(frames[at])
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[:].set_visible(True)
        ax.spines[:].set_color(BLUE)
        ax.spines[:].set_linewidth(0.5 + 5 * mark / max(float(marks.max()), 1e-6))
        ax.set_xlabel(f"{mark:.0%}", fontsize=9, color=INK)
    figure.suptitle(" · ".join(filter(None, (title, _attended()))), fontsize=9, color=SOFT)
    return figure


def _means(table, measure: str, bare: bool):
    """Data frame (layers, kinds) of means over samples."""
    if measure not in ("aei", "share"):
        raise ValueError(f"measure is {measure!r}; allowed: 'aei' and 'share'")
    part = table[table["bare"] == bare].groupby("layer")[[f"{measure} {kind}" for kind in _KINDS]].mean()
    return part.rename(columns=dict(zip(part.columns, _KINDS, strict=True))).dropna(axis=1, how="all")


def _top(measure: str, *shown) -> float:
    return 2.0 if measure == "aei" else max(float(np.nanmax(one.to_numpy())) for one in shown)


def _heat(ax, shown, measure: str, top: float) -> None:
    names = {
        "first": say("first token", "先頭"), "template": say("template", "定型文"), "question": say("question", "質問"), "note": say("note", "メモ"),
        "image": say("photo", "写真"), "video": say("video", "動画"), "audio": say("sound", "音声"),
    }  # fmt: skip
    values = shown.to_numpy(float)
    # an even share is white: too little is red, too much blue
    ax.imshow(values, cmap="RdBu" if measure == "aei" else "Blues", vmin=0, vmax=top, aspect="auto")
    for (row, column), value in np.ndenumerate(values) if len(values) <= 12 else ():
        if np.isfinite(value):
            dark = abs(value - 1) > 0.65 if measure == "aei" else value > 0.6 * top
            ax.text(column, row, f"{value:.2f}" if measure == "aei" else f"{value:.0%}", ha="center", va="center", fontsize=8, color="white" if dark else INK)
    ax.set_xticks(range(len(shown.columns)), [names[kind] for kind in shown.columns])
    step = max(1, len(shown) // 16)
    ax.set_yticks(range(0, len(shown), step), [str(layer) for layer in shown.index[::step]])
    ax.set_ylabel(say("layer", "層"), color=SOFT)
    ax.spines[:].set_color(LINE)


def _meaning(measure: str) -> str:
    if measure == "share":
        return say("share of the text's attention", "文章が向ける注意の割合")
    return say("attention / number of tokens (1: even)", "注意 ÷ トークン数（1：均等）")


def _attended() -> str:
    return say("blue: attended to, which need not decide", "青：注意を向けた所（判断の根拠とは限りません）")
