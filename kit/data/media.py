"""Media files by their kind, and photos as arrays (sound and video: `kit.data.clips`); every failure is one line that names the file and the way out.

Phone photos are normal input (EXIF rotation, HEIC), so are 16-bit PNG/TIFF of machine cameras.
Not covered: later pages of a TIFF, frames of an animation, 12-bit cameras that store 12 bits in 16 (they come out dark), HDR.
"""

import struct
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from kit.data.clips import load_audio, load_video
from kit.data.clips import video_length as video_length
from kit.data.refusal import MediaError, existing, unreadable
from kit.language import say

PICTURES = ("JPEG", "PNG", "BMP", "DIB", "GIF", "WEBP", "TIFF")  # by content; the ending is another matter. JPEG opens MPO, too
SUFFIXES = {
    "image": (".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".heic", ".heif", ".hif"),
    "video": (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".3gp", ".mts"),
    "audio": (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".wma", ".aif", ".aiff", ".amr"),
}
MOST_PIXELS = 89_478_485  # Pillow's own line between a photo and a decompression bomb: 1/4 GB at 3 bytes a pixel
MOST_ELONGATED = 200  # the Qwen families' own limit, and no strip of pixels is a photo
ORIENTATIONS = (None, *Image.Transpose)  # the eight ways to lay a square down: as it is, turned, mirrored


def modality_of(path: Path) -> str:
    """ "image", "video" or "audio" by the file's ending, "" for anything else."""
    suffix = Path(path).suffix.lower()
    return next((modality for modality, endings in SUFFIXES.items() if suffix in endings), "")


def load_image(path: Path, side: int = 0) -> Image.Image:
    """The photo as RGB, turned upright by its EXIF orientation, transparency laid on white. With `side`, a JPEG may come 2, 4 or 8 times smaller: no side below that many pixels.

    Raises:
        MediaError: missing, unreadable, truncated, more than MOST_PIXELS pixels, or as long as MOST_ELONGATED times its width.
    """
    path = existing(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with open_image(path) as image:
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
        raise unreadable(path, "an image", "画像", "unknown format or damaged") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, RuntimeError, struct.error) as error:  # what Pillow's decoders raise on broken files
        raise unreadable(path, "an image", "画像", error) from error
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
        with open_image(existing(path)) as image:
            return image.height, image.width
    except OSError as error:
        raise unreadable(path, "an image", "画像", error) from error


def open_image(path: Path) -> Image.Image:
    """The picture as Pillow opens it, nothing decoded; of PICTURES only, because Pillow reads PostScript by starting another program."""
    if path.suffix.lower() in (".heic", ".heif", ".hif"):
        _learn_heic(path)
    Image.init()
    try:
        return Image.open(path, formats=formats())
    except UnidentifiedImageError:
        with path.open("rb") as file:
            if file.read(12)[4:8] != b"ftyp":  # phones and chat programs hand out HEIC named .jpg
                raise
        _learn_heic(path)
        return Image.open(path, formats=formats())


def formats() -> tuple[str, ...]:
    """Pillow's names of what is opened as a picture: PICTURES, HEIF once its reader is there, and AVIF (browsers save it as .jpg) where Pillow has it."""
    return PICTURES + tuple(name for name in ("HEIF", "AVIF") if name in Image.OPEN)


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
