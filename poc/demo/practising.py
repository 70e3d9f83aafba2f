"""Practice against overreliance: real held-out items with an answer "of the AI", some of which are wrong on purpose. It shows a person how often they followed a wrong one, and how often they overruled a right one.

Both are needed: who distrusts everything follows no wrong answer, and is no better with the AI than without. The planted wrong answer is the one that the run's tuned model held for likeliest among the wrong ones, so that it
is as believable as the model's own errors. Answers, names and results are kept nowhere but in the page. What it cannot say: a person who knows that errors are planted looks more closely than on an ordinary day.
"""

import random
import statistics
import time
from dataclasses import dataclass, replace

from kit.data import Sample
from kit.operations.shares import wilson
from poc.demo import evidence
from poc.demo import work_words as w
from poc.demo.exhibit import Exhibit
from poc.demo.tables import table
from poc.demo.words import QUESTION, SAMPLE, fill, safe

PLANTED = 0.3  # share of answers that are wrong on purpose: enough to meet a few in 15 minutes, and far from "the AI is useless"
MOST, MINUTES = 40, 15
UNSEEN = 0.3  # seconds, as in `shift`


@dataclass(frozen=True)
class Turn:
    """One item with what the AI is said to say, and what the person said ("" = cannot be told); None while they have not."""

    sample: Sample
    advice: str
    said: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Practice:
    """A session of one person: `place` is the item before them, `began` when the session began, `shown` when that item did."""

    seed: int
    turns: tuple[Turn, ...] = ()
    place: int = 0
    began: float = 0.0
    shown: float = 0.0
    over: bool = False

    @property
    def turn(self) -> Turn | None:
        """The item before the person; None where the practice is over or has not begun."""
        return self.turns[self.place] if not self.over and self.place < len(self.turns) else None


@dataclass(frozen=True)
class Result:
    """(times, of how many) each: followed a wrong answer, overruled a right one, was right in the end; `seconds` is the median of an answer."""

    followed: tuple[int, int]
    overruled: tuple[int, int]
    right: tuple[int, int]
    seconds: float


def begin(exhibit: Exhibit, seed: int, most: int = MOST, planted: float = PLANTED, clock=time.monotonic) -> Practice:
    """A practice of up to `most` held-out items; without turns where there is nothing to practise on.

    Args:
        seed: draws the items, their order, and where a wrong answer is planted.
        planted: share of wrong answers, rounded to whole items.
    """
    draw, likely = random.Random(seed), _likely(exhibit)
    usable = sorted((one for one in exhibit.samples.values() if one.answer and len(one.options) > 1 and exhibit.complete(one)), key=lambda one: one.id)
    items = draw.sample(usable, min(most, len(usable)))
    wrong = set(draw.sample(range(len(items)), round(planted * len(items))))
    turns = tuple(Turn(one, _believable(one, likely.get(one.id, {}), draw) if place in wrong else one.answer) for place, one in enumerate(items))
    return Practice(seed, turns, 0, clock(), clock(), over=not turns)


def answer(practice: Practice, said: str, clock=time.monotonic) -> Practice:
    """The practice after an answer; over after the last one, or when the time is up. An answer that comes sooner than a look is not taken."""
    turn, now = practice.turn, clock()
    if turn is None or now - practice.shown < UNSEEN:
        return practice
    turns = (*practice.turns[: practice.place], replace(turn, said=said, seconds=now - practice.shown), *practice.turns[practice.place + 1 :])
    return replace(practice, turns=turns, place=practice.place + 1, shown=now, over=practice.place + 1 == len(turns) or now - practice.began >= 60 * MINUTES)


def undo(practice: Practice, clock=time.monotonic) -> Practice:
    """Back to the last item, as long as the practice lasts; the truth was not shown."""
    if practice.over or not practice.place:
        return practice
    turns = list(practice.turns)
    turns[practice.place - 1] = replace(turns[practice.place - 1], said=None, seconds=0.0)
    return replace(practice, turns=tuple(turns), place=practice.place - 1, shown=clock())


def result(practice: Practice) -> Result:
    """What it came to, on the items that were answered. "Cannot be told" neither follows nor overrules, and is not right."""
    done = [turn for turn in practice.turns if turn.said is not None]
    wrong, right = ([turn for turn in done if (turn.advice == turn.sample.answer) is good] for good in (False, True))
    followed, overruled = sum(turn.said == turn.advice for turn in wrong), sum(turn.said not in ("", turn.advice) for turn in right)
    seconds = statistics.median(turn.seconds for turn in done) if done else 0.0
    return Result((followed, len(wrong)), (overruled, len(right)), (sum(turn.said == turn.sample.answer for turn in done), len(done)), seconds)


def _likely(exhibit: Exhibit) -> dict[str, dict[str, float]]:
    """id -> {option: probability} of the tuned model, as it was recorded."""
    frame = exhibit.predictions
    frame = frame[(frame["arm"] == "tuned") & (frame["condition"] == "as_is")]
    return dict(zip(frame["id"], frame["probabilities"], strict=True))


def _believable(sample: Sample, shares: dict[str, float], draw: random.Random) -> str:
    """The likeliest wrong option; a drawn one where the model said nothing of the sample."""
    wrong = [option for option in sample.options if option != sample.answer]
    return max(wrong, key=lambda option: shares.get(option, 0.0)) if shares else draw.choice(wrong)


def panel(practice: Practice, exhibit: Exhibit, language: str, clock=time.monotonic) -> str:
    """The item with the AI's answer, the result when it is over, or why there is none; "" before it began."""
    turn = practice.turn
    if turn is None:
        return result_panel(practice, exhibit, language) if practice.turns else f'<p class="message quiet" role="status">{w.NOT_ENOUGH[language]}</p>' if practice.over else ""
    left = max(0, MINUTES - int((clock() - practice.began) // 60))
    place = fill(w.PROGRESS, n=practice.place + 1, of=len(practice.turns), minutes=left)[language]
    name = f"{SAMPLE[language]} {practice.place + 1}"  # ids may give the answer away
    return (
        f'<p class="kicker" role="status" id="practice-place">{safe(place)}</p>'
        f'<div class="question" id="practice-item" data-place="{practice.place}"><span class="label">{QUESTION[language]}</span><p>{safe(exhibit.read_as(turn.sample.question)[language])}</p></div>'
        f'<div class="evidence">{evidence.panel(turn.sample, name, language)}</div>'
        f'<p class="message busy" id="practice-advice"><span class="label">{w.ADVICE[language]}</span><b>{safe(exhibit.read_as(turn.advice)[language])}</b></p>'
    )


def result_panel(practice: Practice, exhibit: Exhibit, language: str) -> str:
    """The shares with their intervals, then every answered item."""
    found = result(practice)
    rows = []
    for name, (hits, of) in ((w.FOLLOWED, found.followed), (w.OVERRULED, found.overruled), (w.YOUR_RIGHT, found.right)):
        low, high = wilson(hits, of)
        rows.append((name[language], w.OUT_OF[language].format(hits=hits, of=of), f"{hits / of:.0%} [{low:.0%}, {high:.0%}]" if of else w.NONE_SEEN[language]))
    done = [turn for turn in practice.turns if turn.said is not None]

    def read(words: str) -> str:
        return exhibit.read_as(words)[language] if words else w.UNTOLD[language]

    said = [(str(number), read(turn.advice) + (" ✗" if turn.advice != turn.sample.answer else ""), read(turn.said), read(turn.sample.answer)) for number, turn in enumerate(done, 1)]
    return (
        f'<div id="practice-result" role="status">{table(w.PRACTICE[language], (), rows)}<p class="foot">{w.FEW[language]}</p>'
        f'<details class="about"><summary>{w.ALL_OF_THEM[language]}</summary>{table(w.ALL_OF_THEM[language], [name[language] for name in w.COLUMNS.values()], said)}</details></div>'
    )
