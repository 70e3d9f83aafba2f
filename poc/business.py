"""What an ROI assumes: the section `business` of poc.yaml, every figure with its unit and its source. What nobody gave is told, never invented; the few defaults of the kit say why.

Nothing here is covered by the signature (`poc sign`): a price may change without the gates changing. What is signed (costs, prevalence) is checked to agree with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from kit.errors import KitError
from kit.language import say
from poc.words import Text, both

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Words = Annotated[str, Field(min_length=1, pattern=r"\S")]
SIGNED_ALIKE = 0.01  # two writings of one price may differ by rounding only


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Assumption(_Part):
    """A figure, how far it may be wrong, and who says so."""

    value: Amount
    low: Amount | None = None  # with high: the ends between which it is drawn; without: it is taken as certain
    high: Amount | None = None
    source: Words

    @model_validator(mode="after")
    def _in_order(self):
        low, high = (self.value if end is None else end for end in (self.low, self.high))
        if not low <= self.value <= high:
            raise PydanticCustomError("order", say(f"low <= value <= high, not {low:g}, {self.value:g}, {high:g}", f"low <= value <= high（{low:g}、{self.value:g}、{high:g} になっています）"))
        return self


class Machine(_Part):
    """Where the model could run. Prices that nobody knows stay out; the kit names no vendor's."""

    name: Words
    place: Literal["edge", "server", "endpoint"]
    memory_gb: Annotated[float, Field(gt=0)] | None = None  # of the accelerator, or of the machine without one
    speed: Annotated[float, Field(gt=0)] | None = None  # rows per second relative to the machine that measured; that one is 1
    price: Amount | None = None  # once
    monthly: Amount | None = None  # rent, power, care
    per_1000: Amount | None = None  # an endpoint's, per 1,000 cases
    source: Words
    date: Words  # when the price was asked


@dataclass(frozen=True)
class Known:
    """An assumption that the kit knows how to use.

    Attributes:
        name, unit: in words; JPY in a unit stands for poc.yaml's currency.
        default: (value, low, high, why) where the kit may stand in; None: only the company knows.
        share: whether it lies between 0 and 1.
    """

    name: Text
    unit: Text
    default: tuple[float, float, float, Text] | None = None
    share: bool = False


def _known(en: str, ja: str, unit: str, unit_ja: str, default=None, share: bool = False) -> Known:
    return Known(both(en, ja), both(unit, unit_ja), default and (*default[:3], both(*default[3:])), share)


KNOWN: dict[str, Known] = {
    "volume_per_month": _known("Cases", "件数", "cases a month", "件/月"),
    "wage_per_hour": _known("Cost of a person's hour", "1 人時の費用", "JPY an hour", "JPY/時"),
    "inspected_today": _known("Share that a person looks at today", "現在、人が見ている割合", "share", "割合",
                              (1, 1, 1, "the kit's default: a person looks at every case today", "キットの既定値：現在は全件を人が見ている"), share=True),
    "seconds_per_inspection": _known("Time per case today", "現在の 1 件あたりの時間", "seconds a case", "秒/件"),
    "seconds_per_review": _known("Time per case that is handed to a person", "人に回した 1 件あたりの時間", "seconds a case", "秒/件"),
    "person_sensitivity": _known("Bad ones that a person finds", "人が見つける不良の割合", "share", "割合", share=True),
    "person_specificity": _known("Good ones that a person passes", "人が合格にする良品の割合", "share", "割合", share=True),
    "miss_internal": _known("Cost of a miss inside the company", "見逃し 1 件の社内費用", "JPY a miss", "JPY/件"),
    "miss_claim": _known("Cost of a miss in claims", "見逃し 1 件のクレーム費用", "JPY a miss", "JPY/件"),
    "false_alarm": _known("Cost of a false alarm", "過検出 1 件の費用", "JPY a false alarm", "JPY/件"),
    "integration": _known("Integration", "システム組み込み", "JPY once", "JPY（一度）"),
    "machine": _known("Machine, bought", "設備（購入）", "JPY once", "JPY（一度）"),
    "machine_monthly": _known("Machine, running", "設備（月額）", "JPY a month", "JPY/月"),
    "machine_without_mllm": _known("Machine for a method without an MLLM", "MLLM を使わない方法の設備", "JPY once", "JPY（一度）",
                                   (0, 0, 0, "the kit's default: it runs on a PC that is there, which flatters the alternative", "キットの既定値：手元の PC で動くとみなす（比較対象に有利）")),
    "labels": _known("Labels needed", "必要なラベル", "labels", "件"),
    "seconds_per_label": _known("Time per label", "ラベル 1 件の時間", "seconds a label", "秒/件",
                                (10, 5, 30, "the kit's default until somebody labels with poc label, which measures it", "キットの既定値。poc label でラベルを付けると測定値が分かる")),
    "retraining": _known("One retraining, with its labels and checks", "再学習 1 回（ラベルと確認を含む）", "JPY a time", "JPY/回"),
    "retrainings_per_year": _known("Retrainings", "再学習の回数", "times a year", "回/年",
                                   (2, 1, 4, "the kit's default until drift was watched for a year", "キットの既定値。1 年間のドリフト監視で見直す")),
    "monitoring_per_month": _known("Monitoring and support", "監視と保守", "JPY a month", "JPY/月"),
    "months_to_start": _known("Time until it is in use", "利用開始までの期間", "months", "か月",
                              (3, 1, 6, "the kit's default: nothing is earned before it is integrated", "キットの既定値：組み込みが終わるまで効果は出ない")),
    "months_all_checked": _known("Time in which people still check every answer", "利用開始後、人が全件を確認する期間", "months", "か月",
                                 (3, 1, 9, "the kit's default, by the autonomy ladder: a step up is earned by weeks of measured agreement, so that people check every answer first and nothing is saved yet",
                                  "キットの既定値。自動化の段階は数週間分の一致率を測ってから上がるため、はじめは人が全件を確認し、効果はまだ出ない")),
    "hours_to_decision_today": _known("Time until a case is decided today", "現在、判断が出るまでの時間", "hours a case", "時間/件",
                                      (0, 0, 0, "not given: decision lead time is not counted", "未記入：判断までの時間は数えない")),
    "worth_of_an_hour_sooner": _known("Worth of deciding a case an hour sooner", "1 件の判断が 1 時間早まる価値", "JPY an hour and case", "JPY/時・件",
                                      (0, 0, 0, "not given: time saved is told in hours, not in money", "未記入：短縮した時間は金額に換算しない")),
    "discount_rate": _known("Discount rate", "割引率", "share a year", "年率",
                            (0.05, 0.03, 0.08, "the kit's default; ask your finance department for the company's", "キットの既定値。自社の率は財務部門に確認")),
    "horizon_months": _known("Horizon", "評価期間", "months", "か月", (36, 36, 36, "the kit's default: three years", "キットの既定値：3 年")),
    "hours_per_month": _known("Hours of operation", "稼働時間", "hours a month", "時間/月", (160, 160, 160, "the kit's default: one shift, twenty days of eight hours", "キットの既定値：1 直（8 時間 × 20 日）")),
    "peak_factor": _known("Busiest hour against the mean", "最も混む時間帯の平均比", "times", "倍", (3, 3, 3, "the kit's default: cases come in bursts", "キットの既定値：件数は時間帯に偏る")),
    "utilisation": _known("Load that a machine is planned for", "設備の計画稼働率", "share", "割合",
                          (0.6, 0.6, 0.6, "the kit's default: a queue grows without bound near 1", "キットの既定値：1 に近いと待ち行列が際限なく延びる"), share=True),
}  # fmt: skip


SIZING = ("volume_per_month", "hours_per_month", "peak_factor", "utilisation")  # what `poc.sizing` needs
ROI = tuple(key for key in KNOWN if key not in SIZING[1:])


class Business(_Part):
    """The section `business` of poc.yaml; the keys are those of KNOWN."""

    review: Literal["none", "alarms", "unsure"] = "unsure"  # which cases a person answers
    volume_per_month: Assumption | None = None  # left out: poc.yaml's own
    wage_per_hour: Assumption | None = None
    inspected_today: Assumption | None = None
    seconds_per_inspection: Assumption | None = None
    seconds_per_review: Assumption | None = None
    person_sensitivity: Assumption | None = None
    person_specificity: Assumption | None = None
    miss_internal: Assumption | None = None  # with miss_claim: together costs.miss
    miss_claim: Assumption | None = None
    false_alarm: Assumption | None = None  # costs.false_alarm, with its range
    integration: Assumption | None = None
    machine: Assumption | None = None
    machine_monthly: Assumption | None = None
    machine_without_mllm: Assumption | None = None
    labels: Assumption | None = None
    seconds_per_label: Assumption | None = None
    retraining: Assumption | None = None
    retrainings_per_year: Assumption | None = None
    monitoring_per_month: Assumption | None = None
    months_to_start: Assumption | None = None
    months_all_checked: Assumption | None = None  # 0: the company lets it answer alone from the first day
    hours_to_decision_today: Assumption | None = None
    worth_of_an_hour_sooner: Assumption | None = None
    discount_rate: Assumption | None = None
    horizon_months: Assumption | None = None
    hours_per_month: Assumption | None = None
    peak_factor: Assumption | None = None
    utilisation: Assumption | None = None
    machines: tuple[Machine, ...] = ()


@dataclass(frozen=True)
class Figure:
    """An assumption as it is used: its ends are those between which it is drawn. `kind`: company, poc.yaml, measured or default."""

    key: str
    value: float
    low: float
    high: float
    kind: str
    source: Text

    def as_dict(self, currency: str) -> dict:
        """For roi.json: with its name and unit."""
        known = KNOWN[self.key]
        return {"key": self.key, "name": known.name, "value": self.value, "low": self.low, "high": self.high, "kind": self.kind, "source": self.source,
                "unit": {language: text.replace("JPY", currency) for language, text in known.unit.items()}}  # fmt: skip


def figures(business: Business | None, record: dict, seconds_per_label: float | None = None, only: tuple[str, ...] = ROI) -> dict[str, Figure]:
    """Every assumption with its source: what the company wrote, else what poc.yaml or the run says, else the kit's default with its reason.

    Args:
        business: poc.yaml's section; None: it has none.
        record: run.json, for costs, volume and the number of labels.
        seconds_per_label: as the labelling bench measured it; None: nobody has labelled there.
        only: the keys that are wanted.

    Raises:
        KitError: what only the company knows and did not write, all of it in one line.
    """
    said = business or Business()
    given = {key: Figure(key, one.value, one.value if one.low is None else one.low, one.value if one.high is None else one.high, "company", both(one.source, one.source))
             for key in KNOWN if (one := getattr(said, key)) is not None}  # fmt: skip
    found = {key: Figure(key, *known.default[:3], "default", known.default[3]) for key, known in KNOWN.items() if known.default} | _from_run(record, given, seconds_per_label) | given
    for one, other in (("machine", "machine_monthly"), ("machine_monthly", "machine")):
        if one not in found and other in given:
            found[one] = Figure(one, 0, 0, 0, "default", both(f"not given; the machine is paid as {other}", f"未記入。設備は {other} で支払う"))
    missing = [key for key in only if key not in found]
    if missing:
        currency = record["currency"]
        told = ", ".join(f"{key} ({say(**KNOWN[key].unit).replace('JPY', currency)})" for key in missing)
        raise KitError(
            say(f"poc.yaml's section business lacks {told}: the kit invents no company's figures. Write each as, for example, wage_per_hour: {{value: 2500, low: 2200, high: 3000, source: payroll office}}",
                f"poc.yaml の business に {told} がありません。会社の数字をキットが作ることはありません。例のように書いてください：wage_per_hour: {{value: 2500, low: 2200, high: 3000, source: 人事部}}")
        )  # fmt: skip
    return {key: found[key] for key in only}


def _from_run(record: dict, given: dict, seconds_per_label: float | None) -> dict[str, Figure]:
    """What poc.yaml's other sections and the run say."""
    costs, found = record.get("costs") or {}, {}
    if record.get("volume_per_month") is not None:
        found["volume_per_month"] = (record["volume_per_month"], "poc.yaml", both("poc.yaml, volume_per_month", "poc.yaml の volume_per_month"))
    if costs.get("matrix"):
        whole = both("poc.yaml, costs.matrix: errors are counted in money, not in pieces, and not split into internal cost and claims", "poc.yaml の costs.matrix：誤りは件数ではなく金額で数え、社内費用とクレームには分けない")
        found |= {"miss_internal": (1.0, "poc.yaml", whole), "miss_claim": (0.0, "poc.yaml", whole), "false_alarm": (0.0, "poc.yaml", whole)}
    elif costs:
        found["false_alarm"] = (costs["false_alarm"], "poc.yaml", both("poc.yaml, costs.false_alarm", "poc.yaml の costs.false_alarm"))
        rest = {key: given[key].value for key in ("miss_internal", "miss_claim") if key in given}
        unsplit = both("poc.yaml, costs.miss" + (" less what is given" if rest else ": not split into internal cost and claims"), "poc.yaml の costs.miss" + ("（記入分を除く）" if rest else "（社内費用とクレームに分けていない）"))
        found |= {"miss_internal": (max(costs["miss"] - sum(rest.values()), 0.0), "poc.yaml", unsplit), "miss_claim": (0.0 if "miss_internal" not in rest else max(costs["miss"] - rest["miss_internal"], 0.0), "poc.yaml", unsplit)}
    count = sum(record["data"]["n"].get(split, 0) for split in ("train", "validation", "calibration", "test"))
    found["labels"] = (count, "measured", both("measured: the labelled rows of this run", "測定値：この実行のラベル付きの行"))
    if seconds_per_label:
        found["seconds_per_label"] = (seconds_per_label, "measured", both("measured: the labelling bench's median", "測定値：ラベル付け画面の中央値"))
    return {key: Figure(key, value, value, value, kind, source) for key, (value, kind, source) in found.items()}


def business_misfits(use) -> Iterator[tuple[tuple, str, str]]:
    """(key path, what is wrong, what to do) of figures that contradict the signed ones, or that are no shares."""
    said, costs = use.business, use.costs
    if said is None:
        return
    for key, known in KNOWN.items():
        one = getattr(said, key)
        if one is not None and known.share and max(one.value, one.high or 0) > 1:
            yield ("business", key, "value"), say(f"given {max(one.value, one.high or 0):g}; allowed: a share from 0 to 1 (90 % is 0.9)", f"{max(one.value, one.high or 0):g} は使えません。0 から 1 の割合にしてください（90 % は 0.9）"), say("correct the value", "値を直してください")
    if said.utilisation is not None and said.utilisation.value == 0 or said.horizon_months is not None and said.horizon_months.value < 1:
        yield ("business",), say("utilisation must be above 0 and horizon_months at least 1", "utilisation は 0 より大きく、horizon_months は 1 以上にしてください"), say("correct the value", "値を直してください")
    if said.horizon_months is not None and said.horizon_months.low != said.horizon_months.high:
        yield ("business", "horizon_months"), say("given with low and high; allowed: value alone, since it is decided and not estimated", "low と high があります。評価期間は見積もりではなく決めるものなので、value だけにしてください"), say("delete low and high", "low と high を削除してください")
    split = [one.value for one in (said.miss_internal, said.miss_claim) if one is not None]
    same = [("false_alarm", said.false_alarm and said.false_alarm.value, costs and costs.false_alarm), ("volume_per_month", said.volume_per_month and said.volume_per_month.value, use.volume_per_month),
            ("miss_internal", sum(split) if len(split) == 2 else None, costs and costs.miss)]  # fmt: skip
    for key, here, there in same:
        if here is not None and there is not None and abs(here - there) > SIGNED_ALIKE:
            name = "miss_internal + miss_claim" if key == "miss_internal" else key
            yield (
                ("business", key),
                say(f"{name} is {here:g} here and {there:g} above (costs, volume_per_month)", f"{name} がここでは {here:g}、上（costs、volume_per_month）では {there:g} です"),
                say("make them equal: the gates were signed with the one above", "同じ値にしてください。署名の対象は上の値です"),
            )
    if costs and costs.matrix is not None and (split or said.false_alarm):
        yield ("business", "miss_internal" if split else "false_alarm"), say("given together with costs.matrix, which prices every confusion", "取り違えごとの費用 costs.matrix と同時に指定されています"), say("delete it", "削除してください")
