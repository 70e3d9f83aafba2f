"""The append-only audit log: who, what, when, with which model, adapter, data and threshold, what was asked, answered and decided.

`log.append(Record(...))` returns once the record is on the disk (fsync), and not before; whatever was returned is there after kill -9, a power cut or a full disk. Records are chained
(`audit_record`). Beside the log lies `<log>.head`, which knows how many records there must be, so that a log whose end was cut off is noticed; it is written after the record, so it may
lag behind the log and never runs ahead of it. Writers in many processes and threads take turns by `<log>.lock`.

A line that an interruption cut short was acknowledged to nobody. The next writer takes it out and writes a record of kind "healed" about it.

What this can and cannot do: somebody who may write to the folder can rewrite the log from any record on, with its digests and its head, and no file in that folder will tell. That is what
anchors are for (`audit_verify.anchor_of`): printed, signed, mailed to somebody else, they bind every record up to theirs. What is written after the newest anchor, and what was never written,
no log can prove.
"""

import json
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from kit.data.files import own
from kit.errors import KitError
from kit.language import say
from kit.operations.audit_record import LONGEST, Record, is_pseudonym, is_whole, line_of, pseudonym, record_of

FILE = "audit_log.jsonl"
_SLOT = 256  # bytes of one of the head's two lines; the newer one is always written over the older one


@dataclass(frozen=True)
class Head:
    """The last record that was acknowledged: its number and digest."""

    n: int = 0
    hash: str = ""


class AuditLog:
    """A log to write to. One object may be shared between threads.

    Args:
        path: the file; made with its folder when the first record is written.
        key: where given, who did something is written as a pseudonym; see `audit_record.read_key`.
        clock: returns the time now, in UTC.
    """

    def __init__(self, path: Path, key: bytes | None = None, clock=lambda: datetime.now(UTC)):
        self.path, self.key, self.clock = Path(path), key, clock
        self._seen: tuple[tuple, Head] = ((), Head())  # (state of the file, its last record) when this object wrote last

    def append(self, record: Record) -> Record:
        """Writes the record and returns it with number, time and digests once it is on the disk. See `extend`."""
        return self.extend([record])[0]

    def extend(self, records: Iterable[Record]) -> list[Record]:
        """The same for several records that are acknowledged together, with one wait for the disk.

        Raises:
            KitError: a record that cannot be written (`line_of`), a disk that does not take it, or a log that was cut or changed at its end. Then none of the records counts (where the disk
                took the records and refused the head only, they are in the log all the same).
        """
        records = list(records)
        for record in records:  # before anything is touched
            line_of(record)
            if is_summary(record):
                raise KitError(say("records are cut off with `poc audit cut` only, which writes the summary itself", "記録の削除は `poc audit cut` だけで行えます（要約はそこで書かれます）"))
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.locked():
                return self._extend(records)
        except OSError as error:
            raise KitError(say(f"{self.path}: the record could not be written ({error.strerror}); it does not count. Free some space or check the permissions.",
                               f"{self.path}：記録を書き込めませんでした（{error.strerror}）。この記録は無効です。空き容量と権限を確認してください。")) from error  # fmt: skip

    def locked(self) -> FileLock:
        """A lock that keeps all other writers out while it is entered."""
        for path in (self.path, head_of(self.path), Path(f"{self.path}.lock")):
            own(path, self.path.parent)
        return FileLock(f"{self.path}.lock")

    def _extend(self, records: list[Record]) -> list[Record]:
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            last, healed = self._end(file)
            if not last.n:
                write_head(self.path, last)  # before the first record: from here on a log without a head is a changed one
                _sync_folder(self.path.parent)
            written, lines = [], []
            for record in [*healed, *records]:
                who = pseudonym(record.who, self.key) if self.key else record.who
                record = replace(record, who=who, n=last.n + 1, time=self.clock().isoformat(timespec="milliseconds"), previous=last.hash)
                line, digest = line_of(record)
                last = Head(record.n, digest)
                written.append(replace(record, hash=digest))
                lines.append(line)
            self._write(file, b"".join(lines))
            write_head(self.path, last)
            self._seen = (_state(file), last)
        finally:
            os.close(file)
        return written[len(healed) :]

    def _write(self, file: int, content: bytes) -> None:
        """All of it, or nothing: what a full disk took of it is cut off again."""
        size = os.fstat(file).st_size
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(file, view) :]
            os.fsync(file)
        except BaseException:
            os.ftruncate(file, size)
            raise

    def _end(self, file: int) -> tuple[Head, list[Record]]:
        """(the last record, a record about what had to be removed after it)."""
        if _state(file) == self._seen[0]:
            return self._seen[1], []
        whole, rest = _last_lines(file)
        if rest and (record := record_of(rest)) and is_whole(rest, record):  # only its line end is missing: it may have been acknowledged, and stays
            self._write(file, b"\n")
            whole, rest = rest, b""
        record = record_of(whole) if whole else None
        if (whole and (record is None or not is_whole(whole, record))) or len(rest) > LONGEST:
            raise _broken(self.path, say("its last line is not what the kit wrote", "最後の行がキットの書いたものではありません"))
        last = chain_end(record) if record else Head()
        head = read_head(self.path)
        if head is None and last.n:
            raise _broken(self.path, say(f"its head file {head_of(self.path).name} is missing or damaged", f"ヘッドファイル {head_of(self.path).name} がないか、壊れています"))
        if head and (head.n > last.n or (head.n == last.n and head.hash != last.hash)):
            raise _broken(self.path, say(f"it ends with record {last.n}, and record {head.n} was acknowledged", f"記録 {head.n} まで書き込み済みのはずが、記録 {last.n} で終わっています"))
        if head_was_changed(self.path, last.n):
            raise _broken(self.path, say("one line of its head file was blanked or copied over", "ヘッドファイルの片方の行が消されたか、上書きされています"))
        if not rest:
            return last, []
        os.ftruncate(file, os.fstat(file).st_size - len(rest))
        return last, [Record("healed", "mllm-poc-kit", note={"bytes": len(rest), "begins": rest[:80].decode(errors="replace")})]


def records_in(path: Path) -> Iterator[Record]:
    """The records of a log, one after the other, unchecked (`audit_verify.verify` checks); a line that is none, or not whole yet, is passed over.

    Raises:
        KitError: the file cannot be read.
    """
    for line in lines_in(path):
        record = record_of(line[:-1]) if line.endswith(b"\n") else None
        if record:
            yield record


def hides_names(path: Path) -> bool:
    """Whether a person stands in the log as a pseudonym; False where there is no log."""
    return Path(path).is_file() and any(is_pseudonym(record.who) for record in records_in(path))


def lines_in(path: Path) -> Iterator[bytes]:
    """The lines of a log with their ends; of one that is longer than any record, a piece."""
    try:
        with Path(path).open("rb") as file:
            while line := file.readline(LONGEST + 1):
                yield line
    except OSError as error:
        raise KitError(say(f"{path}: cannot be read ({error.strerror}). Check the path and its permissions.", f"{path}：読めません（{error.strerror}）。パスと権限を確認してください。")) from error


def chain_end(record: Record) -> Head:
    """What the next record must follow: this one, or, of a summary that stands for records that were cut off, the last of these."""
    return Head(record.n, record.note["stands_for"]["hash"]) if is_summary(record) else Head(record.n, record.hash)


def is_summary(record: Record) -> bool:
    """Whether the record stands at the beginning of a log for records that were cut off (`audit_retention`); it follows nothing, and no writer but that one may say so."""
    stands = record.note.get("stands_for")
    return record.kind == "retention" and not record.previous and isinstance(stands, dict) and isinstance(stands.get("hash"), str)


def head_of(path: Path) -> Path:
    """The file that knows the end of the log."""
    return Path(f"{path}.head")


def read_head(path: Path) -> Head | None:
    """The newer of the head's lines that is whole; None where there is none."""
    try:
        content = head_of(path).read_bytes()
    except OSError:
        return None
    found = []
    for slot in (content[:_SLOT], content[_SLOT:]):
        text, _, check = slot.strip().rpartition(b" ")
        if check == b"%08x" % zlib.crc32(text):
            said = json.loads(text)
            found.append(Head(said["n"], said["hash"]))
    return max(found, key=lambda head: head.n, default=None)


def head_was_changed(path: Path, last: int) -> bool:
    """Whether the head's lines are not as a writer or its interruption leaves them, where the newer one names the log's last record: two whole lines that differ. A half-written line means that the log goes on after the other one, whose record came first."""
    try:
        content = head_of(path).read_bytes()
    except OSError:
        return False  # told as missing
    found = read_head(path)
    if not last or found is None or found.n != last:
        return False
    slots = [slot.strip().rpartition(b" ") for slot in (content[:_SLOT], content[_SLOT:])]
    return any(check != b"%08x" % zlib.crc32(text) for text, _, check in slots) or slots[0] == slots[1]


def write_head(path: Path, head: Head) -> None:
    """Writes the older of the two lines over, in place: it takes no space, and an interruption leaves the other one."""
    file = os.open(head_of(path), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        text = json.dumps({"n": head.n, "hash": head.hash}).encode()
        slot = b"%s %08x" % (text, zlib.crc32(text))
        slots = (0, _SLOT) if os.fstat(file).st_size < 2 * _SLOT else (_SLOT * (_older_slot(file)),)
        for place in slots:
            if os.pwrite(file, slot.ljust(_SLOT - 1) + b"\n", place) != _SLOT:
                raise OSError(28, "no space for the head file")
        os.fsync(file)
    finally:
        os.close(file)


def _older_slot(file: int) -> int:
    numbers = []
    for place in (0, _SLOT):
        text, _, check = os.pread(file, _SLOT, place).strip().rpartition(b" ")
        numbers.append(json.loads(text)["n"] if check == b"%08x" % zlib.crc32(text) else -1)
    return numbers.index(min(numbers))


def _state(file: int) -> tuple:
    stat = os.fstat(file)
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _last_lines(file: int) -> tuple[bytes, bytes]:
    """(the last whole line without its end, what stands after it), from the last 2 * LONGEST bytes."""
    size = os.fstat(file).st_size
    content = os.pread(file, 2 * LONGEST, max(0, size - 2 * LONGEST))
    *lines, rest = content.split(b"\n")
    return (lines[-1] if lines else b""), rest


def _sync_folder(folder: Path) -> None:
    """A new file's name is on the disk, too; Windows has no such call."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


def _broken(path: Path, why: str) -> KitError:
    return KitError(say(f"{path}: was changed by something else than the kit ({why}); nothing is added to a log that cannot be trusted. Look at it with `poc audit verify {path}`, keep it and its .head elsewhere as evidence, and a new log begins.",
                        f"{path}：キット以外によって変更されています（{why}）。信頼できないログには追記しません。`poc audit verify {path}` で確認し、ログと .head を証拠として別の場所に移すと、新しいログが始まります。"))  # fmt: skip
