"""Labels that the model gives itself, where it is sure enough (Lee 2013; the threshold of Sohn et al., FixMatch, 2020, but chosen and not assumed).

How sure is enough is found on held-out labelled rows: the laxest share down to which the precision is at least `target`, told with one-sided confidence. From the strictest share down, the first
that fails ends the search (fixed-sequence testing; Angelopoulos et al., Learn then Test, 2021), so that trying many shares does not make one of them look good.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from kit.data import Sample
from kit.errors import KitError
from kit.evaluation import predict
from kit.finding import Finding
from kit.language import say
from kit.models import Loaded

_STEPS = 20  # thresholds that are tried


def pseudo_labels(loaded: Loaded, unlabelled: Sequence[Sample], held_out: Sequence[Sample], target: float = 0.9, confidence: float = 0.95) -> tuple[list[Sample], Finding]:
    """Training rows with the model's own labels, marked as generated, and how the threshold was found; no rows where no threshold holds.

    Args:
        loaded: the model that labels, trained on none of `held_out`.
        unlabelled: rows without an answer. Those of groups that are held out are left alone: their siblings would be trained on.
        held_out: labelled rows of validation, calibration and test; the threshold is chosen on those of "validation".
        target: the precision that the labels must have.
        confidence: that they have it.

    Raises:
        KitError: a row with an answer among `unlabelled`, no labelled validation row, or a target or confidence that is no share.
    """
    judged = [sample for sample in held_out if sample.split == "validation" and sample.answer and not sample.generated]
    answered = [sample.id for sample in unlabelled if sample.answer]
    if answered or not judged or not (0 < target < 1 and 0 < confidence < 1):
        raise KitError(say(f"pseudo-labels need rows without an answer (given with one: {answered[:5]}), labelled validation rows ({len(judged)}), and target {target} and confidence {confidence} between 0 and 1",
                           f"疑似ラベルには、答えのない行（答えのある行：{answered[:5]}）、ラベル付きの検証行（{len(judged)} 件）、0～1 の target（{target}）と confidence（{confidence}）が必要です"))  # fmt: skip
    apart = {sample.group for sample in held_out if sample.group}
    asked = [sample for sample in unlabelled if sample.group not in apart]
    known = predict(loaded, judged, desc=say("how sure is sure enough?", "しきい値の決定"))
    threshold, precision = chosen_threshold(known, target, confidence)
    said = predict(loaded, asked, desc=say("pseudo-labels", "疑似ラベル")) if asked and threshold is not None else known.iloc[:0]
    by_id, rows = {sample.id: sample for sample in asked}, []
    for row in said.itertuples():
        share = max(row.probabilities.values())
        if share >= threshold:
            sample = by_id[row.id]
            rows.append(sample.replace(answer=row.predicted, split="train", meta={**sample.meta, "generated": "pseudo-label", "share": round(float(share), 4)}))
    return rows, _told(rows, asked, judged, threshold, precision, target, len(unlabelled) - len(asked))


def chosen_threshold(known: pd.DataFrame, target: float, confidence: float = 0.95) -> tuple[float | None, dict]:
    """(threshold, {"value", "low", "high", "n"} of the precision at it and its Clopper-Pearson 95 % interval); (None, that of the strictest threshold that was tried).

    Args:
        known: columns answer, predicted, probabilities (`kit.evaluation.predict`) of rows that the model was not trained on.
    """
    shares = known["probabilities"].map(lambda said: max(said.values())).to_numpy()
    right = (known["answer"] == known["predicted"]).to_numpy()
    fewest = int(np.ceil(np.log(1 - confidence) / np.log(target)))  # with fewer rows even a clean record proves nothing
    order = np.sort(shares)[::-1]
    tried = [order[n - 1] for n in np.unique(np.linspace(min(fewest, len(order)), len(order), _STEPS).round().astype(int))]
    found, told = None, None
    for threshold in tried:
        sure = shares >= threshold
        n, hits = int(sure.sum()), int(right[sure].sum())
        both = binomtest(hits, n).proportion_ci(0.95, "exact")
        here = {"value": hits / n, "low": float(both.low), "high": float(both.high), "n": n}
        if binomtest(hits, n, alternative="greater").proportion_ci(confidence, "exact").low < target:
            return found, told or here
        found, told = float(threshold), here
    return found, told


def _told(rows: list[Sample], asked: list[Sample], judged: list[Sample], threshold: float | None, precision: dict, target: float, apart: int) -> Finding:
    shown = f"{100 * precision['value']:.1f} % [{100 * precision['low']:.1f}, {100 * precision['high']:.1f}], n = {precision['n']}"
    counts = dict(Counter(sample.answer for sample in rows))
    if threshold is None:
        said = (f"No pseudo-labels: at the strictest threshold the precision on held-out rows is {shown}, and {100 * target:.0f} % cannot be told for any.",
                f"疑似ラベルなし：最も厳しいしきい値でも、検証行での適合率は {shown} で、{100 * target:.0f} % を保証できるしきい値がありません。")  # fmt: skip
    else:
        said = (f"{len(rows)} of {len(asked)} unlabelled rows get the model's own label, from a share of {threshold:.3f} on; precision on held-out rows there {shown}.",
                f"ラベルのない {len(asked)} 行のうち {len(rows)} 行に、確信度 {threshold:.3f} 以上でモデル自身のラベルを付けました。検証行での適合率は {shown}。")  # fmt: skip
    return Finding(
        "pseudo-labels", precision["value"], precision["low"], precision["high"], "info" if rows else "warn", say(*said),
        {"threshold": threshold, "target": target, "rows": len(rows), "by_answer": counts, "judged_on": len(judged), "of_held_out_groups": apart, "ids": [sample.id for sample in rows]},
        say("Train with them only if real held-out rows say that it helps: they repeat the model's own mistakes.", "実データの評価で役立つと分かった場合だけ学習に使ってください。モデル自身の誤りを繰り返すためです。") if rows else "",
    )  # fmt: skip
