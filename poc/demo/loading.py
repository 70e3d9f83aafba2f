"""The model comes while the page is there already: once, in the background, in steps that the page shows as a progress bar. Until then, and where it fails, the page has the recorded answers."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from poc import runs
from poc.demo.answer import ModelPair, Recordings, load_pair
from poc.demo.words import safe
from poc.words import Text, both

PATIENCE = 4.0  # seconds that the first page gets for itself before the libraries take the processor
STEPS = (
    both("reading the libraries", "ライブラリを読み込み中"), both("reading the model and its adapter", "モデルとアダプターを読み込み中"), both("a first question, to warm up", "準備のための最初の質問"),
)  # fmt: skip
LOADING = both("The model is being loaded", "モデルを読み込み中")
MEANWHILE = both(
    "Step {step} of {steps}: {what}, {seconds:.0f} s so far. Meanwhile held-out samples get the answers that were recorded when the run was made; your own evidence can be asked about when the model is there.",
    "{steps} 段階中 {step}：{what}（{seconds:.0f} 秒経過）。その間、評価用サンプルには実行時に記録した答えを表示します。自分のデータへの質問は、読み込みが終わってからできます。",
)


class Loading:
    """A model on its way.

    Args:
        run: a finished run.

    Attributes:
        over: set once the model is there, or will never be.
        seconds: that it took.
    """

    def __init__(self, run: Path):
        self.run, self.step, self.began, self.seconds = Path(run), 0, time.monotonic(), 0.0
        self._page, self.over = threading.Event(), threading.Event()

    def start(self, warm: Callable[[ModelPair], None], receive: Callable[[ModelPair | Recordings, str], None]) -> None:
        """Begins to load, once the first page is painted.

        Args:
            warm: asks one question of the new pair, so that no visitor waits for what happens once only.
            receive: gets the pair and "", or the recorded answers and why there is no model.
        """
        threading.Thread(target=self._load, args=(warm, receive), name="poc-demo-loading", daemon=True).start()

    def seen(self) -> None:
        """The first page is painted: the processor is free for the model."""
        self._page.set()

    def _load(self, warm, receive) -> None:
        self._page.wait(PATIENCE)
        self.began = time.monotonic()
        try:
            import kit.diagnosis  # noqa: F401  torch and transformers, most of the wait on a small machine

            self.step = 1
            pair = load_pair(self.run)
            self.step = 2
            warm(pair)
            receive(pair, "")
        except Exception as error:  # see answer.open_source
            logging.getLogger(__name__).exception("the model could not be loaded")  # for the person at the terminal
            receive(Recordings(runs.read_predictions(self.run)), (str(error).strip() or type(error).__name__).splitlines()[0])
        finally:
            self.seconds = time.monotonic() - self.began
            self.over.set()

    def shown(self, language: str) -> str:
        """HTML of the progress bar with what happens now; "" once it is over."""
        if self.over.is_set():
            return ""
        what: Text = STEPS[self.step]
        said = MEANWHILE[language].format(step=self.step + 1, steps=len(STEPS), what=what[language], seconds=time.monotonic() - self.began)
        bar = f'<progress max="{len(STEPS)}" value="{self.step}" aria-label="{LOADING[language]}"></progress>'
        return f'<div class="banner recorded" id="loading-banner" role="note"><strong>{LOADING[language]}</strong> {bar} {safe(said)}</div>'
