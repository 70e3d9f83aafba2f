"""The page of an audit: every row of every finding, with pictures, in one file that fetches nothing."""

import re

import pytest
from PIL import Image

from kit.curation import audit, gather
from kit.data import Sample
from kit.errors import KitError
from kit.language import speaking
from poc.audit import lines_of
from poc.findings_page import PICTURED, write_page


@pytest.fixture
def copied(tmp_path):
    """Twenty photographs, each filed twice."""
    samples = []
    for number in range(20):
        for copy in "ab":
            path = tmp_path / f"{number:02d}{copy}.png"
            Image.radial_gradient("L").rotate(9 * number).resize((48, 48)).convert("RGB").save(path)
            samples.append(Sample(id=f"<{number:02d}{copy}>", question="ok?", options=("ok", "ng"), answer="ok" if copy == "a" else "ng", image=(path,), decided_by=("image",), group=f"g{number}"))
    return samples


def test_page_lists_every_row_and_shows_the_first_ones(copied, tmp_path):
    findings = audit(gather(copied, (), ("ok", "ng"), faces=False), ("exact duplicates", "voices"))
    for language, word in (("en", "to mend"), ("ja", "要対処")):
        with speaking(language):
            text = write_page(tmp_path / "out" / "page.html", tmp_path, findings, copied).read_text(encoding="utf-8")
        assert word in text and f'lang="{language}"' in text
        assert all(f"&lt;{number:02d}{copy}&gt;" in text for number in range(20) for copy in "ab")  # escaped, and none is left out
        assert text.count("data:image/jpeg") == 2 * PICTURED
        assert not re.search(r"(src|href)=\"(?!data:|#)", text)


def test_lines_name_the_first_rows(copied):
    findings = audit(gather(copied, (), ("ok", "ng"), faces=False), ("exact duplicates", "voices"))
    rows = [line for line in lines_of(findings) if "rows:" in line]
    assert rows == ["        rows: <00a> = <00b>, <01a> = <01b>, <02a> = <02b>, <03a> = <03b>, <04a> = <04b> and 15 more"]


def test_a_page_that_cannot_be_written_says_why(copied, tmp_path):
    with pytest.raises(KitError, match="name it report.html"):
        write_page(tmp_path / "report.pdf", tmp_path, [], ())
    (tmp_path / "file").write_text("")
    with pytest.raises(KitError, match="cannot be written"):
        write_page(tmp_path / "file" / "page.html", tmp_path, [], ())
