"""A device that does not work is shown, named and said, whatever came after its failure, until it works again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from scripts.rig.card import SimulatedCard
from scripts.rig.tracks import CAPTURE, PLAYBACK
from tests.e2e.room import Room

BUTTON: Mapping[str, Any] = {"type": "button", "pin": 17, "greeting": "welcome"}
WORD: Mapping[str, Any] = {"type": "wake-word", "word": "okay_nabu", "greeting": "none"}

Fault = Callable[[SimulatedCard, int], None]
FAULTS: Mapping[str, Fault] = {
    "unplugged": lambda card, direction: card.unplug(direction),
    "busy": lambda card, direction: card.occupy(direction),
}
OVER: Mapping[str, Callable[[SimulatedCard], None]] = {
    "unplugged": SimulatedCard.plug,
    "busy": lambda card: setattr(card, "busy", False),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("trigger", [BUTTON, WORD], ids=["button", "wake-word"])
async def test_a_microphone_that_does_not_work_opens_no_conversation_and_every_press_hears_why(
    room: Room, fault: str, trigger: Mapping[str, Any]
) -> None:
    triggers = [BUTTON, WORD] if trigger is WORD else [BUTTON]
    FAULTS[fault](room.card, CAPTURE)
    async with room.speaker(triggers=triggers) as device:
        await device.press()
        await device.wait_until(lambda: device.state == "error", "state error")
        await device.wait_for_log("microphone ")
        conversations = len(room.sessions)
        for _ in range(2):  # the failure is as true at the second press as at the first
            pressed_s = await device.press()
            await room.hears_notice("sound-card", pressed_s)
            assert device.state == "error"
        answer = await device.ask("press")
        assert answer.startswith("error: ")
        assert "microphone" in answer
        status = await device.status()
        assert status["health"]["microphone"]["ok"] is False
        assert status["health"]["speaker"]["ok"] is True
        assert status["health"]["microphone"]["reason"] == answer.removeprefix("error: ")
        assert len([entered for entered in device.states if entered.state == "listening"]) == 0
        assert len(room.sessions) == conversations

        OVER[fault](room.card)
        at_rest = "wake-word" if trigger is WORD else "idle"
        await device.wait_until(lambda: device.state == at_rest, f"state {at_rest}")
        assert (await device.status())["health"]["microphone"]["ok"] is True
        await device.press()
        await device.wait_until(lambda: device.state == "listening", "state listening")
        failures = [line for line in device.log if "WARNING" in line and "microphone" in line]
        assert len(failures) == 1, failures


async def test_a_microphone_that_stalls_at_rest_is_a_failure_and_comes_back(room: Room) -> None:
    async with room.speaker(triggers=[BUTTON, WORD]) as device:
        await device.wait_for_log("microphone default: ")
        await device.wait_until(lambda: device.state == "wake-word", "state wake-word")
        room.card.stall(CAPTURE)
        await device.wait_until(lambda: device.state == "error", "state error")
        pressed_s = await device.press()
        await room.hears_notice("sound-card", pressed_s)
        assert device.state == "error"
        room.card.stuck = False
        await device.wait_until(lambda: device.state == "wake-word", "state wake-word")
        assert len([line for line in device.log if "WARNING" in line and "microphone" in line]) == 1


@pytest.mark.parametrize("fault", FAULTS)
async def test_over_a_speaker_that_does_not_work_no_conversation_is_held(room: Room, fault: str) -> None:
    FAULTS[fault](room.card, PLAYBACK)
    async with room.speaker(triggers=[BUTTON, WORD]) as device:
        await device.wait_until(lambda: device.state == "error", "state error")
        sessions = len(room.sessions)
        await device.press()
        for request in ("press", "say Dinner is ready."):
            answer = await device.ask(request)
            assert answer.startswith("error: ")
            assert "speaker" in answer
        assert device.state == "error"
        assert (await device.status())["health"]["speaker"]["ok"] is False
        assert not room.card.microphone_open
        assert len(room.sessions) == sessions
        OVER[fault](room.card)
        await device.wait_until(lambda: device.state == "wake-word", "state wake-word")


async def test_a_missing_microphone_does_not_starve_the_watchdog_and_is_logged_once(room: Room) -> None:
    room.card.unplug(CAPTURE)
    environment = {"WATCHDOG_USEC": "3000000"}
    async with room.speaker(environment, triggers=[BUTTON, WORD]) as device:
        await device.wait_until(lambda: device.state == "error", "state error")
        await device.systemd.feeds(12)  # for longer than a microphone may be silent
        assert not [line for line in device.log if "ERROR" in line]
        assert len([line for line in device.log if "WARNING" in line and "microphone" in line]) == 1
