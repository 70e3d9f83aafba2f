"""`poc demo`: the page of a run, who may reach it, and how long a question may take."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from kit.language import say
from poc.arguments import stay_offline
from poc.runs import EXAMPLE

DEMO = say("Open the demo of a run in the browser, on this machine only unless --host says otherwise.", "実行結果のデモをブラウザーで開きます（--host を指定しない限り、この端末のみ）。")


def demo(
    run_folder: Annotated[Path | None, typer.Argument(metavar="RUN", help=say("a run's folder; default: the example run that ships", "実行フォルダー。省略時は付属の例"), show_default=False)] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help=say("default: the first free one from 7860", "省略時は 7860 以降の空き番号"))] = None,
    host: Annotated[str, typer.Option(help=say("the address to listen on; another one than this machine's own needs --users and TLS", "待ち受けるアドレス。この端末以外なら --users と TLS が必要"))] = "127.0.0.1",
    users: Annotated[Path | None, typer.Option(metavar="FILE", help=say("who may come in: one NAME:PASSWORD a line, readable by you only", "利用を許す人：1 行に NAME:PASSWORD。自分だけが読めるファイル"))] = None,
    tls_cert: Annotated[Path | None, typer.Option(metavar="PEM", help=say("the certificate, for https", "証明書（https 用）"))] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="PEM", help=say("its private key", "秘密鍵"))] = None,
    key: Annotated[Path | None, typer.Option(help=say("a key of `poc audit key`: its holder can tell who asked; without one nobody can", "`poc audit key` の鍵：持ち主は質問者を特定できます。省略時は誰も特定できません"))] = None,
    time_limit: Annotated[float, typer.Option(min=1, help=say("seconds that a question may take, its wait included", "1 つの質問にかけられる秒数（待ち時間を含む）"))] = 120.0,
) -> None:
    stay_offline()
    run_folder = run_folder or EXAMPLE
    from kit.operations.audit_log import FILE
    from kit.operations.audit_record import read_key
    from poc.audit_commands import FOLDER
    from poc.demo import Access, launch, read_users

    access = Access(host, read_users(users) if users else None, tls_cert, tls_key)
    secret = read_key(key, run_folder / FOLDER / FILE) if key else None
    launch(run_folder, port=port, open_browser=sys.stdout.isatty(), tell=typer.echo, access=access, key=secret, longest=time_limit)
