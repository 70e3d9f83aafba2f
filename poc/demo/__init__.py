"""The demo of a finished run: choose evidence, ask, and see base and tuned model answer side by side.

    launch(run)                     serves it on this machine only, until Ctrl-C; the page is there at once, the model a little later
    launch(run, wait=False)         returns the running app (notebooks, tests); `.close()` ends it
    build_demo(run)                 the app, not served

Only 127.0.0.1 unless `Access` says otherwise, no share link, no telemetry, no font or script from anywhere else. Every answer of the tuned model is written into the run's audit log before it is shown.

    modes            the five of one page: showing and tour, page and visit (Try), working, deciding and yen, watching
    camera, inputs, borrowed   what Gradio gives, made to fit
    counter, line, rate, loading, answer, doubts      how a question becomes an answer
    believed, looking, believed_cards                 which evidence an answer believed
    door, serving    who and what gets in                      ledger                                            who asked what, and what came of it
    uploads, belongings    what visitors bring                 interface                                         the same for programs
"""

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported; nothing here sends telemetry

from kit.errors import KitError  # noqa: E402
from kit.language import chosen, current, say  # noqa: E402

try:
    import gradio as gr
except ImportError as missing:
    raise KitError(
        say('the demo needs one more package: pip install "mllm-poc-kit[demo]"', 'デモには追加パッケージが必要です: pip install "mllm-poc-kit[demo]"')
    ) from missing

from poc.demo.answer import Answer, ModelPair, Recordings, answer, load_pair, open_source  # noqa: E402
from poc.demo.exhibit import Exhibit, open_exhibit  # noqa: E402
from poc.demo.interface import add_interface  # noqa: E402
from poc.demo.ledger import Ledger  # noqa: E402
from poc.demo.line import LONGEST, MOST, Line  # noqa: E402
from poc.demo.loading import Loading  # noqa: E402
from poc.demo.modes import Modes  # noqa: E402
from poc.demo.serving import Access, read_users, serve, stay_here  # noqa: E402
from poc.demo.visit import Desk  # noqa: E402

__all__ = ["Access", "Answer", "Exhibit", "ModelPair", "Recordings", "answer", "build_demo", "launch", "load_pair", "open_exhibit", "open_source", "read_users"]

VISITORS = 16  # handlers of one kind at once; who waits for an answer has a place in line instead
EVENTS = 256  # of Gradio's own line, before it says that it is full
KEPT = 3600  # seconds that a visitor's files stay on the disk where nobody notices that they left


def build_demo(
    run: Path, source: ModelPair | Recordings | None = None, media: Path | None = None, language: str | None = None,
    loading: Loading | None = None, key: bytes | None = None, longest: float = LONGEST,
) -> gr.Blocks:  # fmt: skip
    """The app of a finished run.

    Args:
        run: the run's folder; what is asked and answered is written into its audit log.
        source: who answers; None loads the run's model, and takes its recorded answers where that fails.
        media: the use case's folder; None looks for it.
        language: "en" or "ja" to begin with; None: as POC_LANGUAGE says, else as each visitor's browser asks, else this machine's. `?language=ja` in the address comes before all of them.
        loading: loads the model in the background, and the recorded answers are there at once.
        key: of the audit log's pseudonyms; None draws one that is forgotten with the demo.
        longest: seconds that a question may take, its wait included.

    Raises:
        KitError: the folder is no finished run.
    """
    exhibit = open_exhibit(run, media)
    reason = ""
    if source is None:
        source, reason = (Recordings(exhibit.predictions), "") if loading else open_source(Path(run))
    follow = not (language or chosen())
    language = language or current()
    with gr.Blocks(title=exhibit.record["title"][language], analytics_enabled=False, delete_cache=(KEPT // 6, KEPT)) as demo:
        line = Line(longest=longest)
        atexit.register(line.close)
        desk = Desk(exhibit, source, reason, loading, Ledger(exhibit, key), line)
        Modes(demo, desk, language, follow)
        add_interface(desk, MOST)
    if loading:
        loading.start(desk.warm, desk.receive)
    return demo.queue(max_size=EVENTS, default_concurrency_limit=VISITORS)


def launch(
    run: Path, wait: bool = True, port: int | None = None, open_browser: bool = False, media: Path | None = None,
    source: ModelPair | Recordings | None = None, tell: Callable[[str], None] = print, access: Access | None = None, key: bytes | None = None, longest: float = LONGEST,
) -> gr.Blocks:  # fmt: skip
    """Serves the demo of a run, on 127.0.0.1 where `access` says nothing else.

    Args:
        run: the run's folder.
        wait: until Ctrl-C, and the model is loaded behind the page; False returns at once, with the model loaded.
        port: None takes the first free one from 7860.
        open_browser: open the page too.
        media, source, key, longest: as in `build_demo`.
        tell: receives the address.
        access: address, users and certificate.

    Raises:
        KitError: the folder is no finished run, or the page cannot be served.
    """
    stay_here()
    demo = build_demo(run, source, media, loading=Loading(run) if wait and source is None else None, key=key, longest=longest)
    serve(demo, port, open_browser, access=access)
    if wait:
        where = say("on this machine only", "この端末のみ") if not access or access.address == Access.address else access.address
        tell(say(f"Demo: {demo.local_url} ({where}; Ctrl-C ends it)", f"デモ: {demo.local_url}（{where}。Ctrl-C で終了）"))
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the visitors' files are deleted then, too
        demo.block_thread()
    return demo
