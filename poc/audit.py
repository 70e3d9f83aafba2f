"""`poc check`: the audit of a use case's folder as lines, and on the sample company how much of what was planted it found."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from kit.curation import CHECKS, Material, audit, gather, with_features
from kit.data import Folder
from kit.errors import KitError
from kit.finding import Finding
from kit.language import say
from kit.models import load, resolve
from poc.findings_page import listed_rows, write_page
from poc.runs import in_both_languages, quiet
from poc.usecase import UseCase, labelled, load_samples, load_usecase, read_rows
from poc.words import name_of_finding

TINY = "tiny_omni"  # its features, whatever checkpoint will be trained: the audit must be possible on any machine
PLANTED = "planted_faults.json"  # beside the sample company's folders, and nowhere else
FOUND_BY = {
    "exact_duplicate": "exact duplicates", "near_duplicate": "near duplicates", "near_duplicate_across_splits": "duplicates across splits", "mislabelled": "probable label errors",
    "personal_data_in_note": "personal data in text", "face_like_sticker": "faces", "odd_light_lot": "odd light", "desynchronised": "sound and picture out of step",
    "wrong_note": "contradicting sources", "words_contradict_voice": "contradicting sources", "evidence_contradicts": "contradicting sources",
}  # fmt: skip
ALSO_BY = {"near_duplicate_across_splits": "near duplicates"}  # such a copy is listed twice, once as what it is
BY_FEATURES = ("random against honest split", "probable label errors")  # of CHECKS
_NAMED = 5  # rows that a line names; `poc check --page` lists all
_MARKS = {"good": "[OK]  ", "info": "[INFO]", "warn": "[WARN]", "bad": "[BAD] "}


@dataclass(frozen=True)
class Recalled:
    """Of one kind of planted fault: how many there are, how many were found, and what share of all that the finding lists was planted (by pairs where it lists pairs)."""

    kind: str
    planted: int
    found: int
    listed: int
    right: int

    @property
    def precision(self) -> float:
        return self.right / self.listed if self.listed else 1.0


def audit_usecase(directory: Path, only: tuple[str, ...] = tuple(CHECKS), seconds: dict[str, float] | None = None, tell=quiet, page: Path | None = None) -> list[Finding]:
    """Every finding about a use case's folder; no hub is asked.

    Args:
        directory: the folder with its poc.yaml.
        only: names of CHECKS.
        seconds: receives the time of each check.
        tell: receives one line per step.
        page: an HTML file to write, with all rows and pictures of the first ones (`poc.findings_page`); None: nothing is written.

    Raises:
        KitError: poc.yaml or the folder cannot be read.
    """
    material = material_of(directory, tell)
    found = audit(material, only, seconds)
    if page:
        write_page(page, directory, found, material.samples)
    return found


def audit_rows(folder: Folder, use: UseCase) -> list[dict]:
    """What the audit finds without asking a classifier of features, in both languages, as a run keeps it: the other checks are `poc check`'s."""
    samples = tuple(sample for sample in folder.samples if sample.answer)
    material = gather(samples, folder.faults, use.options or folder.options)
    return in_both_languages(lambda: audit(material, tuple(name for name in CHECKS if name not in BY_FEATURES)))


def material_of(directory: Path, tell=quiet, faces: bool = True) -> Material:
    """The folder's rows with what was seen in their files, and features of the shipped tiny model (a proxy), where it is there; without a split, where the rows cannot be split (yet)."""
    use = load_usecase(directory)
    try:
        folder = load_samples(directory, use, verify=False)
    except KitError:
        folder = read_rows(directory, use, verify=False)
        folder = replace(folder, samples=labelled(directory, folder, use).samples)
    tell(say("looking at every file", "全ファイルを確認中"))
    material = gather(folder.samples, folder.faults, use.options or folder.options, faces)
    tell(say("features for the checks that need a classifier (the tiny model: a proxy)", "分類器を使う検査のための特徴量（小さなモデルによる代用）"))
    return with_features(material, load(TINY) if Path(resolve(TINY)[1]).is_dir() else None)


def lines_of(findings: list[Finding]) -> list[str]:
    """What each finding is, the first rows that it is about, and where there is something to do, what and at what cost."""
    lines = []
    for finding in findings:
        lines.append(f"{_MARKS[finding.verdict]} {name_of_finding(finding.name)}: {finding.summary}")
        rows = [" = ".join(row) for row in listed_rows(finding) if all(isinstance(id, str) for id in row)] if finding.verdict in ("warn", "bad") else []
        if rows:
            more = say(f" and {len(rows) - _NAMED} more", f" ほか {len(rows) - _NAMED} 件") if len(rows) > _NAMED else ""
            lines.append(say("        rows: ", "        行：") + ", ".join(rows[:_NAMED]) + more)
        if finding.advice:
            cost = f" ({finding.cost})" if finding.cost else ""
            lines.append(f"        -> {finding.advice}{cost}")
    return lines


def recalled(findings: list[Finding], directory: Path) -> list[Recalled]:
    """Planted faults against findings; [] for a folder that is not the sample company's."""
    path = Path(directory).resolve().parent / PLANTED
    if not path.is_file():
        return []
    mine = [fault for fault in json.loads(path.read_text(encoding="utf-8")) if fault["use_case"] == Path(directory).resolve().name]
    found, rows = {finding.name: finding for finding in findings}, []
    evidence = {name: finding.evidence for name, finding in found.items()}
    for fault in mine:
        if (name := FOUND_BY[fault["kind"]]) not in evidence:
            continue
        listed = listed_rows(found[name])
        wanted = {row for other in mine if name in (FOUND_BY[other["kind"]], ALSO_BY.get(other["kind"])) for row in other["rows"]}
        rows.append(Recalled(fault["kind"], len(fault["rows"]), len(set(fault["rows"]) & set(evidence[name]["ids"])), len(listed), sum(bool(wanted & set(ids)) for ids in listed)))
    return rows


def recalled_lines(rows: list[Recalled]) -> list[str]:
    """One line per kind of planted fault, and the sum."""
    if not rows:
        return []
    lines = [say(f"planted: {row.kind}: {row.found} of {row.planted} found; {row.right} of the {row.listed} listed were planted ({100 * row.precision:.0f} %)",
                 f"仕込んだ不備 {row.kind}：{row.planted} 件中 {row.found} 件を発見、挙げた {row.listed} 件のうち {row.right} 件が仕込んだもの（{100 * row.precision:.0f} %）") for row in rows]  # fmt: skip
    found, planted = sum(row.found for row in rows), sum(row.planted for row in rows)
    return [*lines, say(f"planted in all: {found} of {planted} found", f"仕込んだ不備の合計：{planted} 件中 {found} 件を発見")]
