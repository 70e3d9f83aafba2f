"""A recorded voice as a question or as evidence: from a file, or from a microphone's array, at the 16 kHz that models hear.

    path = write_recording((rate, array), folder)      # what a microphone gives
    sample = spoken_question(path, image=photo)        # the voice is the question: free text, or the options of a closed one
    which_question(loaded, path, use_case_questions)   # the voice asks one of a few questions: which?

As evidence a recording is `Sample(audio=...)`, like any other sound.
"""

import tempfile
from pathlib import Path

import numpy as np

from kit.data import Sample, load_audio
from kit.errors import KitError
from kit.evaluation import predict
from kit.language import say
from kit.models import Loaded
from kit.speech.voices import HEARD_AT, Sound

SPOKEN = "Answer the question that is spoken."
WHICH = "Which question is spoken?"
SHORTEST = 0.3  # seconds; less is a slip of the finger
QUIETEST = 1e-3  # of full scale, the loudest sample; less is a microphone that is switched off


def recorded(recording: str | Path | tuple[int, np.ndarray] | Sound) -> Sound:
    """The recording as one channel at HEARD_AT.

    Args:
        recording: a file of any kind that `load_audio` reads; (rate in Hz, samples (N,) or (N, channels), integers or floats in [-1, 1]) as microphones give it; a Sound.

    Raises:
        KitError: it is shorter than SHORTEST or silent. MediaError: the file cannot be read.
    """
    if isinstance(recording, Sound):
        sound = recording.at(HEARD_AT)
    elif isinstance(recording, tuple):
        rate, samples = recording
        samples = np.asarray(samples)
        if np.issubdtype(samples.dtype, np.integer):
            about = np.iinfo(samples.dtype)
            middle = (about.max + 1) / 2 if about.min == 0 else 0  # 8-bit sound has no sign
            samples = (samples - middle) / (about.max + 1 - middle)
        sound = Sound(samples.mean(1) if samples.ndim == 2 else samples, int(rate)).at(HEARD_AT)
    else:
        sound = Sound(load_audio(Path(recording), HEARD_AT), HEARD_AT)
    if sound.seconds < SHORTEST or np.abs(sound.samples).max() < QUIETEST:
        raise KitError(
            say(
                f"nothing is to be heard in the recording ({sound.seconds:.1f} s): check the microphone, hold the button while you speak, and record again",
                f"録音から音が聞こえません（{sound.seconds:.1f} 秒）。マイクを確認し、話している間録音して、もう一度お試しください",
            )
        )
    return sound


def write_recording(
    recording: str | Path | tuple[int, np.ndarray] | Sound, folder: Path | None = None
) -> Path:
    """Writes the recording as a 16-bit WAV at HEARD_AT, under a new name in `folder` (None: that for temporary files), and returns its path.

    Raises:
        As `recorded`.
    """
    sound = recorded(recording)
    with tempfile.NamedTemporaryFile(prefix="voice-", suffix=".wav", dir=folder, delete=False) as file:
        file.write(sound.wav())
    return Path(file.name)


def spoken_question(recording: Path, options: tuple[str, ...] = (), **evidence) -> Sample:
    """The recording as the question itself, about the evidence (image=, video=, text=) if there is any.

    Args:
        recording: a file, e.g. from `write_recording`.
        options: the closed answer set; () for free text.
    """
    decided_by = ("audio", *(kind for kind in ("text", "image", "video") if evidence.get(kind)))
    return Sample(
        Path(recording).stem, SPOKEN, options, audio=(Path(recording),), decided_by=decided_by, **evidence
    )


def which_question(loaded: Loaded, recording: Path, questions: tuple[str, ...]) -> dict[str, float]:
    """{question: probability} of the closed set that the voice can have asked, by the model's option scores; only as good as the model's ears.

    Raises:
        KitError: fewer than two questions, or the model does not hear.
    """
    if "audio" not in loaded.checkpoint.modalities:
        name = loaded.checkpoint.name
        raise KitError(say(f"{name} does not hear, so a question cannot be spoken to it; choose it from the list, or name a checkpoint that hears, e.g. gemma4-e2b",
                           f"{name} は音声を扱えないため、声で質問できません。一覧から選ぶか、音声を扱えるもの（例：gemma4-e2b）を指定してください"))  # fmt: skip
    asked = Sample("spoken", WHICH, tuple(questions), audio=(Path(recording),), decided_by=("audio",))
    return predict(loaded, [asked]).iloc[0]["probabilities"]
