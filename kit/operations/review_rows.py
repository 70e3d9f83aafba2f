"""What the review queue holds, and what it says about the model: items, decisions, how often people override, agree and differ."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from kit.data import Sample
from kit.operations.audit_record import Record
from kit.operations.shares import wilson

UNBIASED = ("every", "random")  # reasons that have nothing to do with the answer: only items that were also put in for one of these measure how often the model is right


@dataclass(frozen=True)
class Item:
    """One answer of the model that people look at.

    Attributes:
        id: number in the queue.
        sample: what was asked; its files are the queue's copies.
        reasons: why, most urgent first.
        priority: of the most urgent reason.
        answer: the model's; "" where it abstained.
        confidence: of it.
        record: number of the answer's audit record.
        model, adapter, data, threshold, input: of that record.
        made, closed: when, UTC; closed None while it waits.
        final: what people decided; "" = cannot be told, None = not yet.
    """

    id: int
    sample: Sample
    reasons: tuple[str, ...]
    priority: int
    answer: str
    confidence: float | None
    record: int
    model: str
    adapter: str
    data: str
    threshold: float | None
    input: str
    made: str
    final: str | None = None
    closed: str | None = None


@dataclass(frozen=True)
class Decision:
    """What one person said about one item; see `review_queue.ReviewQueue.decide`."""

    item: int
    time: str
    who: str
    answer: str
    kind: str = ""
    note: str = ""
    seconds: float = 0.0
    saw: bool = True


@dataclass(frozen=True)
class Checked:
    """An answer of the model that people have decided on: what the autonomy ladder measures.

    Attributes:
        time: when it was closed.
        model: which one, checkpoint and adapter.
        answer: the model's, "" where it abstained.
        final: the people's, "" where it cannot be told.
        unbiased: it was looked at whatever the answer was (UNBIASED).
        said_dangerous: the model's answer is of the dangerous class.
        is_dangerous: the people's is.
        differed: whether the first two people differed; None where one decided.
        group: lot, speaker, day; "" unknown.
    """

    time: datetime
    model: str
    answer: str
    final: str
    unbiased: bool
    said_dangerous: bool = False
    is_dangerous: bool = False
    differed: bool | None = None
    group: str = ""


def dangerous_part(item: Item, said: Iterable[Decision], dangerous: frozenset[str]) -> bool:
    """Whether two people are needed."""
    return "dangerous" in item.reasons or bool({item.answer, *(one.answer for one in said)} & dangerous)


def settled(item: Item, said: tuple[Decision, ...], dangerous: frozenset[str]) -> str | None:
    """The answer that closes the item; None while it waits for somebody. `said` are by different people."""
    if not dangerous_part(item, said, dangerous):
        return said[0].answer if said else None
    answers = [one.answer for one in said]
    return next((answer for answer in answers if answers.count(answer) > 1), None)


def checked(items: Iterable[Item], decisions: Mapping[int, tuple[Decision, ...]], dangerous: frozenset[str] = frozenset(), logged: Mapping[int, datetime] | None = None) -> list[Checked]:
    """The closed items, in the order in which they were closed; the same input that the same model was asked twice counts once, as it was decided first.

    Args:
        items, decisions: of the queue.
        dangerous: answers of the dangerous class.
        logged: of `logged`: other items do not count, and these at the audit log's time; None: the queue is believed.
    """
    found, seen = [], set()
    closed = {item.id: datetime.fromisoformat(item.closed) for item in items if item.final is not None} if logged is None else logged
    for item in sorted((item for item in items if item.final is not None and item.id in closed), key=lambda item: (closed[item.id], item.id)):
        if (item.input, model_of(item)) in seen:
            continue
        seen.add((item.input, model_of(item)))
        said = [one.answer for one in decisions.get(item.id, ())]
        unbiased = bool({*UNBIASED} & {*item.reasons})
        found.append(Checked(closed[item.id], model_of(item), item.answer, item.final, unbiased, item.answer in dangerous, item.final in dangerous, said[0] != said[1] if len(said) > 1 else None, item.sample.group))
    return found


def logged(items: Iterable[Item], decisions: Mapping[int, tuple[Decision, ...]], records: Iterable[Record], dangerous: frozenset[str] = frozenset()) -> dict[int, datetime]:
    """{closed item: when} of those that stand in the audit log as they stand in the queue: put in with this answer of this model to this input for these reasons, and decided by these people in this way.

    The queue's file is chained by nothing, and a row is easily written into it; items whose records were cut off (`audit_retention`) are not among them either.
    """
    put: dict[tuple, set[str]] = {}
    heard: dict[tuple, Record] = {}
    for record in records:
        number = record.note.get("item")
        if record.kind == "referral":
            put.setdefault((number, *_asked(record), record.answer), set()).update(record.note.get("reasons", ()))
        elif record.kind == "review":
            heard[number, record.who] = record
        elif record.kind == "undo":
            heard.pop((number, record.who), None)
    found = {}
    for item in items:
        said = decisions.get(item.id, ())
        records_of = [heard.get((item.id, one.who)) for one in said]
        whole = all(record and (record.answer, *_asked(record)) == (one.answer, *_asked(item)) for record, one in zip(records_of, said, strict=True))
        if item.final is not None and said and whole and item.final == settled(item, said, dangerous) and {*item.reasons} <= put.get((item.id, *_asked(item), item.answer), set()):
            found[item.id] = max(datetime.fromisoformat(record.time) for record in records_of)
    return found


def _asked(one: Item | Record) -> tuple[str, str, str]:
    return one.model, one.adapter, one.input


def model_of(item: Item) -> str:
    """Checkpoint and adapter as one name."""
    return f"{item.model} {item.adapter}".strip()


def open_disagreements(items: Iterable[Item], decisions: Mapping[int, tuple[Decision, ...]]) -> list[Item]:
    """Items on which two people differ and nobody has made the second voice yet."""
    return [item for item in items if item.final is None and len({one.answer for one in decisions.get(item.id, ())}) > 1]


def rates(items: Iterable[Item], decisions: Mapping[int, tuple[Decision, ...]], confidence: float = 0.95) -> pd.DataFrame:
    """How often people agreed with the model and overrode it, on the closed items on which it had answered.

    One row each for all of them (""), for those that were looked at whatever the answer was ("unbiased"), of these for those where the first person had seen the model's answer before and those
    where not ("saw", "blind": who sees it agrees more often, so that the difference is what agreement says too much), and for each reason. An item with two reasons counts for both. "Cannot be
    told" is neither agreement nor override. The rate over all is no accuracy: hard items are over-represented.

    Columns reason, checked, agreed, overridden, untold, agreement, agreement_low, agreement_high, override, override_low, override_high (Wilson).
    """
    closed = [item for item in items if item.final is not None and item.answer]
    unbiased = [item for item in closed if {*UNBIASED} & {*item.reasons}]
    kinds = {"": closed, "unbiased": unbiased}
    for name, saw in (("saw", True), ("blind", False)):
        kinds[name] = [item for item in unbiased if item.id in decisions and decisions[item.id][0].saw is saw]
    for name in sorted({reason for item in closed for reason in item.reasons}):
        kinds[name] = [item for item in closed if name in item.reasons]
    rows = []
    for name, mine in kinds.items():
        agreed, untold = sum(item.final == item.answer for item in mine), sum(not item.final for item in mine)
        over = len(mine) - agreed - untold
        if mine:
            bounds = [(hits / len(mine), *wilson(hits, len(mine), confidence)) for hits in (agreed, over)]
            rows.append((name, len(mine), agreed, over, untold, *bounds[0], *bounds[1]))
    return pd.DataFrame(rows, columns=["reason", "checked", "agreed", "overridden", "untold", "agreement", "agreement_low", "agreement_high", "override", "override_low", "override_high"])
