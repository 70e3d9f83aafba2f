"""Measures of the modality gap against what is known: identical clouds, Gaussians, plain loops, neighbours by hand; and the rate per layer of a real model."""

import itertools
import math

import numpy as np
import pytest
from scipy.linalg import sqrtm

from kit.bridges.gap import (
    centroid_distance,
    frechet_distance,
    frechet_of_gaussians,
    median_distance,
    mmd,
    mutual_knn,
    with_interval,
)
from kit.bridges.integration import (
    Hidden,
    gap,
    hidden_states,
    integration_rate,
    modality_gap,
    paired_means,
    without_outliers,
)
from kit.language import speaking


def cloud(n=200, c=5, seed=0, shift=0.0, scale=1.0):
    return shift + scale * np.random.default_rng(seed).normal(size=(n, c))


# ------------------------------------------------------------------------------------------------------------ two clouds


def test_identical_clouds_are_at_zero():
    same = cloud()
    assert centroid_distance(same, same) == centroid_distance(same, same, normalised=True) == 0
    assert frechet_distance(same, same) == pytest.approx(0, abs=1e-6)
    assert mutual_knn(same, same) == 1
    # unbiased: the pairs of a vector with itself are in the mixed sum only, which is known exactly
    within = np.mean([np.exp(-np.sum((same[i] - same[j]) ** 2) / 2) for i in range(len(same)) for j in range(len(same)) if i != j])
    assert mmd(same, same, bandwidth=1.0) == pytest.approx(-2 * (1 - within) / len(same))


def test_centroids_of_known_places():
    left, right = np.array([[3.0, 0], [5, 0]]), np.array([[0.0, 3], [0, 9]])
    assert centroid_distance(left, right) == pytest.approx(math.hypot(4, 6))
    assert centroid_distance(left, right, normalised=True) == pytest.approx(math.sqrt(2)), "length does not count"
    assert centroid_distance(np.zeros((2, 2)), right, normalised=True) == pytest.approx(1), "a vector of zeros stays"


def test_known_gaussians_have_their_frechet_distance():
    """In one dimension (m - m')^2 + (s - s')^2; of covariances that commute the sum of it; of any, scipy's root of the product."""
    assert frechet_of_gaussians(np.array([1.0]), np.array([[4.0]]), np.array([4.0]), np.array([[25.0]])) == pytest.approx(9 + 9)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    one, two = (rotation @ np.diag(values) @ rotation.T for values in ([1.0, 4.0, 9.0], [4.0, 4.0, 0.0]))  # the second is singular
    assert frechet_of_gaussians(np.zeros(3), one, np.ones(3), two) == pytest.approx(3 + 1 + 0 + 9)
    a, b = (part @ part.T for part in np.random.default_rng(1).normal(size=(2, 6, 6)))
    expected = np.trace(a + b - 2 * np.real(sqrtm(a @ b)))
    assert frechet_of_gaussians(np.zeros(6), a, np.zeros(6), b) == pytest.approx(expected)


def test_clouds_drawn_from_known_gaussians_come_near_it():
    left, right = cloud(20000, 3, 1), cloud(20000, 3, 2, shift=2.0, scale=3.0)
    assert frechet_distance(left, right) == pytest.approx(3 * (4 + 4), rel=0.03)
    # rank 7 in 64 dimensions: without shrinkage fewer vectors than dimensions look far apart, and nothing is imaginary
    few = [cloud(8, 64, seed) for seed in (3, 4)]
    assert 0 < frechet_distance(*few) < frechet_distance(*few, shrinkage=0.0) and frechet_distance(*few, shrinkage=1.0) < 64


def test_mmd_is_what_plain_loops_say():
    left, right, s = cloud(7, 3, 1), cloud(9, 3, 2, shift=1.0), 1.7

    def kernel(a, b):
        return math.exp(-sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) / (2 * s**2))

    xx = sum(kernel(left[i], left[j]) for i in range(7) for j in range(7) if i != j) / (7 * 6)
    yy = sum(kernel(right[i], right[j]) for i in range(9) for j in range(9) if i != j) / (9 * 8)
    xy = sum(kernel(a, b) for a in left for b in right) / (7 * 9)
    assert mmd(left, right, bandwidth=s) == pytest.approx(xx + yy - 2 * xy)
    together = np.concatenate([left, right])
    assert median_distance(left, right) == pytest.approx(np.median([np.linalg.norm(together[i] - together[j]) for i in range(16) for j in range(i)]))
    assert mmd(left, right) == pytest.approx(mmd(left, right, median_distance(left, right)))


def test_mmd_is_unbiased():
    draws = [mmd(cloud(20, 3, 2 * seed), cloud(20, 3, 2 * seed + 1), 1.5) for seed in range(200)]
    assert abs(np.mean(draws)) < 3 * np.std(draws) / np.sqrt(200) and min(draws) < 0


def test_neighbours_by_hand():
    """Four directions on a circle: in the first space 0-1 and 2-3 are close, in the second 0-1 are, and 2's nearest is 1."""
    angles = np.radians([[0, 10, 90, 100], [0, 10, 30, 100]])
    left, right = (np.stack([np.cos(a), np.sin(a)], 1) for a in angles)
    assert mutual_knn(left, right, k=1) == pytest.approx(3 / 4)  # 0, 1 and 3 (its nearest is 2 in both)
    assert mutual_knn(left, 5 * np.hstack([right, np.zeros((4, 3))]), k=1) == pytest.approx(3 / 4), "widths and lengths may differ"
    chance = np.mean([mutual_knn(cloud(101, 4, seed), cloud(101, 4, seed + 1000), k=10) for seed in range(20)])
    assert chance == pytest.approx(10 / 100, abs=0.02)
    with pytest.raises(ValueError, match="more than k = 4; given 4 and 4"):
        mutual_knn(left, right, k=4)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """Means of two clouds that are 1 apart in one dimension: a jackknife of 20 blocks, 95 %."""
    found = [with_interval(centroid_distance, cloud(100, 1, seed, 1.0), cloud(100, 1, seed + 5000), *[np.arange(100)] * 2) for seed in range(200)]
    assert 0.90 <= np.mean([one["low"] <= 1 <= one["high"] for one in found]) <= 0.99


def test_tokens_of_a_row_stay_together():
    """Ten copies of each of twenty vectors are twenty, not two hundred."""
    left, right = cloud(20, 2, 0), cloud(20, 2, 1, shift=1.0)
    one = with_interval(centroid_distance, left, right, *[np.arange(20)] * 2)
    ten = with_interval(centroid_distance, left.repeat(10, 0), right.repeat(10, 0), *[np.arange(20).repeat(10)] * 2)
    assert ten == pytest.approx(one)
    assert np.isnan(with_interval(centroid_distance, left, right, *[np.arange(20)] * 2, blocks=0)["low"])


# ------------------------------------------------------------------------------------------------------------ layer by layer


def test_the_rate_is_the_logarithm_of_the_sum_over_layers_behind_the_input():
    """Layers with a known distance: media are text moved along one axis, and all is divided by the mean length of text."""
    text = np.array([*itertools.product((1.0, 2.0), repeat=4)] * 10)  # none of these is an outlier, so the distance is the shift alone
    hidden = Hidden([text * 9, text + [2, 0, 0, 0], 3 * (text + [0, 4, 0, 0])], [text, text, 3 * text], np.arange(160), np.arange(160))
    length = np.linalg.norm(text, axis=1).mean()
    rate, layers = integration_rate(hidden)
    assert layers == pytest.approx([4 / length**2, 16 / length**2], rel=1e-6) and rate == pytest.approx(math.log10(sum(layers)))
    scaled = Hidden([7 * layer for layer in hidden.media], [7 * layer for layer in hidden.text], hidden.media_rows, hidden.text_rows)
    assert integration_rate(scaled)[0] == pytest.approx(rate), "the unit of a model does not count"


def test_outliers_by_length_are_taken_out():
    vectors = np.concatenate([cloud(100, 3, 0), [[1000.0, 0, 0]]])
    assert np.array_equal(without_outliers(vectors), vectors[:100])


@pytest.fixture(scope="module")
def looked_at(colours):
    """Twelve pictures, each with words that tell the same or a like one."""
    return [sample.replace(text=f"a {sample.answer} part of {sample.group}") for sample in colours[:12]]


def test_hidden_states_are_the_ones_of_the_forward(tiny, looked_at):
    """What a batch gives for each row is what the row alone gives, media first and text behind it, in every layer."""
    hidden = hidden_states(tiny, looked_at[:3], "image")
    alone = [hidden_states(tiny, [sample], "image") for sample in looked_at[:3]]
    depth = tiny.model.config.get_text_config().num_hidden_layers
    assert len(hidden.media) == len(hidden.text) == depth + 1
    for layer in range(depth + 1):
        assert np.allclose(hidden.media[layer], np.concatenate([one.media[layer] for one in alone]), atol=1e-4)
        assert np.allclose(hidden.text[layer], np.concatenate([one.text[layer] for one in alone]), atol=1e-4)
    assert np.bincount(hidden.media_rows).tolist() == [16, 16, 16], "112 x 112 pixels are 16 tokens"
    embedded = tiny.model.get_input_embeddings().weight.detach().numpy()
    assert all(np.abs(embedded - vector).sum(1).min() < 1e-3 for vector in hidden.text[0]), "what the language model reads of a text token is its embedding"
    few = hidden_states(tiny, looked_at[:3], "image", tokens=5)
    assert np.bincount(few.media_rows).tolist() == np.bincount(few.text_rows).tolist() == [5, 5, 5]
    with pytest.raises(ValueError, match="samples without audio: s0_000"):
        hidden_states(tiny, looked_at[:1], "audio")


def test_pairs_are_read_apart(tiny, looked_at):
    """The medium's side does not know the words, the words' side does not know the medium, and rows without words have no pair."""
    seen, told, rows = paired_means(tiny, looked_at[:4], "image", layer=0)
    assert [row.id for row in rows] == [sample.id for sample in looked_at[:4]]
    other, words, _ = paired_means(tiny, [sample.replace(text="quite different words") for sample in looked_at[:4]], "image", layer=0)
    assert np.allclose(seen, other) and not np.allclose(told, words) and np.allclose(words, words[:1], atol=1e-5)
    ids = tiny.processor.tokenizer(f"Note: {looked_at[0].text}\n", add_special_tokens=False)["input_ids"]
    assert np.allclose(told[0], tiny.model.get_input_embeddings().weight.detach().numpy()[ids].mean(0), atol=1e-5)
    assert paired_means(tiny, [sample.replace(text="") for sample in looked_at[:2]], "image")[2] == []


def test_all_measures_stand_side_by_side_and_none_judges(tiny, looked_at):
    table = gap(tiny, looked_at, "image", k=3, blocks=4)
    shown = table[table["measure"] != "integration of a layer"]
    assert shown["measure"].tolist() == ["centroid distance", "centroid distance, length 1", "Frechet distance", "MMD squared", "mutual k-NN", "modality integration rate"]
    assert (shown["low"] <= shown["value"]).all() and (shown["value"] <= shown["high"]).all() and shown["value"].iloc[:4].gt(0).all()
    layers = table[table["measure"] == "integration of a layer"]
    assert math.log10(layers["value"].sum()) == pytest.approx(shown["value"].iloc[-1]) and layers["layer"].tolist() == [1, 2, 3, 4]
    found = modality_gap(table, "image")
    assert found.verdict == "info" and "None of them alone predicts the quality" in found.summary and all(name in found.summary for name in shown["measure"])
    with speaking("ja"):
        assert "どの指標も単独では品質を予測しません" in modality_gap(table, "image").summary
    quick = gap(tiny, looked_at, "image", k=3, blocks=0)
    assert quick["value"].tolist() == pytest.approx(table["value"].tolist()) and quick["low"].isna().all(), "without intervals the values are the same, k-NN's too"
    silent = gap(tiny, [sample.replace(text="") for sample in looked_at], "image", k=3, blocks=0)
    assert np.isnan(silent.set_index("measure").loc["mutual k-NN", "value"]) and silent["low"].isna().all()
    assert "mutual k-NN" not in modality_gap(silent, "image").summary
