"""A company folder described in Croissant 1.1 (mlcommons.org/croissant), with the fields of its Responsible AI vocabulary, and validated by mlcroissant.

Paths are relative to the folder: croissant.json lies beside the table. The media are described as file sets, the rows by the columns of the table.
"""

import hashlib
import json
import warnings
from datetime import date
from pathlib import Path

from kit.data.files import own
from kit.data.folder import Folder
from kit.data.media import SUFFIXES
from kit.data.tables import read_table
from kit.errors import KitError
from kit.language import say

_TYPES = {"image": "image/*", "audio": "audio/*", "video": "video/*"}


def croissant(folder: Folder, *, name: str, version: str, description: str, licence: str, rai: dict, language: str, digest: str) -> dict:
    """The JSON-LD of a folder.

    Args:
        folder: read from a table (metadata.csv or another), or from class folders; the latter have no record set.
        name, version, description, licence, language: of the data set; version as in 1.0.0.
        rai: field of mlcroissant.Metadata -> text (or ISO dates, data_collection_timeframe); empty ones are left out.
        digest: of all rows and files; becomes the citation's key, so that a result can be matched to its data.

    Raises:
        KitError: mlcroissant refuses it; its own words follow.
    """
    import mlcroissant as mlc

    table = folder.root / folder.source
    files = [_file_set(mlc, kind, folder) for kind in SUFFIXES if any(getattr(sample, kind) for sample in folder.samples)]
    records = []
    if table.suffix == ".csv" and table.is_file():
        digest_of_table = hashlib.sha256(table.read_bytes()).hexdigest()
        files.append(mlc.FileObject(id="table", name="table", content_url=table.name, encoding_formats=["text/csv"], sha256=digest_of_table))
        records = [_records(mlc, read_table(table).columns)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns about optional fields that a company's folder has no use for
            metadata = mlc.Metadata(
                name=name, version=version, description=description, license=[licence], url=f"urn:sha256:{digest}", cite_as=f"{name} {version}, sha256 {digest}",
                date_published=date.today().isoformat(), in_language=[language], distribution=files, record_sets=records, conforms_to="http://mlcommons.org/croissant/1.1",
                **{field: text for field, text in rai.items() if text},
            )  # fmt: skip
            made = metadata.to_json()
            validate(made)
    except (ValueError, mlc.ValidationError) as error:
        raise KitError(say(f"the passport is not valid Croissant: {error}", f"パスポートが Croissant として正しくありません：{error}")) from error
    return json.loads(json.dumps(made, default=str))


def validate(described: dict) -> None:
    """Raises mlcroissant's ValidationError where the JSON-LD is not valid Croissant."""
    import mlcroissant as mlc

    mlc.Dataset(jsonld=json.loads(json.dumps(described, default=str)))


def write_croissant(described: dict, path: Path) -> Path:
    """Writes the JSON-LD and returns its path.

    Raises:
        KitError: the path is a link.
    """
    own(path, path.parent).write_text(json.dumps(described, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path


def _file_set(mlc, kind: str, folder: Folder):
    used = sorted({path.suffix.lower() for sample in folder.samples for path in getattr(sample, kind)})
    return mlc.FileSet(id=f"{kind}s", name=f"{kind}s", encoding_formats=[_TYPES[kind]], includes=[f"**/*{suffix}" for suffix in used])


def _records(mlc, columns: tuple[str, ...]):
    fields = [
        mlc.Field(id=f"rows/{column}", name=column, data_types=[mlc.DataType.TEXT], source=mlc.Source(file_object="table", extract=mlc.Extract(column=column)))
        for column in columns
    ]  # fmt: skip
    return mlc.RecordSet(id="rows", name="rows", fields=fields)
