"""What several commands are given, and how they keep to themselves."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from kit.errors import KitError
from kit.language import say

Directory = Annotated[
    Path, typer.Argument(metavar="DIR", help=say("the use case's folder (it has a poc.yaml)", "ユースケースのフォルダー（poc.yaml がある場所）"))
]
RunFolder = Annotated[
    Path, typer.Argument(metavar="RUN", help=say("a run's folder, as `poc run` printed it", "`poc run` が表示した実行フォルダー"))
]


def stay_offline() -> None:
    """No library asks a hub. Must be set before transformers is imported, which reads it once."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")


def numbers(text: str, kind: Callable[[str], float], option: str, count: int = 0) -> list[float]:
    """The numbers of an option, with commas between them; [] for "".

    Args:
        kind: int or float.
        count: how many there must be; 0: any.

    Raises:
        KitError: something else, or another count.
    """
    try:
        found = [kind(part) for part in text.split(",")] if text.strip() else []
    except ValueError:
        found = None
    if found is None or any(number < 0 for number in found) or (found and count and len(found) != count):
        shape = say(f"{count} numbers" if count else "numbers", f"数値 {count} 個" if count else "数値")
        what = say("whole ", "整数の") * (kind is int)
        raise KitError(say(f"{option} takes {what}{shape} of 0 or more with commas between them, e.g. {option} 40,120; given {text!r}", f"{option} には 0 以上の{what}{shape}をカンマ区切りで指定してください（例：{option} 40,120）。指定：{text!r}"))
    return found
