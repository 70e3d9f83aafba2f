"""The demo of a finished run: choose evidence, ask, and see base and tuned model answer side by side.

    launch(run)                     serves it on this machine only, until Ctrl-C
    launch(run, wait=False)         returns the running app (notebooks, tests); `.close()` ends it
    build_demo(run)                 the app, not served

Only 127.0.0.1, no share link, no telemetry, no font or script from anywhere else.
"""

import os
from collections.abc import Callable
from pathlib import Path

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported; nothing here sends telemetry

from kit.errors import KitError  # noqa: E402
from kit.language import current, say  # noqa: E402

try:
    import gradio as gr
except ImportError as missing:
    raise KitError(
        say('the demo needs one more package: pip install "mllm-poc-kit[demo]"', 'デモには追加パッケージが必要です: pip install "mllm-poc-kit[demo]"')
    ) from missing

from poc.demo.answer import Answer, ModelPair, Recordings, answer, load_pair, open_source  # noqa: E402
from poc.demo.exhibit import Exhibit, open_exhibit  # noqa: E402
from poc.demo.interface import add_interface  # noqa: E402
from poc.demo.page import Page  # noqa: E402
from poc.demo.serving import serve, stay_here  # noqa: E402
from poc.demo.visit import Desk  # noqa: E402

__all__ = ["Answer", "Exhibit", "ModelPair", "Recordings", "answer", "build_demo", "launch", "load_pair", "open_exhibit", "open_source"]

VISITORS = 16  # handlers at once; the models answer one question at a time whatever this is
IN_LINE = 64
KEPT = 3600  # seconds that a visitor's files stay on the disk


def build_demo(
    run: Path, source: ModelPair | Recordings | None = None, media: Path | None = None, language: str | None = None
) -> gr.Blocks:
    """The app of a finished run.

    Args:
        run: the run's folder.
        source: who answers; None loads the run's model, and takes its recorded answers where that fails.
        media: the use case's folder; None looks for it.
        language: "en" or "ja" to begin with; None for the reader's.

    Raises:
        KitError: the folder is no finished run.
    """
    exhibit = open_exhibit(run, media)
    source, reason = (source, "") if source else open_source(Path(run))
    language = language or current()
    with gr.Blocks(title=exhibit.record["title"][language], analytics_enabled=False, delete_cache=(KEPT // 6, KEPT)) as demo:
        desk = Desk(exhibit, source, reason)
        Page(demo, desk, language)
        add_interface(desk)
    return demo.queue(max_size=IN_LINE, default_concurrency_limit=VISITORS)


def launch(
    run: Path, wait: bool = True, port: int | None = None, open_browser: bool = False, media: Path | None = None,
    source: ModelPair | Recordings | None = None, tell: Callable[[str], None] = print,
) -> gr.Blocks:  # fmt: skip
    """Serves the demo of a run on 127.0.0.1.

    Args:
        run: the run's folder.
        wait: until Ctrl-C; False returns at once.
        port: None takes the first free one from 7860.
        open_browser: open the page too.
        media, source: as in `build_demo`.
        tell: receives the address.

    Raises:
        KitError: the folder is no finished run, or the page cannot be served.
    """
    stay_here()
    demo = build_demo(run, source, media)
    serve(demo, port, open_browser)
    if wait:
        tell(say(f"Demo: {demo.local_url} (on this machine only; Ctrl-C ends it)", f"デモ: {demo.local_url}（この端末のみ。Ctrl-C で終了）"))
        demo.block_thread()
    return demo
