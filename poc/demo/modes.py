"""The shell: title, language and progress above, and five modes of one page. It opens in Show; the others are behind one button, or at an address of their own (`/?mode=work`).

A mode is a class that lays out its components in the column that is open when it is made: `Mode(app, desk, language)`, with `parts` and `translate(language)`, which returns one update for each of them. All are in
the page at once, and the browser shows one: changing the mode costs no question to the server.
"""

import json
from functools import partial

import gradio as gr

from poc.demo import borrowed
from poc.demo import words as w
from poc.demo.deciding import Decide
from poc.demo.look import PAGE
from poc.demo.page import PRIVATE, Page
from poc.demo.showing import Show
from poc.demo.visit import Desk
from poc.demo.watching import Watch
from poc.demo.working import Work
from poc.words import Text, both

MODES: dict[str, Text] = {
    "show": both("Show", "ご案内"), "try": both("Try", "試す"), "work": both("Work", "業務"), "decide": both("Decide", "決める"), "watch": both("Watch", "見守る"),
}  # fmt: skip
OTHER = both("Other views", "ほかの画面")
VIEW = both("View", "画面")
TICK = 1.0  # seconds between two looks at how far the model is
# screen readers and the choice of Chinese or Japanese letter forms follow the page's language
SET_LANGUAGE = "(language) => { document.documentElement.lang = language; document.title = %s[language]; }"
SET_MODE = "(mode) => { document.documentElement.dataset.mode = mode; }"
OPEN = """() => {
  const open = document.documentElement.classList.toggle("modes-open");
  document.querySelector("#modes").setAttribute("aria-expanded", open);
  if (open) { const chosen = document.querySelector("#mode input:checked"); if (chosen) chosen.focus(); }
}"""
# keys of the tour: numbers guess, arrows go back and on; not where something is being typed or moved
LISTEN = """() => {
  const button = document.querySelector("#modes");
  if (button) { button.setAttribute("aria-expanded", "false"); button.setAttribute("aria-controls", "mode"); }
  if (window.tourKeys) return;
  window.tourKeys = true;
  document.addEventListener("keydown", (event) => {
    const box = document.activeElement;
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || (box && /INPUT|TEXTAREA|SELECT|AUDIO|VIDEO/.test(box.tagName)) || (box && box.getAttribute("role") === "tab")) return;
    const name = { ArrowLeft: "#tour-back", ArrowRight: "#tour-next" }[event.key] || (/^[1-9]$/.test(event.key) ? `#guess-${event.key}` : "");
    const found = name && document.querySelector(name);
    if (found && found.offsetParent && !found.disabled) { event.preventDefault(); found.click(); }
  });
}"""
# the address may name a language, and the browser does where it is followed
FIRST_LANGUAGE = """(language) => {
  const wanted = [new URLSearchParams(location.search).get("language"), ...(%s ? navigator.languages : [])].map((one) => (one || "").slice(0, 2).toLowerCase());
  return wanted.find((one) => ["en", "ja"].includes(one)) || language;
}"""
# and a mode that is there
FROM_ADDRESS = '(mode) => { const asked = new URLSearchParams(location.search).get("mode"); return document.querySelector(`#mode-${CSS.escape(asked || "")}`) ? asked : mode; }'


class Modes:
    """The whole page.

    Args:
        app: the page.
        desk: the run and who answers.
        language: "en" or "ja" to begin with.
        follow: the browser's language comes before that.
    """

    def __init__(self, app: gr.Blocks, desk: Desk, language: str, follow: bool = False):
        self.desk, self.follow = desk, follow
        made = {"show": Show, "try": Page, "work": Work, "decide": Decide, "watch": Watch}
        with gr.Row(elem_id="bar"):
            self.modes = gr.Button(OTHER[language], size="sm", elem_id="modes", scale=0, min_width=120)
            self.language = gr.Radio(
                [(name, code) for code, name in w.LANGUAGES.items()], value=language, label=w.LANGUAGE[language], show_label=False, container=False, elem_id="language"
            )
        self.names = list(made)
        self.mode = gr.Radio(self._choices(language), value="show", label=VIEW[language], show_label=False, container=False, elem_id="mode")
        gr.HTML(PAGE, padding=False)
        self.top = gr.HTML(desk.top(language), elem_id="head-top")
        self.progress = gr.HTML(desk.progress(language), elem_id="progress")
        self.clock = gr.Timer(TICK, active=False)
        self.made = {}
        for name, mode in made.items():
            with gr.Column(elem_id=f"mode-{name}", elem_classes="mode"):
                self.made[name] = mode(app, desk, language)
        self._wire(app)

    def _wire(self, app: gr.Blocks) -> None:
        self.modes.click(None, None, None, js=OPEN, **PRIVATE)
        app.load(None, [self.mode], [self.mode], js=FROM_ADDRESS, **PRIVATE)
        for event in (self.mode.change, app.load):
            event(None, [self.mode], None, js=SET_MODE, **PRIVATE)
        for listening in (LISTEN, borrowed.LISTEN):
            app.load(None, None, None, js=listening, **PRIVATE)
        opened = app.load(None, [self.language], [self.language], js=FIRST_LANGUAGE % str(self.follow).lower(), **PRIVATE)
        for event in (self.language.change, opened.then):
            event(None, [self.language], None, js=SET_LANGUAGE % json.dumps(self.desk.exhibit.record["title"]), **PRIVATE)
        speaking = [self.modes, self.language, self.mode, self.top, self.progress]
        self.language.change(self._translate, [self.language], speaking, **PRIVATE)
        for mode in self.made.values():
            self.language.change(partial(_translated, mode), [self.language], mode.parts, **PRIVATE)
        page, show, decide = self.made["try"], self.made["show"], self.made["decide"]
        self.mode.change(decide.look, [self.mode, *decide.inputs], decide.shown, **PRIVATE)
        news = [self.top, self.progress, self.clock, *page.news, *show.news]
        opened.then(self._arrive, [self.language], news, **PRIVATE)  # in the language that was found: two answers would race
        self.clock.tick(self._news, [self.language], news, **PRIVATE)

    def _choices(self, language: str) -> list[tuple[str, str]]:
        return [(MODES[name][language], name) for name in self.names]

    def _translate(self, language: str) -> list:
        return [OTHER[language], gr.update(label=w.LANGUAGE[language]), gr.update(label=VIEW[language], choices=self._choices(language)), self.desk.top(language), self.desk.progress(language)]

    def _arrive(self, language: str) -> list:
        """A page opens, perhaps hours after it was built: what it says of the model is said anew."""
        if self.desk.loading is not None:
            self.desk.loading.seen()
        return self._news(language)

    def _news(self, language: str) -> list:
        """How far the model is."""
        waits = self.desk.waits  # before what is shown, so that the last tick shows the end
        return [self.desk.top(language), self.desk.progress(language), gr.Timer(TICK, active=waits), *self.made["try"].told(language), *self.made["show"].told(language)]


def _translated(mode, language: str):
    """Gradio takes the value of a single output as it is, and of several a list."""
    values = mode.translate(language)
    return values if len(values) > 1 else values[0]
