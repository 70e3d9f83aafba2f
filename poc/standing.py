"""Where a run in use stands: its audit log, its review queue, the answers that two people must agree on, and the step of autonomy. Reads no model, so that a list opens at once."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kit.errors import KitError
from kit.language import say
from kit.operations.audit_log import FILE as LOG
from kit.operations.audit_log import AuditLog, is_summary, records_in
from kit.operations.audit_verify import verify
from kit.operations.autonomy import Change, Measured, State, begin, change, state_in, step_down
from kit.operations.review_queue import FILE as QUEUE
from kit.operations.review_queue import ReviewQueue
from kit.operations.review_rows import checked, logged, open_disagreements
from poc import runs
from poc.audit_commands import FOLDER

SERVICE = "poc predict"  # who answered and referred, in the audit log


@dataclass(frozen=True)
class Standing:
    """What a run in use is, apart from its model.

    Attributes:
        record: run.json.
        adapter: 16 hex digits of its weights' digest.
        log, queue: open.
        dangerous: answers that two people must agree on.
        state, measured: of the autonomy ladder, now.
        down: the change that was made on opening, where the numbers asked for one.
        unlogged: closed items of the queue that do not stand so in the audit log, and count for nothing.
    """

    record: dict
    adapter: str
    log: AuditLog
    queue: ReviewQueue
    dangerous: tuple[str, ...]
    state: State
    measured: Measured
    down: Change | None
    unlogged: tuple[int, ...]


def standing(run: Path, key: bytes | None = None, start: bool = False) -> Standing:
    """Log, queue and step of a run in use; where the measured numbers ask for it, a step back is made and written first.

    Args:
        run: a finished run.
        key: hides names; see `kit.operations.audit_record`.
        start: put a model that was never in use on the first step, with a record of it. Without that, one whose queue holds something already (the demo's "a person should check") stands there, too, and nothing is written.

    Raises:
        KitError: not a finished run, or never in use.
    """
    record, log = runs.read(run), AuditLog(run / FOLDER / LOG, key)
    adapter = runs.adapter_digest(run)
    model = f"{record['model']['name']} {adapter}"  # as review_rows.model_of puts it together
    state = state_in(records_in(log.path)) if log.path.is_file() else None
    if state is None and not start and not ((run / FOLDER / QUEUE).is_file() and log.path.is_file()):
        raise KitError(say(f"{run} is not in use yet: `poc predict {run} DIR --queue` answers new files, writes the audit log and fills the queue", f"{run} はまだ運用されていません。`poc predict {run} DIR --queue` で新しいファイルに答えると、監査ログと確認待ち一覧が始まります"))
    dangerous = dangerous_of(record)
    queue = ReviewQueue(run / FOLDER / QUEUE, log, dangerous)
    state = state or (begin(log, model, SERVICE) if start else State("shadow", datetime.fromisoformat(next(iter(records_in(log.path))).time), model))
    items, decisions = queue.items(), queue.decisions()
    differing = [item for item in open_disagreements(items, decisions) if {item.answer, *(one.answer for one in decisions[item.id])} & {*dangerous}]
    sure = logged(items, decisions, records_in(log.path), frozenset(dangerous))
    kept_from = next((record.note["stands_for"]["to"] for record in records_in(log.path) if is_summary(record)), "")
    unlogged = tuple(item.id for item in items if item.final is not None and item.id not in sure and item.made > kept_from)
    found = Measured(tuple(checked(items, decisions, frozenset(dangerous), sure)), model, len(differing), _drifted(run, state), verify(log.path).ok)
    down = step_down(state, found)
    return Standing(record, adapter, log, queue, dangerous, change(log, down, SERVICE) if down else state, found, down, unlogged)


def dangerous_of(record: dict) -> tuple[str, ...]:
    """The answers that no single person closes: gates.dangerous of poc.yaml when the run was made; where it is silent, every answer but the good one, which costs people's time and nothing else."""
    named, good = record["gates"].get("dangerous"), (record.get("costs") or {}).get("ok_answer")
    return tuple(named) if named is not None else tuple(option for option in record["options"] if option != good) if good else ()


def _drifted(run: Path, state: State) -> bool:
    """Whether any reading of the drift charts (`poc drift`) since the step began alarms: a quiet one of other files does not take it back."""
    since = state.since.timestamp()
    return any(json.loads(file.read_text(encoding="utf-8"))["alarm"] for file in (run / FOLDER).glob("drift-*/drift.json") if file.stat().st_mtime > since)
