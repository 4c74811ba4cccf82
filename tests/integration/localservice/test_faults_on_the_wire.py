"""Faults of the connection: its end at any moment, half-open, garbage, delays."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from contextlib import AbstractAsyncContextManager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from device_daemon.localservice.faults import NONE, Faults, Garbage, Moment
from device_daemon.localservice.message_queues import DelayLine
from device_daemon.localservice.server import LocalService
from tests.integration.localservice.wire import DEADLINE_S, QUERY, connected, in_session, service
from tests.unit.localservice.client_messages import CREATE, UPDATE, append, given, speech

ABRUPT = 1006


def behaving(**faults: Any) -> AbstractAsyncContextManager[LocalService]:
    """A service with these faults, whose answers come all at once unless a speed is given."""
    return service(Faults(**{"speed": 0, **faults}))


# The end, and the wire

MOMENTS = {
    Moment.CONNECTED: None,
    Moment.CREATED: "session.created",
    Moment.UPDATED: "session.updated",
    Moment.RESPONSE_CREATED: "response.created",
    Moment.DELTA: "response.audio.delta",
    Moment.RESPONSE_DONE: "response.done",
    Moment.SPEECH_STARTED: "input_audio_buffer.speech_started",
    Moment.SPEECH_STOPPED: "input_audio_buffer.speech_stopped",
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("abruptly", [False, True])
async def test_the_connection_ends_at_any_moment(moment: Moment, abruptly: bool) -> None:
    faults = {"close_at": moment, "close_code": 4001, "close_reason": "on purpose", "close_abruptly": abruptly}
    async with behaving(**faults, at_delta=2, delta_ms=100) as local, connected(local) as client:
        await client.send(UPDATE, given("one two three four"), append(speech(400) + bytes(48 * 700)))
        code, reason = await client.closed()
        assert code == (ABRUPT if abruptly else 4001)
        assert abruptly or reason == "on purpose"
        sent = local.record.sessions[0].types("out")
        assert (sent[-1] if sent else None) == MOMENTS[moment]
        if moment is Moment.DELTA:
            assert sent.count("response.audio.delta") == 2


async def test_a_client_that_resets_while_much_waits_to_be_written_to_it_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with behaving(audio_s=600) as local, in_session(local) as client:
        await client.send(CREATE)
        await client.until("response.audio.delta")
        record = local.record.sessions[0]
        sent = -1
        while sent != len(record.types("out")):  # the client reads no more: in the end the service waits to write
            sent = len(record.types("out"))
            await asyncio.sleep(0.1)
        raw = client.socket.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # so that closing resets
        connection = client.socket._response.connection
        assert connection is not None
        assert connection.transport is not None
        connection.transport.abort()
        async with asyncio.timeout(DEADLINE_S):
            await record.closed.wait()
    assert [each.getMessage() for each in caplog.records if each.levelname == "ERROR"] == []


async def test_a_client_that_leaves_while_its_handshake_is_answered_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Left(LocalService):
        def _admitted(self, request: web.Request, faults: Faults) -> Any:
            assert request.transport is not None
            request.transport.close()  # noticed, but not yet reported to whoever writes
            return super()._admitted(request, faults)

    local = Left()
    await local.start()
    with pytest.raises(aiohttp.ClientError):
        async with connected(local):
            pass
    await local.stop()
    assert [each.getMessage() for each in caplog.records if each.levelname == "ERROR"] == []


async def test_an_idle_connection_is_closed() -> None:
    async with behaving(close_at="idle", idle_s=0.1) as local, in_session(local) as client:
        await client.send(append(speech(10)))
        assert (await client.closed())[0] == 1011


@pytest.mark.parametrize("kind", [kind for kind in Garbage if kind is not Garbage.INVALID_UTF8])
async def test_garbage_is_on_the_wire(kind: Garbage) -> None:
    async with behaving(garbage_at="updated", garbage=kind) as local, in_session(local) as client:
        frame = await client.frame()
        assert (frame.type is aiohttp.WSMsgType.BINARY) == (kind is Garbage.BINARY)
        assert (len(frame.data) > 4 * 1024 * 1024) == (kind is Garbage.HUGE)
        await client.send(given("It goes on."))
        await client.until("response.done")


async def test_text_that_is_not_utf8_ends_the_connection_of_a_client_that_checks() -> None:
    async with behaving(garbage_at="updated", garbage="invalid-utf8") as local, in_session(local) as client:
        frame = await client.frame()
        assert frame.type is aiohttp.WSMsgType.ERROR
        assert client.socket.close_code == 1007


async def test_garbage_comes_once_at_its_moment() -> None:
    async with behaving(garbage_at="delta", garbage="unknown-type", delta_ms=100) as local, in_session(local) as client:
        await client.send(given("one two three four"))
        await client.until("response.done")
        assert client.types.count("response.telepathy.delta") == 1


async def test_what_is_delayed_stays_in_order_when_the_delay_ends() -> None:
    delivered: list[int] = []
    everything = asyncio.Event()

    def deliver(number: int) -> None:
        delivered.append(number)
        if number == 3:
            everything.set()

    line: DelayLine[int] = DelayLine(deliver)
    line.put(0, 0.0)
    assert delivered == [0]
    line.put(1, 0.02)
    line.put(2, 0.01)
    line.put(3, 0.0)
    async with asyncio.timeout(DEADLINE_S):
        await everything.wait()
    assert delivered == [0, 1, 2, 3]
    line.put(4, 0.01)
    line.close()


async def test_the_network_delays_both_ways() -> None:
    async with behaving(network_delay_ms=40) as local, connected(local) as client:
        began_s = time.monotonic()
        await client.send(*[UPDATE] * 5)
        for _ in range(5):
            await client.until("session.updated")
        assert time.monotonic() - began_s >= 0.08
        local.faults = NONE
        await client.send({"type": "response.cancel", "event_id": "last"})
        assert (await client.until("error"))["error"]["event_id"] == "last"


@pytest.mark.parametrize("extras", [False, True])
async def test_events_beyond_the_protocol_come_only_on_request(extras: bool) -> None:
    async with behaving(extras=extras) as local, in_session(local) as client:
        await client.send(given("Hello"), {"type": "response.cancel", "event_id": "last"})
        await client.until("response.done")
        await client.send({"type": "response.cancel"})
        await client.until("error")
        assert ("rate_limits.updated" in client.types) == extras
        assert ("local_service.notice" in client.types) == extras


async def test_a_half_open_connection_neither_speaks_nor_answers_nor_ends() -> None:
    async with behaving(half_open_at="delta", at_delta=2, delta_ms=100) as local, in_session(local) as client:
        await client.send(given("one two three four"))
        await client.until("response.audio.delta")
        await client.send(CREATE)
        await client.socket.ping()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await client.until("response.done")
        assert not client.socket.closed
        # The two deltas may have been written; nothing after them was, and nothing was read.
        assert "response.done" not in local.record.sessions[0].types("out")
        assert local.record.sessions[0].types("in").count("response.create") == 1


async def test_a_client_can_wait_for_the_pong_of_a_connection_that_is_alive() -> None:
    async with (
        behaving() as local,
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{local.endpoint}/voice-live/realtime?{QUERY}", autoping=False) as socket,
    ):
        await socket.ping(b"are you there?")
        async with asyncio.timeout(DEADLINE_S):
            while (frame := await socket.receive()).type is not aiohttp.WSMsgType.PONG:
                pass
        assert frame.data == b"are you there?"


async def test_the_second_response_alone_may_break_the_connection() -> None:
    async with behaving(close_at="delta", at_response=2, close_code=1000) as local, in_session(local) as client:
        await client.send(given("The greeting."))
        await client.until("response.done")
        await client.send(given("The answer."))
        assert (await client.closed())[0] == 1000
        sent = local.record.sessions[0].types("out")
        assert sent.count("response.done") == 1
        assert sent[-1] == "response.audio.delta"
