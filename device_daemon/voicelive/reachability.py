"""Finds out, between conversations, whether the service can be reached: after the start and after a failure."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from device_daemon.conversation.ports import CLOSE_DEADLINE_S, ClientPort
from device_daemon.errors import ServiceBusy, SpeakerError
from device_daemon.system.background_task import Background

logger = logging.getLogger(__name__)

DELAYS_S = (2.0, 5.0, 15.0, 30.0, 60.0)
"""From one try to the next; the last one again and again."""
JITTER = 0.2
"""A hundred speakers behind one router must not come back in the same second."""


class Reachability:
    """Connects, without opening a session, until that works or trying again cannot help."""

    def __init__(self, client: ClientPort, tell: Callable[[SpeakerError | None], None]) -> None:
        self._client = client
        self._tell = tell
        self._searching = Background("probe")

    def begin(self, *, at_once: bool) -> None:
        """Start over; `tell` gets the failure of each try, then None when the service answers."""
        self._searching.begin(self._search(at_once=at_once))

    def stop(self) -> None:
        """Leave off, at once."""
        self._searching.stop()

    async def close(self) -> None:
        """Leave off and wait until the last connection is gone."""
        await self._searching.close(CLOSE_DEADLINE_S)

    async def _search(self, *, at_once: bool) -> None:
        tries = 0 if at_once else 1
        asked_s = 0.0
        while True:
            if tries:
                delay_s = DELAYS_S[min(tries, len(DELAYS_S)) - 1]
                await asyncio.sleep(asked_s + delay_s * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - no secret
            tries += 1
            try:
                connection = await self._client.connect()
            except SpeakerError as failure:
                self._tell(failure)
                if not failure.retry:
                    return
                asked_s = (failure.retry_after_s or 0.0) if isinstance(failure, ServiceBusy) else 0.0
                continue
            await connection.close()
            self._tell(None)
            return
