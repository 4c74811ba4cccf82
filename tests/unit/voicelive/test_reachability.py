"""Finding out whether the service is there, without getting on its nerves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from device_daemon.conversation.commands import Message
from device_daemon.conversation.events import ServiceEvent
from device_daemon.conversation.ports import ConnectionPort
from device_daemon.errors import AuthRefused, ServiceBusy, ServiceUnreachable, SpeakerError
from device_daemon.voicelive import reachability as probe_module
from device_daemon.voicelive.reachability import DELAYS_S, JITTER, Reachability

GONE = ServiceUnreachable("gone")


class FakeConnection:
    """Counts its goodbyes; says goodbye only when it may."""

    unreadable = 0

    def __init__(self, service: FakeService) -> None:
        self._service = service

    async def send(self, message: Message) -> None:
        raise AssertionError(message)

    async def send_audio(self, pcm: bytes) -> None:
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

    async def connect(self) -> ConnectionPort:
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        self.connected.set()
        return FakeConnection(self)


class Told:
    """What the host is told."""

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


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The times the probe slept; they pass at once."""
    times: list[float] = []

    async def sleep(seconds: float) -> None:
        times.append(seconds)
        await asyncio.sleep(0)

    instead = SimpleNamespace(sleep=sleep, get_running_loop=asyncio.get_running_loop, wait=asyncio.wait)
    monkeypatch.setattr(probe_module, "asyncio", instead)
    return times


@asynccontextmanager
async def probing(service: FakeService, told: Told, *, at_once: bool = True) -> AsyncIterator[Reachability]:
    probe = Reachability(service, told)
    probe.begin(at_once=at_once)
    yield probe
    await probe.close()


def about(delay_s: float) -> tuple[float, float]:
    return delay_s * (1 - JITTER), delay_s * (1 + JITTER)


async def test_a_service_that_answers_is_told_and_the_connection_is_closed_first(slept: list[float]) -> None:
    service, told = FakeService(), Told()
    async with probing(service, told):
        assert await told.until(1) == [None]
        assert service.closed == 1
    assert not slept


async def test_tries_grow_rarer_and_each_failure_is_told(slept: list[float]) -> None:
    service, told = FakeService(*[GONE] * 7), Told()
    async with probing(service, told):
        assert await told.until(8) == [*[GONE] * 7, None]
    assert len(slept) == 7
    for seconds, delay_s in zip(slept, [*DELAYS_S, DELAYS_S[-1], DELAYS_S[-1]], strict=True):
        least, most = about(delay_s)
        assert least <= seconds <= most


async def test_after_a_failure_the_first_try_waits_too(slept: list[float]) -> None:
    service, told = FakeService(), Told()
    async with probing(service, told, at_once=False):
        assert await told.until(1) == [None]
    least, most = about(DELAYS_S[0])
    assert len(slept) == 1
    assert least <= slept[0] <= most


async def test_where_trying_again_cannot_help_it_stops(slept: list[float]) -> None:
    refused = AuthRefused("no")
    service, told = FakeService(GONE, refused), Told()
    async with probing(service, told):
        assert await told.until(2) == [GONE, refused]
        await asyncio.sleep(0)
    assert service.tries == 2
    assert len(slept) == 1


async def test_a_service_that_asks_for_time_gets_it(slept: list[float]) -> None:
    service, told = FakeService(ServiceBusy("full", retry_after_s=120.0), GONE), Told()
    async with probing(service, told):
        await told.until(3)
    assert slept[0] >= 120.0
    assert slept[1] <= about(DELAYS_S[1])[1], "that was for once"


async def test_after_it_was_stopped_nothing_is_told(slept: list[float]) -> None:
    service, told = FakeService(), Told()
    service.may_close.clear()
    async with probing(service, told) as probe:
        await service.connected.wait()
        probe.stop()
    assert told.all == []
    assert service.closed == 1
    assert not slept


async def test_closing_waits_for_the_goodbye_of_whatever_was_stopped_before(slept: list[float]) -> None:
    service, told = FakeService(), Told()
    service.may_close.clear()
    probe = Reachability(service, told)
    probe.begin(at_once=True)
    await service.connected.wait()
    probe.begin(at_once=False)
    probe.stop()
    async with asyncio.timeout(5):
        await probe.close()
    assert service.closed == 1, "no connection outlives the program"
    assert not slept


async def test_stopping_what_never_began_is_harmless() -> None:
    probe = Reachability(FakeService(), Told())
    probe.stop()
    await probe.close()
