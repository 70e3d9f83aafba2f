"""Progressive stages: a schedule draws what it says, moves what it names and nothing else, ends in checkpoints that load, and survives kill -9."""

import copy
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from kit.data import read_folder
from kit.data.collator import Collator
from kit.errors import KitError
from kit.evaluation import option_scores
from kit.models import component_of, load
from kit.models.forward import answer_logits, base_of
from kit.models.media_tokens import media_token_ids
from kit.training import Stage, run_stages, stages, trainer
from kit.training.marks import mark_of
from kit.training.schedule import REPLAYED, check_schedule, rows_of
from kit.training.stage_trainer import (
    TEMPERATURE,
    StageParts,
    StageTrainer,
    contrastive,
    copy_of,
    first_layer_input,
)
from kit.training.stages import check_moved, trained_parts

GENERAL = Path(__file__).resolve().parents[1] / "sample_data" / "general"
PICTURES = Stage("image", {"colours": 1.0}, {"visual.merger": 2e-3}, steps=3, batch=6)
SOUNDS = Stage("audio", {"spoken": 1.0}, {"audio_tower.proj": 2e-3, "llm": 1e-4}, steps=3, batch=6, replay=0.5, contrast=0.1, retain=1.0, seed=1)


@pytest.fixture(scope="module")
def sources(colours):
    spoken = [sample for sample in read_folder(GENERAL, verify=False).samples if sample.split == "train" and sample.audio]
    return {"colours": colours, "spoken": spoken[:24]}


@pytest.fixture(scope="module")
def finished(sources, tmp_path_factory):
    """Both stages, run to their end, and where."""
    out = tmp_path_factory.mktemp("stages")
    return run_stages("tiny_omni", [PICTURES, SOUNDS], sources, out, device="cpu", keep_every=1), out


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load(str(folder), device="cpu").model.state_dict()  # a file has the hub's names


# ------------------------------------------------------------------------------------------------------------ what is drawn


def test_a_stage_draws_its_sources_in_proportion_and_earlier_ones_as_replay(sources):
    stage = Stage("both", {"spoken": 3.0, "colours": 1.0}, {"llm": 1e-3}, steps=10, batch=8)
    rows = rows_of(stage, [], sources)
    assert len(rows) == 80 and sum(bool(row.audio) for row in rows) == 60
    assert rows == rows_of(stage, [], sources) and rows != rows_of(dataclasses.replace(stage, seed=1), [], sources)
    # twenty-four rows drawn sixty times: each twice, and some a third time
    counts = [sum(row.id == one.id for row in rows) for one in sources["spoken"]]
    assert set(counts) == {2, 3}
    later = rows_of(dataclasses.replace(SOUNDS, steps=10, batch=8, replay=0.25), [PICTURES], sources)
    assert [REPLAYED in row.meta for row in later] == [bool(row.image) for row in later] and sum(bool(row.image) for row in later) == 20


def test_unlabelled_rows_are_not_drawn(sources):
    mixed = {"colours": [row.replace(answer="") for row in sources["colours"][:50]] + sources["colours"][50:]}
    assert {row.id for row in rows_of(PICTURES, [], mixed)} <= {row.id for row in sources["colours"][50:]}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"shares": {"films": 1.0}}, r"stage 'image': it names the sources \['films'\]; given are \['colours', 'spoken'\]"),
        ({"trains": {}}, r"it trains \{\}; name at least one part with a learning rate above 0, e.g. \{'connector': 1e-3\}"),
        ({"trains": {"llm": 0.0}}, "learning rate above 0"),
        ({"trains": {"llm": float("nan")}}, "learning rate above 0"),
        ({"shares": {"colours": -1.0}}, "shares are weights above 0"),
        ({"shares": {"colours": 1.0, "spoken": 0.0}}, "shares are weights above 0"),
        ({"shares": {"colours": 1.0, "spoken": 0.001}}, "none is left for .'spoken'.: raise steps"),
        ({"steps": 0}, "steps 0 and batch 6 are 1 or more"),
        ({"contrast": float("inf")}, "contrast inf"),
        ({"replay": 0.2}, "replays rows of earlier stages and is the first; set replay to 0"),
        ({"retain": 1.0}, "there are none; set replay above 0"),
        ({"name": "a/b"}, "different names that can be folders"),
    ],
)
def test_a_schedule_that_cannot_be_run_is_refused_before_anything_is_trained(sources, tmp_path, changed, told):
    with pytest.raises(KitError, match=told):
        run_stages("tiny_omni", [dataclasses.replace(PICTURES, **changed)], sources, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_later_stage_that_cannot_be_run_is_refused_before_the_first_is_trained(sources, tmp_path):
    for changed, told in (({"trains": {"eears": 1e-3}}, "no weights for .'eears'."), ({"lora": 4, "trains": {"connector": 1e-3}}, "needs one of llm, vision, audio"), ({"replay": 0.01, "retain": 1.0}, "none is left for .'colours'.")):
        with pytest.raises(KitError, match=told):
            run_stages("tiny_omni", [PICTURES, dataclasses.replace(SOUNDS, **changed)], sources, tmp_path, device="cpu")
    with pytest.raises(KitError, match="micro_batch 2 cuts an update up"):
        run_stages("tiny_omni", [PICTURES, SOUNDS], sources, tmp_path, device="cpu", micro_batch=2)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_nothing_is_built_on_a_stage_whose_check_is_red(finished, sources, tmp_path):
    shutil.copytree(finished[1] / "01-image", tmp_path / "01-image")
    file = tmp_path / "01-image" / "stage.json"
    told = json.loads(file.read_text(encoding="utf-8"))
    told["check"] |= {"status": "red", "detail": "frozen weights moved: ['a']"}
    file.write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(KitError, match=r"does not begin, because the check of stage 'image' is red: frozen weights moved"):
        run_stages("tiny_omni", [PICTURES, SOUNDS], sources, tmp_path, device="cpu")
    assert not (tmp_path / "02-audio").exists()


def test_two_stages_of_one_name_and_a_source_without_labels_are_refused(sources):
    with pytest.raises(KitError, match="different names"):
        check_schedule([PICTURES, PICTURES], sources)
    with pytest.raises(KitError, match=r"its sources \['colours'\] have no labelled row"):
        check_schedule([PICTURES], {"colours": [row.replace(answer="") for row in sources["colours"]]})


# ------------------------------------------------------------------------------------------------------------ what is trained


def test_the_longest_path_that_fits_a_weight_decides_and_a_part_that_is_not_there_is_named(tiny):
    parts = trained_parts(tiny.model, {"connector": 1e-3, "visual.merger": 1e-4, "llm": 1e-5})
    assert {part for path, part in parts.items() if ".visual.merger." in path} == {"visual.merger"}
    assert {part for path, part in parts.items() if ".audio_tower.proj." in path} == {"connector"}
    assert not any("embed_tokens" in path or "blocks" in path for path in parts)
    with pytest.raises(KitError, match=r"no weights for \['ears'\]: name components \(audio, connector, embeddings, llm, vision\) or modules by their path; its connectors are .*visual.merger"):
        trained_parts(tiny.model, {"ears": 1e-3})


def test_each_stage_moves_the_parts_that_it_names_and_no_other_weight(finished, tiny):
    done, _ = finished
    before = {name: value.float() for name, value in tiny.model.state_dict().items()}
    for staged, named in zip(done, ({"visual.merger"}, {"audio_tower.proj", "llm"}), strict=True):
        after = weights(staged.checkpoint)
        moved = {name for name in after if not torch.equal(after[name], before[name])}
        fits = {part: {name for name in after if f".{part}." in f".{name}." or component_of(name) == part} for part in named}
        assert moved <= set().union(*fits.values()) and all(moved & mine for mine in fits.values())
        assert staged.check.status == "green" and staged.check.evidence["updates"] == 3 and set(staged.check.evidence["moved"]) == named
        before = after


def test_a_checkpoint_loads_by_itself_and_answers(finished, sources, tiny):
    done, _ = finished
    told = option_scores(load(str(done[-1].checkpoint), device="cpu"), sources["spoken"][:4])
    assert max(abs(a - b).max() for a, b in zip(told, option_scores(tiny, sources["spoken"][:4]), strict=True)) > 1e-3
    assert done[-1].drawn == {"new": 9, "replayed": 9} and done[0].history


def test_what_is_finished_is_not_repeated_and_another_schedule_is_refused(finished, sources):
    done, out = finished
    written = (out / "02-audio" / "stage.json").stat().st_mtime_ns
    again = run_stages("tiny_omni", [PICTURES, SOUNDS], sources, out, device="cpu")
    assert again == done and (out / "02-audio" / "stage.json").stat().st_mtime_ns == written
    with pytest.raises(KitError, match="01-image holds it already, trained with other settings, rows or an other base"):
        run_stages("tiny_omni", [dataclasses.replace(PICTURES, steps=4)], sources, out, device="cpu")


def test_a_stage_is_another_when_its_base_its_media_or_how_they_are_shown_are_others(sources, tmp_path):
    """Same names everywhere: only contents differ."""
    for name in ("one", "other"):
        (tmp_path / name / "base").mkdir(parents=True)
        (tmp_path / name / "base" / "model.safetensors").write_bytes(name.encode())
        (tmp_path / name / "p.png").write_bytes(name.encode())
    row, bases = sources["colours"][0], [tmp_path / name / "base" for name in ("one", "other")]
    first = mark_of(PICTURES, [row.replace(image=(tmp_path / "one" / "p.png",))], bases[0])
    changed = [
        mark_of(PICTURES, [row.replace(image=(tmp_path / "one" / "p.png",))], bases[1]),
        mark_of(PICTURES, [row.replace(image=(tmp_path / "other" / "p.png",))], bases[0]),
        mark_of(PICTURES, [row.replace(image=(tmp_path / "one" / "p.png",), meta={"shown_as": {"image": {"how": "black"}}})], bases[0]),
        mark_of(dataclasses.replace(PICTURES, contrast=0.1), [row.replace(image=(tmp_path / "one" / "p.png",))], bases[0]),
    ]
    assert len({first, *changed}) == 5
    moved = tmp_path / "moved"
    (tmp_path / "one").rename(moved)
    assert mark_of(PICTURES, [row.replace(image=(moved / "p.png",))], moved / "base") == first, "a folder that was moved is the same"


def test_a_finished_stage_whose_checkpoint_is_gone_is_trained_again(sources, tmp_path):
    stage = dataclasses.replace(PICTURES, steps=1, batch=2)
    (done,) = run_stages("tiny_omni", [stage], sources, tmp_path, device="cpu")
    shutil.rmtree(done.checkpoint)
    (again,) = run_stages("tiny_omni", [stage], sources, tmp_path, device="cpu")
    assert again == done and weights(again.checkpoint)


def test_a_stage_that_is_killed_goes_on_and_ends_with_the_same_weights(finished, sources, tmp_path):
    """The second stage, too, whose teacher is the model before it and not the one at the checkpoint."""
    script = tmp_path / "train.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\nsys.path.insert(0, sys.argv[2])\nimport pytest\nfrom conftest import coloured_samples\nfrom kit.training import run_stages\n"
        "import test_stages as t\nfrom kit.data import read_folder\n"
        "spoken = [s for s in read_folder(t.GENERAL, verify=False).samples if s.split == 'train' and s.audio]\n"
        "sources = {'colours': coloured_samples(Path(sys.argv[1]) / 'colours', 60), 'spoken': spoken[:24]}\n"
        "run_stages('tiny_omni', [t.PICTURES, t.SOUNDS], sources, Path(sys.argv[1]) / 'out', device='cpu', keep_every=1)\n",
        encoding="utf-8",
    )
    (tmp_path / "colours").mkdir()
    asked = [sys.executable, str(script), str(tmp_path), str(Path(__file__).parent)]
    for seen in ("01-image/checkpoints/checkpoint-1", "02-audio/checkpoints/checkpoint-2"):
        started = subprocess.Popen(asked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.time() + 300
        while not (tmp_path / "out" / seen / "trainer_state.json").exists():
            assert started.poll() is None and time.time() < deadline, "no checkpoint was written"
            time.sleep(0.01)
        os.kill(started.pid, signal.SIGKILL)
        started.wait()
    assert not (tmp_path / "out" / "02-audio" / "stage.json").exists()
    before = sorted((tmp_path / "out" / "02-audio").rglob("*"))
    with pytest.raises(KitError, match="holds an interrupted training of other settings"):  # nobody's hours are thrown away for a changed rate
        run_stages("tiny_omni", [PICTURES, dataclasses.replace(SOUNDS, retain=0.5)], drawn_again(tmp_path, sources), tmp_path / "out", device="cpu", keep_every=1)
    assert sorted((tmp_path / "out" / "02-audio").rglob("*")) == before
    subprocess.run(asked, check=True, capture_output=True)
    for staged in finished[0]:
        here, there = weights(staged.checkpoint), weights(tmp_path / "out" / staged.checkpoint.relative_to(finished[1]))
        assert here.keys() == there.keys() and all(torch.equal(here[name], there[name]) for name in here)
    told = json.loads((tmp_path / "out" / "02-audio" / "stage.json").read_text(encoding="utf-8"))
    assert told["updates"] == 3 and [entry["step"] for entry in told["history"]] == [entry["step"] for entry in finished[0][1].history]


def drawn_again(folder: Path, sources: dict) -> dict:
    """The sources with the pictures that the killed process drew."""
    return sources | {"colours": [row.replace(image=(folder / "colours" / row.image[0].name,)) for row in sources["colours"]]}


def test_a_folder_of_something_else_is_not_emptied(sources, tiny, tmp_path):
    (tmp_path / "minutes.txt").write_text("of the board meeting")
    with pytest.raises(KitError, match="name another folder"):
        stages.train_in_place(copy_of(tiny), dataclasses.replace(PICTURES, steps=1, batch=2), sources["colours"][:2], tmp_path, "mark")
    assert (tmp_path / "minutes.txt").is_file()


def test_a_row_over_the_token_budget_is_named(sources, tmp_path):
    with pytest.raises(KitError, match="over the budget of 20: raise training.max_tokens"):
        run_stages("tiny_omni", [PICTURES], sources, tmp_path, device="cpu", max_tokens=20)
    assert not list(tmp_path.rglob("stage.json"))


def test_adapters_of_a_stage_are_merged_into_its_checkpoint(sources, tiny, tmp_path):
    stage = Stage("image", {"colours": 1.0}, {"visual.merger": 2e-3, "llm": 2e-3}, steps=2, batch=4, lora=4)
    (staged,) = run_stages("tiny_omni", [stage], sources, tmp_path, device="cpu")
    after, before = weights(staged.checkpoint), tiny.model.state_dict()
    assert staged.check.status == "green" and after.keys() == before.keys() and not any("lora" in name for name in after)
    changes = {name: (after[name] - before[name].float()) for name in after if not torch.equal(after[name], before[name].float())}
    assert {component_of(name) for name in changes} == {"connector", "llm"}
    ranks = {name: int(torch.linalg.matrix_rank(change, atol=1e-6)) for name, change in changes.items() if component_of(name) == "llm"}
    assert ranks and max(ranks.values()) <= 4
    with pytest.raises(KitError, match=r"\['layers.0'\] lie inside \['llm'\], which adapters train; name either"):
        run_stages("tiny_omni", [dataclasses.replace(stage, trains={"llm": 1e-3, "layers.0": 1e-4})], sources, tmp_path / "inside", device="cpu")
    with pytest.raises(KitError, match="lora 4 needs one of llm, vision, audio among what it trains"):
        run_stages("tiny_omni", [dataclasses.replace(stage, trains={"visual.merger": 1e-3})], sources, tmp_path / "other", device="cpu")


# ------------------------------------------------------------------------------------------------------------ the check


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (lambda after, leaked: after["b"].add_(1), "frozen weights moved: ['b']"),
        (lambda after, leaked: after["a"].copy_(torch.zeros(3)), "connector did not move"),
        (lambda after, leaked: after["a"].copy_(torch.tensor([0.0, float("nan"), 0.0])), "connector did not move"),
        (lambda after, leaked: leaked.add("b"), "gradients where none were promised: ['b']"),
    ],
)
def test_a_planted_fault_turns_the_check_red(fault, told):
    before = {"a": torch.zeros(3), "b": torch.ones(3)}
    after, leaked = {"a": torch.tensor([0.0, 0.5, 0.0]), "b": torch.ones(3)}, set()
    assert check_moved({"a": "connector"}, before, after, leaked, 5).status == "green"
    fault(after, leaked)
    check = check_moved({"a": "connector"}, before, after, leaked, 5)
    assert check.status == "red" and told in check.detail


def test_a_frozen_weight_or_buffer_that_only_changes_places_is_seen(tiny):
    model = copy_of(tiny).model
    weight = next(weight for path, weight in model.named_parameters() if component_of(path) == "llm" and weight.numel() > 4000)
    buffer = next(buffer for buffer in model.buffers() if buffer.numel() > 1)
    for changed in (weight, buffer):
        before = stages._state(model, {})
        with torch.no_grad():
            flat = changed.view(-1)
            middle = len(flat) // 2
            flat[[middle, middle - 1]] = flat[[middle - 1, middle]].clone()
        after = stages._state(model, {})
        assert [path for path in before if not torch.equal(before[path], after[path])] and check_moved({}, before, after, set(), 1).status == "red"


def test_no_update_is_red():
    moved = {"a": torch.zeros(3)}, {"a": torch.ones(3)}
    assert "no optimizer update was applied" in check_moved({"a": "connector"}, *moved, set(), 0).detail


# ------------------------------------------------------------------------------------------------------------ the two terms


def test_the_alignment_loss_is_that_of_a_loop_over_rows_and_answers(tiny, sources):
    rows = [*sources["colours"][:5], sources["colours"][0].replace(id="without", image=())]
    assert len({row.answer for row in rows}) > 1 and len({row.answer for row in rows[:5]}) < 5
    batch = StageParts(_collator(tiny), 8, shares=False)(rows)["parts"]
    for part in batch:
        part.pop("replayed")
        with first_layer_input(tiny.model) as read, torch.no_grad():
            answer_logits(tiny.model, dict(part))
        found, image = float(contrastive(tiny.model, part, read[0])), media_token_ids(tiny.model)["image"]
        embed, shown, said = base_of(tiny.model).get_input_embeddings().weight.detach(), [], []
        for ids, labels, hidden in zip(part["input_ids"], part["labels"], read[0], strict=True):
            if (ids == image).any():
                shown.append(hidden[ids == image].mean(0))
                said.append(tuple(labels[labels != -100].tolist()))
        if not shown:
            assert found == 0
            continue
        answers = list(dict.fromkeys(said))
        words = {answer: embed[list(answer[:-1])].mean(0) for answer in answers}
        scores = {(row, answer): float(F.cosine_similarity(shown[row], words[answer], dim=0)) / TEMPERATURE for row in range(len(shown)) for answer in answers}
        from_rows = [torch.logsumexp(torch.tensor([scores[row, a] for a in answers]), 0) - scores[row, said[row]] for row in range(len(shown))]
        from_answers = []
        for answer in answers:
            mine = [row for row in range(len(shown)) if said[row] == answer]
            from_answers.append(sum(torch.logsumexp(torch.tensor([scores[row, answer] for row in range(len(shown))]), 0) - scores[row, answer] for row in mine) / len(mine))
        expected = (sum(from_rows) / len(from_rows) + sum(from_answers) / len(from_answers)) / 2
        assert found == pytest.approx(float(expected), abs=1e-4)


def test_the_alignment_loss_is_not_cut_up(tiny, sources, tmp_path):
    """Over one row there is nothing to compare: a smaller micro batch would silently weaken it to nothing."""
    stage = dataclasses.replace(PICTURES, contrast=0.1)
    with pytest.raises(KitError, match="the alignment loss compares the rows of one forward, and micro_batch 2 cuts an update up"):
        run_stages("tiny_omni", [stage], sources, tmp_path, device="cpu", micro_batch=2)
    trainer = StageTrainer(dataclasses.replace(tiny, model=copy.deepcopy(tiny.model)), sources["colours"][:6], stage, {}, tmp_path, 1, None, None, None)
    with pytest.raises(KitError, match="out of memory with 6 rows at once, and the alignment loss compares"):
        trainer._halve(RuntimeError("out of memory"))


def test_rows_of_one_answer_have_nothing_to_tell_apart(tiny, sources):
    same = [row for row in sources["colours"] if row.answer == sources["colours"][0].answer][:3]
    part = _collator(tiny)(same)
    with first_layer_input(tiny.model) as read, torch.no_grad():
        answer_logits(tiny.model, dict(part))
    assert float(contrastive(tiny.model, part, read[0])) == 0


def test_the_model_before_the_stage_is_asked_in_the_trainers_precision(sources, tmp_path, monkeypatch):
    """As on a GPU: 16-bit weights, trained ones widened, autocast around the student's forward; the teacher must not fail on what it reads."""
    arguments, loading = trainer._arguments, stages.load

    def as_on_a_gpu(*asked, **more):
        changed = arguments(*asked, **more)
        changed.bf16, changed.mixed_precision = True, "bf16"
        return changed

    monkeypatch.setattr(trainer, "_arguments", as_on_a_gpu)

    def halved(*asked, **more):
        loaded = loading(*asked, **more)
        loaded.model.to(torch.bfloat16)
        return loaded

    monkeypatch.setattr(stages, "load", halved)
    schedule = [dataclasses.replace(PICTURES, steps=2, batch=2), dataclasses.replace(SOUNDS, steps=2, batch=4, lora=4)]
    done = run_stages("tiny_omni", schedule, sources, tmp_path, device="cpu")
    assert [staged.check.status for staged in done] == ["green", "green"]


def test_replayed_rows_have_forwards_of_their_own(tiny, sources):
    rows = [row.replace(meta={**row.meta, REPLAYED: True}) if place % 2 else row for place, row in enumerate(sources["colours"][:6])]
    parts = StageParts(_collator(tiny), 6, shares=False)(rows)
    assert [bool(part["replayed"]) for part in parts["parts"]] == [False, True] and [len(part["labels"]) for part in parts["parts"]] == [3, 3]


def test_retaining_is_the_divergence_from_the_model_before_on_replayed_answers_only(tiny, sources, tmp_path):
    student = dataclasses.replace(tiny, model=copy.deepcopy(tiny.model))
    teacher = copy_of(student)
    stage = Stage("audio", {"spoken": 1.0}, {"llm": 1e-4}, steps=1, batch=4, replay=0.5, retain=2.0)
    parts = trained_parts(student.model, stage.trains)
    for path, weight in student.model.named_parameters():
        weight.requires_grad_(path in parts)

    def losses(retain):
        trainer = StageTrainer(student, sources["colours"][:4], dataclasses.replace(stage, retain=retain), parts, tmp_path, 1, None, None, teacher)
        return [float(next(trainer._losses(student.model, part | {"replayed": torch.tensor(told)}, None))[0].detach()) for told in (False, True)]

    part = _collator(tiny)(sources["colours"][:4])
    assert losses(2.0) == pytest.approx([losses(0.0)[0]] * 2, abs=1e-5), "nothing has moved yet"
    with torch.no_grad():
        for path in parts:
            student.model.get_parameter(path).mul_(1.1)
        after, before = (answer_logits(model, dict(part))[0].double().log_softmax(-1) for model in (student.model, teacher.model))
    divergence = float((before.exp() * (before - after)).sum(-1).mean())
    (fresh, replayed), (plain, _) = losses(2.0), losses(0.0)
    assert fresh == pytest.approx(plain, abs=1e-6) and divergence > 0.01 and replayed - plain == pytest.approx(2 * divergence, rel=1e-3)


def _collator(loaded):
    return Collator(loaded.processor)


def test_of_a_composed_model_each_connector_can_be_named_alone(tmp_path):
    from sample_data.recipe.parts import compose_parts, write_parts

    model = compose_parts(write_parts(tmp_path), "linear").model
    ears, eyes = (set(trained_parts(model, {part: 1e-3})) for part in ("audio_connector", "visual.merger"))
    assert ears == {"audio_connector.out.weight", "audio_connector.out.bias"} and eyes and ears | eyes == set(trained_parts(model, {"connector": 1e-3}))
