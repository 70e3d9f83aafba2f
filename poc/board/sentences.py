"""What an executive can say in the meeting: each sentence is made of measured figures and names the file that they come from. Where nothing was measured there is no sentence."""

from dataclasses import dataclass

from poc.board import measures
from poc.board.first import certainty, first, of_hundred
from poc.board.known import Known
from poc.report.certain import said_of_certainty
from poc.words import VERDICTS, Text, both
from poc.worth_said import sentences as of_money


@dataclass(frozen=True)
class Sentence:
    """One thing to say.

    Attributes:
        text: the sentence.
        source: the file of the run's folder, and the place in it.
        example: whether it rests on example prices or assumptions, so that nobody may quote it.
    """

    text: Text
    source: str
    example: bool = False


def sentences(known: Known) -> list[Sentence]:
    """The sentences, the one that says all first; [] for a run without a verdict."""
    if not known.decided:
        return []
    told = [_whole(known), Sentence(certainty(known), f"run.json: results, tuned, {known.kpi}")]
    told += [Sentence(text, f"run.json: comparisons, {known.best}") for text in [measures.beaten(known)] if text]
    if known.record.get("guard") and "base" in known.rows:
        told.append(Sentence(measures.general_said(known), "run.json: guard; results, base and tuned"))
    if known.groups:
        told.append(Sentence(measures.groups_said(known), "predictions.csv: group"))
    if beliefs := measures.believes(known):
        told.append(Sentence(beliefs["headline"], "diagnosis.json: table"))
        if (known.diagnosis.get("price") or {}).get("yen"):
            told.append(Sentence(beliefs["price"], "diagnosis.json: price", bool(known.record["costs_are_examples"])))
    told += [Sentence(_text(finding["summary"]), f"findings.json: {finding['name']}") for finding in known.findings if finding["verdict"] in ("warn", "bad")]
    if known.bridges:
        told.append(Sentence(_text(known.bridges["recommended"]["summary"]), "bridges.json: recommended"))
    told += [Sentence(text, "run.json: abstention") for text in said_of_certainty(known.record)[1:]]
    if green := [check for check in known.checks if check["status"] == "green"]:
        red = [check for check in known.checks if check["status"] == "red"]
        told.append(Sentence(both(f"The run passed {len(green)} of the {len(green) + len(red)} checks of itself that apply.", f"この実行は、該当する自己チェック {len(green) + len(red)} 項目のうち {len(green)} 項目に合格しました。"), "checks.json"))
    if known.roi:
        told += [Sentence(text, f"roi.json: {place}", known.roi["examples"]) for place, text in of_money(known.roi).items()]
    return told


def _text(summary: str | Text) -> Text:
    """What a finding says; older files hold it in one language."""
    return both(summary, summary) if isinstance(summary, str) else summary


def _whole(known: Known) -> Sentence:
    """The one sentence, where only one can be said."""
    page, verdict, n = first(known), VERDICTS[known.record["verdict"]["decision"]], known.rows["tuned"]["n"]
    low, high = of_hundred(known.rows["tuned"][known.kpi])
    mark, worth = f"{100 * known.record['gates']['threshold']:g}", page["money"] if page["money"]["unit"] else None
    money = both(f"; in money: {worth['headline']['en']} {worth['short']['en']}", f"、金額では {worth['headline']['ja']}（{worth['short']['ja']}）") if worth else both("", "")
    caveat = both(" (the criteria were not signed beforehand: it decides nothing yet)", "（基準は事前に署名されておらず、まだ決定には使えません）") if page["notice"] else both("", "")
    return Sentence(
        both(f"On {n:,} cases that it had never seen it reached {low} to {high} of 100, where {mark} was asked for{money['en']}; by the criteria the verdict is: {verdict['en'].lower()}{caveat['en']}.",
             f"未知の {n:,} 件で 100 点中 {low}～{high} 点（基準 {mark}）{money['ja']}。定めた基準による判定は「{verdict['ja']}」です{caveat['ja']}。"),
        "run.json: results, verdict" + ("; roi.json: options.tuned.npv" if known.roi else ""), bool(worth and worth["examples"]),
    )  # fmt: skip
