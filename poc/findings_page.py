"""The findings of an audit as one page: every row that they are about, and pictures of the first ones. One file, nothing is fetched from anywhere."""

import base64
from pathlib import Path

from kit.data import MEDIA, Sample
from kit.errors import KitError
from kit.finding import Finding
from kit.language import current, say
from poc.report.page import environment
from poc.report.pictures import small_picture
from poc.words import name_of_finding

PICTURED = 12  # rows, or pairs, of a finding that are shown with their evidence


def listed_rows(finding: Finding) -> list[list[str]]:
    """The rows that a finding of the audit is about: [id] each, or [id, id] where it lists pairs."""
    return finding.evidence.get("pairs") or [[id] for id in finding.evidence.get("ids", ())]


def write_page(file: Path, directory: Path, findings: list[Finding], samples: tuple[Sample, ...]) -> Path:
    """Writes the page in the language that is spoken.

    Args:
        file: ends with .html; replaced where it is there.
        directory: the use case's folder, whose name is the title.
        findings: of `kit.curation.audit`.
        samples: the rows that were audited.

    Raises:
        KitError: another ending, or a file that cannot be written.
    """
    file = Path(file)
    if file.suffix.lower() not in (".html", ".htm"):
        raise KitError(say(f"{file}: the page is HTML; name it {file.stem}.html", f"{file}：ページは HTML です。{file.stem}.html としてください"))
    rows = {sample.id: sample for sample in samples}
    told = [{"name": name_of_finding(f.name), "finding": f, "shown": [[_shown(rows[id], f) for id in row] for row in listed_rows(f)[:PICTURED]],
             "rest": [[(id, known_of(f, id)) for id in row] for row in listed_rows(f)[PICTURED:]]} for f in findings]  # fmt: skip
    text = environment().get_template("findings.html.j2").render(title=Path(directory).resolve().name, language=current(), findings=told, rows=len(samples), say=say)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise KitError(say(f"{file} cannot be written ({error.strerror}); name a folder that you may write to", f"{file} に書き込めません（{error.strerror}）。書き込めるフォルダーを指定してください")) from error
    return file


def known_of(finding: Finding, id: str) -> str:
    """What a finding says of one row beyond naming it, "" where that is nothing."""
    told = {"where": "{}", "what": "{}", "suggested": say("more likely: {}", "より確からしい答え：{}"), "seconds": say("slipped by {} s", "ずれ {} 秒")}  # row id -> what is known of it
    for name, words in told.items():
        known = finding.evidence.get(name)
        if isinstance(known, dict) and id in known:
            return words.format("; ".join(known[id]) if isinstance(known[id], list) else known[id])
    return ""


def _shown(sample: Sample, finding: Finding) -> dict:
    media = [(kind, path) for kind in MEDIA for path in getattr(sample, kind)]
    pictures = [data for kind, path in media if (data := small_picture(kind, path))]
    return {"id": sample.id, "answer": sample.answer, "group": sample.group, "split": sample.split, "text": sample.text, "known": known_of(finding, sample.id),
            "files": [path.name for _, path in media], "pictures": ["data:image/jpeg;base64," + base64.b64encode(data).decode() for data in pictures]}  # fmt: skip
