"""Stage x modality: how able is every stage's checkpoint with each kind of evidence, what did a stage gain, and what was forgotten."""

from pathlib import Path

import numpy as np
import pandas as pd

from kit.data import Sample
from kit.evaluation import predict
from kit.evaluation.intervals import mean_interval
from kit.language import say
from kit.models import load


def answered(checkpoint: str | Path, tests: dict[str, list[Sample]], device: str | None = None) -> dict[str, np.ndarray]:
    """Kind of evidence -> (n,) 1 where the checkpoint's answer to a closed question is right, 0 where it is not.

    Args:
        checkpoint: catalogue name, hub id or directory.
        tests: kind -> held-out rows with options, which no stage trained on.
    """
    loaded, hits = load(str(checkpoint), device=device), {}
    for kind, rows in tests.items():
        frame = predict(loaded, rows, desc=kind)
        hits[kind] = (frame["predicted"] == frame["answer"]).to_numpy(dtype=float)
    return hits


def stage_matrix(hits: dict[str, dict[str, np.ndarray]], tests: dict[str, list[Sample]]) -> pd.DataFrame:
    """A row per stage and kind: stage, kind, value, low, high, n; "change" (and low, high) against the stage before, paired; "forgotten" (and low, high) against its best earlier stage.

    The best of several stages was picked on the same rows, for each of several kinds: the intervals of "forgotten" hold for all of them together (Bonferroni), those of the others for one number each.

    Args:
        hits: stage, in the order of training ("before" first, if measured) -> what `answered` says.
        tests: the rows that were asked; intervals resample their groups.
    """
    rows: list[dict] = []
    names = list(hits)
    for place, stage in enumerate(names):
        for kind, samples in tests.items():
            groups, mine = [sample.group or sample.id for sample in samples], hits[stage][kind]
            row = {"stage": stage, "kind": kind} | _told("", mine, groups, (0.0, 1.0)) | {"n": len(mine)}
            if place:
                best = max(names[:place], key=lambda name, kind=kind: hits[name][kind].mean())
                row |= _told("change", mine - hits[names[place - 1]][kind], groups, (-1.0, 1.0))
                row |= _told("forgotten", hits[best][kind] - mine, groups, (-1.0, 1.0), 1 - 0.05 / (place * len(tests)))
            rows.append(row)
    return pd.DataFrame(rows)


def _told(name: str, values: np.ndarray, groups: list[str], bounds: tuple[float, float], confidence: float = 0.95) -> dict:
    mean, low, high = mean_interval(values, groups, None, confidence, bounds=bounds)
    before = f"{name} " if name else ""
    return {name or "value": mean, f"{before}low": low, f"{before}high": high}


def forgetting(matrix: pd.DataFrame) -> list[str]:
    """A sentence for each kind that the last stage answers surely worse than the best stage before it."""
    last = matrix[matrix["stage"] == matrix["stage"].iloc[-1]]
    lost = last[last.get("forgotten low", pd.Series(0.0, last.index)) > 0]
    return [
        say(
            f"{row['kind']}: {100 * row['forgotten']:.1f} points [{100 * row['forgotten low']:.1f}, {100 * row['forgotten high']:.1f}] below its best stage; replay more of it",
            f"{row['kind']}：最良の段階より {100 * row['forgotten']:.1f} ポイント [{100 * row['forgotten low']:.1f}, {100 * row['forgotten high']:.1f}] 低下。再生の割合を増やしてください",
        )
        for _, row in lost.iterrows()
    ]
