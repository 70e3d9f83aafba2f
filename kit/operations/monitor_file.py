"""A monitor on disk: one .npz of plain arrays and one line of JSON, no pickle, written in one move."""

import io
import json
import os
from dataclasses import asdict
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from kit.errors import KitError
from kit.finding import Finding
from kit.language import say
from kit.operations.observed import Observed
from kit.operations.policy import Policy

_SCHEMA = 2
_KINDS = ("scores", "quality", "rates")


def write(monitor, path: Path) -> None:
    """Writes a `kit.operations.drift.Monitor`."""
    arrays = _arrays("reference", monitor.reference) | _arrays("recent", monitor._recent)
    told = {
        "schema": _SCHEMA, "policy": asdict(monitor.policy), "limits": monitor.limits, "count": monitor.count, "over": monitor._over, "looks": monitor._looks,
        "alarms": [finding.as_dict() for finding in monitor.alarms],
    }  # fmt: skip
    whole = io.BytesIO()
    np.savez(whole, told=np.array(json.dumps(told, ensure_ascii=False)), **arrays)
    half = path.with_name(path.name + ".part")
    half.write_bytes(whole.getvalue())
    os.replace(half, path)


def read(kind, path: Path):
    """The monitor, whose limits are read and not set again.

    Raises:
        KitError: the file is none of a monitor, or of another schema.
    """
    try:
        with np.load(path, allow_pickle=False) as kept:
            told = json.loads(str(kept["told"]))
            if told["schema"] != _SCHEMA:
                raise ValueError
            reference, recent = (_observed(name, kept) for name in ("reference", "recent"))
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise KitError(say(f"{path} is no saved monitor (or a damaged one); make one with Monitor(reference) and save it", f"{path} は保存された監視データではないか、壊れています。Monitor(reference) で作り直して保存してください")) from error
    made = kind.__new__(kind)
    made.reference, made.policy = reference, Policy(**told["policy"])
    made._prepare()
    made.limits, made.count, made._over, made._recent = told["limits"], told["count"], told["over"], recent
    made._looks = [tuple(look) for look in told["looks"]]
    made.alarms = [Finding(**finding) for finding in told["alarms"]]
    return made


def _arrays(name: str, rows: Observed) -> dict[str, np.ndarray]:
    columns = {f"{name}|{kind}|{column}": values for kind in _KINDS for column, values in getattr(rows, kind).items()}
    return {f"{name}|group": rows.group, f"{name}|embedding": rows.embedding, **columns}


def _observed(name: str, kept) -> Observed:
    columns = {kind: {key.split("|", 2)[2]: kept[key] for key in kept.files if key.startswith(f"{name}|{kind}|")} for kind in _KINDS}
    return Observed(kept[f"{name}|group"], **columns, embedding=kept[f"{name}|embedding"])
