"""The audit log: what is acknowledged stays, what is changed is found, what is hidden stays hidden."""

import csv
import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest

from kit.errors import KitError
from kit.operations.audit_export import ORDER, export_csv, safe_cell
from kit.operations.audit_log import FILE, AuditLog, head_of, read_head, records_in, write_head
from kit.operations.audit_record import COLUMNS, KINDS, LONGEST, Record, line_of, new_key, pseudonym, read_key
from kit.operations.audit_retention import cut_before
from kit.operations.audit_verify import anchor_of, read_anchor, verify

ROOT = Path(__file__).resolve().parents[1]
KEY = bytes(range(32))
ANSWER = Record("answer", "佐藤 花子", "r1", "tiny_omni", "ab" * 32, "cd" * 32, 0.8, "ef" * 32, "OK", 0.93, "answered")


def filled(folder: Path, count: int = 6, **kind) -> AuditLog:
    log = AuditLog(folder / FILE, **kind)
    log.extend(replace(ANSWER, what=f"r{i}") for i in range(1, count + 1))
    return log


def lines(log: AuditLog) -> list[bytes]:
    return log.path.read_bytes().splitlines(keepends=True)


def forged(record: Record, **changes) -> bytes:
    """The line that a patient forger writes: changed, with a digest that fits."""
    return line_of(replace(record, **changes))[0]


def test_a_record_says_who_what_when_and_with_which_model(tmp_path):
    log = AuditLog(tmp_path / "new" / FILE, clock=lambda: datetime(2026, 11, 30, 9, tzinfo=UTC))
    first, second = log.append(ANSWER), log.append(Record("review", "鈴木", "r1", answer="傷\n=1+1", decision="overridden", note={"seconds": 3.5}))
    assert (first.n, first.previous, second.n, second.previous) == (1, "", 2, first.hash)
    said = json.loads(lines(log)[0])
    assert set(said) == set(COLUMNS) == set(ORDER) and said["time"] == "2026-11-30T09:00:00.000+00:00"
    assert (said["who"], said["model"], said["threshold"], said["confidence"], said["decision"]) == ("佐藤 花子", "tiny_omni", 0.8, 0.93, "answered")
    assert list(records_in(log.path)) == [first, second]
    found = verify(log.path)
    assert found.ok and (found.records, found.first, found.last, found.hash, found.notes) == (2, 1, 2, second.hash, ())


def test_the_chain_can_be_checked_without_the_kit(tmp_path):
    previous = ""
    for line in lines(filled(tmp_path, 3)):
        text = line.decode().rstrip("\n")
        said = json.loads(text)
        body = text.replace(f',"hash":"{said["hash"]}"', "")
        assert body == json.dumps({k: v for k, v in said.items() if k != "hash"}, sort_keys=True, separators=(",", ":"), ensure_ascii=False), "canonical JSON"
        assert hashlib.sha256(body.encode()).hexdigest() == said["hash"] and said["previous"] == previous
        previous = said["hash"]


TAMPERED = {  # what is done to six lines -> (first bad line, words of what is wrong)
    "edit": (lambda at: at[:2] + [at[2].replace(b'"answer":"OK"', b'"answer":"NG"')] + at[3:], 3, "record 3 was edited"),
    "edit of the last": (lambda at: at[:5] + [at[5].replace(b"0.93", b"0.99")], 6, "record 6 was edited"),
    "one bit of blank": (lambda at: at[:2] + [at[2].replace(b'"n":3', b'"n": 3')] + at[3:], 3, "record 3 was edited"),
    "edit with a new digest": (lambda at: at[:2] + [forged(Record(**json.loads(at[2])), answer="NG")] + at[3:], 4, "record 4 does not follow the record before it"),
    "deletion": (lambda at: at[:2] + at[3:], 3, "is record 4, and record 3 should come first: deleted, or moved"),
    "deletion of two": (lambda at: at[:1] + at[3:], 2, "is record 4, and record 2-3 should come first"),
    "deletion of the first": (lambda at: at[1:], 1, "is record 2, and record 1 should come first"),
    "reordering": (lambda at: [at[0], at[2], at[1], *at[3:]], 2, r"is record 3, and record 2 should come first: deleted, or moved \(record 2 stands in line 3\)"),
    "repetition": (lambda at: at[:3] + [at[1]] + at[3:], 4, "is record 2, where record 4 belongs: moved here, or put in again"),
    "insertion with a digest": (lambda at: at[:3] + [forged(ANSWER, n=4, previous=json.loads(at[2])["hash"])] + at[3:], 5, "is record 4, where record 5 belongs"),
    "insertion of words": (lambda at: at[:3] + [b"note to self\n"] + at[3:], 4, "is no record of an audit log"),
    "insertion of an empty line": (lambda at: at[:3] + [b"\n"] + at[3:], 4, "is no record of an audit log"),
    "another beginning": (lambda at: [forged(ANSWER, n=1, previous="00" * 32), *at[1:]], 1, "does not follow the beginning of the log"),
    "a line without end in the middle": (lambda at: at[:2] + [b"x" * (LONGEST + 9)] + at[2:], 3, "is no record of an audit log"),
    "the end cut off": (lambda at: at[:4], 0, "the end is missing: records 5 to 6 were acknowledged and are not there"),
    "half of the last line cut off": (lambda at: at[:5] + [at[5][:40]], 0, "the end is missing: records 6 to 6"),
    "everything cut off": (lambda at: [], 0, "the end is missing: records 1 to 6"),
    "another end": (lambda at: at[:5] + [forged(ANSWER, n=6, previous=json.loads(at[4])["hash"])], 6, "record 6 is another one than the head file says"),
}


@pytest.mark.parametrize("way", TAMPERED)
def test_every_way_to_change_a_log_is_found_and_told_with_its_line(tmp_path, way):
    change, line, words = TAMPERED[way]
    log = filled(tmp_path)
    log.path.write_bytes(b"".join(change(lines(log))))
    found = verify(log.path)
    assert not found.ok and found.line == line
    assert re.search(words, found.problem), found.problem


def test_any_single_byte_of_a_log_that_changes_is_found(tmp_path):
    log, rng = filled(tmp_path, 3), random.Random(0)
    whole = log.path.read_bytes()
    for place in rng.sample(range(len(whole)), 300):
        log.path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << rng.randrange(8))]) + whole[place + 1 :])
        assert not verify(log.path).ok, (place, whole[max(0, place - 20) : place + 20])
    log.path.write_bytes(whole)
    assert verify(log.path).ok


def test_a_writer_adds_nothing_to_a_log_whose_end_was_changed(tmp_path):
    log = filled(tmp_path)
    whole, words = lines(log), "was changed by something else than the kit"
    for change in (whole[:4], [*whole[:5], whole[5].replace(b"0.93", b"0.99")], [], [*whole, b"x" * (LONGEST + 1)]):
        log.path.write_bytes(b"".join(change))
        for writer in (log, AuditLog(log.path)):
            with pytest.raises(KitError, match=words):
                writer.append(ANSWER)
        assert log.path.read_bytes() == b"".join(change)
    log.path.write_bytes(b"".join(whole))
    head_of(log.path).unlink()
    with pytest.raises(KitError, match="its head file audit_log.jsonl.head is missing or damaged"):
        AuditLog(log.path).append(ANSWER)
    assert "head file is missing" in verify(log.path).problem


def test_a_patient_forger_is_found_by_an_anchor_and_by_nothing_else(tmp_path):
    log = filled(tmp_path)
    anchor, sealed = anchor_of(log.path), anchor_of(log.path, KEY)
    records, previous, made = list(records_in(log.path)), "", []
    for record in records:  # rewrites the whole log with its digests, and the head
        line, digest = line_of(replace(record, previous=previous, answer="NG" if record.n == 2 else record.answer))
        made.append(line)
        previous = digest
    log.path.write_bytes(b"".join(made))
    head = read_head(log.path)
    head_of(log.path).unlink()
    for n, digest in ((head.n - 1, "0" * 64), (head.n, previous)):
        write_head(log.path, replace(head, n=n, hash=digest))
    assert verify(log.path).ok, "no file in the folder tells"
    for one in (anchor, read_anchor(f"6:{anchor.hash[:8]} {anchor.hash[8:20]}")):
        found = verify(log.path, [one])
        assert not found.ok and found.line == 6 and "was rewritten up to here or earlier" in found.problem
    shutil.rmtree(tmp_path)
    log = filled(tmp_path, 4)
    assert "knows of record 6, and the log ends with record 4" in verify(log.path, [anchor]).problem, "an older copy was put back"
    log = filled(tmp_path / "b")
    mine = anchor_of(log.path, KEY)
    assert verify(log.path, [mine], KEY).anchors == 1 and "was not checked" in verify(log.path, [mine]).notes[0]
    assert "was not sealed with this key" in verify(log.path, [replace(mine, time="2020-01-01")], KEY).problem and sealed.seal != mine.seal
    for text in ("6:1234", "6", "x:" + "a" * 64, str(tmp_path)):
        with pytest.raises(KitError, match="is no anchor; give the file that `poc audit anchor` wrote, or NUMBER:DIGEST with at least 16 digits"):
            read_anchor(text)


@pytest.mark.parametrize("cut", [1, 40, -2])
def test_a_torn_last_line_is_healed_and_told(tmp_path, cut):
    log = filled(tmp_path, 2)
    torn = line_of(replace(ANSWER, n=3, previous=read_head(log.path).hash))[0][:cut]
    with log.path.open("ab") as file:
        file.write(torn)
    found = verify(log.path)
    assert found.ok and found.records == 2 and f"line 3: an interrupted line of {len(torn)} bytes, acknowledged to nobody" in found.notes[0]
    assert AuditLog(log.path).append(ANSWER).n == 4
    found = verify(log.path)
    assert found.ok and found.records == 4 and f"an interrupted line of {len(torn)} bytes was removed" in found.notes[0]
    assert [record.kind for record in records_in(log.path)] == ["answer", "answer", "healed", "answer"]


def test_a_record_that_lost_only_its_line_end_stays(tmp_path):
    log = filled(tmp_path, 3)
    log.path.write_bytes(log.path.read_bytes()[:-1])
    assert verify(log.path).ok and verify(log.path).records == 3
    assert AuditLog(log.path).append(ANSWER).n == 4 and verify(log.path).records == 4


def test_a_head_that_lags_or_is_half_written_does_no_harm(tmp_path):
    log = filled(tmp_path, 2)
    before = head_of(log.path).read_bytes()
    log.append(ANSWER)
    head_of(log.path).write_bytes(before)  # interrupted between record and head
    assert verify(log.path).ok and "records 3 to 3 were acknowledged to nobody" in verify(log.path).notes[0]
    assert log.append(ANSWER).n == 4 and read_head(log.path).n == 4
    content = head_of(log.path).read_bytes()
    newer = 0 if content.index(b'"n": 4') < 256 else 256
    head_of(log.path).write_bytes(content[:newer] + b"\0" * 100 + content[newer + 100 :])
    assert read_head(log.path).n < 4 and verify(log.path).ok and log.append(ANSWER).n == 5 and read_head(log.path).n == 5


@pytest.mark.parametrize("way", ["blanked", "copied", "cut"])
def test_the_last_record_and_its_line_of_the_head_cannot_be_taken_away_together(tmp_path, way):
    log = filled(tmp_path, 3)
    log.append(ANSWER)
    content = head_of(log.path).read_bytes()
    slots = [content[:256], content[256:]]
    newer = next(place for place, slot in enumerate(slots) if b'"n": 4' in slot)
    log.path.write_bytes(b"".join(lines(log)[:-1]))
    slots[newer] = b" " * 256 if way == "blanked" else slots[1 - newer]
    head_of(log.path).write_bytes(slots[1 - newer] if way == "cut" else b"".join(slots))
    assert "one line of the head file was blanked or copied over" in verify(log.path).problem
    with pytest.raises(KitError, match="one line of its head file was blanked or copied over"):
        AuditLog(log.path).append(ANSWER)


def writer(log: Path, told: Path, name: str, count: int, limit: int = 0):
    """A process that appends and notes in `told`, a line per record, what was acknowledged to it, and at last what was refused."""

    def work():
        if limit:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        mine, notes = AuditLog(log), os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for i in range(count):
                done = mine.append(Record("answer", name, f"{name}-{i}"))
                os.write(notes, f"{done.n} {done.hash}\n".encode())
        except KitError as error:
            os.write(notes, f"refused {error}".encode())

    process = get_context("fork").Process(target=work)
    process.start()
    return process


def acknowledged(told: Path) -> dict[int, str]:
    """number -> digest of what was told to a writer; a note that its death cut short does not count."""
    said = [line.split() for line in told.read_text().splitlines() if not line.startswith("refused")] if told.exists() else []
    return {int(one[0]): one[1] for one in said if len(one) == 2 and len(one[1]) == 64}


def test_processes_and_threads_that_write_at_once_lose_nothing(tmp_path):
    log = AuditLog(tmp_path / FILE)
    processes = [writer(log.path, tmp_path / f"told{i}", f"p{i}", 25) for i in range(4)]
    threads = [threading.Thread(target=lambda i=i: [log.append(Record("answer", f"t{i}", f"t{i}-{j}")) for j in range(25)]) for i in range(4)]
    for thread in threads:
        thread.start()
    for one in (*threads, *processes):
        one.join()
    told = {n: digest for i in range(4) for n, digest in acknowledged(tmp_path / f"told{i}").items()}
    found, by_number = verify(log.path), {record.n: record for record in records_in(log.path)}
    assert found.ok and found.records == 200 and not found.notes
    assert len(told) == 100 and all(by_number[n].hash == digest for n, digest in told.items())
    assert len({record.what for record in by_number.values()}) == 200


def test_kill_9_at_any_moment_loses_no_acknowledged_record(tmp_path):
    log, rng, told = tmp_path / FILE, random.Random(1), {}
    for turn in range(25):
        notes = [tmp_path / f"told{turn}{i}" for i in range(2)]
        processes = [writer(log, note, f"k{turn}", 10_000) for note in notes]
        while not any(map(acknowledged, notes)):
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.03))
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
        told |= {n: digest for note in notes for n, digest in acknowledged(note).items()}
        found = verify(log)
        assert found.ok, found.problem
    written = {record.n: record.hash for record in records_in(log)}
    assert len(told) >= 25 and all(written.get(n) == digest for n, digest in told.items())
    assert AuditLog(log).append(ANSWER).n == verify(log).last


def test_a_file_that_may_not_grow_takes_whole_records_or_none(tmp_path):
    writer(tmp_path / FILE, tmp_path / "told", "full", 100, limit=5_000).join()
    assert "could not be written (File too large); it does not count. Free some space" in (tmp_path / "told").read_text()
    _full(tmp_path / FILE, acknowledged(tmp_path / "told"), 5_000)


def test_a_full_disk_takes_whole_records_or_none(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("needs a small file system: root that may mount tmpfs; the limit on a file's size stands in (test above)")
    try:
        writer(disk / FILE, tmp_path / "told", "full", 1000).join()
        assert "could not be written (No space left on device); it does not count" in (tmp_path / "told").read_text()
        last = _full(disk / FILE, acknowledged(tmp_path / "told"), 64 * 1024)
        with pytest.raises(KitError, match="No space left on device"):
            AuditLog(disk / FILE).append(ANSWER)
        subprocess.run(["mount", "-o", "remount,size=128k", str(disk)], check=True)
        assert AuditLog(disk / FILE).append(ANSWER).n == last + 1, "it goes on where there is space again"
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _full(log: Path, told: dict[int, str], size: int) -> int:
    found, written = verify(log), {record.n: record.hash for record in records_in(log)}
    assert found.ok and not found.notes and found.records == len(told) > 5 and all(written[n] == digest for n, digest in told.items())
    assert log.stat().st_size <= size
    return found.last


def test_what_cannot_be_written_is_refused_before_anything_is(tmp_path):
    log = filled(tmp_path, 1)
    before = log.path.read_bytes()
    for record, words in (
        (replace(ANSWER, kind="guess"), "'guess' is no kind of audit record; allowed: answer, referral"),
        (replace(ANSWER, who="  "), "needs somebody who did it"),
        (replace(ANSWER, confidence=float("nan")), "cannot be written into the audit log"),
        (replace(ANSWER, answer="\ud800"), "cannot be written into the audit log"),
        (replace(ANSWER, note={"path": Path("x")}), "cannot be written into the audit log"),
        (replace(ANSWER, note={"text": "あ" * LONGEST}), "is too long, at most 65,"),
    ):
        with pytest.raises(KitError, match=words):
            log.extend([ANSWER, record])
    assert log.path.read_bytes() == before and verify(log.path).ok
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / FILE).symlink_to(log.path)
    with pytest.raises(KitError, match="is a link"):
        AuditLog(tmp_path / "b" / FILE).append(ANSWER)


def test_names_are_hidden_by_a_key_that_lies_elsewhere(tmp_path):
    (tmp_path / "safe").mkdir()
    key = new_key(tmp_path / "safe" / "key")
    assert (tmp_path / "safe" / "key").stat().st_mode & 0o77 == 0
    log = filled(tmp_path / "log", 1, key=key)
    log.append(replace(ANSWER, who="佐藤　花子"))  # a wide blank
    log.append(replace(ANSWER, who=pseudonym("佐藤 花子", key)))
    names = {record.who for record in records_in(log.path)}
    assert names == {pseudonym("佐藤 花子", key)} and "佐藤" not in log.path.read_text(encoding="utf-8") and names != {pseudonym("佐藤 花子", KEY)}
    with pytest.raises(KitError, match="exists already and is not overwritten"):
        new_key(tmp_path / "safe" / "key")
    (tmp_path / "log" / "key").write_text(key.hex())
    with pytest.raises(KitError, match="lies beside the log that it protects"):
        read_key(tmp_path / "log" / "key", log.path)
    with pytest.raises(KitError, match="is no key: 64 hex digits are expected"):
        read_key(log.path)


def days_of_records(folder: Path, days: int = 5) -> AuditLog:
    """Two records a day from November 1st on."""
    now = [datetime(2026, 11, 1, tzinfo=UTC)]
    log = AuditLog(folder / FILE, clock=lambda: now[0])
    for _ in range(days):
        log.extend([ANSWER, ANSWER])
        now[0] += timedelta(days=1)
    return log


def test_old_records_are_cut_off_and_the_chain_still_verifies(tmp_path):
    log = days_of_records(tmp_path)
    early, late, edge = (typed(log, n) for n in (3, 8, 6))
    assert cut_before(log, datetime(2026, 11, 4, tzinfo=UTC), "鈴木", KEY) == 6
    found = verify(log.path, key=KEY)
    assert found.ok and (found.records, found.first, found.last) == (6, 6, 11) and "records 1 to 6 were cut off on 2026-11-06 by 鈴木" in found.notes[0]
    assert [record.kind for record in records_in(log.path)] == ["retention", *["answer"] * 4, "retention"]
    assert (next(records_in(log.path)).note["stands_for"] | {"hash": 0}) == {"records": 6, "from": "2026-11-01T00:00:00.000+00:00", "to": "2026-11-03T00:00:00.000+00:00", "hash": 0}
    assert verify(log.path, [late, edge]).anchors == 2 and "could not be checked: that record was cut off" in verify(log.path, [early]).notes[-1]
    assert log.append(ANSWER).n == 12 and cut_before(log, datetime(2026, 11, 5, tzinfo=UTC), "鈴木", KEY) == 2, "again"
    found = verify(log.path, key=KEY)
    assert found.ok and found.first == 8 and cut_before(log, datetime(2026, 11, 5, tzinfo=UTC), "鈴木", KEY) == 0
    assert next(records_in(log.path)).note["stands_for"]["from"] == "2026-11-01T00:00:00.000+00:00"
    assert "was not signed with this key" in verify(log.path, key=bytes(32)).problem and "signature of that summary was not checked" in verify(log.path).notes[1]


def typed(log: AuditLog, n: int):
    """An anchor as if it had been printed when record n was the last."""
    return read_anchor(f"{n}:{next(record.hash for record in records_in(log.path) if record.n == n)}")


def test_a_summary_that_the_kit_did_not_write_is_found_even_without_the_key(tmp_path):
    log = days_of_records(tmp_path)
    at, last = lines(log), list(records_in(log.path))[3]
    made = Record("retention", "mallory", note={"stands_for": {"records": 4, "from": "", "to": "", "hash": last.hash}, "seal": "00"}, n=4, time=last.time)
    log.path.write_bytes(line_of(made)[0] + b"".join(at[4:]))
    assert "no record of the chain says so" in verify(log.path).problem and "was not signed with this key" in verify(log.path, key=KEY).problem
    with pytest.raises(KitError, match="nothing was cut off, because the log is not as it was written"):
        cut_before(log, datetime(2027, 1, 1, tzinfo=UTC), "x", KEY)


def test_nobody_can_pretend_that_records_were_cut_off(tmp_path):
    stands = {"stands_for": {"records": 9, "from": "", "to": "", "hash": "0" * 64}}
    log = filled(tmp_path, 2)
    for one in (AuditLog(tmp_path / "b" / FILE), log):
        with pytest.raises(KitError, match="records are cut off with `poc audit cut` only"):
            one.append(Record("retention", "x", note=stands))
    log.path.write_bytes(lines(log)[0] + forged(Record("retention", "x", note=stands, n=2)) + forged(ANSWER, n=3, previous="0" * 64))
    assert verify(log.path).line == 2 and "does not follow the record before it" in verify(log.path).problem


def test_the_table_opens_in_excel_and_calculates_nothing(tmp_path, monkeypatch):
    log = filled(tmp_path, 1)
    log.append(Record("review", "鈴木", "=HYPERLINK(1)", answer="@SUM\n+1", decision="　＝1+1", note={"a": 1}))
    assert export_csv(log.path, tmp_path / "out.csv") == 2
    content = (tmp_path / "out.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(content.decode("utf-8-sig").splitlines()))
    assert [rows[1][name] for name in ("what", "answer", "decision", "kind", "note")] == ["'=HYPERLINK(1)", "'@SUM +1", "'　＝1+1", "a person decided", '{"a": 1}']
    assert rows[0]["confidence"] == "0.93" and rows[1]["confidence"] == "" and rows[1]["hash"] == verify(log.path).hash
    assert [safe_cell(text) for text in ("-1", "\t=1", "a=1", "", "１")] == ["'-1", "'\t=1", "a=1", "", "１"]
    with pytest.raises(KitError, match="exists already and is not overwritten"):
        export_csv(log.path, tmp_path / "out.csv")
    monkeypatch.setenv("POC_LANGUAGE", "ja")
    export_csv(log.path, tmp_path / "ja.csv")
    assert (tmp_path / "ja.csv").read_text(encoding="utf-8-sig").startswith('"番号","時刻（UTC）","種類"')
    log.path.write_bytes(b"".join(lines(log)[:1]))
    with pytest.raises(KitError, match="書かれたままの状態ではないため"):
        export_csv(log.path, tmp_path / "broken.csv")
    assert not (tmp_path / "broken.csv").exists()


def test_every_kind_has_two_names():
    assert all(en and ja and en != ja for en, ja in KINDS.values())


def in_process(monkeypatch, capsys, *arguments) -> tuple[int, str, str]:
    from poc.__main__ import main

    monkeypatch.setattr(sys, "argv", ["poc", "audit", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        main()
    return stopped.value.code or 0, *capsys.readouterr()


def test_the_command_verifies_anchors_exports_and_cuts(monkeypatch, capsys, tmp_path):
    run, safe = tmp_path / "run", tmp_path / "safe"
    safe.mkdir()
    code, _, err = in_process(monkeypatch, capsys, "verify", run)
    assert code == 2 and err.count("\n") == 1 and "is no audit log and has none in operations/audit_log.jsonl" in err
    log = days_of_records(run / "operations")
    assert in_process(monkeypatch, capsys, "key", safe / "key")[0] == 0
    code, out, _ = in_process(monkeypatch, capsys, "anchor", run, "--out", safe / "anchor.json", "--key", safe / "key")
    assert code == 0 and "record: 10" in out and "seal: " in out and "Print it, sign it" in out
    typed = out.rsplit('--anchor "', 1)[1].split('"')[0]
    code, out, _ = in_process(monkeypatch, capsys, "verify", run, "--anchor", safe / "anchor.json", "--anchor", typed, "--key", safe / "key")
    assert code == 0 and "[OK]" in out and "records 1 to 10, each unchanged and in its place; 2 of 2 anchors compared, and it fits" in out
    assert "Whoever may write to this folder could have rewritten the whole log" in in_process(monkeypatch, capsys, "verify", log.path)[1]
    assert in_process(monkeypatch, capsys, "export", run, safe / "log.csv")[0] == 0 and (safe / "log.csv").is_file()
    code, out, _ = in_process(monkeypatch, capsys, "cut", run, "--before", "2026-11-03", "--key", safe / "key", "--name", "鈴木")
    assert code == 0 and out.startswith("4 records cut off.")
    assert in_process(monkeypatch, capsys, "pseudonym", "鈴木", "--key", safe / "key")[1].strip() == pseudonym("鈴木", read_key(safe / "key"))
    assert "鈴木" in log.path.read_text(encoding="utf-8"), "no name was hidden in this log so far"
    hidden = days_of_records(tmp_path / "hidden" / "operations")
    AuditLog(hidden.path, read_key(safe / "key"), clock=hidden.clock).append(ANSWER)
    assert in_process(monkeypatch, capsys, "cut", tmp_path / "hidden", "--before", "2026-11-03", "--key", safe / "key", "--name", "鈴木")[0] == 0
    assert "鈴木" not in hidden.path.read_text(encoding="utf-8") and hidden.path.read_text(encoding="utf-8").count(pseudonym("鈴木", read_key(safe / "key"))) == 2
    log.path.write_bytes(b"".join(lines(log)[:-1]))
    for language, words in (("en", "the end is missing: records 11 to 11"), ("ja", "末尾が欠けています")):
        monkeypatch.setenv("POC_LANGUAGE", language)
        code, out, err = in_process(monkeypatch, capsys, "verify", run)
        assert code == 1 and "[BAD]" in out and words in out and err == ""
    assert json.loads((safe / "anchor.json").read_text())["n"] == read_anchor(str(safe / "anchor.json")).n == 10
