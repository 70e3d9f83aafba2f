"""conftest.py's own promise: in CI a skip is a failure, the gpu tier excepted, and every test has a tier."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PLANTED = '''
import pytest

def test_that_passes(): assert 1 + 1 == 2
def test_that_skips(need): pytest.skip("no time")
@pytest.mark.xfail(reason="known")
def test_known_to_fail(): assert 1 + 1 == 3
'''
ON_A_GPU = '''
import pytest

@pytest.mark.gpu
def test_on_a_gpu(): pass
'''


def outcome(folder: Path, planted: str, *arguments: str, **environment: str) -> str:
    """The last line of a pytest run of one planted file under a copy of our conftest, on a machine without a GPU."""
    (folder / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "test_planted.py").write_text(planted, encoding="utf-8")
    inherited = {key: value for key, value in os.environ.items() if key != "REQUIRE_ALL"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder), "-p", "no:cacheprovider", str(folder), *arguments],
        env=inherited | {"CUDA_VISIBLE_DEVICES": ""} | environment, cwd=folder, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize("required, expected", [("0", "1 passed, 1 skipped, 1 xfailed"), ("1", "1 failed, 1 passed, 1 xfailed")])
def test_a_skip_is_a_failure_only_where_all_is_required(tmp_path, required, expected):
    assert outcome(tmp_path, PLANTED, REQUIRE_ALL=required).startswith(expected)


def test_a_whole_file_that_skips_itself_is_a_failure_too(tmp_path):
    assert "1 error" in outcome(tmp_path, "import pytest\npytest.importorskip('no_such_module')\n", REQUIRE_ALL="1")


def test_only_the_gpu_tier_may_be_skipped(tmp_path):
    assert outcome(tmp_path, ON_A_GPU, REQUIRE_ALL="1").startswith("1 skipped")


def test_the_unit_tier_is_every_test_without_another_tier(tmp_path):
    assert "1 deselected" in outcome(tmp_path, PLANTED + ON_A_GPU, "-m", "unit", REQUIRE_ALL="0")
