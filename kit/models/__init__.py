"""Checkpoints: which ones exist, how they are loaded (4-bit or not), which parts LoRA may touch, how one forward is run."""

from kit.models.catalogue import CATALOGUE, PRESETS, Checkpoint, resolve
from kit.models.loading import Loaded, load, require_checkpoint
from kit.models.lora import add_lora, component_of, component_table, lora_targets

__all__ = [
    "CATALOGUE",
    "PRESETS",
    "Checkpoint",
    "Loaded",
    "add_lora",
    "component_of",
    "component_table",
    "load",
    "lora_targets",
    "require_checkpoint",
    "resolve",
]
