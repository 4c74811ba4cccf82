"""The pins of buttons, switch and sensors: opened now, or as soon as that works, with one health for all of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable
from typing import Final, Protocol

from device_daemon.errors import PinUnusable
from device_daemon.health import Health, Part

logger = logging.getLogger(__name__)

RETRY_S: Final = 5.0
"""How long a pin that cannot be opened is left alone: opening it blocks the loop for some milliseconds."""


class Closable(Protocol):
    """What was opened on a pin."""

    def close(self) -> None:
        """Give the pin back."""


class Pins:
    """What is open on GPIO pins, by name; all methods are called from the loop's thread.

    A pin that another program holds is logged once and tried every `retry_s`, until it works or is closed.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, retry_s: float = RETRY_S) -> None:
        self.health = Health(Part.PINS)
        """Failed while any pin is, with that one's reason."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when the health changed."""
        self._loop = loop
        self._retry_s = retry_s
        self._wanted: dict[Hashable, Callable[[], Closable]] = {}
        self._open: dict[Hashable, Closable] = {}
        self._failures: dict[Hashable, PinUnusable] = {}
        self._timer: asyncio.TimerHandle | None = None

    def open(self, name: Hashable, build: Callable[[], Closable]) -> bool:
        """Call `build` now, and again until it no longer raises PinUnusable; return whether it is open now.

        Does nothing if something of that name is wanted already.
        """
        if name not in self._wanted:
            self._wanted[name] = build
            self._try(name)
            self._note()
        return name in self._open

    def close(self, name: Hashable) -> None:
        """Give back what has that name, if anything has; it is no longer tried."""
        self._wanted.pop(name, None)
        self._failures.pop(name, None)
        if (opened := self._open.pop(name, None)) is not None:
            opened.close()
        self._note()

    def close_all(self) -> None:
        """Give back everything, for good: that is no change of health. Idempotent."""
        self.on_change = lambda: None
        for name in list(self._wanted):
            self.close(name)

    def _try(self, name: Hashable) -> None:
        try:
            self._open[name] = self._wanted[name]()
        except PinUnusable as error:
            if str(error) != str(self._failures.get(name)):
                logger.error("%s", error)  # noqa: TRY400 - the sentence says it all; a traceback helps no owner
            self._failures[name] = error
        else:
            if (failure := self._failures.pop(name, None)) is not None:
                logger.info("%s works now", failure.device)

    def _try_again(self) -> None:
        self._timer = None
        for name in list(self._failures):
            self._try(name)
        self._note()

    def _note(self) -> None:
        """Bring health and timer up to date."""
        if self._failures and self._timer is None:
            self._timer = self._loop.call_later(self._retry_s, self._try_again)
        elif not self._failures and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        failure, now_s = next(iter(self._failures.values()), None), self._loop.time()
        if self.health.failed(failure, now_s) if failure else self.health.recovered(now_s):
            self.on_change()
