"""What robust training may show (kit.training.robust): the perturbations that need no pool, and evidence of another row, which is drawn anew in each pass."""

from collections.abc import Sequence
from functools import partial

from kit.data.perturbations import (
    EXCHANGED_TEXT,
    Perturbation,
    grain,
    noisy_edge,
    text_perturbations,
    words_in_picture,
)
from kit.data.sample import MEDIA, Sample

OTHERS = {EXCHANGED_TEXT: "text", **{f"another {modality}": modality for modality in MEDIA}}  # name -> modality of another row's evidence


def with_others(sample: Sample, names: Sequence[str], pool: Sequence[Sample], number: int) -> Sample:
    """The sample with the evidence of rows of the pool in `meta["others"]`, for those of `names` that are in OTHERS; as it is where no row fits.

    A text is one to the same question with another answer: an off-diagonal cell of the counterfactual grid. A medium is any other one, of another answer where the question is the same.
    """
    found = {}
    for name in names:
        modality = OTHERS.get(name)
        if modality and modality not in sample.decided_by and (fitting := [other for other in pool if _misleads(sample, other, modality)]):
            other = fitting[number % len(fitting)]
            found[name] = (getattr(other, modality), other.answer if other.question == sample.question and other.answer in sample.options else "")
    return sample.replace(meta={**sample.meta, "others": found}) if found else sample


def _misleads(sample: Sample, other: Sample, modality: str) -> bool:
    evidence, same = getattr(other, modality), (other.question, other.options) == (sample.question, sample.options)
    if not evidence or evidence == getattr(sample, modality) or (other.question == sample.question and other.answer == sample.answer):
        return False
    return modality != "text" or (same and other.answer != "")


def _others(name: str, sample: Sample) -> Sample | None:
    """The sample with the evidence that `with_others` drew for it."""
    if name not in sample.meta.get("others", {}):
        return None
    evidence, named = sample.meta["others"][name]
    return sample.replace(**{OTHERS[name]: evidence}, meta={**sample.meta, "named": named})


TRAINABLE = {
    made.name: made
    for made in (*text_perturbations(), *words_in_picture(), grain(), noisy_edge(), *(Perturbation(name, modality, "exchanged", partial(_others, name), named=True) for name, modality in OTHERS.items()))
}
