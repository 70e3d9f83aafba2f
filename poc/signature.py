"""Who accepted which gates, when, and whether the figures they are held against had been seen by then.

gates.signed.json lies beside poc.yaml: {"hash", "name", "time", "earlier": the signatures before, oldest first}. A signature covers gates, costs, prevalence and options (`poc.usecase.gates_hash`).
Not covered: an earlier run whose folder was deleted or made elsewhere (--out) leaves no trace that could be found.
"""

import csv
import json
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from kit.data.files import own
from kit.errors import KitError
from kit.language import say
from poc.usecase import gates_hash, load_usecase

FILE = "gates.signed.json"


def sign(directory: Path, name: str) -> dict:
    """Writes gates.signed.json: who accepts which gates, and when. An earlier signature is kept in "earlier".

    Returns:
        {"hash", "name", "time", "earlier"}.

    Raises:
        KitError: no name, poc.yaml is missing or wrong, or the folder cannot be written.
    """
    name = name.strip()
    if not name:
        raise KitError(say("a signature needs a name: poc sign DIR --name NAME", "署名には名前が必要です: poc sign DIR --name 名前"))
    path = Path(directory) / FILE
    before = _read(path)
    earlier = [*before.pop("earlier", []), before] if before else []
    signed = {
        "hash": gates_hash(load_usecase(directory)),
        "name": name,
        "time": datetime.now().astimezone().isoformat(timespec="seconds"),
        "earlier": earlier,
    }
    half = own(path.with_suffix(".part"), path.parent)
    try:
        half.write_text(json.dumps(signed, ensure_ascii=False, indent=1), encoding="utf-8")
        os.replace(half, path)
    except OSError as error:
        raise KitError(
            say(f"cannot write {path} ({error.strerror}); make the folder writable and sign again",
                f"{path} に書けません（{error.strerror}）。書き込めるようにしてから再度署名してください")
        ) from error  # fmt: skip
    return signed


def signature(directory: Path, use) -> dict:
    """Whether the gates of `use` are signed.

    Returns:
        {"signed": bool, "signed_by", "signed_at", "state": "unsigned" | "signed" | "changed", "earlier"}; "changed": they were signed, and are others now; "earlier": [{"name", "time"}] of signatures under other gates.

    Raises:
        KitError: gates.signed.json cannot be read.
    """
    found = _read(Path(directory) / FILE)
    if not found:
        return {"signed": False, "signed_by": "", "signed_at": "", "state": "unsigned", "earlier": []}
    same = found.get("hash") == gates_hash(use)
    earlier = [{"name": old.get("name", ""), "time": old.get("time", "")} for old in found.get("earlier", []) if old.get("hash") != found.get("hash")]
    return {"signed": same, "signed_by": found.get("name", ""), "signed_at": found.get("time", ""), "state": "signed" if same else "changed", "earlier": earlier}


def changed_after_seeing(finished: Iterable[Path], gates: dict, held_out: Iterable[str]) -> list[dict]:
    """The finished runs that had shown what a model does on these held-out rows, under other gates, before the present ones were signed; the newest last.

    Whoever lowers a bar after seeing where a model lands decides nothing by it.

    Args:
        finished: run folders of the use case.
        gates: {"hash", "signed_at"} of the present run; without a signature its own begin counts.
        held_out: ids of the present run's held-out rows; a run on other rows has shown nothing about these.

    Returns:
        [{"run", "finished", "hash", "rows": how many of the held-out rows it had shown}]
    """
    found, mine = [], set(held_out)
    for run in sorted(finished):
        try:
            record = json.loads((run / "run.json").read_text(encoding="utf-8"))
            theirs = {"run": run.name, "finished": str(record["finished"])[:19], "hash": record["gates"]["hash"]}
            with (run / "predictions.csv").open(encoding="utf-8", newline="") as file:
                rows = len(mine & {row["id"] for row in csv.DictReader(file) if row["split"] == "test"})
        except (OSError, ValueError, KeyError, TypeError):  # a damaged run has shown nobody anything that could be told here
            continue
        if theirs["hash"] != gates["hash"] and rows and _moment(theirs["finished"]) < _moment(gates["signed_at"]):
            found.append(theirs | {"rows": rows})
    return found


def _moment(time: str) -> datetime:
    """A recorded time; runs write local times without a zone, signatures with one."""
    return datetime.fromisoformat(time).astimezone()


def _read(path: Path) -> dict:
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise KitError(
            say(f"{path} cannot be read as a signature; delete it and sign again: poc sign {path.parent}",
                f"{path} を署名として読めません。削除してから再度署名してください: poc sign {path.parent}")
        ) from error  # fmt: skip
