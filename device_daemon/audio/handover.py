"""From a sound card's thread into the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Handover(Generic[T]):
    """Hands items over to a callback in the loop's thread, in order, all that wait at once.

    However many items come while the loop is busy, it is woken once. At most `limit` items wait: then the oldest is
    dropped and counted, since of live sound the newest matters.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, deliver: Callable[[list[T]], None], limit: int) -> None:
        self._loop = loop
        self._deliver = deliver
        self._limit = limit
        self._lock = threading.Lock()
        self._items: deque[T] = deque()
        self._woken = False
        self._closed = False
        self.dropped = 0

    def put(self, item: T) -> None:
        """Add an item, from any thread."""
        with self._lock:
            if self._closed:
                return
            if len(self._items) >= self._limit:
                self._items.popleft()
                self.dropped += 1
            self._items.append(item)
            if self._woken:
                return
            self._woken = True
        try:
            self._loop.call_soon_threadsafe(self._run)
        except RuntimeError:
            self.close()  # the loop has been closed: nobody is left to hear of it

    def close(self) -> None:
        """Deliver nothing any more, not even what waits."""
        with self._lock:
            self._closed = True
            self._items.clear()

    def _run(self) -> None:
        with self._lock:
            items = list(self._items)
            self._items.clear()
            self._woken = False
        if items:
            self._deliver(items)
