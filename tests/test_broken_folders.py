"""Folders as no office should make them and some do: whatever lies in them, the reader answers with samples, faults or one clear error, and touches nothing outside.

The examples that Hypothesis invents are seeded (derandomize), so that a red test stays red.
"""

import io
import os
import re
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from kit.curation import audit, gather, with_features
from kit.data import Sample, read_folder, stream_folder
from kit.errors import KitError

OFTEN = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
NAMES = st.sampled_from(["a.jpg", "b.png", "c.wav", "d.mp4", "e.heic", "f.ogg", "深い/傷.jpg", "up.jpg.wav", "x" * 120 + ".png"])
CELLS = st.one_of(
    NAMES, st.sampled_from(["", "ok", "ng", "../secret.jpg", "/etc/passwd", "..\\..\\secret.jpg", "a.jpg|b.png", "file:///etc/passwd", "C:\\x.jpg", "~/x.jpg", "a.jpg\x00.png", "=cmd|' /C calc'!A0", "out/secret.jpg", "x" * 300 + ".jpg", "傷" * 100 + ".png", "d/" * 3000 + "x.png", "\ud800.jpg"]),
    st.text(max_size=12),
)  # fmt: skip
BYTES = st.one_of(st.binary(max_size=64), st.sampled_from([b"", b"\xff\xd8\xff\xe0", b"RIFF\xff\xff\xff\xffWAVEfmt ", b"\x89PNG\r\n\x1a\n", b"\x00\x00\x00\x18ftypmp42", b"OggS", b"GIF89a", b"ID3", b"ffconcat version 1.0\nfile ../secret.jpg\n", b"ffconcat version 1.0\nfile d.mp4\nfile d.mp4\n", b"#EXTM3U\n#EXTINF:1,\n../secret.jpg\n"]))


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises width x height pixels."""
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(b"\x00" * 1000)) + chunk(b"IEND", b"")


def wav_that_claims(size: int) -> bytes:
    """A wav with a header of `size` bytes of sound, and none."""
    return b"RIFF" + struct.pack("<I", min(size + 36, 2**32 - 1)) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16) + b"data" + struct.pack("<I", min(size, 2**32 - 1))


def photo() -> bytes:
    made = io.BytesIO()
    Image.effect_noise((32, 32), 80).convert("RGB").save(made, "JPEG")
    return made.getvalue()


def state(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}


def read_every_way(root: Path) -> None:
    """Each way in: the reader, the stream, the audit. Only a KitError may stop them; no file outside `root` may be handed out."""
    try:
        folder = read_folder(root)
    except KitError as error:
        assert len(str(error)) > 20 and "Traceback" not in str(error)
    else:
        assert all(str(fault) and fault.fix for fault in folder.faults)
        paths = [path for sample in folder.samples for path in (*sample.image, *sample.video, *sample.audio)]
        assert all(path.resolve().is_relative_to(root.resolve()) for path in paths)
        "".join([s.id + s.question + s.answer + s.text + s.group + "".join([*s.options, *s.meta, *map(str, s.meta.values())]) for s in folder.samples]).encode()  # what was read can be written
        audit(gather(folder.samples, folder.faults))
    try:
        for row in stream_folder(root, "Which?", ("ok", "ng"), ("image",)):
            paths = [path for kind in ("image", "video", "audio") for path in getattr(row, kind, ())]
            assert all(path.resolve().is_relative_to(root.resolve()) for path in paths)
    except KitError:
        pass


@OFTEN
@given(files=st.dictionaries(NAMES, BYTES, max_size=4), rows=st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), max_size=6), header=st.sampled_from(["image,text,answer,split", "file_name,label", "audio;answer;group", "image\tanswer", "", "image,image,answer", "画像,正解"]),
       encoding=st.sampled_from(["utf-8", "cp932", "utf-16", "utf-8-sig"]))  # fmt: skip
def test_any_table_and_any_files_are_read_or_refused(tmp_path_factory, files, rows, header, encoding):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.jpg").write_bytes(photo())
    root = outside / "company"
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    root.mkdir(exist_ok=True)
    lines = [header, *(",".join(f'"{cell}"' if "," in cell else cell for cell in row) for row in rows)]
    (root / "metadata.csv").write_bytes("\n".join(lines).encode(encoding, errors="replace"))
    before = state(outside)
    read_every_way(root)
    assert state(outside) == before, "reading writes nothing"


JSON = st.sampled_from(["[" * 900 + "]" * 900, "[" * 9000, '{"a":' * 900 + "1" + "}" * 900, "9" * 5000, "1e999", "NaN", "-0.0", '"\\ud800"', '"\\ud83d\\ude00"', '"' + "x" * 300 + '.jpg"', '"a.jpg\\u0000"', '["a.jpg", ["b.png", null]]', "{}", "true", '"a.jpg"', '"ok"'])


@OFTEN
@given(rows=st.lists(st.tuples(JSON, JSON, JSON), max_size=5), names=st.sampled_from([("image", "answer", "id"), ("file_name", "label", "メモ"), ("text", "options", "\\ud800"), ("audio", "decided_by", "split")]))
def test_any_json_lines_and_any_files_are_read_or_refused(tmp_path_factory, rows, names):
    root = tmp_path_factory.mktemp("company")
    (root / "a.jpg").write_bytes(photo())
    lines = ["{" + ", ".join(f'"{name}": {value}' for name, value in zip(names, row, strict=True)) + "}" for row in rows]
    (root / "metadata.jsonl").write_text("\n".join(lines), encoding="utf-8")
    read_every_way(root)


@OFTEN
@given(table=st.binary(max_size=300))
def test_any_bytes_as_a_table_are_read_or_refused(tmp_path_factory, table):
    root = tmp_path_factory.mktemp("company")
    (root / "metadata.csv").write_bytes(table)
    read_every_way(root)


@pytest.mark.parametrize(("name", "content", "words"), [
    ("bomb.png", png_that_claims(60000, 60000), "million pixels"), ("bomb.png", png_that_claims(2**31 - 1, 2**31 - 1), "million pixels|not readable"), ("long.png", png_that_claims(20000, 20), "not readable|longer than"),
    ("empty.wav", b"", "not readable|truncated"), ("huge.wav", wav_that_claims(2**32 - 1), "truncated|not readable"), ("four_gb.wav", wav_that_claims(2**32 - 100), "truncated|not readable"),
    ("sound.jpg", wav_that_claims(64), "not readable"), ("photo.wav", photo(), "not readable|no sound"), ("photo.mp4", photo()[:200], "not readable|truncated|no pictures"), ("text.png", b"hello", "not readable"),
])  # fmt: skip
def test_a_file_that_lies_is_a_fault_with_a_reason(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    (tmp_path / "good1.jpg").write_bytes(photo())
    (tmp_path / "good2.jpg").write_bytes(photo())
    kind = "audio" if name.endswith("wav") else "video" if name.endswith("mp4") else "image"
    rows = [f"{name},,ok", *(f",good{i}.jpg,ok" for i in (1, 2))] if kind != "image" else [f"{name},ok", "good1.jpg,ok", "good2.jpg,ok"]
    (tmp_path / "metadata.csv").write_text("\n".join([f"{kind},image,answer" if kind != "image" else "image,answer", *rows]), encoding="utf-8")
    folder = read_folder(tmp_path)
    assert len(folder.samples) == 2 and len(folder.faults) == 1
    assert re.search(words, str(folder.faults[0])), str(folder.faults[0])
    lazily = read_folder(tmp_path, verify=False)
    (finding,) = audit(with_features(gather(lazily.samples)), only=("unreadable rows and media",))
    assert finding.value == 1 and finding.evidence["files"] == [name]


@pytest.mark.parametrize("kind", ["file", "folder", "absolute", "parent"])
def test_nothing_outside_the_folder_is_read(tmp_path, kind):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "s.jpg").write_bytes(photo())
    root = tmp_path / "company"
    root.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (root / name).write_bytes(photo())
    cell = {"file": "link.jpg", "folder": "dir/s.jpg", "absolute": str(secret / "s.jpg"), "parent": "../secret/s.jpg"}[kind]
    if kind == "file":
        os.symlink(secret / "s.jpg", root / "link.jpg")
    if kind == "folder":
        os.symlink(secret, root / "dir")
    (root / "metadata.csv").write_text(f"image,answer\na.jpg,ok\nb.jpg,ok\n{cell},ok\n", encoding="utf-8")
    folder = read_folder(root)
    assert [sample.image[0].name for sample in folder.samples] == ["a.jpg", "b.jpg"] and len(folder.faults) == 1
    assert not any("secret" in str(path) for sample in folder.samples for path in sample.image)
    (root / "metadata.csv").unlink()  # a flat folder must not follow links either
    flat, streamed = read_folder(root), list(stream_folder(root, "Which?", ("ok", "ng"), ("image",)))
    assert [sample.image[0].name for sample in flat.samples] == ["a.jpg", "b.jpg"] and len(flat.faults) == (kind == "file")
    assert [one.image[0].name for one in streamed if isinstance(one, Sample)] == ["a.jpg", "b.jpg"] and len(streamed) == 2 + (kind == "file")


def test_a_table_that_is_a_link_out_of_the_folder_is_refused(tmp_path):
    (tmp_path / "secret.csv").write_text("text,answer\nx,ok\ny,ok\n", encoding="utf-8")
    root = tmp_path / "company"
    root.mkdir()
    os.symlink(tmp_path / "secret.csv", root / "metadata.csv")
    for read in (read_folder, lambda folder: list(stream_folder(folder, "Which?", ("ok",), ("text",)))):
        with pytest.raises(KitError, match="leaves the folder.*copy it into the folder"):
            read(root)
