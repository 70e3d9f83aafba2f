"""The `poc` command as a person types it: a fresh process, its exit code, and what stands on its two streams."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kit.errors import KitError
from poc import doctor

ROOT = Path(__file__).resolve().parents[1]
PHOTOS = ROOT / "sample_data" / "company" / "inspection"


def poc(*arguments, cwd: Path = ROOT, **environment) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "poc", *map(str, arguments)], cwd=cwd, env=os.environ | environment,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)  # fmt: skip


def in_process(monkeypatch, capsys, *arguments) -> tuple[int, str, str]:
    """The same entry point without the seconds of a new interpreter: exit code, stdout, stderr."""
    from poc.__main__ import main

    monkeypatch.setattr(sys, "argv", ["poc", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        main()
    return stopped.value.code or 0, *capsys.readouterr()


def test_help_names_every_command_in_both_languages():
    english, japanese = poc("--help"), poc("--help", POC_LANGUAGE="ja")
    for command in ("doctor", "init", "check", "label", "agreement", "forecast", "passport", "mask", "sign", "estimate", "run", "report", "predict", "compare", "diagnose", "roi", "board", "bridges", "export", "demo", "queue", "review", "size", "drift", "challenge", "rollback", "audit"):
        assert f"  {command}" in english.stdout and f"  {command}" in japanese.stdout
    assert "フォルダー" in japanese.stdout and "フォルダー" not in english.stdout
    assert english.returncode == japanese.returncode == 0 and english.stderr == ""


def test_version_is_the_distributions(monkeypatch, capsys):
    assert in_process(monkeypatch, capsys, "--version")[:2] == (0, "mllm-poc-kit 0.1.0\n")


@pytest.mark.parametrize("arguments", [["run"], ["run", "somewhere", "--preset", "huge"], ["walk"], ["init", "x", "--like", "bakery"]])
def test_wrong_usage_exits_with_2_and_says_what_is_allowed(monkeypatch, capsys, arguments):
    code, _, err = in_process(monkeypatch, capsys, *arguments)
    assert code == 2 and "Error: " in err and "Traceback" not in err


@pytest.mark.parametrize("command", ["check", "run", "sign", "label", "agreement", "forecast", "mask"])
def test_a_folder_without_poc_yaml_is_one_line_and_exit_2(monkeypatch, capsys, tmp_path, command):
    extra = {"sign": ["--name", "Sato"], "label": ["--name", "Sato"], "mask": [tmp_path.with_name("copy")]}.get(command, [])
    code, out, err = in_process(monkeypatch, capsys, command, tmp_path, *extra)
    assert code == 2 and err.count("\n") == 1 and f"poc init {tmp_path}" in err
    assert list(tmp_path.iterdir()) == [], "nothing half-written"


@pytest.mark.parametrize("command", ["report", "roi", "board", "demo"])
def test_a_folder_that_is_no_run_is_one_line_and_exit_2(monkeypatch, capsys, tmp_path, command, need):
    if command == "demo":
        need("demo")
    code, _, err = in_process(monkeypatch, capsys, command, tmp_path)
    assert code == 2 and err.count("\n") == 1 and "run.json" in err


def photos(folder: Path, count: int = 60) -> None:
    """Noise, as many as make three blocks of consecutive file numbers: one group each for training, validation and test."""
    from PIL import Image

    folder.mkdir(exist_ok=True)
    for i in range(count):
        Image.effect_noise((24, 24), 90).save(folder / f"{i}.jpg")


def test_init_writes_a_poc_yaml_once_and_check_reads_it(monkeypatch, capsys, tmp_path):
    photos(tmp_path / "ok")
    photos(tmp_path / "scratch")
    assert in_process(monkeypatch, capsys, "init", tmp_path, "--like", "inspection")[0] == 0
    written = (tmp_path / "poc.yaml").read_bytes()
    code, out, _ = in_process(monkeypatch, capsys, "check", tmp_path, "--quick")
    assert "120 labelled" in out and code == 2 and f"poc passport {tmp_path}" in out, "nobody has said yet whose data these are"
    code, out, _ = in_process(monkeypatch, capsys, "passport", tmp_path)
    assert code == 0 and "dataset.yaml" in out
    (tmp_path / "dataset.yaml").write_text((PHOTOS / "dataset.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    code, out, _ = in_process(monkeypatch, capsys, "check", tmp_path)
    assert "120 labelled" in out and "[OK]   exact duplicates" in out and "random against honest split" in out and code == 0
    code, out, _ = in_process(monkeypatch, capsys, "passport", tmp_path)
    assert code == 0 and out.split() == [str(tmp_path / name) for name in ("croissant.json", "DATASET_CARD.md", "DATASET_CARD.ja.md")]
    code, _, err = in_process(monkeypatch, capsys, "init", tmp_path)
    assert code == 2 and err.count("\n") == 1 and (tmp_path / "poc.yaml").read_bytes() == written


def test_check_lists_each_fault_with_its_fix_and_exits_with_2(monkeypatch, capsys, tmp_path):
    photos(tmp_path / "ok")
    photos(tmp_path / "scratch")
    (tmp_path / "ok" / "broken.jpg").write_bytes(b"not a photo")
    in_process(monkeypatch, capsys, "init", tmp_path)
    code, out, _ = in_process(monkeypatch, capsys, "check", tmp_path)
    assert code == 2 and "1 rows or files cannot be used. broken.jpg: " in out
    code, out, _ = in_process(monkeypatch, capsys, "check", tmp_path, "--quick")
    assert code == 2 and "ok/broken.jpg: broken.jpg not readable as an image" in out and "1 faults" in out


def test_a_folder_without_labels_says_how_many_to_label_first(monkeypatch, capsys, tmp_path):
    photos(tmp_path)
    in_process(monkeypatch, capsys, "init", tmp_path)
    _, out, err = in_process(monkeypatch, capsys, "check", tmp_path)
    assert re.search(r"[Ll]abel (about )?\d+", out + err), out + err


def test_forecast_says_labels_and_hours_and_refuses_what_it_cannot_foretell(monkeypatch, capsys, tmp_path):
    photos(tmp_path / "ok")
    photos(tmp_path / "scratch")
    in_process(monkeypatch, capsys, "init", tmp_path)
    code, out, _ = in_process(monkeypatch, capsys, "forecast", tmp_path, "--threshold", "0.9")
    assert code == 0 and "how many labels: " in out and "90 %" in out and "A proxy" in out and "10.0 s per label, assumed" in out
    monkeypatch.setenv("POC_LANGUAGE", "ja")
    assert "必要なラベル数" in in_process(monkeypatch, capsys, "forecast", tmp_path, "--threshold", "0.9")[1]
    monkeypatch.delenv("POC_LANGUAGE")
    code, out, err = in_process(monkeypatch, capsys, "forecast", tmp_path, "--threshold", "90")
    assert code == 2 and err.count("\n") == 1 and "0.9 for 90 %" in err and out == ""
    for path in [*tmp_path.glob("*/*.jpg")]:
        if int(path.stem) >= 4:
            path.unlink()
    code, out, err = in_process(monkeypatch, capsys, "forecast", tmp_path)
    assert code == 2 and err.count("\n") == 1 and "abel" in err


def test_doctor_outlives_a_check_that_breaks():
    def memory_of_mars():
        raise OSError("no such planet")

    line = doctor._guarded(memory_of_mars)
    assert str(line).startswith("[FAIL] memory of mars: no such planet -> ")


def test_doctor_notices_a_full_disk_and_a_wrong_product(monkeypatch):
    import bitsandbytes
    from bitsandbytes import matmul_4bit

    monkeypatch.setattr(doctor, "DISK_GB", 1e9)
    assert doctor.disk().status == doctor.FAIL
    monkeypatch.setattr(bitsandbytes, "matmul_4bit", lambda *given: matmul_4bit(*given) * 1.1)
    assert doctor.four_bit().status == doctor.FAIL


def test_doctor_passes_on_this_machine_with_one_line_per_requirement():
    done = poc("doctor")
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) == len(doctor.CHECKS), done.stdout
    assert all(line.startswith(("[OK] ", "[--] ")) for line in lines)
    assert done.stderr == "", "libraries' chatter must not stand between a person and the answer"


def test_only_a_hubs_name_opens_the_way_to_the_hub():
    from poc.__main__ import _names_a_hub

    assert not _names_a_hub(PHOTOS, None, None)
    assert not _names_a_hub(PHOTOS, "gpu", str(ROOT / "sample_data" / "tiny_omni"))
    assert _names_a_hub(PHOTOS, "laptop", None)
    assert _names_a_hub(PHOTOS, None, "owner/name")


def test_closing_lines_give_verdict_yen_and_report(monkeypatch, tmp_path):
    from made_run import make_folder, make_run

    from poc.closing import closing_lines

    run = make_run(tmp_path / "run", make_folder(tmp_path / "folder"))
    verdict, yen, report = closing_lines(run)
    assert verdict.startswith("Verdict: ") and "Tuned model" in yen and " yen [" in yen and report == f"Report: {run / 'report.html'}"
    monkeypatch.setenv("POC_LANGUAGE", "ja")
    assert [line[:3] for line in closing_lines(run)] == ["判定:", "1,0", "レポー"] and "円" in closing_lines(run)[1]


@pytest.mark.slow
def test_ctrl_c_exits_with_130_and_says_how_to_go_on(tmp_path):
    process = subprocess.Popen([sys.executable, "-m", "poc", "run", str(PHOTOS), "--out", str(tmp_path)], cwd=ROOT,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               # a shell that started the tests in the background has told its children to ignore Ctrl-C
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # fmt: skip
    deadline = time.monotonic() + 240
    while not list(tmp_path.glob("*/*/plan.json")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 130, err
    assert "--resume" in err and "Traceback" not in err


def test_tests_reach_no_network():
    import socket

    with pytest.raises(OSError, match="outside this machine"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


def test_kit_error_is_what_the_command_line_prints(monkeypatch, capsys, tmp_path):
    import poc.usecase

    def refuse(directory):
        raise KitError("poc.yaml, line 3: thresold is unknown; allowed: threshold; correct the key")

    monkeypatch.setattr(poc.usecase, "load_usecase", refuse)
    code, out, err = in_process(monkeypatch, capsys, "run", tmp_path)
    assert (code, out, err) == (2, "", "poc: poc.yaml, line 3: thresold is unknown; allowed: threshold; correct the key\n")


def test_a_damaged_run_folder_is_one_line(monkeypatch, capsys, tmp_path):
    for content in ("{half", '{"schema": 1}', "[]"):
        (tmp_path / "run.json").write_text(content, encoding="utf-8")
        code, out, err = in_process(monkeypatch, capsys, "report", tmp_path)
        assert (code, out, err.count("\n")) == (2, "", 1) and "damaged" in err and "poc run DIR" in err


@pytest.mark.parametrize("seed", ["-1", "99999999999999999999"])
def test_a_seed_that_no_generator_takes_is_refused_before_anything_is_written(monkeypatch, capsys, tmp_path, seed):
    code, _, err = in_process(monkeypatch, capsys, "run", PHOTOS, "--seed", seed, "--out", tmp_path / "out")
    assert code == 2 and "--seed" in err and not (tmp_path / "out").exists()
