"""`poc diagnose`: which evidence a run's tuned model believes, asked on rows that the run held out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kit.data import (
    MEDIA,
    MODALITIES,
    Sample,
    media_perturbations,
    own_evidence,
    text_perturbations,
    words_in_picture,
)
from kit.data.perturbations import Perturbation, grain
from kit.diagnosis import (
    ask,
    ask_sensitivity,
    by_perturbation,
    counterfactual_grid,
    grid_pairs,
    interference,
    sensitivity,
    shortcut_index,
    worst_of,
)
from kit.errors import KitError
from kit.finding import Finding
from kit.language import LANGUAGES, say, speaking
from poc import runs
from poc.audit import lines_of
from poc.usecase import load_samples, load_usecase

_PAIRS = 60  # of the counterfactual grid: 240 questions


@dataclass
class Diagnosis:
    """What the probes found.

    Attributes:
        findings: one per kind of evidence that should not decide, then sensitivity and the shortcut index, where they can be measured.
        table: `kit.diagnosis.by_perturbation`.
        worst: (share, low, high) of the rows that stay right under everything.
        rows: how many rows were asked about.
        not_tested: in words.
        file: where it was written.
    """

    findings: list[Finding]
    table: pd.DataFrame
    worst: tuple[float, float, float]
    rows: int
    not_tested: list[str]
    file: Path


def diagnose(run: Path, directory: Path | None = None, most: int = 120) -> Diagnosis:
    """Asks the run's tuned model and writes diagnosis.json into the run's folder.

    Args:
        run: a finished run.
        directory: the use case's folder; default: looked for as the report does.
        most: test rows that are asked about, drawn with a fixed seed.

    Raises:
        KitError: no finished run, no folder with its rows, or no test row with options.
    """
    record = runs.read(run)
    directory = directory or runs.evidence_folder(run, record, runs.read_predictions(run))
    if directory is None:
        raise KitError(say("the use case's folder is not found; name it with --folder", "ユースケースのフォルダーが見つかりません。--folder で指定してください"))
    samples = load_samples(directory, load_usecase(directory), seed=record["seed"]).samples
    held = [sample for sample in samples if sample.split == "test" and sample.answer and len(sample.options) > 1]
    if not held:
        raise KitError(say(f"{directory} has no labelled test rows with options: only closed questions can be probed", f"{directory} に選択肢つきの評価行がありません。調べられるのは選択式の問いだけです"))
    held = [held[i] for i in sorted(np.random.default_rng(0).permutation(len(held))[:most])]
    loaded = runs.load_tuned(run)
    trials = ask(loaded, held, perturbations_for(held, [sample for sample in samples if sample.split == "train"]))
    followed, grids = ask_sensitivity(loaded, held), _grids(loaded, held)

    def findings() -> list[Finding]:
        asked = [modality for modality in MODALITIES if modality in set(trials["modality"])]
        found = [interference(trials, modality) for modality in asked if _harmful(trials, modality)]
        found += [sensitivity(followed)] if (followed["kind"] == "exchanged").any() else []
        return found + [shortcut_index(grid, *pair) for pair, grid in grids.items()]

    table, worst, untested = by_perturbation(trials), worst_of(trials), {}
    for language in LANGUAGES:
        with speaking(language):
            untested[language] = not_tested(held)
    runs.write_json(run / "diagnosis.json", {"rows": len(held), "worst": worst, "findings": runs.in_both_languages(findings), "not_tested": untested})
    return Diagnosis(findings(), table, worst, len(held), not_tested(held), run / "diagnosis.json")


def perturbations_for(held: list[Sample], train: list[Sample]) -> list[Perturbation]:
    """Everything that can be asked of some of the rows; media to show instead come from training rows."""
    made = [*text_perturbations(), *(own_evidence(modality) for modality in MODALITIES), *words_in_picture(), grain()]
    for modality in MEDIA:
        made += media_perturbations(modality, train)
    return [perturbation for perturbation in made if any(perturbation(sample) is not None for sample in held)]


def not_tested(held: list[Sample]) -> list[str]:
    """What these probes did not ask, in words, so that nobody takes silence for health."""
    told = [say("notes, pictures and sounds that really occur in your company, beyond the rows' own", "行に含まれるもの以外の、現場で実際に起こるメモ・画像・音声"),
            say("a wrong label spoken in a sound", "音声で話された誤ったラベル")]  # fmt: skip
    alone = sorted({modality for sample in held for modality in sample.decided_by if not any(modality not in other.decided_by for other in held)})
    told += [say(f"{modality} as misleading evidence: it decides every row", f"誤った情報としての {modality}：すべての行で判断に使われるため") for modality in alone]
    return [*told, say("whether the model says so when its evidence disagrees", "情報が食い違うときにモデルがそう言うか")]


def diagnosis_lines(found: Diagnosis) -> list[str]:
    """What the command says: the table's main columns, the findings, what was not tested."""
    lines = [say(f"{found.rows} held-out rows; right / lost / follow it", f"評価行 {found.rows} 件：正答率 / 失われた正答 / 従った割合")]
    for row in found.table.to_dict("records"):
        follow = "" if np.isnan(row["followed"]) else f"  {100 * row['followed']:3.0f} %"
        lines.append(f"  {row['perturbation']:<40} {100 * row['perturbed']:3.0f} %  {100 * row['lost']:+4.0f} [{100 * row['lost_low']:+.0f}, {100 * row['lost_high']:+.0f}]{follow}")
    share, low, high = (100 * value for value in found.worst)
    lines.append(say(f"{share:.0f} % [{low:.0f}, {high:.0f}] of the rows stay right whatever is shown beside them", f"何を見せても正答のままの行：{share:.0f} % [{low:.0f}, {high:.0f}]"))
    lines += lines_of(found.findings)
    return [*lines, say("Not tested: ", "調べていないこと：") + "; ".join(found.not_tested), say(f"Written: {found.file}", f"書き出し先: {found.file}")]


def _harmful(trials: pd.DataFrame, modality: str) -> bool:
    part = trials[trials["modality"] == modality]
    return bool((~part["control"].astype(bool) & (part["kind"] != "own")).any())


def _grids(loaded, held: list[Sample]) -> dict[tuple[str, str], pd.DataFrame]:
    """(relevant, irrelevant) -> grid, for the pairs of modalities that enough rows have."""
    grids = {}
    for relevant in MODALITIES:
        for irrelevant in MODALITIES:
            try:
                pairs = grid_pairs(held, relevant, irrelevant)
            except ValueError:  # no two such rows
                continue
            if len(pairs) >= 10:
                grids[relevant, irrelevant] = counterfactual_grid(loaded, pairs[:_PAIRS], relevant, irrelevant)
    return grids
