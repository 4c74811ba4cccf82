"""Logs again, every ten minutes, what still does not work: each part logs a failure once, when it begins."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from device_daemon.health import Health
from device_daemon.system.background_task import Background

logger = logging.getLogger(__name__)

EVERY_S: Final = 600.0


class Reminder:
    """Asks for the health of the parts from `start` to `close`. `pause` is asyncio.sleep, or a test's own."""

    def __init__(
        self, health: Callable[[], Iterable[Health]], pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._health = health
        self._pause = pause
        self._task = Background("reminder of failures")

    def start(self) -> None:
        """Begin; the first line is due after ten minutes."""
        self._task.begin(self._remind())

    async def close(self) -> None:
        """End it."""
        await self._task.close(1.0)

    async def _remind(self) -> None:
        while True:
            before = {part.part: part.since_s for part in self._health() if not part.ok}
            await self._pause(EVERY_S)
            for part in self._health():
                if not part.ok and before.get(part.part) == part.since_s:
                    logger.warning("still: %s", part.failure)
