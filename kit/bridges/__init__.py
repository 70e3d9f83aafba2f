"""Whole ways of bringing a modality to a language model, on one KPI: converter, perceiver, tool learning, data-driven; and the gap that they bridge."""
