"""Faces blurred and personal data in words replaced, in a COPY of the folder: the original is never touched, nothing is masked unasked, and the price is measured.

Words are masked in place. What rows are told apart by (groups, options and their answers, ids, names of files and columns) gets a neutral name instead where it holds personal data: equal ones
stay equal and no two become one, so splits by group stay honest and an answer stays one of its options. Media files are copied without what they say beside their pixels and samples.

Not masked: faces that the cascades miss, faces in videos, voices, writing inside pictures, names that are in no list. A mask is a help and no anonymisation.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.metrics import recall_score
from sklearn.model_selection import cross_val_predict

from kit.curation.folds import drawn_macro_means, ends_of, honest_folds, linear_reader
from kit.curation.material import Material
from kit.curation.metadata import write_bare
from kit.data import MEDIA, Sample, write_folder
from kit.data.files import own
from kit.data.media import MediaError, load_image
from kit.errors import KitError
from kit.finding import Finding
from kit.language import say
from kit.processes import one_thread
from kit.show import progress

_BLUR = 0.35  # of a box's side: eyes and mouth run together


@dataclass(frozen=True)
class Masked:
    """What was masked.

    Attributes:
        table: metadata.csv of the copy.
        samples: id in the original -> the row in the copy, whose id may be another.
        pictures: names of pictures in which faces were blurred.
        rows: ids, in the original, of rows in whose words something was replaced.
        same: ids, in the original, of rows in which a model sees what it saw: no word and no pixel of theirs was changed.
        left_out: ids of rows that are not in the copy: a file of theirs cannot be read, or not be written without what it says about itself.
        options: those that were replaced -> their names in the copy.
    """

    table: Path
    samples: dict[str, Sample]
    pictures: tuple[str, ...]
    rows: tuple[str, ...]
    same: frozenset[str]
    left_out: tuple[str, ...]
    options: dict[str, str]


def mask_folder(material: Material, out: Path, faces: bool = True, text: bool = True) -> Masked:
    """Writes a copy of the folder with blurred faces, masked words and media without metadata (see above for what is replaced how); what is neither is as it was.

    Label logs, files that no row names and everything else beside the rows are not copied: the answers that the logs decided are in the rows.

    Args:
        material: of `gather`, looked at with faces.
        out: a folder without a metadata.csv.
        faces, text: what to mask.

    Raises:
        KitError: `out` has a table already, or lies in a folder of an original file, or holds one.
    """
    out = Path(out).resolve()
    folders = {path.resolve().parent for path, _ in material.looks}
    if any(out.is_relative_to(folder) or folder.is_relative_to(out) for folder in folders):
        raise KitError(say(f"{out} lies among the original files; give a folder of its own for the masked copy", f"{out} は元のファイルのフォルダーの中です。マスクした写しには別のフォルダーを指定してください"))
    for kind in MEDIA:
        own(out / kind, out)
    neutral = _neutral_names(material) if text else {}
    files, pictures = _copied(material, out, faces, neutral)
    kept = [sample for sample in material.samples if all((path, kind) in files for kind in MEDIA for path in getattr(sample, kind))]
    samples = {sample.id: _masked(sample, files, neutral, text) for sample in kept}
    table = write_folder(tuple(samples.values()), out)
    return Masked(
        table, samples, tuple(path.name for path in pictures),
        rows=tuple(sample.id for sample in kept if _words(samples[sample.id]) != _words(sample) or neutral.get("file", {}).keys() & _file_names(sample)),
        same=frozenset(sample.id for sample in kept if not pictures & set(sample.image) and _seen(samples[sample.id]) == _seen(sample)),
        left_out=tuple(sample.id for sample in material.samples if sample.id not in samples),
        options=neutral.get("option", {}),
    )  # fmt: skip


@one_thread
def price_of_privacy(before: Material, after: Material) -> Finding:
    """Macro recall of one cheap honest classifier on the same rows, masked and not: the difference with its 95 % interval over groups (a proxy for the model to come).

    Args:
        before, after: with features (`with_features`), of the original and of the masked copy, whose rows go by the original's ids here.
    """
    shown = {sample.id: sample for sample in after.samples}
    rows = [sample for sample in before.labelled if sample.id in shown and sample.id in before.features and sample.id in after.features]
    rows = [sample for sample in rows if sample.question == rows[0].question]
    folds = honest_folds(rows) if rows else None
    if folds is None:
        return Finding("price of privacy", None, verdict="info", summary=say("Not measured: too few labelled rows or groups.", "ラベル付きの行またはグループが少ないため、測っていません。"))
    truth = np.array([sample.answer for sample in rows])
    said = [cross_val_predict(linear_reader(), np.stack([material.features[sample.id] for sample in rows]), truth, cv=folds) for material in (before, after)]
    values = [float(recall_score(truth, answers, average="macro")) for answers in said]
    groups = [s.group or s.id for s in rows]
    low, high = (float(value) for value in np.quantile(drawn_macro_means(truth, (said[1] == truth).astype(float) - (said[0] == truth), groups), ends_of(groups)))
    return Finding(
        "price of privacy", values[1] - values[0], low, high, "warn" if high < 0 else "good",
        say(f"Masked, a cheap classifier is right in {100 * values[1]:.1f} % instead of {100 * values[0]:.1f} %: {100 * (values[1] - values[0]):+.1f} points [{100 * low:.1f}, {100 * high:.1f}].",
            f"マスクすると、簡単な分類器の再現率は {100 * values[0]:.1f} % から {100 * values[1]:.1f} % になります（{100 * (values[1] - values[0]):+.1f} ポイント [{100 * low:.1f}, {100 * high:.1f}]）。"),
        {"before": values[0], "after": values[1], "rows": len(rows)},
    )  # fmt: skip


def _copied(material: Material, out: Path, faces: bool, neutral: dict[str, dict[str, str]]) -> tuple[dict[tuple[Path, str], Path], set[Path]]:
    """({(file, modality): its copy}, pictures that were blurred); a file that cannot be copied without what it says about itself is not there."""
    files, pictures, taken = {}, set(), set()
    for path, kind in progress(material.users, desc=say("copying", "コピー中")):
        look = material.looks.get((path, kind))
        if look is None or look.fault:
            continue
        target = out / kind / neutral.get("file", {}).get(path.name, path.name)
        if blur := faces and kind == "image" and look.faces:
            target = target.with_suffix(".png")  # lossless: what is not a face stays what it was
        name, number = target, 1
        while target.as_posix().casefold() in taken or target.exists():  # two folders, one name
            number += 1
            target = name.with_stem(f"{name.stem}-{number}")
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            if blur:
                blur_faces(np.asarray(load_image(path)), look.faces).save(target)
                pictures.add(path)
            else:
                target = write_bare(path, kind, target)
        except MediaError:
            continue
        taken.add(target.as_posix().casefold())
        files[path, kind] = target
    return files, pictures


def blur_faces(picture: np.ndarray, boxes):
    """The picture (H, W, 3) as an image in which the boxes (left, top, width, height) are blurred beyond recognition."""
    from PIL import Image, ImageFilter

    image = Image.fromarray(picture)
    for left, top, width, height in boxes:
        box = (max(0, left), max(0, top), min(image.width, left + width), min(image.height, top + height))
        image.paste(image.crop(box).filter(ImageFilter.GaussianBlur(_BLUR * max(width, height))), box)
    return image


def _neutral_names(material: Material) -> dict[str, dict[str, str]]:
    """What is replaced whole: of "group", "option", "row" (ids), "file" and "column", the words with personal data -> their names in the copy."""
    from kit.curation.personal import find_personal  # presidio and spaCy take seconds to import

    rows = material.samples
    every = {
        "group": [sample.group for sample in rows],
        "option": [*material.options, *(option for sample in rows for option in sample.options)],
        "row": [sample.id for sample in rows],
        "file": [path.name for path, _ in material.users],
        "column": [column for sample in rows for column in sample.meta],
    }
    found = {what: [word for word in dict.fromkeys(words) if find_personal(word)] for what, words in every.items()}
    if found["group"]:  # a column of people: those whose names are in no list, too
        found["group"] = [word for word in dict.fromkeys(every["group"]) if word]
    return {what: _numbered(what, words, set(every[what])) for what, words in found.items()}


def _numbered(what: str, words: Iterable[str], taken: set[str]) -> dict[str, str]:
    """Each word -> "group-001" and so on in their order, without names that something else has; a file keeps its ending."""
    free = (f"{what}-{number:03}" for number in range(1, 2 * len(taken) + 2))
    stems = {Path(word).stem.casefold() if what == "file" else word for word in taken}
    names = (name for name in free if name not in stems)
    return {word: next(names) + (Path(word).suffix if what == "file" else "") for word in words}


def _masked(sample: Sample, files: dict[tuple[Path, str], Path], neutral: dict[str, dict[str, str]], text: bool) -> Sample:
    sample = replace(sample, **{kind: tuple(files[path, kind] for path in getattr(sample, kind)) for kind in MEDIA})
    if not text:
        return sample
    from kit.curation.personal import masked_text, written

    def named(what: str, word: str) -> str:
        return neutral[what].get(word, word)

    def cell(column: str, value):
        masked = masked_text(written(value), column)
        return value if masked == written(value) else masked

    return replace(
        sample, id=named("row", sample.id), group=named("group", sample.group), options=tuple(named("option", option) for option in sample.options), text=masked_text(sample.text),
        answer=named("option", sample.answer) if sample.options else masked_text(sample.answer), question=masked_text(sample.question),
        meta={named("column", column): cell(column, value) for column, value in sample.meta.items()},
    )  # fmt: skip


def _seen(sample: Sample) -> tuple:
    """The words that a model reads."""
    return sample.question, sample.options, sample.text


def _words(sample: Sample) -> tuple:
    return *_seen(sample), sample.id, sample.answer, sample.group, sample.meta


def _file_names(sample: Sample) -> set[str]:
    return {path.name for kind in MEDIA for path in getattr(sample, kind)}


def masked_settings(text: str, options: dict[str, str]) -> str:
    """A YAML file's text with the copy's names for options (of `Masked`), and all other personal data as "(PERSON)": in brackets they would be a list."""
    from kit.curation.personal import masked_text

    for option in sorted(options, key=len, reverse=True):
        text = text.replace(option, options[option])
    return "".join(masked_text(line, form="({})") for line in text.splitlines(keepends=True))
