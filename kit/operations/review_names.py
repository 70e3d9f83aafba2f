"""With which key the names of a review queue are hidden: one person under two keys, or under one and under none, would count as two."""

import sqlite3

from kit.errors import KitError
from kit.language import say
from kit.operations.audit_record import seal

NAMES = "CREATE TABLE IF NOT EXISTS names (key_check TEXT NOT NULL);"


def known_key(db: sqlite3.Connection, key: bytes | None) -> bool:
    """Whether the queue is bound already, to this key or to none.

    Raises:
        KitError: it is bound otherwise.
    """
    bound, mine = db.execute("SELECT key_check FROM names").fetchone(), _check(key)
    if bound is None or bound["key_check"] == mine:
        return bound is not None
    if not mine:
        raise KitError(say("names in this queue are hidden: give the same --key as before", "この確認待ちでは氏名を仮名にしています。これまでと同じ --key を指定してください"))
    if not bound["key_check"]:
        raise KitError(say("names in this queue are not hidden so far: leave --key out, or one person would count as two", "この確認待ちでは氏名を仮名にしていません。--key を付けずに使ってください（同じ人が 2 人と数えられます）"))
    raise KitError(say("names in this queue are hidden with another key: give the --key of before, or one person would count as two", "この確認待ちの仮名は別の鍵で作られています。これまでと同じ --key を指定してください（同じ人が 2 人と数えられます）"))


def bind_key(db: sqlite3.Connection, key: bytes | None) -> None:
    """Binds the queue to a key, or to none, where it is not bound yet; raises as `known_key`."""
    if not known_key(db, key):
        db.execute("INSERT INTO names VALUES (?)", (_check(key),))


def _check(key: bytes | None) -> str:
    """Tells keys apart and gives none away; "" without one."""
    return seal("names of a review queue", key) if key else ""
