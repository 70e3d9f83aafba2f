"""Tables as offices make them."""

import json

import pytest

from kit.data.tables import decode, normal, read_table
from kit.errors import KitError

TEXT = "file_name,label,メモ\na.jpg,良品,問題なし\nb.jpg,傷,右上\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
def test_every_encoding_of_an_office_gives_the_same_rows(tmp_path, encoding):
    (tmp_path / "labels.csv").write_bytes(TEXT.encode(encoding))
    table = read_table(tmp_path / "labels.csv")
    assert table.columns == ("file_name", "label", "メモ")
    assert table.rows[1] == (3, {"file_name": "b.jpg", "label": "傷", "メモ": "右上"})


@pytest.mark.parametrize(
    "content", [b"\x81\xff\xff\xfe\x82 nothing decodes this", b"PK\x03\x04\0\0 an xlsx called csv"]
)
def test_an_undecodable_file_is_refused_with_the_way_out(tmp_path, content):
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(
        KitError,
        match=r'labels\.csv: not readable text; allowed: utf-8-sig, utf-8, cp932\. In Excel choose Save As, "CSV UTF-8',
    ):
        decode(tmp_path / "labels.csv")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found(tmp_path, delimiter):
    (tmp_path / "labels.csv").write_text(
        f'file_name{delimiter}text\na.jpg{delimiter}"dull, grey; old"\n', encoding="utf-8"
    )
    assert read_table(tmp_path / "labels.csv").rows == (
        (2, {"file_name": "a.jpg", "text": "dull, grey; old"}),
    )


def test_row_numbers_are_those_of_the_spreadsheet_and_empty_lines_are_skipped(tmp_path):
    (tmp_path / "labels.csv").write_bytes(b"\r\nfile_name,label,,\r\n\r\na.jpg,OK,,\r\n,,,\r\nb.jpg,NG\r\n")
    table = read_table(tmp_path / "labels.csv")
    assert table.columns == ("file_name", "label")
    assert [(number, row["label"]) for number, row in table.rows] == [(4, "OK"), (6, "NG")]


def test_a_row_with_too_many_cells_is_told_and_the_others_are_read(tmp_path):
    (tmp_path / "labels.csv").write_text("file_name,text\na.jpg,dull, grey\nb.jpg,fine\n")
    table = read_table(tmp_path / "labels.csv")
    assert (
        [row for row, *_ in table.bad] == [2]
        and "3 cells under 2 columns" in table.bad[0][1]
        and "double quotes" in table.bad[0][2]
    )
    assert [number for number, _ in table.rows] == [3]


def test_an_open_quote_does_not_swallow_the_rest_of_the_file(tmp_path):
    (tmp_path / "labels.csv").write_text('file_name,text\na.jpg,"open\nb.jpg,fine\n')
    with pytest.raises(KitError, match="not a readable csv"):
        read_table(tmp_path / "labels.csv")


def test_two_columns_of_one_name_are_refused(tmp_path):
    (tmp_path / "labels.csv").write_text("file_name,ＬＡＢＥＬ,LABEL\na.jpg,OK,NG\n", encoding="utf-8")
    with pytest.raises(KitError, match="'LABEL' appears twice"):
        read_table(tmp_path / "labels.csv")


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl"])
def test_an_empty_table_is_refused(tmp_path, name):
    (tmp_path / name).write_text("\n")
    with pytest.raises(KitError, match="is empty"):
        read_table(tmp_path / name)


def test_an_unknown_kind_of_table_is_refused(tmp_path):
    (tmp_path / "labels.xls").write_bytes(b"")
    with pytest.raises(KitError, match=r"'\.xls' as a table; allowed: \.csv, \.tsv, \.jsonl, \.xlsx"):
        read_table(tmp_path / "labels.xls")


def test_excel_cells_come_out_as_a_person_sees_them(tmp_path, need):
    need("excel")
    import openpyxl

    book = openpyxl.Workbook()
    for row in [
        ["番号", "label", "checked", "x"],
        [6001, "OK", True, None],
        [6002.5, "=1+1", False, None],
        [None] * 4,
    ]:
        book.active.append(row)
    book.save(tmp_path / "labels.xlsx")
    table = read_table(tmp_path / "labels.xlsx")
    assert table.rows[0] == (2, {"番号": "6001", "label": "OK", "checked": "true", "x": ""})
    assert table.rows[1][1]["番号"] == "6002.5" and len(table.rows) == 2


def test_a_broken_workbook_is_refused(tmp_path, need):
    need("excel")
    (tmp_path / "labels.xlsx").write_bytes(b"PK\x03\x04 not a workbook")
    with pytest.raises(KitError, match=r"not readable as \.xlsx.*Remove its password"):
        read_table(tmp_path / "labels.xlsx")


def test_jsonl_lists_and_nulls_become_cells_and_bad_lines_are_told(tmp_path):
    lines = [
        json.dumps({"image": ["a.jpg", "b.jpg"], "answer": None, "n": 3.0, "box": {"x": 1}}),
        "{oops",
        "",
        "[1]",
    ]
    (tmp_path / "metadata.jsonl").write_text("\n".join(lines))
    table = read_table(tmp_path / "metadata.jsonl")
    assert table.rows == ((1, {"image": "a.jpg|b.jpg", "answer": "", "n": "3", "box": '{"x": 1}'}),)
    assert [row for row, *_ in table.bad] == [2, 4]


def test_full_width_letters_are_plain_ones():
    assert normal("　ＯＫ１２３　") == "OK123" and normal("ﾛｯﾄ") == "ロット"


DEEP, LONG = "[" * 900 + "]" * 900, "9" * 5000


@pytest.mark.parametrize(("line", "why"), [
    (f'{{"text": {DEEP}}}', "nested more than 50 levels deep"), (f'{{"text": {"[" * 60000 + "]" * 60000}}}', "nested more than 50 levels deep"), (f'{{"text": {LONG}}}', "a number of thousands of digits"),
    ('{"text": "\\ud800", "answer": "ok"}', "half of a letter"), ('{"\\uDC00": "x"}', "half of a letter"), ('{"text": "x"', "Expecting"),
], ids=range(6))  # fmt: skip
def test_json_that_cannot_be_kept_is_a_fault_of_its_line(tmp_path, line, why):
    (tmp_path / "metadata.jsonl").write_text('{"text": "whole \\ud83d\\ude00"}\n' + line + '\n{"text": "\\\\ud800 spelled out"}\n', encoding="utf-8")
    table = read_table(tmp_path / "metadata.jsonl")
    assert [cells["text"] for _, cells in table.rows] == ["whole 😀", "\\ud800 spelled out"]
    ((row, problem, fix),) = table.bad
    assert row == 2 and "not a JSON object" in problem and why in problem and "write one line like" in fix
