"""Switching an attention on: `attn_implementation={"text_config": "moda"}` and the layers' own parameters, in any transformers model.

Importing kit.attention makes the names "moda", "mma" and "rave" known to transformers. The argument alone creates no parameters, so such a model attends as ever, with a warning: `switch_on`
gives it what an untrained MODA has, `load` an adapter with it. Encoders stay as they are. What was switched on is kept beside an adapter, not in a configuration: a merged model that is saved comes back plain.
"""

import json
import warnings
from pathlib import Path

from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from kit.attention.moda import Moda
from kit.attention.rivals import Biased, Unmasked
from kit.attention.token_types import tell_token_types
from kit.errors import KitError
from kit.language import say
from kit.models import Loaded, component_of
from kit.models import load as load_plain
from kit.models.forward import base_of
from kit.models.loading import ATTENTION_FILE, add_adapter

KINDS = {kind.name: kind for kind in (Moda, Unmasked, Biased)}


def _function(name: str):
    def attention(
        module, query, key, value, attention_mask, scaling=None, dropout=0.0, token_types=None, **more
    ):
        layer = getattr(module, name, None)
        if layer is None:
            if getattr(module, "is_causal", False):  # of a language model; encoders attend as ever by intention
                warnings.warn(_only_named(name), stacklevel=2)
            return sdpa_attention_forward(
                module, query, key, value, attention_mask, scaling=scaling, dropout=dropout, **more
            )
        _require_plain(name, dropout, more)
        if token_types is None:
            raise KitError(say(f"attention {name!r} was not told its token types: switch it on with kit.attention.switch_on(model), which installs the hook that tells them",
                               f"注意機構 {name!r} にトークンの種類が伝わっていません。kit.attention.switch_on(model) で切り替えてください"))  # fmt: skip
        return layer(query, key, value, attention_mask, token_types, scaling or query.shape[-1] ** -0.5), None

    return attention


def _only_named(name: str) -> str:
    return say(
        f"this model was loaded with attn_implementation={name!r}, which creates no parameters: it attends as ever, and an adapter that was trained with {name!r} would be ignored. "
        "Call kit.attention.switch_on(model) before an adapter is added, or kit.attention.load(name, adapter=folder) for one that is trained",
        f"このモデルは attn_implementation={name!r} で読み込まれましたが、それだけではパラメーターが作られず、通常の注意のままで、{name!r} で学習したアダプターは無視されます。"
        "アダプターを載せる前に kit.attention.switch_on(model) を、学習済みアダプターには kit.attention.load(name, adapter=folder) を使ってください",
    )


for _name in KINDS:
    AttentionInterface.register(_name, _function(_name))
    AttentionMaskInterface.register(_name, sdpa_mask)


def switch_on(model, settings: Moda | Unmasked | Biased | None = None):
    """The model with this attention in every layer of its language model that has keys; changed in place, before it gets an adapter.

    Its parameters are saved with an adapter (`add_lora` sees to that) and are kept in float32.

    Args:
        model: a transformers model; `Loaded.model`.
        settings: Moda() unless told otherwise.

    Raises:
        KitError: the model has an adapter or another attention already, or none of its layers has keys.
    """
    settings = settings or Moda()
    if hasattr(model, "peft_config") or kind_of(model):
        raise KitError(
            say(
                f"{settings.name} must be switched on first: this model has an adapter or another attention already; load the checkpoint anew, switch, then add the adapter",
                f"{settings.name} は最初に切り替える必要があります。このモデルには既にアダプターか別の注意機構があります。チェックポイントを読み直し、切り替えてからアダプターを載せてください",
            )
        )
    layers = attention_layers(model)
    number = model.config.get_text_config().num_hidden_layers
    if not layers:
        raise KitError(say(f"{settings.name} cannot be switched on: no layer of this language model has keys to attend to (linear attention has none)",
                           f"{settings.name} に切り替えられません。この言語モデルにはキーを持つ注意層がありません（線形注意にはキーがありません）"))  # fmt: skip
    if len(layers) < number:
        warnings.warn(
            say(
                f"{settings.name} acts in {len(layers)} of {number} layers; the others are linear attention, which has no keys, and stay as they are",
                f"{settings.name} が働くのは {number} 層中 {len(layers)} 層です。残りはキーのない線形注意のため変わりません",
            ),
            stacklevel=2,
        )
    text = model.config.get_text_config()
    heads = text.num_attention_heads  # not q_proj's width: some families' queries come with a gate
    own = [settings.layer(heads, heads // module.num_key_value_groups, module.head_dim).to(next(module.parameters()).device) for module in layers.values()]
    model.set_attn_implementation(settings.name if text is model.config else {"text_config": settings.name})
    if text._attn_implementation != settings.name:
        raise KitError(say(f"{type(model).__name__} does not let its attention be chosen (no AttentionInterface), so {settings.name} cannot be switched on; use another checkpoint",
                           f"{type(model).__name__} は注意機構を選べない（AttentionInterface 非対応）ため、{settings.name} に切り替えられません。別のチェックポイントを使ってください"))  # fmt: skip
    tell_token_types(model)
    for module, layer in zip(layers.values(), own, strict=True):
        layer.settings = settings
        setattr(module, settings.name, layer)
    return model


def attention_layers(model) -> dict[str, nn.Module]:
    """Path -> module of each layer of the language model that attends by queries and keys."""
    return {
        path: module
        for path, module in base_of(model).named_modules()
        if component_of(path) == "llm" and hasattr(module, "q_proj") and hasattr(module, "head_dim")
    }


def kind_of(model) -> Moda | Unmasked | Biased | None:
    """What was switched on in this model."""
    for module in attention_layers(model).values():
        for name in KINDS:
            if hasattr(module, name):
                layer = getattr(module, name)
                return getattr(layer, "original_module", layer).settings
    return None


def save_settings(model, adapter: Path) -> None:
    """Writes beside an adapter what must be switched on before it is loaded; nothing for plain attention."""
    settings, file = kind_of(model), adapter / ATTENTION_FILE
    if settings:
        file.write_text(json.dumps({"attention": settings.name} | vars(settings)) + "\n", encoding="utf-8")
    else:
        file.unlink(missing_ok=True)  # of another training into the same folder


def load(name: str, four_bit: bool = False, adapter: str | Path | None = None, device=None) -> Loaded:
    """As kit.models.load; an adapter that was trained with another attention gets it.

    Raises:
        KitError: as kit.models.load, and for an attention that this version does not know.
    """
    file = Path(adapter) / ATTENTION_FILE if adapter is not None else None
    if file is None or not file.is_file():
        return load_plain(name, four_bit, adapter, device)
    told = json.loads(file.read_text(encoding="utf-8"))
    kind = KINDS.get(told.pop("attention", None))
    if kind is None:
        raise KitError(say(f"{file.name} of the adapter in {file.parent.name} names an attention that is unknown here; known: {', '.join(KINDS)}",
                           f"{file.parent.name} のアダプターの {file.name} にある注意機構は使えません。使えるもの：{'、'.join(KINDS)}"))  # fmt: skip
    loaded = load_plain(name, four_bit, None, device)
    loaded.model = add_adapter(switch_on(loaded.model, kind(**told)), Path(adapter))
    loaded.model.eval()
    loaded.model.requires_grad_(False)
    return loaded


def _require_plain(name: str, dropout: float, more: dict) -> None:
    refused = [what for what in ("softcap", "s_aux", "position_bias") if more.get(what) is not None] + [
        "attention dropout"
    ] * bool(dropout)
    if refused:
        raise KitError(say(f"attention {name!r} cannot be combined with {', '.join(refused)}; use plain attention for this checkpoint, or set its attention_dropout to 0",
                           f"注意機構 {name!r} は {'、'.join(refused)} と併用できません。このチェックポイントでは通常の注意機構を使うか、attention_dropout を 0 にしてください"))  # fmt: skip
