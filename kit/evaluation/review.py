"""Who answers which case, and what that costs: the model alone, a person behind every alarm, or a person where the model is unsure. The person errs too.

A route is an int per case: the place of the model's answer among the K options, or K for a case that a person answers.
Shapes: n cases, K options, S thresholds, U kinds of case or groups, R resamples (row 0 is what was measured).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kit.errors import KitError
from kit.evaluation.intervals import resampled_by
from kit.evaluation.metrics import cost_matrix
from kit.language import say

REVIEWS = ("none", "alarms", "unsure")


@dataclass(frozen=True)
class Reviewer:
    """A person who looks at a case.

    Attributes:
        sensitivity: P(says bad | bad); where the costs name no good answer, P(gives the right answer), whichever it is.
        specificity: P(says good | good).
        cost: of one look, in yen.
    """

    sensitivity: float = 1.0
    specificity: float = 1.0
    cost: float = 0.0

    def __post_init__(self):
        for name in ("sensitivity", "specificity"):
            if not 0 <= getattr(self, name) <= 1:
                raise KitError(say(f"the reviewer's {name} is {getattr(self, name):g}; give a share between 0 and 1, as counted on parts whose truth is known",
                                   f"確認者の {name} が {getattr(self, name):g} です。正解の分かっている部品で数えた 0 から 1 の割合にしてください"))  # fmt: skip

    def confusion(self, labels: list[str], ok: str | None) -> np.ndarray:
        """P(the person's answer | truth) (K, K): a bad part that is not found is called good, a good one that is refused gets each other answer alike; without a good answer every error is alike."""
        count = len(labels)
        answers = np.full((count, count), (1 - self.sensitivity) / (count - 1))
        if ok is None:
            np.fill_diagonal(answers, self.sensitivity)
            return answers
        place = labels.index(ok)
        answers[:] = 0
        np.fill_diagonal(answers, self.sensitivity)
        answers[:, place] = 1 - self.sensitivity
        answers[place] = (1 - self.specificity) / (count - 1)
        answers[place, place] = self.specificity
        return answers


def labels_of(*frames: pd.DataFrame) -> list[str]:
    """All options and answers of frames with the columns answer and probabilities, sorted."""
    return sorted({option for frame in frames for shares in frame["probabilities"] for option in shares} | {answer for frame in frames for answer in frame["answer"]})


def ok_of(costs: dict) -> str | None:
    """The answer that means "good"; None for costs per confusion."""
    return None if costs.get("matrix") else costs.get("ok_answer")


def routes(frame: pd.DataFrame, labels: list[str], thresholds: np.ndarray, review: str, ok: str | None) -> np.ndarray:
    """Route (n, S) of each case at each threshold.

    * none: called bad when P(bad) = 1 - P(ok) reaches the threshold, and then the likeliest of the bad answers; nobody looks.
    * alarms: the same, and a person looks at everything called bad.
    * unsure: the likeliest answer, and a person instead of it where its share is below the threshold.

    Raises:
        KitError: an unknown `review`, or one that needs a good answer where the costs name none.
    """
    if review not in REVIEWS:
        raise KitError(say(f"review {review!r} is unknown; allowed: {', '.join(REVIEWS)}", f"review の {review!r} はありません。使えるもの: {', '.join(REVIEWS)}"))
    shares = np.array([[probabilities.get(label, 0.0) for label in labels] for probabilities in frame["probabilities"]])  # (n, K)
    person = len(labels)
    if review == "unsure":
        return np.where(shares.max(1)[:, None] < thresholds[None], person, shares.argmax(1)[:, None])
    if ok is None:
        raise KitError(
            say(f"review {review!r} moves one threshold between good and bad, and costs per confusion (costs.matrix) name no good answer: use review 'unsure', or costs with ok_answer",
                f"review {review!r} は良・不良の間のしきい値を動かしますが、取り違えごとの費用（costs.matrix）には良品の答えがありません。review を unsure にするか、costs に ok_answer を書いてください")
        )  # fmt: skip
    place = labels.index(ok)
    bad = np.where(np.arange(person) == place, -1.0, shares).argmax(1)[:, None] if review == "none" else person
    return np.where((1 - shares[:, place])[:, None] >= thresholds[None], bad, place)


def route_costs(labels: list[str], costs: dict, reviewer: Reviewer | None) -> np.ndarray:
    """Yen (K, K + 1) of each truth and route: an answer's own cost, or the look and the cost of what the person then says."""
    cost = cost_matrix(labels, costs)
    if reviewer is None:
        return np.hstack([cost, np.full((len(labels), 1), np.nan)])  # nobody is there to ask
    looked = reviewer.cost + (reviewer.confusion(labels, ok_of(costs)) * cost).sum(1)
    return np.hstack([cost, looked[:, None]])


def require_truths(frame: pd.DataFrame, prevalence: dict[str, float] | None) -> None:
    """Raises KitError where production has an answer that no row has: its cost would be left out, which flatters."""
    lacking = [label for label, share in (prevalence or {}).items() if share > 0 and not (frame["answer"] == label).any()]
    if lacking:
        raise KitError(
            say(f"production has {', '.join(lacking)} (prevalence), and none of these {len(frame)} rows does, so that the cost of such cases is unknown: label some and run again",
                f"本番には {'、'.join(lacking)} がありますが（prevalence）、この {len(frame)} 行にはなく、その費用が分かりません。ラベルを付けて再実行してください")
        )  # fmt: skip


def truth_of(frame: pd.DataFrame, labels: list[str]) -> np.ndarray:
    """Place (n,) of each true answer among the options."""
    return frame["answer"].map({label: i for i, label in enumerate(labels)}).to_numpy()


def route_rates(taken: list[np.ndarray], frame: pd.DataFrame, labels: list[str], draws: int, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    """P(route | truth) of several ways to answer the same cases, each (R + 1, K, K + 1), and the shares of the truths among the cases (R + 1, K).

    Bootstrap over whole groups, or over cases where there are fewer than five groups (`resampled_by`); all ways answer the same resampled cases, so that their differences
    are paired. Cases with the same truth and routes are drawn together, which is the same bootstrap and costs no more with more cases. A truth that a resample lacks keeps the measured rates.
    """
    truth, count = truth_of(frame, labels), len(labels)
    kinds, of_case = np.unique(np.stack([truth, *taken], 1), axis=0, return_inverse=True)  # (U, 1 + ways)
    of_case = of_case.ravel()
    generator = np.random.default_rng(seed)
    if resampled_by(frame) == "group":
        groups = np.unique(frame["group"].astype(str), return_inverse=True)[1]
        cases = np.zeros((groups.max() + 1, len(kinds)))
        np.add.at(cases, (groups, of_case), 1)
        drawn = generator.multinomial(len(cases), np.full(len(cases), 1 / len(cases)), size=draws) @ cases
        whole = cases.sum(0)
    else:
        whole = np.bincount(of_case).astype(float)
        drawn = generator.multinomial(len(frame), whole / whole.sum(), size=draws)
    weights = np.vstack([whole, drawn])  # (R + 1, U)
    rows = np.stack([weights[:, kinds[:, 0] == k].sum(1) for k in range(count)], 1)
    found = []
    for way in range(len(taken)):
        counts = np.zeros((len(weights), count, count + 1))
        for place, (k, *said) in enumerate(kinds):
            counts[:, k, said[way]] += weights[:, place]
        rate = np.divide(counts, rows[:, :, None], out=np.zeros_like(counts), where=rows[:, :, None] > 0)
        found.append(np.where(rows[:, :, None] > 0, rate, rate[:1]))
    return found, rows / rows.sum(1, keepdims=True)
