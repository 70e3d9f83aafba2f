"""The commands that judge a finished run: what it is worth, which bridge, and the board's report. `poc/__main__.py` adds them to the command line."""

from pathlib import Path
from typing import Annotated

import typer

from kit.language import say
from poc.arguments import RunFolder, numbers, stay_offline


def roi(
    run_folder: RunFolder,
    folder: Annotated[Path | None, typer.Option(help=say("the use case's folder, if it is not found", "ユースケースのフォルダー（見つからないとき）"))] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help=say("of the 10,000 draws", "1 万回の計算のシード"))] = 0,
) -> None:
    from poc.worth import worth
    from poc.worth_said import worth_lines

    for line in worth_lines(worth(run_folder, folder, seed), run_folder):
        typer.echo(line)


def board(run_folder: RunFolder) -> None:
    from poc.board import write

    for path in write(run_folder):
        typer.echo(path)


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


COMMANDS = {
    roi: say("What RUN's model is worth: payback, NPV with its interval, what moves it, against doing nothing and a method without an MLLM. Writes roi.json.",
        "RUN のモデルの価値：回収期間、区間つきの NPV、結果を左右するもの。何もしない場合や MLLM なしの方法と比べます（roi.json を書きます）。"),
    board: say("The board's report of RUN: one page in both languages (board.html) and six slides in each (board.en.pptx, board.ja.pptx).",
        "RUN の経営会議用レポート：日英切り替えの 1 ページ（board.html）と、各言語 6 枚のスライド（board.en.pptx、board.ja.pptx）。"),
    bridges: say("Which way should photos, voices or films reach the language model? Every bridge on RUN's rows: KPI, yen, parameters, latency, and a recommendation.",
        "画像・音声・動画を言語モデルにつなぐ方法を、RUN の行で比べます：KPI、円、パラメーター数、応答時間、推奨。"),
}  # fmt: skip
