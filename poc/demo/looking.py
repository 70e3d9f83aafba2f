"""Who waits for which explanation ("which evidence it believed"): of one visitor one at a time, while nobody asks a question, remembered for whoever asks the same again. The answer is shown before and stays, whatever becomes of this."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator

from kit.data import Sample
from poc.demo import believed_words as b
from poc.demo import cards
from poc.demo.answer import Answer, ModelPair, Recordings
from poc.demo.believed import Believed, look
from poc.demo.exhibit import Exhibit
from poc.demo.ledger import digest_of
from poc.demo.line import STOPPED, Line, Turn
from poc.demo.words import Refusal, fill
from poc.words import Text

KNOWN = 256  # explanations that are remembered, of less than a kilobyte each
GLANCE = 0.5  # seconds between two looks, in which Gradio can end what nobody waits for


class Looking:
    """The explanations of a run's answers.

    Args:
        exhibit: the run.
        line: before its model.
    """

    def __init__(self, exhibit: Exhibit, line: Line):
        self.exhibit, self.line = exhibit, line
        self._known: OrderedDict[tuple[object, str], Believed] = OrderedDict()
        self._now: dict[str, Turn] = {}
        self._lock = threading.Lock()

    def told(self, source: ModelPair | Recordings, sample: Sample, answer: Answer, language: str, page: str = "", fold: bool = False) -> Iterator[str | None]:
        """HTML as often as more is known; None at the end where somebody ended it (`end`), who says what is shown then. Closing it ends it.

        Args:
            page: of the visitor, who waits for one explanation at a time.
            fold: behind one line, and nothing of it before all is known: what somebody opened must not close again.
        """

        def show(found: Believed, note: Text | None) -> str:
            from poc.demo import believed_cards  # brings torch, which recorded answers do without

            if fold and note is b.LOOKING_AT:
                return cards.hint(b.LOOKING, language)
            return (believed_cards.folded if fold else believed_cards.card)(found, sample, language, note)

        if source.recorded or answer.recorded:
            yield cards.hint(b.NEEDS_MODEL, language)
            return
        if found := self.known(source, sample):
            self.end(page)
            yield show(found, None)
            return
        turn, seen = None, 0
        try:
            turn = self.begin(source, sample, answer, page)
            yield cards.hint(b.LOOKING, language)
            while not turn.wait(GLANCE):
                if len(turn.parts) > seen:
                    seen = len(turn.parts)
                    yield show(turn.parts[-1], b.LOOKING_AT)
            yield show(turn.result(), None)
        except Refusal as no:
            yield None if no.text is STOPPED else _lost(turn, no.text, language, show)
        except Exception:  # whatever it is, the answer stays
            logging.getLogger(__name__).exception("no explanation")  # for the person at the terminal
            yield _lost(turn, b.BROKEN, language, show)
        finally:
            if turn is not None:
                self.end(page, turn)

    def known(self, source: object, sample: Sample) -> Believed | None:
        """What was found about the same question and evidence, asked of the same model."""
        digest = digest_of(sample)
        with self._lock:
            return self._known.get((source, digest)) if digest else None

    def begin(self, pair: ModelPair, sample: Sample, answer: Answer, page: str = "") -> Turn:
        """A turn of the lower rank, whose result is the whole Believed; the page's earlier one ends. Of no page ("", a program's) as many as there may be.

        Raises:
            Refusal: as many wait as may.
        """
        digest, work = digest_of(sample), look(pair, sample, answer, self.exhibit)

        def remembered(turn: Turn) -> Generator:
            found = self.known(pair, sample) or (yield from work(turn))
            if digest:
                with self._lock:
                    self._known[pair, digest] = found
                    while len(self._known) > KNOWN:
                        self._known.popitem(last=False)
            return found

        self.end(page)
        turn = self.line.follow(remembered)
        if page:
            with self._lock:
                self._now[page] = turn
        return turn

    def waiting(self, page: str) -> bool:
        """Whether somebody at this page waits."""
        with self._lock:
            return page in self._now and not self._now[page].over

    def end(self, page: str, turn: Turn | None = None) -> bool:
        """Nobody at this page waits any more; with `turn` only for that one. Whether somebody waited."""
        with self._lock:
            if turn is None or self._now.get(page) is turn:
                turn = self._now.pop(page, turn)
        if turn is None or turn.over:
            return False
        turn.stop()
        return True


def _lost(turn: Turn | None, why: Text, language: str, show: Callable[[Believed, Text | None], str]) -> str:
    """What was found before the end is still true."""
    note = fill(b.LOST, why=why)
    return show(turn.parts[-1], note) if turn is not None and turn.parts else cards.hint(note, language)
