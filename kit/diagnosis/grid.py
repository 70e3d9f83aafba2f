"""The 2x2 counterfactual grid: two real samples exchange one modality at a time, and the margin tells which of the two it believes (DMC-Repair, arXiv 2609.36798).

With m = score(answer of sample 1) - score(answer of sample 2), the first index of m the relevant and the second the irrelevant evidence, o = of sample 1, x = of sample 2:

    E_relevant   = ((m_oo - m_xo) + (m_ox - m_xx)) / 2
    E_irrelevant = ((m_oo - m_ox) + (m_xo - m_xx)) / 2
    interaction  = (m_oo - m_ox - m_xo + m_xx) / 2
    SI = |mean E_irrelevant| / (|mean E_relevant| + |mean E_irrelevant|)
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from kit.data import Sample, only_deciding
from kit.evaluation.intervals import ends, mean_interval
from kit.evaluation.shared_prefix import shared_scores
from kit.finding import Finding
from kit.language import say
from kit.models import Loaded

_RESAMPLES = 2000
LEAST_PAIRS = 10  # fewer can show a fault, and never that there is none


def grid_pairs(samples: Sequence[Sample], relevant: str, irrelevant: str, seed: int = 0) -> list[tuple[Sample, Sample]]:
    """Pairs of the same question and options with different answers, both having both modalities; each sample is in one pair at most.

    Raises:
        ValueError: the two modalities are the same, or not one such pair is there.
    """
    if relevant == irrelevant:
        raise ValueError(f"a grid needs two modalities; given {relevant!r} twice")
    fitting = [s for s in samples if s.answer and relevant in s.decided_by and irrelevant not in s.decided_by and getattr(s, relevant) and getattr(s, irrelevant)]
    waiting, pairs = [fitting[i] for i in np.random.default_rng(seed).permutation(len(fitting))], []
    while waiting:
        first = waiting.pop()
        other = next((s for s in waiting if (s.question, s.options) == (first.question, first.options) and s.answer != first.answer), None)
        if other is not None:
            waiting.remove(other)
            pairs.append((first, other))
    if not pairs:
        raise ValueError(f"no two rows of one question, decided by {relevant} and with {irrelevant} beside it, have different answers ({len(fitting)} rows have both modalities)")
    return pairs


def counterfactual_grid(loaded: Loaded, pairs: Sequence[tuple[Sample, Sample]], relevant: str, irrelevant: str, batch_size: int = 16) -> pd.DataFrame:
    """One row per pair: first, second (ids), groups, the margins m_oo, m_ox, m_xo, m_xx in nats, e_relevant, e_irrelevant, interaction."""
    cells, asked = ("oo", "ox", "xo", "xx"), []
    for pair in pairs:
        one = only_deciding(pair[0], and_keep=irrelevant)
        for cell in cells:
            shown = {relevant: getattr(pair[cell[0] == "x"], relevant), irrelevant: getattr(pair[cell[1] == "x"], irrelevant)}
            asked.append(one.perturbed(f"grid {cell}", **shown))
    scores = iter(shared_scores(loaded, asked, batch_size, "counterfactual grid"))
    rows = []
    for first, second in pairs:
        at = [first.options.index(sample.answer) for sample in (first, second)]
        m = {}
        for cell in cells:
            score = next(scores)
            m[cell] = float(score[at[0]] - score[at[1]])
        rows.append({"first": first.id, "second": second.id, "group": first.group, "second_group": second.group, **{f"m_{cell}": value for cell, value in m.items()},
                     "e_relevant": (m["oo"] - m["xo"] + m["ox"] - m["xx"]) / 2, "e_irrelevant": (m["oo"] - m["ox"] + m["xo"] - m["xx"]) / 2,
                     "interaction": (m["oo"] - m["ox"] - m["xo"] + m["xx"]) / 2})  # fmt: skip
    return pd.DataFrame(rows)


def shortcut_index(grid: pd.DataFrame, relevant: str, irrelevant: str, seed: int = 0) -> Finding:
    """The Shortcut Index (0: only the relevant evidence counts, 1: only the irrelevant) with its interval, resampled over pairs (a sample is in one pair, so pairs are the clusters).

    Where the intervals of both effects contain 0 the model uses neither, and there is no index. A negative effect of the relevant evidence is said: the model answers against it.
    """
    # one unit per pair: its two samples may be of two groups
    effects = {name: mean_interval(grid[name].to_numpy(float), grid["first"], None, seed=seed) for name in ("e_relevant", "e_irrelevant", "interaction")}
    if all(effects[name][1] <= 0 <= effects[name][2] for name in ("e_relevant", "e_irrelevant")):
        told = say(f"neither {relevant} nor {irrelevant} moves the answer (both intervals contain 0, {len(grid)} pairs)", f"{relevant} も {irrelevant} も回答を動かしません（どちらの区間も 0 を含む、{len(grid)} 組）")
        return Finding("shortcut index", None, None, None, "warn", told, {"effects": effects})
    drawn = np.random.default_rng(seed).multinomial(len(grid), np.full(len(grid), 1 / len(grid)), size=_RESAMPLES) / len(grid)
    means = np.abs(drawn @ grid[["e_relevant", "e_irrelevant"]].to_numpy(float))
    low, high = (float(value) for value in np.quantile(means[:, 1] / means.sum(1), ends(len(grid))))
    sizes = [abs(effects[name][0]) for name in ("e_relevant", "e_irrelevant")]
    value = sizes[1] / sum(sizes)
    against = effects["e_relevant"][2] < 0
    verdict = "bad" if against or low > 0.5 else "info" if len(grid) < LEAST_PAIRS else "warn" if value > 0.2 else "good"
    told = say(
        f"{irrelevant} weighs {value:.2f} of what {relevant} and {irrelevant} weigh together ({len(grid)} pairs)" + ("; the answer goes AGAINST the deciding evidence" if against else ""),
        f"{relevant} と {irrelevant} を合わせた重みのうち {irrelevant} が {value:.2f} を占めます（{len(grid)} 組）" + ("。回答は判断に使うべき情報と逆です" if against else ""),
    ) + (say("; too few pairs to tell", "。組が少なく判断できません") if verdict == "info" else "")
    advice = "" if verdict in ("good", "info") else say(f"train on all four cells of the grid, labelled by {relevant}", f"4 通りの組み合わせを {relevant} の答えで学習に加えてください")
    return Finding("shortcut index", value, low, high, verdict, told, {"effects": effects}, advice, advice and say("no new labels; one run of training", "新しいラベルは不要。学習 1 回"))
