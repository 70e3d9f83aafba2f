"""Faces blurred and personal data in text replaced, in a COPY of the folder: the original is never touched, nothing is masked unasked, and the price is measured.

Not masked: faces that the cascades miss, faces in videos, voices, writing inside pictures. A mask is a help and no anonymisation.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.metrics import recall_score
from sklearn.model_selection import cross_val_predict

from kit.curation.folds import drawn_macro_means, honest_folds, linear_reader
from kit.curation.material import Material
from kit.data import Sample, write_folder
from kit.data.files import own
from kit.data.media import load_image
from kit.errors import KitError
from kit.finding import Finding
from kit.language import say
from kit.processes import one_thread

_BLUR = 0.35  # of a box's side: eyes and mouth run together


@dataclass(frozen=True)
class Masked:
    """What was masked.

    Attributes:
        table: metadata.csv of the copy.
        samples: its rows.
        pictures: names of pictures in which faces were blurred.
        rows: ids of rows in whose words something was replaced.
    """

    table: Path
    samples: tuple[Sample, ...]
    pictures: tuple[str, ...]
    rows: tuple[str, ...]


def mask_folder(material: Material, out: Path, faces: bool = True, text: bool = True) -> Masked:
    """Writes a copy of the folder with blurred faces and masked texts, with all other files and columns as they are.

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
    own(out / "masked", out)
    blurred = _blurred(material, out) if faces else {}
    samples = tuple(_masked(sample, blurred, text) for sample in material.samples)
    changed = tuple(new.id for old, new in zip(material.samples, samples, strict=True) if (old.text, old.meta) != (new.text, new.meta))
    return Masked(write_folder(samples, out), samples, tuple(path.name for path in blurred), changed)


@one_thread
def price_of_privacy(before: Material, after: Material) -> Finding:
    """Macro recall of one cheap honest classifier on the same rows, masked and not: the difference with its 95 % interval over groups (a proxy for the model to come).

    Args:
        before, after: with features (`with_features`), of the original and of the masked copy.
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
    low, high = (float(value) for value in np.quantile(drawn_macro_means(truth, (said[1] == truth).astype(float) - (said[0] == truth), [s.group or s.id for s in rows]), [0.025, 0.975]))
    return Finding(
        "price of privacy", values[1] - values[0], low, high, "warn" if high < 0 else "good",
        say(f"Masked, a cheap classifier is right in {100 * values[1]:.1f} % instead of {100 * values[0]:.1f} %: {100 * (values[1] - values[0]):+.1f} points [{100 * low:.1f}, {100 * high:.1f}].",
            f"マスクすると、簡単な分類器の再現率は {100 * values[0]:.1f} % から {100 * values[1]:.1f} % になります（{100 * (values[1] - values[0]):+.1f} ポイント [{100 * low:.1f}, {100 * high:.1f}]）。"),
        {"before": values[0], "after": values[1], "rows": len(rows)},
    )  # fmt: skip


def _blurred(material: Material, out: Path) -> dict[Path, Path]:
    """picture with faces -> its blurred copy."""
    found = {}
    for look in material.files("image"):
        if look.faces:
            target = out / "masked" / f"{len(found):05d}_{look.path.stem}.png"  # lossless: what is not a face stays what it was
            target.parent.mkdir(parents=True, exist_ok=True)
            blur_faces(np.asarray(load_image(look.path)), look.faces).save(target)
            found[look.path] = target
    return found


def blur_faces(picture: np.ndarray, boxes):
    """The picture (H, W, 3) as an image in which the boxes (left, top, width, height) are blurred beyond recognition."""
    from PIL import Image, ImageFilter

    image = Image.fromarray(picture)
    for left, top, width, height in boxes:
        box = (max(0, left), max(0, top), min(image.width, left + width), min(image.height, top + height))
        image.paste(image.crop(box).filter(ImageFilter.GaussianBlur(_BLUR * max(width, height))), box)
    return image


def _masked(sample: Sample, blurred: dict[Path, Path], text: bool) -> Sample:
    sample = replace(sample, image=tuple(blurred.get(path, path) for path in sample.image))
    if not text:
        return sample
    from kit.curation.personal import masked_text  # presidio and spaCy take seconds to import

    return replace(sample, text=masked_text(sample.text), meta={column: masked_text(value) if isinstance(value, str) else value for column, value in sample.meta.items()})
