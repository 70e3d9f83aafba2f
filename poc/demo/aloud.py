"""Ask by voice, hear the answer: the answer in whole sentences, a player that gets them one by one, and what a recording becomes.

Sounds travel inside the page as data URLs, like all media here: the server has no route to them, and no streaming format that would need ffmpeg is involved. The server
hands out a sentence when the one before has been played, while the voice works ahead.
"""

import base64
import threading
import time
from collections.abc import Iterator

from kit.errors import KitError
from kit.speech import PAUSE, Speech, Voice, voice_for
from poc.demo import cards
from poc.demo import words as w
from poc.demo.answer import Answer
from poc.demo.exhibit import Exhibit
from poc.demo.words import safe

GLANCE = 0.05  # seconds between two looks at whether the visitor still listens


class Voices:
    """The voices of the page's languages, opened when they are first wanted; the reason, where a language has none."""

    def __init__(self):
        self._opened: dict[str, Voice] = {}
        self._lock = threading.Lock()

    def of(self, language: str) -> Voice:
        """The voice of "en" or "ja".

        Raises:
            KitError: its package is missing; the error names it.
        """
        with self._lock:
            if language not in self._opened:
                self._opened[language] = voice_for(language)
            return self._opened[language]


class Listeners:
    """Who is listening to what: one answer per visitor, and any of their clicks can end it."""

    def __init__(self):
        self._speeches: dict[str, Speech] = {}
        self._lock = threading.Lock()

    def begin(self, visitor: str, speech: Speech) -> None:
        """The visitor listens to this from now on, and to nothing else."""
        with self._lock:
            before, self._speeches[visitor] = self._speeches.get(visitor), speech
        if before is not None:
            before.cancel()

    def end(self, visitor: str, speech: Speech | None = None) -> None:
        """Barge-in: the visitor hears no more; with `speech` only of that one."""
        with self._lock:
            if speech is None or self._speeches.get(visitor) is speech:
                speech = self._speeches.pop(visitor, None)
        if speech is not None:
            speech.cancel()


def in_sentences(answer: Answer, truth: str, exhibit: Exhibit, language: str) -> str:
    """The answer as a person would say it: both models, the truth where it is known, and what a listener must know (rehearsal, contradiction)."""
    between = " " if language == "en" else ""
    said = []
    for arm in ("tuned", "base"):
        option = answer.said(arm)
        percent = min(
            99, max(1, round(100 * getattr(answer, arm)[option]))
        )  # nothing is rounded up to certainty
        said.append(w.SAYS[arm][language].format(option=exhibit.read_as(option)[language], percent=percent))
    said.append(w.SAYS_TRUTH[language].format(option=exhibit.read_as(truth)[language]) if truth else w.SAYS_NO_TRUTH[language])
    if exhibit.disagrees(answer.conflict):
        said.append(w.SAYS_CONFLICT[language])
    if exhibit.record["rehearsal"]:
        said.append(w.SAYS_REHEARSAL[language])
    return between.join(said)


def play(text: str, voice: Voice, language: str, listeners: Listeners, visitor: str = "") -> Iterator[str]:
    """HTML of one sentence after the other, each with its sound, the next one when the one before has been played.

    A sentence whose voice failed is shown without sound. It ends when the visitor begins to listen to something else, at `listeners.end`, or when it is closed.
    """
    speech, plays_until = Speech([text], voice), 0.0
    listeners.begin(visitor, speech)
    try:
        for spoken in speech:
            while not speech.cancelled and (left := plays_until - time.perf_counter()) > 0:
                time.sleep(min(left, GLANCE))
            if speech.cancelled:
                break
            yield _sentence(spoken, language)
            if spoken.sound is not None:
                plays_until = time.perf_counter() + spoken.sound.seconds + PAUSE
        if speech.cancelled:
            yield ""  # Gradio shows what came last once more when a handler ends, and that must not be the sound
    finally:
        listeners.end(visitor, speech)


def _sentence(spoken, language: str) -> str:
    said = f'<p class="hint" id="spoken-sentence">{safe(spoken.sentence.strip())}</p>'
    if spoken.sound is None:
        return said + (
            cards.message(w.fill(w.VOICE_FAILED, reason=str(spoken.error)), language, "refused")
            if spoken.error
            else ""
        )
    source = base64.b64encode(spoken.sound.at(16000).wav()).decode()
    return f'<audio autoplay controls id="spoken-sound" aria-label="{safe(w.SPOKEN_ANSWER[language])}" src="data:audio/wav;base64,{source}"></audio>{said}'


def no_voice(error: KitError, language: str) -> str:
    """Where the sound would be: why there is none."""
    return cards.message(w.fill(w.NO_VOICE, reason=str(error)), language, "refused")
