"""Requests over a device that does not work: refused with the reason, and a person hears it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from device_daemon.config.settings import ButtonTrigger, Config, Service, Trigger
from device_daemon.device.control_socket import Refused
from device_daemon.device.event_stream import EventStream
from device_daemon.device.events import Triggered
from device_daemon.device.requests import Origin, Requests
from device_daemon.errors import DeviceBusy, DeviceGone, SpeakerError
from device_daemon.state import State
from device_daemon.system.saved_state import SavedState

DEAF = DeviceGone("the microphone is gone: plug it in again", "default")
DUMB = DeviceBusy("the speaker is in use by another program: stop that", "default")


class Conversations:
    """None is open; notes those that are begun."""

    current = request = None
    opened_s = 0.0

    def __init__(self) -> None:
        self.begun: list[Any] = []

    def begin(self, request: Any) -> int:
        self.begun.append(request)
        return 0


class Notices:
    """Notes what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, name: str) -> None:
        self.said.append(name)


class Controller:
    """At rest, with the failures that a test gives it."""

    def __init__(self, microphone: SpeakerError | None, speaker: SpeakerError | None) -> None:
        self.conversations = Conversations()
        self.notices = Notices()
        self.events = EventStream()
        self.muted = False
        self._failures = microphone, speaker
        self.state = self.readiness = State.ERROR if microphone or speaker else State.IDLE

    def obstacle(self, *, listens: bool) -> SpeakerError | None:
        microphone, speaker = self._failures
        return speaker or (microphone if listens else None)


def speaker(
    folder: Path, *, deaf: bool = False, dumb: bool = False, triggers: Sequence[Trigger] = ()
) -> tuple[Requests, Controller]:
    controller: Any = Controller(DEAF if deaf else None, DUMB if dumb else None)
    return Requests(
        Config(service=Service(local=True), triggers=list(triggers)), controller, SavedState(folder)
    ), controller


async def test_a_press_over_a_dead_microphone_says_which_and_opens_nothing_every_time(tmp_path: Path) -> None:
    requests, controller = speaker(tmp_path, deaf=True)
    for _ in range(3):
        with pytest.raises(Refused, match="the microphone is gone: plug it in again"):
            requests.press(1.0)
    assert controller.notices.said == [DEAF.notice] * 3
    assert controller.conversations.begun == []


async def test_programs_are_refused_with_the_reason_and_in_silence(tmp_path: Path) -> None:
    requests, controller = speaker(tmp_path, deaf=True)
    with pytest.raises(Refused, match="the microphone is gone"):
        requests.greet("none")
    with pytest.raises(Refused, match="the microphone is gone"):
        requests.say("Shall I?", listen=True)
    assert controller.notices.said == []


async def test_an_announcement_needs_a_speaker_and_no_microphone(tmp_path: Path) -> None:
    requests, controller = speaker(tmp_path, deaf=True)
    answer = asyncio.ensure_future(requests.say("Dinner.", listen=False))
    (request,) = controller.conversations.begun
    request.on_said(None)
    assert await answer == "ok: said"
    requests, controller = speaker(tmp_path, dumb=True)
    with pytest.raises(Refused, match="the speaker is in use by another program"):
        requests.say("Dinner.", listen=False)
    assert controller.conversations.begun == []


async def test_what_was_not_said_is_answered_with_the_reason(tmp_path: Path) -> None:
    requests, controller = speaker(tmp_path)
    answer = asyncio.ensure_future(requests.say("Dinner.", listen=False))
    (request,) = controller.conversations.begun
    request.on_said("the service answered with text only")
    request.on_said(None)
    with pytest.raises(Refused, match="it was not said: the service answered with text only"):
        await answer


async def test_a_sensor_and_the_clock_ask_for_nothing_while_a_device_is_out_of_order(tmp_path: Path) -> None:
    requests, controller = speaker(tmp_path, deaf=True)
    assert not requests.motion(Origin("motion on pin 4", "none"), asyncio.get_running_loop().time())
    assert not requests.scheduled(Origin("schedule 07:00 daily", "none"))
    assert controller.notices.said == []


async def test_a_device_that_works_opens_a_conversation(tmp_path: Path) -> None:
    requests, controller = speaker(tmp_path)
    assert requests.press(1.0) == "ok: opening a conversation"
    assert len(controller.conversations.begun) == 1


async def test_a_request_is_for_the_assistant_of_its_trigger_and_a_programs_for_that_of_the_first_button(
    tmp_path: Path,
) -> None:
    requests, controller = speaker(tmp_path, triggers=[ButtonTrigger(pin=4, assistant="chef")])
    requests.press(1.0)
    requests.press(1.0, Origin("button on pin 5", "none", "guide"))
    requests.wake_word(Origin("wake word alexa", "none"), 1.0)
    requests.greet("none")
    answer = asyncio.ensure_future(requests.say("Dinner.", listen=False))
    controller.conversations.begun[-1].on_said(None)
    await answer
    asked = [request.assistant for request in controller.conversations.begun]
    assert asked == ["chef", "guide", "service", "chef", "chef"]


async def test_whoever_asks_is_reported_whatever_becomes_of_it(tmp_path: Path) -> None:
    requests, controller = speaker(tmp_path, deaf=True)
    with controller.events.subscribe() as events:
        with pytest.raises(Refused):
            requests.press(1.0)
        requests.motion(Origin("motion on pin 4", "none"), 2.0)
        for gesture, trigger in (("press", "control socket"), ("motion", "motion on pin 4")):
            event = await events.next()
            assert isinstance(event, Triggered)
            assert (event.gesture, event.trigger) == (gesture, trigger)
