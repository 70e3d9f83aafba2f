"""An adapter merged into its checkpoint: one directory of plain weights that any engine serves without knowing of LoRA."""

from dataclasses import replace
from pathlib import Path

import torch
from safetensors import safe_open

from kit.errors import KitError
from kit.language import say
from kit.models.catalogue import resolve
from kit.models.loading import Loaded, load


def merge(source: str, adapter: Path, out: Path) -> Path:
    """Writes the checkpoint `source` with `adapter` merged into it to the directory `out`, and returns that.

    The sum is made in float32 on the CPU (4 bytes per parameter of memory) and rounded once, to the precision that the checkpoint's own weights are stored in. An adapter
    that was trained on a 4-bit base is merged into the 16-bit weights: what it learned around the rounding errors of nf4 no longer fits exactly.

    Args:
        source: catalogue name, hub id or directory.
        adapter: directory of a PEFT adapter.
        out: a directory that is not there yet.

    Raises:
        KitError: no such checkpoint or adapter, `out` exists, or weights that are no numbers after the merge.
    """
    if out.exists():
        raise KitError(say(f"{out} exists already and is not overwritten; name another folder", f"{out} は既にあるため上書きしません。別のフォルダーを指定してください"))
    loaded = load(source, adapter=adapter, device="cpu")
    merged(loaded).model.to(stored_precision(resolve(source)[1]) or torch.bfloat16).save_pretrained(out)
    loaded.processor.save_pretrained(out)
    return out


def merged(loaded: Loaded) -> Loaded:
    """The model with its adapter merged into its weights, all frozen, so that another adapter can be trained on top. A 4-bit model rounds what the adapter learned.

    Raises:
        KitError: weights that are no numbers after the merge.
    """
    try:
        model = loaded.model.merge_and_unload(safe_merge=True)
    except ValueError as error:
        raise KitError(
            say(f"the adapter cannot be merged ({error}); train it again with a lower learning rate", f"アダプターを統合できません（{error}）。学習率を下げて学習し直してください")
        ) from error
    for weight in model.parameters():
        weight.requires_grad_(False)
    return replace(loaded, model=model.eval())


def stored_precision(place: str) -> torch.dtype | None:
    """The floating precision of most stored weights of a checkpoint in a directory; None for a hub id."""
    counts: dict[str, int] = {}
    for file in sorted(Path(place).glob("*.safetensors")):
        with safe_open(str(file), "pt") as saved:
            for name in saved.keys():  # noqa: SIM118 (safe_open has no __iter__)
                kind = saved.get_slice(name).get_dtype()
                counts[kind] = counts.get(kind, 0) + 1
    known = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}
    found = [kind for kind in sorted(counts, key=counts.get, reverse=True) if kind in known]
    return known[found[0]] if found else None
