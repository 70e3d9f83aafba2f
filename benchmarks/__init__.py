"""Measurements that back the figures in README and docs; each writes a small committed CSV. Run as `python -m benchmarks.NAME`."""
