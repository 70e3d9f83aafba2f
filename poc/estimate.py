"""`poc estimate`: what a run will need, before it is made: memory, batch, tokens and minutes, from a few real updates and a few real answers on the company's own rows.

Nothing is written and no hub is asked. Everything is measured as the run does it, on fewer rows, and scaled by their number; how fast learning goes is not
foreseen, so the minutes are those of a training that is not stopped early. Not covered: several processes (`accelerate launch`), machines other than this one.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import psutil
import torch

from kit.data import Sample
from kit.data.collator import Collator
from kit.data.media import image_size
from kit.errors import KitError
from kit.evaluation import evaluate, majority, predict
from kit.evaluation.scoring import answer_losses
from kit.language import say
from kit.models import Loaded, load, require_checkpoint, resolve
from kit.models.catalogue import CATALOGUE
from kit.models.encoders import remembered
from kit.models.forward import is_out_of_memory
from kit.training import checks
from kit.training.trial import Trial, try_updates
from poc import arms
from poc.audit import audit_rows
from poc.pipeline import GUARD, Job, examine, quiet
from poc.record import peak_memory_mb

LOOK = 16  # rows of each kind of evidence that are scored: one batch
_BASELINE_ROWS = 80, 240
_AUDITED = 200  # rows that are looked at
_RESAMPLED = 30  # about how many rows and differences of a results table are resampled


@dataclass(frozen=True)
class Estimate:
    """What a run will need.

    Attributes:
        checkpoint: its name in the catalogue, or its directory's.
        four_bit: whether the language model is stored in 4-bit.
        device: cuda's name, or "cpu".
        steps, batch: updates, and samples of each.
        micro_batch: samples that fitted into memory at once; accumulation = batch / micro_batch. None: not measured.
        asked: samples at once that poc.yaml asks for.
        largest: (height, width) of the largest picture; None without pictures.
        longest: tokens of the longest row that was looked at.
        looked_at: how many rows' tokens were counted, of `rows`.
        bad: ids over the token budget or with a medium that would be cut.
        seconds: stage (as in run.json's timing) -> seconds; {} when nothing was measured.
        peak_gb: the most memory that was held while measuring; without a measurement, that of the weights (None: unknown).
        memory_gb: what there is, or was named.
        by_weights: {"16-bit", "4-bit"} -> the largest checkpoint of the catalogue that takes these data in, whose licence does not forbid it, and whose weights fill at
            most half of that memory; a rule of thumb on unmeasured figures.
    """

    checkpoint: str
    four_bit: bool
    device: str
    steps: int
    batch: int
    rows: int
    memory_gb: float
    micro_batch: int | None = None
    asked: int | None = None
    largest: tuple[int, int] | None = None
    longest: int = 0
    looked_at: int = 0
    bad: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    peak_gb: float | None = None
    by_weights: dict[str, str] = field(default_factory=dict)

    @property
    def minutes(self) -> float:
        """Of the whole run."""
        return sum(self.seconds.values()) / 60


def estimate(
    directory: Path, preset: str | None = None, model: str | None = None, skip_bad: bool = False, seed: int | None = None, memory_gb: float | None = None, tell=quiet
) -> Estimate:  # fmt: skip
    """What `poc run` with the same arguments will need on this machine.

    Args:
        directory, preset, model, skip_bad, seed: as for `poc.pipeline.run`.
        memory_gb: of a smaller card, which is then all that this one gives; without a card it is only compared with what was held.
        tell: receives one line per step.

    Raises:
        KitError: what `run` would refuse, or a single sample does not fit into memory.
    """
    began = time.perf_counter()
    tell(say("[1/4] reading the company's folder", "[1/4] 会社のフォルダーを読み込み中"))
    job = examine(Path(directory), preset, model, skip_bad, seed, quiet)  # whose own line counts the stages of a run
    room = _room(memory_gb)
    if not _is_here(job.source):
        return _from_catalogue(job, room)
    require_checkpoint(job.source)
    seconds = {"reading the company's folder": time.perf_counter() - began}
    tell(say("[2/4] timing the audit and the baselines", "[2/4] 検査と比較対象の所要時間を計測"))
    seconds["audit of the rows"] = _audit(job)
    seconds["baselines without an MLLM"] = _baselines(job)
    tell(say("[3/4] answering a few rows with the base model", "[3/4] ベースモデルで数行に回答"))
    began = time.perf_counter()
    loaded = load(job.source, four_bit=job.four_bit)
    loading = time.perf_counter() - began
    train = arms.mixed_rows(job.split("train"), GUARD, job.use.training, job.settings.seed)
    held_out = [sample for split in ("validation", "calibration", "test") for sample in job.split(split)]
    counting, tokens = _tokens(loaded, [*train, *held_out], job.settings.max_tokens)
    if tokens["cut"] or tokens["over_budget"]:  # `run` would refuse them: nothing else matters before they are mended
        return Estimate(**_what(job, room), **_counted(tokens))
    guard = arms.guard_samples(GUARD, loaded)
    seconds["base model on held-out rows"] = loading + _base(loaded, job, guard)
    tell(say("[4/4] making a few updates, and answering with the adapter", "[4/4] 数回更新し、アダプターつきで回答"))
    trial = _try(loaded, train, job, room)
    seconds["fine-tuning"] = trial.seconds(job.settings.steps, job.settings.batch) + _looks(loaded, job)
    seconds["tuned model on held-out rows"] = _all(loaded, list(arms.conditions(job.split("test")).values()) + [guard])
    seconds["run checks"] = counting + _checks(loaded, train, job, loading)
    seconds["results and report"] = _results(job)
    return Estimate(**_what(job, room), **_counted(tokens), micro_batch=trial.micro_batch, asked=job.settings.micro_batch or job.settings.batch, seconds=seconds, peak_gb=_peak_gb())


def _what(job: Job, room: float) -> dict:
    sizes = [image_size(path) for sample in job.folder.samples for path in sample.image]
    return {
        "checkpoint": resolve(job.source)[0].name, "four_bit": job.four_bit, "device": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu",
        "steps": job.settings.steps, "batch": job.settings.batch, "largest": max(sizes, key=lambda size: size[0] * size[1], default=None),
        "memory_gb": room, "by_weights": {precision: name for precision in ("16-bit", "4-bit") if (name := _largest(job, room, precision))},
    }  # fmt: skip


def _largest(job: Job, room: float, precision: str, below: float = float("inf")) -> str | None:
    """The largest checkpoint of the catalogue with less than `below` billion parameters that fits by its weights; none that its licence forbids a company."""
    wanted = {m for s in job.folder.samples for m in s.modalities}
    size = (lambda c: c.gb_16bit) if precision == "16-bit" else (lambda c: c.gb_4bit)
    fitting = [c for c in CATALOGUE.values() if wanted <= {"text", *c.modalities} and c.commercial_use is not False and c.parameters_b < below and size(c) <= room / 2]
    return max(fitting, key=lambda c: c.parameters_b).name if fitting else None


def _room(memory_gb: float | None) -> float:
    """GB of the card, or of the machine; a smaller figure is enforced on a card, so that what does not fit fails here and not in the run."""
    if not torch.cuda.is_available():
        return memory_gb or psutil.virtual_memory().total / 2**30
    whole = torch.cuda.get_device_properties(0).total_memory / 2**30
    if memory_gb and memory_gb < whole:
        torch.cuda.set_per_process_memory_fraction(memory_gb / whole)
    return memory_gb or whole


def _peak_gb() -> float:
    return torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else peak_memory_mb() / 2**10


def _is_here(source: str) -> bool:
    """Whether the checkpoint's weights are on this machine: a directory, or in the hub's cache."""
    from huggingface_hub import try_to_load_from_cache

    place = resolve(source)[1]
    return Path(place).is_dir() or any(isinstance(try_to_load_from_cache(place, f"model.safetensors{end}"), str) for end in ("", ".index.json"))


def _from_catalogue(job: Job, room: float) -> Estimate:
    checkpoint = resolve(job.source)[0]
    weights = checkpoint.gb_4bit if job.four_bit else checkpoint.gb_16bit
    return Estimate(**_what(job, room), rows=len(job.folder.samples), peak_gb=weights)


def _timed(call) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _spread(samples: list[Sample], count: int) -> list[Sample]:
    """`count` of the samples, short and long ones."""
    ordered = sorted(samples, key=lambda s: len(s.text))
    return [ordered[round(place * (len(ordered) - 1) / max(count - 1, 1))] for place in range(count)] if len(ordered) > count else ordered


def _audit(job: Job) -> float:
    """Seconds of the audit: nearly all of it is a look at each file."""
    some = _spread(list(job.folder.samples), _AUDITED)
    return _timed(lambda: audit_rows(replace(job.folder, samples=tuple(some)), job.use)) * len(job.folder.samples) / len(some)


def _baselines(job: Job) -> float:
    """Seconds of the baselines: of few rows, of more, and on along a line, because a forest of trees costs something with any number of rows."""
    train, test = job.split("train"), job.split("test")
    few, more = (min(1.0, rows / (len(train) + len(test))) for rows in _BASELINE_ROWS)
    spent_on_few, spent_on_more = _baselines_on(few, train, test), _baselines_on(more, train, test)
    return spent_on_more + max(0.0, spent_on_more - spent_on_few) * (1 - more) / max(more - few, 1e-9)


def _baselines_on(share: float, train: list[Sample], test: list[Sample]) -> float:
    some = [random.Random(0).sample(rows, max(2, round(share * len(rows)))) if share < 1 else rows for rows in (train, test)]  # a stride could meet one answer only
    with tempfile.TemporaryDirectory() as place:
        return _timed(lambda: arms.baselines(*some, Path(place)))


def _scoring(loaded: Loaded, samples: list[Sample], **scoring) -> float:
    """Seconds that scoring all the samples will take: a batch of each kind of evidence is scored."""
    total, kind = 0.0, attrgetter("modalities")
    for _, rows in groupby(sorted(samples, key=kind), key=kind):
        rows = list(rows)
        looked = _spread(rows, LOOK)
        total += _timed(lambda looked=looked: predict(loaded, looked, **scoring)) * len(rows) / len(looked)
    return total


def _all(loaded: Loaded, tables: list[list[Sample]]) -> float:
    return sum(_scoring(loaded, rows) for rows in tables if rows)


def _base(loaded: Loaded, job: Job, guard: list[Sample]) -> float:
    test = job.split("test")
    predict(loaded, test[:2])  # the first forward of a process is slower than all others
    spent = _all(loaded, list(arms.conditions(test).values()) + [guard])
    examples = arms.examples_of(job.split("train"), job.use.training.examples_in_context, job.settings.seed)
    return spent + (_scoring(loaded, test, examples=examples, batch_size=8) if examples else 0.0)


def _try(loaded: Loaded, train: list[Sample], job: Job, room: float) -> Trial:
    try:
        return try_updates(loaded, train, job.settings)
    except (KitError, RuntimeError) as error:
        if not is_out_of_memory(error.__cause__ or error):
            raise
        checkpoint = resolve(job.source)[0]
        name, smaller = checkpoint.name, _largest(job, room, "16-bit", checkpoint.parameters_b or float("inf"))
        advice_en = f"; the catalogue's next smaller one for these data: --model {smaller}" if smaller else ""
        advice_ja = f"。このデータを扱える、より小さいもの：--model {smaller}" if smaller else ""
        raise KitError(
            say(
                f"{name} does not fit into {room:.0f} GB, even one sample at a time: use smaller pictures, 4-bit (model.four_bit: true) or a smaller checkpoint{advice_en}",
                f"{name} は 1 件ずつでも {room:.0f} GB に収まりません。画像を小さくするか、4-bit（model.four_bit: true）か、小さいチェックポイントにしてください{advice_ja}",
            )
        ) from error


def _looks(loaded: Loaded, job: Job) -> float:
    """The looks at the KPI on the validation rows; frozen encoders remember them from the first to the others."""
    validation, number = job.split("validation"), -(-job.settings.steps // job.settings.evaluate_every)
    with remembered(loaded.model):
        first = _scoring(loaded, validation)
        return first + (number - 1) * (_scoring(loaded, validation) if number > 1 else 0.0)


def _tokens(loaded: Loaded, rows: list[Sample], budget: int | None) -> tuple[float, dict]:
    """Seconds that run check 2 will take, and what it says: of all rows where there is a budget, else of some."""
    looked = rows if budget else _spread(rows, 3 * LOOK)
    began = time.perf_counter()
    tokens = checks.check_token_budget(loaded, looked, budget).evidence
    return (time.perf_counter() - began) * len(rows) / len(looked), tokens | {"of": len(rows)}


def _counted(tokens: dict) -> dict:
    return {"rows": tokens["of"], "looked_at": tokens["rows"], "longest": tokens["longest"], "bad": tuple(tokens["cut"] + tokens["over_budget"])}


def _checks(loaded: Loaded, train: list[Sample], job: Job, loading: float) -> float:
    """Seconds of the run checks after the second: decoded answers, losses with and without each medium, and a fresh process that loads base and adapter."""
    test, collator = job.split("test"), Collator(loaded.processor)
    some = _spread(train, LOOK)
    spent = _timed(lambda: [collator([sample]) for sample in some]) * min(64, len(train)) / len(some)
    for modality in {m for s in test for m in s.decided_by}:
        having = [s for s in test if modality in s.modalities]
        if len(having) >= 20:
            rows = _spread(having, LOOK)
            spent += 3 * min(200, len(having)) * _timed(lambda rows=rows: answer_losses(loaded, rows)) / len(rows)
    return spent + 3 * _timed(lambda: predict(loaded, test[:8])) + 2 * loading + _fresh_process()


def _fresh_process() -> float:
    """Seconds until a new Python has the kit and transformers at hand, as run check 7 needs it."""
    code = "from kit.models import load; from kit.evaluation import option_scores; from transformers import AutoModelForMultimodalLM, AutoProcessor; import peft"
    return _timed(lambda: subprocess.run([sys.executable, "-c", code], capture_output=True, env=os.environ))


def _results(job: Job) -> float:
    """The intervals of the results table, by resampling once and multiplying."""
    frame = majority(job.split("train"), job.split("test"))
    return _RESAMPLED * _timed(lambda: evaluate(frame, arms.labels_of(frame, job.use)))
