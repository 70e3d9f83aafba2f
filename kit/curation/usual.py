"""Is an input like those that the model was measured on? A gate before the answer: deciding evidence that is missing, too dark, blurred, silent or of another colour is held back whatever the model's confidence.

    usual = usual_inputs(calibration_samples)
    usual.faults(sample)          # [] or e.g. ["image: sharpness 3 (usual: 41 to 260)"]

Limits are quantiles of each measure (kit.curation.looks) over rows that the model was measured on, so set that all measures of a medium together hold back about HELD of usual inputs.
Not covered: what these few measures cannot see (another part, another camera position); kit.operations.drift asks embeddings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kit.curation.looks import Look, look_at_all
from kit.data.sample import MEDIA, Sample
from kit.errors import KitError
from kit.language import say

HELD = 0.02  # of usual inputs, which are held back in vain
_LIGHT = ("brightness", "contrast", "sharpness", "red to blue")
_MEASURES = {"image": _LIGHT, "video": (*_LIGHT, "motion"), "audio": ("loudness", "peak", "heard")}
_WORDS = {
    "brightness": "明るさ", "contrast": "コントラスト", "sharpness": "鮮明さ", "red to blue": "色味", "motion": "動き", "loudness": "音量 dB", "peak": "最大音量", "heard": "音のある秒数",
    "image": "写真", "video": "動画", "audio": "音声", "text": "テキスト",
}  # fmt: skip
_FEWEST = 30  # rows, below which a quantile is no limit


@dataclass(frozen=True)
class Usual:
    """What inputs usually look and sound like.

    Attributes:
        limits: modality -> measure -> (low, high), of media that decide.
    """

    limits: dict[str, dict[str, tuple[float, float]]]

    def faults(self, sample: Sample, looks: Mapping[tuple[Path, str], Look] | None = None) -> list[str]:
        """What is unusual about the evidence that should decide this sample, in words; [] where nothing is.

        Args:
            looks: of `look_at_all`, where the files were read already.
        """
        looks = look_at_all([sample], faces=False, workers=1) if looks is None else looks
        found = [say(f"no {modality}", f"{_WORDS[modality]}がありません") for modality in sample.decided_by if modality not in sample.modalities]
        for modality in (kind for kind in MEDIA if kind in sample.decided_by):
            for path in getattr(sample, modality):
                look = looks[path, modality]
                found += [str(look.fault)] if look.fault else [_told(modality, name, look.numbers[name], *ends) for name, ends in self.limits.get(modality, {}).items() if not ends[0] <= look.numbers[name] <= ends[1]]
        return found


def usual_inputs(samples: Sequence[Sample], looks: Mapping[tuple[Path, str], Look] | None = None, held: float = HELD) -> Usual:
    """The limits of usual inputs, from rows that the model was measured on.

    Args:
        samples: with their media; the calibration split, say. Not rows that are known to be odd.
        looks: as in `Usual.faults`.
        held: share of such inputs that may be held back in vain, per medium.

    Raises:
        KitError: fewer than 30 files of a deciding medium.
    """
    looks = look_at_all(samples, faces=False) if looks is None else looks
    limits: dict[str, dict[str, tuple[float, float]]] = {}
    for modality in sorted({kind for sample in samples for kind in sample.decided_by if kind in MEDIA}):
        files = dict.fromkeys(path for sample in samples if modality in sample.decided_by for path in getattr(sample, modality))
        seen = [looks[path, modality].numbers for path in files if not looks[path, modality].fault]
        if len(seen) < _FEWEST:
            raise KitError(say(f"{len(seen)} readable files of {modality} are too few to say what is usual: at least {_FEWEST}", f"通常の範囲を決めるには {_WORDS[modality]}が {len(seen)} 件では足りません。{_FEWEST} 件以上必要です"))
        names = _MEASURES[modality]
        out = held / 2 / len(names)
        limits[modality] = {name: tuple(float(end) for end in np.quantile([numbers[name] for numbers in seen], [out, 1 - out])) for name in names}
    return Usual(limits)


def _told(modality: str, name: str, value: float, low: float, high: float) -> str:
    return say(f"{modality}: {name} {value:.3g} (usual: {low:.3g} to {high:.3g})", f"{_WORDS[modality]}：{_WORDS[name]} {value:.3g}（通常 {low:.3g}～{high:.3g}）")
