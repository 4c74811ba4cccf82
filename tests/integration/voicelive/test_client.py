"""Open connections to a service that behaves well, badly, or not at all: a real one, on this machine."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct

import aiohttp
import pytest
from aiohttp import web

from device_daemon.config.settings import Agent, Assistant, Config, Service
from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.errors import ConnectionLost, SessionRejected, SpeakerError
from device_daemon.localservice.server import LocalService
from device_daemon.voicelive.client import API_VERSION, Client
from device_daemon.voicelive.connection import Connection
from device_daemon.voicelive.limits import LineLimits
from tests.integration.voicelive.unruly_service import (
    KEY,
    PATIENCE_S,
    SPEECH_STARTED,
    Talk,
    client_for,
    no_trace,
    serving,
    talking,
)

__all__ = ["no_trace"]


class Token:
    """Signs in with a token, as Microsoft Entra does."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    async def close(self) -> None:
        """Nothing is held."""


pytestmark = pytest.mark.usefixtures("no_trace")


async def heard_from(talk: Talk, limits: LineLimits | None = None) -> tuple[list[on.ServiceEvent], Connection]:
    """All events of a connection, until its end."""
    async with asyncio.timeout(PATIENCE_S), serving(talking(talk)) as endpoint:
        connection = await client_for(endpoint, limits=limits).connect()
        events = [event async for event in connection.events()]
        await connection.close()
    return events, connection


async def failure_after(talk: Talk, limits: LineLimits | None = None) -> SpeakerError:
    events, _ = await heard_from(talk, limits)
    assert isinstance(events[-1], on.Closed)
    return events[-1].failure


async def test_a_connection_asks_for_the_model_and_brings_the_key() -> None:
    asked: list[web.Request] = []

    async def talk(ws: web.WebSocketResponse, request: web.Request) -> None:
        asked.append(request)
        await ws.close()

    await heard_from(talk)
    assert asked[0].path == "/voice-live/realtime"
    assert asked[0].query["model"] == "gpt-realtime"
    assert asked[0].query["api-version"] == API_VERSION
    assert asked[0].headers["api-key"] == KEY


async def test_a_session_of_an_assistant_that_is_an_agent_is_opened_with_the_agents_name_and_without_instructions() -> (
    None
):
    service = Service(endpoint="https://replaced", auth="entra", instructions="Be brief.")
    agent = Assistant(agent=Agent("concierge", "hotel"))
    local = LocalService(token="a-token")
    await local.start()
    config = Config(service=service, assistants={"guide": agent})
    client = Client(config, local.endpoint, lambda: Token("a-token"))
    connection = await client.connect("guide")
    await connection.send(do.UpdateSession(trigger="button on pin 4"))
    await local.wait_for("session.updated")
    (session,) = local.record.sessions
    asked = session.of_type("session.update")[0].summary["session"]
    assert (session.query["agent-name"], session.query["agent-project-name"]) == ("concierge", "hotel")
    assert "model" not in session.query
    assert "instructions" not in asked
    assert asked["metadata"]["trigger"] == "button on pin 4"
    assert session.of_type("error") == []
    await connection.close()
    await client.close()
    await local.stop()


async def test_messages_arrive_in_the_order_in_which_they_were_sent_and_events_come_back() -> None:
    async def talk(ws: web.WebSocketResponse, _: web.Request) -> None:
        received = [await ws.receive_json() for _ in range(3)]
        assert [message["type"] for message in received] == [
            "session.update",
            "input_audio_buffer.append",
            "response.cancel",
        ]
        await ws.send_str(SPEECH_STARTED)
        await ws.close()

    async with serving(talking(talk)) as endpoint:
        connection = await client_for(endpoint).connect()
        await connection.send(do.UpdateSession())
        await connection.send_audio(b"\1\2")
        await connection.send(do.CancelResponse("r1"))
        events = [event async for event in connection.events()]
        await connection.close()
    assert events[0] == on.SpeechStarted()
    assert isinstance(events[1], on.Closed)


async def test_a_connection_outlives_the_deadline_of_its_handshake() -> None:
    async def talk(ws: web.WebSocketResponse, _: web.Request) -> None:
        await asyncio.sleep(0.15)
        await ws.send_str(SPEECH_STARTED)
        await ws.close()

    events, _ = await heard_from(talk, LineLimits(handshake_s=0.1))
    assert on.SpeechStarted() in events


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        (1000, ConnectionLost),
        (1001, ConnectionLost),
        (1008, SessionRejected),
        (1011, ConnectionLost),
        (1012, ConnectionLost),
        (1013, ConnectionLost),
        (4000, ConnectionLost),
        (4999, ConnectionLost),
    ],
)
async def test_a_close_is_reported_with_its_code_and_its_words(code: int, failure: type[SpeakerError]) -> None:
    async def talk(ws: web.WebSocketResponse, _: web.Request) -> None:
        await ws.close(code=code, message=b"come back later\n\x1b[2Jforged")

    found = await failure_after(talk)
    assert type(found) is failure
    assert str(code) in str(found)
    assert "come back later" in str(found)
    assert str(found).isprintable(), "the service's words forge no log line"


async def sending_on(connection: Connection) -> None:
    while True:
        await connection.send(do.ClearAudio())
        await asyncio.sleep(0)


async def test_a_message_that_cannot_be_sent_any_more_is_reported_with_the_services_own_words() -> None:
    async def talk(ws: web.WebSocketResponse, _: web.Request) -> None:
        await ws.close(code=1011, message=b"out of order")

    async with asyncio.timeout(PATIENCE_S), serving(talking(talk)) as endpoint:
        connection = await client_for(endpoint).connect()
        reading = asyncio.ensure_future(anext(connection.events()))
        with pytest.raises(ConnectionLost, match="out of order"):
            await sending_on(connection)
        assert isinstance(await reading, on.Closed)
        await connection.close()


@pytest.mark.parametrize("reset", [True, False])
async def test_a_line_that_breaks_without_a_close_is_a_lost_connection(reset: bool) -> None:
    async def talk(_: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport is not None
        if reset:
            line = request.transport.get_extra_info("socket")
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
        await asyncio.Event().wait()

    failure = await failure_after(talk)
    assert isinstance(failure, ConnectionLost)
    assert failure.retry


async def test_garbage_is_skipped_and_counted_and_what_follows_is_heard() -> None:
    async def talk(ws: web.WebSocketResponse, _: web.Request) -> None:
        for garbage in ("", "not json", "[]", "null", '{"type": 7}'):
            await ws.send_str(garbage)
        await ws.send_bytes(b"\xff\x00")
        await ws.send_str('{"type": "something.new", "with": ["whatever"]}')
        await ws.send_str(SPEECH_STARTED)
        await ws.close()

    events, connection = await heard_from(talk)
    assert events[0] == on.SpeechStarted()
    assert len(events) == 2
    assert connection.unreadable == 6


async def test_a_message_that_is_too_large_ends_the_connection_and_not_the_memory() -> None:
    async def talk(ws: web.WebSocketResponse, _: web.Request) -> None:
        await ws.send_str("x" * 4096)
        await ws.receive()

    failure = await failure_after(talk, LineLimits(max_message_bytes=1024))
    assert isinstance(failure, ConnectionLost)
    assert failure.code == 1009


async def test_the_garbage_collector_need_not_go_through_the_sdk_in_a_conversation() -> None:
    await Client.warm_up()
    assert gc.get_freeze_count() > 10_000
    frozen = gc.get_freeze_count()
    await Client.warm_up()
    assert gc.get_freeze_count() <= frozen, "what a conversation holds when it connects again is not for ever"


async def test_sending_into_a_broken_line_is_a_lost_connection() -> None:
    async def talk(ws: web.WebSocketResponse, request: web.Request) -> None:
        await ws.receive()
        assert request.transport is not None
        request.transport.abort()

    async with asyncio.timeout(PATIENCE_S), serving(talking(talk)) as endpoint:
        connection = await client_for(endpoint).connect()
        await connection.send_audio(bytes(9_600))
        assert [type(event) async for event in connection.events()] == [on.Closed]
        with pytest.raises(ConnectionLost):
            await connection.send_audio(bytes(9_600))
        await connection.close()


async def test_sending_after_the_service_closed_is_a_lost_connection_with_its_code() -> None:
    async def talk(ws: web.WebSocketResponse, _: web.Request) -> None:
        await ws.close(code=1011)

    async with asyncio.timeout(PATIENCE_S), serving(talking(talk)) as endpoint:
        connection = await client_for(endpoint).connect()
        async for _ in connection.events():
            pass
        with pytest.raises(ConnectionLost) as caught:
            await connection.send(do.UpdateSession())
        assert caught.value.code == 1011
        await connection.close()


async def test_a_service_that_never_answers_the_closing_handshake_is_dropped() -> None:
    async def deaf(_ws: web.WebSocketResponse, _request: web.Request) -> None:
        await asyncio.Event().wait()

    async with asyncio.timeout(PATIENCE_S), serving(talking(deaf)) as endpoint:
        connection = await client_for(endpoint, limits=LineLimits(closing_s=0.05)).connect()
        await connection.close()


async def test_a_reader_that_is_cancelled_leaves_time_for_the_closing_handshake() -> None:
    async def polite(ws: web.WebSocketResponse, _request: web.Request) -> None:
        async for _ in ws:
            pass

    async with asyncio.timeout(PATIENCE_S), serving(talking(polite)) as endpoint:
        connection = await client_for(endpoint).connect()
        reading = asyncio.ensure_future(anext(connection.events()))
        await asyncio.wait({reading}, timeout=0.01)
        reading.cancel()
        await asyncio.wait({reading})
        await connection.close()
        assert connection._socket.close_code == aiohttp.WSCloseCode.OK


async def test_closing_that_is_cut_short_leaves_nothing_open() -> None:
    async def deaf(_ws: web.WebSocketResponse, _request: web.Request) -> None:
        await asyncio.Event().wait()

    async with asyncio.timeout(PATIENCE_S), serving(talking(deaf)) as endpoint:
        connection = await client_for(endpoint).connect()
        closing = asyncio.ensure_future(connection.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing


async def test_a_line_that_breaks_while_a_message_waits_to_be_sent_is_a_lost_connection() -> None:
    waiting = asyncio.Event()

    async def deaf(_: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport is not None
        # Else the kernel takes it all in the end: it lends a deaf reader up to 32 MB.
        line = request.transport.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        request.transport.pause_reading()
        await waiting.wait()
        request.transport.abort()

    async with asyncio.timeout(PATIENCE_S), serving(talking(deaf)) as endpoint:
        connection = await client_for(endpoint).connect()
        sending = asyncio.ensure_future(connection.send_audio(bytes(9_600_000)))
        await asyncio.wait({sending}, timeout=0.05)
        assert not sending.done(), "nobody reads it"
        waiting.set()
        with pytest.raises(ConnectionLost):
            await sending
        await connection.close()
