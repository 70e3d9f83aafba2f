"""A run folder as the pipeline writes it, made in a second without a model: for the tests of the report, the demo and the notebooks.

The answers are drawn, every number is then computed by the kit's own code, so that the figures of a made run fit each other.
"""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from kit.evaluation.metrics import compare, evaluate
from poc.gates import decide
from poc.runs import write_json
from poc.signature import signature
from poc.usecase import UseCase, gates_hash

OPTIONS = ("ok", "scratch", "dent", "stain", "crack")
SKILL = {"majority": 0.0, "copy_note": 0.80, "cheap_model": 0.66, "base": 0.12, "base_examples": 0.22, "tuned": 0.94}


def make_folder(folder: Path, rows: int = 240) -> Path:
    """A small company folder of drawn parts, with metadata.csv and poc.yaml."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", "image", "text", "answer", "lot"])
        for i in range(rows):
            answer = OPTIONS[i % len(OPTIONS)]
            _draw_part(answer, rng).save(folder / "images" / f"p{i:03}.jpg", quality=80)
            table.writerow([f"p{i:03}", f"images/p{i:03}.jpg", "" if i % 3 else f"目視 {answer}", answer, f"L{i // 12:02}"])
    (folder / "poc.yaml").write_text(POC_YAML, encoding="utf-8")
    return folder


def make_run(run: Path, folder: Path, skill: dict | None = None, red: tuple[int, ...] = (), rehearsal: bool = False, **changes) -> Path:
    """A run folder about the company folder `folder`.

    Args:
        run: where.
        folder: from `make_folder`, or any company folder with the columns id, image, text, answer, lot (and split).
        skill: arm -> share of cases that it knows; the rest are guesses.
        red: numbers of the run checks that failed.
        rehearsal: as in run.json.
        changes: replace top-level keys of run.json.
    """
    from poc.usecase import load_usecase

    run.mkdir(parents=True)
    use = load_usecase(folder)
    rows = pd.read_csv(folder / "metadata.csv", dtype=str, keep_default_na=False)
    rows = rows[rows["split"] == "test"] if "split" in rows else rows
    tables = _tables(rows.reset_index(drop=True), use, SKILL | (skill or {}))
    costs = use.costs.model_dump(exclude_none=True) if use.costs else None
    results = [{"arm": arm, "condition": condition} | evaluate(frame, list(use.options), costs, use.prevalence, resamples=400)
               for (arm, condition), frame in tables.items()]  # fmt: skip
    comparisons = [
        {"a": "tuned", "b": arm, "condition": condition, "metric": metric,
         "difference": compare(tables["tuned", condition], frame, list(use.options), metric, resamples=400)}
        for (arm, condition), frame in tables.items() if arm != "tuned" for metric in dict.fromkeys((use.gates.kpi, "accuracy"))
    ]  # fmt: skip
    guard = {"base": _interval(0.914, 0.022), "tuned": _interval(0.905, 0.024), "drop": _interval(0.009, 0.013), "n": 600}
    checks = [_check(number, number in red) for number in range(1, 8)]
    signed = signature(folder, use)
    verdict = decide(use, results=results, comparisons=comparisons, guard=guard, checks=checks, signed=signed, rehearsal=rehearsal)
    measured = {"results": results, "guard": guard, "comparisons": comparisons, "verdict": verdict}
    record = _described(use, folder, rows, signed, rehearsal) | measured | changes
    write_json(run / "checks.json", checks)
    write_json(run / "findings.json", [FINDING])
    write_json(run / "audit.json", [AUDITED, AUDITED | {"name": "faces", "verdict": "good", "advice": "", "cost": ""}])
    _write_predictions(run / "predictions.csv", tables, rows, use)
    write_json(run / "run.json", record)
    return run


def _tables(rows: pd.DataFrame, use: UseCase, skill: dict) -> dict:
    """(arm, condition) -> frame id, answer, predicted, probabilities, group."""
    rng, options = np.random.default_rng(1), list(use.options)
    tables = {}
    for arm in SKILL:
        for condition in ("as_is", "without_text"):
            if (arm in ("copy_note", "base_examples") and condition != "as_is") or skill[arm] is None:
                continue
            level = skill[arm] - (0.02 if condition != "as_is" and arm == "tuned" else 0)
            shares = [_shares(answer, options, level, arm, rng) for answer in rows["answer"]]
            predicted = [max(share, key=share.get) for share in shares]
            tables[arm, condition] = pd.DataFrame(
                {"id": rows["id"], "answer": rows["answer"], "predicted": predicted, "probabilities": shares, "group": rows["lot"]}
            )
    return tables


def _shares(answer: str, options: list[str], level: float, arm: str, rng) -> dict:
    if arm == "majority":
        return {option: float(option == options[0]) for option in options}
    logits = rng.normal(0, 1, len(options))
    chosen = options.index(answer) if rng.random() < level else rng.integers(len(options))
    logits[chosen] += rng.uniform(2, 7)
    shares = np.exp(logits) / np.exp(logits).sum()
    return {option: round(float(share), 5) for option, share in zip(options, shares)}


def _described(use: UseCase, folder: Path, rows: pd.DataFrame, signed: dict, rehearsal: bool) -> dict:
    return {
        "schema": 1, "use_case": use.name, "title": use.titles(), "language": use.language, "question": use.question, "options": list(use.options), "translations": use.translations,
        "decided_by": list(use.decided_by), "created": "2026-11-22T09:30:00", "finished": "2026-11-22T09:34:12", "preset": "tiny", "rehearsal": rehearsal,
        "model": {"name": "tiny_omni", "source": "sample_data/tiny_omni", "parameters": 4_812_032, "four_bit": False, "license": "Apache-2.0",
                  "commercial_use": True},
        "versions": {"python": "3.11", "torch": "2.15.0", "transformers": "5.23.0", "peft": "0.21.0", "bitsandbytes": "0.50.0"},
        "machine": {"cpu": "x86_64", "cores": 2, "memory_gb": 15.6, "device": "cpu", "platform": "Linux"},
        "data": {"folder": folder.name, "hash": "3f" * 32, "n": {"train": 1400, "validation": 210, "calibration": 320, "test": len(rows), "guard": 600},
                 "groups": 120, "group_rule": "column lot", "skipped_rows": 0, "layers": {"general": 0, "task": 0, "domain": 1930 + len(rows)},
                 "mix": {layer: {"rows": n, "generated": made, "trained": trained, "trained_generated": made, "source": source} for layer, n, made, trained, source in (
                     ("general", 0, 0, 420, "made by the project <b>"), ("task", 200, 120, 200, ""), ("domain", 1930 + len(rows), 0, 1400, "company internal"))}},
        "labels": {"people": 2, "must_agree": 1, "new": 120, "corrected": 9, "confirmed": 31, "withdrawn": 1, "untold": 2, "disputed": 3, "waiting": 0, "stale": 0, "kappa": 0.71},
        "gates": use.gates.model_dump() | signed | {"hash": gates_hash(use)},
        "costs": use.costs.model_dump() if use.costs else None, "currency": use.currency, "costs_are_examples": use.costs_are_examples,
        "prevalence": use.prevalence, "volume_per_month": use.volume_per_month, "seed": 0,
        "training": use.training.model_dump() | {"applied_updates": 300, "stopped_early": False, "history": [
            {"step": step, "loss": 1.6 * 0.99**step + 0.12, "kpi": 0.9 - 0.7 * 0.985**step} for step in range(20, 301, 20)]},
        "timing": {"baselines without an MLLM": 9.4, "base model on held-out rows": 31.0, "fine-tuning": 128.5, "tuned model on held-out rows": 22.7,
                   "run checks": 40.2},
        "peak_memory_mb": 1432,
    }  # fmt: skip


def _write_predictions(path: Path, tables: dict, rows: pd.DataFrame, use: UseCase) -> None:
    media = rows.set_index("id")
    kept = []
    for (arm, condition), frame in tables.items():
        for row in frame.itertuples():
            kept.append({
                "id": row.id, "split": "test", "arm": arm, "condition": condition, "answer": row.answer, "predicted": row.predicted,
                "probabilities": json.dumps(row.probabilities, ensure_ascii=False), "group": row.group, "image": media.at[row.id, "image"],
                "audio": "", "video": "", "text": media.at[row.id, "text"] if condition == "as_is" else "", "question": use.question,
            })  # fmt: skip
    pd.DataFrame(kept).to_csv(path, index=False)


def _interval(value: float, half: float) -> dict:
    return {"value": value, "low": value - half, "high": value + half}


def _check(number: int, red: bool) -> dict:
    detail = "image: shuffled +0.01 [-0.02, 0.04]" if red else DETAILS[number - 1]
    return {"number": number, "name": f"check {number}", "status": "red" if red else "green", "detail": detail, "evidence": {}}


def _draw_part(answer: str, rng) -> Image.Image:
    """A round machined part, with a mark that a person recognises."""
    picture = Image.fromarray((np.full((168, 168, 3), 205) + rng.normal(0, 5, (168, 168, 3))).clip(0, 255).astype("uint8"))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((18, 18, 150, 150), fill=(150, 153, 158), outline=(110, 112, 118), width=3)
    pen.ellipse((66, 66, 102, 102), fill=(90, 92, 96))
    x, y = rng.integers(40, 90, 2).tolist()
    if answer == "scratch":
        pen.line((x, y, x + 45, y + 18), fill=(225, 226, 230), width=2)
    elif answer == "dent":
        pen.ellipse((x, y, x + 16, y + 14), fill=(112, 114, 120))
    elif answer == "stain":
        pen.ellipse((x, y, x + 26, y + 20), fill=(128, 104, 70))
    elif answer == "crack":
        pen.line((x, y, x + 12, y + 16, x + 8, y + 30, x + 22, y + 44), fill=(50, 50, 54), width=2)
    return picture


DETAILS = (
    "tested set: python 3.11, torch 2.15.0, transformers 5.23.0, peft 0.21.0, bitsandbytes 0.50.0", "1640 rows, longest 214 tokens; no medium was cut",
    "1640 rows valid", "64 rows decoded: exactly the answer and its end of turn",
    "extra loss in nats: image: shuffled +2.41 [2.18, 2.66], absent +1.87 [1.61, 2.12]",
    "300 updates applied; largest gradient norms llm 1.4; every frozen parameter unmoved",
    "fresh process: 56 adapter tensors matched, scores equal to 3.8e-06, base differs by 6.1 nats",
)  # fmt: skip
FINDING = {
    "name": "dependence on the note", "value": 0.02, "low": 0.005, "high": 0.036, "verdict": "warn",
    "summary": {"en": "Taking the note away changes 7% of the tuned model's answers, though the note should not decide them.", "ja": "メモを取り除くと、微調整後の答えの 7% が変わります。"}, "evidence": {},
    "advice": {"en": "Diagnose it in notebook 05 before anybody relies on it.", "ja": "頼る前にノートブック 05 で診断してください。"}, "cost": {"en": "about 5 minutes", "ja": "約 5 分"},
}  # fmt: skip
AUDITED = {
    "name": "odd light", "value": 1.0, "low": None, "high": None, "verdict": "warn", "summary": {"en": "One lot looks unlike all others.", "ja": "1 つのロットだけ見た目が違います。"}, "evidence": {},
    "advice": {"en": "Ask what changed that day.", "ja": "その日に何が変わったか確認してください。"}, "cost": "",
}  # fmt: skip
POC_YAML = """schema: 1
name: made
title: {en: Visual inspection of round parts, ja: 丸物部品の外観検査}
language: en
question: Which defect does the part have?
options: [ok, scratch, dent, stain, crack]
decided_by: [image]
group_by: lot
costs: {miss: 12000, false_alarm: 350, ok_answer: ok}
costs_are_examples: true
prevalence: {ok: 0.95, scratch: 0.02, dent: 0.015, stain: 0.01, crack: 0.005}
volume_per_month: 40000
gates: {kpi: macro_recall, threshold: 0.80, confidence: 0.95, guard_drop: 0.03, owner: Quality assurance}
"""
