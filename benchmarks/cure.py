"""Does the cure work? A model that has learned to trust the previous inspector's note, and what each part of robust training does about it, at equal updates.

    python -m benchmarks.cure --seeds 0 1 2 [--threads 1]      # about an hour per seed on one slow core; an interrupted run goes on
    python -m benchmarks.cure --photos ../shared/data/x_sdd --seeds 0 --arms tuned "tuned, longer" all      # real photographs of steel with a written note added

The sample company's inspection, generated: the photo decides, the notes of the training lots are right in 96 % of the rows that have one. Per seed one model is tuned on the rows as they are (TUNED
updates), its adapter merged, and every arm goes on from it for CURED updates of a new adapter in the same parts: so each arm has made the same number of updates. "tuned" is that model before,
"tuned, longer" the plain control. "never saw a note" is tuned on the same rows without their notes from the same start, for all updates. General rows are replayed in every arm.

SEEN kinds are trained on, HELD kinds are not: their words (a paraphrase in the other language, an instruction) and their medium (words in the picture) are new to the model. Rows, lots and guard samples are
held out. "against" is paired: the same rows, the same seeds. Every number is the mean over seeds; its 95 % interval resamples held-out lots or rows, the same ones for all seeds, so it holds for these trainings; the seeds' range stands beside it.
X-SDD has no notes: one is written beside each photograph, right in 90 % of the training rows and wrong in every held-out row ("own note"). Nothing of it is committed but what the models answered, in
benchmarks/cure_x_sdd/; the table is benchmarks/cure_x_sdd.csv.

"copy the note" is no model: it answers what the evidence names, and the commonest answer where nothing is named. What each model answered is kept in benchmarks/cure/ARM-SEED.json, so that the work can be
spread over sittings and machines; the table, benchmarks/cure.csv, says of each arm how many seeds there are so far. Adapters lie under build/benchmarks/cure.
"""

import argparse
import csv
import json
import shutil
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file

from kit.data import Sample, own_evidence, text_perturbations, words_in_picture
from kit.data.perturbations import EXCHANGED_TEXT, exchanged_text, grain
from kit.diagnosis import ask, ask_sensitivity, counterfactual_grid, grid_pairs
from kit.diagnosis.sensitivity import EXCHANGED
from kit.evaluation import predict
from kit.evaluation.intervals import mean_interval
from kit.models import Loaded, load
from kit.models.merge import merged
from kit.show import progress
from kit.training import finetune
from kit.training.robust import Robust
from poc import arms
from poc.pipeline import COMPANY, GUARD, settings_of
from poc.usecase import UseCase, load_samples, load_usecase

ROOT = Path(__file__).parents[1]
WORK = ROOT / "build" / "benchmarks"
SHIPPED = ROOT / "sample_data" / "trusting"  # the adapter of "tuned", seed 0, which notebooks 05 and 06 open
TUNED, CURED, ROWS, GUARD_ROWS = 300, 120, 200, 160  # updates, updates, held-out rows and guard samples that are asked
SEEN = ("unrelated facts (en)", "misleading note A (en)", "grainy picture")
TRAINED = (*SEEN, "noisy edge of the picture")  # noise in both forms; the second is not asked about
HELD = {
    "paraphrase in the other language": ("misleading note B (ja)",),
    "injected instruction": ("injected instruction (en)", "injected instruction (ja)"),
    "words in the picture": tuple(f"{name} in the picture ({language})" for name in ("misleading words", "instruction") for language in ("en", "ja")),
}
DATA = Robust(TRAINED)
CURES = {
    "tuned, longer": None,
    "notes dropped in half of the rows": None,
    "+ perturbation data": DATA,
    "+ data and consistency": replace(DATA, consistency=0.5),
    "+ data and PGD": replace(DATA, ascent_steps=3),
    "+ data and counterfactual grid": replace(DATA, perturbations=(*TRAINED, EXCHANGED_TEXT)),
    "all": replace(DATA, perturbations=(*TRAINED, EXCHANGED_TEXT), consistency=0.5, ascent_steps=3),
}
ARMS = ("never saw a note", "tuned", *CURES)
AGAINST = ("tuned, longer", "+ perturbation data")  # what an arm's gain is counted against: updates alone, and data alone


NOTES = ("note: {}", "{} on this strip", "looks like {} again", "shift report: {}")  # beside a photograph of steel
RIGHT = 0.9  # of the notes of training and validation rows


@dataclass(frozen=True)
class Case:
    """What the models are tuned on. name: "cure" or "cure_x_sdd", of the folders and the table. split: labelled rows by split. rows: the held-out ones that are asked."""

    name: str
    use: UseCase
    split: dict[str, list[Sample]]
    rows: list[Sample]

    def adapter(self, seed: int) -> Path:
        return WORK / self.name / f"tuned-{seed}" / "adapter"


def case_of(name: str, folder: Path, noted: bool = False) -> Case:
    """The use case in a folder; `noted`: with a written note beside each row, which is wrong in all held-out rows."""
    use = load_usecase(folder)
    split = {part: [s for s in rows if s.answer] for part, rows in load_samples(folder, use, verify=False).by_split.items()}
    if noted:
        split = {part: [with_note(s, RIGHT if part in ("train", "validation") else 0.0) for s in rows] for part, rows in split.items()}
    picked = np.random.default_rng(0).permutation(len(split["test"]))[:ROWS]
    return Case(name, use, split, [split["test"][i] for i in sorted(picked)])


def with_note(sample: Sample, right: float) -> Sample:
    """The sample with a note that names its answer with probability `right`, and another option else; the same sample always gets the same."""
    draws = np.random.default_rng(zlib.crc32(sample.id.encode()))
    named = sample.answer if draws.random() < right else draws.choice([option for option in sample.options if option != sample.answer])
    return sample.replace(text=draws.choice(NOTES).format(named))


def steel(photos: Path) -> Path:
    """A use case of the photographs, as `poc init` makes it."""
    place = WORK / "cure_x_sdd" / "x_sdd"
    if not (place / "poc.yaml").is_file():
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(photos, place)
        subprocess.run([sys.executable, "-m", "poc", "init", str(place)], check=True, stdout=sys.stderr)
    return place


def trained(case: Case, arm: str, seed: int) -> tuple[Loaded, float]:
    """The model of an arm, and the processor seconds of its update."""
    train, validation = case.split["train"], case.split["validation"][:60]
    settings = replace(settings_of(case.use, seed), drop_irrelevant=0.0, steps=TUNED, evaluate_every=TUNED // 2)
    if arm == "never saw a note":
        train, validation, settings = [s.without("text") for s in train], [s.without("text") for s in validation], replace(settings, steps=TUNED + CURED, evaluate_every=TUNED)
    elif arm != "tuned":
        settings = replace(settings, steps=CURED, evaluate_every=CURED, robust=CURES[arm], drop_irrelevant=0.5 if arm.startswith("notes") else 0.0)
    loaded = load("tiny_omni") if arm in ("never saw a note", "tuned") else merged(load("tiny_omni", adapter=case.adapter(seed)))
    train = arms.mixed_rows(train, GUARD, case.use.training, seed)
    began = time.process_time()
    tuned = finetune(loaded, train, validation, settings, WORK / case.name / f"{folder(arm)}-{seed}")
    return tuned.loaded, (time.process_time() - began) / settings.steps


def asked_of(case: Case, loaded: Loaded) -> dict:
    """What one model answers: to the perturbations, to the grid, with the deciding evidence exchanged, and on the guard set."""
    rows, company_words = case.rows, [s for s in case.split["train"] if s.text]
    trials = ask(loaded, rows, [*text_perturbations(), own_evidence("text"), exchanged_text(company_words), *words_in_picture(), grain()])
    grid = counterfactual_grid(loaded, grid_pairs(rows, "image", "text")[:60], "image", "text")
    swapped = ask_sensitivity(loaded, rows)
    swapped = swapped[swapped["perturbation"] == EXCHANGED]
    guard = arms.guard_samples(GUARD, loaded)
    answers = predict(loaded, guard[:: max(1, len(guard) // GUARD_ROWS)])
    return {
        "rows": [[s.id, s.group] for s in rows], "trials": written_small(trials, [s.id for s in rows]),
        "grid": grid[["e_relevant", "e_irrelevant"]].round(4).to_dict("list"),
        "sensitivity": {"hit": (swapped["predicted"] == swapped["named"]).astype(int).tolist(), "group": swapped["group"].tolist()},
        "guard": (answers["predicted"] == answers["answer"]).astype(int).tolist(),
    }  # fmt: skip


def written_small(trials: pd.DataFrame, ids: list[str]) -> dict:
    """{perturbation: {"hit", "follow", "copied"}}, a character per row: 1, 0, or . where it was not asked. hit: right; follow: says what the evidence names; copied: right if somebody copied it."""
    commonest = trials.loc[trials["perturbation"] == "clean", "answer"].mode()[0]
    said = trials["named"].where(trials["named"] != "", commonest)
    marks = trials.assign(hit=trials["predicted"] == trials["answer"], follow=trials["predicted"] == trials["named"], copied=said == trials["answer"])
    told = {}
    for name, part in marks.groupby("perturbation", sort=False):
        part = part.set_index("id")
        told[name] = {mark: "".join("." if id not in part.index else str(int(part.loc[id, mark])) for id in ids) for mark in ("hit", "follow", "copied")}
    return told


def measured(case: Case, arm: str, seed: int) -> dict:
    """What was measured before, or is now."""
    file = ROOT / "benchmarks" / case.name / f"{folder(arm)}-{seed}.json"
    if not file.is_file():
        if arm not in ("tuned", "never saw a note") and not case.adapter(seed).is_dir():
            trained(case, "tuned", seed)  # its answers are kept, its adapter was on another machine
        loaded, seconds = trained(case, arm, seed)
        text = json.dumps(asked_of(case, loaded) | {"seconds": round(seconds, 3)})
        file.parent.mkdir(exist_ok=True)
        file.write_text(text + "\n", encoding="utf-8")
    return json.loads(file.read_text(encoding="utf-8"))


def kept(name: str, arm: str) -> list[dict]:
    """What an arm's models answered, one for each seed so far."""
    return [json.loads(file.read_text(encoding="utf-8")) for file in sorted((ROOT / "benchmarks" / name).glob(f"{folder(arm)}-[0-9]*.json"))]


def folder(arm: str) -> str:
    return arm.replace(" ", "-").replace(",", "").replace("+-", "")


class Seeds:
    """The same questions to one arm's models of all seeds: hits per row (0 to 1, mean over seeds), and what is made of them."""

    def __init__(self, found: list[dict], mark: str = "hit"):
        self.found, self.mark = found, mark
        self.groups = pd.Series({id: group for id, group in found[0]["rows"]})
        self.clean = self._hits("clean")

    def _hits(self, name: str, mark: str = "") -> pd.Series:
        """Mean over the seeds, of the rows that were asked."""
        lines = [pd.Series([np.nan if one == "." else int(one) for one in told["trials"][name][mark or self.mark]], index=self.groups.index) for told in self.found]
        return pd.concat(lines, axis=1).mean(axis=1).dropna()

    def of(self, names: tuple[str, ...], mark: str = "") -> tuple[float, float, float]:
        """Share, low, high over the rows, of the mean over some perturbations."""
        rows = pd.concat([self._hits(name, mark) for name in names], axis=1).mean(axis=1)
        return mean_interval(rows.to_numpy(), self.groups[rows.index])

    def held(self) -> tuple[float, float, float]:
        """Mean over the held-out kinds."""
        rows = self._held_rows()
        return mean_interval(rows.to_numpy(), self.groups[rows.index])

    def _held_rows(self) -> pd.Series:
        kinds = [pd.concat([self._hits(name) for name in names], axis=1).mean(axis=1) for names in HELD.values()]
        return pd.concat(kinds, axis=1).mean(axis=1)

    def gain(self, control: "Seeds", held: bool = True) -> tuple[float, float, float]:
        """Difference to another arm's models of the same seeds, row by row: of the held-out kinds, or under the misleading note."""
        mine, theirs = (one._held_rows() if held else one._hits("misleading note A (en)") for one in (self, control))
        return mean_interval((mine - theirs).to_numpy(), self.groups[mine.index])

    def each(self, names: tuple[str, ...]) -> list[float]:
        """The share in each seed."""
        return [float(np.mean([Seeds([one], self.mark)._hits(name).mean() for name in names])) for one in self.found]

    def shortcut(self) -> tuple[float, float, float]:
        """Shortcut Index, pairs resampled."""
        effects = np.array([[np.mean([one["grid"][name] for one in self.found], axis=0)] for name in ("e_relevant", "e_irrelevant")])[:, 0]
        drawn = np.random.default_rng(0).integers(effects.shape[1], size=(2000, effects.shape[1]))
        index = lambda means: abs(means[1]) / (abs(means[0]) + abs(means[1]))  # noqa: E731
        return (float(index(effects.mean(1))), *np.quantile(index(effects[:, drawn].mean(2)), [0.025, 0.975]))

    def share(self, name: str) -> tuple[float, float, float]:
        """Of the guard set, or of the answers that follow an exchanged photo."""
        hits = np.mean([one["guard"] if name == "guard" else one[name]["hit"] for one in self.found], axis=0)
        return mean_interval(hits, [""] * len(hits) if name == "guard" else self.found[0][name]["group"])


def row_of(arm: str, found: list[dict], mark: str = "hit", controls: dict[str, list[dict]] | None = None) -> dict:
    """One line of the table, in per cent; `controls`: what the models of AGAINST answered, where they have as many seeds."""
    seeds = Seeds(found, mark)
    row = {"date": date.today().isoformat(), "arm": arm, "seeds": len(found), "updates": {"tuned": TUNED}.get(arm, TUNED + CURED), "rows": len(seeds.clean)}
    row |= _cells("clean", seeds.of(("clean",))) | _cells("misleading note", seeds.of(("misleading note A (en)",)))
    row |= {"follows the note": 100.0 if mark == "copied" else _rounded(seeds.of(("misleading note A (en)",), "follow")[0])}
    row |= _cells("seen kinds", seeds.of(SEEN)) | _cells("held-out kinds", seeds.held())
    row |= {f"held: {kind}": _rounded(seeds.of(names)[0]) for kind, names in HELD.items()}
    row |= {"empty strip": _rounded(seeds.of(("empty strip in the picture",))[0])}
    own = _cells("own note", seeds.of(("own text",)))
    row |= (dict.fromkeys(own, "") if mark == "copied" else own) | _cells("text of another row", seeds.of((EXCHANGED_TEXT,))) | _cells("matching note", seeds.of(("matching note (en)", "matching note (ja)")))
    row |= {"held-out by seed": " ".join(f"{100 * np.mean([seeds.each(names)[i] for names in HELD.values()]):.1f}" for i in range(len(found)))}
    if mark == "hit":
        row |= _cells("shortcut index", seeds.shortcut()) | _cells("follows an exchanged photo", seeds.share("sensitivity")) | _cells("guard", seeds.share("guard"))
        row |= {"processor seconds per update": round(float(np.mean([one["seconds"] for one in found])), 2)}
        for control, theirs in (controls or {}).items():
            if control != arm and len(theirs) == len(found):
                row |= _cells(f"held-out kinds against {control}", seeds.gain(Seeds(theirs))) | _cells(f"misleading note against {control}", seeds.gain(Seeds(theirs), held=False))
    return row


def _cells(name: str, told: tuple[float, float, float]) -> dict:
    return dict(zip((name, f"{name} low", f"{name} high"), map(_rounded, told), strict=True))


def _rounded(value: float) -> float:
    return round(100 * float(value), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", default=list(ARMS), help="to share the work between processes")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--photos", type=Path, help="X-SDD, instead of the sample company")
    parser.add_argument("--ship", action="store_true", help="only copy the adapter of seed 0 to sample_data/trusting")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if asked.ship:
        return ship()
    case = case_of("cure_x_sdd", steel(asked.photos), noted=True) if asked.photos else case_of("cure", COMPANY / "inspection")
    for seed in asked.seeds:
        for arm in progress(asked.arms, desc=f"seed {seed}"):
            measured(case, arm, seed)
    write_table(case.name)


def rows_of(name: str) -> list[dict]:
    """The lines of a table."""
    found = {arm: kept(name, arm) for arm in ARMS}
    controls = {arm: found[arm] for arm in AGAINST if found[arm]}
    return [row_of("copy the note", found["tuned"], "copied"), *(row_of(arm, found[arm], controls=controls) for arm in ARMS if found[arm])]


def write_table(name: str) -> None:
    """benchmarks/NAME.csv, of all that is kept in benchmarks/NAME/."""
    table = rows_of(name)
    with (ROOT / "benchmarks" / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, dict.fromkeys(cell for row in table for cell in row), restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


def ship(seed: int = 0) -> None:
    """The adapter of "tuned" in half precision, as the notebooks open it."""
    SHIPPED.mkdir(exist_ok=True)
    source = WORK / "cure" / f"tuned-{seed}" / "adapter"
    save_file({name: weight.half().contiguous() for name, weight in load_file(source / "adapter_model.safetensors").items()}, SHIPPED / "adapter_model.safetensors", metadata={"format": "pt"})
    shutil.copy(source / "adapter_config.json", SHIPPED)


if __name__ == "__main__":
    main()
