"""Decides when captured sound is handed over: an energy-based VAD for the onset of a voice, and a constant cadence.

Sound goes out in chunks of 60 ms, in speech and in silence alike, so that whatever watches the stream (a service's turn
detection, its echo canceller) gets it with a constant delay. Where a voice sets in, what there is goes out at once.
Microsoft's samples send chunks of 50 ms, pipecat's of 60. A chunk of 40 ms would cost a quarter more processor time.
"""

from __future__ import annotations

from typing import Final

from device_daemon.audio.gain import peak
from device_daemon.audio.pcm import BYTES_PER_FRAME, BYTES_PER_MS

CHUNK_MS: Final = 60
PAUSE_MS: Final = 200
"""A voice that sets in after so much quiet is an onset; a shorter gap is one between two words."""
_QUIETEST: Final = 33
"""The least noise floor, as a peak of 16 bits (-60 dBFS): thrice that is no speech, however quiet the room is."""
_ABOVE_NOISE: Final = 3
"""Speech is this much louder than the noise floor (10 dB)."""
_RISE_PER_BYTE: Final = 0.5 / (1000 * BYTES_PER_MS)
"""The noise floor follows a louder room by 4 dB per second, and a quieter one at once: a pause between words shows it."""
_CHUNK_BYTES: Final = CHUNK_MS * BYTES_PER_MS
_PAUSE_BYTES: Final = PAUSE_MS * BYTES_PER_MS


class UplinkChunker:
    """Takes the periods of one stream in order: 24 kHz mono S16LE, of any length."""

    def __init__(self) -> None:
        self._noise: float = _QUIETEST
        self._quiet_bytes = _PAUSE_BYTES
        self._chunk_bytes = 0

    @property
    def at_once_ms(self) -> int:
        """How much sound may be read at once, in complete periods: there is nothing to decide before the last of them."""
        if self._quiet_bytes >= _PAUSE_BYTES:
            return 0  # a voice may set in at any time
        return min(_PAUSE_BYTES - self._quiet_bytes, _CHUNK_BYTES - self._chunk_bytes) // BYTES_PER_MS

    def add(self, pcm: bytes) -> bool:
        """Take in the next period; return whether the chunk that ends with it is complete."""
        size, loudest, noise = len(pcm), peak(pcm, BYTES_PER_FRAME), self._noise
        onset = False
        if loudest > noise * _ABOVE_NOISE:
            onset = self._quiet_bytes >= _PAUSE_BYTES
            self._quiet_bytes = 0
        else:
            self._quiet_bytes += size
        if loudest > _QUIETEST or noise > _QUIETEST:
            self._noise = max(_QUIETEST, min(loudest, noise + noise * size * _RISE_PER_BYTE))
        self._chunk_bytes += size
        # To the nearest period: with half of the next one it would be too long.
        if onset or self._chunk_bytes + size // 2 > _CHUNK_BYTES:
            self._chunk_bytes = 0
            return True
        return False
