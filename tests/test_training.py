"""Fine-tuning learns, is reproducible and resumable; each run check is green on an honest run and red on a planted fault."""

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from kit.data.collator import Collator
from kit.data.perturbations import EXCHANGED_TEXT
from kit.errors import KitError
from kit.evaluation import option_scores, predict
from kit.models import Loaded, load
from kit.training import Settings, checks, finetune, trainer
from kit.training.finetune import in_all_orientations, with_dropped_evidence
from kit.training.resume import newest_checkpoint
from kit.training.robust import Robust

QUICK = Settings(steps=12, batch=12, evaluate_every=6, rank=8, learning_rate=4e-3)


def fresh(tiny):
    return Loaded(copy.deepcopy(tiny.model), tiny.processor, tiny.checkpoint, tiny.four_bit)


@pytest.fixture(scope="module")
def honest(tiny, colours, tmp_path_factory):
    """A short honest run on thirty rows, and the rows that it never saw."""
    settings = Settings(steps=40, batch=12, evaluate_every=20, rank=8, learning_rate=4e-3)
    out = tmp_path_factory.mktemp("honest")
    return finetune(fresh(tiny), colours[:30], colours[30:36], settings, out), settings, colours[36:], out


def test_a_short_run_learns_what_the_base_does_not_know(tiny, honest):
    tuned, _, held_out, _ = honest
    before, after = ((f["answer"] == f["predicted"]).mean() for f in (predict(m, held_out) for m in (tiny, tuned.loaded)))
    assert after >= 0.9
    assert tuned.history and {"step", "loss"} <= tuned.history[0].keys()


def test_mixed_precision_ends_with_the_training(tiny, colours, monkeypatch, tmp_path):
    """As on a GPU: the Trainer trains under autocast, but what is scored afterwards must be what a fresh process loads."""
    arguments = trainer._arguments

    def as_on_a_gpu(*asked, **more):
        changed = arguments(*asked, **more)
        changed.bf16, changed.mixed_precision = True, "bf16"
        return changed

    monkeypatch.setattr(trainer, "_arguments", as_on_a_gpu)
    tuned = finetune(fresh(tiny), colours[:12], colours[12:15], dataclasses.replace(QUICK, steps=3, batch=4, evaluate_every=3), tmp_path)
    again = load("tiny_omni", adapter=tuned.adapter, device="cpu")
    here, there = (option_scores(loaded, colours[36:44]) for loaded in (tuned.loaded, again))
    assert max(np.abs(a - b).max() for a, b in zip(here, there, strict=True)) < 1e-5


def test_every_check_that_a_short_run_can_pass_is_green(honest, colours):
    tuned, settings, held_out, out = honest
    found = checks.run_checks(tuned, "tiny_omni", settings, colours[:30], held_out, [], 0, out)
    assert [check.number for check in found] == [1, 2, 3, 4, 5, 6, 7]
    assert {check.number: (check.status, check.detail) for check in found if check.status != "green" and check.number != 1} == {}


def test_check_1_is_red_for_a_set_of_versions_that_nobody_tested(tmp_path):
    table = tmp_path / "tested.csv"
    table.write_text("python,torch,transformers\n3.11,2.15.0,5.23.0\n")
    assert checks.check_versions({"python": "3.11", "torch": "2.15.0"}, table).status == "green"
    red = checks.check_versions({"python": "3.11", "torch": "1.0"}, table)
    assert red.status == "red" and "not a tested set: python 3.11, torch 1.0; install the lock" in red.detail


class CutsAnImageToken(Collator):
    def __call__(self, samples):
        batch = super().__call__(samples)
        batch["input_ids"][0, (batch["input_ids"][0] == self.processor.image_token_id).nonzero()[-1]] = 5
        return batch


def test_check_2_is_red_when_image_tokens_were_cut(tiny, colours):
    assert checks.check_token_budget(tiny, colours[:3]).status == "green"
    red = checks.check_token_budget(tiny, colours[:3], collator=CutsAnImageToken(tiny.processor))
    assert red.status == "red" and colours[0].id in red.detail


def test_check_2_names_rows_over_the_budget_and_sounds_that_are_too_long(tiny, colours, tmp_path):
    red = checks.check_token_budget(tiny, colours[:2], max_tokens=20)
    assert red.status == "red" and red.evidence["over_budget"] == [s.id for s in colours[:2]]
    soundfile.write(tmp_path / "long.wav", np.random.default_rng(0).normal(0, 0.1, 16000 * 12), 16000)
    red = checks.check_token_budget(tiny, [colours[0].replace(audio=(tmp_path / "long.wav",))])
    assert red.status == "red" and red.evidence["cut"] == [colours[0].id]


def test_the_collator_refuses_over_budget_samples_by_name(tiny, colours):
    with pytest.raises(KitError, match=r"samples s0_000 need \d+ tokens, over the budget of 20: raise training.max_tokens"):
        Collator(tiny.processor, max_tokens=20)(colours[:1])


def test_check_3_is_red_for_faults_that_nobody_handled():
    assert checks.check_schema([], 0, 10).status == "green"
    assert checks.check_schema(["row 3: no such file"], 0, 10).status == "red"
    listed = checks.check_schema(["row 3: no such file"], 1, 10)
    assert listed.status == "green" and listed.evidence["faults"] == ["row 3: no such file"]


class SupervisesThePrompt(Collator):
    def __call__(self, samples):
        batch = super().__call__(samples)
        batch["labels"] = batch["input_ids"].clone()
        return batch


def test_check_4_is_red_when_the_prompt_is_supervised(tiny, colours):
    assert checks.check_supervision(tiny, colours[:3]).status == "green"
    red = checks.check_supervision(tiny, colours[:3], SupervisesThePrompt(tiny.processor))
    assert red.status == "red" and red.evidence["wrong"] == [s.id for s in colours[:3]]


class ForgetsTheEnd(Collator):
    def answer_ids(self, answer):
        return super().answer_ids(answer)[:-1]


class TeachesSomethingElse(Collator):
    def answer_ids(self, answer):
        return super().answer_ids("wrong thing")


@pytest.mark.parametrize("fault", [ForgetsTheEnd, TeachesSomethingElse])
def test_check_4_is_red_when_the_collator_itself_gets_answers_wrong(tiny, colours, fault):
    red = checks.check_supervision(tiny, colours[:3], fault(tiny.processor))
    assert red.status == "red" and red.evidence["wrong"] == [s.id for s in colours[:3]]


def test_checks_5_to_7_are_red_for_numbers_that_are_none(honest, monkeypatch, tmp_path):
    tuned, settings, held_out, _ = honest
    monkeypatch.setattr(checks, "answer_losses", lambda loaded, samples: np.full(len(samples), np.nan))
    assert checks.check_media_used(tuned.loaded, held_out).status == "red"
    broken = dataclasses.replace(tuned, lora_moved=dict.fromkeys(tuned.lora_moved, float("nan")))
    assert checks.check_gradients(broken, settings).status == "red"
    none = [[float("nan")] * len(s.options) for s in held_out[:8]]
    monkeypatch.setattr(checks, "reload_scores", lambda *_: {"adapter": none, "base": none, "keys": 1})
    assert checks.check_adapter(tuned, "", held_out, tmp_path).status == "red"


def test_check_4_is_red_when_the_training_itself_supervised_the_prompt(tiny, colours, monkeypatch, tmp_path):
    """The check's own collator is honest here: only what the loss saw gives the fault away."""
    monkeypatch.setattr(trainer, "Collator", SupervisesThePrompt)
    tuned = finetune(fresh(tiny), colours[:12], colours[12:15], dataclasses.replace(QUICK, steps=2, evaluate_every=2), tmp_path)
    red = checks.check_supervision(tuned.loaded, colours[:12], trained=tuned.supervised)
    assert red.status == "red" and "the training's loss saw" in red.detail and "which is no answer" in red.detail


class DropsImages(Collator):
    def __call__(self, samples):
        return super().__call__([sample.without("image") for sample in samples])


def test_check_5_is_red_when_images_never_reach_the_model(honest, monkeypatch):
    tuned, _, held_out, _ = honest
    assert checks.check_media_used(tuned.loaded, held_out).status == "green"
    monkeypatch.setattr("kit.evaluation.scoring.Collator", DropsImages)
    red = checks.check_media_used(tuned.loaded, held_out)
    assert red.status == "red" and "image (shuffled)" in red.detail and "image (absent)" in red.detail


def test_check_5_is_red_for_a_model_that_only_reads_the_note(tiny, colours, tmp_path):
    """Trained on notes that are always right beside pictures of other rows: it learns not to look."""
    noted = [s.replace(text=f"looks {s.answer}") for s in colours]
    blind = [s.replace(image=colours[(i * 7 + turn) % len(colours)].image) for turn in range(5) for i, s in enumerate(noted[:36])]
    tuned = finetune(fresh(tiny), blind[:150], blind[150:], Settings(steps=80, batch=12, evaluate_every=20, rank=8, learning_rate=4e-3), tmp_path)
    found = checks.check_media_used(tuned.loaded, noted[36:])
    assert found.status == "red", found.detail


def test_check_6_is_red_when_a_frozen_part_moved(tiny, colours, tmp_path):
    loaded = fresh(tiny)
    weight = next(p for n, p in loaded.model.named_parameters() if "visual" in n)

    def nudge(*_):
        weight.data.add_(1e-3)

    loaded.model.get_input_embeddings().register_forward_hook(nudge)
    tuned = finetune(loaded, colours[:12], colours[12:18], Settings(steps=2, batch=4, evaluate_every=2, rank=4), tmp_path)
    red = checks.check_gradients(tuned, QUICK)
    assert red.status == "red" and "frozen parameters moved" in red.detail and "visual" in red.detail


def test_check_6_is_red_for_a_component_that_no_row_exercises(tiny, colours, tmp_path):
    settings = Settings(steps=2, batch=4, evaluate_every=2, rank=4, lora=("llm", "audio"))
    tuned = finetune(fresh(tiny), colours[:12], colours[12:18], settings, tmp_path)
    red = checks.check_gradients(tuned, settings)
    assert red.status == "red" and "audio got no gradient" in red.detail and "llm" not in red.detail


def test_check_7_is_red_when_the_adapter_is_not_applied(honest, tmp_path):
    tuned, _, held_out, _ = honest
    tensors = load_file(tuned.adapter / "adapter_model.safetensors")
    broken = copy.copy(tuned)
    broken.adapter = tmp_path / "adapter"
    broken.adapter.mkdir()
    (broken.adapter / "adapter_config.json").write_bytes((tuned.adapter / "adapter_config.json").read_bytes())
    save_file({k: torch.zeros_like(v) if "lora_B" in k else v for k, v in tensors.items()}, broken.adapter / "adapter_model.safetensors")
    red = checks.check_adapter(broken, "tiny_omni", held_out, tmp_path)
    assert red.status == "red" and "changes nothing: it is not applied" in red.detail


def test_an_adapter_with_foreign_keys_is_refused(honest, tmp_path):
    tuned = honest[0]
    tensors = load_file(tuned.adapter / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_bytes((tuned.adapter / "adapter_config.json").read_bytes())
    save_file({k.replace("language_model", "text_model"): v for k, v in tensors.items()}, tmp_path / "adapter_model.safetensors")
    with pytest.raises(KitError, match=r"does not fit this model: \d+ of its keys have no partner"):
        load("tiny_omni", adapter=tmp_path, device="cpu")


@pytest.mark.parametrize("robust", [None, Robust(("misleading note A (en)", EXCHANGED_TEXT), share=1.0, consistency=0.1, ascent_steps=1)], ids=["plain", "robust"])
def test_the_same_seed_gives_the_same_adapter_and_resuming_changes_nothing(tiny, colours, tmp_path, robust):
    noted = [sample.replace(text=f"looks {sample.answer}") for sample in colours[:30]] if robust else colours
    rows, settings = (noted[:24], noted[24:30]), dataclasses.replace(QUICK, robust=robust)
    whole = finetune(fresh(tiny), *rows, settings, tmp_path / "whole")

    class Stop(Exception):
        pass

    def dies_at(step):
        def hook(*_):
            hook.calls += 1
            if hook.calls > step:
                raise Stop

        hook.calls = 0
        return hook

    interrupted = fresh(tiny)
    interrupted.model.get_input_embeddings().register_forward_hook(dies_at(25 if robust else 11))  # after the checkpoint of update 6
    with pytest.raises(Stop):
        finetune(interrupted, *rows, settings, tmp_path / "parts")
    assert not (tmp_path / "parts" / "adapter").exists()
    resumed = finetune(fresh(tiny), *rows, settings, tmp_path / "parts", resume=True)
    a, b = (load_file(t.adapter / "adapter_model.safetensors") for t in (whole, resumed))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert whole.applied_updates == resumed.applied_updates == QUICK.steps


def test_training_without_labels_says_so(tiny, colours, tmp_path):
    with pytest.raises(KitError, match="fine-tuning needs labelled rows on both sides; there are 0 for training and 6 for validation"):
        finetune(fresh(tiny), [s.replace(answer="") for s in colours[:6]], colours[6:12], QUICK, tmp_path)


def test_irrelevant_evidence_is_dropped_in_the_share_asked_for(colours):
    noted = [s.replace(text="a note") for s in colours]
    rows = with_dropped_evidence(noted, Settings(drop_irrelevant=0.5))
    assert 0.3 < np.mean([not s.text for s in rows]) < 0.7 and all(s.image for s in rows)
    assert with_dropped_evidence(noted, Settings()) == noted


def test_training_photos_are_shown_in_all_eight_orientations_when_asked_for(tiny, colours, tmp_path):
    path = tmp_path / "corner.png"
    photo = np.zeros((112, 112, 3), np.uint8)
    photo[:28, :56] = 255  # no symmetry: eight orientations, eight pictures
    Image.fromarray(photo).save(path)
    row, replayed = colours[0].replace(image=(path,)), colours[1].replace(data_layer="general")
    shown = in_all_orientations([row, replayed], Settings(orientations=True))
    assert len(shown) == 16 and shown.count(replayed) == 8
    turned = [s for s in shown if s.id == row.id]
    seen = {fresh_pixels(tiny, s) for s in turned}
    assert len(seen) == 8 and fresh_pixels(tiny, row) in seen
    assert in_all_orientations([row], Settings()) == [row]
    noted = in_all_orientations([row.replace(text="a note").without("text")], Settings(orientations=True))
    assert noted[3].meta["perturbation"] == "without text+orientation 3"


def fresh_pixels(tiny, sample) -> bytes:
    return Collator(tiny.processor)([sample])["pixel_values"].numpy().tobytes()


class Cut(Exception):
    """The machine goes down."""


@pytest.fixture
def scripted(monkeypatch):
    """A KPI that stays flat and then rises, by step, instead of the measured one; `scripted["cut"] = step` goes down there."""
    script = {}

    def evaluate(self, *_, **__):
        if self.state.global_step == script.get("cut"):
            script.clear()
            raise Cut
        metrics = {"eval_kpi": 0.9 if self.state.global_step >= 8 else 0.5}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    monkeypatch.setattr(trainer.AnswerTrainer, "evaluate", evaluate)
    return script


def adapters_equal(a, b) -> bool:
    a, b = (load_file(tuned.adapter / "adapter_model.safetensors") for tuned in (a, b))
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_resumed_training_stops_as_early_as_an_uninterrupted_one(tiny, colours, tmp_path, scripted):
    rows, patient = (colours[:12], colours[12:15]), dataclasses.replace(QUICK, steps=12, batch=4, evaluate_every=2, patience=2)
    whole = finetune(fresh(tiny), *rows, patient, tmp_path / "whole")
    assert whole.stopped_early and whole.applied_updates == 6
    scripted["cut"] = 6
    with pytest.raises(Cut):
        finetune(fresh(tiny), *rows, patient, tmp_path / "again")
    assert Path(newest_checkpoint(tmp_path / "again" / "checkpoints")).name == "checkpoint-4"
    again = finetune(fresh(tiny), *rows, patient, tmp_path / "again", resume=True)
    assert (again.stopped_early, again.applied_updates) == (True, 6) and adapters_equal(whole, again)


def test_an_ended_training_is_not_gone_on_with(tiny, colours, tmp_path):
    rows = colours[:12], colours[12:15]
    short = dataclasses.replace(QUICK, steps=4, batch=4, evaluate_every=2)
    whole = finetune(fresh(tiny), *rows, short, tmp_path)
    again = finetune(fresh(tiny), *rows, short, tmp_path, resume=True)
    assert again.applied_updates == 4 and again.history == whole.history and again.supervised == whole.supervised
    a, b = (option_scores(tuned.loaded, colours[36:40]) for tuned in (whole, again))
    assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
    (tmp_path / "training.json").unlink()  # killed between the last checkpoint and the end
    assert Path(newest_checkpoint(tmp_path / "checkpoints")).name == "checkpoint-2"
    before = load_file(whole.adapter / "adapter_model.safetensors")
    again = finetune(fresh(tiny), *rows, short, tmp_path, resume=True)
    after = load_file(again.adapter / "adapter_model.safetensors")
    assert again.applied_updates == 4 and all(torch.equal(before[name], after[name]) for name in before)


def test_a_checkpoint_that_was_being_written_is_passed_over(tiny, colours, tmp_path):
    rows = colours[:12], colours[12:15]
    whole = finetune(fresh(tiny), *rows, dataclasses.replace(QUICK, steps=6, batch=4, evaluate_every=2), tmp_path)
    (tmp_path / "training.json").unlink()
    place = tmp_path / "checkpoints"
    assert Path(newest_checkpoint(place)).name == "checkpoint-2"
    for file in ("adapter_model.safetensors", "optimizer.pt"):
        content = (place / "checkpoint-2" / file).read_bytes()
        (place / "checkpoint-2" / file).write_bytes(content[: len(content) // 2])
        assert newest_checkpoint(place) is None
        (place / "checkpoint-2" / file).write_bytes(content)
    (place / "checkpoint-2" / "adapter_model.safetensors").write_bytes(content[:1000])
    before = load_file(whole.adapter / "adapter_model.safetensors")
    again = finetune(fresh(tiny), *rows, dataclasses.replace(QUICK, steps=6, batch=4, evaluate_every=2), tmp_path, resume=True)
    after = load_file(again.adapter / "adapter_model.safetensors")
    assert again.applied_updates == 6 and all(torch.equal(before[name], after[name]) for name in before)


def test_a_row_that_the_processor_refuses_is_named(tiny, colours, monkeypatch):
    def refuses(text, **given):
        if any("row 2" in t for t in text):
            raise ValueError("image too odd\nsecond line")
        return processor(text=text, **given)

    processor = tiny.processor
    collator = Collator(processor)
    monkeypatch.setattr(collator, "processor", type("Refusing", (), {"__call__": staticmethod(refuses), "__getattr__": lambda _, name: getattr(processor, name)})())
    odd = colours[1].replace(text="row 2")
    with pytest.raises(KitError, match=r"sample s0_001 cannot be prepared for this model \(image too odd\); change its files or leave the row out"):
        collator([colours[0], odd, colours[2]])


def test_what_make_test_gpu_asks_of_a_users_checkpoint_holds_for_the_tiny_one(tmp_path):
    """The gpu tier's lines, on a CPU: nobody should find out on a rented card that they have a typing error."""
    from test_gpu import walk

    tuned, found = walk("tiny_omni", tmp_path, four_bit=True)
    assert tuned.applied_updates == 6 and {c.number: c.detail for c in found if c.number in (2, 4, 6, 7) and c.status != "green"} == {}
