"""Another connector for pictures: what hands the patches of a vision tower to the language model (the merger of Qwen2-VL and Qwen2.5-VL) is replaced by one of `kit.models.connectors`.

    give_merger(loaded, {"kind": "linear"})                 # 2 x 2 patches a token, as the family has it
    give_merger(loaded, {"kind": "resampler"}, side=4)      # a learned query looks at 4 x 4 patches: a quarter of the tokens

The tower's weights stay; only the order of its patches follows the new squares, and the processor writes as many picture tokens as there will be.
Shapes: P squares, k = side^2 patches of each, C width of the tower, D of the language model.
"""

import torch
from torch import nn

from kit.errors import KitError
from kit.language import say
from kit.models.connectors import build, initialise, settled
from kit.models.forward import base_of
from kit.models.loading import Loaded

_TOWERS = ("Qwen2_5_VisionTransformerPretrainedModel", "Qwen2VisionTransformerPretrainedModel")


def _width(tower: nn.Module) -> int:
    """C; in Qwen2-VL's settings hidden_size is the language model's width."""
    return tower.patch_embed.embed_dim


class Merger(nn.Module):
    """RMS norm as in Qwen2.5-VL's own merger (Qwen2-VL's is a layer norm; a fresh one is learned either way), then a connector over the patches of each square."""

    def __init__(self, settings: dict):
        super().__init__()
        self.norm, self.connector = nn.RMSNorm(settings["inside"], eps=1e-6), build(settings)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """(P k, C), the patches of a square one after the other -> (P, D)."""
        pieces = self.norm(patches).unflatten(0, (-1, self.connector.stack))
        return self.connector.of_pieces(pieces, torch.ones(pieces.shape[:2], dtype=torch.bool, device=patches.device))


def give_merger(loaded: Loaded, connector: str | dict = "mlp", side: int = 2, seed: int = 0) -> Merger:
    """Puts a fresh, seeded merger into a Qwen2.5-VL in place, and returns it; the model sees nothing before it was trained.

    Args:
        loaded: a Qwen2.5-VL or Qwen2-VL, or a model that was composed of one, in 16 or 32 bit.
        connector: a name of `kit.models.connectors.CONNECTORS`, or settings with "kind"; "stack" and "queries" follow from `side`.
        side: patches on a side of the square that becomes one token.

    Raises:
        KitError: another family, or settings that do not exist.
    """
    tower = next((module for module in base_of(loaded.model).modules() if type(module).__name__ in _TOWERS), None)
    if tower is None:
        raise KitError(
            say(
                f"another connector for pictures is known for Qwen2.5-VL and Qwen2-VL, and {type(base_of(loaded.model)).__name__} is none: name a checkpoint of these (qwen2.5-vl-7b, qwen2-vl-2b), or train the connector that it has (kit.training.Stage, trains={{'connector': 1e-3}})",
                f"画像のコネクターを取り替えられるのは Qwen2.5-VL と Qwen2-VL だけです（{type(base_of(loaded.model)).__name__}）。そのチェックポイント（qwen2.5-vl-7b、qwen2-vl-2b）を指定するか、元のコネクターを学習してください（kit.training.Stage、trains={{'connector': 1e-3}}）",
            )
        )
    asked = {"kind": connector} if isinstance(connector, str) else dict(connector)
    settings = settled(asked | {"stack": side * side, "queries": 1}, _width(tower), loaded.model.get_input_embeddings().embedding_dim)
    merger = Merger(settings)
    initialise(merger.connector, seed)
    like = next(tower.parameters())
    tower.merger = merger.to(like.device, like.dtype).eval().requires_grad_(False)
    tower.config.spatial_merge_size = tower.spatial_merge_size = side
    tower.spatial_merge_unit = side * side
    eyes = getattr(loaded.processor, "vlm_processor", loaded.processor)
    eyes.image_processor.merge_size = eyes.video_processor.merge_size = side
    return tower.merger
