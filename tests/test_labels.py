"""The proxy for "how many labels?"."""

import numpy as np
import pytest

from kit.data import Sample
from kit.evaluation.labels import label_curve


def rows(n: int, seed: int):
    rng = np.random.default_rng(seed)
    samples = [Sample(f"{seed}-{i}", "Which?", ("a", "b", "c"), "abc"[i % 3], text="x") for i in range(n)]
    features = rng.normal(size=(n, 8)) + 1.5 * np.eye(8)[[i % 3 for i in range(n)]]
    return features, samples


def test_more_labels_help_where_the_features_tell_the_answers():
    known, held = rows(300, 0), rows(150, 1)
    curve = label_curve(*known, *held, sizes=[6, 24, 96, 300, 1200])
    assert curve["labels"].tolist() == [6, 24, 96, 300], "a size beyond the rows there are is left out"
    assert curve["value"].iloc[-1] > curve["value"].iloc[0] + 0.05
    assert (curve["low"] <= curve["value"]).all() and (curve["value"] <= curve["high"]).all()


def test_labels_are_worthless_where_the_features_tell_nothing():
    (features, samples), held = rows(300, 0), rows(150, 1)
    noise = np.random.default_rng(2).normal(size=features.shape)
    curve = label_curve(noise, samples, *held, sizes=[300])
    assert curve["value"].iloc[0] < 0.45


def test_the_same_seed_gives_the_same_curve():
    known, held = rows(60, 0), rows(60, 1)
    assert label_curve(*known, *held, sizes=[12, 48]).equals(label_curve(*known, *held, sizes=[12, 48]))


@pytest.mark.slow
def test_frozen_features_have_one_row_per_sample_whatever_the_evidence():
    from kit.evaluation.labels import frozen_features
    from kit.models import load
    from poc.lesson import open_lesson

    loaded = load("tiny_omni")
    seen = open_lesson("tiny", "inspection").few("test", 5)
    mixed = [*seen, seen[0].without("image").without("text").replace(text="only words")]
    features = frozen_features(loaded, mixed, batch_size=2)
    assert features.shape[0] == 6 and np.isfinite(features).all()
    assert not np.allclose(features[0], features[1])
    alone = frozen_features(loaded, [mixed[3]])
    assert np.allclose(features[3], alone[0], atol=1e-4), "the other samples of a batch must not change a sample's features"
