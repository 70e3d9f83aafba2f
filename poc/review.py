"""`poc review`: one clerk works through the queue in a terminal, one item after the other, without seeing the model's answer first."""

import time
from collections.abc import Callable
from pathlib import Path

from kit.data import MEDIA
from kit.errors import KitError
from kit.language import say
from kit.operations.playbook import PLAYS, likely_kind, play
from kit.operations.review_queue import Claim
from poc.queue_said import item_lines
from poc.standing import Standing

STOP, BACK, UNTOLD, OPEN = "q", "u", "?", "o"


def work(here: Standing, name: str, ask: Callable[[str], str], tell: Callable[[str], None], show: Callable[[Path], object] = Path.is_file) -> int:
    """Hands items to a person until nothing waits for them or they stop, and returns how many they decided.

    Args:
        here: the run in use.
        name: the person.
        ask: prompt -> what they typed.
        tell: shows a line.
        show: opens a photo, recording or film.
    """
    done, claim = 0, here.queue.claim(name)
    while claim:
        for line in item_lines(claim.item):
            tell(line)
        said, seconds = _answer(claim, ask, tell, show)
        if said == STOP:
            here.queue.release(claim)
            return done
        if said == BACK:
            claim, done = _back(here, name, claim, tell, done)
            continue
        try:
            _decide(here, claim, said, seconds, ask, tell)
            done += 1
        except KitError as error:  # it took so long that somebody else has the item, or nothing can be written
            tell(str(error))
        claim = here.queue.claim(name)
    tell(say("Nothing waits for you.", "あなたの確認待ちはありません。"))
    return done


def _answer(claim: Claim, ask, tell, show) -> tuple[str, float]:
    """(an option, "" for cannot be told, STOP or BACK; seconds it took)."""
    began, options = time.monotonic(), claim.item.sample.options
    while True:
        typed = ask(say("Number", "番号")).strip().translate(str.maketrans("０１２３４５６７８９？ｑｕｏ", "0123456789?quo"))
        if typed == OPEN:
            for path in (path for name in MEDIA for path in getattr(claim.item.sample, name)):
                show(path)
            continue
        if typed in (STOP, BACK):
            return typed, 0.0
        if typed == UNTOLD:
            return "", time.monotonic() - began
        if not options and typed:
            return typed, time.monotonic() - began
        if typed.isdecimal() and 0 < int(typed) <= len(options):
            return options[int(typed) - 1], time.monotonic() - began
        tell(say(f"{typed!r} is none of 1 to {len(options)}, o, ?, u, q", f"{typed!r} は使えません。1～{len(options)}、o、?、u、q のどれかを入力してください"))


def _back(here: Standing, name: str, claim: Claim, tell, done: int) -> tuple[Claim, int]:
    """The last decision's item again; the present one where there is none to take back."""
    try:
        before = here.queue.undo(name)
    except KitError as error:
        tell(str(error))
        return claim, done
    if before is None:
        tell(say("There is no answer of yours to take back.", "取り消せる答えがありません。"))
    return before or claim, done - (before is not None)


def _decide(here: Standing, claim: Claim, said: str, seconds: float, ask, tell) -> None:
    """Writes the decision; where the model had said something else, how it was wrong, and what to do about it now."""
    item = claim.item
    wrong = item.answer and said and said != item.answer
    kind = _kind(item.answer, said, (here.record.get("costs") or {}).get("ok_answer") or "", ask, tell) if wrong else ""
    item = here.queue.decide(claim, said, kind, seconds=seconds, saw=False)
    if kind:
        tell(say(f"Now: {play(kind).now} Tell: {play(kind).tell}", f"すぐに：{play(kind).now} 連絡先：{play(kind).tell}"))
    if item.final is None:
        tell(say("Another person must look at this one, too.", "この項目は別の人も確認します。"))


def _kind(model: str, said: str, good: str, ask, tell) -> str:
    tell(say(f"The model had said {model}. How was it wrong?", f"モデルの答えは {model} でした。どの誤りですか。"))
    for number, name in enumerate(PLAYS, start=1):
        tell(f"  {number}  {play(name).name}")
    likely = likely_kind(model, said, good)
    typed = ask(say(f"Number (empty: {PLAYS.index(likely) + 1 if likely else len(PLAYS)})", f"番号（空欄：{PLAYS.index(likely) + 1 if likely else len(PLAYS)}）")).strip()
    return PLAYS[int(typed) - 1] if typed.isdecimal() and 0 < int(typed) <= len(PLAYS) else likely or PLAYS[-1]
