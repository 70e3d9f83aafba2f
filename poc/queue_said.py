"""What `poc predict --queue`, `poc queue` and `poc review` say."""

from collections import Counter

from kit.language import current, say
from kit.operations.autonomy import NAMES, told
from kit.operations.review_queue import REASONS
from kit.operations.review_rows import Decision, Item, rates

MOST = 20  # waiting items that are listed
_TELLING = ("dangerous", "every", "random")  # the first says what the model said; the others say nothing to a clerk


def reasons_told(reasons: dict[str, int]) -> str:
    """ "dangerous class 3, the model abstained 2": most urgent first."""
    return say(", ", "、").join(f"{reason_told(name)} {reasons[name]}" for name in REASONS if reasons.get(name))


def reason_told(name: str) -> str:
    """A key of REASONS in the reader's language."""
    return REASONS[name][2 if current() == "ja" else 1]


def in_use_lines(use) -> list[str]:
    """What a run does on the floor before it answers (poc.in_use.InUse)."""
    here, at = use.standing, f"{100 * use.threshold.value:.4g} %"
    step = NAMES[here.state.step]
    lines = [say(f"In use, step “{step[0][0]}”: {step[1][0]}", f"運用中：段階「{step[0][1]}」。{step[1][1]}")]
    lines += [] if here.measured.log_ok else [say("[BAD]  The audit log does not verify: nobody enters a higher step. Look at it with: poc audit verify RUN", "[BAD]  監査ログの検証に失敗しました。上の段階には進めません。確認: poc audit verify RUN")]
    lines += [say(f"The step went down: {'; '.join(here.down.why)}.", f"段階を下げました：{'。'.join(here.down.why)}。")] if here.down else []
    if use.promised:
        targets, confidence = use.promised
        what = {"miss": (f"at most {targets.get('miss', 0):.0%} of the bad cases pass as good", f"不良の見逃しは {targets.get('miss', 0):.0%} 以下"), "wrong": (f"at most {targets.get('wrong', 0):.0%} of all cases are answered wrongly", f"誤答は全体の {targets.get('wrong', 0):.0%} 以下")}
        told_as = [say(*what[name]) for name in targets]
        lines.append(say(f"Below {at} confidence it abstains. Promised at {confidence:.0%}: {'; '.join(told_as)}, for cases like those of the calibration rows.", f"確信度 {at} 未満は回答を保留します。信頼度 {confidence:.0%} の約束：{'、'.join(told_as)}（校正データと同様の案件に限る）。"))
    else:
        lines.append(say(f"Below {at} confidence it abstains: a plain threshold, the run promises nothing for it.", f"確信度 {at} 未満は回答を保留します。通常のしきい値で、保証はありません。"))
    return [*lines, *(f"[INFO] {note}" for note in use.notes)]


def queue_lines(here) -> list[str]:
    """What waits, how far people agree, and the step of autonomy (poc.standing.Standing)."""
    items, decisions = here.queue.items(), here.queue.decisions()
    waiting = [item for item in items if item.final is None]  # as they came: the most urgent first would say which are dangerous
    reasons = Counter(reason for item in waiting for reason in item.reasons)
    lines = [say(f"{len(waiting)} wait, {len(items) - len(waiting)} are decided", f"確認待ち {len(waiting)} 件、決定済み {len(items) - len(waiting)} 件") + (f" ({reasons_told(reasons)})" if reasons else "")]
    two = say(", ", "、").join(here.dangerous)
    lines.append(say(f"Two people must agree on: {two}", f"2 人の一致が必要な答え：{two}") if two else say("No answer is named that two people must agree on: write gates: dangerous: [...] into poc.yaml before the next run", "2 人の一致が必要な答えが決まっていません。次の実行の前に poc.yaml に gates: dangerous: [...] を書いてください"))
    lines += [f"  {_waiting_told(item, decisions.get(item.id, ()))}" for item in waiting[:MOST]]
    lines += [say(f"  ... and {len(waiting) - MOST} more", f"  ほか {len(waiting) - MOST} 件")] if len(waiting) > MOST else []
    if here.unlogged:
        numbers = ", ".join(f"#{number}" for number in here.unlogged[:MOST])
        lines.append(say(f"[BAD]  {len(here.unlogged)} decided items do not stand so in the audit log and count for nothing: {numbers}. Tell the owner of the audit log.", f"[BAD]  決定済みの {len(here.unlogged)} 件が監査ログの記録と一致しないため、集計から除きました：{numbers}。監査ログの責任者に知らせてください。"))
    lines += [] if here.measured.log_ok else [say("[BAD]  The audit log does not verify: poc audit verify RUN", "[BAD]  監査ログの検証に失敗しました: poc audit verify RUN")]
    return [*lines, *rate_lines(items, decisions), *told(here.state, here.measured)]


def _waiting_told(item: Item, said: tuple[Decision, ...]) -> str:
    """One item without the model's answer: who reads the list may be the next to decide."""
    heard = say(f", {len(said)} decided", f"、{len(said)} 人が判断済み") if said else ""
    why = say(", ", "、").join(reason_told(name) for name in item.reasons if name not in _TELLING)
    return f"#{item.id} {item.sample.id}{say(': ', '：') + why if why else ''}{heard}, {item.made[:16].replace('T', ' ')}"


def rate_lines(items, decisions) -> list[str]:
    """How often people agreed with the model and overrode it; what measures it comes first."""
    table = rates(items, decisions).set_index("reason")
    names = {"unbiased": say("looked at whatever the answer was", "答えによらず確認したもの"), "saw": say("  of these, model's answer seen first", "  うち、先にモデルの答えを見た人"), "blind": say("  of these, decided blind", "  うち、答えを見ずに判断した人"), "": say("all decided (hard ones over-represented)", "決定済み全体（難しいものが多い）")}
    lines = []
    for name in [name for name in names if name in table.index]:
        row = table.loc[name]
        agreed, over = (f"{100 * row[what]:.0f} % [{100 * row[f'{what}_low']:.0f}, {100 * row[f'{what}_high']:.0f}]" for what in ("agreement", "override"))
        lines.append(say(f"{names[name]}: {row['checked']:.0f}, agreed {agreed}, overrode {over}", f"{names[name]}：{row['checked']:.0f} 件、一致 {agreed}、覆した {over}"))
    return lines or [say("No item is decided yet: poc review RUN", "決定済みの項目はまだありません：poc review RUN")]


def item_lines(item: Item) -> list[str]:
    """One item as a clerk sees it, without the model's answer (who sees it agrees more often) and without the reason that gives it away."""
    sample = item.sample
    files = [str(path) for name in ("image", "audio", "video") for path in getattr(sample, name)]
    note = [say("Note (may be wrong): ", "メモ（誤りのことがあります）：") + sample.text] if sample.text else []
    why = say(", ", "、").join(reason_told(name) for name in item.reasons if name not in _TELLING)
    options = [f"  {number}  {option}" for number, option in enumerate(sample.options, start=1)]
    return [f"#{item.id} {sample.id}" + (f" ({why})" if why else ""), *(f"  {file}" for file in files), *note, sample.question, *options, say("  o  open the file    ?  cannot be told    u  take my last answer back    q  stop", "  o  ファイルを開く    ?  判断できない    u  直前の答えを取り消す    q  終了")]
