"""Which evidence does the model believe? Probes that intervene on one modality and watch the answer; each returns Findings."""

from kit.diagnosis.attention import Attended, attention, attention_importance, attention_probe
from kit.diagnosis.conflict import conflict, conflict_scores
from kit.diagnosis.grid import counterfactual_grid, grid_pairs, shortcut_index
from kit.diagnosis.interference import ask, by_perturbation, interference, most_harmful, within, worst_of
from kit.diagnosis.notes import COPY, copying, price_of_notes, wrong_notes
from kit.diagnosis.occlusion import (
    ask_hidden,
    contributions,
    deletion_test,
    importance,
    is_shown,
    most_important,
)
from kit.diagnosis.scenarios import Scenario, mined, spoken_labels
from kit.diagnosis.sensitivity import ask_sensitivity, sensitivity

__all__ = [
    "COPY",
    "Attended",
    "Scenario",
    "ask",
    "ask_hidden",
    "ask_sensitivity",
    "attention",
    "attention_importance",
    "attention_probe",
    "by_perturbation",
    "conflict",
    "conflict_scores",
    "contributions",
    "copying",
    "counterfactual_grid",
    "deletion_test",
    "grid_pairs",
    "importance",
    "interference",
    "is_shown",
    "mined",
    "most_harmful",
    "most_important",
    "price_of_notes",
    "sensitivity",
    "shortcut_index",
    "spoken_labels",
    "within",
    "worst_of",
    "wrong_notes",
]
