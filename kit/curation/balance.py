"""How the rows are spread: classes, groups and speakers, light; and whether there are enough of them for the interval that is to be promised."""

import math
from collections import Counter

import numpy as np

from kit.curation.material import Material, listed
from kit.finding import Finding
from kit.language import say

RARE = 0.2  # of an even share
ODD = 4.0  # times the usual spread between groups
_FEWEST_FILES = 5
_LIGHT = {"brightness": ("brightness", "明るさ"), "contrast": ("contrast", "コントラスト"), "red to blue": ("colour of the light", "光の色"), "sharpness": ("sharpness", "鮮明さ")}


def class_imbalance(material: Material) -> Finding:
    """The rarest answer of each question against an even share, over all labelled rows."""
    counts: dict[str, Counter] = {}
    for sample in material.labelled:
        counts.setdefault(sample.question, Counter({option: 0 for option in sample.options})).update([sample.answer])
    rare = {f"{answer} ({question})" if len(counts) > 1 else answer: n for question, found in counts.items() for answer, n in found.items() if n < RARE * found.total() / max(len(found), 1)}
    return Finding(
        "class imbalance", float(len(rare)), verdict="warn" if rare else "good",
        summary=say(f"{len(rare)} answers have less than a fifth of an even share: {listed(f'{a} {n}' for a, n in rare.items())}." if rare else "Every answer has at least a fifth of an even share.",
                    f"均等割りの 5 分の 1 に満たない答えが {len(rare)} 件あります：{listed(f'{a} {n} 件' for a, n in rare.items())}。" if rare else "どの答えも均等割りの 5 分の 1 以上あります。"),
        evidence={"counts": {question: dict(found) for question, found in counts.items()}, "rare": rare},
        advice=say("Collect more of these, or merge them with a neighbour; read recall per class, not accuracy.", "その答えのサンプルを増やすか、近い答えと統合してください。正解率ではなく、答えごとの再現率を見てください。") if rare else "",
        cost=say(f"about {sum(_missing(found) for found in counts.values())} rows", f"約 {sum(_missing(found) for found in counts.values())} 行") if rare else "",
    )  # fmt: skip


def group_imbalance(material: Material) -> Finding:
    """Whether one group (lot, device, speaker, day) makes up much of a split: its luck is the split's luck."""
    heavy = {}
    for split in ("", "train", "validation", "calibration", "test"):
        groups = Counter(sample.group for sample in material.labelled if sample.split == split and sample.group)
        if groups.total() >= 10:
            group, n = groups.most_common(1)[0]
            if n > 0.5 * groups.total():
                heavy[split or say("all rows", "全行")] = [group, n, groups.total()]
    return Finding(
        "group imbalance", float(len(heavy)), verdict="warn" if heavy else "good",
        summary=say(*_about_heavy(heavy)), evidence={"heavy": heavy, "groups": len({sample.group for sample in material.samples})},
        advice=say("Collect from more lots, devices or speakers; an interval by groups says nothing with one of them.", "ロット・設備・話者を増やしてください。グループが一つでは、グループ単位の区間に意味がありません。") if heavy else "",
        cost=say("one more group per split at least", "分割ごとに 1 グループ以上") if heavy else "",
    )  # fmt: skip


def _about_heavy(heavy: dict) -> tuple[str, str]:
    if not heavy:
        return "No group makes up more than half of a split.", "半分を超えるグループはありません。"
    return (
        "One group makes up more than half of: " + listed(f"{split} ({group}: {n} of {of})" for split, (group, n, of) in heavy.items()) + ".",
        "一つのグループが半分を超える分割：" + listed(f"{split}（{group}：{of} 件中 {n} 件）" for split, (group, n, of) in heavy.items()) + "。",
    )


def odd_light(material: Material) -> Finding:
    """Groups whose photos or videos are lit, coloured or focused unlike those of all other groups, by the median of each group and the spread between groups."""
    odd, ids = {}, []
    for kind in ("image", "video"):
        measures: dict[str, dict[str, list[float]]] = {}
        for look in material.files(kind):
            for sample in material.users[look.path, look.modality][:1]:
                for name in _LIGHT:
                    measures.setdefault(name, {}).setdefault(sample.group, []).append(look.numbers[name])
        for name, groups in measures.items():
            for group in _outliers({group: float(np.median(values)) for group, values in groups.items() if group and len(values) >= _FEWEST_FILES}):
                odd.setdefault(group, []).append(name)
    ids = [sample.id for sample in material.samples if sample.group in odd]
    told = [f"{group} ({', '.join(say(*_LIGHT[name]) for name in names)})" for group, names in odd.items()]
    return Finding(
        "odd light", float(len(odd)), verdict="warn" if odd else "good",
        summary=say(f"{len(odd)} groups look unlike all others: {listed(told)}." if odd else "No group looks unlike the others.", f"{len(odd)} グループの写りが他と大きく違います：{listed(told)}。" if odd else "写りが他と大きく違うグループはありません。"),
        evidence={"ids": ids, "groups": odd},
        advice=say("Ask what changed that day. If it can happen again, collect more of it; if not, leave the group out and say so.", "その日の変更点を確認してください。また起こり得るなら増やし、そうでなければ理由を書いて除外してください。") if odd else "",
        cost=say("one question to the line", "現場への確認 1 件") if odd else "",
    )  # fmt: skip


def _outliers(medians: dict[str, float]) -> list[str]:
    """Groups further than ODD robust spreads (1.4826 x median absolute deviation) from the median of all groups."""
    if len(medians) < 5:
        return []
    values = np.array(list(medians.values()))
    spread = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    return [group for group, value in medians.items() if abs(value - np.median(values)) > ODD * max(spread, 0.02 * abs(float(np.median(values))), 1e-6)]


def too_few(material: Material) -> Finding:
    """How wide the interval of each class's recall will be on the test rows, and how many more it takes for the promised half-width.

    By the normal approximation at a recall of 0.8, n = z^2 p (1 - p) / h^2 (Cochran 1977, section 4.4); clustered rows need more.
    """
    needed = math.ceil(1.96**2 * 0.8 * 0.2 / material.promised**2)
    test = [sample for sample in material.labelled if sample.split == "test"] or material.labelled
    counts = Counter((sample.question, sample.answer) for sample in test)
    short = {answer if len({q for q, _ in counts}) == 1 else f"{answer} ({question})": needed - n for (question, answer), n in counts.items() if n < needed}
    more = sum(short.values())
    return Finding(
        "too few samples", float(more), verdict="warn" if short else "good",
        summary=say(f"{len(short)} answers have fewer than the {needed} test rows that an interval of +/- {100 * material.promised:.0f} points needs: {listed(f'{a} (-{n})' for a, n in short.items())}."
                    if short else f"Every answer has the {needed} test rows that an interval of +/- {100 * material.promised:.0f} points needs.",
                    f"±{100 * material.promised:.0f} ポイントの区間に必要な評価行（{needed} 行）に足りない答えが {len(short)} 件：{listed(f'{a}（あと {n}）' for a, n in short.items())}。"
                    if short else f"どの答えにも、±{100 * material.promised:.0f} ポイントの区間に必要な {needed} 行があります。"),
        evidence={"needed": needed, "short": short}, advice=say("Label more of these rows, or promise a wider interval.", "その答えのラベルを増やすか、広い区間を約束してください。") if short else "",
        cost=say(f"about {more} rows", f"約 {more} 行") if short else "",
    )  # fmt: skip


def _missing(found: Counter) -> int:
    even = RARE * found.total() / max(len(found), 1)
    return sum(math.ceil(even - n) for n in found.values() if n < even)
