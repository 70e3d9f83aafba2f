"""The demo for people who see, point or hear otherwise: axe-core's rules in every state of every mode, in both languages, on a desk and on a phone; and everything with the keyboard alone.

axe-core comes with axe-playwright-python (its script is injected; nothing is fetched). Of WCAG 2.1 A and AA and of its good practice nothing may be broken, whatever the impact, but for what is named in GRADIOS.
"""

from dataclasses import replace

import pytest
from test_demo_browser import CAMERA, SHOTS, copied, opened, pair  # noqa: F401  copied and pair are fixtures
from test_demo_walk import THERE

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
# (rule, part of the page) of Gradio's own markup that cannot be mended from outside, and why it is borne
GRADIOS = {("image-redundant-alt", "#samples"): "minor: a thumbnail's caption is its picture's alternative text, so a screen reader says the name of a sample twice"}
WIDTHS = (1280, 390)
TAB = {"held": {"en": "Held-out samples", "ja": "評価用サンプル"}, "own": {"en": "Your own", "ja": "自分のデータ"}}


@pytest.fixture(scope="module")
def served(copied, pair):  # noqa: F811
    """The shipped run with its model, which is sure of nothing, so that there is something to refer and to decide."""
    gr = pytest.importorskip("gradio", reason='needs demo: pip install "mllm-poc-kit[demo]"')
    from poc import demo
    from poc.demo.ledger import Ledger
    from poc.demo.modes import Modes
    from poc.demo.serving import serve, stay_here
    from poc.demo.visit import Desk

    stay_here()
    exhibit = demo.open_exhibit(copied)
    ledger = Ledger(exhibit)
    ledger.__dict__["threshold"] = replace(ledger.threshold, value=1.01, promised=True)
    with gr.Blocks(title=exhibit.record["title"]["en"], analytics_enabled=False) as app:
        Modes(app, Desk(exhibit, pair, ledger=ledger), "en")
    serve(app.queue(max_size=64), None, False)
    yield app
    app.close()


def broken(page) -> dict[tuple[str, str], list[str]]:
    """(rule, element) -> impact and what axe-core says of it, in the page as it is."""
    from axe_playwright_python.base import AXE_SCRIPT

    page.wait_for_timeout(250)  # what fades in has no colour yet
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate("rules => axe.run(document, { runOnly: rules, resultTypes: ['violations'] })", RULES)
    return {(rule["id"], node["target"][0]): [rule["impact"], node["html"][:200], node["failureSummary"]] for rule in found["violations"] for node in rule["nodes"]}


def held_to(page, state: str) -> None:
    """Nothing is broken in this state, on a desk and on a phone."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        found = broken(page)
        mended = {key: told for key, told in found.items() if not any(key[0] == rule and page.locator(key[1]).evaluate_all("(all, part) => all.every(one => one.closest(part))", part) for rule, part in GRADIOS)}
        assert not mended, f"{state}, {width} pixels"
    page.set_viewport_size({"width": WIDTHS[0], "height": 900})


def mode(page, name: str) -> None:
    if not page.locator("#mode").is_visible():
        page.locator("#modes").click()
    page.locator(f'#mode input[value="{name}"]').click()
    page.locator(f"#mode-{name}").wait_for()


@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_state_of_every_mode_follows_the_rules(served, chromium, language):
    with opened(served.local_url, chromium, "#tour-next:enabled", CAMERA) as page:
        if language == "ja":
            page.locator("#language").get_by_text("日本語").click()
            page.wait_for_function("document.querySelector('#ask').textContent.includes('質問する')")
        tour(page)
        mode(page, "try")
        trying(page, language)
        mode(page, "work")
        working(page, language)
        mode(page, "decide")
        page.locator("#yen-verdict").wait_for()
        held_to(page, "Decide")
        mode(page, "watch")
        page.locator("#watch-log table").wait_for()
        page.locator("#watch-verify").click()
        page.locator("#verified").wait_for()
        held_to(page, "Watch, verified")
        page.evaluate("document.querySelector('#mode-watch').insertAdjacentHTML('beforeend', '<p style=\"color:#bbb;background:#fff\">grey</p><input>')")
        assert {"color-contrast", "label"} <= {rule for rule, _ in broken(page)}, "the rules see what is broken"


def tour(page) -> None:
    for step in range(1, 6):
        page.locator(f'#tour-step[data-step="{step}"]').wait_for()
        page.locator(THERE[step]).wait_for()
        held_to(page, f"Show, step {step}")
        if step < 5:
            page.locator("#guess-1" if step == 1 else "#tour-next").click()


def trying(page, language: str) -> None:
    held_to(page, "Try")
    first = page.locator("#evidence").get_attribute("data-sample")
    page.locator("#samples button.thumbnail-item").nth(1 if language == "en" else 2).click()
    page.wait_for_function("first => document.querySelector('#evidence').dataset.sample !== first", arg=first)
    page.locator("#ask").click()
    page.locator("#refer:visible").wait_for()
    held_to(page, "Try, an answer that needs a person")
    page.locator("#refer").click()
    page.locator("#referred .message").wait_for()
    held_to(page, "Try, referred")
    page.get_by_role("tab", name=TAB["own"][language]).click()
    page.locator("#camera").wait_for()
    held_to(page, "Try, own evidence")
    page.locator("#camera [title] button").first.click()
    page.locator("#camera .capture-button:visible").wait_for()
    page.wait_for_function("document.querySelector('#camera video').videoWidth > 0")
    page.locator("#camera .capture-button").click()
    page.locator("#evidence[data-sample=own] img.photo").wait_for()
    page.locator("#note textarea").fill("from the camera")
    page.locator("#ask").click()
    page.locator("#result").wait_for()
    held_to(page, "Try, own evidence answered")


def working(page, language: str) -> None:
    held_to(page, "Work, no name yet")
    page.locator("#work-name input, #work-name textarea").fill(f"Suzuki {language}")
    page.locator("#work-start").click()
    page.locator("#work-item").wait_for()
    held_to(page, "Work, an item")
    page.locator("#work-key-1").click()
    page.locator("#work-message .message").wait_for()
    held_to(page, "Work, decided")
    page.locator("#work-tabs").get_by_role("tab").nth(1).click()
    page.locator("#new-add").wait_for()
    held_to(page, "Work, a new sample")
    page.locator("#work-tabs").get_by_role("tab").nth(2).click()
    page.locator("#practice-begin").click()
    page.locator("#practice-item").wait_for()
    held_to(page, "Work, practice")
    page.locator("#practice-key-1").click()
    page.locator("#practice-item[data-place='1']").wait_for()
    page.locator("#practice-finish").click()
    page.locator("#practice-result").wait_for()
    held_to(page, "Work, practised")


LOOK = 500  # ms: an answer that comes sooner than anybody can look is not taken (poc.demo.shift.UNSEEN)
# what has the focus: inside which place, and whether that can be seen
FOCUSED = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const seen = [one, one.closest("label"), one.parentElement].filter(Boolean).some((box) => {
    const style = getComputedStyle(box);
    return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || (box === one && one.matches(":focus-visible") && /rgb/.test(style.boxShadow) && !/ 0px 0px 0px 0px/.test(style.boxShadow));
  });
  const box = one.getBoundingClientRect();
  return { what: one.tagName + " " + ((one.closest("[id]") || {}).id || "") + " " + (one.getAttribute("aria-label") || one.innerText || "").slice(0, 30), seen, there: box.width > 0 && one.checkVisibility() };
}"""


def reach(page, place: str, most: int = 90) -> None:
    """Tab, until the focus is at or in `place`, wherever it was; on the way it is always somewhere that can be seen."""
    last, same = None, 0
    for _ in range(most):
        if page.evaluate("place => { const one = document.activeElement; return one !== document.body && Boolean(one.closest(place)); }", place):
            return
        page.keyboard.press("Tab")
        now = page.evaluate(FOCUSED)
        if now is None:  # the browser's own controls; it goes on at the top
            continue
        assert now["seen"], f"the focus cannot be seen at {now}"
        same = same + 1 if now["what"] == last else 0
        assert same < 12, f"the focus is caught in {last}"
        last = now["what"]
    raise AssertionError(f"{place} is not reached with {most} tabs; the focus is at {page.evaluate(FOCUSED)}")


def press(page, place: str, key: str = "Enter") -> None:
    reach(page, place)
    page.keyboard.press(key)


def go(page, name: str) -> None:
    """To the next mode: its button, then an arrow."""
    page.evaluate("window.scrollTo(0, 0)")
    if not page.locator("#mode").is_visible():
        press(page, "#modes")
        page.wait_for_function("Boolean(document.activeElement.closest('#mode'))")
    else:
        reach(page, "#mode")
    page.keyboard.press("ArrowRight")
    page.locator(f"#mode-{name}").wait_for()


def test_everything_is_done_with_the_keyboard_alone(served, chromium):
    with opened(served.local_url, chromium, "#tour-next:enabled", CAMERA) as page:
        page.set_default_timeout(30_000)
        press(page, "#guess-1")
        page.locator('#tour-step[data-step="2"]').wait_for()
        page.locator(THERE[2]).wait_for()
        page.wait_for_timeout(300)
        press(page, "#tour-another")
        page.locator('#tour-step[data-step="1"]').wait_for()
        for step in range(2, 6):
            press(page, "#tour-next", "Space")
            page.locator(THERE[step]).wait_for()
            page.wait_for_timeout(300)  # the last word of an answer comes after its text, and until then a second press is not taken
        press(page, "#tour-back")
        page.locator('#tour-step[data-step="4"]').wait_for()
        go(page, "try")
        alone_in_try(page)
        go(page, "work")
        alone_in_work(page)
        go(page, "decide")
        page.locator("#yen-verdict").wait_for()
        here = page.locator("#yen-here").inner_text()
        press(page, "#yen-threshold input[type=range]", "ArrowLeft")
        page.wait_for_function("here => document.querySelector('#yen-here').innerText !== here", arg=here)
        press(page, "#yen-reset")
        page.wait_for_function("here => document.querySelector('#yen-here').innerText === here", arg=here)
        go(page, "watch")
        page.locator("#watch-log table").wait_for()
        press(page, "#watch-refresh")
        reach(page, "#watch-log .scroll")
        press(page, "#watch-verify")
        page.locator("#verified").wait_for()
        reach(page, "#language")
        page.keyboard.press("ArrowRight")
        page.wait_for_function("document.querySelector('#watch-verify').innerText.includes('検証')")
        page.screenshot(path=SHOTS / "access-keyboard-ja.png", full_page=True)


def alone_in_try(page) -> None:
    first = page.locator("#evidence").get_attribute("data-sample")
    reach(page, "#samples button.thumbnail-item")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function("first => document.querySelector('#evidence').dataset.sample !== first", arg=first)
    second = page.locator("#evidence").get_attribute("data-sample")
    press(page, "#sample input", "ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_function("second => document.querySelector('#evidence').dataset.sample !== second", arg=second)
    press(page, "#ask")
    page.locator("#result").wait_for()
    page.locator("#refer:visible").wait_for()
    page.wait_for_timeout(800)  # the answer is said once more when it is complete, and takes back what stood below
    press(page, "#refer")
    page.locator("#referred .message").wait_for()
    press(page, "#tab-own-button")
    page.locator("#camera").wait_for()
    reach(page, "#upload")
    press(page, "#camera [title] button")
    page.locator("#camera .capture-button:visible").wait_for()
    page.wait_for_function("document.querySelector('#camera video').videoWidth > 0")
    press(page, "#camera .capture-button")
    page.locator("#evidence[data-sample=own] img.photo").wait_for()
    reach(page, "#note")
    page.keyboard.type("12 mm")
    press(page, "#ask")
    page.locator("#result").wait_for()
    press(page, "#clear")
    page.locator("#evidence img.photo").wait_for(state="detached")


def alone_in_work(page) -> None:
    reach(page, "#work-name")
    page.keyboard.type("Tanaka")
    press(page, "#work-start")
    page.locator("#work-item").wait_for()
    reach(page, "#work-kind")
    reach(page, "#work-note")
    page.keyboard.type("seen by keyboard")
    page.wait_for_timeout(LOOK)
    press(page, "#work-key-2")
    page.locator("#work-message .message", has_text="Written").wait_for()
    press(page, "#work-key-u")
    page.locator("#work-message .message", has_text="Taken back").wait_for()
    page.wait_for_timeout(LOOK)
    press(page, "#work-key-0")
    page.locator("#work-message .message", has_text="Written").wait_for()
    press(page, "#work-tab-new-button")
    reach(page, "#new-upload")
    press(page, "#new-answer input", "ArrowDown")
    page.keyboard.press("Enter")
    press(page, "#new-add")
    page.locator("#new-message .message").wait_for()
    press(page, "#work-tab-practice-button")
    press(page, "#practice-begin")
    page.locator("#practice-item").wait_for()
    page.wait_for_timeout(LOOK)
    press(page, "#practice-key-1")
    page.locator("#practice-item[data-place='1']").wait_for()
    press(page, "#practice-finish")
    page.locator("#practice-result").wait_for()
