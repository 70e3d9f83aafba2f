"""What a timing depends on beside the code (the processor's abilities, the libraries' versions), and the table that it ends in."""

import csv
from importlib import metadata
from pathlib import Path

import torch


def processor_features() -> str:
    """The instruction set that torch uses, and whether the processor multiplies bfloat16 in tiles (AMX), which changes its ratios sixfold."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text(encoding="utf-8") if cpuinfo.is_file() else ""
    found = [name for name in ("avx512_bf16", "amx_bf16") if name in flags]
    return " ".join([torch.backends.cpu.get_cpu_capability(), *found])


def repacks() -> bool:
    """Whether bitsandbytes repacks 4-bit weights for its own evaluation path here: on processors with AVX512-BF16, unless told not to."""
    return not torch.cuda.is_available() and "avx512_bf16" in processor_features()


def versions(*names: str) -> dict[str, str]:
    """{package: installed version}."""
    return {name: metadata.version(name).split("+")[0] for name in names}


def write_table(path: Path, columns: tuple[str, ...], rows: list[dict]) -> None:
    """A committed csv: one header, one line per row."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
