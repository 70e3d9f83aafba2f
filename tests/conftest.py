"""What every test may rely on: no network but loopback, two threads, English messages, and skips that name what is missing.

Under REQUIRE_ALL=1 (set by .ci/run) a skip is a failure, except in the gpu tier: a green CI must not hide a missing install step.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile

# Before anything imports torch, transformers, gradio or matplotlib, and inherited by the kernels and the servers that tests start.
os.environ.update(
    OMP_NUM_THREADS=os.environ.get("OMP_NUM_THREADS", "2"),
    TOKENIZERS_PARALLELISM="false",
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    GRADIO_ANALYTICS_ENABLED="False",
    MPLBACKEND="Agg",
    POC_LANGUAGE="en",
    # the developer's own cache must not make a test pass
    HF_HOME=os.path.join(tempfile.gettempdir(), "mllm-poc-kit-no-hub"),
    NO_PROXY="127.0.0.1,localhost",
    no_proxy="127.0.0.1,localhost",
)

import pytest  # noqa: E402  the environment comes first

TIERS = ("notebooks", "browser", "slow", "gpu")
REQUIRE_ALL = os.environ.get("REQUIRE_ALL") == "1"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def _module(name: str):
    return lambda: importlib.util.find_spec(name) is not None


def _chromium() -> str | None:
    return next((path for name in CHROMIUM if (path := shutil.which(name))), None)


def _japanese_font() -> bool:
    return bool(shutil.which("fc-list")) and bool(subprocess.run(["fc-list", ":lang=ja"], capture_output=True).stdout.strip())


def _gpu() -> bool:
    import torch

    return torch.cuda.is_available()


# What a machine may lack: how to see it, and how to get it.
CAPABILITIES = {
    "chromium": (_chromium, "apt-get install chromium"),
    "playwright": (_module("playwright"), 'pip install "mllm-poc-kit[dev]"'),
    "japanese font": (_japanese_font, "apt-get install fontconfig fonts-ipafont-gothic"),
    "heic": (_module("pillow_heif"), 'pip install "mllm-poc-kit[heic]"'),
    "excel": (_module("openpyxl"), 'pip install "mllm-poc-kit[excel]"'),
    "voice": (_module("pyopenjtalk"), 'pip install "mllm-poc-kit[voice]"'),
    "voice-en": (_module("espeakng_loader"), 'pip install "mllm-poc-kit[voice-en]"'),
    "demo": (_module("gradio"), 'pip install "mllm-poc-kit[demo]"'),
    "notebooks": (_module("papermill"), 'pip install "mllm-poc-kit[notebooks]"'),
    "tesseract": (lambda: shutil.which("tesseract"), "apt-get install tesseract-ocr tesseract-ocr-jpn"),
    "serve": (_module("openai"), 'pip install "transformers[serving]"'),
    "gpu": (_gpu, "run on a machine with a CUDA device"),
}


def require(capability: str) -> None:
    """Skip the running test, by name, where this machine lacks `capability` (a key of CAPABILITIES)."""
    present, remedy = CAPABILITIES[capability]
    if not present():
        pytest.skip(f"needs {capability}: {remedy}")


@pytest.fixture
def need():
    """`need("chromium")` skips the test where this machine has none; under REQUIRE_ALL=1 it fails."""
    return require


@pytest.fixture
def chromium() -> str:
    """Path of a Chromium-like browser; the test is skipped where there is none."""
    require("playwright")
    require("chromium")
    return _chromium()


def pytest_configure(config):
    # Plain class attributes, so every socket of this process is guarded, asyncio's and the servers' threads' included.
    for name in ("connect", "connect_ex"):
        setattr(socket.socket, name, _loopback_only(getattr(socket.socket, name)))


def _loopback_only(connect):
    def guarded(self, address):
        local = self.family == getattr(socket, "AF_UNIX", None) or str(address[0]) in ("localhost", "::1", "0.0.0.0")
        if not local and not str(address[0]).startswith("127."):
            raise OSError(f"tests reach nothing outside this machine, but something asked for {address}")
        return connect(self, address)

    return guarded


@pytest.hookimpl(tryfirst=True)
@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items):
    """The unit tier is what is in no other; under `--dist loadgroup` a file stays with one worker, which shares its fixtures, and each notebook is a job of its own, so that no worker idles at the end."""
    for item in items:
        if not any(item.get_closest_marker(tier) for tier in TIERS):
            item.add_marker("unit")
        item.add_marker(pytest.mark.xdist_group(item.name if item.get_closest_marker("notebooks") else item.path.name))


def pytest_runtest_setup(item):
    if item.get_closest_marker("gpu"):
        require("gpu")


def _skip_is_failure(report, excused: bool = False):
    if REQUIRE_ALL and report.skipped and not excused and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", f"under REQUIRE_ALL=1 a skip is a failure: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    return _skip_is_failure((yield), excused=item.get_closest_marker("gpu") is not None)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    return _skip_is_failure((yield))


COLOURS = {"red": (200, 40, 40), "green": (40, 160, 60), "blue": (50, 70, 200)}


def coloured_samples(folder, count: int, seed: int = 0):
    """`count` samples that a tiny model can learn in seconds: noisy plain pictures, the answer is the colour; every third has a note."""
    import numpy as np
    from PIL import Image

    from kit.data import Sample

    rng, names, samples = np.random.default_rng(seed), list(COLOURS), []
    for i in range(count):
        name = names[i % len(names)]
        pixels = np.array(COLOURS[name]) + rng.normal(0, 12, (112, 112, 3))
        path = folder / f"{seed}_{i:03}.png"
        Image.fromarray(pixels.clip(0, 255).astype("uint8")).save(path)
        note = f"looks {name}" if i % 3 == 0 else ""
        samples.append(
            Sample(f"s{seed}_{i:03}", "Which colour is the part?", tuple(names), name, image=(path,), text=note, group=f"lot{i // 3}")
        )
    return samples


@pytest.fixture(scope="session")
def colours(tmp_path_factory):
    """Sixty coloured samples (see `coloured_samples`)."""
    return coloured_samples(tmp_path_factory.mktemp("colours"), 60)


@pytest.fixture(scope="session")
def tiny():
    """The shipped model, loaded once; tests that train take a copy of their own."""
    from kit.models import load

    return load("tiny_omni", device="cpu")


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    """Name of a family (tests/families.py) -> directory of its tiny checkpoint, built when it is first asked for."""
    from families import build

    built = {}

    def directory(name: str) -> str:
        if name not in built:
            built[name] = str(build(name, tmp_path_factory.mktemp(name)))
        return built[name]

    return directory


@pytest.fixture(scope="session")
def pictured(tmp_path_factory):
    """Three rows with a picture, of different size and with notes of different length, and one without."""
    import numpy as np
    from PIL import Image

    from kit.data import Sample

    folder, rng, options = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0), ("red", "dark green", "blue or violet")
    notes = ("", "found on the left side of the belt, under the lamp", "new", "text only")
    for i, size in enumerate([(112, 112), (80, 150), (100, 60)]):
        Image.fromarray(rng.integers(0, 255, (*size, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    pictures = [(folder / f"{i}.png",) if i < 3 else () for i in range(4)]
    return [Sample(f"s{i}", "Which colour is the part?", options, options[i % 3], text=notes[i], image=pictures[i], group=f"lot{i}") for i in range(4)]
