"""The board's report of a run: board.html in both languages, and slides in each. Everything in it is read from the run's folder; what was not measured is told, with the command that measures it."""

import os
from pathlib import Path

from kit.errors import KitError
from kit.language import LANGUAGES, say
from poc.board.known import Known, read
from poc.board.page import render
from poc.board.slides import save

__all__ = ["Known", "read", "write"]


def write(run_dir: Path, language: str | None = None) -> list[Path]:
    """Writes board.html, board.en.pptx and board.ja.pptx into a run's folder, each in one move.

    Args:
        run_dir: a finished run.
        language: which language the page opens in; None: the run's.

    Raises:
        KitError: the run is not finished, or its folder cannot be written.
    """
    known = read(run_dir)
    files = {known.run / "board.html": lambda path: path.write_text(render(known, language), encoding="utf-8")}
    files |= {known.run / f"board.{spoken}.pptx": lambda path, spoken=spoken: save(known, spoken, path) for spoken in LANGUAGES}
    for path, make in files.items():
        half = path.with_name(path.name + ".part")
        try:
            make(half)
            os.replace(half, path)
        except OSError as error:
            raise KitError(say(f"cannot write {path} ({error.strerror}); free some space, then: poc board {run_dir}", f"{path} に書けません（{error.strerror}）。空きを作ってから: poc board {run_dir}")) from error
    return list(files)
