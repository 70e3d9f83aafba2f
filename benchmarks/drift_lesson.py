"""Writes sample_data/recorded_month.npz, which notebook 12 replays: rows of edition 0 of benchmarks/drift.py (the edition that the charts were developed on), small enough to ship.

    python -m benchmarks.drift_lesson       # after `drift_material` made edition 0 (its lots' names decide what is drawn)

Kept of each row: group, right answer, answer, its share, statistics of the photo, and the features projected on WIDTH random directions, which keeps their distances (Johnson and Lindenstrauss) and 1/64 of their size.
"""

import numpy as np

from benchmarks import drift

WIDTH = 48
SETS = {"reference": ("reference", 0, 40), "ordinary": ("month", 26, 60), "light": ("light-1", 0, 17), "part": ("part", 0, 16)}  # name -> (set, its first lot, the one after its last)


def main() -> None:
    """Reads the sets and writes the file."""
    drift.EDITION = 0
    sets = {name: drift.read(f"photos-{made}") for name, (made, _, _) in SETS.items()}
    features = sets["reference"]["features"]
    middle, spread = features.mean(0), features.std(0)
    spread[spread < 1e-6 * (np.abs(middle) + 1)] = np.inf
    turn = np.random.default_rng(0).normal(size=(features.shape[1], WIDTH)) / np.sqrt(WIDTH)
    kept = {}
    for name, (_, first, last) in SETS.items():
        seen = sets[name]
        rows = np.isin(seen["group"], np.unique(seen["group"])[first:last])
        columns = {column: seen[column][rows] for column in ("group", "answer", "predicted")}
        columns |= {"confidence": seen["shares"][rows].max(1).astype(np.float32), "checked": (seen["checked"][rows] < drift.CHECKED), "embedding": ((seen["features"][rows] - middle) / spread @ turn).astype(np.float16)}
        columns |= {column: values[rows].astype(np.float32) for column, values in seen.items() if column.startswith("quality ")}
        kept |= {f"{name}|{column}": values for column, values in columns.items()}
    np.savez_compressed(drift.ROOT / "sample_data" / "recorded_month.npz", **kept)


if __name__ == "__main__":
    main()
