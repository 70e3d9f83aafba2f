"""The board's report: what an executive opens must be right, plain on its first page, honest about what was not measured, and fit its slides."""

import json
import re
import shutil
import unicodedata
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from made_run import make_folder, make_run
from PIL import ImageFont
from pptx import Presentation

from kit.operations.audit_log import AuditLog
from kit.operations.autonomy import begin
from poc import runs
from poc.audit_commands import FOLDER
from poc.board import deck, write
from poc.board.first import certainty
from poc.board.governance import AS_OF, FRAMEWORKS, governance
from poc.board.known import missing, read
from poc.board.page import render
from poc.board.people import ROLES
from poc.board.questions import QUESTIONS
from poc.board.roadmap import roadmap
from poc.board.sentences import sentences
from poc.report.wording import about
from poc.signature import sign
from poc.sizing import Measured, store

ROOT = Path(__file__).resolve().parents[1]
MONEY = re.compile(r"¥|[\d万億]円|JPY|百万円|million yen")
JARGON = {  # of words that need explaining, as they would stand in a sentence
    "en": r"F1|macro|recall|precision|AUC|ROC|Q?LoRA|adapter|epochs?|logits?|ECE|p-values?|bootstrap|tokens?|M?LLMs?|KPIs?|NPV|ROI|checkpoints?|fine-tun\w*|held-out|guard set|baselines?|confidence intervals?|gates?|calibrat\w*|softmax|kappa|"
          r"scikit-learn|embeddings?|quantiz\w*|4-bit|GPU|preset|prevalence|interference|perturb\w*|hyperparameter\w*|nats?|seeds?|validation",
    "ja": r"F1|マクロ|再現率|適合率|ROC|AUC|LoRA|アダプター|エポック|ロジット|校正|較正|信頼区間|ブートストラップ|トークン|LLM|KPI|NPV|ROI|チェックポイント|微調整|評価データ|見張り|ベースライン|ベースモデル|しきい値|閾値|埋め込み|量子化|GPU|プリセット|干渉|撹乱|損失関数|シード|検証データ|有意",
}  # fmt: skip


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    folder = make_folder(tmp_path_factory.mktemp("company") / "made", rows=120)
    sign(folder, "Sato")
    return folder


@pytest.fixture(scope="module")
def good(company, tmp_path_factory):
    """A run whose gates are all passed, and into which nobody looked further."""
    run = make_run(tmp_path_factory.mktemp("runs") / "20261122-093000", company)
    return changed(run, lambda record: record["gates"].update(signed_at="2026-11-01T09:00:00+09:00"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The shipped example run with its ROI, and a diagnosis."""
    run = shutil.copytree(runs.EXAMPLE, tmp_path_factory.mktemp("whole") / "example_run")
    runs.write_json(run / runs.DIAGNOSIS, DIAGNOSIS)
    return run


def changed(run: Path, change) -> Path:
    record = runs.read(run)
    change(record)
    runs.write_json(run / "run.json", record)
    return run


@pytest.fixture
def variant(good, tmp_path):
    return lambda change: changed(shutil.copytree(good, tmp_path / "run"), change)


def tuned_of(record: dict) -> dict:
    """What run.json says of the tuned model's macro recall."""
    return next(row for row in record["results"] if (row["arm"], row["condition"]) == ("tuned", "as_is"))["macro_recall"]


def outwards(record: dict) -> tuple[int, int]:
    """Its interval of 100, never narrower than it is."""
    return int(100 * tuned_of(record)["low"] // 1), -int(-100 * tuned_of(record)["high"] // 1)


def page(run: Path, **more) -> str:
    return render(read(run), **more)


def seen(html: str, language: str = "en") -> str:
    """What a reader of one language sees."""
    other = "ja" if language == "en" else "en"
    html = re.sub(r"(?s)<(style|script).*?</\1>|<title>.*?</title>", "", html)
    html = re.sub(rf'(?s)<span class="{other}" lang="{other}">.*?</span>', "", html)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def section(html: str, id: str) -> str:
    return re.search(rf'(?s)<section[^>]*id="{id}".*?</section>', html).group()


def first_page(html: str) -> str:
    return section(html, "first")


def jargon_in(text: str, language: str) -> list[str]:
    return re.findall(rf"\b(?:{JARGON['en']})\b" if language == "en" else JARGON["ja"], text, re.I)


def no_costs(record):
    record["costs"] = record["volume_per_month"] = None
    for row in record["results"]:
        row["cost_per_1000"] = None


KINDS = {
    "go": lambda record: None, "accuracy": lambda record: record["gates"].update(kpi="accuracy"), "score": lambda record: record["gates"].update(kpi="macro_f1"), "without costs": no_costs,
    "grey": lambda record: record["verdict"].update(decision="grey"), "stop": lambda record: record["verdict"].update(decision="stop"), "unsigned": lambda record: record["gates"].update(signed=False, state="unsigned"),
    "copying wins": lambda record: record["verdict"].update(best_baseline="copy_note"), "the commonest": lambda record: record["verdict"].update(best_baseline="majority"), "no volume": lambda record: record.update(volume_per_month=None),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_no_jargon_stands_on_the_first_page(variant, kind):
    html = first_page(page(variant(KINDS[kind])))
    for language in ("en", "ja"):
        assert jargon_in(seen(html, language), language) == [], kind


def test_no_jargon_stands_on_the_first_page_of_runs_with_roi_and_of_runs_without_a_verdict(whole, company, tmp_path):
    rehearsal, red = make_run(tmp_path / "one", company, rehearsal=True), make_run(tmp_path / "two", company, red=(5,))
    for run in (whole, rehearsal, red):
        for language in ("en", "ja"):
            assert jargon_in(seen(first_page(page(run)), language), language) == []


def test_the_list_of_jargon_is_noticed_where_it_stands():
    assert jargon_in("a macro F1 of 0.9", "en") == ["macro", "F1"] and jargon_in("マクロ再現率", "ja") == ["マクロ", "再現率"]
    assert jargon_in("the investigation of recalled goods", "en") == []


def test_the_first_page_has_one_verdict_one_range_of_yen_one_picture_one_sentence(whole):
    html = first_page(page(whole))
    assert (html.count('class="verdict '), html.count('class="yen'), html.count("<figure>"), html.count('class="certainty"')) == (1, 1, 1, 1)
    roi, record = json.loads((whole / "roi.json").read_text(encoding="utf-8")), runs.read(whole)
    npv = next(row["npv"] for row in roi["options"] if row["option"] == "tuned")
    assert f"{about(npv['low'])['en']} to {about(npv['high'])['en']}" in seen(html) and "example figures" in seen(html) and "金額は例" in seen(html, "ja")
    assert len(re.findall(r"¥[\d,]+ to ¥[\d,]+", seen(html))) == 1
    certainty = seen(re.search(r'(?s)<p class="certainty">.*?</p>', html).group()).strip()
    low, high = outwards(record)
    assert certainty == f"We are 95% sure that of 100 new cases of each kind it gets {low} to {high} right on average, tested on 520 cases that it had never seen, from only 5 groups (a new one may differ more)."
    assert "Not decided" in seen(html) and "保留" in seen(html, "ja")


@pytest.mark.parametrize(("groups", "told"), [([""], "had never seen."), (["L1"], "Of a new group nobody can say: 1 is too few. For cases like those of this 1 group alone, of 100 cases of each kind"), ([f"L{i}" for i in range(4)], "these 4 groups alone"), ([f"L{i}" for i in range(5)], "from only 5 groups (a new"), ([f"L{i}" for i in range(12)], "from 12 groups.")])
def test_the_sentence_on_certainty_counts_groups_where_there_are_any(good, tmp_path, groups, told):
    run = shutil.copytree(good, tmp_path / "run")
    table = pd.read_csv(run / "predictions.csv", dtype=str, keep_default_na=False)
    table["group"] = [groups[i % len(groups)] for i in range(len(table))]
    table.to_csv(run / "predictions.csv", index=False)
    known = read(run)
    assert told in certainty(known)["en"]
    few = 0 < len(set(groups) - {""}) < 5
    assert ("sure that" in certainty(known)["en"]) != few and ("の確かさで" in certainty(known)["ja"]) != few
    html = first_page(render(known))
    assert ("95% sure" in seen(html)) != few and ("chance alone" in seen(html)) == few and jargon_in(seen(html), "en") == [] and jargon_in(seen(html, "ja"), "ja") == []


def test_a_loss_is_called_a_loss(whole, tmp_path):
    run = shutil.copytree(whole, tmp_path / "run")
    roi = json.loads((run / "roi.json").read_text(encoding="utf-8"))
    next(row for row in roi["options"] if row["option"] == "tuned")["npv"] = {"value": -5e6, "low": -9e6, "high": -1e6}
    runs.write_json(run / "roi.json", roi)
    assert "¥1,000,000 to ¥9,000,000 LOST over 36 months" in seen(first_page(page(run)))
    next(row for row in roi["options"] if row["option"] == "tuned")["npv"] = {"value": 5e6, "low": -9e6, "high": 1e7}
    runs.write_json(run / "roi.json", roi)
    assert "a loss is possible" in seen(first_page(page(run)))


@pytest.mark.parametrize("made", [{"rehearsal": True}, {"red": (5,)}])
def test_a_run_without_a_verdict_says_so_in_large_letters_and_shows_no_money(company, whole, tmp_path, made):
    run = make_run(tmp_path / "run", company, **made)
    shutil.copy(whole / "roi.json", run)  # of whatever was there before
    files = write(run)
    html = files[0].read_text(encoding="utf-8")
    loud = re.search(r'<p class="loud" role="alert">.*?</p>', html).group()
    assert "This run decides nothing" in seen(loud) and html.index("loud") < html.index('class="verdict')
    assert not MONEY.search(seen(html)) and not MONEY.search(seen(html, "ja")), "no amount of money anywhere"
    assert "supports no sentence but one" in seen(html) and 'class="phase"' not in html and "<figure>" not in html
    for file in files[1:]:
        words = "\n".join(words_of(Presentation(str(file))))
        assert not MONEY.search(words) and len(Presentation(str(file)).slides) == 2
        assert "decides nothing" in words or "何も決められません" in words


@pytest.mark.parametrize("rehearsal", [True, False])
def test_a_run_without_a_verdict_promises_nothing_even_where_it_holds_a_promise(whole, tmp_path, rehearsal):
    record = runs.read(whole)
    share = f"{record['abstention']['kept']:.0%} of the held-out rows"
    assert "at 95% confidence" in seen(section(page(whole), "people")) and share in seen(section(page(whole), "people"))
    run = changed(shutil.copytree(whole, tmp_path / "run"), lambda record: (record.update(rehearsal=rehearsal), record["verdict"].update(decision="none", decision_run=False, reasons=[{"en": "A check failed.", "ja": "不合格。"}])))
    html = page(run)
    for language in ("en", "ja"):
        assert not re.search(r"confidence, for rows|at 95% confidence|信頼度 95%|by a threshold with a promise|保証つきのしきい値で人へ", seen(html, language))
    assert share not in seen(html) and f"{100 * record['abstention']['threshold']:.3g}%" not in seen(html)
    assert {asks["en"]: there for one in governance(read(run)) for asks, _, there, _ in one["points"]}["Filter of outputs"] is False


def test_what_was_not_measured_is_told_with_its_command_and_leaves_no_sentence(good, whole):
    bare, full = read(good), read(whole)
    lacks = missing(bare)
    assert {name: one["command"] for name, one in lacks.items()} == {
        "roi": "poc roi RUN", "diagnosis": "poc diagnose RUN", "bridges": "poc bridges RUN", "certainty": "poc run DIR", "sizing": "poc size RUN", "use": "notebooks/11_human_in_the_loop.ipynb"}
    untested = seen(section(render(bare), "untested"))
    assert all(one["said"]["en"] in untested and one["command"] in untested for one in lacks.values())
    assert "poc roi RUN" in seen(section(render(bare), "yen")) and "poc diagnose RUN" in seen(section(render(bare), "believes"))
    sources = [one.source for one in sentences(bare)]
    assert not any(source.startswith(("roi.json", "diagnosis.json", "run.json: abstention")) or "roi.json" in source for source in sources)
    assert {"roi.json: today", "diagnosis.json: table"} <= {one.source for one in sentences(full)} and "roi" not in missing(full)
    assert not missing(full).keys() & {"diagnosis", "guard", "audit", "groups"}


def test_each_sentence_names_a_file_of_the_run_and_no_figure_is_invented(whole):
    known = read(whole)
    told = {one.source: one for one in sentences(known)}
    assert all((whole / source.split(":")[0]).is_file() for source in told)
    assert told["checks.json"].text["en"] == "The run passed 7 of the 7 checks of itself that apply."
    assert about(sum(known.roi["today"].values()))["en"] in told["roi.json: today"].text["en"] and told["roi.json: today"].example
    worst = min(known.groups, key=lambda row: row["value"])
    assert worst["group"] in told["predictions.csv: group"].text["en"] and f"{100 * worst['value']:.0f}%" in told["predictions.csv: group"].text["ja"]
    assert told["diagnosis.json: table"].text["en"] == "With “misleading note A (en)” beside it, 52% of its answers are right instead of 91%: −39.0 points."
    first = sentences(known)[0]
    low, high = outwards(known.record)
    assert f"{low} to {high} of 100, where 80 was asked for" in first.text["en"] and first.text["en"].endswith("by the criteria the verdict is: not decided.") and first.example


def test_a_finding_that_warns_and_a_recommended_bridge_are_among_the_sentences(good, tmp_path):
    run = shutil.copytree(good, tmp_path / "run")
    runs.write_json(run / runs.BRIDGES, {"table": [{"bridge": "specialist", "audit": "", "weak": "", "n": 40, "macro_recall": 0.7, "low": 0.6, "high": 0.8, "trained": 9, "failed": ""}], "kpi": "macro_recall", "rows": {"train": 60, "validation": 20, "asked": 40},
                                         "recommended": {"verdict": "good", "summary": "Take the specialist.", "advice": "", "evidence": {"chosen": "specialist", "rule": ""}}})  # fmt: skip
    told = {one.source: one.text for one in sentences(read(run))}
    assert told["findings.json: dependence on the note"]["en"].startswith("Taking the note away changes 7%") and told["bridges.json: recommended"] == {"en": "Take the specialist.", "ja": "Take the specialist."}
    html = page(run)
    assert "Taking the note away changes 7%" in seen(section(html, "believes")) and "Take the specialist." in seen(section(html, "bridges")) and html.count(' id="bridges"') == 1


def test_a_promise_and_a_sized_machine_are_told_where_they_were_measured(variant):
    off = {"value": 0.021, "low": 0.0, "high": 0.044, "n": 520}
    run = variant(lambda record: record.update(calibration={"temperature": 1.3, "rows": 312, "groups": 3, "before": off, "after": off}, abstention={
        "targets": {"miss": 0.05}, "confidence": 0.95, "threshold": 0.83, "needed": {}, "kept": 0.72, "held_out": {"miss": 0.013, "wrong": 0.02, "precision": 0.97, "abstention": 0.28}}))  # fmt: skip
    forms = [Measured("4-bit", "cpu", 24, 120, 0.21, 0.3, 9.4, 1024.0, 512.0, {"value": 0.91, "low": 0.73, "high": 0.98}), Measured("8-bit", reason="cannot run here")]
    store(run, forms, {})
    known = read(run)
    assert not missing(known).keys() & {"certainty", "sizing"} and "plan" in missing(known), "no machine was named"
    html = render(known)
    people, machine = seen(section(html, "people")), seen(section(html, "size"))
    assert "at most 5% of the bad cases pass as good, at 95% confidence" in people and "was not measured how far its certainty" not in people
    assert "run.json: abstention" in {one.source for one in sentences(known)}
    assert "4-bit 91.0% 73.0% – 98.0% 0.21 9.4 1.50" in machine and "8-bit cannot run here – – – –" in machine and "the same 24 held-out cases" in machine
    assert "0.21 s, one case asked alone" in machine and "write them into poc.yaml (business: machines). To do it: poc size RUN" in machine
    done = {asks["en"]: there for one in governance(known) for asks, _, there, _ in one["points"]}
    assert done["Filter of outputs"] is True


def test_edge_server_and_endpoint_stand_side_by_side_with_what_a_month_costs(variant):
    run = variant(lambda record: record.update(costs_are_examples=False))
    row = {"fits": True, "machines": 2, "once": 2e6, "monthly": 20_000.0, "source": "offer", "date": "2026-11-30", "latency_s": 0.1, "needed_per_second": 5.0, "unknown": []}
    edge, far = row | {"name": "box", "place": "edge"}, row | {"name": "rented", "place": "endpoint", "fits": None, "machines": None, "once": 0.0, "monthly": None, "unknown": ["per_1000"]}
    store(run, [Measured("16-bit", "cpu", 24), Measured("4-bit", "cpu", 24)], {"16-bit": [edge | {"machines": 3, "once": 3e6, "fits": False}, far], "4-bit": [edge, far]})
    known = read(run)
    machine = seen(section(render(known), "size"))
    assert not missing(known).keys() & {"sizing", "plan"} and "example figures" not in machine
    assert "box offer, 2026-11-30 edge: beside the line DOES NOT FIT into its memory 16-bit 3 ¥3,000,000 ¥20,000" in machine and "fits into its memory 4-bit 2 ¥2,000,000 ¥20,000" in machine
    assert "rented offer, 2026-11-30 endpoint of a provider 16-bit, 4-bit its provider's affair 0 unknown: write it into poc.yaml" in machine.replace("&#39;", "'")
    changed(run, lambda record: record["verdict"].update(decision="none"))
    assert not MONEY.search(seen(section(page(run), "size")))


def test_a_question_whose_section_is_a_lack_is_not_called_answered(good, whole):
    told = {place: answered for place, answered in re.findall(r'<td><a href="#(\w+)">(.*?)</a></td>', section(page(good), "questions"))}
    assert {place for place, text in told.items() if "not answered in this run" in text} == {"yen", "believes", "size"} and len(told) == len(QUESTIONS)
    assert section(page(whole), "questions").count("not answered in this run") == 1, "its size"


def test_seconds_are_told_as_what_was_measured_and_never_as_zero(whole, tmp_path):
    known = read(whole)
    assert "0.028 s on average where many cases are asked together" in seen(section(render(known), "size"))
    sooner = next(one.text for one in sentences(known) if one.source == "roi.json: measured.seconds_per_answer")
    assert "0.028 seconds on average where many were asked together, and one alone takes longer" in sooner["en"] and "まとめて尋ねたとき" in sooner["ja"]
    run = changed(shutil.copytree(whole, tmp_path / "run"), lambda record: record.update(seconds_per_answer=None))
    roi = json.loads((run / "roi.json").read_text(encoding="utf-8"))
    roi["measured"]["seconds_per_answer"] = 0.0
    runs.write_json(run / "roi.json", roi)
    html = page(run)
    assert not [one for one in sentences(read(run)) if "seconds" in one.text["en"]] and "0.00" not in seen(html) and "not measured in this run (poc size RUN)" in seen(html)


def test_the_share_for_people_says_of_what_and_two_thresholds_are_told_apart(whole, tmp_path):
    known = read(whole)
    one, promised = known.roi["measured"]["tuned"], known.record["abstention"]["threshold"]
    text = seen(section(render(known), "people"))
    assert f"Of the line's cases, at the shares that poc.yaml states, {one['looks'][0] / 10:.1f} %" in text.replace("&#39;", "'") and f"where it is unsure, below {100 * one['thresholds'][0]:.3g} %)" in text
    assert f"the promise is for {100 * promised:.3g} % (after the temperature), the money for {100 * one['thresholds'][0]:.3g} %" in text
    run = shutil.copytree(whole, tmp_path / "run")
    roi = json.loads((run / "roi.json").read_text(encoding="utf-8"))
    roi["measured"]["prevalence"], roi["measured"]["tuned"]["thresholds"] = False, [promised]
    runs.write_json(run / "roi.json", roi)
    text = seen(section(page(run), "people"))
    assert "On 520 held-out cases of 5 groups, " in text and "two thresholds" not in text


def test_figures_of_examples_are_marked_wherever_they_stand(whole, tmp_path):
    html = page(whole)
    for id, what in (("risks", r"the low end is −?¥[\d,]+ \(example figures\)"), ("labels", r"investment: ¥[\d,]+\. \(example figures\)"), ("decay", r"each\. \(example figures\)"), ("people", r"among which the share is another\. \(example figures\)")):
        assert re.search(what, seen(html[html.index(f' id="{id}"') :])), id
    files = write(shutil.copytree(whole, tmp_path / "run"))
    assert any("the low end is" in text and text.endswith("(example figures)") for text in words_of(Presentation(str(files[1]))))
    roi = json.loads((tmp_path / "run" / "roi.json").read_text(encoding="utf-8"))
    roi["examples"] = False
    runs.write_json(tmp_path / "run" / "roi.json", roi)
    assert "(example figures)" not in seen(section(page(tmp_path / "run"), "people"))


def test_the_one_sentence_of_an_unsigned_run_says_so(variant, good):
    unsigned, signed = sentences(read(variant(KINDS["unsigned"])))[0].text, sentences(read(good))[0].text
    assert unsigned["en"].endswith("(the criteria were not signed beforehand: it decides nothing yet).") and "署名されておらず" in unsigned["ja"]
    assert signed["en"].endswith("the verdict is: go.") and "署名" not in signed["ja"]


def test_a_run_without_costs_is_told_to_write_them_and_not_sent_to_a_command_that_refuses(variant):
    lack = missing(read(variant(no_costs)))["roi"]
    assert lack["command"] == "poc run DIR" and "poc.yaml (costs)" in lack["said"]["en"]


def test_long_names_keep_the_ends_at_which_they_differ():
    names = [deck._shortened(f"Lot-of-extremely-long-name-and-supplier-and-machine-L26{n}") for n in (13, 14)]
    assert names[0] != names[1] and names[0].startswith("Lot-of") and names[0].endswith("L2613") and "…" in names[0] and deck._shortened("L2613") == "L2613"


def test_the_eu_act_has_the_dates_of_its_omnibus():
    text = next(one.version for one in FRAMEWORKS if one.link.endswith("2024/1689/oj"))
    for language, dates in (("en", ("2 August 2026", "2026/1744", "27 July 2026", "2 December 2026", "2 December 2027", "2 August 2028")), ("ja", ("2026年8月2日", "2026/1744", "2026年7月27日", "2026年12月2日", "2027年12月2日", "2028年8月2日"))):
        assert all(date in text[language] for date in dates)


def test_a_red_check_is_counted_in_the_sentence_about_checks(good, tmp_path):
    run = shutil.copytree(good, tmp_path / "run")
    checks = json.loads((run / "checks.json").read_text(encoding="utf-8"))
    checks[0]["status"], checks[1]["status"] = "red", "na"
    runs.write_json(run / "checks.json", checks)
    assert "passed 5 of the 6 checks" in next(one.text["en"] for one in sentences(read(run)) if one.source == "checks.json")


def test_the_roadmap_is_made_of_the_rois_assumptions_by_hand(whole):
    known = read(whole)
    value = {one["key"]: one["value"] for one in known.roi["assumptions"]}
    low = {one["key"]: one["low"] for one in known.roi["assumptions"]}
    phases = roadmap(known)["phases"]
    labels = 1787 * 10 * 2800 / 3600
    assert {name: amount for name, (_, amount) in phases[0]["amounts"].items()} == pytest.approx({"integration": 6e6, "machine": 1.5e6, "labels": labels})
    for phase in phases[1:]:  # three months, and six
        assert {name: amount for name, (_, amount) in phase["amounts"].items()} == pytest.approx({"machine": 30_000 * (3, 6)[phase is phases[2]], "monitoring": 80_000 * (3, 6)[phase is phases[2]], "teaching again": (100_000, 200_000)[phase is phases[2]]})
    assert f"A full year: {about(12 * (30_000 + 80_000) + 2 * 200_000, 'JPY')['en']}" in phases[2]["does"]["en"]
    assert sum(amount for phase in phases for _, amount in phase["amounts"].values()) == pytest.approx(known.roi["first_year"]["value"]), "the phases are the first year"
    assert about(low["integration"] + low["machine"] + low["labels"] * low["seconds_per_label"] * low["wage_per_hour"] / 3600)["en"] in phases[0]["total"]["en"]
    assert value["months_to_start"] == value["months_all_checked"] == 3 and phases[1]["when"]["en"] == "months 3 to 6" and phases[2]["when"]["en"].startswith("from month 6 on")
    checked = about(3 * 40_000 * 12 / 3600 * 2_800, "JPY")
    assert f"and {checked['en']} (" in roadmap(known)["whole"]["en"] and f"確認する人の時間 {checked['ja']}" in roadmap(known)["whole"]["ja"], "40,000 cases of 12 s in three months, apart from what is paid"
    assert "surely at least 95%, on 300 answers or more, over 10 days" in phases[1]["next"]["en"] and "open points" in phases[0]["does"]["en"]


def test_a_stop_has_no_phases_and_a_run_without_roi_has_phases_without_costs(variant, whole, tmp_path, good):
    stopped = roadmap(read(changed(shutil.copytree(whole, tmp_path / "stopped"), KINDS["stop"])))
    assert stopped["phases"] == [] and "no phase is proposed" in stopped["said"]["en"]
    plain = roadmap(read(good))
    assert len(plain["phases"]) == 3 and not any(phase["costs"] or phase["total"] for phase in plain["phases"]) and "poc roi RUN" in plain["said"]["en"] and plain["whole"] is None


def test_every_question_is_answered_on_the_page_and_stands_in_the_docs(good, whole, company, tmp_path):
    assert len(QUESTIONS) == 15
    for language, file in (("en", "questions.md"), ("ja", "questions.ja.md")):
        table = [line.split("|")[1:4] for line in (ROOT / "docs" / file).read_text(encoding="utf-8").splitlines() if line.startswith("| ") and "#" in line]
        assert [(question.strip(), place.strip()) for question, place, _ in table] == [(question[language], f"#{place}") for question, place in QUESTIONS]
        for name in re.findall(r"\]\(([\w.]+)\)", (ROOT / "docs" / file).read_text(encoding="utf-8")):
            assert (ROOT / "docs" / name).is_file(), name
    for run in (good, whole, make_run(tmp_path / "run", company, rehearsal=True)):
        html = page(run)
        for _, place in QUESTIONS:
            assert html.count(f' id="{place}"') == 1 and f'href="#{place}"' in html
            answer = re.search(rf'(?s)<(\w+)[^>]* id="{place}".*?(?:</section>|</dd>|(?=<h3>How)|\Z)', html).group()
            assert len(seen(answer).split()) > 10 and len(re.sub(r"\s", "", seen(answer, "ja"))) > 25, place


def test_every_command_that_docs_and_page_name_exists(good, whole):
    from typer.main import get_command

    from poc.__main__ import app

    text = "".join((ROOT / "docs" / file).read_text(encoding="utf-8") for file in ("questions.md", "questions.ja.md")) + seen(page(good)) + seen(page(whole), "ja")
    named = set(re.findall(r"\bpoc (\w+)", text)) - {"yaml"}
    assert {"roi", "board", "diagnose"} <= named and named <= set(get_command(app).commands), named


def test_governance_says_what_this_run_did_and_not_what_the_kit_could_do(good, variant, whole, tmp_path):
    done = {asks["en"]: (did["en"], there) for one in governance(read(good)) for asks, did, there, _ in one["points"]}
    assert done["Accountability"] == ("Gates signed by Sato on 2026-11-01 09:00, before training.", True)
    assert done["Education, literacy"][1] is False and done["Filter of outputs"][1] is False and "this run sent no row" in done["Entrustment, third parties, abroad (Art. 25, 27, 28)"][0]
    assert done["Human oversight (Art. 14)"][1] is False and done["Accuracy, robustness, cybersecurity (Art. 15)"][1] is False
    unsigned = {asks["en"]: there for one in governance(read(variant(KINDS["unsigned"]))) for asks, _, there, _ in one["points"]}
    assert unsigned["Accountability"] is False and unsigned["Quality required by the use"] is False
    run = shutil.copytree(whole, tmp_path / "sent")
    runs.write_json(run / runs.BRIDGES, {"table": [{"bridge": "remote (somewhere)"}]})
    sent = {asks["en"]: (did["en"], there) for one in governance(read(run)) for asks, did, there, _ in one["points"]}
    assert "rows WERE sent" in sent["Security"][0] and sent["Security"][1] is False
    assert "faces: FOUND or possible" in sent["Privacy"][0]


def test_governance_has_links_and_dates(good):
    html = section(page(good), "governance")
    for one in FRAMEWORKS:
        assert one.link.startswith("https://") and f'href="{one.link}"' in html and re.search(r"\b20\d\d\b", one.version["en"]) and re.search(r"20\d\d年|平成", one.version["ja"])
    assert AS_OF in seen(html) and "No legal advice" in seen(html)


def test_a_model_in_use_shows_its_step_and_its_audit_log(good, tmp_path):
    run = shutil.copytree(good, tmp_path / "run")
    log = AuditLog(run / FOLDER / "audit_log.jsonl")
    begin(log, "a model", "Sato")
    html = page(run)
    assert "It stands on the step “shadow”" in seen(html) and 'class="here"' in html and "1 records, none changed" in seen(html)
    file = run / FOLDER / "audit_log.jsonl"
    file.write_text(file.read_text(encoding="utf-8").replace("Sato", "Ito"), encoding="utf-8")
    assert "does NOT verify" in seen(page(run)) and "検証に失敗" in seen(page(run), "ja")


def test_roles_are_those_of_the_page_of_roles():
    for language, file in (("en", "roles.md"), ("ja", "roles.ja.md")):
        table = (ROOT / "docs" / file).read_text(encoding="utf-8").split("|---|---|---|---|")[1].split("\n\n")[0]
        assert [role[language] for role, _ in ROLES] == [line.split("|")[1].strip() for line in table.strip().splitlines()]


def test_it_loads_nothing_is_small_and_escapes_what_the_company_wrote(variant, whole):
    evil = "<script>alert(1)</script>"

    def change(record):
        record["title"] = {"en": evil, "ja": evil}
        record["gates"]["signed_by"] = record["data"]["group_rule"] = record["model"]["name"] = record["verdict"]["reasons"][0]["en"] = evil

    html = page(variant(change))
    assert html.count("<script") == 1 and "&lt;script&gt;alert(1)" in html
    html = page(whole)
    assert not re.search(r'(?i)\b(src|action|srcset)\s*=', re.sub(r"(?s)<script>.*</script>", "", html)) and "url(" not in html and "@import" not in html
    assert len(html.encode()) < 5e6 and "content=\"default-src 'none'" in html


def test_both_languages_are_complete(good, whole):
    for run in (good, whole):
        html = page(run)
        assert html.count('<span class="en"') == html.count('<span class="ja"') > 200
        ours = [text for text in re.findall(r'<span class="en" lang="en">(.*?)</span>', html) if "サンプル会社" not in text]
        assert not [text for text in ours if re.search(r"[぀-ヿ一-鿿]", text)]
        assert not [text for text in re.findall(r'<span class="ja" lang="ja">(.*?)</span>', html) if re.search(r"\b(the|and|with|cases)\b", text.replace("sample company's figure", "")) and "サンプル会社" not in text]


def test_the_report_no_longer_says_that_only_errors_are_priced_where_all_costs_are(good, whole):
    assert "wrong answers only" in seen(section(page(good), "untested")) and "wrong answers only" not in seen(section(page(whole), "untested"))


def words_of(show) -> list[str]:
    return [shape.text_frame.text for slide in show.slides for shape in slide.shapes if shape.has_text_frame]


@pytest.fixture(scope="module")
def slides(whole, good, tmp_path_factory):
    """(name, language) -> presentation, of the example run, of a bare run, and of one with long names."""
    long = shutil.copytree(whole, tmp_path_factory.mktemp("long") / "run")

    def change(record):
        record["title"] = {"en": "Visual inspection of machined parts with voice memos of three shifts, and the note of the first inspector, in the second plant " * 2, "ja": "第二工場における機械加工部品の外観検査（三交代の音声メモと一次検査員のメモを含む）の概念実証" * 3}

    changed(long, change)
    text = (long / "predictions.csv").read_text(encoding="utf-8").replace("L2613,", "ロット 2613 第二工場 夜勤 ライン B 照明交換後 再検査分 Lot with quite a long name,")
    (long / "predictions.csv").write_text(text, encoding="utf-8")
    made = {}
    for name, run in (("whole", whole), ("bare", good), ("long", long)):
        for file in write(run)[1:]:
            made[name, file.name.split(".")[1]] = Presentation(str(file))
    return made


def test_six_slides_with_charts_that_can_be_edited(slides, whole):
    measured = tuned_of(runs.read(whole))
    for (name, language), show in slides.items():
        assert len(show.slides) == 6
        charts = [shape.chart for slide in show.slides for shape in slide.shapes if shape.has_chart]
        assert len(charts) >= (6 if name != "bare" else 3) and not any(shape.shape_type == 13 for slide in show.slides for shape in slide.shapes), "charts, no pictures of charts"
        first = charts[0].plots[0]
        low, width = (list(next(series for series in first.series if series.name == one).values) for one in ("gap", "range"))
        if name == "whole":
            assert (low[-1], low[-1] + width[-1]) == pytest.approx((100 * measured["low"], 100 * measured["high"]), abs=0.06) and 80 - 1 < low[0] < 80, "this model on top, the mark at the bottom"
        assert (name == "bare") == ("poc diagnose RUN" in "\n".join(words_of(show)))
        assert re.search(r"[぀-ヿ]", "".join(words_of(show))) is None or language == "ja" or name == "long"


def test_bad_news_is_among_what_can_be_said(slides):
    last = slides["whole", "en"].slides[5]
    assert "With “misleading note A (en)” beside it, 52% of its answers are right" in "\n".join(shape.text_frame.text for shape in last.shapes if shape.has_text_frame)


def test_a_japanese_font_is_named_on_every_run(slides):
    for (_, language), show in slides.items():
        runs_ = [run for slide in show.slides for shape in slide.shapes if shape.has_text_frame for paragraph in shape.text_frame.paragraphs for run in paragraph.runs]
        assert len(runs_) > 40
        for run in runs_:
            properties = run._r.rPr
            assert [child.get("typeface") for child in properties if child.tag.endswith(("}latin", "}ea"))] == [deck.LATIN, deck.JAPANESE] and properties.get("lang") == {"en": "en-US", "ja": "ja-JP"}[language]
        charts = [shape.chart._chartSpace.xml for slide in show.slides for shape in slide.shapes if shape.has_chart]
        assert all(f'<a:ea typeface="{deck.JAPANESE}"' in xml for xml in charts)


def test_no_text_leaves_its_box_or_its_slide(slides):
    """With DejaVu Sans, the widest of the common sans serifs, for Latin and the repository's Japanese font for the rest."""
    checked = 0
    for (name, language), show in slides.items():
        for number, slide in enumerate(show.slides, 1):
            for shape in slide.shapes:
                assert shape.left >= 0 and shape.top >= 0 and shape.left + shape.width <= show.slide_width and shape.top + shape.height <= show.slide_height, (name, language, number)
                if shape.has_text_frame and shape.text_frame.text:
                    needed = height_of(shape.text_frame, shape.width)
                    assert needed <= shape.height, f"{name} {language} slide {number}: {shape.text_frame.text[:60]!r} needs {needed / 12700:.0f} of {shape.height / 12700:.0f} points"
                    checked += 1
    assert checked > 150


def test_the_ruler_sees_text_that_is_too_long(slides):
    frame = next(shape.text_frame for shape in slides["whole", "ja"].slides[0].shapes if shape.has_text_frame and shape.text_frame.text.startswith("95%"))
    width, height = 12.1 * 914400, 0.95 * 914400
    assert height_of(frame, width) <= height
    frame.paragraphs[0].runs[0].text *= 3
    assert height_of(frame, width) > height


def height_of(frame, width: int) -> float:
    """EMU that a text frame's text takes up, by real font metrics."""
    total = 0
    for place, paragraph in enumerate(frame.paragraphs):
        run = paragraph.runs[0]
        size, bold = run.font.size.pt, bool(run.font.bold)
        lines = deck.wrapped(run.text, width / 12700 / size, bold, measure=lambda text, bold=bold: sum(_ruler(char, bold) for char in text))
        total += len(lines) * paragraph.line_spacing + (paragraph.space_after if place < len(frame.paragraphs) - 1 else 0)
    return total


@cache
def _font(which: str):
    import matplotlib
    import matplotlib_fontja

    where = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(str({"ja": matplotlib_fontja.matplotlib_fontja.get_font_ttf_path(), "plain": where / "DejaVuSans.ttf", "bold": where / "DejaVuSans-Bold.ttf"}[which]), 200)


@cache
def _ruler(char: str, bold: bool) -> float:
    """em of a character; one that may be wide is measured as a Japanese one."""
    return _font("ja" if unicodedata.east_asian_width(char) in "WFA" else "bold" if bold else "plain").getlength(char) / 200


def test_text_is_set_as_large_as_it_fits_and_cut_only_below_the_smallest_size():
    assert deck.fitted(["short"], 20, (0, 0, 4, 0.5))[0] == 20
    size, kept = deck.fitted(["日本語の長い文です。" * 6], 20, (0, 0, 4, 1.0))
    assert deck.SMALLEST < size < 20 and kept == ["日本語の長い文です。" * 6] and deck.fits(kept, size, (0, 0, 4, 1.0)) and not deck.fits(kept, size + 0.5, (0, 0, 4, 1.0))
    size, kept = deck.fitted(["word " * 400], 20, (0, 0, 4, 1.0))
    assert size == deck.SMALLEST and kept[0].endswith("…") and deck.fits(kept, size, (0, 0, 4, 1.0))


def test_lines_break_between_latin_words_and_anywhere_in_japanese():
    one = lambda text: len(text)  # noqa: E731  every character one em
    assert deck.wrapped("ab cd ef", 5, measure=one) == ["ab cd", "ef"]
    assert deck.wrapped("あいうえお", 2, measure=one) == ["あい", "うえ", "お"]
    assert deck.wrapped("abcdefg", 3, measure=one) == ["abc", "def", "g"]


def test_an_axis_has_round_ends_with_zero_on_a_line():
    ends = lambda *pairs: deck._round_ends([deck.Bar("", low, high, "") for low, high in pairs])  # noqa: E731
    assert ends((6.7, 110)) == (0, 120)
    low, high = ends((-27, 47), (6.7, 110))
    step = (high - low) / 4
    assert low <= -27 and high >= 110 and abs(low / step - round(low / step)) < 1e-9


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_in_a_browser_nothing_sticks_out_and_the_language_switch_works(whole, chromium, width):
    from playwright.sync_api import sync_playwright

    path = whole / "board.html"
    path.write_text(page(whole, language="en"), encoding="utf-8")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": width, "height": 900})
        errors = []
        view.on("pageerror", lambda error: errors.append(str(error)))
        view.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        view.goto(path.as_uri())
        assert "Not decided" in view.inner_text(".first .verdict") and view.evaluate("document.documentElement.scrollWidth") <= width
        view.click("text=日本語")
        assert "保留" in view.inner_text(".first .verdict") and view.evaluate("document.documentElement.scrollWidth") <= width
        assert width < 1000 or view.evaluate("document.querySelector('#first').getBoundingClientRect().bottom") < 900, "the first page is one screen"
        browser.close()
    assert errors == []


def _row(name: str, perturbed: float, control: bool = False) -> dict:
    return {"perturbation": name, "kind": "misleading", "modality": "text", "control": control, "n": 40, "clean": 0.91, "perturbed": perturbed, "perturbed_low": perturbed - 0.1, "perturbed_high": perturbed + 0.1,
            "lost": 0.91 - perturbed, "lost_low": 0.81 - perturbed, "lost_high": 1.01 - perturbed, "followed": 0.3, "copied": 0.0}  # fmt: skip


DIAGNOSIS = {
    "rows": 40, "set": "abc", "scenarios": [], "before": None, "worst": [0.4, 0.3, 0.5], "table": [_row("misleading note A (en)", 0.52), _row("unrelated facts (ja)", 0.88), _row("matching note (en)", 0.95, control=True)],
    "price": {"yen": None, "said": {"en": "No price of wrong notes: their share is unknown.", "ja": "誤ったメモの費用は出せません：頻度が不明です。"}},
    "findings": [{"name": "sensitivity", "value": 0.8, "low": 0.7, "high": 0.9, "verdict": "good", "summary": {"en": "with another photo 85 % of the answers follow it", "ja": "写真を替えると 85 % の回答がそれに従います"}, "evidence": {}, "advice": "", "cost": ""},
                 {"name": "explanation by image", "value": 2.0, "low": 1.0, "high": 3.0, "verdict": "good", "summary": {"en": "without the marked part the answer loses 2 nats", "ja": "印の部分を隠すと 2 nat 下がります"}, "evidence": {}, "advice": "", "cost": ""}],
    "not_tested": {"en": ["a wrong label spoken in a sound"], "ja": ["音声で話された誤ったラベル"]},
}  # fmt: skip
