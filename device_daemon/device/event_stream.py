"""Publishes the device's events to any number of readers, each with a bounded queue of its own (publish, subscribe).

A reader that is too slow loses its oldest events and is told how many; it never delays the others or the speaker.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Final, Self

from msgspec.structs import replace

from device_daemon.device.events import Event, EventsDropped

CAPACITY: Final = 256
"""A conversation has some twenty events."""


def local_time() -> datetime:
    """Return the time of day with the device's time zone."""
    return datetime.now().astimezone()


class Subscription:
    """The events for one reader; a context manager that unsubscribes. Used in the event loop's thread."""

    def __init__(self, stream: EventStream, capacity: int) -> None:
        self._stream = stream
        self._queue: deque[Event] = deque(maxlen=capacity)
        self._arrived = asyncio.Event()
        self.dropped = 0
        """How many events this reader has lost."""
        self._untold = 0

    def put(self, event: Event) -> None:
        """Queue an event; the oldest one goes if there is no room."""
        if len(self._queue) == self._queue.maxlen:
            self.dropped += 1
            self._untold += 1
        self._queue.append(event)
        self._arrived.set()

    async def next(self) -> Event:
        """Return the next event, once there is one."""
        while not self._queue:
            self._arrived.clear()
            await self._arrived.wait()
        if self._untold:
            count, self._untold = self._untold, 0
            first = self._queue[0]
            return EventsDropped(number=first.number, at=first.at, count=count)
        return self._queue.popleft()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.unsubscribe(self)


class EventStream:
    """Numbers and dates each event, and hands it to every reader. Used in the event loop's thread; never blocks."""

    def __init__(self, now: Callable[[], datetime] = local_time) -> None:
        self._now = now
        self._number = 0
        self._subscriptions: list[Subscription] = []

    def publish(self, event: Event) -> None:
        """Hand an event to every reader."""
        self._number += 1
        if self._subscriptions:
            event = self.dated(event)
            for subscription in self._subscriptions:
                subscription.put(event)

    def dated(self, event: Event) -> Event:
        """Return the event with the number of the newest one and the time of day."""
        return replace(event, number=self._number, at=self._now())

    def subscribe(self, capacity: int = CAPACITY) -> Subscription:
        """Return the events from now on."""
        subscription = Subscription(self, capacity)
        self._subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget a reader."""
        self._subscriptions.remove(subscription)

    @property
    def readers(self) -> int:
        """How many read."""
        return len(self._subscriptions)
