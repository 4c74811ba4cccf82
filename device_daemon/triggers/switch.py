"""The hardware mute switch: a contact that stays where it is put."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from device_daemon.errors import PinUnusable
from device_daemon.triggers.contact import Contact

logger = logging.getLogger(__name__)

SETTLE_S = 0.02
"""How long the contact must be quiet before its new position counts."""


class Switch:
    """A switch between `pin` and ground; closed is on.

    `on_change(on)` is called in the loop's thread, only when the position really changed. Where the switch stood
    at the start is in `on`. Raises PinUnusable if the pin cannot be had.
    """

    def __init__(self, pin: int, *, loop: asyncio.AbstractEventLoop, on_change: Callable[[bool], None]) -> None:
        self._loop = loop
        self._on_change = on_change
        self._timer: asyncio.TimerHandle | None = None
        self._contact = Contact("mute switch", pin, active_high=False, loop=loop, on_edge=self._take_edge)
        self._on = self._read()

    @property
    def on(self) -> bool:
        """Whether the switch is on, as last reported."""
        return self._on

    def close(self) -> None:
        """Give the pin back; nothing is called from now on. Idempotent."""
        self._contact.close()
        self._cancel_timer()

    def _take_edge(self, _closed: bool, at_s: float) -> None:
        self._cancel_timer()
        self._timer = self._loop.call_at(at_s + SETTLE_S, self._settle)

    def _settle(self) -> None:
        self._timer = None
        on = self._read()
        if on is not self._on:
            self._on = on
            self._on_change(on)

    def _read(self) -> bool:
        """Read the position itself: the last of a burst of edges may have been lost."""
        try:
            return self._contact.is_closed()
        except PinUnusable as error:
            # A switch for privacy that cannot be read is on.
            logger.warning("%s; until then it counts as on", error)
            return True

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
