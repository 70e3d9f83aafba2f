"""How far a run's certainty can be trusted, as run.json keeps it: temperature, calibration error before and after, and what can be promised when unsure answers go to a person."""

import time

import pandas as pd

from kit.data import Sample
from kit.evaluation import predict
from kit.evaluation.abstention import guarantee, outcomes
from kit.evaluation.calibration import BINS, calibration_error, temperature, tempered
from kit.evaluation.intervals import mean_interval
from kit.models import Loaded

PROMISED = 0.05  # the most misses (or wrong answers, where no answer is "good") that a threshold is asked to promise
_TIMED = 20  # answers, one by one


def certainty_of(calibration: pd.DataFrame, test: pd.DataFrame, ok_answer: str, confidence: float) -> dict:
    """{"calibration", "abstention"} of run.json; {} where a split has too few rows for a reliability diagram.

    The temperature and the threshold come from the calibration split alone, the figures from held-out rows.

    Args:
        calibration, test: the tuned model's answers.
        ok_answer: the answer that means "good"; "" where there is none, then all wrong answers count.
        confidence: of the promise and of the intervals.
    """
    if min(len(calibration), len(test)) < 2 * BINS:
        return {}
    heat = temperature(calibration)
    cooled, asked = tempered(test, heat), {"miss": PROMISED} if ok_answer and (calibration["answer"] != ok_answer).any() else {"wrong": PROMISED}
    promise = guarantee(tempered(calibration, heat), asked, confidence, ok_answer)
    held = outcomes(cooled, promise.threshold, ok_answer) if promise.threshold is not None else None
    return {
        "calibration": {"temperature": heat, "rows": len(calibration), "groups": int(calibration["group"].nunique()), "before": calibration_error(test, confidence=confidence), "after": calibration_error(cooled, confidence=confidence)},
        "abstention": {"targets": asked, "confidence": confidence, "threshold": promise.threshold, "needed": promise.needed, "held_out": held and {name: None if value != value else value for name, value in held.items()},
                       "kept": held and 1 - held["abstention"]},
    }  # fmt: skip


def seconds_of_an_answer(loaded: Loaded, samples: list[Sample]) -> dict:
    """{"value", "low", "high"}: mean seconds of one answer, asked alone, after one that warms up."""
    taken = []
    for sample in samples[: _TIMED + 1]:
        began = time.perf_counter()
        predict(loaded, [sample])
        taken.append(time.perf_counter() - began)
    timed = pd.Series(taken[1:] or taken)
    return dict(zip(("value", "low", "high"), mean_interval(timed.to_numpy(), [""] * len(timed)), strict=True))
