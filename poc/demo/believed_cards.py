"""Which evidence an answer believed, as HTML: a sentence and a bar for each kind, and the evidence with its marked pieces. Plain functions."""

import numpy as np
from PIL import Image, ImageDraw

from kit.data import Sample, load_audio, load_image, load_video
from kit.diagnosis.occlusion import (  # brings torch: only where a model has answered
    GRID,
    LEAST_GAIN,
    words_of,
)
from kit.errors import KitError
from poc.demo import believed_words as b
from poc.demo import cards
from poc.demo import words as w
from poc.demo.believed import Believed, Marked
from poc.demo.evidence import INK, WIDEST, jpeg, png, url, waveform
from poc.demo.words import fill, safe
from poc.words import Text

FADE = 0.6  # of the rest, towards grey
GREY = (128, 128, 128)
HEIGHT = 110  # pixels of a waveform


def card(found: Believed, sample: Sample, language: str, note: Text | None = None) -> str:
    """Everything that is known so far; `note`: one more line, while more is being looked at."""
    return f'<section class="believed" id="believed" role="status"><h3>{b.TITLE[language]}</h3>{inside(found, sample, language, note)}</section>'


def folded(found: Believed, sample: Sample, language: str, note: Text | None = None) -> str:
    """The same behind one line."""
    return f'<details class="believed" id="tour-believed-details"><summary>{b.TITLE[language]}</summary>{inside(found, sample, language, note, b.SHARE_PLAIN)}</details>'


def inside(found: Believed, sample: Sample, language: str, note: Text | None = None, share_of: Text = b.SHARE_OF) -> str:
    said = [fill(b.MEANS, said=found.said)] + ([b.ONLY] if len(found.without) == 1 else [])
    order = sorted(found.without, key=lambda modality: -found.without[modality][0])
    rows = [cards.bar(b.WITH_ALL[language], found.share, True)] + [cards.bar(fill(b.WITHOUT, what=w.MODALITIES[modality])[language], found.without[modality][1], False) for modality in order]
    between = " " if language == "en" else ""
    told = "".join(f'<li data-modality="{modality}">{safe(sentence(found, modality)[language])}</li>' for modality in order)
    bars = f'<p class="label">{safe(fill(share_of, said=found.said)[language])}</p><ul class="bars">{"".join(rows)}</ul>'
    shown = "".join(_shown(found, sample, modality, language) for modality in order)
    more = cards.hint(note, language) if note else ""
    return f'<ul class="contributions">{told}</ul>{bars}{shown}{more}<p class="foot">{safe(between.join(text[language] for text in said))}</p>'


def sentence(found: Believed, modality: str) -> Text:
    """What the answer's share becomes without this kind of evidence, in words."""
    fall, after = found.without[modality]
    text = b.SAME if abs(fall) < LEAST_GAIN else b.FALLS if fall > 0 else b.RISES
    return fill(text, what=w.MODALITIES[modality], said=found.said, before=cards.percent(found.share), after=cards.percent(after))


def _shown(found: Believed, sample: Sample, modality: str, language: str) -> str:
    if modality in found.unmarked:
        return f'<p class="hint unmarked" data-modality="{modality}">{safe(fill(b.UNMARKED, what=w.MODALITIES[modality], why=found.unmarked[modality])[language])}</p>'
    if modality not in found.marked:
        return ""
    marked = found.marked[modality]
    try:
        picture, where = _DRAWN[modality](sample, marked, language)
    except KitError:  # the file is gone since
        return f'<p class="missing">{w.MISSING_FILE[language]}</p>'
    left = {name: cards.percent(found.share * np.exp(-fall)) for name, fall in (("marked", marked.fall), ("random", marked.by_chance))}
    caption = fill(b.PIECES[modality], n=len(marked.pieces), of=marked.of, where=where)[language] + fill(b.LEFT, said=found.said, **left)[language]
    return f'<figure class="marked" data-modality="{modality}">{picture}<figcaption>{safe(caption)}</figcaption></figure>'


def _photo(sample: Sample, marked: Marked, language: str) -> tuple[str, Text]:
    where = places(marked.pieces)
    alt = safe(fill(b.PICTURE["image"], where=where)[language])
    drawn = "".join(f'<img src="{url(jpeg(outlined(load_image(path), marked.pieces)), "image/jpeg")}" alt="{alt}">' for path in sample.image)
    return drawn, where


def outlined(picture: Image.Image, cells: tuple[int, ...], grid: int = GRID["image"]) -> Image.Image:
    """The picture, its cells as they are within a white line on a dark one, the rest faded towards grey."""
    picture = picture.convert("RGB")
    picture.thumbnail((WIDEST, WIDEST), Image.Resampling.LANCZOS)
    if max(picture.size) < WIDEST // 2:  # lines are of pixels: a stamp would be all lines
        scale = WIDEST / 2 / max(picture.size)
        picture = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))), Image.Resampling.BICUBIC)
    faded = Image.blend(picture, Image.new("RGB", picture.size, GREY), FADE)
    columns, rows = (np.linspace(0, side, grid + 1).round().astype(int).tolist() for side in picture.size)
    boxes = {cell: (columns[cell % grid], rows[cell // grid], columns[cell % grid + 1], rows[cell // grid + 1]) for cell in cells}
    for box in boxes.values():
        faded.paste(picture.crop(box), box)
    pen = ImageDraw.Draw(faded)
    for width, colour in ((7, INK), (3, "white")):
        for cell, (left, top, right, bottom) in boxes.items():
            row, column = divmod(cell, grid)
            for other, line in ((cell - grid, (left, top, right, top)), (cell + grid, (left, bottom, right, bottom)), (cell - 1 if column else -1, (left, top, left, bottom)), (cell + 1 if column < grid - 1 else -1, (right, top, right, bottom))):
                if other not in boxes:
                    pen.line(line, fill=colour, width=width)
    return faded


def places(cells: tuple[int, ...], grid: int = GRID["image"]) -> Text:
    """Where cells of a picture are, in words: those of its nine parts in which there are any, the one with most of them first."""
    ninths = [3 * (3 * (cell // grid) // grid) + 3 * (cell % grid) // grid for cell in cells]
    often = sorted(set(ninths), key=lambda ninth: (-ninths.count(ninth), ninth))
    return b.listed([b.PLACES[ninth] for ninth in often])


def spans(pieces: tuple[int, ...], of: int, seconds: float) -> list[tuple[float, float]]:
    """(start, end) in seconds of pieces of time, neighbours as one."""
    found: list[tuple[int, int]] = []
    for piece in sorted(pieces):
        if found and found[-1][1] == piece:
            found[-1] = (found[-1][0], piece + 1)
        else:
            found.append((piece, piece + 1))
    return [(start * seconds / of, end * seconds / of) for start, end in found]


def _when(times: list[tuple[float, float]]) -> Text:
    return b.listed([fill(b.SPAN, start=start, end=end) for start, end in times])


def _sound(sample: Sample, marked: Marked, language: str) -> tuple[str, Text]:
    drawn, whens = "", []
    for path in sample.audio:
        wave = load_audio(path)
        when = _when(times := spans(marked.pieces, marked.of, len(wave) / 16000))
        picture = waveform(wave, WIDEST, HEIGHT)
        faded, pen = Image.blend(picture, Image.new("RGB", picture.size, "white"), FADE), None
        boxes = [(round(start * 16000 / len(wave) * WIDEST), 1, min(WIDEST, round(end * 16000 / len(wave) * WIDEST)) - 1, HEIGHT - 2) for start, end in times]
        for box in boxes:
            faded.paste(picture.crop(box), box)
        pen = ImageDraw.Draw(faded)
        for box in boxes:
            pen.rectangle(box, outline=INK, width=3)
        whens.append(when)
        drawn += f'<img src="{url(png(faded), "image/png")}" alt="{safe(fill(b.PICTURE["audio"], where=when)[language])}">'
    return drawn, whens[0] if len(whens) == 1 else b.listed(whens)


def _video(sample: Sample, marked: Marked, language: str) -> tuple[str, Text]:
    drawn, whens = "", []
    for path in sample.video:
        frames, rate = load_video(path, frames=marked.of)
        when = _when(spans(marked.pieces, marked.of, len(frames) / rate))
        alt = safe(fill(b.PICTURE["video"], where=when)[language])
        strip = []
        for number, frame in enumerate(frames):
            small = Image.fromarray(frame)
            small.thumbnail((WIDEST // 4, WIDEST // 4), Image.Resampling.LANCZOS)
            strip.append(outlined_frame(small, number in marked.pieces))
        sheet = Image.new("RGB", (4 * strip[0].width, -(-len(strip) // 4) * strip[0].height), "white")
        for number, small in enumerate(strip):
            sheet.paste(small, (number % 4 * small.width, number // 4 * small.height))
        whens.append(when)
        drawn += f'<img src="{url(jpeg(sheet), "image/jpeg")}" alt="{alt}">'
    return drawn, whens[0] if len(whens) == 1 else b.listed(whens)


def outlined_frame(frame: Image.Image, marked: bool) -> Image.Image:
    """A frame of a strip, with white around it: as it is within a dark line, or faded."""
    border = 6
    shown = Image.new("RGB", (frame.width + 2 * border, frame.height + 2 * border), "white")
    shown.paste(frame if marked else Image.blend(frame, Image.new("RGB", frame.size, GREY), FADE), (border, border))
    if marked:
        ImageDraw.Draw(shown).rectangle((1, 1, shown.width - 2, shown.height - 2), outline=INK, width=4)
    return shown


def _note(sample: Sample, marked: Marked, language: str) -> tuple[str, Text]:
    ends, shown, at = [words_of(sample.text)[piece] for piece in marked.pieces], "", 0
    for start, end in ends:
        shown += f"{safe(sample.text[at:start])}<mark>{safe(sample.text[start:end])}</mark>"
        at = end
    words = [sample.text[start:end] for start, end in ends]
    where: Text = {"en": ", ".join(f"“{word}”" for word in words), "ja": "、".join(f"「{word}」" for word in words)}
    return f'<blockquote><span class="label">{w.NOTE[language]}</span>{shown}{safe(sample.text[at:])}</blockquote>', where


_DRAWN = {"image": _photo, "audio": _sound, "video": _video, "text": _note}
