"""The one way to a model: not too often, in line, within a limit of time, and recorded before it is shown. Every page and the HTTP interface ask here."""

from dataclasses import dataclass

from kit.data import Sample
from kit.operations.audit_record import Record
from poc.demo import words as w
from poc.demo.answer import Answer, ModelPair, Recordings, answer
from poc.demo.exhibit import Exhibit
from poc.demo.ledger import Ledger, Visitor, digest_of
from poc.demo.line import Line, Turn
from poc.demo.loading import Loading
from poc.demo.rate import Rate

A_MINUTE, AT_ONCE = 60, 20  # questions of one client: more than a person can read
OF_ADDRESS, OF_ADDRESS_AT_ONCE = 600, 100  # of one machine without logins, however many pages it says it has: an office behind one address
NOBODY = Visitor()


@dataclass(frozen=True)
class Question:
    """Something that a visitor asked and that is in line. `digest` is of what was asked, for the audit log."""

    sample: Sample
    visitor: Visitor
    digest: str
    turn: Turn


class Counter:
    """Takes questions and hands out answers.

    Args:
        exhibit: the run.
        source: who answers; may be exchanged for another one at any time.
        ledger: where questions and answers are recorded; None records nothing.
        line: who is asked next; None for one of the usual size.
        loading: a model on its way.
    """

    def __init__(self, exhibit: Exhibit, source: ModelPair | Recordings, ledger: Ledger | None = None, line: Line | None = None, loading: Loading | None = None):
        self.exhibit, self.source, self.ledger, self.line, self.loading = exhibit, source, ledger, Line() if line is None else line, loading
        self.recordings = Recordings(exhibit.predictions)
        self.rate, self.machines = Rate(A_MINUTE, AT_ONCE), Rate(OF_ADDRESS, OF_ADDRESS_AT_ONCE)

    def ask(self, sample: Sample, visitor: Visitor = NOBODY) -> Question:
        """A turn in line for the sample; of a held-out sample whose files are not here, for its recorded answer.

        Raises:
            Refusal: the line is full, this client asks too often, or own evidence while the model is still being loaded.
        """
        if left := self.rate.take(visitor.client) or (not visitor.name and self.machines.take(visitor.address)):
            raise w.Refusal(w.fill(w.TOO_OFTEN, seconds=max(1, round(left))))
        known = self.exhibit.samples.get(sample.id) is sample
        source = self.recordings if known and not self.exhibit.complete(sample) else self.source
        if source.recorded and not known and self.loading is not None and not self.loading.over.is_set():
            raise w.Refusal(w.STILL_LOADING)
        digest = digest_of(sample) if self.ledger else ""
        return Question(sample, visitor, digest, self.line.join(lambda turn: answer(source, sample, turn, turn.tell)))

    def told(self, question: Question) -> tuple[Answer, Record | None]:
        """The answer once it is recorded, and its record; waits for it.

        Raises:
            Refusal: too late, stopped, out of memory, no recorded answer, or the audit log does not take it.
            KitError: a file of the sample cannot be used.
        """
        try:
            given = question.turn.result()
        except Exception as error:
            self.failed(question, error.text["en"] if isinstance(error, w.Refusal) else type(error).__name__)
            raise
        record = self.ledger.answered(question.sample, given, question.visitor, question.digest) if self.ledger else None
        return given, record

    def answer(self, sample: Sample, visitor: Visitor = NOBODY) -> tuple[Answer, Record | None]:
        """`ask` and `told` in one."""
        return self.told(self.ask(sample, visitor))

    def failed(self, question: Question, why: str) -> None:
        """Records a question that was asked and has no answer."""
        if self.ledger:
            self.ledger.failed(question.sample, question.visitor, question.digest, why)
