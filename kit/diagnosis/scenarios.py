"""What misleads in this company: notes, pictures, sounds and videos that really occur there, written down in poc.yaml or mined from rows whose evidence names another answer than their label."""

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kit.data import MEDIA, MODALITIES, Perturbation, Sample
from kit.data.names import FOUND, SPOKEN, numbered
from kit.data.perturbations import word, wrong_option

WRONG = "{wrong}"  # in a scenario's text: an option that is not the row's answer
_RECORDINGS = 2  # of each option


@dataclass(frozen=True)
class Scenario:
    """Evidence that occurs and should not decide.

    Attributes:
        name: as in tables.
        modality: of MODALITIES.
        text: the words, where the modality is text; WRONG in them is replaced by an option that is not the answer.
        file: the picture, sound or video, else.
        says: the option that it names; rows with that answer are left out. "": none, or WRONG's.
        seen: in how many rows it was found; 0 where a person wrote it down.
    """

    name: str
    modality: str
    text: str = ""
    file: Path | None = None
    says: str = ""
    seen: int = 0

    def __post_init__(self):
        if self.modality not in MODALITIES or bool(self.text) != (self.modality == "text") or (self.file is None) != (self.modality == "text"):
            raise ValueError(f"scenario {self.name!r}: modality {self.modality!r}, text {self.text!r}, file {self.file}; allowed: text with words, or one of {', '.join(MEDIA)} with a file")

    def as_perturbation(self, seed: int = 0) -> Perturbation:
        """What `kit.diagnosis.ask` asks."""
        return Perturbation(self.name, self.modality, "scenario", partial(_shown, self, seed), named=bool(self.says or WRONG in self.text))


def _shown(scenario: Scenario, seed: int, sample: Sample) -> Sample | None:
    says = wrong_option(sample, seed) if WRONG in scenario.text else scenario.says
    if says is None or (says and (says == sample.answer or says not in sample.options)):
        return None
    shown = sample.replace(**{scenario.modality: scenario.text.replace(WRONG, says) if scenario.modality == "text" else (scenario.file,)})
    return shown.replace(meta={**shown.meta, "named": says}) if says else shown


def mined(samples: Sequence[Sample], most: int = 12) -> list[Scenario]:
    """Evidence beside what decides that named another answer than the label, the most frequent first.

    What a text or a recording says is known from a column that speaks in the options' words (`note_says`, say), or from the one option that the text names. A text that names it literally becomes
    a template with WRONG in its place; other words and recordings keep what they say.

    Args:
        samples: labelled rows.
        most: scenarios at most.

    Returns:
        Scenarios whose names differ: recordings of one file name are told apart by their folder, whatever is alike still by a number.
    """
    found: Counter[tuple] = Counter()
    for sample in samples:
        says = said_beside(sample)
        if not says or not sample.answer or says == sample.answer:
            continue
        if sample.text and "text" not in sample.decided_by:
            template = word(says).sub(WRONG, sample.text)
            if WRONG not in template or template.isascii() != says.isascii():  # "シミ (stain)" says it twice
                found["text", sample.text, None, says] += 1
            else:
                found["text", template, None, ""] += 1
        elif sample.audio and "audio" not in sample.decided_by:
            found["audio", "", sample.audio[0], says] += 1
    common = found.most_common(most)
    names = [_name(text, file, says) for (_, text, file, says), _ in common]
    names = [_name(text, file, says, folder=names.count(name) > 1) for ((_, text, file, says), _), name in zip(common, names, strict=True)]
    return [Scenario(name, modality, text, file, says, seen) for name, ((modality, text, file, says), seen) in zip(numbered(names), common, strict=True)]


def spoken_labels(samples: Sequence[Sample], seed: int = 0) -> list[Perturbation]:
    """A wrong label spoken in a sound, and the right one as control: the company's own recordings, whose words are known from a column that speaks in the options' words. [] where fewer than two options are spoken.

    Args:
        samples: rows to take recordings from; two of each option are used, so that the model hears each once for all questions.
        seed: of which wrong option a row is told.
    """
    recordings: dict[str, list[Path]] = {}
    for sample in samples:
        says = said_beside(sample.without("text"))
        if says and sample.audio and "audio" not in sample.decided_by and len(heard := recordings.setdefault(says, [])) < _RECORDINGS:
            heard.append(sample.audio[0])
    if len(recordings) < 2:
        return []
    return [Perturbation(name, "audio", kind, partial(_spoken, recordings, kind, seed), named=True, control=kind == "matching") for kind, name in SPOKEN.items()]


def _spoken(recordings: dict[str, list[Path]], kind: str, seed: int, sample: Sample) -> Sample | None:
    """The sample with a recording that names its answer, or another of its options."""
    if not sample.answer:
        return None
    number = zlib.crc32(f"{seed} {sample.id}".encode())
    fitting = [option for option in sample.options if option in recordings and (option == sample.answer) == (kind == "matching")]
    if not fitting:
        return None
    says = fitting[number % len(fitting)]
    return sample.replace(audio=(recordings[says][number % len(recordings[says])],), meta={**sample.meta, "named": says})


def _name(text: str, file: Path | None, says: str, folder: bool = False) -> str:
    shown = text.replace(WRONG, "...") if text else f"{file.parent.name}/{file.name}" if folder else file.name
    return f"{FOUND}{shown}" + (f" ({says})" if says else "")


def said_beside(sample: Sample) -> str:
    """The option that the row's irrelevant evidence names, by a column of the options' words or by the text itself; "" where none or several are named."""
    columns = {value for value in sample.meta.values() if isinstance(value, str) and value in sample.options}
    named = {option for option in sample.options if word(option).search(sample.text)} if "text" not in sample.decided_by else set()
    told = columns or named
    return told.pop() if len(told) == 1 else ""
