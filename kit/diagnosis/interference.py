"""Modality interference: evidence that should not decide is changed, and the answer should not move (arXiv 2505.19616, section 3.1).

    trials = ask(loaded, samples, text_perturbations() + words_in_picture())
    by_perturbation(trials)        # one row per perturbation, every number with its paired interval
    interference(trials, "text")   # the Finding

Flips alone hide shifts in probability (reviewers of the paper), so both are reported. Every interval is a bootstrap over whole groups, in which the clean and the changed answer of a sample stay together.
"""

from collections.abc import Sequence

import pandas as pd

from kit.data import Perturbation, Sample, only_deciding
from kit.data.names import CLEAN
from kit.diagnosis.scenarios import said_beside
from kit.evaluation.intervals import SHARE, mean_interval
from kit.evaluation.scoring import prediction, shares_of
from kit.evaluation.shared_prefix import shared_scores
from kit.finding import Finding
from kit.language import say
from kit.models import Loaded

MIN_ROWS = 20  # fewer answers can show a fault, and never that there is none
_BAD, _WARN = 0.10, 0.02  # of the answers that are lost: a tenth is a fault of the model, a fiftieth is worth a look
_CHANGE = (-1.0, 1.0)  # what a difference of two shares can be


def ask(loaded: Loaded, samples: Sequence[Sample], perturbations: Sequence[Perturbation], batch_size: int = 16, desc: str = "perturbations") -> pd.DataFrame:
    """The model's answers to each sample, clean (only what decides it) and under each perturbation that applies to it.

    All are scored in one go, so that what they have in common is read once (`kit.evaluation.shared_prefix`).

    Args:
        samples: held-out rows, with options and answers.
        perturbations: names must differ.

    Returns:
        One row per question asked: id, perturbation ("clean" first), modality, kind, control, named (the answer that the evidence names, ""), answer, predicted, probabilities, right (the probability of
        the answer), sure (of the predicted one), group. What could not be changed is missing.

    Raises:
        ValueError: two perturbations of one name, or a sample without an answer.
        KitError: a sample without options.
    """
    names = [perturbation.name for perturbation in perturbations]
    if len(set(names)) < len(names) or CLEAN in names:
        raise ValueError(f"perturbations need names of their own, and none may be {CLEAN!r}; given {names}")
    if unknown := [sample.id for sample in samples if not sample.answer]:
        raise ValueError(f"samples without an answer cannot be probed: {', '.join(unknown[:5])}")
    asked = []
    for sample in samples:
        asked.append((only_deciding(sample), CLEAN, "", "", False))
        changed = ((perturbation, _named(perturbation, perturbation(sample))) for perturbation in perturbations)
        asked += [(made, p.name, p.modality, p.kind, p.control) for p, made in changed if made is not None]
    return answers_to(loaded, asked, batch_size, desc)


def _named(perturbation: Perturbation, made: Sample | None) -> Sample | None:
    """The sample, with what a row's own note or recording says, where that can be read off."""
    said = said_beside(made) if made and perturbation.kind == "own" and perturbation.modality in ("text", "audio") else ""
    return made.replace(meta={**made.meta, "named": said}) if said else made


def answers_to(loaded: Loaded, asked: list[tuple], batch_size: int, desc: str) -> pd.DataFrame:
    """The frame of `ask` for (sample, perturbation, modality, kind, control) each."""
    rows = []
    scores = shared_scores(loaded, [sample for sample, *_ in asked], batch_size, desc)
    for (sample, name, modality, kind, control), score in zip(asked, scores, strict=True):
        row = prediction(sample, shares_of(sample, score))
        given = {"perturbation": name, "modality": modality, "kind": kind, "control": control, "named": str(sample.meta.get("named", "")) if name != CLEAN else ""}
        rows.append(row | given | {"right": row["probabilities"][sample.answer], "sure": max(row["probabilities"].values()), "question": sample.question})
    columns = ["id", "perturbation", "modality", "kind", "control", "named", "answer", "predicted", "probabilities", "right", "sure", "group", "question"]
    return pd.DataFrame(rows, columns=columns)


def by_perturbation(trials: pd.DataFrame, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """One row per perturbation, compared with the clean answers of the same samples.

    Columns, each a share in 0 to 1 with `_low` and `_high` beside it: clean, perturbed (accuracies), lost (clean minus perturbed), flips (answers that changed), followed (answers that the evidence
    names, where it names a wrong one), copied (what somebody who only copies what the evidence names gets right, where it names anything), right_shift (probability of the right answer, perturbed minus clean), sure_when_wrong (mean confidence of wrong perturbed answers). n: the samples.
    """
    clean = trials[trials["perturbation"] == CLEAN].set_index("id")
    rows = []
    for name, part in trials[trials["perturbation"] != CLEAN].groupby("perturbation", sort=False):
        before = clean.loc[part["id"]].reset_index()
        part = part.reset_index(drop=True)
        was, now = before["predicted"] == before["answer"], part["predicted"] == part["answer"]
        # of a control the named answer is the right one, and following it is no fault
        led = ((part["named"] != "") & (part["named"] != part["answer"])).to_numpy()
        names = (part["named"] != "").to_numpy()
        worth = {
            "copied": ((part["named"] == part["answer"]).to_numpy(float), names, SHARE),
            "clean": (was.to_numpy(float), None, SHARE), "perturbed": (now.to_numpy(float), None, SHARE), "lost": (was.to_numpy(float) - now.to_numpy(float), None, _CHANGE),
            "flips": ((before["predicted"] != part["predicted"]).to_numpy(float), None, SHARE), "followed": ((part["predicted"] == part["named"]).to_numpy(float), led, SHARE),
            "right_shift": ((part["right"] - before["right"]).to_numpy(float), None, _CHANGE), "sure_when_wrong": (part["sure"].to_numpy(float), ~now.to_numpy(), SHARE),
        }  # fmt: skip
        row = {"perturbation": name, "modality": part["modality"][0], "kind": part["kind"][0], "control": bool(part["control"][0]), "n": len(part)}
        for measure, (values, among, bounds) in worth.items():
            row |= dict(zip((measure, f"{measure}_low", f"{measure}_high"), mean_interval(values, part["group"], among, confidence, seed, bounds), strict=True))
        rows.append(row)
    return pd.DataFrame(rows)


def within(trials: pd.DataFrame, perturbation: str, column: str) -> pd.DataFrame:
    """How one perturbation does in each class or group: one row per value of `column` ("answer" or "group"), the worst first, with n and clean, perturbed, lost as in `by_perturbation`.

    Raises:
        ValueError: the perturbation was not asked.
    """
    part = trials[trials["perturbation"].isin([CLEAN, perturbation])]
    if perturbation not in set(part["perturbation"]):
        raise ValueError(f"{perturbation!r} was not asked; asked: {', '.join(sorted(set(trials['perturbation'])))}")
    rows = [{column: value} | by_perturbation(rows).iloc[0][["n", "clean", "perturbed", "lost", "lost_low", "lost_high"]].to_dict() for value, rows in part.groupby(column) if (rows["perturbation"] == perturbation).any()]
    return pd.DataFrame(rows).sort_values("lost", ascending=False, ignore_index=True)


def worst_of(trials: pd.DataFrame, confidence: float = 0.95, seed: int = 0) -> tuple[float, float, float]:
    """(share, low, high) of the samples that stay right, clean and under every perturbation that was asked of them (worst of K)."""
    told = trials.assign(hit=trials["predicted"] == trials["answer"])
    worst = told[~told["control"].astype(bool)].groupby("id", sort=False).agg(hit=("hit", "min"), group=("group", "first"))
    return mean_interval(worst["hit"].to_numpy(float), worst["group"], None, confidence, seed, SHARE)


def most_harmful(table: pd.DataFrame) -> dict | None:
    """The row of `by_perturbation` that lost most, controls and the rows' own evidence aside; None where nothing could be asked.

    A kind that was asked of fewer than MIN_ROWS rows counts where it shows a fault all the same, or where no kind was asked of more: by chance alone the smallest would always be the worst.
    """
    harmful = table[~table["control"].astype(bool) & (table["kind"] != "own")] if len(table) else table
    told = harmful[(harmful["n"] >= MIN_ROWS) | _is_bad(harmful)] if len(harmful) else harmful
    among = harmful if told.empty else told
    return None if among.empty else among.loc[among["lost"].astype(float).idxmax()].to_dict()


def _is_bad(rows):
    """Whether so much is lost that it is a fault (a row, or a column of them)."""
    return (rows["lost_low"] > _WARN) & (rows["lost"] >= _BAD)


def interference(trials: pd.DataFrame, modality: str) -> Finding:
    """How many right answers the most harmful perturbation of a modality takes away, as a Finding.

    Its verdict is "good" only on MIN_ROWS rows or more ("info", too few rows to tell, below), and only of a model that is right more often than by chance: one that is never right can lose nothing.

    Raises:
        ValueError: nothing of that modality was asked.
    """
    table = by_perturbation(trials[(trials["perturbation"] == CLEAN) | (trials["modality"] == modality)])
    worst = most_harmful(table)
    if worst is None:
        raise ValueError(f"no perturbation of {modality!r} was asked; asked: {sorted(set(trials['modality']) - {''})}")
    options = trials.loc[trials["perturbation"] == worst["perturbation"], "probabilities"].map(len)
    by_chance, few = worst["clean"] <= float((1 / options).mean()), worst["n"] < MIN_ROWS
    verdict = "bad" if _is_bad(worst) else "info" if few else "warn" if worst["lost_low"] > 0 or worst["lost_high"] > _BAD or by_chance else "good"
    was, now = (f"{100 * worst[side]:.0f} %" for side in ("clean", "perturbed"))
    number = int(worst["n"])
    more = too_few(number) if verdict == "info" else say("; right no more often than by chance, it has little to lose", "。正答が偶然と変わらず、失うものがほとんどありません") if by_chance else ""
    return Finding(
        f"interference of {modality}", float(worst["lost"]), float(worst["lost_low"]), float(worst["lost_high"]), verdict,
        say(
            f"{worst['perturbation']}: right answers fall from {was} to {now} on {number} rows, {100 * worst['flips']:.0f} % of the answers change" + more,
            f"「{worst['perturbation']}」で正答率が {was} から {now} に変わります（{number} 件、回答が変わった割合 {100 * worst['flips']:.0f} %）" + more,
        ),
        {"table": table.to_dict("records"), "rows": _flipped(trials, worst["perturbation"]), "worst": worst["perturbation"],
         "by_answer": within(trials, worst["perturbation"], "answer").to_dict("records"), "by_group": within(trials, worst["perturbation"], "group").to_dict("records")},
        "" if verdict == "good" else more_rows() if verdict == "info" else say(
            "train with perturbed rows and the consistency term, then ask again",
            "撹乱した行と一貫性の項を加えて学習し直し、もう一度確認してください",
        ),
        "" if verdict in ("good", "info") else say(f"no new labels; a run of training, and {len(trials)} questions asked again", f"新しいラベルは不要。学習 1 回と、{len(trials)} 問の再確認"),
    )  # fmt: skip


def too_few(rows: int) -> str:
    """The end of a sentence on so few rows that silence says nothing."""
    return say(f"; {rows} are too few rows to tell", f"。{rows} 件では判断できません")


def more_rows() -> str:
    """What to do about it."""
    return say(f"ask {MIN_ROWS} held-out rows or more", f"評価行を {MIN_ROWS} 件以上にして聞き直してください")


def _flipped(trials: pd.DataFrame, perturbation: str, most: int = 20) -> list[str]:
    """Rows that were right and are wrong now, the surest first."""
    clean = trials[trials["perturbation"] == CLEAN].set_index("id")
    part = trials[trials["perturbation"] == perturbation]
    was = clean.loc[part["id"], "predicted"].to_numpy() == part["answer"].to_numpy()
    return part[was & (part["predicted"] != part["answer"]).to_numpy()].sort_values("sure", ascending=False)["id"].head(most).tolist()
