"""Tells sound that is in a hurry from sound that is not: while nobody speaks, waking everybody up is all it would do."""

from __future__ import annotations

import sys
from array import array
from typing import Final

from device_daemon.audio.pcm import BYTES_PER_MS

SETTLED_MS: Final = 1_000
"""Only after so much quiet is there no hurry: the end of a sentence must reach the service as promptly as its words."""
_LEAST_PEAK: Final = 33
"""The noise that there is at least: thrice that (-50 dBFS) is no speech, however quiet the room is."""
_ABOVE_NOISE: Final = 3
"""Speech stands out from the room's noise by 10 dB and more."""
_RISE: Final = 1.01
"""The noise is the quietest of the last seconds: what is louder raises it by so much each period."""


class Quiet:
    """Takes periods of one stream in order: 24 kHz mono S16LE, of any length."""

    def __init__(self) -> None:
        self._noise = float(_LEAST_PEAK)
        self._quiet_bytes = 0

    def unhurried(self, pcm: bytes) -> bool:
        """Whether this period, like all those before it for a second, is nothing but the room's noise."""
        peak = _peak(pcm)
        loud = peak > self._noise * _ABOVE_NOISE
        self._noise = min(float(max(peak, _LEAST_PEAK)), self._noise * _RISE)
        self._quiet_bytes = 0 if loud else self._quiet_bytes + len(pcm)
        return self._quiet_bytes > SETTLED_MS * BYTES_PER_MS


def _peak(pcm: bytes) -> int:
    """The largest sample, without its sign; some 10 µs for 20 ms."""
    samples = array("h")
    samples.frombytes(pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    loudest, lowest = (max(samples), min(samples)) if samples else (0, 0)
    return max(loudest, -lowest)
