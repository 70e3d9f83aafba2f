"""poc.yaml: read, checked, written, hashed; and the folder's samples as it wants them."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kit.errors import KitError
from poc.usecase import (
    UseCase,
    check_usecase,
    load_usecase,
)

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
    return (
        str(error.value).removeprefix(str(directory / "poc.yaml")).split("\n" + str(directory / "poc.yaml"))
    )


# --- reading


def test_two_lines_are_a_use_case_and_the_rest_has_defaults(tmp_path):
    use = load(tmp_path, SMALL)
    assert use.name == tmp_path.name and use.titles() == {"en": tmp_path.name, "ja": tmp_path.name}
    assert use.options == ("OK", "scratch", "dent") and use.decided_by == ("image",) and use.language == "en"
    assert (use.gates.kpi, use.gates.threshold, use.gates.confidence, use.gates.guard_drop) == (
        "macro_recall",
        0.8,
        0.95,
        0.03,
    )
    assert (use.model.preset, use.model.name, use.model.four_bit) == ("tiny", None, "auto")
    training = use.training
    assert (training.lora, training.rank, training.steps, training.batch, training.learning_rate) == (
        ("llm",),
        16,
        300,
        16,
        2e-3,
    )
    assert (training.seed, training.evaluate_every, training.patience, training.examples_in_context) == (
        0,
        100,
        3,
        4,
    )
    assert (
        use.costs is None and use.currency == "JPY" and use.prevalence == {} and use.volume_per_month is None
    )
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
scenarios: [{name: night shift, text: "night shift: {wrong}"}, {name: old stamp, text: OK 済, says: OK}]
gates: {kpi: accuracy, threshold: 0.9, confidence: 0.9, guard_drop: 0.05, owner: QA}
model: {preset: gpu, name: some/model, four_bit: true}
training: {lora: [llm, vision], rank: 8, steps: 20, batch: 2, learning_rate: 2e-4, seed: 3, evaluate_every: 5, patience: 1, examples_in_context: 0}
data: {fractions: {train: 0.5, test: 0.5}, group_rule: none}
""")  # fmt: skip
    assert (
        use.titles()["ja"] == "プレス"
        and use.training.learning_rate == 2e-4
        and use.model.four_bit is True
        and use.data.group_rule == "none"
    )


def test_costs_of_a_confusion(tmp_path):
    simple = load(tmp_path, SMALL + "costs: {miss: 100, false_alarm: 7, ok_answer: OK}\n").costs
    assert [
        simple.of(*pair) for pair in [("OK", "OK"), ("OK", "dent"), ("dent", "OK"), ("dent", "scratch")]
    ] == [0, 7, 100, 0]
    matrix = load(tmp_path, SMALL + "costs: {matrix: {OK: {dent: 5}, dent: {OK: 90}}}\n").costs
    assert [matrix.of(*pair) for pair in [("OK", "dent"), ("dent", "OK"), ("scratch", "OK")]] == [5, 90, 0]


def test_the_words_of_an_office_stay_words(tmp_path):
    use = load(tmp_path, "question: 不良は?\noptions: [no, off, 010, 2026-01-01, ＮＧ, 12:30]\n")
    assert use.options == ("no", "off", "010", "2026-01-01", "NG", "12:30")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp932"])
def test_a_poc_yaml_of_any_office_is_read(tmp_path, encoding):
    (tmp_path / "poc.yaml").write_bytes(
        "question: どの傷ですか?\r\n# 備考\r\noptions: [良品, 傷]\r\n".encode(encoding)
    )
    assert load_usecase(tmp_path).options == ("良品", "傷")


def test_empty_options_mean_free_text_and_missing_ones_do_not(tmp_path):
    assert load(tmp_path, "question: What?\noptions: []\n").free_text
    assert not load(tmp_path, "question: What?\n").free_text


# --- every fault: file, line, key, given, allowed, what to do


@pytest.mark.parametrize("line, told", [
    ("treshold: 3", "line 3: treshold: unknown key; allowed: schema, name, title,"),
    ("gates: {kpi: macro_recal}", "line 3: gates.kpi: given 'macro_recal'; allowed: macro_recall, accuracy, macro_f1 -> did you mean 'macro_recall'?"),
    ("gates:\n  treshold: 0.9", "line 4: gates.treshold: unknown key; allowed: kpi, threshold, confidence, guard_drop, robust_drop, stop_below, grey, worst_group, latency_seconds, budget, dangerous, owner -> did you mean 'threshold'?"),
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
    ("scenarios:\n  - {name: a, text: x}\n  - {name: b, text: y, say: OK}", "line 5: scenarios.1.say: unknown key; allowed: name, text, image, audio, video, says -> did you mean 'says'?"),
    ("scenarios: [{name: clean, text: x}]", "line 3: scenarios.0.name: 'clean' is a name that the kit's own questions have"),
    ("scenarios: [{name: grainy picture, text: x}]", "line 3: scenarios.0.name: 'grainy picture' is a name that the kit's own questions have"),
    ("scenarios: [{name: 'found: a', text: x}]", "line 3: scenarios.0.name: 'found: a' is a name that"),
    ("scenarios:\n  - {name: a, text: x}\n  - {name: a, text: y}", "line 5: scenarios.1.name: 'a' is there twice -> give each a name of its own"),
    ("scenarios: [{name: a, text: 'last: {worng}'}]", "line 3: scenarios.0.text: unknown placeholder {worng}; allowed: {wrong} -> did you mean {wrong}?"),
    ("question: twice?", "line 3: key 'question' is given twice, first in line 1. Delete one."),
    ("language： ja", "line 3: has a full-width colon '：'. Write a plain ':' and a blank after it."),
    ("gates:\n\tkpi: accuracy", "line 4: has a tab. Indent with blanks only."),
    ("name: \"open", "cannot be read"),
])  # fmt: skip
def test_a_fault_is_told_in_one_line_with_its_place(tmp_path, line, told):
    [message] = refused(tmp_path, SMALL + line + "\n")
    assert told in message and "\n" not in message.rstrip("\n")


def test_a_gate_on_what_it_believes_needs_options(tmp_path):
    [message] = refused(tmp_path, "question: What?\noptions: []\ngates: {robust_drop: 0.1}\n")
    assert "line 3: gates.robust_drop: needs closed questions, and `options: []` says free text" in message and "list the options, or delete robust_drop" in message


def test_a_mistyped_name_of_a_scenario_is_told_beside_the_missing_one(tmp_path):
    told = refused(tmp_path, SMALL + "scenarios: [{nam: a, text: x}]\n")
    assert sorted(told) == [" line 3: scenarios.0.nam: unknown key; allowed: name, text, image, audio, video, says -> did you mean 'name'?", " line 3: scenarios.0.name: is missing -> add a line name: ..."]


def test_faults_of_scenarios_speak_japanese(tmp_path, monkeypatch):
    monkeypatch.setenv("POC_LANGUAGE", "ja")
    assert any(line.endswith("scenarios.0.nam: 未知のキーです。使えるもの: name, text, image, audio, video, says -> もしかして: 'name'") for line in refused(tmp_path, SMALL + "scenarios: [{nam: a, text: x}]\n"))
    assert "'clean' はキット自身の質問の名前です" in refused(tmp_path, SMALL + "scenarios: [{name: clean, text: x}]\n")[0]


def test_poc_check_finds_the_files_of_scenarios(company):
    (company / "poc.yaml").write_text(SMALL + "scenarios: [{name: stamp, image: gone.png}, {name: hall, audio: p001.png}, {name: belt, image: p002.png}]\n", encoding="utf-8")
    lines, faults = check_usecase(company, verify=False)
    assert [str(fault) for fault in faults if "scenario" in str(fault)] == [
        "poc.yaml, scenario 'stamp': file 'gone.png' is missing -> put the file into the folder or delete the row",
        "poc.yaml, scenario 'hall': file 'p001.png' is no audio, but image -> write it under image:",
    ]  # fmt: skip


def test_all_faults_are_told_at_once_in_the_order_of_the_file(tmp_path):
    told = refused(tmp_path, "options: [OK, OK]\nmodel: {preset: cpu}\ngates: {threshold: 2}\nbatch: 3\n")
    assert [re.match(r"(?: line (\d))?: ([\w.]+):", line).groups() for line in told] == [
        (None, "question"), ("2", "model.preset"), ("3", "gates.threshold"), ("4", "batch")]  # fmt: skip


def test_faults_speak_japanese(tmp_path, monkeypatch):
    monkeypatch.setenv("POC_LANGUAGE", "ja")
    assert refused(tmp_path, SMALL + "training: {rank: x}\n") == [
        " 3行目: training.rank: 'x' は使えません。使えるもの: 整数 -> 値を直してください"
    ]


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words"])
def test_what_is_no_mapping_is_refused(tmp_path, text):
    assert "must hold lines of the form key: value" in refused(tmp_path, text)[0]


def test_a_missing_poc_yaml_names_the_command(tmp_path):
    with pytest.raises(KitError, match="poc.yaml: is missing. Write one with: poc init"):
        load_usecase(tmp_path)
