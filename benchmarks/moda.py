"""Does MODA help on our data? The 2 x 2 of its parts and its rivals at equal updates, three seeds, with what each arm's own parameters became.

    python -m benchmarks.moda                            # two processes of one thread each; what a model and all took is in the table
    python -m benchmarks.moda --processes 1 --seeds 0    # on one core; an interrupted run goes on: benchmarks/moda.csv, benchmarks/moda_attention.csv

One model per arm and seed is tuned from tiny_omni on the rows of all three levels (poc.levels) of the sample company's training split, UPDATES updates of BATCH rows, the same rows in the same order in every arm.
Gates and biases learn at GATE_RATE times the adapters' rate: at the same rate they stay where they start, and the arm is the plain model.

Held-out rows (other lots, devices, callers) are the same for all, asked by option scoring. Perception is taken apart, because a note that is mostly right answers most questions about a photo: the same
PHOTOGRAPHS alone, beside a right note, beside a wrong one; gauges apart. "text only" is the plain arm's models asked without any medium, "majority" the most frequent training answer of each question.
Intervals resample groups (rows, where groups are few), paired where arms are compared ("against plain"); seeds are averaged, not resampled, so that "by seed" stands beside them.

Attention is observed on LOOKED_AT held-out rows with a note, drawn evenly over all lots, before ("before": the model that all arms start from) and after, by row, and paired against plain.
What each model answered is kept in benchmarks/moda/ARM-SEED.json; the table says how many seeds there are so far.
"""

import argparse
import json
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import date
from pathlib import Path

import numpy as np
import torch

from benchmarks.machine import write_table
from kit.attention import Biased, Moda, Unmasked, attention_balance, switch_on
from kit.data import MEDIA, Sample
from kit.evaluation import majority, predict
from kit.evaluation.intervals import mean_interval
from kit.models import Loaded, load
from kit.show import progress
from kit.training import Settings, finetune
from poc.arms import guard_samples
from poc.levels import LEVELS, gauges, in_three_ways, level_rows, over_groups
from poc.pipeline import COMPANY, GUARD

ROOT = Path(__file__).parents[1]
WORK, KEPT = ROOT / "build" / "benchmarks" / "moda", ROOT / "benchmarks" / "moda"
UPDATES, BATCH, GATE_RATE, PHOTOGRAPHS, ROWS, GUARD_ROWS, LOOKED_AT = 160, 16, 25.0, 150, 240, 80, 100
ARMS = {
    "plain": None,
    "mask": Moda(align=False),
    "align": Moda(mask=None),
    "mask and align": Moda(),
    "mask and align, fixed": Moda(mask="fixed"),
    "mma": Unmasked(),
    "rave": Biased(),
}
TRAINED = {"perception": 600, "cognition": 700, "emotion": 160}  # rows at most; a level with few questions is not drowned
PARTS = ("photo alone", "note right", "note wrong", "gauges", "cognition", "emotion", "guard")
TEXT_ONLY, MAJORITY = "text only", "majority"


def settings_of(seed: int) -> Settings:
    return Settings(lora=("llm",), rank=16, steps=UPDATES, batch=BATCH, learning_rate=2e-3, gate_rate=GATE_RATE, seed=seed, evaluate_every=UPDATES)


def taught(seed: int) -> list[Sample]:
    return [row for level in LEVELS for row in level_rows(COMPANY, level, "train", TRAINED[level], seed)]


def asked_rows() -> dict[str, list[Sample]]:
    """Held-out rows of each part but the guard."""
    return in_three_ways(COMPANY, "test", PHOTOGRAPHS) | {"gauges": gauges(COMPANY, "test")} | {level: level_rows(COMPANY, level, "test", ROWS) for level in ("cognition", "emotion")}


def trained(arm: str, seed: int) -> tuple[Loaded, float]:
    """The model of an arm, and the processor seconds of its update."""
    loaded = load("tiny_omni", device="cpu")
    if ARMS[arm] is not None:
        switch_on(loaded.model, ARMS[arm])
    validation = [row for level in LEVELS for row in level_rows(COMPANY, level, "validation", 10, seed)]
    began = time.process_time()
    tuned = finetune(loaded, taught(seed), validation, settings_of(seed), WORK / f"{folder(arm)}-{seed}")
    return tuned.loaded, (time.process_time() - began) / UPDATES


def measured(arm: str, seed: int) -> None:
    """Trains and asks one model, unless that was done before."""
    file = KEPT / f"{folder(arm)}-{seed}.json"
    if file.is_file():
        return
    began = time.process_time()
    loaded, seconds = trained(arm, seed)
    rows, guard = asked_rows(), guard_samples(GUARD, loaded)
    rows["guard"] = guard[:: max(1, len(guard) // GUARD_ROWS)]
    told = {part: answers(loaded, rows[part]) for part in PARTS} | {"attention": attention_of(loaded), "learned": learned(loaded.model)}
    if arm == "plain":
        told[TEXT_ONLY] = {part: answers(loaded, [without_media(row) for row in rows[part]]) for part in PARTS}
    told |= {"seconds": round(seconds, 3), "minutes in all": round((time.process_time() - began) / 60, 2)}
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(told) + "\n", encoding="utf-8")


def without_media(row: Sample) -> Sample:
    for medium in MEDIA:
        row = row.without(medium)
    return row


def learned(model) -> dict:
    """What became of an arm's own numbers: gates as they are used (0 to 1) and as they are, decays, biases; and the mean size of the aligner's matrices."""
    found: dict[str, list[torch.Tensor]] = {}
    for path, weight in model.named_parameters():
        if ".modules_to_save." in path:
            found.setdefault(path.rsplit(".", 1)[-1], []).append(weight.detach().flatten())
    flat = {name: torch.cat(parts) for name, parts in found.items()}
    told = {name: [round(float(value), 4) for value in flat[name]] for name in ("gate", "log_beta", "bias") if name in flat}
    return told | ({"mean |W|": round(float(flat["align"].abs().mean()), 5)} if "align" in flat else {})


def attention_of(loaded: Loaded) -> dict:
    """Per row and layer, first token and template left out: attention per text token over that per media token, and the deficit."""
    rows = over_groups([row for row in level_rows(COMPANY, "perception", "test") if row.text], LOOKED_AT)
    balances = attention_balance(loaded, rows).balances
    return {"mdi": [np.round(one.mdi(), 4).tolist() for one in balances], "deficit": [np.round(one.deficit(), 4).tolist() for one in balances], "group": [row.group for row in rows]}


def answers(loaded: Loaded, rows: list[Sample]) -> dict:
    """Right or wrong of each row, the probability of the right answer, and its group."""
    frame = predict(loaded, rows)
    return hits(frame, rows) | {"right": [round(float(told[answer]), 4) for told, answer in zip(frame["probabilities"], frame["answer"], strict=True)]}


def hits(frame, rows: list[Sample]) -> dict:
    return {"hit": (frame["predicted"] == frame["answer"]).astype(int).tolist(), "group": [row.group for row in rows]}


def kept(arm: str) -> dict[int, dict]:
    """Seed -> what that model answered."""
    if arm == TEXT_ONLY:
        return {seed: one[TEXT_ONLY] for seed, one in kept("plain").items()}
    files = {int(file.stem.rsplit("-", 1)[1]): file for file in KEPT.glob(f"{folder(arm)}-[0-9]*.json")}
    return {seed: json.loads(files[seed].read_text(encoding="utf-8")) for seed in sorted(files)}


def folder(arm: str) -> str:
    return arm.replace(" ", "-").replace(",", "")


def mean_hits(found: list[dict], part: str) -> np.ndarray:
    """(rows,) share of the seeds in which a row was right."""
    return np.mean([one[part]["hit"] for one in found], axis=0)


def row_of(arm: str, by_seed: dict[int, dict], plain: dict[int, dict]) -> dict:
    """One line of the table, in per cent; `plain`: the control's answers, compared where both have a seed."""
    found, both = [*by_seed.values()], [seed for seed in by_seed if seed in plain]
    row = {"date": date.today().isoformat(), "arm": arm, "seeds": len(found), "updates": UPDATES}
    for part in [part for part in PARTS if part in found[0]]:
        groups = found[0][part]["group"]
        row |= dict(zip((part, f"{part} low", f"{part} high"), map(_per_cent, mean_interval(mean_hits(found, part), groups)), strict=True)) | {f"{part} rows": len(groups)}
        row[f"{part} by seed"] = " ".join(f"{100 * np.mean(one[part]['hit']):.1f}" for one in found)
        if arm not in ("plain", MAJORITY) and both:
            gains = [np.array(by_seed[seed][part]["hit"]) - np.array(plain[seed][part]["hit"]) for seed in both]
            names = (f"{part} against plain", f"{part} against plain low", f"{part} against plain high")
            row |= dict(zip(names, map(_per_cent, mean_interval(np.mean(gains, axis=0), groups)), strict=True)) | {f"{part} against plain by seed": " ".join(f"{100 * gain.mean():+.1f}" for gain in gains)}
    row |= _own_numbers([one.get("learned", {}) for one in found])
    if all("seconds" in one for one in found):
        row |= {"processor seconds per update": round(float(np.mean([one["seconds"] for one in found])), 2), "processor minutes in all": round(sum(one["minutes in all"] for one in found), 1)}
    return row


def _own_numbers(learned: list[dict]) -> dict:
    """Of all seeds: the largest and the mean gate, as it is used; the largest bias; the mean |W|."""
    gates, biases = ([value for one in learned for value in one.get(name, [])] for name in ("gate", "bias"))
    row = {"largest gate": round(max(np.clip(gates, 0, 1)), 3), "mean gate": round(float(np.clip(gates, 0, 1).mean()), 3)} if gates else {}
    row |= {"largest bias": round(max(np.abs(biases)), 3)} if biases else {}
    return row | ({"mean |W|": round(float(np.mean([one["mean |W|"] for one in learned])), 4)} if all("mean |W|" in one for one in learned) else {})


def attention_rows(arm: str, found: list[dict], control: list[dict]) -> list[dict]:
    """One line per layer: MDI (geometric mean) and deficit over rows, seeds averaged, and against the control's on the same rows (a ratio, and a difference)."""
    mine, other = ({name: np.mean([np.log(one["attention"]["mdi"]) if name == "mdi" else np.array(one["attention"]["deficit"]) for one in some], axis=0) for name in ("mdi", "deficit")} for some in (found, control))
    groups, rows = found[0]["attention"]["group"], []
    for layer in range(mine["mdi"].shape[1]):
        row = {"arm": arm, "layer": layer, "seeds": len(found), "rows": len(groups), "lots": len(set(groups))}
        for name, shown in (("mdi", np.exp), ("deficit", np.asarray)):
            for column, values in ((name, mine[name]), (f"{name} against plain", mine[name] - other[name])):
                if column == name or arm != "plain":
                    row |= dict(zip((column, f"{column} low", f"{column} high"), (round(float(shown(value)), 3) for value in mean_interval(values[:, layer], groups)), strict=True))
        rows.append(row)
    return rows


def _per_cent(value: float) -> float:
    return round(100 * float(value), 1)


def write_tables() -> None:
    """benchmarks/moda.csv and benchmarks/moda_attention.csv, of all that is kept."""
    found = {arm: kept(arm) for arm in (*ARMS, TEXT_ONLY)}
    rows = asked_rows()
    guessed = {0: {part: hits(majority(taught(0), rows[part]), rows[part]) for part in PARTS if part in rows}}
    table = [row_of(MAJORITY, guessed, {})] + [row_of(arm, found[arm], found["plain"]) for arm in (TEXT_ONLY, *ARMS) if found[arm]]
    write_table(ROOT / "benchmarks" / "moda.csv", tuple(dict.fromkeys(name for row in table for name in row)), table)
    looked = [("before", [{"attention": attention_of(load("tiny_omni", device="cpu"))}], [*found["plain"].values()])]
    for arm in [arm for arm in ARMS if found[arm]]:
        both = [seed for seed in found[arm] if seed in found["plain"]]
        looked.append((arm, [found[arm][seed] for seed in both], [found["plain"][seed] for seed in both]))
    table = [row for arm, mine, control in looked for row in attention_rows(arm, mine, control)]
    write_table(ROOT / "benchmarks" / "moda_attention.csv", tuple(dict.fromkeys(name for row in table for name in row)), table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--processes", type=int, default=2, help="of one thread each")
    asked = parser.parse_args()
    with ProcessPoolExecutor(asked.processes, multiprocessing.get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        waiting = [pool.submit(measured, arm, seed) for seed in asked.seeds for arm in asked.arms]  # seed by seed, so that what an interruption leaves is a fair comparison
        for done in progress(as_completed(waiting), desc="models", total=len(waiting)):
            done.result()
    write_tables()


if __name__ == "__main__":
    main()
