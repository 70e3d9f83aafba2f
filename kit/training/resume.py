"""Going on after an interruption: which checkpoint can be gone on from, and what a finished training wrote down."""

import json
import zipfile
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError, safe_open

from kit.models.loading import attention_beside, attention_of

STAGE_WEIGHTS = "trained.safetensors"  # what a stage of progressive alignment trains
_TORCH_FILES = ("optimizer.pt", "scheduler.pt")  # torch writes zip archives, whose directory comes last
_KEPT = ("applied_updates", "stopped_early", "history", "gradients", "frozen_moved", "lora_moved", "supervised", "micro_batch", "reach")


def newest_checkpoint(folder: Path) -> str | None:
    """The newest whole checkpoint before the training's end; None where there is none.

    A checkpoint that was being written when the machine went down is passed over. So is the last one of a training that ended: going on from it would
    add an update that an uninterrupted run does not have.
    """
    found = {}
    for path in folder.glob("checkpoint-*"):
        try:
            state = json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
            control = state["stateful_callbacks"]["TrainerControl"]
            ended = (control["args"] | control["attributes"])["should_training_stop"]
            random = sorted(path.glob("rng_state*.pth"))  # one per process
            whole = bool(random) and any(_is_whole(path / name) for name in ("adapter_model.safetensors", STAGE_WEIGHTS)) and all(map(zipfile.is_zipfile, [*random, *(path / name for name in _TORCH_FILES)]))
        except (OSError, ValueError, KeyError):  # missing, cut or of another make
            continue
        if whole and not ended and state["global_step"] < state["max_steps"]:
            found[state["global_step"]] = path
    return str(found[max(found)]) if found else None


def _is_whole(file: Path) -> bool:
    try:
        with safe_open(str(file), "pt") as saved:
            return bool(list(saved.keys()))
    except (OSError, SafetensorError):
        return False


def write_finished(tuned, settings, out: Path) -> None:
    """Writes out/training.json, last and in one move: where it exists, the training ended and its adapter is whole."""
    part = out / "training.json.part"
    part.write_text(json.dumps({"settings": asdict(settings)} | {name: getattr(tuned, name) for name in _KEPT}, indent=1), encoding="utf-8")
    part.replace(out / "training.json")


def read_finished(tuned, settings, out: Path) -> bool:
    """Fills `tuned` with what a finished training of the same settings wrote, and its model with the adapter; False where there is none."""
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    try:
        written = json.loads((out / "training.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    adapter = tuned.adapter / "adapter_model.safetensors"
    if attention_beside(tuned.adapter) != attention_of(tuned.loaded.model):
        return False
    if written.get("settings") != json.loads(json.dumps(asdict(settings))) or not all(name in written for name in _KEPT) or not _is_whole(adapter):
        return False
    set_peft_model_state_dict(tuned.loaded.model, load_file(adapter))
    for name in _KEPT:
        setattr(tuned, name, written[name])
    return True
