"""What the notebooks' parameters come to."""

import json
import shutil

import pytest

from kit.errors import KitError
from poc import runs
from poc.lesson import COMPANY, ROOT, find_run, find_use_case, open_lesson, written


def test_a_name_of_the_sample_company_is_found_from_any_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_use_case("inspection") == COMPANY / "inspection"


def test_a_folder_of_ones_own_is_found_by_its_path(tmp_path, monkeypatch):
    shutil.copytree(COMPANY / "inspection", tmp_path / "mine", ignore=shutil.ignore_patterns("*.jpg", "*.flac", "*.ogg"))
    monkeypatch.chdir(tmp_path)
    assert find_use_case("mine") == find_use_case(str(tmp_path / "mine")) == tmp_path / "mine"


@pytest.mark.parametrize("given", ["", "inspektion", "."])
def test_an_unknown_use_case_is_one_line_that_names_the_choices(given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KitError, match="inspection.*poc init") as error:
        find_use_case(given)
    assert "\n" not in str(error.value)


def finished(folder, use_case: str):
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"use_case": use_case}), encoding="utf-8")
    return folder


def test_the_newest_finished_run_of_the_use_case_is_taken_and_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    finished(tmp_path / "runs" / "coils" / "20260101-000000", "coils")
    newest = finished(tmp_path / "runs" / "coils" / "20260201-000000", "coils")
    (tmp_path / "runs" / "coils" / "20260301-000000").mkdir()  # unfinished
    assert find_run("coils") == (newest, "your newest finished run of this use case")


def test_without_a_run_the_shipped_example_is_taken_and_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder, told = find_run("a use case that nobody has run")
    assert folder == runs.EXAMPLE and "example run that ships" in told


def test_a_named_folder_that_is_no_finished_run_is_refused(tmp_path):
    with pytest.raises(KitError, match="no run.json"):
        find_run("inspection", str(tmp_path))


def test_an_opened_lesson_says_what_its_parameters_came_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mine = finished(tmp_path / "runs" / "inspection" / "20260101-000000", "inspection")
    lesson = open_lesson("tiny", "inspection", run=str(mine))
    lines = repr(lesson).splitlines()
    assert lines[:3] == ["preset = tiny", "use_case = inspection (sample_data/company/inspection)", "model = tiny_omni"]
    assert lines[3].startswith("run = ") and "the run that you named" in lines[3]
    assert str(ROOT) not in repr(lesson)


def test_an_unknown_preset_is_refused():
    with pytest.raises(KitError, match="preset 'huge' is unknown; allowed: tiny, laptop, gpu"):
        open_lesson("huge", "inspection")


def test_a_few_samples_hold_every_class_and_are_always_the_same():
    lesson = open_lesson("tiny", "inspection")
    few = lesson.few("test", 60)
    assert len(few) == 60 and {s.answer for s in few} == set(lesson.use.options)
    assert {s.split for s in few} == {"test"} and few == lesson.few("test", 60)
    assert len({s.id for s in few}) == 60
    assert len({s.group for s in few}) > 1, "neighbours are of one lot: a few rows should be spread over the lots"
    assert len(lesson.few("test", 10_000)) == len(lesson.split("test"))


def test_an_interval_is_written_with_its_bounds():
    assert written({"value": 0.9123, "low": 0.88, "high": 0.94}) == "0.91 [0.88, 0.94]"
    assert written({"value": 1234.5, "low": 1000, "high": 2000.4}, ",.0f") == "1,234 [1,000, 2,000]"
