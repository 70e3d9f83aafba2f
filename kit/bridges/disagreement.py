"""Where the words and the picture disagree: whom does each bridge believe, and does it notice?

    said = {sample.id: said_of(sample) for sample in asked}            # {"gauge": "normal", "sheet": "stop", "memo": "normal"}
    believed({one.name: one.frame for one in tried}, said, "gauge", {"tool learning": tools.written})

Two ways to notice are measured: being less sure than on rows whose evidence agrees (a certainty that falls sends a row to a person), and, with tools, texts that contradict each other, which a person can read.
Rows that contradict and rows that agree are different rows: where the former are harder for another reason, a certainty falls for that one, too. `kit.diagnosis.conflict` asks each modality alone, and plants both
kinds in the same row.
"""

import numpy as np
import pandas as pd

from kit.bridges.chat_answers import named
from kit.data import Sample
from kit.diagnosis.conflict import conflict
from kit.evaluation.intervals import mean_interval

_SAYS = "_says"
NAMES = ("follows_first", "follows_other", "neither")


def said_of(sample: Sample) -> dict[str, str]:
    """source -> the option that it speaks for, of the columns NAME_says that a row's record has (gauge_says, sheet_says); what is none of the row's options is left out.

    A row that only its other evidence has a column for (note_says) gets the modality that decides, with the answer, in the first place.
    """
    found = {name.removesuffix(_SAYS): str(value) for name, value in sample.meta.items() if name.endswith(_SAYS) and value in sample.options}
    return {"+".join(sample.decided_by): sample.answer} | found if len(found) == 1 and sample.answer else found


def believed(frames: dict[str, pd.DataFrame], said: dict[str, dict[str, str]], first: str, written: dict[str, dict[str, dict[str, str]]] | None = None) -> pd.DataFrame:
    """Of the rows in which a source contradicts `first`: how often each bridge says what `first` says, what the other says, or neither; and how well it notices.

    Args:
        frames: bridge -> its predictions frame.
        said: sample id -> {source: option}; rows without `first` or any other source are left out.
        first: the source that should decide, e.g. the photo.
        written: bridge -> {sample id: {tool: text}}, of those whose tools write (`ToolLearning.written`).

    Returns:
        One row per bridge and other source: bridge, against (that source), n (rows that contradict), n_agree (rows where every source says the same); follows_first, follows_other, neither, each with _low and _high
        (95 %, by group); sure and sure_agree (mean certainty) with theirs; auc with its own: how well falling certainty tells the two kinds apart (0.5: not at all, 1: always, below 0.5: it is surer where they
        disagree), NaN where a bridge has no certainty of its own; tools_tell and tools_in_vain: share of either kind in which two tools named different options, NaN without tools.
    """
    sources = list(dict.fromkeys(source for told in said.values() for source in told if source != first))
    rows = []
    for bridge, frame in frames.items():
        told = frame[frame["id"].map(lambda name: first in said.get(name, {}) and len(said[name]) > 1)]
        agree = told[[len(set(said[name].values())) == 1 for name in told["id"]]]
        for source in sources:
            clash = told[[said[name].get(source, said[name][first]) != said[name][first] for name in told["id"]]]
            row = {"bridge": bridge, "against": source, "n": len(clash), "n_agree": len(agree)}
            is_first = (clash["predicted"] == [said[name][first] for name in clash["id"]]).to_numpy(float)
            is_other = (clash["predicted"] == [said[name].get(source) for name in clash["id"]]).to_numpy(float)
            for name, values in zip(NAMES, (is_first, is_other, 1 - is_first - is_other), strict=True):
                row |= _with_interval(name, values, clash)
            row |= _with_interval("sure", _certainty(clash), clash) | _with_interval("sure_agree", _certainty(agree), agree) | _noticed(clash, agree)
            texts = (written or {}).get(bridge)
            for name, part in (("tools_tell", clash), ("tools_in_vain", agree)):
                shares = [len(_named_by_tools(texts[one.id], tuple(one.probabilities))) > 1 for one in part.itertuples() if one.id in texts] if texts else []
                row[name] = float(np.mean(shares)) if shares else float("nan")
            rows.append(row)
    return pd.DataFrame(rows)


def _named_by_tools(texts: dict[str, str], options: tuple[str, ...]) -> set[str]:
    """Options that tools spoke for, of those tools that named exactly one."""
    return {found.pop() for text in texts.values() if len(found := named(text, options)) == 1}


def _certainty(frame: pd.DataFrame) -> np.ndarray:
    return np.array([max(shares.values()) for shares in frame["probabilities"]], float)


def _with_interval(name: str, values: np.ndarray, frame: pd.DataFrame) -> dict[str, float]:
    found = mean_interval(values, frame["group"].tolist(), bounds=(0, 1)) if len(values) else (float("nan"),) * 3
    return dict(zip((name, f"{name}_low", f"{name}_high"), map(float, found), strict=True))


def _noticed(clash: pd.DataFrame, agree: pd.DataFrame) -> dict[str, float]:
    scores = pd.concat([clash, agree])[["id", "group"]].assign(score=1 - np.concatenate([_certainty(clash), _certainty(agree)]))
    if not len(clash) or not len(agree) or scores["score"].nunique() < 2:
        return dict.fromkeys(("auc", "auc_low", "auc_high"), float("nan"))
    found = conflict(scores, [True] * len(clash) + [False] * len(agree))
    return {"auc": found.value, "auc_low": found.low, "auc_high": found.high}
