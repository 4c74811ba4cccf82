"""Chirp detection by cross-correlation (echo delay and level), and level measurement. Pure, in numpy."""

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
"""Reverberation: the echo is a little longer than the chirp."""
_LOWEST_HZ: Final = 400.0
_HIGHEST_HZ: Final = 6_000.0
"""Range of the smallest loudspeakers."""
_PEAK: Final = 0.3
_FADE_MS: Final = 10
_PROMINENCE: Final = 15.0
"""Least ratio of the correlation peak to its median: noise did not reach 10 in a day of trials."""
_FLOOR: Final = 1e-5
CLIPPED: Final = FULL_SCALE - 8
"""A 16-bit sample from here on is at full scale."""
CLIPPED_SHARE: Final = 0.001
"""More samples at full scale than this are heard as distortion."""

LEAST_SNR_DB: Final = 10.0
"""So much louder than the room's noise is a voice."""
LEAST_SPEECH_MS: Final = 100
"""A click is shorter, a word longer."""
_PIECE_MS: Final = 10
_PIECE_FRAMES: Final = _PIECE_MS * FRAMES_PER_MS


class Loudness(Struct, frozen=True):
    """Level of a piece of sound."""

    level_dbfs: float
    peak_dbfs: float
    clipped_share: float
    """Share of its samples, 0..1, at full scale."""
    dead: bool
    """Every sample is the same, which no working microphone gives."""


class Echo(Struct, frozen=True):
    """Position and level of a pair of chirps in a recording."""

    frame: int
    """First frame of the first chirp in the recording."""
    level_db: float
    """Its energy relative to that of the chirp as it was played."""


def loudness(pcm: bytes) -> Loudness:
    """Level of 24 kHz mono 16-bit PCM; silence for an empty one."""
    samples = _floats(pcm)
    if not len(samples):
        return Loudness(SILENCE_DBFS, SILENCE_DBFS, 0.0, dead=True)
    steady = samples - samples.mean()  # DC is not audible
    return Loudness(
        _dbfs(float(np.sqrt(np.mean(steady**2)))),
        _dbfs(float(np.abs(samples).max())),
        float(np.mean(np.abs(samples) >= CLIPPED / FULL_SCALE)),
        dead=bool(np.all(samples == samples[0])),
    )


def voice_dbfs(pcm: bytes, noise_dbfs: float) -> float | None:
    """Level of the voice in a recording: what the loudest tenth of its speech reaches, so that pauses do not count.

    Energy-based voice activity detection (VAD), in pieces of 10 ms.

    Args:
        pcm: 24 kHz mono 16-bit, of any length.
        noise_dbfs: the room's noise when nobody speaks.

    Returns:
        None if less than `LEAST_SPEECH_MS` of it are louder than the noise by `LEAST_SNR_DB`.
    """
    samples = _floats(pcm)
    pieces = samples[: len(samples) // _PIECE_FRAMES * _PIECE_FRAMES].reshape(-1, _PIECE_FRAMES)
    levels = np.sqrt(np.mean((pieces - samples.mean()) ** 2, axis=1)) if len(pieces) else np.empty(0)
    speech = levels[levels > 10 ** ((noise_dbfs + LEAST_SNR_DB) / 20)]
    if len(speech) * _PIECE_MS < LEAST_SPEECH_MS:
        return None
    return _dbfs(float(np.quantile(speech, 0.9)))


@cache
def chirps() -> bytes:
    """Two rising chirps with a pause between them: a match at both is no accident."""
    pair = np.zeros(_SPAN_FRAMES + len(one_chirp()))
    pair[: len(one_chirp())] = pair[_SPAN_FRAMES:] = one_chirp()
    return np.asarray(np.rint(pair * FULL_SCALE), "<i2").tobytes()


def find(recording: bytes, first_frame: int, last_frame: int) -> Echo | None:
    """Find the chirps in a recording (matched filter).

    Args:
        recording: 24 kHz mono 16-bit PCM.
        first_frame: the first chirp begins here or later; what is before counts as noise.
        last_frame: the first chirp begins before this frame.

    Returns:
        Position and level, None if there is no pair of chirps.

    """
    samples, chirp = _floats(recording), one_chirp()
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
    least = both[frame] ** 2 * float(np.sum(chirp**2))  # lower bound, if the noise changed meanwhile
    return Echo(frame, 10 * math.log10(max(energy, least) / float(np.sum(chirp**2))))


@cache
def one_chirp() -> Floats:
    """Logarithmic sweep with raised-cosine fades, shape (n,), of a peak of 0.3."""
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
