"""What a note is worth: what somebody who only copies it gets right, how often notes name a wrong answer, and what a model that believes them costs."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from kit.data import Sample
from kit.data.names import CLEAN
from kit.diagnosis.interference import by_perturbation
from kit.diagnosis.scenarios import said_beside
from kit.evaluation.intervals import mean_interval

COPY = "copy the note"  # as the baseline is called in every table


def copying(trials: pd.DataFrame) -> dict[str, list[float] | None]:
    """What somebody who only copies what the evidence names gets right, as [share, low, high, questions]: of the rows' "own" notes and recordings, and of what was put "beside" (controls aside); None where nothing names an answer.

    Args:
        trials: of `kit.diagnosis.ask`.
    """
    names = trials[(trials["named"] != "") & ~trials["control"].astype(bool)]
    found = {}
    for which, part in (("own", names[names["kind"] == "own"]), ("beside", names[names["kind"] != "own"])):
        of_row = (part["named"] == part["answer"]).groupby(part["id"]).mean()  # whatever was asked about one row is one observation
        found[which] = [*mean_interval(of_row.to_numpy(float), of_row.index, bounds=(0.0, 1.0)), len(part)] if len(part) else None
    return found


def wrong_notes(samples: Sequence[Sample]) -> tuple[int, int, int]:
    """(rows whose evidence beside what decides names another answer than their label, rows whose evidence names any, labelled rows)."""
    told = [(sample.answer, said_beside(sample)) for sample in samples if sample.answer]
    return sum(bool(said) and said != answer for answer, said in told), sum(bool(said) for _, said in told), len(told)


def price_of_notes(
    trials: pd.DataFrame, perturbation: str, wrong_notes: float, cost: float | Callable[[str, str], float], prevalence: dict[str, float] | None = None,
) -> tuple[float, float, float]:  # fmt: skip
    """(yen, low, high) per 1,000 pieces: what the answers cost more beside such evidence x how often it is wrong in production. Paired: each row's own clean answer is what it is compared with.

    Args:
        wrong_notes: share in 0 to 1 of the pieces that come with it.
        cost: yen of one wrong answer, or yen of (truth, predicted).
        prevalence: share of each true answer in production; None: as in the rows.

    Raises:
        ValueError: the perturbation was not asked, or a share that is none.
    """
    asked = trials[trials["perturbation"] == perturbation]
    if asked.empty or perturbation == CLEAN:
        raise ValueError(f"{perturbation!r} was not asked; asked: {', '.join(by_perturbation(trials)['perturbation'])}")
    if not 0 <= wrong_notes <= 1:
        raise ValueError(f"wrong_notes is a share between 0 and 1; given {wrong_notes}")
    of = cost if callable(cost) else lambda truth, predicted: cost * (truth != predicted)
    clean = trials[trials["perturbation"] == CLEAN].set_index("id").loc[asked["id"], "predicted"]
    more = np.array([of(truth, now) - of(truth, was) for truth, now, was in zip(asked["answer"], asked["predicted"], clean, strict=True)], float)
    share = asked["answer"].map(asked["answer"].value_counts(normalize=True))
    weight = None if not prevalence else (asked["answer"].map(prevalence).fillna(0.0) / share).to_numpy(float)
    options = {option for probabilities in asked["probabilities"] for option in probabilities}
    dearest = max((of(truth, said) for truth in options for said in options), default=0.0)
    return tuple(1000 * wrong_notes * value for value in mean_interval(more, asked["group"], weight, bounds=(-dearest, dearest)))
