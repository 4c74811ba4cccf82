"""A session that is kept ready: handed over whole, renewed in time, and never one that is of no use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.ports import ConnectionPort
from device_daemon.errors import AuthRefused, ConnectionLost, ServiceBusy, ServiceUnreachable
from device_daemon.voicelive import warm_session as standby_module
from device_daemon.voicelive.reachability import DELAYS_S, JITTER
from device_daemon.voicelive.warm_session import BEFORE_EXPIRY_S, RENEWED_S, SOUND_S, Mode, WarmSession, renewed_in_s
from tests.unit.conversation.room import FakeClient, FakeConnection, nothing_left, settle, until

__all__ = ["nothing_left"]

pytestmark = pytest.mark.usefixtures("nothing_left")


class Stage:
    """A standby, and the service that a test plays."""

    def __init__(self, mode: Mode = "always") -> None:
        self.client = FakeClient([])
        self.standby = WarmSession(self.client, mode)

    @property
    def connection(self) -> FakeConnection:
        return self.client.connections[-1]

    async def ready(self) -> FakeConnection:
        """A session is held."""
        self.standby.begin()
        await settle()
        self.connection.arrive(on.SessionCreated("s"), on.SessionUpdated())
        await settle()
        assert self.standby.ready
        return self.connection


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    await stage.standby.close()


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The times the standby slept between tries; they pass at once."""
    times: list[float] = []

    async def sleep(seconds: float) -> None:
        times.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(standby_module, "asyncio", SimpleNamespace(**(vars(asyncio) | {"sleep": sleep})))
    return times


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another try follows at once."""
    monkeypatch.setattr(standby_module, "DELAYS_S", (0.0,))


async def test_a_session_that_is_ready_is_handed_over_and_begins_for_a_conversation_as_any_other(stage: Stage) -> None:
    held = await stage.ready()
    connection = await stage.standby.connect()
    assert len(stage.client.connections) == 1
    await connection.send(do.UpdateSession())
    await connection.send(do.ClearAudio())
    await connection.send_audio(b"ab")
    assert held.sent == [do.UpdateSession(), do.ClearAudio(), b"ab"], "its settings were sent once"
    events = connection.events()
    assert await anext(events) == on.SessionUpdated()
    held.arrive(on.ResponseCreated("r1"), on.Closed(ConnectionLost("lost")))
    assert await anext(events) == on.ResponseCreated("r1")
    assert isinstance(await anext(events), on.Closed)
    await connection.close()
    assert held.closed == 1
    assert not stage.standby.ready


async def test_a_conversation_that_wants_other_settings_sends_them_and_waits_for_the_answer(stage: Stage) -> None:
    held = await stage.ready()
    connection = await stage.standby.connect()
    await connection.send(do.UpdateSession(push_to_talk=True))
    assert held.sent[-1] == do.UpdateSession(push_to_talk=True)
    events = connection.events()
    waiting = asyncio.ensure_future(anext(events))
    await settle()
    assert not waiting.done()
    held.arrive(on.SessionUpdated())
    assert await waiting == on.SessionUpdated()
    await connection.close()


async def test_while_none_is_ready_a_fresh_connection_is_opened(stage: Stage) -> None:
    stage.standby.begin()
    await settle()
    preparing = stage.connection
    connection = await stage.standby.connect()
    assert connection is stage.connection is not preparing
    await settle()
    assert preparing.closed == 1, "nobody needs that one any more"
    await connection.close()


@pytest.mark.usefixtures("at_once")
async def test_one_that_ended_is_not_handed_over_and_another_takes_its_place(stage: Stage) -> None:
    held = await stage.ready()
    held.arrive(on.Closed(ConnectionLost("lost")))
    await until(lambda: len(stage.client.connections) == 2)
    assert held.closed == 1
    stage.connection.arrive(on.SessionUpdated())
    await settle()
    assert stage.standby.ready


async def test_one_that_ends_at_the_moment_of_the_press_is_not_handed_over(stage: Stage) -> None:
    held = await stage.ready()
    held.arrive(on.Closed(ConnectionLost("lost")))
    await until(lambda: not stage.standby.ready)
    assert await stage.standby.connect() is stage.connection
    await until(lambda: bool(held.closed))


async def test_it_is_renewed_before_it_expires(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standby_module, "RENEWED_S", 0.01)
    held = await stage.ready()
    await until(lambda: bool(held.closed) and len(stage.client.connections) > 1)
    assert stage.connection is not held


async def test_a_service_that_speaks_by_itself_is_not_kept_waiting(stage: Stage) -> None:
    stage.standby.begin()
    await settle()
    stage.connection.arrive(on.SessionUpdated(greets_itself=True))
    await settle()
    assert stage.connection.closed == 1
    stage.standby.begin()
    stage.standby.conversation_ended()
    await settle()
    assert len(stage.client.connections) == 1


async def test_what_cannot_get_better_is_not_tried_again(stage: Stage) -> None:
    stage.client.failures = [AuthRefused("no")]
    stage.standby.begin()
    await settle()
    assert not stage.client.failures
    assert not stage.client.connections
    await stage.ready()


@pytest.mark.usefixtures("at_once")
async def test_what_may_get_better_is(stage: Stage) -> None:
    stage.client.failures = [ServiceUnreachable("gone"), ServiceUnreachable("gone")]
    stage.standby.begin()
    await until(lambda: bool(stage.client.connections))


async def test_off_holds_nothing() -> None:
    stage = Stage("off")
    stage.standby.begin()
    stage.standby.conversation_ended()
    await settle()
    assert stage.client.connections == []
    await stage.standby.close()


async def test_after_a_conversation_one_is_kept_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standby_module, "KEPT_S", 0.01)
    stage = Stage("after-conversation")
    stage.standby.begin()
    await settle()
    assert stage.client.connections == [], "not before the first one"
    stage.standby.conversation_ended()
    await settle()
    stage.connection.arrive(on.SessionUpdated())
    await until(lambda: bool(stage.connection.closed))
    assert not stage.standby.ready
    await stage.standby.close()


async def test_one_that_is_ready_is_not_given_up_for_another(stage: Stage) -> None:
    held = await stage.ready()
    stage.standby.begin()
    stage.standby.conversation_ended()
    await settle()
    assert stage.client.connections == [held]
    assert stage.standby.ready


async def test_tries_grow_rarer_and_a_service_that_asks_for_time_gets_it(stage: Stage, slept: list[float]) -> None:
    stage.client.failures = [ServiceBusy("full", retry_after_s=120.0), *[ServiceUnreachable("gone")] * 5]
    stage.standby.begin()
    await until(lambda: bool(stage.client.connections))
    for seconds, delay_s in zip(slept, [120.0 + DELAYS_S[1], *DELAYS_S[2:], *[DELAYS_S[-1]] * 2], strict=True):
        assert abs(seconds - delay_s) <= JITTER * min(delay_s, DELAYS_S[-1])


@pytest.mark.usefixtures("at_once")
async def test_one_that_the_service_complains_about_is_not_handed_over(stage: Stage) -> None:
    held = await stage.ready()
    held.arrive(on.ServiceError("session_expired", "Your session hit its maximum duration."))
    await until(lambda: len(stage.client.connections) == 2)
    assert held.closed == 1


@pytest.mark.parametrize("settled", [True, False])
async def test_a_service_that_begins_to_speak_is_not_kept_waiting_either(settled: bool) -> None:
    stage = Stage()
    stage.standby.begin()
    await settle()
    begins: list[on.ServiceEvent] = [on.SessionUpdated(), on.ResponseCreated("r1")]
    stage.connection.arrive(*(begins if settled else reversed(begins)))
    await settle()
    assert stage.connection.closed == 1
    stage.standby.begin()
    await settle()
    assert len(stage.client.connections) == 1
    await stage.standby.close()


class Lingering(FakeConnection):
    """A session that is ready; its events do not end at once."""

    def __init__(self) -> None:
        super().__init__([])
        self.leaving, self.may_end = asyncio.Event(), asyncio.Event()

    async def events(self) -> AsyncIterator[on.ServiceEvent]:
        yield on.SessionUpdated()
        try:
            await asyncio.Event().wait()
        finally:
            self.leaving.set()
            await self.may_end.wait()


class LingeringFirst(FakeClient):
    """The first connection is one that lingers."""

    def __init__(self) -> None:
        super().__init__([])
        self.lingering = Lingering()

    async def connect(self) -> ConnectionPort:
        if self.connections:
            return await super().connect()
        self.connections.append(self.lingering)
        return self.lingering


async def test_a_goodbye_that_is_cut_short_by_a_press_still_closes_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(standby_module, "RENEWED_S", 0.01)
    client = LingeringFirst()
    standby = WarmSession(client, "always")
    standby.begin()
    await client.lingering.leaving.wait()
    assert await standby.connect() is client.connections[1]
    await until(lambda: bool(client.lingering.closed))
    client.lingering.may_end.set()
    await standby.close()


async def test_a_goodbye_that_does_not_end_is_left_behind(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(standby_module, "CLOSE_DEADLINE_S", 0.01)
    held = await stage.ready()
    held.may_close.clear()
    await stage.standby.close()
    assert "did not end in time" in caplog.text
    held.may_close.set()


async def test_a_bug_is_told_and_harms_no_conversation(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    held = await stage.ready()
    held.arrive(RuntimeError("unheard of"))
    await until(lambda: "a bug in this program" in caplog.text)
    assert held.closed == 1
    assert await stage.standby.connect() is not held


@given(st.floats(allow_nan=False))
def test_a_session_is_renewed_in_time_and_not_all_the_time_whatever_the_clock_says(expires_in_s: float) -> None:
    renewed_s = renewed_in_s(expires_in_s)
    assert SOUND_S <= renewed_s <= RENEWED_S
    assert renewed_s <= max(SOUND_S, expires_in_s - BEFORE_EXPIRY_S)


@given(st.lists(st.integers(0, 12), max_size=12), st.integers(0, 12))
def test_no_event_is_lost_or_told_twice_whenever_it_is_handed_over(steps: list[int], handed_over_after: int) -> None:
    """Each step lets tasks run for so many rounds of the loop, then an event arrives."""

    async def run() -> None:
        stage = Stage()
        held = await stage.ready()
        connection = None
        arrived_before = 0
        for number, rounds in enumerate(steps):
            if number == handed_over_after:
                connection = await stage.standby.connect()
                arrived_before = number
            for _ in range(rounds):
                await asyncio.sleep(0)
            held.arrive(on.Transcript("user", str(number)))
        if connection is not None and connection is not stage.connection:
            held.arrive(on.Closed(ConnectionLost("lost")))
            await connection.send(do.UpdateSession())
            updated, *told = [event async for event in connection.events()]
            assert updated == on.SessionUpdated()
            numbers = [int(event.text) for event in told if isinstance(event, on.Transcript)]
            assert numbers == list(range(len(steps) - len(numbers), len(steps)))
            assert len(numbers) >= len(steps) - arrived_before
            await connection.close()
        await stage.standby.close()

    asyncio.run(run())
