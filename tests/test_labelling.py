"""The labelling bench: what comes first, what is written, what counts, how far people agree."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import cohen_kappa_score

from kit.curation import CHECKS, Material
from kit.data import Sample
from kit.errors import KitError
from kit.labelling import (
    CANNOT_TELL,
    Bench,
    LabelLog,
    agreement,
    disagreement_by_class,
    entries_in,
    pace,
    pressed,
    reply,
    standing,
    values,
    what_people_say,
    with_labels,
    wrong_labels,
)
from kit.labelling.log import in_random_order
from kit.show import label_bench
from poc.labelling import open_bench, people
from poc.usecase import LOGS, check_usecase, load_samples, load_usecase
from poc.words import FINDINGS, name_of_finding

OPTIONS = ("OK", "scratch", "dent")
YAML = "question: Which defect?\noptions: [OK, scratch, dent]\ngroup_by: lot\n"


def rows(number: int = 12, answer=lambda i: "") -> list[Sample]:
    return [Sample(f"r{i:02}", "Which?", OPTIONS, answer(i), text=f"part {i}", decided_by="text", group=f"g{i // 3}") for i in range(number)]


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def company(tmp_path):
    """24 photos in eight lots, six of them labelled, two in no row; the photos of a class share a colour."""
    root = tmp_path / "press"
    root.mkdir()
    rng, table = np.random.default_rng(0), ["file_name,label,lot"]
    for i in range(26):
        colour = np.array([(200, 40, 40), (40, 200, 40), (40, 40, 200)][i % 3])
        Image.fromarray((colour + rng.integers(-30, 30, (24, 24, 3))).clip(0, 255).astype(np.uint8)).save(root / f"p{i:02}.png")
        if i < 24:
            table.append(f"p{i:02}.png,{OPTIONS[i % 3] if i < 6 else ''},L{i // 3}")
    (root / "labels.csv").write_text("\n".join(table))
    (root / "poc.yaml").write_text(YAML)
    return root


def test_an_answer_is_on_the_disk_with_who_when_and_how_long(tmp_path):
    clock = Clock()
    bench = Bench(rows(), tmp_path / "log", "佐藤 花子", {"r03": 0.9, "r01": 0.5}, clock=clock)
    assert bench.current.id == "r03" and bench.left == 2
    clock.now = 4.5
    bench.answer("scratch", "r03")
    assert bench.current.id == "r01" and bench.done == 1
    (line,) = (tmp_path / "log" / "佐藤 花子.jsonl").read_text(encoding="utf-8").splitlines()
    said = json.loads(line)
    assert (said["annotator"], said["sample"], said["answer"], said["given"], said["seconds"], said["why"], said["n"]) == ("佐藤 花子", "r03", "scratch", "", 4.5, "value", 1)
    assert Bench(rows(), tmp_path / "log", "佐藤 花子", {"r03": 0.9, "r01": 0.5}).current.id == "r01", "another day goes on where this one stopped"


def test_every_answer_can_be_taken_back_and_the_log_only_grows(tmp_path):
    bench = Bench(rows(), tmp_path, "A", {"r00": 3, "r01": 2, "r02": 1})
    grown = []
    for key in ("1", "2", "u", "u", "u", "3"):
        told = pressed(bench, key)
        grown.append(bench.log.path.read_bytes())
    assert all(b.startswith(a) for a, b in zip(grown, grown[1:], strict=False)), "append-only"
    assert [entry.kind for entry in bench.log.entries()] == ["label", "label", "undo", "undo", "label"], "a third undo found nothing to take back"
    assert {id: said["A"].answer for id, said in standing(bench.log.entries()).items()} == {"r00": "dent"} and told == "r00: dent"


def test_a_person_does_not_see_the_label_before_answering_and_is_told_after(tmp_path):
    bench = Bench(rows(answer=lambda i: "dent"), tmp_path, "A", {"r00": 1}, overlap=0, controls=0)
    card = label_bench(bench, pressed, reply).view.value
    assert "part 0" in card and "dent" not in card and "A: 0 answered, 1 to go" in card
    assert reply(bench.answer("OK")) == "r00: you said OK, the table says dent. Yours counts unless you take it back (u)."


def test_an_old_window_and_a_wrong_answer_write_nothing(tmp_path):
    bench = Bench(rows(), tmp_path, "A", {"r00": 2, "r01": 1})
    with pytest.raises(KitError, match="this window shows r01, the bench is at r00: the answer was not written"):
        bench.answer("OK", "r01")
    with pytest.raises(KitError, match="'rust' is no answer to r00; allowed: OK, scratch, dent"):
        bench.answer("rust")
    with pytest.raises(KitError, match="name the annotator"):
        Bench(rows(), tmp_path, "  ", {})
    with pytest.raises(KitError, match="name the annotator"):
        Bench(rows(), tmp_path, "..", {})
    assert entries_in(tmp_path) == [] and bench.current.id == "r00"


@pytest.mark.parametrize("change", [
    lambda lines: [lines[0].replace('"answer": "OK"', '"answer": "dent"'), *lines[1:]],
    lambda lines: lines[1:],
    lambda lines: [lines[0], lines[2]],
    lambda lines: [lines[1], lines[0], lines[2]],
    lambda lines: [lines[0], "note to self", *lines[1:]],
    lambda lines: [lines[0][:40], *lines[1:]],
])  # fmt: skip
def test_a_log_that_something_else_changed_is_refused(tmp_path, change):
    bench = Bench(rows(), tmp_path, "A", {f"r{i:02}": 1 for i in range(5)})
    for key in "123":
        pressed(bench, key)
    lines = bench.log.path.read_text(encoding="utf-8").splitlines()
    bench.log.path.write_text("\n".join(change(lines)) + "\n", encoding="utf-8")
    with pytest.raises(KitError, match=r"A.jsonl line \d: was changed by something else than the kit"):
        entries_in(tmp_path)


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_that_was_cut_short_is_passed_over(tmp_path, cut):
    bench = Bench(rows(), tmp_path, "花", {"r00": 2, "r01": 1})
    bench.answer("OK")
    whole = bench.log.path.read_bytes()
    bench.answer("dent")
    torn = whole + bench.log.path.read_bytes()[len(whole) :][:cut]  # also inside a Japanese letter
    bench.log.path.write_bytes(torn)
    again = Bench(rows(), tmp_path, "花", {"r00": 2, "r01": 1})
    assert again.current.id == "r01"
    again.answer("scratch")
    assert [(entry.sample, entry.answer) for entry in entries_in(tmp_path)] == [("r00", "OK"), ("r01", "scratch")] and bench.log.path.read_bytes().startswith(torn)


@pytest.mark.parametrize("change", [
    lambda text: text.replace(b"\n", b"\r\n"), lambda text: text.replace(b"\n", b"\r\n", 2), lambda text: b"\xef\xbb\xbf" + text, lambda text: text.replace(b"\n", b"\r\n") + b"\r\n", lambda text: text.rstrip(b"\n"),
], ids=["crlf", "mixed", "mark", "blank line", "no last end"])  # fmt: skip
def test_line_ends_of_windows_are_no_change(tmp_path, change):
    bench = Bench(rows(), tmp_path, "花", {f"r{i:02}": 9 - i for i in range(5)})
    for key in "123":
        pressed(bench, key)
    before = entries_in(tmp_path)
    bench.log.path.write_bytes(change(bench.log.path.read_bytes()))
    assert entries_in(tmp_path) == before
    Bench(rows(), tmp_path, "花", {"r04": 1}, overlap=0, controls=0).answer("OK")
    assert [entry.n for entry in entries_in(tmp_path)] == [1, 2, 3, 4], "and the log goes on"
    bench.log.path.write_bytes(change(bench.log.path.read_bytes()).replace(b'"scratch"', b'"dent"', 1))
    with pytest.raises(KitError, match="was changed by something else"):
        entries_in(tmp_path)


@pytest.mark.parametrize("change", [lambda text: text.replace(b"\n", b"\r"), lambda text: bytes(len(text)), lambda text: text + bytes(100)], ids=["old mac", "a disk's zeros", "zeros behind"])
def test_a_log_that_lost_its_lines_is_not_taken_for_an_empty_one(tmp_path, change):
    bench = Bench(rows(), tmp_path, "花", {f"r{i:02}": 9 - i for i in range(5)})
    for key in "123":
        pressed(bench, key)
    bench.log.path.write_bytes(change(bench.log.path.read_bytes()))
    with pytest.raises(KitError, match="Restore the file from a backup"):
        entries_in(tmp_path)


@pytest.mark.parametrize("line", ["{" + '"n": ' + "[" * 900 + "]" * 900 + "}", '{"n": ' + "[" * 60000, '{"n": ' + "9" * 5000 + "}", "[]", "7", '"\\ud800"'], ids=range(6))
def test_a_line_that_no_kit_wrote_is_refused_or_passed_over(tmp_path, line):
    bench = Bench(rows(), tmp_path, "A", {"r00": 1})
    bench.answer("OK")
    bench.log.path.write_bytes(bench.log.path.read_bytes() + line.encode() + b"\n")
    try:
        assert len(entries_in(tmp_path)) == 1 and not line.endswith("}")
    except KitError as error:
        assert "line 2: was changed" in str(error)


@pytest.mark.parametrize(("field", "value"), [("undoes", [1]), ("time", 3), ("sample", {}), ("seconds", "long"), ("kind", ["label"])])
def test_a_field_of_another_type_is_a_change(tmp_path, field, value):
    bench = Bench(rows(), tmp_path, "A", {"r00": 1})
    bench.answer("OK")
    said = json.loads(bench.log.path.read_text(encoding="utf-8"))
    bench.log.path.write_text(json.dumps(said | {field: value}) + "\n", encoding="utf-8")
    with pytest.raises(KitError, match="line 1: was changed"):
        standing(entries_in(tmp_path))


@pytest.mark.parametrize("name", ["a" * 300, "花" * 90])
def test_a_name_that_no_file_can_have_is_told_as_that(tmp_path, name):
    with pytest.raises(KitError, match=r"name is \d+ bytes long.*at most 240 bytes are allowed.*Use a shorter one"):
        LabelLog(tmp_path, name)
    LabelLog(tmp_path, "花" * 80).write(rows()[0], "OK", 1.0)
    with pytest.raises(KitError, match="name the annotator"):
        LabelLog(tmp_path, "Sato \udce3")


@pytest.mark.parametrize("kind", ["folder", "file", "lock"])
def test_labels_are_not_written_through_a_link(tmp_path, kind):
    outside, root = tmp_path / "outside", tmp_path / "company"
    outside.mkdir()
    (root / LOGS).mkdir(parents=True)
    (outside / "A.jsonl").write_text("", encoding="utf-8")
    log = LabelLog(root / LOGS, "A")  # the link may come later than the log
    if kind == "folder":
        (root / LOGS).rmdir()
        (root / LOGS).symlink_to(outside)
    else:
        (root / LOGS / ("A.jsonl" if kind == "file" else "A.jsonl.lock")).symlink_to(outside / "A.jsonl")
    for act in (lambda: LabelLog(root / LOGS, "A"), lambda: log.write(rows()[0], "OK", 1.0)):
        with pytest.raises(KitError, match="is a link, or lies behind one.*nothing was written"):
            act()
    assert [path.name for path in outside.iterdir()] == ["A.jsonl"] and (outside / "A.jsonl").read_bytes() == b""


def test_two_names_that_would_share_a_file_are_told_apart(tmp_path):
    Bench(rows(), tmp_path, "A/B", {"r00": 1}).answer("OK")
    with pytest.raises(KitError, match="is the log of 'A/B', not of 'A:B': use another name"):
        LabelLog(tmp_path, "A:B")


def test_two_windows_of_one_person_write_one_unbroken_log(tmp_path):
    first, second = (Bench(rows(), tmp_path, "A", {f"r{i:02}": 12 - i for i in range(12)}) for _ in range(2))
    first.answer("OK")
    second.answer("dent")  # the same row: the later answer stands
    second.answer("OK")
    assert len(entries_in(tmp_path)) == 3 and standing(entries_in(tmp_path))["r00"]["A"].answer == "dent"


def said(folder: Path, name: str, answers: dict[str, str], given=lambda i: "", kind: str = "label", why: str = "value") -> None:
    log, by_id = LabelLog(folder, name), {sample.id: sample for sample in rows(60, given)}
    for id, answer in answers.items():
        log.write(by_id[id], answer, 3.0, why, kind)


def test_what_counts(tmp_path):
    table = rows(10, lambda i: "OK" if i < 6 else "")
    given = lambda i: "OK" if i < 6 else ""  # noqa: E731
    said(tmp_path, "A", {"r00": "OK", "r01": "dent", "r02": "", "r03": "dent", "r06": "scratch", "r07": "", "r08": "OK"}, given)
    said(tmp_path, "B", {"r03": "scratch", "r08": "dent"}, given)
    decided = with_labels(table, entries_in(tmp_path))
    assert decided.confirmed == ("r00",) and decided.corrected == ("r01",) and decided.withdrawn == ("r02",) and decided.new == ("r06",) and decided.untold == ("r07",)
    assert decided.disputed == ("r03", "r08")
    assert [sample.answer for sample in decided.samples] == ["OK", "dent", "", "OK", "OK", "OK", "scratch", "", "", ""]
    assert with_labels(table, entries_in(tmp_path), annotators=2).waiting == ("r00", "r01", "r02", "r06", "r07"), "one voice is not two"
    judge = Bench(table, tmp_path, "Lead", {}, settle=True)
    assert judge.current.id == "r03" and judge.others_said() == {"A": "dent", "B": "scratch"}
    judge.answer("dent")
    judge.answer("OK")
    assert judge.current is None
    decided = with_labels(table, entries_in(tmp_path))
    assert decided.disputed == () and decided.samples[3].answer == "dent" and decided.samples[8].answer == "OK"


def test_a_label_belongs_to_what_was_seen(tmp_path, company):
    bench = open_bench(company, "A", order="in turn")
    first = bench.current
    bench.answer("dent")
    decided = with_labels([first], entries_in(company / LOGS))
    assert decided.new == (first.id,)
    Image.new("RGB", (24, 24), (9, 9, 9)).save(first.image[0])
    decided = with_labels([first], entries_in(company / LOGS))
    assert decided.stale == (first.id,) and decided.samples[0].answer == "", "another photo under the same name"
    renamed = first.replace(options=("OK", "NG"))
    assert with_labels([renamed], entries_in(company / LOGS)).stale == (first.id,)


def test_kappa_is_cohens_and_has_an_interval(tmp_path):
    rng = np.random.default_rng(1)
    truth = rng.choice(OPTIONS, 60)
    a = {f"r{i:02}": str(truth[i]) for i in range(60)}
    b = {id: str(rng.choice(OPTIONS)) if rng.random() < 0.3 else answer for id, answer in a.items()}
    b = dict(list(b.items())[:50])
    said(tmp_path, "A", a)
    said(tmp_path, "B", b)
    (row,) = agreement(entries_in(tmp_path)).to_dict("records")
    assert row["rows"] == 50 and row["kappa"] == pytest.approx(cohen_kappa_score([a[id] for id in b], list(b.values())))
    assert row["low"] < row["kappa"] < row["high"] and row["high"] - row["low"] < 0.5
    table = disagreement_by_class(entries_in(tmp_path)).set_index("answer")
    differ = [id for id in b if a[id] != b[id]]
    assert table["differ"].sum() == 2 * len(differ), "a disagreement concerns both answers"
    assert table.loc["OK", "rows"] == sum("OK" in (a[id], b[id]) for id in b)
    assert agreement([]).empty and np.isnan(agreement_of_one_answer(tmp_path / "one")["kappa"])


def agreement_of_one_answer(folder: Path) -> dict:
    for name in "AB":
        said(folder, name, {"r00": "OK", "r01": "OK"})
    return agreement(entries_in(folder)).iloc[0].to_dict()


def test_perfect_agreement_on_rows_that_someone_settled_is_not_invented(tmp_path):
    said(tmp_path, "A", {"r00": "OK", "r01": "dent"})
    said(tmp_path, "B", {"r00": "dent", "r01": "dent"})
    said(tmp_path, "B", {"r00": "OK"}, kind="settle")
    assert agreement(entries_in(tmp_path)).iloc[0]["agree"] == 0.5


def test_pace_leaves_pauses_out(tmp_path):
    log = LabelLog(tmp_path, "A")
    for sample, seconds in zip(rows(5), (2.0, 4.0, 6.0, 8.0, 4000.0), strict=True):
        log.write(sample, "OK", seconds)
    every = pace(entries_in(tmp_path)).iloc[-1]
    assert (every["answers"], every["median"], every["lower"], every["upper"]) == (4, 5.0, 3.5, 6.5)


def test_wrong_labels_are_estimated_on_a_random_sample_and_not_on_suspects(tmp_path):
    """Sixty rows, twelve wrong. The suspects are reviewed first; their share of errors must not be taken for the folder's."""
    table = rows(60, lambda i: "OK")
    wrong = {f"r{i:02}" for i in range(0, 60, 5)}
    bench = Bench(table, tmp_path, "A", {id: 1.0 for id in wrong}, overlap=0.0, controls=0.3)
    shares = []
    while bench.current:
        bench.answer("dent" if bench.current.id in wrong else "OK")
        shares.append(wrong_labels(entries_in(tmp_path), table))
    last = shares[-1]
    order = in_random_order(sample.id for sample in table)
    done = {entry.sample for entry in entries_in(tmp_path)}
    prefix = next((i for i, id in enumerate(order) if id not in done), len(order))
    assert prefix and last.evidence["reviewed"] == prefix and last.value == sum(id in wrong for id in order[:prefix]) / prefix
    assert last.low <= 0.2 <= last.high, "twelve of sixty"
    assert any(entry.why == "control" for entry in entries_in(tmp_path))


def test_a_row_that_cannot_be_told_is_neither_right_nor_wrong(tmp_path):
    table = rows(20, lambda i: "OK")
    first = in_random_order(sample.id for sample in table)[:10]
    said(tmp_path / "some", "A", {id: (CANNOT_TELL, "dent")[i] if i < 2 else "OK" for i, id in enumerate(first)}, lambda i: "OK")
    found = wrong_labels(entries_in(tmp_path / "some"), table)
    assert found.value == 1 / 9 and found.evidence == {"ids": [first[1]], "reviewed": 9, "untold": [first[0]]} and "1 more cannot be told" in found.summary
    said(tmp_path / "none", "A", dict.fromkeys(first, CANNOT_TELL), lambda i: "OK")
    none = wrong_labels(entries_in(tmp_path / "none"), table)
    assert none.value is None and "10 reviewed rows cannot be told" in none.summary


def test_a_second_person_meets_rows_that_the_first_has_answered_and_new_ones(tmp_path):
    table, worth = rows(60), {f"r{i:02}": 60 - i for i in range(60)}
    first = Bench(table, tmp_path, "A", worth)
    for _ in range(30):
        first.answer("OK")
    second = Bench(table, tmp_path, "B", worth)
    for _ in range(25):
        second.answer("OK")
    why = [entry.why for entry in second.log.entries()]
    assert 2 <= why.count("overlap") <= 9 and why.count("value") == 25 - why.count("overlap")
    assert len(agreement(entries_in(tmp_path))) == 1
    both = {entry.sample for entry in second.log.entries() if entry.why == "value"}
    assert not both & {entry.sample for entry in first.log.entries()}, "all other rows are ones that nobody has seen"


def test_a_second_person_who_comes_when_all_is_answered_still_gets_the_rows_that_kappa_needs(tmp_path):
    table, worth = rows(40), {f"r{i:02}": 40 - i for i in range(40)}
    first = Bench(table, tmp_path, "A", worth)
    while first.current:
        first.answer("OK")
    second = Bench(table, tmp_path, "B", worth)
    while second.current:
        second.answer("OK")
    assert 8 <= second.done <= 16 and all(entry.why == "overlap" for entry in second.log.entries())


def blobs(number: int, labelled) -> Material:
    """Two well-parted classes on two axes, in six groups."""
    rng = np.random.default_rng(0)
    samples, features = [], {}
    for i in range(number):
        truth = OPTIONS[i % 2]
        sample = Sample(f"b{i:03}", "Which?", OPTIONS[:2], labelled(i, truth), text="x", decided_by="text", group=f"g{(i // 2) % 6}")
        samples.append(sample)
        features[sample.id] = np.array([8.0 * (i % 2), 0.0]) + rng.normal(size=2)
    return Material(tuple(samples), {}, features=features)


def test_planted_label_errors_come_first():
    wrong = {7, 20, 41, 66}
    material = blobs(80, lambda i, truth: OPTIONS[1 - i % 2] if i in wrong else truth)
    order, found = values(material)
    assert order == "label errors" and set(sorted(found, key=lambda id: -found[id])[:4]) == {f"b{i:03}" for i in wrong} and all(0 <= v <= 1 for v in found.values())


def test_the_least_certain_unlabelled_row_comes_first():
    material = blobs(60, lambda i, truth: truth if i < 40 else "")
    between = next(s for s in material.samples if s.id == "b050")
    material.features[between.id] = np.array([4.0, 0.0])
    order, found = values(material)
    assert order == "uncertainty" and max(found, key=found.get) == "b050" and set(found) == {f"b{i:03}" for i in range(40, 60)}


def test_without_labels_the_first_rows_show_what_there_is():
    material = blobs(60, lambda i, truth: "")
    rare = material.samples[31]
    material.features[rare.id] = np.array([0.0, 40.0])
    order, found = values(material)
    first = sorted(found, key=lambda id: -found[id])[:4]
    assert order == "coverage" and rare.id in first and len(found) == 60
    assert len({int(id[1:]) % 2 for id in first}) == 2, "both classes are among the first four"


def test_an_order_that_finds_nothing_says_so():
    with pytest.raises(KitError, match="unknown order 'best'; allowed: label errors, disagreement, uncertainty, coverage, in turn"):
        values(blobs(8, lambda i, t: t), order="best")
    with pytest.raises(KitError, match="finds no row"):
        values(blobs(8, lambda i, t: t), order="disagreement")


def test_a_folder_without_labels_starts_here(company):
    (company / "labels.csv").unlink()
    lines, faults = check_usecase(company)
    assert not faults and any(f"poc label {company}" in line for line in lines)
    before = {path: path.read_bytes() for path in company.iterdir() if path.is_file()}
    bench = open_bench(company, "A")
    while bench.current:
        bench.answer(OPTIONS[int(bench.current.id[1:3]) % 3])
    assert {path: path.read_bytes() for path in company.iterdir() if path.is_file()} == before, "the company's files stay as they are"
    use = load_usecase(company).model_copy(update={"group_by": None})
    folder = load_samples(company, use)
    assert sum(bool(sample.answer) for sample in folder.samples) == 26 and {sample.split for sample in folder.samples} >= {"train", "test"}


def test_half_labelled_rows_and_unlisted_files_are_asked_and_then_count(company):
    bench = open_bench(company, "A")
    assert bench.left == 20, "18 rows of the table and two photos that no row names"
    while bench.current:
        bench.answer(OPTIONS[int(bench.current.id[1:3]) % 3])
    lines, faults = check_usecase(company)
    assert not faults and any(line.startswith("labels from the bench: 20 new") for line in lines) and "26 samples, 26 labelled" in lines[0]
    assert {s.answer for s in load_samples(company, load_usecase(company)).samples} == set(OPTIONS)
    told = people(company)
    assert [finding.name for finding in told] == ["agreement of annotators", "wrong labels", "seconds per label"] and told[2].value is not None


def test_a_folder_without_answers_to_choose_from_is_told_what_to_write(company):
    (company / "poc.yaml").write_text("question: Which defect?\n")
    (company / "labels.csv").unlink()
    with pytest.raises(KitError, match=r"names no answers to choose from: write them under options"):
        open_bench(company, "A")


def test_the_findings_are_told_in_both_languages(tmp_path, monkeypatch):
    table = rows(40, lambda i: "OK")
    for name in "AB":
        said(tmp_path, name, {f"r{i:02}": OPTIONS[(i * 7) % 3 if name == "A" else (i * 7) % 2] for i in range(40)}, lambda i: "OK")
    english = [finding.summary for finding in what_people_say(entries_in(tmp_path), table)]
    monkeypatch.setenv("POC_LANGUAGE", "ja")
    japanese = [finding.summary for finding in what_people_say(entries_in(tmp_path), table)]
    assert english[0].startswith("Cohen's kappa ") and japanese[0].startswith("Cohen の κ ") and all(a != b for a, b in zip(english, japanese, strict=True))


def test_the_widget_is_a_remote_control_of_the_bench(tmp_path):
    bench = Bench(rows(4), tmp_path, "A", {f"r{i:02}": 4 - i for i in range(4)})
    box = label_bench(bench, pressed, reply)
    assert [button.description for button in box.options] == ["1 OK", "2 scratch", "3 dent"]
    box.options[1].click()
    box.key.value = "3"
    box.cannot_tell.click()
    box.undo.click()
    box.key.value = "9"  # no ninth answer: nothing happens
    assert {id: s["A"].answer for id, s in standing(bench.log.entries()).items()} == {"r00": "scratch", "r01": "dent"} and bench.current.id == "r02"
    assert box.key.value == "" and "taken back" in box.message.value
    box.options[0].click()
    box.options[0].click()
    assert "All rows of this order are answered" in box.view.value and box.options == []


def test_free_text_is_written_and_entered(tmp_path):
    bench = Bench([Sample("f1", "What does it say?", text="scan", decided_by="text")], tmp_path, "A", {"f1": 1})
    box = label_bench(bench, pressed, reply)
    box.free.value = " 1,200 円 "
    assert standing(bench.log.entries())["f1"]["A"].answer == "1,200 円"


def test_every_finding_has_a_name_in_japanese():
    names = {*CHECKS, *(finding.name for finding in what_people_say([], []))}
    assert not names - set(FINDINGS) and name_of_finding("faces", "ja") == "顔" and name_of_finding("faces", "en") == "faces"
