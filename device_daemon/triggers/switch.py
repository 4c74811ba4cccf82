"""The hardware mute switch: a debounced contact that stays where it is put."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from device_daemon.errors import PinUnusable
from device_daemon.triggers.contact import Contact
from device_daemon.triggers.debounce import Debouncer, Settled

logger = logging.getLogger(__name__)

SETTLE_S = 0.02
"""How long the contact must be quiet before its new position counts."""


class Switch:
    """A switch between `pin` and ground; closed is on. Raises PinUnusable if the pin cannot be opened.

    `on_change(on)` is called in the loop's thread, only when the position really changed; `on` is the position at the
    start. A switch that can no longer be read counts as on: it is there for privacy.
    """

    def __init__(
        self,
        pin: int,
        *,
        loop: asyncio.AbstractEventLoop,
        on_change: Callable[[bool], None],
        settle_s: float = SETTLE_S,
    ) -> None:
        self._on_change = on_change
        self._machine = Debouncer(settle_s)
        self._contact: Contact[Settled] = Contact(
            "mute switch",
            pin,
            active_high=False,
            loop=loop,
            machine=self._machine,
            on_event=self._settled,
            on_unreadable=self._unreadable,
        )
        try:
            self.on = self._contact.is_closed()
        except PinUnusable as error:
            logger.warning("%s; until then it counts as on", error)
            self.on = True
        self._machine.start_at(closed=self.on)

    def close(self) -> None:
        """Give the pin back; nothing is called from now on. Idempotent."""
        self._contact.close()

    def _settled(self, event: Settled) -> None:
        self._set(on=event.closed)

    def _unreadable(self, error: PinUnusable) -> None:
        logger.warning("%s; until then it counts as on", error)
        self._machine.start_at(closed=True)
        self._set(on=True)

    def _set(self, *, on: bool) -> None:
        if on is not self.on:
            self.on = on
            self._on_change(on)
