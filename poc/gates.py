"""From measured intervals to go, stop or grey, by gates that were signed before training.

The rule reads interval bounds, never point estimates:
    go     the KPI's lower bound reaches the threshold, AND the lower bound of tuned - best cheap baseline is above 0, AND the upper bound of what the guard set lost
           is below guard_drop, AND (where robust_drop is set) that of what the most harmful evidence takes is below it
    stop   the KPI's upper bound is below the threshold, OR the best cheap baseline is at least as good, by the upper bound of the paired difference
    grey   anything else, with what it would take to decide
    none   a red run check (the numbers cannot be trusted), or a rehearsal (the numbers say nothing about the company)
Cheap baselines are those without an MLLM: the commonest answer, the note copied, scikit-learn.
Not covered yet: worst group, latency and budget gates.
"""

import json
import math
import os
from datetime import datetime
from pathlib import Path

from kit.data.files import own
from kit.diagnosis.interference import MIN_ROWS
from kit.errors import KitError
from kit.language import say
from poc.usecase import gates_hash, load_usecase
from poc.words import ARMS, CHEAP, CHECKS, KPIS, Text, both, name_of_perturbation

FILE = "gates.signed.json"
_TOO_MANY = 20  # beyond so many times the held-out rows, more rows are no advice


def sign(directory: Path, name: str) -> dict:
    """Writes gates.signed.json: who accepts which gates, and when. An earlier signature is kept in "earlier".

    Returns:
        {"hash", "name", "time", "earlier"}.

    Raises:
        KitError: no name, poc.yaml is missing or wrong, or the folder cannot be written.
    """
    name = name.strip()
    if not name:
        raise KitError(say("a signature needs a name: poc sign DIR --name NAME", "署名には名前が必要です: poc sign DIR --name 名前"))
    path = Path(directory) / FILE
    before = _read(path)
    earlier = [*before.pop("earlier", []), before] if before else []
    signed = {
        "hash": gates_hash(load_usecase(directory)),
        "name": name,
        "time": datetime.now().astimezone().isoformat(timespec="seconds"),
        "earlier": earlier,
    }
    half = own(path.with_suffix(".part"), path.parent)
    try:
        half.write_text(json.dumps(signed, ensure_ascii=False, indent=1), encoding="utf-8")
        os.replace(half, path)
    except OSError as error:
        raise KitError(
            say(f"cannot write {path} ({error.strerror}); make the folder writable and sign again",
                f"{path} に書けません（{error.strerror}）。書き込めるようにしてから再度署名してください")
        ) from error  # fmt: skip
    return signed


def signature(directory: Path, use) -> dict:
    """Whether the gates of `use` are signed.

    Returns:
        {"signed": bool, "signed_by", "signed_at", "state": "unsigned" | "signed" | "changed"}; "changed": they were signed, and are others now.

    Raises:
        KitError: gates.signed.json cannot be read.
    """
    found = _read(Path(directory) / FILE)
    if not found:
        return {"signed": False, "signed_by": "", "signed_at": "", "state": "unsigned"}
    same = found.get("hash") == gates_hash(use)
    return {"signed": same, "signed_by": found.get("name", ""), "signed_at": found.get("time", ""), "state": "signed" if same else "changed"}


def _read(path: Path) -> dict:
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise KitError(
            say(f"{path} cannot be read as a signature; delete it and sign again: poc sign {path.parent}",
                f"{path} を署名として読めません。削除してから再度署名してください: poc sign {path.parent}")
        ) from error  # fmt: skip


def decide(use, *, results: list, comparisons: list, guard: dict | None, checks: list, signed: dict, rehearsal: bool = False, believes: dict | None = None) -> dict:
    """The verdict of a run.

    Args:
        use: the checked poc.yaml, for its gates.
        results, comparisons, guard: as in run.json. Intervals are taken at the gates' confidence.
        checks: as in checks.json.
        signed: what `signature` returned.
        rehearsal: the tiny model on anything but the sample company.
        believes: the row of diagnosis.json's table that lost most, where the gate "robust" is set.

    Returns:
        {"decision", "reasons": [{"en", "ja"}], "kpi", "best_baseline", "decision_run": bool, "next": {"en", "ja"}}; reasons come most important first.
    """
    gates, kpi = use.gates, use.gates.kpi
    rows = {row["arm"]: row for row in results if row["condition"] == "as_is"}
    best = max((arm for arm in CHEAP if arm in rows), key=lambda arm: rows[arm][kpi]["value"], default="")
    verdict = {"kpi": kpi, "best_baseline": best, "decision_run": bool(signed.get("signed")) and not rehearsal}
    red = [check for check in checks if check["status"] == "red"]
    if red:
        return verdict | {"decision": "none", "reasons": _reasons_of_red(red), "decision_run": False, "next": _MEND}
    if rehearsal:
        return verdict | {"decision": "none", "reasons": [_REHEARSAL], "next": _REAL}
    beaten = next((c["difference"] for c in comparisons if (c["b"], c["condition"], c["metric"]) == (best, "as_is", kpi)), None)
    parts = [
        _threshold(rows["tuned"][kpi], gates, rows["tuned"]["n"]),
        _baseline(beaten, best, gates, rows["tuned"]["n"]),
        _guard(guard, gates),
        *([] if gates.robust_drop is None else [_robust(believes, gates)]),
    ]
    found = {part[0] for part in parts}
    decision = "stop" if "stop" in found else "go" if found == {"go"} else "grey"
    # what decided comes first
    reasons = [part[1] for part in sorted(parts, key=lambda part: part[0] != decision)]
    return verdict | {"decision": decision, "reasons": [*reasons, *_unsigned(signed)], "next": _NEXT[decision]}


def _threshold(measured: dict, gates, n: int) -> tuple[str, Text]:
    """The KPI against its threshold."""
    kpi, threshold = gates.kpi, gates.threshold
    en = f"The tuned model's {KPIS[kpi]['en']} lies between {measured['low']:.1%} and {measured['high']:.1%}; the gate asks for {threshold:.1%}"
    ja = f"微調整後の{KPIS[kpi]['ja']}は {measured['low']:.1%}～{measured['high']:.1%}、判定基準は {threshold:.1%} です"
    if measured["low"] >= threshold:
        return "go", both(f"{en}: reached{_sure(gates)['en']}.", f"{ja}。達成しています{_sure(gates)['ja']}。")
    if measured["high"] < threshold:
        return "stop", both(f"{en}: missed{_sure(gates)['en']}.", f"{ja}。届いていません{_sure(gates)['ja']}。")
    more = _more_rows(measured, threshold, n)
    return "grey", both(f"{en}: the interval still contains it. {more['en']}", f"{ja}。まだ区間の中にあります。{more['ja']}")


def _baseline(difference: dict | None, best: str, gates, n: int) -> tuple[str, Text]:
    """The paired difference to the best method without an MLLM."""
    if difference is None:
        return "grey", both("No method without an MLLM was measured to compare with.", "MLLM を使わない方法との比較がありません。")
    name = {language: f"“{text}”" if language == "en" else f"「{text}」" for language, text in ARMS[best].items()}
    low, high = _points(difference["low"]), _points(difference["high"])
    en = f"Against the best method without an MLLM, {name['en']}, it is {low} to {high} points"
    ja = f"MLLM を使わない最良の方法{name['ja']}との差は {low}～{high} ポイント"
    if difference["low"] > 0:
        return "go", both(f"{en}: better{_sure(gates)['en']}.", f"{ja}で、上回っています{_sure(gates)['ja']}。")
    if difference["high"] <= 0:
        use_it = both(f"Use {name['en']} instead: it is cheaper to run and easier to explain.", f"{name['ja']}を使ってください。運用が安く、説明も容易です。")
        return "stop", both(f"{en}: not better{_sure(gates)['en']}. {use_it['en']}", f"{ja}で、上回っていません{_sure(gates)['ja']}。{use_it['ja']}")
    more = _more_rows(difference, 0.0, n)
    return "grey", both(f"{en}: it is not certain which one is better. {more['en']}", f"{ja}で、どちらが良いかまだ言えません。{more['ja']}")


def _guard(guard: dict | None, gates) -> tuple[str, Text]:
    """What the guard set lost; a loss alone never stops, since less training or mixed-in general data can mend it."""
    if not guard:
        return "grey", both("The guard set was not measured, so it is not known what tuning cost in general ability.",
                            "一般能力の見張りを測定していないため、微調整で失われた能力がわかりません。")  # fmt: skip
    allowed = gates.guard_drop
    low, high = _points(guard["drop"]["low"]), _points(guard["drop"]["high"])
    en = f"General ability (guard set) lost {low} to {high} points; {allowed * 100:g} are allowed"
    ja = f"一般能力の見張りの低下は {low}～{high} ポイント、許容は {allowed * 100:g} ポイント"
    if guard["drop"]["high"] < allowed:
        return "go", both(f"{en}: within the limit.", f"{ja}で、範囲内です。")
    if guard["drop"]["low"] >= allowed:
        return "grey", both(f"{en}: too much. Train fewer steps, or mix general data in, and run again.",
                            f"{ja}で、超えています。学習を短くするか一般データを混ぜて、再実行してください。")  # fmt: skip
    more = _more_rows(guard["drop"], allowed, guard["n"])
    return "grey", both(f"{en}: not certain. {more['en'].replace('held-out', 'guard')}", f"{ja}で、確実とは言えません。{more['ja'].replace('評価', '見張りの')}")


def _robust(believes: dict | None, gates) -> tuple[str, Text]:
    """What the most harmful evidence takes away; it never stops alone, since training with perturbed rows can mend it."""
    if not believes:
        return "grey", both("Nobody asked which evidence the model believes (gate robust_drop).", "モデルがどの情報を信じているかを調べていません（判定基準 robust_drop）。")
    if not believes["clean"]:
        return "grey", both("The model is right on none of the rows that were asked, so that no evidence could take an answer away (gate robust_drop).",
                            "尋ねた行に正答が 1 つもないため、失われる正答がありません（判定基準 robust_drop）。")  # fmt: skip
    if believes["n"] < MIN_ROWS:
        return "grey", both(f"Which evidence the model believes was asked on {believes['n']} rows only: too few to tell (gate robust_drop; {MIN_ROWS} or more).",
                            f"何を信じているかを尋ねた行が {believes['n']} 件だけで、判断できません（判定基準 robust_drop、{MIN_ROWS} 件以上）。")  # fmt: skip
    low, high = _points(believes["lost_low"]), _points(believes["lost_high"])
    names = {language: name_of_perturbation(believes["perturbation"], language) for language in ("en", "ja")}
    en = f"With “{names['en']}” beside the evidence it loses {low} to {high} points of right answers; {gates.robust_drop * 100:g} are allowed"
    ja = f"「{names['ja']}」を添えると正答が {low}～{high} ポイント失われます。許容は {gates.robust_drop * 100:g} ポイント"
    if believes["lost_high"] < gates.robust_drop:
        return "go", both(f"{en}: within the limit.", f"{ja}で、範囲内です。")
    if believes["lost_low"] >= gates.robust_drop:
        return "grey", both(f"{en}: too much. Train with perturbed rows (training.robust; notebook 06) and run again.",
                            f"{ja}で、超えています。撹乱した行を加えて学習し（training.robust、ノートブック 06）、再実行してください。")  # fmt: skip
    more = _more_rows({"value": believes["lost"], "low": believes["lost_low"], "high": believes["lost_high"]}, gates.robust_drop, believes["n"])
    return "grey", both(f"{en}: not certain. {more['en']}", f"{ja}で、確実とは言えません。{more['ja']}")


def _sure(gates) -> Text:
    """How sure the interval is, as the end of a sentence."""
    return both(f" at {gates.confidence:.0%} confidence", f"（信頼度 {gates.confidence:.0%}）")


def rows_to_decide(measured: dict, threshold: float, n: int) -> int | None:
    """About how many rows in all would take the threshold out of the interval, if the value stayed as measured.

    Normal approximation: an interval's half-width shrinks with the square root of n. None: more than twenty times as many.
    """
    value = measured["value"]
    half, distance = (value - measured["low"], value - threshold) if value > threshold else (measured["high"] - value, threshold - value)
    if distance <= 0 or half / distance > math.sqrt(_TOO_MANY):
        return None
    return math.ceil(n * (half / distance) ** 2 - 1e-6)


def _more_rows(measured: dict, threshold: float, n: int) -> Text:
    needed = rows_to_decide(measured, threshold, n)
    if needed is None:
        return both("It is too close for more held-out rows to decide: improve the model or the data.", "評価データを増やしても決まらないほど僅差です。モデルかデータの改善が必要です。")
    more = _two_digits(max(needed - n, 1))
    return both(f"About {more:,} more held-out rows would decide it.", f"評価データをあと約 {more:,} 件増やせば決まります。")


def _two_digits(count: int) -> int:
    """Rounded up to two significant digits: an estimate should look like one."""
    step = 10 ** max(len(str(count)) - 2, 0)
    return -(-count // step) * step


def _points(share: float) -> str:
    """A difference of shares in points, with its sign."""
    return f"{100 * share:+.1f}".replace("-", "−")


def _reasons_of_red(red: list) -> list[Text]:
    return [
        both(f"Run check {check['number']} is red ({CHECKS[check['number']]['en']}), so the numbers cannot be trusted: {check['detail']}",
             f"実行チェック {check['number']}（{CHECKS[check['number']]['ja']}）が赤のため、数値は信頼できません：{check['detail']}")
        for check in red
    ]  # fmt: skip


def _unsigned(signed: dict) -> list[Text]:
    if signed.get("signed"):
        return []
    if signed.get("state") == "changed":
        return [both(f"Not a decision run: the gates were changed after {signed['signed_by']} signed them.",
                     f"決定用の実行ではありません：{signed['signed_by']} さんの署名後に判定基準が変更されています。")]  # fmt: skip
    return [both("Not a decision run: nobody signed the gates before training (poc sign DIR).",
                 "決定用の実行ではありません：学習の前に判定基準が署名されていません（poc sign DIR）。")]  # fmt: skip


_REHEARSAL = both(
    "Rehearsal: the tiny model was run on data it is too small for. It shows that the path works, and nothing about what is possible on this data.",
    "リハーサル：練習用の小さなモデルでの実行です。手順が動くことは示しますが、このデータで何ができるかは示しません。",
)
_REAL = both(
    "For a real answer, with a real checkpoint: poc run DIR --preset laptop (no GPU) or poc run DIR --preset gpu (one 24 GB card)",
    "実際の判定には本物のチェックポイントを：poc run DIR --preset laptop（GPU なし）または poc run DIR --preset gpu（24 GB の GPU 1 枚）",
)
_MEND = both("Mend what the red check names, then run again.", "赤のチェックが示す点を直してから、再実行してください。")
_NEXT = {
    "go": both("Next: a trial beside the people who decide today, every answer checked.", "次は、現在の判断者と並べた試行です。すべての答えを人が確認します。"),
    "stop": both("Next: do not go on with this; keep the data and the gates for the next idea.", "この方法は続けません。データと判定基準は次の案に活かせます。"),
    "grey": both("Next: do what the open points name, then run again with the same gates.", "未決の点に対応し、同じ判定基準で再実行してください。"),
}
