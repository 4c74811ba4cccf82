"""Time stretching (WSOLA): the same voice slower, at the same pitch.

Waveform similarity overlap-add, as W. Verhelst and M. Roelands describe it (ICASSP 1993): windows of the input are
laid over each other further apart than they were, each shifted a little to where it fits the one before best.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from device_daemon.audio.pcm import SAMPLE_RATE_HZ

WINDOW_FRAMES: Final = SAMPLE_RATE_HZ * 30 // 1000
"""30 ms: two periods of the lowest voice."""
HOP_FRAMES: Final = WINDOW_FRAMES // 2
SEARCH_FRAMES: Final = SAMPLE_RATE_HZ * 8 // 1000
"""How far a window is shifted at most; a period of a low voice."""

_WINDOW: Final = np.hanning(WINDOW_FRAMES + 1)[:-1]


def slower(pcm: bytes, factor: float) -> bytes:
    """Return speech that takes `factor` times as long.

    Args:
        pcm: 24 kHz mono S16LE.
        factor: 1 or more.
    """
    sound = np.frombuffer(pcm, np.int16).astype(np.float64)
    if len(sound) < 2 * WINDOW_FRAMES:
        return pcm
    out = np.zeros(int(len(sound) * factor) + WINDOW_FRAMES)
    at = 0
    for start in range(0, len(out) - WINDOW_FRAMES + 1, HOP_FRAMES):
        wanted = int(start / factor)
        if start:
            at = _best(sound, wanted, sound[at + HOP_FRAMES :][:HOP_FRAMES])
        piece = sound[at : at + WINDOW_FRAMES]
        out[start : start + len(piece)] += piece * _WINDOW[: len(piece)]
    return np.clip(out[: int(len(sound) * factor)], -32768, 32767).astype(np.int16).tobytes()


def _best(sound: NDArray[np.float64], wanted: int, follows: NDArray[np.float64]) -> int:
    """Return where near `wanted` the sound goes on most like what would follow the window before."""
    first = max(0, wanted - SEARCH_FRAMES)
    around = sound[first : wanted + SEARCH_FRAMES + len(follows)]
    if len(around) <= len(follows) or not len(follows):
        return min(wanted, len(sound) - 1)
    return first + int(np.argmax(np.correlate(around, follows, "valid")))
