"""One click to "a person should check": the answer before the visitor, with its evidence, goes into the run's review queue, where the mode Work has it, and into the audit log.

A click is needed even where the model was not sure: the queue keeps a copy of the evidence, and what visitors bring is otherwise deleted when they leave.
"""

import logging

import gradio as gr

from kit.errors import KitError
from poc.demo import cards
from poc.demo import work_words as w
from poc.demo.answer_keys import PRIVATE
from poc.demo.interface import visitor_of
from poc.demo.visit import Desk, View
from poc.demo.words import fill


class Refer:
    """The button and what came of it, laid out in the column that is open now.

    Args:
        desk: the run and who answers.
        language: "en" or "ja" to begin with.
        view: the state of the page that holds the visitor's View; the button is there while that has a recorded answer.
        outcome: where the page shows the answer: whatever changes there may be another answer, or none.

    Attributes:
        parts: what `translate` speaks to.
    """

    def __init__(self, desk: Desk, language: str, view: gr.State, outcome: gr.HTML):
        self.desk = desk
        self.last = gr.State(0)  # the record that was referred last
        self.button = gr.Button(w.REFER[language], visible=False, elem_id="refer")
        self.told = gr.HTML(elem_id="referred")
        self.parts = [self.button]
        outcome.change(self._shown, [view, self.last], [self.button, self.told], **PRIVATE)
        self.button.click(self._refer, [view], [self.button, self.told, self.last], trigger_mode="once", **PRIVATE)

    def translate(self, language: str) -> list:
        """Updates of `parts`."""
        return [gr.update(value=w.REFER[language])]

    def _shown(self, view: View, last: int) -> list:
        if view.record is not None and view.record.n == last:  # the answer is shown once more, and what became of it stays
            return [gr.skip(), gr.skip()]
        return [gr.update(visible=view.record is not None), ""]

    def _refer(self, view: View, request: gr.Request | None = None) -> list:
        try:
            item = self.desk.refer(view, visitor_of(request))
        except (KitError, OSError):
            logging.getLogger(__name__).exception("not referred")  # it may name folders of this machine: for the terminal
            return [gr.update(), cards.lasting(w.FAILED, "refused"), gr.skip()]
        if item is None:
            return [gr.update(visible=False), "", gr.skip()]
        return [gr.update(visible=False), cards.lasting(fill(w.REFERRED, item=item.id, record=item.record), "busy"), item.record]
