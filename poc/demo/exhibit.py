"""A finished run as the demo shows it: its record, its held-out samples, and where their files are."""

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kit.data import MEDIA, Sample
from poc import runs
from poc.translations import read_as
from poc.words import Text


@dataclass(frozen=True)
class Exhibit:
    """What the page needs to know about a run.

    Attributes:
        run: the run's folder.
        record: run.json.
        checks: checks.json.
        diagnosis: diagnosis.json, of `poc diagnose`; {} where nobody asked.
        predictions: predictions.csv.
        samples: held-out samples by id, in a mixed, always equal order (a sorted list would show the classes in blocks).
        media: the folder that the samples' files lie in; None when it is not on this machine.
    """

    run: Path
    record: dict
    checks: list[dict]
    diagnosis: dict
    predictions: pd.DataFrame
    samples: dict[str, Sample]
    media: Path | None

    @property
    def questions(self) -> dict[str, tuple[str, ...]]:
        """Every question of the held-out samples, with its options."""
        found = {sample.question: sample.options for sample in self.samples.values()}
        return found or {self.record["question"]: tuple(self.record["options"])}

    @property
    def conflict(self) -> dict:
        """From which score on evidence disagrees, and how well that tells: {"threshold", "caught", "false_alarms", ...} of `poc diagnose`; {} where nobody asked."""
        return next((finding["evidence"] for finding in self.diagnosis.get("findings", []) if finding["name"] == "conflict"), {})

    def disagrees(self, score: float | None) -> bool:
        """Whether evidence with this conflict score disagrees, as far as was measured."""
        return score is not None and self.conflict.get("threshold") is not None and score >= self.conflict["threshold"]

    def read_as(self, words: str) -> Text:
        """A question or an answer as people read it."""
        return read_as(self.record, words)

    def choices(self, words: Iterable[str], language: str) -> list[tuple[str, str]]:
        """(as people read it, as the model does) of each."""
        return [(self.read_as(word)[language], word) for word in words]

    def shown_id(self, sample: Sample) -> str:
        """The sample's id, or its number where the id would give the answer away (class folders do that)."""
        told = any(words and words.lower() in sample.id.lower() for option in sample.options for words in (option, *self.read_as(option).values()))
        return f"No. {list(self.samples).index(sample.id) + 1}" if told else sample.id

    @property
    def adapter_name(self) -> str:
        """Where the adapter lies, without this machine's folders."""
        return f"{self.run.resolve().name}/adapter"

    @property
    def lacks_files(self) -> bool:
        """Samples have files, and none of them was found."""
        return self.media is None and any(getattr(sample, kind) for sample in self.samples.values() for kind in MEDIA)

    def complete(self, sample: Sample) -> bool:
        """Whether every file of the sample is here."""
        return all(path.is_file() for kind in MEDIA for path in getattr(sample, kind))


def open_exhibit(run: Path, media: Path | None = None) -> Exhibit:
    """Reads a finished run.

    Args:
        run: the run's folder.
        media: the use case's folder; None looks for it beside the run, in the sample company and in the working directory.

    Raises:
        KitError: the folder is no finished run.
    """
    run = Path(run)
    record, predictions = runs.read(run), runs.read_predictions(run)
    checks, diagnosis = (json.loads((run / name).read_text(encoding="utf-8")) if (run / name).is_file() else empty for name, empty in (("checks.json", []), (runs.DIAGNOSIS, {})))
    rows = _held_out(predictions)
    media = media or runs.evidence_folder(run, record, rows)
    samples = [_sample(row, record, media or run / "media") for row in rows.to_dict("records")]
    random.Random(0).shuffle(samples)
    return Exhibit(run, record, checks, diagnosis, predictions, {sample.id: sample for sample in samples}, media)


def _held_out(predictions: pd.DataFrame) -> pd.DataFrame:
    rows = predictions[(predictions["split"] == "test") & (predictions["condition"] == "as_is")]
    return rows[rows["arm"] == ("tuned" if (rows["arm"] == "tuned").any() else "base")]


def _sample(row: dict, record: dict, root: Path) -> Sample:
    files = {kind: tuple(runs.evidence_file(root, name) for name in row[kind].split("|") if name) for kind in MEDIA}
    return Sample(
        row["id"], row["question"], tuple(row["probabilities"]), row["answer"], **files, text=row["text"],
        decided_by=tuple(record["decided_by"]), group=row["group"], split="test",
    )  # fmt: skip
