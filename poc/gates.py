"""From measured intervals to go, stop or grey, by gates that were signed before training.

The rule reads interval bounds, never point estimates:
    go     the KPI's lower bound reaches the threshold, AND the lower bound of tuned - best cheap baseline is above 0, AND the upper bound of what the guard set lost
           is below guard_drop, AND each further gate of poc.yaml that is set is passed: robust_drop (what the most harmful evidence takes), worst_group, latency_seconds, budget
    stop   the KPI's upper bound is below stop_below (left out: the threshold), OR the best cheap baseline is at least as good, by the upper bound of the paired difference, OR the budget is exceeded by the lower bound
    grey   anything else, with what it would take to decide, and what the signed grey-zone rule says is to be done
    none   a red run check (the numbers cannot be trusted), or a rehearsal (the numbers say nothing about the company)
Cheap baselines are those without an MLLM: the commonest answer, the note copied, scikit-learn. A gate that is set and was not measured is grey.
"""

import math

from scipy.stats import binomtest

from kit.diagnosis.interference import MIN_ROWS
from poc.words import ARMS, CHEAP, CHECKS, KPIS, Text, both, name_of_perturbation

_TOO_MANY = 20  # beyond so many times the held-out rows, more rows are no advice


def decide(
    use, *, results: list, comparisons: list, guard: dict | None, checks: list, signed: dict, rehearsal: bool = False, believes: dict | None = None, by_group: list | None = None, latency: dict | None = None,
    cost: dict | None = None,
) -> dict:  # fmt: skip
    """The verdict of a run.

    Args:
        use: the checked poc.yaml, for its gates.
        results, comparisons, guard: as in run.json. Intervals are taken at the gates' confidence.
        checks: as in checks.json.
        signed: what `poc.signature.signature` returned, with "changed_after": what `changed_after_seeing` found, where there were earlier runs.
        rehearsal: the tiny model on anything but the sample company.
        believes: the row of diagnosis.json's table that lost most, where the gate "robust" is set.
        by_group: of `accuracy_by_group`, where the gate worst_group is set.
        latency: interval of the seconds of one answer, where the gate latency_seconds is set.
        cost: interval of what the first year costs, in the use case's currency, where the gate budget is set.

    Returns:
        {"decision", "reasons": [{"en", "ja"}], "kpi", "best_baseline", "decision_run": bool, "next": {"en", "ja"}}; reasons come most important first.
    """
    gates, kpi = use.gates, use.gates.kpi
    rows = {row["arm"]: row for row in results if row["condition"] == "as_is"}
    best = max((arm for arm in CHEAP if arm in rows), key=lambda arm: rows[arm][kpi]["value"], default="")
    verdict = {"kpi": kpi, "best_baseline": best, "decision_run": bool(signed.get("signed")) and not signed.get("changed_after") and not rehearsal}
    red = [check for check in checks if check["status"] == "red"]
    if red:
        return verdict | {"decision": "none", "reasons": _reasons_of_red(red), "decision_run": False, "next": _MEND}
    if rehearsal:
        return verdict | {"decision": "none", "reasons": [_REHEARSAL], "next": _REAL}
    beaten = next((c["difference"] for c in comparisons if (c["b"], c["condition"], c["metric"]) == (best, "as_is", kpi)), None)
    parts = [
        _threshold(rows["tuned"][kpi], gates, rows["tuned"]["n"]),
        _baseline(beaten, best, gates, rows["tuned"]["n"]),
        _guard(guard, gates),
        *([] if gates.robust_drop is None else [_robust(believes, gates)]),
        *([] if gates.worst_group is None else [_worst_group(by_group, gates)]),
        *([] if gates.latency_seconds is None else [_latency(latency, gates)]),
        *([] if gates.budget is None else [_budget(cost, gates, use.currency)]),
    ]
    found = {part[0] for part in parts}
    decision = "stop" if "stop" in found else "go" if found == {"go"} else "grey"
    # what decided comes first
    reasons = [part[1] for part in sorted(parts, key=lambda part: part[0] != decision)]
    if decision == "grey" and gates.grey == "stop":
        return verdict | {"decision": "stop", "reasons": [_GREY_STOPS, *reasons, *_unsigned(signed)], "next": _NEXT["stop"]}
    following = _GREY[gates.grey] if decision == "grey" and gates.grey else _NEXT[decision]
    return verdict | {"decision": decision, "reasons": [*reasons, *_unsigned(signed)], "next": following}


def _threshold(measured: dict, gates, n: int) -> tuple[str, Text]:
    """The KPI against its threshold."""
    kpi, threshold = gates.kpi, gates.threshold
    en = f"The tuned model's {KPIS[kpi]['en']} lies between {measured['low']:.1%} and {measured['high']:.1%}; the gate asks for {threshold:.1%}"
    ja = f"微調整後の{KPIS[kpi]['ja']}は {measured['low']:.1%}～{measured['high']:.1%}、判定基準は {threshold:.1%} です"
    if measured["low"] >= threshold:
        return "go", both(f"{en}: reached{_sure(gates)['en']}.", f"{ja}。達成しています{_sure(gates)['ja']}。")
    stop_below = threshold if gates.stop_below is None else gates.stop_below
    if measured["high"] < stop_below:
        return "stop", both(f"{en}: missed{_sure(gates)['en']}.", f"{ja}。届いていません{_sure(gates)['ja']}。")
    if measured["high"] < threshold:
        return "grey", both(f"{en}: missed, and above the stop rule's {stop_below:.1%}. Improve the model or the data and run again.",
                            f"{ja}。届きませんが、中止基準 {stop_below:.1%} は下回っていません。モデルかデータを改善して再実行してください。")  # fmt: skip
    more = _more_rows(measured, threshold, n)
    return "grey", both(f"{en}: the interval still contains it. {more['en']}", f"{ja}。まだ区間の中にあります。{more['ja']}")


def _baseline(difference: dict | None, best: str, gates, n: int) -> tuple[str, Text]:
    """The paired difference to the best method without an MLLM."""
    if difference is None:
        return "grey", both("No method without an MLLM was measured to compare with.", "MLLM を使わない方法との比較がありません。")
    name = {language: f"“{text}”" if language == "en" else f"「{text}」" for language, text in ARMS[best].items()}
    low, high = _points(difference["low"]), _points(difference["high"])
    en = f"Against the best method without an MLLM, {name['en']}, it is {low} to {high} points"
    ja = f"MLLM を使わない最良の方法{name['ja']}との差は {low}～{high} ポイント"
    if difference["low"] > 0:
        return "go", both(f"{en}: better{_sure(gates)['en']}.", f"{ja}で、上回っています{_sure(gates)['ja']}。")
    if difference["high"] <= 0:
        use_it = both(f"Use {name['en']} instead: it is cheaper to run and easier to explain.", f"{name['ja']}を使ってください。運用が安く、説明も容易です。")
        return "stop", both(f"{en}: not better{_sure(gates)['en']}. {use_it['en']}", f"{ja}で、上回っていません{_sure(gates)['ja']}。{use_it['ja']}")
    more = _more_rows(difference, 0.0, n)
    return "grey", both(f"{en}: it is not certain which one is better. {more['en']}", f"{ja}で、どちらが良いかまだ言えません。{more['ja']}")


def _guard(guard: dict | None, gates) -> tuple[str, Text]:
    """What the guard set lost; a loss alone never stops, since less training or mixed-in general data can mend it."""
    if not guard:
        return "grey", both("The guard set was not measured, so it is not known what tuning cost in general ability.",
                            "一般能力の見張りを測定していないため、微調整で失われた能力がわかりません。")  # fmt: skip
    allowed = gates.guard_drop
    low, high = _points(guard["drop"]["low"]), _points(guard["drop"]["high"])
    en = f"General ability (guard set) lost {low} to {high} points; {allowed * 100:g} are allowed"
    ja = f"一般能力の見張りの低下は {low}～{high} ポイント、許容は {allowed * 100:g} ポイント"
    if guard["drop"]["high"] < allowed:
        return "go", both(f"{en}: within the limit.", f"{ja}で、範囲内です。")
    if guard["drop"]["low"] >= allowed:
        return "grey", both(f"{en}: too much. Train fewer steps, or mix general data in, and run again.",
                            f"{ja}で、超えています。学習を短くするか一般データを混ぜて、再実行してください。")  # fmt: skip
    more = _more_rows(guard["drop"], allowed, guard["n"])
    return "grey", both(f"{en}: not certain. {more['en'].replace('held-out', 'guard')}", f"{ja}で、確実とは言えません。{more['ja'].replace('評価', '見張りの')}")


def _robust(believes: dict | None, gates) -> tuple[str, Text]:
    """What the most harmful evidence takes away; it never stops alone, since training with perturbed rows can mend it."""
    if not believes:
        return "grey", both("Nobody asked which evidence the model believes (gate robust_drop).", "モデルがどの情報を信じているかを調べていません（判定基準 robust_drop）。")
    if not believes["clean"]:
        return "grey", both("The model is right on none of the rows that were asked, so that no evidence could take an answer away (gate robust_drop).",
                            "尋ねた行に正答が 1 つもないため、失われる正答がありません（判定基準 robust_drop）。")  # fmt: skip
    if believes["n"] < MIN_ROWS:
        return "grey", both(f"Which evidence the model believes was asked on {believes['n']} rows only: too few to tell (gate robust_drop; {MIN_ROWS} or more).",
                            f"何を信じているかを尋ねた行が {believes['n']} 件だけで、判断できません（判定基準 robust_drop、{MIN_ROWS} 件以上）。")  # fmt: skip
    low, high = _points(believes["lost_low"]), _points(believes["lost_high"])
    names = {language: name_of_perturbation(believes["perturbation"], language) for language in ("en", "ja")}
    en = f"With “{names['en']}” beside the evidence it loses {low} to {high} points of right answers; {gates.robust_drop * 100:g} are allowed"
    ja = f"「{names['ja']}」を添えると正答が {low}～{high} ポイント失われます。許容は {gates.robust_drop * 100:g} ポイント"
    if believes["lost_high"] < gates.robust_drop:
        return "go", both(f"{en}: within the limit.", f"{ja}で、範囲内です。")
    if believes["lost_low"] >= gates.robust_drop:
        return "grey", both(f"{en}: too much. Train with perturbed rows (training.robust; notebook 06) and run again.",
                            f"{ja}で、超えています。撹乱した行を加えて学習し（training.robust、ノートブック 06）、再実行してください。")  # fmt: skip
    more = _more_rows({"value": believes["lost"], "low": believes["lost_low"], "high": believes["lost_high"]}, gates.robust_drop, believes["n"])
    return "grey", both(f"{en}: not certain. {more['en']}", f"{ja}で、確実とは言えません。{more['ja']}")


def accuracy_by_group(frame, confidence: float = 0.95) -> list[dict]:
    """Accuracy of each held-out group of a predictions frame, the worst first: [{"group", "n", "value", "low", "high"}].

    Clopper and Pearson's intervals at 1 - (1 - confidence) / groups each (Bonferroni), so that all of them hold together: of many groups one always looks bad by chance.
    """
    right = (frame["answer"] == frame["predicted"]).groupby(frame["group"].astype(str)).agg(["sum", "count"])
    each = 1 - (1 - confidence) / len(right)
    rows = []
    for group, hits, n in right.itertuples():
        found = binomtest(int(hits), int(n)).proportion_ci(each)
        rows.append({"group": group, "n": int(n), "value": hits / n, "low": float(found.low), "high": float(found.high)})
    return sorted(rows, key=lambda row: (row["value"], row["low"]))


def _worst_group(by_group: list | None, gates) -> tuple[str, Text]:
    """Every held-out group against one bar; a bad group never stops alone, since people can take it over."""
    told = [row for row in by_group or [] if row["group"]]
    if len(told) < 2:
        return "grey", both("The held-out rows have no groups to compare (gate worst_group).", "評価データに比較できるグループがありません（判定基準 worst_group）。")
    bar = gates.worst_group
    bad, open_ = [row for row in told if row["high"] < bar], [row for row in told if row["low"] < bar]
    if not open_:
        return "go", both(f"Every one of {len(told)} held-out groups has at least {bar:.1%} right: reached{_sure(gates)['en']}.", f"評価グループ {len(told)} 個すべてで正解率 {bar:.1%} 以上を達成しています{_sure(gates)['ja']}。")
    worst = (bad or open_)[0]
    en = f"In group {worst['group']} ({worst['n']} rows) between {worst['low']:.1%} and {worst['high']:.1%} are right; the gate asks every group for {bar:.1%}"
    ja = f"グループ {worst['group']}（{worst['n']} 件）の正解率は {worst['low']:.1%}～{worst['high']:.1%}、全グループの基準は {bar:.1%} です"
    if bad:
        return "grey", both(f"{en}: missed. Find out what is different there, collect such rows, or leave that group to people.", f"{ja}。届いていません。違いを調べ、同様のデータを増やすか、そのグループは人が判断してください。")
    more = _more_rows(worst, bar, worst["n"])
    return "grey", both(f"{en}: not certain for {len(open_)} of {len(told)} groups. {more['en']}", f"{ja}。{len(told)} 個中 {len(open_)} 個で確実とは言えません。{more['ja']}")


def _latency(latency: dict | None, gates) -> tuple[str, Text]:
    """Seconds of one answer; too slow never stops alone, since a machine or a smaller checkpoint can mend it."""
    if not latency:
        return "grey", both("The seconds of one answer were not measured (gate latency_seconds).", "1 件の回答時間を測定していません（判定基準 latency_seconds）。")
    en = f"One answer takes {latency['low']:.2g} to {latency['high']:.2g} s on this machine; {gates.latency_seconds:g} s are allowed"
    ja = f"この機械での 1 件の回答時間は {latency['low']:.2g}～{latency['high']:.2g} 秒、許容は {gates.latency_seconds:g} 秒"
    if latency["high"] <= gates.latency_seconds:
        return "go", both(f"{en}: within the limit.", f"{ja}で、範囲内です。")
    if latency["low"] > gates.latency_seconds:
        return "grey", both(f"{en}: too slow. Take a faster machine, 4-bit or a smaller checkpoint.", f"{ja}で、超えています。速い機械、4-bit、小さいチェックポイントを検討してください。")
    return "grey", both(f"{en}: not certain. Time more answers on the machine that will be used.", f"{ja}で、確実とは言えません。実際に使う機械で測定を増やしてください。")


def _budget(cost: dict | None, gates, currency: str) -> tuple[str, Text]:
    """What the first year costs against what was granted; money that is certainly not there stops."""
    if not cost:
        return "grey", both("What the first year costs was not worked out (gate budget).", "初年度の費用を算出していません（判定基準 budget）。")
    en = f"The first year costs {cost['low']:,.0f} to {cost['high']:,.0f} {currency}; {gates.budget:,.0f} were granted"
    ja = f"初年度の費用は {cost['low']:,.0f}～{cost['high']:,.0f} {currency}、予算は {gates.budget:,.0f} {currency}"
    if cost["high"] <= gates.budget:
        return "go", both(f"{en}: within the budget.", f"{ja}で、予算内です。")
    if cost["low"] > gates.budget:
        return "stop", both(f"{en}: too dear.", f"{ja}で、予算を超えます。")
    return "grey", both(f"{en}: not certain. Replace the widest assumption by an offer or a measurement.", f"{ja}で、確実とは言えません。幅の大きい前提を見積もりや実測に置き換えてください。")


def _sure(gates) -> Text:
    """How sure the interval is, as the end of a sentence."""
    return both(f" at {gates.confidence:.0%} confidence", f"（信頼度 {gates.confidence:.0%}）")


def rows_to_decide(measured: dict, threshold: float, n: int) -> int | None:
    """About how many rows in all would take the threshold out of the interval, if the value stayed as measured.

    Normal approximation: an interval's half-width shrinks with the square root of n. None: more than twenty times as many.
    """
    value = measured["value"]
    half, distance = (value - measured["low"], value - threshold) if value > threshold else (measured["high"] - value, threshold - value)
    if distance <= 0 or half / distance > math.sqrt(_TOO_MANY):
        return None
    return math.ceil(n * (half / distance) ** 2 - 1e-6)


def _more_rows(measured: dict, threshold: float, n: int) -> Text:
    needed = rows_to_decide(measured, threshold, n)
    if needed is None:
        return both("It is too close for more held-out rows to decide: improve the model or the data.", "評価データを増やしても決まらないほど僅差です。モデルかデータの改善が必要です。")
    more = _two_digits(max(needed - n, 1))
    return both(f"About {more:,} more held-out rows would decide it.", f"評価データをあと約 {more:,} 件増やせば決まります。")


def _two_digits(count: int) -> int:
    """Rounded up to two significant digits: an estimate should look like one."""
    step = 10 ** max(len(str(count)) - 2, 0)
    return -(-count // step) * step


def _points(share: float) -> str:
    """A difference of shares in points, with its sign."""
    return f"{100 * share:+.1f}".replace("-", "−")


def _reasons_of_red(red: list) -> list[Text]:
    return [
        both(f"Run check {check['number']} is red ({CHECKS[check['number']]['en']}), so the numbers cannot be trusted: {check['detail']}",
             f"実行チェック {check['number']}（{CHECKS[check['number']]['ja']}）が赤のため、数値は信頼できません：{check['detail']}")
        for check in red
    ]  # fmt: skip


def _unsigned(signed: dict) -> list[Text]:
    if signed.get("signed") and (seen := signed.get("changed_after")):
        return [both(f"Not a decision run: run {seen[-1]['run']} had shown results on {seen[-1]['rows']} of these held-out rows before the present gates were signed.",
                     f"決定用の実行ではありません：現在の判定基準の署名より前に、実行 {seen[-1]['run']} がこの評価データのうち {seen[-1]['rows']} 件の結果を示しています。")]  # fmt: skip
    if signed.get("signed"):
        return []
    if signed.get("state") == "changed":
        return [both(f"Not a decision run: the gates were changed after {signed['signed_by']} signed them.",
                     f"決定用の実行ではありません：{signed['signed_by']} さんの署名後に判定基準が変更されています。")]  # fmt: skip
    return [both("Not a decision run: nobody signed the gates before training (poc sign DIR).",
                 "決定用の実行ではありません：学習の前に判定基準が署名されていません（poc sign DIR）。")]  # fmt: skip


_REHEARSAL = both(
    "Rehearsal: the tiny model was run on data it is too small for. It shows that the path works, and nothing about what is possible on this data.",
    "リハーサル：練習用の小さなモデルでの実行です。手順が動くことは示しますが、このデータで何ができるかは示しません。",
)
_REAL = both(
    "For a real answer, with a real checkpoint: poc run DIR --preset laptop (no GPU) or poc run DIR --preset gpu (one 24 GB card)",
    "実際の判定には本物のチェックポイントを：poc run DIR --preset laptop（GPU なし）または poc run DIR --preset gpu（24 GB の GPU 1 枚）",
)
_MEND = both("Mend what the red check names, then run again.", "赤のチェックが示す点を直してから、再実行してください。")
_GREY_STOPS = both("The intervals do not decide, and the signed grey-zone rule says: stop then.", "区間では決まりません。署名済みのグレーゾーンの取り決めにより中止します。")
_GREY = {
    "label_more": both("Next, by the signed grey-zone rule: label as many rows as the open points name, then run again with the same gates.", "署名済みのグレーゾーンの取り決め：未決の点が示す件数のラベルを追加し、同じ判定基準で再実行します。"),
    "check_every_answer": both("Next, by the signed grey-zone rule: a trial in which people check every answer, until its answers decide.", "署名済みのグレーゾーンの取り決め：全件を人が確認する試行を行い、その結果で決めます。"),
}
_NEXT = {
    "go": both("Next: a trial beside the people who decide today, every answer checked.", "次は、現在の判断者と並べた試行です。すべての答えを人が確認します。"),
    "stop": both("Next: do not go on with this; keep the data and the gates for the next idea.", "この方法は続けません。データと判定基準は次の案に活かせます。"),
    "grey": both("Next: do what the open points name, then run again with the same gates.", "未決の点に対応し、同じ判定基準で再実行してください。"),
}
