"""A sample with clean and with perturbed evidence, as robust training runs it (kit.training.robust): where the texts differ, cut where they part, so that what both have in common is read once."""

from dataclasses import dataclass
from os.path import commonprefix

import torch

from kit.data import MEDIA, Sample
from kit.data.collator import Collator
from kit.models.forward import PER_TOKEN


@dataclass
class Pairs:
    """B pairs of a sample with clean and with perturbed text, ready to be run.

    Attributes:
        beginnings: what both have in common, media and all; left-padded batch.
        tokens, real, answers: (2B, L), the clean tails and then the perturbed ones, left-padded: ids, 1 for real ones, true for the answer's.
        text: (B, L) true for the tokens of the perturbed text, the only ones that are attacked.
        seeds: (B) of the attacks' random starts: a row's is its own, whichever rows, parts and processes it is run with.
    """

    beginnings: dict
    tokens: torch.Tensor
    real: torch.Tensor
    answers: torch.Tensor
    text: torch.Tensor
    seeds: list[int]


@dataclass
class Apart:
    """B pairs whose sides begin differently (another picture, words in it), or whose beginning this model cannot share: two collated batches.

    Attributes:
        clean, perturbed: of each side.
        added: per sample, the kinds of media that only the perturbed side has; they can be attacked, and so can
        text: (B, T) true for the tokens of a text that only the perturbed side has.
        seeds: (B) of the attacks' random starts.
    """

    clean: dict
    perturbed: dict
    added: list[tuple[str, ...]]
    text: torch.Tensor
    seeds: list[int]


def set_apart(collator: Collator, clean: list[Sample], perturbed: list[Sample]) -> Apart:
    """Both sides of each pair, whole."""
    added = [tuple(modality for modality in MEDIA if getattr(other, modality) and not getattr(one, modality)) for one, other in zip(clean, perturbed, strict=True)]
    sides = collator(clean), collator(perturbed)
    return Apart(*sides, added, _text_of(collator, clean, perturbed, sides[1]), [int(sample.meta.get("attack_seed", 0)) for sample in perturbed])


def _text_of(collator: Collator, clean: list[Sample], perturbed: list[Sample], batch: dict) -> torch.Tensor:
    """(B, T) true for the tokens of texts that differ from the clean side's, from the first token that differs."""
    where = torch.zeros_like(batch["input_ids"], dtype=torch.bool)
    end = int((batch["labels"] != -100).any(0).int().argmax())  # every prompt ends at the column before the answers
    for row, (one, other) in enumerate(zip(clean, perturbed, strict=True)):
        if one.text != other.text and other.text and "text" not in other.decided_by:
            ids, own = collator.prompt_ids(other), collator.text_ids(other)
            first = max(own.index(True), len(commonprefix([collator.prompt_ids(one), ids]))) if collator.prompt_ids(one) != ids and True in own else len(ids)
            tail = len(ids) - first  # from here on the prompt is plain text: media come before it, whatever each becomes
            if tail and batch["input_ids"][row, end - tail : end].tolist() != ids[first:]:
                raise ValueError(f"sample {other.id!r} has media after the first token of its text: the tokens to attack cannot be told")
            where[row, end - tail : end] = torch.tensor(own[first:], dtype=torch.bool)
    return where


def shares_its_beginning(clean: Sample, perturbed: Sample) -> bool:
    """Whether the two differ in their text alone, so that what comes before it is read once for both."""
    return all(getattr(clean, name) == getattr(perturbed, name) for name in ("image", "audio", "video", "question", "options", "answer")) and clean.meta.get("shown_as") == perturbed.meta.get("shown_as")


def paired(collator: Collator, clean: list[Sample], perturbed: list[Sample]) -> Pairs:
    """Both sides of each pair, cut at the first token in which they differ.

    Raises:
        ValueError: a pair that differs in its media, its question or its answer: no beginning can be shared; train on it as on any other row.
    """
    whole, cuts, tails, texts = collator.prompts(clean), [], [[], []], []
    for one, other in zip(clean, perturbed, strict=True):
        if not shares_its_beginning(one, other):
            raise ValueError(f"samples {one.id!r} and {other.id!r} differ in more than their text: no beginning can be shared")
        ids = [collator.prompt_ids(side) for side in (one, other)]
        common = min(len(commonprefix(ids)), *(len(side) - 1 for side in ids))
        cuts.append(len(ids[0]) - common)
        for side, prompt in zip(tails, ids, strict=True):
            side.append((prompt[common:], collator.answer_ids(one.answer)))
        texts.append(collator.text_ids(other)[common:] + [False] * len(tails[1][-1][1]))
    for row, cut in enumerate(cuts):
        if whole["input_ids"][row, -cut:].tolist() != tails[0][row][0]:
            raise ValueError(f"sample {clean[row].id!r} has media after the first token that its perturbation changes: no beginning can be shared")
    both = [*tails[0], *tails[1]]
    length = max(len(prompt) + len(answer) for prompt, answer in both)
    place = [length - len(prompt) - len(answer) for prompt, answer in both]
    return Pairs(
        _beginnings(whole, cuts),
        torch.tensor([[0] * pad + prompt + answer for pad, (prompt, answer) in zip(place, both, strict=True)]),
        torch.tensor([[0] * pad + [1] * (length - pad) for pad in place]),
        torch.tensor([[False] * (length - len(answer)) + [True] * len(answer) for _, answer in both]),
        torch.tensor([[False] * (length - len(text)) + text for text in texts]),
        [int(sample.meta.get("attack_seed", 0)) for sample in perturbed],
    )


def _beginnings(whole: dict, cuts: list[int]) -> dict:
    """The batch without the last `cuts` tokens of each row, padded on the left anew."""
    shortest, cut = min(cuts), {}
    for name, value in whole.items():
        if name in PER_TOKEN:  # what is put in front is masked; of the ids it repeats the first, so that no medium's marker is added
            value = torch.stack([torch.cat([(row[:1] if name == "input_ids" else torch.zeros_like(row[:1])).expand(n - shortest), row[: len(row) - n]]) for row, n in zip(value, cuts, strict=True)])
        cut[name] = value
    empty = int((cut["attention_mask"].sum(0) == 0).sum())  # columns that are padding in every row
    return {name: value[:, empty:] if name in PER_TOKEN else value for name, value in cut.items()}
