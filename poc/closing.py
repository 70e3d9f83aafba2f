"""The last lines that a command says: what came out, in a few words, and where the rest is."""

from pathlib import Path

from kit.language import current, say
from poc import runs
from poc.words import ARMS, VERDICTS


def closing_lines(run_folder: Path) -> list[str]:
    """The last lines of a run: the verdict with its first reason, the yen, and where the report is."""
    record, language = runs.read(run_folder), current()
    verdict = record["verdict"]
    reasons = "".join(f" {reason[language]}" for reason in verdict["reasons"][:1])
    lines = [say("Verdict: ", "判定: ") + VERDICTS[verdict["decision"]][language] + say(".", "。") + reasons]
    costs = {row["arm"]: row["cost_per_1000"] for row in record["results"] if row["condition"] == "as_is"}
    shown = [f"{ARMS[arm][language]} {_yen(costs[arm])}" for arm in ("tuned", verdict["best_baseline"]) if costs.get(arm)]
    if shown:
        marked = say(" (the prices are examples)", "（単価は例です）") if record["costs_are_examples"] else ""
        lines.append(say("Cost of errors per 1,000: ", "1,000 件あたりの誤りの費用: ") + "; ".join(shown) + marked)
    return [*lines, say("Report: ", "レポート: ") + str(run_folder / "report.html")]


def predicted_lines(done) -> list[str]:
    """The last lines of `poc predict` (poc.predict.Predicted)."""
    lines = [
        say(
            f"{done.table}: {done.rows} rows, {done.abstained} left to a person (share of the most likely answer below {done.threshold:g}), {done.failed} not readable",
            f"{done.table}：{done.rows} 行。人に回す {done.abstained} 行（最有力の答えの割合が {done.threshold:g} 未満）、読めない {done.failed} 行",
        )
    ]
    if done.accuracy:
        low, value, high = (100 * done.accuracy[key] for key in ("low", "value", "high"))
        lines.append(say(f"Most likely answers right: {value:.1f} % [{low:.1f}, {high:.1f}] (where the folder has labels)",
                         f"最有力の答えの正解率：{value:.1f} % [{low:.1f}, {high:.1f}]（ラベルのある行）"))  # fmt: skip
    lines.append(say("The threshold is a plain one on uncalibrated shares: no guarantee.", "しきい値は較正していない割合に対するもので、保証はありません。"))
    if done.rehearsal:
        lines.append(say("Rehearsal: the tiny model answered; nothing may be decided by these answers.", "リハーサル：小さなモデルの答えです。判断に使わないでください。"))
    return lines


def _yen(cost: dict) -> str:
    return say(f"{cost['value']:,.0f} yen [{cost['low']:,.0f} to {cost['high']:,.0f}]", f"{cost['value']:,.0f} 円 [{cost['low']:,.0f}〜{cost['high']:,.0f}]")
