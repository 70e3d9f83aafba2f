"""Life after the decision: drift, its replay, risk when labels come, and who replaces the champion."""

from kit.operations.drift import Monitor
from kit.operations.observed import Observed
from kit.operations.policy import Policy

__all__ = ["Monitor", "Observed", "Policy"]
