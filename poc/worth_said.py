"""What `poc roi` found, in words: the sentences that an executive can say in the meeting, what has to be said with them, and the lines of the command. Every figure in them comes from roi.json."""

from pathlib import Path

from kit.evaluation.intervals import none_seen
from kit.language import current, say
from poc.business import KNOWN
from poc.report.wording import about, span
from poc.words import ARMS, Text, both

OPTIONS: dict[str, Text] = {
    "nothing": both("Do nothing", "何もしない"),
    "tuned": both("This model", "このモデル"),
    "tuned_wrong_notes": both("This model, with wrong notes", "このモデル（誤ったメモがある場合）"),
} | {arm: name for arm, name in ARMS.items() if arm != "tuned"}  # fmt: skip
MEASURED: dict[str, Text] = {  # of a tornado, beside the assumptions
    "passed": both("Bad ones that the model passes (measured)", "モデルが合格にした不良（測定値）"),
    "refused": both("Good ones that the model refuses (measured)", "モデルが不良とした良品（測定値）"),
    "looks": both("Cases that go to a person (measured)", "人に回る件数（測定値）"),
}
REVIEW: dict[str, Text] = {
    "none": both("nobody checks its answers", "回答の確認者なし"),
    "alarms": both("a person checks everything that it calls bad", "不良とした分はすべて人が確認"),
    "unsure": both("a person answers where it is unsure", "確信のない分は人が回答"),
}


def sentences(found: dict) -> dict[str, Text]:
    """One sentence per thing an executive is asked, by the place in roi.json that its figures come from: today's cost, the investment and its return, how sure, what moves it, whether something cheaper does it, what people
    still do, how much sooner, what wrong notes cost.

    Args:
        found: roi.json (poc.worth.worth).
    """
    rows = {row["option"]: row for row in found["options"]}
    parts = {"today": _today(found), "options.tuned.payback": _return(rows["tuned"], found), "options.tuned.npv": _sure(rows["tuned"], found), "tornado": _moves(found), "better_than_baseline": _cheaper(found),
             "measured.tuned.looks": _people(found), "measured.seconds_per_answer": _sooner(rows["tuned"], found), "options.tuned_wrong_notes": _notes_cost(rows, found)}  # fmt: skip
    return {place: part for place, part in parts.items() if part}


def said(found: dict) -> list[Text]:
    """The sentences alone."""
    return list(sentences(found).values())


def _today(found: dict) -> Text:
    yen, now = lambda key: about(sum(found["today"][part] for part in key), found["currency"]), found["today"]  # noqa: E731
    whole, people, errors = yen(tuple(now)), yen(("labour",)), yen(("defects", "claims", "false_alarms"))
    return both(f"Deciding these cases costs about {whole['en']} a month today: {people['en']} of people's time and {errors['en']} of errors, by the company's figures.",
                f"現在の判断には月に約 {whole['ja']}かかっています（人の時間 {people['ja']}、誤りの費用 {errors['ja']}。自社の数字による）。")  # fmt: skip


def _return(row: dict, found: dict) -> Text:
    once, month = about(sum(row["once"].values()), found["currency"]), about(sum(row["month"].values()), found["currency"])
    months, horizon = row["payback"], found["horizon_months"]
    if months["value"] is None:
        back = both(f"it does not pay back within {horizon} months", f"{horizon} か月以内には回収できません")
    else:
        last = both(f"{months['high']:.0f} months", f"{months['high']:.0f} か月") if months["high"] is not None else both(f"never within {horizon}", f"{horizon} か月以内に回収できない場合")
        back = both(f"it pays back after about {months['value']:.0f} months ({months['low']:.0f} to {last['en']})", f"約 {months['value']:.0f} か月で回収できます（{months['low']:.0f}～{last['ja']}）")
    start, checked = (next(one["value"] for one in found["assumptions"] if one["key"] == key) for key in ("months_to_start", "months_all_checked"))
    wait = both(f", after {start:g} months of building it in and {checked:g} in which people still check every answer,", f"導入の {start:g} か月と、人が全件を確認する {checked:g} か月のあと、") if checked else both(
        f", after {start:g} months of building it in,", f"導入の {start:g} か月のあと、")  # fmt: skip
    return both(f"It takes {once['en']} once and{wait['en']} changes {month['en']} a month, its running costs taken off; {back['en']}.", f"初期費用は {once['ja']}。{wait['ja']}運用費を引いた効果は月 {month['ja']}で、{back['ja']}。")


def _sure(row: dict, found: dict) -> Text:
    value, ends = row["npv"], span(about(row["npv"]["low"], found["currency"]), about(row["npv"]["high"], found["currency"]))
    chance, middle = _chance(row["positive"]), about(value["value"], found["currency"])
    return both(f"Over {found['horizon_months']} months it is worth {middle['en']} today; {100 * found['confidence']:.0f} % of the {found['draws']:,} computed cases lie from {ends['en']}, and it pays in {chance['en']} of them.",
                f"{found['horizon_months']} か月の価値は現在の金額で {middle['ja']}です。{found['draws']:,} 通りの計算の {100 * found['confidence']:.0f} % が {ends['ja']}に入り、{chance['ja']} で採算が取れます。")  # fmt: skip


def _chance(share: float) -> Text:
    """A share of draws; neither "all" nor "none", since the draws know only the uncertainties that were named."""
    if share > 0.99:
        return both("more than 99 %", "99 % 超")
    return both("less than 1 %", "1 % 未満") if share < 0.01 else both(f"{100 * share:.0f} %", f"{100 * share:.0f} %")


def name_of(key: str) -> Text:
    """What moves an NPV, in words."""
    return KNOWN[key].name if key in KNOWN else MEASURED[key]


def _moves(found: dict) -> Text | None:
    if not found["tornado"]:
        return None
    most = found["tornado"][0]
    name, ends = name_of(most["key"]), span(*(about(most[end], found["currency"]) for end in ("npv_low", "npv_high")))
    return both(f"What moves the result most is “{name['en']}”: between its two ends the worth goes from {ends['en']}.", f"結果を最も左右するのは「{name['ja']}」で、その両端で価値は {ends['ja']}と変わります。")


def _cheaper(found: dict) -> Text | None:
    better = found["better_than_baseline"]
    if not better:
        return None
    name, chance, much = OPTIONS[better["arm"]], _chance(better["share"]), about(better["value"], found["currency"])
    return both(f"Against the best method without an MLLM (“{name['en']}”) it is worth {much['en']} more, and it is ahead in {chance['en']} of the computed cases.",
                f"MLLM を使わない最良の方法（{name['ja']}）より {much['ja']}多く、計算の {chance['ja']} で上回ります。") if better["value"] > 0 else both(
        f"The best method without an MLLM (“{name['en']}”) is worth more, by {about(-better['value'], found['currency'])['en']}; this model is ahead in {chance['en']} of the computed cases.",
        f"MLLM を使わない最良の方法（{name['ja']}）のほうが {about(-better['value'], found['currency'])['ja']}多く、このモデルが上回るのは計算の {chance['ja']} です。")  # fmt: skip


def _people(found: dict) -> Text:
    one, how = found["measured"]["tuned"], REVIEW[found["review"]]
    value, low, high = (share / 10 for share in one["looks"])
    at = "" if found["review"] != "unsure" else " / ".join(f"{100 * threshold:.3g} %" for threshold in dict.fromkeys(one["thresholds"]))
    below = both(f", below {at}", f"：{at} 未満") if at else both("", "")
    if not found["measured"]["prevalence"]:
        return both(f"On {one['rows']} held-out cases of {one['groups']} groups, {value:.1f} % [{low:.1f}, {high:.1f}] go to a person ({how['en']}{below['en']}).",
                    f"評価用 {one['rows']} 件（{one['groups']} グループ）では、{value:.1f} % [{low:.1f}, {high:.1f}] が人に回ります（{how['ja']}{below['ja']}）。")
    return both(f"Of the line's cases, at the shares that poc.yaml states, {value:.1f} % [{low:.1f}, {high:.1f}] go to a person ({how['en']}{below['en']}), as {one['rows']} held-out cases of {one['groups']} groups tell, among which the share is another.",
                f"現場の件（poc.yaml の割合）のうち {value:.1f} % [{low:.1f}, {high:.1f}] が人に回ります（{how['ja']}{below['ja']}）。評価用 {one['rows']} 件（{one['groups']} グループ）からの換算で、評価データの中での割合とは異なります。")  # fmt: skip


def _sooner(row: dict, found: dict) -> Text | None:
    hours = next(one["value"] for one in found["assumptions"] if one["key"] == "hours_to_decision_today")
    seconds = found["measured"]["seconds_per_answer"]
    if not hours or not seconds:  # a resumed run has read its answers: nobody knows how long they took
        return None
    share = 100 - found["measured"]["tuned"]["looks"][0] / 10
    money = both("; no money was put on that", "（金額には換算していません）") if not row["month"]["lead_time"] else both(f", counted with {about(row['month']['lead_time'], found['currency'])['en']} a month", f"（月 {about(row['month']['lead_time'], found['currency'])['ja']}と評価）")
    return both(f"{share:.0f} % of the cases are decided without a person instead of after {hours:g} hours; an answer took {seconds:.2g} seconds on average where many were asked together, and one alone takes longer{money['en']}.",
                f"{share:.0f} % の件は、現在の {hours:g} 時間を待たず、人を介さずに判断できます（まとめて尋ねたときの平均は 1 件 {seconds:.2g} 秒で、1 件だけの場合はこれより長くなります）{money['ja']}。")  # fmt: skip


def _notes_cost(rows: dict, found: dict) -> Text | None:
    if "tuned_wrong_notes" not in rows:
        return None
    less = about(rows["tuned"]["npv"]["value"] - rows["tuned_wrong_notes"]["npv"]["value"], found["currency"])
    return both(f"Believing wrong notes, as often as was stated for the diagnosis, takes {less['en']} of that.", f"診断で指定した頻度の誤ったメモを信じることで、そこから {less['ja']}が失われます。")


def notes(found: dict) -> list[Text]:
    """What has to be said together with the figures: how little was measured, what the kit assumed, what cannot be seen in them."""
    one, told = found["measured"]["tuned"], []
    if found["examples"]:
        told.append(both("The prices of poc.yaml are marked as examples: so is every figure here.", "poc.yaml の単価は例とされているため、ここの数字もすべて例です。"))
    if one["resampled"] == "sample":
        told.append(both(f"There are only {one['groups']} groups, so single cases were redrawn: the intervals are too narrow.", f"グループが {one['groups']} しかなく、1 件単位で再抽出しています。区間は実際より狭めです。"))
    if one["chosen_on"] == "halves" and found["review"] != "none":
        told.append(both("The run holds no answers on calibration rows: each half of the held-out groups chose the threshold for the other half.", "較正用の行への回答がないため、評価用グループの半分ずつで互いのしきい値を選んでいます。"))
    if not found["measured"]["prevalence"]:
        told.append(both("poc.yaml names no prevalence: the shares of the held-out rows stand in for the line's.", "poc.yaml に prevalence がないため、評価データの割合を実際の割合とみなしています。"))
    for label, rows in one["never_missed"].items():
        told.append(both(f"None of {rows} cases of “{label}” was passed, which proves no zero: up to {100 * none_seen(rows, found['confidence']):.1f} % could be ({100 * found['confidence']:.0f} %), and the draws count on misses that were not seen.",
                         f"「{label}」{rows} 件に見逃しはありませんが、ゼロとは言えません。最大 {100 * none_seen(rows, found['confidence']):.1f} % はあり得るため（{100 * found['confidence']:.0f} %）、計算では見えていない見逃しも見込んでいます。"))  # fmt: skip
    if found["review"] != "none":
        told.append(both("The person is taken to be as good on the cases that the model hands over as on all others, and those may be the hard ones.", "人の正しさは、モデルが人に回す件でも他の件と同じとしていますが、難しい件かもしれません。"))
    told.append(both("Errors per true answer are taken to be the same on the line as on the held-out rows; a trial beside the people who decide today shows whether they are.", "正解ごとの誤りの割合は、現場でも評価データと同じとしています。現在の判断者と並べた試行で確かめてください。"))
    assumed = [row for row in found["assumptions"] if row["kind"] == "default"]
    if assumed:
        told.append(both(f"The kit's own assumptions, which the company should replace: {', '.join(row['key'] for row in assumed)}.", f"キットが置いた仮定（自社の数字に置き換えてください）：{'、'.join(row['key'] for row in assumed)}。"))
    if not found["measured"]["best_baseline"]:
        told.append(both("The run holds no answers of a method without an MLLM to compare with.", "比較できる MLLM なしの方法の回答が、この実行にありません。"))
    return told


def worth_lines(found: dict, run: Path) -> list[str]:
    """What the command says: a row per option, the sentences, what belongs to them, and where everything is."""
    language, money = current(), lambda yen: about(yen, found["currency"])[current()]  # noqa: E731
    lines = []
    for row in found["options"]:
        name = OPTIONS[row["option"]][language]
        if row["option"] == "nothing":
            month = sum(found["today"].values())
            lines.append(say(f"{name}: {money(month)} a month, as today; all others are measured against this", f"{name}：現状のまま月 {money(month)}（以下はこれとの差）"))
            continue
        ends, months = row["npv"], row["payback"]["value"]
        back = say(f"after {months:.1f} months", f"{months:.1f} か月") if months is not None else say("not within the horizon", "期間内になし")
        lines.append(say(f"{name}: NPV {money(ends['value'])} [{money(ends['low'])}, {money(ends['high'])}], pays back {back}, P(NPV > 0) {_chance(row['positive'])['en']}",
                         f"{name}：NPV {money(ends['value'])}［{money(ends['low'])}、{money(ends['high'])}］、回収 {back}、P(NPV > 0) {_chance(row['positive'])['ja']}"))  # fmt: skip
    lines += [f"- {one[language]}" for one in found["said"]] + [say("note: ", "注：") + one[language] for one in found["notes"]]
    return [*lines, say(f"Every assumption with its source, and what moves the result: {run / 'roi.json'}", f"すべての仮定とその根拠、結果を左右するもの：{run / 'roi.json'}")]
