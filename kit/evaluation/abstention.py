"""When does the model hand an answer to a person? A threshold on its confidence, with a guarantee, and gates that do not ask its confidence at all.

    promise = guarantee(calibration_rows, {"miss": 0.05}, confidence=0.9, ok_answer="ok")     # P(missed share <= 5 %) >= 90 %
    answered = withhold(new_rows, promise.threshold, {"input": odd_photos, "conflict": evidence_disagrees})

The guarantee is Learn-then-Test (Angelopoulos et al., arXiv 2110.01052) as MAPIE has it: each threshold of a grid that was fixed beforehand is a hypothesis, and with probability `confidence` over the calibration rows
no accepted threshold breaks a target. It holds for rows that are exchangeable with the calibration rows. ROWS OF A GROUP (lot, device, speaker) ERR TOGETHER, and then it does not: with 8 lots of 50 rows it can fail
several times as often as promised (benchmarks/calibration.csv). What is honest then is one row per group (`one_per_group`), or a smaller 1 - confidence than one is content with.
Confidence barely falls when evidence is missing or false, so that a threshold alone lets such answers through: gates (input quality, kit.curation.usual; conflicts, kit.diagnosis.conflict) hold them back, and the guarantee is of what is
left. Risk-coverage curve and AURC: Geifman and El-Yaniv, arXiv 1705.08500 and 1805.08206. Shapes: N rows, U resampled units, R resamples.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binom

from kit.errors import KitError
from kit.evaluation.calibration import sureness
from kit.evaluation.intervals import draw_units, interval, units_of
from kit.language import say

RISKS = ("miss", "wrong", "precision", "abstention")
GRID = np.concatenate([[0.0], 1 - 10.0 ** -np.linspace(0.05, 4, 40)])  # confidences crowd below 1
_MONOTONE = {"miss", "wrong"}  # fall as more is withheld: tested one after the other, strictest first, at no price for their number
_RIGHT, _BAD, _MISSED = 1, 2, 4  # what is true of a row, added up
_MOST_ROWS = 20_000
_COVERAGES = np.linspace(0.05, 1, 20)
_RESAMPLES = 500


@dataclass(frozen=True)
class Guarantee:
    """What is promised of the answers that are not withheld.

    Attributes:
        targets: {"miss": the most, "wrong": the most, "precision": the least, "abstention": the most}, those that were asked for.
        confidence: that all of them hold.
        threshold: of the model's confidence; below it an answer is withheld. None: nothing can be promised.
        n: calibration rows.
        measured: each target's own number on them at the threshold (at the best threshold, where nothing is promised).
        kept: share of them that is answered.
        needed: rows that would be needed where nothing is promised, if the model did as well as measured: (rows, of which kind); None where no number of rows would do.
    """

    targets: dict[str, float]
    confidence: float
    threshold: float | None
    n: int
    measured: dict[str, float]
    kept: float
    needed: dict[str, int | None]

    @property
    def said(self) -> str:
        """One sentence."""
        asked = {"en": "; ".join(_told(name, target, "en") for name, target in self.targets.items()), "ja": "、".join(_told(name, target, "ja") for name, target in self.targets.items())}
        if self.threshold is not None:
            return say(f"With {self.confidence:.0%} confidence: {asked['en']}, when answers below {_share(self.threshold)} confidence go to a person; {self.kept:.0%} are answered ({self.n} calibration rows).",
                       f"確信度 {_share(self.threshold)} 未満を人に回せば、信頼度 {self.confidence:.0%} で「{asked['ja']}」。自動で答える割合は {self.kept:.0%}（校正データ {self.n} 行）。")  # fmt: skip
        short = "; ".join(say(f"{_KIND[name]['en']}: about {rows:,} needed", f"{_KIND[name]['ja']}：約 {rows:,} 件必要") if rows else say(f"{name}: measured {self.measured[name]:.1%}, no number of rows would do: improve the model", f"{name}：測定値 {self.measured[name]:.1%}。行を増やしても足りません。モデルの改善が必要です")
                          for name, rows in self.needed.items())  # fmt: skip
        return say(f"Nothing can be promised at {self.confidence:.0%} confidence ({asked['en']}) from {self.n} calibration rows. {short}.",
                   f"校正データ {self.n} 行では、信頼度 {self.confidence:.0%} で約束できることがありません（{asked['ja']}）。{short}。")  # fmt: skip


_KIND = {
    "miss": {"en": "rows whose true answer is not the good one", "ja": "正解が良品以外の行"}, "wrong": {"en": "rows", "ja": "行"}, "precision": {"en": "answered rows", "ja": "自動で答えた行"}, "abstention": {"en": "rows", "ja": "行"},
}  # fmt: skip
_WORDS = {
    "miss": {"en": "at most {} of the bad cases are passed as good", "ja": "不良の見逃しは {} 以下"}, "wrong": {"en": "at most {} of all cases get a wrong answer unseen", "ja": "人の目を通らない誤答は全体の {} 以下"},
    "precision": {"en": "at least {} of the given answers are right", "ja": "自動の答えの正答率は {} 以上"}, "abstention": {"en": "at most {} of the cases go to a person", "ja": "人に回すのは {} 以下"},
}  # fmt: skip


def _told(name: str, target: float, language: str) -> str:
    return _WORDS[name][language].format(f"{100 * target:.3g} %")


def _share(value: float) -> str:
    return f"{100 * value:.4g} %"


def guarantee(frame: pd.DataFrame, targets: Mapping[str, float], confidence: float = 0.9, ok_answer: str = "", held: np.ndarray | None = None) -> Guarantee:
    """The lowest threshold under which every target holds with this confidence, by MAPIE's risk control on calibration rows.

    Args:
        frame: answer, predicted, probabilities of the calibration split; rows that neither training, nor a temperature, nor early stopping has seen.
        targets: by RISKS. miss: of the rows whose truth is not `ok_answer`, those that are answered with it; wrong: of all rows, those answered wrongly; precision: of the answered rows, those that are right; abstention: of all rows,
            those withheld. Several hold together.
        confidence: 1 - d.
        held: (N,) rows that a gate withholds whatever their confidence.

    Raises:
        KitError: unknown or impossible targets, no rows, or miss without `ok_answer`.
    """
    _check(frame, targets, confidence, ok_answer)
    truth, sure = _codes(frame, ok_answer), np.where(np.zeros(len(frame), bool) if held is None else held, -1.0, sureness(frame))
    grid = GRID[GRID <= sure.max()]  # above it nothing is answered; which rows are right plays no part in this
    if not len(grid):
        return Guarantee(dict(targets), confidence, None, len(frame), measured(truth, np.zeros(len(frame), bool)), 0.0, dict.fromkeys(targets))
    ordered = len(targets) == 1 and set(targets) <= _MONOTONE
    found = _controller(targets, confidence, grid, "fixed_sequence" if ordered else "bonferroni_holm")
    with warnings.catch_warnings():  # that nothing is valid is told below, in words
        warnings.simplefilter("ignore")
        found.calibrate(sure, truth)
    at = {name: np.array([measured(truth, sure >= point)[name] for point in grid]) for name in RISKS}
    if found.best_predict_param is not None:
        place = int(np.searchsorted(grid, found.best_predict_param))
        return Guarantee(dict(targets), confidence, float(grid[place]), len(frame), {name: float(at[name][place]) for name in RISKS}, 1 - float(at["abstention"][place]), {})
    worst = np.max([_short(name, target, at[name]) for name, target in targets.items()], axis=0)
    place = int(np.nanargmin(worst))
    needed = {name: rows_needed(_short(name, target, at[name][place]) + _most(name, target), _most(name, target), confidence, 1 if ordered else len(grid)) for name, target in targets.items()}
    return Guarantee(dict(targets), confidence, None, len(frame), {name: float(at[name][place]) for name in RISKS}, 1 - float(at["abstention"][place]), needed)


def _controller(targets: Mapping[str, float], confidence: float, grid: np.ndarray, method: str):
    """MAPIE's controller of "answered" (1) or "withheld" (0) over the thresholds; what is true of a row is coded in its label."""
    from mapie.risk_control import BinaryClassificationController, BinaryRisk

    risks = {
        "miss": BinaryRisk(lambda y, given: (given == 1) & (y & _MISSED > 0), lambda y, given: y & _BAD > 0, higher_is_better=False),
        "wrong": BinaryRisk(lambda y, given: (given == 1) & (y & _RIGHT == 0), lambda y, given: np.ones(len(y), bool), higher_is_better=False),
        "precision": BinaryRisk(lambda y, given: y & _RIGHT > 0, lambda y, given: given == 1, higher_is_better=True),
        "abstention": BinaryRisk(lambda y, given: given == 0, lambda y, given: np.ones(len(y), bool), higher_is_better=False),
    }
    names, levels = list(targets), [float(target) for target in targets.values()]
    risk, level = ([risks[name] for name in names], levels) if len(names) > 1 else (risks[names[0]], levels[0])
    return BinaryClassificationController(
        lambda sure: np.stack([1 - sure, sure], axis=1), risk, level, confidence_level=confidence, best_predict_param_choice=risks["abstention"], list_predict_params=grid, fwer_method=method,
    )  # fmt: skip


def measured(truth: np.ndarray, given: np.ndarray) -> dict[str, float]:
    """The four RISKS of rows coded as in `outcomes` (N,), of which those in `given` (N,) are answered; NaN where no row counts."""
    right, bad, missed = (truth & bit > 0 for bit in (_RIGHT, _BAD, _MISSED))
    return {"miss": float((given & missed).sum() / bad.sum()) if bad.any() else np.nan, "wrong": float((given & ~right).mean()), "precision": float(right[given].mean()) if given.any() else np.nan, "abstention": float(1 - given.mean())}


def outcomes(frame: pd.DataFrame, threshold: float, ok_answer: str = "", held: np.ndarray | None = None) -> dict[str, float]:
    """The four RISKS of a predictions frame (N rows) under a threshold and gates, e.g. of rows that were measured later."""
    given = sureness(frame) >= threshold
    return measured(_codes(frame, ok_answer), given if held is None else given & ~np.asarray(held, bool))


def withhold(frame: pd.DataFrame, threshold: float, gates: Mapping[str, np.ndarray] | None = None) -> pd.DataFrame:
    """The predictions frame with the columns sure, withheld, and reason: "unsure", or the first gate that holds the row back ("" where it is answered).

    Args:
        gates: name -> (N,) rows that it holds back, e.g. {"input": ..., "conflict": ...}. A score that could not be computed (NaN) must have been decided before.
    """
    sure = sureness(frame)
    reason = np.where(sure < threshold, "unsure", "").astype(object)
    for name, holds in reversed((gates or {}).items()):
        reason[np.asarray(holds, bool)] = name
    return frame.assign(sure=sure, withheld=reason != "", reason=reason)


def rows_needed(rate: float, most: float, confidence: float = 0.9, tests: int = 1) -> int | None:
    """How many rows show with this confidence that a rate, measured as `rate`, is at most `most` (binomial tail; divided by the number of tests); None: more than 20,000, or the rate is not below it."""
    if not rate < most:
        return None
    n = np.arange(1, _MOST_ROWS + 1)
    enough = np.flatnonzero(binom.cdf(np.ceil(n * rate - 1e-9), n, most) <= (1 - confidence) / tests)
    return int(n[enough[0]]) if len(enough) else None


def one_per_group(frame: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """One random row of each group; a row without a group stays. Such rows are exchangeable with a random row of a new group."""
    key = np.where(frame["group"].astype(str) == "", [f"alone {place}" for place in range(len(frame))], frame["group"].astype(str))
    shuffled = np.random.default_rng(seed).permutation(len(frame))
    return frame.iloc[np.sort(shuffled[np.unique(key[shuffled], return_index=True)[1]])].reset_index(drop=True)


def risk_coverage(frame: pd.DataFrame, confidence: float = 0.95, seed: int = 0) -> tuple[pd.DataFrame, dict]:
    """(curve, AURC): what share of the given answers is wrong when only the surest share of the rows is answered.

    Returns:
        columns coverage, risk, low, high; and {"value", "low", "high"} of the area under the curve, with "random" (what it would be if confidence said nothing: the error rate) and "best" (if it ranked every right answer
        before every wrong one).
    """
    sure, wrong, unit = sureness(frame), (frame["answer"] != frame["predicted"]).to_numpy(float), units_of(frame)
    order = np.argsort(-sure, kind="stable")
    last = np.searchsorted(-sure[order], -sure[order], side="right") - 1  # equally sure rows are answered together
    drawn = draw_units(unit.max() + 1, _RESAMPLES, seed)
    (risk, area), best = _curve(np.ones((1, len(frame))), wrong[order], last), _curve(np.ones((1, len(frame))), np.sort(wrong), np.arange(len(frame)))[1]
    risks, areas = _curve(drawn[:, unit][:, order].astype(float), wrong[order], last)
    rows = [{"coverage": float(coverage)} | dict(zip(("risk", "low", "high"), interval(risk[0, k], risks[:, k], confidence, len(drawn[0])).values(), strict=True)) for k, coverage in enumerate(_COVERAGES)]
    return pd.DataFrame(rows), interval(area[0], areas, confidence, len(drawn[0])) | {"random": float(wrong.mean()), "best": float(best[0])}


def _curve(weight: np.ndarray, wrong: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(risks (R, coverages), areas (R,)) of rows in falling order of confidence, each counted `weight` (R, N) times."""
    rows, errors = weight.cumsum(1)[:, last], (weight * wrong).cumsum(1)[:, last]
    risk = np.divide(errors, rows, out=np.zeros_like(errors), where=rows > 0)
    total = rows[:, -1:]
    at = np.array([np.searchsorted(row, _COVERAGES * row[-1] - 1e-9) for row in rows])
    return np.take_along_axis(risk, at, axis=1), (weight * risk).sum(1) / total[:, 0]


def _codes(frame: pd.DataFrame, ok_answer: str) -> np.ndarray:
    right, bad = (frame["answer"] == frame["predicted"]).to_numpy(), (frame["answer"] != ok_answer).to_numpy() & bool(ok_answer)
    return _RIGHT * right + _BAD * bad + _MISSED * (bad & (frame["predicted"] == ok_answer).to_numpy())


def _most(name: str, target: float) -> float:
    return 1 - target if name == "precision" else target


def _short(name: str, target: float, value):
    """By how much a number misses its target (negative: reached)."""
    return target - value if name == "precision" else value - target


def _check(frame: pd.DataFrame, targets: Mapping[str, float], confidence: float, ok_answer: str) -> None:
    unknown = sorted(set(targets) - set(RISKS))
    if unknown or not targets:
        raise KitError(say(f"targets are {', '.join(targets) or 'none'}; allowed: {', '.join(RISKS)}", f"目標が {', '.join(targets) or 'なし'} です。使えるのは {', '.join(RISKS)} です"))
    if wrong := {name: target for name, target in targets.items() if not 0 < target < 1}:
        raise KitError(say(f"targets are shares between 0 and 1, without the ends (nobody can promise that nothing is ever missed); given {wrong}", f"目標は 0 と 1 の間の割合です（見逃しゼロは約束できません）。指定値：{wrong}"))
    if not 0.5 <= confidence < 1:
        raise KitError(say(f"confidence is {confidence}; allowed: 0.5 to below 1, e.g. 0.9", f"信頼度が {confidence} です。0.5 以上 1 未満（例：0.9）にしてください"))
    if "miss" in targets and not ((frame["answer"] != ok_answer).any() and ok_answer):
        raise KitError(say("a miss needs to know the good answer (costs.ok_answer) and calibration rows whose true answer is another", "見逃しには良品の答え（costs.ok_answer）と、正解が良品以外の校正データが必要です"))
    if not len(frame):
        raise KitError(say("no calibration rows: give some to the calibration split (data.fractions in poc.yaml)", "校正データがありません。poc.yaml の data.fractions で calibration に割り当ててください"))
