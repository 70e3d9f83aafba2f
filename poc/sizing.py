"""How big a machine? What a run's model needs in several forms, measured one after the other on this machine, and what that means for machines that the user names.

    measure(loaded, samples, "16-bit")      latency, rows per second, memory, KPI of whatever is loaded
    size(run)                               the run's model in 16-bit, 8-bit, 4-bit, merged, with smaller pictures, and a smaller checkpoint, side by side
    plan(measured, assumed, machines)       edge against server against endpoint: how many, how fast, what a month costs

Nothing is guessed: a form that this machine cannot run is told with its reason, a machine whose speed nobody measured has none, and a price that nobody wrote stays unknown. Rows per second of
another machine are those of this one times the `speed` that poc.yaml states for it. Not covered: several models on one machine, networks, queues (utilisation and peak factor stand for them).
"""

import gc
import math
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from kit.data import Sample
from kit.data.collator import Collator
from kit.data.media import load_image
from kit.errors import KitError
from kit.evaluation import compare, evaluate, predict
from kit.language import say
from kit.models import Loaded, load
from kit.models.eight_bit import in_eight_bit
from kit.models.merge import merged
from poc import runs
from poc.business import SIZING, Figure, Machine
from poc.runs import quiet

FILE = "sizing.json"
WARM_UP, ALONE, BATCH = 2, 16, 16  # rows


@dataclass(frozen=True)
class Measured:
    """One form of a model, as it ran here.

    Attributes:
        name: of the form.
        device: where.
        rows, tokens: how many rows were asked, and the median number of their tokens.
        median_s, p95_s: seconds of one row that is asked alone.
        rows_per_second: of rows that are asked in batches.
        weights_mb: of all parameters and buffers.
        working_mb: the most that was held beside the weights while answering; None: this system does not say it.
        kpi: {"value", "low", "high"}; None where the rows have no answers.
        difference: KPI less that of the first form on the same rows, with its interval; None for the first.
        reason: why it could not be measured; "" where it was.
    """

    name: str
    device: str = ""
    rows: int = 0
    tokens: float = 0.0
    median_s: float = math.nan
    p95_s: float = math.nan
    rows_per_second: float = math.nan
    weights_mb: float = math.nan
    working_mb: float | None = None
    kpi: dict | None = None
    difference: dict | None = None
    reason: str = ""

    @property
    def memory_gb(self) -> float | None:
        """Weights and what is held beside them."""
        return None if self.working_mb is None else (self.weights_mb + self.working_mb) / 1024


def measure(loaded: Loaded, samples: list[Sample], name: str, kpi: str = "macro_recall", reference=None, batch: int = BATCH) -> tuple[Measured, object]:
    """(what was measured, the predictions frame). Two rows are asked unmeasured first; then some alone, then all in batches.

    Args:
        loaded: whatever is loaded.
        samples: closed questions, with answers for a KPI.
        reference: another form's frame of the same rows, to take the paired difference to.

    Raises:
        KitError: no rows.
    """
    if not samples:
        raise KitError(say("no rows to measure with: give some that are like those of production", "測定する行がありません。本番に近い行を指定してください"))
    predict(loaded, samples[:WARM_UP])
    reset = _watch()
    held = _held_mb()
    alone = [_seconds(lambda one=one: predict(loaded, [one])) for one in samples[:ALONE]]
    began = time.perf_counter()
    frame = predict(loaded, samples, batch_size=batch)
    spent = time.perf_counter() - began
    peak = _peak_mb() if reset else None
    labels = sorted({option for sample in samples for option in sample.options})
    answered = all(sample.answer for sample in samples)
    collator = Collator(loaded.processor, answers=False)
    return Measured(
        name, str(loaded.device), len(samples), float(np.median([collator([one])["input_ids"].shape[1] for one in samples[:ALONE]])), float(np.median(alone)), float(np.quantile(alone, 0.95)),
        len(samples) / spent, sum(part.numel() * part.element_size() for part in [*loaded.model.parameters(), *loaded.model.buffers()]) / 2**20, None if peak is None else max(peak - held, 0.0),
        evaluate(frame, labels)[kpi] if answered else None, compare(frame, reference, labels, kpi) if answered and reference is not None else None,
    ), frame  # fmt: skip


def side_by_side(forms: dict[str, Callable[[], tuple[Loaded, list[Sample]]]], kpi: str = "macro_recall", tell=quiet) -> list[Measured]:
    """Each form in turn, freed before the next; the first one once more at the end, as "... (again)": where its two rows differ, the machine was busy with something else.

    Args:
        forms: name -> what loads it and says which rows it is asked; the same rows for all, but for their pictures' size.
    """
    found, reference, first = [], None, next(iter(forms))
    for name, make in [*forms.items(), (say(f"{first} (again)", f"{first}（再測定）"), forms[first])]:
        tell(name)
        try:
            loaded, samples = make()
            one, frame = measure(loaded, samples, name, kpi, reference)
            found.append(one)
            reference = frame if reference is None else reference
        except (RuntimeError, NotImplementedError, ImportError, KitError) as error:  # what a library says where it cannot run here
            if name == first:
                raise
            found.append(Measured(name, reason=(str(error).strip() or type(error).__name__).splitlines()[0][:200]))
        loaded = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return found


def size(run: Path, samples: list[Sample], smaller: str | None = None, picture_share: float = 0.5, tell=quiet) -> list[Measured]:
    """The run's model in every form that this machine can run, on the same rows; written to sizing.json in the run's folder (`store`), without plans.

    Args:
        run: a finished run.
        samples: of its use case; held-out ones, or the KPI flatters.
        smaller: another finished run, of a smaller checkpoint on the same use case.
        picture_share: of the pictures' area that is left in the form with smaller pictures.

    Raises:
        KitError: no such run, or its model cannot be loaded.
    """
    record = runs.read(run)
    source, adapter = runs.checkpoint_of(record), run / "adapter"
    whole = "16-bit" if torch.cuda.is_available() else "32-bit"  # on a CPU everything is loaded in float32
    with tempfile.TemporaryDirectory() as place:
        small = smaller_pictures(samples, picture_share, Path(place))
        forms = {whole: lambda: (load(source, adapter=adapter), samples), say("adapter merged", "アダプター統合"): lambda: (merged(load(source, adapter=adapter)), samples)}
        if whole == "32-bit":
            forms["16-bit"] = lambda: (_half(merged(load(source, adapter=adapter))), samples)
        forms |= {"8-bit": lambda: (in_eight_bit(merged(load(source, adapter=adapter))), samples), "4-bit": lambda: (load(source, four_bit=True, adapter=adapter), samples)}
        if any(sample.image for sample in samples):
            forms[say(f"pictures of {picture_share:.0%} of the area", f"画像の面積 {picture_share:.0%}")] = lambda: (load(source, adapter=adapter), small)
        if smaller is not None:
            forms[say("smaller checkpoint: ", "小さいチェックポイント：") + runs.read(Path(smaller))["model"]["name"]] = lambda: (runs.load_tuned(Path(smaller)), samples)
        found = side_by_side(forms, record["gates"]["kpi"], tell)
    store(run, found, {})
    return found


def store(run: Path, found: list[Measured], plans: dict[str, list[dict]]) -> None:
    """sizing.json: {"schema", "forms": what was measured, "plans": name of a form -> its rows of `plan`}."""
    runs.write_json(run / FILE, {"schema": 1, "forms": [_plain(asdict(one)) for one in found], "plans": plans})


def smaller_pictures(samples: list[Sample], share: float, folder: Path) -> list[Sample]:
    """The samples with copies of their pictures that have `share` of the area; how many tokens that saves depends on the checkpoint, and some save none (`Measured.tokens`)."""
    found = []
    for place, sample in enumerate(samples):
        paths = []
        for number, path in enumerate(sample.image):
            picture = load_image(path)
            paths.append(folder / f"{place}_{number}.png")
            picture.resize([max(1, round(side * math.sqrt(share))) for side in picture.size], Image.Resampling.LANCZOS).save(paths[-1])
        found.append(sample.replace(image=tuple(paths)))
    return found


def plan(measured: Measured, assumed: dict[str, Figure], machines: tuple[Machine, ...], currency: str = "JPY") -> list[dict]:
    """What each machine would mean for the stated volume.

    needed rows per second = volume / (hours x 3600) x peak factor / utilisation; machines = needed / (rows per second here x speed), rounded up. At the edge cases come one at a time, so that a machine's rows
    per second are 1 / median latency; a server answers batches. An endpoint's number of machines is its provider's affair.

    Returns:
        per machine {"name", "place", "fits": bool | None, "machines": int | None, "latency_s", "needed_per_second", "once", "monthly": yen or None, "unknown": [what to give], "source", "date"}.
    """
    value = {key: assumed[key].value for key in SIZING}
    needed = value["volume_per_month"] / (value["hours_per_month"] * 3600) * value["peak_factor"] / value["utilisation"]
    return [_planned(machine, measured, needed, value["volume_per_month"], currency) for machine in machines]


def _planned(machine: Machine, measured: Measured, needed: float, volume: float, currency: str) -> dict:
    unknown = []

    def known(key: str, text_en: str, text_ja: str):
        found = getattr(machine, key)
        if found is None:
            unknown.append(say(f"give machines: {machine.name}: {key} ({text_en})", f"machines の {machine.name} に {key} を書いてください（{text_ja}）"))
        return found

    row = {"name": machine.name, "place": machine.place, "needed_per_second": needed, "source": machine.source, "date": machine.date, "fits": None, "machines": None, "latency_s": None, "once": None, "monthly": None}
    if machine.place == "endpoint":
        price = known("per_1000", f"{currency} per 1,000 cases", f"1,000 件あたりの {currency}")
        return row | {"once": 0.0 if machine.price is None else machine.price, "monthly": None if price is None else volume / 1000 * price + (machine.monthly or 0.0), "unknown": unknown}
    speed, room = known("speed", "rows per second against the machine that measured", "測定した端末に対する速度の比"), known("memory_gb", "its memory", "メモリ")
    if room is not None and measured.memory_gb is not None:
        row["fits"] = measured.memory_gb <= room
    if speed is not None:
        row["latency_s"] = measured.median_s / speed
        row["machines"] = max(1, math.ceil(needed / speed / (1 / measured.median_s if machine.place == "edge" else measured.rows_per_second) - 1e-9))
    once, monthly = known("price", f"{currency} once", f"購入価格、{currency}"), known("monthly", f"{currency} a month", f"月額、{currency}")
    count = row["machines"]
    return row | {"once": None if None in (once, count) else count * once, "monthly": None if None in (monthly, count) else count * monthly, "unknown": unknown}


def _half(loaded: Loaded) -> Loaded:
    return replace(loaded, model=loaded.model.to(torch.bfloat16))


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _plain(row: dict) -> dict:
    """JSON knows no NaN."""
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}


def _watch() -> bool:
    """Begins to watch the peak of memory; False where this system cannot."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        return True
    try:
        Path("/proc/self/clear_refs").write_text("5")  # Linux: VmHWM begins anew
        return True
    except OSError:
        return False


def _held_mb() -> float:
    return torch.cuda.memory_allocated() / 2**20 if torch.cuda.is_available() else _status("VmRSS")


def _peak_mb() -> float:
    return torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else _status("VmHWM")


def _status(name: str) -> float:
    """MB of this process as Linux counts them."""
    path = Path("/proc/self/status")
    found = re.search(rf"{name}:\s+(\d+) kB", path.read_text()) if path.is_file() else None
    return int(found[1]) / 1024 if found else 0.0
