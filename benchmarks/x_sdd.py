"""Real photographs, as a newcomer types it: `poc init` on a copy of X-SDD (hot-rolled steel, 7 classes, 1,360 photos), then `poc run`.

    python -m benchmarks.x_sdd ../shared/data/x_sdd [--seeds 0 1 2]

Nothing of the photographs is committed, and nothing is configured by hand: the settings are those that `poc init` proposes. Runs are kept under
build/benchmarks/x_sdd, so an interrupted benchmark goes on; the table is benchmarks/x_sdd.csv, one row per seed and arm with the run's own intervals
(whole groups of near-duplicates are resampled) and the hashes of the weights and the data that gave them.
"""

import argparse
import json
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pandas as pd

from kit.show import progress
from poc import runs

ROOT = Path(__file__).parents[1]
WORK, TABLE = ROOT / "build" / "benchmarks" / "x_sdd", ROOT / "benchmarks" / "x_sdd.csv"
ARMS = ("majority", "cheap_model", "base", "base_examples", "tuned")
PARTS = {"": "value", "_low": "low", "_high": "high"}


def run(photos: Path, seed: int) -> Path:
    """The run folder of one seed, from two typed commands on a fresh copy of the photographs."""
    place = WORK / str(seed)
    finished = sorted(place.glob("runs/*/*/run.json"))
    if finished:
        return finished[-1].parent
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(photos, place / "x_sdd")
    for typed in (["init", "x_sdd"], ["run", "x_sdd", "--seed", str(seed)]):
        subprocess.run([sys.executable, "-m", "poc", *typed], cwd=place, check=True, stdout=sys.stderr)
    (finished,) = place.glob("runs/*/*/run.json")
    return finished.parent


def rows(folder: Path, seed: int) -> list[dict]:
    """One row per arm: accuracy and macro recall in percent with the run's intervals."""
    record = runs.read(folder)
    checks = {check["number"]: check["status"] for check in json.loads((folder / "checks.json").read_text(encoding="utf-8"))}
    shared = {
        "guard_drop": round(100 * record["guard"]["drop"]["value"], 1),
        "checks_red": " ".join(str(number) for number, status in checks.items() if status == "red"),
        "weights": record["model"]["hash"][:12],
        "data": record["data"]["hash"][:12],
        "seconds": round(sum(record["timing"].values())),
        "date": date.today().isoformat(),
    }
    table = []
    for result in record["results"]:
        if result["arm"] in ARMS and result["condition"] == "as_is":
            figures = {f"{kpi}{end}": round(100 * result[kpi][part], 1) for kpi in ("accuracy", "macro_recall") for end, part in PARTS.items()}
            table.append({"seed": seed, "arm": result["arm"], "n": result["n"]} | figures | shared)
    return table





def main() -> None:
    """Runs what is missing and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="folder with images/ and labels.csv")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    asked = parser.parse_args()
    found = [row for seed in progress(asked.seeds, desc="X-SDD", disable=False) for row in rows(run(asked.photos.resolve(), seed), seed)]
    pd.DataFrame(found).to_csv(TABLE, index=False, lineterminator="\n")
    sys.stdout.write(TABLE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
