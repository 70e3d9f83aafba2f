"""How much the model may do alone: a ladder of four steps. Up by a named person and only on what was measured, down by itself.

Up: on the rows that people decided since the step began, of this model, looked at whatever the answer was, the lower bound of the agreement with people must reach a level, and the upper bound of
the share of dangerous misses must stay below one; over enough rows and days, and with no dangerous disagreement open. One may look again and again: looks count at n, 2n, 4n, ... rows only, and
look k may be wrong in alpha / 2^k of the cases (k = 1, 2, ...), so that over all looks a model below the level goes up with a probability of at most alpha, where rows are independent. Rows
of a lot or a day that err together are corrected for (`shares.lower_bound`), only approximately: lots of 15 rows with a correlation of 0.1 let a model exactly at the level up in 8 % of 300
simulated stays instead of 5, one that is 2.5 points below in 0.3 %. That is for one stay on a step: a model that is put back and tries again has another alpha. What the rule cannot see: people
who agree because they were shown the model's answer first (`review_rows.rates` tells the two apart), and drawn items that nobody found the time to look at.

Down: see `step_down`. A false alarm costs people's time only, so that direction has no guarantee over many looks; tests/test_autonomy.py
measures how often it comes and how late.

Everything here is a pure function over records but `change`, which writes to the audit log; the step itself is kept nowhere else (`state_in`).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from kit.errors import KitError
from kit.language import say
from kit.operations.audit_log import AuditLog
from kit.operations.audit_record import Record
from kit.operations.review_rows import Checked
from kit.operations.shares import lower_bound, upper_bound

STEPS = ("shadow", "every", "risky", "automatic")
NAMES = {  # step -> (name, what happens on it), each (English, Japanese)
    "shadow": (("shadow", "並走"), ("The model answers, nobody sees it; people decide as before, and the two are compared.", "モデルの答えは誰にも見せず、これまでどおり人が判断し、後で比べます。")),
    "every": (("every answer checked", "全件確認"), ("The model proposes, a person decides on every answer.", "モデルが答えを提案し、全件を人が判断します。")),
    "risky": (("abstained and dangerous ones checked", "保留・危険のみ確認"), ("Answers count at once, except abstained, dangerous and contradictory ones and poor input; a tenth of all are drawn for a check.", "回答保留・危険な分類・矛盾・入力不良は人が判断し、それ以外は自動で確定。全体の 1 割を抜き取りで確認します。")),
    "automatic": (("automatic", "自動"), ("Answers count at once, dangerous ones too; what the model cannot judge goes to a person, and a twentieth of all are drawn for a check.", "危険な分類も含めて自動で確定。モデルが判断できないものは人へ。全体の 5 % を抜き取りで確認します。")),
}  # fmt: skip
RANDOM = {"risky": 0.1, "automatic": 0.05}  # share of all answers that is drawn for a check, whatever else sends them to a person
ALPHA = 0.05


@dataclass(frozen=True)
class Entry:
    """What must have been measured on the step before.

    Attributes:
        agreement: which the lower bound must reach.
        missed: which the upper bound of the share of dangerous misses must stay below; 1 = not asked.
        rows: of the first look.
        days: on which rows were checked; a week has its own light, shifts and customers.
    """

    agreement: float
    missed: float
    rows: int
    days: int


ENTRY = {
    # every answer is still checked, so a wrong one costs a glance; below four in five, proposals mislead more than they help
    "every": Entry(0.80, 1.0, 100, 5),
    # from here on unchecked answers count: one in twenty wrong is about what a tired inspector does (assumed: measure yours in shadow, and sign another level); no miss in 300 rows shows < 2 %
    "risky": Entry(0.95, 0.02, 300, 10),
    # the dangerous ones count unchecked, too; no miss in 500 rows shows < 1 %; twenty days are a month of work
    "automatic": Entry(0.98, 0.01, 500, 20),
}
WINDOW = 200  # rows that going down looks at: the newest
_FEWEST = 30  # of them
_DOWN = 0.01  # how often the bound of one look may be wrong
DIFFER = 0.1  # two people differing more often than that means that the rule is unclear, to people and model alike


@dataclass(frozen=True)
class State:
    """Where the ladder stands.

    Attributes:
        step: one of STEPS.
        since: when it was entered, or entered anew with another model.
        model: which one (`review_rows.model_of`).
    """

    step: str
    since: datetime
    model: str


@dataclass(frozen=True)
class Measured:
    """What is known now.

    Attributes:
        rows: what people decided on (`review_rows.checked`), in their order.
        model: which one answers now.
        open_disagreements: dangerous items on which people differ (`review_rows.open_disagreements`).
        drift: an alarm of the drift charts is on.
        log_ok: the audit log verifies.
    """

    rows: tuple[Checked, ...]
    model: str
    open_disagreements: int = 0
    drift: bool = False
    log_ok: bool = True


@dataclass(frozen=True)
class Change:
    """From one step to another, and why, in the reader's language."""

    before: State
    to: str
    model: str
    why: tuple[str, ...]


def reasons_to_check(step: str, abstained: bool = False, dangerous: bool = False, conflict: bool = False, poor_input: bool = False, drawn: bool = False) -> tuple[str, ...]:
    """For which of `review_queue.REASONS` an answer goes to people on a step; () = it counts unchecked. `drawn` must be decided by `is_drawn` for every answer alike."""
    found = {"dangerous": dangerous and step != "automatic", "conflict": conflict, "abstained": abstained, "input": poor_input, "every": step in ("shadow", "every"), "random": drawn and step in RANDOM}
    return tuple(reason for reason, holds in found.items() if holds)


def counts_at_once(step: str, reasons: tuple[str, ...]) -> bool:
    """Whether the model's answer takes effect before a person has looked; a random check comes after the fact."""
    return step in RANDOM and set(reasons) <= {"random"}


def is_drawn(step: str, digest: str) -> bool:
    """Whether an answer is drawn for a random check, by the digest of its audit record: nobody can choose it, and it can be checked later."""
    return int(digest[:12], 16) < RANDOM.get(step, 0.0) * 16**12


def missing(state: State, measured: Measured, entry: dict[str, Entry] = ENTRY, alpha: float = ALPHA) -> list[str]:
    """What the next step still needs, in the reader's language; [] where it may be entered, or there is none."""
    if state.step == STEPS[-1]:
        return []
    to = STEPS[STEPS.index(state.step) + 1]
    rule, rows = entry[to], _relevant(to, state, measured)
    days, look, lacks = len({row.time.date() for row in rows}), _look(len(rows), rule.rows), []
    if not look:
        lacks.append(say(f"{rule.rows - len(rows)} more checked answers (there are {len(rows)} of {rule.rows})", f"確認済みの答えがあと {rule.rows - len(rows)} 件（現在 {len(rows)} / {rule.rows} 件）"))
    else:
        lacks += _bounds_missing(rule, rows, look, alpha)
    if days < rule.days:
        lacks.append(say(f"{rule.days - days} more days with checked answers (there are {days} of {rule.days})", f"確認のあった日があと {rule.days - days} 日（現在 {days} / {rule.days} 日）"))
    if measured.open_disagreements:
        lacks.append(say(f"{measured.open_disagreements} dangerous items on which two people differ must be settled by a third", f"危険な分類で意見が割れた {measured.open_disagreements} 件を 3 人目が決着させること"))
    down = step_down(state, measured, entry)
    why = down.why if down else ()
    if not measured.log_ok and _broken() not in why:
        lacks.insert(0, _broken())
    return [*lacks, *why]


def _bounds_missing(rule: Entry, rows: list[Checked], look: int, alpha: float) -> list[str]:
    """What the last completed look says: at rule.rows * 2^(look - 1) rows."""
    seen, lacks = rows[: rule.rows * 2 ** (look - 1)], []
    groups, share = np.array([row.group for row in seen]), alpha / 2**look
    again = say(f"the next look is at {2 * len(seen)} rows", f"次の判定は {2 * len(seen)} 件時点")
    low = lower_bound(np.array([row.final == row.answer for row in seen]), groups, share)
    if low < rule.agreement:
        lacks.append(say(f"agreement with people is only known to be at least {_least(low)} ({len(seen)} rows), {100 * rule.agreement:g} % is asked for; {again}",
                         f"人との一致率の下限が {_least(low)}（{len(seen)} 件）、必要な水準は {100 * rule.agreement:g} %。{again}"))  # fmt: skip
    high = upper_bound(np.array([row.is_dangerous and not row.said_dangerous for row in seen]), groups, share)
    if rule.missed < 1 and high >= rule.missed:
        lacks.append(say(f"up to {_most(high)} of the answers may be dangerous misses ({len(seen)} rows), less than {100 * rule.missed:g} % is asked for; {again}",
                         f"危険の見逃しが最大 {_most(high)} ありえます（{len(seen)} 件）。必要な水準は {100 * rule.missed:g} % 未満。{again}"))  # fmt: skip
    return lacks


def step_up(state: State, measured: Measured, entry: dict[str, Entry] = ENTRY, alpha: float = ALPHA) -> Change:
    """The change to the next step.

    Raises:
        KitError: the top is reached, or something is missing; it says what.
    """
    if state.step == STEPS[-1]:
        raise KitError(say("“automatic” is the last step", "「自動」が最後の段階です"))
    if lacks := missing(state, measured, entry, alpha):
        raise KitError(say(f"the next step cannot be entered yet: {'; '.join(lacks)}", f"次の段階にはまだ進めません：{'。'.join(lacks)}"))
    to = STEPS[STEPS.index(state.step) + 1]
    rows = len(_relevant(to, state, measured))
    return Change(state, to, state.model, (say(f"the entry rule holds on {rows} checked answers", f"確認済みの {rows} 件で条件を満たしました"),))


def step_down(state: State, measured: Measured, entry: dict[str, Entry] = ENTRY) -> Change | None:
    """The change that must be made now; None where nothing is wrong.

    Another model, or an audit log that does not verify: nothing counts unchecked ("every" at most). One step down each: drift; agreement whose upper bound over the newest WINDOW rows is below
    the level at which the step was entered; dangerous misses whose lower bound is above its limit; two people who differ more often than DIFFER, by the lower bound.
    """
    at = STEPS.index(state.step)
    if measured.model != state.model:
        return Change(state, STEPS[min(at, 1)], measured.model, (say(f"another model answers now: {measured.model}", f"モデルが替わりました：{measured.model}"),))
    if not measured.log_ok and at > 1:
        return Change(state, "every", state.model, (_broken(),))
    if not at:
        return None
    rule, rows, why = entry[state.step], _relevant(state.step, state, measured)[-WINDOW:], []
    groups = np.array([row.group for row in rows])
    if measured.drift:
        why.append(say("the drift alarm is on", "ドリフト警報が出ています"))
    if len(rows) >= _FEWEST and (high := upper_bound(np.array([row.final == row.answer for row in rows]), groups, _DOWN)) < rule.agreement:
        why.append(say(f"agreement with people is at most {_most(high)} over the last {len(rows)} rows; this step asks for {100 * rule.agreement:g} %", f"直近 {len(rows)} 件の人との一致率は高くても {_most(high)}。この段階に必要な水準は {100 * rule.agreement:g} %"))
    if len(rows) >= _FEWEST and (low := lower_bound(np.array([row.is_dangerous and not row.said_dangerous for row in rows]), groups, _DOWN)) > rule.missed:
        why.append(say(f"at least {_least(low)} of the last {len(rows)} answers were dangerous misses; {100 * rule.missed:g} % are allowed", f"直近 {len(rows)} 件の {_least(low)} 以上が危険の見逃しでした。許容は {100 * rule.missed:g} %"))
    pairs = [row.differed for row in _since(state, measured) if row.differed is not None][-WINDOW:] + [True] * measured.open_disagreements
    if (low := lower_bound(np.array(pairs), np.array([""] * len(pairs)), _DOWN)) > DIFFER:
        why.append(say(f"two people differ on at least {_least(low)} of the dangerous items ({len(pairs)} of them); the rule is unclear, not only the model", f"危険な分類 {len(pairs)} 件のうち {_least(low)} 以上で 2 人の意見が割れています。モデルだけでなく基準が不明確です"))
    return Change(state, STEPS[at - 1], state.model, tuple(why)) if why else None


def _broken() -> str:
    return say("the audit log does not verify", "監査ログの検証に失敗しました")


def _look(rows: int, first: int) -> int:
    """How many looks are complete: 1 from `first` rows on, 2 from twice as many, ..."""
    return (rows // first).bit_length()


def _since(state: State, measured: Measured) -> list[Checked]:
    return [row for row in measured.rows if row.time >= state.since and row.model == state.model]


def _relevant(step: str, state: State, measured: Measured) -> list[Checked]:
    """The rows that say how the model does where `step` trusts it: looked at whatever the answer was, answered, told, and for "risky" not said to be dangerous (a person sees those on it)."""
    rows = [row for row in _since(state, measured) if row.unbiased and row.answer and row.final]
    return [row for row in rows if not row.said_dangerous] if step == "risky" else rows


def change(log: AuditLog, made: Change, who: str) -> State:
    """Writes a change to the audit log and returns the new state. Up, `who` is the person who answers for it."""
    written = log.append(Record("step", who, made.to, model=made.model, decision=made.to, note={"from": made.before.step, "why": list(made.why)}))
    return State(made.to, datetime.fromisoformat(written.time), made.model)


def begin(log: AuditLog, model: str, who: str) -> State:
    """Puts a model on the first step."""
    written = log.append(Record("step", who, "shadow", model=model, decision="shadow", note={"from": "", "why": []}))
    return State("shadow", datetime.fromisoformat(written.time), model)


def state_in(records: Iterable[Record]) -> State | None:
    """The newest state that an audit log tells of; None where it tells of none."""
    last = None
    for record in records:
        found = _state_of(record)
        if found and (last is None or record.kind == "step" or found.since > last.since):
            last = found
    return last


def carried(records: Iterable[Record]) -> dict:
    """What a record of kind "retention" keeps (as its note's "standing") of records that are cut off: the newest step, since when, of which model, by whom, from which step and why; {} where they tell of none."""
    kept: dict = {}
    for record in records:
        if record.kind == "step":
            kept = {"step": record.decision, "since": record.time, "model": record.model, "by": record.who, "from": record.note.get("from", ""), "why": record.note.get("why", [])}
        elif (told := _state_of(record)) and (not kept or told.since > datetime.fromisoformat(kept["since"])):
            kept = dict(record.note["standing"])
    return kept


def _state_of(record: Record) -> State | None:
    """The state that a record of a step, or one about records that were cut off, tells of."""
    if record.kind == "step":
        return State(record.decision, datetime.fromisoformat(record.time), record.model)
    standing = record.note.get("standing") if record.kind == "retention" and record.previous else None  # the summary's own would be bound by no chain
    return State(standing["step"], datetime.fromisoformat(standing["since"]), standing["model"]) if standing else None


def told(state: State, measured: Measured, entry: dict[str, Entry] = ENTRY, alpha: float = ALPHA) -> list[str]:
    """The current step, what happens on it, and what the next one still needs, in the reader's language."""
    at = STEPS.index(state.step)
    (name, what), place = NAMES[state.step], say(f"Step {at + 1} of {len(STEPS)}", f"段階 {at + 1} / {len(STEPS)}")
    lines = [say(f"{place}: {name[0]}, since {state.since:%Y-%m-%d}. {what[0]}", f"{place}：{name[1]}（{state.since:%Y-%m-%d} から）。{what[1]}")]
    if down := step_down(state, measured, entry):
        to = NAMES[down.to][0]
        return [*lines, say(f"Goes down to “{to[0]}” now: {'; '.join(down.why)}.", f"直ちに「{to[1]}」へ下げます：{'。'.join(down.why)}。")]
    if at + 1 == len(STEPS):
        return lines
    following, lacks = NAMES[STEPS[at + 1]][0], missing(state, measured, entry, alpha)
    if not lacks:
        return [*lines, say(f"“{following[0]}” may be entered: the owner of the judgement decides, by name.", f"「{following[1]}」に進めます。判定の責任者が記名で決めてください。")]
    return [*lines, say(f"For “{following[0]}” it still needs:", f"「{following[1]}」に進むには："), *(f"  - {lack}" for lack in lacks)]


def _least(share: float) -> str:
    """A lower bound, rounded down, so that it never looks as if it reached a level that it misses."""
    return f"{math.floor(1000 * share) / 10:.1f} %"


def _most(share: float) -> str:
    """An upper bound, rounded up."""
    return f"{math.ceil(1000 * share) / 10:.1f} %"
