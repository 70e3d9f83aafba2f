"""`poc bridges`: which rows and bridges a use case is compared by, where evidence disagrees, and what is written for the report."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_bridges_remote import says, serve  # noqa: F401  serve is a fixture
from typer.testing import CliRunner

from benchmarks import bridges as recorded
from benchmarks.bridges import frame_of
from kit.bridges import (
    Facts,
    Kept,
    LateFusion,
    Ocr,
    Remote,
    Specialist,
    Speech,
    Tried,
    Whisper,
    WithSeries,
    within_cases,
)
from kit.data import Sample
from kit.errors import KitError
from kit.language import speaking
from poc import runs
from poc.__main__ import app
from poc.arguments import numbers
from poc.bridge_evidence import believed_by, noticed
from poc.bridge_names import KINDS, kind_of, labels_counted, name_of, variant_of
from poc.bridges import FILE, bridge_lines, compare_bridges, remote_of, try_all
from poc.lineup import Sizes, has_series, learners, lineup, made_of, rows_for, tools_for
from poc.pipeline import COMPANY
from poc.usecase import load_samples, load_usecase


def rows_of(case: str, **sizes):
    return rows_for(list(load_samples(COMPANY / case, load_usecase(COMPANY / case), verify=False).samples), Sizes(**sizes))


@pytest.mark.parametrize(("case", "modalities"), [("inspection", ("image",)), ("callcentre", ("audio",)), ("documents", ("image", "audio")), ("line", ("video",))])
def test_bridges_are_asked_with_the_media_that_decide_and_without_words(case, modalities):
    rows = rows_of(case, train=50, asked=40)
    assert rows.modalities == modalities and len(rows.train) == 50 and len(rows.asked) == 40
    for row in (*rows.train, *rows.validation, *rows.asked):
        assert not row.text and row.modalities and set(row.modalities) <= set(modalities)
    assert {row.split for row in rows.train} == {"train"} and {row.split for row in rows.asked} == {"test"} and not {row.group for row in rows.train} & {row.group for row in rows.asked}
    assert {row.modalities[-1] for row in rows.paired} == {modalities[0]}
    if case == "inspection":
        held = [row for row in load_samples(COMPANY / case, load_usecase(COMPANY / case), verify=False).samples if row.id in {one.id for one in rows.asked}]
        lying = {row.id for row in held if row.meta.get("note_says") in row.options and row.meta["note_says"] != row.answer}
        assert lying and {row.id for row in rows.paired} == {row.id for row in held} - lying, "a pair of a photo and its words is one that says the same"
    assert len({row.group for row in rows.asked}) == len({row.group for row in rows_of(case, asked=10**6).asked if row.split == "test"}), "every group is asked"


def test_other_seeds_train_on_other_rows_and_are_asked_the_same():
    samples = list(load_samples(COMPANY / "inspection", load_usecase(COMPANY / "inspection"), verify=False).samples)
    first, second = (rows_for(samples, Sizes(train=50, asked=40), seed) for seed in (0, 1))
    assert first.asked == second.asked and {row.id for row in first.train} != {row.id for row in second.train}
    fewer = rows_for(samples, Sizes(train=20, asked=40), 0)
    assert {row.id for row in fewer.train} < {row.id for row in first.train}, "fewer rows are some of the many"


def test_where_no_medium_decides_there_is_nothing_to_bridge():
    rows = [Sample(str(number), "?", ("a", "b"), "ab"[number % 2], text="note", decided_by=("text",), split="train") for number in range(4)]
    with pytest.raises(KitError, match="there is nothing to bridge: no labelled training and test rows with options whose photo, sound or film decides"):
        rows_for(rows, Sizes())


def test_the_modalities_call_for_their_bridges(tmp_path):
    def names(case: str, vlm: str = "vlm", ears: str = "ears") -> list[str]:
        rows = rows_of(case, train=20)
        return [bridge.name for bridge in lineup(rows.modalities, "tiny_omni", tmp_path, vlm, ears, tools_for(rows), smaller="half")]

    photos = names("inspection")
    assert photos[:4] == ["as it is", "converter (linear)", "converter (mlp)", "perceiver"] and photos[-3:] == ["specialist (image)", "late fusion", "routed"]
    assert {"tool learning", "tool learning, reader tuned", "data-driven", "hybrid", "data-driven, smaller checkpoint"} < set(photos) and not [name for name in photos if "alone" in name]
    assert "speech recognition alone, reader tuned" in names("callcentre") and "perceiver" in names("callcentre")
    sheets = names("documents")
    assert {"OCR alone, reader tuned", "speech recognition alone, reader tuned", "converter (mlp)", "converter (mlp), sound"} < set(sheets)
    assert names("inspection", vlm="")[:2] == ["as it is", "tool learning"] and "late fusion" not in names("callcentre", ears="")
    all_ = lineup(("image",), "tiny_omni", tmp_path, "vlm", "ears", series=tmp_path, remote=Remote("http://127.0.0.1:9/v1", "m"))
    assert {"series in words", "series as picture", "remote (m)"} < {bridge.name for bridge in all_} and not {"series in words", "remote (m)"} & set(photos)
    assert [bridge.name for bridge in learners(all_)] == ["converter (linear)", "converter (mlp)", "perceiver", "tool learning", "data-driven", "specialist (image)"]
    row = Sample("s", "?", ("a", "b"), "a", text="x", meta={"series_file_name": " "})
    assert not has_series([row]) and has_series([row, row.replace(meta={"series_file_name": "s.csv"})])


@pytest.mark.parametrize(
    "consent",
    [
        "", "yes", "api.example.com", "other.example.com: A. Sato, test photos", "api.example.com: ok", "api.example.com: A. Sato", "api.example.com: no, not agreed, do not send", "never to api.example.com",
        "notapi.example.com: A. Sato, test photos", "api.example.com.evil.org: A. Sato, test photos", "api.example.com:8443: A. Sato, test photos", "api.example.com A. Sato, test photos", "A. Sato, test photos: api.example.com",
        "api.example.com: A. Sato, didn't agree", "api.example.com：佐藤、送信に同意しない", "api.example.com：佐藤、いいえ", "api.example.com：佐藤、送らないでください", "api.example.com：佐藤、外部送信不可", "api.example.com: NAME, REASON", "api.example.com：氏名、理由", "api.example.com: , .",
    ],
)  # fmt: skip
def test_data_leave_only_where_somebody_agreed_to_that_host(consent):
    with pytest.raises(KitError, match=r'would be sent to api.example.com: .* --consent-data-leaves "api.example.com: NAME, REASON"'):
        remote_of("https://api.example.com/v1", "large-1", consent)


@pytest.mark.parametrize("case", ["inspection", "callcentre", "documents", "line"])
def test_every_bridge_that_may_stand_in_a_report_has_a_japanese_name(case, tmp_path):
    rows = rows_of(case, train=20)
    tools = [tools_for(rows)] + ([tools_for(rows, asr="a-whisper")] if "audio" in rows.modalities else []) + ([tools_for(rows, ocr=True)] if "image" in rows.modalities else [])
    names = {bridge.name for some in tools for bridge in lineup(rows.modalities, "tiny_omni", tmp_path, "vlm", "ears", some, smaller="half", series=tmp_path, remote=Remote("http://127.0.0.1:9/v1", "m"))}
    assert names and not [name for name in names if kind_of(name) is None or not re.search("[぀-ヿ一-鿿]", name_of(name)["ja"])]
    assert not [name for name in names if (told := variant_of(name)) and not name.startswith("remote") and name not in KINDS and (told["ja"] == name or not told["ja"].endswith(f"（{name}）"))]
    told = {name: name_of(name)["ja"] for name in names}
    assert len(set(told.values())) == len(told), "two bridges, two names"


def test_whisper_and_ocr_are_tools_by_option(tmp_path):
    calls, sheets, photos = rows_of("callcentre", train=20), rows_of("documents", train=20), rows_of("inspection", train=20)
    assert tools_for(calls) == (Speech(),) and tools_for(calls, asr="openai/whisper-small") == (Whisper("openai/whisper-small"),)
    assert tools_for(photos) == () and tools_for(photos, ocr=True) == (Ocr(pages=None),) and [type(tool) for tool in tools_for(sheets, "w", True)] == [Ocr, Whisper]
    assert tools_for(sheets)[0].pages == (1,) and tools_for(sheets, ocr=True)[0].pages is None
    made = {bridge.name for bridge in lineup(calls.modalities, "tiny_omni", tmp_path, tools=tools_for(calls, asr="w"))}
    assert "Whisper alone, reader tuned" in made and "speech recognition alone, reader tuned" not in made
    with pytest.raises(KitError, match="--ocr needs rows whose picture decides; here decide: audio. Leave --ocr out, or name image in decided_by"):
        tools_for(calls, ocr=True)
    example = shutil.copytree(runs.EXAMPLE, tmp_path / "example")
    run = CliRunner().invoke(app, ["bridges", str(example), "--folder", str(COMPANY / "inspection"), "--asr", "openai/whisper-small"])
    assert run.exit_code and "--asr needs rows whose sound decides; here decide: image" in str(run.output) + str(run.exception)
    assert not (example / "bridges").exists(), "refused before anything is trained"


def test_the_options_tools_come_into_the_comparison(tmp_path):
    run = tmp_path / "run"
    shutil.copytree(runs.EXAMPLE, run)
    with pytest.raises(KitError, match="no bridge here is called x; there are: .*OCR alone, reader tuned"):
        try_all(run, COMPANY / "inspection", only=("x",), ocr=True)
    with pytest.raises(KitError, match="callcentre, and .*run a run of inspection: its report would show figures of other rows"):
        try_all(run, COMPANY / "callcentre")


def test_a_series_is_told_in_the_language_of_the_use_case(tmp_path):
    made = lineup(("image",), "tiny_omni", tmp_path, series=tmp_path, language="ja")
    assert [bridge.language for bridge in made if isinstance(bridge, WithSeries)] == ["ja", "ja"]


def test_labels_are_counted_with_those_that_choose():
    assert labels_counted("data-driven", 1240.0, 60) == "1,240 + 60" and labels_counted("specialist (image)", 40, 60) == "40" and labels_counted("perceiver", 40, 0) == "40"


def test_members_let_their_models_go_where_only_their_fusion_was_asked(tmp_path):
    run = tmp_path / "run"
    shutil.copytree(runs.EXAMPLE, run)
    rows, sizes = rows_of("inspection", train=24, asked=8, validation=8), Sizes(train=24, asked=8, updates=1, batch=4, validation=8, blocks=None, probed=0)
    members = [Kept(Specialist("image", "tiny_omni", name=name), tmp_path / "kept") for name in ("one", "two")]
    found = compare_bridges([LateFusion(members)], rows, load_usecase(COMPANY / "inspection"), tmp_path, "tiny_omni", sizes)
    assert found.tried[0].frame is not None and [member.working for member in members] == [None, None]
    rule = found.told["recommended"]["evidence"]["rule"]
    assert rule["en"].startswith("rule: shown to be at most 5 points worse") and rule["ja"].startswith("規則：最良より悪くても 5 ポイント以内")
    broken = replace(found, table=found.table.assign(failed="OCR needs Tesseract"))
    with speaking("ja"):
        lines = bridge_lines(broken)
    assert rule["ja"] in lines and any(re.search(r"late fusion（複数の答えを合わせる） .* % \[.* \| OCR needs Tesseract$", line) for line in lines), "what works without a part says so"


def test_who_agreed_to_which_host_and_why_is_kept():
    for consent in ("api.example.com：佐藤、人の写らない試験写真", " API.example.com : 林，試験写真", "api.example.com: agreed by A. Sato; test photos"):
        remote, told = remote_of("https://api.example.com/v1", "large-1", consent)
        assert remote.consent == "api.example.com" and told["consent"] == consent
    remote, told = remote_of("https://api.example.com/v1", "large-1", "api.example.com: A. Sato, test photos without people", prices=(2.5, 10.0))
    assert remote.consent == "api.example.com" and remote.prices == (2.5, 10.0) and told == {"host": "api.example.com", "model": "large-1", "consent": "api.example.com: A. Sato, test photos without people", "prices": [2.5, 10.0]}
    assert remote_of("http://127.0.0.1:8000/v1", "m", "")[1]["consent"] == "", "nothing leaves this machine"
    with pytest.raises(KitError, match="--remote-model NAME"):
        remote_of("http://127.0.0.1:8000/v1", " ", "")


def test_a_model_elsewhere_is_a_row_that_is_paid_once(tmp_path, serve):  # noqa: F811
    """As a whole, on loopback: asked the held-out rows and a question of its own, no validation row; host and model stand in bridges.json and in the report."""
    run, server = tmp_path / "run", serve(lambda body: says("A"))
    shutil.copytree(runs.EXAMPLE, run)
    for _ in range(2):
        found = try_all(run, COMPANY / "inspection", sizes=Sizes(train=24, asked=16, validation=12, blocks=0, probed=0), only=("remote (m)",), remote=remote_of(server.url, "m", "", prices=(2.0, 10.0)))
        assert len(server.asked) == 1 + 16
    (row,) = found.told["table"]
    assert row["bridge"] == "remote (m)" and row["n"] == 16 and row["cost_per_call"] == pytest.approx(0.00022) and found.told["remote"] == {"host": "127.0.0.1", "model": "m", "consent": "", "prices": [2.0, 10.0]}
    assert "were sent to 127.0.0.1, to the model m. That is this machine" in (run / "report.html").read_text(encoding="utf-8")


def test_numbers_of_an_option():
    assert numbers("40, 120", int, "--budgets") == [40, 120] and numbers("", int, "--budgets") == [] and numbers("2.5,10", float, "--remote-prices", 2) == [2.5, 10.0]
    for text in ("40;120", "4.5", "-1"):
        with pytest.raises(KitError, match=r"--budgets takes whole numbers of 0 or more with commas between them, e.g. --budgets 40,120; given"):
            numbers(text, int, "--budgets")
    with pytest.raises(KitError, match="--remote-prices takes 2 numbers"):
        numbers("2.5", float, "--remote-prices", 2)


def test_what_is_made_of_a_checkpoint_is_made_again_when_that_changes_or_was_not_done(tmp_path):
    source, folder, times = tmp_path / "source", tmp_path / "made", []
    source.mkdir()
    (source / "config.json").write_text("{}", encoding="utf-8")

    def write(place, fails=False):
        place.mkdir()
        (place / f"part {len(times)}").write_text("x", encoding="utf-8")
        times.append(place)
        if fails:
            raise OSError("killed")

    with pytest.raises(OSError):
        made_of(str(source), folder, lambda place: write(place, fails=True))
    for _ in range(2):
        assert made_of(str(source), folder, write) == folder and sorted(file.name for file in folder.iterdir()) == ["made_of.txt", "part 1"]
    (source / "config.json").write_text('{"a": 1}', encoding="utf-8")
    made_of(str(source), folder, write)
    assert len(times) == 3 and sorted(file.name for file in folder.iterdir()) == ["made_of.txt", "part 2"], "nothing of the old one is left"


def test_a_recorded_cell_of_other_weights_makes_no_table(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded, "KEPT", tmp_path)
    for seed, cell in enumerate(({"seconds": 1, "mark": recorded.mark()}, {"seconds": 1, "mark": "of other weights"}, {"seconds": 1})):
        recorded.write(recorded.kept_in("inspection", seed), cell)
    with pytest.raises(ValueError, match=r"measured with other weights of tiny_omni, or before cells were marked: inspection-1.json, inspection-2.json. Delete them and measure again; .* --adopt"):
        recorded.cells_of("inspection")
    recorded.adopt()
    with pytest.raises(ValueError, match=r"marked: inspection-1.json\. "):
        recorded.cells_of("inspection")
    recorded.kept_in("inspection", 1).unlink()
    assert [cell["mark"] for cell in recorded.cells_of("inspection")] == [recorded.mark()] * 2


def test_the_committed_cells_are_of_the_shipped_weights():
    assert all(recorded.cells_of(case, what) is not None for case in recorded.CASES for what in ("", *map(str, recorded.BUDGETS)))


def test_whom_a_bridge_believes_is_asked_where_two_media_speak():
    def row(number: int, sheet: str) -> Sample:
        return Sample(str(number), "?", ("stop", "go"), "stop", text="-", group=str(number), meta={"gauge_says": "stop", "sheet_says": sheet})

    asked = [row(number, "go" if number < 6 else "stop") for number in range(12)]
    said = [{"id": one.id, "answer": "stop", "predicted": one.meta["sheet_says"], "probabilities": {"stop": 0.4, "go": 0.6}, "group": one.group} for one in asked]
    (told,) = believed_by([Tried("reads the sheet", Facts(), pd.DataFrame(said)), Tried("absent", Facts(), None)], [], asked)
    assert (told["bridge"], told["against"], told["n"], told["n_agree"], told["follows_other"], told["follows_first"]) == ("reads the sheet", "sheet", 6, 6, 1.0, 0.0)
    assert told["auc"] is None, "nothing noticed, nothing to rank"
    assert believed_by([], [], [one.replace(meta={"note_says": "go"}) for one in asked]) is None, "words that no bridge was shown"


def test_who_is_right_where_the_evidence_contradicts_itself():
    asked = [Sample(str(number), "?", ("a", "b"), "a", text="-", meta={"conflict": "yes" if number < 4 else "no"}) for number in range(10)]
    frame = pd.DataFrame({"id": [row.id for row in asked], "answer": "a", "predicted": ["a"] * 3 + ["b"] + ["a"] * 5 + ["b"], "group": [row.id for row in asked]})
    told = noticed([Tried("one", Facts(), frame), Tried("broken", Facts(), None)], asked)
    (row,) = told["bridges"]
    assert told["n"] == {"yes": 4, "no": 6} and row["bridge"] == "one" and row["yes"] == 0.75 and row["no"] == pytest.approx(5 / 6)
    assert 0 <= row["yes_low"] < 0.75 < row["yes_high"] <= 1
    assert noticed([], [row.replace(meta={}) for row in asked]) is None


def test_three_seeds_of_a_row_are_one_row_and_not_three():
    """Of few lots a row's answers of all seeds are drawn together; of many lots the lot is."""
    cells = [{"bridges": {"one": {"predicted": [0] * 12}}}, {"bridges": {"one": {"predicted": [1] * 12}}}, {"bridges": {"one": {"predicted": None}}}]
    for lots in (3, 12):
        rows = [Sample(str(number), "?", ("a", "b"), "a", text="-", group=f"lot {number % lots}") for number in range(12)]
        frame = frame_of(rows, cells, "one")
        assert len(frame) == 24 and frame["group"].nunique() == 12 and frame["predicted"].tolist() == ["a"] * 12 + ["b"] * 12 and frame["id"].is_unique
    assert frame_of(rows, cells, "another") is None


def test_ranks_within_a_use_case_forget_its_difficulty():
    frame = pd.DataFrame({"case": ["easy"] * 3 + ["hard"] * 3, "kpi": [0.9, 0.8, 0.7, 0.3, 0.2, 0.1], "gap": [1.0, 2.0, 3.0, 100.0, 200.0, 300.0]})
    ranked = within_cases(frame, "case", ("kpi", "gap"))
    assert ranked["kpi"].tolist() == [1.0, 0.5, 0.0] * 2 and ranked["gap"].tolist() == [0.0, 0.5, 1.0] * 2


def test_a_run_gets_its_table_and_the_same_call_again_asks_nobody(tmp_path):
    run = tmp_path / "run"
    shutil.copytree(runs.EXAMPLE, run)
    sizes, only = Sizes(train=48, asked=24, updates=2, batch=4, validation=8, blocks=0, probed=8), ("as it is", "tool learning", "hybrid")
    found = try_all(run, COMPANY / "inspection", sizes=sizes, only=only)
    told = json.loads((run / FILE).read_text(encoding="utf-8"))
    assert set(told) == {"table", "recommended", "gap", "correlation", "conflict", "believed", "misled", "budgets", "remote", "checkpoint", "rows", "kpi", "date"}
    assert [row["bridge"] for row in told["table"]] == list(only) and told["rows"] == {"train": 48, "validation": 8, "asked": 24} and told["checkpoint"] == "tiny_omni"
    assert {"macro_recall", "low", "high", "cost_per_1000", "trained", "latency_ms", "start", "audit", "weak", "failed"} <= set(told["table"][0])
    assert set(told["recommended"]["summary"]) == {"en", "ja"} and told["recommended"]["evidence"]["chosen"] in only and told["conflict"] is None
    assert {(row["bridge"], row["when"]) for row in told["gap"]["table"]} == {("as it is", "after")} and "no single measure predicts quality" in told["correlation"]["warning"]["en"]
    lines = bridge_lines(found)
    assert any(line.startswith("  tool learning ") and " % [" in line for line in lines) and any("shown to be at most 5 points worse than the best" in line for line in lines)
    answers = run / "bridges" / "tool_learning" / "answers.json"
    written = answers.stat().st_mtime_ns
    again = try_all(run, COMPANY / "inspection", sizes=sizes, only=only)
    assert answers.stat().st_mtime_ns == written and again.told == found.told and np.isfinite(again.table["macro_recall"]).all()
    (probed,) = told["misled"]
    assert (probed["bridge"], probed["modality"], probed["n"]) == ("hybrid", "image", 8) and told["budgets"] is None and told["table"][1]["rows_to_90"] is None
    assert any("--budgets 40,120 trains the learners again" in line for line in lines) and any(line.startswith("hybrid: right by the image alone ") and "shortcut index" in line for line in lines)
    fewer = try_all(run, COMPANY / "inspection", sizes=sizes, only=("tool learning",), budgets=(24,))
    assert [(row["bridge"], row["rows"]) for row in fewer.told["budgets"]] == [("tool learning", 24), ("tool learning", 48)] and {"macro_recall"} < set(fewer.told["budgets"][0])
    assert fewer.table["rows_to_90"][0] in (24, 48) and any(re.search(r"^labels to 90 % .* tried \(24, 48\) \+ the 8 labelled validation rows .*: tool learning (24|48) \+ 8$", line) for line in bridge_lines(fewer))
    assert answers.stat().st_mtime_ns == written, "the answers with all rows are kept as they were"
    with pytest.raises(KitError, match="budgets are numbers of training rows between 1 and 47, below the 48 of the comparison; given 48"):
        try_all(run, COMPANY / "inspection", sizes=sizes, only=only, budgets=(24, 48))
    with pytest.raises(KitError, match="no bridge here is called converter; there are: as it is; converter"):
        try_all(run, COMPANY / "inspection", sizes=sizes, only=("converter",))
