"""Is what the learning curve foretells what then happens, and does active selection save labels? On the four use cases of the sample company.

    python -m benchmarks.learning_curve       # about 15 minutes on one core, --first 6000 --trials 48 as many; writes benchmarks/learning_curve.csv and benchmarks/active_selection.csv

A trial holds out a third of the rows by whole groups, takes half of the others (rows at random, or whole groups), draws the curve on that half alone, foretells the KPI after all of them,
and then reveals it: the same reader, fitted on all of them. What it came to is the threshold for which the number of labels is foretold. paths_there:
the share of the paths that need no more labels than it took, paths_ever: than MOST_TIMES times as many; an interval of any confidence holds, and has an upper end, where these say so. told_inside: whether
the two numbers held that the finding would tell ("": it would tell no upper one). The method was chosen on 159 trials with other seeds (below 2100). Features: those of the frozen tiny model beside the hand-made ones,
remembered under build/. Selection: sizes, seeds and held-out rows are the same for both.
"""

import argparse
import csv
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.machine import processor_features, versions, write_table
from kit.curation.audit import with_features
from kit.curation.folds import honest_folds
from kit.curation.how_many import curve, extrapolate, selection_gain
from kit.curation.material import Material
from kit.data import Sample
from kit.models import load
from kit.show import progress
from poc.usecase import load_samples, load_usecase

ROOT = Path(__file__).resolve().parents[1]
WORK, TABLE, SELECTION = ROOT / "build" / "benchmarks" / "learning_curve", ROOT / "benchmarks" / "learning_curve.csv", ROOT / "benchmarks" / "active_selection.csv"
CASES = ("documents", "callcentre", "line", "inspection")
KPI, SEEDS = "macro_recall", 10
COLUMNS = ("date", "trial", "use_case", "half_of", "labels_half", "labels_all", "held_out", "foretold", "low", "high", "revealed", "inside", "width", "further", "further_low",
           "further_high", "further_inside", "further_median", "told_inside", "paths_there", "paths_ever", "scikit-learn", "cpu")  # fmt: skip
GAINS = ("date", "use_case", "size", "random", "active", "gain", "low", "high", "helps", "scikit-learn", "cpu")

Data = tuple[np.ndarray, list[Sample]]


def data_of(case: str) -> Data:
    """Features (N, D) and the N labelled rows, all splits together."""
    folder = ROOT / "sample_data" / "company" / case
    samples = [sample for rows in load_samples(folder, load_usecase(folder), verify=False).by_split.values() for sample in rows if sample.answer]
    kept = WORK / f"{case}.npz"
    if not kept.is_file() or list(np.load(kept)["ids"]) != [sample.id for sample in samples]:
        found = with_features(Material(tuple(samples), {}), load("tiny_omni")).features
        WORK.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(kept, ids=np.array([sample.id for sample in samples]), features=np.stack([found[sample.id] for sample in samples]).astype(np.float32))
    return np.load(kept)["features"], samples


def halved(samples: list[Sample], trial: int, by: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of the rows that are held out, that can be learned from, and of the half of these that is known first."""
    rng, folds = np.random.default_rng(trial), honest_folds(samples, 3, seed=trial)
    pool, held = folds[rng.integers(len(folds))]
    groups = np.array([sample.group for sample in samples])[pool]
    if by == "rows":
        return held, pool, rng.permutation(pool)[: len(pool) // 2]
    names = rng.permutation(np.unique(groups))
    return held, pool, pool[np.isin(groups, names[: len(names) // 2])]


def measured(data: Data, known: np.ndarray, held: np.ndarray, sizes: list[int] | None, seeds: int):
    """The curve of the known rows; all others but the held-out ones are not in what it is given."""
    rows = np.concatenate([known, held])
    return curve(data[0][rows], [data[1][i] for i in rows], KPI, sizes, range(seeds), held=len(known) + np.arange(len(held)))


def remembered(name: str, make) -> pd.DataFrame:
    """A table under build/, made where it is not there: what is foretold from it can then be looked at again in seconds."""
    kept = WORK / f"{name}.csv"
    if not kept.is_file():
        table = make()
        WORK.mkdir(parents=True, exist_ok=True)
        table.to_csv(kept, index=False)
    return pd.read_csv(kept)


def trial_row(case: str, data: Data, trial: int, by: str, seeds: int = SEEDS) -> dict:
    """One trial: foretold from the half, then revealed; and whether the number of labels that it took lies in the interval for it."""
    held, pool, half = halved(data[1], trial, by)
    table = remembered(f"{case}_{trial}_{by}_{seeds}", lambda: measured(data, half, held, None, seeds))
    foretold = extrapolate(table, 0.8, 60.0, kpi=KPI, seed=trial).kpi_at(len(pool))
    revealed = float(remembered(f"{case}_{trial}_{by}_all", lambda: measured(data, pool, held, [len(pool)], 1))["value"].iloc[0])
    needed, took = extrapolate(table, min(revealed, 0.999), 60.0, kpi=KPI, seed=trial), len(pool) - len(half)
    (low, high), (told_low, told_high) = needed.between(0.95), needed.told()
    return {
        "trial": trial, "use_case": case, "half_of": by, "labels_half": len(half), "labels_all": len(pool), "held_out": len(held), "foretold": round(foretold["value"], 4),
        "low": round(foretold["low"], 4), "high": round(foretold["high"], 4), "revealed": round(revealed, 4), "inside": int(foretold["low"] <= revealed <= foretold["high"]),
        "width": round(foretold["high"] - foretold["low"], 4), "further": took,
        "further_low": low, "further_high": high, "further_inside": int(low <= took <= high), "further_median": needed.further,
        "told_inside": int(told_low <= took <= told_high) if 0 < told_high < np.inf else "", "paths_there": float((needed.drawn <= took).mean()), "paths_ever": needed.reached, **conditions(),
    }  # fmt: skip


def selection_rows(case: str, data: Data, seeds: int = 8) -> list[dict]:
    """Random against active selection at each size; the largest takes nearly all rows, so there the two are almost one."""
    random, active = (curve(*data, KPI, None, range(seeds), select) for select in ("random", "uncertainty"))
    gains = selection_gain(random, active).round(4).to_dict("records")
    return [{"use_case": case, **row, "helps": "yes" if row["low"] > 0 else "harms" if row["high"] < 0 else "not shown", **conditions()} for row in gains]


def others_than(trials: range) -> list[dict]:
    """The table's rows of other trials, which stay: the committed ones are 5000 to 5049 and 6000 to 6047, made apart."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if int(row["trial"]) not in trials]


def conditions() -> dict:
    return {"date": date.today().isoformat(), **versions("scikit-learn"), "cpu": processor_features()}


def main() -> None:
    """Runs the trials and the comparison, and writes both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=50, help="how many; trial i is of use case i mod 4, by rows and by groups in turn")
    parser.add_argument("--first", type=int, default=5000, help="the first trial's number, which is its seed")
    parser.add_argument("--only", choices=("trials", "selection"), help="only this table")
    asked = parser.parse_args()
    data = {case: data_of(case) for case in CASES}
    if asked.only != "selection":
        rows, others = [], others_than(range(asked.first, asked.first + asked.trials))
        for i in progress(range(asked.first, asked.first + asked.trials), desc="trials"):
            rows.append(trial_row(CASES[i % 4], data[CASES[i % 4]], i, ("rows", "groups")[i // 4 % 2]))  # each use case by rows and by groups in turn
            write_table(TABLE, COLUMNS, sorted([*others, *rows], key=lambda row: int(row["trial"])))
        print(f"KPI inside its 95 % interval: {sum(row['inside'] for row in rows)} of {len(rows)}; median width {np.median([row['width'] for row in rows]):.3f}; "
              f"mean error {np.mean([abs(row['revealed'] - row['foretold']) for row in rows]):.3f}")  # fmt: skip
        for confidence in (0.95, 0.8, 0.5):
            inside = sum((1 - confidence) / 2 <= row["paths_there"] <= (1 + confidence) / 2 for row in rows)
            print(f"number of labels, {100 * confidence:.0f} %: inside {inside} of {len(rows)}, with an upper end {sum(row['paths_ever'] >= (1 + confidence) / 2 for row in rows)}")
        told = [row["told_inside"] for row in rows if row["told_inside"] != ""]
        print(f"the two numbers that the finding tells: right in {sum(told)} of {len(told)}")
    if asked.only != "trials":
        gains = [row for case in progress(CASES, desc="selection") for row in selection_rows(case, data[case])]
        write_table(SELECTION, GAINS, gains)
        for row in gains:
            print({key: row[key] for key in ("use_case", "size", "random", "active", "gain", "low", "high", "helps")})


if __name__ == "__main__":
    main()
