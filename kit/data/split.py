"""Train, validation, calibration and test, never with one group on two sides.

A greedy start (big, lopsided groups first, each to the split that misses its classes most), then moves of single groups and swaps of two as long as they help.
Deterministic by seed.
Sources of the greedy rule: Sechidis, Tsoumakas, Vlahavas 2011 (iterative stratification); scikit-learn's StratifiedGroupKFold.
"""

from collections import Counter, defaultdict

import numpy as np

from kit.data.sample import SPLITS, Sample
from kit.errors import KitError
from kit.language import say

FRACTIONS = {"train": 0.55, "validation": 0.1, "calibration": 0.15, "test": 0.2}
ABSENT = {
    "train": 8.0,
    "test": 4.0,
    "calibration": 2.0,
    "validation": 1.0,
}  # how bad a split without a class is; every share term stays below 1
MOST_ROUNDS = 50
LEAST_GAIN = 1e-9
MOST_SWAPPED = 500  # groups; with more of them single moves come close enough, and pairs are many


def split_samples(
    samples: tuple[Sample, ...], fractions: dict[str, float] | None = None, seed: int = 0
) -> tuple[Sample, ...]:
    """The samples, in their order, each with a split; unlabelled ones keep "".

    A split that is already given stays, and the rest of its group follows it. Classes are (question, answer) pairs; each goes to every split in proportion,
    and to every split at all where it has enough groups. A sample without a group is a group of its own.

    Args:
        samples: at least one of them labelled.
        fractions: share of each split, keys of SPLITS, adding up to 1; None for FRACTIONS.
        seed: decides between equally good splits.

    Raises:
        KitError: no labels, one group given to two splits, or a class that cannot be both trained and tested.
    """
    shares = _shares(fractions or FRACTIONS)
    members = defaultdict(list)
    for sample in samples:
        if sample.answer or sample.split:
            members[sample.group or ("alone", sample.id)].append(sample)
    given = {group: _given(group, them) for group, them in members.items()}
    if not any(sample.answer for sample in samples):
        raise KitError(
            say(
                "no sample has an answer, so nothing can be trained or tested. Label some in a column answer and try again.",
                "正解の付いたサンプルがないため学習も評価もできません。answer列に正解を記入してやり直してください。",
            )
        )
    if any(split is None for split in given.values()):
        _refuse_single_groups(members)
        given |= _assign(members, given, shares, seed)
    chosen = {sample.id: given[group] for group, them in members.items() for sample in them}
    return tuple(sample.replace(split=chosen.get(sample.id, "")) for sample in samples)


def _shares(fractions: dict[str, float]) -> dict[str, float]:
    unknown = set(fractions) - set(SPLITS)
    if unknown:
        raise KitError(
            say(
                f"unknown split {sorted(unknown)[0]!r} in data.fractions; allowed: {', '.join(SPLITS)}. Rename it in poc.yaml.",
                f"data.fractions に未知の分割 {sorted(unknown)[0]!r} があります。使えるもの: {', '.join(SPLITS)}。poc.yaml を直してください。",
            )
        )
    if abs(sum(fractions.values()) - 1) > 0.001 or min(fractions.values()) < 0:
        raise KitError(
            say(
                f"data.fractions add up to {sum(fractions.values()):g}; they must be 0 or more and add up to 1. Change them in poc.yaml.",
                f"data.fractions の合計が {sum(fractions.values()):g} です。0以上で合計1になるように poc.yaml を直してください。",
            )
        )
    return {name: fractions[name] for name in SPLITS if fractions.get(name, 0) > 0}


def _given(group, them: list[Sample]) -> str | None:
    """The split that the group's samples already have, None when they have none."""
    splits = sorted({sample.split for sample in them} - {""})
    if len(splits) > 1:
        raise KitError(
            say(
                f"group {group!r} is in {splits[0]} and in {splits[1]}, so the test would leak. Give all its rows one split or clear the split column.",
                f"グループ {group!r} が {splits[0]} と {splits[1]} の両方にあり、評価に漏れます。1つの分割にまとめるか、split列を空にしてください。",
            )
        )
    return splits[0] if splits else None


def _refuse_single_groups(members: dict):
    """A class whose samples all come from one group can be trained or tested, not both."""
    groups = defaultdict(set)
    for group, them in members.items():
        for sample in them:
            groups[sample.question, sample.answer].add(group)
    single = {
        answer: next(iter(where)) for (_, answer), where in groups.items() if answer and len(where) == 1
    }
    if single:
        named = ", ".join(
            f"{answer!r} ({group if isinstance(group, str) else group[1]})"
            for answer, group in sorted(single.items())
        )
        raise KitError(
            say(
                f"class with samples in one group only, so it cannot be both trained and tested: {named}. Collect it from a second group, merge it with another class, or group by another column (group_by in poc.yaml).",
                f"1つのグループにしかないクラスは、学習と評価の両方には使えません: {named}。別のグループからも集めるか、他のクラスと統合するか、poc.yaml の group_by を別の列にしてください。",
            )
        )


def _assign(members: dict, given: dict, shares: dict[str, float], seed: int) -> dict:
    """group -> split for the groups without one."""
    labels = sorted({(s.question, s.answer) for them in members.values() for s in them})
    column = {label: i for i, label in enumerate(labels)}
    groups = list(members)
    counts = np.zeros((len(groups), len(labels) + 1))  # (G, classes + 1); the last column counts all samples
    for row, group in enumerate(groups):
        for label, number in Counter((s.question, s.answer) for s in members[group]).items():
            counts[row, [column[label], -1]] += number
    names = list(shares)
    place = np.array([names.index(given[g]) if given[g] in names else -1 for g in groups])
    free = np.array([row for row, g in enumerate(groups) if given[g] is None])
    goal = _Goal(
        counts, np.array([shares[name] for name in names]), np.array([ABSENT[name] for name in names])
    )
    rng = np.random.default_rng(seed)
    _fill(goal, place, rng.permutation(free))
    for _ in range(MOST_ROUNDS):
        order = rng.permutation(free)
        if not (_move(goal, place, order) | _swap(goal, place, order)):
            break
    return {groups[row]: names[place[row]] for row in free}


class _Goal:
    """How far a split is from the one asked for.

    Letters: S splits, K columns of `counts` (classes and all samples).
    """

    def __init__(self, counts: np.ndarray, shares: np.ndarray, absent: np.ndarray):
        self.counts, self.shares, self.absent = counts, shares, absent
        self.totals = np.maximum(counts.sum(0), 1)
        self.weight = np.ones(counts.shape[1])
        self.weight[-1] = counts.shape[
            1
        ]  # the sizes of the splits matter as much as all the classes together

    def held(self, place: np.ndarray) -> np.ndarray:
        """Samples of each class in each split (S, K)."""
        return np.stack([self.counts[place == split].sum(0) for split in range(len(self.shares))])

    def loss(self, held: np.ndarray) -> np.ndarray:
        """(...,) of `held` (..., S, K): squared misses of the shares, plus a penalty for every class that a split lacks."""
        miss = (held / self.totals - self.shares[:, None]) ** 2 / self.shares[:, None]
        lacking = (held[..., :-1] == 0) * self.absent[:, None]
        return (miss * self.weight).sum((-1, -2)) + 10 * lacking.sum((-1, -2))


def _fill(goal: _Goal, place: np.ndarray, free: np.ndarray):
    """Gives each free group, the most lopsided first, to the split whose missing samples it fills best."""
    held = goal.held(place)
    spread = (goal.counts[free, :-1] / goal.totals[:-1]).max(1)
    for row in free[np.argsort(-spread, kind="stable")]:
        want = goal.shares[:, None] * goal.totals - held  # (S, K) samples still missing
        fit = (
            np.maximum(want, 0) / goal.shares[:, None] / goal.totals**2 * goal.counts[row] * goal.weight
        ).sum(1)
        place[row] = int(fit.argmax())
        held[place[row]] += goal.counts[row]


def _move(goal: _Goal, place: np.ndarray, free: np.ndarray) -> bool:
    """Moves single groups to other splits where that lowers the loss; True when one moved."""
    held = goal.held(place)
    best = before = goal.loss(held)
    splits = np.arange(len(goal.shares))
    for row in free:
        choices = np.repeat(held[None], len(splits), 0)  # (S choices, S, K)
        choices[:, place[row]] -= goal.counts[row]
        choices[splits, splits] += goal.counts[row]
        losses = goal.loss(choices)
        choice = int(losses.argmin())
        if losses[choice] < best - LEAST_GAIN:
            place[row], held, best = choice, choices[choice], losses[choice]
    return best < before


def _swap(goal: _Goal, place: np.ndarray, free: np.ndarray) -> bool:
    """Swaps the splits of two groups where that lowers the loss; True when two were swapped."""
    held = goal.held(place)
    best = before = goal.loss(held)
    for row in free if len(free) <= MOST_SWAPPED else ():
        others = free[place[free] != place[row]]
        gain = goal.counts[others] - goal.counts[row]  # (others, K)
        choices = np.repeat(held[None], len(others), 0)
        choices[:, place[row]] += gain
        choices[np.arange(len(others)), place[others]] -= gain
        losses = goal.loss(choices)
        if len(losses) and losses.min() < best - LEAST_GAIN:
            choice = int(losses.argmin())
            held, best = choices[choice], losses[choice]
            place[row], place[others[choice]] = place[others[choice]], place[row]
    return best < before
