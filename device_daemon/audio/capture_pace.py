"""Pacing (leaky bucket) of captured sound: none is handed on faster than it can have been captured. Pure: times are passed in.

A source that is always ready, such as alsa-lib's "null", would otherwise keep a core busy and flood a service that is paid by
the second of sound. The pace outlasts overruns and a device that is opened anew: neither makes sound out of nothing.
"""

from __future__ import annotations

from typing import Final

AHEAD_S: Final = 0.1
"""Sound that comes so much sooner than it can have been captured is waited for: of alsa-lib's "null", for example."""
_LATE_S: Final = 3.2
"""How much may come at once to a reader that was late: as much as a card keeps, 32 periods of 100 ms at most."""
_FAST: Final = 300e-6
"""How much faster than its nominal rate a card may run: crystals are within 100 ppm."""


class CapturePace:
    """Counts how far the sound that was read is ahead of the time that has passed."""

    def __init__(self, now_s: float) -> None:
        """Begin at a time (time.monotonic)."""
        self._now_s = now_s
        self._ahead_s = 0.0

    def wait_s(self, sound_s: float, now_s: float) -> float:
        """Take in that so much more sound was read by a time; return how long it has to wait before it is handed on."""
        passed_s = (now_s - self._now_s) * (1 + _FAST)
        self._now_s = now_s
        self._ahead_s = max(-_LATE_S, self._ahead_s - passed_s) + sound_s
        return self._ahead_s if self._ahead_s > AHEAD_S else 0.0
