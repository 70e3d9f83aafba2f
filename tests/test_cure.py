"""The cure's committed answers: what the notebooks and the README say of it, counted again from what each model answered."""

import csv
import json

from benchmarks import cure


def kept(arm: str) -> list[cure.Seeds]:
    return [cure.Seeds([json.loads(file.read_text(encoding="utf-8"))]) for file in sorted(cure.KEPT.glob(f"{cure.folder(arm)}-[0-9]*.json"))]


def test_a_model_tuned_with_the_note_believes_it_and_the_cured_one_does_not():
    tuned, cured = kept("tuned"), kept("all")
    assert tuned and cured
    for one in tuned:
        assert one.of(("misleading note A (en)",))[0] <= 0.6 < 0.8 < one.of(("clean",))[0]
    for one in cured:
        clean = one.of(("clean",))[0]
        assert one.of(("misleading note A (en)",))[0] >= 0.95 * clean and one.held()[0] >= 0.9 * clean, "held-out kinds, each weighing the same"
        assert one.of(("matching note (en)", "matching note (ja)"))[0] >= clean, "the control is no worse than clean"
        assert one.share("sensitivity")[0] >= 0.8 and one.shortcut()[0] <= min(other.shortcut()[0] for other in tuned) / 2


def test_who_copies_the_note_is_in_the_table_and_always_wrong_with_a_wrong_one():
    found = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(cure.KEPT.glob("tuned-[0-9]*.json"))]
    row = cure.row_of("copy the note", found, "copied")
    assert row["misleading note"] == 0 and row["matching note"] == 100 and row["clean"] < 35 and "guard" not in row


def test_the_table_is_made_of_the_kept_answers():
    table = {row["arm"]: row for row in csv.DictReader(cure.TABLE.open(encoding="utf-8"))}
    assert {"copy the note", "tuned", "all"} <= set(table)
    for arm in set(table) - {"copy the note"}:
        found = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(cure.KEPT.glob(f"{cure.folder(arm)}-[0-9]*.json"))]
        again = cure.row_of(arm, found)
        assert int(table[arm]["seeds"]) == len(found) and all(float(table[arm][name]) == again[name] for name in ("clean", "misleading note", "held-out kinds", "shortcut index", "guard")), arm
