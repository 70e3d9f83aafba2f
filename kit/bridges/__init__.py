"""Whole ways of bringing a modality to a language model, on one KPI: converter, perceiver, tool learning, data-driven; and the gap that they bridge."""

from kit.bridges.bridge import Bridge, Facts
from kit.bridges.budgets import rows_to_reach
from kit.bridges.connected import Connected, converter, perceiver
from kit.bridges.correlation import gap_and_kpi, measured_points, within_cases
from kit.bridges.data_driven import DataDriven, instructions
from kit.bridges.detector import Detector
from kit.bridges.disagreement import believed, said_of
from kit.bridges.integration import gap, modality_gap
from kit.bridges.kept import Kept
from kit.bridges.late_fusion import LateFusion
from kit.bridges.misleading import misled
from kit.bridges.remote import UNANSWERED, Remote
from kit.bridges.routed import Routed, Specialist, kind_of
from kit.bridges.table import Tried, bridge_table, recommended, stated_rule, try_bridge, try_bridges
from kit.bridges.tool_learning import ToolLearning
from kit.bridges.tools import Ocr, Speech, Tool, Whisper
from kit.bridges.with_series import WithSeries

__all__ = [
    "Bridge",
    "Connected",
    "DataDriven",
    "Detector",
    "Facts",
    "Kept",
    "LateFusion",
    "Ocr",
    "Remote",
    "Routed",
    "Specialist",
    "Speech",
    "Tool",
    "ToolLearning",
    "Tried",
    "UNANSWERED",
    "Whisper",
    "WithSeries",
    "believed",
    "bridge_table",
    "converter",
    "gap",
    "gap_and_kpi",
    "instructions",
    "kind_of",
    "measured_points",
    "misled",
    "modality_gap",
    "perceiver",
    "recommended",
    "rows_to_reach",
    "said_of",
    "stated_rule",
    "try_bridge",
    "try_bridges",
    "within_cases",
]
