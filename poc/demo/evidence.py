"""Evidence as a person sees it: small pictures for the chooser, and one panel of HTML with photo, player, frames and note.

Media travel inside the page as data URLs, so that the server has no route to any file of this machine.
"""

import base64
import io
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image, ImageDraw, ImageFont

from kit.data import Sample, load_audio, load_image, load_video
from kit.errors import KitError
from poc.demo.words import FRAMES_OF, MISSING_FILE, NOTE, PICTURE_OF, SOUND_OF, VIDEO_OF, fill, safe

SIDE = 224  # pixels of a small picture
WIDEST = 720  # pixels of the shown photo; the model gets the file itself
PLAYED = {".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm", ".mov": "video/mp4"}  # what browsers play
MOST_INLINE = 8 * 2**20  # bytes of a video that travels inside the page; a longer one is shown by its frames
INK, PAPER = (31, 51, 64), (238, 241, 240)


def small_picture(sample: Sample) -> Image.Image:
    """A square picture that stands for the sample: its photo, the middle of its video, its waveform, or the start of its note."""
    try:
        if sample.image:
            return _square(load_image(sample.image[0]))
        if sample.video:
            frames, _ = load_video(sample.video[0], frames=2)
            return _square(Image.fromarray(frames[1]))
        if sample.audio:
            return waveform(load_audio(sample.audio[0]))
    except KitError:
        pass  # a missing or broken file still has its place, and its recorded answer
    return _written(sample.text or sample.id)


def _square(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return picture.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def waveform(wave: np.ndarray, width: int = SIDE, height: int = SIDE) -> Image.Image:
    """Loudness over time as bars, mirrored around the middle; scaled to the loudest one."""
    picture = Image.new("RGB", (width, height), PAPER)
    draw, bars = ImageDraw.Draw(picture), width // 7
    peaks = np.array([np.abs(part).max(initial=0.0) for part in np.array_split(wave, bars)])
    for i, peak in enumerate(peaks / max(peaks.max(initial=0.0), 1e-6)):
        half = max(2, peak * height * 0.38)
        draw.rounded_rectangle((i * 7 + 2, height / 2 - half, i * 7 + 6, height / 2 + half), 2, fill=INK)
    return picture


def _written(text: str) -> Image.Image:
    picture = Image.new("RGB", (SIDE, SIDE), PAPER)
    letters = text if text.isascii() else "…"  # Pillow's own font knows no Japanese
    lines = [letters[i : i + 18] for i in range(0, min(len(letters), 90), 18)]
    ImageDraw.Draw(picture).multiline_text((16, 16), "\n".join(lines), fill=INK, font=ImageFont.load_default(20), spacing=8)
    return picture


def panel(sample: Sample, name: str, language: str) -> str:
    """Everything the models get, as HTML."""
    makers = [(sample.image, _photo), (sample.video, _video), (sample.audio, _sound)]
    parts = [_shown(make, path, name, language) for paths, make in makers for path in paths]
    if sample.text:
        parts.append(f'<blockquote><span class="label">{NOTE[language]}</span>{safe(sample.text)}</blockquote>')
    return "".join(parts)


def _shown(make, path: Path, name: str, language: str) -> str:
    try:
        return make(path, name, language)
    except KitError:
        return f'<p class="missing">{MISSING_FILE[language]}</p>'


def _photo(path: Path, name: str, language: str) -> str:
    picture = load_image(path)
    if max(picture.size) > WIDEST:
        picture.thumbnail((WIDEST, WIDEST), Image.Resampling.LANCZOS)
    width, height = picture.size
    alt = safe(fill(PICTURE_OF, name=name)[language])
    return f'<img class="photo" src="{url(jpeg(picture), "image/jpeg")}" width="{width}" height="{height}" alt="{alt}">'


def _video(path: Path, name: str, language: str) -> str:
    kind = PLAYED.get(path.suffix.lower())
    if kind and path.is_file() and path.stat().st_size <= MOST_INLINE:
        load_video(path, frames=2)  # raises where the file is broken
        label = safe(fill(VIDEO_OF, name=name)[language])
        return f'<video controls playsinline preload="auto" aria-label="{label}" src="{url(path.read_bytes(), kind)}"></video>'
    frames, _ = load_video(path, frames=4)
    strip = Image.fromarray(np.concatenate(list(frames), axis=1))
    strip.thumbnail((2 * WIDEST, WIDEST))
    alt = safe(fill(FRAMES_OF, name=name)[language])
    return f'<img class="photo" src="{url(jpeg(strip), "image/jpeg")}" alt="{alt}">'


def _sound(path: Path, name: str, language: str) -> str:
    wave = load_audio(path)
    file = io.BytesIO()
    soundfile.write(file, wave, 16000, format="WAV", subtype="PCM_16")  # every browser plays it
    label = safe(fill(SOUND_OF, name=name)[language])
    drawn = f'<img class="wave" src="{url(png(waveform(wave, WIDEST - 20, 90)), "image/png")}" alt="">'
    return f'{drawn}<audio controls aria-label="{label}" src="{url(file.getvalue(), "audio/wav")}"></audio>'


def jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


def png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def url(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
