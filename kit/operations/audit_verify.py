"""Whether an audit log is as it was written: the first line that is not, and what is wrong with it in words; and anchors, which bind a log to something outside it.

The log is read line by line in bounded memory, up to where it ended when the reading began, so that writers need not wait.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hmac import compare_digest
from pathlib import Path

from filelock import FileLock

from kit.errors import KitError
from kit.language import say
from kit.operations.audit_log import (
    Head,
    chain_end,
    head_of,
    head_was_changed,
    is_summary,
    lines_in,
    read_head,
)
from kit.operations.audit_record import Record, is_whole, record_of, seal

_SHORTEST = 16  # hex digits of an anchor that was typed from paper: 64 bits


@dataclass(frozen=True)
class Anchor:
    """The end of a log at some time, to be kept where the log's writers cannot reach it.

    Attributes:
        log: the log's file name.
        n, hash: number and digest of its last record; the digest may be the first 16 or more digits, where a person typed it.
        time: when it was taken, UTC.
        seal: signature of a key, "" without one.
    """

    log: str
    n: int
    hash: str
    time: str = ""
    seal: str = ""


@dataclass(frozen=True)
class Verified:
    """What a reading of a log found.

    Attributes:
        path: the log.
        ok: whether every record that must be there is, unchanged and in its place.
        records: whole ones that were read up to the first fault.
        first, last: numbers of the first and the last of them; 0 where there is none. `first` is above 1 where older ones were cut off.
        hash: digest of the last.
        anchors: how many of the given ones it was compared with, and fits.
        line: number of the first line that is wrong; 0 where it is no line (the end is missing, say).
        problem: what is wrong, in the reader's language; "" where nothing is.
        notes: what a reader should know although it is no fault: healed lines, records that were cut off, anchors that could not be checked.
    """

    path: Path
    ok: bool
    records: int
    first: int
    last: int
    hash: str
    anchors: int = 0
    line: int = 0
    problem: str = ""
    notes: tuple[str, ...] = ()


class _Fault(Exception):
    def __init__(self, line: int, problem: str, missing: int = 0):
        self.line, self.problem, self.missing = line, problem, missing


def verify(path: Path, anchors: Iterable[Anchor] = (), key: bytes | None = None) -> Verified:
    """Reads a log from its first line to its last.

    Args:
        path: the log.
        anchors: of the same log, taken earlier.
        key: checks the signature of the summary that stands for records which were cut off, and the seals of anchors; without it these count as unchecked, and `notes` says so.

    Raises:
        KitError: the log cannot be read.
    """
    path = Path(path)
    size, head, changed = _end_of(path)
    reading = _Reading(tuple(anchors), head, key)
    try:
        for number, line in enumerate(_up_to(path, size), start=1):
            reading.take(number, line)
        reading.finish()
        if changed and head.n == reading.last.n:
            raise _Fault(0, say("one line of the head file was blanked or copied over, which no interruption does: records may be missing at the end", "ヘッドファイルの片方の行が消されたか、上書きされています。中断では起こらないため、末尾の記録が失われている可能性があります"))
        line, problem = 0, ""
    except _Fault as fault:
        line, problem = fault.line, fault.problem + (_later(path, size, fault) if fault.missing else "")
    return Verified(path, not problem, reading.records, reading.first, reading.last.n, reading.last.hash, reading.held, line, problem, tuple(reading.notes))


class _Reading:
    """What is known after the lines so far."""

    def __init__(self, anchors: tuple[Anchor, ...], head: Head | None, key: bytes | None):
        self.anchors, self.head, self.key = {}, head, key
        for anchor in anchors:
            self.anchors.setdefault(anchor.n, []).append(anchor)
        self.records, self.first, self.last, self.held, self.notes = 0, 0, Head(), 0, []
        self.torn = 0  # the line that has no end; only the last one may be such
        self.summary: tuple[int, str] | None = None  # what was cut off, until a record of the chain says the same

    def take(self, number: int, line: bytes) -> None:
        """The next line; raises _Fault."""
        content = line.removesuffix(b"\n")
        record = record_of(content)
        if self.torn or (record is None and content != line):
            raise _Fault(self.torn or number, say("is no record of an audit log: it was put in or written over", "監査ログの記録ではありません。挿入されたか、上書きされています"))
        if content == line and (record is None or not is_whole(content, record)):
            self.torn = number
            self.notes.append(say(f"line {number}: an interrupted line of {len(line)} bytes, acknowledged to nobody; the next record takes its place",
                                  f"{number} 行目：書きかけの行（{len(line)} バイト）。書き込み済みとは扱われておらず、次の記録で置き換わります"))  # fmt: skip
            return
        if not is_whole(content, record):
            raise _Fault(number, say(f"record {record.n} was edited: what it says does not fit its digest", f"記録 {record.n} は編集されています（内容がハッシュ値と合いません）"))
        if number == 1 and is_summary(record):
            self._begin_after(record)
        else:
            self._follow(number, record)
        self.records, self.first, self.last = self.records + 1, self.first or record.n, chain_end(record)
        if self.head and self.head.n == record.n and self.head.hash != self.last.hash:
            raise _Fault(number, say(f"record {record.n} is another one than the head file says: the end of the log was rewritten", f"記録 {record.n} がヘッドファイルと異なります。ログの末尾が書き換えられています"))
        for anchor in self.anchors.pop(record.n, []):
            self._hold(number, anchor)
            self.held += 1

    def _follow(self, number: int, record: Record) -> None:
        wanted = self.last.n + 1
        if record.n > wanted:
            missing = f"{wanted}" if record.n == wanted + 1 else f"{wanted}-{record.n - 1}"
            raise _Fault(number, say(f"is record {record.n}, and record {missing} should come first: deleted, or moved", f"記録 {record.n} ですが、その前に記録 {missing} があるはずです。削除または移動されています"), wanted)
        if record.n < wanted:
            raise _Fault(number, say(f"is record {record.n}, where record {wanted} belongs: moved here, or put in again", f"記録 {wanted} の位置に記録 {record.n} があります。移動または再挿入されています"))
        if record.previous != self.last.hash:
            before = say("the record before it", "直前の記録") if self.records else say("the beginning of the log", "ログの先頭")
            raise _Fault(number, say(f"record {record.n} does not follow {before}: one of the two was replaced or put in", f"記録 {record.n} は{before}に続いていません。どちらかが差し替え・挿入されています"))
        if record.kind == "healed":
            self.notes.append(say(f"line {number}: {record.time}: an interrupted line of {record.note.get('bytes')} bytes was removed; it was acknowledged to nobody",
                                  f"{number} 行目：{record.time}：書きかけの行（{record.note.get('bytes')} バイト）を除去。書き込み済みとは扱われていなかったものです"))  # fmt: skip
        if self.summary and record.kind == "retention" and (record.note.get("up_to"), record.note.get("up_to_hash")) == self.summary:
            self.summary = None

    def _begin_after(self, record: Record) -> None:
        stands = record.note["stands_for"]
        self.summary = record.n, stands["hash"]
        self.notes.append(say(f"records 1 to {record.n} were cut off on {record.time[:10]} by {record.who}: only their number, times and last digest are kept",
                              f"記録 1～{record.n} は {record.time[:10]} に {record.who} が削除しました。残っているのは件数・期間・最後のハッシュ値だけです"))  # fmt: skip
        if self.key is None:
            self.notes.append(say("the signature of that summary was not checked: name the key with --key", "この要約の署名は未確認です。--key で鍵を指定してください"))
        elif not compare_digest(str(record.note.get("seal")), seal(summary_text(record), self.key)):
            raise _Fault(1, say("the summary of the records that were cut off was not signed with this key", "削除済み記録の要約が、この鍵で署名されたものではありません"))

    def _hold(self, number: int, anchor: Anchor) -> None:
        if len(anchor.hash) < _SHORTEST or not self.last.hash.startswith(anchor.hash):
            raise _Fault(number, say(f"record {anchor.n} is not the one of {_name_of(anchor)}: the log was rewritten up to here or earlier", f"記録 {anchor.n} が{_name_of(anchor)}と異なります。ここまでのどこかで書き換えられています"))
        if anchor.seal and self.key is None:
            self.notes.append(say(f"the seal of the anchor at record {anchor.n} was not checked: name the key with --key", f"記録 {anchor.n} の控えの署名は未確認です。--key で鍵を指定してください"))
        elif anchor.seal and not compare_digest(anchor.seal, seal(anchor_text(anchor), self.key)):
            raise _Fault(number, say(f"the anchor at record {anchor.n} was not sealed with this key", f"記録 {anchor.n} の控えが、この鍵で署名されたものではありません"))

    def finish(self) -> None:
        """After the last line; raises _Fault."""
        head, last = self.head, self.last.n
        if head is None and self.records:
            raise _Fault(0, say("the head file is missing or damaged, so that nobody can tell whether records are missing at the end", "ヘッドファイルがないか壊れているため、末尾の欠落を確認できません"))
        if head and head.n > last:
            raise _Fault(0, say(f"the end is missing: records {last + 1} to {head.n} were acknowledged and are not there", f"末尾が欠けています。書き込み済みの記録 {last + 1}～{head.n} がありません"))
        if head and head.n < last:
            self.notes.append(say(f"records {head.n + 1} to {last} were acknowledged to nobody: their writer was interrupted, or something else than the kit put them in",
                                  f"記録 {head.n + 1}～{last} は書き込み済みとは扱われていません。書き込み中の中断か、キット以外による追加です"))  # fmt: skip
        if self.summary:
            raise _Fault(1, say("records were cut off, and no record of the chain says so: they were not cut off by the kit", "記録の削除が連鎖の中に記されていません。キット以外による削除です"))
        for n, waiting in self.anchors.items():
            if n > self.last.n:
                raise _Fault(0, say(f"the end is missing: {_name_of(waiting[0])} knows of record {n}, and the log ends with record {self.last.n}", f"末尾が欠けています。{_name_of(waiting[0])}には記録 {n} がありますが、ログは記録 {self.last.n} で終わっています"))
            self.notes.append(say(f"the anchor at record {n} could not be checked: that record was cut off", f"記録 {n} の控えは、その記録が削除済みのため確認できません"))


def anchor_of(path: Path, key: bytes | None = None) -> Anchor:
    """The end of a log that verifies, to be kept elsewhere.

    Raises:
        KitError: the log is empty, or not as it was written.
    """
    found = verify(path, key=key)
    if not found.ok or not found.last:
        why = found.problem or say("there is no record in it", "記録がありません")
        raise KitError(say(f"{path}: no anchor was made ({place_of(found)}{why}). See `poc audit verify {path}`", f"{path}：控えを作りませんでした（{place_of(found)}{why}）。`poc audit verify {path}` を見てください"))
    bare = Anchor(Path(path).name, found.last, found.hash, datetime.now(UTC).isoformat(timespec="seconds"))
    return Anchor(**{**asdict(bare), "seal": seal(anchor_text(bare), key) if key else ""})


def place_of(found: Verified) -> str:
    """ "line 7: " where a line is wrong."""
    return say(f"line {found.line}: ", f"{found.line} 行目：") if found.line else ""


def _name_of(anchor: Anchor) -> str:
    return say(f"the anchor of {anchor.time[:10]}", f" {anchor.time[:10]} の控え") if anchor.time else say("the anchor that was typed", "入力された控え")


def anchor_text(anchor: Anchor) -> str:
    """What a seal signs."""
    return json.dumps([anchor.log, anchor.n, anchor.hash, anchor.time])


def summary_text(record: Record) -> str:
    """What the signature of a summary signs: everything that it says but the signature."""
    return json.dumps([record.n, record.who, record.time, {name: value for name, value in record.note.items() if name != "seal"}], sort_keys=True, ensure_ascii=False)


def read_anchor(text: str) -> Anchor:
    """An anchor from its file, or as a person types it from paper: "1234:ab12 cd34 ef56 7890" (16 hex digits or more).

    Raises:
        KitError: it is neither.
    """
    try:
        if Path(text).is_file():
            return Anchor(**json.loads(Path(text).read_text(encoding="utf-8")))
        n, digits = text.split(":")
        digits = "".join(digits.split()).lower()
        if int(n) > 0 and len(digits) >= _SHORTEST and set(digits) <= set("0123456789abcdef"):
            return Anchor("", int(n), digits)
    except (OSError, ValueError, TypeError):
        pass
    raise KitError(say(f"{text!r} is no anchor; give the file that `poc audit anchor` wrote, or NUMBER:DIGEST with at least {_SHORTEST} digits of the printed one", f"{text!r} は控えではありません。`poc audit anchor` が書いたファイルか、「番号:ハッシュ値」（印刷された値の {_SHORTEST} 桁以上）を指定してください"))


def _end_of(path: Path) -> tuple[int, Head | None, bool]:
    """(bytes, head, whether it was changed if the log ends with its record) at one moment; without a lock where the folder may not be written to, and nobody writes."""
    try:
        with FileLock(f"{path}.lock") if head_of(path).exists() else nullcontext():
            return _read_end(path)
    except OSError:
        return _read_end(path)


def _read_end(path: Path) -> tuple[int, Head | None, bool]:
    head = read_head(path)
    return path.stat().st_size if path.is_file() else 0, head, head is not None and head_was_changed(path, head.n)


def _up_to(path: Path, size: int) -> Iterator[bytes]:
    for line in lines_in(path):
        if size <= 0:
            return
        yield line[:size]
        size -= len(line)


def _later(path: Path, size: int, fault: _Fault) -> str:
    """Where the record is that is missing at its place, if it stands further down: moved, not deleted."""
    for number, line in enumerate(_up_to(path, size), start=1):
        if number > fault.line and (record := record_of(line[:-1])) and record.n == fault.missing:
            return say(f" (record {record.n} stands in line {number})", f"（記録 {record.n} は {number} 行目にあります）")
    return ""
