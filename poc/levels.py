"""The sample company's questions by the three levels of the MODA article: what is there, what follows from it, and what somebody feels.

The emotions are prosody that one synthetic voice was given; no person is in them. The EU AI Act (Regulation (EU) 2024/1689, Article 5(1)(f)) prohibits inferring the emotions of people at the
workplace except for medical or safety reasons; a customer's call carries an employee's voice, too. Recognising customers' emotions is high-risk (Annex III, point 1(c)), and they must be informed
(Article 50(3)).
"""

import functools
from pathlib import Path

import numpy as np

from kit.data import Sample
from kit.language import say
from poc.usecase import load_samples, load_usecase

LEVELS = ("perception", "cognition", "emotion")
_AGREE = ("Does the note say what the photo shows?", ("yes", "no"))


def level_rows(company: Path, level: str, split: str, most: int | None = None, seed: int = 0) -> list[Sample]:
    """Labelled rows of a level.

    * perception: which defect is in the photo, with the previous inspector's note beside it where there is one; which state the gauge shows.
    * cognition: does the note say what the photo shows (which evidence can be relied upon); do gauge, sheet and memo agree; what will the caller do next.
    * emotion: how does the caller feel; words and voice agree in some calls and contradict each other in others (`meta["conflict"]`).

    Args:
        company: a folder with the use cases inspection, documents and callcentre.
        level: one of LEVELS.
        split: train, validation or test.
        most: rows at most, drawn with `seed`; of each kind of question the same number, as far as there are.
    """
    if level not in LEVELS:
        raise ValueError(f"level {level!r} is unknown; allowed: {LEVELS}")
    kinds = {"perception": (_defects, gauges), "cognition": (_notes, _agreements, _next_steps), "emotion": (feelings,)}[level]
    found = []
    for kind in kinds:
        rows = kind(company, split)
        if most is not None:
            rows = [rows[i] for i in sorted(np.random.default_rng(seed).permutation(len(rows))[: -(-most // len(kinds))])]
        found += rows
    return found


def in_three_ways(company: Path, split: str, photographs: int, seed: int = 0) -> dict[str, list[Sample]]:
    """The same photographs of parts, as many from each lot, drawn with `seed`: "photo alone", with a "note right" and with a "note wrong", which other rows of the split have about another photograph.

    A company's notes are mostly right, so whoever reads the note answers most questions about the photo: only the three together tell seeing from reading.
    """
    rows = _defects(company, split)
    notes: dict[str, list[str]] = {}
    for row in rows:
        if row.text and row.meta.get("note_says"):
            notes.setdefault(row.meta["note_says"], []).append(row.text)
    draws, said, ways = np.random.default_rng(seed), sorted(notes), {"photo alone": [], "note right": [], "note wrong": []}
    for row in over_groups([row for row in rows if row.answer in notes], photographs, seed):
        alone, wrong = row.without("text"), draws.choice([name for name in said if name != row.answer])
        for way, name in (("photo alone", None), ("note right", row.answer), ("note wrong", wrong)):
            ways[way].append(alone if name is None else alone.replace(id=f"{row.id}-{way}".replace(" ", "-"), text=str(draws.choice(notes[name]))))
    return ways


def over_groups(rows: list[Sample], most: int, seed: int = 0) -> list[Sample]:
    """`most` of the rows at most, drawn with `seed`: from each group as many, as far as it has them."""
    taken: dict[str, int] = {}
    places = []
    for row in (rows[place] for place in np.random.default_rng(seed).permutation(len(rows))):
        taken[row.group] = taken.get(row.group, 0) + 1
        places.append((taken[row.group], len(places), row))
    return [row for *_, row in sorted(places, key=lambda place: place[:2])[:most]]


def name_of(level: str) -> str:
    """The level, as it is shown."""
    return {"perception": say("perception: what is there", "知覚：何があるか"), "cognition": say("cognition: what follows", "認知：何が言えるか"),
            "emotion": say("emotion: how somebody feels", "感情：どう感じているか")}[level]  # fmt: skip


@functools.cache  # the levels take rows of the same folders
def _folder(directory: Path) -> dict[str, list[Sample]]:
    return load_samples(directory, load_usecase(directory), verify=False).by_split


def labelled_rows(company: Path, name: str, split: str) -> list[Sample]:
    """Rows of one of the company's use cases that have an answer."""
    return [sample for sample in _folder(company / name)[split] if sample.answer]


def _defects(company: Path, split: str) -> list[Sample]:
    return [sample.without("audio") for sample in labelled_rows(company, "inspection", split)]


def _notes(company: Path, split: str) -> list[Sample]:
    question, options = _AGREE
    noted = [sample for sample in labelled_rows(company, "inspection", split) if sample.meta.get("note_says") and sample.text]
    agree = [sample for sample in noted if sample.meta["note_says"] == sample.answer]
    differ = [sample for sample in noted if sample.meta["note_says"] != sample.answer]
    # notes of a company are mostly right: others are put beside the same photographs, so that the word "no" is learnt from more than a few rows
    names = sorted({sample.meta["note_says"] for sample in noted})
    rows = [(sample, "yes") for sample in agree] + [(sample, "no") for sample in differ]
    for at, sample in enumerate(agree[: len(agree) - len(differ)]):
        wrong = [other for other in noted if other.meta["note_says"] == names[(names.index(sample.answer) + 1 + at % (len(names) - 1)) % len(names)]]
        rows.append((sample.replace(id=f"{sample.id}-exchanged", text=wrong[at % len(wrong)].text), "no"))
    return [sample.without("audio").replace(id=f"{sample.id}-agree", question=question, options=options, answer=answer, decided_by=("image", "text")) for sample, answer in rows]


def gauges(company: Path, split: str) -> list[Sample]:
    """Labelled rows that ask for a gauge's state: the photo decides."""
    return [sample for sample in labelled_rows(company, "documents", split) if sample.decided_by == ("image",)]


def _agreements(company: Path, split: str) -> list[Sample]:
    return [sample for sample in labelled_rows(company, "documents", split) if len(sample.decided_by) > 1]


def _next_steps(company: Path, split: str) -> list[Sample]:
    feeling = load_usecase(company / "callcentre").question
    return [sample for sample in labelled_rows(company, "callcentre", split) if sample.question != feeling]


def feelings(company: Path, split: str) -> list[Sample]:
    """Labelled rows that ask how a caller feels: the voice decides."""
    feeling = load_usecase(company / "callcentre").question
    return [sample for sample in labelled_rows(company, "callcentre", split) if sample.question == feeling]
