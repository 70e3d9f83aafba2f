"""What answers cost at figures that a visitor sets: curve, chosen threshold, and whether it pays against doing without. Plain numbers; `deciding` shows them.

The signed gates never move with these figures: they were agreed before, and this answers another question. kit.evaluation brings torch, so it is imported where it is needed.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kit.show.thresholds import at_threshold, cheapest, cost_curve

PASS = "pass"  # nobody looks: every case passes as good
RESAMPLES = 1000


@dataclass(frozen=True)
class Figures:
    """What can be set: `miss` and `false_alarm` in yen, `bad` the share of bad cases in production, `volume` cases a month, `threshold` from which P(bad) on a case is called bad."""

    miss: float
    false_alarm: float
    bad: float
    volume: float
    threshold: float


@dataclass(frozen=True)
class Told:
    """What figures come to.

    Attributes:
        curve: of `kit.show.thresholds.cost_curve` on held-out cases, yen per 1,000.
        here: its row at the figures' threshold.
        chosen: the row of `curve` at the threshold that was chosen (`Yen.choose`) on calibration cases; on the held-out cases themselves (`chosen_here`), which makes it look too good, where a run has none.
        chosen_here: see `chosen`.
        against: arm (or PASS) -> {"value", "low", "high"}: yen a month that the tuned model at this threshold saves against it.
        decision: "go" (it saves against all of them, at the gates' confidence), "stop" (it is dearer than one of them, likewise) or "grey".
    """

    curve: pd.DataFrame
    here: pd.Series
    chosen: pd.Series
    chosen_here: bool
    against: dict[str, dict]
    decision: str


class Yen:
    """A run's answers, ready for any figures.

    Args:
        record: run.json.
        predictions: predictions.csv.

    Attributes:
        given: the run's own figures, with the chosen threshold; None where there is no money to speak of: costs that name no good answer, a run without a verdict, no tuned model.
    """

    def __init__(self, record: dict, predictions: pd.DataFrame):
        tested = predictions[(predictions["condition"] == "as_is") & (predictions["split"] == "test")]
        self.record, self.arms = record, dict(tuple(tested.groupby("arm")))
        self.calibration = predictions[(predictions["split"] == "calibration") & (predictions["arm"] == "tuned")]
        costs = record["costs"] or {}
        self.ok, self.given = costs.get("ok_answer"), None
        if self.ok and costs.get("miss") is not None and costs.get("false_alarm") is not None and "tuned" in self.arms and record["verdict"]["decision"] != "none":
            shares = record["prevalence"] or self.arms["tuned"]["answer"].value_counts(normalize=True).to_dict()
            plain = Figures(costs["miss"], costs["false_alarm"], round(1 - shares.get(self.ok, 0.0), 6), record.get("volume_per_month") or 1000, 0.5)
            self.given = Figures(*list(vars(plain).values())[:-1], self.choose(plain))

    def shares(self, bad: float) -> dict[str, float]:
        """Shares of the answers in production when `bad` of the cases are bad, the kinds of bad ones among themselves as in poc.yaml (without that: as in the held-out cases)."""
        known = self.record["prevalence"] or self.arms["tuned"]["answer"].value_counts(normalize=True).to_dict()
        rest = sum(share for answer, share in known.items() if answer != self.ok)
        kinds = {answer: share / rest for answer, share in known.items() if answer != self.ok} if rest else {}
        return {self.ok: 1 - bad} | {answer: bad * share for answer, share in kinds.items()}

    def costs(self, figures: Figures) -> dict:
        return {"miss": figures.miss, "false_alarm": figures.false_alarm, "ok_answer": self.ok}

    def tell(self, figures: Figures) -> Told:
        """Everything at these figures."""
        from kit.evaluation.metrics import compare

        costs, shares, sure = self.costs(figures), self.shares(figures.bad), self.record["gates"]["confidence"]
        tuned = self.arms["tuned"]
        curve = cost_curve(tuned, costs, shares, resamples=RESAMPLES // 4)
        chosen = at_threshold(curve, self.choose(figures))
        answered, against = self.answered(figures.threshold), {}
        options = list(dict.fromkeys([*self.record["options"], *tuned["answer"]]))
        for arm in self.rivals:
            other = tuned.assign(predicted=self.ok) if arm == PASS else self.arms[arm]
            found = compare(other, answered, options, "cost_per_1000", sure, resamples=RESAMPLES, costs=costs, prevalence=shares)
            against[arm] = {end: float(found[end]) * figures.volume / 1000 for end in ("value", "low", "high")}
        decision = "stop" if any(one["high"] < 0 for one in against.values()) else "go" if against and all(one["low"] > 0 for one in against.values()) else "grey"
        return Told(curve, at_threshold(curve, figures.threshold), chosen, self.calibration.empty, against, decision)

    @property
    def rivals(self) -> list[str]:
        """What it is compared with: the best method without an MLLM that was measured, and nobody looking."""
        arm = self.record["verdict"].get("best_baseline", "")
        return [*([arm] if arm in self.arms else []), PASS]

    def answered(self, threshold: float) -> pd.DataFrame:
        """The tuned model's held-out answers where P(bad) from `threshold` on is called bad: `predicted` is then the likeliest of the bad answers."""
        tuned = self.arms["tuned"]
        return tuned.assign(predicted=[self._called(shares, threshold) for shares in tuned["probabilities"]])

    def _called(self, shares: dict[str, float], threshold: float) -> str:
        bad = {answer: share for answer, share in shares.items() if answer != self.ok}
        return max(bad, key=bad.get) if bad and 1 - shares.get(self.ok, 0.0) >= threshold else self.ok

    def choose(self, figures: Figures) -> float:
        """The threshold for use, chosen on the cases that may choose: the middle one of those that cost there at most a standard error more than the cheapest, which may sit at an edge that two or three cases made.

        The one-standard-error rule: Breiman, Friedman, Olshen and Stone, Classification and Regression Trees, 1984, section 3.4.3.
        """
        rows = self.arms["tuned"] if self.calibration.empty else self.calibration
        shares = self.shares(figures.bad)
        seen = set(rows["answer"]) | {self.ok}
        lacks = not np.isclose(sum(share for answer, share in shares.items() if answer in seen), 1)
        curve = cost_curve(rows, self.costs(figures), None if lacks else shares, resamples=RESAMPLES // 4)
        best = cheapest(curve)
        near = curve[curve["yen"] <= best["yen"] + (best["high"] - best["low"]) / (2 * 1.96)]
        return float(near["threshold"].iloc[len(near) // 2])
