"""Use case *line*: two seconds of a packing line with sound: runs normally, is jammed, or packs in the wrong order."""

import io
from pathlib import Path

import av
import numpy as np
from scipy import ndimage, signal

from . import conveyor as c
from . import surface as s
from .folder import named_faults, pick, put
from .sound import RATE

NAME = "line"
OPTIONS = ("normal", "jam", "wrong order")
COLUMNS = ["id", "video", "answer", "decided_by", "day", "split", "line", "shift", "sound", "view"]
# days per split; every day films its lines under its own light, so a day is never split
DAYS = [("train", 22)] * 10 + [("validation", 20)] * 2 + [("calibration", 20)] * 3 + [("test", 20)] * 8
FPS, FRAMES = 4, 8


def plan_rows() -> list[dict]:
    """Every clip before anything is drawn."""
    rows = []
    for k, (split, n) in enumerate(DAYS):
        day, rng = f"2026-05-{k + 1:02d}", s.random_of("plan-line", k)
        states = [OPTIONS[i % 3] for i in range(n)]
        for i, j in enumerate(rng.permutation(n)):
            by_sound = rng.random() < 0.22
            told = by_sound or rng.random() < 0.25
            rows.append({"id": f"C{k + 1:02d}-{i + 1:02d}", "day": day, "split": split, "truth": states[j], "answer": states[j],
                         "decided_by": "audio" if by_sound else "video", "line": str(1 + rng.integers(4)), "shift": str(rng.choice(["day", "night"])),
                         "sound": "tells" if told else "neutral", "view": str(rng.choice(["dark", "steam", "load"])) if by_sound else "clear"})
    plant_faults(rows)
    return rows


def plant_faults(rows: list[dict]) -> None:
    rng = s.random_of("faults", NAME)

    train, test = ([r for r in rows if r["split"] == split] for split in ("train", "test"))
    for row in pick(train, 3, rng, lambda r: r["view"] == "clear"):
        row["answer"] = str(rng.choice([o for o in OPTIONS if o != row["truth"]]))
        row.update(fault="mislabelled", fault_note=f"shows {row['truth']}")
    for row in pick(train, 2, rng):
        source = pick(train, 1, rng, lambda r, row=row: r is not row and r["day"] == row["day"])[0]
        keep = {key: source[key] for key in ("truth", "answer", "decided_by", "line", "shift", "sound", "view")}
        row.update(keep, copy_of=source["id"], fault="exact_duplicate", fault_note=f"same clip as {source['id']}")
        source["taken"] = True
    jam = lambda r: r["truth"] == "jam" and r["sound"] == "tells" and r["view"] == "clear"  # noqa: E731
    for some in (train, test):
        for row in pick(some, 1, rng, jam):
            row.update(fault="desynchronised", late=0.9, fault_note="the sound runs 0.9 s late: the products have long stopped when the knocking starts")


def picture(row: dict) -> np.ndarray:
    """The frames of a clip, uint8 (8, 112, 112, 3)."""
    rng, day = s.random_of("clip", row["id"]), s.random_of("day", row["day"], row["line"])
    wall, light, tint = c.hall(day), day.uniform(0.75, 1.2), 1 + day.normal(0, 0.05, 3)
    seed, pan = int(day.integers(40)), day.integers(-6, 7, 2)
    kinds = [c.product(kind, colour, day) for kind, colour in c.LINES[row["line"]]]
    order, gap = sequence(row, rng), rng.uniform(72, 80)
    speed, start = rng.uniform(17, 25), rng.uniform(-gap, 0)
    stop_at = stop_frame(row)
    dim = 0.72 if row["shift"] == "night" else 1.0
    flicker, hidden = rng.normal(1, 0.012, FRAMES), s.random_of("hidden", row["id"]).integers(1 << 30)
    frames = []
    for t in range(FRAMES):
        frame = wall.copy()
        frame[c.BELT:] = c.belt(speed * t, seed)
        draw_products(frame, kinds, order, positions(row, t, start, gap, speed, stop_at, rng), row, t - stop_at, rng)
        c.rail(frame)
        if row["view"] != "clear":
            frame = c.in_front(frame, row["view"], np.random.default_rng(hidden), t * 3.0)
        frame = np.pad(frame, ((6, 6), (6, 6), (0, 0)), "edge")[6 + pan[0]:6 + pan[0] + 2 * c.SIZE, 6 + pan[1]:6 + pan[1] + 2 * c.SIZE]
        frame = frame * light * dim * flicker[t] * tint
        frame = ndimage.gaussian_filter(np.clip(frame, 0, 1.2), (1.1, 1.1, 0))
        frame = frame.reshape(c.SIZE, 2, c.SIZE, 2, 3).mean((1, 3)) + rng.normal(0, 0.003, (c.SIZE, c.SIZE, 1)) * min(1.0, frame.mean() * 4)
        frames.append(np.clip(frame, 0, 1) ** (1 / 1.5) * 255)
    return np.stack(frames).astype(np.uint8)


def sequence(row: dict, rng) -> list[int]:
    """Which of the two products stands at each place: alternating, or with one neighbour repeated in the middle."""
    order = [i % 2 for i in range(10)]
    if rng.random() < 0.5:
        order = [1 - k for k in order]
    if row["truth"] == "wrong order" and row["view"] == "clear":
        at = int(rng.integers(3, 5))
        order = order[:at] + [order[at - 1]] + order[at:-1]
    return order


def stop_frame(row: dict) -> int:
    """The frame at which a jam stops the products; after the clip when there is none to see."""
    seen = row["truth"] == "jam" and row["view"] == "clear"
    return int(s.random_of("stop", row["id"]).integers(1, 4)) if seen else FRAMES + 1


def positions(row, t, start, gap, speed, stop_at, rng) -> list[float]:
    """x of every product in drawn pixels. In a jam the first stands still and the others close up behind it."""
    xs = [start + gap * (k - 3) + speed * t for k in range(10)]
    if t <= stop_at:
        return xs
    held = [start + gap * (k - 3) + speed * stop_at for k in range(10)]
    front = max((k for k in range(10) if held[k] < 170), default=6)
    out, limit = [], None
    for k in range(9, -1, -1):
        if k > front:
            x = xs[k]
        elif k == front:
            x = limit = held[k]
        else:
            x = min(xs[k], limit - 55)
            limit = x
        out.append(x + (rng.normal(0, 1.3) if k <= front else 0))
    return out[::-1]


def draw_products(frame, kinds, order, xs, row, since, rng) -> None:
    front = max((k for k in range(10) if xs[k] < 178), default=6)
    for k, x in enumerate(xs):
        jammed = since > 0 and row["truth"] == "jam" and k in (front, front - 1)
        tilt = (-14 - 2 * min(since, 3) + rng.normal(0, 2)) * (1 if k == front else -0.5) if jammed else 0.0
        c.lay(frame, kinds[order[k]], x, lift=2 * abs(rng.normal()) if jammed else 0, tilt=tilt)


def track(row: dict) -> np.ndarray:
    """The sound of a clip, float32 (N,) at 16 kHz: motor and belt; knocking in a jam, the scanner's low double beep at a wrong order.

    Single high beeps (a truck somewhere) and a person's tap mean nothing.
    """
    rng, day = s.random_of("sound", row["id"]), s.random_of("hum", row["day"], row["line"])
    n = int(RATE * FRAMES / FPS)
    t = np.arange(n) / RATE
    base = day.uniform(47, 62)
    wave = sum(a * np.sin(2 * np.pi * base * k * t + day.uniform(0, 6)) for k, a in ((1, 0.05), (2, 0.035), (4, 0.02), (7, 0.012)))
    b, a = signal.butter(2, [200, 2400], "band", fs=RATE)
    wave = wave + 0.10 * signal.lfilter(b, a, rng.standard_normal(n)) * (1 + 0.3 * np.sin(2 * np.pi * day.uniform(3, 6) * t))
    tells = row["sound"] == "tells"
    if tells and row["truth"] == "jam":
        first = (stop_frame(row) / FPS if row["view"] == "clear" else 0.3) + row.get("late", 0.0)
        for at in np.arange(first, t[-1], 1 / rng.uniform(4.5, 7)):
            knock(wave, at + rng.normal(0, 0.012), rng, rng.uniform(0.45, 0.8))
    elif tells and row["truth"] == "wrong order":
        first, tone = rng.uniform(0.2, 0.9), rng.uniform(620, 760)
        for at in (first, first + 0.28, first + 0.56):
            beep(wave, at, tone, 0.17, 0.32)
    if rng.random() < 0.3:
        beep(wave, rng.uniform(0.1, 1.7), rng.uniform(1900, 2500), 0.09, 0.12)
    if rng.random() < 0.3:
        knock(wave, rng.uniform(0.1, 1.8), rng, 0.25)
    return (wave / np.abs(wave).max() * rng.uniform(0.5, 0.9)).astype(np.float32)


def knock(wave, at: float, rng, level: float) -> None:
    i = int(max(at, 0) * RATE)
    t = np.arange(min(int(0.09 * RATE), len(wave) - i)) / RATE
    if len(t):
        wave[i:i + len(t)] += level * np.exp(-t / 0.018) * (np.sin(2 * np.pi * rng.uniform(260, 520) * t) + 0.5 * rng.standard_normal(len(t)))


def beep(wave, at: float, tone: float, length: float, level: float) -> None:
    i = int(at * RATE)
    t = np.arange(max(min(int(length * RATE), len(wave) - i), 0)) / RATE
    if len(t):
        wave[i:i + len(t)] += level * np.sin(2 * np.pi * tone * t) * np.minimum(1, np.minimum(t, t[-1] - t) / 0.01)


def mp4(frames: np.ndarray, wave: np.ndarray) -> bytes:
    """H.264 and AAC in an mp4 that browsers play.

    Args:
        frames: uint8 (T, H, W, 3). wave: float32 (N,) at 16 kHz.
    """
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        video = container.add_stream("libx264", rate=FPS, options={"crf": "32", "preset": "veryslow", "threads": "1", "x264-params": "keyint=16:bframes=2"})
        video.width, video.height, video.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        audio = container.add_stream("aac", rate=RATE, layout="mono")
        audio.bit_rate = 12000
        for stream in (video, audio):
            stream.codec_context.flags |= 1 << 23  # bitexact: no encoder version in the file
        for image in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(video.encode(None))
        for i in range(0, len(wave), 1024):
            piece = av.AudioFrame.from_ndarray(wave[None, i:i + 1024], format="fltp", layout="mono")
            piece.sample_rate, piece.pts = RATE, i
            container.mux(audio.encode(piece))
        container.mux(audio.encode(None))
    return buffer.getvalue()


def clip_bytes(row: dict) -> bytes:
    source = next(r for r in plan_rows() if r["id"] == row["copy_of"]) if "copy_of" in row else row
    return mp4(picture(source), track(source))


def make_row(row: dict, root: Path) -> dict:
    """Write the clip of one row and return its line of metadata.csv."""
    return {**{key: row.get(key, "") for key in COLUMNS}, "video": put(root, f"clips/{row['id']}.mp4", clip_bytes(row))}


def faults(rows: list[dict]) -> list[dict]:
    """The entries of planted_faults.json."""
    return named_faults(NAME, rows)
