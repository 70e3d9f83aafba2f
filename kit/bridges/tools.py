"""Tools that write down what a picture or a recording holds, so that a language model only has to read.

A tool has a name, `fit(train, loaded)` (labelled rows, and the checkpoint whose language model will read; a tool that is not installed says so there), `write(samples)` (a text for each sample, "" where it
has nothing to say), `unseen(train)` (what it would write of its training rows had it not seen them, so that whoever learns to read it does not learn to trust it too much) and `trained` (its parameters).
"""

import io
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from kit.data import Sample, load_audio, load_image
from kit.errors import KitError
from kit.evaluation import transcribe
from kit.language import say
from kit.models import Loaded
from kit.show import progress
from kit.training.marks import content

_SECONDS = 60  # that Tesseract may take for one picture
_RATE = 16_000  # Hz, what Whisper hears


class Tool(Protocol):
    """See this module."""

    name: str
    trained: int

    def fit(self, train: list[Sample], loaded: Loaded) -> None: ...

    def unseen(self, train: list[Sample]) -> list[str]: ...

    def write(self, samples: list[Sample]) -> list[str]: ...


@dataclass
class Ocr:
    """Tesseract, through its command line: the words in a row's pictures.

    Attributes:
        languages: of its models, the likelier first.
        layout: its page segmentation mode: 6 is one block of text, 11 words anywhere.
        enlarged: how many times a picture is enlarged before; letters of 20 to 30 pixels are read best.
        pages: places of a row's pictures that are read (the sheet beside the photo); None: all.
    """

    languages: tuple[str, ...] = ("jpn", "eng")
    layout: int = 6
    enlarged: int = 2
    pages: tuple[int, ...] | None = None
    name: str = "OCR"
    trained: int = field(default=0, init=False)

    def fit(self, train: list[Sample], loaded: Loaded) -> None:
        """Learns nothing.

        Raises:
            KitError: Tesseract or one of its languages is not installed.
        """
        packages = " ".join(["tesseract-ocr", *(f"tesseract-ocr-{language}" for language in self.languages if language != "eng")]).replace("_", "-")
        if shutil.which("tesseract") is None:
            raise KitError(
                say(
                    f"OCR needs Tesseract, which is not installed here: apt-get install {packages} (Debian, Ubuntu), brew install tesseract tesseract-lang (macOS)",
                    f"OCR には Tesseract が必要ですが、入っていません：apt-get install {packages}（Debian・Ubuntu）、brew install tesseract tesseract-lang（macOS）",
                )
            )
        known = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True).stdout.splitlines()[1:]  # the first line is a heading
        if lacking := [language for language in self.languages if language not in known]:
            raise KitError(
                say(
                    f"Tesseract has no model for {', '.join(lacking)} here: apt-get install {packages}; or name what it has, Ocr(languages=(...)): {', '.join(known[-5:])}",
                    f"Tesseract に {'、'.join(lacking)} のモデルがありません：apt-get install {packages}。または Ocr(languages=(...)) で入っているもの（{'、'.join(known[-5:])}）を指定してください",
                )
            )

    def unseen(self, train: list[Sample]) -> list[str]:
        return self.write(train)

    def write(self, samples: list[Sample]) -> list[str]:
        """A picture that was read before is not read again; `clock` counts it all the same."""
        return [" ".join(text for path in self._pages(sample) if (text := _read(path, content(path), self._command("stdin", "stdout"), self.enlarged))) for sample in progress(samples, desc=self.name)]

    def _pages(self, sample: Sample) -> list[Path]:
        return [path for place, path in enumerate(sample.image) if self.pages is None or place in self.pages]

    def _command(self, *places: str) -> tuple[str, ...]:
        return ("tesseract", *places, "-l", "+".join(self.languages), "--psm", str(self.layout))


@dataclass
class _Reads:
    """What was read in this process: bridges that share a sheet read it once.

    Attributes:
        made: (path, its content, command, enlarged) -> (text, seconds that it took).
        spared: seconds of all reads that were taken from here instead.
    """

    made: dict[tuple, tuple[str, float]] = field(default_factory=dict)
    spared: float = 0.0


_READS = _Reads()


def clock() -> float:
    """`time.perf_counter`, with the seconds of every read that was spared meanwhile: the difference of two is what the work takes whoever has read nothing before, which is what an answer to a new row waits for."""
    return time.perf_counter() + _READS.spared


def _read(*asked) -> str:
    if asked in _READS.made:
        text, seconds = _READS.made[asked]
        _READS.spared += seconds
    else:
        started = time.perf_counter()
        text = _tesseract(*asked)
        _READS.made[asked] = text, time.perf_counter() - started
    return text


def _tesseract(path: Path, held: str, command: tuple[str, ...], enlarged: int) -> str:
    """The words in a picture, of which `held` is the content."""
    picture, png = load_image(path), io.BytesIO()
    picture.resize((picture.width * enlarged, picture.height * enlarged)).save(png, "PNG")
    try:
        made = subprocess.run(command, input=png.getvalue(), capture_output=True, timeout=_SECONDS, check=True, env=os.environ | {"OMP_THREAD_LIMIT": "1"})  # several threads make it slower on small pictures
    except (subprocess.SubprocessError, OSError) as error:
        reason = (getattr(error, "stderr", None) or str(error).encode()).decode(errors="replace").strip().splitlines()[-1:]
        raise KitError(say(f"Tesseract could not read {path.name}: {' '.join(reason)}", f"Tesseract が {path.name} を読めませんでした：{' '.join(reason)}")) from error
    return " ".join(made.stdout.decode().split())


@dataclass
class Speech:
    """Speech recognition by the checkpoint itself: what it answers when it is asked what is said.

    Attributes:
        question: how it is asked.
        most: tokens that it writes at most.
    """

    question: str = "What is said?"
    most: int = 32
    name: str = "speech recognition"
    trained: int = field(default=0, init=False)
    loaded: Loaded | None = field(default=None, init=False)

    def fit(self, train: list[Sample], loaded: Loaded) -> None:
        self.loaded = loaded

    def unseen(self, train: list[Sample]) -> list[str]:
        return self.write(train)

    def write(self, samples: list[Sample]) -> list[str]:
        spoken = [row for row, sample in enumerate(samples) if sample.audio]
        asked = [samples[row].replace(question=self.question, options=(), answer="?", text="", image=(), video=()) for row in spoken]  # transcribe wants an answer to put beside, and does not read it
        said = [""] * len(samples)
        for row, text in zip(spoken, transcribe(self.loaded, asked, self.most, self.name)["predicted"] if asked else (), strict=True):
            said[row] = text
        return said


@dataclass
class Whisper:
    """Speech recognition by a Whisper checkpoint, through transformers' pipeline.

    Attributes:
        checkpoint: hub id or directory.
        language: "japanese", "english", ...; None: it finds out.

    Recordings are heard one after the other: the pipeline cannot batch one that is longer than Whisper's window (30 s) with one that is not (transformers 5.23).
    """

    checkpoint: str = "openai/whisper-small"
    language: str | None = None
    name: str = "Whisper"
    trained: int = field(default=0, init=False)
    listener: object = field(default=None, init=False)

    def fit(self, train: list[Sample], loaded: Loaded) -> None:
        """Raises KitError where the checkpoint cannot be reached."""
        from transformers import pipeline

        try:
            self.listener = pipeline("automatic-speech-recognition", model=self.checkpoint, device=loaded.device, model_kwargs={"use_safetensors": True})
        except (OSError, ValueError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise KitError(
                say(
                    f"speech recognition cannot load {self.checkpoint!r} ({reason}): fetch it once with `hf download {self.checkpoint}`, or give the directory of a Whisper checkpoint",
                    f"音声認識の {self.checkpoint!r} を読み込めません（{reason}）。一度 `hf download {self.checkpoint}` で取得するか、Whisper のチェックポイントのフォルダーを指定してください",
                )
            ) from error

    def unseen(self, train: list[Sample]) -> list[str]:
        return self.write(train)

    def write(self, samples: list[Sample]) -> list[str]:
        spoken = [(row, path) for row, sample in enumerate(samples) for path in sample.audio]
        sounds = [{"raw": load_audio(path), "sampling_rate": _RATE} for _, path in spoken]
        options = {"generate_kwargs": {"language": self.language, "task": "transcribe"}} if self.language else {}
        said = [""] * len(samples)
        for (row, _), heard in zip(spoken, self.listener(sounds, **options) if sounds else (), strict=True):
            said[row] = f"{said[row]} {heard['text'].strip()}".strip()
        return said
