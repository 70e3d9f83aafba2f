"""Runs every notebook from top to bottom as papermill would, with the holes of papermill closed.

Papermill warns where a parameter is unknown, lets a notebook without a parameters cell overwrite what was injected, waits for ever, keeps the caller's working
directory, and passes when cells were never reached. Here each of these fails.
"""

import ast
import os
import time
from pathlib import Path

import pytest

papermill = pytest.importorskip("papermill", reason='needs notebooks: pip install "mllm-poc-kit[notebooks]"')

ROOT = Path(__file__).resolve().parents[1]
ENGLISH = sorted(ROOT.glob("notebooks/[0-9][0-9]_*.ipynb"))
JAPANESE = [ROOT / "notebooks" / "ja" / "02_company_data.ipynb"]
FAST = {"preset": "tiny"}
EXAMPLE = {"run": "sample_data/example_run"}  # not the newest run that a developer happens to have
CELL_SECONDS = 600  # for one cell: stops what hangs, also on a machine that others use
CPU_SECONDS = 180  # for a notebook: 90 s on two cores, whatever else the machine is doing


def execute(path: Path, parameters: dict, out: Path, cwd: Path):
    """The executed notebook.

    Raises:
        AssertionError: it lacks a parameter, or a cell never ran.
    """
    declared = papermill.inspect_notebook(str(path))
    unknown = sorted(parameters.keys() - declared.keys())
    assert not unknown, f"{path.name} has no parameter {unknown} in a cell tagged `parameters`; it has {sorted(declared)}"
    out.parent.mkdir(parents=True, exist_ok=True)
    done = papermill.execute_notebook(
        str(path), str(out), parameters=parameters, kernel_name="python3", cwd=str(cwd), execution_timeout=CELL_SECONDS,
        start_timeout=CELL_SECONDS, progress_bar=False,
    )  # fmt: skip
    silent = [c.source[:80] for c in done.cells if c.cell_type == "code" and c.source.strip() and c.execution_count is None]
    assert not silent, f"never ran (an exit above them?): {silent}"
    return done


def said(notebook) -> str:
    """All plain text that the notebook's cells put out."""
    parts = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            parts.append(output.get("text", "") if output.output_type == "stream" else output.get("data", {}).get("text/plain", ""))
    return "\n".join(parts)


def processor_seconds() -> float:
    """Processor time of all finished child processes: the kernels and what they started."""
    times = os.times()
    return times.children_user + times.children_system


@pytest.mark.notebooks
@pytest.mark.parametrize("path", [*ENGLISH, *JAPANESE], ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_notebook_runs_from_anywhere_with_the_parameters_it_was_given(path, tmp_path, record_property):
    parameters = FAST | EXAMPLE | {"language": "ja" if path.parent.name == "ja" else "en"}
    out = ROOT / "build" / "notebooks" / path.parent.name / path.name
    began, cpu = time.perf_counter(), processor_seconds()
    done = execute(path, parameters, out, cwd=tmp_path)
    wall, cpu = time.perf_counter() - began, processor_seconds() - cpu
    record_property("seconds", round(wall, 1))
    with (ROOT / "build" / "notebooks" / "timings.csv").open("a", encoding="utf-8") as timings:
        timings.write(f"{path.parent.name}/{path.stem},{wall:.1f} s,{cpu:.1f} processor seconds\n")
    text = said(done)
    for line in ("preset = tiny", "use_case = inspection", "model = tiny_omni", "run = sample_data/example_run"):
        assert line in text, f"{path.name} did not run with what it was given: no line {line!r} in its output"
    if path.parent.name == "ja":
        assert "実行" in text, "the messages of a Japanese notebook must be Japanese"
    assert str(ROOT) not in text, "a folder of this machine is in the output"
    assert cpu < CPU_SECONDS, f"{path.name} took {cpu:.0f} processor seconds ({wall:.0f} s); a lesson is for two cores and 90 s"


def small(tmp_path: Path, *cells: tuple[str, list[str]]) -> Path:
    """A notebook of code cells (source, tags) on disk."""
    nbformat = pytest.importorskip("nbformat")
    book = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source, metadata={"tags": tags}) for source, tags in cells],
        metadata={"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}},
    )
    path = tmp_path / "small.ipynb"
    nbformat.write(book, path)
    return path


def test_an_unknown_parameter_is_an_error(tmp_path):
    path = small(tmp_path, ("presett = 'tiny'  # renamed", ["parameters"]), ("print(presett)", []))
    with pytest.raises(AssertionError, match="no parameter \\['preset'\\]"):
        execute(path, FAST, tmp_path / "out.ipynb", tmp_path)


def test_a_notebook_without_a_tagged_parameters_cell_is_an_error(tmp_path):
    path = small(tmp_path, ("preset = 'gpu'", []), ("print(preset)", []))
    with pytest.raises(AssertionError, match="no parameter"):
        execute(path, FAST, tmp_path / "out.ipynb", tmp_path)


@pytest.mark.notebooks
def test_cells_that_are_never_reached_are_an_error(tmp_path):
    path = small(tmp_path, ("preset = ''  # help", ["parameters"]), ("import sys; sys.exit(0)", []), ("print('reached')", []))
    with pytest.raises(AssertionError, match="never ran"):
        execute(path, FAST, tmp_path / "out.ipynb", tmp_path)


@pytest.mark.notebooks
def test_a_notebook_runs_in_the_directory_it_is_given(tmp_path):
    path = small(tmp_path, ("preset = ''  # help", ["parameters"]), ("import os; print(os.getcwd(), preset)", []))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert said(execute(path, FAST, tmp_path / "out.ipynb", elsewhere)).strip() == f"{os.path.realpath(elsewhere)} tiny"


def test_every_notebook_declares_the_parameters_that_tests_inject():
    for path in ENGLISH:
        declared = papermill.inspect_notebook(str(path))
        assert {"preset", "use_case", "model", "run", "language"} <= declared.keys(), path.name
        assert ast.literal_eval(declared["preset"]["default"]) == "tiny" and all(entry["help"] for entry in declared.values()), path.name
