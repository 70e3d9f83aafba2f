"""Are generated rows worth training on? Told by real rows only: train with them, test on real (Esteban, Hyland and Raetsch 2017, section 3.3, "train on synthetic, test on real")."""

from collections.abc import Sequence

import numpy as np

from kit.curation.folds import drawn_macro_means, ends_of
from kit.data import Sample
from kit.errors import KitError
from kit.evaluation.labels import Reader
from kit.finding import Finding
from kit.language import say
from kit.processes import one_thread


@one_thread
def worth_of_generated(features: np.ndarray, train: Sequence[Sample], real_features: np.ndarray, real: Sequence[Sample]) -> Finding:
    """Macro recall on real rows with the generated training rows minus without them, with its 95 % interval over the real rows' groups; "good" only where the lower bound is above 0.

    A linear reader of fixed features is asked, a proxy for the model to come: one fine-tuning with and one without would cost twice the run.

    Args:
        features: (N, D) of the training rows.
        train: N labelled rows, generated ones among them (`Sample.generated`).
        real_features: (M, D) of the rows to measure on.
        real: M labelled rows of the validation split, none of them generated.

    Raises:
        KitError: a generated row to measure on, or no real row to learn from.
    """
    wrong = [sample.id for sample in real if sample.generated]
    made = np.array([sample.generated for sample in train], bool)
    if wrong or made.all() or not len(real):
        raise KitError(say(f"the worth of generated rows is measured on real rows only and against real training rows; generated rows to measure on: {wrong[:5]}, real rows to learn from: {int((~made).sum())}",
                           f"生成した行の価値は実データの行だけで、実データの学習行と比べて測ります。評価側の生成行：{wrong[:5]}、学習側の実データ：{int((~made).sum())} 行"))  # fmt: skip
    truth = np.array([sample.answer for sample in real])
    labels = sorted({*truth, *(sample.answer for sample in train)})
    hits = {name: _said(features[rows], [s for s, kept in zip(train, rows, strict=True) if kept], labels, real_features, real) == truth
            for name, rows in {"real": ~made, "real and generated": np.ones(len(made), bool), "generated": made}.items()}  # fmt: skip
    groups = [sample.group or f"alone {sample.id}" for sample in real]
    gained = hits["real and generated"].astype(float) - hits["real"]
    value = float(np.mean([gained[truth == label].mean() for label in np.unique(truth)]))
    low, high = (float(q) for q in np.nanquantile(drawn_macro_means(truth, gained, groups), ends_of(groups)))
    recall = {name: float(np.mean([hit[truth == label].mean() for label in np.unique(truth)])) for name, hit in hits.items()}
    shown = f"{100 * value:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"
    helps = low > 0
    return Finding(
        "worth of generated rows", value, low, high, "good" if helps else "bad" if high < 0 else "info",
        summary=say(f"{int(made.sum())} generated rows change macro recall on {len(real)} real rows by {shown} points (a proxy: linear reader of fixed features); "
                    + ("they are worth training on." if helps else "that they help is not shown."),
                    f"生成した {int(made.sum())} 行による、実データ {len(real)} 行のマクロ再現率の変化は {shown} ポイント（固定特徴の線形分類器による代用）。" + ("学習に使う価値があります。" if helps else "役立つとは示せません。")),
        evidence={"macro_recall": recall, "generated": int(made.sum()), "real": int((~made).sum()), "measured_on": len(real), "proxy": True},
        advice="" if helps else say("They are left out of the training (training.generated: always takes them all the same).", "学習には使いません（training.generated: always で使うこともできます）。"),
    )  # fmt: skip


def _said(features: np.ndarray, train: list[Sample], labels: list[str], real_features: np.ndarray, real: Sequence[Sample]) -> np.ndarray:
    """The answers (M,) of a reader of the training rows."""
    return np.array(labels)[Reader(features, train, labels).shares(real_features, list(real)).argmax(1)]
