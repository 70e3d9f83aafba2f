"""One model, many visitors: a line with a bound, first come first served, one thread that asks the model, a limit of time, and a way to stop.

    turn = line.join(lambda stop: pair.answer(sample, stop))      # refused where the line is full
    while not turn.wait(0.25): ...                                # turn.before: how many come first
    turn.result()                                                 # the answer, or why there is none

One thread asks the model, whoever waits: threads of their own would each get a pool of workers from the math libraries, and memory would grow with the visitors. `stop` is asked between the
model's layers, so that a question that nobody waits for any more, or that takes too long, ends within one layer.
"""

import threading
import time
from collections.abc import Callable

from poc.demo.words import Refusal, fill
from poc.words import both

MOST = 32  # turns in line, the one that is being answered included
LONGEST = 120.0  # seconds from joining the line to the answer
_IDLE = 30.0  # seconds after which the thread ends; the next turn begins another one

FULL = both("{n} questions are waiting already; please try again in a minute. Nothing was asked.", "すでに {n} 件の質問が待っています。1 分ほど後にお試しください。この質問は受け付けていません。")
LATE = both("No answer within {seconds:.0f} s, so this question was ended. Try again when fewer people ask, or with a smaller photo or a shorter video.",
            "{seconds:.0f} 秒以内に答えが出なかったため、この質問を終了しました。混んでいないときに、または小さい写真・短い動画でお試しください。")  # fmt: skip
STOPPED = both("Stopped before there was an answer.", "回答の前に中止しました。")


class Stopped(Exception):
    """Ends a model's forward pass that nobody waits for any more."""


class Turn:
    """One question in line; see `Line.join`."""

    def __init__(self, line: "Line", work: Callable[[Callable[[], None]], object]):
        self._line, self._work = line, work
        self._ends, self._stopped, self._done = time.monotonic() + line.longest, threading.Event(), threading.Event()
        self._result, self._error = None, None

    @property
    def before(self) -> int:
        """How many turns come first; 0 when it is being answered."""
        return self._line.place(self)

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def wait(self, seconds: float) -> bool:
        """Whether it has ended, after at most so many seconds; a turn that is out of time ends here, even where the model hangs."""
        if not self._done.wait(min(seconds, max(0.0, self._ends - time.monotonic()))) and time.monotonic() >= self._ends:
            self._end(error=Refusal(fill(LATE, seconds=self._line.longest)))
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
            if self in self._line.turns:
                self._line.turns.remove(self)
            self._done.set()

    def _look(self) -> None:
        if self._stopped.is_set() or time.monotonic() >= self._ends:
            raise Stopped

    def run(self) -> None:
        """Asks the model; in the line's thread."""
        try:
            self._look()
            self._end(self._work(self._look))
        except Stopped:
            self._end(error=Refusal(fill(LATE, seconds=self._line.longest)))  # one that was stopped has ended before
        except Exception as error:  # the visitor's thread gets it, whatever it is; this one goes on with the next turn
            self._end(error=error)


class Line:
    """The line before one model.

    Args:
        most: turns in it, at most.
        longest: seconds that a turn may take, its wait included.
    """

    def __init__(self, most: int = MOST, longest: float = LONGEST):
        self.most, self.longest = most, longest
        self.turns: list[Turn] = []
        self.changed, self._thread = threading.Condition(), None

    def join(self, work: Callable[[Callable[[], None]], object]) -> Turn:
        """A turn at the end of the line. `work` gets a function that raises Stopped once nobody waits any more, to be called now and then.

        Raises:
            Refusal: the line is full.
        """
        with self.changed:
            if len(self.turns) >= self.most:
                raise Refusal(fill(FULL, n=len(self.turns)))
            turn = Turn(self, work)
            self.turns.append(turn)
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="poc-demo-model", daemon=True)
                self._thread.start()
            self.changed.notify_all()
        return turn

    def place(self, turn: Turn) -> int:
        """How many turns come before this one."""
        with self.changed:
            return self.turns.index(turn) if turn in self.turns else 0

    def __len__(self) -> int:
        return len(self.turns)

    def _serve(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.turns, _IDLE)
                if not self.turns:
                    self._thread = None
                    return
                turn = self.turns[0]
            turn.run()
