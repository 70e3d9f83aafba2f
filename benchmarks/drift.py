"""A recorded month of the sample company replayed with a planted change: is it found, how late, and how often does an ordinary month alarm?

    python -m benchmarks.drift             # about fifteen processor minutes the first time, one from then on; writes benchmarks/drift.csv
    python -m benchmarks.drift --only photos

Photos, answered by the example run's tuned model; calls, answered by tiny_omni as it is. Limits are set on reference lots (callers) alone; what is replayed are other lots, and no model was trained on any of them.
A month is 400 rows, the change begins after row 200, and it counts as found when the first alarm of the month comes within the next 200 rows; an earlier alarm is a false one. Five references, each of 80 of the
reference's 160 lots (120 callers); 100 replays of each kind, twenty per reference. The charts were developed on edition 0 (names of lots decide what is drawn); on edition 1, references of 40 lots let 10 of 100 ordinary months alarm at 2.5 % and missed 14 of 100 new parts, which chose 80 lots and 1 %; edition 2 was measured once, after that.

    light         the lamps moved towards a low evening sun, by 1, 1/2, 1/4, 1/10, 1/20 of the way
    new part      about six in ten lots are a part number that did not exist before
    microphone    all calls through a duller, softer, noisier microphone
"""

import argparse
import json
import time
from collections import Counter
from dataclasses import asdict
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from kit.operations.drift import Monitor
from kit.operations.observed import Observed, together
from kit.operations.policy import Policy
from kit.operations.replay import detection, replays

ROOT = Path(__file__).resolve().parents[1]
WORK, TABLE, KEPT_REPLAYS = ROOT / "build" / "benchmarks" / "drift", ROOT / "benchmarks" / "drift.csv", ROOT / "benchmarks" / "drift"
EDITION = 2
COLUMNS = (
    *("date", "stream", "change", "strength", "rows", "reference_rows", "reference_groups", "references", "policy", "replays", "false_alarms", "found", "delay", "first_chart", "charts", "accuracy", "accuracy_ordinary"),
    *("processor_seconds", "edition"),
)  # fmt: skip
POLICY = Policy(false_alarms=0.01, periods=2000)
AT, REPLAYS, REFERENCES, KEPT = 200, 100, 5, 80
SOME = 16  # ordinary lots that come beside the 16 of the new part number
LEFT_TO_PEOPLE, CHECKED = 0.10, 0.20  # share of the reference's rows below the threshold; of the others, how many a person looks at all the same


def file_of(name: str) -> Path:
    return WORK / f"{name}-{EDITION}.npz"


def read(name: str) -> dict[str, np.ndarray]:
    """Columns of a set that `benchmarks.drift_material` made."""
    with np.load(file_of(name)) as kept:
        return dict(kept)


def observed(seen: dict[str, np.ndarray], threshold: float) -> Observed:
    """The rows as a monitor sees them; a person checks what the model leaves to people and a fifth of the rest, and corrects what is wrong."""
    confidence, wrong = seen["shares"].max(1), seen["predicted"] != seen["answer"]
    abstained = confidence < threshold
    override = np.where(abstained | (seen["checked"] < CHECKED), wrong, np.nan)
    quality = {name.removeprefix("quality "): values for name, values in seen.items() if name.startswith("quality ")}
    return Observed(seen["group"], {"confidence": confidence, "answer": seen["predicted"]}, quality, {"abstention": abstained, "override": override}, seen["features"])


def monitors(reference: Observed) -> list[Monitor]:
    """Each with the limits of its own draw of KEPT of the reference's groups."""
    names, draws = np.unique(reference.group), np.random.default_rng(0)
    return [Monitor(reference.take(np.flatnonzero(np.isin(reference.group, draws.choice(names, KEPT, replace=False)))), POLICY) for _ in range(REFERENCES)]


def rows_of(stream: str, names: tuple[str, ...], changes: list[tuple[str, float, list[str]]]) -> list[dict]:
    """One row of the table per change, the first without one.

    Args:
        names: of the sets; "reference" and "month" among them.
        changes: (name, strength, sets that the rows after the change come from).
    """
    began = time.process_time()
    sets = {name: read(f"{stream}-{name}") for name in names}
    threshold = float(np.quantile(sets["reference"]["shares"].max(1), LEFT_TO_PEOPLE))
    sets["some"] = {name: values[np.isin(sets["month"]["group"], np.unique(sets["month"]["group"])[-SOME:])] for name, values in sets["month"].items()}
    rows = {name: observed(seen, threshold) for name, seen in sets.items()}
    watching, found, kept = monitors(rows["reference"]), [], []
    right = {name: seen["predicted"] == seen["answer"] for name, seen in sets.items()}
    for change, strength, after in changes:
        changed = together([rows[name] for name in after]) if after else None
        table = replays(watching, rows["month"], changed, AT, REPLAYS, POLICY.every, seed=len(found), desc=f"{stream}: {change} {strength:g}")
        told = detection(table)
        kept.append(table.assign(change=change, strength=strength, reference=np.arange(len(table)) % REFERENCES, charts=table["charts"].map("|".join)))
        found.append({
            "date": date.today().isoformat(), "stream": stream, "change": change, "strength": strength, "rows": len(rows["month"]), "reference_rows": len(watching[0].reference), "reference_groups": len(set(watching[0].reference.group)),
            "references": REFERENCES, "policy": json.dumps(asdict(POLICY)), "replays": told["replays"], "false_alarms": shares(told["false_alarms"]), "found": shares(told["found"]), "delay": json.dumps(told["delay"] and {share: None if np.isnan(delay) else delay for share, delay in told["delay"].items()}),
            "first_chart": counted(table["chart"]), "charts": counted([chart for charts in table["charts"] for chart in charts]),
            "accuracy": round(float(np.concatenate([right[name] for name in after or ["month"]]).mean()), 3), "accuracy_ordinary": round(float(right["month"].mean()), 3),
            "processor_seconds": round(time.process_time() - began, 1), "edition": EDITION
        })  # fmt: skip
        began = time.process_time()
        print(*(f"{name}={found[-1][name]}" for name in ("stream", "change", "strength", "false_alarms", "found", "delay", "first_chart", "accuracy", "processor_seconds")), flush=True)
    KEPT_REPLAYS.mkdir(exist_ok=True)
    pd.concat(kept).to_csv(KEPT_REPLAYS / f"{stream}.csv", index=False)
    return found


def shares(told: dict | None) -> str:
    return json.dumps(told and {name: round(value, 3) for name, value in told.items()})


def counted(charts) -> str:
    return json.dumps(dict(Counter(chart for chart in charts if chart).most_common(8)))


LIGHT = (1.0, 0.5, 0.25, 0.1, 0.05)
STREAMS = {  # name -> (sets and what makes them, changes)
    "photos": (
        {"reference": ("R", 160), "month": ("M", 100), "part": ("P", 16, 0.0, True)} | {f"light-{strength:g}": ("M", 30, strength) for strength in LIGHT},
        [("none", 0.0, []), *(("light", strength, [f"light-{strength:g}"]) for strength in LIGHT), ("new part", 0.6, ["part", "some"])],
    ),
    "calls": ({"reference": ("R", 120), "month": ("M", 80), "microphone": ("M", 80, True)}, [("none", 0.0, []), ("microphone", 1.0, ["microphone"])]),
}


def main() -> None:
    """Replays all months and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("photos", "calls"), help="one stream; the table is written once both are there")
    asked = parser.parse_args()
    for stream, (sets, changes) in STREAMS.items():
        if asked.only not in (None, stream):
            continue
        if not all(file_of(f"{stream}-{name}").is_file() for name in sets):
            from benchmarks import drift_material  # a model and a generator

            drift_material.make(stream, sets)
        WORK.joinpath(f"rows-{stream}.json").write_text(json.dumps(rows_of(stream, tuple(sets), changes)), encoding="utf-8")
    pieces = [WORK / f"rows-{stream}.json" for stream in STREAMS]
    if all(piece.is_file() for piece in pieces):
        from benchmarks.machine import write_table

        write_table(TABLE, COLUMNS, [row for piece in pieces for row in json.loads(piece.read_text(encoding="utf-8"))])


if __name__ == "__main__":
    main()
