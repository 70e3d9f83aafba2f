"""A YAML file as plain data plus the line of every key, with the traps of YAML 1.1 taken out.

`no`, `off` and `yes` stay words (an option may be called "no"), a key written twice is an error, and a full-width colon is named as what it is.
"""

import re
from pathlib import Path

import yaml

from kit.data.tables import decode
from kit.errors import KitError
from kit.language import say


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's booleans (true and false only) and whole numbers (no octal 010, no 12:30), and without dates: in an office these are words."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern) for tag, pattern in pairs if tag.rpartition(":")[2] not in ("bool", "int", "timestamp")
    ]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")
)


def read_yaml(path: Path) -> tuple[dict, dict[tuple, int]]:
    """(data, {key path: line}), lines counted from 1; list items are keyed by their index.

    Raises:
        KitError: not readable, not YAML, not a mapping, or a key twice.
    """
    text = decode(path)
    try:
        node = yaml.compose(text, Loader=_Loader)
        if not isinstance(node, yaml.MappingNode):
            raise KitError(
                say(
                    f"{path}: must hold lines of the form key: value. `poc init` writes one to start from.",
                    f"{path}: 「key: value」の形で書いてください。`poc init` がひな形を作ります。",
                )
            )
        lines = {}
        _collect(node, (), lines, path)
        return yaml.load(text, Loader=_Loader), lines  # noqa: S506 (a SafeLoader)
    except yaml.YAMLError as error:
        raise _not_yaml(path, text, error) from error


def _collect(node, key: tuple, lines: dict, path: Path):
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            lines[(*key, index)] = child.start_mark.line + 1
            _collect(child, (*key, index), lines, path)
    elif isinstance(node, yaml.MappingNode):
        for name, child in node.value:
            below = (*key, name.value)
            if below in lines:
                raise KitError(
                    say(
                        f"{path} line {name.start_mark.line + 1}: key {name.value!r} is given twice, first in line {lines[below]}. Delete one.",
                        f"{path} {name.start_mark.line + 1}行目: キー {name.value!r} が2回あります(最初は{lines[below]}行目)。片方を削除してください。",
                    )
                )
            lines[below] = name.start_mark.line + 1
            _collect(child, below, lines, path)


def _not_yaml(path: Path, text: str, error: yaml.YAMLError) -> KitError:
    mark = getattr(error, "problem_mark", None)
    number = mark.line + 1 if mark else 1
    lines = text.splitlines()
    near = [(i, lines[i - 1]) for i in (number, number - 1) if 0 < i <= len(lines)]
    wide = next((i for i, line in near if "：" in line and ":" not in line), None)
    if wide:
        return KitError(
            say(
                f"{path} line {wide}: has a full-width colon '：'. Write a plain ':' and a blank after it.",
                f"{path} {wide}行目: 全角コロン「：」があります。半角の「:」と空白に直してください。",
            )
        )
    tab = next((i for i, line in near if "\t" in line), None)
    if tab:
        return KitError(
            say(
                f"{path} line {tab}: has a tab. Indent with blanks only.",
                f"{path} {tab}行目: タブがあります。字下げは半角空白にしてください。",
            )
        )
    problem = getattr(error, "problem", None) or "not YAML"
    return KitError(
        say(
            f"{path} line {number}: cannot be read ({problem}). Check quotes, brackets and indentation there.",
            f"{path} {number}行目: 読めません({problem})。引用符、かっこ、字下げを確かめてください。",
        )
    )
