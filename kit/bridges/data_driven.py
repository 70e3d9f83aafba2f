"""The data-driven bridge: a checkpoint whose connectors are aligned learns the task itself, by an adapter, on instruction data made of the company's records.

    DataDriven("qwen3.5-4b", Settings(steps=300), templates=("{question}", "Look closely. {question}"))
"""

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from string import Formatter

import numpy as np
import pandas as pd

from kit.bridges.bridge import Facts, aligned, tokens_per_medium
from kit.data import Sample
from kit.errors import KitError
from kit.evaluation import predict
from kit.language import say
from kit.models import Loaded, load
from kit.training import Settings, Tuned, finetune
from kit.training.marks import digest_of, origin

TEMPLATES = ("{question}", "Look and listen. {question}", "{question} Choose one.")
_YES, _NO = "yes", "no"
_SHOWN = 8  # rows that tokens are counted on


def instructions(samples: list[Sample], templates: tuple[str, ...] = TEMPLATES, verify: str = "{question} Is it: {option}?", seed: int = 0) -> list[Sample]:
    """Instruction data of labelled records: each row under each template, its options in another order each time, and once as a question to verify.

    Args:
        samples: rows with an answer; others are left out.
        templates: ways to put the question; {question}, and the columns of the company's records ({camera}), which then may give an answer away: see kit.curation's shortcuts first.
        verify: half of the rows are asked with their answer ("yes"), half with another option ("no"); "": none. Rows without options are not asked.
        seed: of orders and options.

    Returns:
        Rows with ids of their own and meta["instruction"]; made by a program, nothing is measured on them.

    Raises:
        KitError: a template that names a column which a record lacks.
    """
    rng, rows = np.random.default_rng(seed), []
    for sample in (sample for sample in samples if sample.answer):
        for number, template in enumerate(templates):
            options = sample.options if number == 0 else tuple(sample.options[place] for place in rng.permutation(len(sample.options)))
            rows.append(sample.replace(id=f"{sample.id}#{number}", question=_filled(template, sample), options=options, meta=sample.meta | {"instruction": template}))
        others = [option for option in sample.options if option != sample.answer]
        if verify and others:
            right = bool(rng.random() < 0.5)
            option = sample.answer if right else others[rng.integers(len(others))]
            question = _filled(verify, sample, option=option)
            rows.append(sample.replace(id=f"{sample.id}#verify", question=question, options=(_YES, _NO), answer=_YES if right else _NO, meta=sample.meta | {"instruction": verify}))
    return rows


def _filled(template: str, sample: Sample, **more: str) -> str:
    known = sample.meta | {"question": sample.question} | more
    if lacking := [name for _, name, _, _ in Formatter().parse(template) if name and name not in known]:
        raise KitError(
            say(
                f"template {template!r} names {', '.join(lacking)}, which record {sample.id} lacks; it has question, {', '.join(sorted(map(str, sample.meta)))}",
                f"テンプレート {template!r} の {'、'.join(lacking)} が記録 {sample.id} にありません。使えるもの：question、{'、'.join(sorted(map(str, sample.meta)))}",
            )
        )
    return template.format(**known)


@dataclass
class DataDriven:
    """An aligned checkpoint, tuned on `instructions` of the training rows.

    Attributes:
        checkpoint: catalogue name, hub id or directory.
        settings: of the adapter's training; its steps count updates, however many rows the templates make. None: the checkpoint answers as it is, what all others are to be compared with.
        templates, verify: see `instructions`.
        four_bit: see `kit.models.load`.
        device: default: CUDA where there is one.
        loaded: the model, after `fit`.
        tuned: what happened in training.
    """

    checkpoint: str
    settings: Settings | None = field(default_factory=Settings)
    templates: tuple[str, ...] = TEMPLATES
    verify: str = "{question} Is it: {option}?"
    four_bit: bool = False
    name: str = ""
    device: str | None = None
    loaded: Loaded | None = field(default=None, init=False)
    tuned: Tuned | None = field(default=None, init=False)
    facts: Facts = field(init=False, default_factory=lambda: Facts(
        start=aligned(),
        audit=say("the rows that it learned from, not how an answer came about", "学習に使った行は残りますが、答えの根拠は読めません"),
        weak=say("needs a connector that is aligned already and the most labels; may lose general ability, so watch the guard set", "整合済みのコネクターと最も多いラベルが必要です。一般能力を失うことがあるので、見張りの行で確認してください"),
    ))  # fmt: skip

    def __post_init__(self):
        self.name = self.name or ("data-driven" if self.settings else "as it is")
        if self.settings is None:
            self.facts.audit = say("nothing between the medium and the answer can be read", "情報と答えの間に、人が読めるものはありません")
            self.facts.weak = say("knows nothing of the company's own labels", "自社のラベルを何も知りません")

    def fit(self, train: list[Sample], validation: list[Sample], work: Path) -> None:
        """Tunes an adapter on the instructions, and keeps the one that was best on `validation`, below `work`."""
        started, loaded = time.perf_counter(), load(self.checkpoint, four_bit=self.four_bit, device=self.device)
        self.facts.tokens = tokens_per_medium(loaded, train[:_SHOWN])
        if self.settings is None:
            self.loaded, self.facts.seconds = loaded, time.perf_counter() - started
            return
        rows = instructions(train, self.templates, self.verify, self.settings.seed)
        self.tuned = finetune(loaded, rows, validation, self.settings, work / digest_of([asdict(self.settings), origin(self.checkpoint), self.four_bit], [*rows, *validation]), resume=True)
        self.loaded = self.tuned.loaded
        self.facts.trained = sum(weight.numel() for path, weight in self.loaded.model.named_parameters() if "lora_" in path)
        self.facts.updates, self.facts.rows = self.tuned.applied_updates, sum(bool(sample.answer) for sample in train)
        self.facts.seconds = time.perf_counter() - started

    def predict(self, samples: list[Sample]) -> pd.DataFrame:
        """The frame of `kit.evaluation.predict`."""
        return predict(self.loaded, samples, desc=self.name)
