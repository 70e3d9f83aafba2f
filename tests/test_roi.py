"""Return on investment: cases worked by hand with round numbers, what must hold for any company, and a run's ROI as the command writes it."""

import json
import math
import shutil
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kit.errors import KitError
from kit.evaluation.intervals import cost_draws, cost_interval
from kit.language import LANGUAGES, speaking
from poc import runs
from poc.business import KNOWN, ROI, Business, Figure, figures
from poc.new_usecase import write_usecase
from poc.roi import (
    Option,
    Rates,
    cash_flows,
    checking,
    draw,
    first_year,
    investment,
    monthly,
    months_of_first_year,
    npv,
    payback,
    simulate,
    today,
    tornado,
    while_checked,
)
from poc.usecase import gates_hash, load_usecase
from poc.words import both
from poc.worth import worth
from poc.worth_said import worth_lines

EXACT = {"rel": 0, "abs": 1e-9}

# A plant of 10,000 cases a month, 1,000 of them bad. Today a person sees all of them, finds 90 % of the bad ones and passes 80 % of the good ones, in 36 seconds at 3,000 yen an hour.
PLANT = {
    "volume_per_month": 10_000, "wage_per_hour": 3_000, "inspected_today": 1, "seconds_per_inspection": 36, "seconds_per_review": 72, "person_sensitivity": 0.9, "person_specificity": 0.8,
    "miss_internal": 1_000, "miss_claim": 4_000, "false_alarm": 100, "integration": 1_000_000, "machine": 500_000, "machine_monthly": 10_000, "machine_without_mllm": 0, "labels": 1_200, "seconds_per_label": 30,
    "retraining": 60_000, "retrainings_per_year": 2, "monitoring_per_month": 20_000, "months_to_start": 0, "months_all_checked": 0, "hours_to_decision_today": 2, "worth_of_an_hour_sooner": 1, "discount_rate": 0, "horizon_months": 12,
}  # fmt: skip
# The model passes 50 of the bad ones, refuses 200 of the good ones, and hands 200 bad and 800 good ones to a person.
MODEL = Rates(passed=0.005, refused=0.02, asked_bad=0.02, asked_ok=0.08, looks=0.1)


def certain(**changes) -> dict[str, Figure]:
    return {key: Figure(key, value, *ends, "company", both("test", "試験")) for key, given in (PLANT | changes).items() for value, *ends in [given if isinstance(given, tuple) else (given,) * 3]}


def option(rates: Rates = MODEL, **changes) -> Option:
    draws = Rates(*(np.full(10_000, part) for part in vars(rates).values()))
    return Option(**{"measured": rates, "drawn": draws, "bad": (0.1, 0.1), "ok": (0.9, 0.9), "seconds_per_answer": 360.0} | changes)


# --- by hand


def test_the_npv_of_three_cash_flows():
    """10 % a month: 110 / 1.1 + 121 / 1.21 + 133.1 / 1.331 = 300, less the 250 that were invested: 50."""
    assert npv(250, np.array([110, 121, 133.1]), 1.1**12 - 1) == pytest.approx(50, **EXACT)
    assert npv(np.array([250, 300]), np.array([[110, 121, 133.1]] * 2), np.array([1.1**12 - 1] * 2)).tolist() == pytest.approx([50, 0], **EXACT)


@pytest.mark.parametrize(("invested", "flows", "months"), [
    (100, [40, 40, 40], 2.5),  # 80 after two months, half of the third pays the rest
    (100, [0, 0, 0, 40, 40, 40], 5.5),
    (100, [20, 40, 40], 3.0),  # to the yen at the end of the third
    (100, [30, 30, 30], math.inf),  # 90 of 100 within the horizon
    (100, [-10] * 3, math.inf),
    (0, [5, 5], 0.0),
    (100, [150, -100, 30, 30], 3 + 2 / 3),  # 150, 50, 80, 110: paid for good in the fourth month, which has 20 of its 30 to pay
    (100, [150, -100], math.inf),
])  # fmt: skip
def test_payback_in_the_middle_of_a_month(invested, flows, months):
    assert payback(invested, np.array(flows, float)) == pytest.approx(months, **EXACT)


def test_the_cash_flows_begin_in_the_middle_of_a_month():
    assert cash_flows(100, 1.5, 4).tolist() == [0, 50, 100, 100]
    assert cash_flows(100, 1.5, 4, checked=1, meanwhile=-20).tolist() == [0, -10, 40, 100], "half of the third month is still checked: 50 - 10"
    assert cash_flows(np.array([100, 100]), np.array([0.0, 1.0]), 3, np.array([2.0, 0.0]), np.array([-5.0, -5.0])).tolist() == [[-5, -5, 100], [0, 100, 100]]


def test_while_people_check_every_answer_it_only_costs():
    """Running costs of 40,000 a month, and nothing else where a person looks at every case today anyway; where it is half of them, the other 5,000 x 36 s are 50 hours of 3,000 yen."""
    lines = option().month(PLANT)[0]
    assert while_checked(PLANT, lines) == pytest.approx(-40_000, **EXACT)
    assert while_checked(PLANT | {"inspected_today": 0.5}, lines) == pytest.approx(-190_000, **EXACT)
    assert while_checked(PLANT, option(wrong_notes=(500.0,) * 3).month(PLANT)[0]) == pytest.approx(-40_000, **EXACT), "a person who checks believes no more notes than today"


def test_npv_and_payback_wait_until_the_checking_ends():
    """1,530,000 once; nothing for 2 months, 3 x -40,000 while all is checked, then 511,100 in 7 of 12 months. What is owed after month 5, 1,650,000, takes 1,650,000 / 511,100 = 3.228 months more."""
    found = simulate(option(), certain(months_to_start=2, months_all_checked=3))
    assert found.npv == pytest.approx(7 * 511_100 - 3 * 40_000 - 1_530_000, **EXACT) and found.months == pytest.approx(5 + 1_650_000 / 511_100, **EXACT)
    assert found.npv_drawn == pytest.approx(np.full(10_000, found.npv)) and found.months_drawn == pytest.approx(np.full(10_000, found.months))
    rows = tornado(option(), certain(months_all_checked=(3, 1, 9)))
    assert [(row["key"], row["swing"]) for row in rows] == [("months_all_checked", pytest.approx(8 * 551_100, rel=1e-12))], "each month of checking: 511,100 not earned, 40,000 spent"
    assert simulate(option(), certain(months_all_checked=12)).months == math.inf


def test_a_month_line_by_line():
    """Today 0.1 x 0.1 x 10,000 = 100 misses, 0.9 x 0.2 x 10,000 = 1,800 false alarms and 10,000 x 36 s = 100 hours. With the model (0.005 + 0.02 x 0.1) x 10,000 = 70 misses,
    (0.02 + 0.08 x 0.2) x 10,000 = 360 false alarms and 1,000 x 72 s = 20 hours. The 9,000 that nobody looks at are decided 2 - 0.1 hours sooner.
    """
    lines = monthly(PLANT, today(0.1, 0.9, 1), MODEL, seconds_per_answer=360, machine=10_000, wrong_notes=500)
    assert lines == {
        "labour": pytest.approx(80 * 3_000, **EXACT), "defects": pytest.approx(30 * 1_000, **EXACT), "claims": pytest.approx(30 * 4_000, **EXACT), "false_alarms": pytest.approx(1_440 * 100, **EXACT),
        "lead_time": pytest.approx(9_000 * 1.9, **EXACT), "machine": -10_000, "monitoring": -20_000, "retraining": -10_000, "wrong_notes": pytest.approx(-5_000, **EXACT),
    }  # fmt: skip
    assert sum(lines.values()) == pytest.approx(506_100, **EXACT)
    assert investment(PLANT, 500_000) == {"integration": 1_000_000, "machine": 500_000, "labels": 30_000}, "1,200 labels of 30 s are 10 hours"


def test_where_nobody_looks_at_half_of_the_cases_their_bad_ones_pass():
    """500 of 1,000 bad ones are not looked at, and 50 of the other 500 are missed."""
    now = today(0.1, 0.9, 0.5)
    assert 10_000 * now.misses(0.9) == pytest.approx(550, **EXACT) and 10_000 * now.false_alarms(0.8) == pytest.approx(900, **EXACT) and now.looks == 0.5


def test_npv_and_payback_of_the_plant_and_nothing_drawn_where_all_is_certain():
    """511,100 a month without wrong notes, 1,530,000 once: over twelve months 4,603,200, paid back after 1,530,000 / 511,100 months."""
    found = simulate(option(), certain(), draws=10_000)
    assert (found.npv, found.months) == (pytest.approx(12 * 511_100 - 1_530_000, **EXACT), pytest.approx(1_530_000 / 511_100, **EXACT))
    assert found.npv_drawn == pytest.approx(np.full(10_000, found.npv)) and found.months_drawn == pytest.approx(np.full(10_000, found.months))
    alternative = simulate(option(mllm=False), certain())
    assert alternative.npv == pytest.approx(found.npv + 500_000 + 12 * 10_000, **EXACT), "no MLLM, no machine for it"


def test_what_has_to_be_paid_in_the_first_year():
    """1,530,000 once and 40,000 in each of nine months, whoever answers; 100 hours a month of people's time while they check, told apart."""
    for checked, people in ((0, 0), (4, 4 * 300_000), (9, 9 * 300_000), (30, 9 * 300_000)):
        value = PLANT | {"months_to_start": 3, "months_all_checked": checked}
        assert first_year(value) == pytest.approx(1_530_000 + 9 * 40_000, **EXACT) and checking(value) == pytest.approx(people, **EXACT)
    assert [months_of_first_year(*pair) for pair in ((3, 4), (3, 30), (14, 2), (0, 0))] == [(3, 4, 5), (3, 9, 0), (12, 0, 0), (0, 0, 12)]


def test_a_tornado_by_hand():
    """Integration 900,000 to 1,300,000: a swing of 400,000. Monitoring 15,000 to 30,000 in twelve months: 180,000. What passes, 0.004 to 0.006: 20 misses x 5,000 x 12 = 1,200,000."""
    passed = np.linspace(0.004, 0.006, 10_001)
    drawn = Rates(**{key: np.full(10_001, value) for key, value in vars(MODEL).items()} | {"passed": passed})
    rows = tornado(option(drawn=drawn), certain(integration=(1_000_000, 900_000, 1_300_000), monitoring_per_month=(20_000, 15_000, 30_000)), confidence=1.0)
    assert [(row["key"], row["low"], row["high"]) for row in rows] == [("passed", 0.004, 0.006), ("integration", 900_000, 1_300_000), ("monitoring_per_month", 15_000, 30_000)]
    assert [row["swing"] for row in rows] == pytest.approx([1_200_000, 400_000, 180_000], rel=0, abs=1e-6)
    assert rows[1]["npv_low"] - rows[1]["npv_high"] == pytest.approx(400_000, rel=0, abs=1e-6)


# --- drawn


def test_draws_lie_between_their_ends_are_triangular_and_independent():
    drawn = draw(certain(person_sensitivity=(0.9, 0.8, 0.96), person_specificity=(0.9, 0.8, 0.96), integration=(10.0, 5.0, 30.0)), 20_000, seed=3)
    assert drawn["integration"].min() >= 5 and drawn["integration"].max() <= 30 and drawn["integration"].mean() == pytest.approx((5 + 10 + 30) / 3, rel=0.01)
    assert drawn["wage_per_hour"] == 3_000, "what is certain is not drawn"
    assert abs(np.corrcoef(drawn["person_sensitivity"], drawn["person_specificity"])[0, 1]) < 0.03, "alike in everything but their names"
    again, other = (draw(certain(integration=(10.0, 5.0, 30.0)), 20_000, seed=seed)["integration"] for seed in (3, 4))
    assert (again == drawn["integration"]).all() and (other != again).any(), "a draw depends on the seed and on nothing else that is drawn"


def test_ten_thousand_draws_take_less_than_a_second():
    everything = {key: (value, 0.9 * value, value) if key != "horizon_months" else (60, 60, 60) for key, value in PLANT.items()}
    began = time.process_time()
    found = simulate(option(), certain(**everything), draws=10_000)
    assert time.process_time() - began < 1 and found.npv_drawn.std() > 0


shares = st.floats(0, 0.05)
plants = st.fixed_dictionaries({}, optional={key: st.floats(0, 2 * max(value, 1)) for key, value in PLANT.items() if not KNOWN[key].share and key not in ("horizon_months", "discount_rate")}
                               | {"discount_rate": st.floats(0, 0.3), "person_sensitivity": st.floats(0, 1), "person_specificity": st.floats(0, 1)})  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(plants, shares, shares, st.floats(0, 0.05))
def test_more_misses_or_false_alarms_never_raise_the_npv(plant, passed, refused, more):
    value, rates = PLANT | plant, replace(MODEL, passed=passed, refused=refused)
    worth_now = option(rates).outcome(value)[0]
    for worse in (replace(rates, passed=passed + more), replace(rates, refused=refused + more)):
        assert option(worse).outcome(value)[0] <= worth_now + 1e-6 * max(abs(worth_now), 1)


@settings(max_examples=60, deadline=None)
@given(plants, st.floats(1, 3))
def test_dearer_investments_and_running_costs_never_raise_the_npv_and_never_shorten_the_payback(plant, times):
    value = PLANT | plant
    before = option().outcome(value)
    for key in ("integration", "machine", "machine_monthly", "monitoring_per_month", "retraining", "retrainings_per_year", "labels", "seconds_per_label"):
        after = option().outcome(value | {key: value[key] * times})
        assert after[0] <= before[0] + 1e-6 * max(abs(before[0]), 1) and after[1] >= before[1] - 1e-6


@settings(max_examples=60, deadline=None)
@given(plants)
def test_without_cases_the_npv_is_minus_the_investment_and_the_running_costs(plant):
    idle = PLANT | plant | {"volume_per_month": 0, "machine_monthly": 0, "monitoring_per_month": 0, "retraining": 0}
    invested = sum(investment(idle, idle["machine"]).values())
    assert option().outcome(idle) == (pytest.approx(-invested, abs=1e-6), math.inf if invested > 1e-9 else 0.0)
    assert option().outcome(idle | {"monitoring_per_month": 100, "discount_rate": 0, "months_to_start": 2})[0] == pytest.approx(-invested - 10 * 100, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(plants)
def test_a_person_behind_every_case_changes_nothing_but_what_it_costs_to_run(plant):
    value = PLANT | plant
    value["seconds_per_review"] = value["seconds_per_inspection"]
    lines = option(Rates(0.0, 0.0, 0.1, 0.9, 1.0)).month(value)[0]
    assert all(lines[line] == pytest.approx(0, abs=1e-6) for line in ("labour", "defects", "claims", "false_alarms", "lead_time"))


# --- assumptions

RECORD = {"costs": {"miss": 12_000.0, "false_alarm": 350.0, "ok_answer": "ok"}, "volume_per_month": 40_000, "currency": "JPY", "data": {"n": {"train": 800, "validation": 100, "calibration": 50, "test": 50}}}
GIVEN = {key: {"value": 1, "source": "HR"} for key in ("wage_per_hour", "seconds_per_inspection", "seconds_per_review", "integration", "machine", "retraining", "monitoring_per_month", "person_sensitivity", "person_specificity")}


def test_every_assumption_has_a_source_and_a_unit():
    assert set(Business.model_fields) - {"review", "machines"} == set(KNOWN)
    found = figures(Business.model_validate(GIVEN), RECORD)
    assert set(found) == set(ROI) and all(one.source["en"] and one.source["ja"] for one in found.values())
    told = {key: (one.value, one.kind) for key, one in found.items()}
    assert told["volume_per_month"] == (40_000, "poc.yaml") and told["miss_internal"] == (12_000, "poc.yaml") and told["miss_claim"] == (0, "poc.yaml")
    assert told["labels"] == (1_000, "measured") and told["machine_monthly"] == (0, "default") and told["discount_rate"] == (0.05, "default") and told["wage_per_hour"] == (1, "company")
    assert figures(Business.model_validate(GIVEN | {"miss_claim": {"value": 10_000, "source": "QA"}}), RECORD)["miss_internal"].value == 2_000
    assert figures(Business.model_validate(GIVEN), RECORD, seconds_per_label=4.2)["seconds_per_label"].kind == "measured"
    assert found["wage_per_hour"].as_dict("EUR")["unit"] == {"en": "EUR an hour", "ja": "EUR/時"}


def test_what_only_the_company_knows_is_asked_for_at_once():
    with pytest.raises(KitError, match=r"lacks wage_per_hour \(JPY an hour\), seconds_per_inspection .*monitoring_per_month \(JPY a month\): the kit invents no company's figures") as told:
        figures(None, RECORD)
    assert "discount_rate" not in str(told.value)
    with speaking("ja"), pytest.raises(KitError, match="会社の数字をキットが作ることはありません"):
        figures(None, RECORD)


@pytest.mark.parametrize(("line", "told"), [
    ("wage_per_hour: {value: 2500}", "business.wage_per_hour.source: is missing"),
    ("wage_per_hour: {value: 2500, low: 3000, source: HR}", "low <= value <= high, not 3000, 2500, 2500"),
    ("wage: {value: 2500, source: HR}", "unknown key; allowed: review, volume_per_month, wage_per_hour"),
    ("person_sensitivity: {value: 90, source: QA}", "given 90; allowed: a share from 0 to 1"),
    ("miss_internal: {value: 1, source: QA}\n  miss_claim: {value: 2, source: QA}", "miss_internal [+] miss_claim is 3 here and 10 above .*make them equal: the gates were signed"),
    ("volume_per_month: {value: 5, source: QA}", "volume_per_month is 5 here and 7 above"),
    ("horizon_months: {value: 12, low: 6, high: 24, source: QA}", "it is decided and not estimated"),
    ("integration: {value: -1, source: QA}", "given -1; allowed: 0 or more"),
])  # fmt: skip
def test_a_fault_of_the_section_is_told_in_one_line(tmp_path, line, told):
    (tmp_path / "poc.yaml").write_text(f"question: Which?\noptions: [ok, bad]\ncosts: {{miss: 10, false_alarm: 1, ok_answer: ok}}\nvolume_per_month: 7\nbusiness:\n  {line}\n", encoding="utf-8")
    with pytest.raises(KitError, match=told) as error:
        load_usecase(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("language", LANGUAGES)
def test_poc_init_writes_the_section_as_a_comment_that_only_wants_figures(tmp_path, language):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    text = write_usecase(tmp_path, language=language).read_text(encoding="utf-8")
    assert load_usecase(tmp_path).business is None and ("自社の率" in text) == (language == "ja")
    section = text[text.index("# business:") :].split("\n\n")[0]
    filled = yaml.safe_load("\n".join(line.removeprefix("# ") for line in section.splitlines()).replace("source: ...", "source: HR").replace("name: ...", "name: PC").replace("date: ...", "date: today").replace("...", "1"))["business"]
    assert set(figures(Business.model_validate(filled), RECORD)) == set(ROI)
    with pytest.raises(ValueError, match="valid number"):
        Business.model_validate(yaml.safe_load("\n".join(line.removeprefix("# ") for line in section.splitlines()))["business"])


# --- of a run


@pytest.fixture
def run(tmp_path):
    return shutil.copytree(runs.EXAMPLE, tmp_path / "run", ignore=shutil.ignore_patterns("roi.json"))


def changed(run, **changes) -> None:
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    (run / "run.json").write_text(json.dumps(record | changes), encoding="utf-8")


def test_the_section_leaves_the_signature_of_the_sample_company_valid():
    use = load_usecase(runs.COMPANY / "inspection")
    assert use.business and gates_hash(use) == runs.read(runs.EXAMPLE)["gates"]["hash"] == gates_hash(use.model_copy(update={"business": None}))


def test_the_roi_of_the_example_run(run):
    """Today, by the sample company's figures: 40,000 x 12 s at 2,800 yen an hour; 40,000 x 0.05 x 0.1 = 200 misses; 40,000 x 0.95 x 0.02 = 760 false alarms."""
    found = worth(run)
    assert found["today"] == pytest.approx({"labour": 40_000 * 12 / 3600 * 2_800, "defects": 200 * 2_000, "claims": 200 * 10_000, "false_alarms": 760 * 350}, **EXACT)
    kept = json.loads((run / "roi.json").read_text(encoding="utf-8"), parse_constant=lambda name: pytest.fail(f"roi.json holds {name}, which is no JSON"))
    assert kept == found and worth(run) == found, "the same seed, the same figures"
    assert [row["option"] for row in found["options"]] == ["nothing", "tuned", "cheap_model"] and found["options"][0]["npv"]["value"] == 0
    for row in found["options"][1:]:
        assert row["npv"]["low"] <= row["npv"]["value"] <= row["npv"]["high"] and sum(row["distribution"]["counts"]) == 10_000
        assert row["positive"] <= row["paid_back"] + 1e-9, "what has a positive NPV at a positive rate is paid back"
    assert sorted((row["swing"] for row in found["tornado"]), reverse=True) == [row["swing"] for row in found["tornado"]]
    paid = found["first_year"]
    assert paid["low"] < paid["value"] < paid["high"] and paid["value"] == pytest.approx(7_500_000 + 1787 * 10 / 3600 * 2_800 + 9 * (30_000 + 80_000 + 200_000 * 2 / 12), **EXACT)
    assert found["measured"]["tuned"]["chosen_on"] == "calibration" and len(found["measured"]["tuned"]["thresholds"]) == 1 and found["measured"]["tuned"]["never_missed"]["crack"] == 77
    assert found["checking"]["value"] == pytest.approx(3 * 40_000 * 12 / 3600 * 2_800, **EXACT) and found["checking"]["low"] < found["checking"]["value"] < found["checking"]["high"]
    assert {one["kind"] for one in found["assumptions"]} == {"company", "poc.yaml", "measured", "default"} - {"poc.yaml"}


def test_rates_are_those_of_the_answers_where_nobody_looks(run, tmp_path):
    """With review none and a threshold from calibration rows: what passes and what is refused, counted by hand in the table of answers and weighted with prevalence."""
    frame = pd.read_csv(run / "predictions.csv", dtype=str, keep_default_na=False)
    tuned = frame[(frame["arm"] == "tuned") & (frame["condition"] == "as_is")]
    pd.concat([frame, tuned.assign(split="calibration", id="c" + tuned["id"])]).to_csv(run / "predictions.csv", index=False)
    folder = shutil.copytree(runs.COMPANY / "inspection", tmp_path / "inspection", ignore=shutil.ignore_patterns("images", "audio", "*.jpg", "*.ogg"))
    (folder / "poc.yaml").write_text((folder / "poc.yaml").read_text(encoding="utf-8").replace("review: unsure", "review: none"), encoding="utf-8")
    one = worth(run, folder, draws=200)["measured"]["tuned"]
    (threshold,) = one["thresholds"]
    assert one["chosen_on"] == "calibration" and one["looks"] == [0, 0, 0]
    bad = tuned["probabilities"].map(lambda text: 1 - json.loads(text)["ok"]) >= threshold
    prevalence = runs.read(run)["prevalence"]
    passed = sum(share * (~bad)[tuned["answer"] == label].mean() for label, share in prevalence.items() if label != "ok")
    assert one["passed"][0] == pytest.approx(1000 * passed, abs=1e-9) and one["refused"][0] == pytest.approx(1000 * prevalence["ok"] * bad[tuned["answer"] == "ok"].mean(), abs=1e-9)


def test_misses_that_were_not_seen_are_in_the_draws_as_the_kits_own_cost_interval_has_them(run):
    """Misses per 1,000 of the line: the upper end is that of `cost_interval`, for the run's answers and where no bad one was passed at all; there one miss of the dearest kind, 0.02 / 75 of the cases, weighs most."""
    frame = pd.read_csv(run / "predictions.csv", dtype=str, keep_default_na=False)
    tuned = (frame["arm"] == "tuned") & (frame["condition"] == "as_is")
    told = worth(run)["measured"]["tuned"]
    assert told["passed"][1] < told["passed"][0] < told["passed"][2] and told["passed"][2] > 2 * told["passed"][0], "the bootstrap's upper end was 0.70 with 0.41 measured"
    frame.loc[tuned, "probabilities"] = [json.dumps({answer: 1.0}) for answer in frame.loc[tuned, "answer"]]  # never wrong
    frame.to_csv(run / "predictions.csv", index=False)
    flawless = worth(run)
    one = flawless["measured"]["tuned"]
    low, high = cost_interval(np.float64(0.0), np.zeros(100), 1000 * 0.02 / 75, 0.95, 5)
    assert (low, one["passed"][:2]) == (0.0, [0.0, 0.0]) and one["passed"][2] == pytest.approx(high, rel=0.1) == pytest.approx(-1000 * 0.02 / 75 * math.log(0.025), rel=0.1)
    assert one["never_missed"] == {"chip": 74, "crack": 77, "dent": 74, "scratch": 75, "stain": 75} and one["refused"] == one["looks"] == [0.0, 0.0, 0.0]
    assert next(row for row in flawless["tornado"] if row["key"] == "passed")["npv_high"] < flawless["options"][1]["npv"]["value"], "a miss that was not seen costs"
    assert "None of 77 cases of “crack” was passed, which proves no zero: up to 4.7 % could be (95 %), and the draws count on misses" in "\n".join(note["en"] for note in flawless["notes"]), "1 - 0.025^(1/77)"


def test_cost_draws_have_the_ends_of_the_interval_and_the_order_of_the_bootstrap():
    events = np.random.default_rng(0).poisson(4, 20_000)
    bootstrap = events / 10
    for value, draws in ((0.4, bootstrap), (0.0, np.zeros(20_000))):
        for confidence in (0.8, 0.95):
            made = cost_draws(value, draws, 0.25, confidence, units=5)
            assert np.quantile(made, [(1 - confidence) / 2, (1 + confidence) / 2]) == pytest.approx(np.array(cost_interval(np.float64(value), draws, 0.25, confidence, 5)), rel=0.01)
    made = cost_draws(0.4, bootstrap, 0.25, units=5)
    assert all(made[events == few].max() <= made[events == few + 1].min() for few in range(8)) and (made >= 0).all()
    assert (cost_draws(0.0, np.zeros(9), 0.0) == 0).all(), "what cannot cost anything does not"


def test_costs_per_confusion_give_the_same_as_miss_and_false_alarm_where_people_never_err(run, tmp_path):
    folder = shutil.copytree(runs.COMPANY / "inspection", tmp_path / "inspection", ignore=shutil.ignore_patterns("images", "audio", "*.jpg", "*.ogg"))
    text = (folder / "poc.yaml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.strip().startswith(("miss", "false_alarm:", "ok_answer:", "person_", "costs:"))]
    never_errs = [f"  person_{name}: {{value: 1, source: test}}" for name in ("sensitivity", "specificity")]
    (folder / "poc.yaml").write_text("\n".join(lines).replace("  review: unsure", "\n".join(["  review: unsure", *never_errs])), encoding="utf-8")
    plain = worth(run, folder, draws=100)
    options = runs.read(run)["options"]
    changed(run, costs={"matrix": {"ok": {label: 350.0 for label in options[1:]}} | {label: {"ok": 12_000.0} for label in options[1:]}})
    priced = worth(run, folder, draws=100)
    assert priced["options"][1]["npv"]["value"] == pytest.approx(plain["options"][1]["npv"]["value"], rel=1e-9), "the draws are of other sums: there, what wrong answers of both kinds cost"
    assert priced["options"][1]["month"]["defects"] == pytest.approx(sum(plain["options"][1]["month"][line] for line in ("defects", "claims", "false_alarms")), rel=1e-9)


def test_the_price_of_wrong_notes_is_a_row_of_its_own_where_its_share_was_given(run):
    """1,000 yen per 1,000 cases are 40,000 a month, in 30 of 36 months (3 of building in, 3 in which people check every answer): undiscounted 1,200,000."""
    diagnosed = {"price": {"yen": [1_000.0, 1_000.0, 1_000.0], "counted": None}}
    (run / runs.DIAGNOSIS).write_text(json.dumps(diagnosed), encoding="utf-8")
    rows = {row["option"]: row for row in worth(run, draws=100)["options"]}
    less = rows["tuned"]["npv"]["value"] - rows["tuned_wrong_notes"]["npv"]["value"]
    assert rows["tuned_wrong_notes"]["month"]["wrong_notes"] == pytest.approx(-40_000) and less == pytest.approx(sum(40_000 / 1.05 ** (m / 12) for m in range(7, 37)), rel=1e-9)
    (run / runs.DIAGNOSIS).write_text(json.dumps({"price": {"yen": [1_000.0, 900.0, 1_100.0], "counted": [3, 100]}}), encoding="utf-8")
    assert "tuned_wrong_notes" not in {row["option"] for row in worth(run, draws=100)["options"]}, "counted in the rows, it is in the answers already"


@pytest.mark.parametrize(("changes", "told"), [
    ({"verdict": {"decision": "none", "best_baseline": "", "next": both("with a real checkpoint", "本物で")}}, "has no verdict .*with a real checkpoint"),
    ({"costs": None}, "had no costs when this run was made"),
    ({"use_case": "other"}, "is the use case inspection, and .* is a run of other"),
    ({"prevalence": {"ok": 0.9, "burr": 0.1}}, "production has burr .prevalence., and none of these 520 rows does"),
])  # fmt: skip
def test_what_no_roi_can_be_made_of_is_refused(run, changes, told):
    changed(run, **changes)
    with pytest.raises(KitError, match=told):
        worth(run, runs.COMPANY / "inspection", draws=10)
    assert not (run / "roi.json").exists()


def test_sentences_for_a_meeting_say_measured_figures_in_plain_words(run):
    found = worth(run)
    for language in LANGUAGES:
        spoken = " ".join(one[language] for one in found["said"])
        jargon = ("NPV", "IRR", "bootstrap", "Monte", "threshold", "posterior", "p-value", "sensitivity", "specificity", "None", "nan", "inf", "ブートストラップ", "しきい値", "モンテカルロ", "事後")
        assert not [word for word in jargon if word in spoken]
    told = {language: "\n".join(one[language] for one in found["said"]) for language in LANGUAGES}
    assert "¥3,000,000 a month today: ¥370,000 of people's time and ¥2,700,000 of errors" in told["en"] and "月に約 300万円" in told["ja"], "3,039,333 in two digits"
    assert "after 3 months of building it in and 3 in which people still check every answer, changes" in told["en"] and "人が全件を確認する 3 か月のあと、" in told["ja"]
    assert f"pays back after about {found['options'][1]['payback']['value']:.0f} months" in told["en"] and "520 held-out cases of 5 groups" in told["en"]
    notes = "\n".join(one["en"] for one in found["notes"])
    assert "marked as examples" in notes and "None of 77 cases of “crack” was passed" in notes and "discount_rate" in notes
    with speaking("ja"):
        assert all("\u3040" <= min(ch for ch in line if "\u3040" <= ch <= "\u9fff") for line in worth_lines(found, run)[:-1])


@pytest.mark.parametrize(("before", "after", "told"), [
    ("  miss: 12000\n  false_alarm: 350\n  ok_answer: ok\n", "  matrix: {ok: {chip: 350}, chip: {ok: 9000}}\n", '"matrix": .*"miss": 12000'),
    ("miss: 12000\n", "miss: 24000\n", '"miss": 24000.0, .*"miss": 12000.0, '),
    ("  ok_answer: ok\n", "  ok_answer: stain\n", '"ok_answer": "stain".*"ok_answer": "ok"'),
    ("costs:\n  miss: 12000\n  false_alarm: 350\n  ok_answer: ok\n", "", '"miss": 24000.0, .*"miss": 12000.0, '),
])  # fmt: skip
def test_costs_that_are_not_those_of_the_run_are_refused_by_both_names(run, tmp_path, before, after, told):
    """Thresholds by one price and money by another would be no ROI of anything; the split of a miss is doubled with it."""
    folder = shutil.copytree(runs.COMPANY / "inspection", tmp_path / "inspection", ignore=shutil.ignore_patterns("images", "audio", "*.jpg", "*.ogg"))
    text = (folder / "poc.yaml").read_text(encoding="utf-8")
    assert before in text
    text = text.replace(before, after, 1)
    if "24000" in told:
        text = text.replace("miss_internal: {value: 2000, low: 1500, high: 3000", "miss_internal: {value: 4000").replace("miss_claim: {value: 10000, low: 5000, high: 15000", "miss_claim: {value: 20000")
    if "matrix" in told:
        text = "\n".join(line for line in text.splitlines() if not line.strip().startswith(("miss_", "false_alarm:")))
    (folder / "poc.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(KitError, match=f"inspection/poc.yaml now has the costs .*{told}.*: run again") as error:
        worth(run, folder, draws=10)
    assert str(run) in str(error.value) and not (run / "roi.json").exists()
    with speaking("ja"), pytest.raises(KitError, match="実行時の費用に戻してください"):
        worth(run, folder, draws=10)


def test_a_loss_is_said_as_a_loss(run, tmp_path):
    folder = shutil.copytree(runs.COMPANY / "inspection", tmp_path / "inspection", ignore=shutil.ignore_patterns("images", "audio", "*.jpg", "*.ogg"))
    text = (folder / "poc.yaml").read_text(encoding="utf-8")
    (folder / "poc.yaml").write_text(text.replace("integration: {value: 6000000, low: 4000000, high: 12000000", "integration: {value: 600000000, low: 400000000, high: 1200000000"), encoding="utf-8")
    found = worth(run, folder, draws=500)
    told = "\n".join(one["en"] for one in found["said"])
    assert "it does not pay back within 36 months" in told and "it pays in less than 1 % of them" in told and "−¥" in told
    assert found["options"][1]["payback"]["value"] is None and found["options"][1]["positive"] == 0
