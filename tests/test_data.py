"""Samples, messages, near-duplicates, splits."""

import pickle
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kit.data import (
    FRACTIONS,
    MODALITIES,
    SPLITS,
    Sample,
    answer_text,
    clusters,
    near_pairs,
    prompt_messages,
    propose_groups,
    split_samples,
)
from kit.errors import KitError


def sample(**changes) -> Sample:
    fields = {"id": "a", "question": "Which defect?", "options": ("OK", "NG"), "answer": "OK", "image": "a.jpg"}
    return Sample(**{**fields, **changes})


@pytest.fixture
def photos(tmp_path):
    """A function that writes a random photo, optionally a copy with a few brighter pixels, and returns its path."""

    def write(name: str, seed: int, shift: int = 0) -> Path:
        pixels = np.random.default_rng(seed).integers(0, 200, (8, 9, 3), dtype=np.uint8)
        image = Image.fromarray(pixels + np.uint8(shift)).resize((90, 80))
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        image.save(tmp_path / name)
        return tmp_path / name

    return write


# --- the record


def test_one_path_becomes_a_tuple_of_paths():
    assert sample(image="a.jpg").image == (Path("a.jpg"),)
    assert sample(image=["a.jpg", Path("b.jpg")]).image == (Path("a.jpg"), Path("b.jpg"))


@pytest.mark.parametrize(
    "changes, both_values",
    [
        ({"answer": "maybe"}, ("maybe", "OK")),
        ({"question": " "}, ("question", "' '")),
        ({"id": ""}, ("id", "Which defect?")),
        ({"options": ("OK", "OK")}, ("twice", "OK")),
        ({"decided_by": ("smell",)}, ("smell", "image")),
        ({"split": "dev"}, ("dev", "train")),
        ({"data_layer": "deep"}, ("deep", "domain")),
    ],
)
def test_a_wrong_sample_is_refused_with_what_was_given_and_what_is_allowed(changes, both_values):
    with pytest.raises(ValueError) as error:
        sample(**changes)
    assert all(value in str(error.value) for value in both_values)


def test_a_sample_without_label_or_options_is_normal():
    assert sample(answer="").answer == ""
    assert sample(options=(), answer="any words").answer == "any words"


def test_modalities_are_those_present_in_the_order_of_their_ids():
    many = sample(audio="a.wav", text="a note", video="a.mp4")
    assert many.modalities == MODALITIES == ("text", "image", "video", "audio")
    assert sample().modalities == ("image",)


def test_without_takes_one_kind_of_evidence_away_and_says_so():
    whole = sample(text="looks fine", meta={"lot": "7"})
    bare = whole.without("text").without("image")
    assert bare.modalities == () and bare.question == whole.question and bare.answer == "OK"
    assert bare.meta == {"lot": "7", "perturbation": "without text+without image"}
    assert whole.text == "looks fine" and whole.meta == {"lot": "7"}, "the original never changes"
    with pytest.raises(ValueError, match="smell"):
        whole.without("smell")


def test_a_replaced_sample_is_checked_again():
    with pytest.raises(ValueError, match="'NO'"):
        sample().replace(answer="NO")


def test_samples_can_be_members_of_a_set_and_survive_pickle():
    assert len({sample(meta={"lot": "7"}), sample(meta={"lot": "7"})}) == 1
    assert pickle.loads(pickle.dumps(sample())) == sample()


# --- messages


def test_media_come_first_then_note_question_and_options_in_one_text():
    one = sample(image=("a.jpg", "b.jpg"), audio="a.wav", video="a.mp4", text="seen by N4")
    assert prompt_messages(one) == [
        {
            "role": "user",
            "content": [
                {"type": "image", "image": "a.jpg"},
                {"type": "image", "image": "b.jpg"},
                {"type": "video", "video": "a.mp4"},
                {"type": "audio", "audio": "a.wav"},
                {"type": "text", "text": "Note: seen by N4\nWhich defect?\nOptions: OK, NG"},
            ],
        }
    ]


def test_without_note_or_options_their_lines_are_absent():
    [message] = prompt_messages(sample(options=(), answer=""))
    assert message["content"][-1] == {"type": "text", "text": "Which defect?"}


def test_the_prompt_does_not_depend_on_the_answer():
    assert prompt_messages(sample(answer="OK")) == prompt_messages(sample(answer="NG")) == prompt_messages(sample(answer=""))


def test_examples_are_solved_turns_before_the_question():
    messages = prompt_messages(sample(id="q"), examples=(sample(id="x", answer="NG"), sample(id="y")))
    assert [message["role"] for message in messages] == ["user", "assistant"] * 2 + ["user"]
    assert messages[1]["content"] == [{"type": "text", "text": "NG"}] and answer_text(sample(answer="NG")) == "NG"


def test_an_unlabelled_example_and_the_sample_itself_are_refused_as_examples():
    with pytest.raises(ValueError, match="'x' has no answer"):
        prompt_messages(sample(), examples=(sample(id="x", answer=""),))
    with pytest.raises(ValueError, match="its own examples"):
        prompt_messages(sample(id="a"), examples=(sample(id="a"),))


# --- near-duplicates


def test_copies_and_slightly_brighter_copies_fall_into_one_cluster(photos):
    files = {"a": photos("a.png", 1), "copy": photos("b.png", 1), "bright": photos("c.png", 1, shift=9), "other": photos("d.png", 2)}
    found = clusters(tuple(sample(id=name, image=path) for name, path in files.items()))
    assert found == {"a": "a", "copy": "a", "bright": "a", "other": "other"}


def test_a_golden_sample_beside_every_part_joins_nothing(photos):
    golden = photos("golden.png", 99)
    many = tuple(sample(id=str(i), image=(golden, photos(f"{i}.png", i))) for i in range(5))
    assert near_pairs(many) == []


def test_distances_are_those_of_imagehash(photos):
    import imagehash

    many = tuple(sample(id=str(i), image=photos(f"{i}.png", i % 7, shift=i)) for i in range(14))
    hashes = {one.id: imagehash.dhash(Image.open(one.image[0])) for one in many}
    wanted = {(a, b): hashes[a] - hashes[b] for a in hashes for b in hashes if int(a) < int(b)}
    assert {(a, b): apart for a, b, apart in near_pairs(many, distance=64)} == wanted


def test_equal_sound_files_are_near_duplicates_and_different_ones_are_not(tmp_path):
    for name, content in {"a": b"one", "b": b"one", "c": b"two"}.items():
        (tmp_path / f"{name}.wav").write_bytes(content)
    many = tuple(sample(id=name, image=(), audio=tmp_path / f"{name}.wav") for name in "abc")
    assert clusters(many) == {"a": "a", "b": "a", "c": "c"}


def test_blocks_of_twenty_numbers_become_groups_and_duplicates_join_them(photos):
    numbers = [0, 19, 20, 39, 40]
    many = [sample(id=f"x{n}", image=photos(f"x/p{n:04}.png", n)) for n in numbers]
    groups = propose_groups((*many, sample(id="y0", image=photos("y/p0000.png", 500))))
    assert groups == {"x0": "x0", "x19": "x0", "x20": "x20", "x39": "x20", "x40": "x40", "y0": "y0"}
    joined = propose_groups((*many, sample(id="x41", image=photos("x/p0041.png", 0))))
    assert joined["x40"] == joined["x41"] == joined["x19"] == "x0", "x41 shows what x0 shows, so both blocks are one group"


def test_files_without_a_number_are_in_no_block(photos):
    many = tuple(sample(id=name, image=photos(f"{name}.png", i)) for i, name in enumerate(["left", "right"]))
    assert propose_groups(many) == {"left": "left", "right": "right"}


# --- splits


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
    assert {(one.answer, one.split) for one in done} == {(answer, split) for answer in "abc" for split in SPLITS}


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
    with pytest.raises(KitError, match=r"cannot be both trained and tested: 'rust' \(rust0\)\. Collect it from a second group"):
        split_samples(lots({"a": 6, "rust": 1}))


def test_a_class_of_two_groups_is_trained_and_tested():
    done = split_samples(lots({"a": 10, "rare": 2}))
    assert {one.split for one in done if one.answer == "rare"} == {"train", "test"}


@pytest.mark.parametrize("fractions, told", [({"train": 0.5, "test": 0.4}, "add up to 0.9"), ({"train": 0.5, "tset": 0.5}, "'tset'")])
def test_wrong_fractions_are_refused(fractions, told):
    with pytest.raises(KitError, match=told):
        split_samples(lots({"a": 4, "b": 4}), fractions)


def test_a_split_without_share_stays_empty():
    done = split_samples(lots({"a": 6, "b": 6}), {"train": 0.5, "test": 0.5, "validation": 0})
    assert Counter(one.split for one in done) == {"train": 36, "test": 36}


def test_nothing_labelled_is_refused_with_the_way_out():
    with pytest.raises(KitError, match="no sample has an answer.*column answer"):
        split_samples((sample(answer=""),))
