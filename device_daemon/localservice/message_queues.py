"""The queues between a socket and its session: a delay line for what comes in, one bounded writer for what goes out."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec
from aiohttp import ClientConnectionError, WSMsgType, web
from msgspec import Struct

from device_daemon.localservice.messages import Close, Event

logger = logging.getLogger(__name__)

T = TypeVar("T")

GONE = (ConnectionError, ClientConnectionError)
"""What writing raises when the client is gone; aiohttp's is no ConnectionError if the client resets while a write waits."""
_MAX_WAITING = 10_000
_MAX_WAITING_AUDIO = 64
"""A response waits while so many messages do: ten minutes of audio are never in memory at once."""


class Abort(Struct, frozen=True):
    """Reset the connection without a close frame."""


class RawText(Struct, frozen=True):
    """The payload of a text frame that may not be UTF-8."""

    data: bytes


Outgoing = Event | str | bytes | RawText | Close | Abort


class DelayLine(Generic[T]):
    """A queue that hands on each thing after its delay, in order; without delay, and nothing waiting, at once."""

    def __init__(self, deliver: Callable[[T], None]) -> None:
        self._deliver = deliver
        self._waiting: deque[tuple[float, T]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def put(self, thing: T, delay_s: float) -> None:
        """Add one thing."""
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
            # Removed only after its delivery: what is put meanwhile stays behind it.
            self._deliver(self._waiting[0][1])
            self._waiting.popleft()
        if self._waiting:
            self._timer = loop.call_at(self._waiting[0][0], self._release)


class Writer:
    """The only task that writes to a socket: one message after the other, each when it is due.

    The queue is bounded: a client that does not read lets 10 000 messages wait, then the connection is reset.
    """

    def __init__(
        self, socket: web.WebSocketResponse, abort: Callable[[], None], on_sent: Callable[[Event], None]
    ) -> None:
        self._socket = socket
        self._abort = abort
        self._on_sent = on_sent
        self._waiting: asyncio.Queue[tuple[float, Outgoing]] = asyncio.Queue(_MAX_WAITING)
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._over = False

    def put(self, thing: Outgoing, delay_s: float = 0.0) -> None:
        """Queue an event, a raw frame or the end; after the end nothing more is taken."""
        if self._over:
            return
        self._over = isinstance(thing, (Close, Abort))
        try:
            self._waiting.put_nowait((asyncio.get_running_loop().time() + delay_s, thing))
        except asyncio.QueueFull:
            logger.warning("the client does not read: its connection is reset")
            self._over = True
            self._abort()
        if self._waiting.qsize() >= _MAX_WAITING_AUDIO:
            self._has_room.clear()

    def freeze(self) -> None:
        """Write nothing more, not even the end: the connection is half-open from now on."""
        self._over = True
        while not self._waiting.empty():
            self._waiting.get_nowait()

    async def room(self) -> None:
        """Return when few messages wait: back-pressure for those who send audio."""
        await self._has_room.wait()

    async def run(self) -> None:
        """Write until the end was written or the client is gone."""
        loop = asyncio.get_running_loop()
        ended = False
        while not ended:
            due_s, thing = await self._waiting.get()
            if self._waiting.qsize() < _MAX_WAITING_AUDIO:
                self._has_room.set()
            if (wait_s := due_s - loop.time()) > 0:
                await asyncio.sleep(wait_s)
            try:
                ended = await self._write(thing)
            except GONE:
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
            case RawText():
                await self._socket.send_frame(thing.data, WSMsgType.TEXT)
            case _:
                # Recorded before the client can have answered it.
                self._on_sent(thing)
                await self._socket.send_str(msgspec.json.encode(thing).decode())
        return isinstance(thing, (Close, Abort))
