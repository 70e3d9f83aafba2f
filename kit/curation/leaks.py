"""What leaks from training into the test, and how much it flatters: whole groups on both sides, and a cheap model under a random and under an honest split.

Kapoor and Narayanan, "Leakage and the Reproducibility Crisis in ML-based Science" (2023), section 3: non-independence between training and test.
"""

import numpy as np
from sklearn.metrics import recall_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from kit.curation.folds import drawn_macro_means, honest_folds, linear_reader
from kit.curation.material import Material, listed
from kit.data import Sample
from kit.evaluation.intervals import ends
from kit.finding import Finding
from kit.language import say

_HELD_OUT = {"test", "calibration"}
_LIKE_GROUPS = 0.5  # of the rows: a column with more different values than this share names rows, not groups
_MANY = 8  # and one with fewer is a kind (two shifts, three cameras), which every split must hold


def groups_across_splits(material: Material) -> Finding:
    """Groups, and values of other columns that look like groups, with rows both in training and in the test."""
    both = {}
    for column, values in {"group": [sample.group for sample in material.samples], **_columns(material)}.items():
        sides: dict[str, set[str]] = {}
        for sample, value in zip(material.samples, values, strict=True):
            if value and sample.split:
                sides.setdefault(value, set()).add(sample.split)
        shared = [value for value, found in sides.items() if "train" in found and found & _HELD_OUT]
        if shared:
            both[column] = shared
    bad = "group" in both
    told = [f"{column} ({len(values)})" for column, values in both.items()]
    return Finding(
        "groups across splits", float(sum(map(len, both.values()))), verdict="bad" if bad else "warn" if both else "good",
        summary=say(f"Values on both sides of the split: {listed(told)}." if both else "No group is on both sides of the split.", f"学習と評価の両方にある値：{listed(told)}。" if both else "学習と評価にまたがるグループはありません。"),
        evidence={"columns": both},
        advice=say("Where the next lot, device, speaker or day will be a new one, name that column as group_by and split again.", "次に来るロット・設備・話者・日付が新しいものなら、その列を group_by に指定して分け直してください。") if both else "",
        cost=say("one line in poc.yaml", "poc.yaml の 1 行") if both else "",
    )  # fmt: skip


def _columns(material: Material) -> dict[str, list[str]]:
    found = {}
    for column in dict.fromkeys(column for sample in material.samples for column in sample.meta):
        values = [str(sample.meta.get(column, "")) for sample in material.samples]
        prose = sum(" " in value or "。" in value for value in values if value) > 0.1 * sum(map(bool, values))  # what somebody said is no lot
        if _MANY <= len(set(values)) <= _LIKE_GROUPS * len(values) and not prose:
            found[column] = values
    return found


def random_against_honest(material: Material) -> Finding:
    """ "Random split says X, honest split says Y": macro recall of one cheap model with rows, and with whole groups, kept apart; and the difference with its interval.

    The interval resamples groups (paired: both figures on the same rows).
    """
    parts = [part for question in dict.fromkeys(sample.question for sample in material.labelled) if (part := _both_ways([s for s in material.labelled if s.question == question], material.features))]
    if not parts:
        return Finding("random against honest split", None, verdict="info", summary=say("Not measured: too few labelled rows or groups.", "ラベル付きの行またはグループが少ないため、測っていません。"))
    random, honest = (float(np.mean([part[way] for part in parts])) for way in ("random", "honest"))
    drawn = np.mean([part["drawn"] for part in parts], axis=0)
    low, high = (float(value) for value in np.quantile(drawn, ends(min(part["groups"] for part in parts))))
    return Finding(
        "random against honest split", random - honest, low, high, "warn" if low > 0.02 else "good",
        say(f"A random split says {100 * random:.1f} %, an honest split {100 * honest:.1f} %: {100 * (random - honest):+.1f} points [{100 * low:.1f}, {100 * high:.1f}].",
            f"無作為な分割では {100 * random:.1f} %、グループを保った分割では {100 * honest:.1f} %：差 {100 * (random - honest):+.1f} ポイント [{100 * low:.1f}, {100 * high:.1f}]。"),
        {"random": random, "honest": honest, "groups": len({sample.group for sample in material.labelled})},
        say("Never quote a figure from a random split of these rows.", "このデータを無作為に分けて得た数字は使わないでください。") if low > 0.02 else "",
    )  # fmt: skip


def _both_ways(rows: list[Sample], features: dict) -> dict | None:
    folds = honest_folds(rows) if len(rows) >= 40 and len({s.answer for s in rows}) > 1 and all(s.id in features for s in rows) else None
    if folds is None:
        return None
    truth, table = np.array([s.answer for s in rows]), np.stack([features[s.id] for s in rows])
    model = linear_reader()
    hits = {
        "honest": cross_val_predict(model, table, truth, cv=folds),
        "random": cross_val_predict(model, table, truth, cv=StratifiedKFold(len(folds), shuffle=True, random_state=0)),
    }
    figures = {way: float(recall_score(truth, hit, average="macro")) for way, hit in hits.items()}
    return figures | {"groups": len({s.group or s.id for s in rows}), "drawn": drawn_macro_means(truth, (hits["random"] == truth).astype(float) - (hits["honest"] == truth), [s.group or s.id for s in rows])}
