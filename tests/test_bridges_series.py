"""A sensor's series in words and as a picture: what a hand-made curve must say, and files as loggers and offices write them."""

import numpy as np
import pytest
from PIL import Image

from kit.bridges import Kept, Specialist, WithSeries
from kit.bridges.series import Series, as_picture, as_text, drawn, jumps_of, read_series, told_in_words
from kit.data import Sample, read_folder
from kit.errors import KitError
from kit.language import speaking


def series(values, time=None, **more) -> Series:
    values = np.asarray(values, float)
    return Series(np.arange(len(values), dtype=float) if time is None else np.asarray(time, float), values, **more)


STEP = [10.0] * 50 + [20.0] * 50
NOISE = np.random.default_rng(0).normal(0, 0.3, 100)


def test_a_jump_is_told_with_its_time_and_levels():
    words = as_text(series(np.array(STEP) + NOISE, name="pressure", unit="kPa"))
    assert words.startswith("Sensor pressure: 100 readings in 99 s; mean 15 kPa, least ") and words.count("jump") == 1 and "; jump at 50 s from 10" in words
    ((at, before, after),) = jumps_of(series(np.array(STEP) + NOISE))
    assert at == 50 and before == pytest.approx(10, abs=0.6) and after == pytest.approx(20, abs=0.6)


@pytest.mark.parametrize(
    "values",
    [np.linspace(0, 10, 100) + NOISE, NOISE, np.sin(np.arange(100) / 8) * 5 + NOISE, np.where(np.arange(100) == 40, 12.0, 0.0) + NOISE],
    ids=["drift", "noise", "oscillation", "a peak of one reading"],
)
def test_what_is_no_jump_is_told_as_none(values):
    assert jumps_of(series(values)) == [] and "no jump" in as_text(series(values))


def test_drift_and_oscillation_are_told_apart():
    drift, wave = as_text(series(np.linspace(5, 15, 100))), as_text(series(np.sin(np.arange(200) * 2 * np.pi / 50)))
    assert "trend +10 over the whole time; no swings" in drift
    assert "swings 7 times" in wave, "four periods: up, down, ... eight half waves"
    assert "no swings" in as_text(series(NOISE)), "noise is no oscillation"


def test_mean_and_trend_are_over_time_where_readings_are_irregular():
    """A hundred readings in the first second at 0, then one per ten seconds at 10: most of the time it was 10."""
    time = np.concatenate([np.linspace(0, 1, 100), np.arange(11, 111, 10)])
    words = as_text(series([0.0] * 100 + [10.0] * 10, time))
    assert "mean 9.41" in words, "0 for 1 s and for half the way to the next reading, 5 s; 10 for the other 95 of 101"
    line = as_text(series(2 * time, time))
    assert "trend +202 " in line and "no jump" in line, "a gap in the readings of a straight line is no jump"


def test_a_constant_series_and_a_single_reading_have_neither_trend_nor_jump():
    assert as_text(series([4.0] * 5, name="flow", unit="L/min", missing=2)) == "Sensor flow: 5 readings in 4 s; 2 missing; always 4 L/min."
    assert as_text(series([4.0])) == "Sensor value: 1 readings in 0 s; always 4."
    for one in (series([4.0] * 5), series([4.0])):
        picture = np.asarray(as_picture(one, 112)).astype(int)
        assert picture.shape == (112, 112, 3) and (picture[..., 2] - picture[..., 0] > 60).any(), "a blue line, or a blue point, is seen"


def test_numbers_are_short_and_never_powers_of_ten():
    words = as_text(series([0.000123456, 1234567.8, 0.1]))
    assert "least 0.000123" in words and "most 1230000" in words and "e-" not in words and "e+" not in words


def test_in_japanese():
    words = as_text(series(np.array(STEP), name="圧力", unit="kPa"), "ja")
    assert words.startswith("センサー 圧力：99 秒に 100 回測定、平均 15 kPa、最小 10、最大 20、") and words.endswith("、50 秒に 10 から 20 へ急変。")
    assert not [word for word in ("readings", "jump", "mean", "trend") if word in words]


def test_the_picture_shows_the_curve():
    """The line climbs from the lower left to the upper right, and is broken where nothing was read."""
    picture = np.asarray(as_picture(series(np.linspace(0, 1, 50)), 160)).astype(int)
    rows, columns = np.nonzero(picture[..., 2] - picture[..., 0] > 60)
    assert np.corrcoef(rows, columns)[0, 1] < -0.99
    broken = np.asarray(as_picture(series(np.linspace(0, 1, 40), np.concatenate([np.arange(20), np.arange(200, 220)])), 160)).astype(int)
    seen = np.unique(np.nonzero(broken[..., 2] - broken[..., 0] > 60)[1])
    assert np.diff(seen).max() > 60, "nothing is drawn across the gap"


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"time [s],pressure [kPa]\n0,1\n1,2\n2,3\n", ("pressure", "kPa", [0, 1, 2], [1, 2, 3], 0)),
        ("時刻,圧力(kPa)\n2026-11-30 10:00:00,1\n2026-11-30 10:00:30,2\n".encode("cp932"), ("圧力", "kPa", [0, 30], [1, 2], 0)),
        ("10:00:00;1\n".join(["t;v\n", "10:01:30;２．５\n"]).encode("utf-8-sig"), ("v", "", [0, 90], [1, 2.5], 0)),
        (b"time [min]\tvalue\n0\t1\n0.5\t---\n1\t\n1.5\tERR\n2\t\"1,200\"\n", ("value", "", [0, 120], [1, 1200], 3)),
        (b"time,value\n2,30\n0,10\n1,20\n", ("value", "", [0, 1, 2], [10, 20, 30], 0)),
        (b"value\n5\n6\n", ("value", "", [0, 1], [5, 6], 0)),
        (b"t;v\n0;1,5\n0,5;1,25\n1;2\n1,5;1.234,5\n", ("v", "", [0, 0.5, 1, 1.5], [1.5, 1.25, 2, 1234.5], 0)),
        (b't,v\n0,"1,200"\n1,"-12,345,678.5"\n2,900\n', ("v", "", [0, 1, 2], [1200, -12345678.5, 900], 0)),
        (b"t,v\n23:59:58,1\n23:59:59,2\n00:00:00,3\n00:00:01,4\n", ("v", "", [0, 1, 2, 3], [1, 2, 3, 4], 0)),
        (b"t,v\n00:00:01,4\n00:00:00,3\n23:59:59,2\n", ("v", "", [0, 1, 2], [2, 3, 4], 0)),
        (b"t,v\n08:00,1\n21:00,2\n08:30,3\n", ("v", "", [0, 13 * 3600, 24.5 * 3600], [1, 2, 3], 0)),
        (b"t,v\n2026-11-30 23:59:59,1\n2026-12-01 00:00:01,2\n2026-11-30 00:00:00,0\n", ("v", "", [0, 86399, 86401], [0, 1, 2], 0)),
        (b"time,value\n7,5\n", ("value", "", [0], [5], 0)),
    ],
    ids=["utf-8", "cp932 with dates", "full width, times of day", "minutes, missing, thousands", "unsorted", "no time", "decimal commas", "thousands", "past midnight", "past midnight, the newest first", "two readings a day", "dates are sorted", "one row"],
)
def test_files_as_loggers_and_offices_write_them(raw, told, tmp_path):
    (tmp_path / "s.csv").write_bytes(raw)
    found = read_series(tmp_path / "s.csv")
    name, unit, time, values, missing = told
    assert (found.name, found.unit, found.missing) == (name, unit, missing) and found.time.tolist() == time and found.values.tolist() == values


@pytest.mark.parametrize(
    ("raw", "match"),
    [
        (b"", "is empty"),
        (b"time,value\n", r"column 'value' holds no reading with a number and a time \(0 rows\)"),
        (b"time,value\n0,bad\n1,worse\n", r"column 'value' holds no reading with a number and a time \(2 rows, such as 'bad'\); name the columns with value=... and time=..."),
        (b"time,flow,pressure\n0,1,2\n", r"2 columns beside the time \(flow, pressure\): name the sensor's, value="),
    ],
)
def test_a_file_that_holds_no_series_is_told(raw, match, tmp_path):
    (tmp_path / "s.csv").write_bytes(raw)
    with pytest.raises(KitError, match=match):
        read_series(tmp_path / "s.csv")


def test_a_column_can_be_named(tmp_path):
    (tmp_path / "s.csv").write_text("time,flow [L/min],pressure [kPa]\n0,1,2\n1,1,3\n", encoding="utf-8")
    assert read_series(tmp_path / "s.csv", value="Pressure").values.tolist() == [2, 3] and read_series(tmp_path / "s.csv", value="flow [L/min]").unit == "L/min"
    with pytest.raises(KitError, match=r"no column 'heat'; it has: time, flow \[L/min\], pressure \[kPa\]"), speaking("en"):
        read_series(tmp_path / "s.csv", value="heat")


def test_a_row_of_a_company_folder_names_its_series(tmp_path):
    """No column of the kit's own: it is kept in meta, and either bridge puts the series where the other evidence is."""
    root = tmp_path / "company"
    (root / "sensors").mkdir(parents=True)
    for name, colour in (("a", "red"), ("b", "blue"), ("c", "white"), ("d", "black")):
        Image.new("RGB", (40, 40), colour).save(root / f"{name}.png")
    (root / "sensors" / "a.csv").write_text("time,value\n" + "".join(f"{n},{value}\n" for n, value in enumerate(STEP)), encoding="utf-8")
    (root / "metadata.csv").write_text("id,image,series_file_name,text,answer\nA,a.png,sensors/a.csv,a note,leak\nB,b.png,,,ok\nC,c.png,,,ok\nD,d.png,,,leak\n", encoding="utf-8")
    row, bare, *_ = read_folder(root).samples
    words, shown = told_in_words(row, root), drawn(row, root, tmp_path / "work", size=112)
    assert words.text.startswith("a note\nSensor value: ") and "jump at 50 s from 10 to 20" in words.text and words.decided_by == ("image", "text") and words.meta["perturbation"] == "series as text"
    assert len(shown.image) == 2 and Image.open(shown.image[1]).size == (112, 112) and shown.meta["perturbation"] == "series as picture" and shown.text == "a note"
    assert drawn(row, root, tmp_path / "work", size=112).image == shown.image, "the same series is the same file"
    assert told_in_words(bare, root) is bare and drawn(bare, root, tmp_path / "work") is bare
    outside = bare.replace(meta={"series_file_name": "../secret.csv"})
    with pytest.raises(KitError, match="leads out of"):
        told_in_words(outside, root)
    with pytest.raises(KitError, match="cannot be read"):
        told_in_words(bare.replace(meta={"series_file_name": "sensors/none.csv"}), root)


def test_a_bridge_is_shown_the_series_in_words_or_as_a_picture(tmp_path):
    """The photos are alike; only the curve tells. Answers are kept by the series' content: another curve under the same file's name is asked again."""
    (tmp_path / "sensors").mkdir()
    Image.new("RGB", (56, 56), "grey").save(tmp_path / "grey.png")
    rng, samples = np.random.default_rng(0), []
    for number in range(24):
        curve = np.array(STEP if number % 2 else [15.0] * 100) + rng.normal(0, 0.3, 100)
        (tmp_path / "sensors" / f"{number}.csv").write_text("time,value\n" + "".join(f"{at},{value:.3f}\n" for at, value in enumerate(curve)), encoding="utf-8")
        samples.append(Sample(f"P{number}", "Is there a leak?", ("leak", "ok"), ("ok", "leak")[number % 2], image=(tmp_path / "grey.png",), decided_by=("image",), group=f"g{number}", meta={"series_file_name": f"sensors/{number}.csv"}))
    train, asked = samples[:16], samples[16:]
    for way, modality in (("words", "text"), ("picture", "image")):
        bridge = WithSeries(way, Kept(Specialist(modality, "tiny_omni", name=f"series, {way}", device="cpu"), tmp_path / "kept"), tmp_path)
        bridge.fit(train, [], tmp_path / "work")
        frame = bridge.predict(asked)
        assert bridge.name == f"series, {way}" and bridge.facts.rows == 16 and (frame["predicted"] == frame["answer"]).mean() >= 0.75, way
        seen = bridge.shown(asked)[0]
        assert ("Sensor value: 100 readings" in seen.text) == (way == "words") and len(seen.image) == 1 + (way == "picture")
        bridge.release()
        assert bridge.predict(asked).equals(frame) and bridge.bridge.working is None
    (tmp_path / "sensors" / "16.csv").write_text((tmp_path / "sensors" / "17.csv").read_text(encoding="utf-8"), encoding="utf-8")
    bridge.predict(asked)
    assert bridge.bridge.working is not None
    with pytest.raises(ValueError, match=r"a series is shown as 'sound'; allowed: \('words', 'picture'\)"):
        WithSeries("sound", bridge, tmp_path)
