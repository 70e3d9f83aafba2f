"""Many questions about the same media: what all of them have in common is read once, the encoders with it.

Samples with the same pictures, videos and sounds form a group (many texts on one picture; or one distracting picture under many questions: the loops are inverted by the grouping alone). All
tokens before the first one in which the prompts of a group differ are run once, each prompt is read on from there, and its options after it. Exact: media come first in a prompt, so the
shared part holds every medium's tokens whole (blocks that are attended to in both directions are never cut), and text after them is causal. Idea: performance.md b; Hydragen, arXiv 2402.05099.

Rows with two media (one picture beside many sounds) are groups of their own for the language model, which reads each pair; the encoders are asked once per distinct medium all the same, because what
they made of it is remembered from group to group (kit.models.encoders; Gemma 4's sounds excepted, which are encoded once per group).
"""

import json
from os.path import commonprefix

import numpy as np
import torch

from kit.data import MEDIA, Sample
from kit.data.collator import Collator
from kit.evaluation.scoring import in_halves, option_scores, option_totals, require_options
from kit.models import Loaded
from kit.models.encoders import remembered
from kit.models.forward import Prefix, attends_to_all, first_tokens, read_on, read_prompt
from kit.show import progress


def shared_scores(loaded: Loaded, samples: list[Sample], batch_size: int = 16, desc: str = "scoring", told: dict | None = None) -> list[np.ndarray]:
    """What `kit.evaluation.option_scores` gives, within float rounding: one array (number of options,) per sample, in nats.

    Args:
        loaded, samples: as there.
        batch_size: prompts read on at once.
        desc: label of the progress bar.
        told: receives "prompts" (all), "shared" (how many were read on from a shared part), "read" (groups read once), "tokens" and "tokens_read" (of the prompts of those groups, without and with sharing),
            "encoded" (distinct media that an encoder read; 0 where the caller remembers them already).
    """
    require_options(samples)
    was_training = loaded.model.training
    loaded.model.eval()
    told = {} if told is None else told
    told.update(prompts=len(samples), shared=0, read=0, tokens=0, tokens_read=0)
    with remembered(loaded.model, scoring=True) as memory:
        scores = _scores(loaded, samples, batch_size, desc, told)
    told["encoded"] = memory.misses
    loaded.model.train(was_training)
    return scores


def _scores(loaded: Loaded, samples: list[Sample], batch_size: int, desc: str, told: dict) -> list[np.ndarray]:
    """Scores of groups that share their beginning, and of rows that stand alone."""
    collator, alone = Collator(loaded.processor, answers=False), []
    scores: list[np.ndarray] = [np.empty(0)] * len(samples)
    for rows in progress(_same_media(samples), desc=desc):
        group = _Group(collator, [samples[i] for i in rows]) if len(rows) > 1 else None
        if group is None or not group.common:
            alone += rows
            continue
        for row, score in zip(rows, group.scores(loaded, batch_size), strict=True):
            scores[row] = score
        for name, number in group.told.items():
            told[name] += number
    told["read"] += len(alone)
    for row, score in zip(alone, option_scores(loaded, [samples[i] for i in alone], batch_size, desc=desc), strict=True) if alone else ():
        scores[row] = score
    return scores


def _same_media(samples: list[Sample]) -> list[list[int]]:
    """Rows with the same media, shown the same way."""
    groups: dict[str, list[int]] = {}
    for row, sample in enumerate(samples):
        marks = [sample.meta.get(name) for name in ("shown_as", "orientation", "augmented")]
        groups.setdefault(json.dumps([[str(path) for path in getattr(sample, modality)] for modality in MEDIA] + marks), []).append(row)
    return list(groups.values())


class _Group:
    """Samples that have the same media.

    Attributes:
        common: tokens that all prompts begin with, media markers counted as one each; 0 where the group cannot share (a medium's tokens come after the first difference).
        told: see `shared_scores`.
    """

    def __init__(self, collator: Collator, samples: list[Sample]):
        self.collator, self.samples = collator, samples
        self.prompts = [collator.prompt_ids(sample) for sample in samples]
        self.whole = collator(samples[:1])
        self.common = min(len(commonprefix(self.prompts)), min(map(len, self.prompts)) - 1)  # each keeps a token of its own to be read on with
        after, self.length = len(self.prompts[0]) - self.common, self.whole["input_ids"].shape[1]
        # what comes after the shared part must be the plain text that the tokenizer wrote: then the shared part holds every medium whole
        if after >= self.length or self.whole["input_ids"][0, -after:].tolist() != self.prompts[0][self.common :]:
            self.common = 0
        self.shared = self.length - after
        own = [len(ids) - self.common for ids in self.prompts]
        self.told = {"shared": len(samples), "read": 1, "tokens": self.shared * len(samples) + sum(own), "tokens_read": self.shared + sum(own)}

    def scores(self, loaded: Loaded, batch_size: int) -> list[np.ndarray]:
        """One array (number of options,) per sample."""
        prefix = read_prompt(loaded.model, first_tokens(self.whole, self.shared))
        scores: list[np.ndarray] = [np.empty(0)] * len(self.samples)
        for rows in _read_together([len(ids) for ids in self.prompts], batch_size, attends_to_all(loaded.model)):
            for row, score in zip(rows, in_halves(lambda part: self._read_on(loaded, prefix, part), [self.samples[row] for row in rows]), strict=True):
                scores[row] = score
        return scores

    def _read_on(self, loaded: Loaded, prefix: Prefix, samples: list[Sample]) -> list[np.ndarray]:
        tails = [self.collator.prompt_ids(sample)[self.common :] for sample in samples]
        longest = max(map(len, tails))
        tokens = torch.tensor([[0] * (longest - len(ids)) + ids for ids in tails])
        real = torch.tensor([[0] * (longest - len(ids)) + [1] * len(ids) for ids in tails])
        start = prefix.copy().select(torch.zeros(len(samples), dtype=torch.long, device=loaded.device))
        return option_totals(loaded, self.collator, read_on(loaded.model, start, tokens, real), samples)


def _read_together(lengths: list[int], batch_size: int, padding: bool) -> list[list[int]]:
    """Rows of one pass: of similar length where padding is exact, else of equal length."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    if padding:
        return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    alike: dict[int, list[int]] = {}
    for row in order:
        alike.setdefault(lengths[row], []).append(row)
    return [rows[start : start + batch_size] for rows in alike.values() for start in range(0, len(rows), batch_size)]
