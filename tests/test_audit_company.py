"""`poc check` on the sample company: all that was planted is found, and the precision is printed."""

import sys
from pathlib import Path

import numpy as np
import pytest

from kit.curation.faces import find_faces
from poc.audit import audit_usecase, lines_of, recalled, recalled_lines

SAMPLE_DATA = Path(__file__).resolve().parents[1] / "sample_data"
COMPANY = SAMPLE_DATA / "company"
sys.path.insert(0, str(SAMPLE_DATA))

from company_maker import inspection, photo  # noqa: E402

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


def test_portraits_that_nobody_tuned_on_are_found_and_plain_parts_are_rarely_taken_for_one():
    rows = [row for row in inspection.plan_rows() if row["truth"] == "ok" and not row.get("sticker") and "copy_of" not in row]
    drawn = [rows[i] for i in np.random.default_rng(9).permutation(len(rows))[:25]]
    stuck, plain = ([bool(find_faces(np.asarray(photo.take_photo(row | {"id": row["id"] + "-new", "sticker": sticker})[0]))) for row in drawn] for sticker in (True, False))
    assert np.mean(stuck) >= 0.7 and np.mean(plain) <= 0.2, (stuck, plain)
