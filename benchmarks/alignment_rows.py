"""The rows of benchmarks.alignment: a general world that is drawn anew, and the sample company by sense; and the model of unaligned parts that all arms begin with."""

import csv
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from kit.data import Sample, read_folder
from kit.models.compose import save
from kit.show import progress
from poc.pipeline import COMPANY
from poc.senses import SENSES, sense_rows
from sample_data.recipe import guard
from sample_data.recipe.measure import held_out
from sample_data.recipe.parts import compose_parts, write_parts
from sample_data.world import pictures, questions, sounds

WORK = Path(__file__).parents[1] / "build" / "benchmarks" / "alignment"
DRAWN = {"image": 6000, "motion": 1600, "spoken": 3000, "text": 400}  # of the general world, to train on
ASKED = {"image": 200, "motion": 200, "spoken": 200, "text": 200}
ONCE = 500  # of each kind
MORE, QUESTIONS = 9_000, 5  # pictures for the long run, and questions about each
WRITTEN, WRITTEN_ASKED = 1200, 160  # recordings that are to be written down
NAMES = {"image": "pictures", "motion": "films", "spoken": "speech", "text": "text"}
SENSE_OF = {"pictures": "image", "documents": "image", "inspection": "image", "speech": "audio", "calls": "audio", "films": "video", "line": "video"}
MOST = 160  # rows asked of a kind
CONNECTORS = {
    "linear": {"kind": "linear", "stack": 4}, "mlp": {"kind": "mlp", "stack": 4}, "pooling": {"kind": "pooling", "stack": 4}, "resampler": {"kind": "resampler", "stack": 8, "queries": 2},
    "mlp, 10 frames": {"kind": "mlp", "stack": 10},
}  # fmt: skip


def world(folder: Path) -> Path:
    """The general world as a folder of rows, drawn once (about five minutes)."""

    def rows(part: Path) -> Iterator[dict]:
        for split, counts, seed in (("train", DRAWN, 31), ("test", ASKED, 900_004)):
            for kind, count in counts.items():
                yield from _closed(part, kind, count, seed, split)
        for split, count, seed in (("train", WRITTEN, 32), ("test", WRITTEN_ASKED, 900_005)):
            yield from _dictated(part, count, seed, split)

    return _drawn(folder, rows)


def other_rows(folder: Path) -> Path:
    """Held-out rows that were asked once, of the finished long run: its schedule was changed after its answers to `asked` were read."""
    return _drawn(folder, lambda part: (row for kind in ASKED for row in _closed(part, kind, ONCE, 900_105, "test")))


def many_questions(folder: Path) -> Path:
    """Further pictures, several questions about each: a picture is dear to draw, a question is cheap. Few pictures are learned by heart: with 6,000 of them the long run's first stage was right about 86 %
    of others and nearly all of its own."""

    def rows(part: Path) -> Iterator[dict]:
        rng = np.random.default_rng(35)
        for number in progress(range(MORE), desc="drawing pictures"):
            picture, name, media = pictures.picture(rng, (112, 140, 168)[number % 3]), f"more_{number:05d}", {}
            items = {item.question: item for item in (questions.about(rng, picture) for _ in range(QUESTIONS))}
            for place, item in enumerate(items.values()):
                media = media or guard.write_media(item, part / "media", name)
                row = {"id": f"{name}_{place}", "group": name, "question": item.question, "options": "|".join(item.options), "answer": item.answer}
                yield row | {"decided_by": item.decided_by, "data_layer": "general", "split": "train"} | media

    return _drawn(folder, rows)


def _drawn(folder: Path, rows: Callable[[Path], Iterable[dict]]) -> Path:
    """The folder with what `rows` draws into it, once."""
    if not (folder / "metadata.csv").is_file():
        part = folder.with_name(folder.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        (part / "media").mkdir(parents=True)
        with (part / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, (*guard.COLUMNS, "group"), restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows(part))
        part.replace(folder)
    return folder


def _closed(folder: Path, kind: str, count: int, seed: int, split: str) -> list[dict]:
    rows = []
    for number, item in enumerate(progress(held_out(kind, count, seed, "train" if split == "train" else "held_out"), desc=f"writing {kind}")):
        name = f"{split}_{NAMES[kind]}_{number:05d}"
        row = {"id": name, "group": name, "text": item.text, "question": item.question, "options": "|".join(item.options), "answer": item.answer}
        rows.append(row | {"decided_by": item.decided_by, "data_layer": "general", "split": split} | guard.write_media(item, folder / "media", name))
    return rows


def _dictated(folder: Path, count: int, seed: int, split: str) -> list[dict]:
    """Phrases that are to be written down, of voices that training never heard in the test."""
    rng, rows = np.random.default_rng([seed, count]), []
    for number in range(count):
        heard = sounds.listen(rng, "train" if split == "train" else "held_out", ("phrase", "transcript")[number % 2])
        item, name = guard.Item("", (), "", "", audio=heard.wave), f"{split}_dictation_{number:05d}"
        asked = "何と言いましたか?" if heard.language == "ja" else "What is said?"
        row = {"id": name, "group": name, "question": asked, "answer": heard.written, "decided_by": "audio", "data_layer": "general", "split": split}
        rows.append(row | guard.write_media(item, folder / "media", name))
    return rows


def sources() -> dict[str, list[Sample]]:
    """Source -> training rows."""
    drawn = [row for row in read_folder(world(WORK / "world"), verify=False).samples if row.split == "train"]
    found = {name: [row for row in drawn if f"_{name}_" in row.id] for name in NAMES.values()}
    found["many questions"] = [*found["pictures"], *read_folder(many_questions(WORK / "many"), verify=False).samples]
    found["dictation"] = [row.replace(options=()) for row in drawn if "_dictation_" in row.id]  # a folder's rows without options are given the answers of all of them
    return found | {name: rows for sense in SENSES for name, rows in sense_rows(COMPANY, sense, "train").items()}


def asked() -> dict[str, list[Sample]]:
    """Kind -> held-out rows with options."""
    return _by_kind(world(WORK / "world")) | asked_of_company()


def asked_once() -> dict[str, list[Sample]]:
    """Kind of the general world -> `other_rows`."""
    return _by_kind(other_rows(WORK / "other"))


def _by_kind(folder: Path) -> dict[str, list[Sample]]:
    drawn = [row for row in read_folder(folder, verify=False).samples if row.split == "test"]
    return {name: [row for row in drawn if f"_{name}_" in row.id] for name in NAMES.values()}


def asked_of_company() -> dict[str, list[Sample]]:
    """Kind -> rows of other devices, lots, callers and days than those trained on."""
    rows = {name: [row for split in ("test", "calibration") for row in sense_rows(COMPANY, sense, split)[name]] for sense in SENSES for name in sense_rows(COMPANY, sense, "test")}
    return {name: _spread(found, MOST) for name, found in rows.items()}


def groups_of(hits: dict[str, list]) -> dict[str, list[str]]:
    """Kind -> group of each row that was asked; every drawn row is one of its own."""
    company = asked_of_company()
    return {kind: [row.group for row in company[kind]] if kind in company else [f"{kind} {number}" for number in range(len(found))] for kind, found in hits.items()}


def _spread(rows: list[Sample], most: int) -> list[Sample]:
    """At most so many rows, from all over the list."""
    return [rows[place] for place in np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int)]


def dictation(noisy: bool) -> list[Sample]:
    """Held-out recordings to be written down, as they are or with white noise 10 dB below them."""
    rows = [row.replace(options=()) for row in read_folder(world(WORK / "world"), verify=False).samples if row.split == "test" and "_dictation_" in row.id]
    return [row.replace(meta={**row.meta, "shown_as": {"audio": {"how": "noisy", "decibels": 10, "seed": number}}}) for number, row in enumerate(rows)] if noisy else rows


def base(seed: int, connector: str = "mlp") -> Path:
    """The composed model of unaligned parts."""
    folder = WORK / f"base-{seed}-{connector.replace(' ', '-').replace(',', '')}"
    if not (folder / "whole" / "config.json").is_file():
        part = folder.with_name(folder.name + f".{time.time_ns()}")
        save(compose_parts(write_parts(part, fresh_merger=True, seed=seed), CONNECTORS[connector], seed), part / "whole")
        shutil.rmtree(folder, ignore_errors=True)
        part.replace(folder)
    return folder / "whole"
