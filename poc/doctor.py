"""What this machine has, one line per requirement: [OK], [FAIL] with the next step, or [--] for what can be done without.

`poc doctor` and notebook 00 show the lines; nothing here prints. Not covered: whether a hub can be reached (nothing asks one unless you name
a hub model), and how fast the machine is.
"""

import importlib.util
import platform
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from kit.language import say

OK, FAIL, OPTIONAL = "OK", "FAIL", "--"
ROOT = Path(__file__).resolve().parents[1]
MEMORY_GB, DISK_GB = 3.0, 2.0  # a tiny-preset run peaks under 2 GB and writes under 0.1 GB; the rest is room for the machine


@dataclass(frozen=True)
class Diagnosis:
    """One requirement.

    Attributes:
        status: OK, FAIL (nothing works without it) or OPTIONAL (something named in `detail` does not work without it).
        name: what was looked at.
        detail: what was found.
        advice: the next step, "" where there is none.
    """

    status: str
    name: str
    detail: str
    advice: str = ""

    def __str__(self) -> str:
        return f"[{self.status}] {self.name}: {self.detail}" + (f" -> {self.advice}" if self.advice else "")


def diagnose() -> list[Diagnosis]:
    """All requirements, in the order in which a newcomer meets them; a check that breaks is itself a FAIL line."""
    return [_guarded(check) for check in CHECKS]


def _guarded(check: Callable[[], Diagnosis]) -> Diagnosis:
    try:
        return check()
    except Exception as error:  # a doctor that dies says nothing about the other organs
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        return Diagnosis(FAIL, check.__name__.replace("_", " "), reason, _reinstall())


def _reinstall() -> str:
    return say("install the locked set again: make poc", "ロックどおりに入れ直す: make poc")


def python() -> Diagnosis:
    found = platform.python_version()
    good = (3, 11) <= sys.version_info[:2] <= (3, 12)
    advice = "" if good else say("install Python 3.11 or 3.12, then make poc PYTHON=python3.11", "Python 3.11 か 3.12 を入れて make poc PYTHON=python3.11")
    return Diagnosis(OK if good else FAIL, "Python", f"{found}, {platform.platform(terse=True)}", advice)


def packages() -> Diagnosis:
    """Every core requirement present; the versions that decide results are one of the sets in docs/tested.csv."""
    name = say("packages", "パッケージ")
    wanted = [r for r in metadata.requires("mllm-poc-kit") or [] if "extra ==" not in r]
    missing = [distribution for r in wanted if not _installed(distribution := re.split(r"[^\w.-]", r)[0])]
    if missing:
        return Diagnosis(FAIL, name, say(f"missing: {', '.join(missing)}", f"不足: {', '.join(missing)}"), _reinstall())
    from kit.training.checks import check_versions, installed_versions

    versions = installed_versions()
    listed = ", ".join(f"{package} {version}" for package, version in versions.items() if package != "python")
    if check_versions(versions).status == "green":
        return Diagnosis(OK, name, say(f"{len(wanted)} present, a tested set: {listed}", f"{len(wanted)} 個、テスト済みの組み合わせ: {listed}"))
    detail = say(f"{len(wanted)} present, not a tested set: {listed}", f"{len(wanted)} 個、テスト済みではない組み合わせ: {listed}")
    return Diagnosis(FAIL, name, detail, say("a run will have a red check; ", "実行チェックが赤になります。") + _reinstall())


def extras() -> Diagnosis:
    """What is missing of the extras, with the command that installs all of them."""
    modules = {"heic": "pillow_heif", "excel": "openpyxl", "voice": "pyopenjtalk", "voice-en": "espeakng_loader",
               "demo": "gradio", "notebooks": "jupyterlab"}  # fmt: skip
    missing = [extra for extra, module in modules.items() if importlib.util.find_spec(module) is None]
    name = say("extras", "追加機能")
    if not missing:
        return Diagnosis(OK, name, ", ".join(modules))
    command = f'pip install -c requirements.lock -e ".[{",".join(missing)}]"'
    return Diagnosis(OPTIONAL, name, say(f"not installed: {', '.join(missing)}", f"未導入: {', '.join(missing)}"), command)


def device() -> Diagnosis:
    import torch

    name = say("device", "計算装置")
    if torch.cuda.is_available():
        gb = torch.cuda.get_device_properties(0).total_memory / 2**30
        return Diagnosis(OK, name, f"{torch.cuda.get_device_name(0)}, {gb:.0f} GB")
    found = say(f"CPU, {torch.get_num_threads()} threads", f"CPU、{torch.get_num_threads()} スレッド")
    return Diagnosis(OK, name, found + say(" (presets tiny and laptop; gpu needs CUDA)", "（プリセット tiny と laptop 用。gpu には CUDA が必要）"))


def memory() -> Diagnosis:
    import psutil

    free, total = (value / 2**30 for value in (psutil.virtual_memory().available, psutil.virtual_memory().total))
    found = say(f"{free:.1f} of {total:.1f} GB free", f"空き {free:.1f} / {total:.1f} GB")
    advice = "" if free >= MEMORY_GB else say(f"close other programs until {MEMORY_GB:.0f} GB are free", f"他のプログラムを閉じ、{MEMORY_GB:.0f} GB 空けてください")
    return Diagnosis(FAIL if advice else OK, say("memory", "メモリー"), found, advice)


def disk() -> Diagnosis:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    advice = "" if free >= DISK_GB else say(f"free {DISK_GB:.0f} GB, or keep runs elsewhere: poc run DIR --out FOLDER", f"{DISK_GB:.0f} GB 空けるか、別の場所へ: poc run DIR --out FOLDER")
    return Diagnosis(FAIL if advice else OK, say("disk", "ディスク"), say(f"{free:.1f} GB free here", f"この場所の空き {free:.1f} GB"), advice)


def four_bit() -> Diagnosis:
    """A real nf4 product on this machine's device, against the product with the dequantised weights."""
    import torch
    from bitsandbytes import functional, matmul_4bit

    place = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if place == "cuda" else torch.float32
    generator = torch.Generator().manual_seed(0)
    x, weight = (torch.randn(*shape, generator=generator).to(place, dtype) for shape in ((4, 256), (128, 256)))
    packed, state = functional.quantize_4bit(weight, quant_type="nf4", compress_statistics=True)
    restored = functional.dequantize_4bit(packed, state)
    product, expected = matmul_4bit(x, packed.t(), state).float(), x.float() @ restored.float().t()
    kernel_error = float((product - expected).norm() / expected.norm())
    rounding = float((restored - weight).float().norm() / weight.float().norm())
    name = say("4-bit product", "4 ビット行列積")
    found = say(f"bitsandbytes nf4 on {place}: kernel error {kernel_error:.1e}, rounding {rounding:.1%}",
                f"bitsandbytes nf4（{place}）: 演算誤差 {kernel_error:.1e}、丸め {rounding:.1%}")  # fmt: skip
    good = kernel_error < 0.02 and 0 < rounding < 0.2  # nf4 on normal weights rounds by about 9 %
    return Diagnosis(OK if good else FAIL, name, found, "" if good else say("set model.four_bit: false in poc.yaml, or ", "poc.yaml で model.four_bit: false にするか、") + _reinstall())


def fonts() -> Diagnosis:
    """The wheel's font has Japanese glyphs; a font draws its one 'missing' box for what it lacks."""
    from PIL import ImageFont

    name = say("Japanese font", "日本語フォント")
    spec = importlib.util.find_spec("matplotlib_fontja")
    files = sorted(Path(spec.origin).parent.rglob("*.ttf")) if spec else []
    if not files:
        return Diagnosis(FAIL, name, "matplotlib-fontja", _reinstall())
    font = ImageFont.truetype(str(files[0]), 24)
    missing_box = bytes(font.getmask("\U0010fffd"))
    lacking = [sign for sign in "判定区間円" if bytes(font.getmask(sign)) == missing_box]
    return Diagnosis(FAIL if lacking else OK, name, files[0].name, _reinstall() if lacking else "")


def browser() -> Diagnosis:
    name = say("Chromium", "Chromium")
    found = next((path for program in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(program))), None)
    if found:
        return Diagnosis(OK, name, Path(found).name)
    return Diagnosis(OPTIONAL, name, say("not found; only the demo's screenshot test needs it", "なし。デモの画面テストだけが使います"), "apt-get install chromium")


def sample_data() -> Diagnosis:
    name = say("sample data", "サンプルデータ")
    needed = [f"company/{case}/poc.yaml" for case in ("inspection", "line", "callcentre", "documents")]
    needed += ["tiny_omni/config.json", "tiny_omni/model.safetensors", "general/metadata.csv", "example_run/report.html"]
    missing = [path for path in needed if not (ROOT / "sample_data" / path).is_file()]
    if missing:
        advice = say("clone the repository again, or git checkout -- sample_data", "リポジトリーを取り直すか、git checkout -- sample_data")
        return Diagnosis(FAIL, name, say(f"missing: {', '.join(missing)}", f"不足: {', '.join(missing)}"), advice)
    return Diagnosis(OK, name, say("four use cases, the guard set, the tiny model, an example run", "ユースケース 4 つ、一般能力の見張り、小型モデル、実行例"))


def licences() -> Diagnosis:
    """The licence of the model that each preset loads by default."""
    from kit.models.catalogue import CATALOGUE, PRESETS

    defaults = [CATALOGUE[name] for name in dict.fromkeys(name for preset in PRESETS.values() for name in preset.values())]
    refused = [entry.name for entry in defaults if not entry.commercial_use]
    listed = ", ".join(f"{entry.name} {entry.licence}" for entry in defaults)
    name = say("model licences", "モデルのライセンス")
    advice = say(f"commercial use not shown for {', '.join(refused)}: name another with --model", f"{', '.join(refused)} は商用可が未確認: --model で別のものを")
    return Diagnosis(FAIL if refused else OK, name, listed, advice if refused else "")


def _installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


CHECKS = (python, packages, extras, device, memory, disk, four_bit, fonts, browser, sample_data, licences)
