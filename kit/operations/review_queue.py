"""What people must look at, in one SQLite file that many clerks share: items with their reasons, who has claimed which, who decided what.

An item is closed by one person, or, where the dangerous class plays a part (it was put in for that reason, the model said it, or a person did), by two different people who give the same answer;
where two differ a third is asked, and so on until two agree. The second person does not see what the first one said. Everything but a claim is written to the audit log, and into the queue only
if that succeeded: a crash between the two leaves an audit record of a decision that does not count, never a decision without a record. People are told apart by name, whatever its width, case, blanks and punctuation
(`audit_record.same_name`); the first decision binds the queue to its key, or to none, since one person under two keys would count as two. Files are copied beside the queue, since an upload is
deleted with its visitor.

Not covered: more than one machine (SQLite's locks do not hold on network drives), logins (the caller knows who is there).
"""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kit.data import MEDIA, Sample
from kit.errors import KitError
from kit.language import say
from kit.operations.audit_log import AuditLog
from kit.operations.audit_record import Record, input_hash, pseudonym, same_name
from kit.operations.playbook import PLAYS
from kit.operations.review_names import NAMES, bind_key, known_key
from kit.operations.review_rows import Decision, Item, settled

FILE = "review_queue.sqlite"
REASONS = {  # why a person must look -> (priority, English, Japanese); the highest priority comes first
    "dangerous": (100, "dangerous class", "危険な分類"), "click": (80, "somebody asked for a person", "人の確認の依頼"), "conflict": (60, "the evidence contradicts itself", "証拠どうしの矛盾"),
    "abstained": (50, "the model abstained", "モデルの回答保留"), "input": (40, "poor input", "入力の品質不良"), "every": (20, "every answer is checked", "全件確認"), "random": (10, "random check", "無作為な抜き取り"),
}  # fmt: skip
_AGEING, _CEILING = 5, 95  # priority per hour of waiting, and how far it lifts an item that is not dangerous: random checks must come about too, or nothing is measured
_LEASE = timedelta(minutes=15)

_TABLES = """
CREATE TABLE IF NOT EXISTS items (
    id INTEGER PRIMARY KEY AUTOINCREMENT, made TEXT NOT NULL, sample TEXT NOT NULL, reasons TEXT NOT NULL, priority INTEGER NOT NULL,
    answer TEXT NOT NULL, confidence REAL, record INTEGER NOT NULL, model TEXT NOT NULL, adapter TEXT NOT NULL, data TEXT NOT NULL, threshold REAL, input TEXT NOT NULL,
    claimed_by TEXT, claimed_until TEXT, final TEXT, closed TEXT);
CREATE TABLE IF NOT EXISTS decisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, item INTEGER NOT NULL REFERENCES items(id), time TEXT NOT NULL, who TEXT NOT NULL, answer TEXT NOT NULL, kind TEXT NOT NULL, note TEXT NOT NULL,
    seconds REAL NOT NULL, saw INTEGER NOT NULL, undone INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS waiting ON items(priority) WHERE final IS NULL;
CREATE INDEX IF NOT EXISTS by_item ON decisions(item);
"""


@dataclass(frozen=True)
class Claim:
    """An item that one person has before them until `until`."""

    item: Item
    who: str
    until: datetime


class ReviewQueue:
    """The queue. One object may be shared between threads, and many processes may open the same file.

    Args:
        path: the file; made with its folder.
        log: where everything is written to; its key hides names here, too.
        dangerous: answers that no single person closes.
        lease: how long a claim lasts.
        clock: returns the time now, in UTC.
    """

    def __init__(self, path: Path, log: AuditLog, dangerous: tuple[str, ...] = (), lease: timedelta = _LEASE, clock=lambda: datetime.now(UTC)):
        self.path, self.log, self.dangerous, self.lease, self.clock = Path(path), log, frozenset(dangerous), lease, clock
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.executescript(_TABLES + NAMES)

    def add(self, sample: Sample, answered: Record, reasons: tuple[str, ...], by: str) -> Item:
        """Puts an answer of the model before people, and returns the item; where the same answer to the same row and input waits already, that one, with the new reasons.

        Args:
            sample: what was asked.
            answered: the audit record of the model's answer (answer "" where it abstained), for provenance.
            reasons: keys of REASONS.
            by: the service, or the person who clicked.

        Raises:
            KitError: no reason or an unknown one, or the audit log or the disk does not take it.
        """
        if not reasons or any(reason not in REASONS for reason in reasons):
            raise KitError(say(f"an item of the review queue needs reasons out of {', '.join(REASONS)}; given: {', '.join(reasons) or 'none'}", f"確認待ちに入れる理由は {', '.join(REASONS)} から選んでください。指定：{', '.join(reasons) or 'なし'}"))
        kept, now, asked = self._keep(sample), self._now(), answered.input or input_hash(sample)
        with self._write() as db:
            row = db.execute("SELECT id, reasons FROM items WHERE final IS NULL AND json_extract(sample, '$.id')=? AND input=? AND answer=? AND model=? AND adapter=?", (sample.id, asked, answered.answer, answered.model, answered.adapter)).fetchone()
            every = tuple(sorted({*reasons, *(json.loads(row["reasons"]) if row else ())}, key=lambda reason: -REASONS[reason][0]))
            values = (json.dumps(every), REASONS[every[0]][0])
            if row:
                number = row["id"]
                db.execute("UPDATE items SET reasons=?, priority=max(priority, ?) WHERE id=?", (*values, number))
            else:
                fields = (answered.answer, answered.confidence, answered.n, answered.model, answered.adapter, answered.data, answered.threshold, asked)
                number = db.execute("INSERT INTO items (made, sample, reasons, priority, answer, confidence, record, model, adapter, data, threshold, input) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", (now, kept, *values, *fields)).lastrowid
            item = self._item(db, number)
            self.log.append(self._record(item, "referral", by, answered.answer, "referred", {"reasons": list(reasons)}))
        return item

    def claim(self, who: str) -> Claim | None:
        """The next item for a person, theirs until the lease ends; the one that they have already, if any; None where nothing waits for them.

        Dangerous items come first, then by priority, which grows with waiting. Nobody gets an item that somebody else has, or that they have decided on before.
        """
        who, now = self._person(who), self._now()
        until = self.clock() + self.lease
        with self._write() as db:
            bind_key(db, self.log.key)
            row = db.execute("SELECT id FROM items WHERE final IS NULL AND claimed_by=? AND claimed_until>?", (who, now)).fetchone() or db.execute(
                """SELECT id FROM items WHERE final IS NULL AND (claimed_until IS NULL OR claimed_until<=?)
                   AND NOT EXISTS (SELECT 1 FROM decisions WHERE item=items.id AND who=? AND NOT undone)
                   ORDER BY CASE WHEN priority>? THEN priority ELSE min(?, priority + ? * 24 * (julianday(?) - julianday(made))) END DESC, id LIMIT 1""",
                (now, who, _CEILING, _CEILING, _AGEING, now)).fetchone()  # fmt: skip
            if row is None:
                return None
            db.execute("UPDATE items SET claimed_by=?, claimed_until=? WHERE id=?", (who, _text(until), row["id"]))
            return Claim(self._item(db, row["id"]), who, until)

    def release(self, claim: Claim) -> None:
        """Gives a claimed item back undecided; nothing where the claim has ended."""
        with self._write() as db:
            db.execute("UPDATE items SET claimed_by=NULL, claimed_until=NULL WHERE id=? AND claimed_by=?", (claim.item.id, claim.who))

    def decide(self, claim: Claim, answer: str, kind: str = "", note: str = "", seconds: float = 0.0, saw: bool = True) -> Item:
        """Writes a person's decision and returns the item, which may be closed by it.

        Args:
            claim: of `claim`. One that has run out still counts where nobody else has the item.
            answer: an option; "" = cannot be told.
            kind: how the model's answer was wrong, a key of `playbook.PLAYS`; "" where it was not.
            note: a sentence; it is kept here, not in the audit log.
            seconds: from seeing the item to deciding.
            saw: whether the person saw the model's answer first: who sees it agrees more often. Who took a decision on the item back has seen what it was answered with, and counts as having seen it.

        Raises:
            KitError: another person has the item by now, it is closed, an answer that is no option, an unknown kind, or the audit log does not take it.
        """
        options = claim.item.sample.options
        if answer and options and answer not in options:
            raise KitError(say(f"{answer!r} is no answer to {claim.item.sample.id}; allowed: {', '.join(options)}", f"{answer!r} は {claim.item.sample.id} の選択肢にありません。使えるもの：{', '.join(options)}"))
        if kind and kind not in PLAYS:
            raise KitError(say(f"{kind!r} is no kind of wrong answer; allowed: {', '.join(PLAYS)}", f"{kind!r} は誤りの種類にありません。使えるもの：{', '.join(PLAYS)}"))
        with self._write() as db:
            saw = saw or db.execute("SELECT 1 FROM decisions WHERE item=? AND who=? AND undone", (claim.item.id, claim.who)).fetchone() is not None
            item, holder = self._item(db, claim.item.id), db.execute("SELECT claimed_by FROM items WHERE id=?", (claim.item.id,)).fetchone()["claimed_by"]
            if holder != claim.who or item.final is not None:
                raise KitError(say(f"item {item.id} is not yours any more: your claim ran out and somebody else has it, or it is decided. Nothing was written; take the next one.", f"項目 {item.id} は、時間切れで別の人が担当しているか、決定済みです。書き込みませんでした。次の項目に進んでください。"))
            decision = Decision(item.id, self._now(), claim.who, answer, kind, note, round(seconds, 2), saw)
            db.execute("INSERT INTO decisions (item, time, who, answer, kind, note, seconds, saw) VALUES (?,?,?,?,?,?,?,?)", (item.id, decision.time, decision.who, answer, kind, note, decision.seconds, saw))
            item = self._settle(db, item.id)
            said = "untold" if not answer else "answered" if not item.answer else "agreed" if answer == item.answer else "overridden"
            state = "closed" if item.final is not None else "waits for another person"
            self.log.append(self._record(item, "review", claim.who, answer, said, {"state": state, "kind": kind, "seconds": decision.seconds, "saw": saw}))
        return item

    def undo(self, who: str) -> Claim | None:
        """Takes a person's last standing decision back and gives them the item again; None where there is none.

        Raises:
            KitError: somebody else has decided on the item since, or has it before them.
        """
        who, until = self._person(who), self.clock() + self.lease
        with self._write() as db:
            bind_key(db, self.log.key)
            last = db.execute("SELECT * FROM decisions WHERE who=? AND NOT undone ORDER BY id DESC LIMIT 1", (who,)).fetchone()
            if last is None:
                return None
            later = db.execute("SELECT 1 FROM decisions WHERE item=? AND id>? AND NOT undone", (last["item"], last["id"])).fetchone()
            held = db.execute("SELECT 1 FROM items WHERE id=? AND claimed_by IS NOT NULL AND claimed_by<>? AND claimed_until>?", (last["item"], who, self._now())).fetchone()
            if later or held:
                raise KitError(say(f"item {last['item']} has gone on to somebody else since; it cannot be taken back. Tell them, or the owner of the judgement.", f"項目 {last['item']} は既に別の人に渡っているため取り消せません。その人か判定の責任者に伝えてください。"))
            db.execute("UPDATE decisions SET undone=1 WHERE id=?", (last["id"],))
            db.execute("UPDATE items SET claimed_by=NULL, claimed_until=NULL WHERE claimed_by=?", (who,))  # one item before a person at a time
            item = self._settle(db, last["item"])
            db.execute("UPDATE items SET claimed_by=?, claimed_until=? WHERE id=?", (who, _text(until), item.id))
            self.log.append(self._record(item, "undo", who, last["answer"], "taken back", {}))
        return Claim(item, who, until)

    def require_key(self) -> None:
        """Raises KitError where people have decided under another key, or under none."""
        with self._open() as db:
            known_key(db, self.log.key)

    def items(self) -> list[Item]:
        """All of them, in the order in which they came."""
        with self._open() as db:
            return [self._item_of(row) for row in db.execute("SELECT * FROM items ORDER BY id")]

    def decisions(self) -> dict[int, tuple[Decision, ...]]:
        """item -> the decisions on it that stand, in their order: what a third person sees."""
        with self._open() as db:
            return self._decisions(db)

    def _settle(self, db: sqlite3.Connection, number: int) -> Item:
        """Closes or reopens an item by the decisions that stand, and ends its claim."""
        item = self._item(db, number)
        final = settled(item, self._decisions(db, number).get(number, ()), self.dangerous)
        db.execute("UPDATE items SET final=?, closed=?, claimed_by=NULL, claimed_until=NULL WHERE id=?", (final, None if final is None else self._now(), number))
        return self._item(db, number)

    def _decisions(self, db: sqlite3.Connection, number: int | None = None) -> dict[int, tuple[Decision, ...]]:
        found: dict[int, tuple[Decision, ...]] = {}
        where, values = ("WHERE NOT undone", ()) if number is None else ("WHERE NOT undone AND item=?", (number,))
        for row in db.execute(f"SELECT * FROM decisions {where} ORDER BY id", values):
            said = Decision(row["item"], row["time"], row["who"], row["answer"], row["kind"], row["note"], row["seconds"], bool(row["saw"]))
            found[said.item] = (*found.get(said.item, ()), said)
        return found

    def _item(self, db: sqlite3.Connection, number: int) -> Item:
        return self._item_of(db.execute("SELECT * FROM items WHERE id=?", (number,)).fetchone())

    def _item_of(self, row: sqlite3.Row) -> Item:
        said = json.loads(row["sample"])
        said |= {name: tuple(self.path.parent / file for file in said[name]) for name in MEDIA}
        same = ("id", "made", "priority", "answer", "confidence", "record", "model", "adapter", "data", "threshold", "input", "final", "closed")
        return Item(sample=Sample(**said), reasons=tuple(json.loads(row["reasons"])), **{name: row[name] for name in same})

    def _keep(self, sample: Sample) -> str:
        """The sample as JSON, with its files copied beside the queue under the digest of their bytes."""
        kept = {}
        for name in MEDIA:
            kept[name] = []
            for file in getattr(sample, name):
                place = Path("evidence") / f"{hashlib.sha256(file.read_bytes()).hexdigest()[:32]}{file.suffix.lower()}"
                target = self.path.parent / place
                if not target.exists():
                    target.parent.mkdir(exist_ok=True)
                    shutil.copyfile(file, target.with_suffix(".part"))
                    target.with_suffix(".part").replace(target)
                kept[name].append(place.as_posix())
        said = {name: getattr(sample, name) for name in ("id", "question", "options", "answer", "text", "decided_by", "group", "data_layer")}
        return json.dumps(said | kept, ensure_ascii=False)

    def _record(self, item: Item, kind: str, who: str, answer: str, decision: str, note: dict) -> Record:
        about = {"item": item.id, "record": item.record, **{name: value for name, value in note.items() if value not in ("", [])}}
        return Record(kind, who, item.sample.id, item.model, item.adapter, item.data, item.threshold, item.input, answer, item.confidence if kind == "referral" else None, decision, about)

    def _person(self, who: str) -> str:
        if not same_name(who):
            raise KitError(say("a decision needs somebody who made it: give a person's name", "判断には担当者の名前が必要です。名前を入れてください"))
        return pseudonym(who, self.log.key) if self.log.key else same_name(who)

    def _now(self) -> str:
        return _text(self.clock())

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        try:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA synchronous=FULL")
            yield db
        except (sqlite3.Error, OSError) as error:
            raise KitError(say(f"{self.path}: the queue could not be used ({error}); what you did last does not count. Check free space and permissions; a damaged file comes back from a backup.",
                               f"{self.path}：確認待ち一覧を使えませんでした（{error}）。直前の操作は無効です。空き容量と権限を確認し、壊れている場合はバックアップから戻してください。")) from error  # fmt: skip
        finally:
            db.close()

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, one writer at a time."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")


def _text(time: datetime) -> str:
    """As SQLite and sorting understand it: always the same length."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds")
