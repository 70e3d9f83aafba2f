"""How far people agree, how long they take, and what their answers say about the labels that were there."""

from collections.abc import Iterable
from itertools import combinations, takewhile

import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

from kit.data import Sample
from kit.evaluation.intervals import ends
from kit.finding import Finding
from kit.labelling.log import Entry, in_random_order, standing
from kit.language import say

RESAMPLES = 2000
GOOD, FAIR = 0.8, 0.6  # of kappa (Landis and Koch 1977 call 0.61 to 0.8 substantial, above almost perfect)
_PAUSE = 300  # seconds: longer looks are pauses, and left out of the pace


def agreement(entries: Iterable[Entry], seed: int = 0) -> pd.DataFrame:
    """Cohen's kappa (1960) of each two annotators on the rows that both answered; "cannot be told" is an answer of its own. Settled rows count as they were before.

    Columns first, second, rows, agree (share), kappa, low, high (95 %, rows resampled; NaN where it cannot be told: fewer than two rows, or one answer only).
    """
    said, rows = _by_annotator(entries), []
    for first, second in combinations(sorted(said), 2):
        both = sorted(said[first].keys() & said[second].keys())
        if both:
            a, b = (np.array([said[who][id] for id in both]) for who in (first, second))
            rows.append((first, second, len(both), float((a == b).mean()), *_kappa(a, b, seed)))
    return pd.DataFrame(rows, columns=["first", "second", "rows", "agree", "kappa", "low", "high"])


def disagreement_by_class(entries: Iterable[Entry]) -> pd.DataFrame:
    """For each answer: rows on which at least one of two annotators gave it, on how many of them the two differ, the share with its 95 % interval (Wilson), and what the other said most often.

    Columns answer, rows, differ, share, low, high, instead.
    """
    said, rows = _by_annotator(entries), []
    pairs = [(said[a][id], said[b][id]) for a, b in combinations(sorted(said), 2) for id in said[a].keys() & said[b].keys()]
    for answer in sorted({one for pair in pairs for one in pair}):
        mine = [pair for pair in pairs if answer in pair]
        others = [one for pair in mine if pair[0] != pair[1] for one in pair if one != answer]
        low, high = _wilson(len(others), len(mine))
        rows.append((answer, len(mine), len(others), len(others) / len(mine), low, high, max(sorted(set(others)), key=others.count) if others else ""))
    return pd.DataFrame(rows, columns=["answer", "rows", "differ", "share", "low", "high", "instead"])


def pace(entries: Iterable[Entry]) -> pd.DataFrame:
    """Seconds per answer of each annotator and of all: columns annotator ("" for all), answers, median, lower, upper (quartiles). Looks of over five minutes are pauses, and left out."""
    looks = [entry for entry in entries if entry.kind != "undo" and entry.seconds <= _PAUSE]
    names = [*sorted({entry.annotator for entry in looks}), ""]
    rows = []
    for name in names:
        seconds = [entry.seconds for entry in looks if name in ("", entry.annotator)]
        if seconds:
            rows.append((name, len(seconds), *(float(q) for q in np.quantile(seconds, [0.5, 0.25, 0.75]))))
    return pd.DataFrame(rows, columns=["annotator", "answers", "median", "lower", "upper"])


def what_people_say(entries: Iterable[Entry], samples: Iterable[Sample]) -> list[Finding]:
    """Three findings: agreement of annotators, wrong labels, seconds per label.

    Args:
        entries: of all annotators.
        samples: the folder's rows as its table has them.
    """
    entries = list(entries)
    return [_agreement_finding(entries), wrong_labels(entries, samples), _pace_finding(entries)]


def _agreement_finding(entries: list[Entry]) -> Finding:
    table, name = agreement(entries), "agreement of annotators"
    table = table.dropna(subset=["kappa"])
    if table.empty:
        return Finding(name, None, summary=say("Not measured: no two people have answered the same rows with more than one answer.", "未測定：2 人が同じ行に（2 種類以上の答えで）回答していません。"),
                       advice=say("Let a second person label: a fifth of the rows are shown to both.", "2 人目もラベルを付けてください。2 割の行は両方に表示されます。"),
                       cost=say("about 50 rows", "約 50 行"))  # fmt: skip
    worst = table.loc[table["kappa"].idxmin()]
    by_class = disagreement_by_class(entries).sort_values("share", ascending=False)
    most = by_class.iloc[0]
    shown = f"{worst['kappa']:.2f} [{worst['low']:.2f}, {worst['high']:.2f}]"
    return Finding(
        name, float(worst["kappa"]), float(worst["low"]), float(worst["high"]), "good" if worst["low"] >= FAIR and worst["kappa"] >= GOOD else "warn" if worst["kappa"] >= FAIR else "bad",
        summary=say(f"Cohen's kappa {shown} on {worst['rows']} rows ({worst['first']}, {worst['second']}); they differ most on {most['answer'] or 'cannot tell'!r}: {most['differ']} of {most['rows']} rows.",
                    f"Cohen の κ は {worst['rows']} 行で {shown}（{worst['first']}、{worst['second']}）。最も割れる答えは「{most['answer'] or '判断不能'}」：{most['rows']} 行中 {most['differ']} 行。"),
        evidence={"pairs": table.to_dict("records"), "by_class": by_class.to_dict("records")},
        advice=say("Agree on a written rule with example pictures for that answer, settle the disputed rows (poc label --settle), and let both label 30 rows again.",
                   "その答えの基準を例の写真つきで文書にし、割れた行を裁定し（poc label --settle）、もう一度 2 人で 30 行にラベルを付けてください。") if worst["kappa"] < GOOD else "",
    )  # fmt: skip


def wrong_labels(entries: Iterable[Entry], samples: Iterable[Sample]) -> Finding:
    """The share of the table's labels that people contradict who have not seen them, with its 95 % interval (Wilson).

    Measured on the labelled rows in random order up to the first that nobody has answered, whatever they were answered for: a random sample of the folder, where suspects alone would be
    none, and what is left after the suspects neither. A row that "cannot be told" neither confirms its label nor contradicts it: such rows are counted apart (evidence["untold"]), and the
    share is one of the rows that can be told.
    """
    name, said = "wrong labels", standing(entry for entry in entries if entry.kind != "settle")
    labelled = in_random_order(sample.id for sample in samples if sample.answer)
    looked = [min(said[id].values(), key=lambda entry: entry.time) for id in takewhile(said.__contains__, labelled)]
    told, untold = [entry for entry in looked if entry.answer], [entry.sample for entry in looked if not entry.answer]
    if not labelled:
        return Finding(name, None, summary=say("Not measured: the folder's table has no labels that could be wrong.", "未測定：フォルダーの表にラベルがありません。"))
    if not told:
        none = ("no row drawn at random has been reviewed", "無作為に選んだ行の見直しがまだありません")
        if untold:
            none = f"all {len(untold)} reviewed rows cannot be told", f"見直した {len(untold)} 件はすべて判断不能でした"
        return Finding(name, None, summary=say(f"Not measured: {none[0]}.", f"未測定：{none[1]}。"), evidence={"untold": untold})
    wrong = [entry.sample for entry in told if entry.answer != entry.given]
    low, high = _wilson(len(wrong), len(told))
    share = len(wrong) / len(told)
    left_out = (f" {len(untold)} more cannot be told, and count neither as right nor as wrong.", f"ほかに判断不能が {len(untold)} 件あり、正誤どちらにも数えていません。") if untold else ("", "")
    return Finding(
        name, share, low, high, "good" if high < 0.05 else "bad" if low >= 0.1 else "warn" if low >= 0.02 else "info",
        summary=say(f"{len(wrong)} of {len(told)} labels drawn at random were contradicted by a person who had not seen them: {100 * share:.0f} % [{100 * low:.0f}, {100 * high:.0f}] of the folder's labels.{left_out[0]}",
                    f"無作為に選んだ {len(told)} 件のうち、元のラベルを見ずに答えた人が異なる答えをしたのは {len(wrong)} 件：全ラベルの {100 * share:.0f} % [{100 * low:.0f}, {100 * high:.0f}] と推定。{left_out[1]}"),
        evidence={"ids": wrong, "reviewed": len(told), "untold": untold},
        advice=say("A KPI cannot be read more finely than the labels are right.", "KPI はラベルの正しさより細かくは読めません。") if wrong else "",
    )  # fmt: skip


def _pace_finding(entries: list[Entry]) -> Finding:
    table = pace(entries)
    if table.empty:
        return Finding("seconds per label", None, summary=say("Nobody has labelled yet.", "まだ誰もラベルを付けていません。"))
    every = table.iloc[-1]
    return Finding("seconds per label", float(every["median"]), float(every["lower"]), float(every["upper"]),
                   summary=say(f"Half of {every['answers']} answers took {every['lower']:.1f} to {every['upper']:.1f} s (quartiles), median {every['median']:.1f} s.",
                               f"{every['answers']} 件の回答の中央値は {every['median']:.1f} 秒（四分位 {every['lower']:.1f}～{every['upper']:.1f} 秒）。"),
                   evidence={"by_annotator": table.to_dict("records")})  # fmt: skip


def _by_annotator(entries: Iterable[Entry]) -> dict[str, dict[str, str]]:
    """annotator -> row -> what was said independently of the others."""
    found: dict[str, dict[str, str]] = {}
    for id, said in standing(entry for entry in entries if entry.kind != "settle").items():
        for name, entry in said.items():
            found.setdefault(name, {})[id] = entry.answer
    return found


def _kappa(a: np.ndarray, b: np.ndarray, seed: int) -> tuple[float, float, float]:
    labels = np.unique([a, b])
    if len(a) < 2 or len(labels) < 2:
        return np.nan, np.nan, np.nan
    a, b = np.searchsorted(labels, a), np.searchsorted(labels, b)
    drawn = np.random.default_rng(seed).integers(len(a), size=(RESAMPLES, len(a)))
    observed = (a[drawn] == b[drawn]).mean(1)
    shares = [np.stack([(said[drawn] == label).mean(1) for label in range(len(labels))]) for said in (a, b)]  # (answers, resamples)
    chance = (shares[0] * shares[1]).sum(0)
    # a resample in which both gave one answer only says nothing against agreement
    kappas = np.where(chance < 1, (observed - chance) / np.where(chance < 1, 1 - chance, 1), 1.0)
    return float(cohen_kappa_score(a, b)), *(float(q) for q in np.quantile(kappas, ends(len(a))))


def _wilson(hits: int, of: int) -> tuple[float, float]:
    found = binomtest(hits, of).proportion_ci(method="wilson")
    return float(found.low), float(found.high)
