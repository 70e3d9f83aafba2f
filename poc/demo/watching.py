"""The mode Watch: the components, filled when somebody looks; what they say is in `watched`."""

import logging

import gradio as gr

from poc.demo import cards, watched
from poc.demo import work_words as w
from poc.demo.answer_keys import PRIVATE
from poc.demo.tables import STYLE
from poc.demo.visit import Desk

# The charts and intervals cost a second, which nobody should wait for who never looks here: the button is pressed when it can first be seen
WHEN_SEEN = """() => {
  if (window.watchedOnce) return;
  window.watchedOnce = setInterval(() => {
    const button = document.querySelector("#watch-refresh");
    if (button && button.offsetParent && !document.querySelector("#watch-log section")) { if (!button.dataset.pressed) { button.dataset.pressed = "yes"; button.click(); } }
  }, 500);
}"""


class Watch:
    """The components of the mode, laid out in the column that is open now.

    Args:
        app: the page.
        desk: the run and who answers.
        language: "en" or "ja" to begin with.

    Attributes:
        parts: everything that `translate` speaks to.
    """

    def __init__(self, app: gr.Blocks, desk: Desk, language: str):
        ledger = desk.counter.ledger
        self.exhibit, self.key = (ledger.exhibit, ledger.key) if ledger else (desk.exhibit, None)
        self.language = gr.State(language)
        gr.HTML(STYLE, padding=False)
        self.title = gr.HTML()
        self.refresh = gr.Button(size="sm", elem_id="watch-refresh")
        with gr.Row(equal_height=False):
            with gr.Column(min_width=320):
                self.ladder, self.drift = gr.HTML(elem_id="watch-ladder"), gr.HTML(elem_id="watch-drift")
                self.people = gr.HTML(elem_id="watch-people")
            with gr.Column(min_width=320):
                self.errors = gr.HTML(elem_id="watch-errors")
        self.log = gr.HTML(elem_id="watch-log")
        self.check = gr.Button(variant="primary", elem_id="watch-verify")
        self.checked = gr.HTML(elem_id="watch-verified")
        for component, properties in self._texts(language).items():
            component.value = properties["value"]
        self.parts = [*self._texts(language), self.checked, self.language]
        self.shown = [self.ladder, self.drift, self.people, self.errors, self.log, self.checked]
        self.refresh.click(self.look, [self.language], self.shown, trigger_mode="once", **PRIVATE)
        self.check.click(self._verify, [self.language], [self.log, self.checked], trigger_mode="once", **PRIVATE)
        self.language.change(self._turned, [self.language, self.log], self.shown, **PRIVATE)
        app.load(None, None, None, js=WHEN_SEEN, **PRIVATE)

    def translate(self, language: str) -> list:
        """Updates of `parts`; what was looked at follows by itself."""
        return [*(gr.update(**properties) for properties in self._texts(language).values()), "", language]

    def look(self, language: str) -> list:
        """Everything as it is now: what `shown` shows."""
        made = (lambda: watched.ladder_panel(self.exhibit, language, self.key), *(lambda say=say: say(self.exhibit, language) for say in (watched.drift_panel, watched.people_panel, watched.errors_panel, watched.log_panel)))
        return [*(self._tried(one, language) for one in made), ""]

    def _texts(self, language: str) -> dict:
        return {self.title: {"value": cards.heading(w.WATCH, language)}, self.refresh: {"value": w.REFRESH[language]}, self.check: {"value": w.VERIFY[language]}}

    def _verify(self, language: str) -> list:
        return [self._tried(lambda: watched.log_panel(self.exhibit, language), language), self._tried(lambda: watched.verified_panel(self.exhibit, language), language)]

    def _turned(self, language: str, log: str) -> list:
        return self.look(language) if log else [gr.skip()] * len(self.shown)

    @staticmethod
    def _tried(make, language: str) -> str:
        """One part that cannot be read must not hide the others."""
        try:
            return make()
        except Exception:  # files of the run that somebody changed can be anything
            logging.getLogger(__name__).exception("a part of Watch could not be made")
            return cards.message(w.UNREADABLE, language, "refused")
