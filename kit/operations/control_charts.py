"""The charts of a monitor: one number per look and chart, all of them from the same two sets of rows, so that one policy can hold for all (`kit.operations.drift`).

    charts = Charts(reference)
    charts.values(charts.prepared(rows), window, base, fold)   # (L, C)

Shapes: L looks, N rows, C charts, d width of the embedding's coordinates, F folds of the domain classifier.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import pdist

from kit.language import say
from kit.operations import drift_statistics
from kit.operations.observed import Observed

WIDTH = 24  # coordinates of an embedding; a window of a hundred rows cannot tell more of them apart
FOLDS = 4
EMBEDDED = ("MMD of embeddings", "domain classifier", "novelty of groups")
_HEURISTIC = 1000  # rows that the median of all distances is taken of
_NAMED = {  # what is watched -> in Japanese
    "confidence": "確信度", "margin": "1 位と 2 位の差", "answer": "答え", "abstention": "保留", "override": "人による訂正", "brightness": "明るさ", "contrast": "コントラスト", "sharpness": "鮮明さ", "red to blue": "色味（赤と青の差）",
    "clipped dark": "黒つぶれ", "clipped bright": "白飛び", "noise": "画像のノイズ", "motion": "動き", "seconds": "長さ（秒）", "loudness": "音量", "peak": "最大音量", "noise floor": "背景雑音", "band": "音の帯域", "clipped": "音割れ",
}  # fmt: skip


@dataclass(frozen=True)
class Prepared:
    """Rows as the charts read them: group (N,) numbered, known (N,) 1 where a group is the reference's, places (N, number of PSI charts), numbers (N, number of KS charts), rates (N, number of p-charts), coordinates and vectors (N, d), kernel (N, N)."""

    group: np.ndarray
    known: np.ndarray
    places: np.ndarray
    numbers: np.ndarray
    rates: np.ndarray
    coordinates: np.ndarray
    vectors: np.ndarray
    kernel: np.ndarray

    def followed_by(self, rows: "Prepared", bandwidth: float, known: np.ndarray) -> "Prepared":
        """These rows, of which those are known, and then rows that are not."""
        joined = (np.concatenate([getattr(self, name), getattr(rows, name)]) for name in ("places", "numbers", "rates", "coordinates", "vectors"))
        across = drift_statistics.kernel_of(self.coordinates, rows.coordinates, bandwidth)
        return Prepared(np.concatenate([self.group, rows.group + self.group.max() + 1]), np.concatenate([known, np.zeros(len(rows.group))]), *joined, np.block([[self.kernel, across], [across.T, rows.kernel]]))


class Charts:
    """What is charted, and on which scale: bins, coordinates and the kernel's width are the reference's.

    Args:
        reference: the rows that all others are compared with.

    Attributes:
        names: of the C charts, "PSI of confidence", "KS of brightness", "MMD of embeddings", "domain classifier", "novelty of groups", "p-chart of abstention".
    """

    def __init__(self, reference: Observed):
        self.edges = {name: drift_statistics.bins_of(values) if values.dtype.kind == "f" else np.unique(values) for name, values in sorted(reference.scores.items())}
        numeric = [name for name in self.edges if reference.scores[name].dtype.kind == "f"]
        self._numbers = [*((name, "scores") for name in numeric), *((name, "quality") for name in sorted(reference.quality))]
        self._rates = sorted(reference.rates)
        self._fit(reference.embedding.astype(float))
        seen = list(EMBEDDED) if self.axes.shape[1] else []
        self.names = [*(f"PSI of {name}" for name in self.edges), *(f"KS of {name}" for name, _ in self._numbers), *seen, *(f"p-chart of {name}" for name in self._rates)]

    def _fit(self, embedding: np.ndarray) -> None:
        """Principal axes of the reference's standardised features; a column that is the same in all its rows tells nothing and would divide by 0."""
        if not embedding.shape[1]:
            self.axes, self.bandwidth = np.empty((0, 0)), 1.0
            return
        self.middle, self.spread = embedding.mean(0), embedding.std(0)
        self.spread[self.spread < 1e-6 * (np.abs(self.middle) + 1)] = np.inf
        table = (embedding - self.middle) / self.spread
        width = min(WIDTH, len(table) // 10, int(np.isfinite(self.spread).sum()))
        values, left = np.linalg.eigh(table @ table.T)
        kept = np.argsort(values)[::-1][:width]
        kept = kept[values[kept] > 1e-9 * values.max()]
        self.axes = table.T @ left[:, kept] / np.sqrt(values[kept])
        self.scale = np.sqrt(values[kept] / len(table))
        coordinates = table @ self.axes
        self.bandwidth = float(np.median(pdist(coordinates[:: -(-len(coordinates) // _HEURISTIC)]))) or 1.0  # the median heuristic, as kit.bridges.gap has it

    def prepared(self, rows: Observed) -> Prepared:
        """The rows in bins, columns and coordinates."""
        places = [np.searchsorted(edges, rows.scores[name], side="right") if edges.dtype.kind == "f" else _word_at(edges, rows.scores[name]) for name, edges in self.edges.items()]
        numbers = [getattr(rows, kind)[name] for name, kind in self._numbers]
        coordinates = (rows.embedding - self.middle) / self.spread @ self.axes if self.axes.shape[1] else np.empty((len(rows), 0))
        vectors = coordinates / self.scale if self.axes.shape[1] else coordinates
        kernel = drift_statistics.kernel_of(coordinates, coordinates, self.bandwidth)
        return Prepared(np.unique(rows.group, return_inverse=True)[1], np.ones(len(rows)), _table(places, len(rows)).astype(int), _table(numbers, len(rows)), _table([rows.rates[name] for name in self._rates], len(rows)), coordinates, vectors, kernel)

    def values(self, rows: Prepared, window: np.ndarray, base: np.ndarray, fold: np.ndarray) -> np.ndarray:
        """(L, C) of windows and bases (L, N): distances, the classifier's area, and of a p-chart how many standard errors the window's rate is away from the base's, either way."""
        window, base = window.astype(float), base.astype(float)
        found = [drift_statistics.psi(window, base, place, len(edges) + 1) for place, edges in zip(rows.places.T, self.edges.values(), strict=True)]
        found += [drift_statistics.ks(window, base, numbers) for numbers in rows.numbers.T]
        if self.axes.shape[1]:
            found += [drift_statistics.mmd(window, base, rows.kernel), drift_statistics.domain_auc(window, base, rows.vectors, fold), drift_statistics.novelty(window, rows.known, rows.vectors, rows.group)]
        for known in rows.rates.T:
            rate, usual, error = drift_statistics.rates(window, base, known)
            found.append(np.abs(rate - usual) / error)
        return np.stack(found, 1)

    def shown(self, name: str, rows: Prepared, window: np.ndarray, base: np.ndarray, value: float, limit: float) -> tuple[float, float, float | None]:
        """(value, limit, lower limit or None) of one look as a person reads them: a p-chart has rates and both limits, the others one."""
        if not name.startswith("p-chart"):
            return value, limit, None
        rate, usual, error = (float(part[0]) for part in drift_statistics.rates(window.astype(float), base.astype(float), rows.rates[:, self._rates.index(name.removeprefix("p-chart of "))]))
        return rate, min(usual + limit * error, 1.0), max(usual - limit * error, 0.0)


def least_limit(chart: str, window: int) -> float:
    """Below which no limit is set, though the reference never came near it: a column that did not vary there (no sound was clipped) would alarm at the first row that differs.

    KS: five rows of the window; PSI: 0.1, which credit scoring calls no shift; p-chart: Shewhart's three standard errors.
    """
    return {"KS": 5 / window, "PSI": 0.1, "p-chart": 3.0}.get(chart.partition(" of ")[0], 0.0)


def kind_of(chart: str, scores: list[str]) -> str:
    """What a chart watches: "scores", "quality", "embeddings" or "rates"."""
    if chart.startswith("p-chart"):
        return "rates"
    watched = chart.partition(" of ")[2]
    return "embeddings" if chart in EMBEDDED else "scores" if watched in scores else "quality"


def name_of_chart(chart: str) -> str:
    """A chart's name as a person reads it."""
    how, _, watched = chart.partition(" of ")
    if chart in EMBEDDED:
        return say(*dict(zip(EMBEDDED, ((chart, "特徴の分布の差（MMD）"), ("domain classifier (AUC)", "新旧の見分けやすさ（AUC）"), ("novelty of groups (distance)", "グループの新しさ（既知のグループとの距離）")), strict=True))[chart])
    kind, _, plain = watched.partition(" ")
    media = {"image": "画像", "video": "動画", "audio": "音声"}
    told = _NAMED.get(watched) or (f"{media[kind]}の{_NAMED[plain]}" if kind in media and plain in _NAMED else watched)
    return say(chart, f"{told}（{'p 管理図' if how == 'p-chart' else how}）")


def _word_at(words: np.ndarray, said: np.ndarray) -> np.ndarray:
    """The place of each word, or the one behind the last for a word that the reference lacks."""
    at = np.searchsorted(words, said).clip(max=len(words) - 1)
    return np.where(words[at] == said, at, len(words))


def _table(columns: list[np.ndarray], rows: int) -> np.ndarray:
    return np.stack(columns, 1) if columns else np.empty((rows, 0))
