"""Three data layers and generated rows: what is mixed in, what is measured on, and what must first prove its worth."""

import numpy as np
import pytest
from PIL import Image

from kit.curation.generated import worth_of_generated
from kit.data import Sample, mixed, read_folder
from kit.errors import KitError
from poc.record import mix_of
from poc.usecase import load_samples, load_usecase


def rows(number: int, layer: str = "domain", prefix: str = "d", **more) -> list[Sample]:
    return [Sample(f"{prefix}{i}", "Which?", ("a", "b"), "ab"[i % 2], text=f"{prefix} {i}", decided_by="text", data_layer=layer, **more) for i in range(number)]


def test_layers_are_mixed_by_their_named_shares():
    own, task, general = rows(100), rows(30, "task", "t"), rows(40, "general", "g")
    found = mixed([*own, *task], general, {"general": 0.25, "task": 0.25}, seed=3)
    counts = {layer: sum(s.data_layer == layer for s in found) for layer in ("general", "task", "domain")}
    assert counts == {"general": 50, "task": 50, "domain": 100}
    assert {s.id for s in found if s.data_layer == "task"} == {s.id for s in task}, "a layer is gone through whole before a row comes again"
    assert found == mixed([*own, *task], general, {"general": 0.25, "task": 0.25}, seed=3) != mixed([*own, *task], general, {"general": 0.25, "task": 0.25}, seed=4)
    assert mixed([*own, *task], general, {"general": 0.0, "task": 0.0}) == [*own, *task], "a share of 0 leaves the folder's rows as they are"


def test_shares_without_rows_or_room_are_refused():
    with pytest.raises(KitError, match="30% of the training rows are to be of the data layer 'task', and there is none"):
        mixed(rows(10), [], {"task": 0.3})
    with pytest.raises(KitError, match="together below 1"):
        mixed(rows(10), rows(5, "general", "g"), {"general": 0.6, "task": 0.4})


@pytest.fixture
def company(tmp_path):
    """Twelve lots of real photos, generated ones of lots 0 to 5 and of no lot, and rows of the task layer."""
    rng, table = np.random.default_rng(0), ["file_name,label,lot,generated,data_layer"]

    def add(name: str, *cells) -> None:
        Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(tmp_path / name)
        table.append(",".join([name, *cells]))

    for i in range(48):
        add(f"p{i:02}.png", ("OK", "NG")[i % 2], f"L{i // 4}", "", "")
    for i in range(24):
        add(f"g{i:02}.png", ("OK", "NG")[i % 2], f"L{i // 2}" if i < 20 else "", "yes", "")
    for i in range(6):
        add(f"t{i}.png", ("OK", "NG")[i % 2], f"T{i}", "no", "task")
    (tmp_path / "labels.csv").write_text("\n".join(table))
    (tmp_path / "poc.yaml").write_text("question: Which?\noptions: [OK, NG]\ngroup_by: lot\n")
    return tmp_path


def test_nothing_generated_and_no_other_layer_is_measured_on_and_no_held_out_lot_is_learned_from(company):
    folder = load_samples(company, load_usecase(company))
    held = [s for s in folder.samples if s.split not in ("", "train")]
    assert held and not any(s.generated or s.data_layer == "task" for s in held)
    lots = {s.group for s in held}
    made = [s for s in folder.samples if s.generated]
    assert all(s.split == ("" if s.group in lots else "train") for s in made) and {s.split for s in made} == {"", "train"}
    assert all(s.split == "train" for s in folder.samples if s.data_layer == "task")
    mix = mix_of(company, folder.samples, [s for s in folder.samples if s.split == "train"])
    assert mix["task"] == {"rows": 6, "generated": 0, "trained": 6, "trained_generated": 0, "source": ""}
    assert mix["domain"]["generated"] == 24 and 0 < mix["domain"]["trained_generated"] < 24


def test_a_folder_of_one_layer_is_measured_whatever_the_layer_is_called(company):
    table = (company / "labels.csv").read_text().splitlines()
    (company / "labels.csv").write_text("\n".join([table[0], *(line + "task" for line in table[1:49])]))
    assert {s.split for s in load_samples(company, load_usecase(company)).samples} >= {"train", "test"}


def test_a_generated_row_in_a_held_out_split_is_a_fault(company):
    table = (company / "labels.csv").read_text().splitlines()
    (company / "labels.csv").write_text("\n".join([table[0] + ",split", *(line + "," for line in table[1:49]), table[49] + ",test"]))
    (fault,) = read_folder(company, load_usecase(company)).faults
    assert str(fault) == "row 50 g00.png: is generated and in split test -> put it into train or leave its split empty: nothing is measured on generated rows"


def blobs(number: int, seed: int, turned: bool = False, **meta) -> tuple[np.ndarray, list[Sample]]:
    """Two classes that a line parts, with noise; `turned`: labels that lie."""
    rng = np.random.default_rng(seed)
    truth = np.arange(number) % 2
    features = np.stack([3.0 * truth, np.zeros(number)], 1) + rng.normal(scale=1.5, size=(number, 2))
    return features, [Sample(f"{seed}-{i}", "Which?", ("a", "b"), "ab"[int(truth[i]) ^ turned], text="x", decided_by="text", group=f"{seed}-{i // 6}", meta=dict(meta)) for i in range(number)]


def joined(*parts: tuple[np.ndarray, list[Sample]]) -> tuple[np.ndarray, list[Sample]]:
    return np.concatenate([features for features, _ in parts]), [sample for _, samples in parts for sample in samples]


def test_generated_rows_that_lie_are_found_out_and_honest_ones_are_welcome():
    held = blobs(120, 1)
    lying = worth_of_generated(*joined(blobs(40, 2), blobs(200, 3, turned=True, generated="yes")), *held)
    assert lying.verdict == "bad" and lying.high < 0 and "that they help is not shown" in lying.summary and "training.generated: always" in lying.advice
    few = (blobs(40, 2)[0][:2] * 0.2, blobs(40, 2)[1][:2])  # two real rows say little about where the line is
    honest = worth_of_generated(*joined(few, blobs(300, 4, generated="yes")), *held)
    assert honest.verdict == "good" and honest.low > 0 and honest.evidence["generated"] == 300 and honest.evidence["proxy"]


def test_the_worth_is_never_measured_on_generated_rows():
    with pytest.raises(KitError, match="measured on real rows only"):
        worth_of_generated(*joined(blobs(10, 1), blobs(10, 2, generated="1")), *blobs(10, 3, generated="yes"))
