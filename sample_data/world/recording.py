"""One recording with the question asked about it, and the words that questions about sounds use."""

from dataclasses import dataclass, field

import numpy as np

from kit.language import say

# fmt: off
KINDS = {  # sounds by name, in Japanese
    "hiss": "シュー音", "rumble": "地鳴り", "hum": "うなり", "buzz": "ブザー", "siren": "サイレン", "whistle": "笛", "rattle": "ガラガラ音",
    "beep": "ピー音", "knock": "ノック", "click": "クリック", "bell": "ベル", "speech": "人の声",
}
JAPANESE = {
    "low": "低い", "high": "高い", "steady": "一定", "rising": "上がる", "falling": "下がる", "pulsing": "断続", "loud": "大きい",
    "quiet": "小さい", "louder": "大きくなる", "quieter": "小さくなる", "regular": "規則的", "irregular": "不規則", "fast": "速い",
    "slow": "遅い", "agitated": "興奮", "calm": "落ち着き", "same": "同じ", "different": "違う", "English": "英語",
    "Japanese": "日本語", "yes": "はい", "no": "いいえ", "1": "1", "2": "2", "3": "3", "4": "4",
} | KINDS
# fmt: on
# what the warm-up's heads tell apart, by name; the two lists of words are added by `heads`
CLASSES = {
    "sound": tuple(KINDS),
    "first": tuple(KINDS),
    "second": tuple(KINDS),
    "count": ("1", "2", "3", "4"),
    "pitch": ("low", "high"),
    "contour": ("steady", "rising", "falling"),
    "pulse": ("steady", "pulsing"),
    "level": ("loud", "quiet"),
    "change": ("louder", "quieter"),
    "regularity": ("regular", "irregular"),
    "rhythm": ("fast", "slow"),
    "rate": ("fast", "slow"),
    "voice": ("high", "low"),
    "delivery": ("agitated", "calm"),
    "speakers": ("same", "different"),
    "melody": ("steady", "rising", "falling"),
    "language": ("English", "Japanese"),
}  # fmt: skip


@dataclass(frozen=True)
class Recording:
    """A wave (float32, 16 kHz), the question asked about it with its options and answer, and truths for auxiliary heads.

    `said` is what is spoken, as read aloud, in order; `written` is the same as people write it, and `names` what a phrase names, category by
    category; `language` is that of the question and of any speech.
    """

    wave: np.ndarray
    language: str
    kind: str
    question: str
    options: tuple[str, ...]
    answer: str
    facts: dict[str, str] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    written: str = ""
    names: dict[str, str] = field(default_factory=dict)


def finish(
    rng, wave, language, kind, question, options, answer, facts, said=(), written="", names=None
) -> Recording:
    """Translate, shuffle the options, and drop some of the wrong ones, so that their number tells nothing."""
    wrong = [option for option in dict.fromkeys(options) if option != answer]
    if len(wrong) > 1:
        wrong = [wrong[i] for i in rng.permutation(len(wrong))[: rng.integers(1, min(len(wrong), 5) + 1)]]
    shown = [answer, *wrong]
    shown = [shown[i] for i in rng.permutation(len(shown))]
    if language == "ja":
        shown, answer = [JAPANESE.get(option, option) for option in shown], JAPANESE.get(answer, answer)
    asked = say(*question, language)
    return Recording(
        wave, language, kind, asked, tuple(shown), answer, facts, tuple(said), written, names or {}
    )
