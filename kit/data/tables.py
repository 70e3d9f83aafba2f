"""Tables as offices make them: csv in UTF-8 or cp932, tabs or semicolons, jsonl, xlsx. Every cell comes out as text.

Not covered: .xls (save as .xlsx), several sheets (the first is read), merged cells.
"""

import csv
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kit.data.json_text import json_of
from kit.errors import KitError
from kit.language import say

ENCODINGS = ("utf-8-sig", "utf-8", "cp932")  # in this order: cp932 accepts almost any bytes, so it comes last
DELIMITERS = (",", "\t", ";")
Row = tuple[int, dict[str, str] | tuple[str, str]]  # (row number as a spreadsheet shows it, {column: cell}), or (row number, (problem, fix))


@dataclass(frozen=True)
class Table:
    """Rows of text.

    Attributes:
        path: the file.
        columns: names as written, NFKC-normalised and stripped.
        rows: (row number as a spreadsheet shows it, {column: cell}).
        bad: (row number, problem, fix) of lines that are no row at all.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict], ...]
    bad: tuple[tuple[int, str, str], ...] = ()


def normal(text: str) -> str:
    """Full-width digits and letters as plain ones (NFKC), no blanks around: "ＯＫ　" -> "OK"."""
    return unicodedata.normalize("NFKC", text).strip()


def read_table(path: Path) -> Table:
    """The table in a .csv, .tsv, .jsonl or .xlsx file.

    Raises:
        KitError: missing, undecodable, not a table, or two columns of one name.
    """
    path = Path(path)
    columns, rows = _opened(path)
    rows = list(rows)
    good = tuple((number, cells) for number, cells in rows if isinstance(cells, dict))
    if columns is None:
        columns = tuple(dict.fromkeys(name for _, cells in good for name in cells))
    return Table(path, columns, good, tuple((number, *fault) for number, fault in rows if not isinstance(fault, dict)))


def stream_table(path: Path) -> Iterator[Row]:
    """What `read_table` reads at once, row by row, in memory that does not grow: (row number, {column: cell}), or (row number, (problem, fix)) of a line that is no row.

    Raises:
        KitError: as `read_table`; what is wrong further down shows when it is reached.
    """
    yield from _opened(Path(path))[1]


def _opened(path: Path) -> tuple[tuple[str, ...] | None, Iterator[Row]]:
    """(columns, rows to come); no columns where every row names its own."""
    readers = {".csv": _csv_lines, ".tsv": _csv_lines, ".jsonl": None, ".xlsx": _xlsx_lines}
    ending = path.suffix.lower()
    if ending not in readers:
        raise KitError(
            say(
                f"{path}: cannot read {path.suffix!r} as a table; allowed: {', '.join(readers)}. Save it as one of these.",
                f"{path}: {path.suffix!r} は表として読めません。使える形式: {', '.join(readers)}。保存し直してください。",
            )
        )
    return (None, _objects(path)) if ending == ".jsonl" else _headed(path, readers[ending](path))


def decode(path: Path) -> str:
    """The text of a file in one of ENCODINGS (or UTF-16 with its mark, Excel's "Unicode text").

    Raises:
        KitError: missing, or in none of them.
    """
    with open(path, encoding=_encoding_of(path), newline="") as file:
        return file.read()


def _encoding_of(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            utf16 = file.read(2) in (b"\xff\xfe", b"\xfe\xff")
    except OSError as error:
        raise KitError(
            say(
                f"{path}: cannot be read ({error.strerror}). Check the path and its permissions.",
                f"{path}: 読めません({error.strerror})。パスと権限を確かめてください。",
            )
        ) from error
    for encoding in ("utf-16",) if utf16 else ENCODINGS:
        try:
            with open(path, encoding=encoding, newline="") as file:
                if not any("\0" in block for block in iter(lambda: file.read(2**20), "")):  # a binary file that happens to decode
                    return encoding
        except UnicodeError:
            continue
    raise KitError(
        say(
            f'{path}: not readable text; allowed: {", ".join(ENCODINGS)}. In Excel choose Save As, "CSV UTF-8 (Comma delimited)".',
            f"{path}: 文字コードを判別できません。使えるもの: {', '.join(ENCODINGS)}。Excelの「名前を付けて保存」で「CSV UTF-8 (コンマ区切り)」を選んでください。",
        )
    )


def _csv_lines(path: Path) -> Iterator[list[str]]:
    with open(path, encoding=_encoding_of(path), newline="") as file:
        header = next((line for line in file if line.strip("\r\n")), "")
        file.seek(0)
        try:
            yield from csv.reader(file, delimiter=max(DELIMITERS, key=header.count), strict=True)
        except csv.Error as error:
            raise KitError(
                say(
                    f"{path}: not a readable csv ({error}). Save it again from the spreadsheet as CSV UTF-8.",
                    f"{path}: CSVとして読めません({error})。表計算ソフトからCSV UTF-8で保存し直してください。",
                )
            ) from error


def _xlsx_lines(path: Path) -> Iterator[list[str]]:
    try:
        import openpyxl
    except ImportError as error:
        raise KitError(
            say(
                f"{path}: Excel files need one more package. Run: pip install openpyxl",
                f"{path}: Excelファイルを読むには追加パッケージが必要です。実行: pip install openpyxl",
            )
        ) from error
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        for line in book.worksheets[0].iter_rows(values_only=True):
            yield [_cell(value) for value in line]
        book.close()
    except Exception as error:  # openpyxl passes on whatever zip, xml and its own readers raise
        raise KitError(
            say(
                f"{path}: not readable as .xlsx ({type(error).__name__}). Remove its password and save it again as .xlsx.",
                f"{path}: .xlsxとして読めません({type(error).__name__})。パスワードを外し、.xlsxで保存し直してください。",
            )
        ) from error


def _headed(path: Path, lines: Iterator[list[str]]) -> tuple[tuple[str, ...], Iterator[Row]]:
    """The first line that is not empty is the header; row numbers count from 1 with the header, as a spreadsheet does."""
    numbered = ((number, line) for number, line in enumerate(lines, start=1) if any(cell.strip() for cell in line))
    columns = [normal(name) for name in next(numbered, (0, []))[1]]
    if not columns:
        raise KitError(
            say(
                f"{path}: is empty. Write a header line (file_name,answer) and one row per sample.",
                f"{path}: 空です。見出し行(file_name,answer)と、1サンプル1行のデータを書いてください。",
            )
        )
    while not columns[-1]:
        columns.pop()  # spreadsheets leave empty columns at the right
    named = tuple(name for name in columns if name)
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise KitError(
            say(
                f"{path}: column {twice[0]!r} appears twice. Rename or delete one of them.",
                f"{path}: 列 {twice[0]!r} が2つあります。片方の名前を変えるか削除してください。",
            )
        )
    return named, (_row(number, line, columns) for number, line in numbered)


def _row(number: int, line: list[str], columns: list[str]) -> Row:
    if any(cell.strip() for cell in line[len(columns) :]):
        return number, (
            say(
                f"{len(line)} cells under {len(columns)} columns",
                f"列は{len(columns)}個なのに{len(line)}個の値があります",
            ),
            say(
                "put text that contains a comma in double quotes",
                "カンマを含む文は二重引用符で囲んでください",
            ),
        )
    cells = [*line, *[""] * (len(columns) - len(line))]
    return number, {name: cell for name, cell in zip(columns, cells) if name}


def _objects(path: Path) -> Iterator[Row]:
    empty = True
    with open(path, encoding=_encoding_of(path), newline="\n") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            empty = False
            try:
                record, reason = json_of(line), ""
            except ValueError as error:
                record, reason = None, f" ({str(error)[:120]})"
            if isinstance(record, dict):
                yield number, {normal(name): _cell(value) for name, value in record.items()}
                continue
            yield number, (
                say(f"not a JSON object{reason}", f"JSONオブジェクトではありません{reason}"),
                say(
                    'write one line like {"file_name": "a.jpg", "answer": "OK"}',
                    '{"file_name": "a.jpg", "answer": "OK"} のように1行で書いてください',
                ),
            )
    if empty:
        raise KitError(
            say(
                f"{path}: is empty. Write one JSON object per line.",
                f"{path}: 空です。1行に1つのJSONオブジェクトを書いてください。",
            )
        )


def _cell(value) -> str:
    """A typed cell as the text that a person sees: 6001.0 -> "6001", None -> "", a list -> "a|b"."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (list, tuple)):
        return "|".join(_cell(one) for one in value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
