"""What was measured, as the page and the slides show it: general score against score here, groups, what it believes, and the machine."""

from poc.board.first import PLAIN
from poc.board.known import Known
from poc.report.believes import believes as told_beliefs
from poc.report.wording import about, percent, points
from poc.words import KPIS, Text, both

DELAY = both("one answer on it", "その上での 1 件の回答")
_SHOWN = 8  # groups, the worst first


def general(known: Known) -> dict | None:
    """General ability beside the KPI on the company's data, before and after: {"rows": [{"what", "when", "low", "high", "at", "text"}], "said"}; None without a guard set."""
    guard, rows = known.record.get("guard"), known.rows
    if not guard or "base" not in rows:
        return None
    parts = [("general", "base", guard["base"]), ("general", "tuned", guard["tuned"]), ("here", "base", rows["base"][known.kpi]), ("here", "tuned", rows["tuned"][known.kpi])]
    what = {"general": both(f"General questions ({guard['n']:,})", f"一般的な質問（{guard['n']:,} 件）"), "here": both(f"Your cases ({rows['tuned']['n']:,})", f"御社の事例（{rows['tuned']['n']:,} 件）")}
    return {"rows": [{"what": what[place], "when": _WHEN[arm], "arm": arm, "left": 100 * one["low"], "width": 100 * (one["high"] - one["low"]), "at": 100 * one["value"], "text": percent(one["value"])} for place, arm, one in parts],
            "said": general_said(known)}  # fmt: skip


_WHEN = {"base": both("before", "学習前"), "tuned": both("after", "学習後")}


def general_said(known: Known) -> Text:
    """Whether a good general score carried over, in one sentence of measured figures."""
    guard, here = known.record["guard"], known.rows["base"][known.kpi]
    first, then = percent(guard["base"]["value"], 0), percent(here["value"], 0)
    now, lost = percent(known.rows["tuned"][known.kpi]["value"], 0), guard["drop"]
    return both(f"The model as bought reaches {first} on general questions and {then} on your cases; taught with your data it reaches {now} there, and its general score changed by {points(-lost['value'])} points ({points(-lost['high'])} to {points(-lost['low'])}).",
                f"学習前のモデルは一般的な質問で {first}、御社の事例では {then} でした。御社のデータで学んだ後は {now} になり、一般的な質問の得点の変化は {points(-lost['value'])} ポイント（{points(-lost['high'])}～{points(-lost['low'])}）です。")  # fmt: skip


def groups(known: Known) -> dict | None:
    """The worst held-out groups: {"rows", "of", "said", "mark" (the gate worst_group in percent) or None}; None where there is nothing to compare."""
    if not known.groups:
        return None
    rows = [{"name": row["group"], "n": row["n"], "left": 100 * row["low"], "width": 100 * (row["high"] - row["low"]), "at": 100 * row["value"], "text": percent(row["value"], 0)} for row in known.groups[:_SHOWN]]
    bar = known.record["gates"].get("worst_group")
    return {"rows": rows, "of": len(known.groups), "said": groups_said(known), "mark": None if bar is None else 100 * bar}


def groups_said(known: Known) -> Text:
    """The worst group, in one sentence."""
    worst, best = known.groups[0], known.groups[-1]
    return both(f"In the worst of {len(known.groups)} groups ({worst['group']}, {worst['n']} cases) {percent(worst['value'], 0)} of the answers are right ({percent(worst['low'], 0)} to {percent(worst['high'], 0)}), in the best {percent(best['value'], 0)}.",
                f"{len(known.groups)} グループのうち最も悪い {worst['group']}（{worst['n']} 件）の正解率は {percent(worst['value'], 0)}（{percent(worst['low'], 0)}～{percent(worst['high'], 0)}）、最も良いグループは {percent(best['value'], 0)} です。")  # fmt: skip


def believes(known: Known) -> dict | None:
    """The report's own view of diagnosis.json (`poc.report.believes`), with bars; None where the run was not diagnosed."""
    found = told_beliefs(known.diagnosis)
    if not found:
        return None
    table = sorted((row for row in known.diagnosis["table"] if not row["control"]), key=lambda row: -row["lost"])
    return found | {"bars": [{"name": row["name"], "at": 100 * one["perturbed"], "left": 100 * one["perturbed_low"], "width": 100 * (one["perturbed_high"] - one["perturbed_low"]),
                              "text": f"{row['clean'].removesuffix('%')} → {row['now'][0]}"} for row, one in list(zip(found["rows"], table, strict=False))[:6]]}  # fmt: skip


def beaten(known: Known) -> Text | None:
    """This model against the best way without it, in one sentence; None where none was measured."""
    found = next((c["difference"] for c in known.record["comparisons"] if (c["b"], c["condition"], c["metric"]) == (known.best, "as_is", known.kpi)), None)
    if not found:
        return None
    ends, name = both(f"{points(found['low'])} to {points(found['high'])}", f"{points(found['low'])}～{points(found['high'])}"), PLAIN[known.best]
    if found["low"] > 0:
        return both(f"It is better than the best way without it ({_lower(name['en'])}): {ends['en']} points of {KPIS[known.kpi]['en']} on the same cases.", f"MLLM を使わない最良の方法（{name['ja']}）より優れています（同じ事例での{KPIS[known.kpi]['ja']}の差 {ends['ja']} ポイント）。")
    if found["high"] <= 0:
        return both(f"The best way without it ({_lower(name['en'])}) is at least as good: {ends['en']} points for this model.", f"MLLM を使わない最良の方法（{name['ja']}）が同等以上です（このモデルとの差 {ends['ja']} ポイント）。")
    return both(f"Whether it is better than the best way without it ({_lower(name['en'])}) is not certain: {ends['en']} points.", f"MLLM を使わない最良の方法（{name['ja']}）より優れているかは確実ではありません（差 {ends['ja']} ポイント）。")


def delay(known: Known) -> Text | None:
    """Seconds of one answer: of a case that is asked alone where `poc size` measured that, else the time of a batch divided by its rows, told as what it is; None where neither was measured."""
    alone = known.sizing and next((one["median_s"] for one in known.sizing["forms"] if one["median_s"] is not None), None)
    if alone is not None:
        return both(f"{alone:.2g} s, one case asked alone (median, sizing.json)", f"{alone:.2g} 秒（1 件だけ尋ねた場合の中央値、sizing.json）")
    if seconds := known.record.get("seconds_per_answer"):
        return both(f"{seconds:.2g} s on average where many cases are asked together; one alone takes longer, and that was not measured (poc size RUN)", f"多数の件をまとめて尋ねたときの平均 {seconds:.2g} 秒。1 件だけの場合はこれより長く、未測定です（poc size RUN）")
    return None


def machine(known: Known) -> dict:
    """What it ran on, and where it was sized every form and every machine that was planned for: {"facts": [(Text, Text)], "forms": rows of sizing.json, "rows": how many cases each form was asked, "plans"}."""
    record = known.record
    made, seconds = record["machine"], sum(record["timing"].values())
    facts = [
        (both("machine of this run", "この実行の計算機"), both(f"{made['device']}, {made['cores']} cores, {made['memory_gb']:g} GB", f"{made['device']}、{made['cores']} コア、{made['memory_gb']:g} GB")),
        (both("memory at the most", "最大メモリー"), both(f"{record['peak_memory_mb']:,} MB", f"{record['peak_memory_mb']:,} MB")),
        (both("the whole run", "実行全体の時間"), both(f"{seconds / 60:.0f} minutes", f"{seconds / 60:.0f} 分")),
    ]
    if text := delay(known):
        facts.insert(1, (DELAY, text))
    sized = known.sizing["forms"] if known.sizing else []
    forms = [{"name": one["name"], "reason": one["reason"], "seconds": _shown(one["median_s"], "{:.2f}"), "rate": _shown(one["rows_per_second"], "{:.1f}"), "memory": _memory(one), "kpi": percent(one["kpi"]["value"]) if one["kpi"] and known.decided else "–", "ends": f"{percent(one['kpi']['low'])} – {percent(one['kpi']['high'])}" if one["kpi"] and known.decided else ""} for one in sized]
    return {"facts": facts, "forms": forms, "rows": max((one["rows"] or 0 for one in sized), default=0), "plans": _plans(known)}


PLACES = {"edge": both("edge: beside the line", "エッジ（現場）"), "server": both("server of the company", "自社サーバー"), "endpoint": both("endpoint of a provider", "外部のエンドポイント")}
_UNKNOWN = both("unknown: write it into poc.yaml", "不明（poc.yaml に記入）")


def _plans(known: Known) -> list[dict]:
    """sizing.json's plans, a machine after the other; forms that need the same of it share a row. Prices are the company's, from poc.yaml; none is shown of a run without a verdict."""
    plans = known.sizing["plans"] if known.sizing and known.decided else {}
    told = []
    for place, machine in enumerate(next(iter(plans.values()), [])):
        alike: dict[tuple, list[str]] = {}
        for form, rows in plans.items():
            one = rows[place]
            alike.setdefault((one["machines"], one["once"], one["monthly"], one["fits"]), []).append(form)
        for (count, once, monthly, fits), forms in alike.items():
            told.append({
                "name": machine["name"], "source": f"{machine['source']}, {machine['date']}", "place": PLACES[machine["place"]], "forms": ", ".join(forms), "once": _paid(once, known), "monthly": _paid(monthly, known),
                "count": both("its provider's affair", "提供元が決定") if machine["place"] == "endpoint" else _UNKNOWN if count is None else both(f"{count}", f"{count}"),
                "fits": None if fits is None else both("fits into its memory", "メモリーに収まる") if fits else both("DOES NOT FIT into its memory", "メモリーに収まらない"),
            })  # fmt: skip
    return told


def _paid(amount: float | None, known: Known) -> Text:
    return _UNKNOWN if amount is None else both("0", "0") if not amount else about(amount, known.currency)


def _memory(one: dict) -> str:
    return "–" if None in (one["weights_mb"], one["working_mb"]) else f"{(one['weights_mb'] + one['working_mb']) / 1024:.2f}"


def _shown(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]
