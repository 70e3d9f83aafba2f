"""Return on investment, by formulas that a person can redo on paper: money a month against how cases are decided today, net present value, payback, and what moves them.

Everything here is pure: figures in, numbers out, each either one number or R draws of it. Measured rates come from a bootstrap of the run's answers (`kit.evaluation.review.route_rates`), assumptions are
drawn from triangular distributions between their ends; the same draw serves all options, so that options are compared pair by pair.

    a month's saving   = cost of deciding today - cost of deciding with the option      (`monthly`)
    investment         = integration + machine + labels x seconds x wage / 3600         (`investment`)
    net_m              = 0 until months_to_start; then, for months_all_checked, -(running costs + what looking at more cases than today costs)  (`while_checked`); then a month's saving less the
                         running costs (`cash_flows`)
    NPV                = -investment + sum over months m of net_m / (1 + rate)^(m / 12) (`npv`)
    payback            = the month, with its fraction, in which the sum of net_m reaches the investment, undiscounted (`payback`)

While people check every answer no saving is counted at all: they need as long per case as today and err as today. That is the autonomy ladder's step "every answer checked", and it is conservative.

Not covered: people's looks at samples of what it answers alone, taxes and depreciation, inflation, sales gained, correlation between assumptions. Shapes: R draws, M months.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from poc.business import Figure

Number = float | np.ndarray
Drawn = dict[str, Number]  # an assumption's key -> its value, or R draws of it
RUNNING = ("machine", "monitoring", "retraining")  # also while people check every answer; then nobody believes a wrong note more than today


@dataclass(frozen=True)
class Rates:
    """Shares of all cases of the line, each a number or (R,).

    Attributes:
        passed: bad ones that are called good without a person (where costs are per confusion: yen of wrong answers per case).
        refused: good ones that are called bad without a person.
        asked_bad, asked_ok: bad and good ones that a person answers (per confusion: yen at stake, and 0).
        looks: cases that a person answers.
    """

    passed: Number
    refused: Number
    asked_bad: Number
    asked_ok: Number
    looks: Number

    def misses(self, sensitivity: Number) -> Number:
        """passed + asked_bad x (1 - sensitivity): a person misses, too."""
        return self.passed + self.asked_bad * (1 - sensitivity)

    def false_alarms(self, specificity: Number) -> Number:
        """refused + asked_ok x (1 - specificity)."""
        return self.refused + self.asked_ok * (1 - specificity)


def today(bad: Number, ok: Number, inspected: Number) -> Rates:
    """How it goes without a model: a person looks at the share `inspected`, and everything else passes. bad, ok: shares of the line's cases."""
    return Rates((1 - inspected) * bad, 0.0, inspected * bad, inspected * ok, inspected)


def cost_of_deciding(drawn: Drawn, rates: Rates, seconds: Number) -> dict[str, Number]:
    """Yen a month of people's time and of errors, when a person needs `seconds` per look.

    labour = volume x looks x seconds / 3600 x wage; defects = volume x misses x miss_internal; claims = volume x misses x miss_claim; false_alarms = volume x false alarms x false_alarm.
    """
    volume, missed = drawn["volume_per_month"], rates.misses(drawn["person_sensitivity"])
    return {
        "labour": volume * rates.looks * seconds / 3600 * drawn["wage_per_hour"],
        "defects": volume * missed * drawn["miss_internal"],
        "claims": volume * missed * drawn["miss_claim"],
        "false_alarms": volume * rates.false_alarms(drawn["person_specificity"]) * drawn["false_alarm"],
    }


def monthly(drawn: Drawn, now: Rates, then: Rates, seconds_per_answer: float, machine: Number, wrong_notes: Number = 0.0) -> dict[str, Number]:
    """Yen a month that the option changes, line by line: what it saves (positive) and what it costs to run (negative).

    lead_time = volume x (1 - looks) x (hours today - seconds_per_answer / 3600), never below 0, x worth of an hour; cases that a person answers wait as long as today.
    wrong_notes: yen per 1,000 cases that believing wrong notes costs (poc/price.py).
    """
    before = cost_of_deciding(drawn, now, drawn["seconds_per_inspection"])
    after = cost_of_deciding(drawn, then, drawn["seconds_per_review"])
    saved = {line: before[line] - after[line] for line in before}
    hours = np.maximum(drawn["hours_to_decision_today"] - seconds_per_answer / 3600, 0)
    return saved | {
        "lead_time": drawn["volume_per_month"] * (1 - then.looks) * hours * drawn["worth_of_an_hour_sooner"],
        "machine": -machine,
        "monitoring": -drawn["monitoring_per_month"],
        "retraining": -drawn["retraining"] * drawn["retrainings_per_year"] / 12,
        "wrong_notes": -drawn["volume_per_month"] / 1000 * wrong_notes,
    }


def investment(drawn: Drawn, machine: Number) -> dict[str, Number]:
    """Yen once: integration, machine, and labels x seconds_per_label x wage_per_hour / 3600."""
    return {"integration": drawn["integration"], "machine": machine, "labels": drawn["labels"] * drawn["seconds_per_label"] * drawn["wage_per_hour"] / 3600}


def while_checked(drawn: Drawn, lines: dict[str, Number]) -> Number:
    """Net yen of a month in which people check every answer: the option's running costs (of `monthly`), and people's time for the cases that nobody looks at today.

    Looks, seconds per look and errors are today's elsewhere, so that nothing is saved: net = machine + monitoring + retraining - volume x (1 - inspected_today) x seconds_per_inspection / 3600 x wage.
    """
    return sum(lines[line] for line in RUNNING) - (1 - drawn["inspected_today"]) * _looking_at_all(drawn)


def _looking_at_all(drawn: Drawn) -> Number:
    """Yen a month of people's time when they look at every case, as long as today."""
    return drawn["volume_per_month"] * drawn["seconds_per_inspection"] / 3600 * drawn["wage_per_hour"]


def months_of_first_year(start: Number, checked: Number) -> tuple[Number, Number, Number]:
    """Of the first twelve months: those before it is in use, those in which people check every answer, and those after."""
    first, second = np.minimum(start, 12), np.minimum(np.asarray(start) + checked, 12)
    return first, second - first, 12 - second


def checking(drawn: Drawn) -> Number:
    """Yen of people's time in the first twelve months while they check every answer: volume x seconds_per_inspection / 3600 x wage x months. What of it is paid today already is in it."""
    return _looking_at_all(drawn) * months_of_first_year(drawn["months_to_start"], drawn["months_all_checked"])[1]


def first_year(drawn: Drawn) -> Number:
    """Yen that have to be paid in the first twelve months: the investment, and from `months_to_start` on machine, monitoring and retraining. People's time for checking every answer is told apart
    (`checking`); what errors cost is not in it.
    """
    running = drawn["machine_monthly"] + drawn["monitoring_per_month"] + drawn["retraining"] * drawn["retrainings_per_year"] / 12
    return sum(investment(drawn, drawn["machine"]).values()) + running * np.clip(12 - drawn["months_to_start"], 0, None)


def cash_flows(net: Number, start: Number, months: int, checked: Number = 0.0, meanwhile: Number = 0.0) -> np.ndarray:
    """Net yen of each month (..., M): nothing before `start` (in months), `meanwhile` during the `checked` months after it, `net` afterwards; a month in which one begins has its part of each."""
    used, alone = (np.clip(np.arange(1, months + 1) - np.asarray(begin)[..., None], 0, 1) for begin in (start, np.asarray(start) + checked))
    return np.asarray(net)[..., None] * alone + np.asarray(meanwhile)[..., None] * (used - alone)


def npv(invested: Number, flows: np.ndarray, rate: Number) -> Number:
    """Net present value: -invested + sum over m = 1 ... M of flows_m / (1 + rate)^(m / 12), each month's flow at its end; `rate` is a year's."""
    months = np.arange(1, flows.shape[-1] + 1)
    return -invested + (flows / (1 + np.asarray(rate)[..., None]) ** (months / 12)).sum(-1)


def payback(invested: Number, flows: np.ndarray) -> Number:
    """Months until the undiscounted sum of the flows has paid the investment for good, with the fraction of the last month; infinite where that is not within the M months.

    For good: a sum that falls below the investment again has not paid it.
    """
    invested = np.broadcast_to(invested, flows.shape[:-1])
    total = np.concatenate([np.zeros((*flows.shape[:-1], 1)), flows.cumsum(-1)], -1) - invested[..., None]  # (..., M + 1), from month 0
    owing = total < -1e-9 * np.maximum(invested, 1)[..., None]  # rounding is no debt
    last = np.where(owing.any(-1), owing.shape[-1] - 1 - owing[..., ::-1].argmax(-1), -1)  # the last month that ends in debt
    left = np.take_along_axis(-total, np.clip(last, 0, None)[..., None], -1)[..., 0]
    flow = np.take_along_axis(flows, np.clip(last, 0, flows.shape[-1] - 1)[..., None], -1)[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        months = np.where(last < 0, 0.0, np.where(last == flows.shape[-1], np.inf, last + left / flow))
    return months if months.ndim else float(months)


def draw(figures: dict[str, Figure], draws: int, seed: int) -> Drawn:
    """Each assumption (R,), from the triangular distribution between its ends with its value as the mode; one that is certain stays a number. An assumption's draws do not depend on which others there are."""
    found: Drawn = {}
    for key, one in figures.items():
        found[key] = one.value if one.low == one.high else np.random.default_rng([seed, *key.encode()]).triangular(one.low, one.value, one.high, draws)
    return found


@dataclass(frozen=True)
class Option:
    """One way to decide the cases from now on.

    Attributes:
        rates: measured (row 0 of the bootstrap) and drawn (R,).
        bad, ok: shares of the line's cases, the same two ways; per confusion, yen at stake and 0.
        seconds_per_answer: of the model, measured.
        mllm: whether it needs the machine for an MLLM.
        wrong_notes: (value, low, high) in yen per 1,000 cases; zeros: not asked, or in the answers already.
    """

    measured: Rates
    drawn: Rates
    bad: tuple[Number, Number]
    ok: tuple[Number, Number]
    seconds_per_answer: float = 0.0
    mllm: bool = True
    wrong_notes: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def month(self, assumed: Drawn, rates: Rates | None = None, notes: Number | None = None, place: int = 0) -> tuple[dict, dict]:
        """(lines of a month, lines of the investment) at these assumptions; place 0: the measured shares, 1: the drawn ones."""
        rates = rates or (self.measured, self.drawn)[place]
        now = today(self.bad[place], self.ok[place], assumed["inspected_today"])
        once, running = (assumed["machine"], assumed["machine_monthly"]) if self.mllm else (assumed["machine_without_mllm"], 0.0)
        return monthly(assumed, now, rates, self.seconds_per_answer, running, self.wrong_notes[0] if notes is None else notes), investment(assumed, once)

    def outcome(self, assumed: Drawn, rates: Rates | None = None, notes: Number | None = None, place: int = 0) -> tuple[Number, Number]:
        """(NPV, payback in months)."""
        lines, once = self.month(assumed, rates, notes, place)
        horizon = int(assumed["horizon_months"])
        parts = sum(once.values()), sum(lines.values()), while_checked(assumed, lines), assumed["months_to_start"], assumed["months_all_checked"], assumed["discount_rate"]
        invested, net, meanwhile, start, checked, rate = np.broadcast_arrays(*parts)
        flows = cash_flows(net, start, horizon, checked, meanwhile)
        return npv(invested, flows, rate), payback(invested, flows)


@dataclass(frozen=True)
class Simulated:
    """An option's NPV and payback: at the values (`npv`, `months`), and over the draws (R,)."""

    npv: float
    months: float
    npv_drawn: np.ndarray
    months_drawn: np.ndarray


def simulate(option: Option, figures: dict[str, Figure], draws: int = 10_000, seed: int = 0) -> Simulated:
    """The option at the values of the assumptions and of the measured rates, and over `draws` draws of both."""
    value = {key: one.value for key, one in figures.items()}
    drawn = draw(figures, draws, seed)
    notes = option.wrong_notes
    noted = notes[0] if notes[1] == notes[2] else np.random.default_rng([seed, 1]).triangular(notes[1], notes[0], notes[2], draws)
    at, over = option.outcome(value), option.outcome(drawn, notes=noted, place=1)
    return Simulated(float(at[0]), float(at[1]), *(np.broadcast_to(one, draws) for one in over))


def tornado(option: Option, figures: dict[str, Figure], confidence: float = 0.95) -> list[dict]:
    """What moves the NPV most: each uncertain figure alone at its low and its high end, all others at their values; largest swing first.

    Returns:
        [{"key", "low", "high": the figure's ends, "npv_low", "npv_high": the NPV there, "swing"}]; besides the assumptions' keys there are the measured "passed", "refused" and "looks", at the
        ends of their intervals at `confidence`.
    """
    value = {key: one.value for key, one in figures.items()}
    found = [_swing(key, one.low, one.high, lambda end, key=key: option.outcome(value | {key: end})[0]) for key, one in figures.items() if one.low < one.high]
    tail = (1 - confidence) / 2
    for name, parts in (("passed", ("passed",)), ("refused", ("refused",)), ("looks", ("looks", "asked_bad", "asked_ok"))):
        ends = {part: np.quantile(getattr(option.drawn, part), [tail, 1 - tail]) for part in parts}
        if ends[name][0] < ends[name][1]:
            at = lambda place, ends=ends: option.outcome(value, Rates(**vars(option.measured) | {part: both[place] for part, both in ends.items()}))[0]  # noqa: E731
            found.append(_swing(name, 0, 1, at) | {"low": float(ends[name][0]), "high": float(ends[name][1])})
    return sorted((row for row in found if row["swing"] > 0), key=lambda row: -row["swing"])


def _swing(key: str, low: float, high: float, worth: Callable[[float], Number]) -> dict:
    below, above = float(worth(low)), float(worth(high))
    return {"key": key, "low": low, "high": high, "npv_low": below, "npv_high": above, "swing": abs(above - below)}
