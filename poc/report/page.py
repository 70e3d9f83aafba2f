"""What the report's template needs, prepared from a run's record: the template itself decides nothing."""

import base64
import hashlib
import json
import math
from functools import partial
from pathlib import Path

import jinja2
from markupsafe import Markup

from poc import runs
from poc.report import charts, money, pictures
from poc.report.believes import believes
from poc.report.bridges import bridges
from poc.report.certain import said_of_certainty
from poc.report.limits import limits
from poc.report.wording import about, duration, percent, points, t, yen
from poc.translations import read_as
from poc.words import ARMS, CHECKS, CONDITIONS, KPI_MEANING, KPIS, VERDICTS, Text, both, name_of_finding

TEMPLATES = Path(__file__).parents[1] / "templates"


def environment() -> jinja2.Environment:
    """The template engine: everything is escaped, an unknown name is an error."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    env.globals |= {"t": t, "percent": percent, "points": points, "yen": yen, "about": about, "duration": duration}
    return env


def context(record: dict, run: Path, language: str | None, folder: Path | None) -> dict:
    """Everything the template shows.

    Args:
        record: run.json.
        run: its folder, with checks.json, predictions.csv and findings.json.
        language: "en", "ja" or None for the run's.
        folder: the company's folder, see `poc.report.write`.
    """
    frame = runs.read_predictions(run)
    kpi = record["gates"]["kpi"]
    rows = {(row["arm"], row["condition"]): row for row in record["results"]}
    tuned, chosen = rows["tuned", "as_is"], frame[(frame["arm"] == "tuned") & (frame["condition"] == "as_is") & (frame["split"] == "test")]
    diagnosis = _json(run / runs.DIAGNOSIS)
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    cases, place = pictures.shown_cases(frame, record), folder or runs.evidence_folder(run, record, frame)
    for case in (*cases["wrong"], *cases["rescued"]):
        case["picture"] = pictures.thumbnail(case, run, place)
    return {
        "run": record,
        "language": language or record["language"],
        "kpi": {"id": kpi, "name": KPIS[kpi], "meaning": KPI_MEANING[kpi], "threshold": percent(record["gates"]["threshold"], 0)},
        "script": Markup(script), "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "hero": hero(record, tuned, chosen),
        "forest": charts.forest(record, kpi),
        "threshold": 100 * record["gates"]["threshold"],
        "checks": check_rows(_json(run / "checks.json")),
        "table": table(record, kpi),
        "differences": charts.differences(record, kpi),
        "winner": winner(record, kpi),
        "confusions": [(row["arm"], charts.confusion(row, record)) for row in (rows.get(("base", "as_is")), tuned) if row],
        "cases": cases,
        "cost": charts.cost(chosen, record),
        "money": money.yen_range(record, frame),
        "findings": _json(run / "findings.json"),
        "believes": believes(diagnosis),
        "bridges": bridges(_json(run / runs.BRIDGES), record["currency"]),
        "mix": record["data"].get("mix"), "labels": record.get("labels"),  # older runs have none
        "audit": sorted(_json(run / runs.AUDIT), key=lambda finding: VERDICT_ORDER.index(finding["verdict"])),
        "name_of_finding": name_of_finding,
        "learning": charts.learning(record["training"]["history"]),
        "signature": signature_state(record),
        "groups_tested": int(chosen["group"].nunique()),
        "limits": limits(record, tuned, int(chosen["group"].nunique()), diagnosed=bool(diagnosis)),
        "arms": ARMS,
        "read_as": partial(read_as, record),
        "certain": said_of_certainty(record),
        "stages": STAGES, "grey_rules": GREY_RULES,
    }


def hero(record: dict, tuned: dict, chosen) -> dict:
    """The first screen's verdict and its one sentence on certainty."""
    verdict = record["verdict"]
    return {
        "decision": verdict["decision"],
        "word": VERDICTS[verdict["decision"]],
        "reasons": verdict["reasons"],
        "next": verdict.get("next"),
        "certainty": certainty(record, tuned, int(chosen["group"].nunique())),
        "decision_run": verdict.get("decision_run", False) and signature_state(record)["state"] == "signed",
    }


def certainty(record: dict, tuned: dict, groups: int) -> Text:
    """One sentence: how sure we are, in words for people who do not read intervals."""
    if record["rehearsal"]:
        return both("How sure are we? A rehearsal cannot say: it measured the tiny model, not what is possible.", "確かさ：リハーサルではわかりません。測定したのは練習用の小さなモデルです。")
    if record["verdict"]["decision"] == "none":
        return both("How sure are we? Not at all: a check that every run must pass has failed.", "確かさ：この実行の数値は使えません。必須のチェックが通っていません。")
    kpi, sure = record["gates"]["kpi"], f"{record['gates']['confidence']:.0%}"
    # rounded outwards: a range that is said aloud may be too wide, never too narrow
    value, low, high = round(100 * tuned[kpi]["value"]), math.floor(100 * tuned[kpi]["low"] + 1e-6), math.ceil(100 * tuned[kpi]["high"] - 1e-6)
    where = both(f"Measured on {tuned['n']:,} cases it never saw, from {groups:,} groups.", f"学習に使っていない {tuned['n']:,} 件（{groups:,} グループ）で測定。")
    kind = {
        "macro_recall": both("Of 100 new cases of each kind, the tuned model gets", "新しい事例を種類ごとに 100 件見せると、微調整後のモデルの正解は平均"),
        "accuracy": both("Of 100 new cases, the tuned model gets", "新しい事例を 100 件見せると、微調整後のモデルの正解は"),
        "macro_f1": both("On a scale to 100, the tuned model reaches", "100 点満点で、微調整後のモデルは"),
    }[kpi]
    tail = "" if kpi == "macro_f1" else " right"
    unit = "点" if kpi == "macro_f1" else "件"
    return both(
        f"{kind['en']} about {value}{tail}; we are {sure} sure that it is {low} to {high}. {where['en']}",
        f"{kind['ja']}約 {value} {unit}、{sure}の確かさで {low}～{high} {unit}です。{where['ja']}",
    )


def check_rows(checks: list[dict]) -> list[dict]:
    """The run checks with their names in both languages."""
    status = {"green": both("passed", "合格"), "red": both("FAILED", "不合格"), "na": both("not applicable", "対象外")}
    return [check | {"title": CHECKS.get(check["number"], check["name"]), "word": status[check["status"]]} for check in checks]


def table(record: dict, kpi: str) -> list[dict]:
    """The before/after rows: the KPI first, then accuracy and the yen."""
    metrics = list(dict.fromkeys((kpi, "accuracy", "macro_f1")))
    currency = record["currency"]
    return [
        {"name": ARMS[row["arm"]], "arm": row["arm"], "condition": CONDITIONS[row["condition"]], "first": row["condition"] == "as_is", "n": row["n"],
         "cells": [{"metric": KPIS[m], "value": percent(row[m]["value"]), "low": percent(row[m]["low"]), "high": percent(row[m]["high"])} for m in metrics],
         "yen": {key: about(row["cost_per_1000"][key], currency) for key in ("value", "low", "high")} if row.get("cost_per_1000") else None}
        for arm in ARMS for row in record["results"] if row["arm"] == arm
    ]  # fmt: skip


def winner(record: dict, kpi: str) -> Text:
    """One sentence: tuned model or the best method without an MLLM, whoever wins."""
    best = record["verdict"].get("best_baseline")
    found = next((c["difference"] for c in record["comparisons"] if (c["b"], c["condition"], c["metric"]) == (best, "as_is", kpi)), None)
    if not found:
        return both("No method without an MLLM was measured.", "MLLM を使わない方法は測定していません。")
    span = f"{points(found['low'])} … {points(found['high'])}"
    if found["low"] > 0:
        return both(f"The tuned model wins against “{ARMS[best]['en']}”, the best method without an MLLM: {span} points.",
                    f"微調整後のモデルが、MLLM を使わない最良の方法「{ARMS[best]['ja']}」を上回りました（{span} ポイント）。")  # fmt: skip
    if found["high"] <= 0:
        return both(f"“{ARMS[best]['en']}” wins: {span} points for the tuned model. Using it is a legitimate result.",
                    f"「{ARMS[best]['ja']}」の勝ちです（微調整後との差 {span} ポイント）。これを使うのも正当な結論です。")  # fmt: skip
    return both(f"Undecided between the tuned model and “{ARMS[best]['en']}”: {span} points.", f"「{ARMS[best]['ja']}」との優劣は決まりません（差 {span} ポイント）。")


def signature_state(record: dict) -> dict:
    """Who signed the gates, and whether that was before the run: {"state", "text"}."""
    gates = record["gates"]
    when = str(gates.get("signed_at", ""))[:16].replace("T", " ")
    if gates.get("signed") and str(gates["signed_at"])[:19] > record["created"][:19]:
        return {"state": "late", "text": both(f"Signed by {gates['signed_by']} on {when}, AFTER this run began.", f"{gates['signed_by']} さんが {when} に署名（この実行の開始より後）。")}
    if gates.get("signed") and (seen := gates.get("changed_after")):
        earlier = gates.get("earlier") or [{"name": gates["signed_by"], "time": ""}]
        before = f" ({', '.join(old['name'] + ' ' + old['time'][:16].replace('T', ' ') for old in earlier)})" if earlier[-1]["time"] else ""
        last = seen[-1]
        return {"state": "seen", "text": both(
            f"Gates were CHANGED AFTER DATA WAS SEEN: {gates['signed_by']} signed these on {when}, when run {last['run']} had shown results on {last['rows']:,} of these {record['data']['n']['test']:,} held-out rows under other gates{before}.",
            f"データを見た後に判定基準が変更されています：{gates['signed_by']} さんの署名（{when}）より前に、実行 {last['run']} が別の判定基準のもとで、この評価データ {record['data']['n']['test']:,} 件中 {last['rows']:,} 件の結果を示していました{before}。")}  # fmt: skip
    if gates.get("signed"):
        return {"state": "signed", "text": both(f"Gates signed by {gates['signed_by']} on {when}, before training.", f"判定基準は学習前に署名済み（{gates['signed_by']} さん、{when}）。")}
    if gates.get("state") == "changed":
        return {"state": "changed", "text": both(f"Gates were CHANGED after {gates['signed_by']} signed them on {when}.", f"{gates['signed_by']} さんの署名（{when}）の後に判定基準が変更されています。")}
    return {"state": "unsigned", "text": both("Gates not signed: not a decision run.", "判定基準が未署名のため、決定用の実行ではありません。")}


GREY_RULES = {
    None: both("not agreed", "取り決めなし"), "label_more": both("label more and run again", "ラベルを追加して再実行"), "check_every_answer": both("trial with every answer checked", "全件確認の試行"),
    "stop": both("stop", "中止"),
}  # fmt: skip
VERDICT_ORDER = ("bad", "warn", "info", "good")


def _json(path: Path) -> list:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []


STAGES: dict[str, str] = {
    "audit of the rows": "データの検査", "baselines without an MLLM": "MLLM を使わない比較対象", "base model on held-out rows": "ベースモデルの評価", "fine-tuning": "微調整",
    "tuned model on held-out rows": "微調整後の評価", "run checks": "実行チェック", "results and report": "結果とレポート",
}  # fmt: skip
