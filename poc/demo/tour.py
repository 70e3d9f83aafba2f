"""What the tour for executives shows: which held-out cases, by a rule that knows nothing of right and wrong, and what the run recorded about them. Plain functions.

The rule: held-out cases stand in an order that was drawn once (`Exhibit.samples`), and each step takes the first one that fits it. To guess: of the first case's question, files on this machine. A note that
lies: its note names exactly one option, and not the true one; where the shipped models are shown, the first one whose note the trusting of them follows, and the page says that it was picked for that and how often it
happens. To a person: confidence below the run's threshold. Whether the run's model is right is never looked at.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kit.data import Sample
from poc.demo.answer import Recordings
from poc.demo.exhibit import Exhibit
from poc.threshold import Threshold

ELSEWHERE = Path(__file__).resolve().parents[2] / "sample_data" / "trusting" / "lying_notes.json"  # what two shipped models say: one taught with every note, and the same after the cure (sample_data/make_lying_notes.py)


@dataclass(frozen=True)
class Lies:
    """Held-out cases whose note names a wrong answer.

    Attributes:
        first: the case that is shown.
        picked: it was picked because the model that was taught with every note follows the note there.
        named: id of each of them -> the answer that its note names.
        followed, right: how many of them the tuned model answers as the note says, and as is true.
        without: recorded {id: {option: share}} of the tuned model with the note taken away; {} where that was not asked.
        others: the same three figures {"n", "followed", "right"} of "trusting", the shipped model that was taught with every note, and of "cured", the same after the cure, and "answers" {id: option}; {} for any other run.
    """

    first: Sample
    picked: bool
    named: dict[str, str]
    followed: int
    right: int
    without: dict[str, dict[str, float]]
    others: dict[str, dict]

    @property
    def n(self) -> int:
        return len(self.named)

    @property
    def names(self) -> str:
        """What the note of the shown case names."""
        return self.named[self.first.id]


@dataclass(frozen=True)
class Unsure:
    """Held-out cases that the model leaves to a person.

    Attributes:
        first: the case that is shown.
        n, of: how many of how many.
        wrong, wrong_kept: how many of those left to a person would have been wrong, and of the others are.
        threshold: from which confidence on the model answers.
    """

    first: Sample
    n: int
    of: int
    wrong: int
    wrong_kept: int
    threshold: Threshold


@dataclass(frozen=True)
class Tour:
    """The cases of a tour: those to guess, in their order; None where no case fits."""

    guess: tuple[Sample, ...]
    lies: Lies | None
    unsure: Unsure | None


def tour(exhibit: Exhibit, threshold: Threshold) -> Tour:
    """The cases of a run's tour, by the rule above."""
    recorded = Recordings(exhibit.predictions).shares
    there = [sample for sample in exhibit.samples.values() if sample.modalities and len(sample.options) > 1 and exhibit.complete(sample) and (sample.id, "tuned") in recorded]
    guess = tuple(sample for sample in there if (sample.question, sample.options) == (there[0].question, there[0].options))
    said = {sample.id: recorded[sample.id, "tuned"] for sample in there}
    return Tour(guess, _lies(exhibit, there, said), _unsure(there, said, threshold))


def named_in(note: str, options: tuple[str, ...]) -> tuple[str, ...]:
    """The options that a note names by their own word: "ok" in "visual ok", not in "looks"."""
    return tuple(option for option in options if re.search(rf"(?<![A-Za-z0-9]){re.escape(option)}(?![A-Za-z0-9])" if option.isascii() else re.escape(option), note, re.IGNORECASE))


def best(shares: dict[str, float]) -> str:
    return max(shares, key=shares.get)


def _lies(exhibit: Exhibit, there: list[Sample], said: dict[str, dict]) -> Lies | None:
    named = {sample.id: named_in(sample.text, sample.options) for sample in there if sample.text and "text" not in sample.decided_by}
    lying = [sample for sample in there if len(named.get(sample.id, ())) == 1 and named[sample.id][0] != sample.answer]
    if not lying:
        return None
    wanted = {sample.id: named[sample.id][0] for sample in lying}
    rows = exhibit.predictions
    rows = rows[(rows["arm"] == "tuned") & (rows["condition"] == "without_text") & (rows["split"] == "test")]
    without = {row.id: row.probabilities for row in rows.itertuples() if row.id in wanted}
    followed = sum(best(said[sample.id]) == wanted[sample.id] for sample in lying)
    right = sum(best(said[sample.id]) == sample.answer for sample in lying)
    others = _others(exhibit, lying, wanted)
    follows = [sample for sample in lying if others and others["trusting"]["answers"][sample.id] == wanted[sample.id]]
    return Lies([*follows, *lying][0], bool(follows), wanted, followed, right, without, others)


def _others(exhibit: Exhibit, lying: list[Sample], wanted: dict[str, str]) -> dict[str, dict]:
    """What shipped models say to the same notes; {} where the run is about other data, or about other cases."""
    told = json.loads(ELSEWHERE.read_text(encoding="utf-8")) if ELSEWHERE.is_file() else {}
    if told.get("data") != exhibit.record["data"]["hash"] or told.get("model") != exhibit.record["model"]["name"]:
        return {}
    asked = {name: answers for name, answers in told["answers"].items() if all(sample.id in answers for sample in lying)}
    return {name: {"n": len(lying), "followed": sum(answers[sample.id] == wanted[sample.id] for sample in lying), "right": sum(answers[sample.id] == sample.answer for sample in lying), "answers": answers} for name, answers in asked.items()}


def _unsure(there: list[Sample], said: dict[str, dict], threshold: Threshold) -> Unsure | None:
    left = [sample for sample in there if threshold.confidence(said[sample.id]) < threshold.value]
    if not left:
        return None
    ids = {sample.id for sample in left}
    wrong = {sample.id for sample in there if best(said[sample.id]) != sample.answer}
    return Unsure(left[0], len(left), len(there), len(wrong & ids), len(wrong - ids), threshold)


def right_of_hundred(predictions: pd.DataFrame, record: dict) -> dict[str, dict]:
    """arm -> its interval of right answers, as run.json has it, of base and tuned model on the cases as they are."""
    return {row["arm"]: row["accuracy"] for row in record["results"] if row["condition"] == "as_is" and row["arm"] in ("base", "tuned")}
