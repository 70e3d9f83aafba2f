"""How many labels do we need? The KPI against the number of labels, carried on to the gate's threshold, as a number of further labels and the hours they take, each with its interval.

A PROXY while the points come from `curve`: a linear reader of frozen or hand-made features, no fine-tuned model. `extrapolate` takes points of any origin, so that fine-tuned ones can
follow. What is foretold is the KPI on rows like the held-out ones; how well those stand for production is a question to the split. Rows of new groups can help more than the curve, which
knows only those there are, foretells (benchmarks/learning_curve.csv: its misses lie above the interval). Shapes: N samples, D features.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kit.curation.extrapolation import Paths, drawn_paths
from kit.curation.folds import honest_folds
from kit.data import Sample
from kit.errors import KitError
from kit.evaluation.intervals import interval
from kit.evaluation.labels import points
from kit.evaluation.metrics import METRICS
from kit.finding import Finding
from kit.language import say
from kit.processes import one_thread
from kit.show import progress

MOST_TIMES = 10  # of the labels there are: beyond it nothing is foretold
# of the trials in benchmarks/learning_curve.csv: (held, trials)
FORETOLD = (90, 98)  # the KPI lay in its interval of nominally 95 %, and above it in the other eight
HELD = (30, 65)  # the number of labels lay between the two that `Forecast.told` gives, where it gives an upper one
_SIZES, _SEEDS, _FOLDS = 8, 6, 3
_KPIS = {"accuracy": ("accuracy", "正解率"), "macro_recall": ("macro recall", "マクロ再現率"), "macro_f1": ("macro F1", "マクロ F1")}


def spaced(most: int, fewest: int = 12, number: int = _SIZES) -> list[int]:
    """Sizes up to `most`, evenly on a logarithmic axis: from an eighth of it, but not below `fewest`."""
    return sorted({round(n) for n in np.geomspace(min(max(most / 8, fewest), most), most, number)}) if most > 0 else []


@one_thread
def curve(
    features: np.ndarray, samples: Sequence[Sample], kpi: str = "macro_recall", sizes: Sequence[int] | None = None, seeds: Sequence[int] = range(_SEEDS), select: str = "random",
    held: np.ndarray | None = None,
) -> pd.DataFrame:  # fmt: skip
    """The KPI after so many labels: one row per size and seed, columns size, seed, value. No group is both learned from and measured on.

    Args:
        features: (N, D), one row per sample.
        samples: each with an answer.
        kpi: one of METRICS.
        sizes: how many labels; one beyond the pool is left out. None: `spaced` over the pool.
        seeds: of the order in which rows are labelled, at least three for `extrapolate`.
        select: "random" or "uncertainty" (see `kit.evaluation.labels.points`).
        held: numbers of the rows to measure on, all others may be learned from. None: each third of the rows in turn, and the value is the mean over the thirds.

    Raises:
        KitError: no features for some samples, a sample without an answer, an unknown kpi or selection, a group that is learned from and measured on, or too few groups or rows.
    """
    samples = list(samples)
    if len(features) != len(samples) or not all(s.answer for s in samples):
        raise KitError(say(f"{len(features)} rows of features for {len(samples)} samples, {sum(bool(s.answer) for s in samples)} of them with an answer: give each labelled sample one row",
                           f"特徴が {len(features)} 行、サンプルが {len(samples)} 件（うち答えあり {sum(bool(s.answer) for s in samples)} 件）です。ラベル付きの各サンプルに 1 行を渡してください"))  # fmt: skip
    folds = _folds(samples, held)
    most = min(len(pool) for pool, _ in folds)
    sizes = [n for n in (spaced(most, 2 * len({s.answer for s in samples})) if sizes is None else sizes) if n <= most]
    if not sizes:
        raise KitError(say(f"no size of the curve fits into the {most} rows that can be learned from", f"学習に使える {most} 行に収まる件数がありません"))
    rows = []
    for seed in progress(seeds, desc=say("learning curve", "学習曲線")):
        found = [points(features, samples, pool, asked, sizes, kpi, seed, select) for pool, asked in folds]
        rows += [(at_size[0][0], seed, float(np.mean([value for _, value in at_size]))) for at_size in zip(*found, strict=True)]
    return pd.DataFrame(rows, columns=["size", "seed", "value"])


def _folds(samples: list[Sample], held: np.ndarray | None) -> list[tuple[np.ndarray, np.ndarray]]:
    """(rows to learn from, rows to measure on) of each fold."""
    if held is None:
        folds = honest_folds(samples, _FOLDS)
        if folds is None:
            groups = len({s.group or s.id for s in samples})
            raise KitError(say(f"{len(samples)} labelled rows in {groups} groups cannot be parted so that each part knows every answer and no group is on both sides: label rows of more groups (lots, days, speakers) first",
                               f"ラベル付き {len(samples)} 行・{groups} グループでは、全ての答えを含みグループがまたがらない分割ができません。先に別のグループ（ロット・日・話者）の行にラベルを付けてください"))  # fmt: skip
        return folds
    held = np.asarray(held)
    pool = np.setdiff1d(np.arange(len(samples)), held)
    both = {samples[i].group for i in pool} & {samples[i].group for i in held} - {""}
    if both or not len(pool) or not len(held):
        raise KitError(say(f"{len(pool)} rows to learn from, {len(held)} to measure on, groups on both sides: {sorted(both)[:5]}; keep whole groups apart",
                           f"学習 {len(pool)} 行・評価 {len(held)} 行、両側にあるグループ：{sorted(both)[:5]}。グループ単位で分けてください"))  # fmt: skip
    return [(pool, held)]


def selection_gain(random: pd.DataFrame, active: pd.DataFrame, resamples: int = 2000, seed: int = 0) -> pd.DataFrame:
    """What active selection adds at each size: columns size, random, active, gain, low, high (95 %, seeds resampled in pairs: a pair began with the same rows)."""
    both = random.merge(active, on=["size", "seed"], suffixes=("_random", "_active"), validate="one_to_one")
    values = {name: both.pivot(index="size", columns="seed", values=f"value_{name}") for name in ("random", "active")}
    gains = (values["active"] - values["random"]).to_numpy()  # (sizes, seeds)
    counts = np.random.default_rng(seed).multinomial(gains.shape[1], np.full(gains.shape[1], 1 / gains.shape[1]), resamples) / gains.shape[1]
    low, high = np.transpose([(found["low"], found["high"]) for found in (interval(row.mean(), row @ counts.T, units=gains.shape[1]) for row in gains)])
    means = {name: table.mean(axis=1).to_numpy() for name, table in values.items()}
    return pd.DataFrame({"size": values["random"].index, **means, "gain": gains.mean(1), "low": low, "high": high})


@dataclass(frozen=True)
class Forecast:
    """How many more labels until the KPI reaches the threshold.

    Attributes:
        kpi, threshold, seconds_per_label: as given.
        have: labels there are.
        drawn: (R,) more labels that each of the paths needs; inf: not within MOST_TIMES times the labels there are.
        paths: how the KPI may go on.
    """

    kpi: str
    threshold: float
    seconds_per_label: float
    have: int
    drawn: np.ndarray
    paths: Paths

    @property
    def further(self) -> float:
        """The median number of more labels."""
        return self.between(0)[0]

    @property
    def reached(self) -> float:
        """Share of the paths that get there within MOST_TIMES times the labels."""
        return float(np.isfinite(self.drawn).mean())

    def between(self, confidence: float) -> tuple[float, float]:
        """Low and high number of more labels, between which this share of the paths lies; inf as in `drawn`."""
        low, high = np.quantile(self.drawn, [(1 - confidence) / 2, (1 + confidence) / 2], method="inverted_cdf")  # never between a number and infinity
        return float(low), float(high)

    def told(self) -> tuple[float, float]:
        """The two numbers of more labels that are worth telling: those of the 95 % interval, but the median for an upper end that is not finite.

        Intervals of lower confidence are no way out (benchmarks/learning_curve.csv): of 98 trials that of 80 % held 70 times and had an upper end four times, that of 50 % 42 and 30 times.
        All KPIs outside their interval of 95 % were above it: fewer labels were needed than foretold.
        """
        low, high = self.between(0.95)
        return low, high if math.isfinite(high) or self.further == 0 else self.further

    def kpi_at(self, n: float) -> dict:
        """{"value", "low", "high"}: the KPI foretold at n labels in all, with its predictive interval of nominally 95 %; it held in FORETOLD of the trials."""
        return self.paths.interval_at(n)

    def ahead(self, sizes: Sequence[float]) -> pd.DataFrame:
        """`kpi_at` of each size: columns labels, value, low, high, as `kit.show.curves.labels_and_kpi` draws it."""
        return pd.DataFrame([{"labels": n} | self.kpi_at(n) for n in sizes])


def extrapolate(table: pd.DataFrame, threshold: float, seconds_per_label: float, have: int | None = None, kpi: str = "macro_recall", seed: int = 0) -> Forecast:
    """The number of further labels after which the KPI reaches the threshold.

    Args:
        table: size, seed, value (of `curve`, or of fine-tuned models).
        threshold: of the gate, a share above 0 and below 1.
        seconds_per_label: what one more label costs a person.
        have: labels there are; None: the largest size of the table.
        kpi: its name, one of METRICS.
        seed: of the draws.

    Raises:
        KitError: a threshold, seconds or kpi out of range, or a table that is too small (see `drawn_paths`).
    """
    if not (0 < threshold < 1 and seconds_per_label > 0 and kpi in METRICS):
        raise KitError(say(f"threshold {threshold}, {seconds_per_label} seconds per label, KPI {kpi!r}; a threshold between 0 and 1 (80 % is 0.8), seconds above 0 and one of {', '.join(METRICS)} are needed",
                           f"閾値 {threshold}、1 件 {seconds_per_label} 秒、KPI {kpi!r} です。閾値は 0 と 1 の間（80 % なら 0.8）、秒は 0 より大、KPI は {', '.join(METRICS)} のいずれかにしてください"))  # fmt: skip
    paths = drawn_paths(table, seed=seed)
    have = paths.last if have is None else have
    sizes = np.unique(np.geomspace(have, MOST_TIMES * have, 400).round())
    there = paths.at(sizes) >= threshold  # (R, number of sizes)
    return Forecast(kpi, threshold, seconds_per_label, have, np.where(there.any(1), sizes[there.argmax(1)] - have, np.inf), paths)


def labels_needed(forecast: Forecast) -> Finding:
    """The forecast in words, with hours and with how often such an interval held; a proxy, and called so. low and high: 95 %."""
    now, most = forecast.kpi_at(forecast.have), forecast.kpi_at(MOST_TIMES * forecast.have)
    (low, high), told = forecast.between(0.95), forecast.told()
    needed = math.isfinite(forecast.further) and high > 0  # more likely than not they are enough
    return Finding(
        "how many labels", *(n if math.isfinite(n) else None for n in (forecast.further, low, high)), "good" if high == 0 else "warn" if needed else "bad",
        summary=say(*_told(forecast, now, most)),
        evidence={"kpi": forecast.kpi, "threshold": forecast.threshold, "labels": forecast.have, "now": now, "at_most": MOST_TIMES * forecast.have, "then": most,
                  "reached": forecast.reached, "told": told, "held": HELD, "proxy": True},
        advice=_advice(high, needed), cost=say(*_hours(forecast)) if high > 0 and math.isfinite(told[0]) and (told[0] > 0 or math.isfinite(told[1])) else "",
    )  # fmt: skip


def _advice(high: float, needed: bool) -> str:
    if needed:
        return say("Label the lower number first, from groups that are not in yet, then measure again: the interval narrows.", "まず少ない方の件数を、まだ含まれていないグループから付け、測り直してください。区間が狭まります。")
    if high == 0:
        return ""
    return say("Do not count on more labels: look at wrong labels, at answers that cannot be told apart and at the evidence itself, or lower the threshold with its owner.",
               "ラベルを増やすより先に、ラベルの誤り、区別できない答え、証拠そのものを確認するか、閾値を責任者と見直してください。")  # fmt: skip


def _told(forecast: Forecast, now: dict, most: dict) -> tuple[str, str]:
    name, bar, have, times = _KPIS[forecast.kpi], f"{100 * forecast.threshold:.0f} %", f"{forecast.have:,}", MOST_TIMES
    least, highest = forecast.told()
    low, high, (hours, time) = _rounded(least, math.floor), _rounded(highest, math.ceil), _hours(forecast)
    proxy = f" Now {_percent(now)} with {have} labels. A proxy: a linear reader of fixed features, not the tuned model.", f"現在は {have} 件で {_percent(now)}。固定した特徴の線形分類器による代用の目安で、微調整したモデルではありません。"
    if highest == 0:
        said = f"No more labels are needed for a {name[0]} of {bar}.", f"{name[1]} {bar} には、これ以上のラベルは不要です。"
    elif math.isfinite(highest):
        sure = f"such numbers held in {HELD[0]} of {HELD[1]} trials", f"試行 {HELD[1]} 回中 {HELD[0]} 回で的中"
        if math.isinf(forecast.between(0.95)[1]):
            sure = f"the upper one with even odds; {sure[0]}; at 95 % there is no upper end", f"上の値は五分五分。{sure[1]}。95 % では上限なし"
        said = (f"About {low} to {high} more labels, {hours}, until {name[0]} reaches {bar} ({sure[0]}).", f"{name[1]}が {bar} に届くまで、あと約 {low}～{high} 件（{time}）のラベルが必要です（{sure[1]}）。")
        if least == 0:
            said = (f"Whether {name[0]} is at {bar} already cannot be told; if it is not, up to {high} more labels, {hours} ({sure[0]}).",
                    f"{name[1]}が既に {bar} に届いているかは判断できません。届いていなければ、あと最大 {high} 件（{time}）です（{sure[1]}）。")  # fmt: skip
    elif math.isfinite(least):
        chance = f"{100 * forecast.reached:.0f} %"
        start = (f"At least {low} more labels, {hours}, until {name[0]} reaches {bar}", f"{name[1]}が {bar} に届くまで、少なくともあと {low} 件（{time}）")
        if least == 0:
            start = f"Whether {name[0]} is at {bar} already cannot be told", f"{name[1]}が既に {bar} に届いているかは判断できません"
        said = (f"{start[0]}; the chance that {times} times the data are enough is {chance} ({_percent(most)} there).",
                f"{start[1]}。データを {times} 倍にして届く見込みは {chance} です（そのとき {_percent(most)}）。")  # fmt: skip
    else:
        said = f"A {name[0]} of {bar} is not reached within {times} times the data: {_percent(most)} there.", f"データを {times} 倍にしても{name[1]} {bar} に届きません：そのとき {_percent(most)}。"
    return said[0] + proxy[0], said[1] + proxy[1]


def _percent(found: dict) -> str:
    return f"{100 * found['value']:.1f} % [{100 * found['low']:.1f}, {100 * found['high']:.1f}]"


def _rounded(n: float, way) -> str:
    """To two digits, outwards; "" for no end."""
    step = 10 ** max(math.floor(math.log10(n)) - 1, 0) if 1 <= n < math.inf else 1
    return f"{way(n / step) * step:,.0f}" if math.isfinite(n) else ""


def _hours(forecast: Forecast) -> tuple[str, str]:
    """The time that the told number takes, in both languages; with an open end where the threshold may not be reached."""
    low, high = (n * forecast.seconds_per_label / 3600 for n in forecast.told())
    if not math.isfinite(low):
        return "no number of hours", "時間は見積もれません"
    if not math.isfinite(high):
        return f"{low:.1f} hours or more", f"{low:.1f} 時間以上"
    return (f"{low:.1f} to {high:.1f} hours", f"{low:.1f}～{high:.1f} 時間") if low else (f"up to {high:.1f} hours", f"最大 {high:.1f} 時間")
