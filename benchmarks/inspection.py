"""The sample company's inspection, three seeds: with and without the note, 16-bit and 4-bit, base and tuned.

    python -m benchmarks.inspection [--seeds 0 1 2] [--threads 2]

Every arm of a seed sees the same split and the same order of rows. Work is kept under build/benchmarks/inspection, so an interrupted run goes on; the table
is benchmarks/inspection.csv. An interval of a mean over seeds resamples held-out rows, the same ones for every seed (the rows are the smaller sample; they come
from five lots, too few to resample). The split is the company's own, so seeds vary the training only.
"""

import argparse
import csv
import hashlib
import json
import sys
import time
from dataclasses import asdict
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from kit.evaluation import predict
from kit.evaluation.intervals import interval
from kit.models import CATALOGUE, load
from kit.show import progress
from kit.training import finetune, run_checks
from poc import arms
from poc.pipeline import COMPANY, GUARD, settings_of
from poc.record import weights_hash
from poc.usecase import data_hash, load_samples, load_usecase

ROOT = Path(__file__).parents[1]
WORK, TABLE = ROOT / "build" / "benchmarks" / "inspection", ROOT / "benchmarks" / "inspection.csv"
CONDITIONS, BITS = ("without note", "with note"), (16, 4)


def measure(seed: int, condition: str, bits: int) -> dict:
    """Hits of base and tuned on each held-out row and guard sample, and the colours of the run checks."""
    use = load_usecase(COMPANY / "inspection")
    company = load_samples(COMPANY / "inspection", use)
    settings, samples = settings_of(use, seed), company.samples
    # kept results belong to these weights, data and settings, and to no others
    made_of = f"{weights_hash(CATALOGUE['tiny_omni'].source)} {data_hash(samples)} {asdict(settings)} {use.training.replay}"
    folder = WORK / f"{seed}-{condition.replace(' ', '-')}-{bits}-{hashlib.sha256(made_of.encode()).hexdigest()[:12]}"
    done = folder / "hits.json"
    if done.is_file():
        return json.loads(done.read_text(encoding="utf-8"))
    if condition == "without note":
        samples = tuple(sample.without("text") for sample in samples)
    split = {name: [s for s in samples if s.split == name] for name in ("train", "validation", "test")}
    began = time.perf_counter()
    loaded = load("tiny_omni", four_bit=bits == 4)
    guard = arms.guard_samples(GUARD, loaded)
    found = {"base": hits(loaded, split["test"]), "guard_base": hits(loaded, guard)}
    tuned = finetune(loaded, arms.mixed_rows(split["train"], GUARD, use.training, seed), split["validation"], settings, folder, resume=True)
    found |= {"tuned": hits(tuned.loaded, split["test"]), "guard_tuned": hits(tuned.loaded, guard)}
    found["checks"] = {c.number: c.status for c in run_checks(tuned, "tiny_omni", settings, split["train"], split["test"], company.faults, 0, folder)}
    found["seconds"] = round(time.perf_counter() - began)
    done.write_text(json.dumps(found), encoding="utf-8")
    return found


def hits(loaded, samples: list) -> list[int]:
    """1 for each sample answered rightly, in order."""
    frame = predict(loaded, samples)
    return (frame["answer"] == frame["predicted"]).astype(int).tolist()


def mean_row(name: str, condition: str, per_seed: list[np.ndarray]) -> dict:
    """Mean over seeds of a per-row number (seeds x rows), in percent, with its interval over rows."""
    table = np.stack(per_seed) * 100.0
    draw = np.random.default_rng(0).integers(0, table.shape[1], (4000, table.shape[1]))
    spread = interval(table.mean(), table.mean(0)[draw].mean(1))
    return {
        "measure": name,
        "condition": condition,
        "mean": round(spread["value"], 2),
        "low": round(spread["low"], 2),
        "high": round(spread["high"], 2),
        "seeds": " ".join(f"{x:.1f}" for x in table.mean(1)),
        "rows": table.shape[1],
    }


def main() -> None:
    """Measures what is missing and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    jobs = [(seed, condition, bits) for seed in asked.seeds for condition in CONDITIONS for bits in BITS]
    found = {job: measure(*job) for job in progress(jobs, desc="inspection", disable=False)}
    rows = []
    for condition in CONDITIONS:
        of = {bits: [{k: np.array(v) for k, v in found[s, condition, bits].items() if isinstance(v, list)} for s in asked.seeds] for bits in BITS}
        for bits in BITS:
            rows += [mean_row(f"{arm} {bits}-bit accuracy", condition, [r[arm] for r in of[bits]]) for arm in ("base", "tuned")]
            rows.append(mean_row(f"guard drop {bits}-bit", condition, [r["guard_base"] - r["guard_tuned"] for r in of[bits]]))
        rows.append(mean_row("tuned 4-bit minus 16-bit", condition, [a["tuned"] - b["tuned"] for a, b in zip(of[4], of[16], strict=True)]))
    red = {str(job): run["checks"] for job, run in found.items() if set(run["checks"].values()) - {"green", "na"}}
    data = load_samples(COMPANY / "inspection", load_usecase(COMPANY / "inspection"), verify=False).samples
    stamp = {"date": date.today().isoformat(), "model": "tiny_omni", "threads": asked.threads, "checks": "all green" if not red else json.dumps(red)}
    stamp |= {"weights": weights_hash(CATALOGUE["tiny_omni"].source)[:12], "data": data_hash(data)[:12]}
    pd.DataFrame([row | stamp for row in rows]).to_csv(TABLE, index=False, quoting=csv.QUOTE_MINIMAL)
    sys.stdout.write(TABLE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
