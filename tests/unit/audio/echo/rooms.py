"""Synthetic rooms for the echo tests: what a microphone captures while a loudspeaker speaks."""

from __future__ import annotations

import numpy as np

from device_daemon.audio.pcm import SAMPLE_RATE_HZ
from scripts.rig.acoustics import Wave, impulse_response


def talk(seconds: float, level: float, seed: int) -> Wave:
    """Noise in the rhythm of speech: syllables of 200 ms of uneven loudness, a pause after every eighth."""
    random = np.random.default_rng(seed)
    syllable = SAMPLE_RATE_HZ // 5
    count = int(seconds * 5) + 1
    loudness = random.uniform(0.3, 1.5, count)
    loudness[::9] = 0.0
    return (random.standard_normal(count * syllable) * np.repeat(loudness, syllable) * level)[
        : int(seconds * SAMPLE_RATE_HZ)
    ]


def echo_of(played: Wave, delay_ms: float, gain_db: float, seed: int) -> Wave:
    """What arrives of it at a microphone."""
    response = impulse_response(delay_ms, seed=seed) * 10 ** (gain_db / 20)
    size = 1 << (len(played) + len(response)).bit_length()
    return np.fft.irfft(np.fft.rfft(played, size) * np.fft.rfft(response, size), size)[: len(played)]


def noise(seconds: float, level: float, seed: int) -> Wave:
    """The room's own sound."""
    return np.random.default_rng(seed).standard_normal(int(seconds * SAMPLE_RATE_HZ)) * level


def pcm(wave: Wave) -> bytes:
    """16-bit samples of it."""
    return np.clip(np.rint(wave), -32768, 32767).astype("<i2").tobytes()
