"""What several commands are given, and how they keep to themselves."""

import os
from pathlib import Path
from typing import Annotated

import typer

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
