"""Making sound quieter without numpy, whose import costs 110 ms and 15 MB: for cards that take the program's own format."""

from __future__ import annotations

import sys
from array import array
from functools import lru_cache
from typing import Final

from device_daemon.audio.pcm import BYTES_PER_FRAME, SAMPLE_RATE_HZ, Samples

_RAMP_FRAMES: Final = 5 * SAMPLE_RATE_HZ // 1000
_UNITY: Final = 1 << 16


class Gain:
    """Scales a stream of the program's own format, piece by piece; pieces of full loudness pass through untouched."""

    def __init__(self) -> None:
        self._gain: float | None = None

    def convert(self, pcm: Samples, gain: float) -> Samples:
        """Return a piece, as loud as `gain` (0..1) says; a change of gain is spread over 5 ms so that it does not click."""
        before, self._gain = self._gain, gain
        if before is None or before == gain:
            return scaled(pcm, gain)
        ramp_bytes = min(_RAMP_FRAMES * BYTES_PER_FRAME, len(pcm))
        pcm = memoryview(pcm)
        return _ramp(pcm[:ramp_bytes], before, gain) + scaled(pcm[ramp_bytes:], gain)

    def reset(self) -> None:
        """Start a new stream: its first gain is no change."""
        self._gain = None


def scaled(pcm: Samples, gain: float) -> Samples:
    """Return every sample times `gain` (0..1), rounded.

    All at once, as digits of one long number: multiplying that by a 16-bit factor multiplies each digit, as long as
    there are 16 bits of room between them. So the even and the odd samples take turns. Digits have no sign: samples
    are moved up by half their range, and their products back.
    """
    factor = round(gain * _UNITY)
    if factor == _UNITY:
        return pcm
    pairs = (len(pcm) + 3) // 4
    middle = repeated(0x8000_8000, pairs)
    low = repeated(0x0000_FFFF, pairs)
    high = repeated(0xFFFF_0000, pairs)
    # By so much the middle times the factor falls short of the middle; and half a step, to round to the nearest.
    back = repeated(((_UNITY - factor) << 15) + (1 << 15), pairs)

    samples = int.from_bytes(pcm, "little") ^ middle
    even = ((samples & low) * factor + back) >> 16 & low
    odd = ((samples >> 16 & low) * factor + back) & high
    return ((even | odd) ^ middle).to_bytes(4 * pairs, "little")[: len(pcm)]


@lru_cache(maxsize=64)
def repeated(word: int, times: int) -> int:
    """Return a number in which 32 bits come again and again: pieces of sound are nearly all of the same length."""
    return int.from_bytes(word.to_bytes(4, "little") * times, "little")


def _ramp(pcm: Samples, before: float, after: float) -> bytes:
    """Return samples whose gain goes evenly from one to the other."""
    samples = array("h")
    samples.frombytes(pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    last = max(1, len(samples) - 1)
    for i, sample in enumerate(samples):
        samples[i] = round(sample * (before + (after - before) * i / last))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()
