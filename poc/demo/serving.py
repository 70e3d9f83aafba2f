"""How a page is served: on 127.0.0.1 unless somebody says otherwise, no share link, no telemetry, behind `poc.demo.door`, with a password and TLS where they are wanted, and without asking a company's proxy."""

import atexit
import hmac
import os
import shutil
import socket
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
from starlette.middleware import Middleware

from kit.errors import KitError
from kit.language import say
from poc.demo.door import LOCAL, Door
from poc.demo.look import CSS, theme

TRIES = 4  # of serving the page on a busy machine
THREADS = 96  # of Gradio's: one for each visitor who waits, and enough for those who look around
HERE = "127.0.0.1"
PREFIX = "poc-demo-"
_OWN: list[str] = []  # the folder of this process, once there is one


@dataclass(frozen=True)
class Access:
    """Who may come in, and how.

    Attributes:
        address: that the page listens on; anything but this machine itself needs users and a certificate.
        users: name -> password; {} lets everybody in who reaches the address.
        certificate, private_key: PEM files for TLS; None serves plain HTTP.
    """

    address: str = HERE
    users: dict[str, str] | None = None
    certificate: Path | None = None
    private_key: Path | None = None

    def __post_init__(self):
        if (self.certificate is None) != (self.private_key is None):
            raise KitError(say("TLS needs both files: --tls-cert CERT.pem --tls-key KEY.pem", "TLS には両方のファイルが必要です：--tls-cert CERT.pem --tls-key KEY.pem"))
        for file in (self.certificate, self.private_key):
            if file is not None and not Path(file).is_file():
                raise KitError(say(f"{file}: there is no such file; give the certificate and its private key as PEM files", f"{file} がありません。証明書と秘密鍵を PEM ファイルで指定してください"))
        if self.address not in LOCAL and not (self.users and self.certificate):
            raise KitError(say(f"on {self.address} other machines could reach the demo and read along: this needs --users FILE and --tls-cert/--tls-key; on 127.0.0.1 it needs neither",
                               f"{self.address} では他の端末から到達でき、通信も読まれます。--users FILE と --tls-cert/--tls-key を指定してください（127.0.0.1 なら不要です）"))  # fmt: skip

    @property
    def hosts(self) -> tuple[str, ...] | None:
        """What the page is asked for as; None where the address stands for every name of this machine (there the login keeps others out)."""
        if self.address in ("0.0.0.0", "::", "[::]"):
            return None
        named = () if self.address in LOCAL else (self.address, socket.gethostname(), socket.getfqdn())
        return tuple(dict.fromkeys((*LOCAL, *(name.lower() for name in named))))

    def lets_in(self, name: str, password: str) -> bool:
        known = (self.users or {}).get(name, "")
        return hmac.compare_digest(known.encode(), password.encode()) and bool(known)


def read_users(file: Path) -> dict[str, str]:
    """name -> password from a file of lines NAME:PASSWORD that only its owner may read.

    Raises:
        KitError: no such file, readable by others, or a line that is none. Passwords are never repeated in it.
    """
    try:
        mode, text = file.stat().st_mode, file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KitError(say(f"{file}: cannot be read; it must have one NAME:PASSWORD a line", f"{file} を読めません。1 行に 1 人、NAME:PASSWORD の形で書いてください")) from error
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise KitError(say(f"{file}: other users of this machine may read it; run: chmod 600 {file}", f"{file} を他の利用者も読めます。実行してください: chmod 600 {file}"))
    users = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, password = line.partition(":")
        if not colon or not name.strip() or len(password) < 8:
            raise KitError(say(f"{file}, line {number}: NAME:PASSWORD is expected, with 8 letters at least in the password", f"{file} の {number} 行目：NAME:PASSWORD（パスワードは 8 文字以上）にしてください"))
        users[name.strip()] = password
    if not users:
        raise KitError(say(f"{file}: nobody is in it; write one NAME:PASSWORD a line", f"{file} に利用者がいません。1 行に 1 人、NAME:PASSWORD の形で書いてください"))
    return users


def stay_here() -> None:
    """Gradio asks its own server over HTTP whether it is up, and a proxy must not get that question (pains.md 13); what visitors send is deleted with the process; the address of a visitor is that of
    the connection, whatever a header claims (set FORWARDED_ALLOW_IPS to your reverse proxy's address to believe it)."""
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name, ""), "127.0.0.1,localhost"]))
    os.environ.setdefault("FORWARDED_ALLOW_IPS", "")
    if not _OWN:  # whatever the environment names, which may be another process's: everything in it is deleted in the end
        named = Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir())
        inherited = named.name.startswith(PREFIX) or not named.is_dir()
        _OWN.append(tempfile.mkdtemp(prefix=PREFIX, dir=None if inherited else named))
        atexit.register(shutil.rmtree, _OWN[0], ignore_errors=True)
    os.environ["GRADIO_TEMP_DIR"] = _OWN[0]
    # Gradio keeps times of its events and puts them into a table after every single one, for a page that is off here: memory and milliseconds for nothing
    os.environ.update(GRADIO_ANALYTICS_MAX_EVENTS="1", GRADIO_ANALYTICS_CACHE_FREQUENCY="1000000000")
    os.environ["GRADIO_EXAMPLES_CACHE"] = os.environ["GRADIO_TEMP_DIR"]  # else files of a folder .gradio in the working directory are served, too


def serve(demo: gr.Blocks, port: int | None, open_browser: bool, head: str = "", access: Access | None = None) -> None:
    """Serves a page and returns; `head` is added to that of the page. What environment variables could open (share link, files, run history, MCP) is closed by name.

    Raises:
        KitError: no free port, or the page does not answer.
    """
    access = access or Access()
    login = {"auth": access.lets_in} if access.users else {}
    tls = {"ssl_certfile": str(access.certificate), "ssl_keyfile": str(access.private_key), "ssl_verify": False} if access.certificate else {}  # verify: of Gradio's own look at whether it is up
    for left in reversed(range(TRIES)):
        try:
            demo.launch(
                server_name=access.address, server_port=port, share=False, inbrowser=open_browser, prevent_thread_lock=True, quiet=True, max_threads=THREADS,
                theme=theme(), css=CSS, head=head or None, footer_links=[], ssr_mode=False, enable_monitoring=False, max_file_size="50mb", run_history=False, mcp_server=False, pwa=False,
                allowed_paths=[], strict_cors=True, app_kwargs={"middleware": [Middleware(Door, hosts=access.hosts)], "docs_url": None, "redoc_url": None, "openapi_url": None}, **login, **tls,
            )  # fmt: skip
            demo.allowed_paths = []  # whatever GRADIO_ALLOWED_PATHS says
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
