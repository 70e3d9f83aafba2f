"""dataset.yaml, and the passport made of it."""

import json
import shutil
from pathlib import Path

import pytest

from kit.data.croissant import validate
from kit.errors import KitError
from poc.passport import FIELDS, FILE, load_passport, passport_faults, write_passport, write_template

COMPANY = Path(__file__).resolve().parents[1] / "sample_data" / "company"
NEEDED = {"licence", "purpose", "personal_data", "owner", "confidentiality", "split_unit", "annotators"}


@pytest.fixture
def documents(tmp_path) -> Path:
    """A folder of one's own with the sample company's documents."""
    return Path(shutil.copytree(COMPANY / "documents", tmp_path / "documents"))


@pytest.mark.parametrize("name", ["inspection", "line", "callcentre", "documents"])
def test_the_sample_company_has_its_passport(name):
    assert passport_faults(COMPANY / name) == []


def test_no_passport_is_one_fault_that_says_how_to_write_one(documents):
    (documents / FILE).unlink()
    (fault,) = passport_faults(documents)
    assert f"poc passport {documents}" in str(fault)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_an_empty_template_names_every_field_that_may_not_stay_empty(documents, monkeypatch, language):
    monkeypatch.setenv("POC_LANGUAGE", language)
    (documents / FILE).unlink()
    write_template(documents)
    told = [str(fault) for fault in passport_faults(documents)]
    assert {line.split(": ")[1].split()[0] for line in told} == NEEDED == {name for name, asked in FIELDS.items() if asked.needed}
    assert all(("記入" in line) == (language == "ja") for line in told)
    with pytest.raises(KitError, match="licence"):
        write_passport(documents)
    assert not (documents / "croissant.json").exists()
    (documents / FILE).write_text("licence: mine\n", encoding="utf-8")
    write_template(documents)
    assert (documents / FILE).read_text(encoding="utf-8") == "licence: mine\n", "never overwritten"


def test_a_wrong_word_is_told_with_its_line(documents):
    (documents / FILE).write_text("schema: 1\nlicense: MIT\nconfidentiality: open\n", encoding="utf-8")
    with pytest.raises(KitError, match="line 2: license: unknown key.*did you mean 'licence'"):
        load_passport(documents)
    (fault,) = passport_faults(documents)
    assert "line 3: confidentiality" in str(fault) and "secret" in str(fault)


def test_the_passport_is_valid_croissant_with_its_rai_fields_and_two_cards(documents):
    text = (documents / FILE).read_text(encoding="utf-8")
    (documents / FILE).write_text(text.replace("generated, no real time", "2026-06-01 to 2026-06-21"), encoding="utf-8")
    croissant, english, japanese = write_passport(documents)
    described = json.loads(croissant.read_text(encoding="utf-8"))
    validate(described)
    assert described["conformsTo"].endswith("/1.1") and described["rai:personalSensitiveInformation"].startswith("none real")
    assert described["rai:dataCollectionTimeFrame"] and len(described["recordSet"][0]["field"]) == 15
    assert "| train | 100 | 100 | 10 |" in english.read_text(encoding="utf-8") and "## Owner of drawings and customers' parts" in english.read_text(encoding="utf-8")
    assert "## 機密区分" in japanese.read_text(encoding="utf-8") and "| データ層 | 行 |" in japanese.read_text(encoding="utf-8")


def test_class_folders_have_a_passport_too(tmp_path):
    from PIL import Image

    for answer in ("ok", "ng"):
        (tmp_path / answer).mkdir()
        for i in range(60):
            Image.effect_noise((24, 24), 90).save(tmp_path / answer / f"{i}.jpg")
    (tmp_path / "poc.yaml").write_text("schema: 1\nname: parts\nquestion: Which?\n", encoding="utf-8")
    write_template(tmp_path)
    (tmp_path / FILE).write_text("".join(f"{name}: {'internal' if name == 'confidentiality' else 'said'}\n" for name in FIELDS), encoding="utf-8")
    validate(json.loads(write_passport(tmp_path)[0].read_text(encoding="utf-8")))


@pytest.mark.parametrize("text", ["-", "—", "ー", "...", "?", "？？", "TODO", "todo: ask legal", "tbd", "ＴＢＤ", "n/a", "N.A.", "na", "xxx", "未定", "未定です", "未記入", " ",
                                  "[TODO]", "（未記入）", "<fill in>", "<licence>", "to do", "To be decided", "pending", "unknown", "不明", "確認中", "法務に確認中", "検討中", "後日", "あとで", "空欄", "〇〇", "?? ask Bob", "0", "null"])
def test_what_only_holds_the_place_is_no_answer(documents, text):
    kept = [line for line in (documents / FILE).read_text(encoding="utf-8").splitlines() if not line.startswith("owner:")]
    (documents / FILE).write_text("\n".join([*kept, f'owner: "{text}"', ""]), encoding="utf-8")
    (fault,) = passport_faults(documents)
    assert "owner" in fault.problem and text.strip() in fault.problem and "whose drawings" in fault.fix
    with pytest.raises(KitError, match="owner"):
        write_passport(documents)


def test_the_card_says_not_stated_where_somebody_wrote_todo(documents):
    kept = [line for line in (documents / FILE).read_text(encoding="utf-8").splitlines() if not line.startswith("limitations:")]
    (documents / FILE).write_text("\n".join([*kept, "limitations: TODO", ""]), encoding="utf-8")
    croissant, english, _ = write_passport(documents)
    assert "## Limitations\n\nnot stated" in english.read_text(encoding="utf-8") and "rai:dataLimitations" not in json.loads(croissant.read_text(encoding="utf-8"))


@pytest.mark.parametrize("text", ["none", "None", "なし", "no", "MIT", "x-ray films of customer A", "todos of the line", "2"])
def test_a_short_answer_is_an_answer(documents, text):
    kept = [line for line in (documents / FILE).read_text(encoding="utf-8").splitlines() if not line.startswith("personal_data:")]
    (documents / FILE).write_text("\n".join([*kept, f'personal_data: "{text}"', ""]), encoding="utf-8")
    assert passport_faults(documents) == []


@pytest.mark.parametrize("name", ["croissant.json", "DATASET_CARD.md", "DATASET_CARD.ja.md"])
@pytest.mark.parametrize("inside", [True, False])
def test_a_passport_is_not_written_through_a_link(documents, tmp_path, name, inside):
    precious = (documents if inside else tmp_path) / "precious.txt"
    precious.write_text("mine", encoding="utf-8")
    (documents / name).unlink(missing_ok=True)
    (documents / name).symlink_to(precious)
    with pytest.raises(KitError, match=f"{name}: is a link.*leads to .*precious.txt; nothing was written.*Delete the link"):
        write_passport(documents)
    assert precious.read_text(encoding="utf-8") == "mine"
