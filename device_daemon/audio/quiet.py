"""Tells sound that is in a hurry from sound that is not: while nobody speaks, waking everybody up is all it would do."""

from __future__ import annotations

from typing import Final

from device_daemon.audio.gain import repeated
from device_daemon.audio.pcm import BYTES_PER_MS

SETTLED_MS: Final = 700
"""Only after so much quiet is there no hurry: the service takes half a second of it for the end of a sentence, and that must
reach it as promptly as the words."""
_LEAST_PEAK: Final = 33
"""The noise that there is at least: thrice that (-50 dBFS) is no speech, however quiet the room is."""
_ABOVE_NOISE: Final = 3
"""Speech stands out from the room's noise by 10 dB and more."""
_RISE: Final = 1.01
"""The noise is about the quietest of the last seconds: what is louder raises it by so much each period."""
_FALL: Final = 2.0
"""What is quieter lowers it by so much: a pause between two words is enough to find the room's noise again."""
_LOUDEST: Final = 32_768


class Quiet:
    """Takes periods of one stream in order: 24 kHz mono S16LE, of any length."""

    def __init__(self) -> None:
        self._noise = float(_LEAST_PEAK)
        self._quiet_bytes = 0

    def unhurried(self, pcm: bytes) -> bool:
        """Whether this period, like all those before it for a while, is nothing but the room's noise."""
        louder = exceeds(pcm, int(self._noise))
        loud = louder and exceeds(pcm, int(self._noise * _ABOVE_NOISE))
        self._noise = self._noise * _RISE if louder else max(self._noise / _FALL, _LEAST_PEAK)
        self._quiet_bytes = 0 if loud else self._quiet_bytes + len(pcm)
        return self._quiet_bytes > SETTLED_MS * BYTES_PER_MS


def exceeds(pcm: bytes, level: int) -> bool:
    """Return whether any sample is farther from 0 than `level`.

    All at once, as `gain` does it: as digits of a long number, every second one at a time, so that each has 16 bits of
    room above it. What is louder than allowed carries a one into that room, or fails to. Looking at each sample would
    take five times as long, fifty times a second.
    """
    if level >= _LOUDEST:
        return False
    pairs = (len(pcm) + 3) // 4
    middle, low, room = repeated(0x8000_8000, pairs), repeated(0x0000_FFFF, pairs), repeated(0x0001_0000, pairs)
    highest, lowest = repeated(_LOUDEST - 1 - level, pairs), repeated(_LOUDEST + level, pairs)
    samples = int.from_bytes(pcm, "little") ^ middle
    even, odd = samples & low, samples >> 16 & low
    too_high = even + highest | odd + highest
    low_enough = even + lowest & odd + lowest
    return bool(too_high & room) or low_enough & room != room
