"""The report of a made run: what stands first, what it must never do, and that it fits a phone."""

import json
import re
import shutil

import pytest
from made_run import make_folder, make_run

from poc import runs
from poc.report import write
from poc.report.money import saving_per_1000, yen_range
from poc.report.wording import about, percent, points, t, yen
from poc.signature import sign


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    folder = make_folder(tmp_path_factory.mktemp("company") / "made", rows=120)
    sign(folder, "Sato")
    return folder


@pytest.fixture(scope="module")
def good(company, tmp_path_factory):
    """A run whose gates are all passed."""
    run = make_run(tmp_path_factory.mktemp("runs") / "20261122-093000", company)
    record = runs.read(run)
    record["gates"]["signed_at"] = "2026-11-01T09:00:00+09:00"  # before the run
    runs.write_json(run / "run.json", record)
    return run


@pytest.fixture
def variant(good, tmp_path):
    """A copy of the good run whose run.json was changed by a function."""

    def make(change):
        run = shutil.copytree(good, tmp_path / "run")
        record = runs.read(run)
        change(record)
        runs.write_json(run / "run.json", record)
        return run

    return make


def page(run, **more) -> str:
    return write(run, **more).read_text(encoding="utf-8")


def seen(html: str, language: str = "en") -> str:
    """What a reader of one language sees, without tags, scripts and styles."""
    other = "ja" if language == "en" else "en"
    html = re.sub(r"(?s)<(style|script).*?</\1>", "", html)
    html = re.sub(rf'(?s)<span class="{other}" lang="{other}">.*?</span>', "", html)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_gates_that_were_changed_after_data_was_seen_are_told_in_red_in_both_languages(variant):
    def change(record):
        record["gates"] |= {"changed_after": [{"run": "20261101-080000", "finished": "2026-11-01T08:30:00", "hash": "old", "rows": 80}], "earlier": [{"name": "Ito", "time": "2026-10-30T10:00:00+09:00"}]}

    html = page(variant(change))
    first = html.split('id="checks"')[0]
    red = re.search(r'(?s)<div class="banner red" role="alert">.*?</div>', first).group()
    assert "not a decision run" in seen(first) and 'class="red-text"' in red
    assert "CHANGED AFTER DATA WAS SEEN: Sato signed these on 2026-11-01 09:00, when run 20261101-080000 had shown results on 80 of these 120 held-out rows under other gates (Ito 2026-10-30 10:00)" in seen(red)
    assert "データを見た後に判定基準が変更されています" in seen(red, "ja") and "120 件中 80 件" in seen(red, "ja")


def test_certainty_is_told_where_the_run_measured_it_and_nowhere_else(good, variant):
    assert 'id="certainty"' not in page(good)
    off = {"value": 0.021, "low": 0.0, "high": 0.044, "plug_in": 0.03, "by_chance": 0.04, "n": 520, "bins": 10}

    def measured(threshold):
        return {"calibration": {"temperature": 1.31, "rows": 312, "groups": 3, "before": off | {"value": 0.05}, "after": off},
                "abstention": {"targets": {"miss": 0.05}, "confidence": 0.95, "threshold": threshold, "needed": {} if threshold else {"miss": 59}, "kept": 0.72 if threshold else None,
                               "held_out": {"miss": 0.013, "wrong": 0.02, "precision": 0.97, "abstention": 0.28} if threshold else None}}  # fmt: skip

    text = seen(page(variant(lambda record: record.update(measured(0.83)))))
    assert "off by 2.1 % [0.0, 4.4] on average" in text and "Temperature 1.31" in text
    assert "When answers below 83 % go to a person, at most 5% of the bad cases pass as good, at 95% confidence" in text and "72% of the held-out rows are answered, and there it was 1.3%" in text
    assert "it was not calibrated" not in text and "calibration (not used yet)" not in text


def test_the_first_screen_has_verdict_yen_picture_and_certainty(good, company):
    first = page(good, folder=company).split('id="checks"')[0]
    text = seen(first)
    assert "Verdict Go" in text and "not a decision run" not in text
    assert re.search(r"¥[\d,]+ to ¥[\d,]+ saved in cost of errors a month, at 40,000 cases", text)
    assert "example figures" in text
    assert 'class="forest"' in first
    assert re.search(r"the tuned model gets about \d+ right; we are 95% sure that it is \d+ to \d+", text)
    assert "判定 進める" in seen(first, "ja") and "万円" in seen(first, "ja")


def test_it_loads_nothing_and_runs_no_script_but_its_own(good, company):
    html = page(good, folder=company)
    assert not re.search(r'(?i)\b(src|href|action|srcset)\s*=\s*(?!"data:)', re.sub(r"(?s)<script>.*</script>", "", html))
    assert "url(" not in html and "@import" not in html and "http://" not in html and "https://" not in html
    assert html.count("<script") == 1 and "script-src &#39;sha256-" not in html and "script-src 'sha256-" in html


def test_what_the_company_wrote_is_escaped_everywhere(variant, company):
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"

    def change(record):
        record["title"] = {"en": evil, "ja": evil}
        record["question"] = record["data"]["group_rule"] = record["gates"]["owner"] = record["model"]["name"] = record["model"]["license"] = evil
        record["gates"]["signed_by"] = evil
        for row in record["results"]:
            row["confusion"]["labels"][0] = evil
            row["per_class"][evil] = row["per_class"].pop("ok")
        record["verdict"]["reasons"][0] = {"en": evil, "ja": evil}

    run = variant(change)
    for file in ("predictions.csv", "checks.json", "findings.json"):
        text = (run / file).read_text(encoding="utf-8")
        text = text.replace("目視", evil).replace("tested set", evil).replace("Taking the note", evil)
        (run / file).write_text(text, encoding="utf-8")
    html = page(run, folder=company)
    assert html.count("<script") == 1 and "<img src=x" not in html and "alert(1)" in html


def test_pictures_are_embedded_kept_and_used_again_where_the_company_is_not(good, company, tmp_path):
    run = shutil.copytree(good, tmp_path / "run")
    first = page(run, folder=company)
    assert 4 <= first.count("data:image/jpeg;base64,") <= 12
    assert list((run / "media").glob("*.jpg"))
    assert page(run, folder=tmp_path / "nowhere") == first
    shutil.rmtree(run / "media")
    gone = page(run, folder=tmp_path / "nowhere")
    assert "data:image" not in gone and "evidence not on this machine" in gone


def test_it_is_small(good, company):
    assert len(page(good, folder=company).encode()) < 700_000


def test_a_rehearsal_carries_its_banner_and_no_money(company, tmp_path):
    text = seen(page(make_run(tmp_path / "run", company, rehearsal=True), folder=company))
    assert text.index("Rehearsal: not a result") < text.index("Verdict")
    assert "poc run made --preset gpu" in text and "No figure without a verdict" in text and "saved in cost" not in text and "sure that it is" not in text
    assert "Verdict No verdict" in text


def test_a_red_check_leaves_no_verdict_and_no_money(company, tmp_path):
    text = seen(page(make_run(tmp_path / "run", company, red=(5,)), folder=company))
    assert "Verdict No verdict" in text and "Run check 5 is red" in text and "FAILED" in text
    assert "No figure without a verdict" in text and "sure that it is" not in text


def test_scikit_learn_may_win(company, tmp_path):
    text = seen(page(make_run(tmp_path / "run", company, skill={"cheap_model": 0.97, "tuned": 0.60}), folder=company))
    assert "Verdict Stop" in text and "Use “scikit-learn, no MLLM” instead" in text and "“scikit-learn, no MLLM” wins" in text
    assert "MORE cost of errors" in text


@pytest.mark.parametrize(
    ("gates", "words"),
    [
        ({"signed": True, "signed_by": "Sato", "signed_at": "2026-11-22T09:31:00+09:00"}, "AFTER this run began"),
        ({"signed": False, "state": "changed", "signed_by": "Sato", "signed_at": "2026-11-01T09:00:00"}, "were CHANGED after Sato"),
        ({"signed": False, "state": "unsigned", "signed_by": "", "signed_at": ""}, "Gates not signed"),
    ],
)
def test_gates_that_were_not_signed_before_are_told_in_red(variant, company, gates, words):
    html = page(variant(lambda record: record["gates"].update(gates)), folder=company)
    assert words in seen(html) and 'class="red-text"' in html and "not a decision run" in seen(html)


def test_a_licence_that_forbids_commercial_use_is_said_loudly(variant, company):
    html = page(variant(lambda record: record["model"].update(license="Research only", commercial_use=False)), folder=company)
    assert "Commercial use is NOT allowed" in seen(html)


def test_without_costs_there_is_no_yen_and_it_says_so(variant, company):
    def change(record):
        record["costs"] = record["volume_per_month"] = None
        record["costs_are_examples"] = False
        for row in record["results"]:
            row["cost_per_1000"] = None

    text = seen(page(variant(change), folder=company))
    assert "No figure: no costs were given" in text and "poc.yaml names no costs" in text and "example figures" not in text


def test_costs_per_confusion_and_no_guard_set_are_fine(variant, company):
    def change(record):
        record["costs"] = {"miss": None, "false_alarm": None, "ok_answer": None, "matrix": {"crack": {"ok": 9000}}}
        record["guard"], record["training"]["history"], record["prevalence"] = None, [], {}

    text = seen(page(variant(change), folder=company))
    assert "given per confusion" in text and "crack → ok ¥9,000" in text and "Not measured in this run" in text


def test_both_languages_are_complete(good, company):
    """Every bilingual text has its other half; the Japanese page holds no English sentence of ours, nor the English one Japanese."""
    html = page(good, folder=company)
    assert html.count('<span class="en"') == html.count('<span class="ja"') > 100
    english = re.findall(r'<span class="en" lang="en">(.*?)</span>', html)
    assert not [text for text in english if re.search(r"[぀-ヿ一-鿿]", text)]
    japanese = re.findall(r'<span class="ja" lang="ja">(.*?)</span>', html)
    assert not [text for text in japanese if re.search(r"\b(the|and|with|cases)\b", text)]
    assert 'data-lang="ja"' in page(good, folder=company, language="ja")


def test_the_saving_is_paired_and_weighted_by_hand(good):
    frame, record = runs.read_predictions(good), runs.read(good)
    value, low, high = saving_per_1000(frame, record, "cheap_model")
    cost = {row["arm"]: row["cost_per_1000"]["value"] for row in record["results"] if row["condition"] == "as_is"}
    assert value == pytest.approx(cost["cheap_model"] - cost["tuned"])
    assert low < value < high
    same = saving_per_1000(frame, record, "tuned")
    assert same == (0.0, 0.0, 0.0)


def test_without_a_volume_the_money_is_per_thousand(good):
    record, frame = runs.read(good), runs.read_predictions(good)
    monthly = yen_range(record, frame)
    record["volume_per_month"] = None
    single = yen_range(record, frame)
    assert monthly["low"] == pytest.approx(40 * single["low"]) and "per 1,000 cases" in single["unit"]["en"]


def test_numbers_are_written_as_people_read_them():
    assert (percent(0.9375), percent(None), points(-0.012)) == ("93.8%", "–", "−1.2")
    assert about(312_345) == {"en": "¥310,000", "ja": "31万円"}
    assert about(-1_250_000) == {"en": "−¥1,200,000", "ja": "−120万円"}
    assert about(2.34e8)["ja"] == "2.3億円" and about(0)["ja"] == "0円" and about(350)["ja"] == "350円"
    assert yen(1234.4, "USD") == {"en": "USD 1,234", "ja": "1,234 USD"}
    assert str(t("<b>", "<i>")) == '<span class="en" lang="en">&lt;b&gt;</span><span class="ja" lang="ja">&lt;i&gt;</span>'


def test_a_run_that_is_not_finished_has_no_report(tmp_path):
    from kit.errors import KitError

    with pytest.raises(KitError, match="no finished run"):
        write(tmp_path)


def test_the_json_of_a_run_is_all_it_needs(good, tmp_path, company):
    """Reads only the run folder: findings and checks may be missing in an old run."""
    run = shutil.copytree(good, tmp_path / "run")
    for name in ("checks.json", "findings.json"):
        (run / name).write_text(json.dumps([]), encoding="utf-8")
    assert "Findings" not in seen(page(run, folder=company))


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_in_a_browser_nothing_sticks_out_and_the_language_switch_works(good, company, chromium, width):
    from playwright.sync_api import sync_playwright

    path = write(good, folder=company)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": width, "height": 900})
        errors = []
        view.on("pageerror", lambda error: errors.append(str(error)))
        view.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        view.goto(path.as_uri())
        assert "Go" in view.inner_text(".verdict")
        assert view.evaluate("document.documentElement.scrollWidth") <= width
        view.click("text=日本語")
        assert "進める" in view.inner_text(".verdict") and "Go" not in view.inner_text(".verdict")
        assert view.evaluate("document.documentElement.scrollWidth") <= width
        browser.close()
    assert errors == []


def test_the_page_reads_without_javascript(good, company):
    """The language is chosen by CSS from an attribute of the written page, so no script has to run."""
    html = page(good, folder=company)
    assert '<html lang="en" data-lang="en">' in html and "html[data-lang=en] .ja" in html
