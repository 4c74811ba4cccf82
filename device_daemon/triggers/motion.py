"""The motion sensor: a debounced contact on a pin that closes while somebody moves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from device_daemon.config.settings import MotionTrigger
from device_daemon.triggers.contact import Contact
from device_daemon.triggers.debounce import Debouncer, Settled

logger = logging.getLogger(__name__)

SETTLE_S: Final = 0.03
"""What is shorter is interference on the wire: sensors hold their output many times as long."""


class Motion:
    """A motion sensor (PIR, radar) with a digital output. Raises PinUnusable if the pin cannot be opened.

    `on_motion(at_s)` is called in the loop's thread with the time.monotonic() at which the output became active, once
    it has been active for `SETTLE_S`; a sensor that is active from the start reports the next motion.
    """

    # Not gpiozero.MotionSensor: that is an average over samples, which a thread of its own takes ten times a second,
    # day and night. The edge costs nothing until somebody moves, and its time is exact.

    def __init__(
        self, settings: MotionTrigger, *, loop: asyncio.AbstractEventLoop, on_motion: Callable[[float], None]
    ) -> None:
        self._on_motion = on_motion
        self._contact: Contact[Settled] = Contact(
            "motion sensor",
            settings.pin,
            active_high=settings.active_high,
            loop=loop,
            machine=Debouncer(SETTLE_S),
            on_event=self._settled,
            on_unreadable=lambda error: logger.warning("%s", error),
        )

    def close(self) -> None:
        """Give the pin back; nothing is called from now on. Idempotent."""
        self._contact.close()

    def _settled(self, event: Settled) -> None:
        if event.closed:
            self._on_motion(event.at_s)
