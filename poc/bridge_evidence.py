"""What `poc bridges` looks at beside the KPI: the gap of a bridge's model, who is right and who is believed where evidence contradicts itself, and whether a tool's wrong line misleads a hybrid."""

import json

import numpy as np
import pandas as pd

from kit.bridges import Connected, DataDriven, Kept, ToolLearning, Tried, believed, gap, misled, said_of
from kit.bridges.bridge import Bridge
from kit.data import Sample
from kit.evaluation.intervals import mean_interval
from kit.training.marks import digest_of
from poc import runs
from poc.levels import over_groups
from poc.lineup import Rows, Sizes


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
        told = {"mark": mark, "rows": [{"bridge": bridge.name, "when": when} | row for when, table in tables.items() for row in plain(table)]}
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
    return plain(believed({one.name: one.frame for one in tried if one.frame is not None}, said, first, written)) or None


def misled_by(bridge: Bridge, rows: Rows, sizes: Sizes) -> dict | None:
    """`kit.bridges.misled` of a hybrid that was tried, with its name as "bridge", kept beside its answers; None for every other bridge, and where it is not to be asked (`Sizes.probed`)."""
    if not (isinstance(bridge, Kept) and isinstance(bridge.bridge, ToolLearning) and bridge.bridge.keep_media and sizes.probed):
        return None
    asked = over_groups(rows.asked, sizes.probed)
    mark, file = digest_of(bridge.mark, asked), bridge.work / "misled.json"
    told = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if told.get("mark") != mark:
        found = misled(bridge.fitted(), asked, rows.modalities[0])
        told = {"mark": mark, "told": found and {"bridge": bridge.name} | found}
        runs.write_json(file, told)
    return told["told"]


def plain(table: pd.DataFrame) -> list[dict]:
    """Records that JSON can hold: what is not finite is null."""
    return [{key: None if isinstance(value, float) and not np.isfinite(value) else value for key, value in row.items()} for row in table.to_dict("records")]
