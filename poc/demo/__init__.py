"""The demo of a finished run: choose evidence, ask, and see base and tuned model answer side by side.

    launch(run)                     serves it on this machine only, until Ctrl-C
    launch(run, wait=False)         returns the running app (notebooks, tests); `.close()` ends it
    build_demo(run)                 the app, not served

Only 127.0.0.1, no share link, no telemetry, no font or script from anywhere else.
"""

import atexit
import os
import shutil
import tempfile
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
from poc.demo.look import CSS, theme  # noqa: E402
from poc.demo.page import Page  # noqa: E402
from poc.demo.visit import Desk  # noqa: E402

__all__ = ["Answer", "Exhibit", "ModelPair", "Recordings", "answer", "build_demo", "launch", "load_pair", "open_exhibit", "open_source"]

VISITORS = 16  # handlers at once; the models answer one question at a time whatever this is
IN_LINE = 64
TRIES = 4  # of serving the page on a busy machine
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
    # Gradio asks its own server over HTTP whether it is up; a company's proxy must not get that question (pains.md 13)
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name, ""), "127.0.0.1,localhost"]))
    if "GRADIO_TEMP_DIR" not in os.environ:
        os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="poc-demo-")
        atexit.register(shutil.rmtree, os.environ["GRADIO_TEMP_DIR"], ignore_errors=True)
    demo = build_demo(run, source, media)
    _serve(demo, port, open_browser)
    if wait:
        tell(say(f"Demo: {demo.local_url} (on this machine only; Ctrl-C ends it)", f"デモ: {demo.local_url}（この端末のみ。Ctrl-C で終了）"))
        demo.block_thread()
    return demo


def _serve(demo: gr.Blocks, port: int | None, open_browser: bool) -> None:
    for left in reversed(range(TRIES)):
        try:
            demo.launch(
                server_name="127.0.0.1", server_port=port, share=False, inbrowser=open_browser, prevent_thread_lock=True, quiet=True,
                theme=theme(), css=CSS, footer_links=[], ssr_mode=False, enable_monitoring=False, max_file_size="200mb",
            )  # fmt: skip
            return
        except OSError as error:
            raise KitError(say(f"no free port for the demo ({error}); close another one or name a port", f"デモ用の空きポートがありません（{error}）。他を終了するかポートを指定してください")) from error
        except ValueError as error:  # Gradio's own server did not answer Gradio within 15 s: a very busy machine, or a proxy in between
            demo.close()
            if not left:
                raise KitError(
                    say("the demo's page does not answer on 127.0.0.1: try again when the machine is less busy, and exempt 127.0.0.1 from the proxy (NO_PROXY)",
                        "デモの画面が 127.0.0.1 で応答しません。負荷が下がってから再度お試しください。プロキシの対象から 127.0.0.1 を外してください（NO_PROXY）")
                ) from error  # fmt: skip
