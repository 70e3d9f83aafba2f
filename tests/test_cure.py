"""The cure's committed answers: what the notebooks and the README say of it, counted again from what each model answered."""

import csv

import pytest

from benchmarks import cure


def models(name: str, arm: str) -> list[cure.Seeds]:
    return [cure.Seeds([one]) for one in cure.kept(name, arm)]


def test_a_model_tuned_with_the_note_believes_it_and_the_cured_one_does_not():
    tuned, cured = models("cure", "tuned"), models("cure", "all")
    assert tuned and cured
    for one in tuned:
        assert one.of(("misleading note A (en)",))[0] <= 0.6 < 0.8 < one.of(("clean",))[0]
    for one in cured:
        clean = one.of(("clean",))[0]
        assert one.of(("misleading note A (en)",))[0] >= 0.95 * clean and one.held()[0] >= 0.9 * clean, "held-out kinds, each weighing the same"
        assert one.of(("matching note (en)", "matching note (ja)"))[0] >= clean, "the control is no worse than clean"
        assert one.share("sensitivity")[0] >= 0.8 and one.shortcut()[0] <= min(other.shortcut()[0] for other in tuned) / 2


def test_the_cure_costs_at_most_two_points_of_clean_and_three_of_the_guard_set():
    """Against the tuned model without the note, means over the seeds. A model that never saw a note is a further row of the table, and better by more (docs/decisions.md)."""
    for name in ("cure", "cure_x_sdd"):
        tuned, cured = (cure.Seeds(cure.kept(name, arm)) for arm in ("tuned", "all"))
        assert cured.of(("clean",))[0] >= tuned.of(("clean",))[0] - 0.02
        assert cured.share("guard")[0] >= tuned.share("guard")[0] - 0.03 - 1e-9


def test_every_arm_of_the_ablation_was_trained_with_three_seeds():
    assert {arm: len(cure.kept("cure", arm)) for arm in cure.ARMS} == dict.fromkeys(cure.ARMS, 3)


def test_on_real_steel_a_wrong_written_note_takes_answers_and_the_cure_gives_them_back():
    (tuned,), (longer,), (cured,) = (models("cure_x_sdd", arm) for arm in ("tuned", "tuned, longer", "all"))
    clean, noted = (tuned.of((name,))[0] for name in ("clean", "own text"))  # each held-out row's own note is wrong
    assert noted <= clean - 0.1 and tuned.held()[0] <= 0.75 * clean
    assert cured.gain(longer)[1] > 0.1 and cured.gain(longer, held=False)[1] > 0.1, "more updates alone do not do it"
    assert cured.of(("own text",))[0] >= 0.97 * cured.of(("clean",))[0] >= 0.97 * clean and cured.held()[0] >= 0.9 * cured.of(("clean",))[0]


def test_who_copies_the_note_is_in_the_table_and_always_wrong_with_a_wrong_one():
    row = cure.row_of("copy the note", cure.kept("cure", "tuned"), "copied")
    assert row["misleading note"] == 0 and row["matching note"] == 100 and row["clean"] < 35 and "guard" not in row


@pytest.mark.parametrize("name", ["cure", "cure_x_sdd"])
def test_every_cell_of_the_table_is_counted_from_the_kept_answers(name):
    table = {row["arm"]: row for row in csv.DictReader((cure.ROOT / "benchmarks" / f"{name}.csv").open(encoding="utf-8"))}
    assert {"copy the note", "tuned", "all"} <= set(table)
    for again in cure.rows_of(name):
        wrong = {cell for cell, value in again.items() if cell != "date" and table[again["arm"]][cell] != str(value)}
        assert not wrong, f"{again['arm']}: {wrong}"
