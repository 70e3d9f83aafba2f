"""Which answers the report shows with their evidence, and the evidence as small embedded pictures."""

import base64
import hashlib
import io
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from kit.errors import KitError
from poc import runs

SHOWN, RESCUED = 8, 4
_SIDE = 224


def shown_cases(frame: pd.DataFrame, record: dict) -> dict[str, list[dict]]:
    """{"wrong": the tuned model's costliest errors, then the surest; "rescued": what tuning put right}, as dicts of predictions.csv's columns.

    Of each pair (truth, answer) the surest error comes first, so that eight pictures show eight kinds of error where there are as many.
    """
    asked = frame[(frame["condition"] == "as_is") & (frame["split"] == "test")]
    tuned, base = asked[asked["arm"] == "tuned"], asked[asked["arm"] == "base"].set_index("id")["predicted"]
    if tuned.empty:
        return {"wrong": [], "rescued": []}
    tuned = tuned.assign(
        sure=[shares.get(said, 0.0) for shares, said in zip(tuned["probabilities"], tuned["predicted"])],
        before=tuned["id"].map(base),
        yen=[cost_of(truth, said, record.get("costs")) for truth, said in zip(tuned["answer"], tuned["predicted"])],
    )
    wrong = tuned[tuned["answer"] != tuned["predicted"]].sort_values(["yen", "sure"], ascending=False, kind="stable")
    wrong = wrong.assign(again=wrong.groupby(["answer", "predicted"]).cumcount()).sort_values(["again", "yen", "sure"], ascending=[True, False, False], kind="stable")
    right = tuned[(tuned["answer"] == tuned["predicted"]) & tuned["before"].notna() & (tuned["before"] != tuned["answer"])]
    rescued = right.sort_values("sure", ascending=False, kind="stable").groupby("answer", sort=False).head(1)
    return {"wrong": wrong.head(SHOWN).to_dict("records"), "rescued": rescued.head(RESCUED).to_dict("records")}


def cost_of(truth: str, said: str, costs: dict | None) -> float:
    """Yen of one answer, as poc.yaml's costs say; 0 without costs."""
    if not costs or truth == said:
        return 0.0
    if costs.get("matrix"):
        return float(costs["matrix"].get(truth, {}).get(said, 0.0))
    return float(costs["false_alarm"] if truth == costs["ok_answer"] else costs["miss"] if said == costs["ok_answer"] else 0.0)


def thumbnail(case: dict, run: Path, folder: Path | None) -> str:
    """The case's first picture, video frame or sound as a data URI; "" where the evidence is not on this machine.

    Kept as a JPEG in the run's media/, which is read first.
    """
    for kind in ("image", "video", "audio"):
        name = case[kind].split("|")[0]
        if name:
            kept = run / "media" / _kept_name(name)
            data = kept.read_bytes() if kept.is_file() else _make(kind, runs.evidence_file(folder, name) if folder else None, kept)
            return "data:image/jpeg;base64," + base64.b64encode(data).decode() if data else ""
    return ""


def _kept_name(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16] + ".jpg"


def _make(kind: str, path: Path | None, kept: Path) -> bytes:
    """JPEG bytes of the evidence, kept beside the run; b"" where it cannot be read."""
    data = small_picture(kind, path) if path else b""
    if data:
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(data)
    return data


def small_picture(kind: str, path: Path) -> bytes:
    """JPEG bytes of a photo, of three frames of a video or of a sound's waveform; b"" where the file cannot be read."""
    if not path.is_file():
        return b""
    try:
        picture = {"image": _of_image, "video": _of_video, "audio": _of_sound}[kind](path)
    except KitError:
        return b""
    picture.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=78, optimize=True)
    return buffer.getvalue()


def _of_image(path: Path) -> Image.Image:
    from kit.data.media import load_image

    return load_image(path)


def _of_video(path: Path) -> Image.Image:
    """First, middle and last frame, one above the other."""
    from kit.data.media import load_video

    frames, _ = load_video(path, frames=8)
    return Image.fromarray(np.concatenate([frames[0], frames[len(frames) // 2], frames[-1]]))


def _of_sound(path: Path) -> Image.Image:
    """The waveform."""
    from kit.data.media import load_audio

    sound = np.abs(load_audio(path))
    bars = [float(part.max()) if len(part) else 0.0 for part in np.array_split(sound, 56)]
    picture = Image.new("RGB", (_SIDE, 120), (246, 247, 248))
    pen = ImageDraw.Draw(picture)
    for i, bar in enumerate(bars):
        half = 2 + 54 * bar / (max(bars) or 1)
        pen.rectangle((i * 4, 60 - half, i * 4 + 2, 60 + half), fill=(70, 90, 120))
    return picture
