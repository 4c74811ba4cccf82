"""Tells how long sound may wait for more of it: while nobody speaks, waking everybody up is all that hurry would do."""

from __future__ import annotations

from typing import Final

from device_daemon.audio.gain import repeated
from device_daemon.audio.pcm import BYTES_PER_MS

PAUSE_MS: Final = 40
"""In a pause sound is handed over in such pieces: the service takes half a second of it for the end of a sentence, and shall not
hear of it late."""
SETTLED_MS: Final = 700
"""A pause that is longer than this is nobody's pause any more."""
UNHURRIED_MS: Final = 200
"""Then nobody waits for the sound, and every wake-up costs. A voice that sets in takes what was held back along."""
_LEAST_BITS: Final = 4
"""The noise that there is at least: four times that (-54 dBFS) is no speech, however quiet the room is."""
_ABOVE_NOISE_BITS: Final = 2
"""Speech stands out from the room's noise by 12 dB and more."""
_RISE_MS: Final = 1400
"""The noise is about the quietest of the last seconds: what is louder for so long on end raises it by one bit (6 dB), and what is
quieter lowers it at once: a pause between two words is enough to find the room's noise again."""
_MOST_BITS: Final = 15
_SETTLED_BYTES: Final = SETTLED_MS * BYTES_PER_MS
_RISE_BYTES: Final = _RISE_MS * BYTES_PER_MS


class Quiet:
    """Takes periods of one stream in order: 24 kHz mono S16LE, of any length."""

    def __init__(self) -> None:
        self._noise_bits = _LEAST_BITS
        self._louder_bytes = 0
        self._quiet_bytes = 0
        self._size = 0
        self._above_noise = 0

    def may_wait_ms(self, pcm: bytes) -> int:
        """Return how much sound may be held back with this period at its end: none if it is a voice."""
        size = len(pcm)
        if size != self._size:
            self._size = size
            self._above_noise = outside(self._noise_bits, size)
        # In a number with the digits of all samples, those bits that differ from the next higher one: a sample near 0
        # has nothing but copies of its sign up there. Looking at each sample would take ten times as long.
        samples = int.from_bytes(pcm, "little")
        changes = samples ^ samples >> 1
        self._quiet_bytes += size
        if changes & self._above_noise:
            self._louder(changes, size)
        elif self._louder_bytes or self._noise_bits > _LEAST_BITS:
            self._take_for_noise(max(self._noise_bits - 1, _LEAST_BITS))
        return UNHURRIED_MS if self._quiet_bytes > _SETTLED_BYTES else PAUSE_MS if self._quiet_bytes else 0

    def _louder(self, changes: int, size: int) -> None:
        if changes & outside(self._noise_bits + _ABOVE_NOISE_BITS, size):
            self._quiet_bytes = 0
        self._louder_bytes += size
        if self._louder_bytes >= _RISE_BYTES:
            self._take_for_noise(min(self._noise_bits + 1, _MOST_BITS))

    def _take_for_noise(self, bits: int) -> None:
        self._noise_bits = bits
        self._above_noise = outside(bits, self._size)
        self._louder_bytes = 0


def outside(bits: int, size_bytes: int) -> int:
    """Return the bits in which a period of that size has changes where a sample is not within -2**bits .. 2**bits - 1."""
    copies = 0x7FFF >> bits << bits
    return repeated(copies << 16 | copies, (size_bytes + 3) // 4)
