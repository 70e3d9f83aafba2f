"""`poc mask`: a copy of a use case without the faces and names, and the price."""

import numpy as np
import pytest
from PIL import Image

from kit.errors import KitError
from poc.masking import mask_usecase, masked_lines
from poc.usecase import check_usecase, load_samples, load_usecase


@pytest.fixture
def company(tmp_path):
    """Thirty-six photos in six lots; the note gives the answer away in every row, and a name in every sixth."""
    root, rng = tmp_path / "parts", np.random.default_rng(0)
    root.mkdir()
    table = ["file_name,label,lot,text"]
    for i in range(36):
        shade = np.full((24, 24, 3), (60, 180)[i % 2]) + rng.integers(-40, 40, (24, 24, 3))
        Image.fromarray(shade.clip(0, 255).astype(np.uint8)).save(root / f"p{i:02}.png")
        table.append(f"p{i:02}.png,{('OK', 'NG')[i % 2]},L{i // 6},{'担当 佐藤太郎さん 090-1234-5678' if i % 6 == 0 else 'checked'}")
    (root / "labels.csv").write_text("\n".join(table), encoding="utf-8")
    (root / "poc.yaml").write_text("question: Which?\noptions: [OK, NG]\ngroup_by: lot\n")
    return root


def test_the_copy_is_a_use_case_of_its_own_and_the_original_is_untouched(company, tmp_path):
    before = {path: path.read_bytes() for path in company.iterdir()}
    copy = mask_usecase(company, tmp_path / "masked")
    assert {path: path.read_bytes() for path in company.iterdir()} == before
    lines, faults = check_usecase(tmp_path / "masked")
    assert not faults and "36 samples, 36 labelled" in lines[0]
    old, new = (load_samples(folder, load_usecase(folder)).samples for folder in (company, tmp_path / "masked"))
    assert [(s.id, s.answer, s.group) for s in old] == [(s.id, s.answer, s.group) for s in new]
    texts = "".join(path.read_text(encoding="utf-8-sig") for path in (tmp_path / "masked").iterdir() if path.is_file())
    assert "佐藤" not in texts and "1234-5678" not in texts and "[PHONE_NUMBER]" in texts
    assert copy.price.name == "price of privacy" and copy.price.low <= copy.price.value <= copy.price.high
    told = masked_lines(copy)
    assert "words masked in 6 rows" in told[0] and "Look through the copy before it leaves the company" in told[-1]


def test_a_folder_with_something_in_it_is_not_written_to(company, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("x")
    with pytest.raises(KitError, match="is not empty: give a new folder for the masked copy"):
        mask_usecase(company, tmp_path / "full")


@pytest.mark.parametrize("place", ["masked", "deep/masked", "."])
def test_a_copy_is_not_written_into_its_original(company, place):
    before = sorted(company.rglob("*"))
    with pytest.raises(KitError, match="a copy is never written into its original. Give a folder beside it, such as .*parts-copy"):
        mask_usecase(company, company / place)
    with pytest.raises(KitError, match="lies in .* or holds it"):
        mask_usecase(company, company.parent)
    (company.parent / "link").symlink_to(company)
    with pytest.raises(KitError, match="a copy is never written into its original"):
        mask_usecase(company, company.parent / "link" / "masked")
    assert sorted(company.rglob("*")) == before
