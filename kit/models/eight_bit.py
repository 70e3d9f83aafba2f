"""A loaded model's language model in 8-bit (LLM.int8, Dettmers and others, arXiv 2208.07339, section 3): for measuring what it saves, not for training."""

import logging
from dataclasses import replace

from torch import nn

from kit.models.loading import Loaded
from kit.models.lora import component_of


def in_eight_bit(loaded: Loaded) -> Loaded:
    """The model with its language model's linear layers as int8; towers, connectors and the head stay as they are. The given model is changed, and not usable as it was.

    Args:
        loaded: without an adapter (`kit.models.merge.merged` first): an adapter's own matrices would be quantised, too.

    Raises:
        ImportError, RuntimeError, NotImplementedError: what bitsandbytes says where it has no int8 for this device.
    """
    import bitsandbytes

    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)  # it logs the cast of its inputs to float16 once per layer and call
    device = loaded.device
    layers = [(name, module) for name, module in loaded.model.named_modules() if type(module) is nn.Linear and component_of(name) == "llm"]
    for name, layer in layers:
        owner, _, own = name.rpartition(".")
        small = bitsandbytes.nn.Linear8bitLt(layer.in_features, layer.out_features, bias=layer.bias is not None, has_fp16_weights=False)
        small.weight = bitsandbytes.nn.Int8Params(layer.weight.data.cpu(), requires_grad=False, has_fp16_weights=False)
        if layer.bias is not None:
            small.bias = layer.bias
        setattr(loaded.model.get_submodule(owner), own, small.to(device))  # moving it is what quantises
    return replace(loaded, model=loaded.model.eval())
