"""What a model writes down of speech, and how much of it is wrong: words (WER) where words are spaced, characters (CER) in Japanese and Chinese.

Edit distances are jiwer's. Texts are compared without case, punctuation and width (NFKC), as both rates are usually reported.
"""

import re
import unicodedata

import numpy as np
import pandas as pd

from kit.data import Sample
from kit.data.collator import Collator
from kit.errors import KitError
from kit.evaluation.intervals import interval, units_of
from kit.evaluation.scoring import batches_of, in_halves
from kit.language import say
from kit.models import Loaded
from kit.models.forward import generate
from kit.show import progress

_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")  # kana, Chinese characters; Thai, Lao, Burmese, Khmer
_GROUPS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_MINUS = re.compile("[\u2010-\u2015\u2212]")
_OF_NUMBERS = re.compile(r"(?<=\d)[.,](?=\d)|(?<![\w.])[.±](?=\d)|(?<=±)[.](?=\d)|(?<![\w.])-(?=\d)|(?<=[\u3040-\u30ff\u3400-\u9fff])-(?=\d)|(?<=\d)%")
_NO_NUMBER = re.compile(r"(?<!\d) | (?!\d)")  # a space that does not keep two numbers apart: 12:30 is not 1230
_AT_ONCE = 16


def transcribe(loaded: Loaded, samples: list[Sample], max_new_tokens: int = 64, desc: str = "") -> pd.DataFrame:
    """What the model answers in its own words (greedy), beside what should have been said: a row per sample with id, group, answer, predicted.

    Raises:
        KitError: a sample without an answer to compare with.
    """
    if missing := [sample.id for sample in samples if not sample.answer]:
        raise KitError(say(f"samples {', '.join(missing[:3])} have no transcript to compare with: fill in `answer`", f"サンプル {', '.join(missing[:3])} に正解の書き起こしがありません。answer を埋めてください"))
    collator, tokenizer = Collator(loaded.processor, answers=False), loaded.processor.tokenizer
    was_training = loaded.model.training
    loaded.model.eval()

    def written(part: list[Sample]) -> list[str]:
        return [text.strip() for text in tokenizer.batch_decode(generate(loaded.model, collator(part), max_new_tokens), skip_special_tokens=True)]

    said = [""] * len(samples)
    for rows in progress(batches_of(samples, _AT_ONCE), desc=desc or say("writing down", "書き起こし")):
        for row, text in zip(rows, in_halves(written, [samples[row] for row in rows]), strict=True):
            said[row] = text
    loaded.model.train(was_training)
    return pd.DataFrame({"id": [s.id for s in samples], "group": [s.group for s in samples], "answer": [s.answer for s in samples], "predicted": said})


def error_rates(frame: pd.DataFrame, seed: int = 0, resamples: int = 2000) -> dict[str, dict]:
    """{"wer": of rows with spaced words, "cer": of Japanese and Chinese rows}, each {"value", "low", "high", "n", "length"}; only what there are rows of.

    Args:
        frame: of `transcribe`.

    A rate is all substitutions, deletions and insertions over all words (characters) that were said, and may be above 1. Its 95 % interval resamples groups, or rows where there are few.
    """
    counted = [_errors(answer, predicted) for answer, predicted in zip(_texts(frame["answer"]), _texts(frame["predicted"]), strict=True)]
    rates = {}
    for measure in ("wer", "cer"):
        rows = [place for place, (kind, _, _) in enumerate(counted) if kind == measure]
        if not rows:
            continue
        part, errors = frame.iloc[rows], np.array([counted[row][1:] for row in rows], float)  # (rows, 2): errors, length
        unit = units_of(part)
        sums = np.zeros((unit.max() + 1, 2))
        np.add.at(sums, unit, errors)
        drawn = sums[np.random.default_rng(seed).integers(0, len(sums), (resamples, len(sums)))].sum(1)
        wrong, length = errors.sum(0)
        rates[measure] = interval(wrong / length, drawn[:, 0] / drawn[:, 1], units=len(sums)) | {"n": len(rows), "length": int(length)}
    return rates


def _texts(column: pd.Series) -> list[str]:
    """A frame that came through a file has NaN for what was empty, and numbers for digits."""
    return ["" if pd.isna(value) else str(value) for value in column]


def _errors(answer: str, predicted: str) -> tuple[str, int, int]:
    """(measure, edits, length) of one row."""
    import jiwer

    answer, predicted = compared(answer), compared(predicted)
    if not answer:
        raise KitError(say("a transcript without a single letter cannot be compared with: correct it, or leave the row out", "文字のない書き起こしとは比べられません。直すか、その行を除いてください"))
    if _UNSPACED.search(answer):
        found = jiwer.process_characters(_NO_NUMBER.sub("", answer), _NO_NUMBER.sub("", predicted))
        return "cer", found.substitutions + found.deletions + found.insertions, found.hits + found.substitutions + found.deletions
    found = jiwer.process_words(answer, predicted)
    return "wer", found.substitutions + found.deletions + found.insertions, found.hits + found.substitutions + found.deletions


def compared(text: str) -> str:
    """The text as it is compared: NFKC, lower case, letters and digits of any script (and the marks that belong to them) with single spaces between.

    Of other signs only those stay that change a number: a point between digits, a minus before one, a per cent sign. A comma between three digits and three goes: 1,200 is 1200.
    """
    text = _GROUPS.sub("", unicodedata.normalize("NFKC", text).lower())
    text = _MINUS.sub("-", text)
    kept = {place for found in _OF_NUMBERS.finditer(text) for place in range(*found.span())}
    plain = "".join(letter if place in kept or unicodedata.category(letter)[0] in "LNM" else "" if letter in "'’" and not text[place - 1 : place].isdigit() else " " for place, letter in enumerate(text))
    return " ".join(plain.split())
