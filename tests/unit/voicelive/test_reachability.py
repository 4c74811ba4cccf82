"""Whether the service can be reached is checked again and again, ever more rarely, and known as a state."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count

import pytest

from device_daemon.config.settings import SERVICE_ASSISTANT
from device_daemon.conversation.commands import Message
from device_daemon.conversation.events import ServiceEvent
from device_daemon.conversation.ports import ConnectionPort
from device_daemon.errors import (
    AuthRefused,
    ClockNotSet,
    DeviceBusy,
    ServiceBusy,
    ServiceUnreachable,
    SpeakerError,
)
from device_daemon.voicelive.reachability import MOST_FOR_CLOCK_S, Reachability

GONE = ServiceUnreachable("gone")


class FakeConnection:
    """Counts how often it was closed; closes only when it may."""

    unreadable = 0

    def __init__(self, service: FakeService) -> None:
        self._service = service

    async def send(self, message: Message) -> None:
        raise AssertionError(message)

    async def send_audio(self, pcm: bytes, reference: bytes = b"") -> None:
        del reference
        raise AssertionError(pcm)

    async def events(self) -> AsyncIterator[ServiceEvent]:
        raise AssertionError("nobody listens")
        yield

    async def close(self) -> None:
        try:
            await self._service.may_close.wait()
        finally:
            await asyncio.sleep(0)
            self._service.closed += 1


class FakeService:
    """Answers each try with the next failure, and then with a connection."""

    def __init__(self, *failures: SpeakerError) -> None:
        self.failures = list(failures)
        self.tries = 0
        self.closed = 0
        self.may_close = asyncio.Event()
        self.may_close.set()
        self.connected = asyncio.Event()

    async def connect(self, assistant: str = SERVICE_ASSISTANT) -> ConnectionPort:
        del assistant
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        self.connected.set()
        return FakeConnection(self)


class Outcomes:
    """What was reported after each attempt."""

    def __init__(self) -> None:
        self.all: list[SpeakerError | None] = []
        self.changed = asyncio.Event()

    def __call__(self, failure: SpeakerError | None) -> None:
        self.all.append(failure)
        self.changed.set()

    async def until(self, count: int) -> list[SpeakerError | None]:
        async with asyncio.timeout(5):
            while len(self.all) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.all


class Pauses:
    """The times between attempts; they pass at once."""

    def __init__(self) -> None:
        self.all: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.all.append(seconds)
        await asyncio.sleep(0)


def one_two_three() -> Iterator[float]:
    yield from map(float, count(1))


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@asynccontextmanager
async def checking(
    service: FakeService, outcomes: Outcomes, pauses: Pauses, first_after_s: float | None = 0.0
) -> AsyncIterator[Reachability]:
    check = Reachability(service, outcomes, delays=one_two_three, pause=pauses, now=lambda: 7.0)
    check.begin(first_after_s)
    yield check
    await check.close()


async def test_a_service_that_answers_is_reported_and_the_connection_is_closed_first(pauses: Pauses) -> None:
    service, outcomes = FakeService(), Outcomes()
    async with checking(service, outcomes, pauses):
        assert await outcomes.until(1) == [None]
        assert service.closed == 1
    assert not pauses.all


async def test_each_failure_is_reported_and_the_next_attempt_follows_after_the_backoff(pauses: Pauses) -> None:
    service, outcomes = FakeService(*[GONE] * 4), Outcomes()
    async with checking(service, outcomes, pauses):
        assert await outcomes.until(5) == [*[GONE] * 4, None]
    assert pauses.all == [1.0, 2.0, 3.0, 4.0]


async def test_after_a_failure_the_first_attempt_waits_too(pauses: Pauses) -> None:
    service, outcomes = FakeService(), Outcomes()
    async with checking(service, outcomes, pauses, first_after_s=None):
        assert await outcomes.until(1) == [None]
    assert pauses.all == [1.0]


async def test_where_trying_again_cannot_help_it_stops(pauses: Pauses) -> None:
    refused = AuthRefused("no")
    service, outcomes = FakeService(GONE, refused), Outcomes()
    async with checking(service, outcomes, pauses):
        assert await outcomes.until(2) == [GONE, refused]
        await asyncio.sleep(0)
    assert service.tries == 2
    assert len(pauses.all) == 1


async def test_a_service_that_asks_for_time_gets_it(pauses: Pauses) -> None:
    service, outcomes = FakeService(ServiceBusy("full", retry_after_s=120.0), GONE), Outcomes()
    async with checking(service, outcomes, pauses):
        await outcomes.until(3)
    assert pauses.all == [120.0, 2.0]


async def test_a_clock_that_is_not_set_is_looked_at_often_for_the_network_sets_it_soon(pauses: Pauses) -> None:
    service, outcomes = FakeService(*[ClockNotSet("1970")] * 9), Outcomes()
    async with checking(service, outcomes, pauses):
        await outcomes.until(10)
    assert pauses.all == [1.0, 2.0, 3.0, 4.0, *[MOST_FOR_CLOCK_S] * 5]


async def test_after_it_was_stopped_nothing_is_reported(pauses: Pauses) -> None:
    service, outcomes = FakeService(), Outcomes()
    service.may_close.clear()
    async with checking(service, outcomes, pauses) as check:
        await service.connected.wait()
        check.stop()
    assert outcomes.all == []
    assert service.closed == 1
    assert not pauses.all


async def test_closing_waits_for_every_connection_that_is_being_closed(pauses: Pauses) -> None:
    service, outcomes = FakeService(), Outcomes()
    service.may_close.clear()
    check = Reachability(service, outcomes, pause=pauses)
    check.begin(0.0)
    await service.connected.wait()
    check.begin()
    check.stop()
    async with asyncio.timeout(5):
        await check.close()
    assert service.closed == 1, "no connection outlives the program"
    assert not pauses.all


async def test_stopping_what_never_began_is_harmless() -> None:
    check = Reachability(FakeService(), Outcomes())
    check.stop()
    await check.close()


async def test_the_health_of_the_service_says_what_is_wrong_and_since_when(pauses: Pauses) -> None:
    service, outcomes = FakeService(GONE), Outcomes()
    async with checking(service, outcomes, pauses) as check:
        await outcomes.until(1)
        assert (check.service.failure, check.service.since_s, check.clock.ok) == (GONE, 7.0, True)
        assert check.failure is GONE
        await outcomes.until(2)
        assert check.service.ok


def test_a_clock_that_is_not_set_is_the_clocks_failure_and_not_the_services() -> None:
    check = Reachability(FakeService(), Outcomes())
    not_set = ClockNotSet("1970")
    check.report(not_set)
    assert (check.clock.failure, check.service.ok, check.failure) == (not_set, True, not_set)
    check.report(GONE)
    assert (check.clock.ok, check.failure) == (True, GONE)
    check.report(None)
    assert check.failure is None


def test_a_conversation_that_failed_from_a_sound_card_says_nothing_about_the_service() -> None:
    check = Reachability(FakeService(), Outcomes())
    check.report(GONE)
    check.report(DeviceBusy("busy", "default"))
    assert check.failure is GONE
