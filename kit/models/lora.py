"""Which parts of a model LoRA may touch: targets are resolved by full path, per component, and can be shown as a table.

Leaf names repeat across towers ("q_proj" is in the vision tower too), so a list of leaf names puts adapters where nobody wants
them (pains.md 6). Components: llm, connector, vision, audio, head, embeddings.
"""

import torch
from torch import nn

from kit.errors import KitError

COMPONENTS = ("llm", "connector", "vision", "audio")
SAVED_WHOLE = (".moda", ".rave")  # modules that an adapter holds as they are, not as a product of two matrices
# first match wins: a connector often lives inside the tower that it leaves
_PATHS = (
    (
        "connector",
        (
            *("merger", "deepstack_merger_list", "multi_modal_projector", "image_newline", "connector", "audio_connector", "projector"),
            *("audio_tower.proj", "embed_vision", "embed_audio", "mlp1"),
        ),
    ),
    ("vision", ("visual", "vision_tower", "vision_model", "vision_encoder")),
    ("audio", ("audio_tower", "audio_model", "audio_encoder")),
    ("head", ("lm_head",)),
    ("embeddings", ("embed_tokens",)),
)


def component_of(path: str) -> str:
    """The component that a module or parameter path belongs to; what matches nothing else is the language model."""
    dotted = f".{path}."
    for component, marks in _PATHS:
        if any(f".{mark}." in dotted or f".{mark}_" in dotted for mark in marks):
            return component
    return "llm"


def is_linear(module: nn.Module) -> bool:
    # bitsandbytes' Linear4bit is a subclass of nn.Linear
    return isinstance(module, nn.Linear)


def lora_targets(model: nn.Module, components: list[str]) -> list[str]:
    """Full paths of every linear layer in `components`.

    Raises:
        KitError: an unknown component, or one that this model does not have.
    """
    unknown = sorted(set(components) - set(COMPONENTS))
    if unknown:
        raise KitError(f"training.lora names {unknown}; allowed: {', '.join(COMPONENTS)}")
    linear = {name: component_of(name) for name, module in model.named_modules() if is_linear(module)}
    missing = [c for c in components if c not in linear.values()]
    if missing:
        raise KitError(f"training.lora names {missing}, but this model has linear layers only in {sorted(set(linear.values()))}")
    return [name for name, component in linear.items() if component in components]


def add_lora(model: nn.Module, components: list[str], rank: int, alpha: int | None = None, dropout: float = 0.0, seed: int = 0):
    """The model wrapped by PEFT with LoRA on `components`; adapter weights in float32 and seeded. What an attention of kit.attention learns is trained and saved with it."""
    from peft import LoraConfig, get_peft_model

    whole = sorted({name.rsplit(".", 1)[-1] for name, module in model.named_modules() if name.endswith(SAVED_WHOLE) and any(True for _ in module.parameters())})
    config = LoraConfig(r=rank, lora_alpha=alpha or 2 * rank, lora_dropout=dropout, target_modules=lora_targets(model, components), modules_to_save=whole or None)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return get_peft_model(model, config)


def is_adapter(path: str) -> bool:
    """Whether a parameter of a PEFT model belongs to its adapter."""
    return "lora_" in path or ".modules_to_save." in path


def is_gate(path: str, weight: torch.Tensor) -> bool:
    """Whether a parameter of a PEFT model is one of the numbers that an attention learns beside its matrices: gates, decays, a bias per head."""
    return any(f"{name}.modules_to_save." in path for name in SAVED_WHOLE) and weight.dim() < 2


def component_table(model: nn.Module) -> list[dict]:
    """One row per component: parameters, those trained, and the linear layers that carry an adapter."""
    rows: dict[str, dict] = {}
    for path, parameter in model.named_parameters():
        name = component_of(path)
        row = rows.setdefault(name, {"component": name, "parameters": 0, "trainable": 0, "lora_layers": 0})
        # a 4-bit weight holds two values per stored byte
        row["parameters"] += parameter.numel() * (2 if type(parameter).__name__ == "Params4bit" else 1)
        row["trainable"] += parameter.numel() if parameter.requires_grad else 0
        row["lora_layers"] += path.endswith(("lora_A.default.weight",))
    return [rows[name] for name in (*COMPONENTS, "head", "embeddings") if name in rows]
