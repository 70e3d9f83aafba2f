"""What a diagnosis did not ask, in words, so that nobody takes silence for health."""

from collections.abc import Iterable, Sequence

from kit.data import MODALITIES, Sample
from kit.data.perturbations import Perturbation
from kit.diagnosis import Scenario
from kit.language import say

_LISTED = 12  # names of what applies to no row


def not_tested(
    held: Sequence[Sample], scenarios: Sequence[Scenario] = (), asked: Sequence[Perturbation] = (), made: Sequence[Perturbation] = (),
    grids: Iterable[tuple[str, str]] | None = None, measured: Iterable[str] | None = None,
) -> list[str]:  # fmt: skip
    """The list.

    Args:
        held: the rows that were asked about.
        scenarios: what misleads in the company.
        asked: what was asked of some rows.
        made: what could have been; of it, whatever applies to no row is named.
        grids: the (relevant, irrelevant) pairs of modalities that have a counterfactual grid; None: nothing is said of it.
        measured: names of the findings; None: nothing is said of those that are missing.
    """
    told = []
    if not any(scenario.seen == 0 for scenario in scenarios):
        told.append(say("notes, pictures and sounds that mislead in your company and stand in no row: list them under scenarios in poc.yaml", "行に現れない、現場で誤解を招くメモ・画像・音声：poc.yaml の scenarios に書いてください"))
    if not any(perturbation.modality == "audio" and perturbation.kind in ("misleading", "scenario") for perturbation in asked):
        told.append(say("a wrong label spoken in a sound", "音声で話された誤ったラベル"))
    alone = sorted({modality for sample in held for modality in sample.decided_by if not any(modality not in other.decided_by for other in held)})
    told += [say(f"{modality} as misleading evidence: it decides every row", f"誤った情報としての {modality}：すべての行で判断に使われるため") for modality in alone]
    told += _kinds(held, alone, asked, made)
    return told + _missing(held, grids, measured)


def _kinds(held: Sequence[Sample], alone: list[str], asked: Sequence[Perturbation], made: Sequence[Perturbation]) -> list[str]:
    """Modalities that nobody put in, what was made and applies to no row, and evidence that decides and was not disturbed."""
    put = {perturbation.modality for perturbation in asked if perturbation.kind != "own"}
    never = [modality for modality in MODALITIES if modality not in (*put, *alone)] if held else []
    told = [say(f"{modality} put beside the evidence: neither these rows nor the training rows have any that could be shown", f"添えた {modality}：評価行にも学習行にも、見せられるものがありません") for modality in never]
    names = {perturbation.name for perturbation in asked}
    idle = [p.name for p in made if p.name not in names and p.modality not in never and (p.modality not in alone or p.spares or p.kind == "scenario") and p.kind != "own"]
    if idle:
        more = say(f" and {len(idle) - _LISTED} more", f" ほか {len(idle) - _LISTED} 種類") if len(idle) > _LISTED else ""
        told.append(say(f"what applies to no row: {', '.join(idle[:_LISTED])}{more}", f"どの行にも当てはまらないもの：{'、'.join(idle[:_LISTED])}{more}"))
    deciding = sorted({modality for sample in held for modality in sample.decided_by} - {p.modality for p in asked if p.spares})
    return told + [say(f"disturbed {modality} that decides (noise, words in it): only pictures are disturbed so that they stay readable", f"乱れた {modality}（判断に使うもの。雑音や文字など）：読み取れる程度に乱すのは画像だけです") for modality in deciding if modality != "text"]


def _missing(held: Sequence[Sample], grids: Iterable[tuple[str, str]] | None, measured: Iterable[str] | None) -> list[str]:
    """Pairs of modalities without a grid, and findings that could not be made."""
    told = []
    if grids is not None:
        there = set(grids)
        both = {(one, other) for sample in held for one in sample.decided_by for other in MODALITIES if other not in sample.decided_by and getattr(sample, one) and getattr(sample, other)}
        told += [say(f"the Shortcut Index of {one} against {other}: fewer than 10 pairs of rows have both and different answers", f"{one} と {other} のショートカット指数：両方を持ち答えの異なる行の組が 10 未満です") for one, other in sorted(both - there)]
        if not both:
            told.append(say("a Shortcut Index: no row has evidence beside what decides it", "ショートカット指数：判断に使う情報以外を持つ行がありません"))
    if measured is not None:
        missing = {"sensitivity": ("whether the answer follows the deciding evidence: no row has another of the same question with a different answer", "判断に使う情報への感度：同じ問いで答えの異なる行がありません"),
                   "conflict": ("whether it notices contradictions: no note could contradict the evidence", "食い違いの検知：矛盾するメモを添えられません")}  # fmt: skip
        told += [say(*words) for name, words in missing.items() if name not in set(measured)]
        if "attention balance" not in set(measured):
            told.append(say("what it looks at: this checkpoint's attention cannot be recorded, or no row has the evidence that decides it", "何に注意を向けているか：このチェックポイントの注意は記録できないか、判断に使う情報のある行がありません"))
        deciding = {modality for sample in held for modality in sample.decided_by}
        told += [say(f"where in the {modality} the answer comes from: too few pieces to hide", f"{modality} のどこから答えが来たか：隠せる部分が足りません") for modality in sorted(deciding) if f"explanation by {modality}" not in set(measured)]
    return told
