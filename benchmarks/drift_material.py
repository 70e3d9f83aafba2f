"""The recorded months of benchmarks/drift.py: lots and callers of the sample company's generator that no model was trained on, clean and with each planted change, seen by the model once.

Every set is made once and kept below build/benchmarks/drift: its files, and in one .npz the answers, shares, frozen features and statistics of the media (`read` needs neither model nor generator). A row's draws hang on its name alone, so a changed photo shows the same
part, scratch and dust in another light, and a changed call is the same sentence through another microphone.
"""

import sys
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
from scipy import signal

from benchmarks.drift import EDITION, WORK, file_of

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "sample_data")]  # company_maker, world

from company_maker import calls, inspection, parts, photo  # noqa: E402
from company_maker import surface as s  # noqa: E402
from company_maker.camera import CAMERAS, ODD_LIGHT, Camera, jpeg  # noqa: E402
from company_maker.sound import RATE, ogg  # noqa: E402

from kit.data import Sample  # noqa: E402
from kit.evaluation import predict  # noqa: E402
from kit.evaluation.labels import frozen_features  # noqa: E402
from kit.models import Loaded, load  # noqa: E402
from kit.operations.quality import quality_of  # noqa: E402
from kit.show import progress  # noqa: E402
from poc import runs  # noqa: E402

LOT, CALLS = 12, 8  # rows of a lot, calls of a caller
QUESTION = "Which defect does the part in the photo have?"
NEW_PART = "HX-300"
SOUND = 0.7  # share of parts without a defect


def photos(name: str, lots: int, strength: float = 0.0, new: bool = False) -> list[Sample]:
    """Photos of `lots` lots, each of one part number (a new one, else one of the six), `strength` (0 to 1) of the way from the cameras' own lamps to the low evening sun of the company's odd lot."""
    made, changed = [], f"light-{strength:g}" if strength else "clean"
    with patch.dict(photo.ODD_LIGHT, {camera: between(CAMERAS[camera], ODD_LIGHT[camera], strength) for camera in CAMERAS}), patch.dict(parts.SHAPES, {NEW_PART: hexagon}):
        for k in progress(range(lots), desc=f"photos {name} {changed}"):
            lot = f"D{EDITION}{name}{k:03d}"
            rng = s.random_of("drift lot", lot)
            number = NEW_PART if new else str(rng.choice(parts.PARTS))
            for i in range(LOT):
                truth = "ok" if rng.random() < SOUND else str(rng.choice(inspection.OPTIONS[1:]))
                row = {"id": f"{lot}-{i:02d}", "lot": lot, "part": number, "camera": "ABC"[rng.integers(3)], "truth": truth, "odd_light": bool(strength)}
                path = WORK / "photos" / changed / f"{row['id']}.jpg"
                if not path.is_file():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(jpeg(photo.take_photo(row)[0], inspection.QUALITY))
                made.append(Sample(row["id"], QUESTION, inspection.OPTIONS, truth, image=(path,), decided_by=("image",), group=lot, meta={"part": number}))
    return made


def between(camera: Camera, other: Camera, share: float) -> Camera:
    """The camera's lamps, white balance, exposure, shading and noise, a share of the way to the other's."""

    def mixed(a, b):
        return tuple(mixed(x, y) for x, y in zip(a, b, strict=True)) if isinstance(a, tuple) else a + share * (b - a)

    names = ("lamps", "white", "exposure", "vignette", "noise")
    return Camera(**(vars(camera) | {name: mixed(getattr(camera, name), getattr(other, name)) for name in names}))


def hexagon(x, y):
    """A part number that the company did not make before: a hexagonal plate with two slots."""
    corners = [(0.84 * np.cos(a), -0.84 * np.sin(a)) for a in np.arange(6) * np.pi / 3 + 0.3]
    holes = [(0.0, 0.0, 0.16)] + [(0.5 * np.cos(a), 0.5 * np.sin(a), 0.11) for a in np.arange(3) * 2 * np.pi / 3]
    return s.polygon(x, y, corners, 0.06), holes, 0.07 * s.smooth(-np.abs(np.hypot(x, y) - 0.32), -0.06, -0.02)


def recorded_calls(name: str, callers: int, microphone: bool = False) -> list[Sample]:
    """Calls of `callers` callers; with `microphone` through a cheap one, whose voice is duller, softer and less clean."""
    made, changed = [], "microphone" if microphone else "clean"
    for k in progress(range(callers), desc=f"calls {name} {changed}"):
        caller = f"D{EDITION}{name}{k:03d}"
        rng = s.random_of("drift caller", caller)
        language, turn = ("ja" if k % 3 == 1 else "en"), rng.permutation(4)
        for i in range(CALLS):
            call = calls.plan_call(f"{caller}-{i}", caller, "test", language, calls.EMOTIONS[turn[i % 4]], rng)
            path = WORK / "calls" / changed / f"{call['call']}.ogg"
            if not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                kept = path.parents[1] / f"{call['call']}.npy"  # speaking it again would take longer than all the rest
                wave = np.load(kept) if kept.is_file() else calls.speak(call)
                np.save(kept, wave)
                path.write_bytes(ogg(through_cheap_microphone(wave, s.random_of("microphone", call["call"])) if microphone else wave, 14000))
            made.append(Sample(call["call"], calls.QUESTION, calls.EMOTIONS, call["emotion"], audio=(path,), text=call["text"], decided_by=("audio",), group=caller))
    return made


def through_cheap_microphone(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Nothing above 2.4 kHz, 4 dB softer, hiss of its own."""
    b, a = signal.butter(2, 2400, fs=RATE)
    return (0.63 * signal.lfilter(b, a, wave) + 0.006 * rng.standard_normal(len(wave))).astype(np.float32)


def look(name: str, loaded: Loaded, samples: list[Sample]) -> None:
    """Keeps what the model makes of the samples, as benchmarks/drift.py reads it."""
    frame = predict(loaded, samples, desc=name)
    shares = np.array([[row[option] for option in samples[0].options] for row in frame["probabilities"]])
    checked = [s.random_of("checked", sample.id).random() for sample in samples]
    quality = {f"quality {key}": values for key, values in quality_of(samples).items()}
    group, answer = ([getattr(sample, column) for sample in samples] for column in ("group", "answer"))
    np.savez(file_of(name), group=group, answer=answer, predicted=frame["predicted"].to_numpy(str), shares=shares, features=frozen_features(loaded, samples, desc=name).astype(np.float32), checked=checked, **quality)


def make(stream: str, sets: dict[str, tuple]) -> None:
    """Makes the sets of a stream that are not there: name -> arguments of `photos` or `recorded_calls`."""
    missing = {name: given for name, given in sets.items() if not file_of(f"{stream}-{name}").is_file()}
    if not missing:
        return
    loaded = runs.load_tuned(runs.EXAMPLE) if stream == "photos" else load("tiny_omni", device="cpu", four_bit=False)
    for name, given in missing.items():
        began = time.process_time()
        look(f"{stream}-{name}", loaded, (photos if stream == "photos" else recorded_calls)(*given))
        print(f"{stream}-{name}: {time.process_time() - began:.0f} processor seconds", flush=True)
