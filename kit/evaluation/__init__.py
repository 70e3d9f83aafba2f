"""How good is it, how sure are we, what does it cost: option scoring, metrics with intervals, baselines."""

from kit.evaluation.baselines import cheap_model, copy_note, majority
from kit.evaluation.metrics import METRICS, compare, cost_matrix, evaluate
from kit.evaluation.scoring import option_scores, predict
from kit.evaluation.transcripts import error_rates, transcribe

__all__ = ["METRICS", "cheap_model", "compare", "copy_note", "cost_matrix", "error_rates", "evaluate", "majority", "option_scores", "predict", "transcribe"]
