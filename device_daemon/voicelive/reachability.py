"""Checks between conversations whether the service can be reached: after the start, and with backoff after a failure.

It owns the health of the line to the service and of the clock, which conversations report to as well.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from device_daemon.conversation.ports import CLOSE_DEADLINE_S, ClientPort
from device_daemon.errors import (
    AuthRefused,
    ClockNotSet,
    KeyMissing,
    ServiceUnreachable,
    SessionRejected,
    SettingUnusable,
    SpeakerError,
)
from device_daemon.health import Health, Part
from device_daemon.system.background_task import Background
from device_daemon.system.backoff import backoff, retry_delay_s

MOST_FOR_CLOCK_S: Final = 5.0
"""The longest delay while the clock is not set: the network sets it some seconds after the start."""


class Reachability:
    """Connects, without opening a session, until that works or trying again cannot help."""

    def __init__(
        self,
        client: ClientPort,
        on_outcome: Callable[[SpeakerError | None], None],
        *,
        delays: Callable[[], Iterator[float]] = backoff,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_outcome` is called after each attempt, with None once the service answers."""
        self.service = Health(Part.SERVICE)
        self.clock = Health(Part.CLOCK)
        self._client = client
        self._on_outcome = on_outcome
        self._delays = delays
        self._pause = pause
        self._now = now
        self._checking = Background("reachability check")

    @property
    def failure(self) -> SpeakerError | None:
        """What is wrong with the way to the service now, None for nothing."""
        return self.clock.failure or self.service.failure

    def report(self, outcome: SpeakerError | None) -> None:
        """Note how a connection went, a conversation's too: None where a session stood, else what it failed from.

        Failures of other parts, such as a sound card, say nothing about the service and are ignored.
        """
        now = self._now()
        match outcome:
            case None:
                self.service.recovered(now)
                self.clock.recovered(now)
            case ClockNotSet():
                self.clock.failed(outcome, now)
            case ServiceUnreachable() | AuthRefused() | KeyMissing() | SettingUnusable() | SessionRejected():
                self.service.failed(outcome, now)
                self.clock.recovered(now)

    def begin(self, first_after_s: float | None = None) -> None:
        """Start over, with the first attempt after so many seconds; None: after the first delay of the backoff."""
        self._checking.begin(self._check(first_after_s))

    def stop(self) -> None:
        """Stop at once; a connection that is being closed is closed to its end."""
        self._checking.stop()

    async def close(self) -> None:
        """Stop, and wait until the last connection is closed."""
        await self._checking.close(CLOSE_DEADLINE_S)

    async def _check(self, first_after_s: float | None) -> None:
        delays = self._delays()
        wait_s = next(delays) if first_after_s is None else first_after_s
        while True:
            if wait_s:
                await self._pause(wait_s)
            failure = await self._attempt()
            self.report(failure)
            self._on_outcome(failure)
            if failure is None:
                return
            retry_s = retry_delay_s(failure, next(delays))
            if retry_s is None:
                return
            wait_s = min(retry_s, MOST_FOR_CLOCK_S) if isinstance(failure, ClockNotSet) else retry_s

    async def _attempt(self) -> SpeakerError | None:
        try:
            connection = await self._client.connect()
        except SpeakerError as failure:
            return failure
        await connection.close()
        return None
