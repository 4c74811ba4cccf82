"""Acoustic echo path from loudspeaker to microphone, measured with chirps (swept sines). Pure, in numpy.

The sweep is four equal chirps but for their loudness: two to be found by, one three times as loud, one two seconds after the
first. From them come the delay and the level of the echo, what is not linear in it (a loudspeaker that clips), and how far
the clocks of the two cards are apart.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Final

import numpy as np
from msgspec import Struct

from device_daemon.audio.pcm import FULL_SCALE
from device_daemon.doctor import chirp
from device_daemon.doctor.chirp import CHIRP_MS, FRAMES_PER_MS, Floats

LOUD_GAIN: Final = 3.0
_LOUD_AT: Final = 1_000 * FRAMES_PER_MS  # not at twice the distance of the pair, which would look like another pair
_LAST_AT: Final = 2_000 * FRAMES_PER_MS
SWEEP_MS: Final = 2_000 + CHIRP_MS
_PIECE_FRAMES: Final = (CHIRP_MS + 120) * FRAMES_PER_MS
"""A chirp and its reverberation."""
_LEAD_FRAMES: Final = 5 * FRAMES_PER_MS
"""Before a chirp's first sample: clocks that drift bring the last one earlier."""
_FINER: Final = 8
_MOST_PPM: Final = 1_000.0
"""No two cards are so far apart: sound was lost in between, and nothing can be said of the clocks."""
LEAST_DISTORTION_DB: Final = -60.0


class EchoPath(Struct, frozen=True):
    """What lies between the loudspeaker and the microphone."""

    frame: int
    """First frame of the echo in the recording."""
    level_db: float
    """The echo's energy relative to what was played."""
    distortion_db: float
    """How much of the loud chirp's echo is not explained by the softer one's, relative to it: below -25 dB nobody hears it."""
    clipped_share: float
    """Share of the loud chirp's samples, 0..1, that the microphone gave at full scale."""
    drift_ppm: float | None
    """How much faster the microphone's clock runs than the loudspeaker's; None where it cannot be told."""


@cache
def sweep() -> bytes:
    """What to play: 24 kHz mono 16-bit PCM of `SWEEP_MS`."""
    one = chirp.one_chirp()
    samples = np.zeros(SWEEP_MS * FRAMES_PER_MS)
    pair = np.frombuffer(chirp.chirps(), "<i2") / FULL_SCALE
    samples[: len(pair)] = pair
    samples[_LOUD_AT : _LOUD_AT + len(one)] = one * LOUD_GAIN
    samples[_LAST_AT : _LAST_AT + len(one)] = one
    return np.asarray(np.rint(samples * FULL_SCALE), "<i2").tobytes()


def measure(recording: bytes, first_frame: int, last_frame: int) -> EchoPath | None:
    """Find the sweep in a recording and measure the path that it took.

    Args:
        recording: 24 kHz mono 16-bit PCM, until at least 150 ms after the end of the sweep.
        first_frame: the sweep begins here or later; what is before is the room's noise.
        last_frame: the sweep begins before this frame.

    Returns:
        None if the sweep is not heard in it.
    """
    found = chirp.find(recording, first_frame, last_frame)
    if found is None:
        return None
    samples = np.frombuffer(recording, "<i2").astype(np.float64) / FULL_SCALE
    begin = max(0, found.frame - _LEAD_FRAMES)
    first, loud, last = (samples[at : at + _PIECE_FRAMES] for at in (begin, begin + _LOUD_AT, begin + _LAST_AT))
    if len(last) < _PIECE_FRAMES:
        return EchoPath(found.frame, found.level_db, LEAST_DISTORTION_DB, 0.0, None)
    noise = float(np.mean(samples[:first_frame] ** 2)) if first_frame else 0.0
    return EchoPath(
        found.frame,
        found.level_db,
        _distortion_db(first, loud, noise),
        float(np.mean(np.abs(loud) >= chirp.CLIPPED / FULL_SCALE)),
        _drift_ppm(first, last),
    )


def _drift_ppm(first: Floats, last: Floats) -> float | None:
    ppm = _lag(first, last) * 1e6 / _LAST_AT
    return ppm if abs(ppm) <= _MOST_PPM else None


def _distortion_db(soft: Floats, loud: Floats, noise: float) -> float:
    """Compare the loud chirp with the soft one, made as loud and moved to its place."""
    expected = _moved(soft, _lag(soft, loud)) * LOUD_GAIN
    rest = float(np.sum((loud - expected) ** 2)) - noise * (1 + LOUD_GAIN**2) * len(loud)
    share = rest / max(float(np.sum(loud**2)), 1e-12)
    return max(LEAST_DISTORTION_DB, 10 * math.log10(share)) if share > 0 else LEAST_DISTORTION_DB


def _lag(first: Floats, second: Floats) -> float:
    """How many frames later `second` comes than `first`, to a fraction of one (cross-correlation)."""
    size = 1 << (2 * len(first)).bit_length()
    spectrum = np.fft.rfft(second, size) * np.conj(np.fft.rfft(first, size))
    correlation = np.fft.irfft(spectrum, size * _FINER)
    best = int(np.argmax(correlation))
    before, at, after = (float(correlation[(best + step) % len(correlation)]) for step in (-1, 0, 1))
    curve = before - 2 * at + after
    place = best + (0.5 * (before - after) / curve if curve else 0.0)
    return (place if place < len(correlation) / 2 else place - len(correlation)) / _FINER


def _moved(samples: Floats, frames: float) -> Floats:
    """Move samples by a fraction of a frame; beyond the ends there is silence."""
    size = 1 << (2 * len(samples)).bit_length()
    turns = np.exp(-2j * np.pi * np.fft.rfftfreq(size) * frames)
    return np.asarray(np.fft.irfft(np.fft.rfft(samples, size) * turns, size)[: len(samples)], np.float64)
