"""Tells how long sound may wait for more of it: while nobody speaks, waking everybody up is all that hurry would do."""

from __future__ import annotations

from typing import Final

from device_daemon.audio.gain import peak
from device_daemon.audio.pcm import BYTES_PER_FRAME, BYTES_PER_MS

ONSET_MS: Final = 200
"""So much of a voice that sets in is handed over at once, as it comes: this is what interrupts the speaker."""
BREATH_MS: Final = 200
"""After so much quiet a voice sets in anew."""
UNDERWAY_MS: Final = 100
"""Speech that is under way is handed over in such pieces: nobody acts in the middle of it."""
PAUSE_MS: Final = 40
"""But the pauses in it in such, from their first period on: the service takes half a second of pause for the end of a sentence, and
shall not hear of it late."""
SETTLED_MS: Final = 700
"""A pause that is longer than this is nobody's pause any more."""
UNHURRIED_MS: Final = 200
"""Then hardly anybody waits for the sound, and every wake-up costs. A voice that sets in takes what was held back along."""
DESERTED_MS: Final = 1500
DESERTED_PIECE_MS: Final = 400
"""After so much quiet nobody waits at all, no service for the end of anything: pieces twice as long."""
_LEAST_NOISE: Final = 33
"""The peak of the noise that there is at least: thrice that (-50 dBFS) is no speech, however quiet the room is."""
_ABOVE_NOISE: Final = 3
"""Speech stands out from the room's noise by 10 dB and more."""
_RISE: Final = 1.01
"""The noise is about the quietest of the last seconds: what is louder raises it by so much each period."""
_FALL: Final = 2.0
"""What is quieter lowers it by so much: a pause between two words is enough to find the room's noise again."""
_ONSET_BYTES: Final = ONSET_MS * BYTES_PER_MS
_BREATH_BYTES: Final = BREATH_MS * BYTES_PER_MS
_SETTLED_BYTES: Final = SETTLED_MS * BYTES_PER_MS
_DESERTED_BYTES: Final = DESERTED_MS * BYTES_PER_MS


class Quiet:
    """Takes periods of one stream in order: 24 kHz mono S16LE, of any length."""

    def __init__(self) -> None:
        self._noise = float(_LEAST_NOISE)
        self._quiet_bytes = _BREATH_BYTES
        self._voice_bytes = 0

    @property
    def no_hurry_ms(self) -> int:
        """For so much sound from now on, whatever it is, `may_wait_ms` will not say 0: a voice has set in already."""
        return max(0, _BREATH_BYTES - self._quiet_bytes) // BYTES_PER_MS if self._voice_bytes >= _ONSET_BYTES else 0

    def may_wait_ms(self, pcm: bytes) -> int:
        """Return how much sound may be held back with this period at its end; 0: none."""
        loudest, noise = peak(pcm, BYTES_PER_FRAME), self._noise
        if loudest <= noise:
            if noise > _LEAST_NOISE:
                self._noise = max(noise / _FALL, _LEAST_NOISE)
        else:
            self._noise = noise * _RISE
            if loudest > noise * _ABOVE_NOISE:
                return self._voice(len(pcm))
        self._quiet_bytes += len(pcm)
        if self._quiet_bytes > _DESERTED_BYTES:
            return DESERTED_PIECE_MS
        return UNHURRIED_MS if self._quiet_bytes > _SETTLED_BYTES else PAUSE_MS

    def _voice(self, size_bytes: int) -> int:
        if self._quiet_bytes >= _BREATH_BYTES:
            self._voice_bytes = 0
        self._quiet_bytes = 0
        self._voice_bytes += size_bytes
        return 0 if self._voice_bytes <= _ONSET_BYTES else UNDERWAY_MS
