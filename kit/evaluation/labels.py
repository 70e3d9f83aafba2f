"""What a cheap reader of features makes of so many labels: the points of a learning curve, minutes instead of a training run per point.

A PROXY, and to be called so wherever it is shown: a logistic regression on what the frozen encoders deliver tells where more labels stop helping a
linear reader of these features. Fine-tuning can do better or worse; notebook 04 confirms the curve with models that were really fine-tuned.
`kit.curation.how_many` keeps groups apart and extrapolates. Shapes: N samples in all, C or D features, K labels.
"""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from kit.data import Sample
from kit.errors import KitError
from kit.evaluation.metrics import METRICS, evaluate
from kit.language import say
from kit.models import Loaded
from kit.models import features as of_model
from kit.processes import one_thread

SELECTIONS = ("random", "uncertainty")
STRENGTH = 0.01  # C on about a thousand standardised features: few rows want a small one


def frozen_features(loaded: Loaded, samples: list[Sample], batch_size: int = 16, desc: str = "frozen features") -> np.ndarray:
    """`kit.models.features.frozen_features` with a column for every modality, (N, D), so that tables of different samples fit together."""
    return of_model.frozen_features(loaded, samples, batch_size, desc, keep_empty=True)


class Reader:
    """Logistic regression on standardised features, one per question, classes weighted evenly.

    Fitted in the n coordinates of its n training rows, which is the same solution (an L2 penalty does not see rotations, and no weight leaves the span of the rows) and far quicker
    than in D.

    Args:
        features: (N, D) of the rows to learn from.
        samples: their answers and questions.
        labels: all K answers there are; a class that no row has gets a share of 0.
    """

    def __init__(self, features: np.ndarray, samples: list[Sample], labels: list[str]):
        self.labels, self.parts = labels, {}
        for question in dict.fromkeys(s.question for s in samples):
            rows = np.array([i for i, s in enumerate(samples) if s.question == question])
            self.parts[question] = self._fit(features[rows].astype(np.float64), np.array([labels.index(samples[i].answer) for i in rows]))

    def _fit(self, table: np.ndarray, truth: np.ndarray):
        counts = np.bincount(truth, minlength=len(self.labels)) / len(truth)
        if counts.max() == 1:
            return counts
        middle, spread = table.mean(0), table.std(0)
        spread[spread < 1e-9] = np.inf  # a column that does not vary says nothing
        table = (table - middle) / spread
        if len(table) >= table.shape[1]:
            turn = np.eye(table.shape[1])
        else:
            power, axes = np.linalg.eigh(table @ table.T)
            kept = power > 1e-9 * power[-1]
            turn = table.T @ (axes[:, kept] / np.sqrt(power[kept]))  # (D, up to n), orthonormal columns
        model = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=1000).fit(table @ turn, truth)
        return middle, spread, turn, model

    def shares(self, features: np.ndarray, samples: list[Sample]) -> np.ndarray:
        """Probabilities (N, K) of the labels; even ones for a question that was never learned."""
        out = np.full((len(samples), len(self.labels)), 1 / len(self.labels))
        for question, part in self.parts.items():
            rows = [i for i, s in enumerate(samples) if s.question == question]
            if not rows:
                continue
            out[rows] = 0
            if isinstance(part, np.ndarray):
                out[rows] = part
            else:
                middle, spread, turn, model = part
                out[np.ix_(rows, model.classes_)] = model.predict_proba((features[rows].astype(np.float64) - middle) / spread @ turn)
        return out


@one_thread
def points(
    features: np.ndarray, samples: list[Sample], pool: np.ndarray, held: np.ndarray, sizes: list[int], metric: str = "macro_recall", seed: int = 0, select: str = "random",
) -> list[tuple[int, float]]:  # fmt: skip
    """(size, metric on the held-out rows) for each size: one labelling of the pool that grows, so that a larger size holds the smaller ones.

    Args:
        features: (N, D) of all samples.
        samples: N, each with an answer.
        pool: numbers of the rows that can be labelled.
        held: numbers of the rows that the metric is measured on.
        sizes: how many labels, rising; one beyond the pool is left out.
        metric: one of METRICS.
        seed: of the order in which the pool is labelled.
        select: "random", or "uncertainty": from the first size on, those rows whose two most probable answers lie closest together
            (margin sampling; Settles, Active Learning Literature Survey, 2009, section 3.1).

    Raises:
        KitError: an unknown metric or selection.
    """
    if metric not in METRICS or select not in SELECTIONS:
        raise KitError(say(f"metric is {metric!r} and select is {select!r}; allowed: {', '.join(METRICS)}; {', '.join(SELECTIONS)}",
                           f"metric は {metric!r}、select は {select!r} です。使えるのは {', '.join(METRICS)} と {', '.join(SELECTIONS)} です"))  # fmt: skip
    labels, asked = sorted({s.answer for s in samples}), [samples[i] for i in held]
    rest, chosen, found = np.random.default_rng(seed).permutation(pool), np.empty(0, int), []
    reader = None
    for size in sorted(n for n in set(sizes) if 0 < n <= len(pool)):
        if select == "uncertainty" and reader:
            best = np.sort(reader.shares(features[rest], [samples[i] for i in rest]), axis=1)
            rest = rest[np.argsort(best[:, -1] - best[:, -2], kind="stable")]
        more = size - len(chosen)
        chosen, rest = np.concatenate([chosen, rest[:more]]), rest[more:]
        reader = Reader(features[chosen], [samples[i] for i in chosen], labels)
        said = [labels[i] for i in reader.shares(features[held], asked).argmax(1)]
        frame = pd.DataFrame({"answer": [s.answer for s in asked], "predicted": said})
        found.append((size, evaluate(frame, labels, resamples=2)[metric]["value"]))
    return found


def label_curve(
    features: np.ndarray, samples: list[Sample], test_features: np.ndarray, test: list[Sample], sizes: list[int], repeats: int = 5, seed: int = 0,
    metric: str = "macro_recall",
) -> pd.DataFrame:  # fmt: skip
    """The metric on the test rows after learning from so many labels: labels, value, low, high (the range over `repeats` random choices of labels).

    Args:
        features, samples: of the rows that could be labelled, (N, C).
        test_features, test: of the held-out rows.
        sizes: how many labels; one beyond the rows there are is left out.
        repeats: random choices of labels per size, each stratified only by luck, as labelling is.
        seed: of the choices.
        metric: one of METRICS.
    """
    pool, held = np.arange(len(samples)), len(samples) + np.arange(len(test))
    table, rows = np.concatenate([features, test_features]), [*samples, *test]
    return summary(pd.DataFrame([(size, i, value) for i in range(repeats) for size, value in points(table, rows, pool, held, sizes, metric, seed + i)], columns=["size", "seed", "value"]))


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Columns labels, value (the mean), low and high (the range) of a table with size, seed and value, as `kit.show.curves.labels_and_kpi` draws it."""
    found = table.groupby("size")["value"].agg(value="mean", low="min", high="max")
    return found.rename_axis("labels").reset_index()
