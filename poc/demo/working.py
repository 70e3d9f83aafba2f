"""The mode Work, for the clerk: the queue, new samples, practice. What happens is in `shift`, `new_samples` and `practising`; here are the components and which event calls what."""

import logging
import random
from dataclasses import replace
from pathlib import Path

import gradio as gr

from kit.errors import KitError
from kit.language import speaking
from poc.demo import cards, practising
from poc.demo import work_words as w
from poc.demo.answer_keys import LISTEN, PRIVATE, AnswerKeys
from poc.demo.interface import visitor_of
from poc.demo.new_samples import NewSamples
from poc.demo.practising import Practice
from poc.demo.shift import Post, Shift, item_panel, kinds_in, options_of
from poc.demo.tables import STYLE
from poc.demo.uploads import checked, shown_name
from poc.demo.visit import Desk
from poc.demo.words import Refusal, fill, safe


class Work:
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
        key = ledger.key if ledger else None
        exhibit = ledger.exhibit if ledger else desk.exhibit  # the run that is written to
        self.desk, self.exhibit, self.key = desk, exhibit, key
        self.shift, self.new = Shift(exhibit, key), NewSamples(exhibit, key)
        self.language, self.post, self.practice, self.files = gr.State(language), gr.State(Post()), gr.State(Practice(0)), gr.State(())
        gr.HTML(STYLE, padding=False)
        self.name = gr.Textbox(max_lines=1, max_length=80, elem_id="work-name")
        with gr.Tabs(elem_id="work-tabs"):
            with gr.Tab("", id="queue", elem_id="work-tab-queue") as self.tab_queue:
                self._queue()
            with gr.Tab("", id="new", elem_id="work-tab-new") as self.tab_new:
                self._new()
            with gr.Tab("", id="practice", elem_id="work-tab-practice") as self.tab_practice:
                self._practice()
        self.parts = [*self._texts(language), self.language]
        for component, properties in self._texts(language).items():
            for name, value in properties.items():
                setattr(component, name, value)
        self._wire(app)

    def translate(self, language: str) -> list:
        """Updates of `parts`; what depends on the clerk's item follows by itself."""
        return [*(gr.update(**properties) for properties in self._texts(language).values()), language]

    def _queue(self) -> None:
        self.queue_hint, self.place = gr.HTML(), gr.HTML(elem_id="work-place")
        with gr.Row():
            self.start = gr.Button(variant="primary", elem_id="work-start")
            self.leave = gr.Button(visible=False, size="sm", elem_id="work-leave")
        self.message, self.item = gr.HTML(elem_id="work-message"), gr.HTML(elem_id="work-panel")
        self.answers = AnswerKeys("work")
        self.kind = gr.Dropdown([""], value="", visible=False, elem_id="work-kind")
        self.note = gr.Textbox(lines=1, max_lines=4, max_length=500, visible=False, elem_id="work-note")

    def _new(self) -> None:
        questions, options = self.exhibit.choices(self.exhibit.questions, self.language.value), next(iter(self.exhibit.questions.values()))
        self.new_hint = gr.HTML()
        self.upload = gr.UploadButton("", file_count="multiple", type="filepath", elem_id="new-upload")
        self.chosen = gr.HTML(elem_id="new-chosen")
        self.remove = gr.Button(size="sm", elem_id="new-remove")
        self.question = gr.Dropdown(questions, value=questions[0][1], visible=len(questions) > 1, elem_id="new-question")
        self.answer = gr.Dropdown(self.exhibit.choices(options, self.language.value), value=None, allow_custom_value=not options, elem_id="new-answer")
        self.new_note = gr.Textbox(lines=1, max_lines=4, elem_id="new-note")
        self.group = gr.Textbox(max_lines=1, max_length=80, elem_id="new-group")
        self.add = gr.Button(variant="primary", elem_id="new-add")
        self.added = gr.HTML(elem_id="new-message")

    def _practice(self) -> None:
        self.practice_hint = gr.HTML()
        self.seed = gr.Number(random.randrange(10_000), precision=0, minimum=0, elem_id="practice-seed")
        with gr.Row():
            self.begin = gr.Button(variant="primary", elem_id="practice-begin")
            self.finish = gr.Button(visible=False, size="sm", elem_id="practice-finish")
        self.trial = gr.HTML(elem_id="practice-panel")
        self.practised = AnswerKeys("practice")

    def _texts(self, language: str) -> dict:
        """component -> the properties that speak, whatever the clerk has before them."""
        say, column = (lambda text: text[language]), self.exhibit.record["data"].get("group_by") or w.GROUP_OF[language]
        hint = fill(w.PRACTICE_MEANS, share=practising.PLANTED)
        return {
            self.name: {"label": say(w.NAME), "info": say(w.NAME_HIDDEN if self.key else w.NAME_MEANS)},
            self.tab_queue: {"label": say(w.TAB_QUEUE)}, self.tab_new: {"label": say(w.TAB_NEW)}, self.tab_practice: {"label": say(w.TAB_PRACTICE)},
            self.queue_hint: {"value": cards.heading(w.QUEUE, language) + cards.hint(w.QUEUE_MEANS, language)},
            self.start: {"value": say(w.START)}, self.leave: {"value": say(w.LEAVE)},
            self.note: {"label": say(w.WHY)}, self.kind: {"label": say(w.KIND), "choices": kinds_in(language)},
            **self.answers.texts(language),
            self.new_hint: {"value": cards.heading(w.NEW, language) + cards.hint(w.NEW_MEANS, language)},
            self.upload: {"label": say(w.FILES)}, self.remove: {"value": say(w.REMOVE)}, self.question: {"label": say(w.QUESTION), "choices": self.exhibit.choices(self.exhibit.questions, language)}, self.answer: {"label": say(w.ANSWER)},
            self.new_note: {"label": say(w.NOTE)}, self.group: {"label": fill(w.GROUP, column=column)[language]}, self.add: {"value": say(w.ADD)},
            self.practice_hint: {"value": cards.heading(w.PRACTICE, language) + cards.hint(hint, language)},
            self.seed: {"label": say(w.SEED)}, self.begin: {"value": say(w.BEGIN)}, self.finish: {"value": say(w.FINISH)},
            **self.practised.texts(language),
        }  # fmt: skip

    def _wire(self, app: gr.Blocks) -> None:
        shown = [self.post, self.place, self.message, self.item, *self.answers.components, self.kind, self.note, self.start, self.leave]
        given = [self.post, self.kind, self.note, self.language]
        self.start.click(self._start, [self.post, self.name, self.language], shown, trigger_mode="once", **PRIVATE)
        self.name.submit(self._start, [self.post, self.name, self.language], shown, trigger_mode="once", **PRIVATE)
        self.leave.click(self._leave, [self.post, self.language], shown, trigger_mode="once", **PRIVATE)
        self.answers.wire(lambda post, *_: options_of(post), self._decide, self._undo, given, shown)
        trial = [self.practice, self.trial, *self.practised.components, self.begin, self.finish, self.seed]
        self.begin.click(self._begin, [self.seed, self.language], trial, trigger_mode="once", **PRIVATE)
        self.finish.click(self._finish, [self.practice, self.language], trial, **PRIVATE)
        self.practised.wire(_advised, self._practised, self._practised_back, [self.practice, self.language], trial)
        self.upload.upload(self._choose, [self.files, self.upload, self.language], [self.files, self.chosen], **PRIVATE)
        self.remove.click(self._remove, None, [self.files, self.chosen, self.added], **PRIVATE)
        app.unload(self._closed)
        self.question.input(self._options, [self.question, self.language], [self.answer], **PRIVATE)
        row = [self.files, self.new_note, self.question, self.answer, self.group, self.name, self.language]
        self.add.click(self._add, row, [self.files, self.chosen, self.added, self.answer, self.new_note], trigger_mode="once", **PRIVATE)
        # what a clerk has before them turns when the page has turned
        turned = [self.place, self.message, self.item, self.trial, self.chosen, self.answer, *self.answers.speaking, *self.practised.speaking]
        self.language.change(self._turned, [self.post, self.practice, self.files, self.question, self.language], turned, **PRIVATE)
        app.load(self._arrive, [self.language], [self.name, self.place, self.item], **PRIVATE)
        app.load(None, None, None, js=LISTEN, **PRIVATE)

    # what the events call

    def _arrive(self, language: str, request: gr.Request | None = None):
        """Whoever logged in needs no name."""
        return [gr.update(visible=not visitor_of(request).name), self._place(Post(), language), item_panel(Post(), self.exhibit, language)]

    def _place(self, post: Post, language: str) -> str:
        return f'<p class="kicker" id="work-waiting" role="status">{fill(w.WAITING, waiting=self.shift.waiting, done=post.done)[language]}</p>'

    @staticmethod
    def _message(post: Post, language: str) -> str:
        return cards.message(post.message, language, "refused" if post.refused else "busy") if post.message else ""

    def _shown(self, post: Post, language: str, keep: bool = False) -> list:
        """Everything that changes with the clerk's item; `keep`: what they typed beside it."""
        busy = post.claim is not None
        return [post, self._place(post, language), self._message(post, language), item_panel(post, self.exhibit, language), *self.answers.shown(self.exhibit.choices(options_of(post), language), busy, bool(post.who)),
                gr.update(visible=busy) if keep else gr.update(value="", visible=busy), gr.update(visible=busy) if keep else gr.update(value="", visible=busy), gr.update(visible=not busy), gr.update(visible=busy)]  # fmt: skip

    def _start(self, post: Post, name: str, language: str, request: gr.Request | None = None):
        with speaking(language):
            return self._shown(self.shift.begin(post, visitor_of(request).name or name or "", visitor_of(request).page), language)

    def _leave(self, post: Post, language: str):
        with speaking(language):
            return self._shown(self.shift.leave(post), language)

    def _decide(self, answer: str | None, post: Post, kind: str, note: str, language: str):
        with speaking(language):
            after = self.shift.decide(post, answer, kind or "", note or "") if answer is not None else post
        return self._shown(after, language, keep=after.claim == post.claim)

    def _undo(self, post: Post, kind: str, note: str, language: str):
        with speaking(language):
            return self._shown(self.shift.undo(post), language)

    def _turned(self, post: Post, practice: Practice, files: tuple[str, ...], question: str, language: str):
        return [self._place(post, language), self._message(post, language), item_panel(post, self.exhibit, language), practising.panel(practice, self.desk.exhibit, language), _chosen(files, language),
                gr.update(choices=self.exhibit.choices(self.exhibit.questions[question], language)), *self.answers.turned(self.exhibit.choices(options_of(post), language)), *self.practised.turned(self.exhibit.choices(_advised(practice), language))]  # fmt: skip

    def _trial(self, practice: Practice, language: str) -> list:
        turn = practice.turn
        return [practice, practising.panel(practice, self.desk.exhibit, language), *self.practised.shown(self.exhibit.choices(_advised(practice), language), turn is not None, turn is not None and practice.place > 0),
                gr.update(visible=turn is None), gr.update(visible=turn is not None), gr.update(visible=turn is None)]  # fmt: skip

    def _begin(self, seed: float | None, language: str):
        return self._trial(practising.begin(self.desk.exhibit, int(seed or 0)), language)

    def _finish(self, practice: Practice, language: str):
        return self._trial(replace(practice, over=True), language)

    def _practised(self, answer: str | None, practice: Practice, language: str):
        return self._trial(practising.answer(practice, answer) if answer is not None else practice, language)

    def _practised_back(self, practice: Practice, language: str):
        return self._trial(practising.undo(practice), language)

    def _choose(self, files: tuple[str, ...], more: list[str], language: str, request: gr.Request | None = None):
        """Files are looked at when they come; what is refused goes at once."""
        page, said = _place_of(visitor_of(request).page), ""
        for file in more or ():
            self.desk.belongings.bring(page, file)
            try:
                checked(Path(file))
                files = (*files, file)
            except Refusal as no:
                self.desk.belongings.drop(page, file)
                said += cards.lasting(no.text, "refused")
        return files, _chosen(files, language) + said

    def _remove(self, request: gr.Request | None = None):
        self._gone(request)
        return (), "", ""

    def _gone(self, request: gr.Request | None = None) -> None:
        """The chosen files go."""
        self.desk.belongings.leave(_place_of(visitor_of(request).page))

    def _closed(self, request: gr.Request | None = None) -> None:
        """The tab is closed: the item is free for others, and the chosen files go."""
        self.shift.gone(visitor_of(request).page)
        self._gone(request)

    def _options(self, question: str, language: str):
        return gr.update(choices=self.exhibit.choices(self.exhibit.questions[question], language), value=None)

    def _add(self, files: tuple[str, ...], note: str, question: str, answer: str | None, group: str, name: str, language: str, request: gr.Request | None = None):
        visitor = visitor_of(request)
        try:
            with speaking(language):
                sample, record = self.new.add(files, note or "", question, answer or "", visitor.name or name or "", group or "", self.desk.most)
        except Refusal as no:
            return files, gr.skip(), cards.lasting(no.text, "refused"), gr.skip(), gr.skip()
        except (KitError, OSError):
            logging.getLogger(__name__).exception("a new sample was not added")  # it may name folders of this machine: for the terminal
            return files, gr.skip(), cards.lasting(w.FAILED, "refused"), gr.skip(), gr.skip()
        for file in files:
            self.desk.belongings.drop(_place_of(visitor.page), file)
        return (), "", cards.lasting(fill(w.ADDED, name=sample.id, n=len(self.new.rows), record=record.n), "busy"), None, ""


def _place_of(page: str) -> str:
    """Under which name the files of this view are kept: those of Try are cleared by themselves."""
    return f"{page} work"


def _advised(practice: Practice, *_) -> tuple[str, ...]:
    return practice.turn.sample.options if practice.turn else ()


def _chosen(files: tuple[str, ...], language: str) -> str:
    names = safe(", ".join(shown_name(Path(file)) for file in files))
    return cards.hint(fill(w.CHOSEN, names=names), language) if files else ""
