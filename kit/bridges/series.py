"""A sensor's series beside a photo, bridged two ways without a modality of its own: as a summary in words, and as a picture of its curve.

A row names its file in any column that the kit does not know, which `kit.data` keeps in `meta`; the default is `series_file_name`, a path inside the company's folder:

    id,image,series_file_name,answer
    P1,photos/1.jpg,sensors/1.csv,leak

    told = [told_in_words(sample, folder.root) for sample in folder.samples]
    drawn = [drawn(sample, folder.root, work) for sample in folder.samples]

Both name themselves in `meta["perturbation"]`. What a summary leaves out is gone for whoever reads it; a curve shows everything, to whoever can read curves. Not covered: several channels in one picture, frequencies
above what the readings can hold. Shapes: N readings.
"""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from kit.data import Sample
from kit.data.tables import normal, read_table
from kit.errors import KitError
from kit.language import say

COLUMN = "series_file_name"
_TIME = ("time", "t", "timestamp", "datetime", "date", "seconds", "時刻", "時間", "日時", "経過時間")
_UNIT = re.compile(r"^(.*?)\s*[\[(]\s*([^\])]+?)\s*[\])]$")
_SECONDS = {"ms": 1e-3, "msec": 1e-3, "s": 1.0, "sec": 1.0, "秒": 1.0, "min": 60.0, "分": 60.0, "h": 3600.0, "hour": 3600.0, "時間": 3600.0}
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?(e[+-]?\d+)?", re.IGNORECASE)
_DOTTED = re.compile(r"[+-]?\d{1,3}(\.\d{3})+")  # thousands, where the comma is a decimal one
_OF_DAY = re.compile(r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[ap]m)?", re.IGNORECASE)  # a time without its date
_DAY = 86_400.0
_USUAL, _SHARE, _BESIDE = 6.0, 0.25, 5  # a jump: so many times the usual step, at least that share of the range, and it stays for so many readings
_BINS, _SWING = 40, 0.2  # swings are counted on so many averages, and go at least that share of the range to either side
_MOST = 3  # jumps that are told


@dataclass(frozen=True)
class Series:
    """Readings of one sensor, sorted by time.

    Attributes:
        time: (N,) seconds since the first reading; 0, 1, 2 ... where the file has no time.
        values: (N,), finite.
        name, unit: of the value's column: "pressure [kPa]"; "" where none is written.
        missing: readings that had no number (or no time), and are left out.
        timed: the file has a time.
    """

    time: np.ndarray
    values: np.ndarray
    name: str = "value"
    unit: str = ""
    missing: int = 0
    timed: bool = True


def read_series(path: Path, value: str | None = None, time: str | None = None) -> Series:
    """A series of a csv as loggers and offices write them (`kit.data.tables`: UTF-8 or cp932, commas, tabs or semicolons; also xlsx).

    Args:
        value: the value's column, as written or without its unit; None: the only one beside the time.
        time: the time's; None: one that is called so, else the first of several. Numbers are seconds, or what the header's unit says ([ms], [min], [h]); dates become seconds. Times of day without a date that fall from
            one row to the next by more than half a day have passed midnight.

    A comma is a decimal one ("1,5", "1.234,5"), unless it could be of thousands in every number of the column that has one ("1,200", "12,345,678").

    Raises:
        KitError: no readable table, no such column, several value columns and none named, or no reading with a number.
    """
    table = read_table(path)
    plain = {_split(column)[0].lower(): column for column in reversed(table.columns)} | {column.lower(): column for column in table.columns}
    known = ", ".join(table.columns)
    for asked in (value, time):
        if asked is not None and normal(asked).lower() not in plain:
            raise KitError(say(f"{path}: no column {asked!r}; it has: {known}", f"{path}: 列 {asked!r} がありません。列: {known}"))
    clock = plain[normal(time).lower()] if time else next((plain[name] for name in _TIME if name in plain), table.columns[0] if len(table.columns) > 1 else None)
    rest = [column for column in table.columns if column != clock]
    if value is None and len(rest) != 1:
        raise KitError(say(f"{path}: {len(rest)} columns beside the time ({', '.join(rest)}): name the sensor's, value=...", f"{path}: 時刻以外の列が {len(rest)} 個あります（{'、'.join(rest)}）。value=... でセンサーの列を指定してください"))
    column = plain[normal(value).lower()] if value else rest[0]
    cells = [row for _, row in table.rows]
    values = _numbers([row[column] for row in cells])
    seconds = _seconds([row[clock] for row in cells], clock) if clock else np.arange(len(cells), dtype=float)
    good = np.isfinite(values) & np.isfinite(seconds)
    if not good.any():
        shown = next((row[column] for row in cells if row[column].strip()), "")
        raise KitError(
            say(
                f"{path}: column {column!r} holds no reading with a number and a time ({len(cells)} rows{f', such as {shown!r}' if shown else ''}); name the columns with value=... and time=..., or leave the row's {COLUMN} empty",
                f"{path}: 列 {column!r} に時刻と数値の揃った測定がありません（{len(cells)} 行{f'、例 {shown!r}' if shown else ''}）。value=... と time=... で列を指定するか、その行の {COLUMN} を空にしてください",
            )
        )
    order = np.argsort(seconds[good], kind="stable")
    name, unit = _split(column)
    return Series((seconds[good] - seconds[good].min())[order], values[good][order], name, unit, int((~good).sum()), clock is not None)


def as_text(series: Series, language: str = "en") -> str:
    """One paragraph: how long, how many readings, mean (over time), least and most, trend (what a straight line gains over the whole time), swings, and the jumps with their times; three significant digits.

    Args:
        language: "en" or "ja"; not the reader's, since the words are part of what is measured.
    """
    unit, values, length = f" {series.unit}" if series.unit else "", series.values, float(series.time[-1])
    lasts = _number_text(length) + ("" if series.timed else say(" steps", " 回分", language)) + (say(" s", " 秒", language) if series.timed else "")
    told = [say(f"Sensor {series.name}: {len(values)} readings in {lasts}", f"センサー {series.name}：{lasts}に {len(values)} 回測定", language)]
    if series.missing:
        told.append(say(f"{series.missing} missing", f"欠測 {series.missing} 回", language))
    if np.ptp(values) == 0:
        return say("; ", "、", language).join([*told, say(f"always {_number_text(values[0])}{unit}", f"常に {_number_text(values[0])}{unit}", language)]) + say(".", "。", language)
    gain, number = _gain(series), _swings(series)
    low, high, middle = map(_number_text, (values.min(), values.max(), np.average(values, weights=_weights(series.time))))
    told.append(say(f"mean {middle}{unit}, least {low}, most {high}", f"平均 {middle}{unit}、最小 {low}、最大 {high}", language))
    told.append(say(f"trend {_number_text(gain, sign=True)} over the whole time", f"全体の傾き {_number_text(gain, sign=True)}", language))
    told.append(say(f"swings {number} times" if number else "no swings", f"上下の振れ {number} 回" if number else "振れなし", language))
    jumps = jumps_of(series)
    for at, before, after in jumps[:_MOST]:
        when = f"{_number_text(at)}" + (say(" s", " 秒", language) if series.timed else "")
        told.append(say(f"jump at {when} from {_number_text(before)} to {_number_text(after)}", f"{when}に {_number_text(before)} から {_number_text(after)} へ急変", language))
    if len(jumps) > _MOST:
        told.append(say(f"{len(jumps)} jumps in all", f"急変は計 {len(jumps)} 回", language))
    return say("; ", "、", language).join(told if jumps else [*told, say("no jump", "急変なし", language)]) + say(".", "。", language)


def as_picture(series: Series, size: int = 224) -> Image.Image:
    """The curve, `size` x `size` pixels: blue on white, from the least to the most, which stand at the left, and the time's end below. Where readings are missing for long, the line is broken."""
    scale = 4  # drawn larger and made smaller: smooth lines
    picture = Image.new("RGB", (size * scale, size * scale), "white")
    draw, edge, letters = ImageDraw.Draw(picture), size * scale // 12, max(9, size // 16) * scale
    left, right, top, bottom = 2 * edge, size * scale - edge, edge, size * scale - 2 * edge
    draw.line([(left, top), (left, bottom), (right, bottom)], "#b7c0cb", scale)
    span, length = float(np.ptp(series.values)), float(series.time[-1])
    x = left + (series.time / length if length else np.full(len(series.time), 0.5)) * (right - left)
    y = bottom - ((series.values - series.values.min()) / span if span else np.full(len(series.values), 0.5)) * (bottom - top)
    for piece in np.split(np.arange(len(x)), _gaps(series.time) + 1):
        points = list(zip(x[piece].tolist(), y[piece].tolist(), strict=True))
        if len(points) > 1:
            draw.line(points, "#1f5fa8", max(2, size // 80) * scale, joint="curve")
        else:
            draw.ellipse([points[0][0] - 2 * scale, points[0][1] - 2 * scale, points[0][0] + 2 * scale, points[0][1] + 2 * scale], "#1f5fa8")
    draw.text((scale, top), _number_text(series.values.max()), "#1b2026", font_size=letters, anchor="lt")
    draw.text((scale, bottom), _number_text(series.values.min()), "#1b2026", font_size=letters, anchor="lb")
    draw.text((right, bottom + edge // 2), _number_text(length) + (" s" if series.timed else ""), "#1b2026", font_size=letters, anchor="rt")
    return picture.resize((size, size), Image.Resampling.LANCZOS)


def told_in_words(sample: Sample, root: Path, column: str = COLUMN, language: str = "en", **columns) -> Sample:
    """The sample with its series' summary behind its note; text becomes one of what decides. A row without a series is returned as it is.

    Args:
        root: the company's folder; `column` of `meta` holds a path inside it.
        columns: `value` and `time` of `read_series`.

    Raises:
        KitError: the file leads out of the folder, or `read_series` refuses it.
    """
    path = _file(sample, root, column)
    if path is None:
        return sample
    words = as_text(read_series(path, **columns), language)
    return sample.perturbed("series as text", text=f"{sample.text}\n{words}" if sample.text else words, decided_by=tuple(dict.fromkeys((*sample.decided_by, "text"))))


def drawn(sample: Sample, root: Path, work: Path, column: str = COLUMN, size: int = 224, **columns) -> Sample:
    """The sample with a picture of its series behind its own pictures, written to `work` under a name of its content; arguments and errors as of `told_in_words`."""
    path = _file(sample, root, column)
    if path is None:
        return sample
    picture = as_picture(read_series(path, **columns), size)
    file = work / f"series-{hashlib.sha256(picture.tobytes()).hexdigest()[:16]}.png"
    work.mkdir(parents=True, exist_ok=True)
    picture.save(file)
    return sample.perturbed("series as picture", image=(*sample.image, file), decided_by=tuple(dict.fromkeys((*sample.decided_by, "image"))))


def jumps_of(series: Series) -> list[tuple[float, float, float]]:
    """(time, level before, level after) of each jump, in order: a step between neighbours that is far larger and steeper than the usual one, and whose new level stays; a peak of a reading or two is none."""
    steps, apart = np.diff(series.values), np.maximum(np.diff(series.time), 1e-12)
    if not len(steps) or not np.ptp(series.values):
        return []
    slopes = np.abs(steps) / apart
    large = (np.abs(steps) >= max(_USUAL * np.median(np.abs(steps)), _SHARE * np.ptp(series.values))) & (slopes > _USUAL * np.median(slopes))
    found = []
    for place in np.flatnonzero(large):
        before, after = np.median(series.values[max(0, place - _BESIDE + 1) : place + 1]), np.median(series.values[place + 1 : place + 1 + _BESIDE])
        if abs(after - before) >= abs(steps[place]) / 2 and (not found or series.time[place + 1] > found[-1][0]):
            found.append((float(series.time[place + 1]), float(before), float(after)))
    return found


def _gain(series: Series) -> float:
    """What a straight line, fitted by least squares over time (not over readings, which may lie closer together here than there), gains from the first reading to the last."""
    if series.time[-1] == 0:
        return 0.0
    return float(np.polyfit(series.time, series.values, 1, w=np.sqrt(_weights(series.time)))[0] * series.time[-1])


def _swings(series: Series) -> int:
    """How often the series, without its straight line, goes from far above its mean to far below or back."""
    if series.time[-1] == 0:
        return 0
    rest = series.values - _gain(series) * series.time / series.time[-1]
    places = np.minimum((series.time / series.time[-1] * _BINS).astype(int), _BINS - 1)
    number = np.bincount(places, minlength=_BINS)
    level = np.bincount(places, rest, _BINS)[number > 0] / number[number > 0]
    noise = np.median(np.abs(np.diff(rest))) / 0.954 / np.sqrt(number[number > 0])  # of the averages, were neighbours independent normal draws: then the median step is 0.954 standard deviations
    sides = np.sign(np.where(np.abs(level - level.mean()) >= np.maximum(_SWING * np.ptp(series.values), 3 * noise), level - level.mean(), 0))
    sides = sides[sides != 0]
    return int((np.diff(sides) != 0).sum()) if len(sides) else 0


def _weights(time: np.ndarray) -> np.ndarray:
    """The time (N,) that each reading stands for, half way to its neighbours; ones where all were read at once."""
    if time[-1] == 0:
        return np.ones(len(time))
    middles = (time[1:] + time[:-1]) / 2
    return np.diff(np.concatenate([time[:1], middles, time[-1:]]))


def _gaps(time: np.ndarray) -> np.ndarray:
    """Places behind which nothing was read for far longer than usual."""
    steps = np.diff(time)
    return np.flatnonzero(steps > 10 * np.median(steps)) if len(steps) and np.median(steps) > 0 else np.empty(0, int)


def _file(sample: Sample, root: Path, column: str) -> Path | None:
    name = str(sample.meta.get(column, "")).strip().replace("\\", "/")
    if not name:
        return None
    path = Path(root) / name
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        raise KitError(say(f"sample {sample.id}: {column} is {name!r}, which leads out of {root}; copy the file into the folder", f"サンプル {sample.id}：{column} の {name!r} は {root} の外にあります。フォルダーの中に置いてください"))
    return path


def _split(column: str) -> tuple[str, str]:
    """(name, unit) of a header: "pressure [kPa]", "圧力(kPa)"."""
    found = _UNIT.match(column)
    return (found[1], found[2]) if found and found[1] else (column, "")


def _numbers(cells: list[str]) -> np.ndarray:
    """(N,), NaN for what is no number: an empty cell, "---", "ERR". What a comma means is settled for the whole column: see `read_series`."""
    plain = [normal(cell) for cell in cells]
    commas = [cell for cell in plain if "," in cell and re.fullmatch(r"[+-]?[\d.,]+(e[+-]?\d+)?", cell, re.IGNORECASE)]
    decimal = any(not _THOUSANDS.fullmatch(cell) for cell in commas)
    values = []
    for cell in plain:
        try:
            values.append(float(cell.replace(".", "").replace(",", ".") if decimal and ("," in cell or _DOTTED.fullmatch(cell)) else cell.replace(",", "")))
        except ValueError:
            values.append(float("nan"))
    return np.array(values, float)


def _seconds(cells: list[str], column: str) -> np.ndarray:
    """Seconds (N,); of numbers by the header's unit, else of dates and times of day; NaN for neither."""
    numbers = _numbers(cells)
    if np.isfinite(numbers).any() or not len(cells):
        return numbers * _SECONDS.get(_split(column)[1].lower(), 1.0)
    plain = [normal(cell) for cell in cells]
    dates = pd.to_datetime(pd.Series(plain), errors="coerce", format="mixed")
    seconds = ((dates - dates.min()) / pd.Timedelta(seconds=1)).to_numpy(float, copy=True)
    told = np.flatnonzero(np.isfinite(seconds))
    if len(told) and all(_OF_DAY.fullmatch(plain[place]) for place in told):
        steps = np.diff(seconds[told])
        told = told[::-1] if np.sign(steps[np.abs(steps) < _DAY / 2]).sum() < 0 else told  # the newest first
        seconds[told[1:]] += _DAY * np.cumsum(np.diff(seconds[told]) < -_DAY / 2)
    return seconds


def _number_text(value: float, sign: bool = False) -> str:
    """Three significant digits, never as a power of ten: 0.00123, 12.3, 1230000; no minus before a zero."""
    digits = float(f"{value:.3g}")
    text = np.format_float_positional(digits, trim="-") if digits else "0"
    return f"+{text}" if sign and digits > 0 else text
