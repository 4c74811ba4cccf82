"""A room between loudspeaker and microphone: impulse response, a loudspeaker that clips, clocks that drift.

Pure numpy, for the simulated card (which convolves with the same impulse response in C) and for the echo benchmark,
which runs faster than real time.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from device_daemon.audio.pcm import SAMPLE_RATE_HZ

Wave = npt.NDArray[np.float64]

REVERBERATION_MS: Final = 120
_DECAY: Final = 6.9
"""The response falls by 60 dB over its length: exp(-6.9)."""
_DIFFUSE: Final = 0.08
"""The reflections' level beside the direct path: together they carry as much energy as it does, as on a shelf."""


def impulse_response(direct_ms: float = 6.0, *, rate_hz: int = SAMPLE_RATE_HZ, seed: int = 0) -> Wave:
    """Return loudspeaker -> microphone, shape (n,), of unit energy: a direct path after `direct_ms`, then reflections."""
    random = np.random.default_rng(seed)
    tail = rate_hz * REVERBERATION_MS // 1000
    delay = round(direct_ms * rate_hz / 1000)
    response = np.zeros(delay + tail)
    response[delay] = 1.0
    after = np.arange(1, tail)
    response[delay + 1 :] = random.standard_normal(tail - 1) * np.exp(-after * _DECAY / tail) * _DIFFUSE
    return np.asarray(response / np.sqrt(np.sum(response**2)), np.float64)


def soft_clip(samples: Wave, ceiling: float) -> Wave:
    """Return what a small loudspeaker makes of samples that are too loud for it: never more than `ceiling`."""
    return np.asarray(ceiling * np.tanh(samples / ceiling), np.float64)


def drifted(samples: Wave, ppm: float) -> Wave:
    """Return the same sound as a card hears it whose clock runs `ppm` parts per million faster."""
    positions = np.arange(len(samples)) / (1 + ppm * 1e-6)
    return np.asarray(np.interp(positions, np.arange(len(samples)), samples), np.float64)


def rms(samples: Wave) -> float:
    """Return the effective value; a little above 0 for silence."""
    return float(np.sqrt(np.mean(samples**2) + 1e-9))
