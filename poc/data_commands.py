"""The commands about a company's rows: describe, check, label, document, sign. `poc/__main__.py` adds them to the command line."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from kit.language import say
from poc.arguments import Directory, stay_offline


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help=say("the folder with your files", "ファイルのあるフォルダー"))],
    like: Annotated[
        Literal["inspection", "line", "callcentre", "documents"] | None,
        typer.Option(help=say("start from this domain's practice", "この分野の作法をひな形にする")),
    ] = None,
) -> None:
    from poc.usecase import write_usecase

    typer.echo(write_usecase(directory, like=like))


def check(
    directory: Directory,
    quick: Annotated[bool, typer.Option("--quick", help=say("the faults of the rows only, in seconds", "行の不備だけを数秒で調べる"))] = False,
    page: Annotated[Path | None, typer.Option(metavar="FILE.html", help=say("write every row of every finding, with pictures, to a page", "全ての指摘の全行を、画像つきのページに書き出す"))] = None,
) -> None:
    stay_offline()
    from poc.passport import passport_faults
    from poc.usecase import check_usecase

    lines, faults = check_usecase(directory, verify=quick)
    unsaid = passport_faults(directory)
    for line in (*lines, *unsaid):
        typer.echo(line)
    if not quick:
        from poc.audit import audit_usecase, lines_of, recalled, recalled_lines

        findings = audit_usecase(directory, tell=typer.echo, page=page)
        for line in (*lines_of(findings), *recalled_lines(recalled(findings, directory))):
            typer.echo(line)
        faults += findings[0].evidence["files"]
        if page:
            typer.echo(say(f"Every row is listed in {page}", f"全ての行の一覧：{page}"))
    if faults or unsaid:
        raise typer.Exit(2)


def passport(directory: Directory) -> None:
    from poc.passport import FILE, write_passport, write_template

    if not (directory / FILE).exists():
        typer.echo(say(f"{write_template(directory)}: fill it in, then type the same command again.", f"{write_template(directory)}：記入してから、同じコマンドをもう一度実行してください。"))
        return
    for path in write_passport(directory):
        typer.echo(path)


def label(
    directory: Directory,
    name: Annotated[str, typer.Option(prompt=say("Your name", "お名前"), help=say("who labels", "ラベルを付ける人"))],
    order: Annotated[str | None, typer.Option(help=say("label errors, disagreement, uncertainty, coverage or in turn", "label errors、disagreement、uncertainty、coverage、in turn のいずれか"))] = None,
    settle: Annotated[bool, typer.Option("--settle", help=say("decide the rows on which people differ", "意見が分かれた行を裁定する"))] = False,
) -> None:
    stay_offline()
    from poc.labelling import launch, open_bench

    launch(open_bench(directory, name, order, settle, tell=typer.echo), open_browser=sys.stdout.isatty(), tell=typer.echo)


def agreement(directory: Directory) -> None:
    from poc.audit import lines_of
    from poc.labelling import people

    for line in lines_of(people(directory)):
        typer.echo(line)


def forecast(
    directory: Directory,
    threshold: Annotated[float | None, typer.Option(help=say("of the KPI, e.g. 0.9, instead of poc.yaml's", "KPI の閾値（例：0.9）。poc.yaml の代わり"))] = None,
) -> None:
    stay_offline()
    from poc.audit import lines_of
    from poc.forecast import forecast_usecase

    for line in lines_of([forecast_usecase(directory, threshold, tell=typer.echo)]):
        typer.echo(line)


def mask(
    directory: Directory,
    out: Annotated[Path, typer.Argument(metavar="OUT", help=say("a new folder for the copy", "写しを置く新しいフォルダー"))],
) -> None:
    stay_offline()
    from poc.masking import mask_usecase, masked_lines

    for line in masked_lines(mask_usecase(directory, out, tell=typer.echo)):
        typer.echo(line)


def convert(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help=say("a use case's folder, or a file or folder of a format", "ユースケースのフォルダー、または形式のファイル・フォルダー"))],
    out: Annotated[Path, typer.Argument(metavar="OUT", help=say("a new folder", "新しいフォルダー"))],
    to: Annotated[str, typer.Option("--to", help=say("llama-factory, ms-swift, trl, llava, hugging-face, lmms-eval (the test split as a task) or company", "llama-factory、ms-swift、trl、llava、hugging-face、lmms-eval（評価用をタスクに）、company"))],
    written_as: Annotated[str, typer.Option("--from", help=say("the format of SOURCE", "SOURCE の形式"))] = "company",
) -> None:
    stay_offline()
    from poc.convert import convert as write_converted
    from poc.convert import converted_lines

    done = write_converted(source, out, to, written_as)
    for line in converted_lines(done):
        typer.echo(line)
    if done.unread or done.refused:
        raise typer.Exit(2)


def sign(
    directory: Directory,
    name: Annotated[str, typer.Option(prompt=say("Your name", "お名前"), help=say("who signs", "承認者"))],
) -> None:
    from poc.signature import sign as sign_gates

    signed = sign_gates(directory, name)
    typer.echo(say(f"Signed by {signed['name']} at {signed['time']}; a later change of gates, costs or options will show.",
                   f"{signed['name']} さんが {signed['time']} に承認しました。以後、判定基準・費用・選択肢を変えると分かります。"))


COMMANDS = {  # in the order of use
    init: say("Write a commented poc.yaml into DIR. Never overwrites.", "説明つきの poc.yaml を DIR に作ります。上書きはしません。"),
    check: say("What is wrong with DIR's rows: faults, copies, leaks, doubtful labels, shortcuts, personal data. DIR stays as it is.",
        "DIR の行を検査：不備、重複、漏れ、疑わしいラベル、近道、個人情報。DIR は変更しません。"),
    passport: say("Write DIR's passport: an empty dataset.yaml to fill in, then croissant.json and the dataset cards.",
        "DIR のパスポート：まず記入用の dataset.yaml、次に croissant.json とデータセットカードを書きます。"),
    label: say("Label or review DIR's rows in the browser, the most valuable ones first; its table stays as it is.",
        "DIR の行に、価値の高い順にブラウザーでラベルを付ける・見直す。元の表は変更しません。"),
    agreement: say("How far the people who labelled DIR agree, how many labels of its table are wrong, and seconds per label.",
        "DIR にラベルを付けた人どうしの一致度、元の表の誤りの割合、1 件あたりの秒数。"),
    forecast: say("How many more labels, and hours, until the KPI reaches a threshold, foretold from those there are. Writes nothing.",
        "KPI が閾値に届くまで、あと何件・何時間のラベルが必要かを、今あるラベルから見積もります。何も書きません。"),
    mask: say("Copy DIR with blurred faces and masked words, and measure what the masks cost. DIR stays as it is.",
        "顔をぼかし文中の個人情報をマスクした DIR の写しを作り、精度への影響を測ります。DIR は変更しません。"),
    convert: say("Write rows in another trainer's format, or read them from it; what a format cannot hold is refused by row.",
        "ほかの学習ツールの形式で行を書き出す、または読み込みます。形式で扱えない行は理由つきで除きます。"),
    sign: say("Write down who accepts the gates, before training.", "学習の前に、判定基準を承認した人を記録します。"),
}  # fmt: skip
