"""`poc predict`: new files answered row by row; what is cut off goes on, what cannot be read is said, what is foreign is left alone."""

import csv
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from kit.errors import KitError
from poc import predict as room
from poc import runs
from poc.predict import predict_folder, usual_threshold

CASE = Path(__file__).parents[1] / "sample_data" / "company" / "inspection"


@pytest.fixture
def folder(tmp_path):
    """Twelve new photographs with a table that knows the right answer of nine."""
    rows = pd.read_csv(CASE / "metadata.csv", dtype=str, keep_default_na=False)
    rows = rows[(rows["split"] == "test") & (rows["audio"] == "")].head(12).drop(columns=["split", "audio"])
    new = tmp_path / "new"
    (new / "images").mkdir(parents=True)
    for name in rows["image"]:
        shutil.copy(CASE / name, new / name)
    rows.loc[rows.index[:3], "answer"] = ""
    rows.to_csv(new / "metadata.csv", index=False)
    return new


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(room, "CHUNK", 4)


def rows_of(path):
    return list(csv.DictReader(path.open(encoding="utf-8")))


def test_every_row_has_an_answer_its_share_and_whether_a_person_must_look(folder, tmp_path):
    done = predict_folder(runs.EXAMPLE, folder, tmp_path / "out.csv", threshold=0.8)
    rows = rows_of(done.table)
    assert [row["id"] for row in rows] == [row["id"] for row in rows_of(folder / "metadata.csv")] and done.rows == 12
    for row in rows:
        shares = json.loads(row["probabilities"])
        assert sum(shares.values()) == pytest.approx(1, abs=1e-3) and row["most_likely"] == max(shares, key=shares.get)
        assert (row["abstained"] == "true") == (float(row["probability"]) < 0.8) == (row["answer"] == "")
        assert (folder / row["files"]).is_file()
    assert done.abstained == sum(row["abstained"] == "true" for row in rows)
    assert sum(row["truth"] != "" for row in rows) == 9 and done.accuracy["low"] <= done.accuracy["value"] <= done.accuracy["high"]
    assert done.rehearsal, "the tiny model must not decide about files that are not the sample company's"


def test_a_cut_table_goes_on_to_the_same_bytes(folder, tmp_path, monkeypatch):
    whole = predict_folder(runs.EXAMPLE, folder, tmp_path / "whole.csv").table.read_bytes()
    cut = tmp_path / "cut.csv"
    predict_folder(runs.EXAMPLE, folder, cut)
    lines = whole.splitlines(keepends=True)
    cut.write_bytes(b"".join(lines[:6]) + lines[6][:10])  # killed in the middle of a row of the second chunk
    asked = []
    monkeypatch.setattr(room, "predict", lambda loaded, samples, **more: asked.extend(samples) or real(loaded, samples, **more))
    assert predict_folder(runs.EXAMPLE, folder, cut).table.read_bytes() == whole
    assert len(asked) == 8, "the first chunk is whole and is not asked again"


real = room.predict


def test_rows_are_on_the_disk_before_the_last_one_is_answered(folder, tmp_path, monkeypatch):
    seen = []

    def watched(loaded, samples, **more):
        seen.append(len((tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()))
        if len(seen) == 3:
            raise KeyboardInterrupt
        return real(loaded, samples, **more)

    monkeypatch.setattr(room, "predict", watched)
    with pytest.raises(KeyboardInterrupt):
        predict_folder(runs.EXAMPLE, folder, tmp_path / "out.jsonl")
    assert seen == [0, 4, 8]


def test_jsonl_says_the_same_as_csv(folder, tmp_path):
    table = rows_of(predict_folder(runs.EXAMPLE, folder, tmp_path / "out.csv").table)
    lines = [json.loads(line) for line in predict_folder(runs.EXAMPLE, folder, tmp_path / "out.jsonl").table.read_text(encoding="utf-8").splitlines()]
    assert [(r["id"], r["answer"], float(r["probability"]), json.loads(r["probabilities"]), r["abstained"] == "true") for r in table] == [
        (r["id"], r["answer"], r["probability"], r["probabilities"], r["abstained"]) for r in lines
    ]


def test_what_cannot_be_read_is_a_row_with_an_error_and_costs_no_other_row(folder, tmp_path):
    rows = rows_of(folder / "metadata.csv")
    (folder / rows[5]["image"]).write_bytes(b"no picture")
    (folder / rows[7]["image"]).unlink()
    done = predict_folder(runs.EXAMPLE, folder, tmp_path / "out.csv")
    found = {row["id"]: row for row in rows_of(done.table)}
    assert (done.rows, done.failed) == (12, 2) and set(found) == {row["id"] for row in rows}
    for number in (5, 7):
        row = found[rows[number]["id"]]
        assert row["answer"] == row["most_likely"] == "" and row["abstained"] == "true" and Path(rows[number]["image"]).name in row["error"]
    assert sum(row["error"] == "" and row["most_likely"] != "" for row in found.values()) == 10


@pytest.mark.parametrize("cut_at", range(1, 13))
def test_a_table_cut_anywhere_loses_no_row(folder, tmp_path, monkeypatch, cut_at):
    rows = rows_of(folder / "metadata.csv")
    for number in (2, 3, 9, 10, 11):  # two of the first chunk, the last three
        (folder / rows[number]["image"]).unlink()
    monkeypatch.setattr(room, "predict", lambda loaded, samples, **_: pd.DataFrame({"probabilities": [dict.fromkeys(s.options, 1 / 6) for s in samples]}))
    whole = predict_folder(runs.EXAMPLE, folder, tmp_path / "whole.csv").table.read_bytes()
    lines = whole.splitlines(keepends=True)
    assert len(lines) == 13
    predict_folder(runs.EXAMPLE, folder, tmp_path / "cut.csv")
    (tmp_path / "cut.csv").write_bytes(b"".join(lines[: cut_at + 1]))
    assert predict_folder(runs.EXAMPLE, folder, tmp_path / "cut.csv").table.read_bytes() == whole


def test_an_adapter_is_not_put_on_other_weights(folder, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(runs.EXAMPLE, run)
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    record["model"]["hash"] = "0" * 64
    runs.write_json(run / "run.json", record)
    with pytest.raises(KitError, match="weights of tiny_omni on this machine are not those that .* was made with .* an adapter means nothing on other weights"):
        predict_folder(run, folder, tmp_path / "out.csv")
    assert not list(tmp_path.glob("out.csv*")), "nothing is written before the model is there"


def test_a_folder_without_a_table_or_labels_is_answered(folder, tmp_path):
    (folder / "metadata.csv").unlink()
    done = predict_folder(runs.EXAMPLE, folder, tmp_path / "out.csv")
    assert done.rows == 12 and done.accuracy is None and rows_of(done.table)[0]["truth"] == ""


def test_a_table_that_something_else_made_is_not_touched(folder, tmp_path):
    out = tmp_path / "out.csv"
    out.write_text("my own notes\n", encoding="utf-8")
    with pytest.raises(KitError, match="was made by another run, folder, state of its files or threshold .* name another file with --out or delete both"):
        predict_folder(runs.EXAMPLE, folder, out)
    assert out.read_text(encoding="utf-8") == "my own notes\n"
    out.unlink()
    predict_folder(runs.EXAMPLE, folder, out, threshold=0.5)
    before = out.read_bytes()
    with pytest.raises(KitError, match="another run, folder, state of its files or threshold"):
        predict_folder(runs.EXAMPLE, folder, out, threshold=0.6)
    assert out.read_bytes() == before


def test_another_ending_and_an_empty_folder_are_refused(folder, tmp_path):
    with pytest.raises(KitError, match=r"allowed: \.csv, \.jsonl"):
        predict_folder(runs.EXAMPLE, folder, tmp_path / "out.xlsx")
    with pytest.raises(KitError, match="and no image"):
        predict_folder(runs.EXAMPLE, (tmp_path / "empty").mkdir() or tmp_path / "empty", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_the_usual_threshold_is_the_one_from_which_on_95_percent_are_right():
    frame = runs.read_predictions(runs.EXAMPLE)
    frame = frame[(frame["arm"] == "tuned") & (frame["condition"] == "as_is") & (frame["split"] == "test")]
    share = frame["probabilities"].map(lambda shares: max(shares.values()))
    threshold = usual_threshold(runs.EXAMPLE)
    given = frame[share >= threshold]
    assert len(given) > 100 and (given["answer"] == given["predicted"]).mean() >= 0.95
    lower = frame[share >= threshold - 0.05]
    assert (lower["answer"] == lower["predicted"]).mean() < 0.95


def test_other_photos_under_the_same_names_are_not_answered_by_the_old_table(folder, tmp_path):
    table = predict_folder(runs.EXAMPLE, folder, tmp_path / "today.csv").table
    before = table.read_bytes()
    first, second = sorted((folder / "images").iterdir())[:2]
    first.write_bytes(second.read_bytes())
    with pytest.raises(KitError, match="state of its files"):
        predict_folder(runs.EXAMPLE, folder, table)
    assert table.read_bytes() == before


def test_a_link_to_nowhere_is_a_row_with_an_error(folder, tmp_path):
    (folder / "metadata.csv").unlink()
    (folder / "images" / "gone.jpg").symlink_to(folder / "images" / "nowhere.jpg")
    done = predict_folder(runs.EXAMPLE, folder, tmp_path / "out.csv")
    assert done.rows == 13 and done.failed == 1 and [row["error"] != "" for row in rows_of(done.table)].count(True) == 1
