"""When a monitor looks, and how its limits are set so that a whole ordinary period seldom alarms (the reasons: `kit.operations.drift`)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata
from scipy.stats import t as student

from kit.errors import KitError
from kit.language import say
from kit.operations.observed import Observed

MIN_GROUPS = 20  # of the reference
MIN_SPAN = 4  # groups that a window holds: a mean of fewer is not near a normal, and its worst case cannot be seen in a reference


@dataclass(frozen=True)
class Policy:
    """When is looked, and how often an ordinary period may alarm.

    Attributes:
        window: rows that are compared with the reference at a look.
        every: rows between two looks.
        horizon: rows of the period that `false_alarms` holds for.
        false_alarms: share of ordinary periods in which any chart may alarm.
        periods: how many are drawn to set the limits.
    """

    window: int = 100
    every: int = 25
    horizon: int = 400
    false_alarms: float = 0.05
    periods: int = 1000
    seed: int = 0

    def __post_init__(self):
        if not (0 < self.every and 0 < self.window <= self.horizon and 0 < self.false_alarms < 1):
            raise KitError(say(f"{self} cannot be: 0 < every, 0 < window <= horizon, 0 < false_alarms < 1", f"{self} は設定できません。0 < every、0 < window <= horizon、0 < false_alarms < 1 にしてください"))
        if self.periods < (least := int(np.ceil(10 / self.false_alarms))):
            raise KitError(say(f"{self.periods} periods cannot show what happens in {self.false_alarms:.0%} of them; draw {least} at least", f"{self.periods} 回では {self.false_alarms:.0%} の誤報率を確かめられません。periods を {least} 以上にしてください"))

    def looks(self, start: int, end: int) -> Iterator[int]:
        """The looks (number of rows seen by then) that fall into the rows start + 1 ... end of a stream."""
        return (seen for seen in range(self.window, end + 1, self.every) if seen > start)


def balanced_limits(highest: np.ndarray, false_alarms: float) -> list[float]:
    """One limit per chart, of maxima (periods, C), so that the next period is over any of them with a chance of at most `false_alarms` and each chart is equally seldom.

    Ranks are those that the periods would have beside one more that is worse: the limit at which just so many of the periods themselves are over would be too low, by one period per chart (twenty charts and 500 periods: 4 points).

    A period is over a limit where more than `rank - 1` others are below it, so equal maxima (a column that never varies) share the lowest rank.

    Raises:
        KitError: too few periods for so many charts and so rare an alarm.
    """
    periods = len(highest)
    worst = np.sort(rankdata(highest, method="min", axis=0).max(1))
    place = int(np.ceil((1 - false_alarms) * (periods + 1)))
    rank = int(worst[place - 1]) + 1 if place <= periods else periods + 1
    if rank > periods:
        raise KitError(say(f"{periods} periods are too few to set {highest.shape[1]} limits for {false_alarms:.1%} false alarms; draw more", f"{periods} 回では、{highest.shape[1]} 個の管理限界を誤報率 {false_alarms:.1%} で設定できません。periods を増やしてください"))
    return np.sort(highest, axis=0)[rank - 1].tolist()


def widening(groups: int, charts: int, false_alarms: float) -> float:
    """How much wider a t quantile with groups - 1 degrees of freedom is than a normal one, that far out."""
    far = 1 - false_alarms / (2 * charts)
    return float(student.ppf(far, groups - 1) / norm.ppf(far))


def require_groups(reference: Observed, policy: Policy) -> None:
    """Raises KitError where the reference has too few groups or rows, or groups too large for the window."""
    sizes = pd.Series(reference.group).value_counts()
    if len(sizes) < MIN_GROUPS:
        raise KitError(
            say(
                f"the reference has {len(sizes)} groups in {len(reference)} rows; limits need {MIN_GROUPS} at least (better 80): take a longer ordinary period, or name finer groups (shift or day instead of month)",
                f"基準のグループは {len(sizes)} 個（{len(reference)} 行）です。{MIN_GROUPS} 個以上（できれば 80 個）必要です。基準の期間を延ばすか、日や直など、より細かいグループにしてください",
            )
        )
    if (largest := int(sizes.max())) * MIN_SPAN > policy.window:
        raise KitError(
            say(
                f"group {sizes.index[0]} has {largest} rows and a window {policy.window}: it would compare single groups, and a new ordinary one would be an alarm; set window to {MIN_SPAN * largest} at least, or name finer groups",
                f"グループ {sizes.index[0]} は {largest} 行で、ウィンドウは {policy.window} 行です。少数のグループ同士の比較になり、通常の新ロットでも警報が出ます。window を {MIN_SPAN * largest} 以上にするか、より細かいグループにしてください",
            )
        )
    if len(reference) < 2 * policy.window:
        raise KitError(say(f"the reference has {len(reference)} rows; a window of {policy.window} needs twice as many at least", f"基準は {len(reference)} 行です。ウィンドウ {policy.window} 行の 2 倍以上必要です"))
