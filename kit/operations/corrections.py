"""What people corrected, as rows to learn from, each with who corrected it, when, and from which answer of which model."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from kit.data import MEDIA, Sample, write_folder
from kit.errors import KitError
from kit.language import say
from kit.operations.review_rows import Decision, Item

NOT_TAUGHT = ("unreadable input", "rule unclear", "personal data")  # kinds of wrong answer that a label does not mend, or makes worse


def corrections(items: Iterable[Item], decisions: Mapping[int, tuple[Decision, ...]], confirmed: bool = False) -> tuple[Sample, ...]:
    """Rows of the closed items whose answer people changed or gave in the model's place; `confirmed`: of those that they agreed with, too.

    All are for training only (split "train"): hard items are over-represented, so nothing may be measured on them. An item that cannot be told, or that anybody marked as one of NOT_TAUGHT, is
    left out. The provenance is in `meta`: reviewed_row, corrected_by, corrected_at, model_answer, model_confidence, model, adapter, audit_record, review_item, review_reasons, wrong_because.
    """
    rows = []
    for item in items:
        said = decisions.get(item.id, ())
        if not item.final or (item.final == item.answer and not confirmed) or any(one.kind in NOT_TAUGHT for one in said):
            continue
        meta = {
            "reviewed_row": item.sample.id, "corrected_by": " & ".join(one.who for one in said if one.answer == item.final), "corrected_at": item.closed, "model_answer": item.answer,
            "model_confidence": "" if item.confidence is None else f"{item.confidence:.4f}", "model": item.model, "adapter": item.adapter, "audit_record": str(item.record),
            "review_item": str(item.id), "review_reasons": " ".join(item.reasons), "wrong_because": "; ".join(dict.fromkeys(one.kind for one in said if one.kind)),
        }  # fmt: skip
        rows.append(item.sample.replace(id=f"review-{item.id:06}", answer=item.final, split="train", meta=meta))
    return tuple(rows)


def without_evidence(rows: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """Those whose files are gone, deleted by the owner of the data, say: nothing can be learned from them."""
    return tuple(row for row in rows if any(not path.is_file() for name in MEDIA for path in getattr(row, name)))


def write_corrections(rows: tuple[Sample, ...], root: Path, group_by: str = "") -> Path:
    """Writes the rows as a company folder of their own, files included, and returns its table; `group_by`: the name of the group's column in the poc.yaml that it will be read with.

    Raises:
        KitError: there are none, or the folder has a table.
    """
    if not rows:
        raise KitError(say("there are no corrections to write: nobody has changed an answer that can be taught", "書き出す訂正がありません（学習に使える訂正はまだ 1 件もありません）"))
    return write_folder(tuple(row.replace(meta={**row.meta, group_by: row.group}) if group_by and group_by != "group" else row for row in rows), root)
