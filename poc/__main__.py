"""The `poc` command. Each subcommand imports what it needs and calls one function; exit codes: 0 done, 1 an alarm (a changed audit log, drift, a challenger that may not replace the champion), 2 something to mend, 130 interrupted."""

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
from poc.arguments import Directory, RunFolder, numbers, stay_offline
from poc.audit_commands import audit
from poc.data_commands import COMMANDS
from poc.later_commands import COMMANDS as LATER
from poc.use_commands import IN_USE, opened

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


for _function, _help in COMMANDS.items():
    app.command(help=_help)(_function)


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
        stay_offline()
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
    stay_offline()
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
    queue: Annotated[bool, typer.Option("--queue", help=say("in use: every answer into RUN's audit log, and what a person must look at into its review queue", "運用として答える：全ての答えを監査ログに、人が見るべきものを確認待ちに入れる"))] = False,
    folder: Annotated[Path | None, typer.Option(help=say("with --queue: the use case's folder, if it is not found", "--queue のとき：ユースケースのフォルダー（見つからないとき）"))] = None,
) -> None:
    stay_offline()
    from poc.closing import predicted_lines
    from poc.predict import predict_folder

    use = opened(run_folder, threshold, folder) if queue else None
    try:
        done = predict_folder(run_folder, directory, out, threshold, use)
    except KeyboardInterrupt:
        typer.echo(say("Interrupted. The same command goes on where it stopped.", "中断しました。同じコマンドで続きから再開します。"), err=True)
        raise typer.Exit(130) from None
    for line in predicted_lines(done, use):
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


@app.command(help=say("Which evidence does RUN's model believe? Misleading notes, exchanged photos, words in pictures, on held-out rows.",
                      "RUN のモデルは何を信じているか：誤ったメモ、入れ替えた写真、画像内の文字を、評価行で確かめます。"))
def diagnose(
    run_folder: RunFolder,
    folder: Annotated[Path | None, typer.Option(help=say("the use case's folder, if it is not found", "ユースケースのフォルダー（見つからないとき）"))] = None,
    rows: Annotated[int, typer.Option(min=1, help=say("held-out rows to ask about", "調べる評価行の数"))] = 120,
    before: Annotated[Path | None, typer.Option(metavar="RUN", help=say("an earlier run that was diagnosed, to show beside it", "比較のために並べて示す、診断済みの以前の実行"))] = None,
    wrong_notes: Annotated[float | None, typer.Option(min=0, max=1, help=say("share of the cases that come with a wrong note, for its price; default: as counted in the rows", "誤ったメモが付く割合（費用の計算用）。省略時は行から数えます"))] = None,
) -> None:
    stay_offline()
    from poc.diagnose import diagnose as ask_run
    from poc.diagnose import diagnosis_lines

    for line in diagnosis_lines(ask_run(run_folder, folder, rows, before, wrong_notes)):
        typer.echo(line)


@app.command(help=say("What RUN's model is worth: payback, NPV with its interval, what moves it, against doing nothing and a method without an MLLM. Writes roi.json.",
                      "RUN のモデルの価値：回収期間、区間つきの NPV、結果を左右するもの。何もしない場合や MLLM なしの方法と比べます（roi.json を書きます）。"))
def roi(
    run_folder: RunFolder,
    folder: Annotated[Path | None, typer.Option(help=say("the use case's folder, if it is not found", "ユースケースのフォルダー（見つからないとき）"))] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help=say("of the 10,000 draws", "1 万回の計算のシード"))] = 0,
) -> None:
    from poc.worth import worth
    from poc.worth_said import worth_lines

    for line in worth_lines(worth(run_folder, folder, seed), run_folder):
        typer.echo(line)


@app.command(help=say("Which way should photos, voices or films reach the language model? Every bridge on RUN's rows: KPI, yen, parameters, latency, and a recommendation.",
                      "画像・音声・動画を言語モデルにつなぐ方法を、RUN の行で比べます：KPI、円、パラメーター数、応答時間、推奨。"))
def bridges(
    run_folder: RunFolder,
    folder: Annotated[Path | None, typer.Option(help=say("the use case's folder, if it is not found", "ユースケースのフォルダー（見つからないとき）"))] = None,
    rows: Annotated[int, typer.Option(min=1, help=say("held-out rows to ask about", "調べる評価行の数"))] = 160,
    train: Annotated[int, typer.Option(min=1, help=say("labelled rows that each bridge learns from", "各ブリッジの学習行の数"))] = 240,
    updates: Annotated[int, typer.Option(min=1, help=say("updates of each training", "各学習の更新回数"))] = 80,
    vlm: Annotated[str, typer.Option(help=say("a Qwen2-VL or Qwen2.5-VL for fresh connectors; default: the run's checkpoint where it is one, else the preset's", "新しいコネクターを付ける Qwen2-VL か Qwen2.5-VL。省略時は RUN のチェックポイント（該当する場合）、それ以外はプリセットのもの"))] = "",
    ears: Annotated[str, typer.Option(help=say("a Whisper for sound, e.g. openai/whisper-small", "音声用の Whisper（例：openai/whisper-small）"))] = "",
    asr: Annotated[str, typer.Option(help=say("a Whisper as the tool that writes what is said, e.g. openai/whisper-small; default: the run's checkpoint itself", "発話を書き起こすツールとしての Whisper（例：openai/whisper-small）。省略時は RUN のチェックポイント自身"))] = "",
    ocr: Annotated[bool, typer.Option("--ocr", help=say("read the words in every picture, the only one of a row, too (a sheet); default: in those behind the first", "すべての画像の文字を読む（帳票など、行の画像が 1 枚だけのとき）。省略時は 2 枚目以降だけ"))] = False,
    only: Annotated[list[str] | None, typer.Option(help=say("a bridge by its name, once for each; default: all", "比べるブリッジの名前（複数回指定可）。省略時はすべて"))] = None,
    budgets: Annotated[str, typer.Option(help=say("fewer training rows, with which the learners are trained again, e.g. 40,120: how many labels (validation rows come on top) bring 90 % of each one's best", "少ない学習行数（例：40,120）。学習し直して、最良の 9 割に必要なラベル数（検証行も加算）を測ります"))] = "",
    remote: Annotated[str, typer.Option(help=say("an OpenAI-compatible endpoint as one more row, e.g. http://127.0.0.1:8000/v1", "OpenAI 互換のエンドポイントも 1 行として比べます（例：http://127.0.0.1:8000/v1）"))] = "",
    remote_model: Annotated[str, typer.Option(help=say("its model's name there", "そこでのモデル名"))] = "",
    consent_data_leaves: Annotated[str, typer.Option(help=say("the host that held-out rows may be sent to, who agreed and why, e.g. \"api.example.com: A. Sato, test photos without people\"; kept in bridges.json; not asked for on this machine",
                                                              "評価行の送信先ホスト、同意した人、理由（例：\"api.example.com：佐藤、人の写らない試験写真\"）。bridges.json に残ります。この機械の中なら不要"))] = "",
    remote_key_from: Annotated[str, typer.Option(help=say("the environment variable that holds the key (the key itself is never an option)", "キーを入れた環境変数の名前（キーそのものは指定しません）"))] = "",
    remote_prices: Annotated[str, typer.Option(help=say("of a million tokens read, and of a million written, e.g. 2.5,10", "100 万トークンあたりの料金（入力,出力。例：2.5,10）"))] = "",
) -> None:
    stay_offline()
    from poc.bridges import bridge_lines, remote_of, try_all
    from poc.lineup import Sizes

    prices = tuple(numbers(remote_prices, float, "--remote-prices", 2)) or None
    elsewhere = remote_of(remote, remote_model, consent_data_leaves, remote_key_from, prices) if remote or remote_model else None
    sizes = Sizes(train=train, asked=rows, updates=updates)
    for line in bridge_lines(try_all(run_folder, folder, vlm, ears, sizes, only=tuple(only or ()), budgets=tuple(numbers(budgets, int, "--budgets")), remote=elsewhere, asr=asr, ocr=ocr)):
        typer.echo(line)


@app.command(help=say("Write RUN's model for serving: merged weights, adapter, commands, and the KPI measured again.",
                      "RUN のモデルを運用向けに書き出します：統合した重み、アダプター、コマンド、KPI の再測定。"))
def export(
    run_folder: RunFolder,
    out: Annotated[Path | None, typer.Option(help=say("a folder that is not there yet", "まだないフォルダー"))] = None,
    folder: Annotated[Path | None, typer.Option(help=say("the use case's folder, if it is not found", "ユースケースのフォルダー（見つからないとき）"))] = None,
    data: Annotated[bool, typer.Option("--data", help=say("the rows as JSONL for other trainers, too", "他の学習ツール向けの JSONL も書く"))] = False,
) -> None:
    stay_offline()
    from poc.export import export as write_export
    from poc.export import exported_lines

    done = write_export(run_folder, out, folder, data, tell=typer.echo)
    for line in exported_lines(done):
        typer.echo(line)
    if done.holds is False:
        raise typer.Exit(2)


@app.command(help=say("Open the demo of a run in the browser, on this machine only.", "実行結果のデモをこの端末のブラウザーで開きます。"))
def demo(run_folder: RunFolder) -> None:
    stay_offline()
    from poc.demo import launch

    launch(run_folder, open_browser=sys.stdout.isatty(), tell=typer.echo)


for _function, _help in (IN_USE | LATER).items():
    app.command(help=_help)(_function)
app.add_typer(audit, name="audit")


def _names_a_hub(directory: Path, preset: str | None, model: str | None) -> bool:
    """Whether the user asked for a checkpoint that is not on this machine: a hub's name, or a preset whose default is one."""
    from poc.usecase import load_usecase

    wanted = load_usecase(directory).model
    name = model or wanted.name
    return not (name == "tiny_omni" or Path(name).is_dir()) if name else (preset or wanted.preset) != "tiny"


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
