"""HTML in a notebook, and one slider over it: a thin remote control of a plain function.

`render(value)` returns HTML and works without a browser; call it once plainly in its own cell, then put the slider on it. Never `ipywidgets.Output`: under
papermill it races and can hang.
"""

from collections.abc import Callable, Sequence


def page(html: str):
    """The HTML as something that a notebook cell shows when it ends with it."""
    from IPython.display import HTML

    return HTML(html)


def slide(render: Callable[..., str], values: Sequence, start=None, desc: str = ""):
    """A slider over `values` and below it what `render` says about the chosen one.

    Args:
        render: value -> HTML.
        values: what the slider can be set to.
        start: where it stands first; None for the first of `values`.
        desc: its label.

    Returns:
        a VBox with the children (slider, HTML); `children[0].value = v` moves it, with or without a browser.

    Raises:
        ValueError: no values.
    """
    import ipywidgets

    if not len(values):
        raise ValueError("a slider needs at least one value; given none")
    start = values[0] if start is None else start
    slider = ipywidgets.SelectionSlider(options=list(values), value=start, description=desc, layout={"width": "95%"}, style={"description_width": "initial"})
    shown = ipywidgets.HTML(render(start))
    slider.observe(lambda change: setattr(shown, "value", render(change.new)), "value")
    return ipywidgets.VBox([slider, shown])
