"""Labels to look at first: self-confidence (Northcutt, Jiang and Chuang, JAIR 2021, section 3) by cleanlab, of a classifier that was not fitted on the row.

The classifier is the mean of a logistic regression and of randomised trees on frozen or hand-made features, or a forest on the folder's other columns where those foretell the label better.
It is a proxy for the model to come and errs far more often than labels do: it can put rows in an order, and cannot tell how many labels are wrong; people who look can
(`kit.labelling.wrong_labels`). It is fitted on other rows of the same groups, too, which are the best witnesses of a slip; a group that is wrong as a whole is believed.
"""

import math
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from kit.curation.folds import linear_reader
from kit.curation.material import Material, listed
from kit.data import Sample
from kit.finding import Finding
from kit.language import say

FIRST = 0.1  # of each question's labels are listed: they held 19 of the 19 wrong ones of the sample company, on which method and share were chosen, and 56 of 67 that were planted in it anew with other seeds
_MOST_WORDS = 30  # a column of the table with more different values is an id or a text, not a source


@dataclass(frozen=True)
class HeldOut:
    """What a classifier says about rows that it was not fitted on.

    Attributes:
        rows: the labelled rows of one question.
        labels: its answers, sorted.
        shares: (N, number of labels).
        read: what the classifier reads: "features" or "columns".
    """

    rows: list[Sample]
    labels: np.ndarray
    shares: np.ndarray
    read: str

    @property
    def truth(self) -> np.ndarray:
        """Index into `labels` of each row's answer."""
        return np.searchsorted(self.labels, [sample.answer for sample in self.rows])

    @property
    def accuracy(self) -> float:
        return float((self.shares.argmax(1) == self.truth).mean())

    @property
    def believed(self) -> np.ndarray:
        """(N,) how far each row's own label is believed, 0 to 1."""
        from cleanlab.rank import get_label_quality_scores

        return get_label_quality_scores(self.truth, self.shares, method="self_confidence")

    @property
    def knows(self) -> bool:
        """Whether its log loss is lower than that of the labels' frequencies: else its order is no better than any other."""
        frequencies = np.bincount(self.truth) / len(self.truth)
        return log_loss(self.truth, self.shares, labels=range(len(self.labels))) < -(frequencies * np.log(frequencies)).sum()


def label_errors(material: Material) -> Finding:
    """The labelled rows whose label a classifier that was not fitted on them believes least, in this order: a share of FIRST of each question's; how many are wrong is not told."""
    queue, accuracy, blind = {}, {}, 0
    for held in said_of_held_out(material):
        if not held.knows:
            blind += 1
            continue
        truth, believed = held.truth, held.believed
        accuracy[held.rows[0].question] = held.accuracy
        for row in np.argsort(believed, kind="stable")[: math.ceil(FIRST * len(truth))]:
            others = np.where(np.arange(len(held.labels)) == truth[row], -1.0, held.shares[row])
            queue[held.rows[row].id] = (float(believed[row]), str(held.labels[others.argmax()]))
    order = sorted(queue, key=lambda id: queue[id][0])
    return Finding(
        "probable label errors", float(len(order)) if accuracy else None, summary=say(*_told(order, accuracy, blind)),
        evidence={"ids": order, "suggested": {id: queue[id][1] for id in order}, "quality": {id: round(queue[id][0], 4) for id in order}, "accuracy": accuracy},
        advice=say("Look through all of them: a run of right labels does not mean that none is left. How many labels are wrong is told by people who look: poc label, then poc agreement.",
                   "この一覧をすべて見直してください。正しいラベルが続いても、残りがすべて正しいとは限りません。誤りの割合は人の見直しで分かります：poc label のあと poc agreement。") if order else "",
        cost=say(f"about {-(-len(order) // 6)} minutes at 10 s each", f"1 件 10 秒として約 {-(-len(order) // 6)} 分") if order else "",
    )  # fmt: skip


def _told(order: list[str], accuracy: dict[str, float], blind: int) -> tuple[str, str]:
    if not accuracy and not blind:
        return "Not looked for: fewer than 20 labelled rows, or an answer that only one row has.", "ラベル付きの行が 20 件未満か、1 行にしかない答えがあるため、調べていません。"
    if not accuracy:
        return "Not looked for: on rows that it was not fitted on, the classifier is no better than guessing.", "学習に使っていない行では分類器が当て推量と変わらないため、調べていません。"
    seen = " / ".join(f"{100 * value:.0f} %" for value in accuracy.values())
    unseen = (f" Not looked for in {blind} more questions, on which it is no better than guessing.", f"当て推量と変わらない {blind} 問は調べていません。") if blind else ("", "")
    return (
        f"{len(order)} rows to look at, in this order: their labels are believed least by a classifier that is right in {seen} of rows it was not fitted on. Most of them will be right. First: {listed(order[:5])}.{unseen[0]}",
        f"見直す候補は {len(order)} 行で、疑わしい順です（学習に使っていない行での正解率 {seen} の分類器による順）。大半のラベルは正しいはずです。先頭：{listed(order[:5])}。{unseen[1]}",
    )


def said_of_held_out(material: Material) -> list[HeldOut]:
    """For each question with at least 20 labels, two of each answer, the best of the classifiers by its log loss on held-out rows."""
    found = []
    for question in dict.fromkeys(sample.question for sample in material.labelled):
        rows = [sample for sample in material.labelled if sample.question == question]
        truth = [sample.answer for sample in rows]
        fewest = min(Counter(truth).values())
        if len(rows) < 20 or len(set(truth)) < 2 or fewest < 2:
            continue
        folds = list(StratifiedKFold(min(5, fewest), shuffle=True, random_state=0).split(truth, truth))
        tried = [*_by_features(rows, folds, material.features), *_by_columns(rows, folds)]
        if tried:
            found.append(min(tried, key=lambda held: log_loss(held.truth, held.shares, labels=range(len(held.labels)))))
    return found


def _by_features(rows: list[Sample], folds: list, features: dict) -> list[HeldOut]:
    if not all(sample.id in features for sample in rows):
        return []
    table = np.stack([features[sample.id] for sample in rows]).astype(np.float64)  # or shares would not sum to one exactly enough for log_loss
    trees = ExtraTreesClassifier(200, min_samples_leaf=2, random_state=0)  # they find what no line parts; the line is the surer where rows are few
    said = [_said(rows, folds, table, model, "features") for model in (linear_reader(), trees)]
    return [replace(said[0], shares=(said[0].shares + said[1].shares) / 2)]


def _by_columns(rows: list[Sample], folds: list) -> list[HeldOut]:
    """By what the folder's other columns say, and by which of them agree: a label that follows from three gauges is checked against them."""
    values = {column: {str(sample.meta.get(column, "")) for sample in rows} for column in rows[0].meta}
    columns = [column for column, said in values.items() if 2 <= len(said) <= _MOST_WORDS]
    if not columns:
        return []
    said = [{column: str(sample.meta.get(column, "")) for column in columns} for sample in rows]
    for row in said:
        row.update({f"{a} = {b}": row[a] == row[b] for i, a in enumerate(columns) for b in columns[i + 1 :] if values[a] & values[b]})
    return [_said(rows, folds, DictVectorizer(sparse=False).fit_transform(said), RandomForestClassifier(200, min_samples_leaf=2, random_state=0), "columns")]


def _said(rows: list[Sample], folds: list, table: np.ndarray, model, read: str) -> HeldOut:
    truth = np.array([sample.answer for sample in rows])
    return HeldOut(rows, np.unique(truth), cross_val_predict(model, table, truth, cv=folds, method="predict_proba"), read)
