"""A running local service and a plain WebSocket client for the tests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp

from device_daemon.localservice.faults import Faults
from device_daemon.localservice.scripted_replies import Replies, Rule
from device_daemon.localservice.server import LocalService
from device_daemon.localservice.voice import Voice
from tests.unit.localservice.client_messages import UPDATE, Json, speak

DEADLINE_S = 10.0
QUERY = "api-version=2026-07-15&model=gpt-realtime"


@asynccontextmanager
async def service(faults: Faults | None = None, **options: Any) -> AsyncIterator[LocalService]:
    """A running service whose answers come all at once."""
    options.setdefault("replies", Replies([Rule(say="One two three four five six seven eight nine ten.")]))
    local = LocalService(faults=faults or Faults(speed=0), voice=Voice(speak), **options)
    await local.start()
    try:
        yield local
    finally:
        await local.stop()


class Client:
    """One plain WebSocket to the service."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.seen: list[Json] = []

    async def send(self, *messages: Json) -> None:
        """Send messages; a connection that is closed already is seen by `closed`."""
        with suppress(aiohttp.ClientConnectionResetError):
            for message in messages:
                await self.socket.send_str(json.dumps(message))

    async def frame(self) -> aiohttp.WSMessage:
        """Return the next frame, whatever it is."""
        async with asyncio.timeout(DEADLINE_S):
            return await self.socket.receive()

    async def until(self, wanted: str | Callable[[Json], bool]) -> Json:
        """Read until an event of a type, or one that fits, and return it."""
        while True:
            frame = await self.frame()
            assert frame.type is aiohttp.WSMsgType.TEXT, (frame, [event["type"] for event in self.seen])
            event: Json = json.loads(frame.data)
            self.seen.append(event)
            if wanted(event) if callable(wanted) else event["type"] == wanted:
                return event

    async def closed(self) -> tuple[int | None, str]:
        """Read to the end and return the close code and reason."""
        while True:
            frame = await self.frame()
            if frame.type is aiohttp.WSMsgType.CLOSE:
                return frame.data, str(frame.extra)
            if frame.type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}:
                return self.socket.close_code, ""

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.seen]


@asynccontextmanager
async def connected(local: LocalService, query: str = QUERY) -> AsyncIterator[Client]:
    """A client that has said nothing yet."""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{local.endpoint}/voice-live/realtime?{query}", max_msg_size=0) as socket,
    ):
        yield Client(socket)


@asynccontextmanager
async def in_session(local: LocalService, **session: Any) -> AsyncIterator[Client]:
    """A client whose session is configured."""
    async with connected(local) as client:
        await client.send({"type": "session.update", "session": session or UPDATE["session"]})
        await client.until("session.updated")
        yield client
