"""Photos, sound and video from files, as arrays; every failure is one line that names the file and the way out.

Phone photos are normal input (EXIF rotation, HEIC), so are 16-bit PNG/TIFF of machine cameras. PyAV's wheels bring their own ffmpeg: no system ffmpeg, no torchcodec.
Not covered: later pages of a TIFF, frames of an animation, 12-bit cameras that store 12 bits in 16 (they come out dark), HDR.
"""

import struct
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from kit.errors import KitError
from kit.language import say

SUFFIXES = {
    "image": (".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".heic", ".heif", ".hif"),
    "video": (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".3gp", ".mts"),
    "audio": (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".wma", ".aif", ".aiff", ".amr"),
}
MOST_PIXELS = 89_478_485  # Pillow's own line between a photo and a decompression bomb: 1/4 GB at 3 bytes a pixel
MOST_ELONGATED = 200  # the Qwen families' own limit, and no strip of pixels is a photo
ORIENTATIONS = (None, *Image.Transpose)  # the eight ways to lay a square down: as it is, turned, mirrored
SHORTEST_SHARE = 0.8  # a sound or video that decodes to less than this share of its declared length is truncated


class MediaError(KitError):
    """A file that cannot be used: `problem` and `fix`, so that a list of faults can show them apart."""

    def __init__(self, path: Path, problem: str, fix: str):
        super().__init__(f"{path}: {problem}. {fix}")
        self.problem, self.fix = problem, fix


def modality_of(path: Path) -> str:
    """ "image", "video" or "audio" by the file's ending, "" for anything else."""
    suffix = Path(path).suffix.lower()
    return next((modality for modality, endings in SUFFIXES.items() if suffix in endings), "")


def load_image(path: Path, side: int = 0) -> Image.Image:
    """The photo as RGB, turned upright by its EXIF orientation, transparency laid on white. With `side`, a JPEG may come 2, 4 or 8 times smaller: no side below that many pixels.

    Raises:
        MediaError: missing, unreadable, truncated, more than MOST_PIXELS pixels, or as long as MOST_ELONGATED times its width.
    """
    path = _existing(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with _open_image(path) as image:
                if side:
                    image.draft(None, (side, side))
                image.load()  # reads every byte, so a truncated file fails here and not in the middle of training
                upright = _as_rgb(ImageOps.exif_transpose(image))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        most = MOST_PIXELS // 10**6
        raise MediaError(
            path,
            say(f"has more than {most} million pixels and could fill the memory", f"{most}百万画素を超え、メモリ不足の恐れがあります"),
            say("Save it smaller", "縮小して保存し直してください"),
        ) from error
    except UnidentifiedImageError as error:
        raise _unreadable(path, "an image", "画像", "unknown format or damaged") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error) as error:  # what Pillow's decoders raise on broken files
        raise _unreadable(path, "an image", "画像", error) from error
    if max(upright.size) >= MOST_ELONGATED * min(upright.size):
        width, height = upright.size
        raise MediaError(
            path,
            say(f"is {width} x {height} pixels, longer than {MOST_ELONGATED} times its width: no model takes it in", f"{width}×{height} 画素で、縦横比が {MOST_ELONGATED} を超え、モデルに渡せません"),
            say("Cut it into shorter pieces", "短く切り分けてください"),
        )
    return upright


def image_size(path: Path) -> tuple[int, int]:
    """(height, width) of a photo as it is stored; only its header is read."""
    try:
        with _open_image(_existing(path)) as image:
            return image.height, image.width
    except OSError as error:
        raise _unreadable(path, "an image", "画像", error) from error


def _open_image(path: Path) -> Image.Image:
    if path.suffix.lower() in (".heic", ".heif", ".hif"):
        _learn_heic(path)
    try:
        return Image.open(path)
    except UnidentifiedImageError:
        with path.open("rb") as file:
            if file.read(12)[4:8] != b"ftyp":  # phones and chat programs hand out HEIC named .jpg
                raise
        _learn_heic(path)
        return Image.open(path)


def _learn_heic(path: Path):
    try:
        import pillow_heif
    except ImportError as error:
        raise MediaError(
            path,
            say("a HEIC photo needs one more package", "HEIC写真を読むには追加パッケージが必要です"),
            say("Run: pip install pillow-heif", "実行: pip install pillow-heif"),
        ) from error
    pillow_heif.register_heif_opener()


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits a pixel: Pillow would clip everything above 255 to white
        values = np.asarray(image, dtype=np.float32)
        image = Image.fromarray((values / 257).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def load_audio(path: Path, rate: int = 16000) -> np.ndarray:
    """The sound as float32 (N,) mono in [-1, 1] at `rate` Hz; of a video, its sound track.

    Raises:
        MediaError: missing, unreadable, truncated, or without any sound.
    """
    path, av = _existing(path), _pyav(path)
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise MediaError(
                    path,
                    say("has no sound track", "音声トラックがありません"),
                    say("Leave the audio cell of its row empty", "その行の音声欄を空にしてください"),
                )
            stream = container.streams.audio[0]
            declared = _declared_seconds(stream, path)
            resampler = av.AudioResampler(
                format="fltp", rate=rate
            )  # keeps the channels: their mean is ours to take
            pieces = [
                out.to_ndarray().mean(0)
                for frame in container.decode(stream)
                for out in resampler.resample(frame)
            ]
            pieces += [out.to_ndarray().mean(0) for out in resampler.resample(None)]
    except (av.FFmpegError, ValueError, OSError) as error:
        raise _unreadable(path, "a sound", "音声", error) from error
    wave = np.concatenate(pieces).astype(np.float32) if pieces else np.zeros(0, np.float32)
    if not len(wave) or len(wave) / rate < SHORTEST_SHARE * declared:
        raise _truncated(path, len(wave) / rate, declared)
    return np.nan_to_num(wave)


def _declared_seconds(stream, path: Path) -> float:
    """The length that the file claims; ffmpeg shortens that of a truncated wav to what is there, so its header is asked."""
    seconds = float(stream.duration * stream.time_base) if stream.duration else 0.0
    with path.open("rb") as file:
        head = file.read(8)
    size = int.from_bytes(head[4:], "little")
    streamed = size in (0, 0xFFFFFFFF)  # written by a recorder that never came back to fill it in
    return seconds * max(1.0, size / path.stat().st_size) if head[:4] == b"RIFF" and not streamed else seconds


def load_video(path: Path, frames: int = 8) -> tuple[np.ndarray, float]:
    """Evenly spaced frames, uint8 (T, H, W, 3) RGB with T = `frames`, and their rate in frames per second.

    The middles of T equal pieces are taken, so a clip shorter than T frames repeats some. T is even because Qwen's video towers take frames in pairs.

    Raises:
        ValueError: `frames` is odd or below 2.
        MediaError: missing, unreadable, truncated, or without pictures.
    """
    if frames < 2 or frames % 2:
        raise ValueError(f"frames is {frames}; it must be even and at least 2")
    path, av = _existing(path), _pyav(path)
    try:
        with av.open(str(path)) as container:
            total, seconds = _length(container, path)
            wanted = [(2 * i + 1) * total // (2 * frames) for i in range(frames)]
            container.seek(0)
            pictures, seen = {}, 0
            for frame in container.decode(video=0):
                if seen in wanted:
                    pictures[seen] = _upright(frame)
                seen += 1
                if seen > wanted[-1]:
                    break
    except (av.FFmpegError, ValueError, OSError) as error:
        raise _unreadable(path, "a video", "動画", error) from error
    if not pictures or seen < SHORTEST_SHARE * wanted[-1]:
        raise _truncated(path, seen / total * seconds, seconds)
    last = max(pictures)  # the container may count one or two frames that never decode
    return np.stack([pictures.get(i, pictures[last]) for i in wanted]), frames / seconds


def video_length(path: Path) -> tuple[int, float]:
    """Frames and seconds of a video; no picture is decoded.

    Raises:
        MediaError: missing, unreadable, or without pictures.
    """
    path, av = _existing(path), _pyav(path)
    try:
        with av.open(str(path)) as container:
            return _length(container, path)
    except (av.FFmpegError, ValueError, OSError) as error:
        raise _unreadable(path, "a video", "動画", error) from error


def _length(container, path: Path) -> tuple[int, float]:
    """Frames and seconds of the first video stream, counted from its packets: headers often lack them."""
    if not container.streams.video:
        raise MediaError(
            path,
            say("has no pictures", "映像がありません"),
            say("Leave the video cell of its row empty", "その行の動画欄を空にしてください"),
        )
    stream = container.streams.video[0]
    times = sorted(float(p.pts * stream.time_base) for p in container.demux(stream) if p.pts is not None)
    if not times:
        raise _truncated(path, 0.0, 0.0)
    step = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 1.0
    return len(times), max(step * len(times), 1e-3)


def _upright(frame) -> np.ndarray:
    """The picture (H, W, 3), turned as the phone's display matrix says (degrees counter-clockwise)."""
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), k=round(frame.rotation / 90) % 4))


def check_file(path: Path, modality: str):
    """Nothing when the file can be used as `modality`; it is really decoded, because a header proves little.

    Raises:
        MediaError: what the matching load function would raise.
    """
    if modality == "image":
        load_image(path)
    elif modality == "audio":
        load_audio(path)
    else:
        load_video(path, frames=2)


def _existing(path: Path) -> Path:
    path = Path(path)
    if not path.is_file():
        raise MediaError(
            path,
            say("file is missing", "ファイルがありません"),
            say("Check its name, or put it there", "名前を確かめるか、ファイルを置いてください"),
        )
    return path


def _pyav(path: Path):
    try:
        import av
    except ImportError as error:
        raise MediaError(
            path,
            say("sound and video need one more package", "音声と動画を読むには追加パッケージが必要です"),
            say("Run: pip install av", "実行: pip install av"),
        ) from error
    av.logging.set_level(av.logging.PANIC)  # ffmpeg's own warnings would bury our one line
    return av


def _unreadable(path: Path, noun: str, noun_ja: str, error: Exception | str) -> MediaError:
    reason = (str(error).splitlines() or [type(error).__name__])[0][:80]
    return MediaError(
        path,
        say(f"not readable as {noun} ({reason})", f"{noun_ja}として読めません({reason})"),
        say(
            "Copy it again from the source or delete its row",
            "元からコピーし直すか、その行を削除してください",
        ),
    )


def _truncated(path: Path, decoded: float, declared: float) -> MediaError:
    return MediaError(
        path,
        say(
            f"truncated or empty: {decoded:.1f} s of {declared:.1f} s can be read",
            f"途中で切れているか空です({declared:.1f}秒中{decoded:.1f}秒だけ読めます)",
        ),
        say(
            "Copy it again from the source or delete its row",
            "元からコピーし直すか、その行を削除してください",
        ),
    )
