"""The mode Try: components, their texts in both languages, and which event calls which method of the Desk."""

import contextlib
import time
from dataclasses import replace
from functools import partial

import gradio as gr

from kit.language import speaking
from poc.demo import believed_words as b
from poc.demo import camera, cards, evidence
from poc.demo import words as w
from poc.demo.interface import visitor_of
from poc.demo.line import MOST, STOPPED
from poc.demo.referring import Refer
from poc.demo.visit import Desk, View

PRIVATE = {"api_visibility": "private", "show_progress": "hidden"}  # only /answer is an interface; the page says itself what it is doing
COLUMNS = 4


class Page:
    """The components of the mode, laid out in the column that is open now, so that a change of language can speak to all of them.

    Args:
        app: the page.
        desk: the run and who answers.
        language: "en" or "ja" to begin with.

    Attributes:
        parts: what `translate` speaks to; the rest follows by itself.
        news: what `told` says anew when the page opens and when the model has come.
    """

    def __init__(self, app: gr.Blocks, desk: Desk, language: str):
        self.app, self.desk, self.start = app, desk, language
        self.asking: dict[str, object] = {}  # page -> the question that its visitor waits for
        view = desk.first_view()
        self.view = gr.State(view)
        self.language, self.taken = gr.State(language), gr.State(())
        self.head = gr.HTML(elem_id="head")
        with gr.Row(equal_height=False):
            with gr.Column(min_width=320):
                self._left(view)
            with gr.Column(min_width=320):
                self._right()
        self.about = gr.HTML(elem_id="about")
        self.parts = [self.language, *self.refer.parts]
        self.news = [self.ask, self.head, self.seeing, self.hearing]
        self._speak(view)
        self._wire()

    def translate(self, language: str) -> list:
        return [language, *self.refer.translate(language)]

    def told(self, language: str) -> list:
        """Gradio drops a click that comes before the page listens: the button to ask wakes up when the first answer from here has arrived."""
        return [gr.update(interactive=True), self.desk.head(language), gr.update(visible=self._sees), gr.update(visible=self.desk.hears)]

    @property
    def _sees(self) -> bool:
        """Whether a photo may be taken: the model is loaded, and it takes images in."""
        return "image" in (self.desk.senses or ())

    def _left(self, view: View) -> None:
        self.step_evidence = gr.HTML()
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("", id="held", elem_id="tab-held") as self.tab_held:
                self.held_hint = gr.HTML()
                self.gallery = gr.Gallery(
                    self._pictures(view), columns=COLUMNS, height="auto", object_fit="cover", allow_preview=False, interactive=False,
                    show_label=False, container=False, buttons=[], selected_index=0, elem_id="samples", label=w.SAMPLE[self.start],
                )  # fmt: skip
                self.others = gr.Button(size="sm", elem_id="others")
                samples = self.desk.exhibit.samples.values()
                choices = [(self.desk.exhibit.shown_id(sample), sample.id) for sample in samples]
                self.sample = gr.Dropdown(sorted(choices), value=view.held or None, elem_id="sample")
            with gr.Tab("", id="own", elem_id="tab-own") as self.tab_own:
                self.own_hint = gr.HTML()
                with gr.Row():
                    self.files = gr.UploadButton("", file_count="multiple", type="filepath", elem_id="upload", scale=3)
                    self.clear = gr.Button(elem_id="clear", scale=1)
                with gr.Column(visible=self._sees) as self.seeing:
                    self.camera, self.no_camera = camera.camera(), gr.HTML(camera.absent(self.start))
                with gr.Group(visible=self.desk.hears) as self.hearing:
                    self.recording_is = gr.Radio(["question", "evidence"], value="question", elem_id="recording-is")
                    self.microphone = gr.Audio(sources=["microphone"], type="filepath", interactive=True, elem_id="microphone")
                self.heard = gr.HTML(elem_id="heard")
                self.note = gr.Textbox(lines=2, max_lines=6, elem_id="note")
                self.own_question = gr.Dropdown(self.desk.exhibit.choices(self.desk.exhibit.questions, self.start), value=view.question or None, visible=len(self.desk.exhibit.questions) > 1, elem_id="own-question")

    def _right(self) -> None:
        self.step_answer = gr.HTML()
        self.evidence = gr.HTML(elem_id="evidence-panel")
        self.question = gr.HTML(elem_id="question-panel")
        self.ask = gr.Button(variant="primary", size="lg", interactive=False, elem_id="ask")
        self.stop = gr.Button(size="sm", visible=False, elem_id="stop")
        self.aloud = gr.Checkbox(False, container=False, elem_id="aloud")
        self.spoken = gr.HTML(elem_id="spoken")
        self.outcome = gr.HTML(elem_id="outcome")
        self.believed = gr.HTML(elem_id="believed-panel")
        self.refer = Refer(self.desk, self.start, self.view, self.outcome)

    def _pictures(self, view: View) -> list:
        return [(evidence.small_picture(sample), self.desk.exhibit.shown_id(sample)) for sample in self.desk.offered(view)]

    def texts(self, view: View, language: str) -> dict:
        """component -> the property that speaks, in `language`: every word of the page."""
        say, desk = (lambda text: text[language]), self.desk
        return {
            self.head: {"value": desk.head(language)},
            self.step_evidence: {"value": cards.heading(w.STEP_EVIDENCE, language)},
            self.tab_held: {"label": say(w.HELD_OUT)},
            self.held_hint: {"value": cards.hint(w.HELD_OUT_MEANS, language)},
            self.others: {"value": say(w.OTHERS)},
            self.sample: {"label": say(w.SAMPLE)},
            self.tab_own: {"label": say(w.OWN)},
            self.own_hint: {"value": cards.hint(w.OWN_MEANS, language)},
            self.files: {"label": say(w.ADD_FILES)},
            self.clear: {"value": say(w.CLEAR)},
            self.camera: {"label": say(camera.TAKE)},
            self.no_camera: {"value": camera.absent(language)},
            self.recording_is: {"label": say(w.RECORDING_IS), "choices": [(say(w.IS_QUESTION), "question"), (say(w.IS_EVIDENCE), "evidence")]},
            self.microphone: {"label": say(w.RECORD)},
            self.aloud: {"label": say(w.ALOUD)},
            self.note: {"label": say(w.NOTE), "placeholder": say(w.NOTE_HINT)},
            self.own_question: {"label": say(w.QUESTION), "choices": self.desk.exhibit.choices(self.desk.exhibit.questions, language)},
            self.step_answer: {"value": cards.heading(w.STEP_ANSWER, language)},
            self.ask: {"value": say(w.ASK)},
            self.stop: {"value": say(w.STOP)},
            self.about: {"value": cards.about(desk.exhibit, language)},
        } | self.shown(view, language)

    def shown(self, view: View, language: str) -> dict:
        """The parts that change with what is looked at and asked."""
        return {
            self.evidence: {"value": self.desk.panel(view, language)},
            self.question: {"value": self.desk.question(view, language)},
            self.outcome: {"value": self.desk.outcome(view, language)},
            self.believed: {"value": ""},  # it belonged to another answer, or follows by itself
        }

    def _speak(self, view: View) -> None:
        for component, properties in self.texts(view, self.start).items():
            for name, value in properties.items():
                setattr(component, name, value)

    def _wire(self) -> None:
        parts = [self.view, self.evidence, self.question, self.outcome, self.believed]
        answer_here = [self.view, self.outcome, self.spoken, self.stop, self.believed]
        asking = self.ask.click(self._ask, [self.view, self.note, self.language], answer_here, trigger_mode="once", concurrency_limit=MOST, **PRIVATE)
        recorded = self.microphone.stop_recording(
            self._record, [self.view, self.microphone, self.recording_is, self.language], [*parts, self.heard, self.own_question], cancels=[asking], **PRIVATE
        )
        by_voice = recorded.success(self._ask_by_voice, [self.view, self.note, self.recording_is, self.language], answer_here, concurrency_limit=MOST, **PRIVATE)
        for asked in (asking, by_voice):
            # the language may have changed while the models were busy
            asked.success(self._after, [self.view, self.language], [self.evidence, self.outcome], **PRIVATE)
            asked.success(self._aloud, [self.view, self.aloud, self.language], [self.spoken], **PRIVATE)
            asked.success(self._believe, [self.view, self.language], [self.believed, self.stop], concurrency_limit=MOST, **PRIVATE)
        again = {"cancels": [asking, by_voice], **PRIVATE}
        self.stop.click(self._stop, [self.view, self.language], answer_here, **again)
        self.gallery.select(self._select, [self.view, self.language], [*parts, self.sample], **again)
        self.sample.input(self._pick, [self.view, self.sample, self.language], parts, **again)
        self.others.click(self._turn, [self.view, self.language], [*parts, self.gallery, self.sample], **again)
        self.tab_held.select(partial(self._side, False), [self.view, self.language], parts, **again)
        self.tab_own.select(partial(self._side, True), [self.view, self.language], parts, **again)
        self.files.upload(self._upload, [self.view, self.files, self.language], parts, **again)
        # by way of a state: the component changes once more when it is emptied, and that must not cancel a question that was asked meanwhile
        self.camera.change(self._taken, [self.camera], [self.taken], **PRIVATE)
        self.taken.change(self._photo, [self.view, self.taken, self.language], [*parts, self.camera], **again)
        self.clear.click(self._clear, [self.view, self.language], [*parts, self.note], **again)
        self.own_question.input(self._own_question, [self.view, self.own_question, self.language], parts, **again)
        # who does something else, or unticks the box, hears no more of the last answer
        moves = [self.gallery.select, self.sample.input, self.others.click, self.tab_held.select, self.tab_own.select, self.files.upload, self.taken.change, self.clear.click, self.own_question.input]
        gr.on(moves, self._moved, None, [self.spoken, self.stop, self.believed], **PRIVATE)
        gr.on([self.microphone.start_recording, self.aloud.input, self.language.change], self._hush, None, [self.spoken], **PRIVATE)
        self.app.load(None, None, None, js=camera.LISTEN, **PRIVATE)
        spoken = list(self.texts(self.desk.first_view(), self.start))
        translated = self.language.change(self._translate, [self.view, self.language], spoken, **PRIVATE)
        # as often as the language changes: each of them ends the one before
        translated.success(self._believe, [self.view, self.language], [self.believed, self.stop], concurrency_limit=MOST, trigger_mode="multiple", **PRIVATE)
        self.app.unload(self._leave)

    # what the events call; each returns what its list of outputs asks for

    def _parts(self, view: View, language: str, request: gr.Request | None) -> list:
        """They look at something else: nothing of a question that is still being answered may come after this. (Gradio's `cancels` comes to it later than another event, on a busy machine by seconds.)"""
        self.asking.pop(visitor_of(request).page, None)
        return [view, *(change["value"] for change in self.shown(view, language).values())]

    def _leave(self, request: gr.Request | None = None) -> None:
        """The tab is closed: the visitor's files go, and their voice falls silent."""
        self._moved(request)
        self.asking.pop(visitor_of(request).page, None)
        self.desk.belongings.leave(visitor_of(request).page)

    def _ask(self, view: View, note: str, language: str, request: gr.Request | None = None):
        quiet, *_ = self._moved(request)
        view = view.fresh()  # while it is being answered there is no answer to refer, or to look at
        page, mine = visitor_of(request).page, object()
        self.asking[page] = mine
        with contextlib.closing(self.desk.ask(view, note, language, visitor_of(request))) as parts:
            for asked, shown in parts:
                if self.asking.get(page) is not mine:
                    return
                yield asked, shown, quiet, gr.update(visible=asked is view), ""
        if self.asking.get(page) is mine:
            del self.asking[page]

    def _believe(self, view: View, language: str, request: gr.Request | None = None):
        """After the answer; whatever else the visitor does ends it, and says what is shown instead."""
        page = visitor_of(request).page
        if view.answer is None:
            yield "", gr.skip()
            return
        for html in self.desk.believe(view, language, page):
            yield (gr.skip(), gr.skip()) if html is None else (html, gr.update(visible=self.desk.looking.waiting(page)))

    def _aloud(self, view: View, wanted: bool, language: str, request: gr.Request | None = None):
        yield ""
        if wanted:
            yield from self.desk.speak(view, language, request.session_hash if request else "")

    def _hush(self, request: gr.Request | None = None) -> str:
        """Whoever does something hears no more; and the player goes. Not by Gradio's `cancels`: that also cancelled the answer that came next."""
        self.desk.listeners.end(request.session_hash if request else "")
        return ""

    def _moved(self, request: gr.Request | None = None):
        """They look at something else: nobody waits for which evidence the last answer believed."""
        self.desk.looking.end(visitor_of(request).page)
        return self._hush(request), gr.update(visible=False), ""

    def _stop(self, view: View, language: str, request: gr.Request | None = None):
        """The question that is being answered is closed, which ends it at the model too (Desk.ask). Where the answer is there and is only being looked at, it stays."""
        self.asking.pop(visitor_of(request).page, None)
        if self.desk.looking.end(visitor_of(request).page):
            return gr.skip(), gr.skip(), self._hush(request), gr.update(visible=False), cards.hint(b.ENDED, language)
        stopped = replace(view.fresh(), refusal=STOPPED)
        return stopped, self.desk.outcome(stopped, language), self._hush(request), gr.update(visible=False), ""

    def _record(self, view: View, recording: str, recording_is: str, language: str, request: gr.Request | None = None):
        self._moved(request)
        with speaking(language):
            view, told = self.desk.add_recording(view, recording, recording_is == "question", visitor_of(request))
        return [*self._parts(view, language, request), told, view.question]

    def _ask_by_voice(self, view: View, note: str, recording_is: str, language: str, request: gr.Request | None = None):
        if recording_is == "question":
            yield from self._ask(view, note, language, request)
        else:  # the recording is evidence: what to ask about it comes next
            yield gr.skip(), gr.skip(), gr.skip(), gr.skip(), gr.skip()

    def _after(self, view: View, language: str):
        panel = self.desk.panel(view, language) if view.own else gr.update()  # own evidence has its note now; a player goes on playing
        return panel, self.desk.outcome(view, language)

    def _select(self, view: View, language: str, event: gr.SelectData, request: gr.Request | None = None):
        chosen = self.desk.offered(view)[event.index].id
        return [*self._parts(self.desk.pick(view, chosen), language, request), chosen]

    def _pick(self, view: View, chosen: str, language: str, request: gr.Request | None = None):
        return self._parts(self.desk.pick(view, chosen), language, request)

    def _turn(self, view: View, language: str, request: gr.Request | None = None):
        view = self.desk.turn_page(view)
        return [*self._parts(view, language, request), gr.Gallery(self._pictures(view), selected_index=0), view.held]

    def _side(self, own: bool, view: View, language: str, request: gr.Request | None = None):
        return self._parts(view if view.own == own else view.fresh(own=own), language, request)

    def _upload(self, view: View, files: list[str], language: str, request: gr.Request | None = None):
        return self._parts(self.desk.add_files(view, files, visitor_of(request)), language, request)

    @staticmethod
    def _taken(photo: str | None):
        return (photo, time.monotonic()) if photo else gr.skip()  # the time, so that the same picture twice is two photos

    def _photo(self, view: View, taken: tuple[str, float], language: str, request: gr.Request | None = None):
        """The component is emptied, so that the camera is off; the photo is seen where all evidence is."""
        return [*self._upload(view, [taken[0]], language, request), None]

    def _clear(self, view: View, language: str, request: gr.Request | None = None):
        self.desk.looking.end(visitor_of(request).page)  # before its files go
        self.desk.belongings.leave(visitor_of(request).page)
        return [*self._parts(view.fresh(files=(), own=True), language, request), ""]

    def _own_question(self, view: View, question: str, language: str, request: gr.Request | None = None):
        return self._parts(view.fresh(question=question, own=True), language, request)

    def _translate(self, view: View, language: str):
        return [gr.update(**properties) for properties in self.texts(view, language).values()]
