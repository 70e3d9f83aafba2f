"""Makes sample_data/example_run: a finished run of the sample company's inspection, small enough to ship.

    python sample_data/make_example_run.py          about 15 minutes on two cores

What is left out: predictions of the arms that neither the report nor the demo nor a notebook reads again (their figures stay in run.json).
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from poc.diagnose import diagnose  # noqa: E402
from poc.pipeline import run  # noqa: E402
from poc.runs import DIAGNOSIS, write_json  # noqa: E402
from poc.signature import sign  # noqa: E402
from poc.worth import worth  # noqa: E402

KEPT = {"adapter", "report.html", "run.json", "checks.json", "findings.json", "audit.json", "predictions.csv"}
READ_AGAIN = {("base", "as_is"), ("tuned", "as_is"), ("tuned", "without_text"), ("tuned", "calibration"), ("cheap_model", "as_is")}


def write_audit(run: Path) -> None:
    """The audit without its evidence, which is long and which nobody reads again."""
    findings = json.loads((run / "audit.json").read_text(encoding="utf-8"))
    write_json(run / "audit.json", [finding | {"evidence": {}} for finding in findings])


def on_one_line(file: Path) -> None:
    """Without indents: the shipped run has little room left."""
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")), ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


def look_into(run: Path, case: Path) -> None:
    """diagnosis.json, without the questions that were asked (`poc diagnose` makes them again), and the report that tells of it."""
    with tempfile.TemporaryDirectory() as place:
        asked = Path(shutil.copytree(run, Path(place) / run.name))
        diagnose(asked, case)
        for name in (DIAGNOSIS, "report.html"):
            shutil.copy(asked / name, run / name)
    on_one_line(run / DIAGNOSIS)


def main() -> None:
    """Signs the sample company's gates, runs, and replaces the shipped run."""
    case = HERE / "company" / "inspection"
    if not (case / "gates.signed.json").exists():
        sign(case, "Example signature (sample company)")
    with tempfile.TemporaryDirectory() as place:
        made = run(case, out=Path(place), tell=lambda line: sys.stdout.write(line + "\n"))
        target = HERE / "example_run"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(made, target, ignore=lambda folder, names: {n for n in names if Path(folder) == made and n not in KEPT})
    frame = pd.read_csv(target / "predictions.csv", dtype=str, keep_default_na=False)
    kept = [pair in READ_AGAIN for pair in zip(frame["arm"], frame["condition"], strict=True)]
    frame = frame[kept].assign(probabilities=frame["probabilities"][kept].map(shorter))
    frame.to_csv(target / "predictions.csv", index=False, lineterminator="\n")
    (target / "adapter" / "README.md").unlink(missing_ok=True)
    write_audit(target)
    worth(target, case)  # roi.json, from the answers that are shipped
    look_into(target, case)
    for name in ("run.json", "roi.json"):
        on_one_line(target / name)


def shorter(probabilities: str) -> str:
    """Three decimals are enough to look at, and keep the shipped run small."""
    return json.dumps({option: round(share, 3) for option, share in json.loads(probabilities).items()}, ensure_ascii=False, separators=(",", ":"))


if __name__ == "__main__":
    main()
