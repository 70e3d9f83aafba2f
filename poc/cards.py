"""A sample as a small self-contained piece of HTML: what a person would look at and listen to before answering.

Everything is inside the HTML (JPEG and WAV as data), so it works offline and in an exported notebook. Not covered: playing video (frames are shown).
"""

import base64
import html
import io

import numpy as np
import soundfile
from PIL import Image

from kit.data import Sample, load_audio, load_image, load_video
from kit.language import say

_WIDTH = 224  # pixels of a picture on a card
_RATE = 16000


def card(sample: Sample, caption: str = "", width: int = _WIDTH) -> str:
    """The sample's evidence, question and options; `caption` (one line per "\\n") stands below."""
    parts = [_picture(Image.fromarray(np.asarray(load_image(path))), width) for path in sample.image]
    parts += [_strip(path, width) for path in sample.video]
    parts += [_sound(path) for path in sample.audio]
    if sample.text:
        parts.append(f"<div>{say('Note', 'メモ')}: “{html.escape(sample.text)}”</div>")
    lines = [f"<b>{html.escape(sample.id)}</b>"] if not caption else []
    lines += caption.split("\n") if caption else [f"{html.escape(sample.question)}", f"<small>{html.escape(', '.join(sample.options))}</small>"]
    return f"<div style='max-width:{2 * width + 24}px'>{''.join(parts)}{''.join(f'<div>{line}</div>' for line in lines)}</div>"


def gallery(samples: list[Sample], captions: list[str], width: int = 144) -> str:
    """Cards side by side, each with its caption."""
    cells = [f"<div style='margin:4px;max-width:{2 * width}px'>{card(s, html.escape(c), width)}</div>" for s, c in zip(samples, captions, strict=True)]
    return f"<div style='display:flex;flex-wrap:wrap;align-items:flex-end;font-size:85%'>{''.join(cells)}</div>"


def _picture(image: Image.Image, width: int) -> str:
    image = image.convert("RGB")
    image.thumbnail((width, width))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return f"<img src='data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}' style='margin:2px'>"


def _strip(path, width: int) -> str:
    frames, _ = load_video(path, frames=4)
    return "".join(_picture(Image.fromarray(frame), width // 2) for frame in frames)


def _sound(path) -> str:
    file = io.BytesIO()
    soundfile.write(file, load_audio(path, _RATE), _RATE, format="WAV", subtype="PCM_16")
    return f"<div><audio controls src='data:audio/wav;base64,{base64.b64encode(file.getvalue()).decode()}'></audio></div>"
