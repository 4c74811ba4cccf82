"""A session that is kept ready: handed over complete, renewed in time, and never one that is of no use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.config.settings import SERVICE_ASSISTANT
from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.ports import ConnectionPort
from device_daemon.errors import AuthRefused, ConnectionLost, ServiceBusy, ServiceUnreachable
from device_daemon.voicelive.warm_session import Mode, WarmSession, WarmSessionTimes, renewed_in_s
from tests.unit.conversation.room import FakeClient, FakeConnection, nothing_left, settle, until

__all__ = ["nothing_left"]

pytestmark = pytest.mark.usefixtures("nothing_left")


TIMES = WarmSessionTimes()
SHORT = WarmSessionTimes(kept_s=0.01, renewed_s=0.01, good_s=0.01, closing_s=0.01)


def at_once() -> Iterator[float]:
    """Another attempt follows at once."""
    while True:
        yield 0.0


class Stage:
    """A warm session, and the service that a test plays."""

    def __init__(
        self,
        mode: Mode = "always",
        times: WarmSessionTimes = TIMES,
        delays: Callable[[], Iterator[float]] = at_once,
    ) -> None:
        self.client = FakeClient([])
        self.warm = WarmSession(self.client, mode, times=times, delays=delays)

    @property
    def connection(self) -> FakeConnection:
        return self.client.connections[-1]

    async def ready(self) -> FakeConnection:
        """A session is held."""
        self.warm.begin()
        await settle()
        self.connection.arrive(on.SessionCreated("s"), on.SessionUpdated())
        await settle()
        assert self.warm.ready
        return self.connection


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    await stage.warm.close()


async def test_a_session_that_is_ready_is_handed_over_and_begins_for_a_conversation_as_any_other(stage: Stage) -> None:
    held = await stage.ready()
    connection = await stage.warm.connect()
    assert len(stage.client.connections) == 1
    await connection.send(do.UpdateSession(trigger="button on pin 4"))
    await connection.send(do.ClearAudio())
    await connection.send_audio(b"ab")
    described = do.UpdateMetadata("button on pin 4")
    assert held.sent == [do.UpdateSession(), described, do.ClearAudio(), b"ab"], "its settings were sent once"
    events = connection.events()
    assert await anext(events) == on.SessionUpdated()
    held.arrive(on.ResponseCreated("r1"), on.Closed(ConnectionLost("lost")))
    assert await anext(events) == on.ResponseCreated("r1")
    assert isinstance(await anext(events), on.Closed)
    await connection.close()
    assert held.closed == 1
    assert not stage.warm.ready


async def test_a_conversation_that_wants_other_settings_sends_them_and_waits_for_the_answer(stage: Stage) -> None:
    held = await stage.ready()
    connection = await stage.warm.connect()
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
    stage.warm.begin()
    await settle()
    preparing = stage.connection
    connection = await stage.warm.connect()
    assert connection is stage.connection is not preparing
    await settle()
    assert preparing.closed == 1, "nobody needs that one any more"
    await connection.close()


async def test_one_that_ended_is_not_handed_over_and_another_takes_its_place(stage: Stage) -> None:
    held = await stage.ready()
    held.arrive(on.Closed(ConnectionLost("lost")))
    await until(lambda: len(stage.client.connections) == 2)
    assert held.closed == 1
    stage.connection.arrive(on.SessionUpdated())
    await settle()
    assert stage.warm.ready


async def test_one_that_ends_at_the_moment_of_the_press_is_not_handed_over(stage: Stage) -> None:
    held = await stage.ready()
    held.arrive(on.Closed(ConnectionLost("lost")))
    await until(lambda: not stage.warm.ready)
    assert await stage.warm.connect() is stage.connection
    await until(lambda: bool(held.closed))


async def test_it_is_renewed_before_it_expires() -> None:
    stage = Stage(times=SHORT)
    held = await stage.ready()
    await until(lambda: bool(held.closed) and len(stage.client.connections) > 1)
    assert stage.connection is not held
    await stage.warm.close()


async def test_a_service_that_speaks_by_itself_is_not_kept_waiting(stage: Stage) -> None:
    stage.warm.begin()
    await settle()
    stage.connection.arrive(on.SessionUpdated(greets_itself=True))
    await settle()
    assert stage.connection.closed == 1
    stage.warm.begin()
    stage.warm.conversation_ended()
    await settle()
    assert len(stage.client.connections) == 1


async def test_the_session_of_one_assistant_is_not_given_to_another_and_the_next_one_kept_is_for_that() -> None:
    client = FakeClient([])
    warm = WarmSession(client, "always", assistant="chef", delays=at_once)
    warm.begin()
    await settle()
    client.connections[0].arrive(on.SessionUpdated())
    await settle()
    assert warm.ready
    connection = await warm.connect("guide")
    await settle()
    assert client.assistants == ["chef", "guide"]
    assert client.connections[0].closed == 1
    await connection.close()
    warm.conversation_ended()
    await settle()
    assert client.assistants[2:] == ["guide"]
    client.connections[2].arrive(on.SessionUpdated(greets_itself=True))
    await settle()
    warm.conversation_ended()
    await settle()
    assert client.assistants[3:] == [], "the guide speaks by itself"
    await (await warm.connect("chef")).close()
    warm.conversation_ended()
    await settle()
    assert client.assistants[3:] == ["chef", "chef"]
    await warm.close()


async def test_what_cannot_get_better_is_not_tried_again(stage: Stage) -> None:
    stage.client.failures = [AuthRefused("no")]
    stage.warm.begin()
    await settle()
    assert not stage.client.failures
    assert not stage.client.connections
    await stage.ready()


async def test_what_may_get_better_is(stage: Stage) -> None:
    stage.client.failures = [ServiceUnreachable("gone"), ServiceUnreachable("gone")]
    stage.warm.begin()
    await until(lambda: bool(stage.client.connections))


async def test_off_holds_nothing() -> None:
    stage = Stage("off")
    stage.warm.begin()
    stage.warm.conversation_ended()
    await settle()
    assert stage.client.connections == []
    await stage.warm.close()


async def test_after_a_conversation_one_is_kept_for_a_while() -> None:
    stage = Stage("after-conversation", SHORT)
    stage.warm.begin()
    await settle()
    assert stage.client.connections == [], "not before the first one"
    stage.warm.conversation_ended()
    await settle()
    stage.connection.arrive(on.SessionUpdated())
    await until(lambda: bool(stage.connection.closed))
    assert not stage.warm.ready
    await stage.warm.close()


async def test_one_that_is_ready_is_not_given_up_for_another(stage: Stage) -> None:
    held = await stage.ready()
    stage.warm.begin()
    stage.warm.conversation_ended()
    await settle()
    assert stage.client.connections == [held]
    assert stage.warm.ready


async def test_attempts_follow_the_backoff_and_begin_anew_after_a_session_that_was_good() -> None:
    begun: list[list[float]] = []

    def delays() -> Iterator[float]:
        begun.append([])
        for _ in range(1_000):
            begun[-1].append(0.0)
            yield 0.0

    stage = Stage(delays=delays, times=WarmSessionTimes(good_s=0.0))
    stage.client.failures = [ServiceUnreachable("gone")]
    held = await stage.ready()
    held.arrive(on.Closed(ConnectionLost("lost")))
    await until(lambda: len(stage.client.connections) == 2)
    assert len(begun) > 1
    await stage.warm.close()


async def test_a_service_that_asks_for_time_gets_it(stage: Stage) -> None:
    stage.client.failures = [ServiceBusy("full", retry_after_s=3600.0)]
    stage.warm.begin()
    await settle()
    assert not stage.client.failures
    assert not stage.client.connections


async def test_those_that_are_kept_are_opened_in_the_background_and_a_persons_is_not() -> None:
    person, background = FakeClient([]), FakeClient([])
    warm = WarmSession(person, "always", background=background)
    warm.begin()
    await settle()
    assert (len(person.connections), len(background.connections)) == (0, 1)
    await warm.connect()
    assert len(person.connections) == 1
    await warm.close()


async def test_an_error_about_something_else_does_not_cost_the_session(stage: Stage) -> None:
    stage.warm.begin()
    await settle()
    stage.connection.arrive(on.ServiceError("odd", "A word of warning."), on.SessionUpdated())
    await settle()
    assert stage.warm.ready


async def test_settings_that_are_refused_are_not_tried_again(stage: Stage) -> None:
    stage.warm.begin()
    await settle()
    stage.connection.arrive(on.ServiceError("invalid_voice_type", "No such voice.", do.SESSION_UPDATE_ID))
    await settle()
    assert stage.connection.closed == 1
    assert len(stage.client.connections) == 1


async def test_one_that_the_service_complains_about_is_not_handed_over(stage: Stage) -> None:
    held = await stage.ready()
    held.arrive(on.ServiceError("session_expired", "Your session hit its maximum duration."))
    await until(lambda: len(stage.client.connections) == 2)
    assert held.closed == 1


@pytest.mark.parametrize("settled", [True, False])
async def test_a_service_that_begins_to_speak_is_not_kept_waiting_either(settled: bool) -> None:
    stage = Stage()
    stage.warm.begin()
    await settle()
    begins: list[on.ServiceEvent] = [on.SessionUpdated(), on.ResponseCreated("r1")]
    stage.connection.arrive(*(begins if settled else reversed(begins)))
    await settle()
    assert stage.connection.closed == 1
    stage.warm.begin()
    await settle()
    assert len(stage.client.connections) == 1
    await stage.warm.close()


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

    async def connect(self, assistant: str = SERVICE_ASSISTANT) -> ConnectionPort:
        if self.connections:
            return await super().connect(assistant)
        self.connections.append(self.lingering)
        return self.lingering


async def test_closing_that_is_cut_short_by_a_press_still_closes_the_connection() -> None:
    client = LingeringFirst()
    warm = WarmSession(client, "always", times=WarmSessionTimes(renewed_s=0.01))
    warm.begin()
    await client.lingering.leaving.wait()
    assert await warm.connect() is client.connections[1]
    await until(lambda: bool(client.lingering.closed))
    client.lingering.may_end.set()
    await warm.close()


async def test_closing_that_does_not_end_is_abandoned(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage(times=WarmSessionTimes(closing_s=0.01))
    held = await stage.ready()
    held.may_close.clear()
    await stage.warm.close()
    assert "did not end in time" in caplog.text
    held.may_close.set()


async def test_a_bug_is_logged_and_harms_no_conversation(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    held = await stage.ready()
    held.arrive(RuntimeError("unheard of"))
    await until(lambda: "a bug in this program" in caplog.text)
    assert held.closed == 1
    assert await stage.warm.connect() is not held


@given(st.floats(allow_nan=False))
def test_a_session_is_renewed_in_time_and_not_all_the_time_whatever_the_clock_says(expires_in_s: float) -> None:
    renewed_s = renewed_in_s(expires_in_s, TIMES)
    assert TIMES.good_s <= renewed_s <= TIMES.renewed_s
    assert renewed_s <= max(TIMES.good_s, expires_in_s - TIMES.before_expiry_s)


@given(st.lists(st.integers(0, 12), max_size=12), st.integers(0, 12))
def test_no_event_is_lost_or_handed_on_twice_whenever_it_is_handed_over(
    steps: list[int], handed_over_after: int
) -> None:
    """Each step lets tasks run for so many rounds of the loop, then an event arrives."""

    async def run() -> None:
        stage = Stage()
        held = await stage.ready()
        connection = None
        arrived_before = 0
        for number, rounds in enumerate(steps):
            if number == handed_over_after:
                connection = await stage.warm.connect()
                arrived_before = number
            for _ in range(rounds):
                await asyncio.sleep(0)
            held.arrive(on.Transcript("user", str(number)))
        if connection is not None and connection is not stage.connection:
            held.arrive(on.Closed(ConnectionLost("lost")))
            await connection.send(do.UpdateSession())
            updated, *later = [event async for event in connection.events()]
            assert updated == on.SessionUpdated()
            numbers = [int(event.text) for event in later if isinstance(event, on.Transcript)]
            assert numbers == list(range(len(steps) - len(numbers), len(steps)))
            assert len(numbers) >= len(steps) - arrived_before
            await connection.close()
        await stage.warm.close()

    asyncio.run(run())
