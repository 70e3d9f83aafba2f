"""SIMULATED clerks, for the tutorial: people who know the held-out truth, slip now and then, and decide on everything that a model on the step "shadow" answers. What they agree on measures nobody's agreement but theirs.

    log, queue = rehearse(folder, frame, samples, model=("tiny_omni", "3fa1..."), threshold=0.9, dangerous=("crack",))
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from kit.data import Sample
from kit.operations.audit_log import FILE as LOG
from kit.operations.audit_log import AuditLog
from kit.operations.audit_record import Record, input_hash
from kit.operations.autonomy import begin, reasons_to_check
from kit.operations.playbook import likely_kind
from kit.operations.review_queue import FILE as QUEUE
from kit.operations.review_queue import ReviewQueue

PEOPLE = ("clerk A (simulated)", "clerk B (simulated)", "clerk C (simulated)")
_BEGAN = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)


def rehearse(
    folder: Path, frame: pd.DataFrame, samples: Sequence[Sample], model: tuple[str, str], threshold: float, dangerous: tuple[str, ...], ok_answer: str = "", slips: float = 0.03, days: int = 10, waiting: int = 3, seed: int = 0,
) -> tuple[AuditLog, ReviewQueue]:  # fmt: skip
    """(audit log, queue) in `folder` after the rows were answered, and all but the last `waiting` decided on.

    Args:
        frame: answers in the order of `samples`, as `kit.evaluation.abstention.withhold` returns them, with reason "input" or "conflict" where a gate held.
        samples: held-out ones, with their truth.
        model: checkpoint and adapter, as they stand in the log.
        dangerous: answers that two people must agree on.
        ok_answer: for the kind of a wrong answer.
        slips: share of a person's decisions that are wrong.
        days: over which the rows are spread.
    """
    draws, now = np.random.default_rng(seed), [_BEGAN]
    log = AuditLog(folder / LOG, clock=lambda: now[0])
    queue = ReviewQueue(folder / QUEUE, log, dangerous, clock=lambda: now[0])
    begin(log, " ".join(model), "PoC lead")
    for place, (row, sample) in enumerate(zip(frame.to_dict("records"), samples, strict=True)):
        now[0] += timedelta(days=days) / len(samples)
        unsure = row["sure"] < threshold
        said = "" if unsure else row["predicted"]
        answered = log.append(Record("answer", "poc predict", sample.id, *model, threshold=threshold, input=input_hash(sample), answer=said, confidence=round(row["sure"], 5), decision="abstained" if unsure else "answered"))
        reasons = reasons_to_check("shadow", abstained=unsure, dangerous=said in dangerous, conflict=row["reason"] == "conflict", poor_input=row["reason"] == "input")
        item = queue.add(sample, answered, reasons, "poc predict")
        first = place % 2  # the two take turns; the third is asked where they differ
        for person in (PEOPLE[first], PEOPLE[1 - first], PEOPLE[2], PEOPLE[2] + " 2") if place < len(samples) - waiting else ():
            if item.final is None:
                item = _decided(queue, person, sample, said, ok_answer, slips, draws)
    return log, queue


def _decided(queue: ReviewQueue, person: str, sample: Sample, said: str, ok_answer: str, slips: float, draws: np.random.Generator):
    """The item after one simulated person's decision, who has not seen the model's."""
    wrong = [option for option in sample.options if option != sample.answer]
    answer = str(draws.choice(wrong)) if draws.random() < slips else sample.answer
    kind = likely_kind(said, answer, ok_answer) if said else ""
    return queue.decide(queue.claim(person), answer, kind, seconds=float(draws.gamma(4, 3)), saw=False)
