"""A closed question is answered by the log-likelihood of each option after the prompt (DESIGN section 6).

The end-of-turn token is included, so that no option is a prefix of another; a prompt is read once and shared by its options.
Shapes: B samples, N options of all of them, L tokens of the longest option, V vocabulary.
"""

import itertools

import numpy as np
import pandas as pd
import torch

from kit import processes
from kit.data import Sample
from kit.data.collator import Collator
from kit.errors import KitError
from kit.language import say
from kit.models import Loaded
from kit.models.forward import Prefix, answer_logits, continue_with, is_out_of_memory, read_prompt
from kit.show import progress

NORMALISATIONS = ("sum", "mean")


def option_scores(
    loaded: Loaded, samples: list[Sample], batch_size: int = 16, normalise: str = "sum", examples: tuple[Sample, ...] = (), desc: str = "scoring"
) -> list[np.ndarray]:
    """Log-likelihood of each option of each sample, in nats: one array (number of options,) per sample.

    Args:
        loaded: the model and its processor.
        samples: each with at least two options.
        batch_size: prompts read at once.
        normalise: "sum" over an option's tokens, or "mean" per token (named alternative, for options of very different length).
        examples: in-context examples shown before each question.
        desc: label of the progress bar.

    Raises:
        KitError: a sample without options, or an unknown normalisation.
    """
    if normalise not in NORMALISATIONS:
        raise KitError(f"normalise is {normalise!r}; allowed: {', '.join(NORMALISATIONS)}")
    require_options(samples)
    collator = Collator(loaded.processor, answers=False, examples=examples)
    was_training = loaded.model.training
    loaded.model.eval()
    scores: list[np.ndarray] = [np.empty(0)] * len(samples)
    for rows in progress(batches_of(samples, batch_size), desc=desc):
        for row, score in zip(rows, in_halves(lambda part: score_batch(loaded, collator, part, normalise), [samples[i] for i in rows]), strict=True):
            scores[row] = score
    loaded.model.train(was_training)
    return scores


def require_options(samples: list[Sample]) -> None:
    """Raises KitError for a sample that has no closed answer set."""
    for sample in samples:
        if len(sample.options) < 2:
            raise KitError(
                say(
                    f"sample {sample.id} has {len(sample.options)} options; a closed question needs at least two: name them under `options` in poc.yaml",
                    f"サンプル {sample.id} の選択肢は {len(sample.options)} 個です。poc.yaml の options に 2 個以上書いてください",
                )
            )


def batches_of(samples: list[Sample], size: int) -> list[list[int]]:
    """Rows of one kind of evidence and of similar length together: less padding, and some families take pictures or videos in a batch, not both."""
    order = sorted(range(len(samples)), key=lambda i: (samples[i].modalities, len(samples[i].text)))
    alike = [list(rows) for _, rows in itertools.groupby(order, key=lambda i: samples[i].modalities)]
    return [rows[start : start + size] for rows in alike for start in range(0, len(rows), size)]


def score_batch(loaded: Loaded, collator: Collator, samples: list[Sample], normalise: str) -> list[np.ndarray]:
    """Scores of samples that are read in one pass."""
    return option_totals(loaded, collator, read_prompt(loaded.model, collator(samples)), samples, normalise)


def option_totals(loaded: Loaded, collator: Collator, prefix: Prefix, samples: list[Sample], normalise: str = "sum") -> list[np.ndarray]:
    """Scores of each sample's options after its prompt, which `prefix` (used up) has read: one array (number of options,) per sample."""
    answers = [collator.answer_ids(option) for sample in samples for option in sample.options]
    owner = torch.tensor([b for b, sample in enumerate(samples) for _ in sample.options], device=loaded.device)
    length = max(map(len, answers))
    tokens = torch.zeros((len(answers), length), dtype=torch.long)
    real = torch.zeros((len(answers), length))
    for row, ids in enumerate(answers):
        tokens[row, : len(ids)], real[row, : len(ids)] = torch.tensor(ids), 1
    tokens, real = tokens.to(loaded.device), real.to(loaded.device)

    first = prefix.logits[owner].log_softmax(-1).gather(1, tokens[:, :1])  # (N, 1)
    if length > 1:
        later = continue_with(loaded.model, prefix.select(owner), tokens[:, :-1]).log_softmax(-1)  # (N, L - 1, V)
        first = torch.cat([first, later.gather(2, tokens[:, 1:, None]).squeeze(2)], 1)
    total = (first * real).sum(1)
    if normalise == "mean":
        total = total / real.sum(1)
    return [part.double().cpu().numpy() for part in total.split([len(sample.options) for sample in samples])]


@torch.no_grad()
def answer_losses(loaded: Loaded, samples: list[Sample], batch_size: int = 16, desc: str = "loss of the answers") -> np.ndarray:
    """Negative log-likelihood of each sample's own answer, end of turn included, in nats: (number of samples,)."""
    collator = Collator(loaded.processor)
    was_training = loaded.model.training
    loaded.model.eval()
    losses = np.zeros(len(samples))
    for rows in progress(batches_of(samples, batch_size), desc=desc):
        losses[rows] = in_halves(lambda part: _losses(loaded, collator, part), [samples[i] for i in rows])
    loaded.model.train(was_training)
    return losses


def _losses(loaded: Loaded, collator: Collator, samples: list[Sample]) -> list[float]:
    batch = collator(samples)
    lengths = (batch["labels"] != -100).sum(1).tolist()
    logits, targets = answer_logits(loaded.model, batch)
    each = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    return [float(part.sum()) for part in each.split(lengths)]


def in_halves(score, samples: list) -> list:
    """What `score` says of the samples together, or of their halves where together they do not fit into memory.

    Raises:
        KitError: one alone does not fit.
    """
    try:
        return score(samples)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        if len(samples) == 1:
            raise KitError(
                say(
                    f"sample {samples[0].id} alone does not fit into memory: use smaller pictures, 4-bit (model.four_bit: true) or a smaller checkpoint",
                    f"サンプル {samples[0].id} は 1 件だけでもメモリに収まりません。画像を小さくするか、4-bit（model.four_bit: true）か、小さいチェックポイントにしてください",
                )
            ) from error
    torch.cuda.empty_cache()  # outside the handler, whose traceback holds on to the tensors of the failed pass
    middle = len(samples) // 2
    return in_halves(score, samples[:middle]) + in_halves(score, samples[middle:])


def predict(loaded: Loaded, samples: list[Sample], shared: bool = False, **scoring) -> pd.DataFrame:
    """One row per sample: id, answer (the truth), predicted, probabilities ({option: share}, softmax over the options).

    Args:
        loaded, samples: see `option_scores`.
        shared: every process (see kit.processes) answers its share of the samples, and gets all rows; all of them must call it.
        scoring: other arguments of `option_scores`.
    """
    rows, mine = [], processes.share(samples) if shared else samples
    for sample, scores in zip(mine, option_scores(loaded, mine, **scoring), strict=True):
        rows.append(prediction(sample, shares_of(sample, scores)))
    rows = processes.gathered(rows) if shared else rows
    return pd.DataFrame(rows, columns=["id", "answer", "predicted", "probabilities", "group"])


def shares_of(sample: Sample, scores: np.ndarray) -> dict[str, float]:
    """{option: share}, the softmax over the options' scores (N,)."""
    shares = np.exp(scores - scores.max())
    return dict(zip(sample.options, map(float, shares / shares.sum()), strict=True))


def prediction(sample: Sample, probabilities: dict[str, float]) -> dict:
    """One row of a predictions frame; ties go to the option named first."""
    return {
        "id": sample.id,
        "answer": sample.answer,
        "predicted": max(probabilities, key=probabilities.get),
        "probabilities": probabilities,
        "group": sample.group,
    }
