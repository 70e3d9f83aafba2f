"""Splits: no group on two sides, every class on all of them, shares as asked."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from kit.data import FRACTIONS, SPLITS, Sample, split_samples
from kit.errors import KitError


def sample(**changes) -> Sample:
    fields = {
        "id": "a",
        "question": "Which defect?",
        "options": ("OK", "NG"),
        "answer": "OK",
        "image": "a.jpg",
    }
    return Sample(**{**fields, **changes})


def lots(classes: dict[str, int], per_lot: int = 6) -> tuple[Sample, ...]:
    """`classes` says how many lots each class has."""
    return tuple(
        sample(id=f"{answer}{lot}-{i}", answer=answer, options=tuple(classes), group=f"{answer}{lot}")
        for answer, number in classes.items() for lot in range(number) for i in range(per_lot)
    )  # fmt: skip


def groups_of(samples) -> dict[str, set[str]]:
    splits = defaultdict(set)
    for one in samples:
        splits[one.group].add(one.split)
    return splits


def test_no_group_is_in_two_splits_and_every_class_is_in_every_split():
    done = split_samples(lots({"a": 20, "b": 12, "c": 4}))
    assert all(len(splits) == 1 for splits in groups_of(done).values())
    assert {(one.answer, one.split) for one in done} == {
        (answer, split) for answer in "abc" for split in SPLITS
    }


def test_shares_come_within_a_few_points_of_those_asked():
    rng = np.random.default_rng(3)
    many = tuple(
        sample(id=f"{lot}-{i}", group=str(lot), answer=str(rng.choice(["OK", "NG"], p=[0.8, 0.2])))
        for lot in range(60) for i in range(rng.integers(5, 30))
    )  # fmt: skip
    done = split_samples(many)
    for label in (None, "OK", "NG"):
        held = Counter(one.split for one in done if label in (None, one.answer))
        for name, share in FRACTIONS.items():
            assert held[name] / held.total() == pytest.approx(share, abs=0.03), f"{label}: {held}"


def test_order_ids_and_everything_but_the_split_stay():
    many = lots({"a": 5, "b": 5})
    done = split_samples(many)
    assert [one.replace(split="") for one in done] == list(many)


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    many = tuple(sample(id=str(i), answer="OK" if i % 2 else "NG") for i in range(80))
    assert split_samples(many, seed=1) == split_samples(many, seed=1) != split_samples(many, seed=2)


def test_a_given_split_stays_and_its_group_follows():
    many = lots({"a": 8, "b": 8})
    given = tuple(one.replace(split="test") if one.id in ("a0-0", "b3-1") else one for one in many)
    done = {one.id: one for one in split_samples(given)}
    assert {done[f"a0-{i}"].split for i in range(6)} == {"test"} == {done[f"b3-{i}"].split for i in range(6)}
    whole = tuple(one.replace(split="train" if i % 2 else "test", group="") for i, one in enumerate(many))
    assert split_samples(whole) == whole


def test_unlabelled_samples_get_no_split():
    many = (*lots({"a": 4, "b": 4}), sample(id="new", answer="", options=("a", "b"), group="a1"))
    assert split_samples(many)[-1].split == ""


def test_a_group_given_to_two_splits_is_refused():
    many = (sample(id="a", group="lot 7", split="train"), sample(id="b", group="lot 7", split="test"))
    with pytest.raises(KitError, match=r"'lot 7' is in test and in train.*leak.*clear the split column"):
        split_samples(many)


def test_a_class_from_one_group_only_is_refused_by_name():
    with pytest.raises(
        KitError,
        match=r"cannot be both trained and tested: 'rust' \(rust0\)\. Collect it from a second group",
    ):
        split_samples(lots({"a": 6, "rust": 1}))


def test_a_class_of_two_groups_is_trained_and_tested():
    done = split_samples(lots({"a": 10, "rare": 2}))
    assert {one.split for one in done if one.answer == "rare"} == {"train", "test"}


@pytest.mark.parametrize(
    "fractions, told",
    [({"train": 0.5, "test": 0.4}, "add up to 0.9"), ({"train": 0.5, "tset": 0.5}, "'tset'")],
)
def test_wrong_fractions_are_refused(fractions, told):
    with pytest.raises(KitError, match=told):
        split_samples(lots({"a": 4, "b": 4}), fractions)


def test_a_split_without_share_stays_empty():
    done = split_samples(lots({"a": 6, "b": 6}), {"train": 0.5, "test": 0.5, "validation": 0})
    assert Counter(one.split for one in done) == {"train": 36, "test": 36}


def test_nothing_labelled_is_refused_with_the_way_out():
    with pytest.raises(KitError, match="no sample has an answer.*column answer"):
        split_samples((sample(answer=""),))
