"""The page "what it believes": right answers with evidence beside them that should not decide, from a run's diagnosis."""

import pandas as pd

from kit.diagnosis import COPY, most_harmful
from poc.report.wording import percent, points
from poc.words import ARMS, Text, both, name_of_perturbation, said_of_copying

_SHOWN = 10  # kinds of evidence, the most harmful first


def believes(diagnosis: dict) -> dict | None:
    """What the template shows of diagnosis.json; None where the run was not diagnosed."""
    if not diagnosis:
        return None
    table = sorted((row for row in diagnosis["table"] if not row["control"]), key=lambda row: -row["lost"])
    worst = most_harmful(pd.DataFrame(table))  # what the gate reads
    before = diagnosis.get("before")
    was = {row["perturbation"]: row for row in before["table"]} if before else {}
    named = {finding["name"]: finding for finding in diagnosis["findings"]}
    return {
        "before": before["run"] if before else "",
        "headline": _headline(worst, was.get(worst["perturbation"])) if worst else both("No evidence beside the deciding one could be put in.", "判断に使う情報以外に加えられるものがありませんでした。"),
        "verdict": max((finding["verdict"] for name, finding in named.items() if name.startswith("interference")), key=("good", "info", "warn", "bad").index, default="info"),
        "rows": [_row(row, was.get(row["perturbation"])) for row in (*table[:_SHOWN], *(row for row in diagnosis["table"] if row["control"]))],
        "more": len(table) - min(len(table), _SHOWN),
        "asked": diagnosis["rows"],
        "copied": _copied(diagnosis.get(COPY)), "price": (diagnosis.get("price") or {}).get("said"),
        "worst": [percent(share, 0) for share in diagnosis["worst"]],
        "others": [finding for name, finding in named.items() if not name.startswith("interference")],
        "not_tested": [both(en, ja) for en, ja in zip(diagnosis["not_tested"]["en"], diagnosis["not_tested"]["ja"], strict=True)],
    }


def _copied(copied: dict | None) -> dict | None:
    """The row of somebody who only copies what the evidence names; None in diagnoses that were made before it was measured."""
    return copied and {"name": ARMS["copy_note"], "said": said_of_copying(copied), "now": [percent(share, 0) for share in copied["beside"][:3]] if copied["beside"] else None}


def _headline(worst: dict, was: dict | None) -> Text:
    now = _now(worst)
    if was is None:
        return now
    share = percent(was["perturbed"], 0)
    return both(f"{now['en']} Before: {share} with it.", f"{now['ja']}以前のモデルでは、添えたときの正答は {share} でした。")


def _now(worst: dict) -> Text:
    now, was, lost = percent(worst["perturbed"], 0), percent(worst["clean"], 0), 100 * worst["lost"]
    names = {language: name_of_perturbation(worst["perturbation"], language) for language in ("en", "ja")}
    if worst["lost_low"] <= 0 and lost < 2:
        return both(f"Nothing that was put beside the evidence took right answers away: at worst {now} instead of {was} (“{names['en']}”).",
                    f"余計な情報を添えても正答はほとんど失われません：最悪でも {was} が {now}（「{names['ja']}」）。")  # fmt: skip
    return both(f"With “{names['en']}” beside it, {now} of its answers are right instead of {was}: {points(-worst['lost'])} points.",
                f"「{names['ja']}」を添えると、正答は {was} から {now} になります（{points(-worst['lost'])} ポイント）。")  # fmt: skip


def _row(row: dict, was: dict | None) -> dict:
    followed = row["followed"]
    return {
        "before": [percent(was[f"perturbed{end}"], 0) for end in ("", "_low", "_high")] if was else None,
        "name": both(row["perturbation"], name_of_perturbation(row["perturbation"], "ja")), "control": row["control"],
        "clean": percent(row["clean"], 0), "now": [percent(row[f"perturbed{end}"], 0) for end in ("", "_low", "_high")],
        "lost": [points(-row[f"lost{end}"]) for end in ("", "_high", "_low")], "copied": percent(row.get("copied"), 0), "followed": percent(followed, 0) if followed is not None and followed == followed else "–",
    }  # fmt: skip
