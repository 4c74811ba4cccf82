"""Wakes when something is due by a clock that may be set meanwhile: at the due time, and twice a minute in any case."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Protocol

LONGEST_SLEEP_S: Final = 30.0
"""A clock that is put forward or back, a suspended device and another time zone are noticed after so long at most."""


class WakeUpTimer(Protocol):
    """What is due at some time."""

    def cancel(self) -> None:
        """Make it not happen."""


class Loop(Protocol):
    """What is needed of the event loop."""

    def time(self) -> float:
        """Return seconds on a clock that never goes back."""

    def call_at(self, when: float, callback: Callable[[], None], /) -> WakeUpTimer:
        """Call back when it is `when`."""


class WakeUp:
    """Calls `work` again and again, in the loop's thread, from its next turn until `close`.

    `work` does what is due and returns in how many seconds something is due next; infinity if nothing is, whatever becomes of
    the clock: then it is called after `soon` only. It may raise: it is called again.
    """

    def __init__(self, loop: Loop, work: Callable[[], float]) -> None:
        self._loop = loop
        self._work = work
        self._closed = False
        self._timer = loop.call_at(loop.time(), self._wake)

    def soon(self) -> None:
        """Call `work` at the loop's next turn: what is due has changed."""
        self._arm(0.0)

    def close(self) -> None:
        """Nothing is called from now on. Idempotent."""
        self._closed = True
        self._timer.cancel()

    def _wake(self) -> None:
        sleep_s = LONGEST_SLEEP_S
        try:
            sleep_s = self._work()
        finally:
            self._arm(min(sleep_s, LONGEST_SLEEP_S) if sleep_s < math.inf else sleep_s)

    def _arm(self, sleep_s: float) -> None:
        self._timer.cancel()
        if not self._closed and sleep_s < math.inf:
            self._timer = self._loop.call_at(self._loop.time() + sleep_s, self._wake)
