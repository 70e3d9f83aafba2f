"""What a media file says beside its pixels and samples: where a photo was taken, by whose camera, a thumbnail of it before it was blurred. Told of (EXIF of pictures), and left out of copies.

Not told of: XMP and IPTC of pictures, titles and places of recordings and videos (copies are without them, too).
"""

import re
import zlib
from pathlib import Path

from PIL import Image

from kit.data.clips import OPENED_WITH
from kit.data.media import MediaError, load_image, open_image
from kit.language import say

_GPS, _CAMERA, _ORIENTATION = 0x8825, 0x8769, 0x0112  # EXIF's directories of positions and of the camera, and the tag that says how the picture lies
_OWNERS = (0x013B, 0x8298, 0x9C9D, 0xA430, 0xA431, 0xA435, 0xA437)  # artist, copyright, author, owner, serial numbers of camera and lens, photographer
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = (b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT", b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT")  # what colours and frames need; all that must be understood is kept, too


def told_by(path: Path) -> list[str]:
    """What a picture's EXIF gives away: POSITION (GPS), OWNER (names and serial numbers of people and cameras); [] for what cannot be opened."""
    try:
        with open_image(path) as image:
            exif = image.getexif()
            tags = {**exif, **exif.get_ifd(_CAMERA)}
            told = ["POSITION"] if any(exif.get_ifd(_GPS).get(tag) for tag in (2, 4)) else []  # latitude, longitude
    except Exception:  # noqa: BLE001 whatever a broken EXIF makes Pillow raise: unreadable files are another check's finding
        return []
    return told + (["OWNER"] if any(str(tags.get(tag) or "").strip(" \0") for tag in _OWNERS) else [])


def write_bare(path: Path, modality: str, target: Path) -> Path:
    """Copies a media file without what it says about itself, and returns where to: pixels and samples stay bit for bit, colour profiles and the orientation too.

    JPEG and PNG are cut, sound and video move into a new container of the same kind without being encoded again; any other picture becomes the PNG of what `load_image` reads from it.

    Args:
        target: in a folder that is there; the ending becomes .png for other pictures.

    Raises:
        MediaError: the file cannot be read, or its container cannot be written again.
    """
    if modality != "image":
        return _moved(path, target)
    data = path.read_bytes()
    cut = _bare_jpeg if data[:2] == b"\xff\xd8" else _bare_png if data[:8] == _PNG else None
    try:
        bare = cut(data, _orientation(path)) if cut else None
    except (AttributeError, IndexError, OSError, ValueError):  # written against the rules, and perhaps read by Pillow all the same
        bare = None
    if bare is None:
        target = target.with_suffix(".png")
        load_image(path).save(target)
    else:
        target.write_bytes(bare)
    return target


def _orientation(path: Path) -> bytes:
    """EXIF that says how the picture lies and nothing else; b"" where it lies as it is stored."""
    with open_image(path) as image:
        turned = image.getexif().get(_ORIENTATION, 1)
    exif = Image.Exif()
    exif[_ORIENTATION] = turned
    return exif.tobytes() if turned in range(2, 9) else b""


def _bare_jpeg(data: bytes, exif: bytes) -> bytes:
    """Segments that decode the picture, and its colour profile; nothing after its end, where phones put previews and films."""
    kept, at = [b"\xff\xd8"], 2
    if exif:
        kept.append(b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif)
    while data[at + 1] != 0xD9:
        if data[at] != 0xFF:
            raise ValueError("no marker")
        if data[at + 1] == 0xFF:  # filling
            at += 1
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        marker, said = data[at + 1], data[at + 4 : end]
        if marker == 0xDA:  # what follows runs up to the next marker that is neither an escaped byte nor a restart
            end = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]").search(data, end).start() if end < len(data) else end
        if marker == 0xE0 and said.startswith(b"JFIF\0"):
            kept.append(b"\xff\xe0\0\x10" + said[:12] + b"\0\0")  # without its thumbnail
        elif not (0xE0 <= marker <= 0xEF or marker == 0xFE) or said.startswith((b"ICC_PROFILE\0", b"Adobe")):
            kept.append(data[at:end])
        at = end
    return b"".join([*kept, b"\xff\xd9"])


def _bare_png(data: bytes, exif: bytes) -> bytes:
    """Chunks that must be understood, those of colours and frames, and nothing after the end."""
    kept, at, name = [_PNG], 8, b""
    while name != b"IEND":
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        name = data[at + 4 : at + 8]
        if len(name) < 4:
            raise ValueError("no end")
        if name[:1].isupper() or name in _PNG_KEPT:
            kept.append(data[at:end])
        if name == b"IHDR" and exif:
            chunk = b"eXIf" + exif.removeprefix(b"Exif\0\0")
            kept.append((len(chunk) - 4).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big"))
        at = end
    return b"".join(kept)


def _moved(path: Path, target: Path) -> Path:
    """The pictures and the sound in a new container: no titles, places, covers, subtitles, tracks of positions."""
    import av

    try:
        with av.open(str(path.resolve()), options=OPENED_WITH) as old, av.open(str(target), "w") as new:
            streams = {one.index: new.add_stream_from_template(one) for one in old.streams if one.type in ("video", "audio") and not one.disposition & av.stream.Disposition.attached_pic}
            for stream in streams.values():
                stream.metadata.clear()
            for packet in old.demux([old.streams[index] for index in streams]):
                if packet.size:  # the last one of a stream is empty
                    packet.stream = streams[packet.stream.index]
                    new.mux(packet)
    except (av.FFmpegError, ValueError, OSError) as error:
        target.unlink(missing_ok=True)
        raise MediaError(
            path, say(f"cannot be written again without what it says about itself ({str(error)[:80]})", f"付随情報を除いて書き直せません（{str(error)[:80]}）"),
            say("Save it as .wav or .mp4", ".wav か .mp4 で保存してください"),
        ) from error  # fmt: skip
    return target
