"""Media and text tokens inside the language model, layer by layer: how well has it taken the other modality in?

    hidden = hidden_states(loaded, samples, "audio")
    integration_rate(hidden)             # MIR, and each layer's share
    table = gap(loaded, samples, "audio")      # all measures side by side
    modality_gap(table, "audio")               # the Finding

Modality Integration Rate: Huang et al., "Deciphering Cross-Modal Alignment in Large Vision-Language Models with Modality Integration Rate" (arXiv 2410.07167). Per layer, the vectors of media and of
text tokens are divided by the text tokens' mean length (text-centric normalisation), those whose length is more than three standard deviations from the median one are taken out, and the Frechet
distance of the rest is computed; MIR is the logarithm (base 10, as the released code) of the sum over layers. Lower: better taken in. What differs here:

* outliers are taken out; the released code writes the median vector in their place;
* the root is exact (the released code's default is five steps of an iteration); covariances are those of the tokens, no shrinkage, as there;
* text is what the company's prompts hold behind the medium (note, question, options), where the paper pairs pictures with news articles: numbers compare bridges on the same rows, not with the paper;
* any medium, and of each row at most `tokens` of either kind (an even choice): all tokens of all layers of a large model do not fit into memory.

Shapes: B rows, T tokens, C model width, N media tokens and M text tokens of all rows, L layers.
"""

from dataclasses import dataclass
from os.path import commonprefix

import numpy as np
import pandas as pd
import torch

from kit.bridges.gap import (
    centroid_distance,
    frechet_distance,
    median_distance,
    mmd,
    mutual_knn,
    with_interval,
)
from kit.data import MEDIA, Sample
from kit.data.collator import Collator
from kit.evaluation.intervals import resampled_by
from kit.evaluation.scoring import batches_of, in_halves
from kit.finding import Finding
from kit.language import say
from kit.models import Loaded
from kit.models.forward import base_of, first_layer, only_at, positions, to_device
from kit.models.media_tokens import tokens_of
from kit.show import progress

_SIGMAS = 3
_AT_MOST = 1000  # tokens of a side that MMD, whose price is their square, looks at


@dataclass(frozen=True)
class Hidden:
    """What media and text tokens look like inside the language model.

    Attributes:
        media, text: of each layer (N, C) and (M, C), float32; the first is what the language model reads, the last what its head reads (behind the final norm).
        media_rows, text_rows: (N,) and (M,) the sample that each token comes from, as a place in the list.
    """

    media: list[np.ndarray]
    text: list[np.ndarray]
    media_rows: np.ndarray
    text_rows: np.ndarray


def hidden_states(loaded: Loaded, samples: list[Sample], modality: str, tokens: int = 64, batch_size: int = 8) -> Hidden:
    """The tokens of a modality, and the text tokens behind the last medium of a prompt, in every layer.

    Args:
        samples: rows that have the modality; what else they hold is read, too.
        modality: image, video or audio.
        tokens: of each row, of either kind, at most.

    Raises:
        ValueError: a sample without the modality.
    """
    if lacking := [sample.id for sample in samples if not getattr(sample, modality)]:
        raise ValueError(f"samples without {modality}: {', '.join(lacking[:5])}")

    def places(batch: dict, rows: list[Sample]) -> list[torch.Tensor]:
        ids, real = batch["input_ids"], batch["attention_mask"].bool()
        media = tokens_of(loaded.model, ids, [(modality,)] * len(rows))
        any_media = torch.zeros_like(real)
        for kind in MEDIA:
            mine = [row for row, sample in enumerate(rows) if getattr(sample, kind)]
            if mine:
                any_media[mine] |= tokens_of(loaded.model, ids[mine], [(kind,)] * len(mine))
        behind = any_media.flip(1).cumsum(1).flip(1) == 0
        return [_evenly(media, tokens), _evenly(behind & real, tokens)]

    (media, media_rows), (text, text_rows) = _read(loaded, samples, places, batch_size)
    return Hidden(media, text, media_rows, text_rows)


def integration_rate(hidden: Hidden) -> tuple[float, list[float]]:
    """(MIR, Frechet distance of each layer 1 to L after the scaling and without outliers); NaN where a layer has no spread at all."""
    layers = [frechet_distance(*_text_centric(media, text), shrinkage=0.0) for media, text in zip(hidden.media[1:], hidden.text[1:], strict=True)]
    return float(np.log10(sum(layers))) if sum(layers) > 0 else float("-inf"), layers


def _text_centric(media: np.ndarray, text: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scale = 1 / np.linalg.norm(text, axis=1).mean()
    return without_outliers(media * scale), without_outliers(text * scale)


def without_outliers(vectors: np.ndarray) -> np.ndarray:
    """The vectors (N, C) whose length is within three standard deviations of the median length."""
    length = np.linalg.norm(vectors, axis=1)
    return vectors[np.abs(length - np.median(length)) <= _SIGMAS * length.std(ddof=1)] if len(vectors) > 1 else vectors


def paired_means(loaded: Loaded, samples: list[Sample], modality: str, layer: int | None = None, batch_size: int = 8) -> tuple[np.ndarray, np.ndarray, list[Sample]]:
    """What the model makes of a medium alone, and of the words for it alone: means (R, C) each over the medium's and the note's tokens, of the rows that have both, and those rows.

    Args:
        samples: their `text` tells the same as the medium (a transcript, a description); others are left out.
        layer: 0: what the language model reads; None: the middle layer, where meaning is clearer than in the last, which is about the next word.
    """
    rows = [sample for sample in samples if sample.text and getattr(sample, modality)]
    empty = (np.zeros((0, 1)),) * 2
    if not rows:
        return (*empty, rows)
    others = [kind for kind in MEDIA if kind != modality]
    heard = [sample.replace(text="", **dict.fromkeys(others, ())) for sample in rows]
    told = [sample.replace(**dict.fromkeys(MEDIA, ())) for sample in rows]
    collator = Collator(loaded.processor, answers=False)

    def of_medium(batch: dict, part: list[Sample]) -> list[torch.Tensor]:
        return [tokens_of(loaded.model, batch["input_ids"], [(modality,)] * len(part))]

    def of_note(batch: dict, part: list[Sample]) -> list[torch.Tensor]:
        bare = collator([sample.replace(text="") for sample in part])
        return [torch.stack([_inserted(*pair) for pair in zip(batch["input_ids"], batch["attention_mask"], bare["input_ids"], bare["attention_mask"], strict=True)])]

    means = []
    for part, places in ((heard, of_medium), (told, of_note)):
        ((layers, owners),) = _read(loaded, part, places, batch_size)
        vectors = layers[len(layers) // 2 if layer is None else layer]
        means.append(np.stack([vectors[owners == row].mean(0) for row in range(len(rows))]))
    return (*means, rows)


def gap(loaded: Loaded, samples: list[Sample], modality: str, k: int = 10, tokens: int = 64, blocks: int = 20, seed: int = 0) -> pd.DataFrame:
    """All measures of the gap between a modality and text, side by side.

    Args:
        samples: some sixty rows or more that have the modality, with their notes or transcripts; the same rows for every model that is compared.
        k: of mutual k-NN, which is left out (NaN) where not more than k rows have a text, and has no interval where too few are left without a block.
        tokens: of each row at most, see `hidden_states`.
        blocks: of the jackknife over rows, or groups where there are ten or more; 0: no intervals.

    Returns:
        One row per measure: measure, layer (0 is what the language model reads, NaN for all), value, low, high, n (tokens of both sides, or pairs of rows), none (the value where there is no gap).
    """
    hidden = hidden_states(loaded, samples, modality, tokens)
    units = _units(samples)
    sides, owners = (hidden.media[0], hidden.text[0]), (units[hidden.media_rows], units[hidden.text_rows])
    few = [np.linspace(0, len(side) - 1, min(len(side), _AT_MOST)).astype(int) for side in sides]
    thin = [side[some] for side, some in zip(sides, few, strict=True)]
    scale = median_distance(*thin)
    rows = []

    def row(measure: str, layer: float, told: dict, n: int, none: float) -> None:
        rows.append({"measure": measure, "layer": layer} | told | {"n": n, "none": none})

    n = len(sides[0]) + len(sides[1])
    row("centroid distance", 0, with_interval(centroid_distance, *sides, *owners, blocks=blocks, seed=seed), n, 0.0)
    row("centroid distance, length 1", 0, with_interval(lambda a, b: centroid_distance(a, b, normalised=True), *sides, *owners, blocks=blocks, seed=seed), n, 0.0)
    row("Frechet distance", 0, with_interval(frechet_distance, *sides, *owners, blocks=blocks, seed=seed), n, 0.0)
    thinned = [owner[some] for owner, some in zip(owners, few, strict=True)]
    row("MMD squared", 0, with_interval(lambda a, b: mmd(a, b, scale), *thin, *thinned, blocks=blocks, seed=seed), len(thin[0]) + len(thin[1]), 0.0)
    heard, told, pairs = paired_means(loaded, samples, modality)
    knn = dict.fromkeys(("value", "low", "high"), np.nan)
    if len(pairs) > k:
        owner = _units(pairs)
        rows_of_unit = np.bincount(owner)
        largest = rows_of_unit.max() * -(-np.count_nonzero(rows_of_unit) // max(blocks, 1))  # rows that may be left out together
        knn = with_interval(lambda a, b: mutual_knn(a, b, k), heard, told, owner, owner, blocks=blocks if len(pairs) - largest > k else 0, seed=seed)
    row("mutual k-NN", (len(hidden.media)) // 2, knn, len(pairs), 1.0)
    row("modality integration rate", np.nan, _rate_with_interval(hidden, units, blocks, seed), n, float("-inf"))
    for layer, distance in enumerate(integration_rate(hidden)[1], 1):
        row("integration of a layer", layer, {"value": distance, "low": np.nan, "high": np.nan}, n, 0.0)
    return pd.DataFrame(rows)


def modality_gap(table: pd.DataFrame, modality: str) -> Finding:
    """All measures of `gap` as one Finding, whose value is the modality integration rate; it never judges, because no measure alone predicts quality."""
    shown = table[table["measure"] != "integration of a layer"].set_index("measure")
    told = "; ".join(f"{name} {_told(row)}" for name, row in shown.iterrows() if not np.isnan(row["value"]))
    rate = shown.loc["modality integration rate"]
    return Finding(
        f"modality gap of {modality}", *(float(rate[name]) for name in ("value", "low", "high")), "info",
        say(
            f"Between {modality} and text: {told}. None of them alone predicts the quality: a smaller gap is a reason to measure the KPI, not a result.",
            f"{modality} とテキストの隔たり：{told}。どの指標も単独では品質を予測しません。隔たりが小さいことは KPI を測る理由であって、結果ではありません。",
        ),
        {"table": table.to_dict("records")},
        say(
            "compare bridges by their KPI on held-out rows, and take the medium away: if the answers stay (kit.diagnosis), the model does not use it, however small the gap",
            "ブリッジは評価行の KPI で比べ、さらにその情報を取り除いて確認してください。答えが変わらなければ（kit.diagnosis）、隔たりが小さくてもモデルはその情報を使っていません",
        ),
        say("no new labels; one pass over the rows", "新しいラベルは不要。行を 1 回読むだけ"),
    )  # fmt: skip


def _told(row: pd.Series) -> str:
    return f"{row['value']:.3g}" + ("" if np.isnan(row["low"]) else f" [{row['low']:.3g}, {row['high']:.3g}]")


def _rate_with_interval(hidden: Hidden, units: np.ndarray, blocks: int, seed: int) -> dict:
    """MIR's interval: the measure sees the places of the tokens that are left."""

    def rate(media: np.ndarray, text: np.ndarray) -> float:
        return integration_rate(Hidden([layer[media] for layer in hidden.media], [layer[text] for layer in hidden.text], media, text))[0]

    return with_interval(rate, np.arange(len(hidden.media_rows)), np.arange(len(hidden.text_rows)), units[hidden.media_rows], units[hidden.text_rows], blocks=blocks, seed=seed)


def _units(samples: list[Sample]) -> np.ndarray:
    """What stays together: the group of each sample where there are enough of them, else the sample."""
    groups = pd.DataFrame({"group": [sample.group for sample in samples]})
    return np.unique(groups["group"], return_inverse=True)[1] if len(samples) and resampled_by(groups) == "group" else np.arange(len(samples))


def _read(loaded: Loaded, samples: list[Sample], places, batch_size: int) -> list[tuple[list[np.ndarray], np.ndarray]]:
    """For each mask (B, T) that `places(batch, samples)` gives: the vectors there in every layer, and the sample that each comes from."""
    collator, found = Collator(loaded.processor, answers=False), []
    was_training = loaded.model.training
    loaded.model.eval()

    def one(part: list[Sample]) -> list[list[tuple[list[np.ndarray], int]]]:
        batch = collator(part)
        masks, layers = places(batch, part), _layers(loaded, batch)
        return [[([layer[row, mask[row].to(layer.device)].float().cpu().numpy() for layer in layers], row) for mask in masks] for row in range(len(part))]

    for rows in progress(batches_of(samples, batch_size), desc=say("hidden states", "隠れ状態")):
        found += list(zip(rows, in_halves(one, [samples[row] for row in rows]), strict=True))
    loaded.model.train(was_training)
    found.sort(key=lambda pair: pair[0])
    read = []
    for mask in range(len(found[0][1])):
        layers = [np.concatenate(layer) for layer in zip(*(masks[mask][0] for _, masks in found), strict=True)]
        read.append((layers, np.repeat([row for row, _ in found], [len(masks[mask][0][0]) for _, masks in found])))
    return read


@torch.no_grad()
def _layers(loaded: Loaded, batch: dict) -> list[torch.Tensor]:
    """(B, T, C) that the first layer reads, that each layer but the last writes, and that the head reads."""
    model, seen = loaded.model, []
    first = first_layer(model)
    path = next(path for path, module in base_of(model).named_modules() if module is first).removesuffix(".0")
    hooks = [layer.register_forward_pre_hook(lambda _, args, given: seen.append(args[0] if args else given["hidden_states"]), with_kwargs=True) for layer in base_of(model).get_submodule(path)]
    hooks.append(base_of(model).get_output_embeddings().register_forward_pre_hook(lambda _, args: seen.append(args[0])))
    batch = to_device(batch, model)
    try:
        with only_at(model, None):
            model(**batch, position_ids=positions(model, batch), use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def _evenly(where: torch.Tensor, most: int) -> torch.Tensor:
    """(B, T) of the true places of each row at most `most`, at equal steps."""
    kept = torch.zeros_like(where)
    for row, marks in enumerate(where):
        places = marks.nonzero()[:, 0]
        kept[row, places[torch.linspace(0, len(places) - 1, min(len(places), most)).long()]] = True
    return kept


def _inserted(ids: torch.Tensor, mask: torch.Tensor, bare: torch.Tensor, bare_mask: torch.Tensor) -> torch.Tensor:
    """(T,) true where a prompt has what the same prompt without its note lacks."""
    start = int((mask == 0).sum())
    whole, without = ids[start:].tolist(), bare[bare_mask.bool()].tolist()
    before = len(commonprefix([whole, without]))
    after = min(len(commonprefix([whole[::-1], without[::-1]])), len(without) - before)
    here = torch.zeros_like(mask, dtype=torch.bool)
    here[start + before : len(ids) - after] = True
    return here
