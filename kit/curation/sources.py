"""Several sources that speak about the same thing and say different things: the note beside the photo, two columns of one table, the transcript and the voice's label."""

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline

from kit.curation.folds import honest_folds
from kit.curation.material import Material
from kit.data import Sample
from kit.data.tables import normal
from kit.finding import Finding
from kit.language import say

SURE = 0.6  # how sure a reader of the text alone must be that the label is another
READS = 0.6  # accuracy on rows that it was not fitted on, above which a reader of the text has something to say
_FEWEST = 30
MARKS = ("conflict", "contradiction", "mismatch", "矛盾", "食い違い", "不一致")  # columns in which people have written down that evidence disagrees
YES = ("yes", "true", "1", "y", "はい", "有", "あり", "○")


def contradicting_sources(material: Material) -> Finding:
    """Rows where two columns with the same vocabulary differ, where people have marked it, or where the text says clearly another answer than the label.

    The text is read by logistic regression on character n-grams, fitted on other rows; of a recording asked about twice, both rows are listed.
    """
    columns, ids = _columns(material), {}
    for sample in material.samples:
        for (a, b), shared in columns.items():
            said = _said(sample, a), _said(sample, b)
            if said[0] != said[1] and set(said) <= shared:
                ids.setdefault(sample.id, f"{a}: {said[0]}; {b}: {said[1]}")
        if mark := next((column for column in sample.meta if normal(column).lower() in MARKS and normal(str(sample.meta[column])).lower() in YES), None):
            ids.setdefault(sample.id, say(f"marked in column {mark}", f"列 {mark} に印"))
    for sample, says in _against_the_text(material):
        ids.setdefault(sample.id, f"text: {says}; answer: {sample.answer}")
    media = {_media(sample) for sample in material.samples if sample.id in ids and _media(sample)}
    for sample in material.samples:
        if _media(sample) in media:
            ids.setdefault(sample.id, say("the same recording", "同じ録音・画像"))
    share = len(ids) / max(len(material.samples), 1)
    return Finding(
        "contradicting sources", float(len(ids)), verdict="warn" if ids else "good",
        summary=say(f"In {len(ids)} rows ({share:.0%}) two sources say different things." if ids else "No two sources of a row contradict each other.",
                    f"{len(ids)} 行（{share:.0%}）で、二つの情報が食い違っています。" if ids else "情報の食い違いはありません。"),
        evidence={"ids": list(ids), "what": ids, "columns": [list(pair) for pair in columns]},
        advice=say("Not faults by themselves: they show what the model does when evidence conflicts (notebook 05). Check that the label follows `decided_by`.",
                   "それだけでは誤りではありません。情報が食い違うときのモデルの振る舞いを見る材料です（ノートブック 05）。ラベルが decided_by に従うか確認してください。") if ids else "",
        cost=say(f"{min(len(ids), 20)} rows to look at", f"{min(len(ids), 20)} 行の確認") if ids else "",
    )  # fmt: skip


def _said(sample: Sample, column: str) -> str:
    return sample.answer if column == "answer" else str(sample.meta.get(column, ""))


def _columns(material: Material) -> dict[tuple[str, str], set[str]]:
    """Pairs of columns that speak in the same few words -> those words (at least two, and all that one of the two ever says)."""
    words: dict[str, set[str]] = {"answer": {sample.answer for sample in material.labelled}}
    for sample in material.samples:
        for column, value in sample.meta.items():
            if isinstance(value, str) and value:
                words.setdefault(column, set()).add(value)
    words = {column: said for column, said in words.items() if 2 <= len(said) <= 30}
    names = list(words)
    pairs = {(a, b): words[a] & words[b] for i, a in enumerate(names) for b in names[i + 1 :]}
    return {(a, b): shared for (a, b), shared in pairs.items() if len(shared) >= 2 and shared in (words[a], words[b])}


def _against_the_text(material: Material) -> list[tuple[Sample, str]]:
    """(sample, what its text says) where a reader of the text alone is sure of another answer; only where text should not decide."""
    found = []
    for question in dict.fromkeys(sample.question for sample in material.labelled):
        rows = [sample for sample in material.labelled if sample.question == question and sample.text]
        if len(rows) < _FEWEST or len({sample.answer for sample in rows}) < 2:
            continue
        truth, texts = np.array([sample.answer for sample in rows]), [sample.text for sample in rows]
        reader = make_pipeline(TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4)), LogisticRegression(C=30, max_iter=1000))
        folds = honest_folds(rows)
        if folds is None:
            continue
        shares = cross_val_predict(reader, texts, truth, cv=folds, method="predict_proba")
        labels = np.unique(truth)
        says = labels[shares.argmax(1)]
        if (says == truth).mean() < READS and not _worth_reading(says, truth, rows):
            continue
        found += [(sample, said) for sample, said, sure in zip(rows, says, shares.max(1), strict=True) if said != sample.answer and sure >= SURE and "text" not in sample.decided_by]
    return found


def _worth_reading(says: np.ndarray, truth: np.ndarray, rows: list[Sample]) -> bool:
    """Whether the text of those rows where text should decide tells the answer, though that of others does not."""
    by_text = np.array(["text" in sample.decided_by for sample in rows])
    return by_text.sum() >= 10 and bool((says == truth)[by_text].mean() >= READS)


def _media(sample: Sample) -> tuple:
    return (*sample.image, *sample.video, *sample.audio)
