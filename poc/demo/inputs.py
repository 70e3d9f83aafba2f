"""Two of Gradio's components that hand on what a visitor gave in another way than Gradio's own."""

from abc import ABCMeta

import gradio as gr
from gradio.data_classes import ImageData


def _made(parent: type, name: str, preprocess) -> type:
    """A subclass, past Gradio's metaclass, which writes a .pyi file beside the source of every subclass: running a program must not write into its folder, which may be read-only."""
    return ABCMeta.__new__(type(parent), name, (parent,), {"is_template": True, "preprocess": preprocess, "__module__": __name__, "__doc__": preprocess.__doc__})


def _within(self: gr.Slider, payload: float | None) -> float:
    """A slider whose number box may hold anything while somebody types: what is computed is held to the range, an empty box counts as its lower end, and the box says the same once it is left."""
    given = self.minimum if payload is None or payload != payload else payload
    return min(max(float(given), self.minimum), self.maximum)


def _as_it_came(self: gr.Image, payload: ImageData | None) -> str | None:
    """An image component that hands on the file: it is opened by `uploads`, with its limits, and by nobody before."""
    return payload.path if payload is not None else None


Held = _made(gr.Slider, "Held", _within)
Camera = _made(gr.Image, "Camera", _as_it_came)
