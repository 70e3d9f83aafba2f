"""A folder row by row: the samples that `read_folder` reads at once, whatever its size, and a fault in the place of its row."""

import csv
import tracemalloc
from pathlib import Path

import pytest
from PIL import Image

from kit.data import Fault, Sample, read_folder, stream_folder
from kit.errors import KitError
from poc.usecase import load_usecase

COMPANY = Path(__file__).parents[1] / "sample_data" / "company"
ASKED = ("Which defect?", ("ok", "dent"), ("image",))


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (32, 32)).save(path)
    return path


def table(folder: Path, *lines: str, name: str = "metadata.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("case", ["inspection", "line", "callcentre", "documents"])
def test_samples_are_those_of_read_folder(case):
    use = load_usecase(COMPANY / case)
    known = read_folder(COMPANY / case, use, verify=False).samples
    streamed = list(stream_folder(COMPANY / case, use.question, use.options, use.decided_by, use.group_by))
    samples = {s.id: s for s in streamed if isinstance(s, Sample)}
    assert [samples[s.id] for s in known] == list(known)
    assert len(streamed) >= len(known)


def test_memory_does_not_grow_with_the_table(tmp_path):
    picture(tmp_path / "a.png")
    rows = 5_000
    with (tmp_path / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "image", "text"], *([f"r{i}", "a.png", "a note " * 20] for i in range(rows))])
    tracemalloc.start()
    count = sum(1 for _ in stream_folder(tmp_path, *ASKED))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == rows and peak < 2 * 2**20, "a list of the rows alone would take 5 MB"


def test_a_folder_per_day_is_no_class(tmp_path):
    for name in ("2026-11-24/a.png", "2026-11-25/b.png", "dent/c.png"):
        picture(tmp_path / name)
    assert [(s.id, s.answer) for s in stream_folder(tmp_path, *ASKED)] == [("2026-11-24/a.png", ""), ("2026-11-25/b.png", ""), ("dent/c.png", "dent")]


def test_a_row_that_is_none_is_a_fault_in_its_place(tmp_path):
    picture(tmp_path / "a.png")
    table(tmp_path, "image,answer", "a.png,", "gone.png,", "a.png,,too much", "a.png,rust", "a.png,ok")
    found = list(stream_folder(tmp_path, *ASKED))
    assert [isinstance(row, Fault) for row in found] == [False, True, True, True, False]
    assert [row.row for row in found if isinstance(row, Fault)] == [3, 4, 5]
    assert "'gone.png' is missing" in str(found[1]) and "3 cells under 2 columns" in str(found[2]) and "unknown option 'rust'" in str(found[3])


def test_names_that_another_hand_wrote_are_found(tmp_path):
    picture(tmp_path / "images" / "Ａ001.PNG")
    table(tmp_path, "image", "images\\a001.png")
    (sample,) = stream_folder(tmp_path, *ASKED)
    assert sample.image[0].name == "Ａ001.PNG"


def test_a_name_that_leaves_the_folder_is_refused(tmp_path):
    picture(tmp_path / "secret.png")
    table(tmp_path / "folder", "image", "../secret.png")
    (fault,) = stream_folder(tmp_path / "folder", *ASKED)
    assert "leaves the folder" in str(fault)


def test_jsonl_rows_name_their_own_columns(tmp_path):
    picture(tmp_path / "a.png")
    table(tmp_path, '{"image": "a.png"}', "nothing", '{"file_name": "a.png", "text": "seen"}', name="metadata.jsonl")
    first, fault, last = stream_folder(tmp_path, *ASKED)
    assert first.text == "" and last.text == "seen" and "not a JSON object" in str(fault)


def test_an_empty_folder_and_none_are_refused(tmp_path):
    with pytest.raises(KitError, match="holds no table with rows and no image, sound or video"):
        list(stream_folder(tmp_path, *ASKED))
    with pytest.raises(KitError, match="no such folder"):
        list(stream_folder(tmp_path / "gone", *ASKED))
