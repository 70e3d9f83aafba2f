"""The `poc` command. Each subcommand imports what it needs and calls one function; exit codes: 0 done, 2 something to mend, 130 interrupted."""

import logging
import os
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import typer

from kit.errors import KitError
from kit.language import current, say

app = typer.Typer(
    name="poc",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help=say(
        "From a company's folder of photos, voices and videos to a decision with its intervals. Start with: poc doctor",
        "会社のフォルダー（写真・音声・動画）から、区間つきの判定まで。まずは: poc doctor",
    ),
)

Directory = Annotated[
    Path, typer.Argument(metavar="DIR", help=say("the use case's folder (it has a poc.yaml)", "ユースケースのフォルダー（poc.yaml がある場所）"))
]
RunFolder = Annotated[
    Path, typer.Argument(metavar="RUN", help=say("a run's folder, as `poc run` printed it", "`poc run` が表示した実行フォルダー"))
]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"mllm-poc-kit {version('mllm-poc-kit')}")
        raise typer.Exit


@app.callback()
def _options(
    asked: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help=say("print the version", "バージョンを表示"))
    ] = False,
) -> None:
    pass


@app.command(help=say("What this machine has, and the next step where something is missing.", "この環境の確認と、足りないときの次の一手。"))
def doctor() -> None:
    from poc.doctor import FAIL, diagnose

    failed = 0
    for line in diagnose():
        typer.echo(str(line))
        failed += line.status == FAIL
    if failed:
        raise typer.Exit(2)


@app.command(help=say("Write a commented poc.yaml into DIR. Never overwrites.", "説明つきの poc.yaml を DIR に作ります。上書きはしません。"))
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help=say("the folder with your files", "ファイルのあるフォルダー"))],
    like: Annotated[
        Literal["inspection", "line", "callcentre", "documents"] | None,
        typer.Option(help=say("start from this domain's practice", "この分野の作法をひな形にする")),
    ] = None,
) -> None:
    from poc.usecase import write_usecase

    typer.echo(write_usecase(directory, like=like))


@app.command(help=say("List the faults of DIR's rows and count its labels.", "DIR の行の不備を一覧し、ラベルを数えます。"))
def check(directory: Directory) -> None:
    from poc.usecase import check_usecase

    lines, faults = check_usecase(directory)
    for line in lines:
        typer.echo(line)
    if faults:
        raise typer.Exit(2)


@app.command(help=say("Write down who accepts the gates, before training.", "学習の前に、判定基準を承認した人を記録します。"))
def sign(
    directory: Directory,
    name: Annotated[str, typer.Option(prompt=say("Your name", "お名前"), help=say("who signs", "承認者"))],
) -> None:
    from poc.gates import sign as sign_gates

    signed = sign_gates(directory, name)
    typer.echo(say(f"Signed by {signed['name']} at {signed['time']}; a later change of gates, costs or options will show.",
                   f"{signed['name']} さんが {signed['time']} に承認しました。以後、判定基準・費用・選択肢を変えると分かります。"))


@app.command(help=say("The whole PoC on DIR: data, baselines, fine-tuning, run checks, verdict, report.",
                      "DIR で PoC を通しで実行: データ、比較対象、学習、実行チェック、判定、レポート。"))
def run(
    directory: Directory,
    preset: Annotated[
        Literal["tiny", "laptop", "gpu"] | None, typer.Option(help=say("instead of poc.yaml's preset", "poc.yaml のプリセットの代わり"))
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help=say("a catalogue name, a local folder or a hub id", "カタログ名、手元のフォルダー、またはハブの ID")),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help=say("go on with the interrupted run", "中断した実行の続きから"))] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help=say("leave faulty rows out", "不備のある行を除いて進む"))] = False,
    seed: Annotated[int | None, typer.Option(help=say("instead of poc.yaml's seed", "poc.yaml のシードの代わり"))] = None,
    out: Annotated[Path, typer.Option(help=say("where runs are kept", "実行結果の置き場所"))] = Path("runs"),
) -> None:
    if not _names_a_hub(directory, preset, model):
        _stay_offline()
    from poc.pipeline import run as run_pipeline

    try:
        finished = run_pipeline(directory, preset, model, resume=resume, skip_bad=skip_bad, seed=seed, out=out, tell=typer.echo)
        for line in closing_lines(finished):
            typer.echo(line)
    except KeyboardInterrupt:
        typer.echo(say(f"Interrupted. To go on where it stopped: poc run {directory} --resume",
                       f"中断しました。続きから始めるには: poc run {directory} --resume"), err=True)
        raise typer.Exit(130) from None


@app.command(help=say("Write report.html again from the files of a run.", "実行フォルダーの内容から report.html を作り直します。"))
def report(run_folder: RunFolder) -> None:
    from poc.report import write

    typer.echo(write(run_folder))


@app.command(help=say("Open the demo of a run in the browser, on this machine only.", "実行結果のデモをこの端末のブラウザーで開きます。"))
def demo(run_folder: RunFolder) -> None:
    _stay_offline()
    from poc.demo import launch

    launch(run_folder, open_browser=sys.stdout.isatty(), tell=typer.echo)


def closing_lines(run_folder: Path) -> list[str]:
    """The last lines of a run: the verdict with its first reason, the yen, and where the report is."""
    from poc import runs
    from poc.words import ARMS, VERDICTS

    record, language = runs.read(run_folder), current()
    verdict = record["verdict"]
    reasons = "".join(f" {reason[language]}" for reason in verdict["reasons"][:1])
    lines = [say("Verdict: ", "判定: ") + VERDICTS[verdict["decision"]][language] + say(".", "。") + reasons]
    costs = {row["arm"]: row["cost_per_1000"] for row in record["results"] if row["condition"] == "as_is"}
    shown = [f"{ARMS[arm][language]} {_yen(costs[arm])}" for arm in ("tuned", verdict["best_baseline"]) if costs.get(arm)]
    if shown:
        marked = say(" (the prices are examples)", "（単価は例です）") if record["costs_are_examples"] else ""
        lines.append(say("Cost of errors per 1,000: ", "1,000 件あたりの誤りの費用: ") + "; ".join(shown) + marked)
    return [*lines, say("Report: ", "レポート: ") + str(run_folder / "report.html")]


def _yen(cost: dict) -> str:
    return say(f"{cost['value']:,.0f} yen [{cost['low']:,.0f} to {cost['high']:,.0f}]", f"{cost['value']:,.0f} 円 [{cost['low']:,.0f}〜{cost['high']:,.0f}]")


def _names_a_hub(directory: Path, preset: str | None, model: str | None) -> bool:
    """Whether the user asked for a checkpoint that is not on this machine: a hub's name, or a preset whose default is one."""
    from poc.usecase import load_usecase

    wanted = load_usecase(directory).model
    name = model or wanted.name
    return not (name == "tiny_omni" or Path(name).is_dir()) if name else (preset or wanted.preset) != "tiny"


def _stay_offline() -> None:
    """No library asks a hub. Must be set before transformers is imported, which reads it once."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")


def _quiet() -> None:
    """Silence the libraries' chatter: what stands between a person and the verdict must be the kit's own words."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it mentions an optional hub kernel that is not wanted here
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def main() -> None:
    """Run the command line; a KitError is one line on stderr and exit code 2."""
    _quiet()
    try:
        app()
    except KitError as error:
        typer.echo(f"poc: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
