"""`poc check` on the sample company: all that was planted is found, and the precision is printed."""

from pathlib import Path

import pytest

from poc.audit import audit_usecase, lines_of, recalled, recalled_lines

COMPANY = Path(__file__).resolve().parents[1] / "sample_data" / "company"
# what a finding lists must be what was planted, to this share at least; label errors, faces and odd light list what a person looks through
PRECISE = {"exact_duplicate": 1.0, "near_duplicate_across_splits": 1.0, "personal_data_in_note": 1.0, "desynchronised": 1.0, "evidence_contradicts": 1.0, "wrong_note": 0.9, "words_contradict_voice": 0.75, "near_duplicate": 0.75}


@pytest.mark.slow
@pytest.mark.parametrize("case", ["inspection", "line", "callcentre", "documents"])
def test_every_planted_fault_is_found(case):
    findings = audit_usecase(COMPANY / case)
    rows = recalled(findings, COMPANY / case)
    assert rows and {row.kind: row.found for row in rows} == {row.kind: row.planted for row in rows}
    assert all(row.precision >= PRECISE.get(row.kind, 0) for row in rows if not (case == "documents" and row.kind.startswith("near"))), recalled_lines(rows)
    told = lines_of(findings) + recalled_lines(rows)
    assert f"{sum(row.planted for row in rows)} of {sum(row.planted for row in rows)} found" in told[-1] and all(line[:6] in ("[OK]  ", "[INFO]", "[WARN]", "[BAD] ", "      ", "plante") for line in told)


def test_a_folder_that_is_not_the_sample_company_has_nothing_planted(tmp_path):
    assert recalled([], tmp_path) == [] == recalled_lines([])
