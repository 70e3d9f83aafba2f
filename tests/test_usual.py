"""The input gate: evidence that is missing, black, blurred or unlike what the model was measured on is held back, whatever the confidence."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from kit.curation.usual import usual_inputs
from kit.data import Sample
from kit.errors import KitError


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Sixty noisy grey photos of about the same light."""
    place, rng, samples = tmp_path_factory.mktemp("photos"), np.random.default_rng(0), []
    for i in range(60):
        picture = rng.normal(rng.uniform(110, 150), rng.uniform(20, 30), (96, 96, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(picture).save(place / f"{i}.png")
        samples.append(Sample(f"s{i}", "Which?", ("ok", "bad"), "ok", image=(place / f"{i}.png",), decided_by=("image",)))
    return samples


def test_usual_photos_pass_and_missing_black_and_blurred_ones_are_named(photos, tmp_path):
    usual = usual_inputs(photos)
    assert sum(bool(usual.faults(sample)) for sample in photos) <= 8  # the ends of four measures, of sixty
    Image.new("RGB", (96, 96)).save(tmp_path / "black.png")
    Image.open(photos[0].image[0]).filter(ImageFilter.GaussianBlur(3)).save(tmp_path / "blurred.png")
    dark, soft = (usual.faults(photos[0].replace(image=(tmp_path / name,))) for name in ("black.png", "blurred.png"))
    assert any(fault.startswith("image: brightness 0 (usual: 1") for fault in dark)
    assert any("sharpness" in fault for fault in soft)
    assert usual.faults(photos[0].without("image")) == ["no image"]


def test_evidence_that_does_not_decide_is_not_asked(photos):
    assert usual_inputs(photos).faults(photos[0].replace(decided_by=("text",), text="scratch", image=())) == []


def test_too_few_photos_are_no_norm(photos):
    with pytest.raises(KitError, match="10 readable files of image are too few to say what is usual: at least 30"):
        usual_inputs(photos[:10])
