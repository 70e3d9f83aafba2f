"""A visitor's own files -> a Sample, or one clear sentence. What a file is, is read from its first bytes, never from its name; how large or long it is, from what comes out of it, never from what it claims.

Files that are two formats at once are refused where the second one is a program's, a page's or an archive's. A photo with a film behind it is what phones store, and welcome: only the photo is read.
"""

import contextlib
import threading
import warnings
import zipfile
from pathlib import Path

from PIL import Image

from kit.data import MediaError, Sample, load_audio, load_image, load_video
from kit.data.clips import OPENED_WITH
from kit.data.media import MOST_PIXELS, formats, video_length
from poc.demo.words import MODALITIES, OWN_NAME, Refusal, fill
from poc.words import both

MOST_BYTES = 50 * 2**20
SMALLEST_SIDE = 16  # pixels; less is a broken export or a tracking dot, and some vision towers fail on it
LONGEST = {"audio": 30.0, "video": 60.0}  # seconds; the listening window of the Whisper-type encoders is 30
MOST_LETTERS = 2000
TOGETHER = threading.Semaphore(2)  # files that are decoded at the same time: the largest allowed photo takes a quarter of a GB for a moment
# what no photo, sound or film has in it, but a file that is a page, a program or an archive as well -> its name. Whole file; ZIP and PDF are looked for where their readers do
# anywhere in the file, since readers of these begin wherever they find it
SECOND = {b"<script": "HTML", b"<html": "HTML", b"<!doctype html": "HTML", b"<iframe": "HTML", b"<?php": "PHP", b"%pdf-1.": "PDF", b"%pdf-2.": "PDF", b"rar!\x1a\x07": "RAR", b"7z\xbc\xaf\x27\x1c": "7-Zip",
          b"\x7felf\x01\x01": "ELF", b"\x7felf\x02\x01": "ELF", b"this program cannot be run in dos mode": "EXE"}  # fmt: skip
SNIFFED = {b"<html": "HTML", b"<!doctype": "HTML", b"<svg": "SVG", b"<iframe": "HTML", b"%pdf-": "PDF"}  # in the first KB, which is what browsers and readers look at

TYPES = both("Use a photo (JPEG, PNG, HEIC), a sound (WAV, MP3, M4A, FLAC, OGG) or a video (MP4, MOV, WebM).",
             "写真（JPEG、PNG、HEIC）、音声（WAV、MP3、M4A、FLAC、OGG）、動画（MP4、MOV、WebM）をお使いください。")  # fmt: skip
UNKNOWN = both("{name} is no photo, sound or video that can be read. {types}", "{name} は写真・音声・動画として読めません。{types}")
POLYGLOT = both("{name} is a {kind} file as well as a photo, sound or video; such files are not taken. Save the photo, sound or video again by itself.",
                "{name} には {kind} ファイルも重なっているため受け付けません。写真・音声・動画だけを保存し直してください。")  # fmt: skip
GONE = both("{name} is not here any more. Choose the file again.", "{name} が見つかりません。ファイルを選び直してください。")
EMPTY = both("{name} is empty. Choose the file again.", "{name} は空です。ファイルを選び直してください。")
HEAVY = both("{name} has {size:.0f} MB; at most 50 MB are allowed. Save it smaller.", "{name} は {size:.0f} MB です（上限 50 MB）。小さくして保存し直してください。")
TINY = both("{name} is only {width} x {height} pixels; choose a larger photo.", "{name} は {width}×{height} 画素しかありません。大きい写真を選んでください。")
HUGE = both("{name} has more than 89 million pixels; save the photo smaller.", "{name} は 8900 万画素を超えています。縮小して保存し直してください。")
BROKEN = {
    "image": both("{name} is damaged and cannot be opened as a photo. Choose another file.", "{name} は壊れていて写真として開けません。別のファイルを選んでください。"),
    "audio": both("{name} is damaged or holds no sound. Choose another file.", "{name} は壊れているか、音声が入っていません。別のファイルを選んでください。"),
    "video": both("{name} is damaged and cannot be opened as a video. Choose another file.", "{name} は壊れていて動画として開けません。別のファイルを選んでください。"),
}
LONG = both("{name} lasts {seconds:.0f} s; at most {most:.0f} s are allowed. Cut the part that matters.",
            "{name} は {seconds:.0f} 秒あります（上限 {most:.0f} 秒）。必要な部分を切り出してください。")  # fmt: skip
MANY = both("There are {n} files of one kind ({kind}); at most {most} fit this use case.", "同じ種類（{kind}）のファイルが {n} 個あります（上限 {most} 個）。")
DEAF = both("This model cannot take in a {kind}. Remove it.", "このモデルは{kind}を扱えません。取り除いてください。")
NOTHING = both("This question is decided by: {kinds}. Add one of them.", "この質問の判断に使う情報は{kinds}です。追加してください。")
WORDY = both("The note has {n} letters; at most 2000 are allowed.", "メモが {n} 文字あります（上限 2000 文字）。短くしてください。")


def own_sample(
    files: list[str | Path], note: str, question: str, options: tuple[str, ...], decided_by: tuple[str, ...],
    senses: tuple[str, ...] | None = None, most: dict[str, int] | None = None,
) -> Sample:  # fmt: skip
    """The visitor's evidence as a sample without an answer.

    Args:
        files: photos, sounds, videos.
        note: text evidence, "" for none.
        question, options, decided_by: the use case's.
        senses: the modalities that the model takes in; None for no limit.
        most: files per modality; one where it says nothing.

    Raises:
        Refusal: a file cannot be used, or nothing is there that could decide the question.
    """
    note = note.strip()
    if len(note) > MOST_LETTERS:
        raise Refusal(fill(WORDY, n=len(note)))
    media: dict[str, list[Path]] = {}
    for file in map(Path, files):
        kind = checked(file)
        media.setdefault(kind, []).append(file)
        if senses is not None and kind not in senses:
            raise Refusal(fill(DEAF, kind=MODALITIES[kind]))
    for kind, given in media.items():
        allowed = (most or {}).get(kind, 1)
        if len(given) > allowed:
            raise Refusal(fill(MANY, kind=MODALITIES[kind], n=len(given), most=allowed))
    sample = Sample(OWN_NAME["en"], question, options, text=note, decided_by=decided_by, **{kind: tuple(given) for kind, given in media.items()})
    if not set(sample.modalities) & set(decided_by):
        kinds = {language: {"en": ", ", "ja": "、"}[language].join(MODALITIES[kind][language] for kind in decided_by) for language in ("en", "ja")}
        raise Refusal(fill(NOTHING, kinds=kinds))
    return sample


def checked(file: Path) -> str:
    """"image", "audio" or "video", after the file was really decoded within the limits.

    Raises:
        Refusal: it cannot be used; the sentence names it.
    """
    name = shown_name(file)
    if not file.is_file() or file.is_symlink():
        raise Refusal(fill(GONE, name=name))
    size = file.stat().st_size
    if size == 0:
        raise Refusal(fill(EMPTY, name=name))
    if size > MOST_BYTES:
        raise Refusal(fill(HEAVY, name=name, size=size / 2**20))
    kind = kind_of(file)
    if not kind:
        raise Refusal(fill(UNKNOWN, name=name, types=TYPES))
    if second := second_format(file):
        raise Refusal(fill(POLYGLOT, name=name, kind=second))
    with TOGETHER:
        try:
            if kind == "image":
                _check_pixels(file)
            elif (seconds := max(_declared(file), _heard(file, LONGEST[kind]) if kind == "audio" else video_length(file)[1])) > LONGEST[kind]:
                raise Refusal(fill(LONG, name=name, seconds=seconds, most=LONGEST[kind]))
            {"image": load_image, "audio": load_audio, "video": lambda path: load_video(path, frames=2)}[kind](file)
        except MediaError as error:
            raise Refusal(fill(BROKEN[kind], name=name)) from error
    return kind


def shown_name(file: Path) -> str:
    """The file's name as a person may see it: no control characters, nothing that turns the direction of writing, not endless."""
    return "".join(letter for letter in file.name if letter.isprintable())[:80] or "file"


def second_format(file: Path) -> str:
    """The name of another format that the file is as well; "" for none."""
    content = file.read_bytes().lower()
    found = [name for mark, name in SECOND.items() if mark in content] + [name for mark, name in SNIFFED.items() if mark in content[:1024]]
    return found[0] if found else "ZIP" if zipfile.is_zipfile(file) else ""


def kind_of(file: Path) -> str:
    """What the first bytes say: "image", "audio", "video", or "" for anything else (SVG, PDF, text, archives)."""
    with file.open("rb") as opened:
        head = opened.read(16)
    if head[4:8] == b"ftyp":  # one container for phone photos, sounds and videos
        if head[8:12] in (b"heic", b"heix", b"hevc", b"heif", b"mif1", b"msf1", b"avif"):
            return "image"
        return "video" if _has_pictures(file) else "audio"
    if head[:4] == b"\x1aE\xdf\xa3" or head[:4] == b"OggS" or head[:4] == b"0&\xb2u":  # Matroska/WebM, Ogg, Windows Media
        return "video" if _has_pictures(file) else "audio"
    if head[:4] == b"RIFF":
        return {b"WAVE": "audio", b"AVI ": "video", b"WEBP": "image"}.get(head[8:12], "")
    if head[:4] in (b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3"):
        return "video"  # MPEG
    if head[:4] in (b"fLaC", b"FORM") or head[:3] == b"ID3" or head[:5] == b"#!AMR" or (head[0] == 0xFF and head[1:2] and head[1] & 0xE0 == 0xE0 and head[1] != 0xD8):
        return "audio"  # FLAC, AIFF, MP3, AMR, MP3 or AAC without a tag
    pictures = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")
    return "image" if head.startswith(pictures) else ""


def _has_pictures(file: Path) -> bool:
    with _opened(file) as container:
        return bool(container and container.streams.video)


def _heard(file: Path, most: float) -> float:
    """Seconds of sound that really come out, counted until there are more than `most`; nothing is kept."""
    import av

    seconds = 0.0
    with _opened(file) as container, contextlib.suppress(av.FFmpegError, ValueError, OSError):  # decoding it whole will say what is wrong
        for frame in container.decode(audio=0) if container and container.streams.audio else ():
            seconds += frame.samples / max(1, frame.sample_rate)
            if seconds > most:
                break
    return seconds


def _declared(file: Path) -> float:
    """The declared length; 0 where the file does not say."""
    with _opened(file) as container:
        if container is None:
            return 0.0
        lengths = [float(stream.duration * stream.time_base) for stream in container.streams if stream.duration and stream.time_base]
        return max([*lengths, (container.duration or 0) / 1e6])


@contextlib.contextmanager
def _opened(file: Path):
    """The container, or None where it cannot be opened (decoding will then say why)."""
    import av

    av.logging.set_level(av.logging.PANIC)
    try:
        container = av.open(str(file), options=OPENED_WITH)
    except (av.FFmpegError, ValueError, OSError):
        yield None
        return
    with container:
        yield container


def _check_pixels(file: Path) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file, formats=formats()) as image:
                width, height = image.size  # from the header: nothing is decoded yet
    except Image.DecompressionBombError as error:
        raise Refusal(fill(HUGE, name=shown_name(file))) from error
    except (OSError, SyntaxError, ValueError):
        return  # decoding will say it (HEIC, too, is unknown to Pillow before kit.data has read one)
    if width * height > MOST_PIXELS:
        raise Refusal(fill(HUGE, name=shown_name(file)))
    if min(width, height) < SMALLEST_SIDE:
        raise Refusal(fill(TINY, name=shown_name(file), width=width, height=height))
