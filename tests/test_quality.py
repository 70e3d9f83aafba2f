"""Statistics of media move when the media do, and each in its own direction."""

import numpy as np
import pytest
import soundfile
from PIL import Image

from kit.data import Sample
from kit.errors import KitError
from kit.operations.quality import quality_of


def picture(path, light: float = 1.0, noise: float = 0.0):
    draws = np.random.default_rng(0)
    grey = np.kron(draws.uniform(60, 150, (8, 8)), np.ones((16, 16)))[..., None].repeat(3, 2) * light + noise * draws.normal(size=(128, 128, 3))
    Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).save(path)
    return Sample(path.stem, "?", image=(path,))


def sound(path, loud: float = 0.3, hiss: float = 0.001):
    draws, t = np.random.default_rng(0), np.arange(16000) / 16000
    wave = loud * np.sin(2 * np.pi * 300 * t) * (t < 0.7) + hiss * draws.normal(size=len(t))
    soundfile.write(path, np.clip(wave, -1, 1), 16000)
    return Sample(path.stem, "?", audio=(path,))


def test_light_and_noise_of_photos(tmp_path):
    found = quality_of([picture(tmp_path / "plain.png"), picture(tmp_path / "bright.png", 3.0), picture(tmp_path / "dark.png", 0.02), picture(tmp_path / "noisy.png", 1.0, 10.0)])
    plain, bright, dark, noisy = range(4)
    assert found["brightness"][bright] > 2 * found["brightness"][plain] and found["clipped bright"][bright] > 0.3 > found["clipped bright"][plain] == 0
    assert found["clipped dark"][dark] > 0.9 > found["clipped dark"][plain] == 0
    assert found["noise"][plain] < 3 and found["noise"][noisy] - found["noise"][plain] == pytest.approx(10 / np.sqrt(3), abs=2.5), "the grey of three independent channels has less noise than each"


def test_level_and_hiss_of_sounds(tmp_path):
    found = quality_of([sound(tmp_path / "plain.wav"), sound(tmp_path / "soft.wav", 0.15), sound(tmp_path / "hissing.wav", 0.3, 0.1), sound(tmp_path / "clipped.wav", 3.0)])
    plain, soft, hissing, clipped = range(4)
    assert found["loudness"][soft] - found["loudness"][plain] == pytest.approx(-6, abs=0.3)
    assert found["noise floor"][plain] == pytest.approx(-60, abs=2) and found["noise floor"][hissing] == pytest.approx(20 * np.log10(0.1), abs=2)
    assert found["band"][hissing] > found["band"][plain] == pytest.approx(300, abs=5)
    assert found["clipped"][clipped] > 0.3 > found["clipped"][plain] == 0


def test_rows_of_other_kinds_are_watched_apart(tmp_path):
    with pytest.raises(KitError, match="row plain has no audio, other rows have one"):
        quality_of([sound(tmp_path / "s.wav"), picture(tmp_path / "plain.png")])
