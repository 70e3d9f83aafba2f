"""What every notebook must be before it is run: built from its source, small, with the same first parameters, in both languages."""

import ast
import importlib.util
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("jupytext", reason='needs notebooks: pip install "mllm-poc-kit[notebooks]"')
import nbformat  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
SPEC = importlib.util.spec_from_file_location("notebooks_build", ROOT / "notebooks" / "build.py")
build = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(build)

SOURCES = build.sources()
BUILT = [(path, language) for path in SOURCES for language in build.LANGUAGES]
FIRST = ["preset", "use_case", "model", "run"]
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


def notebook(path: Path, language: str):
    return nbformat.read(build.target(path, language), as_version=4)


def code_of(cells) -> list[str]:
    return [cell.source for cell in cells if cell.cell_type == "code"]


def parameters_of(cells) -> ast.Module:
    tagged = [cell.source for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1, f"{len(tagged)} cells are tagged parameters; papermill needs exactly one"
    return tagged[0]


each_source = pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
each_built = pytest.mark.parametrize("path, language", BUILT, ids=lambda x: x if isinstance(x, str) else x.stem)


def test_the_notebooks_of_the_main_road_so_far_are_there():
    assert {"00", "01", "02", "03", "04", "05", "06", "11", "14"} <= {path.stem[:2] for path in SOURCES}


def test_built_notebooks_equal_their_sources_and_none_is_orphaned():
    stale = [file.relative_to(ROOT).as_posix() for file in (*build.out_of_date(), *build.orphans())]
    assert not stale, f"out of date: {stale}; run `make notebooks`"


def test_the_check_of_the_builder_fails_when_a_built_notebook_was_edited(tmp_path):
    copy = tmp_path / "notebooks"
    (copy / "src").mkdir(parents=True)
    (copy / "build.py").write_bytes((ROOT / "notebooks" / "build.py").read_bytes())
    (copy / "src" / SOURCES[0].name).write_bytes(SOURCES[0].read_bytes())
    command = [sys.executable, str(copy / "build.py")]
    assert subprocess.run([*command, "--check"], capture_output=True).returncode == 1, "nothing is built yet"
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert subprocess.run([*command, "--check"], capture_output=True).returncode == 0
    edited = copy / f"{SOURCES[0].stem}.ipynb"
    edited.write_text(edited.read_text(encoding="utf-8").replace("preset", "presets", 1), encoding="utf-8")
    done = subprocess.run([*command, "--check"], capture_output=True, text=True)
    assert done.returncode == 1 and edited.name in done.stdout


def test_an_inserted_cell_leaves_the_other_ids_alone():
    ids = [cell.id for cell in notebook(SOURCES[0], "en").cells]
    assert len(set(ids)) == len(ids)
    assert [cell["id"] for cell in nbformat.reads(build.render(SOURCES[0], "en"), as_version=4).cells] == ids


@each_built
def test_notebook_carries_no_outputs_and_the_standard_kernel(path, language):
    found = notebook(path, language)
    nbformat.validate(found)
    assert found.metadata.kernelspec.name == "python3" and found.metadata.kernelspec.language == "python"
    assert not [c for c in found.cells if c.cell_type == "code" and (c.outputs or c.execution_count)]
    assert "widgets" not in found.metadata


@each_built
def test_every_code_cell_parses(path, language):
    for source in code_of(notebook(path, language).cells):
        ast.parse("\n".join(line for line in source.splitlines() if not line.startswith("%")))


@each_source
def test_both_languages_hold_the_same_code_byte_for_byte(path):
    assert code_of(notebook(path, "en").cells) == code_of(notebook(path, "ja").cells)


@each_source
def test_every_markdown_cell_is_written_in_both_languages(path):
    _, cells = build.read_source(path)
    spoken = [cell.metadata.get("lang") for cell in cells if cell.cell_type == "markdown"]
    assert spoken == ["en", "ja"] * (len(spoken) // 2), f"markdown cells must come as en, ja pairs; found {spoken}"
    kinds = [cell.cell_type for cell in cells]
    assert set(kinds) <= {"code", "markdown"}, "a `# %%` marker is malformed"


@each_source
def test_japanese_text_is_japanese_and_english_text_is_not(path):
    _, cells = build.read_source(path)
    for cell in (cell for cell in cells if cell.cell_type == "markdown"):
        enough = 0.05 if cell is cells[-1] else 0.25  # the last one lists English titles
        share = len(JAPANESE.findall(cell.source)) / len(re.sub(r"\s", "", cell.source))
        if cell.metadata["lang"] == "ja":
            assert share > enough, cell.source[:80]
        else:
            assert share < 0.02, cell.source[:80]


@each_source
def test_parameters_are_plain_lines_with_help_and_start_with_the_same_four(path):
    source = parameters_of(notebook(path, "en").cells)
    names = [node.targets[0].id for node in ast.parse(source).body]
    assert names[:4] == FIRST, names
    values = {n.targets[0].id: ast.literal_eval(n.value) for n in ast.parse(source).body}
    assert values["preset"] == "tiny" and values["model"] == values["run"] == ""
    for line in source.splitlines():
        assert re.fullmatch(r"\w+ = [^=#]+  # \S.*", line), f"not a plain `NAME = value  # help` line: {line}"


@each_source
def test_notebook_is_a_lesson_and_not_a_library(path):
    sources = code_of(notebook(path, "en").cells)
    lines = [len(source.splitlines()) for source in sources]
    defined = [n for s in sources for n in ast.walk(ast.parse(s)) if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    assert 10 <= len(sources) <= 25, f"{len(sources)} code cells"
    assert statistics.median(lines) <= 8 and max(lines) <= 25, f"lines per code cell: {lines}"
    assert len(defined) <= 2, f"{[d.name for d in defined]} belong into kit or poc"


@each_source
def test_notebook_imports_all_it_needs_in_its_first_code_cell(path):
    for source in code_of(notebook(path, "en").cells)[1:]:
        assert not [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Import | ast.ImportFrom)], source[:80]


@each_built
def test_first_cell_is_generated_and_last_cell_says_what_to_read(path, language):
    cells = notebook(path, language).cells
    head = cells[0].source
    assert head.startswith(f"# {path.stem[:2]} ") and cells[0].metadata.tags == ["generated"]
    assert build.WORDS["result"][language] in head and build.WORDS["minutes"][language] in head
    for target in re.findall(r"\]\(([^)]+\.ipynb)\)", head):
        assert (build.target(path, language).parent / target).is_file(), f"dead link {target}"
    last = cells[-1].source
    assert cells[-1].cell_type == "markdown" and "arXiv" in last and {"en": "Search words", "ja": "検索語"}[language] in last


@each_source
def test_notebook_uses_no_output_widget_and_no_display_side_effect(path):
    text = path.read_text(encoding="utf-8")
    for banned in ("widgets.Output", "interact(", "plt.show", "sys.exit", "share=True", "!pip"):
        assert banned not in text, f"{banned} in {path.name}"


def test_previous_and_next_follow_the_main_road_and_skip_what_is_not_built():
    road = [path for path in SOURCES if path.stem[:2] in build.MAIN_ROAD]
    for before, after in zip(road, road[1:]):
        assert build.neighbours(before)["next"] == after and build.neighbours(after)["previous"] == before
