"""`poc mask`: a copy of a use case with blurred faces and masked words, and what the masks cost the KPI. The original stays as it is."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from kit.curation import Material, mask_folder, price_of_privacy, with_features
from kit.curation.masking import Masked, masked_settings
from kit.curation.material import listed
from kit.data.files import apart
from kit.errors import KitError
from kit.finding import Finding
from kit.language import say
from kit.models import load, resolve
from poc.audit import TINY, lines_of, material_of
from poc.passport import FILE as PASSPORT
from poc.runs import quiet
from poc.usecase import FILE, LOGS


@dataclass(frozen=True)
class Copy:
    """A masked copy, what was masked in it, and the price (`price_of_privacy`)."""

    masked: Masked
    price: Finding


def mask_usecase(directory: Path, out: Path, tell=quiet) -> Copy:
    """Writes the masked copy of a use case with its poc.yaml and dataset.yaml, and measures the KPI of one cheap honest classifier on both (a proxy).

    Args:
        directory: the folder with its poc.yaml.
        out: a folder that is not there yet, or empty.
        tell: receives one line per step.

    Raises:
        KitError: the folder cannot be read, or `out` is not empty, lies in it or holds it.
    """
    directory, out = Path(directory), Path(out)
    apart(directory, out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise KitError(say(f"{out} is no folder or is not empty: give a new folder for the masked copy", f"{out} はフォルダーでないか、空ではありません。マスクした写しには新しいフォルダーを指定してください"))
    material = material_of(directory, tell)
    tell(say("masking", "マスク中"))
    masked = mask_folder(material, out)
    # group_by names a column of the original; the copy's rows carry what it said as their group
    settings = re.sub(r"(?m)^group_by:.*$", "group_by: group", (directory / FILE).read_text(encoding="utf-8-sig"))
    (out / FILE).write_text(masked_settings(settings, masked.options), encoding="utf-8")
    if (directory / PASSPORT).is_file():
        (out / PASSPORT).write_text(masked_settings((directory / PASSPORT).read_text(encoding="utf-8-sig"), {}), encoding="utf-8")
    tell(say("measuring what the masks cost", "マスクの代償を測定中"))
    return Copy(masked, price_of_privacy(material, _seen_masked(material, masked)))


def masked_lines(copy: Copy) -> list[str]:
    """What was masked, what it cost, and what no mask reaches."""
    pictures, rows, left = len(copy.masked.pictures), len(copy.masked.rows), copy.masked.left_out
    return [
        say(f"{copy.masked.table.parent}: faces blurred in {pictures} pictures, words masked in {rows} rows", f"{copy.masked.table.parent}：{pictures} 枚の顔をぼかし、{rows} 行の文をマスクしました"),
        *lines_of([copy.price]),
        say("Groups, options and answers, ids and names of files with personal data have neutral names (group-001); positions, owners, thumbnails and titles inside the media files are gone.",
            "個人情報を含むグループ、選択肢と正解、ID、ファイル名は別名（group-001 など）に置き換え、メディアファイル内の位置情報、所有者、サムネイル、タイトルは除きました。"),
        *([say(f"Left out, since a file of theirs cannot be read or written anew: {listed(left)}", f"ファイルを読めない、または書き直せないため写しに含めない行：{listed(left)}")] if left else []),
        say(f"Not copied: {LOGS}/ (what it decided is in the rows), runs, the cards of poc passport, files that no row names. Of {FILE} and {PASSPORT} only words were masked: read them.",
            f"コピーしないもの：{LOGS}/（決まった答えは行にあります）、実行結果、poc passport のカード、表にないファイル。{FILE} と {PASSPORT} は文のマスクだけなので、読んで確認してください。"),
        say("Not masked: faces that were missed, faces in videos, voices, writing inside pictures, names that are in no list. Look through the copy before it leaves the company.",
            "マスクされないもの：見落とした顔、動画の顔、声、画像内の文字、一覧にない氏名。社外に出す前に必ず目で確認してください。"),
    ]  # fmt: skip


def _seen_masked(material: Material, masked: Masked) -> Material:
    """The copy's rows, by the ids that they have in the original, with features; those of rows in which nothing was masked are the original's."""
    samples = {id: sample.replace(id=id) for id, sample in masked.samples.items()}
    changed = tuple(sample for id, sample in samples.items() if id not in masked.same and id in material.features)
    # what was readable is copied, and the looks are those of the original's files: these rows need none
    found = with_features(replace(material, samples=changed, looks={}), load(TINY) if Path(resolve(TINY)[1]).is_dir() else None).features if changed else {}
    return replace(material, samples=tuple(samples.values()), features={id: row for id, row in material.features.items() if id in masked.same} | found)
