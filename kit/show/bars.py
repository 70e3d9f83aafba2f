"""Progress on stderr, readable wherever it ends up."""

import os
import sys

from kit import processes


def in_notebook() -> bool:
    """True inside a Jupyter kernel."""
    shell = sys.modules.get("IPython")
    return bool(shell and "IPKernelApp" in getattr(shell.get_ipython(), "config", {}))


def progress(iterable=None, desc: str = "", total: int | None = None, disable: bool | None = None):
    """A tqdm bar over `iterable`, or one to be moved by `.update()` when it is None.

    Args:
        iterable: what to go through.
        desc: what is being done, in the reader's language.
        total: length, where `iterable` has none.
        disable: None decides: a bar on a terminal, in a notebook or with POC_PROGRESS=1; silence in logs, tests, all processes but the first, and for a single step, of which there is nothing to see.

    Returns:
        the tqdm object: iterable, and a context manager.
    """
    if disable is None:
        single = total == 1 or (hasattr(iterable, "__len__") and len(iterable) == 1)
        disable = single or not processes.first() or not (os.environ.get("POC_PROGRESS") == "1" or in_notebook() or sys.stderr.isatty())
    if in_notebook() and not disable:
        from tqdm.auto import tqdm  # a widget
    else:
        from tqdm import tqdm  # tqdm.auto warns when ipywidgets is absent, and a terminal does not need it
    # a log file gets a line every ten seconds, not ten a second
    pace = 0.2 if in_notebook() or sys.stderr.isatty() else 10.0
    return tqdm(iterable, desc=desc or None, total=total, disable=disable, mininterval=pace, dynamic_ncols=True, file=sys.stderr)
