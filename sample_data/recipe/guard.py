"""The guard set: held-out samples of general ability in the company-folder format, small enough to ship."""

import csv
from pathlib import Path

import av
import numpy as np
import soundfile
from PIL import Image

from sample_data.recipe.measure import answers, held_out, interval
from sample_data.world.item import Item

COUNTS = {"image": 72, "motion": 40, "spoken": 40, "text": 48}
REPLAY = {
    "image": 160,
    "motion": 44,
    "spoken": 64,
    "text": 200,
}  # rows to mix into fine-tuning, from the training side of the world
SEED = 900_002  # neither a seed of training nor that of the larger measurement
REPLAY_SEED = 12
COLUMNS = (
    "id",
    "image",
    "audio",
    "video",
    "text",
    "question",
    "options",
    "answer",
    "decided_by",
    "data_layer",
    "split",
)
FRAMES_PER_SECOND = 2  # eight frames are four seconds: the second per pair of frames that training assumes


def write(folder: Path) -> int:
    """Writes metadata.csv and the media; returns the number of samples."""
    media = folder / "media"
    media.mkdir(parents=True, exist_ok=True)
    rows = []
    for split, counts, seed in (("test", COUNTS, SEED), ("train", REPLAY, REPLAY_SEED)):
        for kind, count in counts.items():
            drawn = held_out(kind, 2 * count, seed, "held_out" if split == "test" else "train")
            items = [item for item in drawn if item.text or kind != "text"][
                :count
            ]  # a row needs a note or a file
            for number, item in enumerate(items):
                name = f"{kind}_{number:03d}" if split == "test" else f"replay_{kind}_{number:03d}"
                row = {
                    "id": name,
                    "text": item.text,
                    "question": item.question,
                    "options": "|".join(item.options),
                }
                row |= {
                    "answer": item.answer,
                    "decided_by": item.decided_by,
                    "data_layer": "general",
                    "split": split,
                }
                rows.append(row | write_media(item, media, name))
    with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


def measure(folder: Path, model, processor) -> dict[str, dict]:
    """Returns accuracy with n and interval per kind of sample, on the files as they were written."""
    hits: dict[str, list[bool]] = {}
    with (folder / "metadata.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    items = [_read(folder, row) for row in rows]
    for row, item, got in zip(rows, items, answers(model, processor, items)):
        hits.setdefault(row["id"].split("_")[0], []).append(got == item.answer)
    return {kind: interval(sum(found), len(found)) for kind, found in hits.items()}


def _read(folder: Path, row: dict[str, str]) -> Item:
    images = tuple(np.asarray(Image.open(folder / name)) for name in row["image"].split("|") if name)
    audio = soundfile.read(folder / row["audio"], dtype="float32")[0] if row["audio"] else None
    video = None
    if row["video"]:
        with av.open(str(folder / row["video"])) as container:
            video = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    options = tuple(row["options"].split("|"))
    return Item(
        row["question"],
        options,
        row["answer"],
        "guard",
        text=row["text"],
        images=images,
        video=video,
        audio=audio,
    )


def write_media(item: Item, media: Path, name: str) -> dict[str, str]:
    """Writes an item's media and returns the columns that name them."""
    if item.video is not None:
        _write_video(media / f"{name}.mp4", item.video)
        return {"video": f"media/{name}.mp4"}
    if item.audio is not None:
        soundfile.write(
            media / f"{name}.ogg", item.audio, 16000, format="OGG", subtype="VORBIS", compression_level=0.8
        )
        return {"audio": f"media/{name}.ogg"}
    files = []
    for turn, image in enumerate(item.images):
        files.append(f"media/{name}{'ab'[turn] if len(item.images) > 1 else ''}.jpg")
        Image.fromarray(image).save(media.parent / files[-1], quality=80)
    return {"image": "|".join(files)} if files else {}


def _write_video(path: Path, frames: np.ndarray) -> None:
    """Writes frames (T, H, W, 3) uint8 as H.264."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=FRAMES_PER_SECOND, options={"crf": "30", "preset": "slow"}
        )
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
