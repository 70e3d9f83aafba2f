"""`poc audit`: the audit log of a run in use, i.e. who asked, answered and decided what. (What is wrong with a folder's rows is `poc check`'s business, in poc/audit.py.)"""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from kit.errors import KitError
from kit.language import current, say

FOLDER = "operations"  # of a run: what happens after the decision

audit = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=say("The audit log of RUN in use: verify it, anchor it outside, export it, cut old records off.", "運用中の RUN の監査ログ：検証、控えの作成、書き出し、古い記録の削除。"))

Place = Annotated[Path, typer.Argument(metavar="RUN|FILE", help=say("a run's folder, or the log's file", "実行フォルダー、またはログのファイル"))]
Key = Annotated[Path | None, typer.Option("--key", help=say("a key that `poc audit key` made, kept away from the log", "`poc audit key` で作った鍵（ログとは別の場所に保管）"))]
SignKey = Annotated[Path, typer.Option("--key", help=say("a key that `poc audit key` made, kept away from the log", "`poc audit key` で作った鍵（ログとは別の場所に保管）"))]


def log_of(place: Path) -> Path:
    """The audit log of a run's folder, or the file itself.

    Raises:
        KitError: there is none.
    """
    from kit.operations.audit_log import FILE, head_of

    found = [path for path in (place, place / FOLDER / FILE, place / FILE) if path.is_file() or (path.name == FILE and head_of(path).is_file())]
    if not found:
        raise KitError(say(f"{place} is no audit log and has none in {FOLDER}/{FILE}; one begins with `poc predict RUN DIR --queue`, with the first question that somebody asks the demo (poc demo RUN), or when a program of yours writes to it (kit.operations.audit_log)",
                           f"{place} は監査ログではなく、{FOLDER}/{FILE} もありません。`poc predict RUN DIR --queue`、デモ（poc demo RUN）での最初の質問、または kit.operations.audit_log を使うプログラムの書き込みで始まります"))  # fmt: skip
    return found[0]


@audit.command(help=say("Is every record there, unchanged, in its place? Exit code 1 where not.", "全ての記録が、変更なく、元の順に残っているかを検証します。異常があれば終了コード 1。"))
def verify(
    place: Place,
    anchor: Annotated[list[str], typer.Option("--anchor", help=say("a file of `poc audit anchor`, or NUMBER:DIGEST from its print", "`poc audit anchor` のファイル、または印刷した「番号:ハッシュ値」"))] = [],  # noqa: B006  typer copies it
    key: Key = None,
) -> None:
    from kit.operations.audit_record import read_key
    from kit.operations.audit_verify import read_anchor
    from kit.operations.audit_verify import verify as read

    found = read(log_of(place), [read_anchor(one) for one in anchor], read_key(key) if key else None)
    for line in verified_lines(found, len(anchor)):
        typer.echo(line)
    if not found.ok:
        raise typer.Exit(1)


@audit.command(name="anchor", help=say("Print the end of the log, to be signed and kept elsewhere: it binds every record up to here.", "ログの末尾を表示します。署名して別の場所に保管すると、ここまでの全記録の証拠になります。"))
def anchor_command(
    place: Place,
    out: Annotated[Path | None, typer.Option(help=say("a file for it, too", "ファイルにも書く"))] = None,
    key: Key = None,
) -> None:
    from kit.operations.audit_record import read_key
    from kit.operations.audit_verify import anchor_of

    log = log_of(place)
    made = anchor_of(log, read_key(key, log) if key else None)
    if out:
        _write_new(out, json.dumps(asdict(made), indent=1) + "\n")
    for line in anchor_lines(made):
        typer.echo(line)


@audit.command(help=say("Write the log as a CSV for spreadsheets.", "ログを表計算ソフト用の CSV に書き出します。"))
def export(place: Place, out: Annotated[Path, typer.Argument(metavar="OUT.csv", help=say("a new file", "新しいファイル"))]) -> None:
    from kit.operations.audit_export import export_csv

    rows = export_csv(log_of(place), out)
    typer.echo(say(f"{out}: {rows:,} records. A copy to read: only the log itself can be verified.", f"{out}：{rows:,} 件。閲覧用の写しです。検証できるのはログ本体だけです。"))


@audit.command(help=say("Cut the records of before a day off; a signed summary takes their place.", "指定日より前の記録を削除し、署名つきの要約に置き換えます。"))
def cut(
    place: Place,
    before: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help=say("the first day that is kept (UTC)", "残す最初の日（UTC）"))],
    key: SignKey,
    name: Annotated[str, typer.Option(prompt=say("Your name", "お名前"), help=say("who decides it", "決定者"))],
) -> None:
    from kit.operations.audit_log import AuditLog, hides_names
    from kit.operations.audit_record import read_key
    from kit.operations.audit_retention import cut_before

    log = log_of(place)
    secret = read_key(key, log)
    gone = cut_before(AuditLog(log, secret if hides_names(log) else None), before.replace(tzinfo=UTC), name, secret)
    typer.echo(say(f"{gone:,} records cut off. Anchors of records that are gone can no longer be checked: make a new one with `poc audit anchor {place}`", f"{gone:,} 件を削除しました。削除した記録の控えは今後確認できません。新しい控えを作ってください：`poc audit anchor {place}`"))


@audit.command(help=say("Make a key, to hide names and to sign; keep it away from the log.", "名前の仮名化と署名のための鍵を作ります。ログとは別の場所に保管してください。"))
def key(out: Annotated[Path, typer.Argument(metavar="FILE", help=say("a new file", "新しいファイル"))]) -> None:
    from kit.operations.audit_record import new_key

    new_key(out)
    typer.echo(say(f"{out}: keep it apart from the log and its copies. Who has it can tell whose records are whose; when it is destroyed, nobody can.", f"{out}：ログやその写しとは別に保管してください。この鍵があれば誰の記録か分かり、破棄すれば誰にも分からなくなります。"))


@audit.command(help=say("The pseudonym of a name, to find a person's records.", "名前に対応する仮名を表示します（本人の記録を探すため）。"))
def pseudonym(name: Annotated[str, typer.Argument(metavar="NAME", help=say("as it was written", "記録時の名前"))], key: SignKey) -> None:
    from kit.operations.audit_record import pseudonym as hidden
    from kit.operations.audit_record import read_key

    typer.echo(hidden(name, read_key(key)))


def verified_lines(found, anchors: int) -> list[str]:
    """What `kit.operations.audit_verify.verify` found, for the terminal."""
    if not found.ok:
        from kit.operations.audit_verify import place_of

        lines = [say(f"[BAD]  {found.path}: {place_of(found)}{found.problem}", f"[BAD]  {found.path}：{place_of(found)}{found.problem}")]
        advice = say("Keep the file, its .head and the newest backup as they are, and tell the owner of the audit log.", "ファイル・.head・最新のバックアップをそのまま保全し、監査ログの責任者に知らせてください。")
        return [*lines, *(f"       {line}" for line in (advice, *found.notes))]
    bound = say(f"; {found.anchors} of {anchors} anchors compared, and it fits", f"。控え {anchors} 件中 {found.anchors} 件と照合し、一致") if anchors else ""
    lines = [say(f"[OK]   {found.path}: records {found.first} to {found.last}, each unchanged and in its place{bound}", f"[OK]   {found.path}：記録 {found.first}～{found.last} は全て、変更なく元の順に残っています{bound}")]
    lines += [f"[INFO] {note}" for note in found.notes]
    if not anchors:
        lines.append(say(f"       Whoever may write to this folder could have rewritten the whole log. Compare it with an anchor kept elsewhere: poc audit verify {found.path} --anchor FILE",
                         f"       このフォルダーに書き込める人なら、ログ全体を書き直せます。別の場所に保管した控えと照合してください：poc audit verify {found.path} --anchor ファイル"))  # fmt: skip
    return lines


def anchor_lines(made) -> list[str]:
    """The anchor as it is printed, signed and filed."""
    digest = " ".join(made.hash[place : place + 8] for place in range(0, 64, 8))
    named = say("Audit log anchor", "監査ログの控え"), say("record", "記録番号"), say("digest", "ハッシュ値"), say("taken", "作成日時"), say("seal", "署名値"), say("signed by, on", "署名・日付")
    lines = [f"{named[0]}: {made.log}", f"  {named[1]}: {made.n}", f"  {named[2]}: {digest}", f"  {named[3]}: {made.time}"]
    lines += [f"  {named[4]}: {made.seal}"] if made.seal else []
    check = f'poc audit verify {made.log} --anchor "{made.n}:{digest[:35]}"'
    said = say("Print it, sign it, keep it where nobody who can write the log can reach it. To check with it later:", "印刷して署名し、ログに書き込める人の手が届かない場所に保管してください。後で照合するには：")
    return [*lines, f"  {named[5]}: {'_' * (24 if current() == 'en' else 20)}", said, f"  {check}"]


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise KitError(say(f"{path}: could not be written ({error.strerror}); name a new file in a folder that you may write to", f"{path}：書き込めませんでした（{error.strerror}）。書き込めるフォルダーの新しいファイル名にしてください")) from error
