"""The demo's part of the run's audit log: who asked what, of which model and adapter, at which threshold, and what came of it. What cannot be written is not answered.

    RUN/operations/audit_log.jsonl, the same log that `poc audit verify RUN` reads and that other programs in use write to.

Who asked is a pseudonym: of the login's name, or without a login of the machine's address. The key is drawn when the demo starts and kept nowhere, so that nobody can tell later who it was; with a key of
`poc audit key` (`poc demo RUN --key FILE`) its holder can. Notes, photos and recordings are not in the log, only the digest of all that was asked.
Not recorded: questions that never reached a model (a bad file, a full line, too many a minute).
"""

import logging
import secrets
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from kit.data import Sample
from kit.errors import KitError
from kit.operations.audit_log import FILE, AuditLog
from kit.operations.audit_record import Record, input_hash
from poc.answer_record import answer_record
from poc.audit_commands import FOLDER
from poc.demo.answer import Answer
from poc.demo.exhibit import Exhibit
from poc.demo.words import Refusal
from poc.runs import adapter_digest
from poc.threshold import Threshold, threshold_of
from poc.words import both

if TYPE_CHECKING:
    from kit.operations.review_rows import Item

UNWRITTEN = both(
    "The question was asked, but its answer is not shown, because it could not be written into the audit log. The terminal that started the demo says why.",
    "質問は実行しましたが、監査ログに記録できないため回答を表示しません。理由はデモを起動したターミナルをご覧ください。",
)

OWN = "own evidence"  # what such a question is about, in the log: a file's name may be somebody's


@dataclass(frozen=True)
class Visitor:
    """Who asks: the login's name ("" without a login), the address of their machine, and the session of their page."""

    name: str = ""
    address: str = ""
    page: str = ""

    @property
    def who(self) -> str:
        return self.name or f"visitor at {self.address or 'this machine'}"

    @property
    def client(self) -> str:
        """What is counted as one client: a login, or a page where there is none."""
        return self.name or f"{self.address} {self.page}"

    @property
    def note(self) -> dict:
        """What every record says of where it came from."""
        return {"from": "demo"} | ({"login": True} if self.name else {})


class Ledger:
    """Writes what was asked and answered.

    Args:
        exhibit: the run.
        key: see `kit.operations.audit_record.read_key`; None draws one that is forgotten with the demo. What people decide (`poc.demo.shift`) is written with `key` itself: a decision must not be nobody's.
    """

    def __init__(self, exhibit: Exhibit, key: bytes | None = None):
        self.exhibit, self.key, self.log = exhibit, key, AuditLog(Path(exhibit.run) / FOLDER / FILE, key or secrets.token_bytes(32))

    @cached_property
    def threshold(self) -> Threshold:
        return threshold_of(self.exhibit.record, self.exhibit.predictions)

    @cached_property
    def adapter(self) -> str:
        """16 hex digits of the digest of its weights; "" where there is none."""
        try:
            return adapter_digest(Path(self.exhibit.run))
        except OSError:
            return ""

    def answered(self, sample: Sample, answer: Answer, visitor: Visitor, digest: str) -> Record:
        """The record of an answer, once it is on the disk.

        Args:
            digest: of `digest_of`, taken before the model was asked.

        Raises:
            Refusal: the log does not take it; then the answer must not be shown.
        """
        note = {"base": answer.said("base"), "recorded": answer.recorded, "apart": round(answer.conflict or 0.0, 4), "swayed": list(answer.swayed)}
        return self._append(answer_record(self.exhibit.record, self.adapter, self.threshold, answer.tuned, visitor.who, self._name(sample), digest, visitor.note | note))

    def refer(self, sample: Sample, record: Record, visitor: Visitor) -> "Item":
        """Puts an answer before people, with its evidence, since somebody asked for it; `poc queue RUN` and `poc review RUN` show the queue.

        Raises:
            KitError: queue or log do not take it.
        """
        from kit.operations.review_queue import FILE as QUEUE
        from kit.operations.review_queue import ReviewQueue

        reasons = ("click", "abstained") if record.decision == "abstained" else ("click",)
        return ReviewQueue(self.log.path.parent / QUEUE, self.log).add(sample, record, reasons, visitor.who)

    def failed(self, sample: Sample, visitor: Visitor, digest: str, why: str) -> Record:
        """The record of a question that a model was asked and did not answer: stopped, out of time, out of memory."""
        about = self.exhibit.record
        return self._append(Record("event", visitor.who, self._name(sample), about["model"]["name"], self.adapter, about["data"]["hash"], input=digest, decision="no answer", note=visitor.note | {"why": why[:300]}))

    def _name(self, sample: Sample) -> str:
        return sample.id if sample.id in self.exhibit.samples else OWN

    def _append(self, record: Record) -> Record:
        try:
            return self.log.append(record)
        except KitError as error:
            logging.getLogger(__name__).error("%s", error)  # it names folders of this machine: for the terminal, not for a visitor
            raise Refusal(UNWRITTEN) from error


def digest_of(sample: Sample) -> str:
    """`input_hash` of what is asked; "" where a file of it is not on this machine (recorded answers need none)."""
    try:
        return input_hash(sample)
    except OSError:
        return ""
