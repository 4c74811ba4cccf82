"""From another thread into the event loop: a single callback, or a bounded queue of items.

gpiozero, the sound cards and the wake word engine work in threads of their own; these are their only ways into the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


def post_to_loop(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    """Call back in the loop's thread; from any thread. Does nothing once the loop is closed: nobody is left to hear it."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(callback)


class LoopBridge(Generic[T]):
    """A bounded queue from any thread to a callback in the loop's thread: in order, all that waits at once.

    However many items come while the loop is busy, it is woken once. When more waits than `limit`, the oldest is dropped
    and counted, since of live sound the newest matters.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        deliver: Callable[[list[T]], None],
        limit: int,
        size_of: Callable[[T], int] = lambda _item: 1,
    ) -> None:
        """Take the running loop, in its thread; `close` must follow. `size_of` says how much of the limit an item takes."""
        self._loop = loop
        self._deliver = deliver
        self._limit = limit
        self._size_of = size_of
        self._lock = threading.Lock()
        self._items: deque[T] = deque()
        self._size = 0
        self._closed = False
        self.dropped = 0
        # Not call_soon_threadsafe: through its socket and its queue a wake-up costs both threads half as much again.
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        loop.add_reader(self._wake_fd, self._run)

    def put(self, *items: T) -> None:
        """Add items, from any thread."""
        with self._lock:
            if self._closed:
                return
            nothing_waits = not self._items
            self._items.extend(items)
            self._size += sum(map(self._size_of, items))
            while self._size > self._limit:
                self._size -= self._size_of(self._items.popleft())
                self.dropped += 1
            if nothing_waits:
                os.eventfd_write(self._wake_fd, 1)

    def close(self) -> None:
        """Deliver nothing any more, not even what waits; in the loop's thread. A second call does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._items.clear()
            if not self._loop.is_closed():
                self._loop.remove_reader(self._wake_fd)
            os.close(self._wake_fd)

    def _run(self) -> None:
        with self._lock:
            items = list(self._items)
            self._items.clear()
            self._size = 0
            os.eventfd_read(self._wake_fd)
        self._deliver(items)
