"""Which bridge? All of them on one KPI, what each costs and how it fails, and a recommendation by a stated rule.

    tried = try_bridges([converter(...), perceiver(...), ToolLearning(...), DataDriven(...)], train, validation, test, work)
    bridge_table(tried, labels)
    recommended(tried, labels)
"""

import math
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kit.bridges.bridge import Bridge, Facts
from kit.bridges.remote import UNANSWERED
from kit.data import Sample
from kit.errors import KitError
from kit.evaluation import compare, evaluate
from kit.finding import Finding
from kit.language import say

_ALONE = 5  # answers that latency is measured on


@dataclass(frozen=True)
class Tried:
    """A bridge that was tried.

    Attributes:
        name: of the bridge.
        facts: its own.
        frame: its answers to the held-out rows; None where it did not work.
    """

    name: str
    facts: Facts
    frame: pd.DataFrame | None


def try_bridges(bridges: list[Bridge], train: list[Sample], validation: list[Sample], test: list[Sample], work: Path) -> list[Tried]:
    """Fits each bridge in a folder of its own below `work`, and asks it the held-out rows; one that cannot work here says why in `facts.failed`, and the others go on.

    Args:
        train, validation, test: the same for all. What should not decide is best left out of all three (`kit.data.only_deciding`): what a bridge does about it is another question (kit.diagnosis).

    Raises:
        ValueError: two bridges of one name.
    """
    names = [bridge.name for bridge in bridges]
    if len(set(names)) < len(names):
        raise ValueError(f"bridges need names of their own; given {names}")
    tried = []
    for bridge in bridges:
        try:
            bridge.fit(train, validation, work / bridge.name.replace(" ", "_"))
            frame = bridge.predict(test)
            if math.isnan(bridge.facts.latency):
                bridge.facts.latency = statistics.median(_seconds(bridge, sample) for sample in test[:_ALONE])
        except KitError as error:
            bridge.facts.failed.append(str(error))
            frame = None
        tried.append(Tried(bridge.name, bridge.facts, frame))
    return tried


def _seconds(bridge: Bridge, sample: Sample) -> float:
    started = time.perf_counter()
    bridge.predict([sample])
    return time.perf_counter() - started


def bridge_table(tried: list[Tried], labels: list[str], kpi: str = "macro_recall", costs: dict | None = None, prevalence: dict[str, float] | None = None) -> pd.DataFrame:
    """One row per bridge.

    Args:
        labels, costs, prevalence: see `kit.evaluation.evaluate`.
        kpi: one of kit.evaluation.METRICS.

    Returns:
        bridge, n (held-out rows), the KPI by its name with low and high (95 %), cost_per_1000 (where costs are given), trained (parameters), updates, rows (of training), fit_seconds, latency_ms, tokens,
        cost_per_call, audit, weak, failed ("" where nothing did; NaN stands for what could not be measured then).
    """
    rows = []
    for one in tried:
        measured = evaluate(one.frame, _all(labels, [one]), costs, prevalence) if one.frame is not None else {}
        value = measured.get(kpi) or dict.fromkeys(("value", "low", "high"), float("nan"))
        row = {"bridge": one.name, "n": measured.get("n", 0), kpi: value["value"], "low": value["low"], "high": value["high"]}
        if costs:
            row["cost_per_1000"] = (measured.get("cost_per_1000") or {}).get("value", float("nan"))
        facts = one.facts
        row |= {"trained": facts.trained, "updates": facts.updates, "rows": facts.rows, "fit_seconds": facts.seconds, "latency_ms": 1000 * facts.latency, "tokens": facts.tokens, "cost_per_call": facts.cost_per_call}
        rows.append(row | {"audit": facts.audit, "weak": facts.weak, "failed": " | ".join(facts.failed)})
    return pd.DataFrame(rows)


def _all(labels: list[str], tried: list[Tried]) -> list[str]:
    """The labels, and UNANSWERED where a bridge gave no option: a class that no row has in truth, so that it is wrong, leaves every mean alone, and costs what a part costs that a person looks at."""
    return [*labels, UNANSWERED] if any((one.frame["predicted"] == UNANSWERED).any() for one in tried) else labels


def recommended(tried: list[Tried], labels: list[str], kpi: str = "macro_recall", auditable: tuple[str, ...] = ()) -> Finding:
    """The bridge to take, by this rule: of those that the best one does not beat (the 95 % interval of the paired difference reaches 0), the one that trains the fewest parameters; among equals the faster one.

    Args:
        labels, kpi: as of `bridge_table`.
        auditable: names of bridges; given, only those come into question (a rule of the company that an answer must be traceable), and the finding says what that costs.

    Returns:
        A Finding: value and interval are the KPI of the recommended bridge, evidence holds each bridge's paired distance to the best. Verdict "warn" where the difference to the best cannot be told, "bad"
        where nothing worked, else "good".
    """
    working = [one for one in tried if one.frame is not None]
    rule = say("rule: as good as the best within the paired 95 % interval, then fewest trained parameters, then latency", "規則：最良との対応差の 95 % 区間が 0 を含むもののうち、学習パラメーターが最少、次に応答が速いもの")
    allowed = [one for one in working if not auditable or one.name in auditable]
    if not allowed:
        told = " | ".join(text for one in tried for text in one.facts.failed)
        return Finding("recommended bridge", None, verdict="bad", summary=say(f"no bridge that comes into question worked here: {told}", f"条件に合うブリッジは、どれも動きませんでした：{told}"), evidence={"rule": rule})
    labels = _all(labels, working)
    measured = {one.name: evaluate(one.frame, labels)[kpi] for one in working}
    best = max(allowed, key=lambda one: measured[one.name]["value"])
    behind = {one.name: compare(best.frame, one.frame, labels, kpi) for one in working}
    equal = [one for one in allowed if one is best or behind[one.name]["low"] <= 0]
    chosen = min(equal, key=lambda one: (one.facts.trained, one.facts.latency))
    value, difference = measured[chosen.name], behind[chosen.name]
    others = ", ".join(one.name for one in equal if one is not chosen) or say("none", "なし")
    top = max(working, key=lambda one: measured[one.name]["value"])
    price = compare(top.frame, chosen.frame, labels, kpi) if auditable and top is not chosen else None
    more = "" if price is None else say(
        f" Traceable answers cost {100 * price['value']:.1f} points [{100 * price['low']:.1f}, {100 * price['high']:.1f}] against {top.name}.",
        f"追跡できる答えに限ると、{top.name} より {100 * price['value']:.1f} ポイント［{100 * price['low']:.1f}, {100 * price['high']:.1f}］低くなります。",
    )  # fmt: skip
    return Finding(
        "recommended bridge", value["value"], value["low"], value["high"], "good" if chosen is best else "warn",
        say(
            f"{chosen.name}: {kpi} {100 * value['value']:.1f} % [{100 * value['low']:.1f}, {100 * value['high']:.1f}], {chosen.facts.trained:,} trained parameters; behind the best ({best.name}) by "
            f"{100 * difference['value']:.1f} points [{100 * difference['low']:.1f}, {100 * difference['high']:.1f}]; not told apart from it: {others}.{more}",
            f"{chosen.name}：{kpi} {100 * value['value']:.1f} %［{100 * value['low']:.1f}, {100 * value['high']:.1f}］、学習パラメーター {chosen.facts.trained:,} 個。最良（{best.name}）との差は "
            f"{100 * difference['value']:.1f} ポイント［{100 * difference['low']:.1f}, {100 * difference['high']:.1f}］。最良と区別できないもの：{others}。{more}",
        ),
        {"chosen": chosen.name, "best": best.name, "rule": rule, "behind_the_best": behind},
        say("ask more held-out rows before anything is bought on a difference that cannot be told", "区別できない差で導入を決める前に、評価行を増やしてください") if len(equal) > 1 else "",
        say("labels of held-out rows; no new training", "評価行のラベルのみ。再学習は不要") if len(equal) > 1 else "",
    )  # fmt: skip
