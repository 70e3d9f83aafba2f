"""The commands of a model in use: does what comes still look like what was judged, may a retrained model replace it, and the way back. `poc/__main__.py` adds them to the command line."""

from pathlib import Path
from typing import Annotated

import typer

from kit.language import say
from poc.arguments import RunFolder, stay_offline
from poc.audit_commands import Key

Name = Annotated[str, typer.Option(help=say("who decides it", "決定者の名前"))]


def drift(
    run_folder: RunFolder,
    stream: Annotated[Path, typer.Argument(metavar="DIR", help=say("new files, in the order of its table, with the run's group column (lot, day, caller)", "新しいファイルのフォルダー（表の順に見ます。ロット・日・話者など、実行と同じグループ列つき）"))],
    reference: Annotated[Path | None, typer.Option(metavar="DIR", help=say("an ordinary period, like DIR; default: the run's held-out rows", "通常の期間のフォルダー。省略時は実行の評価行"))] = None,
    folder: Annotated[Path | None, typer.Option(help=say("the use case's folder, if it is not found", "ユースケースのフォルダー（見つからないとき）"))] = None,
    window: Annotated[int | None, typer.Option(min=1, help=say("rows compared at a look; default: 100, or four of the largest groups", "1 回に比べる行数。省略時は 100、または最大グループの 4 倍"))] = None,
    false_alarms: Annotated[float, typer.Option(min=0.001, max=0.5, help=say("share of ordinary periods that may alarm", "通常の期間で誤報を許す割合"))] = 0.01,
    out: Annotated[Path | None, typer.Option(help=say("folder of the results; default: in the run's operations/", "結果のフォルダー。省略時は実行の operations/ の中"))] = None,
) -> None:
    stay_offline()
    from poc.drift import drift_lines, watch

    out = out or run_folder / "operations" / f"drift-{stream.resolve().name}"
    told = watch(run_folder, stream, reference, folder, window, false_alarms, out)
    for line in drift_lines(told, out):
        typer.echo(line)
    if told["alarm"]:
        raise typer.Exit(1)


def challenge(
    run_folder: RunFolder,
    challenger: Annotated[Path, typer.Argument(metavar="NEW_RUN", help=say("the retrained model's run", "再学習したモデルの実行フォルダー"))],
    margin: Annotated[float, typer.Option(min=0, help=say("how much worse it may be, in shares of the KPI; needs --reason", "許容する KPI の低下幅（--reason が必要）"))] = 0.0,
    reason: Annotated[str, typer.Option(help=say("why a margin is allowed", "低下を許容する理由"))] = "",
    crown: Annotated[bool, typer.Option("--crown", help=say("put it in use if it may replace; needs --name", "入れ替えてよければ使用中にする（--name が必要）"))] = False,
    name: Name = "",
    key: Key = None,
) -> None:
    from kit.operations.audit_record import read_key
    from poc.champion import challenge_lines, challenge_run

    verdict = challenge_run(run_folder, challenger, margin, reason, name if crown else None, read_key(key) if key else None)
    for line in challenge_lines(verdict, run_folder, challenger, crown):
        typer.echo(line)
    if not verdict.replace:
        raise typer.Exit(1)


def rollback(
    run_folder: RunFolder,
    name: Name,
    reason: Annotated[str, typer.Option(help=say("why, for those who retrain", "理由（再学習のため）"))],
    key: Key = None,
) -> None:
    from kit.operations.audit_record import read_key
    from poc.champion import roll_back

    run = roll_back(run_folder, name, reason, read_key(key) if key else None)
    typer.echo(say(f"In use again: {run}", f"使用中のモデルを戻しました：{run}"))


COMMANDS = {
    drift: say("Do the rows of DIR still look like those that RUN was judged on? Exit code 1 when a chart alarms. Writes drift.json and the charts.",
        "DIR の行は、RUN を評価した行と同じ傾向か。警報があれば終了コード 1。drift.json と管理図を書きます。"),
    challenge: say("May the model of NEW_RUN replace that of RUN? Shown to be better on the same rows, and misled by no more. Exit code 1 where not.",
        "NEW_RUN のモデルで RUN を置き換えてよいか。同じ行で良いと示され、誤情報に弱くなっていないことを確かめます。不可なら終了コード 1。"),
    rollback: say("Put the model that was in use before back, RUN being any run of the use case.", "以前に使っていたモデルに戻します（RUN はそのユースケースの実行のどれか）。"),
}  # fmt: skip
