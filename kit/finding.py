"""What a probe or check returns: a named value with its interval, a verdict, the evidence and an advice with its cost."""

from dataclasses import asdict, dataclass, field

VERDICTS = ("good", "warn", "bad", "info")
STATUSES = ("green", "red", "na")


@dataclass(frozen=True)
class Finding:
    """One thing learned about the data or the model.

    Attributes:
        name: short name of the measure, e.g. "exact duplicates".
        value: the measured number, None where there is none.
        low, high: bounds of its 95 % interval, None where it has none (a count, say).
        verdict: one of VERDICTS.
        summary: one sentence in the reader's language.
        evidence: row ids, paths or small tables that let a person check it.
        advice: what to do about it; "" when nothing.
        cost: what the advice costs, in rows, steps or minutes; "" when nothing.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    verdict: str = "info"
    summary: str = ""
    evidence: dict = field(default_factory=dict)
    advice: str = ""
    cost: str = ""

    def __post_init__(self):
        if self.verdict not in VERDICTS:
            raise ValueError(f"verdict of finding {self.name!r} is {self.verdict!r}; allowed: {', '.join(VERDICTS)}")

    def as_dict(self) -> dict:
        return asdict(self)


@dataclass(frozen=True)
class Check:
    """One of the seven things that a run proves about itself (DESIGN section 8)."""

    number: int
    name: str
    status: str
    detail: str
    evidence: dict = field(default_factory=dict)

    def __post_init__(self):
        if self.status not in STATUSES:
            raise ValueError(f"status of check {self.number} is {self.status!r}; allowed: {', '.join(STATUSES)}")

    def as_dict(self) -> dict:
        return asdict(self)
