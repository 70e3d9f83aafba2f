"""Speaking while writing: each sentence is synthesised while the next one is being written, and can be played while the one after it is synthesised.

    with Speech(pieces, voice) as speech:
        for spoken in speech:
            play(spoken.sound)          # or show spoken.sentence
        ...
    heard_so_far = speech.cancel()      # from any thread: the person talks (barge-in)

Two threads and two bounded lines between them: one thread reads the pieces and cuts them into sentences, one asks the voice. Whoever is too fast waits, so a fast model
with a slow voice does not fill the memory. Sentences come out in order, each once, with its sound or with the error that the voice met: a broken voice costs the sound
and never the text.

Not covered: a sentence that is being synthesised cannot be broken off (a voice has no brake), its sound is thrown away; the pieces of an iterator that blocks for ever
keep their one (daemon) thread waiting.
"""

import contextvars
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from inspect import isgenerator

from kit.errors import KitError
from kit.language import say
from kit.speech.sentences import LONGEST, Sentences, speakable
from kit.speech.voices import Sound, Voice

AHEAD = 2  # sentences that wait before the voice, and sounds that wait behind it
PATIENCE = 5.0  # seconds that `close` gives the threads
_OVER = object()


@dataclass(frozen=True)
class Spoken:
    """A sentence of the answer and how it sounds; times are in seconds after the beginning.

    Attributes:
        sentence: letter for letter; all of them joined are the answer.
        sound: None where nothing in it can be said (a rule, an emoji), or where the voice failed.
        error: what the voice failed with.
        written_at: its last letter was there.
        ready_at: its sound was.
        took: seconds that the voice worked on it.
    """

    sentence: str
    sound: Sound | None
    error: Exception | None
    written_at: float
    ready_at: float
    took: float


class Speech:
    """An answer being spoken: an iterator of `Spoken`.

    Args:
        pieces: the text as it is written, e.g. `kit.models.streamed.Writing`, a list, a generator.
        voice: who speaks.
        ahead: how many sentences may wait before the voice, and how many sounds behind it.
        longest: as in `Sentences`.

    Raises:
        KitError: `ahead` is below 1. While iterating: what the writer raised, after all sentences that it had written.
    """

    def __init__(self, pieces: Iterable[str], voice: Voice, ahead: int = AHEAD, longest: int = LONGEST):
        if ahead < 1:
            raise KitError(
                say(
                    f"ahead is {ahead}; at least 1 sentence must be able to wait",
                    f"ahead が {ahead} です。1 以上にしてください",
                )
            )
        self._desk = _Desk(pieces, ahead, Sentences(longest))
        # each with the reader's language; daemons, so that a voice that hangs does not keep the program alive
        works = ((_write, "speech-writer", ()), (_speak, "speech-voice", (voice,)))
        self._threads = [
            threading.Thread(
                target=contextvars.copy_context().run, args=(work, self._desk, *more), name=name, daemon=True
            )
            for work, name, more in works
        ]
        self._forgotten = weakref.finalize(
            self, self._desk.cancel
        )  # nobody listens any more: the threads end
        for thread in self._threads:
            thread.start()

    def __iter__(self) -> Iterator[Spoken]:
        return self

    def __next__(self) -> Spoken:
        spoken = self._desk.sounds.get()
        with self._desk.lock:
            if spoken is not _OVER and not self._desk.cancelled:  # taken from the line just before the person talked
                return spoken
        error, self._desk.error = self._desk.error, None
        if error is not None and not self._desk.cancelled:
            raise error
        raise StopIteration

    @property
    def text(self) -> str:
        """What is written so far."""
        return "".join(self._desk.written)

    @property
    def cancelled(self) -> bool:
        return self._desk.cancelled

    def cancel(self) -> str:
        """Barge-in: at once, from any thread. No sentence comes out any more (but one that another thread is being handed at this moment), the writer is told to stop, and the threads end by themselves.

        Returns:
            What was written so far, spoken or not.
        """
        self._desk.cancel()
        return self.text

    def close(self, patience: float = PATIENCE) -> bool:
        """Cancels, and waits for the threads; whether they have ended (one may sit in a voice or a writer that does not come back)."""
        self.cancel()
        until = time.perf_counter() + patience
        for thread in self._threads:
            thread.join(max(0.0, until - time.perf_counter()))
        return not any(thread.is_alive() for thread in self._threads)

    def __enter__(self) -> "Speech":
        return self

    def __exit__(self, *_) -> None:
        self.close()


class _Line:
    """A queue of bounded length between two threads, which can be cut off at any time."""

    def __init__(self, room: int):
        self.room, self.items, self.ended, self.changed = room, deque(), False, threading.Condition()

    def put(self, item) -> bool:
        """Waits for room; False where the line has been cut off."""
        with self.changed:
            self.changed.wait_for(lambda: self.ended or len(self.items) < self.room)
            if self.ended:
                return False
            self.items.append(item)
            self.changed.notify_all()
            return True

    def get(self):
        """Waits for an item; _OVER where none will come."""
        with self.changed:
            self.changed.wait_for(lambda: self.ended or self.items)
            item = self.items.popleft() if self.items else _OVER
            self.changed.notify_all()
            return item

    def end(self, cut: bool = False) -> None:
        """No more will be put; with `cut` what waits is thrown away, too."""
        with self.changed:
            self.ended = True
            if cut:
                self.items.clear()
            self.changed.notify_all()


class _Desk:
    """What the two threads and the listener share. It knows no Speech, so that a forgotten one can be collected."""

    def __init__(self, pieces: Iterable[str], ahead: int, splitter: Sentences):
        self.pieces, self.splitter, self.began = pieces, splitter, time.perf_counter()
        self.sentences, self.sounds = _Line(ahead), _Line(ahead)
        self.written: list[str] = []
        self.cancelled, self.error, self.lock = False, None, threading.Lock()

    def clock(self) -> float:
        return time.perf_counter() - self.began

    def add(self, piece: str) -> bool:
        """Keeps a piece; False where the person has interrupted: what `cancel` returned stays true."""
        if not isinstance(piece, str):
            raise TypeError(f"the answer comes in pieces of text; given {type(piece).__name__}")
        with self.lock:
            if not self.cancelled:
                self.written.append(piece)
            return not self.cancelled

    def cancel(self) -> None:
        with self.lock:
            again, self.cancelled = self.cancelled, True
        self.sounds.end(cut=True)
        self.sentences.end(cut=True)
        if not again and not isgenerator(
            self.pieces
        ):  # a generator can be closed by the thread that runs it only
            _close(self.pieces)


def _write(desk: _Desk) -> None:
    """The first thread: pieces to sentences."""
    try:
        for piece in desk.pieces:
            if not desk.add(piece):
                break
            for sentence in desk.splitter.feed(piece):
                desk.sentences.put((sentence, desk.clock()))
    except BaseException as error:  # whatever a model or a stream raises, a cancelled task too, the listener gets it, after the sentences
        desk.error = error
    finally:
        if desk.cancelled and isgenerator(desk.pieces):
            _close(desk.pieces)
        for sentence in desk.splitter.flush():
            desk.sentences.put((sentence, desk.clock()))
        desk.sentences.end()


def _speak(desk: _Desk, voice: Voice) -> None:
    """The second thread: sentences to sounds."""
    try:
        while (item := desk.sentences.get()) is not _OVER:
            sentence, written_at = item
            began, sound, error = desk.clock(), None, None
            try:
                sound = _said(voice, sentence)
            except BaseException as failed:  # whatever it is, the sentence must come out
                error = failed
            ready = desk.clock()
            desk.sounds.put(Spoken(sentence, sound, error, written_at, ready, ready - began))
    finally:
        desk.sentences.end(cut=True)
        desk.sounds.end()


def _said(voice: Voice, sentence: str) -> Sound | None:
    text = speakable(sentence)
    if not text:
        return None
    sound = voice.say(text)
    if not isinstance(sound, Sound):
        raise TypeError(
            f"{type(voice).__name__}.say gave back {type(sound).__name__}; a voice gives back a Sound"
        )
    if not len(sound.samples):
        raise KitError(
            say(
                f"the voice for {voice.language} can say nothing of {text!r}; use the voice of the text's language",
                f"{voice.language} の音声では {text!r} を読めません。文の言語に合った音声を使ってください",
            )
        )
    return sound


def _close(pieces) -> None:
    try:
        getattr(pieces, "close", lambda: None)()
    except Exception:  # noqa: S110  the person has interrupted: how the writer takes it matters to nobody
        pass
