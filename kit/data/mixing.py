"""Training rows of the three data layers, mixed by named shares."""

from collections.abc import Mapping, Sequence

import numpy as np

from kit.data.sample import LAYERS, Sample
from kit.errors import KitError
from kit.language import say


def mixed(rows: Sequence[Sample], extra: Sequence[Sample], shares: Mapping[str, float], seed: int = 0) -> list[Sample]:
    """Rows of the layers that `shares` does not name, each once, and of those that it names as many as make up their share of all; a layer is gone through whole before a row comes again.

    What is not rehearsed is forgotten (replay: Robins 1995; of the base's own kind of data: Ouyang et al. 2022, section 3.5), and much of another layer drowns the company's rows.

    Args:
        rows: training rows of the use case.
        extra: rows to draw from besides them.
        shares: layer -> share of all rows, below 1 in sum; a share of 0 leaves that layer's `rows` as they are.
        seed: of the draw.

    Raises:
        KitError: an unknown layer, shares that leave no room, or a layer without rows.
    """
    shares = {layer: share for layer, share in shares.items() if share}
    if set(shares) - set(LAYERS) or sum(shares.values()) >= 1 or any(share < 0 for share in shares.values()):
        raise KitError(say(f"shares of data layers {shares}: allowed are {', '.join(LAYERS)}, together below 1", f"データ層の割合 {shares}：使えるのは {', '.join(LAYERS)}、合計は 1 未満です"))
    kept = [sample for sample in rows if sample.data_layer not in shares]
    number, found = len(kept) / (1 - sum(shares.values())), list(kept)
    for layer, share in shares.items():
        pool = [sample for sample in (*rows, *extra) if sample.data_layer == layer]
        if not pool:
            raise KitError(say(f"{share:.0%} of the training rows are to be of the data layer {layer!r}, and there is none: add rows with data_layer = {layer}, or set the share to 0",
                               f"学習行の {share:.0%} をデータ層 {layer} にする指定ですが、その行がありません。data_layer = {layer} の行を追加するか、割合を 0 にしてください"))  # fmt: skip
        order = np.random.default_rng(seed).permutation(len(pool))
        found += [pool[order[i % len(pool)]] for i in range(round(number * share))]
    return found
