"""A contact on a GPIO pin, button or switch: its edges, with their times, brought into the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from device_daemon.errors import PinUnusable
from device_daemon.system.gpio import in_use, take


class Contact:
    """The raw edges of a contact; debouncing is its owner's business.

    `on_edge(closed, at_s)` is called in the loop's thread, in order, with the time.monotonic() of the edge; a
    contact that is closed from the start makes no edge. `active_high`: it connects the pin to 3.3 V, not to ground.
    Raises PinUnusable if the pin cannot be had.
    """

    def __init__(
        self,
        owner: str,
        pin: int,
        *,
        active_high: bool,
        loop: asyncio.AbstractEventLoop,
        on_edge: Callable[[bool, float], None],
    ) -> None:
        self._owner = owner
        self._pin = pin
        self._active_high = active_high
        self._loop = loop
        self._on_edge: Callable[[bool, float], None] | None = on_edge
        self._input = take(owner, (pin,), self._open)

    def is_closed(self) -> bool:
        """Read the pin. Raises PinUnusable if that fails."""
        with in_use(self._owner, (self._pin,)):
            return bool(self._input.is_active)

    def close(self) -> None:
        """Give the pin back; no edge is reported from now on. Idempotent."""
        self._on_edge = None
        with contextlib.suppress(PinUnusable), in_use(self._owner, (self._pin,)):
            self._input.close()

    def _open(self, gpiozero: ModuleType) -> Any:
        # Not gpiozero.Button: each of those keeps a thread for its hold timer. No bounce_time: it delays the first edge.
        contact = gpiozero.DigitalInputDevice(self._pin, pull_up=not self._active_high)
        contact.when_activated = lambda: self._cross_over(True)
        contact.when_deactivated = lambda: self._cross_over(False)
        return contact

    def _cross_over(self, closed: bool) -> None:
        """Runs in a thread of the pin library."""
        at_s = time.monotonic()
        # RuntimeError: the loop was closed in the meantime, and with it everybody who would want to know.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._deliver, closed, at_s)

    def _deliver(self, closed: bool, at_s: float) -> None:
        if self._on_edge is not None:
            self._on_edge(closed, at_s)
