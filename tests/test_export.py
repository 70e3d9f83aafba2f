"""`poc export`: merged weights answer as the adapter does, PEFT alone loads the adapter, and the KPI is measured again on what was written."""

import copy
import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import coloured_samples
from families import FAMILIES, build
from PIL import Image

from kit.data.collator import Collator
from kit.errors import KitError
from kit.evaluation import option_scores, predict
from kit.models import Loaded, load
from kit.models.merge import merge, stored_precision
from kit.training import Settings, finetune
from poc import export as room
from poc import runs
from poc.export import export, exported_lines, read_export
from poc.handover import readme
from poc.usecase import load_samples, load_usecase

CASE = Path(__file__).parents[1] / "sample_data" / "company" / "inspection"
QUICK = Settings(lora=("llm", "connector", "vision"), steps=2, batch=2, evaluate_every=2, rank=4, learning_rate=1e-2)


def farthest(left, right):
    return max(np.abs(np.array(a) - np.array(b)).max() for a, b in zip(left, right, strict=True))


def in_float32(name, tmp_path) -> str:
    """A family's checkpoint stored in float32, so that a merge is not rounded."""
    loaded = load(str(build(name, tmp_path / "built")), device="cpu")
    loaded.model.save_pretrained(tmp_path / "float32")
    loaded.processor.save_pretrained(tmp_path / "float32")
    return str(tmp_path / "float32")


@pytest.mark.parametrize("name", FAMILIES)
def test_merged_weights_score_as_the_adapter_does(name, tmp_path):
    source, rows = in_float32(name, tmp_path), coloured_samples(tmp_path, 6)
    tuned = finetune(load(source, device="cpu"), rows[:4], rows[4:], QUICK, tmp_path / "run")
    merged = load(str(merge(source, tuned.adapter, tmp_path / "merged")), device="cpu")
    assert stored_precision(str(tmp_path / "merged")) == torch.float32 and not hasattr(merged.model, "peft_config")
    expected = option_scores(tuned.loaded, rows)
    assert farthest(option_scores(merged, rows), expected) < 1e-4
    assert farthest(option_scores(load(source, device="cpu"), rows), expected) > 1e-3, "the adapter does nothing"


def test_an_adapter_of_a_4_bit_base_is_merged_into_16_bit_and_the_gap_is_known(tmp_path, colours):
    source = in_float32("qwen2.5-omni", tmp_path)
    settings = Settings(steps=12, batch=12, evaluate_every=6, rank=8, learning_rate=4e-3)
    tuned = finetune(load(source, four_bit=True, device="cpu"), colours[:30], colours[30:36], settings, tmp_path / "run")
    rows, place = colours[36:], str(merge(source, tuned.adapter, tmp_path / "merged"))
    on_4_bit, merged = option_scores(tuned.loaded, rows), option_scores(load(place, device="cpu"), rows)
    on_16_bit = option_scores(load(source, adapter=tuned.adapter, device="cpu"), rows)
    again_4_bit = option_scores(load(place, four_bit=True, device="cpu"), rows)
    assert farthest(merged, on_16_bit) < 1e-4
    # what nf4 rounds away is a difference that no merge can undo; it must not turn answers round on rows that are clear
    assert farthest(merged, on_4_bit) > 1e-3
    answers = [[int(np.argmax(scores)) for scores in found] for found in (on_4_bit, merged, again_4_bit)]
    assert np.mean(np.array(answers[0]) == answers[1]) >= 0.9 and np.mean(np.array(answers[0]) == answers[2]) >= 0.9


ALONE = """
import json, sys
import torch
from peft import PeftModel
from transformers import AutoModelForMultimodalLM
base, adapter, given, out = sys.argv[1:]
model = PeftModel.from_pretrained(AutoModelForMultimodalLM.from_pretrained(base, dtype=torch.float32), adapter).eval()
with torch.no_grad():
    logits = model(**torch.load(given)).logits[:, -1]
torch.save(logits, out)
assert not any(name == "kit" or name.startswith("kit.") for name in sys.modules)
"""


def test_peft_alone_loads_the_adapter_and_sees_the_same(tmp_path, tiny):
    sample = load_samples(CASE, load_usecase(CASE), verify=False).samples[0]
    batch = Collator(tiny.processor, answers=False)([sample])
    torch.save(batch, tmp_path / "given.pt")
    command = [sys.executable, "-c", ALONE, tiny.checkpoint.source, str(runs.EXAMPLE / "adapter"), str(tmp_path / "given.pt"), str(tmp_path / "out.pt")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-1500:]
    with torch.no_grad():
        ours = load("tiny_omni", adapter=runs.EXAMPLE / "adapter", device="cpu").model(**batch).logits[:, -1]
    assert torch.allclose(torch.load(tmp_path / "out.pt"), ours, atol=1e-5)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The example run's export, with the rows."""
    told = []
    return export(runs.EXAMPLE, tmp_path_factory.mktemp("export") / "handed-over", data=True, tell=told.append), told


def test_the_kpi_is_measured_on_the_merged_model_and_the_difference_has_an_interval(exported):
    done, told = exported
    assert [line[:5] for line in told] == ["[1/3]", "[2/3]", "[3/3]"]
    assert {path.name for path in done.folder.iterdir()} == {"merged", "adapter", "README.md", "export.json", "data"}
    assert done.rows == 520 and done.holds and done.largest_change < 0.05 and done.answers_changed <= 5
    assert done.difference["value"] == pytest.approx(done.after["value"] - done.before["value"])
    merged = load(str(done.folder / "merged"), device="cpu")
    assert stored_precision(str(done.folder / "merged")) == torch.bfloat16
    rows = [s for s in load_samples(CASE, load_usecase(CASE), verify=False).samples if s.split == "test"][:40]
    recorded = runs.read_predictions(runs.EXAMPLE).query("arm == 'tuned' and condition == 'as_is'").set_index("id")["predicted"]
    assert (predict(merged, rows).set_index("id")["predicted"] == recorded[[s.id for s in rows]]).mean() >= 0.95
    assert read_export(done.folder)["answers_changed"] == done.answers_changed
    assert "of 520 answers changed" in "\n".join(exported_lines(done))


def test_the_readme_has_commands_that_fit_the_adapter_and_says_what_was_not_run(exported):
    text = (exported[0].folder / "README.md").read_text(encoding="utf-8")
    config = json.loads((exported[0].folder / "adapter" / "adapter_config.json").read_text(encoding="utf-8"))
    assert f"--max-lora-rank {config['r']}" in text and "--enable-tower-connector-lora" in text and "We never ran vLLM" in text and "実行していません" in text
    assert "Options: ok, scratch, dent, stain, crack, chip" in text and str(Path.cwd()) not in text


def test_the_rows_are_messages_and_media_in_the_kits_own_words(exported):
    lines = [json.loads(line) for line in (exported[0].folder / "data" / "train.jsonl").read_text(encoding="utf-8").splitlines()]
    samples = {s.id: s for s in load_samples(CASE, load_usecase(CASE), verify=False).samples if s.split == "train"}
    assert lines and {line["id"] for line in lines} == set(samples)
    for line in lines[:50]:
        sample, (user, assistant) = samples[line["id"]], line["messages"]
        assert assistant == {"role": "assistant", "content": sample.answer}
        assert user["content"].count("<image>") == len(line["images"]) == len(sample.image)
        assert user["content"].count("<audio>") == len(line.get("audios", [])) and (f"Note: {sample.text}" in user["content"]) == bool(sample.text)
        assert all(Image.open(CASE / name) for name in line["images"])


def test_a_merge_that_loses_the_kpi_is_said(monkeypatch, exported):
    worse = dataclasses.replace(exported[0], holds=False)
    assert "do not serve it. Serve the adapter on its base" in exported_lines(worse)[-1]
    monkeypatch.setenv("POC_LANGUAGE", "ja")
    assert "ベースとアダプターのまま" in exported_lines(worse)[-1]


def test_nothing_is_left_behind_and_nothing_overwritten(tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    with pytest.raises(KitError, match="exists already and is not overwritten; name another folder with --out"):
        export(runs.EXAMPLE, tmp_path / "there")
    monkeypatch.setattr(room, "readme", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    monkeypatch.setattr(room, "_measure", lambda out, *_: room.Exported(out, "macro_recall"))
    with pytest.raises(OSError, match="disk full"):
        export(runs.EXAMPLE, tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there"]


def test_held_out_files_that_are_not_found_are_no_measurement(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "evidence_folder", lambda *_: None)
    done = export(runs.EXAMPLE, tmp_path / "out")
    assert done.rows == 0 and done.holds is None and "NOT measured again" in exported_lines(done)[-1]
    assert "was NOT measured" in (done.folder / "README.md").read_text(encoding="utf-8")
    with pytest.raises(KitError, match="name it with --folder"):
        export(runs.EXAMPLE, tmp_path / "again", data=True)


def test_weights_that_are_no_numbers_are_not_written(tmp_path, tiny, colours):
    base = Loaded(copy.deepcopy(tiny.model), tiny.processor, tiny.checkpoint, False)
    tuned = finetune(base, colours[:4], colours[4:6], dataclasses.replace(QUICK, lora=("llm",), steps=1, evaluate_every=1), tmp_path / "run")
    for path, weight in tuned.loaded.model.named_parameters():
        if "lora_B" in path:
            weight.data.fill_(float("nan"))
            break
    tuned.loaded.model.save_pretrained(str(tuned.adapter), save_embedding_layers=False)
    with pytest.raises(KitError, match="cannot be merged .* lower learning rate"):
        merge("tiny_omni", tuned.adapter, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_rows_that_are_no_longer_the_runs_are_not_handed_over(tmp_path):
    changed = Path(shutil.copytree(CASE, tmp_path / "inspection"))
    table = changed / "metadata.csv"
    text = table.read_text(encoding="utf-8")
    assert text.count(",L2613,test,") > 50
    table.write_text(text.replace(",L2613,test,", ",L2613,train,"), encoding="utf-8")
    with pytest.raises(KitError, match="no longer what the run was made of.*run again and export that run"):
        export(runs.EXAMPLE, tmp_path / "out", directory=changed, data=True)
    assert not (tmp_path / "out").exists()


def test_a_4_bit_base_and_a_merge_that_lost_too_much_are_said_where_the_commands_are(exported):
    measured = dataclasses.replace(exported[0], four_bit=True, holds=False)
    record = runs.read(runs.EXAMPLE)
    record["model"]["four_bit"] = True
    text = readme(record, runs.EXAMPLE, measured)
    assert "--quantization bitsandbytes" in text and "4-bit (nf4) base" in text and "do not serve `merged/`" in text and "`merged/` を使わず" in text
    assert "belongs to a 4-bit base" in exported_lines(measured)[-1] and "--quantization" not in readme(runs.read(runs.EXAMPLE), runs.EXAMPLE, exported[0])
