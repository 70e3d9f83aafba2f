"""How long audit records are kept: old ones are cut off, and a signed summary takes their place, so that the rest still verifies.

The summary says how many records there were, from when to when, and the digest of the last, which the first record that stays follows. It is signed with a key, and a record of the chain says
the same, so that neither can be made up alone. That record also carries the newest step of autonomy on (`autonomy.carried`), where its own record is among those that go: a run in use stays in use. People's decisions that
are cut off no longer count for the ladder. An anchor of a record that was cut off can no longer be checked, one of the last that was cut off still can.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import takewhile
from pathlib import Path

from kit.errors import KitError
from kit.language import say
from kit.operations.audit_log import AuditLog, chain_end, is_summary, lines_in, records_in
from kit.operations.audit_record import Record, line_of, pseudonym, record_of, seal
from kit.operations.audit_verify import place_of, summary_text, verify
from kit.operations.autonomy import carried


def cut_before(log: AuditLog, time: datetime, who: str, key: bytes) -> int:
    """Cuts off the records of before `time`, and returns how many; 0, and nothing is written, where there are none.

    An interruption leaves the old log or the new one. Writers wait meanwhile; what they write is kept.

    Args:
        log: the log.
        time: an aware time; the first record that is not older stays, with all that follow.
        who: decided it.
        key: signs the summary (`audit_record.read_key`).

    Raises:
        KitError: a time to come, the log is not as it was written, or the disk has no space for the part that is kept.
    """
    found = verify(log.path, key=key)
    if not found.ok:
        raise KitError(say(f"{log.path}: nothing was cut off, because the log is not as it was written ({place_of(found)}{found.problem})", f"{log.path}：ログが書かれたままの状態ではないため、削除しませんでした（{place_of(found)}{found.problem}）"))
    if time > log.clock():
        raise KitError(say(f"{time:%Y-%m-%d} is still to come; give the first day that is kept, today at the latest", f"{time:%Y-%m-%d} は未来の日付です。残す最初の日を、今日以前で指定してください"))

    def goes() -> Iterator[Record]:
        return takewhile(lambda record: is_summary(record) or datetime.fromisoformat(record.time) < time, records_in(log.path))

    old = [(record.n, record.time, chain_end(record).hash) for record in goes()]
    summary = next((record for record in records_in(log.path) if is_summary(record)), None)
    before = summary.n if summary else 0
    if not old or old[-1][0] == before:
        return 0
    n, last, digest = old[-1]
    begin = summary.note["stands_for"]["from"] if summary else old[0][1]
    standing = carried(goes())
    stays = any(record.n > n and record.kind == "step" for record in records_in(log.path))
    log.append(Record("retention", who, note={"up_to": n, "up_to_hash": digest} | ({"standing": standing} if standing and not stays else {})))
    stands = {"records": n, "from": begin, "to": last, "hash": digest}
    made = Record("retention", pseudonym(who, log.key) if log.key else who, note={"stands_for": stands}, n=n, time=log.clock().isoformat(timespec="milliseconds"))
    made = replace(made, note={**made.note, "seal": seal(summary_text(made), key)})
    _replace(log, line_of(made)[0], n)
    return n - before


def _replace(log: AuditLog, summary: bytes, n: int) -> None:
    half = Path(f"{log.path}.cut")
    try:
        with log.locked():
            with half.open("wb") as file:
                file.write(summary)
                file.writelines(_after(log.path, n))
                file.flush()
                os.fsync(file.fileno())
            half.chmod(log.path.stat().st_mode & 0o777)
            os.replace(half, log.path)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise KitError(say(f"{log.path}: nothing was cut off ({error.strerror}): the part that stays needs as much space again", f"{log.path}：削除できませんでした（{error.strerror}）。残す部分と同じだけの空き容量が必要です")) from error


def _after(path: Path, n: int) -> Iterator[bytes]:
    """The lines after record n; a torn last one, too, which the next writer takes out."""
    for line in lines_in(path):
        record = record_of(line.removesuffix(b"\n"))
        if record is None or record.n > n:
            yield line
