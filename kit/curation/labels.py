"""Labels that are probably wrong: confident learning (Northcutt, Jiang and Chuang, JAIR 2021) by cleanlab, on what an honest classifier says.

Honest: fitted on other groups only. The classifier is logistic regression on frozen features or hand-made ones, or on the folder's other columns where those foretell the
label better; a proxy for the model to come, so its list is where to look first and no proof.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_predict

from kit.curation.folds import honest_folds, linear_reader
from kit.curation.material import Material, listed
from kit.data import Sample
from kit.finding import Finding
from kit.language import say

STRENGTHS = (0.001, 0.01)  # of the linear reader: few rows want the smaller one
DOUBTFUL = 0.55  # normalised margin (own label's share minus the best other one's, plus 1, halved): below it a label is contradicted, or hardly believed
KNOWS = 0.6  # accuracy on rows that it was not fitted on, below which a classifier orders the rows and counts no errors: confident learning counts its own as well
_MOST_WORDS = 30  # a column of the table with more different values is an id or a text, not a source


@dataclass(frozen=True)
class Honest:
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


def label_errors(material: Material) -> Finding:
    """Rows whose label an honest classifier contradicts or hardly believes, the least believable first, and how many of them cleanlab takes for errors."""
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    queue, likely, accuracy = {}, [], {}
    for honest in said_honestly(material):
        truth = honest.truth
        quality = get_label_quality_scores(truth, honest.shares, method="normalized_margin")
        issues = find_label_issues(truth, honest.shares) if honest.accuracy >= KNOWS else np.zeros(len(truth), bool)
        accuracy[honest.rows[0].question] = honest.accuracy
        for row in np.flatnonzero(quality < DOUBTFUL):
            others = np.where(np.arange(len(honest.labels)) == truth[row], -1.0, honest.shares[row])
            queue[honest.rows[row].id] = (float(quality[row]), str(honest.labels[others.argmax()]))
        likely += [honest.rows[row].id for row in np.flatnonzero(issues)]
    order = sorted(queue, key=lambda id: queue[id][0])
    likely = [id for id in order if id in set(likely)]
    return Finding(
        "probable label errors", float(len(likely)) if accuracy else None, verdict="warn" if likely else "good" if accuracy and min(accuracy.values()) >= KNOWS else "info",
        summary=say(*_told(likely, order, accuracy)),
        evidence={"ids": order, "likely": likely, "suggested": {id: queue[id][1] for id in order}, "quality": {id: round(queue[id][0], 4) for id in order}, "accuracy": accuracy},
        advice=say("Review them in this order, and stop when ten in a row are right.", "この順に見直し、10 件続けて正しければ終えてください。") if order else "",
        cost=say(f"about {-(-len(likely or order[:60]) // 6)} minutes at 10 s each", f"1 件 10 秒として約 {-(-len(likely or order[:60]) // 6)} 分") if order else "",
    )  # fmt: skip


def _told(likely: list[str], order: list[str], accuracy: dict[str, float]) -> tuple[str, str]:
    if not accuracy:
        return "Not looked for: too few labelled rows or groups.", "ラベル付きの行またはグループが少ないため、調べていません。"
    seen = " / ".join(f"{100 * value:.0f} %" for value in accuracy.values())
    if min(accuracy.values()) < KNOWS and not likely:
        return (
            f"How many labels are wrong cannot be told by a classifier that is right in only {seen} of rows it was not fitted on; {len(order)} rows are ordered for a look all the same. First: {listed(order[:5])}.",
            f"学習に使っていない行での正解率が {seen} の分類器では、誤りの数は分かりません。見直す順だけを {len(order)} 行に付けました。先頭：{listed(order[:5])}。",
        )
    return (
        f"{len(likely)} labels are probably wrong; {len(order)} rows are contradicted, or hardly believed, by a classifier that is right in {seen} of rows it was not fitted on. First: {listed(order[:5])}.",
        f"{len(likely)} 件のラベルが誤りの可能性があります。学習に使っていない行での正解率 {seen} の分類器が否定する（または確信しない）行は {len(order)} 件です。先頭：{listed(order[:5])}。",
    )


def said_honestly(material: Material) -> list[Honest]:
    """For each question that can be asked honestly, the best of the classifiers by its log loss on held-out rows."""
    found = []
    for question in dict.fromkeys(sample.question for sample in material.labelled):
        rows = [sample for sample in material.labelled if sample.question == question]
        folds = honest_folds(rows) if len(rows) >= 20 and len({sample.answer for sample in rows}) > 1 else None
        if folds is None:
            continue
        tried = [*_by_features(rows, folds, material.features), *_by_columns(rows, folds)]
        if tried:
            found.append(min(tried, key=lambda honest: log_loss(honest.truth, honest.shares, labels=range(len(honest.labels)))))
    return found


def _by_features(rows: list[Sample], folds: list, features: dict) -> list[Honest]:
    if not all(sample.id in features for sample in rows):
        return []
    table = np.stack([features[sample.id] for sample in rows])
    return [_said(rows, folds, table, linear_reader(strength), "features") for strength in STRENGTHS]


def _by_columns(rows: list[Sample], folds: list) -> list[Honest]:
    """By what the folder's other columns say, and by which of them agree: a label that follows from three gauges is checked against them."""
    values = {column: {str(sample.meta.get(column, "")) for sample in rows} for column in rows[0].meta}
    columns = [column for column, said in values.items() if 2 <= len(said) <= _MOST_WORDS]
    if not columns:
        return []
    said = [{column: str(sample.meta.get(column, "")) for column in columns} for sample in rows]
    for row in said:
        row.update({f"{a} = {b}": row[a] == row[b] for i, a in enumerate(columns) for b in columns[i + 1 :] if values[a] & values[b]})
    return [_said(rows, folds, DictVectorizer(sparse=False).fit_transform(said), RandomForestClassifier(200, min_samples_leaf=2, random_state=0), "columns")]


def _said(rows: list[Sample], folds: list, table: np.ndarray, model, read: str) -> Honest:
    truth = np.array([sample.answer for sample in rows])
    return Honest(rows, np.unique(truth), cross_val_predict(model, table, truth, cv=folds, method="predict_proba"), read)
