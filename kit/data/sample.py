"""The one record of the kit: a question about some evidence, the closed set of answers, and the right one.

    Sample(id="6001", question="Which defect is on this steel?", options=("red iron", "slag"), answer="slag", image=(Path("6001.png"),))

A sample never changes: a perturbation is a function Sample -> Sample that names itself in `meta["perturbation"]`.
"""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

MODALITIES = ("text", "image", "video", "audio")  # index = modality id, as in transformers' mm_token_type_ids
MEDIA = ("image", "video", "audio")  # the modalities that live in files, in the order of a prompt
SPLITS = ("train", "validation", "calibration", "test")
LAYERS = ("general", "task", "domain")


@dataclass(frozen=True)
class Sample:
    """One question with its evidence.

    Attributes:
        id: unique within its folder.
        question: what is asked, in the words that the model reads.
        options: the closed answer set; () for free text.
        answer: the right answer; "" while nobody has labelled the sample.
        image, audio, video: paths, () where absent.
        text: evidence in words (a note, a form, a transcript), distinct from the question.
        decided_by: the modalities that should decide the answer; every other one is irrelevant for it.
        group: what may never be split (lot, device, speaker, day); "" when unknown.
        split: one of SPLITS, or "" before a split is made.
        data_layer: one of LAYERS.
        meta: everything else that the folder says about the sample; "generated" marks a row that a program made.
    """

    id: str
    question: str
    options: tuple[str, ...] = ()
    answer: str = ""
    image: tuple[Path, ...] = ()
    audio: tuple[Path, ...] = ()
    video: tuple[Path, ...] = ()
    text: str = ""
    decided_by: tuple[str, ...] = ("image",)
    group: str = ""
    split: str = ""
    data_layer: str = "domain"
    meta: dict = field(default_factory=dict, hash=False)

    def __post_init__(self):
        for name in MEDIA:
            object.__setattr__(self, name, _paths(getattr(self, name)))
        for name in ("options", "decided_by"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))
        self._check()

    def _check(self):
        if not self.id:
            raise ValueError(f"a sample needs an id; given {self.id!r} for the question {self.question!r}")
        if not self.question.strip():
            raise ValueError(f"sample {self.id!r} needs a question; given {self.question!r}")
        if len(set(self.options)) < len(self.options):
            raise ValueError(f"sample {self.id!r} has an option twice: {self.options}")
        if self.answer and self.options and self.answer not in self.options:
            raise ValueError(
                f"sample {self.id!r} has the answer {self.answer!r}; its options are {self.options}"
            )
        unknown = [name for name in self.decided_by if name not in MODALITIES]
        if unknown:
            raise ValueError(f"sample {self.id!r} is decided by {unknown}; allowed: {MODALITIES}")
        if self.split and self.split not in SPLITS:
            raise ValueError(
                f"sample {self.id!r} is in split {self.split!r}; allowed: {SPLITS}, or '' for none yet"
            )
        if self.data_layer not in LAYERS:
            raise ValueError(f"sample {self.id!r} is of data layer {self.data_layer!r}; allowed: {LAYERS}")

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities of the evidence that is present, in the order of MODALITIES."""
        return tuple(name for name in MODALITIES if getattr(self, name))

    @property
    def generated(self) -> bool:
        """A program made this row, or its label (`meta["generated"]`): it may be learned from, and nothing is measured on it."""
        return str(self.meta.get("generated", "")).strip().lower() not in ("", "false", "no", "0", "none")

    def without(self, modality: str) -> "Sample":
        """The same question with one kind of evidence taken away.

        Raises:
            ValueError: `modality` is none of MODALITIES.
        """
        if modality not in MODALITIES:
            raise ValueError(f"cannot take away {modality!r}; allowed: {MODALITIES}")
        return self.perturbed(f"without {modality}", **{modality: "" if modality == "text" else ()})

    def perturbed(self, name: str, meta: dict | None = None, **changes) -> "Sample":
        """A changed copy that names what was done to it, after what was done before, in `meta["perturbation"]`."""
        done = [self.meta["perturbation"]] if "perturbation" in self.meta else []
        return self.replace(meta={**self.meta, **(meta or {}), "perturbation": "+".join([*done, name])}, **changes)

    def replace(self, **changes) -> "Sample":
        """A copy with the named fields changed, checked like a new sample."""
        return dataclasses.replace(self, **changes)


def _paths(value) -> tuple[Path, ...]:
    return (Path(value),) if isinstance(value, (str, Path)) else tuple(Path(one) for one in value)
