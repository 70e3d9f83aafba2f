"""The audit log as a table for a spreadsheet."""

import csv
import json
from pathlib import Path

from kit.data.files import own
from kit.errors import KitError
from kit.language import say
from kit.operations.audit_log import records_in
from kit.operations.audit_record import KINDS, Record
from kit.operations.audit_verify import place_of, verify

FORMULA = "=+-@＝＋－＠"  # what a cell begins with that a spreadsheet would calculate; the wide forms count where Japanese is read (OWASP, CSV injection)
ORDER = ("n", "time", "kind", "who", "what", "answer", "confidence", "threshold", "decision", "model", "adapter", "data", "input", "note", "previous", "hash")
_NAMES = {
    "n": "番号", "time": "時刻（UTC）", "kind": "種類", "who": "実行者", "what": "対象", "answer": "答え", "confidence": "確信度", "threshold": "しきい値", "decision": "結果", "model": "モデル",
    "adapter": "アダプター", "data": "データ", "input": "入力のハッシュ値", "note": "備考", "previous": "前の記録のハッシュ値", "hash": "ハッシュ値",
}  # fmt: skip


def export_csv(log: Path, out: Path) -> int:
    """Writes a UTF-8 table with a mark, which Excel opens rightly, and returns its rows. It is a copy to read: only the log itself can be verified.

    A text that a spreadsheet would take for a formula gets an apostrophe before it. Records that are written meanwhile may be in it.

    Raises:
        KitError: `out` exists, the log is not as it was written, or the disk does not take the table.
    """
    out = own(Path(out), Path(out).parent)
    found = verify(log)
    if not found.ok:
        raise KitError(say(f"{log}: not exported, because it is not as it was written ({place_of(found)}{found.problem})", f"{log}：書かれたままの状態ではないため、書き出しません（{place_of(found)}{found.problem}）"))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("x", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
            writer.writerow([say(name, _NAMES[name]) for name in ORDER])
            rows = 0
            for record in records_in(log):
                writer.writerow(_cells(record))
                rows += 1
            return rows
    except FileExistsError as error:
        raise KitError(say(f"{out} exists already and is not overwritten; name another file", f"{out} は既にあるため上書きしません。別のファイル名にしてください")) from error
    except OSError as error:
        raise KitError(say(f"{out}: could not be written ({error.strerror}). Free some space or check the permissions.", f"{out}：書き込めませんでした（{error.strerror}）。空き容量と権限を確認してください。")) from error


def _cells(record: Record) -> list:
    values = {name: getattr(record, name) for name in ORDER} | {"kind": say(*KINDS[record.kind]), "note": json.dumps(dict(record.note), ensure_ascii=False) if record.note else ""}
    return [safe_cell(value) if isinstance(value, str) else "" if value is None else value for value in values.values()]


def safe_cell(text: str) -> str:
    """The text on one line, with an apostrophe before what a spreadsheet would calculate; blanks before it do not hide it."""
    line = " ".join(text.splitlines())
    return f"'{line}" if line.lstrip()[:1] in tuple(FORMULA) else line
