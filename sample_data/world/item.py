"""One exercise of the general world, before it becomes tokens."""

from dataclasses import dataclass

import numpy as np

NAMES_JA = {  # every value that a question may ask for, in Japanese
    "none": "なし", "line": "線", "curve": "曲線", "zigzag": "ジグザグ", "branch": "枝", "dots": "点", "ring": "輪", "cloud": "雲", "patch": "面",
    "grid": "格子", "wave": "波", "dashes": "破線", "streak": "帯", "bump": "ふくらみ", "hollow": "くぼみ", "blob": "かたまり", "notch": "切れ目",
    "plain": "無地", "noise": "ざらざら", "brushed": "すじ", "stripes": "しま", "checks": "市松", "speckle": "斑点", "cells": "網目",
    "low": "低い", "medium": "中くらい", "high": "高い", "fine": "細かい", "coarse": "粗い", "narrow": "狭い", "wide": "広い",
    "small": "小さい", "large": "大きい", "dark": "暗い", "light": "明るい", "sharp": "はっきり", "soft": "ぼんやり",
    "horizontal": "横", "rising": "右上がり", "vertical": "縦", "falling": "右下がり", "left": "左", "right": "右", "top": "上", "bottom": "下",
    "even": "均一", "top left": "左上", "top right": "右上", "centre": "中央", "bottom left": "左下", "bottom right": "右下",
    "grey": "灰色", "red": "赤", "orange": "橙", "yellow": "黄", "green": "緑", "blue": "青", "purple": "紫", "pink": "桃色", "brown": "茶",
    "black": "黒", "white": "白", "cyan": "水色", "circle": "円", "square": "四角", "triangle": "三角", "star": "星", "cross": "十字",
    "diamond": "菱形", "bar": "棒", "0": "0", "1": "1", "2": "2", "3": "3", "4": "4", "yes": "はい", "no": "いいえ", "first": "一枚目", "second": "二枚目",
    "moves left": "左へ動く", "moves right": "右へ動く", "moves up": "上へ動く", "moves down": "下へ動く", "grows": "大きくなる",
    "shrinks": "小さくなる", "blinks": "点滅する", "stays still": "止まっている", "turns": "回る", "fast": "速い", "slow": "遅い",
    "happy": "嬉しい", "sad": "悲しい", "angry": "怒り", "calm": "落ち着き", "positive": "良い", "negative": "悪い",
}  # fmt: skip


@dataclass(frozen=True)
class Item:
    """A question, its options in the order shown, and its answer; `text` is the note, media are arrays.

    `images` are (S, S, 3) uint8, `video` is (T, S, S, 3) uint8, `audio` is float32 at 16 kHz. `listed` tells whether the prompt lists
    the options. `facts` are the truth that auxiliary heads may use, `cells` where it stands.
    """

    question: str
    options: tuple[str, ...]
    answer: str
    kind: str
    text: str = ""
    images: tuple[np.ndarray, ...] = ()
    video: np.ndarray | None = None
    audio: np.ndarray | None = None
    listed: bool = True
    decided_by: str = "text"


def choose(rng: np.random.Generator, values: list | tuple):
    """Returns one of `values` as it is (numpy's `choice` would turn strings into its own type)."""
    return values[int(rng.integers(0, len(values)))]


def pick_options(rng: np.random.Generator, answer: str, values: tuple[str, ...], most: int = 6) -> tuple[str, ...]:
    """Returns two to `most` of `values`, the answer among them, in random order."""
    others = [value for value in dict.fromkeys(values) if value != answer]
    count = min(len(others), int(rng.integers(1, most)))
    chosen = [others[i] for i in rng.permutation(len(others))[:count]] + [answer]
    return tuple(chosen[i] for i in rng.permutation(len(chosen)))


def translate(values: tuple[str, ...] | str, japanese: bool):
    """Returns values, or one value, in the question's language."""
    if isinstance(values, str):
        return NAMES_JA.get(values, values) if japanese else values
    return tuple(translate(value, japanese) for value in values)
