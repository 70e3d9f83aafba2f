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


def test_what_the_boxes_say_when_they_are_left_is_what_is_computed(served, chromium):
    """Typed, pasted, emptied, too large, negative and full-width: held to the range, without an error of the server."""
    with opened(served.local_url + "?mode=decide", chromium, "#yen-verdict") as page:
        page.set_default_timeout(30_000)
        box, bar = page.locator("#yen-miss input[type=number]"), page.locator("#yen-miss input[type=range]")
        most = float(bar.get_attribute("max"))

        def gives(put, amount: float) -> None:
            """`put` into the box comes to this figure: in the sentence under the verdict, in the box and at the slider."""
            box.click()
            page.keyboard.press("Control+A")
            put()
            page.wait_for_function("said => document.querySelector('#yen-figures').innerText.includes(said)", arg=f"a miss ¥{amount:,.0f},")
            box.blur()
            page.wait_for_function("amount => ['number', 'range'].every(kind => Number(document.querySelector(`#yen-miss input[type=${kind}]`).value) === amount)", arg=amount)
            page.wait_for_timeout(400)  # and stay
            assert float(box.input_value()) == float(bar.input_value()) == amount
            assert f"a miss ¥{amount:,.0f}," in page.locator("#yen-figures").inner_text()

        before = page.locator("#yen-here").inner_text()
        gives(lambda: page.keyboard.type("9999999"), most)
        assert page.locator("#yen-here").inner_text() != before
        gives(lambda: page.keyboard.insert_text("1e3"), 1000)  # in one go: "1e" alone is no number, and on a busy machine Gradio's box forgets it when the next key comes within milliseconds (the box, the slider and the sentence agree then, too)
        gives(lambda: page.keyboard.press("Delete"), 0)
        gives(lambda: page.keyboard.insert_text("２５００"), 2500)
        gives(lambda: page.keyboard.insert_text("-50"), 0)
        gives(lambda: pasted(page, "1,000"), 1000)
        page.locator("#yen-bad input[type=number]").fill("9999")
        page.locator("#yen-figures", has_text=f"{page.locator('#yen-bad input[type=range]').get_attribute('max')} bad ones").wait_for()
        page.locator("#yen-threshold input[type=number]").fill("0.01")  # calls everything bad
        page.locator("#yen-bad input[type=number]").fill("0")  # where nothing is
        page.locator('#yen-verdict[data-decision="stop"]').wait_for()
        assert page.locator(".toast-body").count() == 0


def pasted(page, text: str) -> None:
    page.evaluate("""text => {
      const box = document.activeElement, from = document.createElement("textarea");
      document.body.append(Object.assign(from, { value: text }));
      from.select(); document.execCommand("copy"); from.remove(); box.focus(); box.select();
    }""", text)
    page.keyboard.press("Control+V")


@pytest.mark.parametrize("address", ["", "?mode=decide"])
def test_a_printed_page_is_calm(served, chromium, address):
    """No button, tab, slider or language switch on paper; what is left is as wide as the paper. PDFs are kept for a person to look at."""
    with opened(served.local_url + address, chromium, "#yen-verdict" if address else "#tour-next:enabled") as page:
        if not address:
            page.locator("#guess-1").click()
            for step in range(2, 6):
                page.locator(THERE[step]).wait_for()
                page.wait_for_timeout(300)
                if step < 5:
                    page.locator("#tour-next").click()
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 720, "height": 1000})
        for place in ("button", "#language", "#mode", "#tour-step", "input[type=range]"):
            assert page.locator(f"{place}:visible").count() == 0, place
        shown = page.locator("#tour-worth" if not address else "#gates-verdict").bounding_box()
        assert shown["width"] > 600 and page.evaluate("document.documentElement.scrollWidth") <= 720
        if address:
            assert page.locator("#yen-miss input[type=number]:visible").count() == 1 and page.locator("#yen-verdict").bounding_box()["width"] > 600
        page.pdf(path=SHOTS / f"print-{'decide' if address else 'worth'}.pdf", format="A4")


def test_the_focus_is_seen_at_every_control_of_a_player(served, copied, chromium):  # noqa: F811
    """The browser's own controls are inside, where the page's rings do not reach."""
    from test_demo_access import FOCUSED

    from poc import demo

    heard = next(sample for sample in demo.open_exhibit(copied).samples.values() if sample.audio)
    with opened(served.local_url + "?mode=try", chromium) as page:
        page.locator("#sample input").fill(heard.id)
        page.keyboard.press("Enter")
        page.locator("#evidence-panel audio").first.wait_for()
        page.evaluate("document.querySelector('#sample input').focus()")
        seen = []
        for _ in range(25):
            page.keyboard.press("Tab")
            now = page.evaluate(FOCUSED)
            seen += [now["seen"]] if now and "AUDIO" in now["what"] else []
        assert len(seen) > 1 and all(seen)
