"""`poc diagnose`: which evidence a run's tuned model believes, asked on rows that the run held out."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from kit.data import (
    MEDIA,
    MODALITIES,
    Sample,
    media_perturbations,
    only_deciding,
    own_evidence,
    text_perturbations,
    words_in_picture,
)
from kit.data.perturbations import Perturbation, exchanged_text, grain
from kit.diagnosis import (
    COPY,
    Attended,
    Scenario,
    ask,
    ask_hidden,
    ask_sensitivity,
    attention,
    attention_probe,
    by_perturbation,
    conflict,
    conflict_scores,
    copying,
    counterfactual_grid,
    deletion_test,
    grid_pairs,
    interference,
    mined,
    sensitivity,
    shortcut_index,
    spoken_labels,
    worst_of,
)
from kit.errors import KitError
from kit.finding import Finding
from kit.language import LANGUAGES, current, say, speaking
from kit.models import Loaded
from poc import runs
from poc.audit import lines_of
from poc.price import price
from poc.scenarios import scenarios_of
from poc.untested import not_tested
from poc.usecase import UseCase, load_samples, load_usecase
from poc.words import ARMS, name_of_perturbation, said_of_copying

SET = "diagnosis_set.jsonl"  # in the run's folder: what was asked
_PAIRS = 60  # of the counterfactual grid: 240 questions
_EXPLAINED = 30  # rows of each deletion test: 43 questions each on pictures; on 10 the interval of a map that is right still reached below 0 (docs/decisions.md)
_DISAGREEING = 40  # rows that are asked with an agreeing and with a contradicting note, in both languages


@dataclass
class Diagnosis:
    """What the probes found.

    Attributes:
        findings: one per kind of evidence that should not decide, then sensitivity, shortcut index, conflict and explanations, where they can be measured.
        table: `kit.diagnosis.by_perturbation`.
        worst: (share, low, high) of the rows that stay right under everything.
        rows: how many rows were asked about.
        not_tested: in words.
        file: where it was written.
        before: what an earlier run answered to the same questions: {"run", "table"}; None without one.
        copied: what somebody who only copies what the evidence names gets right, see `kit.diagnosis.copying`.
        price: what a model that believes wrong notes costs, or what is missing to say it, in words ({"en", "ja"}).
    """

    findings: list[Finding]
    table: pd.DataFrame
    worst: tuple[float, float, float]
    rows: int
    not_tested: list[str]
    file: Path
    before: dict | None = None
    copied: dict = field(default_factory=dict)
    price: dict = field(default_factory=dict)


def diagnose(run: Path, directory: Path | None = None, most: int = 120, before: Path | None = None, wrong_notes: float | None = None) -> Diagnosis:
    """Asks the run's tuned model, writes diagnosis.json and diagnosis_set.jsonl into the run's folder, and the report anew.

    Args:
        run: a finished run.
        directory: the use case's folder; default: looked for as the report does.
        most: test rows that are asked about, drawn with a fixed seed.
        before: an earlier run that was diagnosed, whose answers are shown beside; the same questions must have been asked of it.
        wrong_notes: share of the cases in production that come with a wrong note, for its price; None: as counted in the folder's rows.

    Raises:
        KitError: no finished run, no folder with its rows, no test row with options, or another run that was asked something else.
    """
    record = runs.read(run)
    earlier = None if before is None else _diagnosed(before)
    directory = directory or runs.evidence_folder(run, record, runs.read_predictions(run))
    if directory is None:
        raise KitError(say("the use case's folder is not found; name it with --folder", "ユースケースのフォルダーが見つかりません。--folder で指定してください"))
    use = load_usecase(directory)
    found = probe(runs.load_tuned(run), use, directory, load_samples(directory, use, seed=record["seed"]).samples, run, most, earlier, wrong_notes)
    from poc.report import write

    write(run, folder=directory)
    return found


def probe(loaded: Loaded, use: UseCase, directory: Path, samples: tuple[Sample, ...], run: Path, most: int = 120, before: dict | None = None, wrong_notes: float | None = None) -> Diagnosis:
    """The same for a model and rows that are at hand, as `poc run` asks for the gate "robust".

    Raises:
        KitError: see `questions_for`.
    """
    held, scenarios, asked = questions_for(use, directory, samples, most)
    version, questions = _question_set(held, asked)
    if before and before["set"] != version:
        raise KitError(say(f"{before['run']} was asked other questions (set {before['set']}, here {version}): diagnose it again with the same folder and number of rows",
                           f"{before['run']} への質問はこれと異なります（質問集 {before['set']}、今回 {version}）。同じフォルダーと行数で調べ直してください"))  # fmt: skip
    trials = ask(loaded, held, asked)
    followed, grids = ask_sensitivity(loaded, held), _grids(loaded, held)
    beside = ask_sensitivity(loaded, [sample for sample in held if only_deciding(sample) != sample], bare=False)  # with its note there a model may look no longer
    disagreement, hidden, attended = _disagreement(loaded, held), _hidden(loaded, held), _attended(loaded, held)

    def findings() -> list[Finding]:
        modalities = [modality for modality in MODALITIES if modality in set(trials["modality"])]
        found = [interference(trials, modality) for modality in modalities if _harmful(trials, modality)]
        found += [sensitivity(one, one is beside) for one in (followed, beside) if (one["kind"] == "exchanged").any()]
        found += [shortcut_index(grid, *pair) for pair, grid in grids.items()]
        found += [conflict(*disagreement)] if disagreement else []
        found += [deletion_test(falls, modality) for modality, falls in hidden.items()]
        return found + ([attention(attended)] if attended else [])

    table, worst, untested, told = by_perturbation(trials), worst_of(trials), {}, findings()
    made = all_perturbations([sample for sample in samples if sample.split == "train" and sample.answer], scenarios)
    for language in LANGUAGES:
        with speaking(language):
            untested[language] = not_tested(held, scenarios, asked, made, grids, [finding.name for finding in told])
    (run / SET).write_text(questions, encoding="utf-8")
    copied, cost = copying(trials), price(use, trials, samples, wrong_notes)
    asked_with = {"rows": len(held), "set": version, "scenarios": [scenario.name for scenario in scenarios], "before": before, COPY: copied, "price": cost}
    runs.write_json(run / runs.DIAGNOSIS, asked_with | {"worst": worst, "table": table.astype(object).where(table.notna(), None).to_dict("records"), "findings": runs.in_both_languages(findings), "not_tested": untested})
    return Diagnosis(told, table, worst, len(held), untested[current()], run / runs.DIAGNOSIS, before, copied, cost["said"])


def questions_for(use: UseCase, directory: Path, samples: tuple[Sample, ...], most: int = 120) -> tuple[list[Sample], list[Scenario], list[Perturbation]]:
    """(rows that are asked about, what misleads in the company, everything that is asked of some of the rows). No model is needed: `poc run` finds out here, before training, what would stop the probe.

    Raises:
        KitError: no test row with options, a scenario whose file is not in the folder, or two questions of one name.
    """
    held = [sample for sample in samples if sample.split == "test" and sample.answer and len(sample.options) > 1]
    if not held:
        raise KitError(say(f"{directory} has no labelled test rows with options: only closed questions can be probed", f"{directory} に選択肢つきの評価行がありません。調べられるのは選択式の問いだけです"))
    held = [held[i] for i in sorted(np.random.default_rng(0).permutation(len(held))[:most])]
    train = [sample for sample in samples if sample.split == "train" and sample.answer]
    scenarios = [*scenarios_of(use, directory), *mined(train)]
    asked = perturbations_for(held, train, scenarios)
    if twice := sorted(name for name, times in Counter(perturbation.name for perturbation in asked).items() if times > 1):
        raise KitError(say(f"two questions are called {', '.join(twice)}; give the scenario in poc.yaml another name", f"同じ名前の質問が 2 つあります（{'、'.join(twice)}）。poc.yaml のシナリオに別の名前を付けてください"))
    return held, scenarios, asked


def _diagnosed(run: Path) -> dict:
    """{"run", "set", "table"} of a run that was diagnosed."""
    if not (run / runs.DIAGNOSIS).is_file():
        raise KitError(say(f"{run} was not diagnosed yet; first: poc diagnose {run}", f"{run} はまだ調べていません。先に：poc diagnose {run}"))
    found = json.loads((run / runs.DIAGNOSIS).read_text(encoding="utf-8"))
    return {"run": run.resolve().name, "set": found["set"], "table": found["table"]}


def perturbations_for(held: list[Sample], train: list[Sample], scenarios: list[Scenario] = ()) -> list[Perturbation]:
    """Everything that can be asked of some of the rows; media and words to show instead come from training rows."""
    return [perturbation for perturbation in all_perturbations(train, scenarios) if any(perturbation(sample) is not None for sample in held)]


def all_perturbations(train: list[Sample], scenarios: list[Scenario] = ()) -> list[Perturbation]:
    """Everything that the kit asks by itself, and the company's own; whether a row can be changed so is another question."""
    made = [*text_perturbations(), *(own_evidence(modality) for modality in MODALITIES), exchanged_text(train), *words_in_picture(), grain()]
    for modality in MEDIA:
        made += media_perturbations(modality, train)
    made += spoken_labels(train)
    return made + [scenario.as_perturbation() for scenario in scenarios]


def diagnosis_lines(found: Diagnosis) -> list[str]:
    """What the command says: the table's main columns and its "copy the note" row, the findings, the price, what was not tested."""
    lines = [say(f"{found.rows} held-out rows; right / lost / follow it / right by copying it", f"評価行 {found.rows} 件：正答率 / 失われた正答 / 従った割合 / 写すだけの正答率")]
    was = {row["perturbation"]: row["perturbed"] for row in found.before["table"]} if found.before else {}
    if was:
        lines[0] += say(f" / right in {found.before['run']}", f" / {found.before['run']} の正答率")
    for row in found.table.to_dict("records"):
        follow, copies = ("     –" if np.isnan(row[name]) else f" {100 * row[name]:3.0f} %" for name in ("followed", "copied"))
        lines.append(f"  {name_of_perturbation(row['perturbation']):<40} {100 * row['perturbed']:3.0f} %  {100 * row['lost']:+4.0f} [{100 * row['lost_low']:+.0f}, {100 * row['lost_high']:+.0f}] {follow} {copies}" + (f"  {100 * was[row['perturbation']]:3.0f} %" if was else ""))
    lines.append(f"  {ARMS['copy_note'][current()]:<40} {said_of_copying(found.copied)[current()]}")
    share, low, high = (100 * value for value in found.worst)
    lines.append(say(f"{share:.0f} % [{low:.0f}, {high:.0f}] of the rows stay right whatever is shown beside them", f"何を見せても正答のままの行：{share:.0f} % [{low:.0f}, {high:.0f}]"))
    lines += [*lines_of(found.findings), found.price[current()]]
    return [*lines, say("Not tested: ", "調べていないこと：") + "; ".join(found.not_tested), say(f"Written: {found.file}", f"書き出し先: {found.file}")]


def _question_set(held: list[Sample], asked: list[Perturbation]) -> tuple[str, str]:
    """(version, JSON lines) of what is asked, a line per question: two diagnoses of one version asked the same."""
    lines = []
    for sample in held:
        for perturbation in asked:
            if (changed := perturbation(sample)) is not None:
                media = {modality: [path.name for path in getattr(changed, modality)] for modality in MEDIA if getattr(changed, modality)}
                lines.append(json.dumps({"id": sample.id, "perturbation": perturbation.name, "modality": perturbation.modality, "question": sample.question, "answer": sample.answer, "text": changed.text,
                                         "media": media, "shown_as": changed.meta.get("shown_as"), "named": changed.meta.get("named", "")}, ensure_ascii=False, sort_keys=True))  # fmt: skip
    text = "\n".join(lines) + "\n"
    return hashlib.sha256(text.encode()).hexdigest()[:16], text


def _harmful(trials: pd.DataFrame, modality: str) -> bool:
    part = trials[trials["modality"] == modality]
    return bool((~part["control"].astype(bool) & (part["kind"] != "own")).any())


def _disagreement(loaded: Loaded, held: list[Sample]) -> tuple[pd.DataFrame, list[bool]] | None:
    """Scores of rows with a note that agrees and with one that contradicts, and which is which; None where a note decides everything."""
    planted = {perturbation.name: perturbation for perturbation in text_perturbations()}
    rows, kinds = [], []
    for sample in [sample for sample in held if "text" not in sample.decided_by][:_DISAGREEING]:
        for language in LANGUAGES:
            for kind in ("matching note", "misleading note A"):
                changed = planted[f"{kind} ({language})"](sample)
                if changed is not None:
                    rows.append(changed)
                    kinds.append(kind.startswith("misleading"))
    scores = conflict_scores(loaded, rows)
    return (scores, kinds) if len(set(np.array(kinds)[scores["score"].notna()])) == 2 else None


def _hidden(loaded: Loaded, held: list[Sample]) -> dict[str, pd.DataFrame]:
    """What is lost without pieces of each kind of evidence that decides some rows."""
    found = {}
    for modality in MODALITIES:
        rows = [only_deciding(sample) for sample in held if modality in sample.decided_by][:_EXPLAINED]
        try:
            found[modality] = ask_hidden(loaded, rows, modality)
        except ValueError:  # no row has pieces enough
            continue
    return found


def _grids(loaded: Loaded, held: list[Sample]) -> dict[tuple[str, str], pd.DataFrame]:
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


def _attended(loaded: Loaded, held: list[Sample]) -> Attended | None:
    """Who looks at what in the rows as they are."""
    try:
        asked = attention_probe(loaded, held)
    except KitError:  # capped or biased scores, or no layer with keys: the causal probes stand without it
        return None
    return asked if asked.table["deciding"].notna().any() else None
