"""Makes the sample company, a small manufacturer that exists only here: `python sample_data/make_company.py --out DIR`.

Everything is drawn and spoken by rules from one seed. A row is rebuilt from its id alone, so `--limit` gives the same pictures as the
whole. Whole: about ten minutes on one core.
"""

import argparse
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]  # company_maker, world; kit

from company_maker import calls, documents, inspection, lines  # noqa: E402
from company_maker.folder import HOME, build_folder, write_faults  # noqa: E402

USE_CASES = {
    "inspection": inspection,  # photo (+ the previous inspector's note) -> ok or one of five defects
    "line": lines,  # two seconds of video with sound -> normal, jam, wrong order
    "callcentre": calls,  # voice + transcript -> how the caller feels; what comes next
    "documents": documents,  # photo of a gauge + inspection sheet + spoken memo -> do they agree; which state
}


def make_company(out: Path, only: str | None = None, limit: int | None = None) -> None:
    """Build the folders of all use cases, or of one, under `out`."""
    names = [only] if only else list(USE_CASES)
    faults = []
    for name in names:
        use_case = USE_CASES[name]
        rows = use_case.plan_rows()
        build_folder(name, rows, use_case.make_row, use_case.COLUMNS, out, limit)
        faults += use_case.faults(rows)
    write_faults(faults, out, names)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HOME, help="where the four folders go")
    parser.add_argument("--only", choices=list(USE_CASES), help="one use case")
    parser.add_argument("--limit", type=int, help="this many rows per use case, spread over the plan")
    asked = parser.parse_args()
    make_company(asked.out, asked.only, asked.limit)
