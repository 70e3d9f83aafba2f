"""Builds the notebooks that readers open from the text that authors edit.

    notebooks/src/NN_name.py  ->  notebooks/NN_name.ipynb (English) and notebooks/ja/NN_name.ipynb (Japanese)

    python notebooks/build.py            write what is out of date
    python notebooks/build.py --check    write nothing; exit 1 and name what is out of date

A source is py:percent text with a YAML header (title, result, minutes, when). Every markdown cell is written twice, as a pair

    # %% [markdown] lang="en"
    # %% [markdown] lang="ja"

and each notebook takes its own half; code cells go into both, byte for byte. The first cell (title, what you will have at the end, minutes, where to go
next) is generated. Built files have no outputs and ids from the text of the cell, so inserting one leaves the others' ids alone.
"""

import hashlib
import sys
from pathlib import Path

import jupytext
import nbformat
import yaml

HERE = Path(__file__).resolve().parent
LANGUAGES = ("en", "ja")
KERNEL = {"name": "python3", "language": "python", "display_name": "Python 3 (ipykernel)"}
MAIN_ROAD = ("00", "01", "02", "03", "04", "05", "06", "11", "13", "14")  # what previous and next follow
SIDE_TRIPS = {"07": "06", "08": "06", "09": "06", "10": "06", "12": "13"}  # side trip -> the notebook that it starts from
WORDS = {
    "result": {"en": "At the end you have", "ja": "終わると手に入るもの"},
    "minutes": {"en": "Time", "ja": "所要時間"},
    "cpu": {"en": "about {} on two CPU cores (preset tiny)", "ja": "CPU 2 コアで約 {}（プリセット tiny）"},
    "gpu": {"en": "about {} on one 24 GB GPU (preset gpu; estimated, not measured)", "ja": "24 GB の GPU 1 枚で約 {}（プリセット gpu、見積もり・未計測）"},
    "minute": {"en": "{} min", "ja": "{} 分"},
    "previous": {"en": "Previous", "ja": "前へ"},
    "next": {"en": "Next", "ja": "次へ"},
    "other": {"en": "日本語版", "ja": "English"},
    "start": {
        "en": "Opened with `make lab`. If `import kit` fails, the kit is not installed in this kernel: type `make lab` in the project's folder.",
        "ja": "`make lab` で開いてください。`import kit` で止まるときは、このカーネルにキットが入っていません。プロジェクトのフォルダーで `make lab` を実行してください。",
    },
}


def read_source(path: Path) -> tuple[dict, list]:
    """(header, cells) of a source: the YAML between the first two `# ---` lines, and the py:percent cells below."""
    _, head, body = path.read_text(encoding="utf-8").split("# ---\n", 2)
    header = yaml.safe_load("".join(line.removeprefix("#").removeprefix(" ") for line in head.splitlines(keepends=True)))
    return header, jupytext.reads(body, fmt="py:percent").cells


def sources() -> list[Path]:
    """All sources, in order of their numbers."""
    return sorted((HERE / "src").glob("[0-9][0-9]_*.py"))


def neighbours(path: Path) -> dict[str, Path | None]:
    """The previous and next notebook on the main road; gaps that are not built yet are skipped."""
    built = {source.stem[:2]: source for source in sources()}
    number = path.stem[:2]
    if number in SIDE_TRIPS:
        return {"previous": built.get(SIDE_TRIPS[number]), "next": None}
    road = [built[n] for n in MAIN_ROAD if n in built]
    at = road.index(path)
    return {"previous": road[at - 1] if at else None, "next": road[at + 1] if at + 1 < len(road) else None}


def first_cell(path: Path, header: dict, language: str) -> str:
    """Title, what you will have at the end, minutes, and where to go next."""
    word = {key: texts[language] for key, texts in WORDS.items()}
    minutes = [word[where].format(word["minute"].format(header["minutes"][where])) for where in ("cpu", "gpu")]
    links = []
    for direction, other in neighbours(path).items():
        if other is not None:
            links.append(f"{word[direction]}: [{other.stem[:2]} {read_source(other)[0]['title'][language]}]({other.stem}.ipynb)")
    links.append(f"[{word['other']}]({'ja/' if language == 'en' else '../'}{path.stem}.ipynb)")
    comma = ", " if language == "en" else "、"
    return "\n\n".join(
        [
            f"# {path.stem[:2]} {header['title'][language]}",
            f"**{word['result']}**: {header['result'][language]}",
            f"**{word['minutes']}**: {comma.join(minutes)}",
            " | ".join(links),
            f"<sub>{word['start']}</sub>",
        ]
    )


def render(path: Path, language: str) -> str:
    """The text of one built notebook."""
    header, cells = read_source(path)
    kept = [nbformat.v4.new_markdown_cell(first_cell(path, header, language), metadata={"tags": ["generated"]})]
    for cell in cells:
        spoken = cell.metadata.pop("lang", None)
        if cell.cell_type != "markdown" or spoken == language:
            kept.append(cell)
    seen: dict[str, int] = {}
    for cell in kept:
        key = hashlib.sha1(cell.source.encode()).hexdigest()[:8]
        seen[key] = seen.get(key, -1) + 1
        cell.id = key if not seen[key] else f"{key}-{seen[key]}"
    notebook = nbformat.v4.new_notebook(cells=kept, metadata={"kernelspec": KERNEL, "language_info": {"name": "python"}})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def target(path: Path, language: str) -> Path:
    """Where a source's notebook of one language lies."""
    return HERE / ("" if language == "en" else language) / f"{path.stem}.ipynb"


def out_of_date() -> dict[Path, str]:
    """Every built notebook whose file differs from what its source says now, with the text that it should have."""
    due = {target(path, language): render(path, language) for path in sources() for language in LANGUAGES}
    return {file: text for file, text in due.items() if not file.is_file() or file.read_text(encoding="utf-8") != text}


def orphans() -> list[Path]:
    """Built notebooks without a source."""
    stems = {path.stem for path in sources()}
    return [file for folder in (HERE, HERE / "ja") for file in sorted(folder.glob("[0-9][0-9]_*.ipynb")) if file.stem not in stems]


def main() -> int:
    stale, check = out_of_date(), "--check" in sys.argv[1:]
    if not check:
        for file, text in stale.items():
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
    names = [file.relative_to(HERE).as_posix() for file in (*stale, *orphans())]
    if names:
        print("out of date, run `make notebooks`:" if check else "written (delete what has no source):", *names)
    return int(bool(names) and check)


if __name__ == "__main__":
    raise SystemExit(main())
