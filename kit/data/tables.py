"""Tables as offices make them: csv in UTF-8 or cp932, tabs or semicolons, jsonl, xlsx. Every cell comes out as text.

Not covered: .xls (save as .xlsx), several sheets (the first is read), merged cells.
"""

import csv
import io
import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from kit.errors import KitError
from kit.language import say

ENCODINGS = ("utf-8-sig", "utf-8", "cp932")  # in this order: cp932 accepts almost any bytes, so it comes last
DELIMITERS = (",", "\t", ";")


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
    readers = {".csv": _read_csv, ".tsv": _read_csv, ".jsonl": _read_jsonl, ".xlsx": _read_xlsx}
    if path.suffix.lower() not in readers:
        raise KitError(
            say(
                f"{path}: cannot read {path.suffix!r} as a table; allowed: {', '.join(readers)}. Save it as one of these.",
                f"{path}: {path.suffix!r} は表として読めません。使える形式: {', '.join(readers)}。保存し直してください。",
            )
        )
    table = readers[path.suffix.lower()](path)
    twice = sorted({name for name in table.columns if table.columns.count(name) > 1})
    if twice:
        raise KitError(
            say(
                f"{path}: column {twice[0]!r} appears twice. Rename or delete one of them.",
                f"{path}: 列 {twice[0]!r} が2つあります。片方の名前を変えるか削除してください。",
            )
        )
    return table


def decode(path: Path) -> str:
    """The text of a file in one of ENCODINGS (or UTF-16 with its mark, Excel's "Unicode text").

    Raises:
        KitError: missing, or in none of them.
    """
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise KitError(
            say(
                f"{path}: cannot be read ({error.strerror}). Check the path and its permissions.",
                f"{path}: 読めません({error.strerror})。パスと権限を確かめてください。",
            )
        ) from error
    utf16 = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if utf16 else ENCODINGS:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:  # a binary file that happens to decode
            return text
    raise KitError(
        say(
            f'{path}: not readable text; allowed: {", ".join(ENCODINGS)}. In Excel choose Save As, "CSV UTF-8 (Comma delimited)".',
            f"{path}: 文字コードを判別できません。使えるもの: {', '.join(ENCODINGS)}。Excelの「名前を付けて保存」で「CSV UTF-8 (コンマ区切り)」を選んでください。",
        )
    )


def _read_csv(path: Path) -> Table:
    text = decode(path)
    header = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=header.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise KitError(
            say(
                f"{path}: not a readable csv ({error}). Save it again from the spreadsheet as CSV UTF-8.",
                f"{path}: CSVとして読めません({error})。表計算ソフトからCSV UTF-8で保存し直してください。",
            )
        ) from error
    return _from_lines(path, lines)


def _read_xlsx(path: Path) -> Table:
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
        lines = [[_cell(value) for value in row] for row in book.worksheets[0].iter_rows(values_only=True)]
        book.close()
    except Exception as error:  # openpyxl passes on whatever zip, xml and its own readers raise
        raise KitError(
            say(
                f"{path}: not readable as .xlsx ({type(error).__name__}). Remove its password and save it again as .xlsx.",
                f"{path}: .xlsxとして読めません({type(error).__name__})。パスワードを外し、.xlsxで保存し直してください。",
            )
        ) from error
    return _from_lines(path, lines)


def _from_lines(path: Path, lines: list[list[str]]) -> Table:
    """The first line that is not empty is the header; row numbers count from 1 with the header, as a spreadsheet does."""
    numbered = [
        (number, line) for number, line in enumerate(lines, start=1) if any(cell.strip() for cell in line)
    ]
    if not numbered:
        raise KitError(
            say(
                f"{path}: is empty. Write a header line (file_name,answer) and one row per sample.",
                f"{path}: 空です。見出し行(file_name,answer)と、1サンプル1行のデータを書いてください。",
            )
        )
    columns = [normal(name) for name in numbered[0][1]]
    while columns and not columns[-1]:
        columns.pop()  # spreadsheets leave empty columns at the right
    rows, bad = [], []
    for number, line in numbered[1:]:
        if any(cell.strip() for cell in line[len(columns) :]):
            bad.append(
                (
                    number,
                    say(
                        f"{len(line)} cells under {len(columns)} columns",
                        f"列は{len(columns)}個なのに{len(line)}個の値があります",
                    ),
                    say(
                        "put text that contains a comma in double quotes",
                        "カンマを含む文は二重引用符で囲んでください",
                    ),
                )
            )
            continue
        cells = [*line, *[""] * (len(columns) - len(line))]
        rows.append((number, {name: cell for name, cell in zip(columns, cells) if name}))
    return Table(path, tuple(name for name in columns if name), tuple(rows), tuple(bad))


def _read_jsonl(path: Path) -> Table:
    columns, rows, bad = {}, [], []
    for number, line in enumerate(decode(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            record = error
        if not isinstance(record, dict):
            bad.append(
                (
                    number,
                    say("not a JSON object", "JSONオブジェクトではありません"),
                    say(
                        'write one line like {"file_name": "a.jpg", "answer": "OK"}',
                        '{"file_name": "a.jpg", "answer": "OK"} のように1行で書いてください',
                    ),
                )
            )
            continue
        cells = {normal(str(name)): _cell(value) for name, value in record.items()}
        columns.update(dict.fromkeys(cells))
        rows.append((number, cells))
    if not rows and not bad:
        raise KitError(
            say(
                f"{path}: is empty. Write one JSON object per line.",
                f"{path}: 空です。1行に1つのJSONオブジェクトを書いてください。",
            )
        )
    return Table(path, tuple(columns), tuple(rows), tuple(bad))


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
