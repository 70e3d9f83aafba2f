"""Who said what, when and after how many seconds: one append-only file per annotator, which nothing but `LabelLog` writes to.

A line is JSON and holds the digest of the line before it, so that a line that was changed, taken out or put in later is noticed when the file is read. Taking something back adds a
line, too. A line that an interruption cut short was never confirmed to anybody and is passed over. Line ends may be those of Windows: the digest is of the line without its end.
"""

import codecs
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from kit.data import MEDIA, Sample
from kit.data.files import own
from kit.data.json_text import json_of
from kit.errors import KitError
from kit.language import say

_TYPES = {"n": int, "seconds": int | float, "undoes": int | None}  # of the fields that are no text
KINDS = ("label", "settle", "undo")  # an answer; a person's decision where others disagree; one's own last answer taken back
_LONGEST_NAME = 240  # bytes; file systems take 255, and .jsonl.lock is added
_ILLEGAL = str.maketrans({c: "-" for c in '/\\:*?"<>|'} | {chr(n): "-" for n in range(32)})


@dataclass(frozen=True)
class Entry:
    """One line.

    Attributes:
        n: its number in the annotator's file, from 1.
        time: when, UTC, ISO 8601.
        annotator: who.
        kind: one of KINDS.
        sample: id of the row.
        answer: what the person said; "" = cannot be told.
        given: the answer that the folder's table had then; "" = none.
        seconds: from seeing the row to answering.
        why: why the row was shown: "value" (the order's next), "overlap" (someone else had answered it), "control" (the next of `in_random_order`) or "settle".
        evidence: `evidence_of` the row: a label belongs to what was seen.
        undoes: n of the entry that is taken back; None in other kinds.
        previous: digest of the line before.
    """

    n: int
    time: str
    annotator: str
    kind: str
    sample: str
    answer: str
    given: str
    seconds: float
    why: str
    evidence: str
    undoes: int | None
    previous: str


class LabelLog:
    """The file of one annotator.

    Args:
        folder: where the logs of a use case lie; made with the first label.
        annotator: a name; folders of other systems than this one must be able to hold it.

    Raises:
        KitError: no name, or one that is too long, or the file is a link or another annotator's, or was changed by something else.
    """

    def __init__(self, folder: Path, annotator: str):
        self.annotator = " ".join(annotator.split())
        if not self.annotator.strip(". ") or any("\ud800" <= letter <= "\udfff" for letter in annotator):  # half of a letter: bytes that the terminal did not understand
            raise KitError(say("a label needs somebody who gave it: name the annotator", "ラベルには付けた人の名前が必要です。名前を入れてください"))
        name = self.annotator.translate(_ILLEGAL).rstrip(".")
        if (size := len(name.encode(errors="replace"))) > _LONGEST_NAME:
            raise KitError(say(f"the annotator's name is {size} bytes long and becomes a file's name; at most {_LONGEST_NAME} bytes are allowed (about 80 kanji). Use a shorter one",
                               f"担当者名が {size} バイトあります。ファイル名になるため、上限は {_LONGEST_NAME} バイト（漢字で約 80 字）です。短い名前にしてください"))  # fmt: skip
        self.path = Path(folder) / f"{name}.jsonl"
        self._require_own()
        self._tail = _Tail(self.path)
        others = {entry.annotator for entry in self.entries()} - {self.annotator}
        if others:
            raise KitError(say(f"{self.path} is the log of {sorted(others)[0]!r}, not of {self.annotator!r}: use another name", f"{self.path} は {sorted(others)[0]!r} さんの記録です。別の名前を使ってください"))

    def _require_own(self) -> None:
        for path in (self.path, Path(f"{self.path}.lock")):
            own(path, self.path.parent.parent)

    def entries(self) -> list[Entry]:
        """All of them, undone ones too."""
        return self._tail.entries()

    def write(self, sample: Sample, answer: str, seconds: float, why: str = "value", kind: str = "label") -> Entry:
        """Appends an answer and returns it once it is on the disk.

        Raises:
            KitError: an answer that is none of the row's options, or a disk that does not take it.
        """
        if answer and sample.options and answer not in sample.options:
            raise KitError(say(f"{answer!r} is no answer to {sample.id}; allowed: {', '.join(sample.options)}", f"{answer!r} は {sample.id} の選択肢にありません。使えるもの：{', '.join(sample.options)}"))
        return self._append(kind, sample.id, answer, sample.answer, seconds, why, evidence_of(sample))

    def undo(self) -> Entry | None:
        """Takes the annotator's last standing answer back, and returns it; None where there is none."""
        kept = _not_undone(self.entries())
        if not kept:
            return None
        last = kept[-1]
        self._append("undo", last.sample, "", last.given, 0.0, last.why, last.evidence, last.n)
        return last

    def _append(self, kind: str, sample: str, answer: str, given: str, seconds: float, why: str, evidence: str, undoes: int | None = None) -> Entry:
        self._require_own()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self.path}.lock"):  # two windows of one person
                number, now = len(self.entries()) + 1, datetime.now(UTC).isoformat(timespec="seconds")
                entry = Entry(number, now, self.annotator, kind, sample, answer, given, round(seconds, 2), why, evidence, undoes, self._tail.last)
                with self.path.open("a", encoding="utf-8", newline="\n") as file:
                    file.write(("\n" if self._tail.cut else "") + json.dumps(asdict(entry), ensure_ascii=False) + "\n")
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as error:
            raise KitError(say(f"{self.path}: the answer could not be written ({error.strerror}); it does not count. Free some space or check the permissions.",
                               f"{self.path}：書き込めませんでした（{error.strerror}）。この回答は記録されていません。空き容量と権限を確認してください。")) from error  # fmt: skip
        return entry


class Logs:
    """The files of all annotators in a folder, each read once and then only what was added."""

    def __init__(self, folder: Path):
        self.folder, self._tails = Path(folder), {}

    def entries(self) -> list[Entry]:
        """The entries of all annotators, in the order of time.

        Raises:
            KitError: a line was changed, taken out or put in by something else.
        """
        files = sorted(self.folder.glob("*.jsonl")) if self.folder.is_dir() else []
        found = [entry for file in files for entry in self._tails.setdefault(file, _Tail(file)).entries()]
        return sorted(found, key=lambda entry: (entry.time, entry.annotator, entry.n))


def entries_in(folder: Path) -> list[Entry]:
    """`Logs.entries` of a folder, read from its beginning."""
    return Logs(folder).entries()


def standing(entries: Iterable[Entry]) -> dict[str, dict[str, Entry]]:
    """row id -> annotator -> the last answer of each that was not taken back."""
    found: dict[str, dict[str, Entry]] = {}
    by_annotator: dict[str, list[Entry]] = {}
    for entry in entries:
        by_annotator.setdefault(entry.annotator, []).append(entry)
    for annotator, theirs in by_annotator.items():
        for entry in _not_undone(sorted(theirs, key=lambda entry: entry.n)):
            found.setdefault(entry.sample, {})[annotator] = entry
    return found


def evidence_of(sample: Sample) -> str:
    """A digest of what a person sees of a row: question, note and the bytes of its files. A photo that is replaced under its name is another photo."""
    digest = hashlib.sha256(json.dumps([sample.question, sample.text], ensure_ascii=False).encode())
    for modality in MEDIA:
        for path in getattr(sample, modality):
            digest.update(modality.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def in_random_order(ids: Iterable[str], seed: int = 0) -> list[str]:
    """The rows in an order that has nothing to do with them, and that rows which come later do not change."""
    return sorted(ids, key=lambda id: hashlib.sha256(f"{seed} {id}".encode()).digest())


def _not_undone(entries: list[Entry]) -> list[Entry]:
    gone = {entry.undoes for entry in entries if entry.kind == "undo"}
    return [entry for entry in entries if entry.kind != "undo" and entry.n not in gone]


class _Tail:
    """One file that only grows.

    Attributes:
        last: digest of the last entry's line; "" before the first.
        cut: the file ends without the end of a line.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        self._forget()

    def _forget(self) -> None:
        self._entries, self._size, self._lines, self.last, self.cut = [], 0, 0, "", False

    def entries(self) -> list[Entry]:
        """All entries of the file; [] where there is none."""
        try:
            size = self.path.stat().st_size if self.path.is_file() else 0
            if size < self._size:
                self._forget()
            if size == self._size:
                return list(self._entries)
            with self.path.open("rb") as file:
                file.seek(self._size)
                added = file.read()
        except OSError as error:
            raise KitError(say(f"{self.path}: cannot be read ({error.strerror}). Check its permissions.", f"{self.path}：読めません（{error.strerror}）。権限を確認してください。")) from error
        *lines, rest = added.split(b"\n")
        if rest and _entry(rest) is not None:  # whole, and only its end of line is missing
            lines, rest = [*lines, rest], b""
        for line in lines:
            self._take(line)
        if rest.strip(b"\r") and (rest[:1] != b"{" or b"\0" in rest or b"\r" in rest.strip(b"\r")):  # no line that was cut short: line ends of another kind, or a disk that lost them
            raise self._changed(self._lines + 1)
        self.cut = not added.endswith(b"\n")
        self._size += len(added) - len(rest)
        return list(self._entries)

    def _take(self, line: bytes) -> None:
        self._lines += 1
        # what editors and git on Windows add: JSON holds no line end but as an escape, so neither is anybody's words
        line = (line.removeprefix(codecs.BOM_UTF8) if self._lines == 1 else line).removesuffix(b"\r")
        entry = _entry(line)
        if not line or (entry is None and line[:1] == b"{" and not line.endswith(b"}")):  # cut short while it was written; the next line goes on from the one before it
            return
        if entry is None or entry.previous != self.last or entry.n != len(self._entries) + 1:
            raise self._changed(self._lines)
        self._entries.append(entry)
        self.last = hashlib.sha256(line).hexdigest()[:16]

    def _changed(self, line: int) -> KitError:
        return KitError(say(f"{self.path} line {line}: was changed by something else than the kit, or a line before it is missing. Restore the file from a backup; labels are only ever added.",
                            f"{self.path} {line} 行目：キット以外によって変更されたか、前の行が欠けています。バックアップから戻してください（ラベルの記録は追記のみです）。"))  # fmt: skip


def _entry(line: bytes) -> Entry | None:
    try:
        said = json_of(line.decode("utf-8-sig"))
    except ValueError:  # of a line that was cut inside a letter, too
        return None
    whole = isinstance(said, dict) and set(said) == {field.name for field in fields(Entry)} and said["kind"] in KINDS
    return Entry(**said) if whole and all(isinstance(value, _TYPES.get(name, str)) for name, value in said.items()) else None
