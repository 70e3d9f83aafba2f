"""Use case *documents*: the photo of a gauge, the inspection sheet and a spoken memo; do they agree, what is the state?"""

from pathlib import Path

import numpy as np
from world import voices

from . import surface as s
from .camera import jpeg
from .folder import named_faults, put
from .paper import STATES, ZONES, gauge_photo, sheet_photo
from .sound import ogg, room

NAME = "documents"
AGREE = ("agree", "sheet differs", "memo differs")
QUESTION = "Do the gauge, the sheet and the memo agree?"
QUESTION_STATE = "Which state does the gauge show?"
COLUMNS = ["id", "image", "audio", "question", "options", "answer", "decided_by", "device", "split", "date", "gauge_says", "sheet_says", "memo_says", "spoken", "conflict"]
DEVICES = [("train", 10)] * 10 + [("validation", 10)] * 2 + [("calibration", 10)] * 3 + [("test", 10)] * 6
MEMO_EN = {"normal": "Pressure is normal, all fine.", "watch": "Pressure is high, we must watch it.", "stop": "Too high, stop the pump now."}
MEMO_JA = {"normal": "圧力は正常です。", "watch": "圧力が高め、注意です。", "stop": "高すぎます、停止してください。"}


def plan_rows() -> list[dict]:
    """Every row before anything is drawn: ten readings per device."""
    rows = []
    for k, (split, n) in enumerate(DEVICES):
        rng = s.random_of("plan-documents", k)
        device, language = f"P-{k + 1:02d}", "ja" if k % 3 == 2 else "en"
        # 6 of 10 ask whether the three agree (2, 2, 2), 4 ask for the state
        tasks = [(*AGREE, *AGREE, "", "", "", "")[i] for i in rng.permutation(10)]
        for i in range(n):
            says = dict.fromkeys(("gauge_says", "sheet_says", "memo_says"), STATES[(i + k) % 3])
            task = tasks[i]
            odd = task.split()[0] if "differs" in task else (str(rng.choice(["", "", "sheet", "memo"])) if not task else "")
            if odd:
                says[f"{odd}_says"] = str(rng.choice([o for o in STATES if o != says["gauge_says"]]))
            rows.append({"id": f"D{k + 1:02d}-{i + 1:02d}", "device": device, "split": split, "date": f"2026-06-{k + 1:02d}", "language": language,
                         "question": QUESTION if task else QUESTION_STATE, "options": "|".join(AGREE if task else STATES), **says,
                         "truth": task or says["gauge_says"], "answer": task or says["gauge_says"], "decided_by": "image|audio" if task else "image",
                         "conflict": "yes" if odd else "no", "reading": float(rng.uniform(*ZONES[says["gauge_says"]])),
                         "spoken": (MEMO_JA if language == "ja" else MEMO_EN)[says["memo_says"]]})
    plant_faults(rows)
    return rows


def plant_faults(rows: list[dict]) -> None:
    rng = s.random_of("faults", NAME)
    train = [r for r in rows if r["split"] == "train"]
    wrong, copy, named = (train[i] for i in rng.choice(len(train), 3, replace=False))
    wrong["answer"] = str(rng.choice([o for o in wrong["options"].split("|") if o != wrong["truth"]]))
    wrong.update(fault="mislabelled", fault_note=f"the truth is {wrong['truth']}")
    source = next(r for r in train if r["device"] == copy["device"] and "fault" not in r and r not in (copy, named))
    copy.update({key: value for key, value in source.items() if key != "id"}, copy_of=source["id"], fault="exact_duplicate",
                fault_note=f"same files as {source['id']}")
    said = "山田健です。" if named["language"] == "ja" else "Ken Yamada here."
    named.update(spoken=f"{said} {named['spoken']}", fault="personal_data_in_note", fault_note="the memo names a (fictitious) person")


def media(row: dict) -> tuple[bytes, bytes, bytes]:
    """The gauge's JPEG, the sheet's JPEG and the memo's OGG of a planned row."""
    rng = s.random_of("document", row.get("copy_of", row["id"]))
    wrote = row["reading"] if row["sheet_says"] == row["gauge_says"] else float(rng.uniform(*ZONES[row["sheet_says"]]))
    gauge = gauge_photo(row["reading"], row["device"], rng)
    sheet = sheet_photo(row["sheet_says"], wrote, row["device"], row["date"], rng)
    return jpeg(gauge, 58), jpeg(sheet, 38), ogg(room(speak(row, rng), rng), 14000)


def speak(row: dict, rng) -> np.ndarray:
    """The memo in the voice of the device's keeper, float32 (N,) at 16 kHz."""
    keeper = s.random_of("keeper", row["device"])
    if row["language"] == "ja":
        return voices.speak_japanese(row["spoken"], speed=rng.uniform(1.05, 1.25), half_tone=keeper.uniform(-6, 3))
    voice = str(keeper.choice(("en-us+m1", "en-us+f3", "en-gb-scotland", "en-us+f1", "en+m6")))
    return voices.speak_english(row["spoken"], voice, pitch=rng.uniform(42, 58), speed=rng.uniform(1.0, 1.2))


def make_row(row: dict, root: Path) -> dict:
    """Write the three files of one row and return its line of metadata.csv."""
    gauge, sheet, memo = media(row)
    line = {key: row.get(key, "") for key in COLUMNS}
    line["image"] = put(root, f"photos/{row['id']}.jpg", gauge) + "|" + put(root, f"sheets/{row['id']}.jpg", sheet)
    line["audio"] = put(root, f"memos/{row['id']}.ogg", memo)
    return line


def faults(rows: list[dict]) -> list[dict]:
    """The entries of planted_faults.json; contradicting evidence is no fault, but a fact worth listing."""
    conflict = [r["id"] for r in rows if r["conflict"] == "yes"]
    return [*named_faults(NAME, rows), {"use_case": NAME, "kind": "evidence_contradicts", "rows": conflict, "notes": {}}]
