"""The demo in headless Chromium: one question asked of the real model and its answer read from the page; both languages, on a desk and on a phone.

The first test asks the shipped example run, whose model is loaded; the others look at the page itself, on a made run with recorded answers.

Screenshots are kept in build/screenshots/ for a person to look at.
"""

import os
import re
import shutil
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from made_run import make_folder, make_run

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHOTS = Path(__file__).resolve().parents[1] / "build" / "screenshots"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
TRY = "?mode=try"
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


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A copy of the shipped run, whose audit log grows with every question."""
    from poc import runs

    return Path(shutil.copytree(runs.EXAMPLE, tmp_path_factory.mktemp("example") / "run", ignore=shutil.ignore_patterns("operations")))


@pytest.fixture(scope="module")
def pair(copied):
    from poc import demo

    return demo.load_pair(copied)


@pytest.fixture(scope="module")
def example(copied, pair):
    """The shipped run's demo, with the tiny model and the run's adapter loaded."""
    pytest.importorskip("gradio", reason='needs demo: pip install "mllm-poc-kit[demo]"')
    from poc import demo

    app = demo.launch(copied, wait=False, source=pair)
    yield app
    app.close()


@pytest.fixture
def page(served, chromium):
    with opened(served.local_url + TRY, chromium) as page:
        yield page


@contextmanager
def opened(url: str, chromium: str, ready: str = "#ask:enabled", flags: tuple[str, ...] = (), locale: str = "en-US"):
    """A new page at the demo; everything but this machine is refused, and nothing else may be asked for. Fails where the console shows an error, a script throws, or a request fails.

    Args:
        flags: more of Chromium's.
        locale: which language the browser asks for.
    """
    from playwright.sync_api import sync_playwright

    SHOTS.mkdir(parents=True, exist_ok=True)
    asked, errors = [], []

    def watch(route):
        asked.append(route.request.url)
        local = re.match(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:", route.request.url)
        route.continue_() if local else route.abort()

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, *flags])
        page = browser.new_page(viewport={"width": 1280, "height": 900}, locale=locale)
        page.set_default_timeout(120_000)
        page.route("**/*", watch)
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("response", lambda response: errors.append(f"{response.status} {response.url}") if response.status >= 400 else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("websocket", lambda socket: asked.append(socket.url))
        page.on("requestfailed", lambda request: errors.append(f"{request.failure} {request.url}") if not _ended(request) else None)
        page.goto(url)
        page.locator(ready).wait_for()
        yield page
        browser.close()
    foreign = [url for url in asked if not re.match(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:", url)]
    assert not foreign, "the page asks other machines"
    assert not errors, "the browser's console shows errors"


def _ended(request) -> bool:
    """What the page itself gives up is no failure: Gradio's streams of answers and of an upload once none is waited for, and media or pictures that have left the page."""
    return request.failure == "net::ERR_ABORTED" and (re.search("/queue/data|/upload_progress", request.url) or request.resource_type in ("media", "image"))


def ask(page) -> None:
    page.locator("#ask").click()
    page.locator("#result").wait_for()


def test_the_model_answers_a_question_about_a_held_out_part(example, chromium):
    """What the page shows must be what the run wrote down for this part when it was made, in another process."""
    from poc import runs

    recorded = runs.read_predictions(runs.EXAMPLE)
    with opened(example.local_url + TRY, chromium) as page:
        first = page.locator("#evidence").get_attribute("data-sample")
        page.locator("#samples button.thumbnail-item").nth(1).click()
        page.wait_for_function("first => document.querySelector('#evidence').dataset.sample !== first", arg=first)
        sample = page.locator("#evidence").get_attribute("data-sample")
        page.locator("#ask").click()
        page.locator("#tuned-answer .said b").first.wait_for()
        shown = {arm: page.locator(f"#{arm}-answer .said b").first.inner_text() for arm in ("base", "tuned")}
        shares = {arm: page.locator(f"#{arm}-answer .bars .share").all_inner_texts() for arm in ("base", "tuned")}
        truth, took = page.locator("#truth b").inner_text(), page.locator("#seconds").inner_text()
        page.screenshot(path=SHOTS / "demo-example-1280-en.png", full_page=True)
    rows = recorded[(recorded["id"] == sample) & (recorded["condition"] == "as_is")].set_index("arm")
    assert shown == {arm: rows.loc[arm, "predicted"] for arm in ("base", "tuned")}
    for arm in ("base", "tuned"):
        expected = list(rows.loc[arm, "probabilities"].values())
        assert len(shares[arm]) == len(expected) == 6
        for share, probability in zip(shares[arm], expected, strict=True):
            low, high = {"<": (0, 1), ">": (99, 100)}.get(share[0]) or (int(share.strip("%")) - 1, int(share.strip("%")) + 1)
            assert low <= 100 * probability <= high, (arm, share, probability)
    assert truth == rows.loc["tuned", "answer"]
    assert re.fullmatch(r"Both models answered in \d+\.\d\d s\.", took), "answered now, not read from a record"


def test_a_question_is_stopped_with_one_click(example, pair, copied, chromium):
    """Every layer is made slow; the click ends the question at the model, and the log says so."""
    from torch import nn

    from kit.operations.audit_log import records_in

    towers = [module for module in pair.loaded.model.modules() if isinstance(module, nn.ModuleList)]
    begun = threading.Event()
    hooks = [layer.register_forward_pre_hook(lambda *_: (begun.set(), time.sleep(0.3))[0]) for layers in towers for layer in layers]
    try:
        with opened(example.local_url + TRY, chromium) as page:
            assert page.locator("#stop").count() == 0 or not page.locator("#stop").is_visible()
            page.locator("#ask").click()
            page.locator("#stop:visible").wait_for()
            assert begun.wait(60), "the question is with the model"
            page.locator("#stop:visible").click()
            page.locator("#message.refused").wait_for()
            page.wait_for_timeout(1000)  # nothing of the question comes after it
            assert page.locator("#message").inner_text() == "Stopped before there was an answer."
            page.screenshot(path=SHOTS / "demo-stopped-en.png", full_page=True)
            until = time.monotonic() + 20
            log = copied / "operations" / "audit_log.jsonl"
            while "stopped by the visitor" not in (said := [record.note.get("why") for record in records_in(log)] if log.is_file() else []) and time.monotonic() < until:
                time.sleep(0.2)
            assert said[-1] == "stopped by the visitor", "the model was told"
    finally:
        for hook in hooks:
            hook.remove()


def test_the_page_is_there_before_the_model(copied, chromium):
    """The progress bar first, and answers that are labelled as recordings; then, without a reload, the model's own."""
    from poc import demo
    from poc.demo.loading import Loading
    from poc.demo.serving import serve, stay_here

    stay_here()
    loading = Loading(copied)
    loading.seen = lambda: None  # the model comes when the test says so
    began, loading._page.wait = threading.Event(), lambda seconds: began.wait(60)
    app = demo.build_demo(copied, loading=loading, language="en")
    serve(app, None, False)
    try:
        with opened(app.local_url + TRY, chromium) as page:
            page.locator("#loading-banner progress").wait_for()
            ask(page)
            assert page.locator("#seconds").inner_text() == "These answers were recorded when the run was made."
            page.screenshot(path=SHOTS / "demo-loading-en.png", full_page=True)
            began.set()
            page.locator("#loading-banner").wait_for(state="detached")
            page.locator("#ask").click()
            page.wait_for_function("document.querySelector('#seconds') && document.querySelector('#seconds').innerText.startsWith('Both models answered in')")
            assert re.match(r"Record \d+ of the audit log", page.locator("#record").inner_text())
    finally:
        began.set()
        app.close()


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
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    try:  # the page turns piece by piece: a tab's name may come after the answer
        page.wait_for_function("words => !words.some(word => document.body.innerText.includes(word))", arg=list(ENGLISH_OF_THE_PAGE), timeout=30_000)
    except PlaywrightTimeout:
        shown = page.locator("body").inner_text()
        pytest.fail(f"still English: {[word for word in ENGLISH_OF_THE_PAGE if word in shown]}")
    assert page.locator("html").get_attribute("lang") == "ja"
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


CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


def own_side(page, name: str = "Your own") -> None:
    page.get_by_role("tab", name=name).click()
    page.locator("#camera").wait_for()


def test_a_photo_of_the_camera_is_asked_about_and_deleted(example, chromium):
    """The way of a file: looked at, shown, answered, written down, and gone when the visitor clears it. The camera is off again as soon as the photo is taken."""
    kept = Path(os.environ["GRADIO_TEMP_DIR"])
    with opened(example.local_url + TRY, chromium, flags=CAMERA) as page:
        own_side(page)
        before = set(kept.rglob("image.png"))
        page.locator("#camera").get_by_role("button", name="Click to Access Webcam").click()
        page.locator("#camera .capture-button:visible").wait_for()
        page.wait_for_function("document.querySelector('#camera video').videoWidth > 0")
        page.locator("#camera .capture-button").click()
        page.locator("#evidence[data-sample=own] img.photo").wait_for()
        page.wait_for_function("document.querySelector('#camera').innerText.includes('Click to Access Webcam')")
        (taken,) = set(kept.rglob("image.png")) - before
        ask(page)
        assert page.locator("#tuned-answer .said b").first.inner_text() and re.match(r"Record \d+ of the audit log", page.locator("#record").inner_text())
        page.screenshot(path=SHOTS / "demo-camera-1280-en.png", full_page=True)
        page.locator("#language").get_by_text("日本語").click()
        page.locator("#camera").get_by_role("button", name="カメラを使う").wait_for()
        page.set_viewport_size({"width": 390, "height": 844})
        page.locator("#camera").get_by_text("カメラで撮影").wait_for()
        page.locator("#microphone").get_by_text("録音", exact=True).wait_for()
        page.screenshot(path=SHOTS / "demo-camera-390-ja.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.locator("#clear").click()
        page.locator("#evidence img.photo").wait_for(state="detached")
        until = time.monotonic() + 20
        while taken.exists() and time.monotonic() < until:
            time.sleep(0.1)
        assert not taken.exists()


def test_without_a_camera_the_page_says_so(example, chromium):
    with opened(example.local_url + TRY, chromium) as page:
        own_side(page)
        assert not page.locator("#no-camera").is_visible()
        page.locator("#camera").get_by_role("button", name="Click to Access Webcam").click()
        page.locator("#no-camera:visible").wait_for()
        assert page.locator("#no-camera").inner_text().startswith("No camera can be used here")
        page.screenshot(path=SHOTS / "demo-no-camera-1280-en.png", full_page=True)
        page.locator("#language").get_by_text("日本語").click()
        page.locator("#camera").get_by_role("button", name="カメラを使う").click()
        page.locator("#no-camera:visible", has_text="カメラを使えません").wait_for()


def test_recorded_answers_have_no_use_for_a_camera(page):
    page.get_by_role("tab", name="Your own").click()
    page.locator("#upload").wait_for()
    assert not page.locator("#camera").is_visible()


def test_the_answer_is_heard_sentence_by_sentence_where_the_box_is_ticked(page, need):
    need("voice-en")
    ask(page)
    assert page.locator("#spoken-sound").count() == 0, "off until somebody ticks the box"
    page.locator("#aloud input").check()
    page.locator("#ask").click()
    page.locator("#spoken-sound").wait_for(state="attached")
    first = page.locator("#spoken-sentence").inner_text()
    page.wait_for_function("() => document.querySelector('#spoken-sound') && document.querySelector('#spoken-sound').currentTime > 0")
    page.wait_for_function("first => document.querySelector('#spoken-sentence') && document.querySelector('#spoken-sentence').innerText !== first", arg=first)
    assert first.startswith("The tuned model says") and page.locator("#spoken-sentence").inner_text().startswith("The base model says")
    page.locator("#aloud input").uncheck()
    page.locator("#spoken-sound").wait_for(state="detached")
    page.wait_for_timeout(6000)  # longer than the sentence that was playing
    assert page.locator("#spoken-sound").count() == 0, "who unticks the box hears no more"


def test_the_page_fits_a_phone(page):
    page.set_viewport_size({"width": 390, "height": 844})
    ask(page)
    page.screenshot(path=SHOTS / "demo-390-en.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#language").get_by_text("日本語").click()
    page.locator("#tuned-answer h3", has_text="微調整後").wait_for()
    page.screenshot(path=SHOTS / "demo-390-ja.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_rows_are_labelled_with_the_keyboard(chromium, tmp_path, monkeypatch):
    """`poc label`: keys answer, take back and put off; what was pressed is on the disk."""
    pytest.importorskip("gradio", reason='needs demo: pip install "mllm-poc-kit[demo]"')
    from kit.data import read_folder
    from kit.labelling import Bench, entries_in
    from poc.labelling import launch

    monkeypatch.setenv("POC_LANGUAGE", "ja")
    folder = make_folder(tmp_path / "parts", rows=40)
    samples = [sample for sample in read_folder(folder).samples if len(sample.options) > 1]
    bench = Bench(samples, tmp_path / "log", "佐藤", {sample.id: 1.0 for sample in samples}, overlap=0, controls=0)
    first, options = bench.current.id, bench.current.options
    app = launch(bench, wait=False)

    def press(page, key: str, place: str, text: str) -> None:
        page.wait_for_timeout(1000)  # a key that comes while the last one is being worked on is left out: nobody answers a row unseen
        page.keyboard.press(key)
        page.wait_for_function("([place, text]) => document.querySelector(place).innerText.includes(text)", arg=[place, text])

    try:
        with opened(app.local_url, chromium, "#key-1:visible") as page:
            page.wait_for_selector("#row .question")
            assert "回答済み 0" in page.inner_text("#place")
            page.screenshot(path=SHOTS / "label_ja.png", full_page=True)
            press(page, "2", "#place", "回答済み 1")
            assert [(entry.sample, entry.answer) for entry in entries_in(tmp_path / "log")] == [(first, options[1])]
            press(page, "u", "#place", "回答済み 0")
            press(page, "s", "#message", "次回")
            press(page, "0", "#place", "回答済み 1")
            assert [entry.kind for entry in entries_in(tmp_path / "log")] == ["label", "undo", "label"] and entries_in(tmp_path / "log")[-1].sample != first
            page.get_by_role("tab").nth(1).click()
            page.wait_for_function("document.querySelector('#people').innerText.includes('中央値')")
            page.screenshot(path=SHOTS / "label_people_ja.png", full_page=True)
    finally:
        app.close()


def test_the_page_opens_in_the_language_of_the_address_else_of_the_browser_else_of_the_machine(tmp_path, chromium, monkeypatch):
    """Every view is in it, and POC_LANGUAGE is stronger than a browser."""
    from poc import demo

    folder = make_folder(tmp_path / "parts", rows=40)
    exhibit = make_run(tmp_path / "run", folder)
    cases = [("", "ja-JP", "", "ja"), ("", "fr-FR", "", "en"), ("?language=en", "ja-JP", "", "en"), ("?language=ja", "en-US", "en", "ja"), ("", "ja-JP", "en", "en")]
    for chosen in ("", "en"):
        monkeypatch.setenv("POC_LANGUAGE", chosen)
        monkeypatch.setenv("LC_ALL", "C.UTF-8")
        app = demo.launch(exhibit, wait=False, source=demo.Recordings(demo.open_exhibit(exhibit).predictions))
        try:
            for address, locale, _, language in (case for case in cases if case[2] == chosen):
                with opened(app.local_url + address, chromium, "#tour-next:enabled", locale=locale) as page:
                    page.wait_for_function("language => document.documentElement.lang === language", arg=language)
                    page.locator("#modes", has_text={"en": "Other views", "ja": "ほかの画面"}[language]).wait_for()
                    page.locator("#tour-next", has_text={"en": "Next", "ja": "次へ"}[language]).wait_for()
                    page.wait_for_timeout(500)
                    page.evaluate("document.querySelectorAll('.mode').forEach(mode => mode.style.setProperty('display', 'block', 'important'))")
                    shown = page.locator("#tour-title").inner_text() + page.locator("#head").inner_text() + page.locator("#work-waiting").inner_text() + page.locator("#ask").inner_text()
                    assert bool(JAPANESE.search(shown)) == (language == "ja") and ("Ask" in shown) == (language == "en"), (address, locale, shown)
        finally:
            app.close()
