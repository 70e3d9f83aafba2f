"""Tools that write down what a picture or a recording holds, so that a language model only has to read.

A tool has a name, `fit(train, loaded)` (labelled rows, and the checkpoint whose language model will read; a tool that is not installed says so there), `write(samples)` (a text for each sample, "" where it
has nothing to say), `unseen(train)` (what it would write of its training rows had it not seen them, so that whoever learns to read it does not learn to trust it too much) and `trained` (its parameters).
"""

import io
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kit.data import Sample, load_audio, load_image
from kit.errors import KitError
from kit.evaluation import transcribe
from kit.language import say
from kit.models import Loaded
from kit.models.features import frozen_features
from kit.processes import one_thread
from kit.show import progress

_FOLDS = 5
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
class Detector:
    """A classifier (logistic regression) on what the frozen encoders make of the media: it writes the label that it sees.

    Attributes:
        form: of what it writes; {label} and {share}, the label's probability.
        batch_size: prompts read at once.
    """

    form: str = "classifier: {label} ({share:.0%})"
    batch_size: int = 16
    name: str = "detector"
    trained: int = 0
    loaded: Loaded | None = None
    models: dict = field(default_factory=dict)

    @one_thread
    def fit(self, train: list[Sample], loaded: Loaded) -> None:
        """One classifier per question.

        Raises:
            KitError: a question whose training rows have one answer only.
        """
        self.loaded, self.trained, self.models = loaded, 0, {}
        features = self._features(train)
        for question, rows in self._questions(train):
            truth = [train[row].answer for row in rows]
            if len(set(truth)) < 2:
                raise KitError(
                    say(
                        f"detector: {question!r} has training rows of {sorted(set(truth))} only; a classifier needs two different answers at least: label more rows",
                        f"分類器：「{question}」の学習行の答えは {sorted(set(truth))} だけです。2 種類以上の答えが必要です。ラベルを増やしてください",
                    )
                )
            model = self.models[question] = _classifier().fit(features[rows], truth)
            self.trained += model[-1].coef_.size + model[-1].intercept_.size

    @one_thread
    def unseen(self, train: list[Sample]) -> list[str]:
        """By classifiers of the folds that did not hold a row's group."""
        features, said = self._features(train), [""] * len(train)
        for _, rows in self._questions(train):
            truth, groups = [train[row].answer for row in rows], [train[row].group or train[row].id for row in rows]
            groups = groups if len(set(groups)) > 1 else rows
            folds = GroupKFold(min(_FOLDS, len(set(groups))))
            for row, shares in zip(rows, cross_val_predict(_classifier(), features[rows], truth, groups=groups, cv=folds, method="predict_proba"), strict=True):
                said[row] = self._told(sorted(set(truth)), shares)
        return said

    @staticmethod
    def _questions(train: list[Sample]) -> list[tuple[str, list[int]]]:
        """(question, places of its labelled rows)."""
        return [(question, [row for row, sample in enumerate(train) if sample.question == question and sample.answer]) for question in dict.fromkeys(sample.question for sample in train if sample.answer)]

    def write(self, samples: list[Sample]) -> list[str]:
        known = [row for row, sample in enumerate(samples) if sample.question in self.models]
        said = [""] * len(samples)
        for row, features in zip(known, self._features([samples[row] for row in known]), strict=True):
            model = self.models[samples[row].question]
            said[row] = self._told(model.classes_, model.predict_proba(features[None])[0])
        return said

    def _features(self, samples: list[Sample]) -> np.ndarray:
        """Without the notes: a detector looks and listens."""
        return frozen_features(self.loaded, [sample.replace(text="") for sample in samples], self.batch_size, self.name, keep_empty=True) if samples else np.zeros((0, 0))

    def _told(self, labels, shares: np.ndarray) -> str:
        return self.form.format(label=labels[int(shares.argmax())], share=float(shares.max()))


def _classifier():
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.05, class_weight="balanced", max_iter=2000))


@dataclass
class Ocr:
    """Tesseract, through its command line: the words in a row's pictures.

    Attributes:
        languages: of its models, the likelier first.
        layout: its page segmentation mode: 6 is one block of text, 11 words anywhere.
        enlarged: how many times a picture is enlarged before; letters of 20 to 30 pixels are read best.
    """

    languages: tuple[str, ...] = ("jpn", "eng")
    layout: int = 6
    enlarged: int = 2
    name: str = "OCR"
    trained: int = 0

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
        known = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True).stdout.split()
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
        return [" ".join(text for path in sample.image if (text := self._read(path))) for sample in progress(samples, desc=self.name)]

    def _read(self, path) -> str:
        picture, held = load_image(path), io.BytesIO()
        picture.resize((picture.width * self.enlarged, picture.height * self.enlarged)).save(held, "PNG")
        try:
            made = subprocess.run(self._command("stdin", "stdout"), input=held.getvalue(), capture_output=True, timeout=_SECONDS, check=True)
        except (subprocess.SubprocessError, OSError) as error:
            reason = (getattr(error, "stderr", None) or str(error).encode()).decode(errors="replace").strip().splitlines()[-1:]
            raise KitError(say(f"Tesseract could not read {path.name}: {' '.join(reason)}", f"Tesseract が {path.name} を読めませんでした：{' '.join(reason)}")) from error
        return " ".join(made.stdout.decode().split())

    def _command(self, *places: str) -> list[str]:
        return ["tesseract", *places, "-l", "+".join(self.languages), "--psm", str(self.layout)]


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
    trained: int = 0
    loaded: Loaded | None = None

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
    trained: int = 0
    listener: object = None

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
