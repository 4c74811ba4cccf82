"""A sound that is found again in whatever the microphone heard, and how loud sound is. Pure, in numpy."""

from __future__ import annotations

import math
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from device_daemon.audio.pcm import FULL_SCALE, SAMPLE_RATE_HZ, SILENCE_DBFS

Floats = npt.NDArray[np.float64]

FRAMES_PER_MS: Final = SAMPLE_RATE_HZ // 1000
CHIRP_MS: Final = 200
PAUSE_MS: Final = 200
_SPAN_FRAMES: Final = (CHIRP_MS + PAUSE_MS) * FRAMES_PER_MS
_TAIL_FRAMES: Final = 50 * FRAMES_PER_MS
"""A room answers a little longer than it is asked."""
_LOWEST_HZ: Final = 400.0
_HIGHEST_HZ: Final = 6_000.0
"""What the smallest loudspeaker can do."""
_PEAK: Final = 0.3
_FADE_MS: Final = 10
_PROMINENCE: Final = 15.0
"""How far an echo stands out of what the correlation gives otherwise: noise does not reach 10 in a day of trying."""
_FLOOR: Final = 1e-5
_CLIPPED: Final = FULL_SCALE - 8


class Loudness(Struct, frozen=True):
    """How loud a stretch of sound is."""

    level_dbfs: float
    peak_dbfs: float
    clipped_share: float
    """Of its samples, 0..1, those that are as loud as samples can be."""
    dead: bool
    """Every sample is the same: no microphone in the world is so quiet."""


class Echo(Struct, frozen=True):
    """Where, and how loud, a pair of chirps was found."""

    frame: int
    """Of the recording, where the first one begins."""
    level_db: float
    """Its energy against that of the chirp as it was played."""


def loudness(pcm: bytes) -> Loudness:
    """Of 24 kHz mono sound; silence for none."""
    samples = _floats(pcm)
    if not len(samples):
        return Loudness(SILENCE_DBFS, SILENCE_DBFS, 0.0, dead=True)
    steady = samples - samples.mean()  # a constant is not heard
    return Loudness(
        _dbfs(float(np.sqrt(np.mean(steady**2)))),
        _dbfs(float(np.abs(samples).max())),
        float(np.mean(np.abs(samples) >= _CLIPPED / FULL_SCALE)),
        dead=bool(np.all(samples == samples[0])),
    )


def loudest_dbfs(pcm: bytes, *, of_ms: int = 10, share: float = 0.1) -> float:
    """The level that the loudest tenth of its pieces reaches: speech has pauses."""
    samples = _floats(pcm)
    pieces = samples[: len(samples) // (of_ms * FRAMES_PER_MS) * of_ms * FRAMES_PER_MS].reshape(
        -1, of_ms * FRAMES_PER_MS
    )
    if not len(pieces):
        return SILENCE_DBFS
    levels = np.sqrt(np.mean((pieces - samples.mean()) ** 2, axis=1))
    return _dbfs(float(np.quantile(levels, 1 - share)))


@cache
def chirps() -> bytes:
    """Two rising chirps with a pause between them: what is found twice at that distance is no chance."""
    pair = np.zeros(_SPAN_FRAMES + len(_chirp()))
    pair[: len(_chirp())] = pair[_SPAN_FRAMES:] = _chirp()
    return np.asarray(np.rint(pair * FULL_SCALE), "<i2").tobytes()


def find(recording: bytes, first_frame: int, last_frame: int) -> Echo | None:
    """Find the chirps in a recording where the first begins between two frames; what lies before is taken for noise."""
    samples, chirp = _floats(recording), _chirp()
    lags = len(samples) - _SPAN_FRAMES - len(chirp) + 1
    if lags <= first_frame:
        return None
    size = 1 << (len(samples) + len(chirp)).bit_length()
    spectrum = np.fft.rfft(samples, size) * np.conj(np.fft.rfft(chirp, size))
    gains = np.abs(np.fft.irfft(spectrum, size)) / np.sum(chirp**2)
    both = np.minimum(gains[:lags], gains[_SPAN_FRAMES : _SPAN_FRAMES + lags])
    frame = first_frame + int(np.argmax(both[first_frame:last_frame]))
    if both[frame] < max(_FLOOR, _PROMINENCE * float(np.median(both))):
        return None
    noise = float(np.mean(samples[:first_frame] ** 2)) if first_frame else 0.0
    length = len(chirp) + _TAIL_FRAMES
    pieces = [samples[at : at + length] for at in (frame, frame + _SPAN_FRAMES)]
    energy = sum(float(np.sum(piece**2)) - noise * len(piece) for piece in pieces) / len(pieces)
    least = both[frame] ** 2 * float(np.sum(chirp**2))  # where the noise changed meanwhile: what was recognized
    return Echo(frame, 10 * math.log10(max(energy, least) / float(np.sum(chirp**2))))


@cache
def _chirp() -> Floats:
    """From low to high, each octave as long as the other, with soft ends."""
    time_s = np.arange(CHIRP_MS * FRAMES_PER_MS) / SAMPLE_RATE_HZ
    octaves = math.log(_HIGHEST_HZ / _LOWEST_HZ)
    duration_s = CHIRP_MS / 1000
    phase = 2 * math.pi * _LOWEST_HZ * duration_s / octaves * (np.exp(octaves * time_s / duration_s) - 1)
    fade = np.minimum(1.0, np.arange(len(time_s)) / (_FADE_MS * FRAMES_PER_MS))
    ease = 0.5 - 0.5 * np.cos(np.pi * fade)
    return np.asarray(_PEAK * np.sin(phase) * ease * ease[::-1], np.float64)


def _floats(pcm: bytes) -> Floats:
    return np.frombuffer(pcm, "<i2").astype(np.float64) / FULL_SCALE


def _dbfs(amplitude: float) -> float:
    return max(SILENCE_DBFS, 20 * math.log10(amplitude)) if amplitude > 0 else SILENCE_DBFS
