"""Which tokens of a prompt stand for media, and whether there are as many as the encoders deliver. Shapes: B batch, T tokens."""

import torch

from kit.errors import KitError
from kit.language import say
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
        frames = batch["feature_attention_mask"].sum(-1)
        if hasattr(base_of(model), "audio_tokens"):  # a composed model
            lengths = base_of(model).audio_tokens(frames)
        else:
            tower = next(m for path, m in base_of(model).named_modules() if path.endswith("audio_tower"))
            _, lengths = tower._get_feat_extract_output_lengths(frames)
        found["audio"] = (int((ids == config.audio_token_id).sum()), int(lengths.sum()))
    return found


def tokens_of(model, ids: torch.Tensor, modalities: list[tuple[str, ...]], without: torch.Tensor | None = None) -> torch.Tensor:
    """(B, T) true where a token of `ids` stands for a medium of one of the row's modalities.

    Args:
        ids: (B, T) prompts.
        modalities: of each row, those that are looked for.
        without: (B, T') the same rows without these media. SmolVLM and InternVL write the frames of a video with the pictures' token: what the row has without them is another medium's.

    Raises:
        KitError: the family's tokens for a medium are not known.
    """
    found = torch.zeros_like(ids, dtype=torch.bool)
    for row, wanted in enumerate(modalities):
        for modality in wanted:
            found[row] |= _tokens_of_one(model, ids[row], modality, wanted, None if without is None else without[row])
    return found


def _tokens_of_one(model, ids: torch.Tensor, modality: str, wanted: tuple[str, ...], without: torch.Tensor | None) -> torch.Tensor:
    """(T) true where a token stands for the row's medium of this modality."""
    marks = media_token_ids(model)
    lent = modality == "video" and marks["video"] < 0  # frames are written as pictures
    here = ids == marks["image" if lent else modality]
    if not here.any():
        raise KitError(
            say(
                f"which tokens stand for {modality} is not known for {type(base_of(model)).__name__}, so it cannot be attacked: set training.robust.ascent_steps to 0, or leave `another {modality}` out",
                f"{type(base_of(model)).__name__} で {modality} を表すトークンがわからないため、攻撃できません。training.robust.ascent_steps を 0 にするか、`another {modality}` を外してください",
            )
        )
    if marks["video"] >= 0 or modality == "audio" or {"image", "video"} <= set(wanted) or without is None:
        return here
    others = int((without == marks["image"]).sum())  # of the medium that the row has anyway; pictures come before videos in a prompt
    order = here.cumsum(0)
    return here & ((order > others) if lent else (order <= int(here.sum()) - others))
