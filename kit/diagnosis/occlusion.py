"""Where does the answer come from? A piece of the evidence is taken away and the answer watched (causal: occlusion; Zeiler and Fergus, arXiv 1311.2901, section 4.2).

    marks = importance(loaded, sample, "image")          # one number per cell of the picture
    test = deletion_test(ask_hidden(loaded, samples, "image"), "image")      # do the marked cells matter more than others?
    shown = marks if is_shown(test) else None             # a map that random cells beat is not shown to anyone
    contributions(loaded, sample)                         # the same, a whole kind of evidence at a time

Pieces: cells of a picture (painted in its mean colour), spans of a sound (silence) or of a video (its mean colour), words of a text (left out). Attention is no explanation and is not used here.
"""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from kit.data import MODALITIES, Sample
from kit.diagnosis.interference import too_few
from kit.evaluation.intervals import mean_interval
from kit.evaluation.shared_prefix import shared_scores
from kit.finding import Finding
from kit.language import say
from kit.models import Loaded

GRID = {"image": 6, "audio": 10, "video": 8}  # cells per side, spans
SHARE = 0.15  # of the pieces, taken away together by the deletion test
LEAST_ROWS = 5  # that a map must have been tested on
LEAST_GAIN = 0.1  # nats: without the marked pieces the answer's probability falls by a tenth more than without others, or the map explains nothing that a person would notice
_WORD = re.compile(r"[一-龥々ぁ-んァ-ヶー]{1,2}|\S+?(?=[一-龥々ぁ-んァ-ヶー]|\s|$)")  # Japanese has no blanks: two characters at a time


def pieces_of(sample: Sample, modality: str) -> int:
    """Into how many pieces the sample's evidence is cut.

    Raises:
        ValueError: the sample has no such evidence.
    """
    if modality not in MODALITIES or not getattr(sample, modality):
        raise ValueError(f"sample {sample.id!r} has no {modality!r} to hide pieces of; it has {', '.join(sample.modalities)}")
    return len(words_of(sample.text)) if modality == "text" else GRID[modality] ** (2 if modality == "image" else 1)


def words_of(text: str) -> list[tuple[int, int]]:
    """(start, end) of the words of a text."""
    return [match.span() for match in _WORD.finditer(text)]


def hidden(sample: Sample, modality: str, pieces: Sequence[int]) -> Sample:
    """The sample without some pieces of its evidence; nothing is written to disk."""
    told = {"hidden": [modality, *map(int, pieces)]}
    if modality == "text":
        text = sample.text
        for start, end in sorted((words_of(text)[piece] for piece in pieces), reverse=True):
            text = text[:start] + text[end:]
        return sample.perturbed("pieces hidden", told, text=text.strip())
    mark = {modality: {"how": "hidden", "seed": 0, "words": "", "grid": GRID[modality], "cells": sorted(map(int, pieces))}}
    return sample.perturbed("pieces hidden", told | {"shown_as": {**sample.meta.get("shown_as", {}), **mark}})


def contributions(loaded: Loaded, sample: Sample, batch_size: int = 16) -> dict[str, tuple[float, float]]:
    """modality -> (by how much the log share of the model's answer falls, in nats, when that kind of evidence is taken away whole; the answer's share without it). Negative: without it the answer is surer.

    Of a sample with one kind of evidence: against the question with nothing beside it. The answer is that to the whole sample. Parts need not add up: two kinds may say the same.

    Raises:
        ValueError: the sample has no evidence.
        KitError: it has no options.
    """
    if not sample.modalities:
        raise ValueError(f"sample {sample.id!r} has no evidence to take away")
    before, *after = _log_shares(loaded, [sample, *(sample.without(modality) for modality in sample.modalities)], batch_size)
    answer = int(before.argmax())
    return {modality: (float(before[answer] - log[answer]), float(np.exp(log[answer]))) for modality, log in zip(sample.modalities, after, strict=True)}


def importance(loaded: Loaded, sample: Sample, modality: str, batch_size: int = 16, pieces: Sequence[int] | None = None) -> np.ndarray:
    """(pieces,) by how much the log share of the model's answer falls, in nats, when a piece alone is hidden; negative: without it the answer is surer.

    Args:
        pieces: numbers of those to hide, in this order (a map may be asked for in parts); None for all.

    Raises:
        ValueError: the sample has no such evidence.
        KitError: it has no options.
    """
    pieces = range(pieces_of(sample, modality)) if pieces is None else pieces
    return _falls(loaded, [(sample, [piece]) for piece in pieces], modality, batch_size)


def most_important(marks: np.ndarray) -> np.ndarray:
    """Numbers of the pieces that a map marks: the most important SHARE of them, one at least.

    Args:
        marks: (pieces,) of `importance`.
    """
    return np.argsort(-marks, kind="stable")[: max(1, round(SHARE * len(marks)))]


def ask_hidden(loaded: Loaded, samples: Sequence[Sample], modality: str, draws: int = 5, seed: int = 0, batch_size: int = 16, marks: Sequence[np.ndarray] | None = None) -> pd.DataFrame:
    """One row per sample: id, group, and the fall of the answer's log share without the most important SHARE of the pieces (marked), and without as many by chance (random, mean over the draws), in nats.

    Args:
        samples: those without that evidence, or with too few pieces to choose from, are left out.
        draws: random choices per sample.
        marks: of each sample (pieces,), to be judged in place of the occlusion's own.

    Raises:
        ValueError: no sample has enough pieces.
    """
    given = dict(zip(map(id, samples), marks, strict=True)) if marks is not None else {}
    samples = [sample for sample in samples if getattr(sample, modality) and pieces_of(sample, modality) >= 3]
    if not samples:
        raise ValueError(f"no sample has three pieces of {modality!r}: there is nothing to choose from")
    marks = [given[id(sample)] for sample in samples] if given else _importance(loaded, samples, modality, batch_size)
    rng, asked = np.random.default_rng(seed), []
    for sample, mark in zip(samples, marks, strict=True):
        most = most_important(mark)
        chosen = [most, *(rng.permutation(len(mark))[: len(most)] for _ in range(draws))]
        asked += [(sample, pieces) for pieces in chosen]
    falls = _falls(loaded, asked, modality, batch_size).reshape(len(samples), draws + 1)
    return pd.DataFrame({"id": [s.id for s in samples], "group": [s.group for s in samples], "marked": falls[:, 0], "random": falls[:, 1:].mean(1)})


def deletion_test(falls: pd.DataFrame, modality: str) -> Finding:
    """Whether hiding the marked pieces takes more from the answer than hiding as many by chance: mean difference in nats with its 95 % interval over whole groups.

    A map passes where the interval lies above 0 and the mean reaches LEAST_GAIN; on fewer than LEAST_ROWS rows that cannot be told (pieces are chosen on the rows that they are tested on).

    Args:
        falls: of `ask_hidden`.
    """
    gain, low, high = mean_interval((falls["marked"] - falls["random"]).to_numpy(), falls["group"])
    low, high = (None if np.isnan(end) else end for end in (low, high))
    marked, random = falls["marked"].mean(), falls["random"].mean()
    span = "" if low is None else f" [{low:+.2f}, {high:+.2f}]"
    verdict = "info" if len(falls) < LEAST_ROWS else "good" if low > 0 and gain >= LEAST_GAIN else "bad"
    more = too_few(len(falls)) if verdict == "info" else ""
    return Finding(
        f"explanation by {modality}", gain, low, high, verdict,
        say(
            f"without the marked {SHARE:.0%} of the {modality} the answer loses {marked:.2f} nats, without as much taken by chance {random:.2f}: {gain:+.2f}{span} on {len(falls)} rows",
            f"印を付けた {SHARE:.0%} を隠すと、回答の対数確率は {marked:.2f} nat 下がります。同じ量を無作為に隠した場合は {random:.2f}：差 {gain:+.2f}{span}（{len(falls)} 行）",
        ) + more,
        {"falls": falls.to_dict("records"), "share": SHARE, "least": {"rows": LEAST_ROWS, "gain": LEAST_GAIN}},
        "" if verdict == "good" else say(f"show no map: it was tested on fewer than {LEAST_ROWS} rows", f"説明図は表示しないでください。検証した行が {LEAST_ROWS} 件未満です") if verdict == "info" else say(
            f"show no map: the marked pieces matter no more than any others, or by less than {LEAST_GAIN} nats", f"説明図は表示しないでください。印の箇所は、ほかより重要とは言えないか、差が {LEAST_GAIN} nat 未満です"),
    )  # fmt: skip


def is_shown(test: Finding) -> bool:
    """Whether a map may be shown: on enough rows, marked pieces beat random ones by enough."""
    return test.verdict == "good"


def _importance(loaded: Loaded, samples: Sequence[Sample], modality: str, batch_size: int) -> list[np.ndarray]:
    sizes = [pieces_of(sample, modality) for sample in samples]
    falls = _falls(loaded, [(sample, [piece]) for sample, size in zip(samples, sizes, strict=True) for piece in range(size)], modality, batch_size)
    return np.split(falls, np.cumsum(sizes)[:-1])


def _falls(loaded: Loaded, asked: list[tuple[Sample, Sequence[int]]], modality: str, batch_size: int) -> np.ndarray:
    """(asked,) log share of the model's answer to the whole sample, less that without the pieces."""
    whole = list({id(sample): sample for sample, _ in asked}.values())
    logs = _log_shares(loaded, [*whole, *(hidden(sample, modality, pieces) for sample, pieces in asked)], batch_size)
    before = {id(sample): (int(log.argmax()), float(log.max())) for sample, log in zip(whole, logs, strict=False)}
    return np.array([before[id(sample)][1] - log[before[id(sample)][0]] for (sample, _), log in zip(asked, logs[len(whole) :], strict=True)])


def _log_shares(loaded: Loaded, samples: list[Sample], batch_size: int) -> list[np.ndarray]:
    """Log shares (number of options,) of the answers to each sample."""
    scores = shared_scores(loaded, samples, batch_size, say("hiding pieces", "一部を隠して確認"))
    return [score - np.logaddexp.reduce(score) for score in scores]
