"""What a person looks at: progress bars, figures, widgets. The only room that imports matplotlib, ipywidgets and tqdm, and only inside functions.

Figures are returned, never shown or saved; widgets are thin remote controls of plain functions that work without a browser.
"""

from kit.show.attention import (
    attended_frames,
    attended_picture,
    attended_sound,
    attention_before_and_after,
    attention_by_layer,
    attention_over_layers,
)
from kit.show.bars import in_notebook, progress
from kit.show.calibration import reliability_diagram, risk_over_coverage
from kit.show.canvas import png
from kit.show.drift import control_charts
from kit.show.figures import (
    arms_with_intervals,
    before_and_after,
    confusion_matrix,
    learning_curve,
    sample_grid,
    yen_over_thresholds,
)
from kit.show.labelling import label_bench
from kit.show.money import cost_over_thresholds, npv_distribution, tornado
from kit.show.stages import rows_needed, stages_by_kind
from kit.show.thresholds import at_threshold, cheapest, cost_curve
from kit.show.widgets import browse_samples, sample_card, threshold_and_yen, yen_card

__all__ = ["arms_with_intervals", "at_threshold", "attended_frames", "attended_picture", "attended_sound", "attention_before_and_after", "attention_by_layer", "attention_over_layers",
           "before_and_after", "browse_samples", "cheapest", "confusion_matrix", "control_charts", "cost_curve", "cost_over_thresholds", "in_notebook", "label_bench",
           "learning_curve", "npv_distribution", "png", "progress", "reliability_diagram", "risk_over_coverage", "rows_needed", "sample_card", "sample_grid", "stages_by_kind", "threshold_and_yen", "tornado", "yen_card", "yen_over_thresholds"]
