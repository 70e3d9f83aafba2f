"""A blank matplotlib figure in the kit's look: no window, no global state but the font, and a glyph that no font has is an error."""

import io
import warnings
from functools import lru_cache

INK, SOFT, LINE = "#1b2026", "#5a636e", "#dfe3e8"
BLUE, PALE, GREY, RED, GREEN = "#1f5fa8", "#a9c8ec", "#b7c0cb", "#b42318", "#18794e"


@lru_cache
def _figure_class():
    """matplotlib's Figure that a notebook shows as PNG without pyplot, so that nothing is drawn twice or kept alive."""
    import matplotlib

    with matplotlib.rc_context():  # importing the font package sets the font family; ours is set below
        import matplotlib_fontja
        from matplotlib.figure import Figure
    from matplotlib import font_manager

    font_manager.fontManager.addfont(matplotlib_fontja.matplotlib_fontja.get_font_ttf_path())
    matplotlib.rcParams["font.family"] = ["DejaVu Sans", "IPAexGothic"]  # the second is asked for what the first lacks

    class KitFigure(Figure):
        def _repr_png_(self) -> bytes:
            return png(self)

    return KitFigure


def blank(width: float = 6.4, height: float = 4.0, rows: int = 1, columns: int = 1):
    """(figure, axes) in inches, without a frame around the axes; `axes` is an array when there are several."""
    figure = _figure_class()(figsize=(width, height), layout="constrained", facecolor="white")
    axes = figure.subplots(rows, columns)
    for ax in axes.flat if rows * columns > 1 else [axes]:
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines[["left", "bottom"]].set_color(LINE)
        ax.tick_params(colors=SOFT, labelcolor=INK, length=0, labelsize=9)
    return figure, axes


def png(figure, dpi: int = 110) -> bytes:
    """The figure as PNG.

    Raises:
        ValueError: a character that none of the fonts has; it would have been drawn as an empty box.
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        figure.savefig(buffer, format="png", dpi=dpi)
    missing = [str(w.message) for w in seen if "missing from" in str(w.message)]
    if missing:
        raise ValueError(f"a figure holds a character that no font here has: {missing[0]}")
    return buffer.getvalue()
