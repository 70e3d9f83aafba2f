"""Fine-tuning, progressive stages, and what a run proves about itself."""

from kit.training.checks import run_checks
from kit.training.finetune import Settings, Tuned, finetune
from kit.training.schedule import Stage
from kit.training.stages import Staged, run_stages

__all__ = ["Settings", "Stage", "Staged", "Tuned", "finetune", "run_checks", "run_stages"]
