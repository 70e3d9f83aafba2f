"""An answer while it is being generated: the model works in a thread, the text comes out in pieces."""

import contextvars
import threading

import torch
from transformers import StoppingCriteria, StoppingCriteriaList, TextIteratorStreamer

from kit.data import Sample
from kit.data.collator import Collator
from kit.models.forward import base_of, to_device
from kit.models.loading import Loaded


class Writing:
    """The greedy answer to one sample as an iterator of pieces of text, mostly a word each (Japanese: a letter or two).

    The model works in a thread of its own, one token ahead of nobody: it does not wait for who reads. One answer at a time per model, as everywhere in the kit.

    Args:
        loaded: the model and its processor.
        sample: what is asked; its answer is not read.
        max_new_tokens: at most so many.

    Raises:
        KitError: the sample holds what the model cannot take in. While iterating: whatever generating raises, after the pieces before.
    """

    def __init__(self, loaded: Loaded, sample: Sample, max_new_tokens: int = 256):
        batch = Collator(loaded.processor, answers=False)([sample])
        # an answer needs the thinker of a model that also talks, and not its talker
        model = getattr(base_of(loaded.model), "thinker", loaded.model)
        self._asked = threading.Event()
        self._error: BaseException | None = None
        self._pieces = TextIteratorStreamer(
            loaded.processor.tokenizer, skip_prompt=True, skip_special_tokens=True
        )
        stops = StoppingCriteriaList([_Asked(self._asked)])
        given = to_device(batch, model) | {
            "max_new_tokens": max_new_tokens,
            "do_sample": False,
            "streamer": self._pieces,
            "stopping_criteria": stops,
        }
        work = (self._generate, model, given)
        self._thread = threading.Thread(
            target=contextvars.copy_context().run, args=work, name="writing", daemon=True
        )
        self._thread.start()

    def _generate(self, model, given: dict) -> None:
        try:
            with torch.no_grad():
                model.generate(**given)
        except Exception as error:  # raised where the pieces are read
            self._error = error
        finally:
            self._pieces.end()

    def __iter__(self) -> "Writing":
        return self

    def __next__(self) -> str:
        for piece in self._pieces:
            if piece:  # the streamer also sends what holds no text
                return piece
        self._pieces.text_queue.put(self._pieces.stop_signal)  # asked again, it is still over
        error, self._error = self._error, None
        if error is not None:
            raise error
        raise StopIteration

    def close(self) -> None:
        """The model stops with its next token, the pieces end; from any thread."""
        self._asked.set()

    def join(self, timeout: float | None = None) -> bool:
        """Waits for the model's thread; whether it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()


class _Asked(StoppingCriteria):
    def __init__(self, asked: threading.Event):
        self.asked = asked

    def __call__(self, input_ids: torch.Tensor, scores, **_) -> torch.Tensor:
        return torch.full((len(input_ids),), self.asked.is_set(), device=input_ids.device)  # (B,)
