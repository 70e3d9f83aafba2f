"""report.html of a run: one file that opens anywhere, in both languages, with the verdict first.

It reads only what the run folder holds, and the company's media for the pictures of wrong answers, which it keeps as thumbnails in media/ so that the report
can be written again elsewhere. Everything that comes from the company is escaped.
"""

import os
from pathlib import Path

from kit.errors import KitError
from kit.language import say
from poc import runs

TEMPLATE = "report.html.j2"


def write(run_dir: Path, language: str | None = None, folder: Path | None = None) -> Path:
    """Writes report.html into a run folder, in one move.

    Args:
        run_dir: a finished run.
        language: which language the page opens in; None: the run's.
        folder: the company's folder, for pictures; None: looked for beside the run and in the sample company.

    Raises:
        KitError: the run is not finished, or its folder cannot be written.
    """
    from poc.report.page import context, environment  # brings torch, which the pages of the demo do without

    run_dir = Path(run_dir)
    page = environment().get_template(TEMPLATE).render(context(runs.read(run_dir), run_dir, language, folder))
    path = run_dir / "report.html"
    half = path.with_suffix(".part")
    try:
        half.write_text(page, encoding="utf-8")
        os.replace(half, path)
    except OSError as error:
        raise KitError(
            say(f"cannot write {path} ({error.strerror}); free some space, then: poc report {run_dir}",
                f"{path} に書けません（{error.strerror}）。空きを作ってから: poc report {run_dir}")
        ) from error  # fmt: skip
    return path
