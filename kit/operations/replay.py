"""A recorded period replayed with a change planted at a known row: how late is it found, and how often does an ordinary period alarm?

    table = replays(monitors, ordinary, changed, at=200, number=100)
    detection(table, within=200)

What the limits were set on must not be replayed: `ordinary` and `changed` are other groups than the monitors' references. A replay draws whole groups in random order, so that one recording gives many periods; they share
rows, and intervals over replays, which take them for independent, are too narrow for the generator and right for "this recording".
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from kit.errors import KitError
from kit.language import say
from kit.operations.drift import Monitor
from kit.operations.observed import Observed, together
from kit.show import progress


def replays(
    monitors: Sequence[Monitor], ordinary: Observed, changed: Observed | None, at: int, number: int = 100, batch: int = 25, seed: int = 0, desc: str = "replays",
) -> pd.DataFrame:  # fmt: skip
    """One row per replay: at (the planted change, None without one), alarm (rows seen at the first alarm, NaN), delay (rows from the change to it; below 0: a false alarm), chart (the first to alarm), charts (all that did at that look). A replay ends with its first alarm.

    Args:
        monitors: with limits set; replay i is watched by monitor i modulo their number, from its beginning.
        ordinary: rows that nothing was changed in; groups are drawn from it without repetition.
        changed: rows from row `at` + 1 on; None: ordinary ones, too. A group that was seen before the change does not come again after it.
        at: rows before the change.
        batch: rows that arrive together.

    Raises:
        KitError: too few rows for a period, or a group that the limits were set on.
    """
    horizon = monitors[0].policy.horizon
    for monitor in monitors:
        for rows in (ordinary, changed):
            if rows is not None and (both := set(rows.group) & set(monitor.reference.group)):
                raise KitError(say(f"{len(both)} groups to replay are in the reference that the limits were set on ({sorted(both)[0]} ...): replay other ones", f"再生するグループのうち {len(both)} 個（{sorted(both)[0]} など）は限界の設定に使われています。別のグループを使ってください"))
    draws, found = np.random.default_rng(seed), []
    for replay in progress(range(number), desc=desc):
        monitor = monitors[replay % len(monitors)].restarted()
        period = drawn(ordinary, changed, at, horizon, draws)
        for start in range(0, horizon, batch):
            if monitor.add(period.take(np.arange(start, min(start + batch, horizon)))):
                break
        first = monitor.alarms[0].evidence if monitor.alarms else {}
        found.append({
            "at": None if changed is None else at, "alarm": first.get("seen", np.nan), "delay": first.get("seen", np.nan) - at if changed is not None else np.nan,
            "chart": first.get("chart", ""), "charts": [alarm.evidence["chart"] for alarm in monitor.alarms if alarm.evidence["seen"] == first["seen"]],
        })  # fmt: skip
    return pd.DataFrame(found, columns=["at", "alarm", "delay", "chart", "charts"])


def drawn(ordinary: Observed, changed: Observed | None, at: int, horizon: int, draws: np.random.Generator) -> Observed:
    """A period of `horizon` rows of whole groups in random order (the last one before the change, and the last one, are cut)."""
    if changed is None:
        return ordinary.take(_groups(ordinary, horizon, set(), draws))
    before = ordinary.take(_groups(ordinary, at, set(), draws))
    return together([before, changed.take(_groups(changed, horizon - at, set(before.group), draws))])


def detection(table: pd.DataFrame, within: int = 200, confidence: float = 0.95) -> dict:
    """Of a table of `replays`: {"replays", "false_alarms": share that alarmed before the change (of replays without one: at all), "found": share whose first alarm came 1 to `within` rows after it, each {"value", "low", "high"}
    by Clopper and Pearson; "delay": quantiles (0.5, 0.9) over all replays without a false alarm, NaN where that many were not found}; "found" and "delay" are None without a change.
    """
    planted = table["at"].notna().all() and len(table) > 0
    false = (table["delay"] <= 0) if planted else table["alarm"].notna()
    told = {"replays": len(table), "false_alarms": _share(int(false.sum()), len(table), confidence), "found": None, "delay": None}
    if planted:
        hit = (table["delay"] > 0) & (table["delay"] <= within)
        delays = np.sort(table.loc[~false, "delay"].fillna(np.inf).to_numpy())
        quantiles = {share: float(delays[int(np.ceil(share * len(delays))) - 1]) if len(delays) else np.nan for share in (0.5, 0.9)}
        told |= {"found": _share(int(hit.sum()), len(table), confidence), "delay": {share: value if np.isfinite(value) else np.nan for share, value in quantiles.items()}}
    return told


def _groups(rows: Observed, number: int, without: set[str], draws: np.random.Generator) -> np.ndarray:
    """Places of `number` rows, whole groups one after the other."""
    names = np.array([name for name in dict.fromkeys(rows.group) if name not in without])
    order = [np.flatnonzero(rows.group == name) for name in draws.permutation(names)]
    places = np.concatenate(order)[:number] if order else np.empty(0, int)
    if len(places) < number:
        raise KitError(say(f"a period needs {number} rows of groups that come once; there are {len(places)}: record a longer period, or replay a shorter one", f"期間の再生には {number} 行必要ですが {len(places)} 行しかありません。記録を増やすか、期間を短くしてください"))
    return places


def _share(hits: int, number: int, confidence: float) -> dict:
    exact = binomtest(hits, number).proportion_ci(confidence)
    return {"value": hits / number, "low": float(exact.low), "high": float(exact.high)}
