"""Calibration and abstention of the shipped inspection run: is it honest about its certainty, do promises hold, and does confidence notice that evidence is missing?

    python -m benchmarks.calibration            about a minute on one free core; the model's answers are kept in build/benchmarks/calibration

Rows: the company's own calibration split (3 lots) and test split (5 lots, one of them in odd light), which neither training nor early stopping saw. Test answers are those that the run shipped
(three decimals); the others are asked here. Table: benchmarks/calibration.csv, one measure a row.
"promise" rows: in how many of 200 resamples was a target kept that had been promised with confidence 0.9? In `rows`, calibration rows are drawn from the pool of both splits, with replacement, and the pool is the population that the target is
held against; in `lots`, calibration rows are four of the eight lots and the target is held against the other four; `simulated` rows come in groups of 50 on some of which everything is harder, which no sample data of eight lots could show.
"""

import argparse
import json
import sys
import tempfile
from datetime import date
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.machine import write_table
from kit.curation.looks import look_at_all
from kit.curation.usual import usual_inputs
from kit.data import Sample
from kit.evaluation import predict
from kit.evaluation.abstention import guarantee, one_per_group, outcomes, risk_coverage, withhold
from kit.evaluation.calibration import brier_and_log_loss, calibration_error, sureness, temperature, tempered
from kit.evaluation.intervals import share_interval
from poc import runs
from poc.record import weights_hash
from poc.usecase import load_samples, load_usecase

ROOT = Path(__file__).parents[1]
WORK, TABLE = ROOT / "build" / "benchmarks" / "calibration", ROOT / "benchmarks" / "calibration.csv"
COLUMNS = ("measure", "condition", "value", "low", "high", "n", "note", "date", "model")
TARGETS = ({"miss": 0.1}, {"wrong": 0.1}, {"precision": 0.9}, {"precision": 0.9, "abstention": 0.5})
CONFIDENCE, RESAMPLES, ASKED = 0.9, 200, 30


def samples_of(split: str) -> list[Sample]:
    """The labelled rows of one split of the sample company's inspection."""
    folder = runs.COMPANY / "inspection"
    return [sample for sample in load_samples(folder, load_usecase(folder), verify=False).samples if sample.split == split and sample.answer]


def asked(name: str, samples: list[Sample], loaded=None) -> pd.DataFrame:
    """The example run's answers, from the work folder where they were asked before."""
    kept = WORK / f"{weights_hash(runs.EXAMPLE / 'adapter')[:12]} {name}.json"
    if not kept.is_file():
        WORK.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(predict(loaded or runs.load_tuned(runs.EXAMPLE), samples).to_dict("records"), ensure_ascii=False), encoding="utf-8")
    return pd.DataFrame(json.loads(kept.read_text(encoding="utf-8")))


def without_evidence(samples: list[Sample], place: Path) -> dict[str, list[Sample]]:
    """The samples as they are, with a grey and with a black picture instead of the photo, and without any."""
    from PIL import Image

    found = {"as it is": samples, "no photo": [sample.without("image") for sample in samples]}
    for name, level in (("grey picture", 128), ("black picture", 0)):
        Image.new("RGB", (224, 224), (level,) * 3).save(place / f"{level}.png")
        found[name] = [sample.perturbed(name, image=(place / f"{level}.png",)) for sample in samples]
    return found


def honesty(calibration: pd.DataFrame, test: pd.DataFrame) -> tuple[list[dict], float]:
    """Error, scores and curve before and after the temperature that the calibration split gives."""
    heat = temperature(calibration)
    rows = [{"measure": "temperature", "condition": "fitted on the calibration split", "value": heat, "n": len(calibration)}]
    for condition, frame in (("as trained", test), ("after temperature", tempered(test, heat))):
        error = calibration_error(frame)
        rows.append({"measure": "ECE", "condition": condition, **error, "note": f"plug-in {error['plug_in']:.4f}; a calibrated model's would be below {error['by_chance']:.4f}"})
        rows += [{"measure": name, "condition": condition, **found, "n": len(frame)} for name, found in brier_and_log_loss(frame).items()]
        area = risk_coverage(frame)[1]
        rows.append({"measure": "AURC", "condition": condition, **area, "n": len(frame), "note": f"random {area['random']:.4f}, best {area['best']:.4f}"})
    return rows, heat


def kept_promise(targets: dict, found, later: pd.DataFrame, ok_answer: str = "ok") -> bool:
    """Whether every target holds on other rows; a promise that was not made is not broken."""
    if found.threshold is None:
        return True
    real = outcomes(later, found.threshold, ok_answer)
    return all(not real[name] < target if name == "precision" else not real[name] > target for name, target in targets.items())


def promises(pool: pd.DataFrame) -> list[dict]:
    """The 200 resamples by rows, and all ways to take four lots of eight."""
    rng, rows, lots = np.random.default_rng(0), [], sorted(set(pool["group"]))
    halves = [(pool[pool["group"].isin(some)], pool[~pool["group"].isin(some)]) for some in combinations(lots, len(lots) // 2)]
    for targets in TARGETS:
        by_rows = [(pool.iloc[rng.integers(0, len(pool), 400)], pool) for _ in range(RESAMPLES)]
        for condition, pairs in (("rows", by_rows), ("lots", halves)):
            rows.append(_counted(f"promise {json.dumps(targets)}", condition, targets, [(guarantee(part, targets, CONFIDENCE, "ok"), later) for part, later in pairs]))
    return rows


def _counted(measure: str, condition: str, targets: dict, made: list) -> dict:
    held = np.array([kept_promise(targets, found, later) for found, later in made], float)
    given = [found for found, _ in made if found.threshold is not None]
    least = CONFIDENCE - 1.645 * np.sqrt(CONFIDENCE * (1 - CONFIDENCE) / len(held))
    note = f"asked for: at least {least:.3f}; made in {len(given)} of {len(made)}, mean share answered {np.mean([found.kept for found in given]) if given else 0:.2f}"
    return {"measure": measure, "condition": condition, **share_interval(held.mean(), np.array([]) if held.all() else held[np.random.default_rng(0).integers(0, len(held), (500, len(held)))].mean(1), len(held)), "n": len(held), "note": note}


def in_groups(rng: np.random.Generator, groups: int, rows: int, spread: float) -> pd.DataFrame:
    """Yes or no at the chances that the model knows, but for groups on which everything is harder or easier (`spread`, in logits)."""
    n, group = groups * rows, np.repeat(np.arange(groups), rows)
    logit = np.abs(rng.normal(2.5, 1.5, n))
    right = rng.random(n) < 1 / (1 + np.exp(-(logit + rng.normal(0, spread, groups)[group])))
    sure = 1 / (1 + np.exp(-logit))
    return pd.DataFrame({"id": np.arange(n), "answer": np.where(right, "a", "b"), "predicted": "a", "probabilities": [{"a": p, "b": 1 - p} for p in sure], "group": [f"g{one}" for one in group]})


def simulated() -> list[dict]:
    """What rows in groups do to a promise, and two honest remedies."""
    targets, rows = {"wrong": 0.1}, []
    for spread in (0.0, 1.5):
        rng = np.random.default_rng(1)
        later = in_groups(rng, 3000, 1, spread)
        drawn = [in_groups(rng, 8, 50, spread) for _ in range(RESAMPLES)]
        arms = {"8 groups of 50 rows, as if rows were alone": [guarantee(part, targets, CONFIDENCE) for part in drawn],
                "8 groups of 50 rows, at 0.99 instead": [guarantee(part, targets, 0.99) for part in drawn],
                "8 groups of 50 rows, at 0.9999 instead": [guarantee(part, targets, 0.9999) for part in drawn],
                "one row each of 8 groups": [guarantee(one_per_group(part), targets, CONFIDENCE) for part in drawn],
                "one row each of 100 groups": [guarantee(in_groups(rng, 100, 1, spread), targets, CONFIDENCE) for _ in range(RESAMPLES)]}  # fmt: skip
        rows += [_counted(f"promise {json.dumps(targets)}, simulated, spread {spread} logits", arm, targets, [(found, later) for found in made]) for arm, made in arms.items()]
    return rows


def missing_evidence(calibration: pd.DataFrame, heat: float) -> list[dict]:
    """Confidence, accuracy and answered share with and without the deciding photo, by a threshold alone and with the input gate."""
    cooled, rows, usual_rows = tempered(calibration, heat), [], samples_of("calibration")
    promise = guarantee(cooled, {"wrong": 0.1}, CONFIDENCE)
    usual, held_out = usual_inputs(usual_rows, look_at_all(usual_rows, faces=False)), samples_of("test")
    chosen = [held_out[place] for place in np.random.default_rng(0).choice(len(held_out), ASKED, replace=False)]
    with tempfile.TemporaryDirectory() as place:
        for condition, samples in without_evidence(chosen, Path(place)).items():
            frame = tempered(asked(condition, samples, missing_evidence.loaded), heat)
            looks = look_at_all(samples, faces=False)
            told = withhold(frame, promise.threshold, {"input": np.array([bool(usual.faults(sample, looks)) for sample in samples])})
            right, alone = (frame["answer"] == frame["predicted"]), sureness(frame) >= promise.threshold
            for measure, values in (("mean confidence", sureness(frame)), ("right", right.to_numpy(float)), ("answered, threshold alone", alone.astype(float)), ("wrong answers given, threshold alone", (alone & ~right).to_numpy(float)),
                                    ("answered, with the input gate", (~told["withheld"]).to_numpy(float)), ("wrong answers given, with the input gate", (~told["withheld"] & ~right).to_numpy(float))):  # fmt: skip
                drawn = values[np.random.default_rng(0).integers(0, len(values), (1000, len(values)))].mean(1)
                rows.append({"measure": measure, "condition": condition, **share_interval(values.mean(), drawn, len(values)), "n": len(values), "note": f"threshold {promise.threshold:.4f}"})
    return rows


def main() -> None:
    """Asks what was not asked, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    missing_evidence.loaded = runs.load_tuned(runs.EXAMPLE)
    calibration, shipped = asked("calibration", samples_of("calibration"), missing_evidence.loaded), runs.read_predictions(runs.EXAMPLE)
    test = shipped[(shipped["arm"] == "tuned") & (shipped["condition"] == "as_is") & (shipped["split"] == "test")].reset_index(drop=True)
    rows, heat = honesty(calibration, test)
    rows += promises(tempered(pd.concat([calibration, test], ignore_index=True), heat)) + simulated() + missing_evidence(calibration, heat)
    stamp = {"date": date.today().isoformat(), "model": f"tiny_omni {weights_hash(runs.EXAMPLE / 'adapter')[:12]}"}
    shown = [{name: f"{value:.4g}" if isinstance(value, float) else value for name, value in (row | stamp).items() if name in COLUMNS} for row in rows]
    write_table(TABLE, COLUMNS, [{name: row.get(name, "") for name in COLUMNS} for row in shown])
    sys.stdout.write(TABLE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
