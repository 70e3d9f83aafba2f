"""The promises of the repository's own files: one set of pins, no address, no machine's path, nothing heavy, no dead link."""

import csv
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
TEXT = {".py", ".toml", ".lock", ".yml", ".yaml", ".md", ".csv", ".jsonl", ".json", ".ipynb", ".html", ".txt", ".cfg", ""}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


TOUR = ("1-guess", "2-note-lies", "3-try", "4-work", "5-decide", "6-watch")  # pictures of the demo in docs/demo, made by tests/test_demo_pictures.py

PINS = {normal(line.split("==")[0]): line.split("==")[1].split(";")[0].strip() for line in LOCK}


def tracked(*patterns: str) -> list[Path]:
    """Files that git carries; in a folder without git (an exported archive) there is nothing to check."""
    listed = subprocess.run(["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, capture_output=True, text=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def readable(paths: list[Path]) -> list[tuple[Path, str]]:
    return [(p, p.read_text(encoding="utf-8", errors="replace")) for p in paths if p.suffix in TEXT and p.stat().st_size < 5_000_000]


def requirements(extra: str = "") -> set[str]:
    lines = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    return {normal(re.split(r"[^\w.-]", line)[0]) for line in lines}


def test_the_lock_pins_everything_that_pyproject_asks_for():
    wanted = requirements().union(*(requirements(extra) for extra in PROJECT["optional-dependencies"])) - {"mllm-poc-kit"}
    assert wanted <= PINS.keys(), f"not in requirements.lock: {sorted(wanted - PINS.keys())}; type: make lock"


def test_the_lock_holds_names_and_versions_only():
    line = re.compile(r"[A-Za-z0-9._-]+(\[[\w,-]+\])?==[\w.!+]+( ; [\w '\"=<>!.*()]+)?")
    assert LOCK and all(line.fullmatch(found) for found in LOCK), [found for found in LOCK if not line.fullmatch(found)]


def test_dev_asks_for_every_other_extra():
    asked = re.search(r"mllm-poc-kit\[([\w,-]+)\]", " ".join(PROJECT["optional-dependencies"]["dev"]))[1].split(",")
    assert set(asked) | {"dev"} == PROJECT["optional-dependencies"].keys()


def test_conda_gets_the_same_pins():
    spec = importlib.util.spec_from_file_location("environment", ROOT / ".ci" / "environment.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert text == module.environment("\n".join(LOCK)), "type: make lock"
    conda = yaml.safe_load(text)["dependencies"]
    assert conda[-1]["pip"] == ["-e .[dev]", *LOCK]
    assert "python=3.11" in conda and PROJECT["requires-python"].startswith(">=3.11")


def test_the_locked_versions_are_a_tested_set():
    with (ROOT / "docs" / "tested.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    packages = [column for column in rows[0] if column in PINS]
    assert {"torch", "transformers", "peft", "bitsandbytes", "accelerate"} <= set(packages)
    tested = {row["python"] for row in rows if all(row[name] == PINS[name] for name in packages)}
    assert {"3.11", "3.12"} <= tested, f"the lock was tested on Python {sorted(tested)} only; add a row after `make test` passed with it"


def test_core_imports_need_only_the_core_dependencies():
    """Importing the rooms loads nothing that only an extra installs (a newcomer's `make poc` has the small set)."""
    modules = "gradio, papermill, jupytext, IPython, ipywidgets, openpyxl, pillow_heif, pyopenjtalk, espeakng_loader, playwright, pytest"
    code = (
        "import sys, importlib\n"
        f"for name in {[m.strip() for m in modules.split(',')]!r}: sys.modules[name] = None\n"
        "for name in ('kit.data', 'kit.models', 'kit.evaluation', 'kit.training', 'kit.show', 'poc.usecase', 'poc.pipeline', 'poc.report', "
        "'poc.gates', 'poc.doctor', 'poc.__main__'): importlib.import_module(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_no_path_of_one_machine_and_no_index_address():
    machine = re.compile(r"(^|[^A-Za-z0-9_.])/(work|tmp|root|farm|home/\w+)/")
    address = re.compile(r"index-url|find-links|registry *=|://\S*/simple")
    files = readable(tracked())
    paths = [str(p.relative_to(ROOT)) for p, text in files if machine.search(text) and p != Path(__file__).resolve()]
    assert not paths, f"a path of one machine stands in {paths}"
    pinned = [p for p, text in files if p.suffix in (".lock", ".toml", ".yml") and address.search(text)]
    assert not pinned, f"an index's address stands in {pinned}"


def test_nothing_heavy_is_committed():
    files = tracked()
    heavy = [p.name for p in files if p.stat().st_size > 250_000 and not p.is_relative_to(ROOT / "sample_data")]
    assert not heavy, f"over 250 KB outside sample_data: {heavy}"
    sizes = {folder: sum(p.stat().st_size for p in files if p.is_relative_to(ROOT / folder)) for folder in
             ("sample_data", "sample_data/tiny_omni", "sample_data/company", "sample_data/example_run")}  # fmt: skip
    limits = {"sample_data": 30e6, "sample_data/tiny_omni": 15e6, "sample_data/company": 15e6, "sample_data/example_run": 1.7e6}
    assert all(sizes[folder] <= limits[folder] for folder in limits), sizes


def test_no_test_is_switched_off():
    # spelled in pieces, or this file would find itself
    off = re.compile("mark" + r"\.skip\b|assert " + "True|pragma: no " + "cover")
    found = [p.name for p, text in readable(tracked("*.py")) if off.search(text)]
    assert not found, found


@pytest.mark.parametrize("page", ["README.md", "README.ja.md", "CONTRIBUTING.md", "docs/decisions.md"])
def test_links_inside_the_repository_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [t for t in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in t]
    dead = [t for t in targets if not ((ROOT / page).parent / t).exists()]
    assert not dead, f"{page} links to {dead}"


def test_the_two_readmes_say_the_same_commands():
    def commands(name: str) -> set[str]:
        code = re.findall(r"`([^`]+)`|^ {4,}(.+)$", (ROOT / name).read_text(encoding="utf-8"), re.M)
        return set(re.findall(r"(?:make|poc) [a-z]+\b|--[a-z-]+\w", " ".join(span or line.split("# ")[0] for span, line in code)))

    assert commands("README.md") == commands("README.ja.md")
    assert {"make poc", "make test", "poc init", "poc run", "--like"} <= commands("README.md")


@pytest.mark.parametrize("page", ["README.md", "README.ja.md"])
def test_readme_names_only_what_exists_and_leaves_no_blank(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert set(re.findall(r"`make ([a-z]+)", text)) <= targets
    blanks = re.findall(r"@@\w+@@", text)
    assert not blanks, f"figures still to be measured: {blanks}"


@pytest.mark.parametrize(("page", "language"), [("README.md", "en"), ("README.ja.md", "ja")])
def test_the_tour_of_the_readme_has_its_pictures(page, language):
    from PIL import Image

    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"^!\[([^\]]{10,})\]\(docs/demo/([^)]+)\)$", text, re.M)
    assert [file for _, file in named] == [f"{name}.{language}.jpg" for name in TOUR], "each once, in its order, with what one sees in words"
    for _, file in named:
        path = ROOT / "docs" / "demo" / file
        assert path.stat().st_size < 100_000
        with Image.open(path) as picture:
            assert picture.format == "JPEG" and picture.width == 900 and 400 <= picture.height <= 1200
            assert len(set(picture.convert("L").resize((50, 50)).getdata())) > 20, f"{file} shows nothing"


def make(*arguments: str) -> subprocess.CompletedProcess:
    # the make that started this suite must not hand its own options down
    clean = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")}
    return subprocess.run(["make", "--no-print-directory", *arguments], cwd=ROOT, env=clean, capture_output=True, text=True)


def test_make_lists_every_command_that_a_person_types():
    listed = make().stdout
    assert all(f"make {target}" in listed for target in ("poc", "test", "check", "lab", "demo", "notebooks", "lock", "clean"))


def test_an_old_python_gets_one_sentence(tmp_path):
    done = make("poc", "PYTHON=", f"VENV={tmp_path / 'venv'}")
    assert done.returncode != 0
    assert "needs Python 3.11" in done.stderr and not (tmp_path / "venv").exists()
