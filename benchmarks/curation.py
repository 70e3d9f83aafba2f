"""`poc check` measured: what was planted in the sample company against what is found, and how fast 10,000 photographs are audited.

    python -m benchmarks.curation             # about 10 minutes; writes benchmarks/curation.csv and benchmarks/audit_speed.csv
    python -m benchmarks.curation --only speed --images 2000

Speed: photographs of the sample company, each turned, cut and lit in its own way and saved again, in lots of 100; two threads look at them. Seconds per check, images per second of all that needs no
model, and the memory that the audit took beyond what the process held before; the checks that read features are timed apart, because what they take is the model's time.
"""

import argparse
import shutil
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
import psutil
from PIL import Image, ImageEnhance

from benchmarks.machine import processor_features, versions, write_table
from kit.curation import audit, gather, with_features
from kit.data import read_folder
from kit.show import progress
from poc.audit import ALSO_BY, FOUND_BY, audit_usecase, recalled
from poc.record import peak_memory_mb

ROOT = Path(__file__).resolve().parents[1]
COMPANY, WORK = ROOT / "sample_data" / "company", ROOT / "build" / "benchmarks" / "curation"
TABLE, SPEED = ROOT / "benchmarks" / "curation.csv", ROOT / "benchmarks" / "audit_speed.csv"
COLUMNS = ("date", "use_case", "kind", "planted", "found", "recall", "listed", "right", "precision", "seconds", "cpu")
SPEED_COLUMNS = ("date", "images", "check", "seconds", "images_per_second", "peak_extra_mb", "pillow", "opencv-python-headless", "cpu", "threads")
CASES = ("inspection", "line", "callcentre", "documents")
LOT = 100


def planted(case: str) -> list[dict]:
    """One row per kind of planted fault, one per check that lists rows although nothing of its kind was planted (0 of N right), and the sum."""
    began = time.perf_counter()
    findings = audit_usecase(COMPANY / case)
    rows = recalled(findings, COMPANY / case)
    seconds, told = round(time.perf_counter() - began, 1), []
    for row in rows:
        told.append({"kind": row.kind, "planted": row.planted, "found": row.found, "recall": round(row.found / row.planted, 3), "listed": row.listed, "right": row.right, "precision": round(row.precision, 3)})
    met = {FOUND_BY[row.kind] for row in rows} | {ALSO_BY.get(row.kind) for row in rows}
    for finding in findings:
        listed = finding.evidence.get("pairs") or finding.evidence.get("ids") or ()
        if finding.name in FOUND_BY.values() and finding.name not in met and listed:
            told.append({"kind": f"nothing planted: {finding.name}", "planted": 0, "found": 0, "recall": "", "listed": len(listed), "right": 0, "precision": 0.0})
            print(f"{case}: {finding.name}: 0 of {len(listed)} listed are planted")
    total = {key: sum(row[key] for row in told) for key in ("planted", "found")}
    told.append({"kind": "all", **total, "recall": round(total["found"] / total["planted"], 3), "listed": "", "right": "", "precision": ""})
    return [{"date": date.today().isoformat(), "use_case": case, **row, "seconds": seconds, "cpu": processor_features()} for row in told]


def photographs(number: int) -> Path:
    """A folder of `number` different photographs with a table; made once."""
    root = WORK / f"photographs-{number}"
    if (root / "metadata.csv").is_file():
        return root
    shutil.rmtree(root, ignore_errors=True)
    (root / "images").mkdir(parents=True)
    samples, lines, rng = read_folder(COMPANY / "inspection", verify=False).samples, ["image,answer,lot"], np.random.default_rng(0)
    for i in progress(range(number), desc="photographs"):
        sample = samples[i % len(samples)]
        picture = Image.open(sample.image[0]).convert("RGB").rotate(90 * (i // len(samples) % 4))
        left, top = rng.integers(0, 16, 2)
        picture = ImageEnhance.Brightness(picture.crop((left, top, picture.width - 8, picture.height - 8)).resize((320, 320))).enhance(rng.uniform(0.8, 1.2))
        picture.save(root / "images" / f"{i:05d}.jpg", quality=88)
        lines.append(f"images/{i:05d}.jpg,{sample.answer},L{i // LOT:03d}")
    (root / "metadata.csv").write_text("\n".join(lines), encoding="utf-8")
    return root


def speed(number: int) -> list[dict]:
    """One row per check, one for looking at the files, one for all that needs no model."""
    folder = read_folder(photographs(number), group_by="lot", verify=False)
    held = psutil.Process().memory_info().rss / 2**20
    seconds: dict[str, float] = {}
    began = time.perf_counter()
    material = gather(folder.samples, folder.faults, folder.options)
    seconds["looking at every file, faces included"] = time.perf_counter() - began
    audit(material, seconds=seconds)
    peak = peak_memory_mb() - held
    plain = sum(seconds.values())
    began = time.perf_counter()
    featured = with_features(material)
    extra = {"hand-made features": time.perf_counter() - began}
    audit(featured, ("random against honest split", "probable label errors"), seconds=extra)
    rows = [*seconds.items(), ("all that needs no features", plain), *((f"with features: {name}", spent) for name, spent in extra.items())]
    return [
        {"date": date.today().isoformat(), "images": number, "check": name, "seconds": round(spent, 2), "images_per_second": round(number / spent) if spent > 0.01 else "", "peak_extra_mb": round(peak),
         **versions("pillow", "opencv-python-headless"), "cpu": processor_features(), "threads": 2}
        for name, spent in rows
    ]  # fmt: skip


def main() -> None:
    """Measures and writes the tables; speed in a process of its own, whose memory is nothing else's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("planted", "speed"))
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.here:
        write_table(SPEED, SPEED_COLUMNS, speed(asked.images))
        return
    if asked.only != "speed":
        write_table(TABLE, COLUMNS, [row for case in CASES for row in planted(case)])
    if asked.only != "planted":
        photographs(asked.images)
        subprocess.run([sys.executable, "-m", "benchmarks.curation", "--here", "--images", str(asked.images)], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
