"""What a model that believes wrong notes costs, from poc.yaml's costs and how often notes are wrong; what is missing for it, else."""

import pandas as pd

from kit.data import Sample
from kit.diagnosis import by_perturbation, most_harmful, price_of_notes, wrong_notes
from poc.words import Text, both, name_of_perturbation

_NOTES = ("misleading", "exchanged", "scenario")  # kinds that a person may write or say by mistake


def price(use, trials: pd.DataFrame, samples: tuple[Sample, ...], share: float | None = None) -> dict:
    """The price of the most harmful kind of wrong note.

    Args:
        use: the checked poc.yaml, for costs, prevalence and currency.
        trials: of `kit.diagnosis.ask`.
        samples: the folder's rows, in which wrong notes are counted.
        share: of the cases in production that come with a wrong note; None: as counted.

    Returns:
        {"yen": [value, low, high] per 1,000 cases or None, "perturbation", "share", "counted": [wrong, labelled rows] or None, "said": {"en", "ja"}}.
    """
    found = {"yen": None, "perturbation": "", "share": share, "counted": None}
    table = by_perturbation(trials)
    notes = table[table["kind"].isin(_NOTES) & ~table["control"].astype(bool) & table["followed"].notna() & table["modality"].isin(("text", "audio"))] if len(table) else table
    if notes.empty:
        return found | {"said": _missing(both("nothing that names a wrong answer could be put beside the evidence", "誤った答えを述べる情報を添えられませんでした"))}
    if use.costs is None:
        return found | {"said": _missing(both("poc.yaml has no costs (costs: {miss, false_alarm, ok_answer}, or a matrix)", "poc.yaml に costs がありません（costs: {miss, false_alarm, ok_answer} または matrix）"))}
    wrong, named, rows = wrong_notes([sample for sample in samples if not sample.generated])
    if share is None and not wrong:
        unknown = both(f"none of {named} notes in {rows} labelled rows names another answer than the label", f"ラベル付き {rows} 行のメモ {named} 件に、ラベルと違う答えを述べるものがありません") if named else both(
            "no row says what its note names, so how often notes are wrong is unknown", "行からはメモが述べる答えがわからず、メモが誤る頻度が不明です")  # fmt: skip
        return found | {"said": _missing(both(f"{unknown['en']}; give the share of cases with a wrong note: --wrong-notes 0.02", f"{unknown['ja']}。誤ったメモの割合を指定してください：--wrong-notes 0.02"))}
    worst = most_harmful(notes)["perturbation"]
    counted = None if share is not None else [wrong, rows]
    share = wrong / rows if share is None else share
    yen = price_of_notes(trials, worst, share, use.costs.of, use.prevalence or None)
    return {"yen": list(yen), "perturbation": worst, "share": share, "counted": counted, "said": _said(use, yen, worst, share, counted)}


def _missing(what: Text) -> Text:
    return both(f"No price of wrong notes: {what['en']}.", f"誤ったメモの費用は出せません：{what['ja']}。")


def _said(use, yen: tuple[float, float, float], worst: str, share: float, counted: list[int] | None) -> Text:
    value, low, high = (f"{amount:,.0f}".replace("-", "−") for amount in yen)
    source = both(f"{counted[0]} of {counted[1]} labelled rows", f"ラベル付き {counted[1]} 行中 {counted[0]} 行") if counted else both("as given", "指定値")
    example = both(", example figures", "、金額は例") if use.costs_are_examples else both("", "")
    return both(
        f"Wrong notes cost {value} [{low}, {high}] {use.currency} per 1,000 cases: what “{worst}” makes worse, at the costs of poc.yaml{example['en']}, x notes that are wrong in {share:.1%} of the cases ({source['en']}).",
        f"誤ったメモの費用は 1,000 件あたり {value} [{low}, {high}] {use.currency}：「{name_of_perturbation(worst, 'ja')}」で増える誤答の費用（poc.yaml の costs{example['ja']}）× メモが誤っている割合 {share:.1%}（{source['ja']}）。",
    )
