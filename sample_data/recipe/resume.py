"""Lays the finished stages of `kept/` into the build folder, so that `make_tiny_omni.py` goes on with the last one.

python -m sample_data.recipe.resume [FOLDER]
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

KEPT = Path(__file__).resolve().parent / "kept"
BUILD = Path(__file__).resolve().parents[2] / "build" / "tiny_omni"


def lay_out(build: Path = BUILD) -> None:
    """Writes the states that `loop.train` resumes from; files that are there stay."""
    build.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "audio_warmup.json"):
        if not (build / name).exists():
            shutil.copy2(KEPT / name, build)
    for stage in ("vision", "audio", "text"):
        weights = load_file(KEPT / f"{stage}.safetensors")
        state = {
            "modules": {
                name: weight.float() if weight.is_floating_point() else weight
                for name, weight in weights.items()
            },
            "losses": json.loads((KEPT / f"{stage}.json").read_text(encoding="utf-8")),
        }
        if not (build / f"{stage}.pt").exists():
            torch.save(state, build / f"{stage}.pt")


if __name__ == "__main__":
    lay_out(Path(sys.argv[1]) if len(sys.argv) > 1 else BUILD)
