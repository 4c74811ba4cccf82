"""The motion sensor: a contact on a pin that closes while somebody moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from device_daemon.config.settings import MotionTrigger
from device_daemon.triggers.contact import Contact

SETTLE_S: Final = 0.03
"""What is shorter is a spark on the wire: sensors hold their output many times as long."""


class Motion:
    """A motion sensor (PIR, radar) with a digital output.

    `on_motion(at_s)` is called in the loop's thread with the time.monotonic() at which the output became active, once
    it has been so for `SETTLE_S`; a sensor that is active from the start tells of the next motion. Raises PinUnusable
    if the pin cannot be had.
    """

    # Not gpiozero.MotionSensor: that is an average over samples, which a thread of its own takes ten times a second,
    # day and night. The edge costs nothing until somebody moves, and its time is exact.

    def __init__(
        self, settings: MotionTrigger, *, loop: asyncio.AbstractEventLoop, on_motion: Callable[[float], None]
    ) -> None:
        self._loop = loop
        self._on_motion = on_motion
        self._timer: asyncio.TimerHandle | None = None
        self._contact = Contact(
            "motion sensor", settings.pin, active_high=settings.active_high, loop=loop, on_edge=self._take_edge
        )

    def close(self) -> None:
        """Give the pin back; nothing is called from now on. Idempotent."""
        self._contact.close()
        self._cancel_timer()

    def _take_edge(self, active: bool, at_s: float) -> None:
        self._cancel_timer()
        if active:
            # asyncio's clock is time.monotonic(), the clock of the edges.
            self._timer = self._loop.call_at(at_s + SETTLE_S, self._settle, at_s)

    def _settle(self, at_s: float) -> None:
        self._timer = None
        self._on_motion(at_s)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
