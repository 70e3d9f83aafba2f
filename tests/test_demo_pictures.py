"""The pictures of the tour in README.md and README.ja.md are made here, from the shipped run with its model, as a visitor sees it.

They are written into build/screenshots/tour/. To renew those that are committed, run this file and then: cp build/screenshots/tour/*.jpg docs/demo/
"""

import pytest
from PIL import Image
from test_demo_access import mode
from test_demo_browser import SHOTS, copied, example, opened, pair  # noqa: F401  copied, example and pair are fixtures
from test_demo_walk import THERE
from test_packaging import TOUR

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FOLDER = SHOTS / "tour"
WIDTH, MOST = 900, 95_000  # pixels in the README (the window has 1280), bytes


def picture(page, name: str, language: str, top: str, bottom: str) -> None:
    """The page between two of its parts, small enough for a README, once nothing is being looked at any more."""
    page.wait_for_function("!/is being looked at|調べています/.test(document.body.innerText)")
    FOLDER.mkdir(parents=True, exist_ok=True)
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(0, 0)
    page.wait_for_timeout(400)
    box = page.evaluate("([top, bottom]) => { window.scrollTo(0, 0); return [document.querySelector(top).getBoundingClientRect().top, document.querySelector(bottom).getBoundingClientRect().bottom]; }", [top, bottom])
    page.screenshot(path=FOLDER / f"{name}.png", full_page=True, clip={"x": 60, "y": max(box[0] - 14, 0), "width": 1160, "height": box[1] - box[0] + 28})
    with Image.open(FOLDER / f"{name}.png") as taken:
        small = taken.convert("RGB").resize((WIDTH, round(taken.height * WIDTH / taken.width)), Image.Resampling.LANCZOS)
    for quality in range(85, 50, -5):
        small.save(FOLDER / f"{name}.{language}.jpg", quality=quality, optimize=True, subsampling=0)
        if (FOLDER / f"{name}.{language}.jpg").stat().st_size < MOST:
            break
    (FOLDER / f"{name}.png").unlink()


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_tour_of_the_readme_is_walked_and_photographed(example, chromium, language):  # noqa: F811
    with opened(example.local_url, chromium, "#tour-next:enabled") as page:
        if language == "ja":
            page.locator("#language").get_by_text("日本語").click()
            page.wait_for_function("document.querySelector('#ask').textContent.includes('質問する')")
        picture(page, "1-guess", language, "#bar", "#tour-buttons")
        page.locator("#guess-2").click()
        page.locator(THERE[2]).wait_for()
        page.wait_for_timeout(300)
        page.locator("#tour-next").click()
        page.locator(THERE[3]).wait_for()
        picture(page, "2-note-lies", language, "#bar", "#tour-buttons")
        mode(page, "try")
        page.locator("#ask:enabled").click()
        page.locator("#result").wait_for()
        picture(page, "3-try", language, "#mode-try h2", "#result")
        page.locator("#refer:visible").click()
        page.locator("#referred .message").wait_for()
        mode(page, "work")
        page.locator("#work-name input, #work-name textarea").fill({"en": "Suzuki", "ja": "鈴木"}[language])
        page.locator("#work-start").click()
        page.locator("#work-item").wait_for()
        picture(page, "4-work", language, "#bar", "#work-note")
        page.locator("#work-key-2").click()
        page.locator("#work-message .message").wait_for()
        mode(page, "decide")
        page.locator("#yen-verdict").wait_for()
        picture(page, "5-decide", language, "#mode-decide", "#yen-reset")
        mode(page, "watch")
        page.locator("#watch-log table").wait_for()
        page.locator("#watch-verify").click()
        page.locator("#verified").wait_for()
        picture(page, "6-watch", language, "#mode-watch h2", "#verified")
    assert {f"{name}.{language}.jpg" for name in TOUR} <= {file.name for file in FOLDER.glob("*.jpg")}
    for name in TOUR:
        assert 15_000 < (FOLDER / f"{name}.{language}.jpg").stat().st_size < 100_000
