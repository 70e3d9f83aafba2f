"""The demo in headless Chromium: one question asked and its answer read from the page, in both languages, on a desk and on a phone.

Screenshots are kept in build/screenshots/ for a person to look at.
"""

import re
from pathlib import Path

import pytest
from made_run import make_folder, make_run

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHOTS = Path(__file__).resolve().parents[1] / "build" / "screenshots"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
JAPANESE = re.compile("[ぁ-んァ-ヶ一-龠]")
ENGLISH_OF_THE_PAGE = ("Held-out", "Your own", "Ask", "Verdict", "Base model", "Tuned model", "True answer", "Right", "Wrong", "example figures")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    pytest.importorskip("gradio", reason='needs demo: pip install "mllm-poc-kit[demo]"')
    from poc import demo

    folder = make_folder(tmp_path_factory.mktemp("company") / "parts", rows=40)
    run = make_run(folder.parent / "runs" / "made" / "20261122-093000", folder)
    app = demo.launch(run, wait=False, source=demo.Recordings(demo.open_exhibit(run).predictions))
    yield app
    app.close()


@pytest.fixture
def page(served, chromium):
    """A new page at the demo; everything but this machine is refused, and nothing else may be asked for."""
    from playwright.sync_api import sync_playwright

    SHOTS.mkdir(parents=True, exist_ok=True)
    asked, errors = [], []

    def watch(route):
        asked.append(route.request.url)
        local = re.match(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:", route.request.url)
        route.continue_() if local else route.abort()

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-US")
        page.set_default_timeout(120_000)
        page.route("**/*", watch)
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("response", lambda response: errors.append(f"{response.status} {response.url}") if response.status >= 400 else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(served.local_url)
        page.locator("#ask:enabled").wait_for()
        yield page
        browser.close()
    foreign = [url for url in asked if not re.match(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:", url)]
    assert not foreign, "the page asks other machines"
    assert not errors, "the browser's console shows errors"


def ask(page) -> None:
    page.locator("#ask").click()
    page.locator("#result").wait_for()


def test_a_visitor_picks_a_sample_asks_and_reads_the_answer(page):
    assert page.locator("#truth").count() == 0
    first = page.locator("#evidence").get_attribute("data-sample")
    page.locator("#samples button.thumbnail-item").nth(2).click()
    page.wait_for_function("first => document.querySelector('#evidence').dataset.sample !== first", arg=first)
    ask(page)
    truth, said = page.locator("#truth b").inner_text(), page.locator("#tuned-answer .said b").first.inner_text()
    assert page.locator("#tuned-answer .chip").inner_text().endswith("Right" if said == truth else "Wrong")
    shares = page.locator("#tuned-answer .bars .share").all_inner_texts()
    assert len(shares) == 5 and 98 <= sum(int(share.strip("<>%")) for share in shares) <= 102
    page.screenshot(path=SHOTS / "demo-1280-en.png", full_page=True)


def test_the_whole_page_turns_japanese_and_back(page):
    ask(page)
    page.locator("#language").get_by_text("日本語").click()
    page.locator("#tuned-answer h3", has_text="微調整後").wait_for()
    shown = page.locator("body").inner_text()
    left = [word for word in ENGLISH_OF_THE_PAGE if word in shown]
    assert not left and page.locator("html").get_attribute("lang") == "ja"
    assert page.locator("#ask").inner_text() == "質問する" and page.locator("h1").inner_text() == "丸物部品の外観検査"
    page.screenshot(path=SHOTS / "demo-1280-ja.png", full_page=True)
    page.locator("#language").get_by_text("English").click()
    page.locator("#tuned-answer h3", has_text="Tuned model").wait_for()


def test_a_bad_upload_is_told_in_one_sentence(page, tmp_path):
    (tmp_path / "plan.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    page.get_by_role("tab", name="Your own").click()
    page.locator("#upload").wait_for()
    page.locator("input[type=file]").first.set_input_files(tmp_path / "plan.svg")
    refused = page.locator("#message.refused")
    refused.wait_for()
    assert refused.inner_text().startswith("plan.svg is no photo, sound or video")
    page.screenshot(path=SHOTS / "demo-1280-refused.png", full_page=True)


def test_the_page_fits_a_phone(page):
    page.set_viewport_size({"width": 390, "height": 844})
    ask(page)
    page.screenshot(path=SHOTS / "demo-390-en.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#language").get_by_text("日本語").click()
    page.locator("#tuned-answer h3", has_text="微調整後").wait_for()
    page.screenshot(path=SHOTS / "demo-390-ja.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
