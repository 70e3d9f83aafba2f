"""What happens when a visitor picks, uploads, asks. Plain methods from a View to a View; the page only wires them."""

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from kit.data import MEDIA, Sample
from kit.errors import KitError
from kit.language import speaking
from kit.operations.audit_record import Record
from poc.demo import aloud, cards, evidence
from poc.demo import words as w
from poc.demo.answer import Answer, ModelPair, Recordings, answer
from poc.demo.belongings import Belongings
from poc.demo.counter import NOBODY, Counter, Question
from poc.demo.exhibit import Exhibit
from poc.demo.ledger import Ledger, Visitor
from poc.demo.line import Line
from poc.demo.loading import Loading
from poc.demo.looking import GLANCE, Looking
from poc.demo.uploads import checked, own_sample
from poc.threshold import Threshold, threshold_of
from poc.words import Text

if TYPE_CHECKING:
    from kit.operations.review_rows import Item

SHOWN = 8  # samples offered at once


@dataclass(frozen=True)
class View:
    """What one visitor has before them; every visitor has their own.

    Attributes:
        own: they look at their own evidence, not at a held-out sample.
        held: id of the chosen held-out sample.
        page: which eight samples are offered.
        files: their own files, as (modality, path).
        question: the question they ask about their own evidence.
        asked, answer: what was asked last and what came back; None before.
        record: of the answer, in the audit log; None where nothing is recorded.
        refusal: why there is no answer.
    """

    own: bool = False
    held: str = ""
    page: int = 0
    files: tuple[tuple[str, str], ...] = ()
    question: str = ""
    asked: Sample | None = None
    answer: Answer | None = None
    record: Record | None = None
    refusal: Text | None = None

    def fresh(self, **changes) -> "View":
        """The view with the answer taken away, since it belonged to something else."""
        return replace(self, **changes, asked=None, answer=None, record=None, refusal=None)


class Desk:
    """A finished run and its models, ready to be asked.

    Args:
        exhibit: the run.
        source: its models or its recordings; with `loading` the recordings, until that calls `receive`.
        reason: why only recordings are there; "" otherwise.
        loading: a model on its way.
        ledger: where questions and answers are recorded; None records nothing.
        line: who is asked next; None for one of the usual size.
    """

    def __init__(self, exhibit: Exhibit, source: ModelPair | Recordings, reason: str = "", loading: Loading | None = None, ledger: Ledger | None = None, line: Line | None = None):
        self.exhibit, self.loading, self.belongings = exhibit, loading, Belongings()
        self.counter = Counter(exhibit, source, ledger, line, loading)
        self.looking = Looking(exhibit, self.counter.line)
        self.voices, self.listeners = aloud.Voices(), aloud.Listeners()
        # as many files as the use case's own samples have: a document is two photos, an inspection one
        self.most = {kind: max([1, *(len(getattr(sample, kind)) for sample in exhibit.samples.values())]) for kind in MEDIA}
        self.reason, self.believed = reason, None
        if loading is None:
            self.receive(source, reason)

    @property
    def source(self) -> ModelPair | Recordings:
        """Who answers now."""
        return self.counter.source

    @cached_property
    def threshold(self) -> Threshold:
        """Of the run: from which confidence on an answer is given."""
        return threshold_of(self.exhibit.record, self.exhibit.predictions)

    @property
    def waits(self) -> bool:
        """Whether a model is still on its way."""
        return self.loading is not None and not self.loading.over.is_set()

    def top(self, language: str) -> str:
        """Title and banners; while the model is on its way that is told by `progress` instead."""
        return cards.top(self.exhibit, language, self.source.recorded and not self.waits, self.reason)

    def head(self, language: str) -> str:
        """The verdict, and which evidence the model believes."""
        return cards.verdict(self.exhibit.record, language, self.believed)

    def progress(self, language: str) -> str:
        return self.loading.shown(language) if self.waits else ""

    def receive(self, source: ModelPair | Recordings, reason: str = "") -> None:
        """From now on this one answers."""
        if isinstance(source, ModelPair):
            from poc.demo.doubts import mostly_written

            source.reads_photos = mostly_written(self.exhibit.samples.values())
        if self.exhibit.diagnosis:
            from poc.report.believes import believes  # brings torch, which the first page does without

            self.believed = (believes(self.exhibit.diagnosis) or {}).get("headline")
        self.counter.source, self.reason = source, reason

    def warm(self, source: ModelPair) -> None:
        """Asks one question that nobody waits for: what happens once only is done then."""
        first = next((sample for sample in self.exhibit.samples.values() if sample.modalities and self.exhibit.complete(sample)), None)
        if first is not None:
            answer(source, first)

    def first_view(self) -> View:
        return View(held=next(iter(self.exhibit.samples), ""), question=next(iter(self.exhibit.questions), ""))

    def offered(self, view: View) -> list[Sample]:
        """The samples of the view's page; the pages go round."""
        samples = list(self.exhibit.samples.values())
        start = view.page * SHOWN % max(len(samples), 1)
        return samples[start : start + SHOWN]

    def turn_page(self, view: View) -> View:
        page = (view.page + 1) % max(1, -(-len(self.exhibit.samples) // SHOWN))
        turned = view.fresh(page=page, own=False)
        return replace(turned, held=self.offered(turned)[0].id if self.offered(turned) else "")

    def pick(self, view: View, sample_id: str) -> View:
        return view.fresh(held=sample_id, own=False)

    def add_files(self, view: View, files: list[str] | None, visitor: Visitor = NOBODY) -> View:
        """The view with the files that can be used; where there are more of a kind than fit, a newer one takes the oldest one's place. What is not used is deleted."""
        kept, refusal = list(view.files), None
        for file in files or []:
            self.belongings.bring(visitor.page, file)
            try:
                kind = checked(Path(file))
            except w.Refusal as no:
                refusal = no.text
                self.belongings.drop(visitor.page, file)
                continue
            same = [entry for entry in kept if entry[0] == kind]
            if len(same) >= self.most[kind]:
                kept.remove(same[0])
                self.belongings.drop(visitor.page, same[0][1])
            kept.append((kind, str(file)))
        return replace(view.fresh(files=tuple(kept), own=True), refusal=refusal)

    @property
    def hears(self) -> bool:
        """Whether a question may be asked by voice: the model is loaded, and it takes sounds in."""
        return "audio" in (self.senses or ())

    def add_recording(self, view: View, recording: str, as_question: bool, visitor: Visitor = NOBODY) -> tuple[View, str]:
        """The view with a recorded voice as its evidence, or as its question (one of the use case's: the model says which), and a sentence about it."""
        from kit.speech.questions import write_recording  # brings torch, which recorded answers do without

        try:
            file = write_recording(recording, Path(recording).parent)  # beside it, where Gradio deletes it with the visitor's other files
            if not as_question:
                added = self.add_files(view, [str(file)], visitor)
                return added, cards.lasting(added.refusal, "refused") if added.refusal else ""
            questions = tuple(self.exhibit.questions)
            if len(questions) == 1:
                return view.fresh(question=questions[0], own=True), cards.lasting(w.ONE_QUESTION)
            shares = self.counter.line.join(lambda stop: self.source.hear(file, questions, stop)).result()
        except KitError as error:
            return view.fresh(own=True), cards.lasting(w.fill(w.NOT_HEARD, reason=str(error)), "refused")
        asked = max(shares, key=shares.get)
        return view.fresh(question=asked, own=True), cards.lasting(w.fill(w.UNDERSTOOD, question=self.exhibit.read_as(asked), share=shares[asked]))

    def speak(self, view: View, language: str, visitor: str = "") -> Iterator[str]:
        """HTML of the answer's sentences, one by one with their sounds; one sentence that says why, where there is no voice."""
        if view.answer is None or view.asked is None:
            return
        try:
            with speaking(language):
                voice = self.voices.of(language)
        except KitError as error:
            yield aloud.no_voice(error, language)
            return
        yield from aloud.play(aloud.in_sentences(view.answer, view.asked.answer, self.exhibit, language), voice, language, self.listeners, visitor)

    def believe(self, view: View, language: str, page: str = "", fold: bool = False) -> Iterator[str | None]:
        """HTML of which evidence the answer before the visitor believed; see `Looking.told`. "" where there is no answer."""
        if view.answer is None or view.asked is None:
            yield ""
        else:
            yield from self.looking.told(self.source, view.asked, view.answer, language, page, fold)

    def ask(self, view: View, note: str, language: str, visitor: Visitor = NOBODY, early: bool = True) -> Iterator[tuple[View, str]]:
        """What to wait for, as often as that changes, the base model's answer as soon as it is known (with `early`), then the view with both or the refusal. Closing it stops the question."""
        yield view, cards.message(self._busy(len(self.counter.line)), language, "busy")
        asked: list[Question] = []
        try:
            done = yield from self._questioned(view, note, language, visitor, asked, early)
        finally:
            for question in asked:
                question.turn.stop()
        yield done, self.outcome(done, language)

    def _questioned(self, view: View, note: str, language: str, visitor: Visitor, asked: list[Question], early: bool) -> Iterator[tuple[View, str]]:
        try:
            sample = self._own(view, note) if view.own else self.exhibit.samples.get(view.held)
            if sample is None:
                return replace(view.fresh(), refusal=w.NOTHING_CHOSEN)
            asked.append(question := self.counter.ask(sample, visitor))
            while not question.turn.wait(GLANCE):
                parts = question.turn.parts if early else ()
                yield view, cards.early(parts[0], sample, self.exhibit, language) if parts else cards.message(self._busy(question.turn.before), language, "busy")
            given, record = self.counter.told(question)
            return replace(view.fresh(), asked=sample, answer=given, record=record)
        except GeneratorExit:
            with contextlib.suppress(w.Refusal):  # a log that takes nothing was told to the terminal, and nobody waits here
                for question in asked:
                    self.counter.failed(question, "stopped by the visitor")
            raise
        except w.Refusal as no:
            return replace(view.fresh(), refusal=no.text)
        except (KitError, OSError, ValueError, RuntimeError):
            logging.getLogger(__name__).exception("no answer")  # for the person at the terminal; a visitor gets the sentence
            return replace(view.fresh(), refusal=w.FAILED)

    def answered(self, view: View, note: str, visitor: Visitor = NOBODY) -> View:
        """The view with the answer, or with one sentence that says why there is none."""
        *_, (done, _) = self.ask(view, note, "en", visitor)
        return done

    def refer(self, view: View, visitor: Visitor = NOBODY) -> "Item | None":
        """"A person should check": the answer before the visitor goes into the run's review queue; None where there is none, or nothing is recorded.

        Raises:
            KitError: queue or log do not take it.
        """
        if view.asked is None or view.record is None or self.counter.ledger is None:
            return None
        return self.counter.ledger.refer(view.asked, view.record, visitor)

    @staticmethod
    def _busy(before: int) -> Text:
        return w.THINKING if not before else w.WAITING if before == 1 else w.fill(w.IN_LINE, n=before)

    @property
    def senses(self) -> tuple[str, ...] | None:
        """The modalities that the model takes in; None where no model is loaded."""
        return self.source.loaded.checkpoint.modalities if isinstance(self.source, ModelPair) else None

    def _own(self, view: View, note: str) -> Sample:
        files = [file for _, file in view.files]
        options = self.exhibit.questions[view.question]
        return own_sample(files, note or "", view.question, options, tuple(self.exhibit.record["decided_by"]), self.senses, self.most)

    def looked_at(self, view: View) -> Sample | None:
        """The sample whose evidence is shown."""
        if not view.own:
            return self.exhibit.samples.get(view.held)
        if view.asked:
            return view.asked
        media = {kind: tuple(Path(file) for made, file in view.files if made == kind) for kind in MEDIA}
        return Sample(w.OWN_NAME["en"], view.question, self.exhibit.questions[view.question], **media)

    def panel(self, view: View, language: str) -> str:
        """The evidence and the question."""
        sample = self.looked_at(view)
        if sample is None:
            return cards.message(w.NOTHING_CHOSEN, language)
        name = w.OWN_NAME[language] if view.own else self.exhibit.shown_id(sample)
        shown = evidence.panel(sample, name, language) if sample.modalities else cards.message(w.NOTHING_CHOSEN, language)
        return f'<div class="evidence" id="evidence" data-sample="{"own" if view.own else w.safe(name)}">{shown}</div>'

    def question(self, view: View, language: str) -> str:
        return cards.question(self.looked_at(view), self.exhibit, language)

    def outcome(self, view: View, language: str) -> str:
        """The answers, the refusal, or the hint to ask."""
        if view.refusal:
            return cards.message(view.refusal, language, "refused")
        if view.answer is None or view.asked is None:
            return cards.message(w.NOT_ASKED, language)
        said = aloud.in_sentences(view.answer, view.asked.answer, self.exhibit, language)
        return cards.result(view.answer, view.asked, self.exhibit, language, view.record, self.threshold, said)
