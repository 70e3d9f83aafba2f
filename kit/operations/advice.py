"""What an alarm says: the chart, its value and limit, since when, and what to do about it, at which cost."""

from kit.finding import Finding
from kit.language import say
from kit.operations.control_charts import kind_of, name_of_chart

_SHARES = ("p-chart",)


def alarm(chart: str, value: float, limit: float, seen: int, window: int, groups: list[str], scores: list[str]) -> Finding:
    """The Finding of a chart that crossed its limit.

    Args:
        value, limit: on the chart's own scale, rates of p-charts.
        seen: rows of the stream at this look.
        window: how many of them were looked at.
        groups: those in the window.
        scores: names of what the model says, to tell them from the media's.
    """
    kind, share = kind_of(chart, scores), chart.startswith(_SHARES)
    told, bar = (f"{number:.1%}" if share else f"{number:.3f}" for number in (value, limit))
    advice, cost = _advice(kind, chart, window)
    return Finding(
        f"drift of {kind}", float(value), verdict="warn",
        summary=say(
            f"{name_of_chart(chart)} is {told}, its limit {bar}, in rows {seen - window + 1} to {seen} (groups {_few(groups)}): these rows are not like the reference",
            f"{name_of_chart(chart)} が {told} で、限界 {bar} を超えました（{seen - window + 1}〜{seen} 行目、グループ {_few(groups)}）。この期間は基準と異なります",
        ),
        evidence={"chart": chart, "limit": float(limit), "seen": seen, "from_row": seen - window + 1, "groups": groups}, advice=advice, cost=cost,
    )  # fmt: skip


def _advice(kind: str, chart: str, window: int) -> tuple[str, str]:
    if kind == "quality" and chart.rpartition(" ")[2] in ("loudness", "peak", "floor", "band", "clipped", "seconds") and "image" not in chart and "video" not in chart:
        return (
            say("Listen to five recordings of these groups beside five of the reference; check microphone, line and recording level", "このグループの録音 5 件を基準の 5 件と聞き比べ、マイク・回線・録音レベルを確認してください"),
            say("15 minutes", "15 分"),
        )
    if kind == "quality":
        return (
            say("Go to the station: look at the lamps, daylight, lens and focus, and at five photos of these groups beside five of the reference", "現場で照明・外光・レンズ・ピントを確認し、このグループの写真 5 枚を基準の 5 枚と見比べてください"),
            say("15 minutes", "15 分"),
        )
    if kind == "embeddings":
        return (
            say("Look at 20 rows of these groups: is there a new product, a new kind of defect, another camera? Label them, and compare with the accuracy that was measured", "このグループの 20 件を見て、新製品・新しい不良・機器の変更がないか確認し、ラベルを付けて当初の正解率と比べてください"),
            say("20 labels, about 20 minutes", "ラベル 20 件、約 20 分"),
        )
    if chart.endswith("override"):
        return (
            say("People correct the model more (or less) often than before: read the corrections, and let everything be checked until it is clear", "人による訂正の割合が変わりました。訂正内容を読み、原因が分かるまで全件を人が確認してください"),
            say(f"{window} checks per {window} rows meanwhile", f"その間 {window} 件ごとに {window} 件の確認"),
        )
    return (
        say("Label 50 of these rows and compare with the accuracy that was measured; a model that is less sure need not be wrong more often", "この期間の 50 件にラベルを付け、当初の正解率と比べてください。確信度の変化だけでは誤りが増えたとは言えません"),
        say("50 labels, about 50 minutes", "ラベル 50 件、約 50 分"),
    )


def _few(groups: list[str]) -> str:
    return ", ".join(groups[:3]) + (" ..." if len(groups) > 3 else "")
