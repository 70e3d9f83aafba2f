"""Run folders: runs/<use case>/<time>/. A run is finished once its run.json exists; that file is written last, in one move."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path, PurePosixPath

import pandas as pd

from kit.data import MEDIA
from kit.errors import KitError
from kit.finding import Finding
from kit.language import LANGUAGES, say, speaking

EXAMPLE = Path(__file__).parents[1] / "sample_data" / "example_run"
COMPANY = EXAMPLE.parent / "company"
AUDIT = "audit.json"  # what the audit of the rows found when the run was made
BRIDGES = "bridges.json"  # what `poc bridges` compared
DIAGNOSIS = "diagnosis.json"  # what `poc diagnose`, or a run with the gate "robust", found
_NEEDED_MB = 500  # adapters, checkpoints with optimizer state, predictions and the report of a small run


def quiet(line: str) -> None:
    """Tells nobody."""


def in_both_languages(make: Callable[[], list[Finding]]) -> list[dict]:
    """Findings as a run keeps them: `make` is asked once per language, and what it says in words becomes {"en", "ja"}."""
    told = {}
    for language in LANGUAGES:
        with speaking(language):
            told[language] = [finding.as_dict() for finding in make()]
    words = ("summary", "advice", "cost")
    return [one | {name: {language: told[language][place][name] for language in LANGUAGES} if one[name] else "" for name in words} for place, one in enumerate(told["en"])]


def start(out: Path, plan: dict) -> Path:
    """A new run folder holding plan.json.

    Raises:
        KitError: the disk is (nearly) full, or the folder cannot be written.
    """
    folder = out / plan["use_case"] / datetime.now().strftime("%Y%m%d-%H%M%S")
    while folder.exists():  # two runs in one second
        folder = folder.with_name(folder.name + "b")
    here = next(parent for parent in (out.resolve(), *out.resolve().parents) if parent.exists())
    free = shutil.disk_usage(here).free // 2**20
    if free < _NEEDED_MB:
        raise KitError(
            say(
                f"only {free} MB free in {out}; a run needs about {_NEEDED_MB} MB: free some space or name another folder with --out",
                f"{out} の空きは {free} MB だけです。約 {_NEEDED_MB} MB 必要です。空きを作るか --out で別のフォルダーを指定してください",
            )
        )
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise KitError(
            say(f"cannot write to {out} ({error.strerror}); name another folder with --out", f"{out} に書けません（{error.strerror}）。--out で別のフォルダーを指定してください")
        ) from error
    write_json(folder / "plan.json", plan)
    return folder


def unfinished(out: Path, plan: dict) -> Path | None:
    """The newest unfinished run of exactly this plan (same data, gates, settings and model), to go on with."""
    for folder in sorted((out / plan["use_case"]).glob("*/plan.json"), reverse=True):
        try:
            planned = json.loads(folder.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # a plan that cannot be read is nobody's plan
            continue
        if not (folder.parent / "run.json").exists() and planned == json.loads(json.dumps(plan)):
            return folder.parent
    return None


def latest(use_case: str, out: Path = Path("runs")) -> Path:
    """The newest finished run of a use case; the shipped example run when there is none."""
    finished = sorted((out / use_case).glob("*/run.json"))
    return finished[-1].parent if finished else EXAMPLE


def read(run: Path) -> dict:
    """run.json of a finished run.

    Raises:
        KitError: the folder is no finished run, or a damaged one.
    """
    file = run / "run.json"
    if not file.is_file():
        raise KitError(
            say(
                f"{run} is no finished run: it has no run.json; finish it with `poc run DIR --resume` or name a folder below runs/",
                f"{run} は完了した実行ではありません（run.json がありません）。`poc run DIR --resume` で完了させるか、runs/ の下のフォルダーを指定してください",
            )
        )
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _damaged(file) from error
    if not isinstance(record, dict):
        raise _damaged(file)
    return record


def _damaged(file: Path) -> KitError:
    return KitError(
        say(
            f"{file} is damaged or its run folder incomplete; make the run again with `poc run DIR`",
            f"{file} が壊れているか、実行フォルダーに不足があります。`poc run DIR` で作り直してください",
        )
    )


def checkpoint_of(record: dict) -> str:
    """What `kit.models.load` takes for the checkpoint of a run.json."""
    from kit.models.catalogue import CATALOGUE

    return record["model"]["name"] if record["model"]["name"] in CATALOGUE else record["model"]["source"]


def load_tuned(run: Path):
    """The run's checkpoint with the run's adapter on top, in the precision that it was trained in (kit.models.Loaded).

    Raises:
        KitError: not a finished run, its checkpoint or adapter cannot be loaded, or the checkpoint's weights are not those that the run had.
    """
    from kit.models import load, resolve  # torch: the report and the demo's first page do without
    from poc.record import weights_hash

    record = read(run)
    here, then = weights_hash(resolve(checkpoint_of(record))[1]), record["model"].get("hash")
    if here and then and here != then:  # a hub's checkpoint has none
        raise KitError(
            say(
                f"the weights of {record['model']['name']} on this machine are not those that {run} was made with (sha256 {here[:12]}, run.json has {then[:12]}); "
                "an adapter means nothing on other weights: get those back, or make the run again",
                f"この端末の {record['model']['name']} の重みは、{run} の実行時と異なります（sha256 {here[:12]}、run.json では {then[:12]}）。アダプターは別の重みでは意味を持ちません。元の重みに戻すか、実行し直してください",
            )
        )
    return load(checkpoint_of(record), four_bit=bool(record["model"].get("four_bit")), adapter=run / "adapter")


def read_predictions(run: Path) -> pd.DataFrame:
    """predictions.csv with the probabilities as dicts; absent evidence reads as "".

    Raises:
        KitError: the file is not there.
    """
    if not (run / "predictions.csv").is_file():
        raise _damaged(run / "predictions.csv")
    frame = pd.read_csv(run / "predictions.csv", dtype=str, keep_default_na=False)
    frame["probabilities"] = frame["probabilities"].map(json.loads)
    return frame


def adapter_digest(run: Path) -> str:
    """16 hex digits of the digest of a run's adapter weights, as the audit log names it.

    Raises:
        OSError: it has none.
    """
    with (run / "adapter" / "adapter_model.safetensors").open("rb") as weights:
        return hashlib.file_digest(weights, "sha256").hexdigest()[:16]


def write_json(path: Path, content) -> None:
    """Writes in one move, so that a crash leaves the old file or the new one, never half of it."""
    half = path.with_suffix(path.suffix + ".part")
    half.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    os.replace(half, path)


def evidence_folder(run: Path, record: dict, rows: pd.DataFrame) -> Path | None:
    """The first likely folder that holds the first file that `rows` (of predictions.csv) name; a run does not say where on a disk its use case was.

    Looked through: the use case's folder beside the run, above it, in the working directory and in the sample company.
    """
    name = record["data"]["folder"]
    named = next((row[kind].split("|")[0] for row in rows[list(MEDIA)].to_dict("records") for kind in MEDIA if row[kind]), "")
    above = [*run.resolve().parents[:4], Path.cwd()]
    likely = [run / "media", *(folder / name for folder in above), COMPANY / name, *above]
    return next((folder for folder in likely if named and evidence_file(folder, named).is_file()), None)


def evidence_file(folder: Path, name: str) -> Path:
    """The file below `folder`; a run that somebody sent must not make us show other files of this machine."""
    parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("..", "/", ".")]
    return folder.joinpath(*parts)
