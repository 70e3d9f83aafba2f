"""Noise with a chosen spectrum, the stuff of every ground."""

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=8)
def grid(size: int) -> tuple[np.ndarray, ...]:
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    fy, fx = np.meshgrid(np.fft.fftfreq(size), np.fft.rfftfreq(size), indexing="ij")
    radius = np.hypot(fx, fy)
    radius[0, 0] = 1e9
    return y, x, radius.astype(np.float32), np.arctan2(fy, fx).astype(np.float32)


def noise(
    rng: np.random.Generator, size: int, slope: float, anisotropy: float = 0.0, direction: float = 0.0
) -> np.ndarray:
    """Returns (size, size) noise of mean 0 and deviation 1 whose spectrum falls as radius**-slope, stretched along `direction` (radians)."""
    _, _, radius, angle = grid(size)
    amplitude = radius**-slope
    if anisotropy:
        amplitude = amplitude * np.exp(anisotropy * np.cos(2 * (angle - direction - np.pi / 2)))
    phase = rng.random(radius.shape, dtype=np.float32) * (2 * np.pi)
    field = np.fft.irfft2(amplitude * (np.cos(phase) + 1j * np.sin(phase)), s=(size, size)).astype(np.float32)
    return (field - field.mean()) / (field.std() + 1e-6)
