"""The page "Which bridge": the ways of bringing photos, voices and films to a language model that were compared on this use case, what each costs and how it fails, and the one to take.

Read from bridges.json, which `poc bridges RUN` writes; a value of null could not be measured. Sentences there may be a string (the language of whoever ran it) or {"en", "ja"}.
"""

import math

from poc.bridge_names import KINDS, kind_of, labels_counted, variant_of
from poc.report.wording import about, duration, percent, t
from poc.words import KPIS, Text, both

_COLUMNS: dict[str, Text] = {
    "yen": both("errors cost per 1,000", "1,000件の誤りの費用"), "trained": both("numbers learned", "学習した数値の個数"), "enough": both("labels for 90% of its best (training + validation)", "最良の9割に必要なラベル数（学習 + 検証）"),
    "time": both("time to learn", "学習時間"), "latency": both("one answer", "1件の応答"), "tokens": both("tokens per medium", "1件のトークン数"),
    "clash": both("right where the evidence contradicts itself / elsewhere", "証拠が食い違う行の正解率 / それ以外"),
}  # fmt: skip


def bridges(found: dict, currency: str) -> dict | None:
    """What the template shows of bridges.json; None where the run has none. A column that no bridge has is left out."""
    if not found:
        return None
    kpi, best = found.get("kpi") or next(name for name in KPIS if name in found["table"][0]), found["recommended"]
    clash = {row["bridge"]: row for row in (found.get("conflict") or {}).get("bridges", [])}
    rows = [_row(row, kpi, currency, best["evidence"].get("chosen"), clash.get(row["bridge"]), found["rows"]["validation"]) for row in found["table"]]
    asked = max(row["n"] for row in found["table"])
    budgets = found.get("budgets")
    return {
        "rows": rows, "kpi": KPIS[kpi], "verdict": best["verdict"], "summary": t(best["summary"]), "rule": t(best["evidence"].get("rule", "")), "advice": t(best.get("advice", "")),
        "columns": [(key, name) for key, name in _COLUMNS.items() if any(row["cells"][key] for row in rows)],
        "asked": both(f"{asked:,} held-out cases, the same for all. Checkpoint: {found.get('checkpoint', '–')}, {found.get('date', '–')}.", f"どの方法も同じ評価データ {asked:,} 件に回答。チェックポイント：{found.get('checkpoint', '–')}（{found.get('date', '–')}）。"),
        "caveat": both("One comparison on your rows: with other rows, other seeds or more labels the order may change. Ways whose ranges overlap are not proven different.",
                       "御社のデータでの 1 回の比較です。行・乱数・ラベル数が変われば順位も変わり得ます。区間が重なるものは、差があるとは言えません。"),
        "gap": both("Beside this the distance between the model's inner pictures of photos (or voices) and of words was measured. "
                    + _ranks(found, "en") + "No such distance predicts who answers better, so it decides nothing here (bridges.json).",
                    "あわせて、モデル内部での写真（または声）と言葉の表現の隔たりも測りました。" + _ranks(found, "ja") + "この隔たりだけで成績は予測できないため、選定には使っていません（bridges.json）。") if found.get("gap") else None,
        "budgets": both("How many labels each way needs was tried with " + ", ".join(f"{count:,}" for count in sorted({row["rows"] for row in budgets})) + f" labelled training cases. Beside them each try had the same {found['rows']['validation']:,} labelled validation cases, which choose what is kept and are labels, too (a specialist needs none). Between these numbers nothing is known, and a dash stands for ways that were not tried with fewer, or learned nothing.",
                        "必要なラベル数は " + "、".join(f"{count:,}" for count in sorted({row["rows"] for row in budgets})) + f" 件の学習用ラベルで試しました。どの場合も、選定に使う検証用のラベル {found['rows']['validation']:,} 件が別に必要です（専用モデルは不要）。その間の値はわかりません。「–」は少ない行で試していないか、何も学ばなかった方法です。") if budgets else
                   both("How many labels each way needs for 90% of its best was not measured here; this does it: poc bridges RUN --budgets 40,120", "最良の9割に必要なラベル数は、ここでは測っていません。poc bridges RUN --budgets 40,120 で測れます。"),
        "misled": [_misled(one) for one in found.get("misled") or []],
        "remote": found.get("remote") and _elsewhere(found["remote"]),
    }  # fmt: skip


def _ranks(found: dict, language: str) -> str:
    """One sentence on how the distances go with the results, over how many ways; "" where that was not measured."""
    table = [one for one in (found.get("correlation") or {}).get("table", []) if one.get("n")]
    ranks = [one for one in table if _there(one.get("spearman"))]
    if not ranks:
        return both(f"Only {max(one['n'] for one in table)} ways can be compared with their results, too few for a correlation. ", f"成績と比べられるのは最大 {max(one['n'] for one in table)} 方式で、相関を言うには不足です。")[language] if table else ""
    values, numbers = [one["spearman"] for one in ranks], [one["n"] for one in ranks]
    sure = sum(_there(one.get("low")) and _there(one.get("high")) and (one["low"] > 0 or one["high"] < 0) for one in ranks)
    ways = f"{min(numbers)}" if min(numbers) == max(numbers) else f"{min(numbers)} to {max(numbers)}"
    return both(
        f"Rank correlations of {len(ranks)} such distances with the results, over n = {ways} ways: {min(values):+.2f} to {max(values):+.2f}, of which {sure or 'none'} surely differ{'s' if sure == 1 else ''} from 0. ",
        f"{len(ranks)} 種類の隔たりと成績の順位相関（n = {ways.replace(' to ', '〜')} 方式）は {min(values):+.2f}〜{max(values):+.2f} で、0 と確かに異なるのは {sure} 種類です。",
    )[language]


def _misled(one: dict) -> Text:
    """What a tool's wrong line does to a hybrid."""
    share = lambda name: percent(one[name]["value"]) if one.get(name) else "–"  # noqa: E731  used eleven times in the next lines
    index = "" if not one.get("shortcut_index") else f"{one['shortcut_index']['value']:.2f}"
    return both(
        f"Tools and the original together ({one['bridge']}), asked with the tools' own lines on {one['n']:,} cases: right with the original alone {share('medium_alone')}, with the line beside it {share('with_line')}; the two contradict each other in {share('conflict_rate')}. "
        f"With a wrong line beside it, right answers go from {share('medium_alone_there')} to {share('with_wrong_line')}, and {share('followed')} of the answers follow the line ({one['n_wrong']:,} cases)."
        + (f" Shortcut index {index}: 0 would be the original only, 1 the line only." if index else ""),
        f"道具の文章と元データの併用（{one['bridge']}）に、道具自身の文章を添えて {one['n']:,} 件で確かめました。元データだけの正解率 {share('medium_alone')}、文章を添えると {share('with_line')}、両者の食い違い {share('conflict_rate')}。"
        f"誤った文章を添えると正解率は {share('medium_alone_there')} から {share('with_wrong_line')} になり、{share('followed')} が文章に従います（{one['n_wrong']:,} 件）。" + (f"ショートカット指数は {index} です（0 は元データだけ、1 は文章だけを見る状態）。" if index else ""),
    )


def _elsewhere(remote: dict) -> Text:
    """Where data went, and who agreed."""
    agreed = remote.get("consent")
    return both(
        f"The held-out cases were sent to {remote['host']}, to the model {remote['model']}. " + (f"Agreed, as whoever ran it wrote: {agreed}" if agreed else "That is this machine: nothing left it by itself."),
        f"評価データを {remote['host']} のモデル {remote['model']} に送りました。" + (f"同意（実行者の記入）：{agreed}" if agreed else "送信先はこの機械の中です。"),
    )


def _row(row: dict, kpi: str, currency: str, chosen: str | None, clash: dict | None, beside: int) -> dict:
    kind = kind_of(row["bridge"])
    name, does, audit, weak = KINDS[kind] if kind else (both(row["bridge"], row["bridge"]), None, row["audit"], row["weak"])
    seen = _there(row.get(kpi))
    cells = {
        "yen": _there(row.get("cost_per_1000")) and t(about(row["cost_per_1000"], currency)), "trained": f"{row['trained']:,}" if seen else "",
        "enough": _there(row.get("rows_to_90")) and labels_counted(row["bridge"], row["rows_to_90"], beside), "time": _there(row.get("fit_seconds")) and t(duration(row["fit_seconds"])),
        "latency": _there(row.get("latency_ms")) and t(_wait(row["latency_ms"])), "tokens": _there(row.get("tokens")) and f"{row['tokens']:,.0f}",
        "clash": clash and _there(clash["yes"]) and _there(clash["no"]) and f"{percent(clash['yes'])} / {percent(clash['no'])}",
    }  # fmt: skip
    return {
        "name": name, "told": variant_of(row["bridge"]), "does": does and both(does["en"][0].upper() + does["en"][1:], does["ja"]), "audit": audit, "weak": weak, "failed": row.get("failed") or "", "chosen": row["bridge"] == chosen, "paid": _paid(row),
        "kpi": [percent(row[key]) for key in (kpi, "low", "high")] if seen else None, "cells": {key: value or "" for key, value in cells.items()},
    }  # fmt: skip


def _there(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _wait(milliseconds: float) -> Text:
    return both(f"{milliseconds:,.0f} ms", f"{milliseconds:,.0f} ミリ秒") if milliseconds < 1000 else both(f"{milliseconds / 1000:,.1f} s", f"{milliseconds / 1000:,.1f} 秒")


def _paid(row: dict) -> Text | None:
    """What whoever runs the server asks; nothing where nobody is asked."""
    price = row.get("cost_per_call", 0)
    if price == 0:
        return None
    if not _there(price):
        return both("Price per answer not known", "1 件の料金は不明")
    return both(f"Paid per 1,000 answers: {1000 * price:,.4g} (in the currency of the prices given)", f"1,000 件の利用料：{1000 * price:,.4g}（指定した単価の通貨）")
