"""What does the model look at? A second explanation, after those that intervene: attention shows where information was taken from, not what decided (Jain and Wallace, arXiv 1902.10186).

    asked = attention_probe(loaded, samples)      # who looks at what, and whether hiding what is attended to most takes more from the answer than hiding as much by chance
    attention(asked)                              # the Finding
    marks = attention_importance(loaded, [sample], "image")[0]    # for a picture, where is_shown(asked.maps["image"]) allows one

The text that asks attends to a token of a medium up to ten times less than to one of text (arXiv 2507.04635, section 3.1); what that means for THIS model is for `interference` and `sensitivity` to say.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from kit.attention import Balance, attention_balance
from kit.attention.balance import KEYS, slope
from kit.data import MODALITIES, Sample, only_deciding
from kit.data.collator import Collator
from kit.diagnosis.occlusion import GRID, ask_hidden, deletion_test, is_shown, pieces_of, words_of
from kit.evaluation.intervals import mean_interval
from kit.finding import Finding
from kit.language import say
from kit.models import Loaded

_IGNORED = 0.1  # of the attention that the deciding tokens' number would give them: the "ten times weaker" of the paper
_JUDGED = 10  # rows of each deletion test, as many as the causal explanation's


@dataclass(frozen=True)
class Attended:
    """What was observed.

    Attributes:
        table: one row per sample, layer and `bare` (`kit.attention.Balance.table`), and "deciding": the attention efficiency index of the evidence that decides the sample.
        falls: modality -> `kit.diagnosis.ask_hidden` of the most attended pieces, for what decides some rows and can be cut into pieces.
        skipped: layers without keys.
        not_judged: modality -> why no map of it can be made or judged.
    """

    table: pd.DataFrame
    falls: dict[str, pd.DataFrame]
    skipped: tuple[str, ...] = ()
    not_judged: dict[str, str] = field(default_factory=dict)

    @property
    def maps(self) -> dict[str, Finding]:
        """Modality -> the deletion test of its attention map; `is_shown` says whether a picture of it may be."""
        return {modality: deletion_test(falls, modality) for modality, falls in self.falls.items()}


def attention_probe(loaded: Loaded, samples: Sequence[Sample], batch_size: int = 8, judged: int = _JUDGED) -> Attended:
    """Attention while the samples are read as they are, and whether it can explain answers.

    Args:
        samples: held-out rows with options.
        judged: rows of each modality's deletion test, 6 questions each.

    Raises:
        ValueError: no samples.
        KitError: a model whose attention cannot be recorded (`kit.attention.observed`).
    """
    recorded = attention_balance(loaded, samples, batch_size)
    frames = []
    for sample, balance in zip(samples, recorded.balances, strict=True):
        table = balance.table()
        table["deciding"] = np.concatenate([_deciding(balance, sample, bare) for bare in (True, False)])
        frames.append(table)
    falls, untold = {}, {}
    for modality in MODALITIES:
        rows = [only_deciding(sample) for sample in samples if modality in sample.decided_by and getattr(sample, modality)]
        rows = [sample for sample in rows if pieces_of(sample, modality) >= 3][:judged]
        if rows:
            try:
                falls[modality] = ask_hidden(loaded, rows, modality, batch_size=2 * batch_size, marks=attention_importance(loaded, rows, modality, batch_size))
            except ValueError as reason:  # the family does not say where its tokens stand
                untold[modality] = str(reason)
    return Attended(pd.concat(frames, ignore_index=True), falls, recorded.skipped, untold)


def attention_importance(loaded: Loaded, samples: Sequence[Sample], modality: str, batch_size: int = 8) -> list[np.ndarray]:
    """Per sample (pieces,) share of the text's attention to this evidence that falls on each piece, mean over heads and layers: of the shape of `importance`, so that the deletion test can judge it.

    A token that lies in several cells is divided by area; of several pictures cells are added up, as hiding hides the cell in each.

    Raises:
        ValueError: a sample without that evidence, or a family that does not say where in a picture or video its tokens stand (those that cut pictures into tiles).
    """
    sizes = [pieces_of(sample, modality) for sample in samples]
    recorded = attention_balance(loaded, samples, batch_size)
    collator = Collator(loaded.processor, answers=False)
    marks = []
    for sample, balance, size in zip(samples, recorded.balances, sizes, strict=True):
        weight = balance.per_key.mean(0)[balance.keys == KEYS.index("note" if modality == "text" else modality)]
        found = _on_words(collator, sample, weight) if modality == "text" else _on_spans(weight, size, len(sample.audio)) if modality == "audio" else on_grid(balance, weight, modality)
        marks.append(found / max(found.sum(), 1e-12))
    return marks


def attention(asked: Attended, confidence: float = 0.95) -> Finding:
    """How much of the text's attention the deciding evidence gets, compared with what its number of tokens would give it (AEI: 1 is even), first token and template left out.

    Its evidence holds `per_layer` (MDI, AEI, deficit per layer, each with its interval, with and without the first token and the template), `decay` (slope of log MDI per layer) and `maps`.

    Raises:
        ValueError: no sample has the evidence that decides it.
    """
    head = asked.table[asked.table["bare"]]
    each = head.groupby("id", sort=False).agg(deciding=("deciding", "mean"), group=("group", "first")).dropna()
    if each.empty:
        raise ValueError("no sample has the evidence that decides it: there is no attention to it to measure")
    value, low, high = mean_interval(each["deciding"].to_numpy(), each["group"], None, confidence)
    mdi, decay, maps = _mdi(head, confidence), _decay(head, confidence), asked.maps
    bad = high < _IGNORED
    return Finding(
        "attention balance", value, low, high, "warn" if bad else "info",
        _summary(len(each), (value, low, high), mdi, decay, maps),
        {"per_layer": per_layer(asked.table, confidence).to_dict("records"), "mdi": mdi, "decay": decay, "skipped": list(asked.skipped), "not_judged": asked.not_judged,
         "maps": {modality: {"gain": test.value, "low": test.low, "high": test.high, "shown": is_shown(test), "rows": len(asked.falls[modality])} for modality, test in maps.items()}},
        say("look at sensitivity: if the answer does not follow the deciding evidence, train again with kit.attention's MODA, or a bias on media keys, and compare",
            "まず「判断に使う情報への感度」を確認し、回答が従っていなければ、kit.attention の MODA またはメディアへのバイアスで学習し直して比べてください") if bad else "",
        say("one run of training", "学習 1 回") if bad else "",
    )  # fmt: skip


def per_layer(table: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """One row per layer and `bare`: mdi (geometric mean), deciding, deficit, "deficit of media rows", each with _low and _high, and the mean "share ..." of each kind of keys.

    Args:
        table: of `Attended`.
    """
    rows = []
    for (bare, layer), part in table.groupby(["bare", "layer"], sort=True):
        row = {"layer": int(layer), "bare": bool(bare), "n": len(part)}
        for measure in ("mdi", "deciding", "deficit", "deficit of media rows"):
            found = _mdi(part, confidence) if measure == "mdi" else _mean(part[measure], part["group"], confidence)
            row |= dict(zip((measure, f"{measure}_low", f"{measure}_high"), found, strict=True))
        rows.append(row | {name: _known(part[name].mean()) for name in part.columns if name.startswith("share ")})
    return pd.DataFrame(rows).astype(object).where(lambda frame: frame.notna(), None)


def _summary(number: int, aei: tuple, mdi: list, decay: list, maps: dict[str, Finding]) -> str:
    told_en = told_ja = ""
    if mdi[0] is not None:
        told_en = f"; a text token gets {mdi[0]:.1f} times [{mdi[1]:.1f}, {mdi[2]:.1f}] what a media token gets"
        told_ja = f"。文章のトークン 1 個への注意は、メディアのトークン 1 個の {mdi[0]:.1f} 倍 [{mdi[1]:.1f}, {mdi[2]:.1f}]"
    if decay[0] is not None:
        told_en += f", and {100 * np.expm1(decay[0]):+.0f} % of that with each further layer"
        told_ja += f"（層が 1 つ進むごとに {100 * np.expm1(decay[0]):+.0f} %）"
    names = {"text": "文章", "image": "画像", "video": "動画", "audio": "音声"}
    for modality, test in maps.items():
        told_en += f". Hiding the most attended {modality} takes {test.value:+.2f} nats [{test.low:+.2f}, {test.high:+.2f}] more from the answer than hiding as much by chance" + ("" if is_shown(test) else ": its attention map is no explanation and is not shown")
        told_ja += f"。最も注意された{names[modality]}を隠すと、無作為に隠すより回答が {test.value:+.2f} nat [{test.low:+.2f}, {test.high:+.2f}] 多く下がります" + ("" if is_shown(test) else "（注意の図は説明にならないため、表示しません）")
    return say(
        f"a second explanation, after those that intervene: the deciding evidence gets {aei[0]:.2f} times [{aei[1]:.2f}, {aei[2]:.2f}] the attention that its number of tokens would give it ({number} rows, first token and template left out){told_en}",
        f"介入による検査に次ぐ参考の説明です：判断に使う情報への注意は、トークン数に見合う量の {aei[0]:.2f} 倍 [{aei[1]:.2f}, {aei[2]:.2f}] です（{number} 行、先頭のトークンと定型文を除く）{told_ja}",
    )  # fmt: skip


def _deciding(balance: Balance, sample: Sample, bare: bool) -> np.ndarray:
    """(L,) AEI of all the evidence that decides, together."""
    kinds = ["note" if modality == "text" else modality for modality in sample.decided_by]
    share, tokens = (np.nansum([measure(kind, bare=bare) for kind in kinds], 0) for measure in (balance.share, balance.tokens))
    with np.errstate(invalid="ignore", divide="ignore"):
        return share / tokens


def _mdi(table: pd.DataFrame, confidence: float) -> list:
    """Geometric mean over rows, [value, low, high]: of a ratio, 2 and 1/2 are equally far from 1."""
    with np.errstate(divide="ignore"):
        logs = np.log(table["mdi"].astype(float)).replace([np.inf, -np.inf], np.nan).groupby(table["id"]).mean()
    found = _mean(logs, table.groupby("id")["group"].first(), confidence)
    return [None if one is None else float(np.exp(one)) for one in found]


def _decay(table: pd.DataFrame, confidence: float) -> list:
    with np.errstate(divide="ignore"):
        slopes = pd.Series({name: slope(part["layer"].to_numpy(), np.log(part["mdi"].to_numpy(float))) for name, part in table.groupby("id")})
    return _mean(slopes, table.groupby("id")["group"].first(), confidence)


def _mean(values: pd.Series, groups: pd.Series, confidence: float) -> list:
    """[mean, low, high] over whole groups of what is a number; None where nothing is."""
    known = values.notna().to_numpy()
    return [_known(one) for one in mean_interval(values.fillna(0).to_numpy(float), groups.to_numpy(), known, confidence)]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _on_words(collator: Collator, sample: Sample, weight: np.ndarray) -> np.ndarray:
    lead = len("Note: ")
    places = [(a - lead, b - lead) for a, b in collator.places(sample) if a < lead + len(sample.text) and b > lead]
    return np.array([sum(w * max(0, min(b, end) - max(a, start)) / (b - a) for w, (a, b) in zip(weight, places, strict=True)) for start, end in words_of(sample.text)])


def _on_spans(weight: np.ndarray, size: int, media: int) -> np.ndarray:
    """Of equally long sounds, one after the other."""
    if len(weight) % media:
        raise ValueError(f"{media} sounds of different length: which of their {len(weight)} tokens belongs to which is not told")
    each = weight.reshape(media, -1).sum(0)
    return overlap(size, len(each)) @ each


def on_grid(balance: Balance, weight: np.ndarray, modality: str) -> np.ndarray:
    """(pieces,) of a picture's cells or a video's spans, from the weight (tokens,) of each of its tokens.

    Raises:
        ValueError: the family does not say where they stand.
    """
    shapes = balance.grids.get(modality, [])
    if sum(int(np.prod(shape)) for shape in shapes) != len(weight) or not shapes:
        raise ValueError(f"this family does not say where in its {modality} each of {len(weight)} tokens stands (it cuts pictures into tiles, or tells no grid): no map can be made; Qwen's checkpoints tell it")
    cells, total, start = GRID[modality], 0.0, 0
    for frames, rows, columns in shapes:
        each = weight[start : start + frames * rows * columns].reshape(frames, rows, columns)
        start += each.size
        total = total + ((overlap(cells, rows) @ each.sum(0) @ overlap(cells, columns).T).reshape(-1) if modality == "image" else overlap(cells, frames) @ each.sum((1, 2)))
    return total


def overlap(cells: int, tokens: int) -> np.ndarray:
    """(cells, tokens) the part of each of equally long tokens that lies in each of equally long cells."""
    edges, at = np.linspace(0, tokens, cells + 1), np.arange(tokens)
    return np.clip(np.minimum(edges[1:, None], at + 1) - np.maximum(edges[:-1, None], at), 0, None)
