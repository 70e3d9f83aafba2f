"""How a page is served: on 127.0.0.1 only, no share link, no telemetry, and without asking a company's proxy."""

import atexit
import os
import shutil
import tempfile

import gradio as gr

from kit.errors import KitError
from kit.language import say
from poc.demo.look import CSS, theme

TRIES = 4  # of serving the page on a busy machine


def stay_here() -> None:
    """Gradio asks its own server over HTTP whether it is up, and a proxy must not get that question (pains.md 13); what visitors send is deleted with the process."""
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name, ""), "127.0.0.1,localhost"]))
    if "GRADIO_TEMP_DIR" not in os.environ:
        os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="poc-demo-")
        atexit.register(shutil.rmtree, os.environ["GRADIO_TEMP_DIR"], ignore_errors=True)


def serve(demo: gr.Blocks, port: int | None, open_browser: bool, head: str = "") -> None:
    """Serves a page and returns; `head` is added to that of the page.

    Raises:
        KitError: no free port, or the page does not answer.
    """
    for left in reversed(range(TRIES)):
        try:
            demo.launch(
                server_name="127.0.0.1", server_port=port, share=False, inbrowser=open_browser, prevent_thread_lock=True, quiet=True,
                theme=theme(), css=CSS, head=head or None, footer_links=[], ssr_mode=False, enable_monitoring=False, max_file_size="200mb",
            )  # fmt: skip
            return
        except OSError as error:
            raise KitError(say(f"no free port for the page ({error}); close another one or name a port", f"画面用の空きポートがありません（{error}）。他を終了するかポートを指定してください")) from error
        except ValueError as error:  # Gradio's own server did not answer Gradio within 15 s: a very busy machine, or a proxy in between
            demo.close()
            if not left:
                raise KitError(
                    say("the page does not answer on 127.0.0.1: try again when the machine is less busy, and exempt 127.0.0.1 from the proxy (NO_PROXY)",
                        "画面が 127.0.0.1 で応答しません。負荷が下がってから再度お試しください。プロキシの対象から 127.0.0.1 を外してください（NO_PROXY）")
                ) from error  # fmt: skip
