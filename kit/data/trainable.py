"""What robust training may show (kit.training.robust): the perturbations that need no pool, and evidence of another row, which is drawn anew in each pass."""

from collections.abc import Sequence
from functools import partial

from kit.data.perturbations import (
    EXCHANGED_TEXT,
    Perturbation,
    another_medium,
    exchanged_text,
    grain,
    noisy_edge,
    text_perturbations,
    words_in_picture,
)
from kit.data.sample import MEDIA, Sample

OTHERS = {EXCHANGED_TEXT: "text", **{f"another {modality}": modality for modality in MEDIA}}  # name -> modality of another row's evidence


def with_others(sample: Sample, names: Sequence[str], pool: Sequence[Sample], number: int) -> Sample:
    """The sample with the evidence of rows of the pool in `meta["others"]`, for those of `names` that are in OTHERS; as it is where no row fits. Other numbers draw other rows."""
    found = {}
    for name in names:
        if modality := OTHERS.get(name):
            of_another = exchanged_text(pool, number) if modality == "text" else another_medium(modality, pool, number)
            if shown := of_another(sample):
                found[name] = (getattr(shown, modality), shown.meta.get("named", ""))
    return sample.replace(meta={**sample.meta, "others": found}) if found else sample


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
