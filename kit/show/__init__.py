"""What a person looks at: progress bars, figures, widgets. The only room that imports matplotlib, ipywidgets and tqdm, and only inside functions.

Figures are returned, never shown or saved; widgets are thin remote controls of plain functions that work without a browser.
"""

from kit.show.bars import in_notebook, progress
from kit.show.slide import page, slide

__all__ = ["in_notebook", "page", "progress", "slide"]
