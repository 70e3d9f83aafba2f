"""Which evidence does the model believe? Probes that intervene on one modality and watch the answer; each returns Findings."""

from kit.diagnosis.grid import counterfactual_grid, grid_pairs, shortcut_index
from kit.diagnosis.interference import ask, by_perturbation, interference, price_of_notes, worst_of
from kit.diagnosis.sensitivity import ask_sensitivity, sensitivity

__all__ = [
    "ask",
    "ask_sensitivity",
    "by_perturbation",
    "counterfactual_grid",
    "grid_pairs",
    "interference",
    "price_of_notes",
    "sensitivity",
    "shortcut_index",
    "worst_of",
]
