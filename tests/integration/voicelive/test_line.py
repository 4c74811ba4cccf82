"""The line itself: pings both ways, a far end that is gone without a word, and more audio than anybody can play."""

from __future__ import annotations

import asyncio
import base64
import json
import time

import aiohttp
import pytest
from aiohttp import web

from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.errors import ConnectionLost
from device_daemon.voicelive.limits import LineLimits
from tests.integration.voicelive.unruly_service import (
    PATIENCE_S,
    SPEECH_STARTED,
    Handler,
    client_for,
    no_trace,
    serving,
    talking,
)

__all__ = ["no_trace"]

pytestmark = pytest.mark.usefixtures("no_trace")

WAITS = LineLimits(eager_ping_s=0.02, eager_pong_s=0.05, rest_ping_s=3600.0, rest_pong_s=3600.0)
RESTS = LineLimits(eager_for_s=0.0, eager_ping_s=3600.0, rest_ping_s=0.02, rest_pong_s=0.05)


def deaf(heard: list[aiohttp.WSMsgType] | None = None) -> Handler:
    """Take everything and answer nothing, not even a ping: like a line whose far end is gone."""

    async def handle(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        await ws.send_str(SPEECH_STARTED)
        async for message in ws:
            if heard is not None:
                heard.append(message.type)
        return ws

    return handle


@pytest.mark.parametrize("limits", [WAITS, RESTS])
async def test_a_far_end_that_is_gone_is_noticed_while_somebody_waits_and_at_rest(limits: LineLimits) -> None:
    heard: list[aiohttp.WSMsgType] = []
    async with asyncio.timeout(PATIENCE_S), serving(deaf(heard)) as endpoint:
        connection = await client_for(endpoint, limits=limits).connect()
        events = [event async for event in connection.events()]
        await connection.close()
    assert events[0] == on.SpeechStarted()
    assert isinstance(events[-1], on.Closed)
    assert isinstance(events[-1].failure, ConnectionLost)
    assert "no ping" in str(events[-1].failure)
    assert aiohttp.WSMsgType.PING in heard


@pytest.mark.parametrize("message", [b"\1\2", do.CommitAudio(), do.RequestReply("turn-1"), do.UpdateSession()])
async def test_whoever_sends_something_after_a_rest_learns_soon_that_nobody_hears_it(
    message: do.Message | bytes,
) -> None:
    limits = LineLimits(eager_for_s=0.05, eager_ping_s=0.02, eager_pong_s=0.05, rest_ping_s=3600.0, rest_pong_s=3600.0)
    answering = True

    async def handle(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        async for received in ws:
            if received.type is aiohttp.WSMsgType.PING and answering:
                await ws.pong(received.data)
        return ws

    async with asyncio.timeout(PATIENCE_S), serving(handle) as endpoint:
        connection = await client_for(endpoint, limits=limits).connect()
        reading = asyncio.ensure_future(anext(connection.events()))
        await asyncio.wait({reading}, timeout=0.2)
        assert not reading.done(), "an answered ping keeps it"
        answering = False
        if isinstance(message, bytes):
            await connection.send_audio(message)
        else:
            await connection.send(message)
        assert isinstance(await reading, on.Closed)
        await connection.close()


async def test_a_service_that_answers_pings_and_says_nothing_else_is_left_alone() -> None:
    pings = 0
    enough = asyncio.Event()

    async def handle(request: web.Request) -> web.WebSocketResponse:
        nonlocal pings
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        async for message in ws:
            if message.type is aiohttp.WSMsgType.PING:
                pings += 1
                await ws.pong(message.data)
                if pings == 5:
                    enough.set()
        return ws

    limits = LineLimits(eager_ping_s=0.02, rest_ping_s=0.02)
    async with asyncio.timeout(PATIENCE_S), serving(handle) as endpoint:
        connection = await client_for(endpoint, limits=limits).connect()
        reading = asyncio.ensure_future(anext(connection.events()))
        await enough.wait()
        assert not reading.done()
        await connection.close()
        assert isinstance(await reading, on.Closed)


async def test_the_pings_of_the_service_are_answered() -> None:
    answered = asyncio.Event()

    async def handle(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        await ws.ping(b"there?")
        async for message in ws:
            if message.type is aiohttp.WSMsgType.PONG and message.data == b"there?":
                answered.set()
        return ws

    async with asyncio.timeout(PATIENCE_S), serving(handle) as endpoint:
        connection = await client_for(endpoint).connect()
        reading = asyncio.ensure_future(anext(connection.events()))
        await answered.wait()
        await connection.close()
        await reading


async def test_ten_minutes_of_audio_at_once_wait_at_the_service_and_nothing_of_it_is_lost() -> None:
    deltas, delta_ms = 600, 1_000
    audio = base64.b64encode(bytes(delta_ms * 48)).decode()
    delta = {"type": "response.audio.delta", "response_id": "r", "item_id": "i", "content_index": 0, "delta": audio}
    text = json.dumps(delta)
    sent = 0
    stuck = asyncio.Event()

    async def talk(ws: web.WebSocketResponse, _request: web.Request) -> None:
        nonlocal sent
        for _ in range(deltas):
            sending = asyncio.ensure_future(ws.send_str(text))
            await asyncio.wait({sending}, timeout=0.2)
            if not sending.done():
                stuck.set()
            await sending
            sent += 1
        await ws.close()

    limits = LineLimits(eager_ping_s=0.02, eager_pong_s=0.02, rest_ping_s=0.02, rest_pong_s=0.02)
    async with asyncio.timeout(30), serving(talking(talk)) as endpoint:
        connection = await client_for(endpoint, limits=limits).connect()
        events = connection.events()
        received_ms = 0
        await stuck.wait()  # nobody reads: the service has to wait, and the line is not taken for a dead one
        assert sent < deltas
        async for event in events:
            if isinstance(event, on.AudioDelta):
                received_ms += len(event.pcm) // 48
        assert received_ms == deltas * delta_ms
        await connection.close()


@pytest.mark.parametrize(("lasts_s", "ends"), [(0.5, True), (0.3, False), (-3600.0, False)])
async def test_a_session_is_replaced_before_it_expires_unless_the_clock_is_wrong(lasts_s: float, ends: bool) -> None:
    async def talk(ws: web.WebSocketResponse, _: web.Request) -> None:
        session = {"id": "sess_1", "expires_at": time.time() + lasts_s}
        await ws.send_str(json.dumps({"type": "session.created", "session": session}))
        await ws.receive()

    async with asyncio.timeout(PATIENCE_S), serving(talking(talk)) as endpoint:
        connection = await client_for(endpoint, limits=LineLimits(before_expiry_s=0.1)).connect()
        events = connection.events()
        assert isinstance(await anext(events), on.SessionCreated)
        ending = asyncio.ensure_future(anext(events))
        await asyncio.wait({ending}, timeout=lasts_s + 0.2 if ends else 0.3)
        assert ending.done() is ends
        if ends:
            closed = await ending
            assert isinstance(closed, on.Closed)
            assert "about to expire" in str(closed.failure)
        await connection.close()
        await asyncio.wait({ending})
