"""Sounds to play and to say, and a way to keep a card's thread from its work."""

from __future__ import annotations

import sys
import time

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]


def noise(ms: int, seed: int = 1) -> Samples:
    """Samples none of which is 0."""
    return np.random.default_rng(seed).integers(1000, 20_000, 24 * ms).astype(np.int16)


def tone(ms: int, frequency_hz: float = 500.0, amplitude: int = 10_000) -> Samples:
    t = np.arange(24 * ms) / 24_000
    return np.asarray(np.rint(amplitude * np.sin(2 * np.pi * frequency_hz * t)), np.int16)


def stall_every_thread(seconds: float) -> None:
    """Keep the interpreter to this thread, as a greedy extension module would."""
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(10 * seconds)
    try:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            pass
    finally:
        sys.setswitchinterval(interval_s)
