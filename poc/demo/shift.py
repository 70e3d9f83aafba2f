"""A clerk's shift: the next item of the run's review queue, blind, its decision, and what must be done about a wrong answer. Plain methods from a Post to a Post; `working` only wires them.

Decisions carry the login's name, or the name that the clerk types where the demo has no logins; with the demo's key (`poc demo RUN --key FILE`) its pseudonym, without one the name itself, as `poc review` has it: with the
key of the demo's questions, which is forgotten when it stops, one clerk would count as two people on the next day.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from kit.errors import KitError
from kit.language import speaking
from kit.operations.audit_log import FILE as LOG
from kit.operations.audit_log import AuditLog
from kit.operations.playbook import PLAYS, likely_kind, play
from kit.operations.review_queue import FILE as QUEUE
from kit.operations.review_queue import Claim, ReviewQueue
from poc.audit_commands import FOLDER
from poc.demo import evidence
from poc.demo import work_words as w
from poc.demo.exhibit import Exhibit
from poc.demo.words import LANGUAGES, fill, safe
from poc.standing import dangerous_of
from poc.words import Text

BLIND_KINDS = ("unreadable input", "misleading note", "new kind", "rule unclear", "personal data", "other")  # of PLAYS those that a person can see without knowing what the model said
UNSEEN = 0.3  # seconds: an answer that comes sooner was meant for the item before


@dataclass(frozen=True)
class Post:
    """What one clerk has before them.

    Attributes:
        who: their name; "" before they begin.
        page: that they look at.
        claim: the item; None where none waits.
        began: when it was shown.
        told: items of which they were told what the model had said; after an undo these are not blind any more.
        done: how many they decided since they began.
        message: what came of their last click, and whether it was a refusal.
    """

    who: str = ""
    page: str = ""
    claim: Claim | None = None
    began: float = 0.0
    told: frozenset[int] = frozenset()
    done: int = 0
    message: Text | None = None
    refused: bool = False


class Shift:
    """The review queue of a run, for clerks.

    Args:
        exhibit: the run.
        key: hides names; None writes them as they are.
        clock: seconds.
    """

    def __init__(self, exhibit: Exhibit, key: bytes | None = None, clock: Callable[[], float] = time.monotonic):
        self.exhibit, self.key, self.clock = exhibit, key, clock
        self.folder = Path(exhibit.run) / FOLDER
        self._held: dict[str, Claim] = {}  # page -> the item before it

    @cached_property
    def queue(self) -> ReviewQueue:
        """Opened when somebody begins: a look at the page makes no file."""
        return ReviewQueue(self.folder / QUEUE, AuditLog(self.folder / LOG, self.key), dangerous_of(self.exhibit.record))

    @property
    def waiting(self) -> int:
        """How many items nobody has closed."""
        return sum(item.final is None for item in self.queue.items()) if (self.folder / QUEUE).is_file() else 0

    def begin(self, post: Post, who: str, page: str = "") -> Post:
        """The clerk's next item; the one they have already, if any. `page`: where they look at it, see `gone`."""
        if not who.strip():
            return replace(post, message=w.NAMELESS, refused=True)
        begun = Post(who.strip(), page, told=post.told) if who.strip() != post.who else post
        return self._tried(begun, lambda: self._next(replace(begun, message=None, refused=False)))

    def decide(self, post: Post, answer: str, kind: str = "", note: str = "") -> Post:
        """Writes the answer ("" = cannot be told) and shows the next item.

        Args:
            kind: of BLIND_KINDS; "" where nothing is odd. Where the model was wrong and nothing is odd, how it was wrong follows from the two answers.
            note: the clerk's reason.
        """
        if post.claim is None:
            return replace(post, message=w.NOT_STARTED, refused=True)
        seconds = self.clock() - post.began
        if seconds < UNSEEN:
            return replace(post, message=w.UNLOOKED, refused=True)

        def write() -> Post:
            before = post.claim.item
            wrong = bool(before.answer and answer and answer != before.answer)
            why = kind or (likely_kind(before.answer, answer, (self.exhibit.record.get("costs") or {}).get("ok_answer") or "") if wrong else "")
            item = self.queue.decide(post.claim, answer, why, note.strip(), seconds, saw=before.id in post.told)
            told = post.told | {item.id} if wrong and item.final is not None else post.told
            return self._next(replace(post, claim=None, told=told, done=post.done + 1, message=_outcome(self.exhibit, before.answer, answer, why, wrong, item.final is None), refused=False))

        return self._tried(post, write)

    def undo(self, post: Post) -> Post:
        """The clerk's last decision taken back, and its item before them again."""

        def back() -> Post:
            claim = self.queue.undo(post.who) if post.who else None
            if claim is None:
                return replace(post, message=w.NOTHING_TO_UNDO, refused=True)
            return replace(post, claim=claim, began=self.clock(), done=max(0, post.done - 1), message=w.TAKEN_BACK, refused=False)

        return self._tried(post, back)

    def leave(self, post: Post) -> Post:
        """Gives the item back; the clerk may begin again."""

        def away() -> Post:
            if post.claim:
                self.queue.release(post.claim)
            return Post(page=post.page, told=post.told)

        return self._tried(post, away)

    def gone(self, page: str) -> None:
        """The page is closed: its item is free for others, unless the clerk has it before them on another page."""
        claim = self._held.pop(page, None)
        if claim and all((other.who, other.item.id) != (claim.who, claim.item.id) for other in list(self._held.values())):  # of a copy: other clerks go on
            try:
                self.queue.release(claim)
            except KitError:  # its lease will end it
                logging.getLogger(__name__).exception("an item was not given back")

    def _next(self, post: Post) -> Post:
        self.queue.require_key()
        return replace(post, claim=self.queue.claim(post.who), began=self.clock())

    @property
    def log(self) -> AuditLog:
        return self.queue.log

    def _tried(self, post: Post, action: Callable[[], Post]) -> Post:
        """What the action makes of the post; a refusal in the words of both languages where it fails, without this machine's folders."""
        try:
            after = action()
        except KitError as error:
            if str(self.folder) not in str(error):
                return replace(post, message={language: str(error) for language in LANGUAGES}, refused=True)
            logging.getLogger(__name__).error("%s", error)
            return replace(post, message=w.FAILED, refused=True)
        if after.claim:
            self._held[after.page] = after.claim
        else:
            self._held.pop(after.page, None)
        return after


def _outcome(exhibit: Exhibit, model: str, said: str, kind: str, wrong: bool, opened: bool) -> Text:
    """What was written, and what to do now."""
    found = {}
    for language in LANGUAGES:
        with speaking(language):
            lines = [w.WRITTEN[language].format(said=exhibit.read_as(said)[language] if said else w.UNTOLD[language])]
            lines += [w.ANOTHER[language]] if opened else []
            # where a second person is asked, what the model said stays untold: the two may sit side by side
            lines += [w.WAS_WRONG[language].format(model=exhibit.read_as(model)[language], now=play(kind).now, tell=play(kind).tell)] if wrong and kind and not opened else []
            found[language] = {"en": " ", "ja": ""}[language].join(lines)
    return found


def options_of(post: Post) -> tuple[str, ...]:
    """The answers to choose from; () where none waits, or the answer is free text."""
    return post.claim.item.sample.options if post.claim else ()


def item_panel(post: Post, exhibit: Exhibit, language: str) -> str:
    """The item as a clerk sees it: evidence, question and reason, without the model's answer and without what gives it away (kit.operations keeps both)."""
    if post.claim is None:
        text = w.NONE_WAITS if post.who else w.NOT_STARTED
        return f'<p class="message quiet" role="status">{safe(text[language])}</p>'
    item = post.claim.item
    name = fill(w.ITEM, n=item.id)[language]
    harmless = [w.REASONS[reason][language] for reason in item.reasons if reason in w.REASONS] or [w.ANY_REASON[language]]
    why = {"en": "; ", "ja": "、"}[language].join(harmless)
    return (
        f'<div class="question" id="work-item" data-item="{item.id}"><span class="label">{safe(name)}</span><p>{safe(exhibit.read_as(item.sample.question)[language])}</p></div>'
        f'<div class="evidence">{evidence.panel(item.sample, name, language)}</div>'
        f'<p class="foot" id="work-reason"><span class="label">{w.REASON[language]}</span>{safe(why)}</p>'
    )


def kinds_in(language: str) -> list[tuple[str, str]]:
    """(name, key) of what may be odd about an item."""
    with speaking(language):
        return [(w.NOTHING_ODD[language], ""), *((play(kind).name, kind) for kind in PLAYS if kind in BLIND_KINDS)]
