"""`poc mask`: a copy of a use case without the faces and names, and the price."""

import numpy as np
import pytest
from PIL import Image

from kit.curation import gather, mask_folder
from kit.curation.faces import find_faces
from kit.curation.privacy import personal_text
from kit.data import Sample, read_folder
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


PEOPLE = ("鈴木", "木梨", "佐藤花子", "group-001", "田中", "Suzuki")
TOLD = ("鈴木", "木梨", "佐藤", "田中", "Suzuki", "加藤", "高橋", "横浜市", "渡辺", "1234-5678", "伊藤", "example.co.jp")


@pytest.fixture
def office(tmp_path):
    """Thirty-six photos of six people, who are named wherever a row can name anybody: one column each, the options, the question, ids, file names, poc.yaml and dataset.yaml."""
    root, rng = tmp_path / "office", np.random.default_rng(0)
    root.mkdir()
    table = ["id,image,label,caller,担当者,memo,高橋さんのメモ"]
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (35.0, 30.0, 15.0), 3: "E", 4: (139.0, 40.0, 2.0)})
    for i in range(36):
        person, shade = PEOPLE[i // 6], np.full((24, 24, 3), (60, 180)[i % 2]) + rng.integers(-40, 40, (24, 24, 3))
        name = f"鈴木_{i:02}.jpg" if i < 3 else f"p{i:02}.jpg"
        Image.fromarray(shade.clip(0, 255).astype(np.uint8)).save(root / name, exif=exif)
        table.append(f"{'加藤-1' if i == 7 else f'r{i:02}'},{name},{('OK', '渡辺さんに確認')[i % 2]},{person},山口,{'横浜市港北区新横浜2-3-4' if i == 9 else 'row-001'},x")
    (root / "labels.csv").write_text("\n".join(table), encoding="utf-8")
    (root / "poc.yaml").write_text("# ask 伊藤さん\nquestion: 渡辺さんに確認するか\noptions: [OK, 渡辺さんに確認]  # 090-1234-5678\ngroup_by: caller\ncosts: {miss: 10, false_alarm: 1, ok_answer: OK}\ngates: {owner: 鈴木}\n", encoding="utf-8")
    (root / "dataset.yaml").write_text("contact: h.sato@example.co.jp\n", encoding="utf-8")
    return root


def test_who_is_named_anywhere_is_named_nowhere_in_the_copy(office, tmp_path):
    copy = mask_usecase(office, tmp_path / "masked")
    files = [path for path in (tmp_path / "masked").rglob("*") if path.is_file()]
    words = "\n".join([*(path.name for path in files), *(path.read_text(encoding="utf-8-sig") for path in files if path.suffix in (".csv", ".yaml"))])
    assert not [told for told in TOLD if told in words] and b"Exif" not in b"".join(path.read_bytes() for path in files)
    _, faults = check_usecase(tmp_path / "masked")
    use = load_usecase(tmp_path / "masked")
    assert not faults and use.options == ("OK", "option-001") and use.gates.owner == "(PERSON)"
    old, new = (load_samples(folder, load_usecase(folder)).samples for folder in (office, tmp_path / "masked"))
    assert len({(a.group, b.group) for a, b in zip(old, new, strict=True)}) == len({b.group for b in new}) == 6 and all(b.group.startswith("group-") for b in new)
    assert {(a.answer, b.answer) for a, b in zip(old, new, strict=True)} == {("OK", "OK"), ("渡辺さんに確認", "option-001")}
    assert [(a.split, a.meta["memo"] if i != 9 else "[ADDRESS]") for i, a in enumerate(old)] == [(b.split, b.meta["memo"]) for b in new]
    assert [b.id for b in new] == [("row-001" if i == 7 else a.id) for i, a in enumerate(old)]
    assert new[0].meta["担当者"] == "[PERSON]" and new[0].meta["column-001"] == "x" and new[1].image[0].name == "file-002.jpg"
    pictures = [[np.asarray(Image.open(row.image[0]).convert("RGB")) for row in pair] for pair in zip(old, new, strict=True)]
    same = [np.array_equal(*pair) for pair in pictures]
    assert sum(same) >= 34 and all(find_faces(pair[0]) for pair, equal in zip(pictures, same, strict=True) if not equal), "only what looks like a face is blurred"
    assert copy.price.evidence["rows"] == 36 and len(copy.masked.rows) == 36 and not copy.masked.left_out


def test_the_check_says_in_which_column_somebody_is_named(office):
    where = personal_text(gather(load_samples(office, load_usecase(office)).samples, faces=False)).evidence["where"]
    assert where["r00"] == ["question: PERSON", "group: PERSON", "options: PERSON", "image: PERSON", "column: PERSON", "担当者: PERSON", "EXIF: POSITION"]
    assert "answer: PERSON" in where["r01"] and "id: PERSON" in where["加藤-1"] and "memo: ADDRESS" in where["r09"]


def test_two_groups_never_become_one_and_a_taken_name_is_not_given(tmp_path):
    samples = [Sample(f"{n}", "Which?", text="seen", group=group, decided_by=("text",)) for n, group in enumerate(("鈴木", "group-001", "佐藤", "鈴木", "", "GROUP-002"))]
    groups = [sample.group for sample in mask_folder(gather(tuple(samples)), tmp_path / "copy").samples.values()]
    assert groups[0] == groups[3] and groups[4] == "" and len(set(groups)) == 5 and not {"鈴木", "佐藤", "group-001"} & set(groups)


def test_files_of_one_name_stay_two_and_a_row_without_a_readable_file_is_left_out(tmp_path):
    company = tmp_path / "company"
    for folder, shade in (("a", 10), ("b", 200)):
        (company / folder).mkdir(parents=True)
        Image.new("RGB", (16, 16), (shade,) * 3).save(company / folder / "鈴木.png")
    (company / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    samples = tuple(Sample(name, "Which?", image=company / file) for name, file in (("a", "a/鈴木.png"), ("b", "b/鈴木.png"), ("c", "broken.png")))
    masked = mask_folder(gather(samples), tmp_path / "copy")
    assert masked.left_out == ("c",) and set(masked.samples) == {"a", "b"} and [np.asarray(Image.open(row.image[0]))[0, 0, 0] for row in read_folder(tmp_path / "copy").samples] == [10, 200]
    assert not [path for path in (tmp_path / "copy").rglob("*") if "鈴木" in path.name]


def test_an_answer_in_words_is_masked_as_words(tmp_path):
    masked = mask_folder(gather((Sample("a", "Who?", answer="鈴木さんです", text="seen", decided_by=("text",)),)), tmp_path / "copy")
    assert masked.samples["a"].answer == "[PERSON]です"
