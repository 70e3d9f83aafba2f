"""The `poc` command. Each subcommand imports what it needs and calls one function; exit codes: 0 done, 2 something to mend, 130 interrupted."""

import logging
import os
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import typer

from kit import processes
from kit.errors import KitError
from kit.language import say

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

Preset = Annotated[
    Literal["tiny", "laptop", "gpu"] | None, typer.Option(help=say("instead of poc.yaml's preset", "poc.yaml のプリセットの代わり"))
]
Model = Annotated[
    str | None, typer.Option(help=say("a catalogue name, a local folder or a hub id", "カタログ名、手元のフォルダー、またはハブの ID"))
]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help=say("leave faulty rows out", "不備のある行を除いて進む"))]


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


@app.command(help=say("What is wrong with DIR's rows: faults, copies, leaks, doubtful labels, shortcuts, personal data. Writes nothing.",
                      "DIR の行を検査：不備、重複、漏れ、疑わしいラベル、近道、個人情報。何も書きません。"))
def check(
    directory: Directory,
    quick: Annotated[bool, typer.Option("--quick", help=say("the faults of the rows only, in seconds", "行の不備だけを数秒で調べる"))] = False,
) -> None:
    _stay_offline()
    from poc.passport import passport_faults
    from poc.usecase import check_usecase

    lines, faults = check_usecase(directory, verify=quick)
    unsaid = passport_faults(directory)
    for line in (*lines, *unsaid):
        typer.echo(line)
    if not quick:
        from poc.audit import audit_usecase, lines_of, recalled, recalled_lines

        findings = audit_usecase(directory, tell=typer.echo)
        for line in (*lines_of(findings), *recalled_lines(recalled(findings, directory))):
            typer.echo(line)
        faults += findings[0].evidence["files"]
    if faults or unsaid:
        raise typer.Exit(2)


@app.command(help=say("Write DIR's passport: an empty dataset.yaml to fill in, then croissant.json and the dataset cards.",
                      "DIR のパスポート：まず記入用の dataset.yaml、次に croissant.json とデータセットカードを書きます。"))
def passport(directory: Directory) -> None:
    from poc.passport import FILE, write_passport, write_template

    if not (directory / FILE).exists():
        typer.echo(say(f"{write_template(directory)}: fill it in, then type the same command again.", f"{write_template(directory)}：記入してから、同じコマンドをもう一度実行してください。"))
        return
    for path in write_passport(directory):
        typer.echo(path)


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
    preset: Preset = None,
    model: Model = None,
    resume: Annotated[bool, typer.Option("--resume", help=say("go on with the interrupted run", "中断した実行の続きから"))] = False,
    skip_bad: SkipBad = False,
    seed: Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help=say("instead of poc.yaml's seed", "poc.yaml のシードの代わり"))] = None,
    out: Annotated[Path, typer.Option(help=say("where runs are kept", "実行結果の置き場所"))] = Path("runs"),
) -> None:
    if not _names_a_hub(directory, preset, model):
        _stay_offline()
    from poc.closing import closing_lines
    from poc.pipeline import run as run_pipeline

    try:
        finished = run_pipeline(directory, preset, model, resume=resume, skip_bad=skip_bad, seed=seed, out=out, tell=typer.echo)
        for line in closing_lines(finished) if processes.first() else ():
            typer.echo(line)
    except KeyboardInterrupt:
        typer.echo(say(f"Interrupted. To go on where it stopped: poc run {directory} --resume",
                       f"中断しました。続きから始めるには: poc run {directory} --resume"), err=True)
        raise typer.Exit(130) from None


@app.command(help=say("What `poc run` will need on this machine: memory, batch, tokens, minutes. Writes nothing.",
                      "`poc run` に必要なメモリ・バッチ・トークン・時間を測ります。何も書きません。"))
def estimate(
    directory: Directory,
    preset: Preset = None,
    model: Model = None,
    skip_bad: SkipBad = False,
    memory_gb: Annotated[
        float | None, typer.Option(min=0.1, help=say("of the card (or machine) that you think of, at most this one's", "想定する GPU（または端末）のメモリ。この端末以下"))
    ] = None,
) -> None:
    _stay_offline()
    from poc.closing import estimated_lines
    from poc.estimate import estimate as measure

    found = measure(directory, preset, model, skip_bad, memory_gb=memory_gb, tell=typer.echo)
    for line in estimated_lines(found):
        typer.echo(line)
    if found.bad:
        raise typer.Exit(2)


@app.command(help=say("Write report.html again from the files of a run.", "実行フォルダーの内容から report.html を作り直します。"))
def report(run_folder: RunFolder) -> None:
    from poc.report import write

    typer.echo(write(run_folder))


@app.command(help=say("Let the tuned model of RUN answer the files of DIR, into a table that an interruption does not spoil.",
                      "RUN の微調整済みモデルで DIR のファイルに答え、表に書きます（中断しても続きから）。"))
def predict(
    run_folder: RunFolder,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help=say("the folder with new files", "新しいファイルのフォルダー"))],
    out: Annotated[Path | None, typer.Option(help=say("the table, .csv or .jsonl", "出力の表（.csv または .jsonl）"))] = None,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help=say("leave rows below this share to a person", "この割合未満の行は人に回す"))
    ] = None,
) -> None:
    _stay_offline()
    from poc.closing import predicted_lines
    from poc.predict import predict_folder

    try:
        done = predict_folder(run_folder, directory, out, threshold)
    except KeyboardInterrupt:
        typer.echo(say("Interrupted. The same command goes on where it stopped.", "中断しました。同じコマンドで続きから再開します。"), err=True)
        raise typer.Exit(130) from None
    for line in predicted_lines(done):
        typer.echo(line)
    if done.failed:
        raise typer.Exit(2)


@app.command(help=say("Compare the tuned models of two runs on the rows that both held out.", "2 つの実行の微調整後モデルを、共通の評価行で比べます。"))
def compare(
    first: Annotated[Path, typer.Argument(metavar="RUN", help=say("a run's folder", "実行フォルダー"))],
    second: Annotated[Path, typer.Argument(metavar="RUN", help=say("another run's folder", "別の実行フォルダー"))],
) -> None:
    from poc.compare import compare_runs, comparison_lines

    for line in comparison_lines(compare_runs(first, second)):
        typer.echo(line)


@app.command(help=say("Write RUN's model for serving: merged weights, adapter, commands, and the KPI measured again.",
                      "RUN のモデルを運用向けに書き出します：統合した重み、アダプター、コマンド、KPI の再測定。"))
def export(
    run_folder: RunFolder,
    out: Annotated[Path | None, typer.Option(help=say("a folder that is not there yet", "まだないフォルダー"))] = None,
    folder: Annotated[Path | None, typer.Option(help=say("the use case's folder, if it is not found", "ユースケースのフォルダー（見つからないとき）"))] = None,
    data: Annotated[bool, typer.Option("--data", help=say("the rows as JSONL for other trainers, too", "他の学習ツール向けの JSONL も書く"))] = False,
) -> None:
    _stay_offline()
    from poc.export import export as write_export
    from poc.export import exported_lines

    done = write_export(run_folder, out, folder, data, tell=typer.echo)
    for line in exported_lines(done):
        typer.echo(line)
    if done.holds is False:
        raise typer.Exit(2)


@app.command(help=say("Open the demo of a run in the browser, on this machine only.", "実行結果のデモをこの端末のブラウザーで開きます。"))
def demo(run_folder: RunFolder) -> None:
    _stay_offline()
    from poc.demo import launch

    launch(run_folder, open_browser=sys.stdout.isatty(), tell=typer.echo)


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
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it tells of each retry; the kit's error says once what to do
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it mentions an optional hub kernel that is not wanted here
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def main() -> None:
    """Run the command line; a KitError is one line on stderr and exit code 2."""
    _quiet()
    try:
        app()
    except KitError as error:
        if processes.first():
            typer.echo(f"poc: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
