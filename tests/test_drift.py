"""Drift: each statistic by hand or against a library, the policy's false alarms, alarms that say enough, a state that goes on, and the replay."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from kit.errors import KitError
from kit.language import speaking
from kit.operations import drift_statistics
from kit.operations.control_charts import Charts, name_of_chart
from kit.operations.drift import Monitor
from kit.operations.observed import Observed, together
from kit.operations.policy import Policy, balanced_limits, widening
from kit.operations.replay import detection, drawn, replays
from kit.operations.risk import RiskMonitor

POLICY = Policy(window=60, every=20, horizon=160, periods=400)


def stream(seed: int, groups: int, start: int = 0, size: int = 10, brighter: float = 0.0, doubtful: float = 0.0, turned: float = 0.0) -> Observed:
    """Lots with ways of their own (confidence, light, product), and what was planted."""
    draws, rows = np.random.default_rng(seed), groups * size
    own = np.repeat(draws.normal(size=(groups, 3)), size, 0)
    confidence = 1 / (1 + np.exp(-(2 + 0.5 * own[:, 0] + draws.normal(size=rows) - doubtful)))
    embedding = draws.normal(size=(rows, 12))
    embedding[:, 0] += 2 * own[:, 2]
    embedding[:, 1] += turned
    checked = draws.random(rows) < 0.3
    return Observed(
        np.repeat([f"L{start + lot}" for lot in range(groups)], size), {"confidence": confidence, "answer": draws.choice(["ok", "crack", "chip"], rows)},
        {"brightness": 100 + 6 * own[:, 1] + 8 * draws.normal(size=rows) + brighter},
        {"abstention": confidence < 0.7, "override": np.where(checked, draws.random(rows) > confidence, np.nan)}, embedding,
    )  # fmt: skip


@pytest.fixture(scope="module")
def monitor() -> Monitor:
    return Monitor(stream(0, 40), POLICY)


def sides(window: list[int], rows: int) -> tuple[np.ndarray, np.ndarray]:
    inside = np.zeros((1, rows))
    inside[0, window] = 1
    return inside, 1 - inside


def test_psi_of_two_bins_by_hand():
    window, base = sides([0, 1, 2, 3], 8)
    place = np.array([0, 0, 0, 1, 0, 1, 1, 1])  # 3 and 1 against 1 and 3; with half a row in each bin 0.7 and 0.3 against 0.3 and 0.7
    assert drift_statistics.psi(window, base, place, 2)[0] == pytest.approx(0.8 * np.log(7 / 3))


def test_ks_is_scipys_with_ties_too():
    draws = np.random.default_rng(0)
    values = draws.integers(0, 9, 80).astype(float)
    window = np.zeros((3, 80))
    for look in range(3):
        window[look, draws.permutation(80)[:20]] = 1
    for look, found in enumerate(drift_statistics.ks(window, 1 - window, values)):
        assert found == pytest.approx(ks_2samp(values[window[look] == 1], values[window[look] == 0]).statistic)


def test_mmd_is_the_gaps():
    from kit.bridges.gap import mmd

    vectors = np.random.default_rng(0).normal(size=(50, 5))
    vectors[:20] += 0.5
    window, base = sides(list(range(20)), 50)
    base[0, 45:] = 0  # on neither side
    found = drift_statistics.mmd(window, base, drift_statistics.kernel_of(vectors, vectors, 1.7))
    assert found[0] == pytest.approx(mmd(vectors[:20], vectors[20:45], 1.7))


def test_the_domain_classifier_is_asked_on_groups_that_it_did_not_see():
    draws, lots = np.random.default_rng(0), np.repeat(np.arange(24), 10)
    window, base = sides(list(range(80)), 240)
    honest, leaking = [], []
    for _ in range(40):
        vectors = draws.normal(size=(24, 24))[lots] * 2 + draws.normal(size=(240, 24))  # lots differ, nothing drifted
        honest.append(drift_statistics.domain_auc(window, base, vectors, lots % 4)[0])
        leaking.append(drift_statistics.domain_auc(window, base, vectors, np.arange(240) % 4)[0])
    assert abs(np.mean(honest) - 0.5) < 0.08 and np.mean(leaking) > 0.7, "a lot that is on both sides of the cut is recognised, which is no drift"
    vectors[:80, 0] += 12
    assert drift_statistics.domain_auc(window, base, vectors, lots % 4)[0] > 0.95
    base[0, 100:] = 0
    assert drift_statistics.domain_auc(window, base, np.where(lots[:, None] > 9, -100, vectors), lots % 4)[0] > 0.95, "rows on neither side do not count"


def test_novelty_by_hand():
    vectors = np.array([[0.0, 0], [2, 0], [4, 0], [4, 2], [1, 3], [1, 5]])
    group, known = np.array([0, 0, 1, 1, 2, 2]), np.array([1, 1, 1, 1, 0, 0])
    window, _ = sides([4], 6)  # group 2 is new: its one row (1, 3) is 3 from the mean (1, 0) of group 0
    assert drift_statistics.novelty(window, known, vectors, group)[0] == pytest.approx(3)
    window, _ = sides([0, 1, 4, 5], 6)  # (1, 0) has only (4, 1) left, squared 10, for two rows; (1, 4) is 4 from (1, 0), squared 16, for two rows
    assert drift_statistics.novelty(window, known, vectors, group)[0] == pytest.approx(np.sqrt(13))


def test_rates_by_hand_and_without_a_known_value():
    values = np.array([1, 0, 1, np.nan, 0, 0, 0, 1, np.nan])
    window, base = sides([0, 1, 2, 3], 9)
    rate, usual, error = (float(part[0]) for part in drift_statistics.rates(window, base, values))
    smooth = 1.5 / 5
    assert (rate, usual) == (pytest.approx(2 / 3), 0.25) and error == pytest.approx(np.sqrt(smooth * (1 - smooth) * (1 / 3 + 1 / 4)))
    rate, usual, _ = drift_statistics.rates(*sides([3], 9), values)
    assert rate == usual, "nothing was checked: no alarm"


def test_limits_hold_for_all_charts_together_and_treat_them_alike():
    draws = np.random.default_rng(0)
    highest = draws.gumbel(size=(1000, 8)) * np.array([1, 10, 100, 1, 1, 1, 1, 1]) + 5
    limits = np.array(balanced_limits(highest, 0.05))
    over = highest > limits
    assert 0.03 < over.any(1).mean() <= 0.05
    assert np.ptp(over.mean(0)) == 0 and over.mean() < 0.01, "each chart has the same small share"
    same = np.repeat(highest[:, :1], 8, 1)
    assert (same > balanced_limits(same, 0.05)).any(1).mean() == pytest.approx(0.049, abs=0.002), "charts that say the same cost nothing"
    tied = np.column_stack([highest, np.zeros(1000), draws.integers(0, 2, 1000)])
    assert balanced_limits(tied, 0.05)[-2:] == [0, 1], "a column that never varies, or has two values, takes nothing from the others"
    assert 1 < widening(60, 10, 0.05) < widening(20, 10, 0.05) < 1.3


def test_an_ordinary_new_lot_is_no_alarm_and_rows_taken_for_groups_would_make_it_one(monitor):
    half = Policy(window=60, every=20, horizon=160, false_alarms=0.025)  # as benchmarks/drift.py sets it: at 0.05, 22 of 320 such periods alarmed (8 references)
    others = [Monitor(stream(1000 + seed, 40), half) for seed in range(2)]  # one reference may be lucky or not
    alarms = [bool(others[seed % 2].restarted().add(stream(100 + seed, 16, start=100))) for seed in range(60)]
    assert sum(alarms) <= 7, "5 % of sixty periods are three; eight have a chance of 1 %"
    rows = Monitor(Observed(np.arange(400).astype(str), *(getattr(monitor.reference, kind) for kind in ("scores", "quality", "rates", "embedding"))), POLICY)
    assert rows.limits["KS of brightness"] < 0.85 * monitor.limits["KS of brightness"]
    assert sum(bool(rows.restarted().add(stream(100 + seed, 16, start=1000))) for seed in range(15)) >= 8


@pytest.mark.parametrize(("planted", "chart", "kind"), [({"brighter": 25}, "KS of brightness", "quality"), ({"turned": 3}, "MMD of embeddings", "embeddings"), ({"turned": 3}, "novelty of groups", "embeddings"), ({"doubtful": 3}, "p-chart of abstention", "rates")])
def test_a_change_is_found_by_its_chart_and_the_alarm_says_enough(monitor, planted, chart, kind):
    watching = monitor.restarted()
    assert watching.add(stream(7, 8, start=100)) == []
    found = {finding.evidence["chart"]: finding for finding in watching.add(stream(8, 6, start=200, **planted))}
    alarm = found[chart]
    assert alarm.name == f"drift of {kind}" and abs(alarm.value) > 0 and alarm.evidence["seen"] in (100, 120, 140) and alarm.evidence["from_row"] == alarm.evidence["seen"] - 59
    assert alarm.evidence["groups"][-1].startswith("L20") and alarm.advice and alarm.cost and name_of_chart(chart) in alarm.summary
    shown = watching.history.query("chart == @chart and seen == @alarm.evidence['seen']").iloc[0]
    assert shown["over"] and (shown["value"], shown["limit"]) == (alarm.value, alarm.evidence["limit"]) and np.isnan(shown["lower"]) == (kind != "rates")
    assert watching.add(stream(9, 2, start=300, **planted)) == [] or chart not in [more.evidence["chart"] for more in watching.alarms[len(found) :]], "one alarm, not one per look"
    with speaking("ja"):
        assert name_of_chart(chart) != chart


def test_a_new_kind_of_lot_is_found_among_known_ones_by_its_lots_and_not_by_its_rows():
    """Six kinds of lots, each a place of its own among scattered rows; five of eight lots are of a seventh."""
    places = 2.2 * np.eye(12)

    def lots(seed: int, kinds: list[int], start: int) -> Observed:
        draws = np.random.default_rng(seed)
        return Observed(np.repeat([f"L{start + lot}" for lot in range(len(kinds))], 10), embedding=np.repeat(places[kinds], 10, 0) + draws.normal(size=(10 * len(kinds), 12)))

    draws = np.random.default_rng(0)
    known = lots(1, list(draws.integers(0, 6, 40)), 0)
    watching = Monitor(known, POLICY)
    quiet = watching.restarted().add(lots(2, list(draws.integers(0, 6, 16)), 100))
    found = [finding.evidence["chart"] for finding in watching.restarted().add(lots(3, [0, 8, 1, 8, 8, 2, 8, 8] * 2, 200))]
    assert quiet == [] and "novelty of groups" in found and found[0] == "novelty of groups"


def test_a_column_that_never_varied_alarms_when_it_does_and_not_at_its_first_row():
    clipped = np.zeros(400)
    monitor = Monitor(Observed(stream(0, 40).group, {"answer": np.full(400, "ok")}, {"clipped": clipped}, {"override": np.full(400, np.nan)}), POLICY)
    assert monitor.limits == {"PSI of answer": 0.1, "KS of clipped": 5 / 60, "p-chart of override": 3.0}
    few, many = np.arange(160) % 53 == 0, np.arange(160) % 4 == 0
    for answer, alarms in ((few, 0), (many, 1)):
        seen = monitor.restarted().add(Observed(stream(0, 16, start=100).group, {"answer": np.full(160, "ok")}, {"clipped": answer.astype(float)}, {"override": np.full(160, np.nan)}))
        assert len(seen) == alarms


def test_batches_may_be_of_any_size_and_a_saved_monitor_goes_on(monitor, tmp_path):
    rows = together([stream(7, 8, start=100), stream(8, 8, start=200, brighter=20)])
    whole, pieces = monitor.restarted(), monitor.restarted()
    whole.add(rows)
    for start in range(0, 77, 7):
        pieces.add(rows.take(np.arange(start, start + 7)))
    pieces.save(tmp_path / "monitor.npz")
    resumed = Monitor.load(tmp_path / "monitor.npz")
    for start in range(77, 160, 83):
        resumed.add(rows.take(np.arange(start, start + 83)))
    pd.testing.assert_frame_equal(whole.history, resumed.history, rtol=1e-9)
    assert whole.alarms and json.dumps([a.as_dict() for a in whole.alarms], default=float)[:80] == json.dumps([a.as_dict() for a in resumed.alarms], default=float)[:80]
    assert resumed.limits == whole.limits and [path.name for path in tmp_path.iterdir()] == ["monitor.npz"]
    (tmp_path / "monitor.npz").write_bytes(b"half")
    with pytest.raises(KitError, match="is no saved monitor"):
        Monitor.load(tmp_path / "monitor.npz")


def test_a_word_that_the_reference_lacks_counts_as_its_own_bin():
    charts = Charts(stream(0, 20))
    rows = charts.prepared(stream(1, 2))
    assert rows.places[:, 0].max() == 2
    other = stream(1, 2)
    other.scores["answer"][:] = "burr"
    assert set(charts.prepared(other).places[:, 0]) == {3}


def test_errors_teach(monitor):
    with pytest.raises(KitError, match="the reference has 12 groups in 120 rows; limits need 20 at least .* name finer groups"):
        Monitor(stream(0, 12), POLICY)
    with pytest.raises(KitError, match="group L0 has 20 rows and a window 60: .* set window to 80 at least"):
        Monitor(stream(0, 20, size=20), POLICY)
    with pytest.raises(KitError, match="the stream's groups are the reference's"):
        monitor.restarted().add(monitor.reference.take(np.random.default_rng(0).permutation(400)))
    short = stream(1, 7, start=100)
    with pytest.raises(KitError, match="other quality than the reference"):
        monitor.restarted().add(Observed(short.group, short.scores, {}, short.rates, short.embedding))
    with pytest.raises(KitError, match="brightness is no finite number in 1 rows"):
        Observed(np.array(["a", "a"]), quality={"brightness": [1, np.nan]})
    with pytest.raises(KitError, match="the rate override may hold 0, 1 and NaN"):
        Observed(np.array(["a"]), rates={"override": [0.5]})
    with pytest.raises(KitError, match="200 periods are too few to set 20 limits for 5.0% false alarms; draw more"):
        balanced_limits(np.random.default_rng(0).normal(size=(200, 20)), 0.05)
    with pytest.raises(KitError, match="50 periods cannot show what happens in 5% of them; draw 200"):
        Policy(periods=50)


def test_detection_by_hand():
    table = pd.DataFrame({"at": 200, "alarm": [225, 250, 400, np.nan, 150], "delay": [25, 50, 200, np.nan, -50]})
    told = detection(table, within=200)
    assert told["found"]["value"] == 0.6 and told["false_alarms"]["value"] == 0.2 and told["found"]["low"] < 0.2 < 0.9 < told["found"]["high"]
    assert told["delay"][0.5] == 50 and np.isnan(told["delay"][0.9]), "nine in ten were never found"
    quiet = detection(pd.DataFrame({"at": None, "alarm": [np.nan, 300.0], "delay": np.nan}))
    assert quiet["false_alarms"]["value"] == 0.5 and quiet["found"] is None


def test_a_replay_plants_the_change_where_it_says_and_never_replays_the_reference(monitor):
    ordinary, bright = stream(5, 40, start=100), stream(5, 40, start=100, brighter=40)
    period = drawn(ordinary, bright, 80, 160, np.random.default_rng(0))
    assert len(period) == 160 and not set(period.group[:80]) & set(period.group[80:]) and len(set(period.group)) == 16
    at = {name: np.flatnonzero(ordinary.group == name) for name in set(ordinary.group)}
    assert all(np.isin(period.quality["brightness"][:80], ordinary.quality["brightness"])) and all(np.isin(period.quality["brightness"][80:], bright.quality["brightness"])) and len(at) == 40
    told = detection(replays([monitor], ordinary, bright, 80, number=10, batch=20), within=80)
    assert told["found"]["value"] >= 0.8 and told["delay"][0.5] <= 60
    assert detection(replays([monitor], ordinary, None, 80, number=10, batch=20))["false_alarms"]["value"] <= 0.2
    with pytest.raises(KitError, match="40 groups to replay are in the reference"):
        replays([monitor], stream(1, 40), None, 80, number=1)
    with pytest.raises(KitError, match="a period needs 160 rows of groups that come once; there are 50"):
        replays([monitor], stream(1, 5, start=100), None, 80, number=1)


def answers(wrong: float, rows: int, seed: int) -> pd.DataFrame:
    draws = np.random.default_rng(seed)
    truth = draws.choice(["ok", "crack"], rows)
    return pd.DataFrame({"answer": truth, "predicted": np.where(draws.random(rows) < wrong, "other", truth)})


def test_risk_alarms_when_labels_show_harm_and_not_before():
    reference = answers(0.05, 500, 0)
    alarms = 0
    for seed in range(20):
        watched = RiskMonitor(reference)
        alarms += any(watched.add(answers(0.05, 100, 100 + seed)) for _ in range(2))
    assert alarms <= 3
    watched = RiskMonitor(reference, among=("crack",))
    assert watched.add(answers(0.05, 60, 1)) == [] and watched.add(pd.DataFrame({"answer": ["ok"] * 30, "predicted": "crack"})) == [], "other answers do not count"
    again = RiskMonitor.restored(json.loads(json.dumps(watched.state())))
    assert again.labels == watched.labels and again.threshold == watched.threshold
    (alarm,) = again.add(answers(0.6, 300, 2))
    assert alarm.name == "drift of risk" and alarm.verdict == "bad" and alarm.low > alarm.evidence["limit"] > alarm.evidence["reference"] and "crack" in alarm.summary
    assert again.add(answers(0.6, 50, 3)) == [] and RiskMonitor.restored(again.state()).add(answers(0.6, 20, 4)) == [], "once"
    with pytest.raises(KitError, match=r"the reference has \d+ labelled rows of crack; a threshold needs 50"):
        RiskMonitor(reference.head(60), among=("crack",))


def test_a_p_chart_has_both_limits_and_an_alarm_names_the_one_that_was_crossed():
    half = np.random.default_rng(0).random(400) < 0.5
    watching = Monitor(Observed(stream(0, 40).group, rates={"abstention": half}), POLICY)
    (alarm,) = watching.add(Observed(stream(0, 16, start=100).group, rates={"abstention": np.zeros(160)}))
    rows = watching.history
    assert (rows["lower"] < rows["limit"]).all() and np.ptp(rows["limit"]) < 0.02, "the limits do not change sides"
    assert alarm.value == 0 < alarm.evidence["limit"] == rows["lower"].iloc[0]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_charts_are_drawn_with_their_limits_and_the_planted_change(monitor, language):
    from kit.show import control_charts, png

    watching = monitor.restarted()
    watching.add(together([stream(7, 8, start=100), stream(8, 8, start=200, brighter=20)]))
    with speaking(language):
        figure = control_charts(watching.history, planted=80, names={chart: name_of_chart(chart) for chart in monitor.charts.names})
        assert png(figure)[:4] == b"\x89PNG"
    first = next(ax for ax in figure.axes if ax.get_visible())
    assert ("brightness" if language == "en" else "明るさ") in first.get_title(loc="left"), "what alarmed stands first"
    assert len([ax for ax in figure.axes if ax.get_visible()]) == 9 and len(first.collections[0].get_offsets()) == watching.history.query("chart == 'KS of brightness'")["over"].sum()
