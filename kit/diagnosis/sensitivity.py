"""Sensitivity: the evidence that SHOULD decide is changed, and the answer must follow. A model that ignores the photograph is caught here, whatever its accuracy (after MoD-DPO, arXiv 2603.03192)."""

from collections.abc import Sequence

import pandas as pd

from kit.data import Sample, only_deciding
from kit.data.names import CLEAN
from kit.data.perturbations import deciding_changes
from kit.diagnosis.interference import MIN_ROWS, answers_to, more_rows, too_few
from kit.evaluation.intervals import mean_interval
from kit.finding import Finding
from kit.language import say
from kit.models import Loaded

BESIDE = "sensitivity beside the rest"
REMOVED, EXCHANGED = "deciding evidence removed", "deciding evidence of another"


def ask_sensitivity(loaded: Loaded, samples: Sequence[Sample], seed: int = 0, bare: bool = True, batch_size: int = 16) -> pd.DataFrame:
    """The frame of `kit.diagnosis.ask`: clean answers, answers without the deciding evidence, and answers with that of a sample that has another answer (its answer is `named`).

    Args:
        bare: without anything else; False leaves each row its own irrelevant evidence. A model may read the photograph where it stands alone, and ignore it as soon as a note is there.
    """
    asked = []
    for sample in samples:
        asked.append((only_deciding(sample) if bare else sample, CLEAN, "", "", False))
        changes = deciding_changes(sample, samples, seed, bare)
        asked += [(changes[key], name, "+".join(sample.decided_by), key, False) for key, name in (("removed", REMOVED), ("exchanged", EXCHANGED)) if key in changes]
    return answers_to(loaded, asked, batch_size, "sensitivity")


def sensitivity(trials: pd.DataFrame, beside: bool = False) -> Finding:
    """How often the answer becomes that of the evidence which was put in the place of the deciding one.

    Args:
        trials: of `ask_sensitivity`.
        beside: they were asked with each row's own other evidence (not `bare`), which the finding's name and words say.

    Its evidence holds `removed`: the fall in probability of the right answer once the deciding evidence is gone, (mean, low, high).

    Raises:
        ValueError: no evidence could be exchanged.
    """
    part = trials[trials["perturbation"] == EXCHANGED]
    if part.empty:
        raise ValueError("no row had another of the same question with a different answer: there is nothing to exchange")
    follows = (part["predicted"] == part["named"]).to_numpy(float)
    share, low, high = mean_interval(follows, part["group"], bounds=(0.0, 1.0))
    clean = trials[trials["perturbation"] == CLEAN].set_index("id")
    accuracy = float((clean.loc[part["id"], "predicted"].to_numpy() == part["answer"].to_numpy()).mean())
    gone = trials[trials["perturbation"] == REMOVED]
    fall = mean_interval(clean.loc[gone["id"], "right"].to_numpy() - gone["right"].to_numpy(), gone["group"], bounds=(-1.0, 1.0)) if len(gone) else (None,) * 3
    # followed as often as the model is right at all: it reads what decides. At the level of chance it does not
    chance = 1 / len(part["probabilities"].iloc[0])
    few = len(part) < MIN_ROWS
    verdict = "bad" if high <= chance or (low <= chance and not few) else "info" if few else "good" if share >= 0.8 * accuracy else "warn"
    more = too_few(len(part)) if verdict == "info" else ""
    own = (", the row's own other evidence beside it", "（その行のほかの情報は添えたまま）") if beside else ("", "")
    return Finding(
        BESIDE if beside else "sensitivity", share, low, high, verdict,
        say(
            f"with the deciding evidence of another row{own[0]}, {100 * share:.0f} % of {len(part)} answers follow it (the model is right on {100 * accuracy:.0f} % of these rows)",
            f"判断に使う情報を別の行のものに替えると{own[1]}、{len(part)} 件のうち {100 * share:.0f} % の回答がそれに従います（これらの行の正答率は {100 * accuracy:.0f} %）",
        ) + more,
        {"removed": fall, "chance": chance, "rows": part.loc[follows == 0, "id"].head(20).tolist()},
        "" if verdict == "good" else more_rows() if verdict == "info" else say("train with perturbed rows (notebook 06): alone it may read what decides, beside the rest it does not", "撹乱した行を加えて学習してください（ノートブック 06）。単独では読めても、ほかの情報があると従っていません") if beside else say("check that the medium reaches the model (run check 5), then train longer or with more rows", "メディアがモデルに届いているか（実行チェック 5）を確認し、学習を増やしてください"),
        "" if verdict in ("good", "info") else say("one run of training", "学習 1 回"),
    )  # fmt: skip
