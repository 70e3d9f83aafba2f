"""A hybrid has the medium and what tools wrote of it, and a wrong line is a misleading note: the probes of kit.diagnosis, asked with the tools' own lines.

    misled(hybrid, held_out, "image")["shortcut_index"]      # 0: only the pixels count, 1: only the tools' lines

"Clean" is the medium alone: plain pixels, of the same model. The rows' tools wrote every line that is shown; a wrong one is what they wrote of another row, whose answer differs.
"""

import numpy as np

from kit.bridges.chat_answers import named
from kit.bridges.tool_learning import ToolLearning
from kit.data import MEDIA, Sample
from kit.data.perturbations import exchanged_text, own_evidence
from kit.diagnosis import (
    ask,
    by_perturbation,
    conflict_scores,
    counterfactual_grid,
    grid_pairs,
    shortcut_index,
)
from kit.diagnosis.interference import mean_interval


def misled(bridge: ToolLearning, samples: list[Sample], modality: str, seed: int = 0) -> dict | None:
    """How often the tools' lines contradict what the hybrid's model makes of the medium alone, what they bring, and what a wrong one costs.

    Args:
        bridge: fitted, with `keep_media`.
        samples: held-out rows with options and answers; those without `modality`, and those of which no tool wrote anything, are left out.
        modality: the medium that should decide.

    Returns:
        None where no such row is left, else {"modality", "n",
        "medium_alone", "with_line", "with_wrong_line": accuracies of the same model, the last on the n_wrong rows that another row's line could be put beside, "medium_alone_there": of these rows; "n_wrong";
        "lost": medium_alone_there minus with_wrong_line; "followed": share of these rows in which the answer is that of the line's own row;
        "conflict_rate": share of the rows in which medium alone and line alone make the model give different answers (`kit.diagnosis.conflict_scores`);
        "shortcut_index": of `kit.diagnosis.shortcut_index`, the line's weight of both; "pairs": of its grid}; every number but n, n_wrong and pairs as {"value", "low", "high"}, None where it cannot be measured.
    """
    rows = [row.replace(decided_by=tuple(kind for kind in MEDIA if getattr(row, kind))) for row in bridge.read([sample for sample in samples if sample.answer and getattr(sample, modality)]) if row.text]
    if not rows:
        return None
    honest = [row for row in rows if named(row.text, row.options) <= {row.answer}]  # a line that is wrong itself would be no wrong line elsewhere
    table = by_perturbation(ask(bridge.loaded, rows, [own_evidence("text"), exchanged_text(honest, seed)], desc=bridge.name), seed=seed).set_index("kind")
    own, wrong = table.loc["own"], table.loc["exchanged"] if "exchanged" in table.index else None
    alone = conflict_scores(bridge.loaded, rows)
    rate = mean_interval((alone[f"{modality} says"] != alone["text says"]).to_numpy(float), alone["group"].tolist(), seed=seed, bounds=(0, 1))
    told = {"modality": modality, "n": len(rows), "medium_alone": _of(own, "clean"), "with_line": _of(own, "perturbed"), "n_wrong": 0 if wrong is None else int(wrong["n"]), "conflict_rate": _interval(*rate)}
    for name, measure in (("medium_alone_there", "clean"), ("with_wrong_line", "perturbed"), ("lost", "lost"), ("followed", "followed")):
        told[name] = None if wrong is None else _of(wrong, measure)
    try:
        pairs = grid_pairs(rows, modality, "text", seed)
    except ValueError:  # one answer only
        return told | {"shortcut_index": None, "pairs": 0}
    index = shortcut_index(counterfactual_grid(bridge.loaded, pairs, modality, "text"), modality, "text", seed)
    return told | {"shortcut_index": None if index.value is None else _interval(index.value, index.low, index.high), "pairs": len(pairs)}


def _of(row, measure: str) -> dict[str, float] | None:
    return _interval(row[measure], row[f"{measure}_low"], row[f"{measure}_high"])


def _interval(value: float, low: float, high: float) -> dict[str, float] | None:
    return dict(zip(("value", "low", "high"), map(float, (value, low, high)), strict=True)) if np.isfinite(value) else None
