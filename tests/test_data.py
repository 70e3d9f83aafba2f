"""Samples, messages, near-duplicates."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kit.data import (
    MODALITIES,
    Sample,
    answer_text,
    clusters,
    near_pairs,
    prompt_messages,
    propose_groups,
)


def sample(**changes) -> Sample:
    fields = {
        "id": "a",
        "question": "Which defect?",
        "options": ("OK", "NG"),
        "answer": "OK",
        "image": "a.jpg",
    }
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
    assert (
        prompt_messages(sample(answer="OK"))
        == prompt_messages(sample(answer="NG"))
        == prompt_messages(sample(answer=""))
    )


def test_examples_are_solved_turns_before_the_question():
    messages = prompt_messages(sample(id="q"), examples=(sample(id="x", answer="NG"), sample(id="y")))
    assert [message["role"] for message in messages] == ["user", "assistant"] * 2 + ["user"]
    assert (
        messages[1]["content"] == [{"type": "text", "text": "NG"}]
        and answer_text(sample(answer="NG")) == "NG"
    )


def test_an_unlabelled_example_and_the_sample_itself_are_refused_as_examples():
    with pytest.raises(ValueError, match="'x' has no answer"):
        prompt_messages(sample(), examples=(sample(id="x", answer=""),))
    with pytest.raises(ValueError, match="its own examples"):
        prompt_messages(sample(id="a"), examples=(sample(id="a"),))


# --- near-duplicates


def test_copies_and_slightly_brighter_copies_fall_into_one_cluster(photos):
    files = {
        "a": photos("a.png", 1),
        "copy": photos("b.png", 1),
        "bright": photos("c.png", 1, shift=9),
        "other": photos("d.png", 2),
    }
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
    assert joined["x40"] == joined["x41"] == joined["x19"] == "x0", (
        "x41 shows what x0 shows, so both blocks are one group"
    )


def test_files_without_a_number_are_in_no_block(photos):
    many = tuple(sample(id=name, image=photos(f"{name}.png", i)) for i, name in enumerate(["left", "right"]))
    assert propose_groups(many) == {"left": "left", "right": "right"}
