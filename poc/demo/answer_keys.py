"""Big buttons for the answers of a question, which keys press too: 1 to 9, 0 for "cannot be told", U to take back. With more answers than keys a list, without a closed set a box."""

from collections.abc import Callable
from functools import partial

import gradio as gr

from poc.demo import work_words as w

PRIVATE = {"api_visibility": "private", "show_progress": "hidden"}
MOST_BUTTONS = 9  # one for each key
# Keys work wherever nothing is being typed, and press what can be seen; one that is held down answers once. A window listens once, however many parts of a page ask for it.
LISTEN = """() => {
  if (window.answerKeys) return;
  window.answerKeys = true;
  document.addEventListener("keydown", (event) => {
    const box = document.activeElement;
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || !/^[0-9u]$/i.test(event.key) || (box && (/TEXTAREA|SELECT/.test(box.tagName) || (box.tagName === "INPUT" && !/radio|checkbox|button/.test(box.type))))) return;
    const found = [...document.querySelectorAll(`[id$="-key-${event.key.toLowerCase()}"]`)].find((button) => button.offsetParent && !button.disabled);
    if (found) { event.preventDefault(); found.click(); }
  });
}"""


class AnswerKeys:
    """The components, to be made inside the page.

    Args:
        name: before their ids: <name>-key-1.
    """

    def __init__(self, name: str):
        with gr.Row(elem_id=f"{name}-answers"):
            self.buttons = [gr.Button("", visible=False, variant="primary", size="lg", min_width=150, elem_id=f"{name}-key-{n}") for n in range(1, MOST_BUTTONS + 1)]
        self.choose = gr.Dropdown([], visible=False, elem_id=f"{name}-choose")
        self.free = gr.Textbox(visible=False, submit_btn=True, elem_id=f"{name}-free")
        with gr.Row():
            self.cannot, self.undo = (gr.Button(visible=False, min_width=150, elem_id=f"{name}-key-{key}") for key in ("0", "u"))

    @property
    def components(self) -> list:
        return [*self.buttons, self.choose, self.free, self.cannot, self.undo]

    def texts(self, language: str) -> dict:
        """component -> the property that speaks."""
        return {self.choose: {"label": w.CHOOSE[language]}, self.free: {"label": w.FREE[language]}, self.cannot: {"value": w.CANNOT[language]}, self.undo: {"value": w.UNDO[language]}}

    def shown(self, choices: list[tuple[str, str]], waits: bool, back: bool) -> list:
        """Updates of `components`.

        Args:
            choices: the answers, of `Exhibit.choices`.
            waits: something is to be answered.
            back: there may be an answer to take back.
        """
        few = len(choices) <= MOST_BUTTONS
        buttons = [gr.update(value=_on_button(choices, n), visible=waits and few and n <= len(choices)) for n in range(1, MOST_BUTTONS + 1)]
        return [*buttons, gr.update(choices=choices, value=None, visible=waits and not few), gr.update(value="", visible=waits and not choices), gr.update(visible=waits), gr.update(visible=back)]

    @property
    def speaking(self) -> list:
        """Those of `components` that name answers."""
        return [*self.buttons, self.choose]

    def turned(self, choices: list[tuple[str, str]]) -> list:
        """Updates of `speaking` when the language changes; what was chosen or typed stays."""
        return [*(gr.update(value=_on_button(choices, n)) for n in range(1, MOST_BUTTONS + 1)), gr.update(choices=choices)]

    def wire(self, options: Callable, said: Callable, undone: Callable, inputs: list, outputs: list) -> None:
        """Calls `said(answer, *inputs)` and `undone(*inputs)`; `options(*inputs)` are the answers that the buttons stand for."""
        once = {"trigger_mode": "once", **PRIVATE}

        def pressed(number: int, *given):
            there = options(*given)
            return said(there[number] if number < len(there) else None, *given)

        for number, button in enumerate(self.buttons):
            button.click(partial(pressed, number), inputs, outputs, **once)
        self.cannot.click(partial(said, ""), inputs, outputs, **once)
        self.undo.click(undone, inputs, outputs, **once)
        self.choose.input(said, [self.choose, *inputs], outputs, **once)
        self.free.submit(said, [self.free, *inputs], outputs, **once)


def _on_button(choices: list[tuple[str, str]], n: int) -> str:
    return f"{n}  {choices[n - 1][0]}" if n <= len(choices) else ""
