"""A bridge whose answers are kept: a comparison that was interrupted goes on, and bridges that combine others ask nobody twice.

    linear, reads = Kept(converter(...), work), Kept(ToolLearning(...), work)
    bridges = [linear, reads, LateFusion([linear, reads])]      # the fusion trains nothing and asks nothing again
"""

import copy
import dataclasses
import json
import math
import os
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd

from kit.bridges.bridge import Bridge, Facts
from kit.bridges.tools import clock
from kit.data import Sample
from kit.training.marks import digest_of, origin

_ALONE = 5
_CHECKPOINTS = ("checkpoint", "vlm", "ears")
_COLUMNS = ("id", "answer", "predicted", "probabilities", "group")


@dataclass
class Kept:
    """A bridge and its answers, in folder/NAME/answers.json.

    Attributes:
        bridge: as it was made; a copy of it is fitted, and only when something is asked that is not kept. What lacked a tool (`facts.lacking`) is not kept; remarks (`facts.failed`) are kept with the answers.
        folder: of all bridges of one comparison; what the bridge itself writes goes there, too, whatever `work` is given.
        working: the copy with its model, between `fit` and `release`; None where everything was kept.
    """

    bridge: Bridge
    folder: Path
    facts: Facts = field(init=False)
    working: Bridge | None = field(default=None, init=False)
    rows: dict[str, dict] = field(default_factory=dict, init=False)
    mark: str = field(default="", init=False)
    given: tuple = field(default=(), init=False)

    def __post_init__(self):
        self.facts = self.bridge.facts

    @property
    def name(self) -> str:
        return self.bridge.name

    @property
    def work(self) -> Path:
        return self.folder / "".join(letter if letter.isalnum() else "_" for letter in self.name)

    def fit(self, train: list[Sample], validation: list[Sample], work: Path) -> None:
        """Reads what is kept of the same bridge, rows and settings; fits where there is nothing."""
        mark, file = digest_of(settings_of(self.bridge), [*train, *validation]), self.work / "answers.json"
        if mark == self.mark:
            return
        self.given, self.rows, self.working, told = (train, validation), {}, None, {}
        if file.is_file():
            told = json.loads(file.read_text(encoding="utf-8"))
        if told.get("mark") == mark:
            self.facts, self.rows = Facts(**told["facts"]), told["rows"]
        else:
            self.facts = self.fitted().facts
        self.mark = mark

    def predict(self, samples: list[Sample]) -> pd.DataFrame:
        """The frame of `kit.evaluation.predict`; rows that were asked before come from the file. Where the model has to be asked anyway, the labelled validation rows are asked along, because who combines bridges needs them; not where somebody else is paid for it, or sent them.

        Columns of the bridge's own (a Remote's `scored`, `open`) come behind.
        """
        asked = {sample.id: digest_of("", [sample]) for sample in samples}
        if any(self.rows.get(name, {}).get("asked") != mark for name, mark in asked.items()):
            along = [sample for sample in self.given[1] if sample.answer and sample.id not in asked and self.facts.cost_per_call == 0]  # NaN: at an unknown price
            asked |= {sample.id: digest_of("", [sample]) for sample in along}
            new = [sample for sample in [*samples, *along] if self.rows.get(sample.id, {}).get("asked") != asked[sample.id]]
            bridge = self.fitted()
            for row in bridge.predict(new).to_dict("records"):
                self.rows[row["id"]] = row | {"asked": asked[row["id"]]}
            if math.isnan(self.facts.latency):
                self.facts.latency = latency(bridge, samples)
            self._keep()
        rows = [self.rows[sample.id] for sample in samples]
        own = dict.fromkeys(name for row in rows for name in row if name not in (*_COLUMNS, "asked"))
        return pd.DataFrame(rows, columns=[*_COLUMNS, *own])

    def fitted(self) -> Bridge:
        """The bridge with its model; what it trained before it only loads, and its facts stay those of the training."""
        if self.working is None:
            self.work.mkdir(parents=True, exist_ok=True)
            bridge = copy.deepcopy(self.bridge)
            bridge.fit(*self.given, self.work)
            self.working = bridge
        return self.working

    def release(self) -> None:
        """Lets the model go: those of a whole comparison do not fit into memory side by side."""
        self.working = None

    def _keep(self) -> None:
        if self.facts.lacking:
            return  # a tool that is missing today may be installed tomorrow, as its message advises
        half = self.work / "answers.part"
        half.write_text(json.dumps({"mark": self.mark, "facts": asdict(self.facts), "rows": self.rows}, ensure_ascii=False), encoding="utf-8")
        os.replace(half, self.work / "answers.json")


def latency(bridge: Bridge, samples: list[Sample]) -> float:
    """Seconds until one answer, asked alone: median of the first five; what a tool read of these rows before is counted as if it were read now (`kit.bridges.tools.clock`)."""
    return statistics.median(_seconds(bridge, sample) for sample in samples[:_ALONE])


def settings_of(bridge) -> dict | list | str:
    """What a bridge was made with, by name, checkpoints with what they hold; what it learned is not in it."""
    if dataclasses.is_dataclass(bridge):
        own = {one.name: settings_of(getattr(bridge, one.name)) for one in dataclasses.fields(bridge) if one.init}
        return {"kind": type(bridge).__name__} | own | {f"{name} holds": origin(own[name]) for name in _CHECKPOINTS if isinstance(own.get(name), str)}
    return [settings_of(one) for one in bridge] if isinstance(bridge, list | tuple) else bridge


def _seconds(bridge: Bridge, sample: Sample) -> float:
    started = clock()
    bridge.predict([sample])
    return clock() - started
