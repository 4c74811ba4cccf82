"""The wire's own behaviour: order, delay, and everything that is no event."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec
from aiohttp import ClientConnectionResetError, web
from msgspec import Struct

from device_daemon.localservice.messages import Close, Event

logger = logging.getLogger(__name__)

T = TypeVar("T")

_MAX_WAITING = 10_000


class Abort(Struct, frozen=True):
    """Break the connection without a word."""


Outgoing = Event | str | bytes | Close | Abort


class DelayLine(Generic[T]):
    """Hands things on in order, each after its delay; what has none, and nothing before it, at once."""

    def __init__(self, deliver: Callable[[T], None]) -> None:
        self._deliver = deliver
        self._waiting: deque[tuple[float, T]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def put(self, thing: T, delay_s: float) -> None:
        """Take one thing."""
        if not delay_s and not self._waiting:
            self._deliver(thing)
            return
        self._waiting.append((asyncio.get_running_loop().time() + delay_s, thing))
        if self._timer is None:
            self._release()

    def close(self) -> None:
        """Drop what waits."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _release(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._waiting and self._waiting[0][0] <= loop.time():
            # It leaves the line only when it was delivered: what comes meanwhile stays behind it.
            self._deliver(self._waiting[0][1])
            self._waiting.popleft()
        if self._waiting:
            self._timer = loop.call_at(self._waiting[0][0], self._release)


class Writer:
    """The only one who writes to a socket: one message after the other, each when it is due.

    A client that doesn't read lets 10 000 messages wait; then the connection is broken.
    """

    def __init__(
        self, socket: web.WebSocketResponse, abort: Callable[[], None], on_sent: Callable[[Event], None]
    ) -> None:
        self._socket = socket
        self._abort = abort
        self._on_sent = on_sent
        self._waiting: asyncio.Queue[tuple[float, Outgoing]] = asyncio.Queue(_MAX_WAITING)
        self._over = False

    def put(self, thing: Outgoing, delay_s: float = 0.0) -> None:
        """Queue an event, a raw text or binary frame, or the end; after the end nothing more is taken."""
        if self._over:
            return
        self._over = isinstance(thing, (Close, Abort))
        try:
            self._waiting.put_nowait((asyncio.get_running_loop().time() + delay_s, thing))
        except asyncio.QueueFull:
            logger.warning("the client does not read: connection broken")
            self._over = True
            self._abort()

    async def run(self) -> None:
        """Write until the end was written or the client is gone."""
        loop = asyncio.get_running_loop()
        ended = False
        while not ended:
            due_s, thing = await self._waiting.get()
            if (wait_s := due_s - loop.time()) > 0:
                await asyncio.sleep(wait_s)
            try:
                ended = await self._write(thing)
            except (ConnectionResetError, ClientConnectionResetError):
                return

    async def _write(self, thing: Outgoing) -> bool:
        """Write one thing; return whether it was the last."""
        match thing:
            case Close():
                await self._socket.close(code=thing.code, message=thing.reason.encode())
            case Abort():
                self._abort()
            case bytes():
                await self._socket.send_bytes(thing)
            case str():
                await self._socket.send_str(thing)
            case _:
                # Noted before the client can have answered it.
                self._on_sent(thing)
                await self._socket.send_str(msgspec.json.encode(thing).decode())
        return isinstance(thing, (Close, Abort))
