"""Champion and challenger: a retrained model replaces the one in use only when it is shown to be better on the same rows and believes no worse evidence; and the way back is one call.

    verdict = challenge(frame_of_champion, frame_of_challenger, labels, "macro_recall", findings_of_champion, findings_of_challenger)
    crown(Path("runs/inspection"), "20261130-101500", verdict, who="Sato", audit=log)
    rollback(Path("runs/inspection"), who="Sato", reason="more overrides on the night shift", audit=log)

Rows that the challenger was trained on (corrections of the last month, say) are no test of it: both are asked on rows that neither learned from.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

from kit.errors import KitError
from kit.finding import Finding
from kit.language import say

FILE = "champion.json"
LOWER = ("shortcut index", "interference of ", "dependence on the note")  # probes whose value is a fault's size
HIGHER = ("sensitivity", "conflict")
LEAST_ROWS = 30
_WORSE = ("good", "info", "warn", "bad")
_SECONDS = 10  # that another process may hold the lock

Audit = Callable[[dict], None]


@dataclass(frozen=True)
class Verdict:
    """Whether a challenger may replace the champion.

    Attributes:
        replace: it may.
        metric: what was compared on `rows` rows.
        gain: {"value", "low", "high"} of challenger minus champion, turned so that more is better.
        margin: how much worse it may be at most; 0: it must be better. reason: why a margin was allowed.
        reasons: every sentence that speaks against it, in the reader's language; () when it may.
    """

    replace: bool
    metric: str
    rows: int
    gain: dict
    margin: float
    reason: str
    reasons: tuple[str, ...]


def challenge(
    champion: pd.DataFrame, challenger: pd.DataFrame, labels: list[str], metric: str, champion_findings: Sequence[Finding], challenger_findings: Sequence[Finding],
    margin: float = 0.0, reason: str = "", confidence: float = 0.95, costs: dict | None = None, prevalence: dict[str, float] | None = None, seed: int = 0,
) -> Verdict:  # fmt: skip
    """The decision, from answers to the same rows and from the probes of both.

    With margin 0 the lower bound of the paired difference must be above 0; else above -margin, for a stated reason (new classes, a cheaper model), and never without one. Each probe that the champion was asked must have been asked of the
    challenger too, with no worse verdict and a value within the champion's interval or better (where it has no interval: no worse value).

    Args:
        champion, challenger: columns id, answer, predicted, group; the same rows, held out from both models' training.
        metric: as `kit.evaluation.compare` takes it; "cost_per_1000" needs costs.
        champion_findings, challenger_findings: of `poc diagnose`.
        margin: in the metric's unit (shares of 1, or yen per 1,000).

    Raises:
        KitError: other rows, too few of them, or a margin without a reason.
    """
    if margin and not reason.strip():
        raise KitError(say("a margin (the challenger may be worse by so much) needs a reason that somebody signs, such as new classes: give reason=", "margin（許容する低下幅）には、新しい分類の追加など、責任者が認める理由が必要です。reason= に書いてください"))
    if margin < 0 or len(champion) < LEAST_ROWS:
        raise KitError(say(f"margin is {margin} and there are {len(champion)} rows; allowed: 0 or more, on {LEAST_ROWS} rows at least", f"margin が {margin}、評価行が {len(champion)} 件です。0 以上、{LEAST_ROWS} 件以上にしてください"))
    from kit.evaluation import compare  # torch: who only asks which run is in use does without

    truths = [dict(zip(frame["id"], frame["answer"], strict=True)) for frame in (champion, challenger)]
    if truths[0] != truths[1]:
        raise KitError(say("champion and challenger must have answered the same rows with the same right answers; ask both on one held-out set", "現行モデルと候補は、同じ行・同じ正解で比べる必要があります。両方を同じ評価データで測ってください"))
    gain = compare(challenger, champion, labels, metric, confidence, seed, costs=costs, prevalence=prevalence)
    if metric == "cost_per_1000":
        gain = {"value": -gain["value"], "low": -gain["high"], "high": -gain["low"]}
    against = [] if gain["low"] > -margin else [_not_shown(metric, gain, margin)]
    against += worse_probes(champion_findings, challenger_findings)
    return Verdict(not against, metric, len(champion), gain, float(margin), reason.strip(), tuple(against))


def worse_probes(champion: Sequence[Finding], challenger: Sequence[Finding]) -> list[str]:
    """One sentence per probe of the champion in which the challenger is worse, or which it was not asked; and one where the champion was asked none at all."""
    theirs = {finding.name: finding for finding in challenger}
    asked = [finding for finding in champion if finding.name.startswith(LOWER + HIGHER)]
    if not asked:
        return [say("the champion was never diagnosed, so nobody knows whether the challenger believes worse evidence: run `poc diagnose` on both", "現行モデルの診断がないため、候補が誤った情報に頼っていないか比べられません。両方に `poc diagnose` を実行してください")]
    found = []
    for one in asked:
        other = theirs.get(one.name)
        if other is None:
            found.append(say(f"{one.name}: not asked of the challenger; run `poc diagnose` on its run", f"{one.name}：候補で測られていません。候補の実行に `poc diagnose` を行ってください"))
        elif _WORSE.index(other.verdict) > _WORSE.index(one.verdict) or _beyond(one, other):
            was, now = ("-" if finding.value is None else f"{finding.value:.3f}" for finding in (one, other))
            found.append(say(f"{one.name}: worse, {was} ({one.verdict}) before and {now} ({other.verdict}) now", f"{one.name}：悪化しています（{was} {one.verdict} → {now} {other.verdict}）"))
    return found


def _beyond(one: Finding, other: Finding) -> bool:
    """Whether the value is on the bad side of the champion's interval."""
    if one.value is None or other.value is None:
        return False  # the verdicts were compared
    if one.name.startswith(LOWER):
        return other.value > (one.value if one.high is None else one.high)
    return other.value < (one.value if one.low is None else one.low)


def _not_shown(metric: str, gain: dict, margin: float) -> str:
    told = f"{gain['value']:+.3g} [{gain['low']:+.3g}, {gain['high']:+.3g}]"
    if margin:
        return say(f"{metric}: {told}; that it is at most {margin:g} worse is not shown", f"{metric}：{told}。低下が {margin:g} 以内とは言えません")
    return say(f"{metric}: {told}; that the challenger is better is not shown (the lower bound must be above 0)", f"{metric}：{told}。候補の方が良いとは言えません（下限が 0 を超える必要があります）")


def champion(folder: Path) -> dict | None:
    """{"schema", "current", "previous": [older runs, the latest last], "history": [...]} of a use case's runs folder; None where nobody was crowned. A half-written file beside it is nobody's.

    Raises:
        KitError: the file is damaged.
    """
    file = folder / FILE
    if not file.is_file():
        return None
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        told["current"], told["previous"], told["history"]
    except (ValueError, KeyError, TypeError) as error:
        raise KitError(say(f"{file} is damaged; put back a copy from the backup, the audit log names every change", f"{file} が壊れています。バックアップから戻してください（変更はすべて監査ログにあります）")) from error
    return told


def crown(folder: Path, run: str, verdict: Verdict | None, who: str, audit: Audit) -> dict:
    """Makes a run the one in use, and returns what the file holds then.

    Args:
        folder: runs/<use case>.
        run: name of a finished run in it.
        verdict: of `challenge`, with replace true; None only for the first champion.
        who: the person who decided.
        audit: is handed every change before it is made; where it raises, nothing is changed.

    Raises:
        KitError: no such run, the run is in use already, the verdict is against it or missing, or another process is changing it.
    """
    if not (folder / run / "run.json").is_file() or Path(run).name != run:
        there = sorted(path.parent.name for path in folder.glob("*/run.json"))
        raise KitError(say(f"{run!r} is no finished run in {folder}; there are: {', '.join(there) or 'none'}", f"{run!r} は {folder} の完了した実行ではありません。あるもの：{'、'.join(there) or 'なし'}"))

    def change(told: dict | None) -> dict:
        if told and told["current"] == run:
            raise KitError(say(f"{run} is the champion already", f"{run} はすでに使用中です"))
        if told and not (verdict and verdict.replace):
            why = "; ".join(verdict.reasons) if verdict else say("no comparison with it was given", "比較結果がありません")
            raise KitError(say(f"{run} must not replace {told['current']}: {why}", f"{run} を {told['current']} と入れ替えられません：{why}"))
        before = told or {"schema": 1, "current": None, "previous": [], "history": []}
        entry = {"what": "crown", "run": run, "before": before["current"], "who": who, "verdict": asdict(verdict) if verdict else None}
        return before | {"current": run, "previous": [*before["previous"], *([before["current"]] if before["current"] else [])], "history": [*before["history"], entry]}

    return _changed(folder, change, who, audit)


def rollback(folder: Path, who: str, reason: str, audit: Audit) -> dict:
    """Puts the champion before this one back in use, without asking for a comparison; called again, the one before that.

    Raises:
        KitError: there is none before, no reason, or another process is changing it.
    """

    def change(told: dict | None) -> dict:
        if not told or not told["previous"]:
            raise KitError(say(f"there is no champion before {told['current'] if told else 'the first'} in {folder} to go back to", f"{folder} には戻せる以前のモデルがありません"))
        if not reason.strip():
            raise KitError(say("a rollback needs a reason, for those who retrain: give reason=", "ロールバックには理由が必要です（再学習のため）。reason= に書いてください"))
        *older, run = told["previous"]
        entry = {"what": "rollback", "run": run, "before": told["current"], "who": who, "reason": reason.strip()}
        return told | {"current": run, "previous": older, "history": [*told["history"], entry]}

    return _changed(folder, change, who, audit)


def _changed(folder: Path, change: Callable[[dict | None], dict], who: str, audit: Audit) -> dict:
    """Under the lock: read, change, write beside, tell the audit log, and only then rename: a crash leaves the old champion, and at worst a log entry of a change that its number in the history shows was not made."""
    if not who.strip():
        raise KitError(say("who decides? give who=, the name of a person", "誰が決めたか分かりません。who= に担当者名を書いてください"))
    try:
        with FileLock(folder / f"{FILE}.lock", timeout=_SECONDS):
            told = change(champion(folder))
            told["history"][-1] |= {"number": len(told["history"]), "at": datetime.now(UTC).isoformat(timespec="seconds")}
            half = folder / f"{FILE}.part"
            with half.open("w", encoding="utf-8") as file:
                json.dump(told, file, ensure_ascii=False, indent=1)
                file.flush()
                os.fsync(file.fileno())
            audit(dict(told["history"][-1]))
            os.replace(half, folder / FILE)
            return told
    except Timeout as error:
        raise KitError(say(f"another process has been changing {folder / FILE} for {_SECONDS} seconds; try again", f"別の処理が {folder / FILE} を {_SECONDS} 秒以上使用しています。やり直してください")) from error
