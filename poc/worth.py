"""`poc roi`: what a finished run's model is worth against doing nothing and against the best method without an MLLM, from the run's own answers and poc.yaml's `business`.

Rates come from the run's held-out answers by bootstrap, never from a distribution that somebody assumed; only what passes unseen, a sum of few and dear events of which the dearest may not have been seen, is drawn
from the gamma distributions that give the kit's costs their intervals (`kit.evaluation.intervals.cost_draws`), in the order of the bootstrap's draws. The threshold from which cases go to a person is chosen on other rows than those that tell its cost: on
calibration rows where the run has their answers (split "calibration"), else each half of the held-out groups by the other half.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from kit.errors import KitError
from kit.evaluation.cost_curve import break_even_ratio, break_even_review_cost, cheapest, cost_curve
from kit.evaluation.intervals import cost_draws, ends, interval, resampled_by, units_of
from kit.evaluation.metrics import cost_matrix
from kit.evaluation.review import Reviewer, labels_of, ok_of, require_truths, route_rates, routes
from kit.labelling import entries_in, what_people_say
from kit.language import say
from poc import runs
from poc.business import SIGNED_ALIKE, Figure, figures
from poc.roi import Number, Option, Rates, Simulated, checking, draw, first_year, simulate, today, tornado
from poc.roi import cost_of_deciding as cost_of
from poc.usecase import LOGS, load_usecase, read_rows
from poc.words import CHEAP

FILE = "roi.json"
DRAWS, BINS = 10_000, 60


def worth(run: Path, directory: Path | None = None, seed: int = 0, draws: int = DRAWS) -> dict:
    """Computes a run's ROI and writes roi.json into its folder.

    Args:
        run: a finished run with a verdict.
        directory: the use case's folder, for poc.yaml's `business` as it is now; default: looked for as the report does. Costs and shares are those that the run was made with.
        seed, draws: of the bootstrap and of the assumptions.

    Returns:
        roi.json: {"schema", "use_case", "currency", "examples", "confidence", "draws", "seed", "review", "horizon_months", "assumptions", "measured", "today", "options", "tornado", "break_even",
        "better_than_baseline", "first_year" (yen to be paid), "checking" (people's time in it while they check every answer, apart), "notes", "said"}. An option has {"option", "month", "once", "npv", "payback", "paid_back", "positive", "distribution"}.

    Raises:
        KitError: no finished run, no verdict, no costs, no folder, costs of the folder that are not the run's, or assumptions that only the company knows and did not write.
    """
    record, frame = runs.read(run), runs.read_predictions(run)
    costs = _require(record, run)
    directory = directory or runs.evidence_folder(run, record, frame)
    if directory is None:
        raise KitError(say("the use case's folder is not found; name it with --folder", "ユースケースのフォルダーが見つかりません。--folder で指定してください"))
    use = load_usecase(directory)
    if use.name != record["use_case"]:
        raise KitError(say(f"{directory} is the use case {use.name}, and {run} is a run of {record['use_case']}: name that folder with --folder",
                           f"{directory} は {use.name}、{run} は {record['use_case']} の実行です。--folder で正しいフォルダーを指定してください"))  # fmt: skip
    assumed = figures(use.business, record, _seconds_per_label(directory, use))
    _require_same_costs(use, costs, assumed, directory, run)
    review = use.business.review if use.business else "unsure"
    options, measured = _options(frame, record, costs, assumed, review, run, draws, seed)
    simulated = {name: simulate(option, assumed, draws, seed) for name, option in options.items()}
    found = {
        "schema": 1, "use_case": record["use_case"], "currency": record["currency"], "examples": bool(record["costs_are_examples"]), "confidence": record["gates"]["confidence"], "draws": draws, "seed": seed,
        "review": review, "horizon_months": int(assumed["horizon_months"].value), "assumptions": [one.as_dict(record["currency"]) for one in assumed.values()], "measured": measured,
        "today": _today(options["tuned"], assumed), "options": [_nothing(), *(_row(name, options[name], one, assumed, record["gates"]["confidence"]) for name, one in simulated.items())],
        "tornado": tornado(options["tuned"], assumed, record["gates"]["confidence"]), "better_than_baseline": _better(simulated, record),
        "first_year": _drawn(first_year, assumed, record["gates"]["confidence"], draws, seed), "checking": _drawn(checking, assumed, record["gates"]["confidence"], draws, seed),
    }  # fmt: skip
    found["break_even"] = _break_even(frame, record, costs, assumed, review, measured["tuned"]["thresholds"])
    from poc.worth_said import notes, said

    found["notes"] = notes(found)
    found["said"] = said(found)
    runs.write_json(run / FILE, found)
    return found


def _require(record: dict, run: Path) -> dict:
    """The costs that the run was made with, without what was not given."""
    if record["verdict"]["decision"] == "none":
        raise KitError(say(f"{run} has no verdict (a rehearsal, or a red run check), and money computed from it would mislead: {record['verdict']['next']['en']}",
                           f"{run} には判定がなく（リハーサル、または実行チェックが赤）、そこから計算した金額は誤解を招きます：{record['verdict']['next']['ja']}"))  # fmt: skip
    if not record.get("costs"):
        raise KitError(say("poc.yaml had no costs when this run was made: write what a miss and a false alarm cost (costs: {miss, false_alarm, ok_answer}), then run again",
                           "この実行の poc.yaml には costs がありません。見逃しと過検出の費用（costs: {miss, false_alarm, ok_answer}）を書いてから再実行してください"))  # fmt: skip
    return {key: value for key, value in record["costs"].items() if value is not None}


def _require_same_costs(use, costs: dict, assumed: dict[str, Figure], directory: Path, run: Path) -> None:
    """Refuses errors that would be counted at one price and avoided at another: the thresholds and the gates come from the run's costs, the money from poc.yaml's `business` as it is now."""
    now = {key: value for key, value in use.costs.model_dump().items() if value is not None} if use.costs else costs
    counted = {"miss": assumed["miss_internal"].value + assumed["miss_claim"].value, "false_alarm": assumed["false_alarm"].value}
    if now == costs and any(abs(yen - {"miss": 1.0, "false_alarm": 0.0}[key] if costs.get("matrix") else yen - costs[key]) > SIGNED_ALIKE for key, yen in counted.items()):
        now = counted
    if now != costs:
        here, there = (json.dumps(one, ensure_ascii=False) for one in (now, costs))
        raise KitError(say(f"{directory / 'poc.yaml'} now has the costs {here}, and {run} was made, its thresholds chosen, with {there}: run again with the new ones (poc run {directory}), or put those of the run back",
                           f"{directory / 'poc.yaml'} の費用は現在 {here} ですが、{run} は {there} で作られ、しきい値もそれで選ばれています。新しい費用で再実行するか（poc run {directory}）、実行時の費用に戻してください"))  # fmt: skip


def _seconds_per_label(directory: Path, use) -> float | None:
    """As the labelling bench measured it; None where nobody has labelled there."""
    log = Path(directory) / LOGS
    return what_people_say(entries_in(log), read_rows(directory, use, verify=False).samples)[-1].value if log.is_dir() else None


def _options(frame: pd.DataFrame, record: dict, costs: dict, assumed: dict[str, Figure], review: str, run: Path, draws: int, seed: int) -> tuple[dict[str, Option], dict]:
    """The tuned model, the best method without an MLLM and, where it was diagnosed, the model with its price of wrong notes; and what was measured of each."""
    frame = frame[frame["condition"].isin(("as_is", "calibration"))]
    rows = {arm: frame[(frame["arm"] == arm) & (frame["split"] == "test")].reset_index(drop=True) for arm in ("tuned", *CHEAP)}
    best = record["verdict"]["best_baseline"]
    arms = ["tuned"] + ([best] if best in rows and len(rows[best]) else [])
    test, prevalence, labels = rows["tuned"], record["prevalence"] or None, labels_of(*(rows[arm] for arm in arms))
    require_truths(test, prevalence)
    person = Reviewer(assumed["person_sensitivity"].value, assumed["person_specificity"].value, assumed["seconds_per_review"].value / 3600 * assumed["wage_per_hour"].value)
    taken, measured = [], {}
    for arm in arms:
        aligned = rows[arm].set_index("id").loc[test["id"]].reset_index()
        chose = frame[(frame["arm"] == arm) & (frame["split"] == "calibration")].reset_index(drop=True)
        codes, thresholds = _routed(aligned, chose, labels, costs, prevalence, review, person)
        taken.append(codes)
        measured[arm] = {"rows": len(test), "groups": int(test["group"].nunique()), "resampled": resampled_by(test), "thresholds": thresholds, "chosen_on": "calibration" if len(chose) else "halves"}
    rates, drawn = route_rates(taken, test, labels, draws, seed)
    shares = np.broadcast_to([prevalence.get(label, 0.0) for label in labels], drawn.shape) if prevalence else drawn
    seconds, found = record.get("seconds_per_answer") or 0.0, {}
    for place, (arm, rate) in enumerate(zip(arms, rates, strict=True)):
        plain = _option(rate, shares, labels, costs, seconds if arm == "tuned" else 0.0, arm == "tuned")
        passed = cost_draws(plain.measured.passed, plain.drawn.passed, _heaviest(test, labels, costs, shares[0]), record["gates"]["confidence"], units_of(test).max() + 1, seed + place)
        found[arm] = replace(plain, drawn=replace(plain.drawn, passed=np.minimum(passed, plain.bad[1]) if ok_of(costs) else passed))  # no more than there are
        measured[arm] |= _told(found[arm], assumed, rate, shares, test, labels, costs, record["gates"]["confidence"])
    if price := _wrong_notes(run):
        found["tuned_wrong_notes"] = Option(**vars(found["tuned"]) | {"wrong_notes": price})
    return found, measured | {"seconds_per_answer": seconds, "prevalence": bool(prevalence), "best_baseline": best if best in arms else ""}


def _routed(test: pd.DataFrame, calibration: pd.DataFrame, labels: list[str], costs: dict, prevalence, review: str, person: Reviewer) -> tuple[np.ndarray, list[float]]:
    """Route (n,) of each test case by a threshold that other rows chose, and the thresholds."""

    def choose(rows: pd.DataFrame) -> float:
        seen = {label: share for label, share in (prevalence or {}).items() if (rows["answer"] == label).any()}  # a half may lack a rare answer
        seen = {label: share / sum(seen.values()) for label, share in seen.items()}
        return float(cheapest(cost_curve(rows, costs, seen, review, person, resamples=0))["threshold"])

    if len(calibration):
        threshold = choose(calibration)
        return routes(test, labels, np.array([threshold]), review, ok_of(costs))[:, 0], [threshold]
    groups = np.unique(test["group"].astype(str), return_inverse=True)[1]
    half = (groups if groups.max() else np.arange(len(test))) % 2
    thresholds = [choose(test[half != side]) for side in (0, 1)]
    both = routes(test, labels, np.array(thresholds), review, ok_of(costs))
    return both[np.arange(len(test)), half], thresholds


def _option(rate: np.ndarray, shares: np.ndarray, labels: list[str], costs: dict, seconds: float, mllm: bool) -> Option:
    """From P(route | truth) (R + 1, K, K + 1) and the line's shares of the truths (R + 1, K); the first of each is what was measured."""
    ok, count = ok_of(costs), len(labels)
    looks = (shares * rate[:, :, count]).sum(1)
    if ok is None:  # per confusion: errors are counted in yen, and a person's errors fall on each other answer alike
        cost = cost_matrix(labels, costs)
        stake = cost.sum(1) / (count - 1)
        bad, good = shares @ stake, np.zeros(len(shares))
        parts = (shares * (rate[:, :, :count] * cost).sum(2)).sum(1), good, (shares * rate[:, :, count] * stake).sum(1), good, looks
    else:
        place = labels.index(ok)
        faulty = np.arange(count) != place
        bad, good = shares[:, faulty].sum(1), shares[:, place]
        parts = ((shares * rate[:, :, place])[:, faulty].sum(1), good * rate[:, place, :count][:, faulty].sum(1), (shares * rate[:, :, count])[:, faulty].sum(1), good * rate[:, place, count], looks)
    return Option(Rates(*(float(part[0]) for part in parts)), Rates(*(part[1:] for part in parts)), (float(bad[0]), bad[1:]), (float(good[0]), good[1:]), seconds, mllm)


def _heaviest(test: pd.DataFrame, labels: list[str], costs: dict, shares: np.ndarray) -> float:
    """What one more of the rows, passed, would add to `passed`: the most of any truth, of the line's shares (K,)."""
    ok, cost = ok_of(costs), cost_matrix(labels, costs)
    return max(share / (test["answer"] == label).sum() * (label != ok if ok else cost[i].max()) for i, (label, share) in enumerate(zip(labels, shares, strict=True)) if share > 0)


def _told(option: Option, assumed: dict[str, Figure], rate: np.ndarray, shares: np.ndarray, test: pd.DataFrame, labels: list[str], costs: dict, confidence: float) -> dict:
    """Per 1,000 cases with its interval: what passes, what is refused and what a person answers; and the truths of which no row was missed."""
    between, plain = ends(units_of(test).max() + 1, confidence), [(1 - confidence) / 2, (1 + confidence) / 2]  # what passes was drawn as wide as it has to be
    found = {name: [1000 * float(value) for value in (getattr(option.measured, name), *np.quantile(getattr(option.drawn, name), plain if name == "passed" else between))] for name in ("passed", "refused", "looks")}
    ok = ok_of(costs)
    never = [label for i, label in enumerate(labels) if ok and label != ok and shares[0, i] > 0 and rate[0, i, labels.index(ok)] == 0]
    return found | {"never_missed": {label: int((test["answer"] == label).sum()) for label in never}}


def _wrong_notes(run: Path) -> tuple[float, float, float] | None:
    """The price of wrong notes per 1,000 cases of the run's diagnosis, where its share of wrong notes was given: one that was counted in the rows is in the answers already."""
    path = run / runs.DIAGNOSIS
    price = json.loads(path.read_text(encoding="utf-8")).get("price") if path.is_file() else None
    if not price or not price.get("yen") or price.get("counted"):
        return None
    value, low, high = price["yen"]
    return (value, min(low, value), max(high, value))


def _today(option: Option, assumed: dict[str, Figure]) -> dict[str, float]:
    """Yen a month as cases are decided today, at the values."""
    value = {key: one.value for key, one in assumed.items()}
    now = today(option.bad[0], option.ok[0], value["inspected_today"])
    return {line: float(yen) for line, yen in cost_of(value, now, value["seconds_per_inspection"]).items()}


def first_year_of(use, record: dict, directory: Path) -> dict | None:
    """What has to be paid in the first year, {"value", "low", "high"} at the gates' confidence; None while poc.yaml's `business` lacks a figure that it needs."""
    try:
        assumed = figures(use.business, record, _seconds_per_label(directory, use))
    except KitError:  # `poc roi` says which
        return None
    return _drawn(first_year, assumed, record["gates"]["confidence"])


def _drawn(what: Callable[[dict], Number], assumed: dict[str, Figure], confidence: float, draws: int = DRAWS, seed: int = 0) -> dict:
    """`what` at the values of the assumptions, and between which ends it lies over their draws."""
    value = float(what({key: one.value for key, one in assumed.items()}))
    return interval(value, np.broadcast_to(what(draw(assumed, draws, seed)), draws), confidence)


def _nothing() -> dict:
    """Doing nothing: everything stays as it is, which all other options are measured against."""
    return {"option": "nothing", "month": {}, "once": {}, "npv": {"value": 0.0, "low": 0.0, "high": 0.0}, "payback": None, "paid_back": None, "positive": None, "distribution": None}


def _row(name: str, option: Option, one: Simulated, assumed: dict[str, Figure], confidence: float) -> dict:
    value, tail = {key: figure.value for key, figure in assumed.items()}, (1 - confidence) / 2
    month, once = option.month(value)
    low, high = np.quantile(one.npv_drawn, [tail, 1 - tail])
    first, last = np.quantile(one.months_drawn, [tail, 1 - tail], method="nearest")  # infinity cannot be interpolated
    counts, edges = np.histogram(one.npv_drawn, BINS)
    return {"option": name, "month": {line: float(yen) for line, yen in month.items()}, "once": {line: float(yen) for line, yen in once.items()},
            "npv": {"value": one.npv, "low": float(low), "high": float(high)},
            "payback": {key: None if np.isinf(months) else float(months) for key, months in (("value", one.months), ("low", first), ("high", last))},  # None: not within the horizon
            "paid_back": float(np.isfinite(one.months_drawn).mean()), "positive": float((one.npv_drawn > 0).mean()),
            "distribution": {"edges": edges.tolist(), "counts": counts.tolist()}}  # fmt: skip


def _better(simulated: dict[str, Simulated], record: dict) -> dict | None:
    """NPV of the model less that of the best method without an MLLM, draw by draw."""
    best, tail = record["verdict"]["best_baseline"], (1 - record["gates"]["confidence"]) / 2
    if best not in simulated:
        return None
    ahead = simulated["tuned"].npv_drawn - simulated[best].npv_drawn
    low, high = np.quantile(ahead, [tail, 1 - tail])
    return {"arm": best, "value": simulated["tuned"].npv - simulated[best].npv, "low": float(low), "high": float(high), "share": float((ahead > 0).mean())}


def _break_even(frame: pd.DataFrame, record: dict, costs: dict, assumed: dict[str, Figure], review: str, thresholds: list[float]) -> dict:
    """How dear a miss must be against a false alarm for the model's own answers to beat letting everything pass, and how dear a person's look may be; None where it cannot be said."""
    test = frame[(frame["arm"] == "tuned") & (frame["condition"] == "as_is") & (frame["split"] == "test")].reset_index(drop=True)
    prevalence, confidence, ok = record["prevalence"] or None, record["gates"]["confidence"], ok_of(costs)
    ratio = break_even_ratio(test, ok, None, prevalence, confidence) if ok else None
    person = Reviewer(assumed["person_sensitivity"].value, assumed["person_specificity"].value)
    look = None if review == "none" else break_even_review_cost(test, costs, float(np.mean(thresholds)), person, prevalence, review, confidence)
    finite = ratio and {key: None if isinstance(value, float) and np.isinf(value) else value for key, value in ratio.items()}
    return {"miss_to_false_alarm": finite, "look": look}
