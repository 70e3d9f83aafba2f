"""A small catalogue of checkpoints: size, senses, licence, memory; what we did not verify says so.

Memory of weights only: 16-bit is 2 bytes per parameter; 4-bit is an estimate (language model in nf4 at 0.55 bytes per parameter, the rest in
16-bit). Activations, caches and optimiser come on top. None of the hub checkpoints was run by this project's own tests: they see no
model hub, so the real loading code is tested on checkpoints built from the same classes.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from kit.errors import KitError
from kit.language import say

_SAMPLE_DATA = Path(__file__).parents[2] / "sample_data"


@dataclass(frozen=True)
class Checkpoint:
    """One entry of the catalogue.

    Attributes:
        name: our short name.
        source: hub id, or a directory of this project.
        parameters_b: size in billions, None when unknown (a user's own directory).
        modalities: what it takes in.
        licence: as stated by its publisher.
        commercial_use: whether the licence allows it; None: not verified, read it before you use it.
        gb_16bit, gb_4bit: memory of the weights in GB.
        four_bit: whether `auto` chooses 4-bit on a GPU (small models lose more than they gain).
        checked: where and when the licence was looked up, or "not verified".
    """

    name: str
    source: str
    parameters_b: float | None = None
    modalities: tuple[str, ...] = ("text", "image")
    licence: str = "unknown"
    commercial_use: bool | None = None
    gb_16bit: float | None = None
    gb_4bit: float | None = None
    four_bit: bool = False
    checked: str = "not verified"


def _entry(name, source, size, modalities, licence, commercial, gb_4bit, four_bit, checked) -> Checkpoint:
    return Checkpoint(name, source, size, modalities, licence, commercial, round(2 * size, 1), gb_4bit, four_bit, checked)


_SEES, _SEES_VIDEO = ("text", "image"), ("text", "image", "video")
_OMNI = ("text", "image", "video", "audio")
_QWEN35 = "apxml.com/models/qwen35-2b, read 2026-11-22"
_SMOL = "arXiv 2504.05299 and a mirror of the model card (nirman.online), read 2026-11-22"
_GEMMA = "llmradar.eu comparison of 2026-04-17, read 2026-11-22"
_QWEN_VL = "ai-tldr.dev/models/qwen2-5-vl and qwen2-vl, and Hugging Face discussions 31 (7B) and 12 (3B) that quote the model cards, read 2026-11-30"

CATALOGUE: dict[str, Checkpoint] = {
    entry.name: entry
    for entry in (
        Checkpoint(
            "tiny_omni", str(_SAMPLE_DATA / "tiny_omni"), 0.005, _OMNI, "Apache-2.0", True, 0.01, 0.007, False, "made by this project"
        ),
        _entry("smolvlm2-256m", "HuggingFaceTB/SmolVLM2-256M-Video-Instruct", 0.256, _SEES_VIDEO, "Apache-2.0", True, 0.4, False, _SMOL),
        _entry("smolvlm2-500m", "HuggingFaceTB/SmolVLM2-500M-Video-Instruct", 0.507, _SEES_VIDEO, "Apache-2.0", True, 0.5, False, _SMOL),
        _entry("smolvlm2-2.2b", "HuggingFaceTB/SmolVLM2-2.2B-Instruct", 2.25, _SEES_VIDEO, "Apache-2.0", True, 1.9, True, _SMOL),
        _entry("qwen3.5-0.8b", "Qwen/Qwen3.5-0.8B", 0.8, _SEES_VIDEO, "Apache-2.0", True, 1.0, False, _QWEN35),
        _entry("qwen3.5-2b", "Qwen/Qwen3.5-2B", 2.0, _SEES_VIDEO, "Apache-2.0", True, 2.0, False, _QWEN35),
        _entry("qwen3.5-4b", "Qwen/Qwen3.5-4B", 4.0, _SEES_VIDEO, "Apache-2.0", True, 3.8, True, _QWEN35),
        _entry("qwen3.5-9b", "Qwen/Qwen3.5-9B", 9.0, _SEES_VIDEO, "Apache-2.0", True, 8.0, True, _QWEN35),
        _entry("qwen3-vl-2b", "Qwen/Qwen3-VL-2B-Instruct", 2.1, _SEES_VIDEO, "Apache-2.0 (from memory)", None, 2.0, False, "not verified"),
        _entry("qwen3-vl-4b", "Qwen/Qwen3-VL-4B-Instruct", 4.4, _SEES_VIDEO, "Apache-2.0 (from memory)", None, 3.6, True, "not verified"),
        _entry("qwen3-vl-8b", "Qwen/Qwen3-VL-8B-Instruct", 8.8, _SEES_VIDEO, "Apache-2.0 (from memory)", None, 6.9, True, "not verified"),
        _entry("qwen2-vl-2b", "Qwen/Qwen2-VL-2B-Instruct", 2.2, _SEES_VIDEO, "Apache-2.0", True, 2.5, False, _QWEN_VL),
        _entry("qwen2.5-vl-7b", "Qwen/Qwen2.5-VL-7B-Instruct", 8.3, _SEES_VIDEO, "Apache-2.0", True, 7.1, True, _QWEN_VL),
        _entry("qwen2.5-vl-3b", "Qwen/Qwen2.5-VL-3B-Instruct", 3.8, _SEES_VIDEO, "Qwen Research License (no commercial use)", False, 3.5, True, _QWEN_VL),
        _entry("gemma4-e2b", "google/gemma-4-E2B-it", 5.1, _OMNI, "Apache-2.0", True, 6.0, True, _GEMMA),
        _entry("gemma4-e4b", "google/gemma-4-E4B-it", 8.0, _OMNI, "Apache-2.0", True, 9.0, True, _GEMMA),
        _entry("qwen2.5-omni-3b", "Qwen/Qwen2.5-Omni-3B", 5.5, _OMNI, "Qwen Research (from memory)", False, 6.0, True, "not verified"),
        _entry("qwen2.5-omni-7b", "Qwen/Qwen2.5-Omni-7B", 10.7, _OMNI, "Apache-2.0 (from memory)", None, 11.0, True, "not verified"),
    )
}

# The default checkpoint of each preset; `omni` is used where a use case needs to hear, `connector` where its connector for pictures is replaced (kit.models.merger). All allow commercial use.
PRESETS: dict[str, dict[str, str]] = {
    "tiny": {"vision": "tiny_omni", "omni": "tiny_omni", "connector": "tiny_omni"},
    "laptop": {"vision": "smolvlm2-500m", "omni": "smolvlm2-500m", "connector": "qwen2-vl-2b"},
    "gpu": {"vision": "qwen3.5-4b", "omni": "gemma4-e4b", "connector": "qwen2.5-vl-7b"},
}


def resolve(name: str) -> tuple[Checkpoint, str]:
    """The catalogue's entry and the place to load from, for a catalogue name, a directory or a hub id.

    Raises:
        KitError: it is none of the three.
    """
    if name in CATALOGUE:
        entry = CATALOGUE[name]
        return entry, entry.source
    if Path(name).is_dir():
        if Path(name).resolve() == Path(CATALOGUE["tiny_omni"].source).resolve():
            return CATALOGUE["tiny_omni"], name
        return Checkpoint(Path(name).name, Path(name).name), name
    for entry in CATALOGUE.values():
        if entry.source == name:
            return entry, name
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return Checkpoint(name, name), name
    raise KitError(
        say(
            f"no checkpoint {name!r}: give a catalogue name ({', '.join(CATALOGUE)}), a hub id like owner/name, or a directory that exists",
            f"チェックポイント {name!r} はありません。カタログ名（{', '.join(CATALOGUE)}）、owner/name 形式のハブ ID、または存在するフォルダーを指定してください",
        )
    )


def default_checkpoint(preset: str, modalities: tuple[str, ...]) -> str:
    """The preset's default checkpoint for evidence of these modalities.

    Raises:
        KitError: unknown preset, or its default cannot take one of the modalities in.
    """
    if preset not in PRESETS:
        raise KitError(say(f"preset {preset!r} is unknown; allowed: {', '.join(PRESETS)}", f"プリセット {preset!r} は使えません。使えるもの：{'、'.join(PRESETS)}"))
    name = PRESETS[preset]["omni" if "audio" in modalities else "vision"]
    missing = sorted(set(modalities) - set(CATALOGUE[name].modalities))
    if missing:
        raise KitError(
            say(
                f"the {preset} preset's checkpoint {name} takes in no {', '.join(missing)}; name one with --model that does, e.g. gemma4-e2b",
                f"プリセット {preset} の {name} は {', '.join(missing)} を扱えません。--model で扱えるもの（例：gemma4-e2b）を指定してください",
            )
        )
    return name


_LAPTOP_B = 2.5  # billions of parameters: up to there a checkpoint is the laptop's


def connector_base(name: str) -> str:
    """The checkpoint whose connector for pictures can be replaced (`kit.models.merger`), to be compared with checkpoint `name`: itself where it is a Qwen2-VL or Qwen2.5-VL, or a directory, which only loading can tell; else the
    one of the preset that `name` is the size of.

    Raises:
        KitError: as `resolve`.
    """
    entry, source = resolve(name)
    if Path(source).is_dir() or source.startswith(("Qwen/Qwen2-VL", "Qwen/Qwen2.5-VL")):
        return name
    return PRESETS["laptop" if (entry.parameters_b or math.inf) <= _LAPTOP_B else "gpu"]["connector"]
