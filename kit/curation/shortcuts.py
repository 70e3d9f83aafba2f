"""Does something that should not matter foretell the label? File size, borders, a burnt-in stamp, the camera, the inspector, the day, the note: a model will use whatever is easiest
(Geirhos et al., "Shortcut Learning in Deep Neural Networks", 2020)."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import cross_val_predict

from kit.curation.folds import drawn_macro_means, ends_of, honest_folds
from kit.curation.material import Material, listed
from kit.data import Sample
from kit.finding import Finding
from kit.language import say

LIFT = 0.1  # of balanced accuracy over chance (one over the number of answers) before it is called a shortcut
_MOST_WORDS, _FEWEST = 60, 40
_OF_FILES = {
    "file size": ("bytes",), "picture size": ("width", "height"), "border": ("border", "border spread"), "corner stamp": ("stamp",), "light": ("brightness", "contrast", "red to blue"),
    "sharpness": ("sharpness",), "length": ("seconds",), "loudness": ("loudness", "peak"),
}  # fmt: skip
_EVIDENCE = ("light", "sharpness", "loudness")  # of a medium that should decide, these may be what decides: an angry voice is loud


@dataclass(frozen=True)
class Shortcut:
    """One thing that should not matter, and how far it foretells the label of rows that were not looked at: balanced accuracy with a 95 % interval over groups."""

    name: str
    value: float
    low: float
    high: float
    chance: float


def shortcut_features(material: Material) -> Finding:
    """Each thing alone, by gradient-boosted trees on other groups' rows; those whose interval lies above chance by LIFT are shortcuts."""
    found = [shortcut for question in dict.fromkeys(sample.question for sample in material.labelled) for shortcut in measured(material, question)]
    bad = sorted((shortcut for shortcut in found if shortcut.low > shortcut.chance + LIFT), key=lambda shortcut: -shortcut.value)
    told = [f"{s.name} {100 * s.value:.0f} % [{100 * s.low:.0f}, {100 * s.high:.0f}]" for s in bad]
    return Finding(
        "shortcut features", float(len(bad)), verdict="warn" if bad else "good" if found else "info",
        summary=say(f"{len(bad)} things that should not decide foretell the label (chance {100 * bad[0].chance:.0f} %): {listed(told)}." if bad else f"None of {len(found)} things that should not decide foretells the label.",
                    f"判断に使わないはずの {len(bad)} 項目がラベルを言い当てます（当てずっぽう {100 * bad[0].chance:.0f} %）：{listed(told)}。" if bad else f"判断に使わない {len(found)} 項目のどれも、ラベルを言い当てません。"),
        evidence={"measured": {s.name: {"value": round(s.value, 4), "low": round(s.low, 4), "high": round(s.high, 4), "chance": round(s.chance, 4)} for s in found}, "shortcuts": [s.name for s in bad]},
        advice=say("Collect each answer under all conditions, or train without it (training.drop_irrelevant); notebook 05 measures whether the model uses it.",
                   "どの条件でもすべての答えを集めるか、その情報を除いて学習してください（training.drop_irrelevant）。モデルが実際に使うかはノートブック 05 で測ります。") if bad else "",
        cost=say("about 5 minutes for notebook 05", "ノートブック 05 で約 5 分") if bad else "",
    )  # fmt: skip


def measured(material: Material, question: str) -> list[Shortcut]:
    """Every thing of the rows of one question that varies at all."""
    rows = [sample for sample in material.labelled if sample.question == question]
    folds = honest_folds(rows) if len(rows) >= _FEWEST and len({sample.answer for sample in rows}) > 1 else None
    if folds is None:
        return []
    return [_measure(name, table, rows, folds) for name, table in _things(material, rows).items() if len(table.drop_duplicates()) > 1]


def _things(material: Material, rows: list[Sample]) -> dict[str, pd.DataFrame]:
    """name -> what is known about it, one row per sample. Not asked: the columns that repeat the answer, and everything that decides."""
    found = {}
    for kind in ("image", "video", "audio"):
        looks = [next((material.looks[path, kind] for path in getattr(sample, kind) if (path, kind) in material.looks), None) for sample in rows]
        numbers = pd.DataFrame([look.numbers if look else {} for look in looks])
        for name, columns in _OF_FILES.items():
            if set(columns) <= set(numbers.columns) and not (name in _EVIDENCE and any(kind in sample.decided_by for sample in rows)):
                found[f"{name} ({kind})"] = numbers[list(columns)]
        serial = [_serial(look.path.stem) if look else np.nan for look in looks]
        if len({number for number in serial if number == number}) > 1:
            found[f"file number ({kind})"] = pd.DataFrame({"number": serial})
    for column in dict.fromkeys(column for sample in rows for column in sample.meta):
        values = pd.Series([str(sample.meta.get(column, "")) for sample in rows])
        if 2 <= values.nunique() <= _MOST_WORDS:
            found[f"column {column}"] = pd.DataFrame({column: values.astype("category").cat.codes})
    if any(sample.text for sample in rows) and not all("text" in sample.decided_by for sample in rows):
        found["presence and length of the text"] = pd.DataFrame({"length": [len(sample.text) for sample in rows]})
    return found


def _serial(stem: str) -> float:
    match = re.search(r"(\d+)(?!.*\d)", stem)
    return float(match[1][-9:]) if match else np.nan


def _measure(name: str, table: pd.DataFrame, rows: list[Sample], folds: list) -> Shortcut:
    truth = np.array([sample.answer for sample in rows])
    model = HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=8, learning_rate=0.2, early_stopping=False, class_weight="balanced", random_state=0)
    hit = cross_val_predict(model, table.to_numpy(np.float64), truth, cv=folds)
    groups = [sample.group or sample.id for sample in rows]
    low, high = (float(value) for value in np.quantile(drawn_macro_means(truth, truth == hit, groups), ends_of(groups)))
    return Shortcut(name, float(balanced_accuracy_score(truth, hit)), low, high, 1 / len(set(truth)))
