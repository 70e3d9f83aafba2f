"""Fine-tuning, and what a run proves about itself."""

from kit.training.checks import run_checks
from kit.training.finetune import Settings, Tuned, finetune

__all__ = ["Settings", "Tuned", "finetune", "run_checks"]
