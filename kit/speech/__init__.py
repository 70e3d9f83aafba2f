"""Answers that speak: sentences of a text that is being written, voices, and the two together."""
