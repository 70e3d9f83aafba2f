"""Sounds to bytes: small OGG files, the same bytes every time on the same machine."""

import io

import av
import numpy as np

RATE = 16000


def ogg(wave: np.ndarray, bits_per_second: int = 20000) -> bytes:
    """Opus in OGG, mono 16 kHz.

    Args:
        wave: float32 (N,) in [-1, 1] at 16 kHz.
    """
    buffer = io.BytesIO()
    # bitexact: otherwise the container carries a random serial number and no two builds are equal
    with av.open(buffer, "w", format="ogg", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libopus", rate=RATE, layout="mono", options={"b": str(bits_per_second), "application": "voip"})
        stream.bit_rate = bits_per_second
        stream.codec_context.flags |= 1 << 23  # AV_CODEC_FLAG_BITEXACT
        frame = av.AudioFrame.from_ndarray((np.clip(wave, -1, 1) * 32767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return buffer.getvalue()


def room(wave: np.ndarray, rng: np.random.Generator, noise: float = 0.006, echo: float = 0.15) -> np.ndarray:
    """A recording instead of a studio: short echo, hum, hiss, another level, a little silence around."""
    wave = np.concatenate([np.zeros(int(rng.uniform(0.03, 0.12) * RATE)), wave, np.zeros(int(rng.uniform(0.05, 0.15) * RATE))])
    late = int(rng.uniform(0.012, 0.04) * RATE)
    wave[late:] += echo * rng.uniform(0.3, 1) * wave[:-late]
    t = np.arange(len(wave)) / RATE
    hiss = np.convolve(rng.standard_normal(len(wave)), np.ones(4) / 4, "same")
    wave = wave + noise * rng.uniform(0.4, 1.2) * hiss + 0.004 * rng.uniform(0, 1) * np.sin(2 * np.pi * rng.choice([50, 100, 120]) * t)
    return (wave / np.abs(wave).max() * rng.uniform(0.45, 0.9)).astype(np.float32)
