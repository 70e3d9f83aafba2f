"""Three phases, with costs that come from the ROI's assumptions and from nowhere else, and what must have been measured before the next one begins."""

from kit.operations.autonomy import ENTRY
from poc.board.known import Known
from poc.report.wording import about, span
from poc.words import Text, both

Range = tuple[float, float, float]  # value, all assumptions at their low ends, all at their high ends


def roadmap(known: Known) -> dict:
    """{"phases": [{"name", "when", "does", "costs": [(what, amount)], "total", "next"}], "whole": the first year, "said"}; no phases where the verdict is stop, or none."""
    decision = known.record["verdict"]["decision"]
    if decision == "none":
        return {"phases": [], "whole": None, "said": both("No road leads on from a run without a verdict. First a run that counts: poc run DIR --preset laptop, or --preset gpu.", "判定のない実行から先の計画は立てません。まず有効な実行を：poc run DIR --preset laptop または --preset gpu。")}
    if decision == "stop":
        return {"phases": [], "whole": None, "said": both("The verdict is stop, so no phase is proposed. The data, the labels and the signed criteria can be used for the next idea.", "判定は「中止」のため、次の段階は提案しません。データ、ラベル、署名済みの基準は次の案に使えます。")}
    found = _amounts(known) if known.roi else None
    said = both("Costs are the assumptions of poc.yaml, section business (roi.json); in brackets: all of them at their low ends, and all at their high ends.", "費用は poc.yaml の business にある前提（roi.json）によります。かっこ内は、すべてを下限・上限とした場合です。") if found else both(
        "Costs of the phases were not worked out: poc roi RUN.", "段階ごとの費用は計算していません：poc roi RUN。")  # fmt: skip
    whole = _spoken((lambda one: (one["value"], one["low"], one["high"]))(known.roi["first_year"]), known.currency) if known.roi else None
    return {"phases": _phases(known, found), "whole": whole, "said": said}


def _phases(known: Known, found: dict | None) -> list[dict]:
    grey = known.record["verdict"]["decision"] == "grey"
    months = found["months"] if found else None
    begin = both(f"months 0 to {months:g}", f"0～{months:g} か月目") if months else both("first", "最初")
    year = both(f"months {months:g} to 12", f"{months:g}～12 か月目") if months else both("first year in use", "利用 1 年目")
    first = both("First close the open points of the verdict, then build it in; people decide as before and the model only runs beside them (“shadow”).", "まず判定の未決の点を解消し、次に組み込みます。判断は従来どおり人が行い、モデルは並走するだけです。") if grey else both(
        "Build it in; people decide as before and the model only runs beside them (“shadow”).", "組み込みます。判断は従来どおり人が行い、モデルは並走するだけです。")  # fmt: skip
    return [
        {"name": both("1. Beside people", "1. 組み込みと並走"), "when": begin, "does": first, "next": _enter("every"), **_costs(found, "once", known)},
        {"name": both("2. People check", "2. 人の確認つきで利用"), "when": year, "does": both("The model proposes and people check every answer; later only where it is unsure or the matter dangerous.", "モデルの提案を全件、人が確認します。次に、確信のない答えと危険な分類だけを確認します。"),
         "next": _enter("risky"), **_costs(found, "year", known)},
        {"name": both("3. Watched operation", "3. 監視しながら運用"), "when": both("each further year", "以降、毎年"), "does": both("It answers alone where that was earned, is watched for decay, and taught again; steps go down by themselves.", "認められた範囲では自動で答えます。劣化を監視し、再学習します。段階は問題があれば自動で下がります。"),
         "next": _enter("automatic"), **_costs(found, "later", known)},
    ]  # fmt: skip


def _enter(step: str) -> Text:
    """What the ladder asks before a step (kit.operations.autonomy.ENTRY)."""
    rule = ENTRY[step]
    missed = both(f", dangerous misses surely below {100 * rule.missed:g}%", f"、危険な見逃しは {100 * rule.missed:g}% 未満") if rule.missed < 1 else both("", "")
    return both(f"agreement with people surely at least {100 * rule.agreement:g}%, on {rule.rows} answers or more, over {rule.days} days{missed['en']}", f"人との一致率が確実に {100 * rule.agreement:g}% 以上（{rule.rows} 件・{rule.days} 日以上で測定）{missed['ja']}")


def _costs(found: dict | None, phase: str, known: Known) -> dict:
    if found is None:
        return {"costs": [], "total": None, "amounts": {}}
    lines = found[phase]
    total = tuple(sum(amount[i] for _, amount in lines) for i in range(3))
    return {"costs": [(name, _spoken(amount, known.currency)) for name, amount in lines], "total": _spoken(total, known.currency), "amounts": {name["en"]: (name, amount[0]) for name, amount in lines}}


def _amounts(known: Known) -> dict:
    """Phase -> [(what, Range)]. All are products and sums of positive assumptions, so that the low ends make the least and the high ends the most."""
    ends = {one["key"]: (one["value"], one["low"], one["high"]) for one in known.roi["assumptions"]}

    def product(*keys: str, divided: float = 1.0) -> Range:
        found = [1 / divided] * 3
        for key in keys:
            found = [a * b for a, b in zip(found, ends[key], strict=True)]
        return tuple(found)

    start, last, soon = ends["months_to_start"]
    used = tuple(max(12 - months, 0.0) for months in (start, soon, last))  # a late start costs less of the first year
    running = [(both("machine", "設備"), ends["machine_monthly"]), (both("monitoring", "監視と保守"), ends["monitoring_per_month"]), (both("teaching again", "再学習"), product("retraining", "retrainings_per_year", divided=12))]
    return {
        "months": start,
        "once": [(both("integration", "組み込み"), ends["integration"]), (both("machine", "設備"), ends["machine"]), (both("labels", "ラベル付け"), product("labels", "seconds_per_label", "wage_per_hour", divided=3600))],
        "year": [(name, tuple(a * b for a, b in zip(month, used, strict=True))) for name, month in running],
        "later": [(name, tuple(12 * a for a in month)) for name, month in running],
    }  # fmt: skip


def _spoken(amount: Range, currency: str) -> Text:
    value, ends = about(amount[0], currency), span(about(amount[1], currency), about(amount[2], currency))
    return value if amount[1] == amount[2] else both(f"{value['en']} ({ends['en']})", f"{value['ja']}（{ends['ja']}）")
