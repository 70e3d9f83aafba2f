"""The model's errors, watched as labels come: MAPIE's risk monitoring (Podkopaev and Ramdas, ICLR 2022), which may be looked at after every label.

    watched = RiskMonitor(frame_of_calibration)          # columns answer, predicted
    watched.add(frame_of_new_labels)                     # [] or the alarm
    RiskMonitor.restored(watched.state())

An alarm means: with `level` of being wrong in the whole life of the monitor, the risk has become larger than the reference's by more than `tolerance`. Charts without labels (`kit.operations.drift`) tell earlier, and tell of
changes that harm nobody; this one tells of harm. It holds for labels that are a random sample of the stream: corrections of those answers that people doubted are none. Rows of one lot err together, which makes the level
optimistic: where lots are large, give one row per lot and day.
"""

import numpy as np
import pandas as pd

from kit.errors import KitError
from kit.finding import Finding
from kit.language import say

LEAST = 50  # labelled rows of the reference: with fewer, the threshold would be above any risk


class RiskMonitor:
    """One risk: the share of wrong answers among the rows whose right answer is in `among`.

    Args:
        reference: columns answer, predicted, of rows that the model did not learn from; those that the gates were judged on, say.
        among: right answers that count, such as the dangerous class (its miss rate); (): all.
        tolerance: how much worse, in shares, is no alarm.
        level: chance of a false alarm, over all looks together.

    Raises:
        KitError: fewer than LEAST reference rows with these answers.
    """

    def __init__(self, reference: pd.DataFrame, among: tuple[str, ...] = (), tolerance: float = 0.05, level: float = 0.05):
        self.among, self.tolerance, self.level = tuple(among), tolerance, level
        wrong = self._wrong(reference)
        if len(wrong) < LEAST:
            which = ", ".join(self.among)
            raise KitError(
                say(
                    f"the reference has {len(wrong)} labelled rows{f' of {which}' if which else ''}; a threshold needs {LEAST} at least",
                    f"基準のラベル付きの行{f'（{which}）' if which else ''}は {len(wrong)} 件です。しきい値の設定には {LEAST} 件以上必要です",
                )
            )
        self.reference_rows, self.reference_risk = len(wrong), float(wrong.mean())
        self._inner = self._mapie().compute_threshold(wrong, np.zeros(len(wrong), int))
        self.threshold = float(self._inner.threshold)
        self._alarmed = False

    def add(self, labelled: pd.DataFrame) -> list[Finding]:
        """The alarm, once, when it is certain enough; else []."""
        wrong = self._wrong(labelled)
        if len(wrong):
            self._inner.update(wrong, np.zeros(len(wrong), int))
        if self._alarmed or not self.labels or not self._inner.harmful_shift_detected:
            return []
        self._alarmed = True
        low, risk = float(self._inner.online_risk_lower_bound_latest), float(self._inner.online_risk_sequence_history.mean())
        whose = say(f" of {', '.join(self.among)}", f"（{'・'.join(self.among)}）") if self.among else ""
        return [Finding(
            "drift of risk", risk, low, None, "bad",
            say(
                f"{risk:.1%} of {self.labels} labelled answers{whose} are wrong, {low:.1%} at least; in the reference {self.reference_risk:.1%} were, and {self.threshold:.1%} is the limit",
                f"ラベル付きの {self.labels} 件{whose}の誤り率は {risk:.1%}（少なくとも {low:.1%}）で、限界 {self.threshold:.1%} を超えました（基準では {self.reference_risk:.1%}）",
            ),
            {"limit": self.threshold, "labels": self.labels, "reference": self.reference_risk, "among": list(self.among)},
            say("Let people check every answer, find what changed (charts, corrections), and train a challenger on rows of now", "全件を人が確認する運用に戻し、変化の原因を調べ、最近の行で候補モデルを学習してください"),
            say("checks of all rows until then; 100 to 200 new labels and one run", "それまで全件の確認。新しいラベル 100〜200 件と学習 1 回"),
        )]  # fmt: skip

    @property
    def labels(self) -> int:
        """Labelled rows that counted so far."""
        return len(self._inner.online_risk_sequence_history)

    def state(self) -> dict:
        """All of it, for JSON."""
        return {
            "among": list(self.among), "tolerance": self.tolerance, "level": self.level, "reference_rows": self.reference_rows, "reference_risk": self.reference_risk, "threshold": self.threshold,
            "wrong": self._inner.online_risk_sequence_history.astype(int).tolist(), "alarmed": self._alarmed,
        }  # fmt: skip

    @classmethod
    def restored(cls, state: dict) -> "RiskMonitor":
        """The monitor of that state, with its threshold; bounds are those of all labels so far."""
        made = cls.__new__(cls)
        made.among, made.tolerance, made.level = tuple(state["among"]), state["tolerance"], state["level"]
        made.reference_rows, made.reference_risk, made.threshold, made._alarmed = state["reference_rows"], state["reference_risk"], state["threshold"], state["alarmed"]
        made._inner = made._mapie(made.threshold)
        if state["wrong"]:
            made._inner.update(np.array(state["wrong"]), np.zeros(len(state["wrong"]), int))
        return made

    def _mapie(self, threshold: float | None = None):
        from mapie.exchangeability_testing import RiskMonitoring
        from mapie.risk_control import BinaryRisk

        risk = BinaryRisk(lambda wrong, _: wrong == 1, lambda wrong, _: np.ones(len(wrong), bool), higher_is_better=False)
        return RiskMonitoring(risk, self.level, self.tolerance, threshold=threshold, warn=False)

    def _wrong(self, frame: pd.DataFrame) -> np.ndarray:
        """0 and 1 of the rows that count."""
        counted = frame["answer"].isin(self.among) if self.among else frame["answer"] != ""
        return (frame["answer"] != frame["predicted"])[counted].to_numpy(int)
