"""A use case and its folder: `poc init` writes, `poc check` reads, hashes say what changed."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from kit.data import SPLITS, read_folder
from kit.errors import KitError
from poc.practice import PRACTICE
from poc.usecase import (
    UseCase,
    check_usecase,
    data_hash,
    gates_hash,
    load_samples,
    load_usecase,
    write_usecase,
)

SMALL = "question: Which defect?\noptions: [OK, scratch, dent]\n"


@pytest.fixture
def company(tmp_path):
    """48 numbered photos in three classes and eight lots; every lot holds every class."""
    root = tmp_path / "press line 2"
    root.mkdir()
    rng, rows = np.random.default_rng(0), ["file_name,label,lot"]
    for i in range(48):
        Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(root / f"p{i:03}.png")
        rows.append(f"p{i:03}.png,{('OK', 'scratch', 'dent')[i % 3]},L{i // 6}")
    (root / "labels.csv").write_text("\n".join(rows))
    return root


def load(directory: Path, text: str) -> UseCase:
    (directory / "poc.yaml").write_text(text, encoding="utf-8")
    return load_usecase(directory)


@pytest.mark.parametrize("like", [None, *PRACTICE])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_written_poc_yaml_is_valid_commented_and_proposes_what_the_folder_shows(company, like, language):
    path = write_usecase(company, like=like, language=language)
    use, text = load_usecase(company), path.read_text(encoding="utf-8")
    assert use.options == ("OK", "dent", "scratch") and use.decided_by == ("image",) and use.group_by == "lot"
    assert (
        use.name == "press line 2" and use.language == language and use.costs is None and use.prevalence == {}
    )
    comments = "".join(re.findall("#(.*)", text))
    assert bool(re.search("[ぁ-んァ-ヶ一-龠]", comments)) == (language == "ja")
    assert yaml.safe_load(text)["question"] == use.question


def test_a_poc_yaml_is_not_written_through_a_link(company, tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    (company / "poc.yaml.new").symlink_to(tmp_path / "precious.txt")
    with pytest.raises(KitError, match="poc.yaml.new: is a link.*nothing was written"):
        write_usecase(company)
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_what_is_written_are_the_defaults_of_the_model(company):
    write_usecase(company)
    use = load_usecase(company)
    plain = UseCase(name="x", question="y")
    # pictures decide here, so the tiny model's eyes are proposed for adapters too
    training = plain.training.model_copy(update={"lora": ("llm", "connector", "vision")})
    assert (use.gates, use.model, use.training, use.data) == (plain.gates, plain.model, training, plain.data)


def test_where_words_decide_only_the_language_model_gets_adapters(tmp_path):
    (tmp_path / "metadata.csv").write_text("id,text,answer\na,good,yes\nb,bad,no\nc,fine,yes\nd,poor,no\n", encoding="utf-8")
    write_usecase(tmp_path)
    use = load_usecase(tmp_path)
    assert use.decided_by == ("text",) and use.training.lora == ("llm",)


def test_where_sounds_decide_the_ears_get_adapters(tmp_path):
    import numpy as np
    import soundfile

    for i, name in enumerate(("hum", "buzz", "hum", "buzz")):
        (tmp_path / name).mkdir(exist_ok=True)
        soundfile.write(tmp_path / name / f"{i}.wav", np.random.default_rng(i).normal(0, 0.1, 8000), 16000)
    write_usecase(tmp_path)
    assert load_usecase(tmp_path).training.lora == ("llm", "connector", "audio")


def test_each_domain_brings_its_own_practice(company):
    texts = set()
    for like in (None, *PRACTICE):
        texts.add(write_usecase(company, like=like).read_text(encoding="utf-8"))
        (company / "poc.yaml").unlink()
    assert len(texts) == 5


def test_without_a_group_column_the_rule_is_said(company):
    (company / "labels.csv").write_text((company / "labels.csv").read_text().replace("lot", "weight"))
    text = write_usecase(company, language="en").read_text(encoding="utf-8")
    assert (
        "group_by: null" in text
        and "near-duplicate clusters and blocks of 20 consecutive file numbers" in text
    )


def test_a_column_that_cannot_be_split_is_not_proposed(company):
    rows = (company / "labels.csv").read_text().splitlines()
    table = ["file_name,label,day", *(f"{row.rsplit(',', 1)[0]},{row.split(',')[1]}" for row in rows[1:])]
    (company / "labels.csv").write_text("\n".join(table))
    write_usecase(company)
    assert load_usecase(company).group_by is None, (
        "each class on a day of its own: a split by day could not test what it trains"
    )


def test_a_folder_without_labels_gets_a_place_to_write_the_options(company):
    (company / "labels.csv").unlink()
    text = write_usecase(company, language="en").read_text(encoding="utf-8")
    assert "# No labels found." in text and load_usecase(company).options == ()


def test_given_costs_are_written(company):
    write_usecase(company, costs={"miss": 10, "false_alarm": 1, "ok_answer": "OK"})
    assert load_usecase(company).costs.of("dent", "OK") == 10


def test_an_awkward_folder_name_still_names_a_folder_of_runs(company):
    folder = company.rename(company.with_name('no: 3 #"ライン".'))
    assert load(folder, SMALL).name == "no- 3 #-ライン--"
    (folder / "poc.yaml").unlink()
    write_usecase(folder)
    assert (
        load_usecase(folder).name == "no- 3 #-ライン--"
        and load_usecase(folder).titles()["ja"] == 'no: 3 #"ライン".'
    )


def test_poc_yaml_is_never_overwritten(company):
    (company / "poc.yaml").write_text("mine")
    with pytest.raises(KitError, match="exists already and is never overwritten"):
        write_usecase(company)
    assert (company / "poc.yaml").read_text() == "mine"


def test_an_unknown_domain_and_an_empty_folder_write_nothing(company, tmp_path):
    with pytest.raises(
        KitError, match="'bakery' is unknown; allowed: inspection, line, callcentre, documents"
    ):
        write_usecase(company, like="bakery")
    (tmp_path / "empty").mkdir()
    with pytest.raises(KitError, match="no image"):
        write_usecase(tmp_path / "empty")
    assert not (company / "poc.yaml").exists() and not (tmp_path / "empty/poc.yaml").exists()


def test_samples_come_grouped_and_split(company):
    folder = load_samples(company, load(company, SMALL + "group_by: lot\n"))
    assert (
        folder.faults == ()
        and folder.group_rule == "column lot"
        and {one.split for one in folder.samples} == set(SPLITS)
    )
    assert {one.question for one in folder.samples} == {"Which defect?"}


def test_without_a_group_column_blocks_of_file_numbers_stand_in(company):
    folder = load_samples(company, load(company, SMALL))
    assert len({one.group for one in folder.samples}) == 3, "48 numbered files"
    assert folder.group_rule == "near-duplicate clusters and blocks of 20 consecutive file numbers"
    assert (
        load_samples(company, load(company, SMALL + "data: {group_rule: duplicates}\n")).group_rule
        == "near-duplicate clusters"
    )


def test_another_seed_splits_differently(company):
    use = load(company, SMALL + "data: {group_rule: none}\n")
    assert (
        load_samples(company, use).samples
        == load_samples(company, use, seed=0).samples
        != load_samples(company, use, seed=1).samples
    )


def test_check_tells_every_fault_and_then_what_the_folder_holds(company):
    load(company, SMALL)
    lines, faults = check_usecase(company)
    assert (
        faults == []
        and lines[0] == "labels.csv: 48 samples, 48 labelled, 0 unlisted files, 0 faults"
        and lines[1].startswith("groups: 3 (near-dup")
    )
    with (company / "labels.csv").open("a") as table:
        table.write("\ngone.png,OK,L1\np000.png,rust,L1\n")
    lines, faults = check_usecase(company)
    assert (
        len(faults) == 2
        and lines[0].startswith("row 50 gone.png:")
        and lines[1].startswith("row 51 p000.png: unknown option 'rust'")
    )


def test_check_tells_of_a_split_that_cannot_be_made_besides_the_other_faults(company):
    load(company, SMALL + "group_by: lot\n")
    rows = [
        row if row.split(",")[1] != "dent" else f"{row.rsplit(',', 1)[0]},L0"
        for row in (company / "labels.csv").read_text().split("\n")
    ]
    (company / "labels.csv").write_text("\n".join([*rows, "gone.png,OK,L1"]))
    lines, faults = check_usecase(company)
    assert len(faults) == 2 and lines[0].startswith("row 50 gone.png:")
    assert (
        lines[1].startswith("class with samples in one group only")
        and "'dent' (L0) -> Collect it from a second group" in lines[1]
    )
    with pytest.raises(KitError, match="one group only"):
        load_samples(company, load_usecase(company))


def test_check_of_a_folder_without_labels_says_how_many_to_label_first(company):
    (company / "labels.csv").unlink()
    write_usecase(company)
    lines, faults = check_usecase(company)
    assert (
        faults == []
        and "48 samples, 0 labelled" in lines[0]
        and "label about 50 rows per answer first" in lines[2]
    )


def test_a_split_by_the_company_wins_over_proposed_groups(company):
    rows = (company / "labels.csv").read_text().replace("lot", "split").splitlines()
    rows = [
        rows[0],
        *(f"{row.rsplit(',', 1)[0]},{('train', 'test')[i % 2]}" for i, row in enumerate(rows[1:])),
    ]
    (company / "labels.csv").write_text("\n".join(rows))
    folder = load_samples(company, load(company, SMALL))
    assert [len(part) for part in folder.by_split.values()] == [24, 0, 0, 24]
    groups = {split: {one.group for one in part} for split, part in folder.by_split.items()}
    assert not groups["train"] & groups["test"]


def test_the_gates_hash_covers_gates_costs_prevalence_and_options_and_nothing_else(tmp_path):
    first = gates_hash(load(tmp_path, SMALL + "gates: {threshold: 0.8, kpi: accuracy}\n"))
    assert first == gates_hash(
        load(
            tmp_path,
            SMALL
            + "# a comment\ntraining: {steps: 5}\nname: other\ngates: {kpi: accuracy, threshold: 0.80}\n",
        )
    )
    changed = ["gates: {threshold: 0.81, kpi: accuracy}\n", "gates: {kpi: accuracy}\nprevalence: {OK: 1}\n",
               "gates: {kpi: accuracy}\ncosts: {miss: 1, false_alarm: 1, ok_answer: OK}\n"]  # fmt: skip
    hashes = {gates_hash(load(tmp_path, SMALL + text)) for text in changed}
    hashes.add(gates_hash(load(tmp_path, SMALL.replace("dent", "rust") + "gates: {kpi: accuracy}\n")))
    assert len(hashes | {first}) == 5


def test_the_data_hash_sees_answers_splits_and_bytes_but_not_the_order(company):
    samples = read_folder(company).samples
    first = data_hash(samples)
    assert first == data_hash(samples[::-1]) == data_hash(read_folder(company).samples)
    assert first == data_hash((*samples, samples[0].replace(id="open", answer=""))), "rows without an answer take no part in a run"
    assert first != data_hash((*samples, samples[0].replace(id="open", answer="")), unlabelled=True)
    assert first != data_hash((samples[0].replace(answer="dent"), *samples[1:]))
    assert first != data_hash((samples[0].replace(split="test"), *samples[1:]))
    Image.new("RGB", (16, 16)).save(company / "p000.png")
    assert first != data_hash(samples)
