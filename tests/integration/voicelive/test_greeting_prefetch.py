"""Greetings are fetched in advance, while nobody talks: once each, complete, and never in anybody's way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.errors import ConnectionLost, ServiceBusy, ServiceUnreachable
from device_daemon.greetings.cache import GreetingCache, Rendition
from device_daemon.localservice.faults import Faults
from device_daemon.localservice.server import LocalService
from device_daemon.localservice.voice import Voice
from device_daemon.voicelive.client import Client
from device_daemon.voicelive.credentials import Key
from device_daemon.voicelive.greeting_prefetch import GreetingPrefetch
from tests.unit.conversation.room import FakeClient, FakeConnection, nothing_left, settle, until

__all__ = ["nothing_left"]

pytestmark = pytest.mark.usefixtures("nothing_left")

HELLO = Rendition("Hello!", "en-US-Ava", "here")
BYE = Rendition("Goodbye!", "en-US-Ava", "here")


class Stage:
    """A prefetch, and the service that a test plays."""

    def __init__(self, folder: Path, *wanted: Rendition) -> None:
        self.store = GreetingCache(folder)
        self.client = FakeClient([])
        self.wanted = list(wanted)
        self.pauses: list[float] = []
        self.prefetch = GreetingPrefetch(
            self.client, self.store, lambda: {"chef": self.wanted}, delays=lambda: iter([1.0] * 9), pause=self.pause
        )

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    @property
    def connection(self) -> FakeConnection:
        return self.client.connections[-1]

    async def begin(self) -> None:
        self.prefetch.begin()
        await self.asked(do.UpdateSession())

    async def asked(self, message: do.Message) -> None:
        """Wait until the newest thing that was sent is this."""
        await until(lambda: bool(self.client.connections) and self.connection.sent[-1:] == [message])

    async def over(self) -> None:
        await until(lambda: self.prefetch.over)

    async def greeting(self) -> do.RequestGreeting:
        """The next request."""
        seen = len(self.connection.sent)
        await until(lambda: len(self.connection.sent) > seen)
        (request,) = self.connection.messages[seen:]
        assert isinstance(request, do.RequestGreeting)
        return request

    def speaks(self, response: str, *pieces: bytes, status: str = "completed") -> None:
        self.connection.arrive(on.ResponseCreated(response))
        self.connection.arrive(*(on.AudioDelta(response, "i", 0, pcm) for pcm in pieces))
        self.connection.arrive(on.ResponseDone(response, status))


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path, HELLO, BYE)
    yield stage
    await stage.prefetch.close()


async def test_each_greeting_is_requested_as_a_conversation_would_and_kept_when_it_is_complete(stage: Stage) -> None:
    await stage.begin()
    stage.connection.arrive(on.SessionCreated("s"), on.SessionUpdated())
    request = await stage.greeting()
    assert (request.opening.text, request.opening.voice) == ("Hello!", "en-US-Ava")
    assert not request.opening.ask_model
    stage.speaks("r1", b"ab", b"cd")
    assert (await stage.greeting()).opening.text == "Goodbye!"
    stage.speaks("r2", b"ef")
    await stage.over()
    assert (stage.store.load(HELLO), stage.store.load(BYE)) == (b"abcd", b"ef")
    assert stage.client.assistants == ["chef"]
    assert stage.connection.audio == b"", "nothing of the microphone"
    assert stage.connection.closed == 1


async def test_what_is_known_is_not_asked_for_and_where_all_is_known_nobody_is_called(stage: Stage) -> None:
    stage.store.put(HELLO, b"ab")
    await stage.begin()
    stage.connection.arrive(on.SessionUpdated())
    assert (await stage.greeting()).opening.text == "Goodbye!"
    stage.speaks("r1", b"cd")
    await stage.over()
    stage.prefetch.begin()
    await stage.over()
    assert len(stage.client.connections) == 1


async def test_what_is_on_disk_is_brought_into_memory_without_the_service(stage: Stage, tmp_path: Path) -> None:
    GreetingCache(tmp_path).put(HELLO, b"ab")
    stage.prefetch.preload()
    await stage.over()
    assert stage.store.get(HELLO) == b"ab"
    assert stage.client.connections == []


async def test_a_conversation_stops_it_and_what_is_half_spoken_is_not_kept(stage: Stage) -> None:
    await stage.begin()
    stage.connection.arrive(on.SessionUpdated())
    await stage.greeting()
    stage.connection.arrive(on.ResponseCreated("r1"), on.AudioDelta("r1", "i", 0, b"ab"))
    await settle()
    stage.prefetch.stop()
    await stage.over()
    assert stage.store.load(HELLO) is None
    assert stage.connection.closed == 1
    await stage.begin()
    assert len(stage.client.connections) == 2, "it begins anew"


async def test_a_greeting_that_the_service_refuses_is_left_out_and_not_asked_for_again(stage: Stage) -> None:
    await stage.begin()
    stage.connection.arrive(on.SessionUpdated())
    await stage.greeting()
    stage.connection.arrive(on.ServiceError("invalid_value", "no such voice", "prefetch-0"))
    assert (await stage.greeting()).opening.text == "Goodbye!"
    stage.speaks("r1", b"ab", status="failed")
    await stage.over()
    stage.prefetch.begin()
    await stage.over()
    assert len(stage.client.connections) == 1


async def test_what_a_stranger_says_is_not_taken_for_the_greeting(stage: Stage) -> None:
    await stage.begin()
    stage.connection.arrive(on.SessionUpdated())
    await stage.greeting()
    stage.connection.arrive(on.AudioDelta("r0", "i", 0, b"xx"), on.ResponseDone("r0", "completed"))
    stage.speaks("r1", b"ab")
    await stage.greeting()
    assert stage.store.load(HELLO) == b"ab"


async def test_an_assistant_that_is_refused_keeps_no_other_one_from_being_fetched(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    wanted = {"guide": [HELLO], "chef": [BYE]}
    prefetch = GreetingPrefetch(stage.client, stage.store, lambda: wanted)
    prefetch.begin()
    await stage.asked(do.UpdateSession())
    stage.connection.arrive(on.ServiceError("invalid_model", "No such agent.", do.SESSION_UPDATE_ID))
    await until(lambda: len(stage.client.connections) == 2)
    stage.connection.arrive(on.SessionUpdated())
    assert (await stage.greeting()).opening.text == "Goodbye!"
    stage.speaks("r1", b"ab")
    await until(lambda: prefetch.over)
    assert stage.store.load(BYE) == b"ab"
    assert stage.client.assistants == ["guide", "chef"]


async def test_where_the_service_greets_by_itself_all_is_forgotten(stage: Stage) -> None:
    stage.store.put(HELLO, b"ab")
    await stage.begin()
    stage.connection.arrive(on.SessionUpdated(greets_itself=True))
    await stage.over()
    assert stage.store.load(HELLO) is None
    stage.prefetch.begin()
    await stage.over()
    assert len(stage.client.connections) == 1


async def test_a_service_that_is_not_there_or_goes_away_is_tried_again_after_the_backoff(stage: Stage) -> None:
    stage.client.failures = [ServiceUnreachable("gone"), ServiceBusy("full", retry_after_s=120.0)]
    await stage.begin()
    stage.connection.arrive(on.Closed(ConnectionLost("lost")))
    await until(lambda: len(stage.client.connections) == 2)
    assert stage.client.connections[0].closed == 1
    assert stage.pauses == [1.0, 120.0, 1.0]


async def test_a_service_that_refuses_the_settings_is_left_alone(stage: Stage) -> None:
    await stage.begin()
    stage.connection.arrive(on.ServiceError("invalid_model", "No such model.", do.SESSION_UPDATE_ID))
    await stage.over()
    assert len(stage.client.connections) == 1
    assert stage.pauses == []


async def test_a_service_that_is_busy_with_a_greeting_is_asked_for_it_again(stage: Stage) -> None:
    await stage.begin()
    stage.connection.arrive(on.SessionUpdated())
    await stage.greeting()
    stage.connection.arrive(on.ServiceError("rate_limit_exceeded", "Later.", "prefetch-0"))
    await until(lambda: len(stage.client.connections) == 2)
    stage.connection.arrive(on.SessionUpdated())
    assert (await stage.greeting()).opening.text == "Hello!"


async def test_the_local_service_speaks_ahead_over_a_real_connection(tmp_path: Path) -> None:
    async def speak(text: str, *, voice: str = "en", words_per_minute: int = 165) -> bytes:
        del voice, words_per_minute
        return text.encode() * 480

    service = LocalService(voice=Voice(speak), faults=Faults(speed=0))
    await service.start()
    stage = Stage(tmp_path, HELLO, BYE)
    from device_daemon.config.settings import Config, Service

    config = Config(service=Service(endpoint=service.endpoint))
    client = Client(config, service.endpoint, lambda: Key("k"))
    prefetch = GreetingPrefetch(client, stage.store, lambda: {"service": stage.wanted})
    prefetch.begin()
    async with asyncio.timeout(10):
        await until(lambda: prefetch.over)
    await prefetch.close()
    await client.close()
    await service.stop()
    for rendition in (HELLO, BYE):
        assert (stage.store.load(rendition) or b"").startswith(rendition.text.encode())
    (session,) = service.record.sessions
    assert "input_audio_buffer.append" not in session.types()
