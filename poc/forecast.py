"""`poc forecast`: how many more labels until the KPI of poc.yaml reaches a threshold, by the learning curve of the rows that are labelled already."""

from pathlib import Path

import numpy as np

from kit.curation import curve, extrapolate, labels_needed
from kit.errors import KitError
from kit.finding import Finding
from kit.language import say
from poc.audit import material_of
from poc.labelling import people
from poc.runs import quiet
from poc.usecase import load_usecase

SECONDS = 10.0  # per label, where nobody has labelled with `poc label` yet


def forecast_usecase(directory: Path, threshold: float | None = None, tell=quiet) -> Finding:
    """The finding "how many labels" of a use case's folder, for poc.yaml's question; where no row asks it, for that of the first row. Nothing is written.

    Args:
        directory: the folder with its poc.yaml.
        threshold: a share between 0 and 1; None: that of poc.yaml's gates.
        tell: receives one line per step.

    Raises:
        KitError: poc.yaml or the folder cannot be read, a threshold out of range, or too few labels or groups for a curve.
    """
    use = load_usecase(directory)
    threshold = use.gates.threshold if threshold is None else threshold
    if not 0 < threshold < 1:
        raise KitError(say(f"threshold {threshold:g}: give a share between 0 and 1, such as 0.9 for 90 %", f"閾値 {threshold:g} は使えません。0 と 1 の間の割合にしてください（90 % なら 0.9）"))
    seconds = people(directory)[-1].value
    material = material_of(directory, tell, faces=False)
    asked = [sample for sample in material.labelled if sample.id in material.features]
    rows = [sample for sample in asked if sample.question == use.question] or [sample for sample in asked if sample.question == asked[0].question]
    if len({sample.answer for sample in rows}) < 2:
        raise KitError(say(f"{directory} has {len(rows)} labelled rows, with fewer than two different answers: label rows of every answer first (poc label {directory})",
                           f"{directory} のラベル付きの行は {len(rows)} 件で、答えが 2 種類未満です。先に全ての答えの行にラベルを付けてください（poc label {directory}）"))  # fmt: skip
    tell(say(f"learning curve of {len(rows)} labelled rows; {seconds or SECONDS:.1f} s per label" + ("" if seconds else ", assumed: nobody has labelled with poc label yet"),
             f"ラベル付き {len(rows)} 行の学習曲線。1 件 {seconds or SECONDS:.1f} 秒" + ("" if seconds else "（仮定：poc label での記録がまだありません）")))  # fmt: skip
    points = curve(np.stack([material.features[sample.id] for sample in rows]), rows, use.gates.kpi)
    return labels_needed(extrapolate(points, threshold, seconds or SECONDS, len(rows), use.gates.kpi))
