"""Work and Watch in headless Chromium: an answer that a visitor sends to a person is corrected by a clerk with the keyboard, and the correction stands in the audit log, which verifies. Both languages, desk and phone.

Screenshots are kept in build/screenshots/ for a person to look at.
"""

import contextlib
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from made_run import make_folder, make_run
from PIL import Image
from test_demo_browser import JAPANESE, SHOTS, opened

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def mounted(tmp_path_factory):
    """The whole page, whose model is sure of nothing."""
    gr = pytest.importorskip("gradio", reason='needs demo: pip install "mllm-poc-kit[demo]"')
    from poc import demo
    from poc.demo.ledger import Ledger
    from poc.demo.modes import Modes
    from poc.demo.serving import serve, stay_here
    from poc.demo.visit import Desk

    stay_here()
    folder = make_folder(tmp_path_factory.mktemp("company") / "parts", rows=40)
    exhibit = demo.open_exhibit(make_run(folder.parent / "runs" / "made" / "20261122-093000", folder))
    exhibit = replace(exhibit, record=exhibit.record | {"data": exhibit.record["data"] | {"group_by": "lot"}, "gates": exhibit.record["gates"] | {"dangerous": []}})
    ledger = Ledger(exhibit)
    ledger.__dict__["threshold"] = replace(ledger.threshold, value=1.01, promised=True)  # it is sure of nothing
    with gr.Blocks(analytics_enabled=False) as app:
        desk = Desk(exhibit, demo.Recordings(exhibit.predictions), ledger=ledger)
        Modes(app, desk, "en")
    serve(app.queue(max_size=64), None, False)
    yield app, exhibit
    app.close()


def mode(page, name: str) -> None:
    if not page.locator("#mode").is_visible():
        page.locator("#modes").click()
    page.locator(f'#mode input[value="{name.lower()}"]').click()
    page.locator(f"#mode-{name.lower()}").wait_for()


def shot(page, name: str) -> None:
    page.screenshot(path=SHOTS / f"demo-{name}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"], "nothing sticks out at the side"


def turn(page, language: str, ready: str) -> None:
    page.evaluate("window.scrollTo(0, 0)")
    mode(page, "Try")
    page.locator("#language").get_by_text(language).click()
    page.wait_for_function("text => document.querySelector('#ask').innerText === text", arg=ready)


def test_an_unsure_answer_is_corrected_by_a_clerk_and_stands_in_the_audit_log(mounted, chromium):
    from kit.operations.audit_log import records_in

    app, exhibit = mounted
    log = exhibit.run / "operations" / "audit_log.jsonl"
    with opened(f"{app.local_url}?mode=try", chromium) as page:
        page.locator("#ask").click()
        page.locator("#unsure").wait_for()
        model = page.locator("#tuned-answer .said b").first.inner_text()
        assert page.locator("#referred .message").count() == 0
        page.locator("#refer:visible").click()
        page.locator("#referred").get_by_text("Item 1 of the review queue: a person will look at the answer of record 1.").wait_for()
        assert not page.locator("#refer").is_visible()
        shot(page, "refer-1280-en")
        mode(page, "Work")
        page.locator("#work-name input, #work-name textarea").fill("Suzuki")
        page.locator("#work-start").click()
        page.locator("#work-item").wait_for()
        assert "somebody asked for a person; the model was not sure enough to answer" in page.locator("#work-reason").inner_text()
        shown = page.locator("#work-panel").inner_text()
        assert "%" not in shown and f"“{model}”" not in shown, "blind"
        keys = {page.locator(f"#work-key-{n}").inner_text().split()[-1]: n for n in range(1, 6)}
        shot(page, "work-1280-en")
        right = "dent" if model != "dent" else "crack"
        page.locator("#work-note textarea, #work-note input").fill("1")  # what is typed is no key
        assert page.locator("#work-item").count() == 1
        page.locator("#work-waiting").click()
        page.keyboard.press(str(keys[right]))
        page.locator("#work-message .message").get_by_text(f"“{right}”").wait_for()
        page.keyboard.press("u")
        page.locator("#work-message .message").get_by_text("Taken back").wait_for()
        page.wait_for_timeout(500)
        page.keyboard.press(str(keys[right]))
        page.locator("#work-panel").get_by_text("Nothing waits for you").wait_for()
        mode(page, "Watch")
        page.locator("#watch-log table").wait_for()
        assert "a person decided" in page.locator("#log-table tbody tr").first.inner_text() and right in page.locator("#log-table tbody tr").first.inner_text()
        page.locator("#watch-verify").click()
        page.locator("#verified[data-ok=yes]").wait_for()
        assert "Records 1 to 5 are all there" in page.locator("#verified").inner_text()
        shot(page, "watch-1280-en")
        page.set_viewport_size({"width": 390, "height": 844})
        shot(page, "watch-390-en")
        turn(page, "日本語", "質問する")
        mode(page, "Watch")
        page.locator("#watch-log").get_by_text("人の判断").first.wait_for()
        assert "Look again" not in page.locator("body").inner_text()
        shot(page, "watch-390-ja")
        mode(page, "Work")
        page.locator("#work-panel").get_by_text("あなたの確認待ちはありません").wait_for()
        shot(page, "work-390-ja")
    records = list(records_in(log))
    assert [(one.kind, one.answer) for one in records] == [("answer", ""), ("referral", ""), ("review", right), ("undo", right), ("review", right)] and records[-1].who == "suzuki"


def test_from_make_demo_to_a_corrected_answer_in_the_verified_log(tmp_path, chromium):
    """The command that the README names, on a copy of the example run, with the model; then what the terminal says of the queue and of the log."""
    from benchmarks.demo import until_loaded
    from kit.operations.audit_log import records_in
    from poc import runs

    root, run = Path(__file__).parents[1], Path(shutil.copytree(runs.EXAMPLE, tmp_path / "run", ignore=shutil.ignore_patterns("operations")))
    environment = os.environ | {"POC_LANGUAGE": "en", "PYTHONUNBUFFERED": "1"}
    command = subprocess.Popen(["make", "demo", f"RUN={run}"], cwd=root, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        url = next(found[0] for line in command.stdout if (found := re.search(r"http://127.0.0.1:\d+", line)))
        until_loaded(url)
        with opened(f"{url}/?mode=try", chromium) as page:
            page.locator("#ask").click()
            page.locator("#refer:visible").wait_for()
            model = page.locator("#tuned-answer .said b").first.inner_text()
            page.locator("#refer:visible").click()
            page.locator("#referred").get_by_text("Item 1 of the review queue").wait_for()
            mode(page, "Work")
            page.locator("#work-name input, #work-name textarea").fill("Suzuki")
            page.locator("#work-start").click()
            page.locator("#work-item").wait_for()
            right = "ok" if model != "ok" else "dent"
            keys = {page.locator(f"#work-key-{n}").inner_text().split()[-1]: n for n in range(1, 7)}
            page.wait_for_timeout(500)
            page.keyboard.press(str(keys[right]))
            page.locator("#work-message .message").wait_for()
            mode(page, "Watch")
            page.locator("#log-table tbody tr").first.get_by_text("a person decided").wait_for()
            page.locator("#watch-verify").click()
            page.locator("#verified[data-ok=yes]").wait_for()
    finally:
        os.killpg(command.pid, signal.SIGTERM)  # an interrupt is ignored where the tests run in the background
        command.wait(60)
    records = list(records_in(run / "operations" / "audit_log.jsonl"))
    assert [one.kind for one in records] == ["answer", "referral", "review"] and (records[0].answer, records[-1].answer, records[-1].who, records[-1].decision) == (model, right, "suzuki", "overridden")
    for asked, told in ((["audit", "verify", str(run)], "3"), (["queue", str(run)], "shadow")):
        said = subprocess.run([sys.executable, "-m", "poc", *asked], cwd=root, env=environment, capture_output=True, text=True)
        assert said.returncode == 0 and told in said.stdout, said.stdout + said.stderr


def test_a_clerk_who_closes_the_tab_leaves_the_item_to_others(mounted, chromium):
    from kit.operations.review_queue import FILE

    app, exhibit = mounted

    def has(item: str) -> str | None:
        with contextlib.closing(sqlite3.connect(exhibit.run / "operations" / FILE)) as db:
            return db.execute("SELECT claimed_by FROM items WHERE id=?", (int(item),)).fetchone()[0]

    with opened(f"{app.local_url}?mode=try", chromium) as page:
        page.locator("#ask").click()
        page.locator("#refer:visible").wait_for()
        page.wait_for_timeout(800)  # the answer is said once more when it is complete, and takes back what stood below
        page.locator("#refer").click()
        page.locator("#referred .message").wait_for()
        mode(page, "Work")
        page.locator("#work-name input, #work-name textarea").fill("Suzuki")
        page.locator("#work-start").click()
        page.locator("#work-item").wait_for()
        item = page.locator("#work-item").get_attribute("data-item")
        assert has(item)
    end = time.monotonic() + 30
    while has(item) and time.monotonic() < end:
        time.sleep(0.2)
    assert has(item) is None


def test_practice_and_a_new_sample_in_japanese_on_a_phone(mounted, chromium, tmp_path):
    app, exhibit = mounted
    Image.new("RGB", (64, 64), (90, 120, 140)).save(tmp_path / "part.png")
    with opened(f"{app.local_url}?mode=try", chromium) as page:
        turn(page, "日本語", "質問する")
        page.set_viewport_size({"width": 390, "height": 844})
        mode(page, "Work")
        page.locator("#work-tabs").get_by_role("tab").nth(2).click()
        page.locator("#practice-begin").click()
        for n in range(4):
            page.locator(f"#practice-item[data-place='{n}']").wait_for()
            if n == 1:
                shot(page, "practice-390-ja")
            page.wait_for_timeout(600)
            page.keyboard.press("1" if n % 2 else "0")
        page.locator("#practice-item[data-place='4']").wait_for()
        page.locator("#practice-finish").click()
        page.locator("#practice-result").wait_for()
        assert JAPANESE.search(page.locator("#practice-result").inner_text()) and "4 件中" in page.locator("#practice-result").inner_text()
        shot(page, "practice-result-390-ja")
        page.locator("#work-name input, #work-name textarea").fill("鈴木")
        page.locator("#work-tabs").get_by_role("tab").nth(1).click()
        page.locator("#new-upload").wait_for()
        page.locator("#work-tab-new input[type=file], input[type=file]").last.set_input_files(tmp_path / "part.png")
        page.locator("#new-chosen").get_by_text("part.png").wait_for()
        page.locator("#new-answer input").click()
        page.get_by_role("option", name="dent").click()
        page.locator("#new-add").click()
        page.locator("#new-message").get_by_text("追加しました").wait_for()
        shot(page, "new-sample-390-ja")
        page.locator("#new-message .message").wait_for()
    assert (exhibit.run / "operations" / "new_samples" / "metadata.csv").is_file()
