"""The sample company's questions by the sense that answers them: what is in the picture, what is in the voice, what happens in a film and its sound.

Source: Ola's stages (arXiv 2502.04328) in the article's order; the film with its sound is the bridge, because where steam or the dark hides the line only the sound tells.
"""

from pathlib import Path

from kit.data import Sample
from kit.language import say
from poc.levels import feelings, gauges, labelled_rows

SENSES = ("image", "audio", "video")


def sense_rows(company: Path, sense: str, split: str) -> dict[str, list[Sample]]:
    """Source -> labelled rows of one sense.

    * image: "documents", which state the gauge shows; "inspection", which defect is in the photo (without the note, so that only the picture can tell).
    * audio: "calls", how the caller feels, from the voice alone.
    * video: "line", what happens on the packing line, from the film and its sound.

    Args:
        company: a folder with the use cases documents, inspection, callcentre and line.
        sense: one of SENSES.
        split: train, validation, calibration or test.
    """
    if sense not in SENSES:
        raise ValueError(f"sense {sense!r} is unknown; allowed: {SENSES}")
    return {
        "image": lambda: {"documents": [row.without("audio") for row in gauges(company, split)], "inspection": [row.without("text").without("audio") for row in labelled_rows(company, "inspection", split)]},
        "audio": lambda: {"calls": [row.without("text") for row in feelings(company, split)]},
        "video": lambda: {"line": [row.replace(audio=row.video) for row in labelled_rows(company, "line", split)]},  # of a film, its sound track is read
    }[sense]()


def name_of(sense: str) -> str:
    """The sense, as it is shown."""
    return {"image": say("pictures", "画像"), "audio": say("sound", "音声"), "video": say("films with sound", "音声付き動画")}[sense]
