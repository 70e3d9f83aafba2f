"""A clerk's file with its right answer -> a row of the run's folder operations/new_samples, for training only. The company's table is never touched: people look through the folder, then copy it there.

What is refused: a file that is no photo, sound or video (`uploads`), what `poc check` finds about the row, a file that is there already, and a held-out one or a copy of it (saved again, scaled, cut, turned or mirrored, as `poc curate` finds them): a model that learned it could not be measured on it any more.
"""

import contextlib
import csv
import hashlib
import os
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from filelock import FileLock

from kit.data import MEDIA, Sample, read_folder, write_folder
from kit.language import LANGUAGES, speaking
from kit.operations.audit_log import FILE as LOG
from kit.operations.audit_log import AuditLog
from kit.operations.audit_record import Record, input_hash, pseudonym
from poc.audit_commands import FOLDER
from poc.demo import work_words as w
from poc.demo.exhibit import Exhibit
from poc.demo.uploads import own_sample
from poc.demo.words import Refusal, fill

PLACE = "new_samples"  # in the run's folder of operations


class NewSamples:
    """The new samples of a run.

    Args:
        exhibit: the run.
        key: hides names; None writes them as they are.
    """

    def __init__(self, exhibit: Exhibit, key: bytes | None = None):
        self.exhibit, self.key = exhibit, key
        self.folder = Path(exhibit.run) / FOLDER / PLACE

    @property
    def rows(self) -> list[dict[str, str]]:
        """Those that were added so far, as the table has them. (`read_folder` would leave out an answer that has one row only, and that is no reason to lose it here.)"""
        table = self.folder / "metadata.csv"
        if not table.is_file():
            return []
        with table.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    def add(self, files: Iterable[str | Path], note: str, question: str, answer: str, who: str, group: str = "", most: dict[str, int] | None = None) -> tuple[Sample, Record]:
        """Checks a row and keeps it, with a copy of its files; returns it with its id, and its record in the audit log.

        Args:
            files, note, question, most: as `uploads.own_sample` has them.
            answer: the right one.
            who: adds it.
            group: lot, speaker, day.

        Raises:
            Refusal: it is no good row; the sentence says why.
            KitError: the audit log or the disk does not take it; then it is not added.
        """
        options = self.exhibit.questions[question]
        if not who.strip():
            raise Refusal(w.NAMELESS)
        if not answer.strip() or (options and answer not in options):
            listed = {language: ", ".join(self.exhibit.read_as(option)[language] for option in options) or "..." for language in LANGUAGES}
            raise Refusal(fill(w.NO_ANSWER, options=listed))
        asked = own_sample([*files], note, question, options, tuple(self.exhibit.record["decided_by"]), most=most)
        self._refuse_known(asked)
        self._refuse_alike(asked)
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self.folder}.lock"):
            self._refuse_copies(asked)
            record = self.exhibit.record
            now, digest = datetime.now(UTC), input_hash(asked)
            who = pseudonym(who, self.key) if self.key else who.strip()
            meta = {"added_by": who, "added_at": now.isoformat(timespec="seconds"), "added_in": "demo, mode Work", "run": Path(self.exhibit.run).resolve().name, "model": record["model"]["name"]}
            meta |= {column: group.strip()} if (column := record["data"].get("group_by") or "group") != "group" else {}
            sample = asked.replace(id=f"new-{now:%Y%m%d}-{digest[:8]}", answer=answer, group=group.strip(), split="train", meta=meta)
            self._check(sample)
            log = AuditLog(self.folder.parent / LOG)  # `who` is a pseudonym by now where there is a key
            written = log.append(Record("event", who, sample.id, record["model"]["name"], data=record["data"]["hash"], input=digest, answer=answer, decision="new sample", note={"from": "demo"}))
            self._keep(sample.replace(meta=meta | {"audit_record": str(written.n)}))
        return sample, written

    def _check(self, sample: Sample) -> None:
        """What `poc check` would say about the row, in a folder of its own; without its answer, since one row of an answer is a fault of a whole folder and none of a row."""
        with tempfile.TemporaryDirectory() as place:
            write_folder((sample.replace(answer=""),), Path(place))
            found = {}
            for language in LANGUAGES:
                with speaking(language):
                    faults = read_folder(Path(place), question=sample.question, options=sample.options, decided_by=sample.decided_by).faults
                    found[language] = "; ".join(f"{fault.problem} ({fault.fix})" for fault in faults)
        if found["en"]:
            raise Refusal(fill(w.ROW_FAULTS, faults=found))

    @cached_property
    def _held(self) -> dict:
        """What is seen in the held-out samples' files; half a minute for ten thousand of them, once."""
        from kit.curation.looks import look_at_all  # brings OpenCV

        return look_at_all([one for one in self.exhibit.samples.values() if self.exhibit.complete(one)], faces=False)

    def _refuse_alike(self, sample: Sample) -> None:
        """Refuses a copy of a held-out file, however it was saved."""
        from kit.curation.copies import near_pairs_of
        from kit.curation.looks import look_at_all
        from kit.curation.material import Material

        mine = look_at_all([sample], faces=False)
        rows = (*(one for one in self.exhibit.samples.values() if self.exhibit.complete(one)), sample)
        for one, other in near_pairs_of(Material(rows, self._held | mine)):
            if (((one.path, one.modality) in mine) != ((other.path, other.modality) in mine)):
                held = other if (one.path, one.modality) in mine else one
                name = next(self.exhibit.shown_id(row) for row in rows if held.path in getattr(row, held.modality))
                raise Refusal(fill(w.HELD_OUT_ALIKE, name=name))

    def _refuse_known(self, sample: Sample) -> None:
        mine = digests_of([sample])
        for path, name in ((path, self.exhibit.shown_id(one)) for one in self.exhibit.samples.values() for kind in MEDIA for path in getattr(one, kind)):
            with contextlib.suppress(OSError):
                if path.stat().st_size in mine and _digest(path) in mine[path.stat().st_size]:
                    raise Refusal(fill(w.HELD_OUT, name=name))

    def _refuse_copies(self, sample: Sample) -> None:
        mine = {digest for digests in digests_of([sample]).values() for digest in digests}
        for row in self.rows:
            files = [self.folder / file for kind in MEDIA for file in row[kind].split("|") if file]
            if row["question"] == sample.question and any(file.is_file() and _digest(file) in mine for file in files):
                raise Refusal(fill(w.THERE_ALREADY, name=row["id"]))

    def _keep(self, sample: Sample) -> None:
        """The files in a folder of the sample's own, then the table anew, in one move: an interruption leaves the old table or the new one."""
        alone = write_folder((sample,), self.folder / sample.id)
        with alone.open(encoding="utf-8-sig", newline="") as file:
            (row,) = csv.DictReader(file)
        row |= {kind: "|".join(f"{sample.id}/{name}" for name in row[kind].split("|") if name) for kind in MEDIA}
        rows, table = [*self.rows, row], self.folder / "metadata.csv"
        with table.with_suffix(".part").open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, list(dict.fromkeys(name for one in rows for name in one)), restval="")
            writer.writeheader()
            writer.writerows(rows)
        os.replace(table.with_suffix(".part"), table)
        alone.unlink()


def digests_of(samples: Iterable[Sample]) -> dict[int, set[str]]:
    """size in bytes -> digests of the samples' files: a file of another size need not be read."""
    found: dict[int, set[str]] = {}
    for path in (path for sample in samples for kind in MEDIA for path in getattr(sample, kind)):
        found.setdefault(path.stat().st_size, set()).add(_digest(path))
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
