"""One line of the audit log: what it says, how it becomes bytes, and the digest that ties it to the line before.

A line is JSON with sorted keys and no blanks, and ends in its own digest: `{...,"what":"r1","who":"p"}` is the body, and the line is the body with `,"hash":"<64 hex digits>"` before its last
brace. The digest is the SHA-256 of the body's bytes, which hold the digest of the line before ("previous"), so that anybody can check the chain with `sha256sum` and without this kit.
"""

import hashlib
import hmac
import json
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from kit.data import MEDIA, Sample
from kit.errors import KitError
from kit.language import say

KINDS = {  # what can happen -> (English, Japanese)
    "answer": ("the model answered", "モデルの回答"), "referral": ("handed to a person", "人への引き継ぎ"), "review": ("a person decided", "人の判断"), "undo": ("a decision taken back", "判断の取り消し"),
    "step": ("the step of autonomy changed", "自律段階の変更"), "retention": ("old records cut off", "古い記録の削除"), "healed": ("an interrupted line removed", "書きかけの行の除去"), "event": ("something else", "その他"),
}  # fmt: skip
LONGEST = 64 * 1024  # bytes of a line: a reader never has to hold more
_TAIL = len(',"hash":"') + 64 + len('"}')
_SUMMARY = b"summary:"  # what a key signs is told apart from what it hides


@dataclass(frozen=True)
class Record:
    """What happened. Everything but `kind` and `who` may be empty; times, numbers and digests are the log's.

    Attributes:
        kind: a key of KINDS.
        who: the person or service that did it; a pseudonym where the log has a key.
        what: what it is about: a row's id, an item of the queue.
        model, adapter, data: names or digests of the checkpoint, of the adapter, of the data that it was tuned on.
        threshold: below which share an answer is left to a person; None where it plays no part.
        input: `input_hash` of what was asked.
        answer: what the model, or in a review the person, said.
        confidence: of the answer, 0 to 1.
        decision: what came of it, e.g. "answered", "abstained", "agreed", "overridden".
        note: anything else, small; its words are not hidden by a key.
        n: number of the record, from 1, without gaps.
        time: UTC, ISO 8601 with milliseconds.
        previous: digest of the record before, "" for the first.
        hash: its own.
    """

    kind: str
    who: str
    what: str = ""
    model: str = ""
    adapter: str = ""
    data: str = ""
    threshold: float | None = None
    input: str = ""
    answer: str = ""
    confidence: float | None = None
    decision: str = ""
    note: Mapping = field(default_factory=dict, hash=False)
    n: int = 0
    time: str = ""
    previous: str = ""
    hash: str = ""


_NUMBERS = {"threshold": (int, float, type(None)), "confidence": (int, float, type(None)), "note": (dict,), "n": (int,)}
COLUMNS = tuple(one.name for one in fields(Record))


def line_of(record: Record) -> tuple[bytes, str]:
    """(the record's line with its end, its digest).

    Raises:
        KitError: a kind that is none of KINDS, no one who did it, something that JSON or UTF-8 cannot hold, or more than LONGEST bytes.
    """
    if record.kind not in KINDS:
        raise KitError(say(f"{record.kind!r} is no kind of audit record; allowed: {', '.join(KINDS)}", f"{record.kind!r} は監査記録の種類にありません。使えるもの：{', '.join(KINDS)}"))
    if not record.who.strip():
        raise KitError(say("an audit record needs somebody who did it: give a person's or a service's name", "監査記録には実行者が必要です。人またはサービスの名前を入れてください"))
    said = {name: getattr(record, name) for name in COLUMNS if name != "hash"} | {"note": dict(record.note)}
    try:
        body = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:  # UnicodeEncodeError, of half a letter, is a ValueError
        raise KitError(say(f"this cannot be written into the audit log ({error}); allowed are text, numbers that are finite, lists and dicts of these", f"監査ログに書けない値です（{error}）。使えるのは文字列・有限の数値・それらのリストと辞書です")) from error
    if len(body) + _TAIL > LONGEST:
        raise KitError(say(f"an audit record of {len(body):,} bytes is too long, at most {LONGEST - _TAIL:,} are allowed: write a digest of long texts, not the texts", f"監査記録が {len(body):,} バイトあります。上限は {LONGEST - _TAIL:,} バイトです。長い文章はハッシュ値で記録してください"))
    digest = hashlib.sha256(body).hexdigest()
    return body[:-1] + b',"hash":"' + digest.encode() + b'"}\n', digest


def record_of(line: bytes) -> Record | None:
    """The record of a line without its end; None where it is none. Its digest is as written: `is_whole` checks it."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or len(said) != len(COLUMNS) or any(not isinstance(said.get(name, ...), _NUMBERS.get(name, str)) for name in COLUMNS):
        return None
    return Record(**said) if said["kind"] in KINDS else None


def is_whole(line: bytes, record: Record) -> bool:
    """Whether the line's bytes are those that its digest was made of."""
    return line.endswith(f',"hash":"{record.hash}"}}'.encode()) and hashlib.sha256(line[:-_TAIL] + b"}").hexdigest() == record.hash


def input_hash(sample: Sample) -> str:
    """SHA-256 of what was asked: question, options, note and the bytes of the files. Names and labels play no part."""
    digest = hashlib.sha256(json.dumps([sample.question, sample.options, sample.text], ensure_ascii=False).encode())
    for modality in MEDIA:
        for path in getattr(sample, modality):
            digest.update(modality.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def same_name(name: str) -> str:
    """A name as it is compared: width (NFKC), case, blanks, punctuation and what cannot be seen make no other person. "" where nothing else is in it."""
    return "".join(letter for letter in unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()) if unicodedata.category(letter)[0] not in "ZCP")


def pseudonym(name: str, key: bytes) -> str:
    """ "p-" and 16 hex digits of a keyed digest (HMAC-SHA256): the same for the same person and key, and nothing without the key, not even for who guesses names. A name that is one already stays."""
    if is_pseudonym(name):
        return name
    return "p-" + hmac.new(key, b"who:" + same_name(name).encode(), "sha256").hexdigest()[:16]


def is_pseudonym(name: str) -> bool:
    """Whether a name has the form of `pseudonym`."""
    return len(name) == 18 and name.startswith("p-") and set(name[2:]) <= set("0123456789abcdef")


def seal(text: str, key: bytes) -> str:
    """A signature (HMAC-SHA256) that only a holder of the key could make; it can be checked with the same key only."""
    return hmac.new(key, _SUMMARY + text.encode(), "sha256").hexdigest()


def new_key(path: Path) -> bytes:
    """Writes a random key of 32 bytes, as hex, that only its owner may read.

    Raises:
        KitError: the file is there already (it is never overwritten: pseudonyms made with a lost key cannot be told apart from anybody), or cannot be written.
    """
    path = Path(path)
    try:
        path.touch(mode=0o600, exist_ok=False)
        path.write_text(secrets.token_hex(32) + "\n", encoding="ascii")
    except FileExistsError as error:
        raise KitError(say(f"{path} exists already and is not overwritten; name another file for the new key", f"{path} は既にあるため上書きしません。新しい鍵は別のファイル名にしてください")) from error
    except OSError as error:
        raise KitError(say(f"{path}: the key could not be written ({error.strerror}); name a folder that you may write to", f"{path}：鍵を書き込めませんでした（{error.strerror}）。書き込めるフォルダーを指定してください")) from error
    return read_key(path)


def read_key(path: Path, log: Path | None = None) -> bytes:
    """The key in a file.

    Args:
        path: the file of `new_key`.
        log: the log that the key is for.

    Raises:
        KitError: no file of 64 hex digits, or it lies in the log's own folder: who copies that has both.
    """
    path = Path(path)
    if log is not None and path.resolve().is_relative_to(Path(log).resolve().parent):
        raise KitError(say(f"{path} lies beside the log that it protects; keep the key in a folder that is not copied with the log", f"鍵 {path} が、守るべきログと同じ場所にあります。ログと一緒に複製されないフォルダーに置いてください"))
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        key = b""
    if len(key) != 32:
        raise KitError(say(f"{path} is no key: 64 hex digits are expected. Make one with: poc audit key FILE", f"{path} は鍵ファイルではありません（16 進 64 桁）。作成するには: poc audit key FILE"))
    return key
