"""Which tokens of a prompt stand for media, and whether there are as many as the encoders deliver. Shapes: B batch, T tokens."""

import torch

from kit.models.forward import base_of


def media_token_ids(model) -> dict[str, int]:
    """Modality -> the token that stands for it in a prompt; -1 where the family has none."""
    config = base_of(model).config
    return {modality: getattr(config, f"{modality}_token_id", getattr(config, f"{modality}_token_index", -1)) for modality in ("image", "video", "audio")}


def media_tokens(model, batch: dict) -> dict[str, tuple[int, int]]:
    """Per modality (placeholder tokens in the prompt, tokens that its encoder will deliver); fewer placeholders mean that media were cut.

    Only families that say how large their media grids are can be checked; others are left out (their own forward raises on a mismatch).
    """
    config = base_of(model).config
    merge = getattr(getattr(config, "vision_config", None), "spatial_merge_size", 1) ** 2
    ids, found = batch["input_ids"], {}
    for modality, key in (("image", "image_grid_thw"), ("video", "video_grid_thw")):
        if batch.get(key) is not None:
            found[modality] = (int((ids == getattr(config, f"{modality}_token_id")).sum()), int(batch[key].prod(-1).sum()) // merge)
    if batch.get("feature_attention_mask") is not None:
        tower = next(m for path, m in base_of(model).named_modules() if path.endswith("audio_tower"))
        _, lengths = tower._get_feat_extract_output_lengths(batch["feature_attention_mask"].sum(-1))
        found["audio"] = (int((ids == config.audio_token_id).sum()), int(lengths.sum()))
    return found


def tokens_of(model, ids: torch.Tensor, modalities: list[tuple[str, ...]]) -> torch.Tensor:
    """(B, T) true where a token of `ids` stands for a medium of one of the row's modalities."""
    marks = media_token_ids(model)
    return torch.stack([torch.isin(row, torch.tensor([marks[modality] for modality in row_has], device=ids.device, dtype=ids.dtype)) for row, row_has in zip(ids, modalities, strict=True)])
