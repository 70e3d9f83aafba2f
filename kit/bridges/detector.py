"""A detector as a tool: a classifier on frozen encoders that writes down which label it sees, in the words that the language model understands best."""

from dataclasses import dataclass, field

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kit.data import Sample
from kit.errors import KitError
from kit.language import say
from kit.models import Loaded
from kit.models.features import frozen_features
from kit.processes import one_thread

FORMS = ("{label}", "{label} ({share:.0%})", "classifier: {label}", "classifier: {label} ({share:.0%})")
_FOLDS = 5


@dataclass
class Detector:
    """A classifier (logistic regression) on what the frozen encoders make of the media: it writes the label that it sees.

    Attributes:
        form: of what it writes; {label} and {share}, the label's probability. "": whoever reads chooses one of `forms` (see `ToolLearning`); before that, the first of them.
        forms: to choose from; the barest first.
        batch_size: prompts read at once.
        left_out: questions whose training rows have one answer, of which it writes nothing; after `fit`.
    """

    form: str = ""
    forms: tuple[str, ...] = FORMS
    batch_size: int = 16
    name: str = "detector"
    trained: int = field(default=0, init=False)
    loaded: Loaded | None = field(default=None, init=False)
    models: dict = field(init=False, default_factory=dict)
    left_out: list[str] = field(init=False, default_factory=list)

    @one_thread
    def fit(self, train: list[Sample], loaded: Loaded) -> None:
        """One classifier per question whose training rows have two different answers.

        Raises:
            KitError: there is no such question.
        """
        self.loaded, self.trained, self.models, self.left_out = loaded, 0, {}, []
        features = self._features(train)
        for question, rows in _questions(train):
            truth = [train[row].answer for row in rows]
            if len(set(truth)) < 2:
                self.left_out.append(say(f"{question!r} has training rows of {sorted(set(truth))} only", f"「{question}」の学習行の答えは {sorted(set(truth))} だけです"))
                continue
            model = self.models[question] = _classifier().fit(features[rows], truth)
            self.trained += model[-1].coef_.size + model[-1].intercept_.size
        if not self.models:
            raise KitError(
                say(
                    f"detector: {'; '.join(self.left_out) or 'no training row has an answer'}; a classifier needs two different answers at least: label more rows",
                    f"分類器：{'。'.join(self.left_out) or '答えのある学習行がありません'}。2 種類以上の答えが必要です。ラベルを増やしてください",
                )
            )

    @one_thread
    def unseen(self, train: list[Sample]) -> list[str]:
        """By classifiers of the folds that did not hold a row's group; "" where there is no other row to learn from, and the only label where the others have but one."""
        features, said = self._features(train), [""] * len(train)
        for question, rows in _questions(train):
            if self.models and question not in self.models:
                continue  # it writes nothing of it elsewhere either
            truth, groups = np.array([train[row].answer for row in rows]), [train[row].group or train[row].id for row in rows]
            groups = groups if len(set(groups)) > 1 else rows
            folds = GroupKFold(min(_FOLDS, len(set(groups)))).split(rows, groups=groups) if len(set(groups)) > 1 else ()
            for known, held in folds:
                labels = sorted(set(truth[known]))
                model = _classifier().fit(features[[rows[place] for place in known]], truth[known]) if len(labels) > 1 else None
                for row in (rows[place] for place in held):
                    said[row] = self._told(labels, model.predict_proba(features[row][None])[0] if model else np.ones(1))
        return said

    def write(self, samples: list[Sample]) -> list[str]:
        return [self._told(*seen) if seen else "" for seen in self.seen(samples)]

    def seen(self, samples: list[Sample]) -> list[tuple[list[str], np.ndarray] | None]:
        """(labels, their probabilities) of each sample; None where its question is another than those of the training rows."""
        known = [row for row, sample in enumerate(samples) if sample.question in self.models]
        found: list = [None] * len(samples)
        for row, features in zip(known, self._features([samples[row] for row in known]), strict=True):
            model = self.models[samples[row].question]
            found[row] = model.classes_.tolist(), model.predict_proba(features[None])[0]
        return found

    def told_as(self, form: str, seen: list[tuple[list[str], np.ndarray] | None]) -> list[str]:
        """What it would write of what was `seen` in another form."""
        return [self._told(*one, form) if one else "" for one in seen]

    def _features(self, samples: list[Sample]) -> np.ndarray:
        """Without the notes: a detector looks and listens."""
        return frozen_features(self.loaded, [sample.replace(text="") for sample in samples], self.batch_size, self.name, keep_empty=True) if samples else np.zeros((0, 0))

    def _told(self, labels: list[str], shares: np.ndarray, form: str = "") -> str:
        return (form or self.form or self.forms[0]).format(label=labels[int(shares.argmax())], share=float(shares.max()))


def _questions(train: list[Sample]) -> list[tuple[str, list[int]]]:
    """(question, places of its labelled rows)."""
    return [(question, [row for row, sample in enumerate(train) if sample.question == question and sample.answer]) for question in dict.fromkeys(sample.question for sample in train if sample.answer)]


def _classifier():
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.05, class_weight="balanced", max_iter=2000))
