"""The commands about a run in use: what waits for people, deciding on it, and how big a machine it needs. `poc/__main__.py` adds them to the command line."""

from pathlib import Path
from typing import Annotated

import typer

from kit.errors import KitError
from kit.language import say
from poc.arguments import RunFolder, stay_offline
from poc.audit_commands import Key


def queue(
    run_folder: RunFolder,
    export: Annotated[Path | None, typer.Option(metavar="DIR", help=say("write what people corrected as training rows, with who, when and why, into a new folder", "人が訂正した行を、訂正者・日時・理由つきの学習用の行として新しいフォルダーに書き出す"))] = None,
    up: Annotated[str | None, typer.Option(metavar="NAME", help=say("enter the next step of autonomy; NAME answers for it. Refused where the measured numbers do not allow it", "次の自律段階に進む。NAME は責任者の氏名。実測値が条件を満たさなければ拒否します"))] = None,
    key: Key = None,
) -> None:
    from kit.operations.audit_record import read_key
    from kit.operations.autonomy import NAMES, change, step_up
    from kit.operations.corrections import corrections, without_evidence, write_corrections
    from poc.queue_said import queue_lines
    from poc.standing import standing

    here = standing(run_folder, read_key(key) if key else None)
    if up is not None:
        here.queue.require_key()
        entered = change(here.log, step_up(here.state, here.measured), up)
        typer.echo(say(f"Step “{NAMES[entered.step][0][0]}” entered, decided by {up}. {NAMES[entered.step][1][0]}", f"段階「{NAMES[entered.step][0][1]}」に進みました（決定者：{up}）。{NAMES[entered.step][1][1]}"))
        return
    if export is not None:
        rows = corrections(here.queue.items(), here.queue.decisions())
        gone = without_evidence(rows)
        if rows and len(gone) == len(rows):
            raise KitError(say(f"the files of all {len(rows)} corrected rows were deleted from {run_folder}/operations/evidence; put them back from the backup to export them", f"訂正された {len(rows)} 行のファイルがすべて {run_folder}/operations/evidence から削除されています。書き出すにはバックアップから戻してください"))
        rows = tuple(row for row in rows if row not in gone)
        if gone:
            typer.echo(say(f"[INFO] {len(gone)} corrected rows are left out, their files were deleted: {', '.join(row.id for row in gone[:5])}", f"[INFO] ファイルが削除済みの {len(gone)} 行を除きました：{', '.join(row.id for row in gone[:5])}"))
        table = write_corrections(rows, export, here.record["data"].get("group_by") or "")
        typer.echo(say(f"{table}: {len(rows)} corrected rows, for training only (split train). Look through them, then copy them into the use case's folder.", f"{table}：訂正された {len(rows)} 行（学習専用、split は train）。内容を確認してから、ユースケースのフォルダーに加えてください。"))
        return
    for line in queue_lines(here):
        typer.echo(line)


def review(
    run_folder: RunFolder,
    name: Annotated[str, typer.Option(prompt=say("Your name", "お名前"), help=say("who decides", "判断する人"))],
    key: Key = None,
) -> None:
    from kit.operations.audit_record import read_key
    from poc.review import work
    from poc.standing import standing

    here = standing(run_folder, read_key(key) if key else None)
    here.queue.require_key()
    done = work(here, name, lambda text: typer.prompt(text, default="", show_default=False), typer.echo, lambda path: typer.launch(str(path)))
    typer.echo(say(f"{done} decided. Thank you.", f"{done} 件を判断しました。お疲れさまでした。"))


def size(
    run_folder: RunFolder,
    folder: Annotated[Path | None, typer.Option(help=say("the use case's folder, if it is not found", "ユースケースのフォルダー（見つからないとき）"))] = None,
    rows: Annotated[int, typer.Option(min=1, help=say("held-out rows that each form is asked", "各形式に尋ねる評価行の数"))] = 48,
    smaller: Annotated[Path | None, typer.Option(metavar="RUN", help=say("a run of a smaller checkpoint on the same use case, to measure beside it", "比較する、同じユースケースの小さいチェックポイントの実行"))] = None,
) -> None:
    stay_offline()
    from poc import runs
    from poc.sizing_said import size_lines, size_run

    found, planned = size_run(run_folder, folder, rows, smaller, tell=typer.echo)
    for line in size_lines(found, planned, runs.read(run_folder)["currency"]):
        typer.echo(line)


def opened(run_folder: Path, threshold: float | None, folder: Path | None):
    """The run in use (poc.in_use.InUse), and what it will do, told before it answers."""
    from poc.in_use import open_use
    from poc.queue_said import in_use_lines

    use = open_use(run_folder, threshold, folder)
    for line in in_use_lines(use):
        typer.echo(line)
    return use


IN_USE = {
    queue: say("What waits for people in RUN's queue and why, how often they agree with the model, and its step of autonomy.", "RUN の確認待ちとその理由、人とモデルの一致率、自律の段階。"),
    review: say("Decide on what waits in RUN's queue, one after the other.", "RUN の確認待ちを 1 件ずつ判断します。"),
    size: say("How big a machine: RUN's model in 16, 8 and 4 bits, with smaller pictures, merged; edge, server or endpoint for the stated volume. Writes sizing.json.", "必要な機械の大きさ：RUN のモデルを 16・8・4 ビット、縮小画像、統合で測り、想定件数でエッジ・サーバー・エンドポイントを比べます（sizing.json を書きます）。"),
}
