"""The rooms and the arrows between them (CONTRIBUTING.md), read from the source with ast. Nothing is imported here."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(path for room in ("kit", "poc") for path in (ROOT / room).rglob("*.py"))
KIT = [path for path in SOURCES if path.is_relative_to(ROOT / "kit")]

# A room may import itself and what stands lower; equal numbers do not see each other.
LEVEL = {
    "language": 0, "errors": 0, "processes": 1, "finding": 1, "show": 2,
    "data": 3, "models": 4, "attention": 5, "evaluation": 6, "diagnosis": 7, "training": 8,
    "speech": 9, "bridges": 9, "curation": 9, "interchange": 9, "labelling": 10, "operations": 10,
}  # fmt: skip
SHOWN = {"matplotlib", "matplotlib_fontja", "ipywidgets", "tqdm", "IPython"}
CACHE_WORDS = {"DynamicCache", "EncoderDecoderCache", "StaticCache", "get_rope_index", "cache_position", "past_key_values"}
DRAWERS = {"utils", "helpers", "common", "core", "base", "misc", "registry", "factory"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=name_of(path))


def imported(tree: ast.AST) -> set[str]:
    """Dotted names of all modules that are imported anywhere in the tree; `from kit import show` counts as kit.show."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(("." * node.level) + (node.module or ""))
            if node.module in ("kit", "poc"):
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def upward_arrows(room: str, modules: set[str]) -> list[str]:
    """Of the modules that a file of kit/`room` imports, those it must not."""
    wrong = [m for m in modules if m.split(".")[0] in ("poc", "notebooks", "sample_data", "tests") or m.startswith(".")]
    for module in modules:
        parts = module.split(".")
        if parts[0] != "kit" or len(parts) < 2 or parts[1] == room:
            continue
        if parts[1] not in LEVEL or LEVEL[parts[1]] >= LEVEL[room]:
            wrong.append(module)
    return sorted(wrong)


def room_of(path: Path) -> str:
    first = path.relative_to(ROOT / "kit").parts[0]
    return first.removesuffix(".py")


@pytest.mark.parametrize("path", [p for p in KIT if room_of(p) != "__init__"], ids=name_of)
def test_kit_imports_point_downward(path):
    wrong = upward_arrows(room_of(path), imported(tree_of(path)))
    assert not wrong, f"{name_of(path)} imports {wrong}; allowed: lower rooms of {sorted(LEVEL, key=LEVEL.get)}, by absolute import"


def test_an_upward_arrow_is_seen():
    assert upward_arrows("data", {"kit.models", "numpy"}) == ["kit.models"]
    assert upward_arrows("training", {"kit.evaluation.scoring", "poc.usecase"}) == ["poc.usecase"]
    assert upward_arrows("data", {"kit.data.sample", "kit.finding", "kit.show"}) == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_only_show_imports_what_draws(path):
    modules = {module.split(".")[0] for module in imported(tree_of(path))}
    if path.is_relative_to(ROOT / "kit" / "show"):
        top = ast.Module([n for n in tree_of(path).body if isinstance(n, ast.Import | ast.ImportFrom)], [])
        assert not SHOWN & {m.split(".")[0] for m in imported(top)}, "kit/show imports what draws inside functions: most runs draw nothing"
    else:
        assert not SHOWN & modules, f"{name_of(path)} imports {SHOWN & modules}; kit/show is the room for that"


@pytest.mark.parametrize("path", KIT, ids=name_of)
def test_only_forward_knows_the_cache_classes_of_transformers(path):
    if name_of(path) == "kit/models/forward.py":
        return
    named = {n.id for n in ast.walk(tree_of(path)) if isinstance(n, ast.Name)}
    named |= {n.attr for n in ast.walk(tree_of(path)) if isinstance(n, ast.Attribute)}
    named |= {n.arg for n in ast.walk(tree_of(path)) if isinstance(n, ast.keyword)}
    assert not CACHE_WORDS & named, f"{name_of(path)} uses {CACHE_WORDS & named}: one file, kit/models/forward.py, changes when transformers does"


@pytest.mark.parametrize("path", KIT, ids=name_of)
def test_kit_returns_and_never_prints(path):
    calls = [n.lineno for n in ast.walk(tree_of(path)) if isinstance(n, ast.Call) and getattr(n.func, "id", "") in ("print", "input")]
    assert not calls, f"{name_of(path)} prints in line {calls}: return the value, or use kit.show.progress"


def test_no_drawer_instead_of_a_room():
    drawers = [name_of(p) for p in SOURCES for part in p.relative_to(ROOT).with_suffix("").parts if re.split(r"_", part)[-1] in DRAWERS]
    assert not drawers, f"name these for what they hold: {drawers}"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_file_outgrows_300_lines(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 300, f"{name_of(path)} has {lines} lines: split it by noun"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_function_outgrows_a_page(path):
    functions = (n for n in ast.walk(tree_of(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    long = [f"{f.name} ({f.end_lineno - f.lineno + 1})" for f in functions if f.end_lineno - f.lineno + 1 > 80]
    assert not long, f"{name_of(path)}: {long}; no function over 80 lines, most under 20"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_every_module_says_what_it_is(path):
    tree = tree_of(path)
    assert not tree.body or ast.get_docstring(tree), f"{name_of(path)} has no docstring"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_remote_code_stays_off(path):
    on = [n.value.lineno for n in ast.walk(tree_of(path)) if isinstance(n, ast.keyword) and n.arg == "trust_remote_code"
          and not (isinstance(n.value, ast.Constant) and n.value.value is False)]  # fmt: skip
    assert not on, f"{name_of(path)} may run a checkpoint's own code, line {on}"
