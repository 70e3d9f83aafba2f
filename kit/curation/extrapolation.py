"""A learning curve carried on beyond the labels there are, with what is not known about it: its form, the luck of the labelling, and how far it missed before.

Error forms: power law a + b n^-c, logarithm a - b log n, exponential a + b exp(-n / c) (Viering and Loog, "The Shape of Learning Curves: a Review", 2021, section 4; Mahmood et al.,
"How Much More Data Do I Need?", CVPR 2022, section 3: several forms fit the first points and part beyond them). Shapes: P sizes, S seeds, G shapes of all forms, R paths.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kit.errors import KitError
from kit.evaluation.intervals import interval
from kit.language import say

FORMS = ("power law", "logarithm", "exponential")
FEWEST_SIZES, FEWEST_SEEDS = 4, 3
ROUGH = 0.3  # share of the variance between labellings that does not come from the rows one by one (two answers of a small test flip); chosen on trials that benchmarks/learning_curve.py does not repeat
FLOOR = 0.006  # of a point's standard error: no curve follows one of the forms more closely than that
_POWERS = np.linspace(0.1, 2.0, 20)  # c; the logarithm is the limit c -> 0
_DECAYS = np.geomspace(0.15, 4.0, 16)  # c as a multiple of the largest size
_FORM = np.repeat([0, 1, 2], [len(_POWERS), 1, len(_DECAYS)])  # (G,)
_SHAPE = np.concatenate([_POWERS, [1.0], _DECAYS])
_PRIOR = -np.log(np.bincount(_FORM))[_FORM]  # each form has the same share before anything is seen


@dataclass(frozen=True)
class Paths:
    """R ways on which the KPI may go on, drawn from what the table leaves open.

    Attributes:
        form, shape: (R,) index into FORMS, and c in units of the largest size.
        a, b: (R,) of the error.
        luck: (R,) standard normal, one per path: whether its labels are lucky ones.
        spread: standard deviation of the KPI between independent labellings of the largest size.
        missed: by how much the forms missed the last size from the first ones, per doubling and beyond what they had allowed for.
        last: the largest size that was measured.
    """

    form: np.ndarray
    shape: np.ndarray
    a: np.ndarray
    b: np.ndarray
    luck: np.ndarray
    spread: float
    missed: float
    last: int

    def at(self, n: np.ndarray | float) -> np.ndarray:
        """KPI (R, number of n) of the paths at n labels, which hold those of the largest size.

        What the rows contribute one by one keeps 1 - last / n of its variance (a sample against the whole that it is part of; Cochran 1977, section 2.6), the rest falls as 1 / n.
        """
        n = np.atleast_1d(np.asarray(n, dtype=np.float64)) / self.last
        error = self._error(n)
        n = np.maximum(n, 1)
        variance = self.spread**2 * ((1 - ROUGH) * (1 - 1 / n) + ROUGH / n) + (self.missed * np.log2(n)) ** 2
        return np.clip(1 - error + self.luck[:, None] * np.sqrt(variance), 0, 1)

    def _error(self, n: np.ndarray) -> np.ndarray:
        """(R, number of n), n in units of the largest size.

        Logarithm and exponential would soon be at zero, which no error is: where it has halved they go over, with the same slope, into a power law.
        """
        form, shape, a, b = (x[:, None] for x in (self.form, self.shape, self.a, self.b))
        error = a + b * _basis(form, shape, n)
        half = np.maximum((a + b * _basis(form, shape, np.ones(1))) / 2, 1e-9)
        slow = np.where(form == 1, half * np.exp(np.minimum(error / half - 1, 0)), half / (1 + np.log(half / np.clip(error, 1e-12, half))))
        return np.where((form > 0) & (error < half), slow, error)

    def interval_at(self, n: float, confidence: float = 0.95) -> dict:
        """{"value", "low", "high"}: median and predictive interval of the KPI at n labels."""
        drawn = self.at(n)[:, 0]
        return interval(float(np.median(drawn)), drawn, confidence)


def _basis(form: np.ndarray, shape: np.ndarray, n: np.ndarray) -> np.ndarray:
    """What b is multiplied by, at n in units of the largest size: falls with n; 1 there for the power law, 0 for the logarithm."""
    return np.where(form == 0, n ** -np.where(form == 0, shape, 0), np.where(form == 1, -np.log(n), np.exp(-n / np.where(form == 2, shape, 1))))


def drawn_paths(table: pd.DataFrame, number: int = 2000, seed: int = 0) -> Paths:
    """Paths whose scatter is the uncertainty of the curve.

    Seeds are resampled (a labelling is lucky or unlucky at all its sizes at once); for each resample one shape is drawn with the weight exp(-misfit / 2) that its fit deserves. Then the
    curve is asked to foretell its own last size from the first ones: what it missed beyond its own scatter is added, per doubling.

    Args:
        table: size, seed, value, as `kit.curation.how_many.curve` returns it; every seed at every size.
        number: of paths, R.
        seed: of the draws.

    Raises:
        KitError: fewer than FEWEST_SIZES sizes or FEWEST_SEEDS seeds, a size that some seed lacks, or values outside 0 to 1.
    """
    sizes, values = _checked(table)
    rng = np.random.default_rng(seed)
    spread = _spread(sizes, values)
    missed = _missed(sizes, values, spread, rng)
    return Paths(*_drawn(sizes, values, sizes[-1], spread, number, rng), rng.standard_normal(number), spread, missed, int(sizes[-1]))


def _checked(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Sizes (P,) and values (P, S)."""
    wide = table.pivot_table(index="size", columns="seed", values="value")
    if len(wide) < FEWEST_SIZES or wide.shape[1] < FEWEST_SEEDS or wide.isna().any(axis=None):
        raise KitError(say(f"the learning curve has {len(wide)} sizes and {wide.shape[1]} seeds; at least {FEWEST_SIZES} sizes and {FEWEST_SEEDS} seeds, each at every size, are needed: label more rows first",
                           f"学習曲線は {len(wide)} 段階・{wide.shape[1]} シードです。{FEWEST_SIZES} 段階以上・{FEWEST_SEEDS} シード以上（全段階そろい）が必要です。先にラベルを増やしてください"))  # fmt: skip
    values = wide.to_numpy(np.float64)
    if values.min() < 0 or values.max() > 1:
        raise KitError(say(f"the KPI goes from {values.min():.3g} to {values.max():.3g}; a share between 0 and 1 is needed: divide percentages by 100",
                           f"KPI の範囲が {values.min():.3g} から {values.max():.3g} です。0 から 1 の割合にしてください（パーセントなら 100 で割る）"))  # fmt: skip
    return wide.index.to_numpy(np.float64), values


def _spread(sizes: np.ndarray, values: np.ndarray) -> float:
    """Standard deviation between independent labellings of the largest size.

    Seeds that draw n of N rows share some and show 1 - n / N of the variance only (Cochran 1977, section 2.6), so sizes above three quarters tell little. Variance falls more slowly than 1 / n,
    because rows of one group share their luck: as 1 / sqrt(n), by the trials.
    """
    share = sizes / sizes[-1]
    seen = share <= 0.75 if (share <= 0.75).any() else share < 1
    full = values.var(1, ddof=1)[seen] / (1 - share[seen])
    return float(np.sqrt(np.mean((full * np.sqrt(share[seen]))[-3:])))


def _drawn(sizes: np.ndarray, values: np.ndarray, last: float, spread: float, number: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """form, shape, a, b (R,) of one drawn shape for each resample of the seeds; `last` and `spread` are those of the whole table."""
    seeds, share = values.shape[1], sizes / last
    counts = rng.multinomial(seeds, np.full(seeds, 1 / seeds), number)  # (R, S)
    error = 1 - counts @ values.T / seeds + rng.normal(size=(number, len(sizes))) * spread * np.sqrt(ROUGH / np.sqrt(share))  # (R, P)
    variance = spread**2 * ((1 - share) / seeds + ROUGH) / np.sqrt(share) + FLOOR**2
    a, b, misfit = _fitted(_basis(_FORM[:, None], _SHAPE[:, None], share[None]), error, 1 / variance)
    least = misfit.min(1, keepdims=True) / max(len(sizes) - 3, 1)
    weight = _PRIOR - 0.5 * misfit / np.maximum(least, 1)  # where no form fits well, none of them is preferred by much
    picked, rows = (weight + rng.gumbel(size=weight.shape)).argmax(1), np.arange(number)
    return _FORM[picked], _SHAPE[picked], a[rows, picked], b[rows, picked]


def _fitted(basis: np.ndarray, error: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """a, b and weighted square misfit (R, G) of error (R, P) ~ a + b basis (G, P), weights (P,); b >= 0, and a >= 0 but for the logarithm."""
    shares = weight / weight.sum()
    level, middle = error @ shares, basis @ shares  # (R,), (G,)
    around = basis - middle[:, None]
    b = np.maximum(error @ (around * shares).T / (around**2 @ shares), 0)
    a = level[:, None] - b * middle
    below = (_FORM != 1) & (a < 0)
    b = np.where(below, error @ (basis * shares).T / (basis**2 @ shares), b)
    a = np.where(below, 0, a)
    rest = error[:, None] - a[..., None] - b[..., None] * basis  # (R, G, P)
    return a, b, rest**2 @ weight


def _missed(sizes: np.ndarray, values: np.ndarray, spread: float, rng: np.random.Generator) -> float:
    """Root mean square, per doubling, by which the last size was missed from the first ones, less what their own scatter allows for."""
    beyond = []
    for first in range(FEWEST_SIZES, len(sizes)):
        doublings = np.log2(sizes[-1] / sizes[first - 1])
        if doublings < 0.4:  # too near to tell anything about the form
            continue
        form, shape, a, b = _drawn(sizes[:first], values[:first], sizes[-1], spread, 400, rng)
        foretold = np.clip(1 - a - b * _basis(form, shape, np.ones(len(a))), 0, 1)
        allowed = foretold.var() + ROUGH * spread**2
        beyond.append(((values[-1].mean() - np.median(foretold)) ** 2 - allowed) / max(doublings, 1) ** 2)
    return float(np.sqrt(max(np.mean(beyond), 0))) if beyond else 0.0
