"""Prints environment.yml: conda's Python, then exactly the versions of requirements.lock. `make lock` runs it, a test compares."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEADER = """\
# The same environment for conda users: conda env create -f environment.yml && conda activate mllm-poc-kit
# Written by `make lock` from requirements.lock; do not edit by hand.
name: mllm-poc-kit
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - pip:
      - "-e .[dev]"
"""


def environment(lock: str) -> str:
    """The text of environment.yml for the text of a lock: one pip line for each of its lines."""
    return HEADER + "".join(f'      - "{line}"\n' for line in lock.splitlines())


if __name__ == "__main__":
    print(environment((ROOT / "requirements.lock").read_text(encoding="utf-8")), end="")
