"""The mode Show: a tour of five steps for executives. The components and which event calls what; which cases are shown is in `tour`, what is said in `tour_cards`."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import gradio as gr

from kit.data import Sample
from kit.errors import KitError
from poc.demo import cards, evidence, tour_cards
from poc.demo import tour_words as t
from poc.demo.interface import visitor_of
from poc.demo.ledger import Visitor
from poc.demo.line import MOST
from poc.demo.page import PRIVATE
from poc.demo.tour import tour
from poc.demo.visit import NOBODY, Desk, View
from poc.demo.words import safe


@dataclass(frozen=True)
class Stop:
    """Where one visitor is: the step, which case to guess, what they guessed, the answers that they were given, by the sample's id, and in which language the step was told."""

    step: int = 1
    nth: int = 0
    guess: str = ""
    given: dict[str, View] = field(default_factory=dict)
    language: str = ""


class Show:
    """The components of the mode, laid out in the column that is open now.

    Args:
        app: the page.
        desk: the run and who answers.
        language: "en" or "ja" to begin with.

    Attributes:
        parts: what `translate` speaks to; the rest follows by itself.
        news: what `told` says anew when the page opens and when the model has come.
    """

    def __init__(self, app: gr.Blocks, desk: Desk, language: str):
        self.desk, self.ahead = desk, None
        self.tour = tour(desk.exhibit, desk.threshold)
        self.language, self.stop = gr.State(language), gr.State(Stop())
        self.progress = gr.HTML(elem_id="tour-progress")
        with gr.Row(equal_height=False, elem_id="tour"):
            with gr.Column(min_width=320, visible=bool(self.tour.guess)) as self.left:
                self.evidence = gr.HTML(elem_id="tour-evidence")
            with gr.Column(min_width=320):
                self.body = gr.HTML(elem_id="tour-body")
                with gr.Row(elem_id="guesses") as self.guesses:
                    self.options = [gr.Button(name, size="lg", min_width=150, interactive=False, elem_id=f"guess-{n}") for n, name in enumerate(self._names(language), 1)]
                self.believed = gr.HTML(elem_id="tour-believed")
                self.another = gr.Button(size="sm", elem_id="tour-another")
        with gr.Row(elem_id="tour-buttons"):
            self.back = gr.Button(interactive=False, elem_id="tour-back")
            self.next = gr.Button(variant="primary", interactive=False, elem_id="tour-next")
        self.shown = [self.stop, self.progress, self.left, self.evidence, self.body, self.guesses, self.another, self.back, self.next, self.believed]
        self.parts, self.news = [self.language, *self.options], [*self.options, self.next]
        for component, value in zip(self.shown[1:], self._values(Stop(), language)[1:], strict=True):
            for name, one in value.items():
                setattr(component, name, one)
        self.next.interactive = False  # until the page listens: see `told`
        self._wire()

    def translate(self, language: str) -> list:
        """Updates of `parts`."""
        return [language, *(gr.update(value=name) for name in self._names(language))]

    def _names(self, language: str) -> list[str]:
        """What the buttons to guess say."""
        options = self.tour.guess[0].options if self.tour.guess else ()
        return [f"{n}  {self.desk.exhibit.read_as(option)[language]}" for n, option in enumerate(options, 1)]

    def told(self, language: str) -> list:
        """Gradio drops a click that comes before the page listens: the buttons wake up when the first answer from here has arrived."""
        return [gr.update(interactive=True)] * len(self.news)

    def _wire(self) -> None:
        given = [self.stop, self.language]
        once = {"trigger_mode": "once", "concurrency_limit": MOST, **PRIVATE}
        moves = [button.click(partial(self._guess, number), given, self.shown, **once) for number, button in enumerate(self.options)]
        moves += [button.click(partial(self._go, by), given, self.shown, **once) for button, by in ((self.next, 1), (self.back, -1))]
        moves += [self.another.click(self._another, given, self.shown, **once)]
        # the language may change while the models are busy: then the stop is not this event's to write, and the step is told again at its end
        turned = self.language.change(self._turned, given, self.shown[1:], **PRIVATE)
        for move in (*(move.success(self._after, given, self.shown, **PRIVATE) for move in moves), turned):
            move.success(self._believe, given, [self.believed], concurrency_limit=MOST, trigger_mode="multiple", **PRIVATE)

    # what the events call

    def _guess(self, number: int, stop: Stop, language: str, request: gr.Request | None = None):
        if stop.step == 1:
            yield from self._at(replace(stop, step=2, guess=self.tour.guess[stop.nth].options[number]), language, visitor_of(request))
        else:  # a key or a click that came late
            yield self._all(stop, language)

    def _go(self, by: int, stop: Stop, language: str, request: gr.Request | None = None):
        step = stop.step + by
        if step > t.STEPS:  # again, with the next case
            stop, step = replace(stop, guess="", nth=self._following(stop)), 1
        yield from self._at(replace(stop, step=max(step, 1)), language, visitor_of(request))

    def _another(self, stop: Stop, language: str, request: gr.Request | None = None):
        self.desk.looking.end(visitor_of(request).page)
        return self._all(replace(stop, step=1, guess="", nth=self._following(stop)), language)

    def _turned(self, stop: Stop, language: str):
        return self._all(stop, language)[1:]

    def _after(self, stop: Stop, language: str):
        return [gr.skip()] * len(self.shown) if stop.language == language else self._all(stop, language)

    def _following(self, stop: Stop) -> int:
        return (stop.nth + 1) % max(len(self.tour.guess), 1)

    def _at(self, stop: Stop, language: str, visitor: Visitor = NOBODY) -> Iterator[list]:
        """The step, with what to wait for first, then the answer that it tells of."""
        self.desk.looking.end(visitor.page)
        if stop.step > 1 and self.ahead is None:  # the last step brings libraries, which must not be waited for there
            self.ahead = threading.Thread(target=self._worth, args=(language,), name="poc-demo-worth", daemon=True)
            self.ahead.start()
        if stop.step == t.STEPS and self.ahead.is_alive():
            values = self._values(stop, language, cards.message(t.MOMENT, language, "busy"))
            yield [stop, *(gr.update(**value) for value in values[1:])]
        sample = self.sample(stop) if stop.step in (2, 3, 4) else None
        known = sample and stop.given.get(sample.id)
        if sample is None or (known and known.answer and not (known.answer.recorded and not self.desk.source.recorded)):
            yield self._all(stop, language)
            return
        values = self._all(stop, language)
        for view, said in self.desk.ask(View(held=sample.id), "", language, visitor, early=stop.step == 2):
            if view.asked is None and view.refusal is None:
                values[self.shown.index(self.body)] = gr.update(value=said)
                yield values
            else:
                yield self._all(replace(stop, given={**stop.given, sample.id: view}), language)

    def _believe(self, stop: Stop, language: str, request: gr.Request | None = None):
        """Under the step: which evidence the tuned model's answer believed. Nothing where somebody ended it: a step on, or a question in another view."""
        sample = self.sample(stop) if stop.step > 1 else None
        view = stop.given.get(sample.id) if sample else None
        for html in self.desk.believe(view or View(), language, visitor_of(request).page, fold=True):
            yield html or ""

    # what is shown

    def sample(self, stop: Stop) -> Sample | None:
        """The case of a step; None where it has none."""
        if stop.step <= 2:
            return self.tour.guess[stop.nth] if self.tour.guess else None
        found = {3: self.tour.lies, 4: self.tour.unsure}.get(stop.step)
        return found.first if found else None

    def _all(self, stop: Stop, language: str) -> list:
        return [replace(stop, language=language), *(gr.update(**value) for value in self._values(stop, language)[1:])]

    def _values(self, stop: Stop, language: str, body: str | None = None) -> list:
        """The stop, then the properties of each other component of `shown`; `body`: what to say instead of the step's own words."""
        sample = self.sample(stop)
        panel = f'<div class="evidence" data-sample="{safe(self.desk.exhibit.shown_id(sample))}">{evidence.panel(sample, self.desk.exhibit.shown_id(sample), language)}</div>' if sample else ""
        first = stop.step == 1 and bool(self.tour.guess)
        return [
            stop, {"value": tour_cards.progress(stop.step, language)}, {"visible": sample is not None}, {"value": panel}, {"value": self._body(stop, sample, language) if body is None else body}, {"visible": first},
            {"value": t.ANOTHER[language], "visible": stop.step <= 2 and len(self.tour.guess) > 1}, {"value": t.BACK[language], "interactive": stop.step > 1},
            {"value": (t.FINISH if stop.step == t.STEPS else t.NEXT)[language], "interactive": True}, {"value": ""},
        ]  # fmt: skip

    def _body(self, stop: Stop, sample: Sample | None, language: str) -> str:
        view = stop.given.get(sample.id) if sample else None
        if view is not None and view.answer is None:
            return cards.message(view.refusal, language, "refused")
        waits = self.desk.waits
        if stop.step == 5:
            return self._worth(language)
        if stop.step == 3 and (view or sample is None):
            return tour_cards.lying(view, self.tour.lies, self.desk.exhibit, waits, language)
        if stop.step == 4 and (view or sample is None):
            return tour_cards.asking(view, self.tour, self.desk.exhibit, waits, language)
        if sample is None:
            return cards.message(t.NO_CASES, language)
        if stop.step == 1:
            return tour_cards.guessing(sample, self.desk.exhibit, language)
        return tour_cards.told(view, stop.guess, self.desk.exhibit, self.desk.threshold, waits, language) if view else ""

    def _worth(self, language: str) -> str:
        try:
            return tour_cards.worth(self.desk.exhibit.run, language)
        except (KitError, OSError, KeyError, ValueError):
            logging.getLogger(__name__).exception("the worth of the run could not be read")  # it may name folders of this machine: for the terminal
            return cards.message(t.NOT_MEASURED, language, "refused")
