"""Does the evidence of one row contradict itself? A score from what the model answers to each modality alone, and how well it tells planted conflicts from agreement.

    score = (1 - sum_k p_a(k) p_b(k)) x c_a x c_b,   c = 1 - entropy / log(options)

The first factor is the probability that the two answers differ; a modality from which the model reads nothing (a flat answer, c = 0) contradicts nobody. The largest pair counts. A high score sends a
row to a person; it says that two sources disagree, not which of them is right.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score, roc_curve

from kit.data import MODALITIES, Sample
from kit.diagnosis.interference import MIN_ROWS, too_few
from kit.evaluation.intervals import draw_units, ends, resampled_by
from kit.evaluation.scoring import shares_of
from kit.evaluation.shared_prefix import shared_scores
from kit.finding import Finding
from kit.language import say
from kit.models import Loaded

FALSE_ALARMS = 0.05  # of the rows whose evidence agrees: what a person may be asked in vain
_RESAMPLES = 1000


def conflict_scores(loaded: Loaded, samples: Sequence[Sample], batch_size: int = 16) -> pd.DataFrame:
    """One row per sample: id, group, score (0 to 1; NaN with less than two kinds of evidence), and answer and share of each modality alone, as "image says", "image sure" ...

    Raises:
        KitError: a sample without options.
    """
    samples = list(samples)
    asked = [(sample, modality, sample.perturbed(f"{modality} alone", **{other: "" if other == "text" else () for other in sample.modalities if other != modality})) for sample in samples for modality in sample.modalities]
    scores = shared_scores(loaded, [alone for *_, alone in asked], batch_size, say("each kind of evidence alone", "情報を一つずつ確認"))
    alone: dict[int, dict[str, np.ndarray]] = {}
    for (sample, modality, _), score in zip(asked, scores, strict=True):
        alone.setdefault(id(sample), {})[modality] = np.array(list(shares_of(sample, score).values()))
    rows = []
    for sample in samples:
        said = alone.get(id(sample), {})
        row = {"id": sample.id, "group": sample.group, "score": max((apart(said[a], said[b]) for a, b in combinations(said, 2)), default=np.nan)}
        for modality in MODALITIES:
            row[f"{modality} says"] = sample.options[int(said[modality].argmax())] if modality in said else ""
            row[f"{modality} sure"] = float(said[modality].max()) if modality in said else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The score of two answers' shares (number of options,)."""
    sure = [1 + float((p * np.log(np.clip(p, 1e-12, 1))).sum()) / np.log(len(p)) for p in (one, other)]
    return max(0.0, 1 - float(one @ other)) * max(0.0, sure[0]) * max(0.0, sure[1])


def conflict(scores: pd.DataFrame, planted: Sequence[bool], seed: int = 0) -> Finding:
    """How well the score tells rows whose evidence disagrees: area under the ROC with its 95 % interval, and what is caught at FALSE_ALARMS.

    Whole groups are resampled, or samples where there are too few groups: whatever was asked about one sample, with an agreeing note and with a contradicting one, is drawn together.

    Args:
        scores: of `conflict_scores`.
        planted: of each row, whether its evidence disagrees.

    Raises:
        ValueError: no row of one of the two kinds has two kinds of evidence.
    """
    told = scores.assign(planted=np.asarray(planted, bool)).dropna(subset=["score"])
    if told["planted"].nunique() < 2:
        raise ValueError(f"{int(told['planted'].sum())} of {len(told)} rows with two kinds of evidence disagree: a ROC needs both kinds")
    truth, values = told["planted"].to_numpy(), told["score"].to_numpy()
    area = float(roc_auc_score(truth, values))
    unit = np.unique(told["group" if resampled_by(told) == "group" else "id"].astype(str), return_inverse=True)[1]
    weights = draw_units(unit.max() + 1, _RESAMPLES, seed)[:, unit].astype(float)
    above = np.sign(values[truth][:, None] - values[~truth]) / 2 + 0.5  # the area is how often a row that disagrees scores above one that does not
    of_both = weights[:, truth].sum(1) * weights[:, ~truth].sum(1)
    drawn = (weights[:, truth] @ above * weights[:, ~truth]).sum(1)[of_both > 0] / of_both[of_both > 0]
    low, high = np.quantile(drawn, ends(unit.max() + 1))
    if low == high:  # told apart without an exception, or never: so many rows may still have hidden one
        exception = binomtest(0, told["id"].nunique()).proportion_ci().high
        low, high = max(0.0, low - exception), min(1.0, high + exception)
    alarms, caught, thresholds = roc_curve(truth, values)
    place = int(np.flatnonzero(alarms <= FALSE_ALARMS)[-1])
    few = told["id"].nunique() < MIN_ROWS
    more = too_few(told["id"].nunique()) if few else ""
    verdict = "info" if few else "good" if low > 0.8 else "warn" if low > 0.5 else "bad"
    return Finding(
        "conflict", area, float(low), float(high), verdict,
        say(
            f"of the rows whose evidence disagrees, {100 * caught[place]:.0f} % are told at {100 * alarms[place]:.0f} % false alarms (area under the ROC {area:.2f} [{low:.2f}, {high:.2f}], {len(told)} questions on {told['id'].nunique()} rows)" + more,
            f"情報が食い違う行のうち {100 * caught[place]:.0f} % を、誤報 {100 * alarms[place]:.0f} % で検知できます（ROC 曲線下面積 {area:.2f} [{low:.2f}, {high:.2f}]、{told['id'].nunique()} 行への {len(told)} 問）" + more,
        ),
        {"threshold": float(thresholds[place]) if np.isfinite(thresholds[place]) else None, "caught": float(caught[place]), "false_alarms": float(alarms[place]), "roc": [alarms.tolist(), caught.tolist()]},
        "" if verdict == "good" else say("do not rely on the model to notice contradictions: send rows with a note to a person by rule", "食い違いの検知をモデルに任せず、メモのある行は規則で人に回してください"),
        "" if verdict == "good" else say(f"{int(told['planted'].sum())} rows to look at", f"{int(told['planted'].sum())} 行の確認"),
    )  # fmt: skip
