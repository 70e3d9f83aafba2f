"""The paragraph on how far a run's certainty can be trusted, from run.json's "calibration" and "abstention"."""

from poc.report.wording import percent
from poc.words import Text, both


def said_of_certainty(record: dict) -> list[Text]:
    """The report's sentences; [] of a run that did not ask."""
    calibration, abstention = record.get("calibration"), record.get("abstention")
    if not calibration or not abstention:
        return []
    before, after = calibration["before"], calibration["after"]
    shown = {name: f"{100 * one['value']:.1f} % [{100 * one['low']:.1f}, {100 * one['high']:.1f}]" for name, one in (("before", before), ("after", after))}
    told = [both(
        f"A shown probability is off by {shown['after']} on average (expected calibration error on {after['n']:,} held-out rows); as trained it was {shown['before']}. Temperature {calibration['temperature']:.2f}, fitted on {calibration['rows']:,} calibration rows.",
        f"表示される確率のずれは平均 {shown['after']}（評価データ {after['n']:,} 件での期待校正誤差）。学習直後は {shown['before']}。温度 {calibration['temperature']:.2f} は校正データ {calibration['rows']:,} 件で決定。",
    )]  # fmt: skip
    (name, target), sure = next(iter(abstention["targets"].items())), f"{abstention['confidence']:.0%}"
    what = {"miss": both(f"at most {target:.0%} of the bad cases pass as good", f"不良の見逃しは {target:.0%} 以下"), "wrong": both(f"at most {target:.0%} of all cases get a wrong answer unseen", f"人の目を通らない誤答は全体の {target:.0%} 以下")}[name]
    if abstention["threshold"] is None:
        needed = abstention["needed"].get(name)
        more = both(f"about {needed:,} calibration rows of that kind would be needed", f"該当する校正データが約 {needed:,} 件必要です") if needed else both("more calibration rows would not help: the model must improve", "校正データを増やしても足りず、モデルの改善が必要です")
        return [*told, both(f"No threshold can promise at {sure} confidence that {what['en']}: {more['en']}.", f"信頼度 {sure} で「{what['ja']}」を約束できるしきい値はありません。{more['ja']}。")]
    return [*told, both(
        f"When answers below {100 * abstention['threshold']:.3g} % go to a person, {what['en']}, at {sure} confidence, for rows like the calibration rows; {abstention['kept']:.0%} of the held-out rows are answered, and there it was {percent(abstention['held_out'][name])}. "
        f"The calibration rows come from {calibration['groups']} groups: a new one may differ, and the promise does not cover that.",
        f"確信度 {100 * abstention['threshold']:.3g} % 未満を人に回せば、校正データと同様の事例について信頼度 {sure} で「{what['ja']}」。評価データでは {abstention['kept']:.0%} に自動で答え、実測は {percent(abstention['held_out'][name])} でした。"
        f"校正データは {calibration['groups']} グループのもので、新しいグループとの違いまでは保証しません。",
    )]  # fmt: skip
