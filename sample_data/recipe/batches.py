"""From exercises to tensors: the same tokens that the processor and the chat template make, without their overhead."""

import numpy as np
import torch
from transformers import Qwen2_5OmniProcessor

from sample_data.recipe.model import SPECIAL
from sample_data.recipe.vision_warmup import patches
from sample_data.world.item import Item

IGNORED = -100
BRACKETS = {"image": "vision", "video": "vision", "audio": "audio"}
Turn = tuple[Item, list[tuple[str, int]]]  # an item and its media: what sort, how many tokens


def prompt_text(item: Item, media: list[tuple[str, int]]) -> str:
    """Returns one user turn and the start of the assistant's, with every placeholder repeated as often as its medium has tokens."""
    shown = "".join(
        f"<|{BRACKETS[sort]}_start|>{SPECIAL[f'{sort}_token'] * count}<|{BRACKETS[sort]}_end|>"
        for sort, count in media
    )
    note = f"Note: {item.text}\n" if item.text else ""
    options = f"\nOptions: {', '.join(item.options)}" if item.listed else ""
    return f"<|im_start|>user\n{shown}{note}{item.question}{options}<|im_end|>\n<|im_start|>assistant\n"


def tokens_of(dialogues: list[list[Turn]], tokenizer) -> dict[str, torch.Tensor]:
    """Returns input_ids, attention_mask and labels (B, T), padded on the right.

    Prompt and answer are tokenised apart, as they are at evaluation; every turn's answer and its end of turn are labels.
    """
    rows, targets = [], []
    for turns in dialogues:
        tokens: list[int] = []
        wanted: list[int] = []
        for item, media in turns:
            prompt = tokenizer.encode(("\n" if tokens else "") + prompt_text(item, media))
            answer = [*tokenizer.encode(item.answer), tokenizer.eos_token_id]
            tokens += prompt + answer
            wanted += [IGNORED] * len(prompt) + answer
        rows.append(tokens)
        targets.append(wanted)
    width, pad = max(map(len, rows)), tokenizer.pad_token_id
    return {
        "input_ids": torch.tensor([row + [pad] * (width - len(row)) for row in rows]),
        "attention_mask": torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows]),
        "labels": torch.tensor([row + [IGNORED] * (width - len(row)) for row in targets]),
    }


def collate(items: list[Item], processor: Qwen2_5OmniProcessor) -> dict[str, torch.Tensor]:
    """Returns what the model takes for single questions with their media, and `labels`; pictures are of one size."""
    waves = [item.audio for item in items if item.audio is not None]
    mels = mels_of(processor.feature_extractor, waves) if waves else []
    heard = iter(mels)
    dialogues = []
    for item in items:
        media = [("image", (image.shape[0] // 28) ** 2) for image in item.images]
        if item.video is not None:
            media.append(("video", len(item.video) // 2 * (item.video.shape[1] // 28) ** 2))
        if item.audio is not None:
            media.append(("audio", ((len(next(heard)) - 1) // 2 + 1 - 2) // 2 + 1))
        dialogues.append([(item, media)])
    batch = tokens_of(dialogues, processor.tokenizer)
    images = [image for item in items for image in item.images]
    if images:
        batch["pixel_values"], batch["image_grid_thw"] = patches(
            torch.from_numpy(np.stack(images)).unsqueeze(1)
        )
    videos = [item.video for item in items if item.video is not None]
    if videos:
        batch["pixel_values_videos"], batch["video_grid_thw"] = patches(torch.from_numpy(np.stack(videos)))
        batch["video_second_per_grid"] = torch.ones(len(videos))
    if mels:
        lengths = [torch.ones(len(mel), dtype=torch.long) for mel in mels]
        batch["feature_attention_mask"] = torch.nn.utils.rnn.pad_sequence(lengths, batch_first=True)
        batch["input_features"] = (
            torch.nn.utils.rnn.pad_sequence(mels, batch_first=True).transpose(1, 2).float()
        )
    return batch


def mels_of(extractor, waves: list[np.ndarray]) -> list[torch.Tensor]:
    """Returns log-mels (frames, bands) cut where the processor would cut them; padding to the full length decides the last frame."""
    made = extractor(
        waves, sampling_rate=16000, padding="max_length", return_attention_mask=True, return_tensors="pt"
    )
    return [
        mel[:, : int(seen.sum())].T
        for mel, seen in zip(made["input_features"], made["attention_mask"], strict=True)
    ]
