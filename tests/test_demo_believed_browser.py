"""Which evidence an answer believed, in headless Chromium: the parts of an answer in their order, the outlined photo at their end, the tour's folded form, and what ends it. Screenshots are kept in build/screenshots/ for a person to look at."""

import json
import time

import pytest
from test_demo_believed import diagnosed
from test_demo_browser import SHOTS, TRY, copied, opened, pair  # noqa: F401  copied and pair are fixtures

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# the order in which the parts of an answer were seen, whoever looks how late
WATCH = """() => {
  window.seen = [];
  const note = (name, there) => { if (there && !window.seen.includes(name)) window.seen.push(name); };
  window.watching = setInterval(() => {
    note("base", document.querySelector("#early #base-answer"));
    note("answer", document.querySelector("#result #tuned-answer"));
    note("looking", document.querySelector("#believed-panel .hint"));
    note("contributions", document.querySelector("#believed .contributions li"));
    note("outlined", document.querySelector("#believed figure.marked img"));
  }, 15);
}"""


@pytest.fixture(scope="module")
def served(copied, pair):  # noqa: F811
    """The shipped run, as one whose marks on photos passed their test."""
    from poc import demo

    (copied / "diagnosis.json").write_text(json.dumps(diagnosed(3.0)), encoding="utf-8")
    app = demo.launch(copied, wait=False, source=pair)
    yield app
    app.close()


@pytest.fixture
def slow(pair):  # noqa: F811
    """Every pass takes so long that each part is seen."""
    hook = pair.loaded.model.register_forward_pre_hook(lambda *_: time.sleep(0.15))
    yield
    hook.remove()


def test_the_parts_of_an_answer_come_in_their_order_and_end_with_an_outlined_photo(served, slow, chromium):
    with opened(served.local_url + TRY, chromium) as page:
        page.evaluate(WATCH)
        page.locator("#ask").click()
        page.locator("#believed figure.marked img").wait_for()
        assert page.evaluate("window.seen") == ["base", "answer", "looking", "contributions", "outlined"]
        figure = page.locator("#believed figure.marked")
        assert figure.locator("img").evaluate("picture => picture.complete && picture.naturalWidth > 200")
        assert figure.locator("img").get_attribute("alt").startswith("The photo with the places that matter outlined: ")
        assert "Without the photo the share of" in page.locator("#believed .contributions").inner_text()
        assert page.locator("#result #tuned-answer").is_visible() and page.locator("#in-words").inner_text().startswith("The tuned model says")
        page.locator("#stop").wait_for(state="hidden")
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            for language, name in (("English", "en"), ("日本語", "ja")):
                page.locator("#language").get_by_text(language).click()
                page.locator("#believed", has_text={"en": "Without the photo", "ja": "写真を除くと"}[name]).locator("figure").wait_for()
                page.wait_for_timeout(300)
                page.screenshot(path=SHOTS / f"believed-{width}-{name}.png", full_page=True)
                assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_click_ends_it_and_the_answer_stays(served, slow, chromium):
    with opened(served.local_url + TRY, chromium) as page:
        page.locator("#samples button.thumbnail-item").nth(1).click()
        page.wait_for_function("document.querySelectorAll('#samples .thumbnail-item')[1].classList.contains('selected')")
        page.locator("#ask").click()
        page.locator("#believed .contributions").wait_for()
        page.locator("#stop:visible").click()
        page.locator("#believed-panel", has_text="No longer looked at; the answer above stays.").wait_for()
        assert page.locator("#result #tuned-answer").is_visible() and page.locator("#believed").count() == 0
        page.wait_for_timeout(1500)
        assert page.locator("#believed").count() == 0 and not page.locator("#stop").is_visible(), "nothing comes after it"
        page.locator("#ask").click()  # asked again, it is looked at again; and another sample takes both away
        page.locator("#believed .contributions").wait_for()
        page.locator("#samples button.thumbnail-item").nth(2).click()
        page.locator("#message", has_text="Press Ask").wait_for()
        page.wait_for_timeout(1500)
        assert page.locator("#believed").count() == 0 and page.locator("#believed-panel .hint").count() == 0


def test_the_tour_has_it_folded_under_each_case(served, chromium):
    with opened(served.local_url, chromium, "#tour-next:enabled") as page:
        page.locator("#guess-1").click()
        for step in (2, 3, 4):
            page.locator(f'#tour-step[data-step="{step}"]').wait_for()
            details = page.locator("#tour-believed-details")
            details.wait_for()
            assert not details.locator(".contributions").is_visible()
            details.locator("summary").click()
            details.locator(".contributions").wait_for()
            if step == 3:
                assert details.locator('.contributions [data-modality="text"]').inner_text().startswith("Without the note"), "the note that lies has its share"
            page.screenshot(path=SHOTS / f"believed-tour-{step}-en.png", full_page=True)
            page.locator("#tour-next").click()
            details.wait_for(state="detached")
        page.locator("#tour-worth").wait_for()
        assert page.locator("#tour-believed-details").count() == 0


def test_the_language_that_changes_while_the_models_are_busy_is_that_of_everything_in_the_end(served, slow, chromium):
    """In the tour while its answer is awaited; in Try twice while the explanation is."""
    japanese, english = (lambda page: page.locator("#language").get_by_text("日本語").click()), (lambda page: page.locator("#language").get_by_text("English").click())
    with opened(served.local_url, chromium, "#tour-next:enabled") as page:
        page.locator("#guess-1").click()
        page.wait_for_timeout(300)
        japanese(page)
        page.locator("#tour-told").wait_for()
        page.locator("#tour-title", has_text="正しい答え").wait_for()
        page.locator("#tour-told", has_text="正しい答え").wait_for()
        assert page.title() == "機械加工部品の外観検査" and "The truth" not in page.locator("#tour-body").inner_text()
        page.locator("#tour-believed-details", has_text="どの情報を信じたか").wait_for()
    with opened(served.local_url + TRY, chromium) as page:
        page.locator("#samples button").nth(3).click()
        page.wait_for_timeout(300)
        page.locator("#ask").click()
        page.locator("#result #tuned-answer").wait_for()
        page.locator("#believed-panel .hint").wait_for()
        japanese(page)
        page.locator("#result", has_text="正しい答え").wait_for()
        page.wait_for_timeout(700)
        english(page)
        page.locator("#believed .contributions").wait_for()
        page.locator("#stop").wait_for(state="hidden")
        page.wait_for_timeout(1000)
        assert "Without the photo" in page.locator("#believed").inner_text() and "除く" not in page.locator("#believed-panel").inner_text()
