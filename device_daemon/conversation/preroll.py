"""What the microphone heard before the service could take it: from the press until the session is ready."""

from __future__ import annotations

from collections import deque

from device_daemon.audio.microphone import Period
from device_daemon.audio.pcm import BYTES_PER_MS

LIMIT_MS = 10_000
"""Longer than any session takes to be ready; then the oldest is dropped and counted."""


class Preroll:
    """Kept in the order of capture, given out once."""

    def __init__(self) -> None:
        self._periods: deque[Period] = deque()
        self._bytes = 0
        self._dropped_bytes = 0

    @property
    def dropped_ms(self) -> int:
        """How much was dropped so far."""
        return self._dropped_bytes // BYTES_PER_MS

    def keep(self, period: Period) -> None:
        """Add what was captured last."""
        self._periods.append(period)
        self._bytes += len(period.pcm)
        while self._bytes > LIMIT_MS * BYTES_PER_MS:
            oldest = len(self._periods.popleft().pcm)
            self._bytes -= oldest
            self._dropped_bytes += oldest

    def take(self) -> list[Period]:
        """Everything that was kept; from now on it is empty."""
        periods = list(self._periods)
        self._periods.clear()
        self._bytes = 0
        return periods
