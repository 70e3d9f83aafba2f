"""What poc.yaml may say: one pydantic model, with the rules that hold between its values."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from kit.data import FRACTIONS
from kit.data.tables import normal
from kit.data.trainable import TRAINABLE
from kit.language import current, say
from poc.business import Business, business_misfits
from poc.scenarios import scenario_misfits
from poc.translations import translation_misfits

Modality = Literal["text", "image", "video", "audio"]
Share = Annotated[float, Field(ge=0, le=1)]
Yen = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Word = Annotated[
    str,
    BeforeValidator(lambda value: normal(str(value)) if isinstance(value, (str, int, float)) else value),
    Field(min_length=1),
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Costs(_Part):
    """What a wrong answer costs: per miss and false alarm around one good answer, or per confusion."""

    miss: Yen | None = None  # a bad part passed as ok_answer
    false_alarm: Yen | None = None  # a good part refused
    ok_answer: Word | None = None  # the answer that means "good"
    matrix: dict[Word, dict[Word, Yen]] | None = None  # truth -> predicted -> cost; unlisted ones cost 0

    def of(self, truth: str, predicted: str) -> float:
        """Cost of one answer; a defect taken for another defect costs nothing unless the matrix says so."""
        if self.matrix is not None:
            return self.matrix.get(truth, {}).get(predicted, 0.0)
        if truth == self.ok_answer:
            return 0.0 if predicted == truth else self.false_alarm
        return self.miss if predicted == self.ok_answer else 0.0


class Gates(_Part):
    """What must hold for a go; signed before training."""

    kpi: Literal["macro_recall", "accuracy", "macro_f1"] = "macro_recall"
    threshold: Share = 0.8  # the lower bound of the KPI's interval must beat it
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    guard_drop: Share = 0.03  # how much of the general ability may be lost
    robust_drop: Share | None = None  # how many right answers the most harmful evidence that should not decide may take; None = not asked
    stop_below: Share | None = None  # stop rule: the KPI's upper bound below it ends the project; None = the threshold
    grey: Literal["label_more", "check_every_answer", "stop"] | None = None  # grey-zone rule: what is done where the intervals do not decide; None = not agreed
    worst_group: Share | None = None  # accuracy that the lower bound of every held-out group must reach; None = not asked
    latency_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None  # of one answer, alone; None = not asked
    budget: Yen | None = None  # what the first year may cost in all; None = not asked
    dangerous: tuple[Word, ...] | None = None  # answers that two people must agree on when the model is in use; None = every answer but costs.ok_answer
    owner: str = ""  # who answers for it


class Model(_Part):
    """Which checkpoint."""

    preset: Literal["tiny", "laptop", "gpu"] = "tiny"
    name: str | None = None  # catalogue name, hub id or folder; None = the preset's default
    four_bit: Literal["auto"] | bool = "auto"


class Robust(_Part):
    """What training adds against modality interference; the words are those of kit.training.robust."""

    perturbations: Annotated[tuple[Literal[*TRAINABLE], ...], Field(min_length=1)]
    share: Share = 0.5  # of the rows that are shown in pairs, clean and perturbed
    perturbed: Annotated[float, Field(ge=0)] = 1.0  # weight of the loss on the perturbed side
    consistency: Annotated[float, Field(ge=0)] = 0.0  # weight of the divergence between the two answers
    divergence: Literal["kl", "js"] = "kl"
    sensitivity: Annotated[float, Field(ge=0)] = 0.0  # weight of the term against the row's answer where the deciding evidence is another row's
    ascent_steps: Annotated[int, Field(ge=0, le=20)] = 0  # of the attack on the text's embeddings; 0 = none
    epsilon: Annotated[float, Field(gt=0)] = 0.1  # how far, relative to the embeddings' size
    ascent: Literal["sign", "normalised"] = "sign"
    ascent_size: Annotated[float, Field(ge=0)] = 0.0  # of a step, relative to epsilon; 0 = 2.5 / ascent_steps
    free: Literal["fast", "freelb"] = "fast"  # the attack on a medium that was put in, before which nothing can be shared


class Training(_Part):
    """How it is fine-tuned."""

    lora: Annotated[tuple[Literal["llm", "connector", "vision", "audio"], ...], Field(min_length=1)] = (
        "llm",
    )
    rank: Annotated[int, Field(ge=1, le=256)] = 16
    steps: Annotated[int, Field(ge=1)] = 300
    batch: Annotated[int, Field(ge=1)] = 16
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 2e-3
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    evaluate_every: Annotated[int, Field(ge=1)] = 100
    patience: Annotated[int, Field(ge=1)] = 3  # evaluations without progress before it stops
    examples_in_context: Annotated[int, Field(ge=0, le=32)] = 4
    drop_irrelevant: Share = 0.0  # share of rows shown without the evidence that should not decide them
    drop_evidence: Share = 0.0  # share of rows shown without one of their deciding modalities, where another is left
    augment: tuple[Literal["light", "frame", "sharpness", "sound", "writing"], ...] = ()  # small changes that the labels survive
    orientations: bool = False  # every training photo also turned and mirrored; not where left, right or upright means something
    robust: Robust | None = None  # against evidence that should not decide; what a step costs: benchmarks/interference.csv
    micro_batch: Annotated[int, Field(ge=1)] | None = None  # samples at once; None = the whole batch
    max_tokens: Annotated[int, Field(ge=1)] | None = None  # longer samples are named, never cut
    replay: Share = 0.0  # share of general rows mixed into training, against forgetting
    task_share: Share = 0.0  # share of rows of the task layer in training; 0 = as many as the folder has
    generated: Literal["measured", "always", "never"] = "measured"  # whether rows that a program made are learned from


class Data(_Part):
    """How the folder is split."""

    fractions: dict[Literal["train", "validation", "calibration", "test"], Share] = Field(
        default_factory=lambda: dict(FRACTIONS)
    )
    group_rule: Literal["blocks", "duplicates", "none"] = (
        "blocks"  # only where the folder has no group column; see GROUP_RULES
    )
    annotators: Annotated[int, Field(ge=1)] = 1  # how many people must agree before a label of the bench counts


class Scenario(_Part):
    """Evidence that really occurs in the company and should not decide: words, or a file of the folder."""

    name: Word
    text: Word | None = None  # {wrong} in it is replaced by an option that is not the row's answer
    image: Word | None = None
    audio: Word | None = None
    video: Word | None = None
    says: Word | None = None  # the option that it names, where it names always the same one

    @property
    def modality(self) -> str:
        """Which of the four it is; "" where not exactly one is given."""
        given = [name for name in ("text", "image", "audio", "video") if getattr(self, name)]
        return given[0] if len(given) == 1 else ""


class UseCase(_Part):
    """All of poc.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True)

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    name: Annotated[
        Word, Field(pattern=r"^[^/\\:*?\"<>|\x00-\x1f]*[^/\\:*?\"<>|\x00-\x1f. ]$")
    ]  # names a folder of runs, on Windows too
    title: dict[Literal["en", "ja"], str] = {}
    language: Literal["en", "ja"] = Field(default_factory=current)
    question: Word
    translations: dict[Literal["en", "ja"], dict[Word, Word]] = {}  # how people read questions and answers; the model is asked in the words of the data
    options: tuple[Word, ...] = ()  # left out = the sorted answers found; [] written out = free text
    decided_by: Annotated[tuple[Modality, ...], Field(min_length=1)] = ("image",)
    group_by: Word | None = None
    costs: Costs | None = None
    currency: str = "JPY"
    costs_are_examples: bool = False
    prevalence: dict[Word, Share] = {}
    volume_per_month: Annotated[int, Field(ge=0)] | None = None
    business: Business | None = None  # what an ROI assumes (`poc roi`); not covered by the signature
    scenarios: tuple[Scenario, ...] = ()
    gates: Gates = Gates()
    model: Model = Model()
    training: Training = Training()
    data: Data = Data()

    @property
    def free_text(self) -> bool:
        """`options: []` was written out: any answer is allowed."""
        return "options" in self.model_fields_set and not self.options

    def titles(self) -> dict[str, str]:
        """The title in both languages; a missing one is the other, without any it is the name."""
        return dict(self.title)

    @model_validator(mode="before")
    @classmethod
    def _both_titles(cls, given):
        if isinstance(given, dict) and isinstance(given.get("title", {}), dict | None):
            title = {key: text for key, text in (given.get("title") or {}).items() if text}
            either = next(iter(title.values()), given.get("name", ""))
            return {**given, "title": {"en": str(either), "ja": str(either), **title}}
        return given

    @model_validator(mode="after")
    def _parts_fit(self):
        faults = list(_misfits(self))
        if faults:
            raise PydanticCustomError("misfits", "{faults}", {"faults": faults})
        return self


def _misfits(use: UseCase):
    """(key path, what is wrong, what to do) of values that are allowed alone and not together."""
    options, costs = use.options, use.costs
    listed = ", ".join(options)
    if len(set(options)) < len(options):
        yield (
            ("options",),
            say(f"has an option twice: {listed}", f"選択肢が重複しています: {listed}"),
            say("list each once", "1回ずつ書いてください"),
        )
    if 0 < len(options) < 2:
        yield (
            ("options",),
            say(f"given one option: {listed}; allowed: two or more", f"選択肢が1つだけです: {listed}"),
            say("add the others", "他の選択肢を加えてください"),
        )
    if costs and costs.matrix is None and None in (costs.miss, costs.false_alarm, costs.ok_answer):
        yield (
            ("costs",),
            say(
                "needs miss, false_alarm and ok_answer, or a matrix",
                "miss、false_alarm、ok_answer の3つ、または matrix が必要です",
            ),
            say(
                "fill in what is missing, or delete costs: the report then shows no yen curve",
                "足りないものを書くか、costs を削除してください(レポートに金額の曲線は出ません)",
            ),
        )
    if costs and costs.matrix is not None and costs.miss is not None:
        yield (
            ("costs", "matrix"),
            say("given together with miss", "miss と同時に指定されています"),
            say("keep one of the two", "どちらか一方にしてください"),
        )
    if use.gates.robust_drop is not None and use.free_text:
        yield (
            ("gates", "robust_drop"),
            say("needs closed questions, and `options: []` says free text: what a model believes is asked with options", "選択式の問いが必要ですが、options: [] は自由記述です（何を信じているかは選択肢で調べます）"),
            say("list the options, or delete robust_drop", "options を書くか、robust_drop を削除してください"),
        )
    if use.gates.stop_below is not None and use.gates.stop_below > use.gates.threshold:
        yield (
            ("gates", "stop_below"),
            say(f"given {use.gates.stop_below:g}, above the threshold {use.gates.threshold:g}: a result that reaches the gate could be stopped by it", f"{use.gates.stop_below:g} は threshold の {use.gates.threshold:g} を超えています。達成しても中止になり得ます"),
            say("lower it to the threshold or below", "threshold 以下にしてください"),
        )
    for key, words in _words_that_must_be_options(use):
        for word in words:
            if options and word not in options:
                yield (
                    key,
                    say(f"given {word!r}; allowed: {listed}", f"{word!r} は選択肢にありません: {listed}"),
                    say("use one of the options", "選択肢のどれかにしてください"),
                )
    yield from scenario_misfits(use)
    yield from business_misfits(use)
    yield from translation_misfits(use)
    if use.prevalence and abs(sum(use.prevalence.values()) - 1) > 0.01:
        yield (
            ("prevalence",),
            say(
                f"adds up to {sum(use.prevalence.values()):g}; allowed: 1",
                f"合計が {sum(use.prevalence.values()):g} です(1にしてください)",
            ),
            say("correct the shares", "割合を直してください"),
        )
    if use.training.replay + use.training.task_share >= 1:
        yield (
            ("training", "task_share"),
            say("leaves no room for the company's rows: replay and task_share add up to 1 or more", "replay と task_share の合計が 1 以上で、自社の行が入りません"),
            say("lower one of the two", "どちらかを下げてください"),
        )
    if abs(sum(use.data.fractions.values()) - 1) > 0.001:
        total = sum(use.data.fractions.values())
        yield (
            ("data", "fractions"),
            say(f"add up to {total:g}; allowed: 1", f"合計が {total:g} です(1にしてください)"),
            say("correct the shares", "割合を直してください"),
        )


def _words_that_must_be_options(use: UseCase):
    yield ("prevalence",), tuple(use.prevalence)
    if use.costs and use.costs.ok_answer:
        yield ("costs", "ok_answer"), (use.costs.ok_answer,)
    yield ("gates", "dangerous"), use.gates.dangerous or ()
    for place, scenario in enumerate(use.scenarios):
        if scenario.says:
            yield ("scenarios", place, "says"), (scenario.says,)
    for truth, row in ((use.costs and use.costs.matrix) or {}).items():
        yield ("costs", "matrix", truth), (truth, *row)
