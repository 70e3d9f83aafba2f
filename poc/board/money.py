"""roi.json as pictures and tables: options on one axis, what moves the result, a month line by line, every assumption with its source."""

from poc.board.first import PLAIN
from poc.board.known import Known
from poc.report.wording import about, span
from poc.words import Text, both
from poc.worth_said import OPTIONS, name_of

LINES: dict[str, Text] = {
    "labour": both("people's time", "人の時間"), "defects": both("defects inside the company", "社内の不良費用"), "claims": both("claims", "クレーム"), "false_alarms": both("false alarms", "過検出"), "lead_time": both("sooner decisions", "判断の早まり"),
    "machine": both("machine", "設備"), "monitoring": both("monitoring", "監視と保守"), "retraining": both("teaching again", "再学習"), "wrong_notes": both("wrong notes believed", "誤ったメモを信じる費用"),
}  # fmt: skip
KINDS: dict[str, Text] = {"company": both("the company", "自社"), "poc.yaml": both("poc.yaml", "poc.yaml"), "measured": both("measured", "測定値"), "default": both("the kit: replace it", "キットの仮定（要置換）")}
_SHOWN = 6  # bars of the tornado


def worth(known: Known) -> dict | None:
    """What the section shows; None without roi.json."""
    roi, currency = known.roi, known.currency
    if roi is None:
        return None
    named = [row for row in roi["options"] if row["npv"] and row["option"] != "nothing"]
    ends = [row["npv"][end] for row in named for end in ("low", "high")] + [0.0]
    place = _axis(min(ends), max(ends))
    low, high = min(ends), max(ends)
    return {
        "today": about(sum(roi["today"].values()), currency), "months": roi["horizon_months"], "zero": place(0.0), "low": about(low, currency) if place(0.0) > 14 else None, "high": about(high, currency),
        "options": [{"name": option_name(row["option"]), "tuned": row["option"] == "tuned", "left": place(row["npv"]["low"]), "width": place(row["npv"]["high"]) - place(row["npv"]["low"]), "at": place(row["npv"]["value"]),
                     "npv": about(row["npv"]["value"], currency), "ends": span(about(row["npv"]["low"], currency), about(row["npv"]["high"], currency)), "once": about(sum(row["once"].values()), currency),
                     "month": about(sum(row["month"].values()), currency), "payback": _months(row["payback"]["value"], roi["horizon_months"]), "chance": _chance(row["positive"])} for row in named],
        "lines": _lines(roi, currency), "tornado": tornado(known), "assumptions": [one | {"kind": KINDS[one["kind"]], "shown": [_figure(one[key]) for key in ("value", "low", "high")], "certain": one["low"] == one["high"]} for one in roi["assumptions"]], "notes": roi["notes"],
    }  # fmt: skip


def tornado(known: Known) -> list[dict]:
    """The figures that move the net present value most, each between its two ends: [{"name", "left", "width", "from", "to"}]."""
    rows = known.roi["tornado"][:_SHOWN]
    ends = [row[f"npv_{end}"] for row in rows for end in ("low", "high")]
    place = _axis(min(ends, default=0.0), max(ends, default=1.0))
    told = []
    for row in rows:
        low, high = sorted((row["npv_low"], row["npv_high"]))
        told.append({"name": name_of(row["key"]), "left": place(low), "width": place(high) - place(low), "ends": span(about(low, known.currency), about(high, known.currency)), "low": low, "high": high})
    return told


def option_name(option: str) -> Text:
    return PLAIN[option] if option in PLAIN else OPTIONS[option]


def _lines(roi: dict, currency: str) -> list[dict]:
    """A month of this model against today, what it saves first."""
    month = next(row["month"] for row in roi["options"] if row["option"] == "tuned")
    return [{"name": LINES[line], "amount": about(yen, currency), "cost": yen < 0} for line, yen in sorted(month.items(), key=lambda item: -item[1]) if round(yen)]


def _axis(low: float, high: float):
    """A figure's place in percent of the axis."""
    return lambda value: 100 * (value - low) / ((high - low) or 1.0)


def _months(months: float | None, horizon: int) -> Text:
    return both(f"not within {horizon} months", f"{horizon} か月以内には回収できない") if months is None else both(f"{months:.0f} months", f"{months:.0f} か月")


def _chance(share: float) -> str:
    return "> 99%" if share > 0.99 else "< 1%" if share < 0.01 else f"{100 * share:.0f}%"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:g}"
