"""Who and what gets in: the requests that the page and its HTTP interface make, from the hosts that it is served for, not too large and not too often. Everything else ends here, before Gradio sees it.

Gradio serves more than a demo needs (a proxy for remote pages, a fetcher of addresses behind /file=, recordings that it hands to ffmpeg, run histories that can be sent to a hub, calls beside the
queue); what is not on the list is "not found". Written as plain ASGI, so that streams are never held back.
Not covered: many machines at once that each stay below the limits; that is a reverse proxy's work.
"""

import json
import os
import re
from pathlib import Path

from poc.demo.rate import Rate

MB = 2**20
LARGEST_UPLOAD = 60 * MB  # of one request; a file may have 50 (poc.demo.uploads)
LARGEST_REQUEST = 1 * MB  # of anything else
MOST_STORED = 2048 * MB  # of all visitors' files together, on the disk at once
API = "/gradio_api"
READ = re.compile(  # what may be fetched
    rf"/|/config/?|/(assets|static|svelte)/[^\\]*|/favicon\.ico|/robots\.txt|/manifest\.json|/pwa_icon(/\d+)?|/theme\.css|/logout/?"
    rf"|{API}/(theme\.css|info/?|openapi\.json|app_id/?|user/?|login_check/?|startup-events|upload_progress|queue/data)|{API}/heartbeat/\w+|{API}/call/\w+/\w+|{API}/file=.+"
)
SENT = re.compile(rf"{API}/(queue/join/?|cancel|reset/?|upload|call/\w+/?)|/login/?")  # what may be sent
# calls that cost something -> (how often a minute, how often in a row), of one address. Questions have a limit of their own, per visitor (poc.demo.counter)
RATES = {"/login": (10, 10), f"{API}/upload": (120, 40), f"{API}/queue/join": (3000, 600), f"{API}/call": (120, 60)}
ADDRESS = re.compile(r"\s*[a-zA-Z][a-zA-Z0-9+.-]+:/")  # two letters at least: C:/ is a drive
LOCAL = ("127.0.0.1", "localhost", "[::1]", "::1")
HEADERS = {
    # the page is one document from here: no other host may be asked, even if somebody's text should become markup
    "content-security-policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'self' http://127.0.0.1:* http://localhost:*",
    "x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "permissions-policy": "geolocation=(), payment=()",
}  # fmt: skip


class Door:
    """ASGI middleware around the app.

    Args:
        app: what it guards.
        hosts: names that the page is served for (without ports); None: any. It keeps out pages of other sites that had their own name resolved to this machine (DNS rebinding).
    """

    def __init__(self, app, hosts: tuple[str, ...] | None = LOCAL):
        self.app, self.hosts = app, hosts
        self.rates = {path: Rate(*limit) for path, limit in RATES.items()}

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return  # Gradio 6 has no use for websockets
        refused = self._refused(scope)
        if refused:
            await _say(send, *refused)
            return
        if scope["method"] == "POST" and scope["path"] != f"{API}/upload":
            body = await _body(receive, LARGEST_REQUEST)
            if body is None or _names_elsewhere(body):
                await _say(send, 403, "a file must be uploaded first; addresses of other places are not fetched")
                return
            receive = _again(body, receive)
        await self.app(scope, _counted(receive, _largest(scope["path"])), _with_headers(send))

    def _refused(self, scope) -> tuple[int, str] | None:
        """(status, sentence) where the request goes no further."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = re.sub(r":\d+$", "", headers.get("host", ""))
        if self.hosts is not None and host.lower() not in self.hosts:
            return 421, f"this page is served for {', '.join(self.hosts)} only"
        path, method = scope["path"], scope["method"]
        allowed = READ.fullmatch(path) if method in ("GET", "HEAD") else SENT.fullmatch(path) if method == "POST" else method == "OPTIONS"
        if not allowed or (path.startswith(f"{API}/file=") and not _is_ours(path.removeprefix(f"{API}/file="))):
            return 404, "not found"
        if int(headers.get("content-length") or 0) > _largest(path):
            return 413, f"at most {_largest(path) // MB} MB at once"
        if path == f"{API}/upload" and _stored() > MOST_STORED:
            return 507, "too many files are kept here at the moment; try again later"
        client = (scope.get("client") or ("",))[0]
        for name, rate in self.rates.items():
            if method == "POST" and path.startswith(name) and (left := rate.take(client)):
                return 429, f"too often; go on in {left:.0f} s"
        return None


def _largest(path: str) -> int:
    return LARGEST_UPLOAD if path == f"{API}/upload" else LARGEST_REQUEST


def _is_ours(name: str) -> bool:
    """Whether it is a file below the demo's own temporary folder, whatever links and dots the name has."""
    try:
        file = Path(name).resolve()
    except (OSError, ValueError, RuntimeError):
        return False
    return file.is_relative_to(temporary()) and file != temporary()


def temporary() -> Path:
    """The folder that visitors' files are kept in while the demo runs."""
    return Path(os.environ.get("GRADIO_TEMP_DIR") or "/nowhere").resolve()


def _stored() -> int:
    return sum(entry.stat().st_size for entry in temporary().rglob("*") if entry.is_file())


async def _body(receive, most: int) -> bytes | None:
    """The whole body; None where it is longer than it may be, or the client has gone."""
    parts, got = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        got += len(parts[-1])
        if got > most:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


def _names_elsewhere(body: bytes) -> bool:
    """Whether a call's JSON names a file by an address: Gradio would fetch it, and nothing of a demo asks another machine."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return False  # a form, or nonsense that Gradio refuses
    left = [said]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            if isinstance(one.get("path"), str) and ADDRESS.match(one["path"]):
                return True
            left += one.values()
        elif isinstance(one, list):
            left += one
    return False


def _again(body: bytes, receive):
    """`receive` that gives a body which was read already, and then goes on."""
    given = False

    async def again():
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _counted(receive, most: int):
    """`receive` that ends a body which is longer than it may be, whatever its header said."""
    got = 0

    async def counted():
        nonlocal got
        message = await receive()
        got += len(message.get("body", b""))
        if got > most:
            return {"type": "http.disconnect"}  # the app gives the request up
        return message

    return counted


def _with_headers(send):
    async def with_headers(message):
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message["headers"]}
            message = {**message, "headers": [*message["headers"], *((name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in given)]}
        await send(message)

    return with_headers


async def _say(send, status: int, sentence: str) -> None:
    body = sentence.encode()
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode()), (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})
