"""The operator's and the administrator's pages: every command and option in them exists, both languages say the same ones, and the clerk's page has no jargon."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from poc.__main__ import app

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = ("operator", "administrator")
# of poc/later_commands.py, which another branch brings: allowed here only as long as that file is not there
LATER = set() if (ROOT / "poc" / "later_commands.py").is_file() else {"rollback"}
JARGON = ("threshold", "calibrat", "confidence", "interval", "adapter", "model", "hash", "queue", "abstain", "autonomy", "metric", "false alarm",
          "しきい値", "校正", "確信度", "区間", "アダプター", "モデル", "ハッシュ", "キュー", "保留", "自律", "指標")  # fmt: skip


def commands(page: str) -> list[list[str]]:
    """The words of each `poc` line and inline command, without its comment."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = [line.split("  #")[0] for line in re.findall(r"^    (poc .+)$", text, re.M)] + re.findall(r"`(poc [^`]+)`", text)
    return [shlex.split(one)[1:] for one in found if one != "poc"]


def of_page(page: str) -> set[tuple[str, ...]]:
    """(command, subcommand if any, its options) of each command of a page."""
    found = set()
    for words in commands(page):
        names = [word for word in words[:2] if re.fullmatch(r"[a-z]+", word)]
        found.add((" ".join(names), *sorted(word for word in words if word.startswith("--"))))
    return found


@pytest.mark.parametrize("page", [f"{page}{ending}" for page in PAGES for ending in (".md", ".ja.md")])
def test_every_command_of_a_manual_exists_with_its_options(page):
    assert commands(page)
    for name, *options in of_page(page):
        if name in LATER:
            continue
        asked = CliRunner().invoke(app, [*name.split(), "--help"], terminal_width=400)
        assert asked.exit_code == 0, f"{page} names `poc {name}`, which does not exist: {asked.output}"
        assert not [option for option in options if option not in asked.output], f"`poc {name}` of {page} has no {options}"


@pytest.mark.parametrize("page", PAGES)
def test_both_languages_name_the_same_commands_and_link_to_each_other(page):
    assert of_page(f"{page}.md") == of_page(f"{page}.ja.md")
    for name in (f"{page}.md", f"{page}.ja.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", (DOCS / name).read_text(encoding="utf-8")):
            assert (DOCS / target).is_file(), f"{name} links to {target}"


def test_a_command_that_does_not_exist_would_be_noticed():
    assert CliRunner().invoke(app, ["queue", "--help"]).exit_code == 0 and CliRunner().invoke(app, ["quue", "--help"]).exit_code != 0


@pytest.mark.parametrize("page", ["operator.md", "operator.ja.md"])
def test_the_clerks_page_is_one_page_without_jargon(page):
    text = (DOCS / page).read_text(encoding="utf-8")
    assert not [word for word in JARGON if word in text.lower()]
    assert len(text.splitlines()) <= 65


def test_what_the_pages_call_the_keys_of_poc_review_are_those_that_it_reads():
    from poc.review import BACK, OPEN, STOP, UNTOLD

    for page in ("operator.md", "operator.ja.md"):
        assert all(f"| `{key}` |" in (DOCS / page).read_text(encoding="utf-8") for key in (BACK, OPEN, STOP, UNTOLD))
