"""The two languages of everything a user meets.

`say("English", "日本語")` returns the one that the reader uses: the environment variable POC_LANGUAGE (en or ja) when set, else the locale.
"""

import contextlib
import locale
import os
from collections.abc import Iterator
from contextvars import ContextVar

LANGUAGES = ("en", "ja")
_SPOKEN: ContextVar[str] = ContextVar("spoken", default="")


@contextlib.contextmanager
def speaking(language: str) -> Iterator[None]:
    """Whatever the reader's language is, `say` says this one meanwhile: for what is written now and read later by readers of either."""
    before = _SPOKEN.set(language)
    try:
        yield
    finally:
        _SPOKEN.reset(before)


def chosen() -> str:
    """The language that POC_LANGUAGE names; "" where it names neither."""
    asked = os.environ.get("POC_LANGUAGE", "").lower()[:2]
    return asked if asked in LANGUAGES else ""


def current() -> str:
    """The reader's language: "en" or "ja"."""
    if found := _SPOKEN.get() or chosen():
        return found
    # LC_ALL and LANG are read by hand first: getlocale() answers only for locales that are installed
    named = os.environ.get("LC_ALL") or os.environ.get("LANG") or locale.getlocale()[0] or ""
    return "ja" if named.lower().startswith("ja") else "en"


def say(en: str, ja: str, language: str | None = None) -> str:
    """The text in `language`, or in the reader's when None."""
    return ja if (language or current()) == "ja" else en
