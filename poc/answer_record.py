"""An answer of a run's tuned model as a line of its audit log: the one form, whoever asks (`poc predict --queue`, the demo). Needs no model."""

from collections.abc import Mapping

from kit.operations.audit_record import Record
from poc.threshold import Threshold


def answer_record(run: dict, adapter: str, threshold: Threshold, shares: Mapping[str, float], who: str, what: str, digest: str, note: Mapping = {}) -> Record:  # noqa: B006  never written to
    """The record of an answer: below the threshold it is none, and the note alone says what was most likely.

    Args:
        run: run.json.
        adapter: `poc.runs.adapter_digest`.
        shares: {option: share} as the model gave them; the confidence is that after temperature scaling.
        who, what: the service or person that asked, the row's id.
        digest: `kit.operations.audit_record.input_hash` of what was asked; "" where a file of it is not here.
        note: more of it; what is empty is left out.
    """
    heated = threshold.heated(shares)
    best = max(heated, key=heated.get)
    given = heated[best] >= threshold.value
    said = {"most_likely": best} | {name: value for name, value in note.items() if value not in (None, "", 0, False, [])}
    return Record("answer", who, what, run["model"]["name"], adapter, run["data"]["hash"], threshold.value, digest, best if given else "", round(heated[best], 5), "answered" if given else "abstained", said)
