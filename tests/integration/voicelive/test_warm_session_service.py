"""A session that is kept ready at a real service: held, handed over, renewed, closed and refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise

import aiohttp
import pytest
from aiohttp import web

from device_daemon.conversation.dialogue import Dialogue
from device_daemon.conversation.metrics import Metrics
from device_daemon.conversation.policy import ConversationPolicy, EndReason
from device_daemon.conversation.ports import ClientPort
from device_daemon.conversation.runner import ConversationRunner, RunnerContext
from device_daemon.greetings.opening import Opening
from device_daemon.localservice.faults import Faults, Moment
from device_daemon.localservice.server import LocalService
from device_daemon.voicelive.limits import LineLimits
from device_daemon.voicelive.warm_session import WarmSession, WarmSessionTimes
from tests.integration.localservice.wire import service
from tests.integration.voicelive.unruly_service import PATIENCE_S, client_for, no_trace, serving
from tests.unit.conversation.room import OWN_SOUND, FakeSpeaker, nothing_left, until

__all__ = ["no_trace", "nothing_left"]

pytestmark = pytest.mark.usefixtures("no_trace", "nothing_left")

OFTEN = LineLimits(eager_ping_s=0.02, rest_ping_s=0.02)
SOON_DEAD = LineLimits(eager_ping_s=0.02, eager_pong_s=0.05, rest_ping_s=0.02, rest_pong_s=0.05)
SOON = WarmSessionTimes(good_s=0.01)
SESSION_UPDATED = '{"type": "session.updated", "session": {}}'


def at_once() -> Iterator[float]:
    """Another attempt follows at once."""
    while True:
        yield 0.0


@asynccontextmanager
async def kept_ready(
    endpoint: str, limits: LineLimits | None = None, times: WarmSessionTimes | None = None
) -> AsyncIterator[WarmSession]:
    """A session is to be ready, always."""
    warm = WarmSession(client_for(endpoint, limits=limits), "always", times=times, delays=at_once)
    warm.begin()
    yield warm
    await warm.close()


async def ready_in(local: LocalService, warm: WarmSession, session: int) -> None:
    """Wait until the session of that number is the one that is held."""
    await local.wait_for("session.updated", session=session)
    await until(lambda: warm.ready)


async def greet(client: ClientPort, rules: ConversationPolicy | None = None) -> list[str]:
    """Hold a conversation until its greeting sounds; returns what was to be played."""
    speaker = FakeSpeaker([])
    around = RunnerContext(
        client=client,
        speaker=speaker,
        metrics=Metrics(),
        own_sound=lambda _: OWN_SOUND,
        notice=lambda _: OWN_SOUND,
        on_state=lambda _: None,
        on_microphone=lambda _: None,
    )
    conversation = ConversationRunner(
        Dialogue(Opening("welcome", "Hello."), rules or ConversationPolicy(trigger="button on pin 4")), around, 0.0
    )
    running = asyncio.ensure_future(conversation.run())
    await until(lambda: bool(speaker.orders) or running.done())
    conversation.stop(EndReason.STOPPED)
    await running
    await conversation.close()
    return [source for source, _ in speaker.orders]


async def test_a_conversation_greets_in_the_session_that_was_held() -> None:
    async with service() as local, kept_ready(local.endpoint) as warm:
        await ready_in(local, warm, 1)
        assert await greet(warm)
        (session,) = local.record.sessions
        assert session.types("in")[:3] == ["session.update", "session.update", "response.create"]
        described = session.of_type("session.update")[1].summary["session"]
        assert described.keys() == {"metadata"}, "its settings were in force already"
        assert described["metadata"]["trigger"] == "button on pin 4"
        await session.closed.wait()
        assert session.close_code == aiohttp.WSCloseCode.OK


async def test_a_push_to_talk_conversation_sends_its_settings_over_the_session_that_was_held() -> None:
    async with service() as local, kept_ready(local.endpoint) as warm:
        await ready_in(local, warm, 1)
        assert await greet(warm, ConversationPolicy(push_to_talk=True))
        (session,) = local.record.sessions
        assert session.types("in")[:3] == ["session.update", "session.update", "response.create"]
        assert session.of_type("session.update")[1].summary["session"]["turn_detection"] is None
        kinds = [kind for kind in session.types() if kind in {"session.update", "session.updated", "response.create"}]
        answered = list(pairwise(kinds))
        assert answered.count(("session.update", "session.updated")) == 2, "the greeting waited for the second answer"


async def test_one_that_expires_is_renewed_before_the_service_ends_it() -> None:
    async with service(Faults(session_lifetime_s=20.0)) as local, kept_ready(local.endpoint, times=SOON) as warm:
        await ready_in(local, warm, 1)
        await ready_in(local, warm, 2)
        first = local.record.sessions[0]
        await first.closed.wait()
        assert first.close_code == aiohttp.WSCloseCode.OK, "we closed it, not the service"


@pytest.mark.parametrize(
    "faults",
    [
        Faults(first_connections=1, session_lifetime_s=0.2),
        Faults(first_connections=1, close_at=Moment.UPDATED, close_code=1000),
        Faults(first_connections=1, close_at=Moment.UPDATED, close_code=1011),
        Faults(first_connections=1, close_at=Moment.UPDATED, close_abruptly=True),
    ],
)
async def test_one_that_the_service_ends_is_replaced(faults: Faults) -> None:
    async with service(faults) as local, kept_ready(local.endpoint) as warm:
        await ready_in(local, warm, 2)
        assert local.record.sessions[0].closed_s is not None
        assert await greet(warm)
        assert len(local.record.sessions) == 2


async def test_a_service_without_room_is_tried_again() -> None:
    faults = Faults(first_connections=2, refuse_status=429, retry_after_s=0)
    async with service(faults) as local, kept_ready(local.endpoint) as warm:
        await ready_in(local, warm, 1)
        assert [status for _, status in local.record.refused] == [429, 429]


async def test_a_service_that_refuses_the_key_is_left_alone() -> None:
    async with service(Faults(refuse_status=401)) as local, kept_ready(local.endpoint) as warm:
        await until(lambda: warm._keeping.over)
        assert [status for _, status in local.record.refused] == [401]


async def test_a_service_that_greets_by_itself_has_no_session_held_and_greets_once() -> None:
    async with service(Faults(greeting="I speak first.")) as local, kept_ready(local.endpoint) as warm:
        await until(lambda: warm._keeping.over)
        assert await greet(warm)
        warm.conversation_ended()
        _, own = local.record.sessions
        assert "response.create" not in own.types("in")


async def test_pings_are_answered_and_sent_while_it_is_held() -> None:
    exchanged = asyncio.Event()

    async def handle(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        await ws.receive()
        await ws.send_str(SESSION_UPDATED)
        for _ in range(2):
            await ws.ping()
            assert (await ws.receive()).type is aiohttp.WSMsgType.PONG
        for count in range(1, 1_000):
            message = await ws.receive()
            if message.type is not aiohttp.WSMsgType.PING:
                break
            await ws.pong(message.data)
            if count == 2:
                exchanged.set()
        return ws

    async with asyncio.timeout(PATIENCE_S), serving(handle) as endpoint, kept_ready(endpoint, OFTEN) as warm:
        await exchanged.wait()
        assert warm.ready


async def test_one_whose_line_went_dead_is_replaced() -> None:
    connected = 0
    second = asyncio.Event()

    async def handle(request: web.Request) -> web.WebSocketResponse:
        nonlocal connected
        connected += 1
        if connected == 2:
            second.set()
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        await ws.receive()
        await ws.send_str(SESSION_UPDATED)
        await asyncio.Event().wait()
        return ws

    async with asyncio.timeout(PATIENCE_S), serving(handle) as endpoint, kept_ready(endpoint, SOON_DEAD):
        await second.wait()
