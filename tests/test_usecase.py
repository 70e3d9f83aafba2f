"""poc.yaml: read, checked, written, hashed; and the folder's samples as it wants them."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from kit.data import SPLITS, read_folder
from kit.errors import KitError
from poc.practice import PRACTICE
from poc.usecase import UseCase, check_usecase, data_hash, gates_hash, load_samples, load_usecase, write_usecase

SMALL = "question: Which defect?\noptions: [OK, scratch, dent]\n"


@pytest.fixture
def company(tmp_path):
    """A folder of 48 photos in three classes, four lots each; `write(text)` gives it a poc.yaml."""
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


def refused(directory: Path, text: str) -> list[str]:
    with pytest.raises(KitError) as error:
        load(directory, text)
    return str(error.value).removeprefix(str(directory / "poc.yaml")).split("\n" + str(directory / "poc.yaml"))


# --- reading


def test_two_lines_are_a_use_case_and_the_rest_has_defaults(tmp_path):
    use = load(tmp_path, SMALL)
    assert use.name == tmp_path.name and use.titles() == {"en": tmp_path.name, "ja": tmp_path.name}
    assert use.options == ("OK", "scratch", "dent") and use.decided_by == ("image",) and use.language == "en"
    assert (use.gates.kpi, use.gates.threshold, use.gates.confidence, use.gates.guard_drop) == ("macro_recall", 0.8, 0.95, 0.03)
    assert (use.model.preset, use.model.name, use.model.four_bit) == ("tiny", None, "auto")
    training = use.training
    assert (training.lora, training.rank, training.steps, training.batch, training.learning_rate) == (("llm",), 16, 300, 16, 2e-3)
    assert (training.seed, training.evaluate_every, training.patience, training.examples_in_context) == (0, 100, 3, 4)
    assert use.costs is None and use.currency == "JPY" and use.prevalence == {} and use.volume_per_month is None
    assert use.data.fractions == {"train": 0.55, "validation": 0.1, "calibration": 0.15, "test": 0.2}


def test_every_key_of_the_contract_is_understood(tmp_path):
    use = load(tmp_path, SMALL + """schema: 1
name: press
title: {en: Press line, ja: プレス}
language: ja
decided_by: [image, audio]
group_by: lot
costs: {miss: 12000, false_alarm: 300.5, ok_answer: OK}
currency: JPY
costs_are_examples: true
prevalence: {OK: 0.9, scratch: 0.06, dent: 0.04}
volume_per_month: 40000
scenarios: [{name: night shift}]
gates: {kpi: accuracy, threshold: 0.9, confidence: 0.9, guard_drop: 0.05, owner: QA}
model: {preset: gpu, name: some/model, four_bit: true}
training: {lora: [llm, vision], rank: 8, steps: 20, batch: 2, learning_rate: 2e-4, seed: 3, evaluate_every: 5, patience: 1, examples_in_context: 0}
data: {fractions: {train: 0.5, test: 0.5}, group_rule: none}
""")  # fmt: skip
    assert use.titles()["ja"] == "プレス" and use.training.learning_rate == 2e-4 and use.model.four_bit is True and use.data.group_rule == "none"


def test_costs_of_a_confusion(tmp_path):
    simple = load(tmp_path, SMALL + "costs: {miss: 100, false_alarm: 7, ok_answer: OK}\n").costs
    assert [simple.of(*pair) for pair in [("OK", "OK"), ("OK", "dent"), ("dent", "OK"), ("dent", "scratch")]] == [0, 7, 100, 0]
    matrix = load(tmp_path, SMALL + "costs: {matrix: {OK: {dent: 5}, dent: {OK: 90}}}\n").costs
    assert [matrix.of(*pair) for pair in [("OK", "dent"), ("dent", "OK"), ("scratch", "OK")]] == [5, 90, 0]


def test_the_words_of_an_office_stay_words(tmp_path):
    use = load(tmp_path, "question: 不良は?\noptions: [no, off, 010, 2026-01-01, ＮＧ, 12:30]\n")
    assert use.options == ("no", "off", "010", "2026-01-01", "NG", "12:30")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp932"])
def test_a_poc_yaml_of_any_office_is_read(tmp_path, encoding):
    (tmp_path / "poc.yaml").write_bytes("question: どの傷ですか?\r\n# 備考\r\noptions: [良品, 傷]\r\n".encode(encoding))
    assert load_usecase(tmp_path).options == ("良品", "傷")


def test_empty_options_mean_free_text_and_missing_ones_do_not(tmp_path):
    assert load(tmp_path, "question: What?\noptions: []\n").free_text
    assert not load(tmp_path, "question: What?\n").free_text


# --- every fault: file, line, key, given, allowed, what to do


@pytest.mark.parametrize("line, told", [
    ("treshold: 3", "line 3: treshold: unknown key; allowed: schema, name, title,"),
    ("gates: {kpi: macro_recal}", "line 3: gates.kpi: given 'macro_recal'; allowed: macro_recall, accuracy, macro_f1 -> did you mean 'macro_recall'?"),
    ("gates:\n  treshold: 0.9", "line 4: gates.treshold: unknown key; allowed: kpi, threshold, confidence, guard_drop, owner -> did you mean 'threshold'?"),
    ("gates: {threshold: 80}", "line 3: gates.threshold: given 80; allowed: 1 or less (80 % is 0.8) -> correct the value"),
    ("gates: 3", "line 3: gates: given 3; allowed: lines of the form key: value below it -> correct the value"),
    ("model: {preset: cpu}", "line 3: model.preset: given 'cpu'; allowed: tiny, laptop, gpu -> did you mean 'gpu'?"),
    ("model: {four_bit: maybe}", "line 3: model.four_bit: given 'maybe'; allowed: auto, true, false -> use one of these"),
    ("training: {steps: many}", "line 3: training.steps: given 'many'; allowed: a whole number -> correct the value"),
    ("training: {steps: 0}", "line 3: training.steps: given 0; allowed: 1 or more -> correct the value"),
    ("training:\n  lora:\n    - llm\n    - lm", "line 6: training.lora.1: given 'lm'; allowed: llm, connector, vision, audio -> did you mean 'llm'?"),
    ("decided_by: image", "line 3: decided_by: given 'image'; allowed: a list such as [a, b] -> correct the value"),
    ("decided_by: []", "line 3: decided_by: given []; allowed: at least one -> correct the value"),
    ("name: a/b", "line 3: name: given 'a/b'; allowed: a name without / "),
    ("schema: 2", "line 3: schema: given 2; allowed: 1 -> use one of these"),
    ("costs: {miss: 100, ok_answer: OK}", "line 3: costs: needs miss, false_alarm and ok_answer, or a matrix -> fill in"),
    ("costs: {miss: 1, false_alarm: 1, ok_answer: good}", "line 3: costs.ok_answer: given 'good'; allowed: OK, scratch, dent -> use one of the options"),
    ("costs: {matrix: {OK: {rust: 5}}}", "line 3: costs.matrix.OK: given 'rust'; allowed: OK, scratch, dent -> use one of the options"),
    ("prevalence: {OK: 0.9, dent: 0.3}", "line 3: prevalence: adds up to 1.2; allowed: 1 -> correct the shares"),
    ("prevalence: {rust: 1}", "line 3: prevalence: given 'rust'; allowed: OK, scratch, dent -> use one of the options"),
    ("data: {fractions: {train: 0.5}}", "line 3: data.fractions: add up to 0.5; allowed: 1 -> correct the shares"),
    ("data: {fractions: {trian: 1}}", "line 3: data.fractions.trian: given 'trian'; allowed: train, validation, calibration, test -> did you mean 'train'?"),
    ("question: twice?", "line 3: key 'question' is given twice, first in line 1. Delete one."),
    ("language： ja", "line 3: has a full-width colon '：'. Write a plain ':' and a blank after it."),
    ("gates:\n\tkpi: accuracy", "line 4: has a tab. Indent with blanks only."),
    ("name: \"open", "cannot be read"),
])  # fmt: skip
def test_a_fault_is_told_in_one_line_with_its_place(tmp_path, line, told):
    [message] = refused(tmp_path, SMALL + line + "\n")
    assert told in message and "\n" not in message.rstrip("\n")


def test_all_faults_are_told_at_once_in_the_order_of_the_file(tmp_path):
    told = refused(tmp_path, "options: [OK, OK]\nmodel: {preset: cpu}\ngates: {threshold: 2}\nbatch: 3\n")
    assert [re.match(r"(?: line (\d))?: ([\w.]+):", line).groups() for line in told] == [
        (None, "question"), ("2", "model.preset"), ("3", "gates.threshold"), ("4", "batch")]  # fmt: skip


def test_faults_speak_japanese(tmp_path, monkeypatch):
    monkeypatch.setenv("POC_LANGUAGE", "ja")
    assert refused(tmp_path, SMALL + "training: {rank: x}\n") == [" 3行目: training.rank: 'x' は使えません。使えるもの: 整数 -> 値を直してください"]


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words"])
def test_what_is_no_mapping_is_refused(tmp_path, text):
    assert "must hold lines of the form key: value" in refused(tmp_path, text)[0]


def test_a_missing_poc_yaml_names_the_command(tmp_path):
    with pytest.raises(KitError, match="poc.yaml: is missing. Write one with: poc init"):
        load_usecase(tmp_path)


# --- writing


@pytest.mark.parametrize("like", [None, *PRACTICE])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_written_poc_yaml_is_valid_commented_and_proposes_what_the_folder_shows(company, like, language):
    path = write_usecase(company, like=like, language=language)
    use, text = load_usecase(company), path.read_text(encoding="utf-8")
    assert use.options == ("OK", "dent", "scratch") and use.decided_by == ("image",) and use.group_by == "lot"
    assert use.name == "press line 2" and use.language == language and use.costs is None and use.prevalence == {}
    comments = "".join(re.findall("#(.*)", text))
    assert bool(re.search("[ぁ-んァ-ヶ一-龠]", comments)) == (language == "ja")
    assert yaml.safe_load(text)["question"] == use.question


def test_what_is_written_are_the_defaults_of_the_model(company):
    write_usecase(company)
    use = load_usecase(company)
    plain = UseCase(name="x", question="y")
    assert (use.gates, use.model, use.training, use.data) == (plain.gates, plain.model, plain.training, plain.data)


def test_each_domain_brings_its_own_practice(company):
    texts = set()
    for like in (None, *PRACTICE):
        texts.add(write_usecase(company, like=like).read_text(encoding="utf-8"))
        (company / "poc.yaml").unlink()
    assert len(texts) == 5


def test_without_a_group_column_the_rule_is_said(company):
    (company / "labels.csv").write_text((company / "labels.csv").read_text().replace("lot", "weight"))
    text = write_usecase(company, language="en").read_text(encoding="utf-8")
    assert "group_by: null" in text and "near-duplicate clusters and blocks of 20 consecutive file numbers" in text


def test_a_column_that_cannot_be_split_is_not_proposed(company):
    rows = (company / "labels.csv").read_text().splitlines()
    table = ["file_name,label,day", *(f"{row.rsplit(',', 1)[0]},{row.split(',')[1]}" for row in rows[1:])]
    (company / "labels.csv").write_text("\n".join(table))
    write_usecase(company)
    assert load_usecase(company).group_by is None, "each class on a day of its own: a split by day could not test what it trains"


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
    assert load_usecase(folder).name == "no- 3 #-ライン--" and load_usecase(folder).titles()["ja"] == 'no: 3 #"ライン".'


def test_poc_yaml_is_never_overwritten(company):
    (company / "poc.yaml").write_text("mine")
    with pytest.raises(KitError, match="exists already and is never overwritten"):
        write_usecase(company)
    assert (company / "poc.yaml").read_text() == "mine"


def test_an_unknown_domain_and_an_empty_folder_write_nothing(company, tmp_path):
    with pytest.raises(KitError, match="'bakery' is unknown; allowed: inspection, line, callcentre, documents"):
        write_usecase(company, like="bakery")
    (tmp_path / "empty").mkdir()
    with pytest.raises(KitError, match="no image"):
        write_usecase(tmp_path / "empty")
    assert not (company / "poc.yaml").exists() and not (tmp_path / "empty/poc.yaml").exists()


# --- samples


def test_samples_come_grouped_and_split(company):
    folder = load_samples(company, load(company, SMALL + "group_by: lot\n"))
    assert folder.faults == () and folder.group_rule == "column lot" and {one.split for one in folder.samples} == set(SPLITS)
    assert {one.question for one in folder.samples} == {"Which defect?"}


def test_without_a_group_column_blocks_of_file_numbers_stand_in(company):
    folder = load_samples(company, load(company, SMALL))
    assert len({one.group for one in folder.samples}) == 3, "48 numbered files"
    assert folder.group_rule == "near-duplicate clusters and blocks of 20 consecutive file numbers"
    assert load_samples(company, load(company, SMALL + "data: {group_rule: duplicates}\n")).group_rule == "near-duplicate clusters"


def test_another_seed_splits_differently(company):
    use = load(company, SMALL + "data: {group_rule: none}\n")
    assert load_samples(company, use).samples == load_samples(company, use, seed=0).samples != load_samples(company, use, seed=1).samples


def test_check_tells_every_fault_and_then_what_the_folder_holds(company):
    load(company, SMALL)
    lines, faults = check_usecase(company)
    assert faults == [] and lines[0] == "labels.csv: 48 samples, 48 labelled, 0 unlisted files, 0 faults" and lines[1].startswith("groups: 3 (near-dup")
    with (company / "labels.csv").open("a") as table:
        table.write("\ngone.png,OK,L1\np000.png,rust,L1\n")
    lines, faults = check_usecase(company)
    assert len(faults) == 2 and lines[0].startswith("row 50 gone.png:") and lines[1].startswith("row 51 p000.png: unknown option 'rust'")


# --- hashes


def test_the_gates_hash_covers_gates_costs_prevalence_and_options_and_nothing_else(tmp_path):
    first = gates_hash(load(tmp_path, SMALL + "gates: {threshold: 0.8, kpi: accuracy}\n"))
    assert first == gates_hash(load(tmp_path, SMALL + "# a comment\ntraining: {steps: 5}\nname: other\ngates: {kpi: accuracy, threshold: 0.80}\n"))
    changed = ["gates: {threshold: 0.81, kpi: accuracy}\n", "gates: {kpi: accuracy}\nprevalence: {OK: 1}\n",
               "gates: {kpi: accuracy}\ncosts: {miss: 1, false_alarm: 1, ok_answer: OK}\n"]  # fmt: skip
    hashes = {gates_hash(load(tmp_path, SMALL + text)) for text in changed}
    hashes.add(gates_hash(load(tmp_path, SMALL.replace("dent", "rust") + "gates: {kpi: accuracy}\n")))
    assert len(hashes | {first}) == 5


def test_the_data_hash_sees_answers_splits_and_bytes_but_not_the_order(company):
    samples = read_folder(company).samples
    first = data_hash(samples)
    assert first == data_hash(samples[::-1]) == data_hash(read_folder(company).samples)
    assert first != data_hash((samples[0].replace(answer="dent"), *samples[1:]))
    assert first != data_hash((samples[0].replace(split="test"), *samples[1:]))
    Image.new("RGB", (16, 16)).save(company / "p000.png")
    assert first != data_hash(samples)
