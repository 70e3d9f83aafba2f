"""Drift: one monitor over all charts, whose false alarms are controlled for a whole period (a month, say) and not chart by chart.

    monitor = Monitor(reference)              # sets its limits on the reference alone
    for batch in stream:
        for finding in monitor.add(batch): ...   # names the chart, its value, its limit, since when, what to do
    monitor.save(path); Monitor.load(path)

The policy. Every `every` rows the last `window` rows are compared with the reference, on all charts. Twenty charts at thirteen looks, each at 5 %, would alarm in most ordinary months; Bonferroni over them all would be
blind, because charts and looks are close relatives. So ordinary periods are drawn from the reference: its groups in random order, read as a stream, each window against the rows of all groups that are not in it. A chart's
limit is the value that its maximum over a whole period exceeds with one small probability, the same for every chart, chosen so that ANY chart exceeds its limit in at most `false_alarms` of the periods (Westfall and Young's
balanced maximum, 1993; Romano and Wolf 2010). Limits are then widened as Student's t is wider than the normal for so many groups, because a few groups do not show how far the next one may be.

Groups are drawn whole: rows of one lot are alike, and an ordinary new lot must be no alarm. What is needed: MIN_GROUPS groups in the reference, each no larger than a MIN_SPAN-th of the window; double is better. Assumed: an
ordinary future group is like a reference group drawn at random. Neighbouring groups that are alike (seasons) need larger groups (weeks) or a reference that is as long as the season.
"""

from copy import copy
from pathlib import Path

import numpy as np
import pandas as pd

from kit.errors import KitError
from kit.finding import Finding
from kit.language import say
from kit.operations import monitor_file
from kit.operations.advice import alarm
from kit.operations.control_charts import FOLDS, Charts, least_limit
from kit.operations.observed import Observed, together
from kit.operations.policy import Policy, balanced_limits, require_groups, widening
from kit.show import progress


class Monitor:
    """Watches a stream of rows against a reference.

    Args:
        reference: rows of an ordinary period, answered by the model that is watched, none of them trained on.
        policy: when is looked.

    Attributes:
        limits: chart -> its limit (of p-charts in standard errors).
        count: rows seen.
        history: one row per look and chart: seen, chart, value, limit, lower (of p-charts, whose values are rates; else NaN), over.
        alarms: all Findings so far.

    Raises:
        KitError: too few groups, or groups too large for the window.
    """

    def __init__(self, reference: Observed, policy: Policy | None = None):
        self.reference, self.policy = reference, policy or Policy()
        require_groups(reference, self.policy)
        self._prepare()
        self.limits = self._limits()
        self.count, self._recent, self._over, self._looks, self.alarms = 0, self.reference.take([]), {}, [], []

    def _prepare(self) -> None:
        self.charts = Charts(self.reference)
        self._rows = self.charts.prepared(self.reference)
        self._order = list(dict.fromkeys(self.reference.group))
        self._fold = np.array([self._order.index(group) % FOLDS for group in self.reference.group])

    def _limits(self) -> dict[str, float]:
        policy, draws = self.policy, np.random.default_rng(self.policy.seed)
        of_group = [np.flatnonzero(self.reference.group == group) for group in self._order]
        drawn = (draws.permutation(len(of_group)) for _ in progress(range(policy.periods), desc=say("limits of the charts", "管理限界を計算中")))
        table = np.stack([self._ordinary_period(of_group, order) for order in drawn])  # (periods, looks, C)
        highest = table.max(1)
        limits = np.array(balanced_limits(highest, policy.false_alarms))
        usual = np.median(table, axis=(0, 1))
        limits = usual + (limits - usual) * widening(len(of_group), len(limits), policy.false_alarms)
        return {name: max(float(limit), least_limit(name, policy.window)) for name, limit in zip(self.charts.names, limits, strict=True)}

    def _ordinary_period(self, of_group: list[np.ndarray], order: np.ndarray) -> np.ndarray:
        """(looks, C) of the reference's groups in this order."""
        stream = np.resize(np.concatenate([of_group[place] for place in order]), self.policy.horizon)
        place = np.empty(len(order), int)
        place[order] = np.arange(len(order))
        member = np.empty(len(self.reference), int)
        for number, rows in enumerate(of_group):
            member[rows] = number
        ends = list(self.policy.looks(0, self.policy.horizon))
        window, base = np.zeros((len(ends), len(self.reference))), np.empty((len(ends), len(self.reference)))
        for look, end in enumerate(ends):
            inside = stream[end - self.policy.window : end]
            window[look, inside] = 1
            base[look] = ~np.isin(member, member[inside])
        return self.charts.values(self._rows, window, base, place[member] % FOLDS)

    def add(self, batch: Observed) -> list[Finding]:
        """Looks where it is time to, and returns the alarms that are new: a chart alarms when it crosses its limit, and again only after it was below.

        Raises:
            KitError: other columns than the reference's, or groups that are the reference's.
        """
        rows = together([self._recent, batch])
        first, count = self.count - len(self._recent), self.count + len(batch)
        new = []
        for end in self.policy.looks(self.count, count):
            new += self._look(rows.take(np.arange(end - self.policy.window - first, end - first)), end)
        self._recent = rows.take(np.arange(max(0, len(rows) - self.policy.window), len(rows)))
        self.count, self.alarms = count, self.alarms + new
        return new

    def _look(self, window: Observed, end: int) -> list[Finding]:
        groups = list(dict.fromkeys(window.group))
        fold = np.concatenate([self._fold, [groups.index(group) % FOLDS for group in window.group]])
        there = ~np.isin(self.reference.group, groups)
        if there.sum() < self.policy.window:
            raise KitError(say("the stream's groups are the reference's: a group is a lot, a day or a caller, and a new one has a new name", "監視対象のグループ名が基準と同じです。グループはロット・日・話者などで、新しいものには新しい名前を付けてください"))
        rows = self._rows.followed_by(self.charts.prepared(window), self.charts.bandwidth, there)
        inside, base = np.zeros((1, len(fold))), np.zeros((1, len(fold)))
        inside[0, len(there) :], base[0, : len(there)] = 1, there
        new = []
        for name, value in zip(self.charts.names, self.charts.values(rows, inside, base, fold)[0], strict=True):
            over = bool(value > self.limits[name])
            shown, limit, lower = self.charts.shown(name, rows, inside, base, float(value), self.limits[name])
            self._looks.append((end, name, shown, limit, lower, over))
            if over and name not in self._over:
                self._over[name] = end
                new.append(alarm(name, shown, limit if lower is None or shown > lower else lower, end, self.policy.window, groups, sorted(self.reference.scores)))
            elif not over:
                self._over.pop(name, None)
        return new

    def restarted(self) -> "Monitor":
        """One with the same reference and limits that has seen nothing yet."""
        made = copy(self)
        made.count, made._recent, made._over, made._looks, made.alarms = 0, self.reference.take([]), {}, [], []
        return made

    @property
    def history(self) -> pd.DataFrame:
        return pd.DataFrame(self._looks, columns=["seen", "chart", "value", "limit", "lower", "over"]).astype({"lower": float})

    def save(self, path: Path) -> None:
        """Everything, into one .npz (no pickle), in one move."""
        monitor_file.write(self, path)

    @classmethod
    def load(cls, path: Path) -> "Monitor":
        """The monitor as it was saved; it goes on as if it had never stopped.

        Raises:
            KitError: the file is none of a monitor.
        """
        return monitor_file.read(cls, path)
