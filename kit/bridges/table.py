"""Which bridge? All of them on one KPI, what each costs and how it fails, and a recommendation by a stated rule.

    tried = try_bridges([converter(...), perceiver(...), ToolLearning(...), DataDriven(...)], train, validation, test, work)
    bridge_table(tried, labels)
    recommended(tried, labels)
"""

import math
import traceback
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from kit.bridges.bridge import Bridge, Facts
from kit.bridges.kept import Kept, latency
from kit.bridges.remote import UNANSWERED
from kit.data import Sample
from kit.errors import KitError
from kit.evaluation import compare, evaluate
from kit.finding import Finding
from kit.language import say
from kit.models.forward import is_out_of_memory

MARGIN = 0.05  # of the KPI: what a cheaper bridge may lose


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
    """Fits each bridge in a folder of its own below `work`, and asks it the held-out rows; one that cannot work here, for whatever reason, says why in `facts.failed`, and the others go on.

    What no `KitError` explains (a broken file, a library's error) is told in one line, with its traceback in failed.txt of its folder. Only an interruption stops them all.

    Args:
        bridges: one that is wrapped in `kit.bridges.Kept` is read from its file where it was asked before, and lets its model go.
        train, validation, test: the same for all. What should not decide is best left out of all three (`kit.data.only_deciding`): what a bridge does about it is another question (kit.diagnosis).

    Raises:
        ValueError: two bridges of one name.
    """
    names = [bridge.name for bridge in bridges]
    if len(set(names)) < len(names):
        raise ValueError(f"bridges need names of their own; given {names}")
    tried = []
    for bridge in bridges:
        tried.append(try_bridge(bridge, train, validation, test, work / bridge.name.replace(" ", "_")))
        if isinstance(bridge, Kept):
            bridge.release()
    return tried


def try_bridge(bridge: Bridge, train: list[Sample], validation: list[Sample], test: list[Sample], work: Path) -> Tried:
    """One of them; see `try_bridges`."""
    frame = None
    try:
        bridge.fit(train, validation, work)
        frame = bridge.predict(test)
        if math.isnan(bridge.facts.latency):
            bridge.facts.latency = latency(bridge, test)
    except KitError as error:
        bridge.facts.failed.append(str(error))
    except Exception as error:
        work.mkdir(parents=True, exist_ok=True)
        (work / "failed.txt").write_text(traceback.format_exc(), encoding="utf-8")
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        bridge.facts.failed.append(say("out of memory: ", "メモリ不足：") * is_out_of_memory(error) + f"{type(error).__name__}: {reason}")
    if frame is None and torch.cuda.is_available():
        torch.cuda.empty_cache()  # outside the handlers, whose traceback holds on to the tensors
    return Tried(bridge.name, bridge.facts, frame)


def bridge_table(tried: list[Tried], labels: list[str], kpi: str = "macro_recall", costs: dict | None = None, prevalence: dict[str, float] | None = None) -> pd.DataFrame:
    """One row per bridge.

    Args:
        labels, costs, prevalence: see `kit.evaluation.evaluate`.
        kpi: one of kit.evaluation.METRICS.

    Returns:
        bridge, n (held-out rows), the KPI by its name with low and high (95 %), cost_per_1000 (where costs are given), trained (parameters), updates, rows (of training), fit_seconds, latency_ms, tokens,
        start (what it began with: fresh weights, or a checkpoint that somebody aligned before), cost_per_call, audit, weak, failed ("" where nothing did; NaN stands for what could not be measured then).
    """
    rows = []
    for one in tried:
        measured = evaluate(one.frame, _all(labels, [one]), costs, prevalence) if one.frame is not None else {}
        value = measured.get(kpi) or dict.fromkeys(("value", "low", "high"), float("nan"))
        row = {"bridge": one.name, "n": measured.get("n", 0), kpi: value["value"], "low": value["low"], "high": value["high"]}
        if costs:
            unpriced = costs.get("matrix") and UNANSWERED in _all(labels, [one])  # nobody said what an answer that names no option costs
            row["cost_per_1000"] = float("nan") if unpriced else (measured.get("cost_per_1000") or {}).get("value", float("nan"))
        facts = one.facts
        row |= {"trained": facts.trained, "updates": facts.updates, "rows": facts.rows, "fit_seconds": facts.seconds, "latency_ms": 1000 * facts.latency, "tokens": facts.tokens, "cost_per_call": facts.cost_per_call}
        rows.append(row | {"start": facts.start, "audit": facts.audit, "weak": facts.weak, "failed": " | ".join(facts.failed)})
    return pd.DataFrame(rows)


def _all(labels: list[str], tried: list[Tried]) -> list[str]:
    """The labels, and UNANSWERED where a bridge gave no option: a class that no row has in truth, so that it is wrong, leaves every mean alone, and costs what a part costs that a person looks at."""
    return [*labels, UNANSWERED] if any(one.frame is not None and (one.frame["predicted"] == UNANSWERED).any() for one in tried) else labels


def stated_rule(margin: float = MARGIN) -> str:
    """The rule of `recommended`, in a sentence for whoever reads what it chose."""
    return say(
        f"rule: shown to be at most {100 * margin:g} points worse than the best (paired 95 % interval), then what a call costs elsewhere (an unknown price counts as the highest), fewest trained parameters, latency; the best and the chosen one are picked on the rows that their figures are of",
        f"規則：最良より悪くても {100 * margin:g} ポイント以内と示されたもの（対応差の 95 % 区間）のうち、外部に払う 1 件の料金が最少（不明な料金は最大とみなす）、次に学習した数値が最少、応答が速いもの。最良と推奨は、数値を出したのと同じ行で選んでいます",
    )


def recommended(tried: list[Tried], labels: list[str], kpi: str = "macro_recall", auditable: tuple[str, ...] = (), margin: float = MARGIN) -> Finding:
    """The bridge to take, by this rule: of those that are shown to be at most `margin` worse than the best one (non-inferiority: the whole 95 % interval of the paired difference lies below it), the one
    that trains the fewest parameters; among equals the faster one. Of several best ones the cheapest is the best.

    Why no "not told apart from the best": with few rows nothing is told apart, and the cheapest would win because too little was asked. Here few rows leave the best one, and the finding says which
    cheaper ones were neither shown to be as good nor to be worse, and about how many rows that takes.

    Args:
        labels, kpi: as of `bridge_table`.
        auditable: names of bridges; given, only those come into question (a rule of the company that an answer must be traceable), and the finding says what that costs.
        margin: what a cheaper bridge may lose, in units of the KPI.

    Returns:
        A Finding: value and interval are the KPI of the recommended bridge, evidence holds each bridge's paired distance to the best. Verdict "warn" where a cheaper bridge is undecided, "bad" where nothing
        worked, else "good".
    """
    working = [one for one in tried if one.frame is not None]
    rule = stated_rule(margin)
    allowed = [one for one in working if not auditable or one.name in auditable]
    if not allowed:
        told = " | ".join(text for one in tried for text in one.facts.failed)
        return Finding("recommended bridge", None, verdict="bad", summary=say(f"no bridge that comes into question worked here: {told}", f"条件に合うブリッジは、どれも動きませんでした：{told}"), evidence={"rule": rule})
    labels = _all(labels, working)
    measured = {one.name: evaluate(one.frame, labels)[kpi] for one in working}
    cheap = {one.name: (math.inf if math.isnan(one.facts.cost_per_call) else one.facts.cost_per_call, one.facts.trained, one.facts.latency) for one in working}
    best = min(allowed, key=lambda one: (-measured[one.name]["value"], *cheap[one.name]))
    behind = {one.name: compare(best.frame, one.frame, labels, kpi) for one in working}
    chosen = min((one for one in allowed if one is best or behind[one.name]["high"] <= margin), key=lambda one: cheap[one.name])
    open_ = [one.name for one in allowed if cheap[one.name] < cheap[chosen.name] and behind[one.name]["low"] <= margin < behind[one.name]["high"]]
    top = max(working, key=lambda one: measured[one.name]["value"])
    price = compare(top.frame, chosen.frame, labels, kpi) if auditable and top is not chosen else None
    n = len(best.frame)
    needed = round(n * max((_half(behind[name]) / margin) ** 2 for name in open_)) if open_ else 0
    return Finding(
        "recommended bridge", *(measured[chosen.name][name] for name in ("value", "low", "high")), "warn" if open_ else "good",
        _summary(chosen, best, kpi, measured[chosen.name], behind[chosen.name], open_, n, margin) + _priced(price, top),
        {"chosen": chosen.name, "best": best.name, "rule": rule, "margin": margin, "undecided": open_, "behind_the_best": behind},
        say(f"before money depends on it: about {needed} held-out rows instead of {n} would tell the cheaper ones apart within {100 * margin:g} points",
            f"費用に関わる判断の前に、評価行を {n} 件から約 {needed} 件に増やせば、より安いものを {100 * margin:g} ポイントの精度で判断できます") if open_ else "",
        say("labels of held-out rows; no new training", "評価行のラベルのみ。再学習は不要") if open_ else "",
    )  # fmt: skip


def _half(interval: dict) -> float:
    return (interval["high"] - interval["low"]) / 2


def _summary(chosen: Tried, best: Tried, kpi: str, value: dict, difference: dict, undecided: list[str], n: int, margin: float) -> str:
    numbers = f"{kpi} {100 * value['value']:.1f} % [{100 * value['low']:.1f}, {100 * value['high']:.1f}]"
    lost = f"{100 * difference['value']:.1f} points [{100 * difference['low']:.1f}, {100 * difference['high']:.1f}]"
    told = say(
        f"{chosen.name}: {numbers} on {n} rows, {chosen.facts.trained:,} trained parameters; " + ("it is the best itself." if chosen is best else f"behind the best ({best.name}) by {lost}, at most {100 * margin:g} allowed."),
        f"{chosen.name}：評価行 {n} 件で {numbers}、学習した数値 {chosen.facts.trained:,} 個。" + ("これが最良です。" if chosen is best else f"最良（{best.name}）との差は {lost.replace(' points', ' ポイント')}、許容は {100 * margin:g} ポイントまで。"),
    )
    if undecided:
        told += say(
            f" Cheaper, and with {n} rows neither shown to be as good nor to be worse: {', '.join(undecided)}.",
            f"より安く、{n} 件では同等とも劣るとも示せないもの：{'、'.join(undecided)}。",
        )
    return told


def _priced(price: dict | None, top: Tried) -> str:
    if price is None:
        return ""
    return say(
        f" Traceable answers cost {100 * price['value']:.1f} points [{100 * price['low']:.1f}, {100 * price['high']:.1f}] against {top.name}.",
        f"追跡できる答えに限ると、{top.name} より {100 * price['value']:.1f} ポイント［{100 * price['low']:.1f}, {100 * price['high']:.1f}］低くなります。",
    )
