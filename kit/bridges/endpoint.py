"""An OpenAI-compatible chat endpoint: where it is, who agreed that data goes there, and how it is asked until it answers. The key is read from the environment when it is needed, and stands in no object, file or error."""

import ipaddress
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2

from kit.errors import KitError
from kit.language import say

_LATER = (408, 409, 425, 429)  # and everything from 500 on
_SHOWN = 200  # characters of what a server says about a failure


class Unanswered(Exception):
    """A question without an answer: `status` (0: nobody answered) and `reason`, in the server's words without the key.

    `refused` where the server will never take this very question (too large, a filter), and others may pass.
    """

    def __init__(self, status: int, reason: str):
        super().__init__(f"HTTP {status}: {reason}" if status else reason)
        self.status, self.reason = status, reason

    @property
    def refused(self) -> bool:
        return self.status in (400, 413, 422)


@dataclass(frozen=True)
class Endpoint:
    """Where questions go.

    Args:
        url: up to and with the version, as vendors print it: http://127.0.0.1:8000/v1.
        key_from: name of the environment variable that holds the key; "": none is needed.
        retries: how often a question is put again where the server is busy (429, with its Retry-After), broken (5xx), away or slow.
        timeout: seconds for one answer.
        wait: seconds before the first new try, doubled each time up to a minute.

    Raises:
        KitError: an address that is none or carries a secret, or an environment variable that is not set. What was given is not repeated there: it may be the key.
    """

    url: str
    key_from: str = ""
    retries: int = 5
    timeout: float = 60.0
    wait: float = 1.0

    def __post_init__(self):
        at = urlsplit(self.url)
        if at.username or at.password or at.query or at.fragment:
            raise KitError(
                say(
                    "the endpoint's url carries a user, a password or a query, which may be a secret and would end up in files: give the plain address (https://api.example.com/v1), and the key by key_from=",
                    "エンドポイントの url にユーザー名・パスワード・クエリが含まれています。秘密情報がファイルに残る恐れがあります。アドレスだけ（https://api.example.com/v1）を指定し、キーは key_from= で渡してください",
                )
            )
        if at.scheme not in ("http", "https") or not at.hostname:
            raise KitError(say(f"the endpoint's url is {self.url!r}; it must begin with http:// or https:// and name a host, e.g. http://127.0.0.1:8000/v1",
                               f"エンドポイントの url は {self.url!r} です。http:// か https:// で始まるアドレス（例：http://127.0.0.1:8000/v1）を指定してください"))  # fmt: skip
        if self.key_from and not os.environ.get(self.key_from):
            raise KitError(
                say(
                    "key_from must be the NAME of an environment variable that holds the key, and no such variable is set here: export OPENAI_API_KEY=... in the shell, then key_from=\"OPENAI_API_KEY\". Never the key itself",
                    "key_from にはキーを入れた環境変数の「名前」を指定します。その変数は設定されていません。シェルで export OPENAI_API_KEY=... としてから key_from=\"OPENAI_API_KEY\" と書いてください。キーそのものは書かないでください",
                )
            )

        if not _sendable(self._key()):
            raise KitError(
                say(
                    f"the key in {self.key_from} cannot be sent: it has blanks, line ends or letters beyond ASCII inside (copied with a line break, or typed in full width?). Set the variable again; its value is not repeated here",
                    f"{self.key_from} のキーは送信できません。途中に空白・改行・ASCII 以外の文字（全角など）が含まれています。変数を設定し直してください（値はここに表示しません）",
                )
            )

    def _key(self) -> str:
        """The key, without the line end that a file leaves behind it."""
        return os.environ.get(self.key_from, "").strip() if self.key_from else ""

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname

    @property
    def on_this_machine(self) -> bool:
        """The address is loopback's: what is sent there leaves no cable. Names are not looked up, only "localhost" is known by its name."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def client(self) -> httpx2.Client:
        """A client for several threads. It follows no redirect, which could lead off the machine, and asks no proxy for what is on it."""
        return httpx2.Client(timeout=httpx2.Timeout(self.timeout, connect=min(self.timeout, 10.0)), follow_redirects=False, trust_env=not self.on_this_machine)

    def ask(self, client: httpx2.Client, body: dict, stopped: Callable[[], bool] = lambda: False) -> dict:
        """The JSON of an answer that has a choice with a message; asked again as `retries` says, unless `stopped` in the meantime.

        Raises:
            Unanswered: none came.
        """
        key = self._key()
        headers, pause = {"Authorization": f"Bearer {key}"} if key else {}, self.wait
        for attempt in range(self.retries + 1):
            longer, status, reason = 0.0, 0, ""
            try:
                answer = client.post(f"{self.url.rstrip('/').removesuffix('/chat/completions')}/chat/completions", json=body, headers=headers)
                status, longer = answer.status_code, _seconds(answer.headers.get("retry-after", ""))
                reason = answer.text.replace(key, "***") if key else answer.text  # some servers say it back
                if status == 200 and (told := _message(reason)):
                    return told
            except httpx2.TransportError as error:
                reason = f"{type(error).__name__} {str(error).replace(key, '***') if key else error}".strip()
            reason = reason.strip()[:_SHOWN]
            if status == 200:
                reason = f"no chat answer, but {reason!r}"
            elif status and status < 500 and (status not in _LATER or "insufficient_quota" in reason):
                break
            if attempt == self.retries or stopped():
                break
            time.sleep(min(max(pause, longer), 60.0))
            pause *= 2
        raise Unanswered(status, reason)


def _sendable(key: str) -> bool:
    """A header holds printable ASCII; anything else would come back in a library's error, key and all."""
    return key.isascii() and not any(letter.isspace() or not letter.isprintable() for letter in key)


def _message(text: str) -> dict | None:
    """The body, where it is an answer with a message; servers and proxies also say 200 with a page."""
    try:
        told = json.loads(text)
        return told if isinstance(told["choices"][0]["message"], dict) else None
    except (ValueError, KeyError, IndexError, TypeError):
        return None


def _seconds(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0  # a date: the doubled wait stands
