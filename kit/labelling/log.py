"""Who said what, when and after how many seconds: one append-only file per annotator, which nothing but `LabelLog` writes to.

A line is JSON and holds the digest of the line before it, so that a line that was changed, taken out or put in later is noticed when the file is read. Taking something back adds a
line, too. A line that an interruption cut short was never confirmed to anybody and is passed over.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from kit.data import MEDIA, Sample
from kit.errors import KitError
from kit.language import say

KINDS = ("label", "settle", "undo")  # an answer; a person's decision where others disagree; one's own last answer taken back
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
        KitError: no name, or the file is another annotator's, or was changed by something else.
    """

    def __init__(self, folder: Path, annotator: str):
        self.annotator = " ".join(annotator.split())
        if not self.annotator:
            raise KitError(say("a label needs somebody who gave it: name the annotator", "ラベルには付けた人の名前が必要です。名前を入れてください"))
        self.path = Path(folder) / f"{self.annotator.translate(_ILLEGAL).rstrip('.')}.jsonl"
        others = {entry.annotator for entry in read(self.path)} - {self.annotator}
        if others:
            raise KitError(say(f"{self.path} is the log of {sorted(others)[0]!r}, not of {self.annotator!r}: use another name", f"{self.path} は {sorted(others)[0]!r} さんの記録です。別の名前を使ってください"))

    def entries(self) -> list[Entry]:
        """All of them, undone ones too."""
        return read(self.path)

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
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self.path}.lock"):  # two windows of one person
                text = self.path.read_text(encoding="utf-8", errors="replace") if self.path.exists() else ""
                entries, last = _parsed(text, self.path)
                now = datetime.now(UTC).isoformat(timespec="seconds")
                entry = Entry(len(entries) + 1, now, self.annotator, kind, sample, answer, given, round(seconds, 2), why, evidence, undoes, last)
                with self.path.open("a", encoding="utf-8", newline="\n") as file:
                    file.write(("" if text.endswith("\n") or not text else "\n") + json.dumps(asdict(entry), ensure_ascii=False) + "\n")
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as error:
            raise KitError(say(f"{self.path}: the answer could not be written ({error.strerror}); it does not count. Free some space or check the permissions.",
                               f"{self.path}：書き込めませんでした（{error.strerror}）。この回答は記録されていません。空き容量と権限を確認してください。")) from error  # fmt: skip
        return entry


def read(path: Path) -> list[Entry]:
    """The entries of one file; [] where there is none.

    Raises:
        KitError: a line was changed, taken out or put in by something else.
    """
    try:
        return _parsed(Path(path).read_text(encoding="utf-8", errors="replace"), path)[0] if Path(path).is_file() else []  # a line may be cut inside a letter
    except OSError as error:
        raise KitError(say(f"{path}: cannot be read ({error.strerror}). Check its permissions.", f"{path}：読めません（{error.strerror}）。権限を確認してください。")) from error


def entries_in(folder: Path) -> list[Entry]:
    """The entries of all annotators, in the order of time."""
    files = sorted(Path(folder).glob("*.jsonl")) if Path(folder).is_dir() else []
    return sorted((entry for file in files for entry in read(file)), key=lambda entry: (entry.time, entry.annotator, entry.n))


def standing(entries: Iterable[Entry]) -> dict[str, dict[str, Entry]]:
    """row id -> annotator -> the last answer of each that was not taken back."""
    found: dict[str, dict[str, Entry]] = {}
    by_annotator: dict[str, list[Entry]] = {}
    for entry in entries:
        by_annotator.setdefault(entry.annotator, []).append(entry)
    for annotator, own in by_annotator.items():
        for entry in _not_undone(sorted(own, key=lambda entry: entry.n)):
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


def _parsed(text: str, path: Path) -> tuple[list[Entry], str]:
    """(entries, digest of the last one's line)."""
    entries, last = [], ""
    for number, line in enumerate(text.split("\n"), 1):
        if not line:
            continue
        entry = _entry(line)
        if entry is None and line[:1] == "{" and not line.endswith("}"):  # cut short while it was written; the next line goes on from the one before it
            continue
        if entry is None or entry.previous != last or entry.n != len(entries) + 1:
            raise KitError(say(f"{path} line {number}: was changed by something else than the kit, or a line before it is missing. Restore the file from a backup; labels are only ever added.",
                               f"{path} {number} 行目：キット以外によって変更されたか、前の行が欠けています。バックアップから戻してください（ラベルの記録は追記のみです）。"))  # fmt: skip
        entries.append(entry)
        last = hashlib.sha256(line.encode()).hexdigest()[:16]
    return entries, last


def _entry(line: str) -> Entry | None:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    whole = isinstance(said, dict) and set(said) == {field.name for field in fields(Entry)} and said["kind"] in KINDS
    return Entry(**said) if whole else None
