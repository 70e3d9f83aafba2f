"""Show and Decide in headless Chromium, on the shipped run with recorded answers: both languages, on a desk and on a phone. Screenshots are kept in build/screenshots/ for a person to look at."""

import pytest
from test_demo_browser import SHOTS, copied, opened  # noqa: F401  copied is a fixture

from poc.demo import tour_words as t

pytestmark = [pytest.mark.browser, pytest.mark.slow]

THERE = {1: "#tour-question", 2: "#tour-told", 3: "#tour-lies", 4: "#tour-person", 5: "#tour-worth"}


@pytest.fixture(scope="module")
def served(copied):  # noqa: F811
    pytest.importorskip("gradio", reason='needs demo: pip install "mllm-poc-kit[demo]"')
    from poc import demo

    app = demo.launch(copied, wait=False, source=demo.Recordings(demo.open_exhibit(copied).predictions))
    yield app
    app.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_an_executive_walks_through_the_tour_and_moves_the_figures(served, chromium, width):
    """With the keyboard in English, with the mouse in Japanese, and back at the end."""
    with opened(served.local_url, chromium, "#tour-next:enabled") as page:
        page.set_viewport_size({"width": width, "height": 900})
        for language in ("en", "ja"):
            if language == "ja":
                page.locator("#language").get_by_text("日本語").click()
                page.wait_for_function("title => document.querySelector('#tour-title').innerText === title", arg=t.TITLES[4]["ja"])
                page.locator("#tour-next").click()  # start again
            for step in range(1, 6):
                page.locator(f'#tour-step[data-step="{step}"]').wait_for()
                page.locator(THERE[step]).wait_for()
                assert page.locator("#tour-title").inner_text() == t.TITLES[step - 1][language] and f"{step}" in page.locator("#tour-step").inner_text()
                page.wait_for_timeout(300)
                page.screenshot(path=SHOTS / f"show-{width}-{language}-{step}.png", full_page=True)
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                if language == "en" and step < 5:
                    page.evaluate("document.activeElement.blur()")
                    page.keyboard.press("2" if step == 1 else "ArrowRight")
                elif step < 5:
                    page.locator("#guess-1" if step == 1 else "#tour-next").click()
        page.locator("#tour-back").click()
        page.locator('#tour-step[data-step="4"]').wait_for()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_other_views_are_behind_one_button_and_yen_move_the_verdict(served, chromium, width):
    with opened(served.local_url, chromium, "#tour-next:enabled") as page:
        page.set_viewport_size({"width": width, "height": 900})
        assert not page.locator("#mode").is_visible() and not page.locator("#ask").is_visible()
        page.locator("#modes").focus()
        page.keyboard.press("Enter")
        page.locator("#mode").wait_for()
        assert page.locator("#modes").get_attribute("aria-expanded") == "true"
        page.locator("#mode").get_by_text("Try").click()
        page.locator("#ask:enabled").wait_for()
        assert not page.locator("#tour-title").is_visible()
        page.locator("#mode").get_by_text("Decide").click()
        page.locator('#yen-verdict[data-decision="go"]').wait_for()
        before, gates = page.locator("#yen-here").inner_text(), page.locator("#gates-verdict").inner_text()
        page.screenshot(path=SHOTS / f"decide-{width}-en.png", full_page=True)
        page.locator("#yen-threshold input[type=range]").press("Home")  # calls everything bad
        page.locator("#yen-bad input[type=range]").press("Home")  # where nothing is
        page.locator('#yen-verdict[data-decision="stop"]').wait_for()
        assert page.locator("#yen-here").inner_text() != before and page.locator("#gates-verdict").inner_text() == gates
        page.locator("#yen-reset").click()
        page.locator('#yen-verdict[data-decision="go"]').wait_for()
        page.locator("#language").get_by_text("日本語").click()
        page.locator("#yen-verdict", has_text="割に合います").wait_for()
        page.wait_for_timeout(500)
        page.screenshot(path=SHOTS / f"decide-{width}-ja.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert not page.locator("#mode-decide").inner_text().isascii() and "Against" not in page.locator("#mode-decide").inner_text()
