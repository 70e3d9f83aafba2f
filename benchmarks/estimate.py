"""`poc estimate` against the run that it foretells: seconds of each stage and of the whole, on the sample company.

    python -m benchmarks.estimate             # inspection (photographs, encoders trained) and line (videos, encoders frozen); about 25 minutes; writes benchmarks/estimate.csv

Estimate and run are processes of their own, one after the other on an otherwise idle machine. Training is told not to stop early, which nobody can foresee.
"""

import argparse
import csv
import json
import shutil
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

from benchmarks.machine import processor_features, versions, write_table
from kit.show import progress

ROOT = Path(__file__).resolve().parents[1]
WORK, TABLE = ROOT / "build" / "benchmarks" / "estimate", ROOT / "benchmarks" / "estimate.csv"
CASES = ("inspection", "line")
COLUMNS = ("date", "use_case", "model", "stage", "estimated_seconds", "measured_seconds", "off", "torch", "transformers", "cpu", "threads")


def folder_of(case: str) -> Path:
    """A copy of the sample company's folder with a training that is not stopped early."""
    folder = WORK / case
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "sample_data" / "company" / case, folder)
    use = folder / "poc.yaml"
    use.write_text(use.read_text(encoding="utf-8").replace("patience: 3", "patience: 1000"), encoding="utf-8")
    return folder


def estimated(folder: Path) -> dict[str, float]:
    """Stage -> seconds."""
    from poc.estimate import estimate

    return estimate(folder).seconds


def measured(folder: Path) -> dict[str, float]:
    """Stage -> seconds, and "whole run"."""
    from poc import runs
    from poc.pipeline import run

    began = time.perf_counter()
    made = run(folder, out=WORK / "runs")
    whole = time.perf_counter() - began
    return runs.read(made)["timing"] | {"whole run": whole}


def alone(what: str, folder: Path) -> dict:
    """`estimated` or `measured` in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "benchmarks.estimate", f"--{what}", str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def rows(case: str) -> list[dict]:
    """One row per stage that the run timed, and one for the whole."""
    import torch

    folder = folder_of(case)
    foretold = alone("estimated", folder)
    found = alone("measured", folder)
    foretold["whole run"] = sum(foretold.values())
    return [
        {
            "date": date.today().isoformat(), "use_case": case, "model": "tiny_omni", "stage": stage, "estimated_seconds": round(foretold[stage], 1),
            "measured_seconds": round(seconds, 1), "off": round(foretold[stage] / seconds - 1, 3), **versions("torch", "transformers"), "cpu": processor_features(),
            "threads": torch.get_num_threads(),
        }
        for stage, seconds in found.items()
    ]  # fmt: skip


def main() -> None:
    """Measures the cases and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=CASES, choices=CASES, help="only these; their rows replace the table's")
    parser.add_argument("--estimated", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--measured", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.estimated or asked.measured:
        print(json.dumps(estimated(asked.estimated) if asked.estimated else measured(asked.measured)))
        return
    kept = [row for row in csv.DictReader(TABLE.open(encoding="utf-8")) if row["use_case"] not in asked.cases] if TABLE.is_file() else []
    for case in progress(asked.cases, desc="cases"):
        kept += rows(case)
        write_table(TABLE, COLUMNS, kept)
    for row in kept:
        print({key: row[key] for key in ("use_case", "stage", "estimated_seconds", "measured_seconds", "off")})


if __name__ == "__main__":
    main()
