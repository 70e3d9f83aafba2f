"""The bench at which one person answers row after row. Both pages (`kit.show.label_bench` in a notebook, `poc label` in a browser) are remote controls of it.

The label that a row has is not shown before the person has answered, and some rows are no suspects: a few in random order (`kit.labelling.agreement.wrong_labels`) and a few that
somebody else has answered (kappa is measured on them). Who answers does not know which.
"""

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from kit.data import Sample
from kit.errors import KitError
from kit.labelling.log import Entry, LabelLog, Logs, in_random_order, standing
from kit.language import say

CANNOT_TELL = ""  # an answer, too: better than a guess
KEYS = "123456789"  # of the options, in their order; 0 cannot tell, u takes back, s puts off


class Bench:
    """One person's queue over a folder's rows.

    Args:
        samples: the rows as the folder's table has them.
        log: folder of the label logs.
        annotator: who answers.
        values: id -> value of a look (`kit.labelling.values`); the other rows come up as controls only.
        settle: show the rows on which others differ, with what they said, and let this person decide.
        again: the order's rows come up although somebody else has answered them.
        overlap: share of rows that somebody else has answered already.
        controls: share of rows drawn at random from those that have a label.
        seed: of the drawn rows.
        clock: seconds, going on.

    Raises:
        KitError: see `LabelLog`.
    """

    def __init__(
        self, samples: Sequence[Sample], log: Path, annotator: str, values: dict[str, float], settle: bool = False, again: bool = False, overlap: float = 0.2, controls: float = 0.1, seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ):  # fmt: skip
        self.logs, self.log, self.settle, self.again = Logs(log), LabelLog(log, annotator), settle, again
        self.samples = {sample.id: sample for sample in samples}
        self.order = sorted((id for id in values if id in self.samples), key=lambda id: -values[id])
        self.overlap, self.controls, self.seed, self.clock = overlap, controls, seed, clock
        self.drawn = {id: place for place, id in enumerate(in_random_order(self.samples, seed))}
        self.skipped: set[str] = set()
        self._advance()

    @property
    def annotator(self) -> str:
        return self.log.annotator

    @property
    def done(self) -> int:
        """Rows that this person has answered, today or before."""
        return sum(self.annotator in said for said in standing(self.log.entries()).values())

    @property
    def left(self) -> int:
        """Rows of the order that wait for an answer."""
        return len(self._open(standing(self.logs.entries())))

    def others_said(self) -> dict[str, str]:
        """annotator -> answer for the row at hand; only to a person who settles it."""
        if not (self.settle and self.current):
            return {}
        return {name: entry.answer for name, entry in standing(self.logs.entries())[self.current.id].items()}

    def answer(self, answer: str, sample: str | None = None) -> Entry:
        """Writes the person's answer to the row at hand and goes on to the next.

        Args:
            answer: one of the row's options, any text where it has none, or CANNOT_TELL.
            sample: id of the row that was seen; an old window must not answer for another one.

        Raises:
            KitError: no row is at hand, it is another one, or the answer is not allowed; nothing is written.
        """
        here = self._here(sample)
        entry = self.log.write(here, answer.strip(), self.clock() - self.since, self.why, "settle" if self.settle else "label")
        self._advance()
        return entry

    def seen(self) -> None:
        """The row at hand is on the screen from now on; what opening the page took is nobody's time."""
        self.since = self.clock()

    def skip(self, sample: str | None = None) -> None:
        """Puts the row at hand off until the bench is opened again; nothing is written."""
        self.skipped.add(self._here(sample).id)
        self._advance()

    def undo(self) -> Entry | None:
        """Takes this person's last answer back, shows its row again, and returns what was taken back."""
        last = self.log.undo()
        if last and last.sample in self.samples:
            self._show(self.samples[last.sample], last.why)
        return last

    def _here(self, sample: str | None) -> Sample:
        if self.current is None:
            raise KitError(say("no row is left to answer", "回答する行は残っていません"))
        if sample is not None and sample != self.current.id:
            raise KitError(say(f"this window shows {sample}, the bench is at {self.current.id}: the answer was not written. Go on with the row shown now.",
                               f"この画面は {sample} を表示していますが、現在の行は {self.current.id} です。回答は記録していません。今表示されている行に答えてください。"))  # fmt: skip
        return self.current

    def _advance(self) -> None:
        said = standing(self.logs.entries())
        if self.settle:
            disputed = [id for id, voices in said.items() if len({e.answer for e in voices.values()}) > 1 and not any(e.kind == "settle" for e in voices.values())]
            found = next((id for id in disputed if id in self.samples and id not in self.skipped), None)
            return self._show(self.samples.get(found), "settle")
        open_ = self._open(said)
        mine = lambda id: self.annotator in said.get(id, {})  # noqa: E731
        # a row that two people have answered says all about their agreement that it can
        shared = [id for id in said if id in self.samples and not mine(id) and len(said[id]) == 1 and id not in self.skipped]
        control = [id for id in self.drawn if self.samples[id].answer and id not in said and id not in self.skipped]
        draw = random.Random(f"{self.seed} {self.annotator} {sum(map(mine, said))}").random()
        both = sum(self.annotator in voices and len(voices) > 1 for voices in said.values())
        missing = not open_ and both < self.overlap * sum(not mine(id) or len(said[id]) > 1 for id in said)  # others were quicker: agreement is measured all the same
        if shared and (draw < self.overlap or missing):
            return self._show(self.samples[min(shared, key=self.drawn.get)], "overlap")
        if control and self.overlap <= draw < self.overlap + self.controls:
            return self._show(self.samples[control[0]], "control")
        return self._show(self.samples[open_[0]] if open_ else None, "value")

    def _open(self, said: dict) -> list[str]:
        return [id for id in self.order if id not in self.skipped and (self.annotator not in said.get(id, {}) if self.again else not said.get(id))]

    def _show(self, sample: Sample | None, why: str) -> None:
        self.current, self.why, self.since = sample, why, self.clock()


def reply(entry: Entry) -> str:
    """What a person is told after an answer: the label that the table has, where it is another one."""
    answer, given = (one or say("cannot be told", "判断不能") for one in (entry.answer, entry.given))
    if entry.kind == "label" and entry.given and entry.answer != entry.given:
        return say(f"{entry.sample}: you said {answer}, the table says {given}. Yours counts unless you take it back (u).", f"{entry.sample}：あなたの回答は「{answer}」、表では「{given}」です。取り消さない限り（u）、あなたの回答を採用します。")
    return say(f"{entry.sample}: {answer}", f"{entry.sample}：{answer}")


def pressed(bench: Bench, key: str, sample: str | None = None) -> str | None:
    """Does what a key asks for, and returns what the person is told; None for a key that means nothing here.

    Raises:
        KitError: see `Bench.answer`.
    """
    if key == "u":
        last = bench.undo()
        return say(f"{last.sample}: taken back, here it is again", f"{last.sample}：取り消しました。もう一度どうぞ") if last else say("there is nothing to take back", "取り消せる回答はありません")
    if bench.current is None:
        return None
    if key == "s":
        bench.skip(sample)
        return say("put off until next time", "次回に回しました")
    if key == "0":
        return reply(bench.answer(CANNOT_TELL, sample))
    options = bench.current.options
    if key in KEYS and key and int(key) <= len(options):
        return reply(bench.answer(options[int(key) - 1], sample))
    return None
