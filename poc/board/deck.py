"""What slides are made of: text that is set as large as its box allows, cards, and charts that PowerPoint itself draws, so that a reader can edit them.

Widths are estimates that no common sans serif font exceeds (a Japanese character is one em; tests/test_board.py measures with real fonts), since nobody knows which font a reader's machine has.
Lengths in inches, sizes in points.
"""

import math
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from lxml import etree
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE, XL_LABEL_POSITION, XL_TICK_LABEL_POSITION, XL_TICK_MARK
from pptx.enum.shapes import MSO_SHAPE
from pptx.enum.text import MSO_ANCHOR, MSO_AUTO_SIZE, PP_ALIGN
from pptx.oxml.ns import qn
from pptx.util import Inches, Pt

from poc.report.charts import nice

WIDTH, HEIGHT, MARGIN = 13.333, 7.5, 0.6
LATIN, JAPANESE = "Arial", "Yu Gothic"  # both are on every Windows and Mac with Office; elsewhere any Japanese sans serif stands in
INK, SOFT, LINE, BLUE, PALE, RED, WASH = "1B2026", "5A636E", "DFE3E8", "1F5FA8", "A9C8EC", "B42318", "F6F7F9"
LEADING, SMALLEST = 1.25, 9
_LONGEST = 30.0  # em of a bar's name, which a chart breaks into two lines
_NARROW, _WIDE = set("'\"IJijl ,./:;\\|!()-[]ftr·"), set("mwMW@%→−…●○")

Box = tuple[float, float, float, float]  # left, top, width, height


@dataclass(frozen=True)
class Bar:
    """One row of a chart of ranges."""

    name: str
    low: float
    high: float
    label: str
    colour: str = PALE


class Deck:
    """A presentation of 16:9 in one language ("en" or "ja")."""

    def __init__(self, language: str):
        self.language, self.show = language, Presentation()
        self.show.slide_width, self.show.slide_height = Inches(WIDTH), Inches(HEIGHT)
        self.slide = None

    def begin(self, title: str) -> None:
        """A new slide; what is put afterwards goes onto it."""
        self.slide = self.show.slides.add_slide(self.show.slide_layouts[5])
        shape = self.slide.shapes.title
        shape.left, shape.top, shape.width, shape.height = (Inches(length) for length in (MARGIN, 0.4, WIDTH - 2 * MARGIN, 0.75))
        self._fill(shape.text_frame, [title], (0, 0, WIDTH - 2 * MARGIN, 0.75), 28, True, INK)

    def text(self, paragraphs: str | list[str], box: Box, size: float = 16, bold: bool = False, colour: str = INK, top: bool = True) -> None:
        """Paragraphs in a box, smaller than `size` where they would not fit."""
        shape = self.slide.shapes.add_textbox(*(Inches(length) for length in box))
        self._fill(shape.text_frame, [paragraphs] if isinstance(paragraphs, str) else paragraphs, box, size, bold, colour)
        shape.text_frame.vertical_anchor = MSO_ANCHOR.TOP if top else MSO_ANCHOR.MIDDLE

    def panel(self, box: Box, colour: str = WASH) -> None:
        """A plain rectangle to put text on."""
        shape = self.slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, *(Inches(length) for length in box))
        shape.fill.solid()
        shape.fill.fore_color.rgb = RGBColor.from_string(colour)
        shape.line.fill.background()
        shape.shadow.inherit = False
        shape._element.remove(shape._element.find(qn("p:style")))  # its theme effects

    def ranges(self, bars: list[Bar], box: Box, ends: tuple[float, float] | None = None, form: str = "0") -> None:
        """Horizontal bars from low to high, the first on top: a stacked chart whose lower part is invisible; below zero the visible part is split at it."""
        data = CategoryChartData(number_format=form)
        data.categories = [_shortened(bar.name) for bar in reversed(bars)]
        parts = [("gap below zero", [min(bar.high, 0.0) for bar in bars]), ("range below zero", [min(bar.low, 0.0) - min(bar.high, 0.0) for bar in bars]), ("gap", [max(bar.low, 0.0) for bar in bars]), ("range", [max(bar.high, 0.0) - max(bar.low, 0.0) for bar in bars])]
        low, high = ends or _round_ends(bars)
        parts.append(("label", [(high - low) / 4] * len(bars)))  # an invisible place beside each bar
        for name, values in parts:
            data.add_series(name, list(reversed(values)))
        chart = self._chart(XL_CHART_TYPE.BAR_STACKED, data, box)
        plot = chart.plots[0]
        plot.gap_width, plot.overlap = 60, 100
        for place, series in enumerate(plot.series):
            if place in (0, 2, 4):
                series.format.fill.background()
            for at, bar in enumerate(reversed(bars)):
                if place in (1, 3):
                    series.points[at].format.fill.solid()
                    series.points[at].format.fill.fore_color.rgb = RGBColor.from_string(bar.colour)
                elif place == 4 and bar.label:
                    self._label(series.points[at], bar.label)
        self._axes(chart, form, (low, high + (high - low) / 4.5 if any(bar.label for bar in bars) else high))
        chart.value_axis.major_unit = (high - low) / 4

    def columns(self, names: list[str], series: dict[str, list[float]], box: Box, form: str = "0.0") -> None:
        """Stacked columns with a legend."""
        data = CategoryChartData(number_format=form)
        data.categories = names
        for name, values in series.items():
            data.add_series(name, values)
        chart = self._chart(XL_CHART_TYPE.COLUMN_STACKED, data, box)
        chart.plots[0].gap_width, chart.plots[0].overlap = 70, 100
        for shown, colour in zip(chart.plots[0].series, (BLUE, PALE, "8B95A1", "D39B1C", "18794E"), strict=False):
            shown.format.fill.solid()
            shown.format.fill.fore_color.rgb = RGBColor.from_string(colour)
        chart.has_legend, chart.legend.include_in_layout = True, False
        chart.legend.font.size = Pt(11)
        self._axes(chart, form, None)

    def save(self, path: Path) -> None:
        self.show.save(str(path))

    def _chart(self, kind, data, box: Box):
        chart = self.slide.shapes.add_chart(kind, *(Inches(length) for length in box), data).chart
        chart.has_title, chart.has_legend = False, False
        chart.font.size, chart.font.name, chart.font.color.rgb = Pt(12), LATIN, RGBColor.from_string(INK)
        _japanese(chart.font._element if hasattr(chart.font, "_element") else chart.font._rPr)
        return chart

    def _axes(self, chart, form: str, ends: tuple[float, float] | None) -> None:
        values, names = chart.value_axis, chart.category_axis
        if ends:
            values.minimum_scale, values.maximum_scale = ends
        values.major_gridlines.format.line.color.rgb = RGBColor.from_string(LINE)
        values.format.line.fill.background()
        values.tick_labels.number_format, values.tick_labels.number_format_is_linked = form, False
        values.tick_labels.font.size = Pt(11)
        names.format.line.color.rgb = RGBColor.from_string(SOFT)
        names.major_tick_mark = values.major_tick_mark = XL_TICK_MARK.NONE
        names.tick_label_position = XL_TICK_LABEL_POSITION.LOW

    def _label(self, point, text: str) -> None:
        label = point.data_label
        label.position = XL_LABEL_POSITION.INSIDE_BASE
        run = label.text_frame.paragraphs[0].add_run()
        run.text = text
        run.font.size, run.font.bold = Pt(12), True
        run.font.color.rgb = RGBColor.from_string(INK)
        self._speak(run)

    def _fill(self, frame, paragraphs: list[str], box: Box, size: float, bold: bool, colour: str) -> None:
        frame.word_wrap, frame.auto_size = True, MSO_AUTO_SIZE.NONE
        frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = 0
        size, paragraphs = fitted(paragraphs, size, box, bold)
        for place, text in enumerate(paragraphs):
            paragraph = frame.paragraphs[0] if place == 0 else frame.add_paragraph()
            paragraph.line_spacing, paragraph.alignment = Pt(size * LEADING), PP_ALIGN.LEFT
            paragraph.space_after = Pt(size / 3 if place < len(paragraphs) - 1 else 0)
            run = paragraph.add_run()
            run.text = text
            run.font.size, run.font.bold = Pt(size), bold
            run.font.color.rgb = RGBColor.from_string(colour)
            self._speak(run)

    def _speak(self, run) -> None:
        """Fonts for both scripts, and the language that a spelling checker reads."""
        run.font.name = LATIN
        properties = run._r.get_or_add_rPr()
        _japanese(properties)
        properties.set("lang", "ja-JP" if self.language == "ja" else "en-US")
        properties.set("altLang", "en-US")


def _shortened(name: str) -> str:
    """A bar's name that leaves room for the bars: the middle of a long one is cut, since names of lots differ at their ends."""
    if sum(map(_em, name)) <= _LONGEST:
        return name
    return next(name[: place - place // 2].rstrip() + "…" + name[len(name) - place // 2 :].lstrip() for place in range(len(name), 1, -1) if sum(map(_em, name[: place - place // 2] + name[len(name) - place // 2 :])) < _LONGEST - 1)


def _round_ends(bars: list[Bar]) -> tuple[float, float]:
    """Ends of an axis with round numbers at its four parts, zero among them."""
    low, high = min(0.0, *(bar.low for bar in bars)), max(0.0, *(bar.high for bar in bars))
    step = nice(max(high, -low) / 4) if low == 0 or high == 0 else nice((high - low) / 3)
    first = -step * math.ceil(-low / step - 1e-9)
    return first, first + 4 * step


def fitted(paragraphs: list[str], size: float, box: Box, bold: bool = False) -> tuple[float, list[str]]:
    """(size, paragraphs) that fit the box: the largest size of half points down to SMALLEST, and if that is too large still, the last words cut off with "…"."""
    while size > SMALLEST and not fits(paragraphs, size, box, bold):
        size -= 0.5
    while not fits(paragraphs, size, box, bold) and any(len(text) > 2 for text in paragraphs):
        longest = max(range(len(paragraphs)), key=lambda place: len(paragraphs[place]))
        paragraphs = [text[: max(len(text) - 6, 1)].rstrip() + "…" if place == longest else text for place, text in enumerate(paragraphs)]
    return size, paragraphs


def fits(paragraphs: list[str], size: float, box: Box, bold: bool = False) -> bool:
    """Whether the paragraphs fit a box at a size."""
    lines = sum(len(wrapped(text, box[2] * 72 / size, bold)) for text in paragraphs)
    return lines * size * LEADING + (len(paragraphs) - 1) * size / 3 <= box[3] * 72


def wrapped(text: str, width: float, bold: bool = False, measure=None) -> list[str]:
    """The lines of a text in a column `width` em wide: Latin words stay whole where they can, Japanese breaks anywhere.

    Args:
        measure: str -> em; None: the estimate.
    """
    measure = measure or (lambda part: sum(map(_em, part)) * (1.12 if bold else 1.0))
    lines, line = [], ""
    for word in _words(text):
        if not line or measure((line + word).rstrip()) <= width:
            line += word
        else:
            lines.append(line.rstrip())
            line = word.lstrip()
        while measure(line.rstrip()) > width and len(line) > 1:  # longer than a line: cut anywhere
            at = next(place for place in range(len(line) - 1, 0, -1) if place == 1 or measure(line[:place]) <= width)
            lines.append(line[:at])
            line = line[at:]
    return [*lines, line.rstrip()]


def _words(text: str) -> list[str]:
    """Latin words with the blank behind them, and single wide characters."""
    words = [""]
    for char in text:
        wide = unicodedata.east_asian_width(char) in "WF"
        if wide or (words[-1] and (words[-1][-1] == " " or unicodedata.east_asian_width(words[-1][-1]) in "WF")):
            words.append(char)
        else:
            words[-1] += char
    return [word for word in words if word]


def _em(char: str) -> float:
    if unicodedata.east_asian_width(char) in "WF" or char in _WIDE or ord(char) > 0x2190:
        return 1.0
    return 0.42 if char in _NARROW else 0.8 if char.isupper() else 0.68


def _japanese(properties) -> None:
    """Names the font for East Asian text beside the one for Latin."""
    for old in properties.findall(qn("a:ea")):
        properties.remove(old)
    font = etree.SubElement(properties, qn("a:ea"))
    font.set("typeface", JAPANESE)
    latin = properties.find(qn("a:latin"))
    if latin is not None:
        latin.addnext(font)  # the schema asks for this order
