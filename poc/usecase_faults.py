"""pydantic's errors about poc.yaml as lines that a PoC lead can act on."""

import difflib
import re
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from kit.language import say

KINDS = {
    "int": ("a whole number", "整数"),
    "float": ("a number", "数値"),
    "bool": ("true or false", "true か false"),
    "string": ("text", "文字列"),
    "tuple": ("a list such as [a, b]", "[a, b] のようなリスト"),
    "list": ("a list such as [a, b]", "[a, b] のようなリスト"),
    "dict": ("lines of the form key: value below it", "その下に key: value の行"),
    "model": ("lines of the form key: value below it", "その下に key: value の行"),
}
BOUNDS = {
    "ge": ("{:g} or more", "{:g}以上"),
    "gt": ("more than {:g}", "{:g}より大きい値"),
    "le": ("{:g} or less (80 % is 0.8)", "{:g}以下(80%は0.8)"),
    "lt": ("less than {:g}", "{:g}未満"),
}


def explain(error: ValidationError, path: Path, lines: dict[tuple, int], model: type[BaseModel]) -> list[str]:
    """One line per fault: file, line, key, given, allowed, what to do."""
    told = {}
    for one in error.errors(include_url=False):
        if one["type"] == "misfits":
            for key, wrong, advice in one["ctx"]["faults"]:
                told.setdefault(key, _line(path, lines, key, wrong, advice))
            continue
        key = _keys_only(one["loc"], lines)
        told.setdefault(key, _line(path, lines, key, *_wrong_and_advice(one, key, model)))
    parents = {
        key[:end] for key in told for end in range(1, len(key))
    }  # a list whose items are wrong is not wrong once more
    order = sorted((key for key in told if key not in parents), key=lambda key: _line_of(key, lines) or 0)
    return [told[key] for key in order]


def _line(path: Path, lines: dict, key: tuple, wrong: str, advice: str) -> str:
    number = _line_of(key, lines)
    place = say(f" line {number}", f" {number}行目") if number else ""
    dotted = ".".join(str(part) for part in key)
    return f"{path}{place}: {dotted}: {wrong} -> {advice}"


def _line_of(key: tuple, lines: dict[tuple, int]) -> int | None:
    return next((lines[key[:end]] for end in range(len(key), 0, -1) if key[:end] in lines), None)


def _keys_only(loc: tuple, lines: dict) -> tuple:
    """pydantic adds the branch of a union ("bool", "[key]") to the path; keys of the file are what is wanted."""
    key = tuple(part for part in loc if part != "[key]")
    while len(key) > 1 and key not in lines and key[:-1] in lines and _is_branch(key[-1]):
        key = key[:-1]
    return key


def _is_branch(part: Any) -> bool:
    return isinstance(part, str) and (part in KINDS or part.startswith("literal["))


def _wrong_and_advice(one: dict, key: tuple, model: type[BaseModel]) -> tuple[str, str]:
    kind, given = one["type"], one.get("input")
    if kind == "extra_forbidden":
        allowed = _fields(model, key[:-1])
        return (
            say(
                f"unknown key; allowed: {', '.join(allowed)}",
                f"未知のキーです。使えるもの: {', '.join(allowed)}",
            ),
            _mean(key[-1], allowed, say("rename or delete it", "名前を直すか削除してください")),
        )
    if kind == "missing":
        return say("is missing", "がありません"), say(
            f"add a line {key[-1]}: ...", f"{key[-1]}: ... の行を加えてください"
        )
    if kind == "literal_error":
        allowed = [a or b for a, b in re.findall(r"'([^']*)'|(\b\d+\b)", one["ctx"]["expected"])]
        allowed += ["true", "false"] if key[-1] == "four_bit" else []
        return say(
            f"given {given!r}; allowed: {', '.join(allowed)}",
            f"{given!r} は使えません。使えるもの: {', '.join(allowed)}",
        ), _mean(given, allowed, say("use one of these", "このいずれかにしてください"))
    return say(
        f"given {given!r}; allowed: {_allowed(one, 'en')}",
        f"{given!r} は使えません。使えるもの: {_allowed(one, 'ja')}",
    ), say("correct the value", "値を直してください")


def _allowed(one: dict, language: str) -> str:
    kind, context = one["type"], one.get("ctx", {})
    if kind in ("too_short", "string_too_short"):
        return say("at least one", "1つ以上", language)
    if kind == "string_pattern_mismatch":
        return say(
            'a name without / \\ : * ? " < > | that does not end in a dot',
            '/ \\ : * ? " < > | を含まず、ピリオドで終わらない名前',
            language,
        )
    for name, texts in BOUNDS.items():
        if name in context:
            return say(*texts, language).format(context[name])
    return say(*KINDS.get(kind.split("_")[0], (one["msg"], one["msg"])), language)


def _mean(given: Any, allowed: list[str], otherwise: str) -> str:
    close = difflib.get_close_matches(str(given).lower(), allowed, n=1, cutoff=0.6)
    return say(f"did you mean {close[0]!r}?", f"もしかして: {close[0]!r}") if close else otherwise


def _fields(model: type[BaseModel], key: tuple) -> list[str]:
    """Names allowed at a key path of the model."""
    for part in key:
        if isinstance(part, int):  # an item of a list: the list's own annotation named its model
            continue
        annotation = model.model_fields[part].annotation
        model = next(
            (
                kind
                for kind in (annotation, *get_args(annotation))
                if isinstance(kind, type) and issubclass(kind, BaseModel)
            ),
            model,
        )
    return [field.alias or name for name, field in model.model_fields.items()]
