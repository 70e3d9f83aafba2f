"""The one yen range: what the tuned model's errors cost against the cheapest way to do without tuning."""

from poc.report.wording import about, span
from poc.words import ARMS, Text, both


def yen_range(record: dict) -> dict:
    """The expected saving, as one range.

    "Today" is whichever arm but the tuned one has the lowest expected cost of errors. The saving is the paired difference where the run holds one (comparisons with
    metric cost_per_1000); else today's low end minus tuned's high end, to today's high minus tuned's low: wider than the truth, never narrower.

    Returns:
        {"state": "none" | "figure", "headline": Text, "unit": Text, "note": Text, "low", "high", "today": arm}.
    """
    costs = {row["arm"]: row["cost_per_1000"] for row in record["results"] if row["condition"] == "as_is" and row.get("cost_per_1000")}
    tuned, others = costs.pop("tuned", None), costs
    if record["verdict"]["decision"] == "none":
        return _nothing(both("No figure without a verdict", "判定がないため金額は出しません"),
                        both("A figure from this run would mislead.", "この実行からの金額は誤解を招きます。"))  # fmt: skip
    if not tuned or not others:
        return _nothing(both("No figure: no costs were given", "費用の設定がないため金額は出ません"),
                        both("Write what a miss and a false alarm cost into poc.yaml.", "見逃しと誤報の費用を poc.yaml に書いてください。"))  # fmt: skip
    today = min(others, key=lambda arm: others[arm]["value"])
    paired = [c["difference"] for c in record["comparisons"] if (c["b"], c["condition"], c["metric"]) == (today, "as_is", "cost_per_1000")]
    # a difference is tuned - other, so a saving is its negative
    low, high = (-paired[0]["high"], -paired[0]["low"]) if paired else (others[today]["low"] - tuned["high"], others[today]["high"] - tuned["low"])
    volume, currency = record.get("volume_per_month"), record["currency"]
    scale = volume / 1000 if volume else 1.0
    return {"state": "figure", "low": low * scale, "high": high * scale, "today": today, "headline": _headline(low * scale, high * scale, currency),
            "unit": _unit(volume, low, high), "note": _note(today, record)}  # fmt: skip


def _nothing(headline: Text, note: Text) -> dict:
    return {"state": "none", "headline": headline, "unit": both("", ""), "note": note, "low": None, "high": None, "today": ""}


def _headline(low: float, high: float, currency: str) -> Text:
    if high <= 0:  # said the other way round: it costs more
        low, high = -high, -low
    return span(about(low, currency), about(high, currency))


def _unit(volume: int | None, low: float, high: float) -> Text:
    per = both(f"a month, at {volume:,} cases", f"月額（{volume:,} 件あたり）") if volume else both("per 1,000 cases", "1,000 件あたり")
    if high <= 0:
        return both(f"MORE cost of errors {per['en']}", f"誤りの費用が増えます・{per['ja']}")
    if low < 0:
        return both(f"saved in cost of errors {per['en']}; a loss is possible", f"誤りの費用の削減・{per['ja']}。増える可能性もあります")
    return both(f"saved in cost of errors {per['en']}", f"誤りの費用の削減・{per['ja']}")


def _note(today: str, record: dict) -> Text:
    against = both(f"Against the cheapest alternative: {ARMS[today]['en']}. Machine and labour are not in it.",
                   f"比較の相手は最も費用の低い代替案「{ARMS[today]['ja']}」。設備費と人件費は含みません。")  # fmt: skip
    return against
