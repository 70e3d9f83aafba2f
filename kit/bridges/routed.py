"""A specialist of one modality, and a router that asks it where it was surely better.

    Routed([DataDriven("qwen3.5-4b"), Specialist("image", "qwen3.5-4b"), Specialist("text", "qwen3.5-4b")])

"Bigger is not always better": a logistic regression on frozen features may beat a tuned model on one kind of question and lose every other one. Shapes: N rows, D features, K labels.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from kit.bridges.bridge import Bridge, Facts, each_alone
from kit.data import MODALITIES, Sample
from kit.errors import KitError
from kit.evaluation import METRICS, compare
from kit.evaluation.labels import Reader, frozen_features
from kit.evaluation.scoring import prediction, require_options
from kit.language import say
from kit.models import Loaded, load
from kit.processes import one_thread


@dataclass
class Specialist:
    """Logistic regression on what a checkpoint's frozen encoders make of one modality; no language model answers, and nothing but that modality is seen.

    A row that lacks the modality gets the shares of the training answers to its question: the specialist has nothing to say about it, and says so by being unsure.

    Attributes:
        modality: one of MODALITIES. Of media the features are those of their tokens and of the frozen language model's last state behind them, of text the latter alone (`kit.models.features`).
        checkpoint: catalogue name, hub id or directory; whose encoders.
        batch_size: prompts read at once.
        device: default: CUDA where there is one.
        reader: after `fit`.
        usual: question -> {answer: share} of the training rows.
    """

    modality: str
    checkpoint: str
    name: str = ""
    batch_size: int = 16
    device: str | None = None
    loaded: Loaded | None = field(default=None, init=False)
    reader: Reader | None = field(default=None, init=False)
    usual: dict[str, dict[str, float]] = field(default_factory=dict, init=False)
    facts: Facts = field(init=False, default_factory=lambda: Facts(
        audit=say("which modality decided, and its certainty; not why", "どの情報で判断したかと確信度。理由は読めません"),
        weak=say("blind to everything else: it cannot notice that the words contradict the picture", "ほかの情報は見えません。言葉と写真の食い違いに気づけません"),
    ))  # fmt: skip

    def __post_init__(self):
        if self.modality not in MODALITIES:
            raise ValueError(f"a specialist of {self.modality!r}; allowed: {MODALITIES}")
        self.name = self.name or f"specialist ({self.modality})"

    @one_thread
    def fit(self, train: list[Sample], validation: list[Sample], work: Path) -> None:
        """Learns from the labelled training rows that have the modality; `validation` is not looked at, and nothing is written.

        Raises:
            KitError: no such rows, or no question whose rows have two different answers.
        """
        started, labelled = time.perf_counter(), [sample for sample in train if sample.answer]
        rows = [sample for sample in labelled if getattr(sample, self.modality)]
        if not any(len({sample.answer for sample in rows if sample.question == question}) > 1 for question in {sample.question for sample in rows}):
            raise KitError(
                say(
                    f"bridge {self.name!r} needs labelled training rows that have {self.modality} and two different answers to a question; of {len(labelled)} labelled rows, {len(rows)} have {self.modality}: "
                    "label more, or leave this bridge out",
                    f"ブリッジ「{self.name}」には、{self.modality} があり、同じ質問に 2 種類以上の答えが付いた学習行が必要です。ラベル付き {len(labelled)} 行のうち {self.modality} があるのは {len(rows)} 行です。"
                    "ラベルを増やすか、このブリッジを外してください",
                )
            )
        self.loaded = load(self.checkpoint, device=self.device)
        self.reader = Reader(self._features(rows), rows, sorted({sample.answer for sample in rows}))
        by_question = pd.DataFrame({"question": [sample.question for sample in labelled], "answer": [sample.answer for sample in labelled]}).groupby("question")["answer"]
        self.usual = {question: answers.value_counts(normalize=True).to_dict() for question, answers in by_question}
        fitted = [part for part in self.reader.parts.values() if isinstance(part, tuple)]  # a question with one answer has shares instead
        self.facts.trained = sum(len(model.intercept_) * (len(middle) + 1) for middle, _, _, model in fitted)
        self.facts.rows, self.facts.seconds = len(rows), time.perf_counter() - started

    def predict(self, samples: list[Sample]) -> pd.DataFrame:
        """The frame of `kit.evaluation.predict`."""
        require_options(samples)
        seen = [sample for sample in samples if getattr(sample, self.modality) and sample.question in self.reader.parts]
        shares = self.reader.shares(self._features(seen), seen) if seen else []
        found = {sample.id: dict(zip(self.reader.labels, row, strict=True)) for sample, row in zip(seen, shares, strict=True)}
        rows = [prediction(sample, _among(sample, found.get(sample.id) or self.usual.get(sample.question, {}))) for sample in samples]
        return pd.DataFrame(rows, columns=["id", "answer", "predicted", "probabilities", "group"])

    def _features(self, samples: list[Sample]):
        others = {name: "" if name == "text" else () for name in MODALITIES if name != self.modality}
        return frozen_features(self.loaded, [sample.replace(**others) for sample in samples], self.batch_size, self.name)


def _among(sample: Sample, shares: dict[str, float]) -> dict[str, float]:
    """The shares of the sample's own options, to 1; even ones where nothing is known of any."""
    total = sum(shares.get(option, 0.0) for option in sample.options)
    return {option: float(shares.get(option, 0.0) / total) if total else 1 / len(sample.options) for option in sample.options}


def kind_of(sample: Sample) -> str:
    """What a router tells apart: the question, the evidence that there is, and what was done to it (a scenario, a perturbation)."""
    return " | ".join(part for part in (sample.question, "+".join(sample.modalities), sample.meta.get("perturbation", "")) if part)


@dataclass
class Routed:
    """Several bridges, of which each kind of row asks one.

    The rule: the first bridge answers, except where on the validation rows of a kind another one is better by a paired bootstrap interval (`kit.evaluation.compare`) that lies above 0; of several such the one
    with the largest difference. The interval is the 95 % one for all comparisons together (Bonferroni), because among twenty kinds one would be better by chance. A kind with fewer than `fewest` validation
    rows, or none, asks the first. Who tunes on the validation rows as well (an adapter that stops where they are best) looks a little better on them, which speaks for the first bridge where that is the tuned one.

    Attributes:
        bridges: the one that answers by default first; of those that do not work here the reason is in `facts.failed`, and the next one takes the place.
        by: sample -> its kind.
        kpi: one of kit.evaluation.METRICS, within a kind.
        fewest: validation rows of a kind below which nothing is decided.
        routes: kind -> {"asked": name of a bridge, "n": validation rows, "against_first": {name: difference to the first, value, low, high}}, after `fit`; also work/routes.json.
    """

    bridges: list[Bridge]
    by: Callable[[Sample], str] = kind_of
    kpi: str = "accuracy"
    fewest: int = 20
    name: str = "routed"
    routes: dict[str, dict] = field(default_factory=dict, init=False)
    work: Path | None = field(default=None, init=False)
    facts: Facts = field(init=False, default_factory=lambda: Facts(
        audit=say("which bridge answered each row and why it was chosen (validation figures), and what that bridge keeps", "各行にどのブリッジが答えたか、選ばれた根拠（検証の数値）、そのブリッジ自身の記録"),
        weak=say("needs validation rows of every kind; a kind it has not seen goes to the first bridge, however bad that is there", "種類ごとに検証行が必要です。未知の種類は、苦手でも最初のブリッジが答えます"),
    ))  # fmt: skip

    def fit(self, train: list[Sample], validation: list[Sample], work: Path) -> None:
        """Fits each bridge in a folder of its own, and finds the routes on the labelled validation rows.

        Raises:
            KitError: fewer than two of them work here, or an unknown KPI.
        """
        if self.kpi not in METRICS:
            raise KitError(say(f"routed: kpi is {self.kpi!r}; allowed: {', '.join(METRICS)}", f"routed：kpi は {self.kpi!r} です。使えるのは {'、'.join(METRICS)} です"))
        known = [sample for sample in validation if sample.answer]
        working, self.facts.failed = each_alone(("routed", "routed "), self.bridges, train, validation, work)
        if not known:
            raise KitError(say("routed needs labelled validation rows to choose by: give some, or leave it out", "routed には、選ぶためのラベル付き検証行が必要です。用意するか、外してください"))
        self.bridges, self.work = [bridge for bridge, _ in working], work
        self.routes = found_routes({bridge.name: frame for bridge, frame in working}, [self.by(sample) for sample in known], self.kpi, self.fewest)
        work.mkdir(parents=True, exist_ok=True)
        (work / "routes.json").write_text(json.dumps(self.routes, ensure_ascii=False, indent=1), encoding="utf-8")
        asked = [self._asked(sample) for sample in known]
        used = [(bridge.facts, asked.count(bridge.name) / len(asked)) for bridge in self.bridges if bridge.name in asked]
        self.facts.trained, self.facts.updates = sum(facts.trained for facts, _ in used), sum(facts.updates for facts, _ in used)
        for name in ("tokens", "cost_per_call", "latency"):  # as often as each is asked; a latency that is not measured yet (NaN) stays so
            setattr(self.facts, name, sum(share * getattr(facts, name) for facts, share in used))
        self.facts.rows, self.facts.start = max(facts.rows for facts, _ in used), " + ".join(dict.fromkeys(facts.start for facts, _ in used if facts.start))
        self.facts.seconds = sum(bridge.facts.seconds for bridge, _ in working)  # all had to be there before one could be preferred

    def predict(self, samples: list[Sample]) -> pd.DataFrame:
        """The frame of `kit.evaluation.predict`, with a column `asked` (the bridge that answered); id, kind and bridge of each row are in work/routed.jsonl."""
        asked = [self._asked(sample) for sample in samples]
        frames = [bridge.predict(rows).assign(asked=bridge.name) for bridge in self.bridges if (rows := [sample for sample, name in zip(samples, asked, strict=True) if name == bridge.name])]
        file = self.work / "routed.jsonl"
        told = {json.loads(line)["id"]: line for line in (file.read_text(encoding="utf-8").splitlines() if file.is_file() else ())}
        told |= {sample.id: json.dumps({"id": sample.id, "kind": self.by(sample), "asked": name}, ensure_ascii=False) for sample, name in zip(samples, asked, strict=True)}
        file.write_text("".join(f"{line}\n" for line in told.values()), encoding="utf-8")
        return pd.concat(frames).set_index("id").loc[[sample.id for sample in samples]].reset_index()

    def _asked(self, sample: Sample) -> str:
        return self.routes.get(self.by(sample), {"asked": self.bridges[0].name})["asked"]


def found_routes(frames: dict[str, pd.DataFrame], kinds: list[str], kpi: str = "accuracy", fewest: int = 20) -> dict[str, dict]:
    """Which bridge each kind asks, by the rule of `Routed`.

    Args:
        frames: bridge -> its answers to the same N rows in the same order; the first answers by default.
        kinds: N, of those rows.
        kpi, fewest: see `Routed`.

    Returns:
        As `Routed.routes`.
    """
    first, *others = frames
    places = {kind: [place for place, one in enumerate(kinds) if one == kind] for kind in dict.fromkeys(kinds)}
    tests = max(1, len(others) * sum(len(rows) >= fewest for rows in places.values()))
    routes = {}
    for kind, rows in places.items():
        parts = {name: frame.iloc[rows].reset_index(drop=True) for name, frame in frames.items()}
        labels = sorted({label for part in parts.values() for column in ("answer", "predicted") for label in part[column]})
        against = {name: compare(parts[name], parts[first], labels, kpi, confidence=1 - 0.05 / tests) for name in others} if len(rows) >= fewest else {}
        better = [name for name, difference in against.items() if difference["low"] > 0]
        routes[kind] = {"asked": max(better, key=lambda name: against[name]["value"], default=first), "n": len(rows), "against_first": against}
    return routes
