"""Three phases, with costs that come from the ROI's assumptions and from nowhere else, and what must have been measured before the next one begins."""

from kit.operations.autonomy import ENTRY
from poc.board.known import Known
from poc.report.wording import about, span
from poc.roi import months_of_first_year
from poc.words import Text, both

Range = tuple[float, float, float]  # value, all assumptions at their low ends, all at their high ends


def roadmap(known: Known) -> dict:
    """{"phases": [{"name", "when", "does", "costs": [(what, amount)], "total", "next"}], "whole": what is paid in the first year, with the time of the people who check, "said"}; no phases where the verdict is stop, or none."""
    decision = known.record["verdict"]["decision"]
    if decision == "none":
        return {"phases": [], "whole": None, "said": both("No road leads on from a run without a verdict. First a run that counts: poc run DIR --preset laptop, or --preset gpu.", "判定のない実行から先の計画は立てません。まず有効な実行を：poc run DIR --preset laptop または --preset gpu。")}
    if decision == "stop":
        return {"phases": [], "whole": None, "said": both("The verdict is stop, so no phase is proposed. The data, the labels and the signed criteria can be used for the next idea.", "判定は「中止」のため、次の段階は提案しません。データ、ラベル、署名済みの基準は次の案に使えます。")}
    found = _amounts(known) if known.roi else None
    said = both("Costs are the assumptions of poc.yaml, section business (roi.json); in brackets: all of them at their low ends, and all at their high ends.", "費用は poc.yaml の business にある前提（roi.json）によります。かっこ内は、すべてを下限・上限とした場合です。") if found else both(
        "Costs of the phases were not worked out: poc roi RUN.", "段階ごとの費用は計算していません：poc roi RUN。")  # fmt: skip
    return {"phases": _phases(known, found), "whole": _whole(known) if known.roi else None, "said": said}


def _whole(known: Known) -> Text:
    """What has to be paid in the first twelve months and, named apart since a part of it is paid today already, people's time while they check every answer."""
    paid, checked = (_spoken(tuple(known.roi[key][end] for end in ("value", "low", "high")), known.currency) for key in ("first_year", "checking"))
    if not known.roi["checking"]["high"]:
        return paid
    return both(f"{paid['en']}, and {checked['en']} of people's time to check every answer", f"{paid['ja']}、ほかに全件を確認する人の時間 {checked['ja']}")


def _phases(known: Known, found: dict | None) -> list[dict]:
    grey = known.record["verdict"]["decision"] == "grey"
    begin, check, alone = _when(*found["months"]) if found else (both("first", "最初"), both("then, until agreement is proven", "次に、一致が確かめられるまで"), both("after that", "その後"))
    yearly = both(f" A full year: {_total(found['later'], known)['en']}.", f"1 年分は {_total(found['later'], known)['ja']}。") if found else both("", "")
    first = both("First close the open points of the verdict, then build it in; people decide as before and the model only runs beside them (“shadow”).", "まず判定の未決の点を解消し、次に組み込みます。判断は従来どおり人が行い、モデルは並走するだけです。") if grey else both(
        "Build it in; people decide as before and the model only runs beside them (“shadow”).", "組み込みます。判断は従来どおり人が行い、モデルは並走するだけです。")  # fmt: skip
    return [
        {"name": both("1. Beside people", "1. 組み込みと並走"), "when": begin, "does": first, "next": _enter("every"), **_costs(found, "once", known)},
        {"name": both("2. People check", "2. 人の確認つきで利用"), "when": check, "does": both("The model proposes and people check every answer. No saving is counted yet.", "モデルの提案を全件、人が確認します。効果はまだ見込みません。"),
         "next": _enter("risky"), **_costs(found, "checked", known)},
        {"name": both("3. Watched operation", "3. 監視しながら運用"), "when": alone, "does": both(f"People answer where it is unsure; it is watched and taught again, and steps go down by themselves.{yearly['en']}", f"確信のない件は人が答えます。監視と再学習を続け、問題があれば段階は自動で下がります。{yearly['ja']}"),
         "next": _enter("automatic"), **_costs(found, "alone", known)},
    ]  # fmt: skip


def _when(start: float, checked: float) -> tuple[Text, Text, Text]:
    """The phases' months; the third's costs are those until month 12."""
    end = start + checked
    check = both(f"months {start:g} to {end:g}", f"{start:g}～{end:g} か月目") if checked else both("left out by the company (months_all_checked is 0)", "自社の判断で省略（months_all_checked が 0）")
    alone = both(f"from month {end:g} on; amount: until month 12", f"{end:g} か月目から（金額は 12 か月目まで）") if end < 12 else both(f"from month {end:g} on", f"{end:g} か月目から")
    return both(f"months 0 to {start:g}", f"0～{start:g} か月目"), check, alone


def _total(lines: list[tuple[Text, Range]], known: Known) -> Text:
    return _spoken(tuple(sum(amount[i] for _, amount in lines) for i in range(3)), known.currency)


def _enter(step: str) -> Text:
    """What the ladder asks before a step (kit.operations.autonomy.ENTRY)."""
    rule = ENTRY[step]
    missed = both(f", dangerous misses surely below {100 * rule.missed:g}%", f"、危険な見逃しは {100 * rule.missed:g}% 未満") if rule.missed < 1 else both("", "")
    return both(f"agreement with people surely at least {100 * rule.agreement:g}%, on {rule.rows} answers or more, over {rule.days} days{missed['en']}", f"人との一致率が確実に {100 * rule.agreement:g}% 以上（{rule.rows} 件・{rule.days} 日以上で測定）{missed['ja']}")


def _costs(found: dict | None, phase: str, known: Known) -> dict:
    if found is None:
        return {"costs": [], "total": None, "amounts": {}}
    lines = found[phase]
    return {"costs": [(name, _spoken(amount, known.currency)) for name, amount in lines], "total": _total(lines, known), "amounts": {name["en"]: (name, amount[0]) for name, amount in lines}}


def _amounts(known: Known) -> dict:
    """Phase -> [(what, Range)]. All are products and sums of positive assumptions, so that the low ends make the least and the high ends the most."""
    ends = {one["key"]: (one["value"], one["low"], one["high"]) for one in known.roi["assumptions"]}

    def product(*keys: str, divided: float = 1.0) -> Range:
        found = [1 / divided] * 3
        for key in keys:
            found = [a * b for a, b in zip(found, ends[key], strict=True)]
        return tuple(found)

    (start, soon, late), (checked, brief, long) = ends["months_to_start"], ends["months_all_checked"]
    at, fewest, most = (tuple(float(part) for part in months_of_first_year(*pair)[1:]) for pair in ((start, checked), (late, brief), (soon, long)))  # of checking
    least, longest = (float(months_of_first_year(*pair)[2]) for pair in ((late, long), (soon, brief)))  # of answering alone
    spent = {"checked": (at[0], fewest[0], most[0]), "alone": (at[1], least, longest)}
    running = [(both("machine", "設備"), ends["machine_monthly"]), (both("monitoring", "監視と保守"), ends["monitoring_per_month"]), (both("teaching again", "再学習"), product("retraining", "retrainings_per_year", divided=12))]
    return {
        "months": (start, checked),
        "once": [(both("integration", "組み込み"), ends["integration"]), (both("machine", "設備"), ends["machine"]), (both("labels", "ラベル付け"), product("labels", "seconds_per_label", "wage_per_hour", divided=3600))],
        **{phase: [(name, tuple(a * b for a, b in zip(month, months, strict=True))) for name, month in running] for phase, months in spent.items()},
        "later": [(name, tuple(12 * a for a in month)) for name, month in running],
    }  # fmt: skip


def _spoken(amount: Range, currency: str) -> Text:
    value, ends = about(amount[0], currency), span(about(amount[1], currency), about(amount[2], currency))
    return value if amount[1] == amount[2] else both(f"{value['en']} ({ends['en']})", f"{value['ja']}（{ends['ja']}）")
