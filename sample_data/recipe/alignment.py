"""The language model learns to read, then to answer about what the towers see and hear.

The towers are frozen here, connectors and language model learn. The vision heads of the warm-up stay attached to the connector's output,
so that it keeps the detail of textures that questions do not ask for, and its tokens are drawn towards the words for what they show.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from sample_data.recipe import pair
from sample_data.recipe.bank import Bank
from sample_data.recipe.batches import IGNORED
from sample_data.recipe.lessons import Lessons, Reading, ahead
from sample_data.recipe.loop import Plan, train
from sample_data.recipe.model import WIDTH
from sample_data.recipe.naming import Naming
from sample_data.recipe.vision_warmup import Heads

STAGES = {  # highest rate; later ones ask more of what the earlier left unlearned
    "alignment": 2e-3,
    "alignment_again": 1e-3,
    "alignment_third": 1e-3,
}
HEADS_WEIGHT, NAMES_WEIGHT = 0.1, 0.3
ANSWERS_WEIGHT = 10.0  # of an answer's token against one of a note or question, while reading


def reading_loss(model: nn.Module, batch: dict) -> torch.Tensor:
    """Returns the loss of all tokens of pure text.

    Notes, questions and options repeat each other's words, which teaches a young model to look back for them (Olsson et al., In-context
    learning and induction heads, 2022); answers alone taught it nothing in the same time.
    """
    hidden = model.model(
        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False
    ).last_hidden_state[:, :-1]
    real = batch["attention_mask"][:, 1:] == 1
    loss = nn.functional.cross_entropy(
        model.lm_head(hidden[real]).float(), batch["input_ids"][:, 1:][real], reduction="none"
    )
    weight = torch.where(batch["labels"][:, 1:][real] != IGNORED, ANSWERS_WEIGHT, 1.0)
    return (loss * weight).sum() / weight.sum()


def embeds(model: nn.Module, part: dict) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Returns the language model's input (B, T, C) and the pictures' tokens (all tokens, C), or None without pictures."""
    inner, config = model.model, model.config
    embedded = inner.get_input_embeddings()(part["input_ids"])
    looked = None
    for name, token in (
        ("images", config.image_token_id),
        ("videos", config.video_token_id),
        ("sounds", config.audio_token_id),
    ):
        if name not in part:
            continue
        if name == "sounds":
            tokens = inner.audio_tower.proj(part[name])
        else:
            tokens = inner.visual.merger(part[name].view(-1, inner.visual.config.hidden_size))
        looked = tokens if name == "images" else looked
        embedded = embedded.masked_scatter((part["input_ids"] == token)[..., None], tokens.to(embedded.dtype))
    return embedded, looked


def read_text(model: nn.Module, processor, folder: Path, steps: int, seed: int = 2) -> list[float]:
    """Trains the language model on sentences."""
    lessons = Reading(processor.tokenizer, steps, seed, pair.place())
    modules = nn.ModuleDict({"language_model": model.model.language_model})
    source: list = []

    def loss_of(step: int) -> torch.Tensor:
        if not source:
            source.append(ahead(lessons, step))
        return reading_loss(model, next(source[0]))

    return train(modules, loss_of, Plan("text", steps, 2e-3, keep_every=100), folder)


def align(
    model: nn.Module,
    processor,
    banks: dict[str, Bank],
    folder: Path,
    heads: Heads,
    steps: dict[str, int],
    seed: int = 3,
) -> dict[str, list[float]]:
    """Trains connectors and language model on everything in the banks; returns the losses of all stages.

    Args:
        model: trained in place.
        processor: makes the tokens.
        banks: media of the sorts "picture", "motion" and "sound".
        folder: keeps the state of an interrupted run.
        heads: of the vision warm-up; they go on watching the connector's output.
        steps: number of updates of each of `STAGES`.
        seed: of the batches; every stage has its own.
    """
    inner = model.model
    learning = {
        "language_model": inner.language_model,
        "merger": inner.visual.merger,
        "projection": inner.audio_tower.proj,
    }
    modules = nn.ModuleDict(learning | {"heads": heads})
    losses = {}
    for number, (name, rate) in enumerate(STAGES.items()):
        lessons = Lessons(
            processor.tokenizer, banks, inner.get_rope_index, steps[name], seed + 10 * number, pair.place(), name
        )
        loss_of = _answering(model, heads, Naming(processor.tokenizer), lessons)
        losses[name] = train(modules, loss_of, Plan(name, steps[name], rate, keep_every=100), folder)
    return losses


def _answering(model: nn.Module, heads: Heads, naming: Naming, lessons: Lessons) -> Callable[[int], torch.Tensor]:
    """Returns the loss of one update as a function of its number; batches are made ahead from the first one asked for."""
    source: list = []

    def loss_of(step: int) -> torch.Tensor:
        if not source:
            source.append(ahead(lessons, step))
        parts = next(source[0])
        total, loss = sum(int((part["labels"] != IGNORED).sum()) for part in parts), torch.zeros(())
        for part in parts:
            embedded, looked = embeds(model, part)
            hidden = model.model.language_model(
                inputs_embeds=embedded,
                attention_mask=part["attention_mask"],
                position_ids=part["position_ids"],
                use_cache=False,
            ).last_hidden_state[:, :-1]
            wanted = part["labels"][:, 1:]
            asked = wanted != IGNORED
            logits = model.lm_head(hidden[asked]).float()
            loss = loss + nn.functional.cross_entropy(logits, wanted[asked], reduction="sum") / total
            if looked is not None:
                tokens = looked.view(len(part["facts"]), -1, WIDTH)
                loss = loss + HEADS_WEIGHT * heads(tokens, part["facts"], part["cells"])
                loss = loss + NAMES_WEIGHT * naming(model.get_input_embeddings(), tokens, part["cells"])
        return loss

    return loss_of
