"""Use case *inspection*: photographs of machined parts, lot by lot, with the previous inspector's note."""

from pathlib import Path

import numpy as np
from PIL import Image

from . import notes
from . import surface as s
from .camera import jpeg
from .folder import named_faults, pick, put
from .parts import PARTS
from .photo import take_photo
from .sound import ogg, room

NAME = "inspection"
OPTIONS = ("ok", "scratch", "dent", "stain", "crack", "chip")
COLUMNS = ["id", "image", "audio", "text", "answer", "lot", "split", "camera", "part", "date", "inspector", "note_says", "note_language", "spoken"]
LOTS = [("train", 115)] * 7 + [("validation", 75)] * 2 + [("calibration", 104)] * 3 + [("test", 104)] * 5
ODD_LIGHT_LOT = 15  # counted from 0: a test lot
QUALITY = 62
RIGHT = {"train": 0.97}  # how often a note is right; HELD_OUT_RIGHT in the other splits
HELD_OUT_RIGHT = 0.88


def plan_rows() -> list[dict]:
    """Every row before anything is drawn; the order and the content depend on the seed only."""
    rows = []
    for k, (split, n) in enumerate(LOTS):
        lot, rng = f"L26{k + 1:02d}", s.random_of("plan", k)
        truths = plan_classes(n, rng)
        for i in range(n):
            rows.append({"id": f"{lot}-{i + 1:03d}", "lot": lot, "split": split, "truth": truths[i], "answer": truths[i],
                         "camera": "ABC"[rng.integers(3)], "part": PARTS[k % 6 if k < 12 else (k + 2) % 6], "odd_light": k == ODD_LIGHT_LOT,
                         "date": f"2026-{1 + k // 4:02d}-{3 + 7 * (k % 4):02d}", "inspector": f"N{1 + rng.integers(5)}", **plan_note(truths[i], split, rng)})
    plant_faults(rows)
    return rows


def plan_classes(n: int, rng: np.random.Generator) -> list[str]:
    """About 30 % ok and the defects in equal shares, shuffled."""
    each = round(n * 0.14)
    truths = [c for c in OPTIONS[1:] for _ in range(each)]
    truths += ["ok"] * (n - len(truths))
    return [truths[i] for i in rng.permutation(n)]


def plan_note(truth: str, split: str, rng: np.random.Generator) -> dict:
    """The previous inspector's opinion: written in 70 % of the rows, spoken in 8 %."""
    says = notes.what_the_note_says(truth, RIGHT.get(split, HELD_OUT_RIGHT), rng)
    language = "ja" if rng.random() < 0.3 else "en"
    text = notes.write_note(says, language, rng) if rng.random() < 0.7 else ""
    memo = notes.spoken_note(says, language, rng) if rng.random() < 0.08 else ""
    known = bool(text or memo)
    return {"text": text, "spoken": memo, "note_says": says if known else "", "note_language": language if known else ""}


def plant_faults(rows: list[dict]) -> None:
    """Make the data imperfect on purpose; `fault` and `fault_note` name what was done to a row."""
    rng = s.random_of("faults", NAME)

    sound = {split: [r for r in rows if r["split"] == split and not r["odd_light"]] for split in ("train", "validation", "calibration", "test")}
    for row in pick(sound["train"], 12, rng):
        row["answer"] = str(rng.choice([c for c in OPTIONS if c != row["truth"]]))
        row.update(fault="mislabelled", fault_note=f"shows {row['truth']}")
    for kind, n, split, source_split in (("exact_duplicate", 5, "train", "train"), ("exact_duplicate", 2, "test", "test"),
                                         ("near_duplicate", 6, "train", "train"), ("near_duplicate_across_splits", 4, "test", "train")):
        for row in pick(sound[split], n, rng):
            source = pick(sound[source_split], 1, rng, lambda r, row=row, kind=kind: r is not row and (kind.endswith("splits") or r["lot"] == row["lot"]))[0]
            row.update(fault=kind, fault_note=f"same photo as {source['id']}", copy_of=source["id"], truth=source["truth"], answer=source["answer"],
                       camera=source["camera"], part=source["part"])
            source["taken"] = True
            row.update(plan_note(row["truth"], split, rng))
    for split, n in (("train", 3), ("validation", 1), ("calibration", 1), ("test", 2)):
        for row in pick(sound[split], n, rng):
            row.update(fault="face_like_sticker", sticker=True, fault_note="a portrait sticker: a privacy scan should find it")
    people = ("Tanaka-san's line, call 090-0000-1234 if {w}", "{w}. Asked Suzuki Hanako, tel 03-0000-5678", "{w}あり。佐藤太郎さんに連絡済み 080-0000-9012",
              "{w} - mail to yamada.ken@example.co.jp")
    for row, form in zip(pick(sound["train"], 3, rng) + pick(sound["test"], 1, rng), people, strict=True):
        says = row["note_says"] or row["truth"]
        row.update(text=form.format(w=notes.WORDS[says]["あり" in form]), note_says=says, note_language="ja" if "あり" in form else "en",
                   fault="personal_data_in_note", fault_note="a name with a telephone number or an address (fictitious)")


def photo_bytes(row: dict) -> bytes:
    """The JPEG of a planned row; a copy is drawn from its source's plan."""
    source = dict(row)
    if "copy_of" in row:
        source = next(r for r in plan_rows() if r["id"] == row["copy_of"])
    image, _ = take_photo(source)
    if row.get("fault", "").startswith("near_duplicate"):
        image = shift_a_little(image, s.random_of("shift", row["id"]))
    return jpeg(image, QUALITY)


def shift_a_little(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The same part photographed again a moment later: one or two pixels aside and a touch brighter."""
    left, top = (int(v) for v in rng.integers(1, 3, 2))
    moved = image.crop((left, top, image.width + left - 3, image.height + top - 3)).resize(image.size, Image.Resampling.BICUBIC)
    return moved.point(lambda v: min(255, int(v * rng.uniform(1.01, 1.04))))


def make_row(row: dict, root: Path) -> dict:
    """Write the media of one row and return its line of metadata.csv."""
    line = {key: row.get(key, "") for key in COLUMNS}
    line["image"] = put(root, f"images/{row['id']}.jpg", photo_bytes(row))
    line["audio"] = ""
    if row["spoken"]:
        rng = s.random_of("memo", row["id"])
        wave = notes.say_note(row["spoken"], row["note_language"], row["inspector"], rng)
        line["audio"] = put(root, f"audio/{row['id']}.ogg", ogg(room(wave, rng)))
    return line


def faults(rows: list[dict]) -> list[dict]:
    """The entries of planted_faults.json."""
    odd = [r["id"] for r in rows if r["odd_light"]]
    wrong = [r["id"] for r in rows if r["note_says"] and r["note_says"] != r["truth"]]
    return [*named_faults(NAME, rows), {"use_case": NAME, "kind": "odd_light_lot", "rows": odd, "notes": {"lot": odd[0].split("-")[0]}},
            {"use_case": NAME, "kind": "wrong_note", "rows": wrong, "notes": {}}]
