"""The ladder of autonomy: hand-worked cases of every rule, what is kept in the audit log, and how often a model goes up or down wrongly."""

import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy.stats import binom

from kit.errors import KitError
from kit.operations import autonomy
from kit.operations.audit_log import FILE, AuditLog, records_in
from kit.operations.audit_record import Record
from kit.operations.audit_retention import cut_before
from kit.operations.audit_verify import verify
from kit.operations.autonomy import (
    ALPHA,
    ENTRY,
    NAMES,
    STEPS,
    Change,
    Measured,
    State,
    begin,
    change,
    counts_at_once,
    is_drawn,
    missing,
    reasons_to_check,
    state_in,
    step_down,
    step_up,
    told,
)
from kit.operations.review_queue import REASONS
from kit.operations.review_rows import Checked

START = datetime(2026, 11, 2, tzinfo=UTC)
RIGHT = Checked(START, "m", "OK", "OK", True)
WRONG, MISS = replace(RIGHT, final="scratch"), replace(RIGHT, final="crack", is_dangerous=True)
DANGER = replace(RIGHT, answer="crack", final="crack", said_dangerous=True, is_dangerous=True)


def over_days(rows: list[Checked], days: int = 20) -> tuple[Checked, ...]:
    return tuple(replace(row, time=START + timedelta(days=place * days // len(rows), hours=9)) for place, row in enumerate(rows))


def at(step: str) -> State:
    return State(step, START, "m")


def measured(rows, days: int = 20, **more) -> Measured:
    return Measured(over_days(rows, days), "m", **more)


def test_what_goes_to_people_on_each_step():
    everything = {"abstained": True, "dangerous": True, "conflict": True, "poor_input": True, "drawn": True}
    assert [reasons_to_check(step) for step in STEPS] == [("every",), ("every",), (), ()]
    assert reasons_to_check("risky", **everything) == ("dangerous", "conflict", "abstained", "input", "random")
    assert reasons_to_check("automatic", **everything) == ("conflict", "abstained", "input", "random")
    assert reasons_to_check("every", drawn=True) == ("every",) and reasons_to_check("automatic", dangerous=True) == ()
    assert [counts_at_once(step, reasons_to_check(step, drawn=True)) for step in STEPS] == [False, False, True, True]
    assert not counts_at_once("automatic", reasons_to_check("automatic", abstained=True))
    assert {reason for step in STEPS for reason in reasons_to_check(step, **everything)} <= set(REASONS)


def test_a_tenth_and_a_twentieth_are_drawn_by_a_digest_that_nobody_chooses():
    digests = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(4000)]
    shares = {step: np.mean([is_drawn(step, digest) for digest in digests]) for step in STEPS}
    assert shares["shadow"] == shares["every"] == 0 and shares["risky"] == pytest.approx(0.1, abs=0.02) and shares["automatic"] == pytest.approx(0.05, abs=0.015)


def test_the_first_step_up_by_hand():
    # 100 rows, look 1 of alpha 0.05: 2.5 % one-sided. P(more than r - 1 of 100 right | 0.8) <= 0.025 from r = 89 on
    assert binom.sf(88, 100, 0.8) <= 0.025 < binom.sf(87, 100, 0.8)
    for right, goes in ((89, True), (88, False)):
        state = measured([WRONG] * (100 - right) + [RIGHT] * right)
        assert (missing(at("shadow"), state) == []) is goes
    assert step_up(at("shadow"), measured([WRONG] * 11 + [RIGHT] * 89)).to == "every"
    with pytest.raises(KitError, match=r"the next step cannot be entered yet: agreement with people is only known to be at least 79\.9 % \(100 rows\), 80 % is asked for; the next look is at 200 rows"):
        step_up(at("shadow"), measured([WRONG] * 12 + [RIGHT] * 88))
    with pytest.raises(KitError, match="“automatic” is the last step"):
        step_up(at("automatic"), measured([RIGHT]))


def test_what_is_missing_is_said_in_both_languages(monkeypatch):
    known = measured([RIGHT] * 40, days=3, open_disagreements=2)
    assert missing(at("every"), known) == [
        "260 more checked answers (there are 40 of 300)", "7 more days with checked answers (there are 3 of 10)", "2 dangerous items on which two people differ must be settled by a third",
    ]  # fmt: skip
    lines = told(at("every"), known)
    assert lines[0] == "Step 2 of 4: every answer checked, since 2026-11-02. The model proposes, a person decides on every answer." and lines[1].startswith("For “abstained and dangerous ones checked”")
    assert told(at("every"), measured([RIGHT] * 300))[1] == "“abstained and dangerous ones checked” may be entered: the owner of the judgement decides, by name."
    assert told(at("every"), measured([RIGHT] * 300, drift=True))[1] == "Goes down to “shadow” now: the drift alarm is on."
    assert len(told(at("automatic"), measured([RIGHT]))) == 1
    monkeypatch.setenv("POC_LANGUAGE", "ja")
    japanese = told(at("every"), known)
    assert japanese[0].startswith("段階 2 / 4：全件確認") and japanese[2:] == ["  - 確認済みの答えがあと 260 件（現在 40 / 300 件）", "  - 確認のあった日があと 7 日（現在 3 / 10 日）", "  - 危険な分類で意見が割れた 2 件を 3 人目が決着させること"]
    assert told(at("every"), measured([RIGHT] * 300, drift=True))[1] == "直ちに「並走」へ下げます：ドリフト警報が出ています。"
    assert all(any(letter > "\u3040" for letter in ja) for pair in NAMES.values() for _, ja in pair)


def test_dangerous_misses_count_apart_from_agreement():
    enough = [RIGHT] * 300
    assert missing(at("every"), measured(enough)) == []
    assert missing(at("every"), measured([MISS, *enough[1:]])) == [], "1 of 300 at 97.5 %: below 1.9 %"
    (lack,) = missing(at("every"), measured([MISS, MISS, *enough[2:]]))
    assert lack == "up to 2.4 % of the answers may be dangerous misses (300 rows), less than 2 % is asked for; the next look is at 600 rows"


def test_rows_that_say_nothing_about_what_will_count_are_left_out():
    full = [RIGHT] * 300
    nothing = [replace(RIGHT, unbiased=False), replace(RIGHT, answer=""), replace(RIGHT, final=""), replace(RIGHT, model="other"), DANGER]
    for one in nothing:
        assert missing(at("every"), measured([*full[1:], one])) == ["1 more checked answers (there are 299 of 300)"], one
    old = measured(full)
    assert missing(State("every", START + timedelta(days=10), "m"), old)[0] == "150 more checked answers (there are 150 of 300)", "of an earlier stay"
    assert missing(at("risky"), measured([DANGER] * 100 + [RIGHT] * 400)) == [], "for the last step the dangerous ones count, too"


def test_looks_come_at_doubled_numbers_and_share_alpha():
    late = [RIGHT] * 460 + [WRONG] * 40
    assert missing(at("every"), measured(late)) == [], "until 600 rows the look at 300 stands"
    assert "600 rows" in missing(at("every"), measured([*late, *[WRONG] * 60, *[RIGHT] * 40]))[0]
    need = [next(e for e in range(n) if binom.cdf(e, n, 0.05) > share) - 1 for n, share in ((300, ALPHA / 2), (600, ALPHA / 4), (1200, ALPHA / 8))]
    for n, errors in zip((300, 600, 1200), need, strict=True):
        assert missing(at("every"), measured([WRONG] * errors + [RIGHT] * (n - errors))) == []
        assert missing(at("every"), measured([WRONG] * (errors + 1) + [RIGHT] * (n - errors - 1))) != []


@pytest.mark.parametrize("step, to", [("every", "shadow"), ("risky", "every"), ("automatic", "risky")])
def test_each_step_has_its_way_down(step, to):
    good = [RIGHT] * 200
    assert step_down(at(step), measured(good)) is None
    for known, words in (
        (measured(good, drift=True), "the drift alarm is on"),
        (measured([*good, *[WRONG, RIGHT] * 100]), r"agreement with people is at most 5\d.\d % over the last 200 rows"),
        (measured([replace(row, differed=place % 2 == 0) for place, row in enumerate(good[:60])]), "two people differ on at least 3"),
        (measured([replace(row, differed=False) for row in good[:9]], open_disagreements=9), r"two people differ on at least 2\d.\d % of the dangerous items \(18 of them\)"),
    ):
        down = step_down(at(step), known)
        assert down.to == to and re.search(words, down.why[0]), down
    assert step_down(at("shadow"), measured([WRONG] * 200, drift=True)) is None, "there is nothing below"


def test_misses_alone_bring_a_model_down():
    down = step_down(at("risky"), measured([RIGHT] * 186 + [MISS] * 14))
    assert down.to == "every" and down.why == ("at least 3.4 % of the last 200 answers were dangerous misses; 2 % are allowed",)


def test_a_broken_log_and_another_model_leave_nothing_unchecked():
    good = measured([RIGHT] * 600)
    for step, to in zip(STEPS, (None, None, "every", "every"), strict=True):
        down = step_down(at(step), replace(good, log_ok=False))
        assert (down.to if down else None) == to
        if step != "automatic":
            with pytest.raises(KitError, match="cannot be entered yet: the audit log does not verify"):
                step_up(at(step), replace(good, log_ok=False))
    for step, to in zip(STEPS, ("shadow", "every", "every", "every"), strict=True):
        down = step_down(at(step), replace(good, model="new"))
        assert (down.to, down.model) == (to, "new") and down.why == ("another model answers now: new",)
    assert told(at("shadow"), replace(good, log_ok=False))[-1] == "  - the audit log does not verify"
    assert missing(at("every"), replace(good, drift=True)) == ["the drift alarm is on"], "nobody goes up while something must go down"


def test_the_step_lives_in_the_audit_log(tmp_path):
    clock = [START]
    log = AuditLog(tmp_path / FILE, clock=lambda: clock[0])
    assert state_in([]) is None
    state = begin(log, "m", "鈴木 部長")
    assert state == state_in(records_in(log.path)) == State("shadow", START, "m")
    clock[0] += timedelta(days=30)
    state = change(log, step_up(state, measured([RIGHT] * 100)), "鈴木 部長")
    assert state == state_in(records_in(log.path)) == State("every", clock[0], "m")
    state = change(log, step_down(state, replace(measured([RIGHT]), model="new")), "mllm-poc-kit")
    assert state == state_in(records_in(log.path)) == State("every", clock[0], "new")
    assert [(r.kind, r.who, r.decision, r.note) for r in records_in(log.path)][1:] == [
        ("step", "鈴木 部長", "every", {"from": "shadow", "why": ["the entry rule holds on 100 checked answers"]}), ("step", "mllm-poc-kit", "every", {"from": "every", "why": ["another model answers now: new"]}),
    ]  # fmt: skip


def test_old_records_that_are_cut_off_leave_the_step_where_it_is(tmp_path):
    clock, key = [START], bytes(32)
    log = AuditLog(tmp_path / FILE, clock=lambda: clock[0])
    answer = Record("answer", "poc predict", "r1", decision="answered")
    begin(log, "m", "Sato")
    log.append(answer)
    clock[0] += timedelta(days=10)
    down = log.append(Record("step", "Ito", "risky", model="m", decision="risky", note={"from": "automatic", "why": ["the drift alarm is on"]}))
    state = state_in(records_in(log.path))
    for _ in range(3):  # a cut of the record that carried it, too
        clock[0] += timedelta(days=400)
        log.append(answer)
        assert cut_before(log, clock[0], "Sato", key) > 0
        assert [record for record in records_in(log.path) if record.kind == "step"] == []
        assert state_in(records_in(log.path)) == state == State("risky", START + timedelta(days=10), "m") and verify(log.path, key=key).ok
    assert list(records_in(log.path))[-1].note["standing"] == {"step": "risky", "since": down.time, "model": "m", "by": "Ito", "from": "automatic", "why": ["the drift alarm is on"]}
    clock[0] += timedelta(days=1)
    state = change(log, Change(state, "every", "m", ("x",)), "Ito")
    assert state_in(records_in(log.path)) == state
    clock[0] += timedelta(days=1)
    log.append(answer)
    cut_before(log, clock[0] - timedelta(days=1), "Sato", key)
    assert "standing" not in list(records_in(log.path))[-1].note and state_in(records_in(log.path)) == state, "a step that stays is not said twice"
    with pytest.raises(KitError, match="is still to come; give the first day that is kept, today at the latest"):
        cut_before(log, clock[0] + timedelta(days=1), "Sato", key)


def wrong_ups(step: str, share: float, looks: int, times: int, lot: int = 1, seed: int = 0) -> float:
    """How often a model that agrees with people in `share` of the rows is let up at one of its first looks; rows of a lot have a luck in common (beta, correlation 0.1)."""
    rule, rng, ups = ENTRY[STEPS[STEPS.index(step) + 1]], np.random.default_rng(seed), 0
    rows = rule.rows * 2 ** (looks - 1)
    times_of = [START + timedelta(minutes=20 * place) for place in range(rows)]
    good = [replace(RIGHT, time=time, group=f"L{place // lot}" if lot > 1 else "") for place, time in enumerate(times_of)]
    bad = [replace(row, final="scratch") for row in good]
    for _ in range(times):
        luck = np.repeat(rng.beta(9 * share, 9 * (1 - share), -(-rows // lot)), lot)[:rows] if lot > 1 else share
        right = rng.random(rows) < luck
        seen = tuple(good[place] if one else bad[place] for place, one in enumerate(right))
        ups += any(not autonomy._bounds_missing(rule, seen[: rule.rows * 2**look], look + 1, ALPHA) for look in range(looks))
    return ups / times


@pytest.mark.parametrize("step", STEPS[:-1])
def test_a_model_five_points_below_the_level_hardly_ever_goes_up(step):
    level = ENTRY[STEPS[STEPS.index(step) + 1]].agreement
    assert wrong_ups(step, level - 0.05, looks=3, times=300) <= ALPHA
    assert wrong_ups(step, level, looks=3, times=300) <= ALPHA + 1.645 * np.sqrt(ALPHA * (1 - ALPHA) / 300), "not even one that is exactly at it"


def test_lots_that_err_together_let_no_more_models_up():
    assert wrong_ups("every", 0.90, looks=3, times=200, lot=15) <= ALPHA


def test_a_good_model_goes_up_and_seldom_comes_down_and_a_bad_one_comes_down_soon():
    assert wrong_ups("every", 0.985, looks=2, times=100) > 0.8
    rng, state = np.random.default_rng(0), at("risky")

    def first_alarm(share: float, rows: int = 1000, every: int = 20) -> int | None:
        seen = [RIGHT if right else WRONG for right in rng.random(rows) < share]
        return next((n for n in range(every, rows + 1, every) if step_down(state, Measured(tuple(seen[max(0, n - 200) : n]), "m"))), None)

    false = [first_alarm(0.97) for _ in range(40)]
    late = [first_alarm(0.85) for _ in range(40)]
    assert sum(alarm is not None for alarm in false) <= 2 and all(late) and np.median(late) <= 200
