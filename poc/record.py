"""What a run writes down about itself beside its results: run.json's description of the data, the model, the settings and the machine."""

import hashlib
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import psutil
import torch

from kit import processes
from kit.data import LAYERS, Sample
from kit.errors import KitError
from kit.labelling import agreement, entries_in
from kit.models import resolve
from kit.models.lora import is_adapter
from kit.training import Tuned
from kit.training.checks import installed_versions
from poc.passport import load_passport
from poc.usecase import LOGS, labelled, read_rows


def describe(job, tuned: Tuned, signed: dict) -> dict:
    """Everything in run.json that is not a result: what was run, on what, with what (`job`: poc.pipeline's Job)."""
    use, checkpoint = job.use, resolve(job.source)[0]
    return {
        "schema": 1,
        "use_case": use.name,
        "title": use.titles(),
        "language": use.language,
        "question": use.question,
        "options": list(use.options or job.folder.options),
        "translations": use.translations,
        "decided_by": list(use.decided_by),
        "created": datetime.strptime(job.run.name[:15], "%Y%m%d-%H%M%S").isoformat(),
        "finished": datetime.now().isoformat(timespec="seconds"),
        "preset": job.preset,
        "rehearsal": job.rehearsal,
        "model": {
            "name": checkpoint.name,
            "source": checkpoint.source if checkpoint.name != "tiny_omni" else "sample_data/tiny_omni",
            "hash": weights_hash(resolve(job.source)[1]),
            "parameters": sum(p.numel() for n, p in tuned.loaded.model.named_parameters() if not is_adapter(n)),
            "four_bit": job.four_bit,
            "license": checkpoint.licence,
            "commercial_use": checkpoint.commercial_use,
        },
        "versions": installed_versions(),
        "machine": machine(),
        "data": {
            "folder": job.directory.resolve().name,
            "hash": job.plan["data"],
            "n": {split: len(job.split(split)) for split in ("train", "validation", "calibration", "test")},
            "groups": len({s.group for s in job.folder.samples}),
            "group_rule": job.folder.group_rule,
            "group_by": job.folder.group_column or None,
            "skipped_rows": job.skipped,
            "layers": {layer: sum(s.data_layer == layer for s in job.folder.samples) for layer in ("general", "task", "domain")},
        },
        "labels": labels_of(job.directory, use),
        "gates": use.gates.model_dump() | signed | {"hash": job.plan["gates"]},
        "costs": use.costs.model_dump() if use.costs else None,
        "currency": use.currency,
        "costs_are_examples": use.costs_are_examples,
        "prevalence": use.prevalence,
        "volume_per_month": use.volume_per_month,
        "seed": job.settings.seed,
        "training": asdict(job.settings)
        | {"processes": processes.place()[1], "micro_batch": tuned.micro_batch, "applied_updates": tuned.applied_updates, "stopped_early": tuned.stopped_early, "history": tuned.history, "attack_reach": tuned.reach},
        "timing": job.timing,
        "peak_memory_mb": peak_memory_mb(),
    }


def mix_of(directory: Path, samples: Sequence[Sample], train: Sequence[Sample]) -> dict[str, dict]:
    """Of each data layer: rows that the folder has and that the training went through, generated ones among them, and where they come from as dataset.yaml says ("" where it says nothing)."""
    try:
        said = load_passport(directory)
        source = {"general": said.general_layer, "task": said.task_layer, "domain": said.licence}
    except KitError:  # a folder without a passport can be run; `poc check` asks for one
        source = dict.fromkeys(LAYERS, "")
    return {
        layer: {
            "rows": sum(s.data_layer == layer for s in samples), "generated": sum(s.data_layer == layer and s.generated for s in samples),
            "trained": sum(s.data_layer == layer for s in train), "trained_generated": sum(s.data_layer == layer and s.generated for s in train), "source": source[layer],
        }
        for layer in LAYERS
    }  # fmt: skip


def labels_of(directory: Path, use) -> dict | None:
    """What the labelling bench added to the rows: counts, people, kappa of the pair that agrees least; None where nobody used it."""
    entries = entries_in(directory / LOGS)
    if not entries:
        return None
    kappas = agreement(entries)["kappa"].dropna()
    return {"people": len({entry.annotator for entry in entries}), "must_agree": use.data.annotators, **labelled(directory, read_rows(directory, use, verify=False), use).counts,
            "kappa": round(float(kappas.min()), 3) if len(kappas) else None}  # fmt: skip


def weights_hash(source: str) -> str | None:
    """sha256 over the weights of a checkpoint in a directory; None for a hub id (its revision is the hub's business)."""
    files = sorted(Path(source).glob("*.safetensors"))
    return file_hash(*files) if files else None


def file_hash(*files: Path) -> str:
    """sha256 over the bytes of files, one after the other."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            while block := content.read(2**24):
                digest.update(block)
    return digest.hexdigest()


def machine() -> dict:
    """What the run was made on; no host or user name."""
    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu"
    return {
        "cpu": platform.processor() or platform.machine(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "device": device,
        "platform": platform.system(),
    }


def peak_memory_mb() -> int:
    """The most memory this process has held since its program began, in MB (plus the GPU's, where there is one)."""
    status = Path("/proc/self/status")
    if status.is_file():  # Linux: getrusage's figure would be that of the process that started this one, where it was larger
        peak = int(status.read_text(encoding="utf-8").split("VmHWM:")[1].split()[0]) / 2**10
    elif platform.system() == "Windows":
        peak = psutil.Process().memory_info().peak_wset / 2**20
    else:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return round(peak + (torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else 0))
