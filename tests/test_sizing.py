"""How big a machine: what is measured of a loaded model, and the plan by hand."""

import math

import numpy as np
import pytest
from PIL import Image

from kit.errors import KitError
from kit.evaluation import predict
from kit.models import load
from kit.models.eight_bit import in_eight_bit
from poc.business import SIZING, Business, Machine, figures
from poc.sizing import Measured, measure, plan, side_by_side, smaller_pictures

HERE = Measured("16-bit", "cpu", 48, 120, median_s=0.25, p95_s=0.3, rows_per_second=8.0, weights_mb=512, working_mb=512)
RECORD = {"volume_per_month": 360_000, "currency": "JPY", "data": {"n": {}}}
ASSUMED = figures(Business.model_validate({key: {"value": value, "source": "test"} for key, value in {"hours_per_month": 100, "peak_factor": 3, "utilisation": 0.6}.items()}), RECORD, only=SIZING)


def machine(place: str, **changes) -> Machine:
    return Machine.model_validate({"name": "M", "place": place, "memory_gb": 1, "speed": 1, "price": 1_000_000, "monthly": 10_000, "source": "offer", "date": "2026-11-30"} | changes)


def test_the_plan_by_hand():
    """360,000 cases in 100 hours are one a second; three in the busiest hour; planned for 60 % load, 5 a second are needed.

    A server answers 8 a second in batches: one. One half as fast: two. At the edge each case takes 0.25 s, 4 a second: two, or one that is twice as fast. Weights and working memory are 1 GB.
    """
    server, slow, edge, quick = plan(HERE, ASSUMED, (machine("server"), machine("server", speed=0.5), machine("edge"), machine("edge", speed=2, memory_gb=0.9)))
    assert server["needed_per_second"] == pytest.approx(5, rel=0, abs=1e-12)
    assert [row["machines"] for row in (server, slow, edge, quick)] == [1, 2, 2, 1]
    assert (slow["once"], slow["monthly"], slow["latency_s"], slow["unknown"]) == (2_000_000, 20_000, 0.5, [])
    assert (server["fits"], quick["fits"], quick["latency_s"]) == (True, False, 0.125)
    (endpoint,) = plan(HERE, ASSUMED, (machine("endpoint", per_1000=50.0, monthly=None, price=None),))
    assert (endpoint["monthly"], endpoint["once"], endpoint["machines"]) == (360 * 50, 0, None)


def test_what_nobody_knows_stays_unknown_and_is_asked_for():
    (box,) = plan(HERE, ASSUMED, (machine("edge", speed=None, monthly=None, memory_gb=None),))
    assert box["machines"] is box["monthly"] is box["latency_s"] is box["fits"] is None and len(box["unknown"]) == 3
    assert "give machines: M: monthly (JPY a month)" in box["unknown"]
    (endpoint,) = plan(HERE, ASSUMED, (machine("endpoint"),))
    assert endpoint["monthly"] is None and endpoint["unknown"] == ["give machines: M: per_1000 (JPY per 1,000 cases)"]
    with pytest.raises(KitError, match="volume_per_month"):
        figures(None, RECORD | {"volume_per_month": None}, only=SIZING)


def test_a_loaded_model_is_measured(tiny, colours):
    rows = colours[:12]
    one, frame = measure(tiny, rows, "tiny", batch=4)
    assert one.rows == 12 and 0 < one.median_s <= one.p95_s and one.rows_per_second > 0 and one.tokens > 10
    assert one.weights_mb == pytest.approx(sum(part.numel() * 4 for part in [*tiny.model.parameters()]) / 2**20, rel=0.02), "float32 on a CPU"
    assert one.kpi["low"] <= one.kpi["value"] <= one.kpi["high"] and one.difference is None and list(frame["id"]) == [row.id for row in rows]
    again, _ = measure(tiny, rows, "again", reference=frame, batch=4)
    assert again.difference["value"] == 0 and again.difference["low"] < 0 < again.difference["high"], "equal answers to a few rows do not say that they always would be"
    with pytest.raises(KitError, match="no rows to measure with"):
        measure(tiny, [], "nothing")


def test_smaller_pictures_have_their_share_of_the_area_and_leave_the_others_alone(colours, tmp_path):
    small = smaller_pictures(colours[:2], 0.25, tmp_path)
    assert [Image.open(one.image[0]).size for one in small] == [(56, 56)] * 2 and Image.open(colours[0].image[0]).size == (112, 112)
    assert [one.id for one in small] == [one.id for one in colours[:2]]


def test_forms_stand_side_by_side_and_one_that_cannot_run_says_why(tiny, colours):
    def cannot():
        raise RuntimeError("no int8 kernel for this device\nTraceback ...")

    found = side_by_side({"32-bit": lambda: (tiny, colours[:4]), "8-bit": cannot}, tell=lambda line: None)
    assert [(one.name, one.reason) for one in found] == [("32-bit", ""), ("8-bit", "no int8 kernel for this device"), ("32-bit (again)", "")]
    assert math.isnan(found[1].median_s) and found[2].difference["value"] == 0
    with pytest.raises(RuntimeError):
        side_by_side({"8-bit": cannot}, tell=lambda line: None)


def test_eight_bit_is_smaller_and_says_nearly_the_same(colours):
    whole, small = (load("tiny_omni", device="cpu") for _ in range(2))
    small = in_eight_bit(small)
    weights = lambda loaded: sum(part.numel() * part.element_size() for part in loaded.model.parameters())  # noqa: E731
    assert weights(small) < weights(whole)
    shares = [np.array([[one[option] for option in ("red", "green", "blue")] for one in predict(loaded, colours[:9])["probabilities"]]) for loaded in (whole, small)]
    assert 0 < np.abs(shares[0] - shares[1]).max() < 0.2
