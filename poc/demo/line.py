"""One model, many visitors: a line with a bound, first come first served, one thread that asks the model, a limit of time, and a way to stop.

    turn = line.join(lambda stop: pair.answer(sample, stop))      # refused where the line is full
    while not turn.wait(0.25): ...                                # turn.before: how many come first
    turn.result()                                                 # the answer, or why there is none
    line.follow(lambda turn: pieces)                              # work that every question comes before, piece by piece

One thread asks the model, whoever waits: threads of their own would each get a pool of workers from the math libraries, and memory would grow with the visitors. `stop` is asked between the
model's layers, so that a question that nobody waits for any more, or that takes too long, ends within one layer; and a piece of work of the lower rank gives way to a question within one layer, and is done again later.
"""

import threading
import time
from collections.abc import Callable, Generator

from poc.demo.words import Refusal, fill
from poc.words import Text, both

MOST = 32  # turns in line, the one that is being answered included
LONGEST = 120.0  # seconds from joining the line to the answer
MOST_AFTER, LONGEST_AFTER = 16, 60.0  # works of the lower rank at once, and seconds that one may take, its wait included
_IDLE = 30.0  # seconds after which the thread ends; the next turn begins another one

FULL = both("{n} questions are waiting already; please try again in a minute. Nothing was asked.", "すでに {n} 件の質問が待っています。1 分ほど後にお試しください。この質問は受け付けていません。")
LATE = both("No answer within {seconds:.0f} s, so this question was ended. Try again when fewer people ask, or with a smaller photo or a shorter video.",
            "{seconds:.0f} 秒以内に答えが出なかったため、この質問を終了しました。混んでいないときに、または小さい写真・短い動画でお試しください。")  # fmt: skip
BUSY = both("Many people are asking just now.", "ただいま質問が集中しています。")
STOPPED = both("Stopped before there was an answer.", "回答の前に中止しました。")


class Stopped(Exception):
    """Ends a model's forward pass that nobody waits for any more."""


class GaveWay(Stopped):
    """Ends a piece of work of the lower rank, because somebody asks a question."""


class Turn:
    """One question in line; see `Line.join`.

    Attributes:
        parts: what the work told before its end, in that order.
    """

    def __init__(self, line: "Line", work: Callable[["Turn"], object], among: "list[Turn]", longest: float):
        self._line, self._work, self._among, self._longest = line, work, among, longest
        self._ends, self._stopped, self._done, self._news = time.monotonic() + longest, threading.Event(), threading.Event(), threading.Event()
        self._result, self._error = None, None
        self.parts: list = []

    def __call__(self) -> None:
        """To be called by the work now and then.

        Raises:
            Stopped: nobody waits any more, or it is out of time.
        """
        if self._stopped.is_set() or time.monotonic() >= self._ends:
            raise Stopped

    def tell(self, part) -> None:
        """Something that is known before the end; called by the work."""
        self.parts.append(part)
        self._news.set()

    @property
    def before(self) -> int:
        """How many turns come first; 0 when it is being answered."""
        return self._line.place(self)

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    @property
    def over(self) -> bool:
        """Whether it has ended, however."""
        return self._done.is_set()

    def wait(self, seconds: float) -> bool:
        """Whether it has ended, after at most so many seconds, or as soon as it told a part; a turn that is out of time ends here, even where the model hangs."""
        if self._done.is_set():
            return True
        if not self._news.wait(min(seconds, max(0.0, self._ends - time.monotonic()))) and time.monotonic() >= self._ends:
            self._end(error=self._late())
        self._news.clear()  # before the look: what comes after it is seen by the next one
        return self._done.is_set()

    def result(self):
        """What the work returned; waits for it.

        Raises:
            Refusal: too late, or stopped.
            Exception: what the work raised.
        """
        while not self.wait(1.0):
            pass
        if self._error is not None:
            raise self._error
        return self._result

    def stop(self) -> None:
        """Nobody waits for this any more; nothing where it has ended."""
        self._end(error=Refusal(STOPPED))

    def _end(self, result=None, error=None) -> None:
        with self._line.changed:
            if self._done.is_set():
                return
            self._result, self._error = result, error
            self._stopped.set()
            if self in self._among:
                self._among.remove(self)
            self._done.set()
            self._news.set()

    def _late(self) -> Refusal:
        return Refusal(fill(LATE, seconds=self._longest))

    def run(self) -> None:
        """Asks the model; in the line's thread."""
        try:
            self()
            self._end(self._step())
        except GaveWay:
            pass  # it stays where it is
        except Stopped:
            self._end(error=self._late())  # one that was stopped has ended before
        except Exception as error:  # the visitor's thread gets it, whatever it is; this one goes on with the next turn
            self._end(error=error)

    def _step(self):
        return self._work(self)


class After(Turn):
    """Work of the lower rank; see `Line.follow`."""

    _pieces, _piece = None, None

    def __call__(self) -> None:
        """As a question's, and `GaveWay` where a question waits."""
        super().__call__()
        if self._line.turns:
            raise GaveWay

    def _late(self) -> Refusal:
        return Refusal(BUSY)

    def _step(self):
        """One piece; what all of them return, where it was the last one."""
        try:
            if self._pieces is None:
                self._pieces = self._work(self)
                self._piece = next(self._pieces)
            self._piece = self._pieces.send(self._piece(self))
        except StopIteration as last:
            return last.value
        raise GaveWay


class Line:
    """The line before one model.

    Args:
        most: turns in it, at most.
        longest: seconds that a turn may take, its wait included.
        most_after, longest_after: the same of work of the lower rank.
    """

    def __init__(self, most: int = MOST, longest: float = LONGEST, most_after: int = MOST_AFTER, longest_after: float = LONGEST_AFTER):
        self.most, self.longest, self.most_after, self.longest_after = most, longest, most_after, longest_after
        self.turns: list[Turn] = []
        self.after: list[Turn] = []
        self.changed, self._thread, self._closed = threading.Condition(), None, False

    def join(self, work: Callable[[Turn], object]) -> Turn:
        """A turn at the end of the line. `work` gets the turn, which raises Stopped when it is called once nobody waits any more, and takes the parts of the answer that are known before the others.

        Raises:
            Refusal: the line is full.
        """
        return self._joined(Turn, work, self.turns, self.most, self.longest, fill(FULL, n=len(self.turns)))

    def follow(self, work: Callable[[Turn], Generator[Callable[[Turn], object], object, object]]) -> Turn:
        """A turn of the lower rank: it is served where no question waits, one piece at a time. `work` makes a generator: it yields what to do next, gets what that returned, and returns the result.

        A question that comes in the middle of a piece ends that piece (`GaveWay`), which is done again from its beginning; so a piece must be short, and harmless when it is done twice.

        Raises:
            Refusal: as many wait as may.
        """
        return self._joined(After, work, self.after, self.most_after, self.longest_after, BUSY)

    def _joined(self, kind: type[Turn], work: Callable, among: list[Turn], most: int, longest: float, full: Text) -> Turn:
        with self.changed:
            if len(among) >= most:
                raise Refusal(full)
            turn = kind(self, work, among, longest)
            among.append(turn)
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="poc-demo-model", daemon=True)
                self._thread.start()
            self.changed.notify_all()
        return turn

    def close(self, seconds: float = 5.0) -> None:
        """Nobody is answered any more: the model is left within a layer. A process that ended in the middle of one would abort in the math libraries instead of ending."""
        with self.changed:
            self._closed, thread, left = True, self._thread, [*self.turns, *self.after]
            self.changed.notify_all()
        for turn in left:
            turn.stop()
        if thread is not None:
            thread.join(seconds)

    def place(self, turn: Turn) -> int:
        """How many turns come before this one."""
        with self.changed:
            return self.turns.index(turn) if turn in self.turns else 0

    def __len__(self) -> int:
        return len(self.turns)

    def _serve(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.turns or self.after or self._closed, _IDLE)
                if self._closed or not self.turns and not self.after:
                    self._thread = None
                    return
                turn = (self.turns or self.after)[0]
            turn.run()
