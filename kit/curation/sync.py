"""Does the sound of a video belong to its pictures? Where both change once and clearly, the two changes come about the same time apart in every clip; a clip that differs has slipped."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from kit.curation.material import Material, listed
from kit.data.media import MediaError, load_audio, load_video, video_length
from kit.finding import Finding
from kit.language import say
from kit.show import progress

CLEAR_PICTURE, CLEAR_SOUND = 0.7, 0.1  # share of the variance over time that one step explains
SLIPPED = 0.5  # seconds from the other clips' median, at least; and three of their usual spreads
MOVED = 0.4  # the step in log motion: by half, or to two thirds
_EDGE = 0.05  # share of a clip at its start and at its end: a step there is the cut, not the scene
_FRAMES, _HOP, _FEWEST = 16, 800, 8


def out_of_step(material: Material, workers: int = 2) -> Finding:
    """Clips whose sound comes earlier or later than in the others."""
    paths = list(dict.fromkeys(look.path for look in material.files("video")))
    with ThreadPoolExecutor(workers) as pool:
        lags = dict(zip(paths, progress(pool.map(lag, paths), desc=say("sound against pictures", "音と映像の照合"), total=len(paths)), strict=True))
    clear = {path: seconds for path, seconds in lags.items() if seconds is not None}
    slipped = _slipped(clear) if len(clear) >= _FEWEST else {}
    ids = {sample.id: round(slipped[path], 2) for path in slipped for sample in material.users[path, "video"]}
    return Finding(
        "sound and picture out of step", float(len(ids)) if paths else None, verdict="warn" if ids else "good" if len(clear) >= _FEWEST else "info",
        summary=say(*_told(ids, len(clear), len(paths))), evidence={"ids": list(ids), "seconds": ids, "clear": len(clear)},
        advice=say("Cut these clips again from the recording, or leave their rows out.", "元の録画から切り出し直すか、その行を除いてください。") if ids else "",
        cost=say(f"about {2 * len(ids)} minutes", f"約 {2 * len(ids)} 分") if ids else "",
    )  # fmt: skip


def _told(ids: dict, clear: int, number: int) -> tuple[str, str]:
    if not number:
        return "There are no videos.", "動画はありません。"
    if clear < _FEWEST:
        return f"Cannot be told: only {clear} of {number} videos change once and clearly in both sound and picture.", f"判定できません：音と映像の両方がはっきり一度変わる動画は {number} 本中 {clear} 本です。"
    told = [f"{id} {seconds:+.1f} s" for id, seconds in ids.items()]
    return (f"Of {clear} videos in which it can be told, the sound of {len(ids)} has slipped{': ' if ids else ''}{listed(told)}.", f"判定できる {clear} 本のうち、{len(ids)} 本で音がずれています{'：' if ids else ''}{listed(told)}。")


def lag(path: Path) -> float | None:
    """Seconds from the one clear change in the pictures to the one clear change in the sound; None where either has none (a silent film, a steady scene)."""
    try:
        frames, rate = load_video(path, frames=max(2, min(_FRAMES, video_length(path)[0] // 2 * 2)))  # more than there are would come twice
        wave = load_audio(path)
    except MediaError:
        return None
    moved = np.abs(np.diff(frames.astype(np.int16), axis=0)).mean((1, 2, 3))
    when, motion = (np.arange(1, len(frames)) + 0.5) / rate, np.log(moved + 0.1)[:, None]
    power = np.abs(np.fft.rfft(wave[: len(wave) // _HOP * _HOP].reshape(-1, _HOP) * np.hanning(_HOP), axis=1)) ** 2
    edges = np.unique(np.geomspace(2, power.shape[1], 13).astype(int))
    bands = np.stack([np.log(power[:, a:b].mean(1) + 1e-6) for a, b in zip(edges[:-1], edges[1:], strict=True)], 1)
    (seen, seen_at, height), (heard, heard_at, _) = _step(motion), _step(bands)
    if seen < CLEAR_PICTURE or height < MOVED or heard < CLEAR_SOUND:
        return None
    return heard_at * _HOP / 16000 - float(when[seen_at])


def _step(series: np.ndarray) -> tuple[float, int, float]:
    """(share of variance that one step explains, where it is, how high) of a series (T, D)."""
    number = len(series)
    if number < 5:
        return 0.0, 0, 0.0
    series = series - series.mean(0)
    sums = np.cumsum(series, axis=0)[:-1]  # of the first k rows, k = 1 .. T - 1; those of the others are the negative
    k = np.arange(1, number)[:, None]
    edge = max(2, round(_EDGE * number))
    gained = (sums**2 * (1 / k + 1 / (number - k))).sum(1)[edge - 1 : number - edge]
    at = int(gained.argmax()) + edge
    share = 0.0 if at in (edge, number - edge) and number > 10 else float(gained.max() / max((series**2).sum(), 1e-9))
    return share, at, float(np.abs(series[:at].mean(0) - series[at:].mean(0)).mean())


def _slipped(lags: dict[Path, float]) -> dict[Path, float]:
    values = np.array(list(lags.values()))
    middle = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - middle)))
    return {path: seconds - middle for path, seconds in lags.items() if abs(seconds - middle) > max(SLIPPED, 3 * spread)}
