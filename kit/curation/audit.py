"""The audit of a company's rows: every check of this room, one after the other, each a `Finding` with its rows, its advice and what that costs."""

import time
from dataclasses import replace

import numpy as np

from kit.curation.balance import class_imbalance, group_imbalance, odd_light, too_few
from kit.curation.copies import duplicates_across_splits, exact_duplicates, near_duplicates, unreadable
from kit.curation.labels import label_errors
from kit.curation.leaks import groups_across_splits, random_against_honest
from kit.curation.material import Material
from kit.curation.privacy import faces, personal_text, voices
from kit.curation.shortcuts import shortcut_features
from kit.curation.sources import contradicting_sources
from kit.curation.sync import out_of_step
from kit.data import Sample
from kit.evaluation.baselines import simple_features
from kit.finding import Finding
from kit.models import Loaded
from kit.models.features import frozen_features
from kit.processes import one_thread
from kit.show import progress

CHECKS = {
    "unreadable rows and media": unreadable,
    "exact duplicates": exact_duplicates,
    "near duplicates": near_duplicates,
    "duplicates across splits": duplicates_across_splits,
    "groups across splits": groups_across_splits,
    "random against honest split": random_against_honest,
    "probable label errors": label_errors,
    "contradicting sources": contradicting_sources,
    "class imbalance": class_imbalance,
    "group imbalance": group_imbalance,
    "odd light": odd_light,
    "too few samples": too_few,
    "shortcut features": shortcut_features,
    "sound and picture out of step": out_of_step,
    "personal data in text": personal_text,
    "faces": faces,
    "voices": voices,
}


@one_thread
def audit(material: Material, only: tuple[str, ...] = tuple(CHECKS), seconds: dict[str, float] | None = None) -> list[Finding]:
    """The findings, in the order of CHECKS.

    Args:
        material: of `gather`; with features (`with_features`), label errors and the honest split are measured too.
        only: names of CHECKS.
        seconds: receives the time of each check.

    Raises:
        ValueError: a name that is none of CHECKS.
    """
    if unknown := set(only) - set(CHECKS):
        raise ValueError(f"unknown checks {sorted(unknown)}; allowed: {', '.join(CHECKS)}")
    found = []
    for name in (bar := progress([name for name in CHECKS if name in only], desc="audit")):
        bar.set_description(name)
        began = time.perf_counter()
        found.append(CHECKS[name](material))
        if seconds is not None:
            seconds[name] = time.perf_counter() - began
    return found


def with_features(material: Material, loaded: Loaded | None = None) -> Material:
    """The material with what classifiers read: hand-made features, and those of a frozen model where one is given.

    Text that should not decide is not shown to the model: a label is to be judged by the evidence that decides it.
    """
    samples = [_by_what_decides(sample) for sample in material.samples if not any(material.looks[file].fault for file in _files(material, sample))]
    if not samples:
        return material
    table = simple_features(samples)
    if loaded:
        seen = [sample for sample in samples if set(sample.modalities) <= {"text", *loaded.checkpoint.modalities}]
        frozen = frozen_features(loaded, seen) if len(seen) == len(samples) else np.zeros((len(samples), 0))
        table = {sample.id: np.concatenate([row, table[sample.id]]) for sample, row in zip(samples, frozen, strict=True)}
    return replace(material, features=table)


def _by_what_decides(sample: Sample) -> Sample:
    return sample if "text" in sample.decided_by or not sample.text or sample.modalities == ("text",) else sample.without("text")


def _files(material: Material, sample: Sample) -> list:
    return [key for key in ((path, kind) for kind in ("image", "video", "audio") for path in getattr(sample, kind)) if key in material.looks]
