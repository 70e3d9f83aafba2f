"""One sense at a time, or all at once? Progressive alignment against direct mixing and balanced sampling at equal updates and rows; orders, terms, connectors, and the data bill.

    python -m benchmarks.alignment --floors                    # about 45 minutes on one core: benchmarks/alignment_floors.csv, the matrix of a long run from unaligned parts
    python -m benchmarks.alignment --seeds 0 1 2 [--arms ...]  # about five minutes per arm and seed on one core: benchmarks/alignment.csv and alignment_matrix.csv
    python -m benchmarks.alignment --connectors --seeds 0 1 2  # about two minutes each: benchmarks/alignment_connectors.csv
    python -m benchmarks.alignment --bill --seeds 0 1 2        # about three minutes each: benchmarks/alignment_bill.csv

What was measured is kept in benchmarks/alignment/, so that an interrupted run goes on, and several processes may share the seeds.

The base is made of parts (sample_data.recipe.parts): tiny_omni's eyes and language model as a Qwen2.5-VL with a fresh merger, tiny_omni's ears as a Whisper encoder behind a fresh connector. It answers
about pictures, films and sounds as if guessing. Its eyes, ears and language model once worked together through other connectors: what is measured is how fresh connectors, and a language model that
adapts to them, come to understand each other, not how a language model learns to see from nothing.

Rows: a general world that is drawn anew (pictures, films, speech; seeds of their own, held-out voices) and the sample company's training split; asked are held-out ones. Equal everywhere: UPDATES x BATCH
rows, rates, rank, connectors and language model trained throughout. Not equal, because it is what a stage is: each stage has a warm-up, a cosine and a fresh adapter of its own, which is merged at its end, mixing has one; and replay
gives early senses more rows (about 2,840, 1,570 and 1,340) than balanced sampling does (1,920 each). "balanced sampling, three restarts" tells the first apart. "score" is the mean of the senses' accuracies, and "of progressive" that in per cent of the progressive arm's.
Intervals resample groups, paired where arms are compared; seeds are means inside a row.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.alignment_rows import (
    CONNECTORS,
    SENSE_OF,
    WORK,
    asked,
    asked_of_company,
    asked_once,
    base,
    dictation,
    groups_of,
    sources,
)
from benchmarks.machine import write_table
from kit.data import Sample
from kit.evaluation import error_rates, transcribe
from kit.evaluation.intervals import mean_interval
from kit.models import load
from kit.show import progress
from kit.training import Stage, Staged, run_stages
from kit.training.stage_matrix import answered, stage_matrix
from poc.senses import SENSES

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "benchmarks" / "alignment"
UPDATES, BATCH = 360, 16
TRAINS = {"connector": 2e-3, "llm": 1e-3}
SHARES = {"image": {"pictures": 2.0, "inspection": 1.0, "documents": 1.0}, "audio": {"speech": 2.0, "calls": 2.0}, "video": {"films": 2.0, "line": 2.0}}
BILL = (0, 20, 40, 80, 160, 220)  # rows of the line


# ------------------------------------------------------------------------------------------------------------ arms


def _stages(order: tuple[str, ...], seed: int, replay: float = 0.3, **more) -> list[Stage]:
    shared = {"trains": TRAINS, "steps": UPDATES // len(order), "batch": BATCH, "lora": 16}
    return [
        Stage(sense, SHARES[sense], seed=10 * seed + number, replay=replay if number else 0.0, **shared, **(more if number or "retain" not in more else {})) for number, sense in enumerate(order)
    ]


def _mixed(seed: int, shares: dict[str, float]) -> list[Stage]:
    return [Stage("all", shares, TRAINS, UPDATES, BATCH, lora=16, seed=10 * seed)]


def _by_size(rows: dict[str, list[Sample]]) -> dict[str, float]:
    return {name: float(len(rows[name])) for name in SENSE_OF}


def _by_sense(rows: dict[str, list[Sample]]) -> dict[str, float]:
    return {name: share / sum(SHARES[sense].values()) for sense in SENSES for name, share in SHARES[sense].items()}


ARMS: dict[str, Callable[[int, dict], list[Stage]]] = {
    "progressive": lambda seed, rows: _stages(SENSES, seed),
    "progressive, the paper's order": lambda seed, rows: _stages(("image", "video", "audio"), seed),
    "direct mixing": lambda seed, rows: _mixed(seed, _by_size(rows)),
    "balanced sampling": lambda seed, rows: _mixed(seed, _by_sense(rows)),
    "balanced sampling, three restarts": lambda seed, rows: [replace(_mixed(seed, _by_sense(rows))[0], name=f"all-{part}", steps=UPDATES // 3, seed=10 * seed + part) for part in range(3)],
    "progressive without replay": lambda seed, rows: _stages(SENSES, seed, replay=0.0),
    "progressive, alignment loss": lambda seed, rows: _stages(SENSES, seed, contrast=0.1),
    "progressive, retention": lambda seed, rows: _stages(SENSES, seed, retain=1.0),
}


def folder_of(name: str) -> str:
    return name.replace(" ", "-").replace(",", "").replace("'", "")


def kept(name: str, make: Callable[[], dict]) -> dict:
    """What benchmarks/alignment/NAME.json holds, or `make` finds now."""
    file = KEPT / f"{name}.json"
    if not file.is_file():
        told = make()
        file.parent.mkdir(exist_ok=True)
        part = file.with_suffix(".part")
        part.write_text(json.dumps(told) + "\n", encoding="utf-8")
        part.replace(file)
    return json.loads(file.read_text(encoding="utf-8"))


def hits_of(checkpoint: Path | str, tests: dict[str, list[Sample]]) -> dict[str, list[int]]:
    return {kind: hit.astype(int).tolist() for kind, hit in answered(checkpoint, tests, "cpu").items()}


def trained(arm: str, seed: int) -> list[Staged]:
    """The stages of an arm."""
    rows = sources()
    return run_stages(str(base(seed)), ARMS[arm](seed, rows), rows, WORK / f"{folder_of(arm)}-{seed}", "cpu")


def measured(arm: str, seed: int) -> dict:
    """{"stages": {stage: {kind: hits}}, "seconds"} of an arm."""

    def make() -> dict:
        tests, began = asked(), time.process_time()
        done = trained(arm, seed)
        seconds = time.process_time() - began
        if not all(staged.check.status == "green" for staged in done):
            raise RuntimeError(f"{arm}, seed {seed}: {[staged.check.detail for staged in done]}")
        told = {"seconds": round(seconds, 1), "updates": sum(staged.updates for staged in done), "rows": UPDATES * BATCH}
        return told | {"stages": {"before": hits_of(base(seed), tests)} | {staged.stage.name: hits_of(staged.checkpoint, tests) for staged in done}}

    return kept(f"{folder_of(arm)}-{seed}", make)


# ------------------------------------------------------------------------------------------------------------ tables


def by_sense(hits: dict[str, np.ndarray], groups: dict[str, list[str]]) -> dict[str, tuple[np.ndarray, list[str]]]:
    """Sense -> (weighted hits, groups): a mean over the rows is the mean of its kinds' accuracies; "score" likewise over the senses."""
    found = {}
    for sense in SENSES:
        kinds = [kind for kind, of in SENSE_OF.items() if of == sense]
        total = sum(len(hits[kind]) for kind in kinds)
        values = np.concatenate([np.asarray(hits[kind], float) * total / len(hits[kind]) / len(kinds) for kind in kinds])
        found[sense] = (values, [f"{kind}/{group}" for kind in kinds for group in groups[kind]])
    total = sum(len(values) for values, _ in found.values())
    whole = np.concatenate([values * total / len(values) / len(found) for values, _ in found.values()])
    return found | {"score": (whole, [group for _, names in found.values() for group in names])}


def mean_hits(found: list[dict], stage: str) -> dict[str, np.ndarray]:
    """Kind -> (n,) share of the seeds in which a row was right after a stage (-1: the last)."""
    last = [one["stages"][stage if stage else list(one["stages"])[-1]] for one in found]
    return {kind: np.mean([one[kind] for one in last], axis=0) for kind in last[0]}


def write_ablation() -> None:
    """benchmarks/alignment.csv and alignment_matrix.csv, of all that is kept."""
    found = {arm: {int(file.stem.rsplit("-", 1)[1]): json.loads(file.read_text()) for file in sorted(KEPT.glob(f"{folder_of(arm)}-[0-9].json"))} for arm in ARMS}
    rows = [row_of(arm, seeds, found["progressive"]) for arm, seeds in found.items() if seeds]
    write_table(ROOT / "benchmarks" / "alignment.csv", tuple(dict.fromkeys(name for row in rows for name in row)), rows)
    if found["progressive"]:
        write_matrix("alignment_matrix", matrix_rows([*found["progressive"].values()]))


def row_of(arm: str, seeds: dict[int, dict], progressive: dict[int, dict]) -> dict:
    """One line of the table, in per cent; `progressive`: that arm's runs by seed, compared where both have one."""
    row = {"date": date.today().isoformat(), "arm": arm, "seeds": len(seeds), "updates": UPDATES, "rows": UPDATES * BATCH}
    hits, both = mean_hits([*seeds.values()], ""), [seed for seed in seeds if seed in progressive]
    groups = groups_of(hits)
    for sense, (values, names) in by_sense(hits, groups).items():
        row |= _figures(sense, values, names)
    row["score by seed"] = " ".join(f"{100 * by_sense(mean_hits([one], ''), groups)['score'][0].mean():.1f}" for one in seeds.values())
    if both:
        ours, theirs = (by_sense(mean_hits([runs[seed] for seed in both], ""), groups) for runs in (seeds, progressive))
        ratio = float(ours["score"][0].mean() / theirs["score"][0].mean())
        told = _figures("of progressive", (ours["score"][0] - ratio * theirs["score"][0]) / theirs["score"][0].mean(), ours["score"][1])  # the ratio's linear part
        row |= {name: round(100 * ratio + value, 1) for name, value in told.items()}
        for sense in ours if arm != "progressive" else ():
            row |= _figures(f"{sense} against progressive", ours[sense][0] - theirs[sense][0], ours[sense][1])
    row |= {kind: round(100 * float(hit.mean()), 1) for kind, hit in hits.items()}
    return row | {"seconds": round(float(np.mean([one["seconds"] for one in seeds.values()])))}


def matrix_rows(found: list[dict]) -> list[dict]:
    """Every stage and kind of the kept runs `found`, means of the seeds, in per cent."""
    stages = {stage: mean_hits(found, stage) for stage in found[0]["stages"]}
    rows = {kind: [Sample(str(number), "?", text="-", group=group) for number, group in enumerate(names)] for kind, names in groups_of(stages["before"]).items()}
    matrix = stage_matrix(stages, rows)
    percent = [column for column in matrix.columns if column not in ("stage", "kind", "n")]
    matrix[percent] = (100 * matrix[percent]).round(1)
    return [{"date": date.today().isoformat(), "seeds": len(found)} | {key: ("" if pd.isna(value) else value) for key, value in row.items()} for row in matrix.to_dict("records")]


def write_matrix(name: str, rows: list[dict]) -> None:
    write_table(ROOT / "benchmarks" / f"{name}.csv", tuple(dict.fromkeys(key for row in rows for key in row)), rows)


def _figures(name: str, values: np.ndarray, groups: list[str]) -> dict:
    value, low, high = mean_interval(values, groups)
    return {name: round(100 * value, 1), f"{name} low": round(100 * low, 1), f"{name} high": round(100 * high, 1)}


# ------------------------------------------------------------------------------------------------------------ a long run, connectors, the bill


FLOORS = [
    Stage("image", {"many questions": 1.0}, {"visual.merger": 3e-3}, steps=2000, batch=32),
    Stage("audio", {"speech": 0.6, "dictation": 0.4}, {"audio_connector": 3e-3, "llm": 5e-4}, steps=450, batch=32, lora=16, replay=0.15, seed=1),
    Stage("video", {"films": 0.45, "line": 0.2, "many questions": 0.35}, {"connector": 5e-4, "llm": 3e-4}, steps=450, batch=32, lora=16, replay=0.3, seed=2),
    Stage("together", {"many questions": 0.6, "films": 0.15, "speech": 0.15, "line": 0.1}, {"connector": 5e-4, "llm": 3e-4}, steps=400, batch=32, lora=16, seed=3),
]
HEARING = Stage("audio", {"speech": 0.6, "dictation": 0.4}, {"connector": 3e-3}, steps=300, batch=16)


def errors_of(checkpoint: Path | str) -> dict[str, dict]:
    """{"clean" and "noisy": `kit.evaluation.error_rates`}."""
    loaded = load(str(checkpoint), device="cpu")
    return {name: error_rates(transcribe(loaded, dictation(noisy=name == "noisy"), 24)) for name in ("clean", "noisy")}


def long_run(seed: int = 0) -> dict:
    def make() -> dict:
        rows, tests = sources(), asked()
        done = run_stages(str(base(seed)), FLOORS, rows, WORK / f"floors-{seed}", "cpu")
        places = {"before": base(seed)} | {staged.stage.name: staged.checkpoint for staged in done}
        told = {"checks": [staged.check.as_dict() for staged in done]}
        return told | {"stages": {name: hits_of(place, tests) for name, place in places.items()}, "errors": {name: errors_of(place) for name, place in places.items()}, "once": {"the end, other rows": hits_of(done[-1].checkpoint, asked_once()), "tiny_omni, other rows": hits_of("tiny_omni", asked_once())}}

    return kept(f"floors-{seed}", make)


def write_floors() -> None:
    """benchmarks/alignment_floors.csv (the matrix; "other rows": held-out ones that nobody had looked at when the schedule was made, asked of its end and of tiny_omni) and alignment_speech.csv (error rates after each stage)."""
    told = long_run()
    once = []
    for who, (kind, hits) in ((who, one) for who, kinds in told["once"].items() for one in kinds.items()):
        value, low, high = mean_interval(np.asarray(hits, float), [str(row) for row in range(len(hits))], bounds=(0.0, 1.0))
        once.append({"date": date.today().isoformat(), "seeds": 1, "stage": who, "kind": kind} | {name: round(100 * number, 1) for name, number in (("value", value), ("low", low), ("high", high))} | {"n": len(hits)})
    write_matrix("alignment_floors", [*matrix_rows([told]), *once])
    rows = [
        {"date": date.today().isoformat(), "stage": stage, "recordings": how, "measure": measure} | {key: (value if key in ("n", "length") else round(100 * value, 1)) for key, value in found.items()}
        for stage, errors in told["errors"].items()
        for how, measures in errors.items()
        for measure, found in measures.items()
    ]
    write_table(ROOT / "benchmarks" / "alignment_speech.csv", tuple(rows[0]), rows)


def hearing(kind: str, seed: int) -> dict:
    """A connector alone learns to hear, eyes and language model frozen."""

    def make() -> dict:
        tests, start, out = {"speech": asked()["speech"]}, base(seed, kind), WORK / f"hearing-{folder_of(kind)}-{seed}"
        began = time.process_time()
        (done,) = run_stages(str(start), [HEARING], sources(), out, "cpu")
        seconds = time.process_time() - began
        loaded = load(str(done.checkpoint), device="cpu")
        frames = torch.tensor([loaded.processor.feature_extractor.sampling_rate // loaded.processor.feature_extractor.hop_length])
        size = sum(weight.numel() for path, weight in loaded.model.named_parameters() if path.startswith("audio_connector."))
        told = {"seconds": round(seconds, 1), "tokens per second": int(loaded.model.audio_tokens(frames)), "parameters": size}
        return told | {"hits": hits_of(done.checkpoint, tests)["speech"], "errors": errors_of(done.checkpoint)}

    return kept(f"hearing-{folder_of(kind)}-{seed}", make)


def write_connectors() -> None:
    """benchmarks/alignment_connectors.csv."""
    rows = []
    for kind in CONNECTORS:
        found = [json.loads(file.read_text()) for file in sorted(KEPT.glob(f"hearing-{folder_of(kind)}-[0-9].json"))]
        if found:
            row = {"date": date.today().isoformat(), "connector": kind, "seeds": len(found), "updates": HEARING.steps, "tokens per second": found[0]["tokens per second"], "parameters": found[0]["parameters"]}
            hits = np.mean([one["hits"] for one in found], axis=0)
            row |= _figures("speech", hits, groups_of({"speech": hits})["speech"]) | {"n": len(hits)}
            for measure in ("wer", "cer"):
                row[f"{measure} clean"] = round(100 * float(np.mean([one["errors"]["clean"][measure]["value"] for one in found])), 1)
            rows.append(row | {"seconds": round(float(np.mean([one["seconds"] for one in found])))})
    write_table(ROOT / "benchmarks" / "alignment_connectors.csv", tuple(rows[0]), rows)


def bill(count: int, seed: int) -> dict:
    """The last stage with `count` rows of the line, from the progressive arm's second checkpoint; the same updates each time."""

    def make() -> dict:
        rows, tests, start = sources(), {"line": asked_of_company()["line"]}, WORK / f"progressive-{seed}" / "02-audio" / "checkpoint"
        if not (start.parent / "stage.json").is_file():
            trained("progressive", seed)
        order = np.random.default_rng(seed).permutation(len(rows["line"]))
        rows["line"] = [rows["line"][place] for place in order[:count]]
        shares = {"films": 2.0, "pictures": 0.5, "speech": 0.5} | ({"line": 2.0} if count else {})
        stage = Stage("video", shares, TRAINS, UPDATES // 3, BATCH, lora=16, seed=10 * seed + 2)
        (done,) = run_stages(str(start), [stage], rows, WORK / f"bill-{count}-{seed}", "cpu")
        return hits_of(done.checkpoint, tests)

    return kept(f"bill-{count}-{seed}", make)


def write_bill() -> None:
    """benchmarks/alignment_bill.csv: how well the line is understood after so many of its rows; rows that only their sound decides apart."""
    rows, line = [], asked_of_company()["line"]
    heard = np.array([row.decided_by == ("audio",) for row in line])
    for count in BILL:
        found = [json.loads(file.read_text())["line"] for file in sorted(KEPT.glob(f"bill-{count}-[0-9].json"))]
        if found:
            hits, groups = np.mean(found, axis=0), np.array([row.group for row in line])
            row = {"date": date.today().isoformat(), "rows of the line": count, "seeds": len(found)}
            for name, among in (("all", heard | True), ("seen", ~heard), ("only heard", heard)):
                row |= _figures(name, hits[among], groups[among].tolist()) | {f"{name} n": int(among.sum())}
            rows.append(row)
    write_table(ROOT / "benchmarks" / "alignment_bill.csv", tuple(rows[0]), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--floors", action="store_true", help="only the long run")
    parser.add_argument("--connectors", action="store_true", help="only the connectors")
    parser.add_argument("--bill", action="store_true", help="only the data bill")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    told = parser.parse_args()
    torch.set_num_threads(1)
    if told.floors:
        return write_floors()
    what, of, write = (hearing, CONNECTORS, write_connectors) if told.connectors else (bill, BILL, write_bill) if told.bill else (measured, told.arms, write_ablation)
    for seed in told.seeds:
        for one in progress(of, desc=f"seed {seed}"):
            what(one, seed)
    write()


if __name__ == "__main__":
    main()
