"""Requests over a device that does not work: refused with the reason, and a person hears it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from device_daemon.config.settings import ButtonTrigger, Config, Service, TimerSettings, Trigger
from device_daemon.conversation.policy import EndReason
from device_daemon.device.control_protocol import Refused
from device_daemon.device.conversation_requests import Origin
from device_daemon.device.event_stream import EventStream
from device_daemon.device.events import Triggered
from device_daemon.device.requests import Requests
from device_daemon.errors import DeviceBusy, DeviceGone, SpeakerError
from device_daemon.state import State
from device_daemon.system.saved_state import SavedState
from device_daemon.timers.timers import Timers
from tests.unit.timers.clocks import Clocks

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

    def stop(self, _reason: EndReason) -> bool:
        return False

    def last_answer(self) -> bytes:
        return b"sound"


class Notices:
    """Notes what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, name: str) -> None:
        self.said.append(name)

    def stop(self) -> None:
        self.said.append("(silence)")


class Controller:
    """At rest, with the failures that a test gives it."""

    def __init__(self, microphone: SpeakerError | None, speaker: SpeakerError | None, timers: Timers) -> None:
        self.timers = timers
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
    folder: Path,
    *,
    deaf: bool = False,
    dumb: bool = False,
    triggers: Sequence[Trigger] = (),
    clocks: Clocks | None = None,
) -> tuple[Requests, Controller]:
    saved_state = SavedState(folder)
    clocks = clocks or Clocks()
    timers = Timers(TimerSettings(), saved_state, loop=clocks, now=clocks.now)
    timers.start()
    controller: Any = Controller(DEAF if deaf else None, DUMB if dumb else None, timers)
    return Requests(Config(service=Service(local=True), triggers=list(triggers)), controller, saved_state), controller


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


# Timers


def ringing(folder: Path) -> tuple[Requests, Controller, Clocks]:
    """A speaker on which the pasta timer rings."""
    clocks = Clocks()
    requests, controller = speaker(folder, clocks=clocks)
    controller.timers.set_timer("pasta", 60.0)
    clocks.pass_by(60.0)
    assert requests.ringing
    return requests, controller, clocks


async def test_a_press_stops_the_ringing_and_opens_no_conversation_muted_or_not(tmp_path: Path) -> None:
    for muted in (False, True):
        requests, controller, _ = ringing(tmp_path / str(muted))
        controller.muted = muted
        controller.readiness = State.MUTED if muted else State.IDLE
        assert requests.press(1.0) == "ok: the ringing is stopped"
        assert not requests.ringing
        assert controller.conversations.begun == []


async def test_a_push_to_talk_button_stops_it_too(tmp_path: Path) -> None:
    requests, controller, _ = ringing(tmp_path)
    requests.begin_talking(1.0, Origin("button on pin 17", "none"))
    assert not requests.ringing
    assert controller.conversations.begun == []


async def test_a_double_press_snoozes_what_its_first_press_stopped_and_no_answer_is_repeated(tmp_path: Path) -> None:
    requests, _, clocks = ringing(tmp_path)
    requests.press(1.0)
    requests.double_press(1.3, Origin("button on pin 17", "none"))
    assert "9 minutes left" in requests.timers()
    clocks.pass_by(540.0)
    assert requests.ringing


async def test_a_double_press_is_reported_as_one_whatever_becomes_of_it(tmp_path: Path) -> None:
    requests, controller = speaker(tmp_path)
    controller.conversations.last_answer = bytes  # type: ignore[method-assign] # there is none yet
    with controller.events.subscribe() as events:
        requests.double_press(1.3, Origin("button on pin 17", "none"))
        event = await events.next()
        assert isinstance(event, Triggered)
        assert event.gesture == "double"
    assert len(controller.conversations.begun) == 1, "without an answer to repeat it is a press"


async def test_the_command_stop_silences_what_rings_though_no_conversation_is_open(tmp_path: Path) -> None:
    requests, _, _ = ringing(tmp_path)
    assert requests.stop() == "ok: stopped"
    assert not requests.ringing


async def test_a_wake_word_opens_a_conversation_while_it_rings_on(tmp_path: Path) -> None:
    requests, controller, _ = ringing(tmp_path)
    requests.wake_word(Origin("wake word alexa", "none"), 1.0)
    assert len(controller.conversations.begun) == 1
    assert requests.ringing


async def test_snooze_takes_minutes_and_says_what_is_wrong_with_anything_else(tmp_path: Path) -> None:
    requests, _, _ = ringing(tmp_path)
    with pytest.raises(Refused, match="a number of minutes; not 'soon'"):
        requests.snooze("soon")
    assert requests.snooze("5") == "ok: pasta: timer of 5 minutes, 5 minutes left"
    with pytest.raises(Refused, match="nothing rings"):
        requests.snooze("5")


async def test_timers_are_listed_with_what_was_missed_which_is_told_once(tmp_path: Path) -> None:
    requests, controller, clocks = ringing(tmp_path)
    clocks.pass_by(TimerSettings().ring_for_s)
    controller.timers.set_timer("", 90.0)
    assert requests.timers().splitlines() == [
        "1  timer 1: timer of 1 minute 30 seconds, 1 minute 30 seconds left",
        "missed: timer pasta, Mon 05 Jan 07:01",
    ]
    assert requests.cancel_timer("1") == "ok: cancelled: timer 1"
    assert requests.timers() == "no timer or alarm is set"
    with pytest.raises(Refused, match="there is no timer or alarm eggs"):
        requests.cancel_timer("eggs")


async def test_the_stop_word_silences_a_notice_between_conversations_and_stops_what_rings(tmp_path: Path) -> None:
    clocks = Clocks()
    requests, controller = speaker(tmp_path, clocks=clocks)
    requests.stop_word("stop word stop")
    assert controller.notices.said == ["(silence)"]
    controller.timers.set_timer("tea", 60.0)
    clocks.pass_by(61.0)
    assert requests.ringing
    requests.stop_word("stop word stop")
    assert not requests.ringing
    assert controller.conversations.begun == []
