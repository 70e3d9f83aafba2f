"""The review queue: who gets what, when an item is closed, what people's decisions say about the model, and what is learned from them."""

import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import binomtest

from kit.data import Sample
from kit.errors import KitError
from kit.evaluation import intervals
from kit.operations.audit_log import FILE as LOG
from kit.operations.audit_log import AuditLog, records_in
from kit.operations.audit_record import Record, pseudonym
from kit.operations.audit_verify import verify
from kit.operations.corrections import corrections, write_corrections
from kit.operations.playbook import PLAYS, likely_kind, play
from kit.operations.review_queue import FILE, REASONS, ReviewQueue
from kit.operations.review_rows import checked, logged, open_disagreements, rates, settled
from kit.operations.shares import MIN_GROUPS, lower_bound, upper_bound, wilson

OPTIONS = ("OK", "scratch", "crack")


class Clock:
    def __init__(self):
        self.now = datetime(2026, 11, 30, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def wait(self, **how) -> None:
        self.now += timedelta(**how)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(tmp_path, clock) -> ReviewQueue:
    return ReviewQueue(tmp_path / "ops" / FILE, AuditLog(tmp_path / "ops" / LOG), dangerous=("crack",), clock=clock)


def asked(number: int, **fields) -> Sample:
    return Sample(f"r{number}", "Which?", OPTIONS, text=f"part {number}", decided_by="text", **fields)


def put(queue: ReviewQueue, number: int, answer: str = "OK", reasons=("random",), **fields):
    answered = queue.log.append(Record("answer", "demo", f"r{number}", "tiny", "a1", "d1", 0.8, f"{number:064x}", answer, 0.7, "answered"))
    return queue.add(asked(number, **fields), answered, reasons, "demo")


def say_of(queue: ReviewQueue, who: str, answer: str, **more):
    return queue.decide(queue.claim(who), answer, **more)


def test_one_person_closes_an_item_and_the_audit_log_tells(queue):
    item = put(queue, 1, "OK", ("abstained", "random"))
    done = say_of(queue, "Sato", "scratch", kind="miss", note="left edge", seconds=3.456, saw=False)
    assert (done.id, done.final, done.reasons, done.record) == (item.id, "scratch", ("abstained", "random"), 1)
    records = list(records_in(queue.log.path))
    assert [(r.kind, r.what, r.answer, r.decision) for r in records] == [("answer", "r1", "OK", "answered"), ("referral", "r1", "OK", "referred"), ("review", "r1", "scratch", "overridden")]
    assert records[2].note == {"item": 1, "record": 1, "state": "closed", "kind": "miss", "seconds": 3.46, "saw": False} and (records[2].model, records[2].adapter, records[2].threshold) == ("tiny", "a1", 0.8)
    (said,) = queue.decisions()[1]
    assert (said.who, said.answer, said.kind, said.note, said.seconds, said.saw) == ("sato", "scratch", "miss", "left edge", 3.46, False)
    assert queue.claim("Suzuki") is None and verify(queue.log.path).ok


def test_the_most_urgent_comes_first_and_waiting_makes_urgent(queue, clock):
    put(queue, 1, reasons=("random",))
    clock.wait(hours=1)
    put(queue, 2, reasons=("input",))
    put(queue, 3, "crack", reasons=("dangerous",))
    put(queue, 4, reasons=("conflict",))
    assert [queue.claim(who).item.sample.id for who in "abcd"] == ["r3", "r4", "r2", "r1"] and queue.claim("e") is None
    clock.wait(minutes=16)
    assert queue.claim("e").item.sample.id == "r3"
    clock.wait(hours=20)
    put(queue, 5, reasons=("click",))
    put(queue, 6, "crack", reasons=("dangerous",))
    assert [queue.claim(who).item.sample.id for who in "abc"] == ["r3", "r6", "r1"], "a random check waited a day: before today's click, after what is dangerous"


def test_two_different_people_must_agree_where_it_is_dangerous(queue):
    put(queue, 1, "crack", ("dangerous",))
    assert say_of(queue, "Sato", "crack").final is None
    assert queue.claim("Sato") is None and queue.claim(" ＳＡＴＯ ") is None, "the same person in other letters"
    done = say_of(queue, "Suzuki", "crack")
    assert done.final == "crack" and not open_disagreements(queue.items(), queue.decisions())


@pytest.mark.parametrize("name, again", [("佐藤 太郎", "佐藤太郎"), ("佐藤 太郎", "佐藤\u3000太郎"), ("Yamada Hanako", "yamada\u00adhana\u200bko"), ("ﾔﾏﾀﾞ・ﾊﾅｺ", "ヤマダハナコ"), ("O'Brien", "O’BRIEN"), ("sato", "sa\tto\x07")])
@pytest.mark.parametrize("key", [None, bytes(32)])
def test_one_person_in_other_letters_is_not_two(tmp_path, key, name, again):
    queue = ReviewQueue(tmp_path / FILE, AuditLog(tmp_path / LOG, key), dangerous=("crack",))
    put(queue, 1, "crack")
    say_of(queue, name, "crack")
    assert queue.claim(again) is None and queue.claim("佐藤 次郎") is not None
    with pytest.raises(KitError, match="needs somebody who made it"):
        queue.claim("\u200b - ")


def test_one_person_under_two_keys_is_not_two(tmp_path):
    def under(key):
        return ReviewQueue(tmp_path / FILE, AuditLog(tmp_path / LOG, key), dangerous=("crack",))

    first, item = under(bytes(32)), put(under(None), 1, "crack")  # what the service puts in binds nothing
    say_of(first, "Sato", "crack")
    for key, words in ((b"1" * 32, "hidden with another key: give the --key of before"), (None, "are hidden: give the same --key as before")):
        for asked_for in (lambda queue: queue.claim("Sato"), lambda queue: queue.undo("Sato"), ReviewQueue.require_key):
            with pytest.raises(KitError, match=words):
                asked_for(under(key))
    assert say_of(first, "Ito", "crack").final == "crack" and item.id == 1
    clear = ReviewQueue(tmp_path / "b" / FILE, AuditLog(tmp_path / "b" / LOG))
    clear.claim("Sato")
    with pytest.raises(KitError, match="not hidden so far: leave --key out"):
        ReviewQueue(clear.path, AuditLog(clear.log.path, bytes(32))).claim("Sato")


def test_two_who_differ_leave_it_to_a_third(queue):
    put(queue, 1, "crack")
    say_of(queue, "Sato", "OK")
    assert say_of(queue, "Suzuki", "crack").final is None
    assert [item.id for item in open_disagreements(queue.items(), queue.decisions())] == [1]
    assert queue.claim("Sato") is None and queue.claim("Suzuki") is None
    third = queue.claim("Tanaka")
    assert [one.answer for one in queue.decisions()[third.item.id]] == ["OK", "crack"], "the third sees both"
    assert queue.decide(third, "scratch").final is None, "three who differ leave it to a fourth"
    assert say_of(queue, "Ito", "OK").final == "OK"
    (row,) = checked(queue.items(), queue.decisions(), queue.dangerous)
    assert row.differed and row.said_dangerous and not row.is_dangerous and row.unbiased


def test_a_person_who_sees_the_dangerous_class_calls_a_second_one(queue):
    put(queue, 1, "OK")
    assert say_of(queue, "Sato", "crack", kind="miss").final is None, "the model said OK, the reason was a random check"
    assert say_of(queue, "Suzuki", "crack").final == "crack"
    put(queue, 2, "OK")
    assert say_of(queue, "Sato", "OK").final == "OK"


def test_the_rule_that_closes_an_item_by_hand():
    from kit.operations.review_rows import Decision, Item

    item = Item(1, asked(1), ("random",), 10, "OK", 0.7, 1, "m", "", "", None, "", "2026")

    def decided(answers: str, model: str = "OK", reasons=("random",)):
        said = tuple(Decision(1, "", str(n), answer) for n, answer in enumerate(answers.split()))
        return settled(replace(item, answer=model, reasons=reasons), said, frozenset({"crack"}))

    assert [decided(a) for a in ("", "OK", "scratch", "crack", "crack crack", "crack OK", "crack OK OK")] == [None, "OK", "scratch", None, "crack", None, "OK"]
    assert [decided("OK", "crack"), decided("OK OK", "crack"), decided("OK", reasons=("dangerous",))] == [None, "OK", None]


def test_a_claim_expires_and_an_old_window_writes_nothing(queue, clock):
    put(queue, 1)
    old = queue.claim("Sato")
    assert queue.claim("Suzuki") is None and queue.claim("Sato").item.id == 1, "a person's second window shows the same item"
    clock.wait(minutes=16)
    mine = queue.claim("Suzuki")
    before = list(records_in(queue.log.path))
    with pytest.raises(KitError, match="item 1 is not yours any more: your claim ran out and somebody else has it"):
        queue.decide(old, "OK")
    assert list(records_in(queue.log.path)) == before and queue.decide(mine, "OK").final == "OK"
    with pytest.raises(KitError, match="or it is decided"):
        queue.decide(mine, "OK")
    put(queue, 2)
    late = queue.claim("Sato")
    clock.wait(minutes=16)
    assert queue.decide(late, "OK").final == "OK", "late, but nobody else took it"
    put(queue, 3)
    queue.release(queue.claim("Sato"))
    assert queue.claim("Suzuki").item.id == 3


def test_a_decision_can_be_taken_back_until_somebody_else_has_the_item(queue):
    put(queue, 1, "OK")
    say_of(queue, "Sato", "scratch")
    back = queue.undo("Sato")
    assert back.item.final is None and queue.claim("Suzuki") is None and queue.decisions() == {}
    assert queue.decide(back, "OK").final == "OK" and [r.kind for r in records_in(queue.log.path)][-3:] == ["review", "undo", "review"]
    put(queue, 2, "crack")
    say_of(queue, "Sato", "crack")
    held = queue.claim("Suzuki")
    with pytest.raises(KitError, match="item 2 has gone on to somebody else since"):
        queue.undo("Sato")
    queue.decide(held, "crack")
    with pytest.raises(KitError, match="item 2 has gone on to somebody else since"):
        queue.undo("Sato")
    assert queue.undo("Suzuki").item.final is None and queue.undo("Ito") is None


def test_what_is_not_allowed_is_said_and_writes_nothing(queue):
    with pytest.raises(KitError, match="needs reasons out of dangerous, click, .*; given: none"):
        put(queue, 1, reasons=())
    put(queue, 1)
    claim, before = queue.claim("Sato"), list(records_in(queue.log.path))
    for answer, kind, words in (("rust", "", "'rust' is no answer to r1; allowed: OK, scratch, crack"), ("OK", "bad", "'bad' is no kind of wrong answer; allowed: miss")):
        with pytest.raises(KitError, match=words):
            queue.decide(claim, answer, kind)
    with pytest.raises(KitError, match="give a person's name"):
        queue.claim("  ")
    assert list(records_in(queue.log.path)) == before and queue.decisions() == {}


def test_a_decision_without_an_audit_record_does_not_count(queue):
    put(queue, 1)
    claim, whole = queue.claim("Sato"), queue.log.path.read_bytes()
    queue.log.path.write_bytes(whole[:-200])
    with pytest.raises(KitError, match="nothing is added to a log that cannot be trusted"):
        queue.decide(claim, "OK")
    assert queue.decisions() == {} and queue.items()[0].final is None
    queue.log.path.write_bytes(whole)
    assert queue.decide(claim, "OK").final == "OK"


def test_the_same_answer_waits_once_with_all_its_reasons(queue):
    first, again, other = put(queue, 1, reasons=("random",)), put(queue, 1, reasons=("click",)), put(queue, 1, "scratch", reasons=("click",))
    assert first.id == again.id != other.id and again.reasons == ("click", "random") and again.priority == REASONS["click"][0]
    say_of(queue, "Sato", "OK")
    say_of(queue, "Sato", "OK")
    assert put(queue, 1).id == 3, "a closed item is closed"
    say_of(queue, "Sato", "scratch")
    rows = checked(queue.items(), queue.decisions())
    assert [row.final for row in rows] == ["OK"], "one photo asked again is no new row, and what was said of it first counts"
    assert checked(queue.items(), queue.decisions(), logged=logged(queue.items(), queue.decisions(), records_in(queue.log.path)))[0].final == "OK"


def test_the_evidence_stays_when_the_upload_is_deleted(queue, tmp_path):
    photo = tmp_path / "upload" / "part.PNG"
    photo.parent.mkdir()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(photo)
    item = put(queue, 1, image=photo)
    content = photo.read_bytes()
    photo.unlink()
    (kept,) = queue.items()[0].sample.image
    assert item.sample.image == (kept,) and kept.read_bytes() == content and kept.is_relative_to(queue.path.parent / "evidence")


def test_the_queue_knows_only_pseudonyms_where_the_log_has_a_key(tmp_path):
    key = bytes(32)
    queue = ReviewQueue(tmp_path / FILE, AuditLog(tmp_path / LOG, key=key), dangerous=("crack",))
    put(queue, 1, "crack")
    say_of(queue, "佐藤", "crack")
    assert say_of(queue, "鈴木", "crack").final == "crack"
    assert [one.who for one in queue.decisions()[1]] == [pseudonym("佐藤", key), pseudonym("鈴木", key)] == [r.who for r in records_in(tmp_path / LOG) if r.kind == "review"]
    assert "佐藤".encode() not in (tmp_path / FILE).read_bytes()


def clerk(path: Path, name: str, taken: Path) -> None:
    queue = ReviewQueue(path, AuditLog(path.parent / LOG), dangerous=("crack",))
    with taken.open("w") as notes:
        while claim := queue.claim(name):
            notes.write(f"{claim.item.id}\n")
            queue.decide(claim, "OK" if claim.item.answer == "OK" else "crack")


def test_clerks_in_many_processes_never_get_the_same_item(tmp_path):
    queue = ReviewQueue(tmp_path / "ops" / FILE, AuditLog(tmp_path / "ops" / LOG), dangerous=("crack",))
    for number in range(30):
        put(queue, number, "crack" if number % 5 == 0 else "OK")
    processes = [get_context("fork").Process(target=clerk, args=(queue.path, f"clerk{i}", tmp_path / f"taken{i}")) for i in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    taken = [int(line) for i in range(4) for line in (tmp_path / f"taken{i}").read_text().split()]
    wanted = {item.id: 2 if item.answer == "crack" else 1 for item in queue.items()}
    assert {number: taken.count(number) for number in set(taken)} == wanted and len(taken) == 36
    said = queue.decisions()
    assert all(len({one.who for one in said[number]}) == count for number, count in wanted.items())
    assert all(item.final == item.answer for item in queue.items())
    assert [r.kind for r in records_in(queue.log.path)].count("review") == 36 and verify(queue.log.path).ok


def test_rates_of_agreement_and_override_by_hand(queue):
    for number, (answer, reasons, said) in enumerate([
        ("OK", ("random",), "OK"), ("OK", ("random",), "OK"), ("OK", ("random", "click"), "scratch"), ("scratch", ("click",), "OK"), ("scratch", ("click",), ""), ("", ("abstained",), "OK"),
    ]):  # fmt: skip
        put(queue, number, answer, reasons)
        say_of(queue, "Sato", said, saw=number != 1)
    table = rates(queue.items(), queue.decisions()).set_index("reason")
    counts = {name: tuple(int(value) for value in row) for name, row in zip(table.index, table[["checked", "agreed", "overridden", "untold"]].to_numpy(), strict=True)}
    assert counts == {"": (5, 2, 2, 1), "unbiased": (3, 2, 1, 0), "saw": (2, 1, 1, 0), "blind": (1, 1, 0, 0), "click": (3, 0, 2, 1), "random": (3, 2, 1, 0)}, "an abstention is nothing to agree with"
    assert table.loc["random", "agreement"] == pytest.approx(2 / 3) and table.loc["random", ["agreement_low", "agreement_high"]].tolist() == pytest.approx([0.2077, 0.9385], abs=1e-4)
    assert table.loc["click", ["override_low", "override_high"]].tolist() == pytest.approx([0.2077, 0.9385], abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0) and rates([], {}).empty


def test_a_clerks_page_needs_no_torch():
    code = "import sys, kit.operations.review_queue, kit.operations.autonomy, kit.operations.corrections, kit.operations.audit_export; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1]).returncode == 0


def test_bounds_are_exact_and_groups_that_err_together_widen_them():
    right = np.array([1] * 57 + [0] * 3)
    alone = np.array([""] * 60)
    low, high = (getattr(binomtest(57, 60, alternative=way).proportion_ci(0.95, "exact"), side) for way, side in (("greater", "low"), ("less", "high")))
    assert lower_bound(right, alone, 0.05) == pytest.approx(low) and upper_bound(right, alone, 0.05) == pytest.approx(high)
    assert lower_bound(np.ones(59), np.array([""] * 59), 0.05) == pytest.approx(0.05 ** (1 / 59)) and upper_bound(np.zeros(300), np.array([""] * 300), 0.05) == pytest.approx(1 - 0.05 ** (1 / 300))
    assert (lower_bound(np.zeros(5), alone[:5], 0.05), upper_bound(np.ones(5), alone[:5], 0.05), lower_bound(np.array([]), alone[:0], 0.05), upper_bound(np.array([]), alone[:0], 0.05)) == (0, 1, 0, 1)
    lots = np.repeat([f"lot{i}" for i in range(20)], 3)
    assert lower_bound(right, lots, 0.05) < lower_bound(right, alone, 0.05), "three wrong ones in one lot are one event"
    assert MIN_GROUPS == intervals.MIN_GROUPS
    assert lower_bound(right, np.arange(60).astype(str), 0.05) == pytest.approx(lower_bound(right, alone, 0.05), abs=0.003), "a group of one each is no group"


def test_corrections_come_back_as_rows_that_poc_check_accepts(queue, tmp_path):
    from poc.usecase import check_usecase

    for number, (answer, said, kind) in enumerate([("OK", "scratch", "miss"), ("", "OK", ""), ("OK", "OK", ""), ("OK", "scratch", "rule unclear"), ("OK", "", "unreadable input"), ("scratch", "OK", "false alarm"), ("OK", "scratch", "")]):
        photo = tmp_path / f"p{number}.png"
        Image.fromarray(np.full((24, 24, 3), 30 * number, np.uint8)).save(photo)
        put(queue, number, answer, ("abstained",), image=photo, group=f"L{number}")
        say_of(queue, "佐藤", said, kind=kind)
    rows = corrections(queue.items(), queue.decisions())
    assert [(row.id, row.answer, row.split) for row in rows] == [("review-000001", "scratch", "train"), ("review-000002", "OK", "train"), ("review-000006", "OK", "train"), ("review-000007", "scratch", "train")]
    assert rows[0].meta == {
        "reviewed_row": "r0", "corrected_by": "佐藤", "corrected_at": queue.items()[0].closed, "model_answer": "OK", "model_confidence": "0.7000", "model": "tiny", "adapter": "a1",
        "audit_record": "1", "review_item": "1", "review_reasons": "abstained", "wrong_because": "miss",
    }  # fmt: skip
    assert len(corrections(queue.items(), queue.decisions(), confirmed=True)) == 5
    write_corrections(rows, tmp_path / "new", group_by="lot")
    (tmp_path / "new" / "poc.yaml").write_text("question: Which?\noptions: [OK, scratch, crack]\ngroup_by: lot\ndecided_by: [text]\n")
    lines, faults = check_usecase(tmp_path / "new")
    assert faults == [] and any("4 samples, 4 labelled" in line for line in lines), lines
    from kit.data import read_folder

    back = read_folder(tmp_path / "new", group_by="lot")
    assert [(row.answer, row.group, row.meta["corrected_by"], row.meta["audit_record"], row.image[0].exists()) for row in back.samples][0] == ("scratch", "L0", "佐藤", "1", True)
    with pytest.raises(KitError, match="there are no corrections to write"):
        write_corrections((), tmp_path / "none")


def test_a_damaged_file_is_told_and_not_repaired(queue):
    put(queue, 1)
    for file in queue.path.parent.glob("*.sqlite*"):
        file.write_bytes(b"not a database, and longer than a header" * 100)
    with pytest.raises(KitError, match="the queue could not be used .* comes back from a backup"):
        queue.claim("Sato")


def test_every_kind_of_wrong_answer_has_a_play_in_both_languages(monkeypatch):
    english = {kind: play(kind) for kind in PLAYS}
    monkeypatch.setenv("POC_LANGUAGE", "ja")
    for kind in PLAYS:
        mine, theirs = play(kind), english[kind]
        for field in ("name", "now", "tell", "collect"):
            assert len(getattr(theirs, field)) > 10 and getattr(theirs, field).isascii() or "“" in getattr(theirs, field)
            assert any("\u3040" <= letter <= "\u9fff" for letter in getattr(mine, field))
    assert [likely_kind(*pair, "OK") for pair in (("OK", "crack"), ("crack", "OK"), ("crack", "scratch"), ("OK", "OK"), ("OK", ""))] == ["miss", "false alarm", "confused", "", ""]


def test_the_file_is_what_sqlite_calls_durable(queue):
    with sqlite3.connect(queue.path) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
