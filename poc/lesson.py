"""What every notebook opens with: its four parameters made into a folder, a checkpoint and a finished run, and a line that says which.

A notebook runs from any working directory and without the others: `use_case` is a name of the sample company or a folder, and an empty `run`
is the newest finished run of that use case, else the shipped example.
"""

import logging
import os
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from kit.data import Folder, Sample
from kit.errors import KitError
from kit.language import say
from kit.models import Loaded, load
from kit.models.catalogue import default_checkpoint, resolve
from poc import runs
from poc.usecase import UseCase, load_samples, load_usecase
from poc.words import ARMS, CONDITIONS, KPIS

ROOT = Path(__file__).resolve().parents[1]
COMPANY = ROOT / "sample_data" / "company"
GUARD = ROOT / "sample_data" / "general"
TRUSTING = ROOT / "sample_data" / "trusting"  # an adapter that has learned to believe the note


@dataclass(frozen=True)
class Lesson:
    """A notebook's parameters, made definite.

    Attributes:
        preset: tiny, laptop or gpu.
        directory: the use case's folder.
        use: its poc.yaml.
        model: name of the checkpoint, for `kit.models.load`.
        run: a finished run's folder.
        told: which run that is, in words.
    """

    preset: str
    directory: Path
    use: UseCase
    model: str
    run: Path
    told: str

    @cached_property
    def folder(self) -> Folder:
        """The use case's samples, split; media are not opened here."""
        return load_samples(self.directory, self.use, verify=False)

    @cached_property
    def record(self) -> dict:
        """run.json of the run."""
        return runs.read(self.run)

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """predictions.csv of the run."""
        return runs.read_predictions(self.run)

    def split(self, name: str) -> list[Sample]:
        """The labelled samples of one split."""
        return [sample for sample in self.folder.samples if sample.split == name and sample.answer]

    def few(self, name: str, most: int) -> list[Sample]:
        """At most `most` labelled samples of a split, taken in turn from each (question, answer), so that no class is lost; always the same ones."""
        heaps: dict[tuple, list[Sample]] = {}
        for sample in self.split(name):
            heaps.setdefault((sample.question, sample.answer), []).append(sample)
        # neighbours are of one lot: steps of the golden ratio spread any few rows of a class over all of it
        spread = [[heap[i] for i in sorted(range(len(heap)), key=lambda i: i * 0.6180339887 % 1)] for heap in heaps.values()]
        turns = [heap[i] for i in range(max(map(len, spread), default=0)) for heap in spread if i < len(heap)]
        return turns[:most]

    @property
    def of_this_use_case(self) -> bool:
        """Whether the run is one of this use case (the shipped example is of the sample company's inspection)."""
        return self.record["use_case"] == self.use.name

    def __repr__(self) -> str:
        return "\n".join(
            [
                f"preset = {self.preset}",
                f"use_case = {self.use.name} ({_short(self.directory)})",
                f"model = {self.model}",
                f"run = {_short(self.run)}: {self.told}",
            ]
        )


def open_lesson(preset: str, use_case: str, model: str = "", run: str = "", language: str = "") -> Lesson:
    """The lesson that a notebook's parameters describe.

    Args:
        preset: tiny, laptop or gpu.
        use_case: a name in sample_data/company, or a folder with a poc.yaml.
        model: checkpoint name, hub id or folder; "" for the preset's default.
        run: a run's folder; "" for the newest of this use case, else the shipped example.
        language: of figures and messages; "" for that of the notebook (notebooks/ja), else the locale.

    Raises:
        KitError: no such use case, preset, checkpoint or run.
    """
    _settle(language, offline=Path(model).is_dir() if model else preset == "tiny")
    directory = find_use_case(use_case)
    use = load_usecase(directory)
    if not model:
        first = load_samples(directory, use, verify=False).samples
        model = default_checkpoint(preset, tuple(sorted({name for sample in first for name in sample.modalities})))
    resolve(model)
    folder, told = find_run(use.name, run)
    return Lesson(preset, directory, use, model, folder, told)


def trusting_model(lesson: Lesson) -> tuple[Loaded, str]:
    """(model, which one it is in words) whose beliefs are looked into: that of the run, or for the shipped example the one that was tuned with every note shown (benchmarks/cure.py made it)."""
    if lesson.run == runs.EXAMPLE and lesson.use.name == "inspection" and lesson.model == "tiny_omni" and TRUSTING.is_dir():
        return load("tiny_omni", adapter=TRUSTING), say("the model that was tuned with every note shown (sample_data/trusting)", "メモをすべて見せて微調整したモデル（sample_data/trusting）")
    return runs.load_tuned(lesson.run), say("the tuned model of the run", "実行の微調整後モデル")


def results_table(record: dict, condition: str | None = None) -> pd.DataFrame:
    """The results of a run as a table to read: one row per arm and condition, "0.91 [0.88, 0.94]" in each cell, yen per 1,000 cases last.

    Args:
        record: run.json.
        condition: "as_is" or "without_text"; None for both.
    """
    lines = []
    for row in record["results"]:
        if condition in (None, row["condition"]):
            names = {say("arm", "方式"): say(**ARMS[row["arm"]]), say("condition", "条件"): say(**CONDITIONS[row["condition"]]), "n": row["n"]}
            measured = {say(**KPIS[kpi]): written(row[kpi]) for kpi in ("macro_recall", "accuracy")}
            cost = {say("yen per 1,000", "円／1,000 件"): written(row["cost_per_1000"], ",.0f")} if row["cost_per_1000"] else {}
            lines.append(names | measured | cost)
    return pd.DataFrame(lines).set_index([say("arm", "方式"), say("condition", "条件")])


def written(interval: dict, form: str = ".2f") -> str:
    """An interval as people write it: value [low, high]."""
    return f"{interval['value']:{form}} [{interval['low']:{form}}, {interval['high']:{form}}]"


def find_use_case(use_case: str) -> Path:
    """The folder of a use case given by its sample company name or by its path.

    Raises:
        KitError: it is neither.
    """
    for folder in (COMPANY / use_case, Path(use_case).expanduser()):
        if use_case and (folder / "poc.yaml").is_file():
            return folder.resolve()
    names = ", ".join(sorted(path.parent.name for path in COMPANY.glob("*/poc.yaml")))
    raise KitError(
        say(
            f"use_case = {use_case!r}: no such use case; give a name of the sample company ({names}) or a folder with a poc.yaml (`poc init DIR` writes one)",
            f"use_case = {use_case!r}: ユースケースがありません。サンプル会社の名前（{names}）か、poc.yaml のあるフォルダー（`poc init DIR` で作成）を指定してください",
        )
    )


def find_run(use_case: str, run: str = "") -> tuple[Path, str]:
    """(folder, which run it is in words): the named one, else the newest of this use case below ./runs or the project's runs/, else the shipped example."""
    if run:
        folder = Path(run).expanduser()
        if not (folder / "run.json").is_file() and (ROOT / run / "run.json").is_file():
            folder = ROOT / run
        runs.read(folder)  # says what is wrong with it
        return folder.resolve(), say("the run that you named", "ご指定の実行")
    found = [runs.latest(use_case, out) for out in dict.fromkeys((Path("runs").resolve(), ROOT / "runs"))]
    mine = sorted((folder for folder in found if folder != runs.EXAMPLE), key=lambda folder: folder.name)
    if mine:
        return mine[-1], say("your newest finished run of this use case", "このユースケースの最新の実行")
    return runs.EXAMPLE, say(
        "the example run that ships with the kit (sample company, inspection); you have none of this use case yet",
        "キット付属の実行例（サンプル会社の外観検査）。このユースケースの実行はまだありません",
    )


def _settle(language: str, offline: bool) -> None:
    """The reader's language, no hub unless one is named, and no chatter of libraries between a person and the lesson."""
    here = os.environ.get("JPY_SESSION_NAME", "") or str(Path.cwd() / "x")  # Jupyter names the notebook's file
    asked = language or ("ja" if Path(here).parent.name == "ja" else "")
    if asked:
        os.environ["POC_LANGUAGE"] = asked
    if offline:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    for name, value in {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
                        "TOKENIZERS_PARALLELISM": "false", "GRADIO_ANALYTICS_ENABLED": "False"}.items():  # fmt: skip
        os.environ.setdefault(name, value)
    import transformers  # it may have read the environment before this line

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")


def _short(path: Path) -> str:
    """The path below the project, or its last two parts: a notebook's output should not carry the machine's folders."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else "/".join(path.parts[-2:])
