"""The rows of the results table: what each arm answered on the held-out rows, under each condition.

Arms: majority, copy_note, cheap_model (no MLLM), base, base_examples, tuned. Conditions: as_is, and without_text where text is there but should not
decide. What an arm answered is kept in the run's work folder, so that an interrupted run does not ask twice.
"""

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from kit import processes
from kit.curation.generated import worth_of_generated
from kit.data import Sample, mixed, read_folder
from kit.errors import KitError
from kit.evaluation import cheap_model, compare, copy_note, evaluate, majority, predict
from kit.finding import Finding
from kit.language import say
from kit.models import Loaded
from kit.models.features import frozen_features
from poc.runs import in_both_languages

Tables = dict[tuple[str, str], pd.DataFrame]  # (arm, condition) -> predictions
CHEAP = ("majority", "copy_note", "cheap_model")
ORDER = (*CHEAP, "base", "base_examples", "tuned")


def conditions(samples: list[Sample]) -> dict[str, list[Sample]]:
    """The samples as they are, and without their text where that should not decide."""
    found = {"as_is": list(samples)}
    if any(s.text and "text" not in s.decided_by for s in samples):
        found["without_text"] = [s if "text" in s.decided_by else s.without("text") for s in samples]
    return found


def baselines(train: list[Sample], test: list[Sample], work: Path) -> Tables:
    """Majority, the note alone, and scikit-learn on simple features, each trained and tested under the same condition."""
    tables: Tables = {}
    for condition, rows in conditions(test).items():
        known = conditions(train).get(condition, train)
        tables["majority", condition] = _kept(work, "majority", condition, lambda k=known, r=rows: majority(k, r), together=False)
        if condition == "as_is" and any(s.text for s in rows):
            tables["copy_note", condition] = _kept(work, "copy_note", condition, lambda k=known, r=rows: copy_note(k, r), together=False)
        tables["cheap_model", condition] = _kept(work, "cheap_model", condition, lambda k=known, r=rows: cheap_model(k, r), together=False)
    return tables


def base(loaded: Loaded, train: list[Sample], test: list[Sample], guard: list[Sample], shown: int, seed: int, work: Path) -> Tables:
    """The base model: zero-shot, with `shown` examples in context, and on the guard set."""
    tables: Tables = {}
    for condition, rows in conditions(test).items():
        tables["base", condition] = _kept(work, "base", condition, lambda r=rows: predict(loaded, r, shared=True, desc=say("base model", "ベースモデル")))
    examples = examples_of(train, shown, seed)
    if examples:
        label = say(f"base model with {len(examples)} examples", f"例 {len(examples)} 件つきのベースモデル")
        tables["base_examples", "as_is"] = _kept(
            work, "base_examples", "as_is", lambda: predict(loaded, test, shared=True, examples=examples, batch_size=8, desc=label)
        )
    if guard:
        tables["base", "guard"] = _kept(work, "base", "guard", lambda: predict(loaded, guard, shared=True, desc=say("guard set", "一般能力の見張り")))
    return tables


def tuned(loaded: Loaded, test: list[Sample], guard: list[Sample], work: Path) -> Tables:
    """The tuned model on the held-out rows and on the guard set."""
    tables: Tables = {}
    asked = conditions(test) | ({"guard": guard} if guard else {})
    for condition, rows in asked.items():
        tables["tuned", condition] = _kept(work, "tuned", condition, lambda r=rows: predict(loaded, r, shared=True, desc=say("tuned model", "微調整後のモデル")))
    return tables


def examples_of(train: list[Sample], shown: int, seed: int) -> tuple[Sample, ...]:
    """`shown` training samples of the first question, different answers first."""
    rng = np.random.default_rng(seed)
    rows = [train[i] for i in rng.permutation(len(train)) if train[i].question == train[0].question]
    first = {sample.answer: sample for sample in reversed(rows)}
    picked = [*first.values(), *(s for s in rows if s not in first.values())]
    return tuple(picked[:shown])


def answers_of(loaded: Loaded, calibration: list[Sample], work: Path) -> pd.DataFrame:
    """What the tuned model says to the calibration rows, as they are."""
    return _kept(work, "tuned", "calibration", lambda: predict(loaded, calibration, shared=True, desc=say("calibration rows", "校正データ")))


def guard_samples(folder: Path, loaded: Loaded) -> list[Sample]:
    """General samples whose media this checkpoint can take in; [] where the folder is not there (an installed wheel)."""
    if not folder.is_dir():
        return []
    takes = set(loaded.checkpoint.modalities)
    return [s for s in read_folder(folder, verify=False).samples if s.split != "train" and set(s.modalities) <= takes | {"text"}]


def mixed_rows(train: list[Sample], general: Path, training, seed: int) -> list[Sample]:
    """The training rows with those of the other data layers mixed in by the shares of poc.yaml (`training.replay`, `training.task_share`).

    Only the general folder's train split is replayed; its other samples are the guard set, which nothing may train on.
    """
    known = [s for s in read_folder(general, verify=False).samples if s.split == "train"] if training.replay and general.is_dir() else []
    shares = {"general": training.replay if known else 0.0, "task": training.task_share}
    return mixed(train, known, shares, seed)


def without_generated(train: list[Sample], validation: list[Sample], choice: str, loaded: Loaded, work: Path) -> tuple[list[Sample], list[dict]]:
    """The training rows, without those that a program made unless they help on real rows (or poc.yaml takes them always), and the finding that decided, in both languages."""
    real = [sample for sample in train if not sample.generated]
    if len(real) == len(train) or choice != "measured":
        return (real if choice == "never" else train), []
    kept = work / "generated.json"
    if processes.told(kept.is_file()):
        (found,) = json.loads(kept.read_text(encoding="utf-8"))
    else:
        features = frozen_features(loaded, [*train, *validation], desc=say("are generated rows worth it?", "生成した行の価値"))
        (found,) = in_both_languages(lambda: [worth_of_generated(features[: len(train)], train, features[len(train) :], validation)])
        if processes.first():
            work.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps([found], ensure_ascii=False), encoding="utf-8")
    return (train if found["verdict"] == "good" else real), [found]


def rows(tables: Tables, use) -> list[dict]:
    """One results row per arm and condition, in table order."""
    found = []
    for arm in ORDER:
        for (name, condition), frame in tables.items():
            if name == arm and condition != "guard":
                costs = use.costs.model_dump(exclude_none=True) if use.costs else None
                measured = evaluate(frame, labels_of(frame, use), costs, use.prevalence, use.gates.confidence)
                found.append({"arm": arm, "condition": condition} | measured)
    return found


def comparisons(tables: Tables, use) -> list[dict]:
    """Paired differences tuned - other, for the gate's KPI and for accuracy, under each condition."""
    found = []
    for (arm, condition), frame in tables.items():
        if arm != "tuned" and condition != "guard" and ("tuned", condition) in tables:
            for metric in dict.fromkeys((use.gates.kpi, "accuracy")):
                difference = compare(tables["tuned", condition], frame, labels_of(frame, use), metric, use.gates.confidence)
                found.append({"a": "tuned", "b": arm, "condition": condition, "metric": metric, "difference": difference})
    return found


def guard_row(tables: Tables) -> dict | None:
    """Accuracy on general samples before and after, and the paired drop (positive: something was lost)."""
    if ("base", "guard") not in tables:
        return None
    # hits only: the guard's hundred labels would make a confusion matrix of thousands of empty cells
    before, after = (
        frame.assign(predicted=np.where(frame["answer"] == frame["predicted"], "right", "wrong"), answer="right", group="")
        for frame in (tables["base", "guard"], tables["tuned", "guard"])
    )
    labels = ["right", "wrong"]
    return {
        "base": evaluate(before, labels)["accuracy"],
        "tuned": evaluate(after, labels)["accuracy"],
        "drop": compare(before, after, labels, "accuracy"),
        "n": len(before),
    }


def findings(tables: Tables, use) -> list[Finding]:
    """What the table says beyond the KPI."""
    found = []
    if ("tuned", "without_text") in tables:
        frame = tables["tuned", "as_is"]
        gap = compare(frame, tables["tuned", "without_text"], labels_of(frame, use), "accuracy", use.gates.confidence)
        flips = (frame.set_index("id")["predicted"] != tables["tuned", "without_text"].set_index("id")["predicted"]).mean()
        found.append(
            Finding(
                "dependence on the note",
                gap["value"],
                gap["low"],
                gap["high"],
                "warn" if flips > 0.05 else "good",
                say(
                    f"Taking the note away changes {flips:.0%} of the tuned model's answers, though the note should not decide them.",
                    f"メモを取り除くと、微調整後の答えの {flips:.0%} が変わります（メモは判断に使わない情報です）。",
                ),
                {"answers_changed": float(flips)},
                say("Diagnose it in notebook 05 before anybody relies on it.", "頼る前にノートブック 05 で診断してください。"),
                say("about 5 minutes", "約 5 分"),
            )
        )
    return found


def write_predictions(path: Path, tables: Tables, rows: dict[str, list[Sample]], directory: Path) -> None:
    """predictions.csv: one row per sample, arm and condition; media as paths relative to the use case's folder.

    Args:
        rows: the samples of the splits "test", "calibration" and "guard"; the last two are conditions of their own.
    """
    samples = {split: {s.id: s for s in part} for split, part in rows.items()}
    half = path.with_suffix(".part")
    with half.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["id", "split", "arm", "condition", "answer", "predicted", "probabilities", "group", "image", "audio", "video", "text", "question"]
        )
        for (arm, condition), frame in tables.items():
            split = condition if condition in ("guard", "calibration") else "test"
            for row in frame.itertuples():
                sample = samples[split][row.id]
                root = None if split == "guard" else directory
                media = ["|".join(_relative(p, root) for p in getattr(sample, kind)) for kind in ("image", "audio", "video")]
                shares = json.dumps({k: round(v, 5) for k, v in row.probabilities.items()}, ensure_ascii=False)
                text = sample.text if condition in ("as_is", "calibration") else ""
                writer.writerow([row.id, split, arm, condition, row.answer, row.predicted, shares, sample.group, *media, text, sample.question])
    os.replace(half, path)


def tidy(work: Path) -> None:
    """Removes what only a resumed run would need."""
    shutil.rmtree(work, ignore_errors=True)


def _relative(path: Path, root: Path | None) -> str:
    return path.resolve().relative_to(root.resolve()).as_posix() if root else path.name


def labels_of(frame: pd.DataFrame, use) -> list[str]:
    """The use case's options, then any other that a row of its own has."""
    seen = sorted({option for shares in frame["probabilities"] for option in shares})
    return [*use.options, *(label for label in seen if label not in use.options)]


def _kept(work: Path, arm: str, condition: str, ask, together: bool = True) -> pd.DataFrame:
    """The arm's answers: from the work folder when they are there, else asked now (by all processes together, or by the first one) and kept."""
    file = work / f"{arm}.{condition}.json"
    if processes.told(file.is_file()):
        return pd.DataFrame(json.loads(file.read_text(encoding="utf-8")))
    frame = ask() if together else processes.told(ask() if processes.first() else None)
    if not processes.first():
        return frame
    try:
        work.mkdir(parents=True, exist_ok=True)
        half = file.with_suffix(".part")
        half.write_text(json.dumps(frame.to_dict("records"), ensure_ascii=False), encoding="utf-8")
        os.replace(half, file)
    except OSError as error:
        raise KitError(
            say(
                f"cannot write {file} ({error.strerror}); free some space, then `poc run DIR --resume`",
                f"{file} に書けません（{error.strerror}）。空きを作ってから `poc run DIR --resume` で再開してください",
            )
        ) from error
    return frame
