"""A run in use: every answer that `poc predict --queue` makes goes into the run's audit log, and what the model should not decide alone goes before people.

    use = open_use(run)                       # the step of autonomy, the threshold that the run promises, the gates
    taken = use.take(loaded, answers)         # one record each; does the answer count now, and if not, why must a person look

Everything lies in RUN/operations: audit_log.jsonl, review_queue.sqlite with its evidence, usual.json. A new run begins on the step "shadow", where nothing counts; `poc queue RUN --up NAME` enters the next one where it is earned,
and each opening takes a step back by itself where the measured numbers ask for it. Not covered: files that cannot be read are in the log and in the table, not in the queue (there is nothing to show).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kit.curation.looks import look_at
from kit.curation.usual import Usual, usual_inputs
from kit.data import MEDIA, Sample
from kit.diagnosis.conflict import conflict_scores
from kit.errors import KitError
from kit.language import say
from kit.models import Loaded
from kit.operations.audit_record import Record, input_hash
from kit.operations.autonomy import counts_at_once, is_drawn, reasons_to_check
from kit.operations.champion import champion
from poc import runs
from poc.answer_record import answer_record
from poc.audit_commands import FOLDER
from poc.standing import SERVICE, Standing, standing
from poc.threshold import Threshold, threshold_of

USUAL = "usual.json"  # the limits of usual inputs: the machine on the floor may not have the rows that they come from


@dataclass(frozen=True)
class Taken:
    """What became of one answer: does it count now (`counts`), and for which of `review_queue.REASONS` it waits for a person or is drawn for a check."""

    counts: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class InUse:
    """A run that answers on the floor; see `open_use`.

    Attributes:
        standing: log, queue and step.
        threshold: below it the model abstains.
        promised: what the threshold promises, with the confidence of it: ({"miss": 0.05}, 0.95); None: nothing, it is a plain one.
        usual: limits of usual inputs.
        conflict: score from which evidence contradicts itself; None: not asked.
        notes: which gate is not there and what brings it, in the reader's language.
    """

    standing: Standing
    threshold: Threshold
    promised: tuple[dict, float] | None
    usual: Usual
    conflict: float | None
    notes: tuple[str, ...]

    def take(self, loaded: Loaded, answers: Sequence[tuple[Sample, dict[str, float] | None, str]]) -> list[Taken]:
        """Writes each answer into the audit log and puts before people what they must look at.

        Args:
            loaded: the run's model, for the question whether the evidence contradicts itself.
            answers: (sample, {option: share} as the model gave them or None, error).

        Raises:
            KitError: log or queue do not take it. Then none of the answers counts.
        """
        apart = self._apart(loaded, [sample for sample, shares, _ in answers if shares])
        faults = [self.usual.faults(sample, _looks(sample)) if shares else [] for sample, shares, _ in answers]
        written = self.standing.log.extend(self._record(*one, fault, apart) for one, fault in zip(answers, faults, strict=True))
        return [self._taken(sample, shares, fault, record, apart) for (sample, shares, _), fault, record in zip(answers, faults, written, strict=True)]

    def unreadable(self, what: str, error: str) -> None:
        """Writes a row that cannot even be opened (its file is missing, say) into the audit log; `error` holds no path of this machine."""
        self.standing.log.append(self._unreadable(what, error))

    def _unreadable(self, what: str, error: str) -> Record:
        about = self.standing.record
        return Record("event", SERVICE, what, about["model"]["name"], self.standing.adapter, about["data"]["hash"], decision="unreadable", note={"error": error[:500]})

    def _apart(self, loaded: Loaded, samples: list[Sample]) -> dict[str, float]:
        """id -> score of contradiction, of the rows that have two kinds of evidence."""
        asked = [sample for sample in samples if len(sample.modalities) > 1] if self.conflict is not None else []
        return dict(conflict_scores(loaded, asked)[["id", "score"]].itertuples(index=False)) if asked else {}

    def _record(self, sample: Sample, shares: dict | None, error: str, faults: list[str], apart: dict[str, float]) -> Record:
        if not shares:
            return self._unreadable(sample.id, error)
        note = {"input": faults, "apart": round(apart.get(sample.id, 0.0), 4)}
        return answer_record(self.standing.record, self.standing.adapter, self.threshold, shares, SERVICE, sample.id, input_hash(sample), note)

    def _taken(self, sample: Sample, shares: dict | None, faults: list[str], record: Record, apart: dict[str, float]) -> Taken:
        if not shares:
            return Taken(False, ())
        step = self.standing.state.step
        contradicts = self.conflict is not None and apart.get(sample.id, 0.0) >= self.conflict
        reasons = reasons_to_check(step, abstained=not record.answer, dangerous=record.answer in self.standing.dangerous, conflict=contradicts, poor_input=bool(faults), drawn=is_drawn(step, record.hash))
        if reasons:
            self.standing.queue.add(sample, record, reasons, SERVICE)
        return Taken(counts_at_once(step, reasons), reasons)


def open_use(run: Path, threshold: float | None = None, directory: Path | None = None) -> InUse:
    """A finished run, ready to answer on the floor; the first opening puts its model on the step "shadow".

    Args:
        run: a finished run.
        threshold: instead of the one of `poc.threshold.threshold_of`.
        directory: the use case's folder, which says what inputs usually look like; default: looked for as the report does. It is needed once.

    Raises:
        KitError: not a finished run, another one is in use (champion.json), or log or queue cannot be used.
    """
    told = champion(run.resolve().parent)
    if told and told["current"] != run.resolve().name:
        raise KitError(say(f"in use is {told['current']}, not {run.resolve().name} (champion.json beside the runs): name {run.resolve().parent / told['current']}, or put this run in use with poc challenge or poc rollback",
                           f"使用中は {run.resolve().name} ではなく {told['current']} です（実行の隣の champion.json）。{run.resolve().parent / told['current']} を指定するか、poc challenge または poc rollback でこの実行を使用中にしてください"))  # fmt: skip
    here = standing(run, start=True)
    mark = threshold_of(here.record, runs.read_predictions(run)) if threshold is None else Threshold(threshold, (here.record.get("calibration") or {}).get("temperature", 1.0))
    promise, notes = here.record.get("abstention") or {}, []
    promised = (promise["targets"], promise["confidence"]) if mark.promised else None
    usual = _usual(run, here.record, directory)
    if not usual.limits:
        notes.append(say("what inputs usually look like is not known, so only missing evidence is noticed: name the use case's folder once with --folder", "通常の入力の範囲が不明なため、証拠の欠落しか検知できません。一度 --folder でユースケースのフォルダーを指定してください"))
    apart = _conflict(run)
    if apart is None:
        notes.append(say(f"contradicting evidence is not looked for: poc diagnose {run} sets the limit", f"証拠どうしの矛盾は調べません：poc diagnose {run} を実行すると基準が決まります"))
    return InUse(here, mark, promised, usual, apart, tuple(notes))


def _looks(sample: Sample) -> dict:
    """What `kit.curation.looks` sees in the sample's files; no bar of its own, since one is moving already."""
    return {(path, modality): look_at(path, modality, faces=False) for modality in MEDIA for path in getattr(sample, modality)}


def _usual(run: Path, record: dict, directory: Path | None) -> Usual:
    """The limits as kept in the run's folder; where there are none yet, from the calibration rows of the use case's folder."""
    from poc.usecase import load_samples, load_usecase

    kept = run / FOLDER / USUAL
    if kept.is_file():
        return Usual({modality: {name: tuple(ends) for name, ends in limits.items()} for modality, limits in json.loads(kept.read_text(encoding="utf-8")).items()})
    directory = directory or runs.evidence_folder(run, record, runs.read_predictions(run))
    if directory is None:
        return Usual({})
    rows = load_samples(directory, load_usecase(directory), seed=record["seed"], verify=False).samples
    try:
        found = usual_inputs([sample for sample in rows if sample.split == "calibration"])
    except KitError:  # too few files of a medium
        return Usual({})
    runs.write_json(kept, found.limits)
    return found


def _conflict(run: Path) -> float | None:
    """The score from which evidence contradicts itself, as `poc diagnose` found it on planted contradictions."""
    file = run / runs.DIAGNOSIS
    findings = json.loads(file.read_text(encoding="utf-8"))["findings"] if file.is_file() else []
    return next((one["evidence"]["threshold"] for one in findings if one["name"] == "conflict"), None)
