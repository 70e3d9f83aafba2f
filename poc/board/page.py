"""board.html: the template's context, and its text. The template decides nothing; the look is the report's (poc/templates/report.css)."""

import base64
import hashlib

from markupsafe import Markup

from poc.board import measures
from poc.board.first import PLAIN, first
from poc.board.governance import AS_OF, governance
from poc.board.known import Known, missing
from poc.board.money import worth
from poc.board.people import people, risks
from poc.board.questions import QUESTIONS, answers, unanswered
from poc.board.roadmap import roadmap
from poc.board.sentences import sentences
from poc.report.bridges import bridges
from poc.report.limits import limits
from poc.report.page import TEMPLATES, check_rows, environment, signature_state, table
from poc.words import KPI_MEANING, KPIS

TEMPLATE = "board.html.j2"


def render(known: Known, language: str | None = None) -> str:
    """The whole page; `language` is what it opens in, None: the run's."""
    return environment().get_template(TEMPLATE).render(context(known, language))


def context(known: Known, language: str | None) -> dict:
    """Everything the template shows."""
    record, script = known.record, (TEMPLATES / "report.js").read_text(encoding="utf-8")
    decided = known.decided
    groups = int(known.tested["group"].nunique())
    beliefs = measures.believes(known) if decided else None
    return {
        "run": record, "language": language or record["language"], "script": Markup(script), "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "first": first(known), "decided": decided, "missing": missing(known), "signature": signature_state(record), "reasons": record["verdict"]["reasons"], "next": record["verdict"].get("next"),
        "checks": check_rows(known.checks), "kpi": {"name": KPIS[known.kpi], "meaning": KPI_MEANING[known.kpi]}, "table": _ways(known) if decided else [],
        "worth": worth(known), "believes": beliefs, "findings": [finding for finding in known.findings if finding["verdict"] in ("warn", "bad")] if decided else [], "general": measures.general(known) if decided else None, "groups": measures.groups(known) if decided else None,
        "people": people(known), "risks": risks(known) if decided else [], "limits": limits(record, known.rows["tuned"], groups, diagnosed=bool(known.diagnosis), worked_out=bool(known.roi)), "roadmap": roadmap(known), "sentences": sentences(known),
        "governance": governance(known), "as_of": AS_OF, "questions": QUESTIONS, "answers": answers(known), "unanswered": unanswered(known), "machine": measures.machine(known), "bridges": bridges(known.bridges, known.currency) if decided else None,
    }  # fmt: skip


def _ways(known: Known) -> list[dict]:
    """The report's rows of this model, the best way without it, and the model before it learned, under the first page's names."""
    rows = {row["arm"]: row | {"name": PLAIN[row["arm"]]} for row in table(known.record, known.kpi) if row["first"]}
    return [rows[arm] for arm in ("tuned", known.best, "base") if arm in rows]
