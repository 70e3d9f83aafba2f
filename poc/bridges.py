"""`poc bridges`: which way should the photos, voices or films reach the language model? Every way on the same rows, what each costs and how it fails, and a recommendation.

bridges.json in a run's folder (one object, written in one move; NaN is null):

    {"table": [a record per bridge, columns of `kit.bridges.bridge_table`],
     "recommended": the Finding of `kit.bridges.recommended` as a dict (summary, advice and cost as {"en", "ja"}),
     "gap": {"modality", "rows", "table": [{"bridge", "when": "before" | "after", "measure", "layer", "value", "low", "high", "n", "none"}]},
     "correlation": {"kpi", "table": [{"measure", "spearman", "low", "high", "n", "note"}], "warning": {"en", "ja"}},
     "conflict": {"n": {"yes", "no"}, "bridges": [{"bridge", "yes", "yes_low", "yes_high", "no", "no_low", "no_high"}]} or null (accuracy where the evidence contradicts itself, and elsewhere),
     "believed": [records of `kit.bridges.believed`] or null (whom each bridge believes there, and whether it notices),
     "checkpoint": name, "rows": {"train", "validation", "asked"}, "kpi": name, "date": ISO day}

Beside it bridges/NAME/ holds each bridge's answers and weights, from which an interrupted comparison goes on.
"""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from kit.bridges import (
    Connected,
    DataDriven,
    Kept,
    Tried,
    believed,
    bridge_table,
    gap,
    gap_and_kpi,
    recommended,
    said_of,
    try_bridge,
)
from kit.bridges.bridge import Bridge
from kit.data import Sample
from kit.errors import KitError
from kit.evaluation.intervals import mean_interval
from kit.language import LANGUAGES, current, say
from kit.training.marks import digest_of
from poc import runs
from poc.arms import labels_of
from poc.lineup import SIZES, Rows, Sizes, lineup, rows_for, tiny_parts, tools_for
from poc.usecase import UseCase, load_samples, load_usecase

FILE = "bridges.json"
WARNING = (
    "Few bridges, and no single measure predicts quality: a smaller gap is a reason to measure the KPI, not a result.",
    "ブリッジの数は少なく、単独で品質を予測できる指標はありません。隔たりが小さいことは KPI を測る理由であって、結果ではありません。",
)


@dataclass
class Compared:
    """What came out; `told` is bridges.json."""

    tried: list[Tried]
    table: pd.DataFrame
    told: dict
    file: Path


# ------------------------------------------------------------------------------------------------------------ gap and conflict


def gaps_of(bridge: Kept, rows: list[Sample], modality: str, blocks: int, seed: int = 0) -> list[dict]:
    """The gap of a bridge's model before and after it was bridged, kept beside its answers; nothing for bridges whose language model does not read the medium itself."""
    if not isinstance(bridge.bridge, Connected | DataDriven):
        return []
    mark, file = digest_of([bridge.mark, modality, blocks, seed], rows), bridge.work / "gap.json"
    told = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if told.get("mark") != mark:
        working = bridge.fitted()
        models = {"before": working.fresh, "after": lambda: working.loaded} if isinstance(working, Connected) else {"after": lambda: working.loaded}
        tables = {when: gap(model(), rows, modality, blocks=blocks, seed=seed) for when, model in models.items()}
        told = {"mark": mark, "rows": [{"bridge": bridge.name, "when": when} | row for when, table in tables.items() for row in _plain(table)]}
        runs.write_json(file, told)
    return told["rows"]


def gap_modality(bridge: Kept, modalities: tuple[str, ...]) -> str | None:
    """The medium that a bridge's gap is measured for: the one that it bridges."""
    hears = isinstance(bridge.bridge, Connected) and bridge.bridge.ears
    likely = ("audio",) if hears else ("image", "video") if isinstance(bridge.bridge, Connected) else modalities
    return next((modality for modality in likely if modality in modalities), None)


def noticed(tried: list[Tried], asked: list[Sample]) -> dict | None:
    """Where words, picture and voice disagree (a row's meta says conflict: yes): which bridge is still right? See this module; None for use cases without such rows."""
    clash = {sample.id: sample.meta["conflict"] for sample in asked if sample.meta.get("conflict") in ("yes", "no")}
    if len(set(clash.values())) < 2:
        return None
    rows = []
    for one in (one for one in tried if one.frame is not None):
        row = {"bridge": one.name}
        for kind in ("yes", "no"):
            part = one.frame[one.frame["id"].map(clash.get) == kind]
            value = mean_interval((part["predicted"] == part["answer"]).to_numpy(float), part["group"].tolist(), bounds=(0, 1))
            row |= dict(zip((kind, f"{kind}_low", f"{kind}_high"), map(float, value), strict=True))
        rows.append(row)
    return {"n": {kind: sum(value == kind for value in clash.values()) for kind in ("yes", "no")}, "bridges": rows}


def believed_by(tried: list[Tried], bridges: list[Bridge], asked: list[Sample]) -> list[dict] | None:
    """`kit.bridges.believed` where the rows tell of two media or more what each says (columns NAME_says), against the first of them; None elsewhere, and where nothing contradicts."""
    said = {sample.id: said_of(sample) for sample in asked if sum(name.endswith("_says") for name in sample.meta) > 1}
    first = next((next(iter(told)) for told in said.values() if len(told) > 1), None)
    if first is None:
        return None
    files = {bridge.name: bridge.work / "written.jsonl" for bridge in bridges if isinstance(bridge, Kept)}
    lines = {name: [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] for name, file in files.items() if file.is_file()}
    written = {name: {row.pop("id"): row for row in rows} for name, rows in lines.items()}
    return _plain(believed({one.name: one.frame for one in tried if one.frame is not None}, said, first, written)) or None


def _plain(table: pd.DataFrame) -> list[dict]:
    """Records that JSON can hold: what is not finite is null."""
    return [{key: None if isinstance(value, float) and not np.isfinite(value) else value for key, value in row.items()} for row in table.to_dict("records")]


# ------------------------------------------------------------------------------------------------------------ the comparison


def compare_bridges(bridges: list[Bridge], rows: Rows, use: UseCase, out: Path, checkpoint: str, sizes: Sizes = SIZES) -> Compared:
    """Tries each bridge, measures the gap of those that have one, and writes out/bridges.json."""
    tried, gaps = [], []
    for bridge in bridges:
        tried.append(try_bridge(bridge, rows.train, rows.validation, rows.asked, out / "bridges" / "combined"))
        if isinstance(bridge, Kept):
            modality = gap_modality(bridge, rows.modalities)
            if sizes.blocks is not None and tried[-1].frame is not None and modality == rows.modalities[0]:
                try:
                    gaps += gaps_of(bridge, rows.paired, modality, sizes.blocks)
                except (KitError, RuntimeError, ValueError) as error:  # its answers stand without it
                    bridge.facts.failed.append(say(f"gap not measured: {error}", f"隔たりを測れませんでした：{error}"))
            bridge.release()
    frame = next((one.frame for one in tried if one.frame is not None), None)
    labels = labels_of(frame, use) if frame is not None else list(use.options)
    kpi, costs = use.gates.kpi, use.costs.model_dump(exclude_none=True) if use.costs else None
    table = bridge_table(tried, labels, kpi, costs, use.prevalence)
    measured = {row["bridge"]: row[kpi] for row in table.to_dict("records") if np.isfinite(row[kpi])}
    after = pd.DataFrame([row | {"value": np.nan if row["value"] is None else row["value"]} for row in gaps if row["when"] == "after" and row["measure"] != "integration of a layer"], columns=["bridge", "measure", "value"])
    told = {
        "table": _plain(table),
        "recommended": runs.in_both_languages(lambda: [recommended(tried, labels, kpi)])[0],
        "gap": {"modality": rows.modalities[0], "rows": len(rows.paired), "table": gaps},
        "correlation": {"kpi": kpi, "table": _plain(gap_and_kpi(after, measured)), "warning": dict(zip(LANGUAGES, WARNING, strict=True))},
        "conflict": noticed(tried, rows.asked), "believed": believed_by(tried, bridges, rows.asked),
        "checkpoint": checkpoint, "rows": {"train": len(rows.train), "validation": len(rows.validation), "asked": len(rows.asked)}, "kpi": kpi, "date": date.today().isoformat(),
    }  # fmt: skip
    runs.write_json(out / FILE, told)
    return Compared(tried, table, told, out / FILE)


def try_all(run: Path, directory: Path | None = None, vlm: str = "", ears: str = "", sizes: Sizes = SIZES, seed: int = 0, only: tuple[str, ...] = ()) -> Compared:
    """Compares the bridges on a run's use case and checkpoint, writes bridges.json into the run's folder, and the report anew. The same call again goes on, or answers from what is kept.

    Args:
        run: a finished run; its checkpoint is the aligned one (the run's own adapter is not asked: it was trained on more rows).
        directory: the use case's folder; default: looked for as the report does.
        vlm, ears: see `lineup`; "": the run's checkpoint, and no sound connector. The tiny model's own parts take their place where it is the checkpoint.
        only: names of bridges; (): all that the use case's modalities call for.

    Raises:
        KitError: no finished run, no folder with its rows, nothing to bridge, or a name in `only` that is none of the bridges.
    """
    record = runs.read(run)
    directory = directory or runs.evidence_folder(run, record, runs.read_predictions(run))
    if directory is None:
        raise KitError(say("the use case's folder is not found; name it with --folder", "ユースケースのフォルダーが見つかりません。--folder で指定してください"))
    use, checkpoint = load_usecase(directory), runs.checkpoint_of(record)
    rows = rows_for(list(load_samples(directory, use, seed=record["seed"]).samples), sizes, seed)
    if checkpoint == "tiny_omni" and not vlm:
        vlm, parts_ears = tiny_parts(run / "bridges" / "parts")
        ears = ears or parts_ears
    bridges = lineup(rows.modalities, checkpoint, run / "bridges", vlm or checkpoint, ears, tools_for(rows), sizes=sizes, seed=seed)
    names = [bridge.name for bridge in bridges]
    if unknown := [name for name in only if name not in names]:
        raise KitError(say(f"no bridge here is called {', '.join(unknown)}; there are: {'; '.join(names)}", f"「{'、'.join(unknown)}」というブリッジはありません。使えるもの：{'、'.join(names)}"))
    bridges = [bridge for bridge in bridges if not only or bridge.name in only]
    found = compare_bridges(bridges, rows, use, run, checkpoint, sizes)
    from poc.report import write

    write(run, folder=directory)
    return found


def bridge_lines(found: Compared) -> list[str]:
    """What the command says: the table's main columns, where evidence disagrees, the recommendation with its rule, the gap's warning."""
    told, kpi = found.told, found.told["kpi"]
    lines = [say(f"{told['rows']['asked']} held-out rows, {told['rows']['train']} training rows; {kpi} / trained parameters / answer / yen per 1,000", f"評価行 {told['rows']['asked']} 件、学習行 {told['rows']['train']} 件：{kpi} / 学習パラメーター / 応答時間 / 1,000 件あたりの円")]
    for row in found.table.to_dict("records"):
        yen = f"  {row['cost_per_1000']:>10,.0f}" if np.isfinite(row.get("cost_per_1000", np.nan)) else ""
        lines.append(f"  {row['bridge']:<34} " + (f"{100 * row[kpi]:3.0f} % [{100 * row['low']:.0f}, {100 * row['high']:.0f}]  {row['trained']:>9,}  {row['latency_ms']:5.0f} ms{yen}" if np.isfinite(row[kpi]) else row["failed"]))
    if told["conflict"]:
        lines.append(say("right where the evidence contradicts itself / elsewhere: ", "証拠が食い違う行の正解率 / それ以外：") + "; ".join(f"{row['bridge']} {100 * row['yes']:.0f} / {100 * row['no']:.0f} %" for row in told["conflict"]["bridges"]))
    best = told["recommended"]
    lines += [best["summary"][current()], best["evidence"]["rule"]]
    ranks = "; ".join(f"{row['measure']} {row['spearman']:+.2f} (n {row['n']})" for row in told["correlation"]["table"] if row["spearman"] is not None)
    lines += [say("gap and KPI, rank correlation: ", "隔たりと KPI の順位相関：") + ranks] if ranks else []
    return [*lines, told["correlation"]["warning"][current()], say(f"Written: {found.file}", f"書き出し先: {found.file}")]
