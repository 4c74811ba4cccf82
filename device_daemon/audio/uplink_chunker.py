"""Tells how long sound may wait for more of it: while nobody speaks, waking everybody up is all that hurry would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from device_daemon.audio.gain import peak
from device_daemon.audio.pcm import BYTES_PER_FRAME, BYTES_PER_MS

ONSET_MS: Final = 120
"""So much of a voice that sets in is handed over at once, as it comes: this is what interrupts the speaker."""
SETTING_IN_MS: Final = 200
SETTING_IN_PIECE_MS: Final = 40
"""Up to so much of it, in such pieces, for a service that wants to hear more before it believes that somebody speaks."""
UNDERWAY_MS: Final = 100
"""Then speech is under way, and nobody acts in the middle of it. What is no longer than a breath belongs to it."""
BREATH_MS: Final = 200
"""After so much quiet a voice sets in anew. Services take that for the end of a sentence, and more, but not less."""
PAUSE_MS: Final = 60
"""So its end is told at once, and what follows in such pieces: one ends at 500 ms, where most services take it for the end."""
SETTLED_MS: Final = 700
"""A pause that is longer than this is nobody's pause any more."""
UNHURRIED_MS: Final = 200
"""Then hardly anybody waits for the sound, and every wake-up costs. A voice that sets in takes what was held back along."""
DESERTED_MS: Final = 1500
DESERTED_PIECE_MS: Final = 400
"""After so much quiet nobody waits at all, no service for the end of anything: pieces twice as long."""
NOW_MS: Final = 1
"""What is to be handed over now, though it is in no hurry."""
_LEAST_NOISE: Final = 33
"""The peak of the noise that there is at least: thrice that (-50 dBFS) is no speech, however quiet the room is."""
_ABOVE_NOISE: Final = 3
"""Speech stands out from the room's noise by 10 dB and more."""
_RISE: Final = 1.01
"""The noise is about the quietest of the last seconds: what is louder raises it by so much each period."""
_FALL: Final = 2.0
"""What is quieter lowers it by so much: a pause between two words is enough to find the room's noise again."""
_ONSET_BYTES: Final = ONSET_MS * BYTES_PER_MS
_SETTING_IN_BYTES: Final = SETTING_IN_MS * BYTES_PER_MS
_BREATH_BYTES: Final = BREATH_MS * BYTES_PER_MS
_SETTLED_BYTES: Final = SETTLED_MS * BYTES_PER_MS
_DESERTED_BYTES: Final = DESERTED_MS * BYTES_PER_MS


class Calm(NamedTuple):
    """What is no news: the next `periods` of which the peak is above the one bound and not above the other."""

    periods: int
    above: float
    up_to: float


class UplinkChunker:
    """Takes periods of one stream in order: 24 kHz mono S16LE, of any length."""

    def __init__(self) -> None:
        self._noise = float(_LEAST_NOISE)
        self._quiet_bytes = _BREATH_BYTES
        self._voice_bytes = 0

    @property
    def no_hurry_ms(self) -> int:
        """For so much sound from now on, whatever it is, `may_wait_ms` will not say 0: a voice has set in already."""
        return max(0, _BREATH_BYTES - self._quiet_bytes) // BYTES_PER_MS if self._voice_bytes >= _ONSET_BYTES else 0

    def calm(self, periods: int) -> Calm:
        """Return which of so many periods to come need not be told one by one: none would make the sound wait less.

        To find a quiet room quiet, fifty times a second, is what a microphone costs. In speech everything is news.
        """
        if self._quiet_bytes < _BREATH_BYTES or periods <= 0:
            return Calm(0, 0.0, 0.0)
        if self._noise == _LEAST_NOISE:
            return Calm(periods, -1.0, _LEAST_NOISE)
        return Calm(periods, self._noise * _RISE**periods, self._noise * _ABOVE_NOISE)

    def may_wait_ms(self, pcm: bytes, calm: Sequence[bytes] = ()) -> int:
        """Return how much sound may be held back with this period at its end; 0: none.

        `calm` are the periods before it that were not told: all of them were within the bounds of `self.calm`.
        """
        if calm:
            self._quiet_bytes += sum(map(len, calm))
            if self._noise != _LEAST_NOISE:
                self._noise *= _RISE ** len(calm)
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
        if self._quiet_bytes > _SETTLED_BYTES:
            return UNHURRIED_MS
        if self._quiet_bytes < _BREATH_BYTES:
            return UNDERWAY_MS
        return PAUSE_MS if self._quiet_bytes - len(pcm) >= _BREATH_BYTES else NOW_MS

    def _voice(self, size_bytes: int) -> int:
        if self._quiet_bytes >= _BREATH_BYTES:
            self._voice_bytes = 0
        self._quiet_bytes = 0
        self._voice_bytes += size_bytes
        if self._voice_bytes > _SETTING_IN_BYTES:
            return UNDERWAY_MS
        return SETTING_IN_PIECE_MS if self._voice_bytes > _ONSET_BYTES else 0
