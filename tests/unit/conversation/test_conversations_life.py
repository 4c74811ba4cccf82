"""The life of the conversations of one device: their queue, their ends, and what is left of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from device_daemon.audio.microphone_router import MicrophoneRouter
from device_daemon.audio.speaker import Speaker
from device_daemon.config.settings import SERVICE_ASSISTANT, Config, ConversationLimits, MicrophoneSettings, Service
from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.commands import End
from device_daemon.conversation.conversations import Conversations
from device_daemon.conversation.policy import EndReason
from device_daemon.conversation.ports import DeviceCallbacks
from device_daemon.conversation.runner import no_tools
from device_daemon.conversation.waiting_requests import MAX_WAITING
from device_daemon.errors import DeviceGone, SpeakerError
from device_daemon.greetings.cache import GreetingCache, rendition_for
from device_daemon.greetings.resolver import ConversationRequest, GreetingResolver
from device_daemon.health import Health, Part
from device_daemon.state import State
from device_daemon.system.saved_state import SavedState
from tests.unit.conversation.room import OWN_SOUND, SECOND, FakeClient, FakeConnection, FakeSpeaker, settle, until

HELLO = "Hello! How can I help?"
"""The default greeting."""


class ClosedMicrophone(MicrophoneRouter):
    """Counts how often it is opened and closed; it works, and nothing is to be heard."""

    def __init__(self) -> None:
        super().__init__(MicrophoneSettings(), on_failure=lambda _: None, on_recovery=lambda: None)
        self.opened = self.closed = 0
        self.gives_sound = True

    def listen(self) -> None:
        self.opened += 1
        if self.conversation is not None and self.gives_sound:
            asyncio.get_running_loop().call_soon(self.conversation, [])

    def close(self) -> Awaitable[None]:
        self.closed += 1
        return asyncio.sleep(0)


class QuietSpeaker(FakeSpeaker):
    class counters:  # noqa: N801 - as the speaker's
        underruns = 0

    def __init__(self) -> None:
        super().__init__([])
        self.health = Health(Part.SPEAKER)


class Device:
    """A manager, and what it did to everything around it."""

    def __init__(self, folder: Path, *, continue_for_s: float = 0.0) -> None:
        self.client = FakeClient([])
        self.microphone = ClosedMicrophone()
        self.speaker = QuietSpeaker()
        self.states: list[State] = []
        self.ends: list[tuple[SpeakerError | None, bool, bool]] = []
        """With which failure, whether somebody waits, and whether the conversation still shows its state."""
        self.on_begin: Callable[[], None] = lambda: None
        self.triggers: list[str] = []
        self.greetings_heard_ms: list[float] = []
        limits = ConversationLimits(continue_for_s=continue_for_s)
        self.config = Config(service=Service(local=True), conversation=limits)
        self.cache = GreetingCache(folder / "greetings")
        saved_state = SavedState(folder)
        self.manager = Conversations(
            self.config,
            client=self.client,
            speaker=cast("Speaker", self.speaker),
            microphone=self.microphone,
            saved_state=saved_state,
            greetings=GreetingResolver(self.config, saved_state, self.cache),
            callbacks=DeviceCallbacks(
                own_sound=lambda _: OWN_SOUND,
                notice=lambda _: OWN_SOUND,
                on_state=self.states.append,
                on_transcript=lambda _role, _text: None,
                call_tool=lambda _assistant, name, given: no_tools(name, given),
                on_begin=self._begins,
                on_greeting_heard=self.greetings_heard_ms.append,
                on_end=lambda failure, waits: self.ends.append((failure, waits, self.manager.open)),
                keeps_microphone_open=lambda _: False,
            ),
        )

    def _begins(self, trigger: str) -> None:
        self.triggers.append(trigger)
        self.on_begin()

    @property
    def connection(self) -> FakeConnection:
        return self.client.connections[-1]

    async def greeted(self) -> None:
        """A conversation was opened by a press, and its greeting heard to the end."""
        self.manager.begin(request())
        await until(lambda: bool(self.client.connections))
        self.connection.arrive(on.SessionCreated("s"), on.SessionUpdated())
        await settle()
        self.connection.arrive(
            on.ResponseCreated("r1"), on.AudioDelta("r1", "i1", 0, SECOND), on.ResponseDone("r1", "completed")
        )
        await settle()
        self.manager.speaker_event(on.Started("i1", 100.4))
        self.manager.speaker_event(on.Silent(1, 101.4))
        await settle()

    async def answered(self, pcm: bytes) -> None:
        """A person asked, and the service answered."""
        self.connection.arrive(on.SpeechStarted(), on.SpeechStopped(), on.ResponseCreated("r2"))
        self.connection.arrive(on.AudioDelta("r2", "i2", 0, pcm), on.ResponseDone("r2", "completed"))
        await settle()

    async def ended(self) -> None:
        """The conversation is stopped, and everything of it is done."""
        count = len(self.ends)
        self.manager.stop(EndReason.PRESSED)
        await until(lambda: len(self.ends) > count)
        await settle()


DEVICES: Mapping[Part, Callable[[Device], Health]] = {
    Part.MICROPHONE: lambda device: device.microphone.microphone.health,
    Part.SPEAKER: lambda device: device.speaker.health,
}


def request(trigger: str = "button", **more: Any) -> ConversationRequest:
    return ConversationRequest(trigger, "welcome", asyncio.get_running_loop().time(), **more)


@pytest.fixture
async def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


async def test_requests_wait_for_the_end_of_the_conversation_and_there_is_a_bound(device: Device) -> None:
    assert device.manager.begin(request()) == 0
    assert [device.manager.begin(request(f"request {n}")) for n in range(MAX_WAITING)] == [*range(1, MAX_WAITING + 1)]
    with pytest.raises(OverflowError):
        device.manager.begin(request("one too many"))
    await until(lambda: device.manager.current is not None)
    status = device.manager.status()
    assert status is not None
    assert (status["trigger"], status["waiting"]) == ("button", MAX_WAITING)
    await device.manager.close()
    assert device.manager.number == 1, "what waited is dropped with the device"


async def test_a_request_whose_time_is_over_opens_no_conversation(
    device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    device.manager.begin(request())
    await until(lambda: device.manager.current is not None)
    device.manager.begin(request("motion", expires_s=asyncio.get_running_loop().time()))
    runner = device.manager.current
    assert runner is not None
    with caplog.at_level(logging.INFO):
        runner.stop(EndReason.PRESSED)
        await until(lambda: not device.manager.open)
        await settle()
    assert "motion: no conversation is opened, its time is over" in caplog.messages
    assert device.manager.number == 1


async def test_the_last_answer_can_be_repeated_until_it_is_forgotten(device: Device) -> None:
    assert device.manager.last_answer() == b""
    await device.greeted()
    await device.answered(SECOND)
    assert device.manager.last_answer() == SECOND
    await device.ended()
    assert device.manager.last_answer() == SECOND, "also when its conversation is over"
    device.manager.forget()
    assert device.manager.last_answer() == b""


async def test_an_answer_of_the_conversation_that_is_open_is_forgotten_too(device: Device) -> None:
    await device.greeted()
    await device.answered(SECOND)
    device.manager.forget()
    assert device.manager.last_answer() == b""
    await device.manager.close()


async def spoken(device: Device, *, press: bool = True, assistant: str = SERVICE_ASSISTANT) -> None:
    """Another conversation is open, and its session ready."""
    opened = len(device.client.connections)
    device.manager.begin(request(continues=press, assistant=assistant))
    await until(lambda: len(device.client.connections) > opened)
    device.connection.arrive(on.SessionCreated("s"), on.SessionUpdated())
    await settle()


def told(device: Device) -> str:
    """What the newest session is told that was said before."""
    return "".join(message.text for message in device.connection.messages if isinstance(message, do.Recall))


def greets(device: Device) -> bool:
    """Whether the conversation that is open has a greeting, from the cache or not."""
    runner = device.manager.current
    return runner is not None and runner.dialogue.opening is not None


async def test_a_press_soon_after_a_conversation_goes_on_where_it_stopped_and_does_not_greet(tmp_path: Path) -> None:
    device = Device(tmp_path, continue_for_s=60.0)
    await device.greeted()
    device.connection.arrive(on.Transcript("user", "Who is Ada?"))
    await device.answered(SECOND)
    device.connection.arrive(on.Transcript("assistant", "A countess.", "r2"))
    await device.ended()
    await spoken(device)
    assert not greets(device)
    assert "You: Hello!" in told(device)
    assert "User: Who is Ada?" in told(device)
    assert device.states[-1] is State.LISTENING
    await device.ended()
    await spoken(device)
    assert "User: Who is Ada?" in told(device), "and once more"
    await device.ended()
    await device.manager.close()


@pytest.mark.parametrize("how", ["too late", "muted", "not by a press", "to another assistant", "nothing was said"])
async def test_a_conversation_begins_anew_where_the_last_one_is_forgotten_or_another_is_meant(
    tmp_path: Path, how: str
) -> None:
    device = Device(tmp_path, continue_for_s=1e-9 if how == "too late" else 60.0)
    if how == "nothing was said":
        await spoken(device)
    else:
        await device.greeted()
    if how == "muted":
        device.manager.stop(EndReason.MUTED)
        device.manager.forget()
    await device.ended()
    assistant = "guide" if how == "to another assistant" else SERVICE_ASSISTANT
    await spoken(device, press=how != "not by a press", assistant=assistant)
    assert told(device) == ""
    assert greets(device)
    await device.ended()
    await device.manager.close()


async def test_by_default_every_conversation_begins_anew(device: Device) -> None:
    await device.greeted()
    await device.ended()
    await spoken(device)
    assert greets(device)


async def test_when_the_end_is_reported_the_conversation_shows_its_state_no_more(device: Device) -> None:
    await device.greeted()
    assert device.manager.open
    await device.ended()
    assert device.ends == [(None, True, False)]
    assert device.manager.status() is None
    assert device.manager.ended_s is not None
    assert device.manager.last is not None
    assert device.manager.last["trigger"] == "button"
    assert device.microphone.closed >= 1


async def test_what_the_service_spoke_as_a_greeting_is_cached_when_the_conversation_is_over(device: Device) -> None:
    await device.greeted()
    await device.ended()
    rendition = rendition_for(device.config, HELLO, None)
    await until(lambda: device.cache.load(rendition) == SECOND)
    await device.manager.close()


async def test_a_bug_in_a_conversation_is_logged_and_the_next_one_is_held(
    device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("for the test")

    device.on_begin = fail
    device.manager.begin(request())
    await settle()
    assert "a bug in this program; please report it" in caplog.messages
    assert not device.manager.open
    device.on_begin = lambda: None
    await device.greeted()
    await device.manager.close()


async def test_nobody_waits_for_a_conversation_that_is_not_there(device: Device) -> None:
    assert device.manager.stop(EndReason.PRESSED) is False
    device.manager.speaker_event(on.Silent(1, 1.0))
    device.manager.microphone_failed(DeviceGone("nobody talks", "default"))
    device.manager.microphone_recovered()
    await device.manager.finish(asyncio.Event())
    await device.manager.close()
    assert device.ends == []


async def test_finishing_ends_with_the_conversation_or_when_the_program_is_stopped(device: Device) -> None:
    await device.greeted()
    stopped = asyncio.Event()
    finishing = asyncio.create_task(device.manager.finish(stopped))
    await settle()
    assert not finishing.done()
    stopped.set()
    await finishing
    finishing = asyncio.create_task(device.manager.finish(asyncio.Event()))
    await settle()
    await device.ended()
    await finishing
    await device.manager.close()


async def test_a_microphone_that_fails_and_recovers_ends_no_conversation(device: Device) -> None:
    await device.greeted()
    device.manager.microphone_failed(DeviceGone("it was unplugged", "default"))
    assert device.microphone.conversation is not None
    device.microphone.conversation([])  # captured before it failed
    assert device.states[-1:] == [State.CONNECTING]
    device.manager.microphone_recovered()
    assert device.states[-1:] == [State.LISTENING]
    await settle()
    assert device.manager.current is not None
    await device.answered(SECOND)
    assert device.manager.metrics.conversations == 1
    await device.manager.close()


@pytest.mark.parametrize("part", list(DEVICES))
async def test_a_device_that_fails_in_the_moment_before_the_conversation_exists_is_no_secret_to_it(
    device: Device, part: Part
) -> None:
    gone = DeviceGone("it was unplugged", "default")

    def fails() -> None:
        DEVICES[part](device).failed(gone, 1.0)

    device.on_begin, device.microphone.gives_sound = fails, False
    device.manager.begin(request())
    await until(lambda: bool(device.client.connections))
    device.connection.arrive(on.SessionCreated("s"), on.SessionUpdated())
    await settle()
    conversation = device.manager.current
    assert conversation is not None
    conversation.dialogue.tick(asyncio.get_running_loop().time() + 4.0)
    assert conversation.dialogue.ended == End(EndReason.FAILED, gone)


async def test_a_conversation_in_which_nothing_was_said_leaves_no_answer(device: Device) -> None:
    device.manager.begin(ConversationRequest("button", "none", asyncio.get_running_loop().time()))
    await until(lambda: bool(device.client.connections))
    await device.ended()
    assert device.manager.last_answer() == b""
    assert device.manager.last is not None
    await device.manager.close()


async def test_where_the_service_greets_by_itself_no_greeting_of_ours_stays_in_the_cache(device: Device) -> None:
    rendition = rendition_for(device.config, HELLO, None)
    device.cache.put(rendition, SECOND)
    device.manager.begin(ConversationRequest("button", "none", asyncio.get_running_loop().time()))
    await until(lambda: bool(device.client.connections))
    device.connection.arrive(on.SessionCreated("s"), on.SessionUpdated(greets_itself=True))
    await until(lambda: device.manager.current is not None and device.manager.current.greets_itself)
    await device.ended()
    await until(lambda: device.cache.load(rendition) is None)
    await device.manager.close()
