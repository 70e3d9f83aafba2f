"""Whom a bridge believes where its sources disagree, on frames that a hand wrote."""

import numpy as np
import pandas as pd
import pytest

from kit.bridges import believed, said_of
from kit.data import Sample

STATES = ("normal", "watch", "stop")


def frame(*rows: tuple[str, str, float]) -> pd.DataFrame:
    """(id, predicted, certainty); the rest of the probability is shared."""
    shares = [{state: sure if state == said else (1 - sure) / 2 for state in STATES} for _, said, sure in rows]
    names = [name for name, *_ in rows]
    return pd.DataFrame({"id": names, "answer": ["normal"] * len(rows), "predicted": [said for _, said, _ in rows], "probabilities": shares, "group": [f"device {name[-1]}" for name in names]})


SAID = {f"clash{n}": {"gauge": "normal", "sheet": "stop", "memo": "normal"} for n in range(4)} | {f"agree{n}": dict.fromkeys(("gauge", "sheet", "memo"), "normal") for n in range(4)}
SAID |= {"memo0": {"gauge": "normal", "sheet": "normal", "memo": "watch"}, "alone0": {"gauge": "normal"}}


def test_each_contradicting_row_follows_the_picture_the_words_or_neither():
    told = frame(("clash0", "normal", 0.5), ("clash1", "stop", 0.5), ("clash2", "stop", 0.5), ("clash3", "watch", 0.5), *((f"agree{n}", "normal", 0.9) for n in range(4)), ("memo0", "watch", 0.9), ("alone0", "stop", 0.9))
    table = believed({"b": told}, SAID, "gauge").set_index("against")
    sheet = table.loc["sheet"]
    assert (sheet["follows_first"], sheet["follows_other"], sheet["neither"]) == (0.25, 0.5, 0.25) and (sheet["n"], sheet["n_agree"]) == (4, 4)
    assert sheet["follows_other_low"] < 0.5 < sheet["follows_other_high"] and sheet["follows_other_low"] >= 0, "four rows: a wide interval"
    assert table.loc["memo", ["n", "follows_first", "follows_other"]].tolist() == [1, 0, 1], "a row in which another source contradicts is that source's"


def test_a_bridge_notices_by_being_less_sure():
    agree = [(f"agree{n}", "normal", 0.9) for n in range(4)]
    doubts = frame(*((f"clash{n}", "normal", 0.4 + n / 100) for n in range(4)), *agree)
    proud = frame(*((f"clash{n}", "normal", 0.95 + n / 1000) for n in range(4)), *agree)
    same = frame(*((f"clash{n}", "stop", 1.0) for n in range(4)), *((name, said, 1.0) for name, said, _ in agree))
    table = believed({"doubts": doubts, "proud": proud, "same": same}, SAID, "gauge")
    table = table[table["against"] == "sheet"].set_index("bridge")
    assert table.loc["doubts", "auc"] == 1 and table.loc["doubts", "auc_low"] < 1, "eight rows prove little"
    assert table.loc["proud", "auc"] == 0, "surer where the evidence contradicts itself"
    assert np.isnan(table.loc["same", "auc"]), "who names an option and no probability cannot be asked"
    assert table.loc["doubts", "sure"] == pytest.approx(0.415) and table.loc["doubts", "sure_agree"] == pytest.approx(0.9)


def test_tools_that_contradict_each_other_are_counted():
    told = frame(*((f"clash{n}", "normal", 0.9) for n in range(4)), *((f"agree{n}", "normal", 0.8) for n in range(4)))
    written = {"clash0": {"detector": "normal", "OCR": "state: STOP"}, "clash1": {"detector": "normal (90%)", "OCR": "st0p"}, "clash2": {"detector": "stop", "OCR": "stop"}, "clash3": {"detector": "normal", "OCR": "normal or stop"}}
    written |= {"agree0": {"detector": "watch", "OCR": "normal"}, "agree1": {"detector": "normal", "OCR": ""}}
    table = believed({"tools": told, "other": told}, SAID, "gauge", {"tools": written})
    row = table[(table["bridge"] == "tools") & (table["against"] == "sheet")].iloc[0]
    assert row["tools_tell"] == 0.25, "one of four pairs names two options; what no option or both are named in tells nothing"
    assert row["tools_in_vain"] == 0.5 and table.loc[table["bridge"] == "other", "tools_tell"].isna().all()


def test_without_contradicting_rows_there_is_nothing_to_say():
    row = believed({"b": frame(*((f"agree{n}", "normal", 0.9) for n in range(4)))}, SAID, "gauge").iloc[0]
    assert row["n"] == 0 and np.isnan(row["follows_first"]) and np.isnan(row["auc"]) and row["n_agree"] == 4


def test_what_a_record_says_is_read_from_its_columns():
    gauge = Sample("D1", "Which state?", STATES, "normal", image=("g.jpg",), meta={"gauge_says": "normal", "sheet_says": "stop", "memo_says": "normal", "conflict": "yes"})
    assert said_of(gauge) == {"gauge": "normal", "sheet": "stop", "memo": "normal"}
    assert said_of(gauge.replace(options=("agree", "sheet differs"), answer="agree")) == {}, "they speak for none of these answers"
    part = Sample("P1", "Which defect?", ("slag", "ok"), "slag", image=("p.jpg",), text="ok", meta={"note_says": "ok"})
    assert said_of(part) == {"image": "slag", "note": "ok"} and list(said_of(part))[0] == "image"
