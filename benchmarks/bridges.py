"""Four bridges on one KPI: converter, perceiver, tool learning, data-driven, and what combines them, on three use cases and three seeds; what each costs, and what the modality gap says about it.

    python -m benchmarks.bridges [--cases inspection callcentre documents] [--seeds 0 1 2]   # about five processor minutes per case and seed: the tables below, of all that is kept
    python -m benchmarks.bridges --budgets [--cases ...] [--seeds 0]                         # the same bridges with fewer training rows, about three minutes per case and seed
    python -m benchmarks.bridges --tables                                                    # only the tables
    python -m benchmarks.bridges --adopt                                                     # cells from before cells were marked: they are of the present tiny_omni (only where `git log sample_data/tiny_omni` says so)

Tables: benchmarks/bridges.csv, bridges_gap.csv, bridges_correlation.csv. What was measured is kept in benchmarks/bridges/, one file per case and seed, and (answers, weights) in build/benchmarks/bridges, so that a
killed run goes on, and several processes may share cases and seeds. Each cell is marked with the digest of tiny_omni's weights: one of other weights is measured again, and no table is made of it. `--updates`, `--train` and `--asked` make a short form, which is kept apart and writes no table.

Converters and perceivers are fresh connectors between the frozen parts of tiny_omni (sample_data.recipe.parts); everything else begins with tiny_omni as it is, whose connectors took hours to align: column "start".
Equal for all that trains: rows, updates x batch, validation rows that choose the best weights. Rows have only the media that decide (`poc.lineup.rows_for`): no inspector's note, no transcript, so callers' words have to
be heard. The speech recognition of the calls and memos is tiny_omni's own, which knows the words of its small world and none of the callers': a weak tool, as it is. Tesseract reads the sheets of the documents.
"smaller checkpoint" is tiny_omni without the upper half of its language model's layers: cut, not trained small, then tuned like the other.

Latencies hold what an answer to a new row waits for, its OCR included: cells from before that was measured got the median time of reading one row's sheets alone, "ocr_seconds" in them (their fit_seconds still lack the OCR
that an earlier bridge had done). Correlations are over different things only (`kit.bridges.measured_points`): bridges with one connector are one point for what lies at layer 0, and rates are per layer.
mutual k-NN of cells from before 2026-11-30 14:00 pairs some inspectors' notes that name another defect than the photo (43 of 353 test notes); since then `poc.lineup.rows_for` leaves such rows out.

Figures are per cent of macro recall over all rows of the seeds, each row's answers of all seeds resampled together (whole groups, where there are ten): between seeds, look at "by seed". "behind the best" is paired.
"rows to 90 %": the least of the budgets with which a bridge reached 90 % of its best figure among all budgets (point estimates of seed 0, coarse); "" where it never was above guessing by its interval.
"""

import argparse
import json
import time
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.machine import write_table
from kit.bridges import Facts, Tried, gap_and_kpi, measured_points, recommended, rows_to_reach, within_cases
from kit.bridges.correlation import OF_LAYER
from kit.data import Sample
from kit.evaluation import compare, evaluate
from kit.evaluation.intervals import MIN_GROUPS
from kit.language import speaking
from kit.models import CATALOGUE, load
from poc.arms import labels_of
from poc.bridge_evidence import noticed
from poc.bridges import compare_bridges
from poc.lineup import LEARNERS, Rows, Sizes, lineup, made_of, rows_for, tiny_parts, tools_for
from poc.pipeline import COMPANY
from poc.record import weights_hash
from poc.usecase import load_samples, load_usecase

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "benchmarks" / "bridges"
WORK = ROOT / "build" / "benchmarks" / "bridges"
CASES = ("inspection", "callcentre", "documents")
SIZES = Sizes(asked=150, updates=60, validation=40, probed=0)
BUDGETS = (40, 120)
COLUMNS = (
    *("date", "use case", "bridge", "seeds", "n", "macro_recall", "low", "high", "by seed", "behind the best", "behind low", "behind high", "recommended", "cost_per_1000", "trained", "updates", "rows"),
    *(f"with {budget} rows" for budget in BUDGETS), *("rows to 90 %", "fit_seconds", "latency_ms", "tokens", "right in conflict", "right elsewhere", "start", "audit", "weak", "failed"),
)  # fmt: skip


def rows_of(case: str, sizes: Sizes, seed: int) -> Rows:
    use = load_usecase(COMPANY / case)
    return rows_for(list(load_samples(COMPANY / case, use, verify=False).samples), sizes, seed)


def smaller(folder: Path) -> str:
    """tiny_omni with the lower half of its language model's layers, as a checkpoint."""
    def write(place: Path) -> None:
        loaded = load("tiny_omni", device="cpu")
        text, decoder = loaded.model.config.get_text_config(), loaded.model.get_decoder()
        half = text.num_hidden_layers // 2
        decoder.layers = decoder.layers[:half]
        text.num_hidden_layers = half
        if getattr(text, "layer_types", None):
            text.layer_types = text.layer_types[:half]
        loaded.model.save_pretrained(place)
        loaded.processor.save_pretrained(place)

    return str(made_of("tiny_omni", folder, write))


def mark() -> str:
    """What a cell's figures are of: the digest of tiny_omni's weights."""
    return weights_hash(CATALOGUE["tiny_omni"].source)[:16]


def kept_in(case: str, seed: int, what: str = "") -> Path:
    return KEPT / f"{case}-{seed}{what and '-'}{what}.json"


def write(file: Path, told: dict) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(told, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(file)


def measure(case: str, seed: int, sizes: Sizes = SIZES, only: tuple[str, ...] = (), file: Path | None = None) -> dict:
    """A cell: {"seconds", "mark", "train", "ids", "bridges": {name: {"facts", "predicted" (places in a row's options) or null}}, "gap": rows}; what is kept of the same weights is not asked again.

    Args:
        only: names of bridges; (): all.
        file: where it is kept.
    """
    rows, file = rows_of(case, sizes, seed), file or kept_in(case, seed)
    work = WORK / f"{case}-{seed}-{len(rows.train)}-{len(rows.asked)}-{sizes.updates}"
    vlm, ears = tiny_parts(work / "parts")
    bridges = lineup(rows.modalities, "tiny_omni", work / "bridges", vlm, ears, tools_for(rows), "" if only else smaller(work / "smaller"), sizes, seed, "cpu")
    bridges = [bridge for bridge in bridges if not only or bridge.name in only]
    told = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if told.get("mark") != mark():
        told = {}
    if set(told.get("bridges", ())) >= {bridge.name for bridge in bridges} and "believed" in told:
        return told
    began = time.process_time()
    found = compare_bridges(bridges, rows, load_usecase(COMPANY / case), work, "tiny_omni", sizes)
    answers = {one.name: {"facts": asdict(one.facts), "predicted": None if one.frame is None else [row.options.index(said) for row, said in zip(rows.asked, one.frame["predicted"], strict=True)]} for one in found.tried}
    told = {"seconds": round(told.get("seconds", 0) + time.process_time() - began), "mark": mark(), "train": len(rows.train), "ids": [row.id for row in rows.asked], "bridges": answers, "gap": found.told["gap"]["table"], "believed": found.told["believed"]}
    write(file, told)
    return told


def budgets(case: str, seed: int, sizes: Sizes = SIZES) -> None:
    """The learners again, with the first so many of their training rows; the same updates."""
    for budget in BUDGETS:
        if budget < len(rows_of(case, sizes, seed).train):
            measure(case, seed, replace(sizes, train=budget, blocks=None), LEARNERS, kept_in(case, seed, str(budget)))


# ------------------------------------------------------------------------------------------------------------ tables


def frame_of(rows: list[Sample], cells: list[dict], bridge: str) -> pd.DataFrame | None:
    """A bridge's answers of all cells as one predictions frame; a row's answers are one group where there are too few groups, so that three seeds are no three rows."""
    few = len({row.group for row in rows}) < MIN_GROUPS
    said = [(number, cell["bridges"][bridge]["predicted"]) for number, cell in enumerate(cells) if cell["bridges"].get(bridge, {}).get("predicted") is not None]
    made = [
        {"id": f"{row.id}/{number}", "answer": row.answer, "predicted": row.options[place], "probabilities": dict.fromkeys(row.options, 0.0), "group": row.id if few else row.group}
        for number, places in said for row, place in zip(rows, places, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(made) if made else None


def cells_of(case: str, what: str = "") -> list[dict]:
    """The kept cells of a use case; what is kept of other weights than the present ones is refused, because one table cannot hold both.

    Raises:
        ValueError: such a cell.
    """
    files = [file for seed in range(10) if (file := kept_in(case, seed, what)).is_file()]
    cells = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    if stale := [file.name for file, cell in zip(files, cells, strict=True) if cell.get("mark") != mark()]:
        raise ValueError(f"measured with other weights of tiny_omni, or before cells were marked: {', '.join(stale)}. Delete them and measure again; unmarked ones that `git log sample_data/tiny_omni` shows to be of the present weights: --adopt")
    return cells


def adopt() -> None:
    """Marks the cells that have no mark with that of the present weights."""
    for file in sorted(KEPT.glob("*.json")):
        told = json.loads(file.read_text(encoding="utf-8"))
        if "mark" not in told:
            write(file, {"seconds": told.pop("seconds"), "mark": mark()} | told)


def asked_in(case: str, cells: list[dict]) -> list[Sample]:
    rows = rows_of(case, SIZES, 0).asked
    if any(cell["ids"] != [row.id for row in rows] for cell in cells):
        raise ValueError(f"{case}: kept answers are of other rows; delete {KEPT}/{case}-*.json")
    return rows


def tried_of(case: str, cells: list[dict], rows: list[Sample]) -> list[Tried]:
    """Each bridge over all seeds; facts that are times are means."""
    tried = []
    for name in cells[0]["bridges"]:
        facts = [Facts(**cell["bridges"][name]["facts"]) for cell in cells if name in cell["bridges"]]
        times = {key: float(np.mean([getattr(one, key) for one in facts])) for key in ("seconds", "latency")}
        tried.append(Tried(name, replace(facts[0], **times), frame_of(rows, cells, name)))
    return tried


def percent(value: float) -> float | str:
    return round(100 * value, 1) if np.isfinite(value) else ""


def table_of(case: str) -> list[dict]:
    """The rows of bridges.csv of one use case."""
    cells = cells_of(case)
    if not cells:
        return []
    rows, use = asked_in(case, cells), load_usecase(COMPANY / case)
    tried = tried_of(case, cells, rows)
    labels = labels_of(next(one.frame for one in tried if one.frame is not None), use)
    advised = recommended(tried, labels)
    clash = {bridge["bridge"]: bridge for bridge in (noticed(tried, [row.replace(id=f"{row.id}/{number}") for number in range(len(cells)) for row in rows]) or {"bridges": []})["bridges"]}
    best = next(one for one in tried if one.name == advised.evidence["best"])
    found = []
    for one in tried:
        row = {"date": date.today().isoformat(), "use case": case, "bridge": one.name, "seeds": len(cells), "n": len(rows)}
        if one.frame is not None:
            measured = evaluate(one.frame, labels, use.costs.model_dump(exclude_none=True), use.prevalence)
            value, behind = measured["macro_recall"], compare(best.frame, one.frame, labels, "macro_recall")
            row |= {"macro_recall": percent(value["value"]), "low": percent(value["low"]), "high": percent(value["high"])}
            row |= {"by seed": " ".join(str(percent(evaluate(frame_of(rows, [cell], one.name), labels, resamples=2)["macro_recall"]["value"])) for cell in cells)}
            row |= {f"behind {name}": percent(behind[key]) for name, key in (("the best", "value"), ("low", "low"), ("high", "high"))}
            row |= {"recommended": "yes" if advised.evidence["chosen"] == one.name else "", "cost_per_1000": round(measured["cost_per_1000"]["value"])}
            row |= with_fewer_rows(case, one.name, value["low"], labels)
        facts = one.facts
        row |= {"trained": facts.trained, "updates": facts.updates, "rows": facts.rows, "fit_seconds": tidy(facts.seconds), "latency_ms": tidy(1000 * facts.latency), "tokens": tidy(facts.tokens)}
        if one.name in clash:
            row |= {"right in conflict": percent(clash[one.name]["yes"]), "right elsewhere": percent(clash[one.name]["no"])}
        found.append(row | {"start": facts.start, "audit": facts.audit, "weak": facts.weak, "failed": " | ".join(facts.failed)})
    return found


def tidy(value: float) -> float | str:
    return round(value, 1) if np.isfinite(value) else ""


def with_fewer_rows(case: str, bridge: str, low: float, labels: list[str]) -> dict:
    """{"with 40 rows": ..., "rows to 90 %"} of seed 0, where it was measured."""
    cells = [cell for budget in BUDGETS for cell in cells_of(case, str(budget))[:1]]
    if bridge not in LEARNERS or not cells:
        return {}
    rows = rows_of(case, SIZES, 0).asked
    frames = {cell["train"]: frame for cell in (*cells, cells_of(case)[0]) if (frame := frame_of(rows, [cell], bridge)) is not None}
    enough, values = rows_to_reach(frames, labels, low)
    return {f"with {budget} rows": percent(values.get(budget, np.nan)) for budget in BUDGETS} | {"rows to 90 %": enough or ""}


def gap_of(case: str) -> pd.DataFrame:
    """Means over the seeds of each bridge, moment and measure; bounds are means of the seeds' bounds."""
    found = [row | {"seed": number} for number, cell in enumerate(cells_of(case)) for row in cell["gap"]]
    if not found:
        return pd.DataFrame()
    frame = pd.DataFrame(found)
    frame[["layer", "value", "low", "high"]] = frame[["layer", "value", "low", "high"]].astype(float)
    means = frame.groupby(["bridge", "when", "measure", "layer"], sort=False, dropna=False).agg(seeds=("seed", "nunique"), value=("value", "mean"), low=("low", "mean"), high=("high", "mean"), n=("n", "first")).reset_index()
    return means.assign(**{"use case": case})


def write_tables() -> None:
    """bridges.csv, bridges_gap.csv and bridges_correlation.csv, of all that is kept."""
    table = [row for case in CASES for row in table_of(case)]
    write_table(ROOT / "benchmarks" / "bridges.csv", COLUMNS, table)
    write_conflict()
    gaps = pd.concat([gap_of(case) for case in CASES])
    if gaps.empty:
        return
    kpis = {(row["use case"], row["bridge"]): row["macro_recall"] for row in table if row.get("macro_recall", "") != ""}
    shown = gaps[gaps["measure"] != OF_LAYER].drop(columns="layer")
    told = [{key: ("" if pd.isna(value) else f"{value:.4g}" if isinstance(value, float) else value) for key, value in row.items()} for row in shown.to_dict("records")]
    names = ("date", "use case", "bridge", "when", "measure", "seeds", "value", "low", "high", "n", "macro_recall")
    write_table(ROOT / "benchmarks" / "bridges_gap.csv", names, [{"date": date.today().isoformat()} | row | {"macro_recall": kpis.get((row["use case"], row["bridge"]), "") if row["when"] == "after" else ""} for row in told])
    after = gaps[gaps["when"] == "after"].dropna(subset=["value"])
    points = {case: measured_points(after[after["use case"] == case], {bridge: kpi for (of, bridge), kpi in kpis.items() if of == case}).assign(case=case) for case in CASES}
    rows = [{"use case": case} | row for case in CASES for row in gap_and_kpi(points[case]).to_dict("records")]
    together = pd.concat([within_cases(part, "case", ("value", "kpi")) for _, part in pd.concat(points.values()).groupby("measure", sort=False)])
    rows += [{"use case": "all, ranks within each"} | row for row in gap_and_kpi(together).to_dict("records")]
    names = ("date", "use case", "measure", "spearman", "low", "high", "n", "note")
    write_table(ROOT / "benchmarks" / "bridges_correlation.csv", names, [{"date": date.today().isoformat()} | {key: (tidy2(value) if isinstance(value, float) else value) for key, value in row.items()} for row in rows])


def write_conflict() -> None:
    """bridges_conflict.csv: of rows in which two media contradict each other, whom each bridge believes and whether it notices; values and bounds are means over the seeds, in per cent."""
    found = pd.DataFrame([{"use case": case, "seeds": seed} | row for case in CASES for seed, cell in enumerate(cells_of(case)) for row in cell.get("believed") or ()])
    if found.empty:
        return
    numbers = [name for name in found.columns if name not in ("use case", "bridge", "against", "seeds", "n", "n_agree")]
    found[numbers] = 100 * found[numbers].astype(float)
    means = found.groupby(["use case", "bridge", "against"], sort=False).agg({"seeds": "nunique", "n": "first", "n_agree": "first"} | dict.fromkeys(numbers, "mean")).reset_index()
    rows = [{"date": date.today().isoformat()} | {key: (tidy(value) if isinstance(value, float) else value) for key, value in row.items()} for row in means.to_dict("records")]
    write_table(ROOT / "benchmarks" / "bridges_conflict.csv", tuple(rows[0]), rows)


def tidy2(value: float) -> float | str:
    return round(value, 2) if np.isfinite(value) else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--budgets", action="store_true", help="with fewer training rows")
    parser.add_argument("--tables", action="store_true", help="only the tables, of all that is kept")
    parser.add_argument("--adopt", action="store_true", help="mark cells that have no mark as of the present weights, then only the tables")
    for name in ("updates", "train", "asked"):
        parser.add_argument(f"--{name}", type=int, default=getattr(SIZES, name))
    told = parser.parse_args()
    torch.set_num_threads(1)
    sizes = replace(SIZES, updates=told.updates, train=told.train, asked=told.asked)
    with speaking("en"):
        if told.adopt:
            adopt()
        for case in told.cases if not (told.tables or told.adopt) else ():
            for seed in told.seeds:
                if sizes != SIZES:
                    print(json.dumps(measure(case, seed, sizes, file=WORK / f"short-{case}-{seed}.json")["gap"][:1]))
                elif told.budgets:
                    budgets(case, seed)
                else:
                    measure(case, seed)
        if sizes == SIZES:
            write_tables()


if __name__ == "__main__":
    main()
