"""The first page: one verdict, one range of money, one picture, one sentence on certainty, in words that need no explanation (tests/test_board.py holds the list of words that may not stand there)."""

import math

from kit.evaluation.intervals import MIN_GROUPS
from poc.board.known import Known
from poc.report import charts, money
from poc.report.wording import about, span
from poc.words import VERDICTS, Text, both

PLAIN: dict[str, Text] = {
    "tuned": both("This model, taught with your data", "御社のデータで学ばせたこのモデル"),
    "cheap_model": both("Plain statistics, no AI language model", "言語モデルを使わない統計手法"),
    "copy_note": both("Copying the note", "メモを写すだけ"),
    "majority": both("Always the commonest answer", "いつも最も多い答え"),
    "base": both("The model as bought", "学ばせる前のモデル"),
    "base_examples": both("The model as bought, shown examples", "例だけ見せたモデル"),
}
_REHEARSAL = both("This run decides nothing: it was a rehearsal with a practice model.", "この実行からは何も決められません。練習用の小さなモデルによるリハーサルです。")
_RED = both("This run decides nothing: a check that every run must pass has failed.", "この実行からは何も決められません。どの実行にも必須のチェックが不合格でした。")
_FEW = 10  # groups below which the next one may well differ; below MIN_GROUPS nothing can be said of a new one (benchmarks/intervals.csv: what was to hold 95 of 100 times held 62)


def first(known: Known) -> dict:
    """What the template and the first slide show: {"decision", "word", "loud" (a run without a verdict: why, in large letters), "notice", "money" or None, "certainty", "rows", "mark", "caption"}."""
    verdict = known.record["verdict"]["decision"]
    loud = None if known.decided else _REHEARSAL if known.record["rehearsal"] else _RED
    return {
        "decision": verdict, "word": VERDICTS[verdict], "loud": loud, "notice": None if known.decision_run or loud else both("The criteria were not signed beforehand, so this decides nothing yet.", "判定の基準が事前に署名されていないため、まだ決定には使えません。"),
        "money": _money(known) if known.decided else None, "certainty": certainty(known) if known.decided else both("How sure are we? Not at all: a run like this measures nothing that you could rely on.", "確かさ：ありません。このような実行で測れるものは頼りになりません。"),
        "rows": picture(known) if known.decided else [], "mark": 100 * known.record["gates"]["threshold"], "caption": caption(known),
    }  # fmt: skip


def certainty(known: Known) -> Text:
    """How sure we are, in one sentence."""
    measured, groups = known.rows["tuned"], known.named_groups
    where = _from(groups)
    low, high = of_hundred(measured[known.kpi])
    what = {
        "macro_recall": both(f"of 100 new cases of each kind it gets {low} to {high} right on average", f"新しい事例を種類ごとに 100 件見せると、平均 {low}～{high} 件に正しく答えます"),
        "accuracy": both(f"of 100 new cases it gets {low} to {high} right", f"新しい事例 100 件のうち {low}～{high} 件に正しく答えます"),
        "macro_f1": both(f"on a scale to 100 it reaches {low} to {high}", f"100 点満点で {low}～{high} 点です"),
    }[known.kpi]
    if too_few(known):
        these = both("this 1 group" if groups == 1 else f"these {groups} groups", f"この {groups} グループ")
        return both(f"How sure are we? Of a new group nobody can say: {groups} {'is' if groups == 1 else 'are'} too few. For cases like those of {these['en']} alone, {what['en'].replace('new cases', 'cases')}, tested on {measured['n']:,} cases that it had never seen.",
                    f"確かさ：新しいグループについては何も言えません（{groups} グループでは少なすぎます）。{these['ja']}と同様の事例に限れば、{what['ja'].replace('新しい事例', '事例')}（学ばせていない {measured['n']:,} 件で確認）。")  # fmt: skip
    return both(f"We are {known.sure} sure that {what['en']}, tested on {measured['n']:,} cases that it had never seen{where['en']}.",
                f"{known.sure} の確かさで、{what['ja']}（学ばせていない {measured['n']:,} 件で確認{where['ja']}）。")  # fmt: skip


def too_few(known: Known) -> bool:
    """Whether the cases come from groups, but from so few that no range can be said of a new one."""
    return 0 < known.named_groups < MIN_GROUPS


def _from(groups: int) -> Text:
    """How many groups the cases came from, as the end of the sentence; nothing where they have none."""
    if not groups:
        return both("", "")
    if groups < _FEW:
        return both(f", from only {groups} group{'s' if groups > 1 else ''} (a new one may differ more)", f"。グループは {groups} つだけなので、新しいグループではもっと違う可能性があります")
    return both(f", from {groups} groups", f"、{groups} グループ")


def of_hundred(measured: dict) -> tuple[int, int]:
    """An interval's ends of 100, rounded outwards: a range that is said aloud may be too wide, never too narrow."""
    return math.floor(100 * measured["low"] + 1e-6), math.ceil(100 * measured["high"] - 1e-6)


def picture(known: Known) -> list[dict]:
    """Rows of the one picture, as `charts.forest` gives them: this model, the best way without it, the model before it learned."""
    rows = {row["arm"]: row | {"name": PLAIN[row["arm"]], "marks": row["marks"][:1]} for row in charts.forest(known.record, known.kpi)}
    return [rows[arm] for arm in ("tuned", known.best, "base") if arm in rows]


def caption(known: Known, dashed: bool = True) -> Text:
    """What the picture shows; `dashed`: with the mark as a line through all rows, as on the page (slides draw it as a row)."""
    mark = f"{100 * known.record['gates']['threshold']:g}"
    what = {"macro_recall": both("Right answers of 100, each kind of case counting the same", "100 件あたりの正解（どの種類の事例も同じ重み）"), "accuracy": both("Right answers of 100 cases", "100 件あたりの正解"), "macro_f1": both("Score of 100", "100 点満点の得点")}[known.kpi]
    bar = both("Bar: what chance alone may change in these few groups; a new one may lie outside.", "帯は、この少数のグループの中での偶然による幅で、新しいグループは外れるかもしれません") if too_few(known) else both(
        f"Bar: the range that we are {known.sure} sure of.", f"帯は {known.sure} 確かな範囲")  # fmt: skip
    return both(f"{what['en']}, on cases that none of them had seen. {bar['en']}" + (f" Dashed: {mark}, the mark that was set." if dashed else ""),
                f"{what['ja']}。どの方法も見ていない事例で測定。{bar['ja']}" + (f"、破線は定めた基準 {mark}。" if dashed else "。"))  # fmt: skip


def _money(known: Known) -> dict:
    """{"headline", "short" (what it is), "unit" (the same in full; None: there is no amount), "note", "examples"}; without an ROI the yen of errors alone, without costs a sentence that says so."""
    if known.roi is None:
        return _errors(known)
    npv, months = next(row["npv"] for row in known.roi["options"] if row["option"] == "tuned"), known.roi["horizon_months"]
    lost, ends = npv["high"] <= 0, (npv["low"], npv["high"])
    risk = both("; a loss is possible", "。損になる可能性もあります") if npv["low"] < 0 < npv["high"] else both("", "")
    word = both("LOST", "損失") if lost else both("gained", "利益")
    return {"headline": span(*(about(end, known.currency) for end in ((-ends[1], -ends[0]) if lost else ends))), "examples": known.roi["examples"],
            "short": both(f"{word['en']} over {months} months", f"{months} か月の{word['ja']}"), "unit": both(f"{word['en']} over {months} months against going on as today, all costs taken off{risk['en']}", f"{months} か月の{word['ja']}（今のまま続けた場合との差。費用はすべて差し引き済み）{risk['ja']}"),
            "note": both(f"{100 * known.roi['confidence']:g} of 100 computed cases lie in this range, in today's money.", f"計算した 100 通りのうち {100 * known.roi['confidence']:g} 通りがこの範囲に入ります（現在の価値）。")}  # fmt: skip


def _errors(known: Known) -> dict:
    found = money.yen_range(known.record, known.frame)
    if found["state"] == "none":
        return {"headline": both("No amount: nobody wrote down what a wrong answer costs", "金額なし：誤答の費用が決まっていません"), "short": None, "unit": None, "note": both("", ""), "examples": False}
    note = both(f"Only the cost of wrong answers, against: {PLAIN[found['today']]['en']}.", f"誤答の費用だけの比較です（相手：{PLAIN[found['today']]['ja']}）。")
    return {"headline": found["headline"], "short": found["unit"], "unit": found["unit"], "note": note, "examples": bool(known.record["costs_are_examples"])}
