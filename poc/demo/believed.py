"""Which evidence an answer of the tuned model believed: how much each kind contributes, and the pieces of it that matter, where that can be shown.

Asked causally, with the probes of `kit.diagnosis`: evidence is taken away, whole or in pieces, and the answer watched (occlusion: Zeiler and Fergus, arXiv 1311.2901, section 4.2). It says what the answer depends on,
and not whether it is right. Pieces are marked only where two deletion tests passed: that of the run (diagnosis.json, "explanation by ...", `kit.diagnosis.is_shown`), and that of this very answer.
A map of a photo is 36 questions and more, so this is work of the line's lower rank, in pieces (`Line.follow`); who waits for it is in `looking`.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace

import numpy as np

from kit.data import Sample
from poc.demo import believed_words as b
from poc.demo import cards
from poc.demo.answer import Answer, ModelPair
from poc.demo.exhibit import Exhibit
from poc.demo.line import Turn
from poc.demo.words import fill
from poc.words import Text

PIECE = 6  # pieces of evidence that are hidden one after the other, before somebody else's question may come; with the whole sample 7 questions, half a second on the tiny model
MOST_PIECES = 64  # of a note; a longer one is not cut


@dataclass(frozen=True)
class Marked:
    """Pieces of one kind of evidence that passed the deletion test.

    Attributes:
        pieces: their numbers, as `kit.diagnosis.occlusion` cuts the evidence.
        of: how many pieces there are.
        fall, by_chance: of the log share of the answer, in nats, without these, and without as many by chance.
    """

    pieces: tuple[int, ...]
    of: int
    fall: float
    by_chance: float


@dataclass(frozen=True)
class Believed:
    """What one answer depends on.

    Attributes:
        said, share: the answer to everything as people read it, and its share.
        without: modality -> (fall of its log share in nats, its share) with that kind of evidence taken away; of one kind alone, the answer to the bare question.
        marked: modality -> what may be shown as mattering.
        unmarked: modality -> why nothing is marked there.
        whole: nothing is still being looked at.
    """

    said: Text
    share: float
    without: dict[str, tuple[float, float]]
    marked: dict[str, Marked] = field(default_factory=dict)
    unmarked: dict[str, Text] = field(default_factory=dict)
    whole: bool = False


def untested(exhibit: Exhibit, modality: str) -> Text | None:
    """Why no pieces of this kind of evidence are marked in any answer of the run; None where its deletion test passed."""
    from kit.diagnosis import is_shown  # brings torch
    from kit.finding import Finding

    found = next((one for one in exhibit.diagnosis.get("findings", ()) if one["name"] == f"explanation by {modality}"), None)
    if found is None:
        if not exhibit.diagnosis:
            return b.NOT_DIAGNOSED
        return b.NOT_MEASURED if modality in exhibit.record["decided_by"] else b.DECIDES_NOT
    told = found["evidence"].get("falls", ())
    if is_shown(Finding(found["name"], found["value"], found["low"], found["high"], found["verdict"])):
        return None
    left = {name: f"{np.exp(-np.mean([fall[name] for fall in told])):.0%}" if told else "–" for name in ("marked", "random")}
    if found["low"] is None:
        return fill(b.TOO_FEW, rows=len(told), **left)
    return fill(b.NOT_PASSED, rows=len(told), **left)


def look(pair: ModelPair, sample: Sample, answer: Answer, exhibit: Exhibit) -> Callable[[Turn], Generator]:
    """Work for `Line.follow`, which tells a Believed as often as it knows more, and returns the whole one."""

    def work(turn: Turn) -> Generator:
        from kit.diagnosis import ask_hidden, contributions, importance
        from kit.diagnosis.occlusion import pieces_of

        def one(ask: Callable) -> Callable[[Turn], object]:
            return lambda stop: pair.asked(ask, stop)

        said = answer.said("tuned")
        found = Believed(exhibit.read_as(said), answer.tuned[said], (yield one(lambda: contributions(pair.loaded, sample, PIECE + 1))))
        for modality in sample.modalities:
            turn.tell(found)
            why = untested(exhibit, modality)
            count = pieces_of(sample, modality)
            if why is None and not 3 <= count <= MOST_PIECES:
                why = b.NOT_CUT
            if why is None:
                marks = []
                for start in range(0, count, PIECE):
                    pieces = range(start, min(start + PIECE, count))
                    marks.append((yield one(lambda modality=modality, pieces=pieces: importance(pair.loaded, sample, modality, PIECE + 1, pieces))))
                map_ = np.concatenate(marks)
                falls = yield one(lambda modality=modality, map_=map_: ask_hidden(pair.loaded, [sample], modality, batch_size=PIECE + 1, marks=[map_]))
                marked, why = marked_here(map_, float(falls["marked"][0]), float(falls["random"][0]), found)
                found = replace(found, marked=found.marked | {modality: marked}) if marked else found
            found = replace(found, unmarked=found.unmarked | {modality: why}) if why else found
        return replace(found, whole=True)

    return work


def marked_here(marks: np.ndarray, fall: float, by_chance: float, found: Believed) -> tuple[Marked | None, Text | None]:
    """What may be marked in this very answer, or why nothing: hiding the marked pieces must cost at least LEAST_GAIN nats more than hiding as many by chance, as the run's own deletion test asks on the average.

    Args:
        marks: (pieces,) of `kit.diagnosis.importance`.
        fall, by_chance: of the log share, in nats.
    """
    from kit.diagnosis import most_important
    from kit.diagnosis.occlusion import LEAST_GAIN

    if fall - by_chance < LEAST_GAIN:
        return None, fill(b.NOT_HERE, marked=cards.percent(found.share * np.exp(-fall)), random=cards.percent(found.share * np.exp(-by_chance)))
    return Marked(tuple(sorted(map(int, most_important(marks)))), len(marks), fall, by_chance), None
