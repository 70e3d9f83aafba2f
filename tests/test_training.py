"""Fine-tuning learns, is reproducible and resumable; each run check is green on an honest run and red on a planted fault."""

import copy

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from kit.data.collator import Collator
from kit.errors import KitError
from kit.evaluation import predict
from kit.models import Loaded, load
from kit.training import Settings, checks, finetune
from kit.training.finetune import in_all_orientations, with_dropped_evidence

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
    """Trained on notes that are always right, with no picture ever needed: the picture stays unused."""
    noted = [s.replace(text=f"looks {s.answer}") for s in colours]
    blind = [s.replace(image=(colours[0].image[0],)) for s in noted]  # every training row shows the same picture
    tuned = finetune(fresh(tiny), blind[:30], blind[30:36], Settings(steps=40, batch=12, evaluate_every=20, rank=8, learning_rate=4e-3), tmp_path)
    assert checks.check_media_used(tuned.loaded, noted[36:]).status == "red"


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


def test_the_same_seed_gives_the_same_adapter_and_resuming_changes_nothing(tiny, colours, tmp_path):
    rows = colours[:24], colours[24:30]
    whole = finetune(fresh(tiny), *rows, QUICK, tmp_path / "whole")

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
    interrupted.model.get_input_embeddings().register_forward_hook(dies_at(11))  # after the checkpoint of update 6
    with pytest.raises(Stop):
        finetune(interrupted, *rows, QUICK, tmp_path / "parts")
    assert not (tmp_path / "parts" / "adapter").exists()
    resumed = finetune(fresh(tiny), *rows, QUICK, tmp_path / "parts", resume=True)
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
